/*
 * test_capture.c - lanes that record packets of chosen connections: whose they are, from when until
 * when, and that the set of the chosen is bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/capture.h"
#include "lane/steer.h"
#include "proxy/watch.h"
#include "town.h"

enum {
	FIRST_PORT = 20000, /* town.c's source port of connection 0 */
};

#define S 1000000000ull

static struct town town;
static struct capture_ring ring;
static struct capture_view view;
static uint8_t *bytes;
static uint64_t ask_id;

static void
open_all(void)
{
	struct abi_fault fault;

	town_open(&town, &(struct town_conf){ .lane_n = 1, .queue_n = 1, .bufs_n = 8192 });
	bytes = calloc(1, capture_bytes());
	assert_non_null(bytes);
	capture_init(bytes, 0, town.answers[0].life, &ring);
	assert_true(capture_open(bytes, capture_bytes(), &view, &fault));
	town_ask(&town, 0); /* finds the neighbour */
	town_run(&town, 30);
}

static void
close_all(void)
{
	town_close(&town);
	free(bytes);
}

/* Who comes from this port, for so long. */
static void
begin(uint64_t id, uint16_t port, uint64_t for_ns)
{
	struct ask ask = {
		.kind = ASK_KIND_CAPTURE,
		.id = ++ask_id,
		.life = town.answers[0].life,
		.capture_id = id,
		.for_ns = for_ns,
		.snap = 128,
		.filter = { .by = ASK_BY_CLIENT_PORT, .client_port = port },
	};

	ask_put(&town.asks.ask[0], &ask);
	town_run(&town, 40);
	assert_int_equal(town.answers[0].state->ask_id, ask_id);
}

static void
begun(uint64_t id, uint16_t port, uint64_t for_ns)
{
	begin(id, port, for_ns);
	assert_int_equal(town.answers[0].state->phase, ANSWERS_DONE);
	assert_true(capture_seek(&view, id));
}

static void
end(uint64_t id)
{
	struct ask ask = {
		.kind = ASK_KIND_CAPTURE_END,
		.id = ++ask_id,
		.life = town.answers[0].life,
		.capture_id = id,
	};

	ask_put(&town.asks.ask[0], &ask);
	town_run(&town, 40);
	assert_int_equal(town.answers[0].state->phase, ANSWERS_DONE);
}

/* How many packets there are; each is of the connection from this port, and whole up to 128. */
static uint32_t
drain(uint64_t id, uint16_t port)
{
	static uint8_t got[CAPTURE_SNAP_MAX];
	struct capture_packet p;
	struct steer_tuple t;
	uint32_t n = 0;

	while (capture_next(&view, id, &p, got) == CAPTURE_PACKET) {
		bool is_out = (p.flags & CAPTURE_OUT) != 0;

		n++;
		assert_int_equal(p.kept_n, p.n < 128 ? p.n : 128);
		assert_int_equal(p.flags & CAPTURE_SERVER, 0);
		assert_true(steer_peek(got, p.kept_n, &t));
		assert_int_equal(is_out ? t.dst_port : t.src_port, port);
	}
	assert_int_equal(capture_missed(&view), 0);
	return n;
}

static void
chosen_connections_are_recorded_from_the_first_packet_to_the_last(void **state)
{
	(void)state;
	open_all();
	lane_set_capture(town.lane[0], &ring);
	begun(1, FIRST_PORT + 2, 60 * S);
	for (uint32_t i = 1; i < 4; i++)
		town_ask(&town, i);
	town_run(&town, 400);
	assert_true(town.conn[2].is_done);
	/* SYN, SYN-ACK, ACK, request, response, and what ends it */
	assert_true(drain(1, FIRST_PORT + 2) >= 6);
	end(2); /* somebody else's */
	assert_true(ring.state->is_on);
	end(1);
	assert_false(ring.state->is_on);
	assert_true(town.conn[3].is_done);
	close_all();
}

/* Another thread makes the ring: until then the lane says that it works on it, and asks nobody. */
static void
a_capture_waits_for_its_ring(void **state)
{
	struct ask find = { .kind = ASK_KIND_FIND };

	(void)state;
	open_all();
	assert_false(lane_wants_capture(town.lane[0]));
	begin(1, FIRST_PORT + 2, 60 * S);
	assert_int_equal(town.answers[0].state->phase, ANSWERS_WORKING);
	assert_true(lane_wants_capture(town.lane[0]));
	assert_true(lane_deadline(town.lane[0]) > town.now); /* no turn is wasted on it */
	find.id = ++ask_id;
	ask_put(&town.asks.ask[0], &find); /* given up: the next ask has its place */
	town_run(&town, 40);
	assert_int_equal(town.answers[0].state->phase, ANSWERS_DONE);
	assert_false(lane_wants_capture(town.lane[0]));
	begin(2, FIRST_PORT + 2, 60 * S);
	lane_set_capture(town.lane[0], &ring);
	town_run(&town, 40);
	assert_int_equal(town.answers[0].state->phase, ANSWERS_DONE);
	assert_true(capture_seek(&view, 2));
	town_ask(&town, 2);
	town_run(&town, 400);
	assert_true(drain(2, FIRST_PORT + 2) >= 6);
	close_all();
}

static void
a_capture_ends_by_itself_when_its_time_is_up(void **state)
{
	(void)state;
	open_all();
	lane_set_capture(town.lane[0], &ring);
	begun(1, FIRST_PORT + 2, S);
	town.now += 2 * S;
	town_run(&town, 40);
	assert_false(ring.state->is_on);
	town_ask(&town, 2);
	town_run(&town, 400);
	assert_true(town.conn[2].is_done);
	assert_int_equal(drain(1, FIRST_PORT + 2), 0);
	close_all();
}

static void
the_set_of_the_chosen_is_bounded_and_counts_who_had_to_go(void **state)
{
	static struct watch w;
	static const uint8_t ours[4] = { 10, 0, 0, 1 }, theirs[4] = { 10, 0, 0, 2 };
	const struct ask_filter none = { 0 };
	struct watch_flow flow = { .local = ip_from_v4(ours),
				   .remote = ip_from_v4(theirs),
				   .local_port = 80 };
	uint32_t there = 0;

	(void)state;
	watch_begin(&w, &none);
	for (uint32_t i = 1; i <= 5000; i++) {
		flow.remote_port = (uint16_t)i;
		flow.session_id = i;
		watch_add(&w, &flow);
		watch_add(&w, &flow); /* once is enough */
		assert_int_equal(
			watch_find(&w, &flow.local, 80, &flow.remote, (uint16_t)i)->session_id, i);
	}
	for (uint32_t i = 1; i <= 5000; i++)
		there += watch_find(&w, &flow.local, 80, &flow.remote, (uint16_t)i) != NULL;
	assert_in_range(there, WATCH_SETS * WATCH_WAYS / 2, WATCH_SETS * WATCH_WAYS);
	assert_int_equal(w.evicted_n, 5000 - there);
	watch_drop(&w, &flow);
	assert_null(watch_find(&w, &flow.local, 80, &flow.remote, flow.remote_port));
	assert_null(watch_find(&w, &flow.remote, 80, &flow.local, 4000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chosen_connections_are_recorded_from_the_first_packet_to_the_last),
		cmocka_unit_test(a_capture_waits_for_its_ring),
		cmocka_unit_test(a_capture_ends_by_itself_when_its_time_is_up),
		cmocka_unit_test(the_set_of_the_chosen_is_bounded_and_counts_who_had_to_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
