"""AF_XDP ports: our steering program takes what is ours and nothing else, and leaves nothing."""
import ipaddress
import json
import os
import re
import signal
import socket
import threading
import time

from lab import IN4, IN6, OUT4, OUT6, expect, marked, sh, until
from load import Every, Load
from packets import icmp6
from test_bulk import body_file, both_ways, download, size

MIB = 1 << 20
KERNEL4, KERNEL6 = "10.1.0.20", "fd01::20"


def config(lab, **more):
    made = lab.config(**more)
    for port, interface in zip(made["machine"]["ports"], ("out0", "in0")):
        port["device"] = f"xdp:{interface}"
    return made


def program(lab, interface):
    """The XDP program that is on an interface of the proxy's, or None."""
    link = json.loads(lab.run("proxy", "ip", "-j", "-d", "link", "show", interface).stdout)[0]
    return link.get("xdp", {}).get("prog", {}).get("name")


def kernel_beside(lab):
    """Gives the kernel an address of its own on the outside interface."""
    lab.sysctl("proxy", "net.ipv6.conf.out0.disable_ipv6", 0)
    lab.sysctl("proxy", "net.ipv6.conf.out0.accept_dad", 0)
    lab.address("proxy", "out0", f"{KERNEL4}/24", f"{KERNEL6}/64")


class Echo:
    """A server of the kernel's that sends back what it gets, as sshd would: port 22."""

    def __init__(self, lab, address, port=22):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with lab.inside("proxy"):
            self.listener = socket.create_server((address, port), family=family)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                while data := sock.recv(65536):
                    sock.sendall(data)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def talk(lab, address, port=22, n=MIB):
    with lab.inside("client"):
        sock = socket.create_connection((address, port), 5)
    with sock:
        sent = os.urandom(n)
        threading.Thread(target=sock.sendall, args=(sent,), daemon=True).start()
        got = b""
        while len(got) < n:
            data = sock.recv(65536)
            expect(data, f"{address}: closed after {len(got)} bytes")
            got += data
        expect(got == sent, f"{address}: other bytes came back")


@marked("smoke")
def test_requests_of_both_families_over_xdp(lab):
    lab.nginx("a")
    lab.start(config(lab))
    for family in (4, 6):
        for i in range(20):
            text = lab.get(f"/echo?x={i}", family=family).stdout
            expect(f"x={i}" in text, text)
    expect(lab.port("outside")["driver"] == "net_af_xdp", f"{lab.port('outside')}")
    expect(program(lab, "out0") == "penstock_steer", f"program: {program(lab, 'out0')}")
    lab.stop_penstock()
    expect(program(lab, "out0") is None, "the program goes with an orderly end")


def test_a_switch_that_snoops_hears_of_our_groups_unasked(lab):
    """Queries are the kernel's on a shared interface; beside them a report comes every minute."""
    if not lab.full:
        return  # tests/unit/net/test_listen.c needs no minute
    lab.nginx("a")
    lab.start(config(lab))
    time.sleep(8)  # the addresses are announced
    before = lab.counters()["net_mld_reports"]
    until("a report comes by itself", lambda: lab.counters()["net_mld_reports"] > before, 65)


def test_what_a_port_counts_is_shown(lab):
    """Of a device that takes one piece only, for which TCP itself makes the copies."""
    home = lab.nginx("a")
    body_file(os.path.join(home, "files", "big"), MIB)
    lab.start(config(lab, control={"metrics": {"address": "127.0.0.1:9464"}}))
    download(lab, OUT4, "/big", 30)

    def counted():
        return lab.port("outside")["counts"]
    until("they are told", lambda: counted()["sent"] >= MIB // 1448, 5)
    count = counted()
    expect(count["received"] > 0 and lab.counters()["tcp_tx_copied"] > 0, count)
    expect(count["linearised"] == 0 and count["unsendable"] == 0, count)
    shown = lab.ctl("status").stdout
    expect("LINEARISED" in shown, shown)
    page = lab.run("proxy", "curl", "-sS", "http://127.0.0.1:9464/metrics").stdout
    found = re.search(r'^penstock_port_sent_total{port="outside"} (\d+)$', page, re.M)
    expect(found and int(found.group(1)) >= count["sent"], page)


def test_bodies_are_equal_over_xdp(lab):
    both_ways(lab, size(lab), lambda: config(lab))


def test_bodies_are_equal_over_xdp_with_four_lanes_on_two_cores(lab):
    both_ways(lab, size(lab), lambda: config(lab, lanes=4, cores=[0, 1]))


def test_bodies_are_equal_over_xdp_and_ipv6(lab):
    both_ways(lab, size(lab) // 4, lambda: config(lab, lanes=2, cores=[1]), family=6)


def test_lanes_move_over_xdp_and_no_request_fails(lab):
    """And the kernel's own server beside us answers all the while."""
    lab.nginx("a")
    lab.nginx("b")
    kernel_beside(lab)
    server = Echo(lab, KERNEL4)
    lab.start(config(lab, lanes=4, cores=[0, 1]))
    load = Load(lab, 64, 60 if lab.full else 4)
    talk(lab, KERNEL4)
    talks = Every(0.5, lambda i: talk(lab, KERNEL4, n=MIB // 16))
    moves = Every(0.5, lambda i: [lab.ctl("lanes", "move", str(lane), "--to", str((i + lane) % 2))
                                  for lane in range(4)])
    load.process.wait(120)
    expect(moves.stop() >= 4 and talks.stop() >= 4, "both went on")
    load.expect_clean()
    lanes = lab.ctl_json("lanes")
    expect(all(lane["moves"] >= 2 for lane in lanes), f"moves: {lanes}")
    server.close()


def test_the_kernel_keeps_what_is_not_ours(lab):
    lab.nginx("a")
    kernel_beside(lab)
    servers = [Echo(lab, KERNEL4), Echo(lab, KERNEL6), Echo(lab, KERNEL4, 80)]
    lab.start(config(lab))
    lab.forget_neighbours()
    for _ in range(3):
        talk(lab, KERNEL4)
        talk(lab, KERNEL6)
        talk(lab, KERNEL4, 80)
        lab.get("/echo")
        lab.get("/echo", family=6)
    for server in servers:
        server.close()


def link_local(lab):
    """Made of the port's MAC (RFC 4291, appendix A)."""
    mac = bytes.fromhex(lab.port("outside")["mac"].replace(":", ""))
    return str(ipaddress.IPv6Address(bytes.fromhex("fe80000000000000") + bytes([mac[0] ^ 2]) +
                                     mac[1:3] + b"\xff\xfe" + mac[3:]))


def echoes(lab, address):
    """Whether an echo request on the link, from fe80::99, is answered within a second."""
    with lab.inside("client"):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        index = socket.if_nametoindex("eth0")
    with sock:
        sock.settimeout(1)
        body = os.urandom(40)
        sock.bind(("fe80::99", 0, 0, index))
        sock.sendto(icmp6("fe80::99", address, 128, 0, body), (address, 0, 0, index))
        try:
            while True:
                got, _ = sock.recvfrom(2048)
                if got[0] == 129 and got.endswith(body):
                    return True
        except socket.timeout:
            return False


def test_the_link_local_address_is_ours_unless_the_kernel_has_it(lab):
    lab.nginx("a")
    lab.address("client", "eth0", "fe80::99/64")
    made = config(lab)
    lab.start(made)
    address = link_local(lab)
    until("it answers", lambda: echoes(lab, address), 5)
    ours = lab.counters()["net_echo_replies"]
    expect(ours > 0, "somebody else answered")
    lab.sysctl("proxy", "net.ipv6.conf.out0.disable_ipv6", 0)
    until("the kernel has it", lambda: address in lab.run("proxy", "ip", "-6", "address", "show",
                                                         "dev", "out0").stdout, 5)
    made["machine"]["ports"][0]["addresses"].append("10.1.0.40/24")
    lab.apply(made)
    lab.wait_generation()

    def is_the_kernels():
        before = lab.counters()["net_echo_replies"]
        return echoes(lab, address) and lab.counters()["net_echo_replies"] == before
    until("the kernel answers for it", is_the_kernels, 5)
    lab.get("/echo", family=6)


def test_addresses_come_and_go_while_it_runs(lab):
    lab.nginx("a")
    made = config(lab)
    lab.start(made)
    made["machine"]["ports"][0]["addresses"] = ["10.1.0.10/24", "10.1.0.40/24"]
    made["listeners"] = [{"name": f"web{i}", "address": f"10.1.0.{i}:80", "protocol": "http",
                          "farm": "app"} for i in (10, 40)]
    lab.apply(made)
    lab.wait_generation()
    until("the new address is served",
          lambda: lab.get("/echo", listener="10.1.0.40", check=False, timeout=1).returncode == 0, 5)
    made["machine"]["ports"][0]["addresses"] = [f"{OUT4}/24", f"{OUT6}/64"]
    made["listeners"] = made["listeners"][:1]
    lab.apply(made)
    lab.wait_generation()
    kernel = Echo(lab, "0.0.0.0", 80)
    lab.address("proxy", "out0", "10.1.0.40/24")
    lab.forget_neighbours()
    until("the address is the kernel's again", lambda: talks(lab, "10.1.0.40", 80), 5)
    kernel.close()


def talks(lab, address, port):
    try:
        talk(lab, address, port, 1000)
        return True
    except OSError:
        return False


def test_a_cable_that_is_pulled_and_put_back(lab):
    lab.nginx("a")
    lab.start(config(lab))
    lab.get("/echo")
    until("the port is up at first", lambda: lab.port("outside")["up"], 5)
    sh("ip", "-n", lab.ns("client"), "link", "set", "eth0", "down")
    until("the port is down", lambda: not lab.port("outside")["up"], 5)
    sh("ip", "-n", lab.ns("client"), "link", "set", "eth0", "up")
    until("the port is up", lambda: lab.port("outside")["up"], 5)
    lab.get("/echo")


def test_killed_and_started_again_many_times(lab):
    lab.nginx("a")
    lab.start(config(lab))
    for _ in range(10 if lab.full else 3):
        lab.kill_dataplane()
        until("the program went with its process", lambda: program(lab, "out0") is None, 2)
        lab.start_dataplane()
        lab.wait_serving()
        lab.get("/echo")


def test_a_leftover_goes_and_another_s_program_stays(lab):
    lab.nginx("a")
    steer = lab.tool("drivers-conf/xdp/steer.bpf")
    lab.run("proxy", "ip", "link", "set", "dev", "out0", "xdpgeneric", "object", steer,
            "section", "xdp")
    lab.start(config(lab))
    lab.get("/echo")
    lab.stop_penstock()
    other = other_program(lab)
    lab.run("proxy", "ip", "link", "set", "dev", "out0", "xdp", "object", other, "section", "xdp")
    name = program(lab, "out0")
    lab.start_control()
    lab.start_dataplane()
    until("it ends", lambda: lab.dataplane.poll() is not None, 10)
    expect(lab.dataplane.returncode == 1, f"exit code {lab.dataplane.returncode}")
    expect("somebody else's" in lab.text("dataplane.log"), lab.text("dataplane.log"))
    expect(program(lab, "out0") == name, "it is still there")
    lab.dataplane = None


def other_program(lab):
    source = lab.path("other.c")
    with open(source, "w", encoding="ascii") as out:
        out.write('__attribute__((section("xdp"), used)) int other(void *ctx)\n'
                  "{ (void)ctx; return 2; }\n"
                  '__attribute__((section("license"), used)) char terms[] = "BSD";\n')
    made = lab.path("other.bpf")
    sh("clang", "-O2", "-g", "-target", "bpf", "-c", source, "-o", made)
    return made
