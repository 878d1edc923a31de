/*
 * pieces.h - fragments for a net under test (link.h), made of one TCP segment at a time, and the
 * packets that come of them.
 */
#ifndef PENSTOCK_TESTS_NET_PIECES_H
#define PENSTOCK_TESTS_NET_PIECES_H

#include "link.h"

#include "wire/checksum.h"
#include "wire/icmp.h"

enum {
	BODY = 65536,
	HEADERS = 128,
};

#define US4   "10.0.0.1"
#define PEER4 "10.0.0.9"
#define US6   "2001:db8::1"
#define PEER6 "2001:db8::9"

static uint8_t body[BODY]; /* of the whole packet, headers of TCP and all */

/* What a test may want of a fragment, besides where it belongs. */
struct piece {
	const char *src, *dst; /* NULL: the peer, us */
	uint32_t id;
	uint32_t off, n;
	bool more, is_v6, is_broadcast;
	uint8_t protocol; /* 0: TCP */
	uint8_t ecn;
	uint8_t split;		   /* bytes of the frame's first buffer; 0: it has one only */
	const uint8_t *extensions; /* IPv6: before the fragment header, the last one's next is 44 */
	uint8_t extensions_n, next;
};

/* A segment of n bytes from the peer to us, with its checksum. */
static inline void
make_segment(bool is_v6, uint32_t n)
{
	struct ip_addr src = addr(is_v6 ? PEER6 : PEER4), dst = addr(is_v6 ? US6 : US4);
	struct tcp_seg seg = { .src_port = 4000, .dst_port = 80, .flags = TCP_ACK | TCP_PSH };
	uint64_t sum;
	struct be16 done;

	for (uint32_t i = 0; i < BODY; i++)
		body[i] = (uint8_t)(i * 7 + (i >> 8));
	seg_emit(&seg, body);
	sum = csum_join(csum_pseudo(&src, &dst, IP_PROTO_TCP, n), csum_add(body, n));
	done = csum_done(sum);
	memcpy(body + 16, &done, 2);
}

static inline void
put_headers4(struct buf *b, const struct piece *p)
{
	struct ip ip = { .src = addr(p->src != NULL ? p->src : PEER4),
			 .dst = addr(p->dst != NULL ? p->dst : US4),
			 .protocol = p->protocol != 0 ? p->protocol : IP_PROTO_TCP,
			 .hop_limit = 9,
			 .tclass = p->ecn,
			 .payload_n = p->n };
	uint8_t *h = buf_prepend(b, IP4_HEADER);
	struct be16 sum;

	ip_emit(&ip, h);
	h[4] = (uint8_t)(p->id >> 8);
	h[5] = (uint8_t)p->id;
	h[6] = (uint8_t)(p->off >> 11 | (p->more ? 0x20 : 0));
	h[7] = (uint8_t)(p->off >> 3);
	h[10] = h[11] = 0;
	sum = csum_done(csum_add(h, IP4_HEADER));
	memcpy(h + 10, &sum, 2);
}

static inline void
put_headers6(struct buf *b, const struct piece *p)
{
	struct ip ip = { .src = addr(p->src != NULL ? p->src : PEER6),
			 .dst = addr(p->dst != NULL ? p->dst : US6),
			 .protocol = p->extensions_n > 0 ? p->next : 44,
			 .hop_limit = 9,
			 .tclass = p->ecn,
			 .payload_n = p->n + 8 + p->extensions_n };
	uint8_t *f = buf_prepend(b, 8);

	f[0] = p->protocol != 0 ? p->protocol : IP_PROTO_TCP;
	f[1] = 0;
	f[2] = (uint8_t)(p->off >> 8);
	f[3] = (uint8_t)((p->off & 0xf8) | p->more);
	for (uint32_t i = 0; i < 4; i++)
		f[4 + i] = (uint8_t)(p->id >> (24 - 8 * i));
	if (p->extensions_n > 0)
		memcpy(buf_prepend(b, p->extensions_n), p->extensions, p->extensions_n);
	ip_emit(&ip, buf_prepend(b, IP6_HEADER));
}

/* The frame's bytes in two buffers, as a port with small ones gives them. */
static inline void
split(struct link *l, struct buf *b, uint32_t at)
{
	struct buf *rest = buf_take(l->pool);
	uint32_t n = b->m.data_len - at;

	memcpy(buf_append(rest, n), buf_data(b) + at, n);
	b->m.data_len = (uint16_t)at;
	b->m.pkt_len = at;
	buf_chain(b, b, rest);
}

/* The fragment as it comes from the port: with link padding, its checksums called good. */
static inline struct buf *
frame_of(struct link *l, const struct piece *p)
{
	struct mac everybody = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct eth eth = { .dst = p->is_broadcast ? everybody : us_mac,
			   .src = peer_mac,
			   .type = p->is_v6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4 };
	struct buf *b = buf_take(l->pool);

	memcpy(buf_append(b, p->n), body + p->off, p->n);
	if (p->is_v6)
		put_headers6(b, p);
	else
		put_headers4(b, p);
	eth_emit(&eth, buf_prepend(b, eth_size(&eth)));
	memset(buf_append(b, 6), 0xee, 6);
	if (p->split != 0)
		split(l, b, p->split);
	b->path = 0;
	b->m.ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	return b;
}

static const struct wire_port port = { .mac = { { 2, 0, 0, 0, 0, 1 } } };

/* Gives a fragment to net; the whole packet, when it was the last. */
static inline struct buf *
offer_frame(struct link *l, struct buf *b, bool is_v6)
{
	struct wire_packet packet;
	struct tcp_seg seg;

	assert_int_equal(wire_decode(b, &port, &packet, &seg),
			 is_v6 ? WIRE_DROP_IP6_FRAGMENT : WIRE_DROP_IP4_FRAGMENT);
	return net_reassemble(l->net, b, l->now, &l->out);
}

static inline struct buf *
offer(struct link *l, struct piece p)
{
	return offer_frame(l, frame_of(l, &p), p.is_v6);
}

/* It waits, or was dropped. */
static inline void
offer_more(struct link *l, struct piece p)
{
	assert_null(offer(l, p));
}

static inline void
copy_out(const struct buf *b, uint32_t off, uint8_t *to, uint32_t n)
{
	for (; n > 0; b = buf_next(b)) {
		uint32_t part = off < b->m.data_len ? b->m.data_len - off : 0;

		part = part < n ? part : n;
		memcpy(to, buf_data(b) + off, part);
		to += part;
		n -= part;
		off = part > 0 ? 0 : off - b->m.data_len;
	}
}

/* The packet is the segment of n bytes, and its checksum was looked at. Returns its ECN bits. */
static inline uint8_t
assert_whole(struct buf *b, uint32_t n)
{
	static uint8_t got[BODY];
	struct wire_packet packet;
	struct tcp_seg seg;

	assert_non_null(b);
	assert_int_equal(b->m.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, 0);
	assert_int_equal(wire_decode(b, &port, &packet, &seg), WIRE_OK);
	assert_int_equal(packet.kind, WIRE_TCP);
	assert_int_equal(packet.l4_n, n);
	assert_int_equal(seg.payload_n, n - SEG_HEADER);
	copy_out(b, packet.l4_off, got, n);
	assert_memory_equal(got, body, n);
	buf_give(b);
	return seg.ecn;
}

static inline void
learn(struct link *l)
{
	struct net_learned v4 = {
		.ip = addr(PEER4), .mac = peer_mac, .is_confirmed = true, .can_create = true
	};
	struct net_learned v6 = {
		.ip = addr(PEER6), .mac = peer_mac, .is_confirmed = true, .can_create = true
	};

	net_learn(l->net, &v4, l->now, &l->out);
	net_learn(l->net, &v6, l->now, &l->out);
}

static inline void
open_with(struct link *l, uint32_t fragment_bufs_max)
{
	struct net_conf conf;

	link_open(l);
	if (fragment_bufs_max != 0) {
		conf = (struct net_conf){ .path_n = 2,
					  .path = l->path,
					  .fragment_bufs_max = fragment_bufs_max,
					  .seed = 1,
					  .pool = l->pool,
					  .count = &l->count };
		net_fini(l->net);
		free(l->net);
		l->net = net_init(aligned_alloc(64, net_size(&conf)), &conf, l->now);
		link_configure(l);
		link_clear(l);
	}
	learn(l);
}

/* Nothing is held; closes. */
static inline void
close_empty(struct link *l)
{
	assert_int_equal(net_fragment_bufs(l->net), 0);
	link_close(l);
}

#endif
