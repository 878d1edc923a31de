/*
 * places.c - see places.h.
 */
#include "ctl/places.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

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

/* The places of the start, in their order: lane i began on the one at i modulo their number. */
static uint32_t
home_of(const struct instance_facts *facts, uint32_t lane)
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
			.home = home_of(&places->facts, i),
		};
	}
}

bool
places_read(const struct ctl *ctl, uint32_t without, struct places *ret_places)
{
	const char *why = NULL;
	struct boards boards;
	int fd;

	memset(ret_places, 0, sizeof(*ret_places));
	if (!state_facts(ctl->run, &ret_places->facts))
		why = "the data plane does not run: there are no lanes";
	else if (ret_places->facts.core[0].state == INSTANCE_CORE_NONE &&
		 ret_places->facts.core[0].flags == 0)
		why = "the data plane that runs is of an older version, which keeps its cores";
	if (why != NULL) {
		ctl_failed(ctl, "%s", why);
		return false;
	}
	fd = rundir_open(ctl->run, RUNDIR_DATAPLANE);
	boards_open(fd, ret_places->facts.lane_n, &boards);
	lanes_read(ret_places, &boards);
	boards_close(&boards);
	close(fd);
	for (uint32_t i = 0; i < IMG_CORES_MAX; i++) {
		const struct instance_core *core = &ret_places->facts.core[i];

		if (core->state == INSTANCE_CORE_RUNNING && core->cpu != without)
			ret_places->cpu[ret_places->cpu_n++] = core->cpu;
	}
	return true;
}

json_t *
places_order(const struct places *places, uint32_t lane)
{
	const struct balance_lane *l = &places->lane[lane];
	json_t *cpu = l->cpu == l->home ? json_null() : json_integer((json_int_t)l->cpu);

	return json_pack("{s:s, s:I, s:o}", "verb", "lane", "lane", (json_int_t)lane, "cpu", cpu);
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
			return INSTANCE_CORE_NONE;
		core = places_core(&facts, cpu);
		state = core != NULL ? (enum instance_core_state)core->state : INSTANCE_CORE_NONE;
		if (state == wanted || state == other)
			break;
		look_again();
	}
	return state;
}

static bool
wait_lanes(const struct ctl *ctl, const struct places *places)
{
	for (uint32_t i = 0; i < LOOKS; i++) {
		struct instance_facts facts;
		uint32_t there_n = 0;

		if (!state_facts(ctl->run, &facts))
			return false;
		for (uint32_t l = 0; l < places->facts.lane_n; l++)
			there_n += facts.lane[l].cpu == places->lane[l].cpu;
		if (there_n == places->facts.lane_n)
			return true;
		look_again();
	}
	return false;
}

bool
places_send(const struct ctl *ctl, const struct places *places)
{
	for (uint32_t i = 0; i < places->facts.lane_n; i++) {
		json_t *answer;

		if (places->lane[i].cpu == places->was[i])
			continue;
		answer = client_order(ctl, places_order(places, i));
		if (answer == NULL)
			return false;
		json_decref(answer);
	}
	if (wait_lanes(ctl, places))
		return true;
	ctl_failed(ctl, "lanes are still on their way; penstockctl lanes shows where they are");
	return false;
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
