/*
 * Rules of IIS written as rules of penstock.yaml, and read again: the model is the same. (That
 * equal models give equal verdicts, and that verdicts are those of the reference, is tests/rules'.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "rules/iis.h"
#include "rules/yaml.h"

#define N(list) (sizeof(list) / sizeof((list)[0]))

#define MACHINE                                                                                    \
	"machine:\n  cores: [1]\n  ports:\n"                                                       \
	"    - {name: p, device: packet:e0, addresses: [10.0.0.5/24]}\n"

/* ---- a set in words, so that two can be compared ---- */

static const char *
word(struct rule_text text)
{
	return text.s != NULL ? text.s : "-";
}

static void
conds_tell(FILE *to, const struct rule_conds *conds)
{
	for (const struct rule_cond *c = conds->first; c != NULL; c = c->next) {
		bool is_or = conds->match_any ? c->next != NULL : c->or_next;

		fprintf(to, "  cond %s [%s] [%s]%s%s%s\n", img_cond_kind_name(c->kind),
			word(c->input), c->kind == IMG_COND_PATTERN ? word(c->pattern) : "",
			c->ignores_case || c->kind != IMG_COND_PATTERN ? "" : " case",
			c->is_negated ? " not" : "", is_or ? " or" : "");
	}
	if (conds->first != NULL && conds->track_all)
		fprintf(to, "  all captures\n");
}

static void
rule_tell(FILE *to, const struct rule *rule)
{
	fprintf(to, " rule %s %s [%s]%s%s%s%s\n", word(rule->name), img_syntax_name(rule->syntax),
		word(rule->match), rule->ignores_case ? "" : " case",
		rule->is_negated ? " not" : "", rule->is_enabled ? "" : " off",
		rule->stops ? " stop" : "");
	conds_tell(to, &rule->conds);
	for (const struct rule_set_var *set = rule->set; set != NULL; set = set->next)
		fprintf(to, "  set %s [%s]%s %d%d\n", word(set->name), word(set->value),
			set->replaces ? "" : " keep", set->is_header, set->is_response);
	fprintf(to, "  %s", img_action_name(rule->action));
	if (rule->action == IMG_ACTION_REWRITE || rule->action == IMG_ACTION_REDIRECT)
		fprintf(to, " [%s]%s%s", word(rule->url), rule->appends_query ? "" : " drop",
			rule->logs_rewritten ? " log" : "");
	if (rule->action == IMG_ACTION_REDIRECT || rule->action == IMG_ACTION_RESPOND)
		fprintf(to, " %u", rule->status);
	if (rule->action == IMG_ACTION_RESPOND)
		fprintf(to, " %u [%s] [%s]", rule->substatus, word(rule->reason), word(rule->body));
	fprintf(to, "\n");
}

static const struct rule_pre *
pre_of(const struct rule_scope *scope, const struct out_rule *rule)
{
	const struct rule_pre *pre = scope->pres;

	while (pre != NULL && (rule->pre.s == NULL || strcmp(pre->name.s, rule->pre.s) != 0))
		pre = pre->next;
	return pre;
}

static void
out_tell(FILE *to, const struct out_rule *rule, const struct rule_scope *scope)
{
	const struct rule_pre *pre = pre_of(scope, rule);

	fprintf(to, " edit %s %s %s %s [%s]%s%s%s%s %u\n", word(rule->name),
		img_syntax_name(rule->syntax), img_out_kind_name(rule->kind),
		rule->kind == IMG_OUT_VARIABLE ? word(rule->variable) : "", word(rule->match),
		rule->ignores_case ? "" : " case", rule->is_negated ? " not" : "",
		rule->is_enabled ? "" : " off", rule->stops ? " stop" : "", rule->tags);
	for (const struct rule_tags *tags = scope->customs; tags != NULL; tags = tags->next)
		if (rule->has_custom &&
		    (rule->custom.s == NULL || strcmp(rule->custom.s, tags->name.s) == 0))
			for (const struct rule_tag *tag = tags->first; tag != NULL; tag = tag->next)
				fprintf(to, "  tag %s.%s\n", word(tag->tag), word(tag->attribute));
	if (pre != NULL && pre->conds.first != NULL) {
		fprintf(to, "  when %s\n", img_syntax_name(pre->syntax));
		conds_tell(to, &pre->conds);
	}
	conds_tell(to, &rule->conds);
	fprintf(to, "  %s [%s]%s %u\n", img_action_name(rule->action),
		rule->action == IMG_ACTION_REWRITE ? word(rule->value) : "",
		rule->replaces ? "" : " keep", rule->occurrences);
}

static const char *
set_tell(struct arena *arena, const struct rule_sets *set)
{
	char *bytes = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&bytes, &n);
	const char *text;

	assert_non_null(to);
	for (const struct rule_map *map = set->maps; map != NULL; map = map->next) {
		fprintf(to, "map %s %s [%s]%s\n", word(map->name), img_map_kind_name(map->kind),
			word(map->absent), map->ignores_case ? "" : " case");
		for (const struct rule_pair *pair = map->first; pair != NULL; pair = pair->next)
			fprintf(to, " [%s] [%s]\n", word(pair->key), word(pair->value));
	}
	for (const struct rule_allowed *a = set->allowed; a != NULL; a = a->next)
		fprintf(to, "allow %s\n", word(a->name));
	fprintf(to, "%s\n", set->is_strict ? "strict" : "free");
	for (const struct rule_scope *scope = set->scopes; scope != NULL; scope = scope->next) {
		fprintf(to, "%s %s%s%s%s", img_scope_kind_name(scope->kind), scope->folder,
			scope->keeps_escapes ? " escapes" : "",
			scope->keeps_spelling ? " spelling" : "",
			scope->before_cache ? " before" : "");
		for (const struct rule_folder *f = scope->excepts; f != NULL; f = f->next)
			fprintf(to, " !%s", f->folder);
		fprintf(to, "\n");
		for (const struct rule *rule = scope->rules; rule != NULL; rule = rule->next)
			rule_tell(to, rule);
		for (const struct out_rule *out = scope->outs; out != NULL; out = out->next)
			out_tell(to, out, scope);
	}
	fclose(to);
	text = arena_text(arena, bytes, n);
	free(bytes);
	return text;
}

/* ---- there and back ---- */

struct trip {
	struct arena arena;
	struct conf_errs errs, warns;
	struct rule_sets *set;
	const char *yaml;
	struct yaml_file *files;
};

static void
trip_open(struct trip *trip, const char *web, const char *host, const char *stem)
{
	struct iis_texts texts = { .is_alone = true };
	struct yaml_options options = { .set = "in", .stem = stem };

	*trip = (struct trip){ 0 };
	options.warns = &trip->warns;
	if (web != NULL)
		texts.web_config = (struct iis_text){ "web.config", web, strlen(web) };
	if (host != NULL)
		texts.app_host = (struct iis_text){ "host.config", host, strlen(host) };
	trip->set = iis_open_text(&trip->arena, &texts, &trip->errs, &trip->warns);
	conf_errs_print(&trip->errs, stderr);
	assert_non_null(trip->set);
	trip->yaml = yaml_rules(&trip->arena, trip->set, &options, &trip->errs, &trip->files);
}

static void
trip_end(struct trip *trip)
{
	conf_errs_fini(&trip->errs);
	conf_errs_fini(&trip->warns);
	arena_fini(&trip->arena);
}

static void
comes_back(const char *web, const char *host)
{
	struct conf_errs errs = { 0 };
	const char *text, *there, *back;
	struct conf *conf;
	struct trip trip;

	trip_open(&trip, web, host, NULL);
	conf_errs_print(&trip.errs, stderr);
	assert_non_null(trip.yaml);
	text = arena_format(&trip.arena, "%s%s", MACHINE, trip.yaml);
	conf = conf_open_text("out.yaml", text, strlen(text), &errs);
	conf_errs_print(&errs, stderr);
	if (conf == NULL)
		print_error("%s\n", text);
	assert_non_null(conf);
	there = set_tell(&trip.arena, trip.set);
	back = set_tell(&trip.arena, conf->rule_sets);
	if (strcmp(there, back) != 0)
		print_error("%s\n", text);
	assert_string_equal(there, back);
	conf_close(conf);
	conf_errs_fini(&errs);
	trip_end(&trip);
}

#define RULES(text) "<rewrite><rules>" text "</rules></rewrite>"
#define OUTS(text)  "<rewrite><outboundRules>" text "</outboundRules></rewrite>"
#define MATCH	    "<match url='^a/(.*)'/>"

static void
inbound_rules_come_back(void **state)
{
	static const char *const web[] = {
		RULES("<rule name='a' stopProcessing='true'>" MATCH
		      "<action type='Rewrite' url='/b/{R:1}?x=1&amp;{QUERY_STRING}' "
		      "appendQueryString='false' logRewrittenUrl='true'/></rule>"
		      "<rule name='b' enabled='false' patternSyntax='Wildcard'>"
		      "<match url='*' negate='true' ignoreCase='false'/>"
		      "<action type='Redirect' url='https://{HTTP_HOST}/{R:0}'/></rule>"),
		RULES("<rule name=\"it's: {a} # &quot;q&quot;\">" MATCH
		      "<action type='Redirect' url='x' redirectType='308' "
		      "appendQueryString='false'/></rule>"
		      "<rule name='c' patternSyntax='ExactMatch'><match url='a b'/>"
		      "<action type='CustomResponse' statusCode='403' subStatusCode='4' "
		      "statusReason='No: {R:0}' statusDescription='a&#10;&quot;b\\&#9;é'/></rule>"
		      "<rule name='d'><match url='.*'/><action type='AbortRequest'/></rule>"
		      "<rule name='e' stopProcessing='true'><match url='.*' negate='true'/>"
		      "<action type='None'/></rule>"),
		RULES("<rule name='a'><match url='.*'/><conditions trackAllCaptures='true'>"
		      "<add input='{URL}' pattern='(a)'/><add input='{QUERY_STRING}' pattern='' "
		      "ignoreCase='false'/><add input='{REQUEST_FILENAME}' matchType='IsFile' "
		      "negate='true'/></conditions><serverVariables>"
		      "<set name='HTTP_X' value='{C:1}' replace='false'/>"
		      "<set name='HTTP_ACCEPT_ENCODING' value=''/><set name='OWN' value='1'/>"
		      "<set name='OWN' value='2'/><set name='OWN' value='3'/>"
		      "</serverVariables></rule>"),
		RULES("<rule name='a'>" MATCH "<conditions logicalGrouping='MatchAny'>"
		      "<add input='{HTTP_HOST}' pattern='a'/><add input='{HTTP_HOST}' pattern='b' "
		      "negate='true'/><add input='x' matchType='IsDirectory'/></conditions></rule>"
		      "<rule name='b'>" MATCH "<conditions><add input='{URL}' pattern='a'/>"
		      "<add input='{URL}' pattern='b' negate='true'/></conditions></rule>"
		      "<rule name='c'>" MATCH "<conditions logicalGrouping='MatchAny'>"
		      "<add input='{URL}' pattern='a'/></conditions></rule>"),
	};

	(void)state;
	for (size_t i = 0; i < N(web); i++)
		comes_back(web[i], NULL);
}

static void
outbound_rules_come_back(void **state)
{
	(void)state;
	comes_back(OUTS("<preConditions><preCondition name='a' logicalGrouping='MatchAny'>"
			"<add input='{RESPONSE_CONTENT_TYPE}' pattern='^text/html'/>"
			"<add input='{RESPONSE_STATUS}' pattern='^3' negate='true'/>"
			"</preCondition></preConditions><customTags><tags name='a'>"
			"<tag name='video' attribute='poster'/><tag name='div' attribute='data-x'/>"
			"</tags></customTags>"
			"<rule name='a' preCondition='a' stopProcessing='true'>"
			"<match filterByTags='A, Script, CustomTags' customTags='a' "
			"pattern='^/(.*)' ignoreCase='false'/><conditions>"
			"<add input='{URL}' pattern='^/x'/></conditions>"
			"<action type='Rewrite' value='/y/{R:1}'/></rule>"
			"<rule name='b'><match serverVariable='RESPONSE_STRICT_TRANSPORT_SECURITY' "
			"pattern='.*' negate='true'/><conditions trackAllCaptures='false'>"
			"<add input='{HTTPS}' pattern='on'/></conditions>"
			"<action type='Rewrite' value='' replace='false'/></rule>"
			"<rule name='c' enabled='false'>"
			"<match serverVariable='HTTP_ACCEPT_ENCODING' pattern='^(.*)'/>"
			"<action type='None'/></rule>"
			"<rule name='d' patternSyntax='ExactMatch'>"
			"<match pattern='abc' occurrences='3'/>"
			"<action type='Rewrite' value='x'/></rule>"),
		   NULL);
}

static void
folders_maps_and_global_rules_come_back(void **state)
{
	(void)state;
	comes_back("<configuration><system.webServer><rewrite>"
		   "<rules useOriginalURLEncoding='false'><rule name='1'>" MATCH "</rule></rules>"
		   "<rewriteMaps><rewriteMap name='M' defaultValue='d' ignoreCase='false'>"
		   "<add key='/a: b' value='- c'/><add key='true' value=' '/></rewriteMap>"
		   "<rewriteMap name='E'/></rewriteMaps></rewrite></system.webServer>"
		   "<location path='b'><system.webServer><rewrite><rules><clear/><rule name='2'>"
		   "<match url='{'/></rule></rules></rewrite></system.webServer></location>"
		   "<location path='c/d'><system.webServer><rewrite>"
		   "<rules useOriginalURLEncoding='true'><remove name='1'/><rule name='3'>" MATCH
		   "</rule></rules><outboundRules rewriteBeforeCache='true'><rule name='4'>"
		   "<match pattern='x'/></rule></outboundRules></rewrite></system.webServer>"
		   "</location></configuration>",
		   "<rewrite><globalRules><rule name='g' patternSyntax='Wildcard' "
		   "stopProcessing='true'><match url='*'/>"
		   "<action type='Rewrite' url='http://app/{R:0}'/></rule></globalRules>"
		   "<allowedServerVariables><add name='HTTP_X'/></allowedServerVariables>"
		   "</rewrite>");
}

/* Who has an applicationHost.config that allows nothing. */
static void
an_empty_list_of_allowed_variables_comes_back(void **state)
{
	(void)state;
	comes_back(RULES("<rule name='a'>" MATCH "</rule>"), "<rewrite/>");
	comes_back("<rewrite/>", NULL);
}

/* A key longer than YAML reads before its ':'. */
static void
long_texts_come_back(void **state)
{
	char text[8192] = "<rewrite><rewriteMaps><rewriteMap name='M'><add key='";

	(void)state;
	memset(text + strlen(text), 'k', 3000);
	strcat(text, "' value='v'/></rewriteMap></rewriteMaps></rewrite>");
	comes_back(text, NULL);
}

/* In YAML a name is there once, in all folders and directions. */
static void
names_are_told_apart(void **state)
{
	struct trip trip;

	(void)state;
	trip_open(&trip,
		  "<rewrite><rules><rule name='x'><match url='a'/></rule></rules><outboundRules>"
		  "<rule name='X'><match pattern='a'/></rule></outboundRules></rewrite>",
		  NULL, NULL);
	assert_non_null(strstr(trip.yaml, "(2)'"));
	trip_end(&trip);
}

/* Patterns of a precondition in another syntax than the rule's. */
static void
syntaxes_that_differ_become_regular_expressions(void **state)
{
	struct trip trip;

	(void)state;
	trip_open(&trip,
		  OUTS("<preConditions><preCondition name='p' patternSyntax='Wildcard'>"
		       "<add input='{RESPONSE_CONTENT_TYPE}' pattern='text/*+?'/></preCondition>"
		       "</preConditions><rule name='a' preCondition='p' "
		       "patternSyntax='ExactMatch'><match pattern='a.b'/></rule>"),
		  NULL, NULL);
	assert_non_null(strstr(trip.yaml, "'^text/([\\s\\S]*?)\\+[\\s\\S]$'"));
	assert_non_null(strstr(trip.yaml, "pattern: 'a\\.b'"));
	assert_null(strstr(trip.yaml, "syntax:"));
	trip_end(&trip);
}

/* Warnings, and hosts that need a farm. */
static void
comments_tell_what_to_look_at(void **state)
{
	struct trip trip;

	(void)state;
	trip_open(&trip,
		  RULES("<rule name='a' color='red'>" MATCH
			"<action type='Rewrite' url='http://app:8080/{R:1}'/></rule>"),
		  NULL, NULL);
	assert_non_null(strstr(trip.yaml, "# web.config:1:32: rule 'a': <rule> has no attribute"));
	assert_non_null(strstr(trip.yaml, "# Rules send requests to app:8080: "));
	trip_end(&trip);
}

static void
what_yaml_cannot_say_is_told(void **state)
{
	struct trip trip;

	(void)state;
	trip_open(&trip,
		  RULES("<rule name='a'>" MATCH "<serverVariables><set name='1' value='1'/>"
			"<set name='1' value='2'/></serverVariables></rule>"),
		  NULL, NULL);
	assert_null(trip.yaml);
	assert_non_null(strstr(trip.errs.err[0].text, "rule 'a': it sets '1' more often"));
	trip_end(&trip);
	trip_open(
		&trip,
		RULES("<rule name='a'>" MATCH
		      "<serverVariables><set name='X' value='1&#10;2'/></serverVariables></rule>"),
		NULL, NULL);
	assert_null(trip.yaml);
	assert_non_null(strstr(trip.errs.err[0].text, "the value of 'X' has a line break"));
	trip_end(&trip);
	trip_open(&trip,
		  "<rewrite><rewriteMaps><rewriteMap name='M'><add key='' value='1'/></rewriteMap>"
		  "</rewriteMaps></rewrite>",
		  NULL, NULL);
	assert_null(trip.yaml);
	assert_non_null(strstr(trip.errs.err[0].text, "rewrite map 'M': YAML has no empty key"));
	trip_end(&trip);
}

/* Large maps go into files when there is a place for them. */
static void
large_maps_become_files(void **state)
{
	static char text[1 << 20] = "<rewrite><rewriteMaps><rewriteMap name='M 1'>";
	char *to = text + strlen(text);
	struct trip trip;

	(void)state;
	for (int i = 0; i < 10000; i++)
		to += sprintf(to, "<add key='/k%d' value='/v%d'/>", i, i);
	strcpy(to, "</rewriteMap></rewriteMaps></rewrite>");
	trip_open(&trip, text, NULL, "rules.yaml");
	assert_non_null(trip.yaml);
	assert_non_null(strstr(trip.yaml, "file: 'rules.yaml.M-1.0.tsv'"));
	assert_string_equal(trip.files->name, "rules.yaml.M-1.0.tsv");
	assert_memory_equal(trip.files->bytes, "/k0\t/v0\n/k1\t/v1\n", 16);
	trip_end(&trip);
	trip_open(&trip, text, NULL, NULL);
	assert_null(trip.yaml);
	assert_non_null(strstr(trip.errs.err[0].text, "give -o FILE"));
	trip_end(&trip);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inbound_rules_come_back),
		cmocka_unit_test(outbound_rules_come_back),
		cmocka_unit_test(folders_maps_and_global_rules_come_back),
		cmocka_unit_test(an_empty_list_of_allowed_variables_comes_back),
		cmocka_unit_test(long_texts_come_back),
		cmocka_unit_test(names_are_told_apart),
		cmocka_unit_test(syntaxes_that_differ_become_regular_expressions),
		cmocka_unit_test(comments_tell_what_to_look_at),
		cmocka_unit_test(what_yaml_cannot_say_is_told),
		cmocka_unit_test(large_maps_become_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
