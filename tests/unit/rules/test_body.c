/*
 * test_body.c - bodies through all their rules (14.3, 14.5): each page is cut at every byte, comes
 * in single bytes, goes into rooms of single bytes, and is always the same.
 */
#include "page.h"

#define RULE(name, match, value)                                                                   \
	"<rule name='" name "'><match " match "/><action type='Rewrite' value='" value "'/></"     \
	"rule>"
#define STOPS(name, match, value)                                                                  \
	"<rule name='" name "' stopProcessing='true'><match " match                                \
	"/><action type='Rewrite' value='" value "'/></rule>"

static uint8_t out[PAGE_ROOM];

static void
expect_slice(struct page *p, struct slice body, struct slice expected)
{
	static const uint32_t shape[][2] = { { 1, 1 }, { 1, PAGE_ROOM }, { 2, 3 }, { 7, 1 } };
	struct rules_body *b;

	for (uint32_t i = 0; i <= body.n + 4; i++) {
		bool is_cut = i <= body.n;
		enum rules_body_verdict v;
		uint32_t n = page_body(p, body, is_cut ? i : 0,
				       is_cut ? body.n + 1 : shape[i - body.n - 1][0],
				       is_cut ? PAGE_ROOM : shape[i - body.n - 1][1], out, &v, &b);

		if (v != RULES_BODY_END || n != expected.n || memcmp(out, expected.p, n) != 0)
			fail_msg("cut %u: %d '%.*s' not '%.*s'", i, (int)v, (int)n, out,
				 (int)expected.n, expected.p);
		free(b);
	}
}

static void
expect(struct page *p, const char *body, const char *expected)
{
	expect_slice(p, page_text(body), page_text(expected));
}

static void
tags_and_text_take_their_turns(void **state)
{
	struct page *p = page_open(
		RULE("1", "filterByTags=\"A, Img\" pattern=\"^/(.*)\"",
		     "http://{HTTP_HOST}/{R:1}") RULE("2", "pattern=\"www\\.x\\.com\"", "W")
			RULE("3", "filterByTags=\"A\" pattern=\"^http://W/(.*)\"", "/{R:1}?{URL}"));

	(void)state;
	page_line(p, true, "Content-Type", "text/html");
	expect(p, "<a href='/1'>www.x.com /1</a> <img src=/2>",
	       "<a href='/1?/dir/page'>W /1</a> <img src=http://W/2>");
	page_close(p);
}

static void
every_documented_attribute_is_found(void **state)
{
	struct page *p = page_open(
		RULE("1",
		     "filterByTags=\"A, Area, Base, Form, Frame, Head, IFrame, Img, Input, Link, "
		     "Script\" pattern=\"1\"",
		     "2"));

	(void)state;
	expect(p,
	       "<a href=1 src=1><area href=1><base href=1><form action=1><frame src=1 longdesc=1>"
	       "<head profile=1><iframe src=1 longdesc=1></iframe><img src=1 longdesc=1 usemap=1 "
	       "href=1>"
	       "<input src=1 usemap=1><link href=1><script src=1></script><video src=1>",
	       "<a href=2 src=1><area href=2><base href=2><form action=2><frame src=2 longdesc=2>"
	       "<head profile=2><iframe src=2 longdesc=2></iframe><img src=2 longdesc=2 usemap=2 "
	       "href=1>"
	       "<input src=2 usemap=2><link href=2><script src=2></script><video src=1>");
	page_close(p);
}

static void
custom_tags_are_found_too(void **state)
{
	struct page *p = page_open(RULE(
		"1", "filterByTags=\"A, CustomTags\" customTags=\"mine\" pattern=\"^/\"",
		"x") "<customTags><tags name='mine'><tag name='Video' attribute='poster'/></tags>"
		     "<tags name='other'><tag name='audio' attribute='src'/></tags></customTags>");

	(void)state;
	expect(p, "<video poster=/1 src=/1><audio src=/1><a href=/1>",
	       "<video poster=x src=/1><audio src=/1><a href=x>");
	page_close(p);
}

static void
a_value_goes_through_all_its_rules(void **state)
{
	struct page *p = page_open(RULE("1", "filterByTags=\"A\" pattern=\"^/1$\"", "/2") STOPS(
		"2", "filterByTags=\"A\" pattern=\"^/2$\"",
		"/3") RULE("3", "filterByTags=\"A\" pattern=\"^/([34])$\"", "/{R:1}{R:1}"));

	(void)state;
	expect(p, "<a href=/1><a href=/2><a href=/3><a href=/4><a href=/5>",
	       "<a href=/3><a href=/3><a href=/33><a href=/44><a href=/5>");
	page_close(p);
}

static void
none_with_stop_exempts_a_value(void **state)
{
	struct page *p = page_open(
		"<rule name='1' stopProcessing='true'><match filterByTags='A' pattern='^/keep'/>"
		"<action type='None'/></rule>" RULE("2", "filterByTags='A' pattern='^/(.*)'",
						    "/x/{R:1}"));

	(void)state;
	expect(p, "<a href=/keep><a href=/1>", "<a href=/keep><a href=/x/1>");
	page_close(p);
}

static void
conditions_are_asked_for_each_match(void **state)
{
	struct page *p = page_open(
		"<rule name='1'><match pattern='n(\\d)'/><conditions><add input='{R:1}' "
		"pattern='([13])'/><add input='{HTTP_HOST}' pattern='^(\\w+)'/></conditions>"
		"<action type='Rewrite' value='{C:1}{C:2}{R:0}'/></rule>");

	(void)state;
	expect(p, "n1 n2 n3", "1wwwn1 n2 3wwwn3");
	page_close(p);
}

static void
occurrences_are_counted(void **state)
{
	struct page *p = page_open(
		"<rule name='1'><match pattern='(a)(\\d)' occurrences='2'/><conditions><add "
		"input='{R:2}' pattern='[^2]'/></conditions><action type='Rewrite' "
		"value='b{R:2}'/></rule>");

	(void)state;
	expect(p, "a1 a2 a3 a4", "b1 a2 b3 a4");
	page_close(p);
}

/* The rules behind see what was before the first match as all of the body. */
static void
a_stopping_rule_of_the_body_ends_those_behind_it(void **state)
{
	struct page *p = page_open(STOPS("1", "pattern='stop'", "b") RULE("2", "pattern='b'", "c")
					   RULE("3", "filterByTags='A' pattern='x'", "y")
						   RULE("4", "pattern='c|$'", "d"));

	(void)state;
	expect(p, "b <a href=x> b stop b <a href=x> stop b", "d <a href=y> d db b <a href=x> b b");
	expect(p, "b <a href=x", "d <a href=xd");
	expect(p, "stop b", "db b");
	expect(p, "<a href='x stop'>x", "<a href='x db'>x");
	page_close(p);
}

static void
a_page_without_matches_is_as_it_was(void **state)
{
	struct page *p = page_open(RULE("1", "filterByTags='A' pattern='zzz'", "y")
					   RULE("2", "pattern='zzz|q+r'", "y"));
	static uint8_t body[256 * 3];

	(void)state;
	for (uint32_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7);
	expect_slice(p, slice_of(body, sizeof(body)), slice_of(body, sizeof(body)));
	expect(p, "", "");
	page_close(p);
}

/* 14.5: patterns are compared in the charset of the body. */
static void
single_byte_charsets_are_characters_to_rules(void **state)
{
	struct page *p = page_open(
		RULE("1", "pattern='\xc3\xa4+(.)'", "[{R:1}\xc3\xb6\xe2\x82\xac\xd0\xb6]")
			RULE("2", "filterByTags='A' pattern='\xc3\x89(.*)'", "\xc3\xa8{R:1}"));
	uint8_t all[256];

	(void)state;
	page_line(p, true, "Content-Type", "text/html; charset=ISO-8859-1");
	expect(p, "x\xe4\xc4\xfcz <a href='\xe9\xe4t\xff'>",
	       "x[\xfc\xf6\x80&#1078;]z <a href='\xe8[t\xf6\x80&#1078;]\xff'>");
	for (uint32_t i = 0; i < 256; i++)
		all[i] = i == 0xe4 || i == 0xc4 ? 'x' : (uint8_t)i;
	expect_slice(p, slice_of(all, 256), slice_of(all, 256));
	p->line[1][0].value = SLICE("text/html; charset=\"windows-1251\"; x=y");
	expect(p, "\xe6 <a href='\xc9'>", "\xe6 <a href='\xc9'>");
	expect_slice(p, slice_of(all, 256), slice_of(all, 256));
	p->line[1][0].value = SLICE("text/html; charset=utf-8");
	expect(p, "\xc3\xa4\xc3\x84z", "[z\xc3\xb6\xe2\x82\xac\xd0\xb6]");
	page_close(p);
}

static void
every_charset_gives_back_what_it_was_given(void **state)
{
	static const char *const names[] = {
		"us-ascii",	"iso-8859-2",	"ISO-8859-3",	"iso-8859-4",	"iso-8859-5",
		"iso-8859-6",	"iso-8859-7",	"iso-8859-8",	"iso-8859-9",	"iso-8859-10",
		"iso-8859-11",	"iso-8859-13",	"iso-8859-14",	"iso-8859-15",	"iso-8859-16",
		"windows-1250", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
		"windows-1257", "windows-1258", "windows-874",	"koi8-r",	"koi8-u",
		"ibm866",	"macintosh",	"shift_jis",	"nothing"
	};
	struct page *p = page_open(RULE("1", "pattern='needle'", "y"));
	uint8_t all[256], got[1024];
	struct rules_body *b;
	char type[64];

	(void)state;
	page_line(p, true, "Content-Type", "");
	for (uint32_t i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	for (uint32_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		enum rules_body_verdict v;

		snprintf(type, sizeof(type), "text/plain;charset=%s", names[i]);
		p->line[1][0].value = page_text(type);
		assert_int_equal(page_body(p, slice_of(all, 256), 0, 5, 100, got, &v, &b), 256);
		assert_memory_equal(got, all, 256);
		free(b);
	}
	page_close(p);
}

static void
an_xml_page_may_have_whole_scripts(void **state)
{
	struct page *p = page_open(RULE("1", "filterByTags='A' pattern='x'", "y"));

	(void)state;
	page_line(p, true, "Content-Type", "application/xhtml+xml; charset=utf-8");
	expect(p, "<script src='s'/><a href='x'/>", "<script src='s'/><a href='y'/>");
	p->line[1][0].value = SLICE("text/html; x=xml");
	expect(p, "<script src='s'/><a href='x'/>", "<script src='s'/><a href='x'/>");
	page_close(p);
}

static void
what_a_rule_cannot_do_is_a_fault_of_its_own(void **state)
{
	struct page *p =
		page_open(RULE("1", "pattern='never'", "x") RULE("2", "pattern='(x+x+)+y'", "z"));
	static uint8_t body[100];
	enum rules_body_verdict v;
	struct rules_body *b;
	uint32_t rule_i;

	(void)state;
	memset(body, 'x', sizeof(body));
	body[40] = '-';
	page_body(p, slice_of(body, 100), 0, 7, PAGE_ROOM, out, &v, &b);
	assert_int_equal(v, RULES_BODY_FAULT);
	assert_int_equal(rules_body_fault(b, &rule_i), RULES_FAULT_MATCH_LIMIT);
	assert_int_equal(rule_i, 1);
	free(b);
	page_close(p);
}

/* ---- work ---- */

struct spent {
	enum rules_body_verdict v;
	enum rules_fault fault;
	uint32_t rule_i, turn_n, made;
	int64_t least; /* that was left of a turn */
};

/* In pieces of 16 KiB, and what it costs. */
static struct spent
body_spends(const char *rules, struct slice body)
{
	struct page *p = page_open(rules);
	struct spent s = { 0 };
	struct rules_body *b;
	uint32_t at = 0;
	void *memory;
	size_t n;

	page_line(p, true, "Content-Type", "text/html; charset=utf-8");
	page_head(p);
	n = rules_body_bytes(p->rules, 0, &p->reply);
	memory = aligned_alloc(16, n);
	b = rules_body_init(memory, n, p->rules, 0, 0, &p->reply, NULL);
	do {
		uint32_t in_n = body.n - at < 16384 ? body.n - at : 16384;
		struct rules_body_io io = { .in = body.p + at,
					    .in_n = in_n,
					    .is_last = at + in_n == body.n,
					    .out = out + s.made,
					    .out_n = 16384,
					    .work = RULES_TURN_WORK };

		s.v = rules_body_turn(b, &io);
		at = (uint32_t)(io.in - body.p);
		s.made += 16384 - io.out_n;
		s.least = io.work < s.least ? io.work : s.least;
		s.turn_n++;
	} while (s.v != RULES_BODY_END && s.v != RULES_BODY_FAULT);
	s.fault = rules_body_fault(b, &s.rule_i);
	free(memory);
	page_close(p);
	return s;
}

/* A page that is one line: each lazy repeat runs to its end, a step for each character. */
static void
a_page_of_one_line_has_its_end(void **state)
{
	static const char piece[] = "<p class=a>text</p><a href=\"/a/link\">a link</a>";
	static uint8_t body[60000];

	(void)state;
	for (uint32_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)piece[i % (sizeof(piece) - 1)];
	assert_int_equal(body_spends(RULE("1", "pattern='href=\"(.*?)internal(.*?)\"'", "x"),
				     slice_of(body, sizeof(body)))
				 .v,
			 RULES_BODY_END);
}

/* A page of lines, and a pattern that runs over each of them: what people write. */
static void
pages_of_lines_are_no_hostile_ones(void **state)
{
	static const char *const honest[] = {
		"(.*)href='(.*)'(.*)",
		"(.*)src='(.*)'(.*)",
		"(.*)internal(.*)[.]html",
		".*href='([^']*)'.*",
	};
	static const char line[] =
		"  <li class='item'><a name='x' title='one of many'>some words</a></li>\n";
	static uint8_t page[400000];
	char rule[256];

	(void)state;
	for (uint32_t i = 0; i < sizeof(page); i++)
		page[i] = (uint8_t)line[i % (sizeof(line) - 1)];
	for (uint32_t i = 0; i < sizeof(honest) / sizeof(honest[0]); i++) {
		struct spent s;

		snprintf(rule, sizeof(rule),
			 "<rule name='1'><match pattern=\"%s\"/><action type='Rewrite' "
			 "value='z'/></rule>",
			 honest[i]);
		s = body_spends(rule, slice_of(page, sizeof(page)));
		assert_int_equal(s.v, RULES_BODY_END);
		assert_int_equal(s.made, sizeof(page));
	}
}

/* A value of 60,000 bytes, and rules that look at each of them. */
static uint32_t
value_fill(uint8_t *body, const char *piece)
{
	size_t n = strlen(piece);
	uint32_t at = (uint32_t)sprintf((char *)body, "<a href='");

	for (uint32_t i = 0; i < 60000; i++)
		body[at++] = (uint8_t)piece[i % n];
	memcpy(body + at, "'>", 2);
	return at + 2;
}

static void
a_value_with_many_rules_takes_many_turns(void **state)
{
	static char rules[16384];
	static uint8_t body[1 << 16];
	uint32_t n = value_fill(body, "abcd"), at = 0;
	struct spent s;

	(void)state;
	for (uint32_t i = 0; i < 60; i++)
		at += (uint32_t)sprintf(
			rules + at,
			"<rule name='%u'><match filterByTags='A' pattern='%s'/><action "
			"type='Rewrite' value='{R:0}%u'/></rule>",
			i, i % 20 == 0 ? "^.*d[0-9]*$" : "[a-c]+x", i);
	s = body_spends(rules, slice_of(body, n));
	assert_int_equal(s.v, RULES_BODY_END);
	assert_int_equal(s.made, n + 5);
	assert_memory_equal(out + n - 3, "d02040'>", 8);
	assert_true(s.turn_n > 4);
	assert_in_range(-s.least, 0, RULES_BODY_PART);
}

/* One rule and one value, beyond what a turn has left. */
static void
a_turn_spends_a_rules_part_more_than_it_has_at_most(void **state)
{
	static uint8_t body[1 << 16];
	uint32_t n = value_fill(body, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-y");
	struct spent s = body_spends(RULE("1", "filterByTags='A' pattern='(x+x+)+y'", "z"),
				     slice_of(body, n));

	(void)state;
	assert_int_equal(s.v, RULES_BODY_FAULT);
	assert_int_equal(s.fault, RULES_FAULT_MATCH_LIMIT);
	assert_int_equal(s.rule_i, 0);
	assert_in_range(-s.least, 1, RULES_BODY_PART);
}

static void
more_rules_than_a_body_may_have_are_refused(void **state)
{
	static char xml[8192];
	struct page *p;
	int n = 0;

	(void)state;
	for (uint32_t i = 0; i < 40; i++)
		n += snprintf(xml + n, sizeof(xml) - (size_t)n,
			      "<rule name='%u'><match pattern='x'/><action type='Rewrite' "
			      "value='y'/></rule>",
			      i);
	p = page_open(xml);
	page_head(p);
	assert_int_equal(rules_body_bytes(p->rules, 0, &p->reply), 0);
	page_close(p);
}

/* Tags, entities, scripts, comments and characters of several bytes, cut within each of them. */
static void
a_page_with_everything_is_the_same_however_it_is_cut(void **state)
{
	struct page *p = page_open(
		RULE("1", "filterByTags='A, Img, Script, Form' pattern='^http://in(/.*)'", "{R:1}")
			RULE("2", "filterByTags='A' pattern='&amp;amp;(.*)$'", "{R:1}\xe2\x82\xac")
				RULE("3", "pattern='\xc3\xbc(\xe2\x82\xac+)\xf0\x9f\x98\x80'",
				     "[{R:1}]") RULE("4", "pattern='(\\w+)&amp;nbsp;Intern'",
						     "{R:1} Public"));
	static const char page[] =
		"\xef\xbb\xbf<!DOCTYPE html><html><head><script src='http://in/s.js'>if (a < b && "
		"c) "
		"w(\"<a href='http://in/no'>\");</script><style>a:after{content:'<a "
		"href=\\'http://in/'}"
		"</style></head><body><!-- <a href=\"http://in/no\"> -- > --><A  HREF = "
		"\"http://in/x?a&amp;b"
		"\" title='>'>die&nbsp;Intern \xc3\xbc\xe2\x82\xac\xe2\x82\xac\xf0\x9f\x98\x80 "
		"\xc3\xbc"
		"\xe2\x82\xac</A><img src=http://in/i.png/><form "
		"action='http://in/f'>\xff\xfe</form></body>";
	static const char expected[] =
		"\xef\xbb\xbf<!DOCTYPE html><html><head><script src='/s.js'>if (a < b && c) "
		"w(\"<a href='http://in/no'>\");</script><style>a:after{content:'<a "
		"href=\\'http://in/'}"
		"</style></head><body><!-- <a href=\"http://in/no\"> -- > --><A  HREF = "
		"\"b\xe2\x82\xac"
		"\" title='>'>die Public [\xe2\x82\xac\xe2\x82\xac] \xc3\xbc"
		"\xe2\x82\xac</A><img src=/i.png/><form action='/f'>\xff\xfe</form></body>";

	(void)state;
	page_line(p, true, "Content-Type", "text/html; charset=utf-8");
	expect(p, page, expected);
	page_close(p);
}

/* 14.5: a long page streams through; nothing of it is held but windows. */
static void
a_long_page_comes_out_as_it_should(void **state)
{
	struct page *p = page_open(RULE("1", "filterByTags='A' pattern='^http://in/(.*)'", "/{R:1}")
					   RULE("2", "pattern='Internal (\\w+)'", "Public {R:1}"));
	static const uint32_t cuts[] = { 1460, 64 << 10, 1 << 20 };
	static char body[1 << 20], want[1 << 20];
	uint32_t n = 0, m = 0, i = 0;

	(void)state;
	while (n < sizeof(body) - 200) {
		i++;
		n += (uint32_t)sprintf(body + n,
				       "<p><a href=\"http://in/%u\">Internal page%u</a>\n", i, i);
		m += (uint32_t)sprintf(want + m, "<p><a href=\"/%u\">Public page%u</a>\n", i, i);
	}
	for (i = 0; i < 3; i++) {
		enum rules_body_verdict v;
		struct rules_body *b;

		assert_int_equal(page_body(p, slice_of(body, n), 0, cuts[i], 5000, out, &v, &b), m);
		assert_int_equal(v, RULES_BODY_END);
		assert_memory_equal(out, want, m);
		free(b);
	}
	page_close(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_and_text_take_their_turns),
		cmocka_unit_test(every_documented_attribute_is_found),
		cmocka_unit_test(custom_tags_are_found_too),
		cmocka_unit_test(a_value_goes_through_all_its_rules),
		cmocka_unit_test(none_with_stop_exempts_a_value),
		cmocka_unit_test(conditions_are_asked_for_each_match),
		cmocka_unit_test(occurrences_are_counted),
		cmocka_unit_test(a_stopping_rule_of_the_body_ends_those_behind_it),
		cmocka_unit_test(a_page_without_matches_is_as_it_was),
		cmocka_unit_test(single_byte_charsets_are_characters_to_rules),
		cmocka_unit_test(every_charset_gives_back_what_it_was_given),
		cmocka_unit_test(an_xml_page_may_have_whole_scripts),
		cmocka_unit_test(what_a_rule_cannot_do_is_a_fault_of_its_own),
		cmocka_unit_test(a_page_of_one_line_has_its_end),
		cmocka_unit_test(pages_of_lines_are_no_hostile_ones),
		cmocka_unit_test(a_value_with_many_rules_takes_many_turns),
		cmocka_unit_test(a_turn_spends_a_rules_part_more_than_it_has_at_most),
		cmocka_unit_test(more_rules_than_a_body_may_have_are_refused),
		cmocka_unit_test(a_page_with_everything_is_the_same_however_it_is_cut),
		cmocka_unit_test(a_long_page_comes_out_as_it_should),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
