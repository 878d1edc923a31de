/*
 * cmd_diff.c - penstockctl diff FILE: what would apply change, live or at restart?
 */
#include <stdlib.h>

#include "conf/conf.h"
#include "ctl/ctl.h"
#include "run/state.h"

static json_t *
change_json(const struct conf_change *change)
{
	json_t *object = json_pack("{s:s, s:s, s:b}", "sign", change->sign, "what", change->what,
				   "at_restart", change->is_at_restart);

	if (change->field != NULL) {
		json_object_set_new(object, "field", json_string(change->field));
		json_object_set_new(object, "from", json_string(change->from));
		json_object_set_new(object, "to", json_string(change->to));
	}
	return object;
}

static void
changes_print(const struct ctl *ctl, const struct conf_changes *changes, struct arena *arena,
	      uint64_t generation)
{
	json_t *list;

	if (!ctl->is_json) {
		for (uint32_t i = 0; i < changes->n; i++)
			printf("%s\n", conf_change_text(&changes->change[i], arena));
		if (changes->n == 0)
			printf("no difference to generation %llu\n",
			       (unsigned long long)generation);
		return;
	}
	list = json_array();
	for (uint32_t i = 0; i < changes->n; i++)
		json_array_append_new(list, change_json(&changes->change[i]));
	ctl_print_json(json_pack("{s:b, s:I, s:o, s:I}", "ok", 1, "generation",
				 (json_int_t)generation, "changes", list, "at_restart_n",
				 (json_int_t)changes->at_restart_n));
}

static int
diff_tables(const struct ctl *ctl, const struct tables *before, const char *path)
{
	struct conf_errs errs = { 0 };
	struct tables after = { 0 };
	struct arena arena = { 0 };
	struct conf_changes changes;
	struct abi_fault fault;
	char text[ABI_FAULT_TEXT_BYTES];
	struct conf *conf = conf_open(path, &errs);
	void *bytes = NULL;
	size_t n = 0;
	int verdict = CTL_DONE;

	if (conf == NULL || !conf_build(conf, &before->img, &bytes, &n, &errs)) {
		verdict = ctl_failed_conf(ctl, &errs);
	} else if (!tables_open_bytes(bytes, n, 0, &after, &fault)) {
		verdict = ctl_failed(ctl, "%s: the data plane would refuse it: %s", path,
				     abi_fault_print(&fault, text, sizeof(text)));
	} else {
		conf_diff(&before->img, &after.img, &arena, &changes);
		changes_print(ctl, &changes, &arena, before->generation);
	}
	arena_fini(&arena);
	tables_close(&after);
	conf_close(conf);
	conf_errs_fini(&errs);
	return verdict;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	struct state state;
	const char *why = NULL;
	int verdict;

	if (argc != 2 || argv[1][0] == '-')
		return ctl_usage("diff", "give one configuration file");
	if (!state_open(ctl->run, &state, &why))
		return ctl_failed(ctl, "%s %s", ctl->run, why);
	if (state.newest.generation == 0)
		verdict = ctl_failed(ctl, "%s has no published tables to compare with", ctl->run);
	else
		verdict = diff_tables(ctl, &state.newest, argv[1]);
	state_close(&state);
	return verdict;
}

const struct ctl_verb ctl_verb_diff = {
	.name = "diff",
	.args = "FILE",
	.what = "tell what apply would change, live or at restart",
	.help = "Compares with the newest published tables. + new, - gone, ~ changed; what only\n"
		"a restart of the data plane can bring is marked (at restart).\n\n"
		"Example: penstockctl diff /etc/penstock/penstock.yaml\n",
	.run = run,
};
