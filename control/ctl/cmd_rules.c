/*
 * cmd_rules.c - penstockctl rules lint FILE: rules that can never match, that others shadow, whose
 * patterns are slow.
 */
#include <string.h>

#include "conf/conf.h"
#include "ctl/ctl.h"
#include "rules/iis.h"
#include "rules/program.h"

/* What was read, with what its texts live in. */
struct read {
	struct arena arena;
	struct conf *conf; /* NULL: a file of IIS */
	struct conf_errs errs, warns;
	const struct rule_sets *sets; /* NULL: none, see errs */
};

static void
read_close(struct read *read)
{
	conf_close(read->conf);
	conf_errs_fini(&read->errs);
	conf_errs_fini(&read->warns);
	arena_fini(&read->arena);
}

/*
 * XML begins with '<', behind a byte order mark and blanks, of one byte or of two; YAML of ours
 * never does.
 */
static bool
is_xml(const char *path)
{
	static const char skipped[] = "\0 \t\r\n\xef\xbb\xbf\xff\xfe";
	FILE *file = fopen(path, "rb");
	int c = EOF;

	if (file == NULL)
		return false;
	do
		c = getc(file);
	while (c != EOF && memchr(skipped, c, sizeof(skipped) - 1) != NULL);
	fclose(file);
	return c == '<';
}

static bool
is_iis(const struct iis_files *files)
{
	return files->app_host != NULL || files->site_path != NULL || is_xml(files->web_config);
}

/* A file alone is what it looks like. */
static void
rules_read(struct iis_files files, struct read *read)
{
	if (!is_iis(&files)) {
		read->conf = conf_open(files.web_config, &read->errs);
		read->sets = read->conf != NULL ? read->conf->rule_sets : NULL;
		return;
	}
	if (files.app_host == NULL && iis_is_app_host(files.web_config)) {
		files.app_host = files.web_config;
		files.web_config = NULL;
	}
	read->sets = iis_open(&read->arena, &files, &read->errs, &read->warns);
	if (read->sets != NULL)
		program_check(read->sets, true, &read->errs, &read->warns);
}

static json_t *
lint_json(const struct lint *lint)
{
	return json_pack("{s:s, s:I, s:I, s:s, s:b, s:s, s:s}", "file", lint->at.file, "line",
			 (json_int_t)lint->at.line, "column", (json_int_t)lint->at.col, "kind",
			 lint_kind_name(lint->kind), "notice", lint->is_notice, "rule",
			 lint->rule != NULL ? lint->rule : "", "text", lint->text);
}

static void
lint_print(const struct lint *lint)
{
	printf("%s:%u:%u: %s%s: rule '%s': %s\n", lint->at.file, lint->at.line, lint->at.col,
	       lint_kind_name(lint->kind), lint->is_notice ? " (notice)" : "",
	       lint->rule != NULL ? lint->rule : "", lint->text);
}

/* CTL_FAILED when there is something to mend. */
static int
lints_show(const struct ctl *ctl, const struct rule_sets *sets)
{
	struct lints lints = { 0 };
	json_t *list = ctl->is_json ? json_array() : NULL;
	uint32_t wrong_n = 0;

	program_lint(sets, &lints);
	for (uint32_t i = 0; i < lints.n; i++) {
		wrong_n += !lints.lint[i].is_notice;
		if (ctl->is_json)
			json_array_append_new(list, lint_json(&lints.lint[i]));
		else
			lint_print(&lints.lint[i]);
	}
	if (ctl->is_json)
		ctl_print_json(json_pack("{s:b, s:o}", "ok", wrong_n == 0, "findings", list));
	else if (lints.n == 0)
		printf("nothing to say of these rules\n");
	lints_fini(&lints);
	return wrong_n == 0 ? CTL_DONE : CTL_FAILED;
}

static int
lint(const struct ctl *ctl, const struct iis_files *files)
{
	struct read read = { 0 };
	int verdict = CTL_DONE;

	rules_read(*files, &read);
	if (read.errs.n > 0)
		verdict = ctl_failed_conf(ctl, &read.errs);
	else if (read.sets == NULL && ctl->is_json)
		ctl_print_json(json_pack("{s:b, s:[]}", "ok", 1, "findings"));
	else if (read.sets == NULL)
		printf("%s has no rules\n", files->web_config);
	else
		verdict = lints_show(ctl, read.sets);
	if (!ctl->is_json)
		conf_errs_print(&read.warns, stderr);
	read_close(&read);
	return verdict;
}

/* NULL: good; else what is wrong with the call. */
static const char *
args_read(int argc, char **argv, struct iis_files *files)
{
	for (int i = 2; i < argc; i++) {
		const char **value = strcmp(argv[i], "--app-host") == 0	   ? &files->app_host
				     : strcmp(argv[i], "--site-path") == 0 ? &files->site_path
									   : NULL;

		if (value == NULL && argv[i][0] == '-')
			return "the options are --app-host FILE and --site-path /PATH";
		if (value == NULL && files->web_config != NULL)
			return "give one file";
		if (value == NULL)
			files->web_config = argv[i];
		else if (i + 1 == argc)
			return "an option lacks its value";
		else
			*value = argv[++i];
	}
	return files->web_config == NULL && files->app_host == NULL ? "give 'lint' and a file"
								    : NULL;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	struct iis_files files = { 0 };
	const char *wrong = "give 'lint' and a file";

	if (argc > 1 && strcmp(argv[1], "lint") == 0)
		wrong = args_read(argc, argv, &files);
	return wrong != NULL ? ctl_usage("rules", "%s", wrong) : lint(ctl, &files);
}

const struct ctl_verb ctl_verb_rules = {
	.name = "rules",
	.args = "lint FILE [--app-host FILE] [--site-path /PATH]",
	.what = "look for rules that cannot work as meant, or work slowly",
	.help = "FILE is a configuration, or a web.config or applicationHost.config as it stands.\n"
		"Each finding has its place, its kind, the rule's name and the cure.\n\n"
		"  --app-host FILE    the applicationHost.config above the web.config; may also\n"
		"                     stand alone\n"
		"  --site-path /PATH  where the web.config lies; \"Site/PATH\" when the\n"
		"                     applicationHost.config has several sites\n\n"
		"The kinds:\n\n"
		"  never         the rule can never match\n"
		"  shadowed      an earlier rule leaves nothing for it\n"
		"  slow          its pattern cannot be scanned with the others: why\n"
		"  prefiltered   a scan tells where it may match, and PCRE2 confirms it: why "
		"(notice)\n"
		"  catastrophic  its pattern's time grows with a power of the input's length\n"
		"  quadratic     its search of a body runs on from each place that looks like its\n"
		"                begin: a body full of these takes its time (notice)\n"
		"  double        two outbound rules change one value, one after the other\n"
		"  undone        a rule that undoes an absolute rewrite before it\n"
		"  unknown       a variable that is always empty, or a header's name without its\n"
		"                RESPONSE_\n"
		"  files         IsFile and IsDirectory are false here (notice)\n\n"
		"Exit code 1 when something wants mending; notices alone are 0.\n\n"
		"Example: penstockctl rules lint web.config\n",
	.run = run,
};
