/*
 * test_lint.c - what is doubtful in rules: each finding, and what looks like one and is none.
 */
#include "conf/conf.h"
#include "confs.h"
#include "hard.h"
#include "programs.h"

#define RULE(name, match, rest) "<rule name='" name "'><match url='" match "'/>" rest "</rule>"
#define STOP(name, match, rest)                                                                    \
	"<rule name='" name "' stopProcessing='true'><match url='" match "'/>" rest "</rule>"
#define REWRITE(url) "<action type='Rewrite' url='" url "'/>"

/* How many findings of a kind there are for a rule. */
static uint32_t
found(const char *xml, enum lint_kind kind, const char *rule)
{
	struct compiled *c = programs_of_text(xml, NULL, NULL, false);
	struct lints lints;
	uint32_t n = 0;

	assert_true(c->is_good);
	program_lint(c->sets, &lints);
	for (uint32_t i = 0; i < lints.n; i++) {
		assert_true(lints.lint[i].at.line > 0);
		assert_non_null(strchr(lints.lint[i].text, ';') != NULL || lints.lint[i].is_notice
					? lints.lint[i].text
					: NULL);
		n += lints.lint[i].kind == kind && strcmp(lints.lint[i].rule, rule) == 0;
	}
	lints_fini(&lints);
	programs_close(c);
	return n;
}

/* The same of rules of penstock.yaml. */
static uint32_t
found_native(const char *rules, enum lint_kind kind, const char *rule)
{
	char text[4096];
	struct conf_errs errs = { 0 };
	struct conf *conf;
	struct lints lints;
	uint32_t n = 0;

	snprintf(text, sizeof(text), "%s%s%srules: {s: [%s]}\n", CONF_MACHINE, CONF_FARMS,
		 CONF_LISTENERS, rules);
	conf = conf_open_text("test.yaml", text, strlen(text), &errs);
	conf_errs_print(&errs, stderr);
	assert_non_null(conf);
	program_lint(conf->rule_sets, &lints);
	for (uint32_t i = 0; i < lints.n; i++)
		n += lints.lint[i].kind == kind && strcmp(lints.lint[i].rule, rule) == 0;
	lints_fini(&lints);
	conf_close(conf);
	conf_errs_fini(&errs);
	return n;
}

#define IF_HTTPS(pattern) "<add input='{HTTPS}' pattern='" pattern "'/>"
#define CONDS(conds)	  "<conditions>" conds "</conditions>"

static void
demands_that_do_not_go_together_are_found(void **state)
{
	static const struct {
		const char *rule;
		uint32_t n;
	} native[] = {
		{ "{name: a, match: {path: /x, not: {path: /x}}, deny: 403}", 1 },
		{ "{name: a, match: {path: /x, not: {path: /x/y}}, deny: 403}", 0 },
		{ "{name: a, match: {path: /x/y, not: {path: /x}}, deny: 403}", 1 },
		{ "{name: a, match: {method: get}, deny: 403}", 1 },
		{ "{name: a, match: {method: GET}, deny: 403}", 0 },
		{ "{name: a, match: {not: {method: get}}, deny: 403}", 0 },
		{ "{name: a, match: {path: \"/x%20y\"}, deny: 403}", 1 },
		{ "{name: a, match: {path: \"/x y\"}, deny: 403}", 0 },
		{ "{name: a, match: {from: 10.1.0.0/16, not: {from: 10.0.0.0/8}}, deny: 403}", 1 },
		{ "{name: a, match: {from: 10.0.0.0/8, not: {from: 10.1.0.0/16}}, deny: 403}", 0 },
		{ "{name: a, match: {all: [{host: a.x.com}, {host: b.x.com}]}, deny: 403}", 1 },
		{ "{name: a, match: {any: [{host: a.x.com}, {host: b.x.com}]}, deny: 403}", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++) {
		if (found_native(native[i].rule, LINT_NEVER, "a") != native[i].n)
			fail_msg("%s", native[i].rule);
	}
	assert_int_equal(
		found(PROGRAMS_RULES(RULE("a", ".*", CONDS(IF_HTTPS("on") IF_HTTPS("off")))),
		      LINT_NEVER, "a"),
		1);
	assert_int_equal(
		found(PROGRAMS_RULES(RULE("a", ".*", CONDS(IF_HTTPS("^(on)$") IF_HTTPS("n")))),
		      LINT_NEVER, "a"),
		0);
	assert_int_equal(
		found(PROGRAMS_RULES(RULE("a", ".*",
					  "<conditions logicalGrouping='MatchAny'>" IF_HTTPS("on")
						  IF_HTTPS("off") "</conditions>")),
		      LINT_NEVER, "a"),
		0);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "a^b", "")), LINT_NEVER, "a"), 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "a$b", "")), LINT_NEVER, "a"), 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "a?^b|c", "")), LINT_NEVER, "a"), 0);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "(?:^|/)b(?:$|/)", "")), LINT_NEVER, "a"),
			 0);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", ".*",
						   CONDS("<add input='{QUERY_STRING}' "
							 "pattern='x$y'/>"))),
			       LINT_NEVER, "a"),
			 1);
}

/* An earlier rule that is wider. */
static void
rules_within_others_are_found(void **state)
{
	static const struct {
		const char *rules;
		uint32_t n;
	} native[] = {
		{ "{name: a, match: {path: /x}, deny: 403}, {name: b, match: {path: /x/y}, deny: "
		  "404}",
		  1 },
		{ "{name: a, match: {path: /x/y}, deny: 403}, {name: b, match: {path: /x}, deny: "
		  "404}",
		  0 },
		{ "{name: a, match: {path: /x}, deny: 403}, {name: b, match: {path: /xy}, deny: "
		  "404}",
		  0 },
		{ "{name: a, match: {path: [/w, /x]}, deny: 403}, "
		  "{name: b, match: {path: [/x/y, /w]}, deny: 404}",
		  1 },
		{ "{name: a, match: {path: [/w, /x]}, deny: 403}, "
		  "{name: b, match: {path: [/x/y, /v]}, deny: 404}",
		  0 },
		{ "{name: a, match: {from: 10.0.0.0/8}, deny: 403}, "
		  "{name: b, match: {from: 10.1.0.0/16}, deny: 404}",
		  1 },
		{ "{name: a, match: {from: 10.1.0.0/16}, deny: 403}, "
		  "{name: b, match: {from: [10.1.2.0/24, 10.2.0.0/16]}, deny: 404}",
		  0 },
		{ "{name: a, match: {method: GET}, deny: 403}, "
		  "{name: b, match: {method: GET, path: /x}, deny: 404}",
		  1 },
		{ "{name: a, match: {method: GET, path: /x}, deny: 403}, "
		  "{name: b, match: {method: GET}, deny: 404}",
		  0 },
		{ "{name: a, match: {method: [GET, POST]}, deny: 403}, "
		  "{name: b, match: {method: POST, path: /x}, deny: 404}",
		  1 },
		{ "{name: a, match: {host: \"*.x.com\"}, farm: app}, "
		  "{name: b, match: {host: a.x.com}, farm: app}",
		  1 },
		{ "{name: a, match: {host: \"*.x.com\"}, farm: app}, "
		  "{name: b, match: {host: x.com}, farm: app}",
		  0 },
		{ "{name: a, match: {host: \"*.x.com\"}, farm: app, stop: false}, "
		  "{name: b, match: {host: a.x.com}, farm: app}",
		  0 },
		{ "{name: a, match: {not: {path: /x}}, deny: 403}, "
		  "{name: b, match: {not: {path: [/x, /y]}}, deny: 404}",
		  1 },
		{ "{name: a, match: {host: a.x.com}, deny: 403}, {name: c, match: {path: /x}, set: "
		  "{request: {Host: b}}}, {name: b, match: {host: a.x.com, path: /y}, deny: 404}",
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(native) / sizeof(native[0]); i++)
		if (found_native(native[i].rules, LINT_SHADOWED, "b") != native[i].n)
			fail_msg("%s", native[i].rules);
	assert_int_equal(found(PROGRAMS_RULES(STOP("a", "^blog/", "") RULE("b", "^blog/post", "")),
			       LINT_SHADOWED, "b"),
			 1);
	assert_int_equal(found(PROGRAMS_RULES(STOP("a", "log", "") RULE("b", "^blog/post", "")),
			       LINT_SHADOWED, "b"),
			 1);
	assert_int_equal(found(PROGRAMS_RULES(STOP("a", "^blog/$", "") RULE("b", "^blog/post", "")),
			       LINT_SHADOWED, "b"),
			 0);
	assert_int_equal(
		found(PROGRAMS_RULES(STOP("a", "^[a-z]+/\\d*", "") RULE("b", "^blog/12$", "")),
		      LINT_SHADOWED, "b"),
		1);
	assert_int_equal(
		found(PROGRAMS_RULES(STOP("a", "^blog/(?!post)", "") RULE("b", "^blog/post", "")),
		      LINT_SHADOWED, "b"),
		0);
}

static void
rules_that_never_match_are_found(void **state)
{
	(void)state;
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^/blog/.*", "")), LINT_NEVER, "a"), 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^blog/.*", "")), LINT_NEVER, "a"), 0);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^(?:/|x)", "")), LINT_NEVER, "a"), 0);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^http://h/", "")), LINT_NEVER, "a"), 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "x[^\\s\\S]", "")), LINT_NEVER, "a"), 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^x\\?id=1", "")), LINT_NEVER, "a"), 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", ".*",
						   "<conditions><add input='{REQUEST_FILENAME}' "
						   "matchType='IsFile'/></conditions>")),
			       LINT_NEVER, "a"),
			 1);
	assert_int_equal(
		found(PROGRAMS_RULES(RULE("a", ".*",
					  "<conditions><add input='{REQUEST_FILENAME}' "
					  "matchType='IsFile' negate='true'/></conditions>")),
		      LINT_NEVER, "a"),
		0);
}

static void
rules_behind_others_are_found(void **state)
{
	(void)state;
	assert_int_equal(found(PROGRAMS_RULES(STOP("a", ".*", REWRITE("/x")) RULE("b", "^b", "")),
			       LINT_SHADOWED, "b"),
			 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", ".*", REWRITE("/x")) RULE("b", "^b", "")),
			       LINT_SHADOWED, "b"),
			 0);
	assert_int_equal(found(PROGRAMS_RULES(STOP("a", "^b", REWRITE("/x")) RULE("b", "^b", "")),
			       LINT_SHADOWED, "b"),
			 1);
	assert_int_equal(found(PROGRAMS_RULES(STOP("a", "^b", REWRITE("/x")) RULE(
				       "c", "^c", REWRITE("/b")) RULE("b", "^b", "")),
			       LINT_SHADOWED, "b"),
			 0);
	assert_int_equal(found(PROGRAMS_RULES(STOP("a", ".*",
						   "<conditions><add input='{HTTPS}' "
						   "pattern='on'/></conditions>" REWRITE("/x"))
						      RULE("b", "^b", "")),
			       LINT_SHADOWED, "b"),
			 0);
}

static void
a_rule_that_undoes_an_absolute_rewrite_is_found(void **state)
{
	(void)state;
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^a", REWRITE("http://pilot/{R:0}")) RULE(
				       "b", ".*", REWRITE("http://main/{R:0}"))),
			       LINT_UNDONE, "b"),
			 1);
	assert_int_equal(found(PROGRAMS_RULES(STOP("a", "^a", REWRITE("http://pilot/{R:0}")) RULE(
				       "b", ".*", REWRITE("http://main/{R:0}"))),
			       LINT_UNDONE, "b"),
			 0);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^a", REWRITE("/x?u=http://h/")) RULE(
				       "b", ".*", REWRITE("http://main/{R:0}"))),
			       LINT_UNDONE, "b"),
			 0);
}

#define BODY(pattern)                                                                              \
	"<rewrite><outboundRules><rule name='a'><match pattern='" pattern                          \
	"'/><action type='None'/></rule></outboundRules></rewrite>"

static void
patterns_that_are_dear_in_bodies_are_told(void **state)
{
	static const char *const dear[] = { BODY("&lt;[^&gt;]*foo"), BODY("a.*?z"),
					    BODY("&lt;a\\s+[^&gt;]*href"), BODY("\\w+\\s*\\w+x") };
	static const char *const cheap[] = { BODY("&lt;[^&lt;&gt;]*foo"),
					     BODY("href=\"[^\"]*\"x"),
					     BODY("[^\"]*internal"),
					     BODY("&lt;[^&gt;]*"),
					     BODY("^a.*z"),
					     BODY("foo") };

	(void)state;
	for (uint32_t i = 0; i < sizeof(dear) / sizeof(dear[0]); i++)
		assert_int_equal(found(dear[i], LINT_QUADRATIC, "a"), 1);
	for (uint32_t i = 0; i < sizeof(cheap) / sizeof(cheap[0]); i++)
		assert_int_equal(found(cheap[i], LINT_QUADRATIC, "a"), 0);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "a.*?z", "")), LINT_QUADRATIC, "a"), 0);
}

static void
patterns_that_cost_much_are_found(void **state)
{
	(void)state;
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^(?i)x", "")), LINT_SLOW, "a"), 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^x(?=y)(z)\\1", "")), LINT_SLOW, "a"), 0);
	assert_int_equal(
		found(PROGRAMS_RULES(RULE("a", "^(?=.*foo)(?=.*bar).*$", "")), LINT_SLOW, "a"), 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^(.+)\\1$", "")), LINT_SLOW, "a"), 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^.+$", "")), LINT_SLOW, "a"), 0);
	assert_int_equal(
		found(PROGRAMS_RULES(
			      RULE("a", "(.*)",
				   "<conditions><add input='{R:1}' pattern='^a'/></conditions>")),
		      LINT_SLOW, "a"),
		1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^(a+)+$", "")), LINT_CATASTROPHIC, "a"),
			 1);
	assert_int_equal(
		found(PROGRAMS_RULES(RULE("a", "^(\\w+\\s?)*$", "")), LINT_CATASTROPHIC, "a"), 1);
	assert_int_equal(
		found(PROGRAMS_RULES(RULE("a", "^([^/]+/)+$", "")), LINT_CATASTROPHIC, "a"), 0);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^(.*)a(.*)b(.*)c(.*)$", "")),
			       LINT_CATASTROPHIC, "a"),
			 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", "^([a-z]+)/([0-9]+)/(.*)$", "")),
			       LINT_CATASTROPHIC, "a"),
			 0);
}

static void
patterns_that_a_scan_only_finds_get_a_notice(void **state)
{
	static const char *const confirmed[] = { "(a)\\1",  "a(?=b)", "(?!x)a",
						 "\\bword", "a++b",   "^.*foo" };
	static const char *const decided[] = { "^abc$", "a[bc]+d", "^(a|b)c", "x" };

	(void)state;
	for (size_t i = 0; i < sizeof(confirmed) / sizeof(confirmed[0]); i++) {
		char xml[512];

		snprintf(xml, sizeof(xml),
			 PROGRAMS_RULES("<rule name='a'><match url='%s'/></rule>"), confirmed[i]);
		if (found(xml, LINT_PREFILTERED, "a") != 1 || found(xml, LINT_SLOW, "a") != 0)
			fail_msg("%s", confirmed[i]);
	}
	for (size_t i = 0; i < sizeof(decided) / sizeof(decided[0]); i++) {
		char xml[512];

		snprintf(xml, sizeof(xml),
			 PROGRAMS_RULES("<rule name='a'><match url='%s'/></rule>"), decided[i]);
		if (found(xml, LINT_PREFILTERED, "a") != 0)
			fail_msg("%s", decided[i]);
	}
	assert_string_equal(lint_kind_name(LINT_PREFILTERED), "prefiltered");
}

/* hard.h's condition, in XML. */
static uint32_t
found_hard(const struct hard *hard, enum lint_kind kind)
{
	char text[4096] = "<rewrite><rules><rule name='a'><match url='.*'/><conditions><add "
			  "input='{HTTP_X}' pattern='";

	for (const char *at = hard->pattern; *at != '\0'; at++) {
		size_t n = strlen(text);
		const char *name = *at == '&' ? "&amp;" : *at == '<' ? "&lt;" : NULL;

		snprintf(text + n, sizeof(text) - n, name != NULL ? "%s" : "%.1s",
			 name != NULL ? name : at);
	}
	strcat(text, "'/></conditions></rule></rules></rewrite>");
	return found(text, kind, "a");
}

/* Whose time is only the square of the text's length, in a search without a scan. */
static const char *const hard_quadratic[] = { "square-z", "million-groups", "not-utf8", "mixed",
					      "rules-4k" };

static bool
is_quadratic(const char *name)
{
	for (size_t i = 0; i < sizeof(hard_quadratic) / sizeof(hard_quadratic[0]); i++)
		if (strcmp(hard_quadratic[i], name) == 0)
			return true;
	return false;
}

static void
hostile_patterns_are_found_and_honest_ones_are_not(void **state)
{
	uint32_t wrong_n = 0;

	(void)state;
	for (uint32_t i = 0; i < hard_hostile_n + hard_honest_n; i++) {
		const struct hard *hard =
			i < hard_hostile_n ? &hard_hostile[i] : &hard_honest[i - hard_hostile_n];
		uint32_t want = i < hard_hostile_n && !is_quadratic(hard->name);
		uint32_t got = found_hard(hard, LINT_CATASTROPHIC);

		if (got != want)
			print_error("%s: %s: told %u times, not %u\n", hard->name, hard->pattern,
				    got, want);
		wrong_n += got != want;
	}
	assert_int_equal(wrong_n, 0);
}

/* Pairs: one that explodes, and its like that does not. */
static void
patterns_explode_by_what_they_can_read_twice(void **state)
{
	static const char *const bad[] = {
		"^(a*)*$",	    "^(a*b*)*$",      "^(a|a)*$",
		"^(a|b|ab)*$",	    "^(ab|a|b)+c$",   "^(x+x+)+y",
		"^(.*?,){11}P",	    "^((a+)|b)*c$",   "(?:a+){6}b",
		"^(?:a|ab|b)*!",    "^(\\d+|\\w)*-",  "(a+)+\\b",
		"^a*a*a*b",	    "^\\w*\\d*\\w*!", "x*x*y",
		"^(?=(a+)+b)c",	    "(a+)\\1b",	      "^(a*)b?\\1c?\\1!",
		"[ab]+[bc]*[bd]*!",
	};
	static const char *const good[] = {
		"^(a*)*",
		"^(a|b)*$",
		"^(ab|cd)*$",
		"^(ab|c)+c$",
		"^(x+y)+z",
		"^(,[^,]*){11}P",
		"^((a+)|b)c$",
		"(?:a+b){6}b",
		"^(?:ab|ac|b)*!",
		"^(\\d|-)*x",
		"(a+)\\b",
		"^(?:a+)+",
		"^a*b*c*d",
		"^\\d*-\\w*-\\d*!",
		"x*y",
		"^(?=a+b)c",
		"(a+)-\\1-\\1;",
		"^(.*)/(.*)/(.*)$",
		"^[^/]*/[^/]*/[^/]*/x$",
		"^([0-9]{1,3}\\.){3}[0-9]{1,3}$",
		"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
		"^(?:(?!x).)*y",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (found_hard(&(struct hard){ .pattern = bad[i] }, LINT_CATASTROPHIC) != 1)
			fail_msg("not told: %s", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (found_hard(&(struct hard){ .pattern = good[i] }, LINT_CATASTROPHIC) != 0)
			fail_msg("told: %s", good[i]);
}

#define OUT(name, pattern, value)                                                                  \
	"<rule name='" name "'><match filterByTags='A, Img' pattern='" pattern                     \
	"'/><action type='Rewrite' value='" value "'/></rule>"
#define OUTS(rules) "<rewrite><outboundRules>" rules "</outboundRules></rewrite>"

/* The pair of seed 0 (14.3). */
static void
outbound_rules_that_prefix_twice_are_found(void **state)
{
	(void)state;
	assert_int_equal(
		found(OUTS(OUT("absolute", "^http(s)?://w.company1.com/(.*)", "/company1/{R:2}")
				   OUT("relative", "^/(.*)", "/company1/{R:1}")),
		      LINT_DOUBLE, "relative"),
		1);
	assert_int_equal(
		found(OUTS(OUT("absolute", "^http(s)?://w.company1.com/(.*)", "/company1/{R:2}")
				   OUT("relative", "^/(?!company1/)(.*)", "/company1/{R:1}")),
		      LINT_DOUBLE, "relative"),
		0);
	assert_int_equal(
		found(OUTS(OUT("relative", "^/(.*)", "/company1/{R:1}") OUT(
			      "absolute", "^http(s)?://w.company1.com/(.*)", "/company1/{R:2}")),
		      LINT_DOUBLE, "absolute"),
		0);
}

#define SET_SITE "<serverVariables><set name='SITE' value='x'/></serverVariables>"
#define OUT_OF(variable)                                                                           \
	"<rule name='o'><match serverVariable='" variable                                          \
	"' pattern='.*'/><action type='Rewrite' value='x'/></rule>"

/* Looked at once each: with two looks a level this would go on for ever. */
static void
lookaheads_in_lookaheads_are_looked_at_in_time(void **state)
{
	char pattern[512] = "^", rule[640];

	(void)state;
	for (uint32_t i = 0; i < 60; i++)
		strcat(pattern, "(?=a");
	strcat(pattern, "b*");
	for (uint32_t i = 0; i < 60; i++)
		strcat(pattern, ")");
	snprintf(rule, sizeof(rule),
		 "<rewrite><rules><rule name='a'><match url='%s'/><action type='None'/></rule>"
		 "</rules></rewrite>",
		 pattern);
	assert_int_equal(found(rule, LINT_CATASTROPHIC, "a"), 0);
}

static void
variables_that_nobody_sets_are_found(void **state)
{
	(void)state;
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", ".*", REWRITE("/x{REQUEST_URL}"))),
			       LINT_UNKNOWN, "a"),
			 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("a", ".*",
						   CONDS("<add input='{SITE}' pattern='x'/>")
							   REWRITE("/x{HTTP_X_A}{URL}"))),
			       LINT_UNKNOWN, "a"),
			 1);
	assert_int_equal(found(PROGRAMS_RULES(RULE("b", ".*", SET_SITE) RULE(
				       "a", ".*", CONDS("<add input='{SITE}' pattern='x'/>"))),
			       LINT_UNKNOWN, "a"),
			 0);
	assert_int_equal(found(OUTS(OUT_OF("Location")), LINT_UNKNOWN, "o"), 1);
	assert_int_equal(found(OUTS(OUT_OF("RESPONSE_Location")), LINT_UNKNOWN, "o"), 0);
	assert_int_equal(found(OUTS(OUT_OF("MINE")), LINT_UNKNOWN, "o"), 0);
}

static void
files_get_a_notice(void **state)
{
	(void)state;
	assert_int_equal(
		found(PROGRAMS_RULES(
			      RULE("a", ".*",
				   "<conditions><add input='{REQUEST_FILENAME}' matchType='IsFile' "
				   "negate='true'/><add input='{REQUEST_FILENAME}' "
				   "matchType='IsDirectory' negate='true'/></conditions>")),
		      LINT_FILES, "a"),
		2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_that_are_dear_in_bodies_are_told),
		cmocka_unit_test(rules_that_never_match_are_found),
		cmocka_unit_test(demands_that_do_not_go_together_are_found),
		cmocka_unit_test(rules_within_others_are_found),
		cmocka_unit_test(rules_behind_others_are_found),
		cmocka_unit_test(a_rule_that_undoes_an_absolute_rewrite_is_found),
		cmocka_unit_test(patterns_that_cost_much_are_found),
		cmocka_unit_test(patterns_that_a_scan_only_finds_get_a_notice),
		cmocka_unit_test(hostile_patterns_are_found_and_honest_ones_are_not),
		cmocka_unit_test(patterns_explode_by_what_they_can_read_twice),
		cmocka_unit_test(outbound_rules_that_prefix_twice_are_found),
		cmocka_unit_test(lookaheads_in_lookaheads_are_looked_at_in_time),
		cmocka_unit_test(variables_that_nobody_sets_are_found),
		cmocka_unit_test(files_get_a_notice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
