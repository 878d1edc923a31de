/* Patterns, conditions, captures, scans and the walk (rules/match.c, scan.c, run.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/addr.h"
#include "made.h"

#define N(array) (sizeof(array) / sizeof(array[0]))

/* A rule that redirects, so that its captures show in Location. */
#define REDIRECT(to) .action = IMG_ACTION_REDIRECT, .url = to

static void
open_one(struct made *made, const struct made_rule *rule, uint32_t n, enum img_scope_kind kind)
{
	made_open(made, &(struct made_scope){ .kind = kind, .rule = rule, .rule_n = n }, 1, 0);
	assert_non_null(made->rules);
}

static struct rules_verdict
run(const struct made *made, const char *target)
{
	return made_run(made, &(struct made_request){ .target = target }, NULL);
}

static void
expect_slice(struct slice s, const char *text)
{
	if (s.n != strlen(text) || memcmp(s.p, text, s.n) != 0)
		fail_msg("'%.*s' is not '%s'", (int)s.n, (const char *)s.p, text);
}

static void
expect_location(const struct rules_verdict *v, const char *text)
{
	if (v->outcome != RULES_REDIRECT)
		fail_msg("%s (%s), not a redirect to %s", rules_outcome_name(v->outcome),
			 rules_fault_text(v->fault), text);
	expect_slice(v->location, text);
}

static void
expect_error(const struct rules_verdict *v, enum rules_fault fault, uint32_t status,
	     uint32_t substatus)
{
	assert_string_equal(rules_outcome_name(v->outcome), "error");
	assert_string_equal(rules_fault_text(v->fault), rules_fault_text(fault));
	assert_int_equal(v->status, status);
	assert_int_equal(v->substatus, substatus);
}

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

/* ---- the walk ---- */

/* 3.3: later rules see the URL that earlier ones made; what the scan said is said anew. */
static void
a_rewrite_makes_candidates(void **state)
{
	const struct made_rule rule[] = {
		{ .pattern = "^c$", .action = IMG_ACTION_ABORT },
		{ .pattern = "^a$", .action = IMG_ACTION_REWRITE, .url = "b" },
		{ .pattern = "^a$", .action = IMG_ACTION_ABORT },
		{ .pattern = "^b$", .action = IMG_ACTION_REWRITE, .url = "c" },
		{ .pattern = "^d$", .action = IMG_ACTION_ABORT },
		{ .pattern = "^c$", .action = IMG_ACTION_FARM, .farm_i = 1 },
	};
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/a");

	assert_int_equal(v.outcome, RULES_ROUTE);
	assert_int_equal(v.farm_i, 1);
	assert_int_equal(v.tried_n, 3);
	expect_slice(v.target, "/c");
	made_close(&made);
}

/* 13: so with what rules set. */
static void
a_set_makes_candidates(void **state)
{
	const struct made_rule rule[] = {
		{ .pattern = "^a$", .set = { { "x-kind", "blue" } } },
		{ .pattern = ".*",
		  .cond = { { .input = "{HTTP_X_KIND}", .pattern = "^blue$" } },
		  .cond_n = 1,
		  .action = IMG_ACTION_FARM,
		  .farm_i = 1 },
	};
	struct made_request red = { .target = "/a",
				    .line = { { SLICE("x-kind"), SLICE("red") } },
				    .line_n = 1 };
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	assert_int_equal(made_run(&made, &red, NULL).farm_i, 1);
	red.target = "/b";
	assert_int_equal(made_run(&made, &red, NULL).farm_i, IMG_NONE);
	made_close(&made);
}

/* Choice 2: STOP ends the set's rules of its kind, not the distributed ones, not another set. */
static void
stop_ends_its_set(void **state)
{
	const struct made_rule stop[] = { { .pattern = ".*", .flags = IMG_RULE_STOP },
					  { .pattern = ".*", .action = IMG_ACTION_ABORT } };
	const struct made_rule abort_rule[] = { { .pattern = ".*", .action = IMG_ACTION_ABORT } };
	const struct made_rule farm[] = {
		{ .pattern = ".*", .action = IMG_ACTION_FARM, .farm_i = 1 }
	};
	const struct made_scope scope[] = {
		{ .kind = IMG_SCOPE_GLOBAL, .rule = stop, .rule_n = N(stop) },
		{ .kind = IMG_SCOPE_GLOBAL, .rule = abort_rule, .rule_n = 1 },
		{ .kind = IMG_SCOPE_LOCAL, .rule = stop, .rule_n = N(stop) },
		{ .kind = IMG_SCOPE_LOCAL, .folder = "/blog", .rule = abort_rule, .rule_n = 1 },
		{ .kind = IMG_SCOPE_LOCAL, .set = "other", .rule = farm, .rule_n = 1 },
	};
	struct made made;

	(void)state;
	made_open(&made, scope, N(scope), 0);
	struct rules_verdict v = run(&made, "/blog/x");

	assert_int_equal(v.outcome, RULES_ROUTE);
	assert_int_equal(v.farm_i, 1);
	assert_int_equal(v.scope_i, 4);
	made_close(&made);
}

/* Choice 3: what global rules send elsewhere is no business of the distributed ones. */
static void
an_absolute_url_ends_the_global_rules(void **state)
{
	const struct made_rule global[] = {
		{ .pattern = "^far/(.*)", .action = IMG_ACTION_REWRITE, .url = "http://two/{R:1}" }
	};
	const struct made_rule local[] = { { .pattern = ".*", .action = IMG_ACTION_ABORT } };
	const struct made_scope scope[] = {
		{ .kind = IMG_SCOPE_GLOBAL, .rule = global, .rule_n = 1 },
		{ .kind = IMG_SCOPE_LOCAL, .rule = local, .rule_n = 1 },
	};
	struct made made;

	(void)state;
	made_open(&made, scope, N(scope), 0);
	struct rules_verdict v = run(&made, "/far/x");

	assert_int_equal(v.outcome, RULES_PROXY);
	assert_int_equal(v.farm_i, 1);
	expect_slice(v.target, "/x");
	assert_int_equal(run(&made, "/near/x").outcome, RULES_ABORT);
	made_close(&made);
}

/* 3.2: rules of a folder are for URLs in it, without case, by whole segments. */
static void
rules_of_a_folder_stay_there(void **state)
{
	const struct made_rule rule[] = { { .pattern = "^(.*)$", REDIRECT("http://h/{R:1}") } };
	const struct made_scope scope[] = {
		{ .kind = IMG_SCOPE_LOCAL, .folder = "/blog", .rule = rule, .rule_n = 1 }
	};
	struct made made;

	(void)state;
	made_open(&made, scope, N(scope), 0);
	struct rules_verdict v = run(&made, "/Blog/x/y");

	expect_location(&v, "http://h/x/y");
	v = run(&made, "/blog");
	expect_location(&v, "http://h/");
	assert_int_equal(run(&made, "/blogs/x").outcome, RULES_ROUTE);
	assert_int_equal(run(&made, "/x").outcome, RULES_ROUTE);
	made_close(&made);
}

/* A rule that leads out of the folder is the last one of it. */
static void
a_rewrite_leaves_the_folder(void **state)
{
	const struct made_rule rule[] = {
		{ .pattern = "^out$", .action = IMG_ACTION_REWRITE, .url = "/other/x" },
		{ .pattern = ".*", .action = IMG_ACTION_ABORT },
	};
	const struct made_scope scope[] = {
		{ .kind = IMG_SCOPE_LOCAL, .folder = "/blog", .rule = rule, .rule_n = 2 }
	};
	struct made made;

	(void)state;
	made_open(&made, scope, N(scope), 0);
	struct rules_verdict v = run(&made, "/blog/out");

	assert_int_equal(v.outcome, RULES_ROUTE);
	expect_slice(v.target, "/other/x");
	made_close(&made);
}

/* 3.1: a target that is none is the client's fault. */
static void
a_bad_target_is_answered_400(void **state)
{
	const struct made_rule rule[] = { { .pattern = ".*", .action = IMG_ACTION_ABORT } };
	struct made made;

	(void)state;
	open_one(&made, rule, 1, IMG_SCOPE_GLOBAL);
	struct rules_verdict v = run(&made, "/%zz");

	expect_error(&v, RULES_FAULT_TARGET, 400, 0);
	v = run(&made, "/a%00b");
	expect_error(&v, RULES_FAULT_TARGET, 400, 0);
	made_close(&made);
}

/* ---- the trace ---- */

struct heard {
	char text[2048];
	size_t n;
};

static void
on_cond(void *ctx, uint32_t cond_i, struct slice value, bool holds)
{
	struct heard *h = ctx;

	h->n += (size_t)snprintf(h->text + h->n, sizeof(h->text) - h->n, "c%u '%.*s' %s; ", cond_i,
				 (int)value.n, (const char *)value.p, holds ? "holds" : "not");
}

static void
on_rule(void *ctx, const struct rules_seen *seen)
{
	struct heard *h = ctx;

	h->n += (size_t)snprintf(h->text + h->n, sizeof(h->text) - h->n,
				 "r%u '%.*s' %u R%u C%u '%.*s'\n", seen->rule_i, (int)seen->input.n,
				 (const char *)seen->input.p, seen->why, seen->r_n, seen->c_n,
				 (int)seen->url.n, (const char *)seen->url.p);
}

/* 18: every rule is told of, and the verdict is that of the silent walk. */
static void
a_trace_tells_of_every_rule(void **state)
{
	const struct made_rule rule[] = {
		{ .pattern = "^z", .action = IMG_ACTION_ABORT },
		{ .pattern = "^a",
		  .flags = IMG_RULE_APPEND_QUERY,
		  .cond = { { .input = "{QUERY_STRING}", .pattern = "^(.)" } },
		  .cond_n = 1,
		  .action = IMG_ACTION_REWRITE,
		  .url = "b" },
		{ .pattern = "^b", .flags = IMG_RULE_NEGATE },
		{ .pattern = "^(b)", .action = IMG_ACTION_ABORT },
		{ .pattern = "^b" },
	};
	struct made_request request = { .target = "/a?x" };
	struct heard heard = { .n = 0 };
	struct rules_trace trace = { .ctx = &heard, .on_cond = on_cond, .on_rule = on_rule };
	struct made made;

	(void)state;
	open_one(&made, rule, N(rule), IMG_SCOPE_GLOBAL);
	struct rules_verdict v = made_run(&made, &request, &trace);
	char want[512];

	snprintf(want, sizeof(want),
		 "r0 'a' %u R0 C0 '/a?x'\n"
		 "c0 'x' holds; r1 'a' %u R1 C2 '/b?x'\n"
		 "r2 'b' %u R0 C0 '/b?x'\n"
		 "r3 'b' %u R2 C0 '/b?x'\n",
		 RULES_WHY_PATTERN, RULES_WHY_MATCHED, RULES_WHY_NEGATED, RULES_WHY_MATCHED);
	assert_string_equal(heard.text, want);
	assert_int_equal(v.outcome, RULES_ABORT);
	assert_int_equal(v.rule_i, 3);
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

/* A URL of 64 KiB and a pattern that a fast machine would search for seconds. */
static void
long_strings_end(void **state)
{
	const struct made_rule rule[] = { { .pattern = "([a-z]+)[0-9][a-z]",
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
		cmocka_unit_test(a_rewrite_makes_candidates),
		cmocka_unit_test(a_set_makes_candidates),
		cmocka_unit_test(stop_ends_its_set),
		cmocka_unit_test(an_absolute_url_ends_the_global_rules),
		cmocka_unit_test(rules_of_a_folder_stay_there),
		cmocka_unit_test(a_rewrite_leaves_the_folder),
		cmocka_unit_test(a_bad_target_is_answered_400),
		cmocka_unit_test(a_trace_tells_of_every_rule),
		cmocka_unit_test(catastrophic_patterns_end),
		cmocka_unit_test(long_strings_end),
		cmocka_unit_test(bytes_that_are_not_utf8),
		cmocka_unit_test(machine_code_that_errs_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
