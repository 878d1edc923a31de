/*
 * client.c - the clients: connections, requests, the check of every response.
 *
 * A client's place in the table follows from its address and port by arithmetic: tuple k belongs
 * to client k modulo the number of clients, so that a client has many tuples for connections one
 * after the other and no table of flows is needed. Closed loop: the next request goes out with
 * the ACK of the response; what falls due by the clock instead is load.c's.
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
	OPENS_A_TURN = 16,
	OPENING_MAX = 1024, /* first connections begun and not answered yet */
	SCANS_A_TURN = 2,
	TIMEOUT_MS = 10000,
	MS = 1000000, /* ns */
};

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

/* A connection's kind; a mixed one's changes with every request. */
static uint8_t
kind_of(const struct gen *g, uint32_t i)
{
	if (g->conf.profile == GEN_PROFILE_slow)
		return i % 4 < 2 ? 0 : (uint8_t)(i % 4 - 1);
	return g->conf.profile == GEN_PROFILE_syn_flood ? i % 2 : 0;
}

static bool
is_slow(const struct gen *g, const struct flow *f)
{
	return g->kind[f->kind].reads_slowly || g->kind[f->kind].writes_slowly;
}

bool
client_init(struct gen *g)
{
	uint32_t n = g->conf.conns;

	g->client = gen_memory(n * sizeof(*g->client));
	g->idle = gen_memory(n * sizeof(*g->idle));
	g->next_key = gen_memory(n * sizeof(*g->next_key));
	g->outside.sender = gen_memory(n * sizeof(*g->outside.sender));
	if (g->client == NULL || g->idle == NULL || g->next_key == NULL ||
	    g->outside.sender == NULL)
		return false;
	g->outside.sender_max = n;
	g->outside.out = g->request;
	g->keys = ADDRESSES * PORTS / n * n;
	for (uint32_t i = 0; i < n; i++) {
		g->next_key[i] = i;
		g->client[i].kind = kind_of(g, i);
		g->client[i].reads_slowly = g->kind[g->client[i].kind].reads_slowly;
	}
	return true;
}

void
client_fini(struct gen *g)
{
	uint32_t n = g->conf.conns;

	gen_memory_end(g->client, n * sizeof(*g->client));
	gen_memory_end(g->idle, n * sizeof(*g->idle));
	gen_memory_end(g->next_key, n * sizeof(*g->next_key));
	gen_memory_end(g->outside.sender, n * sizeof(*g->outside.sender));
}

bool
gen_client_of(const struct gen *g, uint32_t address_be, uint16_t port_be, uint32_t *ret_i)
{
	uint32_t address = rte_be_to_cpu_32(address_be) - FIRST_ADDRESS;
	uint32_t port = (uint32_t)rte_be_to_cpu_16(port_be) - FIRST_PORT;

	if (address >= ADDRESSES || port >= PORTS)
		return false;
	*ret_i = (address * PORTS + port) % g->conf.conns;
	return true;
}

void
client_open(struct gen *g, struct flow *f)
{
	uint32_t i = (uint32_t)(f - g->client), key = g->next_key[i];

	g->next_key[i] = key + g->conf.conns < g->keys ? key + g->conf.conns : i;
	*f = (struct flow){
		.src = rte_cpu_to_be_32(FIRST_ADDRESS + key / PORTS),
		.dst = g->outside.proxy,
		.src_port = rte_cpu_to_be_16((uint16_t)(FIRST_PORT + key % PORTS)),
		.dst_port = g->server_port,
		.state = FLOW_SYN,
		.kind = f->kind,
		.is_queued = f->is_queued,
		.is_listed = f->is_listed,
		.reads_slowly = f->reads_slowly,
		.has_served = f->has_served,
		.snd = (uint32_t)(g->now >> 8), /* later incarnations have higher numbers */
		.token = { hex(i) },
		.due_ns = f->due_ns,
		.heard_ms = (uint32_t)(g->now / MS),
	};
	link_steer(&g->outside, f);
	link_send(&g->outside, f, f->snd, TCP_SYN, 0, 0);
	f->una = ++f->snd;
	g->connections++;
}

static uint8_t
mixed_kind(struct gen *g)
{
	uint32_t at = load_random(g, 100);
	uint8_t kind = 0;

	while (at >= g->kind[kind].share)
		at -= g->kind[kind++].share;
	return kind;
}

void
client_ask(struct gen *g, struct flow *f)
{
	const struct message *m;

	if (g->conf.profile == GEN_PROFILE_mixed)
		f->kind = mixed_kind(g);
	m = &g->request[f->kind];
	f->token[1] = hex(g->count++);
	f->got = f->got_head = 0;
	f->state = FLOW_AWAITS;
	f->heard_ms = (uint32_t)(g->now / MS);
	flow_begin(&g->outside, f, m->head_n + m->body_n,
		   m->head_n + (g->kind[f->kind].writes_slowly ? 0 : m->body_n));
}

/* Its first connection stands, with an answer where that is asked of it. */
static void
begun(struct gen *g, struct flow *f)
{
	g->opening_n -= !f->has_served;
	f->has_served = true;
}

/* The connection has ended: what follows in its place. */
static void
come_again(struct gen *g, struct flow *f)
{
	load_lost(g, f);
	g->connects_failed += f->state == FLOW_SYN;
	f->state = FLOW_FREE;
	f->owes_ack = false;
	if (g->conf.profile == GEN_PROFILE_idle && f->has_served) {
		g->opening_n -= f->is_called;
		f->is_called = false;
		return; /* it was to be held, and is lost */
	}
	if (g->kind[f->kind].closes && load_is_open(g, f)) {
		load_free(g, f);
		return;
	}
	f->due_ns = g->now;
	client_open(g, f);
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
	bool is_idle = g->conf.profile == GEN_PROFILE_idle;

	hist_add(&g->connect, g->now - f->due_ns);
	f->state = FLOW_READY;
	if (!is_idle)
		begun(g, f);
	if (is_slow(g, f)) {
		flow_owe_ack(&g->outside, f); /* the rest at its visit */
	} else if (load_is_open(g, f) && !g->kind[f->kind].closes && !is_idle) {
		flow_owe_ack(&g->outside, f);
		load_free(g, f);
	} else {
		client_ask(g, f);
	}
}

static void
account(struct gen *g, const struct flow *f)
{
	g->requests++;
	g->body_bytes += g->kind[f->kind].body_n + g->kind[f->kind].upload_n;
	hist_add(is_slow(g, f) ? &g->slow : &g->latency, g->now - f->due_ns);
	if (g->conf.profile == GEN_PROFILE_syn_flood && !g->kind[f->kind].closes)
		hist_add(&g->kept, g->now - f->due_ns);
}

static void
done(struct gen *g, struct flow *f)
{
	f->state = FLOW_READY;
	if (g->calls_roll) {
		g->alive++;
		g->opening_n -= f->is_called;
		f->is_called = false;
		return;
	}
	account(g, f);
	begun(g, f);
	if (g->kind[f->kind].closes || is_slow(g, f))
		return; /* the proxy closes; its visit will come */
	if (load_is_open(g, f)) {
		load_free(g, f);
	} else {
		f->due_ns = g->now;
		client_ask(g, f);
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
read_head(struct gen *g, uint8_t kind, const uint8_t *p, uint32_t n, enum gen_error *ret_error)
{
	uint32_t head_n = g->seen_head_n[kind];
	const uint8_t *end;

	if (n >= head_n && head_n != 0 && memcmp(p, g->seen_head[kind], head_n) == 0)
		return head_n;
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
	if (content_length(p, head_n) != g->response[kind].body_n)
		return 0;
	if (head_n <= sizeof(g->seen_head[kind])) {
		memcpy(g->seen_head[kind], p, head_n);
		g->seen_head_n[kind] = head_n;
	}
	return head_n;
}

static void
take_payload(struct gen *g, struct flow *f, const struct seg *s)
{
	enum gen_error error = GEN_ERROR_content;
	const struct message *m = &g->response[f->kind];
	const uint8_t *p = s->payload;
	uint32_t n = s->n, head_n;

	if (f->state != FLOW_AWAITS) {
		fail(g, f, GEN_ERROR_length);
		return;
	}
	if (f->got_head == 0) {
		head_n = read_head(g, f->kind, p, n, &error);
		if (head_n == 0) {
			fail(g, f, error);
			return;
		}
		f->got_head = (uint16_t)head_n;
		p += head_n;
		n -= head_n;
	}
	if (n > m->body_n - f->got) {
		fail(g, f, GEN_ERROR_length);
	} else if (!message_is(m, f->got, p, n, f->token, true)) {
		fail(g, f, GEN_ERROR_content);
	} else {
		f->got += n;
		if (f->got == m->body_n)
			done(g, f);
	}
}

static void
take_fin(struct gen *g, struct flow *f)
{
	if (f->state == FLOW_AWAITS || g->conf.profile == GEN_PROFILE_idle)
		g->error[GEN_ERROR_closed]++;
	g->opening_n -= f->is_called;
	f->is_called = false;
	load_lost(g, f);
	f->msg_n = f->msg_at = f->msg_open = 0;
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
	f->heard_ms = (uint32_t)(g->now / MS);
	g->connect_syns[f->tries < SYNS_MAX ? f->tries : SYNS_MAX - 1]++;
	f->tries = 0;
	established(g, f);
}

static struct flow *
find(struct gen *g, const struct seg *s)
{
	uint32_t i;

	if (gen_client_of(g, s->dst, s->dst_port, &i))
		return &g->client[i];
	g->flood_answered += (s->flags & TCP_SYN) != 0;
	return NULL;
}

static void
input(struct gen *g, struct flow *f, const struct seg *seg)
{
	struct seg s = *seg;

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
	if ((s.flags & TCP_FIN) != 0 && f->state != FLOW_SYN && f->state != FLOW_FREE)
		take_fin(g, f);
}

const struct role client_role = { find, input };

static void
look_after(struct gen *g, struct flow *f)
{
	bool awaits = f->state == FLOW_AWAITS || f->state == FLOW_SYN || f->state == FLOW_FIN;

	if (awaits && (uint32_t)(g->now / MS) - f->heard_ms > TIMEOUT_MS &&
	    link_has_room(&g->outside))
		fail(g, f, GEN_ERROR_timeout);
	else if (f->state != FLOW_FREE)
		flow_overdue(&g->outside, f, g->now);
}

/* The first connections, not all at once. */
static void
open_some(struct gen *g)
{
	for (uint32_t i = 0; i < OPENS_A_TURN && g->opened_n < g->conf.conns; i++) {
		struct flow *f = &g->client[g->opened_n];

		/* Before those who ask already: these may fill the wire for good. */
		if (g->outside.fullest >= OUT_FULL + BURST || g->opening_n >= OPENING_MAX)
			break;
		g->opened_n++;
		f->due_ns = g->now;
		if (g->kind[f->kind].closes && load_is_open(g, f)) {
			f->has_served = true;
			load_free(g, f); /* it connects for its request */
		} else {
			g->opening_n++;
			client_open(g, f);
		}
	}
}

void
client_turn(struct gen *g)
{
	open_some(g);
	load_turn(g);
	flow_turn(&g->outside);
	for (uint32_t i = 0; i < SCANS_A_TURN; i++) {
		look_after(g, &g->client[g->client_scan]);
		g->client_scan = g->client_scan + 1 < g->conf.conns ? g->client_scan + 1 : 0;
	}
}
