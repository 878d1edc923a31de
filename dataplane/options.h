/*
 * options.h - the command line of penstock-dataplane: where its run directory is and whom it
 * becomes. Everything else comes from the tables.
 */
#ifndef PENSTOCK_DATAPLANE_OPTIONS_H
#define PENSTOCK_DATAPLANE_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

struct options {
	const char *run;
	uid_t uid;
	gid_t gid;
	bool has_user;
};

/* The exit code when there is nothing to run (help, version, a mistake), else -1. */
int options_parse(int argc, char **argv, struct options *ret_options);

#endif
