/*
 * rules_made.h - what the random test of rules is made of: random sets of rules and requests
 * (rules_random.c), their way through the compiler (rules_compiled.c), and the naive evaluation
 * (rules_naive.c), which knows nothing of the engine.
 */
#ifndef PENSTOCK_TESTS_PROPERTY_RULES_MADE_H
#define PENSTOCK_TESTS_PROPERTY_RULES_MADE_H

#define PCRE2_CODE_UNIT_WIDTH 8

#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "made.h"

#define N(array) (sizeof(array) / sizeof(array[0]))

enum {
	RULES_MOST = 12,
	SCOPES_MOST = 3,
	TEXT_MAX = 4096,
};

/* ---- text: cut at its end, for chained rewrites make it grow ---- */

struct text {
	char s[TEXT_MAX];
	uint32_t n;
};

void add_n(struct text *t, const void *s, size_t n);
void add(struct text *t, const char *s);

/* ---- rules ---- */

struct set {
	struct made_rule rule[SCOPES_MOST][RULES_MOST];
	struct made_scope scope[SCOPES_MOST];
	uint32_t scope_n;
	bool refers; /* {R:n} and {C:n} are in it */
	struct made made;
	uint32_t first_rule[SCOPES_MOST]; /* in the image */
	pcre2_code *code[SCOPES_MOST][RULES_MOST][1 + MADE_CONDS_MAX];
};

/* Rules alone; set_drop frees them and what set_compile has made of them. */
void set_make(struct set *set);
void set_drop(struct set *set);

bool same_set(const struct made_scope *a, const struct made_scope *b);

/* False: the compiler refuses the set. PENSTOCK_SHOW tells why. */
bool set_compile(struct set *set, bool has_databases);

/* ---- requests ---- */

struct asked {
	struct text path, query, x; /* decoded path; the header's value */
	struct text target;
	bool has_query;
	struct made_request request;
};

void asked_make(struct asked *a);

/* ---- the naive evaluation ---- */

struct naive {
	const struct set *set;
	struct text path, query, x, var;
	bool has_query, is_changed;
	struct text r[RULES_REFS], c[RULES_REFS];
	uint32_t r_n, c_n;
	enum rules_outcome outcome;
	enum rules_fault fault;
	uint32_t rule_i, farm_i;
	struct text location;
	bool gives_up; /* PCRE2's own limit, or a text that is cut: nothing to compare with */
};

void naive_run(struct naive *v, const struct set *set, const struct asked *a);

/* ---- chance ---- */

extern struct prng prng;

static inline uint32_t
below(uint32_t n)
{
	return prng_below(&prng, n);
}

static inline bool
one_in(uint32_t n)
{
	return below(n) == 0;
}

#endif
