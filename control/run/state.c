/*
 * state.c - one look at a run directory, see state.h.
 */
#include "run/state.h"

#include <errno.h>
#include <unistd.h>

static void
facts_read(struct state *state)
{
	struct rundir_map map;
	struct abi_fault fault;

	if (rundir_map_open(state->dataplane_fd, RUNDIR_INSTANCE, false, &map) != 0)
		return;
	state->has_facts = instance_read(map.p, map.n, &state->facts, &fault);
	rundir_map_close(&map);
}

static void
control_read(struct state *state)
{
	struct abi_fault fault;

	state->control_pid = rundir_locked_by(state->control_fd);
	tables_open_newest(state->control_fd, &state->newest, &fault);
	if (state->has_facts && state->facts.generation != 0)
		tables_open(state->control_fd, state->facts.generation, &state->running, &fault);
	if (rundir_map_open(state->control_fd, RUNDIR_RUNTIME, false, &state->runtime_map) == 0 &&
	    !runtime_open(state->runtime_map.p, state->runtime_map.n, &state->runtime, &fault))
		rundir_map_close(&state->runtime_map);
}

bool
state_open(const char *run, struct state *ret_state, const char **ret_why)
{
	struct state *state = ret_state;

	*state = (struct state){ .control_fd = rundir_open(run, RUNDIR_CONTROL),
				 .dataplane_fd = rundir_open(run, RUNDIR_DATAPLANE) };
	if (state->control_fd < 0 && state->dataplane_fd < 0) {
		*ret_why = state->control_fd == -EACCES || state->dataplane_fd == -EACCES
				   ? "may not be read; run as root or in the group of both programs"
				   : "is no run directory; start penstock-control, or name another "
				     "with --run DIR";
		return false;
	}
	if (state->dataplane_fd >= 0) {
		state->dataplane_pid = rundir_locked_by(state->dataplane_fd);
		if (state->dataplane_pid != 0)
			facts_read(state);
	}
	if (state->control_fd >= 0)
		control_read(state);
	return true;
}

const struct tables *
state_tables(const struct state *state)
{
	if (state->running.generation != 0)
		return &state->running;
	return state->newest.generation != 0 ? &state->newest : NULL;
}

void
state_close(struct state *state)
{
	if (state->control_fd >= 0)
		close(state->control_fd);
	if (state->dataplane_fd >= 0)
		close(state->dataplane_fd);
	tables_close(&state->newest);
	tables_close(&state->running);
	rundir_map_close(&state->runtime_map);
}

bool
state_facts(const char *run, struct instance_facts *ret_facts)
{
	struct state state = { .dataplane_fd = rundir_open(run, RUNDIR_DATAPLANE) };

	if (state.dataplane_fd < 0)
		return false;
	if (rundir_locked_by(state.dataplane_fd) != 0)
		facts_read(&state);
	close(state.dataplane_fd);
	*ret_facts = state.facts;
	return state.has_facts;
}
