/*
 * nd.c - neighbour solicitation and advertisement (see nd.h).
 */
#include "wire/nd.h"

#include <string.h>

#include "wire/checksum.h"
#include "wire/get.h"
#include "wire/icmp.h"
#include "wire/ip.h"

enum {
	OPTION_SOURCE_MAC = 1,
	OPTION_TARGET_MAC = 2,
	HOP_LIMIT = 255, /* proves that no router has passed the message on */

	FLAG_ROUTER = 0x80,
	FLAG_SOLICITED = 0x40,
	FLAG_OVERRIDE = 0x20,
};

/* RFC 4861, 7.1.1, 7.1.2: every option has a length above zero; unknown ones are skipped. */
static bool
parse_options(const uint8_t *p, uint32_t n, struct nd *nd)
{
	uint8_t wanted = nd->is_advert ? OPTION_TARGET_MAC : OPTION_SOURCE_MAC;

	for (uint32_t i = 0; i < n;) {
		uint32_t size = n - i >= 2 ? p[i + 1] * 8u : 0;

		if (size == 0 || size > n - i)
			return false;
		if (p[i] == wanted && size == 8) {
			nd->has_mac = true;
			memcpy(nd->mac.b, p + i + 2, 6);
			if (mac_is_multicast(&nd->mac))
				return false;
		}
		i += size;
	}
	return true;
}

/* What section 7.1 demands of the addresses. */
static bool
is_addressed_right(const struct nd *nd, const struct ip_addr *src, const struct ip_addr *dst)
{
	struct ip_addr group = nd_solicited_node(&nd->target);

	if (ip_is_multicast(&nd->target) || ip_is_v4(&nd->target) || ip_is_none(&nd->target))
		return false;
	if (nd->is_advert)
		return ip_can_send(src) && !(nd->is_solicited && ip_is_multicast(dst));
	if (ip_is_none(src)) /* somebody checks whether the address is taken */
		return ip_eq(dst, &group) && !nd->has_mac;
	return ip_can_send(src);
}

enum wire_drop
nd_parse(const uint8_t *p, uint32_t n, const struct ip_addr *src, const struct ip_addr *dst,
	 uint8_t hop_limit, struct nd *ret_nd)
{
	struct nd nd = { 0 };

	if (hop_limit != HOP_LIMIT)
		return WIRE_DROP_ND_HOP_LIMIT;
	if (n < ND_SIZE || (p[0] != ICMP6_NS && p[0] != ICMP6_NA) || p[1] != 0)
		return WIRE_DROP_ND_MALFORMED;
	nd.is_advert = p[0] == ICMP6_NA;
	if (nd.is_advert) {
		nd.is_router = (p[4] & FLAG_ROUTER) != 0;
		nd.is_solicited = (p[4] & FLAG_SOLICITED) != 0;
		nd.is_override = (p[4] & FLAG_OVERRIDE) != 0;
	}
	memcpy(nd.target.b, p + 8, 16);
	if (!parse_options(p + ND_SIZE, n - ND_SIZE, &nd) || !is_addressed_right(&nd, src, dst))
		return WIRE_DROP_ND_MALFORMED;
	*ret_nd = nd;
	return WIRE_OK;
}

void
nd_emit(const struct nd *nd, const struct ip_addr *src, const struct ip_addr *dst, uint8_t *to)
{
	uint32_t n = nd_size(nd);
	uint64_t sum;

	memset(to, 0, n);
	to[0] = nd->is_advert ? ICMP6_NA : ICMP6_NS;
	if (nd->is_advert)
		to[4] = (uint8_t)((nd->is_router ? FLAG_ROUTER : 0) |
				  (nd->is_solicited ? FLAG_SOLICITED : 0) |
				  (nd->is_override ? FLAG_OVERRIDE : 0));
	memcpy(to + 8, nd->target.b, 16);
	if (nd->has_mac) {
		to[24] = nd->is_advert ? OPTION_TARGET_MAC : OPTION_SOURCE_MAC;
		to[25] = 1;
		memcpy(to + 26, nd->mac.b, 6);
	}
	sum = csum_join(csum_pseudo(src, dst, IP_PROTO_ICMP6, n), csum_add(to, n));
	put_be16(to + 2, csum_done(sum));
}

struct ip_addr
nd_solicited_node(const struct ip_addr *target)
{
	struct ip_addr group = { .b = { 0xff, 0x02, [11] = 1, 0xff } };

	memcpy(&group.b[13], &target->b[13], 3);
	return group;
}

struct mac
nd_multicast_mac(const struct ip_addr *dst)
{
	struct mac mac = { .b = { 0x33, 0x33 } };

	memcpy(&mac.b[2], &dst->b[12], 4);
	return mac;
}
