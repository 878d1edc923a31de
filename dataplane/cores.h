/*
 * cores.h - the polling threads: started for the image's cores, then as control/runtime says:
 * added on processors that this process may use, released when their lanes run elsewhere.
 *
 * All of it belongs to the keeper's thread, which leaves the processors of the cores alone as far
 * as there are others (port_env_open begins with that).
 */
#ifndef PENSTOCK_CORES_H
#define PENSTOCK_CORES_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "lane/house.h"

struct cores {
	struct house *house;
	cpu_set_t allowed; /* at the start of the process */
	cpu_set_t taken;   /* by cores, when this thread last looked where it may run */
	pthread_t thread[CORES_MAX];
	bool has_thread[CORES_MAX];
	uint32_t steps; /* to try again what failed */
};

/* Before anything narrows the processors that this thread may use. */
void cores_init(struct cores *cores, struct house *house);

/* A thread for each core of the house. False: why[PORT_WHY] says why not. */
bool cores_start(struct cores *cores, char *why);

/*
 * Adds and releases as rt says, moves lanes to where they are wanted, has cores wait as they
 * should. One step of it; a core that leaves takes several. Call each 10 ms or so.
 */
void cores_step(struct cores *cores, const struct runtime *rt);

/* What is to be told of cores; true when anything is not as it was there. */
bool cores_facts(const struct cores *cores, const struct runtime *rt, struct instance_facts *facts);

/* Ends all threads. */
void cores_stop(struct cores *cores);

#endif
