"""
Offloads of virtio and vhost ports, each on and off, between the kernel's TCP on both sides: the
same bytes arrive whoever makes checksums and cuts, and large packets are fewer.
"""
import hashlib
import os
import re
import shutil

from ends import insert_guest, insert_tap
from lab import IN4, IN6, OUT4, OUT6, expect
from origin import pattern

MSS = 1448
# Around the ends of segments, of buffers (2048) and of the largest packets that are cut (65535).
EDGES = sorted({n + d for n in (1, MSS, 2 * MSS, 2048, 4096, 45 * MSS, 65535, 131070)
                for d in (-1, 0, 1) if n + d > 0})
BULK = 2 << 20

NAMES = ("rx_checksum", "tx_checksum", "tso", "lro", "multi_segs")
CELLS = {
    "all on": {},
    "rx_checksum off": {"rx_checksum": False},
    "tx_checksum off": {"tx_checksum": False},
    "tso off": {"tso": False},
    "lro off": {"lro": False},
    "multi_segs off": {"multi_segs": False},
    "all off": dict.fromkeys(NAMES, False),
}
WORKS_WITHOUT = {"rx_checksum": (), "tx_checksum": (), "tso": ("tx_checksum", "multi_segs"),
                 "lro": ("rx_checksum",), "multi_segs": ()}


# What guest.c has to be the other end of.
KERNEL_SIDE = {"virtio": "virtio", "vhost": "vhost", "vdev": "virtio"}


def is_on(cell, name):
    return all(cell.get(need, True) for need in (name, *WORKS_WITHOUT[name]))


def kernel_of(cell):
    """What the kernel leaves to the other end, which must be able to take it."""
    sums, large = is_on(cell, "rx_checksum"), is_on(cell, "lro")
    word = {True: "on", False: "off"}
    return ("tx", word[sums], "tso", word[large], "gso", word[large], "gro", "off")


def guest_counts(text):
    """{"to the kernel": {"packets": N, ...}, ...}"""
    counts = {}
    for way, rest in re.findall(r"^(to the \w+): (.*)$", text, re.M):
        counts[way] = {k: int(v) for k, v in re.findall(r"(\w+) (\d+)", rest)}
    return counts


def bad_checksums(lab, role):
    names, values = [line.split()[1:] for line in lab.run(role, "cat", "/proc/net/snmp").stdout
                     .splitlines() if line.startswith("Tcp:")]
    return int(dict(zip(names, values))["InCsumErrors"])


def make_files(home):
    """A file of each size; the digest of all of them, one after another."""
    every = hashlib.sha256()
    for n in (*EDGES, BULK):
        body = b"".join(pattern(n))
        every.update(body)
        with open(os.path.join(home, "files", str(n)), "wb") as out:
            out.write(body)
    return every.hexdigest()


def transfer(lab, home, sent, at):
    """Every size down and up over one connection; the bytes are what was sent."""
    urls = " ".join(f"http://{at}/{n}" for n in (*EDGES, BULK))
    done = lab.run("client", "bash", "-c", f"set -o pipefail; curl -sSg --fail --max-time 60 {urls} "
                   "| sha256sum", timeout=70)
    expect(done.stdout.split()[0] == sent, f"{at}: what was downloaded differs")
    up = " ".join(f"-T {home}/files/{n} http://{at}/upload/{n}" for n in (*EDGES, BULK))
    lab.run("client", "bash", "-c", f"curl -sSg --fail --max-time 60 -H Expect: {up}", timeout=70)
    every = hashlib.sha256()
    for n in (*EDGES, BULK):
        path = os.path.join(home, "files", "upload", str(n))
        with open(path, "rb") as body:
            every.update(body.read())
        os.remove(path)
    expect(every.hexdigest() == sent, f"{at}: what was uploaded differs")


class Guests:
    """The other ends of virtio or vhost ports, which count what goes through them."""

    def __init__(self, lab, kind, cell, raw):
        self.lab = lab
        made = {side: insert_guest(lab, side, kind, kernel_of(cell)) for side in ("out", "in")}
        self.processes = [process for process, _ in made.values()]
        self.device = {side: self.device_of(kind, raw, side, path)
                       for side, (_, path) in made.items()}

    @staticmethod
    def device_of(kind, raw, side, path):
        """As a kind of ours, or as a device of DPDK's by its arguments."""
        if not raw:
            return {kind: path}
        last = {"out": 1, "in": 2}[side]
        return {"vdev": f"virtio_user2{last},path={path},queues=1,queue_size=1024,"
                        f"mac=02:00:00:00:09:0{last}"}

    def counts(self):
        """Of both, by way, after they have ended."""
        ways = {"to the kernel": {}, "to the port": {}}
        for process in self.processes:
            self.lab.end(process)
            for way, counts in guest_counts(self.lab.text(process.log)).items():
                for name, n in counts.items():
                    ways[way][name] = ways[way].get(name, 0) + n
        for way, counts in ways.items():
            expect(counts["dropped"] == 0, f"{way}: {counts}")
        return ways


class Taps:
    """Taps, whose interfaces count in the kernel."""

    WAYS = {"to the kernel": "rx", "to the port": "tx"}

    def __init__(self, lab):
        self.lab = lab
        if lab.run("proxy", "ip", "link", "show", "tap-in", check=False).returncode != 0:
            insert_tap(lab, "out")
            insert_tap(lab, "in")
        self.names = ("tap-out", "tap-in")
        self.device = dict(zip(("out", "in"), (f"tap:{name}" for name in self.names)))
        self.before = self.read()

    def read(self):
        ways = {}
        for way, kernel in self.WAYS.items():
            ways[way] = {what: sum(int(self.lab.run(
                "proxy", "cat", f"/sys/class/net/{name}/statistics/{kernel}_{what}").stdout)
                for name in self.names) for what in ("packets", "dropped", "errors")}
        return ways

    def counts(self):
        ways = self.read()
        for way, counts in ways.items():
            for name in counts:
                counts[name] -= self.before[way][name]
        return ways


def play(lab, kind, cell, home, sent):
    """The transfers over ports with this cell's offloads; what was counted on the other side."""
    rig = Taps(lab) if kind == "tap" else Guests(lab, KERNEL_SIDE[kind], cell, kind == "vdev")
    lab.start(lab.config(ports=[
        {"name": "outside", "device": rig.device["out"], "offloads": cell,
         "addresses": [f"{OUT4}/24", f"{OUT6}/64"]},
        {"name": "inside", "device": rig.device["in"], "offloads": cell,
         "addresses": [f"{IN4}/24", f"{IN6}/64"]}]))
    for at in (OUT4, f"[{OUT6}]"):
        transfer(lab, home, sent, at)
    count, facts = lab.counters(), set(lab.port("outside")["offloads"])
    can = {"rx_checksum": "checksum_rx", "tx_checksum": "checksum_tx", "tso": "tso", "lro": "lro",
           "multi_segs": "multi_segs"}
    for name in NAMES:
        wanted = is_on(cell, name) and not (kind == "vhost" and name == "tso")
        expect((can[name] in facts) == wanted, f"{name} in status: {facts}")
    expect(count["wire_drop_tcp_checksum"] == 0, "a checksum was wrong when it came to us")
    for role in ("client", "origins"):
        expect(bad_checksums(lab, role) == 0, f"a checksum was wrong when it came to {role}")
    cuts = is_on(cell, "tso") and kind != "vhost"
    expect((count["tcp_tx_super"] > 0) == cuts, f"to be cut: {count['tcp_tx_super']}")
    expect((count["tcp_rx_super"] > 0) == is_on(cell, "lro"), f"joined: {count['tcp_rx_super']}")
    ways = rig.counts()
    lab.stop_penstock()
    shutil.rmtree(lab.run_dir)  # else the next data plane may begin with these tables
    return ways


def expect_guests_counts(name, cell, cuts, ways):
    for way, what, wanted in (("to the kernel", "large", cuts),
                              ("to the port", "large", is_on(cell, "lro")),
                              ("to the kernel", "unsummed", is_on(cell, "tx_checksum")),
                              ("to the port", "unsummed", is_on(cell, "rx_checksum"))):
        expect((ways[way][what] > 0) == wanted, f"{name}: {way}: {what}: {ways}")


def all_cells(lab, kind, cells):
    home = lab.nginx("a")
    sent = make_files(home)
    seen = {}
    for name in cells:
        lab.note(f"{kind}: {name}")
        ways = seen[name] = play(lab, kind, CELLS[name], home, sent)
        lab.note(str(ways))
        if kind != "tap":
            expect_guests_counts(name, CELLS[name],
                                 is_on(CELLS[name], "tso") and kind != "vhost", ways)
    for way, offload in (("to the kernel", "tso"), ("to the port", "lro")):
        most = seen["all off"][way]["packets"]
        for name, ways in seen.items():
            if not is_on(CELLS[name], offload) or (kind == "vhost" and offload == "tso"):
                continue
            n = ways[way]["packets"]
            print(f"        {kind}, {name}: packets {way}: {n} of {most}", flush=True)
            expect(n < most * 0.7, f"{name}: packets {way}: {n}, without {most}")


def test_the_same_bytes_over_virtio_whoever_cuts_and_sums(lab):
    all_cells(lab, "virtio", CELLS)


def test_the_same_bytes_over_vhost_whoever_cuts_and_sums(lab):
    all_cells(lab, "vhost", CELLS if lab.full else ("all on", "lro off", "all off"))


def test_the_same_bytes_over_tap_whoever_cuts_and_sums(lab):
    all_cells(lab, "tap", CELLS if lab.full else ("all on", "tso off", "lro off", "all off"))


def test_the_same_bytes_over_raw_arguments_whoever_cuts_and_sums(lab):
    """A driver that says itself what it wants of packets it is to cut, as those of cards do."""
    all_cells(lab, "vdev", CELLS if lab.full else ("all on", "tso off", "lro off", "all off"))
