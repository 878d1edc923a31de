/*
 * wire.c - what a received frame is (see wire.h).
 *
 * From the outside in: link, network, upper header; each step refuses or adds to the packet. The
 * order is that of RFC 1122, 3.2.1: form, checksum, addresses, then meaning.
 */
#include "wire/wire.h"

#include "base/ensure.h"
#include "wire/checksum.h"
#include "wire/get.h"
#include "wire/ip.h"

enum {
	TRUST_LEAST = 512, /* bytes of a payload: what TCP and the proxy may copy together */
};

const char *
wire_kind_name(enum wire_kind kind)
{
	static const char *const word[] = {
#define X(NAME, name) #name,
		WIRE_KIND_LIST(X)
#undef X
	};

	ensure(kind < sizeof(word) / sizeof(word[0]));
	return word[kind];
}

/* A header that is not whole in the first buffer but goes on in the next. */
static bool
is_split(const struct buf *frame)
{
	return frame->m.data_len < frame->m.pkt_len;
}

static enum wire_drop
decode_link(const struct buf *frame, const struct wire_port *port, struct wire_packet *packet)
{
	uint32_t header_n = 0;
	enum wire_drop drop;

	drop = eth_parse(buf_data(frame), frame->m.data_len, &packet->eth, &header_n);
	if (drop != WIRE_OK)
		return is_split(frame) ? WIRE_DROP_SPLIT_HEADERS : drop;
	if ((frame->m.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 && packet->eth.vlan == 0)
		packet->eth.vlan = frame->m.vlan_tci & 0x0fff;
	if (packet->eth.vlan != port->vlan)
		return WIRE_DROP_VLAN;
	if (!mac_is_multicast(&packet->eth.dst) && !mac_eq(&packet->eth.dst, &port->mac))
		return WIRE_DROP_OTHER_MAC;
	packet->l3_off = (uint16_t)header_n;
	return WIRE_OK;
}

static enum wire_drop
decode_arp(const struct buf *frame, struct wire_packet *packet)
{
	uint32_t n = frame->m.data_len - packet->l3_off;

	if (n < ARP_SIZE && is_split(frame))
		return WIRE_DROP_SPLIT_HEADERS;
	packet->kind = WIRE_ARP;
	return arp_parse(buf_data(frame) + packet->l3_off, n, &packet->arp);
}

/*
 * Addresses that cannot be, whatever the packet says. Mapped IPv4 addresses in an IPv6 packet
 * would be taken for IPv4 ones.
 */
static enum wire_drop
check_addresses(const struct ip *ip, bool is_v6, const struct eth *eth)
{
	bool is_nameless = ip->protocol == IP_PROTO_ICMP6 && ip_is_none(&ip->src);

	if (ip_is_v4(&ip->src) == is_v6)
		return WIRE_DROP_IP_MARTIAN_SOURCE;
	if (ip_is_v4(&ip->dst) == is_v6)
		return WIRE_DROP_IP_MARTIAN_DESTINATION;
	if (!ip_can_send(&ip->src) && !is_nameless)
		return WIRE_DROP_IP_MARTIAN_SOURCE;
	if (ip_eq(&ip->src, &ip->dst))
		return WIRE_DROP_IP_MARTIAN_SOURCE;
	if (!ip_can_receive(&ip->dst))
		return WIRE_DROP_IP_MARTIAN_DESTINATION;
	/* RFC 1122, 3.3.6: a way to have one packet answered by a whole link. */
	if (mac_is_multicast(&eth->dst) && !ip_is_multicast(&ip->dst))
		return WIRE_DROP_IP_LINK_BROADCAST;
	return WIRE_OK;
}

static enum wire_drop
decode_ip(const struct buf *frame, struct wire_packet *packet, struct ip *ret_ip)
{
	const uint8_t *p = buf_data(frame) + packet->l3_off;
	uint32_t n = frame->m.data_len - packet->l3_off;
	uint32_t packet_n = frame->m.pkt_len - packet->l3_off;
	uint64_t csum = frame->m.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
	enum wire_drop drop;

	packet->is_v6 = packet->eth.type == ETH_TYPE_IP6;
	if (packet->is_v6)
		drop = ip6_parse(p, n, packet_n, ret_ip);
	else if (csum == RTE_MBUF_F_RX_IP_CKSUM_BAD)
		return WIRE_DROP_IP4_CHECKSUM;
	else
		drop = ip4_parse(p, n, packet_n, csum != RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN, ret_ip);
	if (drop != WIRE_OK)
		return drop;
	packet->src = ret_ip->src;
	packet->dst = ret_ip->dst;
	packet->hop_limit = ret_ip->hop_limit;
	packet->has_fragment = ret_ip->has_fragment;
	packet->l4_off = (uint16_t)(packet->l3_off + ret_ip->header_n);
	packet->l4_n = ret_ip->payload_n;
	return check_addresses(ret_ip, packet->is_v6, &packet->eth);
}

/* Bytes of the upper header and payload that lie in the first buffer. */
static uint32_t
l4_at_hand(const struct buf *frame, const struct wire_packet *packet)
{
	uint32_t n = frame->m.data_len - packet->l4_off;

	return n < packet->l4_n ? n : packet->l4_n;
}

static bool
is_l4_sum_good(const struct buf *frame, const struct wire_packet *packet, uint64_t pseudo)
{
	uint64_t sum = csum_chain(frame, packet->l4_off, packet->l4_n);

	return csum_done(csum_join(pseudo, sum)).raw == 0;
}

/* NONE means that the sum in the packet is unfinished but its bytes are right (virtio). */
static enum wire_drop
check_tcp_sum(const struct buf *frame, const struct wire_packet *packet)
{
	uint64_t csum = frame->m.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
	uint64_t pseudo;

	if (csum == RTE_MBUF_F_RX_L4_CKSUM_GOOD || csum == RTE_MBUF_F_RX_L4_CKSUM_NONE)
		return WIRE_OK;
	if (csum == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		return WIRE_DROP_TCP_CHECKSUM;
	pseudo = csum_pseudo(&packet->src, &packet->dst, IP_PROTO_TCP, packet->l4_n);
	return is_l4_sum_good(frame, packet, pseudo) ? WIRE_OK : WIRE_DROP_TCP_CHECKSUM;
}

/*
 * The usual segment, in one buffer: the payload's sum is kept, for who sends these bytes on. On a
 * wire that is trusted a large payload, which mostly passes through whole, is not read: its sum is
 * what the checksum field leaves for it (RFC 1071: all of it sums up to nought), so that what was
 * wrong when it came is as wrong when it leaves whole. Small ones, which heads are and pieces that
 * are put together anew, are verified on any wire.
 */
static enum wire_drop
check_whole_tcp_sum(struct buf *frame, const struct wire_port *port,
		    const struct wire_packet *packet, const struct tcp_seg *seg)
{
	const uint8_t *tcp = buf_data(frame) + packet->l4_off;
	uint64_t sum, payload;

	if ((frame->m.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN)
		return check_tcp_sum(frame, packet);
	sum = csum_pseudo(&packet->src, &packet->dst, IP_PROTO_TCP, packet->l4_n);
	sum = csum_join(sum, csum_add_words(tcp, seg->payload_off));
	if (port->trusts_sums && seg->payload_n > TRUST_LEAST) {
		payload = csum_done(sum).raw;
	} else {
		payload = csum_add(tcp + seg->payload_off, seg->payload_n);
		if (csum_done(csum_join(sum, payload)).raw != 0)
			return WIRE_DROP_TCP_CHECKSUM;
	}
	frame->sum_at = (uint16_t)(frame->m.data_off + packet->l4_off + seg->payload_off);
	frame->sum_n = (uint16_t)seg->payload_n;
	frame->sum = csum_fold(payload);
	return WIRE_OK;
}

static enum wire_drop
decode_tcp(struct buf *frame, const struct wire_port *port, const struct ip *ip,
	   struct wire_packet *packet, struct tcp_seg *ret_seg)
{
	enum wire_drop drop;

	if (ip_is_multicast(&ip->dst))
		return WIRE_DROP_IP_MARTIAN_DESTINATION;
	ret_seg->src = ip->src;
	ret_seg->dst = ip->dst;
	ret_seg->ecn = ip->tclass & 3;
	drop = seg_parse(buf_data(frame) + packet->l4_off, l4_at_hand(frame, packet), packet->l4_n,
			 ret_seg);
	/* A wrong sum explains odd fields better than a peer's mistake does. */
	if (drop == WIRE_OK && !is_split(frame)) {
		drop = check_whole_tcp_sum(frame, port, packet, ret_seg);
	} else if (drop != WIRE_DROP_TCP_TRUNCATED && drop != WIRE_DROP_SPLIT_HEADERS) {
		enum wire_drop sum = check_tcp_sum(frame, packet);

		drop = sum != WIRE_OK ? sum : drop;
	}
	if (drop != WIRE_OK)
		return drop;
	packet->kind = WIRE_TCP;
	ret_seg->payload_off = (uint16_t)(ret_seg->payload_off + packet->l4_off);
	return WIRE_OK;
}

/* RFC 6980, 5: what comes in fragments passes by those who watch over a link. */
static enum wire_drop
decode_nd(const struct buf *frame, struct wire_packet *packet)
{
	if (l4_at_hand(frame, packet) < packet->l4_n)
		return WIRE_DROP_SPLIT_HEADERS;
	packet->kind = WIRE_ND;
	if (packet->has_fragment)
		return WIRE_DROP_ND_FRAGMENT;
	return nd_parse(buf_data(frame) + packet->l4_off, packet->l4_n, &packet->src, &packet->dst,
			packet->hop_limit, &packet->nd);
}

static enum wire_drop
decode_mld(const struct buf *frame, struct wire_packet *packet)
{
	if (l4_at_hand(frame, packet) < packet->l4_n)
		return WIRE_DROP_SPLIT_HEADERS;
	packet->kind = WIRE_MLD;
	return mld_parse(buf_data(frame) + packet->l4_off, packet->l4_n, &packet->src,
			 packet->hop_limit, &packet->mld);
}

static enum wire_drop
decode_icmp(const struct buf *frame, struct wire_packet *packet)
{
	const uint8_t *p = buf_data(frame) + packet->l4_off;
	uint32_t n = l4_at_hand(frame, packet);
	uint64_t pseudo = 0;

	if (packet->l4_n < ICMP_HEADER)
		return WIRE_DROP_ICMP_TRUNCATED;
	if (n < ICMP_HEADER)
		return WIRE_DROP_SPLIT_HEADERS;
	if (packet->is_v6)
		pseudo = csum_pseudo(&packet->src, &packet->dst, IP_PROTO_ICMP6, packet->l4_n);
	if (!is_l4_sum_good(frame, packet, pseudo))
		return WIRE_DROP_ICMP_CHECKSUM;
	if (packet->is_v6 && (p[0] == ICMP6_NS || p[0] == ICMP6_NA))
		return decode_nd(frame, packet);
	if (ip_is_none(&packet->src))
		return WIRE_DROP_IP_MARTIAN_SOURCE;
	if (packet->is_v6 && p[0] == ICMP6_MLD_QUERY)
		return decode_mld(frame, packet);
	if (p[0] == (packet->is_v6 ? ICMP6_ECHO : ICMP4_ECHO) && p[1] == 0) {
		packet->kind = WIRE_ECHO;
		return ip_is_multicast(&packet->dst) ? WIRE_DROP_IP_MARTIAN_DESTINATION : WIRE_OK;
	}
	packet->kind = WIRE_ICMP_ERROR;
	return icmp_error_parse(packet->is_v6, p[0], p[1], get32(p + 4), p + ICMP_HEADER,
				n - ICMP_HEADER, &packet->error);
}

enum wire_drop
wire_decode(struct buf *frame, const struct wire_port *port, struct wire_packet *ret_packet,
	    struct tcp_seg *ret_seg)
{
	struct ip ip = { 0 };
	enum wire_drop drop = decode_link(frame, port, ret_packet);

	if (drop != WIRE_OK)
		return drop;
	if (ret_packet->eth.type == ETH_TYPE_ARP)
		return decode_arp(frame, ret_packet);
	if (ret_packet->eth.type != ETH_TYPE_IP4 && ret_packet->eth.type != ETH_TYPE_IP6)
		return WIRE_DROP_ETHERTYPE;
	drop = decode_ip(frame, ret_packet, &ip);
	if (drop != WIRE_OK)
		return drop;
	if (ip.protocol == IP_PROTO_TCP)
		drop = decode_tcp(frame, port, &ip, ret_packet, ret_seg);
	else if (ip.protocol == (ret_packet->is_v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP))
		drop = decode_icmp(frame, ret_packet);
	else
		drop = WIRE_DROP_IP_PROTOCOL;
	if (drop != WIRE_OK)
		return drop;
	frame->l3_off = ret_packet->l3_off;
	if (frame->m.pkt_len != ret_packet->l4_off + ret_packet->l4_n)
		buf_trim(frame, ret_packet->l4_off + ret_packet->l4_n);
	return WIRE_OK;
}
