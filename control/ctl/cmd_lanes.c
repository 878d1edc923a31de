/*
 * cmd_lanes.c - penstockctl lanes [move LANE --to CORE]: where lanes run and what they do there.
 */
#include <string.h>

#include "conf/value.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/places.h"
#include "ctl/table.h"
#include "ctl/terminal.h"
#include "run/boards.h"
#include "run/state.h"

/* ---- lanes ---- */

/* The share of the time measured so far, in percent, that turns with work took. */
static double
busy_share(const struct boards *boards, uint32_t lane)
{
	uint64_t busy = boards_lane(boards, lane, "lane_busy_ns");
	uint64_t all = busy + boards_lane(boards, lane, "lane_idle_ns");

	return all != 0 ? 100.0 * (double)busy / (double)all : 0;
}

static json_t *
queues_json(const struct instance_facts *facts, uint32_t lane)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < facts->port_n; i++) {
		uint32_t queue_n = facts->port[i].queues != 0 ? facts->port[i].queues : 1;

		json_array_append_new(
			list, json_pack("{s:s, s:I, s:b}", "port", facts->port[i].name, "queue",
					(json_int_t)(lane % queue_n), "polls", lane < queue_n));
	}
	return list;
}

static json_t *
lane_json(const struct state *state, const struct boards *boards, uint32_t lane)
{
	struct board_hist pause = { 0 };

	boards_lane_hist(boards, lane, "lane_move_pause", &pause);
	return json_pack("{s:I, s:I, s:b, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:o}", "lane",
			 (json_int_t)lane, "cpu", (json_int_t)state->facts.lane[lane].cpu, "asleep",
			 boards_lane(boards, lane, "asleep") != 0, "load_percent",
			 (double)boards_lane(boards, lane, "load") / 10, "busy_percent",
			 busy_share(boards, lane), "turns",
			 (json_int_t)boards_lane(boards, lane, "lane_turns"), "turns_busy",
			 (json_int_t)boards_lane(boards, lane, "lane_turns_busy"), "conns",
			 (json_int_t)boards_lane(boards, lane, "conns"), "moves",
			 (json_int_t)pause.n, "longest_pause_ns", (json_int_t)pause.max, "queues",
			 queues_json(&state->facts, lane));
}

static const char *
queues_text(const json_t *queues, struct arena *arena)
{
	const char *text = "";
	const json_t *queue;
	size_t i;

	json_array_foreach(queues, i, queue) text = arena_format(
		arena, "%s%s%s:%lld%s", text, i > 0 ? " " : "",
		json_string_value(json_object_get(queue, "port")), ctl_number(queue, "queue"),
		json_is_true(json_object_get(queue, "polls")) ? "" : "*");
	return text;
}

static const char *
number_text(const json_t *lane, const char *key, struct arena *arena)
{
	return arena_format(arena, "%lld", ctl_number(lane, key));
}

static void
lane_add(struct table *table, const json_t *lane, struct arena *arena)
{
	table_add(table,
		  (const char *[]){
			  number_text(lane, "lane", arena),
			  number_text(lane, "cpu", arena),
			  arena_format(arena, "%.1f%%",
				       json_real_value(json_object_get(lane, "load_percent"))),
			  arena_format(arena, "%.1f%%",
				       json_real_value(json_object_get(lane, "busy_percent"))),
			  number_text(lane, "turns", arena),
			  number_text(lane, "conns", arena),
			  number_text(lane, "moves", arena),
			  arena_format(arena, "%.1f",
				       (double)ctl_number(lane, "longest_pause_ns") / 1000),
			  queues_text(json_object_get(lane, "queues"), arena),
		  });
}

static void
lanes_print(const json_t *list)
{
	static const struct table_column columns[] = {
		{ .head = "LANE", .is_number = true },
		{ .head = "CORE", .is_number = true },
		{ .head = "LOAD", .is_number = true },
		{ .head = "BUSY", .is_number = true },
		{ .head = "TURNS", .is_number = true },
		{ .head = "CONNS", .is_number = true },
		{ .head = "MOVES", .is_number = true },
		{ .head = "PAUSE_US", .is_number = true },
		{ .head = "QUEUES" },
	};
	struct arena arena = { 0 };
	struct table table;
	const json_t *lane;
	size_t i;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(list, i, lane) lane_add(&table, lane, &arena);
	table_print(&table, stdout, terminal_size().columns);
	table_fini(&table);
	arena_fini(&arena);
}

static void
lanes_show(const struct ctl *ctl, const struct state *state, const struct boards *boards)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < state->facts.lane_n; i++)
		json_array_append_new(list, lane_json(state, boards, i));
	if (ctl->is_json) {
		ctl_print_json(list);
		return;
	}
	lanes_print(list);
	json_decref(list);
}

static int
show(const struct ctl *ctl)
{
	const char *why = NULL;
	struct boards boards;
	struct state state;
	int verdict = CTL_DONE;

	if (!state_open(ctl->run, &state, &why))
		return ctl_failed(ctl, "%s %s", ctl->run, why);
	if (!state.has_facts) {
		verdict = ctl_failed(ctl, "the data plane does not run: there are no lanes");
	} else {
		boards_open(state.dataplane_fd, state.facts.lane_n, &boards);
		lanes_show(ctl, &state, &boards);
		boards_close(&boards);
	}
	state_close(&state);
	return verdict;
}

/* ---- lanes move ---- */

/* Where a lane is to be seen soon; PLACES_NONE: where the data plane likes, its home runs no lanes. */
static uint32_t
target_of(const struct instance_facts *facts, uint32_t lane, const json_t *cpu)
{
	uint32_t home = places_home(facts, lane);
	const struct instance_core *core = places_core(facts, home);

	if (!json_is_null(cpu))
		return (uint32_t)json_integer_value(cpu);
	return core != NULL && core->state == INSTANCE_CORE_RUNNING ? home : PLACES_NONE;
}

/* Says what was done; takes the answer. */
static int
moved(const struct ctl *ctl, uint32_t lane, uint32_t cpu, bool is_in_effect, json_t *answer)
{
	if (ctl->is_json) {
		json_object_set_new(answer, "in_effect", json_boolean(is_in_effect));
		ctl_print_json(answer);
		return CTL_DONE;
	}
	if (!is_in_effect)
		printf("noted; the data plane does not run\n");
	else if (cpu != PLACES_NONE)
		printf("lane %u runs on processor %u\n", lane, cpu);
	else
		printf("lane %u runs where the data plane likes: the processor where it began runs "
		       "no lanes\n",
		       lane);
	json_decref(answer);
	return CTL_DONE;
}

static int
move(const struct ctl *ctl, uint32_t lane, const char *to)
{
	json_t *cpu = json_null(), *answer;
	struct instance_facts facts;
	uint32_t target = PLACES_NONE;
	bool is_running;
	uint64_t number;

	if (value_number(to, &number) == VALUE_OK && number <= INT32_MAX)
		cpu = json_integer((json_int_t)number);
	else if (strcmp(to, "home") != 0)
		return ctl_usage("lanes", "'%s' is neither a processor's number nor home", to);
	answer = client_order(ctl, json_pack("{s:s, s:I, s:o}", "verb", "lane", "lane",
					     (json_int_t)lane, "cpu", cpu));
	if (answer == NULL)
		return CTL_FAILED;
	is_running = state_facts(ctl->run, &facts);
	if (is_running)
		target = target_of(&facts, lane, json_object_get(answer, "cpu"));
	if (target != PLACES_NONE && !places_wait_lane(ctl, lane, target)) {
		json_decref(answer);
		return ctl_failed(ctl,
				  "lane %u is still on its way to processor %u; penstockctl lanes "
				  "shows where it is",
				  lane, target);
	}
	return moved(ctl, lane, target, is_running, answer);
}

/* ---- lanes balance ---- */

static int
spread(const struct ctl *ctl)
{
	struct places places;
	json_t *moves;

	if (!places_read(ctl, PLACES_NONE, &places))
		return CTL_FAILED;
	balance(places.lane, places.facts.lane_n, places.cpu, places.cpu_n, true);
	if (!places_send(ctl, &places))
		return CTL_FAILED;
	moves = places_moves(&places);
	if (ctl->is_json) {
		ctl_print_json(json_pack("{s:b, s:o}", "ok", 1, "moves", moves));
		return CTL_DONE;
	}
	places_print(moves);
	if (json_array_size(moves) == 0)
		printf("no move would help\n");
	json_decref(moves);
	return CTL_DONE;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	uint64_t lane;

	if (argc == 1)
		return show(ctl);
	if (argc == 2 && strcmp(argv[1], "balance") == 0)
		return spread(ctl);
	if (argc != 5 || strcmp(argv[1], "move") != 0 || strcmp(argv[3], "--to") != 0)
		return ctl_usage("lanes", "give nothing, or balance, or move LANE --to CORE");
	if (value_number(argv[2], &lane) != VALUE_OK || lane > INT32_MAX)
		return ctl_usage("lanes", "'%s' is not the number of a lane", argv[2]);
	return move(ctl, (uint32_t)lane, argv[4]);
}

const struct ctl_verb ctl_verb_lanes = {
	.name = "lanes",
	.args = "[balance | move LANE --to CORE|home]",
	.what = "print every lane and its load; move one to another core",
	.help = "LOAD is the share of a processor that turns with work took in the last second or "
		"so,\n"
		"BUSY that of all time measured, PAUSE_US the longest pause of a move in\n"
		"microseconds; '*' marks a queue that another lane polls for this one.\n\n"
		"  balance  moves lanes so that no core has much more to do than the others\n"
		"  move     from its next turn on the lane runs on a processor of penstockctl "
		"cores,\n"
		"           with its connections and queues; home: where it began. Ends when it\n"
		"           is there\n\n"
		"Lasts over apply and restarts until undone; penstockctl status lists it.\n\n"
		"Example: penstockctl lanes move 3 --to 1\n",
	.run = run,
};
