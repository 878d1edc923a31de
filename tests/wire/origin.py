#!/usr/bin/python3
"""origin.py - an origin for what nginx would never do. One thread a connection.

usage: origin.py IPV4 IPV6 PORT

By the request's path (query: n bytes, s seconds):
  /echo             200 with the request line and head as they came
  /sink             reads the body; 200 with its length, framing and sha256
  /chunked?n=       200, n pattern bytes in chunks of odd sizes, with a trailer
  /until-close?n=   200, n pattern bytes, ended by closing
  /slow-head?s=     waits before the head
  /stall?n=&s=      head for n bytes, half of them, then silence
  /cut?n=           head for n bytes, half of them, then closes
  /reset            reset instead of an answer
  /close            closes without an answer
  /garbage          what is not HTTP
  /smuggle          Content-Length and Transfer-Encoding both
  /early            answers 403 without reading the body, closes
  /switch           101, then sends back what comes, in capitals
  /hints            103 before 200
  /nothing          204;  /same 304
  /both?n=          sends the request's body back while it is still coming, chunked
  /page?n=&coding=&chunk=&seed=  200, text/html of n lines with links (page()), encoded, in chunks
                    of a size, or with a seed of random ones up to it
  /moved            302 to http://in.example/x
"""
import hashlib
import os
import random
import socket
import struct
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rules"))

from coding import CODINGS, chunks  # noqa: E402 (after the path)

BLOCK = bytes((i * 131 + (i >> 8) * 17) & 255 for i in range(65536))


def pattern(n):
    """The first n bytes of what every peer of these tests sends; no two blocks are the same."""
    for at in range(0, n, len(BLOCK)):
        yield (struct.pack("<Q", at) + BLOCK[8:])[:n - at]


def page(n):
    """What a server that knows nothing of the proxy writes; every line has a link or none."""
    lines = ('<a href="http://in.example/{0}">line {0}</a>', "<img src=/{0}.png alt='/{0}'>",
             "<!-- <a href='/comment/{0}'> --> in.example \u00e4\u20ac", "<p data-n={0}>/text/{0}</p>",
             "<script>x = '<a href=\"/script/{0}\">';</script>", "<FORM ACTION = '/form/{0}'>")
    return "".join(lines[i % len(lines)].format(i) + "\n" for i in range(n)).encode()


class Closed(Exception):
    pass


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.have = b""

    def more(self):
        data = self.sock.recv(262144)
        if not data:
            raise Closed
        self.have += data

    def until(self, mark):
        while mark not in self.have:
            self.more()
        part, self.have = self.have.split(mark, 1)
        return part

    def pieces(self, n):
        while n > 0:
            if not self.have:
                self.more()
            piece, self.have = self.have[:n], self.have[n:]
            n -= len(piece)
            yield piece

    def head(self):
        lines = self.until(b"\r\n\r\n").split(b"\r\n")
        method, target, _ = lines[0].decode("latin-1").split(" ")
        fields = {}
        for line in lines[1:]:
            name, value = line.split(b":", 1)
            fields[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
        return method, target, fields, b"\r\n".join(lines) + b"\r\n"

    def body(self, fields):
        if fields.get("expect", "").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in fields.get("transfer-encoding", ""):
            while True:
                n = int(self.until(b"\r\n").split(b";")[0], 16)
                if n == 0:
                    while self.until(b"\r\n"):
                        pass
                    return
                yield from self.pieces(n)
                self.until(b"\r\n")
        else:
            yield from self.pieces(int(fields.get("content-length", "0")))

    def say(self, status, fields=(), body=b""):
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
        self.sock.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    def chunk(self, data):
        self.sock.sendall(b"%x\r\n%b\r\n" % (len(data), data))


def sink(c, fields):
    digest, n = hashlib.sha256(), 0
    for piece in c.body(fields):
        digest.update(piece)
        n += len(piece)
    framing = "chunked" if "transfer-encoding" in fields else "length"
    c.say("200 OK", body=f"{n} {framing} {digest.hexdigest()}\n".encode())


def chunked(c, n):
    c.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n")
    sizes, i = (1, 65536, 17, 4096, 1460, 65535, 3), 0
    for block in pattern(n):
        while block:
            size = sizes[i % len(sizes)]
            c.chunk(block[:size])
            block, i = block[size:], i + 1
    c.sock.sendall(b"0\r\nX-End: yes\r\n\r\n")


def both(c, fields):
    c.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in c.body(fields):
        c.chunk(piece)
    c.sock.sendall(b"0\r\n\r\n")


def half(c, n):
    c.sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n".encode())
    for piece in pattern(n // 2):
        c.sock.sendall(piece)


def say_page(c, query, n):
    """The lines of page(), as the query wants them."""
    coding, size = query.get("coding"), int(query.get("chunk", "0"))
    body = CODINGS[coding](page(n)) if coding else page(n)
    fields = ["Content-Type: text/html; charset=utf-8", 'ETag: "page"', "Accept-Ranges: bytes",
              *([f"Content-Encoding: {coding}"] if coding else [])]
    if not size:
        c.say("200 OK", fields, body)
        return
    c.sock.sendall("\r\n".join(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *fields,
                                "\r\n"]).encode())
    dice = random.Random(query["seed"]) if "seed" in query else None
    for piece in chunks(body, size, dice):
        c.sock.sendall(piece)


def answer(c, method, target, fields, head):
    """False when the connection ends."""
    url = urlsplit(target)
    query = {k: v[0] for k, v in parse_qs(url.query).items()}
    n, s = int(query.get("n", "0")), float(query.get("s", "0"))
    match url.path:
        case "/sink":
            sink(c, fields)
        case "/chunked":
            chunked(c, n)
        case "/both":
            both(c, fields)
        case "/until-close":
            c.sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            for piece in pattern(n):
                c.sock.sendall(piece)
            return False
        case "/slow-head":
            time.sleep(s)
            c.say("200 OK", body=b"late\n")
        case "/page":
            say_page(c, query, n)
        case "/moved":
            c.say("302 Found", ["Location: http://in.example/x", "Set-Cookie: a=1; Path=/",
                                "Set-Cookie: b=2; Path=/"])
        case "/stall":
            half(c, n)
            time.sleep(s)
            return False
        case "/cut":
            half(c, n)
            return False
        case "/reset":
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        case "/close":
            return False
        case "/garbage":
            c.sock.sendall(b"220 ready for mail\r\n\r\n")
            return False
        case "/smuggle":
            c.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            return False
        case "/early":
            c.say("403 Forbidden", ["Connection: close"], b"no\n")
            return False
        case "/switch":
            c.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                           b"Upgrade: capitals\r\n\r\n")
            while True:
                c.sock.sendall(c.have.upper())
                c.have = b""
                c.more()
        case "/hints":
            c.sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            c.say("200 OK", body=b"hinted\n")
        case "/nothing":
            c.sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        case "/same":
            c.sock.sendall(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")
        case _:
            for _ in c.body(fields):
                pass
            c.say("200 OK", ["X-Origin: odd"], b"" if method == "HEAD" else head)
    return True


def serve(sock):
    c = Connection(sock)
    try:
        while answer(c, *c.head()):
            pass
    except (Closed, OSError, ValueError):
        pass
    finally:
        sock.close()


def listen(family, address, port):
    listener = socket.create_server((address, port), family=family, backlog=4096)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    threading.Thread(target=listen, args=(socket.AF_INET6, sys.argv[2], int(sys.argv[3])),
                     daemon=True).start()
    listen(socket.AF_INET, sys.argv[1], int(sys.argv[3]))
