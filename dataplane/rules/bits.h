/*
 * bits.h - a set of small numbers out of many, mostly empty: a bitmap, and a bitmap of its words
 * that are not zero. Emptying, uniting and walking cost what is in it, not what could be.
 * Invariant: a word that is not zero has its bit in `any`.
 */
#ifndef PENSTOCK_RULES_BITS_H
#define PENSTOCK_RULES_BITS_H

#include <stdbool.h>
#include <stdint.h>

struct bits {
	uint64_t *word; /* n / 64 + 1 */
	uint64_t *any;	/* n / 4096 + 1 */
	uint32_t n;
};

/* Words of memory for n bits. */
static inline uint32_t
bits_words(uint32_t n)
{
	return n / 64 + 1 + n / 4096 + 1;
}

/* An empty set in zeroed memory. */
static inline struct bits
bits_in(uint64_t *memory, uint32_t n)
{
	return (struct bits){ .word = memory, .any = memory + n / 64 + 1, .n = n };
}

static inline bool
bits_has(const struct bits *b, uint32_t i)
{
	return (b->word[i / 64] >> i % 64 & 1) != 0;
}

static inline void
bits_add(struct bits *b, uint32_t i)
{
	b->word[i / 64] |= 1ull << i % 64;
	b->any[i / 4096] |= 1ull << i / 64 % 64;
}

static inline void
bits_empty(struct bits *b)
{
	for (uint32_t a = 0; a <= b->n / 4096; a++) {
		for (uint64_t any = b->any[a]; any != 0; any &= any - 1)
			b->word[a * 64 + (uint32_t)__builtin_ctzll(any)] = 0;
		b->any[a] = 0;
	}
}

/* Adds all of another set, which may be smaller. */
static inline void
bits_unite(struct bits *b, const struct bits *more)
{
	for (uint32_t a = 0; a <= more->n / 4096; a++) {
		for (uint64_t any = more->any[a]; any != 0; any &= any - 1) {
			uint32_t w = a * 64 + (uint32_t)__builtin_ctzll(any);

			b->word[w] |= more->word[w];
		}
		b->any[a] |= more->any[a];
	}
}

/* The first of the set that is i or more; UINT32_MAX: none. */
static inline uint32_t
bits_next(const struct bits *b, uint32_t i)
{
	uint64_t left;

	if (i >= b->n)
		return UINT32_MAX;
	left = b->word[i / 64] >> i % 64;
	if (left != 0)
		return i + (uint32_t)__builtin_ctzll(left);
	i = i / 64 + 1; /* now a word */
	for (uint32_t a = i / 64; a <= b->n / 4096; a++) {
		uint64_t any = a == i / 64 ? b->any[a] >> i % 64 << i % 64 : b->any[a];

		if (any != 0) {
			i = a * 64 + (uint32_t)__builtin_ctzll(any);
			return i * 64 + (uint32_t)__builtin_ctzll(b->word[i]);
		}
	}
	return UINT32_MAX;
}

#endif
