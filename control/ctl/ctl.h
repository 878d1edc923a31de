/*
 * ctl.h - what the verbs of penstockctl share. A file per verb; the list below is the only one.
 */
#ifndef PENSTOCK_CONTROL_CTL_CTL_H
#define PENSTOCK_CONTROL_CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "conf/errs.h"
#include "run/tables.h"

enum {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
};

/* clang-format off */
#define CTL_VERBS(x)                                                                               \
	x(check) x(apply) x(diff) x(status) x(farms) x(servers) x(server) x(lanes) x(cores)        \
	x(tune) x(top) x(sessions) x(capture) x(stats) x(logs) x(rules) x(explain)                 \
	x(import) x(doctor) x(schema) x(completion) x(version)
/* clang-format on */

/* A member of an object; 0: it is no number. */
static inline long long
ctl_number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

/* One call of the program. */
struct ctl {
	const char *run;    /* the run directory */
	const char *socket; /* NULL: control/socket in the run directory */
	bool is_json;
};

struct ctl_verb {
	const char *name;
	const char *args; /* "FILE [--at-restart]" */
	const char *what; /* one line */
	const char *help; /* the options, and an example */
	/* argv[0] is the verb; --json, --run, --socket and --help have been taken out. */
	int (*run)(const struct ctl *ctl, int argc, char **argv);
};

#define X(name) extern const struct ctl_verb ctl_verb_##name;
CTL_VERBS(X)
#undef X

/* "penstockctl check: what"; returns CTL_USAGE after naming --help. */
int ctl_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "penstockctl: what" to stderr, or {"ok": false, "error": what} to stdout; CTL_FAILED. */
int ctl_failed(const struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The errors of a configuration, as lines to stderr or as JSON to stdout; CTL_FAILED. */
int ctl_failed_conf(const struct ctl *ctl, const struct conf_errs *errs);

/*
 * Text behind `indent` characters that stand there already, and a newline; where it is wider than a
 * line, words go on below it. width: of a line, 0: any.
 */
void ctl_print_wrapped(FILE *to, const char *text, uint32_t indent, uint32_t width);

/* Prints one JSON value with a newline and takes it. */
void ctl_print_json(json_t *value);

/* [{"file":, "line":, "column":, "text":}] */
json_t *ctl_errs_json(const struct conf_errs *errs);

#endif
