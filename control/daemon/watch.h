/*
 * watch.h - files that rules took the keys of their maps from: they are read again when they
 * change (url-rewrite, 11.3).
 *
 * Looks once a second at what stat says. A file that has changed is told when two looks have found
 * it the same, so that nobody reads what is still being written; and once, whether it can be read
 * or not, until it changes again.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_WATCH_H
#define PENSTOCK_CONTROL_DAEMON_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "conf/conf.h"

struct watch_file {
	char *path;		       /* malloc's */
	struct rule_stamp told, found; /* read or told last; at the last look */
};

/* Zeroed is "nothing to look at". */
struct watch {
	struct watch_file *file; /* malloc's */
	size_t n;
	uint64_t look_at;
};

/* The files of a configuration's maps as they were read, for watch_set of another process. */
json_t *watch_files_json(const struct conf *conf);

/* These instead of those before. */
void watch_set(struct watch *watch, const json_t *files, uint64_t now);

/* A file that has changed, NULL: none, or it is not time. All that have are told with it. */
const char *watch_look(struct watch *watch, uint64_t now);

/* A look that is due comes later: what it could begin cannot be begun now. */
void watch_put_off(struct watch *watch, uint64_t now);

/* When to look again. */
uint64_t watch_deadline(const struct watch *watch);

void watch_fini(struct watch *watch);

#endif
