/*
 * arena.h - memory that ends all at once: what one reading of a configuration needs.
 *
 * Pieces are zeroed and aligned for any type. There is no giving back of one piece. When the
 * machine has no memory left the process stops: it is control that asks, never the data plane.
 */
#ifndef PENSTOCK_CONTROL_CONF_ARENA_H
#define PENSTOCK_CONTROL_CONF_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_chunk;

/* Zeroed is empty. */
struct arena {
	struct arena_chunk *head;
};

void *arena_take(struct arena *arena, size_t n);

/* A copy of n bytes with a NUL behind them. */
char *arena_text(struct arena *arena, const char *bytes, size_t n);

char *arena_format(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

char *arena_vformat(struct arena *arena, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/* Every piece ends; the arena is empty again. */
void arena_fini(struct arena *arena);

#endif
