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

/* RFC 9293, 3.7.1: over IPv6 the default is 1220. */
static void
peer_without_mss_over_ipv6_gets_1220(void **state)
{
	struct peer p = peer_new(.v6 = true);

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA", .mss = 1440);
	peer_send(&p);
	peer_write(&p, 2000);
	peer_expect(&p, .n = 1220);
	peer_drop(&p);
}

/* MUST-67: what we offer is what the path carries, without any option. */
static void
offer_is_the_paths(void **state)
{
	struct peer p = peer_new(.mtu = 1400, .ts = true);

	(void)state;
	peer_send(&p, .flags = "S", .mss = 9000);
	peer_expect(&p, .flags = "SA", .mss = 1360);
	peer_send(&p);
	peer_write_pieces(&p, 2000, 2000);
	peer_expect(&p, .n = 1360 - 12);
	peer_drop(&p);
}

/* MUST-16: what is sent is the least of both, options taken off. */
static void
segments_are_of_the_least_of_both(void **state)
{
	struct peer p = peer_established(.mss = 1000, .ts = true);

	(void)state;
	peer_write_pieces(&p, 3000, 1500);
	peer_expect(&p, .n = 988);
	assert_int_equal(peer_info(&p).mss, 988);
	peer_drop(&p);
}

/* MUST-65: an MSS belongs to a SYN. */
static void
only_syns_carry_an_mss(void **state)
{
	struct peer p = peer_established();

	(void)state;
	assert_int_equal(p.heard[0].seg.mss, 1460);
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello");
	assert_int_equal(p.heard[1].seg.mss, 0);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(peer_without_mss_gets_small_segments),
		cmocka_unit_test(mss_is_bounded_by_the_path),
		cmocka_unit_test(absurd_mss_is_raised),
		cmocka_unit_test(peer_without_mss_over_ipv6_gets_1220),
		cmocka_unit_test(offer_is_the_paths),
		cmocka_unit_test(segments_are_of_the_least_of_both),
		cmocka_unit_test(only_syns_carry_an_mss),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.7.1: MSS", test, NULL, NULL);
}
