/*
 * lane_world.c - the clock of the lanes' world: whose turn it is, and what must hold after it.
 */
#include "sim/lane_world.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "proxy/proxy.h"
#include "sim/lane_inside.h"

enum {
	STEPS_MAX = 4000000,
	TURNS_AT_ONCE = 2000, /* of one lane, without time passing */
	PAGE = 4096,
	RESERVE_BUFS = 512, /* as main.c has it */
};

#define POLL_NS	  (10 * MS) /* a lane looks at everything at least this often */
#define REST_NS	  1000	    /* between turns that found nothing */
#define FINISH_NS (900 * S)

static struct lw *present; /* for the signal handler */

/* ---- failing ---- */

static void
print_client(const struct lw *w, const struct lw_client *c)
{
	const struct lw_req *r;
	struct tcp_info info;

	if (c->is_done || c->answering == c->user->req_n)
		return;
	r = &w->conf.req[c->user->req_first + c->answering];
	tcp_info(c->end.host->tcp, c->end.id, &info);
	fprintf(stderr,
		"  client %u: request %u of %u (id %u, method %u framing %u act %u answer %u, "
		"%" PRIu64 " up %" PRIu64 " down), written %u, %s%s%s%s head %d, tries %u heads %u "
		"wholes %u excused %d, %s\n",
		c->i, c->answering, c->user->req_n, c->user->req_first + c->answering, r->method,
		r->framing, r->act, r->answer_framing, r->body_bytes, r->answer_bytes, c->writing,
		c->end.is_open ? "open " : "", c->end.is_eof ? "eof " : "",
		c->end.is_gone ? "gone " : "", tcp_state_name(info.state), c->is_answered_head,
		r->tries, r->heads_n, r->wholes_n, r->is_excused, tcp_end_name(c->end.end));
}

_Noreturn void
lw_failed(const struct lw *w, const char *what, const char *file, int line)
{
	uint32_t shown = 0;

	fprintf(stderr,
		"world %s, seed %" PRIu64 ", step %" PRIu64 ", at %.6f s: not so: %s (%s:%d)\n",
		w->conf.name, w->conf.seed, w->result.steps, (double)(w->now - w->begin) / 1e9,
		what, file, line);
	if (w->at_client != NULL) {
		fprintf(stderr, "  at work:\n");
		print_client(w, w->at_client);
	}
	for (uint32_t i = 0; i < w->conf.user_n && shown < 20; i++) {
		if (!w->client[i].is_done)
			shown++;
		print_client(w, &w->client[i]);
	}
	for (uint32_t i = 0; i < w->conf.lane_n; i++) {
		struct proxy_gauges g;
		struct tcp_load t;

		if (w->lane[i].lane == NULL)
			continue;
		proxy_gauges(lane_proxy(w->lane[i].lane), &g);
		tcp_load(lane_tcp(w->lane[i].lane), &t);
		fprintf(stderr,
			"  lane %u: conns %u, exchanges %u, upstream %u (idle %u), bufs %u+%u of "
			"%u, "
			"deadline %+.6f\n",
			i, t.conns, g.exchanges, g.upstream_conns, g.upstream_idle, t.bufs_held,
			g.bufs_held, t.bufs_max,
			((double)lane_deadline(w->lane[i].lane) - (double)w->now) / 1e9);
	}
	abort();
}

static struct sigaction fault_before;

static void
print_fault(const struct lw *w, uint32_t i, size_t at)
{
	bool is_board = at < w->lane[i].lane_at;

	fprintf(stderr,
		"world %s, seed %" PRIu64 ", step %" PRIu64
		": lane %d wrote lane %u's memory, byte %zu of its %s\n",
		w->conf.name, w->conf.seed, w->result.steps, w->turning, i,
		at - (is_board ? 0 : w->lane[i].lane_at), is_board ? "board" : "engines");
}

/*
 * A write into the memory of a lane whose turn it is not. Says who and where; then the same write
 * faults again and ends the process as it would have without us: with a core, or with the stack
 * that a sanitizer prints.
 */
static void
on_fault(int sig, siginfo_t *info, void *context)
{
	const struct lw *w = present;
	const uint8_t *at = info->si_addr;

	(void)context;
	sigaction(sig, &fault_before, NULL);
	for (uint32_t i = 0; w != NULL && i < w->conf.lane_n; i++) {
		const struct lw_lane *l = &w->lane[i];

		if (w->turning >= 0 && at >= l->memory && at < l->memory + l->memory_n)
			print_fault(w, i, (size_t)(at - l->memory));
	}
}

/* ---- small things ---- */

void
lw_hash(struct lw *w, const void *bytes, uint32_t n)
{
	static const struct hash_key key = { { 1, 2 } };

	w->hash = hash_mix(w->hash ^ hash_sip13(&key, bytes, n));
}

bool
lw_odds(struct lw *w, uint32_t per_1000)
{
	return per_1000 != 0 && prng_below(&w->prng, 1000) < per_1000;
}

uint64_t
lw_soon(struct lw *w, uint64_t mean_ns)
{
	return mean_ns == 0 ? UINT64_MAX : w->now + prng_between(&w->prng, 1, 2 * mean_ns);
}

void *
lw_alloc(size_t n)
{
	void *p = aligned_alloc(64, (n + 63) / 64 * 64);

	ensure(p != NULL);
	memset(p, 0, n);
	return p;
}

struct lw_req *
lw_req_at(struct lw *w, uint32_t i)
{
	LW_ENSURE(w, i < w->conf.req_n);
	return &w->conf.req[i];
}

void
lw_excuse_all(struct lw *w)
{
	for (uint32_t i = 0; i < w->conf.req_n; i++) {
		struct lw_req *r = &w->conf.req[i];

		if (r->is_sent && r->end == LW_END_OPEN)
			r->is_excused = r->is_doubtful = true;
	}
}

/* ---- lanes ---- */

static void
wake_lane(void *ctx, uint16_t lane_i)
{
	struct lw *w = ctx;

	w->lane[lane_i].is_rung = true;
}

static size_t
pages(size_t n)
{
	return (n + PAGE - 1) / PAGE * PAGE;
}

static void
open_lane(struct lw *w, uint16_t i)
{
	struct lw_lane *l = &w->lane[i];
	struct lane_conf conf = {
		.lane_i = i,
		.port_n = w->conf.port_n,
		.port = w->port,
		.mesh = w->mesh,
		.views = &w->views,
		.img = &w->view->view->img,
		.pool = w->pool,
		.reserve = w->reserve,
		.seed = { prng_next(&w->prng), prng_next(&w->prng) },
		.wall_ns = LW_WALL_NS,
		.is_speaker = i == 0,
	};

	lane_plan(conf.img, w->conf.lane_n, w->conf.pool_bufs, 0, &conf.plan);
	l->plan = conf.plan;
	l->lane_at = pages(board_bytes(conf.plan.server_slots));
	l->memory_n = l->lane_at + pages(lane_size(&conf));
	l->memory =
		mmap(NULL, l->memory_n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ensure(l->memory != MAP_FAILED);
	board_init(l->memory, i, 1, conf.plan.server_slots, &l->board);
	conf.board = l->board;
	l->lane = lane_init(l->memory + l->lane_at, &conf, w->now);
	w->result.held_max[i] = conf.plan.bufs_max + conf.plan.bufs_max / 16 + BURST_MAX;
}

static void
close_lane(struct lw *w, uint16_t i)
{
	struct lw_lane *l = &w->lane[i];
	const uint64_t *from = (const void *)l->board.counters;
	uint64_t *to = (void *)&w->result.count;

	lane_fini(l->lane);
	for (size_t k = 0; k < sizeof(w->result.count) / sizeof(*to); k++)
		to[k] += from[k];
	munmap(l->memory, l->memory_n);
}

/* Everything that is another lane's own. */
static void
guard(struct lw *w, uint16_t i, int protection)
{
	for (uint16_t k = 0; k < w->conf.lane_n; k++)
		if (k != i)
			ensure(mprotect(w->lane[k].memory, w->lane[k].memory_n, protection) == 0);
}

/* What no lane may do. The bytes stay: without a guard nobody would notice. */
static void
stray(struct lw *w, uint16_t i)
{
	struct lw_lane *next = &w->lane[(i + 1) % w->conf.lane_n];
	volatile uint8_t *at = next->memory + next->memory_n / 1024 * w->conf.stray_at;

	*at = *at;
}

/*
 * What the lane's engines hold stays within what they were lent, but for what one burst adds to
 * queues that were just below it: chunks are framed by buffers of their own.
 */
static void
check_lane(struct lw *w, uint16_t i)
{
	struct lw_lane *l = &w->lane[i];
	struct proxy_gauges gauges;
	struct tcp_load load;
	uint32_t held;

	proxy_gauges(lane_proxy(l->lane), &gauges);
	tcp_load(lane_tcp(l->lane), &load);
	held = load.bufs_held + gauges.bufs_held;
	LW_ENSURE(w, held <= w->result.held_max[i]);
	if (held > w->result.held_peak[i])
		w->result.held_peak[i] = held;
}

static bool
is_due(const struct lw *w, uint16_t i)
{
	const struct lw_lane *l = &w->lane[i];

	if (w->now < l->late_until)
		return false;
	return l->is_rung || w->now >= l->poll_at || lw_wire_waits(w, i) ||
	       lane_deadline(l->lane) <= w->now;
}

static bool
turn(struct lw *w, uint16_t i)
{
	struct lw_lane *l = &w->lane[i];
	bool is_guarded = w->conf.guard_of != 0 && prng_one_in(&w->prng, w->conf.guard_of);
	bool found;

	if (l->is_asleep) {
		mesh_awake(w->mesh, i);
		lane_wake(l->lane);
		l->is_asleep = false;
	}
	l->is_rung = false;
	if (is_guarded)
		guard(w, i, PROT_READ);
	w->turning = i;
	found = lane_turn(l->lane, w->now);
	w->result.turns++;
	if (w->result.turns == w->conf.stray_turn)
		stray(w, i);
	w->turning = -1;
	if (is_guarded)
		guard(w, i, PROT_READ | PROT_WRITE);
	check_lane(w, i);
	return found;
}

/* As a core does that finds no work. What the lane hears of from now on wakes it. */
static void
fall_asleep(struct lw *w, uint16_t i)
{
	struct lw_lane *l = &w->lane[i];

	lane_sleep(l->lane);
	l->is_asleep = true;
	if (!mesh_sleep(w->mesh, i))
		l->is_rung = true;
}

static void
run_lane(struct lw *w, uint16_t i)
{
	struct lw_lane *l = &w->lane[i];

	for (uint32_t n = 0; is_due(w, i); n++) {
		bool found = turn(w, i);

		LW_ENSURE(w, n < TURNS_AT_ONCE); /* finds work for ever */
		l->poll_at = w->now + prng_between(&w->prng, MS, POLL_NS);
		if (!found && !prng_one_in(&w->prng, 8) && !l->is_asleep)
			fall_asleep(w, i);
		if (!found)
			l->late_until = w->now + REST_NS;
		if (w->conf.late_ns != 0)
			l->late_until = w->now + prng_between(&w->prng, 1, w->conf.late_ns);
	}
}

/* Lanes that do not sleep ring no bell that we hear: what was pushed to them is found by polling. */
static void
run_lanes(struct lw *w)
{
	uint32_t first = prng_below(&w->prng, w->conf.lane_n);
	bool is_dry = lw_odds(w, w->conf.dry);

	if (is_dry)
		buf_heap_set_capacity(w->pool, 0);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t k = 0; k < w->conf.lane_n; k++)
			run_lane(w, (uint16_t)((first + k) % w->conf.lane_n));
	if (is_dry)
		buf_heap_set_capacity(w->pool, w->conf.pool_bufs);
	lw_retire_views(w);
	if (buf_heap_out_n(w->pool) > w->result.pool_peak)
		w->result.pool_peak = buf_heap_out_n(w->pool);
}

static uint64_t
lane_next(const struct lw *w, uint16_t i)
{
	const struct lw_lane *l = &w->lane[i];
	uint64_t at = lane_deadline(l->lane);

	if (l->is_rung || l->is_moving || lw_wire_waits(w, i))
		at = w->now;
	at = at < l->poll_at ? at : l->poll_at;
	return at > l->late_until ? at : l->late_until;
}

/* ---- steps ---- */

static void
run_apps(struct lw *w)
{
	uint32_t i;

	while ((i = wheel_next(w->wheel, w->now)) != WHEEL_NONE) {
		if (i < w->conf.user_n)
			lw_client_work(w, &w->client[i]);
		else
			lw_origin_work(w, &w->oconn[i - w->conf.user_n]);
	}
}

static void
step(struct lw *w)
{
	lw_wire_step(w);
	lw_tables_step(w);
	run_apps(w);
	for (uint32_t i = 0; i < w->host_n; i++)
		lw_host_step(w, &w->host[i]);
	lw_moves_step(w);
	run_lanes(w);
	w->result.steps++;
}

static uint64_t
next_time(const struct lw *w)
{
	uint64_t at = lw_wire_next(w), other = wheel_deadline(w->wheel);

	at = at < other ? at : other;
	other = lw_tables_next(w);
	at = at < other ? at : other;
	at = at < w->move_at ? at : w->move_at;
	for (uint32_t i = 0; i < w->host_n; i++) {
		other = lw_host_next(&w->host[i]);
		at = at < other ? at : other;
	}
	for (uint16_t i = 0; i < w->conf.lane_n; i++) {
		other = lane_next(w, i);
		at = at < other ? at : other;
	}
	return at > w->now ? at : w->now + 1;
}

/* Every connection has ended, on all sides, and who was told to drain has heard it. */
static bool
is_quiet(const struct lw *w)
{
	for (uint32_t i = 0; i < w->host_n; i++)
		if (!lw_host_is_quiet(&w->host[i]))
			return false;
	for (uint32_t i = 0; i < w->conf.lane_n; i++) {
		struct proxy_gauges gauges;
		struct tcp_load load;

		tcp_load(lane_tcp(w->lane[i].lane), &load);
		proxy_gauges(lane_proxy(w->lane[i].lane), &gauges);
		if (load.conns != 0 || gauges.client_conns != 0 || gauges.upstream_conns != 0 ||
		    !lane_is_idle(w->lane[i].lane))
			return false;
	}
	return true;
}

static void
run_until(struct lw *w, uint64_t end_ns, bool (*is_over)(const struct lw *w))
{
	while (!is_over(w)) {
		w->now = next_time(w);
		LW_ENSURE(w, w->now < end_ns && w->result.steps < STEPS_MAX);
		step(w);
	}
}

static bool
are_clients_done(const struct lw *w)
{
	return w->done_n == w->conf.user_n;
}

static void
check_end(struct lw *w)
{
	for (uint32_t i = 0; i < w->conf.req_n; i++)
		LW_ENSURE(w, w->conf.req[i].end != LW_END_OPEN);
	for (uint32_t i = 0; i < w->conf.lane_n; i++) {
		struct lane *lane = w->lane[i].lane;
		struct proxy_gauges gauges;
		struct tcp_load load;

		tcp_load(lane_tcp(lane), &load);
		proxy_gauges(lane_proxy(lane), &gauges);
		LW_ENSURE(w, load.bufs_held == 0 && gauges.bufs_held == 0);
		LW_ENSURE(w, gauges.exchanges == 0 && lane_is_idle(lane));
	}
}

static void
open_world(struct lw *w)
{
	struct mesh_conf mesh = { .lane_n = w->conf.lane_n,
				  .port_n = w->conf.port_n,
				  .port = w->port,
				  .wake = wake_lane,
				  .wake_ctx = w };

	prng_init(&w->prng, w->conf.seed);
	w->turning = -1;
	w->begin = w->now = 1000 * S + prng_between(&w->prng, 0, 1000 * S);
	w->pool = buf_heap_open(w->conf.pool_bufs);
	w->reserve = buf_heap_open(RESERVE_BUFS);
	w->host_pool = buf_heap_open(1u << 30);
	w->client = lw_alloc(w->conf.user_n * sizeof(*w->client));
	if (w->conf.origin_conns == 0)
		w->conf.origin_conns = LW_ORIGIN_CONNS;
	w->oconn_n = w->conf.origin_conns * w->conf.origin_n;
	w->oconn = calloc(w->oconn_n, sizeof(*w->oconn));
	ensure(w->oconn != NULL);
	w->wheel_mem = lw_alloc(wheel_size(w->conf.user_n + w->oconn_n));
	w->wheel = wheel_init(w->wheel_mem, w->conf.user_n + w->oconn_n, w->now);
	lw_wire_open(w);
	w->host_n = w->conf.origin_n + w->conf.client_n;
	for (uint32_t i = 0; i < w->host_n; i++)
		lw_host_open(w, i);
	lw_tables_open(w);
	mesh.seed = prng_next(&w->prng);
	w->mesh = mesh_init(lw_alloc(mesh_size(&mesh)), &mesh);
	for (uint16_t i = 0; i < w->conf.lane_n; i++)
		open_lane(w, i);
	for (uint32_t i = 0; i < w->conf.user_n; i++)
		lw_client_open(w, i);
	lw_moves_open(w);
}

static void
close_world(struct lw *w)
{
	for (uint16_t i = 0; i < w->conf.lane_n; i++)
		close_lane(w, i);
	mesh_fini(w->mesh);
	lw_wire_close(w);
	LW_ENSURE(w, buf_heap_out_n(w->pool) == 0); /* every buffer is back */
	buf_heap_close(w->pool);
	LW_ENSURE(w, w->result.count.net_no_buffers == 0); /* that is what the reserve is for */
	buf_heap_close(w->reserve);
	for (uint32_t i = 0; i < w->host_n; i++)
		lw_host_close(w, &w->host[i]);
	LW_ENSURE(w, buf_heap_out_n(w->host_pool) == 0);
	buf_heap_close(w->host_pool);
	lw_tables_close(w);
	free(w->mesh);
	free(w->client);
	free(w->oconn);
	free(w->wheel_mem);
}

void
lw_run(const struct lw_conf *conf, struct lw_result *ret_result)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct lw *w = lw_alloc(sizeof(*w));

	w->conf = *conf;
	present = w;
	if (conf->guard_of != 0)
		ensure(sigaction(SIGSEGV, &fault, &fault_before) == 0);
	open_world(w);
	run_until(w, w->begin + conf->end_ns, are_clients_done);
	w->result.end_ns = w->now - w->begin;
	w->is_ending = true;
	for (uint16_t i = 0; w->conf.seed % 2 == 0 && i < w->conf.lane_n; i++)
		lane_drain(w->lane[i].lane);
	run_until(w, w->now + FINISH_NS, is_quiet);
	check_end(w);
	close_world(w);
	w->result.hash = w->hash;
	*ret_result = w->result;
	present = NULL;
	if (conf->guard_of != 0)
		sigaction(SIGSEGV, &fault_before, NULL);
	free(w);
}
