/*
 * test_outbound.c - outbound rules on a response's head (14.1, 14.2, 14.4, 14.7).
 */
#include "page.h"

#define RULE(name, match, rest) "<rule name='" name "'><match " match "/>" rest "</rule>"
#define STOPS(name, match, rest)                                                                   \
	"<rule name='" name "' stopProcessing='true'><match " match "/>" rest "</rule>"
#define GIVES(value) "<action type='Rewrite' value='" value "'/>"
#define X_A(pattern) "serverVariable='RESPONSE_X_A' pattern='" pattern "'"

static void
expect_header(struct page *p, const char *name, const char *value)
{
	page_head(p);
	assert_int_equal(p->reply.fault, RULES_FAULT_NONE);
	assert_string_equal(page_header(p, name), value);
}

static void
a_value_is_replaced_as_a_whole(void **state)
{
	struct page *p = page_open(RULE("o", X_A("l(d)"), GIVES("new{R:1}")));

	(void)state;
	page_line(p, true, "X-A", "old");
	expect_header(p, "x-a", "newd");
	assert_int_equal(p->reply.change_n, 1);
	assert_int_equal(p->reply.body_rule_n, 0);
	page_close(p);
}

static void
an_absent_header_is_an_empty_value(void **state)
{
	struct page *p = page_open(RULE("o", X_A("^$"), GIVES("new")) RULE(
		"p", "serverVariable='RESPONSE_X_B' pattern='.'", GIVES("never")));

	(void)state;
	expect_header(p, "x-a", "new");
	assert_string_equal(page_header(p, "x-b"), "");
	page_close(p);
}

/* Choice 23. */
static void
an_empty_value_removes_the_header(void **state)
{
	struct page *p = page_open(RULE("o", X_A(".*"), GIVES("")));

	(void)state;
	page_line(p, true, "X-A", "old");
	page_head(p);
	assert_int_equal(p->reply.change_n, 1);
	assert_int_equal(p->reply.change[0].op, RULES_CHANGE_REMOVE);
	page_close(p);
	p = page_open(RULE("o", X_A(".*"), GIVES("")));
	page_head(p); /* there is none: nothing to remove */
	assert_int_equal(p->reply.change_n, 0);
	page_close(p);
}

static void
replace_false_keeps_what_is_there(void **state)
{
	struct page *p =
		page_open("<rule name='o'><match " X_A(".*") "/><action type='Rewrite' value='new' "
							     "replace='false'/></rule>");

	(void)state;
	expect_header(p, "x-a", "new");
	page_line(p, true, "X-A", "old");
	expect_header(p, "x-a", "old");
	page_close(p);
}

/* Choice 24. */
static void
each_line_is_looked_at_by_itself(void **state)
{
	struct page *p =
		page_open(RULE("o", "serverVariable='RESPONSE_Set_Cookie' pattern='^b=(.*)'",
			       GIVES("c={R:1}; Secure"))
				  RULE("p", "serverVariable='RESPONSE_Set_Cookie' pattern='^(.)='",
				       GIVES("{R:1}!")));

	(void)state;
	page_line(p, true, "Set-Cookie", "a=1");
	page_line(p, true, "X-A", "x");
	page_line(p, true, "Set-Cookie", "b=2");
	page_line(p, true, "set-cookie", "none");
	expect_header(p, "set-cookie", "a!|c!|none");
	page_close(p);
	p = page_open(RULE("o", "serverVariable='RESPONSE_Set_Cookie' pattern='^b='", GIVES("")));
	page_line(p, true, "Set-Cookie", "a=1");
	page_line(p, true, "Set-Cookie", "b=2");
	expect_header(p, "set-cookie", "a=1");
	page_close(p);
}

static void
later_rules_see_what_earlier_ones_made(void **state)
{
	struct page *p = page_open(
		RULE("1", X_A("^a$"), GIVES("b")) RULE("2", X_A("^b$"), GIVES("c")) RULE(
			"3", "serverVariable='RESPONSE_X_B' pattern='^$'",
			"<conditions><add input='{RESPONSE_X_A}' "
			"pattern='^c$'/></conditions>" GIVES("saw {RESPONSE_X_A}"))
			RULE("4", "serverVariable='MINE' pattern='^$'", GIVES("{RESPONSE_X_B}"))
				RULE("5", "serverVariable='RESPONSE_X_C' pattern='^$'",
				     GIVES("{MINE}")));

	(void)state;
	page_line(p, true, "X-A", "a");
	expect_header(p, "x-a", "c");
	assert_string_equal(page_header(p, "x-b"), "saw c");
	assert_string_equal(page_header(p, "x-c"), "saw c");
	assert_int_equal(p->reply.change_n, 3); /* one a name */
	page_close(p);
}

static void
a_stopping_rule_ends_its_set(void **state)
{
	struct page *p = page_open(
		RULE("b", "pattern='x'", GIVES("y")) STOPS("1", X_A("^a$"), GIVES("b"))
			RULE("2", X_A(".*"), GIVES("c")) RULE("3", "pattern='x'", GIVES("y")));

	(void)state;
	page_line(p, true, "X-A", "a");
	expect_header(p, "x-a", "b");
	assert_int_equal(p->reply.body_rule_n, 1);
	p->line_n[1] = 0;
	page_line(p, true, "X-A", "other");
	expect_header(p, "x-a", "c");
	assert_int_equal(p->reply.body_rule_n, 2);
	page_close(p);
}

/* 14.2. */
static void
preconditions_are_of_the_response_as_it_came(void **state)
{
	static const char pres[] =
		"<preConditions><preCondition name='old'><add input='{RESPONSE_X_A}' "
		"pattern='^old$'/>"
		"</preCondition><preCondition name='any' logicalGrouping='MatchAny'>"
		"<add input='{RESPONSE_STATUS}' pattern='^404'/><add input='{RESPONSE_X_A}' "
		"pattern='^old$'/></preCondition></preConditions>";
	char xml[4096];
	struct page *p;

	(void)state;
	snprintf(xml, sizeof(xml),
		 "%s<rule name='1' preCondition='old'><match %s/>%s</rule><rule name='2' "
		 "preCondition='any'><match %s/>%s</rule><rule name='3' preCondition='old'><match "
		 "pattern='x'/>%s</rule>",
		 pres, X_A(".*"), GIVES("new"), X_A("new"), GIVES("newer"), GIVES("y"));
	p = page_open(xml);
	page_line(p, true, "X-A", "old");
	expect_header(p, "x-a", "newer");
	assert_int_equal(p->reply.body_rule_n, 1);
	p->line[1][0].value = SLICE("new");
	expect_header(p, "x-a", "new");
	assert_int_equal(p->reply.body_rule_n, 0);
	p->subject.status = 404;
	p->subject.phrase = SLICE("Not Found");
	expect_header(p, "x-a", "newer");
	page_close(p);
}

static void
variables_are_the_clients(void **state)
{
	struct page *p =
		page_open(RULE("o", X_A(".*"), GIVES("{URL} {HTTP_HOST} {MINE} {HTTP_X_B}")));

	(void)state;
	page_line(p, false, "X-B", "b");
	p->var[0] = (struct rules_change){ .op = RULES_CHANGE_SET,
					   .is_variable = true,
					   .name = SLICE("MINE"),
					   .value = SLICE("mine") };
	p->var[1] = (struct rules_change){ .op = RULES_CHANGE_SET,
					   .name = SLICE("x-b"),
					   .value = SLICE("set") };
	p->var_n = 2;
	expect_header(p, "x-a", "/dir/page www.x.com mine set");
	page_close(p);
}

static void
what_inbound_rules_set_comes_first(void **state)
{
	struct page *p = page_open(RULE("o", X_A("^(in)$"), GIVES("{R:1}-out")));

	(void)state;
	page_line(p, true, "X-A", "server's");
	p->var[0] = (struct rules_change){ .op = RULES_CHANGE_SET,
					   .is_response = true,
					   .name = SLICE("x-a"),
					   .value = SLICE("in") };
	p->var[1] = (struct rules_change){ .op = RULES_CHANGE_APPEND,
					   .is_response = true,
					   .name = SLICE("x-c"),
					   .value = SLICE("more") };
	p->var_n = 2;
	page_line(p, true, "X-C", "c");
	expect_header(p, "x-a", "in-out");
	assert_string_equal(page_header(p, "x-c"), "c|more");
	page_close(p);
}

static void
a_head_stays_a_head(void **state)
{
	struct page *p = page_open(RULE("o", X_A(".*"), GIVES("{UrlDecode:{QUERY_STRING}}")));

	(void)state;
	p->subject.target = SLICE("/?a%0D%0Ab:c");
	page_head(p);
	assert_int_equal(p->reply.fault, RULES_FAULT_BYTES);
	assert_int_equal(p->reply.status, 500);
	assert_int_equal(p->reply.substatus, 52);
	assert_int_equal(p->reply.rule_i, 0);
	page_close(p);
}

/* Choice 26. */
static void
a_changed_body_has_other_validators(void **state)
{
	struct page *p = page_open(RULE("o", "pattern='x'", GIVES("y")));

	(void)state;
	page_line(p, true, "ETag", "\"1\"");
	page_line(p, true, "Content-MD5", "m");
	page_line(p, true, "Digest", "d");
	page_line(p, true, "Accept-Ranges", "bytes");
	page_line(p, true, "Last-Modified", "now");
	expect_header(p, "etag", "W/\"1\"");
	assert_true(p->reply.has_body);
	assert_string_equal(page_header(p, "content-md5"), "");
	assert_string_equal(page_header(p, "digest"), "");
	assert_string_equal(page_header(p, "accept-ranges"), "");
	assert_string_equal(page_header(p, "last-modified"), "now");
	p->line[1][0].value = SLICE("W/\"1\"");
	expect_header(p, "etag", "W/\"1\"");
	p->subject.status = 206;
	expect_header(p, "digest", "d");
	assert_false(p->reply.has_body);
	page_close(p);
}

static void
some_responses_have_no_body_to_rewrite(void **state)
{
	static const uint16_t status[] = { 204, 205, 206, 304 };
	struct page *p = page_open(RULE("o", "pattern='x'", GIVES("y")));

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		p->subject.status = status[i];
		page_head(p);
		assert_false(p->reply.has_body);
	}
	p->subject.status = 404;
	page_head(p);
	assert_true(p->reply.has_body);
	p->subject.method = SLICE("HEAD");
	page_head(p);
	assert_false(p->reply.has_body);
	page_close(p);
}

static bool
wants_body(struct page *p, const char *target)
{
	return rules_wants_body(p->rules, 0, 0, page_text(target));
}

static void
rules_that_may_want_bodies_are_known_before(void **state)
{
	struct page *p = page_open(RULE("o", X_A("x"), GIVES("y")));

	(void)state;
	assert_true(rules_any(p->rules, 0, true));
	assert_false(wants_body(p, "/"));
	page_close(p);
	p = page_open(RULE("o", "filterByTags='A' pattern='x'", GIVES("y")));
	assert_true(wants_body(p, "/"));
	assert_true(wants_body(p, "*"));
	page_close(p);
}

/* Where a folder has such rules, elsewhere ranges and codings stay. */
static void
bodies_are_wanted_in_folders_whose_rules_do(void **state)
{
	static const char xml[] =
		"<configuration><location path='a'><system.webServer><rewrite>"
		"<outboundRules>" RULE(
			"o", "pattern='x'",
			GIVES("y")) "</outboundRules></rewrite></system.webServer></location>"
				    "<system.webServer><rewrite><outboundRules>" RULE(
					    "p", X_A("x"),
					    GIVES("y")) "</outboundRules></rewrite></"
							"system.webServer></configuration>";
	struct page *p = page_open_web(xml);

	(void)state;
	assert_true(wants_body(p, "/a"));
	assert_true(wants_body(p, "/A/x?y"));
	assert_true(wants_body(p, "/b/%2e%2e/a/x"));
	assert_false(wants_body(p, "/"));
	assert_false(wants_body(p, "/ab"));
	assert_false(wants_body(p, "/a/../b?/a/"));
	assert_false(wants_body(p, "/%zz"));
	page_close(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_replaced_as_a_whole),
		cmocka_unit_test(an_absent_header_is_an_empty_value),
		cmocka_unit_test(an_empty_value_removes_the_header),
		cmocka_unit_test(replace_false_keeps_what_is_there),
		cmocka_unit_test(each_line_is_looked_at_by_itself),
		cmocka_unit_test(later_rules_see_what_earlier_ones_made),
		cmocka_unit_test(a_stopping_rule_ends_its_set),
		cmocka_unit_test(preconditions_are_of_the_response_as_it_came),
		cmocka_unit_test(variables_are_the_clients),
		cmocka_unit_test(what_inbound_rules_set_comes_first),
		cmocka_unit_test(a_head_stays_a_head),
		cmocka_unit_test(a_changed_body_has_other_validators),
		cmocka_unit_test(some_responses_have_no_body_to_rewrite),
		cmocka_unit_test(rules_that_may_want_bodies_are_known_before),
		cmocka_unit_test(bodies_are_wanted_in_folders_whose_rules_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
