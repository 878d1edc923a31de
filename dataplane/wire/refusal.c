/*
 * refusal.c - what an ICMP error says of a refused frame (see refusal.h).
 *
 * Invariant: every byte looked at lies in the frame's first buffer, as it did for wire_decode.
 */
#include "wire/refusal.h"

#include <string.h>

#include "base/ensure.h"
#include "wire/checksum.h"
#include "wire/get.h"
#include "wire/icmp.h"
#include "wire/ip.h"

enum {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_NONE = 59,
	NEXT_DESTINATION = 60,
	PROTO_UDP = 17,

	CODE4_PROTOCOL = 2,
	CODE4_PORT = 3,
	CODE6_PORT = 4,
	CODE6_FIELD = 0, /* of parameter problems */
	CODE6_NEXT = 1,
	CODE6_OPTION = 2,

	OPTION_PAD1 = 0,
	ACTION_SILENT = 1, /* the two high bits of an option's type (RFC 8200, 4.2) */
	INFORMATIONAL = 128,
	REDIRECT = 137,
};

static bool
refuse_v4(const uint8_t *p, struct refusal *refusal)
{
	refusal->src = ip_from_v4(p + 12);
	refusal->dst = ip_from_v4(p + 16);
	refusal->type = ICMP4_UNREACHABLE;
	refusal->code = p[9] == PROTO_UDP ? CODE4_PORT : CODE4_PROTOCOL;
	return true;
}

/* The first option that is not to be skipped, from the start of the header; 0: there is none. */
static uint32_t
find_option(const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 2; i < n;) {
		if (p[i] >> 6 != 0)
			return i;
		i += p[i] == OPTION_PAD1 || i + 1 == n ? 1u : p[i + 1] + 2u;
	}
	return 0;
}

/* What one extension header at p + at has to do with the reason. */
static bool
blame(enum wire_drop drop, const uint8_t *p, uint32_t at, uint8_t next, uint32_t size,
      struct refusal *refusal)
{
	if (drop == WIRE_DROP_IP6_ROUTING && next == NEXT_ROUTING && p[at + 3] != 0) {
		refusal->code = CODE6_FIELD;
		refusal->word = at + 2; /* RFC 8200, 4.4: the type of the routing header */
		return true;
	}
	if (drop == WIRE_DROP_IP6_OPTION && (next == NEXT_HOP_BY_HOP || next == NEXT_DESTINATION)) {
		uint32_t option = find_option(p + at, size);

		refusal->code = CODE6_OPTION;
		refusal->word = at + option;
		return option != 0 && p[at + option] >> 6 != ACTION_SILENT;
	}
	return false;
}

/* Whether the packet is one that must not be answered (RFC 4443, 2.4 e.1, e.2). */
static bool
is_error(uint8_t next, const uint8_t *p, uint32_t at, uint32_t n)
{
	return next == IP_PROTO_ICMP6 && (at >= n || p[at] < INFORMATIONAL || p[at] == REDIRECT);
}

/* The last of the reasons: what follows the headers is nothing that we have. */
static bool
blame_upper(enum wire_drop drop, uint8_t next, uint32_t next_at, struct refusal *refusal)
{
	if (drop != WIRE_DROP_IP_PROTOCOL || next == NEXT_NONE)
		return false;
	if (next == PROTO_UDP) {
		refusal->type = ICMP6_UNREACHABLE;
		refusal->code = CODE6_PORT;
	} else {
		refusal->code = CODE6_NEXT;
		refusal->word = next_at;
	}
	return true;
}

static bool
refuse_v6(const uint8_t *p, uint32_t n, enum wire_drop drop, struct refusal *refusal)
{
	uint32_t at = IP6_HEADER, next_at = 6;
	uint8_t next = p[next_at];
	bool is_blamed = false;

	memcpy(refusal->src.b, p + 8, 16);
	memcpy(refusal->dst.b, p + 24, 16);
	refusal->type = ICMP6_PARAMETER;
	for (uint32_t walked = 0; walked < IP6_EXTENSIONS_MAX; walked++) {
		uint32_t size = 8;

		if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_FRAGMENT &&
		    next != NEXT_DESTINATION)
			break;
		if (n < at + size)
			return false;
		if (next != NEXT_FRAGMENT)
			size += p[at + 1] * 8u;
		else if ((get16(p + at + 2) & 0xfff8) != 0) /* 2.4 e.6 leaves only the first */
			return false;
		if (n < at + size)
			return false;
		if (!is_blamed)
			is_blamed = blame(drop, p, at, next, size, refusal);
		next = p[at];
		next_at = at;
		at += size;
	}
	if (is_error(next, p, at, n))
		return false;
	return is_blamed || blame_upper(drop, next, next_at, refusal);
}

bool
refusal_of(const struct buf *frame, enum wire_drop drop, struct refusal *ret_refusal)
{
	struct refusal refusal = { 0 };
	uint32_t l3_off = 0, n, header_n, most;
	const uint8_t *p = buf_data(frame);
	struct eth eth;
	bool is_v6;

	if (drop != WIRE_DROP_IP_PROTOCOL && drop != WIRE_DROP_IP6_OPTION &&
	    drop != WIRE_DROP_IP6_ROUTING)
		return false;
	if (eth_parse(p, frame->m.data_len, &eth, &l3_off) != WIRE_OK)
		return false;
	is_v6 = eth.type == ETH_TYPE_IP6;
	header_n = is_v6 ? IP6_HEADER : IP4_HEADER;
	n = frame->m.data_len - l3_off;
	if (mac_is_multicast(&eth.dst) || n < header_n)
		return false;
	p += l3_off;
	most = is_v6 ? get16(p + 4) + (uint32_t)IP6_HEADER : get16(p + 2);
	n = n < most ? n : most; /* the rest is padding */
	if (!(is_v6 ? refuse_v6(p, n, drop, &refusal) : refuse_v4(p, &refusal)))
		return false;
	if (!ip_can_send(&refusal.src) || !ip_can_send(&refusal.dst))
		return false;
	most = (is_v6 ? (uint32_t)REFUSAL_MAX_V6 : (uint32_t)REFUSAL_MAX_V4) - header_n -
	       ICMP_HEADER;
	refusal.quote_off = (uint16_t)l3_off;
	refusal.quote_n = (uint16_t)(n < most ? n : most);
	*ret_refusal = refusal;
	return true;
}

uint32_t
refusal_size(const struct refusal *refusal)
{
	return ICMP_HEADER + refusal->quote_n;
}

void
refusal_emit(const struct refusal *refusal, const struct buf *frame, uint8_t *to)
{
	uint32_t n = refusal_size(refusal);
	uint64_t sum = 0;

	ensure(refusal->quote_off + (uint32_t)refusal->quote_n <= frame->m.data_len);
	to[0] = refusal->type;
	to[1] = refusal->code;
	put16(to + 2, 0);
	put32(to + 4, refusal->word);
	memcpy(to + ICMP_HEADER, buf_data(frame) + refusal->quote_off, refusal->quote_n);
	if (!ip_is_v4(&refusal->dst))
		sum = csum_pseudo(&refusal->dst, &refusal->src, IP_PROTO_ICMP6, n);
	put_be16(to + 2, csum_done(csum_join(sum, csum_add(to, n))));
}
