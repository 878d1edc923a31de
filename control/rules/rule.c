/*
 * rule.c - conditions and inbound rules of a scope with their texts parsed: expressions, patterns,
 * the strings that these are matched against.
 *
 * A rule's gate is a pattern without whose match it cannot fire: its own, or, when that matches
 * everything, that of a condition that must hold. Which patterns a scan covers is known later, so
 * here it is chosen only what may become one.
 */
#include <ctype.h>
#include <string.h>

#include "rules/parts.h"

/* ---- back-references ---- */

bool
refs_check(struct making *m, const struct whose *w, const char *what, const struct expr *expr,
	   int r_max, int c_max)
{
	if (expr->r_max > r_max) {
		if (r_max < 0)
			say_error(
				m, w, expr->at,
				"%s '%s' uses {R:%d}, but there is no rule pattern here; remove it",
				what, expr->text, expr->r_max);
		else
			say_error(m, w, expr->at,
				  "%s '%s' uses {R:%d}, but the rule's pattern gives {R:0} to "
				  "{R:%d}; add a group to the pattern, or use a lower index",
				  what, expr->text, expr->r_max, r_max);
		return false;
	}
	if (expr->c_max > c_max) {
		if (c_max < 0)
			say_error(m, w, expr->at,
				  "%s '%s' uses {C:%d}, but no condition before it that is not "
				  "negated gives captures; add one, or remove it",
				  what, expr->text, expr->c_max);
		else
			say_error(m, w, expr->at,
				  "%s '%s' uses {C:%d}, but the conditions give {C:0} to {C:%d}; "
				  "add a group, use a lower index, or set trackAllCaptures",
				  what, expr->text, expr->c_max, c_max);
		return false;
	}
	return true;
}

/* What {C:n} may be asked behind a condition. */
static int
captures_add(const struct rule_conds *conds, const struct cond_made *cond, bool is_alternative,
	     int c_max)
{
	int groups;

	if (cond->pattern == NULL || cond->from->is_negated)
		return c_max;
	groups = (int)cond->pattern->group_n;
	if (conds->track_all && !conds->match_any)
		return c_max < 0 ? groups : c_max + groups;
	if (conds->match_any || is_alternative)
		return groups > c_max ? groups : c_max;
	return groups;
}

/* ---- conditions ---- */

static bool
input_make(struct making *m, const struct whose *w, struct scope_made *scope,
	   const struct rule_cond *cond, int r_max, int c_max, struct input **ret)
{
	static const char filename[] = "{REQUEST_FILENAME}";
	struct rule_text text = cond->input;
	const struct expr *expr;

	if (text.s == NULL && cond->kind == IMG_COND_PATTERN) {
		*ret = inputs_take(m, &scope->inputs, IMG_INPUT_PATH, NULL);
		return true;
	}
	if (text.s == NULL)
		text = (struct rule_text){ .s = filename, .at = cond->at };
	expr = expr_parse(m, w, "input", &text);
	if (expr == NULL || !refs_check(m, w, "input", expr, r_max, c_max))
		return false;
	*ret = inputs_take(m, &scope->inputs, IMG_INPUT_EXPR, expr);
	return true;
}

static bool
files_check(struct making *m, const struct whose *w, const struct rule_cond *cond)
{
	const char *word = img_cond_kind_name(cond->kind);

	if (w->scope->kind == IMG_SCOPE_GLOBAL) {
		say_error(
			m, w, cond->at,
			"matchType %s is not allowed in global rules (there is no site yet); move "
			"the rule to a site's rules, or remove the condition",
			word);
		return false;
	}
	say_warning(
		m, w, cond->at,
		"matchType %s: a proxy has no files, so this is always %s; remove the condition "
		"if the rule does not need it",
		word, cond->is_negated ? "true (negated)" : "false");
	return true;
}

static bool
nets_check(struct making *m, const struct whose *w, const struct rule_cond *cond)
{
	uint32_t n = 0;

	for (const struct rule_net *net = cond->net; net != NULL; net = net->next)
		n++;
	if (n <= IMG_COND_NETS_MAX)
		return true;
	say_error(m, w, cond->at,
		  "%u networks are more than a condition can hold (%u); take it apart", n,
		  (unsigned)IMG_COND_NETS_MAX);
	return false;
}

/*
 * A condition that may be a gate: it must hold, has a string of its own, and a scan could tell.
 */
static bool
can_gate(const struct rule_conds *conds, const struct cond_made *cond, bool is_alternative)
{
	return !conds->match_any && !is_alternative && !cond->from->is_negated &&
	       cond->pattern != NULL && cond->pattern->form.text != NULL &&
	       (cond->pattern->flags & IMG_PATTERN_ANY) == 0 &&
	       (cond->input->flags & IMG_INPUT_ON_REFS) == 0;
}

static bool
cond_make(struct making *m, const struct whose *w, struct scope_made *scope,
	  const struct rule_conds *conds, enum img_syntax syntax, int r_max, int c_max,
	  bool is_alternative, bool *may_gate, struct cond_made *made, struct pattern **ret_gate)
{
	const struct rule_cond *cond = made->from;
	struct pattern *pattern;
	bool is_gate;

	made->flags = (cond->is_negated ? IMG_COND_NEGATE : 0) | (cond->or_next ? IMG_COND_OR : 0);
	if (cond->kind == IMG_COND_NETWORK)
		return nets_check(m, w, cond);
	if (cond->kind != IMG_COND_PATTERN && !files_check(m, w, cond))
		return false;
	if (!input_make(m, w, scope, cond, r_max, c_max, &made->input))
		return false;
	if (cond->kind != IMG_COND_PATTERN)
		return true;
	if (cond->pattern.s == NULL) {
		say_error(m, w, cond->at, "a condition has no pattern; add pattern=\"...\"");
		return false;
	}
	pattern = pattern_make(m, w, &cond->pattern, cond->is_regex ? IMG_SYNTAX_REGEX : syntax,
			       cond->ignores_case, PATTERN_WHOLE);
	if (pattern == NULL)
		return false;
	made->pattern = pattern;
	is_gate = *may_gate && can_gate(conds, made, is_alternative);
	made->pattern = input_add(m, made->input, pattern, is_gate);
	if (is_gate)
		*ret_gate = made->pattern;
	/* A reference to a group that is not there fails, whatever comes after it says. */
	*may_gate = *may_gate && !is_gate && (made->input->flags & IMG_INPUT_ON_REFS) == 0;
	return true;
}

static uint32_t
conds_n(const struct rule_conds *conds)
{
	uint32_t n = 0;

	for (const struct rule_cond *cond = conds->first; cond != NULL; cond = cond->next)
		n++;
	return n;
}

bool
conds_make(struct making *m, const struct whose *w, struct scope_made *scope,
	   const struct rule_conds *from, enum img_syntax syntax, int r_max, bool may_gate,
	   struct conds_made *ret, struct pattern **ret_gate)
{
	bool is_good = true, or_before = false;
	uint32_t i = 0;

	*ret = (struct conds_made){ .c_max = -1, .n = conds_n(from) };
	ret->cond = arena_take(&m->arena, (ret->n + 1) * sizeof(ret->cond[0]));
	for (const struct rule_cond *cond = from->first; cond != NULL; cond = cond->next) {
		struct cond_made *made = &ret->cond[i++];
		bool is_alternative = or_before || cond->or_next;
		int before = from->match_any ? -1 : ret->c_max;

		made->from = cond;
		if (!cond_make(m, w, scope, from, syntax, r_max, before, is_alternative, &may_gate,
			       made, ret_gate))
			is_good = false;
		ret->c_max = captures_add(from, made, is_alternative, ret->c_max);
		or_before = cond->or_next;
	}
	return is_good;
}

/* ---- rules ---- */

struct rule_text
text_trimmed(struct making *m, const struct rule_text *text)
{
	struct rule_text trimmed = *text;
	size_t n;

	if (text->s == NULL)
		return trimmed;
	while (isspace((unsigned char)*trimmed.s))
		trimmed.s++;
	n = strlen(trimmed.s);
	while (n > 0 && isspace((unsigned char)trimmed.s[n - 1]))
		n--;
	trimmed.s = arena_text(&m->arena, trimmed.s, n);
	return trimmed;
}

/* An expression of the action; true with *ret NULL when it is not there. */
static bool
part_make(struct making *m, const struct whose *w, const char *what, const struct rule_text *text,
	  const struct rule_made *made, int r_max, const struct expr **ret)
{
	const struct expr *expr;

	*ret = NULL;
	if (text->s == NULL)
		return true;
	expr = expr_parse(m, w, what, text);
	if (expr == NULL || !refs_check(m, w, what, expr, r_max, made->conds.c_max))
		return false;
	*ret = expr;
	return true;
}

static bool
sets_make(struct making *m, const struct whose *w, struct rule_made *made, int r_max)
{
	const struct rule_set_var *var;
	bool is_good = true;

	for (var = made->from->set; var != NULL; var = var->next)
		made->set_n++;
	if (made->set_n > IMG_RULE_SETS_MAX) {
		say_error(m, w, made->from->at,
			  "%u variables are more than a rule can set (%u); use a second rule",
			  made->set_n, (unsigned)IMG_RULE_SETS_MAX);
		return false;
	}
	made->set = arena_take(&m->arena, (made->set_n + 1) * sizeof(made->set[0]));
	made->set_n = 0;
	for (var = made->from->set; var != NULL; var = var->next) {
		struct set_made *set = &made->set[made->set_n++];
		struct rule_text value = { .s = var->value.s == NULL ? "" : var->value.s,
					   .at = var->value.s == NULL ? var->at : var->value.at };

		is_good = check_set_var(m, w, var, set) && is_good;
		is_good = part_make(m, w, "value", &value, made, r_max, &set->expr) && is_good;
	}
	return is_good;
}

static bool
farm_make(struct making *m, const struct whose *w, struct rule_made *made)
{
	const struct rule *rule = made->from;

	made->farm_i = IMG_NONE;
	if (rule->farm.s == NULL) {
		if (rule->action != IMG_ACTION_FARM)
			return true;
		say_error(m, w, rule->action_at, "it sends to a farm without a name; name one");
		return false;
	}
	if (m->env->farm == NULL) {
		made->farm_i = rule->action == IMG_ACTION_FARM ? 0 : (uint32_t)IMG_NONE;
		return true;
	}
	made->farm_i = m->env->farm(m->env->ctx, rule->farm.s);
	if (made->farm_i != IMG_NONE)
		return true;
	say_error(m, w, rule->farm.at, "there is no farm '%s'; add it to farms, or name another",
		  rule->farm.s);
	return false;
}

static bool
action_make(struct making *m, const struct whose *w, struct rule_made *made, int r_max)
{
	const struct rule *rule = made->from;
	struct rule_text url = text_trimmed(m, &rule->url);
	bool is_good = farm_make(m, w, made);

	if (rule->action == IMG_ACTION_REWRITE || rule->action == IMG_ACTION_REDIRECT) {
		if (url.s == NULL) {
			say_error(m, w, rule->action_at, "action %s has no url; add url=\"...\"",
				  img_action_name(rule->action));
			return false;
		}
		is_good = part_make(m, w, "url", &url, made, r_max, &made->url) &&
			  url_check(m, w, rule->action, made->url) && is_good;
	}
	if (rule->action == IMG_ACTION_RESPOND) {
		is_good = part_make(m, w, "statusReason", &rule->reason, made, r_max,
				    &made->reason) &&
			  is_good;
		is_good = part_make(m, w, "statusDescription", &rule->body, made, r_max,
				    &made->body) &&
			  is_good;
	}
	return is_good;
}

/* Whether something of the rule asks for {R:n} or {C:n}. */
static uint32_t
uses_of(const struct expr *expr)
{
	if (expr == NULL)
		return 0;
	return (expr->r_max >= 0 ? IMG_RULE_USES_R : 0) | (expr->c_max >= 0 ? IMG_RULE_USES_C : 0);
}

static uint32_t
uses_of_conds(const struct conds_made *conds)
{
	uint32_t flags = 0;

	for (uint32_t i = 0; i < conds->n; i++)
		if (conds->cond[i].input != NULL)
			flags |= uses_of(conds->cond[i].input->expr);
	return flags;
}

static uint32_t
flags_of(const struct rule_made *made)
{
	const struct rule *rule = made->from;
	uint32_t flags = uses_of_conds(&made->conds) | uses_of(made->url) | uses_of(made->reason) |
			 uses_of(made->body);

	for (uint32_t i = 0; i < made->set_n; i++)
		flags |= uses_of(made->set[i].expr);
	flags |= rule->is_negated ? IMG_RULE_NEGATE : 0;
	flags |= rule->stops ? IMG_RULE_STOP : 0;
	flags |= rule->conds.match_any ? IMG_RULE_MATCH_ANY : 0;
	flags |= rule->conds.track_all ? IMG_RULE_TRACK_ALL : 0;
	flags |= rule->appends_query ? IMG_RULE_APPEND_QUERY : 0;
	flags |= rule->logs_rewritten ? IMG_RULE_LOG_REWRITTEN : 0;
	return flags;
}

/* The rule's own pattern; one that is left out is everything. */
static struct pattern *
match_make(struct making *m, const struct whose *w, const struct rule *rule)
{
	static const char everything[] = "*";
	struct rule_text text = rule->match;
	enum img_syntax syntax = rule->match_is_regex ? IMG_SYNTAX_REGEX : rule->syntax;

	if (text.s == NULL) {
		text = (struct rule_text){ .s = everything, .at = rule->at };
		syntax = IMG_SYNTAX_WILDCARD;
	}
	return pattern_make(m, w, &text, syntax, rule->ignores_case, PATTERN_WHOLE);
}

static bool
rule_make(struct making *m, const struct whose *w, struct scope_made *scope, struct rule_made *made)
{
	const struct rule *rule = made->from;
	struct pattern *match = match_make(m, w, rule);
	int r_max = match == NULL ? IMG_REFS_MAX : rule->is_negated ? 0 : (int)match->group_n;
	bool is_any = match != NULL && (match->flags & IMG_PATTERN_ANY) != 0 && !rule->is_negated;
	struct input *path = inputs_take(m, &scope->inputs, IMG_INPUT_PATH, NULL);
	bool is_good = match != NULL;

	if (match != NULL) {
		made->match = input_add(m, path, match, true);
		if (!is_any && !rule->is_negated)
			made->may_gate = made->match;
	}
	is_good = conds_make(m, w, scope, &rule->conds, rule->syntax, r_max, is_any, &made->conds,
			     &made->may_gate) &&
		  is_good;
	is_good = sets_make(m, w, made, r_max) && is_good;
	is_good = action_make(m, w, made, r_max) && is_good;
	made->flags = flags_of(made);
	return is_good;
}

void
rules_make(struct making *m, struct scope_made *scope)
{
	struct rule_made **end = &scope->rules;

	for (const struct rule *rule = scope->from->rules; rule != NULL; rule = rule->next) {
		struct whose w = { .what = "rule", .rule = rule->name.s, .scope = scope->from };
		struct rule_made *made;

		if (!rule->is_enabled)
			continue;
		made = arena_take(&m->arena, sizeof(*made));
		made->from = rule;
		if (!rule_make(m, &w, scope, made))
			continue;
		*end = made;
		end = &made->next;
		scope->rule_n++;
	}
}
