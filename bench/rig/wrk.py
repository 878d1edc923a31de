"""wrk.py - the load on kernel interfaces, and whether the answers that it counts are right.

wrk checks statuses and not bodies. So before and after each measured span some answers are
compared byte for byte, and over the span the mean size of all answers must be that of a right one.
"""
import http.client
import json
import math
import os
import re

from lab import Failure, expect

from .job import SMALL_BYTES
from .stage import BODY, pattern

HERE = os.path.dirname(os.path.abspath(__file__))


def target(stage, job):
    if job.profile == "bulk-up":
        return "/up/wrk"
    if job.body_bytes == SMALL_BYTES:
        return "/small"
    return stage.body_file(job.body_bytes)


def run(stage, job, seconds):
    """wrk's counts over so many seconds, whole ones: it takes no others."""
    at = stage.plan.addresses
    env = {}
    if job.profile == "bulk-up":
        env["UP"] = str(job.body_bytes)
    if job.rate:
        env["PACE_MS"] = f"{1000 * job.conns / job.rate:.3f}"
    argv = ["taskset", "-c", str(stage.plan.cores.load), "env",
            *(f"{key}={value}" for key, value in env.items()),
            "wrk", "-t1", f"-c{job.conns}", f"-d{math.ceil(seconds)}s", "--timeout", "10s", "-s",
            os.path.join(HERE, "wrk.lua")]
    if job.profile == "close":
        argv += ["-H", "Connection: close"]
    argv.append(f"http://{at.bare('outside')}:80{target(stage, job)}")
    done = stage.run("client", *argv, timeout=seconds + 30)
    found = re.search(r"^RESULT (.*)$", done.stdout, re.M)
    expect(found, f"wrk says no result: {done.stdout} {done.stderr}")
    return json.loads(found[1])


class Probe:
    """Right answers, compared byte for byte; knows how long one is on the wire."""

    def __init__(self, stage, job):
        self.stage, self.job = stage, job
        self.size = None  # bytes of a right answer, head and body
        self.wrong = []

    def look(self, times=3):
        """Asks; what was wrong is added to self.wrong."""
        for i in range(times):
            try:
                self.look_once()
            except (OSError, http.client.HTTPException, Failure) as fault:
                self.wrong.append(f"{type(fault).__name__}: {fault}")

    def look_once(self):
        job = self.job
        expected = BODY.encode() if job.body_bytes == SMALL_BYTES else pattern(job.body_bytes)
        with self.connection() as client:
            if job.profile == "bulk-up":
                status, body, _ = ask(client, "PUT", "/up/probe", expected)
                expect(status in (201, 204), f"PUT was answered {status} {body[:80]!r}")
                with open(self.stage.path("origin/files/up/probe"), "rb") as file:
                    expect(file.read() == expected, "the origin received another body")
            else:
                status, body, self.size = ask(client, "GET", target(self.stage, job), None,
                                              job.profile == "close")
                expect(status == 200, f"GET was answered {status}")
                expect(body == expected, f"a wrong body of {len(body)} bytes: {body[:40]!r}")
        with self.connection() as client:
            status, body, _ = ask(client, "GET", "/seen", None)
            me = self.stage.plan.addresses.bare("client").encode()
            expect((status, body) == (200, me),
                   f"X-Forwarded-For at the origin is {body!r}, not {me!r}")

    def connection(self):
        return Connection(self.stage)

    def check_sizes(self, counted):
        """All answers that wrk counted had the length of a right one."""
        if self.size is None or not counted["requests"]:
            return
        mean = counted["bytes"] / counted["requests"]
        if abs(mean - self.size) > 2 + 0.002 * self.size + self.in_flight(counted):
            self.wrong.append(f"answers have {mean:.1f} bytes in the mean, a right one "
                              f"{self.size}")

    def in_flight(self, counted):
        """Bytes per counted request that belong to answers not yet complete at the end."""
        return self.size * self.job.conns / counted["requests"]


class Connection(http.client.HTTPConnection):
    """Made in the client's namespace."""

    def __init__(self, stage):
        super().__init__(stage.plan.addresses.bare("outside"), 80, timeout=10)
        self.stage = stage

    def __enter__(self):
        with self.stage.inside("client"):
            self.connect()
        return self

    def __exit__(self, kind, value, trace):
        self.close()


def ask(client, method, path, body, closes=False):
    """Status, body and the bytes of head and body."""
    client.request(method, path, body, {"Connection": "close"} if closes else {})
    got = client.getresponse()
    text = got.read()
    head = sum(len(name) + len(value) + 4 for name, value in got.getheaders())
    return got.status, text, len(f"HTTP/1.1 {got.status} {got.reason}\r\n") + head + 2 + len(text)
