/*
 * match.c - patterns and conditions: what a scan leaves open PCRE2 decides (5, 6, 7).
 *
 * Work is bounded. RULES_WORK is what one evaluation may cost, in nanoseconds of a machine of
 * today, counted and not measured, so that the same request has the same verdict everywhere: scans
 * pay for their bytes, searches for what they may run over (search.c).
 */
#include <string.h>

#include "base/ensure.h"
#include "rules/state.h"

enum {
	RULES_WORK = 1 << 20,
	UTF8_BYTES = 8,	     /* looked at for a unit */
	LOOK_WORK = 1 << 28, /* where time is nobody's: explanations, sets without databases */
	SCAN_BYTES = 512,    /* so long a string is scanned for the first pattern that asks */
};

void
lane_begin(struct rules_lane *l, const struct rules_subject *subject,
	   const struct rules_trace *trace)
{
	l->keep.used = l->brief.used = 0;
	l->keep.has_marks = l->brief.has_marks = false;
	l->subject = subject;
	l->trace = trace;
	l->r.n = l->c.n = 0;
	l->change_n = 0;
	l->before = NULL;
	l->before_n = 0;
	l->value = slice_of("", 0);
	l->run++;
	l->url_epoch = l->vars_epoch = 0;
	l->regex_n = 0;
	l->work_all = l->work_left = l->rules->blob == NULL ? LOOK_WORK : RULES_WORK;
	l->is_told = false;
}

int64_t
lane_work(const struct rules_lane *l)
{
	return l->work_all - (l->work_left > 0 ? l->work_left : 0);
}

void
lane_enter(struct rules_lane *l, uint32_t scope_i)
{
	l->scope_i = scope_i;
	l->scope = img_scope(l->img, scope_i);
}

void
lane_rule(struct rules_lane *l)
{
	l->r.n = l->c.n = 0;
	l->brief.used = 0;
}

/* ---- one pattern ---- */

/* What the last match captured; a group that took no part is empty. */
static void
captures_take(const struct rules_lane *l, const struct img_pattern *p, struct slice s,
	      struct rules_refs *ret)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(l->captures);

	ret->n = p->group_n + 1 < RULES_REFS ? p->group_n + 1 : RULES_REFS;
	for (uint32_t i = 0; i < ret->n; i++) {
		PCRE2_SIZE from = at[2 * i], to = at[2 * i + 1];

		if (from == PCRE2_UNSET || to > s.n || from > to) /* from > to: \K, looking ahead */
			ret->s[i] = slice_of("", 0);
		else
			ret->s[i] = slice_of(s.p + from, (uint32_t)(to - from));
	}
}

/* Of a pattern that covers everything. */
static void
captures_all(const struct img_pattern *p, struct slice s, struct rules_refs *ret)
{
	ret->n = p->group_n == 0 ? 1 : 2;
	ret->s[0] = ret->s[1] = s;
}

static enum rules_fault
pattern_ask(struct rules_lane *l, uint32_t pattern_i, struct slice s, bool is_utf8,
	    bool *ret_matches, struct rules_refs *ret_refs)
{
	bool matches;

	l->is_utf8 = is_utf8;
	if (!search_pattern(l, &l->rules->code[pattern_i], s, &matches))
		return RULES_FAULT_MATCH_LIMIT;
	if (matches && ret_refs != NULL)
		captures_take(l, img_pattern(l->img, pattern_i), s, ret_refs);
	*ret_matches = matches;
	return RULES_FAULT_NONE;
}

enum rules_fault
match_pattern(struct rules_lane *l, uint32_t pattern_i, struct slice s, bool *ret_matches,
	      struct rules_refs *ret_refs)
{
	l->work_left -= s.n / UTF8_BYTES;
	return pattern_ask(l, pattern_i, s, text_is_utf8(s), ret_matches, ret_refs);
}

void
match_look(struct rules_lane *l, uint32_t pattern_i, struct slice s, struct rules_refs *ret_refs)
{
	int64_t work_left = l->work_left;
	uint32_t regex_n = l->regex_n;
	bool matches;

	l->work_left = LOOK_WORK;
	ret_refs->n = 0;
	match_pattern(l, pattern_i, s, &matches, ret_refs);
	l->work_left = work_left;
	l->regex_n = regex_n;
}

static bool
covers_all(const struct img_pattern *p, struct rules_memo *memo)
{
	if ((p->flags & IMG_PATTERN_ANY) == 0)
		return false;
	memo_check(memo);
	return memo->is_utf8 && !((p->flags & IMG_PATTERN_ONE_LINE) != 0 && memo->has_lf);
}

/*
 * A scan costs more than one regular expression, so it is made for the second pattern that asks:
 * by then it is likely that more will. Not so of a long string, where nothing is as cheap.
 */
static bool
is_scanned(struct rules_lane *l, uint32_t input_i, struct rules_memo *memo)
{
	if (memo->is_scanned)
		return true;
	if ((img_input(l->img, input_i)->flags & IMG_INPUT_ON_REFS) != 0 ||
	    (++memo->asked_n < 2 && memo->text.n < SCAN_BYTES))
		return false;
	return input_scan(l, input_i, memo);
}

enum rules_fault
match_input(struct rules_lane *l, uint32_t input_i, uint32_t pattern_i, bool *ret_matches,
	    struct rules_refs *ret_refs, struct rules_memo **ret_memo)
{
	const struct img_pattern *p = img_pattern(l->img, pattern_i);
	uint32_t id = pattern_i - img_input(l->img, input_i)->first_pattern;
	struct rules_memo *memo;
	enum rules_fault fault = input_text(l, input_i, &memo);

	if (fault != RULES_FAULT_NONE)
		return fault;
	*ret_memo = memo;
	if (covers_all(p, memo)) {
		if (ret_refs != NULL)
			captures_all(p, memo->text, ret_refs);
		*ret_matches = true;
		return RULES_FAULT_NONE;
	}
	if ((p->flags & IMG_PATTERN_SCANNED) != 0 && is_scanned(l, input_i, memo)) {
		bool is_hit = bits_has(&memo->hit, id);
		bool is_exact = (p->flags & IMG_PATTERN_EXACT) != 0 && memo->is_plain;

		if (!is_hit || (is_exact && (ret_refs == NULL || l->is_told))) {
			if (is_hit && ret_refs != NULL)
				match_look(l, pattern_i, memo->text, ret_refs);
			*ret_matches = is_hit;
			return RULES_FAULT_NONE;
		}
	}
	memo_check(memo);
	return pattern_ask(l, pattern_i, memo->text, memo->is_utf8, ret_matches, ret_refs);
}

/* ---- conditions ---- */

static bool
net_has(const struct img_net *net, const struct ip_addr *ip)
{
	bool is_v4 = ip_is_v4(&net->ip);
	uint32_t bits = is_v4 ? net->prefix + 96 : net->prefix, i = bits / 8;

	if (is_v4 != ip_is_v4(ip) || memcmp(net->ip.b, ip->b, i) != 0)
		return false;
	return bits % 8 == 0 || ((net->ip.b[i] ^ ip->b[i]) >> (8 - bits % 8)) == 0;
}

static bool
client_is_in(const struct rules_lane *l, const struct img_cond *cond)
{
	for (uint32_t i = 0; i < cond->net_n; i++)
		if (net_has(img_net(l->img, cond->first_net + i), &l->subject->client))
			return true;
	return false;
}

/* What a matched condition leaves in {C:n} (7). */
static void
refs_keep(struct rules_refs *c, const struct rules_refs *found, bool tracks_all)
{
	if (!tracks_all || c->n == 0) {
		*c = *found;
		return;
	}
	for (uint32_t i = 1; i < found->n && c->n < RULES_REFS; i++)
		c->s[c->n++] = found->s[i];
}

static enum rules_fault
pattern_holds(struct rules_lane *l, const struct img_cond *cond, uint32_t flags, bool *ret_matches,
	      struct slice *ret_value)
{
	bool is_negated = (cond->flags & IMG_COND_NEGATE) != 0;
	bool is_used = (flags & IMG_RULE_USES_C) != 0;
	bool wants = !is_negated && (is_used || l->trace != NULL);
	struct rules_refs found;
	struct rules_memo *memo;
	enum rules_fault fault;
	bool matches;

	l->is_told = !is_used;
	fault = match_input(l, cond->input_i, cond->pattern_i, &matches, wants ? &found : NULL,
			    &memo);
	if (fault != RULES_FAULT_NONE)
		return fault;
	if (matches && wants)
		refs_keep(&l->c, &found, (flags & IMG_RULE_TRACK_ALL) != 0);
	*ret_matches = matches;
	*ret_value = memo->text;
	return RULES_FAULT_NONE;
}

/* The string of a condition about files, for those who explain it. */
static struct slice
file_value(struct rules_lane *l, const struct img_cond *cond)
{
	struct rules_memo *memo;

	if (l->trace == NULL || cond->input_i == IMG_NONE ||
	    input_text(l, cond->input_i, &memo) != RULES_FAULT_NONE)
		return slice_of("", 0);
	return memo->text;
}

static enum rules_fault
cond_holds(struct rules_lane *l, uint32_t cond_i, uint32_t flags, bool *ret_holds)
{
	const struct img_cond *cond = img_cond(l->img, cond_i);
	struct slice value = { 0 };
	enum rules_fault fault = RULES_FAULT_NONE;
	bool holds = false;

	switch ((enum img_cond_kind)cond->kind) {
	case IMG_COND_PATTERN:
		fault = pattern_holds(l, cond, flags, &holds, &value);
		break;
	case IMG_COND_FILE:
	case IMG_COND_DIRECTORY: /* there are no files here (6) */
		value = file_value(l, cond);
		break;
	case IMG_COND_NETWORK:
		holds = client_is_in(l, cond);
		break;
	case IMG_CONDS_KINDS:
		ensure(false);
	}
	if (fault != RULES_FAULT_NONE)
		return fault;
	holds ^= (cond->flags & IMG_COND_NEGATE) != 0;
	if (l->trace != NULL && l->trace->on_cond != NULL)
		l->trace->on_cond(l->trace->ctx, cond_i, value, holds);
	*ret_holds = holds;
	return RULES_FAULT_NONE;
}

enum rules_fault
match_conds(struct rules_lane *l, uint32_t first_cond, uint32_t cond_n, uint32_t flags,
	    bool *ret_holds)
{
	bool match_any = (flags & IMG_RULE_MATCH_ANY) != 0, holds = !match_any || cond_n == 0;

	for (uint32_t i = 0; i < cond_n; i++) {
		enum rules_fault fault = cond_holds(l, first_cond + i, flags, &holds);

		if (fault != RULES_FAULT_NONE)
			return fault;
		if (match_any && holds)
			break;
		if (match_any)
			continue;
		/* Alternatives: once one holds, the others are not asked. */
		if (holds)
			while (i < cond_n &&
			       (img_cond(l->img, first_cond + i)->flags & IMG_COND_OR) != 0)
				i++;
		else if ((img_cond(l->img, first_cond + i)->flags & IMG_COND_OR) == 0)
			break;
	}
	*ret_holds = holds;
	return RULES_FAULT_NONE;
}
