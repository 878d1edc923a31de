/*
 * fuzz_net.c - a program of steps for one lane's net: frames of any bytes, packets to send, time,
 * hearsay, new addresses and a dry pool. Never a crash, and every buffer comes back.
 *
 * A step is a byte, then its arguments; what is missing at the end reads as zeros.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf_heap.h"
#include "net/net.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip.h"

enum {
	PATHS = 2,
	FRAGMENT_BUFS = 20,
	STEPS_MAX = 300,
};

struct world {
	const uint8_t *p;
	size_t n;
	struct buf_pool *pool;
	struct counters count;
	struct net *net;
	struct net_out out;
	struct net_path path[PATHS];
	uint64_t now;
};

static uint8_t
take(struct world *w)
{
	if (w->n == 0)
		return 0;
	w->n--;
	return *w->p++;
}

/* One of few addresses, so that steps meet. */
static struct ip_addr
take_addr(struct world *w)
{
	uint8_t v = take(w);
	struct ip_addr v6 = { .b = { 0x20, 0x01, 0x0d, 0xb8, [15] = v & 7 } };
	struct ip_addr local = { .b = { 0xfe, 0x80, [15] = v & 7 } };

	switch (v >> 6) {
	case 0:
		return ip_from_v4((const uint8_t[]){ 10, 0, 0, v & 7 });
	case 1:
		return ip_from_v4((const uint8_t[]){ 192, 0, v & 1, v & 7 });
	case 2:
		return v6;
	default:
		return local;
	}
}

static void
configure(struct world *w)
{
	struct net_address address[4];
	struct net_route route[4];

	for (uint32_t i = 0; i < 4; i++) {
		address[i] = (struct net_address){ take_addr(w), take(w), take(w) % 3 };
		route[i] = (struct net_route){ take_addr(w), take(w), take(w) % 3, take_addr(w) };
		if (take(w) & 1)
			memset(&route[i].via, 0, sizeof(route[i].via));
	}
	net_configure(w->net, address, take(w) % 5, route, take(w) % 5, w->now);
}

/* A frame that decodes often: the step says what it is, its fields come from the input. */
static void
put_upper(struct world *w, struct buf *b, uint8_t kind)
{
	struct nd nd = { .is_advert = kind & 1,
			 .is_solicited = take(w) & 1,
			 .is_override = take(w) & 1,
			 .has_mac = take(w) & 1,
			 .mac = { { 2, 0, 0, 0, 0, take(w) } } };
	struct ip ip = { .src = take_addr(w),
			 .dst = take_addr(w),
			 .protocol = IP_PROTO_ICMP6,
			 .hop_limit = 255 };

	nd.target = take_addr(w);
	if (ip_is_v4(&ip.src) || ip_is_v4(&ip.dst))
		return;
	ip.payload_n = nd_size(&nd);
	nd_emit(&nd, &ip.src, &ip.dst, buf_append(b, nd_size(&nd)));
	ip_emit(&ip, buf_prepend(b, IP6_HEADER));
}

static void
put_arp(struct world *w, struct buf *b)
{
	struct arp arp = { .op = take(w) & 1 ? ARP_REQUEST : ARP_REPLY,
			   .sender_mac = { { 2, 0, 0, 0, 0, take(w) } },
			   .sender = take_addr(w),
			   .target = take_addr(w) };

	arp_emit(&arp, buf_append(b, ARP_SIZE));
}

static void
put_echo(struct world *w, struct buf *b)
{
	struct ip ip = { .src = take_addr(w),
			 .dst = take_addr(w),
			 .protocol = IP_PROTO_ICMP,
			 .hop_limit = 9,
			 .payload_n = 8u + take(w) };
	uint8_t *p = buf_append(b, ip.payload_n);
	struct be16 sum;

	memset(p, 0, ip.payload_n);
	p[0] = ICMP4_ECHO;
	sum = csum_done(csum_add(p, ip.payload_n));
	memcpy(p + 2, &sum, 2);
	if (ip_is_v4(&ip.src) == ip_is_v4(&ip.dst))
		ip_emit(&ip, buf_prepend(b, ip_size(&ip.src)));
}

/* A piece of one of few packets; the sizes are such that they often meet, and overlap. */
static void
put_fragment(struct world *w, struct buf *b, bool is_v6)
{
	static const uint8_t protocol[] = {
		IP_PROTO_TCP, IP_PROTO_ICMP, IP_PROTO_ICMP6, 60, 44, 17
	};
	uint8_t where = take(w), size = take(w), what = take(w);
	struct ip ip = { .src = take_addr(w),
			 .dst = take_addr(w),
			 .protocol = protocol[(what >> 3) % sizeof(protocol)],
			 .hop_limit = 9,
			 .tclass = what & 3 };
	uint32_t off = (where & 7) * 8u + (where >= 0xf8 ? 65400 : 0), n = size % 66u;
	bool is_followed = (where & 0x40) != 0;
	uint8_t *p = buf_append(b, n);
	struct be16 sum;

	for (uint32_t i = 0; i < n; i++)
		p[i] = i < 20 ? take(w) : 0;
	if (is_v6) {
		p = buf_prepend(b, 8);
		memcpy(p, (const uint8_t[]){ ip.protocol, 0, 0, 0, 0, 0, 0, size >> 7 }, 8);
		p[2] = (uint8_t)(off >> 8);
		p[3] = (uint8_t)(off & 0xf8) | is_followed;
		ip.protocol = 44;
	}
	ip.payload_n = b->m.pkt_len;
	if (ip_is_v4(&ip.src) != ip_is_v4(&ip.dst) || ip_is_v4(&ip.src) == is_v6)
		return;
	p = buf_prepend(b, ip_size(&ip.src));
	ip_emit(&ip, p);
	if (is_v6)
		return;
	p[5] = size >> 7;
	p[6] = (uint8_t)(off >> 11) | (is_followed ? 0x20 : 0);
	p[7] = (uint8_t)(off >> 3);
	p[10] = p[11] = 0;
	sum = csum_done(csum_add(p, IP4_HEADER));
	memcpy(p + 10, &sum, 2);
}

/* As a lane does it: what is whole again is looked at again, and is no fragment any more. */
static void
receive_fragment(struct world *w, bool is_v6)
{
	uint16_t path = take(w) % PATHS;
	const struct wire_port port = { .mac = w->path[path].mac, .vlan = w->path[path].vlan };
	struct eth eth = { .dst = port.mac,
			   .src = { { 2, 0, 0, 0, 0, 7 } },
			   .vlan = port.vlan,
			   .type = is_v6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4 };
	struct buf *b = buf_take(w->pool);
	struct wire_packet packet;
	struct tcp_seg seg;
	enum wire_drop drop;

	if (b == NULL)
		return;
	put_fragment(w, b, is_v6);
	eth_emit(&eth, buf_prepend(b, eth_size(&eth)));
	b->path = path;
	drop = wire_decode(b, &port, &packet, &seg);
	if (drop == WIRE_DROP_IP4_FRAGMENT || drop == WIRE_DROP_IP6_FRAGMENT) {
		b = net_reassemble(w->net, b, w->now, &w->out);
		if (b == NULL)
			return;
		drop = wire_decode(b, &port, &packet, &seg);
		ensure(drop != WIRE_DROP_IP4_FRAGMENT && drop != WIRE_DROP_IP6_FRAGMENT);
	}
	if (drop != WIRE_OK)
		net_refuse(w->net, b, drop, w->now, &w->out);
	else if (packet.kind != WIRE_TCP && packet.kind != WIRE_ICMP_ERROR)
		net_input(w->net, b, &packet, w->now, &w->out);
	else
		buf_give(b);
}

static void
receive(struct world *w, uint8_t kind)
{
	uint16_t path = take(w) % PATHS;
	const struct wire_port port = { .mac = w->path[path].mac, .vlan = w->path[path].vlan };
	struct eth eth = { .dst = port.mac,
			   .src = { { 2, 0, 0, 0, 0, take(w) & 7 } },
			   .vlan = port.vlan,
			   .type = kind == 0 ? ETH_TYPE_ARP : ETH_TYPE_IP6 };
	struct buf *b = buf_take(w->pool);
	struct wire_packet packet;
	struct tcp_seg seg;
	enum wire_drop drop;

	if (b == NULL)
		return;
	if (kind == 0)
		put_arp(w, b);
	else if (kind <= 2)
		put_upper(w, b, kind);
	else if (kind == 3)
		put_echo(w, b);
	else
		for (uint32_t n = take(w) % 90u; n > 0; n--)
			*(uint8_t *)buf_append(b, 1) = take(w);
	if (kind >= 3)
		eth.type = take(w) & 1 ? ETH_TYPE_IP4 : ETH_TYPE_IP6;
	eth_emit(&eth, buf_prepend(b, eth_size(&eth)));
	b->path = path;
	drop = wire_decode(b, &port, &packet, &seg);
	if (drop != WIRE_OK)
		net_refuse(w->net, b, drop, w->now, &w->out);
	else if (packet.kind != WIRE_TCP && packet.kind != WIRE_ICMP_ERROR)
		net_input(w->net, b, &packet, w->now, &w->out);
	else
		buf_give(b);
}

static void
send(struct world *w)
{
	struct ip ip = { .src = take_addr(w), .dst = take_addr(w), .protocol = IP_PROTO_TCP };
	struct buf *b = buf_take(w->pool);

	if (b == NULL)
		return;
	b->path = take(w) % PATHS;
	if (ip_is_v4(&ip.src) != ip_is_v4(&ip.dst))
		ip.src = ip.dst;
	ip_emit(&ip, buf_prepend(b, ip_size(&ip.src)));
	net_output(w->net, b, w->now, &w->out);
}

static void
hear(struct world *w)
{
	struct net_learned learned = { .ip = take_addr(w),
				       .path = take(w) % 3,
				       .mac = { { 2, 0, 0, 0, 0, take(w) } },
				       .is_confirmed = take(w) & 1,
				       .is_override = take(w) & 1 };
	struct net_conflict conflict = { .ip = take_addr(w),
					 .path = take(w) % 3,
					 .is_duplicate = take(w) & 1 };

	conflict.is_over = !conflict.is_duplicate && (take(w) & 1);

	net_learn(w->net, &learned, w->now, &w->out);
	net_learn_conflict(w->net, &conflict, w->now, &w->out);
}

static void
step(struct world *w)
{
	uint8_t what = take(w);

	if (what >= 0xc0) {
		if (what == 0xff)
			net_drop_fragments(w->net, FRAG_DROP_PRESSURE);
		else
			receive_fragment(w, what & 1);
		return;
	}
	switch (what % 10) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		receive(w, what % 10);
		break;
	case 5:
		send(w);
		break;
	case 6:
		w->now += (uint64_t)take(w) << (take(w) % 34);
		net_advance(w->net, w->now, &w->out);
		break;
	case 7:
		hear(w);
		break;
	case 8:
		configure(w);
		break;
	default:
		buf_heap_set_capacity(w->pool, take(w));
	}
}

static void
clear(struct world *w)
{
	ensure(w->out.frame_n <= NET_OUT_PER_CALL);
	for (uint32_t i = 0; i < w->out.frame_n; i++)
		ensure(w->out.frame[i]->path < PATHS);
	buf_give_burst(w->out.frame, w->out.frame_n);
	w->out.frame_n = w->out.learned_n = w->out.conflict_n = w->out.unreachable_n =
		w->out.moved_n = w->out.lost_n = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct world w;
	struct net_conf conf = { .path_n = PATHS,
				 .path = w.path,
				 .neighbours_max = 6,
				 .fragment_bufs_max = FRAGMENT_BUFS,
				 .seed = 3,
				 .is_speaker = n % 2 == 0,
				 .count = &w.count };

	memset(&w, 0, sizeof(w));
	w.p = bytes;
	w.n = n;
	w.now = 1;
	w.path[0] = (struct net_path){ .mac = { { 2, 0, 0, 0, 0, 1 } }, .mtu = 1500 };
	w.path[1] = (struct net_path){ .mac = { { 2, 0, 0, 0, 0, 2 } }, .mtu = 1500, .vlan = 5 };
	w.pool = buf_heap_open(255);
	conf.pool = w.pool;
	w.net = net_init(aligned_alloc(64, net_size(&conf)), &conf, w.now);
	configure(&w);
	for (uint32_t i = 0; i < STEPS_MAX && w.n > 0; i++) {
		step(&w);
		ensure(buf_heap_out_n(w.pool) ==
		       w.out.frame_n + net_waiting_n(w.net) + net_fragment_bufs(w.net));
		ensure(net_fragment_bufs(w.net) <= FRAGMENT_BUFS);
		clear(&w);
	}
	net_fini(w.net);
	free(w.net);
	buf_heap_close(w.pool);
	return 0;
}
