/*
 * conn.c - client and upstream connections: how they begin, what their events mean, how they end.
 *
 * A conn between requests holds no buffer and no exchange. An exchange that ends never starts the
 * next request itself: its client conn is put on the wake list when input is waiting, so that a
 * thousand pipelined requests are a loop and not a recursion.
 * Invariant: an event counts only when the conn that its owner word names has its TCP id.
 */
#include "proxy/state.h"

struct conn *
conn_get(struct proxy *p, bool is_client)
{
	uint32_t i = pool_take(&p->conns);

	if (i == POOL_NONE)
		return NULL;

	struct conn *c = conn_at(p, i);

	*c = (struct conn){ .due_ns = NEVER,
			    .since_ns = p->now,
			    .exch = (uint32_t)NONE,
			    .wake_next = (uint32_t)NONE,
			    .pin = (uint32_t)NONE,
			    .is_client = is_client };
	if (is_client)
		p->gauge.client_conns++;
	else
		p->gauge.upstream_conns++;
	return c;
}

void
conn_put(struct proxy *p, struct conn *c)
{
	ensure(c->exch == (uint32_t)NONE && c->leg.id.v == 0);
	if (c->pin != (uint32_t)NONE && c->is_client)
		pool_up_drop(p, conn_at(p, c->pin));
	else if (c->pin != (uint32_t)NONE)
		conn_at(p, c->pin)->pin = (uint32_t)NONE;
	if (c->is_client) {
		p->gauge.client_conns--;
	} else {
		p->gauge.upstream_conns--;
		p->conns_n[c->slot] -= c->is_counted;
	}
	c->state = CONN_FREE;
	if (c->armed_tick != 0)
		wheel_cancel(p->wheel, conn_index(p, c));
	/* One that is on the wake list is given when the list comes to it. */
	if (!c->is_awake)
		pool_give(&p->conns, conn_index(p, c));
}

static void
put_last(struct proxy *p, struct conn_list *list, struct conn *c)
{
	uint32_t i = conn_index(p, c);

	if (c->is_awake)
		return;
	c->is_awake = true;
	c->wake_next = (uint32_t)NONE;
	if (list->last == (uint32_t)NONE)
		list->first = i;
	else
		conn_at(p, list->last)->wake_next = i;
	list->last = i;
}

void
conn_wake(struct proxy *p, struct conn *c)
{
	put_last(p, &p->wake, c);
}

bool
conn_may_work(struct proxy *p, struct conn *c)
{
	bool is_next = p->is_queue_run || p->queue.first == (uint32_t)NONE;

	if (is_next && p->turn_work >= TURN_WORK_LEAST)
		return true;
	put_last(p, &p->queue, c);
	return false;
}

static void conn_quiet(struct proxy *p, struct conn *c);

static void
conn_close(struct proxy *p, struct conn *c)
{
	leg_release(p, &c->leg);
	conn_put(p, c);
}

struct conn *
conn_accept(struct proxy *p, struct tcp_id id, uint32_t owner)
{
	const struct listen *l = &p->listen[owner & 0xffff];
	struct conn *c = NULL;

	/* The listener may have gone, or its place have changed hands, since the event was made. */
	if ((owner & 0xffff) < p->conf.listeners_max && l->is_open && l->generation == owner >> 16)
		c = conn_get(p, true);
	if (c == NULL) {
		p->conf.count->proxy_conns_refused++;
		tcp_abort(p->tcp, id);
		tcp_release(p->tcp, id);
		return NULL;
	}
	c->leg.id = id;
	c->id = ++p->conn_ids;
	c->listener_i = l->listener_i;
	c->view_seq = p->view_seq;
	c->slot = p->listener[c->listener_i].rec->slot;
	c->incarnation = p->listener[c->listener_i].rec->incarnation;
	c->state = CONN_EXPECT_HEAD;
	p->conf.count->proxy_conns_accepted++;
	tcp_adopt(p->tcp, id, conn_index(p, c));
	leg_offer(p, &c->leg, HEAD_ROOM);
	timer_due(p, c, p->now + p->listener[c->listener_i].rec->head_ns);
	if (p->watch != NULL)
		watch_look(p, c);
	return c;
}

uint32_t
conn_listener(struct proxy *p, struct conn *c)
{
	if (c->view_seq == p->view_seq)
		return c->listener_i;
	c->view_seq = p->view_seq;
	c->listener_i = (uint32_t)NONE;
	for (uint32_t i = 0; i < p->listener_n; i++)
		if (p->listener[i].rec->slot == c->slot &&
		    p->listener[i].rec->incarnation == c->incarnation)
			c->listener_i = i;
	return c->listener_i;
}

/*
 * Our last byte has been given to TCP. What the client still sends is read and thrown away until
 * it ends too, for a reset would take the reply out of its hands (RFC 9112, 9.6); and what it has
 * not acknowledged is watched, so that who never reads cannot keep buffers.
 */
static void
conn_linger(struct proxy *p, struct conn *c)
{
	leg_shut(p, &c->leg);
	if (c->pin != (uint32_t)NONE)
		pool_up_drop(p, conn_at(p, c->pin));
	c->state = CONN_EXPECT_QUIET;
	c->quiet_bytes = 0;
	c->quiet_acked = tcp_acked(p->tcp, c->leg.id);
	c->quiet_until_ns = p->now + LINGER_ALL_NS;
	conn_quiet(p, c);
}

static void
conn_quiet(struct proxy *p, struct conn *c)
{
	uint64_t due = p->now + LINGER_GAP_NS;

	c->quiet_bytes += min_u32(c->leg.in.bytes, LINGER_MAX);
	bufq_give(&c->leg.in);
	leg_note(p, &c->leg);
	if ((leg_is_ended(&c->leg) || c->quiet_bytes >= LINGER_MAX) &&
	    tcp_unacked(p->tcp, c->leg.id) == 0) {
		conn_close(p, c);
		return;
	}
	leg_offer(p, &c->leg, HOLD_ROOM);
	timer_due(p, c, due < c->quiet_until_ns ? due : c->quiet_until_ns);
}

/* No byte came for a while, or the time is up. */
static void
conn_quiet_late(struct proxy *p, struct conn *c)
{
	uint64_t acked = tcp_acked(p->tcp, c->leg.id);

	if (tcp_unacked(p->tcp, c->leg.id) == 0) {
		conn_close(p, c);
		return;
	}
	if (acked != c->quiet_acked) {
		c->quiet_acked = acked;
		c->quiet_until_ns = p->now + LINGER_ALL_NS;
	} else if (p->now >= c->quiet_until_ns) {
		p->conf.count->proxy_linger_cut++;
		leg_abort(p, &c->leg);
		conn_put(p, c);
		return;
	}
	timer_due(p, c, p->now + LINGER_GAP_NS);
}

void
conn_next(struct proxy *p, struct conn *c, bool is_kept)
{
	uint32_t i = conn_listener(p, c);

	if (c->leg.end == LEG_GONE) {
		conn_close(p, c);
		return;
	}
	if (!is_kept || i == (uint32_t)NONE || (leg_is_ended(&c->leg) && c->leg.in.bytes == 0)) {
		conn_linger(p, c);
		return;
	}
	c->state = CONN_EXPECT_HEAD;
	c->since_ns = p->now;
	c->head_at = 0;
	c->resume = (struct http_resume){ 0 };
	leg_offer(p, &c->leg, HEAD_ROOM > c->leg.in.bytes ? HEAD_ROOM - c->leg.in.bytes : 0);
	timer_due(p, c, p->now + p->listener[i].rec->idle_ns);
	if (c->leg.in.bytes != 0)
		conn_wake(p, c);
}

static void
client_run(struct proxy *p, struct conn *c)
{
	struct exch *e;

	switch ((enum conn_state)c->state) {
	case CONN_EXPECT_HEAD:
		if (c->leg.in.bytes != 0)
			step_head(p, c);
		else if (leg_is_ended(&c->leg))
			conn_linger(p, c);
		break;
	case CONN_EXPECT_QUIET:
		conn_quiet(p, c);
		break;
	case CONN_EXPECT_EXCHANGE:
		e = exch_at(p, c->exch);
		e->client_rx_at = p->now;
		relay_up(p, e);
		break;
	case CONN_FREE:
	case CONN_EXPECT_UP:
	case CONN_EXPECT_USE:
		ensure(!"a client conn in a server conn's state");
	}
}

static void
upstream_run(struct proxy *p, struct conn *c)
{
	struct exch *e;

	switch ((enum conn_state)c->state) {
	case CONN_EXPECT_USE: /* bytes or an end while nobody asked: it cannot be used again */
		if (c->leg.in.bytes != 0 || conn_is_over(c))
			pool_up_stirred(p, c);
		break;
	case CONN_EXPECT_EXCHANGE:
		e = exch_at(p, c->exch);
		e->up_rx_at = p->now;
		if (e->state == EXCH_EXPECT_RESPONSE)
			step_reply(p, e);
		else
			relay_down(p, e);
		break;
	case CONN_EXPECT_UP: /* TCP tells by CONNECTED or GONE */
		break;
	case CONN_FREE:
	case CONN_EXPECT_HEAD:
	case CONN_EXPECT_QUIET:
		ensure(!"a server conn in a client conn's state");
	}
}

static void
run(struct proxy *p, struct conn *c)
{
	if (c->is_client)
		client_run(p, c);
	else
		upstream_run(p, c);
}

static enum journal_cause
client_cause(enum tcp_end why)
{
	if (why == TCP_END_EVICTED)
		return JOURNAL_CAUSE_MEMORY;
	if (why == TCP_END_USER_TIMEOUT || why == TCP_END_KEEPALIVE)
		return JOURNAL_CAUSE_CLIENT_SEND_TIMEOUT;
	return JOURNAL_CAUSE_CLIENT_RESET;
}

/* The connection is over; what it had sent before has been read. */
static void
conn_on_gone(struct proxy *p, struct conn *c)
{
	struct exch *e = c->exch == (uint32_t)NONE ? NULL : exch_at(p, c->exch);

	if (c->is_client) {
		if (e != NULL)
			exch_client_lost(p, e, client_cause(tcp_end(p->tcp, c->leg.id)));
		else
			conn_close(p, c);
	} else if (c->state == CONN_EXPECT_UP) {
		step_dial_lost(p, e);
	} else if (e != NULL) {
		exch_up_lost(p, e);
	} else {
		pool_up_stirred(p, c);
	}
}

/* Room on one leg opens the window of the other. */
static void
conn_on_room(struct proxy *p, struct conn *c)
{
	struct exch *e;

	if (c->exch == (uint32_t)NONE) {
		if (c->state == CONN_EXPECT_QUIET)
			conn_quiet(p, c);
		return;
	}
	e = exch_at(p, c->exch);
	if (c->is_client) {
		e->client_ack_at = p->now;
		e->up_rx_at = p->now;
		if (e->state == EXCH_EXPECT_ENDS || e->state == EXCH_EXPECT_TUNNEL)
			relay_down(p, e);
	} else if (e->state != EXCH_EXPECT_UP) {
		e->up_ack_at = p->now;
		e->client_rx_at = p->now;
		relay_taken(p, e);
		relay_up(p, e);
	}
}

/* Whether the conn is still the one that the event was for. */
static bool
is_same(const struct conn *c, struct tcp_id id)
{
	return c->leg.id.v == id.v && c->leg.id.v != 0;
}

/* What a server had sent before it went waits for its turn, or for room, and is read first. */
static void
after_run(struct proxy *p, struct conn *c, struct tcp_id id)
{
	if (is_same(c, id) && c->has_gone && (c->is_client || !(c->is_awake || c->is_held))) {
		c->leg.end = LEG_GONE;
		conn_on_gone(p, c);
	}
	if (is_same(c, id))
		leg_note(p, &c->leg);
}

void
conn_run(struct proxy *p, struct conn *c)
{
	struct tcp_id id = c->leg.id;

	run(p, c);
	after_run(p, c, id);
}

void
conn_on_event(struct proxy *p, struct conn *c, uint32_t bits)
{
	struct tcp_id id = c->leg.id;

	c->has_gone = c->has_gone || (bits & TCP_EV_GONE) != 0;
	if ((bits & TCP_EV_CONNECTED) != 0 && c->state == CONN_EXPECT_UP)
		step_dial_up(p, c);
	if ((bits & (TCP_EV_READABLE | TCP_EV_FIN | TCP_EV_GONE)) != 0 && is_same(c, id) &&
	    c->state != CONN_EXPECT_UP) {
		enum leg_end before = (enum leg_end)c->leg.end;

		leg_recv(p, &c->leg);
		if (c->leg.is_fresh || before != (enum leg_end)c->leg.end)
			run(p, c);
	}
	if ((bits & (TCP_EV_ROOM | TCP_EV_SENT)) != 0 && is_same(c, id))
		conn_on_room(p, c);
	after_run(p, c, id);
}

/* Part of a request is there, so that there is something to record. */
static struct exch *
begun(struct proxy *p, struct conn *c)
{
	if (c->state != CONN_EXPECT_HEAD || c->head_at == 0 ||
	    conn_listener(p, c) == (uint32_t)NONE)
		return NULL;
	return exch_begin(p, c);
}

void
conn_kill(struct proxy *p, struct conn *c)
{
	struct exch *e = c->exch != (uint32_t)NONE ? exch_at(p, c->exch) : NULL;

	p->conf.count->proxy_killed++;
	if (!c->is_client) {
		pool_up_stirred(p, c);
		return;
	}
	if (e == NULL)
		e = begun(p, c);
	if (e != NULL) {
		e->client_keeps = false;
		exch_fail(p, e, 0, JOURNAL_CAUSE_KILLED, 0);
		return;
	}
	leg_abort(p, &c->leg);
	conn_put(p, c);
}

/* No request came, or not all of its head. */
static void
client_late(struct proxy *p, struct conn *c)
{
	if (c->leg.in.bytes == 0) {
		p->conf.count->proxy_client_idle_closed++;
		conn_linger(p, c);
		return;
	}
	if (c->is_awake) { /* it is all there, maybe, and waits for us */
		timer_due(p, c, p->now + WAITS_NS);
		return;
	}
	if (conn_listener(p, c) == (uint32_t)NONE) {
		conn_linger(p, c);
		return;
	}

	struct exch *e = exch_begin(p, c);

	if (e == NULL) {
		step_reply_busy(p, c);
		return;
	}
	e->client_keeps = false;
	e->limit_ns = p->now - c->head_at;
	exch_fail(p, e, 408, JOURNAL_CAUSE_CLIENT_HEAD_TIMEOUT, 0);
}

void
conn_on_timer(struct proxy *p, struct conn *c)
{
	c->armed_tick = 0;
	if (c->state == CONN_FREE)
		return;
	if (c->is_client && c->exch != (uint32_t)NONE) {
		timers_check(p, c);
		return;
	}
	if (p->now < c->due_ns) {
		timer_need(p, c, c->due_ns);
		return;
	}
	if (c->state == CONN_EXPECT_HEAD) {
		client_late(p, c);
	} else if (c->state == CONN_EXPECT_QUIET) {
		conn_quiet_late(p, c);
	} else if (c->state == CONN_EXPECT_USE) {
		p->conf.count->proxy_upstream_idle_closed++;
		pool_up_stirred(p, c);
	}
}
