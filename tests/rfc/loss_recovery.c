/*
 * What is lost comes again: RFC 6298 (timer), RFC 5681 and 6582 (fast recovery), RFC 6675 (with
 * SACK), RFC 3042 (limited transmit), RFC 6928 (initial window).
 */
#include "rfc/peer.h"

enum {
	MSS = 1460,
};

/* Hears n full segments from seq on. */
static void
expect_run(struct peer *p, uint32_t seq, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		peer_expect(p, .seq = seq + i * MSS, .n = MSS);
}

/* RFC 6928: ten segments, then one more for each that is acknowledged (slow start). */
static void
flight_begins_with_ten_segments_and_doubles(void **state)
{
	struct peer p = peer_established(.wnd = 65535);

	(void)state;
	peer_write(&p, 100 * MSS);
	expect_run(&p, 5000, 10);
	peer_expect_quiet(&p);
	peer_send(&p, .at_ms = 50, .ack = 5000 + 2 * MSS);
	expect_run(&p, 5000 + 10 * MSS, 4);
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

/*
 * RFC 6298, 5: the timer, doubled each time; the window is one segment. The first time it is a tail
 * loss probe, which costs no window (RFC 8985, 7.2).
 */
static void
unacked_segment_is_sent_again_with_backoff(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "hello?");
	peer_expect(&p, .text = "hello?");
	peer_expect(&p, .at_ms = 200, .seq = 5000, .text = "hello?");
	assert_int_equal(peer_info(&p).cwnd_bytes, 10 * MSS);
	peer_expect(&p, .at_ms = 400, .seq = 5000, .text = "hello?");
	peer_expect(&p, .at_ms = 800, .seq = 5000, .text = "hello?");
	assert_int_equal(peer_info(&p).cwnd_bytes, MSS);
	peer_send(&p, .ack = 5006);
	assert_int_equal(peer_info(&p).retransmits, 3);
	peer_done(&p);
}

/* RFC 6298, 2.2: the first sample makes RTO = R + 4 R/2. */
static void
rto_follows_the_round_trip(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .at_ms = 300);
	assert_in_range(peer_info(&p).rto_ns, 899 * MS_NS, 901 * MS_NS);
	peer_done(&p);
}

/* Karn (RFC 6298, 3): a segment sent twice gives no sample. */
static void
segment_sent_twice_gives_no_sample(void **state)
{
	struct peer p = peer_established();
	uint64_t before = peer_info(&p).srtt_ns;

	(void)state;
	peer_write_text(&p, "hello?");
	peer_expect(&p, .text = "hello?");
	peer_expect(&p, .at_ms = 200, .text = "hello?");
	peer_send(&p, .at_ms = 300, .ack = 5006);
	assert_int_equal(peer_info(&p).srtt_ns, before);
	peer_done(&p);
}

/* RFC 6298, 5.7 and RFC 5681, 3.1: after a lost SYN, 3 s and one segment. */
static void
lost_syn_makes_us_careful(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_expect(&p, .flags = "SA", .at_ms = 1000);
	peer_send(&p, .at_ms = 1100);
	assert_int_equal(peer_info(&p).cwnd_bytes, MSS);
	assert_int_equal(peer_info(&p).rto_ns, 3000 * MS_NS);
	peer_done(&p);
}

static void
unacked_data_ends_the_connection_in_the_end(void **state)
{
	struct peer p = peer_established(.user_timeout_ms = 3000);

	(void)state;
	peer_write_text(&p, "anybody?");
	peer_wait(&p, 2990);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_wait(&p, 3010);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_USER_TIMEOUT);
	assert_int_equal(peer_events(&p) & TCP_EV_GONE, TCP_EV_GONE);
	peer_drop(&p);
}

/* ---- without SACK ---- */

/* RFC 3042: two duplicate ACKs bring a new segment each; RFC 5681, 3.2: the third the lost one. */
static void
third_duplicate_ack_brings_the_lost_segment(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 40 * MSS);
	expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 50, .ack = 5000);
	expect_run(&p, 5000 + 10 * MSS, 1);
	peer_send(&p, .ack = 5000);
	expect_run(&p, 5000 + 11 * MSS, 1);
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
		expect_run(&p, 5000, 10);
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
	expect_run(&p, 5000, 10);
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

/* ---- with SACK ---- */

/* RFC 8985, 6.2: more than two segments SACKed above make a loss at once, as RFC 6675, 4 says. */
static void
sacked_bytes_above_make_a_loss(void **state)
{
	struct peer p = peer_established(.rtt_ms = 100);

	(void)state;
	peer_write(&p, 10 * MSS);
	expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 100, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 2 * MSS } });
	peer_send(&p, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 3 * MSS } });
	peer_expect_quiet(&p);
	peer_send(&p, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 4 * MSS } });
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_recoveries, 1);
	peer_send(&p, .ack = 5000 + 10 * MSS);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	peer_done(&p);
}

/* Only holes are sent again, each once, and the window is halved once. */
static void
several_holes_are_filled_in_one_recovery(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 10 * MSS);
	expect_run(&p, 5000, 10);
	peer_send(&p, .ack = 5000,
		  .sack = { { 5000 + 7 * MSS, 5000 + 10 * MSS },
			    { 5000 + 4 * MSS, 5000 + 6 * MSS },
			    { 5000 + 1 * MSS, 5000 + 3 * MSS } });
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_expect(&p, .seq = 5000 + 3 * MSS, .n = MSS);
	peer_expect(&p, .seq = 5000 + 6 * MSS, .n = MSS);
	peer_expect_quiet(&p);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS);
	peer_send(&p, .ack = 5000 + 10 * MSS);
	assert_int_equal(p.count.tcp_recoveries, 1);
	assert_int_equal(peer_info(&p).retransmits, 3);
	peer_done(&p);
}

/* RFC 2018, 5: after a timeout what was SACKed is not sent again. */
static void
timeout_spares_what_was_sacked(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 3 * MSS);
	expect_run(&p, 5000, 3);
	peer_send(&p, .at_ms = 5, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 2 * MSS } });
	peer_expect(&p, .at_ms = 5, .seq = 5000, .n = MSS); /* RACK: the path is fast */
	peer_expect(&p, .at_ms = 205, .seq = 5000, .n = MSS);
	peer_send(&p, .ack = 5000 + 2 * MSS);
	peer_expect(&p, .seq = 5000 + 2 * MSS, .n = MSS);
	peer_send(&p, .ack = 5000 + 3 * MSS);
	peer_done(&p);
}

/* RFC 2018, 8: a receiver that drops what it SACKed gets it again. */
static void
reneging_receiver_gets_it_again(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 3 * MSS);
	expect_run(&p, 5000, 3);
	peer_send(&p, .at_ms = 5, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 3 * MSS } });
	peer_expect(&p, .at_ms = 5, .seq = 5000, .n = MSS);
	peer_expect(&p, .at_ms = 205, .seq = 5000, .n = MSS);
	/* the rest is gone; the timeout is the doubled one until something is measured */
	peer_send(&p, .at_ms = 210, .ack = 5000 + MSS);
	peer_expect(&p, .at_ms = 610, .seq = 5000 + MSS, .n = MSS);
	peer_send(&p, .ack = 5000 + 2 * MSS);
	peer_expect(&p, .seq = 5000 + 2 * MSS, .n = MSS);
	peer_send(&p, .ack = 5000 + 3 * MSS);
	assert_int_equal(p.count.tcp_rx_reneged, 1);
	peer_done(&p);
}

static void
nonsense_blocks_are_ignored(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 4 * MSS);
	expect_run(&p, 5000, 4);
	peer_send(&p, .ack = 5000,
		  .sack = { { 5000 + 3 * MSS, 5000 + 9 * MSS },
			    { 5000 + 3 * MSS, 5000 + 2 * MSS },
			    { 4000, 6000 },
			    { 900000000, 900005000 } });
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_rx_bad_sack, 4);
	peer_drop(&p);
}

/* A tail of small pieces is cut into the same bytes again, whatever the cuts. */
static void
lost_small_pieces_are_sent_again_whole(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_pieces(&p, 3000, 7);
	peer_expect(&p, .seq = 5000, .n = 448);
	peer_ignore(&p);
	peer_wait(&p, 250);
	peer_ignore(&p);
	peer_send(&p, .ack = 5000 + 3000);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(flight_begins_with_ten_segments_and_doubles),
		cmocka_unit_test(window_that_is_not_used_does_not_grow),
		cmocka_unit_test(unacked_segment_is_sent_again_with_backoff),
		cmocka_unit_test(rto_follows_the_round_trip),
		cmocka_unit_test(segment_sent_twice_gives_no_sample),
		cmocka_unit_test(lost_syn_makes_us_careful),
		cmocka_unit_test(unacked_data_ends_the_connection_in_the_end),
		cmocka_unit_test(third_duplicate_ack_brings_the_lost_segment),
		cmocka_unit_test(duplicate_acks_count_from_the_first_byte),
		cmocka_unit_test(partial_ack_brings_the_next_hole),
		cmocka_unit_test(sacked_bytes_above_make_a_loss),
		cmocka_unit_test(several_holes_are_filled_in_one_recovery),
		cmocka_unit_test(timeout_spares_what_was_sacked),
		cmocka_unit_test(reneging_receiver_gets_it_again),
		cmocka_unit_test(nonsense_blocks_are_ignored),
		cmocka_unit_test(lost_small_pieces_are_sent_again_whole),
	};

	return cmocka_run_group_tests_name("RFC 6298, 5681, 6582, 6675: repair", test, NULL, NULL);
}
