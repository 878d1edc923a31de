#!/usr/bin/python3
"""referee - libpenstock_host.so as somebody has it who knows nothing but host.h: by ctypes.

usage: referee.py LIBRARY

Two hosts talk in virtual time; this program carries their packets, and reads them.
"""
import ctypes
import errno
import sys

MS, PORT = 1000000, 80
OPT_MSS, OPT_NODELAY = 2, 3
HOST_IN, HOST_OUT, HOST_FIN = 1, 2, 8
DELAY = 10 * MS


class Address(ctypes.Structure):
    """struct host_address."""
    _fields_ = [("family", ctypes.c_uint8), ("spare", ctypes.c_uint8), ("port", ctypes.c_uint16),
                ("bytes", ctypes.c_uint8 * 16)]

    def __init__(self, last, port=0):
        super().__init__(4, 0, port, (192, 0, 2, last))


class Conf(ctypes.Structure):
    """struct host_conf."""
    _fields_ = [(name, ctypes.c_uint64) for name in
                ("now_ns", "seed", "time_wait_ns", "connect_timeout_ns")] + \
               [(name, ctypes.c_uint32) for name in
                ("mtu", "connections_max", "backlog_max", "buffers_max", "send_max", "receive_max",
                 "asks_ecn", "hop_limit")]


def load(name):
    """The library, with what its functions take and give where that is no int."""
    lib = ctypes.CDLL(name)
    lib.host_begin.restype = ctypes.c_void_p
    lib.host_now.restype = lib.host_deadline.restype = ctypes.c_uint64
    lib.host_read.restype = lib.host_write.restype = ctypes.c_int64
    return lib


class Host:
    """One end; a call that fails is an error unless told otherwise."""

    def __init__(self, lib, last):
        self.lib = lib
        self.at = ctypes.c_void_p(lib.host_begin(ctypes.byref(Conf(seed=last))))
        assert self.at
        assert self.call("add_address", ctypes.byref(Address(last))) == 0

    def call(self, name, *args):
        return getattr(self.lib, "host_" + name)(self.at, *args)

    def set(self, fd, option, value):
        return self.call("setsockopt", fd, option, ctypes.c_uint64(value))

    def get(self, fd, option):
        value = ctypes.c_uint64()
        assert self.call("getsockopt", fd, option, ctypes.byref(value)) == 0
        return value.value

    def write(self, fd, data):
        return self.call("write", fd, data, ctypes.c_uint64(len(data)))

    def read(self, fd, room=65536):
        to = ctypes.create_string_buffer(room)
        n = self.call("read", fd, to, ctypes.c_uint64(room))
        return to.raw[:n] if n >= 0 else n

    def packets(self):
        to, at = ctypes.create_string_buffer(65536), ctypes.c_uint64()
        while (n := self.call("packet_out", to, 65536, ctypes.byref(at))) > 0:
            yield at.value, to.raw[:n]
        assert n == 0


class Cable:
    """Two hosts, DELAY apart; payloads[i] is what host i has sent, in bytes a segment."""

    def __init__(self, lib):
        self.ends = [Host(lib, 1), Host(lib, 2)]
        self.under_way, self.payloads, self.mss = [], ([], []), [None, None]

    def look(self, end, packet):
        tcp = packet[20:]
        n = len(tcp) - (tcp[12] >> 4) * 4
        if n > 0:
            self.payloads[end].append(n)
        if tcp[13] & 2 and tcp[20:22] == b"\x02\x04":
            self.mss[end] = int.from_bytes(tcp[22:24], "big")

    def collect(self):
        for end in (0, 1):
            for at, packet in self.ends[end].packets():
                self.look(end, packet)
                self.under_way.append((at + DELAY, 1 - end, packet))

    def run(self, ms):
        """So much time passes, each packet arriving when it is due."""
        until = self.ends[0].call("now") + ms * MS
        while True:
            self.collect()
            now = min([until, *(due for due, _, _ in self.under_way),
                       *(end.call("deadline") for end in self.ends)])
            for end in self.ends:
                now_there = max(now, end.call("now"))
                assert end.call("advance", ctypes.c_uint64(now_there)) == 0
            due = [one for one in self.under_way if one[0] <= now]
            self.under_way = [one for one in self.under_way if one[0] > now]
            for _, end, packet in due:
                assert self.ends[end].call("packet_in", packet, len(packet)) == 0
            if now == until:
                self.collect()
                return

    def open(self, mss=0):
        """Connected sockets, of host 0 and host 1."""
        there = self.ends[1].call("socket")
        assert self.ends[1].call("bind", there, ctypes.byref(Address(2, PORT))) == 0
        assert self.ends[1].call("listen", there, 4) == 0
        here = self.ends[0].call("socket")
        if mss:
            assert self.ends[0].set(here, OPT_MSS, mss) == 0
        assert self.ends[0].call("connect", here, ctypes.byref(Address(2, PORT))) == -errno.EINPROGRESS
        self.run(50)
        accepted = self.ends[1].call("accept", there, None)
        assert accepted >= 0 and self.ends[0].call("poll", here) & HOST_OUT
        return here, accepted

    def end(self):
        for end in self.ends:
            end.call("end")


def bytes_cross_and_both_ends_close(lib):
    cable = Cable(lib)
    one, two = cable.ends
    here, there = cable.open()
    said = bytes(i * 7 & 255 for i in range(50000))
    assert one.write(here, said) == len(said) and two.write(there, b"answer") == 6
    cable.run(500)
    heard = b""
    while isinstance(piece := two.read(there), bytes) and piece:
        heard += piece
        cable.run(50)
    assert heard == said and one.read(here) == b"answer"
    assert one.read(here) == -errno.EAGAIN
    assert one.call("close", here) == 0
    cable.run(100)
    assert two.call("poll", there) & HOST_FIN and two.read(there) == b""
    assert two.call("close", there) == 0
    cable.run(100)
    assert not cable.under_way
    cable.end()


def small_segments_both_ways_where_they_are_asked_for(lib):
    cable = Cable(lib)
    here, there = cable.open(mss=700)
    assert cable.mss == [700, 1460] and cable.ends[0].get(here, OPT_MSS) == cable.ends[1].get(there, OPT_MSS)
    assert cable.ends[0].set(here, OPT_MSS, 500) == -errno.EISCONN
    cable.ends[0].write(here, bytes(5000))
    cable.ends[1].write(there, bytes(5000))
    cable.run(500)
    for sent in cable.payloads:
        assert sum(sent) == 5000 and max(sent) in (688, 700)
    cable.end()


def nagle_waits_for_the_ack(lib):
    for nodelay, segments in ((1, [1, 1, 1]), (0, [1, 2])):
        cable = Cable(lib)
        here, _ = cable.open()
        assert cable.ends[0].set(here, OPT_NODELAY, nodelay) == 0
        assert cable.ends[0].get(here, OPT_NODELAY) == nodelay
        for _ in range(3):
            assert cable.ends[0].write(here, b"x") == 1
            cable.run(1)
        cable.run(500)
        assert cable.payloads[0] == segments, cable.payloads[0]
        cable.end()


def nagle_sends_what_fills_a_segment_and_what_ends(lib):
    cable = Cable(lib)
    here, _ = cable.open()
    cable.ends[0].set(here, OPT_NODELAY, 0)
    full = cable.ends[0].get(here, OPT_MSS)
    cable.ends[0].write(here, bytes(2 * full + 10))
    cable.run(1)
    assert cable.payloads[0] == [full, full], cable.payloads[0]
    assert cable.ends[0].call("shutdown", here) == 0
    cable.run(1)
    assert cable.payloads[0] == [full, full, 10], cable.payloads[0]
    cable.end()


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    lib = load(sys.argv[1])
    for test in (bytes_cross_and_both_ends_close, small_segments_both_ways_where_they_are_asked_for,
                 nagle_waits_for_the_ack, nagle_sends_what_fills_a_segment_and_what_ends):
        test(lib)
        print(f"{test.__name__}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
