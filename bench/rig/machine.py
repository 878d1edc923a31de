"""machine.py - what a result was measured on: processor, kernel, versions, commit."""
import os
import platform
import re
import subprocess

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def said(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def cpuinfo(key):
    with open("/proc/cpuinfo", encoding="ascii") as file:
        for line in file:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return ""


def tsc_hz():
    """By the kernel's own calibration, which is what rdtsc counts by; else the nominal clock."""
    found = re.findall(r"tsc: (?:Refined TSC clocksource calibration:|Detected) ([\d.]+) MHz",
                       said("dmesg"))
    mhz = found[-1] if found else cpuinfo("cpu MHz")
    return float(mhz) * 1e6 if mhz else None


def text():
    """The machine in a line."""
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) / (1 << 20)
    virtual = "virtual, " if "hypervisor" in cpuinfo("flags") else ""
    return (f"{cpuinfo('model name')} (family {cpuinfo('cpu family')} model "
            f"{cpuinfo('model' + chr(9))}), {virtual}{os.cpu_count()} cores, "
            f"{memory:.0f} GiB, Linux {platform.release()}")


def versions():
    def found(pattern, *argv):
        match = re.search(pattern, said(*argv))
        return match[1] if match else None
    return {"nginx": found(r"nginx/(\S+)", "nginx", "-v"),
            "haproxy": found(r"version (\S+)", "haproxy", "-v"),
            "wrk": found(r"wrk (?:debian/)?(\S+)", "wrk", "-v"),
            "dpdk": found(r"(\S+)", "pkg-config", "--modversion", "libdpdk")}


def line_ticks(stage):
    """What a cache line takes from the load core to the proxy's and back, halved; None: unknown."""
    tool = stage.tool("bench/micro/bench_shared")
    cores = stage.plan.cores
    if cores.load == cores.proxy or not os.access(tool, os.X_OK):
        return None
    told = said("taskset", "-c", f"{cores.load},{cores.proxy}", tool, "--only",
                "shared/line-across", "--rounds", "5", "--json", "-")
    found = re.search(r'"ticks": ([\d.]+)', told)
    return round(float(found[1])) if found else None


def commit():
    """Of the tree that this file lies in; with a + when it has changes."""
    short = said("git", "-C", TOP, "rev-parse", "--short=12", "HEAD").strip()
    if not re.fullmatch(r"[0-9a-f]{12}", short):
        return "unknown"
    changed = said("git", "-C", TOP, "status", "--porcelain", "--untracked-files=no").strip()
    return short + ("+" if changed else "")
