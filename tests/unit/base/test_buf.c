/*
 * test_buf.c - counts, views and queues of buffers over the malloc backing; queues against a
 * plain array of bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf_heap.h"
#include "base/prng.h"

static void
a_taken_buffer_is_empty_and_comes_back(void **state)
{
	struct buf_pool *pool = buf_heap_open(2);
	struct buf *a = buf_take(pool), *b = buf_take(pool);

	(void)state;
	assert_int_equal(buf_headroom(a), BUF_HEADROOM);
	assert_int_equal(buf_tailroom(a), BUF_ROOM);
	assert_null(buf_take(pool));
	memset(buf_append(a, 10), 'x', 10);
	memset(buf_prepend(a, 4), 'y', 4);
	assert_int_equal(a->m.pkt_len, 14);
	buf_chain(a, a, b);
	assert_int_equal(a->m.nb_segs, 2);
	buf_give(a);
	assert_int_equal(buf_pool_free_n(pool), 2);
	buf_heap_close(pool);
}

static void
a_view_keeps_the_bytes_and_makes_them_shared(void **state)
{
	struct buf_pool *pool = buf_heap_open(8);
	struct buf *a = buf_take(pool), *view, *again;

	(void)state;
	memcpy(buf_append(a, 5), "hello", 5);
	assert_true(buf_is_sole(a));
	view = buf_view(pool, a, a->m.data_off + 1u, 3);
	again = buf_view(pool, view, view->m.data_off + 1u, 2);
	assert_false(buf_is_sole(a));
	assert_false(buf_is_sole(view));
	assert_ptr_equal(buf_direct(again), a);
	assert_ptr_equal(buf_direct(a), a);
	buf_ref(view);
	buf_give(a);
	buf_give(view);
	assert_memory_equal(buf_data(view), "ell", 3);
	buf_give(view);
	assert_memory_equal(buf_data(again), "ll", 2);
	assert_int_equal(buf_heap_out_n(pool), 2);
	buf_give(again);
	buf_heap_close(pool);
}

static void
a_burst_is_all_or_nothing(void **state)
{
	struct buf_pool *pool = buf_heap_open(4);
	struct buf *b[5];

	(void)state;
	assert_false(buf_take_burst(pool, b, 5));
	buf_heap_fail_take(pool, 3);
	assert_false(buf_take_burst(pool, b, 4));
	assert_int_equal(buf_heap_out_n(pool), 0);
	assert_true(buf_take_burst(pool, b, 4));
	buf_give_burst(b, 4);
	buf_heap_close(pool);
}

/* A queue and the bytes it must hold. */
struct twin {
	struct bufq q;
	uint8_t byte[20000];
	uint32_t n;
};

static void
check(const struct twin *twin)
{
	static uint8_t out[sizeof(twin->byte)];
	uint32_t bufs = 0;

	assert_true(twin->q.bytes == twin->n);
	bufq_copy_out(&twin->q, 0, out, twin->n);
	assert_memory_equal(out, twin->byte, twin->n);
	if (twin->n > 10) {
		bufq_copy_out(&twin->q, twin->n / 2, out, twin->n / 3);
		assert_memory_equal(out, twin->byte + twin->n / 2, twin->n / 3);
	}
	for (const struct buf *b = twin->q.head; b != NULL; b = b->link)
		bufs++;
	assert_int_equal(bufs, twin->q.n);
}

static void
grow(struct buf_pool *pool, struct twin *twin, struct prng *prng)
{
	uint8_t more[5000];
	uint32_t n = prng_below(prng, prng_one_in(prng, 4) ? 5000 : 60);

	if (twin->n + n > sizeof(twin->byte))
		return;
	for (uint32_t i = 0; i < n; i++)
		more[i] = (uint8_t)prng_u32(prng);
	if (!bufq_append(pool, &twin->q, more, n))
		return;
	memcpy(twin->byte + twin->n, more, n);
	twin->n += n;
}

static void
shrink(struct twin *twin, uint32_t n)
{
	twin->n -= n;
	memmove(twin->byte, twin->byte + n, twin->n);
}

/* However far the move got, its bytes left one end and arrived at the other. */
static void
move(struct buf_pool *pool, struct twin *to, struct twin *from, uint32_t n)
{
	uint64_t before = from->q.bytes;
	bool whole;

	if (to->n + n > sizeof(to->byte))
		return;
	whole = bufq_move(pool, &to->q, &from->q, n);
	assert_true(!whole || before - from->q.bytes == n);
	n = (uint32_t)(before - from->q.bytes);
	memcpy(to->byte + to->n, from->byte, n);
	to->n += n;
	shrink(from, n);
}

static void
queues_agree_with_plain_bytes(void **state)
{
	static struct twin twin[2];
	struct buf_pool *pool = buf_heap_open(40);
	struct prng prng;

	(void)state;
	prng_init(&prng, 3);
	for (uint32_t step = 0; step < 30000; step++) {
		struct twin *a = &twin[prng_below(&prng, 2)], *b = a == twin ? twin + 1 : twin;
		uint32_t n = prng_below(&prng, a->n + 1);

		switch (prng_below(&prng, 4)) {
		case 0:
		case 1:
			grow(pool, a, &prng);
			break;
		case 2:
			bufq_consume(&a->q, n);
			shrink(a, n);
			break;
		default:
			move(pool, b, a, n);
		}
		check(a);
		check(b);
	}
	bufq_give(&twin[0].q);
	bufq_give(&twin[1].q);
	buf_heap_close(pool);
}

static void
splice_and_unpop_keep_the_order(void **state)
{
	struct buf_pool *pool = buf_heap_open(9);
	struct bufq a = { 0 }, b = { 0 };
	char out[6];

	(void)state;
	assert_true(bufq_append(pool, &a, "abc", 3));
	assert_true(bufq_append(pool, &b, "def", 3));
	bufq_splice(&a, &b);
	assert_null(b.head);
	bufq_unpop(&b, bufq_pop(&a));
	bufq_splice(&b, &a);
	bufq_copy_out(&b, 0, out, 6);
	assert_memory_equal(out, "abcdef", 6);
	bufq_give(&b);
	buf_heap_close(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_taken_buffer_is_empty_and_comes_back),
		cmocka_unit_test(a_view_keeps_the_bytes_and_makes_them_shared),
		cmocka_unit_test(a_burst_is_all_or_nothing),
		cmocka_unit_test(queues_agree_with_plain_bytes),
		cmocka_unit_test(splice_and_unpop_keep_the_order),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
