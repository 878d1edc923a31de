"""What happens to a link and to those on it: it goes down and up, a peer dies, an address is claimed.

What is documented of each is in dataplane/lane/README.md.
"""
import os
import socket
import struct
import threading
import time

from lab import CLIENT4, OUT4, expect, sh, until
from packets import Wire, ether
from test_bulk import MIB, body_file, download
from test_packets import ARP, proxy_mac

STRANGER = bytes.fromhex("02aabbccddee")


def set_link(lab, role, state):
    """eth0 of that namespace; the proxy's end sees its carrier go and come."""
    sh("ip", "-n", lab.ns(role), "link", "set", "dev", "eth0", state)


def test_a_link_that_goes_down_and_comes_up_loses_nothing(lab):
    home = lab.nginx("a")
    wanted = body_file(os.path.join(home, "files", "big"), 64 * MIB)
    lab.start(lab.config())
    got = []

    def load():
        got.append(download(lab, OUT4, "/big", 60))

    for role in ("client", "origins"):
        before = lab.counters()
        thread = threading.Thread(target=load)
        thread.start()
        until("the download is under way", lambda b=before:
              lab.counters()["tcp_tx_segments"] > b["tcp_tx_segments"] + 500, 10, 0.01)
        set_link(lab, role, "down")
        time.sleep(1.5)
        expect(thread.is_alive(), f"the download was over before the link of {role} was down")
        set_link(lab, role, "up")
        thread.join(70)
        expect(not thread.is_alive() and got.pop() == wanted, f"the body, over {role}'s link")
        lab.get("/echo")


def test_a_client_that_dies_is_given_up_and_leaves_nothing(lab):
    home = lab.nginx("a")
    body_file(os.path.join(home, "files", "big"), 64 * MIB)
    config = lab.config()
    config["machine"]["tcp"] = {"user_timeout": "2s"}
    lab.start(config)
    with lab.connect() as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        client.recv(1000)
        until("bytes wait for the client", lambda: lab.gauge("bufs_held") > 0, 5)
        set_link(lab, "client", "down")
        begun = time.monotonic()
        until("it is given up", lambda: lab.gauge("conns_client") == 0, 15)
        expect(time.monotonic() - begun > 1, "it was not given up at once")
        until("its buffers are back", lambda: lab.gauge("bufs_held") == 0, 5)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    set_link(lab, "client", "up")
    lab.get("/echo")


def settled(lab, name):
    """The counters, when this one has not moved for a while."""
    for _ in range(10):
        before = lab.counters()
        time.sleep(2.5)
        if lab.counters()[name] == before[name]:
            break
    return before


def test_an_address_that_another_claims_is_defended_and_goes_on(lab):
    """RFC 5227, 2.4 (b): one announcement in ten seconds, and everything is used on."""
    lab.nginx("a")
    lab.start(lab.config())
    proxy_mac(lab)
    before = settled(lab, "net_announcements")
    wire = Wire(lab)
    claim = struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, STRANGER, socket.inet_aton(OUT4),
                        b"\xff" * 6, socket.inet_aton(OUT4))
    for _ in range(5):
        wire.send(ether(b"\xff" * 6, STRANGER, ARP, claim))
        time.sleep(0.1)
    wire.close()
    until("the claims are counted",
          lambda: lab.counters()["net_conflicts"] == before["net_conflicts"] + 5, 5)
    told = lab.counters()["net_announcements"] - before["net_announcements"]
    expect(told == 1, f"{told} announcements instead of one")
    text = lab.run("client", "ip", "neigh", "show", OUT4).stdout
    expect("02:aa:bb:cc:dd:ee" not in text, f"{CLIENT4} believes the stranger: {text}")
    lab.get("/echo")
