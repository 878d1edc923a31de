"""packets.py - raw frames for the wire tests, right in all but what the caller spoils."""
import ipaddress
import socket
import struct


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packed(address):
    return ipaddress.ip_address(address).packed


def tcp(src, dst, sport=40000, dport=80, seq=1, ack=0, flags=0x02, options=b"", payload=b"",
        offset=None, spoil=0):
    """A TCP segment with its checksum, which spoil then changes."""
    words = 5 + len(options) // 4 if offset is None else offset
    head = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, words << 4, flags, 65535, 0, 0)
    segment = head + options + payload
    pseudo = packed(src) + packed(dst)
    if len(pseudo) == 8:
        pseudo += struct.pack(">BBH", 0, 6, len(segment))
    else:
        pseudo += struct.pack(">II", len(segment), 6)
    total = checksum(pseudo + segment) ^ spoil
    return segment[:16] + struct.pack(">H", total) + segment[18:]


def ip4(src, dst, payload, protocol=6, options=b"", ihl=None, version=4, length=None, fragment=0,
        spoil=0, ttl=64):
    words = 5 + len(options) // 4 if ihl is None else ihl
    total = 20 + len(options) + len(payload) if length is None else length
    head = struct.pack(">BBHHHBBH4s4s", version << 4 | words, 0, total, 7, fragment, ttl,
                       protocol, 0, packed(src), packed(dst)) + options
    total = checksum(head) ^ spoil
    return head[:10] + struct.pack(">H", total) + head[12:] + payload


def ip6(src, dst, payload, following=6, version=6, length=None, hops=64):
    n = len(payload) if length is None else length
    return struct.pack(">IHBB", version << 28, n, following, hops) + packed(src) + packed(dst) + \
        payload


def icmp(kind, code, body, spoil=0):
    data = struct.pack(">BBH", kind, code, 0) + body
    return data[:2] + struct.pack(">H", checksum(data) ^ spoil) + data[4:]


def icmp6(src, dst, kind, code, body, spoil=0):
    data = struct.pack(">BBH", kind, code, 0) + body
    pseudo = packed(src) + packed(dst) + struct.pack(">II", len(data), 58)
    return data[:2] + struct.pack(">H", checksum(pseudo + data) ^ spoil) + data[4:]


def ether(dst, src, kind, payload):
    return dst + src + struct.pack(">H", kind) + payload


class Wire:
    """A raw socket on an interface of a namespace."""

    def __init__(self, lab, role="client", interface="eth0"):
        with lab.inside(role):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0))
            self.sock.bind((interface, 0))
        self.mac = self.sock.getsockname()[4]

    def send(self, frame):
        self.sock.send(frame)

    def close(self):
        self.sock.close()
