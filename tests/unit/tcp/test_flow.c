/*
 * test_flow.c - the flow table against a plain list, with far more flows than slots.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf_heap.h"
#include "base/prng.h"
#include "tcp/island.h"

enum {
	CONNS = 5000,
	STEPS = 200000,
};

struct world {
	struct tcp *tcp;
	void *mem;
	struct buf_pool *pool;
	struct counters count;
	struct tcp_path path;
};

static void
open_world(struct world *w)
{
	struct tcp_conf conf = {
		.conns_max = CONNS,
		.listeners_max = 1,
		.bufs_max = 16,
		.recv_max_bytes = 65535,
		.seed = { 3, 4 },
		.path_n = 1,
	};

	w->path = (struct tcp_path){ .mtu = 1500 };
	w->pool = buf_heap_open(10);
	conf.path = &w->path;
	conf.pool = w->pool;
	conf.count = &w->count;
	w->mem = aligned_alloc(64, tcp_size(&conf));
	assert_non_null(w->mem);
	memset(w->mem, 0, tcp_size(&conf));
	w->tcp = tcp_init(w->mem, &conf, 0);
}

static void
close_world(struct world *w)
{
	buf_heap_close(w->pool);
	free(w->mem);
}

static struct tcp_conn *
make(struct world *w, uint32_t i)
{
	struct tcp_conn *conn = conn_take(w->tcp, 0);

	conn->remote.b[15] = (uint8_t)(i >> 8);
	conn->remote_port = (uint16_t)(i & 0xff);
	conn->local_port = (uint16_t)(80 + i % 3);
	return conn;
}

static struct tcp_conn *
find(struct world *w, uint32_t i)
{
	struct tcp_conn key = { .remote.b[15] = (uint8_t)(i >> 8) };

	return flow_find(w->tcp, &key.local, (uint16_t)(80 + i % 3), &key.remote,
			 (uint16_t)(i & 0xff));
}

static void
flows_are_found_until_removed(void **state)
{
	struct world w;
	struct tcp_conn *conn[CONNS] = { NULL };
	struct prng prng;

	(void)state;
	open_world(&w);
	prng_init(&prng, 5);
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t i = prng_below(&prng, CONNS);

		assert_ptr_equal(find(&w, i), conn[i]);
		if (conn[i] == NULL) {
			conn[i] = make(&w, i);
			flow_insert(w.tcp, conn[i]);
		} else {
			flow_remove(w.tcp, conn[i]);
			assert_null(find(&w, i));
			pool_give(&w.tcp->conns, conn_index(w.tcp, conn[i]));
			conn[i] = NULL;
		}
	}
	close_world(&w);
}

/* Two buckets for 200 flows: nearly all hang in chains. */
static void
overfull_buckets_chain(void **state)
{
	struct world w;
	struct tcp_conn *conn[200];

	(void)state;
	open_world(&w);
	w.tcp->flow.mask = 1;
	for (uint32_t i = 0; i < 200; i++) {
		conn[i] = make(&w, i);
		flow_insert(w.tcp, conn[i]);
	}
	for (uint32_t i = 0; i < 200; i++)
		assert_ptr_equal(find(&w, i), conn[i]);
	for (uint32_t i = 0; i < 200; i += 2)
		flow_remove(w.tcp, conn[i]);
	for (uint32_t i = 0; i < 200; i++)
		assert_ptr_equal(find(&w, i), i % 2 == 0 ? NULL : conn[i]);
	close_world(&w);
}

static void
records_stay_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct tcp_conn) <= 384);
	assert_int_equal(sizeof(struct flow_bucket), 64);
	assert_true(sizeof(struct span) <= 40 && sizeof(struct island) <= 40);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(flows_are_found_until_removed),
		cmocka_unit_test(overfull_buckets_chain),
		cmocka_unit_test(records_stay_small),
	};

	return cmocka_run_group_tests_name("tcp/flow", test, NULL, NULL);
}
