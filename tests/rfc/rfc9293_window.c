/*
 * RFC 9293, 3.8.6: the peer's window, probes of it, and ours; silly windows on both sides.
 */
#include "rfc/peer.h"

static void
sending_stops_at_the_window(void **state)
{
	struct peer p = peer_established(.wnd = 3000);

	(void)state;
	peer_write(&p, 6000);
	peer_expect(&p, .seq = 5000, .n = 1460);
	peer_expect(&p, .seq = 6460, .n = 1460);
	peer_expect_quiet(&p); /* 80 bytes would be a silly segment */
	peer_send(&p, .ack = 6460);
	peer_expect(&p, .seq = 7920, .n = 1460);
	peer_drop(&p);
}

/* 3.8.6.1: a shut window is probed by the timer, with backoff. */
static void
shut_window_is_probed(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .at_ms = 10, .wnd = PEER_SHUT, .text = "x");
	peer_ignore(&p);
	peer_write(&p, 100);
	peer_expect(&p, .at_ms = 50, .seq = 5000); /* the delayed ACK of x */
	peer_expect(&p, .flags = "A", .seq = 4999, .at_ms = 210);
	peer_send(&p, .wnd = PEER_SHUT);
	peer_expect(&p, .flags = "A", .seq = 4999, .at_ms = 610);
	peer_send(&p, .wnd = PEER_SHUT);
	peer_expect(&p, .flags = "A", .seq = 4999, .at_ms = 1410);
	peer_send(&p, .at_ms = 1450);
	peer_expect(&p, .at_ms = 1450, .seq = 5000, .n = 100);
	assert_in_range(peer_info(&p).zero_window_ns, 1430 * MS_NS, 1450 * MS_NS);
	peer_drop(&p);
}

/* A peer that answers probes may keep its window shut for ever; one that does not is given up. */
static void
silent_peer_with_shut_window_is_given_up(void **state)
{
	struct peer p = peer_established(.user_timeout_ms = 5000);

	(void)state;
	peer_send(&p, .wnd = PEER_SHUT);
	peer_write(&p, 100);
	peer_wait(&p, 4000);
	peer_ignore(&p);
	peer_send(&p, .wnd = PEER_SHUT);
	peer_wait(&p, 8900);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_wait(&p, 30000);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_USER_TIMEOUT);
	peer_drop(&p);
}

/* 3.8.6.2.1: a small opening waits for more, then for the timer. */
static void
silly_opening_is_not_used_at_once(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .at_ms = 10, .wnd = 500);
	peer_write(&p, 5000);
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 210, .seq = 5000, .n = 500);
	peer_drop(&p);
}

static void
half_the_largest_window_is_enough(void **state)
{
	struct peer p = peer_established(.wnd = 1000);

	(void)state;
	peer_write_pieces(&p, 5000, 2000);
	peer_expect(&p, .seq = 5000, .n = 1000);
	peer_send(&p, .wnd = 500);
	peer_expect(&p, .seq = 6000, .n = 500);
	peer_drop(&p);
}

/* Nobody is left to lose patience with the peer: eight probes, then RST. */
static void
orphan_at_a_shut_window_is_cut(void **state)
{
	struct peer p = peer_established(.wnd = 100);

	(void)state;
	peer_write(&p, 1000);
	peer_expect(&p, .n = 100);
	peer_release(&p);
	peer_send(&p, .ack = 5100, .wnd = PEER_SHUT);
	for (uint32_t i = 0; i < 6; i++) {
		peer_wait(&p, 1000 << i);
		peer_ignore(&p);
		peer_send(&p, .ack = 5100, .wnd = PEER_SHUT);
	}
	peer_wait(&p, 300000);
	assert_int_equal(p.count.tcp_orphans_cut, 1);
	assert_int_equal(p.count.tcp_tx_resets, 1);
	peer_drop(&p);
}

/* 3.10.7.4: the window of an old segment is not believed. */
static void
old_segment_does_not_move_the_window(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .text = "abc", .wnd = 2000);
	peer_send(&p, .seq = 1000, .text = "abc", .wnd = 60000);
	assert_int_equal(peer_info(&p).snd_wnd, 2000);
	peer_drop(&p);
}

static void
fin_waits_for_the_window_too(void **state)
{
	struct peer p = peer_established(.wnd = 100);

	(void)state;
	peer_write(&p, 100);
	peer_shutdown(&p);
	peer_expect(&p, .n = 100);
	peer_expect_quiet(&p);
	peer_send(&p);
	peer_expect(&p, .flags = "FA", .seq = 5100);
	peer_done(&p);
}

static void
window_closes_as_bytes_arrive(void **state)
{
	struct peer p = peer_established(.recv_max = 5000);

	(void)state;
	peer_send(&p, .n = 1460);
	peer_send(&p, .n = 1460);
	peer_expect(&p, .ack = 3920, .wnd = 2080);
	peer_send(&p, .n = 1460);
	peer_send(&p, .n = 620);
	peer_wait(&p, 100);
	peer_expect(&p, .ack = 6000, .is_zero_wnd = true);
	peer_drop(&p);
}

/* 3.8.6.2.2: the right edge moves by a segment or half of the buffer, not by less. */
static void
small_room_does_not_move_the_edge(void **state)
{
	struct peer p = peer_established(.recv_max = 5000);

	(void)state;
	peer_send(&p, .n = 1460);
	peer_send(&p, .n = 1460);
	peer_send(&p, .n = 1460);
	peer_send(&p, .n = 620);
	peer_wait(&p, 100);
	peer_ignore(&p);
	peer_room(&p, 1000);
	peer_expect_quiet(&p);
	peer_room(&p, 1460);
	peer_expect(&p, .ack = 6000, .wnd = 1460);
	peer_drop(&p);
}

static void
edge_never_moves_back(void **state)
{
	struct peer p = peer_established(.recv_max = 10000);

	(void)state;
	peer_room(&p, 0);
	peer_send(&p, .n = 1460);
	peer_send(&p, .n = 1460);
	peer_expect(&p, .ack = 3920, .wnd = 10000 - 2920);
	peer_drop(&p);
}

/* A probe of our shut window is answered, its byte is not taken. */
static void
probe_of_our_shut_window_is_acked(void **state)
{
	struct peer p = peer_established(.recv_max = 1000);

	(void)state;
	peer_send(&p, .n = 1000);
	peer_wait(&p, 100);
	peer_expect(&p, .ack = 2000, .is_zero_wnd = true);
	peer_send(&p, .seq = 2000, .text = "?");
	peer_expect(&p, .ack = 2000, .is_zero_wnd = true);
	peer_send(&p, .seq = 1999); /* as Linux probes */
	peer_expect(&p, .ack = 2000, .is_zero_wnd = true);
	assert_int_equal(tcp_readable(p.tcp, p.id), 1000);
	peer_drop(&p);
}

static void
ack_at_our_shut_window_counts(void **state)
{
	struct peer p = peer_established(.recv_max = 1000);

	(void)state;
	peer_send(&p, .n = 1000);
	peer_write_text(&p, "answer");
	peer_expect(&p, .ack = 2000, .is_zero_wnd = true, .text = "answer");
	peer_send(&p, .seq = 2000);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	peer_drop(&p);
}

static void
fin_at_our_shut_window_is_taken(void **state)
{
	struct peer p = peer_established(.recv_max = 1000);

	(void)state;
	peer_send(&p, .n = 1000);
	peer_send(&p, .flags = "FA", .seq = 2000);
	peer_expect(&p, .ack = 2001, .is_zero_wnd = true);
	assert_true(tcp_is_eof(p.tcp, p.id));
	peer_drop(&p);
}

static void
reading_reopens_the_window_by_itself(void **state)
{
	struct peer p = peer_established(.recv_max = 10000);

	(void)state;
	for (uint32_t i = 0; i < 7; i++)
		peer_send(&p, .n = i < 6 ? 1460 : 1240);
	peer_wait(&p, 100);
	peer_ignore(&p);
	assert_int_equal(peer_read(&p), 10000);
	peer_room(&p, 10000);
	peer_expect(&p, .ack = 11000, .wnd = 10000);
	peer_done(&p);
}

/* SHLD-16, SHLD-17: a peer takes its window back: nothing new is sent, what is lost still is. */
static void
window_taken_back_does_not_stop_what_is_lost(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_write(&p, MSS);
	peer_send(&p, .ack = 5000 + 2 * MSS, .wnd = 2 * MSS);
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 200, .seq = 5000 + 2 * MSS, .n = MSS);
	peer_send(&p, .ack = 5000 + 10 * MSS, .wnd = 2 * MSS);
	peer_expect(&p, .seq = 5000 + 10 * MSS, .n = MSS);
	peer_done(&p);
}

/* MUST-37: who answers at a shut window lives, though bytes that were under way never got in. */
static void
shut_window_with_bytes_under_way_is_no_reason_to_end(void **state)
{
	struct peer p = peer_established(.user_timeout_ms = 20000);

	(void)state;
	peer_write(&p, 2 * MSS);
	peer_expect_run(&p, 5000, 2);
	for (uint32_t s = 1; s < 60; s++) {
		peer_wait(&p, s * 1000);
		peer_ignore(&p);
		peer_send(&p, .ack = 5000, .wnd = PEER_SHUT);
	}
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
}

/* ... and what got lost at it goes again as soon as it opens, not when a long timeout is over. */
static void
opening_window_brings_what_was_lost_at_it(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 2 * MSS);
	peer_expect_run(&p, 5000, 2);
	for (uint32_t s = 1; s < 20; s++) {
		peer_wait(&p, s * 1000);
		peer_ignore(&p);
		peer_send(&p, .ack = 5000, .wnd = PEER_SHUT);
	}
	peer_expect_quiet(&p);
	peer_send(&p, .at_ms = 20000, .ack = 5000, .wnd = 65535);
	peer_expect(&p, .at_ms = 20000, .seq = 5000, .n = MSS);
	peer_send(&p, .at_ms = 20010, .ack = 5000 + MSS);
	peer_expect(&p, .at_ms = 20010, .seq = 5000 + MSS, .n = MSS);
	peer_drop(&p);
}

/* 3.8.6.1: a probe is an old number and no byte; its answer opens the window. */
static void
answer_to_a_probe_opens_the_window(void **state)
{
	struct peer p = peer_established(.wnd = 1000);

	(void)state;
	peer_send(&p, .wnd = PEER_SHUT);
	peer_write_text(&p, "hello");
	peer_expect(&p, .at_ms = 200, .seq = 4999, .ack = 1000);
	p.ack = 5000;
	peer_send(&p, .at_ms = 210, .wnd = 1000);
	peer_expect(&p, .at_ms = 210, .seq = 5000, .text = "hello");
	peer_done(&p);
}

/* MUST-1: a window is a number without sign. */
static void
window_above_32767_is_a_large_one(void **state)
{
	struct peer p = peer_established(.wnd = 40000, .mss = 1000);

	(void)state;
	peer_write(&p, 200000);
	for (uint32_t acked = 0, n = 10; n <= 80; n *= 2) {
		uint32_t sent = acked + (n < 40 ? n : 40) * 1000;

		peer_send(&p, .ack = 5000 + acked);
		peer_ignore(&p);
		assert_int_equal(peer_info(&p).flight_bytes, sent - acked);
		acked = sent;
	}
	assert_true(peer_info(&p).cwnd_bytes > 40000); /* it was the window that stopped it */
	peer_drop(&p);
}

/* MUST-39, 3.8.6.2.2: an owner who reads in small pieces makes no small windows. */
static void
slow_reader_opens_the_window_in_segments(void **state)
{
	struct peer p = peer_established(.recv_max = 14600);
	uint32_t room = peer_info(&p).rcv_wnd;

	(void)state;
	peer_room(&p, 0);
	for (uint32_t n = 0; n + MSS <= room; n += MSS)
		peer_send(&p, .n = MSS);
	peer_ignore(&p);
	peer_read(&p);
	for (uint32_t n = 100; n < MSS; n += 100)
		peer_room(&p, n);
	peer_expect_quiet(&p);
	peer_room(&p, MSS);
	peer_expect(&p, .wnd = MSS);
	peer_done(&p);
}

/* MUST-38: when the window has room for less than a segment, what was pushed waits with the rest. */
static void
small_window_behind_a_flight_waits(void **state)
{
	struct peer p = peer_established(.wnd = 4 * MSS);

	(void)state;
	peer_write(&p, 6 * MSS);
	peer_expect_run(&p, 5000, 4);
	peer_send(&p, .ack = 5000 + MSS, .wnd = 3 * MSS + 700);
	peer_expect_quiet(&p);
	peer_send(&p, .ack = 5000 + 2 * MSS, .wnd = 4 * MSS);
	peer_expect_run(&p, 5000 + 4 * MSS, 2);
	peer_drop(&p);
}

/* 3.10.7.4: what fills a gap is not old when it acknowledges more than was known; its window counts. */
static void
window_on_the_segment_that_fills_a_gap_counts(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 2 * MSS);
	peer_expect_run(&p, 5000, 2);
	peer_send(&p, .seq = 1100, .n = 100, .ack = 5000, .wnd = 60000);
	peer_expect(&p, .ack = 1000);
	peer_send(&p, .seq = 1000, .n = 100, .ack = 5000 + 2 * MSS, .wnd = 1000);
	assert_int_equal(peer_info(&p).snd_wnd, 1000);
	peer_drop(&p);
}

/* 3.8.6.2.1: however long the path, a silly window is used after a second. */
static void
silly_window_is_used_after_a_second(void **state)
{
	struct peer p = peer_established(.rtt_ms = 900, .wnd = 2000);

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	peer_send(&p, .at_ms = 10, .wnd = 100);
	peer_write(&p, MSS);
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 1010, .seq = 5000 + MSS, .n = 100);
	peer_drop(&p);
}

/* Also behind a window that was shut, however rarely that was probed in the end: a timeout later. */
static void
silly_window_after_a_shut_one_is_used_soon(void **state)
{
	struct peer p = peer_established(.wnd = 4 * MSS);
	uint32_t at_ms = 10;

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	peer_send(&p, .at_ms = at_ms, .wnd = PEER_SHUT);
	peer_write(&p, MSS);
	for (uint32_t i = 0; i < 6; i++) { /* probes, at longer and longer distances */
		at_ms += 20000;
		peer_wait(&p, at_ms);
		peer_ignore(&p);
		peer_send(&p, .ack = 5000 + MSS, .wnd = PEER_SHUT);
		peer_ignore(&p);
	}
	peer_send(&p, .ack = 5000 + MSS, .wnd = 100);
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = at_ms + 200, .seq = 5000 + MSS, .n = 100);
	peer_drop(&p);
}

/* Whatever room the owner has, no more is offered than the configured most. */
static void
window_has_a_most(void **state)
{
	struct peer p = peer_established(.recv_max = 30000);

	(void)state;
	peer_room(&p, 1 << 30);
	peer_expect(&p, .wnd = 30000);
	peer_drop(&p);
}

/* n bytes come, are read at once, and the owner has 1 MiB of room. Returns the window. */
static uint32_t
window_after(struct peer *p, uint32_t n)
{
	for (; n > 0; n -= n < MSS ? n : MSS) {
		peer_send(p, .n = n < MSS ? n : MSS);
		peer_read(p);
		peer_room(p, 1 << 20);
		peer_ignore(p);
	}
	return peer_info(p).rcv_wnd;
}

/* Auto-tuning: a long path needs a larger window for the same room, and gets it as far as it uses it. */
static void
window_of_a_far_peer_grows_with_what_has_come(void **state)
{
	struct peer p = peer_established(.rtt_ms = 100, .wscale = true, .scale = 8,
					 .recv_max = 8 << 20, .bufs_max = 16384);

	(void)state;
	peer_room(&p, 1 << 20);
	peer_ignore(&p);
	assert_in_range(window_after(&p, 10 * MSS), 1 << 20, (1 << 20) + 20 * MSS);
	assert_in_range(window_after(&p, 1 << 20), 19 << 16, 33 << 16); /* near 2 MiB */
	assert_in_range(window_after(&p, 8 << 20), 7 << 20, 8 << 20);
	peer_drop(&p);
}

static void
window_of_a_near_peer_is_its_owners_room(void **state)
{
	struct peer p = peer_established(.rtt_ms = 2, .wscale = true, .scale = 8,
					 .recv_max = 8 << 20, .bufs_max = 16384);

	(void)state;
	peer_room(&p, 1 << 20);
	peer_ignore(&p);
	assert_in_range(window_after(&p, 2 << 20), 1 << 19, 1 << 20);
	peer_drop(&p);
}

/* Grows the window of n round trips in slow start. */
static uint32_t
send_room_after(uint32_t rtt_ms, uint32_t n)
{
	struct peer p =
		peer_established(.rtt_ms = rtt_ms, .wscale = true, .scale = 8, .send_max = 8 << 20,
				 .bufs_max = 32768, .cc = TCP_CC_NEWRENO);
	uint32_t room, at = 5000;

	for (uint32_t i = 1; i <= n; i++) {
		while (tcp_send_room(p.tcp, p.id) > MSS &&
		       tcp_unacked(p.tcp, p.id) < 2 * peer_info(&p).cwnd_bytes)
			peer_write(&p, MSS);
		peer_ignore(&p);
		at += peer_info(&p).flight_bytes;
		peer_send(&p, .at_ms = i * rtt_ms, .ack = at);
		peer_ignore(&p);
	}
	room = tcp_send_room(p.tcp, p.id) + (uint32_t)tcp_unacked(p.tcp, p.id);
	peer_drop(&p);
	return room;
}

/* Send-side auto-limits: the queue to a far peer holds two of its windows, to a near one 1 MiB. */
static void
send_queue_follows_the_window_of_a_far_peer(void **state)
{
	(void)state;
	assert_int_equal(send_room_after(100, 2), 1 << 20);
	assert_in_range(send_room_after(100, 6), (1 << 20) + (1 << 19), 4 << 20);
	assert_int_equal(send_room_after(4, 6), 1 << 20);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(sending_stops_at_the_window),
		cmocka_unit_test(shut_window_is_probed),
		cmocka_unit_test(silent_peer_with_shut_window_is_given_up),
		cmocka_unit_test(silly_opening_is_not_used_at_once),
		cmocka_unit_test(half_the_largest_window_is_enough),
		cmocka_unit_test(orphan_at_a_shut_window_is_cut),
		cmocka_unit_test(old_segment_does_not_move_the_window),
		cmocka_unit_test(fin_waits_for_the_window_too),
		cmocka_unit_test(window_closes_as_bytes_arrive),
		cmocka_unit_test(small_room_does_not_move_the_edge),
		cmocka_unit_test(edge_never_moves_back),
		cmocka_unit_test(probe_of_our_shut_window_is_acked),
		cmocka_unit_test(ack_at_our_shut_window_counts),
		cmocka_unit_test(fin_at_our_shut_window_is_taken),
		cmocka_unit_test(reading_reopens_the_window_by_itself),
		cmocka_unit_test(window_taken_back_does_not_stop_what_is_lost),
		cmocka_unit_test(shut_window_with_bytes_under_way_is_no_reason_to_end),
		cmocka_unit_test(opening_window_brings_what_was_lost_at_it),
		cmocka_unit_test(answer_to_a_probe_opens_the_window),
		cmocka_unit_test(window_above_32767_is_a_large_one),
		cmocka_unit_test(slow_reader_opens_the_window_in_segments),
		cmocka_unit_test(small_window_behind_a_flight_waits),
		cmocka_unit_test(window_on_the_segment_that_fills_a_gap_counts),
		cmocka_unit_test(silly_window_is_used_after_a_second),
		cmocka_unit_test(silly_window_after_a_shut_one_is_used_soon),
		cmocka_unit_test(window_has_a_most),
		cmocka_unit_test(window_of_a_far_peer_grows_with_what_has_come),
		cmocka_unit_test(window_of_a_near_peer_is_its_owners_room),
		cmocka_unit_test(send_queue_follows_the_window_of_a_far_peer),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.8.6: windows", test, NULL, NULL);
}
