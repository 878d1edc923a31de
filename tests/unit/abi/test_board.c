/*
 * test_board.c - boards: every counter is found by name, bad directories are refused, histograms
 * put values where they say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/board.h"
#include "abi/crc.h"

enum {
	SERVERS = 10
};

static uint8_t *
board(struct board *ret_board, size_t *ret_n)
{
	uint8_t *mem;

	*ret_n = board_bytes(SERVERS);
	mem = aligned_alloc(64, *ret_n);
	memset(mem, 0, *ret_n);
	board_init(mem, 3, 0x1dea, SERVERS, ret_board);
	return mem;
}

static uint64_t
word(const struct board_view *v, const char *name, uint32_t element)
{
	struct board_entry e;

	assert_true(board_entry(v, board_find(v, name), &e));
	return board_word(v, &e, element);
}

static void
counts_are_read_by_name(void **state)
{
	struct abi_fault fault;
	struct board_view v;
	struct board b;
	size_t n;
	uint8_t *mem = board(&b, &n);

	(void)state;
	b.counters->tcp_rx_segments = 11;
	b.gauges->journal_used = 12;
	b.server[9].bytes_in = 13;
	board_hist_add(&b.hists->connect_time, 14);
	assert_true(board_open(mem, n, &v, &fault));
	assert_int_equal(v.head.lane, 3);
	assert_int_equal(v.head.id, 0x1dea);
	assert_int_equal(word(&v, "tcp_rx_segments", 0), 11);
	assert_int_equal(word(&v, "journal_used", 0), 12);
	assert_int_equal(word(&v, "server_bytes_in", 9), 13);
	assert_int_equal(word(&v, "server_bytes_in", 8), 0);
	assert_int_equal(word(&v, "server_bytes_in", 10), 0);
	assert_int_equal(word(&v, "connect_time", 0), 1);
	assert_int_equal(board_find(&v, "no_such"), ABI_NONE);
	assert_non_null(board_what("conns_idle_upstream"));
	assert_null(board_what("no_such"));
	free(mem);
}

static void
every_name_is_there_once(void **state)
{
	struct board_entry e;
	struct abi_fault fault;
	struct board_view v;
	struct board b;
	size_t n;
	uint8_t *mem = board(&b, &n);

	(void)state;
	assert_true(board_open(mem, n, &v, &fault));
	for (uint32_t i = 0; i < v.head.entry_n; i++) {
		assert_true(board_entry(&v, i, &e));
		if (board_find(&v, e.name) != i)
			fail_msg("%s appears twice", e.name);
		assert_true(strlen(e.unit) > 0);
		assert_non_null(board_what(e.name));
	}
	assert_false(board_entry(&v, v.head.entry_n, &e));
	free(mem);
}

static void
seal(uint8_t *mem)
{
	struct board_head *h = (void *)mem;

	h->crc = 0;
	h->crc = abi_crc32c(abi_crc32c(0, h, sizeof(*h)), mem + h->entry_offset,
			    (size_t)h->entry_n * h->entry_stride);
}

static void
each_bad_board_is_named(void **state)
{
	struct abi_fault fault;
	struct board_view v;
	struct board b;
	size_t n;

	(void)state;
#define WITH(change, wanted)                                                                       \
	do {                                                                                       \
		uint8_t *mem = board(&b, &n);                                                      \
		struct board_head *h = (void *)mem;                                                \
		struct board_entry *e = (void *)(mem + h->entry_offset);                           \
                                                                                                   \
		(void)e;                                                                           \
		change;                                                                            \
		assert_false(board_open(mem, n, &v, &fault));                                      \
		assert_int_equal(fault.kind, wanted);                                              \
		free(mem);                                                                         \
	} while (0)
	WITH(h->magic++, ABI_FAULT_MAGIC);
	WITH(h->version++, ABI_FAULT_VERSION);
	WITH(h->bytes++, ABI_FAULT_SIZE);
	WITH(h->entry_n = BOARD_ENTRIES_MAX + 1, ABI_FAULT_COUNT);
	WITH(h->server_n = 0xffffffff, ABI_FAULT_COUNT);
	WITH(h->entry_stride = 8, ABI_FAULT_STRIDE);
	WITH(h->entry_offset = 0xffffffff, ABI_FAULT_BOUNDS);
	WITH(h->entry_stride = 0xffffffff, ABI_FAULT_BOUNDS);
	WITH(h->lane++, ABI_FAULT_CHECKSUM);
	WITH(e[2].offset ^= 8, ABI_FAULT_CHECKSUM);
	WITH(e[2].offset ^= 4; seal(mem), ABI_FAULT_ALIGN);
	WITH(e[2].offset = 0xfffffff8; seal(mem), ABI_FAULT_BOUNDS);
	WITH(e[2].n = 0xffffffff; seal(mem), ABI_FAULT_BOUNDS);
	WITH(e[2].kind = 99; seal(mem), ABI_FAULT_ENUM);
	WITH(e[2].bytes = 4; seal(mem), ABI_FAULT_STRIDE);
	WITH(e[2].bytes = 0xffffffff; seal(mem), ABI_FAULT_STRIDE);
	WITH(memset(e[2].name, 'x', sizeof(e[2].name)); seal(mem), ABI_FAULT_STRING);
	WITH(e[2].unit[0] = '\n'; seal(mem), ABI_FAULT_STRING);
	WITH(n = 10, ABI_FAULT_SHORT);
#undef WITH
}

static void
a_directory_that_goes_bad_later_is_not_followed(void **state)
{
	struct board_entry e;
	struct abi_fault fault;
	struct board_view v;
	struct board b;
	size_t n;
	uint8_t *mem = board(&b, &n);

	(void)state;
	assert_true(board_open(mem, n, &v, &fault));
	((struct board_entry *)(void *)(mem + v.head.entry_offset))[1].offset = 0xfffffff8;
	((struct board_head *)(void *)mem)->entry_n = 0xffffffff;
	assert_true(board_entry(&v, 0, &e));
	assert_false(board_entry(&v, 1, &e));
	free(mem);
}

static void
buckets_are_an_eighth_wide(void **state)
{
	(void)state;
	assert_int_equal(board_hist_bucket(0), 0);
	assert_int_equal(board_hist_bucket(7), 7);
	assert_int_equal(board_hist_bucket(8), 8);
	assert_int_equal(board_hist_bucket(UINT64_MAX), BOARD_HIST_BUCKETS - 1);
	for (uint32_t i = 0; i < BOARD_HIST_BUCKETS; i++) {
		uint64_t floor = board_hist_floor(i);

		assert_int_equal(board_hist_bucket(floor), i);
		if (i > 0)
			assert_int_equal(board_hist_bucket(floor - 1), i - 1);
		if (i >= 8 && i + 1 < BOARD_HIST_BUCKETS)
			assert_true(board_hist_floor(i + 1) - floor <= floor / 8);
	}
}

static void
quantiles_lie_at_the_edges_of_buckets(void **state)
{
	struct board_hist *h = calloc(1, sizeof(*h)), *sum = calloc(1, sizeof(*sum));

	(void)state;
	assert_int_equal(board_hist_quantile(h, 0.5), 0);
	for (uint64_t v = 1; v <= 1000; v++)
		board_hist_add(h, v);
	assert_int_equal(h->n, 1000);
	assert_int_equal(h->max, 1000);
	assert_in_range(board_hist_quantile(h, 0.5), 500, 563);
	assert_in_range(board_hist_quantile(h, 0.99), 990, 1000);
	assert_int_equal(board_hist_quantile(h, 1.0), 1000);
	board_hist_merge(sum, h);
	board_hist_merge(sum, h);
	assert_int_equal(sum->n, 2000);
	assert_int_equal(board_hist_quantile(sum, 0.5), board_hist_quantile(h, 0.5));
	free(h);
	free(sum);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_read_by_name),
		cmocka_unit_test(every_name_is_there_once),
		cmocka_unit_test(each_bad_board_is_named),
		cmocka_unit_test(a_directory_that_goes_bad_later_is_not_followed),
		cmocka_unit_test(buckets_are_an_eighth_wide),
		cmocka_unit_test(quantiles_lie_at_the_edges_of_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
