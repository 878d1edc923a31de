/*
 * cmd_check.c - penstockctl check FILE: would this configuration load?
 */
#include <stdlib.h>
#include <unistd.h>

#include "conf/conf.h"
#include "ctl/ctl.h"
#include "ctl/webconfig.h"
#include "rules/rules.h"

enum {
	PROGRESS_LEAST = 512, /* patterns */
};

static uint32_t
rules_n(const struct img *img)
{
	return img_n(img, IMG_RULES) + img_n(img, IMG_OUT_RULES);
}

static json_t *
warnings_json(const struct conf_errs *warns)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < warns->n; i++)
		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:s}", "file",
						      warns->err[i].at.file, "line",
						      (json_int_t)warns->err[i].at.line, "column",
						      (json_int_t)warns->err[i].at.col, "text",
						      warns->err[i].text));
	return list;
}

static json_t *
counts_json(const struct conf *conf, const struct img *img, size_t bytes)
{
	json_int_t servers = 0;

	for (CONF_EACH(struct conf_farm, farm, &conf->farms))
		servers += farm->servers.n;
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "ok", 1, "ports",
			 (json_int_t)conf->machine.ports.n, "listeners",
			 (json_int_t)conf->listeners.n, "farms", (json_int_t)conf->farms.n,
			 "servers", servers, "rules", (json_int_t)rules_n(img), "image_bytes",
			 (json_int_t)bytes, "warnings", warnings_json(&conf->warns));
}

/* On standard error, as errors are; the verdict stays good. */
static void
warnings_print(const struct conf_errs *warns)
{
	struct arena arena = { 0 };

	for (uint32_t i = 0; i < warns->n; i++)
		fprintf(stderr, "warning: %s\n", conf_err_text(&warns->err[i], &arena));
	if (warns->more > 0)
		fprintf(stderr, "and %u more warnings\n", warns->more);
	arena_fini(&arena);
}

/* ---- would it load? ---- */

static void *
grow(void *p, size_t n)
{
	if (n != 0)
		return realloc(p, n);
	free(p);
	return NULL;
}

/* As the data plane opens them, but for one lane. */
static bool
rules_do_open(const struct program *program, const struct img *img, struct abi_fault *ret_fault)
{
	struct rules_blob *blob = blobs_of(program, img);
	struct rules *rules = NULL;
	bool do_open = img_n(img, IMG_BINDS) == 0;

	if (!do_open)
		rules = rules_open(img, blob, 1, grow, ret_fault);
	do_open |= rules != NULL;
	rules_close(rules);
	free(blob);
	return do_open;
}

/* Databases may take seconds. Told to who waits at a terminal. */
static void
on_progress(const void *ctx, uint32_t done_n, uint32_t n)
{
	(void)ctx;
	if (n < PROGRESS_LEAST || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\rcompiling rules: %u of %u patterns%s", done_n, n,
		done_n == n ? "\n" : "");
}

static int
check(const struct ctl *ctl, const char *path)
{
	const struct conf_build_ask how = { .wants_databases = true, .on_progress = on_progress };
	struct conf_errs errs = { 0 };
	struct conf_image image = { 0 };
	struct tables tables = { 0 };
	struct abi_fault fault;
	char text[ABI_FAULT_TEXT_BYTES];
	struct conf *conf = conf_open(path, &errs);
	size_t n = 0;
	int verdict = CTL_DONE;

	if (conf == NULL || !conf_build_image(conf, &how, &image, &errs)) {
		verdict = ctl_failed_conf(ctl, &errs);
	} else {
		n = image.n;
		if (!tables_open_bytes(conf_image_take(&image), n, 0, &tables, &fault) ||
		    !rules_do_open(&image.program, &tables.img, &fault))
			verdict = ctl_failed(ctl, "%s: the data plane would refuse it: %s", path,
					     abi_fault_print(&fault, text, sizeof(text)));
		else if (ctl->is_json)
			ctl_print_json(counts_json(conf, &tables.img, n));
		else
			printf("%s is good (ports %u, listeners %u, farms %u, rules %u)\n", path,
			       conf->machine.ports.n, conf->listeners.n, conf->farms.n,
			       rules_n(&tables.img));
	}
	if (verdict == CTL_DONE && !ctl->is_json)
		warnings_print(&conf->warns);
	tables_close(&tables);
	conf_image_fini(&image);
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
	.help = "Nothing is applied and no running proxy is asked. All is made and opened that "
		"apply\n"
		"makes and the data plane opens, so thousands of rules take seconds. What only a\n"
		"running data plane can say (another port, more servers than it has room for)\n"
		"diff and apply tell. Errors read\n"
		"file:line:column: what is wrong; how to cure it\n"
		"What is no error but will surprise is told as a warning.\n\n"
		"Example: penstockctl check /etc/penstock/penstock.yaml\n",
	.run = run,
};
