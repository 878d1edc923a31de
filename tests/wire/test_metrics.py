"""The metrics that control serves to Prometheus, beside a data plane that works."""
import re
import shutil

from lab import Failure, expect, until

ADDRESS = "127.0.0.1:9464"


def fetch(lab, target, *options, check=True):
    return lab.run("proxy", "curl", "-sS", "--max-time", "5", *options,
                   f"http://{ADDRESS}{target}", check=check).stdout


def value(page, series):
    found = re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE)
    if not found:
        raise Failure(f"no {series} in\n{page}")
    return float(found.group(1))


def start(lab):
    lab.nginx("a")
    lab.start(lab.config(lanes=2, control={"metrics": {"address": ADDRESS}}))
    farm = lab.config()["farms"][0]["name"]
    return f'farm="{farm}",server="a"'


def test_metrics_count_and_promtool_takes_them(lab):
    server = start(lab)
    for _ in range(5):
        lab.get("/echo")
    series = f'penstock_server_responses_total{{{server},code="2xx"}}'
    until("the answers are counted", lambda: value(fetch(lab, "/metrics"), series) == 5, 5)
    page = fetch(lab, "/metrics")
    expect(value(page, "penstock_lanes") == 2, "both lanes")
    expect(value(page, f"penstock_server_requests_total{{{server}}}") == 5, "requests")
    expect(value(page, "penstock_http_requests_total") == 5, "request heads")
    expect(value(page, 'penstock_request_time_seconds_bucket{le="+Inf"}') ==
           value(page, "penstock_request_time_seconds_count") == 5, "request times")
    expect(shutil.which("promtool"), "promtool is there (Debian: prometheus)")
    with open(lab.path("metrics"), "w", encoding="utf-8") as out:
        out.write(page)
    told = lab.run("proxy", "sh", "-c", f"promtool check metrics <{lab.path('metrics')} 2>&1",
                   check=False)
    expect(told.returncode == 0, f"promtool: {told.stdout}")


def test_metrics_show_a_drained_server(lab):
    server = start(lab)
    lab.ctl("server", "drain", f"{lab.config()['farms'][0]['name']}/a")
    page = fetch(lab, "/metrics")
    expect(value(page, f'penstock_server_state{{{server},state="drain"}}') == 1, "drained")
    expect(value(page, f'penstock_server_state{{{server},state="up"}}') == 0, "not up")


def test_metrics_are_all_that_is_served(lab):
    start(lab)
    expect("/metrics" in fetch(lab, "/"), "an index")
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    expect(fetch(lab, "/metrics", "--head", *status) == "200", "HEAD")
    expect(fetch(lab, "/else", *status) == "404", "another path")
    expect(fetch(lab, "/metrics", "-d", "x=y", *status) == "405", "POST")
    expect(fetch(lab, "/metrics", "-H", "X: " + "y" * 40000, *status) in ("413", "431"),
           "a head beyond the bound")


def test_metrics_go_with_their_key(lab):
    start(lab)
    lab.apply(lab.config(lanes=2))
    refused = lab.run("proxy", "curl", "-sS", f"http://{ADDRESS}/metrics", check=False)
    expect(refused.returncode == 7, f"nobody listens any more: {refused.stderr}")
