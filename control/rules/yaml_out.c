/*
 * yaml_out.c - an outbound rule of IIS' kind as one of penstock.yaml with `edit`.
 *
 * `when` is in the rule's syntax, while a precondition has its own: where the two differ both are
 * written as regular expressions.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "conf/native.h"
#include "rules/yaml_parts.h"

enum {
	TIMES_MAX = 1 << 30
};

static const char *const tag_word[IMG_TAGS_STANDARD] = { "a",	  "area", "base",   "form",
							 "frame", "head", "iframe", "img",
							 "input", "link", "script" };

static const struct rule_pre *
pre_find(const struct rule_scope *scope, struct rule_text name)
{
	const struct rule_pre *pre = scope->pres;

	if (name.s == NULL || name.s[0] == 0)
		return NULL;
	while (pre != NULL && strcasecmp(pre->name.s, name.s) != 0)
		pre = pre->next;
	return pre;
}

/* ---- what is edited ---- */

/* The header that a RESPONSE_ variable is, as headers are written; NULL: it is another variable. */
static const char *
header_name(struct yaml *yaml, const char *variable)
{
	static const char prefix[] = "RESPONSE_";
	char *name, *p;

	if (strncasecmp(variable, prefix, strlen(prefix)) != 0 ||
	    strcasecmp(variable, "RESPONSE_STATUS") == 0)
		return NULL;
	variable += strlen(prefix);
	name = arena_text(yaml->arena, variable, strlen(variable));
	for (p = name; *p != 0; p++) {
		if (*p == '_')
			*p = '-';
		if (!isalnum((unsigned char)*p) && *p != '-')
			return NULL;
	}
	return p == name || native_is_framing(name) ? NULL : name;
}

static void
customs_put(struct yaml *yaml, const struct out_rule *rule, const struct rule_scope *scope)
{
	for (const struct rule_tags *tags = scope->customs; tags != NULL; tags = tags->next) {
		if (rule->custom.s != NULL && strcasecmp(rule->custom.s, tags->name.s) != 0)
			continue;
		for (const struct rule_tag *tag = tags->first; tag != NULL; tag = tag->next) {
			if (strchr(tag->tag.s, '.') != NULL)
				conf_err_add(yaml->errs, tag->tag.at,
					     "the tag '%s' has a dot in its name, which 'tags' of "
					     "YAML takes for the beginning of an attribute; remove "
					     "it here",
					     tag->tag.s);
			fprintf(yaml->to, ", %s",
				yaml_quoted(yaml, arena_format(yaml->arena, "%s.%s", tag->tag.s,
							       tag->attribute.s)));
		}
	}
}

static const char *
tags_text(struct yaml *yaml, const struct out_rule *rule, const struct rule_scope *scope)
{
	FILE *to = yaml->to;
	const char *text;
	char *bytes = NULL;
	size_t n = 0;

	yaml->to = open_memstream(&bytes, &n);
	ensure(yaml->to != NULL);
	for (uint32_t i = 0; i < IMG_TAGS_STANDARD; i++)
		if ((rule->tags & 1u << i) != 0)
			fprintf(yaml->to, ", %s", tag_word[i]);
	if (rule->has_custom)
		customs_put(yaml, rule, scope);
	fclose(yaml->to);
	yaml->to = to;
	text = arena_format(yaml->arena, "[%s]", n > 2 ? bytes + 2 : "");
	free(bytes);
	return text;
}

static void
kind_put(struct yaml *yaml, const struct out_rule *rule, const struct rule_scope *scope)
{
	const char *header;

	switch (rule->kind) {
	case IMG_OUT_VARIABLE:
		header = header_name(yaml, rule->variable.s);
		if (header != NULL)
			yaml_line(yaml, "header: %s", yaml_quoted(yaml, header));
		else
			yaml_line(yaml, "variable: %s", yaml_quoted(yaml, rule->variable.s));
		break;
	case IMG_OUT_TAGS:
		yaml_line(yaml, "tags: %s", tags_text(yaml, rule, scope));
		break;
	case IMG_OUT_BODY:
	case IMG_OUTS_KINDS:
		yaml_line(yaml, "body: true");
		break;
	}
}

static void
edit_put(struct yaml *yaml, const struct out_rule *rule, const struct rule_scope *scope,
	 enum img_syntax as)
{
	const char *pattern = rule->syntax == as ? rule->match.s
						 : yaml_regex(yaml, rule->match.s, rule->syntax,
							      rule->kind == IMG_OUT_BODY);

	yaml_open(yaml, "edit");
	kind_put(yaml, rule, scope);
	yaml_line(yaml, "pattern: %s",
		  yaml_pattern(yaml, pattern, rule->ignores_case, rule->is_negated));
	if (rule->action == IMG_ACTION_REWRITE)
		yaml_line(yaml, "to: %s", yaml_quoted(yaml, rule->value.s));
	if (!rule->replaces)
		yaml_line(yaml, "replace: false");
	if (rule->kind == IMG_OUT_BODY && rule->occurrences != 0)
		yaml_line(yaml, "times: %u",
			  rule->occurrences < TIMES_MAX ? rule->occurrences : TIMES_MAX);
	yaml_close(yaml);
}

void
yaml_edit(struct yaml *yaml, const struct out_rule *rule, const struct rule_scope *scope)
{
	const struct rule_pre *pre = pre_find(scope, rule->pre);
	bool has_when = pre != NULL && pre->conds.first != NULL;
	enum img_syntax as =
		has_when && pre->syntax != rule->syntax ? IMG_SYNTAX_REGEX : rule->syntax;

	yaml_item(yaml);
	yaml_line(yaml, "name: %s", yaml_quoted(yaml, rule->name.s));
	if (!rule->is_enabled)
		yaml_line(yaml, "enabled: false");
	if (as != IMG_SYNTAX_REGEX)
		yaml_line(yaml, "syntax: %s", yaml_syntax_word(as));
	if (has_when) {
		yaml_open(yaml, "when");
		yaml_conds(yaml, &pre->conds, pre->syntax, as);
		yaml_close(yaml);
	}
	if (rule->conds.first != NULL) {
		yaml_open(yaml, "match");
		yaml_conds(yaml, &rule->conds, rule->syntax, as);
		yaml_close(yaml);
		if (rule->conds.track_all)
			yaml_line(yaml, "captures: all");
	}
	edit_put(yaml, rule, scope, as);
	if (rule->stops)
		yaml_line(yaml, "stop: true");
	yaml_item_close(yaml);
}
