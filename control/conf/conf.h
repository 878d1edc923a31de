/*
 * conf.h - the public face of the configuration reader: a file to a checked model, a model to an
 * image, and what differs between two images.
 *
 * Four parts that know nothing of each other's work: lex (YAML to a tree with places), parse (the
 * tree to typed values by the table of keys), check (what values mean to each other), build (the
 * model to an image). Shared by penstock-control and penstockctl.
 */
#ifndef PENSTOCK_CONTROL_CONF_CONF_H
#define PENSTOCK_CONTROL_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/image.h"
#include "conf/errs.h"
#include "conf/model.h"
#include "rules/program.h"

/*
 * Reads, parses and checks. NULL with at least one error told (sorted), or a model for
 * conf_close. Every error that can be found in one reading is.
 */
struct conf *conf_open(const char *path, struct conf_errs *errs);

/* The same of a text; name stands in the errors. No includes. */
struct conf *conf_open_text(const char *name, const void *text, size_t n, struct conf_errs *errs);

void conf_close(struct conf *conf);

/*
 * Builds the image of a model. `before` is the image that slots and incarnations are recovered
 * from, NULL: none. The same model and the same `before` give the same bytes, and a model whose
 * image is `before` gives it again. *ret_bytes is malloc's. False: it does not fit into an image;
 * told in errs. The rules' scans have no databases: for looking, not for evaluation.
 */
bool conf_build(const struct conf *conf, const struct img *before, void **ret_bytes, size_t *ret_n,
		struct conf_errs *errs);

/* An image with what belongs to it. */
struct conf_image {
	void *bytes; /* malloc's */
	size_t n;
	struct program program; /* blobs of its rules: maps and, if wanted, scan databases */
};

struct conf_build_ask {
	const struct img *before; /* its blobs are used again */
	bool wants_databases;	  /* may take seconds for many rules */
	void (*on_progress)(const void *ctx, uint32_t done_n, uint32_t n); /* may be NULL */
	/* Whether a blob of `before` lies in its place, whole. NULL: it does. */
	bool (*has_blob)(const void *ctx, const uint8_t hash[32], uint64_t n);
	const void *ctx; /* of both */
};

bool conf_build_image(const struct conf *conf, const struct conf_build_ask *ask,
		      struct conf_image *ret_image, struct conf_errs *errs);

/* The bytes, which are the caller's from now on. */
void *conf_image_take(struct conf_image *image);

void conf_image_fini(struct conf_image *image);

/* ---- differences ---- */

/* One thing that differs. Texts live as long as the arena given to conf_diff. */
struct conf_change {
	const char *sign;  /* "+" new, "-" gone, "~" changed */
	const char *what;  /* "server app/b", "machine", "port outside" */
	const char *field; /* "weight"; NULL: all of it */
	const char *from, *to;
	bool is_at_restart; /* takes effect when the data plane restarts */
};

struct conf_changes {
	struct conf_change *change;
	uint32_t n;
	uint32_t at_restart_n;
};

/* What `after` has other than `before`, by names, in the order of the sections. */
void conf_diff(const struct img *before, const struct img *after, struct arena *arena,
	       struct conf_changes *ret_changes);

/* "~ server app/b weight: 100 -> 50 (at restart)" into the arena. */
const char *conf_change_text(const struct conf_change *change, struct arena *arena);

#endif
