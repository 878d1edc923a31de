/*
 * iis_rule.c - an inbound <rule> to the model (1.2): its match, conditions, variables and action,
 * with the defaults of the shipped schema. What patterns and expressions say is not looked at
 * here: the compiler does, for all readers.
 */
#include <ctype.h>
#include <string.h>

#include "rules/iis_parts.h"

enum {
	STATUS_MIN = 200,
	STATUS_MAX = 999,
	SUBSTATUS_MAX = 999,
};

#define WORDS(list) list, sizeof(list) / sizeof((list)[0])

static const struct iis_word syntax_words[] = { { "ECMAScript", IMG_SYNTAX_REGEX },
						{ "Wildcard", IMG_SYNTAX_WILDCARD },
						{ "ExactMatch", IMG_SYNTAX_EXACT } };
static const struct iis_word cache_words[] = {
	{ "Auto", 0 }, { "Always", 1 }, { "Never", 2 }, { "NotIfRuleMatched", 3 }
};
static const struct iis_word grouping_words[] = { { "MatchAll", 0 }, { "MatchAny", 1 } };
static const struct iis_word cond_words[] = { { "Pattern", IMG_COND_PATTERN },
					      { "IsFile", IMG_COND_FILE },
					      { "IsDirectory", IMG_COND_DIRECTORY } };
static const struct iis_word action_words[] = { { "None", IMG_ACTION_NONE },
						{ "Rewrite", IMG_ACTION_REWRITE },
						{ "Redirect", IMG_ACTION_REDIRECT },
						{ "CustomResponse", IMG_ACTION_RESPOND },
						{ "AbortRequest", IMG_ACTION_ABORT } };
/* 308 is our own (12.2, choice 19). */
static const struct iis_word redirect_words[] = {
	{ "Permanent", 301 },	 { "Found", 302 }, { "SeeOther", 303 }, { "Temporary", 307 },
	{ "PermRedirect", 308 }, { "301", 301 },   { "302", 302 },	{ "303", 303 },
	{ "307", 307 },		 { "308", 308 },
};

enum img_syntax
iis_syntax_of(const struct iis_at *at, const struct iis_node *node)
{
	return (enum img_syntax)iis_word_of(at, node, "patternSyntax", WORDS(syntax_words),
					    IMG_SYNTAX_REGEX);
}

/* ---- urls ---- */

/* Without the blanks around it; its place is that of what is left (8). */
static struct rule_text
trimmed(struct arena *arena, struct rule_text text)
{
	size_t n;

	if (text.s == NULL)
		return text;
	while (text.s[0] != 0 && isspace((unsigned char)text.s[0])) {
		text.s++;
		text.at.col++;
	}
	n = strlen(text.s);
	while (n > 0 && isspace((unsigned char)text.s[n - 1]))
		n--;
	text.s = arena_text(arena, text.s, n);
	return text;
}

/* ---- conditions ---- */

static struct rule_cond *
cond_read(const struct iis_at *at, const struct iis_node *node, bool is_global)
{
	struct rule_cond *cond = arena_take(at->load->arena, sizeof(*cond));
	struct rule_text kind = iis_text_of(node, "matchType");

	cond->at = node->at;
	cond->kind = (enum img_cond_kind)iis_word_of(at, node, "matchType", WORDS(cond_words),
						     IMG_COND_PATTERN);
	cond->ignores_case = iis_bool_of(at, node, "ignoreCase", true);
	cond->is_negated = iis_bool_of(at, node, "negate", false);
	cond->pattern = iis_text_of(node, "pattern");
	if (cond->kind == IMG_COND_PATTERN) {
		cond->input = iis_needed(at, node, "input", "input=\"{HTTP_HOST}\" or the like");
		if (cond->pattern.s == NULL) {
			cond->pattern.s = "";
			iis_warn(at, node->at,
				 "a condition without a pattern holds for every input; write "
				 "pattern=\"...\"");
		}
	} else {
		cond->input = iis_text_of(node, "input");
		if (cond->input.s == NULL || cond->input.s[0] == 0)
			cond->input.s = "{REQUEST_FILENAME}";
	}
	if (cond->kind != IMG_COND_PATTERN && is_global)
		iis_refuse(at, kind.at,
			   "matchType=\"%s\" cannot stand in a global rule, which belongs to no "
			   "site; move the rule into <rules>, or remove the condition",
			   kind.s);
	iis_leaf_end(at, node);
	return cond;
}

void
iis_conds_read(const struct iis_at *at, const struct iis_node *node, bool is_global,
	       struct rule_conds *ret_conds)
{
	struct rule_cond **last = &ret_conds->first;

	ret_conds->match_any =
		iis_word_of(at, node, "logicalGrouping", WORDS(grouping_words), 0) == 1;
	for (const struct iis_node *child = node->first; child != NULL; child = child->next) {
		if (iis_is(child, "clear")) {
			last = &ret_conds->first;
			*last = NULL;
		} else if (iis_is(child, "add")) {
			*last = cond_read(at, child, is_global);
			last = &(*last)->next;
		} else {
			iis_stranger(at, child, node, "<add>");
		}
	}
}

/* ---- variables ---- */

static struct rule_set_var *
set_read(const struct iis_at *at, const struct iis_node *node)
{
	struct rule_set_var *set = arena_take(at->load->arena, sizeof(*set));

	set->at = node->at;
	set->name = iis_needed(at, node, "name", "name=\"HTTP_X_NAME\" for header X-Name");
	set->value = iis_text_of(node, "value");
	if (set->value.s == NULL)
		set->value.s = "";
	set->replaces = iis_bool_of(at, node, "replace", true);
	iis_leaf_end(at, node);
	return set;
}

static struct rule_set_var *
sets_read(const struct iis_at *at, const struct iis_node *node)
{
	struct rule_set_var *first = NULL, **last = &first;

	for (const struct iis_node *child = node->first; child != NULL; child = child->next) {
		if (iis_is(child, "clear")) {
			last = &first;
			*last = NULL;
		} else if (iis_is(child, "set")) {
			*last = set_read(at, child);
			last = &(*last)->next;
		} else {
			iis_stranger(at, child, node, "<set>");
		}
	}
	iis_attrs_end(at, node);
	return first;
}

/* ---- the action ---- */

static void
url_read(const struct iis_at *at, const struct iis_node *node, struct rule *rule)
{
	struct rule_text url = trimmed(at->load->arena, iis_text_of(node, "url"));

	rule->url = url;
	if (rule->action != IMG_ACTION_REWRITE && rule->action != IMG_ACTION_REDIRECT)
		return;
	/* An empty one is the root (12.1). */
	if (url.s == NULL)
		iis_refuse(at, node->at, "the action %s has no url; write url=\"...\"",
			   img_action_name(rule->action));
}

/* Empty is as good as left out: the schema's default. */
static struct rule_text
filled(struct rule_text text)
{
	if (text.s != NULL && text.s[0] == 0)
		text.s = NULL;
	return text;
}

static void
response_read(const struct iis_at *at, const struct iis_node *node, struct rule *rule)
{
	struct rule_text status = iis_text_of(node, "statusCode");
	uint32_t code = iis_number_of(at, node, "statusCode", STATUS_MAX, STATUS_MIN);

	rule->substatus = (uint16_t)iis_number_of(at, node, "subStatusCode", SUBSTATUS_MAX, 0);
	rule->reason = filled(iis_text_of(node, "statusReason"));
	rule->body = filled(iis_text_of(node, "statusDescription"));
	if (rule->action != IMG_ACTION_RESPOND)
		return;
	rule->status = (uint16_t)code;
	if (status.s == NULL)
		iis_refuse(at, node->at,
			   "CustomResponse has no statusCode; write "
			   "statusCode=\"403\" or another from 200 to 999");
	else if (code >= 300 && code <= 307)
		iis_refuse(at, status.at,
			   "statusCode=\"%u\" is a redirect; write "
			   "type=\"Redirect\" with a url and a redirectType",
			   code);
	else if (code < STATUS_MIN)
		iis_refuse(at, status.at,
			   "statusCode=\"%u\" is no final status; write one from "
			   "200 to 999, not 300 to 307",
			   code);
}

static void
action_read(const struct iis_at *at, const struct iis_node *node, enum iis_place place,
	    struct rule *rule)
{
	struct rule_text logs = iis_text_of(node, "logRewrittenUrl");
	uint32_t status;

	rule->action_at = node->at;
	rule->action = (enum img_action)iis_word_of(at, node, "type", WORDS(action_words),
						    IMG_ACTION_NONE);
	url_read(at, node, rule);
	response_read(at, node, rule);
	rule->appends_query = iis_bool_of(at, node, "appendQueryString", true);
	rule->logs_rewritten = iis_bool_of(at, node, "logRewrittenUrl", false);
	status = iis_word_of(at, node, "redirectType", WORDS(redirect_words), 301);
	if (rule->action == IMG_ACTION_REDIRECT)
		rule->status = (uint16_t)status;
	if (place == IIS_GLOBAL && rule->logs_rewritten) {
		iis_warn(at, logs.at, "logRewrittenUrl means nothing in a global rule; remove it");
		rule->logs_rewritten = false;
	}
	iis_leaf_end(at, node);
}

/* ---- the rule ---- */

static void
match_read(const struct iis_at *at, const struct iis_node *node, struct rule *rule)
{
	rule->match =
		trimmed(at->load->arena, iis_needed(at, node, "url", "url=\".*\" for every URL"));
	rule->ignores_case = iis_bool_of(at, node, "ignoreCase", true);
	rule->is_negated = iis_bool_of(at, node, "negate", false);
	iis_leaf_end(at, node);
}

/* Each part once; its number, or -1: not of a rule. */
static int
part_of(const struct iis_node *node)
{
	static const char *const part[] = { "match", "conditions", "serverVariables", "action" };

	for (int i = 0; i < 4; i++)
		if (iis_is(node, part[i]))
			return i;
	return -1;
}

static void
parts_read(const struct iis_at *at, const struct iis_node *node, enum iis_place place,
	   struct rule *rule)
{
	bool is_given[4] = { false };

	for (const struct iis_node *child = node->first; child != NULL; child = child->next) {
		int part = part_of(child);

		if (part < 0) {
			iis_stranger(at, child, node,
				     "<match>, <conditions>, <serverVariables> and <action>");
			continue;
		}
		if (is_given[part])
			iis_refuse(at, child->at, "a second <%s> in the rule; make one of the two",
				   child->name);
		is_given[part] = true;
		if (part == 0) {
			match_read(at, child, rule);
		} else if (part == 1) {
			rule->conds.track_all = iis_bool_of(at, child, "trackAllCaptures", false);
			iis_conds_read(at, child, place == IIS_GLOBAL, &rule->conds);
			iis_attrs_end(at, child);
		} else if (part == 2) {
			rule->set = sets_read(at, child);
		} else {
			action_read(at, child, place, rule);
		}
	}
	if (!is_given[0])
		iis_refuse(at, node->at,
			   "the rule has no <match>; write <match url=\".*\"/> for "
			   "every URL");
}

struct rule *
iis_rule_read(struct iis_load *load, const struct iis_node *node, enum iis_place place)
{
	struct rule *rule = arena_take(load->arena, sizeof(*rule));
	struct iis_at at = { load, "" };

	rule->at = rule->action_at = node->at;
	rule->name = iis_needed(&at, node, "name", "name=\"...\", unlike those of other rules");
	if (rule->name.s != NULL && rule->name.s[0] != 0)
		at.who = arena_format(load->arena, "rule '%s': ", rule->name.s);
	rule->is_enabled = iis_bool_of(&at, node, "enabled", true);
	rule->syntax = iis_syntax_of(&at, node);
	rule->stops = iis_bool_of(&at, node, "stopProcessing", false);
	iis_word_of(&at, node, "responseCacheDirective", WORDS(cache_words), 0);
	rule->appends_query = true;
	iis_attrs_end(&at, node);
	parts_read(&at, node, place, rule);
	return rule;
}
