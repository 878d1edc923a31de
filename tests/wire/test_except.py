"""
The exception path: a port that Penstock shares with the kernel. What is not for the port's addresses
is the kernel's, what the kernel sends goes out of the port, and what is ours is served meanwhile.
"""
import json
import os
import re
import signal
import socket
import struct
import time

from ends import insert_guest
from lab import CLIENT4, CLIENT6, IN4, IN6, OUT4, OUT6, expect, is_alive, marked, until
from load import Every
from packets import Wire, ether, icmp, icmp6, ip4, tcp
from test_xdp import Echo

KERNEL4, KERNEL6 = "10.1.0.77", "fd01::77"
NAME = "ps-out"
PLAIN = ("tx", "off", "tso", "off", "gso", "off", "gro", "off")
SSH = """
import socket
s = socket.create_server(("::", 2222), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    c, _ = s.accept()
    c.sendall(b"hello " + c.recv(100))
    c.close()
"""


def config(lab, device, lanes=1, cores=(1,)):
    return lab.config(lanes=lanes, cores=list(cores), ports=[
        {"name": "outside", "device": device, "exception": NAME,
         "addresses": [f"{OUT4}/24", f"{OUT6}/64"]},
        {"name": "inside", "device": "packet:in0", "addresses": [f"{IN4}/24", f"{IN6}/64"]}])


def is_there(lab):
    return lab.run("proxy", "ip", "link", "show", NAME, check=False).returncode == 0


def give_addresses(lab):
    until("the kernel has its interface", lambda: is_there(lab), 10)
    lab.sysctl("proxy", f"net.ipv6.conf.{NAME}.disable_ipv6", 0)
    lab.address("proxy", NAME, f"{KERNEL4}/24", f"{KERNEL6}/64")


def begin(lab, kind="vhost"):
    """A vhost or virtio port between the client and us; the guest's process and the socket."""
    lab.nginx("a")
    guest, path = insert_guest(lab, "out", kind, PLAIN)
    lab.start(config(lab, {kind: path}))
    give_addresses(lab)
    lab.spawn("proxy", ["python3", "-c", SSH], "ssh.log")
    return guest, path


def hello(lab, family=4):
    with lab.inside("client"):
        sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6)
    with sock:
        sock.settimeout(5)
        sock.connect((KERNEL4 if family == 4 else KERNEL6, 2222))
        sock.sendall(b"you")
        return sock.recv(100)


def echoes(lab, address, n=40, seconds=5):
    """An echo request of n bytes, and whether it is answered."""
    is_v6 = ":" in address
    with lab.inside("client"):
        sock = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_RAW,
                             58 if is_v6 else 1)
    body = os.urandom(n)
    with sock:
        sock.settimeout(seconds)
        ask = icmp6(CLIENT6, address, 128, 0, body) if is_v6 else icmp(8, 0, body)
        sock.sendto(ask, (address, 0))
        try:
            while True:
                got = sock.recv(2048)
                if got.endswith(body) and got[0 if is_v6 else 20] == (129 if is_v6 else 0):
                    return True
        except socket.timeout:
            return False


def share(lab):
    """Everything that two may want of one port, in one pass."""
    for family, address in ((4, KERNEL4), (6, KERNEL6)):
        until("the kernel's server answers", lambda: tried(lab, family), 15, 0.2)
        expect(echoes(lab, address), f"no answer from {address}")
        lab.get("/small", family=family)
    for address in (OUT4, OUT6):
        expect(echoes(lab, address), f"no answer from {address}")


def cut(lab):
    """The client cuts what it sends: less goes through than its own interface could take."""
    lab.run("client", "ip", "route", "replace", "10.1.0.0/24", "dev", "eth0", "mtu", "lock", "600")
    lab.run("client", "ip", "route", "replace", "fd01::/64", "dev", "eth0", "metric", "256",
            "mtu", "lock", "1280")


def tried(lab, family):
    try:
        return hello(lab, family) == b"hello you"
    except OSError:
        return False


@marked("smoke")
def test_the_kernel_and_we_share_a_port(lab):
    begin(lab)
    share(lab)
    link = lab.run("proxy", "ip", "-o", "link", "show", NAME).stdout
    expect(lab.port("outside")["mac"] in link and "mtu 1500" in link, link)
    doctor = lab.ctl("doctor", "--config", lab.path("penstock.yaml"), "--json", check=False).stdout
    found = [f for f in json.loads(doctor)["findings"] if f["what"] == "exception outside"]
    expect([f["severity"] for f in found] == ["ok"] and "the port's MAC and MTU" in found[0]["text"],
           f"{found}")
    # The kernel's own connection leaves by the port, and its answers come back to it.
    lab.spawn("client", ["python3", "-c", SSH], "far.log")
    for source, address in ((KERNEL4, CLIENT4), (KERNEL6, CLIENT6)):
        family = "AF_INET6" if ":" in address else "AF_INET"
        ask = (f"import socket; s=socket.socket(socket.{family}); s.settimeout(5); "
               f"s.bind(('{source}', 0)); s.connect(('{address}', 2222)); s.sendall(b'k'); "
               "print(s.recv(99).decode())")
        until("it answers", lambda: "hello k" in lab.run(
            "proxy", "python3", "-c", ask, check=False).stdout, 10)
    # Each answered for its own address, with the one MAC.
    neighbours = lab.run("client", "ip", "neighbour", "show", "dev", "eth0").stdout
    for address in (OUT4, KERNEL4):
        expect(any(line.startswith(address + " ") and lab.port("outside")["mac"] in line
                   for line in neighbours.splitlines()), neighbours)
    shown = lab.port("outside")["exception"]
    expect(shown["interface"] == NAME and shown["full"] == shown["refused"] == 0, f"{shown}")
    for way in ("to_kernel", "from_kernel"):
        expect(shown[way]["packets"] > 20 and
               42 * shown[way]["packets"] <= shown[way]["bytes"] <= 1518 * shown[way]["packets"],
               f"{shown}")
    expect(lab.port("inside")["exception"] is None, "a port that shares nothing")
    lines = [line.split() for line in lab.ctl("status").stdout.splitlines() if NAME in line]
    expect(len(lines) == 1 and lines[0][:2] == ["outside", NAME] and len(lines[0]) == 8, f"{lines}")
    count = lab.counters()
    expect(count["lane_except_to_kernel"] > 20 and count["lane_except_from_kernel"] > 20, f"{count}")
    for why in ("full", "copy", "refused"):
        expect(count[f"lane_drop_except_{why}"] == 0, f"{why}: {count}")


@marked("smoke")
def test_the_kernel_and_we_share_a_virtio_port(lab):
    """Whose backend, unlike a vhost port's driver, outlives a data plane that is killed."""
    begin(lab, "virtio")
    share(lab)
    mac = lab.port("outside")["mac"]
    expect(lab.port("outside")["driver"] == "net_virtio_user", f"{lab.port('outside')}")
    lab.kill_dataplane()
    lab.start_dataplane()
    lab.wait_serving()
    give_addresses(lab)
    share(lab)
    link = lab.run("proxy", "ip", "-o", "link", "show", NAME).stdout
    expect(mac in link and lab.port("outside")["mac"] == mac, f"{mac}: {link}")
    count = lab.counters()
    for why in ("full", "copy", "refused"):
        expect(count[f"lane_drop_except_{why}"] == 0, f"{why}: {count}")


class Talk:
    """A connection to the kernel's echo server that says something all the while, as BGP does."""

    def __init__(self, lab, address):
        self.server = Echo(lab, address, 179)
        with lab.inside("client"):
            self.sock = socket.create_connection((address, 179), 10)
        self.sock.settimeout(30)
        self.words = Every(0.05, self.say)

    def say(self, i):
        word = f"{i:08}".encode() * 16
        self.sock.sendall(word)
        got = b""
        while len(got) < len(word):
            more = self.sock.recv(len(word) - len(got))
            expect(more, f"closed at word {i}")
            got += more
        expect(got == word, f"word {i}: {got[:32]}")

    def goes_on(self):
        """Another two words come back, of which one was said after this was asked."""
        done = self.words.done
        until("the connection goes on", lambda: self.words.done >= done + 2 or
              self.words.fault is not None, 30)
        expect(self.words.fault is None, f"{self.words.fault}")

    def close(self):
        self.words.stop()
        self.sock.close()
        self.server.close()


def test_an_interface_made_beforehand_keeps_addresses_and_connections(lab):
    """Over kill -9 and a restart of the data plane, as a router's BGP session has to."""
    lab.nginx("a")
    _, path = insert_guest(lab, "out", "virtio", PLAIN)
    lab.run("proxy", "ip", "tuntap", "add", NAME, "mode", "tap")
    give_addresses(lab)
    lab.run("proxy", "ip", "link", "set", NAME, "up")
    lab.start(config(lab, {"virtio": path}))
    lab.spawn("proxy", ["python3", "-c", SSH], "ssh.log")
    share(lab)
    talks = [Talk(lab, KERNEL4), Talk(lab, KERNEL6)]
    had = addresses_of(lab)
    expect(f"{KERNEL4}/24" in had and f"{KERNEL6}/64" in had, f"{had}")
    for _ in range(5 if lab.full else 2):
        for talk in talks:
            talk.goes_on()
        lab.kill_dataplane()
        time.sleep(0.3)  # words are said, and lost
        expect(addresses_of(lab) == had, f"{addresses_of(lab)}, not {had}")
        lab.start_dataplane()
        lab.wait_serving()
        for talk in talks:
            talk.goes_on()
        expect(addresses_of(lab) == had, f"{addresses_of(lab)}, not {had}")
        share(lab)
    for talk in talks:
        talk.close()
    lab.stop_penstock()
    expect(addresses_of(lab) == had, "it stays after an orderly end too")


def addresses_of(lab):
    """What the kernel's interface has, without what goes and comes with its carrier."""
    return sorted(line.split()[3] for line in lab.run(
        "proxy", "ip", "-o", "address", "show", "dev", NAME).stdout.splitlines())


def test_frames_for_the_kernel_pass_byte_for_byte(lab):
    """EtherTypes that nobody here knows."""
    begin(lab)
    with lab.inside("proxy"):
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire = Wire(lab)
    with ear:
        ear.bind((NAME, 3))
        ear.settimeout(0.5)
        for kind, target in ((0x88cc, bytes.fromhex("0180c200000e")), (0x8809, b"\xff" * 6)):
            frame = ether(target, wire.mac, kind, bytes(range(200)))

            def came():
                wire.send(frame)
                try:
                    return any(ear.recv(2048) == frame for _ in range(20))
                except socket.timeout:
                    return False
            until(f"{kind:x} comes as it was sent", came, 10)
    wire.close()


@marked("smoke")
def test_lanes_with_queues_of_their_own_share_a_port(lab):
    """Flows and packets in pieces, in four queues that lanes on two cores poll."""
    lab.nginx("a")
    guest, path = insert_guest(lab, "out", "vhost", PLAIN, queues=4)
    made = config(lab, {"vhost": path, "queues": 4}, lanes=4, cores=(0, 1))
    made["machine"]["fragments"] = "reassemble"
    lab.start(made)
    give_addresses(lab)
    lab.spawn("proxy", ["python3", "-c", SSH], "ssh.log")
    expect(lab.port("outside")["queues"] == 4, f"{lab.port('outside')}")
    share(lab)
    for _ in range(16):
        expect(hello(lab, 4) == b"hello you" and hello(lab, 6) == b"hello you", "from the kernel")
        lab.get("/small")
        lab.get("/small", family=6)
    cut(lab)
    for address, n in ((KERNEL4, 1000), (OUT4, 1000), (KERNEL6, 1400), (OUT6, 1400)):
        expect(echoes(lab, address, n), f"no answer from {address} to {n} bytes in pieces")
    count = lab.counters()
    expect(count["net_reassembled"] == 2, f"{count['net_reassembled']} were put together")
    share(lab)
    for i in range(6):  # an address that is ours, and is not
        addresses = made["machine"]["ports"][0]["addresses"]
        if i % 2 == 0:
            addresses.append("10.1.0.40/24")
        else:
            addresses.pop()
        lab.apply(made)
        lab.wait_generation()
        until("as the image says", lambda: echoes(lab, "10.1.0.40", seconds=1) == (i % 2 == 0), 10)
    share(lab)
    lab.stop_penstock()
    lab.end(guest)
    queues = re.findall(r"to queue \d: packets (\d+)", lab.text(guest.log))
    expect(len(queues) == 4 and all(int(n) > 20 for n in queues), f"by queues: {queues}")


def ear_of(lab, role, interface):
    """Hears all frames of an interface; the kernel takes their tags off and tells them aside."""
    with lab.inside(role):
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    ear.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA
    ear.bind((interface, 3))
    ear.settimeout(0.5)
    return ear


def hears(ear, frame, tci):
    """Whether a frame comes with this tag, among the next twenty."""
    try:
        for _ in range(20):
            got, aside, _, _ = ear.recvmsg(2048, 256)
            if got == frame:
                return struct.unpack("=IIIHHHH", aside[0][2][:20])[5:] == (tci, 0x8100)
    except socket.timeout:
        pass
    return False


def test_another_vlan_s_frame_keeps_its_tag_both_ways(lab):
    begin(lab)
    tci = 5 << 13 | 42
    near, far = (NAME, "proxy"), ("eth0", "client")
    mac = bytes.fromhex(lab.port("outside")["mac"].replace(":", ""))
    for come, go in ((near, far), (far, near)):
        wire, ear = Wire(lab, go[1], go[0]), ear_of(lab, come[1], come[0])
        target = mac if come is near else Wire(lab).mac
        with ear:
            def came():
                wire.send(ether(target, wire.mac, 0x8100,
                                struct.pack(">HH", tci, 0x88b5) + bytes(range(200))))
                return hears(ear, ether(target, wire.mac, 0x88b5, bytes(range(200))), tci)
            until(f"it comes to {come[0]} with its tag", came, 10)
        wire.close()


def test_what_the_kernel_refuses_is_counted_and_ours_goes_on(lab):
    begin(lab)
    share(lab)
    lab.run("proxy", "ip", "link", "set", NAME, "down")
    wire = Wire(lab)
    frame = ether(b"\xff" * 6, wire.mac, 0x88b5, bytes(range(200)))
    before = lab.counters()
    for _ in range(100):
        wire.send(frame)
    wire.close()

    def refused():
        return lab.counters()["lane_drop_except_refused"] - before["lane_drop_except_refused"]
    until("what is refused is counted", lambda: refused() >= 100, 5)
    until("status tells it", lambda: lab.port("outside")["exception"]["refused"] >= 100, 5)
    lab.get("/small")
    lab.run("proxy", "ip", "link", "set", NAME, "up")
    lab.address("proxy", NAME, f"{KERNEL6}/64")  # that went with the interface
    share(lab)


def test_a_kill_and_a_restart_leave_a_shared_port_behind_that_works(lab):
    guest, path = begin(lab)
    for round_n in range(2):
        share(lab)
        lab.end(lab.dataplane, signal.SIGKILL)
        lab.dataplane = None
        until("the interface has gone with its maker", lambda: not is_there(lab), 5)
        lab.end(guest)  # a driver does not outlive its backend
        lab.start_dataplane()
        until("the port is open again", lambda: is_there(lab), 15)
        guest = lab.spawn("relay", [lab.tool("tests/wire/guest"), "--iface", "near-out", "--driver",
                                    path], f"guest-again-{round_n}.log")
        lab.wait_serving()
        give_addresses(lab)
    share(lab)
    lab.end(lab.dataplane)
    lab.dataplane = None
    expect(not is_there(lab), "the interface stayed")


def test_a_flood_that_is_the_kernels_leaves_ours_served(lab):
    begin(lab)
    share(lab)
    wire = Wire(lab)
    mac = bytes.fromhex(lab.port("outside")["mac"].replace(":", ""))
    frame = ether(mac, wire.mac, 0x800, ip4(CLIENT4, "10.9.9.9", tcp(CLIENT4, "10.9.9.9")))
    end = time.monotonic() + (10 if lab.full else 2)
    served = sent = 0
    while time.monotonic() < end:
        for _ in range(5000):
            wire.send(frame)
        sent += 5000
        lab.get("/small")
        served += 1
    wire.close()
    print(f"        {served} requests among {sent} foreign frames", flush=True)
    count = lab.counters()
    expect(count["lane_except_to_kernel"] + count["lane_drop_except_full"] > 5000, f"{count}")
    share(lab)


def busy_ticks(lab):
    """Processor time that the path's thread has used, in hundredths of a second."""
    tasks = f"/proc/{lab.dataplane.pid}/task"
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/stat", encoding="ascii") as stat:
            text = stat.read()
        if "(except)" in text:
            words = text.rpartition(")")[2].split()
            return int(words[11]) + int(words[12])
    raise AssertionError("there is no such thread")


def test_an_interface_that_somebody_deletes_costs_no_processor(lab):
    begin(lab)
    share(lab)
    lab.run("proxy", "ip", "link", "delete", NAME)
    before = busy_ticks(lab)
    time.sleep(2)
    used = busy_ticks(lab) - before
    print(f"        {used} of 200 ticks", flush=True)
    expect(used < 20, f"{used} of 200 ticks")
    lab.get("/small")


def test_an_interface_that_is_in_the_way_is_named(lab):
    lab.nginx("a")
    _, path = insert_guest(lab, "out", "vhost", PLAIN)
    lab.run("proxy", "ip", "link", "add", NAME, "type", "veth", "peer", "name", "other")
    lab.write_config(config(lab, {"vhost": path}))
    lab.start_control()
    lab.start_dataplane()
    process, lab.dataplane = lab.dataplane, None
    until("the data plane ends", lambda: not is_alive(process.pid) or process.poll() is not None, 20)
    expect(process.returncode != 0, "it started")
    expect(f"{NAME} is there and is no tap" in lab.text("dataplane.log"), lab.text("dataplane.log"))
