"""rivals.py - nginx and HAProxy as an expert would set them up for this job, on one core.

One worker or thread; upstream connections kept; X-Forwarded-For; access log on, buffered as each
does it cheapest: nginx to a file, HAProxy to a ring that is a file in memory.
"""
import contextlib
import os
import resource

from lab import expect

NGINX = """
daemon off; user root; worker_processes 1; pid @HOME@/pid; pcre_jit on;
error_log stderr warn;
events { worker_connections @FILES@; multi_accept on; accept_mutex off; }
http {
	access_log @HOME@/access.log combined buffer=64k flush=1s;
	tcp_nodelay on; server_tokens off; client_max_body_size 0;
	keepalive_timeout 3600s; keepalive_requests 1000000000;
	client_body_temp_path @HOME@/body; proxy_temp_path @HOME@/proxy;
	fastcgi_temp_path @HOME@/f; uwsgi_temp_path @HOME@/u; scgi_temp_path @HOME@/s;
	upstream app {
		server @ORIGIN@:8080;
		keepalive 9000; keepalive_requests 1000000000; keepalive_timeout 3600s;
	}
	server {
		listen @OUT@:80 reuseport backlog=65535;
		proxy_http_version 1.1;
		proxy_set_header Connection "";
		proxy_set_header Host $http_host;
		proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
		proxy_request_buffering off;
		proxy_max_temp_file_size 0;
		proxy_buffers 8 16k;
@RULES@
		location / { proxy_pass http://app; }
	}
}
"""

HAPROXY = """
global
	nbthread 1
	maxconn @CONNS@
	maxpipes @PIPES@
	tune.bufsize 16384
	tune.pipesize 1048576
	tune.pool-high-fd-ratio 95
	tune.pool-low-fd-ratio 90
	log ring@access local0
defaults
	mode http
	log global
	option httplog
	option forwardfor
	option splice-response
	option splice-request
	option tcp-smart-accept
	option tcp-smart-connect
	http-reuse always
	backlog 65535
	timeout connect 5s
	timeout client 3600s
	timeout server 3600s
	timeout http-keep-alive 3600s
ring access
	format rfc3164
	maxlen 1200
	size 1048576
	backing-file @HOME@/access.log
frontend web
	bind @OUT@:80
@RULES@
	default_backend app
backend app
	server a @ORIGIN@:8080 pool-max-conn -1 pool-purge-delay 3600s
"""


class Rival:
    """A kernel proxy on the wires; its figure is over the whole busy time of its core."""
    is_kernel = True
    TEMPLATE = {"nginx": NGINX, "haproxy": HAPROXY}

    def __init__(self, stage, name):
        self.stage, self.name = stage, name

    @contextlib.contextmanager
    def serving(self, job):
        stage = self.stage
        home = stage.path(self.name)
        os.makedirs(home, exist_ok=True)
        with stage.kernel_addresses():
            process = stage.rival_process("proxy", self.name, home, self.template(job),
                                          self.name, stage.plan.cores.proxy)
            try:
                stage.wait_tcp("proxy", stage.plan.addresses.bare("outside"), 80, process)
                yield
                stage.expect_alive(process)
            finally:
                stage.end(process)

    def template(self, job):
        """HAProxy reckons with two descriptors for each connection and for each pipe."""
        pipes = 2 * job.conns if job.is_bulk else 16  # 0 would be a quarter of maxconn
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        expect(2 * job.conns + 2 * pipes + 200 <= most, f"{job.conns} connections want more files "
               f"than the {most} that a process may open here")
        conns = (most - 2 * pipes - 200) // 2
        rules = getattr(job.rules, self.name)() if job.rules else ""
        return self.TEMPLATE[self.name].replace("@CONNS@", str(conns)).replace(
            "@PIPES@", str(pipes)).replace("@RULES@", rules)

    def log_mark(self):
        """Something that changes when the access log grows."""
        path = self.stage.path(f"{self.name}/access.log")
        expect(os.path.exists(path), f"{self.name} writes no {path}")
        if self.name == "nginx":
            return os.stat(path).st_size
        with open(path, "rb") as file:  # the ring: its head and its newest bytes move
            return hash(file.read())

    def begin(self):
        return None

    def end(self, span, begun, requests):
        """Fields of the result that only this kind of system has."""
        busy = span.busy(span.proxy)
        return {"busy_seconds": busy, "control_cpu_share": None,
                **{f"core_{kind}_share": span.share(span.proxy[kind])
                   for kind in ("user", "system", "softirq")}}
