/*
 * step_dial.c - a connection to the server chosen: a kept one, or a new one from a source port
 * whose replies come back to this lane.
 *
 * A dial that is refused or runs out of time has proven that the server took nothing: the server
 * rests and the request goes to another, as often as its farm allows.
 */
#include "net/net.h"
#include "net/ports.h"
#include "proxy/state.h"

/* The request's head, and what is there of its body, goes out. */
static void
give_request(struct proxy *p, struct exch *e, struct conn *up)
{
	struct body *b = &e->body[DIR_UP];

	up->acked_base = tcp_acked(p->tcp, up->leg.id);
	up->method_asked = e->method_id;
	up->up_resume = (struct http_resume){ 0 };
	up->requests_n++;
	e->state = (uint8_t)exch_next((enum exch_state)e->state, EXCH_EV_UP);
	e->has_server = true;
	e->is_replayable = true;
	e->up_at = e->sent_at = p->now;
	e->up_acked = up->acked_base;
	e->up_again = tcp_sent_again(p->tcp, up->leg.id);
	e->client_acked = tcp_acked(p->tcp, conn_at(p, e->client)->leg.id);
	timers_begin(p, e);
	farm_enter(p->farms, e->route.slot, e->route.incarnation, e->is_reused);
	if (!b->in_done || b->stage != NULL) {
		relay_up(p, e);
		return;
	}
	b->out_done = true;
	e->sent_all_at = p->now;
	leg_send(p, &up->leg, &e->built);
}

struct port_ask {
	struct proxy *p;
	const struct tcp_dial *dial;
};

static bool
is_port_free(void *ctx, uint16_t port)
{
	const struct port_ask *ask = ctx;

	return tcp_is_free(ask->p->tcp, &ask->dial->local, port, &ask->dial->remote,
			   ask->dial->remote_port);
}

static bool
is_same_family(const struct ip_addr *a, const struct ip_addr *b)
{
	return ip_is_v4(a) == ip_is_v4(b);
}

/* One of the listed source addresses in turn, of the right family; false: none is listed. */
static bool
find_source(struct proxy *p, uint32_t first, uint32_t n, struct tcp_dial *dial)
{
	uint32_t at = n > 1 ? p->source_next++ % n : 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct img_source *s = img_source(p->img, first + (at + i) % n);

		if (!is_same_family(&s->ip, &dial->remote))
			continue;
		dial->local = s->ip;
		dial->path = (uint16_t)s->port_i;
		return true;
	}
	return false;
}

/* From where: the farm's source addresses, else the port's, else the address nearest by. */
static bool
find_way(struct proxy *p, const struct exch *e, struct tcp_dial *dial)
{
	const struct img_farm *farm = img_farm(p->img, e->route.farm_i);
	uint16_t path = farm->port_i == (uint32_t)IMG_NONE ? NET_PATH_ANY : (uint16_t)farm->port_i;

	if (find_source(p, farm->first_source, farm->source_n, dial))
		return true;
	if (!net_find_route(p->conf.net, &dial->remote, path, &dial->path, &dial->local))
		return false;
	if (dial->path < img_n(p->img, IMG_PORTS)) {
		const struct img_port *port = img_port(p->img, dial->path);

		find_source(p, port->first_source, port->source_n, dial);
	}
	return true;
}

/* NONE: the SYN is on its way. */
static enum journal_cause
dial_new(struct proxy *p, struct exch *e)
{
	struct tcp_dial dial = { .remote = e->route.addr,
				 .remote_port = e->route.port,
				 .connect_ns = e->connect_ns };
	struct port_ask ctx = { .p = p, .dial = &dial };
	struct net_ports_ask ask = { .remote_port = dial.remote_port,
				     .remote = dial.remote,
				     .is_free = is_port_free,
				     .ctx = &ctx };
	struct conn *up;

	if (!find_way(p, e, &dial))
		return JOURNAL_CAUSE_CONNECT_UNREACHABLE;
	ask.path = dial.path;
	ask.local = dial.local;
	if (!net_ports_pick(p->conf.ports, &ask, &dial.local_port))
		return JOURNAL_CAUSE_NO_SOURCE_PORT;
	up = conn_get(p, false);
	if (up == NULL)
		return JOURNAL_CAUSE_CONNS;
	dial.owner = conn_index(p, up);
	up->leg.id = tcp_connect(p->tcp, &dial, p->now);
	if (up->leg.id.v == 0) {
		conn_put(p, up);
		return JOURNAL_CAUSE_CONNS;
	}
	p->conf.count->proxy_dials++;
	up->state = CONN_EXPECT_UP;
	up->slot = e->route.slot;
	up->incarnation = e->route.incarnation;
	up->is_secure = e->route.is_secure;
	up->is_counted = true;
	p->conns_n[up->slot]++;
	up->idle_ns = e->idle_ns;
	up->exch = exch_index(p, e);
	e->up = conn_index(p, up);
	tcp_ends(p->tcp, up->leg.id, &e->up_ends);
	leg_offer(p, &up->leg, HEAD_ROOM);
	if (p->watch != NULL)
		watch_look(p, conn_at(p, e->client));
	return JOURNAL_CAUSE_NONE;
}

void
step_dial_another(struct proxy *p, struct exch *e, enum journal_cause cause)
{
	e->cause = (uint16_t)cause;
	farm_tried_add(&e->tried, e->route.slot);
	if (e->retries_left == 0) {
		e->limit_ns = cause == JOURNAL_CAUSE_CONNECT_TIMEOUT ? e->connect_ns : 0;
		exch_fail(p, e, cause == JOURNAL_CAUSE_CONNECT_TIMEOUT ? 504 : 502, cause, 0);
		return;
	}
	e->retries_left--;
	p->conf.count->proxy_retries++;
	e->state = (uint8_t)exch_next((enum exch_state)e->state, EXCH_EV_AGAIN);
	step_head_again(p, e);
	step_route(p, e);
}

void
step_dial(struct proxy *p, struct exch *e)
{
	struct conn *up = e->must_dial ? NULL : pool_up_pin_take(p, conn_at(p, e->client));
	enum journal_cause cause;

	if (up != NULL)
		e->is_bound = true;
	else if (!e->must_dial)
		up = pool_up_take(p, &e->route);
	e->tries++;
	e->dial_at = p->now;
	e->is_reused = up != NULL;
	if (up != NULL) {
		up->exch = exch_index(p, e);
		up->idle_ns = e->idle_ns;
		up->state = CONN_EXPECT_EXCHANGE;
		e->up = conn_index(p, up);
		tcp_ends(p->tcp, up->leg.id, &e->up_ends);
		leg_offer(p, &up->leg, HEAD_ROOM);
		if (p->watch != NULL)
			watch_look(p, conn_at(p, e->client));
		give_request(p, e, up);
		return;
	}
	cause = dial_new(p, e);
	if (cause == JOURNAL_CAUSE_CONNECT_UNREACHABLE)
		step_dial_another(p, e, cause);
	else if (cause != JOURNAL_CAUSE_NONE)
		exch_fail(p, e, 503, cause, 0);
}

void
step_dial_up(struct proxy *p, struct conn *up)
{
	struct exch *e = exch_at(p, up->exch);

	farm_dialled(p->farms, up->slot, up->incarnation, FARM_DIAL_UP, p->now);
	up->state = CONN_EXPECT_EXCHANGE;
	if (p->conf.hists != NULL)
		board_hist_add(&p->conf.hists->connect_time, p->now - e->dial_at);
	give_request(p, e, up);
}

void
step_dial_lost(struct proxy *p, struct exch *e)
{
	struct conn *up = conn_at(p, e->up);
	enum journal_cause cause = JOURNAL_CAUSE_CONNECT_REFUSED;
	enum farm_dial_end end = FARM_DIAL_REFUSED;

	switch (tcp_end(p->tcp, up->leg.id)) {
	case TCP_END_CONNECT_TIMEOUT:
		cause = JOURNAL_CAUSE_CONNECT_TIMEOUT;
		end = FARM_DIAL_TIMEOUT;
		break;
	case TCP_END_UNREACHABLE:
		cause = JOURNAL_CAUSE_CONNECT_UNREACHABLE;
		break;
	case TCP_END_NONE:
	case TCP_END_CLOSED:
	case TCP_END_RESET:
	case TCP_END_REFUSED:
	case TCP_END_USER_TIMEOUT:
	case TCP_END_KEEPALIVE:
	case TCP_END_EVICTED:
	case TCP_END_ADDRESS:
	case TCP_END_ABORTED:
		break;
	}
	p->conf.count->proxy_dials_failed++;
	farm_dialled(p->farms, up->slot, up->incarnation, end, p->now);
	farm_blamed(p->farms, up->slot, up->incarnation, cause, p->now);
	up->exch = (uint32_t)NONE;
	e->up = (uint32_t)NONE;
	leg_release(p, &up->leg);
	conn_put(p, up);
	step_dial_another(p, e, cause);
}
