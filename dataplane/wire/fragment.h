/*
 * fragment.h - a fragment of an IPv4 (RFC 791, 3.2) or IPv6 packet (RFC 8200, 4.5): where its
 * bytes belong, and the header of the packet that is whole again.
 *
 * Says what one frame says of itself. Which fragments belong together, and for how long they are
 * waited for: net/reassembly.h.
 */
#ifndef PENSTOCK_WIRE_FRAGMENT_H
#define PENSTOCK_WIRE_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"
#include "base/buf.h"
#include "wire/refusal.h"

enum {
	FRAGMENT_PACKET_MAX = 65535, /* IPv4: with its header; IPv6: behind the fixed header */
	FRAGMENT_ECN_CE = 3,
};

struct fragment {
	struct ip_addr src, dst;
	uint32_t id;	 /* IPv4: 16 bits */
	uint32_t off;	 /* of its payload in the whole packet's, a multiple of 8 */
	uint32_t n;	 /* bytes of payload */
	uint32_t over_n; /* bytes that count against FRAGMENT_PACKET_MAX in front of the payload */
	uint16_t l3_off; /* of the IP header, from the start of the frame */
	uint16_t at;	 /* of the payload, from the start of the frame */
	uint8_t protocol; /* IPv6: the fragment header's next header, which only the first's is sure */
	uint8_t ecn;
	bool is_v6;
	bool is_followed; /* there are more */
	bool is_on_link;  /* to a broadcast or multicast address of the link */
};

/*
 * Parses a frame that wire_decode has refused as WIRE_DROP_IP4_FRAGMENT or IP6_FRAGMENT, so that
 * all headers to the payload are proven and lie in the first buffer. The frame is unchanged.
 */
void fragment_parse(const struct buf *frame, struct fragment *ret_fragment);

/* What the upper header of a fragment at offset 0 is. */
enum fragment_head {
	FRAGMENT_HEAD_WHOLE,	/* of TCP with its options, or of an ICMP message */
	FRAGMENT_HEAD_CUT,	/* goes on in the next fragment, or beyond the first buffer */
	FRAGMENT_HEAD_NOT_OURS, /* of another protocol */
	FRAGMENT_HEAD_ND,	/* neighbour discovery: never in fragments (RFC 6980) */
	FRAGMENT_HEAD_NESTED,	/* a fragment header in a fragment, or too many headers */
};

/* Of a fragment with off 0 (RFC 1858, 3; RFC 7112, 5). */
enum fragment_head fragment_head(const struct buf *frame, const struct fragment *f);

/*
 * Makes the first fragment's frame the front of the whole packet, whose other bytes are chained
 * behind it: lengths, no more fragments, ECN, IPv4's checksum; IPv6's fragment header stays and
 * says that this is all (an atomic fragment, RFC 6946). What the port said of checksums was of the
 * fragment and is forgotten. payload_n: of the whole packet; over_n + payload_n fits.
 */
void fragment_make_whole(struct buf *frame, const struct fragment *f, uint32_t payload_n,
			 uint8_t ecn);

/*
 * The ICMP error about a fragment, as wire/refusal.h has it; false: none may be sent. Where the
 * packet's later parts tell nothing of what it is, only its first is answered.
 */
bool fragment_refusal(const struct buf *frame, const struct fragment *f, uint8_t type, uint8_t code,
		      uint32_t word, struct refusal *ret_refusal);

#endif
