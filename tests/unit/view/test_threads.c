/*
 * test_threads.c - lanes that take, sleep and wake on threads of their own while the keeper
 * changes images as fast as it can: no lane ever reads a view that was freed (the address
 * sanitizer watches), and in the end one view lives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <pthread.h>

#include <cmocka.h>

#include "bench.h"

enum {
	LANES = 3,
	CHANGES = 300
};

struct lane {
	struct view_set *set;
	uint32_t lane;
	uint32_t stop;
	uint64_t turns, changes, backwards;
};

static void *
run(void *arg)
{
	struct lane *l = arg;
	struct view_taken taken = { 0 };
	uint64_t generation = 0;

	view_wake(l->set, l->lane);
	while (__atomic_load_n(&l->stop, __ATOMIC_RELAXED) == 0) {
		l->changes += view_take(l->set, l->lane, &taken);
		l->backwards += taken.view->generation < generation;
		generation = taken.view->generation;
		for (uint32_t i = 0; i < img_n(&taken.view->img, IMG_SERVERS); i++)
			l->turns += img_server(&taken.view->img, i)->weight != 0;
		if (l->turns % 64 == 0) {
			view_sleep(l->set, l->lane);
			view_wake(l->set, l->lane);
		}
	}
	view_sleep(l->set, l->lane);
	return NULL;
}

static void
no_lane_reads_a_freed_view(void **state)
{
	struct bench *b = *state;
	struct lane lane[LANES];
	pthread_t thread[LANES];

	bench_publish(b, 1, NULL);
	bench_start(b, LANES);
	for (uint32_t i = 0; i < LANES; i++) {
		lane[i] = (struct lane){ .set = b->set, .lane = i };
		assert_int_equal(pthread_create(&thread[i], NULL, run, &lane[i]), 0);
	}
	for (uint64_t g = 2; g < 2 + CHANGES; g++) {
		bench_publish(b, g, &(struct sample){ .extra_weight = (uint32_t)g });
		while (bench_generation(b) != g)
			bench_step(b);
		bench_step(b);
	}
	for (uint32_t i = 0; i < LANES; i++) {
		__atomic_store_n(&lane[i].stop, 1, __ATOMIC_RELAXED);
		pthread_join(thread[i], NULL);
		assert_true(lane[i].changes > 0);
		assert_int_equal(lane[i].backwards, 0);
	}
	bench_step(b);
	assert_int_equal(bench_facts(b)->views_n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_lane_reads_a_freed_view, bench_setup,
						bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
