/*
 * nd.h - neighbour solicitation and advertisement (RFC 4861, 4.3, 4.4, 7.1). Other messages of
 * neighbour discovery are not for us: gateways are configured, redirects are not believed.
 */
#ifndef PENSTOCK_WIRE_ND_H
#define PENSTOCK_WIRE_ND_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"
#include "wire/drop.h"
#include "wire/eth.h"

enum {
	ND_SIZE = 24,	 /* ICMPv6 header and target */
	ND_SIZE_MAX = 32 /* with the link-layer address option */
};

struct nd {
	bool is_advert;	   /* advertisement, else solicitation */
	bool is_router;	   /* advertisement's R */
	bool is_solicited; /* S */
	bool is_override;  /* O */
	bool has_mac;
	struct mac mac; /* source link-layer address of NS, target's of NA */
	struct ip_addr target;
};

/*
 * p, n: the ICMPv6 message whose checksum is good, from its type on; src, dst, hop_limit: of the
 * packet that brought it, which section 7.1 wants to know.
 */
enum wire_drop nd_parse(const uint8_t *p, uint32_t n, const struct ip_addr *src,
			const struct ip_addr *dst, uint8_t hop_limit, struct nd *ret_nd);

/* Bytes that nd_emit writes. */
static inline uint32_t
nd_size(const struct nd *nd)
{
	return nd->has_mac ? ND_SIZE_MAX : ND_SIZE;
}

/* Writes the ICMPv6 message with its checksum. */
void nd_emit(const struct nd *nd, const struct ip_addr *src, const struct ip_addr *dst,
	     uint8_t *to);

/* ff02::1:ffXX:XXXX (RFC 4291, 2.7.1). */
struct ip_addr nd_solicited_node(const struct ip_addr *target);

/* 33:33 and the last four bytes of an IPv6 multicast address (RFC 2464, 7). */
struct mac nd_multicast_mac(const struct ip_addr *dst);

#endif
