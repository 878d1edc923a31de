/*
 * mld.h - multicast listener discovery, the listener's side (RFC 3810): what a snooping switch must
 * hear before it passes neighbour solicitations on to us.
 */
#ifndef PENSTOCK_WIRE_MLD_H
#define PENSTOCK_WIRE_MLD_H

#include <stdint.h>

#include "abi/addr.h"
#include "wire/drop.h"

enum {
	MLD_HOP_LIMIT = 1,
	MLD_RECORDS_MAX = 60, /* of one report: so that it fits every IPv6 link (1,280 bytes) */
	MLD_OPTIONS = 8,      /* hop-by-hop header with the router alert, in front of a report */
	MLD_REPORT = 8,
	MLD_RECORD = 20,
};

/* Of any version; a version 1 querier understands no report of ours. */
struct mld_query {
	uint32_t delay_ms;    /* answer within this time */
	struct ip_addr group; /* none: all groups */
};

/* RFC 3810, 5.2.12: types of record. */
enum mld_record {
	MLD_IS_EXCLUDE = 2, /* listening still, in answer to a query */
	MLD_TO_EXCLUDE = 4, /* listening from now on */
};

/*
 * p, n: the ICMPv6 message whose checksum is good, from its type on; src, hop_limit: of the packet
 * that brought it.
 */
enum wire_drop mld_parse(const uint8_t *p, uint32_t n, const struct ip_addr *src, uint8_t hop_limit,
			 struct mld_query *ret_query);

/* Bytes that mld_emit writes. */
static inline uint32_t
mld_size(uint32_t group_n)
{
	return MLD_OPTIONS + MLD_REPORT + MLD_RECORD * group_n;
}

/*
 * Writes hop-by-hop header and report of group_n groups (1 to MLD_RECORDS_MAX), any source, to
 * mld_routers, with its checksum.
 */
void mld_emit(enum mld_record record, const struct ip_addr *group, uint32_t group_n,
	      const struct ip_addr *src, uint8_t *to);

/* ff02::16: all routers that speak MLDv2. */
struct ip_addr mld_routers(void);

#endif
