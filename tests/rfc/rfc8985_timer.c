/*
 * The one timer of RFC 8985, 8: when the reordering window, the probe and the timeout come one after
 * another, and when a connection pauses.
 */
#include "rfc/peer.h"

/* 7.3: the timeout follows the probe, and counts from it. */
static void
timeout_comes_after_the_probe(void **state)
{
	struct peer p = peer_sent(2, (struct peer_conf){ 0 });

	(void)state;
	peer_expect(&p, .at_ms = 200, .seq = peer_at(1), .n = MSS);
	peer_expect(&p, .at_ms = 500, .seq = peer_at(0), .n = MSS);
	assert_true(peer_info(&p).has_timed_out);
	assert_int_equal(p.count.tcp_timeouts, 1);
	peer_drop(&p);
}

/*
 * 6.3: a window that turned out to be needless puts off no timeout, which counts from when the head
 * was sent again (RFC 6298, 5): the round trip is 100 ms, its timeout 300.
 */
static void
reordering_window_puts_off_no_timeout(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(2) } });
	peer_expect_quiet(&p); /* until 125 */
	peer_send(&p, .at_ms = 110, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(5) } });
	peer_expect(&p, .seq = peer_at(0), .n = MSS);
	peer_ignore(&p);
	peer_wait(&p, 409);
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 410, .seq = peer_at(0), .n = MSS);
	assert_int_equal(p.count.tcp_timeouts, 1);
	peer_drop(&p);
}

/* What the window finds late goes again, and has a whole timeout to be answered in. */
static void
head_that_goes_again_begins_the_timer_anew(void **state)
{
	struct peer p = peer_sent(3, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(2) } });
	peer_expect(&p, .at_ms = 125, .seq = peer_at(0), .n = MSS);
	peer_ignore(&p);
	peer_wait(&p, 424);
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 425, .seq = peer_at(0), .n = MSS);
	assert_int_equal(p.count.tcp_timeouts, 1);
	peer_drop(&p);
}

/* ---- a pause ---- */

/* Away for so long: goes on in the same engine. */
static void
take_over(struct peer *p, uint32_t at_ms)
{
	static uint64_t bytes[20000];
	size_t n = tcp_save_size(p->tcp, p->id);

	assert_in_range(n, 1, sizeof(bytes));
	tcp_save(p->tcp, p->id, bytes);
	tcp_forget(p->tcp, p->id);
	peer_wait(p, at_ms);
	p->id = tcp_restore(p->tcp, bytes, n, 9, p->now);
	assert_int_not_equal(p->id.v, 0);
	peer_advance(p);
}

/* While nobody listens nothing is lost: what has come meanwhile is read first. */
static void
pause_of_a_takeover_is_no_timeout(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ .no_sack = false });

	(void)state;
	take_over(&p, 3000);
	peer_expect_quiet(&p);
	peer_send(&p, .at_ms = 3001, .ack = peer_at(10));
	assert_int_equal(p.count.tcp_timeouts, 0);
	assert_int_equal(p.count.tcp_tx_again, 0);
	peer_drop(&p);
}

/* ... nor is what a reordering window waits for; but it is not forgotten. */
static void
pause_of_a_takeover_is_no_reordering_window(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ .no_sack = false });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = 5000, .sack = { { peer_at(1), peer_at(2) } });
	peer_ignore(&p);
	take_over(&p, 1000);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_tx_again, 0);
	peer_wait(&p, 1200);
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_drop(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timeout_comes_after_the_probe),
		cmocka_unit_test(reordering_window_puts_off_no_timeout),
		cmocka_unit_test(head_that_goes_again_begins_the_timer_anew),
		cmocka_unit_test(pause_of_a_takeover_is_no_timeout),
		cmocka_unit_test(pause_of_a_takeover_is_no_reordering_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
