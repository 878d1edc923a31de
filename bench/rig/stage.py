"""stage.py - where the systems play: namespaces, two wires, one origin, hugepages.

    client ---- outside | proxy | inside ---- origin

The load and the origin run on the load core; the proxy alone on its own. Everything a stage made
is undone by whatever path it ends (the wire tests' lab does that), also the hugepages.
"""
import contextlib
import glob
import os
import resource
import shutil
import signal
import tempfile

from lab import DATAPLANE_USER, Failure, Lab, expect, sh, until

BODY = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
BULK_BYTES = 1 << 20
HUGE = "/sys/kernel/mm/hugepages/hugepages-2048kB"
OFFLOADS = ("tx", "tso", "gso")  # gro is off on veth: it would make it poll

ORIGIN = """
daemon off; user root; worker_processes 1; pid @HOME@/pid;
error_log stderr warn;
events { worker_connections @FILES@; multi_accept on; accept_mutex off; }
http {
	access_log off; sendfile on; tcp_nodelay on; tcp_nopush on;
	keepalive_timeout 3600s; keepalive_requests 1000000000; client_max_body_size 0;
	open_file_cache max=100 inactive=3600s; open_file_cache_valid 3600s;
	client_body_temp_path @HOME@/files/body; proxy_temp_path @HOME@/proxy;
	fastcgi_temp_path @HOME@/f; uwsgi_temp_path @HOME@/u; scgi_temp_path @HOME@/s;
	default_type application/octet-stream;
	server {
		listen @ORIGIN@:8080 reuseport backlog=65535;
		root @HOME@/files;
		location = /small { return 200 "@BODY@"; }
		location = /seen { return 200 "$http_x_forwarded_for"; }
		location /up/ { dav_methods PUT; }
	}
}
"""


class Stage(Lab):
    def __init__(self, build, plan, options):
        super().__init__(build)
        self.plan, self.options = plan, options
        self.offloads = None  # of the wires now
        self.origin_process = None
        self.huge_wanted = 0

    def __enter__(self):
        # Logs are files in memory: at the rates of a virtual wire a disk would be measured.
        usual, tempfile.tempdir = tempfile.tempdir, "/dev/shm"
        try:
            return super().__enter__()
        finally:
            tempfile.tempdir = usual

    def down(self):
        """Physical interfaces go home before their namespaces are deleted."""
        if self.dir is not None and self.plan.interfaces.all_given():
            for role, name in self.interfaces():
                sh("ip", "-n", self.ns(role), "link", "set", name, "netns", "1", check=False)
        super().down()

    # ---- wires ----

    def interfaces(self):
        """(namespace's role, interface) of the four ends."""
        at = self.plan.interfaces
        if not at.all_given():
            return (("client", "eth0"), ("proxy", "out0"), ("proxy", "in0"), ("origins", "eth0"))
        return (("client", at.client), ("proxy", at.outside), ("proxy", at.inside),
                ("origins", at.origin))

    def make_namespaces(self):
        for role in ("client", "proxy", "origins"):
            self.namespaces.append(self.ns(role))
            sh("ip", "netns", "add", self.ns(role))
            for key, value in (("net.ipv6.conf.default.disable_ipv6", 1),
                               ("net.ipv6.conf.all.disable_ipv6", 1),
                               ("net.ipv4.ip_local_port_range", "1024 65535"),
                               ("net.ipv4.tcp_congestion_control", "cubic"),
                               ("net.core.somaxconn", 65535),
                               ("net.ipv4.tcp_max_syn_backlog", 65535)):
                self.sysctl(role, key, value)
            sh("ip", "-n", self.ns(role), "link", "set", "lo", "up")
        ends = self.interfaces()
        if self.plan.interfaces.all_given():
            for role, name in ends:
                sh("ip", "link", "set", name, "netns", self.ns(role))
        else:
            for one, two in (ends[:2], (ends[3], ends[2])):
                sh("ip", "link", "add", one[1], "netns", self.ns(one[0]), "type", "veth",
                   "peer", "name", two[1], "netns", self.ns(two[0]))
        for role, name in ends:
            sh("ip", "-n", self.ns(role), "link", "set", "dev", name, "txqueuelen", "10000", "up")
            self.no_receive_steering(role, name)
        self.address(*ends[0], self.plan.addresses.client)
        self.address(*ends[3], self.plan.addresses.origin)

    def no_receive_steering(self, role, name):
        """RPS sends packets to the other core by interrupts, which halves everything."""
        sh("ip", "netns", "exec", self.ns(role), "sh", "-c",
           f"for f in /sys/class/net/{name}/queues/rx-*/rps_cpus; do echo 0 > $f; done")

    def set_offloads(self, on):
        """What a kernel proxy's expert leaves on; a driver of a virtual port needs them off."""
        if self.offloads == on:
            return
        for role, name in self.interfaces():
            words = [word for key in OFFLOADS for word in (key, "on" if on else "off")]
            sh("ip", "netns", "exec", self.ns(role), "ethtool", "-K", name, *words)
        self.offloads = on

    @contextlib.contextmanager
    def kernel_addresses(self):
        """The proxy's addresses are the kernel's, while a kernel proxy plays."""
        at = self.plan.addresses
        ends = (self.interfaces()[1], self.interfaces()[2])
        for (role, name), address in zip(ends, (at.outside, at.inside)):
            self.address(role, name, address)
        try:
            yield
        finally:
            for role, name in ends:
                sh("ip", "-n", self.ns(role), "address", "flush", "dev", name)

    def forget_neighbours(self):
        for role, name in self.interfaces():
            sh("ip", "-n", self.ns(role), "neighbour", "flush", "dev", name)

    # ---- the origin ----

    def start_origin(self):
        """One nginx worker on the load core: 64 bytes, and a body of --body bytes from a file."""
        if self.origin_process is not None:
            return
        home = self.path("origin")
        os.makedirs(os.path.join(home, "files"))
        sh("mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", os.path.join(home, "files"))
        self.down_hooks.append(lambda: sh("umount", os.path.join(home, "files"), check=False))
        os.mkdir(os.path.join(home, "files", "up"))
        os.mkdir(os.path.join(home, "files", "body"))
        self.origin_process = self.rival_process("origins", "nginx", home, ORIGIN, "origin",
                                                 self.plan.cores.load)
        self.wait_tcp("origins", self.plan.addresses.bare("origin"), 8080, self.origin_process)

    def body_file(self, size):
        """A file of the origin, of bytes that tell their place; its name."""
        path = self.path(f"origin/files/{size}")
        if not os.path.exists(path):
            with open(path, "wb") as out:
                out.write(pattern(size))
        return f"/{size}"

    def rival_process(self, role, program, home, template, name, core):
        """An nginx or HAProxy with a configuration made of a template."""
        at = self.plan.addresses
        text = template
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200
        for key, value in {"FILES": str(files), "HOME": home, "ORIGIN": at.bare("origin"),
                           "OUT": at.bare("outside"), "BODY": BODY}.items():
            text = text.replace(f"@{key}@", value)
        path = os.path.join(home, f"{program}.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        argv = {"nginx": ["nginx", "-p", home, "-c", path],
                "haproxy": ["haproxy", "-db", "-f", path]}[program]
        expect(shutil.which(program), f"{program} is not installed: apt-get install "
               f"{'nginx-light' if program == 'nginx' else program}")
        return self.spawn(role, argv, f"{name}.log", cpu=core)

    # ---- memory ----

    def set_hugepages_aside(self, memory):
        """As many free ones as the packet buffers need, besides those of others."""
        want = int(mib(memory) / 2) + 128
        free = pages("free_hugepages")
        if free >= want:
            return
        with open("/proc/sys/vm/compact_memory", "w", encoding="ascii") as out:
            out.write("1")
        self.add_hugepages(want - free)
        expect(pages("free_hugepages") >= want, f"the kernel found no {want} free hugepages of "
               "2 MiB: free memory, or give less with --memory, or run with --no-huge")

    # ---- processes ----

    def spawn(self, role, argv, log, cpu=None, env=None):
        """Each program's words begin anew."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(log))
        return super().spawn(role, argv, log, cpu, env)

    def spawn_first(self, role, argv, log, cpu):
        """One that goes before what shares its core; its session is what the kernel weighs."""
        process = self.spawn(role, ["nice", "-n", "-15", *argv], log, cpu)
        with contextlib.suppress(OSError), \
                open(f"/proc/{process.pid}/autogroup", "w", encoding="ascii") as group:
            group.write("-15")
        return process

    def end(self, process, sig=signal.SIGTERM, seconds=5):
        """DPDK's leftovers go with the process."""
        code = super().end(process, sig, seconds)
        for path in glob.glob(f"/var/run/dpdk/*-{process.pid}"):
            shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir("/var/run/dpdk")  # or another's are still in it
        return code

    def give_to_dataplane(self, path):
        os.chown(self.path(path), *map(int, DATAPLANE_USER.split(":")))

    def expect_alive(self, *processes):
        for process in processes:
            if process.poll() is not None:
                raise Failure(f"{process.log.removesuffix('.log')} ended by itself with "
                              f"{process.returncode}: {self.text(process.log)[-2000:].strip()}")
        return True


def pattern(size):
    return b"".join(b"%015d\n" % i for i in range(size // 16 + 1))[:size]


def pages(name):
    with open(os.path.join(HUGE, name), encoding="ascii") as file:
        return int(file.read())


def mib(text):
    units = {"KiB": 1 / 1024, "MiB": 1, "GiB": 1024}
    return float(text[:-3]) * units[text[-3:]]


__all__ = ["Stage", "Failure", "until", "BODY", "BULK_BYTES", "pattern"]
