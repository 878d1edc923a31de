/*
 * reader.c - characters, classes and quantifiers of a pattern's text, for reach.c, which knows what
 * they mean for its cost.
 */
#include "rules/reader.h"

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

bool
reader_escape(uint8_t c, struct set *set)
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

uint32_t
reader_single(struct reader *r)
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
	if (reader_escape(peek(r, 0), set)) {
		r->at++;
		return false;
	}
	if (peek(r, 0) == 'b') {
		r->at++;
		*ret_c = '\b';
		return true;
	}
	*ret_c = reader_single(r);
	return true;
}

void
reader_class(struct reader *r, struct set *set)
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
	if (is_inverse && r->is_caseless)
		set_close(set);
	if (is_inverse)
		set_invert(set);
}

uint32_t
reader_number(struct reader *r)
{
	uint32_t n = 0;

	for (; is_digit(peek(r, 0)); r->at++)
		n = min_of(n * 10 + (peek(r, 0) - '0'), RULES_ENTRIES);
	return n;
}

/* Behind '{'. */
static void
braces(struct reader *r)
{
	uint32_t least = reader_number(r), most = least;

	if (peek(r, 0) == ',') {
		r->at++;
		most = is_digit(peek(r, 0)) ? reader_number(r) : RULES_ENTRIES;
	}
	r->is_unknown |= peek(r, 0) != '}' || most < least;
	r->least_n = least;
	r->span_n = most - least + 1;
}

enum repeats
reader_quantifier(struct reader *r)
{
	uint8_t c = peek(r, 0);
	bool is_braces = c == '{' && is_digit(peek(r, 1));

	r->least_n = r->span_n = 1;
	r->is_lazy = false;
	if (c != '*' && c != '+' && c != '?' && !is_braces)
		return REPEATS_NOT;
	r->at++;
	r->repeat_n++;
	r->least_n = c == '+' ? 1 : 0;
	r->span_n = c == '?' ? 2 : RULES_ENTRIES;
	if (is_braces) {
		braces(r);
		r->at++;
	}
	r->is_lazy = peek(r, 0) == '?' && r->least_n <= 1;
	r->at += peek(r, 0) == '?' || peek(r, 0) == '+';
	return is_braces ? REPEATS_COUNTED : c == '?' ? REPEATS_MAYBE : REPEATS_ANY;
}
