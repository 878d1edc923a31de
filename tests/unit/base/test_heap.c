/*
 * test_heap.c - pieces of a heap do not overlap, and all of it comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/prng.h"

enum {
	BYTES = 1 << 16,
	PIECES = 64,
};

static uint8_t memory[BYTES] __attribute__((aligned(16)));

static void
a_piece_is_taken_whole_or_not_at_all(void **state)
{
	struct heap h;
	void *all;

	(void)state;
	heap_init(&h, memory, BYTES);
	assert_null(heap_take(&h, BYTES));
	assert_null(heap_take(&h, SIZE_MAX));
	all = heap_take(&h, BYTES - HEAP_PIECE);
	assert_non_null(all);
	assert_null(heap_take(&h, 1));
	heap_give(&h, NULL);
	heap_give(&h, all);
	assert_int_equal(h.free_bytes, BYTES);
}

static void
pieces_keep_their_bytes_and_come_back(void **state)
{
	uint8_t *piece[PIECES] = { 0 };
	size_t n[PIECES];
	struct prng prng;
	struct heap h;

	(void)state;
	prng_init(&prng, 3);
	heap_init(&h, memory, BYTES);
	for (uint32_t round = 0; round < 100000; round++) {
		uint32_t i = prng_below(&prng, PIECES);

		if (piece[i] != NULL) {
			for (size_t k = 0; k < n[i]; k++)
				assert_int_equal(piece[i][k], i);
			heap_give(&h, piece[i]);
			piece[i] = NULL;
			continue;
		}
		n[i] = prng_below(&prng, 3000);
		piece[i] = heap_take(&h, n[i]);
		assert_int_equal((uintptr_t)piece[i] % HEAP_ALIGN, 0);
		if (piece[i] != NULL)
			memset(piece[i], (int)i, n[i]);
	}
	for (uint32_t i = 0; i < PIECES; i++)
		heap_give(&h, piece[i]);
	assert_int_equal(h.free_bytes, BYTES);
	assert_int_equal(h.taken_n, 0);
	assert_non_null(heap_take(&h, BYTES - HEAP_PIECE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_piece_is_taken_whole_or_not_at_all),
		cmocka_unit_test(pieces_keep_their_bytes_and_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
