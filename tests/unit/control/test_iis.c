/*
 * Rules as IIS has them: what good files become, and what is said of broken ones. Numbers are
 * sections of the rules' reference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ensure.h"
#include "rules/iis.h"
#include "rules/program.h"

#define N(list) (sizeof(list) / sizeof((list)[0]))

/* What one reading gave. */
struct reading {
	struct arena arena;
	struct conf_errs errs, warns;
	struct rule_sets *sets;
};

static void
reading_open(struct reading *r, const char *web, const char *host, const char *site_path)
{
	struct iis_texts texts = { .site_path = site_path, .is_alone = true };

	*r = (struct reading){ 0 };
	if (web != NULL)
		texts.web_config = (struct iis_text){ "web.config", web, strlen(web) };
	if (host != NULL)
		texts.app_host = (struct iis_text){ "host.config", host, strlen(host) };
	r->sets = iis_open_text(&r->arena, &texts, &r->errs, &r->warns);
}

static void
reading_good(struct reading *r, const char *web)
{
	reading_open(r, web, NULL, NULL);
	conf_errs_print(&r->errs, stderr);
	assert_non_null(r->sets);
}

static void
reading_end(struct reading *r)
{
	conf_errs_fini(&r->errs);
	conf_errs_fini(&r->warns);
	arena_fini(&r->arena);
}

static bool
is_told(const struct conf_errs *errs, const char *words)
{
	for (uint32_t i = 0; i < errs->n; i++)
		if (strstr(errs->err[i].text, words) != NULL)
			return true;
	return false;
}

static const struct rule_scope *
scope_at(const struct rule_sets *sets, uint32_t i)
{
	const struct rule_scope *scope = sets->scopes;

	while (i-- > 0)
		scope = scope->next;
	return scope;
}

/* ---- broken files ---- */

/* Line 1 is the roots, line 2 the rule, line 3 what is inside. */
#define RULES(text)  "<rewrite><rules>\n" text "\n</rules></rewrite>"
#define RULE(inside) RULES("<rule name=\"r1\">\n" inside "\n</rule>")
#define MATCH	     "<match url=\"a\"/>"
#define ACTION(text) RULE(MATCH "\n<action " text "/>")
#define COND(text)   RULE(MATCH "\n<conditions><add " text "/></conditions>")
#define OUTS(text)   "<rewrite><outboundRules>\n" text "\n</outboundRules></rewrite>"
#define OUT(inside)  OUTS("<rule name=\"o1\">\n" inside "\n</rule>")
#define MAP(inside)                                                                                \
	"<rewrite><rewriteMaps>\n<rewriteMap name=\"m1\">\n" inside                                \
	"\n</rewriteMap></rewriteMaps></rewrite>"
#define PROVIDER(type, inside)                                                                     \
	"<rewrite><providers>\n<provider name=\"p1\" type=\"" type "\">\n<settings>" inside        \
	"</settings></provider></providers></rewrite>"

struct broken {
	const char *text;
	uint32_t line, col;
	const char *wrong, *cure; /* both stand in the error */
};

/* clang-format off */
static const struct broken no_xml[] = {
	{ "", 0, 0, "the file is empty", "must hold <configuration>" },
	{ "\n \n", 1, 1, "no element", "must hold <configuration>" },
	{ "rewrite: {}\n", 1, 1, "no element", "must hold <configuration>" },
	{ ACTION("type=\"Rewrite\" url=\"/x?sl=1&{QUERY_STRING}\""), 4, 36, "rule 'r1': a raw & is not XML", "must be written &amp;" },
	{ COND("input=\"{R:0}\" pattern=\"a&b=1\""), 4, 42, "rule 'r1': a raw &", "must be written &amp;" },
	{ COND("input=\"{R:0}\" pattern=\"a&nbsp;b\""), 4, 42, "rule 'r1': XML has no &nbsp;", "& as &amp;" },
	{ RULE(MATCH "a & b"), 3, 19, "rule 'r1': a raw &", "must be written &amp;" },
	{ RULES("<rule name=”r1″>\n</rule>"), 2, 12, "typographic quotes", "straight ones" },
	{ RULES("<rule name='r1'><match url=“a”/>\n</rule>"), 2, 28, "rule 'r1': typographic quotes", "straight ones" },
	{ RULES("< rule name=\"r1\">\n</rule>"), 2, 1, "begins no element", "without a blank" },
	{ RULE("<match url=a/>"), 3, 12, "rule 'r1': a value stands in no quotes", "write name=\"value\"" },
	{ RULE("<match url/>"), 3, 8, "rule 'r1': the attribute 'url' has no value", "write url=\"value\"" },
	{ RULE("<match url=\"a/>"), 3, 12, "rule 'r1': the value that begins here has no closing quote", "write one" },
	{ RULE("<match url=\"a/>\n<action type=\"None\"/>"), 4, 1, "rule 'r1': a raw < inside a value", "closing quote is missing" },
	{ RULE("<match url=\"(?<x>a)\"/>"), 3, 15, "rule 'r1': a raw <", "must be written &lt;" },
	{ RULE("<match url=\"a\" url=\"b\"/>"), 3, 16, "rule 'r1': the attribute 'url' is given twice", "keep one" },
	{ RULE("<match url=\"a\" ?/>"), 3, 16, "rule 'r1': no name of an attribute", "close it with >" },
	{ RULE("<match url=\"a\">"), 4, 1, "rule 'r1': </rule> ends what <match> in line 3 began", "write </match> before it" },
	{ "<rewrite><rules>\n", 1, 10, "<rules> is not closed", "write </rules>" },
	{ "<rewrite>\n</rewrite></rewrite>", 2, 11, "not begun", "remove it" },
	{ "<rewrite/>\n<rewrite/>", 2, 1, "a second root element", "has one" },
	{ "<rewrite>\n<!-- x </rewrite>", 2, 1, "the comment that begins here", "close it with -->" },
	{ "<rewrite>\n <![CDATA[ x </rewrite>", 2, 2, "the CDATA section", "close it with ]]>" },
	{ "<rewrite>\n<? x </rewrite>", 2, 1, "the instruction", "close it with ?>" },
	{ "<rewrite>\n<rules", 2, 1, "does not end", "close it with >" },
	{ "<rewrite></rewrite x>", 1, 10, "the end of an element", "</name>" },
	{ "<!DOCTYPE rewrite [<!ENTITY a \"b\">]>\n<rewrite/>", 1, 1, "document type (DTD)", "remove <!DOCTYPE" },
	{ "<?xml version=\"1.0\" encoding=\"klingon\"?>\n<rewrite/>", 1, 1, "'klingon'", "save it as UTF-8" },
	{ "<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<rewrite/>", 1, 1, "'utf-16', which it does not have", "save it as UTF-8" },
	{ "<rewrite>\n<!-- \xe4 --></rewrite>", 2, 6, "byte 0xe4 is not UTF-8", "declare its encoding" },
	{ "<rewrite>\n<!-- \x01 --></rewrite>", 2, 6, "byte 0x01 is no character of XML", "save the file" },
	{ "<rewrite><!-- a -- b --></rewrite>", 1, 17, "not XML: Double hyphen", "correct it" },
	{ "<rewrite 1a='x'></rewrite>", 1, 10, "not XML", "correct it" },
};

static const struct broken rules[] = {
	{ "<web/>", 1, 1, "the root element is <web>", "write <configuration>, <system.webServer> or <rewrite>" },
	{ "<rewrite>\n <rule name=\"x\"/></rewrite>", 2, 2, "<rule> does not belong into <rewrite>", "holds globalRules, rules" },
	{ "<rewrite><rules>\n</rules><rules/></rewrite>", 2, 9, "a second <rules>", "make one of the two" },
	{ RULES("<add name=\"x\"/>"), 2, 1, "<add> does not belong into <rules>", "holds <rule>" },
	{ RULES("<rule>" MATCH "</rule>"), 2, 1, "<rule> has no name", "write name=\"...\"" },
	{ RULES("<rule name=\"\">" MATCH "</rule>"), 2, 13, "the name of <rule> is empty", "write name=\"...\"" },
	{ RULES("<rule name=\"a\">" MATCH "</rule>\n<rule name=\"A\">" MATCH "</rule>"), 3, 13, "rule 'A': the name is already in use in line 2 of web.config", "give it another" },
	{ RULES("<rule name=\"a\" enabled=\"yes\">" MATCH "</rule>"), 2, 25, "rule 'a': enabled=\"yes\"", "true nor false" },
	{ RULES("<rule name=\"a\" patternSyntax=\"Regex\">" MATCH "</rule>"), 2, 31, "rule 'a': patternSyntax=\"Regex\"", "write ECMAScript, Wildcard or ExactMatch" },
	{ RULES("<rule name=\"a\" stopProcessing=\"1\">" MATCH "</rule>"), 2, 32, "rule 'a': stopProcessing=\"1\"", "write one of the two" },
	{ RULES("<rule name=\"a\" responseCacheDirective=\"Sometimes\">" MATCH "</rule>"), 2, 40, "rule 'a': responseCacheDirective", "Auto, Always, Never or NotIfRuleMatched" },
	{ RULES("<rule name=\"a\"/>"), 2, 1, "rule 'a': the rule has no <match>", "write <match url=" },
	{ RULE("<match/>"), 3, 1, "rule 'r1': <match> has no url", "write url=\".*\"" },
	{ RULE("<match url=\"\"/>"), 3, 13, "rule 'r1': the url of <match> is empty", "write url=\".*\"" },
	{ RULE(MATCH MATCH), 3, 17, "rule 'r1': a second <match>", "make one of the two" },
	{ RULE(MATCH "\n<condition/>"), 4, 1, "rule 'r1': <condition> does not belong into <rule>", "holds <match>, <conditions>" },
	{ RULE("<match url=\"a\" negate=\"maybe\"/>"), 3, 24, "rule 'r1': negate=\"maybe\"", "true nor false" },
	{ RULE("<match url=\"a\"><add/></match>"), 3, 16, "rule 'r1': <add> stands in <match>", "write <match .../>" },
	{ RULE(MATCH " text"), 2, 1, "text stands in <rule>", "write it as <!-- a comment -->" },
	{ RULE(MATCH "\n<conditions logicalGrouping=\"Any\"/>"), 4, 30, "rule 'r1': logicalGrouping=\"Any\"", "MatchAll or MatchAny" },
	{ RULE(MATCH "\n<conditions trackAllCaptures=\"on\"/>"), 4, 31, "rule 'r1': trackAllCaptures=\"on\"", "true nor false" },
	{ COND("pattern=\"a\""), 4, 13, "rule 'r1': <add> has no input", "write input=" },
	{ COND("input=\"\" pattern=\"a\""), 4, 25, "rule 'r1': the input of <add> is empty", "write input=" },
	{ COND("input=\"x\" matchType=\"IsFolder\""), 4, 39, "rule 'r1': matchType=\"IsFolder\"", "Pattern, IsFile or IsDirectory" },
	{ RULE(MATCH "\n<serverVariables><set value=\"x\"/></serverVariables>"), 4, 18, "rule 'r1': <set> has no name", "HTTP_X_NAME" },
	{ RULE(MATCH "\n<serverVariables><add name=\"x\"/></serverVariables>"), 4, 18, "rule 'r1': <add> does not belong into <serverVariables>", "holds <set>" },
	{ ACTION("type=\"Forward\" url=\"x\""), 4, 15, "rule 'r1': type=\"Forward\"", "None, Rewrite, Redirect, CustomResponse or AbortRequest" },
	{ ACTION("type=\"Rewrite\""), 4, 1, "rule 'r1': the action Rewrite has no url", "write url=" },
	{ ACTION("type=\"Redirect\" url=\"x\" redirectType=\"304\""), 4, 47, "rule 'r1': redirectType=\"304\"", "Permanent, Found, SeeOther, Temporary" },
	{ ACTION("type=\"Rewrite\" url=\"x\" appendQueryString=\"no\""), 4, 51, "rule 'r1': appendQueryString=\"no\"", "true nor false" },
	{ ACTION("type=\"CustomResponse\""), 4, 1, "rule 'r1': CustomResponse has no statusCode", "write statusCode=\"403\"" },
	{ ACTION("type=\"CustomResponse\" statusCode=\"302\""), 4, 43, "rule 'r1': statusCode=\"302\" is a redirect", "type=\"Redirect\"" },
	{ ACTION("type=\"CustomResponse\" statusCode=\"100\""), 4, 43, "rule 'r1': statusCode=\"100\" is no final status", "from 200 to 999" },
	{ ACTION("type=\"CustomResponse\" statusCode=\"1000\""), 4, 43, "rule 'r1': statusCode=\"1000\"", "from 0 to 999" },
	{ ACTION("type=\"CustomResponse\" statusCode=\"4o4\""), 4, 43, "rule 'r1': statusCode=\"4o4\"", "no number" },
	{ ACTION("type=\"CustomResponse\" statusCode=\"404\" subStatusCode=\"1000\""), 4, 63, "rule 'r1': subStatusCode=\"1000\"", "from 0 to 999" },
	{ "<rewrite>\n <globalRules/></rewrite>", 2, 2, "<globalRules> stands in applicationHost.config alone", "move it there" },
	{ RULES("<remove/>"), 2, 1, "<remove> has no name", "of what is to go" },
	{ "<configuration>\n<location path=\"../x\"/></configuration>", 2, 17, "'..' in the path of a location", "name the folder" },
	{ "<rewrite><rules configSource=\"rules.config\"/></rewrite>", 1, 31, "no further files are read", "write out" },
	{ "<rewrite><rules configSource=\"../rules.config\"/></rewrite>", 1, 31, "configSource '../rules.config' is no file beside", "without '..'" },
	{ "<rewrite><rules configSource=\"C:\\rules.config\"/></rewrite>", 1, 31, "is no file beside", "without a drive" },
};

static const struct broken others[] = {
	{ OUTS("<rule name=\"o\"/>"), 2, 1, "outbound rule 'o': the rule has no <match>", "write <match serverVariable=" },
	{ OUT("<match filterByTags=\"A\"/>"), 3, 1, "outbound rule 'o1': <match> has no pattern", "write pattern=" },
	{ OUT("<match filterByTags=\"A, Div\" pattern=\"x\"/>"), 3, 25, "outbound rule 'o1': filterByTags names 'Div'", "list the tag in <customTags>" },
	{ OUT("<match serverVariable=\"RESPONSE_X\" filterByTags=\"A\" pattern=\"x\"/>"), 3, 24, "outbound rule 'o1': serverVariable and filterByTags", "make a rule for the header" },
	{ OUT("<match pattern=\"x\" negate=\"true\"/>"), 3, 28, "outbound rule 'o1': negate on the response's body", "remove it" },
	{ OUT("<match pattern=\"x\" occurrences=\"many\"/>"), 3, 33, "outbound rule 'o1': occurrences=\"many\"", "no number" },
	{ OUTS("<rule name=\"o1\" patternSyntax=\"Wildcard\">\n<match pattern=\"x*\"/></rule>"), 3, 17, "outbound rule 'o1': a Wildcard pattern", "use ECMAScript or ExactMatch" },
	{ OUT("<match pattern=\"x\"/><action type=\"Redirect\" value=\"y\"/>"), 3, 35, "outbound rule 'o1': type=\"Redirect\"", "None or Rewrite" },
	{ OUT("<match pattern=\"x\"/><serverVariables/>"), 3, 21, "outbound rule 'o1': <serverVariables> does not belong", "<match>, <conditions> and <action>" },
	{ OUTS("<rule name=\"o1\" preCondition=\"html\"><match pattern=\"x\"/></rule>"), 2, 31, "outbound rule 'o1': there is no precondition 'html'", "define it in <preConditions>" },
	{ OUT("<match filterByTags=\"CustomTags\" customTags=\"t\" pattern=\"x\"/>"), 3, 46, "outbound rule 'o1': there are no custom tags 't'", "define them in <customTags>" },
	{ OUTS("<preConditions><preCondition name=\"p\"><add pattern=\"x\"/></preCondition></preConditions>"), 2, 39, "precondition 'p': <add> has no input", "write input=" },
	{ OUTS("<preConditions><preCondition name=\"p\"><add input=\"x\" matchType=\"IsFile\"/></preCondition></preConditions>"), 2, 39, "precondition 'p': a precondition compares patterns only", "remove the matchType" },
	{ OUTS("<customTags><tags name=\"t\"><tag name=\"video\"/></tags></customTags>"), 2, 28, "tags 't': <tag> has no attribute", "poster" },
	{ OUTS("<customTags><tags name=\"t\"><tag name=\"<video>\" attribute=\"src\"/></tags></customTags>"), 2, 39, "a raw <", "&lt;" },
	{ OUTS("<customTags><tags name=\"t\"><tag name=\"video\" attribute=\"data src\"/></tags></customTags>"), 2, 57, "tags 't': 'data src' is no name of an attribute", "correct it" },
	{ "<rewrite><outboundRules rewriteBeforeCache=\"x\"/></rewrite>", 1, 45, "rewriteBeforeCache=\"x\"", "true nor false" },
	{ "<rewrite><rewriteMaps>\n<rewriteMap/></rewriteMaps></rewrite>", 2, 1, "<rewriteMap> has no name", "for {name:key}" },
	{ MAP("<add value=\"x\"/>"), 3, 1, "rewrite map 'm1': <add> has no key", "write key=" },
	{ MAP("<add key=\"A\" value=\"1\"/>\n<add key=\"a\" value=\"2\"/>"), 4, 11, "rewrite map 'm1': the key 'a' is already given in line 3", "keep one" },
	{ MAP("<entry key=\"A\" value=\"1\"/>"), 3, 1, "rewrite map 'm1': <entry> does not belong", "holds <add>" },
	{ "<rewrite><providers>\n<provider name=\"p1\"/></providers></rewrite>", 2, 1, "provider 'p1': <provider> has no type", "write type=" },
	{ PROVIDER("DbProvider, Microsoft.Web.Iis.Rewrite.Providers", ""), 2, 27, "provider 'p1': DbProvider asks a database", "export the table" },
	{ PROVIDER("My.Own.Provider, Mine", ""), 2, 27, "provider 'p1': 'My.Own.Provider, Mine' is a .NET class", "a <rewriteMap> holds" },
	{ PROVIDER("FileMapProvider, X", ""), 2, 1, "provider 'p1': the provider has no FilePath", "write <settings>" },
	{ PROVIDER("FileMapProvider", "<add key=\"FilePath\" encryptedValue=\"x\"/>"), 3, 31, "provider 'p1': an encryptedValue", "write value=" },
	{ PROVIDER("FileMapProvider", "<add key=\"FilePath\" value=\"C:\\x.txt\"/>"), 3, 38, "provider 'p1': FilePath 'C:", "put the file there" },
	{ PROVIDER("FileMapProvider", "<add key=\"FilePath\" value=\"{X}\\x.txt\"/>"), 3, 38, "provider 'p1': only {DOCUMENT_ROOT}", "write it so" },
	{ "<configuration><location path=\"b\"><system.webServer>" MAP("") "</system.webServer></location><system.webServer>" ACTION("type=\"Rewrite\" url=\"{m1:x}\"") "</system.webServer></configuration>", 7, 29, "rule 'r1': the map 'm1' of line 2 belongs to the folder '/b'", "define it in '/' or above" },
	{ "<rewrite><allowedServerVariables>\n<add/></allowedServerVariables></rewrite>", 2, 1, "<add> has no name", "HTTP_X_NAME" },
};

static const struct broken hosts[] = {
	{ "<rewrite><globalRules>\n<rule name=\"g\">" MATCH "<conditions>\n<add matchType=\"IsFile\" negate=\"true\"/></conditions></rule></globalRules></rewrite>", 3, 17, "rule 'g': matchType=\"IsFile\" cannot stand in a global rule", "move the rule into <rules>" },
	{ "<configuration><location path=\"Main\"><system.webServer><rewrite>\n<globalRules/></rewrite></system.webServer></location></configuration>", 2, 1, "<globalRules> stands in applicationHost.config alone", "outside of locations" },
};
/* clang-format on */

/* What XML may say and no rule can mean: the compiler of rules tells it, at the same places. */
/* clang-format off */
static const struct broken compiled[] = {
	{ RULE("<match url=\"^(a\"/>"), 3, 13, "rule 'r1': pattern '^(a'", "mend the regular expression" },
	{ COND("input=\"{URL}\" pattern=\"[z-a]\""), 4, 41, "rule 'r1': pattern '[z-a]'", "mend the regular expression" },
	{ COND("input=\"{NoMap:{URL}}\" pattern=\"a\""), 4, 25, "rule 'r1': input '{NoMap:{URL}}'", "maps stand in rewriteMaps" },
	{ ACTION("type=\"Rewrite\" url=\"/{R:1}\""), 4, 29, "rule 'r1': url '/{R:1}' uses {R:1}", "add a group" },
	{ ACTION("type=\"Rewrite\" url=\"/{C:0}\""), 4, 29, "rule 'r1': url '/{C:0}' uses {C:0}", ";" },
	{ ACTION("type=\"Rewrite\" url=\"/{R:10}\""), 4, 29, "rule 'r1': url '/{R:10}'", ";" },
	{ ACTION("type=\"Rewrite\" url=\"/{URL\""), 4, 29, "rule 'r1': url '/{URL'", ";" },
	{ RULE(MATCH "\n<serverVariables><set name=\"REMOTE_ADDR\" value=\"x\"/></serverVariables>"), 4, 29, "rule 'r1': 'REMOTE_ADDR'", ";" },
	{ OUT("<match serverVariable=\"RESPONSE_X\" pattern=\"(b\"/>"), 3, 45, "outbound rule 'o1': pattern '(b'", "mend the regular expression" },
	{ OUTS("<preConditions><preCondition name=\"p\"><add input=\"{URL}\" pattern=\"*\"/></preCondition></preConditions>"), 2, 67, "precondition 'p': pattern '*'", "mend the regular expression" },
};
/* clang-format on */

static void
what_no_rule_can_mean_is_told_with_place_and_cure(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(compiled); i++) {
		const struct broken *b = &compiled[i];
		struct reading r;
		bool is_good;

		reading_open(&r, b->text, NULL, NULL);
		assert_non_null(r.sets);
		program_check(r.sets, &r.errs, &r.warns);
		is_good = r.errs.n > 0 && r.errs.err[0].at.line == b->line &&
			  r.errs.err[0].at.col == b->col &&
			  strstr(r.errs.err[0].text, b->wrong) != NULL &&
			  strstr(r.errs.err[0].text, b->cure) != NULL;
		if (!is_good) {
			print_error("expected %u:%u %s ... %s, told:\n", b->line, b->col, b->wrong,
				    b->cure);
			conf_errs_print(&r.errs, stderr);
		}
		assert_true(is_good);
		reading_end(&r);
	}
}

static void
check_one(const struct broken *b, bool is_host)
{
	struct reading r;
	bool is_good;

	reading_open(&r, is_host ? NULL : b->text, is_host ? b->text : NULL, NULL);
	is_good = r.sets == NULL && r.errs.n > 0 && r.errs.err[0].at.line == b->line &&
		  r.errs.err[0].at.col == b->col && strstr(r.errs.err[0].text, b->wrong) != NULL &&
		  strstr(r.errs.err[0].text, b->cure) != NULL;
	if (!is_good) {
		print_error("%s\nexpected %u:%u %s ... %s, told:\n", b->text, b->line, b->col,
			    b->wrong, b->cure);
		conf_errs_print(&r.errs, stderr);
	}
	assert_true(is_good);
	reading_end(&r);
}

static void
what_is_no_xml_is_told_with_place_and_cure(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(no_xml); i++)
		check_one(&no_xml[i], false);
}

static void
broken_rules_are_told_with_place_and_cure(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(rules); i++)
		check_one(&rules[i], false);
}

static void
broken_sections_are_told_with_place_and_cure(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(others); i++)
		check_one(&others[i], false);
	for (size_t i = 0; i < N(hosts); i++)
		check_one(&hosts[i], true);
}

/* 1.3: elements inside each other, bytes. */
static void
limits_are_told(void **state)
{
	char text[IIS_DEPTH_MAX * 8 + 64] = "<rewrite>";
	struct reading r;
	char *large;

	(void)state;
	for (int i = 0; i < IIS_DEPTH_MAX; i++)
		strcat(text, "\n<a>");
	reading_open(&r, text, NULL, NULL);
	assert_null(r.sets);
	assert_int_equal(r.errs.err[0].at.line, IIS_DEPTH_MAX + 1);
	assert_true(is_told(&r.errs, "more than 64 elements deep"));
	reading_end(&r);

	large = malloc(IIS_BYTES_MAX + 2);
	memset(large, ' ', IIS_BYTES_MAX + 1);
	large[IIS_BYTES_MAX + 1] = 0;
	reading_open(&r, large, NULL, NULL);
	assert_null(r.sets);
	assert_true(is_told(&r.errs, "larger than 16 MiB"));
	reading_end(&r);
	free(large);
}

/* ---- good files ---- */

/* 1.2: what is left out is as the shipped schema says. */
static void
defaults_are_those_of_the_schema(void **state)
{
	const struct rule *rule;
	const struct out_rule *out;
	const struct rule_cond *cond;
	struct reading r;

	(void)state;
	reading_good(&r, "<rewrite><rules><rule name='a'><match url='x'/><conditions>"
			 "<add input='{URL}' pattern='y'/></conditions><serverVariables>"
			 "<set name='HTTP_A'/></serverVariables><action type='redirect' url=' z '/>"
			 "</rule><rule name='b'><match url='x'/></rule></rules><outboundRules>"
			 "<rule name='c'><match pattern='p'/></rule></outboundRules></rewrite>");
	rule = scope_at(r.sets, 0)->rules;
	assert_true(rule->is_enabled && !rule->stops && rule->ignores_case && !rule->is_negated);
	assert_int_equal(rule->syntax, IMG_SYNTAX_REGEX);
	assert_false(rule->conds.match_any || rule->conds.track_all);
	assert_true(rule->appends_query && !rule->logs_rewritten);
	assert_int_equal(rule->status, 301);
	assert_string_equal(rule->url.s, "z");
	cond = rule->conds.first;
	assert_int_equal(cond->kind, IMG_COND_PATTERN);
	assert_true(cond->ignores_case && !cond->is_negated);
	assert_true(rule->set->replaces);
	assert_string_equal(rule->set->value.s, "");
	assert_int_equal(rule->next->action, IMG_ACTION_NONE);
	assert_false(scope_at(r.sets, 0)->keeps_escapes);
	out = scope_at(r.sets, 1)->outs;
	assert_int_equal(scope_at(r.sets, 1)->kind, IMG_SCOPE_OUTBOUND);
	assert_false(scope_at(r.sets, 1)->before_cache);
	assert_int_equal(out->kind, IMG_OUT_BODY);
	assert_true(out->is_enabled && !out->stops && out->ignores_case && out->conds.track_all);
	assert_int_equal(out->occurrences, 0);
	assert_int_equal(out->action, IMG_ACTION_NONE);
	assert_true(out->replaces);
	assert_int_equal(r.warns.n, 0);
	reading_end(&r);
}

/* 1.1: three roots, and an empty file of each. */
static void
all_three_roots_are_read(void **state)
{
	static const char *const text[] = {
		"<configuration><system.webServer>" RULE(
			MATCH) "</system.webServer></configuration>",
		"<system.webServer>" RULE(MATCH) "</system.webServer>",
		RULE(MATCH),
		"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\r\n" RULE(MATCH),
	};
	struct reading r;

	(void)state;
	for (size_t i = 0; i < N(text); i++) {
		reading_good(&r, text[i]);
		assert_string_equal(scope_at(r.sets, 0)->rules->name.s, "r1");
		assert_string_equal(scope_at(r.sets, 0)->folder, "/");
		reading_end(&r);
	}
	reading_good(&r, "<configuration/>");
	assert_null(r.sets->scopes);
	reading_end(&r);
}

/* 1.3: words compare without case; 12.2: redirect types. */
static void
words_compare_without_case(void **state)
{
	static const struct {
		const char *word;
		uint16_t status;
	} type[] = { { "permanent", 301 }, { "FOUND", 302 },	    { "SeeOther", 303 },
		     { "temporary", 307 }, { "PermRedirect", 308 }, { "301", 301 },
		     { "302", 302 },	   { "303", 303 },	    { "307", 307 },
		     { "308", 308 } };
	struct reading r;
	char text[256];

	(void)state;
	for (size_t i = 0; i < N(type); i++) {
		snprintf(text, sizeof(text),
			 ACTION("type=\"REDIRECT\" url=\"x\" appendQueryString=\"False\" "
				"redirectType=\"%s\""),
			 type[i].word);
		reading_good(&r, text);
		assert_int_equal(scope_at(r.sets, 0)->rules->status, type[i].status);
		assert_false(scope_at(r.sets, 0)->rules->appends_query);
		reading_end(&r);
	}
	reading_good(&r, COND("input=\"{REQUEST_FILENAME}\" matchType=\"isFile\" negate=\"True\""));
	assert_int_equal(scope_at(r.sets, 0)->rules->conds.first->kind, IMG_COND_FILE);
	assert_true(scope_at(r.sets, 0)->rules->conds.first->is_negated);
	reading_end(&r);
}

/* Places point at the value itself, in characters. */
static void
places_are_those_of_values(void **state)
{
	const struct rule *rule;
	struct reading r;

	(void)state;
	reading_good(&r, "<rewrite>\r\n<rules>\r\n\t<!-- é <rule> --><rule name=\"é\"\n"
			 "  stopProcessing=\"true\"><match   url = 'é&amp;x'   ignoreCase='false'/>"
			 "<action type=\"Rewrite\" url=\"  /y\"/></rule></rules></rewrite>");
	rule = scope_at(r.sets, 0)->rules;
	assert_int_equal(rule->at.line, 3);
	assert_int_equal(rule->at.col, 19);
	assert_int_equal(rule->name.at.col, 31);
	assert_string_equal(rule->match.s, "é&x");
	assert_int_equal(rule->match.at.line, 4);
	assert_int_equal(rule->match.at.col, 41);
	assert_int_equal(rule->url.at.col, 102);
	assert_true(rule->stops && !rule->ignores_case);
	reading_end(&r);
}

/* Declared encodings, and UTF-16 with a byte order mark. */
static void
encodings_are_read(void **state)
{
	static const char latin[] = "<?xml version='1.0' encoding='windows-1252'?>"
				    "<rewrite><rules><rule name='\xe4\x80'><match url='x'/></rule>"
				    "</rules></rewrite>";
	static const char wide_text[] = "<?xml version='1.0' encoding='utf-16'?><rewrite><rules>"
					"<rule name='w'><match url='x'/></rule></rules></rewrite>";
	char wide[2 * sizeof(wide_text)] = "\xff\xfe";
	struct iis_texts texts = { .web_config = { "w", latin, sizeof(latin) - 1 } };
	struct reading r = { 0 };

	(void)state;
	r.sets = iis_open_text(&r.arena, &texts, &r.errs, &r.warns);
	assert_non_null(r.sets);
	assert_string_equal(scope_at(r.sets, 0)->rules->name.s, "ä€");
	for (size_t i = 0; i + 1 < sizeof(wide_text); i++)
		wide[2 + 2 * i] = wide_text[i];
	texts.web_config = (struct iis_text){ "w", wide, 2 * sizeof(wide_text) };
	r.sets = iis_open_text(&r.arena, &texts, &r.errs, &r.warns);
	assert_non_null(r.sets);
	assert_string_equal(scope_at(r.sets, 0)->rules->name.s, "w");
	reading_end(&r);
}

/* Choice 1, and 1.1: told once, at the first. */
static void
what_means_nothing_is_a_warning(void **state)
{
	struct reading r;

	(void)state;
	reading_good(
		&r, "<configuration xmlns:xdt='urn:x'><appSettings><rewrite/></appSettings>\n"
		    "<system.webServer><handlers><add name='x'/></handlers>\n<rewrite><rules>"
		    "<rule name='a' xdt:Transform='Insert' color='red'><match url='x'/><conditions>"
		    "<add input='{URL}' type='Pattern' pattern='y'/></conditions></rule></rules>"
		    "</rewrite><handlers/><modules/></system.webServer></configuration>");
	assert_int_equal(r.warns.n, 3);
	assert_true(is_told(&r.warns, "skipped: appSettings, system.webServer/handlers, "
				      "system.webServer/modules"));
	assert_true(is_told(&r.warns, "rule 'a': <rule> has no attribute 'color'"));
	assert_true(is_told(&r.warns, "rule 'a': <add> has no attribute 'type'"));
	reading_end(&r);
}

/* ---- levels ---- */

#define NAMED(name) "<rule name='" name "'><match url='x'/></rule>"
#define SECTION(text)                                                                              \
	"<system.webServer><rewrite><rules>" text "</rules></rewrite></system.webServer>"

/* "folder: names without those of excepts" of each scope, a line each. */
static const char *
scopes_text(struct reading *r)
{
	const char *text = "";

	for (const struct rule_scope *s = r->sets->scopes; s != NULL; s = s->next) {
		text = arena_format(&r->arena, "%s%s %s:", text, img_scope_kind_name(s->kind),
				    s->folder);
		for (const struct rule *rule = s->rules; rule != NULL; rule = rule->next)
			text = arena_format(&r->arena, "%s %s", text, rule->name.s);
		for (const struct out_rule *out = s->outs; out != NULL; out = out->next)
			text = arena_format(&r->arena, "%s %s", text, out->name.s);
		for (const struct rule_folder *f = s->excepts; f != NULL; f = f->next)
			text = arena_format(&r->arena, "%s !%s", text, f->folder);
		text = arena_format(&r->arena, "%s\n", text);
	}
	return text;
}

/* 1.1, 1.3: folders inherit from their parents, and clear or remove what they inherit. */
static void
children_inherit_clear_and_remove(void **state)
{
	struct reading r;

	(void)state;
	reading_good(
		&r,
		"<configuration><location path='b/c'>" SECTION(NAMED("4")) "</location>" SECTION(
			NAMED("1") NAMED("2") NAMED(
				"3")) "<location path='b'>" SECTION("<remove "
								    "name='2'/"
								    ">" NAMED(
									    "5")) "</"
										  "locat"
										  "ion><"
										  "locat"
										  "ion "
										  "path="
										  "'/d/"
										  "'"
										  ">" SECTION(
											  "<clear/"
											  ">" NAMED(
												  "1")) "</location></configuration>");
	assert_string_equal(scopes_text(&r), "distributed /: 1 !/d\n"
					     "distributed /: 2 !/d !/b\n"
					     "distributed /: 3 !/d\n"
					     "distributed /b: 5\n"
					     "distributed /d: 1\n"
					     "distributed /b/c: 4\n");
	reading_end(&r);

	reading_good(&r, "<rewrite><rules>" NAMED("1") "<clear/>" NAMED("2")
				 NAMED("3") "<remove name='2'/>" NAMED("2") "</rules></rewrite>");
	assert_string_equal(scopes_text(&r), "distributed /: 3 2\n");
	reading_end(&r);

	reading_open(&r,
		     "<configuration>" SECTION(NAMED("a")) "\n<location path='x'>" SECTION(
			     NAMED("a")) "</location></configuration>",
		     NULL, NULL);
	assert_null(r.sets);
	assert_true(is_told(&r.errs, "rule 'a': the name is already in use in line 1"));
	reading_end(&r);
}

#define HOST                                                                                       \
	"<configuration><system.applicationHost><sites><site name='Main' id='1'/><site name='B'/>" \
	"</sites></system.applicationHost><webFarms/"                                              \
	"><system.webServer><rewrite><globalRules>" NAMED(                                         \
		"g") "</globalRules><allowedServerVariables><add name='HTTP_X'/>"                  \
		     "</allowedServerVariables></rewrite></system.webServer><location "            \
		     "path='B/blog'>" SECTION(                                                     \
			     NAMED("b")) "</location><location "                                   \
					 "path='main'>" SECTION(NAMED(                             \
						 "m")) "</location><location "                     \
						       "path='Main/blog/"                          \
						       "old'>" SECTION(NAMED(                      \
							       "o")) "</location></configuration>"

/* 1.1: applicationHost.config above the web.config of a site. */
static void
application_host_is_the_parent(void **state)
{
	struct reading r;

	(void)state;
	reading_open(&r, "<rewrite><rules>" NAMED("w") "</rules></rewrite>", HOST, "/blog/");
	assert_non_null(r.sets);
	assert_string_equal(scopes_text(&r), "global /: g\n"
					     "distributed /: m\n"
					     "distributed /blog: w\n"
					     "distributed /blog/old: o\n");
	assert_true(r.sets->is_strict);
	assert_string_equal(r.sets->allowed->name.s, "HTTP_X");
	assert_true(is_told(&r.warns, "those of 'main' are taken, write 'B/'"));
	assert_true(is_told(&r.warns, "skipped: webFarms"));
	reading_end(&r);

	reading_open(&r, "<rewrite><rules>" NAMED("w") "</rules></rewrite>", HOST, "B/blog");
	assert_string_equal(scopes_text(&r), "global /: g\n"
					     "distributed /blog: b\n"
					     "distributed /blog: w\n");
	reading_end(&r);

	reading_open(&r, NULL, HOST, NULL);
	assert_non_null(r.sets);
	reading_end(&r);
}

/* Attributes of sections are inherited as rules are. */
static void
attributes_of_sections_are_inherited(void **state)
{
	struct reading r;

	(void)state;
	reading_good(
		&r,
		"<configuration><system.webServer><rewrite>"
		"<rules useOriginalURLEncoding='false'>" NAMED(
			"1") "</rules><outboundRules rewriteBeforeCache='true'><rule name='o'>"
			     "<match "
			     "pattern='x'/></rule></outboundRules></rewrite></system.webServer>"
			     "<location path='a'>" SECTION(NAMED(
				     "2")) "</location><location "
					   "path='b'><system.webServer><rewrite>"
					   "<rules useOriginalURLEncoding='true'>" NAMED(
						   "3") "</rules></rewrite></system.webServer></"
							"location></configuration>");
	assert_true(scope_at(r.sets, 0)->keeps_escapes);
	assert_true(scope_at(r.sets, 1)->keeps_escapes);
	assert_false(scope_at(r.sets, 2)->keeps_escapes);
	assert_true(scope_at(r.sets, 3)->before_cache);
	reading_end(&r);
}

#define MAPS(value)                                                                                \
	"<rewriteMaps><rewriteMap name='M'><add key='k' value='" value                             \
	"'/></rewriteMap></rewriteMaps>"
#define USES(name)                                                                                 \
	"<rules><rule name='" name "'><match url='x'/><action type='Rewrite' "                     \
	"url='/{ToLower:{m:{R:0}}}{M:k}{N:k}'/></rule></rules>"

/* Two maps of one name, in folders that do not see each other. */
static void
maps_of_one_name_are_told_apart(void **state)
{
	struct reading r;

	(void)state;
	reading_good(&r,
		     "<configuration><location path='a'><system.webServer><rewrite>" MAPS("1")
			     USES("1") "</rewrite></system.webServer></location><location path='b'>"
				       "<system.webServer><rewrite>" MAPS("2")
					       USES("2") "</rewrite></system.webServer></"
							 "location></configuration>");
	assert_string_equal(r.sets->maps->name.s, "M@/a");
	assert_string_equal(r.sets->maps->next->name.s, "M@/b");
	assert_string_equal(scope_at(r.sets, 0)->rules->url.s,
			    "/{ToLower:{M@/a:{R:0}}}{M@/a:k}{N:k}");
	assert_string_equal(scope_at(r.sets, 1)->rules->url.s,
			    "/{ToLower:{M@/b:{R:0}}}{M@/b:k}{N:k}");
	reading_end(&r);
	reading_good(&r, "<rewrite>" MAPS("1") USES("1") "</rewrite>");
	assert_string_equal(r.sets->maps->name.s, "M");
	assert_string_equal(scope_at(r.sets, 0)->rules->url.s, "/{ToLower:{m:{R:0}}}{M:k}{N:k}");
	reading_end(&r);
}

/* ---- further files ---- */

static void
file_write(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
file_remove(const char *folder, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

static void
folder_open(struct reading *r, const char *folder)
{
	char path[256];
	struct iis_files files = { .web_config = path };

	*r = (struct reading){ 0 };
	snprintf(path, sizeof(path), "%s/web.config", folder);
	r->sets = iis_open(&r->arena, &files, &r->errs, &r->warns);
}

/* 11.2, 11.3: configSource, FileMapProvider, FileContainsProvider. */
static void
further_files_are_read(void **state)
{
	char folder[] = "/tmp/penstock-iis-XXXXXX";
	const struct rule_map *map;
	struct reading r;

	(void)state;
	assert_non_null(mkdtemp(folder));
	file_write(folder, "web.config",
		   "<rewrite><rewriteMaps configSource='maps.config'/><providers>"
		   "<provider name='F' type='FileMapProvider, X, Version=1'><settings>"
		   "<add key='FilePath' value='{DOCUMENT_ROOT}\\keys.txt'/>"
		   "<add key='IgnoreCase' value='1'/><add key='Separator' value=','/></settings>"
		   "</provider><provider name='C' type='FileContainsProvider'><settings>"
		   "<add key='FilePath' value='keys.txt'/></settings></provider></providers>"
		   "</rewrite>");
	file_write(folder, "maps.config",
		   "<?xml version='1.0'?>\n<rewriteMaps><rewriteMap name='M' defaultValue='d' "
		   "ignoreCase='false'><add key='a' value='b'/></rewriteMap></rewriteMaps>");
	file_write(folder, "keys.txt", "a,1\r\n\r\nno separator\nA,2\nb,x,y");
	folder_open(&r, folder);
	conf_errs_print(&r.errs, stderr);
	assert_non_null(r.sets);
	map = r.sets->maps;
	assert_string_equal(map->name.s, "M");
	assert_false(map->ignores_case);
	assert_string_equal(map->absent.s, "d");
	assert_string_equal(map->first->value.s, "b");
	assert_int_equal(map->first->key.at.line, 2);
	map = map->next;
	assert_int_equal(map->kind, IMG_MAP_KEYS);
	assert_true(map->ignores_case);
	assert_int_equal(map->pair_n, 3);
	assert_string_equal(map->first->value.s, "1");
	assert_string_equal(map->first->next->next->value.s, "x,y");
	assert_int_equal(map->first->next->next->key.at.line, 5);
	map = map->next;
	assert_int_equal(map->kind, IMG_MAP_CONTAINS);
	assert_int_equal(map->pair_n, 4);
	assert_string_equal(map->first->next->key.s, "no separator");
	assert_int_equal(r.warns.n, 2);
	reading_end(&r);

	file_write(folder, "maps.config", "<rewrite/>");
	file_remove(folder, "keys.txt");
	folder_open(&r, folder);
	assert_null(r.sets);
	assert_true(is_told(&r.errs, "the root element is <rewrite>; line 1 of"));
	assert_true(is_told(&r.errs, "keys.txt' (No such file"));
	reading_end(&r);
	file_remove(folder, "maps.config");
	file_remove(folder, "web.config");
	folder_open(&r, folder);
	assert_null(r.sets);
	assert_true(is_told(&r.errs, "web.config' (No such file"));
	reading_end(&r);
	rmdir(folder);
}

/* ---- what is quoted and what tools write ---- */

/* The first seed's rules for Lync. */
static void
lync_meet_is_read(void **state)
{
	const struct rule *rule;
	struct reading r;

	(void)state;
	reading_good(&r,
		     "<configuration><system.webServer><rewrite><rules>\n"
		     "<rule name=\"ReverseProxyInboundRule1\" stopProcessing=\"true\">\n"
		     "<match url=\"^meet/(.*)\" />\n<conditions>\n"
		     "<add input=\"{QUERY_STRING}\" pattern=\"(.*)sl=(.*)\" negate=\"true\" />\n"
		     "<add input=\"{CACHE_URL}\" pattern=\"^(https)://\" />\n</conditions>\n"
		     "<action type=\"Rewrite\" "
		     "url=\"{C:1}://lync.contoso.com:4443/{R:0}?sl=1&amp;{QUERY_STRING}\" "
		     "appendQueryString=\"false\" logRewrittenUrl=\"true\" />\n</rule>\n"
		     "</rules></rewrite></system.webServer></configuration>");
	rule = scope_at(r.sets, 0)->rules;
	assert_true(rule->stops && rule->logs_rewritten && !rule->appends_query);
	assert_true(rule->conds.first->is_negated);
	assert_string_equal(rule->url.s, "{C:1}://lync.contoso.com:4443/{R:0}?sl=1&{QUERY_STRING}");
	assert_int_equal(r.warns.n, 0);
	reading_end(&r);
}

/* The first seed's reverse proxy for company1, with outbound rules. */
static void
company1_is_read(void **state)
{
	static const char tags[] = "A, Area, Base, Form, Frame, Head, IFrame, Img, Input, Link, "
				   "Script";
	char text[4096];
	const struct rule_scope *outs;
	struct reading r;

	(void)state;
	snprintf(text, sizeof(text),
		 "<configuration>\n<system.webServer>\n<rewrite>\n<rules>\n"
		 "<rule name=\"Route the requests for Company1\" stopProcessing=\"true\">\n"
		 "<match url=\"^company1/(.*)\" />\n<conditions>\n"
		 "<add input=\"{CACHE_URL}\" pattern=\"^(https?)://\" />\n</conditions>\n"
		 "<action type=\"Rewrite\" url=\"{C:1}://www.company1.com/{R:1}\" />\n"
		 "<serverVariables>\n<set name=\"HTTP_ACCEPT_ENCODING\" value=\"\" />\n"
		 "</serverVariables>\n</rule>\n</rules>\n<outboundRules>\n"
		 "<rule name=\"ReverseProxyOutboundRule1\" preCondition=\"ResponseIsHtml1\">\n"
		 "<match filterByTags=\"%s\" pattern=\"^http(s)?://www.company1.com/(.*)\" />\n"
		 "<action type=\"Rewrite\" value=\"/company1/{R:2}\" />\n</rule>\n"
		 "<rule name=\"RewriteRelativePaths\" preCondition=\"ResponseIsHtml1\">\n"
		 "<match filterByTags=\"%s\" pattern=\"^/(.*)\" negate=\"false\" />\n"
		 "<action type=\"Rewrite\" value=\"/company1/{R:1}\" />\n</rule>\n"
		 "<preConditions>\n<preCondition name=\"ResponseIsHtml1\">\n"
		 "<add input=\"{RESPONSE_CONTENT_TYPE}\" pattern=\"^text/html\" />\n"
		 "</preCondition>\n</preConditions>\n</outboundRules>\n</rewrite>\n"
		 "</system.webServer>\n</configuration>",
		 tags, tags);
	reading_good(&r, text);
	outs = scope_at(r.sets, 1);
	assert_string_equal(scope_at(r.sets, 0)->rules->set->value.s, "");
	assert_int_equal(outs->outs->kind, IMG_OUT_TAGS);
	assert_int_equal(outs->outs->tags, (1 << IMG_TAGS_STANDARD) - 1);
	assert_string_equal(outs->outs->next->pre.s, "ResponseIsHtml1");
	assert_string_equal(outs->pres->name.s, "ResponseIsHtml1");
	assert_string_equal(outs->pres->conds.first->pattern.s, "^text/html");
	assert_false(r.sets->is_strict);
	assert_int_equal(r.warns.n, 0);
	reading_end(&r);
}

/* 19: shapes that ARR and IIS Manager write. */
static void
what_tools_write_is_read(void **state)
{
	const struct rule *rule;
	const struct out_rule *out;
	struct reading r;

	(void)state;
	reading_open(
		&r, NULL,
		"<configuration><system.webServer><rewrite><globalRules>"
		"<rule name='ARR_app_loadbalance_SSL' enabled='true' patternSyntax='Wildcard' "
		"stopProcessing='true'><match url='*'/><conditions>"
		"<add input='{HTTPS}' pattern='On'/></conditions>"
		"<action type='Rewrite' url='https://app/{R:0}'/></rule>"
		"<rule name='ARR_app_loadbalance' patternSyntax='Wildcard' stopProcessing='true'>"
		"<match url='*'/><conditions><add input='{HTTP_HOST}' pattern='dialin.*'/>"
		"<add input='EXT_{URL}' negate='true' pattern='*.jpg'/>"
		"<add input='{URL}' negate='true' pattern='*/images/*'/></conditions>"
		"<action type='Rewrite' url='http://app/{R:0}'/></rule>"
		"<rule name='ARR_CacheControl_7d1b' patternSyntax='Wildcard'><match url='*.css'/>"
		"<serverVariables><set name='ARR_CACHE_CONTROL_OVERRIDE' value='0,max-age=3600'/>"
		"</serverVariables></rule></globalRules></rewrite></system.webServer>"
		"</configuration>",
		NULL);
	assert_non_null(r.sets);
	rule = scope_at(r.sets, 0)->rules;
	assert_int_equal(scope_at(r.sets, 0)->kind, IMG_SCOPE_GLOBAL);
	assert_int_equal(rule->syntax, IMG_SYNTAX_WILDCARD);
	assert_true(rule->next->conds.first->next->is_negated);
	assert_int_equal(rule->next->next->action, IMG_ACTION_NONE);
	assert_string_equal(rule->next->next->set->value.s, "0,max-age=3600");
	assert_int_equal(r.warns.n, 0);
	reading_end(&r);

	reading_good(
		&r,
		"<rewrite><outboundRules><preConditions><preCondition name='P'>"
		"<add input='{RESPONSE_CONTENT_TYPE}' pattern='^text/html'/></preCondition>"
		"</preConditions><customTags><tags name='T'><tag name='video' attribute='poster'/>"
		"<tag name='source' attribute='src'/></tags></customTags>"
		"<rule name='ReverseProxyOutboundRule1' preCondition='P'>"
		"<match filterByTags='A, form,CustomTags' customTags='T' "
		"pattern='^http(s)?://host:80/(.*)'/>"
		"<action type='Rewrite' value='http{R:1}://public/{R:2}'/></rule>"
		"<rule name='RestoreAcceptEncoding' preCondition=''>"
		"<match serverVariable='HTTP_ACCEPT_ENCODING' pattern='^(.*)'/>"
		"<action type='Rewrite' value='{HTTP_X_ORIGINAL_ACCEPT_ENCODING}'/></rule>"
		"<rule name='HSTS'><match serverVariable='RESPONSE_Strict_Transport_Security' "
		"pattern='.*'/><conditions><add input='{HTTPS}' pattern='on' ignoreCase='true'/>"
		"</conditions><action type='Rewrite' value='max-age=31536000'/></rule>"
		"<rule name='Body'><match filterByTags='None' pattern='a' occurrences='2'/>"
		"<action type='Rewrite' value='b'/></rule></outboundRules></rewrite>");
	out = scope_at(r.sets, 0)->outs;
	assert_int_equal(out->tags, 1 << 0 | 1 << 3);
	assert_true(out->has_custom);
	assert_string_equal(out->custom.s, "T");
	assert_string_equal(scope_at(r.sets, 0)->customs->first->next->tag.s, "source");
	assert_int_equal(out->next->kind, IMG_OUT_VARIABLE);
	assert_int_equal(out->next->next->next->kind, IMG_OUT_BODY);
	assert_int_equal(out->next->next->next->occurrences, 2);
	assert_int_equal(r.warns.n, 0);
	reading_end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_xml_is_told_with_place_and_cure),
		cmocka_unit_test(broken_rules_are_told_with_place_and_cure),
		cmocka_unit_test(broken_sections_are_told_with_place_and_cure),
		cmocka_unit_test(what_no_rule_can_mean_is_told_with_place_and_cure),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(defaults_are_those_of_the_schema),
		cmocka_unit_test(all_three_roots_are_read),
		cmocka_unit_test(words_compare_without_case),
		cmocka_unit_test(places_are_those_of_values),
		cmocka_unit_test(encodings_are_read),
		cmocka_unit_test(what_means_nothing_is_a_warning),
		cmocka_unit_test(children_inherit_clear_and_remove),
		cmocka_unit_test(application_host_is_the_parent),
		cmocka_unit_test(attributes_of_sections_are_inherited),
		cmocka_unit_test(maps_of_one_name_are_told_apart),
		cmocka_unit_test(further_files_are_read),
		cmocka_unit_test(lync_meet_is_read),
		cmocka_unit_test(company1_is_read),
		cmocka_unit_test(what_tools_write_is_read),
	};

	print_message("%zu broken files\n",
		      N(no_xml) + N(rules) + N(others) + N(hosts) + N(compiled));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
