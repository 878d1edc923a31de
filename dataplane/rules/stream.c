/*
 * stream.c - the matches of one regular expression in a body that is never there as a whole (14.5).
 *
 * Pending bytes (pending.c) lie in a window, with some bytes in front that the expression may look back at.
 * PCRE2_PARTIAL_HARD says of an attempt that it came to the end of what is there: then everything
 * before its start is done with and the attempt is made again with more. An attempt that never saw
 * the end is the same with any bytes behind it. So what is found does not depend on how the body
 * came in pieces.
 *
 * A match and all that it looks at lie within BODY_TEXT_MAX bytes of its start: an attempt that
 * wants more sees an end of text there that is no end of the body. '^' and '$' are the body's begin
 * and end (choice 25). Bytes that are no UTF-8 are in no match, as PCRE2_MATCH_INVALID_UTF has it
 * (which does not go with partial matches): each stretch between them is asked by itself.
 *
 * Work is bounded as in search.c: many starts at once with few steps for each; where these do not
 * suffice fewer with more, down to one start, and then it is a fault. A call is paid in advance,
 * for the most that it can take: its steps, and the bytes that repeats can run over from each of
 * its starts. Where that is much, starts are few.
 *
 * Where a pattern hops (hop.c) and found nothing in all that it may look at, the places behind are
 * not asked one by one: a place some way on in the same stretch that is in vain says so of all
 * between; where it is not, half the way is tried.
 */
#include "rules/pending.h"
#include "rules/walk.h"

enum {
	SEARCH_BYTES = 2048, /* that an attempt sees at first */
	CALL_WORK = 64,
	PLACE_WORK = 6, /* where a match does not begin after all */
	START_WORK = 12,
	STEP_WORK = 4,
	GROUP_WORK = 12, /* ... that is one time of a group, with some alternatives */
	WALK_WORK = 3,	 /* a byte looked at here, for what it may cost */
	SLOW_STEPS = 16, /* a step without machine code is so many */
	CALL_MOST = 1 << 16,
	CALL_FAULT = 1 << 20, /* an attempt has the steps that may cost so much, and no more */
	HOP_MOST = 16 << 10,
	WANT_MIN = 32,
	LEVELS = 6,
};

/* Starts tried in one call of PCRE2, and steps for each of them: its match limit. */
static const struct {
	uint32_t starts, steps;
} level[LEVELS] = { { 1024, 16 },   { 64, 256 },    { 8, 2048 },
		    { 1, 1 << 14 }, { 1, 1 << 16 }, { 1, 1 << 18 } };

void
stream_init(struct stream *s, const struct rules_code *code, uint32_t group_n, uint32_t occurrences,
	    stream_match_fn *on_match, void *ctx)
{
	uint32_t characters = 0;

	s->code = code;
	s->on_match = on_match;
	s->ctx = ctx;
	s->group_n = group_n;
	pcre2_pattern_info(code->code, PCRE2_INFO_MAXLOOKBEHIND, &characters);
	/* UTF-8, and where the first of them is cut. */
	s->look_back =
		characters < (STREAM_LOOK_BACK - 8) / 4 ? 4 * characters + 8 : STREAM_LOOK_BACK;
	s->left_n = occurrences != 0 ? occurrences : UINT32_MAX;
	s->from = s->pos = s->n = s->base = s->valid_n = s->want = s->wide = s->hop_n = 0;
	s->level = 0;
	s->is_begin = true;
	s->is_vain = false;
	s->was_empty = false;
	s->owed = (struct slice){ 0 };
}

/* ---- attempts ---- */

static uint32_t
min_of(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* What an attempt sees. */
struct view {
	uint32_t end;
	bool is_final;	 /* of its stretch */
	bool is_body;	 /* final, and of the body */
	bool is_longest; /* all that a match at pos may see */
};

static struct view
view_of(const struct stream *s, bool is_last)
{
	struct view v = { .end = s->valid_n };
	uint32_t most = s->pos + BODY_TEXT_MAX, least = s->pos + SEARCH_BYTES;

	v.is_body = is_last && v.end == s->n;
	v.is_final = v.is_body || (v.end < s->n && (is_last || !pending_is_cut(s, v.end)));
	if (v.end > most)
		v = (struct view){ .end = pending_whole(s, most), .is_longest = true };
	/* Many starts are tried on a part; one that needs more says so and is given more. */
	if (s->want > least)
		least = s->want;
	if (s->wide > least)
		least = min_of(s->wide, most);
	if (v.end > least)
		v = (struct view){ .end = pending_whole(s, least) };
	return v;
}

/* ---- what a call may cost ---- */

static uint64_t
step_work(const struct stream *s)
{
	return (s->code->repeats_groups ? GROUP_WORK : STEP_WORK) *
	       (s->code->is_slow ? SLOW_STEPS : 1);
}

static uint64_t
steps_work(const struct stream *s)
{
	return s->level > 0 ? level[s->level].steps * step_work(s) : START_WORK;
}

/* How often one attempt may run over what its repeats can pass. */
static uint64_t
runs_of(const struct stream *s)
{
	if (s->code->hops && s->level == 0)
		return 1;
	return s->code->entry_n + min_of(level[s->level].steps, s->code->again_n);
}

/* Machine code runs over each byte once, whatever there is (reach.c). */
static bool
runs_once(const struct stream *s)
{
	const struct rules_code *code = s->code;

	return code->sweeps && !code->is_slow && code->entry_n == 1 && code->again_n == 0 &&
	       s->level == 0;
}

/* A call of PCRE2: how many places it tries, and the most that it can take. */
struct fit {
	uint32_t starts;
	uint64_t work;
};

/* As many starts as are cheap together, whatever each of them runs over; one at least. */
static struct fit
fit_of_runs(const struct stream *s, const struct view *v)
{
	struct slice seen = slice_of(s->bytes + s->pos, v->end - s->pos);
	uint32_t most = min_of(level[s->level].starts, seen.n), start_n = 0;
	uint64_t each = steps_work(s), runs = runs_of(s);
	struct walk walk = { 0 };
	struct fit f = { 0 };

	for (; f.starts < most; f.starts++) {
		uint64_t more;

		if (!is_start(s->code, seen.p + f.starts, seen.n - f.starts))
			continue;
		if (start_n > 0 && f.work > CALL_MOST)
			break;
		more = each + runs * walk_to(&walk, s->code, seen, f.starts);
		if (start_n > 0 && f.work + more > CALL_MOST)
			break;
		f.work += more;
		start_n++;
	}
	/* All tried: the view's end is a place, too. */
	if (f.starts == seen.n)
		f.starts = level[s->level].starts;
	f.work += CALL_WORK + (uint64_t)walk.end * WALK_WORK + min_of(f.starts, seen.n);
	return f;
}

static struct fit
fit_of(const struct stream *s, const struct view *v)
{
	uint32_t n = v->end - s->pos, starts = level[s->level].starts;

	if (runs_of(s) == 0 || (n <= SEARCH_BYTES && runs_once(s)))
		return (struct fit){ starts, CALL_WORK + (uint64_t)min_of(starts, n + 1) *
								 (s->level > 0 ? steps_work(s)
									       : PLACE_WORK) };
	if (n <= SEARCH_BYTES && n > 0)
		return fit_of_runs(s, v);
	return (struct fit){ 1, CALL_WORK + steps_work(s) + n * runs_of(s) };
}

/*
 * Steps of an attempt that could be too dear with all of its level's: each may begin repeats anew,
 * and hardly one does.
 */
static uint32_t
steps_fit(const struct stream *s, const struct view *v, struct fit *fit)
{
	uint32_t steps = level[s->level].steps;
	uint64_t n = v->end - s->pos, once = n * s->code->entry_n;
	uint64_t each = step_work(s) + (s->code->again_n > 0 ? n : 0);

	if (s->level == 0 || fit->work <= CALL_FAULT)
		return steps;
	*fit = (struct fit){ 1, CALL_FAULT };
	return once < CALL_FAULT / 2 ? min_of(steps, (uint32_t)((CALL_FAULT - once) / each)) : 0;
}

/* Looks for a match that starts at pos, or at one of the next. */
static int
ask(struct stream *s, const struct view *v, uint32_t starts, uint32_t steps, uint32_t options)
{
	options |= PCRE2_NO_UTF_CHECK; /* pending_stretch() has seen to it */
	if (s->was_empty)
		options |= PCRE2_NOTEMPTY_ATSTART;
	if (!s->is_begin || s->base > 0)
		options |= PCRE2_NOTBOL;
	pcre2_set_match_limit(s->context, steps);
	/* Machine code tries the byte behind the limit, too, if that is none that begins a character. */
	pcre2_set_offset_limit(s->context, pending_next(s, s->pos + starts - 1) - 1 - s->base);
	return pcre2_match(s->code->code, s->bytes + s->base, v->end - s->base, s->pos - s->base,
			   options, s->captures, s->context);
}

/* Where the latest match (i 0) or what may become one begins, and (i 1) ends. */
static uint32_t
found(const struct stream *s, uint32_t i)
{
	return s->base + (uint32_t)pcre2_get_ovector_pointer(s->captures)[i];
}

static void
groups_of(const struct stream *s, struct rules_refs *ret)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->captures);

	ret->n = s->group_n + 1 < RULES_REFS ? s->group_n + 1 : RULES_REFS;
	for (uint32_t i = 0; i < ret->n; i++) {
		PCRE2_SIZE from = at[2 * i], to = at[2 * i + 1];

		if (from == PCRE2_UNSET || from > to)
			ret->s[i] = slice_of("", 0);
		else
			ret->s[i] = slice_of(s->bytes + s->base + from, (uint32_t)(to - from));
	}
}

/* Everything before `at` is done with. */
static void
move_on(struct stream *s, uint32_t at)
{
	if (at != s->pos)
		s->was_empty = false;
	s->pos = at;
	s->want = s->wide = 0;
	s->is_vain = false;
	s->level -= s->level > 0;
}

/* A match from `from` to `to`; what is before it has been put out. */
static enum rules_fault
take_match(struct stream *s, uint32_t from, uint32_t to)
{
	struct slice text = { 0 };
	struct rules_refs groups;
	enum rules_fault fault;
	bool goes = false;

	groups_of(s, &groups);
	fault = s->on_match(s->ctx, &groups, &goes, &text);
	if (fault != RULES_FAULT_NONE)
		return fault;
	if (goes) {
		if (text.n > sizeof(s->text))
			return RULES_FAULT_LONG;
		if (text.n > 0)
			memcpy(s->text, text.p, text.n);
		s->owed = slice_of(s->text, text.n);
		s->from = to;
		if (s->left_n != UINT32_MAX)
			s->left_n--;
	}
	move_on(s, to);
	s->was_empty = from == to;
	return RULES_FAULT_NONE;
}

/*
 * An attempt that wants more than there is: another with a quarter more (twice, if that is there),
 * or the last. What is short is asked at each byte: somebody may wait for the text before it.
 */
static void
wait_from(struct stream *s, uint32_t at, uint32_t end)
{
	uint32_t length = end - at;

	if (at != s->pos)
		move_on(s, at);
	s->want = end + 1 + (length < WANT_MIN ? 0 : length / 4);
	s->wide = end + 1 + length;
	if (s->want > s->pos + BODY_TEXT_MAX)
		s->want = s->pos + BODY_TEXT_MAX;
}

enum step {
	STEP_ON,   /* pos has moved, or the same again with more steps */
	STEP_WAIT, /* for input */
	STEP_MATCH,
	STEP_NONE, /* no match in the rest of the body */
	STEP_FAULT,
};

/* ---- hops ---- */

static bool
is_swept(const struct stream *s, uint32_t at)
{
	uint8_t c = s->bytes[at];

	return c < 0x80 && (s->code->sweep[c / 64] >> c % 64 & 1) != 0;
}

/* The last place of the stretch that `at` is in, before `end`. */
static uint32_t
stretch_last(const struct stream *s, uint32_t at, uint32_t end)
{
	if (is_swept(s, at))
		while (at + 1 < end && is_swept(s, at + 1))
			at++;
	return at;
}

/* A match that begins at pos was looked for in all its room. */
static void
in_vain(struct stream *s)
{
	if (!s->code->hops) {
		move_on(s, pending_next(s, s->pos));
		return;
	}
	s->is_vain = true;
	s->hop_n = HOP_MOST;
}

/* One place further on in the stretch: pos goes there if it is in vain, too. */
static enum step
hop(struct stream *s, bool is_last, int64_t *work)
{
	uint32_t at = s->pos, far;
	struct view v;
	int rc;

	pending_stretch(s, is_last);
	if (!is_last && (s->valid_n == s->n || pending_is_cut(s, s->valid_n)) &&
	    s->valid_n <= at + s->hop_n + BODY_TEXT_MAX)
		return STEP_WAIT;
	far = stretch_last(s, at, min_of(s->valid_n, at + s->hop_n + 1));
	*work -= far - at;
	if (far == at) {
		move_on(s, pending_next(s, at));
		return STEP_ON;
	}
	s->pos = far;
	s->want = s->wide = far + BODY_TEXT_MAX;
	v = view_of(s, is_last);
	*work -= (int64_t)(CALL_WORK + steps_work(s) + (v.end - far) * runs_of(s));
	rc = ask(s, &v, 1, level[s->level].steps, v.is_body ? 0 : PCRE2_NOTEOL);
	s->want = s->wide = 0;
	if (rc == PCRE2_ERROR_NOMATCH)
		return STEP_ON;
	s->pos = at;
	if (rc == PCRE2_ERROR_MATCHLIMIT && s->level + 1 < LEVELS)
		s->level++;
	else if (rc < 0)
		return STEP_FAULT;
	else if (far == at + 1)
		move_on(s, far);
	else
		s->hop_n = (far - at) / 2;
	return STEP_ON;
}

/* ---- one call of PCRE2 ---- */

static enum step
no_match(struct stream *s, const struct view *v, uint32_t starts)
{
	if (starts <= v->end - s->pos) { /* these are done with, and what hops from them */
		uint32_t next = pending_next(s, s->pos + starts - 1);

		if (s->code->hops && next < v->end && is_swept(s, next - 1) && is_swept(s, next))
			next = stretch_last(s, next, v->end) + 1;
		move_on(s, next);
		return STEP_ON;
	}
	if (v->is_body)
		return STEP_NONE;
	move_on(s, v->is_final ? v->end + 1 : v->end);
	if (v->is_final)
		s->base = s->pos;
	return STEP_ON;
}

/* Of all that a match may see: there is none, or one that took the end of that for an end. */
static bool
is_vain(const struct stream *s, const struct view *v, int rc)
{
	return rc == PCRE2_ERROR_NOMATCH ||
	       (rc >= 0 && s->code->looks_ahead && found(s, 1) == v->end);
}

static enum step
look(struct stream *s, bool is_last, int64_t *work)
{
	struct view v;
	struct fit fit;
	uint32_t steps;
	int rc;

	if (s->is_vain)
		return hop(s, is_last, work);
	pending_stretch(s, is_last);
	v = view_of(s, is_last);
	if (!v.is_final && (v.end == s->pos || (s->valid_n < s->want && !is_last)))
		return STEP_WAIT;
	fit = v.is_longest
		      ? (struct fit){ 1, CALL_WORK + steps_work(s) + (v.end - s->pos) * runs_of(s) }
		      : fit_of(s, &v);
	steps = steps_fit(s, &v, &fit);
	*work -= (int64_t)fit.work;
	rc = ask(s, &v, fit.starts, steps,
		 v.is_body		      ? 0
		 : v.is_final || v.is_longest ? PCRE2_NOTEOL
					      : PCRE2_PARTIAL_HARD);
	if (rc == PCRE2_ERROR_PARTIAL) {
		wait_from(s, found(s, 0), v.end);
		return STEP_ON;
	}
	if (v.is_longest && is_vain(s, &v, rc)) {
		in_vain(s);
		return STEP_ON;
	}
	if (rc == PCRE2_ERROR_NOMATCH)
		return no_match(s, &v, fit.starts);
	if (rc == PCRE2_ERROR_MATCHLIMIT && s->level + 1 < LEVELS &&
	    steps == level[s->level].steps) {
		s->level++;
		return STEP_ON;
	}
	if (rc < 0 || found(s, 1) < found(s, 0)) /* \K behind the match's end */
		return STEP_FAULT;
	if (!v.is_final && !v.is_longest &&
	    found(s, 0) == v.end) { /* of nothing, where more may come */
		move_on(s, v.end);
		return STEP_ON;
	}
	return STEP_MATCH;
}

/* ---- a turn ---- */

static void
put_until(struct stream *s, uint32_t at, struct sink *to)
{
	s->from += sink_put(to, s->bytes + s->from, at - s->from);
}

enum rules_fault
stream_turn(struct stream *s, bool is_last, struct sink *to, int64_t *work, bool *ret_done)
{
	enum step step = STEP_ON;

	*ret_done = false;
	for (;;) {
		enum rules_fault fault;
		uint32_t from, end;

		sink_put_owed(to, &s->owed);
		put_until(s, s->pos, to);
		if (s->owed.n > 0 || s->from < s->pos || step == STEP_WAIT || *work <= 0)
			return RULES_FAULT_NONE;
		step = s->left_n == 0 ? STEP_NONE : look(s, is_last, work);
		if (step == STEP_FAULT)
			return RULES_FAULT_MATCH_LIMIT;
		if (step == STEP_NONE) {
			move_on(s, s->n);
			put_until(s, s->n, to);
			*ret_done = is_last && s->from == s->n;
			return RULES_FAULT_NONE;
		}
		if (step != STEP_MATCH)
			continue;
		from = found(s, 0);
		end = found(s, 1);
		put_until(s, from, to);
		if (s->from < from) { /* it is found again when there is room */
			move_on(s, from);
			return RULES_FAULT_NONE;
		}
		*work -= CALL_WORK;
		fault = take_match(s, from, end);
		if (fault != RULES_FAULT_NONE)
			return fault;
	}
}
