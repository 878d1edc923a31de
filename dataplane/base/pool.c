/*
 * pool.c - fixed-size objects in the caller's memory (see pool.h).
 *
 * The free list is threaded through the slots, not the objects, so that an object's bytes belong
 * to its holder alone and a stale write cannot break the list.
 */
#include "base/pool.h"

enum {
	POOL_ALIGN = 64,
	POOL_N_MAX = 1 << 28, /* leaves a handle four bits of generation at the least */
};

#define POOL_TAKEN (UINT32_MAX - 1)

static size_t
round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static size_t
stride_of(size_t object_bytes)
{
	return object_bytes >= POOL_ALIGN ? round_up(object_bytes, POOL_ALIGN / 2)
					  : round_up(object_bytes, sizeof(uint64_t));
}

static size_t
slots_bytes(uint32_t n)
{
	return round_up((size_t)n * sizeof(struct pool_slot), POOL_ALIGN);
}

size_t
pool_size(uint32_t n, size_t object_bytes)
{
	ensure(n > 0 && n <= POOL_N_MAX);
	ensure(object_bytes > 0 && object_bytes <= 1u << 30);
	return slots_bytes(n) + round_up((size_t)n * stride_of(object_bytes), POOL_ALIGN);
}

void
pool_init(struct pool *pool, void *mem, uint32_t n, size_t object_bytes)
{
	ensure(n > 0 && n <= POOL_N_MAX);
	ensure((uintptr_t)mem % POOL_ALIGN == 0);
	*pool = (struct pool){
		.object = (uint8_t *)mem + slots_bytes(n),
		.slot = mem,
		.stride = (uint32_t)stride_of(object_bytes),
		.n = n,
		.free_n = n,
		.head = POOL_NONE,
		.index_bits = n > 1 ? 32 - (uint32_t)__builtin_clz(n - 1) : 1,
	};
}

uint32_t
pool_take(struct pool *pool)
{
	uint32_t i = pool->head;

	if (i != POOL_NONE) {
		pool->head = pool->slot[i].next;
	} else if (pool->fresh < pool->n) {
		i = pool->fresh++;
		pool->slot[i].generation = 1;
	} else {
		return POOL_NONE;
	}
	pool->slot[i].next = POOL_TAKEN;
	pool->free_n--;
	return i;
}

void
pool_give(struct pool *pool, uint32_t i)
{
	uint32_t generation_max = UINT32_MAX >> pool->index_bits;
	struct pool_slot *slot = &pool->slot[i];

	ensure(pool_is_taken(pool, i));
	slot->generation = slot->generation == generation_max ? 1 : slot->generation + 1;
	slot->next = pool->head;
	pool->head = i;
	pool->free_n++;
}

bool
pool_is_taken(const struct pool *pool, uint32_t i)
{
	return i < pool->fresh && pool->slot[i].next == POOL_TAKEN;
}
