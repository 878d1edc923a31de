/*
 * watch.h - connections whose packets are to be captured: a bounded set of tuples, looked at for
 * every packet while a capture is on. The proxy puts the legs of sessions in that fit; the lane
 * asks. One that lost its place to another is counted.
 */
#ifndef PENSTOCK_PROXY_WATCH_H
#define PENSTOCK_PROXY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"
#include "abi/asks.h"

enum {
	WATCH_SETS = 256, /* a power of two */
	WATCH_WAYS = 4,
};

struct watch_flow {
	struct ip_addr local, remote;
	uint16_t local_port, remote_port;
	bool is_there, is_server;
	uint64_t session_id; /* 0: not known yet */
};

struct watch {
	struct ask_filter filter;
	bool is_on;
	uint64_t evicted_n;
	uint8_t next[WATCH_SETS]; /* whose place goes next */
	struct watch_flow flow[WATCH_SETS][WATCH_WAYS];
};

/* Nothing is in the set any more; by this filter connections come into it. */
void watch_begin(struct watch *w, const struct ask_filter *filter);

/* NULL: not in the set. Ports in host order. */
struct watch_flow *watch_find(struct watch *w, const struct ip_addr *local, uint16_t local_port,
			      const struct ip_addr *remote, uint16_t remote_port);

/* Puts a flow in, or what is known of it now. */
void watch_add(struct watch *w, const struct watch_flow *flow);

/* Takes it out if it is there. */
void watch_drop(struct watch *w, const struct watch_flow *flow);

#endif
