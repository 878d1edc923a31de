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
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.10.7.4: segment arrives", test, NULL, NULL);
}
