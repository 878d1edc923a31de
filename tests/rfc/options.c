/*
 * RFC 7323 (window scale, timestamps, PAWS), RFC 2018 and 2883 (SACK that we send), RFC 9293,
 * 3.7.1 (MSS), RFC 1191 and 5927 (path MTU).
 */
#include "rfc/peer.h"

#include "wire/icmp.h"

/* RFC 7323, 2.2: the window of a SYN is not scaled, others are. */
static void
window_scale_counts_after_the_handshake(void **state)
{
	struct peer p =
		peer_established(.wscale = true, .scale = 4, .wnd = 1000, .recv_max = 1 << 20);

	(void)state;
	peer_send(&p, .wnd = 1000);
	assert_int_equal(peer_info(&p).snd_wnd, 16000);
	peer_room(&p, 1 << 20);
	peer_expect(&p, .wnd = (1 << 20) >> 5); /* our shift: 2^20 >> 5 fits 16 bits */
	peer_done(&p);
}

/* RFC 7323, 2.4: rounding never takes back what was offered. */
static void
scaled_window_is_rounded_up(void **state)
{
	struct peer p = peer_established(.wscale = true, .recv_max = 1 << 20);

	(void)state;
	peer_room(&p, 100 * 1460);
	peer_ignore(&p);
	peer_send(&p, .n = 1460);
	peer_send(&p, .n = 3);
	peer_wait(&p, 100);
	peer_expect(&p, .ack = 1000 + 1463, .wnd = (100 * 1460 - 1463 + 31) / 32);
	peer_drop(&p);
}

static void
shift_above_14_is_taken_as_14(void **state)
{
	struct peer p = peer_established(.wscale = true, .scale = 200, .wnd = 1);

	(void)state;
	peer_send(&p, .wnd = 1);
	assert_int_equal(peer_info(&p).snd_wnd, 1 << 14);
	peer_done(&p);
}

/* RFC 7323, 4.3: the echo is of the segment that advanced the window's left edge. */
static void
timestamp_of_the_first_unacked_segment_is_echoed(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_send(&p, .n = 1448, .ts_val = 5000000);
	peer_send(&p, .n = 1448, .ts_val = 5000001);
	peer_expect(&p, .ack = 1000 + 2896, .has_ts = true, .ts_ecr = 5000000);
	peer_drop(&p);
}

/* RFC 7323, 4.3: the ACK of it was lost, and the peer must not take its own patience for delay. */
static void
timestamp_of_the_last_segment_sent_again_is_echoed(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_send(&p, .text = "abc", .ts_val = 5000000);
	peer_expect(&p, .at_ms = 40, .ack = 1003, .ts_ecr = 5000000);
	peer_send(&p, .at_ms = 60000, .seq = 1000, .text = "abc", .ts_val = 5060000);
	peer_expect(&p, .at_ms = 60000, .ack = 1003, .ts_ecr = 5060000);
	/* An older one, or a part of one, may be anybody's guess. */
	peer_send(&p, .at_ms = 60001, .seq = 1000, .text = "ab", .ts_val = 5070000);
	peer_expect(&p, .at_ms = 60001, .ack = 1003, .ts_ecr = 5060000);
	peer_drop(&p);
}

static void
timestamp_of_an_out_of_order_segment_is_not_echoed(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_send(&p, .text = "abc", .ts_val = 5000000);
	peer_send(&p, .seq = 1100, .text = "xyz", .ts_val = 5000050);
	peer_expect(&p, .ack = 1003, .ts_ecr = 5000000);
	peer_drop(&p);
}

/* RFC 7323, 5.3: a timestamp from the past is dropped with an ACK. */
static void
timestamp_from_the_past_is_dropped(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_send(&p, .text = "new", .ts_val = 5000000);
	peer_send(&p, .text = "old", .ts_val = 4999999);
	peer_expect(&p, .ack = 1003);
	assert_int_equal(p.count.tcp_rx_paws, 1);
	assert_int_equal(tcp_readable(p.tcp, p.id), 3);
	peer_drop(&p);
}

static void
timestamps_wrap(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_send(&p, .text = "a", .ts_val = 0x7ffffff0);
	peer_expect(&p, .at_ms = 40, .ts_ecr = 0x7ffffff0);
	peer_send(&p, .at_ms = 50, .text = "b", .ts_val = 0xffffffe0);
	peer_expect(&p, .at_ms = 90, .ts_ecr = 0xffffffe0);
	peer_send(&p, .text = "c", .ts_val = 5);
	assert_int_equal(tcp_readable(p.tcp, p.id), 3);
	peer_drop(&p);
}

/* RFC 7323, 3.2: once agreed, a segment without timestamp is dropped; an RST is not. */
static void
segment_without_timestamp_is_dropped(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_send(&p, .text = "no", .no_ts = true);
	assert_int_equal(tcp_readable(p.tcp, p.id), 0);
	assert_int_equal(p.count.tcp_rx_no_timestamp, 1);
	peer_send(&p, .flags = "R", .seq = 1000, .no_ts = true);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_RESET);
	peer_drop(&p);
}

static void
timestamps_take_twelve_bytes_of_the_segment(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_write(&p, 4000);
	peer_expect(&p, .n = 1448, .has_ts = true);
	peer_drop(&p);
}

/* A retransmission gives a sample where the echo tells which one was heard (RFC 7323, 4.1). */
static void
timestamps_measure_what_was_sent_twice(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_write_text(&p, "hello?");
	peer_expect(&p, .text = "hello?");
	peer_expect(&p, .at_ms = 200, .text = "hello?");
	peer_send(&p, .at_ms = 390, .ack = 5006);
	assert_true(peer_info(&p).srtt_ns > 20 * MS_NS);
	peer_done(&p);
}

/* ---- SACK that we send ---- */

/* RFC 2018, 4: the block of the segment that has just come is first. */
static void
latest_block_is_reported_first(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1100, .n = 100);
	peer_expect(&p, .ack = 1000, .sack = { { 1100, 1200 } });
	peer_send(&p, .seq = 1300, .n = 100);
	peer_expect(&p, .sack = { { 1300, 1400 }, { 1100, 1200 } });
	peer_send(&p, .seq = 1200, .n = 50);
	peer_expect(&p, .sack = { { 1100, 1250 }, { 1300, 1400 } });
	peer_send(&p, .seq = 1250, .n = 50);
	peer_expect(&p, .sack = { { 1100, 1400 } });
	peer_drop(&p);
}

static void
at_most_four_blocks_three_with_timestamps(void **state)
{
	struct peer p = peer_established(), q = peer_established(.ts = true);

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		peer_ignore(&p);
		peer_ignore(&q);
		peer_send(&p, .seq = 1100 + 200 * i, .n = 100);
		peer_send(&q, .seq = 1100 + 200 * i, .n = 100);
	}
	peer_expect(&p, .sack = { { 2100, 2200 }, { 1900, 2000 }, { 1700, 1800 }, { 1500, 1600 } });
	peer_expect(&q, .sack = { { 2100, 2200 }, { 1900, 2000 }, { 1700, 1800 } });
	peer_drop(&p);
	peer_drop(&q);
}

static void
no_blocks_without_agreement(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_send(&p, .seq = 1100, .n = 100);
	peer_expect(&p, .ack = 1000);
	assert_int_equal(p.heard[1].seg.sack_n, 0);
	peer_drop(&p);
}

/* RFC 2883, 4.1: a duplicate is reported first. */
static void
duplicate_is_reported(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .n = 100);
	peer_send(&p, .seq = 1200, .n = 100);
	peer_ignore(&p);
	peer_send(&p, .seq = 1000, .n = 100);
	peer_expect(&p, .ack = 1100, .sack = { { 1000, 1100 }, { 1200, 1300 } });
	peer_send(&p, .seq = 1200, .n = 100);
	peer_expect(&p, .ack = 1100, .sack = { { 1200, 1300 }, { 1200, 1300 } });
	peer_drop(&p);
}

/* Without SACK there is nothing to report: the ACK rides on data as ever. */
static void
duplicate_without_sack_costs_no_segment(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_send(&p, .n = 100, .wnd = PEER_SHUT);
	peer_write(&p, 10);
	peer_ignore(&p);
	peer_send(&p, .seq = 1050, .n = 100);
	peer_expect(&p, .n = 10, .ack = 1150);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* ---- MSS and path MTU ---- */

/* RFC 9293, 3.7.1: without the option 536 bytes, over IPv6 1220. */
static void
peer_without_mss_gets_small_segments(void **state)
{
	struct peer p = peer_new(), q = peer_new(.v6 = true);

	(void)state;
	peer_send(&p, .flags = "S");
	peer_send(&p);
	assert_int_equal(peer_info(&p).mss, 536);
	peer_send(&q, .flags = "S");
	peer_ignore(&q);
	q.ack = 5000;
	peer_send(&q);
	assert_int_equal(peer_info(&q).mss, 1220);
	peer_drop(&p);
	peer_drop(&q);
}

static void
mss_is_bounded_by_the_path(void **state)
{
	struct peer p = peer_established(.mss = 9000, .mtu = 1400);

	(void)state;
	assert_int_equal(peer_info(&p).mss, 1360);
	peer_done(&p);
}

static void
absurd_mss_is_raised(void **state)
{
	struct peer p = peer_established(.mss = 1);

	(void)state;
	assert_int_equal(peer_info(&p).mss, 88);
	peer_done(&p);
}

static struct icmp_error
icmp_of(const struct peer *p, enum icmp_error_kind kind, uint32_t seq, uint32_t mtu)
{
	return (struct icmp_error){
		.kind = (uint8_t)kind,
		.local = p->engine,
		.remote = p->self,
		.local_port = p->engine_port,
		.remote_port = p->port,
		.seq = seq_of(seq + p->bias),
		.mtu = mtu,
	};
}

/* RFC 1191, 6.4: what was too big goes again in smaller pieces, at once. */
static void
too_big_makes_segments_smaller(void **state)
{
	struct peer p = peer_established();
	struct icmp_error e;

	(void)state;
	peer_write(&p, 2000);
	peer_expect(&p, .seq = 5000, .n = 1460);
	peer_expect(&p, .seq = 6460, .n = 540);
	e = icmp_of(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	tcp_icmp(p.tcp, &e, p.now);
	peer_expect(&p, .seq = 5000, .n = 960);
	peer_expect(&p, .seq = 5960, .n = 500); /* to the end of the buffer */
	peer_expect(&p, .seq = 6460, .n = 540);
	assert_int_equal(peer_info(&p).mss, 960);
	peer_drop(&p);
}

/* RFC 5927, 4.1: an error about nothing in flight is not believed. */
static void
forged_icmp_is_ignored(void **state)
{
	struct peer p = peer_established();
	struct icmp_error e = icmp_of(&p, ICMP_ERROR_TOO_BIG, 5000, 600);

	(void)state;
	tcp_icmp(p.tcp, &e, p.now);
	peer_write(&p, 1000);
	peer_expect(&p, .n = 1000);
	e = icmp_of(&p, ICMP_ERROR_TOO_BIG, 9000, 600);
	tcp_icmp(p.tcp, &e, p.now);
	assert_int_equal(peer_info(&p).mss, 1460);
	assert_int_equal(p.counts->tcp_icmp_ignored, 2);
	peer_drop(&p);
}

static void
unreachable_ends_a_dial_and_nothing_else(void **state)
{
	struct peer p = peer_new(), q = peer_established();
	struct icmp_error e;

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	e = icmp_of(&p, ICMP_ERROR_UNREACHABLE, 4999, 0);
	tcp_icmp(p.tcp, &e, p.now);
	peer_advance(&p);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_UNREACHABLE);
	peer_write(&q, 10);
	peer_expect(&q, .n = 10);
	e = icmp_of(&q, ICMP_ERROR_UNREACHABLE, 5000, 0);
	tcp_icmp(q.tcp, &e, q.now);
	assert_int_equal(peer_state(&q), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
	peer_drop(&q);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(window_scale_counts_after_the_handshake),
		cmocka_unit_test(scaled_window_is_rounded_up),
		cmocka_unit_test(shift_above_14_is_taken_as_14),
		cmocka_unit_test(timestamp_of_the_first_unacked_segment_is_echoed),
		cmocka_unit_test(timestamp_of_an_out_of_order_segment_is_not_echoed),
		cmocka_unit_test(timestamp_of_the_last_segment_sent_again_is_echoed),
		cmocka_unit_test(timestamp_from_the_past_is_dropped),
		cmocka_unit_test(timestamps_wrap),
		cmocka_unit_test(segment_without_timestamp_is_dropped),
		cmocka_unit_test(timestamps_take_twelve_bytes_of_the_segment),
		cmocka_unit_test(timestamps_measure_what_was_sent_twice),
		cmocka_unit_test(latest_block_is_reported_first),
		cmocka_unit_test(at_most_four_blocks_three_with_timestamps),
		cmocka_unit_test(no_blocks_without_agreement),
		cmocka_unit_test(duplicate_is_reported),
		cmocka_unit_test(duplicate_without_sack_costs_no_segment),
		cmocka_unit_test(peer_without_mss_gets_small_segments),
		cmocka_unit_test(mss_is_bounded_by_the_path),
		cmocka_unit_test(absurd_mss_is_raised),
		cmocka_unit_test(too_big_makes_segments_smaller),
		cmocka_unit_test(forged_icmp_is_ignored),
		cmocka_unit_test(unreachable_ends_a_dial_and_nothing_else),
	};

	return cmocka_run_group_tests_name("RFC 7323, 2018, 2883, 1191: options", test, NULL, NULL);
}
