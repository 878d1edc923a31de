"""
Packets in pieces: refused or put together, as machine.fragments says. Over a tap: AF_PACKET's
fanout would have the kernel put IPv4's together before Penstock sees them.
"""
import os
import socket
import struct

from ends import insert_tap
from lab import CLIENT4, IN4, IN6, OUT4, OUT6, expect, marked, until

FAR4, NEAR4, FAR_NET = "10.9.0.2", "10.9.0.1", "10.9.0.0/24"
NARROW = 600
IP_MTU_DISCOVER, PMTUDISC_DONT = 10, 0
TOKEN = "y" * 5000


def insert_router(lab):
    """
    A client beyond a router, whose way to Penstock is narrow. The client does not look for the
    path's MTU, so that the router cuts what it sends.
    """
    lab.link(("relay", "far0"), ("client", "near0"))
    lab.address("relay", "far0", f"{FAR4}/24")
    lab.address("client", "near0", f"{NEAR4}/24")
    lab.run("relay", "ip", "route", "add", "default", "via", NEAR4)
    lab.run("client", "ip", "route", "replace", "10.1.0.0/24", "dev", "eth0", "mtu", "lock",
            str(NARROW))
    lab.run("client", "ip", "route", "replace", "fd01::/64", "dev", "eth0", "metric",
            "256", "mtu", "lock", "1280")
    lab.sysctl("client", "net.ipv4.ip_forward", 1)
    lab.sysctl("relay", "net.ipv4.ip_no_pmtu_disc", 1)


def config(lab, fragments):
    made = lab.config(lanes=2, ports=[
        {"name": "outside", "device": {"tap": "tap-out"}, "addresses": [f"{OUT4}/24", f"{OUT6}/64"],
         "routes": [{"to": FAR_NET, "via": CLIENT4}]},
        {"name": "inside", "device": "packet:in0", "addresses": [f"{IN4}/24", f"{IN6}/64"]}])
    if fragments is not None:
        made["machine"]["fragments"] = fragments
    return made


def ask(lab, seconds):
    """
    The answer to a request of many packets, from beyond the router; None: there was none. Then the
    connection is reset, for its FIN would wait behind what does not come through.
    """
    with lab.inside("relay"):
        sock = socket.create_connection((OUT4, 80), 5)
    with sock:
        sock.settimeout(seconds)
        sock.sendall(f"GET /token?t={TOKEN} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        got = b""
        try:
            while piece := sock.recv(65536):
                got += piece
        except TimeoutError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return None
        return got.partition(b"\r\n\r\n")[2].decode()


def upload(lab, home, n):
    """The origin gets the bytes that were sent."""
    body = os.urandom(n)
    with open(lab.path("body"), "wb") as out:
        out.write(body)
    lab.run("relay", "curl", "-sS", "--fail", "--max-time", "20", "-H", "Expect:",
            "-T", lab.path("body"), f"http://{OUT4}/upload/body")
    with open(os.path.join(home, "files", "upload", "body"), "rb") as came:
        expect(came.read() == body, "what came is not what was sent")


def ping(lab, family, n, seconds=5):
    """Whether an echo request of n bytes, in pieces, is answered with its bytes."""
    v6 = family == 6
    lab.sysctl("client", "net.ipv4.ping_group_range", "'0 2147483647'")
    with lab.inside("client"):
        sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM,
                             socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP)
    with sock:
        if not v6:
            sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DONT)
        sock.settimeout(seconds)
        body = os.urandom(n)
        sock.sendto(bytes([128 if v6 else 8, 0, 0, 0, 0, 0, 0, 1]) + body,
                    (OUT6 if v6 else OUT4, 0))
        try:
            return sock.recv(2000)[8:] == body
        except TimeoutError:
            return False


@marked("smoke")
def test_packets_in_pieces_are_served_when_the_configuration_says_so(lab):
    home = lab.nginx("a")
    insert_tap(lab, "out")
    insert_router(lab)
    lab.start(config(lab, None))
    lab.get("/echo")
    expect(ask(lab, 0.5) is None, "it is answered though fragments are refused")
    expect(not ping(lab, 4, 1000, 0.3), "an IPv4 ping is answered though fragments are refused")
    expect(not ping(lab, 6, 1400, 0.3), "an IPv6 ping is answered though fragments are refused")
    count = lab.counters()
    expect(count["wire_drop_ip4_fragment"] > 3 and count["wire_drop_ip6_fragment"] == 2, f"{count}")
    expect(count["net_fragments"] == 0, "fragments were taken")

    lab.apply(config(lab, "reassemble"))
    until("the far client has its answer", lambda: ask(lab, 5) == TOKEN, 10)
    upload(lab, home, 300_000)
    expect(ping(lab, 4, 1000), "no answer to an IPv4 ping in pieces")
    expect(ping(lab, 6, 1400), "no answer to an IPv6 ping in pieces")
    count = lab.counters()
    expect(count["net_reassembled"] > 200, f"{count['net_reassembled']} put together")
    expect(count["net_fragments"] > 2 * count["net_reassembled"], f"{count['net_fragments']} taken")
    expect(count["wire_drop_tcp_checksum"] == 0, "what was put together had a wrong checksum")

    lab.apply(config(lab, "refuse"))
    until("fragments are refused again", lambda: ask(lab, 0.5) is None, 10)
    expect(lab.counters()["wire_drop_ip4_fragment"] > count["wire_drop_ip4_fragment"], "by no counter")
