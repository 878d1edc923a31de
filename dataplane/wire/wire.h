/*
 * wire.h - what a received frame is, in one call: its headers parsed and proven, or the reason
 * why it is dropped.
 *
 * Headers must lie in the packet's first buffer (WIRE_DROP_SPLIT_HEADERS otherwise); ARP, ND and
 * quoted packets whole; TCP payload may go on in further ones. Checksums are verified here unless
 * m.ol_flags say that the port has (RTE_MBUF_F_RX_{IP,L4}_CKSUM_GOOD); a BAD is believed.
 * Knows the port's own MAC and VLAN, not our IP addresses: net says which are ours.
 */
#ifndef PENSTOCK_WIRE_WIRE_H
#define PENSTOCK_WIRE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"
#include "base/buf.h"
#include "wire/arp.h"
#include "wire/drop.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/mld.h"
#include "wire/nd.h"
#include "wire/seg.h"

/* What of a port decides whether a frame is for us. */
struct wire_port {
	struct mac mac;
	uint16_t vlan;	  /* 0: untagged */
	bool trusts_sums; /* nothing can fall over on this wire: large payloads are not verified */
};

#define WIRE_KIND_LIST(x)                                                                          \
	x(TCP, tcp)			  /* a segment */                                          \
		x(ARP, arp)		  /* request or reply */                                   \
		x(ND, nd)		  /* neighbour solicitation or advertisement */            \
		x(ECHO, echo)		  /* echo request */                                       \
		x(ICMP_ERROR, icmp_error) /* about a TCP segment from local to remote */           \
		x(MLD, mld)		  /* a router asks for the groups we listen to */

enum wire_kind {
#define X(NAME, name) WIRE_##NAME,
	WIRE_KIND_LIST(X)
#undef X
};

const char *wire_kind_name(enum wire_kind kind);

struct wire_packet {
	uint8_t kind; /* enum wire_kind */
	uint8_t hop_limit;
	bool is_v6;
	bool has_fragment; /* IPv6: behind a fragment header */
	uint16_t l3_off;   /* of the IP header or the ARP message, from the start of the frame */
	uint16_t l4_off;   /* IP: of the upper header */
	uint32_t l4_n;	   /* IP: bytes of upper header and payload, over all buffers */
	struct eth eth;
	struct ip_addr src, dst; /* IP */
	union {
		struct arp arp;
		struct nd nd;
		struct icmp_error error;
		struct mld_query mld;
	};
};

/*
 * Decodes one frame, which stays the caller's. On WIRE_OK link padding behind the IP packet is
 * cut off, buf->l3_off is set and, of a TCP segment, ret_seg is filled (payload_off from the
 * start of the frame, SACK blocks behind sack_n undefined) and the payload's sum, where it was
 * looked at or follows from the checksum field, is in buf->sum; otherwise the frame is unchanged and
 * what ret_packet and ret_seg hold means nothing. Does not count.
 */
enum wire_drop wire_decode(struct buf *frame, const struct wire_port *port,
			   struct wire_packet *ret_packet, struct tcp_seg *ret_seg);

#endif
