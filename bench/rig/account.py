"""account.py - where a core's time goes: /proc/stat, the lanes' threads, the others on that core.

The kernel counts by ticks (4 ms at 250 Hz), so spans below a second say little. Seconds.
"""
import os

TICK = os.sysconf("SC_CLK_TCK")
KINDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def core_times(core):
    """Seconds since boot by kind."""
    with open("/proc/stat", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[0] == f"cpu{core}":
                return {kind: int(words[i + 1]) / TICK for i, kind in enumerate(KINDS)}
    raise OSError(f"this machine has no core {core}")


def process_seconds(pid):
    """CPU time of a process, user and system."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / TICK


def resident_bytes(pid):
    """Memory of a process, hugepages not counted: packet buffers are set aside at start."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def lane_waits(pid):
    """Seconds that the data plane's polling threads were ready to run and another ran there."""
    waited = 0
    for task in os.scandir(f"/proc/{pid}/task"):
        with open(f"{task.path}/comm", encoding="ascii") as file:
            if not file.read().startswith("core-"):
                continue
        with open(f"{task.path}/schedstat", encoding="ascii") as file:
            waited += int(file.read().split()[1])
    return waited / 1e9


def processes():
    """(pid, parent, last core, seconds run) of every process that is no kernel thread."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                words = file.read().rsplit(")", 1)[1].split()
            if int(words[6]) & 0x00200000:  # PF_KTHREAD
                continue
            with open(f"/proc/{name}/schedstat", encoding="ascii") as file:
                run = int(file.read().split()[0]) / 1e9
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        yield int(name), int(words[1]), int(words[36]), run


def strangers(core):
    """Seconds run by processes that this one did not start and that were last seen on a core."""
    seen = {pid: (parent, last, run) for pid, parent, last, run in processes()}

    def is_ours(pid):
        while pid in seen:
            if pid == os.getpid():
                return True
            pid = seen[pid][0]
        return False
    return {pid: run for pid, (_, last, run) in seen.items() if last == core and not is_ours(pid)}


def program(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return f"process {pid}"


class Span:
    """The accounts of a stretch of time; ended by end()."""

    def __init__(self, plan, clock):
        self.plan, self.clock = plan, clock
        self.begin = clock()
        self.proxy = core_times(plan.cores.proxy)
        self.load = core_times(plan.cores.load)
        self.others = strangers(plan.cores.proxy)

    def end(self):
        others = strangers(self.plan.cores.proxy)
        self.proxy = difference(core_times(self.plan.cores.proxy), self.proxy)
        self.load = difference(core_times(self.plan.cores.load), self.load)
        self.wall = self.clock() - self.begin
        # One that came meanwhile counts from its start; one that went is not seen.
        runs = {pid: run - self.others.get(pid, 0) for pid, run in others.items()
                if pid in self.others or run < self.wall}
        self.foreign = sum(runs.values())
        self.stranger = program(max(runs, key=runs.get)) if runs else None

    @staticmethod
    def busy(times):
        return sum(times[kind] for kind in ("user", "nice", "system", "irq", "softirq"))

    def share(self, seconds):
        return seconds / self.wall


def difference(after, before):
    return {kind: after[kind] - before[kind] for kind in after}
