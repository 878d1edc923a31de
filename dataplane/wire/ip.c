/*
 * ip.c - what IPv4 and IPv6 share: which addresses can be, and the header that we send (see ip.h).
 */
#include "wire/ip.h"

#include <string.h>

#include "base/ensure.h"
#include "wire/checksum.h"
#include "wire/get.h"

/* RFC 1122, 3.2.1.3; RFC 6890. Private addresses are as good as others here. */
static bool
can_send_v4(const uint8_t v4[4])
{
	return v4[0] != 0 && v4[0] != 127 && v4[0] < 224;
}

static bool
can_receive_v4(const uint8_t v4[4])
{
	return v4[0] != 0 && v4[0] != 127 && v4[0] < 240;
}

/*
 * RFC 4291, 2.5.2, 2.5.3: neither unspecified nor loopback nor anything else in ::/8 (deprecated
 * or, as mapped IPv4, an address of another kind that must not be mistaken for one).
 */
static bool
is_host_v6(const uint8_t v6[16])
{
	return v6[0] != 0;
}

bool
ip_can_send(const struct ip_addr *src)
{
	return ip_is_v4(src) ? can_send_v4(&src->b[12]) : is_host_v6(src->b) && src->b[0] != 0xff;
}

bool
ip_can_receive(const struct ip_addr *dst)
{
	if (ip_is_v4(dst))
		return can_receive_v4(&dst->b[12]);
	/* Interface-local and reserved multicast scopes never come by a wire. */
	if (dst->b[0] == 0xff)
		return (dst->b[1] & 0x0f) >= 2;
	return is_host_v6(dst->b);
}

static void
emit_v4(const struct ip *ip, uint8_t *to)
{
	uint32_t total_n = IP4_HEADER + ip->payload_n;

	ensure(total_n <= UINT16_MAX);
	put32(to, 0x45u << 24 | (uint32_t)ip->tclass << 16 | total_n);
	put32(to + 4, 0x4000); /* identification 0, don't fragment */
	put32(to + 8, (uint32_t)ip->hop_limit << 24 | (uint32_t)ip->protocol << 16);
	memcpy(to + 12, &ip->src.b[12], 4);
	memcpy(to + 16, &ip->dst.b[12], 4);
	put_be16(to + 10, csum_done(csum_add_words(to, IP4_HEADER)));
}

static void
emit_v6(const struct ip *ip, uint8_t *to)
{
	ensure(ip->payload_n <= UINT16_MAX);
	put32(to, 6u << 28 | (uint32_t)ip->tclass << 20);
	put16(to + 4, (uint16_t)ip->payload_n);
	to[6] = ip->protocol;
	to[7] = ip->hop_limit;
	memcpy(to + 8, ip->src.b, 16);
	memcpy(to + 24, ip->dst.b, 16);
}

void
ip_emit(const struct ip *ip, uint8_t *to)
{
	if (ip_is_v4(&ip->src))
		emit_v4(ip, to);
	else
		emit_v6(ip, to);
}
