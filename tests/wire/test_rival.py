"""Nothing is badly wrong with the speed: wrk over veth, beside nginx doing the same."""
import os
import re
import statistics

from lab import IN4, ORIGINS4, OUT4, expect, marked, sh

NGINX = """
daemon off; user root; worker_processes 1; worker_rlimit_nofile 16384; pid @HOME@/pid;
error_log stderr warn;
events { worker_connections 8192; multi_accept on; }
http {
	access_log @HOME@/access.log combined buffer=64k flush=1s;
	tcp_nodelay on;
	keepalive_requests 1000000000;
	client_body_temp_path @HOME@/body; proxy_temp_path @HOME@/proxy;
	fastcgi_temp_path @HOME@/f; uwsgi_temp_path @HOME@/u; scgi_temp_path @HOME@/s;
	upstream app { server @ORIGIN@:8080; keepalive 512; keepalive_requests 1000000000; }
	server {
		listen @OUT@:80 backlog=8192;
		location / {
			proxy_pass http://app;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $http_host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
		}
	}
}
"""


def rate(lab):
    """Requests a second of wrk on core 0, which the origin shares; the proxy has core 1."""
    seconds = 8 if lab.full else 2
    text = lab.run("client", "taskset", "-c", "0", "wrk", "-t1", "-c64", f"-d{seconds}",
                   f"http://{OUT4}:80/small", timeout=60).stdout
    expect("Non-2xx" not in text and "Socket errors" not in text, text)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])


def with_nginx(lab):
    home = lab.path("rival")
    os.makedirs(home, exist_ok=True)
    conf = NGINX.replace("@HOME@", home).replace("@OUT@", OUT4).replace(
        "@ORIGIN@", ORIGINS4.format(11))
    with open(os.path.join(home, "nginx.conf"), "w", encoding="utf-8") as out:
        out.write(conf)
    lab.address("proxy", "out0", f"{OUT4}/24")
    lab.address("proxy", "in0", f"{IN4}/24")
    process = lab.spawn("proxy", ["nginx", "-p", home, "-c", os.path.join(home, "nginx.conf")],
                        "rival.log", cpu=1)
    try:
        lab.wait_tcp("proxy", OUT4, 80, process)
        lab.forget_neighbours()
        return rate(lab)
    finally:
        lab.end(process)
        for interface in ("out0", "in0"):
            sh("ip", "-n", lab.ns("proxy"), "address", "flush", "dev", interface)


def with_penstock(lab):
    lab.start(lab.config(cores=[1], lanes=1))
    try:
        lab.forget_neighbours()
        return rate(lab)
    finally:
        lab.stop_penstock()


@marked("full", "alone")
def test_no_slower_than_nginx_on_the_same_veth(lab):
    lab.nginx("a", cpu=0)
    ours, theirs = [], []
    for _ in range(3):
        theirs.append(with_nginx(lab))
        ours.append(with_penstock(lab))
    text = f"penstock {[round(x) for x in ours]}, nginx {[round(x) for x in theirs]} requests/s"
    print(f"        {text}", flush=True)
    # By pairs: what else the machine does changes from one to the next.
    ratio = statistics.median(our / their for our, their in zip(ours, theirs))
    expect(ratio >= 1, f"{text}: {ratio:.3f}")
