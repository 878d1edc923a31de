"""Nobody asks for anything: what Penstock takes of the machine, and how soon it is there again."""
import os
import socket
import time

from lab import OUT4, expect, marked
from test_xdp import config as over_xdp

TICKS = os.sysconf("SC_CLK_TCK")


def used(process):
    """Seconds of processor time, of all threads; the kernel counts in ticks."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rest(lab, seconds):
    """Parts of a core that each program takes meanwhile."""
    programs = {"dataplane": lab.dataplane, "control": lab.control}
    before = {name: used(process) for name, process in programs.items()}
    begin = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - begin
    return {name: (used(process) - before[name]) / passed for name, process in programs.items()}


def first_answer(lab):
    """Seconds from a SYN to the whole of a small answer, over a connection of its own."""
    request = b"GET /token?t=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with lab.inside("client"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with sock:
        sock.settimeout(10)
        begin = time.monotonic()
        sock.connect((OUT4, 80))
        sock.sendall(request)
        got = b""
        while data := sock.recv(65536):
            got += data
        took = time.monotonic() - begin
    expect(got.startswith(b"HTTP/1.1 200 "), f"the answer: {got[:80]}")
    return took


def start_adaptive(lab, make, **more):
    lab.nginx("a")
    config = make(lab, **more)
    config["machine"]["poll"] = "adaptive"
    lab.start(config)
    lab.get("/token?t=0")


def idle(lab, make, seconds, **more):
    start_adaptive(lab, make, **more)
    parts = rest(lab, seconds)
    print("        " + ", ".join(f"{name} {part * 100:.1f} % of a core" for name, part in parts.items()),
          flush=True)
    # Beside other programs each wake is dearer; a lane that never slept would take a whole core.
    expect(sum(parts.values()) < (0.05 if lab.full else 0.2), f"too much for nothing: {parts}")


@marked("alone")
def test_a_quiet_proxy_takes_little_of_the_machine(lab):
    idle(lab, type(lab).config, 20 if lab.full else 5, lanes=4, cores=[0, 1])


@marked("alone")
def test_a_quiet_proxy_takes_little_of_the_machine_over_xdp(lab):
    idle(lab, over_xdp, 20 if lab.full else 5)


def first_after_a_minute(lab):
    """Two of three at least: the clients' and servers' side sleeps as well, and may be slow to wake."""
    took = []
    while len(took) < 3 and sum(seconds <= 0.002 for seconds in took) < 2:
        time.sleep(60)
        took.append(first_answer(lab))
        print(f"        first answer after a minute: {took[-1] * 1000:.2f} ms", flush=True)
    expect(sum(seconds <= 0.002 for seconds in took) >= 2, f"seconds: {took}")


@marked("full", "alone")
def test_the_first_request_after_a_minute_is_answered_at_once(lab):
    start_adaptive(lab, type(lab).config, lanes=4, cores=[0, 1])
    first_after_a_minute(lab)


@marked("full", "alone")
def test_the_first_request_after_a_minute_over_xdp_is_answered_at_once(lab):
    start_adaptive(lab, over_xdp)
    first_after_a_minute(lab)
