/*
 * buf_heap.h - the malloc backing of buf.h, for tests and tools: each buffer is one allocation,
 * so that the address sanitizer sees every overrun and every use after the last give.
 *
 * Counts and views behave as DPDK's indirect mbufs do. A pool has a capacity, so that a test can
 * starve it, and buf_heap_close stops the process when a buffer is still out.
 */
#ifndef PENSTOCK_BASE_BUF_HEAP_H
#define PENSTOCK_BASE_BUF_HEAP_H

#include <stdint.h>

#include "base/buf.h"

struct buf_pool *buf_heap_open(uint32_t capacity);

/* Every buffer must be back: a leak is an ensure. */
void buf_heap_close(struct buf_pool *pool);

/* As buf_heap_close, for a test that wants to say so itself: how many buffers are out. */
uint32_t buf_heap_out_n(const struct buf_pool *pool);

/* From now on at most this many buffers are out; fewer than now: none until enough are back. */
void buf_heap_set_capacity(struct buf_pool *pool, uint32_t capacity);

/* The n-th next take (1 is the next) finds the pool dry; 0 withdraws that. */
void buf_heap_fail_take(struct buf_pool *pool, uint32_t n);

#endif
