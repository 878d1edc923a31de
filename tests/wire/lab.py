"""lab.py - namespaces, peers and the three programs for one wire test; leaves nothing behind.

    client ---- [relay] ---- out0 | proxy | in0 ---- origins

The client and the origins are the Linux kernel's TCP in namespaces of their own; Penstock owns
the two interfaces of the proxy namespace, on which the kernel has no address. Everything a lab
made is undone when it ends, by whatever path: return, exception, SIGINT, SIGTERM, SIGHUP; what a
killed lab left is swept by the next one. Processes are ended by pid, and those that live in the
lab's namespaces, nothing else.
"""
import atexit
import contextlib
import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))

CLIENT4, CLIENT6 = "10.1.0.2", "fd01::2"
OUT4, OUT6 = "10.1.0.10", "fd01::10"
IN4, IN6 = "10.2.0.5", "fd02::5"
ORIGINS4, ORIGINS6 = "10.2.0.{}", "fd02::{}"
ORIGIN_HOSTS = {"a": 11, "b": 12, "c": 13, "d": 14, "gone": 99}

# The daemons run as two users of one group, here by number: none need be in /etc/passwd.
CONTROL_USER, DATAPLANE_USER = "64001:64000", "64002:64000"

# The leak check at exit traces its own process, which one that has changed its user is not always
# allowed to; unit, rfc and sim tests look for leaks.
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}

PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def marked(*marks):
    """full: only with --full; smoke: also in slow builds; alone: beside no other lab."""
    def mark(function):
        function.marks = set(marks)
        return function
    return mark


class Failure(Exception):
    """A check that did not hold; its text says what was seen."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


def sh(*argv, check=True, timeout=30):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def until(what, probe, seconds, every=0.02):
    """Calls probe until it returns something true; its value."""
    end = time.monotonic() + seconds
    while True:
        got = probe()
        if got:
            return got
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(every)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def delete_namespace(name):
    """Ends whoever lives in one of our namespaces, then removes it."""
    for _ in range(50):
        pids = sh("ip", "netns", "pids", name, check=False).split()
        if not pids:
            break
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
    sh("ip", "netns", "delete", name, check=False)


def sweep():
    """Removes what labs of processes that are no more have left."""
    for line in sh("ip", "netns", "list", check=False).splitlines():
        name = line.split()[0]
        found = re.fullmatch(r"pst(\d+)\w*-\w+", name)
        if found and not is_alive(int(found[1])):
            delete_namespace(name)
    for name in os.listdir(tempfile.gettempdir()):
        found = re.fullmatch(r"penstock-lab-(\d+)-\w+", name)
        if found and not is_alive(int(found[1])):
            shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)


class Lab:
    count = 0

    def __init__(self, build, full=False, smoke=False, verbose=False):
        Lab.count += 1
        self.build = build
        self.full = full  # sizes as the issue names them, else a few seconds' worth
        self.smoke = smoke  # a slow build: the least that shows the path
        self.verbose = verbose
        self.prefix = f"pst{os.getpid()}x{Lab.count}"
        self.dir = None
        self.processes = []  # Popen, in order of start
        self.namespaces = []
        self.origins = {}
        self.control = self.dataplane = None
        self.proxy_argv = []
        self.config_n = 0
        self.down_hooks = []

    # ---- life ----

    def __enter__(self):
        sweep()
        atexit.register(self.down)
        self.dir = tempfile.mkdtemp(prefix=f"penstock-lab-{os.getpid()}-")
        os.chmod(self.dir, 0o755)
        os.mkdir(self.path("logs"))
        os.chown(self.path("logs"), *map(int, CONTROL_USER.split(":")))
        try:
            self.make_namespaces()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.down()

    def down(self):
        if self.dir is None:
            return
        # A second signal must not cut the undoing short.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK,
                                        {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            for process in reversed(self.processes):
                self.end(process)
            for hook in reversed(self.down_hooks):
                hook()
            for name in self.namespaces:
                delete_namespace(name)
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir = None
            atexit.unregister(self.down)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)

    def left_behind(self):
        """What is still there of a lab that is down; all of it names this process."""
        left = [line.split()[0] for line in sh("ip", "netns", "list").splitlines()
                if line.startswith(self.prefix)]
        left += [name for name in os.listdir(tempfile.gettempdir())
                 if name.startswith(f"penstock-lab-{os.getpid()}-")]
        with open("/proc/mounts", encoding="utf-8") as mounts:
            left += [line.split()[1] for line in mounts if self.prefix in line]
        return left

    def ns(self, role):
        return f"{self.prefix}-{role}"

    def make_namespaces(self):
        for role in ("client", "proxy", "origins", "relay"):
            self.namespaces.append(self.ns(role))
            sh("ip", "netns", "add", self.ns(role))
            # Before any interface exists: the kernel must not speak IPv6 on Penstock's.
            if role in ("proxy", "relay"):
                self.sysctl(role, "net.ipv6.conf.default.disable_ipv6", 1)
                self.sysctl(role, "net.ipv6.conf.all.disable_ipv6", 1)
            else:
                self.sysctl(role, "net.ipv6.conf.default.accept_dad", 0)
                self.sysctl(role, "net.ipv4.ip_local_port_range", "1024 65535")
                self.sysctl(role, "net.core.somaxconn", 16384)
                self.sysctl(role, "net.ipv4.tcp_max_syn_backlog", 16384)
            sh("ip", "-n", self.ns(role), "link", "set", "lo", "up")
        self.link(("client", "eth0"), ("proxy", "out0"))
        self.link(("origins", "eth0"), ("proxy", "in0"))
        self.address("client", "eth0", f"{CLIENT4}/24", f"{CLIENT6}/64")
        self.address("origins", "eth0", *self.origin_addresses())

    def sysctl(self, role, key, value):
        sh("ip", "netns", "exec", self.ns(role), "sh", "-c",
           f"echo {value} > /proc/sys/{key.replace('.', '/')}", check=False)

    def link(self, one, two):
        sh("ip", "link", "add", one[1], "netns", self.ns(one[0]), "type", "veth",
           "peer", "name", two[1], "netns", self.ns(two[0]))
        for role, name in (one, two):
            # A driver of a virtual port carries no checksum or segmentation metadata.
            sh("ip", "netns", "exec", self.ns(role), "ethtool", "-K", name, "tx", "off",
               "tso", "off", "gso", "off", "gro", "off")
            sh("ip", "-n", self.ns(role), "link", "set", "dev", name, "txqueuelen", "10000", "up")

    @staticmethod
    def origin_addresses():
        for name, host in ORIGIN_HOSTS.items():
            if name != "gone":
                yield f"{ORIGINS4.format(host)}/24"
                yield f"{ORIGINS6.format(host)}/64"

    def address(self, role, interface, *addresses):
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            sh("ip", "-n", self.ns(role), "address", "add", address, "dev", interface, *nodad)

    def insert_relay(self, loss=0, dup=0, late=0, seed=1, tag=0):
        """Puts the bad cable between the client and the proxy. Before penstock starts."""
        sh("ip", "-n", self.ns("client"), "link", "delete", "eth0")
        self.link(("client", "eth0"), ("relay", "near"))
        self.link(("proxy", "out0"), ("relay", "far"))
        self.address("client", "eth0", f"{CLIENT4}/24", f"{CLIENT6}/64")
        return self.spawn("relay", [self.tool("tests/wire/relay"), "near", "far", "--loss", str(loss),
                                    "--dup", str(dup), "--late", str(late), "--seed", str(seed),
                                    "--tag", str(tag)],
                          log="relay.log")

    def insert_spreader(self, queues, wrong=False):
        """A card with RSS instead of the inside veth: memif/inside.sock. Before penstock starts."""
        sh("ip", "-n", self.ns("origins"), "link", "delete", "eth0")
        self.link(("origins", "eth0"), ("relay", "near"))
        self.address("origins", "eth0", *self.origin_addresses())
        os.mkdir(self.path("memif"))
        os.chown(self.path("memif"), *map(int, DATAPLANE_USER.split(":")))
        process = self.spawn("relay", [
            self.tool("tests/wire/spreader"), "--iface", "near", "--memif",
            self.path("memif/inside.sock"), "--queues", str(queues),
            *(["--wrong"] if wrong else [])], log="spreader.log")

        def ready():
            expect(process.poll() is None, f"spreader: {self.text('spreader.log')}")
            return "ready" in self.text("spreader.log")
        until("the spreader is ready", ready, 15)
        os.chown(self.path("memif/inside.sock"), *map(int, DATAPLANE_USER.split(":")))
        return process

    def add_hugepages(self, n):
        """So many more 2 MiB pages until the lab is down. False: this machine has them not."""
        path = "/proc/sys/vm/nr_hugepages"

        def change(by):
            # Other labs may come and go meanwhile: each takes away what it has added.
            with open(os.path.join(HERE, "lab.py"), "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with open(path, encoding="ascii") as pages:
                    before = int(pages.read())
                with open(path, "w", encoding="ascii") as pages:
                    pages.write(f"{max(0, before + by)}\n")
                with open(path, encoding="ascii") as pages:
                    return int(pages.read()) - before
        added = change(n)
        self.down_hooks.append(lambda: change(-added))
        return added == n

    # ---- processes ----

    def tool(self, path):
        return os.path.join(self.build, path)

    def path(self, name):
        return os.path.join(self.dir, name)

    def spawn(self, role, argv, log, cpu=None, env=None):
        """Starts argv in a namespace; its output goes to a file of the lab's directory."""
        if cpu is not None:
            argv = ["taskset", "-c", str(cpu), *argv]
        with open(self.path(log), "ab") as out:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.ns(role), *argv], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, preexec_fn=die_with_parent, start_new_session=True,
                env=dict(os.environ, **SANITIZERS, **(env or {})))
        process.log = log
        self.processes.append(process)
        return process

    def end(self, process, sig=signal.SIGTERM, seconds=5):
        """Ends a process of ours and forgets it; its exit code."""
        if process.poll() is None:
            process.send_signal(sig)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.processes:
            self.processes.remove(process)
        return process.returncode

    def run(self, role, *argv, check=True, timeout=60, text=True, stdin=None):
        done = subprocess.run(["ip", "netns", "exec", self.ns(role), *argv], input=stdin,
                              capture_output=True, text=text, timeout=timeout,
                              preexec_fn=die_with_parent)
        if check and done.returncode != 0:
            raise Failure(f"{' '.join(argv)} exited {done.returncode}: {done.stderr.strip()}")
        return done

    @contextlib.contextmanager
    def inside(self, role):
        """This thread in a namespace: sockets made here stay there."""
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(f"/run/netns/{self.ns(role)}", "rb") as away:
            expect(LIBC.setns(away.fileno(), CLONE_NEWNET) == 0, "setns")
            try:
                yield
            finally:
                LIBC.setns(home.fileno(), CLONE_NEWNET)

    def connect(self, family=4, port=80, timeout=10):
        """A TCP connection from the client to Penstock."""
        with self.inside("client"):
            return socket.create_connection((OUT4 if family == 4 else OUT6, port), timeout)

    def text(self, name):
        try:
            return open(self.path(name), encoding="utf-8", errors="replace").read()
        except FileNotFoundError:
            return ""

    def note(self, text):
        if self.verbose:
            print(f"      {text}", flush=True)

    # ---- origins ----

    def nginx(self, name, workers=1, extra="", cpu=None):
        """A real nginx on 10.2.0.x:8080 and [fd02::x]:8080; /echo tells what it saw."""
        host = ORIGIN_HOSTS[name]
        home = self.path(f"origin-{name}")
        os.makedirs(os.path.join(home, "files"), exist_ok=True)
        os.chmod(home, 0o755)
        with open(os.path.join(HERE, "origin.nginx.conf"), encoding="utf-8") as template:
            conf = template.read()
        for key, value in {"HOME": home, "NAME": name, "WORKERS": workers, "EXTRA": extra,
                           "V4": ORIGINS4.format(host), "V6": ORIGINS6.format(host)}.items():
            conf = conf.replace(f"@{key}@", str(value))
        with open(os.path.join(home, "nginx.conf"), "w", encoding="utf-8") as out:
            out.write(conf)
        process = self.spawn("origins", ["nginx", "-p", home, "-c",
                                         os.path.join(home, "nginx.conf")], f"nginx-{name}.log",
                             cpu=cpu)
        self.origins[name] = process
        self.wait_tcp("origins", ORIGINS4.format(host), 8080, process)
        return home

    def stop_origin(self, name, sig=signal.SIGTERM):
        self.end(self.origins.pop(name), sig)

    def odd_origin(self, name):
        """Our own origin (origin.py), for what nginx would never do; port 8080."""
        host = ORIGIN_HOSTS[name]
        self.origins[name] = self.odd_server("origins", ORIGINS4.format(host),
                                             ORIGINS6.format(host))

    def odd_server(self, role, address4, address6):
        process = self.spawn(role, [sys.executable, os.path.join(HERE, "origin.py"), address4,
                                    address6, "8080"], f"origin-{address4}.log")
        self.wait_tcp(role, address4, 8080, process)
        return process

    def wait_tcp(self, role, address, port, process):
        """Until somebody listens there, seen in the namespace's own table."""
        octets = "".join(f"{int(x):02X}" for x in reversed(address.split(".")))
        wanted = re.compile(rf": ({octets}|00000000):{port:04X} \S+ 0A ")

        def listening():
            if process.poll() is not None:
                raise Failure(f"ended at start: {self.text(process.log)}")
            return wanted.search(self.run(role, "cat", "/proc/net/tcp").stdout)
        until(f"somebody listens on {address}:{port}", listening, 10)

    # ---- penstock ----

    def config(self, lanes=1, cores=None, farms=None, listeners=None, ports=None, **more):
        """A whole configuration as a dictionary; tests change what they care about."""
        servers = [{"name": n, "address": ORIGINS4.format(ORIGIN_HOSTS[n]), "http_port": 8080}
                   for n in ("a", "b") if n in self.origins]
        config = {
            "machine": {
                "cores": cores if cores is not None else [1],
                "lanes": lanes,
                "ports": ports or [
                    {"name": "outside", "device": "packet:out0",
                     "addresses": [f"{OUT4}/24", f"{OUT6}/64"]},
                    {"name": "inside", "device": "packet:in0",
                     "addresses": [f"{IN4}/24", f"{IN6}/64"]}],
            },
            "listeners": listeners or [
                {"name": "web4", "address": f"{OUT4}:80", "protocol": "http", "farm": "app"},
                {"name": "web6", "address": f"[{OUT6}]:80", "protocol": "http", "farm": "app"}],
            "farms": farms or [
                {"name": "app", "scheme": "http", "balance": "weighted-round-robin",
                 "servers": servers}],
            "logs": {"access": {"path": self.access_log_path}},
        }
        config.update(more)
        return config

    def write_config(self, config):
        """JSON is YAML: what control reads."""
        return self.write_text(json.dumps(config, indent=1))

    def write_text(self, text):
        path = self.path("penstock.yaml")
        with open(path + ".new", "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(path + ".new", path)
        return path

    @property
    def access_log_path(self):
        return self.path("logs/access.log")

    @property
    def run_dir(self):
        return self.path("run")

    def ctl(self, *argv, check=True, timeout=30):
        """penstockctl; its JSON when there is some, and its exit code as the second value."""
        done = self.run("proxy", self.tool("control/ctl/penstockctl"), "--run", self.run_dir,
                        *argv, check=False, timeout=timeout)
        if check and done.returncode != 0:
            raise Failure(f"penstockctl {' '.join(argv)} exited {done.returncode}: "
                          f"{(done.stderr + done.stdout).strip()}")
        return done

    def ctl_json(self, *argv):
        return json.loads(self.ctl(*argv, "--json").stdout)

    def start_control(self):
        os.makedirs(self.run_dir, exist_ok=True)
        self.control = self.spawn("proxy", [self.tool("control/penstock-control"),
                                            "--run", self.run_dir,
                                            "--config", self.path("penstock.yaml"),
                                            "--user", CONTROL_USER],
                                  "control.log")

    def start_dataplane(self):
        os.makedirs(self.run_dir, exist_ok=True)
        self.dataplane = self.spawn("proxy", [self.tool("dataplane/penstock-dataplane"),
                                              "--run", self.run_dir,
                                              "--user", DATAPLANE_USER], "dataplane.log")

    def dataplane_pid(self):
        """Of the program itself, not of what started it."""
        return self.ctl_json("status")["dataplane"]["pid"]

    def status(self):
        """What `penstockctl status` knows, or None while there is nothing to ask."""
        done = self.ctl("status", "--json", check=False)
        if done.returncode != 0:
            return None
        return json.loads(done.stdout)

    def start(self, config):
        """The three programs, serving."""
        self.write_config(config)
        self.start_control()
        self.start_dataplane()
        self.wait_serving()
        self.settle()
        self.baseline = self.gauges()

    def wait_serving(self, seconds=30):
        def serving():
            for process in (self.control, self.dataplane):
                if process is not None and process.poll() is not None:
                    raise Failure(f"ended at start with {process.returncode}: "
                                  f"{self.text(process.log)[-2000:]}")
            return self.is_running() and self.connects()
        until("Penstock serves", serving, seconds)

    def is_running(self):
        """The data plane runs tables. A SYN before that is lost, and the next comes a second later."""
        if self.control is None or self.dataplane is None:
            return True  # nobody there to ask, or to ask about: connecting shows it
        status = self.status()
        return bool(status and (status["dataplane"] or {}).get("generation"))

    def connects(self):
        try:
            self.connect(timeout=1).close()
            return True
        except OSError:
            return False

    def apply(self, config):
        return self.ctl("apply", self.write_config(config))

    def kill_control(self):
        self.end(self.control, signal.SIGKILL)
        self.control = None

    def kill_dataplane(self):
        self.end(self.dataplane, signal.SIGKILL)
        self.dataplane = None

    def stop_penstock(self):
        """An orderly end of both, which must succeed."""
        for name in ("dataplane", "control"):
            process = getattr(self, name)
            if process is not None:
                setattr(self, name, None)
                code = self.end(process)
                expect(code in (0, -signal.SIGTERM), f"{name} ended with {code}: "
                       f"{self.text(process.log)[-2000:]}")

    def access_log(self):
        """Its complete lines."""
        return [json.loads(line) for line in self.text("logs/access.log").split("\n")[:-1]]

    def stats(self, kind):
        return self.ctl_json("stats")[kind]

    def gauges(self):
        """Gauges by name, summed over the lanes."""
        return self.stats("gauges")

    def counters(self):
        """Counters by name, summed over the lanes."""
        return self.stats("counters")

    def generation(self):
        """The one that the data plane runs."""
        return (self.status()["dataplane"] or {}).get("generation", 0)

    def verdict(self, generation):
        """What the data plane thinks of the newest image, if that is this one."""
        plane = self.status()["dataplane"] or {}
        return plane.get("verdict") if plane.get("newest_generation") == generation else None

    def wait_generation(self):
        """Until the data plane runs the newest image."""
        def runs():
            status = self.status()
            return status and status["dataplane"] and \
                status["dataplane"]["generation"] == status["newest"]
        until("the newest image runs", runs, 10)

    def port(self, name):
        """What the data plane says of one of its ports."""
        return next(port for port in self.status()["ports"] if port["name"] == name)

    def gauge(self, name):
        return self.gauges()[name]

    def settle(self):
        """Until what is in progress has ended."""
        until("no exchange in progress", lambda: self.gauge("exchanges") == 0, 5)

    def check_baseline(self):
        """Connections, exchanges and buffers are back where they were before the test."""
        if self.dataplane is None or self.control is None:
            return

        def back():
            now = self.gauges()
            return (now["exchanges"] == 0 and now["conns_client"] == 0 and now["bufs_held"] == 0
                    and now["conns"] <= now["conns_idle_upstream"] + now["conns_time_wait"]
                    + now["conns_half_open"])
        try:
            until("baseline", back, 10, 0.1)
        except Failure:
            now = self.gauges()
            raise Failure("not back at the baseline: " + ", ".join(
                f"{k} {now[k]}" for k in ("exchanges", "conns", "conns_client", "conns_upstream",
                                          "conns_idle_upstream", "conns_time_wait",
                                          "conns_half_open", "bufs_held",
                                          "bufs_lent", "bufs_free", "bufs_pool"))) from None

    def check_programs(self):
        """Both daemons live, and end in order when told."""
        for name in ("control", "dataplane"):
            process = getattr(self, name)
            if process is not None:
                expect(process.poll() is None, f"{name} ended by itself: {process.returncode}: "
                       f"{self.text(process.log)[-2000:]}")
        self.stop_penstock()

    def remains(self):
        """The ends of the logs, to be read beside a failure."""
        parts = []
        for name in ("control.log", "dataplane.log"):
            text = self.text(name).strip()
            if text:
                parts.append(f"--- {name}\n{text[-1500:]}")
        errors = [line for line in self.text("logs/access.log").splitlines()
                  if '"cause"' in line][-3:]
        if errors:
            parts.append("--- access.log\n" + "\n".join(errors))
        return "\n".join(parts) + "\n" if parts else ""

    def forget_neighbours(self):
        """The kernel learns again who has Penstock's addresses."""
        for role in ("client", "origins"):
            sh("ip", "-n", self.ns(role), "neighbour", "flush", "dev", "eth0")

    # ---- the client ----

    def get(self, target, *options, family=4, check=True, timeout=60, listener=None):
        """curl in the client's namespace."""
        at = listener or (OUT4 if family == 4 else f"[{OUT6}]")
        return self.run("client", "curl", "-sS", "--max-time", str(timeout), "-g", "--fail",
                        *options, f"http://{at}{target}", check=check, timeout=timeout + 10)
