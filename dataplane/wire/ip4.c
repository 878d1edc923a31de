/*
 * ip4.c - the IPv4 header of a received packet (RFC 791; RFC 1122, 3.2).
 */
#include "wire/checksum.h"
#include "wire/get.h"
#include "wire/ip.h"

enum {
	FRAGMENT = 0x3fff, /* more-fragments and offset */

	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_LSRR = 131,
	OPTION_SSRR = 137,
};

/* Options are walked for their form; none but source routes matters to a host. */
static enum wire_drop
check_options(const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n && p[i] != OPTION_END;) {
		if (p[i] == OPTION_NOP) {
			i++;
			continue;
		}
		if (p[i] == OPTION_LSRR || p[i] == OPTION_SSRR)
			return WIRE_DROP_IP4_SOURCE_ROUTE;
		if (n - i < 2 || p[i + 1] < 2 || p[i + 1] > n - i)
			return WIRE_DROP_IP4_OPTIONS;
		i += p[i + 1];
	}
	return WIRE_OK;
}

static enum wire_drop
check_lengths(const uint8_t *p, uint32_t n, uint32_t packet_n)
{
	uint32_t header_n = (p[0] & 0x0fu) * 4, total_n = get16(p + 2);

	if (header_n < IP4_HEADER || header_n > packet_n)
		return WIRE_DROP_IP4_HEADER_LENGTH;
	if (total_n < header_n || total_n > packet_n)
		return WIRE_DROP_IP4_TOTAL_LENGTH;
	if (header_n > n)
		return WIRE_DROP_SPLIT_HEADERS;
	return WIRE_OK;
}

enum wire_drop
ip4_parse(const uint8_t *p, uint32_t n, uint32_t packet_n, bool is_verified, struct ip *ret_ip)
{
	enum wire_drop drop;
	uint32_t header_n;

	if (packet_n < IP4_HEADER)
		return WIRE_DROP_IP4_TRUNCATED;
	if (n < IP4_HEADER)
		return WIRE_DROP_SPLIT_HEADERS;
	if (p[0] >> 4 != 4)
		return WIRE_DROP_IP4_VERSION;
	drop = check_lengths(p, n, packet_n);
	if (drop != WIRE_OK)
		return drop;
	header_n = (p[0] & 0x0fu) * 4;
	if (!is_verified && csum_done(csum_add_words(p, header_n)).raw != 0)
		return WIRE_DROP_IP4_CHECKSUM;
	if ((get16(p + 6) & FRAGMENT) != 0)
		return WIRE_DROP_IP4_FRAGMENT;
	if (header_n > IP4_HEADER) {
		drop = check_options(p + IP4_HEADER, header_n - IP4_HEADER);
		if (drop != WIRE_OK)
			return drop;
	}
	*ret_ip = (struct ip){
		.src = ip_from_v4(p + 12),
		.dst = ip_from_v4(p + 16),
		.protocol = p[9],
		.hop_limit = p[8],
		.tclass = p[1],
		.header_n = header_n,
		.payload_n = get16(p + 2) - header_n,
	};
	return WIRE_OK;
}
