/*
 * test_sim_crowd.c - ten thousand slow readers beside a few fast ones: memory stays in its budget,
 * windows fall instead, and the fast ones do not wait.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/world.h"

enum {
	FAST = 20,
	BUFS_MAX = 32768,
};

static void
draw(struct prng *prng, uint32_t pair, struct app_conf app[HOSTS])
{
	bool is_fast = pair < FAST;

	app[0] = (struct app_conf){
		.send_bytes = 100,
		.write_max = 100,
		.piece_max = 100,
		.room_max = is_fast ? 1 << 18 : 8192,
		.stall = is_fast ? 0 : 500,
		.stall_ns = 10 * S,
		.abort_at = UINT64_MAX,
	};
	app[1] = (struct app_conf){
		.send_bytes = is_fast ? 2000000 : 3000 + prng_below(prng, 17000),
		.write_max = 16384,
		.piece_max = 1460,
		.room_max = 65536,
		.abort_at = UINT64_MAX,
	};
}

static uint64_t
number(const char *text, uint64_t other)
{
	return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : other;
}

int
main(int argc, char **argv)
{
	uint32_t pairs = (uint32_t)number(argc > 1 ? argv[1] : NULL, 10000);
	struct world_conf conf = {
		.seed = number(getenv("PENSTOCK_SEED"), 1),
		.name = "crowd of slow readers",
		.pairs = pairs + FAST,
		.burst_max = 64,
		.start_ns = 5 * S,
		.pool_bufs = 1000000,
		.hold_ns = 5 * MS,
		.draw = draw,
		.end_ns = 3600 * S,
		.fast_pairs = FAST,
		.fast_ns = 20 * S,
	};
	struct world_result result;

	for (uint32_t i = 0; i < HOSTS; i++) {
		conf.link[i].delay_ns = 20 * MS;
		conf.path[i] = (struct tcp_path){ .mtu = 1500, .multi_segs = true };
		conf.tcp[i] = (struct tcp_conf){
			.conns_max = pairs + 100,
			.listeners_max = 1,
			.backlog_max = 1000,
			.bufs_max = BUFS_MAX,
			.send_max_bytes = 1 << 16,
			.recv_max_bytes = 1 << 18,
			.time_wait_ns = 10 * S,
			.connect_ns = 60 * S,
			.user_timeout_ns = 1800 * S,
		};
	}
	conf.tcp[1].bufs_max = 1000000; /* the senders are not what is looked at */
	world_run(&conf, &result);
	printf("%u slow readers: %" PRIu64 " packets, %" PRIu64 " bytes, %.0f s of their time, "
	       "%u of %u buffers held at most, %" PRIu64 " refused in order\n",
	       pairs, result.packets, result.bytes, (double)result.end_ns / 1e9,
	       result.held_peak[0], BUFS_MAX, result.count[0].tcp_rx_no_memory);
	return 0;
}
