/*
 * cmd_version.c - penstockctl version: of this program and of the formats it knows.
 */
#include "abi/board.h"
#include "abi/instance.h"
#include "abi/journal.h"
#include "abi/publish.h"
#include "abi/runtime.h"
#include "ctl/ctl.h"

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	static const struct {
		const char *name;
		int version;
	} formats[] = {
		{ "tables", IMG_VERSION },	{ "publish", PUBLISH_VERSION },
		{ "runtime", RUNTIME_VERSION }, { "instance", INSTANCE_VERSION },
		{ "board", BOARD_VERSION },	{ "journal", JOURNAL_VERSION },
	};
	json_t *known = json_object();

	(void)argv;
	if (argc != 1) {
		json_decref(known);
		return ctl_usage("version", "takes no arguments");
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		json_object_set_new(known, formats[i].name, json_integer(formats[i].version));
	if (ctl->is_json) {
		ctl_print_json(
			json_pack("{s:s, s:o}", "version", PENSTOCK_VERSION, "formats", known));
		return CTL_DONE;
	}
	json_decref(known);
	printf("penstockctl %s\n", PENSTOCK_VERSION);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		printf("  %-9s format %d\n", formats[i].name, formats[i].version);
	return CTL_DONE;
}

const struct ctl_verb ctl_verb_version = {
	.name = "version",
	.args = "",
	.what = "print the version of this program and of the formats it reads",
	.help = "Example: penstockctl version --json\n",
	.run = run,
};
