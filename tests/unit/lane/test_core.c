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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_core_burns_little_and_goes_on_turning),
		cmocka_unit_test(a_draining_core_says_when_it_is_idle),
		cmocka_unit_test(a_core_that_makes_no_round_is_found_out_unless_it_sleeps),
	};

	return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
