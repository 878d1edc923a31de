/*
 * test_functions.c - url-rewrite.md, 10 and 11: functions and maps, and what bounds their cost.
 */
#include "stand.h"

#include <string.h>

/* ---- 10 ---- */

static void
functions_change_text(void **state)
{
	static const struct value_row row[] = {
		{ "{ToLower:AbC-Z[@}", "abc-z[@" },
		{ "{ToLower:\xc3\x84\xc3\x96\xc3\x9c\xc3\x9f}",
		  "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f" },
		{ "{ToLower:\xce\xa3\xd0\x96}", "\xcf\x83\xd0\xb6" }, /* Greek, Cyrillic */
		{ "{ToLower:\xc4\xb0}", "i" },			      /* shorter */
		{ "{ToLower:\xc8\xba}", "\xe2\xb1\xa5" },	      /* longer */
		{ "{ToLower:\xf0\x90\x90\x80}", "\xf0\x90\x90\xa8" }, /* Deseret */
		{ "{ToLower:\xff\xc3"
		  "A}",
		  "\xff\xc3"
		  "a" }, /* no UTF-8: bytes stay */
		{ "{UrlEncode:<hey>}", "%3Chey%3E" },
		{ "{UrlEncode:a b}", "a%20b" },
		{ "{UrlEncode:AZaz09-._~}", "AZaz09-._~" },
		{ "{UrlEncode:/?#[]@!$&'()*+,;=:%}",
		  "%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%25" }, /* choice 17 */
		{ "{UrlEncode:\xc3\xa4}", "%C3%A4" },
		{ "{UrlDecode:a%20b}", "a b" },
		{ "{UrlDecode:a+b}", "a+b" },
		{ "{UrlDecode:%2520}", "%20" }, /* once */
		{ "{UrlDecode:%C3%a4%2f}", "\xc3\xa4/" },
		{ "{UrlDecode:%}", "%" },
		{ "{UrlDecode:%4%zz%4g%}", "%4%zz%4g%" },
		{ "{UrlDecode:%%34%31}", "%41" },
		{ "{UrlDecode:{UrlEncode:a/b c\xc3\xa4}}", "a/b c\xc3\xa4" },
		{ "{HtmlEncode:a&<>\"'b}", "a&amp;&lt;&gt;&quot;&#39;b" },
		{ "{HtmlEncode:\xc3\xa4}", "\xc3\xa4" },
		{ "{HtmlEncode:&amp;}", "&amp;amp;" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		static const char *const target[] = { "/plain", "/%6darked" };

		for (uint32_t k = 0; k < 2; k++)
			assert_value(stand_get(target[k]), row[i].expr, row[i].value);
	}
}

static void
lower_case_is_the_same_for_keys(void **state)
{
	uint8_t to[RULES_LOWER_BYTES(8)];

	(void)state;
	assert_slice(slice_of(to, rules_lower(SLICE("A\xc3\x84\xff"), to)), "a\xc3\xa4\xff");
	assert_int_equal(rules_lower(SLICE("\xc8\xba\xc8\xba\xc8\xba\xc8\xba"), to), sizeof(to));
	assert_int_equal(rules_lower(SLICE(""), to), 0);
}

/* ---- 11 ---- */

static void
maps_have_values(void **state)
{
	static const struct value_row row[] = {
		{ "{Map:Old}", "/new/1" },
		{ "{Map:old}", "/new/1" },
		{ "{Map:OLD}", "/new/1" },
		{ "{Map:\xc3\x84}", "umlaut" },
		{ "{Map:twice}", "first" },
		{ "{Map:ol}", "none" },	   /* defaultValue */
		{ "{Map:old }", "none" },  /* no trimming */
		{ "{Map:%6fld}", "none" }, /* no decoding */
		{ "{Map:}", "none" },
		{ "{Map:{Case:Key}}", "none" },
		{ "{Case:Key}", "value" },
		{ "{Case:key}", "" }, /* no default: empty */
		{ "{Empty:x}", "" },
		{ "a{Map:old}b{Case:Key}c", "a/new/1bvaluec" },
		{ "{Map:{HTTP_WHICH}}", "/new/1" },
		/* FileContainsProvider: the first line that is a part of the input */
		{ "{Parts:the-ADMIN-page}", "ADMIN" }, /* as the input spells it */
		{ "{Parts:\xc8\xba\xc4\xb0"
		  "AdMin\xc4\xb0}",
		  "AdMin" }, /* longer, shorter */
		{ "{Parts:\xff\xc3"
		  "ADM}",
		  "ADM" },
		{ "{Parts:the-adm-page}", "adm" },
		{ "{Parts:x-then-admin}", "admin" },
		{ "{Parts:x}", "x" },
		{ "{Parts:aXb}", "X" },
		{ "{Parts:ad}", "" },
		{ "{Parts:}", "" },
		{ "{Parts:a long-par}", "" },
		{ "{Parts:a long-part}", "long-part" },
	};
	struct stand *s = stand_get("/");

	(void)state;
	stand_line(s, "which", "OLD");
	CHECK_VALUES(s, row);
}

static void
values_of_maps_count(void **state)
{
	static char big[RULES_TEXT_MAX + 1];
	struct stand *s = stand_get("/");

	(void)state;
	memset(big, 'a', RULES_TEXT_MAX - 5);
	stand_line(s, "x", big);
	assert_int_equal(stand_value(s, "{HTTP_X}{Case:Key}").n, RULES_TEXT_MAX);
	assert_int_equal(stand_fault(s, "{HTTP_X}{Case:Key}a"), RULES_FAULT_LONG);
	assert_int_equal(stand_fault(s, "a{HTTP_X}{Case:Key}"), RULES_FAULT_LONG);
	assert_int_equal(stand_fault(s, "{HTTP_X}{Map:Old}"), RULES_FAULT_LONG);
	assert_int_equal(stand_fault(s, "{HTTP_X}{Map:Old}{HTTP_X}"), RULES_FAULT_LONG);
}

static void
what_expressions_cost_is_bounded(void **state)
{
	static char big[60001];
	struct stand *s = stand_get("/");
	uint32_t lower, n = 0;

	(void)state;
	memset(big, 'a', 60000);
	stand_line(s, "x", big);
	assert_slice(stand_value(s, "{Parts:{HTTP_X}}"), ""); /* nothing begins with "aa" */
	s = stand_get("/");
	memset(big, 'X', 60000); /* every place may begin a key */
	stand_line(s, "x", big);
	assert_int_equal(stand_fault(s, "{Parts:{HTTP_X}}"), RULES_FAULT_MATCH_LIMIT);
	/* A thousand rules that each write the same long text. */
	s = stand_get("/");
	stand_line(s, "x", big);
	lower = stand_expr(s, "{ToLower:{HTTP_X}}");
	for (enum rules_fault fault = RULES_FAULT_NONE; fault == RULES_FAULT_NONE; n++) {
		struct slice v;

		s->lane->brief.used = 0;
		fault = expr_expand(s->lane, &s->lane->brief, lower, &v);
		assert_true(fault == RULES_FAULT_NONE || fault == RULES_FAULT_MATCH_LIMIT);
	}
	assert_in_range(n, 2, 10);
	/* ... or look for cookies of other names in it. */
	s = stand_get("/");
	stand_line(s, "cookie", big);
	for (n = 0; stand_fault(s, "{COOKIE_none}") == RULES_FAULT_NONE; n++)
		assert_in_range(n, 0, 100);
	assert_in_range(n, 10, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_change_text),
		cmocka_unit_test(lower_case_is_the_same_for_keys),
		cmocka_unit_test(maps_have_values),
		cmocka_unit_test(values_of_maps_count),
		cmocka_unit_test(what_expressions_cost_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
