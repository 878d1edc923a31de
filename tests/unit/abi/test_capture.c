/*
 * test_capture.c - the ring of captured packets: what is read is what was written, a reader that is
 * too slow knows how much it missed, and nothing of a foreign file is believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/capture.h"

struct stand {
	uint8_t *bytes;
	struct capture_ring ring;
	struct capture_view view;
	struct capture_packet got;
	uint8_t got_bytes[CAPTURE_SNAP_MAX];
};

static struct stand s;

static void
stand_open(void)
{
	struct abi_fault fault;

	s.bytes = calloc(1, capture_bytes());
	assert_non_null(s.bytes);
	capture_init(s.bytes, 3, 77, &s.ring);
	assert_true(capture_open(s.bytes, capture_bytes(), &s.view, &fault));
	assert_int_equal(s.view.head.life, 77);
	assert_int_equal(s.view.head.lane, 3);
}

static void
stand_close(void)
{
	free(s.bytes);
}

/* The i-th packet has a length and bytes of its own. */
static uint32_t
length_of(uint32_t i)
{
	return 1 + i * 7919 % 9000;
}

static void
put(uint32_t i)
{
	struct capture_packet packet = {
		.n = length_of(i) + 5, .kept_n = length_of(i), .time_ns = 1000 + i, .session_id = i
	};
	static uint8_t bytes[9001];

	for (uint32_t k = 0; k < packet.kept_n; k++)
		bytes[k] = (uint8_t)(i + k * 31);
	capture_place(&s.ring, &packet);
	/* in two parts, as a chain of buffers brings it */
	capture_part(&s.ring, 0, bytes, packet.kept_n / 3);
	capture_part(&s.ring, packet.kept_n / 3, bytes + packet.kept_n / 3,
		     packet.kept_n - packet.kept_n / 3);
	capture_put(&s.ring);
}

static enum capture_verdict
next(void)
{
	return capture_next(&s.view, 5, &s.got, s.got_bytes);
}

static void
assert_is(uint32_t i)
{
	assert_int_equal(s.got.number, i);
	assert_int_equal(s.got.kept_n, length_of(i));
	assert_int_equal(s.got.n, length_of(i) + 5);
	assert_int_equal(s.got.time_ns, 1000 + i);
	assert_int_equal(s.got.session_id, i);
	for (uint32_t k = 0; k < s.got.kept_n; k++)
		assert_int_equal(s.got_bytes[k], (uint8_t)(i + k * 31));
}

static void
packets_are_read_as_written_over_many_laps(void **state)
{
	uint32_t laps = 3 * (CAPTURE_RING_BYTES / 4500);

	(void)state;
	stand_open();
	assert_false(capture_seek(&s.view, 5));
	capture_begin(&s.ring, 5);
	assert_true(capture_seek(&s.view, 5));
	assert_int_equal(next(), CAPTURE_NONE);
	for (uint32_t i = 0; i < laps; i++) {
		put(i);
		assert_int_equal(next(), CAPTURE_PACKET);
		assert_is(i);
		assert_int_equal(next(), CAPTURE_NONE);
	}
	assert_true(s.ring.state->end > 2ull * CAPTURE_RING_BYTES);
	assert_int_equal(capture_missed(&s.view), 0);
	stand_close();
}

static void
a_slow_reader_knows_how_many_it_missed(void **state)
{
	uint32_t all = 2 * (CAPTURE_RING_BYTES / 4500);

	(void)state;
	stand_open();
	capture_begin(&s.ring, 5);
	assert_true(capture_seek(&s.view, 5));
	put(0);
	assert_int_equal(next(), CAPTURE_PACKET);
	for (uint32_t i = 1; i <= all; i++)
		put(i);
	assert_int_equal(next(), CAPTURE_NONE); /* on with what comes now */
	assert_int_equal(capture_missed(&s.view), all);
	put(all + 1);
	assert_int_equal(next(), CAPTURE_PACKET);
	assert_is(all + 1);
	assert_int_equal(capture_missed(&s.view), all);
	stand_close();
}

/* While the lane writes over it, what was copied does not count. */
static void
a_packet_that_is_being_written_over_is_not_taken(void **state)
{
	(void)state;
	stand_open();
	capture_begin(&s.ring, 5);
	assert_true(capture_seek(&s.view, 5));
	put(0);
	s.ring.state->claim = CAPTURE_RING_BYTES + 1;
	assert_int_equal(next(), CAPTURE_NONE);
	assert_int_equal(capture_missed(&s.view), 1);
	stand_close();
}

static void
another_capture_ends_the_one_before(void **state)
{
	(void)state;
	stand_open();
	capture_begin(&s.ring, 5);
	assert_true(capture_seek(&s.view, 5));
	put(0);
	capture_end(&s.ring);
	capture_begin(&s.ring, 6);
	assert_int_equal(next(), CAPTURE_OVER);
	assert_false(capture_seek(&s.view, 5));
	put(0);
	assert_true(capture_seek(&s.view, 6)); /* from its own begin on */
	assert_int_equal(capture_next(&s.view, 6, &s.got, s.got_bytes), CAPTURE_PACKET);
	assert_is(0);
	stand_close();
}

static void
each_nonsense_is_refused(void **state)
{
	struct capture_packet *first;
	struct capture_head *head;
	struct capture_view view;
	struct abi_fault fault;

	(void)state;
	stand_open();
	head = (void *)s.bytes;
	first = (void *)s.ring.ring;
	assert_false(capture_open(s.bytes, capture_bytes() - 1, &view, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SHORT);
	assert_false(capture_open(s.bytes + 4, capture_bytes(), &view, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_ALIGN);
#define WITH(change, back, wanted)                                                                 \
	do {                                                                                       \
		change;                                                                            \
		assert_false(capture_open(s.bytes, capture_bytes(), &view, &fault));               \
		assert_int_equal(fault.kind, wanted);                                              \
		back;                                                                              \
	} while (0)
	WITH(head->magic++, head->magic--, ABI_FAULT_MAGIC);
	WITH(head->version++, head->version--, ABI_FAULT_VERSION);
	WITH(head->lane++, head->lane--, ABI_FAULT_CHECKSUM);
#undef WITH
	capture_begin(&s.ring, 5);
	put(0);
#define WITH(change)                                                                               \
	do {                                                                                       \
		struct capture_packet before = *first;                                             \
                                                                                                   \
		assert_true(capture_seek(&s.view, 5));                                             \
		change;                                                                            \
		assert_int_equal(next(), CAPTURE_UNSOUND);                                         \
		*first = before;                                                                   \
	} while (0)
	WITH(first->kept_n = CAPTURE_SNAP_MAX + 1);
	WITH(first->kept_n = first->n + 1);
	WITH((first->kept_n = 64, first->n = 64));
	WITH(first->flags = CAPTURE_FLAGS + 1);
#undef WITH
	assert_true(capture_seek(&s.view, 5));
	s.view.number = 1;
	assert_int_equal(next(), CAPTURE_UNSOUND); /* numbers only rise */
	stand_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_read_as_written_over_many_laps),
		cmocka_unit_test(a_slow_reader_knows_how_many_it_missed),
		cmocka_unit_test(a_packet_that_is_being_written_over_is_not_taken),
		cmocka_unit_test(another_capture_ends_the_one_before),
		cmocka_unit_test(each_nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
