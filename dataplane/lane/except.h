/*
 * except.h - a port's exception path: what is not ours goes to the kernel, what the kernel sends
 * there goes out of the port.
 *
 * Between lanes and the one thread that speaks with the kernel's interface (port/except.c) stand
 * rings of fixed size: one for each queue towards the kernel, whose producer is the lane that polls
 * the queue, and one back, whose consumer is lane 0. A full ring drops and counts; nobody waits.
 */
#ifndef PENSTOCK_LANE_EXCEPT_H
#define PENSTOCK_LANE_EXCEPT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/spsc.h"
#include "lane/ours.h"

enum {
	EXCEPT_RING = 256, /* frames, a ring */
	EXCEPT_LANE = 0,   /* sends what comes from the kernel; every port has its queue */
};

struct except {
	_Atomic(const struct ours *) ours;
	_Atomic uint64_t refused; /* frames that the kernel did not take */
	struct spsc *to_kernel[QUEUES_MAX];
	struct spsc *from_kernel;
};

#endif
