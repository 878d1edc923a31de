/*
 * imply.c - what the trees of two patterns say of each other, for lint: whether every text that
 * one matches the other matches too, whether none is matched by both, whether there is such a text
 * at all.
 *
 * Yes is proved, no may mean that it was not seen: the steps of a proof are bounded. A proof walks
 * both sequences. Of what stands in the implied pattern one way is enough, of the implying one each
 * must do; what only restricts the implying one (assertions) may be passed over there.
 */
#include <string.h>

#include "rules/parts.h"

enum {
	CELLS_MAX = 1024,
	NODES_MAX = 64,
	STEPS_MAX = 1024,
};

/* The rest of a sequence. */
struct cell {
	const struct tree *tree;
	const struct cell *rest;
};

struct proof {
	struct cell cell[CELLS_MAX];
	struct tree node[NODES_MAX]; /* repeats of which some rounds were taken */
	uint32_t cell_n, node_n, steps_left;
};

static bool follows(struct proof *proof, const struct cell *implied, const struct cell *by);

/* NULL: there is no more room, and no proof. */
static const struct cell *
cell_take(struct proof *proof, const struct tree *tree, const struct cell *rest)
{
	struct cell *cell;

	if (proof->cell_n == CELLS_MAX)
		return NULL;
	cell = &proof->cell[proof->cell_n++];
	*cell = (struct cell){ tree, rest };
	return cell;
}

/* ---- sets of characters ---- */

static bool
is_subset(const struct chars *part, const struct chars *of)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < part->n; i++) {
		while (k < of->n && of->range[k].last < part->range[i].first)
			k++;
		if (k == of->n || of->range[k].first > part->range[i].first ||
		    of->range[k].last < part->range[i].last)
			return false;
	}
	return true;
}

static bool
is_apart(const struct chars *a, const struct chars *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		for (uint32_t k = 0; k < b->n; k++)
			if (a->range[i].first <= b->range[k].last &&
			    b->range[k].first <= a->range[i].last)
				return false;
	return true;
}

static bool
is_every(const struct chars *set)
{
	return set->n == 1 && set->range[0].first == 0 && set->range[0].last >= 0x10ffff;
}

/* ---- the same ---- */

static bool
is_same(const struct tree *a, const struct tree *b)
{
	const struct tree *x = a->child, *y = b->child;

	if (a->kind != b->kind || a->kind == TREE_BACK || a->least != b->least ||
	    a->most != b->most || a->is_possessive != b->is_possessive ||
	    a->is_negative != b->is_negative)
		return false;
	if (a->kind == TREE_CHARS)
		return is_subset(&a->chars, &b->chars) && is_subset(&b->chars, &a->chars);
	for (; x != NULL && y != NULL; x = x->next, y = y->next)
		if (!is_same(x, y))
			return false;
	return x == NULL && y == NULL;
}

/* ---- sequences ---- */

/* Groups and sequences taken apart until something else comes first. False: no room. */
static bool
head_find(struct proof *proof, const struct cell **cell)
{
	while (*cell != NULL) {
		const struct tree *tree = (*cell)->tree;
		const struct cell *rest = (*cell)->rest;

		if (tree->kind == TREE_EMPTY) {
			*cell = rest;
		} else if (tree->kind == TREE_GROUP && !tree->is_possessive) {
			*cell = cell_take(proof, tree->child, rest);
			if (*cell == NULL)
				return false;
		} else if (tree->kind == TREE_CAT) {
			const struct tree *child = tree->child;
			uint32_t first = proof->cell_n, n = 0;

			for (; child != NULL; child = child->next, n++)
				if (cell_take(proof, child, NULL) == NULL)
					return false;
			for (uint32_t i = 0; i < n; i++)
				proof->cell[first + i].rest =
					i + 1 < n ? &proof->cell[first + i + 1] : rest;
			*cell = n > 0 ? &proof->cell[first] : rest;
		} else {
			return true;
		}
	}
	return true;
}

/* The repeat with so many rounds fewer. */
static const struct cell *
rounds_taken(struct proof *proof, const struct cell *cell, uint32_t n)
{
	struct tree *tree;

	if (proof->node_n == NODES_MAX)
		return NULL;
	tree = &proof->node[proof->node_n++];
	*tree = *cell->tree;
	tree->least -= tree->least < n ? tree->least : n;
	tree->most -= tree->most == UINT32_MAX ? 0 : n;
	return cell_take(proof, tree, cell->rest);
}

static bool
follows_all(struct proof *proof, const struct cell *implied, const struct cell *by)
{
	for (const struct tree *way = by->tree->child; way != NULL; way = way->next) {
		const struct cell *cell = cell_take(proof, way, by->rest);

		if (cell == NULL || !follows(proof, implied, cell))
			return false;
	}
	return true;
}

static bool
follows_any(struct proof *proof, const struct cell *implied, const struct cell *by)
{
	for (const struct tree *way = implied->tree->child; way != NULL; way = way->next) {
		const struct cell *cell = cell_take(proof, way, implied->rest);

		if (cell != NULL && follows(proof, cell, by))
			return true;
	}
	return false;
}

/* The implied pattern has a repeat of a set: it takes what is of the set, or nothing. */
static bool
follows_repeat(struct proof *proof, const struct cell *implied, const struct cell *by)
{
	const struct tree *tree = implied->tree, *other = by != NULL ? by->tree : NULL;
	const struct tree *round = tree->child;
	const struct cell *left;
	uint32_t n = 0;

	if (tree->is_possessive)
		return false;
	while (round->kind == TREE_GROUP && !round->is_possessive)
		round = round->child;
	if (other != NULL && round->kind == TREE_CHARS && tree->most > 0) {
		if (other->kind == TREE_CHARS && is_subset(&other->chars, &round->chars))
			n = 1;
		else if (other->kind == TREE_REPEAT && tree->most == UINT32_MAX &&
			 other->child->kind == TREE_CHARS &&
			 is_subset(&other->child->chars, &round->chars))
			n = other->least;
		else
			other = NULL;
		left = other != NULL ? rounds_taken(proof, implied, n) : NULL;
		if (left != NULL && follows(proof, left, by->rest))
			return true;
	}
	return tree->least == 0 && follows(proof, implied->rest, by);
}

/* Nothing, or anything to the end. */
static bool
is_rest(const struct cell *cell)
{
	if (cell == NULL)
		return true;
	return cell->tree->kind == TREE_REPEAT && cell->tree->least == 0 &&
	       cell->tree->most == UINT32_MAX && cell->tree->child->kind == TREE_CHARS &&
	       is_every(&cell->tree->child->chars) &&
	       (cell->rest == NULL ||
		(cell->rest->rest == NULL && cell->rest->tree->kind == TREE_END));
}

/* Whether a text that `by` matches from here on `implied` matches from here on. */
static bool
follows(struct proof *proof, const struct cell *implied, const struct cell *by)
{
	if (proof->steps_left == 0)
		return false;
	proof->steps_left--;
	if (!head_find(proof, &implied) || !head_find(proof, &by))
		return false;
	if (is_rest(implied))
		return true;
	if (by != NULL && is_same(implied->tree, by->tree) &&
	    follows(proof, implied->rest, by->rest))
		return true;
	if (by != NULL && by->tree->kind == TREE_ALT)
		return follows_all(proof, implied, by);
	if (by != NULL && (by->tree->kind == TREE_LOOK || by->tree->kind == TREE_WORD_EDGE))
		return follows(proof, implied, by->rest);
	switch (implied->tree->kind) {
	case TREE_ALT:
		return follows_any(proof, implied, by);
	case TREE_REPEAT:
		return follows_repeat(proof, implied, by);
	case TREE_CHARS:
		return by != NULL && by->tree->kind == TREE_CHARS &&
		       is_subset(&by->tree->chars, &implied->tree->chars) &&
		       follows(proof, implied->rest, by->rest);
	case TREE_EMPTY:
	case TREE_CAT:
	case TREE_GROUP:
	case TREE_BEGIN:
	case TREE_END:
	case TREE_END_LF:
	case TREE_WORD_EDGE:
	case TREE_LOOK:
	case TREE_BACK:
		break;
	}
	return false;
}

/* What most pairs are: both begin with characters, of which one is another. Costs no cells. */
static bool
begins_otherwise(const struct tree *by, const struct tree *implied)
{
	if (by->kind != TREE_CAT || implied->kind != TREE_CAT || by->child->kind != TREE_BEGIN ||
	    implied->child->kind != TREE_BEGIN)
		return false;
	by = by->child->next;
	implied = implied->child->next;
	for (;
	     by != NULL && implied != NULL && by->kind == TREE_CHARS && implied->kind == TREE_CHARS;
	     by = by->next, implied = implied->next)
		if (!is_subset(&by->chars, &implied->chars))
			return true;
	return false;
}

bool
tree_implies(const struct tree *by, const struct tree *implied)
{
	struct proof proof;
	const struct cell *a, *b;
	bool is_begun;

	if (begins_otherwise(by, implied))
		return false;
	proof.cell_n = proof.node_n = 0;
	proof.steps_left = STEPS_MAX;
	a = cell_take(&proof, implied, NULL);
	b = cell_take(&proof, by, NULL);
	if (!head_find(&proof, &a) || !head_find(&proof, &b))
		return false;
	is_begun = a != NULL && a->tree->kind == TREE_BEGIN;
	for (; b != NULL; b = b->rest) {
		uint32_t cell_n = proof.cell_n, node_n = proof.node_n;

		if (follows(&proof, a, b))
			return true;
		proof.cell_n = cell_n;
		proof.node_n = node_n;
		if (is_begun || !head_find(&proof, &b) || b == NULL)
			return false;
	}
	return false;
}

bool
tree_excludes(const struct tree *x, const struct tree *y)
{
	struct proof proof;
	const struct cell *a, *b;

	proof.cell_n = proof.node_n = 0;
	a = cell_take(&proof, x, NULL);
	b = cell_take(&proof, y, NULL);
	if (!head_find(&proof, &a) || !head_find(&proof, &b) || a == NULL || b == NULL ||
	    a->tree->kind != TREE_BEGIN || b->tree->kind != TREE_BEGIN)
		return false;
	for (a = a->rest, b = b->rest; head_find(&proof, &a) && head_find(&proof, &b);
	     a = a->rest, b = b->rest) {
		if (a == NULL || b == NULL)
			return false;
		if (a->tree->kind == TREE_CHARS && b->tree->kind == TREE_CHARS) {
			if (is_apart(&a->tree->chars, &b->tree->chars))
				return true;
			continue;
		}
		return (a->tree->kind == TREE_END && b->tree->kind == TREE_CHARS) ||
		       (b->tree->kind == TREE_END && a->tree->kind == TREE_CHARS);
	}
	return false;
}

/* ---- patterns that match nothing ---- */

/* Whether each match of it has a character. */
static bool
has_some(const struct tree *tree)
{
	switch (tree->kind) {
	case TREE_CHARS:
		return true;
	case TREE_REPEAT:
		return tree->least > 0 && has_some(tree->child);
	case TREE_GROUP:
		return has_some(tree->child);
	case TREE_CAT:
		for (const struct tree *child = tree->child; child != NULL; child = child->next)
			if (has_some(child))
				return true;
		return false;
	case TREE_ALT:
		for (const struct tree *child = tree->child; child != NULL; child = child->next)
			if (!has_some(child))
				return false;
		return true;
	case TREE_EMPTY:
	case TREE_BEGIN:
	case TREE_END:
	case TREE_END_LF:
	case TREE_WORD_EDGE:
	case TREE_LOOK:
	case TREE_BACK:
		break;
	}
	return false;
}

/* ... between what surely has characters before it, and behind it. */
static bool
is_nothing(const struct tree *tree, bool has_before, bool has_behind)
{
	bool is_so = true;
	uint32_t some_n = 0;

	switch (tree->kind) {
	case TREE_CHARS:
		return tree->chars.n == 0;
	case TREE_BEGIN:
		return has_before;
	case TREE_END:
		return has_behind;
	case TREE_GROUP:
		return is_nothing(tree->child, has_before, has_behind);
	case TREE_REPEAT:
		return tree->least > 0 && is_nothing(tree->child, has_before, has_behind);
	case TREE_ALT:
		for (const struct tree *child = tree->child; child != NULL; child = child->next)
			is_so = is_so && is_nothing(child, has_before, has_behind);
		return is_so;
	case TREE_CAT:
		for (const struct tree *child = tree->child; child != NULL; child = child->next)
			some_n += has_some(child);
		for (const struct tree *child = tree->child; child != NULL; child = child->next) {
			some_n -= has_some(child);
			if (is_nothing(child, has_before, has_behind || some_n > 0))
				return true;
			has_before = has_before || has_some(child);
		}
		return false;
	case TREE_EMPTY:
	case TREE_END_LF:
	case TREE_WORD_EDGE:
	case TREE_LOOK:
	case TREE_BACK:
		break;
	}
	return false;
}

bool
tree_is_nothing(const struct tree *tree)
{
	return is_nothing(tree, false, false);
}
