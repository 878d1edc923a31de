/*
 * places.c - see places.h.
 */
#include "ctl/places.h"

#include <string.h>
#include <time.h>

#include "ctl/client.h"
#include "run/state.h"

enum {
	LOOK_MS = 10,
	LOOKS = 500, /* five seconds */
};

const struct instance_core *
places_core(const struct instance_facts *facts, uint32_t cpu)
{
	for (uint32_t i = 0; i < IMG_CORES_MAX; i++) {
		const struct instance_core *core = &facts->core[i];

		if (core->cpu == cpu &&
		    (core->state != INSTANCE_CORE_NONE || (core->flags & INSTANCE_CORE_HOME) != 0))
			return core;
	}
	return NULL;
}

/* The places of the start stand first, in their order. */
uint32_t
places_home(const struct instance_facts *facts, uint32_t lane)
{
	uint32_t home_n = 0;

	while (home_n < IMG_CORES_MAX && (facts->core[home_n].flags & INSTANCE_CORE_HOME) != 0)
		home_n++;
	return home_n > 0 ? facts->core[lane % home_n].cpu : PLACES_NONE;
}

static void
lanes_read(struct places *places, const struct boards *boards)
{
	for (uint32_t i = 0; i < places->facts.lane_n; i++) {
		places->was[i] = places->facts.lane[i].cpu;
		places->lane[i] = (struct balance_lane){
			.load = (uint32_t)boards_lane(boards, i, "load"),
			.cpu = places->was[i],
			.home = places_home(&places->facts, i),
		};
	}
}

/* NULL, or why there are none. */
static const char *
state_read(const struct ctl *ctl, struct places *places)
{
	const char *why = NULL;
	struct boards boards;
	struct state state;

	if (!state_open(ctl->run, &state, &why))
		return "the data plane does not run: there are no lanes";
	if (!state.has_facts)
		why = "the data plane does not run: there are no lanes";
	else if (state.facts.core[0].state == INSTANCE_CORE_NONE && state.facts.core[0].flags == 0)
		why = "the data plane that runs is of an older version, which keeps its cores";
	if (why == NULL) {
		places->facts = state.facts;
		boards_open(state.dataplane_fd, state.facts.lane_n, &boards);
		lanes_read(places, &boards);
		boards_close(&boards);
		for (uint32_t i = 0; i < state.facts.lane_n; i++)
			places->said[i] = runtime_lane_cpu(&state.runtime, i);
	}
	state_close(&state);
	return why;
}

bool
places_read(const struct ctl *ctl, uint32_t without, struct places *ret_places)
{
	const char *why;

	memset(ret_places, 0, sizeof(*ret_places));
	why = state_read(ctl, ret_places);
	if (why != NULL) {
		ctl_failed(ctl, "%s", why);
		return false;
	}
	for (uint32_t i = 0; i < IMG_CORES_MAX; i++) {
		const struct instance_core *core = &ret_places->facts.core[i];

		if (core->state == INSTANCE_CORE_RUNNING && core->cpu != without)
			ret_places->cpu[ret_places->cpu_n++] = core->cpu;
	}
	return true;
}

static bool
runs_lanes(const struct places *places, uint32_t cpu)
{
	for (uint32_t i = 0; i < places->cpu_n; i++) {
		if (places->cpu[i] == cpu)
			return true;
	}
	return false;
}

/* It is sent elsewhere; or it stays, and without a word it would go to where it began. */
static bool
needs_order(const struct places *places, uint32_t lane)
{
	const struct balance_lane *l = &places->lane[lane];

	return l->cpu != places->was[lane] || (l->cpu != l->home && runs_lanes(places, l->home));
}

json_t *
places_orders(const struct places *places)
{
	json_t *orders = json_array();

	for (uint32_t i = 0; i < places->facts.lane_n; i++) {
		const struct balance_lane *l = &places->lane[i];
		json_t *cpu;

		if (!needs_order(places, i))
			continue;
		cpu = l->cpu == l->home ? json_null() : json_integer((json_int_t)l->cpu);
		json_array_append_new(orders,
				      json_pack("{s:I, s:o}", "lane", (json_int_t)i, "cpu", cpu));
	}
	return orders;
}

json_t *
places_orders_back(const struct places *places)
{
	json_t *orders = json_array();

	for (uint32_t i = 0; i < places->facts.lane_n; i++) {
		const struct instance_core *core = places_core(&places->facts, places->said[i]);
		bool holds = core != NULL && core->state == INSTANCE_CORE_RUNNING;

		if (!needs_order(places, i))
			continue;
		json_array_append_new(
			orders,
			json_pack("{s:I, s:o}", "lane", (json_int_t)i, "cpu",
				  holds ? json_integer((json_int_t)places->said[i]) : json_null()));
	}
	return orders;
}

static void
look_again(void)
{
	struct timespec t = { .tv_nsec = LOOK_MS * 1000000l };

	nanosleep(&t, NULL);
}

enum instance_core_state
places_wait(const struct ctl *ctl, uint32_t cpu, enum instance_core_state wanted,
	    enum instance_core_state other)
{
	enum instance_core_state state = INSTANCE_CORE_NONE;

	for (uint32_t i = 0; i < LOOKS; i++) {
		struct instance_facts facts;
		const struct instance_core *core;

		if (!state_facts(ctl->run, &facts))
			return INSTANCE_CORE_STATES;
		core = places_core(&facts, cpu);
		state = core != NULL ? (enum instance_core_state)core->state : INSTANCE_CORE_NONE;
		if (state == wanted || state == other)
			break;
		look_again();
	}
	return state;
}

bool
places_wait_lanes(const struct ctl *ctl, const struct places *places)
{
	for (uint32_t i = 0; i < LOOKS; i++) {
		struct instance_facts facts;
		uint32_t there_n = 0;

		if (!state_facts(ctl->run, &facts))
			break;
		for (uint32_t l = 0; l < places->facts.lane_n; l++)
			there_n += facts.lane[l].cpu == places->lane[l].cpu;
		if (there_n == places->facts.lane_n)
			return true;
		look_again();
	}
	ctl_failed(ctl, "lanes are still on their way; penstockctl lanes shows where they are");
	return false;
}

bool
places_wait_lane(const struct ctl *ctl, uint32_t lane, uint32_t cpu)
{
	struct instance_facts facts;

	for (uint32_t i = 0; i < LOOKS && state_facts(ctl->run, &facts); i++) {
		if (lane < facts.lane_n && facts.lane[lane].cpu == cpu)
			return true;
		look_again();
	}
	return false;
}

bool
places_send(const struct ctl *ctl, const struct places *places)
{
	json_t *orders = places_orders(places), *answer;

	if (json_array_size(orders) == 0) {
		json_decref(orders);
		return true;
	}
	answer = client_order(ctl, json_pack("{s:s, s:o}", "verb", "lane", "lanes", orders));
	json_decref(answer);
	return answer != NULL && places_wait_lanes(ctl, places);
}

json_t *
places_moves(const struct places *places)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < places->facts.lane_n; i++)
		if (places->lane[i].cpu != places->was[i])
			json_array_append_new(list,
					      json_pack("{s:I, s:I, s:I}", "lane", (json_int_t)i,
							"from", (json_int_t)places->was[i], "to",
							(json_int_t)places->lane[i].cpu));
	return list;
}

void
places_print(const json_t *moves)
{
	const json_t *move;
	size_t i;

	json_array_foreach(moves, i, move)
		printf("lane %lld goes from processor %lld to %lld\n", ctl_number(move, "lane"),
		       ctl_number(move, "from"), ctl_number(move, "to"));
}
