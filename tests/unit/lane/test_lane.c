/*
 * test_lane.c - whole lanes over a fake port: hand-over both ways, steering, back-pressure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "town.h"

enum {
	ASKS = 200
};

static struct town town;

/* The first finds the neighbour, so that no packet is dropped waiting for it. */
static void
ask_all(uint32_t n)
{
	town_ask(&town, 0);
	town_run(&town, 30);
	for (uint32_t i = 1; i < n; i++)
		town_ask(&town, i);
	town_run(&town, 400);
}

static void
assert_all_answered(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		assert_true(town.conn[i].is_done);
		assert_string_equal(town.conn[i].head, "HTTP/1.1 404");
	}
	assert_int_equal(town.resets, 0);
	assert_int_equal(town.wrong_lane_tx, 0);
	assert_int_equal(TOWN_SUM(&town, lane_drop_handover_full), 0);
	assert_int_equal(TOWN_SUM(&town, lane_drop_tx_full), 0);
}

static void
one_lane_answers_without_any_hand_over(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 1, .queue_n = 1, .bufs_n = 8192 });
	ask_all(ASKS);
	assert_all_answered(ASKS);
	assert_int_equal(TOWN_SUM(&town, lane_handed_over), 0);
	town_close(&town);
}

/* penstockctl tune burst=1, which some drivers of cards would never give a frame for. */
static void
a_card_that_wants_to_be_asked_for_many_is_heard_at_any_burst(void **state)
{
	size_t n = runtime_bytes(16, 1);
	void *bytes = aligned_alloc(64, (n + 63) / 64 * 64);
	struct abi_fault fault;
	struct runtime rt;

	(void)state;
	assert_non_null(bytes);
	runtime_init(bytes, 16, 1);
	assert_true(runtime_open(bytes, n, &rt, &fault));
	assert_true(runtime_put_tune(&rt, RUNTIME_TUNE_BURST, 1));
	town_open(&town, &(struct town_conf){ .lane_n = 1, .queue_n = 1, .bufs_n = 8192 });
	town.port.facts.burst_least = 32;
	town.views.runtime = &rt;
	town.views.epoch++;
	ask_all(ASKS);
	assert_all_answered(ASKS);
	town_close(&town);
	free(bytes);
}

/* A card's link comes up seconds after its start, or again: what was said before is lost. */
static void
a_link_that_comes_up_hears_of_our_addresses(void **state)
{
	uint64_t before;

	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 2, .queue_n = 1, .bufs_n = 8192 });
	town.step_ns = 1000000;
	town_run(&town, 4000);
	before = TOWN_SUM(&town, net_announcements);
	assert_true(before > 0);
	town_run(&town, 1000);
	assert_int_equal(TOWN_SUM(&town, net_announcements), before);
	town.is_down = true;
	town_run(&town, 1000);
	assert_int_equal(TOWN_SUM(&town, net_announcements), before);
	town.is_down = false;
	town_run(&town, 4000);
	assert_int_equal(TOWN_SUM(&town, net_announcements), 2 * before);
	town_close(&town);
}

/* Ten million idle clients fit in 6 GB. */
static void
room_for_a_connection_takes_no_more_than_600_bytes(void **state)
{
	const struct board_gauges *g;

	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 1, .queue_n = 1, .bufs_n = 4096 });
	town_run(&town, 10);
	g = town.board[0].gauges;
	assert_true(g->conns_max >= 2048); /* so that fixed parts do not matter */
	assert_in_range(g->conns_memory, 300 * g->conns_max, 600 * g->conns_max);
	town_close(&town);
}

/* Long polls: all clients may wait at once. */
static void
each_connection_may_have_its_request_in_progress(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 4, .queue_n = 1, .bufs_n = 8192 });
	town_run(&town, 10);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(town.board[i].gauges->conns_max, 512);
		assert_int_equal(town.board[i].gauges->exchanges_max, 512);
	}
	town_close(&town);
}

/* Received by lane 0 for all, sent by lane 0 for all; answered by each. */
static void
four_lanes_share_one_queue(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 4, .queue_n = 1, .bufs_n = 8192 });
	ask_all(ASKS);
	assert_all_answered(ASKS);
	assert_int_equal(TOWN_SUM(&town, lane_handed_over), TOWN_SUM(&town, lane_taken_over));
	for (uint32_t i = 0; i < 4; i++)
		assert_true(town.board[i].counters->http_requests > ASKS / 4 / 3);
	assert_int_equal(town.board[0].counters->lane_taken_over, 0);
	for (uint32_t i = 1; i < 4; i++)
		assert_int_equal(town.board[i].counters->lane_tx_frames, 0);
	town_close(&town);
}

/* What one lane learned of a neighbour all know: the answer came to lane 0 each time. */
static void
a_neighbour_that_one_lane_hears_is_known_to_all(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 4, .queue_n = 1, .bufs_n = 8192 });
	ask_all(ASKS);
	assert_all_answered(ASKS);
	assert_in_range(town.arp_answers, 1, 4);
	town_close(&town);
}

static void
a_port_that_spreads_as_it_tells_needs_no_hand_over(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 4,
					      .queue_n = 4,
					      .has_rss = true,
					      .spread = town_spread_right,
					      .bufs_n = 8192 });
	ask_all(ASKS);
	assert_all_answered(ASKS);
	assert_int_equal(TOWN_SUM(&town, lane_handed_over), 0);
	assert_int_equal(steer_mode(mesh_steer(town.mesh, 0)), INSTANCE_STEERING_RSS);
	assert_true(mesh_steer(town.mesh, 0)->judged >= 3 * ASKS);
	assert_int_equal(mesh_steer(town.mesh, 0)->wrong, 0);
	town_close(&town);
}

/* Two queues, five lanes: each queue's lane hands over to those that share it. */
static void
lanes_that_share_a_queue_are_reached_through_its_lane(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 5,
					      .queue_n = 2,
					      .has_rss = true,
					      .spread = town_spread_right,
					      .bufs_n = 8192 });
	ask_all(ASKS);
	assert_all_answered(ASKS);
	assert_int_equal(mesh_steer(town.mesh, 0)->wrong, 0);
	assert_true(town.board[2].counters->lane_taken_over > 0);
	for (uint32_t i = 0; i < 5; i++)
		assert_true(town.board[i].counters->http_requests > 0);
	town_close(&town);
}

static void
a_port_that_spreads_otherwise_is_found_out_and_served_all_the_same(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 4,
					      .queue_n = 4,
					      .has_rss = true,
					      .spread = town_spread_wrong,
					      .bufs_n = 8192 });
	ask_all(ASKS);
	assert_all_answered(ASKS);
	assert_int_equal(steer_mode(mesh_steer(town.mesh, 0)), INSTANCE_STEERING_MISMATCH);
	assert_int_equal(TOWN_SUM(&town, lane_steering_switched), 1);
	assert_true(TOWN_SUM(&town, lane_handed_over) >= ASKS);
	town_close(&town);
}

/* Nobody waits for a port that takes nothing, and nothing of it stays behind. */
static void
a_port_that_takes_nothing_loses_its_queue_in_time(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 2, .queue_n = 1, .bufs_n = 8192 });
	town_ask(&town, 0);
	town_run(&town, 100);
	assert_all_answered(1);
	town.queue[0].is_stuck = true;
	for (uint32_t i = 1; i < ASKS; i++)
		town_ask(&town, i);
	town_run(&town, 1000);
	assert_true(TOWN_SUM(&town, lane_drop_tx_stalled) > 0);
	town.queue[0].is_stuck = false;
	town.step_ns = 1000000;
	town_run(&town, 20000); /* TCP's own timers make it good */
	assert_all_answered(ASKS);
	town_close(&town);
}

/* No buffer for anybody: the link is told who we are, and connections only come later. */
static void
a_dry_pool_leaves_the_link_its_own(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 2, .queue_n = 1, .bufs_n = 4096 });
	town_run(&town, 10);
	buf_heap_set_capacity(town.pool, 0);
	town_ask(&town, 0);
	for (uint32_t i = 0; i < 20; i++) {
		town_ask_arp(&town);
		town_run(&town, 20);
	}
	assert_int_equal(town.arp_heard, 20);
	assert_int_equal(TOWN_SUM(&town, net_no_buffers), 0);
	assert_false(town.conn[0].is_open);
	assert_true(TOWN_SUM(&town, tcp_tx_no_buffer) > 0);
	buf_heap_set_capacity(town.pool, 4096);
	town_run(&town, 100);
	assert_all_answered(1);
	town_close(&town);
}

/* RFC 1122, 4.2.3.5: TCP that hears nothing makes the link look for the next hop. */
static void
a_silent_peer_is_looked_for_on_the_link(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 1, .queue_n = 1, .bufs_n = 4096 });
	town_ask(&town, 0);
	town_run(&town, 2000);
	assert_all_answered(1);
	town.step_ns = 10000000;
	town_run(&town, 600);
	town.queue[0].is_stuck = true;
	town_ask(&town, 1);
	town_run(&town, 500); /* one repeated SYN-ACK after 1 s, one after 3 s */
	assert_int_equal(TOWN_SUM(&town, net_doubted), 0);
	town_run(&town, 400);
	assert_int_equal(TOWN_SUM(&town, tcp_doubts), 1);
	assert_int_equal(TOWN_SUM(&town, net_doubted), 1);
	town_close(&town);
}

/*
 * Three timeouts (0.2, 0.4, 0.8 s), a question to the old MAC and a second later one to all; then
 * TCP does not wait for the timeout that was to come 1.6 s after the last.
 */
static void
a_peer_that_comes_back_with_another_mac_gets_its_answer_in_two_and_a_half_seconds(void **state)
{
	uint64_t begin;

	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 2, .queue_n = 1, .bufs_n = 4096 });
	town.step_ns = 1000000;
	ask_all(1);
	town_run(&town, 3000);
	town.moves = true;
	begin = town.now;
	town_ask(&town, 1);
	while (!town.conn[1].is_done && town.now - begin < 20000000000)
		town_run(&town, 1);
	assert_in_range(town.now - begin, 2400000000, 2450000000);
	assert_int_equal(TOWN_SUM(&town, net_doubted), 1);
	assert_true(TOWN_SUM(&town, net_moved) >= 1);
	assert_int_equal(TOWN_SUM(&town, tcp_hurried), 1);
	town_close(&town);
}

static uint32_t
rows_n(uint32_t incarnation)
{
	uint32_t n = 0;

	while (n < IMG_RULES_MAX && town.board[0].rule[n].incarnation == incarnation)
		n++;
	return n;
}

/* Ten thousand rows at once, in nobody's cache, would be a turn of a third of a millisecond. */
static void
send_from(uint8_t host, uint8_t flags)
{
	const struct tcp_seg seg = { .src = ip_from_v4((const uint8_t[]){ 10, 0, 0, host }),
				     .dst = ip_from_v4((const uint8_t[]){ 10, 0, 0, 1 }),
				     .src_port = 4000,
				     .dst_port = 80,
				     .flags = flags };
	struct buf *b = buf_take(town.wire);

	seg_emit_packet(&seg, &(struct seg_how){ 0 }, b);
	town_send(&town, b, ETH_TYPE_IP4);
}

/* RFC 1122, 3.2.1.3; RFC 9293, MUST-63: nobody answers a whole link. */
static void
segments_from_a_broadcast_address_are_dropped(void **state)
{
	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 1, .queue_n = 1, .bufs_n = 8192 });
	town_run(&town, 10);
	send_from(255, TCP_SYN);
	send_from(255, TCP_ACK);
	send_from(0, TCP_SYN);
	town_run(&town, 10);
	assert_int_equal(TOWN_SUM(&town, lane_drop_broadcast_source), 3);
	assert_int_equal(TOWN_SUM(&town, tcp_rx_segments), 0);
	send_from(254, TCP_ACK);
	town_run(&town, 10);
	assert_int_equal(TOWN_SUM(&town, tcp_rx_segments), 1);
	assert_int_equal(TOWN_SUM(&town, lane_drop_broadcast_source), 3);
	town_close(&town);
}

static void
rules_of_a_new_view_get_their_rows_over_many_turns(void **state)
{
	enum {
		RULES = 10000,
		A_TURN = 256,
	};
	uint32_t turns;

	(void)state;
	town_open(&town,
		  &(struct town_conf){ .lane_n = 1, .queue_n = 1, .bufs_n = 4096, .rule_n = 100 });
	town_run(&town, 1);
	assert_int_equal(rows_n(1), 100);
	town.board[0].rule[7].matched = 3;
	town_publish(&town, RULES, 1);
	for (turns = 0; rows_n(1) < RULES; turns++) {
		uint32_t before = rows_n(1);

		/* It found work: its core does not fall asleep before it has done all of it. */
		town_run(&town, 1);
		assert_int_equal(town.board[0].counters->lane_turns_busy,
				 town.board[0].counters->lane_turns);
		assert_in_range(rows_n(1), turns > 0 ? before + 1 : before, before + A_TURN);
	}
	assert_int_equal(town.board[0].rule[7].matched, 3);
	town_run(&town, 2);
	assert_true(town.board[0].counters->lane_turns_busy < town.board[0].counters->lane_turns);

	/* Other rules in these slots begin at zero; a view that goes at once takes its rest along. */
	town_publish(&town, 200, 2);
	town_run(&town, 4);
	assert_int_equal(rows_n(2), 200);
	assert_int_equal(town.board[0].rule[7].matched, 0);
	assert_int_equal(town.board[0].rule[200].incarnation, 1);
	town_close(&town);
}

/* A new ask takes the place of the old one; one that the lane does not know is refused. */
static void
what_control_asks_is_answered(void **state)
{
	struct ask ask = { .kind = ASK_KIND_FIND, .id = 7 };
	const struct answers_state *at;

	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 1, .queue_n = 1, .bufs_n = 8192 });
	ask_all(ASKS);
	at = town.answers[0].state;
	assert_int_equal(at->phase, ANSWERS_NOTHING);
	assert_true(lane_deadline(town.lane[0]) > town.now);
	ask_put(&town.asks.ask[0], &ask);
	town_run(&town, 40);
	assert_int_equal(at->ask_id, 7);
	assert_int_equal(at->phase, ANSWERS_DONE);
	ask.kind = ASK_KINDS;
	ask.id = 8;
	ask_put(&town.asks.ask[0], &ask);
	town_run(&town, 40);
	assert_int_equal(at->ask_id, 8);
	assert_int_equal(at->phase, ANSWERS_REFUSED);
	ask.kind = ASK_KIND_FIND;
	ask.id = 9;
	ask_put(&town.asks.ask[0], &ask);
	town_run(&town, 40);
	assert_int_equal(at->ask_id, 9);
	assert_int_equal(at->phase, ANSWERS_DONE);
	assert_true(lane_deadline(town.lane[0]) > town.now);
	town_close(&town);
}

/* A restart of the data plane finds the last ask still standing: it was about others. */
static void
an_ask_to_kill_is_for_this_life_alone(void **state)
{
	struct ask ask = {
		.kind = ASK_KIND_KILL,
		.id = 3,
		.life = 1,
		.filter = { .by = ASK_BY_PHASE, .phases = 1u << SESSION_IDLE },
	};
	const struct answers_state *at;

	(void)state;
	town_open(&town, &(struct town_conf){ .lane_n = 1, .queue_n = 1, .bufs_n = 8192 });
	ask_all(ASKS);
	at = town.answers[0].state;
	ask.life = town.answers[0].life + 1;
	ask_put(&town.asks.ask[0], &ask);
	town_run(&town, 40);
	assert_int_equal(at->phase, ANSWERS_REFUSED);
	assert_int_equal(at->ask_id, 3);
	ask.life = town.answers[0].life;
	ask.id = 4;
	ask_put(&town.asks.ask[0], &ask);
	town_run(&town, 40);
	assert_int_equal(at->ask_id, 4);
	assert_int_equal(at->phase, ANSWERS_DONE);
	town_close(&town);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_lane_answers_without_any_hand_over),
		cmocka_unit_test(a_card_that_wants_to_be_asked_for_many_is_heard_at_any_burst),
		cmocka_unit_test(a_link_that_comes_up_hears_of_our_addresses),
		cmocka_unit_test(room_for_a_connection_takes_no_more_than_600_bytes),
		cmocka_unit_test(each_connection_may_have_its_request_in_progress),
		cmocka_unit_test(four_lanes_share_one_queue),
		cmocka_unit_test(a_neighbour_that_one_lane_hears_is_known_to_all),
		cmocka_unit_test(a_port_that_spreads_as_it_tells_needs_no_hand_over),
		cmocka_unit_test(lanes_that_share_a_queue_are_reached_through_its_lane),
		cmocka_unit_test(
			a_port_that_spreads_otherwise_is_found_out_and_served_all_the_same),
		cmocka_unit_test(a_port_that_takes_nothing_loses_its_queue_in_time),
		cmocka_unit_test(a_dry_pool_leaves_the_link_its_own),
		cmocka_unit_test(
			a_peer_that_comes_back_with_another_mac_gets_its_answer_in_two_and_a_half_seconds),
		cmocka_unit_test(a_silent_peer_is_looked_for_on_the_link),
		cmocka_unit_test(what_control_asks_is_answered),
		cmocka_unit_test(an_ask_to_kill_is_for_this_life_alone),
		cmocka_unit_test(segments_from_a_broadcast_address_are_dropped),
		cmocka_unit_test(rules_of_a_new_view_get_their_rows_over_many_turns),
	};

	return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
