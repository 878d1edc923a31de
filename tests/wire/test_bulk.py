"""Large bodies, both ways, in both framings: every byte arrives, in order."""
import hashlib
import os

from lab import expect, marked
from origin import pattern

MIB = 1 << 20


def body_file(path, n):
    """Writes the pattern and returns its digest."""
    digest = hashlib.sha256()
    with open(path, "wb") as out:
        for block in pattern(n):
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


STALLED = ("--speed-limit", "1000", "--speed-time", "10")  # curl gives up


def download(lab, at, target, timeout):
    done = lab.run("client", "bash", "-c", "set -o pipefail; curl -sSg --fail --max-time "
                   f"{timeout} {' '.join(STALLED)} 'http://{at}{target}' | sha256sum",
                   timeout=timeout + 10)
    return done.stdout.split()[0]


def upload(lab, path, at, target, *options, timeout):
    return lab.get(target, "-T", path, "-H", "Expect:", *STALLED, *options, listener=at,
                   timeout=timeout).stdout


def both_ways(lab, n, make, family=4, timeout=300):
    """
    Content-Length and chunked, down and up, against nginx and against our own origin, with the
    configuration that make() gives.
    """
    home = lab.nginx("a")
    lab.odd_origin("b")
    sent = body_file(os.path.join(home, "files", "big"), n)
    source = os.path.join(home, "files", "big")
    config = make()
    server = {s["name"]: s for s in config["farms"][0]["servers"]}
    config["farms"] = [
        {"name": "app", "scheme": "http", "servers": [server["a"]]},
        {"name": "odd", "scheme": "http", "servers": [server["b"]]}]
    config["listeners"] += [
        {"name": "odd4", "address": "10.1.0.10:81", "protocol": "http", "farm": "odd"},
        {"name": "odd6", "address": "[fd01::10]:81", "protocol": "http", "farm": "odd"}]
    lab.start(config)
    odd = "10.1.0.10:81" if family == 4 else "[fd01::10]:81"

    web = "10.1.0.10" if family == 4 else "[fd01::10]"
    lab.note("down, Content-Length")
    expect(download(lab, web, "/big", timeout) == sent, "download with Content-Length differs")
    lab.note("down, chunked")
    expect(download(lab, odd, f"/chunked?n={n}", timeout) == sent, "chunked download differs")
    lab.note("up, Content-Length")
    text = upload(lab, source, odd, "/sink", timeout=timeout)
    expect(text == f"{n} length {sent}\n", f"upload with Content-Length: {text}")
    lab.note("up, chunked")
    upload(lab, source, web, "/upload/copy", "-H", "Transfer-Encoding: chunked", timeout=timeout)
    with open(os.path.join(home, "files", "upload", "copy"), "rb") as copy:
        expect(hashlib.file_digest(copy, "sha256").hexdigest() == sent, "chunked upload differs")


def size(lab):
    return 1024 * MIB if lab.full else 8 * MIB if lab.smoke else 64 * MIB


@marked("smoke")
def test_bodies_are_equal_both_ways_with_one_lane(lab):
    both_ways(lab, size(lab), lambda: lab.config(lanes=1, cores=[1]))


def test_bodies_are_equal_both_ways_with_four_lanes_on_two_cores(lab):
    both_ways(lab, size(lab), lambda: lab.config(lanes=4, cores=[0, 1]))


def test_bodies_are_equal_both_ways_over_ipv6(lab):
    both_ways(lab, size(lab) // 4, lambda: lab.config(lanes=2, cores=[1]), family=6)


def test_many_bodies_at_once_with_four_lanes(lab):
    """Sixteen downloads together: flows lie on every lane, and answers come back to theirs."""
    home = lab.nginx("a")
    sent = body_file(os.path.join(home, "files", "big"), 4 * MIB)
    lab.start(lab.config(lanes=4, cores=[0, 1]))
    done = lab.run("client", "bash", "-c", "for i in $(seq 16); do "
                   "(curl -sS --fail http://10.1.0.10/big | sha256sum) & done; wait", timeout=120)
    digests = [line.split()[0] for line in done.stdout.splitlines()]
    expect(digests == [sent] * 16, f"{sum(d == sent for d in digests)} of 16 are equal")


def test_bodies_are_equal_over_a_cable_that_loses_doubles_and_reorders(lab):
    """One frame in a hundred is lost, doubled, late: 64 MiB each way."""
    n = 64 * MIB if lab.full else 8 * MIB
    cable = lab.insert_relay(loss=10000, dup=10000, late=10000)
    both_ways(lab, n, lab.config, timeout=600)
    lab.check_baseline()  # while the last FINs can still be repeated
    lab.end(cable)
    lab.note(lab.text("relay.log").replace("\n", "; "))
    expect(" lost 0 " not in lab.text("relay.log"), "the cable lost nothing")
