/*
 * reach.c - how far an attempt to match can run from the place where it begins: what bounds the
 * work of a search goes by that (match.c).
 *
 * Reads a pattern's text. What repeats (a character, a class, a group) runs over bytes of `run`
 * and stops at any other; those are passed by what does not repeat, one each. So an attempt sees at
 * most `gap_n` + 1 stretches of such bytes. What stands at the pattern's end does not count: where
 * it is reached it matches, and the search is over. In doubt, and of everything that is not known
 * here, all bytes are in `run`. Bytes beyond ASCII always are.
 */
#include <string.h>

#include "rules/open.h"

enum {
	GROUPS_MAX = 16, /* within each other */
};

struct set {
	uint64_t bits[4];
};

struct reader {
	struct slice regex;
	uint32_t at;
	bool is_unknown; /* there was something that this file does not read */
	struct set run;
	uint32_t gap_n;	   /* counted by the second reading, when run is whole */
	uint32_t depth;	   /* of open groups */
	uint32_t assert_n; /* assertions that are open */
	bool is_assert[GROUPS_MAX + 1];
	struct set within[GROUPS_MAX + 1]; /* what the open groups may match; 0: the pattern */
};

/* ---- sets ---- */

static void
set_add(struct set *set, uint32_t c)
{
	if (c < 0x80) {
		set->bits[c / 64] |= 1ull << c % 64;
		return;
	}
	/* Beyond ASCII are two that are like letters in it: the Kelvin sign, the long s. */
	set->bits['k' / 64] |= 1ull << 'k' % 64 | 1ull << 's' % 64;
}

static void
set_join(struct set *set, const struct set *more)
{
	for (uint32_t i = 0; i < 4; i++)
		set->bits[i] |= more->bits[i];
}

static bool
set_has_all(const struct set *set, const struct set *part)
{
	bool has = true;

	for (uint32_t i = 0; i < 4; i++)
		has &= (part->bits[i] & ~set->bits[i]) == 0;
	return has;
}

/* Of ASCII: what is not in it. */
static void
set_invert(struct set *set)
{
	set->bits[0] = ~set->bits[0];
	set->bits[1] = ~set->bits[1];
}

static void
set_all(struct set *set)
{
	memset(set, 0xff, sizeof(*set));
}

/* Letters in both cases, as a pattern may not mind, and all bytes beyond ASCII. */
static void
set_close(struct set *set)
{
	uint64_t letters = ((1ull << 26) - 1) << 1, both;

	both = (set->bits[1] | set->bits[1] >> 32) & letters;
	set->bits[1] |= both | both << 32;
	set->bits[2] = set->bits[3] = UINT64_MAX;
}

/* ---- the text ---- */

static uint8_t
peek(const struct reader *r, uint32_t ahead)
{
	return r->at + ahead < r->regex.n ? r->regex.p[r->at + ahead] : 0;
}

static bool
starts_with(const struct reader *r, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);

	return n <= r->regex.n - r->at && memcmp(r->regex.p + r->at, text, n) == 0;
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_word(uint8_t c)
{
	return is_digit(c) || (uint8_t)((c | 0x20) - 'a') <= 'z' - 'a' || c == '_';
}

static uint32_t
hex(struct reader *r, uint32_t n)
{
	uint32_t value = 0;

	for (; n > 0; n--, r->at++) {
		uint8_t c = peek(r, 0), letter = c | 0x20;

		if (!is_digit(c) && (letter < 'a' || letter > 'f')) {
			r->is_unknown = true;
			return 0;
		}
		value = value * 16 + (is_digit(c) ? c - '0' : letter - 'a' + 10);
	}
	return value;
}

/* \d, \w, \s and what is none of them; false: it is no class. */
static bool
class_escape(uint8_t c, struct set *set)
{
	uint8_t kind = c | 0x20;

	if (kind != 'd' && kind != 'w' && kind != 's')
		return false;
	for (uint32_t i = 0; i < 0x80; i++) {
		bool is_in = kind == 'd'   ? is_digit((uint8_t)i)
			     : kind == 'w' ? is_word((uint8_t)i)
					   : i == ' ' || (i >= '\t' && i <= '\r');

		if (is_in != (c < 'a'))
			set_add(set, i);
	}
	return true;
}

/* Behind a backslash, a single character; *ret_c, or it is unknown. */
static uint32_t
single_escape(struct reader *r)
{
	static const char name[] = "nrtfea", value[] = "\n\r\t\f\x1b\a";
	uint8_t c = peek(r, 0);
	const char *at = c != 0 ? strchr(name, c) : NULL;

	r->at++;
	if (at != NULL)
		return (uint8_t)value[at - name];
	if (c == 'x')
		return hex(r, 2);
	if (c == 'u')
		return hex(r, 4);
	r->is_unknown |= c == 0 || is_word(c);
	return c;
}

/* An item of a class: a set, or *ret_c. True: it is a single character. */
static bool
class_item(struct reader *r, struct set *set, uint32_t *ret_c)
{
	uint8_t c = peek(r, 0);

	r->at++;
	r->is_unknown |= c == '[' && (peek(r, 0) == ':' || peek(r, 0) == '.' || peek(r, 0) == '=');
	*ret_c = c;
	if (c != '\\')
		return true;
	if (class_escape(peek(r, 0), set)) {
		r->at++;
		return false;
	}
	if (peek(r, 0) == 'b') {
		r->at++;
		*ret_c = '\b';
		return true;
	}
	*ret_c = single_escape(r);
	return true;
}

/* Behind '['. */
static void class(struct reader *r, struct set *set)
{
	bool is_inverse = peek(r, 0) == '^', is_first = true;

	r->at += is_inverse;
	for (; r->at < r->regex.n && (is_first || peek(r, 0) != ']'); is_first = false) {
		uint32_t from, to;

		if (!class_item(r, set, &from))
			continue;
		to = from;
		if (peek(r, 0) == '-' && peek(r, 1) != ']') {
			r->at++;
			if (!class_item(r, set, &to)) {
				set_add(set, '-');
				to = from;
			}
		}
		for (uint32_t c = from; c <= to && c <= 0x80; c++)
			set_add(set, c);
		if (to >= 0x80)
			set_add(set, to);
	}
	r->is_unknown |= r->at >= r->regex.n;
	r->at++;
	if (is_inverse)
		set_invert(set);
}

/* What repeats without end and is a match each time, and what may fail before its last. */
enum repeats {
	REPEATS_NOT,
	REPEATS_ANY,
	REPEATS_COUNTED,
};

static enum repeats
quantifier(struct reader *r)
{
	uint8_t c = peek(r, 0);
	bool is_braces = c == '{' && is_digit(peek(r, 1));

	if (c != '*' && c != '+' && c != '?' && !is_braces)
		return REPEATS_NOT;
	while (is_braces && r->at < r->regex.n && peek(r, 0) != '}')
		r->at++;
	r->at++;
	r->at += peek(r, 0) == '?' || peek(r, 0) == '+';
	return is_braces ? REPEATS_COUNTED : c == '?' ? REPEATS_NOT : REPEATS_ANY;
}

/* Nothing comes that could still fail. */
static bool
is_end(const struct reader *r)
{
	for (uint32_t i = r->at; i < r->regex.n; i++)
		if (r->regex.p[i] != ')')
			return false;
	return r->assert_n == 0;
}

/* A character or group that may match these. */
static void
part(struct reader *r, const struct set *set, bool is_group)
{
	enum repeats repeats = quantifier(r);

	set_join(&r->within[r->depth], set);
	if (repeats == REPEATS_COUNTED || (repeats == REPEATS_ANY && !is_end(r)))
		set_join(&r->run, set);
	if (repeats == REPEATS_NOT && !is_group && !is_end(r) && !set_has_all(&r->run, set))
		r->gap_n++;
}

static void
group_begins(struct reader *r)
{
	static const char *const plain[] = { "?:", "?>" };
	static const char *const assertion[] = { "?=", "?!", "?<=", "?<!" };
	bool is_plain = peek(r, 0) != '?' && peek(r, 0) != '*', is_assert = false;

	for (uint32_t i = 0; i < 2 && !is_plain; i++)
		if (starts_with(r, plain[i])) {
			is_plain = true;
			r->at += 2;
		}
	for (uint32_t i = 0; i < 4 && !is_plain && !is_assert; i++)
		if (starts_with(r, assertion[i])) {
			is_assert = true;
			r->at += (uint32_t)strlen(assertion[i]);
		}
	if (!is_plain && !is_assert && starts_with(r, "?<")) {
		while (r->at < r->regex.n && peek(r, 0) != '>')
			r->at++;
		r->at++;
		is_plain = true;
	}
	if ((!is_plain && !is_assert) || r->depth == GROUPS_MAX) {
		r->is_unknown = true;
		return;
	}
	r->depth++;
	r->is_assert[r->depth] = is_assert;
	r->assert_n += is_assert;
	r->within[r->depth] = (struct set){ 0 };
}

static void
group_ends(struct reader *r)
{
	if (r->depth == 0) {
		r->is_unknown = true;
		return;
	}
	r->assert_n -= r->is_assert[r->depth];
	r->depth--;
	part(r, &r->within[r->depth + 1], true);
}

static void
character(struct reader *r, uint8_t c)
{
	struct set set = { 0 };

	if (c == '.') {
		set_add(&set, '\n');
		set_invert(&set);
	} else if (c == '[') {
		class(r, &set);
	} else if (c != '\\') {
		set_add(&set, c);
	} else if (peek(r, 0) != 0 && strchr("bBAzZG", peek(r, 0)) != NULL) {
		r->at++; /* places */
		return;
	} else if (class_escape(peek(r, 0), &set)) {
		r->at++;
	} else {
		set_add(&set, single_escape(r));
	}
	part(r, &set, false);
}

static void
read_all(struct reader *r)
{
	r->at = r->depth = r->assert_n = r->gap_n = 0;
	while (r->at < r->regex.n && !r->is_unknown) {
		uint8_t c = r->regex.p[r->at++];

		if (c == '(')
			group_begins(r);
		else if (c == ')')
			group_ends(r);
		else if (c != '|' && c != '^' && c != '$')
			character(r, c);
	}
	set_close(&r->run);
}

void
reach_read(struct slice regex, struct rules_code *code)
{
	struct reader r = { .regex = regex };

	read_all(&r);
	read_all(&r);
	if (r.is_unknown) {
		set_all(&r.run);
		r.gap_n = 0;
	}
	memcpy(code->run, r.run.bits, sizeof(code->run));
	code->gap_n = r.gap_n;
}
