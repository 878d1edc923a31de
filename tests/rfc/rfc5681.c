/*
 * Windows and losses without SACK: RFC 5681, 6582 (NewReno), 3042 (limited transmit), 6928 (initial
 * window).
 */
#include "rfc/peer.h"

/* RFC 6928: ten segments, then one more for each that is acknowledged (slow start). */
static void
flight_begins_with_ten_segments_and_doubles(void **state)
{
	struct peer p = peer_established(.wnd = 65535);

	(void)state;
	peer_write(&p, 100 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_expect_quiet(&p);
	peer_send(&p, .at_ms = 50, .ack = 5000 + 2 * MSS);
	peer_expect_run(&p, 5000 + 10 * MSS, 4);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

static void
window_that_is_not_used_does_not_grow(void **state)
{
	struct peer p = peer_established();
	uint32_t before = peer_info(&p).cwnd_bytes;

	(void)state;
	for (uint32_t i = 0; i < 50; i++) {
		peer_write_text(&p, "hello");
		peer_expect(&p, .text = "hello");
		peer_send(&p);
	}
	assert_int_equal(peer_info(&p).cwnd_bytes, before);
	peer_done(&p);
}

/* RFC 3042: two duplicate ACKs bring a new segment each; RFC 5681, 3.2: the third the lost one. */
static void
third_duplicate_ack_brings_the_lost_segment(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 40 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 50, .ack = 5000);
	peer_expect_run(&p, 5000 + 10 * MSS, 1);
	peer_send(&p, .ack = 5000);
	peer_expect_run(&p, 5000 + 11 * MSS, 1);
	peer_expect_quiet(&p);
	peer_send(&p, .ack = 5000);
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_expect_quiet(&p);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS); /* RFC 9438, 4.6 */
	peer_drop(&p);
}

/* The same wherever the initial sequence number lies. */
static void
duplicate_acks_count_from_the_first_byte(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 16; i++) {
		struct peer p = peer_new();

		p.port = (uint16_t)(PEER_PORT + i);
		peer_send(&p, .flags = "S", .mss = MSS);
		peer_expect(&p, .flags = "SA");
		peer_send(&p);
		peer_write(&p, 10 * MSS);
		peer_expect_run(&p, 5000, 10);
		for (uint32_t k = 0; k < 3; k++)
			peer_send(&p, .ack = 5000);
		peer_expect(&p, .seq = 5000, .n = MSS);
		peer_drop(&p);
	}
}

/* RFC 6582, 3.2: a partial ACK brings the next hole at once; the last one ends the recovery. */
static void
partial_ack_brings_the_next_hole(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	for (uint32_t i = 0; i < 3; i++)
		peer_send(&p, .ack = 5000);
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_send(&p, .ack = 5000 + 4 * MSS);
	peer_expect(&p, .seq = 5000 + 4 * MSS, .n = MSS);
	peer_expect_quiet(&p);
	peer_send(&p, .ack = 5000 + 10 * MSS);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	assert_int_equal(p.count.tcp_recoveries, 1);
	assert_int_equal(p.count.tcp_timeouts, 0);
	peer_done(&p);
}

/* 3.1: a timeout leaves one segment, and ssthresh at half of what was in flight. */
static void
timeout_leaves_one_segment(void **state)
{
	struct peer p = peer_established(.no_sack = true, .cc = TCP_CC_NEWRENO);

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_expect(&p, .at_ms = 200, .seq = 5000, .n = MSS);
	peer_expect_quiet(&p);
	assert_int_equal(peer_info(&p).cwnd_bytes, MSS);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 5 * MSS);
	peer_drop(&p);
}

/* Equation 4: never less than two segments. */
static void
threshold_is_two_segments_at_least(void **state)
{
	struct peer p = peer_established(.no_sack = true, .cc = TCP_CC_NEWRENO);

	(void)state;
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello");
	peer_expect(&p, .at_ms = 200, .text = "hello");
	assert_int_equal(peer_info(&p).ssthresh_bytes, 2 * MSS);
	peer_drop(&p);
}

/* 4.1: after a pause longer than the timeout the window is the initial one again. */
static void
pause_takes_the_window_back(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 10);
	peer_write(&p, 20 * MSS);
	peer_expect_run(&p, 5000 + 10 * MSS, 20);
	peer_send(&p, .at_ms = 20);
	assert_int_equal(peer_info(&p).cwnd_bytes, 40 * MSS);
	peer_wait(&p, 1000);
	peer_write(&p, 40 * MSS);
	peer_expect_run(&p, 5000 + 30 * MSS, 10);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* RFC 2861, 3; RFC 7661, 4.4.3: what the path carried before is remembered as ssthresh. */
static void
pause_leaves_the_threshold_near_the_window(void **state)
{
	struct peer p = peer_established(.cc = TCP_CC_NEWRENO, .no_sack = true, .wnd = 65535);
	uint32_t seq = 5000 + 10 * MSS;

	(void)state;
	peer_write(&p, 200 * MSS);
	peer_expect_run(&p, 5000, 10);
	for (uint32_t i = 0; i < 3; i++)
		peer_send(&p, .ack = 5000, .at_ms = 10);
	peer_ignore(&p);
	peer_send(&p, .ack = seq + 2 * MSS, .at_ms = 20);
	peer_ignore(&p);
	for (uint32_t i = 3; peer_info(&p).bytes_out < 200 * MSS && i < 100; i++) {
		p.ack = p.heard[(p.heard_n - 1) % PEER_QUEUE].seg.seq.v - p.bias +
			p.heard[(p.heard_n - 1) % PEER_QUEUE].seg.payload_n;
		peer_send(&p, .at_ms = i * 10);
		peer_ignore(&p);
	}
	assert_in_range(peer_info(&p).cwnd_bytes, 12 * MSS, 40 * MSS);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 5 * MSS);
	seq = peer_info(&p).cwnd_bytes;
	peer_wait(&p, 5000);
	peer_write(&p, MSS);
	assert_int_equal(peer_info(&p).cwnd_bytes, 10 * MSS);
	assert_int_equal(peer_info(&p).ssthresh_bytes, seq / 4 * 3);
	peer_drop(&p);
}

/* 3.2, definition of a duplicate ACK: one with text, or with another window, is none. */
static void
ack_with_text_or_window_is_no_duplicate(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	for (uint32_t i = 0; i < 4; i++) {
		peer_send(&p, .ack = 5000, .text = "x");
		peer_send(&p, .ack = 5000, .wnd = 60000 - i);
	}
	assert_int_equal(p.count.tcp_rx_dup_acks, 0);
	assert_int_equal(p.count.tcp_tx_again, 0);
	peer_drop(&p);
}

/* RFC 3465: a segment acknowledged in ten pieces earns no more than in one (ACK division). */
static void
ack_of_pieces_earns_bytes_not_segments(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 40 * MSS);
	peer_expect_run(&p, 5000, 10);
	for (uint32_t i = 1; i <= 10; i++)
		peer_send(&p, .ack = 5000 + i * (MSS / 10));
	assert_int_equal(peer_info(&p).cwnd_bytes, 11 * MSS);
	peer_drop(&p);
}

/* RFC 6928: ten segments of whatever size the peer takes. */
static void
small_segments_make_a_small_first_window(void **state)
{
	struct peer p = peer_established(.mss = 536);

	(void)state;
	peer_write(&p, 20 * 536);
	for (uint32_t i = 0; i < 10; i++)
		peer_expect(&p, .n = 536);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* RFC 6582, 3.2: duplicates of what the timer has sent again begin no second recovery. */
static void
duplicates_after_a_timeout_begin_no_recovery(void **state)
{
	struct peer p = peer_established(.no_sack = true, .cc = TCP_CC_NEWRENO);

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_expect(&p, .at_ms = 200, .seq = 5000, .n = MSS);
	for (uint32_t i = 0; i < 5; i++)
		peer_send(&p, .at_ms = 210 + i, .ack = 5000);
	assert_int_equal(p.count.tcp_recoveries, 0);
	peer_drop(&p);
}

/* RFC 3042: one new segment for each of the first two duplicates, when the window allows them. */
static void
limited_transmit_keeps_to_two_segments(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 20 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .ack = 5000);
	peer_expect_run(&p, 5000 + 10 * MSS, 1);
	peer_send(&p, .ack = 5000);
	peer_expect_run(&p, 5000 + 11 * MSS, 1);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* ... also where RFC 6582, 3.2 step 2 lets no recovery begin, however many come. */
static void
duplicates_that_begin_no_recovery_let_two_segments_go(void **state)
{
	struct peer p = peer_established(.no_sack = true, .cc = TCP_CC_NEWRENO);
	uint32_t window;

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_expect(&p, .at_ms = 200, .seq = 5000, .n = MSS);
	peer_send(&p, .at_ms = 210, .ack = 5000 + 10 * MSS); /* all that the timeout was about */
	peer_write(&p, 20 * MSS);
	peer_ignore(&p);
	window = peer_info(&p).flight_bytes;
	assert_in_range(window, MSS, 10 * MSS);
	for (uint32_t i = 0; i < 8; i++)
		peer_send(&p, .at_ms = 220 + i, .ack = 5000 + 10 * MSS);
	assert_int_equal(p.count.tcp_recoveries, 0);
	assert_int_equal(peer_info(&p).flight_bytes, window + 2 * MSS);
	peer_drop(&p);
}

/* ... and the peer's window does: it is not for us to overrun. */
static void
limited_transmit_keeps_to_the_window(void **state)
{
	struct peer p = peer_established(.no_sack = true, .wnd = 10 * MSS);

	(void)state;
	peer_write(&p, 20 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .ack = 5000);
	peer_send(&p, .ack = 5000);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* RFC 7661, 4.4.3: a window that a trickle leaves unused for minutes becomes smaller. */
static void
unused_window_shrinks_in_minutes(void **state)
{
	struct peer p = peer_established();
	uint32_t t = 20, most;

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 10);
	peer_write(&p, 20 * MSS);
	peer_expect_run(&p, 5000 + 10 * MSS, 20);
	peer_send(&p, .at_ms = 20);
	most = peer_info(&p).cwnd_bytes;
	assert_int_equal(most, 40 * MSS);
	while (t < 400000) {
		peer_write(&p, 10);
		peer_expect(&p, .n = 10);
		peer_send(&p, .at_ms = t += 100);
		if (t == 250020)
			assert_int_equal(peer_info(&p).cwnd_bytes, most);
	}
	assert_int_equal(peer_info(&p).cwnd_bytes, most / 2);
	peer_drop(&p);
}

/* RFC 6582, 3.2 step 3: the ACK that ends a recovery makes no burst. */
static void
end_of_a_recovery_makes_no_burst(void **state)
{
	struct peer p = peer_established(.no_sack = true, .cc = TCP_CC_NEWRENO);

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	for (uint32_t i = 0; i < 3; i++)
		peer_send(&p, .ack = 5000);
	peer_expect_run(&p, 5000, 1);
	peer_send(&p, .ack = 5000 + 10 * MSS);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 5 * MSS);
	assert_int_equal(peer_info(&p).cwnd_bytes, 2 * MSS);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(flight_begins_with_ten_segments_and_doubles),
		cmocka_unit_test(window_that_is_not_used_does_not_grow),
		cmocka_unit_test(third_duplicate_ack_brings_the_lost_segment),
		cmocka_unit_test(duplicate_acks_count_from_the_first_byte),
		cmocka_unit_test(partial_ack_brings_the_next_hole),
		cmocka_unit_test(timeout_leaves_one_segment),
		cmocka_unit_test(threshold_is_two_segments_at_least),
		cmocka_unit_test(pause_takes_the_window_back),
		cmocka_unit_test(pause_leaves_the_threshold_near_the_window),
		cmocka_unit_test(ack_with_text_or_window_is_no_duplicate),
		cmocka_unit_test(ack_of_pieces_earns_bytes_not_segments),
		cmocka_unit_test(small_segments_make_a_small_first_window),
		cmocka_unit_test(duplicates_after_a_timeout_begin_no_recovery),
		cmocka_unit_test(limited_transmit_keeps_to_two_segments),
		cmocka_unit_test(duplicates_that_begin_no_recovery_let_two_segments_go),
		cmocka_unit_test(limited_transmit_keeps_to_the_window),
		cmocka_unit_test(unused_window_shrinks_in_minutes),
		cmocka_unit_test(end_of_a_recovery_makes_no_burst),
	};

	return cmocka_run_group_tests_name("RFC 5681, 6582, 3042, 6928: congestion", test, NULL,
					   NULL);
}
