/*
 * Broken files of IIS: what is said of each, where, and how it is cured.
 */
#include "iis_reading.h"
#include "rules/program.h"

struct broken {
	const char *text;
	uint32_t line, col;
	const char *wrong, *cure; /* both stand in the error */
};

/* clang-format off */
static const struct broken no_xml[] = {
	{ "", 1, 1, "the file is empty", "must hold <configuration>" },
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
		program_check(r.sets, false, &r.errs, &r.warns);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_xml_is_told_with_place_and_cure),
		cmocka_unit_test(broken_rules_are_told_with_place_and_cure),
		cmocka_unit_test(broken_sections_are_told_with_place_and_cure),
		cmocka_unit_test(what_no_rule_can_mean_is_told_with_place_and_cure),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(what_means_nothing_is_a_warning),
	};

	print_message("%zu broken files\n",
		      N(no_xml) + N(rules) + N(others) + N(hosts) + N(compiled));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
