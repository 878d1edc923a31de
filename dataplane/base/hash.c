/*
 * hash.c - SipHash-c-d over any bytes (see hash.h).
 */
#include "base/hash.h"

#include <string.h>

static inline uint64_t
sip(const struct hash_key *key, const void *bytes, size_t n, uint32_t c, uint32_t d)
{
	struct hash_sip s = hash_sip_begin(key);
	const uint8_t *p = bytes;
	uint64_t word = 0;

	for (size_t left = n; left >= 8; left -= 8, p += 8) {
		memcpy(&word, p, 8);
		s.v3 ^= word;
		for (uint32_t i = 0; i < c; i++)
			hash_sip_round(&s);
		s.v0 ^= word;
	}
	word = (uint64_t)n << 56;
	for (size_t i = 0; i < n % 8; i++)
		word |= (uint64_t)p[i] << 8 * i;
	s.v3 ^= word;
	for (uint32_t i = 0; i < c; i++)
		hash_sip_round(&s);
	s.v0 ^= word;
	s.v2 ^= 0xff;
	for (uint32_t i = 0; i < d; i++)
		hash_sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t
hash_sip13(const struct hash_key *key, const void *bytes, size_t n)
{
	return sip(key, bytes, n, 1, 3);
}

uint64_t
hash_sip24(const struct hash_key *key, const void *bytes, size_t n)
{
	return sip(key, bytes, n, 2, 4);
}
