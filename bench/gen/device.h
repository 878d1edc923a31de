/*
 * device.h - what link.c needs of device.c: a DPDK device by what the command line calls it.
 */
#ifndef PENSTOCK_BENCH_DEVICE_H
#define PENSTOCK_BENCH_DEVICE_H

#include "gen/gen.h"

enum device_kind {
	DEVICE_MEMIF,
	DEVICE_VHOST,
	DEVICE_PCI
};

enum {
	DEVICE_NAME_MAX = 64
};

enum device_kind device_kind(const char *spec);
/* The socket's path or the card's address. */
const char *device_place(const char *spec);
/* Opens and starts it with l->queues and l->pool; a negative errno. A card's MAC goes to l->mac. */
int device_open(struct link *l, const char *name, const char *spec, const char *memif_role);
void device_close(struct link *l, const char *spec);
/* The payload that the peer takes in one packet, more than a segment's; 0: it takes no such. */
uint32_t device_large(const struct link *l);

#endif
