/*
 * test_hash.c - SipHash against its authors' vectors, and the generator's evenness.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/prng.h"

static const struct hash_key key = { { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u } };

/* SipHash paper, appendix A; the lengths 0 and 1 from the authors' vectors. */
static void
sip24_gives_the_published_values(void **state)
{
	uint8_t in[15];

	(void)state;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	assert_true(hash_sip24(&key, in, 15) == 0xa129ca6149be45e5u);
	assert_true(hash_sip24(&key, in, 0) == 0x726fdb47dd0e0e31u);
	assert_true(hash_sip24(&key, in, 1) == 0x74f839c593dc67fdu);
}

static void
words_hash_as_their_bytes(void **state)
{
	uint64_t word[6];
	struct prng prng;

	(void)state;
	prng_init(&prng, 7);
	for (uint32_t i = 0; i < 6; i++)
		word[i] = prng_next(&prng);
	for (uint32_t n = 0; n <= 6; n++)
		assert_true(hash_sip13_words(&key, word, n) == hash_sip13(&key, word, 8 * n));
	assert_true(hash_sip13(&key, word, 7) != hash_sip24(&key, word, 7));
}

static void
flows_differ_by_every_part(void **state)
{
	struct ip_addr a = ip_from_v4((const uint8_t[]){ 10, 0, 0, 1 });
	struct ip_addr b = ip_from_v4((const uint8_t[]){ 10, 0, 0, 2 });
	uint64_t hash = hash_flow(&key, &a, 80, &b, 1024);

	(void)state;
	assert_true(hash == hash_flow(&key, &a, 80, &b, 1024));
	assert_true(hash != hash_flow(&key, &b, 80, &a, 1024));
	assert_true(hash != hash_flow(&key, &a, 1024, &b, 80));
	assert_true(hash != hash_flow(&key, &a, 80, &b, 1025));
}

static void
below_and_between_are_even(void **state)
{
	uint32_t seen[7] = { 0 };
	struct prng prng;

	(void)state;
	prng_init(&prng, 0);
	for (uint32_t i = 0; i < 70000; i++)
		seen[prng_below(&prng, 7)]++;
	for (uint32_t i = 0; i < 7; i++)
		assert_in_range(seen[i], 9500, 10500);
	assert_int_equal(prng_below(&prng, 0), 0);
	assert_int_equal(prng_below(&prng, 1), 0);
	for (uint32_t i = 0; i < 1000; i++)
		assert_in_range(prng_between(&prng, 5, 9), 5, 9);
	(void)prng_between(&prng, 0, UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sip24_gives_the_published_values),
		cmocka_unit_test(words_hash_as_their_bytes),
		cmocka_unit_test(flows_differ_by_every_part),
		cmocka_unit_test(below_and_between_are_even),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
