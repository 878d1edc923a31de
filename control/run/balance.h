/*
 * balance.h - which lane runs on which processor, so that none has much more to do than the others.
 * Pure: loads and places in, places out. A move costs a lane some microseconds, so lanes are moved
 * only where it lowers the load of the busiest by at least BALANCE_GAIN.
 */
#ifndef PENSTOCK_CONTROL_RUN_BALANCE_H
#define PENSTOCK_CONTROL_RUN_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BALANCE_GAIN = 10, /* permille of a processor; a lane counts for as much when it is idle */
};

struct balance_lane {
	uint32_t load; /* permille of a processor */
	uint32_t cpu;  /* where it runs; changed to where it should */
	uint32_t home; /* preferred among equals */
};

/*
 * Lanes that run on none of the processors go there, the busiest first, each to where there is the
 * least to do; with `all`, the others are moved too, as far as that helps. Returns how many lanes
 * have another place than before. cpu_n at least 1.
 */
uint32_t balance(struct balance_lane *lane, uint32_t lane_n, const uint32_t *cpu, uint32_t cpu_n,
		 bool all);

#endif
