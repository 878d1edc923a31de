/*
 * native.c - one rule of penstock.yaml to one of the model, see native.h. Conditions are made in
 * native_match.c.
 */
#include "conf/native.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* As img_out_rule's bits have them. */
static const char *const standard_tags[IMG_TAGS_STANDARD] = {
	"a", "area", "base", "form", "frame", "head", "iframe", "img", "input", "link", "script",
};

static struct rule_text
text_of(const struct conf_str *str)
{
	return str->at == NULL ? (struct rule_text){ 0 }
			       : (struct rule_text){ .s = str->s, .at = str->at->at };
}

/* ---- headers and variables ---- */

/* The same name, or the same but for '_' and '-': servers that make variables of headers see one. */
static bool
is_twin(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if (tolower((unsigned char)(*a == '_' ? '-' : *a)) !=
		    tolower((unsigned char)(*b == '_' ? '-' : *b)))
			return false;
	return *a == *b;
}

bool
native_is_framing(const char *name)
{
	static const char *const names[] = { "Content-Length", "Transfer-Encoding", "Connection",
					     "Keep-Alive",     "Upgrade",	    "TE",
					     "Trailer" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_twin(names[i], name))
			return true;
	return false;
}

/* A header of requests that the proxy writes, by another name. */
static bool
is_shadow(struct native *native, const char *name, struct conf_pos at)
{
	static const char *const names[] = { "X-Forwarded-For", "X-Forwarded-Proto",
					     "X-Forwarded-Host", "Max-Forwards" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_twin(names[i], name) && strcasecmp(names[i], name) != 0) {
			conf_err_add(native->errs, at,
				     "%s would stand beside the proxy's own %s, and many servers "
				     "take the two for one; write %s",
				     name, names[i], names[i]);
			return true;
		}
	return false;
}

static bool
is_header_good(struct native *native, const char *name, struct conf_pos at)
{
	if (!native_is_token(name)) {
		conf_err_add(native->errs, at,
			     "'%s' is no name of a header; write letters, digits and '-'", name);
		return false;
	}
	if (native_is_framing(name)) {
		conf_err_add(native->errs, at,
			     "%s is the proxy's own: it says where the message ends; remove it",
			     name);
		return false;
	}
	return true;
}

/* A request of HTTP/1.1 has a Host: to take it away would do nothing. */
static bool
is_needed(struct native *native, const char *name, struct conf_pos at)
{
	if (strcasecmp(name, "Host") != 0)
		return false;
	conf_err_add(native->errs, at,
		     "HTTP/1.1 needs %s, so it cannot be removed; set it to another value, or use "
		     "the farm's host_header",
		     name);
	return true;
}

static bool
is_variable_good(struct native *native, const char *name, struct conf_pos at)
{
	if (name[0] != '\0' && strpbrk(name, "{}: \t") == NULL)
		return true;
	conf_err_add(native->errs, at,
		     "'%s' is no name of a variable; write for example variable: {SITE: owa}",
		     name);
	return false;
}

static struct rule_set_var **
values_set(struct native *native, const struct conf_list *list, bool is_header, bool is_response,
	   struct rule_set_var **to)
{
	for (CONF_EACH(struct conf_value, value, list)) {
		const struct node *at = value->at;

		if (at == NULL || value->value.at == NULL)
			continue;
		if (is_header ? !is_header_good(native, at->key, at->key_at)
			      : !is_variable_good(native, at->key, at->key_at))
			continue;
		if (is_header && !is_response && is_shadow(native, at->key, at->key_at))
			continue;
		if (is_header && !is_response && value->value.s[0] == '\0' &&
		    is_needed(native, at->key, at->key_at))
			continue;
		if (strpbrk(value->value.s, "\r\n") != NULL) {
			conf_err_add(native->errs, value->value.at->at,
				     "this value has a line break, which no header may have; write "
				     "it in one line");
			continue;
		}
		*to = arena_take(native->arena, sizeof(**to));
		**to = (struct rule_set_var){ .at = at->key_at,
					      .name = { .s = at->key, .at = at->key_at },
					      .is_header = is_header,
					      .is_response = is_response,
					      .value = text_of(&value->value),
					      .replaces = value->replace.v != 0 };
		to = &(*to)->next;
	}
	return to;
}

static struct rule_set_var **
names_remove(struct native *native, const struct conf_list *list, bool is_response,
	     struct rule_set_var **to)
{
	for (CONF_EACH(struct conf_str, name, list)) {
		if (name->at == NULL || !is_header_good(native, name->s, name->at->at) ||
		    (!is_response && (is_needed(native, name->s, name->at->at) ||
				      is_shadow(native, name->s, name->at->at))))
			continue;
		*to = arena_take(native->arena, sizeof(**to));
		**to = (struct rule_set_var){ .at = name->at->at,
					      .name = text_of(name),
					      .is_header = true,
					      .is_response = is_response,
					      .value = { .s = "", .at = name->at->at },
					      .replaces = true };
		to = &(*to)->next;
	}
	return to;
}

/* In the order in which they stand, then what goes. */
static void
sets_make(struct native *native, const struct conf_rule *from, struct rule *rule)
{
	struct rule_set_var **to = &rule->set;
	uint32_t n = 0;

	for (const struct node *at = from->set.at != NULL ? from->set.at->first : NULL; at != NULL;
	     at = at->next) {
		if (strcmp(at->key, "request") == 0)
			to = values_set(native, &from->set.request, true, false, to);
		else if (strcmp(at->key, "response") == 0)
			to = values_set(native, &from->set.response, true, true, to);
		else if (strcmp(at->key, "variable") == 0)
			to = values_set(native, &from->set.variable, false, false, to);
	}
	to = names_remove(native, &from->remove.request, false, to);
	names_remove(native, &from->remove.response, true, to);
	for (const struct rule_set_var *set = rule->set; set != NULL; set = set->next)
		if (++n == IMG_RULE_SETS_MAX + 1)
			conf_err_add(native->errs, set->at,
				     "the rule sets more than %d headers and variables; divide it "
				     "into two",
				     (int)IMG_RULE_SETS_MAX);
}

/* ---- what a rule does ---- */

static bool
is_absolute(const char *url)
{
	return url != NULL &&
	       (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
}

/* Of the keys that decide, one may be there; `farm` goes with `rewrite`. */
static void
check_actions(struct native *native, const struct conf_rule *from)
{
	const struct {
		const char *key;
		const struct node *at;
	} does[] = {
		{ "rewrite", from->rewrite.at },
		{ "redirect", from->redirect.at },
		{ "respond", from->respond.at },
		{ "deny", from->deny.at },
		{ "abort", from->abort.v != 0 ? from->abort.at : NULL },
	};
	const char *first = from->farm.at != NULL ? "farm" : NULL;

	for (size_t i = 0; i < sizeof(does) / sizeof(does[0]); i++) {
		if (does[i].at == NULL)
			continue;
		if (first != NULL && !(i == 0 && from->farm.at != NULL)) {
			conf_err_add(native->errs, does[i].at->key_at,
				     "'%s' does not go with '%s'; make two rules of it, or keep "
				     "one",
				     does[i].key, first);
			return;
		}
		first = does[i].key;
	}
	if (from->farm.at != NULL && is_absolute(from->rewrite.to.s))
		conf_err_add(native->errs, from->rewrite.to.at->at,
			     "the rule names the farm '%s', so this is a path; write for example "
			     "rewrite: \"/new/{R:1}\"",
			     from->farm.s);
	if (from->timeouts.at != NULL && first != NULL && strcmp(first, "farm") != 0 &&
	    strcmp(first, "rewrite") != 0)
		conf_err_add(native->errs, from->timeouts.at->key_at,
			     "'%s' asks no server, so there is nothing to wait for; remove "
			     "timeouts",
			     first);
}

static void
redirect_make(struct native *native, const struct conf_redirect *redirect, struct rule *rule)
{
	rule->action = IMG_ACTION_REDIRECT;
	rule->action_at = redirect->at->at;
	rule->url = text_of(&redirect->to);
	rule->appends_query = redirect->query.v == CONF_QUERY_KEEP;
	rule->status = (uint16_t)redirect->status.v;
	if (redirect->status.v >= 304 && redirect->status.v <= 306)
		conf_err_add(native->errs, redirect->status.at->at,
			     "%u is no redirect; use 301, 302, 303, 307 or 308", rule->status);
}

static void
respond_make(struct native *native, const struct conf_respond *respond, struct rule *rule)
{
	rule->action = IMG_ACTION_RESPOND;
	rule->action_at = respond->at->at;
	rule->status = (uint16_t)respond->status.v;
	rule->substatus = (uint16_t)respond->substatus.v;
	rule->reason = text_of(&respond->reason);
	rule->body = text_of(&respond->body);
	if (respond->status.v >= 300 && respond->status.v <= 307)
		conf_err_add(native->errs, respond->status.at->at,
			     "%u belongs to redirects; write redirect: {to: \"/\", status: 302}, "
			     "or use another status",
			     rule->status);
}

static void
action_make(struct native *native, const struct conf_rule *from, struct rule *rule)
{
	check_actions(native, from);
	rule->action_at = from->at->at;
	rule->farm = text_of(&from->farm);
	if (from->rewrite.at != NULL) {
		rule->action = IMG_ACTION_REWRITE;
		rule->action_at = from->rewrite.at->at;
		rule->url = text_of(&from->rewrite.to);
		rule->appends_query = from->rewrite.query.v == CONF_QUERY_KEEP;
		rule->logs_rewritten = from->rewrite.log.v != 0;
	} else if (from->redirect.at != NULL) {
		redirect_make(native, &from->redirect, rule);
	} else if (from->respond.at != NULL) {
		respond_make(native, &from->respond, rule);
	} else if (from->deny.at != NULL) {
		rule->action = IMG_ACTION_RESPOND;
		rule->action_at = from->deny.at->at;
		rule->status = (uint16_t)from->deny.v;
	} else if (from->abort.v != 0) {
		rule->action = IMG_ACTION_ABORT;
		rule->action_at = from->abort.at->at;
	} else if (from->farm.at != NULL) {
		rule->action = IMG_ACTION_FARM;
		rule->action_at = from->farm.at->at;
	}
}

static bool
does_nothing(const struct rule *rule)
{
	return rule->action == IMG_ACTION_NONE && rule->set == NULL && !rule->stops &&
	       rule->connect_ns == 0 && rule->send_ns == 0 && rule->receive_ns == 0;
}

struct rule *
native_rule(struct native *native, const struct conf_rule *from, const struct rule_scope *scope)
{
	struct rule *rule = arena_take(native->arena, sizeof(*rule));

	*rule = (struct rule){ .at = from->at->at,
			       .name = text_of(&from->name),
			       .syntax = (enum img_syntax)from->syntax.v,
			       .is_enabled = from->enabled.v != 0,
			       .stops = from->stop.at != NULL ? from->stop.v != 0
							      : from->farm.at != NULL,
			       .connect_ns = from->timeouts.connect.v,
			       .send_ns = from->timeouts.send.v,
			       .receive_ns = from->timeouts.receive.v };
	action_make(native, from, rule);
	sets_make(native, from, rule);
	native_match(native, &from->match, NATIVE_REQUEST, scope->folder, rule, &rule->conds);
	rule->conds.track_all = from->captures.v != 0;
	if (rule->match.s == NULL) {
		rule->match = (struct rule_text){ .s = ".*", .at = from->at->at };
		rule->match_is_regex = true;
		rule->ignores_case = true;
	}
	if (does_nothing(rule) && rule->is_enabled)
		conf_err_add(native->warns, rule->at,
			     "the rule does nothing; add for example farm: app, or stop: true");
	return rule;
}

/* ---- rules for responses ---- */

static bool
tag_custom(struct native *native, const struct conf_str *name, struct rule_tag ***to)
{
	const char *dot = strchr(name->s, '.');

	if (dot == NULL || dot == name->s || dot[1] == '\0' ||
	    strpbrk(name->s, " \t<>\"'=/") != NULL)
		return false;
	**to = arena_take(native->arena, sizeof(***to));
	(**to)->tag = (struct rule_text){
		.s = arena_text(native->arena, name->s, (size_t)(dot - name->s)), .at = name->at->at
	};
	(**to)->attribute = (struct rule_text){ .s = dot + 1, .at = name->at->at };
	*to = &(**to)->next;
	return true;
}

static void
tags_make(struct native *native, const struct conf_list *tags, struct out_rule *rule,
	  struct rule_scope *scope)
{
	struct rule_tags *customs = arena_take(native->arena, sizeof(*customs));
	struct rule_tag **to = &customs->first;

	for (CONF_EACH(struct conf_str, name, tags)) {
		uint32_t i = 0;

		if (name->at == NULL)
			continue;
		while (i < IMG_TAGS_STANDARD && strcasecmp(standard_tags[i], name->s) != 0)
			i++;
		if (i < IMG_TAGS_STANDARD)
			rule->tags |= 1u << i;
		else if (!tag_custom(native, name, &to))
			conf_err_add(native->errs, name->at->at,
				     "'%s' is no tag of the list; name a, area, base, form, frame, "
				     "head, iframe, img, input, link or script, or a tag's "
				     "attribute as img.srcset",
				     name->s);
	}
	if (tags->n == 0)
		conf_err_add(native->errs, tags->at->at,
			     "'tags' is empty; write for example tags: [a, form, img]");
	if (customs->first == NULL)
		return;
	customs->name = rule->name;
	customs->next = scope->customs;
	scope->customs = customs;
	rule->has_custom = true;
	rule->custom = rule->name;
}

static void
edit_pattern(struct native *native, const struct conf_edit_rule *from, struct out_rule *rule)
{
	const struct conf_pattern *pattern = &from->edit.pattern;

	rule->match = text_of(&pattern->pattern);
	rule->ignores_case = pattern->ignore_case.v != 0;
	rule->is_negated = pattern->is_not.v != 0;
	if (pattern->is.at != NULL)
		conf_err_add(native->errs, pattern->is.at->key_at,
			     "'is' belongs to patterns of where; remove it");
	if (rule->is_negated && rule->kind == IMG_OUT_BODY)
		conf_err_add(native->errs, pattern->is_not.at->key_at,
			     "what a body does not hold cannot be replaced; remove not");
	if (rule->syntax == IMG_SYNTAX_WILDCARD && rule->kind == IMG_OUT_BODY)
		conf_err_add(native->errs, from->syntax.at->at,
			     "wildcards cover all of a text, and a body is no such text; use "
			     "syntax: regex or exact");
	if (rule->match.s != NULL)
		return;
	if (rule->kind != IMG_OUT_VARIABLE || rule->syntax == IMG_SYNTAX_EXACT)
		conf_err_add(native->errs, from->edit.at->at,
			     "the rule does not say what to replace; add pattern: "
			     "\"^http://app1/(.*)\"");
	rule->match = (struct rule_text){ .s = rule->syntax == IMG_SYNTAX_WILDCARD ? "*" : ".*",
					  .at = from->edit.at->at };
}

/* Which one of the things that a rule may be about; false: told. */
static bool
edit_kind(struct native *native, const struct conf_edit *edit, enum img_out_kind *ret_kind)
{
	uint32_t n = (edit->header.at != NULL) + (edit->variable.at != NULL) +
		     (edit->tags.at != NULL) + (edit->body.v != 0);

	if (n != 1) {
		conf_err_add(native->errs, edit->at->at,
			     "%s of header, tags, body and variable must be there; write for "
			     "example edit: {header: Location, pattern: \"^http://app1/(.*)\", "
			     "to: \"/{R:1}\"}",
			     n == 0 ? "one" : "only one");
		return false;
	}
	*ret_kind = edit->tags.at != NULL ? IMG_OUT_TAGS
		    : edit->body.v != 0	  ? IMG_OUT_BODY
					  : IMG_OUT_VARIABLE;
	return true;
}

static void
edit_variable(struct native *native, const struct conf_edit *edit, struct out_rule *rule)
{
	if (edit->header.at != NULL && is_header_good(native, edit->header.s, edit->header.at->at))
		rule->variable = (struct rule_text){ .s = native_header_variable(
							     native, "RESPONSE_", edit->header.s),
						     .at = edit->header.at->at };
	else if (edit->variable.at != NULL &&
		 is_variable_good(native, edit->variable.s, edit->variable.at->at))
		rule->variable = text_of(&edit->variable);
}

static void
when_make(struct native *native, const struct conf_edit_rule *from, struct out_rule *rule,
	  struct rule_scope *scope)
{
	struct rule_pre *pre;

	if (from->when.at == NULL)
		return;
	pre = arena_take(native->arena, sizeof(*pre));
	*pre = (struct rule_pre){ .at = from->when.at->at,
				  .name = rule->name,
				  .syntax = rule->syntax,
				  .next = scope->pres };
	native_match(native, &from->when, NATIVE_RESPONSE, scope->folder, NULL, &pre->conds);
	scope->pres = pre;
	rule->pre = rule->name;
}

struct out_rule *
native_edit(struct native *native, const struct conf_edit_rule *from, struct rule_scope *scope)
{
	const struct conf_edit *edit = &from->edit;
	struct out_rule *rule = arena_take(native->arena, sizeof(*rule));

	*rule = (struct out_rule){ .at = from->at->at,
				   .name = text_of(&from->name),
				   .syntax = (enum img_syntax)from->syntax.v,
				   .is_enabled = from->enabled.v != 0,
				   .stops = from->stop.v != 0,
				   .occurrences = (uint32_t)edit->times.v,
				   .action = edit->to.at != NULL ? IMG_ACTION_REWRITE
								 : IMG_ACTION_NONE,
				   .value = text_of(&edit->to),
				   .replaces = edit->replace.v != 0 };
	if (edit->at == NULL || rule->name.s == NULL || !edit_kind(native, edit, &rule->kind))
		return rule;
	edit_pattern(native, from, rule);
	edit_variable(native, edit, rule);
	if (edit->tags.at != NULL)
		tags_make(native, &edit->tags, rule, scope);
	if (edit->times.v != 0 && rule->kind != IMG_OUT_BODY)
		conf_err_add(native->errs, edit->times.at->key_at,
			     "'times' belongs to body: true; remove it");
	when_make(native, from, rule, scope);
	native_match(native, &from->match, NATIVE_RESPONSE, scope->folder, NULL, &rule->conds);
	rule->conds.track_all = from->captures.v != 0;
	return rule;
}
