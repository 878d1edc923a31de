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

/* With timestamps an older one is an old duplicate, whatever its number. */
static void
earlier_timestamp_does_not_reuse_time_wait(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA", .at_ms = 100);
	peer_expect(&p, .ack = 1001);
	peer_send(&p, .flags = "S", .seq = 90000, .ts_val = 5);
	peer_expect(&p, .flags = "A", .seq = 5001, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_drop(&p);
}

/* With an equal timestamp the number decides. */
static void
equal_timestamp_needs_a_higher_number(void **state)
{
	struct peer p = peer_established(.ts = true);
	uint32_t same = (uint32_t)(p.now / MS_NS) + 100;

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA", .ts_val = same);
	peer_expect(&p, .ack = 1001);
	peer_send(&p, .flags = "S", .seq = 500, .ts_val = same);
	peer_expect(&p, .flags = "A", .ack = 1001);
	peer_send(&p, .flags = "S", .seq = 2000, .ts_val = same);
	peer_expect(&p, .flags = "SA", .ack = 2001);
	peer_drop(&p);
}

/* A SYN without timestamp for a connection that had them: the number decides. */
static void
syn_without_timestamp_needs_a_higher_number(void **state)
{
	struct peer p = peer_established(.ts = true);

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_send(&p, .flags = "S", .seq = 2000, .no_ts = true);
	peer_expect(&p, .flags = "SA", .ack = 2001);
	peer_drop(&p);
}

/* RFC 1337: an old duplicate in TIME-WAIT is answered, and neither ends nor prolongs it. */
static void
old_bytes_in_time_wait_are_acked(void **state)
{
	struct peer p = peer_established(.time_wait_ms = 1000);

	(void)state;
	peer_send(&p, .text = "hello");
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .ack = 1005);
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1006);
	peer_send(&p, .seq = 1000, .text = "hello", .at_ms = 900);
	peer_expect(&p, .ack = 1006);
	peer_wait(&p, 1100);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSED);
	peer_drop(&p);
}

/* RFC 1337: nor does an ACK of what was never sent. */
static void
bad_ack_in_time_wait_changes_nothing(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_send(&p, .ack = 7000);
	peer_expect(&p, .seq = 5001, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_drop(&p);
}

/* MUST-13: the tuple stays taken, also for our own dials. */
static void
tuple_in_time_wait_is_not_dialled(void **state)
{
	struct peer p = peer_new(.time_wait_ms = 1000);
	struct tcp_dial dial;

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "SA", .seq = 999, .mss = 1460);
	peer_expect(&p, .ack = 1000);
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA", .ack = 5001);
	peer_expect(&p, .ack = 1001);
	dial = (struct tcp_dial){
		.local = p.engine,
		.remote = p.self,
		.local_port = 55555,
		.remote_port = PEER_PORT,
	};
	assert_int_equal(tcp_connect(p.tcp, &dial, p.now).v, 0);
	peer_wait(&p, 1100);
	peer_release(&p);
	assert_int_not_equal(tcp_connect(p.tcp, &dial, p.now).v, 0);
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
		cmocka_unit_test(earlier_timestamp_does_not_reuse_time_wait),
		cmocka_unit_test(equal_timestamp_needs_a_higher_number),
		cmocka_unit_test(syn_without_timestamp_needs_a_higher_number),
		cmocka_unit_test(old_bytes_in_time_wait_are_acked),
		cmocka_unit_test(bad_ack_in_time_wait_changes_nothing),
		cmocka_unit_test(tuple_in_time_wait_is_not_dialled),
	};

	return cmocka_run_group_tests_name("RFC 6191, 1337: TIME-WAIT", test, NULL, NULL);
}
