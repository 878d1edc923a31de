/*
 * buf_heap.c - the malloc backing of buf.h (see buf_heap.h).
 *
 * One allocation holds struct buf, headroom and room, in this order, so that the direct buffer
 * behind a view is found from the view's buf_addr by the same arithmetic as DPDK's. A view has a
 * data room of its own, unused, as an indirect mbuf has.
 */
#include "base/buf_heap.h"

#include <stdlib.h>
#include <string.h>

struct buf_pool {
	uint32_t capacity;
	uint32_t out_n;
	uint32_t fail_in; /* takes until one fails; 0: none */
};

struct buf_pool *
buf_heap_open(uint32_t capacity)
{
	struct buf_pool *pool = calloc(1, sizeof(*pool));

	ensure(pool != NULL);
	pool->capacity = capacity;
	return pool;
}

void
buf_heap_close(struct buf_pool *pool)
{
	ensure(pool->out_n == 0);
	free(pool);
}

uint32_t
buf_heap_out_n(const struct buf_pool *pool)
{
	return pool->out_n;
}

void
buf_heap_set_capacity(struct buf_pool *pool, uint32_t capacity)
{
	pool->capacity = capacity;
}

void
buf_heap_fail_take(struct buf_pool *pool, uint32_t n)
{
	pool->fail_in = n;
}

/* DPDK keeps the pool in the mbuf's own field; it has the size of a pointer there, too. */
static void
set_pool(struct buf *b, struct buf_pool *pool)
{
	b->m.pool = (struct rte_mempool *)pool;
}

static struct buf_pool *
pool_of(const struct buf *b)
{
	return (struct buf_pool *)b->m.pool;
}

struct buf *
buf_take(struct buf_pool *pool)
{
	struct buf *b;

	if (pool->fail_in != 0 && --pool->fail_in == 0)
		return NULL;
	if (pool->out_n >= pool->capacity)
		return NULL;
	b = aligned_alloc(64, sizeof(*b) + BUF_HEADROOM + BUF_ROOM);
	ensure(b != NULL);
	memset(b, 0, sizeof(*b));
	b->m.buf_addr = b + 1;
	b->m.buf_iova = (uintptr_t)(b + 1);
	b->m.buf_len = BUF_HEADROOM + BUF_ROOM;
	b->m.data_off = BUF_HEADROOM;
	b->m.refcnt = 1;
	b->m.nb_segs = 1;
	b->m.port = RTE_MBUF_PORT_INVALID;
	b->m.priv_size = BUF_PRIV;
	set_pool(b, pool);
	pool->out_n++;
	return b;
}

bool
buf_take_burst(struct buf_pool *pool, struct buf **ret_buf, uint32_t n)
{
	if (n > buf_pool_free_n(pool))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		ret_buf[i] = buf_take(pool);
		if (ret_buf[i] == NULL) {
			buf_give_burst(ret_buf, i);
			return false;
		}
	}
	return true;
}

static void
release(struct buf *seg)
{
	struct buf_pool *pool = pool_of(seg);

	ensure(pool->out_n > 0);
	pool->out_n--;
	free(seg);
}

static bool
drop_count(struct buf *seg)
{
	ensure(seg->m.refcnt > 0);
	return --seg->m.refcnt == 0;
}

static void
give_segment(struct buf *seg)
{
	if (!drop_count(seg))
		return;
	if (buf_is_view(seg)) {
		struct buf *direct = buf_direct(seg);

		if (drop_count(direct))
			release(direct);
	}
	release(seg);
}

void
buf_give(struct buf *packet)
{
	while (packet != NULL) {
		struct buf *next = buf_next(packet);

		give_segment(packet);
		packet = next;
	}
}

void
buf_give_burst(struct buf **packet, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		buf_give(packet[i]);
}

void
buf_ref(struct buf *seg)
{
	ensure(seg->m.refcnt > 0 && seg->m.refcnt < UINT16_MAX);
	seg->m.refcnt++;
}

struct buf *
buf_view(struct buf_pool *pool, struct buf *of, uint32_t off, uint32_t n)
{
	struct buf *view = buf_take(pool);

	if (view == NULL)
		return NULL;
	ensure(off + n <= of->m.buf_len);
	buf_ref(buf_direct(of));
	view->m.buf_addr = of->m.buf_addr;
	view->m.buf_iova = of->m.buf_iova;
	view->m.buf_len = of->m.buf_len;
	view->m.data_off = (uint16_t)off;
	view->m.data_len = (uint16_t)n;
	view->m.pkt_len = n;
	view->m.ol_flags |= RTE_MBUF_F_INDIRECT;
	return view;
}

uint32_t
buf_pool_size(const struct buf_pool *pool)
{
	return pool->capacity;
}

uint32_t
buf_pool_free_n(const struct buf_pool *pool)
{
	return pool->out_n < pool->capacity ? pool->capacity - pool->out_n : 0;
}
