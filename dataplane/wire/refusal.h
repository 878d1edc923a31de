/*
 * refusal.h - the ICMP error that tells a sender why its packet is not taken: RFC 792 and RFC 1122,
 * 3.2.2 and 4.1.3.1; RFC 4443, 2.4, 3.1, 3.4; RFC 8200, 4.
 *
 * Only for what a host asks for and does not find here: an upper protocol, a UDP port, an IPv6
 * option or routing header. What is malformed or spoofed gets no answer. Knows neither our
 * addresses nor how many errors have gone out: net does.
 */
#ifndef PENSTOCK_WIRE_REFUSAL_H
#define PENSTOCK_WIRE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"
#include "base/buf.h"
#include "wire/drop.h"
#include "wire/eth.h"

enum {
	REFUSAL_MAX_V4 = 576,  /* the whole packet (RFC 1812, 4.3.2.3) */
	REFUSAL_MAX_V6 = 1280, /* (RFC 4443, 2.4 c) */
};

struct refusal {
	struct ip_addr src, dst; /* of the packet that is refused */
	uint8_t type, code;
	uint32_t word;	    /* the ICMP header's last 32 bits: IPv6's pointer */
	uint16_t quote_off; /* bytes of the frame to be quoted */
	uint16_t quote_n;
};

/*
 * What is to be said of a frame that wire_decode has refused for this reason; false: nothing, as
 * the reason is none of the above, or nobody may be answered: a broadcast or multicast on either
 * layer, a source that is no host, an ICMP error.
 */
bool refusal_of(const struct buf *frame, enum wire_drop drop, struct refusal *ret_refusal);

/* Bytes of the ICMP message. */
uint32_t refusal_size(const struct refusal *refusal);

/* Writes the ICMP message; the packet goes from refusal->dst to refusal->src. */
void refusal_emit(const struct refusal *refusal, const struct buf *frame, uint8_t *to);

#endif
