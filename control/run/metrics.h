/*
 * metrics.h - everything the boards say, in the text form that Prometheus reads. Knows no socket.
 */
#ifndef PENSTOCK_CONTROL_RUN_METRICS_H
#define PENSTOCK_CONTROL_RUN_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "abi/board.h"
#include "abi/image.h"
#include "abi/instance.h"
#include "abi/runtime.h"
#include "run/boards.h"

/* What a page is made of; all borrowed. */
struct metrics_of {
	const char *version;
	const struct boards *boards;	    /* n 0: the data plane does not run */
	const struct img *img;		    /* NULL: none is published */
	const struct runtime *runtime;	    /* bytes NULL: nothing is said of servers */
	const struct instance_facts *facts; /* NULL: the data plane does not run */
};

enum {
	METRICS_NAME = 128
};

/*
 * A board's name as Prometheus' conventions want it: penstock_, the base unit (seconds, bytes), and
 * _total of counters. What is in nanoseconds there is in seconds here: *ret_is_ns.
 */
void metrics_name(const struct board_entry *entry, char ret_name[METRICS_NAME], bool *ret_is_ns);

/* A label's value between quotes: backslash, quote and line feed escaped, the rest as it is. */
void metrics_label(FILE *out, const char *text);

/* Cumulative buckets by powers of two, +Inf, sum and count. HELP and TYPE are the caller's. */
void metrics_hist(FILE *out, const char *name, const struct board_hist *hist, bool is_ns);

/* The whole page. */
void metrics_write(FILE *out, const struct metrics_of *of);

#endif
