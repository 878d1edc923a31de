/*
 * cmd_tune.c - penstockctl tune [KEY=VALUE|usual …]: how cores wait and what lanes take at a time.
 */
#include <string.h>
#include <time.h>

#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/terminal.h"
#include "ctl/tuning.h"
#include "run/state.h"

enum {
	LOOK_MS = 10,
	LOOKS = 200, /* two seconds */
};

/* ---- tune ---- */

static json_t *
key_json(const struct state *state, enum runtime_tune key)
{
	const struct runtime_tune_key *k = runtime_tune_key(key);
	uint64_t v = state->facts.tune[key], usual = state->facts.tune_usual[key];
	char text[VALUE_DURATION_TEXT];
	json_t *object = json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s}", "key", k->name, "unit", k->unit,
		"value", (json_int_t)v, "usual", (json_int_t)usual, "least", (json_int_t)k->least,
		"most", (json_int_t)k->most, "said",
		runtime_tune(&state->runtime, key) != RUNTIME_TUNE_UNSAID, "what", k->what);

	json_object_set_new(object, "text", json_string(tuning_text(key, v, text)));
	json_object_set_new(object, "usual_text", json_string(tuning_text(key, usual, text)));
	return object;
}

static void
keys_print(const json_t *list)
{
	static const struct table_column columns[] = {
		{ .head = "KEY" }, { .head = "VALUE" }, { .head = "USUAL" }, { .head = "WHAT" }
	};
	struct arena arena = { 0 };
	struct table table;
	const json_t *key;
	size_t i;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(list, i, key)
	{
		const char *value = json_string_value(json_object_get(key, "text"));

		if (json_is_true(json_object_get(key, "said")))
			value = arena_format(&arena, "%s*", value);
		table_add(&table,
			  (const char *[]){ json_string_value(json_object_get(key, "key")), value,
					    json_string_value(json_object_get(key, "usual_text")),
					    json_string_value(json_object_get(key, "what")) });
	}
	table_print(&table, stdout, terminal_size().columns);
	table_fini(&table);
	arena_fini(&arena);
}

static int
show(const struct ctl *ctl)
{
	const char *why = NULL;
	struct state state;
	json_t *list;

	if (!state_open(ctl->run, &state, &why))
		return ctl_failed(ctl, "%s %s", ctl->run, why);
	if (!state.has_facts || state.facts.tune[RUNTIME_TUNE_BURST] == 0) {
		bool is_there = state.has_facts;

		state_close(&state);
		return ctl_failed(ctl,
				  is_there ? "the data plane that runs is of an older version, "
					     "which is not tuned"
					   : "the data plane does not run: nothing is in effect");
	}
	list = json_array();
	for (enum runtime_tune key = 0; key < RUNTIME_TUNES; key++)
		json_array_append_new(list, key_json(&state, key));
	if (ctl->is_json) {
		ctl_print_json(list);
	} else {
		keys_print(list);
		json_decref(list);
	}
	state_close(&state);
	return CTL_DONE;
}

/* ---- tune KEY=VALUE ---- */

struct order {
	enum runtime_tune key;
	bool is_usual;
	uint64_t v;
};

/* 0, or CTL_USAGE told. */
static int
parse(const char *text, struct order *ret_order)
{
	const char *equals = strchr(text, '=');
	const struct runtime_tune_key *k;

	if (equals == NULL)
		return ctl_usage("tune", "'%s' is not KEY=VALUE", text);
	ret_order->key = tuning_find(text, (size_t)(equals - text));
	if (ret_order->key == RUNTIME_TUNES)
		return ctl_usage("tune", "there is no key '%.*s'; penstockctl tune lists them",
				 (int)(equals - text), text);
	k = runtime_tune_key(ret_order->key);
	ret_order->is_usual = strcmp(equals + 1, "usual") == 0;
	if (ret_order->is_usual)
		return 0;
	if (!tuning_parse(ret_order->key, equals + 1, &ret_order->v) || ret_order->v < k->least ||
	    ret_order->v > k->most) {
		char least[VALUE_DURATION_TEXT], most[VALUE_DURATION_TEXT];

		return ctl_usage("tune", "%s is from %s to %s, or usual, not '%s'", k->name,
				 tuning_text(ret_order->key, k->least, least),
				 tuning_text(ret_order->key, k->most, most), equals + 1);
	}
	return 0;
}

/* Each key once, so there is room for them. 0, or CTL_USAGE told. */
static int
parse_all(int argc, char **argv, struct order order[RUNTIME_TUNES])
{
	bool is_named[RUNTIME_TUNES] = { false };

	for (int i = 1; i < argc; i++) {
		struct order one;
		int verdict = parse(argv[i], &one);

		if (verdict != 0)
			return verdict;
		if (is_named[one.key])
			return ctl_usage("tune", "%s is given twice",
					 runtime_tune_key(one.key)->name);
		is_named[one.key] = true;
		order[i - 1] = one;
	}
	return 0;
}

/* All of them in one message, so that none is set when one is refused. */
static bool
send_orders(const struct ctl *ctl, const struct order *order, int n)
{
	json_t *list = json_array(), *answer;

	for (int i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:o}", "key", runtime_tune_key(order[i].key)->name,
					"value",
					order[i].is_usual ? json_null()
							  : json_integer((json_int_t)order[i].v)));
	answer = client_order(ctl, json_pack("{s:s, s:o}", "verb", "tune", "settings", list));
	json_decref(answer);
	return answer != NULL;
}

/* What the data plane says is in effect is what was asked for. */
static bool
is_obeyed(const struct instance_facts *facts, const struct order *order)
{
	uint64_t wanted = order->is_usual ? facts->tune_usual[order->key] : order->v;

	return facts->tune[order->key] == wanted;
}

static bool
wait_order(const struct ctl *ctl, const struct order *order)
{
	struct timespec t = { .tv_nsec = LOOK_MS * 1000000l };
	struct instance_facts facts;

	for (uint32_t i = 0; i < LOOKS && state_facts(ctl->run, &facts); i++) {
		if (is_obeyed(&facts, order))
			return true;
		nanosleep(&t, NULL);
	}
	return false;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	struct order order[RUNTIME_TUNES]; /* each key once */
	struct instance_facts facts;
	int verdict;

	if (argc == 1)
		return show(ctl);
	verdict = parse_all(argc, argv, order);
	if (verdict != 0)
		return verdict;
	if (!send_orders(ctl, order, argc - 1))
		return CTL_FAILED;
	if (!state_facts(ctl->run, &facts)) {
		if (ctl->is_json)
			ctl_print_json(json_pack("{s:b, s:b}", "ok", 1, "in_effect", 0));
		else
			printf("noted; the data plane does not run\n");
		return CTL_DONE;
	}
	for (int i = 1; i < argc; i++)
		if (!wait_order(ctl, &order[i - 1]))
			return ctl_failed(ctl,
					  "the data plane has not obeyed; penstockctl tune shows "
					  "what is in effect");
	return show(ctl);
}

const struct ctl_verb ctl_verb_tune = {
	.name = "tune",
	.args = "[KEY=VALUE|KEY=usual …]",
	.what = "print how cores wait and what lanes take at a time, or change it",
	.help = "VALUE is what is in effect now, '*' marks what an operator has said, USUAL what "
		"the\n"
		"configuration and the program say. Changes count from the next turn on and last\n"
		"over apply and restarts until KEY=usual; penstockctl status lists them. Of "
		"several all\n"
		"are set or none.\n\n"
		"Example: penstockctl tune poll=busy burst=32\n"
		"         penstockctl tune sleep_most=200us\n"
		"         penstockctl tune poll=usual\n",
	.run = run,
};
