/*
 * body.c - a response's body through its rules (14.3, 14.5): a line of stages, each of which gives
 * the next what it has made.
 *
 *   body -> [charset to UTF-8] -> rules, in their order -> [UTF-8 to charset] -> body
 *
 * Rules about tags that follow each other share one stage, and each value goes through all of them
 * (14.3); a rule about the body is a stage of its own. Between stages lie pipes of a few kilobytes;
 * the last stage that can do something goes first, so a full pipe stops those before it.
 *
 * A matched rule with STOP ends what follows it: for a value, the rules behind it; for the body,
 * the stages behind it look at what was before this match and at nothing that comes after.
 */
#include <string.h>

#include "base/ensure.h"
#include "rules/fields.h"
#include "rules/stages.h"

enum {
	STAGES_MAX = 34, /* and so many rules about the body, less two for charsets */
	TAG_NAMES = 16,
};

/* The documented attributes (14.3), by standard tag. */
static const struct {
	uint8_t tag_i;
	const char *tag, *attribute;
} standard[TAG_NAMES] = {
	{ 0, "a", "href" },	  { 1, "area", "href" },    { 2, "base", "href" },
	{ 3, "form", "action" },  { 4, "frame", "src" },    { 4, "frame", "longdesc" },
	{ 5, "head", "profile" }, { 6, "iframe", "src" },   { 6, "iframe", "longdesc" },
	{ 7, "img", "src" },	  { 7, "img", "longdesc" }, { 7, "img", "usemap" },
	{ 8, "input", "src" },	  { 8, "input", "usemap" }, { 9, "link", "href" },
	{ 10, "script", "src" },
};

/* ---- how much memory ---- */

static size_t
round_up(size_t n)
{
	return (n + 15) & ~(size_t)15;
}

static uint32_t
want_n_of(const struct img_out_rule *rule)
{
	uint32_t custom = (rule->flags & IMG_RULE_TAGS_CUSTOM) != 0 ? rule->tag_n : 0;

	return TAG_NAMES + custom;
}

/* How many of the rules from the first on are one stage. */
static uint32_t
stage_rules(const struct img *img, const uint32_t *rule, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && i < TAGS_RULES_MAX && img_out_rule(img, rule[i])->kind == IMG_OUT_TAGS)
		i++;
	return i > 0 ? i : 1;
}

static bool
is_tags(const struct img *img, uint32_t rule_i)
{
	return img_out_rule(img, rule_i)->kind == IMG_OUT_TAGS;
}

static const struct charset *
charset_here(const struct rules_lane *l)
{
	struct slice type;

	if (!field_view(l, true, SLICE("content-type"), &type))
		return NULL;
	return charset_of(type);
}

size_t
rules_body_bytes(const struct rules *rules, uint32_t lane_i, const struct rules_reply *reply)
{
	const struct rules_lane *l = &rules->lane[lane_i];
	const uint32_t *rule = reply->body_rule;
	uint32_t stage_n = charset_here(l) != NULL ? 2 : 0;
	size_t n = round_up(sizeof(struct rules_body));

	for (uint32_t i = 0, k; i < reply->body_rule_n; i += k) {
		k = stage_rules(l->img, rule + i, reply->body_rule_n - i);
		stage_n++;
		if (!is_tags(l->img, rule[i])) {
			n += round_up(sizeof(struct stream));
			continue;
		}
		n += round_up(sizeof(struct tags));
		for (uint32_t j = i; j < i + k; j++)
			n += round_up(want_n_of(img_out_rule(l->img, rule[j])) *
				      sizeof(struct tags_want));
	}
	if (stage_n > STAGES_MAX)
		return 0;
	n += round_up(stage_n * sizeof(struct stage));
	n += round_up(2 * reply->body_rule_n * sizeof(uint32_t));
	return n + round_up(snapshot_bytes(l));
}

/* ---- making it ---- */

static void *
carve(uint8_t **at, size_t n)
{
	void *p = *at;

	*at += round_up(n);
	return p;
}

static struct slice
text_of(const struct img *img, struct img_str s)
{
	return slice_of(img_text(img, s), s.n);
}

/* The stage's rules about a standard tag. */
static uint64_t
rules_about(const struct img *img, const struct stage *s, uint32_t tag_i)
{
	uint64_t rules = 0;

	for (uint32_t i = 0; i < s->rule_n; i++)
		rules |= (uint64_t)(img_out_rule(img, s->rule[i])->tags >> tag_i & 1) << i;
	return rules;
}

/* A standard tag once, however many rules want it. */
static uint32_t
wants_fill(const struct img *img, const struct stage *s, struct tags_want *want)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < TAG_NAMES; k++) {
		const char *tag = standard[k].tag, *attribute = standard[k].attribute;
		uint64_t rules = rules_about(img, s, standard[k].tag_i);

		if (rules != 0)
			want[n++] = (struct tags_want){
				slice_of(tag, (uint32_t)strlen(tag)),
				slice_of(attribute, (uint32_t)strlen(attribute)), rules
			};
	}
	for (uint32_t i = 0; i < s->rule_n; i++) {
		const struct img_out_rule *rule = img_out_rule(img, s->rule[i]);
		bool has_custom = (rule->flags & IMG_RULE_TAGS_CUSTOM) != 0;

		for (uint32_t k = 0; has_custom && k < rule->tag_n; k++) {
			const struct img_tag *tag = img_tag(img, rule->first_tag + k);

			want[n++] = (struct tags_want){ text_of(img, tag->tag),
							text_of(img, tag->attribute), 1ull << i };
		}
	}
	return n;
}

static bool
is_xml(const struct rules_lane *l)
{
	struct slice type;

	if (!field_view(l, true, SLICE("content-type"), &type))
		return false;
	for (uint32_t i = 0; i + 3 <= type.n && type.p[i] != ';'; i++)
		if (slice_eq_nocase(slice_of(type.p + i, 3), SLICE("xml")))
			return true;
	return false;
}

static struct stage *
stage_add(struct rules_body *b, enum stage_kind kind, const uint32_t *rule, uint32_t rule_n)
{
	struct stage *s = &b->stage[b->stage_n++];

	s->body = b;
	s->kind = (uint8_t)kind;
	s->has_ended = s->is_raw = s->is_done = false;
	s->cut = NO_CUT;
	s->at = s->n = 0;
	s->rule = rule;
	s->rule_n = rule_n;
	s->tags = NULL;
	s->stream = NULL;
	return s;
}

static void
tags_add(struct rules_body *b, const uint32_t *rule, uint32_t rule_n, uint8_t **at)
{
	const struct rules_lane *l = b->lane;
	struct stage *s = stage_add(b, STAGE_TAGS, rule, rule_n);
	uint32_t room = 0, n;

	for (uint32_t i = 0; i < rule_n; i++)
		room += want_n_of(img_out_rule(l->img, rule[i]));
	s->want = carve(at, room * sizeof(*s->want));
	n = wants_fill(l->img, s, s->want);
	ensure(n <= room);
	s->tags = carve(at, sizeof(*s->tags));
	tags_init(s->tags, s->want, n, is_xml(l), part_on_value, s);
}

static void
search_add(struct rules_body *b, const uint32_t *rule, uint8_t **at)
{
	const struct rules_lane *l = b->lane;
	const struct img_out_rule *r = img_out_rule(l->img, rule[0]);
	struct stage *s = stage_add(b, STAGE_SEARCH, rule, 1);

	s->stream = carve(at, sizeof(*s->stream));
	stream_init(s->stream, &b->rules->code[r->pattern_i],
		    img_pattern(l->img, r->pattern_i)->group_n, r->occurrences, part_on_match, s);
}

static uint32_t
scope_find(const struct rules_lane *l, const struct img_listener *listener, uint32_t rule_i)
{
	for (uint32_t i = 0; i < listener->bind_n; i++) {
		uint32_t scope_i = img_bind(l->img, listener->first_bind + i)->scope_i;
		const struct img_scope *scope = img_scope(l->img, scope_i);

		if (scope->kind == IMG_SCOPE_OUTBOUND && rule_i - scope->first_rule < scope->rule_n)
			return scope_i;
	}
	ensure(false); /* rules_response found it there */
}

static void
rules_keep(struct rules_body *b, uint32_t listener_i, const struct rules_reply *reply, uint8_t **at)
{
	const struct img_listener *listener = img_listener(b->lane->img, listener_i);

	b->rule_n = reply->body_rule_n;
	b->rule = carve(at, 2 * b->rule_n * sizeof(uint32_t));
	b->scope = b->rule + b->rule_n;
	for (uint32_t i = 0; i < b->rule_n; i++) {
		b->rule[i] = reply->body_rule[i];
		b->scope[i] = scope_find(b->lane, listener, b->rule[i]);
	}
}

struct rules_body *
rules_body_init(void *memory, size_t n, struct rules *rules, uint32_t lane_i, uint32_t listener_i,
		const struct rules_reply *reply, const struct rules_trace *trace)
{
	size_t need = rules_body_bytes(rules, lane_i, reply);
	uint8_t *at = memory;
	struct rules_body *b = carve(&at, sizeof(*b));
	const struct charset *charset = charset_here(&rules->lane[lane_i]);

	ensure(need != 0 && need <= n && (uintptr_t)memory % 16 == 0);
	*b = (struct rules_body){ .rules = rules,
				  .lane = &rules->lane[lane_i],
				  .trace = trace,
				  .charset = charset,
				  .fault_rule = IMG_NONE };
	rules_keep(b, listener_i, reply, &at);
	b->stage = (void *)at; /* as many as will be added */
	for (uint32_t i = 0; i < b->rule_n;
	     i += stage_rules(b->lane->img, b->rule + i, b->rule_n - i))
		b->stage_n++;
	b->stage_n += charset != NULL ? 2 : 0;
	at += round_up(b->stage_n * sizeof(struct stage));
	b->stage_n = 0;
	if (charset != NULL)
		stage_add(b, STAGE_DECODE, NULL, 0);
	for (uint32_t i = 0, k; i < b->rule_n; i += k) {
		k = stage_rules(b->lane->img, b->rule + i, b->rule_n - i);
		if (is_tags(b->lane->img, b->rule[i]))
			tags_add(b, b->rule + i, k, &at);
		else
			search_add(b, b->rule + i, &at);
	}
	if (charset != NULL)
		stage_add(b, STAGE_ENCODE, NULL, 0);
	at = snapshot_take(&b->snapshot, b->lane, at);
	ensure((size_t)(at - (uint8_t *)memory) <= need);
	return b;
}

/* ---- a stage's turn ---- */

static enum rules_fault
search_turn(struct stage *s, struct slice *in, bool is_last, struct sink *to, bool *ret_done)
{
	uint32_t room;
	uint8_t *p = stream_room(s->stream, &room);
	uint32_t n = in->n < room ? in->n : room;

	if (n > 0)
		memcpy(p, in->p, n);
	stream_added(s->stream, n);
	*in = slice_of(in->p + n, in->n - n);
	s->stream->context = s->body->lane->context;
	s->stream->captures = s->body->lane->captures;
	return stream_turn(s->stream, is_last && in->n == 0, to, &s->body->work, ret_done);
}

static enum rules_fault
look_turn(struct stage *s, struct slice *in, bool is_last, struct sink *to, bool *ret_done)
{
	enum rules_fault fault = RULES_FAULT_NONE;
	uint32_t n = in->n;

	switch ((enum stage_kind)s->kind) {
	case STAGE_DECODE:
		charset_decode(s->body->charset, in, to);
		*ret_done = is_last && in->n == 0;
		break;
	case STAGE_ENCODE:
		charset_encode(s->body->charset, &s->body->owed, in, is_last, to);
		*ret_done = is_last && in->n == 0 && s->body->owed.text.n == 0;
		break;
	case STAGE_TAGS:
		fault = tags_turn(s->tags, in, is_last, to, &s->body->work, ret_done);
		break;
	case STAGE_SEARCH:
		fault = search_turn(s, in, is_last, to, ret_done);
		break;
	}
	n -= in->n;
	s->body->work -= n; /* copied */
	if (fault != RULES_FAULT_NONE && s->body->fault_rule == IMG_NONE && s->rule_n > 0)
		s->body->fault_rule = s->rule[0];
	return fault;
}

/* What the stage was to look at is done; the rest passes, and so it does behind it. */
static void
pass_rest(struct stage *s)
{
	s->is_raw = true;
	s->cut = NO_CUT;
	part_stop(s);
}

/* One stage from its pipe to `to`. */
static enum rules_fault
stage_turn(struct stage *s, struct sink *to)
{
	uint32_t end = s->cut != NO_CUT ? (uint32_t)s->cut : s->n;
	bool is_last = s->cut != NO_CUT || s->has_ended, is_done = false;
	struct slice in = slice_of(s->pipe + s->at, end - s->at);
	enum rules_fault fault = RULES_FAULT_NONE;

	s->body->sink = to;
	if (s->is_raw) {
		uint32_t n = sink_put(to, in.p, in.n);

		in = slice_of(in.p + n, in.n - n);
		is_done = is_last && in.n == 0;
	} else {
		fault = look_turn(s, &in, is_last, to, &is_done);
	}
	s->at = (uint32_t)(in.p - s->pipe);
	if (is_done && s->cut != NO_CUT) {
		pass_rest(s);
		is_done = s->has_ended && s->at == s->n;
	}
	s->is_done = is_done;
	return fault;
}

/* Room in a pipe; bytes that are used make way. */
static struct sink
pipe_room(struct stage *s)
{
	if (s->at == s->n && s->cut == NO_CUT) {
		s->at = s->n = 0;
	} else if (s->n == PIPE_BYTES && s->at > 0) {
		memmove(s->pipe, s->pipe + s->at, s->n - s->at);
		s->cut = s->cut != NO_CUT ? s->cut - (int32_t)s->at : NO_CUT;
		s->n -= s->at;
		s->at = 0;
	}
	return (struct sink){ s->pipe + s->n, PIPE_BYTES - s->n };
}

/* ---- a turn of the body ---- */

/* One stage; *ret_moved: it did something. */
static enum rules_fault
step(struct rules_body *b, uint32_t i, struct sink *out, bool *ret_moved)
{
	struct stage *s = &b->stage[i], *next = i + 1 < b->stage_n ? s + 1 : NULL;
	struct sink to = next != NULL ? pipe_room(next) : *out;
	uint32_t to_n = to.n, at = s->at;
	bool was_done = s->is_done, was_raw = s->is_raw;
	int64_t work = b->work;
	enum rules_fault fault;

	if (s->is_done || to.n == 0)
		return RULES_FAULT_NONE;
	fault = stage_turn(s, &to);
	if (next != NULL) {
		next->n += to_n - to.n;
		next->has_ended = s->is_done;
	} else {
		*out = to;
	}
	*ret_moved = *ret_moved || to.n != to_n || s->at != at || s->is_done != was_done ||
		     s->is_raw != was_raw || (b->work != work && b->work <= 0);
	return fault;
}

static bool
feed(struct rules_body *b, struct rules_body_io *io)
{
	struct stage *first = &b->stage[0];
	struct sink to = pipe_room(first);
	uint32_t n = sink_put(&to, io->in, io->in_n);
	bool had_ended = first->has_ended;

	first->n += n;
	io->in += n;
	io->in_n -= n;
	first->has_ended = io->is_last && io->in_n == 0;
	return n > 0 || first->has_ended != had_ended;
}

enum rules_body_verdict
rules_body_turn(struct rules_body *b, struct rules_body_io *io)
{
	struct sink out = { io->out, io->out_n };
	bool is_done = false;

	b->work = io->work;
	while (b->fault == RULES_FAULT_NONE && !is_done && b->work > 0) {
		bool has_moved = feed(b, io);

		for (uint32_t i = b->stage_n; i-- > 0 && b->fault == RULES_FAULT_NONE;)
			b->fault = step(b, i, &out, &has_moved);
		is_done = b->stage[b->stage_n - 1].is_done;
		if (!has_moved)
			break;
	}
	io->out = out.p;
	io->out_n = out.n;
	io->work = b->work;
	if (b->fault != RULES_FAULT_NONE)
		return RULES_BODY_FAULT;
	if (is_done)
		return RULES_BODY_END;
	if (b->work <= 0)
		return RULES_BODY_AGAIN;
	return io->in_n > 0 || out.n == 0 ? RULES_BODY_ROOM : RULES_BODY_MORE;
}

enum rules_fault
rules_body_fault(const struct rules_body *b, uint32_t *ret_rule_i)
{
	*ret_rule_i = b->fault_rule;
	return b->fault;
}
