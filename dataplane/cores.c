/*
 * cores.c - see cores.h.
 */
#include "cores.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "port/port.h"

enum {
	AGAIN_STEPS = 100 /* a thread that could not be started: once a second */
};

void
cores_init(struct cores *cores, struct house *house)
{
	*cores = (struct cores){ .house = house };
	sched_getaffinity(0, sizeof(cores->allowed), &cores->allowed);
}

static bool
is_allowed(const struct cores *cores, uint32_t cpu)
{
	return cpu < CPU_SETSIZE && CPU_ISSET(cpu, &cores->allowed);
}

/* 0, or an errno. */
static int
start(struct cores *cores, uint16_t core_i, char *why)
{
	char name[16];
	int err;

	snprintf(name, sizeof(name), "core-%u", core_i);
	err = port_thread_start(name, (int)cores->house->place[core_i].cpu, core_run,
				&cores->house->core[core_i], &cores->thread[core_i], why);
	cores->has_thread[core_i] = err == 0;
	return err;
}

bool
cores_start(struct cores *cores, char *why)
{
	for (uint16_t i = 0; i < cores->house->core_n; i++) {
		if (start(cores, i, why) != 0)
			return false;
	}
	return true;
}

static void
end(struct cores *cores, uint16_t core_i)
{
	core_stop(&cores->house->core[core_i]);
	pthread_join(cores->thread[core_i], NULL);
	cores->has_thread[core_i] = false;
}

void
cores_stop(struct cores *cores)
{
	for (uint16_t i = 0; i < CORES_MAX; i++) {
		if (cores->has_thread[i])
			core_stop(&cores->house->core[i]);
	}
	for (uint16_t i = 0; i < CORES_MAX; i++) {
		if (cores->has_thread[i])
			end(cores, i);
	}
}

/* ---- as control/runtime says ---- */

static void
add(struct cores *cores, uint32_t cpu)
{
	struct house *house = cores->house;
	int at = house_find(house, cpu);
	enum instance_core_state state = at >= 0 ? house->place[at].state : INSTANCE_CORE_NONE;
	char why[PORT_WHY];
	int err;

	if (state == INSTANCE_CORE_RUNNING ||
	    (state == INSTANCE_CORE_FAILED && cores->steps % AGAIN_STEPS != 0))
		return;
	if (state == INSTANCE_CORE_LEAVING) {
		house_keep_place(house, (uint16_t)at);
		return;
	}
	at = house_take_place(house, cpu);
	if (at < 0)
		return;
	err = is_allowed(cores, cpu) ? start(cores, (uint16_t)at, why) : EPERM;
	if (err != 0)
		house_fail_place(house, (uint16_t)at, err);
}

static void
release(struct cores *cores, uint16_t core_i)
{
	struct house *house = cores->house;

	switch (house->place[core_i].state) {
	case INSTANCE_CORE_NONE:
		return;
	case INSTANCE_CORE_FAILED:
		break;
	case INSTANCE_CORE_RUNNING:
	case INSTANCE_CORE_LEAVING:
		if (!house_leave_place(house, core_i))
			return;
		end(cores, core_i);
		break;
	case INSTANCE_CORE_STATES:
		ensure(false);
	}
	house_give_place(house, core_i);
}

static bool
is_wanted(const struct cores *cores, const struct runtime *rt, uint16_t core_i)
{
	switch (runtime_core(rt, cores->house->place[core_i].cpu)) {
	case RUNTIME_CORE_ADDED:
		return true;
	case RUNTIME_CORE_RELEASED:
		return false;
	case RUNTIME_CORE_NONE:
	case RUNTIME_CORES:
		break;
	}
	return core_i < cores->house->home_n;
}

/* Where this thread may run: nowhere that a core polls, when there is anything else. */
static void
leave_to_cores(struct cores *cores)
{
	cpu_set_t taken, left = cores->allowed;

	CPU_ZERO(&taken);
	for (uint16_t i = 0; i < cores->house->core_n; i++) {
		if (cores->has_thread[i])
			CPU_SET(cores->house->place[i].cpu, &taken);
	}
	if (CPU_EQUAL(&taken, &cores->taken))
		return;
	cores->taken = taken;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &taken))
			CPU_CLR(cpu, &left);
	}
	if (CPU_COUNT(&left) == 0)
		left = cores->allowed;
	sched_setaffinity(0, sizeof(left), &left);
}

void
cores_step(struct cores *cores, const struct runtime *rt)
{
	struct house *house = cores->house;

	for (uint16_t i = 0; i < house->home_n; i++) {
		if (is_wanted(cores, rt, i))
			add(cores, house->place[i].cpu);
	}
	for (uint32_t i = 0; rt != NULL && i < rt->head.cpu_n; i++) {
		struct runtime_cpu at = runtime_cpu(rt, i);

		if (at.said == RUNTIME_CORE_ADDED)
			add(cores, at.cpu);
	}
	house_place(house, rt);
	for (uint16_t i = 0; i < house->core_n; i++) {
		if (!is_wanted(cores, rt, i))
			release(cores, i);
	}
	house_tune(house, rt);
	leave_to_cores(cores);
	cores->steps++;
}

bool
cores_facts(const struct cores *cores, const struct runtime *rt, struct instance_facts *facts)
{
	bool is_news = house_facts(cores->house, facts);

	for (uint32_t cpu = 0; cpu < RUNTIME_CPUS_MAX; cpu++)
		facts->allowed[cpu / 64] |= (uint64_t)is_allowed(cores, cpu) << cpu % 64;
	return house_tune_facts(cores->house, rt, facts) || is_news;
}
