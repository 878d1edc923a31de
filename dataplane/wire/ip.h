/*
 * ip.h - IPv4 (RFC 791) and IPv6 (RFC 8200) headers as one struct.
 *
 * Parsing walks IPv4 options and IPv6 extension headers to what a host wants: the upper protocol.
 * Fragments, source routes and martians are refused by name. What is emitted has neither options
 * nor extension headers.
 */
#ifndef PENSTOCK_WIRE_IP_H
#define PENSTOCK_WIRE_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"
#include "wire/drop.h"

enum {
	IP4_HEADER = 20,
	IP6_HEADER = 40,
	IP6_EXTENSIONS_MAX = 8, /* headers walked */
	IP_PROTO_ICMP = 1,
	IP_PROTO_TCP = 6,
	IP_PROTO_ICMP6 = 58,
};

struct ip {
	struct ip_addr src, dst; /* their family is the header's */
	uint8_t protocol;	 /* of the payload, behind all extension headers */
	uint8_t hop_limit;	 /* IPv4: time to live */
	uint8_t tclass;		 /* traffic class, type of service; ECN in the two low bits */
	bool has_fragment;	 /* parse: a fragment header is among the extension headers */
	uint32_t header_n;	 /* bytes to the payload; emit: set by it */
	uint32_t payload_n;	 /* bytes of the upper protocol */
};

/*
 * Parses the IPv4 header at p, of which n bytes are at hand while the packet has packet_n.
 * is_verified: the port has checked the header's checksum.
 */
enum wire_drop ip4_parse(const uint8_t *p, uint32_t n, uint32_t packet_n, bool is_verified,
			 struct ip *ret_ip);

/* The same of IPv6. */
enum wire_drop ip6_parse(const uint8_t *p, uint32_t n, uint32_t packet_n, struct ip *ret_ip);

/* Bytes that ip_emit writes: by the family of src. */
static inline uint32_t
ip_size(const struct ip_addr *src)
{
	return ip_is_v4(src) ? IP4_HEADER : IP6_HEADER;
}

/*
 * Writes the header; IPv4 with DF, identification 0 (RFC 6864, 4.1) and its checksum. header_n is
 * not read.
 */
void ip_emit(const struct ip *ip, uint8_t *to);

/* May a packet come from / go to this address at all, on any link? (RFC 1122, 6890, 4291) */
bool ip_can_send(const struct ip_addr *src);
bool ip_can_receive(const struct ip_addr *dst); /* multicast can */

static inline bool
ip_is_multicast(const struct ip_addr *a)
{
	return ip_is_v4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

/* fe80::/10 or 169.254/16. */
static inline bool
ip_is_link_local(const struct ip_addr *a)
{
	return ip_is_v4(a) ? a->b[12] == 169 && a->b[13] == 254
			   : a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

#endif
