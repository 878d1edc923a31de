/*
 * limits.h - the one page of fixed limits. What a configuration can set is not here; what an
 * array is sized by, is. A limit that a peer or a configuration runs into has a counter or an
 * error of its own.
 */
#ifndef PENSTOCK_BASE_LIMITS_H
#define PENSTOCK_BASE_LIMITS_H

enum {
	/* the machine */
	LANES_MAX = 64,	 /* of a data plane */
	CORES_MAX = 64,	 /* polling threads */
	PORTS_MAX = 16,	 /* NIC ports; tcp and net call them paths */
	QUEUES_MAX = 64, /* of one port, a direction */
	BURST_MAX = 64,	 /* packets in one rx or tx burst */

	/* net, all ports together */
	NET_ADDRESSES_MAX = 256,
	NET_ROUTES_MAX = 256,
	NET_NEIGHBOURS_MAX = 1024,    /* by default; net_conf may say otherwise */
	NET_NEIGHBOUR_QUEUE_MAX = 64, /* packets that wait for one neighbour */
	NET_WAITING_MAX = 512,	      /* packets that wait for all neighbours of a lane */

	/* views and names */
	VIEWS_LIVE_MAX = 8,
	NAME_BYTES_MAX = 63,  /* of a farm, server, listener, port: without a NUL */
	HOST_BYTES_MAX = 253, /* of a DNS name in text */

	/* steering */
	RSS_KEY_BYTES_MAX = 52,
	RETA_MAX = 512,
};

#endif
