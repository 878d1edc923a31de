/*
 * exchange.c - one request and its response: the state table, and how exchanges end.
 *
 * Every end of an exchange goes through finish(): the record is written while both legs are still
 * there, then the upstream connection is kept or let go, then the client's connection goes on to
 * its next request or to its own end.
 */
#include "proxy/state.h"

/* A pair that is not here cannot happen: it is zero, EXCH_BUG, and stops us. */
static const uint8_t exch_table[EXCH_STATES][EXCH_EVENTS] = {
	[EXCH_EXPECT_UP] = { [EXCH_EV_UP] = EXCH_EXPECT_RESPONSE,
			     [EXCH_EV_AGAIN] = EXCH_EXPECT_UP,
			     [EXCH_EV_ANSWERED] = EXCH_CLOSED,
			     [EXCH_EV_BROKEN] = EXCH_CLOSED },
	[EXCH_EXPECT_RESPONSE] = { [EXCH_EV_REQUEST_END] = EXCH_EXPECT_RESPONSE,
				   [EXCH_EV_HEAD] = EXCH_EXPECT_ENDS,
				   [EXCH_EV_SWITCHED] = EXCH_EXPECT_TUNNEL,
				   [EXCH_EV_AGAIN] = EXCH_EXPECT_UP,
				   [EXCH_EV_ANSWERED] = EXCH_CLOSED,
				   [EXCH_EV_BROKEN] = EXCH_CLOSED },
	[EXCH_EXPECT_ENDS] = { [EXCH_EV_REQUEST_END] = EXCH_EXPECT_ENDS,
			       [EXCH_EV_RESPONSE_END] = EXCH_EXPECT_REQUEST,
			       [EXCH_EV_ANSWERED] = EXCH_CLOSED,
			       [EXCH_EV_BROKEN] = EXCH_CLOSED },
	[EXCH_EXPECT_REQUEST] = { [EXCH_EV_REQUEST_END] = EXCH_CLOSED,
				  [EXCH_EV_BROKEN] = EXCH_CLOSED },
	[EXCH_EXPECT_TUNNEL] = { [EXCH_EV_ENDS] = EXCH_CLOSED, [EXCH_EV_BROKEN] = EXCH_CLOSED },
};

enum exch_state
exch_next(enum exch_state at, enum exch_event ev)
{
	enum exch_state to = (enum exch_state)exch_table[at][ev];

	ensure(to != EXCH_BUG); /* the caller raised an event this state cannot meet */
	return to;
}

const char *
exch_state_name(enum exch_state state)
{
	static const char *const name[] = {
#define X(id, word) [EXCH_##id] = #word,
		EXCH_STATE_LIST(X)
#undef X
	};

	return name[state];
}

const char *
exch_event_name(enum exch_event ev)
{
	static const char *const name[] = {
#define X(id, word) [EXCH_EV_##id] = #word,
		EXCH_EVENT_LIST(X)
#undef X
	};

	return name[ev];
}

static void
turn_to(struct exch *e, enum exch_event ev)
{
	e->state = (uint8_t)exch_next((enum exch_state)e->state, ev);
}

struct exch *
exch_begin(struct proxy *p, struct conn *c)
{
	uint32_t i = pool_take(&p->exchs);

	if (i == POOL_NONE)
		return NULL;

	struct exch *e = exch_at(p, i);
	const struct img_listener *rec = p->listener[c->listener_i].rec;

	*e = (struct exch){ .state = EXCH_EXPECT_UP,
			    .client = conn_index(p, c),
			    .up = (uint32_t)NONE,
			    .listener_i = c->listener_i,
			    .view_seq = p->view_seq,
			    .listener_slot = rec->slot,
			    .listener_incarnation = rec->incarnation,
			    .is_logged = (rec->flags & IMG_LISTENER_ACCESS_LOG) != 0,
			    .body_ns = rec->body_ns,
			    .client_send_ns = rec->send_ns,
			    .body_max_bytes = rec->body_max_bytes != 0
						      ? rec->body_max_bytes
						      : img_machine(p->img)->body_max_bytes,
			    .first_at = c->head_at != 0 ? c->head_at : p->now,
			    .head_at = p->now,
			    .client_rx_at = p->now,
			    .client_ack_at = p->now,
			    .client_acked = tcp_acked(p->tcp, c->leg.id),
			    .up_rx_at = p->now,
			    .up_ack_at = p->now };
	tcp_ends(p->tcp, c->leg.id, &e->ends);
	e->farm_slot = (uint32_t)NONE;
	e->route.slot = (uint32_t)NONE;
	e->wait_ns = e->first_at - c->since_ns;
	c->exch = i;
	c->state = CONN_EXPECT_EXCHANGE;
	c->due_ns = NEVER;
	p->gauge.exchanges++;
	p->conf.count->proxy_exchanges++;
	p->retry_budget += p->retry_budget < (RETRIES_AT_ONCE + p->gauge.exchanges) * RETRY_COST;
	return e;
}

/* What becomes of the connection to the server. */
enum up_end {
	UP_KEEP,
	UP_RELEASE,
	UP_ABORT
};

static void
up_detach(struct proxy *p, struct exch *e, enum up_end how)
{
	if (e->up == (uint32_t)NONE)
		return;

	struct conn *up = conn_at(p, e->up);

	up->exch = (uint32_t)NONE;
	e->up = (uint32_t)NONE;
	if (how == UP_KEEP) {
		if (e->is_bound)
			pool_up_pin(p, conn_at(p, e->client), up);
		else
			pool_up_put(p, up, e->idle_max);
		return;
	}
	if (how == UP_RELEASE)
		leg_release(p, &up->leg);
	else
		leg_abort(p, &up->leg);
	conn_put(p, up);
}

static void
server_leave(struct proxy *p, struct exch *e, uint16_t status)
{
	if (!e->has_server)
		return;
	e->has_server = false;
	farm_leave(p->farms, e->route.slot, e->route.incarnation, status, e->body[DIR_UP].bytes_out,
		   e->body[DIR_DOWN].bytes_in);
}

/* Whether it is the server's doing. */
static bool
is_servers(uint32_t cause)
{
	return cause >= JOURNAL_CAUSE_SEND_TIMEOUT &&
	       cause <= JOURNAL_CAUSE_UPSTREAM_HEAD_TOO_LARGE;
}

static void
server_blame(struct proxy *p, const struct exch *e, uint32_t cause)
{
	if (e->has_server && is_servers(cause))
		farm_blamed(p->farms, e->route.slot, e->route.incarnation, cause, p->now);
}

static void
measure(struct proxy *p, const struct exch *e)
{
	struct board_hists *h = p->conf.hists;

	if (h == NULL)
		return;
	board_hist_add(&h->request_time, e->reply_end_at - e->first_at);
	if (e->reply_at != 0 && e->sent_all_at != 0 && e->reply_at >= e->sent_all_at &&
	    !e->is_own) {
		board_hist_add(&h->first_byte_time, e->reply_at - e->sent_all_at);
		farm_waited(p->farms, e->route.slot, e->route.incarnation,
			    e->reply_at - e->sent_all_at);
	}
}

/* Record, server, buffers; the client conn is the caller's to go on with. */
static struct conn *
finish(struct proxy *p, struct exch *e, enum up_end how)
{
	struct conn *c = conn_at(p, e->client);
	bool is_whole = e->body[DIR_DOWN].in_done && !e->is_own;

	ensure(e->state == EXCH_CLOSED);
	if (e->reply_end_at == 0)
		e->reply_end_at = p->now;
	measure(p, e);
	if (e->is_logged && p->conf.journal != NULL)
		record_put(p, e);
	if (e->cause != JOURNAL_CAUSE_NONE)
		server_blame(p, e, e->cause);
	server_leave(p, e, is_whole ? e->upstream_status : 0);
	up_detach(p, e, how);
	p->bufs_held -= e->head.n;
	bufq_give(&e->head);
	bufq_give(&e->built);
	bufq_give(&e->replay);
	way_fini(p, e);
	body_fini(p, &e->body[DIR_UP]);
	body_fini(p, &e->body[DIR_DOWN]);
	if (e->is_tunnel)
		p->gauge.tunnels--;
	p->gauge.exchanges--;
	if (e->cause != JOURNAL_CAUSE_NONE)
		p->conf.count->proxy_exchanges_failed++;
	c->exch = (uint32_t)NONE;
	pool_give(&p->exchs, exch_index(p, e));
	return c;
}

/* Whether the server's connection can carry another request. */
static enum up_end
up_end_of(const struct proxy *p, const struct exch *e)
{
	if (e->up == (uint32_t)NONE)
		return UP_RELEASE;

	const struct conn *up = conn_at(p, e->up);

	if (!e->body[DIR_UP].out_done || !e->body[DIR_DOWN].in_done)
		return UP_ABORT;
	/* Bytes behind the response that nobody asked for: it is not in step with us any more. */
	if (up->leg.in.bytes != 0)
		return UP_ABORT;
	return e->up_keeps && !conn_is_over(up) ? UP_KEEP : UP_RELEASE;
}

static void
close_whole(struct proxy *p, struct exch *e)
{
	bool is_kept = e->client_keeps && e->body[DIR_UP].in_done;

	conn_next(p, finish(p, e, up_end_of(p, e)), is_kept);
}

void
exch_response_end(struct proxy *p, struct exch *e)
{
	turn_to(e, EXCH_EV_RESPONSE_END);
	e->reply_end_at = p->now;
	if (e->body[DIR_UP].out_done) {
		turn_to(e, EXCH_EV_REQUEST_END);
		close_whole(p, e);
		return;
	}
	/* A server that still listens gets the rest of the request: the connections stay good. */
	if (e->up_keeps && e->client_keeps && !conn_is_over(conn_at(p, e->up)))
		return;
	turn_to(e, EXCH_EV_BROKEN);
	e->client_keeps = false;
	close_whole(p, e);
}

void
exch_request_end(struct proxy *p, struct exch *e)
{
	e->sent_all_at = p->now;
	e->up_rx_at = p->now;
	if (e->state == EXCH_EXPECT_TUNNEL)
		return;
	turn_to(e, EXCH_EV_REQUEST_END);
	if (e->state == EXCH_CLOSED)
		close_whole(p, e);
}

void
exch_tunnel_end(struct proxy *p, struct exch *e)
{
	turn_to(e, EXCH_EV_ENDS);
	e->client_keeps = e->up_keeps = false;
	close_whole(p, e);
}

/*
 * The client must see that what it has is not all: by our end where the framing tells, which also
 * lets the responses before this one through; else by a reset. Who does not read, or must give its
 * buffers back at once, is reset too; whom a rule aborts (12.4); and whom an operator kills.
 */
static void
cut_client(struct proxy *p, struct exch *e, enum up_end how)
{
	bool is_stuck = e->cause == JOURNAL_CAUSE_MEMORY ||
			e->cause == JOURNAL_CAUSE_CLIENT_SEND_TIMEOUT ||
			e->cause == JOURNAL_CAUSE_RULE_ABORT || e->cause == JOURNAL_CAUSE_KILLED;
	bool is_told = !is_stuck && (e->body[DIR_DOWN].out_done ||
				     e->body[DIR_DOWN].framing_out != HTTP_FRAMING_CLOSE);
	struct conn *c;

	turn_to(e, EXCH_EV_BROKEN);
	c = finish(p, e, how);
	if (is_told) {
		conn_next(p, c, false);
		return;
	}
	leg_abort(p, &c->leg);
	conn_put(p, c);
}

/* Our reply has been given; the exchange is over. */
static void
close_answered(struct proxy *p, struct exch *e)
{
	bool is_kept;

	turn_to(e, EXCH_EV_ANSWERED);
	is_kept = e->client_keeps;
	conn_next(p, finish(p, e, UP_ABORT), is_kept);
}

void
exch_answer(struct proxy *p, struct exch *e, struct http_reply *reply)
{
	e->client_keeps = e->client_keeps && e->body[DIR_UP].in_done;
	step_reply_given(p, e, reply);
	close_answered(p, e);
}

void
exch_fail(struct proxy *p, struct exch *e, uint16_t status, enum journal_cause cause,
	  uint16_t detail)
{
	e->cause = (uint16_t)cause;
	e->detail = detail;
	if (status == 0 || e->has_begun) {
		cut_client(p, e, UP_ABORT);
		return;
	}
	e->client_keeps = e->client_keeps && e->body[DIR_UP].in_done;
	step_reply_own(p, e, status);
	close_answered(p, e);
}

void
exch_client_lost(struct proxy *p, struct exch *e, enum journal_cause cause)
{
	/* With the whole response given a client may go when it likes. */
	bool is_whole = e->state == EXCH_EXPECT_REQUEST, has_begun = e->has_begun;
	struct conn *c;

	if (!is_whole)
		e->cause = (uint16_t)cause;
	turn_to(e, EXCH_EV_BROKEN);
	c = finish(p, e, UP_ABORT);
	/* It ended within a request: a reset would cost it the responses still on their way. */
	if (!has_begun && c->leg.end == LEG_CLEAN) {
		conn_next(p, c, false);
		return;
	}
	if (is_whole || c->leg.end == LEG_GONE)
		leg_release(p, &c->leg);
	else
		leg_abort(p, &c->leg);
	conn_put(p, c);
}

/*
 * Design section 3: only proof that the server never took the request lets it go elsewhere. On a
 * kept connection that ended with nothing of this request acknowledged, the server had closed it
 * before our first byte came; unless something was sent again: then ACK and reset of a server that
 * took it may be lost, and what says the reset is what is left of the connection there.
 */
static bool
is_untaken(const struct proxy *p, const struct exch *e)
{
	const struct conn *up = conn_at(p, e->up);
	enum tcp_end why = tcp_end(p->tcp, up->leg.id);

	if (why != TCP_END_NONE && why != TCP_END_CLOSED && why != TCP_END_RESET)
		return false; /* a time-out is never proof */
	return e->is_reused && e->is_replayable && up->leg.in.bytes == 0 && e->reply_at == 0 &&
	       tcp_acked(p->tcp, up->leg.id) == up->acked_base &&
	       tcp_sent_again(p->tcp, up->leg.id) == e->up_again;
}

static void
try_again(struct proxy *p, struct exch *e)
{
	struct conn *c = conn_at(p, e->client);

	p->conf.count->proxy_retries++;
	turn_to(e, EXCH_EV_AGAIN);
	server_leave(p, e, FARM_UNTAKEN);
	up_detach(p, e, UP_ABORT);
	bufq_splice(&e->replay, &c->leg.in);
	c->leg.in = e->replay;
	e->replay = (struct bufq){ 0 };
	leg_note(p, &c->leg);
	e->must_dial = true;
	step_head_again(p, e);
	step_route(p, e);
}

/*
 * A safe method without content does no harm when it comes twice (RFC 9110, 9.2.1): before any
 * byte of a response it may go to another server, within a budget: a farm that fails for good is
 * asked a fifth more, and once as much more as was in progress.
 */
static bool
is_safe_again(const struct proxy *p, const struct exch *e)
{
	bool is_safe = e->method_id == HTTP_METHOD_GET || e->method_id == HTTP_METHOD_HEAD ||
		       e->method_id == HTTP_METHOD_OPTIONS;

	return is_safe && e->body[DIR_UP].framing_in == HTTP_FRAMING_NONE && e->reply_at == 0 &&
	       e->retries_left > 0 && p->retry_budget >= RETRY_COST;
}

static void
try_elsewhere(struct proxy *p, struct exch *e, enum journal_cause cause)
{
	p->retry_budget -= RETRY_COST;
	server_blame(p, e, cause);
	server_leave(p, e, 0);
	up_detach(p, e, UP_ABORT);
	step_dial_another(p, e, cause);
}

void
exch_up_lost(struct proxy *p, struct exch *e)
{
	const struct conn *up = conn_at(p, e->up);
	enum tcp_end why = tcp_end(p->tcp, up->leg.id);
	enum journal_cause cause = JOURNAL_CAUSE_UPSTREAM_CLOSED;
	uint16_t status = 502;

	if (e->state == EXCH_EXPECT_REQUEST) {
		turn_to(e, EXCH_EV_BROKEN);
		e->client_keeps = e->up_keeps = false;
		close_whole(p, e);
		return;
	}
	if (e->state == EXCH_EXPECT_RESPONSE && is_untaken(p, e)) {
		try_again(p, e);
		return;
	}
	if (why == TCP_END_USER_TIMEOUT || why == TCP_END_KEEPALIVE) {
		cause = JOURNAL_CAUSE_SEND_TIMEOUT;
		status = 504;
	} else if (why == TCP_END_EVICTED) {
		cause = JOURNAL_CAUSE_MEMORY;
		status = 503;
	} else if (why == TCP_END_RESET) {
		cause = JOURNAL_CAUSE_UPSTREAM_RESET;
	} else if (up->leg.in.bytes != 0 || e->state != EXCH_EXPECT_RESPONSE) {
		cause = JOURNAL_CAUSE_UPSTREAM_TRUNCATED;
	}
	if (e->state == EXCH_EXPECT_RESPONSE && status == 502 && is_safe_again(p, e))
		try_elsewhere(p, e, cause);
	else
		exch_fail(p, e, status, cause, 0);
}
