/*
 * test_moves.c - penstockctl lanes, cores and tune beside a data plane that obeys: what they wait
 * for, and what is left of an order that cannot be carried out.
 */
#include "beside.h"
#include "confs.h"

static const char *penstockctl;

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

/* As a data plane whose keeper looks once in a while. */
static void
obey_late(struct world *w)
{
	static uint32_t n;

	if (++n % 20 == 0)
		dataplane_obey(w);
}

static void
does(struct world *w, const char *words, int code, const char *says)
{
	struct beside b;
	int got = beside_run(&b, w, penstockctl, words, obey_late);

	if (got != code || strstr(b.text, says) == NULL)
		fail_msg("penstockctl %s: exit %d, expected %d with '%s': %s", words, got, code,
			 says, b.text);
}

static void
a_move_ends_when_the_lane_is_there(void **state)
{
	struct world *w = *state;

	begin(w);
	does(w, "lanes move 1 --to 2", 0, "lane 1 runs on processor 2\n");
	assert_int_equal(w->facts.lane[1].cpu, 2);
	does(w, "lanes move 1 --to home", 0, "lane 1 runs on processor 3\n");
	assert_int_equal(w->facts.lane[1].cpu, 3);
	does(w, "--json lanes move 0 --to 3", 0, "\"in_effect\": true");
	assert_int_equal(w->facts.lane[0].cpu, 3);
	does(w, "cores release 3", 0, "processor 3 is released");
	does(w, "lanes move 1 --to home", 0, "where it began runs no lanes");
}

static void
a_move_without_a_data_plane_is_noted(void **state)
{
	struct world *w = *state;

	control_start(w);
	does(w, "lanes move 0 --to 1", 0, "noted; the data plane does not run\n");
	assert_int_equal(runtime_lane_cpu(runtime(w), 0), 1);
}

static void
balance_is_one_order(void **state)
{
	struct world *w = *state;
	struct said said;
	const char *log;

	begin(w);
	for (uint32_t lane = 0; lane < 4; lane++)
		assert_true(runtime_put_lane_cpu(&w->daemon.overrides.runtime, lane, 2));
	dataplane_obey(w);
	said = said_begin(w);
	does(w, "lanes balance", 0, "goes from processor 2 to 3");
	log = strstr(said_end(said), "order of ");
	assert_non_null(log);
	assert_null(strstr(log + 1, "order of "));
	assert_int_equal((w->facts.lane[0].cpu == 3) + (w->facts.lane[1].cpu == 3) +
				 (w->facts.lane[2].cpu == 3) + (w->facts.lane[3].cpu == 3),
			 2);
	does(w, "lanes balance", 0, "no move would help");
}

/* No thread can be started there: nothing is left that would happen later. */
static void
a_core_that_fails_is_not_added(void **state)
{
	struct world *w = *state;

	begin(w);
	does(w, "lanes move 2 --to 3", 0, "");
	w->failing_cpu = 6;
	does(w, "cores add 6", 1,
	     "processor 6 was not added: no thread can be started there: Operation not permitted");
	assert_int_equal(runtime_core(runtime(w), 6), RUNTIME_CORE_NONE);
	for (uint32_t lane = 0; lane < 4; lane++)
		assert_int_equal(runtime_lane_cpu(runtime(w), lane), lane == 2 ? 3 : ABI_NONE);
	w->failing_cpu = 0;
	does(w, "cores add 6", 0, "processor 6 is added");
	assert_int_equal(runtime_core(runtime(w), 6), RUNTIME_CORE_ADDED);
}

static void
keys_are_given_once(void **state)
{
	struct world *w = *state;

	begin(w);
	does(w, "tune burst=1 burst=2", 2, "burst is given twice");
	does(w, "tune burst=1 spin=1ms burst=usual", 2, "burst is given twice");
	does(w, "tune burst=1 spin=1h", 2, "spin is from");
	assert_true(runtime_tune(runtime(w), RUNTIME_TUNE_BURST) == RUNTIME_TUNE_UNSAID);
	does(w, "tune burst=1 spin=1ms poll=busy pause=2ms sleep_least=1ms sleep_most=2ms", 0,
	     "1*");
	assert_int_equal(runtime_tune(runtime(w), RUNTIME_TUNE_BURST), 1);
	assert_int_equal(runtime_tune(runtime(w), RUNTIME_TUNE_SLEEP_MOST), 2000000);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_move_ends_when_the_lane_is_there),
		TEST(a_move_without_a_data_plane_is_noted),
		TEST(balance_is_one_order),
		TEST(a_core_that_fails_is_not_added),
		TEST(keys_are_given_once),
	};

	penstockctl = argc == 2 ? argv[1] : "penstockctl";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
