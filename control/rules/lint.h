/*
 * lint.h - what the files of lint share: lint.c (the doors, patterns, outbound rules, pairs that
 * undo each other), lint_demands.c and
 * lint_names.c. Private to control/rules.
 */
#ifndef PENSTOCK_CONTROL_RULES_LINT_H
#define PENSTOCK_CONTROL_RULES_LINT_H

#include "rules/parts.h"

struct linting {
	struct making *m;
	struct lints *lints;
	const char *rule; /* the one that is looked at */
	struct conf_pos at;
	uint32_t pairs_left; /* of rules that are compared in full: they grow with the square */
};

void lint_say(struct linting *l, enum lint_kind kind, bool is_notice, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Whether the rule's own pattern matches everything. */
bool lint_is_any(const struct rule_made *made);

/* Whether the pattern matches in the text. */
bool lint_matches(const struct pattern *pattern, const char *text);

/* SHADOWED: a rule from `first` on, before this one, leaves nothing for it. */
void lint_shadowed(struct linting *l, const struct input *path, const struct rule_made *first,
		   const struct rule_made *made);

/* UNKNOWN: variables in a scope's rules that none of all scopes sets. */
void lint_names(struct linting *l, const struct scope_made *scopes, const struct scope_made *scope);

/* NEVER: the rule's conditions. */
void lint_demands(struct linting *l, const struct input *path, const struct rule_made *made);

#endif
