/*
 * slice.h - bytes that somebody else owns. Never NUL-terminated; p may be NULL when n is 0.
 */
#ifndef PENSTOCK_BASE_SLICE_H
#define PENSTOCK_BASE_SLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	uint32_t n;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){ (const uint8_t *)("" literal), sizeof(literal) - 1 })

static inline struct slice
slice_of(const void *p, uint32_t n)
{
	return (struct slice){ .p = p, .n = n };
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII letters compare without case; other bytes exactly (RFC 9110, 5.1: field names). */
static inline bool
slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++) {
		uint8_t x = a.p[i], y = b.p[i];

		if (x == y)
			continue;
		if ((x ^ y) != 0x20 || (uint8_t)((x | 0x20) - 'a') > 'z' - 'a')
			return false;
	}
	return true;
}

/*
 * Names of header fields that a server which makes variables of them cannot tell apart (RFC 3875,
 * 4.1.18): without case, and '_' is '-'.
 */
static inline bool
slice_eq_twin(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (uint32_t i = 0; i < a.n; i++) {
		uint8_t x = a.p[i] == '_' ? '-' : a.p[i], y = b.p[i] == '_' ? '-' : b.p[i];

		if (x == y)
			continue;
		if ((x ^ y) != 0x20 || (uint8_t)((x | 0x20) - 'a') > 'z' - 'a')
			return false;
	}
	return true;
}

#endif
