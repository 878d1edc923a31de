/*
 * When there is not enough: connections and buffers, and who is served first.
 */
#include "rfc/peer.h"

static void
time_wait_makes_room_for_a_new_connection(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_release(&p);
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	p.port++;
	p.seq = 7000;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA", .ack = 7001);
	assert_int_equal(p.count.tcp_time_wait_cut, 1);
	peer_drop(&p);
}

/* A SYN from another port, which gets a cookie. */
static void
ask_for_a_cookie(struct peer *p, uint32_t at_ms)
{
	p->port++;
	p->seq = 6999;
	peer_send(p, .at_ms = at_ms, .flags = "S", .mss = 1460);
	peer_expect(p, .flags = "SA", .ack = 7000);
	p->ack = 5000;
}

/* The ACK of the cookie cuts an idle connection, and the next one opens, when the record is free. */
static void
idle_connection_makes_room_for_a_new_one(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	ask_for_a_cookie(&p, 1001);
	peer_send(&p, .seq = 7000);
	peer_expect(&p, .flags = "RA", .ack = 1000);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_EVICTED);
	peer_send(&p, .seq = 7000);
	peer_expect_quiet(&p);
	peer_release(&p);
	peer_send(&p, .seq = 7000);
	assert_int_equal(p.accepted_n, 2);
	peer_drop(&p);
}

/* SYNs may come from anybody: nobody is cut for them. */
static void
idle_connection_is_not_cut_for_a_syn(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		ask_for_a_cookie(&p, 5000);
	peer_send(&p, .seq = 7000, .ack = 1234); /* nor for what is no cookie's ACK */
	peer_expect(&p, .flags = "R", .seq = 1234);
	assert_int_equal(p.count.tcp_evicted, 0);
	assert_int_equal(p.count.tcp_tx_cookies, 100);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
}

/* Idle is who has been silent for a second. */
static void
connection_that_has_just_spoken_is_not_cut(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	peer_send(&p, .at_ms = 1000);
	ask_for_a_cookie(&p, 1990);
	peer_send(&p, .seq = 7000);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_evicted, 0);
	peer_send(&p, .at_ms = 2010, .seq = 7000);
	peer_expect(&p, .flags = "RA", .ack = 1000);
	assert_int_equal(p.count.tcp_evicted, 1);
	peer_drop(&p);
}

/* One ACK that comes many times at once is still one newcomer. */
static void
copies_of_an_ack_cut_one_connection(void **state)
{
	struct peer p = peer_established(.conns_max = 2);

	(void)state;
	p.port++;
	p.seq = 6999;
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA", .ack = 7000);
	p.ack = 5000;
	peer_send(&p, .seq = 7000);
	assert_int_equal(p.accepted_n, 2);
	ask_for_a_cookie(&p, 3000);
	for (uint32_t i = 0; i < 5; i++)
		peer_send(&p, .seq = 7000);
	peer_ignore(&p);
	assert_int_equal(p.count.tcp_evicted, 1);
	peer_drop(&p);
}

/* Who is at work is not cut: the SYN gets a cookie, and its ACK no answer as long as nothing is free. */
static void
busy_connection_is_not_cut_for_a_new_one(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	peer_write(&p, 1000);
	peer_expect(&p, .flags = "PA", .seq = 5000, .n = 1000);
	peer_wait(&p, 5000);
	peer_ignore(&p);
	ask_for_a_cookie(&p, 5000);
	peer_send(&p, .seq = 7000);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_conns_exhausted, 2);
	assert_int_equal(p.count.tcp_evicted, 0);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
}

/* Takes what the window allows, a segment at a time; what is offered in the end. */
static uint32_t
window_of_a_prompt_reader(struct peer *p)
{
	for (uint32_t i = 0; i < 40; i++) {
		peer_send(p, .n = 1000);
		peer_read(p);
		peer_room(p, 65535);
	}
	peer_ignore(p);
	return peer_info(p).rcv_wnd;
}

/* Half of the budget, and nearly all of it: what TCP holds and what its owner does count alike. */
static void
windows_fall_with_what_is_left_of_the_budget(void **state)
{
	struct peer p = peer_established(.bufs_max = 64, .recv_max = 65535);

	(void)state;
	tcp_set_owner_bufs(p.tcp, 31);
	assert_in_range(window_of_a_prompt_reader(&p), 60000, 65535);
	peer_drop(&p);
	p = peer_established(.bufs_max = 64, .recv_max = 65535);
	tcp_set_owner_bufs(p.tcp, 32);
	assert_in_range(window_of_a_prompt_reader(&p), 14000, 65535 / 4);
	peer_drop(&p);
	p = peer_established(.bufs_max = 64, .recv_max = 65535);
	tcp_set_owner_bufs(p.tcp, 60);
	assert_in_range(window_of_a_prompt_reader(&p), 1, 2 * MSS);
	peer_drop(&p);
}

/* Half, and three quarters: who takes nothing is given no more than two segments to keep. */
static void
send_queues_shrink_with_what_is_left_of_the_budget(void **state)
{
	struct peer p = peer_established(.bufs_max = 64, .send_max = 1 << 20);
	uint32_t cwnd = peer_info(&p).cwnd_bytes;

	(void)state;
	tcp_set_owner_bufs(p.tcp, 31);
	assert_int_equal(tcp_send_room(p.tcp, p.id), 1 << 20);
	tcp_set_owner_bufs(p.tcp, 32);
	assert_int_equal(tcp_send_room(p.tcp, p.id), cwnd + 2 * MSS);
	tcp_set_owner_bufs(p.tcp, 48);
	assert_int_equal(tcp_send_room(p.tcp, p.id), cwnd + 2 * MSS);
	peer_send(&p, .wnd = PEER_SHUT);
	assert_int_equal(tcp_send_room(p.tcp, p.id), 2 * MSS);
	peer_drop(&p);
}

/* A peer that has just come is promised little. */
static void
new_connections_are_promised_two_segments_at_half_of_the_budget(void **state)
{
	struct peer p = peer_new(.bufs_max = 64);

	(void)state;
	tcp_set_owner_bufs(p.tcp, 31);
	peer_send(&p, .flags = "S", .mss = MSS);
	peer_expect(&p, .flags = "SA", .wnd = 10 * MSS);
	tcp_set_owner_bufs(p.tcp, 32);
	p.port++;
	p.seq = 999;
	p.ack = 0;
	peer_send(&p, .flags = "S", .mss = MSS);
	peer_expect(&p, .flags = "SA", .wnd = 2 * MSS);
	peer_drop(&p);
}

/* The budget: what lies beyond a gap goes first, what is in order is taken to the end. */
static void
budget_refuses_gaps_before_it_refuses_order(void **state)
{
	struct peer p = peer_established(.bufs_max = 32, .recv_max = 65535);
	struct tcp_load load;

	(void)state;
	peer_room(&p, 65535);
	for (uint32_t i = 0; i < 27; i++)
		peer_send(&p, .n = 1000);
	peer_send(&p, .seq = 1000 + 28000, .n = 1000);
	assert_int_equal(p.count.tcp_rx_gap_no_memory, 1);
	peer_send(&p, .seq = 1000 + 27000, .n = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 28000);
	peer_send(&p, .seq = 1000 + 28000, .n = 1000);
	assert_int_equal(p.count.tcp_rx_no_memory, 1);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 28);
	peer_read(&p);
	peer_send(&p, .seq = 1000 + 28000, .n = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 1000);
	peer_drop(&p);
}

/* So many connections more, each with as many gaps as it may have, between pieces of n bytes. */
static void
open_with_gaps(struct peer *p, uint32_t conns, uint32_t n)
{
	for (uint32_t k = 0; k < conns; k++) {
		peer_open_next(p);
		for (uint32_t i = 0; i < 64; i++)
			peer_send(p, .seq = 1001 + (n + 1) * i, .n = n);
		peer_ignore(p);
	}
}

/* Peers that never fill their gaps hold a share of the buffers, and give all of it back. */
static void
islands_do_not_use_the_budget_up(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);
	struct tcp_load load;

	(void)state;
	open_with_gaps(&p, 19, 1);
	tcp_load(p.tcp, &load);
	assert_in_range(load.bufs_held, 1, load.bufs_max / 4);
	assert_true(p.count.tcp_rx_gap_no_memory > 0);
	for (; p.port > PEER_PORT; p.port--) {
		peer_send(&p, .flags = "R", .seq = 1000);
		peer_ignore(&p);
	}
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 0);
	peer_drop(&p);
}

/* ... and however many of them there are, one with a gap has its bytes behind it kept. */
static void
islands_of_strangers_make_room_for_a_gap(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);
	uint64_t refused;
	uint32_t bias;

	(void)state;
	open_with_gaps(&p, 19, 1);
	refused = p.count.tcp_rx_gap_no_memory;
	peer_open_next(&p);
	for (uint32_t i = 1; i < 10; i++)
		peer_send(&p, .seq = 1000 + i * 1000, .n = 1000);
	peer_ignore(&p);
	assert_int_equal(p.count.tcp_rx_gap_no_memory, refused);
	bias = p.bias;
	open_with_gaps(&p, 8, 1);
	p.port -= 8;
	p.bias = bias;
	p.ack = 5000;
	peer_send(&p, .seq = 1000, .n = 1000);
	peer_expect(&p, .ack = 11000);
	peer_drop(&p);
}

/* The same of full segments: nobody holds more than others by far, when there is not enough. */
static void
gaps_are_shared_evenly(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);

	(void)state;
	open_with_gaps(&p, 10, 1000);
	peer_open_next(&p);
	for (uint32_t i = 1; i < 10; i++)
		peer_send(&p, .seq = 1000 + i * 1000, .n = 1000);
	peer_send(&p, .seq = 1000, .n = 1000);
	peer_ignore(&p);
	assert_int_equal(p.heard[(p.heard_n - 1) % PEER_QUEUE].seg.ack.v, 11000);
	assert_true(p.count.tcp_gaps_cut > 0);
	peer_drop(&p);
}

/* From the next port, so many runs of n bytes beyond gaps. */
static void
open_with_runs(struct peer *p, uint32_t runs, uint32_t n)
{
	peer_open_next(p);
	for (uint32_t i = 0; i < runs; i++)
		peer_send(p, .seq = 1001 + (n + 1) * i, .n = n);
	peer_ignore(p);
}

/* ... and who has as much as another takes nothing from him: they would take it in turns for ever. */
static void
equals_cut_each_other_nothing(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 1000; n += 999) {
		struct peer p = peer_established(.bufs_max = 64, .recv_max = 65535);

		open_with_runs(&p, 8, n);
		open_with_runs(&p, 1, n);
		open_with_runs(&p, 7, n);
		assert_int_equal(p.count.tcp_rx_gap_no_memory, 0);
		peer_send(&p, .seq = 1001 + (n + 1) * 7, .n = n);
		assert_int_equal(p.count.tcp_rx_gap_no_memory, 1);
		assert_int_equal(p.count.tcp_gaps_cut, 0);
		peer_drop(&p);
	}
}

/* Nobody gives way to what will not be held: bytes that are here already, ... */
static void
duplicate_beyond_a_gap_cuts_nobody(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);
	uint32_t bias;

	(void)state;
	peer_open_next(&p);
	peer_send(&p, .seq = 2000, .n = 1000);
	peer_expect(&p, .ack = 1000, .sack = { { 2000, 3000 } });
	bias = p.bias;
	open_with_gaps(&p, 2, 1);
	assert_true(p.count.tcp_rx_gap_no_memory > 0); /* the share is used up */
	p.port -= 2;
	p.bias = bias;
	p.ack = 5000;
	peer_send(&p, .seq = 2100, .n = 900);
	peer_expect(&p, .ack = 1000, .sack = { { 2100, 3000 }, { 2000, 3000 } });
	assert_int_equal(p.count.tcp_rx_duplicates, 1);
	assert_int_equal(p.count.tcp_gaps_cut, 0);
	peer_send(&p, .seq = 4000, .n = 1000);
	assert_int_equal(p.count.tcp_gaps_cut, 1);
	peer_drop(&p);
}

/* ... and one gap too many. */
static void
gap_too_many_cuts_nobody(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);
	uint64_t cut;
	uint32_t bias;

	(void)state;
	peer_open_next(&p);
	peer_room(&p, 65535);
	for (uint32_t i = 0; i < 64; i++)
		peer_send(&p, .seq = 1001 + 1001 * i, .n = 1000);
	peer_ignore(&p);
	bias = p.bias;
	open_with_gaps(&p, 2, 1);
	assert_true(p.count.tcp_rx_gap_no_memory > 0);
	cut = p.count.tcp_gaps_cut;
	p.port -= 2;
	p.bias = bias;
	p.ack = 5000;
	peer_send(&p, .seq = 1001 + 64 * 1001, .n = 1000);
	assert_int_equal(p.count.tcp_rx_too_many_gaps, 1);
	assert_int_equal(p.count.tcp_gaps_cut, cut);
	peer_send(&p, .seq = 1000 + 64 * 1001, .n = 1000); /* behind the last one: no gap more */
	assert_int_equal(p.count.tcp_gaps_cut, cut + 1);
	peer_drop(&p);
}

/* A long run is halved from its end, what is left of it counts, and its peer sends the rest again. */
static void
long_run_beyond_a_gap_gives_its_end(void **state)
{
	struct peer p = peer_established(.bufs_max = 128, .recv_max = 65535);
	uint32_t bias = p.bias;

	(void)state;
	peer_room(&p, 65535);
	for (uint32_t i = 1; i <= 32; i++)
		peer_send(&p, .seq = 1000 + i * 1000, .n = 1000);
	assert_int_equal(p.count.tcp_rx_gap_no_memory, 0);
	peer_ignore(&p);
	peer_open_next(&p);
	peer_send(&p, .seq = 2000, .n = 1000);
	assert_int_equal(p.count.tcp_gaps_cut, 1);
	p.port--;
	p.bias = bias;
	peer_ignore(&p);
	peer_send(&p, .seq = 1000, .n = 1000);
	peer_expect(&p, .ack = 1000 + 17 * 1000);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(time_wait_makes_room_for_a_new_connection),
		cmocka_unit_test(idle_connection_makes_room_for_a_new_one),
		cmocka_unit_test(idle_connection_is_not_cut_for_a_syn),
		cmocka_unit_test(connection_that_has_just_spoken_is_not_cut),
		cmocka_unit_test(copies_of_an_ack_cut_one_connection),
		cmocka_unit_test(busy_connection_is_not_cut_for_a_new_one),
		cmocka_unit_test(windows_fall_with_what_is_left_of_the_budget),
		cmocka_unit_test(send_queues_shrink_with_what_is_left_of_the_budget),
		cmocka_unit_test(new_connections_are_promised_two_segments_at_half_of_the_budget),
		cmocka_unit_test(budget_refuses_gaps_before_it_refuses_order),
		cmocka_unit_test(islands_do_not_use_the_budget_up),
		cmocka_unit_test(islands_of_strangers_make_room_for_a_gap),
		cmocka_unit_test(gaps_are_shared_evenly),
		cmocka_unit_test(equals_cut_each_other_nothing),
		cmocka_unit_test(duplicate_beyond_a_gap_cuts_nobody),
		cmocka_unit_test(gap_too_many_cuts_nobody),
		cmocka_unit_test(long_run_beyond_a_gap_gives_its_end),
	};

	return cmocka_run_group_tests_name("memory: connections and buffers", test, NULL, NULL);
}
