/*
 * mld.c - multicast listener queries and version 2 reports (see mld.h).
 */
#include "wire/mld.h"

#include <string.h>

#include "base/ensure.h"
#include "wire/checksum.h"
#include "wire/get.h"
#include "wire/icmp.h"
#include "wire/ip.h"

enum {
	QUERY_V1 = 24,
	QUERY_V2 = 28,
	REPORT = 143,
};

/* RFC 3810, 5.1.3: from 32,768 on a floating-point number. */
static uint32_t
delay_of(const uint8_t *p, uint32_t n)
{
	uint32_t code = get16(p + 4);

	if (n == QUERY_V1 || code < 0x8000)
		return code;
	return ((code & 0x0fff) | 0x1000) << ((code >> 12 & 7) + 3);
}

/* RFC 3810, 6.2: from a link-local address, one hop; RFC 3810, 8.1: the version by the length. */
enum wire_drop
mld_parse(const uint8_t *p, uint32_t n, const struct ip_addr *src, uint8_t hop_limit,
	  struct mld_query *ret_query)
{
	struct mld_query query;

	if (hop_limit != MLD_HOP_LIMIT || !ip_is_link_local(src))
		return WIRE_DROP_MLD_MALFORMED;
	if (n != QUERY_V1 && n < QUERY_V2)
		return WIRE_DROP_MLD_MALFORMED;
	query.delay_ms = delay_of(p, n);
	memcpy(query.group.b, p + 8, 16);
	if (!ip_is_none(&query.group) && !ip_is_multicast(&query.group))
		return WIRE_DROP_MLD_MALFORMED;
	*ret_query = query;
	return WIRE_OK;
}

struct ip_addr
mld_routers(void)
{
	return (struct ip_addr){ .b = { 0xff, 2, [15] = 0x16 } };
}

void
mld_emit(enum mld_record record, const struct ip_addr *group, uint32_t group_n,
	 const struct ip_addr *src, uint8_t *to)
{
	/* Next header, length 0, router alert for MLD (RFC 2711), padding of two. */
	static const uint8_t options[MLD_OPTIONS] = { IP_PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0 };
	uint32_t n = MLD_REPORT + MLD_RECORD * group_n;
	struct ip_addr dst = mld_routers();
	uint8_t *report = to + MLD_OPTIONS;
	uint64_t sum;

	ensure(group_n >= 1 && group_n <= MLD_RECORDS_MAX);
	memcpy(to, options, sizeof(options));
	memset(report, 0, n);
	report[0] = REPORT;
	put16(report + 6, (uint16_t)group_n);
	for (uint32_t i = 0; i < group_n; i++) {
		uint8_t *at = report + MLD_REPORT + MLD_RECORD * i;

		at[0] = (uint8_t)record;
		memcpy(at + 4, group[i].b, 16);
	}
	sum = csum_join(csum_pseudo(src, &dst, IP_PROTO_ICMP6, n), csum_add(report, n));
	put_be16(report + 2, csum_done(sum));
}
