"""wire.py - one measurement over kernel interfaces: wrk on the load core, the origin beside it."""
import time

from . import account, wrk


def measure(stage, system, job):
    """Fields of a result for one span of one system."""
    stage.start_origin()
    with system.serving(job):
        probe = wrk.Probe(stage, job)
        probe.look()
        if probe.wrong:
            return {"errors": len(probe.wrong), "wrong": probe.wrong}
        if job.warmup:
            wrk.run(stage, job, job.warmup)
        mark = system.log_mark()
        begun, span = system.begin(), account.Span(stage.plan, time.monotonic)
        counted = wrk.run(stage, job, job.seconds)
        span.end()
        fields = system.end(span, begun, counted["requests"])
        log_grew = stage.options.no_log or system.log_mark() != mark
        probe.check_sizes(counted)
        probe.look()
        lost = None if system.is_kernel else system.planes.records_lost(job.conns)
    return {
        **{key: counted[key] for key in ("requests", "p50_us", "p99_us", "p999_us")},
        "rate": counted["requests"] / counted["seconds"],
        "gbit": counted["requests"] * job.body_bytes * 8 / 1e9 if job.is_bulk else
        counted["bytes"] * 8 / 1e9,
        "errors": sum(counted["errors"].values()) + len(probe.wrong),
        "errors_by_kind": {k: n for k, n in counted["errors"].items() if n},
        "wrong": probe.wrong, "log_grew": log_grew, "journal_dropped": lost,
        "wall": span.wall, "load_busy_share": span.share(span.busy(span.load)),
        "steal_share": span.share(span.proxy["steal"]),
        "foreign_share": span.share(span.foreign),
        "stranger": span.stranger, "offloads": "on" if stage.offloads else "off",
        "proxy_core_busy_share": span.share(span.busy(span.proxy)),
        **fields,
    }
