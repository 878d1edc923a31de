/*
 * cmd_doctor.c - penstockctl doctor: is this machine ready, and if not, what cures it?
 */
#include <string.h>

#include "conf/conf.h"
#include "ctl/ctl.h"
#include "ctl/doctor.h"
#include "ctl/terminal.h"

/* What is left to do, where one looks first: at the end. */
static void
summary_print(const struct doctor *doctor)
{
	uint32_t warn_n = 0, bad_n = 0;

	for (uint32_t i = 0; i < doctor->n; i++) {
		warn_n += doctor->finding[i].severity == DOCTOR_WARN;
		bad_n += doctor->finding[i].severity == DOCTOR_BAD;
	}
	printf("\n%s: %u bad, %u to warn of, %u ok\n", bad_n > 0 ? "not ready" : "ready", bad_n,
	       warn_n, doctor->n - warn_n - bad_n);
}

static void
findings_print(const struct doctor *doctor)
{
	int wide = 0;

	for (uint32_t i = 0; i < doctor->n; i++)
		if ((int)strlen(doctor->finding[i].what) > wide)
			wide = (int)strlen(doctor->finding[i].what);
	for (uint32_t i = 0; i < doctor->n; i++) {
		const struct doctor_finding *finding = &doctor->finding[i];

		printf("%-4s  %-*s  ", doctor_severity_name(finding->severity), wide,
		       finding->what);
		ctl_print_wrapped(stdout, finding->text, (uint32_t)wide + 8, terminal_width());
		if (finding->cure == NULL)
			continue;
		printf("%-4s  %-*s  cure: ", "", wide, "");
		ctl_print_wrapped(stdout, finding->cure, (uint32_t)wide + 14, terminal_width());
	}
	summary_print(doctor);
}

static json_t *
findings_json(const struct doctor *doctor)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < doctor->n; i++) {
		const struct doctor_finding *finding = &doctor->finding[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s?}", "what", finding->what,
						"severity", doctor_severity_name(finding->severity),
						"text", finding->text, "cure", finding->cure));
	}
	return list;
}

static int
look(const struct ctl *ctl, const char *root, const char *config)
{
	struct doctor doctor = { .root = root,
				 .run = ctl->run,
				 .ask_nic = root[0] == '\0' ? doctor_nic : NULL };
	struct conf_errs errs = { 0 };
	struct conf *conf = config != NULL ? conf_open(config, &errs) : NULL;
	enum doctor_severity worst;

	if (config != NULL && conf == NULL) {
		ctl_failed_conf(ctl, &errs);
		conf_errs_fini(&errs);
		return CTL_FAILED;
	}
	doctor.conf = conf;
	doctor_look(&doctor);
	worst = doctor_worst(&doctor);
	if (ctl->is_json)
		ctl_print_json(json_pack("{s:b, s:s, s:o}", "ok", worst != DOCTOR_BAD, "worst",
					 doctor_severity_name(worst), "findings",
					 findings_json(&doctor)));
	else
		findings_print(&doctor);
	doctor_fini(&doctor);
	conf_close(conf);
	conf_errs_fini(&errs);
	return worst == DOCTOR_BAD ? CTL_FAILED : CTL_DONE;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	const char *root = "", *config = NULL;

	for (int i = 1; i < argc; i += 2) {
		const char **value = strcmp(argv[i], "--config") == 0 ? &config
				     : strcmp(argv[i], "--root") == 0 ? &root
								      : NULL;

		if (value == NULL || i + 1 == argc)
			return ctl_usage("doctor", "--config takes a file, --root a folder");
		*value = argv[i + 1];
	}
	return look(ctl, root, config);
}

const struct ctl_verb ctl_verb_doctor = {
	.name = "doctor",
	.args = "[--config FILE] [--root DIR]",
	.what = "tell whether this machine is ready, and how to cure what is not",
	.help = "One finding a line: ok; warn (it runs, but slower or less steadily than it\n"
		"could); bad (it does not run so, exit 1); below it the cure; at the end how\n"
		"many of each. Changes nothing.\n\n"
		"  --config FILE  look at the cores, hugepages and ports of a configuration, too\n"
		"  --root DIR     read proc, sys and etc in this folder instead of /\n\n"
		"Example: penstockctl doctor --config /etc/penstock/penstock.yaml\n",
	.run = run,
};
