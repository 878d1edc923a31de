/*
 * place.c - places for cores, and which core runs which lane (house.h).
 *
 * One thread calls all of this. It alone orders moves, so that what it has ordered and what has
 * arrived (core_of_lane) tell it where every lane is.
 */
#include "lane/house.h"

#include <errno.h>
#include <string.h>

int
house_find(const struct house *house, uint32_t cpu)
{
	for (uint16_t i = 0; i < house->core_n; i++) {
		if (house->place[i].cpu == cpu && (i < house->home_n || house->place[i].state != 0))
			return i;
	}
	return -1;
}

/* One that nobody has, if need be one more; -1: all are taken. Those of the start keep theirs. */
static int
find_free(struct house *house)
{
	for (uint16_t i = house->home_n; i < house->core_n; i++) {
		if (house->place[i].state == INSTANCE_CORE_NONE)
			return i;
	}
	if (house->core_n == CORES_MAX)
		return -1;
	return house->core_n++;
}

int
house_take_place(struct house *house, uint32_t cpu)
{
	int at = house_find(house, cpu);
	struct house_place *place;
	struct core *core;

	if (at < 0)
		at = find_free(house);
	if (at < 0)
		return -ENOSPC;
	place = &house->place[at];
	core = &house->core[at];
	ensure(place->state == INSTANCE_CORE_NONE || place->state == INSTANCE_CORE_FAILED);
	if (!place->has_bell) {
		int err = core_init(core, house->mesh, false, house->conf.wall_ns);

		if (err != 0)
			return err;
		core->core_i = (uint16_t)at;
		core->core_of_lane = house->core_of_lane;
	}
	place->has_bell = true;
	core_renew(core, house->conf.wall_ns);
	core_tune(core, &house->backoff);
	house->watch[at] = (struct core_watch){ 0 };
	place->cpu = cpu;
	place->state = INSTANCE_CORE_RUNNING;
	return at;
}

void
house_fail_place(struct house *house, uint16_t core_i, int err)
{
	house->place[core_i].state = INSTANCE_CORE_FAILED;
	house->place[core_i].err = (uint32_t)err;
}

void
house_give_place(struct house *house, uint16_t core_i)
{
	house->place[core_i].state = INSTANCE_CORE_NONE;
}

void
house_keep_place(struct house *house, uint16_t core_i)
{
	ensure(house->place[core_i].state == INSTANCE_CORE_LEAVING);
	house->place[core_i].state = INSTANCE_CORE_RUNNING;
}

/* ---- lanes ---- */

static bool
is_running(const struct house *house, uint16_t core_i)
{
	return house->place[core_i].state == INSTANCE_CORE_RUNNING;
}

/* The running place with the fewest lanes, by what was ordered. */
static uint16_t
emptiest(const struct house *house)
{
	uint16_t lane_n[CORES_MAX] = { 0 }, best = 0;

	for (uint16_t i = 0; i < house->conf.lane_n; i++)
		lane_n[house->ordered[i]]++;
	while (best < house->core_n && !is_running(house, best))
		best++;
	ensure(best < house->core_n); /* house_leave_place keeps one */
	for (uint16_t i = best; i < house->core_n; i++) {
		if (is_running(house, i) && lane_n[i] < lane_n[best])
			best = i;
	}
	return best;
}

static uint16_t
wanted_place(const struct house *house, const struct runtime *rt, uint16_t lane_i)
{
	uint32_t cpu = runtime_lane_cpu(rt, lane_i);
	int said = cpu != ABI_NONE ? house_find(house, cpu) : -1;
	uint16_t home = (uint16_t)(lane_i % house->home_n);

	if (said >= 0 && is_running(house, (uint16_t)said))
		return (uint16_t)said;
	if (is_running(house, home))
		return home;
	if (is_running(house, house->ordered[lane_i]))
		return house->ordered[lane_i];
	return emptiest(house);
}

void
house_place(struct house *house, const struct runtime *rt)
{
	for (uint16_t i = 0; i < house->conf.lane_n; i++) {
		uint16_t at = house_core_of(house, i), want = wanted_place(house, rt, i);

		if (want == at || at != house->ordered[i])
			continue;
		house->ordered[i] = want;
		core_order_move(&house->core[at], i, &house->core[want]);
	}
}

bool
house_leave_place(struct house *house, uint16_t core_i)
{
	uint16_t running_n = 0;

	for (uint16_t i = 0; i < house->core_n; i++)
		running_n += i != core_i && is_running(house, i);
	if (running_n == 0)
		return false;
	house->place[core_i].state = INSTANCE_CORE_LEAVING;
	for (uint16_t i = 0; i < house->conf.lane_n; i++) {
		if (house->ordered[i] == core_i || house_core_of(house, i) == core_i)
			return false;
	}
	return true;
}

/* ---- how cores wait ---- */

static void
take(const struct runtime *rt, enum runtime_tune key, uint64_t *word)
{
	uint64_t said = runtime_tune(rt, key);

	if (said != RUNTIME_TUNE_UNSAID)
		*word = said;
}

void
house_tune(struct house *house, const struct runtime *rt)
{
	struct backoff_conf conf = house->backoff_usual;

	take(rt, RUNTIME_TUNE_POLL, &conf.is_busy);
	take(rt, RUNTIME_TUNE_SPIN, &conf.spin_ns);
	take(rt, RUNTIME_TUNE_PAUSE, &conf.pause_ns);
	take(rt, RUNTIME_TUNE_SLEEP_LEAST, &conf.sleep_least_ns);
	take(rt, RUNTIME_TUNE_SLEEP_MOST, &conf.sleep_most_ns);
	if (memcmp(&conf, &house->backoff, sizeof(conf)) == 0)
		return;
	house->backoff = conf;
	for (uint16_t i = 0; i < house->core_n; i++)
		core_tune(&house->core[i], &conf);
}

static void
put(const struct backoff_conf *conf, uint64_t burst, uint64_t *ret_tune)
{
	ret_tune[RUNTIME_TUNE_POLL] = conf->is_busy;
	ret_tune[RUNTIME_TUNE_BURST] = burst;
	ret_tune[RUNTIME_TUNE_SPIN] = conf->spin_ns;
	ret_tune[RUNTIME_TUNE_PAUSE] = conf->pause_ns;
	ret_tune[RUNTIME_TUNE_SLEEP_LEAST] = conf->sleep_least_ns;
	ret_tune[RUNTIME_TUNE_SLEEP_MOST] = conf->sleep_most_ns;
}

bool
house_tune_facts(const struct house *house, const struct runtime *rt, struct instance_facts *facts)
{
	uint64_t before[RUNTIME_TUNES], burst = BURST_MAX;

	take(rt, RUNTIME_TUNE_BURST, &burst);
	memcpy(before, facts->tune, sizeof(before));
	put(&house->backoff, burst, facts->tune);
	put(&house->backoff_usual, BURST_MAX, facts->tune_usual);
	return memcmp(before, facts->tune, sizeof(before)) != 0;
}
