/*
 * test_hystart.c - the first slow start ends by delay: HyStart++ (RFC 9406).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp/cc.h"

#define MS 1000000ull

enum {
	MSS = 1000,
};

static struct cc
begun(void)
{
	struct cc cc;

	cc_begin(&cc, TCP_CC_CUBIC, MSS, false);
	cc.is_limited = true;
	return cc;
}

/*
 * A round trip: what was in flight is acknowledged by two segments at a time, each after rtt_ms; what
 * goes out at the last of these ACKs belongs to the round after the next, so that a change of the
 * path is seen a round late.
 */
static void
rounds(struct cc *cc, uint32_t n, double rtt_ms)
{
	for (; n > 0; n--) {
		for (uint32_t left = cc->cwnd_bytes / MSS / 2; left > 0; left--) {
			struct cc_ack ack = { .now = 1000 * MS,
					      .rtt_ns = (uint64_t)(rtt_ms * (double)MS),
					      .srtt_ns = (uint64_t)(rtt_ms * (double)MS),
					      .acked_bytes = 2 * MSS,
					      .flight_bytes = cc->cwnd_bytes - 2 * MSS };

			cc_on_ack(cc, &ack);
		}
	}
}

static void
even_round_trips_double_the_window(void **state)
{
	struct cc cc = begun();

	(void)state;
	rounds(&cc, 4, 50);
	assert_int_equal(cc.cwnd_bytes, 160 * MSS);
	assert_true(cc_is_first(&cc));
}

/* 4.2: an eighth longer: a quarter of the growth for five rounds, then congestion avoidance. */
static void
longer_round_trips_end_slow_start(void **state)
{
	struct cc cc = begun();
	uint32_t before;

	(void)state;
	rounds(&cc, 3, 50);
	rounds(&cc, 1, 57);
	before = cc.cwnd_bytes;
	rounds(&cc, 1, 57);
	assert_in_range(cc.cwnd_bytes, before + before / 5, before + before / 3);
	rounds(&cc, 3, 57);
	assert_true(cc_is_first(&cc));
	rounds(&cc, 2, 57);
	assert_false(cc_is_first(&cc));
	assert_in_range(cc.ssthresh_bytes, before * 23 / 10, before * 32 / 10);
	before = cc.cwnd_bytes;
	rounds(&cc, 1, 57);
	assert_in_range(cc.cwnd_bytes, before, before + before / 8);
}

/* 4.2: less than an eighth, or than 4 ms, is nothing. */
static void
small_growth_is_no_sign(void **state)
{
	struct cc cc = begun();

	(void)state;
	rounds(&cc, 3, 50);
	rounds(&cc, 2, 56);
	assert_int_equal(cc.cwnd_bytes, 320 * MSS);
	cc = begun();
	rounds(&cc, 3, 1);
	rounds(&cc, 2, 4.9);
	assert_int_equal(cc.cwnd_bytes, 320 * MSS);
	cc = begun();
	rounds(&cc, 3, 1);
	rounds(&cc, 2, 5);
	assert_true(cc.cwnd_bytes < 240 * MSS);
}

/* 4.2: MAX_RTT_THRESH: on a long path 16 ms are enough. */
static void
long_path_is_judged_by_sixteen_milliseconds(void **state)
{
	struct cc cc = begun();

	(void)state;
	rounds(&cc, 4, 400);
	rounds(&cc, 2, 417);
	assert_true(cc.cwnd_bytes < 480 * MSS);
}

/* 4.2: a round trip that falls back was jitter: slow start goes on. */
static void
jitter_does_not_end_slow_start(void **state)
{
	struct cc cc = begun();
	uint32_t before;

	(void)state;
	rounds(&cc, 3, 50);
	rounds(&cc, 2, 80);
	before = cc.cwnd_bytes;
	assert_true(before < 240 * MSS);
	rounds(&cc, 2, 50);
	assert_true(cc.cwnd_bytes > before * 2);
	rounds(&cc, 8, 50);
	assert_true(cc_is_first(&cc));
}

/* Fewer than eight samples are no round to judge by. */
static void
few_samples_say_nothing(void **state)
{
	struct cc cc = begun();

	(void)state;
	rounds(&cc, 1, 10); /* five ACKs */
	for (uint32_t i = 0; i < 7; i++) {
		struct cc_ack ack = { .rtt_ns = 100 * MS,
				      .acked_bytes = MSS / 10,
				      .flight_bytes = 19 * MSS };

		cc_on_ack(&cc, &ack);
	}
	assert_true(cc.own[3] < 1 << 16);
	rounds(&cc, 1, 100);
	assert_true(cc_is_first(&cc));
}

/* What slow start has noted is nothing to the curve. */
static void
loss_ends_it_at_once(void **state)
{
	struct cc cc = begun();

	(void)state;
	rounds(&cc, 4, 500); /* microseconds of a round trip are more than bytes of the window: */
	cc_on_loss(&cc, 160 * MSS);
	assert_int_equal(cc.ssthresh_bytes, 112 * MSS);
	assert_int_equal(cc.own[0], 160 * MSS); /* W_max */
	assert_int_equal(cc.own[1], 0);		/* no epoch */
}

/* Large windows on long paths go out at twice their rate; others, and avoidance, as they like. */
static void
slow_start_asks_for_a_pace(void **state)
{
	struct cc cc = begun();

	(void)state;
	assert_int_equal(cc_pace(&cc, 100000), 0);
	cc.cwnd_bytes = 100 * MSS;
	assert_int_equal(cc_pace(&cc, 1000), 0);
	assert_int_equal(cc_pace(&cc, 100000), 2 * MSS);
	cc_on_loss(&cc, 100 * MSS);
	assert_int_equal(cc_pace(&cc, 100000), 0);
	cc_begin(&cc, TCP_CC_NEWRENO, MSS, false);
	cc.cwnd_bytes = 100 * MSS;
	assert_int_equal(cc_pace(&cc, 100000), 0);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(even_round_trips_double_the_window),
		cmocka_unit_test(longer_round_trips_end_slow_start),
		cmocka_unit_test(small_growth_is_no_sign),
		cmocka_unit_test(long_path_is_judged_by_sixteen_milliseconds),
		cmocka_unit_test(jitter_does_not_end_slow_start),
		cmocka_unit_test(few_samples_say_nothing),
		cmocka_unit_test(loss_ends_it_at_once),
		cmocka_unit_test(slow_start_asks_for_a_pace),
	};

	return cmocka_run_group_tests_name("tcp/hystart", test, NULL, NULL);
}
