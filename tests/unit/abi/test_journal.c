/*
 * test_journal.c - journals: what is written is read once and in order, a full ring drops and
 * counts, and a ring of a hostile writer is survived.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/journal.h"

struct bench {
	uint8_t *mem;
	size_t n;
	struct journal_writer writer;
	struct journal_reader reader;
	struct cursors *cursors;
	uint64_t room[JOURNAL_RECORD_MAX / 8];
	struct journal_access got;
	struct journal_text text;
};

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct abi_fault fault;

	b->n = journal_bytes(JOURNAL_BYTES_MIN);
	b->mem = aligned_alloc(64, b->n);
	memset(b->mem, 0, b->n);
	journal_init(b->mem, JOURNAL_BYTES_MIN, 2, 0xabc, &b->writer);
	assert_true(journal_open(b->mem, b->n, &b->reader, &fault));
	b->cursors = calloc(1, sizeof(*b->cursors));
	cursors_init(b->cursors);
	cursor_adopt(&b->cursors->now[2], 0xabc, 0);
	journal_set_cursor(&b->writer, &b->cursors->now[2]);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	free(b->cursors);
	free(b->mem);
	free(b);
	return 0;
}

/* One record whose target has n bytes of `fill`. */
static bool
put(struct bench *b, uint16_t n, char fill)
{
	static uint8_t target[65535];
	struct journal_access a = {
		.status = 200,
		.method_n = 3,
		.target_n = n,
		.host_n = 4,
		.agent_n = 0,
		.referer_n = 8,
	};
	struct journal_text text = {
		.method = (const uint8_t *)"GET",
		.target = target,
		.host = (const uint8_t *)"host",
		.referer = (const uint8_t *)"http://r",
	};

	memset(target, fill, n);
	return journal_put_access(&b->writer, &a, &text);
}

static enum journal_got
next(struct bench *b)
{
	enum journal_got got = journal_next(&b->reader, b->room, &b->got, &b->text);

	cursor_move(&b->cursors->now[2], b->reader.position);
	return got;
}

static void
a_record_reads_back_with_its_strings(void **state)
{
	struct bench *b = *state;

	assert_int_equal(next(b), JOURNAL_GOT_NOTHING);
	assert_true(put(b, 5, 't'));
	assert_int_equal(next(b), JOURNAL_GOT_RECORD);
	assert_int_equal(b->got.status, 200);
	assert_int_equal(b->got.lane, 2);
	assert_int_equal(b->got.record.seq, 1);
	assert_memory_equal(b->text.method, "GET", 3);
	assert_memory_equal(b->text.target, "ttttt", 5);
	assert_memory_equal(b->text.host, "host", 4);
	assert_int_equal(b->got.referer_n, 8);
	assert_memory_equal(b->text.referer, "http://r", 8);
	assert_int_equal(next(b), JOURNAL_GOT_NOTHING);
	assert_int_equal(journal_used(&b->writer), 0);
}

static void
long_strings_are_cut_and_marked(void **state)
{
	struct bench *b = *state;

	assert_true(put(b, 65535, 't'));
	assert_int_equal(next(b), JOURNAL_GOT_RECORD);
	assert_int_equal(b->got.target_n, JOURNAL_TARGET_MAX);
	assert_true((b->got.flags & JOURNAL_CUT) != 0);
	assert_memory_equal(b->text.host, "host", 4);
	assert_int_equal(b->got.referer_n, 8);
	assert_memory_equal(b->text.referer, "http://r", 8);
}

static void
many_laps_lose_nothing_while_read(void **state)
{
	struct bench *b = *state;
	uint32_t read = 0;

	for (uint32_t i = 0; i < 20000; i++) {
		uint16_t n = (uint16_t)(i * 37 % 3000);

		assert_true(put(b, n, (char)('a' + i % 26)));
		if (i % 3 != 0)
			continue;
		while (next(b) == JOURNAL_GOT_RECORD) {
			assert_int_equal(b->got.target_n, read * 37 % 3000);
			if (b->got.target_n > 0)
				assert_int_equal(b->text.target[b->got.target_n - 1],
						 'a' + read % 26);
			read++;
			assert_int_equal(b->got.record.seq, read);
		}
	}
	while (next(b) == JOURNAL_GOT_RECORD)
		read++;
	assert_int_equal(read, 20000);
	assert_int_equal(b->reader.missed, 0);
	assert_int_equal(journal_dropped(&b->reader), 0);
}

static void
a_full_ring_drops_counts_and_goes_on(void **state)
{
	struct bench *b = *state;
	uint32_t put_n = 0, dropped = 0, read = 0;

	while (put(b, 1000, 'x'))
		put_n++;
	for (dropped = 1; dropped < 10; dropped++)
		assert_false(put(b, 1000, 'y'));
	assert_true(put_n > 40);
	assert_int_equal(journal_dropped(&b->reader), 10);
	while (next(b) == JOURNAL_GOT_RECORD) {
		assert_int_equal(b->text.target[0], 'x');
		read++;
	}
	assert_int_equal(read, put_n);
	assert_true(put(b, 1000, 'z'));
	assert_int_equal(next(b), JOURNAL_GOT_RECORD);
	assert_int_equal(b->text.target[0], 'z');
	assert_int_equal(b->reader.missed, 10);
}

static void
without_a_reader_the_oldest_are_kept(void **state)
{
	struct bench *b = *state;
	uint32_t n = 0;

	journal_set_cursor(&b->writer, NULL);
	while (put(b, 500, 'x'))
		n++;
	assert_int_equal(journal_next(&b->reader, b->room, &b->got, &b->text), JOURNAL_GOT_RECORD);
	assert_int_equal(b->got.record.seq, 1);
	assert_false(put(b, 500, 'x'));
}

static void
senseless_cursors_are_not_believed(void **state)
{
	struct bench *b = *state;
	uint64_t used;

	assert_true(put(b, 500, 'x'));
	used = journal_used(&b->writer);
	cursor_move(&b->cursors->now[2], 1ull << 60); /* ahead of what was written */
	assert_int_equal(journal_used(&b->writer), used);
	cursor_adopt(&b->cursors->now[2], 0xabd, used); /* another journal's */
	assert_int_equal(journal_used(&b->writer), used);
	cursor_adopt(&b->cursors->now[2], 0xabc, used);
	assert_int_equal(journal_used(&b->writer), 0);
	cursor_move(&b->cursors->now[2], 0); /* back again */
	assert_int_equal(journal_used(&b->writer), 0);
}

static void
a_reader_goes_on_where_its_predecessor_stopped(void **state)
{
	struct bench *b = *state;
	struct journal_reader again;
	struct abi_fault fault;

	assert_true(put(b, 10, 'a'));
	assert_true(put(b, 10, 'b'));
	assert_int_equal(next(b), JOURNAL_GOT_RECORD);
	assert_true(journal_open(b->mem, b->n, &again, &fault));
	assert_false(journal_seek(&again, 1ull << 40));
	assert_false(journal_seek(&again, 4));
	assert_true(journal_seek(&again, b->reader.position));
	assert_int_equal(journal_next(&again, b->room, &b->got, &b->text), JOURNAL_GOT_RECORD);
	assert_int_equal(b->text.target[0], 'b');
	assert_int_equal(again.missed, 0);
}

static void
each_bad_journal_head_is_named(void **state)
{
	struct bench *b = *state;
	struct journal_head *h = (void *)b->mem, good = *h;
	struct journal_reader r;
	struct abi_fault fault;

#define WITH(change, wanted)                                                                       \
	do {                                                                                       \
		*h = good;                                                                         \
		change;                                                                            \
		assert_false(journal_open(b->mem, b->n, &r, &fault));                              \
		assert_int_equal(fault.kind, wanted);                                              \
	} while (0)
	WITH(h->magic++, ABI_FAULT_MAGIC);
	WITH(h->version++, ABI_FAULT_VERSION);
	WITH(h->ring_bytes = 100, ABI_FAULT_RANGE);
	WITH(h->ring_bytes += 8, ABI_FAULT_RANGE);
	WITH(h->ring_bytes *= 2, ABI_FAULT_BOUNDS);
	WITH(h->ring_offset = UINT64_MAX - 7, ABI_FAULT_BOUNDS);
	WITH(h->ring_offset++, ABI_FAULT_ALIGN);
	WITH(h->lane = 1000, ABI_FAULT_RANGE);
	WITH(h->id = 0, ABI_FAULT_RANGE);
#undef WITH
	assert_false(journal_open(b->mem, 20, &r, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SHORT);
}

static void
a_hostile_ring_is_survived(void **state)
{
	struct bench *b = *state;
	struct journal_head *h = (void *)b->mem;
	uint64_t random = 1;
	uint32_t broken = 0, records = 0;

	for (uint32_t round = 0; round < 20000; round++) {
		if (!put(b, (uint16_t)(random % 2000), 'q')) {
			/* The positions are past repair: a new reader of a new writer. */
			struct abi_fault fault;

			memset(b->mem, 0, b->n);
			journal_init(b->mem, JOURNAL_BYTES_MIN, 2, 0xabc, &b->writer);
			assert_true(journal_open(b->mem, b->n, &b->reader, &fault));
			cursor_adopt(&b->cursors->now[2], 0xabc, 0);
			journal_set_cursor(&b->writer, &b->cursors->now[2]);
		}
		for (int k = 0; k < 2; k++) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			uint64_t at = (random >> 20) % JOURNAL_BYTES_MIN;

			/* Near the record to come, often; the head, seldom. */
			if (random % 4 != 0)
				at = (b->reader.position + (random >> 20) % 64) % JOURNAL_BYTES_MIN;
			b->mem[sizeof(*h) + at] = (uint8_t)(random >> 50);
		}
		if (random % 97 == 0)
			h->written = random;
		for (int k = 0; k < 100; k++) {
			enum journal_got got = next(b);

			if (got == JOURNAL_GOT_NOTHING)
				break;
			broken += got == JOURNAL_GOT_BROKEN;
			records += got == JOURNAL_GOT_RECORD;
			if (got == JOURNAL_GOT_RECORD) {
				size_t n = (size_t)b->got.method_n + b->got.target_n +
					   b->got.host_n + b->got.agent_n + b->got.referer_n;

				assert_true(b->text.method + n <=
					    (uint8_t *)b->room + sizeof(b->room));
			}
		}
	}
	assert_true(broken > 100);
	assert_true(records > 100);
}

/* The ring of the data plane before this one may have been written by an older program. */
static void
a_record_of_the_first_release_is_read(void **state)
{
	struct bench *b = *state;
	struct journal_access *a = (void *)b->writer.ring;
	uint8_t *strings = b->writer.ring + offsetof(struct journal_access, rule_slot);

	assert_true(put(b, 5, 't'));
	memmove(strings, b->writer.ring + a->record.fixed_bytes, 64);
	a->record.fixed_bytes = offsetof(struct journal_access, rule_slot);
	assert_int_equal(next(b), JOURNAL_GOT_RECORD);
	assert_memory_equal(b->text.method, "GET", 3);
	assert_memory_equal(b->text.target, "ttttt", 5);
	assert_int_equal(b->got.rule_incarnation, 0);
	assert_int_equal(b->got.substatus, 0);
	assert_int_equal(b->got.referer_n, 0);
}

/* Whoever prints a record has room for the maxima, not for all that fits in a record. */
static void
strings_beyond_their_maxima_are_not_read(void **state)
{
	struct bench *b = *state;
	struct journal_access *a = (void *)b->writer.ring;

	assert_true(put(b, 5, 't'));
	a->target_n = JOURNAL_TARGET_MAX + 1;
	a->record.bytes = 16000;
	b->writer.head->written = 16000;
	assert_int_equal(next(b), JOURNAL_GOT_BROKEN);
	assert_int_equal(next(b), JOURNAL_GOT_NOTHING);
}

/* A writer that pads as fast as it is read must not keep the reader in one call. */
static void
padding_without_an_end_is_left_in_between(void **state)
{
	struct bench *b = *state;
	struct journal_record pad = { .bytes = sizeof(pad), .fixed_bytes = sizeof(pad) };
	uint64_t ring_bytes = 1 << 20;
	uint8_t *mem = aligned_alloc(64, journal_bytes(ring_bytes));
	struct journal_writer w;
	struct abi_fault fault;
	uint32_t calls = 0;

	memset(mem, 0, journal_bytes(ring_bytes));
	journal_init(mem, ring_bytes, 2, 0xabc, &w);
	for (uint64_t at = 0; at < ring_bytes; at += sizeof(pad))
		memcpy(w.ring + at, &pad, sizeof(pad));
	w.head->written = ring_bytes;
	assert_true(journal_open(mem, journal_bytes(ring_bytes), &b->reader, &fault));
	for (; b->reader.position < ring_bytes; calls++)
		assert_int_equal(next(b), JOURNAL_GOT_NOTHING);
	assert_int_equal(b->reader.position, ring_bytes);
	assert_in_range(calls, 10, 1000);
	free(mem);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_record_reads_back_with_its_strings),
		TEST(long_strings_are_cut_and_marked),
		TEST(many_laps_lose_nothing_while_read),
		TEST(a_full_ring_drops_counts_and_goes_on),
		TEST(without_a_reader_the_oldest_are_kept),
		TEST(senseless_cursors_are_not_believed),
		TEST(a_reader_goes_on_where_its_predecessor_stopped),
		TEST(each_bad_journal_head_is_named),
		TEST(a_hostile_ring_is_survived),
		TEST(a_record_of_the_first_release_is_read),
		TEST(strings_beyond_their_maxima_are_not_read),
		TEST(padding_without_an_end_is_left_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
