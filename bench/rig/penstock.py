"""penstock.py - Penstock's two daemons on a stage, and the accounts that they keep themselves.

The figure is lane_busy_ns of the board, the time of turns that found work, over the requests of
the same span. On kernel interfaces it contains the kernel's transmit path and the peers' receive
path, which run inside the lane's system calls; what the kernel counts as system and softirq time
of the lane's core is that part, the rest is ours.
"""
import contextlib
import json
import os
import shlex
import socket
import tempfile

from lab import CONTROL_USER, DATAPLANE_USER, Failure, expect, until

from . import account


CONNS_PER_LANE = 1048575


class Planes:
    """penstock-control and penstock-dataplane of one run, in a run directory of their own."""

    def __init__(self, stage):
        self.stage = stage

    def config(self, job, outside, inside, servers, gateway=None):
        stage, plan = self.stage, self.stage.plan
        ports = [{"name": "outside", "addresses": [plan.addresses.outside], "device": outside},
                 {"name": "inside", "addresses": [plan.addresses.inside], "device": inside}]
        for port in ports:
            port["mtu"] = 1500
        if gateway:
            ports[0]["gateways"] = [gateway]
        return {
            "machine": {
                "cores": [plan.cores.proxy], "lanes": plan.penstock.lanes,
                "hugepages": plan.penstock.hugepages, "memory": plan.penstock.memory,
                "connections": min(CONNS_PER_LANE * plan.penstock.lanes, max(65536, 4 * job.conns)),
                "ports": ports},
            **({"rules": job.rules.penstock()} if job.rules else {}),
            "listeners": [{"name": "web", "address": f"{plan.addresses.bare('outside')}:80",
                           **({"rules": ["bench"]} if job.rules else {}),
                           "protocol": "http", "farm": "app", "timeouts": {"idle": "1h"},
                           "access_log": not stage.options.no_log}],
            "farms": [{"name": "app", "scheme": "http", "balance": "weighted-round-robin",
                       "idle_connections": min(100000, max(512, job.conns)),
                       "servers": [{"name": f"o{i}", "address": address, "http_port": 8080}
                                   for i, address in enumerate(servers)]}],
            "logs": {"access": {"path": self.log_path(), "format": "combined"}},
        }

    def log_path(self):
        return self.stage.path("logs/access.log")

    def fault(self, config):
        """What penstockctl has against a configuration, or None."""
        path = self.write(config)
        done = self.stage.run("proxy", self.stage.tool("control/ctl/penstockctl"), "check", path,
                              check=False)
        return None if done.returncode == 0 else (done.stderr + done.stdout).strip()

    def write(self, config):
        path = self.stage.path("penstock.yaml")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(config, out, indent=1)
        return path

    @contextlib.contextmanager
    def running(self, config, clients_ready, patience=60):
        """Both daemons, until clients_ready() is true; ended at the end."""
        stage = self.stage
        run = self.run_dir = tempfile.mkdtemp(prefix="run-", dir=stage.dir)
        os.chmod(run, 0o755)
        # What formats the log goes before the load that shares its core; its time is counted.
        control = stage.spawn_first("proxy", [
            stage.tool("control/penstock-control"), "--run", run, "--config", self.write(config),
            "--user", CONTROL_USER], "control.log", cpu=stage.plan.cores.control)
        # Its lane places itself; its other threads stay off that core.
        dataplane = stage.spawn("proxy", [
            *shlex.split(os.environ.get("PENSTOCK_WRAP", "")),
            stage.tool("dataplane/penstock-dataplane"), "--run", run, "--user", DATAPLANE_USER],
            "dataplane.log", cpu=stage.plan.cores.control)
        self.control, self.dataplane = control, dataplane
        try:
            until("the data plane has memory", lambda: self.expect_alive() and
                  os.path.exists(os.path.join(run, "dataplane", "board.0")), 30)
            self.resident = account.resident_bytes(dataplane.pid)
            until("Penstock serves", lambda: self.expect_alive() and clients_ready(),
                  patience, 0.05)
            yield self
            self.expect_alive()
        finally:
            stage.end(dataplane)
            stage.end(control)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.log_path())

    def expect_alive(self):
        return self.stage.expect_alive(self.control, self.dataplane)

    def ask(self, *argv):
        done = self.stage.run("proxy", "taskset", "-c", str(self.stage.plan.cores.control),
                              self.stage.tool("control/ctl/penstockctl"), "--run", self.run_dir,
                              *argv, "--json", check=False)
        if done.returncode != 0:
            raise Failure(f"penstockctl {' '.join(argv)}: {(done.stderr + done.stdout).strip()}")
        return json.loads(done.stdout)

    def counters(self):
        return self.ask("stats")["counters"]

    def log_mark(self):
        """The access log's bytes: they must grow while measured."""
        return os.stat(self.log_path()).st_size

    # ---- accounts ----

    def begin(self):
        self.dropped_before = self.dropped()
        return (self.counters(), account.process_seconds(self.control.pid),
                account.lane_waits(self.dataplane.pid))

    def dropped(self):
        """Access records dropped ever; at the first requests control may not yet be reading."""
        log = self.ask("status")["access_log"]
        return log["dropped_by_lanes"] + log["dropped_by_control"]

    def end(self, span, begun):
        """Counters over the span, and what they say of the cost."""
        before, control, waits = begun
        after = self.counters()
        delta = {key: after[key] - before.get(key, 0) for key in after}
        return delta, {
            "busy_seconds": delta["lane_busy_ns"] / 1e9,
            "busy_share": span.share(delta["lane_busy_ns"] / 1e9),
            "idle_share": span.share(delta["lane_idle_ns"] / 1e9),
            "preempted_share": span.share(account.lane_waits(self.dataplane.pid) - waits),
            "control_cpu_share": span.share(
                account.process_seconds(self.control.pid) - control),
        }

    def records_lost(self, conns):
        """Access records since begin() that did not reach their file, after all traffic ended."""
        def missing():
            # What is under way when the load goes has no record yet: at most one a connection.
            answered = self.counters()["proxy_exchanges"] - conns
            return answered - self.ask("status")["access_log"]["written"] - self.dropped()
        if self.stage.options.no_log:
            return 0
        with contextlib.suppress(Failure):
            until("every record is in the log", lambda: missing() <= 0, 5, 0.1)
        return max(missing(), 0) + self.dropped() - self.dropped_before


class WirePenstock:
    """Penstock on kernel interfaces: AF_PACKET, AF_XDP, or the devices of the rig file."""
    is_kernel = False

    def __init__(self, stage, name):
        self.stage, self.name = stage, name
        self.planes = Planes(stage)

    def config(self, job):
        plan = self.stage.plan
        outside, inside = (name for _, name in self.stage.interfaces()[1:3])
        if self.name == "penstock-nic":
            expect(plan.devices.outside and plan.devices.inside, "penstock-nic: the rig file "
                   "names no devices: outside and inside")
            outside, inside = plan.devices.outside, plan.devices.inside
        else:
            kind = self.name.removeprefix("penstock-")
            outside, inside = f"{kind}:{outside}", f"{kind}:{inside}"
        return self.planes.config(job, outside, inside, [plan.addresses.bare("origin")])

    def lack(self, job):
        """Why this build cannot play it, or None."""
        fault = self.planes.fault(self.config(job))
        if fault is None:
            return None
        kind = self.name.removeprefix("penstock-")
        return f"this build takes no {kind} ports: {fault.splitlines()[0]}"

    @contextlib.contextmanager
    def serving(self, job):
        stage = self.stage
        if stage.plan.penstock.hugepages:
            stage.set_hugepages_aside(stage.plan.penstock.memory)
        with self.planes.running(self.config(job), self.answers):
            stage.forget_neighbours()
            yield

    def answers(self):
        with self.stage.inside("client"):
            try:
                socket.create_connection((self.stage.plan.addresses.bare("outside"), 80),
                                         1).close()
                return True
            except OSError:
                return False

    def log_mark(self):
        return self.planes.log_mark()

    def begin(self):
        return self.planes.begin()

    def end(self, span, begun, requests):
        _, fields = self.planes.end(span, begun)
        times = span.proxy
        kernel = times["system"] + times["irq"] + times["softirq"]
        own = fields["busy_seconds"] - kernel
        fields.update({f"core_{kind}_share": span.share(times[kind])
                       for kind in ("user", "system", "softirq")})
        if requests:
            fields["kernel_ns_per_request"] = kernel / requests * 1e9
            fields["own_ns_per_request"] = own / requests * 1e9
        return fields
