/*
 * net.c - the links and ports of the world: packets are bytes, delivered late, twice, in another
 * order, damaged or not at all; ports hold what they were given and prove that nobody wrote on it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "sim/cut.h"
#include "sim/inside.h"
#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/seg.h"

/* Flights and lents begin alike: time, then order. */
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
heap_push(struct heap *h, void *item)
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
heap_pop(struct heap *h)
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
heap_next(const struct heap *h)
{
	return h->n > 0 ? ((const struct due *)h->item[0])->at_ns : UINT64_MAX;
}

static void *
must_alloc(size_t n)
{
	void *p = malloc(n > 0 ? n : 1);

	ensure(p != NULL);
	return p;
}

static void
flatten(const struct buf *packet, uint8_t *to)
{
	for (const struct buf *b = packet; b != NULL; b = buf_next(b)) {
		memcpy(to, buf_data(b), b->m.data_len);
		to += b->m.data_len;
	}
}

/* ---- sending ---- */

/* A router near to dropping marks what is ECT (RFC 3168, 5). */
static void
mark(uint8_t *p)
{
	struct be16 csum;

	if (p[0] >> 4 == 6) {
		if ((p[1] >> 4 & 3) != 0)
			p[1] |= 0x30;
		return;
	}
	if ((p[1] & 3) == 0)
		return;
	p[1] |= 3;
	memset(p + 10, 0, 2);
	csum = csum_done(csum_add(p, IP4_HEADER));
	memcpy(p + 10, &csum, 2);
}

static void
fly(struct world *w, uint32_t from, const uint8_t *bytes, uint32_t n, uint64_t at_ns)
{
	const struct link_conf *link = &w->conf.link[from];
	struct flight *f = must_alloc(sizeof(*f));

	*f = (struct flight){
		.at_ns = at_ns,
		.order = w->order++,
		.to = 1 - from,
		.n = n,
		.bytes = must_alloc(n),
	};
	memcpy(f->bytes, bytes, n);
	if (link->mark != 0 && prng_below(&w->prng, 1000) < link->mark)
		mark(f->bytes);
	if (prng_below(&w->prng, 1000) < link->corrupt) {
		uint32_t bit = prng_below(&w->prng, n * 8);

		f->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	heap_push(&w->flights, f);
}

/* What the link's delay is just now. */
static uint64_t
delay_now(struct world *w, uint32_t from)
{
	const struct link_conf *link = &w->conf.link[from];
	struct host *h = &w->host[from];

	if (link->jump_max == 0)
		return link->delay_ns;
	if (w->now >= h->jump_until) {
		h->jump_until = w->now + prng_between(&w->prng, 1, link->jump_ns);
		h->jump_delay_ns = link->delay_ns;
		if (prng_one_in(&w->prng, 2))
			h->jump_delay_ns *= 1 + prng_below(&w->prng, link->jump_max);
	}
	return h->jump_delay_ns;
}

/* The app that says it. */
static struct app *
sayer(struct world *w, uint32_t from, const struct tcp_seg *seg)
{
	return app_of(w, (from == 0 ? seg->src_port : seg->dst_port) - 10000u, from);
}

static bool
is_lost(struct world *w, uint32_t from, const uint8_t *bytes, uint32_t n)
{
	const struct link_conf *link = &w->conf.link[from];
	uint32_t loss = link->loss;
	struct tcp_seg seg;
	const struct app *a;

	if ((link->ack_loss == 0 && !w->conf.is_calm_at_first) || !net_decode(bytes, n, &seg))
		return prng_below(&w->prng, 1000) < loss;
	a = sayer(w, from, &seg);
	if (seg.payload_n == 0)
		loss += (1000 - loss) * link->ack_loss / 1000;
	if (w->conf.is_calm_at_first && loss > 100 &&
	    (!a->is_open || !app_of(w, a->pair, 1 - from)->is_open))
		loss = 100;
	return prng_below(&w->prng, 1000) < loss;
}

void
net_put(struct world *w, uint32_t from, const uint8_t *bytes, uint32_t n)
{
	const struct link_conf *link = &w->conf.link[from];
	struct host *h = &w->host[from];
	uint64_t at = w->now;

	if (is_lost(w, from, bytes, n))
		return;
	if (link->byte_ns != 0) {
		uint64_t free_at = h->link_busy > at ? h->link_busy : at;

		if (free_at - at > link->queue_ns)
			return;
		h->link_busy = free_at + n * link->byte_ns;
		at = h->link_busy;
	}
	at += delay_now(w, from);
	if (link->keeps_order && at < h->link_last)
		at = h->link_last;
	h->link_last = at;
	if (link->jitter_ns != 0 && prng_below(&w->prng, 1000) < link->reorder)
		at += prng_between(&w->prng, 0, link->jitter_ns);
	fly(w, from, bytes, n, at);
	if (prng_below(&w->prng, 1000) < link->duplicate)
		fly(w, from, bytes, n, at + prng_between(&w->prng, 0, link->delay_ns + 1));
}

/* The offered right edge never moves back, but for the rounding of the window scale. */
static void
check_edge(struct world *w, uint32_t from, const struct tcp_seg *seg)
{
	struct app *app = sayer(w, from, seg);
	struct seen *seen = &app->seen, *client = &app_of(w, app->pair, 0)->seen;
	struct seq end =
		seq_add(seg->seq, seg->payload_n + ((seg->flags & (TCP_SYN | TCP_FIN)) != 0));
	uint8_t scale = (seg->flags & TCP_SYN) == 0 && seen->has_wscale ? seen->wscale : 0;
	struct seq edge = seq_add(seg->ack, (uint32_t)seg->wnd << scale);

	if ((seg->flags & TCP_SYN) != 0) {
		seen->has_edge = false; /* a new life, or nothing but it was offered yet */
		seen->wscale = seg->wscale;
		seen->has_wscale = seg->has_wscale;
		if (from == 1 && !app->is_open)
			client->has_wscale = seg->has_wscale;
	}
	if ((seg->flags & TCP_RST) != 0 || (seg->flags & TCP_ACK) == 0)
		return;
	if (seen->has_edge)
		WORLD_ENSURE(w, seq_diff(edge, seen->edge) > -(1 << scale));
	seen->edge = seen->has_edge ? seq_max(seen->edge, edge) : edge;
	seen->left = seen->has_edge ? seq_max(seen->left, seg->ack) : seg->ack;
	seen->top = seen->has_edge ? seq_max(seen->top, end) : end;
	seen->has_edge = true;
}

bool
net_decode(const uint8_t *p, uint32_t n, struct tcp_seg *ret_seg)
{
	struct ip ip;
	enum wire_drop drop =
		n > 0 && p[0] >> 4 == 6 ? ip6_parse(p, n, n, &ip) : ip4_parse(p, n, n, false, &ip);
	uint64_t sum;

	if (drop != WIRE_OK || ip.protocol != IP_PROTO_TCP)
		return false;
	sum = csum_join(csum_pseudo(&ip.src, &ip.dst, IP_PROTO_TCP, ip.payload_n),
			csum_add(p + ip.header_n, ip.payload_n));
	if (csum_done(sum).raw != 0)
		return false;
	*ret_seg = (struct tcp_seg){ .src = ip.src, .dst = ip.dst, .ecn = ip.tclass & 3 };
	if (seg_parse(p + ip.header_n, ip.payload_n, ip.payload_n, ret_seg) != WIRE_OK)
		return false;
	ret_seg->payload_off = (uint16_t)(ret_seg->payload_off + ip.header_n);
	return true;
}

static void
fill_checksum(const struct buf *packet, uint8_t *p, uint32_t n)
{
	uint32_t l3 = packet->m.l3_len;
	struct be16 csum = csum_done(csum_add(p + l3, n - l3));

	memcpy(p + l3 + 16, &csum, 2);
}

/* Overwrites the SYN options that the box on the way does not like by NOPs. */
static void
strip_options(const struct world *w, uint8_t *p, uint32_t n)
{
	uint32_t l3 = p[0] >> 4 == 6 ? IP6_HEADER : IP4_HEADER, end = l3 + (p[l3 + 12] >> 4) * 4u;
	struct ip ip;
	struct be16 csum;

	if ((p[l3 + 13] & TCP_SYN) == 0 || w->conf.strip == 0)
		return;
	for (uint32_t at = l3 + 20; at < end && p[at] != 0;) {
		uint32_t size = p[at] == 1 ? 1 : p[at + 1];

		if (p[at] != 1 && (w->conf.strip >> p[at] & 1) != 0)
			memset(p + at, 1, size);
		at += size;
	}
	if ((l3 == IP6_HEADER ? ip6_parse(p, n, n, &ip) : ip4_parse(p, n, n, true, &ip)) != WIRE_OK)
		WORLD_ENSURE(w, false);
	memset(p + l3 + 16, 0, 2);
	csum = csum_done(csum_join(csum_pseudo(&ip.src, &ip.dst, IP_PROTO_TCP, n - l3),
				   csum_add(p + l3, n - l3)));
	memcpy(p + l3 + 16, &csum, 2);
}

/* A segment as it is on the wire. */
static void
net_wire(struct world *w, uint32_t from, uint8_t *wire, uint32_t n)
{
	struct tcp_seg seg;

	strip_options(w, wire, n);
	WORLD_ENSURE(w, net_decode(wire, n, &seg));
	check_edge(w, from, &seg);
	world_hash(w, &w->now, sizeof(w->now));
	world_hash(w, wire, n);
	w->result.packets++;
	sayer(w, from, &seg)->last_tx_ns = w->now;
	if (w->conf.lies != 0 && w->conf.liar == from)
		lie_pass(w, sayer(w, from, &seg), wire, n);
	else
		net_put(w, from, wire, n);
}

struct cutting {
	struct world *w;
	uint32_t from;
};

static void
on_piece(void *ctx, const uint8_t *bytes, uint32_t n)
{
	struct cutting *c = ctx;
	uint8_t *wire = must_alloc(n);

	WORLD_ENSURE(c->w, n <= c->w->conf.path[c->from].mtu);
	memcpy(wire, bytes, n);
	net_wire(c->w, c->from, wire, n);
	free(wire);
}

/* The card cuts it, or a peer like vhost's takes it whole, as large as it is. */
static void
net_super(struct world *w, uint32_t from, const struct buf *packet, uint8_t *wire, uint32_t n)
{
	struct cutting c = { w, from };

	WORLD_ENSURE(w, w->conf.path[from].tso);
	if (prng_below(&w->prng, 1000) < w->conf.uncut) {
		cut_not(packet, wire, n);
		net_wire(w, from, wire, n);
	} else {
		WORLD_ENSURE(w, cut_packet(packet, wire, n, on_piece, &c));
	}
}

void
net_send(struct world *w, uint32_t from, struct buf *packet)
{
	bool is_super = (packet->m.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
	uint32_t n = packet->m.pkt_len;
	uint8_t *wire = must_alloc(n);
	struct lent *lent = must_alloc(sizeof(*lent));

	WORLD_ENSURE(w, is_super || n <= w->conf.path[from].mtu);
	WORLD_ENSURE(w, w->conf.path[from].multi_segs || packet->m.nb_segs == 1);
	WORLD_ENSURE(w, packet->m.data_off >= 18);
	*lent = (struct lent){
		.at_ns = w->now +
			 (w->conf.hold_ns != 0 ? prng_between(&w->prng, 0, w->conf.hold_ns) : 0),
		.order = w->order++,
		.host = from,
		.n = n,
		.packet = packet,
		.bytes = must_alloc(n),
	};
	flatten(packet, lent->bytes);
	memcpy(wire, lent->bytes, n);
	if ((packet->m.ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0 && !is_super)
		fill_checksum(packet, wire, n);
	if (is_super)
		net_super(w, from, packet, wire, n);
	else
		net_wire(w, from, wire, n);
	free(wire);
	heap_push(&w->lents, lent);
}

/* Ports give back what they are done with, unchanged. */
void
net_release(struct world *w)
{
	while (heap_next(&w->lents) <= w->now) {
		struct lent *lent = heap_pop(&w->lents);
		uint8_t *bytes = must_alloc(lent->n);

		WORLD_ENSURE(w, lent->packet->m.pkt_len == lent->n);
		flatten(lent->packet, bytes);
		WORLD_ENSURE(w, memcmp(bytes, lent->bytes, lent->n) == 0);
		buf_give(lent->packet);
		free(bytes);
		free(lent->bytes);
		free(lent);
	}
}

/* ---- receiving ---- */

static struct buf *
packet_of(struct world *w, const struct flight *f)
{
	struct buf_pool *pool = w->host[f->to].pool;
	struct buf *head = buf_take(pool), *tail = head;
	uint32_t first = f->n;

	if (head == NULL)
		return NULL;
	if (f->n > 100 && prng_below(&w->prng, 1000) < w->conf.split)
		first = 100 + prng_below(&w->prng, f->n - 100);
	if (first > BUF_ROOM)
		first = BUF_ROOM;
	memcpy(buf_append(head, first), f->bytes, first);
	for (uint32_t at = first; at < f->n;) {
		uint32_t n = f->n - at < BUF_ROOM ? f->n - at : BUF_ROOM;
		struct buf *more = buf_take(pool);

		if (more == NULL) {
			buf_give(head);
			return NULL;
		}
		memcpy(buf_append(more, n), f->bytes + at, n);
		buf_chain(head, tail, more);
		tail = more;
		at += n;
	}
	return head;
}

struct burst {
	struct tcp_seg seg[BURST_MAX];
	struct buf *buf[BURST_MAX];
	uint32_t n;
};

static void
input_burst(struct world *w, uint32_t host, struct burst *burst)
{
	struct host *h = &w->host[host];

	if (burst->n > 0)
		tcp_input(h->tcp, burst->seg, burst->buf, burst->n, w->now, &h->out);
	burst->n = 0;
	world_empty_out(w, host);
}

/* All that has arrived by now, in bursts. */
void
net_deliver(struct world *w)
{
	struct burst burst[HOSTS];

	for (uint32_t i = 0; i < HOSTS; i++)
		burst[i].n = 0;
	while (heap_next(&w->flights) <= w->now) {
		struct flight *f = heap_pop(&w->flights);
		struct burst *b = &burst[f->to];

		if (b->n == w->conf.burst_max)
			input_burst(w, f->to, b);
		if (net_decode(f->bytes, f->n, &b->seg[b->n]) &&
		    ip_eq(&b->seg[b->n].dst, &w->host[f->to].addr)) {
			b->buf[b->n] = packet_of(w, f);
			b->n += b->buf[b->n] != NULL;
		}
		free(f->bytes);
		free(f);
	}
	for (uint32_t i = 0; i < HOSTS; i++)
		input_burst(w, i, &burst[i]);
}

uint64_t
net_next(const struct world *w)
{
	uint64_t a = heap_next(&w->flights), b = heap_next(&w->lents);

	return a < b ? a : b;
}

void
net_drop_all(struct world *w)
{
	while (w->flights.n > 0) {
		struct flight *f = heap_pop(&w->flights);

		free(f->bytes);
		free(f);
	}
	w->now = UINT64_MAX - 1;
	net_release(w);
	free(w->flights.item);
	free(w->lents.item);
}
