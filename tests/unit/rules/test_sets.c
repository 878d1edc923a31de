/*
 * test_sets.c - url-rewrite.md, 13: headers and variables that a rule sets.
 */
#include "stand.h"

static void
assert_change(struct stand *s, uint32_t i, enum rules_change_op op, const char *name,
	      const char *value)
{
	assert_true(i < s->lane->change_n);
	assert_int_equal(s->lane->change[i].op, op);
	assert_slice(s->lane->change[i].name, name);
	assert_slice(s->lane->change[i].value, value);
}

static void
sets_change_headers_and_variables(void **state)
{
	struct stand *s = stand_get("/a?q");
	uint32_t epoch = s->lane->vars_epoch;

	(void)state;
	stand_line(s, "accept-encoding", "gzip");
	stand_r(s, 0, NULL);
	stand_set(s, IMG_SET_VARIABLE, "ORIGINAL_ACCEPT", "{HTTP_ACCEPT_ENCODING}", true);
	stand_set(s, IMG_SET_REQUEST_FIELD, "accept-encoding", "", true);
	stand_set(s, IMG_SET_REQUEST_FIELD, "host", "inside.example", true);
	stand_set(s, IMG_SET_REQUEST_FIELD, "x-path", "{R:0} {HTTP_HOST} {ORIGINAL_ACCEPT}", true);
	stand_set(s, IMG_SET_RESPONSE_FIELD, "x-frame-options", "DENY", true);
	stand_set(s, IMG_SET_REQUEST_FIELD, "x-blank", "  \t v\t ", true);
	assert_int_equal(sets_do(s->lane, &s->rule), RULES_FAULT_NONE);
	assert_int_not_equal(s->lane->vars_epoch, epoch);
	assert_int_equal(s->lane->change_n, 6);
	assert_change(s, 0, RULES_CHANGE_SET, "ORIGINAL_ACCEPT", "gzip");
	assert_true(s->lane->change[0].is_variable);
	assert_change(s, 1, RULES_CHANGE_REMOVE, "accept-encoding", "");
	assert_false(s->lane->change[1].is_variable);
	assert_change(s, 2, RULES_CHANGE_SET, "host", "inside.example");
	assert_change(s, 3, RULES_CHANGE_SET, "x-path", "a inside.example gzip"); /* in order */
	assert_change(s, 4, RULES_CHANGE_SET, "x-frame-options", "DENY");
	assert_true(s->lane->change[4].is_response);
	assert_change(s, 5, RULES_CHANGE_SET, "x-blank", "v");
}

static void
replace_false_leaves_a_value(void **state)
{
	struct stand *s = stand_get("/");

	(void)state;
	stand_line(s, "there", "1");
	stand_line(s, "twice", "");
	stand_line(s, "twice", "");
	stand_line(s, "empty", "");
	stand_set(s, IMG_SET_REQUEST_FIELD, "there", "2", false);
	stand_set(s, IMG_SET_REQUEST_FIELD, "twice", "2", false);
	stand_set(s, IMG_SET_REQUEST_FIELD, "there", "", false);
	assert_int_equal(sets_do(s->lane, &s->rule), RULES_FAULT_NONE);
	assert_int_equal(s->lane->change_n, 0);
	s->rule.set_n = 0;
	stand_set(s, IMG_SET_REQUEST_FIELD, "empty", "2", false);
	stand_set(s, IMG_SET_REQUEST_FIELD, "absent", "2", false);
	stand_set(s, IMG_SET_REQUEST_FIELD, "absent", "3", false);
	stand_set(s, IMG_SET_VARIABLE, "MINE", "first", false);
	stand_set(s, IMG_SET_VARIABLE, "MINE", "second", false);
	assert_int_equal(sets_do(s->lane, &s->rule), RULES_FAULT_NONE);
	assert_int_equal(s->lane->change_n, 3);
	assert_change(s, 0, RULES_CHANGE_SET, "empty", "2");
	assert_change(s, 1, RULES_CHANGE_SET, "absent", "2");
	assert_change(s, 2, RULES_CHANGE_SET, "MINE", "first");
}

/* Of a response's header nobody knows yet. */
static void
replace_false_of_a_response_header_is_said_later(void **state)
{
	struct stand *s = stand_get("/");

	(void)state;
	stand_set(s, IMG_SET_RESPONSE_FIELD, "a", "1", false);
	stand_set(s, IMG_SET_RESPONSE_FIELD, "b", "1", true);
	stand_set(s, IMG_SET_RESPONSE_FIELD, "b", "2", false);
	stand_set(s, IMG_SET_RESPONSE_FIELD, "c", "", true);
	stand_set(s, IMG_SET_RESPONSE_FIELD, "c", "3", false);
	stand_set(s, IMG_SET_RESPONSE_FIELD, "d", "", false);
	stand_set(s, IMG_SET_RESPONSE_FIELD, "a", "4", false);
	assert_int_equal(sets_do(s->lane, &s->rule), RULES_FAULT_NONE);
	assert_int_equal(s->lane->change_n, 3);
	assert_change(s, 0, RULES_CHANGE_ABSENT, "a", "1");
	assert_change(s, 1, RULES_CHANGE_SET, "b", "1");
	assert_change(s, 2, RULES_CHANGE_SET, "c", "3");
}

static void
a_later_set_takes_the_place_of_an_earlier_one(void **state)
{
	struct stand *s = stand_get("/");

	(void)state;
	stand_set(s, IMG_SET_REQUEST_FIELD, "a", "1", true);
	stand_set(s, IMG_SET_VARIABLE, "A", "variable", true);
	stand_set(s, IMG_SET_RESPONSE_FIELD, "a", "response", true);
	stand_set(s, IMG_SET_REQUEST_FIELD, "a", "{HTTP_A}2", true);
	assert_int_equal(sets_do(s->lane, &s->rule), RULES_FAULT_NONE);
	assert_int_equal(s->lane->change_n, 3);
	assert_change(s, 0, RULES_CHANGE_SET, "a", "12");
	assert_change(s, 1, RULES_CHANGE_SET, "A", "variable");
	assert_change(s, 2, RULES_CHANGE_SET, "a", "response");
	for (uint32_t i = 0; i < 1000; i++) /* and again does not fill the list */
		assert_int_equal(sets_do(s->lane, &s->rule), RULES_FAULT_NONE);
	assert_int_equal(s->lane->change_n, 3);
}

static void
what_cannot_be_set_is_a_fault(void **state)
{
	static const struct {
		enum img_set_kind kind;
		const char *name, *value;
		enum rules_fault fault;
	} row[] = {
		/* choice 20 */
		{ IMG_SET_VARIABLE, "QUERY_STRING", "x", RULES_FAULT_READ_ONLY },
		{ IMG_SET_VARIABLE, "URL", "x", RULES_FAULT_READ_ONLY },
		{ IMG_SET_VARIABLE, "REMOTE_ADDR", "x", RULES_FAULT_READ_ONLY },
		{ IMG_SET_VARIABLE, "REQUEST_METHOD", "x", RULES_FAULT_READ_ONLY },
		{ IMG_SET_VARIABLE, "RESPONSE_X", "x", RULES_FAULT_READ_ONLY },
		{ IMG_SET_VARIABLE, "response_status", "x", RULES_FAULT_READ_ONLY },
		/* where a message ends is not for rules to say */
		{ IMG_SET_REQUEST_FIELD, "content-length", "0", RULES_FAULT_READ_ONLY },
		{ IMG_SET_REQUEST_FIELD, "transfer-encoding", "", RULES_FAULT_READ_ONLY },
		{ IMG_SET_RESPONSE_FIELD, "content-length", "0", RULES_FAULT_READ_ONLY },
		{ IMG_SET_REQUEST_FIELD, "x", "a{UrlDecode:%0d}b", RULES_FAULT_BYTES },
		{ IMG_SET_REQUEST_FIELD, "x", "a{UrlDecode:%0a}", RULES_FAULT_BYTES },
		{ IMG_SET_REQUEST_FIELD, "x", "{UrlDecode:%00}", RULES_FAULT_BYTES },
		{ IMG_SET_REQUEST_FIELD, "x", "{UrlDecode:%01}", RULES_FAULT_BYTES },
		{ IMG_SET_REQUEST_FIELD, "x", "{UrlDecode:%7f}", RULES_FAULT_BYTES },
		{ IMG_SET_RESPONSE_FIELD, "x", "{UrlDecode:%0a}", RULES_FAULT_BYTES },
		{ IMG_SET_REQUEST_FIELD, "x y", "v", RULES_FAULT_BYTES },
		{ IMG_SET_REQUEST_FIELD, "x:", "v", RULES_FAULT_BYTES },
		{ IMG_SET_REQUEST_FIELD, "", "v", RULES_FAULT_BYTES },
		{ IMG_SET_REQUEST_FIELD, "x", "{R:0}", RULES_FAULT_REFERENCE },
		{ IMG_SET_REQUEST_FIELD, "x", "\xc3\xa4\xff\t!", RULES_FAULT_NONE },
		{ IMG_SET_VARIABLE, "X", "{UrlDecode:%0a%00}", RULES_FAULT_NONE },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get("/");

		stand_set(s, row[i].kind, row[i].name, row[i].value, true);
		assert_int_equal(sets_do(s->lane, &s->rule), row[i].fault);
	}
}

/* The allow list: control marks what is not on it. */
static void
a_refused_set_is_a_fault_when_its_rule_matches(void **state)
{
	struct stand *s = stand_get("/");
	struct img_set *set;

	(void)state;
	stand_set(s, IMG_SET_REQUEST_FIELD, "a", "1", true);
	stand_set(s, IMG_SET_REQUEST_FIELD, "b", "1", true);
	set = (struct img_set *)(uintptr_t)img_set(s->lane->img, s->rule.first_set + 1);
	set->flags |= IMG_SET_REFUSED;
	assert_int_equal(sets_do(s->lane, &s->rule), RULES_FAULT_NOT_ALLOWED);
}

static void
changes_are_bounded(void **state)
{
	struct stand *s = stand_get("/");

	(void)state;
	for (uint32_t i = 0; i <= RULES_CHANGES_MAX; i++) {
		char name[] = "x-00";

		name[2] = (char)('0' + i / 10);
		name[3] = (char)('0' + i % 10);
		stand_set(s, IMG_SET_REQUEST_FIELD, name, "v", true);
	}
	s->rule.set_n = RULES_CHANGES_MAX;
	assert_int_equal(sets_do(s->lane, &s->rule), RULES_FAULT_NONE);
	s->rule.set_n = RULES_CHANGES_MAX + 1;
	assert_int_equal(sets_do(s->lane, &s->rule), RULES_FAULT_CHANGES);
	assert_int_equal(s->lane->change_n, RULES_CHANGES_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_change_headers_and_variables),
		cmocka_unit_test(replace_false_leaves_a_value),
		cmocka_unit_test(replace_false_of_a_response_header_is_said_later),
		cmocka_unit_test(a_later_set_takes_the_place_of_an_earlier_one),
		cmocka_unit_test(what_cannot_be_set_is_a_fault),
		cmocka_unit_test(a_refused_set_is_a_fault_when_its_rule_matches),
		cmocka_unit_test(changes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
