/*
 * test_checksum.c - the fast sums against RFC 1071's plain one, over chains cut anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf_heap.h"
#include "base/prng.h"
#include "wire/checksum.h"

/* RFC 1071, 4.1, as it stands there. */
static uint16_t
naive(const uint8_t *p, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
fill(struct prng *prng, uint8_t *p, uint32_t n)
{
	uint32_t kind = prng_below(prng, 4);

	for (uint32_t i = 0; i < n; i++)
		p[i] = kind == 0 ? 0xff : kind == 1 ? 0 : (uint8_t)prng_u32(prng);
}

/* RFC 1071, 3: the example's sum is ddf2. */
static void
the_example_of_the_rfc_comes_out(void **state)
{
	static const uint8_t p[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(be16_get(csum_done(csum_add(p, sizeof(p)))), 0xffff ^ 0xddf2);
}

static void
sums_agree_at_every_length_and_alignment(void **state)
{
	uint8_t bytes[300];
	struct prng prng;

	(void)state;
	prng_init(&prng, 11);
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t off = prng_below(&prng, 16), n = prng_below(&prng, 284);

		fill(&prng, bytes, sizeof(bytes));
		assert_int_equal(be16_get(csum_done(csum_add(bytes + off, n))),
				 naive(bytes + off, n));
	}
}

static void
chains_sum_like_their_bytes(void **state)
{
	struct buf_pool *pool = buf_heap_open(64);
	uint8_t bytes[700];
	struct prng prng;

	(void)state;
	prng_init(&prng, 12);
	for (uint32_t round = 0; round < 5000; round++) {
		struct buf *head = buf_take(pool), *tail = head;
		uint32_t n = 0, off;

		for (uint32_t segs = 1 + prng_below(&prng, 6); segs > 0; segs--) {
			uint32_t part = prng_below(&prng, 100);
			struct buf *more = n == 0 ? head : buf_take(pool);

			fill(&prng, bytes + n, part);
			memcpy(buf_append(more, part), bytes + n, part);
			if (more != head) {
				buf_chain(head, tail, more);
				tail = more;
			}
			n += part;
			if (n == 0)
				break;
		}
		off = prng_below(&prng, n + 1);
		n = prng_below(&prng, n - off + 1);
		assert_int_equal(be16_get(csum_done(csum_chain(head, off, n))),
				 naive(bytes + off, n));
		buf_give(head);
	}
	buf_heap_close(pool);
}

static void
updates_equal_a_new_sum(void **state)
{
	struct prng prng;

	(void)state;
	prng_init(&prng, 13);
	for (uint32_t round = 0; round < 20000; round++) {
		uint8_t p[12];
		struct be16 old, from, to, sum;

		fill(&prng, p, sizeof(p));
		p[0] |= 1; /* headers are never all zero */
		old = csum_done(csum_add(p, sizeof(p)));
		memcpy(&from, p + 6, 2);
		to.raw = (uint16_t)prng_u32(&prng);
		memcpy(p + 6, &to, 2);
		sum = csum_done(csum_add(p, sizeof(p)));
		assert_int_equal(csum_update(old, from, to).raw, sum.raw);
	}
}

static void
pseudo_headers_are_those_of_the_rfcs(void **state)
{
	static const uint8_t v4[] = { 192, 0, 2, 1, 198, 51, 100, 7, 0, 6, 0x05, 0xdc };
	struct ip_addr src = ip_from_v4(v4), dst = ip_from_v4(v4 + 4);
	uint8_t v6[40] = {
		0x20, 1, 0x0d, 0xb8, [15] = 1, 0xfe, 0x80, [31] = 9, 0, 1, 2, 3, [39] = 58
	};

	(void)state;
	assert_int_equal(be16_get(csum_done(csum_pseudo(&src, &dst, 6, 1500))), naive(v4, 12));
	memcpy(src.b, v6, 16);
	memcpy(dst.b, v6 + 16, 16);
	assert_int_equal(be16_get(csum_done(csum_pseudo(&src, &dst, 58, 0x010203))), naive(v6, 40));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_rfc_comes_out),
		cmocka_unit_test(sums_agree_at_every_length_and_alignment),
		cmocka_unit_test(chains_sum_like_their_bytes),
		cmocka_unit_test(updates_equal_a_new_sum),
		cmocka_unit_test(pseudo_headers_are_those_of_the_rfcs),
	};

	return cmocka_run_group_tests_name("checksum", tests, NULL, NULL);
}
