"""What goes wrong, on either side: the status, the connection, and the cause in the access log."""
import socket
import time

from lab import OUT4, expect, marked, until

BAD_REQUESTS = [
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("space before the colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("a folded field", b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400),
    ("a NUL in a field", b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
    ("bare CR", b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
    ("two lengths", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
     b"ab", 400),
    ("a signed length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400),
    ("length and chunked", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked is not last", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n"
     b"\r\n0\r\n\r\n", 400),
    ("chunked in HTTP/1.0", b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"0\r\n\r\n", 400),
    ("a bad chunk size", b"POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"zz\r\n", 400),
    ("an unknown coding", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: rot13\r\n\r\n", 501),
    ("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("not HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ("a long target", b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("a large field", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 200000 + b"\r\n\r\n", 431),
    ("too many fields", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 20000 + b"\r\n", 431),
]


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


def closes(lab, request):
    """The answer, and whether the connection is over after it."""
    with lab.connect() as sock:
        sock.settimeout(5)
        got = b""
        try:
            sock.sendall(request)
        except OSError:
            pass  # answered and closed before all was sent
        try:
            while data := sock.recv(65536):
                got += data
            return got, True
        except TimeoutError:
            return got, False
        except ConnectionResetError:
            return got, True


@marked("smoke")
def test_bad_requests_are_refused_and_the_connection_closed(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    wrong = []
    for name, request, status in BAD_REQUESTS:
        got, closed = closes(lab, request)
        if status_of(got) != status or not closed:
            wrong.append(f"{name}: {got[:60]!r} closed={closed}, expected {status}")
    expect(not wrong, "\n".join(wrong))
    lab.get("/echo")


def test_a_body_over_the_limit_is_413(lab):
    lab.odd_origin("a")
    config = lab.config()
    config["machine"]["limits"] = {"body": "10KiB"}
    lab.start(config)
    got, closed = closes(lab, b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 10241\r\n\r\n")
    expect(status_of(got) == 413 and closed, f"by length: {got[:60]} {closed}")
    got, closed = closes(lab, b"POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                         b"\r\n100000\r\n" + b"x" * 20000)
    expect(status_of(got) == 413 and closed, f"by chunks: {got[:60]} {closed}")


@marked("smoke")
def test_a_client_that_does_not_finish_its_head_gets_408(lab):
    lab.odd_origin("a")
    config = lab.config()
    config["listeners"][0]["timeouts"] = {"head": "1s", "idle": "2s", "body": "1s"}
    lab.start(config)
    got, closed = closes(lab, b"GET / HTTP/1.1\r\nHost:")
    expect(status_of(got) == 408 and closed, f"half a head: {got[:60]} {closed}")
    begin = time.monotonic()
    with lab.connect() as sock:
        expect(sock.recv(100) == b"", "an idle connection ends without a word")
    expect(0.5 < time.monotonic() - begin < 4, f"after {time.monotonic() - begin:.1f} s")
    got, closed = closes(lab, b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    expect(status_of(got) == 408 and closed, f"half a body: {got[:60]} {closed}")


def broken(lab, target, status, *words, timeouts=None):
    """A request that fails at the server: its status to the client and its cause in the log."""
    got = lab.run("client", "curl", "-sS", "-o", "/dev/null", "--max-time", "20", "-w",
                  "%{http_code}", f"http://{OUT4}{target}", check=False).stdout
    expect(got == str(status), f"{target}: {got}, expected {status}")

    def entry():
        return next((e for e in lab.access_log() if e["target"] == target), None)
    cause = str(until(f"{target} is in the access log", entry, 5).get("cause"))
    for word in words:
        expect(word in cause, f"{target}: cause {cause!r} does not say {word!r}")


@marked("smoke")
def test_a_server_that_misbehaves_is_named_in_the_log(lab):
    lab.odd_origin("a")
    config = lab.config()
    config["farms"][0]["timeouts"] = {"connect": "1s", "receive": "1s", "send": "2s"}
    lab.start(config)
    broken(lab, "/slow-head?s=3", 504, "receive")
    broken(lab, "/reset", 502, "reset")
    broken(lab, "/close", 502, "closed")
    broken(lab, "/garbage", 502, "malformed")
    broken(lab, "/smuggle", 502, "malformed")
    lab.get("/echo")


@marked("smoke")
def test_a_server_that_refuses_is_502_and_one_that_is_gone_504(lab):
    lab.odd_origin("a")
    config = lab.config()
    config["farms"] += [
        {"name": "refusing", "scheme": "http",
         "servers": [{"name": "r", "address": "10.2.0.12", "http_port": 9}]},
        {"name": "gone", "scheme": "http", "timeouts": {"connect": "1s"},
         "servers": [{"name": "g", "address": "10.2.0.99", "http_port": 8080}]}]
    config["listeners"] += [
        {"name": "refusing", "address": f"{OUT4}:81", "protocol": "http", "farm": "refusing"},
        {"name": "gone", "address": f"{OUT4}:82", "protocol": "http", "farm": "gone"}]
    lab.start(config)
    for port, statuses in ((81, ("502",)), (82, ("502", "504"))):
        got = lab.run("client", "curl", "-sS", "-o", "/dev/null", "--max-time", "20", "-w",
                      "%{http_code}", f"http://{OUT4}:{port}/x{port}", check=False).stdout
        expect(got in statuses, f"port {port}: {got}")
        until("its cause is logged", lambda p=port: [
            e for e in lab.access_log() if e["target"] == f"/x{p}" and e.get("cause")], 5)


def test_a_response_cut_short_is_never_made_whole(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    got, closed = closes(lab, b"GET /cut?n=100000 HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(closed and status_of(got) == 200, f"cut: {got[:60]} {closed}")
    body = got.split(b"\r\n\r\n", 1)[1]
    expect(len(body) <= 50000, f"{len(body)} bytes of a body of which 50000 came")


def test_an_early_answer_reaches_a_client_that_still_sends(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    with lab.connect() as sock:
        sock.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" +
                     b"x" * 1000)
        sock.settimeout(5)
        got = sock.recv(4096)
        expect(status_of(got) == 403, f"early answer: {got[:60]}")


def test_a_slow_reader_stalls_only_itself(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    with lab.connect() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /chunked?n=100000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.5)
        begin = time.monotonic()
        for i in range(20):
            lab.get(f"/echo?{i}")
        expect(time.monotonic() - begin < 5, "others wait for a slow reader")
        held = lab.gauge("bufs_held")
        expect(held < 4096, f"{held} buffers for one slow reader")


def test_a_client_that_leaves_frees_everything(lab):
    lab.odd_origin("a")
    lab.start(lab.config())
    for target in ("/slow-head?s=5", "/stall?n=1000000&s=5", "/chunked?n=100000000"):
        with lab.connect() as sock:
            sock.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            time.sleep(0.3)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    until("no exchange is left", lambda: lab.gauge("exchanges") == 0, 5)
    lab.get("/echo")


@marked("alone")
def test_ten_thousand_connections_come_and_go(lab):
    n = 10000 if lab.full else 1000
    lab.nginx("a")
    lab.start(lab.config(lanes=2))
    held = []
    for i in range(n):
        sock = lab.connect()
        if i % 50 == 0:
            sock.sendall(b"GET /token?t=7 HTTP/1.1\r\nHost: a\r\n\r\n")
            expect(sock.recv(4096).endswith(b"7"), "an answer among many")
        held.append(sock)
    until(f"{n} connections are open", lambda: lab.gauge("conns_client") >= n, 5)
    for sock in held:
        sock.close()


