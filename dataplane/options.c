/*
 * options.c - the command line of penstock-dataplane, see options.h.
 */
#include "options.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/rundir.h"

enum {
	EXIT_USAGE = 2
};

static void
usage(FILE *to)
{
	fprintf(to,
		"usage: penstock-dataplane [--run DIR] [--user UID:GID|NAME[:GROUP]]\n"
		"\n"
		"  --run DIR   the run directory, %s when not given\n"
		"  --user WHO  whom to become once the ports are open\n"
		"  --version, --help\n"
		"\n"
		"Everything else comes from the tables that penstock-control publishes there.\n"
		"Example: penstock-dataplane --run /run/penstock --user penstock-dp:penstock\n",
		RUNDIR_DEFAULT);
}

static bool
parse_number(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || v > UINT32_MAX - 1)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool
parse_user(const char *text, struct options *o)
{
	char user[128];
	const char *colon = strchr(text, ':');
	size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);
	const struct passwd *pw = NULL;
	const struct group *gr;

	if (n == 0 || n >= sizeof(user))
		return false;
	memcpy(user, text, n);
	user[n] = '\0';
	if (!parse_number(user, &o->uid)) {
		pw = getpwnam(user);
		if (pw == NULL)
			return false;
		o->uid = pw->pw_uid;
		o->gid = pw->pw_gid;
	} else {
		o->gid = o->uid;
	}
	o->has_user = true;
	if (colon == NULL || parse_number(colon + 1, &o->gid))
		return true;
	gr = getgrnam(colon + 1);
	if (gr == NULL)
		return false;
	o->gid = gr->gr_gid;
	return true;
}

int
options_parse(int argc, char **argv, struct options *o)
{
	*o = (struct options){ .run = RUNDIR_DEFAULT, .uid = getuid(), .gid = getgid() };
	for (int i = 1; i < argc; i++) {
		bool has_value = i + 1 < argc;

		if (strcmp(argv[i], "--help") == 0) {
			usage(stdout);
			return 0;
		}
		if (strcmp(argv[i], "--version") == 0) {
			puts("penstock-dataplane " PENSTOCK_VERSION);
			return 0;
		}
		if (strcmp(argv[i], "--run") == 0 && has_value) {
			o->run = argv[++i];
		} else if (strcmp(argv[i], "--user") == 0 && has_value) {
			if (!parse_user(argv[++i], o)) {
				fprintf(stderr,
					"penstock-dataplane: there is no user or group %s\n",
					argv[i]);
				return EXIT_USAGE;
			}
		} else {
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	return -1;
}
