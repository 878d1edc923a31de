/*
 * Peers and bystanders that mean harm, or are merely odd: what they say must neither hurt the
 * connection it names nor tell them anything about another's.
 */
#include "rfc/peer.h"

/* RFC 5961, 7 and CVE-2016-5696: one connection's challenges are no measure of another's. */
static void
challenges_of_one_connection_leave_anothers_alone(void **state)
{
	struct peer p = peer_established();
	uint32_t seq = p.seq;

	(void)state;
	p.port++;
	p.seq = 999;
	p.ack = 0;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	peer_send(&p);
	for (uint32_t i = 0; i < 300; i++)
		peer_send(&p, .flags = "R", .seq = 1001 + i);
	peer_expect(&p, .ack = 1000);
	peer_ignore(&p);
	p.port--;
	p.seq = seq;
	peer_send(&p, .flags = "R", .seq = seq + 1);
	peer_expect(&p, .flags = "A");
	peer_drop(&p);
}

/* RFC 5961, 5.2 before RFC 7323, 5.3 R3: bytes with an impossible ACK leave no timestamp behind. */
static void
timestamp_of_an_impossible_ack_is_not_kept(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_send(&p, .seq = 1000, .ack = 5000 + 100000, .text = "evil", .ts_val = 0x7000000);
	peer_ignore(&p);
	peer_send(&p, .seq = 1000, .text = "good");
	assert_int_equal(tcp_readable(p.tcp, p.id), 4);
	assert_int_equal(p.count.tcp_rx_paws, 0);
	peer_drop(&p);
}

/* RFC 6298, 5 and Karn: the timeout stays doubled until a segment sent once is measured. */
static void
timeout_stays_backed_off_until_a_sample(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "one");
	peer_expect(&p, .at_ms = 0, .text = "one");
	peer_expect(&p, .at_ms = 200, .text = "one");
	peer_expect(&p, .at_ms = 400, .text = "one"); /* the first was a tail loss probe */
	peer_send(&p, .at_ms = 600, .ack = 5003);
	peer_write_text(&p, "two");
	peer_expect(&p, .text = "two");
	peer_expect(&p, .at_ms = 800, .text = "two");  /* a probe, */
	peer_expect(&p, .at_ms = 1200, .text = "two"); /* and the timeout, still twice 200 ms */
	peer_send(&p, .at_ms = 1700, .ack = 5006);
	peer_expect_quiet(&p);
	assert_int_equal(peer_info(&p).retransmits, 4);
	peer_write_text(&p, "three");
	peer_expect(&p, .text = "three");
	peer_drop(&p);
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

/* Peers that never fill their gaps hold a share of the buffers, and give all of it back. */
static void
islands_do_not_use_the_budget_up(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);
	struct tcp_load load;

	(void)state;
	for (uint32_t k = 1; k < 20; k++) {
		p.port++;
		p.seq = 999;
		p.ack = 0;
		peer_send(&p, .flags = "S");
		peer_expect(&p, .flags = "SA");
		peer_send(&p);
		for (uint32_t i = 0; i < 64; i++)
			peer_send(&p, .seq = 1002 + 2 * i, .n = 1);
		peer_ignore(&p);
	}
	tcp_load(p.tcp, &load);
	assert_in_range(load.bufs_held, 1, load.bufs_max / 4);
	assert_true(p.count.tcp_rx_gap_no_memory > 0);
	for (; p.port > PEER_PORT; p.port--) {
		peer_send(&p, .flags = "R", .seq = 1000);
		peer_ignore(&p);
	}
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 0);
	peer_drop(&p);
}

/* RFC 7323, 2.3: more than 14 is taken as 14, in a cookie that agrees to scaling, too. */
static void
cookie_takes_a_scale_beyond_14_as_14(void **state)
{
	struct peer p = peer_new(.backlog_max = 1, .ts = true);

	(void)state;
	p.port++;
	peer_send(&p, .flags = "S", .seq = 1);
	peer_expect(&p, .flags = "SA");
	p.port--;
	p.ack = 0;
	p.seq = 999;
	peer_send(&p, .flags = "S", .mss = 1460, .has_wscale = true, .wscale = 15);
	peer_expect(&p, .flags = "SA", .has_wscale = true);
	assert_int_equal(p.count.tcp_tx_cookies, 1);
	peer_send(&p, .wnd = 100, .text = "x");
	assert_int_equal(peer_info(&p).snd_wnd, 100 << 14);
	peer_drop(&p);
}

/* Where nobody listens a SYN opens nothing, so it ends no TIME-WAIT (RFC 1337). */
static void
syn_for_nobody_leaves_time_wait_alone(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "SA", .seq = 999, .mss = 1460);
	peer_expect(&p, .ack = 1000);
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA", .ack = 5001);
	peer_expect(&p, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_send(&p, .flags = "S", .seq = 90000);
	peer_expect(&p, .flags = "A", .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(challenges_of_one_connection_leave_anothers_alone),
		cmocka_unit_test(timestamp_of_an_impossible_ack_is_not_kept),
		cmocka_unit_test(timeout_stays_backed_off_until_a_sample),
		cmocka_unit_test(window_of_a_simultaneous_syn_ack_is_not_scaled),
		cmocka_unit_test(empty_ack_at_the_right_edge_counts),
		cmocka_unit_test(islands_do_not_use_the_budget_up),
		cmocka_unit_test(cookie_takes_a_scale_beyond_14_as_14),
		cmocka_unit_test(syn_for_nobody_leaves_time_wait_alone),
	};

	return cmocka_run_group_tests_name("RFC 5961, 6298, 7323: odd and hostile peers", test,
					   NULL, NULL);
}
