/*
 * test_placing.c - the control socket's words for lanes, cores and tuning, and what of them
 * reaches control/runtime; the test plays the data plane.
 */
#include "confs.h"
#include "world.h"

#include <errno.h>

static const struct runtime *
runtime(const struct world *w)
{
	return &w->daemon.overrides.runtime;
}

static void
begin(struct world *w)
{
	control_start(w);
	dataplane_start(w);
	turns(w, 100);
	dataplane_obey(w);
}

/* The error, or NULL when it was done. Of the static buffer. */
static const char *
error_of(json_t *answer)
{
	static char text[256];
	bool is_done = is_ok(answer);

	snprintf(text, sizeof(text), "%s", text_of(answer, "error"));
	json_decref(answer);
	return is_done ? NULL : text;
}

static const char *
core(struct world *w, int cpu, bool runs)
{
	const char *error = error_of(
		ask(w, json_pack("{s:s, s:i, s:b}", "verb", "core", "cpu", cpu, "runs", runs)));

	dataplane_obey(w);
	return error;
}

/* The error of a word for a core that sends a lane as well. */
static const char *
core_and_lane(struct world *w, int cpu, bool runs, int lane, int to)
{
	return error_of(ask(w, json_pack("{s:s, s:i, s:b, s:[{s:i, s:i}]}", "verb", "core", "cpu",
					 cpu, "runs", runs, "lanes", "lane", lane, "cpu", to)));
}

static const char *
tune(struct world *w, const char *key, json_t *value)
{
	return error_of(
		ask(w, json_pack("{s:s, s:s, s:o}", "verb", "tune", "key", key, "value", value)));
}

static void
has(const char *text, const char *part)
{
	assert_non_null(text);
	if (strstr(text, part) == NULL)
		fail_msg("'%s' is not in: %s", part, text);
}

static void
what_the_configuration_says_already_needs_no_word(void **state)
{
	struct world *w = *state;

	begin(w);
	assert_null(core(w, 2, true));
	assert_int_equal(runtime_core(runtime(w), 2), RUNTIME_CORE_NONE);
	assert_null(core(w, 2, false));
	assert_int_equal(runtime_core(runtime(w), 2), RUNTIME_CORE_RELEASED);
	assert_null(core(w, 2, true));
	assert_int_equal(runtime_core(runtime(w), 2), RUNTIME_CORE_NONE);
	assert_null(core(w, 5, true));
	assert_int_equal(runtime_core(runtime(w), 5), RUNTIME_CORE_ADDED);
	assert_null(core(w, 5, false));
	assert_int_equal(runtime_core(runtime(w), 5), RUNTIME_CORE_NONE);
}

static void
the_last_core_and_those_that_are_none_are_refused_with_a_cure(void **state)
{
	struct world *w = *state;

	begin(w);
	assert_null(core(w, 3, false));
	has(core(w, 2, false), "add another first: penstockctl cores add N");
	has(core(w, 3, false), "runs no lanes");
	has(core(w, 9, true), "may not use processor 9");
	has(core(w, 4096, true), "a number below");
	has(error_of(ask(w, json_pack("{s:s, s:i}", "verb", "core", "cpu", 2))), "\"runs\"");
	assert_null(core(w, 6, true));
	assert_null(core(w, 2, false));
	has(core(w, 6, false), "is the last");
}

/* Added, but its thread cannot be started: that is nobody to leave the lanes to. */
static void
a_core_that_failed_is_no_other_core(void **state)
{
	struct world *w = *state;

	begin(w);
	assert_null(core(w, 3, false));
	assert_null(core(w, 6, true));
	w->facts.core[8].state = INSTANCE_CORE_FAILED;
	instance_put(w->instance_map.p, &w->facts);
	has(core(w, 2, false), "is the last");
}

static void
lanes_go_to_cores_that_run_lanes_only(void **state)
{
	struct world *w = *state;

	begin(w);
	has(error_of(ask(w, json_pack("{s:s, s:i, s:i}", "verb", "lane", "lane", 1, "cpu", 5))),
	    "cores add 5");
	assert_null(core(w, 5, true));
	assert_null(error_of(
		ask(w, json_pack("{s:s, s:i, s:i}", "verb", "lane", "lane", 1, "cpu", 5))));
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), 5);
	has(error_of(ask(w, json_pack("{s:s, s:i, s:i}", "verb", "lane", "lane", 4, "cpu", 5))),
	    "no lane 4");
	assert_null(
		error_of(ask(w, json_pack("{s:s, s:i, s:n}", "verb", "lane", "lane", 1, "cpu"))));
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), ABI_NONE);
}

static void
a_released_core_sends_its_lanes_in_the_same_moment_or_not_at_all(void **state)
{
	struct world *w = *state;
	const char *error;

	begin(w);
	error = error_of(ask(w, json_pack("{s:s, s:i, s:b, s:[{s:i, s:i}, {s:i, s:i}]}", "verb",
					  "core", "cpu", 3, "runs", 0, "lanes", "lane", 1, "cpu", 2,
					  "lane", 9, "cpu", 2)));
	has(error, "no lane 9");
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), ABI_NONE);
	assert_int_equal(runtime_core(runtime(w), 3), RUNTIME_CORE_NONE);
	assert_null(core_and_lane(w, 3, false, 1, 2));
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), 2);
	assert_int_equal(runtime_core(runtime(w), 3), RUNTIME_CORE_RELEASED);
}

static void
an_added_core_gets_its_lanes_in_the_same_moment(void **state)
{
	struct world *w = *state;

	begin(w);
	has(core_and_lane(w, 5, true, 9, 5), "no lane 9");
	assert_int_equal(runtime_core(runtime(w), 5), RUNTIME_CORE_NONE);
	assert_null(core_and_lane(w, 5, true, 1, 5));
	assert_int_equal(runtime_core(runtime(w), 5), RUNTIME_CORE_ADDED);
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), 5);
}

static void
no_lane_is_sent_to_the_core_that_is_released(void **state)
{
	struct world *w = *state;

	begin(w);
	has(core_and_lane(w, 3, false, 1, 3), "processor 3 runs no lanes");
	assert_int_equal(runtime_core(runtime(w), 3), RUNTIME_CORE_NONE);
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), ABI_NONE);
}

/* Lanes 1 and `lane`, to these processors. */
static const char *
two_lanes(struct world *w, int to_one, int lane, int to)
{
	return error_of(
		ask(w, json_pack("{s:s, s:[{s:i, s:i}, {s:i, s:i}]}", "verb", "lane", "lanes",
				 "lane", 1, "cpu", to_one, "lane", lane, "cpu", to)));
}

static void
several_lanes_go_together_or_not_at_all(void **state)
{
	struct world *w = *state;

	begin(w);
	has(two_lanes(w, 2, 9, 2), "no lane 9");
	has(two_lanes(w, 2, 0, 5), "processor 5 runs no lanes");
	has(two_lanes(w, 2, 1, 3), "lane 1 is sent twice");
	has(error_of(ask(w, json_pack("{s:s, s:i}", "verb", "lane", "lanes", 1))), "is a list");
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), ABI_NONE);
	assert_null(two_lanes(w, 2, 0, 3));
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), 2);
	assert_int_equal(runtime_lane_cpu(runtime(w), 0), 3);
}

/* Core 6 was added, and its thread could not be started. */
static void
fail_core_6(struct world *w)
{
	assert_null(core(w, 6, true));
	w->facts.core[8].state = INSTANCE_CORE_FAILED;
	w->facts.core[8].err = EPERM;
	instance_put(w->instance_map.p, &w->facts);
}

static void
no_lane_is_sent_to_a_core_that_failed(void **state)
{
	struct world *w = *state;

	begin(w);
	fail_core_6(w);
	has(error_of(ask(w, json_pack("{s:s, s:i, s:i}", "verb", "lane", "lane", 1, "cpu", 6))),
	    "its thread cannot be started (Operation not permitted)");
	has(two_lanes(w, 2, 0, 6), "cannot be started");
	has(core_and_lane(w, 6, true, 1, 6), "cannot be started");
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), ABI_NONE);
}

/* What the data plane said of it before is not about this order. */
static void
a_core_that_failed_and_was_released_can_be_tried_again(void **state)
{
	struct world *w = *state;

	begin(w);
	fail_core_6(w);
	assert_null(error_of(
		ask(w, json_pack("{s:s, s:i, s:b}", "verb", "core", "cpu", 6, "runs", 0))));
	assert_null(core_and_lane(w, 6, true, 1, 6));
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), 6);
}

/* Else the lane would go there by surprise when somebody adds the core again. */
static void
a_released_core_takes_the_orders_of_its_lanes_along(void **state)
{
	struct world *w = *state;

	begin(w);
	assert_null(core_and_lane(w, 5, true, 1, 5));
	dataplane_obey(w);
	assert_null(two_lanes(w, 5, 0, 3));
	assert_null(core(w, 5, false));
	assert_int_equal(runtime_lane_cpu(runtime(w), 1), ABI_NONE);
	assert_int_equal(runtime_lane_cpu(runtime(w), 0), 3);
}

/* burst and another key. */
static const char *
two_keys(struct world *w, int burst, const char *key, int value)
{
	return error_of(
		ask(w, json_pack("{s:s, s:[{s:s, s:i}, {s:s, s:i}]}", "verb", "tune", "settings",
				 "key", "burst", "value", burst, "key", key, "value", value)));
}

static void
several_keys_are_set_together_or_not_at_all(void **state)
{
	struct world *w = *state;

	begin(w);
	has(two_keys(w, 16, "spin", -1), "spin goes from 0");
	has(two_keys(w, 16, "bust", 1), "no key 'bust'");
	has(two_keys(w, 16, "burst", 8), "burst is set twice");
	has(error_of(ask(w, json_pack("{s:s, s:[]}", "verb", "tune", "settings"))), "is a list");
	assert_true(runtime_tune(runtime(w), RUNTIME_TUNE_BURST) == RUNTIME_TUNE_UNSAID);
	assert_null(two_keys(w, 16, "spin", 5));
	assert_int_equal(runtime_tune(runtime(w), RUNTIME_TUNE_BURST), 16);
	assert_int_equal(runtime_tune(runtime(w), RUNTIME_TUNE_SPIN), 5);
}

static void
keys_are_tuned_within_their_bounds(void **state)
{
	struct world *w = *state;

	begin(w);
	assert_null(tune(w, "burst", json_integer(16)));
	assert_int_equal(runtime_tune(runtime(w), RUNTIME_TUNE_BURST), 16);
	assert_null(tune(w, "poll", json_string("busy")));
	assert_int_equal(runtime_tune(runtime(w), RUNTIME_TUNE_POLL), IMG_POLL_BUSY);
	has(tune(w, "burst", json_integer(65)), "from 1 to 64");
	has(tune(w, "burst", json_integer(-1)), "from 1 to 64");
	has(tune(w, "poll", json_string("lazy")), "adaptive or busy");
	has(tune(w, "bust", json_integer(1)), "no key 'bust'");
	assert_null(tune(w, "burst", json_null()));
	assert_true(runtime_tune(runtime(w), RUNTIME_TUNE_BURST) == RUNTIME_TUNE_UNSAID);
}

static void
what_was_said_outlives_a_restart_and_a_larger_runtime(void **state)
{
	struct world *w = *state;

	begin(w);
	assert_null(core(w, 3, false));
	assert_null(tune(w, "spin", json_integer(0)));
	assert_true(overrides_fit(&w->daemon.overrides, 5000));
	assert_int_equal(runtime_core(runtime(w), 3), RUNTIME_CORE_RELEASED);
	assert_int_equal(runtime_tune(runtime(w), RUNTIME_TUNE_SPIN), 0);
	control_stop(w);
	control_start(w);
	assert_int_equal(runtime_core(runtime(w), 3), RUNTIME_CORE_RELEASED);
	assert_int_equal(runtime_tune(runtime(w), RUNTIME_TUNE_SPIN), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_configuration_says_already_needs_no_word),
		TEST(the_last_core_and_those_that_are_none_are_refused_with_a_cure),
		TEST(a_core_that_failed_is_no_other_core),
		TEST(lanes_go_to_cores_that_run_lanes_only),
		TEST(a_released_core_sends_its_lanes_in_the_same_moment_or_not_at_all),
		TEST(an_added_core_gets_its_lanes_in_the_same_moment),
		TEST(no_lane_is_sent_to_the_core_that_is_released),
		TEST(several_lanes_go_together_or_not_at_all),
		TEST(no_lane_is_sent_to_a_core_that_failed),
		TEST(a_core_that_failed_and_was_released_can_be_tried_again),
		TEST(a_released_core_takes_the_orders_of_its_lanes_along),
		TEST(several_keys_are_set_together_or_not_at_all),
		TEST(keys_are_tuned_within_their_bounds),
		TEST(what_was_said_outlives_a_restart_and_a_larger_runtime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
