/*
 * addr.h - an IP address in one form for both families: 16 bytes in network order, IPv4 as
 * ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). All zero is "none" or "any", as the user says.
 */
#ifndef PENSTOCK_ABI_ADDR_H
#define PENSTOCK_ABI_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ip_addr {
	uint8_t b[16];
};

static inline bool
ip_is_v4(const struct ip_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

static inline bool
ip_is_none(const struct ip_addr *a)
{
	static const struct ip_addr none;

	return memcmp(a->b, none.b, sizeof(none.b)) == 0;
}

static inline bool
ip_eq(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* From four bytes in network order. */
static inline struct ip_addr
ip_from_v4(const uint8_t v4[4])
{
	struct ip_addr a = { .b = { [10] = 0xff, [11] = 0xff } };

	memcpy(&a.b[12], v4, 4);
	return a;
}

#endif
