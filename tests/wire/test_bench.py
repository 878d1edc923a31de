"""bench/run: what it measures was answered rightly, and it sees when that is not so."""
import argparse
import importlib
import json
import os
import subprocess
import sys

from lab import HERE, expect, marked

BENCH = os.path.join(HERE, "..", "..", "bench")
FIELDS = ("profile", "system", "requests_per_busy_core_second", "ns_per_request",
          "tsc_per_request", "control_cpu_share", "gbit_per_busy_core_second", "p50_us", "p99_us",
          "p999_us", "errors", "machine", "commit")


@marked("alone")
def test_the_bench_measures_right_answers_of_every_system(lab):
    out = lab.path("bench")
    profiles = ["keep-alive", "close"] if lab.full else ["keep-alive"]
    done = subprocess.run(
        [os.path.join(BENCH, "run"), "--build", lab.build, "--system",
         "penstock-memif,penstock-virtio,penstock-packet,nginx,haproxy", "--offloads", "off",
         "--profile", ",".join(profiles), "--seconds", "0.6", "--warmup", "0.2", "--tries", "1",
         "--no-huge", "--memory", "64MiB", "--json", "--out", out],
        capture_output=True, text=True, timeout=120)
    expect(done.returncode in (0, 1) and done.stdout, f"{done.returncode}: {done.stderr[-2000:]}")
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    wanted = 5 * len(profiles)
    expect(len(lines) == wanted, f"{len(lines)} results of {wanted}: {done.stderr[-2000:]}")
    for line in lines:  # of the times nothing is expected: this machine does other things, too
        what = f"{line['profile']} of {line['system']}"
        expect(not line["void"] or line["is_noise"], f"{what}: {line['void']}")
        expect(all(field in line for field in FIELDS), f"{what} lacks a field: {sorted(line)}")
        expect(line["errors"] == 0 and line["requests"] > 100, f"{what}: {line}")
    with open(os.path.join(out, "report.html"), encoding="utf-8") as page:
        text = page.read()
    expect(all(name in text for name in ("haproxy", "penstock-memif", "</html>")), text[:500])


@marked("alone")
def test_the_bench_floods_and_nobody_who_means_it_notices(lab):
    """More SYNs than the backlog holds, so that cookies are in it; the speed is bench/run's."""
    done = subprocess.run(
        [os.path.join(BENCH, "run"), "--build", lab.build, "--profile", "syn-flood",
         "--flood-rate", "40000", "--conns", "16", "--seconds", "1", "--warmup", "0.2", "--tries",
         "1", "--no-huge", "--memory", "64MiB", "--json"],
        capture_output=True, text=True, timeout=60)
    expect(done.returncode in (0, 1) and done.stdout, f"{done.returncode}: {done.stderr[-2000:]}")
    line = json.loads(done.stdout)
    expect(not line["void"] or line["is_noise"], f"{line['void']}")
    flood = line["flood"]
    expect(flood["answered_share"] > 0.99 and flood["cookies"] > 0, f"answers: {flood}")
    expect(flood["connects"] > 100 and flood["connects_failed"] == 0, f"connects: {flood}")
    expect(max(flood["syns_most"], flood["syns_waiting_most"]) <= 3, f"SYNs: {flood}")
    [result] = rig("result")
    expect(done.returncode == result.exit_code([line]), f"exit {done.returncode}: {line}")
    expect(flood["kept_rate"] > 100, f"established connections: {flood}")


def rig(*names):
    """Modules of the bench's."""
    sys.path.insert(0, BENCH)
    try:
        return [importlib.import_module(f"rig.{name}") for name in names]
    finally:
        sys.path.remove(BENCH)


@marked("alone")
def test_the_bench_voids_a_run_with_wrong_answers(lab):
    job, plan, result, rivals, stage, wire = rig(
        "job", "plan", "result", "rivals", "stage", "wire")
    options = argparse.Namespace(no_log=False)
    asked = job.Job("keep-alive", 4, 0.5, 0.1)
    good = stage.ORIGIN
    for origin, reason in ((good, None),
                           (good.replace('200 "@BODY@"', '200 "another"'), "a wrong body"),
                           (good.replace('200 "@BODY@"', "503"), "GET was answered 503")):
        stage.ORIGIN = origin
        try:
            with stage.Stage(lab.build, plan.Plan(), options) as made:
                made.set_offloads(False)
                seen = wire.measure(made, rivals.Rival(made, "nginx"), asked)
        finally:
            stage.ORIGIN = good
        found = result.fault(seen)
        expect((found is None) == (reason is None) and (reason or "") in (found or ""),
               f"expected {reason}, found {found}")
