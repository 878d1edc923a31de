"""page.py - the report: one HTML page that needs no other file and no network."""
import html

from . import plot, result
from .penstock import CONNS_PER_LANE

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 1280px;
	margin: 2em auto; padding: 0 1.5em; }
h1 { font-size: 1.6em; margin-bottom: .2em; } h2 { font-size: 1.25em; margin: 2.2em 0 .5em; }
h3 { font-size: 1em; margin: 1.6em 0 .4em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .28em .55em; text-align: right; white-space: nowrap; }
th { font-weight: 600; color: #555; border-bottom: 1px solid #bbb; vertical-align: bottom; }
td { border-bottom: 1px solid #eee; }
th.l, td.l { text-align: left; }
td.bar { min-width: 120px; width: 22%; padding-left: 1em; }
td.bar svg { display: block; width: 100%; }
.mark { position: absolute; margin-left: .15em; color: #666; }
.spread, .note { color: #666; } .spread { font-size: .88em; } .void { color: #a33; }
td.void { white-space: normal; text-align: left; }
.plots { display: grid; grid-template-columns: 1fr 1fr; gap: 1em; }
img { width: 100%; display: block; }
@media (max-width: 900px) { .plots { grid-template-columns: 1fr; } }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15em 1.2em; margin: .6em 0; }
dt { color: #666; } dd { margin: 0; }
p, li { max-width: 78ch; }
"""

FAVOURS = {
    "penstock-memif": """<b>memif with penstock-bench</b> favours Penstock: a virtual wire has no
        interrupts, no PCIe and no loss, the peer copies what it is lent, and its clients
        acknowledge on their next request. It shows what the proxy itself costs, not a network
        card's driver.""",
    "penstock-virtio": """<b>virtio with penstock-bench</b> favours Penstock as memif does, and in
        bulk more: packets of up to 64 KiB both ways (TSO, LRO), and nobody sums a byte, which a
        network card would do.""",
    "penstock-packet": """<b>Penstock on AF_PACKET</b> pays for the kernel twice: its transmit
        path and the peers' receive path run inside the lane's system calls. Ours is what remains
        of the lane's busy time after the kernel's own account of the core (system and softirq);
        a virtual port carries no checksum or segmentation metadata, so the wires' offloads are
        off.""",
    "penstock-xdp": """<b>Penstock on AF_XDP</b> over veth runs the kernel's receive and transmit
        paths on its core as well; with a network card in zero-copy mode it would not.""",
    "nginx": """<b>Kernel proxies over veth</b> pay on their core for the peers' TCP receive too
        (a packet is received where it was sent), and in exchange the load core pays for theirs;
        there is no interrupt, no DMA and with offloads on a packet may be 64 KiB long. For bulk
        that favours them: it measures copies, not a network. Core time is counted by ticks.
        penstock-control's share stands apart for Penstock; a rival formats its log itself.""",
}
FAVOURS["haproxy"] = FAVOURS["nginx"]
FAVOURS["penstock-nic"] = """<b>Penstock on a network card</b>: driver and card are in the figure,
    as they would be in use; nothing runs on the lane's core but the lane."""


DRIVER_COPIES = {
    "penstock-memif": "none with hugepages (the peer copies, once each way), else one each way",
    "penstock-virtio": "none (the peer copies, once each way)",
}


def page(lines, title="Penstock: what a request costs"):
    """The whole page of result lines."""
    single = [line for line in lines if not line.get("sweep")]
    parts = [f"<h1>{html.escape(title)}</h1>", about(lines), how(lines)]
    if single:
        parts.append("<h2>Figures</h2>")
        parts += [figures(asked, systems) for asked, systems in result.group(single).items()]
    parts += curves(lines)
    parts.append(idle(single) + scaling(single))
    parts.append("<h2>What each rig favours</h2><ul>")
    told = dict.fromkeys(FAVOURS[name] for name in FAVOURS
                         if any(line["system"] == name for line in lines))
    parts += [f"<li>{text}</li>" for text in told]
    parts.append("</ul>")
    return ("<!doctype html><html lang=en><meta charset=utf-8>"
            f"<meta name=viewport content='width=device-width'><title>{html.escape(title)}</title>"
            f"<style>{STYLE}</style>" + "\n".join(parts) + "</html>\n")


def about(lines):
    """Machine, versions, commit: each that occurs."""
    def every(key):
        return "; ".join(dict.fromkeys(str(line[key]) for line in lines if line.get(key)))
    versions = {}
    for line in lines:
        versions.update({k: v for k, v in line["versions"].items() if v})
    rows = (("machine", every("machine")), ("rig", every("rig")), ("commit", every("commit")),
            ("versions", ", ".join(f"{k} {v}" for k, v in versions.items())),
            ("measured", span(lines)))
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>"
                            for name, value in rows if value) + "</dl>"


def span(lines):
    times = sorted(line["at"] for line in lines if line.get("at"))
    if not times:
        return ""
    return times[0] if times[0] == times[-1] else f"{times[0]} to {times[-1]}"


def how(lines):
    voids = sum(1 for line in lines if line["void"])
    return ("<p>The figure is requests (for bulk: gigabits of bodies) per <b>busy second of the "
            "proxy's core</b>: for kernel proxies all that the core did, softirqs included; for "
            "Penstock the turns of its lane that found work. Medians over the rounds, with the "
            "least and the most; systems took turns within each round. Ratios are to the fastest "
            "rival of the same run, with the same offloads where there is one. A run with a wrong "
            "answer, a lost access record or a core that others used is void: "
            f"{voids} of {len(lines)} here.</p>")


# ---- tables ----

def figures(asked, systems):
    profile, conns, rate, body, rules, flood = asked
    field, unit = result.figure(profile)
    title = f"{profile}: {conns:,} connections, bodies of {size(body)}"
    if rate:
        title += f", {rate:,.0f} requests/s wanted"
    if rules:
        title += f", rules {rules}"
    if flood:
        title += f", {flood:,.0f} SYN/s"
    most = max((result.spread(own, field)[2] for own in systems.values()
                if result.spread(own, field)), default=1)
    head = ("<table><tr><th class=l>system<th>" + unit + "<br>per busy second<th>least &ndash; "
            "most<th><th>ratio<th>ns a<br>request<th>TSC ticks<br>a request<th>with<br>control"
            "<th>p50 &micro;s<th>p99 &micro;s<th>p99.9 &micro;s<th>rounds</tr>")
    rows = [figure_row(systems, key, own, field, profile, most) for key, own in systems.items()]
    return f"<h3>{html.escape(title)}</h3>{head}{''.join(rows)}</table>" + splits(systems)


def figure_row(systems, key, own, field, profile, most):
    name = html.escape(plot.label(*key))
    seen = result.spread(own, field)
    if seen is None:
        return (f"<tr><td class=l>{name}<td class=void colspan=12>void: "
                f"{html.escape(own[-1]['void'])}</tr>")
    digits = 2 if profile.startswith("bulk") else 0
    compared = result.ratio(systems, key, profile)
    counted = sum(1 for line in own if not line["void"])
    mark = "<span class=mark>*</span>" if any(line["load_limited"] for line in own) else ""

    def median(field, digits=0):
        found = result.spread(own, field)
        return f"{found[0]:,.{digits}f}" if found else ""
    cells = [f"{seen[0]:,.{digits}f}{mark}",
             f"<span class=spread>{seen[1]:,.{digits}f} &ndash; {seen[2]:,.{digits}f}</span>"]
    rest = [f"{compared[0]:.2f}" if compared else "", median("ns_per_request"),
            median("tsc_per_request"), with_control(own, profile),
            *(median(f"{p}_us", 0 if (result.spread(own, f"{p}_us") or (0,))[0] >= 100 else 1)
              for p in ("p50", "p99", "p999")),
            f"{counted}" + (f"/{len(own)}" if counted < len(own) else "")]
    return (f"<tr><td class=l>{name}" + "".join(f"<td>{cell}" for cell in cells)
            + f"<td class=bar>{bar(seen, most, plot.COLOURS[key[0]])}"
            + "".join(f"<td>{cell}" for cell in rest) + "</tr>")


def with_control(own, profile):
    """The same figure when penstock-control's CPU time is added; of rivals there is none apart."""
    found = result.spread(own, "requests_per_cpu_second_with_control")
    plain = result.spread(own, "requests_per_busy_core_second")
    if own[0]["control_cpu_share"] is None or not found:
        return ""
    seen = result.spread(own, result.figure(profile)[0])
    return f"{seen[0] * found[0] / plain[0]:,.{2 if profile.startswith('bulk') else 0}f}"


def bar(seen, most, colour):
    """The median as a bar, the spread as a whisker."""
    median, least, greatest = (100 * value / most for value in seen)
    return (f'<svg viewBox="0 0 100 10" height=14 preserveAspectRatio=none>'
            f'<rect width="{median:.2f}" height=10 fill="{colour}" opacity=.85 />'
            f'<line x1="{least:.2f}" x2="{greatest:.2f}" y1=5 y2=5 stroke="#222" '
            'stroke-width=1 vector-effect=non-scaling-stroke /></svg>')


def splits(systems):
    """Notes under a table: whose time it was, and where the load was the limit."""
    made = []
    for key, own in systems.items():
        ours = result.spread(own, "own_ns_per_request")
        if ours:
            kernel = result.spread(own, "kernel_ns_per_request")
            made.append(f"{html.escape(plot.label(*key))}: of its time a request, "
                        f"{ours[0]:,.0f} ns are ours and {kernel[0]:,.0f} ns the kernel's.")
        copied = result.spread(own, "copied_per_byte")
        if copied and own[0]["profile"].startswith("bulk"):
            made.append(f"{html.escape(plot.label(*key))}: of each byte relayed our code copied "
                        f"{copied[0]:.5f}; its driver {DRIVER_COPIES[key[0]]}.")
    if any(line["load_limited"] for own in systems.values() for line in own):
        made.append("* The load core was full: the proxy could have carried more; its figure "
                    "extrapolates from the share of the core that it used.")
    return "".join(f"<p class=note>{text}</p>" for text in made)


def size(n):
    for unit, bytes_n in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n >= bytes_n and n % bytes_n == 0:
            return f"{n // bytes_n} {unit}"
    return f"{n:,} bytes"


# ---- what follows from the figures ----

def idle(lines):
    """Memory of idle connections, and of ten times as many."""
    own = [line for line in lines if line["profile"] == "idle" and not line["void"]
           and line["system"] == "penstock-memif" and line.get("memory_bytes_per_conn")]
    if not own:
        return ""
    most = max(line["conns"] for line in own)
    each = result.spread([line for line in own if line["conns"] == most],
                         "memory_bytes_per_conn")[0]
    return (f"<h2>Idle connections</h2><p>{most:,} were held, each answered again at the end; the "
            f"process grew by {each:,.0f} bytes for each, {each * most / (1 << 30):.2f} GiB in all. "
            f"Ten times as many would take {each * most * 10 / (1 << 30):.1f} GiB and "
            f"{-(-10 * most // CONNS_PER_LANE)} lanes or more: one holds {CONNS_PER_LANE:,} connections of "
            "both sides.</p>")


def scaling(lines):
    """A paper model: lanes share nothing that they write, so what stops them lies outside."""
    own = [line for line in lines if line["system"] == "penstock-memif" and not line["void"]
           and line["profile"] == "keep-alive" and not line["wanted_rate"]
           and line["body"] == 64 and not line.get("no_log")]
    own = [line for line in own if line["conns"] == min(one["conns"] for one in own)]
    if not own:
        return ""
    each = result.spread(own, "requests_per_busy_core_second")[0]
    log = [line["control_cpu_share"] / line["rate"] for line in own if line["control_cpu_share"]]
    log = sorted(log)[len(log) // 2] if log else 0
    rows = "".join(
        f"<tr><td>{n}<td>{n * each / 1e6:,.1f} M<td>{n * each * log:.2f}"
        f"<td>{n * each * 4 / 1e6:,.0f} M</tr>" for n in (1, 2, 4, 8, 16, 32, 64))
    stop = (f"penstock-control, one thread, is full at {1 / log / 1e6:,.1f} million lines a second, "
            f"{1 / log / each:,.0f} lanes' worth: beyond, records are dropped and counted, or the "
            "log is turned off. " if log else "")
    return (
        "<h2>How it scales: a model on paper</h2><p>Connections, requests, timers and counters are "
        "one lane's alone; the simulator write-protects all other lanes' while one turns. So N "
        "lanes on N cores do N times what one does until something else is full.</p>"
        "<table style='width:auto'><tr><th>lanes<th>requests/s<th>cores of<br>penstock-control"
        f"<th>packets/s, all<br>ports, both ways</tr>{rows}</table><p>{stop}A card spreads flows over "
        "as many queues as it has, and 64 lanes are the most that an image names. Two lanes on one "
        "core share its time, two threads of one core its units; memory and the last-level cache "
        "are everybody's and not in this model.</p><p>What lanes do write together: the mempool, "
        "under a lock held while some 256 pointers are copied, once for as many buffers that a "
        "lane's own cache lacks or cannot hold; counts of buffers, contended only when a frame "
        "leaves by another lane; rings and bells of such hand-overs (one fetch-or a burst); pins "
        "of a view by a request that outlives its turn (one addition, one subtraction); the count "
        "of judged segments (one in 1,024). <code>bench/micro/bench_shared</code> and "
        "<code>bench_buf</code> tell what they cost here.</p>")


# ---- curves ----

SWEEPS = {
    "conns": ("Cost over connections", "conns", "connections", (
        ("ns_per_request", "ns of the core a request"),
        ("tsc_per_request", "TSC ticks a request"))),
    "body": ("Cost over body size", "body", "bytes of the body", (
        ("ns_per_request", "ns of the core a request"),
        ("gbit_per_busy_core_second", "Gbit per busy second"))),
    "rate": ("Latency over load", "rate", "requests a second", (
        ("p50_us", "p50, microseconds"), ("p99_us", "p99, microseconds"))),
}


def curves(lines):
    made = []
    for sweep, (title, x, x_label, plots) in SWEEPS.items():
        of_sweep = [line for line in lines if line.get("sweep") == sweep and not line["void"]]
        for profile in dict.fromkeys(line["profile"] for line in of_sweep):
            some = [line for line in of_sweep if line["profile"] == profile]
            made.append(f"<h2>{title}: {html.escape(profile)}</h2><div class=plots>")
            for field, y_label in plots:
                drawn = curve_set(some, x, field)
                if drawn:
                    made.append(plot.image(plot.svg(drawn, x_label, y_label),
                                           f"{title}, {y_label}"))
            made.append("</div>")
            if sweep == "rate":
                made.append(added_latency(some))
    return made


def curve_set(lines, x, field):
    """A curve for each system, from lines at several x."""
    points = {}
    for line in lines:
        key = (line["system"], line.get("offloads"))
        at = line[x] if x != "rate" else line["wanted_rate"] or line["rate"]
        points.setdefault(key, {}).setdefault(at, []).append(line)
    made = []
    for (system, offloads), at in points.items():
        found = [(x_value, *result.spread(own, field)) for x_value, own in at.items()
                 if result.spread(own, field)]
        if found:
            made.append(plot.Curve(plot.label(system, offloads), plot.COLOURS[system], found,
                                   is_dashed=offloads == "off" and system in result.RIVALS))
    return made


def added_latency(lines):
    """Penstock over memif beside the two loops, at the same rates."""
    loops = ("generator-loop", "ideal-proxy")
    at = {}
    for line in lines:
        if line["wanted_rate"] and line["system"] in ("penstock-memif", *loops):
            at.setdefault(line["wanted_rate"], {}).setdefault(line["system"], []).append(line)
    rows = []
    for rate, systems in sorted(at.items()):
        if "penstock-memif" not in systems or "generator-loop" not in systems:
            continue
        cells = []
        for field in ("p50_us", "p99_us"):
            own = result.spread(systems["penstock-memif"], field)
            alone, ideal = (result.spread(systems.get(name, ()), field) for name in loops)
            cells += [f"{seen[0]:,.1f}" if seen else "" for seen in (own, alone, ideal)]
            cells.append(f"{own[0] - alone[0]:,.1f}" if own and alone else "")
        rows.append(f"<tr><td>{rate:,.0f}" + "".join(f"<td>{cell}" for cell in cells) + "</tr>")
    if not rows:
        return ""
    head = "<th>{0} &micro;s<th>loop<th>ideal<th>added"
    return ("<h3>Added latency: Penstock over memif less the generator looped to itself</h3>"
            "<p>Ideal is the loop whose origins take as long for a request as Penstock does: what "
            "the machine alone makes of a proxy of this speed.</p>"
            "<table style='width:auto'><tr><th>requests/s" + head.format("p50")
            + head.format("p99") + "</tr>" + "".join(rows) + "</table>")
