/*
 * step_reply.c - the server's response heads on their way to the client, and our own replies.
 *
 * Framing stays what it was: Content-Length stays, chunked stays, what ends at close ends at close
 * (no chunking is put on: clients of RPC over HTTP and of RD Gateway fail on it). Only towards
 * HTTP/1.0 chunks become an end at close, and a stage that changes the length needs chunks.
 */
#include "proxy/state.h"
#include "view/view.h"

enum {
	SUBSTATUS_OUTBOUND = 52 /* of 500: an outbound rule could not be carried out (15) */
};

static struct slice
date_text(struct proxy *p)
{
	if (p->now >= p->date_until_ns) {
		uint64_t wall = p->now + p->wall_ns, second = 1000000000;

		http_date(wall / second, p->date);
		p->date_until_ns = p->now + (second - wall % second);
	}
	return slice_of(p->date, HTTP_DATE_BYTES);
}

/* Writes p->response's head behind e->built, consumes it from the input. False: no buffer. */
static bool
put_head(struct proxy *p, struct exch *e, struct conn *up, struct http_response_out *out)
{
	struct buf *b = buf_take(p->bufs);
	uint32_t need, room;

	if (b == NULL)
		return false;
	b->at = BUF_HEADROOM;
	room = (uint32_t)b->m.buf_len - BUF_HEADROOM;
	need = http_emit_response(out, buf_stream(b), room);
	if (need <= room) {
		b->n = (uint16_t)need;
		bufq_push(&e->built, b);
	} else {
		buf_give(b);
		if (http_emit_response(out, p->emit, SCRATCH_BYTES) > SCRATCH_BYTES ||
		    !bufq_append(p->bufs, &e->built, p->emit, need))
			return false;
	}
	e->response_head_bytes += need;
	bufq_consume(&up->leg.in, p->response.head.head_n);
	up->up_resume = (struct http_resume){ 0 };
	return true;
}

/* What the listener does to response heads; nothing when its view has gone. */
static void
edits_of(struct proxy *p, const struct exch *e, struct http_response_out *out)
{
	uint32_t listener_i = conn_listener(p, conn_at(p, e->client));

	if (listener_i == (uint32_t)NONE)
		*out = (struct http_response_out){ .response = &p->response };
	else
		decide_response(p->img, listener_i, &p->response, out);
	out->client_minor = e->minor;
}

static void
reply_fail(struct proxy *p, struct exch *e)
{
	p->conf.count->proxy_rules_faults++;
	p->conf.count->proxy_rules_limit += p->reply.fault == RULES_FAULT_MATCH_LIMIT;
	e->substatus = p->reply.substatus;
	if (p->reply.rule_i != (uint32_t)IMG_NONE) {
		const struct img_out_rule *rule = img_out_rule(p->img, p->reply.rule_i);

		e->rule_slot = rule->slot;
		e->rule_incarnation = rule->incarnation;
	}
	exch_fail(p, e, p->reply.status, JOURNAL_CAUSE_RULE_ERROR, (uint16_t)p->reply.fault);
}

/* Runs the listener's outbound rules on the head. */
static bool
reply_ask(struct proxy *p, struct exch *e, uint32_t listener_i, const struct decide_way *way)
{
	step_head_look(p, e);
	p->reply_facts = exch_facts(p, e);
	p->reply_facts.response = &p->response;
	decide_subject(&p->reply_facts, &p->reply_subject);
	rules_response(p->view->rules, p->conf.lane_i, listener_i, &p->reply_subject, way->change,
		       way->change_n, NULL, &p->reply);
	p->turn_work -= p->reply.work;
	p->conf.count->proxy_rules_regex += p->reply.regex_n;
	if (p->reply.fault != RULES_FAULT_NONE) {
		reply_fail(p, e);
		return false;
	}
	return true;
}

/* Whether outbound rules are asked about a response of now. */
static bool
has_outbound(struct proxy *p, const struct exch *e)
{
	uint32_t listener_i = conn_listener(p, conn_at(p, e->client));

	return listener_i != (uint32_t)NONE && p->listener[listener_i].has_outbound;
}

/*
 * What rules change of the response's head: inbound ones that set its fields, then the outbound
 * ones, which p->reply tells more of. False: one could not be carried out; the exchange has ended.
 */
static bool
rules_edit(struct proxy *p, struct exch *e, struct http_response_out *out)
{
	uint32_t listener_i = conn_listener(p, conn_at(p, e->client));
	bool is_asked = has_outbound(p, e);
	struct decide_way way = { 0 };

	p->reply = (struct rules_reply){ .rule_i = IMG_NONE };
	if (listener_i == (uint32_t)NONE && e->has_outbound) {
		/* Nobody can be asked any more what the response must not tell. */
		p->reply.status = 500;
		p->reply.substatus = SUBSTATUS_OUTBOUND;
		p->reply.fault = RULES_FAULT_GONE;
		reply_fail(p, e);
		return false;
	}
	if (!is_asked && e->way.texts.n == 0)
		return true;
	way_read(p, e, &way);
	if (is_asked && !reply_ask(p, e, listener_i, &way))
		return false;
	if (!is_asked) {
		p->reply.change = way.change;
		p->reply.change_n = way.change_n;
	}
	p->text.edits.n = 0;
	decide_edits(p->reply.change, p->reply.change_n, true, &p->response.head, &p->text);
	if (p->text.edits.n != 0)
		out->edits = &p->text.edits;
	return true;
}

/* What became of a head that others follow. */
enum passed {
	PASSED,
	PASS_DRY,   /* no buffer */
	PASS_ENDED, /* a rule has ended the exchange */
};

static void
send_now(struct proxy *p, struct exch *e)
{
	leg_send(p, &conn_at(p, e->client)->leg, &e->built);
}

/*
 * 1xx but 101: passed on, but not to HTTP/1.0, which has none (RFC 9110, 15.2); nor without end to
 * a client that does not read, for nothing but this keeps a server from filling our memory.
 */
static enum passed
pass_interim(struct proxy *p, struct exch *e, struct conn *up)
{
	struct http_response_out out;
	bool is_unread = e->response_head_bytes >= INTERIM_MAX &&
			 tcp_unacked(p->tcp, conn_at(p, e->client)->leg.id) >= INTERIM_MAX;

	if (e->minor == 0 || is_unread) {
		bufq_consume(&up->leg.in, p->response.head.head_n);
		up->up_resume = (struct http_resume){ 0 };
		return PASSED;
	}
	edits_of(p, e, &out);
	/* The links of a 103 tell what those of the final head do. */
	if (p->response.head.field_n != 0 && !rules_edit(p, e, &out))
		return PASS_ENDED;
	if (!put_head(p, e, up, &out))
		return PASS_DRY;
	send_now(p, e);
	return PASSED;
}

/* As pass_final. */
static bool
switch_protocol(struct proxy *p, struct exch *e, struct conn *up)
{
	struct http_response_out out;

	edits_of(p, e, &out);
	if (!rules_edit(p, e, &out))
		return true;
	out.upgrade = true;
	out.keep_alive = true;
	if (!put_head(p, e, up, &out))
		return false;
	e->status = e->upstream_status = p->response.status;
	e->has_begun = true;
	e->is_tunnel = true;
	e->state = (uint8_t)exch_next((enum exch_state)e->state, EXCH_EV_SWITCHED);
	p->gauge.tunnels++;
	p->conf.count->proxy_tunnels++;
	e->is_replayable = false;
	bufq_give(&e->replay);
	body_fini(p, &e->body[DIR_UP]); /* trailers may be there */
	for (uint32_t dir = 0; dir < DIRS; dir++)
		body_init(&e->body[dir], HTTP_FRAMING_CLOSE, HTTP_FRAMING_CLOSE, 0, NULL);
	timers_begin(p, e);
	send_now(p, e);
	relay_both(p, e);
	return true;
}

static enum http_framing
framing_for(const struct exch *e, enum http_framing in, const struct stage *stage)
{
	bool is_changed = stage != NULL && stage->changes_length;

	if (in == HTTP_FRAMING_CHUNKED || (in == HTTP_FRAMING_LENGTH && is_changed))
		return e->minor == 0 ? HTTP_FRAMING_CLOSE : HTTP_FRAMING_CHUNKED;
	return in;
}

/* ---- bodies that rules rewrite ---- */

/*
 * Once outbound rules have seen the head: the body's stage, if they want the body. False: it cannot
 * be rewritten, and the exchange has ended (14.6).
 */
static bool
rewrite_start(struct proxy *p, struct exch *e, struct http_response_out *out,
	      const struct stage **ret_stage, struct stage_state *ret_state)
{
	struct http_head *h = &p->response.head;
	struct decide_coding coding;

	if (p->reply.body_rule_n == 0)
		return true;
	if (!p->reply.has_body) {
		/* Of a page that will be rewritten nobody knows the length. */
		h->has_length = h->has_length && p->response.status == 206;
		return true;
	}
	if (h->framing == HTTP_FRAMING_NONE)
		return true;
	p->reply.fault = decide_coding(&p->reply_facts, &p->text, &coding);
	if (p->reply.fault == RULES_FAULT_NONE)
		p->reply.fault =
			rewrite_begin(p, e, coding.from, coding.to != CODEC_NONE, ret_state);
	/* Without room for an encoder the page may still go. */
	if (p->reply.fault == RULES_FAULT_ROOM && coding.to != CODEC_NONE &&
	    decide_uncoded(&p->text, &coding) == RULES_FAULT_NONE)
		p->reply.fault = rewrite_begin(p, e, coding.from, false, ret_state);
	if (p->reply.fault != RULES_FAULT_NONE) {
		p->conf.count->proxy_rewrites_none += p->reply.fault == RULES_FAULT_ROOM;
		p->reply.status = 500;
		p->reply.substatus = rules_substatus(p->view->rules, p->reply.body_rule[0]);
		reply_fail(p, e);
		return false;
	}
	if (p->text.edits.n != 0)
		out->edits = &p->text.edits;
	*ret_stage = &stage_rewrite;
	return true;
}

/* False: no buffer. True: it was put, or a rule has ended the exchange. */
static bool
pass_final(struct proxy *p, struct exch *e, struct conn *up)
{
	const struct http_head *h = &p->response.head;
	const struct stage *stage = p->stage[DIR_DOWN];
	enum http_framing in = h->framing, framing;
	struct stage_state state = { 0 };
	struct http_response_out out;

	e->up_keeps = h->keep_alive && in != HTTP_FRAMING_CLOSE;
	/* A server that goes before it has all of the request cannot be given the rest of it. */
	e->client_keeps =
		e->client_keeps && !p->is_draining && (e->body[DIR_UP].out_done || e->up_keeps);
	e->is_bound = e->is_bound || pool_up_is_bound(h, HTTP_FIELD_WWW_AUTHENTICATE);
	edits_of(p, e, &out);
	if (!rules_edit(p, e, &out) || !rewrite_start(p, e, &out, &stage, &state))
		return true;
	framing = framing_for(e, in, stage);
	e->client_keeps = e->client_keeps && framing != HTTP_FRAMING_CLOSE;
	out.framing = framing;
	out.drops_trailers = stage != NULL && stage->changes_length;
	out.length = h->length;
	out.keep_alive = e->client_keeps;
	out.date = date_text(p);
	body_init(&e->body[DIR_DOWN], in, framing, h->length, stage);
	e->body[DIR_DOWN].state = state;
	if (!put_head(p, e, up, &out))
		return false;
	e->status = e->upstream_status = p->response.status;
	e->has_begun = true;
	e->state = (uint8_t)exch_next((enum exch_state)e->state, EXCH_EV_HEAD);
	bufq_give(&e->replay);
	e->is_replayable = false;
	relay_down(p, e);
	return true;
}

static enum http_verdict
parse(struct proxy *p, struct conn *up)
{
	const struct bufq *in = &up->leg.in;
	enum http_method asked = (enum http_method)up->method_asked;
	enum http_verdict v = HTTP_NEED_MORE;
	struct slice bytes;

	if (in->head->n > up->up_resume.searched || in->n == 1)
		v = http_parse_response(buf_stream_slice(in->head), &p->response_limits,
					&up->up_resume, asked, &p->response);
	if (v != HTTP_NEED_MORE || in->n == 1)
		return v;
	bytes = head_bytes(p, in, min_u32(in->bytes, HTTP_HEAD_BYTES_MAX + 1));
	return http_parse_response(bytes, &p->response_limits, &up->up_resume, asked, &p->response);
}

static void
refuse(struct proxy *p, struct exch *e, enum http_reason reason)
{
	bool is_large = reason == HTTP_REASON_HEAD_LONG || reason == HTTP_REASON_FIELDS_MANY;

	exch_fail(p, e, 502,
		  is_large ? JOURNAL_CAUSE_UPSTREAM_HEAD_TOO_LARGE
			   : JOURNAL_CAUSE_UPSTREAM_MALFORMED,
		  (uint16_t)reason);
}

void
step_reply(struct proxy *p, struct exch *e)
{
	struct conn *up = conn_at(p, e->up);

	while (up->leg.in.bytes != 0) {
		bool is_put;

		if (e->reply_at == 0)
			e->reply_at = p->now;
		if (has_outbound(p, e) && !conn_may_work(p, up))
			return;
		switch (parse(p, up)) {
		case HTTP_NEED_MORE:
			if (leg_is_ended(&up->leg))
				exch_up_lost(p, e);
			else
				relay_offer_up(p, e);
			return;
		case HTTP_REFUSED:
			refuse(p, e, p->response.reason);
			return;
		case HTTP_DONE:
			break;
		}
		if (p->response.status >= 200) {
			is_put = pass_final(p, e, up);
		} else if (p->response.status != 101) {
			enum passed passed = pass_interim(p, e, up);

			if (passed == PASS_ENDED)
				return;
			is_put = passed == PASSED;
		} else if (e->wants_upgrade && e->body[DIR_UP].out_done) {
			is_put = switch_protocol(p, e, up);
		} else {
			refuse(p, e, HTTP_REASON_STATUS_SYNTAX);
			return;
		}
		if (!is_put) {
			exch_fail(p, e, 503, JOURNAL_CAUSE_MEMORY, 0);
			return;
		}
		if (p->response.status >= 200 || p->response.status == 101)
			return;
	}
	if (leg_is_ended(&up->leg))
		exch_up_lost(p, e);
	else
		relay_offer_up(p, e); /* interim responses have used some of the window */
}

/* One of our own replies into q; false when there is no buffer for it, or it is too long. */
static bool
put_own(struct proxy *p, const struct http_reply *reply, struct bufq *q)
{
	struct buf *b = buf_take(p->bufs);
	uint32_t room, need;

	if (b == NULL)
		return false;
	b->at = BUF_HEADROOM;
	room = (uint32_t)b->m.buf_len - BUF_HEADROOM;
	need = http_emit_error(reply, buf_stream(b), room);
	if (need <= room) {
		b->n = (uint16_t)need;
		bufq_push(q, b);
		return true;
	}
	buf_give(b);
	return http_emit_error(reply, p->emit, SCRATCH_BYTES) <= SCRATCH_BYTES &&
	       bufq_append(p->bufs, q, p->emit, need);
}

void
step_reply_given(struct proxy *p, struct exch *e, struct http_reply *reply)
{
	struct bufq q = { 0 };

	reply->client_minor = e->minor;
	reply->keep_alive = e->client_keeps;
	reply->head_only = e->method_id == HTTP_METHOD_HEAD;
	reply->date = date_text(p);
	e->is_own = true;
	e->status = reply->status;
	e->has_begun = true;
	if (e->reply_at == 0)
		e->reply_at = p->now;
	p->conf.count->proxy_own_replies++;
	if (!put_own(p, reply, &q)) {
		e->status = 0;
		e->client_keeps = false;
		return;
	}
	e->response_head_bytes += (uint32_t)q.bytes;
	leg_send(p, &conn_at(p, e->client)->leg, &q);
}

void
step_reply_own(struct proxy *p, struct exch *e, uint16_t status)
{
	const char *words = journal_cause_text(e->cause);
	struct http_reply reply = { .status = status,
				    .cause = slice_of(words, (uint32_t)strlen(words)) };

	step_reply_given(p, e, &reply);
}

void
step_reply_busy(struct proxy *p, struct conn *c)
{
	const struct http_reply reply = { .status = 503,
					  .client_minor = 1,
					  .cause = SLICE("no room for another request"),
					  .date = date_text(p) };
	struct bufq q = { 0 };

	p->conf.count->proxy_exchanges_none++;
	if (put_own(p, &reply, &q))
		leg_send(p, &c->leg, &q);
	conn_next(p, c, false);
}
