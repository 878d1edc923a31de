"""scripts/quickstart: shows all, and leaves nothing behind, also when interrupted."""
import os
import random
import signal
import subprocess
import time

from lab import HERE, expect, marked, sh

QUICKSTART = os.path.join(os.path.dirname(os.path.dirname(HERE)), "scripts", "quickstart")


def traces():
    """What a lab could leave on this machine; other labs may come and go, so by kind."""
    with open("/proc/mounts", encoding="utf-8") as mounts:
        mounted = {line.split()[1] for line in mounts}
    with open("/proc/sys/vm/nr_hugepages", encoding="ascii") as pages:
        huge = pages.read()
    runtime = set(os.listdir("/var/run/dpdk")) if os.path.isdir("/var/run/dpdk") else set()
    processes = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                name = comm.read().strip()
        except FileNotFoundError:
            continue
        if name.startswith(("penstock", "nginx", "wrk")):
            processes.add(f"{name} {pid}")
    return {"namespaces": set(sh("ip", "netns", "list").split("\n")), "mounts": mounted,
            "hugepages": {huge}, "dpdk": runtime, "processes": processes,
            "files": {n for n in os.listdir("/tmp") if n.startswith("penstock-lab-")}}


def nothing_new(before):
    after = traces()
    for kind, things in after.items():
        expect(not things - before[kind], f"{kind} left behind: {things - before[kind]}")


@marked("full", "alone")
def test_it_goes_well_in_under_thirty_seconds_once_built(lab):
    before = traces()
    subprocess.run([QUICKSTART, "--once"], check=True, capture_output=True, timeout=600)
    begin = time.monotonic()
    done = subprocess.run([QUICKSTART, "--once"], capture_output=True, text=True, timeout=120)
    seconds = time.monotonic() - begin
    expect(done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:])
    expect(seconds < 30, f"took {seconds:.1f} s")
    nothing_new(before)


@marked("full", "alone")
def test_it_leaves_nothing_behind_when_interrupted(lab):
    before = traces()
    dice = random.Random(1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        process = subprocess.Popen([QUICKSTART, "--keep"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(1, 15))
        process.send_signal(number)
        process.wait(30)
        nothing_new(before)
