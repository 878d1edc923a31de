"""Messages that two readers could cut in two ways: refused, or cut in one way for all.

The origin here writes down every byte it is sent. Behind every first message stands a second one
that only a reader who errs about the first would take for a request.
"""
import socket
import threading

from lab import ORIGINS4, ORIGIN_HOSTS, expect, marked

SECOND = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /first HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"

REFUSED_FIELDS = [
    ("length and chunked", b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
    ("chunked and length", b"Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
    ("chunked and length 0", b"Transfer-Encoding: chunked\r\nContent-Length: 0", 400),
    ("two lengths", b"Content-Length: 5\r\nContent-Length: 0", 400),
    ("two lengths in one", b"Content-Length: 5, 0", 400),
    ("a length and a comma", b"Content-Length: 5,", 400),
    ("a signed length", b"Content-Length: +5", 400),
    ("a negative length", b"Content-Length: -5", 400),
    ("a hexadecimal length", b"Content-Length: 0x5", 400),
    ("a length in two words", b"Content-Length: 5 5", 400),
    ("a length with an exponent", b"Content-Length: 5e0", 400),
    ("an empty length", b"Content-Length:", 400),
    ("a length with a vertical tab", b"Content-Length:\x0b5", 400),
    ("a length of 2^64 and 5", b"Content-Length: 18446744073709551621", 400),
    ("a length of 2^63", b"Content-Length: 9223372036854775808", 400),
    ("length, space, colon", b"Content-Length : 5", 400),
    ("length, tab, colon", b"Content-Length\t: 5", 400),
    ("a folded length", b"X: 1\r\n Content-Length: 5", 400),
    ("a length on the next line", b"Content-Length:\r\n 5", 400),
    ("coding, space, colon", b"Transfer-Encoding : chunked", 400),
    ("coding on the next line", b"Transfer-Encoding:\r\n chunked", 400),
    ("a coding behind a tab's fold", b"X: 1\r\n\tTransfer-Encoding: chunked", 400),
    ("chunked, then identity", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400),
    ("chunked in two fields", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
    ("chunked twice", b"Transfer-Encoding: chunked, chunked", 400),
    ("chunked before identity", b"Transfer-Encoding: chunked, identity", 400),
    ("identity before chunked", b"Transfer-Encoding: identity, chunked", 501),
    ("chunked and a comma", b"Transfer-Encoding: chunked,", 501),
    ("almost chunked", b"Transfer-Encoding: xchunked", 501),
    ("chunked in quotes", b'Transfer-Encoding: "chunked"', 400),
    ("chunked with a parameter", b"Transfer-Encoding: chunked;q=1", 400),
    ("an empty coding", b"Transfer-Encoding:", 400),
    ("chunked behind a vertical tab", b"Transfer-Encoding: \x0bchunked", 400),
    ("chunked and a NUL", b"Transfer-Encoding: chunked\0", 400),
    ("a NUL in the name", b"Transfer-Encoding\0: chunked", 400),
    ("a high byte in the name", b"Transfer-Encoding\xa0: chunked", 400),
    ("a coding behind a bare LF", b"X: 1\nTransfer-Encoding: chunked", 400),
    ("a coding behind a bare CR", b"X: 1\rTransfer-Encoding: chunked", 400),
    ("a line that ends in CR CR LF", b"X: 1\r\r\nTransfer-Encoding: chunked", 400),
    ("a line without colon", b"Transfer-Encoding chunked", 400),
    ("a field without name", b": chunked", 400),
    ("a second Host", b"Host: b", 400),
    ("an unknown expectation", b"Expect: 100-continue, more", 417),
]

REFUSED_CHUNKS = [
    ("a hexadecimal mark", b"0x0\r\n\r\n"),
    ("a signed size", b"+0\r\n\r\n"),
    ("a negative size", b"-1\r\n\r\n"),
    ("a space before the size", b" 0\r\n\r\n"),
    ("a space behind the size", b"5 \r\nhello\r\n" + END),
    ("no size", b"\r\n" + END),
    ("an underscore in the size", b"0_0\r\n\r\n"),
    ("a size of 2^64", b"10000000000000000\r\nhello\r\n" + END),
    ("a size of 2^64 - 1", b"ffffffffffffffff\r\nhello\r\n" + END),
    ("a size of many zeroes", b"0" * 17 + b"5\r\nhello\r\n" + END),
    ("a size that ends in LF", b"5\nhello\r\n" + END),
    ("a size that ends in CR", b"5\rhello\r\n" + END),
    ("data not ended", b"5\r\nhello" + END),
    ("data ended by LF", b"5\r\nhello\n" + END),
    ("data longer than its size", b"5\r\nhello, world\r\n" + END),
    ("an empty extension", b"5;\r\nhello\r\n" + END),
    ("LF in an extension", b"5;a\nb\r\nhello\r\n" + END),
    ("LF in a quoted extension", b'5;a="\n"\r\nhello\r\n' + END),
    ("CR in an extension", b"5;a\rb\r\nhello\r\n" + END),
    ("a last chunk ended by LF", b"0\n\n"),
    ("a trailer section ended by LF", b"0\r\n\n"),
    ("a space in a trailer's name", b"0\r\nX : 1\r\n\r\n"),
    ("a trailer without colon", b"0\r\nX\r\n\r\n"),
    ("a folded trailer", b"0\r\nX: 1\r\n 2\r\n\r\n"),
    ("a trailer that ends in LF", b"0\r\nX: 1\n\r\n"),
]

HOST = b"Host: a\r\n"
REFUSED_LINES = [
    ("two spaces", b"GET  /first HTTP/1.1\r\n" + HOST, 400),
    ("a space first", b" GET /first HTTP/1.1\r\n" + HOST, 400),
    ("a space last", b"GET /first HTTP/1.1 \r\n" + HOST, 400),
    ("a tab", b"GET /first\tHTTP/1.1\r\n" + HOST, 400),
    ("a target of two words", b"GET /first /b HTTP/1.1\r\n" + HOST, 400),
    ("a line that ends in LF", b"GET /first HTTP/1.1\n" + HOST, 400),
    ("a version in lower case", b"GET /first http/1.1\r\n" + HOST, 400),
    ("version 1.10", b"GET /first HTTP/1.10\r\n" + HOST, 400),
    ("version 3.0", b"GET /first HTTP/3.0\r\n" + HOST, 505),
    ("no version", b"GET /first\r\n", 400),
    ("two empty lines", b"\r\n\r\nGET /first HTTP/1.1\r\n" + HOST, 400),
    ("a control byte in the method", b"GE\x01T /first HTTP/1.1\r\n" + HOST, 400),
    ("a fragment", b"GET /first#x HTTP/1.1\r\n" + HOST, 400),
    ("a target that is no path", b"GET first HTTP/1.1\r\n" + HOST, 400),
    ("user information", b"GET http://u@a/first HTTP/1.1\r\n" + HOST, 400),
    ("no authority", b"GET http:///first HTTP/1.1\r\n" + HOST, 400),
    ("another scheme", b"GET gopher://a/first HTTP/1.1\r\n" + HOST, 400),
    ("a space in Host", b"GET /first HTTP/1.1\r\nHost: a b\r\n", 400),
    ("a list in Host", b"GET /first HTTP/1.1\r\nHost: a, b\r\n", 400),
    ("a path in Host", b"GET /first HTTP/1.1\r\nHost: a/b\r\n", 400),
    ("a user in Host", b"GET /first HTTP/1.1\r\nHost: u@a\r\n", 400),
    ("a port too large", b"GET /first HTTP/1.1\r\nHost: a:70000\r\n", 400),
    ("a port that is none", b"GET /first HTTP/1.1\r\nHost: a:8x\r\n", 400),
    ("a space before the first field", b"GET /first HTTP/1.1\r\n X: 1\r\n" + HOST, 400),
    ("content with TRACE", b"TRACE /first HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n", 400),
    ("chunks with CONNECT", b"CONNECT a:80 HTTP/1.1\r\n" + HOST +
     b"Transfer-Encoding: chunked\r\n", 400),
]

# Name, bytes, the targets that the origin sees, texts that it sees, texts that it does not see.
PASSED = [
    ("the same length twice", POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + SECOND,
     ["/first", "/smuggled"], [b"Content-Length: 5\r\n"], [b"Content-Length: 5\r\nContent-Length"]),
    ("a length with zeroes", POST + b"Content-Length: 0005\r\n\r\nhello" + SECOND,
     ["/first", "/smuggled"], [b"\r\nContent-Length: 5\r\n"], [b"0005"]),
    ("a request as content", POST + b"Content-Length: %d\r\n\r\n" % len(SECOND) + SECOND,
     ["/first"], [SECOND], []),
    ("chunked in any case", POST + b"transfer-ENCODING:\tChunKed \r\n\r\n5\r\nhello\r\n" + END +
     SECOND, ["/first", "/smuggled"], [b"\r\nTransfer-Encoding: chunked\r\n"], [b"ChunKed"]),
    ("extensions", CHUNKED + b'5;a=b;c="; \\" 0"\r\nhello\r\n' + END + SECOND,
     ["/first", "/smuggled"], [b"\r\n\r\n5\r\nhello\r\n"], [b"a=b"]),
    ("trailers that say how it ends", CHUNKED +
     b"5\r\nhello\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nHost: evil\r\nT: 1\r\n\r\n" +
     SECOND, ["/first", "/smuggled"], [b"0\r\nT: 1\r\n\r\n"], [b"Content-Length", b"evil"]),
    ("Connection names the framing", POST + b"Connection: Content-Length, Host\r\n"
     b"Content-Length: 5\r\n\r\nhello" + SECOND,
     ["/first", "/smuggled"], [b"Host: a\r\n", b"Content-Length: 5\r\n"], [b"Connection"]),
    ("Connection names the coding", POST + b"Connection: Transfer-Encoding\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + END + SECOND,
     ["/first", "/smuggled"], [b"Transfer-Encoding: chunked\r\n"], [b"Connection"]),
    ("close", POST + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello" + SECOND,
     ["/first"], [b"hello"], [b"smuggled"]),
    ("HTTP/1.0", b"POST /first HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + SECOND,
     ["/first"], [b"hello"], [b"smuggled"]),
    ("content of GET", b"GET /first HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + SECOND,
     ["/first", "/smuggled"], [b"\r\n\r\nhello"], []),
    ("an upgrade that is not taken up", b"GET /first HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
     b"Upgrade: websocket\r\n\r\n" + SECOND,
     ["/first", "/smuggled"], [b"Upgrade: websocket\r\n"], []),
    ("an upgrade to another HTTP", b"GET /first HTTP/1.1\r\nHost: a\r\n"
     b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
     b"\r\n" + SECOND, ["/first", "/smuggled"], [], [b"h2c", b"HTTP2-Settings"]),
    ("an absolute target and another Host", b"GET http://b/first HTTP/1.1\r\nHost: a\r\n\r\n" +
     SECOND, ["/first", "/smuggled"], [b"GET /first HTTP/1.1\r\nHost: b\r\n"], []),
    ("one empty line first", b"\r\n" + POST + b"Content-Length: 5\r\n\r\nhello" + SECOND,
     ["/first", "/smuggled"], [], []),
    ("HTTP/1.1 without content", b"POST /first HTTP/1.1\r\nHost: a\r\n\r\n" + SECOND,
     ["/first", "/smuggled"], [], []),
    ("Max-Forwards: 0", b"OPTIONS /first HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n" + SECOND,
     ["/smuggled"], [], [b"/first"]),
]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

# By target: what the origin says, poison behind it. The connection it comes by must not be used again.
LONG_RESPONSES = {
    "/two": OK + POISON,
    "/head": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(POISON) + POISON,
    "/204": b"HTTP/1.1 204 No Content\r\n\r\n" + POISON,
    "/304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: %d\r\n\r\n" % len(POISON) + POISON,
    "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + POISON,
    "/empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + POISON,
    "/hints": b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + POISON,
}

# By target: what may not be passed on as a response.
WRONG_RESPONSES = {
    "/both": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
    "/lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 44\r\n\r\nok" + POISON,
    "/fold": b"HTTP/1.1 200 OK\r\nX: 1\r\n Content-Length: 2\r\n\r\nok" + POISON,
    "/lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok" + POISON,
    "/space": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok" + POISON,
    "/cr": b"HTTP/1.1 200 OK\r\nX: 1\rContent-Length: 2\r\n\r\nok" + POISON,
    "/nul": b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 2\r\n\r\nok" + POISON,
    "/coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x, chunked\r\n\r\n" + END + POISON,
    "/old": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + END + POISON,
    "/switch": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n" + OK,
    "/none": b"HTTP/0.9 200 OK\r\n\r\n",
    "/interim": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + OK,
}


class Recorder:
    """An origin that reads strictly, writes everything down and answers 200."""

    def __init__(self, lab):
        self.seen = b""
        self.targets = []
        with lab.inside("origins"):
            self.listener = socket.create_server((ORIGINS4.format(ORIGIN_HOSTS["a"]), 8080))
        threading.Thread(target=self.accept, daemon=True).start()

    def farms(self):
        return [{"name": "app", "scheme": "http", "servers": [
            {"name": "a", "address": ORIGINS4.format(ORIGIN_HOSTS["a"]), "http_port": 8080}]}]

    def forget(self):
        self.seen, self.targets = b"", []

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        have = b""

        def until(n_or_mark):
            nonlocal have
            while True:
                if isinstance(n_or_mark, int):
                    n = n_or_mark if len(have) >= n_or_mark else None
                else:
                    at = have.find(n_or_mark)
                    n = None if at < 0 else at + len(n_or_mark)
                if n is not None:
                    part, have = have[:n], have[n:]
                    return part
                data = sock.recv(65536)
                if not data:
                    raise ConnectionError
                self.seen += data
                have += data

        try:
            while True:
                lines = until(b"\r\n\r\n").lower().split(b"\r\n")
                target = lines[0].split(b" ")[1].decode("latin-1")
                fields = dict(line.split(b": ", 1) for line in lines[1:-2])
                until(int(fields.get(b"content-length", b"0")))
                if fields.get(b"transfer-encoding") == b"chunked":
                    while (n := int(until(b"\r\n"), 16)) > 0:
                        until(n + 2)
                    while until(b"\r\n") != b"\r\n":
                        pass
                self.targets.append(target)
                sock.sendall(LONG_RESPONSES.get(target) or WRONG_RESPONSES.get(target) or OK)
        except OSError:
            sock.close()


def opened(lab):
    recorder = Recorder(lab)
    lab.start(lab.config(farms=recorder.farms()))
    return recorder


def asked(lab, request, is_whole=False):
    """The answer, and whether Penstock ended the connection; is_whole: our end follows it."""
    with lab.connect() as sock:
        sock.settimeout(3)
        got = b""
        try:
            sock.sendall(request)
            if is_whole:
                sock.shutdown(socket.SHUT_WR)
            while data := sock.recv(65536):
                got += data
            return got, True
        except TimeoutError:
            return got, False
        except (ConnectionResetError, BrokenPipeError):
            return got, True


def refused(lab, recorder, cases):
    wrong = []
    for name, request, status in cases:
        recorder.forget()
        got, closed = asked(lab, request)
        if not got.startswith(b"HTTP/1.1 %d " % status) or got.count(b"HTTP/1.1 ") != 1:
            wrong.append(f"{name}: {got[:80]!r}, expected {status}")
        if not closed:
            wrong.append(f"{name}: the connection stays")
        if b"/smuggled" in recorder.seen or "/first" in recorder.targets:
            wrong.append(f"{name}: the origin saw {recorder.seen!r}")
    expect(not wrong, "\n".join(wrong))


@marked("smoke")
def test_heads_that_can_be_cut_in_two_ways_are_refused(lab):
    recorder = opened(lab)
    refused(lab, recorder, [(name, POST + fields + b"\r\n\r\n" + END + SECOND, status)
                            for name, fields, status in REFUSED_FIELDS])
    refused(lab, recorder, [(name, head + b"\r\n" + SECOND, status)
                            for name, head, status in REFUSED_LINES])
    refused(lab, recorder, [("chunked in HTTP/1.0", CHUNKED.replace(b"1.1", b"1.0") + END + SECOND,
                             400)])


@marked("smoke")
def test_chunks_that_can_be_cut_in_two_ways_are_refused(lab):
    recorder = opened(lab)
    refused(lab, recorder, [(name, CHUNKED + chunks + SECOND, 400)
                            for name, chunks in REFUSED_CHUNKS])


@marked("smoke")
def test_what_is_passed_is_cut_in_one_way(lab):
    recorder = opened(lab)
    wrong = []
    for name, request, targets, present, absent in PASSED:
        recorder.forget()
        got, closed = asked(lab, request, is_whole=True)
        n = 2 if "/smuggled" in targets else 1
        if got.count(b"HTTP/1.1 200 OK\r\n") != n or not closed:
            wrong.append(f"{name}: {got!r}, closed {closed}")
        if recorder.targets != targets:
            wrong.append(f"{name}: the origin was asked for {recorder.targets}")
        for text in present:
            if text not in recorder.seen:
                wrong.append(f"{name}: no {text!r} in {recorder.seen!r}")
        for text in absent:
            if text in recorder.seen:
                wrong.append(f"{name}: {text!r} in {recorder.seen!r}")
    expect(not wrong, "\n".join(wrong))


@marked("smoke")
def test_what_stands_behind_a_response_reaches_nobody(lab):
    recorder = opened(lab)
    wrong = []
    for target in LONG_RESPONSES:
        method = b"HEAD" if target == "/head" else b"GET"
        for _ in range(3):
            got, _ = asked(lab, b"%s %s HTTP/1.1\r\nHost: a\r\n\r\n" % (method, target.encode()) +
                           b"GET /clean HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            if b"poison" in got or not got.endswith(b"\r\n\r\nok"):
                wrong.append(f"{target}: {got!r}")
    expect(not wrong, "\n".join(wrong))
    expect(recorder.targets.count("/clean") == 3 * len(LONG_RESPONSES), "each was asked once")


@marked("smoke")
def test_responses_that_can_be_cut_in_two_ways_are_502(lab):
    opened(lab)
    wrong = []
    for target in WRONG_RESPONSES:
        got, _ = asked(lab, b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode() +
                       b"GET /clean HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        if not got.startswith(b"HTTP/1.1 502 ") or b"poison" in got or \
                not got.endswith(b"\r\n\r\nok"):
            wrong.append(f"{target}: {got!r}")
    expect(not wrong, "\n".join(wrong))
