/*
 * RFC 6528: initial sequence numbers.
 */
#include "rfc/peer.h"

/* RFC 6528: the same tuple a little later begins a little higher. */
static void
isn_of_a_tuple_follows_the_clock(void **state)
{
	struct peer p = peer_new();
	uint32_t first, second;

	(void)state;
	peer_send(&p, .flags = "S", .seq = 999);
	first = p.heard[0].seg.seq.v;
	peer_send(&p, .flags = "R", .seq = 1000);
	peer_send(&p, .flags = "S", .seq = 999, .at_ms = 100);
	second = p.heard[1].seg.seq.v;
	assert_in_range(second - first, 20000, 30000); /* 100 ms of 4 us */
	peer_drop(&p);
}

static void
isns_of_other_tuples_are_unrelated(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .seq = 999);
	p.port++;
	peer_send(&p, .flags = "S", .seq = 999);
	assert_true(p.heard[1].seg.seq.v - p.heard[0].seg.seq.v > 100000);
	peer_drop(&p);
}

/* 3: the clock ticks every 4 us, so numbers of a tuple rise by about 250,000 a second. */
static void
isn_rises_with_the_clock(void **state)
{
	struct peer p = peer_new();
	uint32_t first, second;

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	first = p.heard[0].seg.seq.v;
	peer_send(&p, .flags = "R", .seq = 1000);
	p.ack = 0;
	peer_send(&p, .flags = "S", .seq = 999, .at_ms = 4000);
	peer_expect(&p, .flags = "SA");
	second = p.heard[1].seg.seq.v;
	assert_in_range(second - first, 960000, 1010000);
	peer_drop(&p);
}

/* RFC 7323, 7.1: clocks of timestamps are one for two hosts, and another for others. */
static void
timestamp_clock_is_of_the_pair_of_hosts(void **state)
{
	struct peer p = peer_new(.ts = true);
	uint32_t first, second, third;

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA", .has_ts = true);
	first = p.ts_engine;
	p.port++;
	p.ack = 0;
	peer_send(&p, .flags = "S", .seq = 999);
	peer_expect(&p, .flags = "SA", .has_ts = true);
	second = p.ts_engine;
	p.self.b[15]++;
	p.ack = 0;
	peer_send(&p, .flags = "S", .seq = 999);
	peer_expect(&p, .flags = "SA", .has_ts = true);
	third = p.ts_engine;
	assert_in_range(second - first, 0, 1);
	assert_false(third - first < 100000);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(isn_of_a_tuple_follows_the_clock),
		cmocka_unit_test(isns_of_other_tuples_are_unrelated),
		cmocka_unit_test(isn_rises_with_the_clock),
		cmocka_unit_test(timestamp_clock_is_of_the_pair_of_hosts),
	};

	return cmocka_run_group_tests_name("RFC 6528: initial sequence numbers", test, NULL, NULL);
}
