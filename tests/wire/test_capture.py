"""Packets of chosen flows as penstockctl records them: what tcpdump sees at both peers' cables."""
import collections
import os
import signal
import socket
import stat
import struct
import time

from lab import CLIENT4, CLIENT6, ORIGINS6, OUT4, OUT6, expect, marked, until
from load import Every, Load
from test_xdp import config as xdp_config

OURS = 45001


def blocks(data, read_head):
    """(kind, body) of each whole block; a file that grows may end within one."""
    at = 0
    while at + 8 <= len(data):
        kind, n = read_head(data, at)
        if n < 8 or at + n > len(data):
            return
        yield kind, data[at:at + n]
        at += n


def options(data):
    found, at = {}, 0
    while at + 4 <= len(data):
        number, n = struct.unpack_from("=HH", data, at)
        if number == 0:
            break
        found[number] = data[at + 4:at + 4 + n]
        at += 4 + (n + 3) // 4 * 4
    return found


def pcapng(path):
    """(port, is sent, bytes, comment, nanoseconds) of each packet of ours."""
    ports, packets = [], []
    with open(path, "rb") as file:
        data = file.read()
    for kind, body in blocks(data, lambda d, at: struct.unpack_from("=II", d, at)):
        expect(body[-4:] == body[4:8], "a block ends with its length")
        if kind == 0x0a0d0d0a:
            expect(struct.unpack_from("=IHH", body, 8) == (0x1a2b3c4d, 1, 0), "a section's head")
        elif kind == 1:
            told = options(body[16:-4])
            expect(body[8] == 1 and told[9] == b"\x09", "Ethernet, in nanoseconds")
            ports.append(told[2].decode())
        else:
            expect(kind == 6, f"block {kind}")
            port, high, low, kept, n = struct.unpack_from("=5I", body, 8)
            told = options(body[28 + (kept + 3) // 4 * 4:-4])
            expect(kept == n, "the whole packet")
            packets.append((ports[port], struct.unpack("=I", told[2])[0] == 2,
                            body[28:28 + kept], told[1].decode(), high << 32 | low))
    return packets


def pcap(path):
    """The bytes of each packet of tcpdump's."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return []
    packets, at = [], 24
    while at + 16 <= len(data):
        kept, n = struct.unpack_from("=II", data, at + 8)
        if at + 16 + kept > len(data):
            break
        expect(kept == n, "the whole packet")
        packets.append(data[at + 16:at + 16 + kept])
        at += 16 + kept
    return packets


def ends(frame):
    """((address, port), (address, port)) of a segment of either family."""
    is_v6 = frame[12:14] == b"\x86\xdd"
    off = 54 if is_v6 else 14 + (frame[14] & 15) * 4
    family, at, n = (socket.AF_INET6, 22, 16) if is_v6 else (socket.AF_INET, 26, 4)
    ports = struct.unpack_from(">HH", frame, off)
    return ((socket.inet_ntop(family, frame[at:at + n]), ports[0]),
            (socket.inet_ntop(family, frame[at + n:at + 2 * n]), ports[1]))


def end_of(text):
    """(address, port) of one as the access log has it."""
    address, port = text.rsplit(":", 1)
    return address.strip("[]"), int(port)


def ways_of(frames):
    """Frames by where they come from and go to."""
    ways = collections.defaultdict(list)
    for frame in frames:
        ways[ends(frame)].append(frame)
    return ways


def witness(lab, role):
    """tcpdump on a peer's end of its cable."""
    path = lab.path(f"{role}.pcap")
    process = lab.spawn(role, ["tcpdump", "-Z", "root", "-ni", "eth0", "-U", "--immediate-mode",
                               "-B", "16384", "-w", path, "tcp"], f"tcpdump-{role}.log")
    until("tcpdump listens", lambda: "listening on" in lab.text(f"tcpdump-{role}.log"), 20)
    return process, path


def record(lab, *words):
    """A capture that has begun."""
    path = lab.path("ours.pcapng")
    process = lab.spawn("proxy", [lab.tool("control/ctl/penstockctl"), "--run", lab.run_dir,
                                  "capture", *words, path], "capture.log")
    until("the capture has begun", lambda: os.path.exists(path) and os.path.getsize(path) > 0, 20)
    return process, path


def connect_from(lab, port, family=4):
    to, source = (OUT4, CLIENT4) if family == 4 else (OUT6, CLIENT6)
    with lab.inside("client"):
        return socket.create_connection((to, 80), 20, source_address=(source, port))


def ask(sock, target):
    sock.sendall(f"GET {target} HTTP/1.1\r\nHost: mail\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    head, body = data.split(b"\r\n\r\n", 1)
    want = int(next(x for x in head.lower().split(b"\r\n")
                    if x.startswith(b"content-length:")).split(b":")[1])
    while len(body) < want:
        body += sock.recv(65536)
    expect(b" 200 " in head.split(b"\r\n")[0] + b" ", head)
    return body


def differ(name, ours, theirs):
    """In words, how two lists of packets differ; '' when they do not."""
    if ours == theirs:
        return ""
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b),
              min(len(ours), len(theirs)))
    return f"{name}: {len(ours)} of {len(theirs)} packets, other from number {at} on"


def same_as_tcpdump(lab, config, speak, family=4, kept=list):
    """
    Records one client's flow while speak(chosen, other), which returns the number of the chosen
    one's requests, has two clients speak: what is recorded is what tcpdump saw at both cables.
    kept: what of each way's packets is compared. Returns the packets and their file.
    """
    with open(os.path.join(lab.nginx("a"), "files", "large.bin"), "wb") as file:
        file.write(bytes(range(256)) * 256)
    config = config()
    config["farms"][0]["idle_connections"] = 0  # else a server's connection has both flows' requests
    if family == 6:
        config["farms"][0]["servers"][0]["address"] = ORIGINS6.format(11)
    lab.start(config)
    client, proxy = ((CLIENT4, OURS), (OUT4, 80)) if family == 4 else ((CLIENT6, OURS), (OUT6, 80))
    near, near_path = witness(lab, "client")
    far, far_path = witness(lab, "origins")
    name = f"{CLIENT4}:{OURS}" if family == 4 else f"[{CLIENT6}]:{OURS}"
    ours, path = record(lab, "--client", name, "--seconds", "60")
    with connect_from(lab, OURS + 1, family) as other, connect_from(lab, OURS, family) as chosen:
        asked = speak(chosen, other)

    def logged():
        return [e for e in lab.access_log() if e["client"] == name]
    until("the access log has it", lambda: len(logged()) == asked, 10)
    servers = {(end_of(e["source"]), end_of(e["upstream"])) for e in logged()}
    ways = [(near_path, client, proxy), (near_path, proxy, client)]
    for one, two in servers:
        ways += [(far_path, one, two), (far_path, two, one)]

    def difference():
        mine = ways_of(p[2] for p in pcapng(path))
        wires = {wire: ways_of(pcap(wire)) for wire in (near_path, far_path)}
        told = [differ(f"{one} to {two}", kept(mine[one, two]), kept(wires[wire][one, two]))
                for wire, one, two in ways]
        return [t for t in told if t]
    try:
        until("both are the same", lambda: not difference(), 20)
    except Exception as error:
        raise AssertionError(f"{difference()} {lab.text('capture.log')}") from error
    expect(lab.end(ours, signal.SIGINT, 20) == 0, lab.text("capture.log"))
    mine = pcapng(path)
    expect(lab.text("capture.log").startswith(f"packets {len(mine)}, ") and
           "missed 0, flows lost 0, skipped 0" in lab.text("capture.log"), lab.text("capture.log"))
    allowed = {(client, proxy)} | servers
    expect(all(ends(p[2]) in allowed or ends(p[2])[::-1] in allowed for p in mine),
           "nobody else's packet is there")
    expect(len(mine) > 60 and {p[0] for p in mine} == {"outside", "inside"}, "both legs")
    sources = {proxy, *(one for one, _ in servers)}
    expect(all(p[1] == (ends(p[2])[0] in sources) for p in mine), "each packet's direction")
    lab.end(near)
    lab.end(far)
    return mine, path


def some_requests(chosen, other):
    for _ in range(3):
        ask(other, "/echo")
        ask(chosen, "/echo")
    ask(chosen, "/large.bin")
    ask(other, "/echo")
    return 4


@marked("smoke")
def test_a_capture_is_what_tcpdump_sees_packet_by_packet(lab):
    mine, path = same_as_tcpdump(lab, lambda: lab.config(lanes=2), some_requests)
    expect(all("session " in p[3] for p in mine[3:]), f"{[p[3] for p in mine]}")
    expect({p[3].rsplit(", ", 1)[-1] for p in mine if p[0] == "inside"} == {"server side"},
           "which side it was")
    expect(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "its owner's alone")
    read = lab.run("proxy", "tcpdump", "-Z", "root", "-nr", path)
    expect(len(read.stdout.splitlines()) == len(mine), "tcpdump reads all of it")


def test_a_capture_over_ipv6_is_what_tcpdump_sees(lab):
    mine, _ = same_as_tcpdump(lab, lambda: lab.config(lanes=2), some_requests, family=6)
    expect(all(p[2][12:14] == b"\x86\xdd" for p in mine), "both legs are IPv6")


def test_a_capture_over_xdp_is_what_tcpdump_sees(lab):
    same_as_tcpdump(lab, lambda: xdp_config(lab, lanes=2), some_requests)
    expect(lab.port("outside")["driver"] == "net_af_xdp", f"{lab.port('outside')}")


def test_a_capture_misses_nothing_while_lanes_move(lab):
    """
    The flow's own lane too, with packets of both its legs under way. Their order is the receiver's:
    where lanes change processors, the veth hands packets over on both of them, and mixes them.
    """
    least = 100 if lab.full else 15

    def speak(chosen, other):
        moves = Every(0.05, lambda i: [lab.ctl("lanes", "move", str(lane), "--to", str((i + lane) % 2))
                                       for lane in range(2)])
        asked = 0
        while moves.done < least and moves.fault is None:
            ask(other, "/echo")
            ask(chosen, "/large.bin")
            asked += 1
            time.sleep(0.03)
        moves.stop()
        lanes = lab.ctl_json("lanes")
        expect(all(lane["moves"] >= least - 1 for lane in lanes), f"moves: {lanes}")
        print(f"        {asked} bodies, {[lane['moves'] for lane in lanes]} moves", flush=True)
        return asked
    mine, _ = same_as_tcpdump(lab, lambda: lab.config(lanes=2, cores=[0, 1]), speak, kept=sorted)
    for packets in ways_of(p[2] for p in mine):
        times = [p[4] for p in mine if ends(p[2]) == packets]
        expect(times == sorted(times), f"{packets}: in the order of time")


@marked("alone")
def test_a_capture_leaves_the_other_flows_alone(lab):
    """Pairs of the same load, with a capture of one busy flow beside it and without."""
    pairs, seconds, most = (7, 5, 1.3) if lab.full else (3, 2, 3)
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=2))

    ports = iter(range(20000, 30000))  # one a time, and none of wrk's

    def p99(is_captured):
        port = next(ports)
        if is_captured:
            ours, path = record(lab, "--client", f"{CLIENT4}:{port}", "--seconds", "60")
        load = Load(lab, 32, seconds)
        with connect_from(lab, port) as chosen:
            asks = Every(0, lambda i: ask(chosen, "/echo"))
            load.process.wait(60)
            asked = asks.stop()
        counts = load.expect_clean()
        if is_captured:
            expect(lab.end(ours, signal.SIGINT, 20) == 0, lab.text("capture.log"))
            got = len(pcapng(path))
            expect(got >= 4 * asked, f"{asked} requests, {got} packets")
            os.remove(path)
        return counts["p99_us"]

    ratios = []
    for i in range(pairs):
        first = p99(i % 2 == 0)
        then = p99(i % 2 == 1)
        ratios.append(first / then if i % 2 == 0 else then / first)
    middle = sorted(ratios)[pairs // 2]
    print(f"        p99 with a capture over p99 without: {middle:.2f}, of "
          f"{' '.join(f'{ratio:.2f}' for ratio in ratios)}", flush=True)
    expect(middle <= most, f"p99 is {middle:.2f} times that without a capture")


@marked("smoke")
def test_a_capture_by_url_has_the_request_that_fits_and_goes_through_a_pipe(lab):
    lab.nginx("a")
    lab.start(lab.config(lanes=2))
    ctl = f"{lab.tool('control/ctl/penstockctl')} --run {lab.run_dir} capture"
    pipe = lab.spawn("proxy", ["sh", "-c", f"{ctl} --url /echo?wanted --packets 8 - | "
                                           "tcpdump -Z root -Anr - 2>&1"], "pipe.log")
    log = until("control has heard of it", lambda: '"verb":"capture"' in
                lab.text("control.log"), 20)
    expect(log, "the audit")
    with lab.connect() as other, lab.connect() as chosen:
        # Until the lanes have begun: requests that do not fit do not harm.
        until("it has begun", lambda: ask(other, "/echo?other") is not None and (
            ask(chosen, "/echo?wanted") is not None) and "wanted" in lab.text("pipe.log"), 20)
        until("so many packets and no more", lambda: ask(chosen, "/echo?wanted") is not None and
              pipe.poll() is not None, 20)
    text = lab.text("pipe.log")
    expect("GET /echo?wanted" in text and "other" not in text, text)
    expect("packets 8, " in text, text)
    expect("Flags [P.]" in next(x for x in text.splitlines() if " IP " in f" {x}"), text)
    for words in ([], ["x"], ["--client", "1.2.3.4"], ["--url", "/", "--snap", "0", "x"],
                  ["--url", "/", "--seconds", "2h", "x"]):
        expect(lab.ctl("capture", *words, check=False).returncode == 2, f"{words}: usage")
    with open(lab.path("linked"), "w", encoding="ascii") as file:
        file.write("what somebody has")
    os.link(lab.path("linked"), lab.path("other"))
    os.symlink(lab.path("x"), lab.path("way"))
    mode = os.stat("/dev/null").st_mode
    for name in ("/dev/null", lab.path("linked"), lab.path("way")):
        expect(lab.ctl("capture", "--url", "/", name, check=False).returncode == 1, f"{name}")
    with open(lab.path("linked"), encoding="ascii") as file:
        expect(file.read() == "what somebody has", "a file with two names is left as it is")
    expect(os.stat("/dev/null").st_mode == mode, "a device keeps its rights")
    for words in (["--farm", "none", lab.path("x")], ["--phase", "idle", lab.path("x")],
                  ["--url", "/", "/nowhere/x"]):
        expect(lab.ctl("capture", *words, check=False).returncode == 1, f"{words} is refused")


@marked("smoke")
def test_a_capture_ends_with_its_data_plane_and_its_file_is_whole(lab):
    lab.nginx("a")
    lab.start(lab.config(lanes=2))
    ours, path = record(lab, "--client", CLIENT4)
    with lab.connect() as chosen:
        ask(chosen, "/echo")
    until("packets are there", lambda: len(pcapng(path)) > 8, 10)
    lab.kill_dataplane()
    lab.start_dataplane()
    until("it has ended", lambda: ours.poll() is not None, 10)
    text = lab.text("capture.log")
    expect(ours.returncode == 1 and "the data plane has ended" in text, f"{ours.returncode}: {text}")
    expect(text.startswith(f"packets {len(pcapng(path))}, "), text)
    read = lab.run("proxy", "tcpdump", "-Z", "root", "-nr", path)
    expect(len(read.stdout.splitlines()) == len(pcapng(path)), "tcpdump reads all of it")
    lab.wait_serving()
    lab.settle()
    lab.baseline = lab.gauges()
