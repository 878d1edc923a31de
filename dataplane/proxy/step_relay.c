/*
 * step_relay.c - bodies and tunnels between the legs of an exchange, both ways at once.
 *
 * What has come from one leg is given to the other at once, whole buffers at a time. Back-pressure
 * is the window: a leg is offered what the other one can take (tcp_send_room), less what waits
 * here, and no more than the lane's budget allows a session. The right edge never moves back, so
 * what was offered may still come; it is given on all the same.
 *
 * A tunnel is two bodies that end at close.
 */
#include "proxy/state.h"

/* What a session may have under way to `to`, given what the budget allows it. */
static uint64_t
room_towards(const struct proxy *p, const struct leg *to)
{
	uint64_t room = leg_room(p, to), queued;

	if (p->room_cap == UINT32_MAX || room == 0)
		return room;
	queued = tcp_unacked(p->tcp, to->id);
	if (queued >= p->room_cap)
		return 0;
	return room < p->room_cap - queued ? room : p->room_cap - queued;
}

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void
relay_offer_client(struct proxy *p, struct exch *e)
{
	struct leg *client = &conn_at(p, e->client)->leg;
	uint64_t room = PIPE_ROOM;

	if (e->up == (uint32_t)NONE || e->state == EXCH_EXPECT_UP)
		room = HOLD_ROOM;
	else if (!e->body[DIR_UP].in_done)
		room = room_towards(p, &conn_at(p, e->up)->leg);
	leg_offer(p, client, less(room, client->in.bytes + e->body[DIR_UP].held.bytes));
}

void
relay_offer_up(struct proxy *p, struct exch *e)
{
	struct leg *up = &conn_at(p, e->up)->leg;
	uint64_t room = room_towards(p, &conn_at(p, e->client)->leg);

	/* A head may always come. */
	if (e->state == EXCH_EXPECT_RESPONSE && room < HTTP_HEAD_BYTES_MAX)
		room = HTTP_HEAD_BYTES_MAX + 1;
	leg_offer(p, up, less(room, up->in.bytes + e->body[DIR_DOWN].held.bytes));
}

static void
starve(struct proxy *p, struct exch *e)
{
	e->is_starved = true;
	p->conf.count->proxy_starved++;
	timer_need(p, conn_at(p, e->client), p->now + STARVED_NS);
}

/*
 * On a kept connection the body's first bytes are kept too, as views, until the server has
 * acknowledged anything: then it was alive. False: no more may be sent until that is known.
 */
static bool
replay_keep(struct proxy *p, struct exch *e, const struct conn *up, const struct bufq *in)
{
	if (!e->is_reused || !e->is_replayable)
		return true;
	if (tcp_acked(p->tcp, up->leg.id) != up->acked_base) {
		e->is_replayable = false;
		bufq_give(&e->replay);
		return true;
	}
	if (e->replay.bytes + in->bytes > REPLAY_MAX)
		return false;
	for (struct buf *b = in->head; b != NULL; b = b->link) {
		struct buf *view = buf_view(p->bufs, b, b->at, b->n);

		if (view == NULL) {
			e->is_replayable = false;
			bufq_give(&e->replay);
			return true;
		}
		buf_stream_from_packet(view);
		bufq_push(&e->replay, view);
	}
	return true;
}

/* What the body did not use stays in the input and is no part of what would be sent again. */
static void
replay_trim(struct bufq *replay, uint64_t unused)
{
	uint64_t left = replay->bytes - unused;
	struct bufq all = *replay;
	struct buf *b;

	*replay = (struct bufq){ 0 };
	while (left != 0) {
		b = bufq_pop(&all);
		if (b->n > left) /* ours alone: a view */
			b->n = (uint16_t)left;
		left -= b->n;
		bufq_push(replay, b);
	}
	while ((b = all.head) != NULL) {
		all.head = b->link;
		buf_give(b);
	}
}

void
relay_taken(struct proxy *p, struct exch *e)
{
	const struct conn *up = conn_at(p, e->up);

	if (e->replay.n == 0 || tcp_acked(p->tcp, up->leg.id) == up->acked_base)
		return;
	e->is_replayable = false;
	bufq_give(&e->replay);
}

static void
up_broken(struct proxy *p, struct exch *e, enum body_verdict v)
{
	enum http_reason reason = (enum http_reason)e->body[DIR_UP].chunk.reason;

	if (v == BODY_LARGE)
		exch_fail(p, e, 413, JOURNAL_CAUSE_BODY_TOO_LARGE, 0);
	else if (e->body[DIR_UP].framing_in == HTTP_FRAMING_CHUNKED && reason != HTTP_REASON_NONE)
		exch_fail(p, e, http_reason_status(reason), JOURNAL_CAUSE_REFUSED_REQUEST,
			  (uint16_t)reason);
	else
		exch_fail(p, e, 503, JOURNAL_CAUSE_MEMORY, 0);
}

/* One direction of a tunnel has ended: so does that half of the other leg. */
static void
tunnel_half(struct proxy *p, struct exch *e, struct leg *to)
{
	leg_shut(p, to);
	if (e->body[DIR_UP].out_done && e->body[DIR_DOWN].out_done)
		exch_tunnel_end(p, e);
}

void
relay_up(struct proxy *p, struct exch *e)
{
	struct conn *c = conn_at(p, e->client), *up;
	struct body *b = &e->body[DIR_UP];
	enum body_verdict v = BODY_WAIT;
	struct bufq out;

	if (b->out_done)
		return;
	if (e->up == (uint32_t)NONE || e->state == EXCH_EXPECT_UP) {
		relay_offer_client(p, e);
		return;
	}
	ensure(e->built.n == 0 || !e->has_begun); /* nothing of a response goes to the server */
	up = conn_at(p, e->up);
	out = e->built;
	e->built = (struct bufq){ 0 };
	if (replay_keep(p, e, up, &c->leg.in)) {
		v = body_move(p, b, &c->leg.in, leg_is_ended(&c->leg), &p->listener_limits,
			      e->body_max_bytes, leg_room(p, &up->leg), &out);
		if (e->replay.n != 0)
			replay_trim(&e->replay, c->leg.in.bytes);
	}
	if (out.n == 2)
		relay_join_tiny(p, &out);
	leg_send(p, &up->leg, &out);
	leg_note(p, &c->leg);
	switch (v) {
	case BODY_WAIT:
	case BODY_ROOM:
		relay_offer_client(p, e);
		return;
	case BODY_AGAIN:
		conn_wake(p, c);
		return;
	case BODY_DRY:
		starve(p, e);
		return;
	case BODY_END:
		if (e->state == EXCH_EXPECT_TUNNEL)
			tunnel_half(p, e, &up->leg);
		else
			exch_request_end(p, e);
		return;
	case BODY_TRUNCATED:
		exch_client_lost(p, e, JOURNAL_CAUSE_CLIENT_TRUNCATED);
		return;
	case BODY_REFUSED:
	case BODY_FAULT:
	case BODY_LARGE:
		up_broken(p, e, v);
		return;
	}
}

void
relay_join_tiny(struct proxy *p, struct bufq *q)
{
	struct buf *head = q->head, *tail = q->tail;

	if (tail->n > TINY_BODY || (uint32_t)head->at + head->n + tail->n > head->m.buf_len ||
	    !buf_is_sole(head))
		return;
	memcpy(buf_stream(head) + head->n, buf_stream(tail), tail->n);
	buf_written(head);
	p->conf.count->proxy_copied_bytes += tail->n;
	head->n = (uint16_t)(head->n + tail->n);
	head->link = NULL;
	q->tail = head;
	q->n = 1;
	buf_give(tail);
}

/* No byte of the response has left: its head goes back, and an answer of ours may come instead. */
static void
head_back(struct exch *e, struct bufq *head)
{
	e->response_head_bytes -= (uint32_t)head->bytes;
	e->has_begun = false;
	e->body[DIR_DOWN].framing_out = HTTP_FRAMING_NONE;
	bufq_give(head);
}

void
relay_down(struct proxy *p, struct exch *e)
{
	struct conn *c = conn_at(p, e->client), *up = conn_at(p, e->up);
	struct body *b = &e->body[DIR_DOWN];
	struct bufq out = e->built;
	bool has_head = out.n != 0;
	enum body_verdict v;

	/* After its response a server has nothing to say but that it goes. */
	if (e->state == EXCH_EXPECT_REQUEST || (b->out_done && e->state == EXCH_EXPECT_ENDS)) {
		if (conn_is_over(up))
			exch_up_lost(p, e);
		return;
	}
	/* Behind a head that has just been made, which must not wait here: the stage knows when. */
	if (b->out_done || (b->stage != NULL && !has_head && !conn_may_work(p, up)))
		return;
	e->built = (struct bufq){ 0 };
	v = body_move(p, b, &up->leg.in, up->leg.end == LEG_CLEAN, &p->response_limits, 0,
		      leg_room(p, &c->leg), &out);
	if (v == BODY_FAULT && has_head)
		head_back(e, &out);
	if (out.n == 2)
		relay_join_tiny(p, &out);
	leg_send(p, &c->leg, &out);
	leg_note(p, &up->leg);
	up->is_held = v == BODY_ROOM || v == BODY_DRY;
	switch (v) {
	case BODY_WAIT:
		if (up->has_gone) {
			up->leg.end = LEG_GONE;
			exch_up_lost(p, e);
			return;
		}
		relay_offer_up(p, e);
		return;
	case BODY_ROOM:
		relay_offer_up(p, e);
		return;
	case BODY_AGAIN:
		conn_wake(p, up);
		return;
	case BODY_DRY:
		starve(p, e);
		return;
	case BODY_END:
		if (e->state == EXCH_EXPECT_TUNNEL)
			tunnel_half(p, e, &c->leg);
		else
			exch_response_end(p, e);
		return;
	case BODY_TRUNCATED:
		exch_up_lost(p, e);
		return;
	case BODY_REFUSED:
	case BODY_LARGE:
		exch_fail(p, e, 502, JOURNAL_CAUSE_UPSTREAM_MALFORMED, b->chunk.reason);
		return;
	case BODY_FAULT:
		rewrite_failed(p, e);
		return;
	}
}

void
relay_both(struct proxy *p, struct exch *e)
{
	const struct conn *c = conn_at(p, e->client);
	uint32_t i = c->exch;

	relay_up(p, e);
	if (c->exch != i || e->up == (uint32_t)NONE || e->state == EXCH_EXPECT_UP)
		return;
	if (e->state == EXCH_EXPECT_RESPONSE)
		step_reply(p, e);
	else
		relay_down(p, e);
}
