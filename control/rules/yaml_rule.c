/*
 * yaml_rule.c - an inbound rule of IIS' kind as one of penstock.yaml, key by key.
 *
 * Conditions are `where`, in their order, since {C:n} goes by it; a mapping cannot name an input
 * twice, so then each is an item of `all`.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "rules/yaml_parts.h"

enum {
	REGEX_GROWTH = 12 /* "([\s\S]*?)" for a '*' */
};

const char *
yaml_syntax_word(enum img_syntax syntax)
{
	switch (syntax) {
	case IMG_SYNTAX_WILDCARD:
		return "wildcard";
	case IMG_SYNTAX_EXACT:
		return "exact";
	case IMG_SYNTAX_REGEX:
	case IMG_SYNTAXES:
		break;
	}
	return "regex";
}

const char *
yaml_regex(struct yaml *yaml, const char *pattern, enum img_syntax syntax, bool is_part)
{
	char *regex, *to;

	if (syntax == IMG_SYNTAX_REGEX)
		return pattern;
	regex = to = arena_take(yaml->arena, strlen(pattern) * REGEX_GROWTH + 3);
	if (!is_part)
		*to++ = '^';
	for (; *pattern != 0; pattern++) {
		if (syntax == IMG_SYNTAX_WILDCARD && *pattern == '*') {
			to = stpcpy(to, "([\\s\\S]*?)");
			continue;
		}
		if (syntax == IMG_SYNTAX_WILDCARD && *pattern == '?') {
			to = stpcpy(to, "[\\s\\S]");
			continue;
		}
		if (strchr("\\^$.|?*+()[]{}", *pattern) != NULL)
			*to++ = '\\';
		*to++ = *pattern;
	}
	if (!is_part)
		*to = '$';
	return regex;
}

const char *
yaml_pattern(struct yaml *yaml, const char *pattern, bool ignores_case, bool is_negated)
{
	const char *quoted = yaml_quoted(yaml, pattern);

	if (ignores_case && !is_negated)
		return quoted;
	return arena_format(yaml->arena, "{pattern: %s%s%s}", quoted,
			    ignores_case ? "" : ", ignore_case: false",
			    is_negated ? ", not: true" : "");
}

static const char *
cond_text(struct yaml *yaml, const struct rule_cond *cond, enum img_syntax syntax,
	  enum img_syntax as)
{
	const char *regex;

	switch (cond->kind) {
	case IMG_COND_FILE:
		return cond->is_negated ? "{is: file, not: true}" : "{is: file}";
	case IMG_COND_DIRECTORY:
		return cond->is_negated ? "{is: directory, not: true}" : "{is: directory}";
	case IMG_COND_PATTERN:
	case IMG_COND_NETWORK:
	case IMG_CONDS_KINDS:
		break;
	}
	regex = syntax == as ? cond->pattern.s : yaml_regex(yaml, cond->pattern.s, syntax, false);
	return yaml_pattern(yaml, regex, cond->ignores_case, cond->is_negated);
}

static bool
has_input_twice(const struct rule_conds *conds)
{
	for (const struct rule_cond *a = conds->first; a != NULL; a = a->next)
		for (const struct rule_cond *b = a->next; b != NULL; b = b->next)
			if (strcmp(a->input.s, b->input.s) == 0)
				return true;
	return false;
}

void
yaml_conds(struct yaml *yaml, const struct rule_conds *conds, enum img_syntax syntax,
	   enum img_syntax as)
{
	bool is_any = conds->match_any && conds->first != NULL && conds->first->next != NULL;
	bool is_list = is_any || has_input_twice(conds);

	if (conds->first == NULL)
		return;
	yaml_open(yaml, is_any ? "any" : is_list ? "all" : "where");
	for (const struct rule_cond *cond = conds->first; cond != NULL; cond = cond->next) {
		const char *text = cond_text(yaml, cond, syntax, as);

		if (is_list) {
			yaml_item(yaml);
			yaml_open(yaml, "where");
		}
		yaml_pair(yaml, cond->input.s, text);
		if (is_list) {
			yaml_close(yaml);
			yaml_item_close(yaml);
		}
	}
	yaml_close(yaml);
}

/* A pattern that every path matches as a whole needs no word. */
static bool
is_any_path(const struct rule *rule)
{
	return rule->syntax == IMG_SYNTAX_REGEX && !rule->is_negated &&
	       strcmp(rule->match.s, ".*") == 0;
}

static void
match_put(struct yaml *yaml, const struct rule *rule)
{
	if (is_any_path(rule) && rule->conds.first == NULL)
		return;
	yaml_open(yaml, "match");
	if (!is_any_path(rule))
		yaml_line(yaml, "path_regex: %s",
			  yaml_pattern(yaml, rule->match.s, rule->ignores_case, rule->is_negated));
	yaml_conds(yaml, &rule->conds, rule->syntax, rule->syntax);
	yaml_close(yaml);
	if (rule->conds.track_all)
		yaml_line(yaml, "captures: all");
}

static bool
is_set_before(const struct rule *rule, const struct rule_set_var *set, const char *name)
{
	for (const struct rule_set_var *before = rule->set; before != set; before = before->next)
		if (strcmp(before->name.s, name) == 0)
			return true;
	return false;
}

/*
 * The name as a mapping can hold it that has it already: variables have no case, so one that is
 * set again is written with other letters large. NULL: there are no such letters left.
 */
static const char *
set_name(struct yaml *yaml, const struct rule *rule, struct rule_set_var *set)
{
	char *name = arena_text(yaml->arena, set->name.s, strlen(set->name.s)), *p = name;

	while (*p != 0 && is_set_before(rule, set, name)) {
		if (isalpha((unsigned char)*p))
			*p ^= 'a' ^ 'A';
		p++;
	}
	set->name.s = name;
	return is_set_before(rule, set, name) ? NULL : name;
}

static void
sets_put(struct yaml *yaml, const struct rule *rule)
{
	if (rule->set == NULL)
		return;
	yaml_open(yaml, "set");
	yaml_open(yaml, "variable");
	for (struct rule_set_var *set = rule->set; set != NULL; set = set->next) {
		const char *name = set_name(yaml, rule, set);
		const char *value = yaml_quoted(yaml, set->value.s);

		if (strpbrk(set->name.s, "{}: \t") != NULL)
			conf_err_add(yaml->errs, set->at,
				     "rule '%s': '%s' is no name of a variable; correct it",
				     rule->name.s, set->name.s);
		else if (strpbrk(set->value.s, "\r\n") != NULL)
			conf_err_add(
				yaml->errs, set->value.at,
				"rule '%s': the value of '%s' has a line break, which rules in "
				"YAML cannot set (a header with one fails the request); remove "
				"it",
				rule->name.s, set->name.s);
		else if (name == NULL)
			conf_err_add(
				yaml->errs, set->at,
				"rule '%s': it sets '%s' more often than a mapping of YAML can "
				"say; divide it into two rules",
				rule->name.s, set->name.s);
		else if (set->replaces)
			yaml_pair(yaml, name, value);
		else
			yaml_pair(yaml, name,
				  arena_format(yaml->arena, "{value: %s, replace: false}", value));
	}
	yaml_close(yaml);
	yaml_close(yaml);
}

static void
url_put(struct yaml *yaml, const struct rule *rule)
{
	const char *to = yaml_quoted(yaml, rule->url.s);
	const char *query = rule->appends_query ? "" : ", query: drop";

	if (rule->action == IMG_ACTION_REDIRECT)
		yaml_line(yaml, "redirect: {to: %s, status: %u%s}", to, rule->status, query);
	else if (rule->appends_query && !rule->logs_rewritten)
		yaml_line(yaml, "rewrite: %s", to);
	else
		yaml_line(yaml, "rewrite: {to: %s%s%s}", to, query,
			  rule->logs_rewritten ? ", log: true" : "");
}

static void
respond_put(struct yaml *yaml, const struct rule *rule)
{
	yaml_open(yaml, "respond");
	yaml_line(yaml, "status: %u", rule->status);
	if (rule->substatus != 0)
		yaml_line(yaml, "substatus: %u", rule->substatus);
	if (rule->reason.s != NULL)
		yaml_line(yaml, "reason: %s", yaml_quoted(yaml, rule->reason.s));
	if (rule->body.s != NULL)
		yaml_line(yaml, "body: %s", yaml_quoted(yaml, rule->body.s));
	yaml_close(yaml);
}

static void
action_put(struct yaml *yaml, const struct rule *rule)
{
	switch (rule->action) {
	case IMG_ACTION_REWRITE:
	case IMG_ACTION_REDIRECT:
		url_put(yaml, rule);
		break;
	case IMG_ACTION_RESPOND:
		respond_put(yaml, rule);
		break;
	case IMG_ACTION_ABORT:
		yaml_line(yaml, "abort: true");
		break;
	case IMG_ACTION_NONE:
	case IMG_ACTION_FARM:
	case IMG_ACTIONS:
		break;
	}
}

void
yaml_rule(struct yaml *yaml, const struct rule *rule)
{
	yaml_item(yaml);
	yaml_line(yaml, "name: %s", yaml_quoted(yaml, rule->name.s));
	if (!rule->is_enabled)
		yaml_line(yaml, "enabled: false");
	if (rule->syntax != IMG_SYNTAX_REGEX)
		yaml_line(yaml, "syntax: %s", yaml_syntax_word(rule->syntax));
	match_put(yaml, rule);
	sets_put(yaml, rule);
	action_put(yaml, rule);
	if (rule->stops)
		yaml_line(yaml, "stop: true");
	yaml_item_close(yaml);
}
