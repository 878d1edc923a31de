/*
 * test_sim_lane.c - worlds for whole lanes, each run twice per seed with equal traces.
 *
 *	test_sim_lane [--seeds N] [--seed S] [--world NAME] [-v]
 *
 * PENSTOCK_SEEDS (of which a quarter is run here, and of those beyond a thousand one in 400) and
 * PENSTOCK_SEED do the same for scripts. Seeds are shared out among the worlds: seed s belongs to
 * world s mod (number of worlds).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/lane_world.h"

enum {
	USERS_MAX = 24,
	REQS_EACH_MAX = 8,
	SEEDS_USUAL = 121,
	SHARE = 4, /* of the seeds that scripts ask for; the rest are the TCP worlds' */
	MANY = 1000,
	SHARE_OF_MANY = 400, /* a world takes a second or two, a hundred times one of TCP */
};

static struct lw_user user[USERS_MAX];
static struct lw_req req[USERS_MAX * REQS_EACH_MAX];

/* ---- scripts ---- */

static uint64_t
draw_size(struct prng *prng, uint32_t most)
{
	static const uint32_t size[] = { 1, 100, 3000, 20000, 200000 };
	uint32_t class = prng_below(prng, 5);
	uint64_t n = prng_one_in(prng, 6) ? 0 : prng_between(prng, 0, size[class]);

	return n < most ? n : most;
}

static void
draw_body(struct prng *prng, struct lw_req *r, uint32_t most)
{
	r->method = LW_METHOD_POST;
	if (prng_one_in(prng, 4))
		r->method = LW_METHOD_RPC;
	r->framing = prng_one_in(prng, 2) ? LW_FRAMING_LENGTH : LW_FRAMING_CHUNKED;
	if (r->is_old)
		r->framing = LW_FRAMING_LENGTH;
	r->body_bytes = draw_size(prng, most);
	r->expects = !r->is_old && prng_one_in(prng, 6);
}

static void
draw_answer(struct prng *prng, struct lw_req *r, uint32_t most)
{
	r->answer_bytes = draw_size(prng, most);
	r->status = 200;
	switch (prng_below(prng, 8)) {
	case 0:
		r->answer_framing = LW_FRAMING_NONE;
		r->status = prng_one_in(prng, 2) ? 204 : 304;
		r->answer_bytes = 0;
		break;
	case 1:
		r->answer_framing = LW_FRAMING_CLOSE;
		break;
	case 2:
	case 3:
	case 4:
		r->answer_framing = LW_FRAMING_CHUNKED;
		break;
	default:
		r->answer_framing = LW_FRAMING_LENGTH;
	}
}

static enum lw_act
draw_act(struct prng *prng, const struct lw_req *r, bool may_fail)
{
	bool can_stop = r->answer_bytes > 10 && r->method != LW_METHOD_HEAD;
	uint32_t kind = prng_below(prng, may_fail ? 14 : 10);

	switch (kind) {
	case 5:
		return LW_ACT_EARLY;
	case 6:
		return LW_ACT_EARLY_CLOSE;
	case 7:
		return LW_ACT_CLOSES;
	case 8:
		return LW_ACT_LEAVES;
	case 9:
		return LW_ACT_INTERIM;
	case 10:
		return LW_ACT_RESET_HEAD;
	case 11:
		return LW_ACT_FIN_HEAD;
	case 12:
		return can_stop ? LW_ACT_RESET_BODY : LW_ACT_GOOD;
	case 13:
		return can_stop && r->answer_framing != LW_FRAMING_CLOSE ? LW_ACT_FIN_BODY
									 : LW_ACT_GOOD;
	default:
		return LW_ACT_GOOD;
	}
}

static void
draw_req(struct prng *prng, struct lw_req *r, uint32_t most, bool may_fail)
{
	*r = (struct lw_req){
		.is_old = prng_one_in(prng, 10),
		.closes = prng_one_in(prng, 8),
		.has_trailer = prng_one_in(prng, 4),
		.leaves = prng_one_in(prng, 20),
		.chunk_max = prng_one_in(prng, 4) ? 1 + prng_below(prng, 30)
						  : 100 + prng_below(prng, 9000),
		.answer_chunk_max = prng_one_in(prng, 4) ? 1 + prng_below(prng, 30)
							 : 100 + prng_below(prng, 9000),
		.pad = prng_one_in(prng, 3) ? prng_below(prng, 800) : 0,
		.think_ns = prng_one_in(prng, 2) ? 0 : prng_between(prng, 0, 300 * MS),
		.rest_ns = prng_one_in(prng, 2) ? 0 : prng_between(prng, 0, 2 * S),
	};
	r->method = prng_one_in(prng, 6) ? LW_METHOD_HEAD : LW_METHOD_GET;
	if (prng_one_in(prng, 2))
		draw_body(prng, r, most);
	draw_answer(prng, r, most);
	r->act = (uint8_t)draw_act(prng, r, may_fail);
	if (r->act == LW_ACT_RESET_BODY || r->act == LW_ACT_FIN_BODY)
		r->cut_at = prng_between(prng, 0, r->answer_bytes - 1);
}

static void
draw_habits(struct prng *prng, struct lw_habits *h)
{
	*h = (struct lw_habits){
		.write_max = prng_one_in(prng, 2) ? 100000 : 1 + prng_below(prng, 5000),
		.piece_max = prng_one_in(prng, 2) ? 1460 : 1 + prng_below(prng, 2000),
		.pause_ns = prng_one_in(prng, 2) ? 0 : prng_between(prng, 0, 5 * MS),
		.room_max = prng_one_in(prng, 2) ? 1 << 18 : 4096 + prng_below(prng, 100000),
	};
}

static void
draw_users(struct lw_conf *conf, struct prng *prng, uint32_t most, bool may_fail)
{
	conf->user = user;
	conf->req = req;
	conf->user_n = 1 + prng_below(prng, USERS_MAX);
	conf->req_n = 0;
	for (uint32_t i = 0; i < conf->user_n; i++) {
		user[i] = (struct lw_user){
			.req_first = conf->req_n,
			.req_n = 1 + prng_below(prng, REQS_EACH_MAX),
			.depth = prng_one_in(prng, 2) ? 1 : 1 + prng_below(prng, 5),
			.host = prng_below(prng, conf->client_n),
			.listener = i % conf->listener_n,
			.is_v6 = prng_one_in(prng, 2),
			.half_closes = prng_one_in(prng, 6),
			.start_ns = prng_between(prng, 0, 3 * S),
		};
		draw_habits(prng, &user[i].habits);
		for (uint32_t k = 0; k < user[i].req_n; k++)
			draw_req(prng, &req[conf->req_n++], most, may_fail);
	}
}

/* ---- worlds ---- */

static void
draw_port(struct prng *prng, struct lw_port *port, uint16_t lane_n)
{
	*port = (struct lw_port){
		.queue_n = (uint16_t)(1 + prng_below(prng, lane_n)),
		.vlan = prng_one_in(prng, 3) ? 7 : 0,
		.mtu = 1500,
		.spread = (enum lw_spread)prng_below(prng, LW_SPREADS),
		.csum_tx = prng_one_in(prng, 2),
		.csum_rx = prng_one_in(prng, 2),
		.multi_segs = prng_one_in(prng, 2),
		.hold_ns = prng_one_in(prng, 3) ? 0 : 20 * MS,
		.reluctant = prng_one_in(prng, 3) ? 200 : 0,
		.split = prng_one_in(prng, 3) ? 100 : 0,
	};
}

static void
base_conf(struct lw_conf *conf, struct prng *prng, uint64_t seed)
{
	*conf = (struct lw_conf){
		.seed = seed,
		.lane_n = (uint16_t)(1 + prng_below(prng, LW_LANES_MAX)),
		.port_n = (uint16_t)(1 + prng_below(prng, LW_PORTS_MAX)),
		.client_n = 1 + prng_below(prng, LW_CLIENTS_MAX),
		.listener_n = 1 + prng_below(prng, 2),
		.late_ns = prng_one_in(prng, 2) ? MS : 0,
		.guard_of = prng_one_in(prng, 4) ? 8 : 0,
		.conns_max = 2048,
		.exchanges_max = 512,
		.pool_bufs = 40000,
		.send_max_bytes = 32768u << prng_below(prng, 5),
		.recv_max_bytes = 32768u << prng_below(prng, 5),
		.idle_ns = 10 * S,
		.upstream_idle_ns = prng_one_in(prng, 3) ? 300 * MS : 5 * S,
		.client_send_ns = 300 * S,
		.send_ns = 300 * S,
		.receive_ns = 300 * S,
		.connect_ns = 60 * S,
		.body_ns = 300 * S,
		.rest_ns = S,
		.idle_max = prng_one_in(prng, 4) ? 0 : 1 + prng_below(prng, 8),
		.retries = 3,
		.calm_at_ns = 30 * S,
		.end_ns = 3600 * S,
	};
	conf->origin_n =
		2 * conf->listener_n + prng_below(prng, LW_ORIGINS_MAX - 2 * conf->listener_n + 1);
	for (uint32_t i = 0; i < conf->port_n; i++)
		draw_port(prng, &conf->port[i], conf->lane_n);
	for (uint32_t i = 0; i < conf->client_n; i++)
		conf->client_link[i].delay_ns = prng_between(prng, 10000, 60 * MS);
	for (uint32_t i = 0; i < conf->origin_n; i++) {
		conf->origin_link[i].delay_ns = prng_between(prng, 10000, 5 * MS);
		draw_habits(prng, &conf->origin_habits[i]);
	}
	conf->has_rules = prng_one_in(prng, 2);
	conf->has_outbound = conf->has_rules && prng_one_in(prng, 2);
}

static void
bad_link(struct prng *prng, struct lw_link *link)
{
	if (prng_one_in(prng, 2))
		link->loss = prng_below(prng, 100);
	if (prng_one_in(prng, 2))
		link->duplicate = prng_below(prng, 100);
	if (prng_one_in(prng, 2)) {
		link->reorder = prng_below(prng, 400);
		link->jitter_ns = prng_between(prng, 0, 50 * MS);
	}
	if (prng_one_in(prng, 2))
		link->corrupt = prng_below(prng, 30);
	if (prng_one_in(prng, 3)) {
		link->byte_ns = 1 + prng_below(prng, 2000);
		link->queue_ns = prng_between(prng, 10 * MS, 500 * MS);
	}
}

static void
bad_links(struct lw_conf *conf, struct prng *prng)
{
	for (uint32_t i = 0; i < conf->client_n; i++)
		bad_link(prng, &conf->client_link[i]);
	for (uint32_t i = 0; i < conf->origin_n; i++)
		bad_link(prng, &conf->origin_link[i]);
	conf->may_be_double = true;
	/* A kept connection's idle time counts while its last answer is still being sent again. */
	if (!conf->may_drop && conf->idle_ns < 200 * S)
		conf->idle_ns = 200 * S;
}

static void
world_good(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 200000, false);
}

/* Origins that reset and close where they should answer. */
static void
world_rude(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 200000, true);
}

static void
world_bad_links(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 50000, false);
	bad_links(conf, prng);
}

/* Tables and run-time words change all the time: nothing fails. */
static void
world_tables(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 50000, false);
	conf->reload_ns = prng_one_in(prng, 2) ? 20 * MS : 500 * MS;
	conf->runtime_ns = 100 * MS;
	if (prng_one_in(prng, 3))
		bad_links(conf, prng);
}

/* Processes of origins die and come back: who asks afterwards gets the answer elsewhere. */
static void
world_deaths(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 50000, false);
	conf->death_ns = S;
	if (prng_one_in(prng, 2))
		conf->reload_ns = 300 * MS;
}

/* Links are cut, some machines start anew. */
static void
world_cuts(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 50000, false);
	conf->cut_ns = 2 * S;
	conf->connect_ns = 2 * S;
	conf->receive_ns = 10 * S;
	conf->send_ns = 10 * S;
	conf->may_be_double = true;
	if (prng_one_in(prng, 3))
		bad_links(conf, prng);
}

/* Paths that cut the stream to bits. */
static void
world_tiny(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 3000, prng_one_in(prng, 2));
	for (uint32_t i = 0; i < conf->client_n; i++)
		conf->client_link[i].cut_bytes = 1 + prng_below(prng, 3);
	for (uint32_t i = 0; i < conf->origin_n; i++)
		conf->origin_link[i].cut_bytes = prng_one_in(prng, 2) ? 1 : 40;
}

/* Both ends stop reading, now and then. */
static void
world_stalling(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 200000, prng_one_in(prng, 2));
	conf->idle_ns = 600 * S; /* or a client that looks away asks into a closed connection */
	for (uint32_t i = 0; i < conf->user_n; i++) {
		user[i].habits.stall = 50 + prng_below(prng, 300);
		user[i].habits.stall_ns = prng_one_in(prng, 2) ? 200 * MS : 5 * S;
	}
	for (uint32_t i = 0; i < conf->origin_n; i++) {
		conf->origin_habits[i].stall = 50 + prng_below(prng, 300);
		conf->origin_habits[i].stall_ns = prng_one_in(prng, 2) ? 200 * MS : 5 * S;
	}
	if (prng_one_in(prng, 3))
		bad_links(conf, prng);
}

/* The pool runs dry for moments, and ports hold buffers for long. */
static void
world_dry(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 50000, false);
	conf->dry = 20 + prng_below(prng, 200);
	conf->may_error = conf->may_drop = true;
	conf->may_be_double = true;
	for (uint32_t i = 0; i < conf->port_n; i++)
		conf->port[i].hold_ns = prng_one_in(prng, 2) ? 2 * S : 50 * MS;
	if (prng_one_in(prng, 2))
		bad_links(conf, prng);
}

/* Few buffers, few records: what is refused is refused by name, the rest is right. */
static void
world_small(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 200000, false);
	conf->pool_bufs = 200u * conf->lane_n << prng_below(prng, 4);
	conf->conns_max = 16u * conf->lane_n << prng_below(prng, 3);
	conf->exchanges_max = 16u * conf->lane_n;
	conf->may_error = conf->may_drop = true;
	conf->may_be_double = true;
}

/* Impatient time-outs, and everything else at once. */
static void
world_chaos(struct lw_conf *conf, struct prng *prng)
{
	draw_users(conf, prng, 50000, true);
	for (uint32_t i = 0; i < conf->req_n; i++)
		if (prng_one_in(prng, 20))
			req[i].act = LW_ACT_SILENT;
	conf->idle_ns = prng_between(prng, 200 * MS, 3 * S);
	conf->connect_ns = 2 * S;
	conf->receive_ns = conf->send_ns = conf->body_ns = conf->client_send_ns = 5 * S;
	conf->reload_ns = 300 * MS;
	conf->runtime_ns = 200 * MS;
	conf->death_ns = 2 * S;
	conf->cut_ns = 4 * S;
	conf->may_error = conf->may_drop = conf->may_be_double = true;
	bad_links(conf, prng);
}

static const struct {
	const char *name;
	void (*make)(struct lw_conf *conf, struct prng *prng);
} world[] = {
	{ "good", world_good },		  { "rude", world_rude },
	{ "bad-links", world_bad_links }, { "tables", world_tables },
	{ "deaths", world_deaths },	  { "cuts", world_cuts },
	{ "tiny", world_tiny },		  { "dry", world_dry },
	{ "small", world_small },	  { "stalling", world_stalling },
	{ "chaos", world_chaos },
};

enum {
	WORLDS = sizeof(world) / sizeof(world[0]),
};

/* In a third of the worlds a port cuts large packets. */
static void
draw_super(struct lw_conf *conf, uint64_t seed)
{
	struct prng prng; /* of its own: the other worlds stay what they were */

	prng_init(&prng, seed ^ 0x7506);
	if (!prng_one_in(&prng, 3))
		return;
	for (uint16_t i = 0; i < conf->port_n; i++) {
		struct lw_port *port = &conf->port[i];

		if (!prng_one_in(&prng, 4))
			port->csum_tx = port->multi_segs = port->tso = true;
	}
}

/* In a quarter of the worlds routers on the way to us cut packets, which are put together here. */
static void
draw_fragments(struct lw_conf *conf, uint64_t seed)
{
	struct prng prng; /* of its own, as above */

	prng_init(&prng, seed ^ 0xf4a6);
	if (!prng_one_in(&prng, 4))
		return;
	conf->reassembles = true;
	for (uint32_t i = 0; i < conf->client_n; i++)
		conf->client_link[i].fragment_bytes = 8 * (8 + prng_below(&prng, 160));
	for (uint32_t i = 0; i < conf->origin_n; i++)
		if (prng_one_in(&prng, 2))
			conf->origin_link[i].fragment_bytes = 8 * (8 + prng_below(&prng, 160));
}

/* In half of the worlds lanes go from core to core. */
static void
draw_moves(struct lw_conf *conf, uint64_t seed)
{
	static const uint64_t every[] = { 2 * MS, 20 * MS, 300 * MS };
	struct prng prng; /* of its own, as above */

	prng_init(&prng, seed ^ 0x6d6f7665);
	if (prng_one_in(&prng, 2))
		conf->move_ns = every[prng_below(&prng, 3)];
}

static void
run(uint32_t kind, uint64_t seed, struct lw_result *ret_result)
{
	struct lw_conf conf;
	struct prng prng;

	prng_init(&prng, seed * 31 + kind);
	base_conf(&conf, &prng, seed);
	conf.name = world[kind].name;
	world[kind].make(&conf, &prng);
	draw_super(&conf, seed);
	draw_fragments(&conf, seed);
	draw_moves(&conf, seed);
	lw_run(&conf, ret_result);
}

/* ---- the program ---- */

static uint64_t
number(const char *text, uint64_t other)
{
	return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : other;
}

static void
print(uint64_t seed, uint32_t kind, const struct lw_result *r)
{
	printf("seed %" PRIu64 " %-10s %6" PRIu64 " frames %8" PRIu64 " bytes %7" PRIu64
	       " steps %8" PRIu64 " turns %6.1f s, %" PRIu64 " right %" PRIu64 " errors %" PRIu64
	       " cut, held %u of %u, reloads %u views %u deaths %u cuts %u retries %" PRIu64
	       " handed %" PRIu64 " put together %" PRIu64 " moves %u\n",
	       seed, world[kind].name, r->frames, r->bytes, r->steps, r->turns,
	       (double)r->end_ns / 1e9, r->right, r->errors, r->cut, r->held_peak[0],
	       r->held_max[0], r->reloads, r->views_peak, r->deaths, r->cuts,
	       r->count.proxy_retries, r->count.lane_handed_over, r->count.net_reassembled,
	       r->moves);
}

static bool
run_twice(uint32_t kind, uint64_t seed, bool is_loud, struct lw_result *sum)
{
	struct lw_result a, b;

	run(kind, seed, &a);
	run(kind, seed, &b);
	if (is_loud)
		print(seed, kind, &a);
	if (a.hash != b.hash) {
		fprintf(stderr, "world %s, seed %" PRIu64 ": two runs differ\n", world[kind].name,
			seed);
		return false;
	}
	sum->right += a.right;
	sum->errors += a.errors;
	sum->cut += a.cut;
	sum->frames += a.frames;
	sum->count.net_reassembled += a.count.net_reassembled;
	sum->reloads += a.reloads;
	sum->deaths += a.deaths + a.cuts;
	sum->moves += a.moves;
	return true;
}

static uint64_t
share_of(uint64_t seeds)
{
	return seeds <= MANY ? seeds / SHARE : MANY / SHARE + (seeds - MANY) / SHARE_OF_MANY;
}

int
main(int argc, char **argv)
{
	uint64_t seeds = share_of(number(getenv("PENSTOCK_SEEDS"), SEEDS_USUAL * SHARE));
	uint64_t first = number(getenv("PENSTOCK_SEED"), 0);
	struct lw_result sum = { 0 };
	const char *only = NULL;
	bool is_loud = false;

	if (getenv("PENSTOCK_SEED") != NULL && getenv("PENSTOCK_SEEDS") == NULL)
		seeds = 1;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
			seeds = number(argv[++i], seeds);
		} else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
			first = number(argv[++i], first);
			seeds = 1;
		} else if (strcmp(argv[i], "--world") == 0 && i + 1 < argc) {
			only = argv[++i];
		} else if (strcmp(argv[i], "-v") == 0) {
			is_loud = true;
		} else {
			fprintf(stderr, "usage: %s [--seeds N] [--seed S] [--world NAME] [-v]\n",
				argv[0]);
			return 2;
		}
	}
	if (seeds == 0)
		seeds = 1;
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		uint32_t kind = (uint32_t)(seed % WORLDS);

		for (uint32_t k = 0; only != NULL && k < WORLDS; k++)
			if (strcmp(world[k].name, only) == 0)
				kind = k;
		if (!run_twice(kind, seed, is_loud, &sum))
			return 1;
	}
	printf("%" PRIu64 " seeds, each twice: %" PRIu64 " frames, %" PRIu64
	       " right answers, %" PRIu64 " errors, %" PRIu64
	       " cut, %u reloads, %u origins lost, %" PRIu64 " packets put together, %u moves\n",
	       seeds, sum.frames, sum.right, sum.errors, sum.cut, sum.reloads, sum.deaths,
	       sum.count.net_reassembled, sum.moves);
	return seeds >= SEEDS_USUAL && sum.count.net_reassembled == 0; /* no world had fragments */
}
