/*
 * bench_flow.c - ticks of a flow look-up, the key's making included: in a table that fits the
 * caches, in one of a million flows that does not, one by one and as a lane does it, a burst at a
 * time with prefetch.
 */
#include "base/buf_heap.h"
#include "micro/bench.h"
#include "tcp/conn.h"

enum {
	TIMES = 1024,
	WARM_FLOWS = 1 << 10, /* powers of two */
	COLD_FLOWS = 1 << 20,
	BURST = 32,
};

#define STRIDE 0x9e3779b1u /* odd: visits every flow, none near the one before */

static struct tcp *tcp;
static struct counters count;
static struct buf_pool *pool;
static const struct tcp_path path = { .mtu = 1500 };
static uint32_t flows, at;

/* Flow i's segment; those from `flows` on are nobody's. */
static void
make_seg(struct tcp_seg *seg, uint32_t i)
{
	seg->src = ip_from_v4((const uint8_t[]){ 10, 64, (uint8_t)(i >> 24), (uint8_t)(i >> 16) });
	seg->src_port = (uint16_t)i;
	seg->dst = ip_from_v4((const uint8_t[]){ 10, 1, 0, 10 });
	seg->dst_port = 80;
}

static void
open_table(uint32_t n)
{
	struct tcp_conf conf = {
		.conns_max = n + 16,
		.listeners_max = 1,
		.bufs_max = 16,
		.recv_max_bytes = 65535,
		.seed = { 3, 4 },
		.path = &path,
		.path_n = 1,
		.pool = pool,
		.count = &count,
	};
	struct tcp_seg seg = { 0 };

	flows = n;
	at = 0;
	tcp = tcp_init(bench_memory(tcp_size(&conf)), &conf, 0);
	for (uint32_t i = 0; i < n; i++) {
		struct tcp_conn *conn = conn_take(tcp, 0);

		make_seg(&seg, i);
		conn->remote = seg.src;
		conn->remote_port = seg.src_port;
		conn->local = seg.dst;
		conn->local_port = seg.dst_port;
		flow_insert(tcp, conn);
	}
}

/* The next one, from all over the table. */
static uint32_t
next(void)
{
	at += STRIDE;
	return at & (flows - 1);
}

static void
find(uint32_t n, uint32_t from, bool is_there)
{
	struct tcp_seg seg = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		make_seg(&seg, from + next());
		if ((flow_find(tcp, &seg.dst, seg.dst_port, &seg.src, seg.src_port) != NULL) !=
		    is_there)
			bench_die("a look-up went wrong");
	}
}

static void
hit(uint32_t n)
{
	find(n, 0, true);
}

static void
miss(uint32_t n)
{
	find(n, flows, false);
}

static void
burst(uint32_t n)
{
	static struct tcp_seg seg[BURST];
	struct flow_place place[BURST];

	for (uint32_t done = 0; done < n; done += BURST) {
		uint32_t k = n - done < BURST ? n - done : BURST;

		for (uint32_t i = 0; i < k; i++)
			make_seg(&seg[i], next());
		flow_prefetch(tcp, seg, k, place);
		for (uint32_t i = 0; i < k; i++)
			if (flow_find_at(tcp, place[i], &seg[i]) == NULL)
				bench_die("a flow is not found");
	}
}

static void
out_and_in(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct tcp_conn *conn = conn_at(tcp, next());

		flow_remove(tcp, conn);
		flow_insert(tcp, conn);
	}
}

int
main(int argc, char **argv)
{
	bench_open("bench_flow", argc, argv);
	pool = buf_heap_open(8);
	open_table(bench_size(WARM_FLOWS));
	bench_run("flow/hit", TIMES, NULL, hit);
	bench_run("flow/miss", TIMES, NULL, miss);
	bench_run("flow/burst", TIMES, NULL, burst);
	bench_run("flow/remove-insert", TIMES, NULL, out_and_in);
	if (bench_wants("flow/1M-hit") || bench_wants("flow/1M-miss") ||
	    bench_wants("flow/1M-burst"))
		open_table(bench_size(COLD_FLOWS));
	bench_run("flow/1M-hit", TIMES, NULL, hit);
	bench_run("flow/1M-miss", TIMES, NULL, miss);
	bench_run("flow/1M-burst", TIMES, NULL, burst);
	buf_heap_close(pool);
	return bench_close();
}
