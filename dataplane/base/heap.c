/*
 * heap.c - first fit over a list of free pieces in the order of their addresses.
 *
 * A piece begins with its size, which counts that begin too. Invariant: no two free pieces touch.
 */
#include <stdbool.h>

#include "base/ensure.h"
#include "base/heap.h"

struct heap_piece {
	size_t bytes;		 /* of the piece, a multiple of HEAP_ALIGN */
	struct heap_piece *next; /* free pieces only */
};

_Static_assert(sizeof(struct heap_piece) == HEAP_PIECE, "what a piece costs");

void
heap_init(struct heap *h, void *memory, size_t n)
{
	struct heap_piece *all = memory;

	ensure((uintptr_t)memory % HEAP_ALIGN == 0);
	*h = (struct heap){ 0 };
	n &= ~(size_t)(HEAP_ALIGN - 1);
	if (n <= HEAP_PIECE)
		return;
	*all = (struct heap_piece){ .bytes = n };
	h->free = all;
	h->free_bytes = n;
}

void *
heap_take(struct heap *h, size_t n)
{
	size_t need = (n + HEAP_PIECE + HEAP_ALIGN - 1) & ~(size_t)(HEAP_ALIGN - 1);

	if (n > SIZE_MAX / 2)
		return NULL;
	for (struct heap_piece **at = &h->free; *at != NULL; at = &(*at)->next) {
		struct heap_piece *piece = *at;

		if (piece->bytes < need)
			continue;
		if (piece->bytes - need > HEAP_PIECE) {
			struct heap_piece *rest = (void *)((uint8_t *)piece + need);

			*rest = (struct heap_piece){ piece->bytes - need, piece->next };
			piece->bytes = need;
			*at = rest;
		} else {
			*at = piece->next;
		}
		h->free_bytes -= piece->bytes;
		h->taken_n++;
		return (uint8_t *)piece + HEAP_PIECE;
	}
	return NULL;
}

static bool
touches(const struct heap_piece *a, const struct heap_piece *b)
{
	return (const uint8_t *)a + a->bytes == (const uint8_t *)b;
}

void
heap_give(struct heap *h, void *p)
{
	struct heap_piece *piece, *before = NULL, *after = h->free;

	if (p == NULL)
		return;
	ensure(h->taken_n > 0);
	piece = (void *)((uint8_t *)p - HEAP_PIECE);
	while (after != NULL && after < piece) {
		before = after;
		after = after->next;
	}
	ensure(after != piece); /* given twice */
	h->taken_n--;
	h->free_bytes += piece->bytes;
	piece->next = after;
	if (after != NULL && touches(piece, after)) {
		piece->bytes += after->bytes;
		piece->next = after->next;
	}
	if (before == NULL) {
		h->free = piece;
	} else if (touches(before, piece)) {
		before->bytes += piece->bytes;
		before->next = piece->next;
	} else {
		before->next = piece;
	}
}
