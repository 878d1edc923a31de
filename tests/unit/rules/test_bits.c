/* Sets of small numbers (rules/bits.h) against plain arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "rules/bits.h"

enum {
	MOST = 10000
};

static uint64_t memory[2][MOST / 64 + MOST / 4096 + 2];
static bool plain[2][MOST];

static void
expect(const struct bits *b, const bool *want)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		assert_int_equal(bits_has(b, i), want[i]);
		if (!want[i])
			continue;
		assert_int_equal(bits_next(b, at), i);
		at = i + 1;
	}
	assert_int_equal(bits_next(b, at), UINT32_MAX);
}

static void
sets_are_as_arrays(void **state)
{
	static const uint32_t size[] = { 1, 2, 63, 64, 65, 4095, 4096, 4097, 8191, MOST };
	struct prng prng;

	(void)state;
	prng_init(&prng, 1);
	for (uint32_t k = 0; k < sizeof(size) / sizeof(size[0]); k++) {
		struct bits big = bits_in(memory[0], MOST), small = bits_in(memory[1], size[k]);

		for (uint32_t round = 0; round < 20; round++) {
			memset(plain, 0, sizeof(plain));
			for (uint32_t i = prng_below(&prng, 40); i > 0; i--) {
				uint32_t one = prng_below(&prng, MOST);
				uint32_t other = prng_below(&prng, size[k]);

				bits_add(&big, one);
				bits_add(&small, other);
				plain[0][one] = plain[1][other] = true;
			}
			expect(&big, plain[0]);
			expect(&small, plain[1]);
			for (uint32_t i = 0; i < size[k]; i++)
				plain[0][i] |= plain[1][i];
			bits_unite(&big, &small);
			expect(&big, plain[0]);
			bits_empty(&big);
			bits_empty(&small);
			memset(plain, 0, sizeof(plain));
			expect(&big, plain[0]);
		}
		for (uint32_t w = 0; w < bits_words(size[k]); w++)
			assert_int_equal(memory[1][w], 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_as_arrays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
