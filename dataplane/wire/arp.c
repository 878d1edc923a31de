/*
 * arp.c - ARP for IPv4 over Ethernet (see arp.h).
 */
#include "wire/arp.h"

#include "wire/get.h"
#include "wire/ip.h"

enum {
	HARDWARE_ETHERNET = 1
};

enum wire_drop
arp_parse(const uint8_t *p, uint32_t n, struct arp *ret_arp)
{
	struct arp arp;

	if (n < ARP_SIZE || get16(p) != HARDWARE_ETHERNET || get16(p + 2) != ETH_TYPE_IP4 ||
	    p[4] != 6 || p[5] != 4)
		return WIRE_DROP_ARP_MALFORMED;
	arp.op = get16(p + 6);
	memcpy(arp.sender_mac.b, p + 8, 6);
	arp.sender = ip_from_v4(p + 14);
	memcpy(arp.target_mac.b, p + 18, 6);
	arp.target = ip_from_v4(p + 24);
	if (arp.op != ARP_REQUEST && arp.op != ARP_REPLY)
		return WIRE_DROP_ARP_MALFORMED;
	if (mac_is_multicast(&arp.sender_mac))
		return WIRE_DROP_ARP_MALFORMED;
	/* A probe asks in nobody's name (RFC 5227, 2.1.1); nobody answers so. */
	if (memcmp(&arp.sender.b[12], "\0\0\0", 4) == 0) {
		if (arp.op != ARP_REQUEST)
			return WIRE_DROP_ARP_MALFORMED;
	} else if (!ip_can_send(&arp.sender)) {
		return WIRE_DROP_ARP_MALFORMED;
	}
	*ret_arp = arp;
	return WIRE_OK;
}

void
arp_emit(const struct arp *arp, uint8_t *to)
{
	put16(to, HARDWARE_ETHERNET);
	put16(to + 2, ETH_TYPE_IP4);
	to[4] = 6;
	to[5] = 4;
	put16(to + 6, arp->op);
	memcpy(to + 8, arp->sender_mac.b, 6);
	memcpy(to + 14, &arp->sender.b[12], 4);
	memcpy(to + 18, arp->target_mac.b, 6);
	memcpy(to + 24, &arp->target.b[12], 4);
}
