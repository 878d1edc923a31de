/*
 * origin.c - the origins: take the proxy's connections on port 8080, read requests, answer each
 * with its own token. A flow's place follows from the origin's address and the proxy's port.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "gen/gen.h"

enum {
	FIRST_ADDRESS = 0x0a02000b, /* 10.2.0.11 */
	PORT = 8080,
	PEER_PORTS = 65536,
};

bool
origin_init(struct gen *g)
{
	g->origin = calloc((size_t)g->conf.origins * PEER_PORTS, sizeof(*g->origin));
	g->inside.sender = calloc(PEER_PORTS, sizeof(*g->inside.sender));
	g->inside.sender_max = PEER_PORTS;
	g->inside.out_message = &g->response;
	return g->origin != NULL && g->inside.sender != NULL;
}

void
origin_fini(struct gen *g)
{
	free(g->origin);
	free(g->inside.sender);
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
		.heard_ns = g->now,
	};
	link_steer(&g->inside, f);
	link_send(&g->inside, f, f->snd, TCP_SYN | TCP_ACK, 0, 0);
	f->una = ++f->snd;
}

/* The head's length, its token in the flow; 0: not a request of ours, or parted. */
static uint32_t
read_head(struct gen *g, struct flow *f, const uint8_t *p, uint32_t n)
{
	const struct message *m = &g->request;
	const uint8_t *end;

	if (n < m->token_at + TOKEN + 4 || memcmp(p, m->bytes, m->token_at) != 0)
		return 0;
	memcpy(f->token, p + m->token_at, TOKEN);
	if (m->body_n == 0 && memcmp(p + n - 4, "\r\n\r\n", 4) == 0)
		return n;
	end = memmem(p, n, "\r\n\r\n", 4);
	return end != NULL ? (uint32_t)(end - p) + 4 : 0;
}

static void
take_payload(struct gen *g, struct flow *f, const struct seg *s)
{
	const uint8_t *p = s->payload;
	uint32_t n = s->n;

	if (f->got_head == 0) {
		f->got_head = read_head(g, f, p, n);
		if (f->got_head == 0) {
			fail(g, f, GEN_ERROR_request_head);
			return;
		}
		p += f->got_head;
		n -= f->got_head;
		f->got = 0;
	}
	if (!message_is(&g->request, f->got, p, n, f->token, false)) {
		fail(g, f, GEN_ERROR_request_content);
		return;
	}
	f->got += n;
	if (f->got < g->request.body_n)
		return;
	f->got_head = 0;
	if (!g->conf.is_client)
		g->requests++;
	flow_begin(&g->inside, f, g->response.head_n + g->response.body_n);
}

void
origin_input(struct gen *g, const struct seg *seg)
{
	uint32_t origin = rte_be_to_cpu_32(seg->dst) - FIRST_ADDRESS;
	struct seg s = *seg;
	struct flow *f;

	if (origin >= g->conf.origins || s.dst_port != RTE_BE16(PORT)) {
		link_refuse(&g->inside, &s);
		return;
	}
	f = &g->origin[origin * PEER_PORTS + rte_be_to_cpu_16(s.src_port)];
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
		link_send(&g->inside, f, f->snd++, TCP_FIN | TCP_ACK, 0, 0);
		f->state = FLOW_FREE;
	}
}

void
origin_turn(struct gen *g)
{
	struct flow *f = &g->origin[g->origin_scan];

	flow_turn(&g->inside);
	if (f->state != FLOW_FREE)
		flow_overdue(&g->inside, f, g->now);
	if (++g->origin_scan == g->conf.origins * PEER_PORTS)
		g->origin_scan = 0;
}
