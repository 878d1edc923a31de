/*
 * cmd_schema.c - penstockctl schema: the JSON Schema of penstock.yaml, for editors.
 */
#include "ctl/ctl.h"
#include "ctl/schema.h"

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	(void)ctl; /* it is JSON in any case */
	(void)argv;
	if (argc != 1)
		return ctl_usage("schema", "takes no arguments");
	ctl_print_json(schema_of_conf());
	return CTL_DONE;
}

const struct ctl_verb ctl_verb_schema = {
	.name = "schema",
	.args = "",
	.what = "print the JSON Schema of penstock.yaml, for editors",
	.help = "Draft 2020-12, made from the tables that read the file: keys, what each takes,\n"
		"defaults and a word on each. It is of the main file, not of included ones. What\n"
		"values mean to each other it cannot say: penstockctl check does.\n\n"
		"An editor that speaks to yaml-language-server takes it from a first line\n"
		"  # yaml-language-server: $schema=/etc/penstock/penstock.schema.json\n\n"
		"Example: penstockctl schema >/etc/penstock/penstock.schema.json\n",
	.run = run,
};
