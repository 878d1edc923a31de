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

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(forged_icmp_is_ignored),
		cmocka_unit_test(unreachable_ends_a_dial_and_nothing_else),
	};

	return cmocka_run_group_tests_name("RFC 5927: ICMP", test, NULL, NULL);
}
