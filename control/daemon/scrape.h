/*
 * scrape.h - the metrics over HTTP/1.1, for Prometheus: GET and HEAD of /metrics, and an index at
 * /. Served with libmicrohttpd inside the loop, on the host's own network stack. At most
 * SCRAPE_CLIENTS_MAX connections, each for SCRAPE_PATIENCE_S without progress. No TLS and no
 * password: give it an address that only the collector reaches. Knows no metric.
 */
#ifndef PENSTOCK_CONTROL_DAEMON_SCRAPE_H
#define PENSTOCK_CONTROL_DAEMON_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/loop.h"

struct MHD_Daemon;

enum {
	SCRAPE_CLIENTS_MAX = 8,
	SCRAPE_PATIENCE_S = 10,
	SCRAPE_MEMORY = 32 * 1024, /* bytes a connection, its request's head included */
};

struct scrape {
	struct loop *loop;
	struct loop_fd watch;
	char *(*page)(void *ctx, size_t *ret_n); /* a page of malloc's */
	void *ctx;
	char *address; /* malloc's; NULL: not served */
	struct MHD_Daemon *http;
};

void scrape_init(struct scrape *scrape, struct loop *loop, char *(*page)(void *ctx, size_t *ret_n),
		 void *ctx);

/*
 * Serves at "IP:port" or "[v6]:port" and nowhere else any more; NULL: not at all. The same address
 * again changes nothing. False: cannot (told), and nothing is served.
 */
bool scrape_listen(struct scrape *scrape, const char *address);

/* Lets what is due happen; scrape_deadline says when (monotonic, LOOP_NEVER: nothing waits). */
void scrape_advance(struct scrape *scrape);
uint64_t scrape_deadline(const struct scrape *scrape, uint64_t now);

void scrape_fini(struct scrape *scrape);

#endif
