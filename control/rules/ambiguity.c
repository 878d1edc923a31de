/*
 * ambiguity.c - how the time of a pattern that does not match grows with the text.
 *
 * A pattern that is tried place by place (PCRE2) goes through all ways to read a text before it says
 * no. Of its automaton:
 *   exponential: from a state back to itself, one text in two ways
 *   a power: chains of repeats that can take the same text one after the other; the search from
 *   each place counts as a repeat of everything before the pattern
 * What looks ahead is a pattern of its own. Of more than STATES_MAX states nothing is said: this is
 * advice.
 */
#include <string.h>

#include "rules/automaton.h"

enum {
	STEPS_MAX = 2000000, /* of looking for two ways; nothing is said beyond it */
	POWER_MOST = 2,	     /* links of a chain: the time is a third power of the length */
};

/* What is found out of one automaton. */
struct search {
	struct automaton g;
	uint32_t *queue; /* of pairs of states that one text leads to, p * n + q */
	uint8_t *seen;	 /* of such a pair: PAIR_… */
	uint32_t steps;
	uint32_t power[STATES_MAX]; /* links of chains from it on, +1; 0: not counted yet */
};

/* ---- exponential ---- */

enum {
	PAIR_FROM = 1, /* reached from (s,s) */
	PAIR_TO = 2,   /* reaches (s,s) */
};

static bool
is_with(const struct automaton *g, uint32_t p, uint32_t s)
{
	return set_has(&g->reach[p], s) && set_has(&g->reach[s], p);
}

/* Marks what is reached from (s,s), or what reaches it, within the loop of s. */
static void
pairs_mark(struct search *search, uint32_t s, uint8_t mark)
{
	const struct automaton *g = &search->g;
	bool is_from = mark == PAIR_FROM;
	uint32_t done = 0, queue_n = 1;

	search->queue[0] = s * g->n + s;
	while (done < queue_n && search->steps < STEPS_MAX) {
		uint32_t p = search->queue[done] / g->n, q = search->queue[done] % g->n;

		done++;
		for (uint32_t x = 0; x < g->n; x++) {
			search->steps++;
			if (!set_has(is_from ? &g->next[p] : &g->next[x], is_from ? x : p) ||
			    !is_with(g, x, s))
				continue;
			for (uint32_t y = 0; y < g->n; y++) {
				uint8_t *seen = &search->seen[x * g->n + y];

				search->steps++;
				if (!set_has(is_from ? &g->next[q] : &g->next[y],
					     is_from ? y : q) ||
				    (*seen & mark) != 0 || !set_has(&g->like[x], y) ||
				    !is_with(g, y, s))
					continue;
				*seen |= mark;
				search->queue[queue_n++] = x * g->n + y;
			}
		}
	}
}

static bool
is_two_ways(struct search *search, uint32_t s)
{
	const uint8_t both = PAIR_FROM | PAIR_TO;
	uint32_t n = search->g.n;

	memset(search->seen, 0, (size_t)n * n);
	pairs_mark(search, s, PAIR_FROM);
	pairs_mark(search, s, PAIR_TO);
	for (uint32_t p = 0; p < n; p++)
		for (uint32_t q = 0; q < n; q++)
			if (p != q && (search->seen[p * n + q] & both) == both)
				return true;
	return false;
}

static bool
is_exponential(struct search *search)
{
	const struct automaton *g = &search->g;

	for (uint32_t p = 0; p < g->n; p++)
		for (uint32_t q = 0; q < g->n; q++)
			if (set_has(&g->more[p], q) && set_has(&g->reach[q], p))
				return true;
	for (uint32_t s = 0; s < g->n; s++)
		if (set_has(&g->reach[s], s) && is_two_ways(search, s))
			return true;
	return g->is_exploding;
}

/* ---- powers ---- */

/*
 * Whether a text that a repeats again and again leads from `from` to b, which repeats it as well.
 *   a  NULL: any text
 */
static bool
is_handed(const struct automaton *g, const struct chars *a, const struct set *from, uint32_t b)
{
	struct set seen = { 0 };
	bool is_more = true;

	for (uint32_t x = 0; x < g->n; x++)
		if (set_has(from, x) && chars_have_common(g->chars[x], g->chars[b], a))
			set_put(&seen, x);
	while (is_more && !set_has(&seen, b)) {
		is_more = false;
		for (uint32_t x = 0; x < g->n; x++)
			for (uint32_t y = 0; set_has(&seen, x) && y < g->n; y++)
				if (set_has(&g->next[x], y) && !set_has(&seen, y) &&
				    chars_have_common(g->chars[y], g->chars[b], a)) {
					set_put(&seen, y);
					is_more = true;
				}
	}
	return set_has(&seen, b);
}

static uint32_t power_from(struct search *search, const struct chars *a, const struct set *from,
			   uint32_t own);

/* Links of the longest chain that begins at a state, or behind it. */
static uint32_t
power_at(struct search *search, uint32_t p)
{
	const struct automaton *g = &search->g;
	uint32_t most = 0;

	if (search->power[p] > 0)
		return search->power[p] - 1;
	if (set_has(&g->next[p], p))
		most = power_from(search, g->chars[p], &g->next[p], p);
	for (uint32_t q = 0; q < g->n; q++) {
		bool is_behind = set_has(&g->reach[p], q) && !set_has(&g->reach[q], p);
		uint32_t n = is_behind && set_has(&g->next[q], q) ? power_at(search, q) : 0;

		most = n > most ? n : most;
	}
	search->power[p] = most + 1;
	return most;
}

/*
 * The same of those whose first link goes from what `a` repeats to another repeat.
 *   own  a's state, whose loop is left; STATES_MAX: none
 */
static uint32_t
power_from(struct search *search, const struct chars *a, const struct set *from, uint32_t own)
{
	const struct automaton *g = &search->g;
	uint32_t most = 0;

	for (uint32_t q = 0; q < g->n; q++) {
		bool is_left = own == STATES_MAX || !set_has(&g->reach[q], own);
		uint32_t n = is_left && set_has(&g->next[q], q) && is_handed(g, a, from, q)
				     ? 1 + power_at(search, q)
				     : 0;

		most = n > most ? n : most;
	}
	return most;
}

/* Whether it is tried at one place: from the beginning, or ".*", which looks at all of them. */
static bool
is_at_one_place(const struct tree *tree)
{
	const struct tree *child = tree->child;

	switch (tree->kind) {
	case TREE_BEGIN:
		return true;
	case TREE_GROUP:
		return is_at_one_place(child);
	case TREE_CAT:
		while (child->kind == TREE_LOOK && child->next != NULL)
			child = child->next;
		return is_at_one_place(child);
	case TREE_ALT:
		for (; child != NULL; child = child->next)
			if (!is_at_one_place(child))
				return false;
		return true;
	case TREE_REPEAT:
		return tree->most == UINT32_MAX && tree->least == 0 && child->kind == TREE_CHARS &&
		       chars_are_nearly_all(&child->chars);
	case TREE_EMPTY:
	case TREE_CHARS:
	case TREE_END:
	case TREE_END_LF:
	case TREE_WORD_EDGE:
	case TREE_LOOK:
	case TREE_BACK:
		break;
	}
	return false;
}

static uint32_t
power_of(struct search *search, bool is_searched)
{
	uint32_t most = is_searched ? power_from(search, NULL, &search->g.first, STATES_MAX) : 0;

	for (uint32_t p = 0; p < search->g.n; p++)
		most = power_at(search, p) > most ? power_at(search, p) : most;
	return most;
}

/* ---- the verdict ---- */

static enum ambiguity
own_ambiguity(const struct tree *root, const struct tree *tree, bool is_searched)
{
	struct arena arena = { 0 };
	struct search *search = arena_take(&arena, sizeof(*search));
	enum ambiguity found = AMBIGUITY_NONE;
	size_t pair_n;

	automaton_make(&search->g, root, tree);
	pair_n = (size_t)search->g.n * search->g.n;
	search->queue = arena_take(&arena, (pair_n + 1) * sizeof(search->queue[0]));
	search->seen = arena_take(&arena, pair_n + 1);
	if (search->g.is_too_large)
		;
	else if (is_exponential(search))
		found = AMBIGUITY_EXPONENTIAL;
	else if (power_of(search, is_searched) >= POWER_MOST)
		found = AMBIGUITY_POWER;
	arena_fini(&arena);
	return found;
}

static enum ambiguity ambiguity_within(const struct tree *root, const struct tree *tree,
				       bool is_searched);

/* What looks ahead runs on from each place where it is asked. */
static enum ambiguity
look_ambiguity(const struct tree *root, const struct tree *tree, bool is_searched)
{
	enum ambiguity found = AMBIGUITY_NONE;

	for (const struct tree *child = tree->child; child != NULL && found == AMBIGUITY_NONE;
	     child = child->next) {
		if (child->kind == TREE_LOOK && tree_has_endless(child))
			found = is_searched ? AMBIGUITY_AHEAD
				: tree_has_loop(child->child)
					? own_ambiguity(root, child->child, false)
					: AMBIGUITY_NONE;
		if (found == AMBIGUITY_NONE)
			found = look_ambiguity(root, child, is_searched);
	}
	return found;
}

static enum ambiguity
ambiguity_within(const struct tree *root, const struct tree *tree, bool is_searched)
{
	enum ambiguity found =
		tree_has_loop(tree) ? own_ambiguity(root, tree, is_searched) : AMBIGUITY_NONE;

	return found != AMBIGUITY_NONE ? found : look_ambiguity(root, tree, is_searched);
}

enum ambiguity
ambiguity_of(const struct tree *tree)
{
	return ambiguity_within(tree, tree, !is_at_one_place(tree));
}
