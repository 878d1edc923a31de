"""memif with several queues and a peer that spreads like a NIC's RSS (spreader.c)."""
import hashlib
import os

from lab import IN4, IN6, expect, marked, until
from load import Load
from test_bulk import body_file, both_ways

MIB = 1 << 20


def config(lab, lanes=4, queues=4):
    made = lab.config(lanes=lanes, cores=[0, 1])
    made["machine"]["ports"][1] = {
        "name": "inside", "device": {"memif": lab.path("memif/inside.sock"), "role": "client",
                                     "id": 0, "queues": queues},
        "addresses": [f"{IN4}/24", f"{IN6}/64"]}
    return made


def start(lab, **spreader):
    lab.insert_spreader(queues=4, **spreader)
    lab.start(config(lab))


def steering(lab):
    return lab.port("inside")["steering"]


@marked("smoke")
def test_replies_come_to_the_right_lane_when_the_key_is_known(lab):
    lab.nginx("a")
    lab.nginx("b")
    start(lab)
    for i in range(200):
        lab.get(f"/echo?{i}")
    load = Load(lab, 20 if lab.smoke else 64, 3)
    load.expect_clean()
    expect(steering(lab) == "rss", f"steering: {steering(lab)}")
    port = lab.port("inside")
    expect(port["judged"] > 0 and port["wrong"] == 0, f"packets on the wrong lane: {port}")


def test_a_spreader_that_spreads_otherwise_is_seen_and_served(lab):
    lab.nginx("a")
    lab.nginx("b")
    start(lab, wrong=True)
    load = Load(lab, 64, 3)
    load.expect_clean()
    until("the mismatch is reported", lambda: steering(lab) == "mismatch", 5)


def test_bodies_are_equal_over_memif(lab):
    lab.insert_spreader(queues=4)
    both_ways(lab, 256 * MIB if lab.full else 32 * MIB, lambda: config(lab))


@marked("alone")
def test_many_bodies_at_once_over_memif_on_hugepages(lab):
    """Buffers that the driver lends to its peer without a copy, and rings that run full."""
    if not lab.add_hugepages(400):
        lab.note("no hugepages on this machine")
        return
    home = lab.nginx("a")
    sent = body_file(os.path.join(home, "files", "big"), 16 * MIB)
    source = os.path.join(home, "files", "big")
    lab.insert_spreader(queues=4)
    made = config(lab)
    made["machine"].update(hugepages=True, memory="256MiB")
    lab.start(made)
    done = lab.run("client", "bash", "-c", "for i in $(seq 16); do "
                   "(curl -sS --fail http://10.1.0.10/big | sha256sum) & done; wait", timeout=120)
    digests = [line.split()[0] for line in done.stdout.splitlines()]
    expect(digests == [sent] * 16, f"down: {digests.count(sent)} of 16 are equal")
    lab.run("client", "bash", "-c", "for i in $(seq 16); do curl -sS --fail -H Expect: -T "
            f"{source} http://10.1.0.10/upload/$i & done; wait", timeout=120)
    up = [body_digest(os.path.join(home, "files", "upload", str(i + 1))) for i in range(16)]
    expect(up == [sent] * 16, f"up: {up.count(sent)} of 16 are equal")


def body_digest(path):
    with open(path, "rb") as body:
        return hashlib.file_digest(body, "sha256").hexdigest()
