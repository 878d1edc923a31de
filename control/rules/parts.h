/*
 * parts.h - what the files of the compiler share. Private to control/rules; the public face is
 * program.h.
 *
 *   build.c    sets to sections, in the order that an image wants them
 *   rule.c     rules with their texts parsed             out.c      outbound ones
 *   check.c    what the values of a rule mean            identity.c slots of rules
 *   expr.c     texts of expressions to ops                url.c      URLs that can never work
 *   pattern.c  patterns to regular expressions           syntax.c   regular expressions to trees
 *   emit.c     trees to what Hyperscan is given          fold.c     characters without case
 *   scan.c     databases of an input, made or taken over
 *   input.c    strings of a scope and their patterns     map.c      rewrite maps
 *   lint.c     what is doubtful (lint.h, lint_demands.c)  imply.c    what patterns have in common
 */
#ifndef PENSTOCK_CONTROL_RULES_PARTS_H
#define PENSTOCK_CONTROL_RULES_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/build.h"
#include "conf/arena.h"
#include "conf/errs.h"
#include "rules/model.h"
#include "rules/program.h"

enum {
	RULES_MOST = 10000, /* of all sets (16) */
};

/* One compilation. */
struct making {
	const struct program_env *env;
	struct img_build *img;
	struct program *program;
	struct conf_errs *errs, *warns;	  /* warns may be NULL */
	struct arena arena;		  /* ends with the compilation */
	const struct rule_sets *set;	  /* the one that is compiled now */
	uint32_t first_map;		  /* of set, in the image */
	uint32_t pattern_n, pattern_done; /* for the progress */
};

/* Names that a reader may have left out. */
static inline const char *
set_name(const struct rule_sets *set)
{
	return set->name.s == NULL || set->name.s[0] == '\0' ? "rules" : set->name.s;
}

static inline const char *
folder_of(const struct rule_scope *scope)
{
	return scope->folder == NULL ? "/" : scope->folder;
}

/* Where in the model something stands, for messages. */
struct whose {
	const char *rule; /* name of the rule, precondition or map */
	const char *what; /* "rule", "precondition", "outbound rule" */
	const struct rule_scope *scope;
};

/* "rule 'x': what is wrong; how to cure it". */
void say_error(struct making *m, const struct whose *w, struct conf_pos at, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void say_warning(struct making *m, const struct whose *w, struct conf_pos at, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

/* ---- expr.c ---- */

struct expr_op {
	enum img_op_kind kind;
	uint32_t arg;
	const char *text; /* not terminated */
	uint32_t n;
};

struct expr {
	const char *text; /* as the user wrote it */
	struct conf_pos at;
	struct expr_op *op;
	uint32_t op_n;
	uint32_t flags;	  /* IMG_INPUT_ON_… */
	int r_max, c_max; /* highest index used, -1: none */
};

/*
 * Parses a text (8). NULL with an error told. A text that is NULL is an empty one.
 *   what  "url", "input", for messages
 */
struct expr *expr_parse(struct making *m, const struct whose *w, const char *what,
			const struct rule_text *text);

/* Appends it; its index. */
uint32_t expr_build(struct making *m, const struct expr *expr);

/* Without alternatives of writing: equal keys, equal strings. In the making's arena. */
const char *expr_key(struct making *m, const struct expr *expr, uint32_t *ret_n);

/*
 * A name as variables have it (upper case, '_'), as headers are asked for (lower case, '-'), or as
 * a header goes out: as it is written, but that FOO_BAR, which has no small letter, is Foo-Bar.
 */
char *name_of_variable(struct arena *arena, const char *name, size_t n);
char *name_of_header(struct arena *arena, const char *name, size_t n);
char *name_of_line(struct arena *arena, const char *name, size_t n);

/* ---- syntax.c, emit.c, fold.c ---- */

/* A set of characters: ranges in order, apart from each other. */
struct chars_range {
	uint32_t first, last;
};

struct chars {
	struct chars_range *range;
	uint32_t n, room;
};

/* clang-format off */
#define TREE_LIST(x)                                                                               \
	x(EMPTY) x(CHARS) x(CAT) x(ALT) x(GROUP) x(REPEAT) x(BEGIN) x(END) x(END_LF)              \
	x(WORD_EDGE) x(LOOK) x(BACK)
/* clang-format on */

enum tree_kind {
#define X(part) TREE_##part,
	TREE_LIST(X)
#undef X
};

struct tree {
	enum tree_kind kind;
	struct chars chars;   /* CHARS, after folding */
	struct tree *child;   /* CAT, ALT: the first of several; GROUP, REPEAT, LOOK: the one */
	struct tree *next;    /* of the same parent */
	uint32_t least, most; /* REPEAT; most UINT32_MAX: no end */
	bool is_lazy, is_possessive;
	bool is_negative; /* LOOK, WORD_EDGE */
	uint32_t group;	  /* GROUP: number of the capture, 0: none; BACK: of which */
};

/*
 * The tree of a regular expression that PCRE2 accepts. NULL: it uses what this does not know;
 * *ret_why is the reason, for people.
 */
struct tree *syntax_parse(struct arena *arena, const char *regex, bool is_caseless,
			  const char **ret_why);

void chars_add(struct arena *arena, struct chars *set, uint32_t first, uint32_t last);
bool chars_has(const struct chars *set, uint32_t c);
void chars_invert(struct arena *arena, struct chars *set);

/* Adds what PCRE2 takes for the same without case. */
void chars_fold(struct arena *arena, struct chars *set);

/* A form of a pattern for Hyperscan: it matches (at least) where the tree does. */
struct scan_form {
	const char *text; /* NULL: there is none; why says the reason */
	const char *why;
	uint32_t flags;	 /* HS_FLAG_… */
	bool is_exact;	 /* ... and nowhere else */
	bool is_reduced; /* PREFILTER, or part of the pattern was left out */
};

/*
 *   strictness  0: as much as can be; 1: anchors inside are left out; 2: repeats are simple as well
 */
struct scan_form emit_form(struct arena *arena, const struct tree *tree, unsigned strictness);

enum {
	EMIT_RUN_END = 0x02, /* between runs; no pattern that has it is any the worse for it */
};

/*
 * The characters that every match contains: runs of them, in order. Letters without case are
 * small; then *ret_is_caseless. Empty: none are known.
 */
const char *emit_runs(struct arena *arena, const struct tree *tree, bool *ret_is_caseless);

/* The form of a piece of such a run. */
struct scan_form emit_literal(struct arena *arena, const char *text, size_t n, bool is_caseless);

/* ---- ambiguity.c ---- */

enum ambiguity {
	AMBIGUITY_NONE,	       /* none that is seen: linear, or the square of the text's length */
	AMBIGUITY_EXPONENTIAL, /* two to the power of the length */
	AMBIGUITY_POWER,       /* its third power or more */
	AMBIGUITY_AHEAD,       /* its square, and no scan helps: it looks ahead from each place */
};

/* How the time of trying a pattern grows where it does not match. */
enum ambiguity ambiguity_of(const struct tree *tree);

/* ---- pattern.c ---- */

/* A pattern of an input; several conditions may share one. */
struct pattern {
	const char *text, *regex;
	bool is_caseless;
	uint32_t flags; /* IMG_PATTERN_… */
	uint32_t group_n;
	uint32_t gate;
	struct tree *tree; /* NULL: not known */
	struct scan_form form;
	struct conf_pos at;
	uint32_t number;	   /* in its input */
	uint32_t pattern_i;	   /* in the image, once built */
	struct pattern *next;	   /* of the input */
	struct pattern *same_hash; /* of the input */
};

enum pattern_where {
	PATTERN_WHOLE, /* of a string */
	PATTERN_BODY,  /* anywhere in a body */
};

/*
 * A pattern of a syntax to a regular expression, tried with PCRE2. NULL with an error told.
 */
struct pattern *pattern_make(struct making *m, const struct whose *w, const struct rule_text *text,
			     enum img_syntax syntax, bool is_caseless, enum pattern_where where);

/* Whether its time may grow exponentially or with a high power; *ret_why for people. */
bool pattern_is_catastrophic(const struct pattern *pattern, const char **ret_why);

/*
 * Whether a text that is its begin again and again is run over from each of these places: "<[^>]*x".
 * That is no matter in a string, and much in a body.
 */
bool pattern_is_quadratic(const struct pattern *pattern);

/* ---- input.c ---- */

struct input {
	enum img_input_kind kind;
	const struct expr *expr; /* EXPR */
	const char *key;
	uint32_t key_n;
	uint32_t flags;
	struct pattern *first, **end;
	struct pattern **bucket; /* of shareable patterns, by hash */
	uint32_t pattern_n, bucket_n;
	uint32_t input_i; /* in the image, once built */
	uint32_t blob_i;  /* of its database, once made; IMG_NONE: none */
	uint8_t scan_key[32];
	struct input *next, *same_hash;
};

struct inputs {
	struct input *first, **end;
	struct input *bucket[256];
	uint32_t n;
};

void inputs_init(struct inputs *inputs);

/* The input of this kind, and expression, which is added when it is new. */
struct input *inputs_take(struct making *m, struct inputs *inputs, enum img_input_kind kind,
			  const struct expr *expr);

/*
 * Adds a pattern; the one that is there when it is the same and both may be shared.
 *   is_own  it may become a gate: not shared
 */
struct pattern *input_add(struct making *m, struct input *input, struct pattern *pattern,
			  bool is_own);

/* Makes or takes over the databases of a scope's inputs. */
void inputs_scan(struct making *m, struct inputs *inputs, enum img_scope_kind kind);

/* Appends inputs and patterns; the first input's index. */
uint32_t inputs_build(struct making *m, struct inputs *inputs);

/* ---- scan.c ---- */

/* The database of an input: its blob_i and scan_key, its patterns' SCANNED and EXACT. */
void scan_make(struct making *m, struct input *input);

/*
 * Whether Hyperscan takes the pattern; its form becomes the best that is taken. False: form.text
 * is NULL, form.why says the reason.
 */
bool scan_try(struct arena *arena, struct pattern *pattern);

/* ---- map.c ---- */

/* Index of the set's map of this name, IMG_NONE. */
uint32_t map_named(const struct making *m, const char *name, size_t n);

void maps_build(struct making *m);

/* Adds a blob (bytes from malloc, given away; NULL: it is there already). Its index. */
uint32_t blob_add(struct making *m, enum img_blob_kind kind, void *bytes, size_t n,
		  const uint8_t *hash);

/* ---- rule.c, out.c: rules whose texts are parsed ---- */

struct cond_made {
	const struct rule_cond *from;
	struct input *input;	 /* PATTERN, FILE, DIRECTORY */
	struct pattern *pattern; /* PATTERN */
	uint32_t flags;
};

struct conds_made {
	struct cond_made *cond;
	uint32_t n;
	int c_max; /* the highest {C:n} that may be there behind them, -1: none */
};

struct set_made {
	enum img_set_kind kind;
	const char *name;
	uint32_t flags; /* IMG_SET_… */
	const struct expr *expr;
};

struct rule_made {
	const struct rule *from;
	struct pattern *match;
	struct conds_made conds;
	struct set_made *set;
	uint32_t set_n;
	const struct expr *url, *reason, *body; /* NULL: not there */
	uint32_t farm_i;
	uint32_t flags;		  /* IMG_RULE_… */
	struct pattern *may_gate; /* without its match it cannot fire; NULL: none */
	uint32_t slot, incarnation;
	struct rule_made *next;
};

struct out_made {
	const struct out_rule *from;
	struct pattern *match;
	struct conds_made conds;
	const struct expr *value;
	uint32_t pre; /* number in the scope; IMG_NONE */
	enum img_op_kind variable_kind;
	const char *variable;
	uint32_t flags;
	uint32_t slot, incarnation;
	struct out_made *next;
};

struct pre_made {
	const struct rule_pre *from;
	struct conds_made conds;
	struct pre_made *next;
};

struct scope_made {
	const struct rule_sets *set;
	const struct rule_scope *from;
	struct inputs inputs;
	struct rule_made *rules;
	struct out_made *outs;
	struct pre_made *pres;
	uint32_t rule_n, pre_n;
	struct scope_made *next;
};

/*
 * Parses conditions in their order.
 *   r_max  highest {R:n} that there is; -1: none
 *   may_gate  a rule's own pattern says nothing, its first condition may
 *   ret_gate  that condition's pattern; untouched when there is none
 */
bool conds_make(struct making *m, const struct whose *w, struct scope_made *scope,
		const struct rule_conds *from, enum img_syntax syntax, int r_max, bool may_gate,
		struct conds_made *ret, struct pattern **ret_gate);

/* Whether an expression asks only for what is there; false with an error told (choice 16). */
bool refs_check(struct making *m, const struct whose *w, const char *what, const struct expr *expr,
		int r_max, int c_max);

/* Blanks around it go (8: requireTrimmedString). */
struct rule_text text_trimmed(struct making *m, const struct rule_text *text);

void rules_make(struct making *m, struct scope_made *scope);
void outs_make(struct making *m, struct scope_made *scope);

/* ---- build.c ---- */

/* Parses and checks all sets; their scopes in order. Maps are built, nothing else is. */
struct scope_made *scopes_make(struct making *m, const struct rule_sets *sets);

/* ---- identity.c ---- */

/* Gives each rule the slot that it has in the image before, or a free one. */
void identify(struct making *m, struct scope_made *scopes);

/* ---- check.c ---- */

/* Names, ranges and words of a set, before anything is compiled; how many rules it has. */
uint32_t check_set(struct making *m);

/* The kind, name and flags of what a rule sets (13); false with an error told. */
bool check_set_var(struct making *m, const struct whose *w, const struct rule_set_var *var,
		   struct set_made *ret);

/* The kind and name of what an outbound rule is about (14.1, 14.4); false with an error told. */
bool check_out_variable(struct making *m, const struct whose *w, const struct out_rule *rule,
			enum img_op_kind *ret_kind, const char **ret_name);

/* ---- imply.c: what two patterns say of each other; false: not seen ---- */

/* Whether `implied` matches in every text in which `by` matches. */
bool tree_implies(const struct tree *by, const struct tree *implied);

/* Whether no text is matched by both. */
bool tree_excludes(const struct tree *x, const struct tree *y);

/* Whether no text is matched at all. */
bool tree_is_nothing(const struct tree *tree);

/* ---- url.c ---- */

/*
 * Whether the scheme and the host of a REWRITE's or REDIRECT's URL, as far as they stand there,
 * can be gone to; false with an error told.
 */
bool url_check(struct making *m, const struct whose *w, enum img_action action,
	       const struct expr *url);

/* ---- lint.c ---- */

/* What the reference wants to be said when rules are loaded (3.3, 14.3), into m->warns. */
void lint_warn(struct making *m, const struct scope_made *scopes);

#endif
