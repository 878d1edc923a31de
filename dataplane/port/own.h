/*
 * own.h - what the files of port/ share: one open device.
 */
#ifndef PENSTOCK_PORT_OWN_H
#define PENSTOCK_PORT_OWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_dev.h>

#include "base/limits.h"
#include "port/port.h"
#include "port/tap.h"
#include "port/xdp.h"

/* What DPDK is told of a device. */
struct port_devargs {
	char name[RTE_DEV_NAME_MAX_LEN];
	char args[512];
	uint16_t queues;
	uint16_t mtu;
	uint16_t ring_n;
};

/* Written by the lane that has the queue. */
struct port_queue {
	uint64_t linearised;
	uint64_t unsendable;
	uint64_t found_tsc; /* when frames were last found */
} __attribute__((aligned(64)));

struct port {
	uint16_t id; /* DPDK's; none where is_tap */
	uint16_t path;
	bool must_linearise; /* the device does not take packets of several segments */
	bool is_xdp;	     /* AF_XDP: xdp is open */
	bool is_card;	     /* the environment has made the device and keeps it */
	bool is_tap;	     /* no device of DPDK's: tap is open */
	bool is_virtio;
	bool is_raw;	    /* as configured by DPDK's own arguments */
	bool prepares;	    /* the driver looks at packets before they are sent */
	bool sums_ip;	    /* and wants to be asked for IPv4's sum of those it cuts */
	bool wants_lengths; /* in the checksum of what it is to cut */
	bool can_reconnect; /* memif client: a lost server may come back */
	bool is_zero_copy;  /* memif client on hugepages, until its server is lost */
	bool was_up;	    /* since it was started */
	uint64_t gap_tsc;   /* least time between looks that find something */
	uint32_t looks;	    /* since it was started, without a link */
	uint64_t rx_offloads, tx_offloads; /* in use, RTE_ETH_RX_OFFLOAD_ and _TX_ */
	_Atomic bool is_started;
	_Atomic bool is_up;
	struct buf_pool *pool;
	struct port_devargs devargs;
	struct xdp xdp;
	struct tap tap;
	struct port_queue queue[QUEUES_MAX];
};

extern const struct portif_ops port_burst_ops;

/* zero_copy.c, main thread: before a zero-copy memif is started, after, and now and then. */
void zero_copy_keep(void);
void zero_copy_settle(const struct port *port); /* waits until it is connected, at most 0.5 s */
void zero_copy_restore(void);

/*
 * The DPDK device name and arguments for a port, in port->devargs; an xdp port's side in the
 * kernel is open then. False and why when they cannot be made.
 */
bool port_devargs(const struct port_conf *conf, struct port *port, char *why);

#endif
