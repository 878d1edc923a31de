/*
 * farm.h - what one lane knows about the servers of its farms, and the choice among them.
 *
 * A server's state is kept by its slot and belongs to one incarnation of it, so that counts, rests
 * and in-flight requests survive new tables; another incarnation in the slot begins from zero. A
 * farm is a run of members: places [first, first + n) of the present view's server list, each
 * naming a slot. Knows no configuration, connection or clock: the caller places members, tells
 * what the run-time words say and how dials ended, and passes `now`.
 *
 * A server whose dial failed rests: as its farm says or for FARM_REST_MIN_NS, twice as long after
 * each further failure up to FARM_REST_MAX_NS. When the rest is over one request is let through as a probe (which
 * extends the rest by its own length, so that the others stay away meanwhile); success ends it.
 * Units: nanoseconds, requests, bytes.
 */
#ifndef PENSTOCK_FARM_FARM_H
#define PENSTOCK_FARM_FARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"

struct farms;

enum {
	FARM_ADDRS_MAX = 16, /* addresses a server's name may resolve to */
	FARM_TRIES_MAX = 8,  /* servers that one request is tried on */
	FARM_WEIGHT_MAX = 65535,
};

#define FARM_REST_MIN_NS 1000000000ull
#define FARM_REST_MAX_NS 30000000000ull

/* What an operator wants of a server. */
/* clang-format off */
#define FARM_ADMIN_LIST(x)                                                                         \
	x(UP, up)             /* takes requests */                                                 \
	x(DRAIN, drain)       /* no new requests; those in flight end */                           \
	x(DISABLED, disabled) /* as drain, and its idle connections are closed */
/* clang-format on */

enum farm_admin {
#define X(name, word) FARM_ADMIN_##name,
	FARM_ADMIN_LIST(X)
#undef X
};

const char *farm_admin_name(enum farm_admin admin);

/* Whether a server could take a request now, and why not. */
/* clang-format off */
#define FARM_FIT_LIST(x)                                                                           \
	x(READY, ready)                                                                            \
	x(PROBE, probe)             /* its rest is over: one request may try it */                 \
	x(RESTING, resting)                                                                        \
	x(TRIED, tried)             /* this request has been there */                              \
	x(DRAINED, drained)                                                                        \
	x(OFF, disabled)                                                                           \
	x(WEIGHTLESS, weight_zero)                                                                 \
	x(UNRESOLVED, unresolved)   /* its name has no address yet */
/* clang-format on */

enum farm_fit {
#define X(name, word) FARM_FIT_##name,
	FARM_FIT_LIST(X)
#undef X
};

const char *farm_fit_name(enum farm_fit fit);

/* Counts of one server on this lane, for the board; only ever added to. */
struct farm_stats {
	uint64_t requests;	/* given to it */
	uint64_t dials;		/* connections opened or tried */
	uint64_t dials_refused; /* RST, unreachable */
	uint64_t dials_timeout;
	uint64_t reused;     /* requests on a kept connection */
	uint64_t responses;  /* complete responses */
	uint64_t failures;   /* responses that never came whole */
	uint64_t status_2xx; /* among its own responses: below 300 */
	uint64_t status_3xx, status_4xx, status_5xx;
	uint64_t bytes_up, bytes_down;
	uint64_t rests;
	uint64_t failed_at; /* its last failure, 0 none, and why: the caller's number */
	uint32_t failed_cause;
	uint64_t firsts, first_ns; /* farm_waited */
};

/* One member as a view lists it. */
struct farm_member {
	uint32_t slot, incarnation;
	uint32_t weight;  /* from the tables; a run-time override goes before it */
	uint64_t rest_ns; /* its first rest; 0: FARM_REST_MIN_NS */
	uint8_t addr_n;	  /* addresses from the tables; 0: the run-time words will tell */
	struct ip_addr addr[FARM_ADDRS_MAX];
};

/* What the run-time words say of one server. */
struct farm_runtime {
	enum farm_admin admin;
	bool has_weight;
	uint32_t weight;
	uint8_t addr_n; /* 0: those of the tables */
	struct ip_addr addr[FARM_ADDRS_MAX];
};

/* The servers that one request has been tried on. Zeroed is none. */
struct farm_tried {
	uint32_t slot[FARM_TRIES_MAX];
	uint32_t n;
};

struct farm_pick {
	uint32_t member_i; /* place in the view's server list */
	uint32_t slot, incarnation;
	struct ip_addr addr;
	bool is_probe;
};

/* Bytes that farms_init needs: slots and places are below these numbers. */
size_t farms_size(uint32_t slots_max, uint32_t members_max);

/* mem zeroed, 64-byte aligned. */
struct farms *farms_init(void *mem, uint32_t slots_max, uint32_t members_max);

/*
 * A new view: farms_begin, then farm_place for every server in the view's order. What is known of
 * servers that stay is kept; of those that went, until another incarnation takes their slot.
 * False: the slot or place is out of range, the caller's tables are larger than it said.
 */
void farms_begin(struct farms *farms);
bool farm_place(struct farms *farms, uint32_t member_i, const struct farm_member *member);

/* Run-time words of a server; nothing happens when another incarnation has the slot. */
void farm_set_runtime(struct farms *farms, uint32_t slot, uint32_t incarnation,
		      const struct farm_runtime *rt);

/*
 * Chooses among members [first, first + n) by smooth weighted round robin: each turn every fit
 * member gains its weight, the richest is chosen and pays all of the weights. O(n), no division.
 * When nobody is fit but some rest, the one whose rest ends first is chosen: an answer is better
 * than none. Returns READY or PROBE with *ret_pick filled; otherwise why the best of them is not
 * fit (UNRESOLVED also when the farm has no members).
 */
enum farm_fit farm_pick(struct farms *farms, uint32_t first, uint32_t n,
			const struct farm_tried *tried, uint64_t now, struct farm_pick *ret_pick);

/* What farm_pick would think of this member; changes nothing. */
enum farm_fit farm_fit(const struct farms *farms, uint32_t member_i, const struct farm_tried *tried,
		       uint64_t now);

void farm_tried_add(struct farm_tried *tried, uint32_t slot);

/* ---- how it went; calls about another incarnation than the present one change nothing ---- */

enum farm_dial_end {
	FARM_DIAL_UP,
	FARM_DIAL_REFUSED, /* RST or unreachable */
	FARM_DIAL_TIMEOUT,
};

void farm_dialled(struct farms *farms, uint32_t slot, uint32_t incarnation, enum farm_dial_end end,
		  uint64_t now);

/* A request was given to the server; one farm_leave must follow. */
void farm_enter(struct farms *farms, uint32_t slot, uint32_t incarnation, bool is_reused);

/*
 * How a request left: the response's status; 0 when no whole response came; FARM_UNTAKEN when the
 * server never took it and it goes elsewhere.
 */
#define FARM_UNTAKEN 1

void farm_leave(struct farms *farms, uint32_t slot, uint32_t incarnation, uint16_t status,
		uint64_t bytes_up, uint64_t bytes_down);

/* It failed a connection or a request, for a reason whose number is the caller's: kept for the
 * board. */
void farm_blamed(struct farms *farms, uint32_t slot, uint32_t incarnation, uint32_t cause,
		 uint64_t now);

/* A response's first byte came so long after the last of its request. */
void farm_waited(struct farms *farms, uint32_t slot, uint32_t incarnation, uint64_t ns);

/* ---- facts, by slot; zero for a slot never placed ---- */

struct farm_facts {
	uint32_t incarnation;
	enum farm_admin admin;
	uint32_t weight; /* as in effect */
	uint32_t in_flight;
	uint64_t rest_until_ns; /* 0: it does not rest */
	uint8_t addr_n;
};

void farm_facts(const struct farms *farms, uint32_t slot, struct farm_facts *ret_facts);
const struct farm_stats *farm_stats(const struct farms *farms, uint32_t slot);

/* Whether this incarnation is placed and wanted: idle connections to others are closed. */
bool farm_is_kept(const struct farms *farms, uint32_t slot, uint32_t incarnation);

/*
 * Whether the slot's server is placed and wanted and the same, with the same addresses, as at the
 * last call: then idle connections to it need no look.
 */
bool farm_stays(struct farms *farms, uint32_t slot);

/* One of the server's present addresses: a kept connection to another is not used again. */
bool farm_has_addr(const struct farms *farms, uint32_t slot, const struct ip_addr *addr);

#endif
