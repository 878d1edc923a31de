/*
 * RFC 5927 and RFC 9293, 3.9.2.2: which ICMP errors are believed, and what they may do.
 */
#include "rfc/peer.h"

/* RFC 5927, 4.1: an error about nothing in flight is not believed. */
static void
forged_icmp_is_ignored(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 600);
	peer_write(&p, 1000);
	peer_expect(&p, .n = 1000);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 9000, 600);
	assert_int_equal(peer_info(&p).mss, 1460);
	assert_int_equal(p.counts->tcp_icmp_ignored, 2);
	peer_drop(&p);
}

static void
unreachable_ends_a_dial_and_nothing_else(void **state)
{
	struct peer p = peer_new(), q = peer_established();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_icmp(&p, ICMP_ERROR_UNREACHABLE, 4999, 0);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_UNREACHABLE);
	peer_write(&q, 10);
	peer_expect(&q, .n = 10);
	peer_icmp(&q, ICMP_ERROR_UNREACHABLE, 5000, 0);
	assert_int_equal(peer_state(&q), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
	peer_drop(&q);
}

/* MUST-56: time exceeded and parameter problems end nothing, a dial neither. */
static void
soft_errors_end_nothing(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_icmp(&p, ICMP_ERROR_TIME_EXCEEDED, 4999, 0);
	peer_icmp(&p, ICMP_ERROR_PARAMETER, 4999, 0);
	assert_int_equal(peer_state(&p), TCP_STATE_SYN_SENT);
	peer_send(&p, .flags = "SA", .seq = 999, .mss = 1460);
	peer_expect(&p, .ack = 1000);
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello");
	peer_icmp(&p, ICMP_ERROR_TIME_EXCEEDED, 5000, 0);
	peer_icmp(&p, ICMP_ERROR_PARAMETER, 5000, 0);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
}

/* 5.2: hard errors are as easily forged: an open connection goes on by its own timers. */
static void
refusal_does_not_end_an_open_connection(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello");
	peer_icmp(&p, ICMP_ERROR_REFUSED, 5000, 0);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_send(&p);
	peer_done(&p);
}

/* SHLD-26: a dial that the host refuses is over at once. */
static void
refusal_ends_a_dial(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_icmp(&p, ICMP_ERROR_REFUSED, 4999, 0);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_REFUSED);
	assert_int_equal(peer_events(&p), TCP_EV_GONE);
	peer_done(&p);
}

/* 4.1: a dial believes only what quotes its SYN. */
static void
refusal_of_another_number_does_not_end_a_dial(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_icmp(&p, ICMP_ERROR_REFUSED, 4998, 0);
	peer_icmp(&p, ICMP_ERROR_REFUSED, 5000, 0);
	assert_int_equal(peer_state(&p), TCP_STATE_SYN_SENT);
	assert_int_equal(p.count.tcp_icmp_ignored, 2);
	peer_done(&p);
}

/* 4.1: bytes that were acknowledged cannot have been too big. */
static void
error_about_acknowledged_bytes_is_ignored(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 2 * MSS);
	peer_expect_run(&p, 5000, 2);
	peer_send(&p, .ack = 5000 + MSS);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	assert_int_equal(peer_info(&p).mss, 1460);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000 + 2 * MSS, 1000);
	assert_int_equal(peer_info(&p).mss, 1460);
	peer_drop(&p);
}

/* An error about somebody else's connection is nobody's. */
static void
error_about_another_port_is_ignored(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	p.port++;
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	p.port--;
	assert_int_equal(peer_info(&p).mss, 1460);
	assert_int_equal(p.count.tcp_icmp_ignored, 1);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(forged_icmp_is_ignored),
		cmocka_unit_test(unreachable_ends_a_dial_and_nothing_else),
		cmocka_unit_test(soft_errors_end_nothing),
		cmocka_unit_test(refusal_does_not_end_an_open_connection),
		cmocka_unit_test(refusal_ends_a_dial),
		cmocka_unit_test(refusal_of_another_number_does_not_end_a_dial),
		cmocka_unit_test(error_about_acknowledged_bytes_is_ignored),
		cmocka_unit_test(error_about_another_port_is_ignored),
	};

	return cmocka_run_group_tests_name("RFC 5927: ICMP", test, NULL, NULL);
}
