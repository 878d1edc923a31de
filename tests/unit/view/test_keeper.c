/*
 * test_keeper.c - which image a life starts with, what the keeper makes of newer ones, and when
 * the older are let go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/rundir.h"
#include "bench.h"

/* ---- start ---- */

static void
the_newest_image_is_served(void **state)
{
	struct bench *b = *state;

	bench_write(b, 3, NULL);
	bench_publish(b, 12, NULL);
	bench_write(b, 13, NULL); /* still being made: not published */
	bench_start(b, 1);
	assert_int_equal(bench_generation(b), 12);
	assert_int_equal(bench_facts(b)->generation, 12);
	assert_int_equal(bench_facts(b)->start_generation, 12);
	assert_int_equal(bench_facts(b)->newest_generation, 12);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_ACCEPTED);
	assert_false(bench_step(b));
}

static void
without_any_image_the_first_published_one_is_waited_for(void **state)
{
	struct bench *b = *state;

	bench_start(b, 1);
	assert_null(keeper_view(b->keeper));
	assert_false(bench_step(b));
	bench_publish_bad(b, 1);
	assert_true(bench_step(b));
	assert_null(keeper_view(b->keeper));
	assert_int_equal(keeper_fault(b->keeper)->kind, ABI_FAULT_ENUM);
	bench_publish(b, 2, NULL);
	assert_true(bench_step(b));
	assert_int_equal(bench_generation(b), 2);
	assert_int_equal(keeper_fault(b->keeper)->kind, ABI_FAULT_NONE);
	assert_false(bench_step(b)); /* not under the caller's feet before it binds */
	keeper_bind(b->keeper, b->set, b->instance, b->facts);
	assert_int_equal(bench_facts(b)->generation, 2);
}

static void
a_bad_newest_image_leaves_the_one_before(void **state)
{
	struct bench *b = *state;

	bench_publish(b, 1, NULL);
	bench_publish_bad(b, 2);
	bench_start(b, 1);
	assert_int_equal(bench_generation(b), 1);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_REFUSED);
	assert_int_equal(bench_facts(b)->newest_generation, 2);
	assert_int_equal(bench_facts(b)->fault.kind, ABI_FAULT_ENUM);
	assert_string_equal(bench_facts(b)->fault.part, "machine");
	assert_string_equal(bench_facts(b)->fault.field, "poll");
	assert_false(bench_step(b));
	assert_int_equal(bench_generation(b), 1);
}

static bool
refuse(void *ctx, const struct view *v, struct abi_fault *ret_fault)
{
	if (v->generation != *(const uint64_t *)ctx)
		return true;
	*ret_fault = abi_fault_at(ABI_FAULT_COUNT, "test", ABI_NONE, "");
	return false;
}

static void
what_a_predecessor_refused_is_not_taken(void **state)
{
	struct bench *b = *state;
	struct keeper_conf conf = { .control_fd = b->control,
				    .dataplane_fd = b->dataplane,
				    .version = "0.1.0",
				    .accept = refuse,
				    .accept_ctx = &(uint64_t){ 2 } };
	struct keeper *k;

	bench_publish(b, 1, NULL);
	bench_publish(b, 2, NULL);
	k = keeper_open(&conf, b->now_real);
	assert_int_equal(keeper_view(k)->generation, 1);
	keeper_close(k, true);
	conf.accept = NULL; /* it would be taken now, but for the memory of it */
	k = keeper_open(&conf, b->now_real);
	assert_int_equal(keeper_view(k)->generation, 1);
	assert_int_equal(keeper_fault(k)->kind, ABI_FAULT_COUNT);
	keeper_close(k, true);
	conf.version = "0.2.0"; /* another version judges anew */
	k = keeper_open(&conf, b->now_real);
	assert_int_equal(keeper_view(k)->generation, 2);
	keeper_close(k, true);
}

/* The verdict on a broken publish file must not stay when the file is as before again. */
static void
a_publish_mended_is_accepted_again(void **state)
{
	struct bench *b = *state;

	bench_publish(b, 1, NULL);
	bench_start(b, 1);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_ACCEPTED);
	assert_int_equal(rundir_write(b->control, RUNDIR_PUBLISH, "nonsense", 8, 0440), 0);
	bench_step(b);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_REFUSED);
	assert_int_equal(bench_generation(b), 1);
	bench_publish(b, 1, NULL);
	bench_step(b);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_ACCEPTED);
	assert_int_equal(bench_facts(b)->newest_generation, 1);
}

static void
three_crashes_fall_back_to_the_image_before(void **state)
{
	struct bench *b = *state;

	bench_publish(b, 1, NULL);
	bench_publish(b, 2, NULL);
	for (int i = 0; i < 3; i++) {
		bench_start(b, 1);
		assert_int_equal(bench_generation(b), 2);
		bench_crash(b);
		b->now_real += 5 * SECOND;
	}
	bench_start(b, 1);
	assert_int_equal(bench_generation(b), 1);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_REFUSED);
	assert_int_equal(bench_facts(b)->fault.kind, ABI_FAULT_CRASHED_BEFORE);
	bench_step(b); /* nor while running */
	assert_int_equal(bench_generation(b), 1);
	bench_publish(b, 3, &(struct sample){ .extra_weight = 1 });
	bench_step(b);
	assert_int_equal(bench_generation(b), 3);
}

/* An interface that is not there, a core that the machine lacks: the image opens, the life fails. */
static void
three_failed_starts_fall_back_too(void **state)
{
	struct bench *b = *state;
	struct keeper_conf conf = { .control_fd = b->control,
				    .dataplane_fd = b->dataplane,
				    .version = "0.1.0" };

	bench_publish(b, 1, NULL);
	bench_publish(b, 2, NULL);
	for (int i = 0; i < 3; i++) {
		struct keeper *k = keeper_open(&conf, b->now_real);

		assert_int_equal(keeper_view(k)->generation, 2);
		keeper_close(k, false);
		b->now_real += 5 * SECOND;
	}
	bench_start(b, 1);
	assert_int_equal(bench_generation(b), 1);
}

static void
a_crash_after_a_change_counts_for_the_new_image(void **state)
{
	struct bench *b = *state;

	bench_publish(b, 1, NULL);
	bench_start(b, 1);
	bench_publish(b, 2, NULL);
	bench_step(b);
	bench_crash(b);
	for (int i = 0; i < 2; i++) {
		bench_start(b, 1);
		assert_int_equal(bench_generation(b), 2);
		bench_crash(b);
	}
	bench_start(b, 1);
	assert_int_equal(bench_generation(b), 1);
}

static void
slow_crashes_and_orderly_ends_change_nothing(void **state)
{
	struct bench *b = *state;

	bench_publish(b, 1, NULL);
	bench_publish(b, 2, NULL);
	for (int i = 0; i < 5; i++) {
		bench_start(b, 1);
		assert_int_equal(bench_generation(b), 2);
		b->now_real += 40 * SECOND;
		bench_crash(b);
	}
	for (int i = 0; i < 5; i++) {
		bench_start(b, 1);
		assert_int_equal(bench_generation(b), 2);
		bench_end(b);
	}
}

static void
the_only_image_is_served_however_often_it_crashed(void **state)
{
	struct bench *b = *state;

	bench_publish(b, 2, NULL);
	for (int i = 0; i < 6; i++) {
		bench_start(b, 1);
		assert_int_equal(bench_generation(b), 2);
		bench_crash(b);
	}
}

/* ---- running ---- */

static void
a_new_image_is_taken_at_the_next_turn(void **state)
{
	struct bench *b = *state;
	struct view_taken taken = { 0 };

	bench_publish(b, 1, NULL);
	bench_start(b, 1);
	view_wake(b->set, 0);
	assert_true(view_take(b->set, 0, &taken));
	assert_int_equal(taken.view->generation, 1);
	assert_false(view_take(b->set, 0, &taken));
	bench_publish(b, 2, &(struct sample){ .extra_weight = 7 });
	assert_true(bench_step(b));
	assert_int_equal(bench_facts(b)->generation, 2);
	assert_int_equal(bench_facts(b)->views_n, 2);
	assert_true(view_take(b->set, 0, &taken));
	assert_int_equal(img_server(&taken.view->img, 0)->weight, 107);
	bench_step(b); /* the turn may still look at the old one */
	assert_int_equal(bench_facts(b)->views_n, 2);
	assert_false(view_take(b->set, 0, &taken));
	bench_step(b);
	assert_int_equal(bench_facts(b)->views_n, 1);
	assert_int_equal(b->instance->beat_ns, b->now);
}

static void
a_bad_image_disturbs_nothing(void **state)
{
	struct bench *b = *state;
	struct view_taken taken = { 0 };

	bench_publish(b, 1, NULL);
	bench_start(b, 1);
	view_wake(b->set, 0);
	view_take(b->set, 0, &taken);
	bench_publish_bad(b, 2);
	assert_true(bench_step(b));
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_REFUSED);
	assert_int_equal(bench_facts(b)->newest_generation, 2);
	assert_int_equal(bench_facts(b)->generation, 1);
	assert_false(view_take(b->set, 0, &taken));
	assert_int_equal(rundir_write(b->control, RUNDIR_PUBLISH, "nonsense", 8, 0440), 0);
	assert_true(bench_step(b));
	assert_int_equal(bench_facts(b)->fault.kind, ABI_FAULT_SHORT);
	assert_false(view_take(b->set, 0, &taken));
	bench_publish(b, 3, NULL);
	assert_true(bench_step(b));
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_ACCEPTED);
	assert_int_equal(bench_facts(b)->fault.kind, ABI_FAULT_NONE);
	assert_true(view_take(b->set, 0, &taken));
}

static void
an_image_that_comes_after_its_announcement_is_taken_within_a_second(void **state)
{
	struct bench *b = *state;
	char name[RUNDIR_NAME_MAX];

	bench_publish(b, 1, NULL);
	bench_start(b, 1);
	bench_publish(b, 2, &(struct sample){ .extra_weight = 1 });
	assert_int_equal(rundir_unlink(b->control, rundir_tables_name(name, 2)), 0);
	bench_step(b);
	assert_int_equal(bench_facts(b)->fault.kind, ABI_FAULT_FILE);
	bench_write(b, 2, &(struct sample){ .extra_weight = 1 });
	for (int i = 0; i < 101; i++)
		bench_step(b);
	assert_int_equal(bench_facts(b)->generation, 2);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_ACCEPTED);
}

static void
a_refusal_for_what_was_fixed_at_start_is_not_remembered(void **state)
{
	struct bench *b = *state;
	struct view_taken taken = { 0 };
	uint64_t refused = 2;

	bench_publish(b, 1, NULL);
	b->accept = refuse;
	b->accept_ctx = &refused;
	bench_start(b, 1);
	view_wake(b->set, 0);
	view_take(b->set, 0, &taken);
	bench_publish(b, 2, &(struct sample){ .extra_weight = 1 });
	bench_step(b);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_REFUSED);
	assert_int_equal(bench_facts(b)->fault.kind, ABI_FAULT_COUNT);
	assert_int_equal(bench_facts(b)->generation, 1);
	refused = 3;
	bench_publish(b, 3, &(struct sample){ .lanes = 9 });
	bench_step(b);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_AT_RESTART);
	assert_int_equal(bench_facts(b)->generation, 1);
	bench_end(b);
	b->accept = NULL; /* the next life is sized for it */
	bench_start(b, 1);
	assert_int_equal(bench_generation(b), 3);
}

static void
what_must_wait_for_a_restart_is_told(void **state)
{
	struct bench *b = *state;

	bench_publish(b, 1, NULL);
	bench_start(b, 1);
	bench_publish(b, 2, &(struct sample){ .lanes = 3, .extra_weight = 1 });
	bench_step(b);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_AT_RESTART);
	assert_int_equal(bench_facts(b)->generation, 2); /* the rest applies */
	assert_string_equal(bench_facts(b)->fault.part, "machine.lanes");
	bench_publish(b, 3, &(struct sample){ .port_name = "new" });
	bench_step(b);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_AT_RESTART);
	assert_int_equal(bench_facts(b)->generation, 2); /* none of it can */
	assert_string_equal(bench_facts(b)->fault.part, "ports.name");
	bench_end(b);
	bench_start(b, 1);
	assert_int_equal(bench_generation(b), 3);
	assert_int_equal(bench_facts(b)->verdict, INSTANCE_VERDICT_ACCEPTED);
}

static void
a_pinned_view_stays_and_the_ninth_must_go(void **state)
{
	struct bench *b = *state;
	struct view_taken taken = { 0 };
	struct view *pinned[VIEW_LIVE_MAX + 1];

	bench_publish(b, 1, NULL);
	bench_start(b, 1);
	view_wake(b->set, 0);
	for (uint32_t i = 0; i <= VIEW_LIVE_MAX; i++) {
		assert_true(view_take(b->set, 0, &taken));
		pinned[i] = taken.view;
		view_pin(pinned[i]);
		bench_publish(b, 2 + i, NULL);
		bench_step(b);
		if (i + 2 <= VIEW_LIVE_MAX)
			assert_false(view_must_go(pinned[0]));
	}
	assert_true(view_must_go(pinned[0]));
	assert_false(view_must_go(pinned[1]));
	assert_int_equal(pinned[0]->generation, 1); /* still readable */
	view_take(b->set, 0, &taken);
	for (uint32_t i = 0; i <= VIEW_LIVE_MAX; i++)
		view_unpin(pinned[i]);
	view_take(b->set, 0, &taken);
	bench_step(b);
	assert_int_equal(bench_facts(b)->views_n, 1);
}

static void
a_sleeping_lane_holds_nothing_back(void **state)
{
	struct bench *b = *state;
	struct view_taken taken[2] = { 0 };

	bench_publish(b, 1, NULL);
	bench_start(b, 2);
	for (uint32_t lane = 0; lane < 2; lane++) {
		view_wake(b->set, lane);
		view_take(b->set, lane, &taken[lane]);
	}
	view_sleep(b->set, 0);
	bench_publish(b, 2, NULL);
	bench_step(b);
	view_take(b->set, 1, &taken[1]);
	view_take(b->set, 1, &taken[1]);
	bench_step(b);
	assert_int_equal(bench_facts(b)->views_n, 1);
	view_wake(b->set, 0);
	assert_true(view_take(b->set, 0, &taken[0]));
	assert_int_equal(taken[0].view->generation, 2);
}

static void
make_runtime(struct bench *b, uint32_t slots, uint32_t weight)
{
	struct rundir_map map;
	struct runtime_server s = { .incarnation = 1, .flags = RUNTIME_WEIGHT, .weight = weight };
	struct abi_fault fault;
	struct runtime rt;

	assert_int_equal(rundir_map_make(b->control, RUNDIR_RUNTIME, runtime_bytes(slots, 4), &map),
			 0);
	runtime_init(map.p, slots, 4);
	assert_true(runtime_open(map.p, map.n, &rt, &fault));
	runtime_put_server(&rt, 0, &s);
	assert_int_equal(rundir_map_publish(b->control, RUNDIR_RUNTIME), 0);
	rundir_map_close(&map);
}

static void
runtime_and_cursors_are_mapped_when_they_come_and_again_when_replaced(void **state)
{
	struct bench *b = *state;
	struct view_taken taken = { 0 };
	struct runtime_server got;
	struct rundir_map map;

	bench_publish(b, 1, NULL);
	bench_start(b, 1);
	view_wake(b->set, 0);
	view_take(b->set, 0, &taken);
	assert_null(taken.runtime);
	assert_null(taken.cursors);
	make_runtime(b, 4, 11);
	assert_int_equal(rundir_map_make(b->control, RUNDIR_CURSORS, sizeof(struct cursors), &map),
			 0);
	cursors_init(map.p);
	assert_int_equal(rundir_map_publish(b->control, RUNDIR_CURSORS), 0);
	assert_true(bench_step(b));
	assert_true(view_take(b->set, 0, &taken));
	assert_true(runtime_server(taken.runtime, 0, 1, &got));
	assert_int_equal(got.weight, 11);
	cursor_adopt(&((struct cursors *)map.p)->now[0], 9, 128);
	assert_int_equal(taken.cursors->now[0].position, 128);
	rundir_map_close(&map);

	make_runtime(b, 8, 22);
	assert_true(bench_step(b));
	assert_true(runtime_server(taken.runtime, 0, 1, &got)); /* this turn, the old words */
	assert_int_equal(got.weight, 11);
	assert_true(view_take(b->set, 0, &taken));
	assert_true(runtime_server(taken.runtime, 0, 1, &got));
	assert_int_equal(got.weight, 22);
	view_take(b->set, 0, &taken);
	bench_step(b);

	assert_int_equal(rundir_write(b->control, RUNDIR_RUNTIME, "bad", 3, 0640), 0);
	bench_step(b);
	assert_false(view_take(b->set, 0, &taken));
	assert_int_equal(rundir_unlink(b->control, RUNDIR_RUNTIME), 0);
	bench_step(b);
	assert_false(view_take(b->set, 0, &taken));
	assert_true(runtime_server(taken.runtime, 0, 1, &got)); /* the last good ones stay */
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_newest_image_is_served),
		TEST(without_any_image_the_first_published_one_is_waited_for),
		TEST(a_bad_newest_image_leaves_the_one_before),
		TEST(what_a_predecessor_refused_is_not_taken),
		TEST(a_publish_mended_is_accepted_again),
		TEST(three_crashes_fall_back_to_the_image_before),
		TEST(three_failed_starts_fall_back_too),
		TEST(a_crash_after_a_change_counts_for_the_new_image),
		TEST(slow_crashes_and_orderly_ends_change_nothing),
		TEST(the_only_image_is_served_however_often_it_crashed),
		TEST(a_new_image_is_taken_at_the_next_turn),
		TEST(a_bad_image_disturbs_nothing),
		TEST(an_image_that_comes_after_its_announcement_is_taken_within_a_second),
		TEST(a_refusal_for_what_was_fixed_at_start_is_not_remembered),
		TEST(what_must_wait_for_a_restart_is_told),
		TEST(a_pinned_view_stays_and_the_ninth_must_go),
		TEST(a_sleeping_lane_holds_nothing_back),
		TEST(runtime_and_cursors_are_mapped_when_they_come_and_again_when_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
