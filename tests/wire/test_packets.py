"""What no peer should send: every frame is dropped, counted by its reason, and harms nobody."""
import re
import socket
import time

from lab import CLIENT4, CLIENT6, OUT4, OUT6, expect, marked, until
from packets import Wire, ether, icmp, icmp6, ip4, ip6, tcp

IP4, IP6, ARP = 0x0800, 0x86dd, 0x0806
C4, C6, P4, P6 = CLIENT4, CLIENT6, OUT4, OUT6


def good4(**spoilt):
    return ip4(C4, P4, tcp(C4, P4), **spoilt)


def frag6(offset, more, following=6):
    return bytes([following, 0]) + (offset << 3 | more).to_bytes(2, "big") + b"\0\0\0\1"


# (counter behind wire_drop_, ethertype, packet). IPv4 fragments are missing: the kernel puts them
# together before an AF_PACKET fanout group sees them; tests/unit/wire has them.
FRAMES = [
    ("runt", None, b"short"),
    ("ethertype", 0x88b5, b"local experiment" * 4),
    ("arp_malformed", ARP, b"\0\1\x08\0\6\4\0\1" + b"\0" * 10),
    ("ip4_truncated", IP4, good4()[:12]),
    ("ip4_version", IP4, good4(version=5)),
    ("ip4_header_length", IP4, good4(ihl=4)),
    ("ip4_header_length", IP4, good4(ihl=15)),
    ("ip4_total_length", IP4, good4(length=12)),
    ("ip4_total_length", IP4, good4(length=1400)),
    ("ip4_checksum", IP4, good4(spoil=0x0101)),
    ("ip4_options", IP4, good4(options=b"\x07\x01\0\0")),
    ("ip4_options", IP4, good4(options=b"\x07\x40\x04\0")),
    ("ip4_source_route", IP4, good4(options=b"\x83\x07\x04\x0a\x01\x00\x02\0")),
    ("ip_martian_source", IP4, ip4("127.0.0.1", P4, tcp("127.0.0.1", P4))),
    ("ip_martian_source", IP4, ip4("224.0.0.1", P4, tcp("224.0.0.1", P4))),
    ("ip_martian_source", IP4, ip4("255.255.255.255", P4, tcp("255.255.255.255", P4))),
    ("ip_martian_source", IP4, ip4("0.0.0.0", P4, tcp("0.0.0.0", P4))),
    ("ip_martian_destination", IP4, ip4(C4, "127.0.0.1", tcp(C4, "127.0.0.1"))),
    ("ip_protocol", IP4, good4(protocol=132)),
    ("tcp_truncated", IP4, ip4(C4, P4, tcp(C4, P4)[:12])),
    ("tcp_header_length", IP4, ip4(C4, P4, tcp(C4, P4, offset=4))),
    ("tcp_header_length", IP4, ip4(C4, P4, tcp(C4, P4, offset=15))),
    ("tcp_checksum", IP4, ip4(C4, P4, tcp(C4, P4, spoil=1))),
    ("tcp_port_zero", IP4, ip4(C4, P4, tcp(C4, P4, sport=0))),
    ("tcp_flags", IP4, ip4(C4, P4, tcp(C4, P4, flags=0x03))),
    ("tcp_flags", IP4, ip4(C4, P4, tcp(C4, P4, flags=0x06))),
    ("tcp_options", IP4, ip4(C4, P4, tcp(C4, P4, options=b"\x02\x00\x05\xb4"))),
    ("tcp_options", IP4, ip4(C4, P4, tcp(C4, P4, options=b"\x01\x01\x01\x02"))),
    ("icmp_truncated", IP4, ip4(C4, P4, b"\x08\0\0", protocol=1)),
    ("icmp_checksum", IP4, ip4(C4, P4, icmp(8, 0, b"\0" * 8, spoil=1), protocol=1)),
    ("icmp_type", IP4, ip4(C4, P4, icmp(13, 0, b"\0" * 16), protocol=1)),
    ("icmp_quote", IP4, ip4(C4, P4, icmp(3, 3, b"\0" * 4 + b"\x45" + b"\0" * 27), protocol=1)),
    ("ip6_truncated", IP6, ip6(C6, P6, b"")[:30]),
    ("ip6_version", IP6, ip6(C6, P6, tcp(C6, P6), version=5)),
    ("ip6_length", IP6, ip6(C6, P6, tcp(C6, P6), length=1400)),
    ("ip6_extension", IP6, ip6(C6, P6, b"\x06\xff" + b"\0" * 6, following=0)),
    ("ip6_routing", IP6, ip6(C6, P6, b"\x06\0\0\x01\0\0\0\0" + tcp(C6, P6), following=43)),
    ("ip6_option", IP6, ip6(C6, P6, b"\x06\0\xc5\x04\0\0\0\0" + tcp(C6, P6), following=60)),
    ("ip6_fragment", IP6, ip6(C6, P6, frag6(0, 1) + tcp(C6, P6), following=44)),
    ("ip6_fragment", IP6, ip6(C6, P6, frag6(8, 0) + tcp(C6, P6), following=44)),
    ("ip_martian_source", IP6, ip6("::1", P6, tcp("::1", P6))),
    ("ip_martian_source", IP6, ip6("ff02::1", P6, tcp("ff02::1", P6))),
    ("tcp_checksum", IP6, ip6(C6, P6, tcp(C6, P6, spoil=1))),
    ("icmp_checksum", IP6, ip6(C6, P6, icmp6(C6, P6, 128, 0, b"\0" * 8, spoil=1), following=58)),
    ("nd_hop_limit", IP6, ip6(C6, P6, icmp6(C6, P6, 135, 0, b"\0" * 20), following=58, hops=64)),
    ("nd_fragment", IP6, ip6(C6, P6, frag6(0, 0, 58) + icmp6(C6, P6, 135, 0, b"\0" * 20),
                             following=44, hops=255)),
    ("nd_malformed", IP6, ip6(C6, P6, icmp6(C6, P6, 135, 0, b"\0" * 8), following=58, hops=255)),
]


def proxy_mac(lab):
    lab.connect().close()
    text = lab.run("client", "ip", "neigh", "show", OUT4).stdout
    return bytes.fromhex(re.search(r"lladdr ([0-9a-f:]+)", text)[1].replace(":", ""))


@marked("smoke")
def test_every_bad_frame_is_dropped_and_counted_by_its_reason(lab):
    lab.nginx("a")
    lab.start(lab.config())
    mac = proxy_mac(lab)
    wire = Wire(lab)
    wrong = []
    for reason, kind, packet in FRAMES:
        frame = packet if kind is None else ether(mac, wire.mac, kind, packet)
        before = lab.counters()
        try:
            wire.send(frame)
        except OSError:
            continue  # the kernel itself refuses to send so short a frame
        name = f"wire_drop_{reason}"
        try:
            until(name, lambda n=name, b=before: lab.counters()[n] > b[n], 1)
        except Exception:
            after = lab.counters()
            moved = [k for k in after if k.startswith("wire_drop_") and after[k] != before[k]]
            wrong.append(f"{reason}: {packet.hex()[:80]}: counted as {moved}")
    wire.close()
    expect(not wrong, "\n".join(wrong))
    lab.get("/echo")


def test_a_flood_of_nonsense_leaves_service_and_memory_alone(lab):
    lab.nginx("a")
    lab.start(lab.config())
    mac = proxy_mac(lab)
    free = lab.gauge("bufs_free")
    wire = Wire(lab)
    end = time.monotonic() + (20 if lab.full else 3)
    i = 0
    while time.monotonic() < end:
        for _, kind, packet in FRAMES:
            if kind is not None:
                wire.send(ether(mac, wire.mac, kind, packet))
        # Segments of no connection, to listening and other ports.
        for flags in (0x02, 0x10, 0x11, 0x04, 0x18, 0x00, 0x12):
            i += 1
            source = f"10.1.0.{100 + i % 100}"
            wire.send(ether(mac, wire.mac, IP4, ip4(source, P4, tcp(
                source, P4, sport=1024 + i % 60000, dport=80 + i % 3, seq=i * 7919 % 2**32,
                ack=i, flags=flags, payload=b"x" * (i % 50)))))
        if i % 700 == 0:
            lab.get("/echo")
    wire.close()
    lab.get("/echo")
    until("buffers are back", lambda: lab.gauge("bufs_free") > free - 64, 10)


def test_a_flood_of_syns_is_answered_with_cookies(lab):
    lab.nginx("a")
    lab.start(lab.config())
    mac = proxy_mac(lab)
    wire = Wire(lab)
    for i in range(20000):
        source = f"10.1.0.{20 + i % 200}"
        wire.send(ether(mac, wire.mac, IP4, ip4(source, P4, tcp(
            source, P4, sport=1024 + i // 200, seq=i, options=b"\x02\x04\x05\xb4"))))
        if i % 5000 == 0:
            lab.get("/echo")
    lab.get("/echo")
    wire.close()


@marked("smoke")
def test_the_proxy_answers_pings(lab):
    lab.nginx("a")
    lab.start(lab.config())
    for address in (OUT4, OUT6):
        expect(ping(lab, address), f"no echo reply from {address}")


def ping(lab, address):
    """An echo request by a datagram socket of the kernel, without the ping program."""
    v6 = ":" in address
    lab.sysctl("client", "net.ipv4.ping_group_range", "'0 2147483647'")
    with lab.inside("client"):
        sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM,
                             socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP)
    with sock:
        sock.settimeout(2)
        sock.sendto(bytes([128 if v6 else 8, 0, 0, 0, 0, 0, 0, 1]) + b"penstock", (address, 0))
        try:
            return b"penstock" in sock.recv(1500)
        except TimeoutError:
            return False
