/*
 * ports.h - source ports for upstream connections whose replies come back to this lane, in O(1).
 *
 * A NIC sends a flow to bucket hash mod buckets_n. The hash of the replies is that of the tuple
 * with port 0 XOR what the port adds, so ports are grouped once by the low bits of what they add
 * (struct net_groups, one a port, shared by all lanes); for a wished bucket the right group
 * follows, and any of its ports is right (random within the group: RFC 6056). A number of buckets
 * that is no power of two has no groups: then ports are tried, buckets_n times on average.
 * Where steering is unknown, any port of the range is as good: plain random.
 */
#ifndef PENSTOCK_NET_PORTS_H
#define PENSTOCK_NET_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"
#include "base/limits.h"

enum {
	NET_PORT_FIRST = 10240, /* the default range of source ports */
	NET_PORT_LAST = 65535,
	NET_PORTS_TRIES = 512, /* ports asked about in one pick, at most */
};

struct net_groups_conf {
	const uint8_t *key; /* of the Toeplitz hash */
	uint32_t key_n;
	uint16_t buckets_n;   /* entries of the redirection table, 1 to RETA_MAX */
	uint16_t first, last; /* range of source ports; first > 0, first <= last */
};

struct net_groups;

size_t net_groups_size(void);

/* Makes the groups in mem (net_groups_size bytes, aligned to 64); nothing of conf is kept. */
struct net_groups *net_groups_init(void *mem, const struct net_groups_conf *conf);

struct net_ports;

struct net_ports_conf {
	uint16_t path_n;
	uint16_t first, last; /* range where steering is unknown; as above */
	uint64_t seed;
};

size_t net_ports_size(const struct net_ports_conf *conf);

/* Makes one lane's chooser in mem, aligned to 64; no path's steering is known. */
struct net_ports *net_ports_init(void *mem, const struct net_ports_conf *conf);

/*
 * From now on a path's replies are steered so: lane_of_bucket has buckets_n entries (it is read
 * now, not kept), of which those equal to lane_i are ours. groups is kept. groups NULL: unknown.
 * When no bucket is ours, ports are plain random, as if unknown.
 */
void net_ports_steer(struct net_ports *ports, uint16_t path, const struct net_groups *groups,
		     const uint16_t *lane_of_bucket, uint16_t lane_i);

bool net_ports_is_steered(const struct net_ports *ports, uint16_t path);

struct net_ports_ask {
	uint16_t path;
	uint16_t remote_port;
	struct ip_addr local, remote; /* of the connection to be */
	/* Whether the connection may use this local port; ctx is passed on. */
	bool (*is_free)(void *ctx, uint16_t local_port);
	void *ctx;
};

/*
 * A random port that is_free, the replies to which come to this lane. False when none was found
 * in NET_PORTS_TRIES: nearly all right ports are in use.
 */
bool net_ports_pick(struct net_ports *ports, const struct net_ports_ask *ask, uint16_t *ret_port);

#endif
