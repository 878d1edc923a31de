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

/* The next new segment has n bytes; it is taken. Returns the number behind it. */
static uint32_t
expect_n(struct peer *p, uint32_t seq, uint32_t n)
{
	peer_expect(p, .seq = seq, .n = n);
	return seq + n;
}

/* Segments of at most n bytes up to `end`. */
static void
expect_small(struct peer *p, uint32_t n, uint32_t end)
{
	const struct heard *h;

	do {
		assert_true(p->heard_at < p->heard_n);
		h = &p->heard[p->heard_at++ % PEER_QUEUE];
		assert_true(h->seg.payload_n <= n);
	} while (h->seg.seq.v - p->bias + h->seg.payload_n != end);
	peer_expect_quiet(p);
}

/* A path that has carried 1000 bytes only, ten minutes ago; all was acknowledged. */
static struct peer
long_after_too_big(struct peer_conf conf)
{
	struct peer p = peer_established_(conf);

	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 100, .ack = 6460);
	peer_wait(&p, 640000);
	assert_int_equal(peer_info(&p).mss, 960);
	return p;
}

/* RFC 1191, 6.3; RFC 8201, 5.3: after ten minutes, and not before five. */
static void
smaller_path_is_tried_again_after_ten_minutes(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 100, .ack = 6460);
	peer_wait(&p, 590000);
	peer_write(&p, 5 * MSS);
	expect_small(&p, 960, 6460 + 5 * MSS);
	peer_send(&p, .ack = 6460 + 5 * MSS);
	peer_wait(&p, 640000);
	peer_write(&p, 5 * MSS);
	expect_n(&p, 6460 + 5 * MSS, 1240);
	expect_small(&p, 960, 6460 + 10 * MSS);
	assert_int_equal(peer_info(&p).mss, 960); /* not before it has arrived */
	assert_int_equal(p.count.tcp_mtu_probes, 1);
	peer_drop(&p);
}

/* RFC 4821, 7.3 and 7.8: what arrives is the new size, and the next larger one is tried at once. */
static void
path_that_has_grown_is_climbed(void **state)
{
	static const uint32_t size[] = { 1240, 1360, 1452, 1460 };
	struct peer p = long_after_too_big((struct peer_conf){ .mss = 0 });
	uint32_t at = 6460;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		peer_write_pieces(&p, 8000, 1000);
		assert_int_equal(expect_n(&p, at, size[i]), at + size[i]);
		peer_ignore(&p);
		peer_send(&p, .ack = at + 8000);
		assert_int_equal(peer_info(&p).mss, size[i]);
		at += 8000;
		peer_wait(&p, 640000 + (i + 1) * 10);
	}
	peer_write(&p, 8 * MSS);
	peer_expect_run(&p, at, 8);
	assert_int_equal(p.count.tcp_mtu_raised, 4);
	peer_drop(&p);
}

/* RFC 4821, 7.6.2: a probe that is lost alone is no congestion; it goes again in small pieces. */
static void
lost_probe_costs_no_window(void **state)
{
	struct peer p = long_after_too_big((struct peer_conf){ .mss = 0 });
	uint32_t cwnd, at = 6460;

	(void)state;
	peer_write_pieces(&p, 8000, 1000);
	at = expect_n(&p, at, 1240);
	peer_ignore(&p);
	cwnd = peer_info(&p).cwnd_bytes;
	peer_send(&p, .at_ms = 640005, .ack = 6460, .sack = { { at, 14460 } });
	peer_expect(&p, .seq = 6460, .n = 960);
	peer_expect(&p, .seq = 7420, .n = 280);
	assert_int_equal(peer_info(&p).cwnd_bytes, cwnd);
	assert_false(peer_info(&p).is_recovering);
	peer_send(&p, .at_ms = 640010, .ack = 14460);
	assert_true(peer_info(&p).cwnd_bytes >= cwnd);
	assert_true(peer_info(&p).ssthresh_bytes > 1 << 29);
	assert_int_equal(peer_info(&p).mss, 960);
	peer_write_pieces(&p, 8000, 1000); /* and not again for ten minutes */
	expect_small(&p, 960, 22460);
	peer_drop(&p);
}

/* ... but not when other bytes are lost with it. */
static void
loss_beside_a_probe_is_congestion(void **state)
{
	struct peer p = long_after_too_big((struct peer_conf){ .mss = 0 });
	uint32_t at = 6460;

	(void)state;
	peer_write_pieces(&p, 8000, 1000);
	at = expect_n(&p, at, 1240);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 640005, .ack = 6460, .sack = { { at + 960, 14460 } });
	assert_true(peer_info(&p).is_recovering);
	assert_true(peer_info(&p).ssthresh_bytes < 1 << 20);
	peer_drop(&p);
}

/* RFC 4821, 7.6.1 and 7.7: a router that answers the probe makes it go again at once, nothing else. */
static void
probe_that_is_too_big_goes_again_at_once(void **state)
{
	struct peer p = long_after_too_big((struct peer_conf){ .mss = 0 });

	(void)state;
	peer_write_pieces(&p, 8000, 1000);
	expect_n(&p, 6460, 1240);
	peer_ignore(&p);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 6460, 1000);
	peer_expect(&p, .seq = 6460, .n = 960);
	peer_expect(&p, .seq = 7420, .n = 280);
	peer_expect_quiet(&p);
	assert_int_equal(peer_info(&p).mss, 960);
	peer_drop(&p);
}

/* RFC 4821, 7.4: without enough behind it nobody would soon tell of its loss. */
static void
little_to_send_is_no_time_to_probe(void **state)
{
	struct peer p = long_after_too_big((struct peer_conf){ .mss = 0 });

	(void)state;
	peer_write_pieces(&p, 4000, 1000);
	expect_small(&p, 960, 10460);
	peer_drop(&p);
	p = long_after_too_big((struct peer_conf){ .no_sack = true });
	peer_write_pieces(&p, 8000, 1000);
	expect_small(&p, 960, 14460);
	peer_drop(&p);
}

/* A port that cuts large packets is not asked to cut the probe. */
static void
port_does_not_cut_the_probe(void **state)
{
	struct peer p = long_after_too_big((struct peer_conf){ .tso = true });

	(void)state;
	peer_write_pieces(&p, 8000, 1000);
	expect_n(&p, 6460, 1240);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 640050, .ack = 14460);
	assert_int_equal(peer_info(&p).mss, 1240);
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
		cmocka_unit_test(path_that_has_grown_is_climbed),
		cmocka_unit_test(lost_probe_costs_no_window),
		cmocka_unit_test(loss_beside_a_probe_is_congestion),
		cmocka_unit_test(probe_that_is_too_big_goes_again_at_once),
		cmocka_unit_test(little_to_send_is_no_time_to_probe),
		cmocka_unit_test(port_does_not_cut_the_probe),
	};

	return cmocka_run_group_tests_name("RFC 1191, 8201, 4821: path MTU", test, NULL, NULL);
}
