/*
 * cmd_cores.c - penstockctl cores [add N | release N]: the processors that run lanes.
 */
#include <string.h>
#include <unistd.h>

#include "conf/value.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/places.h"
#include "run/state.h"

/* ---- cores ---- */

/* The NUMA node of a processor, as the kernel tells; -1: it does not. */
static int
node_of(uint32_t cpu)
{
	char path[96];

	for (int node = 0; node < 64; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/node%d", cpu, node);
		if (access(path, F_OK) == 0)
			return node;
	}
	return -1;
}

static const char *
state_word(const struct instance_core *core, size_t lanes)
{
	if (core->state == INSTANCE_CORE_NONE)
		return "released";
	if (core->state == INSTANCE_CORE_RUNNING && lanes == 0)
		return "parked";
	return instance_core_state_name(core->state);
}

static json_t *
core_json(const struct places *places, const struct instance_core *core)
{
	json_t *lanes = json_array(), *object;
	uint32_t load = 0;
	int node = node_of(core->cpu);

	for (uint32_t i = 0; i < places->facts.lane_n; i++) {
		if (places->was[i] != core->cpu)
			continue;
		load += places->lane[i].load;
		json_array_append_new(lanes, json_integer((json_int_t)i));
	}
	object = json_pack("{s:I, s:o, s:s, s:b, s:f, s:o}", "cpu", (json_int_t)core->cpu, "node",
			   node >= 0 ? json_integer(node) : json_null(), "state",
			   state_word(core, json_array_size(lanes)), "configured",
			   (core->flags & INSTANCE_CORE_HOME) != 0, "load_percent",
			   (double)load / 10, "lanes", lanes);
	if (core->state == INSTANCE_CORE_FAILED)
		json_object_set_new(object, "error", json_string(strerror((int)core->err)));
	return object;
}

static void
core_print(const json_t *core)
{
	const json_t *lane, *node = json_object_get(core, "node");
	const char *error = json_string_value(json_object_get(core, "error"));
	char node_text[24] = "-";
	size_t i;

	if (!json_is_null(node))
		snprintf(node_text, sizeof(node_text), "%lld", ctl_number(core, "node"));
	printf("%4lld %4s %-8s %5.1f%%  %-10s ", ctl_number(core, "cpu"), node_text,
	       json_string_value(json_object_get(core, "state")),
	       json_real_value(json_object_get(core, "load_percent")),
	       json_is_true(json_object_get(core, "configured")) ? "configured" : "added");
	json_array_foreach(json_object_get(core, "lanes"), i, lane)
		printf(" %lld", (long long)json_integer_value(lane));
	printf("%s%s\n", error != NULL ? " " : "", error != NULL ? error : "");
}

static int
show(const struct ctl *ctl)
{
	struct places places;
	json_t *list;
	const json_t *core;
	size_t n;

	if (!places_read(ctl, PLACES_NONE, &places))
		return CTL_FAILED;
	list = json_array();
	for (uint32_t i = 0; i < IMG_CORES_MAX; i++) {
		const struct instance_core *at = &places.facts.core[i];

		if (at->state != INSTANCE_CORE_NONE || (at->flags & INSTANCE_CORE_HOME) != 0)
			json_array_append_new(list, core_json(&places, at));
	}
	if (ctl->is_json) {
		ctl_print_json(list);
		return CTL_DONE;
	}
	printf("%4s %4s %-8s %6s  %-10s  %s\n", "CORE", "NODE", "STATE", "LOAD", "BY", "LANES");
	json_array_foreach(list, n, core) core_print(core);
	json_decref(list);
	return CTL_DONE;
}

/* ---- cores add, cores release ---- */

static json_t *
core_order(uint32_t cpu, bool runs, json_t *lanes)
{
	return json_pack("{s:s, s:I, s:b, s:o}", "verb", "core", "cpu", (json_int_t)cpu, "runs",
			 runs, "lanes", lanes);
}

/* Says what was done; takes moves. */
static int
done(const struct ctl *ctl, uint32_t cpu, const char *what, json_t *moves)
{
	if (ctl->is_json) {
		ctl_print_json(json_pack("{s:b, s:I, s:s, s:o}", "ok", 1, "cpu", (json_int_t)cpu,
					 "core", what, "moves", moves));
		return CTL_DONE;
	}
	printf("processor %u is %s\n", cpu, what);
	places_print(moves);
	json_decref(moves);
	return CTL_DONE;
}

static const char *
failure_of(const struct ctl *ctl, uint32_t cpu)
{
	struct instance_facts facts;
	const struct instance_core *core = NULL;

	if (state_facts(ctl->run, &facts))
		core = places_core(&facts, cpu);
	return core != NULL ? strerror((int)core->err) : "the data plane has ended";
}

/* Its thread cannot be started: nothing is left of the order, so that nothing happens later. */
static int
take_back(const struct ctl *ctl, uint32_t cpu, const struct places *places)
{
	const char *why, *failure = failure_of(ctl, cpu);
	json_t *answer =
		client_ask(ctl, core_order(cpu, false, places_orders_back(places)), NULL, &why);
	bool is_back = json_is_true(json_object_get(answer, "ok"));

	json_decref(answer);
	if (!is_back)
		return ctl_failed(ctl,
				  "no thread can be started on processor %u: %s; it is tried again "
				  "each second until cores release %u",
				  cpu, failure, cpu);
	places_wait(ctl, cpu, INSTANCE_CORE_NONE, INSTANCE_CORE_NONE);
	return ctl_failed(ctl, "processor %u was not added: no thread can be started there: %s",
			  cpu, failure);
}

static int
add(const struct ctl *ctl, uint32_t cpu)
{
	enum instance_core_state state;
	struct places places;
	json_t *answer;
	bool was;

	if (!places_read(ctl, cpu, &places))
		return CTL_FAILED;
	if (places.cpu_n < IMG_CORES_MAX)
		places.cpu[places.cpu_n++] = cpu;
	balance(places.lane, places.facts.lane_n, places.cpu, places.cpu_n, true);
	answer = client_order(ctl, core_order(cpu, true, places_orders(&places)));
	if (answer == NULL)
		return CTL_FAILED;
	was = json_is_true(json_object_get(answer, "was"));
	json_decref(answer);
	state = places_wait(ctl, cpu, INSTANCE_CORE_RUNNING, INSTANCE_CORE_FAILED);
	if (state == INSTANCE_CORE_FAILED && !was)
		return take_back(ctl, cpu, &places);
	if (state == INSTANCE_CORE_FAILED)
		return ctl_failed(ctl,
				  "processor %u was added before, but no thread runs there: %s; "
				  "it is tried again each second until cores release %u",
				  cpu, failure_of(ctl, cpu), cpu);
	if (state != INSTANCE_CORE_RUNNING)
		return ctl_failed(ctl,
				  "the data plane has not obeyed; penstockctl cores shows when "
				  "it does");
	if (!places_wait_lanes(ctl, &places))
		return CTL_FAILED;
	return done(ctl, cpu, "added", places_moves(&places));
}

static int
release(const struct ctl *ctl, uint32_t cpu)
{
	enum instance_core_state state;
	struct places places;
	json_t *answer;

	if (!places_read(ctl, cpu, &places))
		return CTL_FAILED;
	if (places.cpu_n > 0)
		balance(places.lane, places.facts.lane_n, places.cpu, places.cpu_n, false);
	answer = client_order(ctl, core_order(cpu, false, places_orders(&places)));
	json_decref(answer);
	if (answer == NULL)
		return CTL_FAILED;
	state = places_wait(ctl, cpu, INSTANCE_CORE_NONE, INSTANCE_CORE_NONE);
	if (state == INSTANCE_CORE_STATES)
		return ctl_failed(ctl,
				  "the data plane has ended meanwhile; processor %u runs no "
				  "lanes when it is back",
				  cpu);
	if (state != INSTANCE_CORE_NONE)
		return ctl_failed(ctl,
				  "lanes are still leaving processor %u; penstockctl cores shows "
				  "when it is released",
				  cpu);
	return done(ctl, cpu, "released", places_moves(&places));
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	uint64_t cpu;

	if (argc == 1)
		return show(ctl);
	if (argc != 3 || (strcmp(argv[1], "add") != 0 && strcmp(argv[1], "release") != 0))
		return ctl_usage("cores", "give nothing, or add N, or release N");
	if (value_number(argv[2], &cpu) != VALUE_OK || cpu >= RUNTIME_CPUS_MAX)
		return ctl_usage("cores", "'%s' is not the number of a processor", argv[2]);
	return strcmp(argv[1], "add") == 0 ? add(ctl, (uint32_t)cpu) : release(ctl, (uint32_t)cpu);
}

const struct ctl_verb ctl_verb_cores = {
	.name = "cores",
	.args = "[add N | release N]",
	.what = "print the processors that run lanes; have more or fewer of them",
	.help = "LOAD is the share of the processor that its lanes' turns with work took in the "
		"last\n"
		"second or so. STATE: running; parked, without lanes; leaving, its lanes move "
		"away;\n"
		"released; failed, with the reason.\n\n"
		"  add      another processor runs lanes: those that the process may use and that "
		"are\n"
		"           not in machine.cores too; some lanes go there, by load. Where no "
		"thread can\n"
		"           be started all is as before\n"
		"  release  its lanes go to the others, by load, with all their connections; then "
		"its\n"
		"           thread ends. The last one stays\n\n"
		"Both last over apply and restarts until undone; penstockctl status lists them.\n\n"
		"Example: penstockctl cores release 3\n",
	.run = run,
};
