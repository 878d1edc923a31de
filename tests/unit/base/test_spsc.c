/*
 * test_spsc.c - the hand-over ring: full, empty, and two threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "base/spsc.h"

enum {
	ITEMS = 300000
};

static void
takes_what_fits_and_gives_it_in_order(void **state)
{
	struct spsc *ring = spsc_init(aligned_alloc(64, spsc_size(4)), 4);
	void *in[6], *out[6];

	(void)state;
	for (uintptr_t i = 0; i < 6; i++)
		in[i] = (void *)(i + 1);
	for (uint32_t round = 0; round < 9; round++) {
		assert_int_equal(spsc_get(ring, out, 6), 0);
		assert_int_equal(spsc_put(ring, in, 3), 3);
		assert_int_equal(spsc_put(ring, in + 3, 3), 1);
		assert_int_equal(spsc_n(ring), 4);
		assert_int_equal(spsc_get(ring, out, 1), 1);
		assert_int_equal(spsc_get(ring, out + 1, 5), 3);
		assert_memory_equal(in, out, 4 * sizeof(void *));
	}
	free(ring);
}

static void *
produce(void *arg)
{
	struct spsc *ring = arg;

	for (uintptr_t i = 1; i <= ITEMS;) {
		void *item[7];
		uint32_t n = 0, put;

		for (; n < 7 && i + n <= ITEMS; n++)
			item[n] = (void *)(i + n);
		put = spsc_put(ring, item, n);
		if (put == 0)
			sched_yield();
		i += put;
	}
	return NULL;
}

static void
nothing_is_lost_between_two_threads(void **state)
{
	struct spsc *ring = spsc_init(aligned_alloc(64, spsc_size(64)), 64);
	uintptr_t next = 1;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, produce, ring), 0);
	while (next <= ITEMS) {
		void *item[5];
		uint32_t n = spsc_get(ring, item, 5);

		for (uint32_t i = 0; i < n; i++)
			assert_ptr_equal(item[i], (void *)next++);
		if (n == 0)
			sched_yield();
	}
	pthread_join(thread, NULL);
	free(ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_fits_and_gives_it_in_order),
		cmocka_unit_test(nothing_is_lost_between_two_threads),
	};

	return cmocka_run_group_tests_name("spsc", tests, NULL, NULL);
}
