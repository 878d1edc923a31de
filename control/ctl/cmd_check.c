/*
 * cmd_check.c - penstockctl check FILE: would this configuration load?
 */
#include <stdlib.h>

#include "conf/conf.h"
#include "ctl/ctl.h"

static json_t *
counts_json(const struct conf *conf, size_t bytes)
{
	json_int_t servers = 0;

	for (CONF_EACH(struct conf_farm, farm, &conf->farms))
		servers += farm->servers.n;
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "ok", 1, "ports",
			 (json_int_t)conf->machine.ports.n, "listeners",
			 (json_int_t)conf->listeners.n, "farms", (json_int_t)conf->farms.n,
			 "servers", servers, "image_bytes", (json_int_t)bytes);
}

static int
check(const struct ctl *ctl, const char *path)
{
	struct conf_errs errs = { 0 };
	struct tables tables = { 0 };
	struct abi_fault fault;
	char text[ABI_FAULT_TEXT_BYTES];
	struct conf *conf = conf_open(path, &errs);
	void *bytes = NULL;
	size_t n = 0;
	int verdict = CTL_DONE;

	if (conf == NULL || !conf_build(conf, NULL, &bytes, &n, &errs))
		verdict = ctl_failed_conf(ctl, &errs);
	else if (!tables_open_bytes(bytes, n, 0, &tables, &fault))
		verdict = ctl_failed(ctl, "%s: the data plane would refuse it: %s", path,
				     abi_fault_print(&fault, text, sizeof(text)));
	else if (ctl->is_json)
		ctl_print_json(counts_json(conf, n));
	else
		printf("%s is good (ports %u, listeners %u, farms %u)\n", path,
		       conf->machine.ports.n, conf->listeners.n, conf->farms.n);
	tables_close(&tables);
	conf_close(conf);
	conf_errs_fini(&errs);
	return verdict;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	if (argc != 2 || argv[1][0] == '-')
		return ctl_usage("check", "give one configuration file");
	return check(ctl, argv[1]);
}

const struct ctl_verb ctl_verb_check = {
	.name = "check",
	.args = "FILE",
	.what = "tell what is wrong with a configuration, and how to cure it",
	.help = "Nothing is applied and no running proxy is asked. Errors read\n"
		"file:line:column: what is wrong; how to cure it\n\n"
		"Example: penstockctl check /etc/penstock/penstock.yaml\n",
	.run = run,
};
