/*
 * test_processors.c - penstock-control keeps off the processors on which lanes poll. Wants two.
 */
#include "world.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

static struct processors here;

/* The lowest processor that we may use. */
static uint32_t
lowest(void)
{
	uint32_t cpu = 0;

	while (!CPU_ISSET(cpu, &here.all))
		cpu++;
	return cpu;
}

static bool
may_use(pid_t pid, uint32_t cpu)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(pid, sizeof(set), &set), 0);
	assert_true(CPU_COUNT(&set) > 0);
	return CPU_ISSET(cpu, &set);
}

static int
test_begin(void **state)
{
	processors_init(&here);
	return world_make(state);
}

static int
test_end(void **state)
{
	sched_setaffinity(0, sizeof(here.all), &here.all);
	return world_end(state);
}

static void
want_two(void)
{
	if (CPU_COUNT(&here.all) < 2)
		skip();
}

static void
lanes_have_their_processors_to_themselves(void **state)
{
	struct instance_facts facts = { .lane_n = 2, .lane = { { .cpu = lowest() } } };
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		pause();
		_exit(0);
	}
	facts.lane[1].cpu = UINT32_MAX; /* of a data plane that lies */
	if (CPU_COUNT(&here.all) >= 2) {
		processors_leave(&here, &facts, child);
		assert_false(may_use(0, lowest()));
		assert_false(may_use(child, lowest()));
	}
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	want_two();
}

static void
where_lanes_are_everywhere_nobody_is_sent_away(void **state)
{
	struct instance_facts facts = { 0 };

	(void)state;
	for (uint32_t cpu = 0; cpu < CPU_SETSIZE && facts.lane_n < IMG_LANES_MAX; cpu++)
		if (CPU_ISSET(cpu, &here.all))
			facts.lane[facts.lane_n++].cpu = cpu;
	if (facts.lane_n < (uint32_t)CPU_COUNT(&here.all))
		skip();
	processors_leave(&here, &facts, 0);
	assert_true(may_use(0, lowest()));
}

/* Lanes of the data plane that runs, not of the configuration: that may wait for a restart. */
static void
control_sees_where_lanes_of_a_new_data_plane_are(void **state)
{
	struct world *w = *state;

	want_two();
	control_start(w);
	assert_true(may_use(0, lowest()));
	dataplane_start(w);
	w->facts.started_ns = 5;
	w->facts.lane[0].cpu = lowest();
	instance_put(w->instance_map.p, &w->facts);
	w->daemon.lanes_at = 0;
	notice(w);
	assert_false(may_use(0, lowest()));

	/* Another one has its lanes elsewhere. */
	w->facts.started_ns = 6;
	w->facts.lane[0].cpu = UINT32_MAX;
	instance_put(w->instance_map.p, &w->facts);
	w->daemon.lanes_at = 0;
	notice(w);
	assert_true(may_use(0, lowest()));
}

#define HERE(name) cmocka_unit_test_setup_teardown(name, test_begin, test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HERE(lanes_have_their_processors_to_themselves),
		HERE(where_lanes_are_everywhere_nobody_is_sent_away),
		HERE(control_sees_where_lanes_of_a_new_data_plane_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
