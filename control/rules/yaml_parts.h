/*
 * yaml_parts.h - what the files of the YAML writer share: yaml_put.c (texts and lines), yaml_rule.c
 * (inbound rules, conditions), yaml_out.c (outbound rules), yaml.c (maps, scopes, the set).
 */
#ifndef PENSTOCK_CONTROL_RULES_YAML_PARTS_H
#define PENSTOCK_CONTROL_RULES_YAML_PARTS_H

#include <stdio.h>

#include "rules/yaml.h"

struct yaml {
	struct arena *arena;
	struct conf_errs *errs;
	FILE *to;
	uint32_t indent; /* of the lines of what is open */
	bool is_item;	 /* the next line is the first of a list's item */
};

/* ---- yaml_put.c ---- */

/* In quotes, as one line. */
const char *yaml_quoted(struct yaml *yaml, const char *text);

/* A line "key: ..." of the mapping that is open; the first of an item begins with "- ". */
void yaml_line(struct yaml *yaml, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "key:", and what follows belongs to it. */
void yaml_open(struct yaml *yaml, const char *key);
void yaml_close(struct yaml *yaml);

/* A list's item is open until yaml_item_close. */
void yaml_item(struct yaml *yaml);
void yaml_item_close(struct yaml *yaml);

/* A line whose key is any text, and its value as it stands. */
void yaml_pair(struct yaml *yaml, const char *key, const char *value);

/* ---- yaml_rule.c ---- */

void yaml_rule(struct yaml *yaml, const struct rule *rule);

/*
 * "match:" or "when:" with these conditions. Patterns of another syntax than `as` are written as
 * regular expressions; then `as` is REGEX.
 */
void yaml_conds(struct yaml *yaml, const struct rule_conds *conds, enum img_syntax syntax,
		enum img_syntax as);

/* A pattern as a regular expression that covers the text, or (is_part) is looked for in it. */
const char *yaml_regex(struct yaml *yaml, const char *pattern, enum img_syntax syntax,
		       bool is_part);

/* 'text', or {pattern: 'text', ...} when there is more to say. */
const char *yaml_pattern(struct yaml *yaml, const char *pattern, bool ignores_case,
			 bool is_negated);

/* "regex", "wildcard", "exact" */
const char *yaml_syntax_word(enum img_syntax syntax);

/* ---- yaml_out.c ---- */

void yaml_edit(struct yaml *yaml, const struct out_rule *rule, const struct rule_scope *scope);

#endif
