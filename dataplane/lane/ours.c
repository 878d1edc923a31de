/*
 * ours.c - see ours.h.
 */
#include "lane/ours.h"

#include <string.h>

#include "base/ensure.h"
#include "wire/arp.h"
#include "wire/icmp.h"
#include "wire/ip.h"

enum {
	IP4_DST = 16,
	IP6_NEXT = 6,
	IP6_DST = 24,
	ND_TARGET = 8,
	HOPS = 0, /* an IPv6 header in front of MLD */
	HOPS_SIZE = 8,
};

/* A slot to begin with; the addresses are the configuration's, no stranger can crowd them. */
static uint32_t
slot_of(const struct ip_addr *ip)
{
	uint64_t half[2];

	memcpy(half, ip->b, sizeof(half));
	return (uint32_t)(((half[0] ^ (half[1] * 0x9e3779b97f4a7c15)) * 0xff51afd7ed558ccd) >> 54);
}

static bool
has(const struct ours *ours, const struct ip_addr *ip)
{
	uint32_t at = slot_of(ip);

	for (; ours->slot[at] != 0; at = (at + 1) % OURS_SLOTS) {
		if (ip_eq(&ours->ip[ours->slot[at] - 1], ip))
			return true;
	}
	return false;
}

static bool
has4(const struct ours *ours, const uint8_t *at)
{
	struct ip_addr ip = ip_from_v4(at);

	return has(ours, &ip);
}

static bool
has6(const struct ours *ours, const uint8_t *at)
{
	struct ip_addr ip;

	memcpy(ip.b, at, sizeof(ip.b));
	return !ip_is_v4(&ip) && has(ours, &ip);
}

static void
add(struct ours *ours, const struct ip_addr *ip)
{
	uint32_t at = slot_of(ip);

	ensure(ours->n < OURS_MAX);
	ours->ip[ours->n++] = *ip;
	while (ours->slot[at] != 0)
		at = (at + 1) % OURS_SLOTS;
	ours->slot[at] = ours->n;
}

void
ours_take(struct ours *ours, const struct img *img, uint32_t port_i, const struct mac *mac)
{
	struct ip_addr own = mac_link_local(mac);
	bool has_v6 = false, has_local = false;

	memset(ours, 0, sizeof(*ours));
	ours->mac = *mac;
	ours->vlan = img_port(img, port_i)->vlan;
	for (uint32_t i = 0; i < img_n(img, IMG_ADDRESSES); i++) {
		const struct img_address *a = img_address(img, i);

		if (a->port_i != port_i)
			continue;
		add(ours, &a->ip);
		has_v6 |= !ip_is_v4(&a->ip);
		has_local |= !ip_is_v4(&a->ip) && ip_is_link_local(&a->ip);
	}
	if (has_v6 && !has_local)
		add(ours, &own);
}

static enum ours_verdict
judge_arp(const struct ours *ours, const uint8_t *p, uint32_t n)
{
	struct arp arp;

	if (arp_parse(p, n, &arp) != WIRE_OK)
		return OURS_KERNELS;
	if (arp.op == ARP_REQUEST && has(ours, &arp.target))
		return OURS_MINE;
	if (arp.op != ARP_REQUEST || ip_eq(&arp.sender, &arp.target) || has(ours, &arp.sender))
		return OURS_BOTH;
	return OURS_KERNELS;
}

static enum ours_verdict
judge_ip6(const struct ours *ours, const uint8_t *p, uint32_t n)
{
	uint32_t at = IP6_HEADER;
	uint8_t next;

	if (n < IP6_HEADER)
		return OURS_KERNELS;
	next = p[IP6_NEXT];
	if (next == HOPS && n >= at + HOPS_SIZE && p[at + 1] == 0) {
		next = p[at];
		at += HOPS_SIZE;
	}
	if (next == IP_PROTO_ICMP6 && n >= at + ND_TARGET) {
		if (p[at] == ICMP6_NA || p[at] == ICMP6_MLD_QUERY)
			return OURS_BOTH;
		if (p[at] == ICMP6_NS && n >= at + ND_TARGET + 16)
			return has6(ours, p + at + ND_TARGET) ? OURS_MINE : OURS_KERNELS;
	}
	return has6(ours, p + IP6_DST) ? OURS_MINE : OURS_KERNELS;
}

enum ours_verdict
ours_judge(const struct ours *ours, const struct buf *frame)
{
	const uint8_t *p = buf_data(frame);
	uint32_t n = frame->m.data_len, at = 0;
	enum wire_drop drop;
	struct eth eth;

	drop = eth_parse(p, n, &eth, &at);
	if (drop != WIRE_OK)
		return OURS_KERNELS;
	if (!mac_is_multicast(&eth.dst) && !mac_eq(&eth.dst, &ours->mac))
		return OURS_MINE;
	if ((frame->m.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 && eth.vlan == 0)
		eth.vlan = frame->m.vlan_tci & 0x0fff;
	if (eth.vlan != ours->vlan)
		return OURS_KERNELS;
	p += at;
	n -= at;
	if (eth.type == ETH_TYPE_IP4)
		return n >= IP4_HEADER && has4(ours, p + IP4_DST) ? OURS_MINE : OURS_KERNELS;
	if (eth.type == ETH_TYPE_IP6)
		return judge_ip6(ours, p, n);
	return eth.type == ETH_TYPE_ARP ? judge_arp(ours, p, n) : OURS_KERNELS;
}
