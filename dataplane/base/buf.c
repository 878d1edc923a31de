/*
 * buf.c - packets cut and queues of stream buffers, over either backing (see buf.h).
 */
#include "base/buf.h"

#include <string.h>

_Static_assert(sizeof(struct buf) == sizeof(struct rte_mbuf) + BUF_PRIV,
	       "a view finds its direct buffer by this distance, as DPDK does");

void
buf_trim(struct buf *packet, uint32_t n)
{
	struct buf *b = packet;
	uint16_t segs = 1;

	ensure(n > 0 && n <= packet->m.pkt_len);
	packet->m.pkt_len = n;
	for (; n > b->m.data_len; segs++) {
		n -= b->m.data_len;
		b = buf_next(b);
		ensure(b != NULL);
	}
	b->m.data_len = (uint16_t)n;
	if (segs == packet->m.nb_segs)
		return;
	buf_give(buf_next(b));
	b->m.next = NULL;
	packet->m.nb_segs = segs;
}

void
bufq_give(struct bufq *q)
{
	struct buf *b;

	while ((b = bufq_pop(q)) != NULL)
		buf_give(b);
}

void
bufq_consume(struct bufq *q, uint64_t n)
{
	ensure(n <= q->bytes);
	while (n > 0) {
		struct buf *b = q->head;

		if (b->n > n) {
			b->at = (uint16_t)(b->at + n);
			b->n = (uint16_t)(b->n - n);
			q->bytes -= n;
			return;
		}
		n -= b->n;
		buf_ask_after(b);
		buf_give(bufq_pop(q));
	}
}

bool
bufq_move(struct buf_pool *pool, struct bufq *to, struct bufq *from, uint64_t n)
{
	struct buf *view;

	ensure(n <= from->bytes);
	while (n > 0 && from->head->n <= n) {
		struct buf *b = bufq_pop(from);

		n -= b->n;
		bufq_push(to, b);
	}
	if (n == 0)
		return true;
	view = buf_view(pool, from->head, from->head->at, (uint32_t)n);
	if (view == NULL)
		return false;
	buf_stream_from_packet(view);
	bufq_push(to, view);
	bufq_consume(from, n);
	return true;
}

bool
bufq_append(struct buf_pool *pool, struct bufq *q, const void *bytes, uint32_t n)
{
	const uint8_t *p = bytes;
	struct bufq made = { 0 };
	struct buf *tail = q->tail;
	uint32_t in_tail = 0;

	if (tail != NULL && buf_is_sole(tail)) {
		in_tail = (uint32_t)tail->m.buf_len - tail->at - tail->n;
		in_tail = in_tail < n ? in_tail : n;
	}
	for (uint32_t done = in_tail; done < n;) {
		struct buf *b = buf_take(pool);
		uint32_t part = n - done < BUF_ROOM ? n - done : BUF_ROOM;

		if (b == NULL) {
			bufq_give(&made);
			return false;
		}
		b->at = BUF_HEADROOM;
		b->n = (uint16_t)part;
		memcpy(buf_stream(b), p + done, part);
		bufq_push(&made, b);
		done += part;
	}
	if (in_tail > 0) {
		memcpy(buf_stream(tail) + tail->n, p, in_tail);
		buf_written(tail);
		tail->n = (uint16_t)(tail->n + in_tail);
		q->bytes += in_tail;
	}
	bufq_splice(q, &made);
	return true;
}

void
bufq_copy_out(const struct bufq *q, uint64_t off, void *to, uint32_t n)
{
	const struct buf *b = q->head;
	uint8_t *p = to;

	ensure(off + n <= q->bytes);
	while (n > 0 && off >= b->n) {
		off -= b->n;
		b = b->link;
	}
	while (n > 0) {
		uint32_t part = b->n - (uint32_t)off;

		part = part < n ? part : n;
		memcpy(p, buf_stream(b) + off, part);
		p += part;
		n -= part;
		off = 0;
		b = b->link;
	}
}
