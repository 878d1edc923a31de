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
		cmocka_unit_test(what_is_not_known_runs_over_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
