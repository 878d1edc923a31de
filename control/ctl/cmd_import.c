/*
 * cmd_import.c - penstockctl import iis FILE: rules of IIS URL Rewrite as rules of penstock.yaml.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "rules/iis.h"
#include "rules/program.h"
#include "rules/yaml.h"

enum {
	STEM_MAX = 64 /* bytes of the output's name that names of its files begin with */
};

struct import {
	const struct ctl *ctl;
	struct iis_files files;
	const char *out; /* NULL: standard output */
	const char *set;
	struct arena arena;
	struct conf_errs errs, warns;
};

/* The place of `value` for an option; NULL: there is no such option. */
static const char **
option_of(struct import *import, const char *name)
{
	const struct {
		const char *name;
		const char **value;
	} option[] = { { "--app-host", &import->files.app_host },
		       { "--site-path", &import->files.site_path },
		       { "--set", &import->set },
		       { "-o", &import->out } };

	for (size_t i = 0; i < sizeof(option) / sizeof(option[0]); i++)
		if (strcmp(option[i].name, name) == 0)
			return option[i].value;
	return NULL;
}

/* As penstock.yaml takes it. */
static bool
is_name(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n <= IMG_NAME_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       n;
}

/* NULL: good; else what is wrong with the call. */
static const char *
args_read(struct import *import, int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		const char **value = option_of(import, argv[i]);

		if (value != NULL && i + 1 == argc)
			return arena_format(&import->arena, "%s takes a value", argv[i]);
		if (value != NULL)
			*value = argv[++i];
		else if (strcmp(argv[i], "--strict") == 0)
			import->files.is_strict = true;
		else if (argv[i][0] == '-')
			return arena_format(&import->arena, "there is no option %s", argv[i]);
		else if (import->files.web_config != NULL)
			return "give one web.config";
		else
			import->files.web_config = argv[i];
	}
	if (!is_name(import->set))
		return arena_format(&import->arena,
				    "'%s' is no name of a set; use up to 63 letters, digits, '.', "
				    "'_' and '-'",
				    import->set);
	if (import->files.web_config == NULL && import->files.app_host == NULL)
		return "give a web.config, or an applicationHost.config with --app-host";
	return NULL;
}

/* ---- what is written ---- */

static int
file_write(struct import *import, const char *path, const char *bytes, size_t n)
{
	FILE *to = fopen(path, "wb");
	bool is_written = to != NULL && fwrite(bytes, 1, n, to) == n;

	if (to != NULL && fclose(to) != 0)
		is_written = false;
	return is_written ? CTL_DONE
			  : ctl_failed(import->ctl, "cannot write %s: %s", path, strerror(errno));
}

/* Length of the folder of the output in its path, with the slash. */
static int
folder_n(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? (int)(slash + 1 - path) : 0;
}

static const char *
stem_of(struct import *import)
{
	const char *name;

	if (import->out == NULL)
		return NULL;
	name = import->out + folder_n(import->out);
	return arena_text(&import->arena, name, strnlen(name, STEM_MAX));
}

static int
all_write(struct import *import, const char *text, const struct yaml_file *files)
{
	int verdict = file_write(import, import->out, text, strlen(text));

	for (; verdict == CTL_DONE && files != NULL; files = files->next)
		verdict = file_write(import,
				     arena_format(&import->arena, "%.*s%s", folder_n(import->out),
						  import->out, files->name),
				     files->bytes, files->n);
	return verdict;
}

static int
text_show(struct import *import, const char *text)
{
	if (import->ctl->is_json) {
		json_t *answer =
			json_pack("{s:b, s:o}", "ok", 1, "warnings", ctl_errs_json(&import->warns));

		if (import->out == NULL)
			json_object_set_new(answer, "yaml", json_string(text));
		ctl_print_json(answer);
	} else if (import->out == NULL) {
		fputs(text, stdout);
	} else {
		conf_errs_print(&import->warns, stderr);
	}
	return CTL_DONE;
}

static int
import_iis(struct import *import)
{
	struct yaml_options options = { .set = import->set,
					.stem = stem_of(import),
					.warns = &import->warns };
	struct yaml_file *files = NULL;
	struct rule_sets *set =
		iis_open(&import->arena, &import->files, &import->errs, &import->warns);
	const char *text = NULL;
	int verdict;

	if (set != NULL)
		program_check(set, false, &import->errs, &import->warns);
	if (set != NULL && import->errs.n == 0)
		text = yaml_rules(&import->arena, set, &options, &import->errs, &files);
	if (text == NULL)
		return ctl_failed_conf(import->ctl, &import->errs);
	verdict = import->out != NULL ? all_write(import, text, files) : CTL_DONE;
	return verdict == CTL_DONE ? text_show(import, text) : verdict;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	struct import import = { .ctl = ctl, .set = "imported" };
	const char *wrong;
	int verdict;

	if (argc < 2 || strcmp(argv[1], "iis") != 0)
		return ctl_usage("import", "say from what: import iis web.config");
	wrong = args_read(&import, argc, argv);
	verdict = wrong != NULL ? ctl_usage("import", "%s", wrong) : import_iis(&import);
	conf_errs_fini(&import.errs);
	conf_errs_fini(&import.warns);
	arena_fini(&import.arena);
	return verdict;
}

const struct ctl_verb ctl_verb_import = {
	.name = "import",
	.args = "iis FILE [--app-host FILE] [--site-path /PATH] [--strict] [--set NAME] [-o OUT]",
	.what = "write rules of IIS URL Rewrite as rules of penstock.yaml",
	.help = "FILE is a web.config; what is printed is a section 'rules' with the same "
		"verdicts,\n"
		"for an 'include' of penstock.yaml. What deserves a look stands above it as\n"
		"comments; what YAML cannot say is an error. (penstock.yaml also takes a "
		"web.config\n"
		"as it stands: rules: {publish: [{iis: web.config}]}.)\n\n"
		"  --app-host FILE    the applicationHost.config above it: global rules, allowed\n"
		"                     variables, locations; may also stand alone\n"
		"  --site-path /PATH  where the web.config lies; \"Site/PATH\" when the\n"
		"                     applicationHost.config has several sites\n"
		"  --strict           a variable that is not allowed fails with 500.50, as in IIS\n"
		"  --set NAME         the set's name ('imported')\n"
		"  -o OUT             write OUT, and files of large maps beside it\n\n"
		"Example: penstockctl import iis web.config -o rules.yaml\n",
	.run = run,
};
