"""coding.py - bodies as origins send them: content codings and chunks. No library but Python's."""
import gzip
import zlib


def brotli_stored(body):
    """A brotli stream of uncompressed meta-blocks (RFC 7932, 9.2)."""
    out, shift = [], 1  # behind the one bit that says: a window of 64 KiB
    for at in range(0, len(body), 65536):
        piece = body[at:at + 65536]
        out += [((len(piece) - 1) << (3 + shift) | 1 << (19 + shift)).to_bytes(3, "little"), piece]
        shift = 0
    return b"".join(out) + (b"\x03" if body else b"\x06")


CODINGS = {"gzip": lambda body: gzip.compress(body, mtime=0), "deflate": zlib.compress,
           "deflate raw": lambda body: zlib.compress(body)[2:-4],  # as some servers have it
           "br": brotli_stored, "x-gzip": lambda body: gzip.compress(body, mtime=0),
           "compress": lambda body: b"\x1f\x9d" + body}


def chunks(body, size, dice=None):
    """A body in chunks of so many bytes (RFC 9112, 7.1); with dice, of so many at most."""
    at = 0
    while at < len(body):
        piece = body[at:at + (dice.randint(1, size) if dice else size)]
        at += len(piece)
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"
