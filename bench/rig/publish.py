"""publish.py - turns of the lanes while new rules are published, beside the same time without.

A span is what the board's histogram of turns, the kernel's account of the lanes' threads and
/proc/stat say of a stretch of time. The hypervisor stops a virtual processor for milliseconds at
times, and such a turn looks long whatever the proxy did: so each publication has a quiet span of
the same length beside it, before or after it in turns.
"""
import contextlib
import json
import os
import time
from dataclasses import dataclass

from lab import expect

from . import account
from .memif import Memif

LONG_NS = 1_000_000  # a turn that disturbs
SETTLE_S = 0.3  # after an apply: views retire, memory is given back


@dataclass(frozen=True)
class Span:
    kind: str  # quiet, one (rule is another), all
    seconds: float
    turns: int
    long: int  # turns of LONG_NS and more
    longest_us: float  # upper edge of its bucket
    waited_us: float  # lanes' threads were ready to run and another ran there
    faults: int  # of pages, in the lanes' threads
    steal_us: float  # of the lane's core, by the hypervisor; in ticks
    apply_seconds: float | None  # until the data plane had taken it


def upper_edge(floor):
    """Of the histogram's bucket that begins here (abi/board.h): eight to an octave."""
    return floor + (1 if floor < 16 else 1 << floor.bit_length() - 4)


def lanes_threads(pid):
    """(thread, words of its stat after the name) of the data plane's polling threads."""
    for task in os.scandir(f"/proc/{pid}/task"):
        with open(f"{task.path}/stat", encoding="ascii") as file:
            head, rest = file.read().rsplit(")", 1)
        if "(core-" in head:
            yield int(task.name), rest.split()


def lanes_faults(pid):
    """Pages that they had to wait for."""
    return sum(int(words[7]) + int(words[9]) for _, words in lanes_threads(pid))


def lanes_first(pid):
    for thread, _ in lanes_threads(pid):
        os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))


class Publishing(Memif):
    """One data plane under load, to which sets of rules are published."""

    def __init__(self, stage, job):
        super().__init__(stage)
        self.job, self.version = job, 0

    def rules(self, kind):
        """With another pattern in the last rule; or with another name too, in all but the one
        that matches: then they are other rules, with counters of their own."""
        self.version += 1
        made = self.job.rules.penstock()
        last = len(made["bench"]) - 1
        for i, rule in enumerate(made["bench"]):
            if i == last if kind == "one" else i != self.job.rules.n // 2:
                regex = rule["match"]["path_regex"]
                regex["pattern"] = regex["pattern"].replace(f"{i}", f"{i}v{self.version}", 1)
                rule["name"] += f"v{self.version}" if kind == "all" else ""
        return made

    @contextlib.contextmanager
    def serving(self):
        """Under load all the time; at its end every answer must have been right."""
        stage, job = self.stage, self.job
        if stage.plan.penstock.hugepages:
            stage.set_hugepages_aside(stage.plan.penstock.memory)
        self.start_generator(job)
        try:
            self.made = self.config(job)
            with self.planes.running(self.made, lambda: self.heard("measuring"), 120):
                if stage.options.alone:
                    lanes_first(self.planes.dataplane.pid)
                time.sleep(job.warmup)
                yield
                expect(self.generator.poll() is None, "the generator ended before the last rules")
                self.code = stage.end(self.generator, seconds=30)
        finally:
            stage.end(self.generator)
        with open(stage.path("result.json"), encoding="utf-8") as file:
            self.result = json.load(file)
        errors = {kind: n for kind, n in self.result["errors"].items() if n}
        expect(not errors and self.code == 0,
               f"while rules were published requests failed: {errors or self.code}")

    def mark(self):
        pid = self.planes.dataplane.pid
        return (time.monotonic(), dict(self.planes.ask("stats", "turn_time")["histograms"]
                                       ["turn_time"]["buckets"]),
                account.lane_waits(pid), lanes_faults(pid),
                account.core_times(self.stage.plan.cores.proxy)["steal"])

    def span(self, kind, begun, apply_seconds=None):
        ended = self.mark()
        turns = {floor: n - begun[1].get(floor, 0) for floor, n in ended[1].items()}
        turns = {floor: n for floor, n in turns.items() if n}
        return Span(kind, ended[0] - begun[0], sum(turns.values()),
                    sum(n for floor, n in turns.items() if upper_edge(floor) > LONG_NS),
                    upper_edge(max(turns)) / 1e3 if turns else 0, (ended[2] - begun[2]) * 1e6,
                    ended[3] - begun[3], (ended[4] - begun[4]) * 1e6, apply_seconds)

    def quiet(self, seconds):
        begun = self.mark()
        time.sleep(seconds)
        return self.span("quiet", begun)

    def publish(self, kind):
        self.made["rules"] = self.rules(kind)
        path = self.planes.write(self.made)
        begun = self.mark()
        begin = time.monotonic()
        answer = self.planes.ask("apply", path)
        took = time.monotonic() - begin
        expect(answer["verdict"] == "accepted", f"the data plane says {answer['verdict']}")
        time.sleep(SETTLE_S)
        return self.span(kind, begun, took)

    def pairs(self, kinds):
        """(publication, quiet span) for each kind, the quiet one first every other time."""
        seconds = 3
        for i, kind in enumerate(kinds):
            before = self.quiet(seconds) if i % 2 else None
            span = self.publish(kind)
            seconds = span.seconds
            yield span, before or self.quiet(seconds)


def total(spans):
    """What belongs to several spans."""
    seconds = sum(span.seconds for span in spans)
    return {"spans": len(spans), "seconds": seconds,
            "turns": sum(span.turns for span in spans),
            "long": sum(span.long for span in spans),
            "long_per_second": sum(span.long for span in spans) / seconds if seconds else None,
            "longest_us": max((span.longest_us for span in spans), default=None),
            "waited_us": sum(span.waited_us for span in spans),
            "faults": sum(span.faults for span in spans),
            "steal_us": sum(span.steal_us for span in spans)}
