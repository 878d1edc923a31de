/*
 * RFC 6298: the retransmission timer.
 */
#include "rfc/peer.h"

/*
 * RFC 6298, 5: the timer, doubled each time; the window is one segment. The first time it is a tail
 * loss probe, which costs no window (RFC 8985, 7.2).
 */
static void
unacked_segment_is_sent_again_with_backoff(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "hello?");
	peer_expect(&p, .text = "hello?");
	peer_expect(&p, .at_ms = 200, .seq = 5000, .text = "hello?");
	assert_int_equal(peer_info(&p).cwnd_bytes, 10 * MSS);
	peer_expect(&p, .at_ms = 400, .seq = 5000, .text = "hello?");
	peer_expect(&p, .at_ms = 800, .seq = 5000, .text = "hello?");
	assert_int_equal(peer_info(&p).cwnd_bytes, MSS);
	peer_send(&p, .ack = 5006);
	assert_int_equal(peer_info(&p).retransmits, 3);
	peer_done(&p);
}

/* RFC 6298, 2.2: the first sample makes RTO = R + 4 R/2. */
static void
rto_follows_the_round_trip(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .at_ms = 300);
	assert_in_range(peer_info(&p).rto_ns, 899 * MS_NS, 901 * MS_NS);
	peer_done(&p);
}

/* Karn (RFC 6298, 3): a segment sent twice gives no sample. */
static void
segment_sent_twice_gives_no_sample(void **state)
{
	struct peer p = peer_established();
	uint64_t before = peer_info(&p).srtt_ns;

	(void)state;
	peer_write_text(&p, "hello?");
	peer_expect(&p, .text = "hello?");
	peer_expect(&p, .at_ms = 200, .text = "hello?");
	peer_send(&p, .at_ms = 300, .ack = 5006);
	assert_int_equal(peer_info(&p).srtt_ns, before);
	peer_done(&p);
}

/* Nor do those behind it that were sent once: they have waited beyond the gap. */
static void
segments_behind_a_gap_give_no_sample(void **state)
{
	struct peer p = peer_established(.no_sack = true, .rtt_ms = 100);
	uint64_t before = peer_info(&p).srtt_ns;

	(void)state;
	peer_write(&p, 2 * MSS);
	peer_expect_run(&p, 5000, 2);
	peer_wait(&p, 1000); /* the first was lost, and the ACK of the second copy, too */
	peer_ignore(&p);
	peer_send(&p, .ack = 5000 + 2 * MSS);
	assert_int_equal(peer_info(&p).srtt_ns, before);
	peer_done(&p);
}

/* RFC 6298, 5.7 and RFC 5681, 3.1: after a lost SYN, 3 s and one segment. */
static void
lost_syn_makes_us_careful(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_expect(&p, .flags = "SA", .at_ms = 1000);
	peer_send(&p, .at_ms = 1100);
	assert_int_equal(peer_info(&p).cwnd_bytes, MSS);
	assert_int_equal(peer_info(&p).rto_ns, 3000 * MS_NS);
	peer_done(&p);
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

/* A tail of small pieces is cut into the same bytes again, whatever the cuts. */
static void
lost_small_pieces_are_sent_again_whole(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_pieces(&p, 3000, 7);
	peer_expect(&p, .seq = 5000, .n = 448);
	peer_ignore(&p);
	peer_wait(&p, 250);
	peer_ignore(&p);
	peer_send(&p, .ack = 5000 + 3000);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	peer_drop(&p);
}

/* 2.5, 5.5: the timeout doubles each time, up to a minute. */
static void
timeout_doubles_up_to_a_minute(void **state)
{
	struct peer p = peer_established(.no_sack = true, .user_timeout_ms = 600000);
	uint64_t timeout_ms = 200;

	(void)state;
	peer_write_text(&p, "hello");
	peer_wait(&p, 500000);
	assert_int_equal(p.heard_n, p.heard_at + 16);
	for (uint32_t i = p.heard_at + 1; i < p.heard_n; i++) {
		assert_int_equal((p.heard[i].at_ns - p.heard[i - 1].at_ns) / MS_NS, timeout_ms);
		timeout_ms = 2 * timeout_ms < 60000 ? 2 * timeout_ms : 60000;
	}
	peer_drop(&p);
}

/* 5.2: when all is acknowledged the timer is off. */
static void
nothing_in_flight_nothing_again(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello");
	peer_send(&p, .at_ms = 100);
	peer_wait(&p, 100000);
	peer_done(&p);
}

/* 5.3: an ACK of new bytes begins the timer anew. */
static void
new_ack_begins_the_timer_anew(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 2 * MSS);
	peer_expect_run(&p, 5000, 2);
	peer_send(&p, .at_ms = 150, .ack = 5000 + MSS);
	peer_wait(&p, 340);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* 5.1: bytes sent while the timer runs do not begin it anew. */
static void
later_bytes_do_not_move_the_timer(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 3 * MSS);
	peer_expect_run(&p, 5000, 3);
	peer_wait(&p, 150);
	peer_write(&p, MSS);
	peer_expect(&p, .at_ms = 150, .n = MSS);
	peer_expect(&p, .at_ms = 200, .seq = 5000, .n = MSS);
	peer_drop(&p);
}

/* 2.4: never less than 200 ms, however short the path. */
static void
short_paths_have_a_least_timeout(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write_text(&p, "hello");
	peer_expect(&p, .at_ms = 0, .text = "hello");
	peer_expect(&p, .at_ms = 200, .text = "hello");
	peer_drop(&p);
}

/* Karn holds for SYNs: the answer to one that was sent twice is no sample. */
static void
repeated_syn_gives_no_sample(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_expect(&p, .flags = "S", .at_ms = 1000);
	peer_send(&p, .at_ms = 1100, .flags = "SA", .seq = 999, .mss = MSS);
	peer_expect(&p, .ack = 1000);
	assert_int_equal(peer_info(&p).srtt_ns, 0);
	assert_int_equal(peer_info(&p).rto_ns, 3000 * MS_NS);
	peer_drop(&p);
}

/* ... and one that was sent once is. */
static void
handshake_gives_the_first_sample(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .at_ms = 100, .flags = "SA", .seq = 999, .mss = MSS);
	peer_expect(&p, .ack = 1000);
	assert_in_range(peer_info(&p).srtt_ns, 99 * MS_NS, 101 * MS_NS);
	assert_in_range(peer_info(&p).rto_ns, 299 * MS_NS, 302 * MS_NS);
	peer_drop(&p);
}

/* When spans run out the last one speaks for bytes of many times: it is no sample. */
static void
segments_of_one_record_give_no_short_sample(void **state)
{
	struct peer p = peer_established(.no_sack = true, .rtt_ms = 50);

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		p.now += 10000;
		peer_write(&p, 1);
	}
	peer_ignore(&p);
	peer_send(&p, .at_ms = 12, .ack = 5600);
	assert_true(peer_info(&p).rtt_least_ns >= 6 * MS_NS);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(unacked_segment_is_sent_again_with_backoff),
		cmocka_unit_test(rto_follows_the_round_trip),
		cmocka_unit_test(segment_sent_twice_gives_no_sample),
		cmocka_unit_test(segments_behind_a_gap_give_no_sample),
		cmocka_unit_test(lost_syn_makes_us_careful),
		cmocka_unit_test(timeout_stays_backed_off_until_a_sample),
		cmocka_unit_test(lost_small_pieces_are_sent_again_whole),
		cmocka_unit_test(timeout_doubles_up_to_a_minute),
		cmocka_unit_test(nothing_in_flight_nothing_again),
		cmocka_unit_test(new_ack_begins_the_timer_anew),
		cmocka_unit_test(later_bytes_do_not_move_the_timer),
		cmocka_unit_test(short_paths_have_a_least_timeout),
		cmocka_unit_test(repeated_syn_gives_no_sample),
		cmocka_unit_test(handshake_gives_the_first_sample),
		cmocka_unit_test(segments_of_one_record_give_no_short_sample),
	};

	return cmocka_run_group_tests_name("RFC 6298: timer", test, NULL, NULL);
}
