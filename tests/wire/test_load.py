"""Under load: configurations change, processes are killed, servers stop, and nobody notices."""
import os
import re
import signal
import struct
import time

from lab import OUT4, expect, marked, until
from load import Load, changed, sizes


@marked("smoke", "alone")
def test_a_new_configuration_every_second_fails_no_request(lab):
    connections, seconds = sizes(lab)
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=4, cores=[0, 1]))
    load = Load(lab, connections, seconds)
    applied = 0
    while load.is_running():
        begin = time.monotonic()
        lab.apply(changed(lab, applied, lanes=4, cores=[0, 1]))
        applied += 1
        time.sleep(max(0, begin + 1 - time.monotonic()))
    load.expect_clean()
    expect(applied >= seconds * 2 // 3, f"only {applied} configurations in {seconds} s")
    lab.wait_generation()


@marked("smoke", "alone")
def test_lanes_that_move_every_second_fail_no_request(lab):
    connections, seconds = sizes(lab)
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=4, cores=[0, 1]))
    load = Load(lab, connections, seconds)
    moved = 0
    while load.is_running():
        begin = time.monotonic()
        for lane in range(4):
            # In turn: each lane alone, and now and then a core that has none at all.
            to = 0 if moved % 5 == 4 else (moved + lane) % 2
            lab.ctl("lanes", "move", str(lane), "--to", str(to))
        lab.apply(changed(lab, moved, lanes=4, cores=[0, 1]))
        moved += 1
        time.sleep(max(0, begin + 1 - time.monotonic()))
    load.expect_clean()
    expect(moved >= 2, f"only {moved} rounds of moves in {seconds} s")
    # A busy machine makes fewer rounds; that every order was obeyed is what counts.
    least = max(1, moved // 2 - 1)
    until("each lane was moved", lambda: all(lane["moves"] >= least
                                             for lane in lab.ctl_json("lanes")), 5)
    lanes = lab.ctl_json("lanes")
    lab.note(f"longest pause {max(lane['longest_pause_ns'] for lane in lanes) / 1000:.1f} us")
    lab.ctl("lanes", "move", "3", "--to", "0")
    until("status lists it", lambda: {"lane": 3, "cpu": 0} in lab.status()["overrides"], 5)
    until("it runs there", lambda: lab.ctl_json("lanes")[3]["cpu"] == 0, 5)
    for lane in range(4):
        lab.ctl("lanes", "move", str(lane), "--to", "home")
    until("all are back",
          lambda: [lane["cpu"] for lane in lab.ctl_json("lanes")] == [0, 1, 0, 1], 5)
    expect(not lab.status()["overrides"], "nothing is overridden any more")
    expect(lab.ctl("lanes", "move", "3", "--to", "9", check=False).returncode == 1, "no such core")
    expect(lab.ctl("lanes", "move", "64", "--to", "0", check=False).returncode == 1, "no such lane")


@marked("smoke", "alone")
def test_control_killed_under_load_fails_nothing_and_adopts(lab):
    connections, seconds = sizes(lab)
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=2))
    pid = lab.dataplane.pid
    load = Load(lab, connections // 4, seconds)
    time.sleep(seconds / 4)
    lab.kill_control()
    time.sleep(seconds / 4)
    lab.start_control()
    until("control answers", lambda: lab.status(), 10)
    lab.apply(changed(lab, 1, lanes=2))
    lab.wait_generation()
    load.expect_clean()
    expect(lab.dataplane.poll() is None and lab.dataplane.pid == pid, "the data plane lives on")


@marked("smoke", "alone")
def test_the_data_plane_killed_serves_again_alone_within_three_seconds(lab):
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=2))
    lab.apply(changed(lab, 1, lanes=2))
    lab.wait_generation()
    lab.kill_control()
    lab.kill_dataplane()
    begin = time.monotonic()
    lab.start_dataplane()
    until("the data plane serves alone",
          lambda: lab.get("/echo", check=False, timeout=1).returncode == 0,
          30 if lab.smoke else 3, 0.02)
    lab.note(f"served after {time.monotonic() - begin:.2f} s")
    expect(lab.get("/echo", listener=f"{OUT4}:9001").stdout, "the newest configuration serves")
    lab.start_control()
    until("control adopts", lambda: lab.status(), 10)


@marked("alone")
def test_an_image_that_was_refused_is_not_taken_after_a_restart(lab):
    lab.nginx("a")
    lab.start(lab.config())
    good = lab.generation()
    lab.kill_control()
    bad = forge_image(lab, good)
    until("the data plane refuses it", lambda: lab.verdict(bad) == "refused", 5)
    expect(lab.get("/echo").returncode == 0, "traffic goes on")
    lab.kill_dataplane()
    lab.start_dataplane()
    until("it serves again", lambda: lab.get("/echo", check=False, timeout=1).returncode == 0, 5)
    expect(lab.generation() == good, f"generation {lab.generation()} runs, not {good}")
    lab.start_control()
    until("control adopts", lambda: lab.status(), 10)
    lab.apply(changed_alone(lab))
    lab.wait_generation()


def changed_alone(lab):
    config = lab.config()
    config["farms"][0]["timeouts"] = {"receive": "21s"}
    return config


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def put_whole(lab, name, data):
    """Makes a file of control's side as control does: complete, then renamed."""
    path = os.path.join(lab.run_dir, "control", name)
    owner = os.stat(os.path.dirname(path))
    with open(path + ".forged", "wb") as out:
        out.write(data)
    os.chmod(path + ".forged", 0o440)
    os.chown(path + ".forged", owner.st_uid, owner.st_gid)
    os.rename(path + ".forged", path)


def forge_image(lab, good):
    """
    Publishes an image whose first listener names a farm that is not there, with every checksum
    right (abi/publish.h, abi/image.h); its generation.
    """
    with open(os.path.join(lab.run_dir, "control", f"tables.{good}"), "rb") as good_file:
        image = bytearray(good_file.read())
    head_bytes, section_n, section_bytes = struct.unpack_from("<HHH", image, 10)
    for i in range(section_n):
        section, _, _, stride, n, offset = struct.unpack_from(
            "<HHIIIQ", image, head_bytes + i * section_bytes)
        if section == 7:  # listeners; farm_i lies behind slot, incarnation, name, ip and ports
            expect(n > 0 and stride >= 64, "an image with listeners")
            struct.pack_into("<I", image, offset + 44, 12345)
    struct.pack_into("<I", image, 24, 0)
    crc = crc32c(image)
    struct.pack_into("<I", image, 24, crc)
    put_whole(lab, f"tables.{good + 1}", image)
    publish = bytearray(struct.pack("<8sHHIQQIIQ", b"PENSPUB1", 1, 0, 0, good + 1, len(image), crc,
                                    0, time.time_ns()))
    struct.pack_into("<I", publish, 12, crc32c(publish))
    put_whole(lab, "publish", publish)
    return good + 1


@marked("alone")
def test_a_server_that_stops_costs_no_request(lab):
    connections, seconds = sizes(lab)
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=2))
    load = Load(lab, connections // 2, seconds)
    time.sleep(seconds / 4)
    lab.stop_origin("b", signal.SIGQUIT)
    time.sleep(seconds / 4)
    lab.nginx("b")
    load.expect_clean()


@marked("alone")
def test_a_server_that_is_killed_costs_no_safe_request(lab):
    connections, seconds = sizes(lab)
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config(lanes=2))
    load = Load(lab, connections // 2, seconds)
    time.sleep(seconds / 3)
    lab.stop_origin("b", signal.SIGTERM)
    load.expect_clean()


@marked("alone")
def test_a_bad_configuration_leaves_the_running_one_untouched(lab):
    lab.nginx("a")
    lab.start(lab.config())
    before = lab.generation()
    config = lab.config()
    config["listeners"][0]["farm"] = "ap"
    done = lab.ctl("apply", lab.write_config(config), check=False)
    expect(done.returncode == 1, f"apply exits {done.returncode}")
    expect(re.search(r"penstock\.yaml:\d+:\d+: ", done.stderr + done.stdout),
           f"place of the error: {done.stderr}{done.stdout}")
    expect(lab.generation() == before, "the generation stays")
    lab.get("/echo")


@marked("alone")
def test_a_drained_server_gets_no_new_request(lab):
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config())
    lab.ctl("server", "drain", "app/b")
    time.sleep(0.2)
    answers = {lab.get("/echo").stdout.splitlines()[0] for _ in range(6)}
    expect(answers == {"server=a"}, f"while b drains: {answers}")
    lab.ctl("server", "enable", "app/b")
    time.sleep(0.2)
    answers = {lab.get("/echo").stdout.splitlines()[0] for _ in range(6)}
    expect(answers == {"server=a", "server=b"}, f"after b is back: {answers}")
