/*
 * scan.c - the strings that a scope's rules look at, and what one scan by Hyperscan says of them:
 * which patterns may match, and so which rules can fire at all.
 *
 * A string is expanded when somebody asks and kept until something that it depends on changes.
 * Invariant: what a scan leaves out does not match; what it reports may.
 *
 * What is scanned of strings that are not plain is scanned.h's.
 */
#include <string.h>

#include "base/ensure.h"
#include "rules/scanned.h"
#include "rules/state.h"

enum {
	SCAN_WORK = 64,	    /* of a scan, */
	SCAN_BYTE_WORK = 8, /* and of a byte, for a database that has much to do with it */
};

/* ---- text ---- */

bool
text_is_utf8(struct slice s)
{
	bool is_utf8, is_plain;

	scanned_look(s, &is_utf8, &is_plain);
	return is_utf8;
}

void
memo_check(struct rules_memo *memo)
{
	if (memo->is_checked)
		return;
	memo->is_checked = true;
	scanned_look(memo->text, &memo->is_utf8, &memo->is_plain);
	memo->has_lf = memo->text.n > 0 && memchr(memo->text.p, '\n', memo->text.n) != NULL;
}

/* What is scanned in place of a text that is not plain; false: no room for it. */
static bool
copy_make(struct arena *arena, struct slice text, struct slice *ret)
{
	uint8_t *p = arena_take(arena, text.n);

	if (p == NULL)
		return false;
	*ret = slice_of(p, scanned_copy(text, p));
	return true;
}

static bool
memo_is_fresh(const struct rules_lane *l, const struct rules_memo *memo, uint32_t flags)
{
	if (memo->run != l->run)
		return false;
	return ((flags & IMG_INPUT_ON_URL) == 0 || memo->url_epoch == l->url_epoch) &&
	       ((flags & IMG_INPUT_ON_VARS) == 0 || memo->vars_epoch == l->vars_epoch) &&
	       (flags & IMG_INPUT_ON_REFS) == 0;
}

static struct slice
folder_of(const struct rules_lane *l)
{
	return slice_of(img_text(l->img, l->scope->folder), l->scope->folder.n);
}

static enum rules_fault
input_expand(struct rules_lane *l, const struct img_input *input, struct slice *ret)
{
	bool is_brief = (input->flags & IMG_INPUT_ON_REFS) != 0;

	switch ((enum img_input_kind)input->kind) {
	case IMG_INPUT_PATH:
		if (!path_input(l->url.path, folder_of(l), ret))
			*ret = slice_of("", 0); /* the walk does not ask then */
		return RULES_FAULT_NONE;
	case IMG_INPUT_EXPR:
		return expr_expand(l, is_brief ? &l->brief : &l->keep, input->expr_i, ret);
	case IMG_INPUT_VALUE:
		*ret = l->value;
		return RULES_FAULT_NONE;
	case IMG_INPUTS_KINDS:
		break;
	}
	ensure(false);
}

static void
memo_set(struct rules_memo *memo, struct slice text, uint32_t asked_n)
{
	memo->text = text;
	memo->asked_n = asked_n;
	memo->is_scanned = memo->is_checked = false;
}

enum rules_fault
input_text(struct rules_lane *l, uint32_t input_i, struct rules_memo **ret)
{
	const struct img_input *input = img_input(l->img, input_i);
	struct rules_memo *memo = &l->memo[input_i];
	uint32_t used = l->keep.used;
	struct slice text;

	*ret = memo;
	if (memo_is_fresh(l, memo, input->flags) && input->kind != IMG_INPUT_VALUE)
		return RULES_FAULT_NONE;
	enum rules_fault fault = input_expand(l, input, &text);

	if (fault != RULES_FAULT_NONE)
		return fault;
	/* Often nothing has become of it: another header was set. What the scan said stays true. */
	if (memo->run == l->run && input->kind == IMG_INPUT_EXPR &&
	    (input->flags & IMG_INPUT_ON_REFS) == 0 && slice_eq(text, memo->text))
		l->keep.used = used;
	else
		memo_set(memo, text, memo->run == l->run ? memo->asked_n : 0);
	memo->run = l->run;
	memo->url_epoch = l->url_epoch;
	memo->vars_epoch = l->vars_epoch;
	return RULES_FAULT_NONE;
}

/* ---- scanning ---- */

static int
on_hit(unsigned int id, unsigned long long from, unsigned long long to, unsigned int flags,
       void *ctx)
{
	struct bits *hit = ctx;

	(void)from, (void)to, (void)flags;
	if (id < hit->n)
		bits_add(hit, id);
	return 0;
}

bool
input_scan(struct rules_lane *l, uint32_t input_i, struct rules_memo *memo)
{
	const hs_database_t *db = l->rules->db[input_i];
	uint32_t used = l->brief.used;

	struct slice text;

	if (memo->is_scanned)
		return true;
	if (db == NULL)
		return false;
	memo_check(memo);
	text = memo->text.n == 0 ? slice_of("", 0) : memo->text;
	if (!memo->is_plain && !copy_make(&l->brief, memo->text, &text))
		return false;
	bits_empty(&memo->hit);
	memo->is_scanned = hs_scan(db, (const char *)text.p, text.n, 0, l->scratch, on_hit,
				   &memo->hit) == HS_SUCCESS;
	l->work_left -= SCAN_WORK + (int64_t)memo->text.n * SCAN_BYTE_WORK;
	l->brief.used = used;
	return memo->is_scanned;
}

/* ---- gates ---- */

static void
candidate_add(struct rules_lane *l, uint32_t pattern_i)
{
	uint32_t rule = img_pattern(l->img, pattern_i)->gate;

	if (rule < l->scope->rule_n) /* not IMG_NONE */
		bits_add(&l->candidate, rule);
}

/* Of an input that cannot be scanned: each pattern may match. */
static void
gates_all(struct rules_lane *l, const struct img_input *input)
{
	for (uint32_t i = 0; i < input->pattern_n; i++)
		candidate_add(l, input->first_pattern + i);
}

static void
gates_hit(struct rules_lane *l, const struct img_input *input, const struct rules_memo *memo)
{
	for (uint32_t i = bits_next(&memo->hit, 0); i < input->pattern_n;
	     i = bits_next(&memo->hit, i + 1))
		candidate_add(l, input->first_pattern + i);
}

void
gates_scan(struct rules_lane *l)
{
	bits_empty(&l->candidate);
	bits_unite(&l->candidate, &l->rules->scope[l->scope_i].always);
	for (uint32_t k = 0; k < l->scope->input_n; k++) {
		uint32_t input_i = l->scope->first_input + k;
		const struct img_input *input = img_input(l->img, input_i);
		struct rules_memo *memo;

		if ((input->flags & IMG_INPUT_GATES) == 0)
			continue;
		/* A fault here belongs to the rule that asks for this string in its turn. */
		if ((input->flags & IMG_INPUT_ON_REFS) == 0 &&
		    input_text(l, input_i, &memo) == RULES_FAULT_NONE &&
		    input_scan(l, input_i, memo))
			gates_hit(l, input, memo);
		else
			gates_all(l, input);
	}
}
