/*
 * test_program.c - sets of rules to sections of an image: what is refused and how it is said,
 * inputs and gates, slots, databases that are taken over.
 */
#include "programs.h"

#define RULE(name, match, rest) "<rule name='" name "'><match url='" match "'/>" rest "</rule>"
#define REWRITE(url)		"<action type='Rewrite' url='" url "'/>"
#define COND(input, pattern)	"<add input='" input "' pattern='" pattern "'/>"
#define CONDS(conds)		"<conditions>" conds "</conditions>"

/* The rules compile. */
static struct compiled *
good(const char *xml)
{
	struct compiled *c = programs_of_text(xml, NULL, NULL, true);

	if (!c->is_good)
		conf_errs_print(&c->errs, stderr);
	assert_true(c->is_good);
	return c;
}

/* The rules are refused, with these words in the first error, and its place. */
static void
refused(const char *xml, const char *words)
{
	struct compiled *c = programs_of_text(xml, NULL, NULL, false);

	assert_false(c->is_good);
	assert_true(c->errs.n > 0);
	if (strstr(c->errs.err[0].text, words) == NULL)
		print_message("'%s' is not in '%s'\n", words, c->errs.err[0].text);
	assert_non_null(strstr(c->errs.err[0].text, words));
	assert_true(c->errs.err[0].at.line > 0 && c->errs.err[0].at.col > 0);
	programs_close(c);
}

static void
warned(const char *xml, const char *words)
{
	struct compiled *c = programs_of_text(xml, NULL, NULL, false);
	bool is_said = false;

	assert_true(c->is_good);
	for (uint32_t i = 0; i < c->warns.n; i++)
		is_said |= strstr(c->warns.err[i].text, words) != NULL;
	if (!is_said)
		conf_errs_print(&c->warns, stderr);
	assert_true(is_said);
	programs_close(c);
}

static void
unwarned(const char *xml)
{
	struct compiled *c = programs_of_text(xml, NULL, NULL, false);

	assert_true(c->is_good);
	conf_errs_print(&c->warns, stderr);
	assert_int_equal(c->warns.n, 0);
	programs_close(c);
}

static const struct img_rule *
rule_named(const struct compiled *c, const char *name)
{
	for (uint32_t i = 0; i < img_n(&c->img, IMG_RULES); i++)
		if (strcmp(img_text(&c->img, img_rule(&c->img, i)->name), name) == 0)
			return img_rule(&c->img, i);
	fail();
	return NULL;
}

/* ---- expressions (8) ---- */

static const char *
op_text(const struct compiled *c, const struct img_op *op)
{
	return img_text(&c->img, op->text);
}

static void
expression_becomes_ops_in_order(void **state)
{
	struct compiled *c = good(PROGRAMS_RULES(
		RULE("a", "^(.*)/(x)$",
		     REWRITE("/p/{ToLower:{R:1}}?h={HTTP_X_Y}&amp;q={query-string}}"))));
	const struct img_expr *e = img_expr(&c->img, rule_named(c, "a")->url_expr_i);
	const struct img_op *op = img_op(&c->img, e->first_op);

	(void)state;
	assert_int_equal(e->op_n, 9);
	assert_int_equal(op[0].kind, IMG_OP_TEXT);
	assert_string_equal(op_text(c, &op[0]), "/p/");
	assert_int_equal(op[1].kind, IMG_OP_OPEN);
	assert_int_equal(op[2].kind, IMG_OP_R);
	assert_int_equal(op[2].arg, 1);
	assert_int_equal(op[3].kind, IMG_OP_TO_LOWER);
	assert_string_equal(op_text(c, &op[4]), "?h=");
	assert_int_equal(op[5].kind, IMG_OP_REQUEST_FIELD);
	assert_string_equal(op_text(c, &op[5]), "x-y");
	assert_int_equal(op[7].kind, IMG_OP_VARIABLE);
	assert_int_equal(op[7].arg, RULES_VARIABLE_QUERY_STRING);
	assert_string_equal(op_text(c, &op[8]), "}"); /* outside braces it is literal */
	assert_int_equal(e->flags, IMG_INPUT_ON_URL | IMG_INPUT_ON_VARS | IMG_INPUT_ON_REFS);
	programs_close(c);
}

static void
maps_functions_and_cookies_are_told_apart(void **state)
{
	struct compiled *c = good(
		"<rewrite><rewriteMaps><rewriteMap name='Sites'><add key='A' "
		"value='b'/></rewriteMap>"
		"</rewriteMaps><rules>" RULE(
			"a", ".*", REWRITE("/{sites:{cookie:Sid}}{x-y}")) "</rules></rewrite>");
	const struct img_expr *e = img_expr(&c->img, rule_named(c, "a")->url_expr_i);
	const struct img_op *op = img_op(&c->img, e->first_op);

	(void)state;
	assert_int_equal(e->op_n, 5);
	assert_int_equal(op[2].kind, IMG_OP_COOKIE);
	assert_string_equal(op_text(c, &op[2]), "Sid");
	assert_int_equal(op[3].kind, IMG_OP_MAP);
	assert_int_equal(op[3].arg, 0);
	assert_int_equal(op[4].kind, IMG_OP_CUSTOM);
	assert_string_equal(op_text(c, &op[4]), "X_Y");
	assert_int_equal(img_map(&c->img, 0)->flags, IMG_MAP_CASELESS);
	assert_int_equal(img_blob(&c->img, img_map(&c->img, 0)->blob_i)->kind, IMG_BLOB_MAP);
	programs_close(c);
}

static void
bad_expressions_are_refused_with_place_rule_and_cure(void **state)
{
	(void)state;
	refused(PROGRAMS_RULES(RULE("a", "x", REWRITE("/{R:0"))),
		"rule 'a': url '/{R:0', character 2: a back-reference is a digit");
	refused(PROGRAMS_RULES(RULE("a", "x", REWRITE("/{URL"))), "'{' without its '}'");
	refused(PROGRAMS_RULES(RULE("a", "x", REWRITE("/{ToLower:x"))), "'{' without its '}'");
	refused(PROGRAMS_RULES(RULE("a", "x", REWRITE("/{Nope:x}"))),
		"'Nope' is no function, rewrite map or provider");
	refused(PROGRAMS_RULES(RULE("a", "x", REWRITE("/{R:10}"))), "from 0 to 9");
	refused(PROGRAMS_RULES(RULE("a", "x", REWRITE("/{}"))), "a name is missing");
	refused(PROGRAMS_RULES(RULE("a", "x", REWRITE("/{RESPONSE_STATUS}"))),
		"only outbound rules");
}

static void
braces_nest_32_deep_and_no_deeper(void **state)
{
	char xml[2048], open[512] = "", close[64] = "";

	(void)state;
	for (int i = 0; i < 32; i++) {
		strcat(open, "{ToLower:");
		strcat(close, "}");
	}
	snprintf(xml, sizeof(xml), PROGRAMS_RULES(RULE("a", "x", REWRITE("/%sx%s"))), open, close);
	programs_close(good(xml));
	snprintf(xml, sizeof(xml), PROGRAMS_RULES(RULE("a", "x", REWRITE("/{ToLower:%sx%s}"))),
		 open, close);
	refused(xml, "deeper than 32");
}

/* ---- back-references (7, choice 16) ---- */

static void
indexes_that_no_pattern_provides_are_refused(void **state)
{
	(void)state;
	refused(PROGRAMS_RULES(RULE("a", "(x)(y)", REWRITE("/{R:3}"))),
		"uses {R:3}, but the rule's pattern gives {R:0} to {R:2}");
	refused(PROGRAMS_RULES(RULE("a", "x", REWRITE("/{C:0}"))), "no condition before it");
	refused(PROGRAMS_RULES("<rule name='a'><match url='(x)' negate='true'/>" REWRITE(
			"/{R:1}") "</rule>"),
		"uses {R:1}");
	refused(PROGRAMS_RULES(RULE("a", "x",
				    CONDS("<add input='{URL}' pattern='(y)' negate='true'/>")
					    REWRITE("/{C:1}"))),
		"uses {C:1}");
	refused(PROGRAMS_RULES(RULE("a", "x",
				    CONDS(COND("{URL}", "(y)") COND("{URL}", "z"))
					    REWRITE("/{C:1}"))),
		"give {C:0} to {C:0}");
	refused(PROGRAMS_RULES(RULE("a", "x", CONDS(COND("{C:1}", "(y)")) REWRITE("/"))),
		"uses {C:1}");
	programs_close(good(PROGRAMS_RULES(
		RULE("a", "x",
		     "<conditions trackAllCaptures='true'>" COND("{URL}", "(y)(w)")
			     COND("{C:2}", "(z)") "</conditions>" REWRITE("/{C:3}")))));
	refused(PROGRAMS_RULES(
			RULE("a", "x",
			     "<conditions trackAllCaptures='true'>" COND("{URL}", "(y)(w)")
				     COND("{URL}", "(z)") "</conditions>" REWRITE("/{C:4}"))),
		"give {C:0} to {C:3}");
	programs_close(good(PROGRAMS_RULES(
		RULE("a", "x",
		     "<conditions logicalGrouping='MatchAny'>" COND("{URL}", "(y)(w)")
			     COND("{URL}", "z") "</conditions>" REWRITE("/{C:2}")))));
}

/* ---- patterns (5) ---- */

static const struct img_pattern *
pattern_of(const struct compiled *c, const char *rule)
{
	return img_pattern(&c->img, rule_named(c, rule)->pattern_i);
}

static void
each_syntax_becomes_its_regular_expression(void **state)
{
	struct compiled *c = good(PROGRAMS_RULES(
		RULE("re", "^a(b)$",
		     "") "<rule name='wild' patternSyntax='Wildcard'><match url='*/..;*.?'/></rule>"
			 "<rule name='exact' patternSyntax='ExactMatch'><match url='a.b+c' "
			 "ignoreCase='false'/></rule>"));

	(void)state;
	assert_string_equal(img_text(&c->img, pattern_of(c, "re")->regex), "^a(b)$");
	assert_int_equal(pattern_of(c, "re")->group_n, 1);
	assert_string_equal(img_text(&c->img, pattern_of(c, "wild")->regex),
			    "^(?s:(?>(.*?)/\\.\\.;)(.*?)\\..)$");
	assert_string_equal(img_text(&c->img, pattern_of(c, "wild")->text), "*/..;*.?");
	assert_int_equal(pattern_of(c, "wild")->group_n, 2);
	assert_string_equal(img_text(&c->img, pattern_of(c, "exact")->regex), "^a\\.b\\+c$");
	assert_int_equal(pattern_of(c, "exact")->flags & IMG_PATTERN_CASELESS, 0);
	assert_int_equal(pattern_of(c, "re")->flags & IMG_PATTERN_CASELESS, IMG_PATTERN_CASELESS);
	programs_close(c);
}

static void
bad_patterns_are_refused_with_the_character(void **state)
{
	(void)state;
	refused(PROGRAMS_RULES(RULE("a", "a(b", "")),
		"rule 'a': pattern 'a(b', character 4: missing closing parenthesis");
	refused(PROGRAMS_RULES(RULE("a", "+", "")), "quantifier does not follow a repeatable item");
	refused(PROGRAMS_RULES(RULE("a", "a\\Cb", "")), "pattern 'a\\Cb'");
	refused(PROGRAMS_RULES(RULE("a", "\\p{L}(?:\\G|,)b", "")),
		"'\\G' speaks of how a search goes");
	refused(PROGRAMS_RULES(RULE("a", "a(*COMMIT)b", "")), "'(*' speaks of how a search goes");
	refused(PROGRAMS_RULES(RULE("a", "[[:]\\Gx[:]", "")), "'\\G' speaks of how a search goes");
	refused(PROGRAMS_RULES(RULE("a", "x", CONDS(COND("{URL}", "[b")))), "pattern '[b'");
	warned(PROGRAMS_RULES(RULE("a", "^/{C:1}", "")), "nothing in braces is expanded");
	warned(PROGRAMS_RULES(RULE("a", "(a+)+$", "")), "may take very long");
	warned(PROGRAMS_RULES(RULE("a", "(?:[a-z]|b)*c", "")), "may take very long");
}

#define BODY(match)                                                                                \
	"<rewrite><outboundRules><rule name='o'><match " match                                     \
	"/><action type='Rewrite' value='x'/></rule></outboundRules></rewrite>"

/* A body is searched in parts, and their ends are none of its own: "^" and "$" know that. */
static void
other_anchors_than_a_bodys_are_refused(void **state)
{
	(void)state;
	refused(BODY("pattern='a\\z'"), "outbound rule 'o': pattern 'a\\z': '\\z' is no end");
	refused(BODY("pattern='a(?:b|\\Z)'"), "write '$', which is the body's");
	refused(BODY("pattern='\\Aa'"), "write '^', which is the body's");
	refused(BODY("pattern='\\\\\\z'"), "'\\z' is no end");
	warned(BODY("filterByTags='A' pattern='^a\\z'"), "'\\z' is no ECMAScript");
	warned(BODY("serverVariable='RESPONSE_X' pattern='\\Aa\\Z'"), "'\\A' is no ECMAScript");
	unwarned(BODY("pattern='^\\\\z[A-Z]$'"));
	unwarned("<rewrite><outboundRules><rule name='o' patternSyntax='ExactMatch'><match "
		 "pattern='a\\z'/><action type='None'/></rule></outboundRules></rewrite>");
}

static void
what_is_no_ecmascript_is_said(void **state)
{
	(void)state;
	warned(PROGRAMS_RULES(RULE("a", "^(?i)b", "")), "'(?i' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "^a++b", "")), "'++' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "\\p{L}", "")), "'\\p' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "a\\Kb", "")), "'\\K' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "[[:^alpha:]]", "")), "'[:^alpha:]' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "[a[:word:]]", "")), "'[:word:]' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "^a\\N$", "")), "'\\N' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "\\e", "")), "'\\e' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "[\\a]", "")), "'\\a' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "\\o{101}", "")), "'\\o' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "(a)\\g1", "")), "'\\g' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "\\V", "")), "'\\V' is no ECMAScript");
	warned(PROGRAMS_RULES(RULE("a", "[[:alpha:]]a++", "")), "'++' is no ECMAScript");
	unwarned(PROGRAMS_RULES(RULE("a", "^[[:alpha:][:digit:]+*+?+]$", "")));
	unwarned(PROGRAMS_RULES(RULE(
		"a", "(\\d\\D\\w\\W\\s\\S\\b\\B\\n\\r\\t\\f\\v\\0\\cA\\x41\\u0041\\.)\\1", "")));
	unwarned(PROGRAMS_RULES(RULE("a", "^(?:a|(?=b)|(?!c))[+*+?+]\\++$", "")));
}

static void
patterns_of_everything_are_known(void **state)
{
	static const struct {
		const char *pattern;
		uint32_t flags;
	} any[] = {
		{ ".*", IMG_PATTERN_ANY | IMG_PATTERN_ONE_LINE },
		{ "^(.*)$", IMG_PATTERN_ANY | IMG_PATTERN_ONE_LINE },
		{ "([\\s\\S]*)", IMG_PATTERN_ANY },
		{ "^[\\s\\S]*$", IMG_PATTERN_ANY },
		{ ".+", 0 },
		{ ".*?", 0 },
		{ "(.*)(.*)", 0 },
		{ "a.*", 0 },
		{ "^", 0 },
	};
	char xml[512];

	(void)state;
	for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
		struct compiled *c;

		snprintf(xml, sizeof(xml), PROGRAMS_RULES(RULE("a", "%s", "")), any[i].pattern);
		c = good(xml);
		assert_int_equal(pattern_of(c, "a")->flags &
					 (IMG_PATTERN_ANY | IMG_PATTERN_ONE_LINE),
				 any[i].flags);
		programs_close(c);
	}
	struct compiled *c = good(
		PROGRAMS_RULES("<rule name='a' patternSyntax='Wildcard'><match url='*'/></rule>"));

	assert_int_equal(pattern_of(c, "a")->flags & (IMG_PATTERN_ANY | IMG_PATTERN_ONE_LINE),
			 IMG_PATTERN_ANY);
	programs_close(c);
}

/* ---- inputs and gates ---- */

static void
a_rule_is_opened_by_its_pattern_or_its_first_condition(void **state)
{
	struct compiled *c = good(PROGRAMS_RULES(
		RULE("own", "^own", CONDS(COND("{HTTP_HOST}", "^a$"))) RULE(
			"host", ".*",
			CONDS("<add input='{REMOTE_ADDR}' pattern='x' negate='true'/>" COND(
				"{http-host}", "^b$")))
			RULE("any", ".*",
			     "") "<rule name='negated'><match url='^n' "
				 "negate='true'/></rule>" RULE(
					 "or", ".*",
					 "<conditions "
					 "logicalGrouping='MatchAny'>" COND("{HTTP_HOST}",
									    "^c$") "</conditions>")
					 RULE("refs", "(.*)", CONDS(COND("{R:1}", "^d$")))));
	static const struct {
		const char *name;
		bool is_always;
	} rule[] = { { "own", false },	  { "host", false }, { "any", true },
		     { "negated", true }, { "or", true },    { "refs", true } };
	uint32_t gate_n = 0, database_n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rule) / sizeof(rule[0]); i++)
		assert_int_equal((rule_named(c, rule[i].name)->flags & IMG_RULE_ALWAYS) != 0,
				 rule[i].is_always);
	assert_int_equal(pattern_of(c, "own")->gate, 0);
	assert_int_equal(pattern_of(c, "any")->gate, IMG_NONE);
	for (uint32_t i = 0; i < img_n(&c->img, IMG_PATTERNS); i++)
		gate_n += img_pattern(&c->img, i)->gate != IMG_NONE;
	assert_int_equal(gate_n, 2);
	/* The path, the host however it is spelled, the address, {R:1}. */
	assert_int_equal(img_n(&c->img, IMG_INPUTS), 4);
	for (uint32_t i = 0; i < img_n(&c->img, IMG_INPUTS); i++) {
		const struct img_input *input = img_input(&c->img, i);

		database_n += input->blob_i != IMG_NONE;
		if ((input->flags & IMG_INPUT_ON_REFS) != 0)
			assert_int_equal(input->blob_i, IMG_NONE);
	}
	assert_int_equal(database_n, 3);
	assert_int_equal(c->program.compiled_n, 3);
	programs_close(c);
}

static void
conditions_share_equal_patterns(void **state)
{
	struct compiled *c = good(
		PROGRAMS_RULES(RULE("a", "^a", CONDS(COND("{HTTP_HOST}", "^h$")))
				       RULE("b", "^b", CONDS(COND("{HTTP_HOST}", "^h$")))
					       RULE("c", "^c",
						    CONDS("<add input='{HTTP_HOST}' pattern='^h$' "
							  "ignoreCase='false'/>"))));

	(void)state;
	assert_int_equal(img_n(&c->img, IMG_PATTERNS), 5);
	assert_int_equal(img_cond(&c->img, 0)->pattern_i, img_cond(&c->img, 1)->pattern_i);
	assert_int_not_equal(img_cond(&c->img, 0)->pattern_i, img_cond(&c->img, 2)->pattern_i);
	programs_close(c);
}

/* ---- slots and databases, from one image to the next ---- */

static void
rules_keep_their_slots_and_unchanged_sets_their_databases(void **state)
{
	struct compiled *a = good(PROGRAMS_RULES(RULE("a", "^a/[0-9]+$", "") RULE("b", "^b", ""))),
			*b, *d;

	(void)state;
	assert_int_equal(a->program.compiled_n, 1);
	b = programs_of_text(PROGRAMS_RULES(RULE("a", "^a/[0-9]+$", "") RULE("b", "^b", "")), NULL,
			     &a->img, true);
	assert_int_equal(b->program.compiled_n, 0);
	assert_int_equal(b->program.kept_n, 1);
	assert_null(b->program.blob[0].bytes);
	assert_int_equal(a->bytes_n, b->bytes_n);
	assert_memory_equal(a->bytes, b->bytes, a->bytes_n);
	d = programs_of_text(PROGRAMS_RULES(RULE("c", "^c", "") RULE("b", "^b", "")), NULL, &a->img,
			     true);
	assert_int_equal(d->program.compiled_n, 1);
	assert_int_equal(rule_named(d, "b")->slot, rule_named(a, "b")->slot);
	assert_int_equal(rule_named(d, "b")->incarnation, rule_named(a, "b")->incarnation);
	assert_int_not_equal(rule_named(d, "c")->slot, rule_named(a, "a")->slot);
	assert_int_equal(img_n(&d->img, IMG_RETIRED), 1);
	programs_close(d);
	programs_close(b);
	programs_close(a);
}

static void
of_many_patterns_each_is_found_by_a_piece_of_its_own(void **state)
{
	static char xml[200000];
	char *at = xml + sprintf(xml, "<rewrite><rules>");
	struct compiled *c;

	(void)state;
	for (int i = 0; i < 1000; i++)
		at += sprintf(at, RULE("r%d", "^app%04d/(section|part)/.*", ""), i, i);
	sprintf(at, "</rules></rewrite>");
	c = good(xml);
	assert_int_equal(c->program.blob_n, 1);
	assert_true(c->program.blob[0].n < 400000);
	for (uint32_t i = 0; i < 1000; i++) {
		const struct img_pattern *p = img_pattern(&c->img, i);

		assert_int_equal(p->flags & (IMG_PATTERN_SCANNED | IMG_PATTERN_EXACT),
				 IMG_PATTERN_SCANNED);
		assert_int_equal(p->gate, i);
	}
	programs_close(c);
}

static void
without_databases_every_rule_is_always_looked_at(void **state)
{
	struct compiled *c =
		programs_of_text(PROGRAMS_RULES(RULE("a", "^a", "")), NULL, NULL, false);

	(void)state;
	assert_true(c->is_good);
	assert_int_equal(c->program.blob_n, 0);
	assert_true((rule_named(c, "a")->flags & IMG_RULE_ALWAYS) != 0);
	programs_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expression_becomes_ops_in_order),
		cmocka_unit_test(maps_functions_and_cookies_are_told_apart),
		cmocka_unit_test(bad_expressions_are_refused_with_place_rule_and_cure),
		cmocka_unit_test(braces_nest_32_deep_and_no_deeper),
		cmocka_unit_test(indexes_that_no_pattern_provides_are_refused),
		cmocka_unit_test(each_syntax_becomes_its_regular_expression),
		cmocka_unit_test(bad_patterns_are_refused_with_the_character),
		cmocka_unit_test(other_anchors_than_a_bodys_are_refused),
		cmocka_unit_test(what_is_no_ecmascript_is_said),
		cmocka_unit_test(patterns_of_everything_are_known),
		cmocka_unit_test(a_rule_is_opened_by_its_pattern_or_its_first_condition),
		cmocka_unit_test(conditions_share_equal_patterns),
		cmocka_unit_test(rules_keep_their_slots_and_unchanged_sets_their_databases),
		cmocka_unit_test(of_many_patterns_each_is_found_by_a_piece_of_its_own),
		cmocka_unit_test(without_databases_every_rule_is_always_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
