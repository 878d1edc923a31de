/*
 * world.c - the clock of the world, and its invariants.
 */
#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sim/inside.h"

enum {
	STEPS_MAX = 20000000,
};

_Noreturn void
world_failed(const struct world *w, const char *what, const char *file, int line)
{
	fprintf(stderr, "world %s, seed %llu, at %.6f s: not so: %s (%s:%d)\n", w->conf.name,
		(unsigned long long)w->conf.seed, (double)w->now / 1e9, what, file, line);
	for (uint32_t i = 0; i < w->conf.pairs * HOSTS && i < 40; i++) {
		const struct app *a = &w->app[i];
		struct tcp_info info;

		if (a->is_done)
			continue;
		tcp_info(w->host[a->host].tcp, a->id, &info);
		fprintf(stderr,
			"  pair %u host %u: given %llu/%llu received %llu open %d shut %d eof %d "
			"gone %d %s unacked %llu cwnd %u wnd %u/%u rto %.3f\n",
			a->pair, a->host, (unsigned long long)a->given,
			(unsigned long long)a->conf.send_bytes, (unsigned long long)a->received,
			a->is_open, a->is_shut, a->is_eof, a->is_gone, tcp_state_name(info.state),
			(unsigned long long)tcp_unacked(w->host[a->host].tcp, a->id),
			info.cwnd_bytes, info.snd_wnd, info.rcv_wnd, (double)info.rto_ns / 1e9);
	}
	abort();
}

void
world_hash(struct world *w, const void *bytes, uint32_t n)
{
	static const struct hash_key key = { { 1, 2 } };

	w->hash = hash_mix(w->hash ^ hash_sip13(&key, bytes, n));
}

static void
open_host(struct world *w, uint32_t i)
{
	struct host *h = &w->host[i];
	struct tcp_conf conf = w->conf.tcp[i];
	size_t n;
	uint8_t v4[4] = { 10, 0, 0, (uint8_t)(1 + i) };

	h->addr = ip_from_v4(v4);
	if (w->conf.is_v6)
		h->addr = (struct ip_addr){ .b = { 0x20, 1, 0xd, 0xb8, [15] = (uint8_t)(1 + i) } };
	h->pool = buf_heap_open(w->conf.pool_bufs);
	conf.pool = h->pool;
	conf.count = &h->count;
	conf.path = &w->conf.path[i];
	conf.path_n = 1;
	conf.seed[0] = prng_next(&w->prng);
	conf.seed[1] = i;
	n = tcp_size(&conf);
	h->mem = aligned_alloc(64, n);
	ensure(h->mem != NULL);
	memset(h->mem, 0, n);
	h->tcp = tcp_init(h->mem, &conf, w->now);
}

static void
open_world(struct world *w)
{
	static const struct ip_addr any;

	prng_init(&w->prng, w->conf.seed);
	w->now = 1000 * S + prng_between(&w->prng, 0, 1000 * S);
	w->conf.end_ns += w->now;
	w->stuck_ns = check_patience(&w->conf);
	w->blind_until = w->now + w->conf.blind_ns;
	w->app = calloc((size_t)w->conf.pairs * HOSTS, sizeof(*w->app));
	w->wheel_mem = aligned_alloc(64, wheel_size(w->conf.pairs * (HOSTS + 1)));
	ensure(w->app != NULL && w->wheel_mem != NULL);
	w->wheel = wheel_init(w->wheel_mem, w->conf.pairs * (HOSTS + 1), w->now);
	w->to_start_n = w->conf.pairs;
	for (uint32_t i = 0; i < HOSTS; i++)
		open_host(w, i);
	ensure(tcp_listen(w->host[1].tcp, &any, 80, 7));
	for (uint32_t pair = 0; pair < w->conf.pairs; pair++) {
		if (w->conf.draw != NULL)
			w->conf.draw(&w->prng, pair, w->conf.app);
		for (uint32_t i = 0; i < HOSTS; i++)
			w->app[pair * HOSTS + i] = (struct app){
				.conf = w->conf.app[i],
				.host = i,
				.pair = pair,
			};
		wheel_set(w->wheel, w->conf.pairs * HOSTS + pair,
			  w->now + prng_between(&w->prng, 0, w->conf.start_ns));
	}
}

void
world_empty_out(struct world *w, uint32_t i)
{
	struct host *h = &w->host[i];
	struct tcp_out *out = &h->out;

	for (uint32_t k = 0; k < out->packet_n; k++)
		net_send(w, i, out->packet[k]);
	out->packet_n = 0;
	for (uint32_t k = 0; k < out->event_n; k++)
		app_on_event(w, i, &out->event[k]);
	out->event_n = 0;
}

static void
check_host(struct world *w, uint32_t i)
{
	struct tcp_load load;

	tcp_load(w->host[i].tcp, &load);
	WORLD_ENSURE(w, load.bufs_held <= load.bufs_max);
	if (load.bufs_held > w->result.held_peak[i])
		w->result.held_peak[i] = load.bufs_held;
}

/* A connection moves out and in again; its peer shall not notice. */
static void
save_one(struct world *w)
{
	struct app *a = &w->app[prng_below(&w->prng, w->conf.pairs * HOSTS)];
	struct tcp *tcp = w->host[a->host].tcp;
	size_t n = a->is_open && !a->is_done ? tcp_save_size(tcp, a->id) : 0;
	struct tcp_load load;
	uint8_t *bytes;

	/* it may need a second record: the first has perhaps something to be done yet */
	tcp_load(tcp, &load);
	if (n == 0 || load.conns == w->conf.tcp[a->host].conns_max)
		return;
	bytes = malloc(n);
	ensure(bytes != NULL);
	tcp_save(tcp, a->id, bytes);
	tcp_forget(tcp, a->id);
	a->id = tcp_restore(tcp, bytes, n, a->pair, w->now);
	WORLD_ENSURE(w, a->id.v != 0);
	w->result.saves++;
	free(bytes);
}

static void
step(struct world *w)
{
	net_release(w);
	net_deliver(w);
	app_work_all(w);
	if (w->conf.saves != 0 && prng_below(&w->prng, 1000) < w->conf.saves)
		save_one(w);
	check_record(w, &w->app[prng_below(&w->prng, w->conf.pairs * HOSTS)]);
	if (w->now < w->blind_until && prng_below(&w->prng, 1000) < w->conf.blind)
		blind_guess(w);
	for (uint32_t i = 0; i < HOSTS; i++) {
		struct host *h = &w->host[i];
		bool is_dry = prng_below(&w->prng, 1000) < w->conf.pool_dry;

		if (is_dry)
			buf_heap_set_capacity(h->pool, 0);
		world_empty_out(w, i);
		do {
			tcp_advance(h->tcp, w->now, &h->out);
			world_empty_out(w, i);
			check_host(w, i);
		} while (tcp_deadline(h->tcp) <= w->now);
		buf_heap_set_capacity(h->pool, w->conf.pool_bufs);
	}
	w->result.steps++;
}

static uint64_t
next_time(const struct world *w)
{
	uint64_t at = net_next(w), other = wheel_deadline(w->wheel);

	at = at < other ? at : other;
	for (uint32_t i = 0; i < HOSTS; i++) {
		other = tcp_deadline(w->host[i].tcp);
		at = at < other ? at : other;
	}
	return at;
}

static bool
is_over(const struct world *w)
{
	if (w->to_start_n > 0)
		return false;
	for (uint32_t i = 0; i < HOSTS; i++) {
		struct tcp_load load;

		tcp_load(w->host[i].tcp, &load);
		if (load.conns != 0)
			return false;
	}
	return true;
}

/* Nobody else waits for the slow ones. */
static void
check_fast(struct world *w)
{
	for (uint32_t i = 0; i < w->conf.fast_pairs * HOSTS; i++)
		WORLD_ENSURE(w, w->app[i].done_ns - w->app[i].open_ns <= w->conf.fast_ns);
}

static void
check_end(struct world *w)
{
	check_fast(w);
	for (uint32_t i = 0; i < w->conf.pairs * HOSTS; i++) {
		const struct app *a = &w->app[i], *b = &w->app[i ^ 1];

		if (w->conf.may_fail || w->conf.has_aborts)
			continue;
		WORLD_ENSURE(w, a->is_open && a->is_done);
		WORLD_ENSURE(w, a->given == a->conf.send_bytes);
		if (!a->conf.releases_early)
			WORLD_ENSURE(w, a->received == b->given);
	}
}

void
world_run(const struct world_conf *conf, struct world_result *ret_result)
{
	struct world *w = calloc(1, sizeof(*w));

	ensure(w != NULL && conf->pairs <= PAIRS_MAX);
	w->conf = *conf;
	open_world(w);
	while (!is_over(w)) {
		uint64_t at = next_time(w);

		WORLD_ENSURE(w, at != UINT64_MAX);
		WORLD_ENSURE(w, at < w->conf.end_ns && w->result.steps < STEPS_MAX);
		check_waiting(w, at);
		if (at > w->now)
			w->now = at;
		step(w);
	}
	check_end(w);
	w->result.end_ns = w->now;
	net_drop_all(w);
	for (uint32_t i = 0; i < HOSTS; i++) {
		struct host *h = &w->host[i];

		check_nothing_left(w, i);
		tcp_fini(h->tcp);
		WORLD_ENSURE(w, buf_heap_out_n(h->pool) == 0);
		buf_heap_close(h->pool);
		free(h->mem);
		w->result.count[i] = h->count;
	}
	w->result.hash = w->hash;
	*ret_result = w->result;
	free(w->app);
	free(w->wheel_mem);
	free(w);
}
