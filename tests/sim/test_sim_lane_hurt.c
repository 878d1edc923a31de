/*
 * test_sim_lane_hurt.c - worlds that must not hurt: 1-byte segments, both directions stalled, ten
 * thousand slow readers beside fast ones, buffers that the port holds for long. Memory stays
 * within the budget and nobody else waits, in virtual time.
 *
 *	test_sim_lane_hurt [--seed S] [--seeds N] [--only NAME]
 *
 * PENSTOCK_SEED and PENSTOCK_SEEDS do the same for scripts (of the latter a thousandth, these worlds
 * are large). Each seed is run twice with equal traces; the crowd only with PENSTOCK_FULL=1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/lane_world.h"

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

enum {
#ifdef IS_SANITIZED
	SLOW = 2500, /* sanitizers make everything several times slower */
#else
	SLOW = 10000,
#endif
	FAST = 20,
	FAST_REQS = 15,
	REQS_MAX = SLOW + FAST * FAST_REQS,
};

static struct lw_user user[SLOW + FAST];
static struct lw_req req[REQS_MAX];
static bool is_full;

#define CHECK(name, cond)                                                                          \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s: not so: %s (%s:%d)\n", name, #cond, __FILE__,         \
				__LINE__);                                                         \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/* ---- what the worlds are made of ---- */

static void
base_conf(struct lw_conf *conf, const char *name, uint64_t seed)
{
	*conf = (struct lw_conf){
		.seed = seed,
		.name = name,
		.lane_n = 2,
		.port_n = 2,
		.client_n = 2,
		.origin_n = 4,
		.listener_n = 1,
		.conns_max = 4096,
		.exchanges_max = 2048,
		.pool_bufs = 20000,
		.send_max_bytes = 1 << 18,
		.recv_max_bytes = 1 << 18,
		.idle_ns = 60 * S,
		.upstream_idle_ns = 5 * S,
		.client_send_ns = 600 * S,
		.send_ns = 600 * S,
		.receive_ns = 600 * S,
		.connect_ns = 60 * S,
		.body_ns = 600 * S,
		.rest_ns = S,
		.idle_max = 8,
		.retries = 3,
		.user = user,
		.req = req,
		.end_ns = 7200 * S,
	};
	for (uint32_t i = 0; i < conf->port_n; i++)
		conf->port[i] = (struct lw_port){
			.queue_n = 2, .mtu = 1500, .multi_segs = true, .hold_ns = MS
		};
	for (uint32_t i = 0; i < conf->client_n; i++)
		conf->client_link[i].delay_ns = 10 * MS;
	for (uint32_t i = 0; i < conf->origin_n; i++) {
		conf->origin_link[i].delay_ns = MS / 10;
		conf->origin_habits[i] = (struct lw_habits){ .write_max = 65536,
							     .piece_max = 1460,
							     .room_max = 1 << 18 };
	}
}

static struct lw_user *
add_user(struct lw_conf *conf, uint64_t start_ns)
{
	struct lw_user *u = &user[conf->user_n];

	*u = (struct lw_user){
		.req_first = conf->req_n,
		.depth = 1,
		.host = conf->user_n % conf->client_n,
		.is_v6 = conf->user_n % 3 == 0,
		.start_ns = start_ns,
		.habits = { .write_max = 65536, .piece_max = 1460, .room_max = 1 << 18 },
	};
	conf->user_n++;
	return u;
}

static struct lw_req *
add_req(struct lw_conf *conf, struct lw_user *u, uint64_t body_bytes, uint64_t answer_bytes)
{
	struct lw_req *r = &req[conf->req_n++];

	*r = (struct lw_req){
		.method = body_bytes != 0 ? LW_METHOD_POST : LW_METHOD_GET,
		.framing = body_bytes != 0 ? LW_FRAMING_LENGTH : LW_FRAMING_NONE,
		.answer_framing = LW_FRAMING_LENGTH,
		.status = 200,
		.chunk_max = 4000,
		.answer_chunk_max = 4000,
		.body_bytes = body_bytes,
		.answer_bytes = answer_bytes,
	};
	u->req_n++;
	return r;
}

/* Users who read at once, asking all the while. */
static void
add_fast(struct lw_conf *conf, uint64_t start_ns, uint64_t answer_bytes, uint64_t rest_ns)
{
	for (uint32_t i = 0; i < FAST; i++) {
		struct lw_user *u = add_user(conf, start_ns + i * 10 * MS);

		u->listener = conf->listener_n - 1;
		for (uint32_t k = 0; k < FAST_REQS; k++)
			add_req(conf, u, 0, answer_bytes)->rest_ns = rest_ns;
	}
}

/* Errors are right answers to slow ones, who may be cut when memory ends; not to the others. */
static void
excuse_slow(struct lw_conf *conf)
{
	for (uint32_t i = 0; i < conf->user_n; i++)
		for (uint32_t k = 0; user[i].is_slow && k < user[i].req_n; k++)
			req[user[i].req_first + k].is_excused = true;
}

static void
report(const struct lw_conf *conf, const struct lw_result *r)
{
	printf("%-8s seed %" PRIu64 ": %" PRIu64 " frames, %" PRIu64 " bytes, %.1f s; %" PRIu64
	       " right, %" PRIu64 " errors, %" PRIu64
	       " cut; held %u and %u of %u buffers, pool %u of "
	       "%u; slowest fast answer %.3f s; no memory %" PRIu64 " in order %" PRIu64
	       " in gaps, starved %" PRIu64 ", cut %" PRIu64 ", timeouts %" PRIu64 "\n",
	       conf->name, conf->seed, r->frames, r->bytes, (double)r->end_ns / 1e9, r->right,
	       r->errors, r->cut, r->held_peak[0], r->held_peak[1], r->held_max[0], r->pool_peak,
	       conf->pool_bufs, (double)r->slowest_fast_ns / 1e9, r->count.tcp_rx_no_memory,
	       r->count.tcp_rx_gap_no_memory, r->count.proxy_starved, r->count.proxy_cut,
	       r->count.tcp_timeouts);
	fflush(stdout);
}

/* ---- 1-byte segments ---- */

/* Every segment carries one byte, and the readers are late: bytes wait, not buffers. */
static void
make_bytes(struct lw_conf *conf)
{
	conf->pool_bufs = 4000;
	for (uint32_t i = 0; i < conf->client_n; i++)
		conf->client_link[i].cut_bytes = 1;
	for (uint32_t i = 0; i < conf->origin_n; i++) {
		conf->origin_link[i].cut_bytes = 1;
		conf->origin_habits[i].stall = 500;
		conf->origin_habits[i].stall_ns = 2 * S;
	}
	for (uint32_t i = 0; i < 20; i++) {
		struct lw_user *u = add_user(conf, i * 5 * MS);

		u->habits.stall = 500;
		u->habits.stall_ns = 2 * S;
		u->is_slow = true;
		add_req(conf, u, 4000, 4000)->framing = LW_FRAMING_CHUNKED;
		add_req(conf, u, 0, 3000);
	}
}

static void
check_bytes(const struct lw_conf *conf, const struct lw_result *r)
{
	CHECK(conf->name, r->right == conf->req_n);
	CHECK(conf->name, r->count.tcp_rx_merged > 20 * 4000);
	/* 20 users with up to 4000 waiting bytes a direction: a buffer each would be 160,000. */
	CHECK(conf->name, r->held_peak[0] < 400 && r->held_peak[1] < 400);
}

/* ---- both directions stalled ---- */

/* Clients send and do not read, origins answer early and do not read; others pass by. */
static void
make_stalled(struct lw_conf *conf)
{
	conf->pool_bufs = 6000;
	conf->listener_n = 2; /* the fast ones have origins of their own */
	conf->fast_ns = 100 * MS;
	for (uint32_t i = 0; i < 4; i += 2) {
		conf->origin_habits[i].room_max = 8192;
		conf->origin_habits[i].stall = 1000;
		conf->origin_habits[i].stall_ns = 60 * S;
	}
	for (uint32_t i = 0; i < 150; i++) {
		struct lw_user *u = add_user(conf, i * 5 * MS);
		struct lw_req *r = add_req(conf, u, 100000, 100000);

		r->act = i % 2 == 0 ? LW_ACT_EARLY : LW_ACT_GOOD;
		r->framing = i % 3 == 0 ? LW_FRAMING_CHUNKED : LW_FRAMING_LENGTH;
		r->answer_framing = i % 5 == 0 ? LW_FRAMING_CHUNKED : LW_FRAMING_LENGTH;
		u->is_slow = true;
		u->habits.room_max = 8192;
		u->habits.stall = 1000;
		u->habits.stall_ns = 60 * S;
	}
	add_fast(conf, 300 * MS, 3000, S);
	excuse_slow(conf);
	conf->may_be_double = true;
}

static void
check_stalled(const struct lw_conf *conf, const struct lw_result *r)
{
	CHECK(conf->name, r->held_peak[0] <= r->held_max[0] && r->held_peak[1] <= r->held_max[1]);
	CHECK(conf->name, r->right >= (uint64_t)FAST * FAST_REQS);
}

/* ---- buffers held long ---- */

/* The port needs ten seconds to say that a frame has gone. */
static void
make_held(struct lw_conf *conf)
{
	for (uint32_t i = 0; i < conf->port_n; i++) {
		conf->port[i].hold_min_ns = 5 * S;
		conf->port[i].hold_ns = 15 * S;
	}
	add_fast(conf, 0, 30000, S);
	conf->fast_ns = 200 * MS;
}

static void
check_held(const struct lw_conf *conf, const struct lw_result *r)
{
	CHECK(conf->name, r->right == conf->req_n);
	CHECK(conf->name, r->held_peak[0] <= r->held_max[0] && r->held_peak[1] <= r->held_max[1]);
	CHECK(conf->name, r->pool_peak <= conf->pool_bufs);
}

/* The same over links that lose: what is sent again is still in the port's hands. */
static void
make_again(struct lw_conf *conf)
{
	make_held(conf);
	conf->fast_ns = 0;
	for (uint32_t i = 0; i < conf->client_n; i++)
		conf->client_link[i].loss = 30;
	for (uint32_t i = 0; i < conf->origin_n; i++)
		conf->origin_link[i].loss = 30;
}

static void
check_again(const struct lw_conf *conf, const struct lw_result *r)
{
	check_held(conf, r);
	CHECK(conf->name, r->count.tcp_tx_again > 100);
}

/* ---- slow readers ---- */

static uint64_t alone_ns; /* the fast ones' slowest answer without the slow ones */

static void
make_slow(struct lw_conf *conf, uint32_t slow_n, uint64_t answer_bytes, uint64_t within_ns)
{
	conf->conns_max = 3 * SLOW;
	conf->exchanges_max = 2 * SLOW;
	conf->origin_conns = SLOW;
	conf->host_bufs = 200000;
	conf->pool_bufs = 6 * SLOW;
	for (uint32_t i = 0; i < slow_n; i++) {
		struct lw_user *u = add_user(conf, i * within_ns / SLOW);

		u->is_slow = true;
		u->habits.room_max = 2048;
		u->habits.stall = 1000;
		u->habits.stall_ns = 30 * S;
		add_req(conf, u, 0, answer_bytes + i % 7 * 2000);
	}
	add_fast(conf, 5 * S, 50000, 2 * S);
	excuse_slow(conf);
}

static void
make_alone(struct lw_conf *conf)
{
	make_slow(conf, 0, 0, 0);
}

static void
check_alone(const struct lw_conf *conf, const struct lw_result *r)
{
	CHECK(conf->name, r->right == conf->req_n);
	alone_ns = r->slowest_fast_ns;
}

/* There is room for what the slow ones keep waiting: nobody notices them. */
static void
make_crowd(struct lw_conf *conf)
{
	make_slow(conf, SLOW, 4000, 4 * S);
	conf->fast_ns = alone_ns + alone_ns / 4;
}

static void
check_crowd(const struct lw_conf *conf, const struct lw_result *r)
{
	CHECK(conf->name, r->right == conf->req_n);
	CHECK(conf->name, r->held_peak[0] <= r->held_max[0] && r->held_peak[1] <= r->held_max[1]);
}

/*
 * There is not, three times over: windows fall, the longest stalled are cut by that name, and the
 * fast ones have every answer, over two segments a round trip.
 */
static void
make_flood(struct lw_conf *conf)
{
	make_slow(conf, SLOW, 20000, 20 * S);
	conf->fast_ns = 2 * S;
}

static void
check_flood(const struct lw_conf *conf, const struct lw_result *r)
{
	CHECK(conf->name, r->right + r->cut + r->errors == conf->req_n);
	CHECK(conf->name, r->cut + r->errors <= r->count.proxy_cut);
	CHECK(conf->name, r->count.tcp_rx_no_memory == 0);
	CHECK(conf->name, r->held_peak[0] <= r->held_max[0] && r->held_peak[1] <= r->held_max[1]);
}

/* ---- the program ---- */

static const struct {
	const char *name;
	void (*make)(struct lw_conf *conf);
	void (*check)(const struct lw_conf *conf, const struct lw_result *result);
	bool is_large;
} world[] = {
	{ "bytes", make_bytes, check_bytes, false },
	{ "stalled", make_stalled, check_stalled, false },
	{ "held", make_held, check_held, false },
	{ "again", make_again, check_again, false },
	{ "alone", make_alone, check_alone, true },
	{ "crowd", make_crowd, check_crowd, true },
	{ "flood", make_flood, check_flood, true },
};

static uint64_t
run(uint32_t i, uint64_t seed, bool is_loud)
{
	struct lw_result result;
	struct lw_conf conf;

	base_conf(&conf, world[i].name, seed);
	world[i].make(&conf);
	lw_run(&conf, &result);
	if (is_loud)
		report(&conf, &result);
	world[i].check(&conf, &result);
	return result.hash;
}

static uint64_t
number(const char *text, uint64_t other)
{
	return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : other;
}

int
main(int argc, char **argv)
{
	uint64_t seeds = number(getenv("PENSTOCK_SEEDS"), 1000) / 1000;
	uint64_t first = number(getenv("PENSTOCK_SEED"), 1);
	const char *only = NULL;

	is_full = number(getenv("PENSTOCK_FULL"), 0) != 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
			seeds = number(argv[++i], seeds);
		} else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
			first = number(argv[++i], first);
			seeds = 1;
		} else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
			only = argv[++i];
		} else {
			fprintf(stderr, "usage: %s [--seed S] [--seeds N] [--only NAME]\n",
				argv[0]);
			return 2;
		}
	}
	for (uint64_t seed = first; seed < first + (seeds != 0 ? seeds : 1); seed++) {
		for (uint32_t i = 0; i < sizeof(world) / sizeof(world[0]); i++) {
			uint64_t hash;

			if (only != NULL && strcmp(only, world[i].name) != 0)
				continue;
			hash = run(i, seed, true);
			if (!world[i].is_large || is_full)
				CHECK(world[i].name, run(i, seed, false) == hash);
		}
	}
	return 0;
}
