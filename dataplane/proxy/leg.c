/*
 * leg.c - one side of a session: TCP and a codec. The codec so far is none, what is on the wire
 * is the plaintext; records of TLS will be opened and sealed here and nowhere else.
 *
 * Segments of a few bytes are copied together, so that a peer that sends single bytes cannot hold
 * a buffer for each.
 */
#include "proxy/state.h"

enum {
	SMALL_SEGMENT = 512 /* copied into the room behind the bytes before it */
};

void
leg_note(struct proxy *p, struct leg *leg)
{
	p->bufs_held += leg->in.n - leg->held_n;
	leg->held_n = leg->in.n;
}

static bool
merge_small(struct proxy *p, struct bufq *q, struct buf *b)
{
	struct buf *tail = q->tail;

	if (tail == NULL || b->n > SMALL_SEGMENT || !buf_is_sole(tail) ||
	    (uint32_t)tail->at + tail->n + b->n > tail->m.buf_len)
		return false;
	memcpy(buf_stream(tail) + tail->n, buf_stream(b), b->n);
	buf_written(tail);
	tail->n = (uint16_t)(tail->n + b->n);
	p->conf.count->proxy_copied_bytes += b->n;
	q->bytes += b->n;
	b->link = NULL;
	buf_give(b);
	return true;
}

void
leg_recv(struct proxy *p, struct leg *leg)
{
	struct bufq got = { 0 };
	struct buf *b;

	if (leg->end == LEG_GONE)
		return;
	if (tcp_recv(p->tcp, leg->id, &got) != 0) {
		leg->is_fresh = true;
		if (leg->in.head == NULL) {
			leg->in = got;
		} else {
			while ((b = bufq_pop(&got)) != NULL)
				if (!merge_small(p, &leg->in, b))
					bufq_push(&leg->in, b);
		}
	}
	if (leg->end == LEG_OPEN && tcp_is_eof(p->tcp, leg->id))
		leg->end = LEG_CLEAN;
}

void
leg_offer(struct proxy *p, struct leg *leg, uint64_t room_bytes)
{
	if (leg->end != LEG_OPEN)
		return;
	leg->is_fresh = false;
	leg->offered = min_u32(room_bytes, p->room_cap);
	tcp_set_room(p->tcp, leg->id, leg->offered);
}

void
leg_send(struct proxy *p, struct leg *leg, struct bufq *q)
{
	if (q->head == NULL)
		return;
	if (leg->end == LEG_GONE || leg->is_shut)
		bufq_give(q);
	else
		tcp_send(p->tcp, leg->id, q, false);
}

uint32_t
leg_room(const struct proxy *p, const struct leg *leg)
{
	return leg->end == LEG_GONE ? 0 : tcp_send_room(p->tcp, leg->id);
}

void
leg_shut(struct proxy *p, struct leg *leg)
{
	if (leg->end == LEG_GONE || leg->is_shut)
		return;
	leg->is_shut = true;
	tcp_shutdown(p->tcp, leg->id);
}

static void
leg_empty(struct proxy *p, struct leg *leg)
{
	bufq_give(&leg->in);
	leg_note(p, leg);
	leg->id = (struct tcp_id){ 0 };
	leg->end = LEG_GONE;
}

void
leg_release(struct proxy *p, struct leg *leg)
{
	if (leg->id.v != 0)
		tcp_release(p->tcp, leg->id);
	leg_empty(p, leg);
}

void
leg_abort(struct proxy *p, struct leg *leg)
{
	if (leg->id.v != 0) {
		if (leg->end != LEG_GONE)
			tcp_abort(p->tcp, leg->id);
		tcp_release(p->tcp, leg->id);
	}
	leg_empty(p, leg);
}

bool
leg_is_ended(const struct leg *leg)
{
	return leg->end != LEG_OPEN;
}
