/*
 * rfc4015.c - recoveries that were a mistake, and what may not pass for the proof of one: RFC 3522 and
 * 4015 (timestamps), 3708 and 2883 (D-SACK).
 */
#include "rfc/peer.h"

/* RFC 3522: the ACK answers what was sent before anything went again. */
static void
timeout_that_was_a_mistake_is_taken_back_by_timestamps(void **state)
{
	struct peer p = peer_established(.ts = true, .rtt_ms = 100);
	uint32_t before = peer_info(&p).cwnd_bytes, stamp;

	(void)state;
	peer_write_text(&p, "late");
	peer_expect(&p, .text = "late");
	stamp = p.ts_engine;
	peer_ignore(&p);
	peer_wait(&p, 700);
	peer_ignore(&p);
	assert_true(peer_info(&p).cwnd_bytes < before);
	peer_send(&p, .at_ms = 710, .ack = 5004, .has_ts = true, .ts_ecr = stamp);
	assert_int_equal(peer_info(&p).cwnd_bytes, before);
	assert_int_equal(p.count.tcp_undone, 1);
	peer_drop(&p);
}

/* RFC 3522: an ACK that answers the second copy proves the timeout right. */
static void
timeout_that_was_right_is_not_taken_back(void **state)
{
	struct peer p = peer_sent(
		4, (struct peer_conf){ .ts = true, .no_sack = true, .mss = MSS + 12, .mtu = 1512 });

	(void)state;
	peer_wait(&p, 1000);
	assert_true(peer_info(&p).has_timed_out);
	peer_ignore(&p);
	peer_send(&p, .ack = peer_at(4)); /* echoes the latest timestamp heard */
	assert_int_equal(p.count.tcp_undone, 0);
	assert_true(peer_info(&p).ssthresh_bytes < 10 * MSS);
	peer_drop(&p);
}

/* RFC 3708: every segment that went again was a duplicate. */
static void
recovery_that_was_a_mistake_is_taken_back_by_dsack(void **state)
{
	struct peer p = peer_sent(6, (struct peer_conf){ 0 });
	uint32_t before = peer_info(&p).cwnd_bytes;

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(5) } });
	peer_expect(&p, .seq = peer_at(0), .n = MSS);
	assert_true(peer_info(&p).ssthresh_bytes < before);
	peer_send(&p, .at_ms = 110, .ack = peer_at(5)); /* it was only late */
	peer_send(&p, .at_ms = 200, .ack = peer_at(5), .sack = { { peer_at(0), peer_at(1) } });
	assert_int_equal(p.count.tcp_undone, 1);
	assert_true(peer_info(&p).cwnd_bytes >= before);
	peer_send(&p, .ack = peer_at(6));
	peer_done(&p);
}

/* RFC 2883, 4: a report counts by its own ACK; one that a later ACK has overtaken tells no duplicate. */
static void
report_that_comes_late_takes_nothing_back(void **state)
{
	struct peer p = peer_sent(6, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(5) } });
	peer_expect(&p, .seq = peer_at(0), .n = MSS);
	peer_send(&p, .at_ms = 110, .ack = peer_at(5));
	peer_send(&p, .at_ms = 111, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(5) } });
	assert_int_equal(p.count.tcp_rx_dsacks, 0);
	assert_int_equal(p.count.tcp_rx_bad_sack, 0);
	assert_int_equal(p.count.tcp_undone, 0);
	peer_send(&p, .ack = peer_at(6));
	peer_done(&p);
}

/* A duplicate of what was sent after a recovery says nothing of the recovery. */
static void
duplicate_of_later_bytes_takes_nothing_back(void **state)
{
	struct peer p = peer_sent(6, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(5) } });
	peer_expect(&p, .seq = peer_at(0), .n = MSS);
	peer_send(&p, .at_ms = 110, .ack = peer_at(5));
	peer_write(&p, 2 * MSS);
	peer_expect_run(&p, peer_at(6), 2);
	peer_send(&p, .at_ms = 200, .ack = peer_at(7), .sack = { { peer_at(6), peer_at(7) } });
	assert_int_equal(p.count.tcp_rx_dsacks, 1);
	assert_int_equal(p.count.tcp_undone, 0);
	peer_send(&p, .ack = peer_at(8));
	peer_done(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(timeout_that_was_a_mistake_is_taken_back_by_timestamps),
		cmocka_unit_test(timeout_that_was_right_is_not_taken_back),
		cmocka_unit_test(recovery_that_was_a_mistake_is_taken_back_by_dsack),
		cmocka_unit_test(report_that_comes_late_takes_nothing_back),
		cmocka_unit_test(duplicate_of_later_bytes_takes_nothing_back),
	};

	return cmocka_run_group_tests_name("RFC 4015, 3708: what is taken back", test, NULL, NULL);
}
