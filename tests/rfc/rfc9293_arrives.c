/*
 * RFC 9293, 3.10.7.4: a segment arrives, the first check and the seventh; RFC 5961, 3 to 5.
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

/* RFC 5961, 5.2: an ACK of the future or of a far past is challenged. */
static void
ack_of_what_was_not_sent_gets_an_ack(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .ack = 6000, .text = "x");
	peer_expect(&p, .seq = 5000, .ack = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 0);
	peer_send(&p, .at_ms = 200, .seq = 1000, .ack = 5000 - 70000, .text = "x");
	peer_expect(&p, .seq = 5000, .ack = 1000);
	assert_int_equal(p.count.tcp_rx_bad_ack, 2);
	peer_done(&p);
}

/* RFC 5961, 3.2: RST at exactly rcv_nxt resets. */
static void
rst_at_the_expected_byte_resets(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "R", .seq = 1000);
	assert_int_equal(peer_events(&p), TCP_EV_GONE);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_RESET);
	peer_release(&p);
	peer_done(&p);
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

static void
rst_elsewhere_in_the_window_is_challenged(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "R", .seq = 1001);
	peer_expect(&p, .seq = 5000, .ack = 1000);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_done(&p);
}

static void
rst_outside_of_the_window_is_dropped(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "R", .seq = 999);
	peer_send(&p, .flags = "R", .seq = 1000 + 70000);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_rx_bad_reset, 2);
	peer_done(&p);
}

/* RFC 5961, 4.2: a SYN never resets. */
static void
syn_inside_a_connection_is_challenged(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "S", .seq = 1010);
	peer_expect(&p, .flags = "A", .seq = 5000, .ack = 1000);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	assert_int_equal(p.count.tcp_rx_bad_syn, 1);
	peer_done(&p);
}

/* RFC 5961, 7: challenges are few. */
static void
challenges_are_limited_in_number(void **state)
{
	struct peer p = peer_established();

	(void)state;
	for (uint32_t i = 0; i < 300; i++)
		peer_send(&p, .at_ms = 1 + i, .flags = "R", .seq = 1001 + i);
	assert_in_range(p.count.tcp_tx_challenges, 2, 4);
	assert_int_equal(p.count.tcp_tx_challenges + p.count.tcp_challenges_withheld, 300);
	peer_drop(&p);
}

static void
bytes_beyond_a_gap_wait_for_it(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1005, .text = "fghij");
	peer_expect(&p, .ack = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 0);
	peer_send(&p, .seq = 1000, .text = "abcde");
	peer_expect(&p, .ack = 1010); /* at once: the gap is filled (RFC 5681, 4.2) */
	assert_int_equal(tcp_readable(p.tcp, p.id), 10);
	peer_drop(&p);
}

/* Many gaps, filled in every order, with overlaps. */
static void
gaps_fill_in_any_order(void **state)
{
	static const struct {
		uint32_t seq, n;
	} piece[] = { { 1900, 100 }, { 1700, 100 }, { 1750, 200 }, { 1300, 50 }, { 1250, 400 },
		      { 1600, 150 }, { 1100, 20 },  { 1100, 200 }, { 2000, 10 }, { 1000, 200 } };
	struct peer p = peer_established();
	struct bufq q = { 0 };
	uint8_t bytes[1010];

	(void)state;
	for (size_t i = 0; i < sizeof(piece) / sizeof(piece[0]); i++)
		peer_send(&p, .seq = piece[i].seq, .n = piece[i].n);
	assert_int_equal(tcp_recv(p.tcp, p.id, &q), 1010);
	bufq_copy_out(&q, 0, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], (uint8_t)(1000 + i));
	bufq_give(&q);
	peer_drop(&p);
}

static void
fin_beyond_a_gap_waits_for_it(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1005, .flags = "FA", .text = "fghij");
	peer_expect(&p, .ack = 1000);
	assert_int_equal(peer_events(&p) & TCP_EV_FIN, 0);
	peer_send(&p, .seq = 1000, .text = "abcde");
	peer_expect(&p, .ack = 1011);
	assert_int_equal(peer_events(&p) & TCP_EV_FIN, TCP_EV_FIN);
	assert_true(tcp_is_eof(p.tcp, p.id));
	peer_drop(&p);
}

static void
tiny_segments_share_a_buffer(void **state)
{
	struct peer p = peer_established();
	struct tcp_load load;

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		peer_send(&p, .n = 1);
	tcp_load(p.tcp, &load);
	assert_int_equal(tcp_readable(p.tcp, p.id), 500);
	assert_int_equal(load.bufs_held, 1);
	peer_drop(&p);
}

static void
tiny_segments_beyond_a_gap_share_a_buffer(void **state)
{
	struct peer p = peer_established();
	struct tcp_load load;

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		peer_send(&p, .seq = 1001 + i, .n = 1);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 1);
	peer_send(&p, .seq = 1000, .n = 1);
	assert_int_equal(tcp_readable(p.tcp, p.id), 501);
	peer_drop(&p);
}

/* The budget: what lies beyond a gap goes first, what is in order is taken to the end. */
static void
budget_refuses_gaps_before_it_refuses_order(void **state)
{
	struct peer p = peer_established(.bufs_max = 32, .recv_max = 65535);
	struct tcp_load load;

	(void)state;
	peer_room(&p, 65535);
	for (uint32_t i = 0; i < 27; i++)
		peer_send(&p, .n = 1000);
	peer_send(&p, .seq = 1000 + 28000, .n = 1000);
	assert_int_equal(p.count.tcp_rx_gap_no_memory, 1);
	peer_send(&p, .seq = 1000 + 27000, .n = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 28000);
	peer_send(&p, .seq = 1000 + 28000, .n = 1000);
	assert_int_equal(p.count.tcp_rx_no_memory, 1);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 28);
	peer_read(&p);
	peer_send(&p, .seq = 1000 + 28000, .n = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 1000);
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
		cmocka_unit_test(ack_of_what_was_not_sent_gets_an_ack),
		cmocka_unit_test(rst_at_the_expected_byte_resets),
		cmocka_unit_test(rst_counts_what_it_acknowledges),
		cmocka_unit_test(rst_elsewhere_in_the_window_is_challenged),
		cmocka_unit_test(rst_outside_of_the_window_is_dropped),
		cmocka_unit_test(syn_inside_a_connection_is_challenged),
		cmocka_unit_test(challenges_are_limited_in_number),
		cmocka_unit_test(bytes_beyond_a_gap_wait_for_it),
		cmocka_unit_test(gaps_fill_in_any_order),
		cmocka_unit_test(fin_beyond_a_gap_waits_for_it),
		cmocka_unit_test(tiny_segments_share_a_buffer),
		cmocka_unit_test(tiny_segments_beyond_a_gap_share_a_buffer),
		cmocka_unit_test(budget_refuses_gaps_before_it_refuses_order),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.10.7.4: a segment arrives", test, NULL,
					   NULL);
}
