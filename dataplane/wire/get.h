/*
 * get.h - private to wire: big-endian numbers at any alignment in packet bytes.
 */
#ifndef PENSTOCK_WIRE_GET_H
#define PENSTOCK_WIRE_GET_H

#include <stdint.h>
#include <string.h>

#include "base/order.h"

static inline uint16_t
get16(const uint8_t *p)
{
	struct be16 v;

	memcpy(&v, p, sizeof(v));
	return be16_get(v);
}

static inline uint32_t
get32(const uint8_t *p)
{
	struct be32 v;

	memcpy(&v, p, sizeof(v));
	return be32_get(v);
}

static inline void
put16(uint8_t *p, uint16_t host)
{
	struct be16 v = be16_of(host);

	memcpy(p, &v, sizeof(v));
}

static inline void
put32(uint8_t *p, uint32_t host)
{
	struct be32 v = be32_of(host);

	memcpy(p, &v, sizeof(v));
}

/* As it stands in memory, e.g. a checksum. */
static inline void
put_be16(uint8_t *p, struct be16 v)
{
	memcpy(p, &v, sizeof(v));
}

#endif
