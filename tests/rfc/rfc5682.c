/*
 * F-RTO (RFC 5682, section 2.1): a timeout that comes of delay and not of loss is taken back, without
 * timestamps.
 */
#include "rfc/peer.h"

/* Ten segments are out, more wait, and the timer has fired. */
static struct peer
timed_out(struct peer_conf conf)
{
	struct peer p = peer_established_(conf);

	peer_write(&p, 40 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_wait(&p, 250);
	peer_ignore(&p);
	assert_int_equal(p.counts->tcp_timeouts, 1);
	return p;
}

/* Steps 2b and 3b: new segments after the first ACK; the second shows that nothing was lost. */
static void
late_answers_take_a_timeout_back(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = true });

	(void)state;
	peer_send(&p, .at_ms = 300, .ack = peer_at(1));
	peer_expect_run(&p, peer_at(10), 2);
	peer_expect_quiet(&p);
	peer_send(&p, .at_ms = 301, .ack = peer_at(2));
	assert_int_equal(p.count.tcp_frto_undone, 1);
	assert_true(peer_info(&p).cwnd_bytes >= 10 * MSS);
	assert_true(peer_info(&p).ssthresh_bytes > 1 << 29);
	assert_int_equal(peer_info(&p).retransmits, 1);
	assert_false(peer_info(&p).is_recovering);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 302, .ack = peer_at(12));
	peer_ignore(&p);
	assert_int_equal(peer_info(&p).retransmits, 1);
	peer_drop(&p);
}

/* Step 2b: up to two, also when the answers to all that arrived come in one. */
static void
ack_of_many_sends_two_new_segments(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = true });

	(void)state;
	peer_send(&p, .at_ms = 300, .ack = peer_at(6));
	peer_expect_run(&p, peer_at(10), 2);
	peer_expect_quiet(&p);
	peer_write(&p, MSS);
	peer_expect_quiet(&p);
	peer_send(&p, .at_ms = 301, .ack = peer_at(10));
	assert_int_equal(p.count.tcp_frto_undone, 1);
	assert_true(peer_info(&p).cwnd_bytes >= 10 * MSS);
	peer_drop(&p);
}

/* ... nor more by a card that cuts them. */
static void
ack_of_many_sends_two_new_segments_cut_by_the_port(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = true, .tso = true });

	(void)state;
	peer_send(&p, .at_ms = 300, .ack = peer_at(6));
	peer_expect_run(&p, peer_at(10), 2);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* The same with SACK, whose tail probe went before the timeout. */
static void
late_answers_take_a_timeout_back_with_sack(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = false });
	uint64_t again = peer_info(&p).retransmits;

	(void)state;
	peer_send(&p, .at_ms = 300, .ack = peer_at(1));
	peer_ignore(&p);
	peer_send(&p, .at_ms = 301, .ack = peer_at(2));
	assert_int_equal(p.count.tcp_frto_undone, 1);
	assert_true(peer_info(&p).cwnd_bytes >= 10 * MSS);
	assert_int_equal(peer_info(&p).retransmits, again);
	peer_drop(&p);
}

/* What was in flight was sent at two times, which the timeout has mixed: neither is a sample. */
static void
timeout_taken_back_gives_no_short_sample(void **state)
{
	struct peer p = peer_sent(5, (struct peer_conf){ .no_sack = true });

	(void)state;
	peer_wait(&p, 290);
	peer_write(&p, 40 * MSS);
	peer_expect_run(&p, peer_at(5), 5);
	peer_wait(&p, 305);
	peer_ignore(&p);
	assert_int_equal(p.counts->tcp_timeouts, 1);
	peer_send(&p, .at_ms = 310, .ack = peer_at(1));
	peer_ignore(&p);
	peer_send(&p, .at_ms = 311, .ack = peer_at(2));
	assert_int_equal(p.count.tcp_frto_undone, 1);
	peer_send(&p, .at_ms = 312, .ack = peer_at(4));
	assert_true(peer_info(&p).rtt_least_ns >= 100 * MS_NS);
	peer_drop(&p);
}

/* Step 3a: a duplicate ACK: the rest was lost, and goes again from a small window. */
static void
duplicate_to_new_bytes_confirms_the_loss(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = true });

	(void)state;
	peer_send(&p, .at_ms = 300, .ack = peer_at(1));
	peer_expect_run(&p, peer_at(10), 2);
	peer_send(&p, .at_ms = 400, .ack = peer_at(1));
	peer_expect(&p, .seq = peer_at(1), .n = MSS);
	assert_true(peer_info(&p).cwnd_bytes <= 3 * MSS);
	assert_true(peer_info(&p).is_recovering);
	assert_int_equal(p.counts->tcp_frto_undone, 0);
	peer_drop(&p);
}

/* Step 2a: an ACK of a part of what went again tells nothing of the rest. */
static void
divided_ack_of_the_head_takes_nothing_back(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = true });

	(void)state;
	peer_send(&p, .at_ms = 300, .ack = peer_at(0) + 700);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 301, .ack = peer_at(1));
	peer_ignore(&p);
	assert_int_equal(p.count.tcp_frto_undone, 0);
	assert_true(peer_info(&p).is_recovering);
	assert_true(peer_info(&p).ssthresh_bytes < 1 << 29);
	peer_drop(&p);
}

/* What a D-SACK has taken back is over: the recovery after it is a recovery. */
static void
timeout_taken_back_by_a_duplicate_is_over(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = false });

	(void)state;
	peer_send(&p, .at_ms = 300, .ack = peer_at(1), .sack = { { peer_at(0), peer_at(1) } });
	peer_ignore(&p);
	assert_int_equal(p.count.tcp_undone, 1);
	peer_send(&p, .at_ms = 310, .ack = peer_at(2), .sack = { { peer_at(5), peer_at(9) } });
	peer_ignore(&p);
	peer_wait(&p, 400);
	peer_ignore(&p);
	assert_true(peer_info(&p).is_recovering);
	peer_send(&p, .at_ms = 500, .ack = peer_at(3), .sack = { { peer_at(5), peer_at(9) } });
	peer_ignore(&p);
	peer_send(&p, .at_ms = 510, .ack = peer_at(4), .sack = { { peer_at(5), peer_at(9) } });
	peer_ignore(&p);
	assert_int_equal(p.count.tcp_frto_undone, 0);
	assert_true(peer_info(&p).ssthresh_bytes < 1 << 29);
	peer_drop(&p);
}

/* Step 2a: so does one to the head. */
static void
duplicate_to_the_head_confirms_the_loss(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = true });

	(void)state;
	peer_send(&p, .at_ms = 300, .ack = peer_at(0));
	peer_ignore(&p);
	peer_send(&p, .at_ms = 350, .ack = peer_at(1));
	peer_expect(&p, .seq = peer_at(1), .n = MSS);
	peer_drop(&p);
}

/* Step 2b: without anything new the old goes, as ever. */
static void
nothing_new_sends_the_old(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 4 * MSS);
	peer_expect_run(&p, 5000, 4);
	peer_wait(&p, 250);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 300, .ack = peer_at(1));
	peer_expect_run(&p, peer_at(1), 2);
	peer_drop(&p);
}

/* ... or without room for it. */
static void
no_room_for_new_bytes_sends_the_old(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = true });

	(void)state;
	peer_send(&p, .at_ms = 300, .ack = peer_at(1), .wnd = 9 * MSS);
	peer_expect_run(&p, peer_at(1), 2);
	peer_drop(&p);
}

/* Step 1: a second timeout asks nothing. */
static void
second_timeout_is_believed(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = true });

	(void)state;
	peer_wait(&p, 700);
	peer_ignore(&p);
	assert_int_equal(p.counts->tcp_timeouts, 2);
	peer_send(&p, .at_ms = 750, .ack = peer_at(1));
	peer_expect(&p, .seq = peer_at(1), .n = MSS);
	peer_drop(&p);
}

/* The timer is not held by it. */
static void
timer_goes_on_when_the_answers_stop(void **state)
{
	struct peer p = timed_out((struct peer_conf){ .no_sack = true });

	(void)state;
	peer_send(&p, .at_ms = 300, .ack = peer_at(1));
	peer_expect_run(&p, peer_at(10), 2);
	peer_wait(&p, 2000);
	assert_int_equal(p.counts->tcp_frto_undone, 0);
	peer_expect(&p, .seq = peer_at(1), .n = MSS);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(late_answers_take_a_timeout_back),
		cmocka_unit_test(ack_of_many_sends_two_new_segments),
		cmocka_unit_test(ack_of_many_sends_two_new_segments_cut_by_the_port),
		cmocka_unit_test(late_answers_take_a_timeout_back_with_sack),
		cmocka_unit_test(timeout_taken_back_gives_no_short_sample),
		cmocka_unit_test(duplicate_to_new_bytes_confirms_the_loss),
		cmocka_unit_test(divided_ack_of_the_head_takes_nothing_back),
		cmocka_unit_test(timeout_taken_back_by_a_duplicate_is_over),
		cmocka_unit_test(duplicate_to_the_head_confirms_the_loss),
		cmocka_unit_test(nothing_new_sends_the_old),
		cmocka_unit_test(no_room_for_new_bytes_sends_the_old),
		cmocka_unit_test(second_timeout_is_believed),
		cmocka_unit_test(timer_goes_on_when_the_answers_stop),
	};

	return cmocka_run_group_tests_name("RFC 5682: F-RTO", test, NULL, NULL);
}
