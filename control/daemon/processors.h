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
	cpu_set_t all; /* that we may use */
};

/* Where this process may run now is where it may run at all. */
void processors_init(struct processors *processors);

/*
 * Leaves the lanes' processors alone, and has `child` (0: none) leave them alone too. Where lanes
 * poll on every processor that we may use, everybody stays.
 */
void processors_leave(const struct processors *processors, const struct instance_facts *facts,
		      pid_t child);

#endif
