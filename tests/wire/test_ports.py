"""Ports: one leg or two, with a VLAN, on hugepages."""
import hashlib
import os
import time

from lab import CLIENT4, CLIENT6, IN4, IN6, OUT4, OUT6, expect, marked
from test_bulk import MIB, body_file, download
from test_tap import refused


def test_one_leg_serves_both_sides(lab):
    """Clients and servers on the same network, one port."""
    lab.odd_server("client", CLIENT4, CLIENT6)
    config = lab.config()
    config["machine"]["ports"] = config["machine"]["ports"][:1]
    config["farms"][0]["servers"] = [
        {"name": "four", "address": CLIENT4, "http_port": 8080},
        {"name": "six", "address": CLIENT6, "http_port": 8080}]
    lab.start(config)
    for family in (4, 6):
        for _ in range(4):
            expect("X-Forwarded-For" in lab.get("/echo", family=family).stdout, "an answer")


def test_a_tagged_port_speaks_its_vlan_only(lab):
    cable = lab.insert_relay(tag=120)
    lab.nginx("a")
    config = lab.config()
    config["machine"]["ports"][0]["vlan"] = 120
    lab.start(config)
    for family in (4, 6):
        lab.get("/echo", family=family)
    lab.get("/token?t=" + "x" * 1000)
    lab.end(cable)
    text = lab.text("relay.log")
    expect("untagged 0\n" in text.split("b to a:")[1], f"every frame carries the tag: {text}")


def test_a_router_leads_to_clients_and_servers_beyond(lab):
    """Addresses behind a gateway: the kernel's namespaces route for others."""
    far4, far6 = "198.51.100.7", "fd09::7"
    for role in ("client", "origins"):
        lab.address(role, "lo", *([f"{far4}/32", f"{far6}/128"] if role == "client" else
                                  ["198.51.100.8/32", "fd09::8/128"]))
    lab.odd_server("origins", "198.51.100.8", "fd09::8")
    config = lab.config()
    outside, inside = config["machine"]["ports"]
    outside["gateways"] = [CLIENT4, CLIENT6]
    inside["routes"] = [{"to": "198.51.100.8/32", "via": "10.2.0.11"},
                        {"to": "fd09::8/128", "via": "fd02::11"}]
    config["farms"][0]["servers"] = [
        {"name": "four", "address": "198.51.100.8", "http_port": 8080},
        {"name": "six", "address": "fd09::8", "http_port": 8080}]
    lab.start(config)
    for source, at in ((far4, OUT4), (far6, f"[{OUT6}]")):
        for _ in range(4):
            text = lab.get("/echo", "--interface", source, listener=at).stdout
            expect(source in text, f"X-Forwarded-For names {source}: {text}")


@marked("smoke", "alone")
def test_packet_memory_lies_in_hugepages_when_asked(lab):
    if not lab.add_hugepages(300):
        lab.note("no hugepages on this machine")
        return
    lab.nginx("a")
    config = lab.config()
    config["machine"].update(hugepages=True, memory="256MiB")
    before = free_pages()
    lab.start(config)
    expect(free_pages() <= before - 128, f"{free_pages()} pages are free, {before} were")
    lab.get("/echo")


def free_pages():
    path = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
    with open(path, encoding="ascii") as pages:
        return int(pages.read())


def test_bytes_that_a_client_leaves_unread_stay_what_they_are(lab):
    """The port's own ring goes round many times while a client's kernel holds what it got."""
    home = lab.nginx("a")
    sent = body_file(os.path.join(home, "files", "big"), MIB)
    lab.start(lab.config())
    with lab.connect() as sock:
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.5)
        for _ in range(3):
            download(lab, OUT4, "/big", 30)
        lab.run("client", "wrk", "-t1", "-c32", "-d1", f"http://{OUT4}/small")
        got = b""
        while data := sock.recv(1 << 16):
            got += data
    body = got.split(b"\r\n\r\n", 1)[1]
    expect(hashlib.sha256(body).hexdigest() == sent, "the body that waited differs")


def test_a_card_that_is_not_there_is_refused_in_words(lab):
    lab.nginx("a")
    made = lab.config()
    made["machine"]["ports"][0]["device"] = "pci:ffff:ff:1f.7"
    lab.write_config(made)
    refused(lab, "port outside: there is no PCI device ffff:ff:1f.7 here")


def raw_ports(lab, outside):
    return lab.config(ports=[
        {"name": "outside", "device": outside, "addresses": [f"{OUT4}/24", f"{OUT6}/64"]},
        {"name": "inside", "device": "packet:in0", "addresses": [f"{IN4}/24", f"{IN6}/64"]}])


def test_a_device_is_made_of_raw_arguments(lab):
    """A driver of DPDK's that has no kind of its own takes its own words."""
    home = lab.nginx("a")
    sent = body_file(os.path.join(home, "files", "big"), MIB)
    lab.start(raw_ports(lab, {"vdev": "net_af_packet9,iface=out0,qdisc_bypass=1"}))
    expect(lab.port("outside")["driver"] == "net_af_packet", lab.port("outside"))
    for family, at in ((4, OUT4), (6, f"[{OUT6}]")):
        lab.get("/echo", family=family)
        expect(download(lab, at, "/big", 30) == sent, "the body differs")


def test_raw_arguments_open_no_file_of_roots(lab):
    """The data plane opens them with its user's rights, since whoever configures is not root."""
    lab.nginx("a")
    path = lab.path("roots.pcap")
    with open(path, "w", encoding="ascii"):
        os.chmod(path, 0o600)
    lab.write_config(raw_ports(lab, {"vdev": f"net_pcap9,rx_iface=out0,tx_pcap={path}"}))
    refused(lab, "port outside (net_pcap9")
    expect(os.path.getsize(path) == 0, "root's file was written to")


def test_raw_arguments_leave_another_ports_device_alone(lab):
    """A port's device is called after its driver and its place: net_af_packet1 is the second's."""
    lab.nginx("a")
    config = raw_ports(lab, {"vdev": "net_af_packet1,iface=out0"})
    config["machine"]["ports"].reverse()
    config["machine"]["ports"].insert(0, {"name": "third", "device": "tap:third0",
                                          "addresses": ["10.9.0.5/24"]})
    lab.write_config(config)
    refused(lab, "port outside: there is a device net_af_packet1 already; write another number")
