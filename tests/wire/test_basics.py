"""One request at a time: what reaches the origin, what comes back, what is logged."""
import socket

from lab import CLIENT4, CLIENT6, expect, marked, until


def ask(lab, request, family=4, n=65536):
    """Sends raw bytes and reads until the peer closes or is silent for a second."""
    with lab.connect(family) as sock:
        sock.sendall(request)
        sock.settimeout(1)
        got = b""
        try:
            while len(got) < n:
                data = sock.recv(65536)
                if not data:
                    break
                got += data
        except TimeoutError:
            pass
        return got


def seen(text):
    """The lines of /echo as a dictionary."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


@marked("smoke")
def test_requests_over_both_families_reach_both_servers_in_turn(lab):
    lab.nginx("a")
    lab.nginx("b")
    lab.start(lab.config())
    for family, client in ((4, CLIENT4), (6, CLIENT6)):
        answers = [seen(lab.get("/echo?x=1", "-H", "Host: www.example", family=family).stdout)
                   for _ in range(6)]
        servers = [answer["server"] for answer in answers]
        expect(servers.count("a") == servers.count("b") == 3, f"servers in turn: {servers}")
        for answer in answers:
            expect(answer["uri"] == "/echo?x=1", f"target: {answer}")
            expect(answer["host"] == "www.example", f"Host is kept: {answer}")
            expect(answer["xff"] == client, f"X-Forwarded-For: {answer}")
            expect("penstock" in answer["via"], f"Via: {answer}")
            expect(answer["xfp"] == "http", f"X-Forwarded-Proto: {answer}")


@marked("smoke")
def test_one_connection_carries_pipelined_requests_in_order(lab):
    lab.nginx("a")
    lab.start(lab.config())
    asked = [f"t{i}" for i in range(50)]
    raw = "".join(f"GET /token?t={t} HTTP/1.1\r\nHost: x\r\n\r\n" for t in asked)
    got = ask(lab, raw.encode())
    bodies = [part.split(b"\r\n")[0].decode() for part in got.split(b"\r\n\r\n")[1:]]
    answered = [body.split("HTTP/1.1")[0] for body in bodies]
    expect(answered == asked, f"answers: {answered}")


@marked("smoke")
def test_nothing_of_a_client_stands_beside_what_the_proxy_says(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    got = ask(lab, b"GET /x HTTP/1.1\r\nHost: x\r\nX_Forwarded_For: 6.6.6.6\r\n"
                   b"x-forwarded_proto: https\r\nContent_Length: 6\r\nX_Other: stays\r\n"
                   b"Connection: close\r\n\r\n").decode().lower()
    expect(f"\r\nx-forwarded-for: {CLIENT4}\r\n" in got and "\r\nx_other: stays\r\n" in got,
           f"what the server saw: {got}")
    expect("6.6.6.6" not in got and "https" not in got and "content_length" not in got,
           f"what the server must not see: {got}")


@marked("smoke")
def test_every_shape_of_response_comes_through(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    got = ask(lab, b"HEAD /x HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
                   b"GET /same HTTP/1.1\r\nHost: x\r\n\r\nGET /hints HTTP/1.1\r\nHost: x\r\n"
                   b"Connection: close\r\n\r\n")
    statuses = [line.split()[1] for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    expect(statuses in ([b"200", b"204", b"304", b"103", b"200"],
                        [b"200", b"204", b"304", b"200"]), f"statuses {statuses}")
    expect(got.endswith(b"hinted\n"), f"the last body: {got[-200:]}")
    text = lab.get("/until-close?n=300000", "-o", "/dev/null", "-w", "%{size_download}").stdout
    expect(text == "300000", f"until close: {text}")
    text = lab.get("/chunked?n=300000", "-o", "/dev/null", "-w", "%{size_download}").stdout
    expect(text == "300000", f"chunked: {text}")


@marked("smoke")
def test_an_upgraded_connection_is_a_tunnel(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    with lab.connect() as sock:
        sock.sendall(b"GET /switch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                     b"Upgrade: capitals\r\n\r\n")
        got = b""
        while b"\r\n\r\n" not in got:
            got += sock.recv(4096)
        expect(got.startswith(b"HTTP/1.1 101 "), f"switched: {got}")
        for i in range(20):
            sock.sendall(b"line %d;" % i)
            back = b""
            while len(back) < len(b"LINE %d;" % i):
                back += sock.recv(4096)
            expect(back == b"LINE %d;" % i, f"tunnel: {back}")


@marked("smoke")
def test_a_body_flows_both_ways_at_once(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    with lab.connect() as sock:
        sock.sendall(b"POST /both HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        got = b""
        for i in range(30):
            piece = b"piece-%02d;" % i
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            while piece not in got:
                data = sock.recv(4096)
                expect(data, f"closed after {got[-100:]}")
                got += data
        sock.sendall(b"0\r\n\r\n")
        while not got.endswith(b"0\r\n\r\n"):
            got += sock.recv(4096)


def test_expect_continue_lets_the_body_wait(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    with lab.connect() as sock:
        sock.sendall(b"PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                     b"Expect: 100-continue\r\n\r\n")
        got = sock.recv(4096)
        expect(got.startswith(b"HTTP/1.1 100 "), f"asked to go on: {got}")
        sock.sendall(b"hello")
        while b"length" not in got:
            data = sock.recv(4096)
            expect(data, f"closed after {got}")
            got += data


@marked("smoke")
def test_the_access_log_has_a_line_for_each_request(lab):
    lab.nginx("a")
    lab.start(lab.config())
    for i in range(5):
        lab.get(f"/token?t=log{i}", "-A", "tester/1")
    def logged():
        return [e for e in lab.access_log() if "/token?t=log" in e["target"]]
    until("five lines in the access log", lambda: len(logged()) == 5, 5)
    for entry in logged():
        expect(entry["status"] == 200 and entry["method"] == "GET", f"entry: {entry}")
        expect(CLIENT4 in str(entry), f"client: {entry}")


def test_half_closed_client_still_gets_its_answer(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    with lab.connect() as sock:
        sock.sendall(b"GET /slow-head?s=0.5 HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        got = b""
        while data := sock.recv(4096):
            got += data
        expect(b"late" in got, f"answer to a half-closed client: {got}")
