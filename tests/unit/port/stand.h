/*
 * stand.h - what the tests of ports share: DPDK's environment on ordinary pages, a pool, and two
 * ports of one process that are joined.
 */
#ifndef PENSTOCK_TESTS_PORT_STAND_H
#define PENSTOCK_TESTS_PORT_STAND_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "port/port.h"

enum {
	BUFS = 8191,
	STAND_MORE = 100, /* buffers that there is memory for beside the pool */
};

extern struct buf_pool *pool;
extern char why[PORT_WHY];

/* Of a group of tests. */
int open_env(void **state);
int close_env(void **state);

void sleep_ms(uint32_t ms);

/* One end of a link by a socket below /tmp. */
struct port_conf memif_of(const char *socket, uint16_t path, enum img_role role, uint16_t queues);

/* Until both are up. */
void wait_for_link(struct portif *a, struct portif *b);

#endif
