/*
 * TIME-WAIT: RFC 9293, 3.6.1, RFC 6191 (a new SYN ends it), RFC 1337 (nothing else does).
 */
#include "rfc/peer.h"

static void
fin_again_in_time_wait_is_acked_and_restarts_it(void **state)
{
	struct peer p = peer_established(.time_wait_ms = 1000);

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA", .seq = 1000);
	peer_expect(&p, .ack = 1001);
	peer_send(&p, .flags = "FA", .seq = 1000, .at_ms = 800);
	peer_expect(&p, .ack = 1001);
	peer_wait(&p, 1500);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_wait(&p, 1900);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSED);
	peer_release(&p);
	peer_done(&p);
}

/* RFC 1337, 4: RST does not assassinate TIME-WAIT. */
static void
rst_in_time_wait_is_ignored(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_send(&p, .flags = "R", .seq = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_drop(&p);
}

/* 3.6.1: a newer SYN opens the tuple anew; the owner's old id stays his until he lets go. */
static void
new_syn_reuses_time_wait(void **state)
{
	struct peer p = peer_established();
	struct tcp_id old;

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	old = p.id;
	peer_send(&p, .flags = "S", .seq = 90000);
	peer_expect(&p, .flags = "SA", .ack = 90001);
	p.ack = 5000;
	peer_send(&p, .seq = 90001);
	assert_int_equal(p.accepted_n, 2);
	assert_int_not_equal(p.id.v, old.v);
	assert_int_equal(p.count.tcp_time_wait_reused, 1);
	tcp_release(p.tcp, old);
	peer_done(&p);
}

/* RFC 6191, 2: the new life begins beyond the sequence numbers of the old one, however many. */
static void
reused_tuple_begins_beyond_the_old_numbers(void **state)
{
	struct peer p = peer_established();
	uint32_t end;

	(void)state;
	for (uint32_t i = 0; i < 200; i++) { /* far faster than the clock of 4 us */
		peer_write(&p, 4 * 1460);
		peer_ignore(&p);
		p.ack = 5000 + (i + 1) * 4 * 1460;
		peer_send(&p);
	}
	end = 5000 + 200 * 4 * 1460 + p.bias;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_send(&p, .flags = "S", .seq = 90000);
	assert_true((int32_t)(p.heard[(p.heard_n - 1) % PEER_QUEUE].seg.seq.v - end) > 0);
	peer_drop(&p);
}

static void
old_syn_does_not_reuse_time_wait(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_send(&p, .flags = "S", .seq = 500);
	peer_expect(&p, .flags = "A", .seq = 5001, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_drop(&p);
}

/* RFC 6191: with timestamps a later one is enough, whatever the sequence number. */
static void
later_timestamp_reuses_time_wait(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_send(&p, .flags = "S", .seq = 500, .at_ms = 50);
	peer_expect(&p, .flags = "SA", .ack = 501);
	peer_drop(&p);
}

/* Where nobody listens a SYN opens nothing, so it ends no TIME-WAIT (RFC 1337). */
static void
syn_for_nobody_leaves_time_wait_alone(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "SA", .seq = 999, .mss = 1460);
	peer_expect(&p, .ack = 1000);
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA", .ack = 5001);
	peer_expect(&p, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_send(&p, .flags = "S", .seq = 90000);
	peer_expect(&p, .flags = "A", .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(fin_again_in_time_wait_is_acked_and_restarts_it),
		cmocka_unit_test(rst_in_time_wait_is_ignored),
		cmocka_unit_test(new_syn_reuses_time_wait),
		cmocka_unit_test(reused_tuple_begins_beyond_the_old_numbers),
		cmocka_unit_test(old_syn_does_not_reuse_time_wait),
		cmocka_unit_test(later_timestamp_reuses_time_wait),
		cmocka_unit_test(syn_for_nobody_leaves_time_wait_alone),
	};

	return cmocka_run_group_tests_name("RFC 6191, 1337: TIME-WAIT", test, NULL, NULL);
}
