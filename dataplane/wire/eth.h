/*
 * eth.h - Ethernet II header with at most one 802.1Q tag. The tag's priority is not kept.
 */
#ifndef PENSTOCK_WIRE_ETH_H
#define PENSTOCK_WIRE_ETH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "abi/addr.h"
#include "wire/drop.h"

enum {
	ETH_HEADER = 14,
	ETH_VLAN = 4,
	ETH_TYPE_IP4 = 0x0800,
	ETH_TYPE_ARP = 0x0806,
	ETH_TYPE_VLAN = 0x8100,
	ETH_TYPE_IP6 = 0x86dd,
};

struct mac {
	uint8_t b[6];
};

struct eth {
	struct mac dst, src;
	uint16_t vlan; /* 1 to 4095; 0: untagged, or a tag with priority only */
	uint16_t type; /* of what follows the tag */
};

static inline bool
mac_eq(const struct mac *a, const struct mac *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Broadcast too. */
static inline bool
mac_is_multicast(const struct mac *mac)
{
	return (mac->b[0] & 1) != 0;
}

/* The link-local address that an interface with this MAC makes itself (RFC 4291, 2.5.6, A). */
struct ip_addr mac_link_local(const struct mac *mac);

/* ret_header_n: bytes of the header, with its tag. */
enum wire_drop eth_parse(const uint8_t *p, uint32_t n, struct eth *ret_eth, uint32_t *ret_header_n);

/* Bytes that eth_emit writes. */
static inline uint32_t
eth_size(const struct eth *eth)
{
	return eth->vlan != 0 ? ETH_HEADER + ETH_VLAN : ETH_HEADER;
}

void eth_emit(const struct eth *eth, uint8_t *to);

#endif
