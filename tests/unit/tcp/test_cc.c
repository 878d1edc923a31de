/*
 * test_cc.c - the congestion window: RFC 6928, RFC 5681.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp/cc.h"

enum {
	MSS = 1460,
};

static struct cc
begun(void)
{
	struct cc cc;

	cc_begin(&cc, TCP_CC_NEWRENO, MSS, false);
	cc.is_limited = true;
	return cc;
}

static void
acked(struct cc *cc, uint32_t bytes)
{
	struct cc_ack ack = { .now = 1, .srtt_ns = 1, .acked_bytes = bytes };

	if (cc_is_used(cc))
		cc_on_ack(cc, &ack);
	else
		cc_on_slack(cc);
}

static void
window_begins_with_ten_segments(void **state)
{
	struct cc cc = begun();

	(void)state;
	assert_int_equal(cc.cwnd_bytes, 14600);
	cc_begin(&cc, TCP_CC_NEWRENO, 8960, false);
	assert_int_equal(cc.cwnd_bytes, 2 * 8960); /* large ones: 14600 or two */
	cc_begin(&cc, TCP_CC_NEWRENO, 536, false);
	assert_int_equal(cc.cwnd_bytes, 5360);
	cc_begin(&cc, TCP_CC_NEWRENO, MSS, true);
	assert_int_equal(cc.cwnd_bytes, MSS);
}

static void
slow_start_adds_what_is_acknowledged(void **state)
{
	struct cc cc = begun();

	(void)state;
	acked(&cc, 2 * MSS);
	assert_int_equal(cc.cwnd_bytes, 12 * MSS);
}

/* One ACK of a whole flight after a timeout: to the threshold, the rest counts in avoidance. */
static void
slow_start_ends_at_the_threshold(void **state)
{
	struct cc cc = begun();

	(void)state;
	cc_on_timeout(&cc, 10 * MSS);
	assert_int_equal(cc.cwnd_bytes, MSS);
	acked(&cc, 8 * MSS);
	assert_int_equal(cc.cwnd_bytes, 5 * MSS);
	acked(&cc, MSS);
	assert_int_equal(cc.cwnd_bytes, 6 * MSS);
}

static void
avoidance_adds_one_segment_a_window(void **state)
{
	struct cc cc = begun();

	(void)state;
	cc_on_loss(&cc, 20 * MSS);
	assert_int_equal(cc.ssthresh_bytes, 10 * MSS);
	assert_int_equal(cc.cwnd_bytes, 10 * MSS);
	for (uint32_t i = 0; i < 9; i++)
		acked(&cc, MSS);
	assert_int_equal(cc.cwnd_bytes, 10 * MSS);
	acked(&cc, MSS);
	assert_int_equal(cc.cwnd_bytes, 11 * MSS);
}

/* RFC 5681, 3.1: what was acknowledged beyond a window counts for the next one. */
static void
avoidance_forgets_no_byte(void **state)
{
	struct cc cc = begun();

	(void)state;
	cc_on_loss(&cc, 20 * MSS);
	for (uint32_t i = 0; i < 4; i++)
		acked(&cc, 3 * MSS);
	assert_int_equal(cc.cwnd_bytes, 11 * MSS);
	for (uint32_t i = 0; i < 3; i++)
		acked(&cc, 3 * MSS);
	assert_int_equal(cc.cwnd_bytes, 12 * MSS);
}

static void
unused_window_does_not_grow(void **state)
{
	struct cc cc = begun();

	(void)state;
	cc.is_limited = false;
	acked(&cc, 10 * MSS);
	assert_int_equal(cc.cwnd_bytes, 10 * MSS);
}

static void
threshold_is_two_segments_at_least(void **state)
{
	struct cc cc = begun();

	(void)state;
	cc_on_timeout(&cc, MSS);
	assert_int_equal(cc.ssthresh_bytes, 2 * MSS);
	assert_int_equal(cc.cwnd_bytes, MSS);
}

static void
pause_takes_the_window_back_to_its_beginning(void **state)
{
	struct cc cc = begun();

	(void)state;
	acked(&cc, 100 * MSS);
	cc_restart(&cc);
	assert_int_equal(cc.cwnd_bytes, 10 * MSS);
	cc_on_timeout(&cc, MSS);
	cc_restart(&cc);
	assert_int_equal(cc.cwnd_bytes, MSS);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(window_begins_with_ten_segments),
		cmocka_unit_test(slow_start_adds_what_is_acknowledged),
		cmocka_unit_test(slow_start_ends_at_the_threshold),
		cmocka_unit_test(avoidance_adds_one_segment_a_window),
		cmocka_unit_test(avoidance_forgets_no_byte),
		cmocka_unit_test(unused_window_does_not_grow),
		cmocka_unit_test(threshold_is_two_segments_at_least),
		cmocka_unit_test(pause_takes_the_window_back_to_its_beginning),
	};

	return cmocka_run_group_tests_name("tcp/cc", test, NULL, NULL);
}
