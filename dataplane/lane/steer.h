/*
 * steer.h - one port's steering: which lane a flow belongs to, and whether the port's own
 * spreading agrees with that.
 *
 * A flow's bucket is the low bits of the Toeplitz hash of its received segments; each bucket
 * belongs to a lane. Where the port spreads by a key it tells (RSS), buckets follow its table, so
 * that a flow arrives at the right queue by itself; what really arrives is judged: the first
 * STEER_FIRST segments a lane sees, then one in STEER_EVERY. One that arrives at a wrong queue
 * switches the port to hand-over for good: from then on every segment is hashed in software. The
 * buckets stay, so flows do not move.
 *
 * Shared by all lanes: what is written after init is atomic.
 */
#ifndef PENSTOCK_LANE_STEER_H
#define PENSTOCK_LANE_STEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"
#include "abi/instance.h"
#include "base/limits.h"
#include "lane/portif.h"
#include "net/ports.h"
#include "net/toeplitz.h"

enum {
	STEER_FIRST = 1000,
	STEER_EVERY = 1024,
};

struct steer {
	uint16_t lane_n, queue_n;
	uint16_t bucket_n; /* a power of two */
	uint16_t lane_of_bucket[RETA_MAX];
	struct toeplitz toeplitz;
	struct net_groups *groups; /* for net_ports_steer */

	uint32_t mode; /* enum instance_steering; atomic */
	uint64_t judged, wrong;
};

/* What RSS would hash of a frame. */
struct steer_tuple {
	struct ip_addr src, dst;
	uint16_t src_port, dst_port;
};

/* Bytes of memory for the groups of one port, 64-byte aligned. */
size_t steer_size(void);

/* seed: of the key where the port has none. mem: steer_size bytes. */
void steer_init(struct steer *steer, const struct portif_facts *facts, uint16_t lane_n,
		uint64_t seed, void *mem);

static inline enum instance_steering
steer_mode(const struct steer *steer)
{
	return (enum instance_steering)__atomic_load_n(&steer->mode, __ATOMIC_RELAXED);
}

/*
 * The tuple of an unfragmented TCP segment, or of the one that an ICMP error is about, the other
 * way round, as its flow's segments arrive; false for anything else. Proves nothing but that the
 * bytes are there.
 */
bool steer_peek(const uint8_t *frame, uint32_t n, struct steer_tuple *ret_tuple);

/* The lane that a received tuple belongs to. */
uint16_t steer_lane(const struct steer *steer, const struct steer_tuple *tuple);

/* A segment of lane `to` arrived at a queue: right or wrong. True when this switches the port. */
bool steer_judge(struct steer *steer, uint16_t queue, uint16_t to);

#endif
