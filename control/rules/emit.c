/*
 * emit.c - the tree of a pattern to what Hyperscan is given: a pattern that matches at least where
 * PCRE2 does with the tree's regular expression, in the text that the engine scans.
 *
 * That text is the string with each byte that is no part of a valid character replaced by 0x01,
 * the long s by s and the Kelvin sign by k (IMG_PATTERN_SCANNED). So the two characters beyond
 * ASCII that have a case in it do not turn every word with an s or k into something that is no
 * literal, and what is ASCII (or anything, as in ".*") is matched by bytes.
 *
 * What Hyperscan has no word for is left out or widened, never narrowed: assertions, back-
 * references, possessive repeats, large counts. is_exact says that nothing was.
 */
#include <hs/hs.h>
#include <stdio.h>
#include <string.h>

#include "base/ensure.h"
#include "rules/parts.h"

enum {
	LAST_CHAR = 0x10ffff,
	LONG_S = 0x17f,
	KELVIN = 0x212a,
	SIZE_GOOD = 2000,  /* characters that a form may have, repeats counted out */
	SIZE_MOST = 12000, /* ... when nothing more can be simplified */
	SIZE_HUGE = 1 << 24,
	COUNT_MOST = 64,   /* of one repeat */
	FORM_MOST = 15000, /* bytes; Hyperscan takes 16,000 */
};

struct emitter {
	struct arena *arena;
	unsigned strictness;
	bool is_utf8;	  /* characters; else bytes */
	bool is_caseless; /* Hyperscan knows of letters' cases */
	bool is_exact;
	/* Repeats of at least one of sets with characters beyond ASCII, by bytes; in repeats. */
	uint32_t run_n, repeat_n;
	char *text;
	size_t n, room;
};

/* ---- what is asked of a tree before ---- */

/* One of the two that are never scanned, and no other beside it. */
static bool
is_foreign(const struct chars_range *range)
{
	return range->first == range->last && (range->first == LONG_S || range->first == KELVIN);
}

static bool
is_high(const struct chars *set)
{
	for (uint32_t i = 0; i < set->n; i++)
		if (set->range[i].last >= 0x80 && !is_foreign(&set->range[i]))
			return true;
	return false;
}

/* Every character beyond ASCII, but for those that are never scanned. */
static bool
has_all_high(const struct chars *set)
{
	uint32_t next = 0x80;

	for (uint32_t i = 0; i < set->n; i++) {
		while (next == LONG_S || next == KELVIN)
			next++;
		if (set->range[i].last < next)
			continue;
		if (set->range[i].first > next)
			return false;
		next = set->range[i].last + 1;
	}
	return next > LAST_CHAR;
}

/* Whether bytes do for every set: it is of ASCII, or a run of anything beyond. */
static bool
can_do_bytes(const struct tree *tree, bool is_run)
{
	if (tree->kind == TREE_CHARS)
		return !is_high(&tree->chars) || (is_run && has_all_high(&tree->chars));
	if (tree->kind == TREE_LOOK)
		return true;
	is_run = tree->kind == TREE_REPEAT && tree->least <= 1 && tree->most == UINT32_MAX;
	for (const struct tree *child = tree->child; child != NULL; child = child->next)
		if (!can_do_bytes(child, is_run))
			return false;
	return true;
}

/* Whether each set has either both cases of an ASCII letter or none. */
static bool
is_without_case(const struct tree *tree)
{
	if (tree->kind == TREE_CHARS)
		for (uint32_t c = 'A'; c <= 'Z'; c++)
			if (chars_has(&tree->chars, c) != chars_has(&tree->chars, c | 0x20))
				return false;
	for (const struct tree *child = tree->child; child != NULL; child = child->next)
		if (tree->kind != TREE_LOOK && !is_without_case(child))
			return false;
	return true;
}

static bool
has_nothing(const struct tree *tree)
{
	if (tree->kind == TREE_CHARS)
		return tree->chars.n == 0;
	for (const struct tree *child = tree->child; child != NULL; child = child->next)
		if (tree->kind != TREE_LOOK && has_nothing(child))
			return true;
	return false;
}

/* Whether it matches the empty text at the start of any string, as far as emitted. */
static bool
is_always(const struct tree *tree)
{
	switch (tree->kind) {
	case TREE_CHARS:
	case TREE_END:
	case TREE_END_LF:
		return false;
	case TREE_EMPTY:
	case TREE_BEGIN:
	case TREE_WORD_EDGE:
	case TREE_LOOK:
	case TREE_BACK:
		return true;
	case TREE_REPEAT:
		return tree->least == 0 || is_always(tree->child);
	case TREE_GROUP:
		return is_always(tree->child);
	case TREE_CAT:
	case TREE_ALT:
		break;
	}
	for (const struct tree *child = tree->child; child != NULL; child = child->next)
		if (is_always(child) != (tree->kind == TREE_CAT))
			return tree->kind != TREE_CAT;
	return tree->kind == TREE_CAT;
}

/* Characters, repeats counted out as they are emitted. */
static uint64_t
size_of(const struct tree *tree, unsigned strictness)
{
	uint64_t size = 0, times;

	if (tree->kind == TREE_CHARS)
		return 1;
	if (tree->kind == TREE_LOOK)
		return 0;
	for (const struct tree *child = tree->child; child != NULL; child = child->next)
		size += size_of(child, strictness);
	if (tree->kind != TREE_REPEAT)
		return size + 1;
	times = tree->most == UINT32_MAX ? tree->least : tree->most;
	times = times > COUNT_MOST ? COUNT_MOST : times == 0 ? 1 : times;
	size *= strictness >= 2 ? 1 : times;
	return size < SIZE_HUGE ? size : SIZE_HUGE; /* nested repeats multiply */
}

/* ---- writing ---- */

static void
put(struct emitter *e, const char *text, size_t n)
{
	if (e->n + n + 1 > e->room) {
		char *more;

		e->room = (e->n + n + 1) * 2 + 64;
		more = arena_take(e->arena, e->room);
		if (e->n > 0)
			memcpy(more, e->text, e->n);
		e->text = more;
	}
	memcpy(e->text + e->n, text, n);
	e->n += n;
	e->text[e->n] = '\0';
}

static void
put_text(struct emitter *e, const char *text)
{
	put(e, text, strlen(text));
}

static void
put_char(struct emitter *e, uint32_t c)
{
	char text[16];
	bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z') || c == '/' || c == '_';

	if (is_plain)
		sprintf(text, "%c", (int)c);
	else
		sprintf(text, c < 0x100 && (c < 0x80 || !e->is_utf8) ? "\\x%02x" : "\\x{%x}", c);
	put_text(e, text);
}

static void
put_range(struct emitter *e, uint32_t first, uint32_t last)
{
	put_char(e, first);
	if (last == first)
		return;
	put_text(e, "-");
	put_char(e, last);
}

/* The one letter that a set is without its case; 0: it is not one. */
static uint32_t
letter_of(const struct chars *set)
{
	if (set->n != 2 || set->range[0].first != set->range[0].last ||
	    set->range[1].first != set->range[1].last)
		return 0;
	return set->range[0].first >= 'A' && set->range[0].first <= 'Z' &&
			       set->range[1].first == (set->range[0].first | 0x20)
		       ? set->range[1].first
		       : 0;
}

/* The set in the text that is scanned: with s where the long s is, k where the Kelvin sign is. */
static struct chars
chars_scanned(struct emitter *e, const struct chars *from)
{
	struct chars set = { 0 };

	for (uint32_t i = 0; i < from->n; i++)
		chars_add(e->arena, &set, from->range[i].first, from->range[i].last);
	if (chars_has(&set, LONG_S) && !chars_has(&set, 's')) {
		chars_add(e->arena, &set, 's', 's');
		e->is_exact = false;
	}
	if (chars_has(&set, KELVIN) && !chars_has(&set, 'k')) {
		chars_add(e->arena, &set, 'k', 'k');
		e->is_exact = false;
	}
	if (e->is_caseless && chars_has(&set, 's') != chars_has(&set, 'S'))
		chars_add(e->arena, &set, 'S', 'S');
	if (e->is_caseless && chars_has(&set, 'k') != chars_has(&set, 'K'))
		chars_add(e->arena, &set, 'K', 'K');
	return set;
}

/* Takes the two characters that are never scanned out of a set that has little else beyond ASCII. */
static struct chars
chars_without_foreign(struct emitter *e, const struct chars *from)
{
	struct chars set = { 0 };

	for (uint32_t i = 0; i < from->n; i++)
		if (!is_foreign(&from->range[i]))
			chars_add(e->arena, &set, from->range[i].first, from->range[i].last);
	return set;
}

static void
emit_chars(struct emitter *e, const struct chars *from)
{
	struct chars scanned = chars_scanned(e, from), set = chars_without_foreign(e, &scanned);
	uint32_t letter = e->is_caseless ? letter_of(&set) : 0;

	if (set.n == 1 && set.range[0].first == set.range[0].last)
		letter = set.range[0].first;
	if (letter != 0 || (set.n == 1 && set.range[0].last == 0)) {
		put_char(e, letter);
		return;
	}
	put_text(e, "[");
	for (uint32_t i = 0; i < set.n; i++) {
		uint32_t first = set.range[i].first, last = set.range[i].last;

		if (!e->is_utf8 && first > 0x7f)
			continue;
		if (!e->is_utf8 && last > 0x7f)
			last = 0x7f;
		/* Surrogates are no characters. */
		if (first < 0xd800 && last >= 0xd800) {
			put_range(e, first, 0xd7ff);
			first = 0xe000;
		} else if (first >= 0xd800 && first < 0xe000) {
			first = 0xe000;
		}
		if (first <= last)
			put_range(e, first, last);
	}
	if (!e->is_utf8 && is_high(&set))
		put_text(e, "\\x80-\\xff");
	put_text(e, "]");
}

static void emit(struct emitter *e, const struct tree *tree);

static void
emit_repeat(struct emitter *e, const struct tree *tree)
{
	uint32_t least = tree->least, most = tree->most;
	bool is_simple = e->strictness >= 2;
	char text[40] = "";
	size_t before = e->n;

	if (tree->most == 0)
		return;
	e->is_exact = e->is_exact && !tree->is_possessive;
	if (least > 1 && (is_simple || least > COUNT_MOST)) {
		least = is_simple ? 1 : COUNT_MOST;
		e->is_exact = false;
	}
	if (most > 1 && most != UINT32_MAX && (is_simple || most > COUNT_MOST)) {
		most = UINT32_MAX;
		e->is_exact = false;
	}
	if (!e->is_utf8 && least == 1 && most == UINT32_MAX && tree->child->kind == TREE_CHARS &&
	    is_high(&tree->child->chars))
		e->run_n += e->repeat_n > 0 ? 2 : 1;
	put_text(e, "(?:");
	e->repeat_n += most > 1;
	emit(e, tree->child);
	e->repeat_n -= most > 1;
	if (e->n == before + 3) { /* nothing, as often as you like */
		e->n = before;
		e->text[before] = '\0';
		return;
	}
	put_text(e, ")");
	if (most == UINT32_MAX && least <= 1)
		sprintf(text, "%s", least == 0 ? "*" : "+");
	else if (most == UINT32_MAX)
		sprintf(text, "{%u,}", least);
	else if (least == 0 && most == 1)
		sprintf(text, "?");
	else if (least != 1 || most != 1)
		sprintf(text, "{%u,%u}", least, most);
	put_text(e, text);
}

static void
emit_list(struct emitter *e, const struct tree *tree)
{
	bool is_cat = tree->kind == TREE_CAT;

	if (!is_cat)
		put_text(e, "(?:");
	for (const struct tree *child = tree->child; child != NULL; child = child->next) {
		emit(e, child);
		if (!is_cat && child->next != NULL)
			put_text(e, "|");
	}
	if (!is_cat)
		put_text(e, ")");
}

static void
emit(struct emitter *e, const struct tree *tree)
{
	switch (tree->kind) {
	case TREE_EMPTY:
		return;
	case TREE_CHARS:
		emit_chars(e, &tree->chars);
		return;
	case TREE_CAT:
	case TREE_ALT:
		emit_list(e, tree);
		return;
	case TREE_GROUP:
		put_text(e, "(?:");
		emit(e, tree->child);
		put_text(e, ")");
		return;
	case TREE_REPEAT:
		emit_repeat(e, tree);
		return;
	case TREE_BEGIN:
	case TREE_END:
		if (e->strictness == 0)
			put_text(e, tree->kind == TREE_BEGIN ? "^" : "\\z");
		else
			e->is_exact = false;
		return;
	case TREE_END_LF:
	case TREE_WORD_EDGE:
	case TREE_LOOK:
		e->is_exact = false;
		return;
	case TREE_BACK:
		e->is_exact = false;
		put_text(e,
			 e->is_utf8 ? "[\\x00-\\x{d7ff}\\x{e000}-\\x{10ffff}]*" : "[\\x00-\\xff]*");
		return;
	}
}

/* ---- the outermost sequence ---- */

/* Its parts, with those of groups in it that are sequences. */
struct parts {
	const struct tree **part;
	uint32_t n, room;
};

static void
parts_add(struct emitter *e, struct parts *parts, const struct tree *tree)
{
	if (tree->kind == TREE_GROUP || tree->kind == TREE_CAT) {
		for (const struct tree *child = tree->child; child != NULL; child = child->next)
			parts_add(e, parts, child);
		return;
	}
	if (parts->n == parts->room) {
		const struct tree **more;

		parts->room = parts->room == 0 ? 32 : parts->room * 2;
		more = arena_take(e->arena, parts->room * sizeof(more[0]));
		if (parts->n > 0)
			memcpy(more, parts->part, parts->n * sizeof(more[0]));
		parts->part = more;
	}
	parts->part[parts->n++] = tree;
}

/* Nothing but characters: what it matches does not depend on what is around. */
static bool
is_pure(const struct tree *tree)
{
	switch (tree->kind) {
	case TREE_BEGIN:
	case TREE_END:
	case TREE_END_LF:
	case TREE_WORD_EDGE:
	case TREE_LOOK:
	case TREE_BACK:
		return false;
	case TREE_EMPTY:
	case TREE_CHARS:
	case TREE_CAT:
	case TREE_ALT:
	case TREE_GROUP:
	case TREE_REPEAT:
		break;
	}
	for (const struct tree *child = tree->child; child != NULL; child = child->next)
		if (!is_pure(child))
			return false;
	return !tree->is_possessive;
}

/* ".*": any text, or any text of one line. */
static bool
is_any_run(const struct tree *tree)
{
	const struct tree *child = tree->child;

	if (tree->kind != TREE_REPEAT || tree->least > 0 || tree->most != UINT32_MAX ||
	    tree->is_possessive || child->kind != TREE_CHARS || !has_all_high(&child->chars))
		return false;
	for (uint32_t c = 1; c < 0x80; c++)
		if (c != '\n' && !chars_has(&child->chars, c))
			return false;
	return true;
}

/*
 * What may be missing at an end that no anchor holds says nothing: a search finds the rest anyway.
 * What stands between an anchor and "anything of this line" says nearly nothing, and costs very
 * much: the rest without both matches all the more.
 */
static void
parts_trim(struct emitter *e, struct parts *parts)
{
	if (parts->n > 1 && parts->part[0]->kind == TREE_BEGIN && is_any_run(parts->part[1])) {
		e->is_exact = false;
		parts->part += 2, parts->n -= 2;
	}
	while (parts->n > 0 && is_pure(parts->part[0]) && is_always(parts->part[0]))
		parts->part++, parts->n--;
	if (parts->n > 1 && parts->part[parts->n - 1]->kind == TREE_END &&
	    is_any_run(parts->part[parts->n - 2])) {
		e->is_exact = false;
		parts->n -= 2;
	}
	while (parts->n > 0 && is_pure(parts->part[parts->n - 1]) &&
	       is_always(parts->part[parts->n - 1]))
		parts->n--;
}

/*
 * An anchor at the ends stays at any strictness, and what is too long is cut off: what is left
 * matches all the more.
 */
static void
emit_top(struct emitter *e, const struct tree *tree)
{
	struct parts parts = { 0 };
	uint64_t size = 0;

	parts_add(e, &parts, tree);
	parts_trim(e, &parts);
	for (uint32_t i = 0; i < parts.n; i++) {
		const struct tree *part = parts.part[i];

		size += size_of(part, e->strictness);
		if (size > SIZE_GOOD && i > 0) {
			e->is_exact = false;
			return;
		}
		if (i == 0 && part->kind == TREE_BEGIN)
			put_text(e, "^");
		else if (i + 1 == parts.n && part->kind == TREE_END)
			put_text(e, "\\z");
		else
			emit(e, part);
	}
}

struct scan_form
emit_form(struct arena *arena, const struct tree *tree, unsigned strictness)
{
	struct emitter e = { .arena = arena, .is_exact = true };
	struct scan_form form = { .flags = HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY };

	if (is_always(tree))
		return (struct scan_form){ .why = "it matches every text" };
	if (has_nothing(tree))
		return (struct scan_form){ .why = "a set of it has no character" };
	if (size_of(tree, strictness) > SIZE_MOST)
		strictness = 2;
	e.strictness = strictness;
	e.is_utf8 = !can_do_bytes(tree, false);
	e.is_caseless = !e.is_utf8 && is_without_case(tree);
	put(&e, "", 0);
	emit_top(&e, tree);
	if (e.n == 0)
		return (struct scan_form){ .why = "it matches nearly every text" };
	if (e.n > FORM_MOST)
		return (struct scan_form){ .why = "it is too large" };
	/* Runs side by side might share the bytes of one character. */
	if (e.run_n > 1)
		e.is_exact = false;
	form.text = e.text;
	form.is_exact = e.is_exact;
	form.flags |= e.is_utf8 ? HS_FLAG_UTF8 : 0;
	form.flags |= e.is_caseless ? HS_FLAG_CASELESS : 0;
	return form;
}

/* ---- what a match must contain ---- */

/* The one ASCII character of a part, letters without case in small; 0: it is not one. */
static char
char_of(const struct tree *part, bool *ret_has_case, bool *ret_has_none)
{
	struct chars set = { 0 };
	uint32_t letter;

	if (part->kind != TREE_CHARS || is_high(&part->chars))
		return 0;
	/* The two that are never scanned may stand last, one by one. */
	set = part->chars;
	while (set.n > 0 && is_foreign(&set.range[set.n - 1]))
		set.n--;
	letter = letter_of(&set);
	if (letter != 0) {
		*ret_has_none = true;
		return (char)letter;
	}
	if (set.n != 1 || set.n != part->chars.n || set.range[0].first != set.range[0].last)
		return 0;
	letter = set.range[0].first;
	*ret_has_case |= (letter | 0x20) >= 'a' && (letter | 0x20) <= 'z';
	return (char)letter;
}

const char *
emit_runs(struct arena *arena, const struct tree *tree, bool *ret_is_caseless)
{
	struct emitter e = { .arena = arena };
	struct parts parts = { 0 };
	bool has_case = false, has_none = false;
	char *text;

	parts_add(&e, &parts, tree);
	text = arena_take(arena, parts.n + 1);
	for (uint32_t i = 0; i < parts.n; i++) {
		text[i] = char_of(parts.part[i], &has_case, &has_none);
		if (text[i] == '\0')
			text[i] = EMIT_RUN_END;
	}
	text[parts.n] = '\0';
	*ret_is_caseless = has_none;
	return has_case && has_none ? "" : text;
}

struct scan_form
emit_literal(struct arena *arena, const char *text, size_t n, bool is_caseless)
{
	struct emitter e = { .arena = arena };

	put(&e, "", 0);
	for (size_t i = 0; i < n; i++)
		put_char(&e, (uint8_t)text[i]);
	return (struct scan_form){
		.text = e.text, .flags = HS_FLAG_SINGLEMATCH | (is_caseless ? HS_FLAG_CASELESS : 0)
	};
}
