/*
 * result.c - names, and the result as one JSON object.
 */
#include <stdio.h>
#include <string.h>

#include "gen/gen.h"

const char *
gen_error_name(enum gen_error error)
{
	static const char *const name[] = {
#define x(name, what) #name,
		GEN_ERRORS(x)
#undef x
	};

	return error < GEN_ERRORS_N ? name[error] : "?";
}

const char *
gen_profile_name(enum gen_profile profile)
{
	static const char *const name[] = {
#define x(name, text) text,
		GEN_PROFILES(x)
#undef x
	};

	return profile < GEN_PROFILES_N ? name[profile] : "?";
}

static void
put_link(FILE *to, const char *name, const struct link *l)
{
	fprintf(to,
		" \"%s\": {\"to_proxy_packets\": %llu, \"to_proxy_bytes\": %llu, "
		"\"from_proxy_packets\": %llu, \"from_proxy_bytes\": %llu, "
		"\"checksum_bad\": %llu, \"dropped\": %llu},\n",
		name, (unsigned long long)l->tx_packets, (unsigned long long)l->tx_bytes,
		(unsigned long long)l->rx_packets, (unsigned long long)l->rx_bytes,
		(unsigned long long)l->checksum_bad, (unsigned long long)l->dropped);
}

static void
put_latency(FILE *to, const char *name, const struct hist *h)
{
	static const struct {
		const char *name;
		double part;
	} at[] = { { "p50_us", 0.5 },
		   { "p90_us", 0.9 },
		   { "p99_us", 0.99 },
		   { "p999_us", 0.999 },
		   { "p9999_us", 0.9999 } };

	fprintf(to, " \"%s\": {\"n\": %llu, \"mean_us\": %.2f, ", name, (unsigned long long)h->n,
		h->n != 0 ? (double)h->sum / (double)h->n / 1e3 : 0);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		fprintf(to, "\"%s\": %.2f, ", at[i].name,
			(double)hist_quantile(h, at[i].part) / 1e3);
	fprintf(to, "\"max_us\": %.2f},\n", (double)h->max / 1e3);
}

/* Clients that wait for a SYN-ACK as the run ends have sent one SYN, or more. */
static void
put_flood(FILE *to, const struct gen *g, double seconds)
{
	uint64_t waiting[SYNS_MAX] = { 0 };

	fprintf(to, "\"flood\": {\"sent\": %llu, \"rate\": %.0f, \"answered\": %llu},\n",
		(unsigned long long)g->flood_sent, (double)g->flood_sent / seconds,
		(unsigned long long)g->flood_answered);
	for (uint32_t i = 0; i < g->opened_n; i++) {
		const struct flow *f = &g->client[i];

		if (f->state == FLOW_SYN)
			waiting[f->tries < SYNS_MAX ? f->tries : SYNS_MAX - 1]++;
	}
	fprintf(to, " \"connects\": {\"failed\": %llu, \"after_syns\": [",
		(unsigned long long)g->connects_failed);
	for (uint32_t i = 0; i < SYNS_MAX; i++)
		fprintf(to, "%s%llu", i != 0 ? ", " : "", (unsigned long long)g->connect_syns[i]);
	fprintf(to, "], \"waiting_after_syns\": [");
	for (uint32_t i = 0; i < SYNS_MAX; i++)
		fprintf(to, "%s%llu", i != 0 ? ", " : "", (unsigned long long)waiting[i]);
	fprintf(to, "]},\n ");
}

void
gen_result(const struct gen *g, double seconds)
{
	const struct gen_conf *c = &g->conf;
	FILE *to = c->json != NULL ? fopen(c->json, "we") : stdout;

	if (to == NULL) {
		fprintf(stderr, "penstock-bench: %s cannot be written\n", c->json);
		to = stdout;
	}
	fprintf(to, "{\"profile\": \"%s\", \"loop\": \"%s\", \"calibration\": %s, \"conns\": %u, ",
		gen_profile_name(c->profile), c->rate > 0 ? "open" : "closed",
		c->is_loop ? "true" : "false", c->conns);
	fprintf(to, "\"queues\": %u,\n \"wanted_rate\": %.0f, \"seconds\": %.6f,\n", c->queues,
		c->rate, seconds);
	fprintf(to, " \"unanswered\": %llu, ", (unsigned long long)g->unanswered);
	if (c->profile == GEN_PROFILE_idle)
		fprintf(to, "\"alive\": %u, ", g->alive);
	if (c->profile == GEN_PROFILE_syn_flood)
		put_flood(to, g, seconds);
	fprintf(to, "\"bytes_of_bodies\": %llu,\n", (unsigned long long)g->body_bytes);
	fprintf(to, " \"requests\": %llu, \"rate\": %.1f, \"connections\": %llu,\n",
		(unsigned long long)g->requests, (double)g->requests / seconds,
		(unsigned long long)g->connections);
	fprintf(to, " \"gbit_per_second\": %.3f, \"generator_tsc_per_request\": %.1f,\n",
		(double)g->body_bytes * 8 / seconds / 1e9,
		g->requests != 0 ? (double)g->busy_tsc / (double)g->requests : 0);
	put_latency(to, "latency", &g->latency);
	put_latency(to, "connect", &g->connect);
	if (c->profile == GEN_PROFILE_slow)
		put_latency(to, "slow", &g->slow);
	if (c->profile == GEN_PROFILE_syn_flood)
		put_latency(to, "kept", &g->kept);
	put_link(to, "outside", &g->outside);
	put_link(to, "inside", &g->inside);
	fprintf(to, " \"last_wrong_status\": %u, \"errors\": {", g->wrong_status);
	for (uint32_t i = 0; i < GEN_ERRORS_N; i++)
		fprintf(to, "%s\"%s\": %llu", i != 0 ? ", " : "", gen_error_name((enum gen_error)i),
			(unsigned long long)g->error[i]);
	fprintf(to, "}}\n");
	if (to != stdout)
		fclose(to);
}
