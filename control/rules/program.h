/*
 * program.h - sets of rules as their writer gave them (model.h) to what evaluates them: sections
 * of the image, and the blobs that these name (scan databases, maps).
 *
 * The public face of this folder's compiler: expression texts become ops, patterns become regular
 * expressions and, all of one string together, a Hyperscan database; everything that cannot work
 * is told with its place, the rule's name and the cure. Numbers are sections of the rules'
 * reference.
 *
 * Beyond the grammar of section 8: {Cookie:name} is the request's cookie of that name, unless a
 * map is called so.
 */
#ifndef PENSTOCK_CONTROL_RULES_PROGRAM_H
#define PENSTOCK_CONTROL_RULES_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/build.h"
#include "conf/arena.h"
#include "conf/errs.h"
#include "conf/slots.h"
#include "rules/model.h"

/* What the compiler is told of the world around the rules. */
struct program_env {
	const void *ctx; /* of farm, has_blob and on_progress */
	/* The index of the farm of this name in the image, without case; IMG_NONE: there is none. */
	uint32_t (*farm)(const void *ctx, const char *name);
	/* The image before: rules keep their slots, unchanged databases keep their blobs. May be
	 * NULL. */
	const struct img *before;
	/* Whether a blob of the image before lies in its place, whole. NULL: it does. */
	bool (*has_blob)(const void *ctx, const uint8_t hash[32], uint64_t n);
	/* Of IMG_KIND_RULE, initialized from `before`; its owner appends what is retired. */
	struct slots *slots;
	/* False (diff): no database is compiled. Not for evaluation: a pattern that a scan
	 * would have excluded is tried, and may fail for its cost. */
	bool wants_databases;
	bool is_linted; /* what program_lint says is left to it */
	/* Told while databases compile: done_n of n patterns. May be NULL. */
	void (*on_progress)(const void *ctx, uint32_t done_n, uint32_t n);
};

/* The blobs of an image are these, in this order, from first_blob_i on. */
struct program_blob {
	uint8_t hash[32]; /* abi/blob.h */
	enum img_blob_kind kind;
	const void *bytes; /* NULL: the image before has it, it lies in its place already */
	uint64_t n;
};

/* A set's scopes in the image, in the order of work. */
struct program_set {
	const struct rule_sets *set;
	uint32_t first_scope, scope_n;
};

struct program {
	uint32_t first_blob_i;
	struct program_blob *blob;
	uint32_t blob_n;
	struct program_set *set; /* in the order of the model's list */
	uint32_t set_n;
	uint32_t compiled_n, kept_n; /* databases that were compiled; that came from before */
	struct arena arena;	     /* all of it */
};

/*
 * Checks the sets and appends their sections (scopes, rules, maps, blobs, …) to the image; the
 * caller binds listeners to scopes. sets NULL: there are no rules, and slots of the image before
 * are retired. False: at least one error was told, and the image is of no use.
 *   warns  what works but deserves a look; may be NULL
 */
bool program_build(const struct rule_sets *sets, const struct program_env *env,
		   struct img_build *img, struct program *ret_program, struct conf_errs *errs,
		   struct conf_errs *warns);

void program_fini(struct program *program);

/*
 * Checks alone, as program_build does them, but for the names of farms: for readers that want
 * everything said in one go.
 *   is_linted  program_lint follows, and what it says is not said here
 */
void program_check(const struct rule_sets *sets, bool is_linted, struct conf_errs *errs,
		   struct conf_errs *warns);

/* ---- lint ---- */

/* clang-format off */
#define LINT_LIST(x)                                                                               \
	x(NEVER, never)		    /* the rule can never match */                                  \
	x(SHADOWED, shadowed)	    /* an earlier rule leaves nothing for it */                     \
	x(SLOW, slow)		    /* a pattern that no scan covers */                             \
	x(PREFILTERED, prefiltered) /* a scan finds where it may match, PCRE2 says whether */       \
	x(CATASTROPHIC, catastrophic) /* a pattern whose time grows with a power of its input */    \
	x(QUADRATIC, quadratic)	    /* of a body: runs on from each place like its begin (14.5) */  \
	x(DOUBLE, double)	    /* outbound rules that change one value twice (14.3) */         \
	x(UNDONE, undone)	    /* a rule that undoes an absolute rewrite before it (3.3) */    \
	x(UNKNOWN, unknown)	    /* a variable that is always empty, or is no header */          \
	x(FILES, files)		    /* IsFile, IsDirectory: false here (6) */
/* clang-format on */

enum lint_kind {
#define X(part, word) LINT_##part,
	LINT_LIST(X)
#undef X
	LINT_KINDS
};

const char *lint_kind_name(enum lint_kind kind);

struct lint {
	enum lint_kind kind;
	bool is_notice; /* nothing to mend: worth knowing */
	struct conf_pos at;
	const char *rule; /* its name */
	const char *text; /* "what it is; what to do" */
};

struct lints {
	struct lint *lint;
	uint32_t n, room;
	struct arena arena;
};

/* What is doubtful in sets that program_check finds no fault in, in the order of the rules. */
void program_lint(const struct rule_sets *sets, struct lints *ret_lints);

void lints_fini(struct lints *lints);

#endif
