"""penstockctl top as a person meets it: on a terminal of 80 columns and 24 rows, and without one."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from lab import expect, marked, until
from load import Load


class Terminal:
    """A program on a pseudo-terminal, and the screen that it draws."""

    def __init__(self, argv, columns=80, rows=24):
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                                        preexec_fn=self.lead)
        self.seen = b""
        self.is_other_screen = False

    def lead(self):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.lines, self.at = [""] * rows, [0, 0]

    def read(self, seconds=0.05):
        """What was drawn within this time."""
        end = time.monotonic() + seconds
        while select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:
                break
        self.draw()

    def draw(self):
        parts = re.compile(rb"\x1b\[(\??[0-9;]*)([A-Za-z])|([^\x1b]+)")
        at = 0
        while found := parts.match(self.seen, at):
            if found.end() == len(self.seen) and found[3] is None and not found[2]:
                break
            at = found.end()
            if found[3] is not None:
                self.write(found[3].decode())
            else:
                self.obey(found[1], found[2])
        self.seen = self.seen[at:]

    def write(self, text):
        for char in text:
            if char == "\n":
                expect(self.at[0] + 1 < self.rows, "the screen scrolls")
                self.at[0] += 1
            elif char == "\r":
                self.at[1] = 0
            else:
                row, column = self.at
                expect(column < self.columns, f"a line too long: {self.lines[row]}")
                line = self.lines[row].ljust(column)
                self.lines[row] = line[:column] + char + line[column + 1:]
                self.at[1] += 1

    def obey(self, argument, what):
        row, column = self.at
        if what == b"H":
            self.at = [0, 0]
        elif what == b"K":
            self.lines[row] = self.lines[row][:column]
        elif what == b"J":
            # All of it, or what lies behind.
            self.lines[row] = "" if argument == b"2" else self.lines[row][:column]
            for i in range(0 if argument == b"2" else row + 1, self.rows):
                self.lines[i] = ""
        elif what in b"hl" and argument == b"?1049":
            self.is_other_screen = what == b"h"
        else:
            expect(argument == b"?25", f"an escape of another kind: {argument} {what}")

    def shows(self, text):
        self.read()
        return any(text in line for line in self.lines)

    def type(self, keys):
        os.write(self.master, keys)

    def ended(self, code):
        """It has ended with this code and left the terminal as it was."""
        end = time.monotonic() + 10
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
        self.read()
        expect(self.process.poll() == code, f"it ended with {self.process.poll()}")
        expect(not self.is_other_screen, "the screen of before is back")
        now = termios.tcgetattr(self.slave)
        expect(now == self.before, f"the terminal's modes: {now}, not {self.before}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def top(lab, *options):
    return [lab.tool("control/ctl/penstockctl"), "--run", lab.run_dir, "top", *options]


@marked("smoke")
def test_top_draws_in_place_and_leaves_the_terminal_as_it_was(lab):
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=4, cores=[0, 1]))
    lab.get("/token?t=1")
    screen = Terminal(top(lab, "--every", "200ms"))
    try:
        until("it is drawn", lambda: screen.shows("q quit"), 10)
        expect(screen.is_other_screen, "on a screen of its own")
        for text in ("Penstock ", "4 lanes on 2 cores", "requests ", "CORE  STATE", "LANE  CORE",
                     "FARM/SERVER", "app ", "2/2 up", "  a ", "good"):
            expect(screen.shows(text), f"'{text}' is not on: {screen.lines}")
        expect("q quit" in screen.lines[23], f"keys stand in the last row: {screen.lines[23]}")
        screen.type(b"r")
        until("another order", lambda: screen.shows("by requests"), 10)
        screen.type(b"\x1b[B\x1b[5~\x1b[Zx")  # down, page up, and what means nothing
        lab.ctl("server", "drain", "app/b")
        until("b drains", lambda: screen.shows("drain") and screen.shows("1/2 up"), 10)
        lab.ctl("server", "enable", "app/b")
        lab.ctl("lanes", "move", "1", "--to", "0")
        until("the move is seen", lambda: any(re.match(r" +1 +0 .* 1 +[0-9.]+$", line)
                                              for line in screen.lines) or screen.read(), 10)
        for columns, rows in ((40, 10), (132, 50), (80, 24)):
            screen.resize(columns, rows)
            until(f"{columns} x {rows}", lambda: screen.shows("Penstock ") and
                  "q quit" in screen.lines[screen.rows - 1], 10)
        screen.type(b"q")
        screen.ended(0)
    finally:
        screen.close()


@marked("smoke")
def test_top_gives_the_terminal_back_however_it_ends(lab):
    lab.nginx("a")
    lab.start(lab.config())
    for what, end, code in (
            ("^C", lambda s: s.type(b"\x03"), 0),
            ("a signal", lambda s: s.process.send_signal(signal.SIGTERM), 0),
            ("a crash", lambda s: s.process.send_signal(signal.SIGSEGV), -signal.SIGSEGV)):
        screen = Terminal(top(lab))
        try:
            until(f"it is drawn, before {what}", lambda: screen.shows("q quit"), 10)
            end(screen)
            screen.ended(code)
        finally:
            screen.close()


@marked("smoke")
def test_top_prints_one_look_where_there_is_no_terminal(lab):
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=2))
    load = Load(lab, 8, 6)
    looks = []
    while load.is_running() and not any(look["requests"] > 0 for look in looks):
        page = lab.ctl_json("top", "--every", "300ms")
        looks.append({"requests": sum(s["requests_per_s"] for s in page["servers"]),
                      "lanes": sum(lane["requests_per_s"] for lane in page["lanes"]),
                      "first": max(s["first_byte_ms"] for s in page["servers"]),
                      "p99": page["request_time_ns"]["p99"]})
    load.expect_clean()
    seen = looks[-1]
    expect(seen["requests"] > 0 and seen["lanes"] > 0 and seen["first"] > 0 and seen["p99"] > 0,
           f"rates under load: {looks}")
    text = lab.ctl("top", "--once", "--every", "100ms", "--sort", "errors").stdout
    expect("\x1b" not in text and "FARM/SERVER" in text and "app" in text, f"a table: {text}")
    expect(lab.ctl("top", "--every", "1ms", check=False).returncode == 2, "too often")
    expect(lab.ctl("top", "--sort", "colour", check=False).returncode == 2, "no such order")
    lab.kill_dataplane()
    done = lab.ctl("top", "--once", check=False)
    expect(done.returncode == 1 and "no data plane" in done.stderr, f"nobody serves: {done}")
    lab.start_dataplane()
    lab.wait_serving()
    lab.settle()
    lab.baseline = lab.gauges()


@marked("smoke")
def test_what_is_asked_most_fits_a_terminal(lab):
    """Of 80 columns, with a long name, clients of both families and something to tell of all."""
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=4, cores=[0, 1]))
    lab.ctl("lanes", "move", "1", "--to", "0")
    lab.ctl("server", "drain", "app/b")
    with lab.connect() as busy, lab.connect(family=6):
        busy.sendall(b"GET /echo?" + b"long" * 40 + b" HTTP/1.1\r\nHost: mail\r\n\r\n")
        for words, says in ((["status"], "0 1 2 on core 0"), (["sessions"], "[fd01::2]"),
                            (["servers"], "ADDRESS"), (["lanes"], "QUEUES"), (["cores"], "LANES"),
                            (["farms"], "app"), (["tune"], "sleep_most"), (["doctor"], "ready: "),
                            ([], "Exit codes")):
            screen = Terminal([lab.tool("control/ctl/penstockctl"), "--run", lab.run_dir, *words],
                              rows=80)
            try:
                until(f"{words} has ended", lambda s=screen: s.read() or
                      s.process.poll() is not None, 10)
                expect(screen.shows(says), f"{words}: {screen.lines}")
            finally:
                screen.close()
    lab.ctl("server", "enable", "app/b")
    lab.settle()
    lab.baseline = lab.gauges()
