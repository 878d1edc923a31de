/*
 * lint_names.c - names of variables for lint: one that nobody sets is always empty, and one that
 * is called as a header of the response is none.
 *
 * A listener may have several sets, so what a rule of another set sets counts as set.
 */
#include <string.h>

#include "rules/lint.h"

/* ---- who sets it ---- */

static bool
is_set_by(const struct scope_made *scope, const char *name, size_t n)
{
	for (const struct rule_made *made = scope->rules; made != NULL; made = made->next)
		for (uint32_t i = 0; i < made->set_n; i++)
			if (made->set[i].kind == IMG_SET_VARIABLE &&
			    strlen(made->set[i].name) == n &&
			    memcmp(made->set[i].name, name, n) == 0)
				return true;
	for (const struct out_made *made = scope->outs; made != NULL; made = made->next)
		if (made->from->kind == IMG_OUT_VARIABLE && made->variable_kind == IMG_OP_CUSTOM &&
		    strlen(made->variable) == n && memcmp(made->variable, name, n) == 0)
			return true;
	return false;
}

static bool
is_set(const struct scope_made *scopes, const char *name, size_t n)
{
	for (; scopes != NULL; scopes = scopes->next)
		if (is_set_by(scopes, name, n))
			return true;
	return false;
}

/* ---- expressions ---- */

static void
lint_expr(struct linting *l, const struct scope_made *scopes, const struct expr *expr)
{
	struct conf_pos rule_at = l->at;

	for (uint32_t i = 0; expr != NULL && i < expr->op_n; i++) {
		const struct expr_op *op = &expr->op[i];

		if (op->kind != IMG_OP_CUSTOM || is_set(scopes, op->text, op->n))
			continue;
		if (expr->at.line != 0)
			l->at = expr->at;
		lint_say(
			l, LINT_UNKNOWN, false,
			"{%.*s} is always empty: it is no variable that is known here, and no rule "
			"sets it; mend the name, or set it",
			(int)op->n, op->text);
		l->at = rule_at;
	}
}

static void
lint_inputs(struct linting *l, const struct scope_made *scopes, const struct conds_made *conds)
{
	for (uint32_t i = 0; i < conds->n; i++)
		if (conds->cond[i].input != NULL)
			lint_expr(l, scopes, conds->cond[i].input->expr);
}

/* ---- headers that lack their RESPONSE_ ---- */

static bool
is_header(const char *name)
{
	static const char *const known[] = { "LOCATION",
					     "CONTENT_LOCATION",
					     "SERVER",
					     "SET_COOKIE",
					     "CACHE_CONTROL",
					     "ETAG",
					     "EXPIRES",
					     "LAST_MODIFIED",
					     "LINK",
					     "REFRESH",
					     "VARY",
					     "VIA",
					     "WWW_AUTHENTICATE",
					     "STRICT_TRANSPORT_SECURITY",
					     "CONTENT_SECURITY_POLICY",
					     "CONTENT_DISPOSITION",
					     "CONTENT_ENCODING",
					     "CONTENT_LANGUAGE",
					     "REFERRER_POLICY" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], name) == 0)
			return true;
	return strncmp(name, "X_", 2) == 0 || strncmp(name, "ACCESS_CONTROL_", 15) == 0;
}

static void
lint_header(struct linting *l, const struct out_made *made)
{
	if (made->from->kind != IMG_OUT_VARIABLE || made->variable_kind != IMG_OP_CUSTOM ||
	    !is_header(made->variable))
		return;
	if (made->from->variable.at.line != 0)
		l->at = made->from->variable.at;
	lint_say(l, LINT_UNKNOWN, false,
		 "serverVariable '%s' is a variable and not that header of the response; write "
		 "RESPONSE_%s",
		 made->from->variable.s, made->from->variable.s);
	l->at = made->from->at;
}

/* ---- doors ---- */

void
lint_names(struct linting *l, const struct scope_made *scopes, const struct scope_made *scope)
{
	for (const struct rule_made *made = scope->rules; made != NULL; made = made->next) {
		l->rule = made->from->name.s;
		l->at = made->from->at;
		lint_inputs(l, scopes, &made->conds);
		lint_expr(l, scopes, made->url);
		lint_expr(l, scopes, made->reason);
		lint_expr(l, scopes, made->body);
		for (uint32_t i = 0; i < made->set_n; i++)
			lint_expr(l, scopes, made->set[i].expr);
	}
	for (const struct pre_made *pre = scope->pres; pre != NULL; pre = pre->next) {
		l->rule = pre->from->name.s;
		l->at = pre->from->at;
		lint_inputs(l, scopes, &pre->conds);
	}
	for (const struct out_made *made = scope->outs; made != NULL; made = made->next) {
		l->rule = made->from->name.s;
		l->at = made->from->at;
		lint_header(l, made);
		lint_inputs(l, scopes, &made->conds);
		lint_expr(l, scopes, made->value);
	}
}
