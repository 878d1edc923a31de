/*
 * timers.c - deadlines of conns and time-outs of exchanges.
 *
 * One timer a conn. Progress is only written down (a time stamp in the exchange); the timer stays
 * where it is and, when it fires, looks whether anything is really due and sets itself to when
 * that may be. So a busy connection touches the wheel every few seconds, not every request.
 *
 * Every time-out is a gap: between two bytes, never over a whole exchange. What a peer
 * acknowledged is polled at a quarter of the limit, so those time-outs come up to that much late.
 */
#include "proxy/state.h"

#define FAR_NS (1ull << 50) /* 13 days: ticks compare over no more than twice that */

/* Of 2^20 ns, near a millisecond; 0 is kept for no time. */
static uint32_t
tick_of(uint64_t at_ns)
{
	uint32_t tick = (uint32_t)(at_ns >> 20);

	return tick != 0 ? tick : 1;
}

/* The conn knows its timer's time by the tick, so that what comes later leaves the wheel alone. */
void
timer_need(struct proxy *p, struct conn *c, uint64_t at_ns)
{
	uint32_t tick;

	if (at_ns == NEVER)
		return;
	if (at_ns > p->now + FAR_NS)
		at_ns = p->now + FAR_NS;
	tick = tick_of(at_ns);
	if (c->armed_tick != 0 && (int32_t)(tick - c->armed_tick) > 0)
		return;
	c->armed_tick = tick;
	wheel_set_earlier(p->wheel, conn_index(p, c), at_ns);
}

void
timer_due(struct proxy *p, struct conn *c, uint64_t at_ns)
{
	c->due_ns = at_ns;
	timer_need(p, c, at_ns);
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A limit of 0 is none. */
static uint64_t
after(uint64_t since, uint64_t limit_ns)
{
	return limit_ns == 0 || since > NEVER - limit_ns ? NEVER : since + limit_ns;
}

/* The receiver of our bytes: true when it has taken none for limit_ns though some wait. */
static bool
is_stalled(struct proxy *p, const struct leg *leg, uint64_t limit_ns, uint64_t *acked,
	   uint64_t *acked_at, uint64_t *next)
{
	if (limit_ns == 0 || leg->end == LEG_GONE)
		return false;

	uint64_t now_acked = tcp_acked(p->tcp, leg->id);

	if (now_acked != *acked || tcp_unacked(p->tcp, leg->id) == 0) {
		*acked = now_acked;
		*acked_at = p->now;
	}
	if (p->now >= after(*acked_at, limit_ns))
		return true;
	*next = earlier(*next, earlier(after(*acked_at, limit_ns), p->now + limit_ns / 4 + 1));
	return false;
}

/* Whether the client owes us request bytes: it may send and the request is not whole. */
static bool
is_client_owing(const struct exch *e, const struct conn *client)
{
	if (e->body[DIR_UP].in_done || e->state == EXCH_EXPECT_TUNNEL)
		return false;
	if (e->up == (uint32_t)NONE || e->state == EXCH_EXPECT_UP)
		return false;
	return client->leg.offered >= TWO_MSS;
}

/*
 * Whether the server owes us bytes: the request is whole and the client can take an answer, which
 * does not wait here for its turn.
 */
static bool
is_server_owing(const struct proxy *p, const struct exch *e)
{
	const struct conn *up;

	if (e->state != EXCH_EXPECT_RESPONSE && e->state != EXCH_EXPECT_ENDS)
		return false;
	up = conn_at(p, e->up);
	return e->body[DIR_UP].in_done && up->leg.offered >= TWO_MSS && !up->is_awake &&
	       !up->has_gone;
}

static bool
fail_late(struct proxy *p, struct exch *e, uint16_t status, enum journal_cause cause,
	  uint64_t limit)
{
	e->limit_ns = limit;
	exch_fail(p, e, status, cause, 0);
	return true;
}

/* True: the exchange has been ended. */
static bool
is_ended_late(struct proxy *p, struct exch *e, struct conn *c, uint64_t *next)
{
	if (is_stalled(p, &c->leg, e->client_send_ns, &e->client_acked, &e->client_ack_at, next))
		return fail_late(p, e, 0, JOURNAL_CAUSE_CLIENT_SEND_TIMEOUT, e->client_send_ns);
	if (e->state == EXCH_EXPECT_TUNNEL) {
		uint64_t moved = e->client_rx_at > e->up_rx_at ? e->client_rx_at : e->up_rx_at;
		uint64_t due = after(moved, e->tunnel_ns);

		if (p->now >= due)
			return fail_late(p, e, 0, JOURNAL_CAUSE_RECEIVE_TIMEOUT, e->tunnel_ns);
		*next = earlier(*next, due);
		return false;
	}
	if (e->state == EXCH_EXPECT_UP) /* TCP gives up dialling by itself */
		return false;
	if (e->up != (uint32_t)NONE &&
	    is_stalled(p, &conn_at(p, e->up)->leg, e->send_ns, &e->up_acked, &e->up_ack_at, next))
		return fail_late(p, e, 504, JOURNAL_CAUSE_SEND_TIMEOUT, e->send_ns);
	if (!is_client_owing(e, c)) {
		e->client_rx_at = p->now;
	} else if (p->now >= after(e->client_rx_at, e->body_ns)) {
		return fail_late(p, e, 408, JOURNAL_CAUSE_CLIENT_BODY_TIMEOUT, e->body_ns);
	}
	/* What neither owes now they may owe as soon as the other side moves: ask again then. */
	if (!e->body[DIR_UP].in_done)
		*next = earlier(*next, after(e->client_rx_at, e->body_ns));
	if (!is_server_owing(p, e)) {
		e->up_rx_at = p->now;
	} else if (p->now >= after(e->up_rx_at, e->receive_ns)) {
		return fail_late(p, e, 504, JOURNAL_CAUSE_RECEIVE_TIMEOUT, e->receive_ns);
	}
	*next = earlier(*next, after(e->up_rx_at, e->receive_ns));
	return false;
}

void
timers_check(struct proxy *p, struct conn *c)
{
	struct exch *e = exch_at(p, c->exch);
	uint64_t next = NEVER;

	if (e->is_starved) {
		e->is_starved = false;
		relay_both(p, e);
		if (c->exch == (uint32_t)NONE)
			return;
	}
	if (!is_ended_late(p, e, c, &next))
		timer_need(p, c, next);
}

void
timers_begin(struct proxy *p, struct exch *e)
{
	uint64_t first = after(p->now, e->client_send_ns / 4);

	e->client_rx_at = e->client_ack_at = e->up_rx_at = e->up_ack_at = p->now;
	if (e->state == EXCH_EXPECT_TUNNEL)
		first = earlier(first, after(p->now, e->tunnel_ns));
	first = earlier(first, after(p->now, e->send_ns / 4));
	first = earlier(first, after(p->now, e->receive_ns));
	if (!e->body[DIR_UP].in_done)
		first = earlier(first, after(p->now, e->body_ns));
	timer_need(p, conn_at(p, e->client), first);
}
