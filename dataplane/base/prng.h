/*
 * prng.h - xoshiro256** 1.0: fast, even, repeatable from a seed. Not for secrets: its output can
 * be turned back into its state. Keyed hashes (hash.h) make what a peer must not foresee.
 */
#ifndef PENSTOCK_BASE_PRNG_H
#define PENSTOCK_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
	uint64_t s[4]; /* never all zero */
};

static inline uint64_t
prng_rotl(uint64_t v, uint32_t by)
{
	return v << by | v >> (64 - by);
}

/* Any seed, 0 too: it is spread over the state by splitmix64, as the generator's authors advise. */
static inline void
prng_init(struct prng *prng, uint64_t seed)
{
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15u;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		prng->s[i] = z ^ z >> 31;
	}
}

static inline uint64_t
prng_next(struct prng *prng)
{
	uint64_t *s = prng->s;
	uint64_t ret = prng_rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = prng_rotl(s[3], 45);
	return ret;
}

static inline uint32_t
prng_u32(struct prng *prng)
{
	return (uint32_t)(prng_next(prng) >> 32);
}

/* Even in [0, n); 0 when n is 0. (Lemire's multiplication, with rejection.) */
static inline uint32_t
prng_below(struct prng *prng, uint32_t n)
{
	uint64_t m = (uint64_t)prng_u32(prng) * n;

	if ((uint32_t)m < n) {
		uint32_t floor = (uint32_t)-n % n;

		while ((uint32_t)m < floor)
			m = (uint64_t)prng_u32(prng) * n;
	}
	return (uint32_t)(m >> 32);
}

/* Even in [lo, hi], lo <= hi. */
static inline uint64_t
prng_between(struct prng *prng, uint64_t lo, uint64_t hi)
{
	uint64_t span = hi - lo + 1;

	if (span == 0)
		return prng_next(prng);
	return lo + (uint64_t)(__extension__(unsigned __int128) prng_next(prng) * span >> 64);
}

/* True once in `of` times on average; of > 0. */
static inline bool
prng_one_in(struct prng *prng, uint32_t of)
{
	return prng_below(prng, of) == 0;
}

#endif
