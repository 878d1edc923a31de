/*
 * test_except.c - a lane's side of an exception path: rings that are full, frames for both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf_heap.h"
#include "lane/own.h"

enum {
	FRAMES = 400,
};

static const uint8_t unknown[64] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xcc };
/* An ARP reply of a stranger's. */
static const uint8_t reply[64] = {
	2, 0, 0, 0, 0, 1, 2, 0,	 0, 0, 0, 2, 8, 6, 0, 1, 8, 0,	6, 4, 0,
	2, 2, 0, 0, 0, 0, 2, 10, 0, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 6
};

struct scene {
	struct lane lane;
	struct counters count;
	struct except except;
	struct ours ours;
	struct portif port;
	void *ring, *back;
};

static struct scene *
scene_open(void)
{
	struct scene *s = aligned_alloc(64, sizeof(*s));

	memset(s, 0, sizeof(*s));
	s->lane.conf.pool = buf_heap_open(2 * FRAMES);
	s->lane.count = &s->count;
	s->ours.mac = (struct mac){ { 2, 0, 0, 0, 0, 1 } };
	s->except.ours = &s->ours;
	s->ring = aligned_alloc(64, spsc_size(EXCEPT_RING));
	s->except.queue[0].to_kernel = spsc_init(s->ring, EXCEPT_RING);
	s->back = aligned_alloc(64, spsc_size(EXCEPT_RING));
	s->except.from_kernel = spsc_init(s->back, EXCEPT_RING);
	s->port.except = &s->except;
	s->port.facts.queue_n = 1;
	return s;
}

static struct buf *
frame_of(struct scene *s, const uint8_t bytes[64])
{
	struct buf *b = buf_take(s->lane.conf.pool);

	memcpy(buf_append(b, 64), bytes, 64);
	return b;
}

/* Gives back what the kernel would have had; how many these were. */
static uint32_t
hear(struct scene *s, const uint8_t bytes[64])
{
	struct buf *b;
	uint32_t n = 0;

	while (spsc_get(s->except.queue[0].to_kernel, (void **)&b, 1) == 1) {
		assert_memory_equal(buf_data(b), bytes, 64);
		buf_give(b);
		n++;
	}
	return n;
}

static void
scene_close(struct scene *s)
{
	buf_heap_close(s->lane.conf.pool);
	free(s->ring);
	free(s->back);
	free(s);
}

static void
what_a_full_ring_does_not_take_is_dropped_and_counted(void **state)
{
	struct scene *s = scene_open();
	struct instance_except facts = { 0 };
	uint32_t heard;

	(void)state;
	for (uint32_t i = 0; i < FRAMES / 8; i++) {
		struct buf *frame[8];

		for (uint32_t k = 0; k < 8; k++)
			frame[k] = frame_of(s, unknown);
		assert_int_equal(lane_sort(&s->lane, &s->port, frame, 8), 0);
	}
	heard = hear(s, unknown);
	assert_in_range(heard, EXCEPT_RING - 1, EXCEPT_RING);
	assert_int_equal(s->count.lane_except_to_kernel, heard);
	assert_int_equal(s->count.lane_drop_except_full, FRAMES - heard);
	assert_true(except_facts(&s->port, &facts));
	assert_int_equal(facts.full, FRAMES - heard);
	assert_false(except_facts(&s->port, &facts));
	scene_close(s);
}

/* Three of four are the kernel's, far more than it takes; not one of ours is lost or late. */
static void
ours_among_a_flood_are_kept_in_order(void **state)
{
	/* To another station's MAC: not the kernel's. */
	static const uint8_t mine[64] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 2, 0x88, 0xcc };
	struct scene *s = scene_open();

	(void)state;
	for (uint32_t i = 0; i < 20 * EXCEPT_RING; i++) {
		struct buf *frame[8], *kept[2];

		for (uint32_t k = 0; k < 8; k++)
			frame[k] = frame_of(s, k % 4 == 2 ? mine : unknown);
		kept[0] = frame[2];
		kept[1] = frame[6];
		assert_int_equal(lane_sort(&s->lane, &s->port, frame, 8), 2);
		assert_ptr_equal(frame[0], kept[0]);
		assert_ptr_equal(frame[1], kept[1]);
		buf_give_burst(frame, 2);
	}
	assert_int_equal(s->count.lane_except_to_kernel + s->count.lane_drop_except_full,
			 6 * 20 * EXCEPT_RING);
	assert_int_equal(s->count.lane_except_to_kernel, hear(s, unknown));
	scene_close(s);
}

/* The lane keeps its own; without a buffer the kernel goes without. */
static void
a_frame_for_both_is_copied_if_there_is_a_buffer(void **state)
{
	struct scene *s = scene_open();
	struct buf *frame = frame_of(s, reply);

	(void)state;
	assert_int_equal(lane_sort(&s->lane, &s->port, &frame, 1), 1);
	assert_int_equal(hear(s, reply), 1);
	buf_heap_fail_take(s->lane.conf.pool, 1);
	assert_int_equal(lane_sort(&s->lane, &s->port, &frame, 1), 1);
	assert_int_equal(hear(s, reply), 0);
	assert_int_equal(s->count.lane_drop_except_copy, 1);
	assert_int_equal(s->count.lane_except_to_kernel, 1);
	buf_give(frame);
	scene_close(s);
}

/* Of a driver that takes tags off; the priority and the identifier are any. */
static struct buf *
stripped(struct scene *s, const uint8_t bytes[64], uint16_t tci)
{
	struct buf *b = frame_of(s, bytes);

	b->m.ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	b->m.vlan_tci = tci;
	return b;
}

static void
expect_tagged(struct scene *s, const uint8_t bytes[64], const uint8_t tag[4])
{
	struct buf *b = NULL;

	assert_int_equal(spsc_get(s->except.queue[0].to_kernel, (void **)&b, 1), 1);
	assert_int_equal(b->m.data_len, 68);
	assert_int_equal(b->m.pkt_len, 68);
	assert_memory_equal(buf_data(b), bytes, 12);
	assert_memory_equal(buf_data(b) + 12, tag, 4);
	assert_memory_equal(buf_data(b) + 16, bytes + 12, 52);
	buf_give(b);
	assert_int_equal(hear(s, bytes), 0);
}

static void
a_tag_that_the_driver_took_off_is_put_back_for_the_kernel(void **state)
{
	struct scene *s = scene_open();
	struct buf *frame = stripped(s, unknown, 0xa02a);

	(void)state;
	assert_int_equal(lane_sort(&s->lane, &s->port, &frame, 1), 0);
	expect_tagged(s, unknown, (const uint8_t[]){ 0x81, 0, 0xa0, 0x2a });
	/* A priority alone is a tag, too. */
	frame = stripped(s, unknown, 0x6000);
	assert_int_equal(lane_sort(&s->lane, &s->port, &frame, 1), 0);
	expect_tagged(s, unknown, (const uint8_t[]){ 0x81, 0, 0x60, 0 });
	/* The kernel's copy has it; the lane's frame is as it came. */
	s->ours.vlan = 42;
	frame = stripped(s, reply, 42);
	assert_int_equal(lane_sort(&s->lane, &s->port, &frame, 1), 1);
	expect_tagged(s, reply, (const uint8_t[]){ 0x81, 0, 0, 42 });
	assert_int_equal(frame->m.pkt_len, 64);
	assert_memory_equal(buf_data(frame), reply, 64);
	assert_true((frame->m.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0);
	buf_give(frame);
	/* Too short for a MAC header: as it is. */
	frame = stripped(s, unknown, 42);
	frame->m.data_len = 11;
	frame->m.pkt_len = 11;
	assert_int_equal(lane_sort(&s->lane, &s->port, &frame, 1), 0);
	assert_int_equal(hear(s, unknown), 1);
	scene_close(s);
}

/* The thread's count runs on, the lane's counter with it. */
static void
what_the_kernel_refuses_is_counted_once(void **state)
{
	struct scene *s = scene_open();
	struct instance_except facts = { 0 };

	(void)state;
	for (uint64_t refused = 3; refused <= 9; refused += 3) {
		s->except.count.refused = refused;
		assert_false(lane_hear_kernel(&s->lane, &s->port));
		assert_false(lane_hear_kernel(&s->lane, &s->port));
		assert_int_equal(s->count.lane_drop_except_refused, refused);
	}
	assert_true(except_facts(&s->port, &facts));
	assert_int_equal(facts.refused, 9);
	scene_close(s);
}

/* Another address, as a new image gives it. */
static bool
change(struct except *except, uint32_t i, struct view_set *views)
{
	struct except_table *table = calloc(1, sizeof(*table));

	table->ours.n = 1;
	table->ours.ip[0] = ip_from_v4((const uint8_t[]){ 10, 0, (uint8_t)(i >> 8), (uint8_t)i });
	if (except_serve(except, table, views)) {
		assert_ptr_equal(atomic_load(&except->ours), &table->ours);
		return true;
	}
	free(table);
	return false;
}

/* How many were free to go. */
static uint32_t
retire(struct except *except, const struct view_set *views)
{
	struct except_table *table;
	uint32_t n = 0;

	for (; (table = except_retire(except, views)) != NULL; n++) {
		assert_ptr_not_equal(table, except->table);
		free(table);
	}
	return n;
}

static void
a_replaced_table_is_freed_when_all_lanes_have_passed(void **state)
{
	struct view_set *views = aligned_alloc(64, sizeof(*views));
	struct except *except = aligned_alloc(64, sizeof(*except));
	struct view_taken taken[2] = { 0 };

	(void)state;
	memset(views, 0, sizeof(*views));
	memset(except, 0, sizeof(*except));
	view_set_init(views, 3); /* the third one sleeps */
	assert_true(change(except, 0, views));
	for (uint32_t lane = 0; lane < 2; lane++) {
		view_wake(views, lane);
		view_take(views, lane, &taken[lane]);
	}
	assert_true(change(except, 1, views));
	assert_false(change(except, 1, views));
	for (uint32_t turn = 0; turn < 2; turn++)
		view_take(views, 0, &taken[0]);
	assert_int_equal(retire(except, views), 0);
	view_take(views, 1, &taken[1]); /* knows of it; its turn begins */
	assert_int_equal(retire(except, views), 0);
	assert_true(change(except, 2, views));
	view_take(views, 1, &taken[1]); /* that turn is over, of the first change */
	assert_int_equal(retire(except, views), 1);
	assert_non_null(except->replaced);
	view_sleep(views, 0);
	view_sleep(views, 1);
	assert_int_equal(retire(except, views), 1);
	view_wake(views, 0);
	view_take(views, 0, &taken[0]);
	for (uint32_t i = 3; i < 1000; i++) {
		assert_true(change(except, i, views));
		for (uint32_t turn = 0; turn < 2; turn++)
			view_take(views, 0, &taken[0]);
		assert_int_equal(retire(except, views), 1);
		assert_null(except->replaced);
	}
	free(except->table);
	free(except);
	free(views);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_full_ring_does_not_take_is_dropped_and_counted),
		cmocka_unit_test(what_the_kernel_refuses_is_counted_once),
		cmocka_unit_test(a_replaced_table_is_freed_when_all_lanes_have_passed),
		cmocka_unit_test(ours_among_a_flood_are_kept_in_order),
		cmocka_unit_test(a_frame_for_both_is_copied_if_there_is_a_buffer),
		cmocka_unit_test(a_tag_that_the_driver_took_off_is_put_back_for_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
