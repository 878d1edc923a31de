/*
 * test_core.c - a core's thread around a real lane: it sleeps when idle, wakes for work, obeys
 * orders; and the watch over it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <pthread.h>

#include "lane/core.h"
#include "town.h"

static struct town town;
static struct core core;

static void
sleep_ms(uint32_t ms)
{
	struct timespec t = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&t, NULL);
}

static pthread_t
start(bool is_busy)
{
	pthread_t thread;

	town_open(&town, &(struct town_conf){ .lane_n = 1, .queue_n = 1, .bufs_n = 512 });
	core = (struct core){ 0 };
	assert_int_equal(core_init(&core, town.mesh, is_busy, 0), 0);
	core_add(&core, town.lane[0], 0);
	assert_int_equal(pthread_create(&thread, NULL, core_run, &core), 0);
	return thread;
}

static void
end(pthread_t thread)
{
	core_stop(&core);
	pthread_join(thread, NULL);
	core_fini(&core);
	town_close(&town);
}

static uint64_t
cpu_ns(pthread_t thread)
{
	struct timespec t;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(thread, &clock), 0);
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
an_idle_core_burns_little_and_goes_on_turning(void **state)
{
	pthread_t thread = start(false);
	uint64_t used, rounds;

	(void)state;
	sleep_ms(20);
	used = cpu_ns(thread);
	rounds = __atomic_load_n(&core.rounds, __ATOMIC_RELAXED);
	sleep_ms(200);
	assert_in_range(cpu_ns(thread) - used, 0, 100000000);
	assert_true(__atomic_load_n(&core.rounds, __ATOMIC_RELAXED) > rounds + 20);
	end(thread);
}

static void
a_draining_core_says_when_it_is_idle(void **state)
{
	pthread_t thread = start(false);

	(void)state;
	core_drain(&core);
	for (uint32_t i = 0; i < 200; i++) {
		if (__atomic_load_n(&core.is_idle, __ATOMIC_RELAXED) != 0)
			break;
		sleep_ms(5);
	}
	assert_int_equal(core.is_idle, 1);
	end(thread);
}

static void
a_core_that_makes_no_round_is_found_out_unless_it_sleeps(void **state)
{
	struct core still = { .rounds = 5 };
	struct core_watch watch = { 0 };

	(void)state;
	assert_false(core_is_stalled(&still, &watch, 3));
	assert_false(core_is_stalled(&still, &watch, 3));
	still.rounds++;
	assert_false(core_is_stalled(&still, &watch, 3));
	assert_false(core_is_stalled(&still, &watch, 3));
	still.is_asleep = 1;
	assert_false(core_is_stalled(&still, &watch, 3));
	still.is_asleep = 0;
	assert_false(core_is_stalled(&still, &watch, 3));
	assert_false(core_is_stalled(&still, &watch, 3));
	assert_true(core_is_stalled(&still, &watch, 3));
}

/* ---- lanes that move ---- */

enum {
	PAIR_LANES = 4,
	MOVES = 200,
};

static struct core pair[2];
static uint16_t core_of_lane[LANES_MAX];

static void
start_pair(pthread_t thread[2], bool is_busy)
{
	town_open(&town, &(struct town_conf){ .lane_n = PAIR_LANES, .queue_n = 1, .bufs_n = 2048 });
	for (uint16_t i = 0; i < 2; i++) {
		pair[i] = (struct core){ .core_i = i, .core_of_lane = core_of_lane };
		assert_int_equal(core_init(&pair[i], town.mesh, is_busy, 0), 0);
	}
	for (uint16_t i = 0; i < PAIR_LANES; i++) {
		core_add(&pair[i % 2], town.lane[i], i);
		core_of_lane[i] = i % 2;
	}
	for (uint16_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, core_run, &pair[i]), 0);
}

static void
end_pair(pthread_t thread[2])
{
	for (uint16_t i = 0; i < 2; i++) {
		core_stop(&pair[i]);
		pthread_join(thread[i], NULL);
		core_fini(&pair[i]);
	}
}

/* However long the machine takes: a lane that never arrives hangs, and the test's limit says so. */
static void
move(uint16_t lane_i, uint16_t to)
{
	uint16_t from = __atomic_load_n(&core_of_lane[lane_i], __ATOMIC_ACQUIRE);

	if (from == to)
		return;
	core_order_move(&pair[from], lane_i, &pair[to]);
	while (__atomic_load_n(&core_of_lane[lane_i], __ATOMIC_ACQUIRE) != to)
		sleep_ms(1);
}

static void
wait_for_turns(uint16_t lane_i, uint64_t more)
{
	const uint64_t *turned = &town.board[lane_i].counters->lane_turns;
	uint64_t from = __atomic_load_n(turned, __ATOMIC_RELAXED);

	while (__atomic_load_n(turned, __ATOMIC_RELAXED) < from + more)
		sleep_ms(1);
}

static void
a_lane_that_was_moved_turns_on_one_core_alone(void **state)
{
	pthread_t thread[2];

	(void)state;
	start_pair(thread, false);
	for (uint32_t i = 0; i < MOVES; i++) {
		uint16_t lane_i = i % PAIR_LANES, to = (i / PAIR_LANES + i) % 2;

		move(lane_i, to);
		wait_for_turns(lane_i, 1);
	}
	for (uint16_t i = 0; i < PAIR_LANES; i++)
		move(i, i < 1);
	wait_for_turns(0, 2);
	end_pair(thread);
	assert_int_equal(pair[1].lane_n, 1);
	assert_int_equal(pair[1].lane_i[0], 0);
	assert_int_equal(pair[0].lane_n, PAIR_LANES - 1);
	assert_true(town.board[0].hists->lane_move_pause.n > 0);
	assert_int_equal(town.board[0].gauges->core, 1);
	town_close(&town);
}

static void
a_core_without_lanes_uses_no_time_even_if_it_is_a_busy_one(void **state)
{
	pthread_t thread[2];
	uint64_t rounds;

	(void)state;
	start_pair(thread, true);
	move(1, 0);
	move(3, 0);
	while (__atomic_load_n(&pair[1].is_asleep, __ATOMIC_ACQUIRE) == 0)
		sleep_ms(1);
	sleep_ms(2); /* a bell that rang for the last of its lanes */
	rounds = __atomic_load_n(&pair[1].rounds, __ATOMIC_RELAXED);
	wait_for_turns(0, 1000);
	assert_in_range(__atomic_load_n(&pair[1].rounds, __ATOMIC_RELAXED), rounds, rounds + 2);
	move(1, 1);
	wait_for_turns(1, 2);
	end_pair(thread);
	town_close(&town);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_core_burns_little_and_goes_on_turning),
		cmocka_unit_test(a_draining_core_says_when_it_is_idle),
		cmocka_unit_test(a_lane_that_was_moved_turns_on_one_core_alone),
		cmocka_unit_test(a_core_without_lanes_uses_no_time_even_if_it_is_a_busy_one),
		cmocka_unit_test(a_core_that_makes_no_round_is_found_out_unless_it_sleeps),
	};

	return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
