"""virtio ports towards penstock-bench as a vhost-user backend: large packets both ways."""
import json
import os

from lab import DATAPLANE_USER, IN4, OUT4, expect, marked, until

CLIENTS = "10.64.0.0/16"


def bench_config(lab, device):
    """The addresses that penstock-bench plays the peers of."""
    made = lab.config(lanes=1, cores=[1], ports=[
        {"name": "outside", "device": device("outside"), "addresses": [f"{OUT4}/24"],
         "gateways": ["10.1.0.1"]},
        {"name": "inside", "device": device("inside"), "addresses": [f"{IN4}/24"]}],
        listeners=[{"name": "web", "address": f"{OUT4}:80", "protocol": "http", "farm": "app"}],
        farms=[{"name": "app", "scheme": "http", "servers": [
            {"name": "a", "address": "10.2.0.11", "http_port": 8080}]}])
    made["machine"].update(memory="256MiB", hugepages=lab.huge)
    return made


class Bench:
    """penstock-bench and Penstock with one another; what both say of it."""

    def __init__(self, lab, kind, profile, seconds, conns=8):
        lab.huge = lab.add_hugepages(400)
        os.makedirs(lab.path("links"), exist_ok=True)
        os.chown(lab.path("links"), *map(int, DATAPLANE_USER.split(":")))
        spec = {"memif": "", "virtio": "vhost:"}[kind]
        links = {side: lab.path(f"links/{side}.sock") for side in ("outside", "inside")}
        log, result = f"{kind}-{profile}.log", lab.path(f"{kind}-{profile}.json")
        bench = lab.spawn("proxy", [
            lab.tool("bench/gen/penstock-bench"), "--outside", spec + links["outside"],
            "--inside", spec + links["inside"], "--profile", profile, "--conns", str(conns),
            "--seconds", str(seconds), "--warmup", "0.5", "--core", "0",
            "--json", result], log)
        until("the generator is ready", lambda: "ready" in lab.text(log), 15)
        for path in links.values():
            os.chown(path, *map(int, DATAPLANE_USER.split(":")))
        device = {"memif": lambda side: {"memif": links[side], "role": "client", "id": 0},
                  "virtio": lambda side: {"virtio": links[side]}}[kind]
        lab.write_config(bench_config(lab, device))
        # A data plane that starts beside control may take the tables of the run before.
        before = lab.text("control.log").count("is published")
        lab.start_control()
        until("this run's tables are published",
              lambda: lab.text("control.log").count("is published") > before, 10)
        lab.start_dataplane()
        until("the run has ended", lambda: bench.poll() is not None, seconds + 40)
        self.code = bench.returncode
        expect(self.code == 0, f"exit {self.code}: {lab.text(log)[-1500:]}\n{lab.text(result)}")
        self.result = json.loads(lab.text(result))
        self.count = lab.counters()
        self.port = lab.port("outside")
        lab.stop_penstock()
        lab.end(bench)


def per_request(bench, name):
    return bench.count[name] / bench.count["http_requests"]


@marked("alone")
def test_large_packets_both_ways_over_virtio(lab):
    """The same bodies, each byte compared by the generator, in a tenth of the packets."""
    seconds = 5 if lab.full else 1
    for profile in ("bulk-down", "bulk-up"):
        twin = Bench(lab, "memif", profile, seconds)
        cut = Bench(lab, "virtio", profile, seconds)
        expect(cut.count["tcp_tx_super"] > 0 and cut.count["tcp_rx_super"] > 0, f"{cut.count}")
        expect(twin.count["tcp_tx_super"] == 0, "memif cuts nothing")
        for name in ("tcp_tx_segments", "tcp_rx_segments"):
            a, b = per_request(cut, name), per_request(twin, name)
            print(f"        {profile} {name} a request: {a:.0f} of {b:.0f}", flush=True)
            expect(a < b / 3, f"{profile}: {name} a request {a:.1f}, without {b:.1f}")
        copied = per_request(cut, "tcp_copied_bytes")
        expect(copied < 2048, f"{profile}: {copied} bytes copied a request of 1 MiB")


@marked("smoke", "alone")
def test_small_requests_over_virtio(lab):
    bench = Bench(lab, "virtio", "keep-alive", 2, conns=64)
    expect(bench.count["wire_drop_tcp_checksum"] == 0, "checksums")
