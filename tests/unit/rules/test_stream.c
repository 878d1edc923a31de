/*
 * test_stream.c - matches in a stream (14.5) against PCRE2 over the whole body at once: the same
 * bytes, wherever the body is cut and however little room there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "rules/body.h"
#include "rules/open.h"
#include "rules/regex.h"
#include "rules/utf8.h"

enum {
	ROOM = 1 << 21
};

static pcre2_match_context *context;
static pcre2_match_data *captures;
static struct stream stream;
static struct rules_code facts; /* of what was compiled last, for streams */

/* As open.c does for bodies; has_jit false: where there is no machine code. */
static pcre2_code *
compile(const char *pattern, uint32_t options, bool has_jit)
{
	uint32_t refers_back;
	PCRE2_SIZE at;
	int error;
	pcre2_code *code =
		pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
			      REGEX_OPTIONS | PCRE2_CASELESS | options, &error, &at, NULL);

	assert_non_null(code);
	pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &refers_back);
	if (has_jit && refers_back == 0)
		pcre2_jit_compile(code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
	if (options != 0)
		return code;
	facts = (struct rules_code){ .code = code };
	reach_read(slice_of(pattern, (uint32_t)strlen(pattern)), true, &facts);
	facts.hops = facts.sweeps && hop_reads(slice_of(pattern, (uint32_t)strlen(pattern)));
	return code;
}

/* A match becomes "[match|group 1]"; one that begins with 'k' stays. */
static enum rules_fault
on_match(void *ctx, const struct rules_refs *groups, bool *ret_goes, struct slice *ret)
{
	static uint8_t text[ROOM];
	uint32_t n = 0;

	(void)ctx;
	text[n++] = '[';
	for (uint32_t i = 0; i < groups->n && i < 2; i++) {
		if (i == 1)
			text[n++] = '|';
		memcpy(text + n, groups->s[i].p, groups->s[i].n);
		n += groups->s[i].n;
	}
	text[n++] = ']';
	*ret_goes = groups->s[0].n == 0 || groups->s[0].p[0] != 'k';
	*ret = slice_of(text, n);
	return RULES_FAULT_NONE;
}

static uint32_t
group_n_of(const pcre2_code *code)
{
	uint32_t n;

	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &n);
	return n;
}

/* All of the body at once. */
static uint32_t
naive(const pcre2_code *code, struct slice body, uint32_t occurrences, uint8_t *out)
{
	pcre2_match_data *data = pcre2_match_data_create(10, NULL);
	PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);
	uint32_t n = 0, pos = 0, done = 0, options = 0;

	while ((occurrences == 0 || done < occurrences) &&
	       pcre2_match(code, body.n == 0 ? (PCRE2_SPTR) "" : body.p, body.n, pos, options, data,
			   NULL) >= 0) {
		struct rules_refs groups = { .n = group_n_of(code) + 1 };
		struct slice text;
		bool goes;

		for (uint32_t i = 0; i < groups.n && i < RULES_REFS; i++)
			groups.s[i] = at[2 * i] == PCRE2_UNSET
					      ? slice_of("", 0)
					      : slice_of(body.p + at[2 * i],
							 (uint32_t)(at[2 * i + 1] - at[2 * i]));
		memcpy(out + n, body.p + pos, at[0] - pos);
		n += (uint32_t)at[0] - pos;
		on_match(NULL, &groups, &goes, &text);
		if (!goes)
			text = groups.s[0];
		memcpy(out + n, text.p, text.n);
		n += text.n;
		done += goes;
		pos = (uint32_t)at[1];
		options = at[0] == at[1] ? PCRE2_NOTEMPTY_ATSTART : 0;
	}
	memcpy(out + n, body.p + pos, body.n - pos);
	pcre2_match_data_free(data);
	return n + body.n - pos;
}

static uint32_t
run(const pcre2_code *code, struct slice body, uint32_t occurrences, uint32_t cut, uint32_t step,
    uint32_t room, uint8_t *out, enum rules_fault *ret_fault)
{
	uint32_t at = 0, made = 0;
	bool is_done = false;

	memset(stream.bytes, 0xee, sizeof(stream.bytes));
	assert_ptr_equal(code, facts.code);
	stream_init(&stream, &facts, group_n_of(code), occurrences, on_match, NULL);
	stream.context = context;
	stream.captures = captures;
	*ret_fault = RULES_FAULT_NONE;
	while (!is_done && *ret_fault == RULES_FAULT_NONE) {
		uint32_t end = at < cut ? cut : at + step, take;
		uint8_t *to = stream_room(&stream, &take);
		struct sink sink = { out + made, room < ROOM - made ? room : ROOM - made };
		uint32_t sink_n = sink.n;
		int64_t work = 1 << 16;

		if (end > body.n)
			end = body.n;
		if (take > end - at)
			take = end - at;
		memcpy(to, body.p + at, take);
		stream_added(&stream, take);
		at += take;
		*ret_fault = stream_turn(&stream, at == body.n, &sink, &work, &is_done);
		made += sink_n - sink.n;
		assert_true(made < ROOM);
	}
	return made;
}

/*
 * Beside bytes that are no characters PCRE2 finds matches of nothing, and those that begin with
 * ".*", in some places and not in others; then we only want to find the same ones however the body
 * is cut.
 */
static bool
is_known(const pcre2_code *code, struct slice body)
{
	uint32_t has_empty, options, c, n;

	pcre2_pattern_info(code, PCRE2_INFO_MATCHEMPTY, &has_empty);
	pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODETYPE, &options);
	for (uint32_t i = 0; (has_empty || options == 2) && i < body.n; i += n) {
		n = utf8_parse(body.p + i, body.n - i, &c);
		if (n == 0)
			return false;
	}
	return true;
}

static void
expect_all_cuts(const char *pattern, struct slice body, uint32_t occurrences)
{
	static uint8_t want[ROOM], out[ROOM];

	for (int has_jit = 0; has_jit < 2; has_jit++) {
		pcre2_code *code = compile(pattern, 0, has_jit);
		pcre2_code *raw = compile(pattern, PCRE2_MATCH_INVALID_UTF, false);
		enum rules_fault fault;
		uint32_t n = is_known(code, body)
				     ? naive(raw, body, occurrences, want)
				     : run(code, body, occurrences, body.n, 1, ROOM, want, &fault);

		for (uint32_t cut = 0; cut <= body.n + 3; cut++) {
			uint32_t step = cut <= body.n ? body.n + 1 : cut - body.n;
			uint32_t first = cut <= body.n ? cut : 0;
			uint32_t room = cut <= body.n ? ROOM : cut - body.n;
			uint32_t got = run(code, body, occurrences, first, step, room, out, &fault);

			if (fault != RULES_FAULT_NONE || got != n || memcmp(out, want, n) != 0)
				fail_msg("%s jit %d cut %u: '%.*s' not '%.*s' (%s)", pattern,
					 has_jit, cut, (int)got, out, (int)n, want,
					 rules_fault_text(fault));
		}
		pcre2_code_free(code);
		pcre2_code_free(raw);
	}
}

static void
expect(const char *pattern, const char *body)
{
	expect_all_cuts(pattern, slice_of(body, (uint32_t)strlen(body)), 0);
}

/* A match becomes "()", however long it is. */
static enum rules_fault
on_mark(void *ctx, const struct rules_refs *groups, bool *ret_goes, struct slice *ret)
{
	(void)ctx;
	(void)groups;
	*ret_goes = true;
	*ret = SLICE("()");
	return RULES_FAULT_NONE;
}

/* All work of a body whose matches become marks; in *ret_most of the dearest turn. */
static int64_t
work_of(const pcre2_code *code, struct slice body, uint32_t cut, uint8_t *out, uint32_t *ret_n,
	int64_t *ret_most)
{
	struct sink sink = { out, ROOM };
	uint32_t at = 0;
	int64_t all = 0;
	bool is_done = false;

	assert_ptr_equal(code, facts.code);
	stream_init(&stream, &facts, group_n_of(code), 0, on_mark, NULL);
	stream.context = context;
	stream.captures = captures;
	*ret_most = 0;
	while (!is_done) {
		uint32_t take;
		uint8_t *to = stream_room(&stream, &take);
		int64_t work = 1 << 16, before = work;

		take = take < body.n - at ? take : body.n - at;
		take = take < cut ? take : cut;
		memcpy(to, body.p + at, take);
		stream_added(&stream, take);
		at += take;
		assert_int_equal(stream_turn(&stream, at == body.n, &sink, &work, &is_done),
				 RULES_FAULT_NONE);
		all += before - work;
		*ret_most = before - work > *ret_most ? before - work : *ret_most;
	}
	*ret_n = ROOM - sink.n;
	return all;
}

static void
expect_marks(const char *pattern, struct slice body, struct slice expected)
{
	static const uint32_t cuts[] = { 97, 4096, 1 << 20 };
	static uint8_t out[ROOM];
	pcre2_code *code = compile(pattern, 0, true);

	for (uint32_t i = 0; i < 3; i++) {
		int64_t most;
		uint32_t n;

		work_of(code, body, cuts[i], out, &n, &most);
		assert_int_equal(n, expected.n);
		assert_memory_equal(out, expected.p, n);
	}
	pcre2_code_free(code);
}

static void
every_match_goes_left_to_right(void **state)
{
	(void)state;
	expect("http://internal", "<a href=http://internal/x>http://internalhttp://interna");
	expect("aa", "aaaaa b aaa");
	expect("a+", "aaaa b aaa c");
	expect("a+?", "aaaa b aaa c");
	expect("a*", "baaac");
	expect("x?", "abc");
	expect("(a)(b)?(c)?", "abcabacaa");
	expect("abc|ab|a", "abcabaabab");
	expect("a|ab|abc", "abcabaabab");
	expect("\\bfoo\\b", "foo foobar barfoo foo-foo _foo foo");
	expect("\\Bo", "foo o oo");
	expect("(?=b)", "abab b");
	expect("a(?!b)", "ab a aab");
	expect("kx|x", "x kx kxx"); /* those that begin with k stay */
	expect("", "abc");
	expect("abc", "");
	expect("x*", "");
}

/* Choice 25. */
static void
anchors_are_the_begin_and_end_of_the_body(void **state)
{
	(void)state;
	expect("^a", "aaa\na");
	expect("a$", "aaa\na\na");
	expect("a$", "aaa\na\n");
	expect("^.*$", "one line");
	expect("^.*$", "two\nlines");
	expect("^$", "");
	expect("^$", "x");
	expect("$", "abc");
	expect("^", "abc");
	expect("^|b|$", "abcb");
}

static void
characters_are_whole(void **state)
{
	(void)state;
	expect(".", "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
	expect("[^a-z]", "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
	expect("\xc3\x89", "\xc3\xa9t\xc3\xa9 \xc3\x89T\xc3\x89");
	expect("\xe2\x82\xac+", "\xe2\x82\xac\xe2\x82\xac \xe2\x82 \xe2\x82\xac");
	expect("k", "K \xe2\x84\xaa k"); /* the Kelvin sign folds to k */
}

static void
bytes_that_are_no_characters_match_nothing(void **state)
{
	(void)state;
	expect(".", "a\xff\xc3z\xe2\x82x\x80y\xf0\x9f\x98");
	expect("[^q]+", "ab\xff\xc3zq\xe2\x82x\x80y\xf0\x9f\x98");
	expect("\\bz", "\xffz az \xc3z \x80\x80\x80\x80\x80z");
	expect("x$", "x\xff x");
	expect("x*", "\xff\xff"
		     "a\xff\xff x\xff");
	expect("x*", "\xff");
}

static void
the_first_so_many(void **state)
{
	struct slice body = SLICE("ab k ab ab aab");

	(void)state;
	for (uint32_t n = 1; n < 6; n++)
		expect_all_cuts("a+b|k", body, n);
}

/*
 * Without "(?=b)": PCRE2 10.42 takes its 'b' for a character of its own, so that "(?=b)a?b+" wants
 * two of them; but not when it looks for partial matches.
 */
static void
random_patterns_do_as_the_whole(void **state)
{
	static const char *const atoms[] = { "a",     "b",     "[ab]", ".",	   "\\w", "\\s",
					     "(a|b)", "^",     "$",    "\\b",	   "\n",  "c",
					     "(?!b)", "(?!a)", "a?b",  "\xc3\xa9", "\\1" };
	static const char *const times[] = { "", "", "", "*", "+", "?", "*?", "+?", "{2}" };
	static const char *const bytes[] = { "a",  "b", "a",	    "b",    "c", " ",
					     "\n", "A", "\xc3\xa9", "\xff", "k", "\xc3" };
	struct prng prng;

	(void)state;
	prng_init(&prng, 11);
	for (uint32_t round = 0; round < 1500; round++) {
		char pattern[200] = "", body[100] = "";
		uint32_t parts = 1 + prng_below(&prng, 5), length = prng_below(&prng, 24);

		for (uint32_t i = 0; i < parts; i++) {
			const char *atom = atoms[prng_below(&prng, 17)];

			if (atom[0] == '\\' && atom[1] == '1' && strchr(pattern, '(') == NULL)
				atom = "a";
			if (i > 0 && prng_below(&prng, 5) == 0)
				strcat(pattern, "|");
			strcat(pattern, atom);
			if (strchr("^$", atom[0]) == NULL && strcmp(atom, "\\b") != 0 &&
			    strncmp(atom, "(?", 2) != 0)
				strcat(pattern, times[prng_below(&prng, 9)]);
		}
		if (strstr(pattern, "\\1") != NULL && strstr(pattern, "(a|b)") == NULL)
			continue;
		for (uint32_t i = 0; i < length; i++)
			strcat(body, bytes[prng_below(&prng, 12)]);
		expect(pattern, body);
	}
}

/* What is known of long bodies without the help of an oracle. */
static void
expect_long(const char *pattern, struct slice body, struct slice expected)
{
	static const uint32_t cuts[] = { 1, 97, 1460, 65536, 1 << 20 };
	static uint8_t out[ROOM];
	pcre2_code *code = compile(pattern, 0, true);

	for (uint32_t i = 0; i < 5; i++) {
		enum rules_fault fault;
		uint32_t n = run(code, body, 0, 0, cuts[i], ROOM, out, &fault);

		assert_int_equal(fault, RULES_FAULT_NONE);
		assert_int_equal(n, expected.n);
		assert_memory_equal(out, expected.p, n);
	}
	pcre2_code_free(code);
}

static void
a_match_may_be_as_long_as_its_room_and_no_longer(void **state)
{
	static uint8_t body[300000], expected[300000];

	(void)state;
	memset(body, '.', sizeof(body));
	/* "<" to ">" in 64 KiB without the brackets of on_match: a replacement has that room too */
	body[1000] = '<';
	body[1000 + BODY_TEXT_MAX - 3] = '>';
	body[150000] = '<';
	body[150000 + BODY_TEXT_MAX] = '>';
	memcpy(expected, body, 1000);
	expected[1000] = '[';
	memcpy(expected + 1001, body + 1000, BODY_TEXT_MAX - 2);
	expected[1001 + BODY_TEXT_MAX - 2] = ']';
	memcpy(expected + 1002 + BODY_TEXT_MAX - 2, body + 1000 + BODY_TEXT_MAX - 2,
	       290000 - 1000 - BODY_TEXT_MAX + 2);
	expect_long("<[^>]*>", slice_of(body, 290000), slice_of(expected, 290002));
}

static void
what_matches_in_less_than_all_its_room_is_found_there(void **state)
{
	static uint8_t body[200000], expected[200000];

	(void)state;
	/* a.*b wants a b that is too far away; a alone is what its room has */
	memset(body, '.', sizeof(body));
	body[500] = 'a';
	body[199000] = 'b';
	memcpy(expected, body, 500);
	memcpy(expected + 500, "[a]", 3);
	memcpy(expected + 503, body + 501, 199900 - 501);
	expect_long("a.*b|a", slice_of(body, 199900), slice_of(expected, 199902));
}

/*
 * Where a match's room ends nothing ends: a match that looks behind itself is not told so. It is
 * found from the first place whose room shows what really follows.
 */
static void
the_end_of_a_matchs_room_is_no_end(void **state)
{
	static const char *const patterns[] = { "a+(?!a)", "\\w+\\b", "a+(?=-|$)", "a+(?=\\W)",
						"-a+\\B-", "-a+$",    "-a+(?!a)",  "-\\w+\\b" };
	static uint8_t body[BODY_TEXT_MAX + 200], expected[BODY_TEXT_MAX + 200];
	uint32_t from = sizeof(body) - 1 - (BODY_TEXT_MAX - 1);

	(void)state;
	memset(body, 'a', sizeof(body));
	body[0] = body[sizeof(body) - 1] = '-';
	memcpy(expected, body, from);
	memcpy(expected + from, "()-", 3);
	for (uint32_t i = 0; i < 4; i++)
		expect_marks(patterns[i], slice_of(body, sizeof(body)),
			     slice_of(expected, from + 3));
	for (uint32_t i = 4; i < 8; i++)
		expect_marks(patterns[i], slice_of(body, sizeof(body)),
			     slice_of(body, sizeof(body)));
}

/* The last place of a call is a character of two bytes: machine code would try the second, too. */
static void
a_call_may_end_within_a_character(void **state)
{
	static uint8_t body[3000], expected[3010];

	(void)state;
	memset(body, '.', sizeof(body));
	memcpy(body + 1023,
	       "\xc3\xa9"
	       "a.",
	       4);
	memcpy(expected, body, 1025);
	memcpy(expected + 1025, "[a|a]", 5);
	memset(expected + 1030, '.', 3000 - 1026);
	expect_long("\\b(a|b)", slice_of(body, 3000), slice_of(expected, 3004));
}

/* The class and the text of a pattern, and a body that takes it to all ends of a stretch. */
static void
hops_find_what_is_there(void **state)
{
	static uint8_t body[400000], expected[400010];
	static const uint32_t at[] = {
		BODY_TEXT_MAX - 8, BODY_TEXT_MAX - 7, BODY_TEXT_MAX + 9, 100000, 163001, 299990
	};

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		uint32_t end = at[i] + 8, from;

		/* The earliest place from which it is within a match's room. */
		from = end > BODY_TEXT_MAX ? end - BODY_TEXT_MAX : 0;
		memset(body, 'i', 300000);
		memcpy(body + at[i], "internal", 8);
		memcpy(expected, body, from);
		memcpy(expected + from, "()", 2);
		memcpy(expected + from + 2, body + end, 300000 - end);
		expect_marks("[^\"]*internal", slice_of(body, 300000),
			     slice_of(expected, 300000 - (end - from) + 2));
	}
}

/* Work that was paid covers what PCRE2 was asked, and is no more than some times the body. */
static void
a_long_stretch_costs_no_more_than_its_length(void **state)
{
	static const char *const patterns[] = { "[^\"]*internal", "(.*)internal", "\\w+@" };
	static uint8_t body[1 << 20], out[ROOM];

	(void)state;
	memset(body, 'i', sizeof(body));
	for (uint32_t i = 0; i < 3; i++) {
		pcre2_code *code = compile(patterns[i], 0, true);
		struct slice all = slice_of(body, sizeof(body));
		int64_t most;
		uint32_t n;

		assert_true(work_of(code, all, 4096, out, &n, &most) < 16 * (int64_t)sizeof(body));
		assert_int_equal(n, sizeof(body));
		assert_true(most < 1 << 18);
		pcre2_code_free(code);
	}
}

static void
a_hostile_pattern_ends_in_a_fault(void **state)
{
	static uint8_t body[100000], out[ROOM];
	pcre2_code *code = compile("(x+x+)+y", 0, true);
	enum rules_fault fault;

	(void)state;
	memset(body, 'x', sizeof(body));
	body[40] = '-';
	run(code, slice_of(body, 100), 0, 0, 7, ROOM, out, &fault);
	assert_int_equal(fault, RULES_FAULT_MATCH_LIMIT);
	pcre2_code_free(code);
}

/*
 * What may become a match stands before the first bytes of a character: only input can say more,
 * and asking again for the same costs all of each turn's work.
 */
static void
half_a_character_is_waited_for(void **state)
{
	static const char text[] = "a no\xe2\x82";
	pcre2_code *code = compile("no body", 0, true);
	uint8_t out[64];
	struct sink sink = { out, sizeof(out) };
	int64_t work = 1 << 16;
	bool is_done;
	uint32_t room;

	(void)state;
	stream_init(&stream, &facts, 0, 0, on_match, NULL);
	stream.context = context;
	stream.captures = captures;
	memcpy(stream_room(&stream, &room), text, sizeof(text) - 1);
	stream_added(&stream, sizeof(text) - 1);
	assert_int_equal(stream_turn(&stream, false, &sink, &work, &is_done), RULES_FAULT_NONE);
	assert_false(is_done);
	assert_true(work > 0); /* the turn ended by itself */
	pcre2_code_free(code);
}

/* Pages that are one line, and images in them: a lazy repeat takes a step for each character. */
static void
honest_patterns_have_their_matches(void **state)
{
	static char body[ROOM], want[ROOM];
	uint32_t n = (uint32_t)snprintf(body, sizeof(body), "<img src=\"data:");
	uint32_t link_n;

	(void)state;
	memset(body + n, 'x', 1500);
	n += 1500;
	n += (uint32_t)snprintf(body + n, sizeof(body) - n, "\">%s", "<p class=a>text text</p>");
	for (uint32_t i = 0; i < 60; i++)
		n += (uint32_t)snprintf(body + n, sizeof(body) - n, "%s",
					"<p class=a>text text</p>");
	link_n = n;
	expect_marks("src=([\"'])(.*?)\\1", slice_of(body, n),
		     slice_of(want, (uint32_t)snprintf(want, sizeof(want), "<img ()%.*s",
						       (int)(n - 1516), body + 1516)));
	n += (uint32_t)snprintf(body + n, sizeof(body) - n, "<a href=\"http://internal/x\">");
	for (uint32_t i = 0; i < 1500; i++)
		n += (uint32_t)snprintf(body + n, sizeof(body) - n, "%s",
					"<p class=a>text text</p>");
	expect_marks("href=\"(.*?)internal(.*?)\"", slice_of(body, n),
		     slice_of(want, (uint32_t)snprintf(want, sizeof(want), "%.*s<a ()%.*s",
						       (int)link_n, body, (int)(n - link_n - 27),
						       body + link_n + 27)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_match_goes_left_to_right),
		cmocka_unit_test(anchors_are_the_begin_and_end_of_the_body),
		cmocka_unit_test(characters_are_whole),
		cmocka_unit_test(half_a_character_is_waited_for),
		cmocka_unit_test(bytes_that_are_no_characters_match_nothing),
		cmocka_unit_test(the_first_so_many),
		cmocka_unit_test(random_patterns_do_as_the_whole),
		cmocka_unit_test(a_match_may_be_as_long_as_its_room_and_no_longer),
		cmocka_unit_test(what_matches_in_less_than_all_its_room_is_found_there),
		cmocka_unit_test(the_end_of_a_matchs_room_is_no_end),
		cmocka_unit_test(a_call_may_end_within_a_character),
		cmocka_unit_test(hops_find_what_is_there),
		cmocka_unit_test(a_long_stretch_costs_no_more_than_its_length),
		cmocka_unit_test(honest_patterns_have_their_matches),
		cmocka_unit_test(a_hostile_pattern_ends_in_a_fault),
	};
	int failed;

	context = pcre2_match_context_create(NULL);
	captures = pcre2_match_data_create(RULES_REFS, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	pcre2_match_data_free(captures);
	pcre2_match_context_free(context);
	return failed;
}
