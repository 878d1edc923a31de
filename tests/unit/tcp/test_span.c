/*
 * test_span.c - joining the records of what was sent: times that differ are known to, and no record
 * grows so long that finding a byte in it is work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tcp/conn.h"

enum {
	SPANS = 100,
	EACH = 20000, /* bytes of one */
};

struct fixture {
	struct tcp tcp;
	struct tcp_conn conn;
	struct counters count;
	void *mem;
};

/* So many spans, one a millisecond, with these flags. */
static struct fixture *
sent(uint32_t n, uint8_t flags)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->mem = aligned_alloc(64, pool_size(SPANS, sizeof(struct span)));
	assert_non_null(f->mem);
	pool_init(&f->tcp.spans, f->mem, SPANS, sizeof(struct span));
	f->tcp.conf.count = &f->count;
	f->conn.span = f->conn.span_tail = f->conn.repair = INDEX_NONE;
	for (uint32_t i = 0; i < n; i++)
		span_sent(&f->tcp, &f->conn, NULL, 0, seq_of(i * EACH), EACH, i * MS_NS);
	for (uint32_t i = f->conn.span; i != INDEX_NONE; i = span_at(&f->tcp, i)->next)
		span_at(&f->tcp, i)->flags |= flags;
	return f;
}

static void
fini(struct fixture *f)
{
	free(f->mem);
	free(f);
}

static void
joined_spans_of_two_times_are_blurred(void **state)
{
	struct fixture *f = sent(2, SPAN_LOST);
	struct span_times times;

	(void)state;
	span_join(&f->tcp, &f->conn);
	assert_int_equal(f->conn.span_n, 1);
	assert_int_equal(span_at(&f->tcp, f->conn.span)->sent_ns, MS_NS);
	span_at(&f->tcp, f->conn.span)->flags &= (uint8_t)~SPAN_LOST; /* it was a mistake */
	times = span_ack(&f->tcp, &f->conn, seq_of(EACH), 0);
	assert_int_equal(times.once_ns, 0);
	fini(f);
}

static void
spans_that_were_not_joined_keep_their_times(void **state)
{
	struct fixture *f = sent(2, 0);

	(void)state;
	span_join(&f->tcp, &f->conn);
	assert_int_equal(f->conn.span_n, 2);
	assert_int_equal(span_ack(&f->tcp, &f->conn, seq_of(2 * EACH), 0).once_ns, MS_NS);
	fini(f);
}

/* RFC 8985, 6.1: of a time that is later than the truth no round trip is made. */
static void
blurred_span_does_not_shorten_rack(void **state)
{
	struct fixture *f = sent(1, SPAN_BLUR);
	struct repair r = { .xmit_ns = 0 };

	(void)state;
	f->conn.rtt.srtt_us = 100000;
	rack_delivered(&f->tcp, &f->conn, &r, span_at(&f->tcp, f->conn.span), 0, 10 * MS_NS);
	assert_int_equal(r.rtt_us, 100000);
	fini(f);
}

static void
joined_spans_have_a_length(void **state)
{
	static const uint8_t flags[] = { SPAN_LOST, SPAN_SACKED };

	(void)state;
	for (uint32_t k = 0; k < sizeof(flags); k++) {
		struct fixture *f = sent(SPANS, flags[k]);
		uint32_t all = 0;

		span_join(&f->tcp, &f->conn);
		assert_in_range(f->conn.span_n, 7, SPANS / 10);
		for (uint32_t i = f->conn.span; i != INDEX_NONE; i = span_at(&f->tcp, i)->next) {
			assert_in_range(span_at(&f->tcp, i)->len, EACH, 1 << 18);
			assert_int_equal(span_at(&f->tcp, i)->seq.v, all);
			all += span_at(&f->tcp, i)->len;
		}
		assert_int_equal(all, SPANS * EACH);
		fini(f);
	}
}

/* No record is left, and the last one was SACKed: what is new has not arrived, and nothing there has. */
static void
new_bytes_without_a_record_have_not_arrived(void **state)
{
	struct fixture *f = sent(SPANS, SPAN_SACKED);
	const struct span *tail = span_at(&f->tcp, f->conn.span_tail);

	(void)state;
	f->conn.sacked_bytes = SPANS * EACH;
	span_sent(&f->tcp, &f->conn, NULL, 0, seq_of(SPANS * EACH), EACH, SPANS * MS_NS);
	assert_int_equal(tail->len, 2 * EACH);
	assert_int_equal(tail->flags, SPAN_BLUR);
	assert_int_equal(f->conn.sacked_bytes, (SPANS - 1) * EACH);
	fini(f);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(joined_spans_of_two_times_are_blurred),
		cmocka_unit_test(spans_that_were_not_joined_keep_their_times),
		cmocka_unit_test(blurred_span_does_not_shorten_rack),
		cmocka_unit_test(joined_spans_have_a_length),
		cmocka_unit_test(new_bytes_without_a_record_have_not_arrived),
	};

	return cmocka_run_group_tests_name("tcp/span", test, NULL, NULL);
}
