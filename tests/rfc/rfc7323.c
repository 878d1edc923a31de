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

/* The ACK of the first copy was lost: the next copy is answered with the first one's time. */
static void
echo_of_an_earlier_copy_gives_no_sample(void **state)
{
	struct peer p = peer_established(.ts = true, .rtt_ms = 100);
	uint64_t before = peer_info(&p).srtt_ns;
	uint32_t first;

	(void)state;
	peer_write_text(&p, "hello?");
	peer_expect(&p, .text = "hello?");
	first = p.ts_engine;
	peer_wait(&p, 500);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 800, .ack = 5006, .has_ts = true, .ts_ecr = first);
	assert_int_equal(peer_info(&p).srtt_ns, before);
	peer_drop(&p);
}

/* Less than any round trip after the last copy it must be the first one's: the path is slow. */
static void
early_echo_of_an_earlier_copy_is_a_sample(void **state)
{
	struct peer p = peer_established(.ts = true, .rtt_ms = 100);
	uint64_t before = peer_info(&p).srtt_ns;
	uint32_t first;

	(void)state;
	peer_write_text(&p, "hello?");
	peer_expect(&p, .text = "hello?");
	first = p.ts_engine;
	peer_expect(&p, .at_ms = 300, .text = "hello?");
	peer_send(&p, .at_ms = 350, .ack = 5006, .has_ts = true, .ts_ecr = first);
	assert_true(peer_info(&p).srtt_ns > before + 20 * MS_NS);
	peer_done(&p);
}

/* 5.2: an RST is not held back by its timestamp. */
static void
old_timestamp_does_not_stop_an_rst(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_send(&p, .flags = "R", .seq = 1000, .ts_val = 7);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_RESET);
	peer_drop(&p);
}

/* 5.5: after 24 days of silence the last timestamp says nothing. */
static void
timestamp_of_long_ago_is_forgotten(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_wait(&p, 25u * 86400 * 1000);
	peer_send(&p, .text = "hello", .ts_val = 7);
	peer_send(&p, .text = "again", .ts_val = 8);
	assert_int_equal(tcp_readable(p.tcp, p.id), 10);
	assert_int_equal(p.count.tcp_rx_paws, 0);
	peer_drop(&p);
}

/* 3.2: a timestamp that was not agreed is no timestamp. */
static void
timestamp_that_was_not_agreed_is_ignored(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .text = "one", .has_ts = true, .ts_val = 1000);
	peer_send(&p, .text = "two", .has_ts = true, .ts_val = 7);
	assert_int_equal(tcp_readable(p.tcp, p.id), 6);
	peer_expect(&p, .ack = 1006);
	assert_false(p.heard[p.heard_n - 1].seg.has_ts);
	peer_done(&p);
}

/* 3.2: every segment carries one, FIN and RST too; the SYN-ACK echoes the SYN's. */
static void
every_segment_carries_a_timestamp(void **state)
{
	struct peer p = peer_new(.ts = true);

	(void)state;
	peer_send(&p, .flags = "S", .ts_val = 4711);
	peer_expect(&p, .flags = "SA", .has_ts = true, .ts_ecr = 4711);
	peer_send(&p, .ts_val = 4712);
	peer_send(&p, .text = "hello", .ts_val = 4713);
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello", .has_ts = true, .ts_ecr = 4713);
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .has_ts = true);
	peer_abort(&p);
	peer_expect(&p, .flags = "RA", .has_ts = true);
	peer_drop(&p);
}

/* 3.2: our first SYN has nothing to echo. */
static void
first_syn_echoes_nothing(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S", .has_ts = true);
	assert_int_equal(p.heard[0].seg.ts_ecr, 0);
	peer_done(&p);
}

/* 4.3, case C: the segment that fills the gap is the one whose time is echoed. */
static void
timestamp_of_the_segment_that_fills_the_gap_is_echoed(void **state)
{
	struct peer p = peer_established(.ts = true);
	uint32_t t = (uint32_t)(p.now / MS_NS) + 10;

	(void)state;
	peer_send(&p, .seq = 1000, .n = MSS, .ts_val = t);
	peer_expect(&p, .at_ms = 40, .ack = 1000 + MSS, .ts_ecr = t);
	peer_send(&p, .seq = 1000 + 2 * MSS, .n = MSS, .ts_val = t + 2);
	peer_expect(&p, .ack = 1000 + MSS, .ts_ecr = t);
	peer_send(&p, .seq = 1000 + MSS, .n = MSS, .ts_val = t + 1);
	peer_expect(&p, .ack = 1000 + 3 * MSS, .ts_ecr = t + 1);
	peer_done(&p);
}

/* 5.3, R1: what PAWS refuses changes nothing, a FIN neither. */
static void
fin_from_the_past_is_dropped(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_send(&p, .flags = "FA", .ts_val = 7);
	peer_expect(&p, .ack = 1000);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	assert_int_equal(p.count.tcp_rx_paws, 1);
	peer_drop(&p);
}

/* 5.3: an equal timestamp is not from the past. */
static void
equal_timestamp_is_taken(void **state)
{
	struct peer p = peer_established(.ts = true);
	uint32_t t = (uint32_t)(p.now / MS_NS) + 10;

	(void)state;
	peer_send(&p, .text = "one", .ts_val = t);
	peer_send(&p, .text = "two", .ts_val = t);
	assert_int_equal(tcp_readable(p.tcp, p.id), 6);
	peer_drop(&p);
}

/* 2.2: who does not offer scaling gets none: 65,535 bytes are the most. */
static void
window_without_scaling_stays_below_64_kib(void **state)
{
	struct peer p = peer_established(.recv_max = 1 << 20);

	(void)state;
	peer_room(&p, 1 << 20);
	peer_expect(&p, .wnd = 65535);
	assert_false(p.heard[0].seg.has_wscale);
	peer_drop(&p);
}

/* 5.4: our clock ticks about once a millisecond. */
static void
timestamp_clock_ticks_in_milliseconds(void **state)
{
	struct peer p = peer_established(.ts = true);
	uint32_t before;

	(void)state;
	peer_write_text(&p, "a");
	peer_expect(&p, .text = "a");
	before = p.ts_engine;
	peer_send(&p, .at_ms = 50);
	peer_wait(&p, 10000);
	peer_write_text(&p, "b");
	peer_expect(&p, .text = "b");
	assert_in_range(p.ts_engine - before, 9000, 10100);
	peer_drop(&p);
}

/* 5.3, R2: what is not acceptable leaves no time behind. */
static void
timestamp_beyond_the_window_is_not_kept(void **state)
{
	struct peer p = peer_established(.ts = true);
	uint32_t edge = 1000 + peer_info(&p).rcv_wnd;

	(void)state;
	peer_send(&p, .seq = edge + 5000, .n = 10, .ts_val = 0x7000000);
	peer_ignore(&p);
	p.seq = 1000;
	peer_send(&p, .text = "good");
	assert_int_equal(tcp_readable(p.tcp, p.id), 4);
	peer_drop(&p);
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
		cmocka_unit_test(echo_of_an_earlier_copy_gives_no_sample),
		cmocka_unit_test(early_echo_of_an_earlier_copy_is_a_sample),
		cmocka_unit_test(old_timestamp_does_not_stop_an_rst),
		cmocka_unit_test(timestamp_of_long_ago_is_forgotten),
		cmocka_unit_test(timestamp_that_was_not_agreed_is_ignored),
		cmocka_unit_test(every_segment_carries_a_timestamp),
		cmocka_unit_test(first_syn_echoes_nothing),
		cmocka_unit_test(timestamp_of_the_segment_that_fills_the_gap_is_echoed),
		cmocka_unit_test(fin_from_the_past_is_dropped),
		cmocka_unit_test(equal_timestamp_is_taken),
		cmocka_unit_test(window_without_scaling_stays_below_64_kib),
		cmocka_unit_test(timestamp_clock_ticks_in_milliseconds),
		cmocka_unit_test(timestamp_beyond_the_window_is_not_kept),
	};

	return cmocka_run_group_tests_name("RFC 7323: scale, timestamps, PAWS", test, NULL, NULL);
}
