/*
 * processors.h - where penstock-control runs: not on the processors on which lanes poll. What
 * comes to such a processor keeps a lane from its packets for some milliseconds at a time, and
 * rules take seconds to compile.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_PROCESSORS_H
#define PENSTOCK_CONTROL_DAEMON_PROCESSORS_H

#include <sched.h>
#include <sys/types.h>

#include "abi/instance.h"

struct processors {
	cpu_set_t all;	/* that we may use */
	cpu_set_t left; /* that we use, since the lanes run where they do */
};

/* Where this process may run now is where it may run at all. */
void processors_init(struct processors *processors);

/*
 * Leaves the processors of lanes and of cores alone, and has `child` (0: none) leave them alone
 * too, when they are others than at the last call. Where lanes poll on every processor that we may
 * use, everybody runs everywhere.
 */
void processors_leave(struct processors *processors, const struct instance_facts *facts,
		      pid_t child);

#endif
