"""ends.py - other ends for Penstock's ports than the veths that a lab begins with. Each takes the
place of a side's ("out", "in") before Penstock starts."""
import os

from lab import CLIENT4, CLIENT6, DATAPLANE_USER, sh, until

ROLES = {"out": "client", "in": "origins"}


def insert_guest(lab, side, kind, kernel, queues=1):
    """
    guest.c, the other end of a virtio or vhost port, before a kernel that leaves to it what
    `kernel` says, in ethtool's words. Its process and the socket.
    """
    role, near, path = ROLES[side], f"near-{side}", lab.path(f"links/{side}.sock")
    if not os.path.isdir(lab.path("links")):
        os.mkdir(lab.path("links"))
        os.chown(lab.path("links"), *map(int, DATAPLANE_USER.split(":")))
    sh("ip", "-n", lab.ns(role), "link", "delete", "eth0")
    lab.link((role, "eth0"), ("relay", near))
    lab.address(role, "eth0", *([f"{CLIENT4}/24", f"{CLIENT6}/64"] if side == "out" else
                                lab.origin_addresses()))
    # The guest's own end leaves all off: what Penstock left undone is done there, and then checked.
    lab.run(role, "ethtool", "-K", "eth0", *kernel)
    log = f"guest-{side}-{os.urandom(4).hex()}.log"
    process = lab.spawn("relay", [lab.tool("tests/wire/guest"), "--iface", near,
                                  {"virtio": "--backend", "vhost": "--driver"}[kind], path,
                                  "--queues", str(queues)], log)
    if kind == "virtio":  # a vhost port makes its socket, for which the guest waits
        until("the guest is ready", lambda: "ready" in lab.text(log), 15)
        os.chown(path, *map(int, DATAPLANE_USER.split(":")))
    return process, path


def insert_tap(lab, side, multi_queue=True):
    """
    A tap on a bridge with the side's veth, whose peer leaves checksums and cuts to it; its name.
    The veth leaves nothing to that peer: what Penstock left undone is done there, and then checked.
    """
    veth, tap, bridge = f"{side}0", f"tap-{side}", f"br-{side}"
    for key in ("iptables", "ip6tables", "arptables"):
        lab.sysctl("proxy", f"net.bridge.bridge-nf-call-{key}", 0)
    lab.run("proxy", "ip", "tuntap", "add", tap, "mode", "tap",
            *(["multi_queue"] if multi_queue else []))
    lab.run("proxy", "ip", "link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
    for name in (veth, tap):
        lab.run("proxy", "ip", "link", "set", name, "master", bridge)
    for name in (veth, tap, bridge):
        lab.run("proxy", "ip", "link", "set", name, "up")
    lab.run(ROLES[side], "ethtool", "-K", "eth0", "tx", "on", "tso", "on", "gso", "on")
    return tap
