/*
 * test_path.c - url-rewrite.md, 3: the canonical path, what a rule is matched against, and how
 * what rules made of it is sent.
 */
#include "stand.h"

#include <stdio.h>
#include <string.h>

#include "rules/fields.h"

/* ---- 3.1 ---- */

static const struct {
	const char *target, *path, *query;
} canonical[] = {
	{ "/", "/", NULL },
	{ "/content/default.aspx?tabid=2", "/content/default.aspx", "tabid=2" },
	/* split at the first '?'; the query is not decoded */
	{ "/a?b?c", "/a", "b?c" },
	{ "/a?", "/a", "" },
	{ "/a?x=%20%zz%00\\//../", "/a", "x=%20%zz%00\\//../" },
	{ "/a?%", "/a", "%" },
	/* decoded exactly once */
	{ "/%61%62c", "/abc", NULL },
	{ "/a%20b", "/a b", NULL },
	{ "/a%2520b", "/a%20b", NULL },
	{ "/a%252520b", "/a%2520b", NULL },
	{ "/a+b", "/a+b", NULL },
	{ "/%2B", "/+", NULL },
	{ "/%C3%A4", "/\xc3\xa4", NULL },
	{ "/\xc3%a4", "/\xc3\xa4", NULL },
	{ "/\xc3\xa4", "/\xc3\xa4", NULL },
	{ "/%e2%82%ac", "/\xe2\x82\xac", NULL },
	{ "/%F0%9F%98%80", "/\xf0\x9f\x98\x80", NULL },
	/* bytes that are no UTF-8 stay the text that they came as */
	{ "/%FF", "/%FF", NULL },
	{ "/%ff%Fe", "/%ff%Fe", NULL },
	{ "/%C3x", "/%C3x", NULL },
	{ "/%C3", "/%C3", NULL },
	{ "/%C3%C3%A4", "/%C3\xc3\xa4", NULL },
	{ "/%C0%AF", "/%C0%AF", NULL },			/* an overlong '/' */
	{ "/%C0%AE%C0%AE/a", "/%C0%AE%C0%AE/a", NULL }, /* overlong dots */
	{ "/%ED%A0%80", "/%ED%A0%80", NULL },		/* a surrogate */
	{ "/%F4%90%80%80", "/%F4%90%80%80", NULL },	/* above 10FFFF */
	{ "/%E2%82", "/%E2%82", NULL },
	{ "/%80", "/%80", NULL },
	{ "/\xff", "/%FF", NULL },
	/* what looks like delimiters */
	{ "/a%2Fb", "/a/b", NULL },
	{ "/a%2fb", "/a/b", NULL },
	{ "/a%3Fb", "/a?b", NULL },
	{ "/a%3Fb?c", "/a?b", "c" },
	{ "/a%23b", "/a#b", NULL },
	{ "/https%3A%2F%2Fh", "/https:/h", NULL },
	{ "/https://h", "/https:/h", NULL },
	/* '\' is '/' */
	{ "/a\\b", "/a/b", NULL },
	{ "/a%5Cb%5cc", "/a/b/c", NULL },
	{ "\\a", "/a", NULL },
	/* repeated slashes */
	{ "//", "/", NULL },
	{ "//a", "/a", NULL },
	{ "/a//b///c//", "/a/b/c/", NULL },
	{ "/a%2F/b", "/a/b", NULL },
	{ "/a/%2F%5C/b", "/a/b", NULL },
	/* dot segments, never above the root */
	{ "/.", "/", NULL },
	{ "/..", "/", NULL },
	{ "/a/./b", "/a/b", NULL },
	{ "/a/../b", "/b", NULL },
	{ "/a/b/../../c", "/c", NULL },
	{ "/../../a", "/a", NULL },
	{ "/a/..", "/", NULL },
	{ "/a/b/..", "/a/", NULL },
	{ "/a/b/.", "/a/b/", NULL },
	{ "/a/b/./", "/a/b/", NULL },
	{ "/a/%2e%2E/b", "/b", NULL },
	{ "/a/.%2e/b", "/b", NULL },
	{ "/a/..%2fb", "/b", NULL },
	{ "/a/..%5Cb", "/b", NULL },
	{ "/a//../b", "/b", NULL },
	{ "/a/%252e%252e/b", "/a/%2e%2e/b", NULL },
	{ "/.../a", "/.../a", NULL },
	{ "/.a/..b/c..", "/.a/..b/c..", NULL },
	{ "/.well-known/x", "/.well-known/x", NULL },
	/* other forms of targets */
	{ "*", "/*", NULL },
	{ "", "/", NULL },
	{ "?a=b", "/", "a=b" },
};

static void
a_target_has_a_canonical_path(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
		struct stand *s = stand_get(canonical[i].target);

		assert_slice(s->lane->url.path, canonical[i].path);
		assert_int_equal(s->lane->url.has_query, canonical[i].query != NULL);
		assert_slice(s->lane->url.query,
			     canonical[i].query != NULL ? canonical[i].query : "");
		assert_false(s->lane->url.is_absolute);
	}
}

static void
malformed_escapes_and_nul_are_no_target(void **state)
{
	static const char *const row[] = { "/%",      "/a%2",  "/%zz",	   "/%2g",   "/%u0041",
					   "/%00",    "/a%00", "/%C3%",	   "/%C3%0", "/%C3%00",
					   "/a/%%2e", "/% 41", "/%E2%82%", "/a%2F%" };

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_raw(row[i], (uint32_t)strlen(row[i]));

		assert_int_equal(path_canonical(s->lane, s->subject.target, &s->lane->url),
				 RULES_FAULT_TARGET);
	}
	assert_int_equal(path_canonical(stand_raw("/a\0b", 4)->lane, slice_of("/a\0b", 4),
					&stand_raw("/", 1)->lane->url),
			 RULES_FAULT_TARGET);
}

static void
a_long_target_is_a_fault_and_a_plain_one_costs_nothing(void **state)
{
	static char target[RULES_TEXT_MAX + 2];
	struct rules_url url;
	struct stand *s;

	(void)state;
	memset(target, 'a', sizeof(target));
	target[0] = '/';
	s = stand_raw(target, RULES_TEXT_MAX);
	assert_int_equal(path_canonical(s->lane, s->subject.target, &url), RULES_FAULT_NONE);
	assert_ptr_equal(url.path.p, target);
	assert_int_equal(s->lane->keep.used, 0);
	s = stand_raw(target, RULES_TEXT_MAX + 1);
	assert_int_equal(path_canonical(s->lane, s->subject.target, &url), RULES_FAULT_LONG);
	target[1] = '\\';
	s = stand_raw(target, RULES_TEXT_MAX + 1);
	assert_int_equal(path_canonical(s->lane, s->subject.target, &url), RULES_FAULT_LONG);
	memset(target + 1, 0xff, RULES_TEXT_MAX - 1); /* each becomes three */
	s = stand_raw(target, RULES_TEXT_MAX);
	assert_int_equal(path_canonical(s->lane, s->subject.target, &url), RULES_FAULT_LONG);
}

/* ---- 3.2 ---- */

static void
a_rule_is_matched_against_the_path_behind_its_folder(void **state)
{
	static const struct {
		const char *path, *folder, *input; /* NULL: outside */
	} row[] = {
		{ "/content/default.aspx", "/", "content/default.aspx" },
		{ "/content/default.aspx", "/content", "default.aspx" },
		{ "/", "/", "" },
		{ "/content", "/content", "" },
		{ "/content/", "/content", "" },
		{ "/content/a/", "/content", "a/" },
		{ "/CONTENT/a", "/content", "a" },
		{ "/content/a", "/Content", "a" },
		{ "/contents/a", "/content", NULL },
		{ "/conten", "/content", NULL },
		{ "/", "/content", NULL },
		{ "/a/content/b", "/content", NULL },
		{ "/a/b/c", "/a/b", "c" },
		{ "/a/bc", "/a/b", NULL },
		{ "/\xc3\x84/x", "/\xc3\xa4", "x" },
		{ "/\xc3\x84x", "/\xc3\xa4", NULL },
		{ "/\xff/x", "/\xff", "x" }, /* a rewritten path may hold anything */
		{ "/\xff/x", "/\xfe", NULL },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct slice path = slice_of(row[i].path, (uint32_t)strlen(row[i].path));
		struct slice folder = slice_of(row[i].folder, (uint32_t)strlen(row[i].folder));
		struct slice input;

		assert_int_equal(path_input(path, folder, &input), row[i].input != NULL);
		if (row[i].input != NULL)
			assert_slice(input, row[i].input);
	}
}

/* ---- 3.4 ---- */

enum {
	RAW = IMG_SCOPE_RAW_ENCODING,
	SPELLING = IMG_SCOPE_KEEP_SPELLING,
};

static struct slice
sent(struct stand *s, struct slice path, uint32_t rule)
{
	struct put t = put_begin(s->lane, &s->lane->keep);

	path_put(&t, path, rule);
	assert_int_equal(t.fault, RULES_FAULT_NONE);
	return put_text(&t);
}

static void
text_is_encoded_on_the_way_out(void **state)
{
	static const struct {
		const char *text, *sent, *raw; /* raw: useOriginalURLEncoding="false" */
	} row[] = {
		{ "/a", "/a", "/a" },
		{ "/AZaz09-._~", "/AZaz09-._~", "/AZaz09-._~" },
		{ "/!$&'()*+,;=:@", "/!$&'()*+,;=:@", "/!$&'()*+,;=:@" },
		{ "/a b", "/a%20b", "/a%20b" },
		{ "/\"<>\\^`{|}[]", "/%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D",
		  "/%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D" },
		{ "/?#", "/%3F%23", "/%3F%23" },
		{ "/\xc3\xa4\xe2\x82\xac", "/%C3%A4%E2%82%AC", "/%C3%A4%E2%82%AC" },
		{ "/\xff", "/%FF", "/%FF" },
		{ "/%", "/%25", "/%25" },
		{ "/%41%zz%4", "/%2541%25zz%254", "/%41%25zz%254" },
		{ "/%2f%3F", "/%252f%253F", "/%2f%3F" },
		{ "/\x01\x7f", "/%01%7F", "/%01%7F" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get("/");
		struct slice text = slice_of(row[i].text, (uint32_t)strlen(row[i].text));

		assert_slice(sent(s, text, path_rule_of(0)), row[i].sent);
		assert_slice(sent(s, text, path_rule_of(RAW)), row[i].raw);
	}
}

static void
a_path_is_sent_as_its_scope_says(void **state)
{
	static const struct {
		const char *target, *sent, *raw, *spelling;
	} row[] = {
		{ "/a%2Fb%2fc", "/a/b/c", "/a/b/c", "/a%2Fb%2fc" },
		{ "/a%3Fb", "/a%3Fb", "/a%3Fb", "/a%3Fb" }, /* choice 8 */
		{ "/a%23b", "/a%23b", "/a%23b", "/a%23b" },
		{ "/%61%41", "/aA", "/aA", "/%61%41" },
		{ "/a%20b", "/a%20b", "/a%20b", "/a%20b" },
		{ "/%C3%a4", "/%C3%A4", "/%C3%A4", "/%C3%a4" },
		{ "/a%252Fb", "/a%252Fb", "/a%2Fb", "/a%252Fb" },
		{ "/%FF", "/%25FF", "/%FF", "/%FF" },
		{ "/[a|b]%7C", "/%5Ba%7Cb%5D%7C", "/[a|b]%7C", "/[a|b]%7C" },
		{ "/a\\b%5c", "/a/b/", "/a/b/", "/a\\b%5c" },
		{ "/a//b/../c%2f", "/a/c/", "/a/c/", "/a/c%2f" },
		{ "/x/..%2Fa", "/a", "/a", "/a" }, /* the first slash is one */
		{ "/x/..%5Ca", "/a", "/a", "/a" },
		{ "/%2e%2e%2Fa", "/a", "/a", "/a" },
		{ "\\a%2F", "/a/", "/a/", "/a%2F" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get(row[i].target);
		struct slice path = s->lane->url.path;

		assert_slice(sent(s, path, path_rule_of(0)), row[i].sent);
		assert_slice(sent(s, path, path_rule_of(RAW)), row[i].raw);
		assert_slice(sent(s, path, path_rule_of(SPELLING)), row[i].spelling);
	}
}

static void
a_query_passes_as_it_is(void **state)
{
	static const struct {
		const char *query, *sent;
	} row[] = {
		{ "", "" },
		{ "a=%20%zz&b=+?/\"<>[]{}|\\^`", "a=%20%zz&b=+?/\"<>[]{}|\\^`" },
		{ "a b", "a%20b" },			/* a request line has two blanks */
		{ "\x01\x7f\xc3\xa4", "%01%7F%C3%A4" }, /* and no such bytes */
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get("/");
		struct put t = put_begin(s->lane, &s->lane->keep);

		path_put_query(&t, slice_of(row[i].query, (uint32_t)strlen(row[i].query)));
		assert_slice(put_text(&t), row[i].sent);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_has_a_canonical_path),
		cmocka_unit_test(malformed_escapes_and_nul_are_no_target),
		cmocka_unit_test(a_long_target_is_a_fault_and_a_plain_one_costs_nothing),
		cmocka_unit_test(a_rule_is_matched_against_the_path_behind_its_folder),
		cmocka_unit_test(text_is_encoded_on_the_way_out),
		cmocka_unit_test(a_path_is_sent_as_its_scope_says),
		cmocka_unit_test(a_query_passes_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
