/*
 * buf_mempool.c - the buffers of base/buf.h on a DPDK mempool, shared by all lanes, with a cache
 * in each polling thread.
 *
 * A struct buf is a struct rte_mbuf with BUF_PRIV bytes of ours behind it, so a driver's mbuf is
 * a buf by a cast. Drivers leave our part alone; buf_take and the receive path clear it.
 */
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_errno.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <rte_memzone.h>

#include "port/port.h"

_Static_assert(sizeof(struct buf) == sizeof(struct rte_mbuf) + BUF_PRIV, "priv_size");
_Static_assert(BUF_PRIV % RTE_MBUF_PRIV_ALIGN == 0, "priv_size");

enum {
	POOL_CACHE = 256, /* buffers; a turn takes and gives about two bursts */
};

static struct rte_mempool *
pool_of(struct buf_pool *pool)
{
	return (struct rte_mempool *)pool;
}

/*
 * The mempool is filled from one piece of memory of ours: left to itself it would put no object
 * across a page's end, which on ordinary pages is one buffer a page. Addresses are virtual
 * everywhere (--iova-mode=va), so that a page's end means nothing: NO_IOVA_CONTIG says so.
 */
static bool
fill(struct rte_mempool *pool, uint32_t bufs_n)
{
	size_t each = pool->header_size + pool->elt_size + pool->trailer_size;
	const struct rte_memzone *memory =
		rte_memzone_reserve_aligned(pool->name, each * bufs_n + RTE_CACHE_LINE_SIZE,
					    (int)rte_socket_id(), 0, RTE_CACHE_LINE_SIZE);
	int n;

	if (memory == NULL)
		return false;
	n = rte_mempool_populate_iova(pool, memory->addr, memory->iova, memory->len, NULL, NULL);
	if (n != (int)bufs_n)
		return false;
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return true;
}

static struct buf_pool *
open_pool(const char *name, uint32_t bufs_n, uint32_t cache_n, char *why)
{
	struct rte_pktmbuf_pool_private facts = {
		.mbuf_data_room_size = BUF_HEADROOM + BUF_ROOM,
		.mbuf_priv_size = BUF_PRIV,
	};
	struct rte_mempool *pool = rte_mempool_create_empty(
		name, bufs_n, sizeof(struct buf) + BUF_HEADROOM + BUF_ROOM, cache_n, sizeof(facts),
		(int)rte_socket_id(), RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	/*
	 * The buffer given back last is taken first: it is in the cache, and what a busy lane has
	 * under way goes round in few buffers rather than through all of the pool.
	 */
	if (pool != NULL && rte_mempool_set_ops_byname(pool, "stack", NULL) != 0) {
		snprintf(why, PORT_WHY,
			 "DPDK's mempool driver \"stack\" is missing; install the "
			 "package librte-mempool-stack23");
		rte_mempool_free(pool);
		return NULL;
	}
	if (pool != NULL) {
		rte_pktmbuf_pool_init(pool, &facts);
		if (fill(pool, bufs_n))
			return (struct buf_pool *)pool;
	}
	snprintf(why, PORT_WHY, "%u packet buffers: %s", bufs_n, rte_strerror(rte_errno));
	rte_mempool_free(pool);
	return NULL;
}

struct buf_pool *
port_pool_open(uint32_t bufs_n, char *why)
{
	return open_pool("penstock", bufs_n, POOL_CACHE, why);
}

/* A cache could hold all of it, in the thread that needs it least. */
struct buf_pool *
port_reserve_open(uint32_t bufs_n, char *why)
{
	return open_pool("penstock-reserve", bufs_n, 0, why);
}

void
port_pool_close(struct buf_pool *pool)
{
	const struct rte_memzone *memory = rte_memzone_lookup(pool_of(pool)->name);

	rte_mempool_free(pool_of(pool));
	rte_memzone_free(memory);
}

static struct buf *
clear(struct rte_mbuf *m)
{
	struct buf *b = (struct buf *)m;

	memset(&b->link, 0, sizeof(*b) - offsetof(struct buf, link));
	return b;
}

/*
 * Prefetches the buffer that comes next out of this thread's cache, for writing: it was given back
 * a moment ago by a port whose peer may have read it on another core.
 */
static void
ask_for_next(struct rte_mempool *pool)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());
	uint8_t *next;

	if (cache == NULL || cache->len == 0)
		return;
	next = cache->objs[cache->len - 1];
	__builtin_prefetch(next, 1);
	__builtin_prefetch(next + 64, 1);
	__builtin_prefetch(next + 128, 1);
	next += sizeof(struct buf) + BUF_HEADROOM;
	__builtin_prefetch(next - 64, 1);
	__builtin_prefetch(next, 1);
	__builtin_prefetch(next + 64, 1);
	__builtin_prefetch(next + 128, 1);
	__builtin_prefetch(next + 192, 1);
}

struct buf *
buf_take(struct buf_pool *pool)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool_of(pool));

	ask_for_next(pool_of(pool));
	return m != NULL ? clear(m) : NULL;
}

bool
buf_take_burst(struct buf_pool *pool, struct buf **ret_buf, uint32_t n)
{
	if (n == 0)
		return true;
	if (rte_pktmbuf_alloc_bulk(pool_of(pool), (struct rte_mbuf **)ret_buf, n) != 0)
		return false;
	for (uint32_t i = 0; i < n; i++)
		clear(&ret_buf[i]->m);
	return true;
}

void
buf_give(struct buf *packet)
{
	rte_pktmbuf_free(&packet->m);
}

void
buf_give_burst(struct buf **packet, uint32_t n)
{
	rte_pktmbuf_free_bulk((struct rte_mbuf **)packet, n);
}

void
buf_ref(struct buf *seg)
{
	rte_mbuf_refcnt_update(&seg->m, 1);
}

/* rte_pktmbuf_attach copies the direct buffer's part; the range is set afterwards. */
struct buf *
buf_view(struct buf_pool *pool, struct buf *of, uint32_t off, uint32_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool_of(pool));

	ensure_hot((uint64_t)off + n <= of->m.buf_len);
	if (m == NULL)
		return NULL;
	rte_pktmbuf_attach(m, &of->m);
	m->next = NULL;
	m->nb_segs = 1;
	m->ol_flags = RTE_MBUF_F_INDIRECT;
	m->data_off = (uint16_t)off;
	m->data_len = (uint16_t)n;
	m->pkt_len = n;
	return clear(m);
}

uint32_t
buf_pool_size(const struct buf_pool *pool)
{
	return ((const struct rte_mempool *)pool)->size;
}

uint32_t
buf_pool_free_n(const struct buf_pool *pool)
{
	return rte_mempool_avail_count((const struct rte_mempool *)pool);
}
