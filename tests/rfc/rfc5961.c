/*
 * RFC 5961: who does not see the connection cannot end it or put bytes in.
 */
#include "rfc/peer.h"

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

/*
 * A peer that has forgotten its first SYN and begins anew from the same port: it is shown the old
 * one, resets it, and its next SYN opens (RFC 5961, 4.2).
 */
static void
new_syn_for_a_half_open_connection_opens_in_the_end(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .seq = 999);
	peer_expect(&p, .flags = "SA", .ack = 1000);
	peer_send(&p, .flags = "S", .seq = 5000000);
	peer_expect(&p, .flags = "A", .seq = 5000, .ack = 1000);
	peer_send(&p, .flags = "R", .seq = 1000);
	peer_send(&p, .flags = "S", .seq = 5000000);
	peer_expect(&p, .flags = "SA", .ack = 5000001);
	peer_drop(&p);
}

/* 4.2: a SYN is challenged wherever its number lies. */
static void
syn_left_of_the_window_is_challenged(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "S", .seq = 500);
	peer_expect(&p, .seq = 5000, .ack = 1000);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	assert_int_equal(p.count.tcp_rx_bad_syn, 1);
	peer_done(&p);
}

/* 4.2: ... and what comes with it is not taken, though its bytes would be the next ones. */
static void
bytes_of_a_syn_are_not_taken(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "SA", .seq = 999, .text = "evil");
	peer_expect(&p, .seq = 5000, .ack = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 0);
	peer_done(&p);
}

/* 3.2: the window's last byte is inside, the byte behind it is not. */
static void
rst_at_the_edge_of_the_window(void **state)
{
	struct peer p = peer_established();
	uint32_t edge = 1000 + peer_info(&p).rcv_wnd;

	(void)state;
	peer_send(&p, .flags = "R", .seq = edge);
	peer_expect_quiet(&p);
	peer_send(&p, .flags = "R", .seq = edge - 1);
	peer_expect(&p, .ack = 1000);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_done(&p);
}

/* 3.2: a peer that really has reset hears the challenge and answers with the right number. */
static void
challenge_brings_the_real_reset(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .text = "lost to you");
	peer_expect(&p, .at_ms = 40, .ack = 1011);
	peer_send(&p, .flags = "R", .seq = 1020);
	peer_expect(&p, .ack = 1011);
	peer_send(&p, .flags = "R", .seq = 1011);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSED);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_RESET);
	peer_drop(&p);
}

/* 5.2: acceptable is what lies no more than the largest window behind. */
static void
ack_older_than_the_largest_window_is_challenged(void **state)
{
	struct peer p = peer_established(.wnd = 1000);

	(void)state;
	peer_send(&p, .ack = 5000 - 1001, .text = "evil");
	peer_expect(&p, .seq = 5000, .ack = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 0);
	peer_send(&p, .seq = 1000, .ack = 5000 - 1000, .text = "late");
	assert_int_equal(tcp_readable(p.tcp, p.id), 4);
	peer_drop(&p);
}

/* 5.2: nor is text believed that acknowledges what was never sent. */
static void
bytes_with_an_ack_of_the_future_are_not_taken(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .ack = 5001, .text = "evil");
	peer_expect(&p, .seq = 5000, .ack = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 0);
	assert_int_equal(p.count.tcp_rx_bad_ack, 1);
	peer_drop(&p);
}

/* 3.2: half-open connections are guarded by the same check. */
static void
blind_rst_does_not_end_a_half_open_connection(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .flags = "R", .seq = 1007);
	peer_expect(&p, .seq = 5000, .ack = 1000);
	peer_send(&p, .seq = 1000);
	assert_int_equal(p.accepted_n, 1);
	peer_done(&p);
}

/* RFC 9293, 3.10.7.4 (MUST-66): RST is processed at a shut window, too. */
static void
rst_at_a_shut_window_resets(void **state)
{
	struct peer p = peer_established(.recv_max = 4000);
	uint32_t room = peer_info(&p).rcv_wnd;

	(void)state;
	peer_room(&p, 0);
	for (uint32_t n = 0; n < room; n += 1000)
		peer_send(&p, .n = 1000);
	peer_ignore(&p);
	assert_int_equal(peer_info(&p).rcv_wnd, 0);
	peer_send(&p, .flags = "R", .seq = 1000 + room);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_RESET);
	peer_drop(&p);
}

/* 7: the answers come again when the time is over. */
static void
challenges_are_given_again_later(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "R", .seq = 1001);
	peer_expect(&p, .ack = 1000);
	peer_send(&p, .flags = "R", .seq = 1001, .at_ms = 50);
	peer_expect_quiet(&p);
	peer_send(&p, .flags = "R", .seq = 1001, .at_ms = 200);
	peer_expect(&p, .ack = 1000);
	assert_int_equal(p.count.tcp_challenges_withheld, 1);
	peer_done(&p);
}

/* RFC 9293, 3.5.3 (SHLD-2): an RST may say why; that is no byte of the stream. */
static void
text_of_an_rst_is_not_text(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "R", .seq = 1000, .text = "overloaded");
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_RESET);
	assert_int_equal(tcp_readable(p.tcp, p.id), 0);
	peer_done(&p);
}

/* 7: a connection's first challenge is given whatever the time of day. */
static void
first_challenge_is_always_given(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .at_ms = 30800); /* 2^20 ns: just behind a multiple of 2^16 */
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .flags = "R", .seq = 1007);
	peer_expect(&p, .ack = 1000);
	assert_int_equal(p.count.tcp_challenges_withheld, 0);
	peer_drop(&p);
}

/* 5.2: the largest window is the largest ever, not the first. */
static void
larger_window_makes_older_acks_acceptable(void **state)
{
	struct peer p = peer_established(.wnd = 1000);

	(void)state;
	peer_send(&p, .wnd = 5000);
	peer_send(&p, .ack = 5000 - 4000, .text = "late");
	assert_int_equal(tcp_readable(p.tcp, p.id), 4);
	peer_drop(&p);
}

/* Nobody reads any more, but the answer is still on its way: a guess does not take it away. */
static void
guess_does_not_end_what_its_owner_has_let_go(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 1000);
	peer_expect(&p, .flags = "PA", .seq = 5000, .n = 1000);
	peer_release(&p);
	peer_expect(&p, .flags = "FA", .seq = 6000);
	peer_send(&p, .at_ms = 10, .seq = 1000, .ack = 5000 + 70000, .text = "x");
	peer_expect(&p, .seq = 6001, .ack = 1000);
	assert_int_equal(p.count.tcp_rx_bad_ack, 1);
	assert_int_equal(p.count.tcp_rx_after_release, 0);
	peer_send(&p, .seq = 1000, .ack = 5000, .text = "x");
	peer_expect(&p, .flags = "RA");
	assert_int_equal(p.count.tcp_rx_after_release, 1);
	peer_done(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(ack_of_what_was_not_sent_gets_an_ack),
		cmocka_unit_test(rst_at_the_expected_byte_resets),
		cmocka_unit_test(rst_elsewhere_in_the_window_is_challenged),
		cmocka_unit_test(rst_outside_of_the_window_is_dropped),
		cmocka_unit_test(syn_inside_a_connection_is_challenged),
		cmocka_unit_test(challenges_are_limited_in_number),
		cmocka_unit_test(challenges_of_one_connection_leave_anothers_alone),
		cmocka_unit_test(timestamp_of_an_impossible_ack_is_not_kept),
		cmocka_unit_test(new_syn_for_a_half_open_connection_opens_in_the_end),
		cmocka_unit_test(syn_left_of_the_window_is_challenged),
		cmocka_unit_test(bytes_of_a_syn_are_not_taken),
		cmocka_unit_test(rst_at_the_edge_of_the_window),
		cmocka_unit_test(challenge_brings_the_real_reset),
		cmocka_unit_test(ack_older_than_the_largest_window_is_challenged),
		cmocka_unit_test(bytes_with_an_ack_of_the_future_are_not_taken),
		cmocka_unit_test(blind_rst_does_not_end_a_half_open_connection),
		cmocka_unit_test(rst_at_a_shut_window_resets),
		cmocka_unit_test(challenges_are_given_again_later),
		cmocka_unit_test(text_of_an_rst_is_not_text),
		cmocka_unit_test(first_challenge_is_always_given),
		cmocka_unit_test(larger_window_makes_older_acks_acceptable),
		cmocka_unit_test(guess_does_not_end_what_its_owner_has_let_go),
	};

	return cmocka_run_group_tests_name("RFC 5961: blind attacks", test, NULL, NULL);
}
