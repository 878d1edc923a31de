/*
 * step_route.c - asks decide/ for a server and writes the head that goes to it.
 *
 * Comes here with the request in p->request: for the first try straight from the parser, for
 * others after step_head_again. What the exchange needs of the tables it copies now. The
 * listener's rules are asked before the first try; others keep what they said (way.c).
 */
#include "proxy/state.h"
#include "view/view.h"

static void
fail_route(struct proxy *p, struct exch *e, enum decide_cause cause)
{
	static const uint8_t cause_of[] = {
		[DECIDE_CAUSE_NO_FARM] = JOURNAL_CAUSE_NO_FARM,
		[DECIDE_CAUSE_CONNECT] = JOURNAL_CAUSE_NOT_IMPLEMENTED,
		[DECIDE_CAUSE_NO_SERVER] = JOURNAL_CAUSE_NO_SERVER,
		[DECIDE_CAUSE_DRAINED] = JOURNAL_CAUSE_NO_SERVER,
		[DECIDE_CAUSE_UNRESOLVED] = JOURNAL_CAUSE_NO_ADDRESS,
		[DECIDE_CAUSE_ALL_TRIED] = JOURNAL_CAUSE_NO_SERVER,
		[DECIDE_CAUSE_NO_PORT] = JOURNAL_CAUSE_NO_SERVER,
		[DECIDE_CAUSE_SCHEME] = JOURNAL_CAUSE_SCHEME,
		[DECIDE_CAUSE_HOST] = JOURNAL_CAUSE_RULE_HOST,
	};

	/* What became of the last try says more than that none is left. */
	if (e->tries != 0 && e->cause != JOURNAL_CAUSE_NONE) {
		e->limit_ns = e->cause == JOURNAL_CAUSE_CONNECT_TIMEOUT ? e->connect_ns : 0;
		exch_fail(p, e, e->cause == JOURNAL_CAUSE_CONNECT_TIMEOUT ? 504 : 502,
			  (enum journal_cause)e->cause, 0);
		return;
	}
	e->substatus = decide_cause_substatus(cause);
	exch_fail(p, e, decide_cause_status(cause), (enum journal_cause)cause_of[cause],
		  (uint16_t)cause);
}

static uint64_t
or_else(uint64_t v, uint64_t otherwise)
{
	return v != 0 ? v : otherwise;
}

static void
copy_farm(struct proxy *p, struct exch *e)
{
	const struct img_farm *farm = img_farm(p->img, e->route.farm_i);

	if (e->tries == 0)
		e->retries_left = farm->retries;
	e->farm_slot = farm->slot;
	e->farm_incarnation = farm->incarnation;
	e->connect_ns = or_else(e->way.connect_ns, farm->connect_ns);
	e->send_ns = or_else(e->way.send_ns, farm->send_ns);
	e->receive_ns = or_else(e->way.receive_ns, farm->receive_ns);
	e->idle_ns = farm->idle_ns;
	e->idle_max = farm->idle_max;
	e->tunnel_ns = img_listener(p->img, e->listener_i)->tunnel_ns;
	if (e->tunnel_ns == 0)
		e->tunnel_ns = e->receive_ns;
}

/* The head for this server, in e->built; false when there is no buffer or it is too long. */
static enum journal_cause
build_head(struct proxy *p, struct exch *e, const struct decide_facts *facts)
{
	struct http_request_out out;
	struct buf *b = buf_take(p->bufs);
	uint32_t need;

	if (b == NULL)
		return JOURNAL_CAUSE_MEMORY;
	decide_request(p->img, e->listener_i, &e->route, facts, &p->text, &out);
	out.framing = (enum http_framing)e->body[DIR_UP].framing_out;
	out.length = p->request.head.length;
	out.keep_alive = true;
	out.upgrade = e->wants_upgrade;
	b->at = BUF_HEADROOM;
	need = http_emit_request(&out, buf_stream(b), b->m.buf_len - BUF_HEADROOM);
	if (need <= (uint32_t)b->m.buf_len - BUF_HEADROOM) {
		b->n = (uint16_t)need;
		bufq_push(&e->built, b);
		return JOURNAL_CAUSE_NONE;
	}
	buf_give(b);
	if (http_emit_request(&out, p->emit, SCRATCH_BYTES) > SCRATCH_BYTES)
		return JOURNAL_CAUSE_HEAD_TOO_LARGE;
	return bufq_append(p->bufs, &e->built, p->emit, need) ? JOURNAL_CAUSE_NONE
							      : JOURNAL_CAUSE_MEMORY;
}

struct decide_facts
exch_facts(const struct proxy *p, const struct exch *e)
{
	return (struct decide_facts){ .request = &p->request,
				      .client = e->ends.remote,
				      .client_port = e->ends.remote_port,
				      .local = e->ends.local,
				      .local_port = e->ends.local_port };
}

void
step_route(struct proxy *p, struct exch *e)
{
	const struct conn *client = conn_at(p, e->client);
	uint32_t listener_i = conn_listener(p, conn_at(p, e->client));
	struct decide_facts facts = exch_facts(p, e);
	struct decide_route last;
	struct decide_way way;
	enum decide_cause cause;
	enum journal_cause built;

	if (p->watch != NULL)
		watch_look(p, client);
	if (listener_i == (uint32_t)NONE) { /* a further try after the listener went */
		fail_route(p, e, DECIDE_CAUSE_NO_FARM);
		return;
	}
	e->listener_i = listener_i;
	e->generation = p->view->generation;
	e->has_outbound = p->listener[listener_i].has_outbound;
	facts.wants_body = e->has_outbound && decide_wants_body(p->view->rules, p->conf.lane_i,
								listener_i, &p->request);
	if (e->way.is_set || (e->tries == 0 && p->listener[listener_i].has_rules)) {
		if (e->way.is_set)
			way_read(p, e, &way);
		else if (!way_ask(p, e, &facts, &way))
			return;
		facts.way = &way;
	}
	if (e->tries != 0)
		last = e->route;
	cause = decide_route(p->img, listener_i, &facts, p->farms, &e->tried, p->now, &e->route);
	if (e->route.farm_i != (uint32_t)IMG_NONE)
		copy_farm(p, e);
	if (cause != DECIDE_CAUSE_NONE) {
		if (e->tries != 0)
			e->route = last; /* the record names who failed */
		fail_route(p, e, cause);
		return;
	}
	if (client->pin != (uint32_t)NONE)
		pool_up_pin_route(p, conn_at(p, e->client), &e->route);
	e->is_bound = pool_up_is_bound(&p->request.head, HTTP_FIELD_AUTHORIZATION);
	e->cause = JOURNAL_CAUSE_NONE;
	e->route_at = p->now;
	bufq_give(&e->built);
	built = build_head(p, e, &facts);
	if (built != JOURNAL_CAUSE_NONE) {
		exch_fail(p, e, built == JOURNAL_CAUSE_MEMORY ? 503 : 431, built, 0);
		return;
	}
	step_dial(p, e);
}
