/*
 * reach.c - how far an attempt to match can run from the place where it begins: what bounds the
 * work of a search goes by that (search.c).
 *
 * Reads a pattern's text. What repeats (a character, a class, a group) runs over bytes of `run`
 * and stops at any other; those are passed by what does not repeat, one each. So an attempt sees at
 * most `gap_n` + 1 stretches of such bytes. What stands at the pattern's end does not count: where
 * it is reached it matches, and the search is over. In doubt, and of everything that is not known
 * here, all bytes are in `run`. Bytes beyond ASCII always are.
 *
 * A repeat that is reached one way is begun once by an attempt (`entry_n` of them); one behind a
 * part that can match in several ways is begun again for each (`again_n`, bytes in `dear`). What
 * stops at a character that must follow, as in "[^/]+/", matches one way.
 *
 * Machine code remembers where the first repeat has failed, if nothing before it could match in
 * several ways, and does not begin it again in the same stretch (`sweep`).
 *
 * `lead` is what a match begins with, byte by byte, until something repeats or may be left out.
 */
#include "rules/reader.h"

/* Nothing comes that could still fail; behind "." a "$" does not where a string has one line. */
static bool
is_end(struct reader *r, bool is_dot)
{
	bool has_dollar = false;

	for (uint32_t i = r->at; i < r->regex.n; i++) {
		has_dollar |= r->regex.p[i] == '$';
		if (r->regex.p[i] != ')' && !(is_dot && r->regex.p[i] == '$'))
			return false;
	}
	r->ends_with_line |= has_dollar && r->assert_n == 0;
	return r->assert_n == 0;
}

/* ---- ways, and how a match begins ---- */

static void
ways(struct reader *r, uint32_t n)
{
	r->way_n = min_of(r->way_n * min_of(n, RULES_ENTRIES - 1), RULES_ENTRIES);
}

/*
 * A repeat over these begins, once for each way to come here. Behind a certain character, where one
 * repeat alone gives way, it is begun once for each such character of the string.
 */
static void
entries(struct reader *r, const struct set *set)
{
	if (r->way_n == 1) {
		r->entry_n++;
		return;
	}
	if (r->has_before && r->split_n == 1) {
		r->gated_n++;
		set_join(&r->gate, &r->before);
	} else {
		r->loose_n++;
	}
	r->again_n = min_of(r->again_n + r->way_n, RULES_ENTRIES);
	set_join(&r->dear, set);
}

static void
lead(struct reader *r, const struct set *set)
{
	for (uint32_t n = 0; r->is_leading && n < r->least_n && r->lead_n < RULES_LEAD; n++)
		r->lead[r->lead_n++] = *set;
	r->is_leading &= r->span_n == 1;
}

/* Ways are told apart: a character that is not in the set must follow. */
static bool
is_closed(const struct reader *r, const struct set *set)
{
	uint32_t at = r->at;
	uint8_t c, next;

	while (at + 1 < r->regex.n && r->regex.p[at] == ')' &&
	       strchr("*+?{", r->regex.p[at + 1]) == NULL)
		at++;
	c = at < r->regex.n ? r->regex.p[at++] : 0;
	if (c == '\\' && at < r->regex.n)
		c = is_word(r->regex.p[at]) ? 0 : r->regex.p[at++];
	else if (c != 0 && strchr("()[]{}|^$.*+?", c) != NULL)
		c = 0;
	next = at < r->regex.n ? r->regex.p[at] : 0;
	if (c == 0 || c >= 0x80 || next == '*' || next == '?' || next == '{')
		return false;
	return !set_has(set, c) && !(set->is_high && ((c | 0x20) == 'k' || (c | 0x20) == 's'));
}

/* The first repeat, of a single character. */
static void
sweeps(struct reader *r, const struct set *set, enum repeats repeats)
{
	r->has_prelude |= repeats == REPEATS_NOT && !r->has_repeat;
	if (repeats == REPEATS_NOT || r->has_repeat)
		return;
	r->has_repeat = true;
	r->sweeps &= repeats == REPEATS_ANY && r->way_n == 1 && !r->group[0].has_assert;
	for (uint32_t i = 0; i < 2; i++)
		r->sweep.bits[i] &= set->bits[i];
	for (uint32_t i = 0; i <= r->depth; i++)
		r->group[i].is_first = true;
}

/* A character that may be one of these. */
static void
part(struct reader *r, struct set *set, bool is_dot)
{
	enum repeats repeats = reader_quantifier(r);
	bool ends = is_end(r, false), runs = repeats == REPEATS_COUNTED;

	if (r->is_caseless)
		set_close(set);
	lead(r, set);
	sweeps(r, set, repeats);
	set_join(&r->group[r->depth].within, set);
	if (repeats == REPEATS_COUNTED || (repeats == REPEATS_ANY && !ends))
		set_join(&r->run, set);
	if ((repeats == REPEATS_NOT || repeats == REPEATS_MAYBE) && !ends &&
	    !set_has_all(&r->run, set))
		r->gap_n++;
	runs |= repeats == REPEATS_ANY && !is_end(r, is_dot);
	if (runs && !r->is_lazy)
		entries(r, set);
	if (repeats == REPEATS_MAYBE || (runs && !is_closed(r, set))) {
		ways(r, r->span_n);
		/* in a group, which may repeat or have alternatives, it is not followed */
		r->split_n += repeats == REPEATS_MAYBE ? 2 : 1;
	}
	r->before = *set;
	r->has_before = repeats == REPEATS_NOT;
}

static void
group_begins(struct reader *r)
{
	static const char *const plain[] = { "?:", "?>" };
	static const char *const assertion[] = { "?=", "?!", "?<=", "?<!" };
	bool is_plain = peek(r, 0) != '?' && peek(r, 0) != '*', is_assert = false;
	bool is_kept = is_plain;

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
		is_plain = is_kept = true;
	}
	if ((!is_plain && !is_assert) || r->depth == GROUPS_MAX) {
		r->is_unknown = true;
		return;
	}
	r->depth++;
	r->capture_n += is_kept;
	r->assert_n += is_assert;
	r->looks_ahead |= is_assert;
	r->is_leading &= !is_assert;
	r->has_before &= !is_assert;
	for (uint32_t i = 0; i < r->depth && is_assert; i++)
		r->group[i].has_assert = true;
	r->group[r->depth] = (struct group){
		.is_assert = is_assert,
		.lead_n = r->lead_n,
		.way_n = r->way_n,
		.run_n = r->entry_n + r->again_n,
		.capture_i = is_kept && r->capture_n < 10 ? r->capture_n : 0,
		.repeat_n = r->repeat_n,
	};
}

/* One alternative is read. */
static void
bar(struct reader *r)
{
	struct group *g = &r->group[r->depth];

	r->is_leading = false;
	r->has_before = false;
	r->split_n += 2;
	r->lead_n = g->lead_n;
	r->sweeps &= r->depth == 0 || (r->has_repeat && !g->is_first);
	r->has_repeat = r->depth > 0;
	g->other_n = min_of(g->other_n + r->way_n, RULES_ENTRIES);
	r->way_n = g->way_n;
}

/* A group that repeats: its own repeats run on from time to time, unless there are ways. */
static void
group_repeats(struct reader *r, const struct group *g)
{
	r->repeats_groups = true;
	if (r->entry_n + r->again_n == g->run_n) {
		; /* each time is a step, and no more */
	} else if (r->way_n != g->way_n || g->has_assert || g->is_assert) {
		r->again_n = RULES_ENTRIES;
		set_join(&r->dear, &r->run);
	} else {
		r->entry_n++; /* the last time fails */
	}
	r->way_n = RULES_ENTRIES;
}

static void
group_ends(struct reader *r)
{
	const struct group *g = &r->group[r->depth];
	enum repeats repeats;
	bool ends;

	if (r->depth == 0) {
		r->is_unknown = true;
		return;
	}
	r->assert_n -= g->is_assert;
	if (g->capture_i > 0 && g->repeat_n == r->repeat_n)
		r->short_captures |= 1u << g->capture_i;
	r->way_n = min_of(r->way_n + g->other_n, RULES_ENTRIES);
	r->depth--;
	repeats = reader_quantifier(r);
	ends = is_end(r, false);
	set_join(&r->group[r->depth].within, &g->within);
	if (r->least_n == 0)
		r->lead_n = g->lead_n;
	r->is_leading &= repeats == REPEATS_NOT;
	r->sweeps &= r->has_repeat && !(repeats != REPEATS_NOT && g->is_first);
	r->has_repeat |= repeats != REPEATS_NOT;
	if (repeats == REPEATS_COUNTED || (repeats == REPEATS_ANY && !ends))
		set_join(&r->run, &g->within);
	r->has_before = false;
	if (repeats != REPEATS_NOT) { /* its repeats come by several ways to one place */
		r->split_n += 2;
		r->loose_n++;
	}
	if (repeats == REPEATS_ANY || repeats == REPEATS_COUNTED)
		group_repeats(r, g);
	else if (repeats == REPEATS_MAYBE)
		ways(r, 2);
}

/* What a group has matched, again. */
static void
reference(struct reader *r)
{
	uint32_t i = reader_number(r);

	r->is_leading = false;
	r->sweeps &= r->has_repeat;
	r->has_repeat = true;
	if (reader_quantifier(r) != REPEATS_NOT)
		r->is_unknown = true;
	set_join(&r->group[r->depth].within, &r->run);
	/* A group without repeats is a few characters, however often it is looked for. */
	if (i >= 10 || (r->short_captures >> i & 1) == 0)
		entries(r, &r->run);
	r->has_before = false;
}

static void
character(struct reader *r, uint8_t c)
{
	struct set set = { 0 };

	if (c == '.') {
		set_add(&set, '\n');
		set_invert(&set);
	} else if (c == '[') {
		reader_class(r, &set);
	} else if (c != '\\') {
		set_add(&set, c);
		r->is_leading &= c < 0x80; /* a byte of a character, which may have another case */
	} else if (peek(r, 0) != 0 && strchr("bBAzZG", peek(r, 0)) != NULL) {
		r->at++; /* places */
		r->looks_ahead = true;
		return;
	} else if (is_digit(peek(r, 0)) && peek(r, 0) != '0') {
		reference(r);
		return;
	} else if (reader_escape(peek(r, 0), &set)) {
		r->at++;
	} else {
		set_add(&set, reader_single(r));
	}
	part(r, &set, c == '.');
}

static void
read_all(struct reader *r)
{
	struct set run = r->run;

	*r = (struct reader){ .regex = r->regex,
			      .is_caseless = r->is_caseless,
			      .run = run,
			      .way_n = 1,
			      .is_leading = true,
			      .sweeps = true,
			      .sweep.bits = { UINT64_MAX, UINT64_MAX } };
	r->group[0].way_n = 1;
	while (r->at < r->regex.n && !r->is_unknown) {
		uint8_t c = r->regex.p[r->at++];

		if (c == '(')
			group_begins(r);
		else if (c == ')')
			group_ends(r);
		else if (c == '|')
			bar(r);
		else if (c != '^' && c != '$')
			character(r, c);
	}
}

static void
set_put(const struct set *set, uint64_t bits[4])
{
	bits[0] = set->bits[0];
	bits[1] = set->bits[1];
	bits[2] = bits[3] = UINT64_MAX; /* in doubt */
}

static void
lead_put(const struct reader *r, struct rules_code *code)
{
	memset(code->lead, 0xff, sizeof(code->lead));
	for (uint32_t c = 0; c < 0x80; c++)
		for (uint32_t i = 0; i < r->lead_n; i++)
			if (!set_has(&r->lead[i], (uint8_t)c))
				code->lead[c] &= (uint8_t) ~(1u << i);
	code->lead_n = (uint8_t)(r->lead_n == 0 ? 1 : r->lead_n);
}

static void
reach_all(struct rules_code *code)
{
	memset(code->run, 0xff, sizeof(code->run));
	memset(code->dear, 0xff, sizeof(code->dear));
	memset(code->lead, 0xff, sizeof(code->lead));
	code->lead_n = 1;
	code->again_n = RULES_ENTRIES;
	code->repeats_groups = code->looks_ahead = true;
}

void
reach_read(struct slice regex, bool is_caseless, struct rules_code *code)
{
	struct reader r = { .regex = regex, .is_caseless = is_caseless };

	read_all(&r);
	read_all(&r);
	if (r.is_unknown) {
		reach_all(code);
		return;
	}
	set_put(&r.run, code->run);
	set_put(&r.dear, code->dear);
	lead_put(&r, code);
	code->repeats_groups = r.repeats_groups;
	code->gap_n = r.gap_n;
	code->entry_n = r.entry_n;
	code->again_n = r.again_n;
	code->gated_n = r.loose_n == 0 ? r.gated_n : 0;
	set_put(&r.gate, code->gate);
	code->ends_with_line = r.ends_with_line;
	code->sweeps = r.sweeps;
	code->has_prelude = r.has_prelude;
	code->looks_ahead = r.looks_ahead;
	memcpy(code->sweep, r.sweep.bits, sizeof(code->sweep));
}
