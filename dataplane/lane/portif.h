/*
 * portif.h - what a lane needs of a port, as a table of functions called once a burst, so that
 * the simulator gives a fake and the data plane gives DPDK (port/).
 *
 * A port is a path: its index in the image's ports section is buf->path on the way in and out.
 * Frames carry their Ethernet header, and their VLAN tag if any (tags are put on and taken off in
 * software, by net). A queue is polled and transmitted by one lane only, so no function locks.
 */
#ifndef PENSTOCK_LANE_PORTIF_H
#define PENSTOCK_LANE_PORTIF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"

/* What does not change while the port is open. */
struct portif_facts {
	char name[NAME_BYTES_MAX + 1]; /* as configured */
	uint8_t mac[6];
	uint16_t mtu;	      /* of the IP packet */
	uint16_t queue_n;     /* receive queues, and as many transmit queues */
	uint32_t ring_bufs;   /* buffers that it keeps in its receive rings, all queues together */
	uint16_t burst_least; /* asked for fewer frames, it may give none although some are there */
	bool csum_tx;	      /* fills TCP checksums in when ol_flags asks */
	bool csum_rx;	      /* tells by ol_flags that the checksums of a packet need no look */
	bool trusts_sums; /* as configured: the wire cannot change bytes, their sums are right */
	bool multi_segs;  /* sends packets of several segments without copying them together */
	bool tso;	  /* cuts a packet of up to 64 KiB into segments, given csum_tx */
	bool hears_no_queries; /* MLD's, which the kernel gets that shares the interface */
	bool lro;	       /* may hand over several segments as one packet of up to 64 KiB */

	/*
	 * Receive-side scaling as the port was told or tells: the queue of a flow is
	 * reta[toeplitz(key, tuple) & (reta_n - 1)]. key_n 0: the port has none, or does not tell.
	 */
	uint8_t key_n;
	uint8_t key[RSS_KEY_BYTES_MAX];
	uint16_t reta_n;
	uint16_t reta[RETA_MAX];
};

struct except;
struct portif;

struct portif_ops {
	/*
	 * Up to n received frames (n <= BURST_MAX), each with count 1 and buf->hash filled
	 * in (0: unknown). Ownership passes to the caller. Never waits.
	 */
	uint32_t (*rx_burst)(const struct portif *port, uint16_t queue, struct buf **ret_frame,
			     uint32_t n);
	/*
	 * Sends frames in order; ownership of the first (return value) ones passes to the port,
	 * the others stay the caller's. The port gives a frame's bytes back when it has let go of
	 * them, which may be long after. Never waits.
	 */
	uint32_t (*tx_burst)(const struct portif *port, uint16_t queue, struct buf **frame,
			     uint32_t n);
	/* Carrier. May be asked every few milliseconds, by any thread. */
	bool (*is_up)(const struct portif *port);
};

struct portif {
	const struct portif_ops *ops;
	void *self;	       /* the implementation's own */
	struct except *except; /* the kernel's share (lane/except.h); NULL: it has none */
	struct portif_facts facts;
};

static inline uint32_t
portif_rx_burst(const struct portif *port, uint16_t queue, struct buf **ret_frame, uint32_t n)
{
	return port->ops->rx_burst(port, queue, ret_frame, n);
}

static inline uint32_t
portif_tx_burst(const struct portif *port, uint16_t queue, struct buf **frame, uint32_t n)
{
	return port->ops->tx_burst(port, queue, frame, n);
}

#endif
