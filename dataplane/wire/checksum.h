/*
 * checksum.h - the Internet checksum (RFC 1071), over plain bytes and over buffer chains.
 *
 * Sums are 64-bit and kept in memory order: byte order does not matter to a ones' complement sum
 * (RFC 1071, 2B), so nothing is swapped. Sums of parts may be added (csum_join), a part that
 * begins at an odd offset must be turned (csum_turn).
 */
#ifndef PENSTOCK_WIRE_CHECKSUM_H
#define PENSTOCK_WIRE_CHECKSUM_H

#include <stdint.h>
#include <string.h>

#include "abi/addr.h"
#include "base/buf.h"
#include "base/order.h"

/* The sum of n bytes, odd n as if a zero byte followed. Any alignment. */
uint64_t csum_add(const void *bytes, uint32_t n);

/*
 * The same for n bytes, a multiple of four, most of which were written a moment ago as 32-bit
 * words: loads as wide as the stores are answered by the store buffer, wider ones wait for it.
 * The empty statement keeps the compiler from joining them into wider ones.
 */
static inline uint64_t
csum_add_words(const uint8_t *p, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i += 4) {
		uint32_t word;

		memcpy(&word, p + i, sizeof(word));
		__asm__("" : "+r"(word));
		sum += word;
	}
	return sum;
}

/* a + b with end-around carry. */
static inline uint64_t
csum_join(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;

	return sum + (sum < b);
}

/* 16 bits of the sum. */
static inline uint16_t
csum_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)sum;
}

/* A part's sum as it counts when the part begins at an odd offset. */
static inline uint64_t
csum_turn(uint64_t sum)
{
	return __builtin_bswap16(csum_fold(sum));
}

/* What goes into the checksum field. A sum over a packet with its right checksum gives raw 0. */
static inline struct be16
csum_done(uint64_t sum)
{
	return (struct be16){ .raw = (uint16_t)~csum_fold(sum) };
}

/* The sum of n bytes from offset off of a packet's data, which must be there. */
uint64_t csum_chain(const struct buf *packet, uint32_t off, uint32_t n);

/*
 * The pseudo header of IPv4 (RFC 9293, 3.1) or IPv6 (RFC 8200, 8.1), by the addresses' family:
 * both the same. n: bytes of the upper layer's header and data.
 */
uint64_t csum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t protocol,
		     uint32_t n);

/* The checksum after a 16-bit field it covers went from `from` to `to` (RFC 1624, eqn. 3). */
static inline struct be16
csum_update(struct be16 csum, struct be16 from, struct be16 to)
{
	uint64_t sum = (uint64_t)(uint16_t)~csum.raw + (uint16_t)~from.raw + to.raw;

	return csum_done(sum);
}

#endif
