/*
 * ip6.c - the IPv6 header and extension headers of a received packet (RFC 8200).
 *
 * Hop-by-hop and destination options, routing headers without segments left and atomic fragments
 * (RFC 6946) are walked over; at most IP6_EXTENSIONS_MAX of them, all in the first buffer.
 */
#include "wire/get.h"
#include "wire/ip.h"

#include <string.h>

enum {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_DESTINATION = 60,

	OPTION_PAD1 = 0,
	OPTION_JUMBO = 0xc2,
};

/* RFC 8200, 4.2: the two high bits of an unknown type say what to do; 00 is to skip it. */
static enum wire_drop
check_options(const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n;) {
		if (p[i] == OPTION_PAD1) {
			i++;
			continue;
		}
		if (n - i < 2 || p[i + 1] + 2u > n - i)
			return WIRE_DROP_IP6_EXTENSION;
		if (p[i] == OPTION_JUMBO)
			return WIRE_DROP_IP6_LENGTH;
		if (p[i] >> 6 != 0)
			return WIRE_DROP_IP6_OPTION;
		i += p[i + 1] + 2u;
	}
	return WIRE_OK;
}

static bool
is_extension(uint8_t next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
	       next == NEXT_DESTINATION;
}

/* One extension header at p, of which n bytes are at hand while the packet has packet_n left. */
static enum wire_drop
check_extension(uint8_t next, const uint8_t *p, uint32_t n, uint32_t packet_n, uint32_t *ret_n)
{
	uint32_t size = next == NEXT_FRAGMENT ? 8 : 8 + (n >= 2 ? p[1] * 8u : 0);

	if (size > packet_n)
		return WIRE_DROP_IP6_EXTENSION;
	if (size > n)
		return WIRE_DROP_SPLIT_HEADERS;
	*ret_n = size;
	if (next == NEXT_FRAGMENT)
		return (get16(p + 2) & 0xfff9) != 0 ? WIRE_DROP_IP6_FRAGMENT : WIRE_OK;
	if (next == NEXT_ROUTING)
		return p[3] != 0 ? WIRE_DROP_IP6_ROUTING : WIRE_OK;
	return check_options(p + 2, size - 2);
}

/* From the fixed header to the upper protocol; ip has the fixed header's fields. */
static enum wire_drop
walk_extensions(const uint8_t *p, uint32_t n, struct ip *ip)
{
	for (uint32_t walked = 0; is_extension(ip->protocol); walked++) {
		const uint8_t *at = p + ip->header_n;
		uint32_t size = 0;
		enum wire_drop drop;

		if (walked == IP6_EXTENSIONS_MAX)
			return WIRE_DROP_IP6_EXTENSION;
		/* Hop-by-hop options stand behind the fixed header only (RFC 8200, 4.3). */
		if (ip->protocol == NEXT_HOP_BY_HOP && walked > 0)
			return WIRE_DROP_IP6_EXTENSION;
		drop = check_extension(ip->protocol, at, n - ip->header_n, ip->payload_n, &size);
		if (drop != WIRE_OK)
			return drop;
		ip->has_fragment |= ip->protocol == NEXT_FRAGMENT;
		ip->protocol = at[0];
		ip->header_n += size;
		ip->payload_n -= size;
	}
	return WIRE_OK;
}

enum wire_drop
ip6_parse(const uint8_t *p, uint32_t n, uint32_t packet_n, struct ip *ret_ip)
{
	struct ip ip = { .header_n = IP6_HEADER };
	enum wire_drop drop;

	if (packet_n < IP6_HEADER)
		return WIRE_DROP_IP6_TRUNCATED;
	if (n < IP6_HEADER)
		return WIRE_DROP_SPLIT_HEADERS;
	if (p[0] >> 4 != 6)
		return WIRE_DROP_IP6_VERSION;
	ip.payload_n = get16(p + 4);
	if (ip.payload_n > packet_n - IP6_HEADER)
		return WIRE_DROP_IP6_LENGTH;
	ip.tclass = (uint8_t)(get16(p) >> 4);
	ip.protocol = p[6];
	ip.hop_limit = p[7];
	memcpy(ip.src.b, p + 8, 16);
	memcpy(ip.dst.b, p + 24, 16);
	drop = walk_extensions(p, n, &ip);
	if (drop != WIRE_OK)
		return drop;
	*ret_ip = ip;
	return WIRE_OK;
}
