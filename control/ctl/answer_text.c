/*
 * answer_text.c - the answer of explain as people read it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/answer_text.h"

#define LABEL "%-10s"

static const char *
member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static long long
number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static bool
is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* ---- rules ---- */

/* "matches", "does not match", "is none of": what a condition asks of its input. */
static const char *
asks(const json_t *cond)
{
	const char *type = member(cond, "type");
	bool is_negated = is_true(cond, "negate");

	if (strcmp(type, "Network") == 0)
		return is_negated ? "lies outside" : "lies in";
	if (strcmp(type, "IsFile") == 0)
		return is_negated ? "is no file" : "is a file";
	if (strcmp(type, "IsDirectory") == 0)
		return is_negated ? "is no directory" : "is a directory";
	return is_negated ? "does not match" : "matches";
}

static void
conds_print(const json_t *conds)
{
	const json_t *cond;
	size_t i;

	json_array_foreach(conds, i, cond)
	{
		const char *pattern = member(cond, "pattern");

		printf(LABEL "  if %s %s%s%s: %s, it is \"%s\"\n", "", member(cond, "input"),
		       asks(cond), pattern[0] != '\0' ? " " : "", pattern,
		       is_true(cond, "matched") ? "yes" : "no", member(cond, "value"));
	}
}

static void
captures_print(json_t *captures)
{
	const char *name;
	json_t *value;

	if (json_object_size(captures) == 0)
		return;
	printf(LABEL " ", "");
	json_object_foreach(captures, name, value)
		printf(" {%s} \"%s\"", name, json_string_value(value));
	putchar('\n');
}

static void
rule_print(const json_t *rule, const char *label)
{
	bool is_matched = is_true(rule, "matched");

	printf(LABEL "%s %s", label, is_matched ? "+" : "-", member(rule, "name"));
	if (member(rule, "file")[0] != '\0')
		printf(" (%s:%lld)", member(rule, "file"), number(rule, "line"));
	if (is_matched)
		printf(": matched, %s\n", member(rule, "action"));
	else
		printf(": %s\n", member(rule, "why"));
	if (json_object_get(rule, "input") != NULL)
		printf(LABEL "  pattern %s on \"%s\"\n", "", member(rule, "pattern"),
		       member(rule, "input"));
	conds_print(json_object_get(rule, "conditions"));
	captures_print(json_object_get(rule, "captures"));
	if (strcmp(member(rule, "action"), "Rewrite") == 0 && member(rule, "url")[0] != '\0')
		printf(LABEL "  URL is now %s\n", "", member(rule, "url"));
}

static void
rules_print(const json_t *rules)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule) rule_print(rule, i == 0 ? "rules" : "");
}

/* ---- what becomes of it ---- */

static void
servers_print(const json_t *servers)
{
	const json_t *server;
	size_t i;

	json_array_foreach(servers, i, server)
		printf(LABEL "%-12s %s:%lld  weight %lld  %s\n", i == 0 ? "servers" : "",
		       member(server, "name"), member(server, "address"), number(server, "port"),
		       number(server, "weight"), member(server, "fit"));
}

static void
fields_print(const json_t *fields)
{
	const json_t *pair;
	size_t i;

	json_array_foreach(fields, i, pair)
		printf(LABEL "%s: %s\n", "", json_string_value(json_array_get(pair, 0)),
		       json_string_value(json_array_get(pair, 1)));
}

static void
status_print(const json_t *answer)
{
	printf(LABEL "%lld", "answer", number(answer, "status"));
	if (json_object_get(answer, "substatus") != NULL)
		printf(".%lld", number(answer, "substatus"));
	printf(" %s", member(answer, "reason"));
	if (member(answer, "cause")[0] != '\0')
		printf(" (%s)", member(answer, "cause"));
	putchar('\n');
	if (member(answer, "cause_text")[0] != '\0')
		printf(LABEL "%s\n", "because", member(answer, "cause_text"));
	if (member(answer, "location")[0] != '\0')
		printf(LABEL "%s\n", "location", member(answer, "location"));
}

static void
body_print(const json_t *object)
{
	if (json_object_get(object, "body") != NULL)
		printf(LABEL "%s\n", "body", member(object, "body"));
	else if (json_object_get(object, "body_base64") != NULL)
		printf(LABEL "(not UTF-8) %s\n", "body", member(object, "body_base64"));
}

static void
preconditions_print(const json_t *pres)
{
	const json_t *pre;
	size_t i;

	json_array_foreach(pres, i, pre)
	{
		printf(LABEL "%s\n", i == 0 ? "before" : "", member(pre, "name"));
		conds_print(json_object_get(pre, "conditions"));
	}
}

static void
response_print(const json_t *response)
{
	if (response == NULL)
		return;
	preconditions_print(json_object_get(response, "preconditions"));
	rules_print(json_object_get(response, "rules"));
	status_print(response);
	fields_print(json_object_get(response, "headers"));
	body_print(response);
}

void
answer_print(const json_t *answer)
{
	const char *action = member(answer, "action");

	if (json_object_get(answer, "listener") != NULL)
		printf(LABEL "%s\n", "listener", member(answer, "listener"));
	rules_print(json_object_get(answer, "rules"));
	if (json_object_get(answer, "farm") != NULL)
		printf(LABEL "%s\n", "farm", member(answer, "farm"));
	servers_print(json_object_get(answer, "servers"));
	if (strcmp(action, "abort") == 0) {
		printf(LABEL "the connection is closed without a byte\n", "answer");
		return;
	}
	if (strcmp(action, "route") != 0 && strcmp(action, "proxy") != 0) {
		status_print(answer);
		body_print(answer);
		return;
	}
	printf(LABEL "%s\n", strcmp(action, "proxy") == 0 ? "proxied" : "sent on",
	       member(answer, "url"));
	if (member(answer, "notice")[0] != '\0')
		printf(LABEL "%s\n", "notice", member(answer, "notice"));
	fields_print(json_object_get(answer, "upstream_headers"));
	response_print(json_object_get(answer, "response"));
}
