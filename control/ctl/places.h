/*
 * places.h - where lanes run and what they have to do there, for the verbs that move them.
 */
#ifndef PENSTOCK_CONTROL_CTL_PLACES_H
#define PENSTOCK_CONTROL_CTL_PLACES_H

#include "abi/instance.h"
#include "ctl/ctl.h"
#include "run/balance.h"
#include "run/boards.h"

enum {
	PLACES_NONE = RUNTIME_CPUS_MAX /* no processor has this number */
};

struct places {
	struct instance_facts facts;
	struct balance_lane lane[IMG_LANES_MAX]; /* [facts.lane_n] */
	uint32_t was[IMG_LANES_MAX];		 /* lane[].cpu as it is now */
	uint32_t said[IMG_LANES_MAX];		 /* what an operator has said of it, or ABI_NONE */
	uint32_t cpu[IMG_CORES_MAX];		 /* that run lanes */
	uint32_t cpu_n;
};

/* The data plane that runs now; the user is told when none does. without: a processor that is left
 * out, or PLACES_NONE. */
bool places_read(const struct ctl *ctl, uint32_t without, struct places *ret_places);

/* The core on a processor; NULL: none has ever been there. */
const struct instance_core *places_core(const struct instance_facts *facts, uint32_t cpu);

/* Where a lane began: lane i on the place of the start at i modulo their number. */
uint32_t places_home(const struct instance_facts *facts, uint32_t lane);

/*
 * [{"lane":, "cpu":}], control's orders that bring every lane to its lane[].cpu and keep it there:
 * null for where it began. places->cpu is whatever runs lanes then, lane[].cpu one of these.
 */
json_t *places_orders(const struct places *places);

/* Orders that take those back: what was said of these lanes before, as far as it still holds. */
json_t *places_orders_back(const struct places *places);

/*
 * Waits until the data plane says of a core's state what is wanted, or `other`; the state at last.
 * INSTANCE_CORE_STATES when no data plane runs any more.
 */
enum instance_core_state places_wait(const struct ctl *ctl, uint32_t cpu,
				     enum instance_core_state wanted,
				     enum instance_core_state other);

/* Waits until every lane is at its lane[].cpu. False: not within seconds; the user is told. */
bool places_wait_lanes(const struct ctl *ctl, const struct places *places);

/* The same of one lane. False: not within seconds, or the data plane has ended; nothing is told. */
bool places_wait_lane(const struct ctl *ctl, uint32_t lane, uint32_t cpu);

/* Orders the lanes there, all or none, and waits. False: not done, or not within seconds; the user is told. */
bool places_send(const struct ctl *ctl, const struct places *places);

/* [{"lane":, "from":, "to":}] of the lanes that are sent elsewhere. */
json_t *places_moves(const struct places *places);

/* "lane 3 goes from processor 1 to 0" for each of these. */
void places_print(const json_t *moves);

#endif
