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

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(flight_begins_with_ten_segments_and_doubles),
		cmocka_unit_test(window_that_is_not_used_does_not_grow),
		cmocka_unit_test(third_duplicate_ack_brings_the_lost_segment),
		cmocka_unit_test(duplicate_acks_count_from_the_first_byte),
		cmocka_unit_test(partial_ack_brings_the_next_hole),
	};

	return cmocka_run_group_tests_name("RFC 5681, 6582, 3042, 6928: congestion", test, NULL,
					   NULL);
}
