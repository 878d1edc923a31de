/*
 * toeplitz.c - the Toeplitz hash by tables of four input bits (see toeplitz.h).
 */
#include "net/toeplitz.h"

#include <string.h>

#include "base/ensure.h"
#include "base/order.h"

/* The 32 bits of key that input bit `at` adds. */
static uint32_t
window(const uint8_t key[TOEPLITZ_KEY], uint32_t at)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < 5; i++)
		v = v << 8 | key[at / 8 + i];
	return (uint32_t)(v >> (8 - at % 8));
}

void
toeplitz_init(struct toeplitz *t, const uint8_t *key, uint32_t key_n)
{
	uint8_t whole[TOEPLITZ_KEY] = { 0 };

	memcpy(whole, key, key_n < TOEPLITZ_KEY ? key_n : TOEPLITZ_KEY);
	for (uint32_t i = 0; i < TOEPLITZ_INPUT_MAX * 2; i++) {
		for (uint32_t v = 0; v < 16; v++) {
			uint32_t sum = 0;

			for (uint32_t bit = 0; bit < 4; bit++)
				if ((v & 8u >> bit) != 0)
					sum ^= window(whole, i * 4 + bit);
			t->nibble[i][v] = sum;
		}
	}
}

/* What the bytes add that stand at byte `at` of the input. */
static uint32_t
add(const struct toeplitz *t, uint32_t at, const uint8_t *p, uint32_t n)
{
	const uint32_t(*nibble)[16] = &t->nibble[at * 2];
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++, nibble += 2)
		sum ^= nibble[0][p[i] >> 4] ^ nibble[1][p[i] & 15];
	return sum;
}

uint32_t
toeplitz_bytes(const struct toeplitz *t, const uint8_t *bytes, uint32_t n)
{
	ensure(n <= TOEPLITZ_INPUT_MAX);
	return add(t, 0, bytes, n);
}

static uint32_t
add_port(const struct toeplitz *t, uint32_t at, uint16_t port)
{
	struct be16 v = be16_of(port);

	return add(t, at, (const uint8_t *)&v, sizeof(v));
}

uint32_t
toeplitz_tuple(const struct toeplitz *t, const struct ip_addr *src, uint16_t src_port,
	       const struct ip_addr *dst, uint16_t dst_port)
{
	if (ip_is_v4(src))
		return add(t, 0, &src->b[12], 4) ^ add(t, 4, &dst->b[12], 4) ^
		       add_port(t, 8, src_port) ^ add_port(t, 10, dst_port);
	return add(t, 0, src->b, 16) ^ add(t, 16, dst->b, 16) ^ add_port(t, 32, src_port) ^
	       add_port(t, 34, dst_port);
}

uint32_t
toeplitz_dst_port(const struct toeplitz *t, bool is_v6, uint16_t port)
{
	return add_port(t, is_v6 ? 34 : 10, port);
}
