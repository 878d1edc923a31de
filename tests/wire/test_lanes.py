"""Lanes go from core to core, cores come and go, and nobody who is served notices."""
import hashlib
import os
import threading
import time

from lab import OUT4, expect, marked, until
from load import Every, Load, changed, sizes
from test_bulk import body_file


def cpus(lab):
    """Where each lane runs."""
    return [lane["cpu"] for lane in lab.ctl_json("lanes")]


def core(lab, cpu):
    return next((core for core in lab.ctl_json("cores") if core["cpu"] == cpu), None)


def threads(lab):
    """Names of the data plane's threads that run lanes."""
    tasks = f"/proc/{lab.dataplane_pid()}/task"
    names = []
    for task in os.listdir(tasks):
        try:
            with open(f"{tasks}/{task}/comm", encoding="ascii") as comm:
                names.append(comm.read().strip())
        except FileNotFoundError:
            pass
    return sorted(name for name in names if name.startswith("core-"))


def long_turns(lab):
    """How many turns took more than a millisecond, and the whole histogram."""
    turns = lab.ctl_json("stats", "turn_time")["histograms"]["turn_time"]
    return sum(n for most, n in turns["buckets"] if most > 1e6), turns


def move_all(lab, i):
    for lane in range(4):
        to = (i + lane + 1) % 2
        moved = lab.ctl("lanes", "move", str(lane), "--to", str(to), check=False)
        expect(moved.returncode == 0 or "cores add" in moved.stderr,
               f"lane {lane} to core {to}: {moved.stderr}")


def release_and_add(lab, i):
    lab.ctl("cores", "release", str(i % 2))
    time.sleep(0.5)
    lab.ctl("cores", "add", str(i % 2))


@marked("smoke", "alone")
def test_lanes_move_cores_go_and_come_and_no_request_fails(lab):
    """
    All lanes elsewhere and a configuration applied each second, a core released and added every
    five. Turns are compared with those of the same load while nothing moves: on processors that
    others use, too, a turn may take longer than a millisecond without anybody's fault.
    """
    connections, seconds = (1000, 60) if lab.full else sizes(lab)
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=4, cores=[0, 1]))
    still = Load(lab, connections, max(3, seconds // 4))
    still_seconds = time.monotonic()
    still.expect_clean()
    still_seconds = time.monotonic() - still_seconds
    before, _ = long_turns(lab)

    load = Load(lab, connections, seconds)
    begun = time.monotonic()
    schedules = [Every(1, lambda i: move_all(lab, i)),
                 Every(5, lambda i: release_and_add(lab, i)),
                 Every(1, lambda i: lab.apply(changed(lab, i, lanes=4, cores=[0, 1])))]
    load.process.wait(seconds + 60)
    took = time.monotonic() - begun
    moves, cores, applied = (schedule.stop() for schedule in schedules)
    counts = load.expect_clean()
    expect(moves >= 0.8 * seconds and applied >= 0.8 * seconds and cores >= seconds // 6,
           f"in {took:.0f} s: {moves} times all lanes, {cores} cores, {applied} configurations")
    expect(counts["p99_us"] < 2e6, f"nobody waits for long: {counts}")
    lanes = lab.ctl_json("lanes")
    after, turns = long_turns(lab)
    print(f"        {moves} times all lanes, {cores} cores, {applied} configurations; "
          f"{sum(lane['moves'] for lane in lanes)} moves, longest pause "
          f"{max(lane['longest_pause_ns'] for lane in lanes) / 1e6:.2f} ms; turns over 1 ms a second: "
          f"{before / still_seconds:.1f} still, {(after - before) / took:.1f} moving; "
          f"p99.9 {turns['p999'] / 1e3:.0f} us, longest {turns['max'] / 1e6:.2f} ms", flush=True)
    expect(all(lane["moves"] >= moves // 3 for lane in lanes), f"moves: {lanes}")
    expect((after - before) / took <= 2 * before / still_seconds + 10,
           "more turns are long while lanes move than one a move")


@marked("smoke")
def test_a_core_is_released_and_added_and_the_last_one_stays(lab):
    lab.nginx("a")
    lab.start(lab.config(lanes=4, cores=[0, 1]))
    expect(cpus(lab) == [0, 1, 0, 1], f"at first: {cpus(lab)}")
    expect(threads(lab) == ["core-0", "core-1"], f"threads: {threads(lab)}")

    done = lab.ctl("cores", "release", "1")
    expect("processor 1 is released" in done.stdout, f"it says: {done.stdout}")
    expect(core(lab, 1)["state"] == "released", f"the core: {core(lab, 1)}")
    expect(cpus(lab) == [0, 0, 0, 0], f"without core 1: {cpus(lab)}")
    expect(threads(lab) == ["core-0"], f"its thread ended: {threads(lab)}")
    expect({"core": 1, "said": "released"} in lab.status()["overrides"], "status lists it")
    expect(lab.get("/echo").returncode == 0, "it serves")

    last = lab.ctl("cores", "release", "0", check=False)
    expect(last.returncode == 1 and "last" in last.stderr and "cores add" in last.stderr,
           f"the last one: {last.stderr}")
    expect(lab.ctl("lanes", "move", "2", "--to", "1", check=False).returncode == 1,
           "no lane goes to a core that is released")

    # What was said outlives both programs.
    lab.kill_control()
    lab.start_control()
    until("control answers", lambda: lab.ctl("lanes", "move", "1", "--to", "home", check=False
                                             ).returncode == 0, 10)
    lab.kill_dataplane()
    lab.start_dataplane()
    lab.wait_serving()
    until("it is released again", lambda: core(lab, 1)["state"] == "released", 5)
    expect(threads(lab) == ["core-0"], f"threads: {threads(lab)}")

    lab.ctl("cores", "add", "1")
    expect(core(lab, 1)["state"] == "running", f"the core: {core(lab, 1)}")
    expect(set(cpus(lab)) == {0, 1}, f"some lane went there: {cpus(lab)}")
    expect(threads(lab) == ["core-0", "core-1"], f"threads: {threads(lab)}")
    for lane in range(4):
        lab.ctl("lanes", "move", str(lane), "--to", "home")
    until("all are back", lambda: cpus(lab) == [0, 1, 0, 1], 5)
    expect(not lab.status()["overrides"], f"nothing is left: {lab.status()['overrides']}")
    lab.settle()
    lab.baseline = lab.gauges()


@marked("smoke")
def test_a_core_beyond_the_configuration_runs_lanes_as_well(lab):
    lab.nginx("a")
    lab.start(lab.config(lanes=2, cores=[1]))
    expect(cpus(lab) == [1, 1], f"at first: {cpus(lab)}")
    lab.ctl("cores", "add", "0")
    added = core(lab, 0)
    expect(added["state"] == "running" and not added["configured"], f"the core: {added}")
    expect(sorted(cpus(lab)) == [0, 1], f"one lane went there: {cpus(lab)}")
    lab.ctl("cores", "release", "1")
    expect(cpus(lab) == [0, 0], f"the configured one is released: {cpus(lab)}")
    expect(lab.get("/echo").returncode == 0, "it serves")
    lab.ctl("cores", "add", "1")
    lab.ctl("cores", "release", "0")
    expect(cpus(lab) == [1, 1], f"at last: {cpus(lab)}")
    expect(core(lab, 0) is None, f"nobody speaks of it any more: {core(lab, 0)}")
    refused = lab.ctl("cores", "add", "1023", check=False)
    expect(refused.returncode == 1 and "may not use" in refused.stderr,
           f"no such processor: {refused.stderr}")


@marked("smoke")
def test_lanes_are_balanced_over_cores(lab):
    lab.nginx("a")
    lab.start(lab.config(lanes=4, cores=[0, 1]))
    for lane in range(4):
        lab.ctl("lanes", "move", str(lane), "--to", "0")
    until("all are on one", lambda: cpus(lab) == [0, 0, 0, 0], 5)
    expect(core(lab, 1)["state"] == "parked", f"the core: {core(lab, 1)}")
    # Who polls for the others has more to do, how much more is the machine's to say.
    moves = lab.ctl_json("lanes", "balance")["moves"]
    expect(moves and all(move["from"] == 0 and move["to"] == 1 for move in moves), f"{moves}")
    expect(set(cpus(lab)) == {0, 1}, f"balanced: {cpus(lab)}")


@marked("smoke")
def test_load_is_told_of_lanes_and_cores_and_goes_when_it_ends(lab):
    """By lanes, cores and top: of who works, and no more than a processor has."""
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=4, cores=[0, 1]))
    load = Load(lab, 32, 4)

    def look():
        return ([lane["load_percent"] for lane in lab.ctl_json("lanes")],
                [core["load_percent"] for core in lab.ctl_json("cores")],
                [lane["load_percent"] for lane in lab.ctl_json("top", "--every", "100ms")["lanes"]])
    looks = []
    while load.is_running():
        looks.append(look())
    load.expect_clean()
    for lanes, cores, seen in looks:
        expect(len(lanes) == len(seen) == 4 and len(cores) == 2, f"{lanes} {cores} {seen}")
        # Lanes of a core take turns, but each measures by its own clock: some more than all.
        for name, loads in (("lanes", lanes), ("top", seen)):
            expect(all(0 <= load <= 101 for load in loads), f"{name}: {looks}")
            for core in range(2):
                expect(sum(loads[core::2]) <= 130, f"{name}, core {core}: {looks}")
        expect(all(0 <= load <= 130 for load in cores), f"cores: {looks}")
    for i, name in enumerate(("lanes", "cores", "top")):
        most = [max(loads) for loads in zip(*(got[i] for got in looks))]
        print(f"        most that {name} told: {most} of {len(looks)} looks", flush=True)
        expect(all(load > 0 for load in most), f"{name}: {looks}")
        expect(sum(most) > 20, f"{name}, of a processor that serves all it can: {looks}")
    until("nobody has anything to do", lambda: all(load < 10 for loads in look() for load in loads), 10)


@marked("smoke")
def test_what_is_tuned_is_in_effect_and_is_undone(lab):
    lab.nginx("a")
    lab.start(lab.config(lanes=2))

    def keys():
        return {key["key"]: key for key in lab.ctl_json("tune")}
    expect(keys()["poll"]["text"] == "adaptive" and keys()["burst"]["value"] == 64, f"{keys()}")
    turns = lab.counters()["lane_turns"]
    lab.ctl("tune", "poll=busy", "burst=4", "sleep_most=200us")
    until("cores never sleep", lambda: lab.gauge("asleep") == 0 and
          lab.counters()["lane_turns"] > turns + 100000, 10)
    expect((keys()["poll"]["text"], keys()["burst"]["value"], keys()["sleep_most"]["text"])
           == ("busy", 4, "200us"), f"in effect: {keys()}")
    expect(lab.get("/token?t=1").returncode == 0, "it serves")
    for line in ("poll is busy", "burst is 4", "sleep_most is 200us"):
        expect(line in lab.ctl("status").stdout, f"status has no '{line}'")
    lab.kill_dataplane()
    lab.start_dataplane()
    lab.wait_serving()
    until("it is tuned again", lambda: keys()["burst"]["value"] == 4, 5)
    lab.ctl("tune", "poll=usual", "burst=usual", "sleep_most=usual")
    expect(keys()["poll"]["text"] == "adaptive" and keys()["burst"]["value"] == 64, f"{keys()}")
    expect(not lab.status()["overrides"], "nothing is overridden any more")
    until("cores sleep", lambda: lab.gauge("asleep") > 0, 10)
    for bad in ("burst=65", "burst", "pol=busy", "spin=1h"):
        expect(lab.ctl("tune", bad, check=False).returncode == 2, f"tune {bad}")
    lab.settle()
    lab.baseline = lab.gauges()


def all_moved(lab, to, moves):
    """Every lane on that core, and so many moves behind each."""
    for lane in range(2):
        lab.ctl("lanes", "move", str(lane), "--to", str(to))
    until("all are there", lambda: all(lane["cpu"] == to and lane["moves"] >= moves
                                       for lane in lab.ctl_json("lanes")), 10, 0.005)


def receive(sock, n):
    got = bytearray()
    while len(got) < n:
        data = sock.recv(min(n - len(got), 1 << 18))
        expect(data, f"closed after {len(got)} of {n} bytes")
        got += data
    return bytes(got)


def head_of(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += receive(sock, 1)
    return head


@marked("alone")
def test_what_takes_long_lives_through_moves_with_equal_bytes(lab):
    """A download, an upload and a tunnel; each goes on by a piece while its lane moves."""
    rounds, piece = (100, 1 << 20) if lab.full else (10, 1 << 18)
    home = lab.nginx("a")
    lab.odd_origin("b")
    sent = body_file(os.path.join(home, "files", "big"), rounds * piece)
    config = lab.config(lanes=2, cores=[0, 1])
    server = {s["name"]: s for s in config["farms"][0]["servers"]}
    config["farms"] = [{"name": "app", "scheme": "http", "servers": [server["a"]]},
                       {"name": "odd", "scheme": "http", "servers": [server["b"]]}]
    config["listeners"].append({"name": "odd4", "address": f"{OUT4}:81", "protocol": "http",
                                "farm": "odd"})
    lab.start(config)
    down, up, tunnel = lab.connect(timeout=60), lab.connect(port=81, timeout=60), \
        lab.connect(port=81, timeout=60)
    with down, up, tunnel, open(os.path.join(home, "files", "big"), "rb") as source:
        down.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        expect(b"200 OK" in head_of(down), "the download begins")
        up.sendall(b"PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                   % (rounds * piece))
        tunnel.sendall(b"GET /switch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                       b"Upgrade: capitals\r\n\r\n")
        expect(b"101 Switching" in head_of(tunnel), "the tunnel is open")
        digest = hashlib.sha256()
        for i in range(rounds + 1):
            move = threading.Thread(target=all_moved, args=(lab, (i + 1) % 2, i))
            move.start()  # while the bytes are under way
            if i < rounds:
                up.sendall(source.read(piece))
                digest.update(receive(down, piece))
            move.join()
            words = b"round %d;" % i * 100
            tunnel.sendall(words)
            back = receive(tunnel, len(words))
            expect(back == words.upper(), f"tunnel: {back[:40]}")
        expect(digest.hexdigest() == sent, "the download differs")
        whole = f"{rounds * piece} length {sent}\n".encode()
        expect(b"200" in head_of(up), "the upload is answered")
        expect(receive(up, len(whole)) == whole, "the upload differs")
    lanes = lab.ctl_json("lanes")
    expect(all(lane["moves"] >= rounds for lane in lanes), f"moves: {lanes}")
    print(f"        {[lane['moves'] for lane in lanes]} moves, longest pause "
          f"{max(lane['longest_pause_ns'] for lane in lanes) / 1e6:.2f} ms", flush=True)
