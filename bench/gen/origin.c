/*
 * origin.c - the origins: take the proxy's connections on port 8080, read requests, answer each
 * with its own token. A flow's place follows from the origin's address and the proxy's port.
 */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>

#include "gen/gen.h"

enum {
	FIRST_ADDRESS = 0x0a02000b, /* 10.2.0.11 */
	PORT = 8080,
	PEER_PORTS = 65536,
	MS = 1000000, /* ns */
};

/* Looped, it has the clients' own connections. */
static uint32_t
flows_n(const struct gen *g)
{
	return g->conf.is_loop ? g->conf.conns : g->conf.origins * PEER_PORTS;
}

bool
origin_init(struct gen *g)
{
	g->origin = gen_memory(flows_n(g) * sizeof(*g->origin));
	g->inside.sender = gen_memory(flows_n(g) * sizeof(*g->inside.sender));
	g->inside.sender_max = flows_n(g);
	g->inside.out = g->response;
	return g->origin != NULL && g->inside.sender != NULL;
}

void
origin_fini(struct gen *g)
{
	gen_memory_end(g->origin, flows_n(g) * sizeof(*g->origin));
	gen_memory_end(g->inside.sender, flows_n(g) * sizeof(*g->inside.sender));
}

static void
fail(struct gen *g, struct flow *f, enum gen_error error)
{
	g->error[error]++;
	link_send(&g->inside, f, f->snd, TCP_RST | TCP_ACK, 0, 0);
	f->state = FLOW_FREE;
}

static void
accept_connection(struct gen *g, struct flow *f, const struct seg *s)
{
	*f = (struct flow){
		.src = s->dst,
		.dst = s->src,
		.src_port = s->dst_port,
		.dst_port = s->src_port,
		.state = FLOW_READY,
		.is_queued = f->is_queued,
		.snd = (uint32_t)(g->now >> 8),
		.rcv = s->seq + 1,
		.wnd = s->wnd,
		.shift = s->shift,
		.heard_ms = (uint32_t)(g->now / MS),
	};
	link_steer(&g->inside, f);
	link_send(&g->inside, f, f->snd, TCP_SYN | TCP_ACK, 0, 0);
	f->una = ++f->snd;
}

/* The head's length, its token in the flow; 0: not a request of ours, or parted. */
static uint32_t
read_head(struct gen *g, struct flow *f, const uint8_t *p, uint32_t n)
{
	const struct message *m;
	const uint8_t *end;
	uint8_t kind;

	if (n < g->request[0].token_at + TOKEN + 4)
		return 0;
	kind = (uint8_t)(p[KIND_AT] - '0');
	m = &g->request[kind];
	if (kind >= g->kinds_n || memcmp(p, m->bytes, m->token_at) != 0)
		return 0;
	f->kind = kind;
	memcpy(f->token, p + m->token_at, TOKEN);
	if (m->body_n == 0 && memcmp(p + n - 4, "\r\n\r\n", 4) == 0)
		return n;
	end = memmem(p, n, "\r\n\r\n", 4);
	return end != NULL ? (uint32_t)(end - p) + 4 : 0;
}

/* Looped, nobody but the origin is there to close when the client has asked for it. */
static void
close_when_told(struct gen *g, struct flow *f)
{
	if (!g->conf.is_loop || !g->kind[f->kind].closes || f->msg_n == 0 || f->msg_at < f->msg_n)
		return;
	link_send(&g->inside, f, f->snd++, TCP_FIN | TCP_ACK, 0, 0);
	f->state = FLOW_FIN;
}

static void
keep_busy(double ns)
{
	uint64_t begin = rte_rdtsc(), ticks = (uint64_t)(ns * (double)rte_get_tsc_hz() / 1e9);

	while (rte_rdtsc() - begin < ticks)
		__builtin_ia32_pause();
}

static void
take_payload(struct gen *g, struct flow *f, const struct seg *s)
{
	const struct message *out;
	const uint8_t *p = s->payload;
	uint32_t n = s->n, head_n;

	if (f->got_head == 0) {
		head_n = read_head(g, f, p, n);
		if (head_n == 0) {
			fail(g, f, GEN_ERROR_request_head);
			return;
		}
		f->got_head = (uint16_t)head_n;
		p += head_n;
		n -= head_n;
		f->got = 0;
	}
	if (!message_is(&g->request[f->kind], f->got, p, n, f->token, false)) {
		fail(g, f, GEN_ERROR_request_content);
		return;
	}
	f->got += n;
	if (f->got < g->request[f->kind].body_n)
		return;
	f->got_head = 0;
	keep_busy(g->conf.work_ns);
	if (!g->conf.is_client)
		g->requests++;
	out = &g->response[f->kind];
	flow_begin(&g->inside, f, out->head_n + out->body_n, out->head_n + out->body_n);
}

static struct flow *
find(struct gen *g, const struct seg *s)
{
	uint32_t origin = rte_be_to_cpu_32(s->dst) - FIRST_ADDRESS, i;

	if (origin < g->conf.origins && s->dst_port == RTE_BE16(PORT)) {
		if (!g->conf.is_loop)
			return &g->origin[origin * PEER_PORTS + rte_be_to_cpu_16(s->src_port)];
		if (gen_client_of(g, s->src, s->src_port, &i))
			return &g->origin[i];
	}
	link_refuse(&g->inside, s);
	return NULL;
}

static void
input(struct gen *g, struct flow *f, const struct seg *seg)
{
	struct seg s = *seg;

	if ((s.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN) {
		accept_connection(g, f, &s);
		return;
	}
	if (f->state == FLOW_FREE) {
		if (s.n != 0 || (s.flags & TCP_FIN) != 0)
			link_refuse(&g->inside, &s);
		return;
	}
	if ((s.flags & TCP_RST) != 0) {
		f->state = FLOW_FREE;
		return;
	}
	if (!flow_take(&g->inside, f, &s, g->now))
		return;
	if (s.n > 0)
		take_payload(g, f, &s);
	if ((s.flags & TCP_FIN) != 0 && f->state != FLOW_FREE) {
		bool is_second = f->state == FLOW_FIN;

		link_send(&g->inside, f, f->snd, is_second ? TCP_ACK : TCP_FIN | TCP_ACK, 0, 0);
		f->state = FLOW_FREE;
	} else if (f->state == FLOW_READY) {
		close_when_told(g, f);
	}
}

const struct role origin_role = { find, input };

void
origin_turn(struct gen *g)
{
	struct flow *f = &g->origin[g->origin_scan];

	flow_turn(&g->inside);
	if (f->state != FLOW_FREE)
		flow_overdue(&g->inside, f, g->now);
	if (++g->origin_scan == flows_n(g))
		g->origin_scan = 0;
}
