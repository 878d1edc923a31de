/* Patterns, conditions, captures, and the work they may cost (rules/match.c, scan.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/addr.h"
#include "made_expect.h"

/* ---- patterns and captures ---- */

/* 5.1: a search, without case; {R:n}. */
static void
captures_of_the_pattern(void **state)
{
	const struct made_rule rule[] = { { .pattern = "article/([0-9]+)/([a-z]+)",
					    REDIRECT("http://h/{R:0}|{R:1}|{R:2}") } };
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/blog/Article/12/ABC/x");

	expect_location(&v, "http://h/Article/12/ABC%7C12%7CABC");
	assert_int_equal(v.regex_n, 1);
	made_close(&made);
}

/* 5.1: a group that took no part is empty. */
static void
a_group_without_part_is_empty(void **state)
{
	const struct made_rule rule[] = { { .pattern = "^(a)?(b)?c$",
					    REDIRECT("http://h/[{R:1}][{R:2}]") } };
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/bc");

	expect_location(&v, "http://h/%5B%5D%5Bb%5D");
	v = run(&made, "/ac");
	expect_location(&v, "http://h/%5Ba%5D%5B%5D");
	made_close(&made);
}

/* 7, choice 16: an index beyond the groups is an error at run time when load did not see it. */
static void
a_missing_group_is_an_error(void **state)
{
	const struct made_rule rule[] = { { .pattern = "^(a)", REDIRECT("/{R:2}") } };
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_LOCAL);
	struct rules_verdict v = run(&made, "/a");

	expect_error(&v, RULES_FAULT_REFERENCE, 500, 50);
	assert_int_equal(v.rule_i, 0);
	made_close(&made);
}

/* 4, choice 10: {R:0} of a negated match is the whole input. */
static void
a_negated_match_has_the_whole_input(void **state)
{
	const struct made_rule rule[] = {
		{ .pattern = "^images/", .flags = IMG_RULE_NEGATE, REDIRECT("http://h/x/{R:0}") }
	};
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/a/b");

	expect_location(&v, "http://h/x/a/b");
	v = run(&made, "/images/b");
	assert_int_equal(v.outcome, RULES_ROUTE);
	made_close(&made);
}

/* A hit that is a match asks no regular expression when nobody wants captures. */
static void
an_exact_hit_asks_nobody(void **state)
{
	const struct made_rule rule[] = {
		{ .pattern = "^one/", .action = IMG_ACTION_FARM, .farm_i = 0 },
		{ .pattern = "^two/", .action = IMG_ACTION_FARM, .farm_i = 1 },
	};
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/two/x");

	assert_int_equal(v.farm_i, 1);
	assert_int_equal(v.rule_i, 1);
	assert_int_equal(v.tried_n, 1);
	assert_int_equal(v.regex_n, 0);
	made_close(&made);
}

/* "$" is the very end here, for a scan also before a last LF: the hit is asked about. */
static void
a_hit_may_be_none(void **state)
{
	const struct made_rule rule[] = {
		{ .pattern = "^a$", .action = IMG_ACTION_FARM, .farm_i = 1 }
	};
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/a%0A");

	assert_int_equal(v.rule_i, IMG_NONE);
	assert_int_equal(v.tried_n, 1);
	assert_int_equal(v.regex_n, 1);
	v = run(&made, "/a");
	assert_int_equal(v.rule_i, 0);
	made_close(&made);
}

/* ---- conditions ---- */

/* 7: the reference's example of trackAllCaptures. */
static void
all_captures_are_one_list(void **state)
{
	const struct made_rule rule[] = { {
		.pattern = ".*",
		.flags = IMG_RULE_TRACK_ALL,
		.cond = { { .input = "{URL}", .pattern = "^/([a-zA-Z]+)/([0-9]+)/$" },
			  { .input = "{QUERY_STRING}", .pattern = "p2=([a-z]+)" } },
		.cond_n = 2,
		REDIRECT("http://h/{C:0}.{C:1}.{C:2}.{C:3}"),
	} };
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/article/23/?p1=123&p2=abc");

	expect_location(&v, "http://h//article/23/.article.23.abc");
	made_close(&made);
}

/* 7: without it, the last condition that matched; choice 15: a negated one keeps them. */
static void
captures_are_of_the_last_matched_condition(void **state)
{
	const struct made_rule rule[] = { {
		.pattern = ".*",
		.cond = { { .input = "{URL}", .pattern = "^/([a-z]+)/" },
			  { .input = "{QUERY_STRING}", .pattern = "p=([a-z]+)" },
			  { .input = "{HTTP_HOST}",
			    .pattern = "^(internal)\\.",
			    .flags = IMG_COND_NEGATE } },
		.cond_n = 3,
		REDIRECT("http://h/{C:0}.{C:1}"),
	} };
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/path/x?p=abc");

	expect_location(&v, "http://h/p=abc.abc");
	made_close(&made);
}

/* 7: {C:n} and {R:n} in an input are of what came before it. */
static void
an_input_may_refer_back(void **state)
{
	const struct made_rule rule[] = { {
		.pattern = "^([a-z]+)/",
		.cond = { { .input = "{QUERY_STRING}", .pattern = "v=([a-z]+)" },
			  { .input = "{R:1}-{C:1}", .pattern = "^(.)[a-z]*-\\1" } },
		.cond_n = 2,
		REDIRECT("http://h/{C:1}"),
	} };
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/abc/?v=axe");

	expect_location(&v, "http://h/a");
	v = run(&made, "/abc/?v=bee");
	assert_int_equal(v.outcome, RULES_ROUTE);
	made_close(&made);
}

/* 6: with MatchAny the first that holds decides and has the captures. */
static void
any_condition_decides(void **state)
{
	const struct made_rule rule[] = { {
		.pattern = ".*",
		.flags = IMG_RULE_MATCH_ANY,
		.cond = { { .input = "{HTTP_HOST}", .pattern = "^(none)$" },
			  { .input = "{QUERY_STRING}", .pattern = "(b)" },
			  { .input = "{QUERY_STRING}", .pattern = "(c)" } },
		.cond_n = 3,
		REDIRECT("http://h/{C:1}"),
	} };
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/?cb");

	expect_location(&v, "http://h/b");
	v = run(&made, "/?c");
	expect_location(&v, "http://h/c");
	v = run(&made, "/?x");
	assert_int_equal(v.outcome, RULES_ROUTE);
	made_close(&made);
}

/* Alternatives among conditions that must all hold. */
static void
alternatives_are_one_condition(void **state)
{
	const struct made_rule rule[] = { {
		.pattern = ".*",
		.cond = { { .input = "{QUERY_STRING}", .pattern = "a", .flags = IMG_COND_OR },
			  { .input = "{QUERY_STRING}", .pattern = "b", .flags = IMG_COND_OR },
			  { .input = "{QUERY_STRING}", .pattern = "c" },
			  { .input = "{QUERY_STRING}", .pattern = "d" } },
		.cond_n = 4,
		.action = IMG_ACTION_FARM,
		.farm_i = 1,
	} };
	static const char *const yes[] = { "/?ad", "/?bd", "/?cd", "/?abcd" };
	static const char *const no[] = { "/?d", "/?abc", "/?", "/" };
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	for (size_t i = 0; i < N(yes); i++)
		assert_int_equal(run(&made, yes[i]).farm_i, 1);
	for (size_t i = 0; i < N(no); i++)
		assert_int_equal(run(&made, no[i]).farm_i, IMG_NONE);
	made_close(&made);
}

/* 6: a proxy has no files. */
static void
files_are_never_there(void **state)
{
	const struct made_rule rule[] = {
		{
			.pattern = ".*",
			.cond = { { .kind = IMG_COND_FILE, .flags = IMG_COND_NEGATE },
				  { .kind = IMG_COND_DIRECTORY, .flags = IMG_COND_NEGATE } },
			.cond_n = 2,
			.action = IMG_ACTION_FARM,
			.farm_i = 1,
		},
		{
			.pattern = ".*",
			.cond = { { .kind = IMG_COND_FILE } },
			.cond_n = 1,
			.action = IMG_ACTION_ABORT,
		}
	};
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_LOCAL);
	struct rules_verdict v = run(&made, "/x");

	assert_int_equal(v.outcome, RULES_ROUTE);
	assert_int_equal(v.farm_i, 1);
	made_close(&made);
}

static void
networks_go_by_prefix(void **state)
{
	const struct made_rule rule[] = {
		{
			.pattern = ".*",
			.cond = { { .kind = IMG_COND_NETWORK,
				    .ip = ip_from_v4((const uint8_t[]){ 10, 1, 0x80, 0 }),
				    .prefix = 17 } },
			.cond_n = 1,
			.action = IMG_ACTION_FARM,
			.farm_i = 1,
		},
		{
			.pattern = ".*",
			.cond = { { .kind = IMG_COND_NETWORK,
				    .ip = { .b = { 0x20, 0x01, 0x0d, 0xb8 } },
				    .prefix = 32 } },
			.cond_n = 1,
			.action = IMG_ACTION_ABORT,
		}
	};
	const struct {
		struct ip_addr ip;
		uint32_t rule_i;
	} client[] = {
		{ ip_from_v4((const uint8_t[]){ 10, 1, 0x80, 1 }), 0 },
		{ ip_from_v4((const uint8_t[]){ 10, 1, 0xff, 255 }), 0 },
		{ ip_from_v4((const uint8_t[]){ 10, 1, 0x7f, 1 }), IMG_NONE },
		{ ip_from_v4((const uint8_t[]){ 11, 1, 0x80, 1 }), IMG_NONE },
		{ { .b = { 0x20, 0x01, 0x0d, 0xb8, 9 } }, 1 },
		{ { .b = { 0x20, 0x01, 0x0d, 0xb9, 9 } }, IMG_NONE },
	};
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	for (size_t i = 0; i < N(client); i++) {
		struct made_request r = { .target = "/", .client = client[i].ip };

		assert_int_equal(made_run(&made, &r, NULL).rule_i, client[i].rule_i);
	}
	made_close(&made);
}

/* ---- hostile ---- */

/* 5.1, choice 11: nested quantifiers end in an error, 500.50, or 500.51 of a global rule. */
static void
catastrophic_patterns_end(void **state)
{
	static const char *const pattern[] = { "^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "(.*a){20}$",
					       "^(([a-z])+.)+[A-Z]([a-z])+$" };
	char target[1 + 4000 + 2];

	(void)state;
	memset(target, 'a', sizeof(target));
	target[0] = '/';
	memcpy(target + 4000, "!", 2);
	for (size_t i = 0; i < N(pattern); i++) {
		const struct made_rule rule[] = {
			{ .pattern = pattern[i], .is_caseful = true, .action = IMG_ACTION_ABORT }
		};
		struct made made;

		/* Without a database: it would know that none of them matches. */
		made_open(&made,
			  &(struct made_scope){ .kind = i % 2 == 0 ? IMG_SCOPE_LOCAL
								   : IMG_SCOPE_GLOBAL,
						.rule = rule,
						.rule_n = 1 },
			  1, MADE_NO_SCAN);
		struct rules_verdict v = run(&made, target);

		expect_error(&v, RULES_FAULT_MATCH_LIMIT, 500, i % 2 == 0 ? 50 : 51);
		made_close(&made);
	}
}

/* What honest rules need on a long query is far from any limit. */
static void
honest_patterns_have_room(void **state)
{
	static const char *const pattern[] = { "^(.*)/k(.*)$", "([a-z0-9]+)/k([0-9]+)", "k[0-9]+$",
					       "(?=.*/k[0-9])^[a-z]", "^(?:[^/]+/)*k([0-9]+)$" };
	struct made_rule rule[40] = { 0 };
	char target[1000] = "/";
	struct made made;

	(void)state;
	for (size_t i = 0; i < N(rule); i++)
		rule[i] = (struct made_rule){ .pattern = pattern[i % N(pattern)],
					      .set = { { "VAR", "{R:0}" } } };
	while (strlen(target) < 600)
		strcat(target, "some/path/to/things/");
	strcat(target, "k17");
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, target);

	assert_string_equal(rules_fault_text(v.fault), rules_fault_text(RULES_FAULT_NONE));
	assert_int_equal(v.rule_i, N(rule) - 1);
	made_close(&made);
}

/* "name=value; " of 40 bytes, up to 16 KiB of them. */
static struct slice
cookies(char *text)
{
	uint32_t n = 16000;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = i % 40;

		text[i] = at == 10 ? '=' : at == 38 ? ';' : at == 39 ? ' ' : (char)('a' + at % 26);
	}
	return slice_of(text, n);
}

/* A cookie is as long as a browser makes it; what one pair may match ends with the pair. */
static void
honest_patterns_have_room_in_cookies(void **state)
{
	static const char *const pattern[] = {
		"[^;]*token=([^;]*)", "([^;]*)token=([^;]*)",	   "[^;]*token=(.*)",
		"(\\w+)=secret",      "([a-z]+)token=(?!x)(\\w+)", "([a-z]+)[0-9][a-z]",
		"\\w+\\s*=\\s*\\w+!",
	};
	static char text[16384];
	const struct slice value = cookies(text);

	(void)state;
	for (size_t i = 0; i < N(pattern); i++) {
		const struct made_rule rule[] = {
			{ .pattern = ".*",
			  .cond = { { .input = "{HTTP_COOKIE}", .pattern = pattern[i] } },
			  .cond_n = 1,
			  .action = IMG_ACTION_ABORT },
		};
		struct made_request r = { .target = "/",
					  .line = { { SLICE("cookie"), value } },
					  .line_n = 1 };
		struct made made;

		made_open(&made, &(struct made_scope){ .rule = rule, .rule_n = 1 }, 1,
			  MADE_NO_SCAN);
		assert_int_equal(made_run(&made, &r, NULL).outcome, RULES_ROUTE);
		made_close(&made);
	}
}

/* A URL of 64 KiB and a pattern that a fast machine would search for seconds. */
static void
long_strings_end(void **state)
{
	const struct made_rule rule[] = { { .pattern = "([a-z]{2,})[0-9][a-z]",
					    .action = IMG_ACTION_ABORT } };
	char *target = malloc(65001);
	struct made made;

	(void)state;
	memset(target, 'a', 65000);
	target[0] = '/';
	target[65000] = '\0';
	made_open(&made, &(struct made_scope){ .rule = rule, .rule_n = 1 }, 1, MADE_NO_SCAN);
	struct rules_verdict v = run(&made, target);

	expect_error(&v, RULES_FAULT_MATCH_LIMIT, 500, 51);
	made_close(&made);
	open_one(&made, rule, 1, IMG_SCOPE_GLOBAL);
	assert_int_equal(run(&made, target).outcome, RULES_ROUTE); /* the scan knows */
	made_close(&made);
	free(target);
}

/* Headers may hold any bytes; what is not UTF-8 matches no character. */
static void
bytes_that_are_not_utf8(void **state)
{
	const struct made_rule rule[] = {
		{ .pattern = ".*",
		  .cond = { { .input = "{HTTP_X}", .pattern = "^a.b$" } },
		  .cond_n = 1,
		  .action = IMG_ACTION_FARM,
		  .farm_i = 0 },
		{ .pattern = ".*",
		  .cond = { { .input = "{HTTP_X}", .pattern = "\\b[cd]+\\b|^k$|k.s" } },
		  .cond_n = 1,
		  .action = IMG_ACTION_FARM,
		  .farm_i = 1 },
	};
	const struct {
		struct slice value;
		uint32_t farm_i;
	} line[] = {
		{ SLICE("a\xc3\xa9"
			"b"),
		  0 },
		{ SLICE("a\xff"
			"b"),
		  IMG_NONE },
		{ SLICE("a\xe2\x84"
			"b"),
		  IMG_NONE },
		{ SLICE("\xff"
			"cd\xc3"),
		  1 },
		{ SLICE("\xe2\x84\xaa"), 1 },		       /* the Kelvin sign is a K */
		{ SLICE("\xff\xe2\x84\xaa.\xc5\xbf\xff"), 1 }, /* the long s is an s */
		{ SLICE("\xffk\xff"), IMG_NONE },
		{ SLICE("\xff\xff"), IMG_NONE },
		{ SLICE(""), IMG_NONE },
	};
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	for (size_t i = 0; i < N(line); i++) {
		struct made_request r = { .target = "/",
					  .line = { { SLICE("x"), line[i].value } },
					  .line_n = 1 };

		assert_int_equal(made_run(&made, &r, NULL).farm_i, line[i].farm_i);
	}
	made_close(&made);
}

/*
 * What PCRE2's machine code (10.42) gets wrong: characters beyond ASCII in \S, \D and \W where any
 * bytes may come, and a repeated reference to a group that took no part.
 */
static void
machine_code_that_errs_is_not_used(void **state)
{
	const struct made_rule rule[] = {
		{ .pattern = "^x\\S\\D\\W$", .action = IMG_ACTION_FARM, .farm_i = 0 },
		{ .pattern = "^y(?:(b)|a)\\1+c", .action = IMG_ACTION_FARM, .farm_i = 1 },
	};
	struct made made;

	(void)state;
	made_open(&made, &(struct made_scope){ .rule = rule, .rule_n = N(rule) }, 1, MADE_NO_SCAN);
	assert_int_equal(run(&made, "/x%C3%A9%C3%A9%C3%A9").farm_i, 0);
	assert_int_equal(run(&made, "/yac").farm_i, 1);
	assert_int_equal(run(&made, "/ybbc").farm_i, 1);
	made_close(&made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captures_of_the_pattern),
		cmocka_unit_test(a_group_without_part_is_empty),
		cmocka_unit_test(a_missing_group_is_an_error),
		cmocka_unit_test(a_negated_match_has_the_whole_input),
		cmocka_unit_test(an_exact_hit_asks_nobody),
		cmocka_unit_test(a_hit_may_be_none),
		cmocka_unit_test(all_captures_are_one_list),
		cmocka_unit_test(captures_are_of_the_last_matched_condition),
		cmocka_unit_test(an_input_may_refer_back),
		cmocka_unit_test(any_condition_decides),
		cmocka_unit_test(alternatives_are_one_condition),
		cmocka_unit_test(files_are_never_there),
		cmocka_unit_test(networks_go_by_prefix),
		cmocka_unit_test(catastrophic_patterns_end),
		cmocka_unit_test(honest_patterns_have_room),
		cmocka_unit_test(honest_patterns_have_room_in_cookies),
		cmocka_unit_test(long_strings_end),
		cmocka_unit_test(bytes_that_are_not_utf8),
		cmocka_unit_test(machine_code_that_errs_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
