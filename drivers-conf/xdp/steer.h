/*
 * steer.h - what the steering program and the data plane share: how an address of ours is named.
 */
#ifndef PENSTOCK_XDP_STEER_H
#define PENSTOCK_XDP_STEER_H

#include <linux/types.h>

#define STEER_NAME "penstock_steer" /* of the program, by which a leftover is known */
#define STEER_OURS "ours"	    /* of the map of addresses */

enum {
	STEER_ADDRESSES_MAX = 257, /* as configured, and a link-local one */
	STEER_QUEUES_MAX = 64,
};

struct steer_key {
	__u8 addr[16]; /* IPv4 in its mapped form */
	__u32 vlan;    /* 0: untagged */
};

#endif
