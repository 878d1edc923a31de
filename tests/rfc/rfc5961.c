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
	};

	return cmocka_run_group_tests_name("RFC 5961: blind attacks", test, NULL, NULL);
}
