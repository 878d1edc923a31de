/*
 * test_codec.c - codings against themselves and against their libraries: any cut of input and
 * output gives the same bytes, and what is broken is a named fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <brotli/encode.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "codec/codec.h"

enum {
	PAGE_BYTES = 200000,
	ROOM = 1 << 20,
};

struct bytes {
	uint8_t *p;
	size_t n;
};

static const enum codec_kind kinds[] = { CODEC_GZIP, CODEC_DEFLATE, CODEC_BR };

static struct bytes
page_make(size_t n)
{
	struct bytes page = { malloc(n + 64), 0 };
	struct prng prng;

	prng_init(&prng, 7);
	while (page.n < n)
		page.n += (size_t)sprintf((char *)page.p + page.n, "<p>line %u</p>\n",
					  prng_below(&prng, 1000000));
	page.n = n;
	return page;
}

static struct codec *
stream_open(enum codec_kind kind, bool is_encoder)
{
	size_t n = codec_bytes(kind, is_encoder);

	return codec_open(aligned_alloc(16, n), n, kind, is_encoder);
}

/* Runs all of `in` through a stream in pieces of at most in_cut and out_cut bytes. */
static struct bytes
run(struct codec *c, struct bytes in, size_t in_cut, size_t out_cut, enum codec_verdict *ret_v)
{
	struct bytes out = { malloc(ROOM), 0 };
	size_t at = 0;

	for (;;) {
		size_t n = in.n - at < in_cut ? in.n - at : in_cut;
		size_t room = ROOM - out.n < out_cut ? ROOM - out.n : out_cut;
		struct codec_io io = { .in = in.p + at,
				       .in_n = n,
				       .is_last = at + n == in.n,
				       .out = out.p + out.n,
				       .out_n = room };

		*ret_v = codec_turn(c, &io);
		at += n - io.in_n;
		out.n += room - io.out_n;
		if (*ret_v == CODEC_VERDICT_END || *ret_v == CODEC_VERDICT_FAULT)
			return out;
		assert_true(*ret_v != CODEC_VERDICT_MORE || io.in_n == 0);
		assert_true(out.n < ROOM);
	}
}

static struct bytes
coded(enum codec_kind kind, struct bytes page)
{
	struct codec *c = stream_open(kind, true);
	enum codec_verdict v;
	struct bytes out = run(c, page, SIZE_MAX, ROOM, &v);

	assert_int_equal(v, CODEC_VERDICT_END);
	free(c);
	return out;
}

static void
expect_page(enum codec_kind kind, struct bytes in, struct bytes page, size_t in_cut, size_t out_cut)
{
	struct codec *c = stream_open(kind, false);
	enum codec_verdict v;
	struct bytes out = run(c, in, in_cut, out_cut, &v);

	assert_int_equal(v, CODEC_VERDICT_END);
	assert_int_equal(out.n, page.n);
	assert_memory_equal(out.p, page.p, page.n);
	free(out.p);
	free(c);
}

static void
expect_fault(enum codec_kind kind, struct bytes in, enum codec_fault fault)
{
	static const size_t cuts[] = { 1, 7, SIZE_MAX };

	for (size_t i = 0; i < 3; i++) {
		struct codec *c = stream_open(kind, false);
		enum codec_verdict v;
		struct bytes out = run(c, in, cuts[i], ROOM, &v);

		assert_int_equal(v, CODEC_VERDICT_FAULT);
		assert_int_equal(codec_fault_of(c), fault);
		free(out.p);
		free(c);
	}
}

static void
any_cut_gives_the_same_page(void **state)
{
	static const size_t cuts[][2] = { { 1, 1 },	 { 1, 4096 }, { 3, 17 },
					  { 1460, 900 }, { 4096, 1 }, { SIZE_MAX, ROOM } };

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct bytes page = page_make(PAGE_BYTES), in = coded(kinds[k], page);

		assert_true(in.n < page.n / 3);
		for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
			struct codec *c = stream_open(kinds[k], true);
			enum codec_verdict v;
			struct bytes out = run(c, page, cuts[i][0], cuts[i][1], &v);

			expect_page(kinds[k], in, page, cuts[i][0], cuts[i][1]);
			expect_page(kinds[k], out, page, SIZE_MAX, ROOM);
			free(out.p);
			free(c);
		}
		free(page.p);
		free(in.p);
	}
}

static void
an_empty_body_is_the_coding_of_nothing(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct bytes none = { (uint8_t[1]){ 0 }, 0 }, in = coded(kinds[k], none);

		expect_page(kinds[k], none, none, 1, 1);
		expect_page(kinds[k], in, none, 1, 1);
		free(in.p);
	}
}

static void
a_flush_makes_all_decodable(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct codec *enc = stream_open(kinds[k], true),
			     *dec = stream_open(kinds[k], false);
		uint8_t wire[4096], text[4096];

		for (uint32_t i = 0; i < 50; i++) {
			struct codec_io in = { .in = (const uint8_t *)"<p>now</p>",
					       .in_n = 10,
					       .flushes = true,
					       .out = wire,
					       .out_n = i % 3 == 0 ? CODEC_FLUSH_ROOM
								   : sizeof(wire) };
			struct codec_io back = { .in = wire, .out = text, .out_n = sizeof(text) };

			while (codec_turn(enc, &in) == CODEC_VERDICT_ROOM)
				in.out_n = CODEC_FLUSH_ROOM;
			back.in_n = (size_t)(in.out - wire);
			assert_int_equal(codec_turn(dec, &back), CODEC_VERDICT_MORE);
			assert_int_equal(back.out - text, 10);
			assert_memory_equal(text, "<p>now</p>", 10);
			/* Nothing new: nothing more to say. */
			in.out = wire;
			in.out_n = sizeof(wire);
			assert_int_equal(codec_turn(enc, &in), CODEC_VERDICT_MORE);
			assert_int_equal(in.out - wire, 0);
		}
		free(enc);
		free(dec);
	}
}

static void
every_early_end_is_truncated(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct bytes page = page_make(300), in = coded(kinds[k], page);

		for (size_t n = 1; n < in.n; n++)
			expect_fault(kinds[k], (struct bytes){ in.p, n }, CODEC_FAULT_TRUNCATED);
		free(page.p);
		free(in.p);
	}
}

static void
bytes_behind_the_end_are_trailing(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct bytes page = page_make(300), in = coded(kinds[k], page);

		in.p[in.n++] = 'x';
		expect_fault(kinds[k], in, CODEC_FAULT_TRAILING);
		free(page.p);
		free(in.p);
	}
}

static void
garbage_is_garbage(void **state)
{
	uint8_t page[] = "<html><body>this was never compressed</body></html>";
	struct bytes in = { page, sizeof(page) - 1 };

	(void)state;
	expect_fault(CODEC_GZIP, in, CODEC_FAULT_GARBAGE);
	expect_fault(CODEC_DEFLATE, in, CODEC_FAULT_GARBAGE);
	memset(page, 0xff, sizeof(page) - 1);
	expect_fault(CODEC_BR, in, CODEC_FAULT_GARBAGE);
}

static void
a_wrong_check_sum_is_garbage(void **state)
{
	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct bytes page = page_make(300), in = coded(kinds[k], page);

		in.p[in.n - 1 - (kinds[k] == CODEC_GZIP ? 4 : 0)] ^= 1;
		expect_fault(kinds[k], in, CODEC_FAULT_GARBAGE);
		free(page.p);
		free(in.p);
	}
}

static void
gzip_may_have_several_members(void **state)
{
	struct bytes page = page_make(2000), a = { page.p, 700 }, b = { page.p + 700, 1300 };
	struct bytes in = coded(CODEC_GZIP, a), more = coded(CODEC_GZIP, b);

	(void)state;
	memcpy(in.p + in.n, more.p, more.n);
	in.n += more.n;
	expect_page(CODEC_GZIP, in, page, 1, 1);
	expect_page(CODEC_GZIP, in, page, SIZE_MAX, ROOM);
	free(page.p);
	free(in.p);
	free(more.p);
}

static void
deflate_without_its_header_is_understood(void **state)
{
	(void)state;
	for (size_t n = 0; n < 300; n += 37) {
		struct bytes page = page_make(n), in = { malloc(1000), 0 };
		z_stream z = {
			.next_in = page.p, .avail_in = (uInt)n, .next_out = in.p, .avail_out = 1000
		};

		deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		in.n = z.total_out;
		deflateEnd(&z);
		expect_page(CODEC_DEFLATE, in, page, 1, 1);
		expect_page(CODEC_DEFLATE, in, page, 2, 5);
		expect_page(CODEC_DEFLATE, in, page, SIZE_MAX, ROOM);
		free(page.p);
		free(in.p);
	}
}

/* Decodes `in` again and again, as much as comes; returns how many bytes that were. */
static uint64_t
count_out(struct codec *c, struct bytes in, enum codec_verdict *ret_v)
{
	static uint8_t out[1 << 16];
	struct codec_io io = { .in = in.p, .in_n = in.n, .is_last = true };
	uint64_t n = 0;

	do {
		io.out = out;
		io.out_n = sizeof(out);
		*ret_v = codec_turn(c, &io);
		n += sizeof(out) - io.out_n;
	} while (*ret_v == CODEC_VERDICT_ROOM);
	return n;
}

/* zeros MiB of zeros. */
static struct bytes
bomb(enum codec_kind kind, uint32_t zeros)
{
	static uint8_t block[1 << 20];
	struct codec *c = stream_open(kind, true);
	struct bytes b = { malloc(8 * ROOM), 0 };

	for (uint32_t i = 0; i < zeros; i++) {
		struct codec_io io = { .in = block,
				       .in_n = sizeof(block),
				       .is_last = i + 1 == zeros,
				       .out = b.p + b.n,
				       .out_n = 8 * ROOM - b.n };

		codec_turn(c, &io);
		b.n = (size_t)(io.out - b.p);
	}
	free(c);
	return b;
}

static void
a_bomb_is_not_let_through(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct bytes in = bomb(kinds[k], 300);
		struct codec *c = stream_open(kinds[k], false);
		enum codec_verdict v;
		uint64_t n = count_out(c, in, &v);

		assert_int_equal(v, CODEC_VERDICT_FAULT);
		assert_int_equal(codec_fault_of(c), CODEC_FAULT_LARGE);
		assert_true(n <= CODEC_FREE_BYTES + (1 << 16));
		free(c);
		free(in.p);
	}
}

static void
a_page_of_one_line_is_no_bomb(void **state)
{
	struct bytes in = bomb(CODEC_GZIP, 100);
	struct codec *c = stream_open(CODEC_GZIP, false);
	enum codec_verdict v;

	(void)state;
	assert_int_equal(count_out(c, in, &v), 100 << 20);
	assert_int_equal(v, CODEC_VERDICT_END);
	free(c);
	free(in.p);
}

static struct bytes
br_with_window(struct bytes page, int bits)
{
	BrotliEncoderState *s = BrotliEncoderCreateInstance(NULL, NULL, NULL);
	struct bytes out = { malloc(ROOM), 0 };
	const uint8_t *in = page.p;
	uint8_t *to = out.p;
	size_t in_n = page.n, room = ROOM;

	BrotliEncoderSetParameter(s, BROTLI_PARAM_LGWIN, (uint32_t)bits);
	BrotliEncoderSetParameter(s, BROTLI_PARAM_QUALITY, 3);
	BrotliEncoderCompressStream(s, BROTLI_OPERATION_FLUSH, &in_n, &in, &room, &to, NULL);
	BrotliEncoderCompressStream(s, BROTLI_OPERATION_FINISH, &in_n, &in, &room, &to, NULL);
	assert_true(BrotliEncoderIsFinished(s));
	out.n = (size_t)(to - out.p);
	BrotliEncoderDestroyInstance(s);
	return out;
}

/* RFC 7932, 9.1. */
static void
a_brotli_window_of_any_size_decodes_in_the_room_asked_for(void **state)
{
	struct bytes page = page_make(PAGE_BYTES);

	(void)state;
	for (int bits = 10; bits <= 24; bits++) {
		struct bytes in = br_with_window(page, bits);
		size_t n = codec_bytes_of(CODEC_BR, in.p[0]);
		struct codec *c = codec_open(aligned_alloc(16, n), n, CODEC_BR, false);
		enum codec_verdict v;
		struct bytes out = run(c, in, 1000, 1000, &v);

		assert_int_equal(n > codec_bytes(CODEC_BR, false), bits > 22);
		assert_int_equal(v, CODEC_VERDICT_END);
		assert_memory_equal(out.p, page.p, page.n);
		free(out.p);
		free(c);
		if (bits > 22)
			expect_fault(CODEC_BR, in, CODEC_FAULT_MEMORY);
		free(in.p);
	}
	free(page.p);
}

/* Some servers fill the last block of a gzip file with zeros; nothing else may follow these. */
static void
zeros_behind_gzip_are_padding(void **state)
{
	struct bytes page = page_make(300);

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct bytes in = coded(kinds[k], page), out;
		size_t n = codec_bytes(kinds[k], false);
		struct codec *c = codec_open(aligned_alloc(16, n), n, kinds[k], false);
		enum codec_verdict v;

		memset(in.p + in.n, 0, 3);
		in.n += 3;
		if (kinds[k] != CODEC_GZIP) {
			expect_fault(kinds[k], in, CODEC_FAULT_TRAILING);
		} else {
			out = run(c, in, 7, 1000, &v);
			assert_int_equal(v, CODEC_VERDICT_END);
			assert_int_equal(out.n, page.n);
			free(out.p);
			in.p[in.n++] = 0x1f;
			expect_fault(kinds[k], in, CODEC_FAULT_TRAILING);
		}
		free(c);
		free(in.p);
	}
	free(page.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_cut_gives_the_same_page),
		cmocka_unit_test(an_empty_body_is_the_coding_of_nothing),
		cmocka_unit_test(a_flush_makes_all_decodable),
		cmocka_unit_test(every_early_end_is_truncated),
		cmocka_unit_test(bytes_behind_the_end_are_trailing),
		cmocka_unit_test(garbage_is_garbage),
		cmocka_unit_test(a_wrong_check_sum_is_garbage),
		cmocka_unit_test(gzip_may_have_several_members),
		cmocka_unit_test(deflate_without_its_header_is_understood),
		cmocka_unit_test(a_bomb_is_not_let_through),
		cmocka_unit_test(a_page_of_one_line_is_no_bomb),
		cmocka_unit_test(zeros_behind_gzip_are_padding),
		cmocka_unit_test(a_brotli_window_of_any_size_decodes_in_the_room_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
