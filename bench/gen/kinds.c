/*
 * kinds.c - what the profiles ask for: the kinds of requests of each, and the two messages that a
 * kind is made of. A request names its kind in its path, so that the origin knows the answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/gen.h"

enum {
	REQUEST_TOKEN_AT = 8, /* behind "GET /k0/", "POST /0/" */
	SMALL = 64,
	BULK = 1 << 20,
	SLOW_DOWN = 64 << 10, /* what a slow reader asks for */
	SLOW_UP = 512,	      /* what a slow writer sends */
};

/* What many a site serves: half are small, and most bytes are in few of them. See README.md. */
static const struct kind mixed[] = {
	{ .share = 10, .body_n = 64 },	     { .share = 10, .body_n = 256 },
	{ .share = 20, .body_n = 1 << 10 },  { .share = 20, .body_n = 4 << 10 },
	{ .share = 20, .body_n = 16 << 10 }, { .share = 13, .body_n = 64 << 10 },
	{ .share = 5, .body_n = 256 << 10 }, { .share = 2, .body_n = 1 << 20 },
};

static const struct kind slow[] = {
	{ .body_n = SMALL },
	{ .body_n = SLOW_DOWN, .reads_slowly = true },
	{ .body_n = SMALL, .upload_n = SLOW_UP, .writes_slowly = true },
};

static const struct kind flood[] = {
	{ .body_n = SMALL },
	{ .body_n = SMALL, .closes = true },
};

static void
take(struct gen *g, const struct kind *kind, uint32_t n)
{
	memcpy(g->kind, kind, n * sizeof(*kind));
	g->kinds_n = n;
}

static void
choose(struct gen *g)
{
	uint32_t body_n = g->conf.body_n;
	struct kind one = { .body_n = body_n != 0 ? body_n : SMALL };

	switch (g->conf.profile) {
	case GEN_PROFILE_keep_alive:
	case GEN_PROFILE_idle:
		break;
	case GEN_PROFILE_close:
		one.closes = true;
		break;
	case GEN_PROFILE_bulk_down:
		one.body_n = body_n != 0 ? body_n : BULK;
		break;
	case GEN_PROFILE_bulk_up:
		one.upload_n = body_n != 0 ? body_n : BULK;
		one.body_n = SMALL;
		break;
	case GEN_PROFILE_mixed:
		take(g, mixed, sizeof(mixed) / sizeof(mixed[0]));
		return;
	case GEN_PROFILE_slow:
		take(g, slow, sizeof(slow) / sizeof(slow[0]));
		return;
	case GEN_PROFILE_syn_flood:
		take(g, flood, sizeof(flood) / sizeof(flood[0]));
		return;
	case GEN_PROFILES_N:
		break;
	}
	take(g, &one, 1);
}

/* What is written into the User-Agent or Server field, so that a head's length is even. */
static const char *
padding(int head_n)
{
	return head_n % 2 != 0 ? "0" : "";
}

static int
write_request(char *head, size_t size, uint32_t i, const struct kind *k, const char *pad)
{
	if (k->upload_n != 0)
		return snprintf(head, size,
				"POST /%u/0000000000000000 HTTP/1.1\r\nHost: bench.test\r\n"
				"User-Agent: penstock-bench/1%s\r\nContent-Length: %u\r\n\r\n",
				i, pad, k->upload_n);
	return snprintf(head, size,
			"GET /k%u/0000000000000000 HTTP/1.1\r\nHost: bench.test\r\n"
			"User-Agent: penstock-bench/1%s\r\n%s\r\n",
			i, pad, k->closes ? "Connection: close\r\n" : "");
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

void
kinds_init(struct gen *g)
{
	char head[512];

	choose(g);
	for (uint32_t i = 0; i < g->kinds_n; i++) {
		const struct kind *k = &g->kind[i];

		write_request(head, sizeof(head), i, k,
			      padding(write_request(head, sizeof(head), i, k, "")));
		message_init(&g->request[i], head, REQUEST_TOKEN_AT, k->upload_n);
		write_response(head, sizeof(head), k->body_n,
			       padding(write_response(head, sizeof(head), k->body_n, "")));
		message_init(&g->response[i], head, (uint32_t)strlen(head), k->body_n);
	}
}

void
kinds_fini(struct gen *g)
{
	for (uint32_t i = 0; i < g->kinds_n; i++) {
		message_fini(&g->request[i]);
		message_fini(&g->response[i]);
	}
}
