"""result.py - a run as one JSON line; when it does not count; medians with their spread, ratios."""
import statistics
import time

RIVALS = ("nginx", "haproxy")
VIRTUAL = ("penstock-memif", "penstock-virtio")  # wires that only the generator plays on
STOLEN_MOST = 0.01  # of the proxy's core, by others or the hypervisor
PREEMPTED_MOST = 0.05  # of the lane's time: one that sleeps waits a little each time it wakes
MOVED = 2  # times what a cache line took between the cores before, or less
P99_MOST_US = 10000  # of connects, beside a flood that the core can answer
STILL_US = 1e6  # a request that took so long stood still
GREW_MOST = 1 << 20  # bytes of memory in a flood, which are noise
SYNS_MOST = 3  # until a connect succeeds, beside any flood
LOAD_FULL = 0.97  # busy share of the load core from which it is the limit

# What runs have in common that may be compared with each other.
KEY = ("profile", "conns", "wanted_rate", "body", "rules", "wanted_flood")


def void(fields, system, profile):
    """Why a run does not count, or None: its own fault first, then the machine's.

    Idle connections are held, not hurried: what others take of the core changes nothing.
    """
    return fault(fields) or (None if profile == "idle" else noise(fields, system))


def fault(fields):
    if fields.get("fault"):
        return fields["fault"]
    if fields["wrong"]:
        return f"wrong answers: {fields['wrong'][0]}"
    if fields["errors"]:
        return f"{fields['errors']} errors: {fields['errors_by_kind']}"
    if fields.get("generator_exit"):
        return f"penstock-bench exited {fields['generator_exit']}"
    if not fields["requests"]:
        return "no request was answered"
    if fields["journal_dropped"]:
        return f"{fields['journal_dropped']} access records did not reach their file"
    if not fields["log_grew"]:
        return "no access record reached its file during the run"
    return None


def noise(fields, system):
    """What others took of the proxy's core, when that is too much to believe the figure."""
    lines = fields.get("line_ticks") or ()
    if lines and max(lines) > MOVED * min(lines):
        return ("the cores moved apart or together: a cache line took {} ticks between them, then "
                "{}".format(*lines))
    for key, what in (("steal_share", "the hypervisor took the proxy's core"),
                      ("foreign_share", "other programs ran on the proxy's core"),
                      ("preempted_share", "others ran on the lane's core")):
        if key == "preempted_share" and system not in VIRTUAL:
            continue  # on kernel interfaces the kernel's own threads take turns with the lane
        if fields.get(key, 0) > (PREEMPTED_MOST if key == "preempted_share" else STOLEN_MOST):
            who = f", {fields['stranger']} most" if key == "foreign_share" else ""
            return f"{what}: {fields[key]:.1%} of the time{who}"
    return None


def missed(one):
    """What a flood of SYNs must not do, and did: one that the core can answer hurts nobody; one that
    it cannot stops nobody. Of other profiles nothing is asked."""
    flood = one.get("flood")
    if not flood:
        return []
    if one["wanted_flood"]:
        seen = (("connects failed", flood["connects_failed"] + flood["connects_late"] > 0),
                ("p99 of connects is 10 ms or more", flood["connect_p99_us"] >= P99_MOST_US))
    else:
        seen = (("kept connections stand still",
                 flood["kept_rate"] == 0 or flood["kept_max_us"] >= STILL_US),
                ("memory grew", flood["memory_grew_bytes"] > GREW_MOST),
                ("connects failed", flood["connects_failed"] > 0),
                ("a connect took more than 3 SYNs",
                 max(flood["syns_most"], flood["syns_waiting_most"]) > SYNS_MOST))
    return [what for what, is_so in seen if is_so]


def exit_code(lines):
    """0: every run counts, and no flood did what it must not."""
    return 1 if any(one["void"] or missed(one) for one in lines) else 0


def line(job, system, round_i, fields, about, sweep=None):
    """The JSON line."""
    requests, busy = fields.get("requests"), fields.get("busy_seconds")
    counts = bool(requests and busy)
    reason = void(fields, system, job.profile)
    ns = busy / requests * 1e9 if counts else None
    control = (fields.get("control_cpu_share") or 0) * fields.get("wall", 0)
    made = {
        "profile": job.profile, "system": system, "conns": job.conns, "round": round_i,
        "wanted_rate": job.rate or None, "body": job.body_bytes,
        "wanted_flood": job.flood or None,
        "rules": str(job.rules) if job.rules else None,
        "void": reason, "is_noise": not fault(fields) and bool(reason),
        "load_limited": fields.get("load_busy_share", 0) >= LOAD_FULL,
        "at": time.strftime("%Y-%m-%d %H:%M"), "sweep": sweep,
        "requests_per_busy_core_second": requests / busy if counts else None,
        "ns_per_request": ns,
        "tsc_per_request": ns * about["tsc_hz"] / 1e9 if counts and about["tsc_hz"] else None,
        "requests_per_cpu_second_with_control":
            requests / (busy + control) if counts else None,
        "gbit_per_busy_core_second": fields["gbit"] / busy if counts else None,
    }
    for key in ("rate", "p50_us", "p99_us", "p999_us", "errors", "control_cpu_share"):
        made[key] = fields.get(key)
    made.update({key: value for key, value in fields.items() if key not in made
                 and key not in ("gbit", "fault")})
    made.update(about)
    return made


def group(lines):
    """Lines that count, by (what was asked) and then by (system, offloads), in order of arrival."""
    made = {}
    for one in lines:
        asked = tuple(one.get(key) for key in KEY)  # earlier results had fewer
        made.setdefault(asked, {}).setdefault((one["system"], one.get("offloads")), []).append(one)
    return made


def spread(lines, field):
    """(median, least, most) of the lines that count, or None."""
    values = [one[field] for one in lines if not one["void"] and one.get(field) is not None]
    return (statistics.median(values), min(values), max(values)) if values else None


def figure(profile):
    """What a profile is judged by: (field, unit)."""
    if profile.startswith("bulk"):
        return "gbit_per_busy_core_second", "Gbit/s"
    return "requests_per_busy_core_second", "requests/s"


def fastest_rival(systems, profile, offloads=None):
    """(system, offloads) and median of the fastest rival, of these offloads if they are given."""
    field, _ = figure(profile)
    medians = {key: spread(lines, field)[0] for key, lines in systems.items()
               if key[0] in RIVALS and spread(lines, field)
               and (offloads is None or key[1] == offloads)}
    return max(medians.items(), key=lambda item: item[1]) if medians else None


def ratio(systems, key, profile):
    """A system's median over the fastest rival's of the same run, and which that was; or None."""
    system, offloads = key
    field, _ = figure(profile)
    own = spread(systems[key], field)
    rival = fastest_rival(systems, profile, offloads) or fastest_rival(systems, profile)
    if system in RIVALS or not own or not rival:
        return None
    (name, rival_offloads), median = rival
    return own[0] / median, f"{name}, offloads {rival_offloads}"
