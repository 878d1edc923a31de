/*
 * lane_host.c - a host of the world: one TCP, one net, and what both ends of connections share:
 * writing and reading by habit, in pieces, with pauses and stalls.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/lane_inside.h"
#include "wire/wire.h"

enum {
	HOST_BUFS = 1 << 13,
	HOST_CONNS = 12000,
};

static void
open_tcp(struct lw *w, struct lw_host *h)
{
	struct tcp_conf conf = {
		.conns_max = h->is_origin ? 2 * w->conf.origin_conns : w->conf.user_n + 64,
		.listeners_max = 4,
		.backlog_max = 1024,
		.bufs_max = w->conf.host_bufs != 0 ? w->conf.host_bufs : HOST_BUFS,
		.send_max_bytes = 1 << 18,
		.recv_max_bytes = 1 << 18,
		.time_wait_ns = S,
		.connect_ns = 75 * S,
		.user_timeout_ns = 300 * S,
		.keepalive_idle_ns = 60 * S,
		.seed = { prng_next(&w->prng), h->i },
		.path = &h->path,
		.path_n = 1,
		.pool = w->host_pool,
		.count = &h->count,
	};

	if (conf.conns_max > HOST_CONNS)
		conf.conns_max = HOST_CONNS;
	h->tcp_mem = lw_alloc(tcp_size(&conf));
	h->tcp = tcp_init(h->tcp_mem, &conf, w->now);
}

static void
open_net(struct lw *w, struct lw_host *h)
{
	struct net_path path = { .mac = h->mac,
				 .vlan = w->conf.port[h->port_i].vlan,
				 .mtu = h->path.mtu };
	struct net_conf conf = { .path_n = 1,
				 .path = &path,
				 .neighbours_max = 16,
				 .seed = prng_next(&w->prng),
				 .pool = w->host_pool,
				 .count = &h->count };
	struct net_address address[2] = { { .ip = h->v4, .prefix_n = 16 },
					  { .ip = h->v6, .prefix_n = 64 } };

	h->net_mem = lw_alloc(net_size(&conf));
	h->net = net_init(h->net_mem, &conf, w->now);
	net_configure(h->net, address, 2, NULL, 0, w->now);
}

/* Hosts of port p are 10.p.0.10 and on, 2001:db8:p::10 and on; the lanes have ...1. */
void
lw_host_open(struct lw *w, uint32_t i)
{
	struct lw_host *h = &w->host[i];
	uint32_t k = i;

	h->i = i;
	h->is_origin = i < w->conf.origin_n;
	if (!h->is_origin)
		k -= w->conf.origin_n;
	h->port_i = h->is_origin ? (uint16_t)(w->conf.port_n - 1) : 0;
	h->link = h->is_origin ? w->conf.origin_link[k] : w->conf.client_link[k];
	h->mac = (struct mac){ { 2, 0, 0, 1, 0, (uint8_t)(10 + i) } };
	h->v4 = ip_from_v4((const uint8_t[4]){ 10, (uint8_t)h->port_i, 0, (uint8_t)(10 + i) });
	h->v6 = (struct ip_addr){
		.b = { 0x20, 1, 0xd, 0xb8, [5] = (uint8_t)h->port_i, [15] = (uint8_t)(10 + i) }
	};
	h->path = (struct tcp_path){ .mtu = prng_one_in(&w->prng, 4) ? 1280 : 1500,
				     .multi_segs = true };
	open_net(w, h);
	open_tcp(w, h);
	if (h->is_origin)
		lw_origin_open(w, h);
}

static void
drop_out(struct lw_host *h)
{
	buf_give_burst(h->out.packet, h->out.packet_n);
	buf_give_burst(h->net_out.frame, h->net_out.frame_n);
	h->out.packet_n = h->out.event_n = h->net_out.frame_n = 0;
}

void
lw_host_close(struct lw *w, struct lw_host *h)
{
	(void)w;
	drop_out(h);
	tcp_fini(h->tcp);
	net_fini(h->net);
	free(h->tcp_mem);
	free(h->net_mem);
}

/* As a machine does that lost its power: nothing is left, and nobody was told. */
void
lw_host_start_anew(struct lw *w, struct lw_host *h)
{
	lw_host_close(w, h);
	lw_origin_forget(w, h);
	open_net(w, h);
	open_tcp(w, h);
	lw_origin_open(w, h);
}

static void
empty_net(struct lw *w, struct lw_host *h)
{
	struct net_out *out = &h->net_out;

	for (uint32_t i = 0; i < out->frame_n; i++)
		lw_wire_from_host(w, h->i, out->frame[i]);
	net_out_clear(out);
}

static void
empty_tcp(struct lw *w, struct lw_host *h)
{
	struct tcp_out *out = &h->out;

	for (uint32_t i = 0; i < out->packet_n; i++) {
		net_output(h->net, out->packet[i], w->now, &h->net_out);
		empty_net(w, h);
	}
	out->packet_n = 0;
	for (uint32_t i = 0; i < out->event_n; i++) {
		if (!tcp_is_live(h->tcp, out->event[i].id))
			continue; /* let go by an earlier event of this batch */
		if (h->is_origin)
			lw_origin_on_event(w, h, &out->event[i]);
		else
			lw_client_on_event(w, h, &out->event[i]);
	}
	out->event_n = 0;
}

void
lw_host_input(struct lw *w, struct lw_host *h, const uint8_t *bytes, uint32_t n)
{
	struct wire_port port = { .mac = h->mac, .vlan = w->conf.port[h->port_i].vlan };
	struct buf *frame = buf_take(w->host_pool);
	struct wire_packet packet;
	struct tcp_seg seg;

	LW_ENSURE(w, frame != NULL && n <= BUF_ROOM);
	memcpy(buf_append(frame, n), bytes, n);
	if (wire_decode(frame, &port, &packet, &seg) != WIRE_OK) {
		buf_give(frame);
		return;
	}
	switch ((enum wire_kind)packet.kind) {
	case WIRE_TCP:
		if (!net_is_ours(h->net, 0, &seg.dst)) {
			buf_give(frame);
			return;
		}
		tcp_input(h->tcp, &seg, &frame, 1, w->now, &h->out);
		empty_tcp(w, h);
		return;
	case WIRE_ARP:
	case WIRE_ND:
	case WIRE_MLD:
	case WIRE_ECHO:
		net_input(h->net, frame, &packet, w->now, &h->net_out);
		empty_net(w, h);
		return;
	case WIRE_ICMP_ERROR:
		buf_give(frame);
		return;
	}
}

void
lw_host_step(struct lw *w, struct lw_host *h)
{
	if (net_deadline(h->net) <= w->now) {
		net_advance(h->net, w->now, &h->net_out);
		empty_net(w, h);
	}
	for (uint32_t i = 0; tcp_deadline(h->tcp) <= w->now; i++) {
		LW_ENSURE(w, i < 100000);
		tcp_advance(h->tcp, w->now, &h->out);
		empty_tcp(w, h);
	}
}

uint64_t
lw_host_next(const struct lw_host *h)
{
	uint64_t a = tcp_deadline(h->tcp), b = net_deadline(h->net);

	return a < b ? a : b;
}

bool
lw_host_is_quiet(const struct lw_host *h)
{
	struct tcp_load load;

	tcp_load(h->tcp, &load);
	return load.conns == 0;
}

/* ---- endpoints ---- */

static struct buf *
make_piece(struct lw *w, struct lw_endpoint *e, struct lw_writer *writer, uint32_t n)
{
	struct buf *b = buf_take(w->host_pool);

	LW_ENSURE(w, b != NULL);
	b->at = BUF_HEADROOM;
	b->n = (uint16_t)lw_writer_fill(writer, buf_stream(b), n);
	(void)e;
	return b;
}

bool
lw_endpoint_write(struct lw *w, struct lw_endpoint *e, struct lw_writer *writer,
		  uint64_t *ret_again_at)
{
	uint32_t room = tcp_send_room(e->host->tcp, e->id);
	uint32_t want = 1 + prng_below(&w->prng, e->habits->write_max);
	struct bufq q = { 0 };

	if (w->now < e->paused_until) {
		*ret_again_at = e->paused_until;
		return true;
	}
	want = want < room ? want : room;
	while (want > 0 && !lw_writer_is_done(writer) && !lw_writer_is_stopped(writer)) {
		uint32_t most = e->habits->piece_max < BUF_ROOM ? e->habits->piece_max : BUF_ROOM;
		uint32_t n = 1 + prng_below(&w->prng, most);
		struct buf *b = make_piece(w, e, writer, n < want ? n : want);

		bufq_push(&q, b);
		want -= b->n;
	}
	if (q.n > 0)
		tcp_send(e->host->tcp, e->id, &q, false);
	if (lw_writer_is_done(writer) || lw_writer_is_stopped(writer))
		return false;
	if (tcp_send_room(e->host->tcp, e->id) == 0)
		return false; /* TCP_EV_ROOM wakes us */
	e->paused_until = w->now + prng_between(&w->prng, 1, e->habits->pause_ns + 1);
	*ret_again_at = e->paused_until;
	return true;
}

bool
lw_endpoint_read(struct lw *w, struct lw_endpoint *e, struct bufq *q, uint64_t *ret_again_at)
{
	struct tcp *tcp = e->host->tcp;

	if (w->now < e->stalled_until && !e->is_gone) {
		*ret_again_at = e->stalled_until; /* what comes meanwhile fills the window */
		return false;
	}
	tcp_recv(tcp, e->id, q);
	e->is_eof = tcp_is_eof(tcp, e->id);
	tcp_set_room(tcp, e->id, e->habits->room_max);
	if (e->habits->stall != 0 && lw_odds(w, e->habits->stall)) {
		e->stalled_until = w->now + prng_between(&w->prng, 1, e->habits->stall_ns);
		*ret_again_at = e->stalled_until;
	}
	return true;
}

void
lw_endpoint_let_go(struct lw_endpoint *e, bool aborts)
{
	if (e->id.v == 0)
		return;
	if (aborts)
		tcp_abort(e->host->tcp, e->id);
	tcp_release(e->host->tcp, e->id);
	*e = (struct lw_endpoint){ .host = e->host, .habits = e->habits };
}
