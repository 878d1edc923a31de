"""The access log as IIS writes it, and what penstockctl shows of real requests."""
import json
import os
import signal

from lab import OUT4, expect, marked, until


def w3c_lines(text):
    """Lines as dictionaries, by the directive before them."""
    fields, lines = [], []
    for line in text.split("\n")[:-1]:
        if line.startswith("#Fields: "):
            fields = line.split(" ")[1:]
        elif not line.startswith("#"):
            lines.append(dict(zip(fields, line.split(" "), strict=True)))
    return lines


@marked("smoke")
def test_w3c_lines_cannot_be_forged_and_survive_a_rotation(lab):
    lab.nginx("a")
    config = lab.config()
    config["logs"]["access"]["format"] = "w3c"
    lab.start(config)
    lab.get("/echo?x=1", "-A", 'a b"\t#Fields: date', "-e", "http://r/ \xe4")
    log = lab.access_log_path

    def named(target):
        return [e for e in w3c_lines(lab.text("logs/access.log")) if e["cs-uri-stem"] == target]
    line = until("the line is there", lambda: named("/echo"), 5)[0]
    for field, value in (("cs-uri-query", "x=1"), ("cs-method", "GET"), ("sc-status", "200"),
                         ("cs(User-Agent)", "a+b%22%09#Fields:+date"), ("s-port", "80"),
                         ("cs(Referer)", "http://r/+%C3%A4"), ("s-ip", OUT4), ("x-farm", "app"),
                         ("x-server", "a"), ("x-cause", "-"), ("cs-host", OUT4)):
        expect(line[field] == value, f"{field}: {line[field]}, expected {value}")
    os.rename(log, log + ".1")
    lab.control.send_signal(signal.SIGHUP)
    until("the file is opened again", lambda: os.path.exists(log), 5)
    lab.get("/echo?after")
    until("a line is in the new file", lambda: named("/echo"), 5)
    text = lab.text("logs/access.log")
    expect(text.startswith("#Software: Penstock ") and text.count("#Fields: ") == 1, text[:200])


@marked("smoke")
def test_logs_and_farms_tell_of_requests_and_their_failures(lab):
    lab.nginx("a")
    lab.odd_origin("b")
    farms = lab.config()["farms"]
    farms.append({"name": "dead", "rest": "1s", "servers": [
        {"name": "c", "address": farms[0]["servers"][0]["address"], "http_port": 9}]})
    listeners = lab.config()["listeners"]
    listeners.append({"name": "dead", "address": f"{OUT4}:81", "farm": "dead"})
    config = lab.config(farms=farms, listeners=listeners)
    del config["logs"]  # neither needs the file
    lab.start(config)
    for i in range(4):
        lab.get(f"/echo?{i}")
    lab.get("/dead", listener=f"{OUT4}:81", check=False)

    def logs(*words):
        return [json.loads(line) for line in lab.ctl("logs", "--json", *words).stdout.splitlines()]
    good = logs("--farm", "app", "--status", "2xx")
    expect([e["target"] for e in good[-4:]] == [f"/echo?{i}" for i in range(4)], f"{good}")
    failed = logs("--farm", "dead", "--cause", "any")
    expect([e["cause_word"] for e in failed] == ["connect_refused"], f"{failed}")
    text = lab.ctl("logs", "--url", "/dead").stdout
    expect("connection refused by c:9" in text, text + str(failed))

    def counted():  # a lane puts its servers on the board some times a second
        app, dead = lab.ctl_json("farms")
        return app["requests"] >= 4 and dead["servers"][0]["dial_failures"] == 1 and (app, dead)
    app, dead = until("farms tell of each request", counted, 5)
    expect(app["state"] == "up" and app["latency"]["p99_us"] > 0, f"{app}")
    server = dead["servers"][0]
    expect(server["last_failure"]["cause_word"] == "connect_refused", f"{dead}")
    expect(server["last_failure"]["ago_ms"] < 60000, f"{dead}")
