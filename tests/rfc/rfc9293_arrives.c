/*
 * RFC 9293, 3.10.7.4, first to fifth check: a segment meets its connection.
 */
#include "rfc/peer.h"

/* First check: a segment left of the window is ACKed and dropped. */
static void
segment_left_of_window_gets_only_an_ack(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .at_ms = 10, .seq = 900, .ack = 5000, .text = "old bytes");
	peer_expect(&p, .at_ms = 10, .flags = "A", .seq = 5000, .ack = 1000);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_rx_left_of_window, 1);
	assert_int_equal(tcp_readable(p.tcp, p.id), 0);
	peer_done(&p);
}

/* Two ends that disagree must not answer each other for ever; data is always answered. */
static void
empty_segments_out_of_the_window_are_answered_seldom(void **state)
{
	struct peer p = peer_established();

	(void)state;
	for (uint32_t i = 0; i < 50; i++)
		peer_send(&p, .seq = 900);
	peer_expect(&p, .ack = 1000);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_answers_withheld, 49);
	peer_send(&p, .seq = 900, .at_ms = 200);
	peer_expect(&p, .ack = 1000);
	peer_send(&p, .seq = 900, .n = 1);
	peer_expect(&p, .ack = 1000);
	peer_done(&p);
}

static void
segment_right_of_window_gets_only_an_ack(void **state)
{
	struct peer p = peer_established(.recv_max = 10000);

	(void)state;
	peer_send(&p, .seq = 1000 + 10000, .text = "too far");
	peer_expect(&p, .seq = 5000, .ack = 1000, .wnd = 10000);
	assert_int_equal(p.count.tcp_rx_right_of_window, 1);
	peer_done(&p);
}

static void
overlapping_segment_gives_only_its_new_bytes(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .text = "abcdef");
	peer_send(&p, .seq = 1003, .text = "defghi");
	peer_expect(&p, .ack = 1009);
	assert_int_equal(tcp_readable(p.tcp, p.id), 9);
	peer_drop(&p);
}

static void
segment_beyond_the_window_is_cut_to_it(void **state)
{
	struct peer p = peer_established(.recv_max = 1000);

	(void)state;
	peer_send(&p, .n = 1400);
	peer_expect(&p, .ack = 2000, .is_zero_wnd = true);
	assert_int_equal(tcp_readable(p.tcp, p.id), 1000);
	peer_drop(&p);
}

static void
segment_without_ack_is_dropped(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "P", .text = "no ack");
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_rx_no_ack, 1);
	peer_done(&p);
}

/* Who has used our window up, and lost it, acknowledges from its right edge. */
static void
empty_ack_at_the_right_edge_counts(void **state)
{
	struct peer p = peer_established();
	uint32_t edge = 1000 + peer_info(&p).rcv_wnd;

	(void)state;
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello");
	peer_send(&p, .seq = edge, .ack = 5005);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	peer_send(&p, .seq = edge + 1, .ack = 5005);
	assert_int_equal(p.count.tcp_rx_right_of_window, 1);
	peer_drop(&p);
}

/* What the RST acknowledges was taken: a request in it must not be sent to somebody else. */
static void
rst_counts_what_it_acknowledges(void **state)
{
	struct peer p = peer_established(), q = peer_established();

	(void)state;
	peer_write_text(&p, "request");
	peer_expect(&p, .text = "request");
	peer_send(&p, .flags = "RA", .seq = 1000, .ack = 5007);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_RESET);
	assert_int_equal(tcp_acked(p.tcp, p.id), 7);
	peer_write_text(&q, "request");
	peer_expect(&q, .text = "request");
	peer_send(&q, .flags = "RA", .seq = 1000, .ack = 5000);
	assert_int_equal(tcp_acked(q.tcp, q.id), 0);
	peer_drop(&p);
	peer_drop(&q);
}

/* Fifth check: an ACK of the past says nothing, but its segment's text is good. */
static void
bytes_with_an_old_ack_are_taken(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello");
	peer_send(&p, .ack = 5005);
	peer_send(&p, .ack = 5000, .text = "late");
	assert_int_equal(tcp_readable(p.tcp, p.id), 4);
	assert_int_equal(tcp_acked(p.tcp, p.id), 5);
	peer_drop(&p);
}

/* Fifth check: the window is taken only where SND.UNA =< SEG.ACK =< SND.NXT. */
static void
old_ack_does_not_move_the_window(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello");
	peer_send(&p, .ack = 5005, .wnd = 1000);
	assert_int_equal(peer_info(&p).snd_wnd, 1000);
	peer_send(&p, .wnd = 1000, .text = "new");
	peer_send(&p, .ack = 5000, .wnd = 60000, .text = "odd");
	assert_int_equal(tcp_readable(p.tcp, p.id), 6);
	assert_int_equal(peer_info(&p).snd_wnd, 1000);
	peer_drop(&p);
}

/* First check: of a segment that is too long on both sides the middle is taken. */
static void
segment_is_cut_on_both_sides(void **state)
{
	struct peer p = peer_established(.recv_max = 2000);

	(void)state;
	peer_send(&p, .text = "1234");
	peer_expect(&p, .at_ms = 40, .ack = 1004);
	peer_read(&p);
	peer_room(&p, 100);
	peer_send(&p, .seq = 1000, .n = 2044);
	peer_expect(&p, .ack = 3000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 1996);
	peer_drop(&p);
}

/* 3.10.7.4: our ACK of the SYN-ACK was lost. */
static void
repeated_syn_ack_is_acked(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "SA", .seq = 999, .mss = 1460);
	peer_expect(&p, .seq = 5000, .ack = 1000);
	peer_send(&p, .flags = "SA", .seq = 999, .ack = 5000, .mss = 1460, .at_ms = 1000);
	peer_expect(&p, .seq = 5000, .ack = 1000);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_done(&p);
}

/* 3.8.5, RFC 6093: urgent bytes are bytes of the stream like others. */
static void
urgent_bytes_are_taken_in_line(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "AU", .text = "urgent");
	peer_expect(&p, .at_ms = 40, .ack = 1006);
	assert_int_equal(tcp_readable(p.tcp, p.id), 6);
	peer_done(&p);
}

/* An empty urgent segment at a shut window is heard as the ACK that it is (MUST-66). */
static void
urgent_segment_at_a_shut_window_counts(void **state)
{
	struct peer p = peer_established(.recv_max = 4000);
	uint32_t room = peer_info(&p).rcv_wnd;

	(void)state;
	peer_write_text(&p, "hello");
	peer_room(&p, 0);
	for (uint32_t n = 0; n < room; n += 1000)
		peer_send(&p, .n = 1000, .ack = 5000);
	peer_ignore(&p);
	peer_send(&p, .flags = "AU", .ack = 5005);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	peer_drop(&p);
}

/* 3.10.7.4, sixth to eighth: a FIN again is acknowledged again. */
static void
repeated_fin_is_acked_again(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_send(&p, .flags = "FA", .seq = 1000);
	peer_expect(&p, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSE_WAIT);
	peer_done(&p);
}

/* Seventh: text behind the peer's own FIN is nobody's. */
static void
bytes_behind_the_fin_are_not_taken(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "FA", .text = "end");
	peer_expect(&p, .ack = 1004);
	peer_send(&p, .seq = 1004, .text = "more");
	peer_expect(&p, .ack = 1004);
	assert_int_equal(tcp_readable(p.tcp, p.id), 3);
	assert_int_equal(p.count.tcp_rx_after_fin, 1);
	peer_drop(&p);
}

/* RFC 5681, 2: a repeated segment is answered at once, or its sender would wait for its timer. */
static void
repeated_segment_is_acked_at_once(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_send(&p, .text = "hello");
	peer_expect(&p, .at_ms = 40, .ack = 1005);
	peer_send(&p, .at_ms = 60, .seq = 1000, .text = "hello");
	peer_expect(&p, .at_ms = 60, .ack = 1005);
	assert_int_equal(tcp_readable(p.tcp, p.id), 5);
	peer_drop(&p);
}

/* SYN-RECEIVED, fifth check: text without ACK opens nothing and is dropped. */
static void
text_without_ack_does_not_open(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .flags = "P", .seq = 1000, .text = "hello");
	peer_expect_quiet(&p);
	assert_int_equal(p.accepted_n, 0);
	peer_send(&p, .seq = 1000, .text = "hello");
	assert_int_equal(p.accepted_n, 1);
	assert_int_equal(tcp_readable(p.tcp, p.id), 5);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(segment_left_of_window_gets_only_an_ack),
		cmocka_unit_test(empty_segments_out_of_the_window_are_answered_seldom),
		cmocka_unit_test(segment_right_of_window_gets_only_an_ack),
		cmocka_unit_test(overlapping_segment_gives_only_its_new_bytes),
		cmocka_unit_test(segment_beyond_the_window_is_cut_to_it),
		cmocka_unit_test(segment_without_ack_is_dropped),
		cmocka_unit_test(empty_ack_at_the_right_edge_counts),
		cmocka_unit_test(rst_counts_what_it_acknowledges),
		cmocka_unit_test(bytes_with_an_old_ack_are_taken),
		cmocka_unit_test(old_ack_does_not_move_the_window),
		cmocka_unit_test(segment_is_cut_on_both_sides),
		cmocka_unit_test(repeated_syn_ack_is_acked),
		cmocka_unit_test(urgent_bytes_are_taken_in_line),
		cmocka_unit_test(urgent_segment_at_a_shut_window_counts),
		cmocka_unit_test(repeated_fin_is_acked_again),
		cmocka_unit_test(bytes_behind_the_fin_are_not_taken),
		cmocka_unit_test(repeated_segment_is_acked_at_once),
		cmocka_unit_test(text_without_ack_does_not_open),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.10.7.4: segment arrives", test, NULL, NULL);
}
