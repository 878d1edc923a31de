/*
 * flow.h - four-tuple to connection index: a hash table under a secret key, one cache line a
 * bucket. A tag of 16 bits decides nearly every look-up before a record is touched; what does not
 * fit into a bucket hangs behind it by the records' flow_next.
 */
#ifndef PENSTOCK_TCP_FLOW_H
#define PENSTOCK_TCP_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "wire/seg.h"

struct tcp;
struct tcp_conn;

enum {
	FLOW_SLOTS = 10,
	FLOW_BURST_MAX = 64,
};

struct flow_bucket {
	uint16_t tag[FLOW_SLOTS]; /* 0: the slot is free */
	uint32_t conn[FLOW_SLOTS];
	uint32_t more; /* connections that found no slot */
} __attribute__((aligned(64)));

struct flow {
	struct flow_bucket *bucket;
	uint32_t mask;
	struct hash_key key;
};

/* Buckets for this many connections: half full at most on average. A power of two. */
uint32_t flow_bucket_n(uint32_t conns_max);
void flow_init(struct flow *flow, void *mem, uint32_t bucket_n, const struct hash_key *key);

void flow_insert(struct tcp *tcp, struct tcp_conn *conn);
void flow_remove(struct tcp *tcp, struct tcp_conn *conn);

/* NULL: no such flow. */
struct tcp_conn *flow_find(const struct tcp *tcp, const struct ip_addr *local, uint16_t local_port,
			   const struct ip_addr *remote, uint16_t remote_port);

/*
 * The buckets of a burst's segments, on their way to the cache; then, one by one, the flows.
 * Between the two, a segment may make or end connections: flow_find_at sees the table as it is.
 */
struct flow_place {
	uint32_t bucket;
	uint16_t tag;
};

void flow_prefetch(const struct tcp *tcp, const struct tcp_seg *seg, uint32_t n,
		   struct flow_place *ret_place);
struct tcp_conn *flow_find_at(const struct tcp *tcp, struct flow_place place,
			      const struct tcp_seg *seg);

#endif
