/*
 * deflate.c - gzip and deflate by zlib, whose memory is the stream's own.
 */
#include <string.h>

#include "codec/state.h"

enum {
	WINDOW_BITS = 15,
	GZIP_BITS = 16, /* added to the window's: zlib's way to say gzip */
	MEMORY_LEVEL = 8,
};

static voidpf
take(voidpf opaque, uInt n, uInt bytes)
{
	struct codec *c = opaque;

	return heap_take(&c->heap, (size_t)n * bytes);
}

static void
give(voidpf opaque, voidpf p)
{
	struct codec *c = opaque;

	heap_give(&c->heap, p);
}

/* A decoder of deflate opens when its first two bytes tell the format. */
bool
z_open(struct codec *c)
{
	bool is_gzip = c->kind == CODEC_GZIP;
	int bits = WINDOW_BITS + (is_gzip ? GZIP_BITS : 0);

	c->z = (z_stream){ .zalloc = take, .zfree = give, .opaque = c };
	if (c->is_encoder)
		c->is_open = deflateInit2(&c->z, GZIP_LEVEL, Z_DEFLATED, bits, MEMORY_LEVEL,
					  Z_DEFAULT_STRATEGY) == Z_OK;
	else if (is_gzip)
		c->is_open = inflateInit2(&c->z, bits) == Z_OK;
	else
		return true;
	return c->is_open;
}

/* zlib takes 32-bit lengths; more waits for the next turn. */
static uInt
part(size_t n)
{
	return n < UINT32_MAX ? (uInt)n : UINT32_MAX;
}

static int
step(struct codec *c, struct codec_io *io, int flush)
{
	uInt in_n = part(io->in_n), out_n = part(io->out_n);
	int r;

	c->z.next_in = (z_const Bytef *)(uintptr_t)io->in;
	c->z.avail_in = in_n;
	c->z.next_out = io->out;
	c->z.avail_out = out_n;
	r = c->is_encoder ? deflate(&c->z, flush) : inflate(&c->z, flush);
	io->in += in_n - c->z.avail_in;
	io->in_n -= in_n - c->z.avail_in;
	io->out += out_n - c->z.avail_out;
	io->out_n -= out_n - c->z.avail_out;
	return r;
}

/* RFC 1950, 2.2: method 8, a window of at most 32 KiB, a check of the two bytes. */
static bool
is_zlib(const uint8_t first[2])
{
	return (first[0] & 0x0f) == 8 && first[0] >> 4 <= 7 && (first[0] << 8 | first[1]) % 31 == 0;
}

/* Collects the first two bytes; true: the format is known and zlib awaits them. */
static bool
begin_deflate(struct codec *c, struct codec_io *io)
{
	bool has_zlib;

	while (c->first_n < sizeof(c->first) && io->in_n > 0) {
		c->first[c->first_n++] = *io->in++;
		io->in_n--;
	}
	if (c->first_n < sizeof(c->first) && !(io->is_last && c->first_n > 0))
		return false;
	has_zlib = c->first_n == sizeof(c->first) && is_zlib(c->first);
	c->is_open = inflateInit2(&c->z, has_zlib ? WINDOW_BITS : -WINDOW_BITS) == Z_OK;
	return true;
}

static enum codec_verdict
decoded(struct codec *c, const struct codec_io *io, int r)
{
	switch (r) {
	case Z_STREAM_END:
		c->is_whole = true;
		return CODEC_VERDICT_MORE;
	case Z_OK:
	case Z_BUF_ERROR: /* nothing to be done: input or room is out */
		return io->out_n == 0 ? CODEC_VERDICT_ROOM : CODEC_VERDICT_MORE;
	case Z_MEM_ERROR:
		return codec_fail(c, CODEC_FAULT_MEMORY);
	default: /* Z_DATA_ERROR, Z_NEED_DICT */
		return codec_fail(c, CODEC_FAULT_GARBAGE);
	}
}

/* The two bytes that told the format, now for zlib. */
static enum codec_verdict
decode_first(struct codec *c, struct codec_io *io)
{
	struct codec_io first = {
		.in = c->first, .in_n = c->first_n, .out = io->out, .out_n = io->out_n
	};
	enum codec_verdict v = decoded(c, &first, step(c, &first, Z_NO_FLUSH));

	memmove(c->first, first.in, first.in_n);
	c->first_n = (uint8_t)first.in_n;
	io->out = first.out;
	io->out_n = first.out_n;
	if (c->is_whole && c->first_n != 0)
		return codec_fail(c, CODEC_FAULT_TRAILING);
	return v;
}

/* Zeros behind gzip are padding (of tapes, and of servers that fill blocks): passed over. */
static void
skip_padding(struct codec *c, struct codec_io *io)
{
	for (; c->kind == CODEC_GZIP && io->in_n > 0 && *io->in == 0; io->in++, io->in_n--)
		c->is_padded = true;
}

enum codec_verdict
z_decode(struct codec *c, struct codec_io *io)
{
	if (!c->is_open) {
		if (!begin_deflate(c, io))
			return CODEC_VERDICT_MORE;
		if (!c->is_open)
			return codec_fail(c, CODEC_FAULT_MEMORY);
	}
	while (c->first_n != 0) {
		enum codec_verdict v = decode_first(c, io);

		if (v != CODEC_VERDICT_MORE)
			return v;
	}
	for (;;) {
		enum codec_verdict v;

		if (c->is_whole) {
			skip_padding(c, io);
			if (io->in_n == 0)
				return CODEC_VERDICT_MORE;
			/* Another member of gzip; its header is checked as the first's was. */
			if (c->kind != CODEC_GZIP || c->is_padded || *io->in != 0x1f ||
			    inflateReset(&c->z) != Z_OK)
				return codec_fail(c, CODEC_FAULT_TRAILING);
			c->is_whole = false;
		}
		v = decoded(c, io, step(c, io, Z_NO_FLUSH));
		if (v != CODEC_VERDICT_MORE || io->in_n == 0)
			return v;
	}
}

enum codec_verdict
z_encode(struct codec *c, struct codec_io *io)
{
	for (;;) {
		bool is_all = io->in_n <= UINT32_MAX;
		bool is_end = io->is_last && is_all;
		bool must_flush = io->flushes && is_all && !(c->is_flushed && io->in_n == 0);
		int r;

		/* zlib begins a flush anew when its mark did not fit. */
		if (io->out_n == 0 || (must_flush && io->out_n < CODEC_FLUSH_ROOM))
			return CODEC_VERDICT_ROOM;
		c->is_flushed = c->is_flushed && io->in_n == 0;
		r = step(c, io, is_end ? Z_FINISH : must_flush ? Z_SYNC_FLUSH : Z_NO_FLUSH);
		if (r == Z_STREAM_END) {
			c->is_ended = true;
			return CODEC_VERDICT_END;
		}
		if (r != Z_OK && r != Z_BUF_ERROR)
			return codec_fail(c, CODEC_FAULT_MEMORY);
		if (io->out_n == 0)
			return CODEC_VERDICT_ROOM;
		if (io->in_n == 0 && !is_end) {
			c->is_flushed = c->is_flushed || must_flush;
			return CODEC_VERDICT_MORE;
		}
	}
}
