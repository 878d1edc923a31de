/*
 * iis_out.c - outbound rules, preconditions and custom tags to the model (1.2, 14).
 */
#include <string.h>
#include <strings.h>

#include "rules/iis_parts.h"

static const char *const tag_name[IMG_TAGS_STANDARD] = { "A",	  "Area", "Base",   "Form",
							 "Frame", "Head", "IFrame", "Img",
							 "Input", "Link", "Script" };

static const struct iis_word action_words[] = { { "None", IMG_ACTION_NONE },
						{ "Rewrite", IMG_ACTION_REWRITE } };

struct rule_pre *
iis_pre_read(struct iis_load *load, const struct iis_node *node)
{
	struct rule_pre *pre = arena_take(load->arena, sizeof(*pre));
	struct iis_at at = { load, "" };

	pre->at = node->at;
	pre->name = iis_needed(&at, node, "name", "name=\"ResponseIsHtml\" or the like");
	if (pre->name.s != NULL && pre->name.s[0] != 0)
		at.who = arena_format(load->arena, "precondition '%s': ", pre->name.s);
	pre->syntax = iis_syntax_of(&at, node);
	iis_conds_read(&at, node, false, &pre->conds);
	iis_attrs_end(&at, node);
	for (const struct rule_cond *cond = pre->conds.first; cond != NULL; cond = cond->next)
		if (cond->kind != IMG_COND_PATTERN)
			iis_refuse(&at, cond->at,
				   "a precondition compares patterns only; remove "
				   "the matchType");
	return pre;
}

/* ---- custom tags ---- */

static void
html_check(const struct iis_at *at, struct rule_text name, const char *what)
{
	if (name.s != NULL && strpbrk(name.s, " \t\r\n<>\"'=/") != NULL)
		iis_refuse(at, name.at, "'%s' is no name of %s of HTML; correct it", name.s, what);
}

static struct rule_tag *
tag_read(const struct iis_at *at, const struct iis_node *node)
{
	struct rule_tag *tag = arena_take(at->load->arena, sizeof(*tag));

	tag->tag = iis_needed(at, node, "name", "name=\"video\" or another element of HTML");
	tag->attribute =
		iis_needed(at, node, "attribute", "attribute=\"poster\" or another of the tag");
	html_check(at, tag->tag, "an element");
	html_check(at, tag->attribute, "an attribute");
	iis_leaf_end(at, node);
	return tag;
}

struct rule_tags *
iis_tags_read(struct iis_load *load, const struct iis_node *node)
{
	struct rule_tags *tags = arena_take(load->arena, sizeof(*tags));
	struct rule_tag **last = &tags->first;
	struct iis_at at = { load, "" };

	tags->name = iis_needed(&at, node, "name", "name=\"...\", for customTags to name");
	if (tags->name.s != NULL && tags->name.s[0] != 0)
		at.who = arena_format(load->arena, "tags '%s': ", tags->name.s);
	for (const struct iis_node *child = node->first; child != NULL; child = child->next) {
		if (iis_is(child, "clear")) {
			last = &tags->first;
			*last = NULL;
		} else if (iis_is(child, "tag")) {
			*last = tag_read(&at, child);
			last = &(*last)->next;
		} else {
			iis_stranger(&at, child, node, "<tag>");
		}
	}
	iis_attrs_end(&at, node);
	return tags;
}

/* ---- the match ---- */

/* One word of filterByTags. */
static void
flag_read(const struct iis_at *at, struct rule_text word, size_t n, struct out_rule *rule)
{
	if (n == strlen("None") && strncasecmp(word.s, "None", n) == 0)
		return;
	if (n == strlen("CustomTags") && strncasecmp(word.s, "CustomTags", n) == 0) {
		rule->has_custom = true;
		return;
	}
	for (uint32_t i = 0; i < IMG_TAGS_STANDARD; i++)
		if (strlen(tag_name[i]) == n && strncasecmp(word.s, tag_name[i], n) == 0) {
			rule->tags |= 1u << i;
			return;
		}
	iis_refuse(at, word.at,
		   "filterByTags names '%.*s', which is none of A, Area, Base, Form, Frame, Head, "
		   "IFrame, Img, Input, Link, Script, CustomTags and None; correct it, or list the "
		   "tag in <customTags>",
		   (int)n, word.s);
}

static void
flags_read(const struct iis_at *at, struct rule_text flags, struct out_rule *rule)
{
	static const char between[] = ", \t\r\n";
	const char *p = flags.s;

	while (p != NULL && *(p += strspn(p, between)) != 0) {
		struct rule_text word = { p, flags.at };
		size_t n = strcspn(p, between);

		word.at.col += (uint32_t)(p - flags.s);
		flag_read(at, word, n, rule);
		p += n;
	}
}

static void
tags_of_match(const struct iis_at *at, const struct iis_node *node, struct out_rule *rule)
{
	struct rule_text custom = iis_text_of(node, "customTags");

	flags_read(at, iis_text_of(node, "filterByTags"), rule);
	if (custom.s == NULL || custom.s[0] == 0)
		return;
	rule->custom = custom;
	if (!rule->has_custom)
		iis_warn(at, custom.at,
			 "customTags=\"%s\" means nothing without filterByTags="
			 "\"CustomTags\"; add CustomTags to filterByTags",
			 custom.s);
}

static void
match_read(const struct iis_at *at, const struct iis_node *node, struct out_rule *rule)
{
	rule->variable = iis_text_of(node, "serverVariable");
	tags_of_match(at, node, rule);
	rule->match = iis_text_of(node, "pattern");
	if (rule->match.s == NULL)
		iis_refuse(at, node->at,
			   "<match> has no pattern; write pattern=\".*\" for every "
			   "value");
	rule->occurrences = iis_number_of(at, node, "occurrences", UINT32_MAX, 0);
	rule->ignores_case = iis_bool_of(at, node, "ignoreCase", true);
	rule->is_negated = iis_bool_of(at, node, "negate", false);
	rule->kind = rule->variable.s != NULL && rule->variable.s[0] != 0 ? IMG_OUT_VARIABLE
		     : rule->tags != 0 || rule->has_custom		  ? IMG_OUT_TAGS
									  : IMG_OUT_BODY;
	if (rule->kind == IMG_OUT_VARIABLE && (rule->tags != 0 || rule->has_custom))
		iis_refuse(
			at, rule->variable.at,
			"serverVariable and filterByTags stand in one match; make a rule for the "
			"header and another for the tags");
	if (rule->kind == IMG_OUT_BODY && rule->is_negated)
		iis_refuse(at, iis_text_of(node, "negate").at,
			   "negate on the response's body means nothing; remove it");
	if (rule->kind == IMG_OUT_BODY && rule->syntax == IMG_SYNTAX_WILDCARD)
		iis_refuse(at, rule->match.at,
			   "a Wildcard pattern cannot be looked for in a body; use ECMAScript or "
			   "ExactMatch, or name tags in filterByTags");
	iis_leaf_end(at, node);
}

static void
action_read(const struct iis_at *at, const struct iis_node *node, struct out_rule *rule)
{
	rule->action =
		(enum img_action)iis_word_of(at, node, "type", action_words, 2, IMG_ACTION_NONE);
	rule->value = iis_text_of(node, "value");
	if (rule->value.s == NULL)
		rule->value.s = "";
	rule->replaces = iis_bool_of(at, node, "replace", true);
	iis_leaf_end(at, node);
}

/* ---- the rule ---- */

static int
part_of(const struct iis_node *node)
{
	static const char *const part[] = { "match", "conditions", "action" };

	for (int i = 0; i < 3; i++)
		if (iis_is(node, part[i]))
			return i;
	return -1;
}

static void
parts_read(const struct iis_at *at, const struct iis_node *node, struct out_rule *rule)
{
	bool is_given[3] = { false };

	for (const struct iis_node *child = node->first; child != NULL; child = child->next) {
		int part = part_of(child);

		if (part < 0) {
			iis_stranger(at, child, node, "<match>, <conditions> and <action>");
			continue;
		}
		if (is_given[part])
			iis_refuse(at, child->at, "a second <%s> in the rule; make one of the two",
				   child->name);
		is_given[part] = true;
		if (part == 0) {
			match_read(at, child, rule);
		} else if (part == 1) {
			rule->conds.track_all = iis_bool_of(at, child, "trackAllCaptures", true);
			iis_conds_read(at, child, false, &rule->conds);
			iis_attrs_end(at, child);
		} else {
			action_read(at, child, rule);
		}
	}
	if (!is_given[0])
		iis_refuse(at, node->at,
			   "the rule has no <match>; write <match serverVariable=\"...\""
			   " pattern=\"...\"/>, or with filterByTags");
}

struct out_rule *
iis_out_read(struct iis_load *load, const struct iis_node *node)
{
	struct out_rule *rule = arena_take(load->arena, sizeof(*rule));
	struct iis_at at = { load, "" };

	rule->at = node->at;
	rule->name = iis_needed(&at, node, "name", "name=\"...\", unlike those of other rules");
	if (rule->name.s != NULL && rule->name.s[0] != 0)
		at.who = arena_format(load->arena, "outbound rule '%s': ", rule->name.s);
	rule->is_enabled = iis_bool_of(&at, node, "enabled", true);
	rule->syntax = iis_syntax_of(&at, node);
	rule->stops = iis_bool_of(&at, node, "stopProcessing", false);
	rule->pre = iis_text_of(node, "preCondition");
	rule->replaces = true;
	rule->conds.track_all = true;
	iis_attrs_end(&at, node);
	parts_read(&at, node, rule);
	return rule;
}
