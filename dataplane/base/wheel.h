/*
 * wheel.h - a hierarchical timer wheel over numbered timers, in the caller's memory.
 *
 * A timer is an index below n that its user ties to an object (a connection's pool index, say);
 * 16 bytes each, in an array of their own. Setting, moving and cancelling are O(1); the next
 * deadline is found from eight bitmaps. A timer never fires early and at most WHEEL_TICK_NS late.
 * Timers fire in tick order, those of one tick in an order that only the sequence of calls
 * determines: the same calls give the same order.
 * Knows no clock: `now` is an argument and never goes back.  Units: nanoseconds.
 *
 *	while ((i = wheel_next(wheel, now)) != WHEEL_NONE)
 *		on_timer(&conn[i], now);
 */
#ifndef PENSTOCK_BASE_WHEEL_H
#define PENSTOCK_BASE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_NONE UINT32_MAX

enum {
	WHEEL_TICK_SHIFT = 14,
	WHEEL_TICK_NS = 1 << WHEEL_TICK_SHIFT, /* 16.4 us */
};

struct wheel;

/* Bytes of memory for n timers: a multiple of 64. n is 1 to 2^31. */
size_t wheel_size(uint32_t n);

/* Makes a wheel in mem (wheel_size bytes, aligned to 64); no timer is set. */
struct wheel *wheel_init(void *mem, uint32_t n, uint64_t now);

/*
 * Sets timer i to fire at at_ns, wherever it stood before. A time that is past fires at the next
 * wheel_next, whatever its now: a timer that sets itself to the past in a loop never ends it.
 * UINT64_MAX cancels.
 */
void wheel_set(struct wheel *wheel, uint32_t i, uint64_t at_ns);

/* Sets timer i unless it already fires at or before at_ns. */
void wheel_set_earlier(struct wheel *wheel, uint32_t i, uint64_t at_ns);

/* No effect when it is not set. */
void wheel_cancel(struct wheel *wheel, uint32_t i);

bool wheel_is_set(const struct wheel *wheel, uint32_t i);

/* When timer i fires, rounded up to a tick; UINT64_MAX when it is not set. */
uint64_t wheel_at(const struct wheel *wheel, uint32_t i);

/* A timer that is due at now, no longer set; WHEEL_NONE when there is none (left). */
uint32_t wheel_next(struct wheel *wheel, uint64_t now);

/*
 * When to call wheel_next again: never after the next timer fires; sooner where far timers must
 * come down a level (at most seven times in a timer's life). UINT64_MAX: no timer is set.
 */
uint64_t wheel_deadline(const struct wheel *wheel);

/* How many timers are set. */
uint32_t wheel_n(const struct wheel *wheel);

#endif
