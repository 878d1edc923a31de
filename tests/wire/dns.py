#!/usr/bin/python3
"""dns.py - a DNS server for the wire tests: names and addresses from a file, read at each question.

usage: dns.py ADDRESS PORT FILE      a line of FILE: NAME IPV4 TTL
"""
import socket
import struct
import sys


def question(packet):
    """The name asked for, the type, and where the question ends."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii"))
        at += 1 + packet[at]
    return ".".join(labels).lower(), struct.unpack_from(">H", packet, at + 1)[0], at + 5


def answer(packet, table):
    name, kind, end = question(packet)
    found = [(ip, ttl) for n, ip, ttl in table if n == name]
    code = 0 if found else 3
    found = found if kind == 1 else []
    head = packet[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(found), 0, 0)
    records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, int(ttl), 4) +
                       socket.inet_aton(ip) for ip, ttl in found)
    return head + packet[12:end] + records


if __name__ == "__main__":
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((sys.argv[1], int(sys.argv[2])))
    while True:
        data, peer = sock.recvfrom(1500)
        with open(sys.argv[3], encoding="ascii") as lines:
            sock.sendto(answer(data, [line.split() for line in lines]), peer)
