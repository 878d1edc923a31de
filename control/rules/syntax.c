/*
 * syntax.c - a regular expression, as PCRE2 reads it with the engine's options (rules/regex.h), to
 * a tree.
 *
 * Only what is known for certain becomes a tree: anything else (named groups, inline flags,
 * properties, recursion, verbs, ...) gives no tree and a reason, and then nobody draws conclusions
 * from the pattern. The text has passed pcre2_compile, so what is an error there is not looked
 * for. Characters without case are sets here: a tree knows no flags.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "rules/parts.h"

enum {
	DEPTH_MAX = 100, /* of groups; PCRE2's own limit is 250 */
	REPEATS_MAX = 8, /* of one atom: a{2}{3} */
};

struct reader {
	struct arena *arena;
	const char *at;
	bool is_caseless, is_dot_all;
	/* Of the class that is read: [:alpha:], [:^alpha:] (also in posix_n), \W. */
	uint32_t posix_n, posix_inverse_n, inverse_n;
	const char *why; /* not NULL: what is not known */
	uint32_t depth;
	uint32_t group_n;
};

static struct tree *read_alternatives(struct reader *r);

static struct tree *
stop(struct reader *r, const char *why)
{
	if (r->why == NULL)
		r->why = why;
	return NULL;
}

static struct tree *
tree_take(struct reader *r, enum tree_kind kind)
{
	struct tree *tree = arena_take(r->arena, sizeof(*tree));

	tree->kind = kind;
	return tree;
}

/* ---- characters ---- */

/* One character of UTF-8 that is known to be valid. */
static uint32_t
char_take(struct reader *r)
{
	const uint8_t *p = (const uint8_t *)r->at;
	uint32_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));

	for (uint32_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3fu);
	r->at += n;
	return c;
}

/* The number that n hexadecimal digits are; -1 when they are not there. */
static int
hex_take(struct reader *r, uint32_t n)
{
	int value = 0;

	for (uint32_t i = 0; i < n; i++) {
		int c = (unsigned char)r->at[i];

		if (!isxdigit(c))
			return -1;
		value = value * 16 + (isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	r->at += n;
	return value;
}

static void
add_digits(struct arena *arena, struct chars *set)
{
	chars_add(arena, set, '0', '9');
}

static void
add_word(struct arena *arena, struct chars *set)
{
	add_digits(arena, set);
	chars_add(arena, set, 'A', 'Z');
	chars_add(arena, set, 'a', 'z');
	chars_add(arena, set, '_', '_');
}

static void
add_space(struct arena *arena, struct chars *set)
{
	chars_add(arena, set, 0x09, 0x0d);
	chars_add(arena, set, ' ', ' ');
}

static void
add_horizontal(struct arena *arena, struct chars *set)
{
	static const uint32_t one[] = { 0x09, 0x20, 0xa0, 0x1680, 0x180e, 0x202f, 0x205f, 0x3000 };

	for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++)
		chars_add(arena, set, one[i], one[i]);
	chars_add(arena, set, 0x2000, 0x200a);
}

static void
add_vertical(struct arena *arena, struct chars *set)
{
	chars_add(arena, set, 0x0a, 0x0d);
	chars_add(arena, set, 0x85, 0x85);
	chars_add(arena, set, 0x2028, 0x2029);
}

/* \d and its like, by the letter; false: none of them. */
static bool
kind_of_escape(struct arena *arena, char letter, struct chars *ret)
{
	static const struct {
		char letter;
		void (*add)(struct arena *arena, struct chars *set);
	} kind[] = { { 'd', add_digits },
		     { 'w', add_word },
		     { 's', add_space },
		     { 'h', add_horizontal },
		     { 'v', add_vertical } };

	for (size_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		if ((letter | 0x20) != kind[i].letter)
			continue;
		*ret = (struct chars){ 0 };
		kind[i].add(arena, ret);
		if (letter != kind[i].letter)
			chars_invert(arena, ret);
		return true;
	}
	return false;
}

/*
 * An escape that stands for one character, at behind the backslash. -1: it is not one, or not
 * known, and at is where it was.
 */
static int
char_of_escape(struct reader *r)
{
	static const char plain[] = "aefnrt", means[] = "\a\x1b\f\n\r\t";
	char letter = *r->at;
	const char *found = letter == '\0' ? NULL : strchr(plain, letter);
	int value;

	if (!isalnum((unsigned char)letter))
		return letter == '\0' ? -1 : (int)char_take(r);
	if (found != NULL) {
		r->at++;
		return means[found - plain];
	}
	if (letter == 'x' || letter == 'u') {
		r->at++;
		value = hex_take(r, letter == 'x' ? 2 : 4);
		return value >= 0 ? value : letter; /* PCRE2_ALT_BSUX */
	}
	if (letter == 'U') {
		r->at++;
		return letter;
	}
	if (letter == 'c' && isprint((unsigned char)r->at[1])) {
		value = toupper((unsigned char)r->at[1]) ^ 0x40;
		r->at += 2;
		return value;
	}
	if (letter == '0') {
		value = 0;
		r->at++;
		for (int i = 0; i < 2 && *r->at >= '0' && *r->at <= '7'; i++)
			value = value * 8 + (*r->at++ - '0');
		return value;
	}
	return -1;
}

static struct tree *
one_char(struct reader *r, uint32_t c)
{
	struct tree *tree = tree_take(r, TREE_CHARS);

	chars_add(r->arena, &tree->chars, c, c);
	if (r->is_caseless)
		chars_fold(r->arena, &tree->chars);
	return tree;
}

/* ---- classes ---- */

/* [:alpha:] inside a class; false and why when it is not known. */
static bool
posix_take(struct reader *r, struct chars *set)
{
	static const struct {
		const char *name;
		const char *ranges; /* pairs: first, last */
	} posix[] = {
		{ "alpha", "AZaz" },
		{ "lower", "az" },
		{ "upper", "AZ" },
		{ "alnum", "09AZaz" },
		{ "ascii", "\x01\x7f" },
		{ "blank", "\t\t  " },
		{ "cntrl", "\x01\x1f\x7f\x7f" },
		{ "digit", "09" },
		{ "graph", "!~" },
		{ "print", " ~" },
		{ "punct", "!/:@[`{~" },
		{ "space", "\t\r  " },
		{ "word", "09AZaz__" },
		{ "xdigit", "09AFaf" },
	};
	const char *name = r->at + 2;
	bool is_negative = *name == '^';
	struct chars one = { 0 };
	size_t n;

	name += is_negative;
	n = strspn(name, "abcdefghijklmnopqrstuvwxyz");
	if (name[n] != ':' || name[n + 1] != ']')
		return stop(r, "a class with '[' and ':' in it"), false;
	for (size_t i = 0; i < sizeof(posix) / sizeof(posix[0]); i++) {
		const char *range = posix[i].ranges;

		if (strlen(posix[i].name) != n || memcmp(posix[i].name, name, n) != 0)
			continue;
		if (r->is_caseless && (posix[i].ranges[0] == 'a' || i == 2))
			range = "AZaz"; /* lower and upper mean both */
		for (; *range != '\0'; range += 2)
			chars_add(r->arena, &one, (uint8_t)range[0], (uint8_t)range[1]);
		if (n == 5 && (memcmp(name, "ascii", n) == 0 || memcmp(name, "cntrl", n) == 0))
			chars_add(r->arena, &one, 0, 0);
		if (is_negative)
			chars_invert(r->arena, &one);
		for (uint32_t k = 0; k < one.n; k++)
			chars_add(r->arena, set, one.range[k].first, one.range[k].last);
		r->at = name + n + 2;
		return true;
	}
	return stop(r, "a class of characters by a name that is not known"), false;
}

/* One item of a class: a character (its value), or a set that was added (-1), or unknown (-2). */
static int
class_item(struct reader *r, struct chars *kinds)
{
	struct chars one;
	int c;

	if (*r->at == '\0') {
		stop(r, "a class without its end");
		return -2;
	}
	if (*r->at == '[' && r->at[1] != '\0' && strchr(":.=", r->at[1]) != NULL) {
		r->posix_n++;
		r->posix_inverse_n += r->at[2] == '^';
		return posix_take(r, kinds) ? -1 : -2;
	}
	if (*r->at != '\\')
		return (int)char_take(r);
	r->at++;
	if (*r->at == 'b') {
		r->at++;
		return '\b';
	}
	if (kind_of_escape(r->arena, *r->at, &one)) {
		for (uint32_t k = 0; k < one.n; k++)
			chars_add(r->arena, kinds, one.range[k].first, one.range[k].last);
		r->inverse_n += *r->at >= 'A' && *r->at <= 'Z';
		r->at++;
		return -1;
	}
	c = char_of_escape(r);
	if (c < 0)
		stop(r, "an escape inside a class");
	return c < 0 ? -2 : c;
}

/* at is behind the '['. */
static struct tree *
read_class(struct reader *r)
{
	struct tree *tree = tree_take(r, TREE_CHARS);
	struct chars kinds = { 0 };
	bool is_negative = *r->at == '^', is_first = true;

	r->at += is_negative;
	r->posix_n = r->posix_inverse_n = r->inverse_n = 0;
	while (*r->at != ']' || is_first) {
		int first = class_item(r, &kinds), last = first;

		is_first = false;
		if (first == -2)
			return NULL;
		if (*r->at == '-' && r->at[1] != ']') {
			r->at++;
			last = first < 0 ? -1 : class_item(r, &kinds);
			if (last < first || first < 0)
				return stop(r, "a class with '-' beside a set");
		}
		if (first >= 0)
			chars_add(r->arena, &tree->chars, (uint32_t)first, (uint32_t)last);
	}
	r->at++;
	/* What PCRE2 makes of characters beyond ASCII then goes by their order. */
	if (r->posix_n > 0 && r->posix_inverse_n + r->inverse_n > 0 &&
	    r->posix_n + r->inverse_n > 1)
		return stop(r, "a class that joins [:name:] with an inverse set");
	/* Only characters and ranges have cases: \w and [:alpha:] are as they are. */
	if (r->is_caseless)
		chars_fold(r->arena, &tree->chars);
	for (uint32_t k = 0; k < kinds.n; k++)
		chars_add(r->arena, &tree->chars, kinds.range[k].first, kinds.range[k].last);
	if (is_negative)
		chars_invert(r->arena, &tree->chars);
	return tree;
}

/* ---- atoms ---- */

/* at is behind the backslash. */
static struct tree *
read_escape(struct reader *r)
{
	struct tree *tree;
	struct chars set;
	int c;

	switch (*r->at) {
	case 'b':
	case 'B':
		tree = tree_take(r, TREE_WORD_EDGE);
		tree->is_negative = *r->at++ == 'B';
		return tree;
	case 'A':
		r->at++;
		return tree_take(r, TREE_BEGIN);
	case 'z': /* without the JIT it also holds before a byte of no character */
	case 'Z':
		r->at++;
		return tree_take(r, TREE_END_LF);
	case 'N':
		if (r->at[1] == '{')
			return stop(r, "\\N{...}");
		r->at++;
		tree = tree_take(r, TREE_CHARS);
		chars_add(r->arena, &tree->chars, '\n', '\n');
		chars_invert(r->arena, &tree->chars);
		return tree;
	default:
		break;
	}
	if (*r->at >= '1' && *r->at <= '9') {
		if (isdigit((unsigned char)r->at[1]))
			return stop(r, "a back-reference of two digits");
		tree = tree_take(r, TREE_BACK);
		tree->group = (uint32_t)(*r->at++ - '0');
		return tree;
	}
	if (kind_of_escape(r->arena, *r->at, &set)) {
		r->at++;
		tree = tree_take(r, TREE_CHARS);
		tree->chars = set;
		return tree;
	}
	c = char_of_escape(r);
	return c < 0 ? stop(r, "an escape that is not ECMAScript's") : one_char(r, (uint32_t)c);
}

/* at is behind the '('. */
static struct tree *
read_group(struct reader *r)
{
	bool is_dot_all = r->is_dot_all;
	struct tree *tree;

	if (*r->at == '*')
		return stop(r, "a verb, (*...)");
	if (++r->depth > DEPTH_MAX)
		return stop(r, "groups that nest very deep");
	if (strncmp(r->at, "?:", 2) == 0) {
		tree = tree_take(r, TREE_GROUP);
		r->at += 2;
	} else if (strncmp(r->at, "?s:", 3) == 0) { /* pattern.c writes it */
		tree = tree_take(r, TREE_GROUP);
		r->is_dot_all = true;
		r->at += 3;
	} else if (strncmp(r->at, "?=", 2) == 0 || strncmp(r->at, "?!", 2) == 0) {
		tree = tree_take(r, TREE_LOOK);
		tree->is_negative = r->at[1] == '!';
		r->at += 2;
	} else if (strncmp(r->at, "?<=", 3) == 0 || strncmp(r->at, "?<!", 3) == 0) {
		tree = tree_take(r, TREE_LOOK);
		tree->is_negative = r->at[2] == '!';
		r->at += 3;
	} else if (*r->at == '?') {
		return stop(r, "a group that is not ECMAScript's, (?...)");
	} else {
		tree = tree_take(r, TREE_GROUP);
		tree->group = ++r->group_n;
	}
	tree->child = read_alternatives(r);
	r->depth--;
	r->is_dot_all = is_dot_all;
	if (tree->child == NULL)
		return NULL;
	if (*r->at != ')')
		return stop(r, "a group without its end");
	r->at++;
	return tree;
}

static struct tree *
read_atom(struct reader *r)
{
	struct tree *tree;

	switch (*r->at) {
	case '(':
		r->at++;
		return read_group(r);
	case '[':
		r->at++;
		return read_class(r);
	case '\\':
		r->at++;
		return read_escape(r);
	case '^':
		r->at++;
		return tree_take(r, TREE_BEGIN);
	case '$':
		r->at++;
		return tree_take(r, TREE_END);
	case '.':
		r->at++;
		tree = tree_take(r, TREE_CHARS);
		if (!r->is_dot_all)
			chars_add(r->arena, &tree->chars, '\n', '\n');
		chars_invert(r->arena, &tree->chars);
		return tree;
	default:
		return one_char(r, char_take(r));
	}
}

/* ---- repeats ---- */

/* {n}, {n,} or {n,m} at the brace; anything else is text. */
static bool
is_count(const char *at, uint32_t *ret_least, uint32_t *ret_most, const char **ret_end)
{
	char *end;
	unsigned long least, most;

	if (!isdigit((unsigned char)at[1]))
		return false;
	least = most = strtoul(at + 1, &end, 10);
	if (*end == ',') {
		most = UINT32_MAX;
		if (isdigit((unsigned char)end[1]))
			most = strtoul(end + 1, &end, 10);
		else
			end++;
	}
	if (*end != '}')
		return false;
	*ret_least = (uint32_t)least;
	*ret_most = (uint32_t)most;
	*ret_end = end + 1;
	return true;
}

static bool
repeat_take(struct reader *r, uint32_t *ret_least, uint32_t *ret_most)
{
	const char *end = r->at + 1;

	switch (*r->at) {
	case '*':
		*ret_least = 0;
		*ret_most = UINT32_MAX;
		break;
	case '+':
		*ret_least = 1;
		*ret_most = UINT32_MAX;
		break;
	case '?':
		*ret_least = 0;
		*ret_most = 1;
		break;
	case '{':
		if (!is_count(r->at, ret_least, ret_most, &end))
			return false;
		break;
	default:
		return false;
	}
	r->at = end;
	return true;
}

static struct tree *
read_repeats(struct reader *r, struct tree *atom)
{
	uint32_t least, most, n = 0;

	while (repeat_take(r, &least, &most)) {
		struct tree *tree = tree_take(r, TREE_REPEAT);

		if (++n > REPEATS_MAX)
			return stop(r, "a repeat of a repeat of a repeat");
		tree->child = atom;
		tree->least = least;
		tree->most = most;
		tree->is_lazy = *r->at == '?';
		tree->is_possessive = *r->at == '+';
		r->at += tree->is_lazy || tree->is_possessive;
		atom = tree;
	}
	return atom;
}

static struct tree *
read_sequence(struct reader *r)
{
	struct tree *tree = tree_take(r, TREE_CAT), **end = &tree->child;

	while (*r->at != '\0' && *r->at != '|' && *r->at != ')') {
		struct tree *atom = read_atom(r);

		if (atom == NULL)
			return NULL;
		*end = read_repeats(r, atom);
		if (*end == NULL)
			return NULL;
		end = &(*end)->next;
	}
	if (tree->child == NULL)
		tree->kind = TREE_EMPTY;
	return tree;
}

static struct tree *
read_alternatives(struct reader *r)
{
	struct tree *first = read_sequence(r), *tree, **end;

	if (first == NULL || *r->at != '|')
		return first;
	tree = tree_take(r, TREE_ALT);
	tree->child = first;
	end = &first->next;
	while (*r->at == '|') {
		r->at++;
		*end = read_sequence(r);
		if (*end == NULL)
			return NULL;
		end = &(*end)->next;
	}
	return tree;
}

struct tree *
syntax_parse(struct arena *arena, const char *regex, bool is_caseless, const char **ret_why)
{
	struct reader r = { .arena = arena, .at = regex, .is_caseless = is_caseless };
	struct tree *tree = read_alternatives(&r);

	if (tree != NULL && *r.at != '\0')
		tree = stop(&r, "a ')' of its own");
	*ret_why = r.why;
	return tree;
}
