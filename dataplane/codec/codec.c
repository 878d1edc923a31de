/*
 * codec.c - a stream's begin, its turns, and what of a decoder's output is let through.
 */
#include "base/ensure.h"
#include "codec/state.h"

enum {
	/* zlib: 40 KiB of window and state; 261 KiB with hash chains. */
	Z_DECODER_BYTES = 56 << 10,
	Z_ENCODER_BYTES = 288 << 10,
	/* brotli: a window of most often up to 4 MiB; its prefix codes, as a stream has them. */
	BR_WINDOW_USUAL_BITS = 22,
	BR_CODES_BYTES = 1 << 20,
	BR_ENCODER_BYTES = 2 << 20,
};

static const char *const kind_names[] = {
#define X(part, word) word,
	CODEC_KIND_LIST(X)
#undef X
};

static const char *const fault_texts[] = {
#define X(part, words) words,
	CODEC_FAULT_LIST(X)
#undef X
};

const char *
codec_kind_name(enum codec_kind kind)
{
	return kind < sizeof(kind_names) / sizeof(*kind_names) ? kind_names[kind] : "unknown";
}

const char *
codec_fault_text(enum codec_fault fault)
{
	return fault < sizeof(fault_texts) / sizeof(*fault_texts) ? fault_texts[fault] : "unknown";
}

size_t
codec_bytes(enum codec_kind kind, bool is_encoder)
{
	if (kind == CODEC_BR)
		return is_encoder ? BR_ENCODER_BYTES
				  : (1u << BR_WINDOW_USUAL_BITS) + BR_CODES_BYTES;
	return is_encoder ? Z_ENCODER_BYTES : Z_DECODER_BYTES;
}

/* RFC 7932, 9.1: the first bits of a stream. Those of no window are for the library to refuse. */
static uint32_t
window_bits(uint8_t first)
{
	uint32_t high = first >> 1 & 7, low = first >> 4 & 7;

	if ((first & 1) == 0)
		return 16;
	if (high != 0)
		return 17 + high;
	return low == 0 ? 17 : 8 + low;
}

size_t
codec_bytes_of(enum codec_kind kind, uint8_t first)
{
	if (kind != CODEC_BR)
		return codec_bytes(kind, false);
	return ((size_t)1 << window_bits(first)) + BR_CODES_BYTES;
}

struct codec *
codec_open(void *memory, size_t n, enum codec_kind kind, bool is_encoder)
{
	struct codec *c = memory;
	size_t own = (sizeof(*c) + HEAP_ALIGN - 1) & ~(size_t)(HEAP_ALIGN - 1);
	bool is_open;

	ensure(kind == CODEC_GZIP || kind == CODEC_DEFLATE || kind == CODEC_BR);
	ensure(n >=
	       (kind == CODEC_BR && !is_encoder ? BR_CODES_BYTES : codec_bytes(kind, is_encoder)));
	*c = (struct codec){ .kind = (uint8_t)kind, .is_encoder = is_encoder, .is_flushed = true };
	heap_init(&c->heap, (uint8_t *)memory + own, n - own);
	is_open = kind == CODEC_BR ? br_open(c) : z_open(c);
	ensure(is_open); /* codec_bytes has room for it */
	return c;
}

static bool
is_bomb(const struct codec *c)
{
	return c->out_bytes > CODEC_FREE_BYTES && c->out_bytes / CODEC_RATIO_MAX > c->in_bytes;
}

static enum codec_verdict
decode(struct codec *c, struct codec_io *io)
{
	size_t in_n = io->in_n, out_n = io->out_n;
	enum codec_verdict v;

	if (in_n == 0 && io->is_last && !c->has_begun)
		return CODEC_VERDICT_END;
	c->has_begun = c->has_begun || in_n != 0;
	v = c->kind == CODEC_BR ? br_decode(c, io) : z_decode(c, io);
	c->in_bytes += in_n - io->in_n;
	c->out_bytes += out_n - io->out_n;
	if (v == CODEC_VERDICT_FAULT)
		return v;
	if (is_bomb(c))
		return codec_fail(c, CODEC_FAULT_LARGE);
	if (v != CODEC_VERDICT_MORE || !io->is_last)
		return v;
	return c->is_whole ? CODEC_VERDICT_END : codec_fail(c, CODEC_FAULT_TRUNCATED);
}

enum codec_verdict
codec_turn(struct codec *c, struct codec_io *io)
{
	if (c->fault != CODEC_FAULT_NONE)
		return CODEC_VERDICT_FAULT;
	if (!c->is_encoder)
		return decode(c, io);
	if (c->is_ended)
		return CODEC_VERDICT_END;
	return c->kind == CODEC_BR ? br_encode(c, io) : z_encode(c, io);
}

enum codec_fault
codec_fault_of(const struct codec *c)
{
	return (enum codec_fault)c->fault;
}
