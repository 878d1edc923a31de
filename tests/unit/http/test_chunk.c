/*
 * test_chunk.c - chunked bodies, one line each: the payload, the trailers kept, or the reason for
 * the refusal; cut at every byte (and at every pair of bytes for short ones). And the framer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/http.h"

struct chunk_case {
	const char *text;
	uint32_t n;
	const char *payload; /* all of it; NULL: refused */
	const char *trailers;
	enum http_reason reason;
};

/* clang-format off */

#define BODY(text, payload, trailers) \
	{ text, sizeof(text) - 1, payload, trailers, HTTP_REASON_NONE },
#define REFUSE(text, reason) { text, sizeof(text) - 1, NULL, "", HTTP_REASON_##reason },

#define LAST "0\r\n\r\n"

static const struct chunk_case cases[] = {
	BODY(LAST, "", "")
	BODY("5\r\nhello\r\n" LAST, "hello", "")
	BODY("5\r\nhello\r\n1\r\n \r\n6\r\nworld!\r\n" LAST, "hello world!", "")
	BODY("a\r\n0123456789\r\n" LAST, "0123456789", "")
	BODY("A\r\n0123456789\r\n" LAST, "0123456789", "")
	BODY("0005\r\nhello\r\n0000\r\n\r\n", "hello", "")
	BODY("0000000000000005\r\nhello\r\n" LAST, "hello", "")
	BODY("10\r\n0123456789abcdef\r\n" LAST, "0123456789abcdef", "")
	BODY("2\r\n\r\n\r\n" LAST, "\r\n", "")
	BODY("7\r\n0\r\n\r\n0\r\r\n" LAST, "0\r\n\r\n0\r", "")
	/* extensions */
	BODY("5;a\r\nhello\r\n" LAST, "hello", "")
	BODY("5;a=b\r\nhello\r\n" LAST, "hello", "")
	BODY("5;a=b;c=d;e\r\nhello\r\n" LAST, "hello", "")
	BODY("5;a=\"b c;\\\"\t\xff\"\r\nhello\r\n" LAST, "hello", "")
	BODY("5 ; a = b ; c\r\nhello\r\n" LAST, "hello", "")
	BODY("5\t;\ta\t=\t\"b\"\t;c\r\nhello\r\n" LAST, "hello", "")
	BODY("5;a=\"\"\r\nhello\r\n0;last\r\n\r\n", "hello", "")
	REFUSE("5;\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;;a\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a=\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;=a\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a \r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5 \r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5 a\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a b\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a=b c\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a=\"b\"c\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a=\"b\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a=\"b\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a=\"b\\\x01\"\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a\0\r\nhello\r\n" LAST, CHUNK_EXTENSION)
	REFUSE("5;a\rxhello\r\n" LAST, CHUNK_EXTENSION)
	/* sizes */
	REFUSE("\r\nhello\r\n" LAST, CHUNK_SIZE)
	REFUSE(" 5\r\nhello\r\n" LAST, CHUNK_SIZE)
	REFUSE("+5\r\nhello\r\n" LAST, CHUNK_SIZE)
	REFUSE("-5\r\nhello\r\n" LAST, CHUNK_SIZE)
	REFUSE("0x5\r\nhello\r\n" LAST, CHUNK_SIZE)
	REFUSE("5h\r\nhello\r\n" LAST, CHUNK_SIZE)
	REFUSE("5_0\r\nhello\r\n" LAST, CHUNK_SIZE)
	REFUSE("5\nhello\r\n" LAST, CHUNK_SIZE)
	REFUSE("5\rhello\r\n" LAST, CHUNK_SIZE)
	REFUSE("5\r\rhello\r\n" LAST, CHUNK_SIZE)
	REFUSE(";a\r\nhello\r\n" LAST, CHUNK_SIZE)
	REFUSE("\0" "5\r\nhello\r\n" LAST, CHUNK_SIZE)
	REFUSE("g\r\n\r\n", CHUNK_SIZE)
	REFUSE("8000000000000000\r\nhello\r\n", CHUNK_OVERFLOW)
	REFUSE("ffffffffffffffff\r\nhello\r\n", CHUNK_OVERFLOW)
	REFUSE("10000000000000000\r\nhello\r\n", CHUNK_OVERFLOW)
	REFUSE("00000000000000005\r\nhello\r\n", CHUNK_OVERFLOW)
	REFUSE("5\r\nhello\r\n7fffffffffffffff\r\nworld", CHUNK_OVERFLOW)
	/* ends of chunks */
	REFUSE("5\r\nhello!\r\n" LAST, CHUNK_END)
	REFUSE("5\r\nhell\r\n" LAST, CHUNK_END)
	REFUSE("5\r\nhello\n" LAST, CHUNK_END)
	REFUSE("5\r\nhello\rx" LAST, CHUNK_END)
	REFUSE("5\r\nhello0\r\n\r\n", CHUNK_END)
	/* trailers */
	BODY("0\r\nA: b\r\n\r\n", "", "A: b\r\n")
	BODY("0\r\nA:b\r\nC:\r\n\r\n", "", "A:b\r\nC:\r\n")
	BODY("1\r\nx\r\n0\r\nServer-Timing: a;dur=1\r\nETag: \"1\"\r\n\r\n", "x",
	     "Server-Timing: a;dur=1\r\nETag: \"1\"\r\n")
	BODY("0\r\nContent-Length: 5\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n", "", "A: b\r\n")
	BODY("0\r\nhost: x\r\nConnection: a\r\nSet-Cookie: a\r\nauthorization: b\r\n\r\n", "", "")
	REFUSE("0\r\n A: b\r\n\r\n", TRAILER_SYNTAX)
	REFUSE("0\r\nA: b\r\n c\r\n\r\n", TRAILER_SYNTAX)
	REFUSE("0\r\nA : b\r\n\r\n", TRAILER_SYNTAX)
	REFUSE("0\r\n: b\r\n\r\n", TRAILER_SYNTAX)
	REFUSE("0\r\nA\r\n\r\n", TRAILER_SYNTAX)
	REFUSE("0\r\nA: b\n\r\n", TRAILER_SYNTAX)
	REFUSE("0\r\nA: b\rC: d\r\n\r\n", TRAILER_SYNTAX)
	REFUSE("0\r\nA: b\0\r\n\r\n", TRAILER_SYNTAX)
	REFUSE("0\r\nA: \x7f\r\n\r\n", TRAILER_SYNTAX)
	REFUSE("0\r\n\n", TRAILER_SYNTAX)
	REFUSE("0\r\n\rx", TRAILER_SYNTAX)
	REFUSE("0\r\nA: b\r\n\rx", TRAILER_SYNTAX)
	REFUSE("0\nA: b\r\n\r\n", CHUNK_SIZE)
};

/* clang-format on */

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

/* What came out of one body, over as many calls as it took. */
struct run {
	struct http_chunk chunk;
	uint8_t trailer[256];
	char payload[256];
	uint32_t payload_n;
	uint32_t used;
	enum http_chunk_verdict verdict;
};

/* Feeds one piece from a copy of exactly its size. */
static void
feed(struct run *run, const char *text, uint32_t n, bool keep)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	struct slice in = slice_of(copy, n);

	assert_non_null(copy);
	memcpy(copy, text, n);
	while (in.n > 0 && run->verdict != HTTP_CHUNK_DONE && run->verdict != HTTP_CHUNK_REFUSED) {
		struct slice data;
		uint32_t used;

		run->verdict = http_deframe(&run->chunk, &limits, in, &used, &data);
		assert_true(used <= in.n);
		if (run->verdict == HTTP_CHUNK_DATA) {
			assert_true(data.n > 0 && data.p + data.n == in.p + used);
			memcpy(run->payload + run->payload_n, data.p, data.n);
			run->payload_n += data.n;
		} else if (run->verdict == HTTP_CHUNK_TRAILER && keep) {
			run->chunk.trailer = run->trailer;
			run->chunk.trailer_room = sizeof(run->trailer);
		} else if (run->verdict == HTTP_CHUNK_MORE) {
			assert_int_equal(used, in.n);
		}
		in = slice_of(in.p + used, in.n - used);
		run->used += used;
	}
	free(copy);
}

static void
check(const struct chunk_case *c, const struct run *run, bool keep)
{
	uint32_t trailer_n = keep ? (uint32_t)strlen(c->trailers) : 0;

	if (c->payload == NULL) {
		if (run->verdict != HTTP_CHUNK_REFUSED || run->chunk.reason != c->reason)
			print_error("verdict %d \"%s\" for: %s\n", (int)run->verdict,
				    http_reason_name((enum http_reason)run->chunk.reason), c->text);
		assert_int_equal(run->verdict, HTTP_CHUNK_REFUSED);
		assert_int_equal(run->chunk.reason, c->reason);
		return;
	}
	if (run->verdict != HTTP_CHUNK_DONE)
		print_error("verdict %d for: %s\n", (int)run->verdict, c->text);
	assert_int_equal(run->verdict, HTTP_CHUNK_DONE);
	assert_int_equal(run->used, c->n);
	assert_int_equal(run->chunk.total, run->payload_n);
	assert_int_equal(run->payload_n, strlen(c->payload));
	assert_memory_equal(run->payload, c->payload, run->payload_n);
	assert_int_equal(run->chunk.trailer_n, trailer_n);
	assert_memory_equal(run->trailer, c->trailers, trailer_n);
}

#define EACH(c)                                                                                    \
	(const struct chunk_case *c = cases; c < cases + sizeof(cases) / sizeof(*cases); c++)

static void
a_whole_body_gets_its_verdict(void **state)
{
	(void)state;
	for
		EACH(c)
		{
			for (int keep = 0; keep < 2; keep++) {
				struct run run = { .verdict = HTTP_CHUNK_MORE };

				http_chunk_init(&run.chunk);
				feed(&run, c->text, c->n, keep);
				check(c, &run, keep);
			}
		}
	print_message("%zu chunked bodies\n", sizeof(cases) / sizeof(*cases));
}

static void
a_body_cut_anywhere_gets_the_same_verdict(void **state)
{
	(void)state;
	for
		EACH(c)
		{
			for (uint32_t a = 0; a <= c->n; a++) {
				for (uint32_t b = a; b <= c->n; b++) {
					struct run run = { .verdict = HTTP_CHUNK_MORE };

					http_chunk_init(&run.chunk);
					feed(&run, c->text, a, true);
					feed(&run, c->text + a, b - a, true);
					feed(&run, c->text + b, c->n - b, true);
					check(c, &run, true);
				}
			}
		}
}

static void
a_body_byte_by_byte_gets_the_same_verdict(void **state)
{
	(void)state;
	for
		EACH(c)
		{
			struct run run = { .verdict = HTTP_CHUNK_MORE };

			http_chunk_init(&run.chunk);
			for (uint32_t i = 0; i < c->n; i++)
				feed(&run, c->text + i, 1, true);
			check(c, &run, true);
		}
}

static void
bytes_behind_the_body_are_left_alone(void **state)
{
	struct run run = { .verdict = HTTP_CHUNK_MORE };

	(void)state;
	http_chunk_init(&run.chunk);
	feed(&run, "2\r\nab\r\n0\r\n\r\nHTTP/1.1 200 OK", 27, true);
	assert_int_equal(run.verdict, HTTP_CHUNK_DONE);
	assert_int_equal(run.used, 12);
}

static void
payload_may_be_taken_unseen(void **state)
{
	struct http_chunk c;
	struct slice data;
	uint32_t used;

	(void)state;
	http_chunk_init(&c);
	assert_int_equal(http_deframe(&c, &limits, SLICE("5\r\n"), &used, &data), HTTP_CHUNK_MORE);
	assert_int_equal(c.left, 5);
	http_chunk_skip(&c, 2);
	http_chunk_skip(&c, 3);
	assert_int_equal(c.total, 5);
	assert_int_equal(http_deframe(&c, &limits, SLICE("\r\n0\r\n\r\n"), &used, &data),
			 HTTP_CHUNK_DONE);
	assert_int_equal(used, 7);
}

static void
limits_hold_to_the_byte(void **state)
{
	static const char text[] = "1;aaaaaaa\r\nx\r\n1;b\r\ny\r\n0\r\nA: b\r\n\r\n";
	struct http_limits l = HTTP_LIMITS_DEFAULT;
	struct http_chunk c;
	struct slice data;

	(void)state;
	for (uint32_t cut = 0; cut < 5; cut++) {
		struct slice in = SLICE("");
		enum http_chunk_verdict v = HTTP_CHUNK_MORE;
		static const enum http_reason want[] = {
			HTTP_REASON_NONE,	  HTTP_REASON_CHUNK_EXTENSION_LONG,
			HTTP_REASON_NONE,	  HTTP_REASON_CHUNK_EXTENSION_LONG,
			HTTP_REASON_TRAILER_LONG,
		};

		l.chunk_ext_bytes = cut == 1 ? 7 : 8; /* with the CR */
		l.chunk_ext_total = cut == 3 ? 9 : 10;
		l.trailer_bytes = cut == 4 ? 6 : 7; /* lines and the last CR */
		in = slice_of(text, sizeof(text) - 1);
		http_chunk_init(&c);
		while (in.n > 0 && v != HTTP_CHUNK_DONE && v != HTTP_CHUNK_REFUSED) {
			uint32_t used;

			v = http_deframe(&c, &l, in, &used, &data);
			in = slice_of(in.p + used, in.n - used);
		}
		assert_int_equal(v, want[cut] == HTTP_REASON_NONE ? HTTP_CHUNK_DONE
								  : HTTP_CHUNK_REFUSED);
		assert_int_equal(c.reason, want[cut]);
	}
}

static void
trailers_that_do_not_fit_are_dropped_whole(void **state)
{
	struct slice in = SLICE("0\r\nA: b\r\nC: d\r\n\r\n"), data;
	struct http_chunk c;
	uint8_t room[11];
	uint32_t used;

	(void)state;
	http_chunk_init(&c);
	assert_int_equal(http_deframe(&c, &limits, in, &used, &data), HTTP_CHUNK_TRAILER);
	assert_int_equal(used, 3);
	c.trailer = room;
	c.trailer_room = sizeof(room);
	in = slice_of(in.p + used, in.n - used);
	assert_int_equal(http_deframe(&c, &limits, in, &used, &data), HTTP_CHUNK_DONE);
	assert_true(c.trailer_full);
	assert_int_equal(c.trailer_n, 0);
}

static void
chunk_heads_say_their_size(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} t[] = {
		{ 1, "1\r\n" },
		{ 9, "9\r\n" },
		{ 15, "f\r\n" },
		{ 16, "10\r\n" },
		{ 255, "ff\r\n" },
		{ 256, "100\r\n" },
		{ 4096, "1000\r\n" },
		{ 0xabcdef, "abcdef\r\n" },
		{ INT64_MAX, "7fffffffffffffff\r\n" },
		{ UINT64_MAX, "ffffffffffffffff\r\n" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint8_t head[HTTP_CHUNK_HEAD_BYTES];
		uint32_t n = http_chunk_head(t[i].n, head);

		assert_int_equal(n, strlen(t[i].text));
		assert_memory_equal(head, t[i].text, n);
	}
}

static void
the_last_chunk_carries_trailers_when_they_fit(void **state)
{
	uint8_t to[16];

	(void)state;
	assert_int_equal(http_last_chunk(SLICE(""), to, 5), 5);
	assert_memory_equal(to, "0\r\n\r\n", 5);
	assert_int_equal(http_last_chunk(SLICE("A: b\r\n"), to, 16), 11);
	assert_memory_equal(to, "0\r\nA: b\r\n\r\n", 11);
	assert_int_equal(http_last_chunk(SLICE("A: b\r\n"), NULL, 0), 11);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_body_gets_its_verdict),
		cmocka_unit_test(a_body_cut_anywhere_gets_the_same_verdict),
		cmocka_unit_test(a_body_byte_by_byte_gets_the_same_verdict),
		cmocka_unit_test(bytes_behind_the_body_are_left_alone),
		cmocka_unit_test(payload_may_be_taken_unseen),
		cmocka_unit_test(limits_hold_to_the_byte),
		cmocka_unit_test(trailers_that_do_not_fit_are_dropped_whole),
		cmocka_unit_test(chunk_heads_say_their_size),
		cmocka_unit_test(the_last_chunk_carries_trailers_when_they_fit),
	};

	return cmocka_run_group_tests_name("http chunk", tests, NULL, NULL);
}
