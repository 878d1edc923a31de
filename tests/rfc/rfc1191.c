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

/* RFC 1191, 3: a path only becomes smaller by being told so, never larger. */
static void
larger_path_is_not_believed(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 9000);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1500);
	peer_expect_quiet(&p);
	assert_int_equal(peer_info(&p).mss, 1460);
	peer_drop(&p);
}

/* A path of nearly nothing, or one whose router does not say: 552 bytes are asked for. */
static void
path_has_a_floor(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 68);
	assert_int_equal(peer_info(&p).mss, 552 - 40);
	peer_drop(&p);
}

/* RFC 8201, 4: less than 1280 bytes is no path of IPv6, and its messenger is not believed. */
static void
path_below_the_least_of_ipv6_is_not_believed(void **state)
{
	struct peer p = peer_established(.v6 = true);

	(void)state;
	peer_write(&p, 1440);
	peer_expect(&p, .n = 1440);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1279);
	assert_int_equal(peer_info(&p).mss, 1440);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1280);
	assert_int_equal(peer_info(&p).mss, 1220);
	peer_drop(&p);
}

/* RFC 1191, 6.4; RFC 8201, 5.4: a smaller path is no congestion. */
static void
smaller_path_leaves_the_window_alone(void **state)
{
	struct peer p = peer_established();
	uint32_t before;

	(void)state;
	peer_write(&p, 4 * MSS);
	peer_expect_run(&p, 5000, 4);
	before = peer_info(&p).cwnd_bytes;
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	assert_int_equal(peer_info(&p).cwnd_bytes, before);
	assert_true(peer_info(&p).ssthresh_bytes > 1 << 29);
	peer_drop(&p);
}

/* What is sent from then on keeps to it, timestamps taken off. */
static void
later_segments_keep_to_the_smaller_path(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_write(&p, 1448);
	peer_expect(&p, .n = 1448);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	peer_expect(&p, .seq = 5000, .n = 948);
	peer_expect(&p, .seq = 5948, .n = 500);
	peer_send(&p, .ack = 6448);
	peer_write_pieces(&p, 2000, 2000);
	peer_expect(&p, .seq = 6448, .n = 948);
	peer_expect(&p, .seq = 6448 + 948, .n = 948);
	peer_drop(&p);
}

/* A FIN that was in flight behind what was too big stays where it is. */
static void
fin_behind_too_big_bytes_goes_again(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, MSS);
	peer_shutdown(&p);
	peer_expect_run(&p, 5000, 1);
	peer_expect(&p, .flags = "FA", .seq = 5000 + MSS);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	peer_expect(&p, .seq = 5000, .n = 960);
	peer_expect(&p, .flags = "FA", .seq = 5960, .n = 500);
	peer_send(&p, .ack = 5000 + MSS + 1);
	assert_int_equal(peer_state(&p), TCP_STATE_FIN_WAIT_2);
	peer_drop(&p);
}

/* RFC 2923, 2.1; RFC 4821: full segments vanish and nobody says why: smaller ones are tried. */
static void
silence_makes_segments_smaller(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 2 * MSS);
	peer_expect_run(&p, 5000, 2);
	peer_expect(&p, .at_ms = 200, .seq = 5000, .n = MSS);
	peer_expect(&p, .at_ms = 600, .seq = 5000, .n = MSS);
	peer_expect(&p, .at_ms = 1400, .seq = 5000, .n = 1240);
	peer_send(&p, .at_ms = 1410, .ack = 6240);
	peer_expect(&p, .seq = 6240, .n = 220);
	peer_expect(&p, .seq = 6460, .n = 1240);
	assert_int_equal(p.count.tcp_black_holes, 1);
	peer_drop(&p);
}

/* ... step by step, down to what every path carries. */
static void
silence_that_goes_on_makes_them_smaller_still(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 2 * MSS);
	peer_expect_run(&p, 5000, 2);
	for (uint32_t i = 0; i < 2; i++)
		peer_expect(&p, .seq = 5000, .n = MSS, .at_ms = 200u * ((2u << i) - 1));
	for (uint32_t i = 2; i < 8; i++) {
		static const uint32_t n[] = { 1240, 1240, 984, 984, 536, 536 };

		peer_expect(&p, .seq = 5000, .n = n[i - 2], .at_ms = 200u * ((2u << i) - 1));
	}
	assert_int_equal(p.count.tcp_black_holes, 3);
	peer_drop(&p);
}

/* Over IPv6 1280 bytes are what every path carries. */
static void
silence_over_ipv6_ends_at_1280(void **state)
{
	struct peer p = peer_established(.no_sack = true, .v6 = true);

	(void)state;
	peer_write(&p, 1440);
	peer_wait(&p, 60000);
	assert_int_equal(peer_info(&p).mss, 1220);
	assert_int_equal(p.count.tcp_black_holes, 1);
	peer_drop(&p);
}

/* Small segments that are lost say nothing of the path's size, nor does a shut window. */
static void
silence_about_small_segments_says_nothing(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write_text(&p, "hello");
	peer_wait(&p, 20000);
	assert_int_equal(peer_info(&p).mss, 1460);
	peer_ignore(&p);
	peer_send(&p, .ack = 5005);
	peer_write(&p, MSS);
	peer_send(&p, .ack = 5005, .wnd = PEER_SHUT);
	peer_wait(&p, 40000);
	assert_int_equal(peer_info(&p).mss, 1460);
	peer_drop(&p);
}

/* ... unless it turns out that the full ones had arrived, late: then they were right. */
static void
late_answer_to_a_full_segment_makes_them_full_again(void **state)
{
	struct peer p = peer_established(.ts = true);
	uint32_t first;

	(void)state;
	peer_write_pieces(&p, 1448, 1448);
	peer_expect(&p, .n = 1448);
	first = p.ts_engine;
	peer_wait(&p, 2000);
	assert_int_equal(p.counts->tcp_black_holes, 1);
	assert_int_equal(peer_info(&p).mss, 1240 - 12);
	peer_ignore(&p);
	peer_send(&p, .ack = 6448, .ts_ecr = first);
	assert_int_equal(peer_info(&p).mss, 1448);
	assert_int_equal(p.count.tcp_undone, 1);
	peer_done(&p);
}

/* RFC 1191, 6.3; RFC 8201, 5.3: after ten minutes, and not before five, the old size is tried. */
static void
smaller_path_is_tried_again_after_ten_minutes(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	peer_expect(&p, .seq = 5000, .n = 960);
	peer_expect(&p, .seq = 5960, .n = 500);
	peer_send(&p, .at_ms = 100);
	peer_wait(&p, 590000);
	peer_write(&p, MSS);
	peer_expect(&p, .seq = 6460, .n = 960);
	peer_expect(&p, .seq = 7420, .n = 500);
	peer_send(&p);
	peer_wait(&p, 640000);
	peer_write(&p, MSS);
	peer_expect(&p, .seq = 7920, .n = MSS);
	assert_int_equal(peer_info(&p).mss, MSS);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 7920, 1000);
	peer_expect(&p, .seq = 7920, .n = 960);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(too_big_makes_segments_smaller),
		cmocka_unit_test(larger_path_is_not_believed),
		cmocka_unit_test(path_has_a_floor),
		cmocka_unit_test(path_below_the_least_of_ipv6_is_not_believed),
		cmocka_unit_test(smaller_path_leaves_the_window_alone),
		cmocka_unit_test(later_segments_keep_to_the_smaller_path),
		cmocka_unit_test(fin_behind_too_big_bytes_goes_again),
		cmocka_unit_test(silence_makes_segments_smaller),
		cmocka_unit_test(silence_that_goes_on_makes_them_smaller_still),
		cmocka_unit_test(silence_over_ipv6_ends_at_1280),
		cmocka_unit_test(silence_about_small_segments_says_nothing),
		cmocka_unit_test(late_answer_to_a_full_segment_makes_them_full_again),
		cmocka_unit_test(smaller_path_is_tried_again_after_ten_minutes),
	};

	return cmocka_run_group_tests_name("RFC 1191, 8201, 4821: path MTU", test, NULL, NULL);
}
