"""Packets of chosen flows as penstockctl records them: what tcpdump sees at both peers' cables."""
import os
import signal
import socket
import stat
import struct

from lab import CLIENT4, OUT4, expect, marked, until
from load import Every, Load

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
    """((address, port), (address, port)) of an IPv4 segment."""
    off = 14 + (frame[14] & 15) * 4
    ports = struct.unpack_from(">HH", frame, off)
    return ((socket.inet_ntoa(frame[26:30]), ports[0]), (socket.inet_ntoa(frame[30:34]), ports[1]))


def way(frames, one, two):
    return [f for f in frames if ends(f) == (one, two)]


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


def connect_from(lab, port):
    with lab.inside("client"):
        return socket.create_connection((OUT4, 80), 20, source_address=(CLIENT4, port))


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


@marked("smoke")
def test_a_capture_is_what_tcpdump_sees_packet_by_packet(lab):
    with open(os.path.join(lab.nginx("a"), "files", "large.bin"), "wb") as file:
        file.write(bytes(range(256)) * 256)
    config = lab.config(lanes=2)
    config["farms"][0]["idle_connections"] = 0  # else a server's connection has both flows' requests
    lab.start(config)
    near, near_path = witness(lab, "client")
    far, far_path = witness(lab, "origins")
    ours, path = record(lab, "--client", f"{CLIENT4}:{OURS}", "--seconds", "60")
    with connect_from(lab, OURS + 1) as other, connect_from(lab, OURS) as chosen:
        for _ in range(3):
            ask(other, "/echo")
            ask(chosen, "/echo")
        ask(chosen, "/large.bin")
        ask(other, "/echo")
    until("the access log has it", lambda: len([
        e for e in lab.access_log() if e["client"] == f"{CLIENT4}:{OURS}"]) == 4, 10)
    servers = {tuple(e["source"].rsplit(":", 1)) + tuple(e["upstream"].rsplit(":", 1))
               for e in lab.access_log() if e["client"] == f"{CLIENT4}:{OURS}"}

    def difference():
        mine, wire_near, wire_far = pcapng(path), pcap(near_path), pcap(far_path)
        client, proxy = (CLIENT4, OURS), (OUT4, 80)
        told = [differ("from the client", way([p[2] for p in mine], client, proxy),
                       way(wire_near, client, proxy)),
                differ("to the client", way([p[2] for p in mine], proxy, client),
                       way(wire_near, proxy, client))]
        for source, source_port, server, port in servers:
            one, two = (source, int(source_port)), (server, int(port))
            told += [differ("to the server", way([p[2] for p in mine], one, two),
                            way(wire_far, one, two)),
                     differ("from the server", way([p[2] for p in mine], two, one),
                            way(wire_far, two, one))]
        return [t for t in told if t]
    try:
        until("both are the same", lambda: not difference(), 20)
    except Exception as error:
        raise AssertionError(f"{difference()} {lab.text('capture.log')}") from error
    expect(lab.end(ours, signal.SIGINT, 20) == 0, lab.text("capture.log"))
    mine = pcapng(path)
    expect(lab.text("capture.log").startswith(f"packets {len(mine)}, ") and
           "missed 0, flows lost 0, skipped 0" in lab.text("capture.log"), lab.text("capture.log"))
    allowed = {((CLIENT4, OURS), (OUT4, 80))} | {
        ((a, int(b)), (c, int(d))) for a, b, c, d in servers}
    expect(all(ends(p[2]) in allowed or ends(p[2])[::-1] in allowed for p in mine),
           "nobody else's packet is there")
    expect(len(mine) > 60 and {p[0] for p in mine} == {"outside", "inside"}, "both legs")
    expect(all(p[1] == (ends(p[2])[0] in ((OUT4, 80), *(((a, int(b)) for a, b, c, d in servers))))
               for p in mine), "each packet's direction")
    expect(all("session " in p[3] for p in mine[3:]), f"{[p[3] for p in mine]}")
    expect({p[3].rsplit(", ", 1)[-1] for p in mine if p[0] == "inside"} == {"server side"},
           "which side it was")
    expect(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "its owner's alone")
    read = lab.run("proxy", "tcpdump", "-Z", "root", "-nr", path)
    expect(len(read.stdout.splitlines()) == len(mine), "tcpdump reads all of it")
    lab.end(near)
    lab.end(far)


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
