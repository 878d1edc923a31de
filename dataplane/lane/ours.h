/*
 * ours.h - which frames of a port are ours and which the kernel's, where it shares the port by an
 * exception path.
 *
 * Ours is IP to one of the port's addresses, whatever its protocol or TCP port; ARP and neighbour
 * solicitations that ask for one. Both hear what is said of neighbours: ARP replies and
 * announcements, advertisements, and MLD's queries. All else is the kernel's, tagged frames of
 * other VLANs too. Frames to another station's MAC are nobody's: they count as ours and drop there.
 * As drivers-conf/xdp/steer.c, which has no way to give a frame to both.
 */
#ifndef PENSTOCK_LANE_OURS_H
#define PENSTOCK_LANE_OURS_H

#include <stdint.h>

#include "abi/image.h"
#include "base/buf.h"
#include "wire/eth.h"

enum {
	OURS_MAX = IMG_ADDRESSES_MAX + 1, /* and the link-local one */
	OURS_SLOTS = 1024,
};

struct ours {
	struct mac mac;
	uint16_t vlan; /* 0: untagged */
	uint16_t n;
	struct ip_addr ip[OURS_MAX];
	uint16_t slot[OURS_SLOTS]; /* index plus 1; 0: empty */
};

enum ours_verdict {
	OURS_MINE,
	OURS_KERNELS,
	OURS_BOTH,
};

/* The addresses that the image gives the port, and the link-local one that net adds. */
void ours_take(struct ours *ours, const struct img *img, uint32_t port_i, const struct mac *mac);

/* Reads nothing beyond the frame's first buffer; what it cannot see to the end is the kernel's. */
enum ours_verdict ours_judge(const struct ours *ours, const struct buf *frame);

#endif
