/*
 * main.c - penstock-bench: clients and origins for a proxy between two virtual wires.
 *
 * One thread that never sleeps: a turn receives a burst on each link, lets both roles act and
 * sends. Counters begin at zero after the warm-up; errors before it count too.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>

#include "gen/device.h"
#include "gen/gen.h"

enum {
	NS = 1000000000,
	LINK_WAIT_S = 60,
	BEGIN_WAIT_S = 120, /* for all first connections */
	ROLL_WAIT_S = 60,
	PROXY_PORT = 80,
	ORIGIN_PORT = 8080,
};

static volatile sig_atomic_t is_told_to_end;

static void
on_signal(int number)
{
	(void)number;
	is_told_to_end = 1;
}

void *
gen_memory(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, n, MADV_HUGEPAGE);
	return p;
}

void
gen_memory_end(void *p, size_t n)
{
	if (p != NULL)
		munmap(p, n);
}

static void
address(struct link *l, uint32_t net, uint8_t side)
{
	l->net = rte_cpu_to_be_32(net);
	l->own = rte_cpu_to_be_32(net + (side == 1 ? 1 : 11));
	l->proxy = rte_cpu_to_be_32(net + (side == 1 ? 10 : 5));
	memcpy(l->mac, (uint8_t[]){ 2, 0, 0, 0x62, 0, side }, 6);
}

/*
 * The ends of one memif that we play. Both are one socket by two names, for DPDK has a role a name.
 */
static bool
open_loop(struct gen *g)
{
	struct link *out = &g->outside, *in = &g->inside;
	const char *path = g->conf.outside, *base = strrchr(path, '/');
	int dir_n = base != NULL ? (int)(base - path) : 0;

	snprintf(g->other_name, sizeof(g->other_name), "%.*s/./%s", dir_n,
		 base != NULL ? path : ".", base != NULL ? base + 1 : path);
	memcpy(out->peer, in->mac, 6);
	memcpy(in->peer, out->mac, 6);
	out->knows_peer = in->knows_peer = true;
	out->proxy = in->own;
	g->server_port = RTE_BE16(ORIGIN_PORT);
	return (!g->conf.is_client || link_open(out, "outside", path, "server", &g->conf)) &&
	       (!g->conf.is_origin || link_open(in, "inside", g->other_name, "client", &g->conf));
}

static bool
open_all(struct gen *g)
{
	const struct gen_conf *c = &g->conf;

	address(&g->outside, 0x0a010000, 1); /* 10.1.0.0/24: we are its router, .1 */
	address(&g->inside, 0x0a020000, 2);
	g->server_port = RTE_BE16(PROXY_PORT);
	g->random = 0x70656e73746f636bull;
	kinds_init(g);
	if ((c->is_client && !client_init(g)) || (c->is_origin && !origin_init(g))) {
		fprintf(stderr, "penstock-bench: no memory for %u connections\n", c->conns);
		return false;
	}
	if (c->is_loop)
		return open_loop(g);
	if (c->is_client && !link_open(&g->outside, "outside", c->outside, "server", c))
		return false;
	return !c->is_origin || link_open(&g->inside, "inside", c->inside, "server", c);
}

static uint64_t
clock_ns(void)
{
	static uint64_t first, hz;
	uint64_t now = rte_rdtsc();

	if (hz == 0) {
		first = now;
		hz = rte_get_tsc_hz();
	}
	return (uint64_t)((now - first) / hz * NS + (now - first) % hz * NS / hz);
}

/* Until the proxy is linked and known on the sides that we play. */
static bool
meet(struct gen *g)
{
	uint64_t end = clock_ns() + (uint64_t)LINK_WAIT_S * NS;
	struct link *side[2] = { &g->outside, &g->inside };
	bool plays[2] = { g->conf.is_client, g->conf.is_origin }, all = false;

	while (!all && !is_told_to_end && clock_ns() < end) {
		all = true;
		for (int i = 0; i < 2; i++) {
			if (!plays[i] || (side[i]->knows_peer && link_is_up(side[i])))
				continue;
			all = false;
			if (!link_is_up(side[i]))
				continue;
			link_arp(side[i]);
			link_flush(side[i]);
			usleep(2000);
			link_receive(g, side[i], NULL);
		}
		if (!all)
			usleep(20000);
	}
	return all;
}

static void
forget(struct link *l)
{
	l->rx_packets = l->tx_packets = l->rx_bytes = l->tx_bytes = 0;
}

static void
begin_to_measure(struct gen *g)
{
	g->measures = true;
	g->begin_ns = g->now;
	g->end_ns = g->now + (uint64_t)(g->conf.seconds * NS);
	g->requests = g->connections = g->body_bytes = g->busy_tsc = 0;
	memset(&g->latency, 0, sizeof(g->latency));
	memset(&g->slow, 0, sizeof(g->slow));
	memset(&g->kept, 0, sizeof(g->kept));
	memset(g->connect_syns, 0, sizeof(g->connect_syns));
	g->connects_failed = 0;
	if (g->conf.profile != GEN_PROFILE_idle) /* whose connections stand by now */
		memset(&g->connect, 0, sizeof(g->connect));
	forget(&g->outside);
	forget(&g->inside);
	fprintf(stderr, "measuring\n");
}

static uint64_t
errors(const struct gen *g)
{
	uint64_t n = g->outside.checksum_bad + g->inside.checksum_bad;

	for (uint32_t i = 0; i < GEN_ERRORS_N; i++)
		n += g->error[i];
	return n;
}

static void
progress(struct gen *g, uint64_t *before, uint64_t *before_ns)
{
	double s = (double)(g->now - *before_ns) / NS;

	if (g->requests < *before)
		*before = 0; /* measuring began within this second */
	fprintf(stderr, "%5.1f s  %10.0f requests/s  p99 %8.1f us  errors %llu%s\n",
		(double)g->now / NS, (double)(g->requests - *before) / s,
		(double)hist_quantile(&g->latency, 0.99) / 1e3, (unsigned long long)errors(g),
		g->measures ? "" : "  (warm-up)");
	*before = g->requests;
	*before_ns = g->now;
}

static void
turn(struct gen *g)
{
	uint64_t begin = rte_rdtsc(), had = g->outside.rx_packets + g->inside.rx_packets;

	if (g->conf.is_client) {
		link_receive(g, &g->outside, &client_role);
		client_turn(g);
		link_flush(&g->outside);
	}
	if (g->conf.is_origin) {
		link_receive(g, &g->inside, &origin_role);
		origin_turn(g);
		link_flush(&g->inside);
	}
	if (had != g->outside.rx_packets + g->inside.rx_packets && !g->calls_roll)
		g->busy_tsc += rte_rdtsc() - begin;
}

static bool
all_begun(const struct gen *g)
{
	return !g->conf.is_client || (g->opened_n == g->conf.conns && g->opening_n == 0);
}

/* After the measured time, for it is of its own kind. */
static void
call_roll(struct gen *g)
{
	uint64_t end = clock_ns() + (uint64_t)ROLL_WAIT_S * NS;

	while (!load_call_roll(g) && !is_told_to_end && clock_ns() < end) {
		g->now = clock_ns();
		turn(g);
	}
}

static void
run(struct gen *g)
{
	uint64_t warm = clock_ns() + (uint64_t)(g->conf.warmup * NS), next = clock_ns() + NS;
	uint64_t before = 0, before_ns = clock_ns();

	while (!is_told_to_end) {
		g->now = clock_ns();
		if (g->now >= next) {
			progress(g, &before, &before_ns);
			next += NS;
			if ((g->conf.is_client && !link_is_up(&g->outside)) ||
			    (g->conf.is_origin && !link_is_up(&g->inside))) {
				fprintf(stderr, "penstock-bench: the proxy has gone\n");
				g->error[GEN_ERROR_closed]++;
				break;
			}
		}
		if (!g->measures && g->now >= warm &&
		    (all_begun(g) || g->now >= warm + (uint64_t)BEGIN_WAIT_S * NS))
			begin_to_measure(g);
		if (g->measures && g->now >= g->end_ns)
			break;
		turn(g);
	}
}

static void
close_all(struct gen *g)
{
	const struct gen_conf *c = &g->conf;

	if (c->is_loop) {
		/* Who closes one end in the process of the other falls over what the first has freed. */
		unlink(c->outside);
	} else {
		link_close(&g->outside, c->outside);
		link_close(&g->inside, c->inside);
	}
	client_fini(g);
	origin_fini(g);
	kinds_fini(g);
	free(g);
}

int
main(int argc, char **argv)
{
	struct gen *g = calloc(1, sizeof(*g));
	bool is_right = false;
	double seconds;
	char why[160];

	if (g == NULL)
		return 1;
	if (!gen_options(argc, argv, &g->conf, why, sizeof(why))) {
		fprintf(stderr, "penstock-bench: %s\n", why);
		free(g);
		return 2;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (!link_environment(&g->conf))
		return 1;
	if (open_all(g)) {
		fprintf(stderr, "ready\n");
		if (meet(g)) {
			run(g);
			seconds = (double)(g->now - g->begin_ns) / NS;
			load_end(g);
			if (g->measures && g->conf.is_client && g->conf.profile == GEN_PROFILE_idle)
				call_roll(g);
			gen_result(g, seconds);
			is_right = errors(g) == 0 && g->requests > 0;
		} else {
			fprintf(stderr, "penstock-bench: no proxy on the links\n");
		}
	}
	close_all(g);
	return is_right ? 0 : 1;
}
