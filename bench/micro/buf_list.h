/*
 * buf_list.h - the benchmarks' backing of buf.h (one pool a program).
 */
#ifndef PENSTOCK_BENCH_BUF_LIST_H
#define PENSTOCK_BENCH_BUF_LIST_H

#include "base/buf.h"

struct buf_pool *buf_list_open(uint32_t n);

#endif
