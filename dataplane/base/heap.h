/*
 * heap.h - pieces of any size out of one piece of memory, for libraries that want to allocate.
 *
 * First fit; free pieces are kept in the order of their addresses and join their neighbours.
 * Taking and giving cost a step a free piece, so it is for few, large or short-lived pieces: the
 * state of a stream, and what a codec takes within it.
 * Units: bytes.
 */
#ifndef PENSTOCK_BASE_HEAP_H
#define PENSTOCK_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

enum {
	HEAP_ALIGN = 16,
	HEAP_PIECE = 16, /* that each piece costs beside its bytes, rounded up to HEAP_ALIGN */
};

struct heap_piece; /* heap.c */

struct heap {
	struct heap_piece *free; /* by address */
	size_t free_bytes;	 /* in free pieces, with what they cost */
	uint32_t taken_n;	 /* pieces */
};

/* All of [memory, memory + n); memory is aligned to HEAP_ALIGN. */
void heap_init(struct heap *h, void *memory, size_t n);

/* n bytes, aligned; NULL when no free piece is large enough. */
void *heap_take(struct heap *h, size_t n);

/* NULL is nothing. */
void heap_give(struct heap *h, void *p);

#endif
