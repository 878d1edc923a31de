/*
 * test_native.c - the section `rules`: what of it comes into the model, which is compared as text, a
 * line a thing. What is wrong is in test_native_broken.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf/value.h"
#include "confs.h"
#include "rules/model.h"

#define N(list) (sizeof(list) / sizeof((list)[0]))

/* ---- a model as text ---- */

struct text {
	char s[16384];
	size_t n;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	t->n += (size_t)vsnprintf(t->s + t->n, sizeof(t->s) - t->n, format, args);
	va_end(args);
	assert_true(t->n < sizeof(t->s));
}

/* Regular expressions stand in slashes; other syntaxes in bars; 'i': ignores case. */
static void
put_pattern(struct text *t, const struct rule_text *pattern, bool is_regex, bool ignores_case)
{
	const char *mark = is_regex ? "/" : "|";

	put(t, "%s%s%s%s", mark, pattern->s, mark, ignores_case ? "i" : "");
}

static void
put_conds(struct text *t, const struct rule_conds *conds, enum img_syntax syntax)
{
	for (const struct rule_cond *cond = conds->first; cond != NULL; cond = cond->next) {
		put(t, "  if %s", cond->is_negated ? "not " : "");
		if (cond->kind == IMG_COND_NETWORK) {
			put(t, "from");
			for (const struct rule_net *net = cond->net; net != NULL; net = net->next) {
				char ip[VALUE_IP_TEXT];

				put(t, " %s/%u", value_ip_text(&net->ip, ip), net->bits);
			}
		} else {
			put(t, "%s ", cond->input.s != NULL ? cond->input.s : "path");
			if (cond->kind == IMG_COND_PATTERN)
				put_pattern(t, &cond->pattern,
					    cond->is_regex || syntax == IMG_SYNTAX_REGEX,
					    cond->ignores_case);
			else
				put(t, "%s", img_cond_kind_name(cond->kind));
		}
		put(t, "%s\n", cond->or_next ? " or" : "");
	}
}

static void
put_rule(struct text *t, const struct rule *rule)
{
	put(t, "%s%s%s: ", rule->name.s, rule->is_enabled ? "" : " (off)",
	    rule->stops ? " (stop)" : "");
	put(t, "%s", rule->is_negated ? "not " : "");
	put_pattern(t, &rule->match, rule->match_is_regex || rule->syntax == IMG_SYNTAX_REGEX,
		    rule->ignores_case);
	put(t, " %s", img_action_name(rule->action));
	if (rule->url.s != NULL)
		put(t, " %s%s", rule->url.s, rule->appends_query ? " +query" : "");
	if (rule->status != 0)
		put(t, " %u", rule->status);
	if (rule->substatus != 0)
		put(t, ".%u", rule->substatus);
	if (rule->reason.s != NULL)
		put(t, " (%s)", rule->reason.s);
	if (rule->body.s != NULL)
		put(t, " [%s]", rule->body.s);
	if (rule->farm.s != NULL)
		put(t, " farm %s", rule->farm.s);
	if (rule->connect_ns + rule->send_ns + rule->receive_ns != 0)
		put(t, " %llu/%llu/%llu s", (unsigned long long)rule->connect_ns / 1000000000,
		    (unsigned long long)rule->send_ns / 1000000000,
		    (unsigned long long)rule->receive_ns / 1000000000);
	put(t, "%s\n", rule->conds.track_all ? " all captures" : "");
	put_conds(t, &rule->conds, rule->syntax);
	for (const struct rule_set_var *set = rule->set; set != NULL; set = set->next)
		put(t, "  set %s %s = %s%s\n",
		    !set->is_header    ? "variable"
		    : set->is_response ? "response"
				       : "request",
		    set->name.s, set->value.s, set->replaces ? "" : " if absent");
}

static void
put_out(struct text *t, const struct out_rule *rule)
{
	put(t, "%s%s%s: %s", rule->name.s, rule->is_enabled ? "" : " (off)",
	    rule->stops ? " (stop)" : "", img_out_kind_name(rule->kind));
	if (rule->variable.s != NULL)
		put(t, " %s", rule->variable.s);
	if (rule->kind == IMG_OUT_TAGS)
		put(t, " %x%s%s", rule->tags, rule->has_custom ? " of " : "",
		    rule->has_custom ? rule->custom.s : "");
	put(t, " %s", rule->is_negated ? "not " : "");
	put_pattern(t, &rule->match, rule->syntax == IMG_SYNTAX_REGEX, rule->ignores_case);
	put(t, " %s", img_action_name(rule->action));
	if (rule->value.s != NULL)
		put(t, " %s%s", rule->value.s, rule->replaces ? "" : " if absent");
	if (rule->occurrences != 0)
		put(t, " %u times", rule->occurrences);
	if (rule->pre.s != NULL)
		put(t, " when %s", rule->pre.s);
	put(t, "\n");
	put_conds(t, &rule->conds, rule->syntax);
}

static void
put_scope(struct text *t, const struct rule_scope *scope)
{
	put(t, "[%s %s%s%s%s]\n", img_scope_kind_name(scope->kind), scope->folder,
	    scope->keeps_escapes ? " escapes" : "", scope->keeps_spelling ? " spelling" : "",
	    scope->before_cache ? " before cache" : "");
	for (const struct rule *rule = scope->rules; rule != NULL; rule = rule->next)
		put_rule(t, rule);
	for (const struct rule_pre *pre = scope->pres; pre != NULL; pre = pre->next) {
		put(t, "when %s:\n", pre->name.s);
		put_conds(t, &pre->conds, pre->syntax);
	}
	for (const struct rule_tags *tags = scope->customs; tags != NULL; tags = tags->next)
		for (const struct rule_tag *tag = tags->first; tag != NULL; tag = tag->next)
			put(t, "tag %s: %s.%s\n", tags->name.s, tag->tag.s, tag->attribute.s);
	for (const struct out_rule *rule = scope->outs; rule != NULL; rule = rule->next)
		put_out(t, rule);
}

static void
put_set(struct text *t, const struct rule_sets *set)
{
	for (const struct rule_map *map = set->maps; map != NULL; map = map->next) {
		put(t, "map %s %s%s \"%s\":", map->name.s, img_map_kind_name(map->kind),
		    map->ignores_case ? "" : " exact", map->absent.s);
		for (const struct rule_pair *pair = map->first; pair != NULL; pair = pair->next)
			put(t, " %s=%s", pair->key.s, pair->value.s);
		put(t, "\n");
	}
	if (set->is_strict)
		put(t, "strict:");
	for (const struct rule_allowed *name = set->allowed; name != NULL; name = name->next)
		put(t, " %s", name->name.s);
	put(t, "%s", set->is_strict ? "\n" : "");
	for (const struct rule_scope *scope = set->scopes; scope != NULL; scope = scope->next)
		put_scope(t, scope);
}

static struct conf *
opened(const char *text)
{
	struct conf_errs errs = { 0 };
	struct conf *conf = conf_open_text("x.yaml", text, strlen(text), &errs);

	conf_errs_print(&errs, stdout);
	assert_non_null(conf);
	conf_errs_fini(&errs);
	return conf;
}

/* The model of one set that is written behind a good configuration. */
static void
assert_model(const char *entries, const char *expected)
{
	char text[8192];
	struct text t = { .n = 0 };
	struct conf *conf;

	snprintf(text, sizeof(text), CONF_GOOD "rules:\n  s:\n%s", entries);
	conf = opened(text);
	assert_non_null(conf->rule_sets);
	put_set(&t, conf->rule_sets);
	assert_string_equal(t.s, expected);
	conf_close(conf);
}

/* ---- rules for requests ---- */

static void
every_action_comes_into_the_model(void **state)
{
	(void)state;
	assert_model("  - {name: a, farm: app}\n"
		     "  - {name: b, farm: app, stop: false, rewrite: {to: /x, query: drop}}\n"
		     "  - {name: c, rewrite: \"/y?{QUERY_STRING}\", enabled: false}\n"
		     "  - {name: d, redirect: /z}\n"
		     "  - {name: e, redirect: {to: \"https://h/\", status: 301, query: drop}}\n"
		     "  - {name: f, respond: 204}\n"
		     "  - {name: g, respond: {status: 503, substatus: 7, reason: no, body: \"\"}}\n"
		     "  - {name: h, deny: 403}\n"
		     "  - {name: i, abort: true}\n"
		     "  - {name: j, stop: true}\n"
		     "  - {name: k, timeouts: {connect: 1s, send: 2s, receive: 10m}}\n",
		     "[distributed /]\n"
		     "a (stop): /.*/i Farm farm app\n"
		     "b: /.*/i Rewrite /x farm app\n"
		     "c (off): /.*/i Rewrite /y?{QUERY_STRING} +query\n"
		     "d: /.*/i Redirect /z +query 302\n"
		     "e: /.*/i Redirect https://h/ 301\n"
		     "f: /.*/i CustomResponse 204\n"
		     "g: /.*/i CustomResponse 503.7 (no) []\n"
		     "h: /.*/i CustomResponse 403\n"
		     "i: /.*/i AbortRequest\n"
		     "j (stop): /.*/i None\n"
		     "k: /.*/i None 1/2/600 s\n");
}

static void
headers_and_variables_are_set_in_their_order(void **state)
{
	(void)state;
	assert_model("  - name: a\n"
		     "    remove: {response: Server, request: [Accept-Encoding, X-A]}\n"
		     "    set:\n"
		     "      variable: {SITE: owa, HTTP_X_B: \"\"}\n"
		     "      response: {X-C: \"{R:0}\"}\n"
		     "      request: {X-D: 1, X-E: {value: \"2\", replace: false}}\n",
		     "[distributed /]\n"
		     "a: /.*/i None\n"
		     "  set variable SITE = owa\n"
		     "  set variable HTTP_X_B = \n"
		     "  set response X-C = {R:0}\n"
		     "  set request X-D = 1\n"
		     "  set request X-E = 2 if absent\n"
		     "  set request Accept-Encoding = \n"
		     "  set request X-A = \n"
		     "  set response Server = \n");
}

static void
every_key_of_match_becomes_a_condition(void **state)
{
	(void)state;
	assert_model("  - name: a\n"
		     "    deny: 403\n"
		     "    match:\n"
		     "      where: {\"{HTTPS}\": \"^off$\", \"{F}\": {is: file, not: true}}\n"
		     "      cookie: {lang: ^de$}\n"
		     "      header: {X-Beta: {pattern: ^1$, ignore_case: false}}\n"
		     "      query: sl=1\n"
		     "      from: [10.0.0.0/8, \"2001:db8::/32\"]\n"
		     "      host: [www.example.com, \"*.example.org\", \"2001:db8::1\"]\n"
		     "      method: [GET, M-SEARCH]\n"
		     "      path_regex: ^old/(.*)$\n",
		     "[distributed /]\n"
		     "a: /^old/(.*)$/i CustomResponse 403\n"
		     "  if {REQUEST_METHOD} /^(?:GET|M-SEARCH)$/\n"
		     "  if {SERVER_NAME} "
		     "/^(?:www\\.example\\.com|.+\\.example\\.org|\\[?2001:db8::1\\]?)\\.?$/i\n"
		     "  if from 10.0.0.0/8 2001:db8::/32\n"
		     "  if {QUERY_STRING} /sl=1/i\n"
		     "  if {HTTP_X_BETA} /^1$/\n"
		     "  if {Cookie:lang} /^de$/i\n"
		     "  if {HTTPS} /^off$/i\n"
		     "  if not {F} IsFile\n");
}

/* Whole segments, in either case; the rest is a group only where somebody asks for it. */
static void
paths_are_prefixes_by_segments(void **state)
{
	(void)state;
	assert_model("  - {name: a, match: {path: /owa}, deny: 403}\n"
		     "  - {name: b, match: {path: [/owa, /e.p/]}, deny: 403}\n"
		     "  - {name: c, match: {path: /owa}, rewrite: \"/x/{R:1}\"}\n"
		     "  - {name: d, match: {path: [/a, /b/]}, set: {request: {X: \"{r:1}\"}}}\n"
		     "  - {name: e, match: {path: /}, deny: 403}\n"
		     "  - {name: f, match: {path: /}, rewrite: \"/x/{R:1}\"}\n"
		     "  - {name: g, match: {path: /a, path_regex: \"b(.)\"}, deny: 403}\n"
		     "  - {name: h, match: {not: {path: [/a, /b]}}, deny: 403}\n"
		     "  - {name: i, match: {not: {path: /}}, deny: 403}\n"
		     "  - {name: j, match: {path_regex: {pattern: x, not: true}}, deny: 403}\n",
		     "[distributed /]\n"
		     "a: /^owa(?:/|$)/i CustomResponse 403\n"
		     "b: /^(?:owa(?:/|$)|e\\.p/)/i CustomResponse 403\n"
		     "c: /^owa(?:/|$)([\\s\\S]*)$/i Rewrite /x/{R:1} +query\n"
		     "d: /^(?:a(?:/|$)|b/)([\\s\\S]*)$/i None\n"
		     "  set request X = {r:1}\n"
		     "e: /.*/i CustomResponse 403\n"
		     "f: /^([\\s\\S]*)$/i Rewrite /x/{R:1} +query\n"
		     "g: /b(.)/i CustomResponse 403\n"
		     "  if path /^a(?:/|$)/i\n"
		     "h: /.*/i CustomResponse 403\n"
		     "  if not path /^(?:a(?:/|$)|b(?:/|$))/i\n"
		     "i: /.*/i CustomResponse 403\n"
		     "  if not path /^/i\n"
		     "j: not /x/i CustomResponse 403\n");
}

/* A conjunction of alternatives, whatever the nesting says; what users' patterns found is last. */
static void
and_or_and_not_become_a_list_of_alternatives(void **state)
{
	(void)state;
	assert_model("  - name: any\n"
		     "    match: {query: x, any: [{path: /a}, {from: 10.0.0.0/8}]}\n"
		     "    deny: 403\n"
		     "  - name: not both\n"
		     "    match: {not: {from: 10.0.0.0/8, header: {X: y}}}\n"
		     "    deny: 403\n"
		     "  - name: neither\n"
		     "    match: {not: [{from: 10.0.0.0/8}, {header: {X: y}}]}\n"
		     "    deny: 403\n"
		     "  - name: deep\n"
		     "    match:\n"
		     "      any:\n"
		     "        - {query: a, cookie: {k: b}}\n"
		     "        - not: {any: [{query: c}, {query: {pattern: d, not: true}}]}\n"
		     "    deny: 403\n"
		     "  - name: all\n"
		     "    match: {all: [{where: {\"{URL}\": a}}, {where: {\"{URL}\": b}}]}\n"
		     "    captures: all\n"
		     "    deny: 403\n"
		     "  - {name: always, match: {any: [{path: /}, {query: x}]}, deny: 403}\n",
		     "[distributed /]\n"
		     "any: /.*/i CustomResponse 403\n"
		     "  if path /^a(?:/|$)/i or\n"
		     "  if from 10.0.0.0/8\n"
		     "  if {QUERY_STRING} /x/i\n"
		     "not both: /.*/i CustomResponse 403\n"
		     "  if not from 10.0.0.0/8 or\n"
		     "  if not {HTTP_X} /y/i\n"
		     "neither: /.*/i CustomResponse 403\n"
		     "  if not from 10.0.0.0/8\n"
		     "  if not {HTTP_X} /y/i\n"
		     "deep: /.*/i CustomResponse 403\n"
		     "  if {QUERY_STRING} /a/i or\n"
		     "  if not {QUERY_STRING} /c/i\n"
		     "  if {QUERY_STRING} /a/i or\n"
		     "  if {QUERY_STRING} /d/i\n"
		     "  if {Cookie:k} /b/i or\n"
		     "  if not {QUERY_STRING} /c/i\n"
		     "  if {Cookie:k} /b/i or\n"
		     "  if {QUERY_STRING} /d/i\n"
		     "all: /.*/i CustomResponse 403 all captures\n"
		     "  if {URL} /a/i\n"
		     "  if {URL} /b/i\n"
		     "always: /.*/i CustomResponse 403\n");
}

static void
other_syntaxes_are_of_users_patterns_alone(void **state)
{
	(void)state;
	assert_model(
		"  - {name: a, syntax: wildcard, deny: 403, match: {path_regex: \"*/x\", host: h, "
		"query: \"a*\"}}\n"
		"  - {name: b, syntax: exact, deny: 403, match: {path: /p, query: a}}\n",
		"[distributed /]\n"
		"a: |*/x|i CustomResponse 403\n"
		"  if {SERVER_NAME} /^(?:h)\\.?$/i\n"
		"  if {QUERY_STRING} |a*|i\n"
		"b: /^p(?:/|$)/i CustomResponse 403\n"
		"  if {QUERY_STRING} |a|i\n");
}

static void
groups_are_scopes_in_the_order_of_work(void **state)
{
	(void)state;
	assert_model(
		"  - {name: a, deny: 403}\n"
		"  - {folder: /x/y, rules: [{name: b, match: {path: /x/y/z}, deny: 403}]}\n"
		"  - {name: c, edit: {header: Server, to: \"\"}}\n"
		"  - {folder: /x, keep_escapes: true, rules: [{name: d, match: {path: /x}, deny: "
		"403}, {name: e, edit: {header: X, to: y}}]}\n"
		"  - {global: true, keep_spelling: true, rules: [{name: f, deny: 403}]}\n"
		"  - {name: g, deny: 403}\n",
		"[global / spelling]\n"
		"f: /.*/i CustomResponse 403\n"
		"[distributed /]\n"
		"a: /.*/i CustomResponse 403\n"
		"[distributed /]\n"
		"g: /.*/i CustomResponse 403\n"
		"[distributed /x escapes]\n"
		"d: /.*/i CustomResponse 403\n"
		"[distributed /x/y]\n"
		"b: /^z(?:/|$)/i CustomResponse 403\n"
		"[outbound /]\n"
		"c: variable RESPONSE_SERVER /.*/i Rewrite \n"
		"[outbound /x escapes]\n"
		"e: variable RESPONSE_X /.*/i Rewrite y\n");
}

/* ---- rules for responses ---- */

static void
edits_of_headers_tags_and_bodies(void **state)
{
	(void)state;
	assert_model(
		"  - name: a\n"
		"    when: {response: {Content-Type: ^text/html}, status: \"^2\"}\n"
		"    edit: {tags: [A, img, img.srcset, my-tag.data-x], pattern: ^http://x/(.*), "
		"to: \"/{R:1}\"}\n"
		"  - {name: b, match: {path: /x, header: {X: y}}, stop: true, edit: {header: "
		"Set-Cookie, pattern: {pattern: a, not: true}, to: b, replace: false}}\n"
		"  - {name: c, syntax: exact, edit: {body: true, pattern: Old, to: New, times: "
		"3}}\n"
		"  - {name: d, edit: {variable: HTTP_ACCEPT_ENCODING, to: \"{X}\"}}\n"
		"  - {name: e, edit: {header: X, pattern: x}, stop: true}\n",
		"[outbound /]\n"
		"when a:\n"
		"  if {RESPONSE_CONTENT_TYPE} /^text/html/i\n"
		"  if {RESPONSE_STATUS} /^2/i\n"
		"tag a: img.srcset\n"
		"tag a: my-tag.data-x\n"
		"a: tags 81 of a /^http://x/(.*)/i Rewrite /{R:1} when a\n"
		"b (stop): variable RESPONSE_SET_COOKIE not /a/i Rewrite b if absent\n"
		"  if {URL} /^/x(?:/|$)/i\n"
		"  if {HTTP_X} /y/i\n"
		"c: body |Old|i Rewrite New 3 times\n"
		"d: variable HTTP_ACCEPT_ENCODING /.*/i Rewrite {X}\n"
		"e (stop): variable RESPONSE_X /x/i None\n");
}

/* ---- files ---- */

static void
file_write(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* Opens folder/x.yaml; what is wrong, or NULL. */
static const char *
opened_in(const char *folder, const char *rules, struct conf **ret_conf, char *wrong, size_t n)
{
	struct conf_errs errs = { 0 };
	char path[256], text[4096];

	snprintf(text, sizeof(text), CONF_GOOD "rules:\n  s:\n%s", rules);
	file_write(folder, "x.yaml", text);
	snprintf(path, sizeof(path), "%s/x.yaml", folder);
	*ret_conf = conf_open(path, &errs);
	if (*ret_conf == NULL)
		snprintf(wrong, n, "%s:%u: %s", strrchr(errs.err[0].at.file, '/') + 1,
			 errs.err[0].at.line, errs.err[0].text);
	conf_errs_fini(&errs);
	return *ret_conf == NULL ? wrong : NULL;
}

/* There is such a warning at this place, and it says both. */
static void
warned(const struct conf *conf, const char *file, uint32_t line, const char *says, const char *too)
{
	for (uint32_t i = 0; i < conf->warns.n; i++) {
		const struct conf_err *warn = &conf->warns.err[i];

		if (strcmp(strrchr(warn->at.file, '/') + 1, file) == 0 && warn->at.line == line &&
		    strstr(warn->text, says) != NULL && strstr(warn->text, too) != NULL)
			return;
	}
	conf_errs_print(&conf->warns, stdout);
	fail();
}

static void
maps_and_files_of_iis_lie_beside_the_file(void **state)
{
	char folder[] = "/tmp/penstock-native-XXXXXX", command[64], wrong[512];
	struct text t = { .n = 0 };
	struct conf *conf;

	(void)state;
	assert_non_null(mkdtemp(folder));
	file_write(folder, "m.tsv", "\xef\xbb\xbf/a\t/b c\r\n\n/d\t\n/e\t/f\tg");
	file_write(folder, "t.txt", "badbot\nworse bot\n");
	file_write(folder, "web.config",
		   "<rewrite><rules><rule name='w'><match url='x'/><action type='AbortRequest'/>"
		   "</rule></rules><rewriteMaps><rewriteMap name='wm'><add key='1' value='2'/>"
		   "</rewriteMap></rewriteMaps></rewrite>");
	wrong[0] = '\0';
	assert_null(opened_in(folder,
			      "  - {map: m, keys: {/k: v}, file: m.tsv, default: /, ignore_case: "
			      "false}\n"
			      "  - {map: t, file: t.txt, contains: true}\n"
			      "  - {name: n, deny: 403}\n"
			      "  - {iis: web.config, at: /blog}\n"
			      "  - {allow: [HTTP_X]}\n",
			      &conf, wrong, sizeof(wrong)));
	put_set(&t, conf->rule_sets);
	assert_string_equal(t.s, "map m keys exact \"/\": /k=v /a=/b c /d= /e=/f\tg\n"
				 "map t contains \"\": badbot=badbot worse bot=worse bot\n"
				 "map wm keys \"\": 1=2\n"
				 "strict: HTTP_X\n"
				 "[distributed /]\n"
				 "n: /.*/i CustomResponse 403\n"
				 "[distributed /blog]\n"
				 "w: /x/i AbortRequest\n");
	conf_close(conf);

	file_write(folder, "m.tsv", "/a\t/1\n/B\t/2\n/b\t/3\n/k\t/4\n");
	assert_null(opened_in(folder, "  - {map: m, keys: {/k: v}, file: m.tsv}\n", &conf, wrong,
			      sizeof(wrong)));
	warned(conf, "m.tsv", 3, "the key '/b' is already given in ", "m.tsv line 2");
	warned(conf, "m.tsv", 4, "the key '/k' is already given in ", "x.yaml line 13");
	conf_close(conf);
	assert_null(opened_in(folder, "  - {map: m, file: m.tsv, ignore_case: false}\n", &conf,
			      wrong, sizeof(wrong)));
	for (uint32_t i = 0; i < conf->warns.n; i++)
		assert_null(strstr(conf->warns.err[i].text, "is already given"));
	conf_close(conf);

	file_write(folder, "m.tsv", "/a\t/b\nno tab\n");
	assert_string_equal(
		opened_in(folder, "  - {map: m, file: m.tsv}\n", &conf, wrong, sizeof(wrong)),
		"m.tsv:2: this line has no tab; a line is the key, a tab and the value");
	assert_non_null(strstr(
		opened_in(folder, "  - {map: m, file: no.tsv}\n", &conf, wrong, sizeof(wrong)),
		"no.tsv cannot be read"));
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

/* Control has its own user: what root's check may read is not always for it. */
static void
who_may_not_read_is_named(void **state)
{
	static const char *const names[] = { "x.yaml", "m.tsv", "web.config" };
	char folder[] = "/tmp/penstock-native-XXXXXX", command[64], path[256];

	(void)state;
	if (geteuid() != 0)
		skip(); /* root alone can be somebody else */
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chmod(folder, 0755), 0);
	snprintf(path, sizeof(path), "%s/x.yaml", folder);
	for (size_t i = 0; i < N(names); i++) {
		struct conf_errs errs = { 0 };
		char secret[256];

		file_write(folder, "x.yaml",
			   CONF_GOOD "rules:\n  s:\n  - {map: m, file: m.tsv}\n"
				     "  - {iis: web.config}\n");
		file_write(folder, "m.tsv", "a\tb\n");
		file_write(folder, "web.config", "<rewrite/>");
		snprintf(secret, sizeof(secret), "%s/%s", folder, names[i]);
		assert_int_equal(chmod(secret, 0600), 0);
		assert_int_equal(seteuid(65534), 0);
		assert_null(conf_open(path, &errs));
		assert_int_equal(seteuid(0), 0);
		assert_int_equal(errs.n, 1);
		assert_non_null(strstr(errs.err[0].text, "Permission denied for user nobody"));
		assert_int_equal(chmod(secret, 0644), 0);
		conf_errs_fini(&errs);
	}
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

/* Lists of one name join, and a file's own files lie beside it. */
static void
sets_of_included_files_join(void **state)
{
	char folder[] = "/tmp/penstock-native-XXXXXX", path[256], command[64];
	struct conf_errs errs = { 0 };
	struct text t = { .n = 0 };
	struct conf *conf;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/sub", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	file_write(folder, "sub/m.tsv", "k\tv\n");
	file_write(folder, "sub/a.yaml",
		   "rules:\n  s:\n  - {name: b, deny: 403}\n"
		   "  - {map: m, file: m.tsv}\n  t: []\n");
	file_write(folder, "x.yaml",
		   CONF_GOOD "rules:\n  s:\n  - {name: a, deny: 403}\ninclude: sub/*.yaml\n");
	snprintf(path, sizeof(path), "%s/x.yaml", folder);
	conf = conf_open(path, &errs);
	conf_errs_print(&errs, stdout);
	assert_non_null(conf);
	put_set(&t, conf->rule_sets);
	assert_string_equal(t.s, "map m keys \"\": k=v\n[distributed /]\n"
				 "a: /.*/i CustomResponse 403\nb: /.*/i CustomResponse 403\n");
	assert_string_equal(conf->rule_sets->next->name.s, "t");
	assert_null(conf->rule_sets->next->scopes);
	conf_close(conf);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

/* ---- plain hosts ---- */

/* The farms that a file did not describe: name, server's address and ports. */
static void
assert_implicit(const char *more, const char *expected)
{
	char text[8192];
	struct text t = { .n = 0 };
	struct conf *conf;

	snprintf(text, sizeof(text), CONF_GOOD "%s", more);
	conf = opened(text);
	for (CONF_EACH(struct conf_farm, farm, &conf->farms)) {
		const struct conf_server *server = farm->servers.item;

		if (!farm->is_implicit)
			continue;
		put(&t, "%s = %s %llu %llu\n", farm->name.s, server->address.s,
		    (unsigned long long)server->http_port.v,
		    (unsigned long long)server->https_port.v);
		assert_string_equal(farm->host_header.s, "server");
		assert_true(farm->timeouts.connect.v == 5000000000);
	}
	assert_string_equal(t.s, expected);
	conf_close(conf);
}

static void
hosts_that_rules_name_become_farms(void **state)
{
	(void)state;
	assert_implicit("plain_hosts: true\n"
			"rules:\n"
			"  s:\n"
			"  - {name: a, rewrite: \"http://app1.internal:8080/{R:0}\"}\n"
			"  - {name: b, rewrite: \"HTTPS://App1.internal:8080/x\"}\n"
			"  - {name: c, rewrite: \"http://app2.internal{UNENCODED_URL}\"}\n"
			"  - {name: d, rewrite: \"http://app2.internal:80/\"}\n"
			"  - {name: e, rewrite: \"https://app2.internal\"}\n"
			"  - {name: f, rewrite: \"http://APP/x\"}\n"
			"  - {name: g, rewrite: \"http://10.0.0.77:81/x\"}\n"
			"  - {name: h, rewrite: \"/local\"}\n"
			"  - {name: i, redirect: \"http://elsewhere.example.com/\"}\n"
			"  - {name: j, enabled: false, rewrite: \"http://off.internal/\"}\n",
			"app1.internal:8080 = app1.internal 8080 8080\n"
			"app2.internal = app2.internal 80 443\n"
			"10.0.0.77:81 = 10.0.0.77 81 0\n");
	/* the Lync article's: the scheme is an expansion */
	assert_implicit(
		"plain_hosts: true\n"
		"rules:\n"
		"  s:\n"
		"  - {name: a, match: {where: {\"{CACHE_URL}\": \"^(https?)://\"}}, rewrite: "
		"\"{C:1}://lync.internal:8080/{R:0}\"}\n"
		"  - {name: b, match: {where: {\"{CACHE_URL}\": \"^(https?)://\"}}, rewrite: "
		"\"{ToLower:{C:1}}://sfb.internal/\"}\n"
		"  - {name: c, rewrite: \"{R:0}x\"}\n",
		"lync.internal:8080 = lync.internal 8080 8080\n"
		"sfb.internal = sfb.internal 80 443\n");
	assert_implicit("dynamic_hosts: [app1.internal, \"app2.internal:8080\"]\n"
			"rules:\n"
			"  s:\n"
			"  - {name: a, match: {path_regex: \"(.*)\"}, rewrite: "
			"\"http://{R:1}.internal/\"}\n"
			"  - {name: b, rewrite: \"http://app1.internal/\"}\n"
			"  - {name: c, rewrite: \"http://app3.internal/\"}\n",
			"app1.internal = app1.internal 80 443\n"
			"app2.internal:8080 = app2.internal 8080 8080\n");
}

/* ---- warnings ---- */

#define WEB                                                                                        \
	"listeners:\n"                                                                             \
	"  - {name: web, address: \"203.0.113.10:80\", rules: [s], farm: app}\n"

static void
what_will_surprise_is_a_warning(void **state)
{
	static const struct {
		const char *entry, *text;
	} cases[] = {
		{ "{name: a}", "the rule does nothing" },
		{ "{name: a, rewrite: \"http://app1.internal/\"}",
		  "'app1.internal' is no farm, so such a request is answered 404.4" },
		{ "{name: a, match: {path_regex: \"(.*)\"}, rewrite: \"http://{R:1}/\"}",
		  "dynamic_hosts: [app1.internal]" },
		{ "{name: a, rewrite: \"https://app/\"}",
		  "TLS towards servers is not in this version" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		char text[4096];
		struct conf *conf;

		snprintf(text, sizeof(text), CONF_MACHINE WEB CONF_FARMS "rules:\n  s:\n  - %s\n",
			 cases[i].entry);
		conf = opened(text);
		assert_int_equal(conf->warns.n, 1);
		assert_non_null(strstr(conf->warns.err[0].text, cases[i].text));
		assert_int_equal(conf->warns.err[0].at.line, 13);
		conf_close(conf);
	}
}

static void
a_set_that_no_listener_uses_is_a_warning(void **state)
{
	struct conf *conf = opened(CONF_GOOD "rules:\n  s:\n  - {name: a, deny: 403}\n");

	(void)state;
	assert_int_equal(conf->warns.n, 1);
	assert_int_equal(conf->warns.err[0].at.line, 12);
	assert_non_null(strstr(conf->warns.err[0].text, "no listener uses the set 's'"));
	conf_close(conf);
}

/* What IIS would say of variables concerns its files, and sets that say so themselves. */
static void
native_rules_set_variables_freely(void **state)
{
	struct conf *conf = opened(CONF_MACHINE WEB CONF_FARMS
				   "rules:\n  s:\n  - {name: a, set: {variable: {V: x}}}\n");

	(void)state;
	assert_int_equal(conf->warns.n, 0);
	conf_close(conf);
	conf = opened(CONF_MACHINE WEB CONF_FARMS
		      "rules:\n  s:\n  - {name: a, set: {variable: {V: x}}}\n"
		      "  - {allow: [W]}\n");
	assert_int_equal(conf->warns.n, 1);
	assert_non_null(strstr(conf->warns.err[0].text, "500.50"));
	conf_close(conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_action_comes_into_the_model),
		cmocka_unit_test(headers_and_variables_are_set_in_their_order),
		cmocka_unit_test(every_key_of_match_becomes_a_condition),
		cmocka_unit_test(paths_are_prefixes_by_segments),
		cmocka_unit_test(and_or_and_not_become_a_list_of_alternatives),
		cmocka_unit_test(other_syntaxes_are_of_users_patterns_alone),
		cmocka_unit_test(groups_are_scopes_in_the_order_of_work),
		cmocka_unit_test(edits_of_headers_tags_and_bodies),
		cmocka_unit_test(maps_and_files_of_iis_lie_beside_the_file),
		cmocka_unit_test(who_may_not_read_is_named),
		cmocka_unit_test(sets_of_included_files_join),
		cmocka_unit_test(hosts_that_rules_name_become_farms),
		cmocka_unit_test(what_will_surprise_is_a_warning),
		cmocka_unit_test(a_set_that_no_listener_uses_is_a_warning),
		cmocka_unit_test(native_rules_set_variables_freely),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
