/*
 * hard.c - see hard.h.
 */
#include <string.h>

#include "hard.h"

#define K(n) ((n) << 10)
#define AZ   "abcdefghijklmnopqrstuvwxyz"
#define PAIR "abcdefghij=klmnopqrstuvwxyzabcdefghijk; "
#define PATH "some/path/to/things/"

/* clang-format off */
const struct hard hard_honest[] = {
	{ "token-none", "\\btoken=(.*)x", "", PAIR, "", K(16), HARD_NO, HARD_NO, 0 },
	{ "token-at-end", "\\btoken=(.*)x", "", PAIR, "token=abcx", K(16), HARD_YES, HARD_YES, 0 },
	{ "token-no-x", "\\btoken=(.*)x", "token=", "abcd ", "", K(16), HARD_NO, HARD_NO, 0 },
	{ "token-64k", "\\btoken=(.*)x", "", PAIR, "token=abcx", K(63), HARD_YES, HARD_YES, 0 },
	{ "pair-run-4k", "[^;]*token=", "", AZ, "", K(4), HARD_NO, HARD_NO, 0 },
	{ "pair-run-16k", "[^;]*token=", "", AZ, "", K(16), HARD_NO, HARD_NO, 0 },
	{ "pair-run-found", "[^;]*token=", "", AZ, "token=", K(16), HARD_YES, HARD_YES, 0 },
	{ "pair-group", "([^;]*)token=([^;]*)", "", PAIR, "token=1", K(16), HARD_YES, HARD_YES, 0 },
	{ "pair-none", "([^;]*)token=([^;]*)", "", PAIR, "", K(16), HARD_NO, HARD_NO, 0 },
	{ "word-is-secret", "(\\w+)=secret", "", PAIR, "a=secret", K(16), HARD_YES, HARD_YES, 0 },
	{ "word-spaces", "\\w+\\s*=\\s*\\w+!", "", PAIR, "a = b!", K(16), HARD_YES, HARD_YES, 0 },
	{ "letters-digit", "([a-z]+)[0-9][a-z]", "", PAIR, "a1b", K(16), HARD_YES, HARD_YES, 0 },
	{ "ahead", "([a-z]+)token=(?!x)(\\w+)", "", PAIR, "ktoken=y", K(16), HARD_YES, HARD_YES, 0 },
	{ "path-last", "^(.*)/k(.*)$", "", PATH, "k17", K(16), HARD_YES, HARD_YES, 0 },
	{ "path-last-48k", "^(.*)/k(.*)$", "", PATH, "k17", K(48), HARD_YES, HARD_YES, 0 },
	{ "path-first", "^(.*?)/k(.*)$", "", PATH, "k17", K(16), HARD_YES, HARD_YES, 0 },
	{ "path-none", "^(.*)/k(.*)$", "", PATH, "", K(16), HARD_NO, HARD_NO, 0 },
	{ "part-k", "([a-z0-9]+)/k([0-9]+)", "", PATH, "k17", K(8), HARD_YES, HARD_YES, 0 },
	{ "k-end", "k[0-9]+$", "", PATH, "k17", K(63), HARD_YES, HARD_YES, 0 },
	{ "parts", "^(?:[^/]+/)*k([0-9]+)$", "", PATH, "k17", K(2), HARD_YES, HARD_YES, 0 },
	{ "looking-ahead", "(?=.*/k[0-9])^[a-z]", "", PATH, "k17", K(16), HARD_YES, HARD_YES, 0 },
	{ "ext", "\\.(?:jpe?g|png|gif|css|js)$", "", PATH, "a.png", K(63), HARD_YES, HARD_YES, 0 },
	{ "ext-none", "\\.(jpe?g|png|gif|css|js)$", "", "a.b/c.de/", "", K(63), HARD_NO, HARD_NO, 0 },
	{ "query-id", "(?:^|&)id=([^&]*)", "", "name=value&", "id=7", K(48), HARD_YES, HARD_YES, 0 },
	{ "query-two", "[?&]a=([^&]*)&b=([^&]*)", "?", "name=value&", "a=1&b=2", K(63), HARD_YES, HARD_YES, 0 },
	{ "query-long", "^(.*)[?&]id=([^&]*)&(.*)$", "a=1&id=5&SAMLRequest=", AZ, "", K(2), HARD_YES, HARD_YES, 0 },
	{ "query-longer", "^(.*)[?&]id=([^&]*)&(.*)$", "a=1&id=5&SAMLRequest=", AZ, "", K(8), HARD_YES, HARD_YES, 0 },
	{ "digits", "([0-9]{4})-([0-9]{2})", "", "123 45-", "2024-11", K(32), HARD_YES, HARD_YES, 0 },
	{ "everything", "(.*)", "", AZ, "", K(60), HARD_YES, HARD_YES, 0 },
	{ "not-empty", "^(.+)$", "", AZ, "", K(60), HARD_YES, HARD_YES, 0 },
	{ "literal", "needle", "", "need needl ", "needle", K(63), HARD_YES, HARD_YES, 0 },
	{ "words", "\\b(select|union|insert)\\b", "", "selected unions ", "union", K(32), HARD_YES, HARD_YES, 0 },
	{ "agent", "(Chrome|Firefox)/([0-9]+)", "", "Mozilla/5.0 (X11; Linux) ", "Firefox/120", K(8), HARD_YES, HARD_YES, 0 },
	{ "high-bytes", "k\xc3\xa9([a-z]*)=", "", "\xc3\xa9t\xc3\xa9 ", "k\xc3\xa9y=", K(16), HARD_YES, HARD_YES, 0 },
	{ "not-utf8", "\\btoken=(\\w+)", "\xff", PAIR, "token=1", K(4), HARD_YES, HARD_YES, 0 },
	{ "letters-z", "[a-z]+z=", "", "za", " =", K(32), HARD_NO, HARD_NO, 0 },
	{ "lead-each", "aa[a-z]*=", "", "a", " =", K(16), HARD_NO, HARD_NO, 0 },
	{ "letters-no-digit", "([a-z]+)[0-9][a-z]", "", "a", "", K(63), HARD_NO, HARD_NO, 0 },
	{ "groups", "^(?:(a)(b)?(c)?)*$", "", "abc", "!", K(16), HARD_NO, HARD_NO, 0 },
	{ "spaces", "\\s+$", "", " ", "x", K(32), HARD_NO, HARD_NO, 0 },
	{ "spaces-trim", "^\\s+|\\s+$", "x", " ", "x", K(32), HARD_NO, HARD_NO, 0 },
	{ "pair-run-equals", "[^;]*token=", "", AZ, "==", K(16), HARD_NO, HARD_NO, 0 },
	{ "twice", "(\\w+) \\1!", "", "ab cd ", "x x!", 512, HARD_YES, HARD_YES, 0 },
	{ "many-rules-path", "^(.*)/k([0-9]+)$", "", PATH, "k17", 600, HARD_YES, HARD_YES, 40 },
	{ "many-rules-short", "([a-z]+)/([0-9]+)", "", PATH, "17", 100, HARD_YES, HARD_YES, 60 },
	{ "many-rules-cookie", "(?:^|; )token=([^;]*)", "", PAIR, "token=1", K(4), HARD_YES, HARD_YES, 20 },
};

const struct hard hard_hostile[] = {
	{ "nested", "^(a+)+$", "", "a", "!", K(4), HARD_FAULT, HARD_NO, 0 },
	{ "nested-64k", "^(a+)+$", "", "a", "!", K(63), HARD_FAULT, HARD_NO, 0 },
	{ "nested-short", "^(a+)+$", "", "a", "!", 64, HARD_FAULT, HARD_NO, 0 },
	{ "nested-search", "(a+)+!!", "", "a", "!", K(4), HARD_FAULT, HARD_NO, 0 },
	{ "alternatives", "^(a|aa)+$", "", "a", "!", K(4), HARD_FAULT, HARD_NO, 0 },
	{ "optional", "^(a|a?)+$", "", "a", "!", K(4), HARD_FAULT, HARD_NO, 0 },
	{ "twenty", "(.*a){20}$", "", "a", "!", K(4), HARD_FAULT, HARD_NO, 0 },
	{ "mail", "^(([a-z])+.)+[A-Z0-9]([a-z])+$", "", "a", "!", K(4), HARD_FAULT, HARD_NO, 0 },
	{ "square-z", "[a-z]{2,}z=", "", "za", " =", K(63), HARD_FAULT, HARD_NO, 0 },
	{ "cube", "[a-z]*[a-z]*z=", "", "a", " =", K(16), HARD_FAULT, HARD_NO, 0 },
	{ "counted", "[a-z]{1,60}[a-z]*z=", "", "a", " =", K(16), HARD_FAULT, HARD_NO, 0 },
	{ "counted-64k", "[a-z]{1,60}[a-z]*z=", "", "az", " =", K(63), HARD_FAULT, HARD_NO, 0 },
	{ "counted-7", "[a-z]{1,7}[a-z]*z=", "", "a", " =", K(16), HARD_FAULT, HARD_NO, 0 },
	{ "counted-15", "[a-z]{1,15}[a-z]*z=", "", "a", " =", K(16), HARD_FAULT, HARD_NO, 0 },
	{ "three-stars", ".*a.*b.*q", "xq", "ab", "", K(16), HARD_FAULT, HARD_NO, 0 },
	{ "three-stars-lines", ".*a.*b.*q", "", "ab", "\nq", K(16), HARD_FAULT, HARD_NO, 0 },
	{ "three-stars-rare", ".*a.*b.*q", "xq", "axxxxxxxxxxxxxxxxxxxxxxxxxxxxxxb", "", K(16), HARD_FAULT, HARD_NO, 0 },
	{ "five-stars", ".*a.*b.*c.*d.*q", "xq", "abcd", "", K(4), HARD_FAULT, HARD_NO, 0 },
	{ "anchored-stars", "^(.*),(.*),(.*),(.*);", "x;", "a,", "", K(4), HARD_FAULT, HARD_NO, 0 },
	{ "lazy", "^(.*?),(.*?),(.*?);", "x;", "a,", "", K(4), HARD_FAULT, HARD_NO, 0 },
	{ "ahead-each", "(?=.*q)x", "", "x", "", K(63), HARD_FAULT, HARD_FAULT, 0 },
	{ "ahead-word", "\\w+(?=.*q)", "", "a ", "", K(63), HARD_FAULT, HARD_FAULT, 0 },
	{ "not-ahead", "a(?!.*b)c", "", "a", " c", K(63), HARD_FAULT, HARD_NO, 0 },
	{ "reference", "(a*)\\1b", "", "a", " b.b", K(4), HARD_FAULT, HARD_FAULT, 0 },
	{ "reference-64k", "(\\w+)\\1\\1;", "", "a", " ;", K(63), HARD_FAULT, HARD_FAULT, 0 },
	{ "million-groups", "((a)|(b)|(c)|(d))*!!", "", "abcd", " !", K(63), HARD_FAULT, HARD_NO, 0 },
	{ "optional-30", "(?:a?){30}a{30}!", "", "a", " !", K(4), HARD_FAULT, HARD_NO, 0 },
	{ "bounded-each", "(?:a?b?){14}!!", "", "a", " !", K(63), HARD_FAULT, HARD_NO, 0 },
	{ "not-utf8", "[a-z]*z=", "\xff", "a", " =", K(16), HARD_FAULT, HARD_NO, 0 },
	{ "words-each", "\\b\\w+.*q", "", "a ", "\nq", K(63), HARD_FAULT, HARD_NO, 0 },
	{ "mixed", "(?:x|y)*z=", "", "xy", "=", K(16), HARD_FAULT, HARD_NO, 0 },
	{ "rules-short", "a[a-z]*[a-y]*[0-9]", "", "a", "", 120, HARD_FAULT, HARD_NO, 60 },
	{ "rules-dear", "[a-z]{1,60}[a-z]*z=", "", "a", " =", 120, HARD_FAULT, HARD_NO, 60 },
	{ "rules-4k", "x[a-z]*[0-9]", "", "x", "", K(4), HARD_FAULT, HARD_NO, 60 },
};
/* clang-format on */

const uint32_t hard_honest_n = sizeof(hard_honest) / sizeof(hard_honest[0]);
const uint32_t hard_hostile_n = sizeof(hard_hostile) / sizeof(hard_hostile[0]);

const char *
hard_answer_name(enum hard_answer answer)
{
	static const char *const name[] = {
		[HARD_NO] = "no match", [HARD_YES] = "match", [HARD_FAULT] = "fault"
	};

	return name[answer];
}

void
hard_open(struct made *made, const struct hard *hard, bool is_scanned)
{
	static struct made_rule rule[HARD_RULES_MAX];
	uint32_t n = hard->rule_n == 0 ? 1 : hard->rule_n;

	for (uint32_t i = 0; i < n; i++)
		rule[i] = (struct made_rule){
			.pattern = ".*",
			.cond = { { .input = "{HTTP_X}", .pattern = hard->pattern } },
			.cond_n = 1,
			.set = { { "VAR", "{C:0}" } },
		};
	made_open(made, &(struct made_scope){ .kind = IMG_SCOPE_GLOBAL, .rule = rule, .rule_n = n },
		  1, is_scanned ? 0 : MADE_NO_SCAN);
}

struct slice
hard_text(const struct hard *hard, char *to)
{
	size_t head_n = strlen(hard->head), unit_n = strlen(hard->unit),
	       tail_n = strlen(hard->tail);
	size_t at = head_n;

	memcpy(to, hard->head, head_n);
	for (; at + unit_n + tail_n <= hard->n; at += unit_n)
		memcpy(to + at, hard->unit, unit_n);
	memcpy(to + at, hard->tail, tail_n);
	return slice_of(to, (uint32_t)(at + tail_n));
}

void
hard_request(struct slice text, struct made_request *ret_request, struct rules_subject *ret_subject)
{
	*ret_request = (struct made_request){ .target = "/",
					      .line = { { SLICE("x"), text } },
					      .line_n = 1 };
	*ret_subject = made_subject(ret_request);
}

enum hard_answer
hard_answer_of(const struct rules_verdict *verdict)
{
	if (verdict->fault == RULES_FAULT_MATCH_LIMIT)
		return HARD_FAULT;
	return verdict->rule_i != IMG_NONE ? HARD_YES : HARD_NO;
}
