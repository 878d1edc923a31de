/*
 * stream.c - the matches of one regular expression in a body that is never there as a whole (14.5).
 *
 * Pending bytes lie in a window, with some bytes in front that the expression may look back at.
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
 * Work is bounded as in match.c: many starts at once with few steps for each; where these do not
 * suffice fewer with more, down to one start, and then it is a fault. A call that may need many
 * steps costs as if it did.
 */
#include "rules/body.h"
#include "rules/utf8.h"

enum {
	SEARCH_BYTES = 2048, /* that an attempt sees at first */
	CALL_WORK = 64,
	WANT_MIN = 32,
	LEVELS = 6,
};

/* Starts tried in one call of PCRE2, and steps for each of them: its match limit. */
static const struct {
	uint32_t starts, steps;
} level[LEVELS] = { { 1024, 16 },   { 64, 256 },    { 8, 2048 },
		    { 1, 1 << 14 }, { 1, 1 << 16 }, { 1, 1 << 18 } };

void
stream_init(struct stream *s, const pcre2_code *code, uint32_t group_n, uint32_t occurrences,
	    stream_match_fn *on_match, void *ctx)
{
	uint32_t characters = 0;

	s->code = code;
	s->on_match = on_match;
	s->ctx = ctx;
	s->group_n = group_n;
	pcre2_pattern_info(code, PCRE2_INFO_MAXLOOKBEHIND, &characters);
	/* UTF-8, and where the first of them is cut. */
	s->look_back =
		characters < (STREAM_LOOK_BACK - 8) / 4 ? 4 * characters + 8 : STREAM_LOOK_BACK;
	s->left_n = occurrences != 0 ? occurrences : UINT32_MAX;
	s->from = s->pos = s->n = s->base = s->valid_n = s->want = 0;
	s->level = 0;
	s->is_begin = true;
	s->was_empty = false;
	s->owed = (struct slice){ 0 };
}

/* ---- the window ---- */

static bool
is_tail(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/* The first byte that must stay: what may be looked back at, from a character's begin on. */
static uint32_t
keep_from(const struct stream *s)
{
	uint32_t at = s->from > s->look_back ? s->from - s->look_back : 0;

	for (uint32_t i = 0; i < 3 && at > 0 && at < s->from && is_tail(s->bytes[at]); i++)
		at++;
	return at;
}

uint8_t *
stream_room(struct stream *s, uint32_t *ret_n)
{
	uint32_t cut = keep_from(s);

	/* Not for a few bytes: each byte is moved once or twice, however small the pieces. */
	if (cut > 0 && (s->n == STREAM_BYTES || cut == s->n || cut >= STREAM_SLACK / 2)) {
		memmove(s->bytes, s->bytes + cut, s->n - cut);
		s->from -= cut;
		s->pos -= cut;
		s->n -= cut;
		s->base = s->base > cut ? s->base - cut : 0;
		s->valid_n = s->valid_n > cut ? s->valid_n - cut : 0;
		s->want = s->want > cut ? s->want - cut : 0;
		s->is_begin = false;
	}
	*ret_n = STREAM_BYTES - s->n;
	return s->bytes + s->n;
}

void
stream_added(struct stream *s, uint32_t n)
{
	s->n += n;
}

/* The begin of the character that `at` is in; all of it is valid UTF-8. */
static uint32_t
whole_until(const struct stream *s, uint32_t at)
{
	while (at < s->n && at > 0 && is_tail(s->bytes[at]))
		at--;
	return at;
}

static uint32_t
next_start(const struct stream *s, uint32_t at)
{
	at++;
	while (at < s->n && is_tail(s->bytes[at]))
		at++;
	return at;
}

/* ---- UTF-8: a match lies in a stretch of valid characters ---- */

/* The first byte from `at` on that begins no valid character. */
static uint32_t
valid_until(const struct stream *s, uint32_t at)
{
	while (at < s->n) {
		uint64_t word;
		uint32_t c, n;

		if (s->n - at >= sizeof(word)) {
			memcpy(&word, s->bytes + at, sizeof(word));
			if ((word & 0x8080808080808080ull) == 0) {
				at += sizeof(word);
				continue;
			}
		}
		n = utf8_parse(s->bytes + at, s->n - at, &c);
		if (n == 0)
			break;
		at += n;
	}
	return at;
}

/* Whether more bytes could make a character of the last ones. */
static bool
is_unknown(const struct stream *s, uint32_t at)
{
	static const uint8_t tails[] = { 0x80, 0x90, 0xa0 };
	uint8_t c[UTF8_MAX];
	uint32_t n = s->n - at, left = UTF8_MAX - n, code;

	if (n == 0 || n >= UTF8_MAX || s->bytes[at] < 0xc2)
		return false;
	memcpy(c, s->bytes + at, n);
	for (uint32_t i = 0; i < sizeof(tails); i++) {
		memset(c + n, tails[i], left);
		if (utf8_parse(c, UTF8_MAX, &code) > n)
			return true;
	}
	return false;
}

/*
 * Passes bytes at pos that begin no character (but first their place is tried, behind others), and learns
 * how far those go that follow.
 */
static void
stretch(struct stream *s, bool is_last)
{
	while (s->pos < s->n) {
		bool is_tried = s->base == s->pos && !(s->is_begin && s->pos == 0);

		if (s->valid_n < s->pos)
			s->valid_n = s->pos;
		s->valid_n = valid_until(s, s->valid_n);

		if (s->valid_n > s->pos || !is_tried || (!is_last && is_unknown(s, s->pos)))
			return;
		s->pos++;
		s->base = s->pos;
		s->was_empty = false;
		s->want = 0;
		s->level = 0;
	}
	if (s->valid_n < s->pos)
		s->valid_n = s->pos;
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
	v.is_final = v.is_body || (v.end < s->n && (is_last || !is_unknown(s, v.end)));
	if (v.end > most)
		v = (struct view){ .end = whole_until(s, most), .is_longest = true };
	/* Many starts are tried on a part; one that needs more says so and is given more. */
	if (s->want > least)
		least = s->want;
	if (v.end > least)
		v = (struct view){ .end = whole_until(s, least) };
	return v;
}

/* Looks for a match that starts at pos, or at one of the next. */
static int
ask(struct stream *s, const struct view *v, uint32_t starts, uint32_t options, int64_t *work)
{
	uint32_t steps = level[s->level].steps;

	options |= PCRE2_NO_UTF_CHECK; /* stretch() has seen to it */
	if (s->was_empty)
		options |= PCRE2_NOTEMPTY_ATSTART;
	if (!s->is_begin || s->base > 0)
		options |= PCRE2_NOTBOL;
	pcre2_set_match_limit(s->context, steps);
	pcre2_set_offset_limit(s->context, s->pos - s->base + starts - 1);
	*work -= CALL_WORK + (s->level > 0 ? starts * steps : min_of(starts, v->end - s->pos));
	return pcre2_match(s->code, s->bytes + s->base, v->end - s->base, s->pos - s->base, options,
			   s->captures, s->context);
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
	s->want = 0;
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
 * An attempt that wants more than there is: another with a quarter more, or the last. What is
 * short is asked at each byte: somebody may wait for the text before it.
 */
static void
wait_from(struct stream *s, uint32_t at, uint32_t end)
{
	uint32_t length = end - at;

	if (at != s->pos)
		move_on(s, at);
	s->want = end + 1 + (length < WANT_MIN ? 0 : length / 4);
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

static enum step
no_match(struct stream *s, const struct view *v)
{
	uint32_t starts = level[s->level].starts;

	if (starts <= v->end - s->pos) { /* these are done with */
		move_on(s, next_start(s, s->pos + starts - 1));
		return STEP_ON;
	}
	if (v->is_body)
		return STEP_NONE;
	move_on(s, v->is_final ? v->end + 1 : v->end);
	if (v->is_final)
		s->base = s->pos;
	return STEP_ON;
}

/* One call of PCRE2, at pos. */
static enum step
look(struct stream *s, bool is_last, int64_t *work)
{
	struct view v;
	int rc;

	stretch(s, is_last);
	v = view_of(s, is_last);
	if (!v.is_final && (v.end == s->pos || (s->valid_n < s->want && !is_last)))
		return STEP_WAIT;
	rc = ask(s, &v, level[s->level].starts,
		 v.is_body    ? 0
		 : v.is_final ? PCRE2_NOTEOL
			      : PCRE2_PARTIAL_HARD,
		 work);
	if (rc == PCRE2_ERROR_PARTIAL) {
		if (!v.is_longest || found(s, 0) != s->pos) {
			wait_from(s, found(s, 0), v.end);
			return STEP_ON;
		}
		rc = ask(s, &v, 1, PCRE2_NOTEOL, work);
		if (rc == PCRE2_ERROR_NOMATCH) {
			move_on(s, next_start(s, s->pos));
			return STEP_ON;
		}
	}
	if (rc == PCRE2_ERROR_NOMATCH)
		return no_match(s, &v);
	if (rc == PCRE2_ERROR_MATCHLIMIT && s->level + 1 < LEVELS) {
		s->level++;
		return STEP_ON;
	}
	if (rc < 0 || found(s, 1) < found(s, 0)) /* \K behind the match's end */
		return STEP_FAULT;
	if (!v.is_final && found(s, 0) == v.end) { /* of nothing, where more may come */
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
