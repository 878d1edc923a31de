/*
 * test_backoff.c - a core's waiting, in virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lane/backoff.h"

#define NEVER UINT64_MAX

static void
work_is_followed_by_the_next_round_at_once(void **state)
{
	struct backoff b;
	uint64_t ns = 0;

	(void)state;
	backoff_init(&b, false);
	for (uint64_t now = 0; now < 10000000; now += 100000)
		assert_int_equal(backoff_next(&b, true, now, NEVER, &ns), BACKOFF_POLL);
}

static void
idleness_spins_then_pauses_then_sleeps_longer_and_longer(void **state)
{
	struct backoff b;
	uint64_t now = 1000, slept = 0, last = 0, ns = 0;

	(void)state;
	backoff_init(&b, false);
	assert_int_equal(backoff_next(&b, true, now, NEVER, &ns), BACKOFF_POLL);
	assert_int_equal(backoff_next(&b, false, now, NEVER, &ns), BACKOFF_POLL);
	assert_int_equal(backoff_next(&b, false, now + BACKOFF_SPIN_NS - 1, NEVER, &ns),
			 BACKOFF_POLL);
	assert_int_equal(backoff_next(&b, false, now + BACKOFF_SPIN_NS, NEVER, &ns), BACKOFF_PAUSE);
	now += BACKOFF_PAUSE_NS;
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(backoff_next(&b, false, now, NEVER, &ns), BACKOFF_SLEEP);
		assert_true(ns >= BACKOFF_SLEEP_LEAST_NS && ns <= BACKOFF_SLEEP_MOST_NS);
		assert_true(ns >= last);
		last = ns;
		now += ns;
		slept += ns;
	}
	assert_int_equal(last, BACKOFF_SLEEP_MOST_NS);
	assert_true(slept > 4 * BACKOFF_SLEEP_MOST_NS);
	assert_int_equal(backoff_next(&b, true, now, NEVER, &ns), BACKOFF_POLL);
	assert_int_equal(backoff_next(&b, false, now, NEVER, &ns), BACKOFF_POLL);
}

static void
a_sleep_ends_at_the_deadline(void **state)
{
	struct backoff b;
	uint64_t now = 5 * BACKOFF_PAUSE_NS, ns = 0;

	(void)state;
	backoff_init(&b, false);
	backoff_next(&b, false, 0, NEVER, &ns);
	assert_int_equal(backoff_next(&b, false, now, NEVER, &ns), BACKOFF_SLEEP);
	assert_int_equal(backoff_next(&b, false, now, now + 70000, &ns), BACKOFF_SLEEP);
	assert_int_equal(ns, 70000);
	/* nearer than the shortest sleep, or past: poll until it comes */
	assert_int_equal(backoff_next(&b, false, now, now + 10000, &ns), BACKOFF_PAUSE);
	assert_int_equal(backoff_next(&b, false, now, now, &ns), BACKOFF_PAUSE);
	assert_int_equal(backoff_next(&b, false, now, 0, &ns), BACKOFF_PAUSE);
}

static void
a_busy_core_never_sleeps(void **state)
{
	struct backoff b;
	uint64_t ns = 0;

	(void)state;
	backoff_init(&b, true);
	for (uint64_t now = 0; now < 100000000; now += 1000000)
		assert_int_equal(backoff_next(&b, false, now, NEVER, &ns), BACKOFF_POLL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_is_followed_by_the_next_round_at_once),
		cmocka_unit_test(idleness_spins_then_pauses_then_sleeps_longer_and_longer),
		cmocka_unit_test(a_sleep_ends_at_the_deadline),
		cmocka_unit_test(a_busy_core_never_sleeps),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
