/*
 * pool.h - fixed-size objects in the caller's memory, named by a 32-bit index or by a handle.
 *
 * Take and give are O(1); the object given last is taken first, while its memory is warm; memory
 * that was never taken is never touched. An index is only good while its object is taken. A
 * handle is index and generation in 32 bits: it goes stale when its object is given back and is
 * then refused by pool_find, until the generation comes round (after 2^(32 - bits of n) - 1 gives
 * of the same object). Handle 0 is nobody's.
 * Invariant: free_n + taken = n.  Units: objects; sizes in bytes.
 */
#ifndef PENSTOCK_BASE_POOL_H
#define PENSTOCK_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ensure.h"

#define POOL_NONE UINT32_MAX /* no object */

struct pool_slot {
	uint32_t next;	     /* free: the next free object or POOL_NONE; taken: POOL_TAKEN */
	uint32_t generation; /* of the handle; never 0 once taken */
};

struct pool {
	uint8_t *object; /* n objects of stride bytes */
	struct pool_slot *slot;
	uint32_t stride;
	uint32_t n;
	uint32_t free_n;
	uint32_t head;	     /* of the list of objects given back */
	uint32_t fresh;	     /* objects from here on were never taken */
	uint32_t index_bits; /* of a handle */
};

/* Bytes of memory for n objects of object_bytes each: a multiple of 64. n is 1 to 2^28. */
size_t pool_size(uint32_t n, size_t object_bytes);

/* Makes a pool in mem (pool_size bytes, aligned to 64). Objects keep what mem held. */
void pool_init(struct pool *pool, void *mem, uint32_t n, size_t object_bytes);

/* An object's index, or POOL_NONE when all are taken. Its bytes are as the last holder left. */
uint32_t pool_take(struct pool *pool);

/* Gives a taken object back; its handles go stale. */
void pool_give(struct pool *pool, uint32_t i);

/* Whether i is taken; any i. */
bool pool_is_taken(const struct pool *pool, uint32_t i);

static inline void *
pool_at(const struct pool *pool, uint32_t i)
{
	ensure_hot(i < pool->n);
	return pool->object + (size_t)i * pool->stride;
}

/* The index of an object that pool_at gave. */
static inline uint32_t
pool_index(const struct pool *pool, const void *object)
{
	return (uint32_t)((size_t)((const uint8_t *)object - pool->object) / pool->stride);
}

/* The handle of a taken object. */
static inline uint32_t
pool_handle(const struct pool *pool, uint32_t i)
{
	ensure_hot(i < pool->n);
	return pool->slot[i].generation << pool->index_bits | i;
}

/* The index behind a handle, or POOL_NONE when it is stale, 0 or nonsense. */
static inline uint32_t
pool_find(const struct pool *pool, uint32_t handle)
{
	uint32_t i = handle & ((1u << pool->index_bits) - 1);

	if (i >= pool->n || handle >> pool->index_bits == 0 ||
	    pool->slot[i].generation != handle >> pool->index_bits || !pool_is_taken(pool, i))
		return POOL_NONE;
	return i;
}

#endif
