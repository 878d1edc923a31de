/*
 * load.c - what is begun when: requests that fall due by the clock, slow readers and writers, the
 * flood of SYNs, the roll of idle connections.
 *
 * Open loop: a request falls due at even intervals whether a connection is free or not; its
 * latency counts from then, also of those that the end of the run leaves waiting (no coordinated
 * omission). The connection that has been free the longest takes it, so that none starves; of
 * idle ones a random one. The random numbers begin with the same seed in every run.
 */
#include <rte_byteorder.h>

#include "gen/gen.h"

enum {
	SLOW_STEP_NS = 10000000, /* each slow client acts once in this time */
	SLOW_READS = 512,	 /* bytes then */
	SLOW_WRITES = 8,
	VISITS_A_TURN = 256,
	FLOOD_NET = 0x0a800000, /* 10.128.0.0/9: no client is there, nobody answers */
	FLOOD_HOSTS = 1 << 23,
	FLOODS_A_TURN = 64,
	TRIES = 64,
	ROLL_AT_ONCE = 1024,
};

/* xorshift64*, by multiplication below a bound. */
uint32_t
load_random(struct gen *g, uint32_t below)
{
	g->random ^= g->random >> 12;
	g->random ^= g->random << 25;
	g->random ^= g->random >> 27;
	return (uint32_t)(((g->random * 0x2545f4914f6cdd1dull >> 32) * below) >> 32);
}

bool
load_is_open(const struct gen *g, const struct flow *f)
{
	const struct kind *k = &g->kind[f->kind];

	if (g->conf.profile == GEN_PROFILE_idle)
		return true;
	return g->conf.rate > 0 && !k->reads_slowly && !k->writes_slowly;
}

/* ---- the clients that are free ---- */

void
load_free(struct gen *g, struct flow *f)
{
	f->is_idle = true;
	g->idle_n++;
	if (f->is_listed || g->conf.profile == GEN_PROFILE_idle)
		return;
	f->is_listed = true;
	g->idle[(g->idle_head + g->listed_n++) % g->conf.conns] = (uint32_t)(f - g->client);
}

void
load_lost(struct gen *g, struct flow *f)
{
	g->idle_n -= f->is_idle;
	f->is_idle = false;
}

static struct flow *
take_random(struct gen *g)
{
	for (uint32_t i = 0; i < TRIES; i++) {
		struct flow *f = &g->client[load_random(g, g->conf.conns)];

		if (f->is_idle)
			return f;
	}
	return NULL;
}

static struct flow *
take_longest_free(struct gen *g)
{
	while (g->listed_n > 0) {
		struct flow *f = &g->client[g->idle[g->idle_head]];

		g->idle_head = (g->idle_head + 1) % g->conf.conns;
		g->listed_n--;
		f->is_listed = false;
		if (f->is_idle)
			return f;
	}
	return NULL;
}

static struct flow *
take_free(struct gen *g)
{
	struct flow *f =
		g->conf.profile == GEN_PROFILE_idle ? take_random(g) : take_longest_free(g);

	if (f != NULL)
		load_lost(g, f);
	return f;
}

/* ---- open loop ---- */

static uint64_t
due_at(const struct gen *g, uint64_t i)
{
	return (uint64_t)(g->start_ns + (double)i * (1e9 / g->conf.rate));
}

/* Begins what is due by the clock while there is a connection for it. */
static void
open_loop(struct gen *g)
{
	if (g->opened_n < g->conf.conns || (g->due_n == 0 && g->opening_n > 0))
		return; /* first all connect */
	if (g->due_n == 0)
		g->start_ns = (double)g->now;
	while (g->idle_n > 0 && link_has_room(&g->outside) && due_at(g, g->due_n) <= g->now) {
		struct flow *f = take_free(g);

		if (f == NULL)
			break;
		f->due_ns = due_at(g, g->due_n++);
		if (f->state == FLOW_FREE)
			client_open(g, f);
		else
			client_ask(g, f);
	}
}

void
load_end(struct gen *g)
{
	if (g->conf.rate <= 0 || g->due_n == 0)
		return;
	for (uint32_t i = 0; i < g->opened_n; i++) {
		const struct flow *f = &g->client[i];

		if (f->is_idle || !load_is_open(g, f) || f->due_ns > g->now ||
		    (f->state != FLOW_AWAITS && f->state != FLOW_SYN))
			continue;
		g->unanswered++;
		hist_add(&g->latency, g->now - f->due_ns);
	}
	for (; due_at(g, g->due_n) <= g->now; g->due_n++) {
		g->unanswered++;
		hist_add(&g->latency, g->now - due_at(g, g->due_n));
	}
}

/* ---- slow readers and writers ---- */

static void
visit_reader(struct gen *g, struct flow *f)
{
	uint16_t n = f->unread < SLOW_READS ? f->unread : SLOW_READS;

	if (f->state == FLOW_READY && f->unread == 0) {
		f->due_ns = g->now;
		client_ask(g, f);
		return;
	}
	f->unread = (uint16_t)(f->unread - n);
	f->opened = (uint16_t)(f->opened + n);
	if (f->opened >= 2 * MSS) {
		f->opened = 0;
		link_send(&g->outside, f, f->snd, TCP_ACK, 0, 0);
	}
}

static void
visit_writer(struct gen *g, struct flow *f)
{
	if (f->state == FLOW_READY) {
		f->due_ns = g->now;
		client_ask(g, f);
	} else if (f->state == FLOW_AWAITS && f->msg_open < f->msg_n) {
		f->msg_open += SLOW_WRITES;
		if (f->msg_open > f->msg_n)
			f->msg_open = f->msg_n;
		flow_push(&g->outside, f, 1);
	}
}

/* All of them once a step, evenly. */
static void
visit_slow(struct gen *g)
{
	uint64_t want = g->now / SLOW_STEP_NS * g->conf.conns +
			g->now % SLOW_STEP_NS * g->conf.conns / SLOW_STEP_NS;

	if (want - g->visits > g->conf.conns)
		g->visits = want - g->conf.conns;
	for (uint32_t i = 0; i < VISITS_A_TURN && g->visits < want; i++) {
		struct flow *f = &g->client[g->visits++ % g->conf.conns];

		if (!link_has_room(&g->outside))
			return;
		if (g->kind[f->kind].reads_slowly)
			visit_reader(g, f);
		else if (g->kind[f->kind].writes_slowly)
			visit_writer(g, f);
	}
}

/* ---- the flood ---- */

static void
send_flood(struct gen *g)
{
	uint64_t most = FLOODS_A_TURN;

	if (g->opened_n < g->conf.conns)
		return;
	if (g->conf.flood_rate > 0) {
		double due = (double)(g->now - g->begin_ns) * g->conf.flood_rate / 1e9;

		most = due > (double)g->flood_sent ? (uint64_t)due - g->flood_sent : 0;
		most = most < FLOODS_A_TURN ? most : FLOODS_A_TURN;
	}
	/* Only onto a short queue: the flood must not keep others from the wire. */
	for (; most > 0 && g->outside.fullest < FLOODS_A_TURN; most--) {
		struct flow f = { .src = rte_cpu_to_be_32(FLOOD_NET + load_random(g, FLOOD_HOSTS)),
				  .dst = g->outside.proxy,
				  .src_port = (uint16_t)load_random(g, 1 << 16),
				  .dst_port = g->server_port };

		link_steer(&g->outside, &f);
		link_send(&g->outside, &f, load_random(g, UINT32_MAX), TCP_SYN, 0, 0);
		g->flood_sent++;
	}
}

/* ---- the roll ---- */

/* Who has a request under way answers that. */
static void
begin_roll(struct gen *g)
{
	g->calls_roll = true;
	for (uint32_t i = 0; i < g->conf.conns; i++) {
		struct flow *f = &g->client[i];

		f->is_called = f->state == FLOW_AWAITS;
		g->opening_n += f->is_called;
	}
}

bool
load_call_roll(struct gen *g)
{
	if (!g->calls_roll)
		begin_roll(g);
	while (g->roll_next < g->conf.conns && g->opening_n < ROLL_AT_ONCE &&
	       link_has_room(&g->outside)) {
		struct flow *f = &g->client[g->roll_next++];

		if (!f->is_idle)
			continue;
		load_lost(g, f);
		f->is_called = true;
		g->opening_n++;
		client_ask(g, f);
	}
	return g->roll_next == g->conf.conns && g->opening_n == 0;
}

void
load_turn(struct gen *g)
{
	if (g->conf.rate > 0 && !g->calls_roll)
		open_loop(g);
	if (g->conf.profile == GEN_PROFILE_slow)
		visit_slow(g);
	if (g->conf.profile == GEN_PROFILE_syn_flood && g->measures)
		send_flood(g);
}
