/*
 * private.h - what the files of net share: the state of one lane's network layer.
 *
 * Neighbours are pool objects with a timer of the same index; addresses have the timers behind
 * them, paths those behind these. Prefix lengths count over 128 bits here (IPv4's plus 96), as addresses are mapped.
 */
#ifndef PENSTOCK_NET_PRIVATE_H
#define PENSTOCK_NET_PRIVATE_H

#include "abi/counters.h"
#include "base/pool.h"
#include "base/prng.h"
#include "base/wheel.h"
#include "net/net.h"
#include "net/reassembly.h"

enum {
	ADDRESSES_MAX = NET_ADDRESSES_MAX + PORTS_MAX, /* each path's link-local one, too */
	ROUTES_MAX = NET_ROUTES_MAX + ADDRESSES_MAX,   /* each address's link, too */
	TELLING_TIMER = ADDRESSES_MAX + PORTS_MAX,     /* behind each path's answer to a query */
	FRAGMENTS_TIMER = TELLING_TIMER + 1,
	OWN_TIMERS = FRAGMENTS_TIMER + 1,
	OWN_SLOTS = 1024, /* more than twice ADDRESSES_MAX */
	FAMILIES = 2,	  /* 0: IPv4, 1: IPv6 */
};

#define ROUTE_NONE UINT32_MAX

#define MS_NS	   UINT64_C(1000000)
#define S_NS	   (1000 * MS_NS)

enum address_state {
	ADDRESS_TENTATIVE, /* others are asked whether they have it; used already (RFC 4429) */
	ADDRESS_PREFERRED,
	ADDRESS_DUPLICATE, /* another station had it first: neither answered nor used */
};

struct address {
	struct ip_addr ip;
	uint16_t path;
	uint8_t prefix_n;    /* of 128 */
	uint8_t state;	     /* enum address_state */
	uint8_t probes_left; /* questions whether others have it */
	uint8_t announces_left;
	uint8_t tells_left;   /* of what other lanes must know */
	struct mac rival;     /* who claims it, or did */
	uint64_t due_ns;      /* of the timer; UINT64_MAX: not set */
	uint64_t defended_ns; /* when it was last announced in defence; 0: never */
};

/* An IPv4 link of ours with broadcasts; host order. */
struct subnet {
	uint32_t net, host_mask;
	uint16_t path;
};

/* In the order configured; found by (path, address) with open addressing. */
struct addresses {
	struct address at[ADDRESSES_MAX];
	uint32_t n;
	uint32_t lost_n;	  /* of these DUPLICATE */
	uint32_t tell_next;	  /* the next that other lanes are told of */
	uint32_t subnet_n;	  /* of the addresses, each once */
	uint32_t host_mask;	  /* the least of theirs; 0: there is none */
	uint16_t slot[OWN_SLOTS]; /* index plus 1; 0: empty */
	struct subnet subnet[NET_ADDRESSES_MAX];
};

struct route {
	uint64_t to[2], mask[2]; /* memory order */
	struct ip_addr via;	 /* none: on the link */
	uint32_t neighbour;	 /* handle of via's, if there is one */
	uint16_t path;
	uint8_t prefix_n; /* of 128 */
	uint8_t family;
};

struct range {
	uint16_t first, n;
};

struct neighbour {
	struct ip_addr ip;
	uint16_t path;
	uint8_t state; /* enum net_neighbour_state */
	uint8_t probes;
	struct mac mac;
	uint32_t next;	     /* in its bucket */
	uint32_t head, tail; /* of waiters; POOL_NONE: none */
	uint32_t waiting_n;
	uint64_t used_ns;   /* when a packet was last meant for it; 0: never, it is hearsay */
	uint64_t heard_ns;  /* when it last answered a question */
	struct ip_addr src; /* our address in that packet: solicitations come from it */
};

struct waiter {
	struct buf *packet;
	uint32_t next;
};

/* A token bucket: so many a second, a tenth of them at once. */
struct allowance {
	uint32_t tokens;
	uint64_t filled_ns;
};

struct net {
	struct net_path path[PORTS_MAX];
	uint16_t path_n;
	bool is_speaker;
	struct buf_pool *pool;
	struct counters *count;
	struct prng prng;
	uint64_t key[2]; /* of the neighbours' hash */

	struct addresses own;

	struct route route[ROUTES_MAX]; /* by path, family, longest prefix first */
	uint32_t route_n;
	struct range range[PORTS_MAX][FAMILIES];

	struct pool neighbours;
	uint32_t *bucket; /* heads; POOL_NONE: empty */
	uint32_t bucket_mask;
	struct pool waiters;
	struct wheel *wheel;

	uint64_t reported_ns[PORTS_MAX]; /* when a query was last answered; 0: never */

	struct allowance echoes, errors, news, nameless, questions;
	struct reassembly reassembly;
};

/* What somebody on the link said of an address. */
struct heard {
	struct ip_addr ip;
	uint16_t path;
	bool has_mac;
	bool is_solicited;
	bool is_override;
	bool can_create; /* an unknown neighbour is remembered */
	struct mac mac;
};

/* ---- address.c ---- */

void address_configure(struct net *net, const struct net_address *given, uint32_t n, uint64_t now);
struct address *address_find(struct net *net, uint16_t path, const struct ip_addr *ip);
/* Somebody else speaks as this address of ours. */
void address_conflict(struct net *net, struct address *a, const struct mac *mac, uint64_t now,
		      struct net_out *out);
/* Another lane heard so, or the speaker has decided. */
void address_learn(struct net *net, struct address *a, const struct net_conflict *conflict,
		   uint64_t now, struct net_out *out);
void address_on_timer(struct net *net, uint32_t address_i, uint64_t now, struct net_out *out);
/* Other lanes are told again what they must know. */
void address_tell(struct net *net, uint64_t now, struct net_out *out);
/* Whether an IP packet comes from an address that is another station's. */
bool address_is_lost(const struct net *net, const struct buf *packet);

/* ---- route.c ---- */

void route_configure(struct net *net, const struct net_route *given, uint32_t n);
/* Index into net->route, or ROUTE_NONE. */
uint32_t route_find(const struct net *net, uint16_t path, const struct ip_addr *dst);
/* Whether a route leads by it. */
bool route_is_gateway(const struct net *net, uint16_t path, const struct ip_addr *ip);
bool route_is_on_link(const struct net *net, uint16_t path, const struct ip_addr *ip);
/* Our address on the path that suits a packet to dst by way of hop; NULL: there is none. */
const struct address *route_source(const struct net *net, uint16_t path, const struct ip_addr *dst,
				   const struct ip_addr *hop);

/* ---- neighbour.c ---- */

uint32_t neighbour_find(const struct net *net, uint16_t path, const struct ip_addr *ip);
/* The packet goes to the neighbour, waits for it or is dropped. */
void neighbour_send(struct net *net, uint32_t i, struct buf *packet, uint64_t now,
		    struct net_out *out);
/* Finds or makes one that is used now, if need be in the place of another. */
uint32_t neighbour_get(struct net *net, uint16_t path, const struct ip_addr *ip, uint64_t now);
/* True when other lanes should hear of it. */
bool neighbour_hear(struct net *net, const struct heard *heard, uint64_t now, struct net_out *out);
void neighbour_on_timer(struct net *net, uint32_t i, uint64_t now, struct net_out *out);
void neighbour_forget(struct net *net, uint32_t i);
/* The path's link has come up: who was known may be gone, who was gone may be back. */
void neighbour_link_up(struct net *net, uint16_t path, uint64_t now);

/* ---- send.c ---- */

/* Puts the Ethernet header in front and the frame into out. */
void send_frame(struct net *net, struct buf *packet, const struct mac *dst, uint16_t type,
		struct net_out *out);
/* An ARP message of ours from sender; dst is the frame's, too. */
void send_arp(struct net *net, uint16_t path, uint16_t op, const struct ip_addr *sender,
	      const struct ip_addr *target, const struct mac *target_mac, const struct mac *dst,
	      struct net_out *out);
/* A buffer of n bytes for a message of our own, or NULL. */
struct buf *send_message(struct net *net, uint16_t path, uint32_t n);
/* A solicitation or advertisement of ours. */
void send_nd(struct net *net, uint16_t path, const struct nd *nd, const struct ip_addr *src,
	     const struct ip_addr *dst, const struct mac *dst_mac, struct net_out *out);

/* One of an allowance that grows with time; false: it is used up. */
bool allowance_take(struct allowance *allowance, uint32_t per_s, uint64_t now);

/* ---- refuse.c ---- */

/* Sends the error about a frame, which stays the caller's, or counts that there were too many. */
void refuse_tell(struct net *net, const struct buf *frame, const struct refusal *refusal,
		 uint64_t now, struct net_out *out);

/* ---- fragments.c ---- */

void fragments_on_timer(struct net *net, uint64_t now, struct net_out *out);

/* ---- listen.c ---- */

/* A query is to be answered; when its time has come. */
void listen_query(struct net *net, uint16_t path, const struct mld_query *query, uint64_t now);
void listen_on_timer(struct net *net, uint16_t path, uint64_t now, struct net_out *out);
/* Where queries go to somebody else, the next report comes by itself. */
void listen_unasked(struct net *net, uint16_t path, uint64_t now);
/* The group that solicitations for this IPv6 address go to is listened to from now on. */
void listen_begin(struct net *net, const struct address *a, struct net_out *out);

/* ---- news: counted when they do not fit ---- */

void news_learned(struct net *net, const struct heard *heard, struct net_out *out);
void news_lost(struct net *net, const struct address *a, struct net_out *out);
void news_conflict(struct net *net, const struct net_conflict *conflict, struct net_out *out);
void news_unreachable(struct net *net, const struct ip_addr *ip, struct net_out *out);
void news_moved(struct net *net, const struct neighbour *nb, struct net_out *out);

static inline struct neighbour *
neighbour_at(const struct net *net, uint32_t i)
{
	return pool_at(&net->neighbours, i);
}

/* The destination and source of an IP packet that is ours. */
static inline void
ip_ends(const struct buf *packet, struct ip_addr *ret_src, struct ip_addr *ret_dst)
{
	const uint8_t *p = buf_data(packet);

	if (p[0] >> 4 == 4) {
		*ret_src = ip_from_v4(p + 12);
		*ret_dst = ip_from_v4(p + 16);
	} else {
		memcpy(ret_src->b, p + 8, 16);
		memcpy(ret_dst->b, p + 24, 16);
	}
}

#endif
