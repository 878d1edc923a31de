/*
 * drop.h - why a received frame is no packet for us. The list is that of the counters
 * (abi/counters.h, WIRE_DROPS): a drop's counter is its reason.
 */
#ifndef PENSTOCK_WIRE_DROP_H
#define PENSTOCK_WIRE_DROP_H

#include "abi/counters.h"

enum wire_drop {
	WIRE_OK, /* not dropped */
#define D(x, NAME, name, what) WIRE_DROP_##NAME,
	WIRE_DROPS(D, )
#undef D
	WIRE_DROPS_N
};

/* The reason's word, as in its counter's name behind "wire_drop_"; "ok" for WIRE_OK. */
const char *wire_drop_name(enum wire_drop drop);

/* Counts the drop; not for WIRE_OK. */
void wire_drop_count(struct counters *count, enum wire_drop drop);

#endif
