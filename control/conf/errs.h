/*
 * errs.h - what is wrong with a configuration, where, and how to cure it.
 *
 * Up to CONF_ERRS_MAX are kept and the rest are counted, so that a user mends a file in one go.
 * Every text reads "what is wrong; how to cure it". Lines and columns count from 1.
 */
#ifndef PENSTOCK_CONTROL_CONF_ERRS_H
#define PENSTOCK_CONTROL_CONF_ERRS_H

#include <stdint.h>
#include <stdio.h>

#include "conf/arena.h"

enum {
	CONF_ERRS_MAX = 20,
	CONF_ERR_TEXT_MAX = 1024, /* bytes; longer ones lose their middle */
};

/* A place in a file. line 0: the file as a whole. */
struct conf_pos {
	const char *file;
	uint32_t line, col;
};

struct conf_err {
	struct conf_pos at;
	const char *text;
};

/* Zeroed is "nothing wrong". */
struct conf_errs {
	struct conf_err err[CONF_ERRS_MAX];
	uint32_t n;    /* kept */
	uint32_t more; /* left out */
	struct arena arena;
};

void conf_err_add(struct conf_errs *errs, struct conf_pos at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* strerror, and for whom when a right is missing: who checks is often not who applies. */
const char *conf_errno_text(int error, struct arena *arena);

/* By file and place; for one file the order in which a reader meets them. */
void conf_errs_sort(struct conf_errs *errs);

/* "file:line:column: text" into the arena. */
char *conf_err_text(const struct conf_err *err, struct arena *arena);

/* One line each, and how many more there are. */
void conf_errs_print(const struct conf_errs *errs, FILE *to);

void conf_errs_fini(struct conf_errs *errs);

#endif
