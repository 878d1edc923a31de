/*
 * reassembly.h - fragments of IPv4 and IPv6 packets put together, within fixed limits (RFC 791,
 * 3.2; RFC 815; RFC 8200, 4.5; RFC 5722; RFC 1858 and 3128; RFC 3168, 5.3).
 *
 * DPDK's librte_ip_frag does this, too, but its fragments are DPDK's own buffers from one of its
 * pools and its clock is the processor's: no test, simulator or fuzzer could drive it, and this
 * floor knows no DPDK. Nor does it limit a source.
 *
 * What is held is bounded: packets, packets of one source, buffers of a packet, and buffers in
 * all. Who comes last wins: the oldest packet makes room, for those who mean it are complete
 * within milliseconds. Two fragments that overlap end their packet: nothing honest makes such, and
 * what one reader takes from the first another takes from the second. What is ended so is
 * remembered until its time is over, so that the rest of it begins no new packet.
 * Knows no address of ours, clock or ICMP.  Units: bytes, nanoseconds.
 */
#ifndef PENSTOCK_NET_REASSEMBLY_H
#define PENSTOCK_NET_REASSEMBLY_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/counters.h"
#include "base/buf.h"
#include "wire/fragment.h"

enum {
	REASSEMBLY_PACKETS_MAX = 64,	 /* in progress or remembered */
	REASSEMBLY_SOURCE_MAX = 8,	 /* of these, from one IPv4 address or IPv6 /64 */
	REASSEMBLY_PACKET_BUFS_MAX = 48, /* of one packet */
	REASSEMBLY_BUFS_MAX = 512,	 /* of all, unless reassembly_init is told less */
	REASSEMBLY_V4_S = 15,		 /* seconds from a packet's first fragment that came: */
	REASSEMBLY_V6_S = 60,		 /* RFC 1122, 3.3.2; RFC 8200, 4.5 */
};

/* Why fragments are dropped: the list of the counters net_frag_drop_… */
enum frag_drop {
	FRAG_OK, /* not dropped */
#define D(x, NAME, name, what) FRAG_DROP_##NAME,
	NET_FRAG_DROPS(D, )
#undef D
	FRAG_DROPS_N
};

/* The word behind "net_frag_drop_"; "ok" for FRAG_OK. */
const char *frag_drop_name(enum frag_drop drop);

/* Counts n fragments; not for FRAG_OK. */
void frag_drop_count(struct counters *count, enum frag_drop drop, uint32_t n);

/* A packet in progress: its fragments in order, by buf->link; each buf->tag is its offset. */
struct reassembly_packet {
	struct ip_addr src, dst;
	uint64_t due_ns; /* 0: the place is free */
	uint32_t id;
	uint32_t total_n; /* bytes of payload; 0: the last fragment is not here */
	uint32_t have_n;  /* bytes of payload that are here */
	uint32_t frag_n, buf_n;
	uint16_t path;
	uint8_t protocol; /* IPv4's key */
	uint8_t ecns;	  /* a bit for each ECN codepoint seen */
	bool is_v6;
	bool is_ended;	       /* holds nothing; what comes of it is dropped for the same reason */
	uint8_t end;	       /* enum frag_drop */
	struct fragment first; /* of the fragment at offset 0, when it is here */
	struct buf *head, *tail;
};

struct reassembly {
	struct reassembly_packet packet[REASSEMBLY_PACKETS_MAX];
	uint32_t bufs_max, buf_n; /* buffers held */
	struct counters *count;
};

/* bufs_max 0: REASSEMBLY_BUFS_MAX. count is kept. */
void reassembly_init(struct reassembly *r, uint32_t bufs_max, struct counters *count);

/*
 * Takes a fragment, as fragment_parse described it, that came by frame->path. Returns the whole
 * packet's frame (fragment_make_whole) when it was the last that was missing, else NULL:
 *   *ret_drop FRAG_OK  it is kept; ownership has passed in
 *   other              refused for this reason: the frame is still the caller's, to be told of,
 *                      counted and given; what else was dropped has been counted here
 */
struct buf *reassembly_input(struct reassembly *r, struct buf *frame, const struct fragment *f,
			     uint64_t now, enum frag_drop *ret_drop);

/*
 * Ends one packet whose time is over; false: there is none. Its first fragment, where it had come,
 * is the caller's then, to be quoted and given; else *ret_first is NULL.
 */
bool reassembly_late(struct reassembly *r, uint64_t now, struct buf **ret_first,
		     struct fragment *ret_fragment);

/* When reassembly_late next has something to do; UINT64_MAX: never. */
uint64_t reassembly_deadline(const struct reassembly *r);

/* Ends all packets, and forgets those that were ended. */
void reassembly_clear(struct reassembly *r, enum frag_drop why);

#endif
