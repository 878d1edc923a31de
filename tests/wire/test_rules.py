"""Rules on the wire: each kind of action, responses edited while they stream, rules that change."""
import re
import threading

from lab import CLIENT4, ORIGINS4, OUT4, Failure, expect, marked, until

from origin import page

COMPANY1 = """<configuration>
<system.webServer>
<rewrite>
<rules>
<rule name="Route the requests for Company1" stopProcessing="true">
<match url="^company1/(.*)" />
<conditions>
<add input="{CACHE_URL}" pattern="^(https?)://" />
</conditions>
<action type="Rewrite" url="{C:1}://www.company1.com/{R:1}" />
<serverVariables>
<set name="HTTP_ACCEPT_ENCODING" value="" />
</serverVariables>
</rule>
</rules>
<outboundRules>
<rule name="ReverseProxyOutboundRule1" preCondition="ResponseIsHtml1">
<match filterByTags="A, Area, Base, Form, Frame, Head, IFrame, Img, Input, Link, Script"
       pattern="^http(s)?://in.example/(.*)" />
<action type="Rewrite" value="company1/{R:2}" />
</rule>
<rule name="RewriteRelativePaths" preCondition="ResponseIsHtml1">
<match filterByTags="A, Area, Base, Form, Frame, Head, IFrame, Img, Input, Link, Script"
       pattern="^/(.*)" negate="false" />
<action type="Rewrite" value="/company1/{R:1}" />
</rule>
<preConditions>
<preCondition name="ResponseIsHtml1">
<add input="{RESPONSE_CONTENT_TYPE}" pattern="^text/html" />
</preCondition>
</preConditions>
</outboundRules>
</rewrite>
</system.webServer>
</configuration>
"""

LYNC = """<rules>
<rule name="ReverseProxyInboundRule2" stopProcessing="true"> <match url="^meet/(.*)" />
<conditions> <add input="{QUERY_STRING}" pattern="(.*)sl=(.*)" negate="true" />
<add input="{CACHE_URL}" pattern="^(http)://" /> </conditions>
<action type="Rewrite" url="{C:1}://lync.contoso.com:8080/{R:0}?sl=1&amp;{QUERY_STRING}"
        appendQueryString="false" logRewrittenUrl="true" /> </rule>
<rule name="ReverseProxyInboundRule4" stopProcessing="true"> <match url="(.*)" />
<conditions> <add input="{CACHE_URL}" pattern="^(http)://" /> </conditions>
<action type="Rewrite" url="{C:1}://lync.contoso.com:8080/{R:1}" appendQueryString="true"
        logRewrittenUrl="true" /> </rule>
</rules>
"""


def iis(lab, text):
    """A web.config with these sections; its entry in a set of rules."""
    if "<configuration" not in text:
        text = (f"<configuration><system.webServer><rewrite>{text}</rewrite></system.webServer>"
                "</configuration>")
    with open(lab.path("web.config"), "w", encoding="utf-8") as out:
        out.write(text)
    return {"iis": lab.path("web.config"), "at": "/"}


def ruled(lab, *entries, **more):
    """The usual configuration, its listeners with these rules."""
    config = lab.config(rules={"publish": list(entries)}, **more)
    for listener in config["listeners"]:
        listener["rules"] = ["publish"]
    return config


def farm(name, server, **more):
    return {"name": name, "scheme": "http", "balance": "weighted-round-robin", "servers": [
        {"name": server, "address": ORIGINS4.format({"a": 11, "b": 12}[server]),
         "http_port": 8080}], **more}


class Answer:
    """What curl got: status, header lines, body; and of an echo the head that the origin saw."""

    def __init__(self, text):
        head, _, self.body = text.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.reason = lines[0].split(" ", 2)[2]
        self.lines = [tuple(line.split(": ", 1)) for line in lines[1:]]

    def field(self, name):
        return [value for one, value in self.lines if one.lower() == name.lower()]

    def seen(self):
        """The request line's target, and the fields, as the origin saw them."""
        expect(self.status == 200, f"answered {self.status} {self.reason}")
        lines = self.body.decode("latin-1").splitlines()
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        return lines[0].split()[1], {name.lower(): value for name, value in fields.items()}


def ask(lab, target, *options, family=4):
    at = OUT4 if family == 4 else "[fd01::10]"
    done = lab.run("client", "curl", "-sS", "-i", "-g", "--max-time", "20", "--path-as-is", *options,
                   f"http://{at}{target}", check=False, text=False)
    if done.returncode != 0:
        raise Failure(f"{target}: curl exited {done.returncode}: {done.stderr.decode()}")
    return Answer(done.stdout)


def logged(lab, target):
    """The access record of a request, which may take a moment."""
    return until(f"a record of {target}",
                 lambda: [e for e in lab.access_log() if e["target"] == target], 5)[-1]


@marked("smoke")
def test_each_action_of_a_rule(lab):
    lab.odd_origin("a")
    lab.start(ruled(lab, iis(lab, """<rules>
        <rule name="exempt" stopProcessing="true"><match url="^\\.well-known/"/></rule>
        <rule name="old"><match url="^old/(.*)"/><action type="Rewrite" url="new/{R:1}?p=9"/></rule>
        <rule name="moved"><match url="^moved-away$"/>
          <action type="Redirect" url="/here" redirectType="Found"/></rule>
        <rule name="gone"><match url="^gone$"/><action type="CustomResponse" statusCode="410"
          subStatusCode="3" statusReason="Gone for good" statusDescription="no {URL} here"/></rule>
        <rule name="bot"><match url="^bot$"/><action type="AbortRequest"/></rule>
        <rule name="bad"><match url="^bad$"/><serverVariables>
          <set name="HTTP_X_A" value="{UrlDecode:{QUERY_STRING}}"/></serverVariables></rule>
        <rule name="headers"><match url="."/><serverVariables><set name="HTTP_X_SITE" value="{HTTP_HOST}"/>
          <set name="HTTP_X_GONE" value=""/></serverVariables></rule>
        </rules>""")))
    for family in (4, 6):
        target, fields = ask(lab, "/old/a%20b?x=1", "-H", "X-Gone: 1", "-H", "Host: www.x.com",
                             family=family).seen()
        expect(target == "/new/a%20b?p=9&x=1", f"rewritten: {target}")
        expect(fields.get("x-site") == "www.x.com" and "x-gone" not in fields,
               f"header set, header gone: {fields}")
        expect(fields["host"] == "www.x.com", f"Host is kept: {fields}")
    target, fields = ask(lab, "/.well-known/x//y?z").seen()
    expect(target == "/.well-known/x//y?z" and "x-site" not in fields, f"exempt: {target}, {fields}")
    answer = ask(lab, "/moved-away?x=1", "-H", "Host: www.x.com:8080")
    expect((answer.status, answer.field("location")) == (302, ["http://www.x.com:8080/here?x=1"]),
           f"redirect: {answer.status} {answer.lines}")
    answer = ask(lab, "/gone")
    expect((answer.status, answer.reason, answer.body) == (410, "Gone for good", b"no /gone here"),
           f"response: {answer.status} {answer.reason} {answer.body}")
    answer = ask(lab, "/gone", "--head")
    expect((answer.status, answer.body) == (410, b""), f"HEAD: {answer.status} {answer.body}")
    answer = ask(lab, "/bad?a%0D%0AX-Evil:%201")
    expect(answer.status == 500, f"CR and LF: {answer.status}")
    for name, target, status, substatus in (("gone", "/gone", 410, 3),
                                            ("bad", "/bad?a%0D%0AX-Evil:%201", 500, 50)):
        record = logged(lab, target)
        expect((record["status"], record.get("substatus"), record.get("rule"))
               == (status, substatus, name), f"{target}: {record}")


@marked("smoke")
def test_explain_says_what_the_proxy_does(lab):
    lab.odd_origin("a")
    lab.start(ruled(lab, iis(lab, """<rules>
        <rule name="old"><match url="^old/(.*)"/><action type="Rewrite" url="new/{R:1} x?p=9"/></rule>
        <rule name="host"><match url="."/><conditions><add input="{HTTP_COOKIE}" pattern="h=(\\w+)"/></conditions>
          <serverVariables><set name="HTTP_HOST" value="{C:1}.x.com"/><set name="HTTP_COOKIE" value=""/>
          <set name="HTTP_X_FROM" value="{REMOTE_ADDR} {URL}"/></serverVariables></rule>
        <rule name="away"><match url="^away"/><action type="Redirect" url="b{URL}#c"/></rule>
        <rule name="gone"><match url="^gone"/><action type="CustomResponse" statusCode="410"
          statusReason="Gone {QUERY_STRING}" statusDescription="{ToLower:{REQUEST_URI}}"/></rule>
        </rules><outboundRules>
        <rule name="back"><match serverVariable="RESPONSE_X_Origin" pattern="(.*)"/>
          <action type="Rewrite" value="{R:1} {REQUEST_METHOD}"/></rule></outboundRules>""")))
    sent = ("-H", "User-Agent: t/1", "-H", "Accept: */*", "-H", "Host: www.x.com", "-H", "Cookie: h=in")
    for target in ("/old/%C3%A4//b%2Fc?X=%20", "/as//it/./is?%zz", "/old/", "/away/x?Q=1", "/gone?A=B"):
        got = ask(lab, target, *sent)
        for source in ((), ("--config", lab.path("penstock.yaml"))):
            told = lab.ctl_json("explain", *source, *sent, "--client", f"{CLIENT4}:1234", "--target",
                                target, f"http://{OUT4}/")
            what = f"{target} {source}: {told}"
            if told["action"] == "route":
                lines = got.body.decode().splitlines()
                expect(lines[0] == f"GET {told['url']} HTTP/1.1", f"{what}, the origin saw {lines}")
                expect([tuple(line.split(": ", 1)) for line in lines[1:]]
                       == [tuple(pair) for pair in told["upstream_headers"]],
                       f"{what}, the origin saw {lines}")
                expect(got.field("x-origin") == ["odd GET"], f"{what}: {got.lines}")
                continue
            expect((got.status, got.reason) == (told["status"], told["reason"]),
                   f"{what}, came {got.status} {got.reason}")
            expect(got.body.decode() == told["body"], f"{what}, came {got.body}")
            expect(got.field("location") == [told["location"]] if "location" in told else
                   not got.field("location"), f"{what}, came {got.lines}")


@marked("smoke")
def test_an_aborted_request_gets_not_a_byte(lab):
    lab.odd_origin("a")
    lab.start(ruled(lab, iis(lab, """<rules><rule name="bot"><match url=".*"/><conditions>
        <add input="{HTTP_USER_AGENT}" pattern="badbot"/></conditions>
        <action type="AbortRequest"/></rule></rules>""")))
    with lab.connect() as sock:
        sock.settimeout(5)
        sock.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        expect(sock.recv(4096).startswith(b"HTTP/1.1 200 "), "others are served")
        sock.sendall(b"GET /abort HTTP/1.1\r\nHost: x\r\nUser-Agent: BadBot/1\r\n\r\n")
        try:
            got = b""
            while data := sock.recv(4096):
                got += data
        except ConnectionResetError:
            pass
        expect(b"HTTP/1.1" not in got and b"/abort" not in got, f"nothing of an answer: {got}")
    record = logged(lab, "/abort")
    expect((record["status"], record.get("rule")) == (0, "bot"), f"{record}")


@marked("smoke")
def test_an_absolute_url_goes_to_the_farm_of_its_host(lab):
    lab.odd_origin("a")
    lab.odd_origin("b")
    rules = iis(lab, """<rules>
        <rule name="other" stopProcessing="true"><match url="^b/(.*)"/>
          <action type="Rewrite" url="http://other/{R:1}"/></rule>
        <rule name="host" stopProcessing="true"><match url="^plain/(.*)"/>
          <action type="Rewrite" url="http://app1.internal:8080/{R:1}"/></rule>
        <rule name="tls" stopProcessing="true"><match url="^tls/(.*)"/>
          <action type="Rewrite" url="https://other/{R:1}"/></rule></rules>""")
    config = ruled(lab, rules, farms=[farm("app", "a"), farm("other", "b")],
                   hosts={"app1.internal": "10.2.0.12"}, plain_hosts=True)
    lab.start(config)
    for target, path, name, at, host in (
            ("/b/x?y", "/x?y", "other", "10.2.0.12", "www.x.com"),
            ("/plain/x?y", "/x?y", "app1.internal:8080", "10.2.0.12", "app1.internal:8080"),
            ("/a/x", "/a/x", "app", "10.2.0.11", "www.x.com")):
        seen = ask(lab, target, "-H", "Host: www.x.com").seen()
        expect(seen[0] == path and seen[1]["host"] == host, f"{target}: {seen}")
        record = logged(lab, target)
        expect(at in record["upstream"] and record["farm"] == name, f"{target}: {record}")
    answer = ask(lab, "/tls/x")
    record = logged(lab, "/tls/x")
    expect(answer.status == 502 and "TLS" in record.get("cause", ""), f"{answer.status}, {record}")
    lab.apply(ruled(lab, rules, farms=[farm("app", "a"), farm("other", "b")]))
    lab.wait_generation()
    answer = ask(lab, "/plain/off")
    record = logged(lab, "/plain/off")
    expect((answer.status, record.get("substatus")) == (404, 4), f"{answer.status}, {record}")


@marked("smoke")
def test_header_fields_of_responses_are_edited(lab):
    lab.odd_origin("a")
    lab.start(ruled(lab, iis(lab, """<outboundRules>
        <rule name="location"><match serverVariable="RESPONSE_Location" pattern="^http://in.example/(.*)"/>
          <conditions><add input="{RESPONSE_STATUS}" pattern="^3"/></conditions>
          <action type="Rewrite" value="http://{HTTP_HOST}/out/{R:1}"/></rule>
        <rule name="cookies"><match serverVariable="RESPONSE_Set_Cookie" pattern="^(.*); Path=/$"/>
          <action type="Rewrite" value="{R:1}; Path=/out"/></rule>
        <rule name="origin"><match serverVariable="RESPONSE_X_Origin" pattern=".+"/>
          <action type="Rewrite" value=""/></rule>
        <rule name="hsts"><match serverVariable="RESPONSE_Strict_Transport_Security" pattern=".*"/>
          <action type="Rewrite" value="max-age=1"/></rule>
        </outboundRules>""")))
    answer = ask(lab, "/moved", "-H", "Host: www.x.com")
    expect(answer.status == 302 and answer.field("location") == ["http://www.x.com/out/x"],
           f"Location: {answer.lines}")
    expect(answer.field("set-cookie") == ["a=1; Path=/out", "b=2; Path=/out"], f"{answer.lines}")
    expect(answer.field("strict-transport-security") == ["max-age=1"], f"{answer.lines}")
    answer = ask(lab, "/other")
    expect(answer.status == 200 and not answer.field("x-origin"), f"removed: {answer.lines}")


TAGS = """<outboundRules>
    <rule name="links" preCondition="html"><match filterByTags="A, Img, Form" pattern="^(?:http://in.example)?/(.*)"/>
      <action type="Rewrite" value="/out/{R:1}"/></rule>
    <rule name="text" preCondition="html"><match pattern="in\\.example \u00e4"/>
      <action type="Rewrite" value="out.example \u00f6"/></rule>
    <preConditions><preCondition name="html"><add input="{RESPONSE_CONTENT_TYPE}" pattern="^text/html"/>
    </preCondition></preConditions></outboundRules>"""


def edited(body):
    """What TAGS makes of page()."""
    text = body.decode()
    text = re.sub(r'^<a href="http://in.example/(\d+)"', r'<a href="/out/\1"', text, flags=re.M)
    text = re.sub(r"^<img src=/(\d+)\.png", r"<img src=/out/\1.png", text, flags=re.M)
    text = re.sub(r"^<FORM ACTION = '/form", "<FORM ACTION = '/out/form", text, flags=re.M)
    return text.replace("in.example \u00e4", "out.example \u00f6").encode()


@marked("smoke")
def test_links_and_text_of_pages_are_edited_in_every_coding(lab):
    lab.odd_origin("a")
    lab.start(ruled(lab, iis(lab, TAGS)))
    lines = 60 if lab.smoke else 2000
    wanted = edited(page(lines))
    for coding in ("", "gzip", "deflate", "br"):
        for chunk in (0, 1000) if lab.smoke else (0, 7, 1000, 65536):
            what = f"/page?n={lines}&chunk={chunk}" + (f"&coding={coding}" if coding else "")
            answer = ask(lab, what, "-H", "Accept-Encoding: gzip, deflate, br", "--compressed")
            expect(answer.status == 200 and answer.body == wanted,
                   f"{what}: {answer.status}, {first_difference(answer.body, wanted)}")
            expect(answer.field("content-encoding") == ([coding] if coding else []),
                   f"{what}: {answer.lines}")
            expect(answer.field("etag") == ['W/"page"'] and not answer.field("accept-ranges"),
                   f"{what}: {answer.lines}")


def resident(process):
    """Bytes of a process, and of what it started."""
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096


def test_a_large_page_streams_through_with_little_memory(lab):
    lab.odd_origin("a")
    lab.start(ruled(lab, iis(lab, TAGS)))
    lines = 2600000 if lab.full else 200000  # 100 MB, 8 MB
    wanted = edited(page(lines))
    out = lab.path("page")
    before, most, over = resident(lab.dataplane), [0, 0], threading.Event()

    def watch():
        while not over.wait(0.02):
            most[0] = max(most[0], resident(lab.dataplane))
            most[1] = max(most[1], lab.gauge("bufs_held"))
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for coding in ("gzip", "br") if lab.full else ("gzip",):
            lab.get(f"/page?n={lines}&coding={coding}&chunk=20000&seed=7", "--compressed", "-H",
                    "Accept-Encoding: gzip, br", "-o", out, timeout=300)
            with open(out, "rb") as file:
                got = file.read()
            expect(got == wanted, f"{coding}: {first_difference(got, wanted)}")
    finally:
        over.set()
        watcher.join()
    grown = (most[0] - before) / (1 << 20)
    lab.note(f"{len(wanted):,} bytes; {grown:.1f} MiB more, {most[1]} buffers at most")
    expect(grown < 16, f"the data plane grew by {grown:.1f} MiB")


def first_difference(got, wanted):
    at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
    return f"byte {at} of {len(got)}: {got[at:at + 60]!r}, wanted {wanted[at:at + 60]!r}"


@marked("smoke")
def test_pages_that_no_rule_touches_pass_as_they_are(lab):
    lab.odd_origin("a")
    lab.start(ruled(lab, iis(lab, TAGS)))
    wanted = page(100)
    answer = ask(lab, "/page?n=100", "--head")
    expect(answer.status == 200 and answer.body == b"", f"HEAD: {answer.lines}")
    answer = ask(lab, "/page?n=100&coding=gzip&chunk=50", "-H", "Accept-Encoding: identity")
    expect(answer.body == edited(wanted) and not answer.field("content-encoding"),
           f"for a client that takes no coding: {answer.lines}")
    lab.apply(ruled(lab, iis(lab, TAGS.replace("^text/html", "^text/plain"))))
    lab.wait_generation()
    answer = ask(lab, "/page?n=100")
    expect(answer.body == wanted and answer.field("content-length") == [str(len(wanted))]
           and answer.field("etag") == ['"page"'], f"excluded by its precondition: {answer.lines}")


def test_native_rules_choose_deny_and_wait(lab):
    lab.odd_origin("a")
    lab.odd_origin("b")
    lab.start(ruled(
        lab,
        {"name": "inside", "match": {"path": "/admin", "not": {"from": "192.0.2.0/24"}}, "deny": 403},
        {"name": "beta", "match": {"cookie": {"beta": "^1$"}}, "farm": "other"},
        {"name": "us", "match": {"path": "/us", "from": f"{CLIENT4}/32"}, "farm": "other"},
        {"name": "short", "match": {"path": "/slow-head"}, "timeouts": {"receive": "1s"}},
        {"name": "mark", "set": {"request": {"X-Mark": "{REMOTE_ADDR}"},
                                 "response": {"X-Back": "1"}}},
        farms=[farm("app", "a"), farm("other", "b")]))
    expect(ask(lab, "/admin/x").status == 403, "denied")
    ask(lab, "/one", "-H", "Cookie: a=b; beta=1")
    expect(logged(lab, "/one")["farm"] == "other", "by a cookie")
    ask(lab, "/us/two")
    expect(logged(lab, "/us/two")["farm"] == "other", "by the client's network")
    answer = ask(lab, "/three")
    expect(logged(lab, "/three")["farm"] == "app", "all others")
    expect(answer.seen()[1].get("x-mark") == CLIENT4 and answer.field("x-back") == ["1"],
           f"headers both ways: {answer.body} {answer.lines}")
    expect(ask(lab, "/slow-head?s=0.2").status == 200, "patience enough")
    expect(ask(lab, "/slow-head?s=4").status == 504, "patience of the rule")


def test_rules_count_what_they_do(lab):
    lab.odd_origin("a")
    lab.start(ruled(lab,
                    {"name": "yes", "match": {"path": "/yes"}, "set": {"request": {"X-A": "1"}}},
                    {"name": "no", "match": {"path": "/no"}, "deny": 403}))
    for _ in range(7):
        ask(lab, "/yes")
    ask(lab, "/no")
    ask(lab, "/other")

    def counts():
        return {rule["name"]: rule for rule in lab.ctl_json("stats", "rules")["rules"]}
    until("seven and one", lambda: (counts()["yes"]["matched"], counts()["no"]["matched"]) == (7, 1), 5)
    expect(all(rule["faults"] == 0 for rule in counts().values()), f"no fault: {counts()}")
    # One request in 64 is timed, so each rule has been by the end of these.
    lab.run("client", "curl", "-sS", "-o", "/dev/null", f"http://{OUT4}/yes?[1-140]")
    until("147 of the first", lambda: counts()["yes"]["matched"] == 147, 5)
    until("its time", lambda: counts()["yes"]["time_ns"] > 0, 5)


@marked("smoke")
def test_a_pattern_that_takes_too_long_is_a_fault_counted_and_named(lab):
    lab.odd_origin("a")
    lab.start(ruled(lab, iis(lab, """<rules><rule name="ahead"><match url="^slow"/>
        <conditions><add input="{HTTP_X_LONG}" pattern="(?=.*q)x"/></conditions>
        <action type="Rewrite" url="/other"/></rule></rules>""")))
    expect(ask(lab, "/slow", "-H", "X-Long: axq").seen()[0] == "/other", "a short one matches")
    expect(ask(lab, "/slow", "-H", "X-Long: " + "x" * 20000).status == 500, "a long one fails")
    record = logged(lab, "/slow")
    expect((record["status"], record.get("substatus"), record.get("rule")) == (500, 50, "ahead"),
           f"its record: {record}")
    until("a fault of the rule", lambda: [rule["faults"] for rule in lab.ctl_json(
        "stats", "rules")["rules"]] == [1], 5)
    until("a request at the match limit", lambda: lab.counters()["proxy_rules_limit"] == 1, 5)
    expect(ask(lab, "/slow", "-H", "X-Long: axq").status == 200, "the next one is served")


def test_many_that_take_too_long_at_once_are_each_answered(lab):
    """How long the lane's turns were is printed; what holds of them is test_share's to say."""
    lab.odd_origin("a")
    lab.start(ruled(lab, iis(lab, """<rules><rule name="ahead"><match url="^slow"/>
        <conditions><add input="{HTTP_X_LONG}" pattern="(?=.*q)x"/></conditions>
        <action type="Rewrite" url="/other"/></rule></rules>""")))
    clients, each = 32, 10
    slow = b"GET /slow HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 20000 + b"\r\n\r\n"
    socks = [lab.connect() for _ in range(clients)]
    for sock in socks:
        sock.settimeout(30)
        sock.sendall(slow * each + b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    expect(ask(lab, "/fast").status == 200, "another client is served meanwhile")
    for sock in socks:
        with sock:
            got = b""
            while data := sock.recv(65536):
                got += data
        expect(got.count(b"HTTP/1.1 500 ") == each, f"answers: {got[:200]}")
        expect(got.count(b"HTTP/1.1 200 ") == 1, "and the request behind them")
    until("each is counted", lambda: lab.counters()["proxy_rules_limit"] == clients * each, 5)
    turns = lab.ctl_json("stats", "turn_time")["histograms"]["turn_time"]
    print(f"        {clients * each} requests at the limit; turns: p99.9 {turns['p999'] / 1e3:.0f} us, "
          f"longest {turns['max'] / 1e6:.2f} ms", flush=True)


def test_new_rules_under_load_fail_no_request(lab):
    lab.odd_origin("a")
    lab.odd_origin("b")

    def config(i):
        return ruled(lab, {"name": f"r{i}", "match": {"path_regex": f"^load/(.*){'x' * (i % 2)}$"},
                           "rewrite": f"/of{i}/{{R:1}}"},
                     *({"name": f"other{j}", "match": {"path_regex": f"^app{i}-{j}/.*"}, "deny": 403}
                       for j in range(200)))
    lab.start(config(0))
    rounds = 20 if lab.full else 5
    failed, answers, over = [], [], threading.Event()

    def load(n):
        with lab.connect() as sock:
            sock.settimeout(10)
            while not over.is_set():
                sock.sendall(b"GET /load/%dx HTTP/1.1\r\nHost: x\r\n\r\n" % n)
                try:
                    got = b""
                    while not re.search(rb"\r\nvia: 1.1 penstock\r\n$", got, re.I):  # the echo's end
                        data = sock.recv(65536)
                        if not data:
                            raise ConnectionError("closed")
                        got += data
                except OSError as fault:
                    failed.append(str(fault))
                    return
                seen = re.search(rb"\r\n\r\nGET (/of\d+/%dx?) " % n, got)
                if not got.startswith(b"HTTP/1.1 200 ") or not seen:
                    failed.append(got[:200])
                else:
                    answers.append(int(re.search(rb"of(\d+)", seen[1])[1]))
    threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        for i in range(1, rounds + 1):
            lab.apply(config(i))
            lab.wait_generation()
    finally:
        over.set()
        for thread in threads:
            thread.join(20)
    expect(not failed, f"{len(failed)} failed requests, e.g. {failed[:2]}")
    expect(len(answers) > 50 and answers[-1] == rounds, f"{len(answers)} answers, last {answers[-5:]}")


@marked("smoke")
def test_a_site_below_another_is_published_as_the_article_says(lab):
    lab.odd_origin("a")
    lab.odd_origin("b")
    lab.start(ruled(lab, iis(lab, COMPANY1), farms=[farm("app", "a"), farm("www.company1.com", "b")]))
    target, fields = ask(lab, "/company1/default.aspx?a=b", "-H", "Host: www.site.com",
                         "-H", "Accept-Encoding: gzip").seen()
    expect(target == "/default.aspx?a=b" and "accept-encoding" not in fields, f"{target} {fields}")
    expect(logged(lab, "/company1/default.aspx?a=b")["farm"] == "www.company1.com", "its farm")
    answer = ask(lab, "/company1/page?n=12&chunk=11", "-H", "Host: www.site.com")
    text = page(12).decode()
    text = re.sub(r'^<a href="http://in.example/(\d+)"', r'<a href="company1/\1"', text, flags=re.M)
    text = re.sub(r"^<img src=/", "<img src=/company1/", text, flags=re.M)
    text = re.sub(r"^<FORM ACTION = '/", "<FORM ACTION = '/company1/", text, flags=re.M)
    expect(answer.body == text.encode(), first_difference(answer.body, text.encode()))
    ask(lab, "/company2/x", "-H", "Host: www.site.com")
    expect(logged(lab, "/company2/x")["farm"] == "app", "others stay")


@marked("smoke")
def test_meetings_get_their_query_as_the_article_says(lab):
    lab.odd_origin("a")
    lab.odd_origin("b")
    lab.start(ruled(lab, iis(lab, LYNC), hosts={"lync.contoso.com": "10.2.0.12"}, plain_hosts=True))
    for asked, wanted in (("/meet/u/EJHFSN", "/meet/u/EJHFSN?sl=1&"),
                          ("/meet/u/EJHFSN?a=b", "/meet/u/EJHFSN?sl=1&a=b"),
                          ("/meet/u/EJHFSN?sl=1", "/meet/u/EJHFSN?sl=1"),
                          ("/dialin/x?y", "/dialin/x?y")):
        target, fields = ask(lab, asked, "-H", "Host: lync.contoso.com").seen()
        expect(target == wanted and fields["host"] == "lync.contoso.com:8080", f"{asked}: {target}")
    until("the access log shows the rewritten URL",
          lambda: any(e["target"] == "/meet/u/EJHFSN?sl=1&a=b" for e in lab.access_log()), 5)
