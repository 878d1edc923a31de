/*
 * automaton.h - a pattern as an automaton without empty steps (Glushkov), for ambiguity.c: the places
 * of its characters are the states. Private to control/rules.
 *
 * Ways are counted where two repeats lead to the same step, as in (a+)+. A bounded repeat is taken
 * for an endless one where its bound is no help, \1 for the group again; what looks ahead or behind
 * is left out.
 */
#ifndef PENSTOCK_CONTROL_RULES_AUTOMATON_H
#define PENSTOCK_CONTROL_RULES_AUTOMATON_H

#include "rules/parts.h"

enum {
	STATES_MAX = 256,
	SET_WORDS = STATES_MAX / 64,
};

struct set {
	uint64_t word[SET_WORDS];
};

static inline bool
set_has(const struct set *set, uint32_t i)
{
	return (set->word[i / 64] >> (i % 64) & 1) != 0;
}

static inline void
set_put(struct set *set, uint32_t i)
{
	set->word[i / 64] |= (uint64_t)1 << (i % 64);
}

static inline void
set_join(struct set *to, const struct set *from)
{
	for (uint32_t i = 0; i < SET_WORDS; i++)
		to->word[i] |= from->word[i];
}

struct automaton {
	const struct tree *root; /* the whole pattern, which has the groups */
	const struct chars
		*chars[STATES_MAX]; /* none: the end of the text, or what is asked there */
	bool is_end[STATES_MAX];    /* '$' */
	uint32_t n, depth;
	bool is_too_large;	      /* nothing is known */
	bool is_exploding;	      /* (x?){8}: 2^8 ways, which no state shows */
	struct set first;	      /* where it begins */
	struct set next[STATES_MAX];  /* where a state goes */
	struct set more[STATES_MAX];  /* ... in two ways or more */
	struct set reach[STATES_MAX]; /* where it comes to */
	struct set like[STATES_MAX];  /* states with a character in common */
};

/*
 * Makes it of a pattern, or of a part of `root`. States with which the pattern has matched, or as
 * good as, have no steps.
 */
void automaton_make(struct automaton *g, const struct tree *root, const struct tree *tree);

/* Whether there are repeats of which time may grow. */
bool tree_has_loop(const struct tree *tree);

/* Whether there is a repeat without end. */
bool tree_has_endless(const struct tree *tree);

/* '.', or more: nothing ends what repeats it but the end of the text, or a line's. */
bool chars_are_nearly_all(const struct chars *chars);

/* Whether the sets have a character in common; c may be NULL. */
bool chars_have_common(const struct chars *a, const struct chars *b, const struct chars *c);

#endif
