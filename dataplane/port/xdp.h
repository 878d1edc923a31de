/*
 * xdp.h - the kernel's side of an xdp port: our steering program on the interface, which of its
 * frames are ours, and multicast. Main thread, as root while it opens; afterwards the descriptors
 * are right enough.
 */
#ifndef PENSTOCK_PORT_XDP_H
#define PENSTOCK_PORT_XDP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/image.h"
#include "wire/eth.h"

struct xdp {
	char interface[IF_NAMESIZE];
	int if_index;
	int object; /* the program as a file, for DPDK to load */
	int link;   /* the program stays on the interface as long as this is open */
	int ours;   /* its map of addresses */
	int ear;    /* a socket that has the interface hear all multicast */
};

/*
 * Removes a program of ours that a killed process has left on the interface. False when there is
 * somebody else's, who keeps it, or no such interface.
 */
bool xdp_open(struct xdp *xdp, const char *interface, const char *port, char *why);

/* DPDK has loaded the program and put it on the interface: from now on it goes when we go. */
bool xdp_hold(struct xdp *xdp, const char *interface, const char *port, char *why);

/*
 * These addresses of the image, port_i's, are ours, no others but the link-local one that net adds,
 * unless the kernel has that on the interface. Needs no rights.
 */
bool xdp_serve(const struct xdp *xdp, const struct img *img, uint32_t port_i,
	       const struct mac *mac);

/* Carrier, which DPDK's driver does not look at. */
bool xdp_is_up(const struct xdp *xdp);

/* Takes the program from the interface. */
void xdp_close(struct xdp *xdp);

/* How many receive queues the interface has. */
uint16_t xdp_queues(const char *interface);

#endif
