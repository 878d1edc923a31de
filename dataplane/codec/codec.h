/*
 * codec.h - content codings of bodies, as streams: gzip, deflate and br, decoded and encoded.
 *
 * Bytes in, bytes out, cut anywhere. A stream lives in memory that the caller gives at its begin
 * and takes back at its end; the libraries (zlib, brotli) allocate in it and nowhere else, so a
 * stream costs what codec_bytes says and never more. What a peer's bytes did wrong is a fault, and
 * a stream that had one stays with it.
 *
 * gzip may be several members (RFC 1952, 2.2). deflate is zlib's format (RFC 9110, 8.4.1.2); the
 * raw form that some servers send is understood too, and never sent. Behind the end of a coding
 * nothing may follow but, behind gzip, zeros. An empty body is the coding of nothing.
 *
 * A small body may decode to a very large one. Decoded bytes stream, so they cost no memory, but
 * they cost time and somebody's bandwidth: beyond CODEC_FREE_BYTES a stream may not have made more
 * than CODEC_RATIO_MAX times what it was given.
 * Units: bytes.
 */
#ifndef PENSTOCK_CODEC_CODEC_H
#define PENSTOCK_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define CODEC_FREE_BYTES (256ull << 20) /* decoded before the ratio counts */

enum {
	CODEC_RATIO_MAX = 100,
	CODEC_FLUSH_ROOM = 16,
};

/* clang-format off */
#define CODEC_KIND_LIST(x)                                                                         \
	x(NONE, "identity") x(GZIP, "gzip") x(DEFLATE, "deflate") x(BR, "br")                      \
	x(OTHER, "other")                                  /* not known, or several */

#define CODEC_FAULT_LIST(x)                                                                        \
	x(NONE, "nothing")                                                                         \
	x(GARBAGE, "the bytes are not of this coding")                                             \
	x(TRUNCATED, "the body ends before its coding does")                                       \
	x(TRAILING, "bytes follow the end of the coding")                                          \
	x(LARGE, "it decodes to more than is let through")                                         \
	x(MEMORY, "the coding needs more memory than a stream has")
/* clang-format on */

enum codec_kind {
#define X(part, word) CODEC_##part,
	CODEC_KIND_LIST(X)
#undef X
};

enum codec_fault {
#define X(part, words) CODEC_FAULT_##part,
	CODEC_FAULT_LIST(X)
#undef X
};

const char *codec_kind_name(enum codec_kind kind);
const char *codec_fault_text(enum codec_fault fault);

/* The coding of a Content-Encoding's value (all its lines joined): one, without case; x-gzip. */
enum codec_kind codec_of(struct slice content_encoding);

/* Whether Accept-Encoding's value lets a response have this coding (RFC 9110, 12.5.3). */
bool codec_is_accepted(struct slice accept_encoding, enum codec_kind kind);

/* clang-format off */
#define CODEC_VERDICT_LIST(x)                                                                      \
	x(MORE, more)   /* all input is used */                                                    \
	x(ROOM, room)   /* the output is full; call again, with the rest of the input */           \
	x(END, end)     /* after is_last: all is in the output */                                  \
	x(FAULT, fault)
/* clang-format on */

enum codec_verdict {
#define X(part, word) CODEC_VERDICT_##part,
	CODEC_VERDICT_LIST(X)
#undef X
};

struct codec; /* a decoder or an encoder */

/* Bytes that codec_open needs; GZIP, DEFLATE and BR only. */
size_t codec_bytes(enum codec_kind kind, bool is_encoder);

/*
 * Bytes that a decoder needs for the stream that begins with this byte: for br with its window,
 * less than codec_bytes for a small one, more for one of 8 or 16 MiB, which hardly a server sends.
 * With less, it is a MEMORY fault.
 */
size_t codec_bytes_of(enum codec_kind kind, uint8_t first);

/* In n >= codec_bytes(kind, is_encoder) or codec_bytes_of bytes of memory, aligned to 16. */
struct codec *codec_open(void *memory, size_t n, enum codec_kind kind, bool is_encoder);

/* What one call of codec_turn takes and gives; both ends move on by what was used and made. */
struct codec_io {
	const uint8_t *in;
	size_t in_n;
	bool is_last; /* nothing follows the input */
	bool flushes; /* encoder: what it was given must be decodable from what it gave */
	uint8_t *out;
	size_t out_n; /* flushing takes CODEC_FLUSH_ROOM at least, else the verdict is ROOM */
};

enum codec_verdict codec_turn(struct codec *c, struct codec_io *io);

/* Of the stream: NONE unless a turn was CODEC_VERDICT_FAULT. */
enum codec_fault codec_fault_of(const struct codec *c);

#endif
