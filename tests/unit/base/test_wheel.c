/*
 * test_wheel.c - the timer wheel against an array that is searched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/wheel.h"

enum {
	MS = 1000000
};

static struct wheel *
wheel_open(uint32_t n, uint64_t now)
{
	return wheel_init(aligned_alloc(64, wheel_size(n)), n, now);
}

static void
fires_at_its_time_and_not_before(void **state)
{
	struct wheel *wheel = wheel_open(4, 5 * MS);
	uint64_t at;

	(void)state;
	assert_true(wheel_deadline(wheel) == UINT64_MAX);
	wheel_set(wheel, 2, 12 * MS);
	at = wheel_at(wheel, 2);
	assert_true(at >= 12 * MS && at < 12 * MS + WHEEL_TICK_NS);
	assert_int_equal(wheel_next(wheel, at - 1), WHEEL_NONE);
	assert_true(wheel_is_set(wheel, 2));
	assert_int_equal(wheel_next(wheel, at), 2);
	assert_false(wheel_is_set(wheel, 2));
	assert_int_equal(wheel_next(wheel, at), WHEEL_NONE);
	assert_int_equal(wheel_n(wheel), 0);
	free(wheel);
}

static void
a_past_time_fires_at_once_and_cancel_forgets(void **state)
{
	struct wheel *wheel = wheel_open(4, 1000 * MS);

	(void)state;
	wheel_set(wheel, 0, 1);
	wheel_set(wheel, 1, 0);
	wheel_set(wheel, 3, 1);
	assert_true(wheel_deadline(wheel) <= 1000 * MS);
	wheel_cancel(wheel, 1);
	wheel_cancel(wheel, 1);
	assert_int_equal(wheel_next(wheel, 1000 * MS), 0);
	assert_int_equal(wheel_next(wheel, 1000 * MS), 3);
	assert_int_equal(wheel_next(wheel, 1000 * MS), WHEEL_NONE);
	free(wheel);
}

static void
set_earlier_only_moves_towards_now(void **state)
{
	struct wheel *wheel = wheel_open(1, 0);
	uint64_t at;

	(void)state;
	wheel_set_earlier(wheel, 0, 50 * MS);
	at = wheel_at(wheel, 0);
	wheel_set_earlier(wheel, 0, 60 * MS);
	assert_true(wheel_at(wheel, 0) == at);
	wheel_set_earlier(wheel, 0, 40 * MS);
	assert_true(wheel_at(wheel, 0) < at);
	free(wheel);
}

static void
very_far_times_are_kept(void **state)
{
	struct wheel *wheel = wheel_open(2, 0);

	(void)state;
	wheel_set(wheel, 0, UINT64_MAX - 1);
	wheel_set(wheel, 1, 1ull << 60);
	assert_int_equal(wheel_next(wheel, (1ull << 60) - 1), WHEEL_NONE);
	assert_int_equal(wheel_next(wheel, 1ull << 60), 1);
	assert_int_equal(wheel_next(wheel, 1ull << 61), WHEEL_NONE);
	wheel_set(wheel, 0, UINT64_MAX);
	assert_int_equal(wheel_n(wheel), 0);
	free(wheel);
}

/* What the wheel says it will do, and what a search of all timers says it must. */
struct naive {
	uint64_t at[64]; /* UINT64_MAX: not set */
};

static uint64_t
naive_first(const struct naive *naive)
{
	uint64_t first = UINT64_MAX;

	for (uint32_t i = 0; i < 64; i++)
		first = naive->at[i] < first ? naive->at[i] : first;
	return first;
}

static uint64_t
random_delay(struct prng *prng)
{
	return prng_next(prng) >> (18 + prng_below(prng, 46));
}

static uint64_t
run(uint64_t seed)
{
	uint64_t now = random_delay(&(struct prng){ { seed, 1, 2, 3 } }), order = 0;
	struct wheel *wheel = wheel_open(64, now);
	struct naive naive;
	struct prng prng;

	prng_init(&prng, seed);
	for (uint32_t i = 0; i < 64; i++)
		naive.at[i] = UINT64_MAX;
	for (uint32_t step = 0; step < 3000; step++) {
		uint32_t i = prng_below(&prng, 64);
		uint64_t last = 0;

		if (prng_one_in(&prng, 5)) {
			wheel_cancel(wheel, i);
			naive.at[i] = UINT64_MAX;
		} else if (!prng_one_in(&prng, 3)) {
			wheel_set(wheel, i, now + random_delay(&prng));
			naive.at[i] = wheel_at(wheel, i);
		}
		assert_true(wheel_deadline(wheel) <= naive_first(&naive) ||
			    naive_first(&naive) <= now);
		if (prng_one_in(&prng, 4) && wheel_deadline(wheel) != UINT64_MAX)
			now = now > wheel_deadline(wheel) ? now : wheel_deadline(wheel);
		else
			now += random_delay(&prng) >> 4;
		while ((i = wheel_next(wheel, now)) != WHEEL_NONE) {
			assert_true(naive.at[i] <= now);
			assert_true(naive.at[i] >= last);
			last = naive.at[i];
			naive.at[i] = UINT64_MAX;
			order = order * 31 + i;
		}
		assert_true(naive_first(&naive) > now);
		assert_true(wheel_deadline(wheel) > now);
	}
	free(wheel);
	return order;
}

static void
agrees_with_a_search_and_with_itself(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++)
		assert_true(run(seed) == run(seed));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_at_its_time_and_not_before),
		cmocka_unit_test(a_past_time_fires_at_once_and_cancel_forgets),
		cmocka_unit_test(set_earlier_only_moves_towards_now),
		cmocka_unit_test(very_far_times_are_kept),
		cmocka_unit_test(agrees_with_a_search_and_with_itself),
	};

	return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
