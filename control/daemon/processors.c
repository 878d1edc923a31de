/*
 * processors.c - see processors.h. A kernel that does not let us choose leaves us where we are.
 */
#include "daemon/processors.h"

void
processors_init(struct processors *processors)
{
	CPU_ZERO(&processors->all);
	sched_getaffinity(0, sizeof(processors->all), &processors->all);
	processors->left = processors->all;
}

void
processors_leave(struct processors *processors, const struct instance_facts *facts, pid_t child)
{
	cpu_set_t left = processors->all;

	for (uint32_t i = 0; i < facts->lane_n; i++)
		if (facts->lane[i].cpu < CPU_SETSIZE)
			CPU_CLR(facts->lane[i].cpu, &left);
	for (uint32_t i = 0; i < IMG_CORES_MAX; i++) {
		const struct instance_core *core = &facts->core[i];

		if ((core->state == INSTANCE_CORE_RUNNING ||
		     core->state == INSTANCE_CORE_LEAVING) &&
		    core->cpu < CPU_SETSIZE)
			CPU_CLR(core->cpu, &left);
	}
	if (CPU_COUNT(&left) == 0)
		left = processors->all;
	if (CPU_EQUAL(&left, &processors->left))
		return;
	processors->left = left;
	sched_setaffinity(0, sizeof(left), &left);
	if (child != 0)
		sched_setaffinity(child, sizeof(left), &left);
}
