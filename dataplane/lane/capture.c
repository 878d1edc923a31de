/*
 * capture.c - packets of chosen flows into the lane's ring (abi/capture.h), while one asks for
 * them. Otherwise this costs a burst a branch.
 *
 * Received ones are taken when they have been decoded, sent ones when they go to the port's queue.
 * A connection may become one of the chosen by the very packet that brought its request: while a
 * filter needs to know the request, what is not chosen is kept until the burst has been worked on.
 */
#include "lane/own.h"

#include <string.h>

/* What is known of a client's connection by its first segment. */
enum {
	BY_SYN = ASK_BY_CLIENT | ASK_BY_CLIENT_PORT,
};

void
capture_start(struct lane *lane, const struct ask *ask, uint64_t now)
{
	struct lane_capture *c = &lane->capture;

	capture_stop(lane);
	c->id = ask->capture_id;
	c->snap = ask->snap < CAPTURE_SNAP_MAX ? ask->snap : CAPTURE_SNAP_MAX;
	c->until = now + ask->for_ns;
	watch_begin(&c->watch, &ask->filter);
	capture_begin(&c->ring, ask->capture_id);
	proxy_set_watch(lane->proxy, &c->watch);
	c->is_on = true;
}

void
capture_stop(struct lane *lane)
{
	struct lane_capture *c = &lane->capture;

	if (!c->is_on)
		return;
	c->is_on = false;
	proxy_set_watch(lane->proxy, NULL);
	capture_end(&c->ring);
}

static void
write_packet(struct lane_capture *c, const struct buf *frame, const struct capture_packet *of)
{
	struct capture_packet packet = *of;
	uint32_t off = 0;

	packet.n = frame->m.pkt_len;
	packet.port_i = frame->path;
	packet.kept_n = packet.n < c->snap ? packet.n : c->snap;
	capture_place(&c->ring, &packet);
	for (const struct buf *b = frame; b != NULL && off < packet.kept_n; b = buf_next(b)) {
		uint32_t n = packet.kept_n - off;

		n = n < b->m.data_len ? n : b->m.data_len;
		capture_part(&c->ring, off, buf_data(b), n);
		off += n;
	}
	capture_put(&c->ring);
}

static struct capture_packet
packet_of(const struct lane *lane, const struct watch_flow *flow, uint64_t now)
{
	return (struct capture_packet){
		.time_ns = now + lane->wall_ns,
		.session_id = flow->session_id,
		.flags = flow->is_server ? CAPTURE_SERVER : 0,
	};
}

static struct watch_flow *
flow_of(struct lane_capture *c, const struct tcp_seg *seg)
{
	return watch_find(&c->watch, &seg->dst, seg->dst_port, &seg->src, seg->src_port);
}

/* A client begins: what its tuple meant before is over. */
static void
look_at_syn(struct lane_capture *c, const struct tcp_seg *seg)
{
	const struct ask_filter *f = &c->watch.filter;
	struct watch_flow flow = { .local = seg->dst,
				   .remote = seg->src,
				   .local_port = seg->dst_port,
				   .remote_port = seg->src_port };

	if ((f->by & ~(uint32_t)BY_SYN) != 0 ||
	    ((f->by & ASK_BY_CLIENT) != 0 && !ip_eq(&f->client, &seg->src)) ||
	    ((f->by & ASK_BY_CLIENT_PORT) != 0 && f->client_port != seg->src_port))
		watch_drop(&c->watch, &flow);
	else
		watch_add(&c->watch, &flow);
}

/* Until the burst has been worked on: a copy, for the buffers go on. */
static void
keep(struct lane_capture *c, const struct tcp_seg *seg, const struct buf *frame)
{
	struct capture_late *late = &c->late[c->late_n++];
	uint32_t n = frame->m.data_len < sizeof(late->bytes) ? frame->m.data_len
							     : (uint32_t)sizeof(late->bytes);

	late->seg = *seg;
	late->path = frame->path;
	late->n = frame->m.pkt_len;
	late->kept_n = n < c->snap ? n : c->snap;
	memcpy(late->bytes, buf_data(frame), late->kept_n);
}

void
capture_received(struct lane *lane, uint64_t now)
{
	struct lane_capture *c = &lane->capture;
	const struct lane_burst *burst = &lane->burst;
	bool is_late = (c->watch.filter.by & ~(uint32_t)BY_SYN) != 0;

	c->late_n = 0;
	for (uint32_t i = 0; i < burst->n; i++) {
		const struct tcp_seg *seg = &burst->seg[i];
		const struct watch_flow *flow;

		if ((seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
			look_at_syn(c, seg);
		flow = flow_of(c, seg);
		if (flow != NULL) {
			struct capture_packet packet = packet_of(lane, flow, now);

			write_packet(c, burst->buf[i], &packet);
		} else if (is_late && seg->payload_n > 0) {
			keep(c, seg, burst->buf[i]);
		}
	}
}

void
capture_settle(struct lane *lane, uint64_t now)
{
	struct lane_capture *c = &lane->capture;

	for (uint32_t i = 0; i < c->late_n; i++) {
		const struct capture_late *late = &c->late[i];
		const struct watch_flow *flow = flow_of(c, &late->seg);
		struct capture_packet packet;

		if (flow == NULL)
			continue;
		packet = packet_of(lane, flow, now);
		packet.n = late->n;
		packet.kept_n = late->kept_n;
		packet.port_i = late->path;
		capture_place(&c->ring, &packet);
		capture_part(&c->ring, 0, late->bytes, late->kept_n);
		capture_put(&c->ring);
	}
	c->late_n = 0;
	capture_set_evicted(&c->ring, c->watch.evicted_n);
}

void
capture_sent(struct lane *lane, struct buf *const *frame, uint32_t n, uint64_t now)
{
	struct lane_capture *c = &lane->capture;

	for (uint32_t i = 0; i < n; i++) {
		struct capture_packet packet;
		const struct watch_flow *flow;
		struct steer_tuple t;

		if (!steer_peek(buf_data(frame[i]), frame[i]->m.data_len, &t))
			continue;
		flow = watch_find(&c->watch, &t.src, t.src_port, &t.dst, t.dst_port);
		if (flow == NULL)
			continue;
		packet = packet_of(lane, flow, now);
		packet.flags |= CAPTURE_OUT;
		if ((frame[i]->m.ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0 ||
		    (frame[i]->m.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
			packet.flags |= CAPTURE_UNSUMMED;
		write_packet(c, frame[i], &packet);
	}
}
