/*
 * test_reach.c - how far patterns may run (rules/reach.c): never less than PCRE2 can.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/open.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct rules_code
read_pattern(const char *pattern)
{
	struct rules_code code = { 0 };

	reach_read(slice_of(pattern, (uint32_t)strlen(pattern)), true, &code);
	return code;
}

static bool
has(const struct rules_code *code, uint8_t c)
{
	return (code->run[c / 64] >> c % 64 & 1) != 0;
}

/* in: bytes that repeats may pass; out: that they may not. */
static void
repeats_run_over_what_they_match(void **state)
{
	static const struct {
		const char *pattern, *in, *out;
		uint32_t gap_n;
	} row[] = {
		{ "abc", "", "abc", 2 },
		{ "[^;]*token=([^;]*)", "az= ", ";", 0 },
		{ "(\\w+)=secret", "aZ_9", "= ;", 1 },
		{ "([a-z]+)token=(?!x)(\\w+)", "azAZ", "09_=", 1 },
		{ "([a-z]+)[0-9][a-z]", "azAZ", "09", 1 },
		{ "\\w+\\s*=\\s*\\w+!", "a9 \t", "=!;", 1 },
		{ "(?:[^/]+/)*k", "az/", "", 0 },   /* a group repeats with all in it */
		{ "(?:ab|c)+d", "abcABC", "d", 0 }, /* ... of each of its parts */
		{ "(?:ab?;){2}x", "ab;", "x", 0 },
		{ "a{3}b", "a", "b", 0 },
		{ "a{1000}", "a", "b", 0 }, /* may fail before its end */
		{ "a?b?c*x", "c", "abx", 2 },
		{ "x(?=.*q)y", "aq;", "\n", 0 },
		{ "x(?=a*)", "a", "x", 1 }, /* an assertion's end is not the pattern's */
		{ "x(a|b*)", "", "ab", 2 }, /* the pattern's is */
		{ "(x(a*)y)*", "a", "xyb", 2 },
		{ "(x(a*)y)*z", "axy", "zb", 0 },
		{ "[]a-c\\d-]*x", "]abcABC09-", "dx[", 0 },
		{ "[^]a-c]*x", "dx[", "]", 0 },
		{ "[\\x41-\\x43]+x", "ABCabc", "dx", 0 },
		{ "\\.*\\(+x", ".(", "x)", 0 },
		{ "[\\W]*x", "=; ", "a_9", 0 },
		{ "\xe2\x84\xaa*x", "k", "x", 0 }, /* the Kelvin sign is a k */
		{ ".*x", "ax;", "\n", 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(row); i++) {
		struct rules_code code = read_pattern(row[i].pattern);

		for (const char *c = row[i].in; *c != 0; c++)
			assert_true(has(&code, (uint8_t)*c));
		for (const char *c = row[i].out; *c != 0; c++)
			assert_false(has(&code, (uint8_t)*c));
		assert_int_equal(code.gap_n, row[i].gap_n);
		assert_true(has(&code, 0x80) && has(&code, 0xff));
	}
}

/* How often repeats begin in one attempt: once, or again for each way to come there. */
static void
repeats_begin_again_behind_what_has_ways(void **state)
{
	static const struct {
		const char *pattern;
		uint32_t entry_n;
		bool is_again, sweeps;
	} row[] = {
		{ "abc", 0, false, true },
		{ "\\btoken=(.*)x", 1, false, true },
		{ "[^;]*token=([^;]*)", 1, false, true }, /* the last one ends the match */
		{ "^(.*)/k(.*)$", 1, false, true },
		{ "^([^/]+)/([^/]+)/?$", 2, false, true }, /* each ends with its '/' */
		{ "^([^/]+)/([^/]+)x", 2, false, true },
		{ ".*a.*b", 1, true, true },
		{ "^([^/]+)a([^/]+)x", 1, true, true },
		{ "a{2,}b", 1, false, false },
		{ "a{1,60}a*b=", 1, true, false },
		{ "x?a*b", 0, true, false },
		{ "(a|b)c*d", 0, true, false },
		{ "(?:a+|b+);", 2, false, false },
		{ "^\\s+|\\s+$", 2, false, true },
		{ "(a+)+;", 1, true, false },
		{ "(?:[^/]+/)*k", 2, false, false },
		{ "(?:ab)*c", 0, false, false }, /* each time is a step */
		{ "(?=a*b)c", 1, false, false },
		{ "a(?!.*b)c", 1, false, false },
		{ "(\\w+) \\1!", 2, false, true },
		{ "(?:x[a-z]+)?[a-z]+;", 1, true, false },
		{ "[a-z]*[0-9]*;=", 1, true, true },
	};

	(void)state;
	for (size_t i = 0; i < N(row); i++) {
		struct rules_code code = read_pattern(row[i].pattern);

		if (code.entry_n != row[i].entry_n || (code.again_n > 0) != row[i].is_again ||
		    code.sweeps != row[i].sweeps)
			fail_msg("%s: %u once, %u again, sweeps %d", row[i].pattern, code.entry_n,
				 code.again_n, code.sweeps);
	}
}

static bool
may_lead(const struct rules_code *code, const char *text)
{
	for (uint32_t i = 0; i < code->lead_n && text[i] != '\0'; i++)
		if ((code->lead[(uint8_t)text[i]] >> i & 1) == 0)
			return false;
	return true;
}

static void
a_match_begins_with_what_does_not_repeat(void **state)
{
	static const struct {
		const char *pattern, *yes, *no;
	} row[] = {
		{ "token=(.*)", "TOKEN=", "tokem=" },
		{ "\\b(k[0-9])x*y", "k7", "kk" },
		{ "[0-9]{4}-[a-z]", "2024-k", "2024k-" },
		{ "[0-9]{2,4}-", "20x", "2x" },
		{ "(ab)?c", "x", NULL },
		{ "(?:ab)+c", "ab", "ac" },
		{ "ab|c", "x", NULL },
		{ "a(b|c)d", "ax", "b" },
		{ "ab?c", "ax", "x" },
		{ "(?=ab)c", "x", NULL },
		{ "a(?!b)c", "ax", "x" },
		{ "a\xc3\xa9", "ax", "x" },
	};

	(void)state;
	for (size_t i = 0; i < N(row); i++) {
		struct rules_code code = read_pattern(row[i].pattern);

		assert_true(may_lead(&code, row[i].yes));
		assert_true(may_lead(&code, "\xff"));
		if (row[i].no != NULL && may_lead(&code, row[i].no))
			fail_msg("%s may not begin with %s", row[i].pattern, row[i].no);
	}
}

static void
what_is_not_known_runs_over_everything(void **state)
{
	static const char *const pattern[] = { "a\\1+b",      "(?i)a",	   "(?R)?a",   "(*UCP)a",
					       "[[:alpha:]]", "\\p{L}+a",  "\\Qa*\\E", "a(?#x)b",
					       "\\Ka",	      "(?(1)a|b)", "\\h*a",    "[a" };

	(void)state;
	for (size_t i = 0; i < N(pattern); i++) {
		struct rules_code code = read_pattern(pattern[i]);

		for (uint32_t c = 0; c < 256; c++)
			assert_true(has(&code, (uint8_t)c));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repeats_run_over_what_they_match),
		cmocka_unit_test(repeats_begin_again_behind_what_has_ways),
		cmocka_unit_test(a_match_begins_with_what_does_not_repeat),
		cmocka_unit_test(what_is_not_known_runs_over_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
