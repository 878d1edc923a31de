/*
 * spsc.h - a ring of pointers between one producer and one consumer thread, in the caller's
 * memory. Neither side waits: a full ring takes fewer, an empty one gives none.
 *
 * Each side keeps a copy of the other's position and reads the shared one only when the copy says
 * full or empty, so that in a steady flow a cache line moves once a burst, not once a pointer.
 */
#ifndef PENSTOCK_BASE_SPSC_H
#define PENSTOCK_BASE_SPSC_H

#include <stddef.h>
#include <stdint.h>

#include "base/ensure.h"

struct spsc {
	struct {
		uint32_t at;	/* written by the producer */
		uint32_t other; /* the consumer's position, as last seen */
	} put __attribute__((aligned(64)));
	struct {
		uint32_t at;
		uint32_t other;
	} get __attribute__((aligned(64)));
	uint32_t n __attribute__((aligned(64))); /* a power of two */
	void *slot[];
};

/* Bytes of memory for a ring of n pointers; n is a power of two, 2 to 2^24. */
static inline size_t
spsc_size(uint32_t n)
{
	return (sizeof(struct spsc) + n * sizeof(void *) + 63) / 64 * 64;
}

/* Makes an empty ring in mem (spsc_size bytes, aligned to 64). */
static inline struct spsc *
spsc_init(void *mem, uint32_t n)
{
	struct spsc *ring = mem;

	ensure((uintptr_t)mem % 64 == 0);
	ensure(n >= 2 && n <= 1u << 24 && (n & (n - 1)) == 0);
	ring->put.at = ring->put.other = 0;
	ring->get.at = ring->get.other = 0;
	ring->n = n;
	return ring;
}

/* Producer: puts up to n pointers in, returns how many fitted. */
static inline uint32_t
spsc_put(struct spsc *ring, void *const *item, uint32_t n)
{
	uint32_t at = ring->put.at;
	uint32_t room = ring->n - (at - ring->put.other);

	if (room < n) {
		ring->put.other = __atomic_load_n(&ring->get.at, __ATOMIC_ACQUIRE);
		room = ring->n - (at - ring->put.other);
	}
	if (n > room)
		n = room;
	for (uint32_t i = 0; i < n; i++)
		ring->slot[(at + i) & (ring->n - 1)] = item[i];
	__atomic_store_n(&ring->put.at, at + n, __ATOMIC_RELEASE);
	return n;
}

/* Consumer: takes up to n pointers out in order, returns how many there were. */
static inline uint32_t
spsc_get(struct spsc *ring, void **ret_item, uint32_t n)
{
	uint32_t at = ring->get.at;
	uint32_t there = ring->get.other - at;

	if (there < n) {
		ring->get.other = __atomic_load_n(&ring->put.at, __ATOMIC_ACQUIRE);
		there = ring->get.other - at;
	}
	if (n > there)
		n = there;
	for (uint32_t i = 0; i < n; i++)
		ret_item[i] = ring->slot[(at + i) & (ring->n - 1)];
	__atomic_store_n(&ring->get.at, at + n, __ATOMIC_RELEASE);
	return n;
}

/* How many pointers are in the ring; either side, or a third for a gauge: then a moment ago. */
static inline uint32_t
spsc_n(const struct spsc *ring)
{
	uint32_t got = __atomic_load_n(&ring->get.at, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&ring->put.at, __ATOMIC_ACQUIRE) - got;
}

#endif
