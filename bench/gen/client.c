/*
 * client.c - the clients: open connections, send requests, check every response.
 *
 * A client's place in the table follows from its address and port by arithmetic: tuple k belongs
 * to client k modulo the number of clients, so that a client has many tuples for connections one
 * after the other and no table of flows is needed. Closed loop: the next request goes out with
 * the ACK of the response. Open loop: requests fall due at even intervals, whether a connection
 * is free or not, and their latency counts from then (no coordinated omission).
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <rte_byteorder.h>

#include "gen/gen.h"

enum {
	FIRST_ADDRESS = 0x0a400001, /* 10.64.0.1, behind a router */
	ADDRESSES = 250,
	FIRST_PORT = 1024,
	PORTS = 60000,
	PROXY_PORT = 80,
	OPENS_A_TURN = 16,
	SCANS_A_TURN = 2,
};

#define TIMEOUT_NS 10000000000u

/* Eight digits, the low ones last, of a number. */
static uint64_t
hex(uint32_t v)
{
	uint64_t x = v, nines;

	x = (x & 0xffff) << 32 | x >> 16;
	x = (x & 0x000000ff000000ff) << 16 | (x & 0x0000ff000000ff00) >> 8;
	x = (x & 0x000f000f000f000f) << 8 | (x & 0x00f000f000f000f0) >> 4;
	nines = (x + 0x0606060606060606) >> 4 & 0x0101010101010101;
	return x + 0x3030303030303030 + nines * ('a' - '0' - 10);
}

bool
client_init(struct gen *g)
{
	uint32_t n = g->conf.conns;

	g->client = calloc(n, sizeof(*g->client));
	g->idle = calloc(n, sizeof(*g->idle));
	g->next_key = calloc(n, sizeof(*g->next_key));
	g->outside.sender = calloc(n, sizeof(*g->outside.sender));
	g->outside.sender_max = n;
	g->outside.out_message = &g->request;
	g->keys = ADDRESSES * PORTS / n * n;
	for (uint32_t i = 0; g->next_key != NULL && i < n; i++)
		g->next_key[i] = i;
	return g->client != NULL && g->idle != NULL && g->next_key != NULL &&
	       g->outside.sender != NULL;
}

void
client_fini(struct gen *g)
{
	free(g->client);
	free(g->idle);
	free(g->next_key);
	free(g->outside.sender);
}

static void
open_connection(struct gen *g, uint32_t i)
{
	struct flow *f = &g->client[i];
	uint32_t key = g->next_key[i];

	g->next_key[i] = key + g->conf.conns < g->keys ? key + g->conf.conns : i;
	*f = (struct flow){
		.src = rte_cpu_to_be_32(FIRST_ADDRESS + key / PORTS),
		.dst = g->outside.proxy,
		.src_port = rte_cpu_to_be_16((uint16_t)(FIRST_PORT + key % PORTS)),
		.dst_port = RTE_BE16(PROXY_PORT),
		.state = FLOW_SYN,
		.is_queued = f->is_queued,
		.snd = (uint32_t)(g->now >> 8), /* later incarnations have higher numbers */
		.token = { hex(i) },
		.due_ns = f->due_ns,
		.heard_ns = g->now,
	};
	link_steer(&g->outside, f);
	link_send(&g->outside, f, f->snd, TCP_SYN, 0, 0);
	f->una = ++f->snd;
	g->connections++;
}

static void
send_request(struct gen *g, struct flow *f)
{
	f->token[1] = hex(g->count++);
	f->got = f->got_head = 0;
	f->state = FLOW_AWAITS;
	f->heard_ns = g->now;
	flow_begin(&g->outside, f, g->request.head_n + g->request.body_n);
}

/* The connection has ended: what follows in its place. */
static void
come_again(struct gen *g, struct flow *f)
{
	uint32_t i = (uint32_t)(f - g->client);

	f->state = FLOW_FREE;
	f->owes_ack = false;
	if (g->conf.profile == GEN_PROFILE_close && g->conf.rate > 0) {
		g->idle[g->idle_n++] = i;
		return;
	}
	f->due_ns = g->now;
	open_connection(g, i);
}

static void
fail(struct gen *g, struct flow *f, enum gen_error error)
{
	g->error[error]++;
	link_send(&g->outside, f, f->snd, TCP_RST | TCP_ACK, 0, 0);
	come_again(g, f);
}

static void
established(struct gen *g, struct flow *f)
{
	f->state = FLOW_READY;
	if (g->conf.rate > 0 && g->conf.profile != GEN_PROFILE_close) {
		flow_owe_ack(&g->outside, f);
		g->idle[g->idle_n++] = (uint32_t)(f - g->client);
	} else {
		send_request(g, f);
	}
}

static void
done(struct gen *g, struct flow *f)
{
	g->requests++;
	hist_add(&g->latency, g->now - f->due_ns);
	f->state = FLOW_READY;
	if (g->conf.profile == GEN_PROFILE_close)
		return; /* the proxy closes */
	if (g->conf.rate > 0) {
		g->idle[g->idle_n++] = (uint32_t)(f - g->client);
	} else {
		f->due_ns = g->now;
		send_request(g, f);
	}
}

/* The value of Content-Length in a head; UINT64_MAX: none. */
static uint64_t
content_length(const uint8_t *head, uint32_t n)
{
	static const char name[] = "\r\nContent-Length:";
	uint32_t name_n = sizeof(name) - 1;

	for (uint32_t i = 0; i + name_n < n; i++)
		if (head[i] == '\r' && strncasecmp((const char *)head + i, name, name_n) == 0)
			return strtoull((const char *)head + i + name_n, NULL, 10);
	return UINT64_MAX;
}

/* The head's length; 0 with the reason when it is not as it should be. */
static uint32_t
read_head(struct gen *g, const uint8_t *p, uint32_t n, enum gen_error *ret_error)
{
	const uint8_t *end;
	uint32_t head_n;

	if (n >= g->seen_head_n && g->seen_head_n != 0 &&
	    memcmp(p, g->seen_head, g->seen_head_n) == 0)
		return g->seen_head_n;
	end = memmem(p, n, "\r\n\r\n", 4);
	*ret_error = GEN_ERROR_head;
	if (end == NULL || n < 13 || memcmp(p, "HTTP/1.1 ", 9) != 0)
		return 0;
	head_n = (uint32_t)(end - p) + 4;
	*ret_error = GEN_ERROR_status;
	if (memcmp(p + 9, "200", 3) != 0) {
		g->wrong_status = (uint32_t)strtoul((const char *)p + 9, NULL, 10);
		return 0;
	}
	*ret_error = GEN_ERROR_length;
	if (content_length(p, head_n) != g->response.body_n)
		return 0;
	if (head_n <= sizeof(g->seen_head)) {
		memcpy(g->seen_head, p, head_n);
		g->seen_head_n = head_n;
	}
	return head_n;
}

static void
take_payload(struct gen *g, struct flow *f, const struct seg *s)
{
	enum gen_error error = GEN_ERROR_content;
	const uint8_t *p = s->payload;
	uint32_t n = s->n;

	if (f->state != FLOW_AWAITS) {
		fail(g, f, GEN_ERROR_length);
		return;
	}
	if (f->got_head == 0) {
		f->got_head = read_head(g, p, n, &error);
		if (f->got_head == 0) {
			fail(g, f, error);
			return;
		}
		p += f->got_head;
		n -= f->got_head;
	}
	if (n > g->response.body_n - f->got) {
		fail(g, f, GEN_ERROR_length);
	} else if (!message_is(&g->response, f->got, p, n, f->token, true)) {
		fail(g, f, GEN_ERROR_content);
	} else {
		f->got += n;
		if (f->got == g->response.body_n)
			done(g, f);
	}
}

static void
take_fin(struct gen *g, struct flow *f)
{
	if (f->state == FLOW_AWAITS)
		g->error[GEN_ERROR_closed]++;
	else if (g->conf.profile != GEN_PROFILE_close) /* open loop: it is among the idle ones */
		for (uint32_t i = 0; i < g->idle_n; i++)
			if (g->idle[i] == (uint32_t)(f - g->client))
				g->idle[i--] = g->idle[--g->idle_n];
	f->msg_n = f->msg_at = 0;
	f->state = FLOW_FIN;
	link_send(&g->outside, f, f->snd++, TCP_FIN | TCP_ACK, 0, 0);
}

static void
take_syn_ack(struct gen *g, struct flow *f, const struct seg *s)
{
	if ((s->flags & TCP_ACK) == 0 || s->ack != f->snd)
		return;
	f->rcv = s->seq + 1;
	f->wnd = s->wnd;
	f->shift = s->shift;
	f->heard_ns = g->now;
	f->tries = 0;
	established(g, f);
}

void
client_input(struct gen *g, const struct seg *seg)
{
	uint32_t address = rte_be_to_cpu_32(seg->dst) - FIRST_ADDRESS;
	uint32_t port = (uint32_t)rte_be_to_cpu_16(seg->dst_port) - FIRST_PORT;
	struct seg s = *seg;
	struct flow *f;

	if (address >= ADDRESSES || port >= PORTS)
		return;
	f = &g->client[(address * PORTS + port) % g->conf.conns];
	if (f->state == FLOW_FREE || f->src != s.dst || f->src_port != s.dst_port)
		return; /* of a connection before */
	if ((s.flags & TCP_RST) != 0) {
		if (f->state != FLOW_FIN)
			g->error[GEN_ERROR_reset]++;
		come_again(g, f);
		return;
	}
	if ((s.flags & TCP_SYN) != 0) {
		if (f->state == FLOW_SYN)
			take_syn_ack(g, f, &s);
		else
			flow_owe_ack(&g->outside, f);
		return;
	}
	if (f->state == FLOW_SYN || !flow_take(&g->outside, f, &s, g->now))
		return;
	if (f->state == FLOW_FIN) {
		if (f->una == f->snd)
			come_again(g, f);
		return;
	}
	if (s.n > 0)
		take_payload(g, f, &s);
	if ((s.flags & TCP_FIN) != 0 && f->state != FLOW_SYN)
		take_fin(g, f);
}

/* Begins what is due by the clock while there is a connection for it. */
static void
open_loop(struct gen *g)
{
	double step = 1e9 / g->conf.rate;

	if (g->opened_n < g->conf.conns || (g->due_n == 0 && g->idle_n < g->conf.conns))
		return; /* first all connect */
	if (g->due_n == 0)
		g->start_ns = (double)g->now;
	while (g->idle_n > 0 && link_has_room(&g->outside)) {
		uint64_t due = (uint64_t)(g->start_ns + (double)g->due_n * step);
		struct flow *f;

		if (due > g->now)
			break;
		g->due_n++;
		f = &g->client[g->idle[--g->idle_n]];
		f->due_ns = due;
		if (g->conf.profile == GEN_PROFILE_close)
			open_connection(g, (uint32_t)(f - g->client));
		else
			send_request(g, f);
	}
}

static void
look_after(struct gen *g, struct flow *f)
{
	bool awaits = f->state == FLOW_AWAITS || f->state == FLOW_SYN || f->state == FLOW_FIN;

	if (awaits && g->now - f->heard_ns > TIMEOUT_NS && link_has_room(&g->outside))
		fail(g, f, GEN_ERROR_timeout);
	else if (f->state != FLOW_FREE)
		flow_overdue(&g->outside, f, g->now);
}

void
client_turn(struct gen *g)
{
	bool is_later = g->conf.profile == GEN_PROFILE_close && g->conf.rate > 0;

	for (uint32_t i = 0; i < OPENS_A_TURN && g->opened_n < g->conf.conns; i++) {
		if (!link_has_room(&g->outside))
			break;
		g->client[g->opened_n].due_ns = g->now;
		if (is_later)
			g->idle[g->idle_n++] = g->opened_n;
		else
			open_connection(g, g->opened_n);
		g->opened_n++;
	}
	if (g->conf.rate > 0)
		open_loop(g);
	flow_turn(&g->outside);
	for (uint32_t i = 0; i < SCANS_A_TURN; i++) {
		look_after(g, &g->client[g->client_scan]);
		g->client_scan = g->client_scan + 1 < g->conf.conns ? g->client_scan + 1 : 0;
	}
}
