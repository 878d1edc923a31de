/*
 * test_sim_tcp.c - worlds for the TCP engine, each run twice per seed with equal traces.
 *
 *	test_sim_tcp [--seeds N] [--seed S] [--world NAME] [-v]
 *
 * PENSTOCK_SEEDS and PENSTOCK_SEED do the same for scripts. Seeds are shared out among the worlds:
 * seed s belongs to world s mod (number of worlds).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

#define WRITING_NS (1000 * S) /* an end that nobody holds up has written all of it by then */

static void
base_conf(struct world_conf *conf, struct prng *prng, uint64_t seed)
{
	*conf = (struct world_conf){
		.seed = seed,
		.is_v6 = prng_one_in(prng, 2),
		.pairs = 1 + prng_below(prng, 6),
		.burst_max = prng_one_in(prng, 2) ? 1 : 64,
		.start_ns = 100 * MS,
		.pool_bufs = 20000,
		.hold_ns = prng_one_in(prng, 3) ? 0 : 20 * MS,
		.split = prng_one_in(prng, 2) ? 0 : 100,
		.end_ns = 3600 * S,
	};
	if (prng_one_in(prng, 2)) /* window scale 3, SACK permitted 4, timestamps 8 */
		conf->strip = prng_u32(prng) & (1u << 3 | 1u << 4 | 1u << 8);
	for (uint32_t i = 0; i < HOSTS; i++) {
		conf->link[i] = (struct link_conf){
			.delay_ns = prng_between(prng, 10000, 60 * MS),
		};
		conf->path[i] = (struct tcp_path){
			.mtu = prng_one_in(prng, 4) ? 1280 : 1500,
			.csum_tx = prng_one_in(prng, 2),
			.multi_segs = prng_one_in(prng, 2),
		};
		conf->tcp[i] = (struct tcp_conf){
			.conns_max = 64,
			.listeners_max = 4,
			.backlog_max = 32,
			.bufs_max = 4096,
			.send_max_bytes = 32768u << prng_below(prng, 5),
			.recv_max_bytes = 16384u << prng_below(prng, 6),
			.time_wait_ns = 240 * S,
			.connect_ns = 600 * S,
			.user_timeout_ns = 1800 * S,
			.keepalive_idle_ns = prng_one_in(prng, 2) ? 30 * S : 0,
		};
	}
}

static void
draw_app(struct prng *prng, struct app_conf *app, uint32_t size_class)
{
	static const uint64_t size[] = { 1, 100, 3000, 60000, 1000000 };
	uint64_t slowest;

	*app = (struct app_conf){
		.send_bytes = prng_one_in(prng, 6) ? 0 : prng_between(prng, 0, size[size_class]),
		.write_max = prng_one_in(prng, 2) ? 100000 : 1 + prng_below(prng, 5000),
		.piece_max = prng_one_in(prng, 2) ? 1460 : 1 + prng_below(prng, 2000),
		.pause_ns = prng_one_in(prng, 2) ? 0 : prng_between(prng, 0, 30 * MS),
		.room_max = prng_one_in(prng, 2) ? 1 << 20 : 4096 + prng_below(prng, 100000),
		.abort_at = UINT64_MAX,
		.waits_for_eof = false,
		.corks = prng_one_in(prng, 2),
	};
	slowest = (app->write_max / 4 + 1) * (WRITING_NS / (app->pause_ns + 1));
	if (app->send_bytes > slowest) /* who writes a byte now and then does not write so many */
		app->send_bytes = slowest;
}

static void
draw_mixed(struct prng *prng, uint32_t pair, struct app_conf app[HOSTS])
{
	(void)pair;
	for (uint32_t i = 0; i < HOSTS; i++)
		draw_app(prng, &app[i], prng_below(prng, 5));
	app[prng_below(prng, 2)].waits_for_eof = prng_one_in(prng, 2);
}

static void
draw_stalling(struct prng *prng, uint32_t pair, struct app_conf app[HOSTS])
{
	draw_mixed(prng, pair, app);
	for (uint32_t i = 0; i < HOSTS; i++) {
		app[i].stall = 50 + prng_below(prng, 300);
		app[i].stall_ns = prng_one_in(prng, 2) ? 200 * MS : 5 * S;
		if (app[i].send_bytes > 200000)
			app[i].send_bytes = 200000;
	}
}

static void
draw_tiny(struct prng *prng, uint32_t pair, struct app_conf app[HOSTS])
{
	draw_mixed(prng, pair, app);
	for (uint32_t i = 0; i < HOSTS; i++) {
		app[i].write_max = 1;
		app[i].piece_max = 1;
		app[i].pause_ns = 0;
		app[i].send_bytes = prng_below(prng, 2000);
		app[i].corks = false;
		app[i].stall = 100;
		app[i].stall_ns = S;
	}
}

static void
draw_aborting(struct prng *prng, uint32_t pair, struct app_conf app[HOSTS])
{
	draw_mixed(prng, pair, app);
	if (prng_one_in(prng, 2))
		app[prng_below(prng, 2)].abort_at = prng_between(prng, 0, 100000);
	app[0].releases_early = prng_one_in(prng, 4);
	app[1].releases_early = prng_one_in(prng, 4);
}

static void
bad_links(struct world_conf *conf, struct prng *prng)
{
	for (uint32_t i = 0; i < HOSTS; i++) {
		struct link_conf *link = &conf->link[i];

		if (prng_one_in(prng, 2))
			link->loss = prng_below(prng, 150);
		if (prng_one_in(prng, 2))
			link->duplicate = prng_below(prng, 100);
		if (prng_one_in(prng, 2)) {
			link->reorder = prng_below(prng, 400);
			link->jitter_ns = prng_between(prng, 0, 100 * MS);
		}
		if (prng_one_in(prng, 2))
			link->corrupt = prng_below(prng, 30);
		if (prng_one_in(prng, 3)) {
			link->byte_ns = 1 + prng_below(prng, 10000);
			link->queue_ns = prng_between(prng, 10 * MS, 500 * MS);
		}
	}
}

static void
world_good(struct world_conf *conf, struct prng *prng)
{
	(void)prng;
	conf->draw = draw_mixed;
}

static void
world_bad_links(struct world_conf *conf, struct prng *prng)
{
	conf->draw = draw_mixed;
	bad_links(conf, prng);
}

static void
world_stalling(struct world_conf *conf, struct prng *prng)
{
	conf->draw = draw_stalling;
	if (prng_one_in(prng, 2))
		bad_links(conf, prng);
}

static void
world_tiny(struct world_conf *conf, struct prng *prng)
{
	conf->draw = draw_tiny;
	if (prng_one_in(prng, 2))
		bad_links(conf, prng);
}

static void
world_aborting(struct world_conf *conf, struct prng *prng)
{
	conf->draw = draw_aborting;
	conf->has_aborts = true;
	conf->may_fail = true;
	if (prng_one_in(prng, 2))
		bad_links(conf, prng);
}

/* Fewer records than connections that want one: cookies, eviction, TIME-WAIT cut short. */
static void
world_crowd(struct world_conf *conf, struct prng *prng)
{
	conf->draw = draw_aborting;
	conf->has_aborts = true;
	conf->may_fail = true;
	conf->pairs = 40;
	conf->start_ns = 2 * S;
	for (uint32_t i = 0; i < HOSTS; i++) {
		conf->tcp[i].conns_max = 8 + prng_below(prng, 40);
		conf->tcp[i].backlog_max = 1 + prng_below(prng, 4);
		conf->tcp[i].time_wait_ns = 20 * S;
		conf->tcp[i].connect_ns = 20 * S;
		conf->tcp[i].keepalive_idle_ns =
			30 * S; /* a lost ACK of a cookie leaves one side */
		conf->tcp[i].user_timeout_ns = 60 * S;
	}
	if (prng_one_in(prng, 2))
		bad_links(conf, prng);
}

/* A budget far below what the windows could ask for. */
static void
world_budget(struct world_conf *conf, struct prng *prng)
{
	conf->draw = draw_stalling;
	conf->pairs = 1 + prng_below(prng, 20);
	for (uint32_t i = 0; i < HOSTS; i++)
		conf->tcp[i].bufs_max = 64u << prng_below(prng, 4);
	if (prng_one_in(prng, 2))
		bad_links(conf, prng);
}

/* The pool runs dry for moments, and ports hold buffers for long. */
static void
world_dry(struct world_conf *conf, struct prng *prng)
{
	conf->draw = draw_mixed;
	conf->pool_dry = 20 + prng_below(prng, 200);
	conf->hold_ns = prng_one_in(prng, 2) ? 2 * S : 50 * MS;
	if (prng_one_in(prng, 2))
		bad_links(conf, prng);
}

/* Nobody gives up, and the last ACK is waited for: every byte arrives, however long it takes. */
static void
endless(struct world_conf *conf)
{
	conf->is_calm_at_first = true;
	conf->end_ns = 1000000 * S;
	for (uint32_t i = 0; i < HOSTS; i++) {
		conf->tcp[i].connect_ns = conf->tcp[i].user_timeout_ns = 1000000 * S;
		conf->tcp[i].keepalive_idle_ns = 0;
		conf->tcp[i].time_wait_ns = 3000 * S;
	}
}

/* Loss to 30 % in either direction, and of ACKs even more. */
static void
world_lossy(struct world_conf *conf, struct prng *prng)
{
	conf->draw = draw_mixed;
	endless(conf);
	if (prng_one_in(prng, 3))
		bad_links(conf, prng);
	for (uint32_t i = 0; i < HOSTS; i++) {
		conf->link[i].loss = prng_below(prng, 301);
		conf->link[i].ack_loss = prng_one_in(prng, 2) ? prng_below(prng, 301) : 0;
	}
}

/* The round trip is many times as long all of a sudden, for a while: nothing is lost, only late. */
static void
world_jumps(struct world_conf *conf, struct prng *prng)
{
	conf->draw = draw_mixed;
	endless(conf);
	for (uint32_t i = 0; i < HOSTS; i++) {
		struct link_conf *link = &conf->link[i];

		link->loss = prng_one_in(prng, 2) ? prng_below(prng, 50) : 0;
		link->jump_max = 1 + prng_below(prng, prng_one_in(prng, 2) ? 100 : 8);
		link->jump_ns =
			prng_between(prng, 20 * MS, prng_one_in(prng, 2) ? 500 * MS : 10 * S);
		link->keeps_order = prng_one_in(prng, 2);
	}
}

/* One of both lies; where that can cost bytes, both have patience only for a while. */
static void
world_liar(struct world_conf *conf, struct prng *prng)
{
	conf->draw = draw_mixed;
	endless(conf);
	if (prng_one_in(prng, 2))
		bad_links(conf, prng);
	conf->liar = prng_below(prng, HOSTS);
	conf->lies = 10 + prng_below(prng, 600);
	conf->lie_kinds = 1u << prng_below(prng, LIES) | 1u << prng_below(prng, LIES);
	if (prng_one_in(prng, 4))
		conf->lie_kinds = (1u << LIES) - 1;
	if ((conf->lie_kinds & LIE_BREAKS) == 0)
		return;
	conf->may_fail = conf->has_aborts = true;
	conf->patience_ns = 300 * S;
	for (uint32_t i = 0; i < HOSTS; i++) {
		conf->tcp[i].user_timeout_ns = 100 * S;
		conf->tcp[i].keepalive_idle_ns = 30 * S;
	}
}

static const struct {
	const char *name;
	void (*make)(struct world_conf *conf, struct prng *prng);
} world[] = {
	{ "good", world_good },		{ "bad-links", world_bad_links },
	{ "stalling", world_stalling }, { "tiny", world_tiny },
	{ "aborting", world_aborting }, { "crowd", world_crowd },
	{ "budget", world_budget },	{ "dry", world_dry },
	{ "lossy", world_lossy },	{ "jumps", world_jumps },
	{ "liar", world_liar },
};

enum {
	WORLDS = sizeof(world) / sizeof(world[0]),
};

/* In a third of the worlds a port cuts large packets, or hands them to its peer as they are. */
static void
draw_super(struct world_conf *conf, uint64_t seed)
{
	struct prng prng; /* of its own: the other worlds stay what they were */

	prng_init(&prng, seed ^ 0x7506);
	if (!prng_one_in(&prng, 3))
		return;
	conf->uncut = prng_one_in(&prng, 2) ? 0 : prng_below(&prng, 1001);
	for (uint32_t i = 0; i < HOSTS; i++) {
		struct tcp_path *path = &conf->path[i];

		if (prng_one_in(&prng, 4))
			continue;
		path->csum_tx = path->multi_segs = path->tso = true;
	}
}

/* In half of the worlds somebody speaks ECN, or goes by Reno's window. */
static void
draw_control(struct world_conf *conf, uint64_t seed)
{
	struct prng prng;

	prng_init(&prng, seed ^ 0x3168);
	if (prng_one_in(&prng, 2))
		return;
	for (uint32_t i = 0; i < HOSTS; i++) {
		conf->tcp[i].asks_ecn = prng_one_in(&prng, 2);
		conf->tcp[i].cc = (enum tcp_cc)prng_below(&prng, TCP_CCS);
		conf->link[i].mark = prng_one_in(&prng, 2) ? prng_below(&prng, 100) : 0;
	}
}

/* In a quarter of the worlds connections are saved and restored all the time. */
static void
draw_saves(struct world_conf *conf, uint64_t seed)
{
	struct prng prng;

	prng_init(&prng, seed ^ 0x5a7e);
	if (prng_one_in(&prng, 4) && conf->pool_dry == 0)
		conf->saves = 1 + prng_below(&prng, 200);
}

/* In a third of the worlds somebody off the path guesses, RFC 5961 and 5927. */
static void
draw_blind(struct world_conf *conf, uint64_t seed)
{
	struct prng prng;

	prng_init(&prng, seed ^ 0x5961);
	if (!prng_one_in(&prng, 3))
		return;
	conf->blind = 100 + prng_below(&prng, 901);
	conf->blind_ns = 600 * S;
}

static void
run(uint32_t kind, uint64_t seed, struct world_result *ret_result)
{
	struct world_conf conf;
	struct prng prng;

	prng_init(&prng, seed * 31 + kind);
	base_conf(&conf, &prng, seed);
	conf.name = world[kind].name;
	world[kind].make(&conf, &prng);
	draw_super(&conf, seed);
	draw_control(&conf, seed);
	draw_saves(&conf, seed);
	draw_blind(&conf, seed);
	world_run(&conf, ret_result);
}

static uint64_t
number(const char *text, uint64_t other)
{
	return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : other;
}

int
main(int argc, char **argv)
{
	uint64_t seeds = number(getenv("PENSTOCK_SEEDS"), 500);
	uint64_t first = number(getenv("PENSTOCK_SEED"), 0), packets = 0, bytes = 0, saves = 0;
	uint64_t guesses = 0, lies = 0;
	const char *only = NULL;
	bool is_loud = false;

	if (getenv("PENSTOCK_SEED") != NULL && getenv("PENSTOCK_SEEDS") == NULL)
		seeds = 1;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
			seeds = number(argv[++i], seeds);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			first = number(argv[++i], first), seeds = 1;
		else if (strcmp(argv[i], "--world") == 0 && i + 1 < argc)
			only = argv[++i];
		else if (strcmp(argv[i], "-v") == 0)
			is_loud = true;
		else
			return fprintf(stderr, "usage: %s [--seeds N] [--seed S] [--world NAME]\n",
				       argv[0]),
			       2;
	}
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		uint32_t kind = (uint32_t)(seed % WORLDS);
		struct world_result a, b;

		for (uint32_t k = 0; only != NULL && k < WORLDS; k++)
			if (strcmp(world[k].name, only) == 0)
				kind = k;
		run(kind, seed, &a);
		run(kind, seed, &b);
		if (is_loud)
			printf("seed %" PRIu64 " %-10s %8" PRIu64 " packets %10" PRIu64
			       " bytes %7" PRIu64 " steps, again %" PRIu64 " timeouts %" PRIu64
			       "\n",
			       seed, world[kind].name, a.packets, a.bytes, a.steps,
			       a.count[0].tcp_tx_again + a.count[1].tcp_tx_again,
			       a.count[0].tcp_timeouts + a.count[1].tcp_timeouts);
		if (a.hash != b.hash) {
			fprintf(stderr, "world %s, seed %" PRIu64 ": two runs differ\n",
				world[kind].name, seed);
			return 1;
		}
		saves += a.saves;
		guesses += a.guesses;
		lies += a.lies;
		packets += a.packets;
		bytes += a.bytes;
	}
	printf("%" PRIu64 " seeds, each twice: %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64
	       " connections saved and restored, %" PRIu64 " guesses from off the path, %" PRIu64
	       " lies\n",
	       seeds, packets, bytes, saves, guesses, lies);
	return 0;
}
