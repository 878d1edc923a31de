"""memif with several queues and a peer that spreads like a NIC's RSS (spreader.c)."""
from lab import IN4, IN6, expect, marked, until
from load import Load
from test_bulk import both_ways

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
