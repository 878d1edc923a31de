/*
 * stage_rewrite.c - a response's body through outbound rules: decode, rules, encode (14.5, 14.6).
 *
 *   held -> [decoder] -> text -> rules -> page -> [encoder] -> coded -> made
 *
 * A coding that the client accepts is put on again, else the body goes as it is. Everything that a
 * body needs is taken from the lane's rewrite memory before its head goes out: when there is no
 * room the response is answered 500.52, for a page that passes with its rules left out may tell
 * what they hide. Only a br stream with a window of 8 or 16 MiB may meet a shortage later.
 *
 * A client that reads slowly keeps a body's memory for as long. So that a few addresses cannot have
 * all of it, one may hold no more than it leaves free: n greedy ones leave one part in n + 1, and
 * an address that holds nothing is refused only when there is nothing.
 *
 * The rules are those of the view that was current then: it is pinned for as long. All bodies and
 * all rules that are asked share the work of a turn of the lane (conn_may_work), a fraction of a
 * millisecond.
 */
#include "proxy/state.h"
#include "view/view.h"

enum {
	PIPE_BYTES = 16 << 10,
	BYTE_WORK = 5,	     /* of rules' input and output, and an encoder's output */
	DECODE_BYTES = 4096, /* of one call: what a decoder takes may give nothing */
	DECODE_WORK = 40,    /* of each of them: a block's tables cost most */
};

/* Bytes between two parts. */
struct pipe {
	uint32_t at, n;
	bool is_ended; /* nothing comes behind them */
	uint8_t bytes[PIPE_BYTES];
};

struct rewrite {
	struct rewrite *next, **before; /* in proxy.rewrites */
	struct proxy *p;
	uint32_t exch_i;
	struct ip_addr client; /* of IPv6 the /64, which is a customer's */
	size_t bytes;	       /* of the rewrite memory */
	struct view *view;
	struct rules_body *rules;
	struct codec *decoder, *encoder; /* NULL: none */
	uint8_t *codec_memory[2], *rules_memory;
	size_t decoder_bytes;
	enum codec_kind coding;
	bool has_begun; /* the decoder has had its first byte */
	bool has_more;	/* rules go on without more input */
	enum rewrite_fault fault;
	enum rules_fault rules_fault;
	uint32_t rule_i;
	uint16_t substatus;
	struct pipe text, page, coded;
};

/* ---- begin and end ---- */

static void
rewrite_give(struct rewrite *r)
{
	struct heap *heap = &r->p->rewrite_memory;

	heap_give(heap, r->rules_memory);
	heap_give(heap, r->codec_memory[0]);
	heap_give(heap, r->codec_memory[1]);
	heap_give(heap, r);
}

static void
rewrite_fini(struct stage_state *state)
{
	struct rewrite *r = state->own;

	if (r == NULL)
		return;
	*r->before = r->next;
	if (r->next != NULL)
		r->next->before = r->before;
	view_unpin(r->view);
	r->p->gauge.rewrites--;
	rewrite_give(r);
	state->own = NULL;
}

static struct ip_addr
customer(const struct exch *e)
{
	struct ip_addr a = e->ends.remote;

	if (!ip_is_v4(&a))
		memset(&a.b[8], 0, 8);
	return a;
}

/* Whether the client may have so much more: see above. At most as many steps as bodies fit. */
static bool
has_share(const struct proxy *p, const struct ip_addr *client, size_t need)
{
	size_t held = 0, free_n = p->rewrite_memory.free_bytes;

	if (need > free_n)
		return false;
	for (const struct rewrite *r = p->rewrites; r != NULL; r = r->next)
		if (ip_eq(&r->client, client))
			held += r->bytes;
	return held == 0 || held + need <= free_n - need;
}

static bool
codecs_take(struct rewrite *r, bool is_encoded)
{
	struct heap *heap = &r->p->rewrite_memory;

	if (r->coding == CODEC_NONE)
		return true;
	r->decoder_bytes = codec_bytes(r->coding, false);
	r->codec_memory[0] = heap_take(heap, r->decoder_bytes);
	if (is_encoded)
		r->codec_memory[1] = heap_take(heap, codec_bytes(r->coding, true));
	if (r->codec_memory[0] == NULL || (is_encoded && r->codec_memory[1] == NULL))
		return false;
	r->decoder = codec_open(r->codec_memory[0], r->decoder_bytes, r->coding, false);
	if (is_encoded)
		r->encoder = codec_open(r->codec_memory[1], codec_bytes(r->coding, true), r->coding,
					true);
	return true;
}

static bool
rules_take(struct rewrite *r, uint32_t listener_i, size_t n)
{
	struct proxy *p = r->p;

	r->rules_memory = heap_take(&p->rewrite_memory, n);
	if (r->rules_memory == NULL)
		return false;
	r->rules = rules_body_init(r->rules_memory, n, p->view->rules, p->conf.lane_i, listener_i,
				   &p->reply, NULL);
	return true;
}

static void
link_in(struct rewrite *r)
{
	struct proxy *p = r->p;

	r->next = p->rewrites;
	r->before = &p->rewrites;
	if (r->next != NULL)
		r->next->before = &r->next;
	p->rewrites = r;
}

enum rules_fault
rewrite_begin(struct proxy *p, const struct exch *e, enum codec_kind coding, bool is_encoded,
	      struct stage_state *ret)
{
	uint32_t listener_i = conn_listener(p, conn_at(p, e->client));
	size_t rules_n = rules_body_bytes(p->view->rules, p->conf.lane_i, &p->reply);
	struct ip_addr client = customer(e);
	struct rewrite *r;
	size_t need;

	ensure(coding != CODEC_OTHER);
	need = sizeof(*r) + rules_n;
	if (coding != CODEC_NONE)
		need += codec_bytes(coding, false) + (is_encoded ? codec_bytes(coding, true) : 0);
	if (rules_n == 0 || !has_share(p, &client, need))
		return RULES_FAULT_ROOM;
	r = heap_take(&p->rewrite_memory, sizeof(*r));
	if (r == NULL)
		return RULES_FAULT_ROOM;
	memset(r, 0, sizeof(*r) - sizeof(r->text) - sizeof(r->page) - sizeof(r->coded));
	r->text.at = r->text.n = r->page.at = r->page.n = r->coded.at = r->coded.n = 0;
	r->text.is_ended = r->page.is_ended = r->coded.is_ended = false;
	r->p = p;
	r->exch_i = exch_index(p, e);
	r->client = client;
	r->bytes = need;
	r->coding = coding;
	r->rule_i = IMG_NONE;
	r->substatus = rules_substatus(p->view->rules, p->reply.body_rule[0]);
	if (!codecs_take(r, is_encoded) || !rules_take(r, listener_i, rules_n)) {
		rewrite_give(r);
		return RULES_FAULT_ROOM;
	}
	r->view = (struct view *)(uintptr_t)p->view; /* its counts are nobody's alone */
	view_pin(r->view);
	link_in(r);
	p->gauge.rewrites++;
	p->conf.count->proxy_rewrites++;
	*ret = (struct stage_state){ .own = r };
	return RULES_FAULT_NONE;
}

/* ---- pipes ---- */

static bool
pipe_is_empty(const struct pipe *pipe)
{
	return pipe->at == pipe->n;
}

static void
pipe_reset(struct pipe *pipe)
{
	if (pipe_is_empty(pipe))
		pipe->at = pipe->n = 0;
}

static bool
fail(struct rewrite *r, enum rewrite_fault fault)
{
	r->fault = fault;
	return false;
}

/* ---- parts: false: a fault ---- */

/* A decoder is made for the usual; when its first byte tells, it gets what its window takes. */
static bool
decoder_fit(struct rewrite *r, uint8_t first)
{
	struct heap *heap = &r->p->rewrite_memory;
	size_t need = codec_bytes_of(r->coding, first);

	r->has_begun = true;
	if (need == r->decoder_bytes)
		return true;
	heap_give(heap, r->codec_memory[0]);
	r->codec_memory[0] = heap_take(heap, need);
	if (r->codec_memory[0] == NULL)
		return fail(r, REWRITE_MEMORY);
	r->bytes += need - r->decoder_bytes;
	r->decoder_bytes = need;
	r->decoder = codec_open(r->codec_memory[0], need, r->coding, false);
	return true;
}

static bool
decode(struct rewrite *r, const struct stage_turn *t)
{
	struct pipe *to = &r->text;
	struct buf *b = t->in->head;
	struct codec_io io = { .out = to->bytes + to->n, .out_n = PIPE_BYTES - to->n };
	uint32_t in_n;

	if (to->is_ended || io.out_n == 0 || (b == NULL && !t->is_last))
		return true;
	if (b != NULL) {
		io.in = buf_stream(b);
		io.in_n = b->n < DECODE_BYTES ? b->n : DECODE_BYTES;
	}
	if (!r->has_begun && io.in_n > 0 && !decoder_fit(r, io.in[0]))
		return false;
	in_n = (uint32_t)io.in_n;
	io.is_last = t->is_last && (b == NULL || (b->link == NULL && in_n == b->n));
	switch (codec_turn(r->decoder, &io)) {
	case CODEC_VERDICT_MORE:
	case CODEC_VERDICT_ROOM:
		break;
	case CODEC_VERDICT_END:
		to->is_ended = true;
		break;
	case CODEC_VERDICT_FAULT:
		return fail(r, codec_fault_of(r->decoder) == CODEC_FAULT_LARGE ? REWRITE_LARGE
									       : REWRITE_CODING);
	}
	to->n = PIPE_BYTES - (uint32_t)io.out_n;
	r->p->turn_work -= (int64_t)DECODE_WORK * (in_n - (uint32_t)io.in_n);
	bufq_consume(t->in, in_n - io.in_n);
	return true;
}

/* What rules get next: decoded text, or what came. */
static bool
source(struct rewrite *r, const struct stage_turn *t, struct rules_body_io *io)
{
	const struct buf *b = t->in->head;

	if (r->decoder != NULL) {
		io->in = r->text.bytes + r->text.at;
		io->in_n = r->text.n - r->text.at;
		io->is_last = r->text.is_ended;
		return io->in_n > 0 || io->is_last;
	}
	io->in = b != NULL ? buf_stream(b) : NULL;
	io->in_n = b != NULL ? b->n : 0;
	io->is_last = t->is_last && (b == NULL || b->link == NULL);
	return io->in_n > 0 || io->is_last;
}

static void
source_used(struct rewrite *r, const struct stage_turn *t, uint32_t n)
{
	r->p->turn_work -= (int64_t)BYTE_WORK * n;
	if (r->decoder == NULL) {
		bufq_consume(t->in, n);
		return;
	}
	r->text.at += n;
	pipe_reset(&r->text);
}

static bool
rewrite(struct rewrite *r, const struct stage_turn *t)
{
	struct pipe *to = &r->page;
	struct rules_body_io io = { .out = to->bytes + to->n,
				    .out_n = PIPE_BYTES - to->n,
				    .work = r->p->turn_work };
	uint32_t in_n;

	/* A turn that ended by its time goes on without new input too. */
	if (to->is_ended || io.out_n == 0 || (!source(r, t, &io) && !r->has_more))
		return true;
	in_n = io.in_n;
	r->has_more = false;
	switch (rules_body_turn(r->rules, &io)) {
	case RULES_BODY_MORE:
		break;
	case RULES_BODY_ROOM:
	case RULES_BODY_AGAIN:
		r->has_more = true;
		break;
	case RULES_BODY_END:
		to->is_ended = true;
		break;
	case RULES_BODY_FAULT:
		r->rules_fault = rules_body_fault(r->rules, &r->rule_i);
		return fail(r, REWRITE_RULE);
	}
	r->p->turn_work = io.work;
	r->p->turn_work -= (int64_t)BYTE_WORK * (PIPE_BYTES - to->n - io.out_n);
	to->n = PIPE_BYTES - io.out_n;
	source_used(r, t, in_n - io.in_n);
	return true;
}

static bool
encode(struct rewrite *r, bool flushes)
{
	struct pipe *from = &r->page, *to = &r->coded;
	struct codec_io io = { .in = from->bytes + from->at,
			       .in_n = from->n - from->at,
			       .is_last = from->is_ended,
			       .flushes = flushes,
			       .out = to->bytes + to->n,
			       .out_n = PIPE_BYTES - to->n };

	if (to->is_ended || (pipe_is_empty(from) && !from->is_ended && !flushes))
		return true;
	switch (codec_turn(r->encoder, &io)) {
	case CODEC_VERDICT_MORE:
	case CODEC_VERDICT_ROOM:
		break;
	case CODEC_VERDICT_END:
		to->is_ended = true;
		break;
	case CODEC_VERDICT_FAULT:
		return fail(r, REWRITE_MEMORY);
	}
	r->p->turn_work -= (int64_t)BYTE_WORK * (PIPE_BYTES - to->n - (uint32_t)io.out_n);
	from->at = from->n - (uint32_t)io.in_n;
	pipe_reset(from);
	to->n = PIPE_BYTES - (uint32_t)io.out_n;
	return true;
}

/* ---- a turn ---- */

struct mark {
	uint32_t in_bytes, text_at, text_n, page_at, page_n, coded_n, out_bytes;
	bool has_text, has_page, has_coded;
};

static struct mark
mark_of(const struct rewrite *r, const struct stage_turn *t)
{
	return (struct mark){ t->in->bytes,	r->text.at,	  r->text.n,	 r->page.at,
			      r->page.n,	r->coded.n,	  t->out->bytes, r->text.is_ended,
			      r->page.is_ended, r->coded.is_ended };
}

static bool
has_moved(const struct mark *a, const struct mark *b)
{
	return a->in_bytes != b->in_bytes || a->text_at != b->text_at || a->text_n != b->text_n ||
	       a->page_at != b->page_at || a->page_n != b->page_n || a->coded_n != b->coded_n ||
	       a->out_bytes != b->out_bytes || a->has_text != b->has_text ||
	       a->has_page != b->has_page || a->has_coded != b->has_coded;
}

/* The last pipe's bytes go to the body's output; false: buffers are out. */
static bool
put(struct pipe *from, const struct stage_turn *t)
{
	if (!pipe_is_empty(from) &&
	    !bufq_append(t->pool, t->out, from->bytes + from->at, from->n - from->at))
		return false;
	from->at = from->n = 0;
	return true;
}

/* Nothing but new input could make more now. */
static bool
is_idle(const struct rewrite *r, const struct stage_turn *t)
{
	return t->in->bytes == 0 && pipe_is_empty(&r->text) && !r->has_more;
}

static enum stage_verdict
rewrite_turn(const struct stage_turn *t)
{
	struct rewrite *r = t->state->own;
	struct pipe *last = r->encoder != NULL ? &r->coded : &r->page;
	struct mark before, after = mark_of(r, t);

	if (r->fault == REWRITE_OK && view_must_go(r->view))
		fail(r, REWRITE_VIEW);
	if (r->fault != REWRITE_OK)
		return STAGE_FAULT;
	do {
		bool is_good;

		before = after;
		if (!put(last, t))
			return STAGE_DRY;
		if (r->p->turn_work <= 0 || t->out->bytes >= t->room_bytes)
			break;
		is_good = (r->decoder == NULL || decode(r, t)) && rewrite(r, t) &&
			  (r->encoder == NULL || encode(r, t->is_dry && is_idle(r, t)));
		if (!is_good)
			return STAGE_FAULT;
		after = mark_of(r, t);
	} while (has_moved(&before, &after));
	if (last->is_ended && pipe_is_empty(last))
		return STAGE_ON;
	return t->is_last || t->in->bytes != 0 || !is_idle(r, t) || !pipe_is_empty(last) ||
			       !pipe_is_empty(&r->page)
		       ? STAGE_MORE
		       : STAGE_ON;
}

const struct stage stage_rewrite = {
	.name = "rewrite", .changes_length = true, .turn = rewrite_turn, .fini = rewrite_fini
};

/* ---- what went wrong ---- */

void
rewrite_failed(struct proxy *p, struct exch *e)
{
	const struct rewrite *r = e->body[DIR_DOWN].state.own;
	enum journal_cause cause = JOURNAL_CAUSE_RULE_ERROR;
	enum rules_fault detail = RULES_FAULT_CODING;

	p->conf.count->proxy_rewrites_failed++;
	e->substatus = r->substatus;
	switch (r->fault) {
	case REWRITE_OK:
		ensure(false);
	case REWRITE_RULE:
		detail = r->rules_fault;
		p->conf.count->proxy_rules_faults++;
		p->conf.count->proxy_rules_limit += detail == RULES_FAULT_MATCH_LIMIT;
		break;
	case REWRITE_CODING:
		break;
	case REWRITE_LARGE:
		p->conf.count->proxy_rewrites_large++;
		break;
	case REWRITE_MEMORY:
		p->conf.count->proxy_rewrites_none++;
		detail = RULES_FAULT_ROOM;
		break;
	case REWRITE_VIEW:
		cause = JOURNAL_CAUSE_VIEW;
		e->substatus = 0;
		break;
	}
	if (r->rule_i != IMG_NONE) {
		const struct img_out_rule *rule = img_out_rule(&r->view->img, r->rule_i);

		e->rule_slot = rule->slot;
		e->rule_incarnation = rule->incarnation;
	}
	exch_fail(p, e, 500, cause, (uint16_t)detail);
}

void
rewrite_sweep(struct proxy *p)
{
	p->sweep_at = NEVER;
	for (struct rewrite *r = p->rewrites; r != NULL; r = r->next) {
		if (r->view != p->view)
			p->sweep_at = p->now + SWEEP_NS;
		if (!view_must_go(r->view))
			continue;
		/* Its end may begin and end others: one at a time. */
		p->sweep_at = p->now;
		fail(r, REWRITE_VIEW);
		rewrite_failed(p, exch_at(p, r->exch_i));
		return;
	}
}
