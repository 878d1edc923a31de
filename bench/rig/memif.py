"""memif.py - one measurement of Penstock over memif, where penstock-bench is clients and origins.

The generator is the memif's server; the proxy is the client, whose buffers are lent without a
copy (hugepages). The span lies within the generator's own.
"""
import contextlib
import json
import os
import time

from lab import expect, until

from . import account
from .penstock import Planes

GATEWAY = "10.1.0.1"
IDEAL = "ideal-proxy"
CONNS_PER_ORIGIN = 40000
ORIGINS_MAX = 8  # the generator's
LOOPS = ("generator-loop", IDEAL)
FLOOD = "syn-flood"


def flooded(result, delta, resident, grew):
    """What a flood of SYNs did to those who mean it: fields of a result."""
    flood, connects, seconds = result["flood"], result["connects"], result["seconds"]
    after, waiting = connects["after_syns"], connects["waiting_after_syns"]
    return {"flood": {
        "sent_rate": flood["rate"], "answered_rate": flood["answered"] / seconds,
        "answered_share": flood["answered"] / max(flood["sent"], 1),
        "cookies": delta["tcp_tx_cookies"], "rx_syns": delta["tcp_rx_syns"],
        "connects": sum(after), "connects_failed": connects["failed"],
        "connects_late": sum(waiting[1:]),
        "syns_most": max((i + 1 for i, n in enumerate(after) if n), default=0),
        "syns_waiting_most": max((i + 1 for i, n in enumerate(waiting) if n), default=0),
        **{f"connect_{key}": result["connect"][key] for key in ("p50_us", "p99_us", "max_us")},
        "kept_rate": result["kept"]["n"] / seconds,
        **{f"kept_{key}": result["kept"][key] for key in ("p50_us", "p99_us", "max_us")},
        "memory_bytes": resident, "memory_grew_bytes": grew}}


class Memif:
    """The system penstock-memif."""

    LINK = ""  # before the generator's path of a link

    def __init__(self, stage, name="penstock-memif"):
        self.stage, self.name = stage, name
        self.planes = Planes(stage)

    def device(self, path):
        return {"memif": path, "role": "client", "id": 0,
                "queues": self.stage.plan.penstock.lanes,
                "checksums": self.stage.options.checksums}

    def origin_n(self, job):
        """All requests may be in progress at once, each with a source port of its own."""
        return self.stage.options.origins or min(-(-job.conns // CONNS_PER_ORIGIN), ORIGINS_MAX)

    def config(self, job):
        servers = [f"10.2.0.{11 + i}" for i in range(self.origin_n(job))]
        outside, inside = (self.device(self.stage.path(f"memif/{name}.sock"))
                           for name in ("outside", "inside"))
        return self.planes.config(job, outside, inside, servers, GATEWAY)

    def start_generator(self, job):
        stage, options = self.stage, self.stage.options
        os.makedirs(stage.path("memif"), exist_ok=True)
        stage.give_to_dataplane("memif")  # DPDK's client wants to write where the socket is
        with contextlib.suppress(FileNotFoundError):
            os.unlink(stage.path("result.json"))
        argv = [stage.tool("bench/gen/penstock-bench"),
                "--outside", self.LINK + stage.path("memif/outside.sock"),
                "--inside", self.LINK + stage.path("memif/inside.sock"),
                "--core", str(stage.plan.cores.load), "--profile", job.profile,
                "--conns", str(job.conns), "--seconds", f"{job.seconds:g}",
                "--warmup", f"{job.warmup:g}", "--queues", str(stage.plan.penstock.lanes),
                "--origins", str(self.origin_n(job)), "--json", stage.path("result.json")]
        if job.rate:
            argv += ["--rate", f"{job.rate:g}"]
        if job.body:
            argv += ["--body", str(job.body)]
        if job.flood:
            argv += ["--flood-rate", f"{job.flood:.0f}"]
        self.generator = stage.spawn("proxy", [*argv, *options.generator], "generator.log",
                                     cpu=stage.plan.cores.load)
        until("the generator is ready", lambda: self.heard("ready"), 15)
        for name in ("outside", "inside"):
            stage.give_to_dataplane(f"memif/{name}.sock")

    def heard(self, word):
        """Whether the generator, which lives, has said it."""
        self.stage.expect_alive(self.generator)
        return word in self.stage.text("generator.log")

    def measure(self, job):
        """Fields of a result for one span."""
        stage = self.stage
        if stage.plan.penstock.hugepages:
            stage.set_hugepages_aside(stage.plan.penstock.memory)
        self.start_generator(job)
        try:
            with self.planes.running(self.config(job), lambda: self.heard("measuring"),
                                     120 + job.warmup):
                return self.measured(job)
        finally:
            stage.end(self.generator)

    def measured(self, job):
        stage, planes = self.stage, self.planes
        inner = max(job.seconds - 0.6, job.seconds / 2)
        time.sleep(min(0.2, job.seconds / 10))
        perf = self.start_perf(inner)
        mark = planes.log_mark() if not stage.options.no_log else None
        resident = account.resident_bytes(planes.dataplane.pid)
        begun, span = planes.begin(), account.Span(stage.plan, time.monotonic)
        time.sleep(inner)
        span.end()
        delta, fields = planes.end(span, begun)
        grew = account.resident_bytes(planes.dataplane.pid) - resident
        log_grew = stage.options.no_log or planes.log_mark() != mark
        more = account.resident_bytes(planes.dataplane.pid) - planes.resident
        code = self.generator.wait(job.seconds + 90)
        if perf is not None:
            perf.wait(10)
        expect(os.path.exists(stage.path("result.json")), "the generator left no result: "
               + stage.text("generator.log")[-1000:])
        with open(stage.path("result.json"), encoding="utf-8") as file:
            result = json.load(file)
        return {**self.told(job, result, delta, span), **fields, "generator_exit": code,
                **(flooded(result, delta, resident, grew) if job.profile == FLOOD else {}),
                "memory_bytes_per_conn": more / job.conns,
                "log_grew": log_grew, "journal_dropped": planes.records_lost(job.conns)}

    def told(self, job, result, delta, span):
        """The generator's result, scaled to the span's requests."""
        requests = delta["proxy_exchanges"]
        errors = {kind: n for kind, n in result["errors"].items() if n}
        bodies = result["bytes_of_bodies"] / max(result["requests"], 1) * requests
        copied = delta["tcp_copied_bytes"] + delta["proxy_copied_bytes"]
        return {
            "copied_per_byte": copied / bodies if bodies else None,
            "requests": requests, "rate": result["rate"],
            **{key: result["latency"][key] for key in ("p50_us", "p99_us", "p999_us")},
            "gbit": result["gbit_per_second"] / result["rate"] * requests if result["rate"]
            else 0,
            "wall": span.wall, "errors": sum(errors.values()), "errors_by_kind": errors,
            "wrong": [],
            "steal_share": span.share(span.proxy["steal"]),
            "foreign_share": span.share(span.foreign),
            "stranger": span.stranger,
            "generator_tsc_per_request": result["generator_tsc_per_request"],
            "generator": result,
        }

    def start_perf(self, seconds):
        stage = self.stage
        if not stage.options.perf:
            return None
        return stage.spawn("proxy", [
            "perf", "record", "-q", "-e", "cpu-clock", "-F", "4999", "-C",
            str(stage.plan.cores.proxy), "-o", stage.options.perf, "--", "sleep",
            str(max(seconds - 0.3, 0.1))], "perf.log", cpu=stage.plan.cores.load)


class Virtio(Memif):
    """The system penstock-virtio: large packets both ways, nobody sums a byte."""

    LINK = "vhost:"

    def device(self, path):
        return {"virtio": path, "queues": self.stage.plan.penstock.lanes}


class Loop(Memif):
    """The systems generator-loop and ideal-proxy: clients and origins without a proxy between.

    Clients have the load core, origins the proxy's: what a core loses to the hypervisor or the
    kernel, it loses here as it does with a proxy on it. In ideal-proxy the origins take job.work
    of their core for a request, so that after such a loss they catch up as a proxy would.
    """

    def lack(self):
        """Why this build cannot play it, or None."""
        generator = self.stage.tool("bench/gen/penstock-bench")
        if "--work" in self.stage.run("proxy", generator, "--help").stdout:
            return None
        return "this build's penstock-bench has no --work"

    def start(self, role, core, job, seconds):
        stage = self.stage
        return stage.spawn("proxy", [
            stage.tool("bench/gen/penstock-bench"), "--loop", "--role", role, "--outside",
            stage.path("memif/loop.sock"), "--core", str(core), "--profile", job.profile,
            "--conns", str(job.conns), "--seconds", f"{seconds:g}", "--warmup", f"{job.warmup:g}",
            "--json", stage.path(f"{role}.json"),
            *(["--rate", f"{job.rate:g}"] if job.rate else []),
            *(["--work", f"{job.work:g}"] if role == "origin" and self.name == IDEAL else []),
            *(["--body", str(job.body)] if job.body else [])], f"loop-{role}.log", cpu=core)

    def measure(self, job):
        stage, cores = self.stage, self.stage.plan.cores
        os.makedirs(stage.path("memif"), exist_ok=True)
        result = stage.path("client.json")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(result)
        clients = self.start("client", cores.load, job, job.seconds)
        try:
            until("the clients are ready", lambda: "ready" in stage.text("loop-client.log"), 15)
            origins = self.start("origin", cores.proxy, job, job.seconds + 600)
            try:
                code = clients.wait(job.seconds + job.warmup + 60)
            finally:
                stage.end(origins)
        finally:
            stage.end(clients)
        expect(os.path.exists(result), "penstock-bench --loop: "
               + stage.text("loop-client.log")[-400:])
        with open(result, encoding="utf-8") as file:
            told = json.load(file)
        errors = {kind: n for kind, n in told["errors"].items() if n}
        return {"requests": told["requests"], "rate": told["rate"], "wrong": [],
                **{key: told["latency"][key] for key in ("p50_us", "p99_us", "p999_us")},
                "errors": sum(errors.values()), "errors_by_kind": errors, "log_grew": True,
                "journal_dropped": 0, "generator_exit": code, "generator": told}
