/*
 * flow.c - a TCP that is just enough: in order or not at all, everything acknowledged at the end
 * of the burst that brought it, no congestion control, and sending again after silence.
 *
 * It favours the proxy in nothing but one thing: a receiver of many segments acknowledges them
 * once a burst, as a Linux peer with receive offload does.
 */
#include "gen/gen.h"

enum {
	RTO_MS = 1000,
	MS = 1000000, /* ns */
	TURN_SENDERS = 32,
	TURN_SEGMENTS = 16,
};

static bool
is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* Begins to send its kind's message, n bytes, from here in the flow. */
void
flow_begin(struct link *l, struct flow *f, uint32_t n, uint32_t open)
{
	f->base = f->snd;
	f->msg_at = 0;
	f->msg_n = n;
	f->msg_open = open;
	flow_push(l, f, open <= MSS ? 1 : 0);
}

static uint32_t
room_of(const struct flow *f)
{
	uint32_t most = f->wnd < INFLIGHT ? f->wnd : INFLIGHT;
	uint32_t used = f->snd - f->una;

	return used < most ? most - used : 0;
}

/* At most that many segments now; the rest when this flow has its turn. */
void
flow_push(struct link *l, struct flow *f, uint32_t segments)
{
	while (f->msg_at < f->msg_open) {
		uint32_t left = f->msg_open - f->msg_at, room = room_of(f);
		uint32_t most = l->large != 0 ? l->large : MSS, n = left < most ? left : most;

		if (n > MSS && room < n)
			n = room < 2 * MSS ? MSS : room / MSS * MSS;
		if (room < n) {
			if (f->una != f->snd || room < MSS / 2)
				return; /* the next ACK goes on with it */
			n = room & ~1u;
		}
		if (segments-- == 0 || !link_has_room(l)) {
			if (!f->is_queued && l->sender_n < l->sender_max) {
				l->sender[(l->sender_head + l->sender_n++) % l->sender_max] = f;
				f->is_queued = true;
			}
			return;
		}
		link_send(l, f, f->snd, left == n ? TCP_ACK | TCP_PSH : TCP_ACK, f->msg_at, n);
		f->snd += n;
		f->msg_at += n;
	}
}

/* Once a turn: those with more to send go round. */
void
flow_turn(struct link *l)
{
	for (uint32_t i = 0; i < TURN_SENDERS && l->sender_n > 0 && link_has_room(l); i++) {
		struct flow *f = l->sender[l->sender_head];

		l->sender_head = (l->sender_head + 1) % l->sender_max;
		l->sender_n--;
		f->is_queued = false;
		flow_push(l, f, TURN_SEGMENTS);
	}
}

void
flow_owe_ack(struct link *l, struct flow *f)
{
	if (f->owes_ack)
		return;
	f->owes_ack = true;
	l->acks[l->acks_n++] = f;
}

/* At the end of a burst; what was sent since has carried the ACK of many. */
void
flow_pay_acks(struct link *l)
{
	for (uint32_t i = 0; i < l->acks_n; i++) {
		if (l->acks[i]->owes_ack)
			link_send(l, l->acks[i], l->acks[i]->snd, TCP_ACK, 0, 0);
		l->acks[i]->owes_ack = false;
	}
	l->acks_n = 0;
}

/* After sending again from an earlier place, the peer may know more than we have sent since. */
static void
hear_ack(struct flow *f, uint32_t ack)
{
	if (!is_before(f->una, ack))
		return;
	if (is_before(f->snd, ack)) {
		if (ack - f->base > f->msg_n)
			return;
		f->msg_at = ack - f->base == f->msg_n ? f->msg_n : (ack - f->base) & ~1u;
		f->snd = f->base + f->msg_at;
		ack = f->snd;
	}
	f->una = ack;
}

/* What a slow reader has no room for is not taken. False: nothing of it is. */
static bool
fits(const struct flow *f, struct seg *s)
{
	uint32_t room = SLOW_BUFFER - f->unread;

	if (!f->reads_slowly || s->n <= room)
		return true;
	s->n = room;
	s->flags &= (uint8_t)~TCP_FIN;
	return room > 0;
}

bool
flow_take(struct link *l, struct flow *f, struct seg *s, uint64_t now)
{
	uint32_t ends = s->n + ((s->flags & TCP_FIN) != 0);

	f->heard_ms = (uint32_t)(now / MS);
	f->tries = 0;
	if (s->flags & TCP_ACK) {
		f->wnd = s->wnd << f->shift;
		hear_ack(f, s->ack);
		if (f->msg_at < f->msg_open)
			flow_push(l, f, 0);
	}
	if (ends == 0) {
		if (is_before(s->seq, f->rcv))
			flow_owe_ack(l, f); /* a probe of life */
		return true;
	}
	if (is_before(f->rcv, s->seq) || !is_before(f->rcv, s->seq + ends)) {
		flow_owe_ack(l, f); /* out of order, or had before */
		return false;
	}
	if (s->seq != f->rcv) {
		uint32_t had = f->rcv - s->seq;

		had = had < s->n ? had : s->n;
		s->payload += had;
		s->n -= had;
	}
	if (!fits(f, s)) {
		flow_owe_ack(l, f);
		return false;
	}
	if (f->reads_slowly)
		f->unread = (uint16_t)(f->unread + s->n);
	f->rcv += s->n + ((s->flags & TCP_FIN) != 0);
	flow_owe_ack(l, f);
	return true;
}

void
flow_overdue(struct link *l, struct flow *f, uint64_t now)
{
	uint32_t at;

	if ((uint32_t)(now / MS) - f->heard_ms < (uint32_t)RTO_MS << f->tries || f->tries > 6 ||
	    !link_has_room(l))
		return;
	if (f->state == FLOW_SYN) {
		f->tries++;
		link_send(l, f, f->snd - 1, TCP_SYN, 0, 0);
	} else if (f->state == FLOW_FIN) {
		f->tries++;
		link_send(l, f, f->snd - 1, TCP_FIN | TCP_ACK, 0, 0);
	} else if (f->msg_n != 0 && f->una - f->base < f->msg_n && !f->is_queued) {
		f->tries++;
		at = f->una - f->base;
		f->msg_at = at < MSS ? 0 : at & ~1u;
		f->snd = f->base + f->msg_at;
		f->una = f->snd;
		flow_push(l, f, 1);
	}
}
