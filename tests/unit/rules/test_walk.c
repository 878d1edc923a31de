/* Scopes and rules in their order, and the trace (rules/run.c). */
#include <stdio.h>
#include <string.h>

#include "made_expect.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rewrite_makes_candidates),
		cmocka_unit_test(a_set_makes_candidates),
		cmocka_unit_test(stop_ends_its_set),
		cmocka_unit_test(an_absolute_url_ends_the_global_rules),
		cmocka_unit_test(rules_of_a_folder_stay_there),
		cmocka_unit_test(a_rewrite_leaves_the_folder),
		cmocka_unit_test(a_bad_target_is_answered_400),
		cmocka_unit_test(a_trace_tells_of_every_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
