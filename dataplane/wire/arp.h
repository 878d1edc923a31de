/*
 * arp.h - ARP for IPv4 over Ethernet (RFC 826).
 */
#ifndef PENSTOCK_WIRE_ARP_H
#define PENSTOCK_WIRE_ARP_H

#include <stdint.h>

#include "abi/addr.h"
#include "wire/drop.h"
#include "wire/eth.h"

enum {
	ARP_SIZE = 28,
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

struct arp {
	uint16_t op; /* ARP_REQUEST or ARP_REPLY */
	struct mac sender_mac, target_mac;
	struct ip_addr sender, target; /* IPv4; a probe's sender is 0.0.0.0 (RFC 5227) */
};

/* p, n: behind the Ethernet header; padding may follow. */
enum wire_drop arp_parse(const uint8_t *p, uint32_t n, struct arp *ret_arp);

/* Writes ARP_SIZE bytes. */
void arp_emit(const struct arp *arp, uint8_t *to);

#endif
