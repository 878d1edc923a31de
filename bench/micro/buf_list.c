/*
 * buf_list.c - a backing of buf.h for benchmarks: one block of buffers and a last-in first-out
 * list, about as fast as a mempool's cache, so that what is measured is not malloc.
 */
#include "micro/buf_list.h"

#include <stdlib.h>

enum {
	STRIDE = sizeof(struct buf) + BUF_HEADROOM + BUF_ROOM,
};

struct buf_pool {
	uint8_t *block;
	struct buf *free;
	uint32_t n, free_n;
};

static struct buf_pool the;

struct buf_pool *
buf_list_open(uint32_t n)
{
	the.block = aligned_alloc(64, (size_t)n * STRIDE);
	ensure(the.block != NULL);
	the.n = the.free_n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct buf *b = (struct buf *)(void *)(the.block + (size_t)i * STRIDE);

		*b = (struct buf){ .link = the.free };
		b->m.priv_size = BUF_PRIV;
		the.free = b;
	}
	return &the;
}

struct buf *
buf_take(struct buf_pool *pool)
{
	struct buf *b = pool->free;

	if (b == NULL)
		return NULL;
	pool->free = b->link;
	pool->free_n--;
	b->link = NULL;
	b->m.buf_addr = b + 1;
	b->m.buf_len = BUF_HEADROOM + BUF_ROOM;
	b->m.data_off = BUF_HEADROOM;
	b->m.data_len = 0;
	b->m.pkt_len = 0;
	b->m.refcnt = 1;
	b->m.nb_segs = 1;
	b->m.next = NULL;
	b->m.ol_flags = 0;
	return b;
}

static void
give(struct buf *seg)
{
	struct buf *direct = buf_direct(seg);

	if (--seg->m.refcnt != 0)
		return;
	if (seg != direct)
		give(direct);
	seg->link = the.free;
	the.free = seg;
	the.free_n++;
}

void
buf_give(struct buf *packet)
{
	while (packet != NULL) {
		struct buf *next = buf_next(packet);

		give(packet);
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
	seg->m.refcnt++;
}

struct buf *
buf_view(struct buf_pool *pool, struct buf *of, uint32_t off, uint32_t n)
{
	struct buf *view = buf_take(pool);

	buf_ref(buf_direct(of));
	view->m.buf_addr = of->m.buf_addr;
	view->m.buf_len = of->m.buf_len;
	view->m.data_off = (uint16_t)off;
	view->m.data_len = (uint16_t)n;
	view->m.pkt_len = n;
	view->m.ol_flags = RTE_MBUF_F_INDIRECT;
	return view;
}

uint32_t
buf_pool_size(const struct buf_pool *pool)
{
	return pool->n;
}

uint32_t
buf_pool_free_n(const struct buf_pool *pool)
{
	return pool->free_n;
}
