/*
 * packet.h - what link.c needs of packet.c: frames in, ARP out, and the key of the virtual card.
 */
#ifndef PENSTOCK_BENCH_PACKET_H
#define PENSTOCK_BENCH_PACKET_H

#include "gen/gen.h"

/* Microsoft's key, which the proxy takes a memif's peer to use unless it is told another. */
static const uint8_t packet_key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

bool packet_read(struct link *l, const uint8_t *p, uint32_t n, struct seg *ret_seg);
/* request: the frame asked with, NULL to ask for the proxy's address ourselves. */
void packet_arp(struct link *l, const uint8_t *request);

#endif
