/*
 * buf.h - packet and stream buffers in DPDK's mbuf layout, with two backings chosen at link time:
 * a mempool in the data plane (port/buf_mempool.c), malloc in tests and tools (base/buf_heap.c),
 * so that the address sanitizer sees every buffer and the engines need no DPDK symbol.
 *
 * A buf is one segment. It plays two parts, which never mix:
 *   as a packet   m.data_off/m.data_len, chained by m.next/m.nb_segs/m.pkt_len, as DPDK sees it;
 *   as stream     the bytes [at, at + n) from m.buf_addr, queued by link (struct bufq). The part
 *                 survives while a driver still reads the packet part of the same buf, which is
 *                 what lets a received buffer be re-headed and sent without a copy.
 * A buf with count above 1, or one that a view points into, must not have its bytes changed.
 * Units: bytes.
 */
#ifndef PENSTOCK_BASE_BUF_H
#define PENSTOCK_BASE_BUF_H

#include <limits.h> /* rte_mbuf_core.h needs it and does not say so */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf_core.h>

#include "base/ensure.h"
#include "base/slice.h"

enum {
	BUF_HEADROOM = RTE_PKTMBUF_HEADROOM, /* 128: Ethernet, VLAN, IPv6, TCP with options */
	BUF_ROOM = 2048,		     /* data room behind the headroom */
	BUF_PRIV = 64,			     /* our fields below, DPDK's priv_size */
};

struct buf {
	struct rte_mbuf m;

	struct buf *link; /* next in a bufq */
	uint16_t at;	  /* stream part: offset from m.buf_addr */
	uint16_t n;	  /* stream part: length */

	uint16_t path;	 /* packet part: the tcp/net path it came by or leaves by */
	uint16_t l3_off; /* packet part, received: offset of the IP header from the packet start */
	uint32_t hash;	 /* packet part, received: RSS hash where the port gave one, else 0 */
	uint32_t tag;	 /* free for the present holder */

	/*
	 * The Internet checksum's sum (wire/checksum.h) of the sum_n bytes at offset sum_at from
	 * m.buf_addr, known since they were received, so that they are not read again to be sent.
	 * sum_n 0: none is known. Who writes into a stream part says so by buf_written.
	 */
	uint16_t sum_at, sum_n;
	uint32_t sum;
	uint8_t spare[BUF_PRIV - 32];
} __attribute__((aligned(64)));

struct buf_pool; /* a backing's own */

/* ---- the backing ---- */

/* One direct buffer with count 1, empty, data_off = BUF_HEADROOM, or NULL when the pool is dry. */
struct buf *buf_take(struct buf_pool *pool);

/* Takes n or none. */
bool buf_take_burst(struct buf_pool *pool, struct buf **ret_buf, uint32_t n);

/* Gives one count of every segment of a packet back; a view also gives its direct buffer back. */
void buf_give(struct buf *packet);

void buf_give_burst(struct buf **packet, uint32_t n);

/* One more count on this single segment (a direct buffer or a view). */
void buf_ref(struct buf *seg);

/*
 * A view: an indirect buffer whose packet part is n bytes at offset off from of->m.buf_addr. It
 * holds one count of the direct buffer behind `of`. NULL when the pool is dry.
 */
struct buf *buf_view(struct buf_pool *pool, struct buf *of, uint32_t off, uint32_t n);

/* How many buffers the pool has in all, and how many are in it now. */
uint32_t buf_pool_size(const struct buf_pool *pool);
uint32_t buf_pool_free_n(const struct buf_pool *pool);

/* ---- packet part ---- */

static inline uint8_t *
buf_data(const struct buf *b)
{
	return (uint8_t *)b->m.buf_addr + b->m.data_off;
}

static inline struct buf *
buf_next(const struct buf *b)
{
	return (struct buf *)b->m.next;
}

static inline bool
buf_is_view(const struct buf *b)
{
	return (b->m.ol_flags & RTE_MBUF_F_INDIRECT) != 0;
}

/* The buffer whose bytes these are: itself, or the one behind a view (DPDK's arithmetic). */
static inline struct buf *
buf_direct(struct buf *b)
{
	return buf_is_view(b) ? (struct buf *)b->m.buf_addr - 1 : b;
}

/* Nobody else holds or views these bytes. */
static inline bool
buf_is_sole(const struct buf *b)
{
	return !buf_is_view(b) && __atomic_load_n(&b->m.refcnt, __ATOMIC_ACQUIRE) == 1;
}

static inline uint32_t
buf_headroom(const struct buf *b)
{
	return b->m.data_off;
}

static inline uint32_t
buf_tailroom(const struct buf *b)
{
	return (uint32_t)b->m.buf_len - b->m.data_off - b->m.data_len;
}

/* Room for n more bytes in front; returns where they go. The caller has checked the headroom. */
static inline uint8_t *
buf_prepend(struct buf *b, uint32_t n)
{
	ensure_hot(n <= b->m.data_off);
	b->m.data_off = (uint16_t)(b->m.data_off - n);
	b->m.data_len = (uint16_t)(b->m.data_len + n);
	b->m.pkt_len += n;
	return buf_data(b);
}

/* Room for n more bytes at the end of a single-segment packet; returns where they go. */
static inline uint8_t *
buf_append(struct buf *b, uint32_t n)
{
	uint8_t *end = buf_data(b) + b->m.data_len;

	ensure_hot(n <= buf_tailroom(b));
	b->m.data_len = (uint16_t)(b->m.data_len + n);
	b->m.pkt_len += n;
	return end;
}

/* Chains a packet behind another; the tail of `head` must be its last segment. */
static inline void
buf_chain(struct buf *head, struct buf *tail, struct buf *more)
{
	ensure_hot(tail->m.next == NULL);
	tail->m.next = &more->m;
	head->m.nb_segs = (uint16_t)(head->m.nb_segs + more->m.nb_segs);
	head->m.pkt_len += more->m.pkt_len;
}

/* Cuts a packet, which has as many, to its first n bytes; emptied buffers go back. n > 0. */
void buf_trim(struct buf *packet, uint32_t n);

/* ---- stream part ---- */

static inline uint8_t *
buf_stream(const struct buf *b)
{
	return (uint8_t *)b->m.buf_addr + b->at;
}

static inline struct slice
buf_stream_slice(const struct buf *b)
{
	return slice_of(buf_stream(b), b->n);
}

/* Bytes of the stream part have been changed or added. */
static inline void
buf_written(struct buf *b)
{
	b->sum_n = 0;
}

/* The stream part becomes what the packet part holds. */
static inline void
buf_stream_from_packet(struct buf *b)
{
	b->at = b->m.data_off;
	b->n = b->m.data_len;
}

/* A queue of stream buffers, each a single segment. Zeroed is empty. */
struct bufq {
	struct buf *head, *tail;
	uint32_t bytes; /* sum of n: less than a sequence space, for a stream's window is */
	uint32_t n;	/* buffers */
};

static inline void
bufq_push(struct bufq *q, struct buf *b)
{
	b->link = NULL;
	if (q->tail != NULL)
		q->tail->link = b;
	else
		q->head = b;
	q->tail = b;
	q->bytes += b->n;
	q->n++;
}

/* NULL when empty. */
static inline struct buf *
bufq_pop(struct bufq *q)
{
	struct buf *b = q->head;

	if (b == NULL)
		return NULL;
	q->head = b->link;
	if (q->head == NULL)
		q->tail = NULL;
	b->link = NULL;
	q->bytes -= b->n;
	q->n--;
	return b;
}

/* Puts a buffer (back) at the front. */
static inline void
bufq_unpop(struct bufq *q, struct buf *b)
{
	b->link = q->head;
	q->head = b;
	if (q->tail == NULL)
		q->tail = b;
	q->bytes += b->n;
	q->n++;
}

/* Moves all of `from` behind `to`. */
static inline void
bufq_splice(struct bufq *to, struct bufq *from)
{
	if (from->head == NULL)
		return;
	if (to->tail != NULL)
		to->tail->link = from->head;
	else
		to->head = from->head;
	to->tail = from->tail;
	to->bytes += from->bytes;
	to->n += from->n;
	*from = (struct bufq){ 0 };
}

/*
 * Prefetches the buffer after the next one, for who goes along a queue that was filled a while ago:
 * each buffer says where the following one is, and would be waited for in turn.
 */
static inline void
buf_ask_after(const struct buf *b)
{
	if (b->link != NULL && b->link->link != NULL)
		__builtin_prefetch(&b->link->link->link);
}

/* Gives every buffer back. */
void bufq_give(struct bufq *q);

/* Drops n bytes from the front, giving emptied buffers back. n <= q->bytes. */
void bufq_consume(struct bufq *q, uint64_t n);

/*
 * Moves the first n bytes of `from` behind `to`. A buffer that straddles the cut stays in `from`
 * and a view of its first part goes to `to`: no bytes are copied. False (nothing moved past the
 * last whole buffer) when the pool is dry. n <= from->bytes.
 */
bool bufq_move(struct buf_pool *pool, struct bufq *to, struct bufq *from, uint64_t n);

/*
 * Copies n bytes behind q: into the last buffer's room as far as nobody else holds it, then into
 * buffers taken from the pool. False and no change when that is dry.
 */
bool bufq_append(struct buf_pool *pool, struct bufq *q, const void *bytes, uint32_t n);

/* Copies n bytes from offset off out of the queue. off + n <= q->bytes. */
void bufq_copy_out(const struct bufq *q, uint64_t off, void *to, uint32_t n);

#endif
