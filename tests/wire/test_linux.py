"""Our TCP beside Linux's: streams over long bad paths (wan.c), both ways, compared byte by byte."""
import itertools
import json
import random
import statistics

from lab import expect, marked, sh

# What a cell is made of; the first four are sysctls of both kernels. Delays are of one way.
FACTORS = {
    "timestamps": (1, 0), "sack": (1, 0), "ecn": (1, 0), "window_scaling": (1, 0),
    "family": (4, 6), "loss": (0, 1000, 10000, 50000), "delay_us": (1000, 20000, 100000),
    "late": (0, 10000), "cc": ("cubic", "reno"),
}
SYSCTLS = ("timestamps", "sack", "ecn", "window_scaling")


def covering(factors, least, seed=1):
    """Rows in which any two values of two factors meet (greedy, seeded); `least` of them or more."""
    names, dice = list(factors), random.Random(seed)
    left = {((a, x), (b, y)) for a, b in itertools.combinations(names, 2)
            for x in factors[a] for y in factors[b]}
    rows = []
    while left or len(rows) < least:
        # Each candidate holds one pair that is left, so that every row makes progress.
        best, most = None, -1
        for _ in range(40):
            row = {name: dice.choice(values) for name, values in factors.items()}
            if left:
                row.update(dict(dice.choice(sorted(left, key=str))))
            met = sum(row[a] == x and row[b] == y for (a, x), (b, y) in left)
            if met > most:
                best, most = row, met
        rows.append(best)
        left = {((a, x), (b, y)) for (a, x), (b, y) in left if best[a] != x or best[b] != y}
    return rows


class Wan:
    """Two namespaces with a tun device each; wan carries between them, or to the engine."""

    def __init__(self, lab):
        self.lab = lab
        for role, host, other in (("client", 1, 2), ("origins", 2, 1)):
            ns = lab.ns(role)
            sh("ip", "-n", ns, "tuntap", "add", "wan0", "mode", "tun")
            sh("ip", "-n", ns, "address", "add", f"10.9.0.{host}", "peer", f"10.9.0.{other}",
               "dev", "wan0")
            sh("ip", "-n", ns, "address", "add", f"fd09::{host}/64", "dev", "wan0", "nodad")
            sh("ip", "-n", ns, "link", "set", "wan0", "txqueuelen", "4000", "up")
            # What one cell has learnt of the path must not help the next.
            lab.sysctl(role, "net.ipv4.tcp_no_metrics_save", 1)

    def pass_(self, peer, cell, seconds=60, **more):
        for role in ("client", "origins"):
            for name in SYSCTLS:
                self.lab.sysctl(role, f"net.ipv4.tcp_{name}", cell[name])
        options = {name: cell[name] for name in ("family", "loss", "delay_us", "late")}
        options.update(newreno=int(cell["cc"] == "reno"), seconds=seconds, **more)
        argv = [self.lab.tool("tests/wire/wan"), "--a", self.lab.ns("client"),
                "--b", peer if peer == "engine" else self.lab.ns("origins")]
        for name, value in options.items():
            argv += [f"--{name}", str(value)]
        # From outside of all namespaces: wan enters both.
        out = sh(*argv, check=False, timeout=seconds + 20)
        expect(out.startswith("{"), f"{' '.join(argv)} said nothing")
        return json.loads(out)


def cell_bytes(cell):
    """As much as a cell carries in seconds: what a path with losses allows falls with its length."""
    return 150000 if cell["loss"] >= 50000 else 400000 if cell["loss"] >= 10000 else 1500000


def name_of(cell):
    on = [name for name in SYSCTLS if cell[name]]
    return f"v{cell['family']} {cell['cc']:5} loss {cell['loss'] / 10000:4.1f} % " \
           f"late {cell['late'] / 10000:3.1f} % {cell['delay_us'] // 1000:3} ms {'+'.join(on)}"


@marked("alone")
def test_streams_are_whole_over_any_path_to_linux(lab):
    wan, rows, bad, told = Wan(lab), covering(FACTORS, 15), [], []
    marks = 0
    if not lab.full:
        short = [row for row in rows if row["delay_us"] < 100000]
        rows = [row for row in short if row["ecn"]][:2] + [row for row in short if not row["ecn"]][:1]
    for i, row in enumerate(rows):
        for b_sends in (0, 1):
            size = cell_bytes(row)
            seconds = 60 if lab.full else 15
            done = wan.pass_("engine", row, seconds, b_sends=b_sends, bytes=size,
                             dup=2000, mark=20000, seed=i + 1)
            told.append(dict(row, b_sends=b_sends, **done))
            print(f"        {'ours to Linux' if b_sends else 'Linux to ours'} {name_of(row)}: "
                  f"{done['bytes']} bytes in {done['seconds']:.2f} s", flush=True)
            if not done["ok"]:
                bad.append(f"{name_of(row)} b_sends={b_sends} seed={i + 1}: {done}")
            # Where ECN was agreed on, marks are met, told back and obeyed; else there are none.
            data, acks = (1, 0) if b_sends else (0, 1)
            met = (done["marked"][data], done["echoed"][acks], done["reduced"][data])
            if any(met) if not row["ecn"] else met[0] > 2 and not all(met):
                bad.append(f"{name_of(row)} b_sends={b_sends}: marked, echoed, reduced: {met}")
            marks += met[0]
    print("        " + json.dumps({"linux_integrity": told}), flush=True)
    expect(marks > 0, "no packet was marked")
    expect(not bad, "\n".join(bad))


# family, loss, one-way delay, kbit/s, late, controller.
SPEEDS = [(4, 0, 1000, 50000, 0, "cubic"), (4, 0, 20000, 20000, 0, "cubic"),
          (6, 1000, 20000, 20000, 0, "cubic"), (4, 10000, 20000, 20000, 0, "cubic"),
          (4, 1000, 20000, 20000, 10000, "cubic"), (6, 1000, 20000, 20000, 0, "reno")]


@marked("full", "alone")
def test_our_streams_are_nine_tenths_as_fast_as_linux(lab):
    """The same drops for each pair, seven pairs a cell; the kernel receives from us, or sends to us."""
    wan, bad, told = Wan(lab), [], []
    print(f"        {'cell':40} {'sender':6} {'Linux':>8} {'ours':>8} Mbit/s  ratio", flush=True)
    for family, loss, delay_us, rate, late, cc in SPEEDS:
        cell = dict(zip(SYSCTLS, (1, 1, 0, 1)), family=family, loss=loss, delay_us=delay_us,
                    late=late, cc=cc)
        size = rate * 1000 // 8 * 4 if loss < 10000 else 1500000
        for b_sends in (1, 0):
            ratios, speeds = [], {"linux": [], "engine": []}
            for seed in range(1, 8):
                for peer in ("linux", "engine") if seed % 2 else ("engine", "linux"):
                    done = wan.pass_(peer, cell, 40, b_sends=b_sends, bytes=size, seed=seed,
                                     rate_kbps=rate, queue_bytes=100000)
                    expect(done["ok"], f"{peer} {name_of(cell)} seed={seed}: {done}")
                    speeds[peer].append(done["bytes"] * 8 / 1e6 / done["seconds"])
                ratios.append(speeds["engine"][-1] / speeds["linux"][-1])
            ratio = statistics.median(ratios)
            name = f"v{family} {cc} {loss / 10000} % {delay_us // 1000} ms {rate // 1000} Mbit/s" \
                   f"{' reordered' if late else ''}"
            median = {peer: statistics.median(some) for peer, some in speeds.items()}
            print(f"        {name:40} {'ours' if b_sends else 'Linux':6} {median['linux']:8.2f} "
                  f"{median['engine']:8.2f}         {ratio:.2f}", flush=True)
            told.append({"cell": name, "b_sends": b_sends, "ratio": round(ratio, 3),
                         "ratios": [round(r, 3) for r in ratios], **median})
            if ratio < 0.9:
                bad.append(f"{name}, {'ours' if b_sends else 'Linux'} sends: {ratio:.2f}")
    print("        " + json.dumps({"linux_speed": told}), flush=True)
    expect(not bad, "\n".join(bad))
