/*
 * RFC 1191, 8201 (what routers say of the path) and 4821, 2923 (when they say nothing).
 */
#include "rfc/peer.h"

/* RFC 1191, 6.4: what was too big goes again in smaller pieces, at once. */
static void
too_big_makes_segments_smaller(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 2000);
	peer_expect(&p, .seq = 5000, .n = 1460);
	peer_expect(&p, .seq = 6460, .n = 540);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	peer_expect(&p, .seq = 5000, .n = 960);
	peer_expect(&p, .seq = 5960, .n = 500); /* to the end of the buffer */
	peer_expect(&p, .seq = 6460, .n = 540);
	assert_int_equal(peer_info(&p).mss, 960);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(too_big_makes_segments_smaller),
	};

	return cmocka_run_group_tests_name("RFC 1191, 8201, 4821: path MTU", test, NULL, NULL);
}
