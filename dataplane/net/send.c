/*
 * send.c - frames: Ethernet headers for packets from above, and our own ARP and ND messages.
 */
#include "base/ensure.h"
#include "net/private.h"
#include "wire/icmp.h"
#include "wire/ip.h"

enum {
	ND_HOP_LIMIT = 255
};

void
send_frame(struct net *net, struct buf *packet, const struct mac *dst, uint16_t type,
	   struct net_out *out)
{
	const struct net_path *path = &net->path[packet->path];
	struct eth eth = { .dst = *dst, .src = path->mac, .vlan = path->vlan, .type = type };
	uint32_t n = eth_size(&eth);

	ensure(out->frame_n < NET_OUT_FRAMES);
	eth_emit(&eth, buf_prepend(packet, n));
	if ((packet->m.ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0)
		packet->m.l2_len = n & 0x7f;
	packet->l3_off = (uint16_t)n;
	out->frame[out->frame_n++] = packet;
}

struct buf *
send_message(struct net *net, uint16_t path, uint32_t n)
{
	struct buf *b = buf_take(net->pool);

	if (b == NULL) {
		net->count->net_no_buffers++;
		return NULL;
	}
	b->path = path;
	buf_append(b, n);
	return b;
}

void
send_arp(struct net *net, uint16_t path, uint16_t op, const struct ip_addr *sender,
	 const struct ip_addr *target, const struct mac *target_mac, const struct mac *dst,
	 struct net_out *out)
{
	const struct arp arp = {
		.op = op,
		.sender_mac = net->path[path].mac,
		.sender = *sender,
		.target_mac = *target_mac,
		.target = *target,
	};
	struct buf *b = send_message(net, path, ARP_SIZE);

	if (b == NULL)
		return;
	arp_emit(&arp, buf_data(b));
	send_frame(net, b, dst, ETH_TYPE_ARP, out);
}

void
send_nd(struct net *net, uint16_t path, const struct nd *nd, const struct ip_addr *src,
	const struct ip_addr *dst, const struct mac *dst_mac, struct net_out *out)
{
	const struct ip ip = {
		.src = *src,
		.dst = *dst,
		.protocol = IP_PROTO_ICMP6,
		.hop_limit = ND_HOP_LIMIT,
		.payload_n = nd_size(nd),
	};
	struct buf *b = send_message(net, path, IP6_HEADER + nd_size(nd));

	if (b == NULL)
		return;
	ip_emit(&ip, buf_data(b));
	nd_emit(nd, src, dst, buf_data(b) + IP6_HEADER);
	send_frame(net, b, dst_mac, ETH_TYPE_IP6, out);
}
