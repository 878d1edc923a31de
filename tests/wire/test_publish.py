"""Thousands of rules: how they are published, and that lanes and memory do not feel it."""
import json
import os
import pty
import re
import select
import subprocess
import threading
import time

from lab import HERE, Failure, expect, marked, until

BENCH = os.path.join(HERE, "..", "..", "bench")
CORE = 1  # of the lane; everything else has the other one


def ruled(lab, n, version=0, **more):
    """n rules of a set; the last one is another in each version."""
    config = lab.config(rules={"publish": [
        {"name": f"r{i}", "deny": 403, "match": {
            "path_regex": f"^app{i}{f'v{version}' if i == n - 1 else ''}/section/.*"}}
        for i in range(n)]}, **more)
    for listener in config["listeners"]:
        listener["rules"] = ["publish"]
    return config


def rules_n(lab):
    return 500 if lab.smoke else 10000


def processors(pid):
    """(name, processors that it may use) of every thread of a process."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as file:
            status = file.read()
        name = re.search(r"^Name:\s+(.*)$", status, re.M)[1]
        yield name, re.search(r"^Cpus_allowed_list:\s+(.*)$", status, re.M)[1]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def apply_at_a_terminal(lab, config):
    """(seconds, what it wrote to its terminal)."""
    path = lab.write_config(config)
    ours, theirs = pty.openpty()
    begin = time.monotonic()
    process = subprocess.Popen(
        ["ip", "netns", "exec", lab.ns("proxy"), lab.tool("control/ctl/penstockctl"), "--run",
         lab.run_dir, "apply", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=theirs)
    os.close(theirs)
    told = b""
    try:
        while process.poll() is None and time.monotonic() < begin + 60:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    told += os.read(ours, 4096)
                except OSError:  # the other end is closed
                    break
        code = process.wait(60)
    finally:
        process.kill()
        os.close(ours)
    expect(code == 0, f"apply exits {code}: {told.decode(errors='replace')}")
    return time.monotonic() - begin, told.decode(errors="replace")


def databases(lab):
    """Names and inodes of what control has compiled; a file that is made again is another one.
    Those that no image names any more go, sooner or later."""
    control = os.path.join(lab.run_dir, "control")
    return {name: os.stat(os.path.join(control, name)).st_ino for name in os.listdir(control)
            if name.startswith("blob.")}.items()


@marked("smoke")
def test_ten_thousand_rules_compile_in_time_once_and_off_the_lanes_core(lab):
    n = rules_n(lab)
    lab.odd_origin("a")
    begin = time.monotonic()
    lab.start(ruled(lab, n, cores=[CORE]))
    lab.note(f"served after {time.monotonic() - begin:.1f} s")
    if os.cpu_count() > 1:
        lanes = {name: where for name, where in processors(lab.dataplane.pid)}
        expect(lanes.pop("core-0") == str(CORE), f"the lane's core: {lanes}")
        expect(all(where == "0" for where in lanes.values()), f"others of the data plane: {lanes}")
        until("control leaves the lane's core",
              lambda: all(where == "0" for _, where in processors(lab.control.pid)), 5)

    seen = set()
    over = threading.Event()

    def watch():
        while not over.is_set():
            for pid in children(lab.control.pid):
                try:
                    seen.update(where for _, where in processors(pid))
                except OSError:
                    pass  # it has ended
            time.sleep(0.01)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        seconds, told = apply_at_a_terminal(lab, ruled(lab, n, 1, cores=[CORE]))
    finally:
        over.set()
        watcher.join()
    lab.note(f"one of {n} rules changed: {seconds:.1f} s; {told.strip()[-60:]}")
    expect(seconds < 30, f"{seconds:.1f} s")
    if not lab.smoke:
        expect("compiling rules: 10000 patterns" in told, f"no progress: {told!r}")
        expect(os.cpu_count() == 1 or seen == {"0"}, f"its rules were compiled on {seen}")

    lab.ctl("check", lab.path("penstock.yaml"))  # compiles and opens them, too

    # What is not changed is not compiled again, whoever starts again meanwhile.
    made = databases(lab)
    generation = lab.generation()
    answer = json.loads(lab.ctl("apply", lab.path("penstock.yaml"), "--json").stdout)
    expect(answer["verdict"] == "unchanged", f"the same file: {answer}")
    other = ruled(lab, n, 1, cores=[CORE])
    other["farms"][0]["timeouts"] = {"receive": "21s"}
    lab.apply(other)
    expect(databases(lab) <= made, "another time-out does not compile rules")
    lab.kill_control()
    lab.kill_dataplane()
    lab.start_control()
    lab.start_dataplane()
    lab.wait_serving(60)
    expect(databases(lab) <= made, "a restart does not compile rules")
    expect(lab.generation() == generation + 1, "nor publishes them anew")
    other["farms"][0]["timeouts"] = {"receive": "22s"}
    lab.apply(other)
    expect(databases(lab) <= made, "nor the first change after it")


@marked("alone")
def test_the_bench_of_publishing_measures_right_answers(lab):
    done = subprocess.run(
        [os.path.join(BENCH, "publish"), "--build", lab.build, "--rules", "300", "--times", "2",
         "--kinds", "one,all", "--no-huge", "--json"], capture_output=True, text=True, timeout=120)
    expect(done.returncode == 0, f"{done.returncode}: {done.stderr[-2000:]}")
    made = json.loads(done.stdout)
    kinds = [span["kind"] for span in made["spans"]]
    expect(sorted(kinds) == ["all", "one", "quiet", "quiet"], f"{kinds}")
    for span in made["spans"]:  # of the times nothing is expected: this machine does other things
        expect(span["turns"] > 1000 and span["longest_us"] > 0, f"{span}")
    expect("in all" in done.stderr, done.stderr)


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"^VmRSS:\s+(\d+) kB$", file.read(), re.M)[1])


@marked("full", "alone")
def test_rules_that_change_all_the_time_take_no_more_memory(lab):
    n = 10000
    lab.odd_origin("a")
    lab.start(ruled(lab, n, cores=[CORE]))
    planes = {"control": lab.control.pid, "data plane": lab.dataplane.pid}
    rounds, seen = 0, {name: [] for name in planes}
    end = time.monotonic() + 60
    while time.monotonic() < end:
        begin = time.monotonic()
        lab.apply(ruled(lab, n, rounds + 1, cores=[CORE]))
        rounds += 1
        for name, pid in planes.items():
            seen[name].append(resident_kib(pid))
        views = lab.status()["dataplane"]["views"]
        expect(views <= 2, f"{views} views live")
        time.sleep(max(0, begin + 1 - time.monotonic()))
    expect(rounds >= 10, f"only {rounds} changes in a minute")
    for name, kib in seen.items():
        early, late = max(kib[2:rounds // 3 + 3]), max(kib[-rounds // 3:])
        lab.note(f"{name}: {early >> 10} MiB, then {late >> 10} MiB after {rounds} changes")
        if late > early + (8 << 10):
            raise Failure(f"{name} grows: {[one >> 10 for one in kib]} MiB")
