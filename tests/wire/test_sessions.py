"""Sessions as penstockctl shows them: who hangs, where, and TCP on both sides."""
import re
import socket
import struct
import time

from lab import OUT4, expect, marked, until


def found(lab, *options):
    return lab.ctl_json("sessions", *options)["sessions"]


@marked("smoke")
def test_a_hanging_request_is_found_by_its_url(lab):
    lab.odd_origin("a")
    lab.start(lab.config(lanes=2))
    with lab.connect() as hanging, lab.connect() as idle:
        hanging.sendall(b"GET /slow-head?s=40 HTTP/1.1\r\nHost: mail\r\n\r\n")
        until("it waits for the server", lambda: [
            s for s in found(lab, "--url", "/slow-head") if s["phase"] == "wait"], 10)
        [session] = found(lab, "--url", "/slow-head")
        client, server = session["client_leg"], session["server_leg"]
        expect((session["method"], session["host"], session["target"]) ==
               ("GET", "mail", "/slow-head?s=40"), f"the request: {session}")
        expect((session["listener"], session["farm"], session["server"]) == ("web4", "app", "a"),
               f"its way: {session}")
        expect(client["tcp"] == server["tcp"] == "established", f"both sides: {session}")
        expect(client["local"] == f"{OUT4}:80" and server["remote"].endswith(":8080"), f"{session}")
        expect(client["remote"] == "{}:{}".format(*hanging.getsockname()), f"the client: {client}")
        expect(client["bytes_in"] > 0 and server["bytes_out"] > 0 and server["bytes_in"] == 0,
               f"what went each way: {session}")
        expect(server["srtt_us"] > 0 and server["cwnd"] > 0, f"TCP's own view: {server}")
        expect(not found(lab, "--url", "/other"), "nobody else's URL")
        expect(not found(lab, "--older-than", "1h"), "nobody is that old")
        expect([s["id"] for s in found(lab, "--phase", "wait")] == [session["id"]], "by phase")
        expect(len(found(lab, "--farm", "app", "--server", server["remote"])) == 1, "by server")
        [other] = found(lab, "--client", "{}:{}".format(*idle.getsockname()))
        expect(other["phase"] == "idle" and other["server_leg"] is None, f"the idle one: {other}")
        whole = lab.ctl_json("sessions", "--limit", "1")
        expect(len(whole["sessions"]) == 1 and whole["more"], f"one of two: {whole}")
        [row] = [x for x in lab.ctl("sessions", "--listener", "web4").stdout.splitlines()
                 if "GET /slow-head" in x]
        expect(row.startswith(session["id"]) and len(row) <= 80, row)
        told = lab.ctl("sessions", "show", session["id"]).stdout
        states = next(x.split() for x in told.splitlines() if "TCP state" in x)
        expect(states[2:] == ["established"] * 2 and all(
            len(x) <= 80 for x in told.splitlines()), told)
        hanging.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until("it is gone", lambda: lab.ctl("sessions", "show", session["id"],
                                        check=False).returncode == 1, 10)
    for words in (["--farm", "none"], ["--client", "nobody"], ["--phase", "nap"], ["show", "9-9"]):
        expect(lab.ctl("sessions", *words, check=False).returncode == 1, f"{words} is refused")
    for words in (["--limit", "0"], ["--older-than", "soon"], ["--url"], ["show"], ["x"]):
        expect(lab.ctl("sessions", *words, check=False).returncode == 2, f"{words}: usage")


@marked("smoke")
def test_sessions_are_found_by_age(lab):
    """Of two hanging requests the older one alone, by an age between theirs."""
    lab.odd_origin("a")
    lab.start(lab.config(lanes=2))
    with hang(lab, "/slow-head?s=40&old"):
        until("the first one waits", lambda: found(lab, "--phase", "wait"), 10)
        time.sleep(1.5)
        with hang(lab, "/slow-head?s=40&young"):
            until("both wait", lambda: len(found(lab, "--phase", "wait")) == 2, 10)
            ages = {s["target"].split("&")[1]: s["age_ms"] for s in found(lab, "--phase", "wait")}
            expect(ages["old"] >= 1500 and ages["old"] - ages["young"] >= 1400, f"{ages}")
            # It grows meanwhile: a second less is surely below, a second more surely above.
            between, above = f"{ages['old'] - 300}ms", f"{ages['old'] + 20000}ms"
            older = found(lab, "--older-than", between)
            expect([s["target"].split("&")[1] for s in older] == ["old"], f"{between}: {older}, {ages}")
            expect(all(s["age_ms"] >= ages["old"] for s in older), f"{older}")
            expect(not found(lab, "--older-than", above), f"nobody is {above} old")
            expect(len(found(lab, "--older-than", "0s", "--phase", "wait")) == 2, "all are older")
            lab.ctl("sessions", "kill", "--url", "/slow-head", "--yes")


@marked("smoke")
def test_tcp_states_beyond_established_are_shown(lab):
    """A client that has said it sends no more, and a server that does not answer its SYN."""
    lab.odd_origin("a")
    config = lab.config(lanes=2)
    config["farms"].append({"name": "silent", "scheme": "http", "servers": [
        {"name": "full", "address": "10.2.0.11", "http_port": 8081}]})
    config["listeners"].append({"name": "silent4", "address": f"{OUT4}:81", "protocol": "http",
                                "farm": "silent"})
    with lab.inside("origins"):
        server = socket.create_server(("10.2.0.11", 8081), backlog=0)
        first = socket.create_connection(("10.2.0.11", 8081))  # its queue is full: a SYN is dropped
    lab.start(config)
    with server, first, hang(lab, "/slow-head?s=40&half") as half:
        half.shutdown(socket.SHUT_WR)

        def states(url):
            return [(s["client_leg"]["tcp"], (s["server_leg"] or {}).get("tcp"))
                    for s in found(lab, "--url", url)]
        until("the client's half is closed", lambda: states("/slow-head") ==
              [("close_wait", "established")], 5)
        told = lab.ctl("sessions", "show", found(lab, "--url", "/slow-head")[0]["id"]).stdout
        row = next(x.split() for x in told.splitlines() if "TCP state" in x)
        expect(row[2:] == ["close_wait", "established"], told)
        with lab.connect(port=81) as sock:
            sock.sendall(b"GET /silent HTTP/1.1\r\nHost: mail\r\n\r\n")
            until("the server is called", lambda: states("/silent") ==
                  [("established", "syn_sent")], 5)
        lab.ctl("sessions", "kill", "--url", "/slow-head", "--yes")


def hang(lab, target):
    """A connection whose request waits for its server."""
    sock = lab.connect()
    sock.sendall(f"GET {target} HTTP/1.1\r\nHost: mail\r\n\r\n".encode())
    return sock


def is_reset(sock):
    try:
        return sock.recv(1) == b"never"
    except ConnectionResetError:
        return True


@marked("smoke")
def test_killed_sessions_are_reset_on_both_sides_and_the_log_says_who_did_it(lab):
    lab.odd_origin("a")
    lab.start(lab.config(lanes=2))
    hanging = [hang(lab, f"/slow-head?s=40&i={i}") for i in range(6)]
    other = hang(lab, "/slow-head?s=2&other")
    until("they wait for the server", lambda: len(found(
        lab, "--url", "/slow-head", "--phase", "wait")) == 7, 10)
    [session] = found(lab, "--url", "/slow-head?s=40&i=0")
    told = lab.ctl("sessions", "kill", session["id"]).stdout
    expect(session["id"] in told and "killed: 1" in told, told)
    expect(is_reset(hanging[0]), "the client is reset")
    again = lab.ctl("sessions", "kill", session["id"], check=False)
    expect(again.returncode == 1 and "any more" in again.stderr, f"{again}")
    many = lab.ctl("sessions", "kill", "--url", "/slow-head?s=40", check=False)
    expect(many.returncode == 1 and "5 sessions fit" in many.stderr and "--yes" in many.stderr,
           f"five need a word more: {many}")
    expect(len(found(lab, "--url", "/slow-head?s=40")) == 5, "nothing was killed by that")
    one = lab.ctl_json("sessions", "kill", "--url", "/slow-head?s=40&i=1")
    expect(one["killed"] == 1 and one["sessions"][0]["target"].endswith("i=1"), f"{one}")
    rest = lab.ctl_json("sessions", "kill", "--url", "/slow-head?s=40", "--phase", "wait", "--yes")
    expect(rest["killed"] == 4 and len(rest["sessions"]) == 4 and not rest["more"], f"{rest}")
    expect(all(is_reset(sock) for sock in hanging[1:]), "each client is reset")
    expect(b"200" in other.recv(4096), "who was not meant has its answer")
    none = lab.ctl("sessions", "kill", "--url", "/slow-head?s=40", "--yes")
    expect("killed: 0" in none.stdout, f"{none}")
    until("the access log names the cause", lambda: len([
        e for e in lab.access_log() if e.get("cause_word") == "killed" and
        e["cause"] == "killed by penstockctl" and e["target"].startswith("/slow-head?s=40")]) == 6,
        5)
    expect(lab.counters()["proxy_killed"] == 6, "each was counted")
    until("the server's ends are gone too", lambda: len(lab.run(
        "origins", "ss", "-Htn", "state", "established", "sport", "=", ":8080"
    ).stdout.splitlines()) <= 1, 5)
    log = lab.text("control.log")
    expect(len(re.findall(r"order of uid 0, pid \d+ begins: .*\"verb\":\"kill\"", log)) == 5 and "sessions killed: 4" in log, log)
    for words in (["kill"], ["kill", "--yes"], ["kill", "--url"], ["kill", "--phase", "x", "--y"]):
        expect(lab.ctl("sessions", *words, check=False).returncode == 2, f"{words}: usage")
    for words in (["--phase", "none"], ["kill", "--phase", "none", "--yes"], ["kill", "9-9"]):
        expect(lab.ctl("sessions", *words, check=False).returncode == 1, f"{words} is refused")
