/*
 * test_fragments.c - lanes whose clients' requests come in two pieces: refused or put together,
 * where they arrive, and served by the lane of their flow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/net.h"
#include "town.h"
#include "wire/ip.h"

enum {
	ASKS = 100,
	POOL = 4096,
};

static struct town town;

static void
open_town(uint16_t lane_n, uint16_t queue_n, bool has_rss, uint32_t flags)
{
	town_open(&town, &(struct town_conf){ .lane_n = lane_n,
					      .queue_n = queue_n,
					      .has_rss = has_rss,
					      .spread = has_rss ? town_spread_right : NULL,
					      .bufs_n = POOL,
					      .flags = flags });
	town.cuts = true;
}

static void
ask(uint32_t first, uint32_t n)
{
	town_ask(&town, first);
	town_run(&town, 30);
	for (uint32_t i = first + 1; i < first + n; i++)
		town_ask(&town, i);
	town_run(&town, 400);
}

static uint32_t
answered(uint32_t first, uint32_t n)
{
	uint32_t done = 0;

	for (uint32_t i = first; i < first + n; i++)
		done += town.conn[i].is_done;
	return done;
}

static uint32_t
held(void)
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < town.lane_n; i++)
		n += net_fragment_bufs(lane_net(town.lane[i]));
	return n;
}

/* All pieces come to lane 0: by one queue, or because a card has no hash for them. */
static void
serve(uint16_t queue_n, bool has_rss)
{
	open_town(4, queue_n, has_rss, IMG_MACHINE_REASSEMBLES);
	ask(0, ASKS);
	assert_int_equal(answered(0, ASKS), ASKS);
	assert_int_equal(town.resets, 0);
	assert_int_equal(TOWN_SUM(&town, net_reassembled), ASKS);
	assert_int_equal(town.board[0].counters->net_reassembled, ASKS);
	for (uint32_t i = 0; i < 4; i++)
		assert_true(town.board[i].counters->http_requests > ASKS / 4 / 3);
	assert_true(TOWN_SUM(&town, lane_handed_over) >= ASKS / 2);
	assert_int_equal(TOWN_SUM(&town, wire_drop_ip4_fragment), 0);
	if (has_rss)
		assert_int_equal(steer_mode(mesh_steer(town.mesh, 0)), INSTANCE_STEERING_RSS);
	assert_int_equal(held(), 0);
	town_close(&town);
}

static void
what_came_in_pieces_reaches_the_lane_of_its_flow(void **state)
{
	(void)state;
	serve(1, false);
	serve(4, true);
}

static void
one_lane_serves_what_came_in_pieces(void **state)
{
	(void)state;
	open_town(1, 1, false, IMG_MACHINE_REASSEMBLES);
	ask(0, ASKS);
	assert_int_equal(answered(0, ASKS), ASKS);
	assert_int_equal(TOWN_SUM(&town, lane_handed_over), 0);
	town_close(&town);
}

/* A segment behind an atomic fragment header (RFC 6946). */
static void
send_atomic(uint16_t src_port, uint8_t flags)
{
	static const uint8_t atomic[] = { IP_PROTO_TCP, 0, 0, 0, 0, 0, 0, 7 };
	struct tcp_seg seg = { .src = town_ip6,
			       .dst = town_ip6,
			       .src_port = src_port,
			       .dst_port = 80,
			       .flags = flags };
	struct buf *b = buf_take(town.wire);
	uint8_t *p;

	seg.src.b[15] = 2;
	seg_emit_packet(&seg, &(struct seg_how){ 0 }, b);
	p = buf_prepend(b, sizeof(atomic));
	memmove(p, p + sizeof(atomic), IP6_HEADER);
	memcpy(p + IP6_HEADER, atomic, sizeof(atomic));
	p[5] = (uint8_t)(p[5] + sizeof(atomic));
	p[6] = 44;
	town_send(&town, b, ETH_TYPE_IP6);
}

/* No card sees what is behind them, and no lane before it has decoded the packet. */
static void
segments_behind_extension_headers_reach_the_lane_of_their_flow(void **state)
{
	(void)state;
	open_town(4, 1, false, 0);
	town_run(&town, 10);
	for (uint16_t i = 0; i < ASKS; i++)
		send_atomic((uint16_t)(3000 + i), TCP_ACK);
	town_run(&town, 30);
	for (uint32_t i = 0; i < 4; i++)
		assert_true(town.board[i].counters->tcp_rx_no_flow > ASKS / 4 / 3);
	assert_int_equal(TOWN_SUM(&town, tcp_rx_no_flow), ASKS);
	assert_int_equal(TOWN_SUM(&town, wire_drop_ip6_fragment), 0);
	town_close(&town);
}

/* A new view changes it, both ways; what waits then is dropped. */
static void
fragments_are_refused_unless_the_view_wants_them(void **state)
{
	(void)state;
	open_town(2, 1, false, 0);
	ask(0, 10);
	assert_int_equal(answered(0, 10), 0);
	assert_int_equal(TOWN_SUM(&town, wire_drop_ip4_fragment), 20);
	assert_int_equal(TOWN_SUM(&town, net_fragments), 0);

	town.flags = IMG_MACHINE_REASSEMBLES;
	town_publish(&town, 0, 1);
	ask(10, 10);
	assert_int_equal(answered(10, 10), 10);
	town.forgets = true;
	ask(20, 10);
	assert_int_equal(held(), 8); /* of one source */

	town.flags = 0;
	town_publish(&town, 0, 1);
	town_run(&town, 30);
	assert_int_equal(held(), 0);
	assert_int_equal(TOWN_SUM(&town, net_frag_drop_off), 8);
	town.forgets = false;
	ask(30, 10);
	assert_int_equal(answered(30, 10), 0);
	assert_int_equal(TOWN_SUM(&town, wire_drop_ip4_fragment), 40);
	town_close(&town);
}

/*
 * A port that spreads otherwise than it says: flows settle where their first segment arrives, and
 * nobody has found it out yet. Pieces arrive elsewhere, and the hash names a lane that knows
 * nothing of the flow.
 */
static void
what_came_in_pieces_finds_a_flow_that_settled_at_a_wrong_lane(void **state)
{
	(void)state;
	open_town(4, 4, true, IMG_MACHINE_REASSEMBLES);
	town.cuts = false;
	for (uint32_t i = 0; i < 20; i++)
		ask(0, 400);
	town.spread = town_spread_wrong;
	town.cuts = true;
	ask(420, 50);
	assert_int_equal(answered(420, 50), 50);
	assert_int_equal(town.resets, 0);
	assert_int_equal(TOWN_SUM(&town, tcp_rx_no_flow), 0);
	assert_int_equal(TOWN_SUM(&town, lane_handed_over), TOWN_SUM(&town, lane_taken_over));
	town_close(&town);
}

/* Every lane has said so, then the hash's answers: once. What opens a flow has nothing to look for. */
static void
flow_that_nobody_has_is_looked_for_once_round(void **state)
{
	uint64_t handed;

	(void)state;
	open_town(4, 4, true, 0);
	town_run(&town, 10);
	send_atomic(3000, TCP_ACK);
	town_run(&town, 30);
	assert_int_equal(TOWN_SUM(&town, tcp_rx_no_flow), 1);
	handed = TOWN_SUM(&town, lane_handed_over);
	assert_in_range(handed, 4, 5);
	assert_int_equal(TOWN_SUM(&town, lane_taken_over), handed);
	send_atomic(3000, TCP_SYN);
	town_run(&town, 30);
	assert_int_equal(TOWN_SUM(&town, tcp_rx_no_flow), 2);
	assert_int_equal(TOWN_SUM(&town, lane_handed_over) - handed, handed - 4);
	town_close(&town);
}

/* A hundred a lane at once: who sends what nobody has must not have each lane look at it. */
static void
flood_of_flows_that_nobody_has_goes_no_rounds(void **state)
{
	const uint32_t flood = 2000, rounds = 4 * 110;

	(void)state;
	open_town(4, 4, true, 0);
	town_run(&town, 10);
	for (uint32_t i = 0; i < flood; i++)
		send_atomic((uint16_t)(3000 + i), TCP_ACK);
	town_run(&town, 100);
	/* Nobody answers what is too much: the answer would reset a flow that another lane has. */
	assert_in_range(TOWN_SUM(&town, tcp_rx_no_flow), 4 * 100, rounds);
	assert_int_equal(TOWN_SUM(&town, tcp_rx_no_flow) + TOWN_SUM(&town, lane_drop_rounds),
			 flood);
	assert_in_range(TOWN_SUM(&town, lane_handed_over), 4 * 100 * 4, flood + rounds * 4);
	town_close(&town);
}

/* They are the first to go; connections do not notice. */
static void
fragments_go_when_buffers_run_out(void **state)
{
	struct buf *taken[POOL];
	uint32_t n = POOL - POOL / 16 + 1;

	(void)state;
	open_town(2, 1, false, IMG_MACHINE_REASSEMBLES);
	town.forgets = true;
	ask(0, 4);
	assert_int_equal(held(), 4);
	assert_int_equal(lane_bufs_held(town.lane[0]), 4);
	assert_true(buf_take_burst(town.pool, taken, n));
	town_run(&town, 100);
	assert_int_equal(held(), 0);
	assert_int_equal(TOWN_SUM(&town, net_frag_drop_pressure), 4);
	town.cuts = false;
	ask(10, 10);
	assert_int_equal(answered(10, 10), 10);
	buf_give_burst(taken, n);
	town_close(&town);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came_in_pieces_reaches_the_lane_of_its_flow),
		cmocka_unit_test(one_lane_serves_what_came_in_pieces),
		cmocka_unit_test(segments_behind_extension_headers_reach_the_lane_of_their_flow),
		cmocka_unit_test(what_came_in_pieces_finds_a_flow_that_settled_at_a_wrong_lane),
		cmocka_unit_test(flow_that_nobody_has_is_looked_for_once_round),
		cmocka_unit_test(flood_of_flows_that_nobody_has_goes_no_rounds),
		cmocka_unit_test(fragments_are_refused_unless_the_view_wants_them),
		cmocka_unit_test(fragments_go_when_buffers_run_out),
	};

	return cmocka_run_group_tests_name("fragments", tests, NULL, NULL);
}
