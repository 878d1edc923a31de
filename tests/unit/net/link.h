/*
 * link.h - a net under test, the frames it sends, and a station on its link to speak with it.
 */
#ifndef PENSTOCK_TESTS_NET_LINK_H
#define PENSTOCK_TESTS_NET_LINK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "abi/counters.h"
#include "base/buf_heap.h"
#include "net/net.h"
#include "wire/ip.h"

#define S UINT64_C(1000000000)

static const struct mac us_mac = { { 2, 0, 0, 0, 0, 1 } };
static const struct mac peer_mac = { { 2, 0, 0, 0, 0, 9 } };
static const struct mac other_mac = { { 2, 0, 0, 0, 0, 8 } };

/* One lane with two paths; path 1 is tagged with VLAN 7. */
struct link {
	struct buf_pool *pool;
	struct counters count;
	struct net *net;
	struct net_out out;
	struct net_path path[2];
	uint64_t now;
};

static inline struct ip_addr
addr(const char *text)
{
	struct ip_addr a = { 0 };
	uint8_t v4[4];

	if (inet_pton(AF_INET, text, v4) == 1)
		return ip_from_v4(v4);
	if (inet_pton(AF_INET6, text, a.b) != 1)
		abort();
	return a;
}

/* Opens a net that has no address yet. */
static inline void
link_open_with(struct link *l, bool is_speaker, uint32_t neighbours_max)
{
	struct net_conf conf = { .path_n = 2,
				 .path = l->path,
				 .neighbours_max = neighbours_max,
				 .is_speaker = is_speaker,
				 .seed = 1,
				 .count = &l->count };

	memset(l, 0, sizeof(*l));
	l->now = 1000 * S;
	l->path[0] = (struct net_path){ .mac = us_mac, .mtu = 1500 };
	l->path[1] = (struct net_path){ .mac = us_mac, .mtu = 1500, .vlan = 7 };
	l->pool = buf_heap_open(4096);
	conf.pool = l->pool;
	l->net = net_init(aligned_alloc(64, net_size(&conf)), &conf, l->now);
}

static inline void
link_clear(struct link *l)
{
	buf_give_burst(l->out.frame, l->out.frame_n);
	net_out_clear(&l->out);
}

static inline void
link_configure(struct link *l)
{
	const struct net_address address[] = {
		{ addr("10.0.0.1"), 24, 0 },
		{ addr("2001:db8::1"), 64, 0 },
		{ addr("10.1.0.1"), 16, 1 },
	};
	const struct net_route route[] = {
		{ addr("0.0.0.0"), 0, 0, addr("10.0.0.254") },
		{ addr("::"), 0, 0, addr("fe80::254") },
		{ addr("10.8.0.0"), 16, 1, addr("10.1.0.254") },
	};

	net_configure(l->net, address, 3, route, 3, l->now);
}

/* Lets time pass, doing what is due when it is due. */
static inline void
link_wait(struct link *l, uint64_t ns)
{
	uint64_t end = l->now + ns;

	while (net_deadline(l->net) <= end && net_out_has_room(&l->out)) {
		l->now = net_deadline(l->net) > l->now ? net_deadline(l->net) : l->now;
		net_advance(l->net, l->now, &l->out);
	}
	l->now = end;
	net_advance(l->net, l->now, &l->out);
}

static inline void
link_begin(struct link *l)
{
	link_configure(l);
	link_wait(l, 5 * S);
	link_clear(l);
	memset(&l->count, 0, sizeof(l->count));
}

/* Addresses as above, all announcements made. */
static inline void
link_open(struct link *l)
{
	link_open_with(l, true, 0);
	link_begin(l);
}

/* The same on a port whose queries for multicast listeners go to the kernel. */
static inline void
link_open_beside(struct link *l)
{
	struct net_conf conf = {
		.path_n = 2, .path = l->path, .is_speaker = true, .seed = 1, .count = &l->count
	};

	link_open_with(l, true, 0);
	net_fini(l->net);
	l->path[0].hears_no_queries = true;
	conf.pool = l->pool;
	net_init(l->net, &conf, l->now);
	link_begin(l);
}

static inline void
link_close(struct link *l)
{
	link_clear(l);
	net_fini(l->net);
	free(l->net);
	buf_heap_close(l->pool);
}

/* An IP packet of ours with a mark as its payload. */
static inline void
link_send(struct link *l, uint16_t path, const char *src, const char *dst, uint8_t mark)
{
	struct ip ip = { .src = addr(src),
			 .dst = addr(dst),
			 .protocol = IP_PROTO_TCP,
			 .hop_limit = 64,
			 .payload_n = 1 };
	struct buf *b = buf_take(l->pool);

	*(uint8_t *)buf_append(b, 1) = mark;
	ip_emit(&ip, buf_prepend(b, ip_size(&ip.src)));
	b->path = path;
	net_output(l->net, b, l->now, &l->out);
}

/* Takes a frame as the port gave it. */
static inline enum wire_drop
link_receive(struct link *l, struct buf *b, uint16_t path)
{
	const struct wire_port port = { .mac = us_mac, .vlan = l->path[path].vlan };
	struct wire_packet packet;
	struct tcp_seg seg;
	enum wire_drop drop;

	b->path = path;
	drop = wire_decode(b, &port, &packet, &seg);
	if (drop == WIRE_OK)
		net_input(l->net, b, &packet, l->now, &l->out);
	else
		buf_give(b);
	return drop;
}

static inline struct buf *
link_frame(struct link *l, uint16_t path, struct mac src, struct mac dst, uint16_t type, uint32_t n)
{
	struct eth eth = { .dst = dst, .src = src, .vlan = l->path[path].vlan, .type = type };
	struct buf *b = buf_take(l->pool);

	buf_append(b, n);
	eth_emit(&eth, buf_prepend(b, eth_size(&eth)));
	return b;
}

static inline void
link_arp(struct link *l, uint16_t path, uint16_t op, const char *sender, struct mac mac,
	 const char *target)
{
	struct arp arp = {
		.op = op, .sender = addr(sender), .sender_mac = mac, .target = addr(target)
	};
	struct mac dst = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct buf *b =
		link_frame(l, path, mac, op == ARP_REPLY ? us_mac : dst, ETH_TYPE_ARP, ARP_SIZE);

	arp_emit(&arp, buf_data(b) + b->m.data_len - ARP_SIZE);
	assert_int_equal(link_receive(l, b, path), WIRE_OK);
}

static inline void
link_nd(struct link *l, const struct nd *nd, const char *src, const char *dst, struct mac mac)
{
	struct ip ip = { .src = addr(src),
			 .dst = addr(dst),
			 .protocol = IP_PROTO_ICMP6,
			 .hop_limit = 255,
			 .payload_n = nd_size(nd) };
	struct mac to = ip_is_multicast(&ip.dst) ? nd_multicast_mac(&ip.dst) : us_mac;
	struct buf *b = link_frame(l, 0, mac, to, ETH_TYPE_IP6, IP6_HEADER + nd_size(nd));

	ip_emit(&ip, buf_data(b) + ETH_HEADER);
	nd_emit(nd, &ip.src, &ip.dst, buf_data(b) + ETH_HEADER + IP6_HEADER);
	assert_int_equal(link_receive(l, b, 0), WIRE_OK);
}

/* ---- what came out ---- */

/* Whether frame i goes to the routers that want to know our groups, as reports only do. */
static inline bool
link_is_report(const struct link *l, uint32_t i)
{
	static const uint8_t routers[] = { 0x33, 0x33, 0, 0, 0, 0x16 };

	assert_true(i < l->out.frame_n);
	return memcmp(buf_data(l->out.frame[i]), routers, sizeof(routers)) == 0;
}

/* Frame i as the station on the other end decodes it. */
static inline struct wire_packet
link_sent(struct link *l, uint32_t i)
{
	struct wire_port port = { .vlan = l->path[l->out.frame[i]->path].vlan };
	struct wire_packet packet;
	struct tcp_seg seg;
	enum wire_drop drop;

	assert_true(i < l->out.frame_n);
	memcpy(port.mac.b, buf_data(l->out.frame[i]), 6);
	drop = wire_decode(l->out.frame[i], &port, &packet, &seg);
	if (drop != WIRE_OK && drop != WIRE_DROP_TCP_TRUNCATED)
		fail_msg("sent frame %u: %s", i, wire_drop_name(drop));
	assert_true(mac_eq(&packet.eth.src, &us_mac));
	return packet;
}

static inline uint8_t
link_sent_mark(struct link *l, uint32_t i)
{
	assert_true(i < l->out.frame_n);
	return buf_data(l->out.frame[i])[l->out.frame[i]->m.data_len - 1];
}

static inline struct net_neighbour
link_neighbour(struct link *l, uint16_t path, const char *ip)
{
	struct ip_addr a = addr(ip);
	struct net_neighbour nb = { .state = 99 };

	net_find_neighbour(l->net, path, &a, &nb);
	return nb;
}

static inline void
assert_ip(struct ip_addr got, const char *want)
{
	struct ip_addr a = addr(want);

	assert_memory_equal(got.b, a.b, sizeof(a.b));
}

static inline void
assert_mac(struct mac got, struct mac want)
{
	assert_memory_equal(got.b, want.b, sizeof(want.b));
}

#define assert_state(l, ip, want) assert_int_equal(link_neighbour(l, 0, ip).state, want)

/* Brings 10.0.0.9 to REACHABLE. */
static inline void
link_reach(struct link *l)
{
	link_send(l, 0, "10.0.0.1", "10.0.0.9", 'x');
	link_arp(l, 0, ARP_REPLY, "10.0.0.9", peer_mac, "10.0.0.1");
	link_clear(l);
	assert_state(l, "10.0.0.9", NET_NEIGHBOUR_REACHABLE);
}

#endif
