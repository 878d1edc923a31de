/*
 * arena.c - chunks of growing pieces in a list, see arena.h.
 */
#include "conf/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

enum {
	ARENA_CHUNK = 16 * 1024,
	ARENA_ALIGN = 16,
};

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(16) uint8_t bytes[];
};

static struct arena_chunk *
chunk_add(struct arena *arena, size_t n)
{
	size_t size = n > ARENA_CHUNK ? n : ARENA_CHUNK;
	struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + size);

	ensure(chunk != NULL);
	chunk->size = size;
	chunk->next = arena->head;
	arena->head = chunk;
	return chunk;
}

void *
arena_take(struct arena *arena, size_t n)
{
	struct arena_chunk *chunk = arena->head;
	void *piece;

	ensure(n < SIZE_MAX / 2);
	n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (chunk == NULL || chunk->size - chunk->used < n)
		chunk = chunk_add(arena, n);
	piece = chunk->bytes + chunk->used;
	chunk->used += n;
	return piece;
}

char *
arena_text(struct arena *arena, const char *bytes, size_t n)
{
	char *text = arena_take(arena, n + 1);

	if (n > 0)
		memcpy(text, bytes, n);
	return text;
}

char *
arena_vformat(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	char *text;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	ensure(n >= 0);
	text = arena_take(arena, (size_t)n + 1);
	vsnprintf(text, (size_t)n + 1, format, again);
	va_end(again);
	return text;
}

char *
arena_format(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = arena_vformat(arena, format, args);
	va_end(args);
	return text;
}

void
arena_fini(struct arena *arena)
{
	while (arena->head != NULL) {
		struct arena_chunk *chunk = arena->head;

		arena->head = chunk->next;
		free(chunk);
	}
}
