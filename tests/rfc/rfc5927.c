/*
 * RFC 5927 and RFC 9293, 3.9.2.2: which ICMP errors are believed, and what they may do.
 */
#include "rfc/peer.h"

/* RFC 5927, 4.1: an error about nothing in flight is not believed. */
static void
forged_icmp_is_ignored(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 600);
	peer_write(&p, 1000);
	peer_expect(&p, .n = 1000);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 9000, 600);
	assert_int_equal(peer_info(&p).mss, 1460);
	assert_int_equal(p.counts->tcp_icmp_ignored, 2);
	peer_drop(&p);
}

static void
unreachable_ends_a_dial_and_nothing_else(void **state)
{
	struct peer p = peer_new(), q = peer_established();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_icmp(&p, ICMP_ERROR_UNREACHABLE, 4999, 0);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_UNREACHABLE);
	peer_write(&q, 10);
	peer_expect(&q, .n = 10);
	peer_icmp(&q, ICMP_ERROR_UNREACHABLE, 5000, 0);
	assert_int_equal(peer_state(&q), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
	peer_drop(&q);
}

/* MUST-56: time exceeded and parameter problems end nothing, a dial neither. */
static void
soft_errors_end_nothing(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_icmp(&p, ICMP_ERROR_TIME_EXCEEDED, 4999, 0);
	peer_icmp(&p, ICMP_ERROR_PARAMETER, 4999, 0);
	assert_int_equal(peer_state(&p), TCP_STATE_SYN_SENT);
	peer_send(&p, .flags = "SA", .seq = 999, .mss = 1460);
	peer_expect(&p, .ack = 1000);
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello");
	peer_icmp(&p, ICMP_ERROR_TIME_EXCEEDED, 5000, 0);
	peer_icmp(&p, ICMP_ERROR_PARAMETER, 5000, 0);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
}

/* 5.2: hard errors are as easily forged: an open connection goes on by its own timers. */
static void
refusal_does_not_end_an_open_connection(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello");
	peer_icmp(&p, ICMP_ERROR_REFUSED, 5000, 0);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_send(&p);
	peer_done(&p);
}

/* SHLD-26: a dial that the host refuses is over at once. */
static void
refusal_ends_a_dial(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_icmp(&p, ICMP_ERROR_REFUSED, 4999, 0);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_REFUSED);
	assert_int_equal(peer_events(&p), TCP_EV_GONE);
	peer_done(&p);
}

/* 4.1: a dial believes only what quotes its SYN. */
static void
refusal_of_another_number_does_not_end_a_dial(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_icmp(&p, ICMP_ERROR_REFUSED, 4998, 0);
	peer_icmp(&p, ICMP_ERROR_REFUSED, 5000, 0);
	assert_int_equal(peer_state(&p), TCP_STATE_SYN_SENT);
	assert_int_equal(p.count.tcp_icmp_ignored, 2);
	peer_done(&p);
}

/* 4.1: bytes that were acknowledged cannot have been too big. */
static void
error_about_acknowledged_bytes_is_ignored(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 2 * MSS);
	peer_expect_run(&p, 5000, 2);
	peer_send(&p, .ack = 5000 + MSS);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	assert_int_equal(peer_info(&p).mss, 1460);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000 + 2 * MSS, 1000);
	assert_int_equal(peer_info(&p).mss, 1460);
	peer_drop(&p);
}

/* An error about somebody else's connection is nobody's. */
static void
error_about_another_port_is_ignored(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	p.port++;
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1000);
	p.port--;
	assert_int_equal(peer_info(&p).mss, 1460);
	assert_int_equal(p.count.tcp_icmp_ignored, 1);
	peer_drop(&p);
}

/* A connection whose full segments have arrived so far; ten more are under way from 19600 on. */
static struct peer
moving(void)
{
	struct peer p = peer_established();

	peer_write(&p, 40 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 50, .ack = 5000 + 10 * MSS);
	peer_expect_run(&p, 5000 + 10 * MSS, 20);
	return p;
}

/* 7.2: what gets through belies it; a guess has no effect at all. */
static void
smaller_path_of_a_moving_connection_is_not_believed(void **state)
{
	struct peer p = moving();

	(void)state;
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000 + 15 * MSS, 600);
	peer_expect_quiet(&p);
	assert_int_equal(peer_info(&p).mss, MSS);
	assert_int_equal(p.counts->tcp_icmp_waits, 1);
	peer_send(&p, .at_ms = 100, .ack = 5000 + 16 * MSS);
	peer_wait(&p, 3000); /* silence about later bytes is another matter */
	assert_true(p.counts->tcp_timeouts > 0);
	assert_true(peer_info(&p).mss >= 1240);
	peer_drop(&p);
}

/* 7.2: when nothing more gets through, the first timeout makes it true. */
static void
smaller_path_is_believed_when_nothing_gets_through(void **state)
{
	struct peer p = moving();

	(void)state;
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000 + 10 * MSS, 1000);
	peer_expect_quiet(&p);
	peer_wait(&p, 249);
	assert_int_equal(peer_info(&p).mss, MSS);
	peer_ignore(&p);
	peer_wait(&p, 1000);
	assert_true(p.counts->tcp_timeouts > 0);
	assert_int_equal(peer_info(&p).mss, 960);
	peer_wait(
		&p,
		10000); /* once: if that is not the whole truth, silence tells the rest (RFC 4821) */
	assert_int_equal(p.counts->tcp_black_holes, 1);
	assert_int_equal(peer_info(&p).mss, 536);
	peer_drop(&p);
}

/* 7.2: a pause takes the window back, and what was proven not. */
static void
smaller_path_is_not_believed_after_a_pause(void **state)
{
	struct peer p = moving();

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = 5000 + 30 * MSS);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 150, .ack = 5000 + 40 * MSS);
	peer_wait(&p, 5000);
	peer_ignore(&p);
	peer_write(&p, 4 * MSS);
	peer_expect_run(&p, 5000 + 40 * MSS, 4);
	assert_true(peer_info(&p).cwnd_bytes <= 10 * MSS);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000 + 41 * MSS, 600);
	assert_int_equal(peer_info(&p).mss, MSS);
	assert_int_equal(p.counts->tcp_icmp_waits, 1);
	peer_drop(&p);
}

/* ... nor does a loss, ... */
static void
smaller_path_is_not_believed_after_a_loss(void **state)
{
	struct peer p = moving();

	(void)state;
	peer_wait(&p, 300);
	peer_ignore(&p);
	assert_int_equal(p.counts->tcp_timeouts, 1);
	peer_send(&p, .ack = 5000 + 12 * MSS);
	peer_ignore(&p);
	assert_true(peer_info(&p).cwnd_bytes <= 10 * MSS);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000 + 15 * MSS, 600);
	assert_int_equal(peer_info(&p).mss, MSS);
	assert_int_equal(p.counts->tcp_icmp_waits, 1);
	peer_drop(&p);
}

/* ... nor another process that goes on with it; where nothing gets through the claim is still there. */
static void
smaller_path_is_not_believed_after_a_restart(void **state)
{
	struct peer p = moving();
	static uint64_t bytes[20000];
	size_t n;

	(void)state;
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000 + 10 * MSS, 1000);
	n = tcp_save_size(p.tcp, p.id);
	assert_in_range(n, 1, sizeof(bytes));
	tcp_save(p.tcp, p.id, bytes);
	tcp_forget(p.tcp, p.id);
	p.id = tcp_restore(p.tcp, bytes, n, 9, p.now);
	assert_int_not_equal(p.id.v, 0);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000 + 10 * MSS, 1001);
	assert_int_equal(p.counts->tcp_icmp_waits, 2);
	assert_int_equal(peer_info(&p).mss, MSS);
	peer_wait(&p, 600);
	assert_true(p.counts->tcp_timeouts > 0);
	assert_int_equal(peer_info(&p).mss, 961);
	peer_drop(&p);
}

/* A path that has become smaller is no reason to believe in a still smaller one, once it is settled. */
static void
still_smaller_path_is_not_believed_later(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 4 * MSS);
	peer_expect_run(&p, 5000, 4);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1400);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000, 1300); /* two routers on one way */
	assert_int_equal(peer_info(&p).mss, 1260);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 100, .ack = 5000 + 4 * MSS);
	peer_write(&p, 4 * MSS);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 150, .ack = 5000 + 8 * MSS);
	peer_wait(&p, 60000);
	peer_write(&p, 4 * MSS);
	peer_ignore(&p);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000 + 9 * MSS, 600);
	assert_int_equal(peer_info(&p).mss, 1260);
	assert_int_equal(p.counts->tcp_icmp_waits, 1);
	peer_drop(&p);
}

/* So many segments of n bytes, each acknowledged before the next. */
static void
get_through(struct peer *p, uint32_t segments, uint32_t n)
{
	for (uint32_t k = 0; k < segments; k++) {
		peer_write(p, n);
		peer_ignore(p);
		peer_send(p, .ack = 5000 + (k + 1) * n);
	}
	assert_int_equal(tcp_unacked(p->tcp, p->id), 0);
}

/* 7.2: however much got through in small segments says nothing of full ones. */
static void
smaller_path_is_believed_as_long_as_segments_were_small(void **state)
{
	struct peer p = peer_established();
	uint32_t at = 5000 + 100 * 1300;

	(void)state;
	get_through(&p, 100, 1300);
	peer_write(&p, 4 * MSS);
	peer_expect_run(&p, at, 4);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, at, 1400);
	assert_int_equal(p.counts->tcp_icmp_waits, 0);
	assert_int_equal(peer_info(&p).mss, 1360);
	peer_expect(&p, .seq = at, .n = 1360);
	peer_drop(&p);
}

/* ... and what is smaller than those belies itself, even if there was only one. */
static void
path_smaller_than_what_got_through_is_not_believed(void **state)
{
	struct peer p = peer_established();

	(void)state;
	get_through(&p, 1, 1300);
	peer_write(&p, 4 * MSS);
	peer_expect_run(&p, 6300, 4);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 6300, 600);
	assert_int_equal(p.counts->tcp_icmp_waits, 1);
	assert_int_equal(peer_info(&p).mss, MSS);
	peer_drop(&p);
}

/* ... of full segments too, when only a part of what was sent at once is acknowledged. */
static void
path_smaller_than_some_of_a_flight_is_not_believed(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 4 * MSS);
	peer_expect_run(&p, 5000, 4);
	peer_send(&p, .ack = 5000 + MSS);
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, 5000 + 2 * MSS, 1400);
	assert_int_equal(p.counts->tcp_icmp_waits, 1);
	assert_int_equal(peer_info(&p).mss, MSS);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(forged_icmp_is_ignored),
		cmocka_unit_test(unreachable_ends_a_dial_and_nothing_else),
		cmocka_unit_test(soft_errors_end_nothing),
		cmocka_unit_test(refusal_does_not_end_an_open_connection),
		cmocka_unit_test(refusal_ends_a_dial),
		cmocka_unit_test(refusal_of_another_number_does_not_end_a_dial),
		cmocka_unit_test(error_about_acknowledged_bytes_is_ignored),
		cmocka_unit_test(error_about_another_port_is_ignored),
		cmocka_unit_test(smaller_path_of_a_moving_connection_is_not_believed),
		cmocka_unit_test(smaller_path_is_believed_when_nothing_gets_through),
		cmocka_unit_test(smaller_path_is_not_believed_after_a_pause),
		cmocka_unit_test(smaller_path_is_not_believed_after_a_loss),
		cmocka_unit_test(smaller_path_is_not_believed_after_a_restart),
		cmocka_unit_test(still_smaller_path_is_not_believed_later),
		cmocka_unit_test(smaller_path_is_believed_as_long_as_segments_were_small),
		cmocka_unit_test(path_smaller_than_what_got_through_is_not_believed),
		cmocka_unit_test(path_smaller_than_some_of_a_flight_is_not_believed),
	};

	return cmocka_run_group_tests_name("RFC 5927: ICMP", test, NULL, NULL);
}
