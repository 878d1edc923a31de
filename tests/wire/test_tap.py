"""tap: ports whose other end is an interface of the kernel's, made for us or by us."""
import re
import signal

from ends import insert_tap
from lab import CLIENT4, IN4, IN6, OUT4, OUT6, expect, is_alive, marked, until
from load import Load
from test_bulk import MIB, both_ways


def config(lab, queues=1, **more):
    return lab.config(ports=[
        {"name": "outside", "device": {"tap": "tap-out", "queues": queues},
         "addresses": [f"{OUT4}/24", f"{OUT6}/64"]},
        {"name": "inside", "device": {"tap": "tap-in", "queues": queues},
         "addresses": [f"{IN4}/24", f"{IN6}/64"]}], **more)


def insert(lab, **how):
    for side in ("out", "in"):
        insert_tap(lab, side, **how)


def size(lab):
    return 1024 * MIB if lab.full else 8 * MIB if lab.smoke else 64 * MIB


@marked("smoke")
def test_bodies_are_equal_over_tap(lab):
    insert(lab)
    both_ways(lab, size(lab), lambda: config(lab, lanes=1, cores=[1]))


def test_bodies_are_equal_over_tap_with_four_lanes_on_two_cores(lab):
    """Two queues: what a queue's lane does not own is handed over."""
    insert(lab)
    both_ways(lab, size(lab), lambda: config(lab, queues=2, lanes=4, cores=[0, 1]))


def test_bodies_are_equal_over_tap_and_ipv6(lab):
    """Taps of one queue, as `ip tuntap` makes them."""
    insert(lab, multi_queue=False)
    both_ways(lab, size(lab) // 4, lambda: config(lab, lanes=2, cores=[1]), family=6)


@marked("smoke")
def test_many_requests_over_tap(lab):
    lab.nginx("a")
    lab.nginx("b")
    insert(lab)
    lab.start(config(lab, queues=2, lanes=4, cores=[0, 1]))
    load = Load(lab, 20 if lab.smoke else 64, 60 if lab.full else 3)
    load.expect_clean()


def taps(lab):
    return re.findall(r"^(\S+): tap", lab.run("proxy", "ip", "tuntap").stdout, re.M)


def one_of_our_own(lab):
    """The outside port is a tap of the data plane's making."""
    made = lab.config()
    made["machine"]["ports"][0]["device"] = "tap:mine0"
    return made


def start(lab):
    """Penstock, whose tap's other end then gets the client's address."""
    lab.write_config(one_of_our_own(lab))
    if lab.control is None:
        lab.start_control()
    lab.start_dataplane()
    until("the data plane has its tap", lambda: (lab.status() or {}).get("ports") and
          taps(lab) == ["mine0"] and lab.port("outside")["up"], 20)
    lab.run("proxy", "ip", "address", "add", f"{CLIENT4}/24", "dev", "mine0")


def test_the_kernel_beside_us_is_a_peer_by_a_tap_that_we_made(lab):
    """No bridge, no veth: local processes speak to Penstock; kill -9 and restart, five times."""
    lab.nginx("a")
    for _ in range(5):
        start(lab)
        got = lab.run("proxy", "curl", "-sS", "--fail", "--max-time", "10",
                      f"http://{OUT4}/token?t={'y' * 5000}").stdout
        expect(got == "y" * 5000, f"{len(got)} bytes")
        lab.end(lab.dataplane, signal.SIGKILL)
        lab.dataplane = None
        until("the tap has gone with its maker", lambda: taps(lab) == [], 5)


def test_a_tap_that_is_set_down_is_down(lab):
    lab.nginx("a")
    insert(lab)
    lab.start(config(lab))
    lab.get("/small")
    lab.run("proxy", "ip", "link", "set", "tap-out", "down")
    until("it is seen", lambda: not lab.port("outside")["up"], 5)
    lab.run("proxy", "ip", "link", "set", "tap-out", "up")
    until("it is seen", lambda: lab.port("outside")["up"], 5)
    lab.get("/small", "--retry", "5", "--retry-connrefused")


def refused(lab, text):
    lab.start_control()
    lab.start_dataplane()
    process, lab.dataplane = lab.dataplane, None
    until("the data plane ends", lambda: not is_alive(process.pid) or process.poll() is not None, 20)
    expect(process.returncode != 0, "it started")
    expect(text in lab.text("dataplane.log"), lab.text("dataplane.log")[-500:])


def test_an_interface_that_is_no_tap_is_refused_in_words(lab):
    lab.nginx("a")
    made = lab.config()
    made["machine"]["ports"][0]["device"] = "tap:out0"
    lab.write_config(made)
    refused(lab, "out0 is there and is no tap that could be joined")
