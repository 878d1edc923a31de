/*
 * steer.c - the XDP program of an xdp port: frames for our addresses go to the AF_XDP socket of
 * their queue, all others to the kernel as if nobody were here. Restricted C for the kernel's
 * verifier; the data plane carries the object in itself (dataplane/port/xdp.c).
 *
 * Ours is IP to one of our addresses, ARP that asks for one, answers one or claims one, and
 * neighbour discovery about one. A queue without a socket (no data plane yet, or no more) gives
 * everything to the kernel.
 */
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"

enum {
	PROTO_ICMP6 = 58,
	ND_SOLICITATION = 135,
	ND_ADVERTISEMENT = 136,
	VLAN_ID = 0xfff,
};

/* By the name that DPDK looks for. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEER_ADDRESSES_MAX);
	__type(key, struct steer_key);
	__type(value, __u8);
} ours SEC(".maps");

struct vlan_tag {
	__be16 tci, proto;
};

/* Ethernet's ARP for IPv4 (linux/if_arp.h would bring libc's headers in). */
struct arp {
	__be16 hardware, proto;
	__u8 hardware_n, proto_n;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN], sender[4], target_mac[ETH_ALEN], target[4];
};

/* Neighbour solicitation and advertisement, behind struct icmp6hdr. */
struct nd_body {
	__u8 target[16];
};

static __always_inline int
is_ours4(const void *addr, __u32 vlan)
{
	struct steer_key key = { .addr = { [10] = 0xff, [11] = 0xff }, .vlan = vlan };

	__builtin_memcpy(&key.addr[12], addr, 4);
	return bpf_map_lookup_elem(&ours, &key) != 0;
}

static __always_inline int
is_ours6(const void *addr, __u32 vlan)
{
	struct steer_key key = { .vlan = vlan };

	__builtin_memcpy(key.addr, addr, 16);
	return bpf_map_lookup_elem(&ours, &key) != 0;
}

static __always_inline int
arp_is_ours(const void *at, const void *end, __u32 vlan)
{
	const struct arp *arp = at;

	if ((const void *)(arp + 1) > end || arp->proto != bpf_htons(ETH_P_IP) ||
	    arp->hardware_n != ETH_ALEN || arp->proto_n != 4)
		return 0;
	return is_ours4(arp->target, vlan) || is_ours4(arp->sender, vlan);
}

static __always_inline int
ip4_is_ours(const void *at, const void *end, __u32 vlan)
{
	const struct iphdr *ip = at;

	return (const void *)(ip + 1) <= end && is_ours4(&ip->daddr, vlan);
}

static __always_inline int
ip6_is_ours(const void *at, const void *end, __u32 vlan)
{
	const struct ipv6hdr *ip = at;
	const struct icmp6hdr *icmp = (const void *)(ip + 1);
	const struct nd_body *nd = (const void *)(icmp + 1);

	if ((const void *)(ip + 1) > end)
		return 0;
	if (ip->daddr.in6_u.u6_addr8[0] != 0xff)
		return is_ours6(&ip->daddr, vlan);
	if ((const void *)(nd + 1) > end || ip->nexthdr != PROTO_ICMP6 ||
	    (icmp->icmp6_type != ND_SOLICITATION && icmp->icmp6_type != ND_ADVERTISEMENT))
		return 0;
	return is_ours6(nd->target, vlan);
}

SEC("xdp")
int
penstock_steer(struct xdp_md *ctx)
{
	const void *at = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	const struct ethhdr *eth = at;
	const struct vlan_tag *tag = (const void *)(eth + 1);
	__u32 vlan = 0;
	__be16 proto;
	int is_ours = 0;

	if ((const void *)(eth + 1) > end)
		return XDP_PASS;
	proto = eth->h_proto;
	at = eth + 1;
	if (proto == bpf_htons(ETH_P_8021Q)) {
		if ((const void *)(tag + 1) > end)
			return XDP_PASS;
		vlan = bpf_ntohs(tag->tci) & VLAN_ID;
		proto = tag->proto;
		at = tag + 1;
	}
	if (proto == bpf_htons(ETH_P_IP))
		is_ours = ip4_is_ours(at, end, vlan);
	else if (proto == bpf_htons(ETH_P_IPV6))
		is_ours = ip6_is_ours(at, end, vlan);
	else if (proto == bpf_htons(ETH_P_ARP))
		is_ours = arp_is_ours(at, end, vlan);
	return is_ours ? bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS) : XDP_PASS;
}

char terms[] SEC("license") = "BSD";
