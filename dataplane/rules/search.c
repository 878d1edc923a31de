/*
 * search.c - one pattern and one string: PCRE2 with bounded work.
 *
 * PCRE2 limits the steps of a match from each place where it begins, but neither the number of
 * places nor what a step costs: a step that begins a repeat may run over all that the repeat can
 * pass from there, and back (reach.c). So a long string is searched in windows of few places, each
 * with few steps. A window pays before it is asked, for the most that it can take: for its bytes,
 * for its places and their steps, and for as many runs as a place can begin, in steps or at all.
 * When the steps do not suffice, PCRE2 has stopped at a place that wants more, and which that was
 * is found by smaller windows. Honest matches are cheap; hostile ones end in time, with a fault.
 *
 * Units: work is nanoseconds of a machine of today.  bench/micro/bench_patterns.c measures.
 */
#include <string.h>

#include "rules/state.h"
#include "rules/walk.h"

enum {
	CALL_WORK = 64,
	CHECK_WORK = 1, /* of a call, a byte of a string that is not UTF-8 */
	BYTE_WORK = 1,	/* of a window: looked at here, and there for a place to begin */
	PLACE_WORK = 6, /* where a match does not begin after all */
	SWEPT_WORK = 1, /* ... where its first repeat has failed */
	PRELUDE_WORK = 4,
	START_WORK = 12,
	STEP_WORK = 4,
	GROUP_WORK = 7,	   /* ... that is one time of a group */
	RUN_WORK = 1,	   /* a byte run over, and back */
	WALK_WORK = 3,	   /* a byte of a run looked at here */
	DEAR_WORK = 2,	   /* ... of a string, for stretches of dear ones */
	LAST_BYTES = 16,   /* looked through for a unit */
	SLOW_WORK = 16,	   /* times as much without machine code */
	MATCH_SHIFT = 1,   /* of the rest of the string, for a match */
	SHORT_BYTES = 128, /* so short a string is one window */
	SHORT_WORK = 2048, /* ... if that costs no more */

	STEPS = 4,	      /* from each place, for a start */
	STEPS_SINGLE = 64,    /* from the only place, */
	SINGLE_WORK = 8192,   /* if they cost no more */
	STEPS_MOST_EACH = 64, /* from each of many */
	STEPS_MOST = 1 << 28,
	STEPS_FACTOR = 4,
	WINDOW_STARTS = 64,
	WINDOW_STARTS_RAW = 1024, /* where a call is dear */
	WINDOW_WORK = 1 << 16,	  /* a window that may cost more is made smaller */
	WINDOW_FACTOR = 8,
};

/* Matches that begin from `from` to `to`. */
struct window {
	uint32_t from, to;
	uint32_t start_n; /* places where one may begin */
	uint32_t place_n; /* places that look so at first */
	uint32_t swept_n; /* places where one does not begin again */
	uint64_t run_n;	  /* bytes that repeats may pass, of all starts together */
};

struct search {
	struct rules_lane *l;
	const struct rules_code *code;
	struct slice s;
	uint32_t end_n; /* matches begin before it, or there if it is the string's end */
	bool is_slow;
	bool sweeps;
	uint32_t entry_n, again_n;
	uint32_t dear_n; /* bytes of the longest stretch that a dear repeat can run over */
	uint32_t steps;	 /* from each place of a window */
	uint32_t swept;	 /* up to here the first repeat has run */
	struct walk walk;
	struct walk from; /* at the begin of the window */
};

/* ---- how far ---- */

/* The longest stretch of bytes of code->dear. */
static uint32_t
dear_stretch(const struct rules_code *code, struct slice s)
{
	uint32_t most = 0, n = 0;

	for (uint32_t i = 0; i < s.n; i++) {
		n = (code->dear[s.p[i] / 64] >> s.p[i] % 64 & 1) != 0 ? n + 1 : 0;
		most = n > most ? n : most;
	}
	return most;
}

/* How often repeats can be begun again in a string. */
static uint32_t
again_of(const struct rules_code *code, struct slice s)
{
	uint64_t n = 0;

	if (code->gated_n == 0)
		return code->again_n;
	for (uint32_t i = 0; i < s.n; i++)
		n += code->gate[s.p[i] / 64] >> s.p[i] % 64 & 1;
	n *= code->gated_n;
	return n < code->again_n ? (uint32_t)n : code->again_n;
}

/* Whether the first repeat begins anew at a start, and has run on from there. */
static bool
is_swept(struct search *k, uint32_t at)
{
	const uint64_t *sweep = k->code->sweep;
	struct slice s = k->s;

	if (!k->sweeps)
		return false;
	if (at < k->swept)
		return true;
	while (at < s.n && s.p[at] < 0x80 && (sweep[s.p[at] / 64] >> s.p[at] % 64 & 1) != 0)
		at++;
	k->swept = at;
	return false;
}

/* ---- windows ---- */

/*
 * The window that begins at `from` and has at most so many starts; the walk is not behind it. What
 * is swept does not count: machine code passes it by, but remembers no longer than a call.
 */
static struct window
window_of(struct search *k, uint32_t from, uint32_t start_n)
{
	const struct rules_code *code = k->code;
	struct window w = { .from = from, .to = from };
	struct slice s = k->s;
	uint32_t walked = k->walk.end;

	k->swept = 0;
	for (; w.to < k->end_n; w.to++) {
		if ((code->lead[s.p[w.to]] & 1) == 0)
			continue;
		if (!is_start(code, s.p + w.to, s.n - w.to)) {
			w.place_n++;
			continue;
		}
		if (is_swept(k, w.to)) {
			w.swept_n++;
			continue;
		}
		if (w.start_n == start_n)
			break;
		w.place_n++;
		w.start_n++;
		if (k->entry_n + k->again_n > 0)
			w.run_n += walk_to(&k->walk, code, s, w.to);
	}
	if (w.start_n == start_n)
		w.to--; /* what is there is of the next; the end, too */
	else if (k->end_n < s.n)
		w.to = s.n;
	else
		w.place_n++; /* the end, where an empty match may be */
	walked = k->walk.end - (k->walk.end < walked ? 0 : walked);
	k->l->work_left -= (int64_t)(w.to - from) * BYTE_WORK + (int64_t)walked * WALK_WORK;
	return w;
}

static uint32_t
min_of(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Three quarters more than the constants say: for processors that run machine code more slowly. */
static void
pay(struct search *k, uint64_t work)
{
	if (k->is_slow)
		work *= SLOW_WORK;
	k->l->work_left -= (int64_t)(CALL_WORK + work + work * 3 / 4);
}

static uint64_t
steps_work(const struct search *k, const struct window *w, uint32_t steps)
{
	uint64_t start_n = w->start_n > 0 ? w->start_n : 1, dear_n = start_n * k->dear_n;
	uint64_t step_work = k->code->repeats_groups ? GROUP_WORK : STEP_WORK;

	return start_n * steps * step_work + w->run_n * RUN_WORK * k->entry_n +
	       (dear_n < w->run_n ? dear_n : w->run_n) * RUN_WORK * min_of(steps, k->again_n);
}

/* One attempt; PCRE2's answer. */
static int
attempt(struct search *k, const struct window *w, uint32_t steps)
{
	struct rules_lane *l = k->l;
	const pcre2_code *regex = l->is_utf8 ? k->code->code : k->code->raw;
	uint32_t options = l->is_utf8 ? PCRE2_NO_UTF_CHECK : 0;

	if (!l->is_utf8) /* each call looks for where characters end */
		l->work_left -= (int64_t)k->s.n * CHECK_WORK;
	if (l->work_left < 0)
		return PCRE2_ERROR_MATCHLIMIT;
	pcre2_set_match_limit(l->context, steps);
	pcre2_set_offset_limit(l->context, w->to);
	l->regex_n++;
	return pcre2_match(regex, k->s.p, k->s.n, w->from, options, l->captures, l->context);
}

/*
 * A window with one start, or the whole of a string. Where nothing is begun again, a place is done
 * when all runs are given back, byte by byte.
 */
static int
window_insist(struct search *k, const struct window *w, uint32_t steps)
{
	int rc = PCRE2_ERROR_MATCHLIMIT;

	while (rc == PCRE2_ERROR_MATCHLIMIT && k->l->work_left >= 0) {
		pay(k, steps_work(k, w, steps));
		rc = attempt(k, w, steps);
		steps = min_of(steps, STEPS_MOST) * STEPS_FACTOR;
		if (k->again_n == 0 && steps < w->run_n)
			steps = (uint32_t)w->run_n + STEPS_SINGLE;
	}
	return rc;
}

/* ---- strings ---- */

static bool
is_single(const struct search *k)
{
	return k->code->starts == RULES_STARTS_ONE ||
	       (k->code->starts == RULES_STARTS_LINE && memchr(k->s.p, '\n', k->s.n) == NULL);
}

/* A match can begin at one place. */
static int
single_ask(struct search *k)
{
	struct window w = { .to = k->s.n, .start_n = 1, .place_n = 1, .run_n = k->s.n };
	uint32_t steps = STEPS_SINGLE;

	while (steps > STEPS && steps_work(k, &w, steps) > SINGLE_WORK)
		steps /= 2;
	return window_insist(k, &w, steps);
}

/* In one window, if that is cheap at worst; else MATCHLIMIT, and nothing is lost. */
static int
short_ask(struct search *k)
{
	uint32_t n = k->s.n;
	struct window w = { .to = n, .start_n = n + 1, .place_n = n + 1 };

	w.run_n = k->entry_n + k->again_n == 0 ? 0 : (uint64_t)n * (n + 1) / 2;
	if (k->is_slow || steps_work(k, &w, k->steps) > SHORT_WORK)
		return PCRE2_ERROR_MATCHLIMIT;
	pay(k, n + steps_work(k, &w, k->steps));
	return attempt(k, &w, k->steps);
}

/* A window that begins at k->from, of at most so many starts, and fewer if they are dear. */
static struct window
window_fit(struct search *k, uint32_t from, uint32_t start_n)
{
	struct window w = window_of(k, from, start_n);

	while (w.start_n > 1 && steps_work(k, &w, k->steps) > WINDOW_WORK) {
		k->walk = k->from;
		w = window_of(k, from, (w.start_n + WINDOW_FACTOR - 1) / WINDOW_FACTOR);
	}
	return w;
}

/* What a match begins with is looked at before its repeat is known to fail. */
static uint64_t
swept_work(const struct search *k, const struct window *w)
{
	return (uint64_t)w->swept_n * (k->code->has_prelude ? PRELUDE_WORK : SWEPT_WORK);
}

/* One window; in *w the part of it that was answered. */
static int
window_ask(struct search *k, struct window *w)
{
	int rc;

	for (;;) {
		pay(k, (uint64_t)(w->to - w->from) * BYTE_WORK + w->place_n * PLACE_WORK +
			       swept_work(k, w) + w->start_n * START_WORK +
			       steps_work(k, w, k->steps));
		rc = attempt(k, w, k->steps);
		if (rc != PCRE2_ERROR_MATCHLIMIT || w->start_n <= 1)
			break;
		k->walk = k->from;
		*w = window_of(k, w->from, (w->start_n + WINDOW_FACTOR - 1) / WINDOW_FACTOR);
	}
	if (rc == PCRE2_ERROR_MATCHLIMIT) {
		rc = window_insist(k, w, k->steps * STEPS_FACTOR);
		k->steps = min_of(k->steps * 2, STEPS_MOST_EACH);
	}
	return rc;
}

static int
windows_ask(struct search *k)
{
	struct window w = { 0 };
	int rc;

	for (uint32_t from = 0;; from = w.to + 1) {
		if (k->walk.at > from)
			k->walk = (struct walk){ 0 };
		k->from = k->walk;
		w = window_fit(k, from, k->l->is_utf8 ? WINDOW_STARTS : WINDOW_STARTS_RAW);
		rc = window_ask(k, &w);
		if (rc != PCRE2_ERROR_NOMATCH || w.to >= k->s.n)
			return rc;
	}
}

/* "$" ends what "." repeats only where there is one line of characters. */
static bool
ends_well(const struct rules_lane *l, const struct rules_code *code, struct slice s)
{
	return !code->ends_with_line || (l->is_utf8 && memchr(s.p, '\n', s.n) == NULL);
}

static uint32_t
last_of(struct slice s, uint8_t c)
{
	const uint8_t *at = memrchr(s.p, c, s.n);

	return at == NULL ? 0 : (uint32_t)(at - s.p) + 1;
}

/* Of a string that is looked at closely: false: no match is possible. */
static bool
look(struct search *k)
{
	int16_t last = k->code->last;
	uint32_t a, b;

	if (last >= 0) {
		k->l->work_left -= k->s.n / LAST_BYTES;
		a = last_of(k->s, (uint8_t)last);
		b = last >= 'a' && last <= 'z' ? last_of(k->s, (uint8_t)(last ^ 0x20)) : 0;
		k->end_n = a > b ? a : b;
		if (k->end_n == 0)
			return false;
	}
	if (k->again_n > 0 && k->again_n == k->code->again_n) {
		k->dear_n = dear_stretch(k->code, k->s);
		k->l->work_left -= (int64_t)k->s.n * DEAR_WORK * 2;
		k->again_n = again_of(k->code, k->s);
	}
	return true;
}

static int
ask(struct search *k)
{
	bool has_one = is_single(k);
	int rc;

	if (k->s.n <= SHORT_BYTES) {
		rc = has_one ? single_ask(k) : short_ask(k);
		if (has_one || rc != PCRE2_ERROR_MATCHLIMIT)
			return rc;
	}
	if (!look(k))
		return PCRE2_ERROR_NOMATCH;
	return has_one ? single_ask(k) : windows_ask(k);
}

bool
search_pattern(struct rules_lane *l, const struct rules_code *code, struct slice s,
	       bool *ret_matches)
{
	struct search k = { .l = l,
			    .code = code,
			    .s = s.n == 0 ? slice_of("", 0) : s,
			    .end_n = s.n,
			    .dear_n = s.n,
			    .is_slow = code->is_slow || !l->is_utf8,
			    .entry_n = code->entry_n,
			    .again_n = code->again_n,
			    .steps = STEPS };
	int rc;

	k.sweeps = code->sweeps && !k.is_slow;
	if (!ends_well(l, code, k.s))
		k.again_n = RULES_ENTRIES;
	rc = ask(&k);
	if (rc >= 0 && s.n > SHORT_BYTES) /* what a match itself runs over is in no window */
		l->work_left -= s.n >> MATCH_SHIFT;
	*ret_matches = rc >= 0;
	return rc >= 0 || rc == PCRE2_ERROR_NOMATCH;
}
