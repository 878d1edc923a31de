/*
 * RFC 9293, 3.7.1: the maximum segment size.
 */
#include "rfc/peer.h"

/* RFC 9293, 3.7.1: without the option 536 bytes, over IPv6 1220. */
static void
peer_without_mss_gets_small_segments(void **state)
{
	struct peer p = peer_new(), q = peer_new(.v6 = true);

	(void)state;
	peer_send(&p, .flags = "S");
	peer_send(&p);
	assert_int_equal(peer_info(&p).mss, 536);
	peer_send(&q, .flags = "S");
	peer_ignore(&q);
	q.ack = 5000;
	peer_send(&q);
	assert_int_equal(peer_info(&q).mss, 1220);
	peer_drop(&p);
	peer_drop(&q);
}

static void
mss_is_bounded_by_the_path(void **state)
{
	struct peer p = peer_established(.mss = 9000, .mtu = 1400);

	(void)state;
	assert_int_equal(peer_info(&p).mss, 1360);
	peer_done(&p);
}

static void
absurd_mss_is_raised(void **state)
{
	struct peer p = peer_established(.mss = 1);

	(void)state;
	assert_int_equal(peer_info(&p).mss, 88);
	peer_done(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(peer_without_mss_gets_small_segments),
		cmocka_unit_test(mss_is_bounded_by_the_path),
		cmocka_unit_test(absurd_mss_is_raised),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.7.1: MSS", test, NULL, NULL);
}
