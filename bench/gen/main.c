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
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>

#include "gen/gen.h"

enum {
	NS = 1000000000,
	LINK_WAIT_S = 60,
	REQUEST_TOKEN_AT = 8, /* behind "GET /ka/", "POST /u/" */
};

static volatile sig_atomic_t is_told_to_end;

static void
on_signal(int number)
{
	(void)number;
	is_told_to_end = 1;
}

/* What is written into the User-Agent or Server field, so that a head's length is even. */
static const char *
padding(int head_n)
{
	return head_n % 2 != 0 ? "0" : "";
}

static int
write_request(char *head, size_t size, const struct gen_conf *c, const char *pad)
{
	if (c->profile == GEN_PROFILE_bulk_up)
		return snprintf(head, size,
				"POST /u/0000000000000000 HTTP/1.1\r\nHost: bench.test\r\n"
				"User-Agent: penstock-bench/1%s\r\nContent-Length: %u\r\n\r\n",
				pad, c->body_n);
	return snprintf(head, size,
			"GET /ka/0000000000000000 HTTP/1.1\r\nHost: bench.test\r\n"
			"User-Agent: penstock-bench/1%s\r\n%s\r\n",
			pad, c->profile == GEN_PROFILE_close ? "Connection: close\r\n" : "");
}

static int
write_response(char *head, size_t size, uint32_t body_n, const char *pad)
{
	return snprintf(head, size,
			"HTTP/1.1 200 OK\r\nServer: penstock-bench%s\r\n"
			"Date: Sat, 21 Nov 2026 10:00:00 GMT\r\n"
			"Content-Type: application/octet-stream\r\nContent-Length: %u\r\n\r\n",
			pad, body_n);
}

static void
make_messages(struct gen *g)
{
	bool is_up = g->conf.profile == GEN_PROFILE_bulk_up;
	uint32_t body_n = is_up ? 64 : g->conf.body_n;
	char head[512];

	write_request(head, sizeof(head), &g->conf,
		      padding(write_request(head, sizeof(head), &g->conf, "")));
	message_init(&g->request, head, REQUEST_TOKEN_AT, is_up ? g->conf.body_n : 0);
	write_response(head, sizeof(head), body_n,
		       padding(write_response(head, sizeof(head), body_n, "")));
	message_init(&g->response, head, (uint32_t)strlen(head), body_n);
}

static void
address(struct link *l, uint32_t net, uint8_t side)
{
	l->net = rte_cpu_to_be_32(net);
	l->own = rte_cpu_to_be_32(net + (side == 1 ? 1 : 11));
	l->proxy = rte_cpu_to_be_32(net + (side == 1 ? 10 : 5));
	memcpy(l->mac, (uint8_t[]){ 2, 0, 0, 0x62, 0, side }, 6);
}

static bool
open_all(struct gen *g)
{
	address(&g->outside, 0x0a010000, 1); /* 10.1.0.0/24: we are its router, .1 */
	address(&g->inside, 0x0a020000, 2);
	make_messages(g);
	if (g->conf.is_client &&
	    (!client_init(g) || !link_open(&g->outside, "outside", g->conf.outside, &g->conf)))
		return false;
	return !g->conf.is_origin ||
	       (origin_init(g) && link_open(&g->inside, "inside", g->conf.inside, &g->conf));
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

static void
no_input(struct gen *g, const struct seg *s)
{
	(void)g;
	(void)s;
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
			link_receive(g, side[i], no_input);
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
	g->requests = g->connections = g->busy_tsc = 0;
	memset(&g->latency, 0, sizeof(g->latency));
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
		link_receive(g, &g->outside, client_input);
		client_turn(g);
		link_flush(&g->outside);
	}
	if (g->conf.is_origin) {
		link_receive(g, &g->inside, origin_input);
		origin_turn(g);
		link_flush(&g->inside);
	}
	if (had != g->outside.rx_packets + g->inside.rx_packets)
		g->busy_tsc += rte_rdtsc() - begin;
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
		if (!g->measures && g->now >= warm)
			begin_to_measure(g);
		if (g->measures && g->now >= g->end_ns)
			break;
		turn(g);
	}
}

int
main(int argc, char **argv)
{
	struct gen *g = calloc(1, sizeof(*g));
	bool is_right = false;
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
			gen_result(g, (double)(g->now - g->begin_ns) / NS);
			is_right = errors(g) == 0 && g->requests > 0;
		} else {
			fprintf(stderr, "penstock-bench: no proxy on the links\n");
		}
	}
	link_close(&g->outside, g->conf.outside);
	link_close(&g->inside, g->conf.inside);
	client_fini(g);
	origin_fini(g);
	message_fini(&g->request);
	message_fini(&g->response);
	free(g);
	link_environment_close();
	return is_right ? 0 : 1;
}
