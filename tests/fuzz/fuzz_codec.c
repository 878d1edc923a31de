/*
 * fuzz_codec.c - decoders over any bytes, and over real streams that lost a few: never more memory
 * than was given, the same bytes and the same end wherever input and output are cut; what an
 * encoder made of the input decodes to it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	OUT_MAX = 1 << 20,
	CUT_OUT_MAX = 1 << 16,
};

static const enum codec_kind kinds[] = { CODEC_GZIP, CODEC_DEFLATE, CODEC_BR };

static struct codec *
stream_open(enum codec_kind kind, bool is_encoder)
{
	static uint8_t *memory[2];
	size_t n = codec_bytes(kind, is_encoder);

	if (memory[is_encoder] == NULL)
		memory[is_encoder] = aligned_alloc(16, codec_bytes(CODEC_BR, is_encoder));
	return codec_open(memory[is_encoder], n, kind, is_encoder);
}

/* As much as fits into out; the verdict is ROOM when that was not all. */
static size_t
run(struct codec *c, const uint8_t *in, size_t n, size_t cut, size_t out_cut, uint8_t *out,
    size_t out_max, enum codec_verdict *ret_v)
{
	size_t at = 0, made = 0;

	for (;;) {
		size_t take = n - at < cut ? n - at : cut;
		size_t room = out_max - made < out_cut ? out_max - made : out_cut;
		struct codec_io io = { .in = in + at,
				       .in_n = take,
				       .is_last = at + take == n,
				       .out = out + made,
				       .out_n = room };

		*ret_v = codec_turn(c, &io);
		at += take - io.in_n;
		made += room - io.out_n;
		if (*ret_v == CODEC_VERDICT_END || *ret_v == CODEC_VERDICT_FAULT || made == out_max)
			return made;
		ensure(*ret_v == CODEC_VERDICT_ROOM || io.in_n == 0);
	}
}

static void
decode(enum codec_kind kind, const uint8_t *in, size_t n, size_t cut)
{
	static uint8_t whole[CUT_OUT_MAX], parts[CUT_OUT_MAX];
	enum codec_verdict a, b;
	struct codec *c = stream_open(kind, false);
	enum codec_fault fault;
	size_t whole_n = run(c, in, n, SIZE_MAX, SIZE_MAX, whole, sizeof(whole), &a), parts_n;

	fault = codec_fault_of(c);
	c = stream_open(kind, false);
	parts_n = run(c, in, n, cut, cut * 3, parts, sizeof(parts), &b);
	if (whole_n == sizeof(whole) || parts_n == sizeof(parts))
		return;
	ensure(a == b && fault == codec_fault_of(c));
	/* A decoder may stop with its last bytes still in its window. */
	ensure(a == CODEC_VERDICT_FAULT || whole_n == parts_n);
	ensure(memcmp(whole, parts, whole_n < parts_n ? whole_n : parts_n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t coded[OUT_MAX], back[OUT_MAX];
	enum codec_verdict v;
	enum codec_kind kind;
	size_t cut, coded_n, back_n;

	if (n < 3 || n > 1 << 15)
		return 0;
	kind = kinds[data[0] % 3];
	cut = 1 + data[1] % 61;
	decode(kind, data + 3, n - 3, cut);

	coded_n = run(stream_open(kind, true), data + 3, n - 3, cut, cut * 2, coded, sizeof(coded),
		      &v);
	ensure(v == CODEC_VERDICT_END);
	back_n = run(stream_open(kind, false), coded, coded_n, cut, cut, back, sizeof(back), &v);
	ensure(v == CODEC_VERDICT_END && back_n == n - 3 && memcmp(back, data + 3, back_n) == 0);

	coded[data[2] * (size_t)7 % coded_n] ^= (uint8_t)(1u << data[1] % 8);
	decode(kind, coded, coded_n, cut);
	return 0;
}
