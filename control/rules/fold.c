/*
 * fold.c - sets of characters, and what PCRE2 takes for the same without case.
 *
 * ASCII is known by heart. For other characters PCRE2 itself is asked, with the options of the
 * engine, so that no second table of Unicode can disagree with it: the set as a class, without
 * case, over a text of every character that has a case at all. Invariant of a set: ranges ascend
 * and neither overlap nor touch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "rules/parts.h"
#include "rules/regex.h"

enum {
	LAST_CHAR = 0x10ffff,
	LAST_CASED = 0x1ffff, /* no plane beyond has letters with a case */
	SURROGATE = 0xd800,
	SURROGATE_END = 0xe000,
};

void
chars_add(struct arena *arena, struct chars *set, uint32_t first, uint32_t last)
{
	uint32_t from = 0, to;

	ensure(first <= last && last <= LAST_CHAR);
	while (from < set->n && set->range[from].last + 1 < first)
		from++;
	for (to = from; to < set->n && set->range[to].first <= last + 1; to++) {
		first = set->range[to].first < first ? set->range[to].first : first;
		last = set->range[to].last > last ? set->range[to].last : last;
	}
	if (set->n - (to - from) + 1 > set->room) {
		struct chars_range *more;

		set->room = set->room == 0 ? 4 : set->room * 2;
		more = arena_take(arena, set->room * sizeof(*more));
		if (set->n > 0)
			memcpy(more, set->range, set->n * sizeof(*more));
		set->range = more;
	}
	memmove(&set->range[from + 1], &set->range[to], (set->n - to) * sizeof(set->range[0]));
	set->range[from] = (struct chars_range){ first, last };
	set->n = set->n - (to - from) + 1;
}

bool
chars_has(const struct chars *set, uint32_t c)
{
	for (uint32_t i = 0; i < set->n; i++)
		if (c >= set->range[i].first && c <= set->range[i].last)
			return true;
	return false;
}

void
chars_invert(struct arena *arena, struct chars *set)
{
	struct chars inverse = { 0 };
	uint32_t next = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		if (set->range[i].first > next)
			chars_add(arena, &inverse, next, set->range[i].first - 1);
		next = set->range[i].last + 1;
	}
	if (next <= LAST_CHAR)
		chars_add(arena, &inverse, next, LAST_CHAR);
	*set = inverse;
}

/* ---- without case ---- */

static size_t
utf8_put(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static uint32_t
utf8_get(const char *from)
{
	const uint8_t *p = (const uint8_t *)from;

	if (p[0] < 0x80)
		return p[0];
	if (p[0] < 0xe0)
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	if (p[0] < 0xf0)
		return (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	return (p[0] & 0x7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

/* Calls for each character of a text that a class matches. Classes are of our own making. */
static void
each_match(const char *class, uint32_t options, const char *text, size_t n,
	   void (*on_char)(void *ctx, uint32_t c), void *ctx)
{
	int error;
	PCRE2_SIZE offset, at = 0;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR) class, PCRE2_ZERO_TERMINATED,
					 PCRE2_UTF | options, &error, &offset, NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);

	ensure(code != NULL && data != NULL);
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* slower without, that is all */
	while (pcre2_match(code, (PCRE2_SPTR)text, n, at, PCRE2_NO_UTF_CHECK, data, NULL) > 0) {
		const PCRE2_SIZE *found = pcre2_get_ovector_pointer(data);

		on_char(ctx, utf8_get(text + found[0]));
		at = found[1];
	}
	pcre2_match_data_free(data);
	pcre2_code_free(code);
}

struct letters {
	char *text;
	size_t n;
};

static void
letter_add(void *ctx, uint32_t c)
{
	struct letters *letters = ctx;

	letters->n += utf8_put(letters->text + letters->n, c);
}

/*
 * Every character beyond ASCII that may have a case, and K and s, which have one beyond. Made
 * once, for the process: letters, numbers, symbols and marks, for some of each have cases.
 */
static const struct letters *
letters_cased(void)
{
	static struct letters letters;
	char *all;
	size_t n = 0;

	if (letters.n > 0)
		return &letters;
	all = malloc((size_t)4 * LAST_CASED);
	letters.text = malloc((size_t)4 * LAST_CASED);
	ensure(all != NULL && letters.text != NULL);
	for (uint32_t c = 0x80; c <= LAST_CASED; c++)
		if (c < SURROGATE || c >= SURROGATE_END)
			n += utf8_put(all + n, c);
	letter_add(&letters, 'k');
	letter_add(&letters, 's');
	each_match("[\\p{L&}\\p{Nl}\\p{So}\\p{Mn}]", 0, all, n, letter_add, &letters);
	free(all);
	return &letters;
}

struct folding {
	struct arena *arena;
	struct chars *set;
};

static void
folded_add(void *ctx, uint32_t c)
{
	struct folding *folding = ctx;

	chars_add(folding->arena, folding->set, c, c);
	if (c < 0x80)
		chars_add(folding->arena, folding->set, c ^ 0x20, c ^ 0x20);
}

/* Characters beyond ASCII in the set that may have a case, as a class; NULL: none. */
static char *
class_of(struct arena *arena, const struct chars *set)
{
	char *class = arena_take(arena, (size_t)set->n * 32 + 3), *at = class;

	*at++ = '[';
	for (uint32_t i = 0; i < set->n; i++) {
		uint32_t first = set->range[i].first, last = set->range[i].last;

		if (last < 0x80 || first > LAST_CASED)
			continue;
		first = first < 0x80 ? 0x80 : first;
		last = last > LAST_CASED ? LAST_CASED : last;
		/* No range may begin or end with a surrogate. */
		if (first >= SURROGATE && first < SURROGATE_END)
			first = SURROGATE_END;
		if (last >= SURROGATE && last < SURROGATE_END)
			last = SURROGATE - 1;
		if (first <= last)
			at += sprintf(at, "\\x{%x}-\\x{%x}", first, last);
	}
	if (at == class + 1)
		return NULL;
	*at++ = ']';
	*at = '\0';
	return class;
}

void
chars_fold(struct arena *arena, struct chars *set)
{
	struct folding folding = { arena, set };
	bool has[128] = { false };
	char *class = class_of(arena, set);

	for (uint32_t c = 'A'; c <= 'Z'; c++)
		has[c] = chars_has(set, c) || chars_has(set, c | 0x20);
	for (uint32_t c = 'A'; c <= 'Z'; c++)
		if (has[c])
			folded_add(&folding, c);
	if (has['K'])
		chars_add(arena, set, 0x212a, 0x212a); /* the Kelvin sign */
	if (has['S'])
		chars_add(arena, set, 0x17f, 0x17f); /* the long s */
	if (class != NULL)
		each_match(class, PCRE2_CASELESS, letters_cased()->text, letters_cased()->n,
			   folded_add, &folding);
}
