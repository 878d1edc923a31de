/*
 * When there is not enough: records and buffers, and who is served first.
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

/* An idle connection is cut; the SYN gets a cookie, which opens when the record is free. */
static void
idle_connection_makes_room_for_a_new_one(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	p.port++;
	p.seq = 6999;
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA", .ack = 7000);
	peer_expect(&p, .flags = "RA", .ack = 1000);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_EVICTED);
	peer_release(&p);
	p.ack = 5000;
	peer_send(&p);
	assert_int_equal(p.accepted_n, 2);
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

/* Peers that never fill their gaps hold a share of the buffers, and give all of it back. */
static void
islands_do_not_use_the_budget_up(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);
	struct tcp_load load;

	(void)state;
	for (uint32_t k = 1; k < 20; k++) {
		p.port++;
		p.seq = 999;
		p.ack = 0;
		peer_send(&p, .flags = "S");
		peer_expect(&p, .flags = "SA");
		peer_send(&p);
		for (uint32_t i = 0; i < 64; i++)
			peer_send(&p, .seq = 1002 + 2 * i, .n = 1);
		peer_ignore(&p);
	}
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

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(time_wait_makes_room_for_a_new_connection),
		cmocka_unit_test(idle_connection_makes_room_for_a_new_one),
		cmocka_unit_test(budget_refuses_gaps_before_it_refuses_order),
		cmocka_unit_test(islands_do_not_use_the_budget_up),
	};

	return cmocka_run_group_tests_name("memory: records and buffers", test, NULL, NULL);
}
