/*
 * out.c - preconditions and outbound rules of a scope with their texts parsed (14).
 */
#include <string.h>

#include "rules/parts.h"

static void
pres_make(struct making *m, struct scope_made *scope)
{
	struct pre_made **end = &scope->pres;

	for (const struct rule_pre *pre = scope->from->pres; pre != NULL; pre = pre->next) {
		struct whose w = { .what = "precondition",
				   .rule = pre->name.s,
				   .scope = scope->from };
		struct pre_made *made = arena_take(&m->arena, sizeof(*made));
		struct pattern *gate = NULL;

		made->from = pre;
		conds_make(m, &w, scope, &pre->conds, pre->syntax, -1, false, &made->conds, &gate);
		*end = made;
		end = &made->next;
		scope->pre_n++;
	}
}

/* The number of the precondition that a rule names. */
static bool
pre_find(struct making *m, const struct whose *w, const struct scope_made *scope,
	 const struct out_rule *rule, uint32_t *ret)
{
	uint32_t i = 0;

	*ret = IMG_NONE;
	if (rule->pre.s == NULL || rule->pre.s[0] == '\0')
		return true;
	for (const struct rule_pre *pre = scope->from->pres; pre != NULL; pre = pre->next, i++)
		if (pre->name.s != NULL && strcmp(pre->name.s, rule->pre.s) == 0) {
			*ret = i;
			return true;
		}
	say_error(
		m, w, rule->pre.at,
		"there is no preCondition '%s'; add it to preConditions, or name one that is there",
		rule->pre.s);
	return false;
}

static bool
customs_check(struct making *m, const struct whose *w, const struct out_rule *rule)
{
	if (rule->kind != IMG_OUT_TAGS)
		return true;
	if (rule->tags == 0 && !rule->has_custom) {
		say_error(m, w, rule->at, "filterByTags names no tag; name one, or use None");
		return false;
	}
	if (!rule->has_custom || rule->custom.s == NULL)
		return true;
	for (const struct rule_tags *tags = w->scope->customs; tags != NULL; tags = tags->next)
		if (tags->name.s != NULL && strcmp(tags->name.s, rule->custom.s) == 0)
			return true;
	say_error(
		m, w, rule->custom.at,
		"there are no customTags '%s'; add them to customTags, or name some that are there",
		rule->custom.s);
	return false;
}

/* What cannot be done to a body as a whole (5.2, 14.5). */
static bool
body_check(struct making *m, const struct whose *w, const struct out_rule *rule)
{
	if (rule->kind != IMG_OUT_BODY)
		return true;
	if (rule->syntax == IMG_SYNTAX_WILDCARD) {
		say_error(m, w, rule->at,
			  "patternSyntax Wildcard is not allowed on a body; use ECMAScript or "
			  "ExactMatch, or filterByTags");
		return false;
	}
	if (rule->is_negated) {
		say_error(m, w, rule->match.at,
			  "negate means nothing on a body: there is no place where a pattern does "
			  "not match; remove it");
		return false;
	}
	return true;
}

static struct pattern *
match_make(struct making *m, const struct whose *w, const struct out_rule *rule)
{
	if (rule->match.s == NULL || rule->match.s[0] == '\0') {
		say_error(m, w, rule->match.s == NULL ? rule->at : rule->match.at,
			  "it has no pattern; add pattern=\"...\"");
		return NULL;
	}
	return pattern_make(m, w, &rule->match, rule->syntax, rule->ignores_case,
			    rule->kind == IMG_OUT_BODY ? PATTERN_BODY : PATTERN_WHOLE);
}

static uint32_t
uses_of(const struct expr *expr)
{
	if (expr == NULL)
		return 0;
	return (expr->r_max >= 0 ? IMG_RULE_USES_R : 0) | (expr->c_max >= 0 ? IMG_RULE_USES_C : 0);
}

static uint32_t
flags_of(const struct out_made *made)
{
	const struct out_rule *rule = made->from;
	uint32_t flags = IMG_RULE_ALWAYS | uses_of(made->value);

	for (uint32_t i = 0; i < made->conds.n; i++)
		if (made->conds.cond[i].input != NULL)
			flags |= uses_of(made->conds.cond[i].input->expr);
	flags |= rule->is_negated ? IMG_RULE_NEGATE : 0;
	flags |= rule->stops ? IMG_RULE_STOP : 0;
	flags |= rule->conds.match_any ? IMG_RULE_MATCH_ANY : 0;
	flags |= rule->conds.track_all ? IMG_RULE_TRACK_ALL : 0;
	flags |= rule->replaces ? IMG_RULE_REPLACE : 0;
	flags |= rule->kind == IMG_OUT_TAGS && rule->has_custom ? IMG_RULE_TAGS_CUSTOM : 0;
	return flags;
}

static bool
value_make(struct making *m, const struct whose *w, struct out_made *made, int r_max)
{
	const struct out_rule *rule = made->from;
	struct rule_text value = { .s = rule->value.s == NULL ? "" : rule->value.s,
				   .at = rule->value.s == NULL ? rule->at : rule->value.at };

	if (rule->action == IMG_ACTION_NONE)
		return true;
	if (rule->action != IMG_ACTION_REWRITE) {
		say_error(m, w, rule->at,
			  "action %s is not one of an outbound rule; use Rewrite or None",
			  img_action_name(rule->action));
		return false;
	}
	made->value = expr_parse(m, w, "value", &value);
	return made->value != NULL &&
	       refs_check(m, w, "value", made->value, r_max, made->conds.c_max);
}

static bool
out_make(struct making *m, const struct whose *w, struct scope_made *scope, struct out_made *made)
{
	const struct out_rule *rule = made->from;
	struct input *value = inputs_take(m, &scope->inputs, IMG_INPUT_VALUE, NULL);
	struct pattern *match = match_make(m, w, rule), *gate = NULL;
	int r_max = match == NULL ? IMG_REFS_MAX : rule->is_negated ? 0 : (int)match->group_n;
	bool is_good = match != NULL;

	if (match != NULL)
		made->match = input_add(m, value, match, true);
	is_good = body_check(m, w, rule) && customs_check(m, w, rule) && is_good;
	is_good = pre_find(m, w, scope, rule, &made->pre) && is_good;
	if (rule->kind == IMG_OUT_VARIABLE)
		is_good = check_out_variable(m, w, rule, &made->variable_kind, &made->variable) &&
			  is_good;
	is_good = conds_make(m, w, scope, &rule->conds, rule->syntax, r_max, false, &made->conds,
			     &gate) &&
		  is_good;
	is_good = value_make(m, w, made, r_max) && is_good;
	made->flags = flags_of(made);
	return is_good;
}

void
outs_make(struct making *m, struct scope_made *scope)
{
	struct out_made **end = &scope->outs;

	pres_make(m, scope);
	for (const struct out_rule *rule = scope->from->outs; rule != NULL; rule = rule->next) {
		struct whose w = { .what = "outbound rule",
				   .rule = rule->name.s,
				   .scope = scope->from };
		struct out_made *made;

		if (!rule->is_enabled)
			continue;
		made = arena_take(&m->arena, sizeof(*made));
		made->from = rule;
		if (!out_make(m, &w, scope, made))
			continue;
		*end = made;
		end = &made->next;
		scope->rule_n++;
	}
}
