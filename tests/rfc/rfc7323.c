/*
 * RFC 7323: window scale, timestamps, PAWS.
 */
#include "rfc/peer.h"

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

/* RFC 7323, 2.2: the window of a SYN-ACK is not scaled, in a simultaneous open neither. */
static void
window_of_a_simultaneous_syn_ack_is_not_scaled(void **state)
{
	struct peer p = peer_new(.wnd = 1000);

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "S", .seq = 999, .has_wscale = true, .wscale = 10, .mss = 1460);
	peer_expect(&p, .flags = "SA", .ack = 1000);
	peer_send(&p, .flags = "SA", .seq = 999, .has_wscale = true, .wscale = 10);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	assert_int_equal(peer_info(&p).snd_wnd, 1000);
	peer_drop(&p);
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

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(window_scale_counts_after_the_handshake),
		cmocka_unit_test(scaled_window_is_rounded_up),
		cmocka_unit_test(shift_above_14_is_taken_as_14),
		cmocka_unit_test(window_of_a_simultaneous_syn_ack_is_not_scaled),
		cmocka_unit_test(timestamp_of_the_first_unacked_segment_is_echoed),
		cmocka_unit_test(timestamp_of_an_out_of_order_segment_is_not_echoed),
		cmocka_unit_test(timestamp_of_the_last_segment_sent_again_is_echoed),
		cmocka_unit_test(timestamp_from_the_past_is_dropped),
		cmocka_unit_test(timestamps_wrap),
		cmocka_unit_test(segment_without_timestamp_is_dropped),
		cmocka_unit_test(timestamps_take_twelve_bytes_of_the_segment),
		cmocka_unit_test(timestamps_measure_what_was_sent_twice),
	};

	return cmocka_run_group_tests_name("RFC 7323: scale, timestamps, PAWS", test, NULL, NULL);
}
