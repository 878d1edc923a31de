"""text.py - results as words for a terminal."""
from . import result


def one(line):
    """A run in a line."""
    name = line["system"] + (f" (offloads {line['offloads']})" if line.get("offloads") else "")
    if line["void"]:
        told = f"; {flooded(line['flood'])}" if line.get("flood") else ""
        return f"{name}: void: {line['void']}{told}"
    if line["ns_per_request"] is None:
        return f"{name}: {line['rate']:,.0f}/s, p50 {line['p50_us']} us, p99 {line['p99_us']} us"
    told = (f"{name}: {line['requests_per_busy_core_second']:,.0f} requests per busy second, "
            f"{line['ns_per_request']:.0f} ns")
    if line["profile"].startswith("bulk"):
        told += f", {line['gbit_per_busy_core_second']:.2f} Gbit per busy second"
        if line.get("copied_per_byte") is not None:
            told += f", {line['copied_per_byte']:.5f} copied a byte"
    told += f"; {line['rate']:,.0f}/s"
    if line.get("p50_us") is not None:
        told += f", p50 {line['p50_us']:,.0f} us, p99 {line['p99_us']:,.0f} us"
    if line["control_cpu_share"] is not None:
        told += f"; control {line['control_cpu_share']:.0%} of a core"
    if line["profile"] == "idle" and line.get("memory_bytes_per_conn"):
        told += f"; {line['memory_bytes_per_conn']:,.0f} bytes a connection"
    if line.get("flood"):
        told += f"; {flooded(line['flood'])}: {judged(line)}"
    if line["load_limited"]:
        told += "; the load was the limit"
    if line.get("line_ticks"):
        told += f"; line {line['line_ticks'][-1]} ticks"
    return told


def flooded(flood):
    """What came of a flood of SYNs."""
    return (f"{flood['sent_rate']:,.0f} SYN/s, {flood['answered_share']:.1%} answered; "
            f"{flood['connects']:,} connects, {flood['connects_failed']} failed, "
            f"{flood['connects_late']} waiting, most SYNs "
            f"{max(flood['syns_most'], flood['syns_waiting_most'])}, "
            f"p50 {flood['connect_p50_us']:,.0f} us, p99 {flood['connect_p99_us']:,.0f} us; "
            f"kept ones {flood['kept_rate']:,.0f} requests/s, slowest "
            f"{flood['kept_max_us'] / 1e3:,.1f} ms; memory {flood['memory_bytes'] >> 20:,} MiB, "
            f"grew by {flood['memory_grew_bytes'] >> 10:,} KiB")


def judged(line):
    """Whether it did what it must not."""
    missed = result.missed(line)
    return "missed: " + ", ".join(missed) if missed else "as it should be"


def table(lines):
    """Medians with their spread, and ratios to the fastest rival."""
    made = []
    for asked, systems in result.group(lines).items():
        profile, conns, rate, body, rules, flood = asked
        field, unit = result.figure(profile)
        made.append(f"{profile}, {conns} connections, {body:,} bytes"
                    + (f", {rate:,.0f} requests/s" if rate else "")
                    + (f", rules {rules}" if rules else "")
                    + (f", {flood:,.0f} SYN/s" if flood else "")
                    + f": {unit} per busy second of the proxy's core")
        for key, own in systems.items():
            made.append("  " + row(systems, key, own, field, profile))
            made += [f"    {flooded(line['flood'])}: {judged(line)}"
                     for line in own if line.get("flood")]
    return "\n".join(made)


def row(systems, key, own, field, profile):
    name = key[0] + (f", offloads {key[1]}" if key[1] else "")
    seen = result.spread(own, field)
    if seen is None and not own[-1]["void"]:
        return f"{name:32} no proxy; p99 {result.spread(own, 'p99_us')[0]:,.1f} us"
    if seen is None:
        return f"{name:32} void: {own[-1]['void']}"
    digits = 2 if profile.startswith("bulk") else 0
    median, least, most = (f"{value:,.{digits}f}" for value in seen)
    told = f"{name:32} {median:>10}  [{least} - {most}]"
    told += f"  {result.spread(own, 'ns_per_request')[0]:,.0f} ns"
    split = result.spread(own, "own_ns_per_request")
    if split:
        told += (f" (ours {split[0]:,.0f}, the kernel's "
                 f"{result.spread(own, 'kernel_ns_per_request')[0]:,.0f})")
    compared = result.ratio(systems, key, profile)
    if compared:
        told += f"  {compared[0]:.2f} x {compared[1]}"
    n = sum(1 for line in own if not line["void"])
    if n < len(own):
        told += f"  ({len(own) - n} of {len(own)} void)"
    lines = [line["line_ticks"][-1] for line in own if line.get("line_ticks")]
    if lines and max(lines) > result.MOVED * min(lines):
        told += f"  cores {min(lines)} to {max(lines)} ticks apart"
    if any(line["load_limited"] for line in own):
        told += "  load-limited"
    return told
