/*
 * state.h - the servers' state as farm.c and pick.c share it; private to this folder.
 *
 * What a pick reads is one 64-byte line a server; addresses and counts lie apart.
 */
#ifndef PENSTOCK_FARM_STATE_H
#define PENSTOCK_FARM_STATE_H

#include "farm/farm.h"

struct farm_server {
	int64_t credit;			 /* smooth weighted round robin's present value */
	uint64_t rest_until_ns, rest_ns; /* rest_ns 0: its last dial went well */
	uint32_t incarnation;
	uint32_t weight;
	uint32_t in_flight;
	bool is_known;	 /* the slot has been placed once */
	bool is_placed;	 /* the present view lists it */
	bool is_probing; /* a probe is out: its failure prolongs the rest */
	bool has_moved;	 /* connections may lead elsewhere than it is: see farm_stays */
	uint8_t admin;	 /* enum farm_admin */
	uint8_t addr_n, addr_at;
} __attribute__((aligned(64)));

struct farm_cold {
	struct farm_stats stats;
	struct farm_member member;
	struct farm_runtime rt;
};

struct farms {
	struct farm_server *server; /* by slot */
	struct farm_cold *cold;	    /* by slot */
	uint32_t *member;	    /* slot by place in the view's server list */
	uint32_t slots_max, members_max, member_n;
};

static inline const struct ip_addr *
farm_addr_at(const struct farm_cold *c, uint32_t i)
{
	return c->rt.addr_n != 0 ? &c->rt.addr[i] : &c->member.addr[i];
}

/* NULL unless this incarnation has the slot. */
struct farm_server *farm_server_of(struct farms *farms, uint32_t slot, uint32_t incarnation);

#endif
