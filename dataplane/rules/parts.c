/*
 * parts.c - what rules make of a part of a body: of an attribute's value, of a match.
 *
 * Each part is an evaluation of its own on the lane's scratch, of the request and response as they
 * were when the body began.
 */
#include "base/ensure.h"
#include "rules/stages.h"

enum {
	RULE_WORK = 150, /* of a rule and a value or match, before anything is asked of them */
};

static void
part_begin(struct rules_body *b)
{
	snapshot_begin(&b->snapshot, b->lane, b->trace);
}

static uint32_t
scope_of(const struct rules_body *b, uint32_t rule_i)
{
	for (uint32_t i = 0; i < b->rule_n; i++)
		if (b->rule[i] == rule_i)
			return b->scope[i];
	ensure(false);
}

static enum rules_fault
part_fault(struct rules_body *b, uint32_t rule_i, enum rules_fault fault)
{
	b->fault_rule = rule_i;
	return fault;
}

/* A rule about tags, on one value; *ret_why MATCHED: *value is the new one. */
static enum rules_fault
value_rule(struct rules_body *b, uint32_t rule_i, struct slice *value, enum rules_why *ret_why)
{
	struct rules_lane *l = b->lane;
	const struct img_out_rule *rule = img_out_rule(l->img, rule_i);
	bool stays = (rule->flags & IMG_RULE_REPLACE) == 0 && value->n > 0;
	uint64_t start_ns = count_start(l);
	struct slice old = *value;
	enum rules_fault fault;

	l->work_all = l->work_left = RULES_BODY_PART;
	lane_enter(l, scope_of(b, rule_i));
	lane_rule(l);
	l->value = old;
	fault = out_match(l, rule, old, ret_why);
	if (fault == RULES_FAULT_NONE && *ret_why == RULES_WHY_MATCHED &&
	    rule->action == IMG_ACTION_REWRITE && !stays)
		fault = expr_expand(l, &l->keep, rule->value_expr_i, value);
	b->work -= RULE_WORK + lane_work(l);
	if (fault != RULES_FAULT_NONE)
		*ret_why = RULES_WHY_FAULT;
	count_rule(l, rule->slot, rule->incarnation, *ret_why, start_ns);
	out_tell(l, rule_i, *ret_why, old);
	return fault;
}

enum rules_fault
part_on_value(void *ctx, uint64_t *rules, struct slice value, struct slice *ret)
{
	struct stage *s = ctx;
	enum rules_why why = RULES_WHY_PATTERN;

	part_begin(s->body);
	do {
		uint32_t rule_i = s->rule[__builtin_ctzll(*rules)];
		enum rules_fault fault = value_rule(s->body, rule_i, &value, &why);
		uint32_t flags = img_out_rule(s->body->lane->img, rule_i)->flags;

		if (fault != RULES_FAULT_NONE)
			return part_fault(s->body, rule_i, fault);
		*rules &= *rules - 1;
		if (why == RULES_WHY_MATCHED && (flags & IMG_RULE_STOP) != 0)
			*rules = 0;
	} while (*rules != 0 && s->body->work > 0);
	*ret = value;
	return RULES_FAULT_NONE;
}

void
part_stop(struct stage *s)
{
	struct stage *next = s + 1;

	if (next == s->body->stage + s->body->stage_n || next->kind == STAGE_ENCODE)
		return;
	if (next->cut == NO_CUT && !next->is_raw)
		next->cut = (int32_t)(s->body->sink->p - next->pipe);
}

enum rules_fault
part_on_match(void *ctx, const struct rules_refs *groups, bool *ret_goes, struct slice *ret)
{
	struct stage *s = ctx;
	struct rules_body *b = s->body;
	struct rules_lane *l = b->lane;
	uint32_t rule_i = s->rule[0];
	const struct img_out_rule *rule = img_out_rule(l->img, rule_i);
	uint64_t start_ns;
	enum rules_why why;
	enum rules_fault fault;

	part_begin(b);
	start_ns = count_start(l);
	l->work_all = l->work_left = RULES_BODY_PART;
	lane_enter(l, scope_of(b, rule_i));
	lane_rule(l);
	l->r = *groups;
	fault = out_conds(l, rule, &why);
	*ret_goes = why == RULES_WHY_MATCHED && rule->action == IMG_ACTION_REWRITE;
	if (fault == RULES_FAULT_NONE && *ret_goes)
		fault = expr_expand(l, &l->keep, rule->value_expr_i, ret);
	b->work -= RULE_WORK + lane_work(l);
	count_rule(l, rule->slot, rule->incarnation,
		   fault == RULES_FAULT_NONE ? why : RULES_WHY_FAULT, start_ns);
	out_tell(l, rule_i, fault == RULES_FAULT_NONE ? why : RULES_WHY_FAULT, groups->s[0]);
	if (fault != RULES_FAULT_NONE)
		return part_fault(b, rule_i, fault);
	if (why == RULES_WHY_MATCHED && (rule->flags & IMG_RULE_STOP) != 0)
		part_stop(s);
	return RULES_FAULT_NONE;
}
