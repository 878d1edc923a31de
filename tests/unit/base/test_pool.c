/*
 * test_pool.c - pools against a plain array of who holds what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/pool.h"
#include "base/prng.h"

static struct pool
pool_open(uint32_t n, size_t object_bytes)
{
	struct pool pool;

	pool_init(&pool, aligned_alloc(64, pool_size(n, object_bytes)), n, object_bytes);
	return pool;
}

static void
pool_close(struct pool *pool)
{
	free(pool->slot);
}

static void
all_objects_are_taken_once_then_none(void **state)
{
	struct pool pool = pool_open(100, 24);
	uint8_t seen[100] = { 0 };

	(void)state;
	for (uint32_t n = 0; n < 100; n++) {
		uint32_t i = pool_take(&pool);

		assert_true(i < 100);
		assert_int_equal(seen[i]++, 0);
		memset(pool_at(&pool, i), 0xff, 24);
		assert_int_equal(pool_index(&pool, pool_at(&pool, i)), i);
	}
	assert_int_equal(pool.free_n, 0);
	assert_int_equal(pool_take(&pool), POOL_NONE);
	pool_give(&pool, 42);
	assert_int_equal(pool_take(&pool), 42);
	pool_close(&pool);
}

static void
a_handle_goes_stale_with_its_object(void **state)
{
	struct pool pool = pool_open(3, 64);
	uint32_t i = pool_take(&pool);
	uint32_t handle = pool_handle(&pool, i);

	(void)state;
	assert_int_not_equal(handle, 0);
	assert_int_equal(pool_find(&pool, handle), i);
	assert_int_equal(pool_find(&pool, 0), POOL_NONE);
	assert_int_equal(pool_find(&pool, UINT32_MAX), POOL_NONE);
	pool_give(&pool, i);
	assert_int_equal(pool_find(&pool, handle), POOL_NONE);
	assert_int_equal(pool_take(&pool), i);
	assert_int_equal(pool_find(&pool, handle), POOL_NONE);
	assert_int_equal(pool_find(&pool, pool_handle(&pool, i)), i);
	pool_close(&pool);
}

static void
generations_come_round_without_zero(void **state)
{
	struct pool pool = pool_open(1 << 20, 8);
	uint32_t first = 0;

	(void)state;
	for (uint32_t n = 0; n < 4095; n++) {
		uint32_t i = pool_take(&pool);
		uint32_t handle = pool_handle(&pool, i);

		first = n == 0 ? handle : first;
		assert_true(n == 0 || handle != first);
		assert_int_not_equal(handle, 0);
		pool_give(&pool, i);
	}
	assert_int_equal(pool_handle(&pool, pool_take(&pool)), first);
	pool_close(&pool);
}

static void
random_takes_and_gives_agree_with_a_plain_array(void **state)
{
	struct pool pool = pool_open(57, 4);
	uint32_t held[57], held_n = 0, handle[57];
	struct prng prng;

	(void)state;
	prng_init(&prng, 1);
	for (uint32_t step = 0; step < 200000; step++) {
		if (prng_one_in(&prng, 2)) {
			uint32_t i = pool_take(&pool);

			assert_true((i == POOL_NONE) == (held_n == 57));
			if (i == POOL_NONE)
				continue;
			*(uint32_t *)pool_at(&pool, i) = step;
			handle[held_n] = pool_handle(&pool, i);
			held[held_n++] = i;
		} else if (held_n > 0) {
			uint32_t k = prng_below(&prng, held_n);

			assert_int_equal(pool_find(&pool, handle[k]), held[k]);
			pool_give(&pool, held[k]);
			assert_int_equal(pool_find(&pool, handle[k]), POOL_NONE);
			held[k] = held[--held_n];
			handle[k] = handle[held_n];
		}
		assert_int_equal(pool.free_n, 57 - held_n);
	}
	pool_close(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_objects_are_taken_once_then_none),
		cmocka_unit_test(a_handle_goes_stale_with_its_object),
		cmocka_unit_test(generations_come_round_without_zero),
		cmocka_unit_test(random_takes_and_gives_agree_with_a_plain_array),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
