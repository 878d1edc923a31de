"""The link: whose an address is, neighbours that change, what nobody here listens to."""
import re
import socket
import time

from lab import OUT4, OUT6, Failure, expect, marked, until

REQUEST = b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"


@marked("smoke")
def test_addresses_that_another_station_has_are_left_to_it(lab):
    """RFC 5227, 2.1.1; RFC 4862, 5.4.4: the kernel had them first."""
    lab.nginx("a")
    lab.address("client", "eth0", f"{OUT4}/24", f"{OUT6}/64")
    lab.write_config(lab.config())
    lab.start_control()
    lab.start_dataplane()
    until("it runs", lambda: lab.status() and lab.generation() == 1, 20)
    until("both are given up", lambda: lab.counters()["net_duplicates"] == 2, 10)
    before = lab.counters()
    lab.run("client", "ip", "address", "delete", f"{OUT4}/24", "dev", "eth0")
    lab.run("client", "ip", "address", "delete", f"{OUT6}/64", "dev", "eth0")
    refused = False
    try:
        lab.connect(timeout=2).close()
    except OSError:
        refused = True
    expect(refused, "nobody answers for the address")
    expect(lab.counters()["net_arp_replies"] == before["net_arp_replies"], "no ARP reply")
    if not lab.full:
        return
    # Asked about again after a minute: both are free now.
    until("both are taken back", lambda: lab.counters()["net_duplicates_over"] == 2, 90)
    for family in (4, 6):
        until("the kernel has forgotten its failure", lambda f=family: answers(lab, f), 10, 0.5)


def answers(lab, family):
    try:
        lab.connect(family=family, timeout=2).close()
    except OSError:
        return False
    return True


def test_a_peer_that_comes_back_with_another_mac_is_found(lab):
    """NUD (RFC 4861, 7.3.3): the peer itself says nothing of the change."""
    lab.nginx("a")
    lab.start(lab.config())
    for family, address in ((6, OUT6), (4, OUT4))[:2 if lab.full else 1]:
        with lab.connect(family=family, timeout=30) as sock:
            ask(sock)
            time.sleep(2)  # an answer to ARP or ND that is older than a second is doubted
            shown = lab.run("client", "ip", "neigh", "show", address).stdout
            proxy = re.search(r"lladdr ([0-9a-f:]+)", shown)[1]
            lab.run("client", "ip", "link", "set", "dev", "eth0", "address",
                    f"02:00:00:00:77:0{family}")
            lab.run("client", "ip", "neigh", "replace", address, "lladdr", proxy, "dev", "eth0",
                    "nud", "permanent")
            asked = lab.counters()["net_solicits"]
            begin = time.monotonic()
            ask(sock)
            expect(lab.counters()["net_solicits"] > asked, "the proxy asked")
            took = time.monotonic() - begin
            lab.note(f"IPv{family}: found after {took:.1f} s")
            # 2.4 s (tests/unit/lane/test_lane.c has it to the millisecond), and a slow machine's.
            expect(took < 8, f"IPv{family}: found after {took:.1f} s")


def ask(sock):
    sock.sendall(REQUEST)
    got = sock.recv(65536)
    expect(got.startswith(b"HTTP/1.1 200"), f"an answer: {got[:60]}")


def test_the_kernel_hears_that_nobody_has_udp_ports(lab):
    """RFC 1122, 4.1.3.1; RFC 4443, 3.1: its socket says so at once instead of after a time-out."""
    lab.nginx("a")
    lab.start(lab.config())
    for address in (OUT4, OUT6):
        with lab.inside("client"):
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                                 socket.SOCK_DGRAM)
        with sock:
            sock.connect((address, 33434))
            sock.settimeout(5)
            sock.send(b"anybody?")
            try:
                sock.recv(100)
            except ConnectionRefusedError:
                continue
            except TimeoutError as error:
                raise Failure(f"{address}: no word") from error
    expect(lab.counters()["net_icmp_errors"] == 2, "two errors")
