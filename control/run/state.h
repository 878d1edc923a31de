/*
 * state.h - what the run directory says at one moment: who runs, which tables, what was
 * overridden. Reads files only, so that it answers while either program is down.
 */
#ifndef PENSTOCK_CONTROL_RUN_STATE_H
#define PENSTOCK_CONTROL_RUN_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/instance.h"
#include "abi/rundir.h"
#include "abi/runtime.h"
#include "run/tables.h"

struct state {
	int control_fd;			  /* -1: control never ran here */
	int dataplane_fd;		  /* -1: the data plane never ran here */
	pid_t control_pid, dataplane_pid; /* 0: does not run */
	bool has_facts;			  /* of the data plane that runs */
	struct instance_facts facts;
	struct tables newest;  /* generation 0: none is sound */
	struct tables running; /* generation 0: nothing runs, or its image is gone */
	struct rundir_map runtime_map;
	struct runtime runtime; /* bytes NULL: none */
};

/* Reads DIR. False: it is not there or may not be read; *ret_why says so in words. */
bool state_open(const char *run, struct state *ret_state, const char **ret_why);

/* The tables that requests meet now: the running ones, else the newest; NULL: none. */
const struct tables *state_tables(const struct state *state);

void state_close(struct state *state);

/* The facts of the data plane that runs in DIR, and nothing else. False: none does. */
bool state_facts(const char *run, struct instance_facts *ret_facts);

#endif
