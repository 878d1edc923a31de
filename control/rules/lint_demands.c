/*
 * lint_demands.c - what rules demand of a request, for lint: a rule whose demands do not go
 * together, and one all of whose demands an earlier rule is content with.
 *
 * A demand is a pattern or networks that must, or must not, match what they look at. What several
 * conditions say by turns (or, MatchAny) is none, so less is found than there is.
 */
#include <string.h>

#include "base/ensure.h"
#include "rules/lint.h"
#include "rules/regex.h"
#include "rules/rules.h"

/* ---- rules behind others ---- */

static bool
is_final(const struct rule *rule)
{
	return rule->stops || rule->action == IMG_ACTION_REDIRECT ||
	       rule->action == IMG_ACTION_RESPOND || rule->action == IMG_ACTION_ABORT;
}

bool
lint_is_any(const struct rule_made *made)
{
	return (made->match->flags & IMG_PATTERN_ANY) != 0 && !made->from->is_negated;
}

static bool
is_same_pattern(const struct rule_made *a, const struct rule_made *b)
{
	return a->from->is_negated == b->from->is_negated &&
	       a->match->is_caseless == b->match->is_caseless &&
	       strcmp(a->match->regex, b->match->regex) == 0;
}

/* What must hold when the rule fires: its own pattern, or a condition that stands alone. */
struct demand {
	const struct input *input; /* NULL: the client's network */
	const struct pattern *pattern;
	const struct rule_net *net;
	bool is_negated;
};

/* The i-th: 0 is the rule's pattern, then its conditions. False: it says nothing for itself. */
static bool
demand_of(const struct input *path, const struct rule_made *made, uint32_t i,
	  struct demand *ret_demand)
{
	const struct cond_made *cond = i > 0 ? &made->conds.cond[i - 1] : NULL;

	if (cond == NULL) {
		*ret_demand = (struct demand){ .input = path,
					       .pattern = made->match,
					       .is_negated = made->from->is_negated };
		return true;
	}
	*ret_demand = (struct demand){ .input = cond->input,
				       .pattern = cond->pattern,
				       .net = cond->from->net,
				       .is_negated = cond->from->is_negated };
	if ((made->from->conds.match_any && made->conds.n > 1) || cond->from->or_next ||
	    (i > 1 && cond[-1].from->or_next))
		return false;
	if (cond->from->kind == IMG_COND_NETWORK)
		return true;
	/* What references give is another text in each rule, at each time. */
	return cond->from->kind == IMG_COND_PATTERN &&
	       (cond->input->flags & IMG_INPUT_ON_REFS) == 0;
}

static bool
pattern_implies(const struct pattern *by, const struct pattern *implied)
{
	if ((implied->flags & IMG_PATTERN_ANY) != 0 ||
	    (by->is_caseless == implied->is_caseless && strcmp(by->regex, implied->regex) == 0))
		return true;
	if (by->tree == NULL || implied->tree == NULL)
		return false;
	return tree_implies(by->tree, implied->tree);
}

static bool
is_net_within(const struct rule_net *net, const struct rule_net *of)
{
	uint32_t shift = ip_is_v4(&of->ip) ? 96 : 0, bits = of->bits + shift;

	if (ip_is_v4(&net->ip) != ip_is_v4(&of->ip) || net->bits < of->bits)
		return false;
	for (uint32_t i = 0; i < bits; i++)
		if (((net->ip.b[i / 8] ^ of->ip.b[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

/* Each of the nets lies in one of the others. */
static bool
nets_imply(const struct rule_net *by, const struct rule_net *implied)
{
	for (; by != NULL; by = by->next) {
		const struct rule_net *of = implied;

		while (of != NULL && !is_net_within(by, of))
			of = of->next;
		if (of == NULL)
			return false;
	}
	return true;
}

static bool
demand_implies(const struct demand *by, const struct demand *implied)
{
	if (by->input != implied->input || by->is_negated != implied->is_negated)
		return false;
	if (by->is_negated) {
		const struct demand *swap = by;

		by = implied;
		implied = swap;
	}
	return by->input == NULL ? nets_imply(by->net, implied->net)
				 : pattern_implies(by->pattern, implied->pattern);
}

/* Whether each request at which `by` fires is one at which `implied` does. */
static bool
rule_implies(const struct input *path, const struct rule_made *by, const struct rule_made *implied)
{
	struct demand want, has;

	for (uint32_t i = 0; i <= implied->conds.n; i++) {
		bool is_met = i == 0 && lint_is_any(implied);

		if (!is_met && !demand_of(path, implied, i, &want))
			return false;
		for (uint32_t k = 0; k <= by->conds.n && !is_met; k++)
			is_met = demand_of(path, by, k, &has) && demand_implies(&has, &want);
		if (!is_met)
			return false;
	}
	return true;
}

void
lint_shadowed(struct linting *l, const struct input *path, const struct rule_made *first,
	      const struct rule_made *made)
{
	const struct rule_made *before = NULL;

	for (const struct rule_made *other = first; other != made; other = other->next) {
		const struct rule *rule = other->from;

		if (!is_final(rule)) {
			if (rule->action == IMG_ACTION_REWRITE || rule->set != NULL)
				before = NULL; /* another request may come by */
			continue;
		}
		if (lint_is_any(other) && other->conds.n == 0) {
			lint_say(l, LINT_SHADOWED, false,
				 "it is never reached: rule '%s' before it matches everything "
				 "and "
				 "ends the rules; move it up",
				 rule->name.s);
			return;
		}
		if (before != NULL)
			continue;
		if (l->pairs_left > 0 ? rule_implies(path, made, other)
				      : other->conds.n == 0 && is_same_pattern(other, made))
			before = other;
		l->pairs_left -= l->pairs_left > 0;
	}
	if (before != NULL)
		lint_say(l, LINT_SHADOWED, false,
			 "it never fires: rule '%s' before it matches all that it matches, and "
			 "ends the "
			 "rules; move it up, or let it match something else",
			 before->from->name.s);
}

/* ---- demands that do not go together ---- */

bool
lint_matches(const struct pattern *pattern, const char *text)
{
	int error;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile(
		(PCRE2_SPTR)pattern->regex, PCRE2_ZERO_TERMINATED,
		REGEX_OPTIONS | (pattern->is_caseless ? PCRE2_CASELESS : 0), &error, &offset, NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	bool holds;

	ensure(code != NULL && data != NULL);
	holds = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, data, NULL) >= 0;
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return holds;
}

/* Variables that have few values. */
static const char *const *
values_of(const struct input *input)
{
	static const char *const on_off[] = { "on", "off", NULL }, *const one_zero[] = { "1", "0",
											 NULL };
	const struct expr *expr = input != NULL ? input->expr : NULL;

	if (expr == NULL || expr->op_n != 1 || expr->op[0].kind != IMG_OP_VARIABLE)
		return NULL;
	return expr->op[0].arg == RULES_VARIABLE_HTTPS		      ? on_off
	       : expr->op[0].arg == RULES_VARIABLE_SERVER_PORT_SECURE ? one_zero
								      : NULL;
}

/* None of the input's values is one that all conditions on it take. */
static bool
is_no_value(const struct input *path, const struct rule_made *made, const struct input *input)
{
	const char *const *value = values_of(input);
	struct demand demand;

	for (; value != NULL && *value != NULL; value++) {
		bool is_taken = true;

		for (uint32_t i = 1; i <= made->conds.n; i++)
			if (demand_of(path, made, i, &demand) && demand.input == input)
				is_taken = is_taken && lint_matches(demand.pattern, *value) !=
							       demand.is_negated;
		if (is_taken)
			return false;
	}
	return values_of(input) != NULL;
}

static bool
is_contrary(const struct demand *a, const struct demand *b)
{
	if (a->input != b->input || (a->is_negated && b->is_negated))
		return false;
	if (a->input == NULL)
		return a->is_negated != b->is_negated &&
		       (a->is_negated ? nets_imply(b->net, a->net) : nets_imply(a->net, b->net));
	if (a->is_negated || b->is_negated)
		return a->is_negated ? pattern_implies(b->pattern, a->pattern)
				     : pattern_implies(a->pattern, b->pattern);
	return a->pattern->tree != NULL && b->pattern->tree != NULL &&
	       tree_excludes(a->pattern->tree, b->pattern->tree);
}

static const char *
text_of(const struct demand *demand)
{
	return demand->pattern != NULL ? demand->pattern->text : "from";
}

/* True, and said: two of the rule's demands do not go together. */
static bool
lint_contrary(struct linting *l, const struct input *path, const struct rule_made *made)
{
	struct demand a, b;

	for (uint32_t i = 0; i <= made->conds.n; i++) {
		if (!demand_of(path, made, i, &a))
			continue;
		if (i > 0 && is_no_value(path, made, a.input)) {
			lint_say(l, LINT_NEVER, false,
				 "it never fires: no value of %s is one that its conditions take; "
				 "mend "
				 "the pattern '%s'",
				 a.input->expr->text, text_of(&a));
			return true;
		}
		for (uint32_t k = 0; k < i; k++)
			if (demand_of(path, made, k, &b) && is_contrary(&a, &b)) {
				lint_say(l, LINT_NEVER, false,
					 "it never fires: '%s%s' and '%s%s' do not go together; "
					 "remove "
					 "one, or say with any (MatchAny) that either will do",
					 b.is_negated ? "not " : "", text_of(&b),
					 a.is_negated ? "not " : "", text_of(&a));
				return true;
			}
	}
	return false;
}

/* "get": methods are told apart by their case. */
static bool
is_small_method(const struct demand *demand)
{
	static const char *const method[] = { "GET",	 "HEAD",    "POST",	"PUT",	"DELETE",
					      "OPTIONS", "CONNECT", "PROPFIND", "PATCH" };
	const struct expr *expr = demand->input != NULL ? demand->input->expr : NULL;
	bool has_small = false;

	if (expr == NULL || expr->op_n != 1 || expr->op[0].kind != IMG_OP_VARIABLE ||
	    (expr->op[0].arg != RULES_VARIABLE_REQUEST_METHOD &&
	     expr->op[0].arg != RULES_VARIABLE_HTTP_METHOD) ||
	    demand->is_negated)
		return false;
	for (const char *at = demand->pattern->text; *at != '\0'; at++) {
		if (*at >= 'A' && *at <= 'Z')
			return false;
		has_small = has_small || (*at >= 'a' && *at <= 'z');
	}
	for (size_t i = 0; i < sizeof(method) / sizeof(method[0]); i++)
		if (lint_matches(demand->pattern, method[i]))
			return false;
	return has_small;
}

void
lint_demands(struct linting *l, const struct input *path, const struct rule_made *made)
{
	struct demand demand;

	for (uint32_t i = 1; i <= made->conds.n; i++) {
		if (!demand_of(path, made, i, &demand) || demand.pattern == NULL ||
		    demand.is_negated)
			continue;
		if (demand.pattern->tree != NULL && tree_is_nothing(demand.pattern->tree))
			lint_say(l, LINT_NEVER, false,
				 "it never fires: pattern '%s' of a condition matches nothing; "
				 "mend it",
				 demand.pattern->text);
		else if (is_small_method(&demand))
			lint_say(
				l, LINT_NEVER, false,
				"it never fires: pattern '%s' wants a method in small letters, and "
				"clients send capitals, which are not the same; write GET for get",
				demand.pattern->text);
	}
	lint_contrary(l, path, made);
}
