/*
 * automaton.c - see automaton.h.
 */
#include "rules/automaton.h"

enum {
	DEPTH_MAX = 8,	   /* of references within groups that are referred to */
	SPAN_ENDLESS = 6,  /* {0,6} is as good as * */
	TIMES_ENDLESS = 6, /* (.*x){6} as well */
	TIMES_EMPTY = 8,   /* (x?){8} has 2^8 ways */
	COPIES_MAX = 3,	   /* of what repeats a fixed number of times */
};

/* A part of the pattern: states that it begins and ends with. */
struct part {
	struct set first, last;
	bool is_nullable;
};

static const struct chars no_chars;

/* ---- states ---- */

static struct part part_of(struct automaton *g, const struct tree *tree);

static void
connect(struct automaton *g, const struct set *last, const struct set *first)
{
	for (uint32_t p = 0; p < g->n; p++) {
		if (!set_has(last, p))
			continue;
		for (uint32_t i = 0; i < SET_WORDS; i++)
			g->more[p].word[i] |= g->next[p].word[i] & first->word[i];
		set_join(&g->next[p], first);
	}
}

static struct part
part_then(struct automaton *g, struct part a, struct part b)
{
	connect(g, &a.last, &b.first);
	if (a.is_nullable)
		set_join(&a.first, &b.first);
	if (b.is_nullable)
		set_join(&b.last, &a.last);
	a.last = b.last;
	a.is_nullable &= b.is_nullable;
	return a;
}

static struct part
part_state(struct automaton *g, const struct chars *chars, bool is_end)
{
	struct part part = { .is_nullable = false };

	if (g->n == STATES_MAX) {
		g->is_too_large = true;
		return part;
	}
	g->chars[g->n] = chars;
	g->is_end[g->n] = is_end;
	set_put(&part.first, g->n);
	set_put(&part.last, g->n);
	g->n++;
	return part;
}

bool
tree_has_endless(const struct tree *tree)
{
	if (tree->kind == TREE_REPEAT && tree->most == UINT32_MAX && !tree->is_possessive)
		return true;
	for (const struct tree *child = tree->child; child != NULL; child = child->next)
		if (tree_has_endless(child))
			return true;
	return false;
}

static bool
is_loop(const struct tree *repeat)
{
	if (repeat->is_possessive)
		return false;
	return repeat->most == UINT32_MAX || repeat->most - repeat->least >= SPAN_ENDLESS ||
	       (repeat->most >= TIMES_ENDLESS && tree_has_endless(repeat->child));
}

bool
tree_has_loop(const struct tree *tree)
{
	if (tree->kind == TREE_REPEAT && (is_loop(tree) || tree->least >= TIMES_EMPTY))
		return true;
	for (const struct tree *child = tree->child; child != NULL; child = child->next)
		if (tree_has_loop(child))
			return true;
	return false;
}

static bool
is_some(const struct set *set)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < SET_WORDS; i++)
		all |= set->word[i];
	return all != 0;
}

static struct part
part_repeat(struct automaton *g, const struct tree *repeat)
{
	uint32_t fixed = repeat->least < COPIES_MAX ? repeat->least : COPIES_MAX, maybe;
	struct part part, all = { .is_nullable = true };

	if (repeat->most == 0)
		return all;
	if (is_loop(repeat)) {
		part = part_of(g, repeat->child);
		g->is_exploding |= part.is_nullable && is_some(&part.first) &&
				   repeat->most >= TIMES_EMPTY && repeat->most != UINT32_MAX;
		connect(g, &part.last, &part.first);
		part.is_nullable |= repeat->least == 0;
		return part;
	}
	maybe = repeat->most == UINT32_MAX ? repeat->least == 0 : repeat->most - repeat->least;
	if (tree_has_endless(repeat->child) && !repeat->is_possessive)
		fixed = repeat->least;
	/* From behind: x(x(x)?)?, which reads a text in one way. */
	for (; maybe > 0 && !g->is_too_large; maybe--) {
		all = part_then(g, part_of(g, repeat->child), all);
		all.is_nullable = true;
	}
	for (; fixed > 0 && !g->is_too_large; fixed--) {
		part = part_of(g, repeat->child);
		g->is_exploding |= part.is_nullable && is_some(&part.first) &&
				   repeat->least >= TIMES_EMPTY && !repeat->is_possessive;
		all = part_then(g, part, all);
	}
	return all;
}

static const struct tree *
group_find(const struct tree *tree, uint32_t group)
{
	const struct tree *found = NULL;

	if (tree->kind == TREE_GROUP && tree->group == group)
		return tree;
	for (const struct tree *child = tree->child; child != NULL && found == NULL;
	     child = child->next)
		found = group_find(child, group);
	return found;
}

/* The same text again is some text of the group. */
static struct part
part_again(struct automaton *g, const struct tree *back)
{
	const struct tree *group = group_find(g->root, back->group);
	struct part part = { .is_nullable = true };

	if (group == NULL || g->depth == DEPTH_MAX)
		return part;
	g->depth++;
	part = part_of(g, group->child);
	g->depth--;
	return part;
}

static struct part
part_of(struct automaton *g, const struct tree *tree)
{
	struct part part = { .is_nullable = true };

	if (g->is_too_large)
		return part;
	switch (tree->kind) {
	case TREE_CHARS:
		return part_state(g, &tree->chars, false);
	case TREE_END:
	case TREE_END_LF:
		return part_state(g, &no_chars, true);
	case TREE_GROUP:
		return part_of(g, tree->child);
	case TREE_REPEAT:
		return part_repeat(g, tree);
	case TREE_BACK:
		return part_again(g, tree);
	case TREE_CAT:
		for (const struct tree *child = tree->child; child != NULL; child = child->next)
			part = part_then(g, part, part_of(g, child));
		return part;
	case TREE_ALT:
		part.is_nullable = false;
		for (const struct tree *child = tree->child; child != NULL; child = child->next) {
			struct part one = part_of(g, child);

			set_join(&part.first, &one.first);
			set_join(&part.last, &one.last);
			part.is_nullable |= one.is_nullable;
		}
		return part;
	case TREE_EMPTY:
	case TREE_BEGIN:
	case TREE_WORD_EDGE:
	case TREE_LOOK:
		break;
	}
	return part;
}

/* Whether something is still asked where the pattern's characters end: \b, (?!x). */
static bool
is_asked_last(const struct tree *tree)
{
	const struct tree *child = tree->child;

	switch (tree->kind) {
	case TREE_LOOK:
	case TREE_WORD_EDGE:
		return true;
	case TREE_GROUP:
		return is_asked_last(child);
	case TREE_CAT:
		while (child->next != NULL)
			child = child->next;
		return is_asked_last(child);
	case TREE_ALT:
		for (; child != NULL; child = child->next)
			if (is_asked_last(child))
				return true;
		return false;
	case TREE_EMPTY:
	case TREE_CHARS:
	case TREE_REPEAT:
	case TREE_BEGIN:
	case TREE_END:
	case TREE_END_LF:
	case TREE_BACK:
		break;
	}
	return false;
}

/* ---- what states take ---- */

bool
chars_have_common(const struct chars *a, const struct chars *b, const struct chars *c)
{
	for (uint32_t i = 0; i < a->n; i++)
		for (uint32_t k = 0; k < b->n; k++) {
			uint32_t first = a->range[i].first, last = a->range[i].last;

			first = b->range[k].first > first ? b->range[k].first : first;
			last = b->range[k].last < last ? b->range[k].last : last;
			if (first > last)
				continue;
			if (c == NULL)
				return true;
			for (uint32_t m = 0; m < c->n; m++)
				if (c->range[m].first <= last && first <= c->range[m].last)
					return true;
		}
	return false;
}

bool
chars_are_nearly_all(const struct chars *chars)
{
	const uint32_t many = 0x10000;

	if (chars->n == 1)
		return chars->range[0].first == 0 && chars->range[0].last >= many;
	return chars->n == 2 && chars->range[0].first == 0 && chars->range[0].last == '\n' - 1 &&
	       chars->range[1].first == '\n' + 1 && chars->range[1].last >= many;
}

/* Takes out the states with which the pattern has matched, or as good as. */
static void
ends_leave(struct automaton *g, const struct set *last)
{
	struct set gone = *last;

	for (uint32_t p = 0; p < g->n; p++)
		for (uint32_t q = 0; q < g->n; q++)
			if (set_has(&g->next[p], q) && set_has(last, q) && g->is_end[q] &&
			    chars_are_nearly_all(g->chars[p]))
				set_put(&gone, p);
	for (uint32_t p = 0; p < g->n; p++)
		for (uint32_t i = 0; i < SET_WORDS; i++) {
			uint64_t left = set_has(&gone, p) ? 0 : ~gone.word[i];

			g->next[p].word[i] &= left;
			g->more[p].word[i] &= left;
		}
}

static void
relations_make(struct automaton *g)
{
	for (uint32_t p = 0; p < g->n; p++) {
		g->reach[p] = g->next[p];
		for (uint32_t q = 0; q < g->n; q++)
			if (chars_have_common(g->chars[p], g->chars[q], NULL))
				set_put(&g->like[p], q);
	}
	for (uint32_t by = 0; by < g->n; by++)
		for (uint32_t p = 0; p < g->n; p++)
			if (set_has(&g->reach[p], by))
				set_join(&g->reach[p], &g->reach[by]);
}

/* ---- all of it ---- */

void
automaton_make(struct automaton *g, const struct tree *root, const struct tree *tree)
{
	struct part part;

	*g = (struct automaton){ .root = root };
	part = part_of(g, tree);
	if (is_asked_last(tree))
		part = part_then(g, part, part_state(g, &no_chars, false));
	g->first = part.first;
	if (g->is_too_large)
		return;
	ends_leave(g, &part.last);
	relations_make(g);
}
