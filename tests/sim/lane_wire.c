/*
 * lane_wire.c - the links of the world and the lanes' fake ports.
 *
 * Frames cross as bytes: late, twice, in another order, damaged (one bit, which checksums find;
 * ARP has none and is lost instead, as a card does with a bad frame), cut into small segments or
 * into fragments, or not at all. A port holds what it was given to send and proves at release that nobody wrote on
 * it; it lets a queue be used by its own lane only.
 */
#include <stdlib.h>
#include <string.h>

#include "lane/steer.h"
#include "sim/cut.h"
#include "sim/lane_inside.h"
#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/wire.h"

enum {
	RETA_N = 128,
};

static const uint8_t the_key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* ---- heaps: what is due next; flights and lents begin alike ---- */

struct due {
	uint64_t at_ns, order;
};

static bool
is_before(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	return x->at_ns != y->at_ns ? x->at_ns < y->at_ns : x->order < y->order;
}

static void
heap_push(struct lw_heap *h, void *item)
{
	uint32_t i = h->n++;

	if (h->n > h->max) {
		h->max = h->max != 0 ? h->max * 2 : 64;
		h->item = realloc(h->item, h->max * sizeof(*h->item));
		ensure(h->item != NULL);
	}
	for (; i > 0 && is_before(item, h->item[(i - 1) / 2]); i = (i - 1) / 2)
		h->item[i] = h->item[(i - 1) / 2];
	h->item[i] = item;
}

static void *
heap_pop(struct lw_heap *h)
{
	void *top = h->item[0], *last = h->item[--h->n];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < h->n && is_before(h->item[child + 1], h->item[child]))
			child++;
		if (child >= h->n || is_before(last, h->item[child]))
			break;
		h->item[i] = h->item[child];
		i = child;
	}
	h->item[i] = last;
	return top;
}

static uint64_t
heap_next(const struct lw_heap *h)
{
	return h->n > 0 ? ((const struct due *)h->item[0])->at_ns : UINT64_MAX;
}

static uint8_t *
flat_copy(const struct buf *frame)
{
	uint8_t *bytes = malloc(frame->m.pkt_len), *to = bytes;

	ensure(bytes != NULL);
	for (const struct buf *b = frame; b != NULL; b = buf_next(b)) {
		memcpy(to, buf_data(b), b->m.data_len);
		to += b->m.data_len;
	}
	ensure(to == bytes + frame->m.pkt_len);
	return bytes;
}

/* ---- links ---- */

static uint16_t
type_at(const uint8_t *bytes, uint32_t n, uint32_t *ret_l3)
{
	uint32_t at = 12;
	uint16_t type = (uint16_t)(bytes[at] << 8 | bytes[at + 1]);

	if (type == ETH_TYPE_VLAN && n >= 18) {
		at += 4;
		type = (uint16_t)(bytes[at] << 8 | bytes[at + 1]);
	}
	*ret_l3 = at + 2;
	return type;
}

static void
fly(struct lw *w, const struct lw_link *link, int32_t to, const uint8_t *bytes, uint32_t n,
    uint64_t at_ns)
{
	bool is_hurt = lw_odds(w, link->corrupt);
	struct lw_flight *f;
	uint32_t l3;

	if (is_hurt && type_at(bytes, n, &l3) == ETH_TYPE_ARP)
		return;
	f = malloc(sizeof(*f));
	ensure(f != NULL);
	*f = (struct lw_flight){
		.at_ns = at_ns, .order = w->order++, .to = to, .n = n, .bytes = malloc(n)
	};
	ensure(f->bytes != NULL);
	memcpy(f->bytes, bytes, n);
	if (is_hurt) {
		uint32_t bit = prng_below(&w->prng, n * 8);

		f->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	heap_push(&w->flights, f);
}

/* is_up: from the host to the port. */
static void
cross(struct lw *w, struct lw_host *h, bool is_up, const uint8_t *bytes, uint32_t n)
{
	const struct lw_link *link = &h->link;
	int32_t to = is_up ? -1 - h->port_i : (int32_t)h->i;
	uint64_t at = w->now;

	if (h->is_cut || lw_odds(w, link->loss))
		return;
	if (link->byte_ns != 0) {
		uint64_t free_at = h->busy[is_up] > at ? h->busy[is_up] : at;

		if (free_at - at > link->queue_ns)
			return;
		h->busy[is_up] = free_at + n * link->byte_ns;
		at = h->busy[is_up];
	}
	at += link->delay_ns;
	if (link->jitter_ns != 0 && lw_odds(w, link->reorder))
		at += prng_between(&w->prng, 0, link->jitter_ns);
	fly(w, link, to, bytes, n, at);
	if (lw_odds(w, link->duplicate))
		fly(w, link, to, bytes, n, at + prng_between(&w->prng, 0, link->delay_ns + 1));
}

struct pieces {
	struct lw *w;
	struct lw_host *h;
};

static void
cross_piece(void *ctx, const uint8_t *bytes, uint32_t n)
{
	const struct pieces *p = ctx;

	cross(p->w, p->h, true, bytes, n);
}

/* A frame, or the fragments that a router on the way to the port makes of it. */
static void
cross_router(struct lw *w, struct lw_host *h, bool is_up, const uint8_t *bytes, uint32_t n)
{
	struct pieces pieces = { .w = w, .h = h };
	uint32_t part = h->link.fragment_bytes, l3;

	type_at(bytes, n, &l3);
	if (!is_up || part == 0 ||
	    !cut_fragments(bytes, n, l3, part, h->fragmented++, cross_piece, &pieces))
		cross(w, h, is_up, bytes, n);
}

/* A segment as several, each with this much payload: what a path may do to a stream. */
static void
cross_cut(struct lw *w, struct lw_host *h, bool is_up, const uint8_t *bytes, uint32_t n)
{
	struct wire_port port = { .vlan = w->conf.port[h->port_i].vlan };
	struct buf *whole = buf_take(w->host_pool);
	struct wire_packet packet;
	struct tcp_seg seg;
	uint32_t done = 0, cut = h->link.cut_bytes;

	LW_ENSURE(w, whole != NULL);
	memcpy(buf_append(whole, n), bytes, n);
	memcpy(port.mac.b, bytes, 6);
	if (cut == 0 || n > BUF_ROOM || wire_decode(whole, &port, &packet, &seg) != WIRE_OK ||
	    packet.kind != WIRE_TCP || seg.payload_n <= cut) {
		cross_router(w, h, is_up, bytes, n);
		buf_give(whole);
		return;
	}
	while (done < seg.payload_n) {
		uint32_t piece = seg.payload_n - done < cut ? seg.payload_n - done : cut;
		struct buf *b = buf_take(w->host_pool);
		struct tcp_seg part = seg;

		LW_ENSURE(w, b != NULL);
		part.seq = seq_add(seg.seq, done);
		if (done + piece < seg.payload_n)
			part.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		memcpy(buf_append(b, piece), bytes + seg.payload_off + done, piece);
		seg_emit_packet(&part, &(struct seg_how){ 0 }, b);
		eth_emit(&packet.eth, buf_prepend(b, eth_size(&packet.eth)));
		cross_router(w, h, is_up, buf_data(b), b->m.data_len);
		buf_give(b);
		done += piece;
	}
	buf_give(whole);
}

void
lw_wire_from_host(struct lw *w, uint32_t host, struct buf *frame)
{
	struct lw_host *h = &w->host[host];
	uint8_t *bytes = flat_copy(frame);
	const uint8_t *nic = w->port[h->port_i].facts.mac;

	lw_hash(w, &w->now, sizeof(w->now));
	lw_hash(w, bytes, frame->m.pkt_len);
	if (memcmp(bytes, nic, 6) == 0 || (bytes[0] & 1) != 0)
		cross_cut(w, h, true, bytes, frame->m.pkt_len);
	free(bytes);
	buf_give(frame);
}

/* ---- the port sends ---- */

static void
fill_checksum(const struct buf *frame, uint8_t *p, uint32_t n)
{
	uint32_t l4 = frame->m.l2_len + frame->m.l3_len;
	struct be16 csum = csum_done(csum_add(p + l4, n - l4));

	memcpy(p + l4 + 16, &csum, 2);
}

/* A frame on the wire, to whom it concerns. */
static void
on_wire(void *ctx, const uint8_t *bytes, uint32_t n)
{
	const struct lw_nic *nic = ctx;
	struct lw *w = nic->w;

	LW_ENSURE(w, n <= w->conf.port[nic->i].mtu + 18u);
	lw_hash(w, &w->now, sizeof(w->now));
	lw_hash(w, bytes, n);
	w->result.frames++;
	for (uint32_t i = 0; i < w->host_n; i++) {
		struct lw_host *h = &w->host[i];

		if (h->port_i == nic->i && ((bytes[0] & 1) != 0 || memcmp(bytes, h->mac.b, 6) == 0))
			cross_cut(w, h, false, bytes, n);
	}
}

static void
lend(struct lw *w, const struct lw_port *conf, struct buf *frame, uint8_t *bytes)
{
	struct lw_lent *lent = malloc(sizeof(*lent));
	uint64_t hold = conf->hold_min_ns;

	ensure(lent != NULL);
	if (conf->hold_ns > hold)
		hold = prng_between(&w->prng, hold, conf->hold_ns);
	*lent = (struct lw_lent){ .at_ns = w->now + hold,
				  .order = w->order++,
				  .n = frame->m.pkt_len,
				  .frame = frame,
				  .bytes = bytes };
	heap_push(&w->lents, lent);
}

static void
send_frame(struct lw *w, struct lw_nic *nic, struct buf *frame)
{
	const struct lw_port *conf = &w->conf.port[nic->i];
	uint8_t *held = flat_copy(frame), *bytes = flat_copy(frame);
	uint32_t n = frame->m.pkt_len;

	LW_ENSURE(w, frame->path == nic->i);
	LW_ENSURE(w, frame->m.nb_segs == 1 || conf->multi_segs);
	LW_ENSURE(w, conf->csum_tx || (frame->m.ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) == 0);
	if ((frame->m.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0) {
		LW_ENSURE(w, conf->tso && cut_packet(frame, bytes, n, on_wire, nic));
	} else {
		if ((frame->m.ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0)
			fill_checksum(frame, bytes, n);
		on_wire(nic, bytes, n);
	}
	free(bytes);
	lend(w, conf, frame, held);
}

static uint32_t
tx_burst(const struct portif *port, uint16_t queue, struct buf **frame, uint32_t n)
{
	struct lw_nic *nic = port->self;
	struct lw *w = nic->w;

	LW_ENSURE(w, w->turning == queue); /* its own lane, no other */
	LW_ENSURE(w, n <= BURST_MAX);
	if (lw_odds(w, w->conf.port[nic->i].reluctant))
		n = prng_below(&w->prng, n + 1);
	for (uint32_t i = 0; i < n; i++)
		send_frame(w, nic, frame[i]);
	return n;
}

static void
release(struct lw *w, struct lw_lent *lent)
{
	uint8_t *bytes;

	LW_ENSURE(w, lent->frame->m.pkt_len == lent->n);
	bytes = flat_copy(lent->frame);
	LW_ENSURE(w, memcmp(bytes, lent->bytes, lent->n) == 0); /* nobody wrote on it */
	buf_give(lent->frame);
	free(bytes);
	free(lent->bytes);
	free(lent);
}

/* ---- the port receives ---- */

static uint16_t
queue_of(struct lw *w, struct lw_nic *nic, const uint8_t *bytes, uint32_t n, uint32_t *ret_hash)
{
	const struct lw_port *conf = &w->conf.port[nic->i];
	struct steer_tuple t;
	uint32_t hash;

	*ret_hash = 0;
	if (conf->queue_n == 1 || !steer_peek(bytes, n, &t))
		return 0;
	hash = toeplitz_tuple(&nic->toeplitz, &t.src, t.src_port, &t.dst, t.dst_port);
	*ret_hash = hash;
	switch (conf->spread) {
	case LW_SPREAD_RSS:
		return (uint16_t)(hash % RETA_N % conf->queue_n);
	case LW_SPREAD_UNTOLD:
		*ret_hash = 0;
		return (uint16_t)((hash >> 16) % conf->queue_n);
	case LW_SPREAD_BELYING:
	case LW_SPREADS:
		break;
	}
	return (uint16_t)((hash >> 9) % conf->queue_n);
}

/* What the card says of checksums. */
static uint64_t
rx_flags(const struct buf *b)
{
	struct wire_port port = { 0 };
	struct wire_packet packet;
	struct tcp_seg seg;
	uint32_t l3;

	memcpy(port.mac.b, buf_data(b), 6);
	type_at(buf_data(b), b->m.data_len, &l3);
	if (l3 == 18)
		port.vlan = (uint16_t)((buf_data(b)[14] << 8 | buf_data(b)[15]) & 0xfff);
	if (wire_decode((struct buf *)(uintptr_t)b, &port, &packet, &seg) != WIRE_OK ||
	    packet.kind != WIRE_TCP)
		return 0;
	return RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

static struct buf *
buffer_of(struct lw *w, const struct lw_port *conf, const uint8_t *bytes, uint32_t n)
{
	struct buf *head = buf_take(w->pool), *tail;
	uint32_t first = n;

	if (head == NULL)
		return NULL;
	if (n > 200 && lw_odds(w, conf->split))
		first = 120 + prng_below(&w->prng, n - 120);
	memcpy(buf_append(head, first), bytes, first);
	if (conf->csum_rx && first == n)
		head->m.ol_flags |= rx_flags(head);
	if (first == n)
		return head;
	tail = buf_take(w->pool);
	if (tail == NULL) {
		buf_give(head);
		return NULL;
	}
	memcpy(buf_append(tail, n - first), bytes + first, n - first);
	buf_chain(head, head, tail);
	return head;
}

static void
arrive(struct lw *w, uint16_t port_i, const uint8_t *bytes, uint32_t n)
{
	const struct lw_port *conf = &w->conf.port[port_i];
	struct lw_nic *nic = &w->nic[port_i];
	uint32_t hash;
	struct lw_queue *q = &nic->queue[queue_of(w, nic, bytes, n, &hash)];
	struct buf *frame;

	if (q->n == LW_RX_RING)
		return;
	frame = buffer_of(w, conf, bytes, n);
	if (frame == NULL)
		return; /* the ring could not be filled */
	frame->path = port_i;
	frame->hash = conf->spread == LW_SPREAD_RSS ? hash : 0;
	q->rx[(q->at + q->n++) % LW_RX_RING] = frame;
}

static uint32_t
rx_burst(const struct portif *port, uint16_t queue, struct buf **ret_frame, uint32_t n)
{
	struct lw_nic *nic = port->self;
	struct lw_queue *q = &nic->queue[queue];
	uint32_t got = 0;

	LW_ENSURE(nic->w, nic->w->turning == queue);
	for (; got < n && q->n > 0; q->n--) {
		ret_frame[got++] = q->rx[q->at];
		q->at = (q->at + 1) % LW_RX_RING;
	}
	return got;
}

static bool
is_up(const struct portif *port)
{
	(void)port;
	return true;
}

const struct portif_ops lw_port_ops = { .rx_burst = rx_burst,
					.tx_burst = tx_burst,
					.is_up = is_up };

bool
lw_wire_waits(const struct lw *w, uint16_t lane)
{
	for (uint16_t i = 0; i < w->conf.port_n; i++)
		if (lane < w->conf.port[i].queue_n && w->nic[i].queue[lane].n > 0)
			return true;
	return false;
}

/* ---- the clockwork ---- */

uint64_t
lw_wire_next(const struct lw *w)
{
	uint64_t a = heap_next(&w->flights), b = heap_next(&w->lents);

	return a < b ? a : b;
}

void
lw_wire_step(struct lw *w)
{
	while (heap_next(&w->lents) <= w->now)
		release(w, heap_pop(&w->lents));
	while (heap_next(&w->flights) <= w->now) {
		struct lw_flight *f = heap_pop(&w->flights);

		if (f->to < 0)
			arrive(w, (uint16_t)(-1 - f->to), f->bytes, f->n);
		else if (!w->host[f->to].is_cut)
			lw_host_input(w, &w->host[f->to], f->bytes, f->n);
		free(f->bytes);
		free(f);
	}
}

static void
open_port(struct lw *w, uint16_t i)
{
	const struct lw_port *conf = &w->conf.port[i];
	struct portif_facts *facts = &w->port[i].facts;
	uint8_t other[40];

	w->port[i].ops = &lw_port_ops;
	w->port[i].self = &w->nic[i];
	w->nic[i].w = w;
	w->nic[i].i = i;
	memcpy(facts->mac, (const uint8_t[6]){ 2, 0, 0, 0, 1, (uint8_t)i }, 6);
	facts->mtu = conf->mtu;
	facts->queue_n = conf->queue_n;
	facts->csum_tx = conf->csum_tx;
	facts->csum_rx = conf->csum_rx;
	facts->multi_segs = conf->multi_segs;
	facts->tso = conf->tso;
	memcpy(other, the_key, sizeof(other));
	if (conf->spread == LW_SPREAD_UNTOLD)
		other[3] ^= 0x55;
	toeplitz_init(&w->nic[i].toeplitz, other, sizeof(other));
	if (conf->spread == LW_SPREAD_UNTOLD)
		return;
	facts->key_n = sizeof(the_key);
	memcpy(facts->key, the_key, sizeof(the_key));
	facts->reta_n = RETA_N;
	for (uint16_t k = 0; k < RETA_N; k++)
		facts->reta[k] = (uint16_t)(k % conf->queue_n);
}

void
lw_wire_open(struct lw *w)
{
	for (uint16_t i = 0; i < w->conf.port_n; i++)
		open_port(w, i);
}

/* All that is under way is gone, all that is held comes back. */
void
lw_wire_close(struct lw *w)
{
	while (w->flights.n > 0) {
		struct lw_flight *f = heap_pop(&w->flights);

		free(f->bytes);
		free(f);
	}
	while (w->lents.n > 0)
		release(w, heap_pop(&w->lents));
	for (uint16_t i = 0; i < w->conf.port_n; i++) {
		for (uint16_t k = 0; k < w->conf.port[i].queue_n; k++) {
			struct lw_queue *q = &w->nic[i].queue[k];

			for (; q->n > 0; q->n--, q->at = (q->at + 1) % LW_RX_RING)
				buf_give(q->rx[q->at]);
		}
	}
	free(w->flights.item);
	free(w->lents.item);
}
