"""The control plane and its command line, beside a running data plane."""
import json
import os
import signal
import stat
import sys
import time

from lab import CONTROL_USER, DATAPLANE_USER, HERE, OUT4, expect, marked, until


def server_of(lab):
    return lab.get("/echo").stdout.splitlines()[0]


def test_static_names_lead_to_servers(lab):
    lab.nginx("a")
    config = lab.config(hosts={"app.internal": "10.2.0.11"})
    config["farms"][0]["servers"] = [{"name": "a", "address": "app.internal", "http_port": 8080}]
    lab.start(config)
    until("a name of hosts serves", lambda: lab.get("/echo", check=False).returncode == 0, 5)
    expect(server_of(lab) == "server=a", "the named server")


def test_a_server_whose_name_moves_is_followed(lab):
    lab.nginx("a")
    lab.nginx("b")
    zone = lab.path("zone")

    def point_at(address):
        with open(zone + ".new", "w", encoding="ascii") as out:
            out.write(f"app.example {address} 1\n")
        os.rename(zone + ".new", zone)
    point_at("10.2.0.11")
    lab.spawn("proxy", [sys.executable, os.path.join(HERE, "dns.py"), "127.0.0.1", "5353", zone],
              "dns.log")
    config = lab.config(resolver={"servers": ["127.0.0.1:5353"]})
    config["farms"][0]["servers"] = [{"name": "n", "address": "app.example", "http_port": 8080}]
    lab.start(config)
    until("the name is resolved", lambda: lab.get("/echo", check=False).returncode == 0, 10)
    expect(server_of(lab) == "server=a", "where the name points first")
    point_at("10.2.0.12")
    until("requests follow the name", lambda: server_of(lab) == "server=b", 20, 0.2)


def test_a_moved_access_log_is_left_alone_after_sighup(lab):
    lab.nginx("a")
    lab.start(lab.config())
    lab.get("/token?t=before")
    until("the first line", lambda: lab.access_log(), 5)
    os.rename(lab.access_log_path, lab.access_log_path + ".1")
    lab.control.send_signal(signal.SIGHUP)
    until("a new file", lambda: os.path.exists(lab.access_log_path), 5)
    lab.get("/token?t=after")
    until("the second line", lambda: lab.access_log(), 5)
    expect([e["target"] for e in lab.access_log()] == ["/token?t=after"], "only the new line")
    with open(lab.access_log_path + ".1", encoding="utf-8") as old:
        expect(len(old.readlines()) == 1, "the old file keeps its line")


@marked("smoke")
def test_each_daemon_is_its_own_user_and_strangers_read_nothing(lab):
    lab.nginx("a")
    lab.start(lab.config())
    for process, user in ((lab.control, CONTROL_USER), (lab.dataplane, DATAPLANE_USER)):
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            uids = next(line.split()[1:] for line in status if line.startswith("Uid:"))
        expect(uids == [user.split(":")[0]] * 4, f"{process.args}: uids {uids}")
    for folder, _, names in os.walk(lab.run_dir):
        for name in names:
            info = os.lstat(os.path.join(folder, name))
            expect(info.st_mode & stat.S_IRWXO == 0, f"{name} is open to others")
            side = CONTROL_USER if folder.endswith("control") else DATAPLANE_USER
            expect(f"{info.st_uid}:{info.st_gid}" == side, f"{name} belongs to {info.st_uid}")


def test_a_second_instance_refuses_to_start(lab):
    lab.nginx("a")
    lab.start(lab.config())
    first = lab.control, lab.dataplane
    lab.start_control()
    lab.start_dataplane()
    for process in (lab.control, lab.dataplane):
        code = process.wait(10)
        expect(code == 1, f"a second one exits {code}")
    lab.control, lab.dataplane = first
    lab.get("/echo")


def test_every_verb_answers(lab):
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config())
    path = lab.path("penstock.yaml")
    for words in (["check", path], ["diff", path], ["status"], ["farms"], ["farms", "show", "app"],
                  ["servers"], ["stats"], ["schema"], ["version"],
                  ["explain", f"http://{OUT4}/x"]):
        expect(lab.ctl(*words).stdout.strip(), f"{words[0]} says something")
        json.loads(lab.ctl(*words, "--json").stdout)
    for words in (["nonsense"], [], ["check"], ["server", "drain"]):
        expect(lab.ctl(*words, check=False).returncode == 2, f"{words}: wrong usage")
    explained = lab.ctl_json("explain", f"http://{OUT4}/x")
    expect(explained["action"] == "route" and explained["farm"] == "app", f"{explained}")


def test_an_override_survives_apply_and_restarts(lab):
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config())
    lab.ctl("server", "drain", "app/b")
    config = lab.config()
    config["farms"][0]["timeouts"] = {"receive": "21s"}
    lab.apply(config)
    lab.wait_generation()
    lab.kill_control()
    lab.kill_dataplane()
    lab.start_control()
    lab.start_dataplane()
    lab.wait_serving()
    until("status lists the override", lambda: (lab.status() or {}).get("overrides"), 10)
    time.sleep(0.2)
    answers = {server_of(lab) for _ in range(6)}
    expect(answers == {"server=a"}, f"b is still drained: {answers}")
