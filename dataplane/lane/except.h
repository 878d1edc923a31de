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
#include <stdbool.h>
#include <stdint.h>

#include "abi/instance.h"
#include "base/limits.h"
#include "base/spsc.h"
#include "lane/ours.h"
#include "lane/portif.h"
#include "view/view.h"

enum {
	EXCEPT_RING = 256, /* frames, a ring */
	EXCEPT_LANE = 0,   /* sends what comes from the kernel; every port has its queue */
};

/* The ring of a queue's frames for the kernel; the lane that polls the queue fills it. */
struct except_queue {
	struct spsc *to_kernel;
	_Atomic uint64_t full; /* frames for which there was no room */
} __attribute__((aligned(64)));

/* Written by the thread alone. What the kernel did not take counts as refused only. */
struct except_count {
	_Atomic uint64_t to_kernel_packets, to_kernel_bytes;
	_Atomic uint64_t from_kernel_packets, from_kernel_bytes;
	_Atomic uint64_t refused;
} __attribute__((aligned(64)));

/* What is ours, of one image or several. */
struct except_table {
	struct ours ours;
	uint64_t replaced_at; /* view_set_mark */
	struct except_table *older;
};

struct except {
	_Atomic(const struct ours *) ours;
	struct except_table *table, *replaced; /* the main thread's: in force, still read by some */
	char interface[16];		       /* the kernel's */
	uint64_t refused_seen;		       /* of count.refused; lane 0's */
	struct spsc *from_kernel;
	struct except_count count;
	struct except_queue queue[QUEUES_MAX];
};

/* ---- by the main thread, which gives and frees tables ---- */

/* From now on the table's are ours; false: they were, and the table stays the caller's. */
bool except_serve(struct except *except, struct except_table *table, struct view_set *views);

/* Takes out a replaced table that no lane reads any more, to be freed; NULL: there is none. */
struct except_table *except_retire(struct except *except, const struct view_set *views);

/* Another thread's look at a port's path: is anything new in *facts? None: it stays zero. */
bool except_facts(const struct portif *port, struct instance_except *facts);

#endif
