/*
 * test_cubic.c - CUBIC by its curve: down to 0.7, back to where it was after K, and beyond; never
 * slower than Reno (RFC 9438).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp/cc.h"

#define MS  1000000ull
#define RTT (100 * MS)

enum {
	MSS = 1000,
};

/* A window of n segments that has just met a loss at time 1 s; congestion avoidance follows. */
static struct cc
after_loss(uint32_t n)
{
	struct cc cc;

	cc_begin(&cc, TCP_CC_CUBIC, MSS, false);
	cc.cwnd_bytes = n * MSS;
	cc.is_limited = true;
	cc_on_loss(&cc, n * MSS);
	return cc;
}

static void
acked(struct cc *cc, uint64_t now)
{
	struct cc_ack ack = { .now = now, .srtt_ns = RTT, .acked_bytes = MSS };

	if (cc_is_used(cc))
		cc_on_ack(cc, &ack);
	else
		cc_on_slack(cc);
}

/* Lets a whole window be acknowledged each round trip until `until`; returns the time. */
static uint64_t
run(struct cc *cc, uint64_t now, uint64_t until)
{
	while (now < until) {
		for (uint32_t left = cc->cwnd_bytes / MSS; left > 0; left--)
			acked(cc, now);
		now += RTT;
	}
	return now;
}

static void
loss_takes_three_tenths(void **state)
{
	struct cc cc = after_loss(1000);

	(void)state;
	assert_int_equal(cc.ssthresh_bytes, 700 * MSS);
	assert_int_equal(cc.cwnd_bytes, 700 * MSS);
}

/* Equation 2: K is the cube root of 300 segments over 0.4: 9.08 s. */
static void
window_is_back_after_k(void **state)
{
	struct cc cc = after_loss(1000);
	uint64_t now = run(&cc, 1000 * MS, 6000 * MS);

	(void)state;
	assert_in_range(cc.cwnd_bytes / MSS, 950, 985); /* flat near the old window */
	now = run(&cc, now, 10000 * MS);
	assert_in_range(cc.cwnd_bytes / MSS, 995, 1003);
	run(&cc, now, 16000 * MS); /* 0.4 * 6^3 = 86 beyond it */
	assert_in_range(cc.cwnd_bytes / MSS, 1060, 1130);
}

/* 4.7: two losses in a row below the old window: the second makes more room. */
static void
falling_window_gives_way(void **state)
{
	struct cc cc = after_loss(1000);

	(void)state;
	cc_on_loss(&cc, 700 * MSS);
	assert_int_equal(cc.cwnd_bytes, 490 * MSS);
	run(&cc, 1000 * MS, 9000 * MS); /* K for 595 - 490: 6.4 s */
	assert_in_range(cc.cwnd_bytes / MSS, 590, 605);
}

/* 4.3: alpha is 0.53 up to cwnd_prior, which fast convergence leaves as it was: 140, not 119. */
static void
reno_after_two_losses_is_slow_up_to_the_window_before(void **state)
{
	struct cc cc = after_loss(200);

	(void)state;
	cc_on_loss(&cc, 140 * MSS);
	assert_int_equal(cc.cwnd_bytes, 98 * MSS);
	run(&cc, 1000 * MS, 7000 * MS); /* 60 round trips of 0.53 */
	assert_in_range(cc.cwnd_bytes / MSS, 126, 132);
}

/* ... and one segment a round trip from there on, as Reno's: 11 up to 20, then 19. */
static void
reno_beyond_the_window_before_is_as_fast_as_reno(void **state)
{
	struct cc cc = after_loss(20);

	(void)state;
	run(&cc, 1000 * MS, 4000 * MS);
	assert_in_range(cc.cwnd_bytes / MSS, 36, 40);
}

/* 4.2: K of an epoch that begins anew is that of the window which it begins with. */
static void
curve_goes_on_where_the_window_stands(void **state)
{
	struct cc cc = after_loss(1000);

	(void)state;
	run(&cc, 1000 * MS, 6000 * MS); /* W_max is 4 s away */
	cc_on_slack(&cc);
	run(&cc, 60000 * MS, 62000 * MS); /* 2 s */
	assert_in_range(cc.cwnd_bytes / MSS, 992, 1000);
	run(&cc, 62000 * MS, 70000 * MS); /* 6 s beyond it: 86 */
	assert_in_range(cc.cwnd_bytes / MSS, 1060, 1130);
	cc_on_slack(&cc);
	run(&cc, 99000 * MS, 101000 * MS); /* 8 s: 205 */
	assert_in_range(cc.cwnd_bytes / MSS, 1180, 1250);
}

/* 4.3: on a short path Reno would be faster, so that is what it is. */
static void
small_window_is_not_slower_than_reno(void **state)
{
	struct cc cc = after_loss(20);

	(void)state;
	run(&cc, 1000 * MS, 3000 * MS); /* 20 round trips of 0.53 segments: 24 and more */
	assert_in_range(cc.cwnd_bytes / MSS, 23, 30);
}

/* 4.6 and 5.8: what was not used does not count, nor does the time in which it was not. */
static void
idle_time_is_no_growth(void **state)
{
	struct cc cc = after_loss(1000);
	uint32_t before;

	(void)state;
	run(&cc, 1000 * MS, 3000 * MS);
	before = cc.cwnd_bytes;
	cc.is_limited = false;
	acked(&cc, 60000 * MS);
	cc.is_limited = true;
	run(&cc, 60000 * MS, 60200 * MS);
	assert_true(cc.cwnd_bytes < before + before / 10);
}

/* 4.6: each loss begins a curve of its own, whose time is nought. */
static void
next_loss_begins_the_curve_anew(void **state)
{
	struct cc cc = after_loss(1000);
	uint64_t now = run(&cc, 1000 * MS, 20000 * MS);
	uint32_t cwnd;

	(void)state;
	cc_on_loss(&cc, cc.cwnd_bytes);
	cwnd = cc.cwnd_bytes;
	run(&cc, now, now + RTT);
	assert_in_range(cc.cwnd_bytes, cwnd, cwnd + cwnd / 8);
}

/* 4.2: however far the curve has gone, half as much again is the aim of a round trip. */
static void
curve_that_is_far_away_is_followed_by_halves(void **state)
{
	struct cc cc = after_loss(100);
	uint32_t cwnd;

	(void)state;
	run(&cc, 1000 * MS, 2000 * MS);
	cwnd = cc.cwnd_bytes;
	run(&cc, 300000 * MS, 300000 * MS + RTT);
	assert_in_range(cc.cwnd_bytes, cwnd + cwnd / 4, cwnd + cwnd * 7 / 10);
}

static void
timeout_leaves_one_segment(void **state)
{
	struct cc cc = after_loss(100);

	(void)state;
	cc_on_timeout(&cc, 70 * MSS);
	assert_int_equal(cc.cwnd_bytes, MSS);
	assert_int_equal(cc.ssthresh_bytes, 49 * MSS);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(loss_takes_three_tenths),
		cmocka_unit_test(window_is_back_after_k),
		cmocka_unit_test(falling_window_gives_way),
		cmocka_unit_test(reno_after_two_losses_is_slow_up_to_the_window_before),
		cmocka_unit_test(reno_beyond_the_window_before_is_as_fast_as_reno),
		cmocka_unit_test(curve_goes_on_where_the_window_stands),
		cmocka_unit_test(small_window_is_not_slower_than_reno),
		cmocka_unit_test(idle_time_is_no_growth),
		cmocka_unit_test(next_loss_begins_the_curve_anew),
		cmocka_unit_test(curve_that_is_far_away_is_followed_by_halves),
		cmocka_unit_test(timeout_leaves_one_segment),
	};

	return cmocka_run_group_tests_name("CUBIC", test, NULL, NULL);
}
