"""load.py - wrk as a load whose every answer is checked, and what happens meanwhile."""
import os
import re
import threading
import time

from lab import OUT4, expect

HERE = os.path.dirname(os.path.abspath(__file__))


def sizes(lab):
    """Connections and seconds of a load."""
    return (1000, 30) if lab.full else (32, 3) if lab.smoke else (100, 6)


def changed(lab, i, **more):
    """A configuration that differs from the one before in several live things."""
    config = lab.config(**more)
    config["farms"][0]["servers"][i % 2]["weight"] = 50 + i % 7
    config["farms"][0]["timeouts"] = {"receive": f"{20 + i % 5}s"}
    if i % 2:
        config["listeners"].append({"name": f"extra{i}", "address": f"{OUT4}:{9000 + i % 10}",
                                    "protocol": "http", "farm": "app"})
    return config


class Load:
    """wrk with one thread a connection, each answer checked against its request."""

    def __init__(self, lab, connections, seconds, cpu=None):
        self.lab = lab
        self.log = f"wrk-{time.monotonic_ns()}.log"
        self.process = lab.spawn(
            "client", ["wrk", f"-t{connections}", f"-c{connections}", f"-d{seconds}",
                       "--timeout", "30", "-s", os.path.join(HERE, "token.lua"),
                       f"http://{OUT4}:80/"], self.log, cpu=cpu)
        self.end = time.monotonic() + seconds

    def is_running(self):
        return self.process.poll() is None

    def result(self, timeout=240):
        self.process.wait(timeout)
        self.lab.end(self.process)
        found = re.search(r"RESULT (.*) example=(.*)", self.lab.text(self.log))
        expect(found, f"wrk says: {self.lab.text(self.log)[-500:]}")
        counts = {k: int(v) for k, v in (pair.split("=") for pair in found[1].split())}
        counts["example"] = found[2]
        return counts

    def expect_clean(self):
        counts = self.result()
        self.lab.note(str(counts))
        bad = {k: v for k, v in counts.items()
               if k in ("wrong", "refused", "connect", "read", "write", "timeout") and v}
        expect(not bad, f"failed requests: {bad}, e.g. {counts['example']}")
        expect(counts["answered"] > 1000, f"too few answers: {counts}")
        return counts


class Every:
    """Does something again and again, in a thread of its own; what it raises comes out of stop()."""

    def __init__(self, seconds, what):
        self.done = 0
        self.fault = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.work, args=(seconds, what))
        self.thread.start()

    def work(self, seconds, what):
        due = time.monotonic()
        try:
            while not self.stopped.wait(max(0, due - time.monotonic())):
                what(self.done)
                self.done += 1
                due += seconds
        except Exception as fault:
            self.fault = fault

    def stop(self):
        self.stopped.set()
        self.thread.join()
        if self.fault is not None:
            raise self.fault
        return self.done
