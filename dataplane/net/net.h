/*
 * net.h - one lane's network layer beneath TCP: own addresses, routes, neighbours (ARP and
 * RFC 4861 with one state machine), replies to ARP, ND, MLD and echo requests, and ICMP errors. A
 * path is a port's index.
 *
 * An engine: doors take (packet, now) and put frames to send and news into `out`. No clock, lock,
 * malloc or I/O; randomness from the seed.
 *
 * Lanes share nothing: each has a net of its own. A lane solicits the neighbours that it needs
 * itself; the answer may come to any lane, so what a lane hears goes to all others (out->learned,
 * net_learn there). What must be done once per port (duplicate address detection, announcements)
 * is done by the lane that is_speaker. Units: nanoseconds of the caller's monotonic clock.
 */
#ifndef PENSTOCK_NET_NET_H
#define PENSTOCK_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"
#include "base/buf.h"
#include "base/limits.h"
#include "net/reassembly.h"
#include "wire/wire.h"

struct net;
struct counters;

/* ---- configuration ---- */

struct net_path {
	struct mac mac;
	uint16_t vlan;	       /* 0: untagged */
	uint16_t mtu;	       /* of the IP packet */
	bool hears_no_queries; /* for multicast listeners: groups are told unasked, now and then */
};

struct net_conf {
	uint16_t path_n;
	const struct net_path *path; /* [path_n], copied */
	uint32_t neighbours_max;     /* 0: NET_NEIGHBOURS_MAX */
	uint32_t fragment_bufs_max;  /* buffers with fragments; 0: REASSEMBLY_BUFS_MAX */
	bool is_speaker;	     /* detects duplicates and announces */
	uint64_t seed;
	struct buf_pool *pool;	/* solicitations and announcements come from here; kept */
	struct counters *count; /* kept */
};

struct net_address {
	struct ip_addr ip;
	uint8_t prefix_n; /* bits of the family, 0 to 32 or 128: the link's prefix */
	uint16_t path;
};

/* A gateway is a route to 0.0.0.0/0 or ::/0. */
struct net_route {
	struct ip_addr to; /* IPv4 in mapped form, also 0.0.0.0 */
	uint8_t prefix_n;
	uint16_t path;
	struct ip_addr via; /* none: the destination is on the link */
};

/* Bytes of memory that net_init needs, a multiple of 64. */
size_t net_size(const struct net_conf *conf);

/* Makes a net in mem (net_size bytes, aligned to 64) without any address. */
struct net *net_init(void *mem, const struct net_conf *conf, uint64_t now);

/* Gives all waiting packets back. */
void net_fini(struct net *net);

/*
 * From now on these are the addresses and routes; at first and live. What was there before and is
 * again keeps its state (no new question or announcement, neighbours stay); neighbours that are no longer on
 * a link are forgotten. What is not valid is left out and counted (net_bad_config): an address
 * that cannot be a host's, a path that is not there, a prefix that is too long, one too many.
 * A path with an IPv6 address gets its link-local one by itself (fe80::, EUI-64 of its MAC).
 */
void net_configure(struct net *net, const struct net_address *address, uint32_t address_n,
		   const struct net_route *route, uint32_t route_n, uint64_t now);

/* ---- out ---- */

enum {
	NET_OUT_FRAMES = 256,
	NET_OUT_NEWS = 64,
	NET_OUT_PER_CALL = 80, /* frames that one call of a door adds at most */
};

/* A neighbour's address as heard on the wire, for all other lanes. */
struct net_learned {
	struct ip_addr ip;
	uint16_t path;
	struct mac mac;
	bool is_confirmed; /* it answered us: reachable; else only seen */
	bool is_override;  /* replaces a different MAC */
	bool can_create; /* who does not know it yet remembers it; else it answers who has asked */
};

/*
 * Somebody else uses an address of ours. From other lanes: a claim that they heard, told three
 * times. From the speaker: what it has decided, told every second for as long as the address is
 * given up and ten times when it is not any more, so that no lane is left behind by a lost message.
 */
struct net_conflict {
	struct ip_addr ip;
	uint16_t path;
	struct mac mac;
	bool is_duplicate; /* it had it first: the address is not ours to use */
	bool is_over;	   /* it has it no longer: ours again */
};

/* No neighbour answers on the way to this destination: connections to it cannot come about. */
struct net_unreachable {
	struct ip_addr ip;
};

/* A next hop that is in use has another MAC: what went to the old one lately is lost. */
struct net_moved {
	struct ip_addr ip;
	uint16_t path;
	bool is_gateway; /* of any destination beyond the link; else of itself only */
};

/* An address of ours is another station's from now on: nothing is sent from it. */
struct net_lost {
	struct ip_addr ip;
	uint16_t path;
};

/* Owned by the caller, who sends the frames, passes the news on, and empties it. */
struct net_out {
	struct buf *frame[NET_OUT_FRAMES]; /* whole Ethernet frames to send on port buf->path */
	uint32_t frame_n;
	struct net_learned learned[NET_OUT_NEWS]; /* for net_learn of all other lanes */
	uint32_t learned_n;
	struct net_conflict conflict[NET_OUT_NEWS]; /* for net_learn_conflict of all other lanes */
	uint32_t conflict_n;
	struct net_unreachable unreachable[NET_OUT_NEWS]; /* for tcp_unreachable of this lane */
	uint32_t unreachable_n;
	struct net_moved moved[NET_OUT_NEWS]; /* for tcp_moved of this lane */
	uint32_t moved_n;
	struct net_lost lost[NET_OUT_NEWS]; /* for tcp_address_lost of this lane */
	uint32_t lost_n;
};

/* Before each call of a door there must be room; news that do not fit are counted and lost. */
static inline bool
net_out_has_room(const struct net_out *out)
{
	return out->frame_n + NET_OUT_PER_CALL <= NET_OUT_FRAMES;
}

/* All of it was taken over. */
static inline void
net_out_clear(struct net_out *out)
{
	out->frame_n = out->learned_n = out->conflict_n = 0;
	out->unreachable_n = out->moved_n = out->lost_n = 0;
}

/* ---- doors ---- */

/*
 * Sends an IP packet without link header (buf_data at the IP header) on port packet->path:
 * route, neighbour, Ethernet header into the headroom (18 bytes must be there). Ownership passes
 * in; the packet is in out->frame, or waits for its neighbour, or is dropped and counted.
 * Sets m.l2_len where the port is asked to do something (m.ol_flags).
 */
void net_output(struct net *net, struct buf *packet, uint64_t now, struct net_out *out);

/*
 * Takes a received WIRE_ARP, WIRE_ND, WIRE_MLD or WIRE_ECHO packet as wire_decode described it, whose frame
 * came by frame->path. Ownership of the frame passes in.
 */
void net_input(struct net *net, struct buf *frame, const struct wire_packet *packet, uint64_t now,
	       struct net_out *out);

/*
 * Takes a received frame that wire_decode refused for this reason, and tells its sender where ICMP
 * says so (wire/refusal.h), at most so often. Ownership passes in; the caller has counted the drop.
 */
void net_refuse(struct net *net, struct buf *frame, enum wire_drop drop, uint64_t now,
		struct net_out *out);

/*
 * Takes a received frame that wire_decode refused as a fragment, which the caller has not counted.
 * Returns the whole packet when it was the last that was missing, as a frame that wire_decode
 * takes, or else NULL: it waits for the others (at most REASSEMBLY_V6_S), or is dropped and counted.
 * Ownership of the frame passes in, that of the packet out.
 */
struct buf *net_reassemble(struct net *net, struct buf *frame, uint64_t now, struct net_out *out);

/* All fragments that wait are dropped, for this reason. */
void net_drop_fragments(struct net *net, enum frag_drop why);

/* What another lane heard. */
void net_learn(struct net *net, const struct net_learned *learned, uint64_t now,
	       struct net_out *out);
void net_learn_conflict(struct net *net, const struct net_conflict *conflict, uint64_t now,
			struct net_out *out);

/*
 * Those above have waited for an answer from dst, by this path, for too long: its next hop may be
 * dead (RFC 1122, 3.3.1.4 and 4.2.3.5; RFC 4861, 7.3.3). It is asked, unless it has answered in the
 * last second: one question to the MAC that is known, then two to all (RFC 7048, 3).
 */
void net_doubt(struct net *net, uint16_t path, const struct ip_addr *dst, uint64_t now);

/*
 * The path's link has come up: who is on it is not known any more, and nobody there knows us. In
 * every lane neighbours that are in use are asked within half a second, others are STALE. The speaker asks about all addresses of the path anew, and announces them.
 */
void net_link_up(struct net *net, uint16_t path, uint64_t now);

/* Does what is due: retries, probes, announcements. Stops when out has no room left. */
void net_advance(struct net *net, uint64_t now, struct net_out *out);

/* When net_advance next has something to do; UINT64_MAX: not before the next call of a door. */
uint64_t net_deadline(const struct net *net);

/* ---- questions ---- */

/*
 * Whether a packet to this address that came by this path is for us. O(1), for every segment
 * before TCP sees it.
 */
bool net_is_ours(const struct net *net, uint16_t path, const struct ip_addr *dst);

/*
 * Whether the host number of an IPv4 address is all ones or zeros in a subnet of this path's link: a
 * directed broadcast, or no host at all (RFC 1122, 3.2.1.3; not with 31 or 32 bits: RFC 3021). Such
 * a source is answered by nobody. For every packet; most are told by a few bits.
 */
bool net_is_broadcast(const struct net *net, uint16_t path, const struct ip_addr *ip);

/*
 * The way to a destination from any path, or from one (path not NET_PATH_ANY): where it leaves,
 * and our address there that suits best (RFC 6724: same scope, longest common prefix). False when
 * there is no route, or no address of the family.
 */
#define NET_PATH_ANY UINT16_MAX
bool net_find_route(const struct net *net, const struct ip_addr *dst, uint16_t path,
		    uint16_t *ret_path, struct ip_addr *ret_src);

/* ---- facts ---- */

/* Awaited: an answer; nothing; use; a while for news from above; an answer to a probe; patience. */
#define NET_NEIGHBOUR_LIST(x)                                                                      \
	x(INCOMPLETE, incomplete) x(REACHABLE, reachable) x(STALE, stale) x(DELAY, delay)          \
		x(PROBE, probe) x(FAILED, failed)

enum net_neighbour_state {
#define X(NAME, name) NET_NEIGHBOUR_##NAME,
	NET_NEIGHBOUR_LIST(X)
#undef X
};

const char *net_neighbour_name(enum net_neighbour_state state);

struct net_neighbour {
	struct ip_addr ip;
	uint16_t path;
	struct mac mac;
	uint8_t state; /* enum net_neighbour_state */
	uint32_t waiting_n;
};

/* The i-th neighbour, counted from 0 in no order; false: there are no more. */
bool net_neighbour_at(const struct net *net, uint32_t i, struct net_neighbour *ret_neighbour);

/* False: nobody knows it. */
bool net_find_neighbour(const struct net *net, uint16_t path, const struct ip_addr *ip,
			struct net_neighbour *ret_neighbour);

/* Packets that wait for neighbours, of the pool's buffers. */
uint32_t net_waiting_n(const struct net *net);

/* Buffers with fragments, of the ports' pool. */
uint32_t net_fragment_bufs(const struct net *net);

#endif
