/*
 * input.c - what the link says to us: ARP, neighbour discovery, echo requests (see net.h).
 */
#include "base/ensure.h"
#include "net/private.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip.h"

enum {
	ECHO_PER_S = 1000,    /* replies */
	NEWS_PER_S = 1000,    /* of neighbours, to other lanes */
	NAMELESS_PER_S = 100, /* answers to all nodes */
	ECHO_HOP_LIMIT = 64,
};

/*
 * What other lanes should hear of, they hear so often at most: their rings are short. Those who do
 * not know the neighbour remember it only when it has asked for us, or when one of us has asked for
 * it: an answer makes no entry (RFC 4861, 7.2.5).
 */
static void
learn(struct net *net, struct heard *heard, uint64_t now, struct net_out *out)
{
	static const struct mac none;
	uint32_t i;

	/* Nobody has our MAC, or none: what is sent there is lost. */
	if (heard->has_mac &&
	    (mac_eq(&heard->mac, &none) || mac_eq(&heard->mac, &net->path[heard->path].mac))) {
		net->count->net_bad_macs++;
		return;
	}

	if (!route_is_on_link(net, heard->path, &heard->ip)) {
		net->count->net_off_link++;
		return;
	}
	if (!neighbour_hear(net, heard, now, out))
		return;
	if (!allowance_take(&net->news, NEWS_PER_S, now)) {
		net->count->net_news_lost++;
		return;
	}
	i = neighbour_find(net, heard->path, &heard->ip);
	heard->can_create |= i != POOL_NONE;
	/* An answer to a direct question need not repeat the MAC (RFC 4861, 7.2.4). */
	if (!heard->has_mac)
		heard->mac = neighbour_at(net, i)->mac;
	news_learned(net, heard, out);
}

/* A frame of ours that came back says nothing; another's in our name is a conflict. */
static bool
is_about_us(struct net *net, uint16_t path, const struct ip_addr *ip, const struct mac *mac,
	    uint64_t now, struct net_out *out)
{
	struct address *a = address_find(net, path, ip);

	if (mac_eq(mac, &net->path[path].mac))
		return true;
	if (a == NULL)
		return false;
	address_conflict(net, a, mac, now, out);
	return true;
}

/*
 * Somebody else asks whether an address is taken that we ask about, too: neither has it (RFC 5227,
 * 2.1.1; RFC 4862, 5.4.3).
 */
static bool
is_rival(struct net *net, uint16_t path, const struct ip_addr *ip, const struct mac *mac,
	 uint64_t now, struct net_out *out)
{
	struct address *a = address_find(net, path, ip);

	if (a == NULL || a->state == ADDRESS_PREFERRED || mac_eq(mac, &net->path[path].mac))
		return false;
	address_conflict(net, a, mac, now, out);
	return true;
}

/* RFC 826: merge what the sender says of itself, add it if it means us, answer if it asks us. */
static void
input_arp(struct net *net, uint16_t path, const struct wire_packet *packet, uint64_t now,
	  struct net_out *out)
{
	const struct arp *arp = &packet->arp;
	bool is_probe = !ip_can_send(&arp->sender);
	bool is_for_us = net_is_ours(net, path, &arp->target);
	bool is_answer = arp->op == ARP_REPLY && is_for_us;

	if (is_probe && is_rival(net, path, &arp->target, &arp->sender_mac, now, out))
		return;
	if (is_about_us(net, path, &arp->sender, &arp->sender_mac, now, out))
		return;
	if (!is_probe) {
		struct heard heard = {
			.ip = arp->sender,
			.path = path,
			.has_mac = true,
			.is_solicited = is_answer,
			.is_override = true,
			.can_create = is_for_us && arp->op == ARP_REQUEST,
			.mac = arp->sender_mac,
		};

		learn(net, &heard, now, out);
	}
	if (!is_for_us) {
		net->count->net_not_ours++;
		return;
	}
	if (arp->op != ARP_REQUEST)
		return;
	net->count->net_arp_replies++;
	send_arp(net, path, ARP_REPLY, &arp->target, &arp->sender, &arp->sender_mac,
		 &arp->sender_mac, out);
}

/*
 * RFC 4861, 7.2.4; to one who checks for duplicates: to all nodes. While it is not certain that an
 * address is ours nobody forgets another for us (RFC 4429, 3.3).
 */
static void
answer_solicit(struct net *net, uint16_t path, const struct wire_packet *packet, uint64_t now,
	       struct net_out *out)
{
	static const struct ip_addr all_nodes = { .b = { 0xff, 2, [15] = 1 } };
	bool is_nameless = ip_is_none(&packet->src);
	struct address *a = address_find(net, path, &packet->nd.target);
	struct ip_addr dst = is_nameless ? all_nodes : packet->src;
	struct mac to = is_nameless ? nd_multicast_mac(&all_nodes) : packet->eth.src;
	struct nd nd = {
		.is_advert = true,
		.is_solicited = !is_nameless,
		.is_override = a == NULL || a->state == ADDRESS_PREFERRED,
		.has_mac = true,
		.mac = net->path[path].mac,
		.target = packet->nd.target,
	};

	if (is_nameless && is_rival(net, path, &nd.target, &packet->eth.src, now, out))
		return;
	if (a == NULL || a->state == ADDRESS_DUPLICATE) {
		net->count->net_not_ours++;
		return;
	}
	if (is_nameless && !allowance_take(&net->nameless, NAMELESS_PER_S, now)) {
		net->count->net_nd_replies_limited++;
		return;
	}
	net->count->net_nd_replies++;
	send_nd(net, path, &nd, &nd.target, &dst, &to, out);
}

static void
input_nd(struct net *net, uint16_t path, const struct wire_packet *packet, uint64_t now,
	 struct net_out *out)
{
	const struct nd *nd = &packet->nd;
	struct heard heard = {
		.ip = nd->is_advert ? nd->target : packet->src,
		.path = path,
		.has_mac = nd->has_mac,
		.is_solicited = nd->is_solicited,
		.is_override = nd->is_advert ? nd->is_override : true,
		.can_create = !nd->is_advert && net_is_ours(net, path, &nd->target),
		.mac = nd->mac,
	};

	if (is_about_us(net, path, &heard.ip, &packet->eth.src, now, out))
		return;
	if (!ip_is_none(&heard.ip) && (nd->is_advert || nd->has_mac))
		learn(net, &heard, now, out);
	if (!nd->is_advert)
		answer_solicit(net, path, packet, now, out);
}

/* RFC 792; RFC 4443, 4.2: the same bytes back, in the same buffer, under a new header. */
static void
input_echo(struct net *net, struct buf *frame, const struct wire_packet *packet, uint64_t now,
	   struct net_out *out)
{
	struct ip ip = {
		.src = packet->dst,
		.dst = packet->src,
		.protocol = packet->is_v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP,
		.hop_limit = ECHO_HOP_LIMIT,
		.payload_n = packet->l4_n,
	};
	struct be16 csum, from, to = { 0 };
	uint8_t *p;

	/* What was put together may not leave in one piece, and is not cut up again. */
	if (ip_size(&ip.src) + ip.payload_n > net->path[frame->path].mtu) {
		net->count->net_echo_too_large++;
		buf_give(frame);
		return;
	}
	frame->m.data_off = (uint16_t)(frame->m.data_off + packet->l4_off);
	frame->m.data_len = (uint16_t)(frame->m.data_len - packet->l4_off);
	frame->m.pkt_len -= packet->l4_off;
	frame->m.ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
	p = buf_data(frame);
	memcpy(&from, p, 2);
	p[0] = packet->is_v6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
	memcpy(&to, p, 2);
	memcpy(&csum, p + 2, 2);
	csum = csum_update(csum, from, to); /* the pseudo header's sum does not change */
	memcpy(p + 2, &csum, 2);
	ip_emit(&ip, buf_prepend(frame, ip_size(&ip.src)));
	net->count->net_echo_replies++;
	net_output(net, frame, now, out);
}

void
net_input(struct net *net, struct buf *frame, const struct wire_packet *packet, uint64_t now,
	  struct net_out *out)
{
	uint16_t path = frame->path;

	ensure(path < net->path_n);
	ensure(net_out_has_room(out));
	switch ((enum wire_kind)packet->kind) {
	case WIRE_ARP:
		input_arp(net, path, packet, now, out);
		break;
	case WIRE_ND:
		input_nd(net, path, packet, now, out);
		break;
	case WIRE_MLD:
		listen_query(net, path, &packet->mld, now);
		break;
	case WIRE_ECHO:
		if (!net_is_ours(net, path, &packet->dst)) {
			net->count->net_not_ours++;
		} else if (!buf_is_sole(frame) || !allowance_take(&net->echoes, ECHO_PER_S, now)) {
			net->count->net_echo_limited++;
		} else {
			input_echo(net, frame, packet, now, out);
			return;
		}
		break;
	case WIRE_TCP:
	case WIRE_ICMP_ERROR:
		ensure(!"a packet for TCP");
	}
	buf_give(frame);
}
