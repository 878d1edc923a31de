/*
 * cmd_apply.c - penstockctl apply FILE: make a configuration the running one.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/ctl.h"

static void
lines_print(FILE *to, const json_t *lines)
{
	const json_t *line;
	size_t i;

	json_array_foreach(lines, i, line) fprintf(to, "  %s\n", json_string_value(line));
}

static int
failed(const json_t *answer)
{
	const json_t *err;
	size_t i;

	json_array_foreach(json_object_get(answer, "errors"), i, err)
	{
		const char *file = json_string_value(json_object_get(err, "file"));
		long long line = json_integer_value(json_object_get(err, "line"));

		fprintf(stderr, "%s:", file);
		if (line != 0)
			fprintf(stderr, "%lld:%lld:", line,
				(long long)json_integer_value(json_object_get(err, "column")));
		fprintf(stderr, " %s\n", json_string_value(json_object_get(err, "text")));
	}
	fprintf(stderr, "penstockctl: %s\n", json_string_value(json_object_get(answer, "error")));
	lines_print(stderr, json_object_get(answer, "at_restart"));
	return CTL_FAILED;
}

static void
done(const json_t *answer)
{
	const char *verdict = json_string_value(json_object_get(answer, "verdict"));
	long long generation = json_integer_value(json_object_get(answer, "generation"));
	long long running = json_integer_value(json_object_get(answer, "running"));
	const json_t *line;
	size_t i;

	if (strcmp(verdict, "unchanged") == 0)
		printf("generation %lld says the same already: nothing to change\n", generation);
	else if (strcmp(verdict, "accepted") == 0)
		printf("generation %lld is in force\n", generation);
	else if (strcmp(verdict, "at_restart") == 0 && running != generation)
		printf("generation %lld is published; generation %lld goes on until the data plane "
		       "restarts\n",
		       generation, running);
	else if (strcmp(verdict, "at_restart") == 0)
		printf("generation %lld is in force, but for what waits for a restart of the data "
		       "plane\n",
		       generation);
	else if (strcmp(verdict, "no_dataplane") == 0)
		printf("generation %lld is published; the data plane does not run and takes it "
		       "when "
		       "it starts\n",
		       generation);
	else
		printf("generation %lld is published; the data plane has not judged it yet, see "
		       "penstockctl status\n",
		       generation);
	lines_print(stdout, json_object_get(answer, "changes"));
	json_array_foreach(json_object_get(answer, "warnings"), i, line)
		fprintf(stderr, "warning: %s\n", json_string_value(line));
}

static bool is_line_open; /* what is shown in place has no end yet */

/*
 * Compiling many rules takes a while: on a terminal it is shown, in place. Patterns of one string
 * are compiled at one go, so often there is nothing to count until all is done.
 */
static void
on_news(const json_t *news)
{
	const json_t *progress = json_object_get(news, "progress");
	long long done = json_integer_value(json_object_get(progress, "done"));
	long long of = json_integer_value(json_object_get(progress, "of"));
	long long seconds = json_integer_value(json_object_get(progress, "seconds"));

	if (progress == NULL || !isatty(STDERR_FILENO))
		return;
	if (done == 0)
		fprintf(stderr, "\rcompiling rules: %lld patterns, %lld s", of, seconds);
	else
		fprintf(stderr, "\rcompiling rules: %lld of %lld patterns, %lld s", done, of,
			seconds);
	is_line_open = true;
}

static int
apply(const struct ctl *ctl, const char *path, bool at_restart)
{
	const char *why = NULL;
	char *absolute = realpath(path, NULL);
	json_t *answer;
	bool is_ok;

	if (absolute == NULL)
		return ctl_failed(ctl, "%s cannot be found; check the path", path);
	answer = client_ask(ctl,
			    json_pack("{s:s, s:s, s:b, s:b}", "verb", "apply", "file", absolute,
				      "at_restart", at_restart, "progress", 1),
			    on_news, &why);
	free(absolute);
	if (is_line_open)
		fprintf(stderr, "\n");
	if (answer == NULL)
		return ctl_failed(ctl, "%s", why);
	is_ok = json_is_true(json_object_get(answer, "ok"));
	if (ctl->is_json) {
		ctl_print_json(answer);
		return is_ok ? CTL_DONE : CTL_FAILED;
	}
	if (is_ok)
		done(answer);
	else
		failed(answer);
	json_decref(answer);
	return is_ok ? CTL_DONE : CTL_FAILED;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	const char *path = NULL;
	bool at_restart = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--at-restart") == 0)
			at_restart = true;
		else if (argv[i][0] == '-' || path != NULL)
			return ctl_usage("apply", "'%s' is not understood", argv[i]);
		else
			path = argv[i];
	}
	if (path == NULL)
		return ctl_usage("apply", "give one configuration file");
	return apply(ctl, path, at_restart);
}

const struct ctl_verb ctl_verb_apply = {
	.name = "apply",
	.args = "FILE [--at-restart]",
	.what = "make a configuration the running one, without a lost request",
	.help = "penstock-control reads the file, so its user must be allowed to. What does not\n"
		"load leaves the running configuration untouched. Changes that only a restart of\n"
		"the data plane can bring are named and refused, unless:\n\n"
		"  --at-restart  publish them too; they take effect at the next start\n\n"
		"Example: penstockctl apply /etc/penstock/penstock.yaml\n",
	.run = run,
};
