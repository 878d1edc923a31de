/*
 * hash.h - SipHash: a hash under a secret key, which peers can neither foresee nor steer into
 * collisions (Aumasson and Bernstein, 2012). 1-3 for tables, 2-4 where the value itself leaves
 * the machine (initial sequence numbers, SYN cookies). hash_mix is for our own numbers only.
 */
#ifndef PENSTOCK_BASE_HASH_H
#define PENSTOCK_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"

struct hash_key {
	uint64_t k[2];
};

/* Any bytes. */
uint64_t hash_sip13(const struct hash_key *key, const void *bytes, size_t n);
uint64_t hash_sip24(const struct hash_key *key, const void *bytes, size_t n);

struct hash_sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
hash_rotl(uint64_t v, uint32_t by)
{
	return v << by | v >> (64 - by);
}

static inline void
hash_sip_round(struct hash_sip *s)
{
	s->v0 += s->v1;
	s->v1 = hash_rotl(s->v1, 13) ^ s->v0;
	s->v0 = hash_rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = hash_rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = hash_rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = hash_rotl(s->v1, 17) ^ s->v2;
	s->v2 = hash_rotl(s->v2, 32);
}

static inline struct hash_sip
hash_sip_begin(const struct hash_key *key)
{
	return (struct hash_sip){
		.v0 = key->k[0] ^ 0x736f6d6570736575u,
		.v1 = key->k[1] ^ 0x646f72616e646f6du,
		.v2 = key->k[0] ^ 0x6c7967656e657261u,
		.v3 = key->k[1] ^ 0x7465646279746573u,
	};
}

/*
 * SipHash-1-3 of n 64-bit words: the same value as hash_sip13 of their 8 n bytes, without the
 * loop's bookkeeping. For keys of fixed shape: with n constant it unrolls.
 */
static inline uint64_t
hash_sip13_words(const struct hash_key *key, const uint64_t *word, uint32_t n)
{
	struct hash_sip s = hash_sip_begin(key);
	uint64_t last = (uint64_t)n * 8 << 56;

	for (uint32_t i = 0; i < n; i++) {
		s.v3 ^= word[i];
		hash_sip_round(&s);
		s.v0 ^= word[i];
	}
	s.v3 ^= last;
	hash_sip_round(&s);
	s.v0 ^= last;
	s.v2 ^= 0xff;
	for (uint32_t i = 0; i < 3; i++)
		hash_sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/*
 * A flow's four-tuple under the key, in the order given. Of IPv4 addresses only their own bytes
 * count: two words rather than five, which the last block's length keeps apart from IPv6.
 */
static inline uint64_t
hash_flow(const struct hash_key *key, const struct ip_addr *local, uint16_t local_port,
	  const struct ip_addr *remote, uint16_t remote_port)
{
	uint64_t word[5];

	if (ip_is_v4(local) && ip_is_v4(remote)) {
		memcpy(&word[0], &local->b[12], 4);
		memcpy((uint8_t *)&word[0] + 4, &remote->b[12], 4);
		word[1] = (uint64_t)local_port << 16 | remote_port;
		return hash_sip13_words(key, word, 2);
	}
	memcpy(&word[0], local->b, sizeof(local->b));
	memcpy(&word[2], remote->b, sizeof(remote->b));
	word[4] = (uint64_t)local_port << 16 | remote_port;
	return hash_sip13_words(key, word, 5);
}

/* Spreads a number over 64 bits, without a key (the finalizer of MurmurHash3). */
static inline uint64_t
hash_mix(uint64_t v)
{
	v = (v ^ v >> 33) * 0xff51afd7ed558ccdu;
	v = (v ^ v >> 33) * 0xc4ceb9fe1a85ec53u;
	return v ^ v >> 33;
}

#endif
