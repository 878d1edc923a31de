/*
 * look.c - sessions as control asks for them, a bounded number of connections at a time.
 *
 * A session is a client's connection with its exchange and the server's connection of that, or a
 * server's connection that waits in the pool. Finding changes nothing, killing ends who fits. What
 * costs least is tried first: TCP is asked, and a target gathered, only for who fits so far.
 */
#include "abi/answers.h"
#include "abi/asks.h"
#include "proxy/state.h"

/* abi/ knows no TCP engine; its words are the engine's. */
#define SAME(name) _Static_assert((int)SESSION_TCP_##name == (int)TCP_STATE_##name, #name);
TCP_STATE_LIST(SAME)
#undef SAME
_Static_assert((int)TCP_CC_CUBIC == (int)IMG_CONGESTION_CUBIC &&
		       (int)TCP_CC_NEWRENO == (int)IMG_CONGESTION_NEWRENO,
	       "controllers are numbered alike");

enum {
	KILL_COST = 8, /* ending a session is the work of so many looks */
};

/* Fields that need TCP or the request's head. */
enum {
	LATE = ASK_BY_CLIENT | ASK_BY_CLIENT_PORT | ASK_BY_SERVER | ASK_BY_SERVER_PORT |
	       ASK_BY_PREFIX,
};

static const struct exch *
exch_of(const struct proxy *p, const struct conn *c)
{
	return c->exch != (uint32_t)NONE ? exch_at(p, c->exch) : NULL;
}

static uint32_t
exch_phase(const struct exch *e)
{
	switch ((enum exch_state)e->state) {
	case EXCH_EXPECT_UP:
		return SESSION_DIAL;
	case EXCH_EXPECT_RESPONSE:
		return e->body[DIR_UP].out_done ? SESSION_WAIT : SESSION_SEND;
	case EXCH_EXPECT_ENDS:
		return SESSION_RELAY;
	case EXCH_EXPECT_REQUEST:
		return SESSION_REST;
	case EXCH_EXPECT_TUNNEL:
		return SESSION_TUNNEL;
	case EXCH_BUG:
	case EXCH_CLOSED:
	case EXCH_STATES:
		break;
	}
	return SESSION_CLOSE;
}

static uint32_t
phase_of(const struct conn *c, const struct exch *e)
{
	if (!c->is_client)
		return SESSION_POOL;
	if (e != NULL)
		return exch_phase(e);
	if (c->state == CONN_EXPECT_QUIET)
		return SESSION_CLOSE;
	return c->state == CONN_EXPECT_HEAD && c->head_at != 0 ? SESSION_HEAD : SESSION_IDLE;
}

/* A server's connection that an exchange uses is told of with that. */
static bool
is_session(const struct conn *c)
{
	return c->is_client ? c->state != CONN_FREE : c->state == CONN_EXPECT_USE;
}

static void
put_exch(const struct proxy *p, const struct exch *e, struct session *s)
{
	s->took_ns = p->now > e->first_at ? p->now - e->first_at : 0;
	s->farm_slot = e->farm_slot;
	s->farm_incarnation = e->farm_incarnation;
	s->status = e->status;
	s->tries = e->tries;
	if (e->route.slot != (uint32_t)NONE && e->tries != 0) {
		s->server_slot = e->route.slot;
		s->server_incarnation = e->route.incarnation;
	}
}

static void
put_conn(const struct proxy *p, const struct conn *c, const struct exch *e, struct session *s)
{
	*s = (struct session){
		.id = c->is_client ? c->id : 0,
		.age_ns = p->now > c->since_ns ? p->now - c->since_ns : 0,
		.phase = phase_of(c, e),
	};
	if (c->is_client) {
		s->listener_slot = c->slot;
		s->listener_incarnation = c->incarnation;
	} else {
		s->server_slot = c->slot;
		s->server_incarnation = c->incarnation;
	}
	if (s->phase == SESSION_HEAD)
		s->took_ns = p->now > c->head_at ? p->now - c->head_at : 0;
	if (e != NULL)
		put_exch(p, e, s);
}

static void
put_leg(const struct proxy *p, const struct leg *leg, struct session_leg *to)
{
	struct tcp_info info;

	tcp_info(p->tcp, leg->id, &info); /* zeroes when it is not live */
	*to = (struct session_leg){
		.local = info.local,
		.remote = info.remote,
		.local_port = info.local_port,
		.remote_port = info.remote_port,
		.mss = info.mss,
		.tcp = info.state,
		.congestion = info.cc,
		.flags = (info.is_recovering ? SESSION_LEG_RECOVERING : 0u) |
			 (info.has_timed_out ? SESSION_LEG_TIMED_OUT : 0u) |
			 (info.has_reordered ? SESSION_LEG_REORDERED : 0u),
		.cwnd_bytes = info.cwnd_bytes,
		.ssthresh_bytes = info.ssthresh_bytes,
		.send_window_bytes = info.snd_wnd,
		.receive_window_bytes = info.rcv_wnd,
		.flight_bytes = info.flight_bytes,
		.queued_bytes =
			leg->id.v != 0 ? min_u32(tcp_unacked(p->tcp, leg->id), UINT32_MAX) : 0,
		.unread_bytes = min_u32(leg->in.bytes, UINT32_MAX),
		.srtt_ns = info.srtt_ns,
		.rttvar_ns = info.rttvar_ns,
		.rto_ns = info.rto_ns,
		.rtt_least_ns = info.rtt_least_ns,
		.bytes_in = info.bytes_in,
		.bytes_out = info.bytes_out,
		.retransmits = info.retransmits,
		.zero_window_ns = info.zero_window_ns,
	};
}

static void
put_legs(const struct proxy *p, const struct conn *c, const struct exch *e, struct session *s)
{
	if (!c->is_client) {
		put_leg(p, &c->leg, &s->server);
		return;
	}
	put_leg(p, &c->leg, &s->client);
	if (e != NULL && e->up != (uint32_t)NONE)
		put_leg(p, &conn_at(p, e->up)->leg, &s->server);
}

/* What has room of a part of the head, behind what is there. */
static uint16_t
put_text(struct session *s, uint32_t at, struct slice head, struct place part, uint16_t *ret_cut_n)
{
	uint32_t n = part.n;

	if ((uint32_t)part.off + part.n > head.n)
		n = 0;
	*ret_cut_n = 0;
	if (n > SESSION_TEXT_MAX - at) {
		*ret_cut_n = (uint16_t)(n - (SESSION_TEXT_MAX - at));
		n = SESSION_TEXT_MAX - at;
	}
	for (uint32_t i = 0; i < n; i++)
		s->text[at + i] = head.p[part.off + i];
	return (uint16_t)n;
}

static void
put_request(struct proxy *p, const struct exch *e, struct session *s)
{
	struct slice head = head_bytes(p, &e->head, min_u32(e->head.bytes, SCRATCH_BYTES));
	uint16_t cut_n;

	s->method_n = put_text(s, 0, head, e->method, &cut_n);
	s->host_n = put_text(s, s->method_n, head, e->host, &cut_n);
	s->target_n = put_text(s, (uint32_t)s->method_n + s->host_n, head, e->target, &s->cut_n);
}

static bool
fits(struct proxy *p, const struct ask_filter *filter, const struct conn *c, struct session *s)
{
	const struct exch *e = exch_of(p, c);
	struct ask_filter early = *filter;

	early.by &= ~(uint32_t)LATE;
	put_conn(p, c, e, s);
	if (!ask_fits(&early, s))
		return false;
	put_legs(p, c, e, s);
	if (e != NULL)
		put_request(p, e, s);
	return ask_fits(filter, s);
}

static void
watch_leg(struct watch *w, const struct session_leg *leg, uint64_t session_id, bool is_server,
	  bool is_wanted)
{
	struct watch_flow flow = {
		.local = leg->local,
		.remote = leg->remote,
		.local_port = leg->local_port,
		.remote_port = leg->remote_port,
		.is_server = is_server,
		.session_id = session_id,
	};

	if (ip_is_none(&leg->remote))
		return;
	if (is_wanted)
		watch_add(w, &flow);
	else
		watch_drop(w, &flow);
}

/* A server's connection is chosen for as long as a session that fits uses it. */
void
watch_look(struct proxy *p, const struct conn *client)
{
	struct session s;
	bool is_wanted = fits(p, &p->watch->filter, client, &s);

	if (is_wanted)
		watch_leg(p->watch, &s.client, s.id, false, true);
	else
		put_legs(p, client, exch_of(p, client), &s);
	watch_leg(p->watch, &s.server, s.id, true, is_wanted);
}

bool
proxy_look(struct proxy *p, const struct ask *ask, struct proxy_look *look, uint32_t budget_n,
	   struct answers *answers, uint64_t now)
{
	p->now = now;
	for (; budget_n > 0 && look->next < p->conns.fresh; budget_n--) {
		uint32_t i = (uint32_t)look->next;
		struct session *place = answers_place(answers);

		if (place == NULL) {
			answers_end(answers, ANSWERS_FULL, look->next);
			return true;
		}
		if (pool_is_taken(&p->conns, i) && is_session(conn_at(p, i)) &&
		    fits(p, &ask->filter, conn_at(p, i), place)) {
			answers_keep(answers);
			if (ask->kind == ASK_KIND_CAPTURE && p->watch != NULL) {
				watch_leg(p->watch, &place->client, place->id, false, true);
				watch_leg(p->watch, &place->server, place->id, true, true);
			}
			if (ask->kind == ASK_KIND_KILL) {
				conn_kill(p, conn_at(p, i));
				budget_n -= budget_n > KILL_COST ? KILL_COST : budget_n - 1;
			}
		}
		look->next++;
	}
	if (look->next < p->conns.fresh)
		return false;
	answers_end(answers, ANSWERS_DONE, 0);
	return true;
}
