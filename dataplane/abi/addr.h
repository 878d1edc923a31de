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

/*
 * From four bytes in network order. Made in a register and stored at once: copies of an address
 * that was stored in pieces a moment ago wait for the cache.
 */
static inline struct ip_addr
ip_from_v4(const uint8_t v4[4])
{
	typedef uint32_t words __attribute__((vector_size(16)));
	static const uint8_t mapped[4] = { 0, 0, 0xff, 0xff };
	struct ip_addr a;
	uint32_t before, word;
	words w;

	memcpy(&before, mapped, 4);
	memcpy(&word, v4, 4);
	w = (words){ 0, 0, before, word };
	memcpy(a.b, &w, sizeof(w));
	return a;
}

#endif
