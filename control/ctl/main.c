/*
 * main.c - penstockctl: finds the verb, takes the options that every verb has, and runs it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/rundir.h"
#include "ctl/ctl.h"

static const struct ctl_verb *const verbs[] = {
#define X(name) &ctl_verb_##name,
	CTL_VERBS(X)
#undef X
};

enum {
	VERBS_N = sizeof(verbs) / sizeof(verbs[0])
};

static void
print_overview(FILE *to)
{
	fprintf(to, "penstockctl - looks after a Penstock proxy\n\n"
		    "penstockctl [--run DIR] [--json] VERB …\n\n");
	for (int i = 0; i < VERBS_N; i++)
		fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->what);
	fprintf(to,
		"\n"
		"  --run DIR      the run directory (%s)\n"
		"  --socket PATH  the control socket (control/socket in the run directory)\n"
		"  --json         one JSON value on standard output instead of text\n"
		"  --help         with a verb: its options and an example\n\n"
		"Exit codes: 0 done, 1 failed, 2 wrong usage.\n",
		RUNDIR_DEFAULT);
}

static void
print_help(const struct ctl_verb *verb)
{
	printf("penstockctl %s %s\n\n%s\n\n%s", verb->name, verb->args, verb->what, verb->help);
}

static const struct ctl_verb *
verb_find(const char *name)
{
	for (int i = 0; i < VERBS_N; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

/*
 * Takes the common options out of argv, wherever they stand before a "--". False: one lacks its
 * value.
 */
static bool
common_take(int *argc, char **argv, struct ctl *ctl, bool *ret_help)
{
	int kept = 1, i = 1;

	for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		const char **text = strcmp(argv[i], "--run") == 0      ? &ctl->run
				    : strcmp(argv[i], "--socket") == 0 ? &ctl->socket
								       : NULL;

		if (text != NULL && i + 1 == *argc)
			return false;
		if (text != NULL)
			*text = argv[++i];
		else if (strcmp(argv[i], "--json") == 0)
			ctl->is_json = true;
		else if (strcmp(argv[i], "--help") == 0)
			*ret_help = true;
		else
			argv[kept++] = argv[i];
	}
	while (i < *argc)
		argv[kept++] = argv[i++];
	argv[kept] = NULL;
	*argc = kept;
	return true;
}

/* What could not be written was not done. */
static int
said(int verdict)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return verdict;
	fprintf(stderr, "penstockctl: standard output cannot be written: %s\n", strerror(errno));
	return verdict == CTL_DONE ? CTL_FAILED : verdict;
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { .run = RUNDIR_DEFAULT };
	const struct ctl_verb *verb;
	bool wants_help = false;

	if (!common_take(&argc, argv, &ctl, &wants_help)) {
		fprintf(stderr, "penstockctl: --run and --socket take a path\n");
		return CTL_USAGE;
	}
	if (argc < 2) {
		print_overview(wants_help ? stdout : stderr);
		return wants_help ? CTL_DONE : CTL_USAGE;
	}
	verb = verb_find(argv[1]);
	if (verb == NULL) {
		fprintf(stderr, "penstockctl: there is no verb '%s'\n\n", argv[1]);
		print_overview(stderr);
		return CTL_USAGE;
	}
	if (wants_help) {
		print_help(verb);
		return said(CTL_DONE);
	}
	return said(verb->run(&ctl, argc - 1, argv + 1));
}
