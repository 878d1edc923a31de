/*
 * order.h - integers as they stand on the wire (big-endian), as types of their own.
 *
 * A struct be16 cannot be added, compared or assigned to a number by accident. Loads and stores
 * compile to a plain move and a byte swap.
 */
#ifndef PENSTOCK_BASE_ORDER_H
#define PENSTOCK_BASE_ORDER_H

#include <stdint.h>

struct be16 {
	uint16_t raw;
};

struct be32 {
	uint32_t raw;
};

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Penstock runs on little-endian machines: the run directory's formats are little-endian"
#endif

static inline uint16_t
be16_get(struct be16 v)
{
	return __builtin_bswap16(v.raw);
}

static inline struct be16
be16_of(uint16_t host)
{
	return (struct be16){ .raw = __builtin_bswap16(host) };
}

static inline uint32_t
be32_get(struct be32 v)
{
	return __builtin_bswap32(v.raw);
}

static inline struct be32
be32_of(uint32_t host)
{
	return (struct be32){ .raw = __builtin_bswap32(host) };
}

#endif
