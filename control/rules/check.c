/*
 * check.c - what the values of a set mean, apart from its expressions and patterns: names that
 * must be there and be unique, words that do not go together, names that may not be set (1.3, 4,
 * 6, 12, 13, 14).
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "rules/parts.h"
#include "rules/rules.h"

/* ---- saying ---- */

static const char *whole_text(struct making *m, const struct whose *w, const char *format,
			      va_list args) __attribute__((format(printf, 3, 0)));

static const char *
whole_text(struct making *m, const struct whose *w, const char *format, va_list args)
{
	const char *text = arena_vformat(&m->arena, format, args);

	if (w == NULL)
		return text;
	return arena_format(&m->arena, "%s '%s': %s", w->what, w->rule == NULL ? "" : w->rule,
			    text);
}

static struct conf_pos
place(const struct making *m, struct conf_pos at)
{
	if (at.file == NULL && m->set != NULL)
		at = m->set->at;
	if (at.file == NULL)
		at.file = "rules";
	return at;
}

void
say_error(struct making *m, const struct whose *w, struct conf_pos at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	conf_err_add(m->errs, place(m, at), "%s", whole_text(m, w, format, args));
	va_end(args);
}

void
say_warning(struct making *m, const struct whose *w, struct conf_pos at, const char *format, ...)
{
	va_list args;

	if (m->warns == NULL)
		return;
	va_start(args, format);
	conf_err_add(m->warns, place(m, at), "%s", whole_text(m, w, format, args));
	va_end(args);
}

/* ---- names ---- */

static char
folded(char c)
{
	return c == '-' ? '_' : (char)toupper((unsigned char)c);
}

/* Names of variables: the case of letters says nothing, nor which of '-' and '_' stands there. */
static bool
is_same_name(const char *a, const char *b)
{
	for (; *a != '\0' && folded(*a) == folded(*b); a++)
		b++;
	return folded(*a) == folded(*b);
}

static bool
has_prefix(const char *name, const char *prefix)
{
	for (; *prefix != '\0'; name++, prefix++)
		if (folded(*name) != *prefix)
			return false;
	return *name != '\0';
}

static bool
is_token(const char *name)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	if (*name == '\0')
		return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && strchr(others, *name) == NULL)
			return false;
	return true;
}

/* A field that says how the message is framed: the proxy's own. */
static bool
is_framing(const char *header)
{
	return strcasecmp(header, "content-length") == 0 ||
	       strcasecmp(header, "transfer-encoding") == 0;
}

static bool
name_check(struct making *m, const struct whose *w, struct conf_pos at, const char *name,
	   const char *shown)
{
	if (strlen(name) > IMG_RULE_NAME_MAX) {
		say_error(m, w, at, "the name '%.40s...' is longer than 255 bytes; make it shorter",
			  shown);
		return false;
	}
	if (is_token(name))
		return true;
	say_error(m, w, at,
		  "'%s' is no name of a header or variable; use letters, digits, '_' and '-'",
		  shown);
	return false;
}

/* Of this hop alone: the proxy writes its own, and what a rule sets goes nowhere. */
static void
hop_tell(struct making *m, const struct whose *w, struct conf_pos at, const char *header)
{
	static const char *const hop[] = { "connection", "keep-alive", "proxy-connection",
					   "te",	 "trailer",    "upgrade" };

	for (size_t i = 0; i < sizeof(hop) / sizeof(hop[0]); i++)
		if (strcasecmp(header, hop[i]) == 0)
			say_warning(m, w, at,
				    "header %s is written anew for each connection (RFC 9110, "
				    "7.6.1), so this has no effect; remove it",
				    header);
}

/* Of the body as it goes out; what a rule says there is taken at its word. */
static void
coding_tell(struct making *m, const struct whose *w, struct conf_pos at, const char *header)
{
	if (strcasecmp(header, "content-encoding") == 0)
		say_warning(m, w, at,
			    "header %s says how the body is coded, which no rule changes: a value "
			    "that is not so, or none, makes the body unreadable; be sure that it "
			    "is",
			    header);
}

static bool
names_nothing(struct making *m, const struct whose *w, struct conf_pos at, const char *name)
{
	bool is_response = is_same_name(name, "RESPONSE_");

	if (!is_response && !is_same_name(name, "HTTP_"))
		return false;
	say_error(m, w, at, "'%s' names no header; write which behind it, as in %s", name,
		  is_response ? "RESPONSE_LOCATION" : "HTTP_X_SITE");
	return true;
}

static bool
framing_check(struct making *m, const struct whose *w, struct conf_pos at, const char *header)
{
	if (!is_framing(header))
		return true;
	say_error(m, w, at, "header %s belongs to the proxy, which frames the message; remove it",
		  header);
	return false;
}

/* What the text of a value has of its own can be seen here; what comes of it, at run time. */
static bool
line_check(struct making *m, const struct whose *w, const struct rule_set_var *var,
	   const char *name)
{
	if (var->value.s == NULL || strpbrk(var->value.s, "\r\n") == NULL)
		return true;
	say_error(m, w, var->value.at,
		  "the value of '%s' has a line break, which no header may have; remove it", name);
	return false;
}

/* Variables of the list that are headers by another name, or nobody's to keep. */
static bool
is_read_only(const char *name)
{
	enum rules_variable v = rules_variable_of(slice_of(name, (uint32_t)strlen(name)));

	if (v == RULES_VARIABLE_NONE)
		return has_prefix(name, "RESPONSE_") || has_prefix(name, "REMOTE_");
	return v != RULES_VARIABLE_HTTP_HOST && v != RULES_VARIABLE_ORIGINAL_URL;
}

static bool
is_allowed(const struct rule_sets *set, const char *name)
{
	for (const struct rule_allowed *allowed = set->allowed; allowed != NULL;
	     allowed = allowed->next)
		if (is_same_name(allowed->name.s, name))
			return true;
	return false;
}

/* The allow list (13) concerns rules of folders; strict, a variable beside it fails as in IIS. */
static uint32_t
allowed_flags(struct making *m, const struct whose *w, struct conf_pos at, const char *name)
{
	if (w->scope->kind != IMG_SCOPE_LOCAL || w->scope->sets_freely || is_allowed(m->set, name))
		return 0;
	if (m->set->is_strict)
		say_warning(
			m, w, at,
			"'%s' is not in allowedServerVariables, so the rule answers 500.50 when it "
			"matches; add it there",
			name);
	else
		say_warning(
			m, w, at,
			"'%s' is set, but is not in allowedServerVariables, where IIS wants it; "
			"add it there if this file goes back to IIS",
			name);
	return m->set->is_strict ? IMG_SET_REFUSED : 0;
}

/* Native rules say what they mean. */
static bool
check_set_header(struct making *m, const struct whose *w, const struct rule_set_var *var,
		 struct set_made *ret)
{
	const char *name = var->name.s == NULL ? "" : var->name.s;

	ret->kind = var->is_response ? IMG_SET_RESPONSE_FIELD : IMG_SET_REQUEST_FIELD;
	ret->name = name;
	if (var->is_response)
		coding_tell(m, w, var->name.at, name);
	return name_check(m, w, var->name.at, name, name) &&
	       framing_check(m, w, var->name.at, name);
}

bool
check_set_var(struct making *m, const struct whose *w, const struct rule_set_var *var,
	      struct set_made *ret)
{
	const char *name = var->name.s == NULL ? "" : var->name.s;

	ret->flags = var->replaces ? IMG_SET_REPLACE : 0;
	if (var->is_header || var->is_response)
		return check_set_header(m, w, var, ret);
	if (*name == '\0') {
		say_error(m, w, var->at, "a variable to set has no name; add name=\"...\"");
		return false;
	}
	if (is_read_only(name)) {
		say_error(m, w, var->name.at,
			  "'%s' cannot be set; use a Rewrite action to change the URL, HTTP_ names "
			  "for request headers, or a name of your own",
			  name);
		return false;
	}
	if (names_nothing(m, w, var->name.at, name))
		return false;
	ret->flags |= allowed_flags(m, w, var->name.at, name);
	if (has_prefix(name, "HTTP_")) {
		ret->kind = IMG_SET_REQUEST_FIELD;
		ret->name = name_of_line(&m->arena, name + 5, strlen(name + 5));
		hop_tell(m, w, var->name.at, ret->name);
	} else {
		ret->kind = IMG_SET_VARIABLE;
		ret->name = name_of_variable(&m->arena, name, strlen(name));
	}
	return name_check(m, w, var->name.at, ret->name, name) &&
	       (ret->kind == IMG_SET_VARIABLE ||
		(framing_check(m, w, var->name.at, ret->name) && line_check(m, w, var, name)));
}

bool
check_out_variable(struct making *m, const struct whose *w, const struct out_rule *rule,
		   enum img_op_kind *ret_kind, const char **ret_name)
{
	const char *name = rule->variable.s == NULL ? "" : rule->variable.s;

	if (*name == '\0') {
		say_error(m, w, rule->at, "serverVariable has no name; name one");
		return false;
	}
	if (names_nothing(m, w, rule->variable.at, name))
		return false;
	if (rules_variable_of(slice_of(name, (uint32_t)strlen(name))) ==
	    RULES_VARIABLE_RESPONSE_STATUS) {
		say_error(m, w, rule->variable.at,
			  "the status code of a response cannot be changed; remove the rule");
		return false;
	}
	if (has_prefix(name, "RESPONSE_")) {
		*ret_kind = IMG_OP_RESPONSE_FIELD;
		*ret_name = name_of_line(&m->arena, name + 9, strlen(name + 9));
		hop_tell(m, w, rule->variable.at, *ret_name);
		if (rule->action == IMG_ACTION_REWRITE)
			coding_tell(m, w, rule->variable.at, *ret_name);
	} else if (has_prefix(name, "HTTP_")) {
		*ret_kind = IMG_OP_REQUEST_FIELD;
		*ret_name = name_of_line(&m->arena, name + 5, strlen(name + 5));
	} else {
		*ret_kind = IMG_OP_CUSTOM;
		*ret_name = name_of_variable(&m->arena, name, strlen(name));
	}
	return name_check(m, w, rule->variable.at, *ret_name, name) &&
	       (*ret_kind != IMG_OP_RESPONSE_FIELD ||
		framing_check(m, w, rule->variable.at, *ret_name));
}

/* ---- actions ---- */

static void
check_redirect(struct making *m, const struct whose *w, const struct rule *rule)
{
	switch (rule->status) {
	case 0: /* not said: 301 */
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return;
	default:
		say_error(
			m, w, rule->action_at,
			"%u is no redirectType; use Permanent (301), Found (302), SeeOther (303), "
			"Temporary (307) or PermRedirect (308)",
			(unsigned)rule->status);
	}
}

static void
check_respond(struct making *m, const struct whose *w, const struct rule *rule)
{
	if (rule->status < 200 || rule->status > 999 ||
	    (rule->status >= 300 && rule->status <= 307))
		say_error(
			m, w, rule->action_at,
			"statusCode %u is not from 200 to 999 without 300 to 307; use another, or "
			"a Redirect action",
			(unsigned)rule->status);
	if ((rule->status == 204 || rule->status == 205) && rule->body.s != NULL)
		say_warning(m, w, rule->body.at,
			    "a response %u has no content (RFC 9110, 15.3): the description is not "
			    "sent; use 200",
			    (unsigned)rule->status);
	if (rule->substatus > 999)
		say_error(m, w, rule->action_at,
			  "subStatusCode %u is not from 0 to 999; use another",
			  (unsigned)rule->substatus);
}

static bool
is_tls(const char *url)
{
	return strncasecmp(url, "https://", 8) == 0 || strncasecmp(url, "wss://", 6) == 0;
}

static void
check_rule(struct making *m, const struct whose *w, const struct rule *rule)
{
	if (rule->match.s != NULL && rule->match.s[0] == '\0')
		say_error(m, w, rule->match.at,
			  "match has an empty url; write .* or * to match everything");
	if (rule->action == IMG_ACTION_REDIRECT)
		check_redirect(m, w, rule);
	if (rule->action == IMG_ACTION_RESPOND)
		check_respond(m, w, rule);
	if (rule->action == IMG_ACTION_REWRITE && rule->url.s != NULL && is_tls(rule->url.s))
		say_warning(
			m, w, rule->url.at,
			"TLS towards servers is not in this version: such a request is answered "
			"502; use http until then");
}

/* ---- names of a set ---- */

struct named {
	const struct rule_scope *scope;
	const char *what;
	const struct rule_text *name;
	struct conf_pos at;
	uint32_t order;
};

static int
named_order(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = (int)x->scope->kind - (int)y->scope->kind;

	order = order != 0 ? order : strcmp(x->what, y->what);
	order = order != 0 ? order : strcmp(folder_of(x->scope), folder_of(y->scope));
	order = order != 0 ? order : strcmp(x->name->s, y->name->s);
	return order != 0 ? order : x->order < y->order ? -1 : 1;
}

struct names {
	struct named *named;
	uint32_t n, room;
};

static void
names_add(struct making *m, struct names *names, const struct rule_scope *scope, const char *what,
	  const struct rule_text *name, struct conf_pos at)
{
	struct whose w = { .what = what, .rule = name->s };

	if (name->s == NULL || name->s[0] == '\0') {
		say_error(m, NULL, at, "%s has no name; add name=\"...\"", what);
		return;
	}
	if (strlen(name->s) > IMG_RULE_NAME_MAX)
		say_error(m, &w, name->at.file == NULL ? at : name->at,
			  "its name is longer than 255 bytes; make it shorter");
	if (names->n == names->room) {
		names->room = names->room == 0 ? 64 : names->room * 2;
		names->named = reallocarray(names->named, names->room, sizeof(names->named[0]));
		ensure(names->named != NULL);
	}
	names->named[names->n] = (struct named){ scope, what, name, at, names->n };
	names->n++;
}

static void
names_compare(struct making *m, struct names *names)
{
	if (names->n > 1)
		qsort(names->named, names->n, sizeof(names->named[0]), named_order);
	for (uint32_t i = 1; i < names->n; i++) {
		const struct named *a = &names->named[i - 1], *b = &names->named[i];
		struct whose w = { .what = b->what, .rule = b->name->s };

		if (a->scope->kind == b->scope->kind && strcmp(a->what, b->what) == 0 &&
		    strcmp(folder_of(a->scope), folder_of(b->scope)) == 0 &&
		    strcmp(a->name->s, b->name->s) == 0)
			say_error(m, &w, b->name->at.file == NULL ? b->at : b->name->at,
				  "its name is taken by the %s of line %u; give each its own",
				  a->what, a->at.line);
	}
	free(names->named);
}

static uint32_t
check_scope(struct making *m, struct names *names, const struct rule_scope *scope)
{
	uint32_t n = 0;

	for (const struct rule *rule = scope->rules; rule != NULL; rule = rule->next) {
		struct whose w = { .what = "rule", .rule = rule->name.s, .scope = scope };

		names_add(m, names, scope, "rule", &rule->name, rule->at);
		check_rule(m, &w, rule);
		n += rule->is_enabled;
	}
	for (const struct out_rule *rule = scope->outs; rule != NULL; rule = rule->next) {
		names_add(m, names, scope, "outbound rule", &rule->name, rule->at);
		n += rule->is_enabled;
	}
	return n;
}

/* Of one scope: another of the same folder may have the same ones. */
static void
check_pres(struct making *m, const struct rule_scope *scope)
{
	for (const struct rule_pre *pre = scope->pres; pre != NULL; pre = pre->next) {
		struct whose w = { .what = "precondition", .rule = pre->name.s };

		if (pre->name.s == NULL || *pre->name.s == '\0') {
			say_error(m, NULL, pre->at, "a precondition has no name; add name=\"...\"");
			continue;
		}
		if (strlen(pre->name.s) > IMG_RULE_NAME_MAX)
			say_error(m, &w, pre->at,
				  "its name is longer than 255 bytes; make it shorter");
		for (const struct rule_pre *other = scope->pres; other != pre; other = other->next)
			if (other->name.s != NULL && strcmp(other->name.s, pre->name.s) == 0)
				say_error(m, &w, pre->at,
					  "its name is taken by the precondition of line %u; give "
					  "each "
					  "its own",
					  other->at.line);
	}
}

static void
check_tags(struct making *m, const struct rule_scope *scope)
{
	for (const struct rule_tags *tags = scope->customs; tags != NULL; tags = tags->next)
		for (const struct rule_tag *tag = tags->first; tag != NULL; tag = tag->next)
			if (tag->tag.s == NULL || tag->attribute.s == NULL || *tag->tag.s == '\0' ||
			    *tag->attribute.s == '\0')
				say_error(m, NULL, tag->tag.s == NULL ? tags->name.at : tag->tag.at,
					  "a custom tag needs a name and an attribute; add both");
			else if (strlen(tag->tag.s) > IMG_NAME_MAX ||
				 strlen(tag->attribute.s) > IMG_NAME_MAX)
				say_error(m, NULL, tag->tag.at,
					  "a custom tag or attribute is longer than 63 bytes; make "
					  "it "
					  "shorter");
}

static void
check_maps(struct making *m)
{
	for (const struct rule_map *map = m->set->maps; map != NULL; map = map->next) {
		struct whose w = { .what = "rewrite map", .rule = map->name.s };

		if (map->name.s == NULL || *map->name.s == '\0') {
			say_error(m, NULL, map->at, "a rewrite map has no name; add name=\"...\"");
			continue;
		}
		if (strlen(map->name.s) > IMG_RULE_NAME_MAX)
			say_error(m, &w, map->at,
				  "its name is longer than 255 bytes; make it shorter");
		for (const struct rule_map *other = m->set->maps; other != map; other = other->next)
			if (other->name.s != NULL && strcasecmp(other->name.s, map->name.s) == 0)
				say_error(m, &w, map->at,
					  "its name is taken by the map of line %u (names ignore "
					  "case); give each its own",
					  other->at.line);
	}
}

uint32_t
check_set(struct making *m)
{
	struct names names = { 0 };
	uint32_t n = 0;

	check_maps(m);
	for (const struct rule_scope *scope = m->set->scopes; scope != NULL; scope = scope->next) {
		if (strlen(folder_of(scope)) > IMG_FOLDER_MAX || folder_of(scope)[0] != '/')
			say_error(m, NULL, scope->at,
				  "the folder of rules is no path from the root; write /folder");
		n += check_scope(m, &names, scope);
		check_pres(m, scope);
		check_tags(m, scope);
	}
	names_compare(m, &names);
	return n;
}
