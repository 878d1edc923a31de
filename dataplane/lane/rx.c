/*
 * rx.c - from a received frame to the engine that it concerns, or to the lane whose flow it is.
 *
 * A lane that polls a queue for others (or a port that cannot steer) looks only at what a network
 * card would hash and hands the frame over as it came; the lane that it belongs to decodes it.
 * Frames that came through a ring are not handed on, but for those whose flow nobody could see and
 * which may have settled elsewhere. Fragments are put together where they arrive; the packet is
 * then handed over like any other.
 */
#include "lane/own.h"
#include "wire/ip.h"

#include <string.h>

#define ROUND_NS  MS_NS		/* each lane may begin a round so often, */
#define ROUNDS_NS (100 * MS_NS) /* and so far ahead of it */
#define LANE_NONE UINT16_MAX

static void
flush_handover(struct lane *lane)
{
	struct lane_handover *h = &lane->handover;

	while (h->to != 0) {
		uint16_t to = (uint16_t)__builtin_ctzll(h->to);
		uint32_t n = h->n[to];
		uint32_t put =
			mesh_push(lane->conf.mesh, MESH_RX, lane->conf.lane_i, to, h->frame[to], n);

		lane->count->lane_handed_over += put;
		if (put < n) {
			lane->count->lane_drop_handover_full += n - put;
			buf_give_burst(&h->frame[to][put], n - put);
		}
		h->n[to] = 0;
		h->to &= h->to - 1;
	}
}

static void
refuse_frame(struct lane *lane, struct buf *frame, enum wire_drop drop, uint64_t now)
{
	wire_drop_count(lane->count, drop);
	net_refuse(lane->net, frame, drop, now, &lane->net_out);
	if (!net_out_has_room(&lane->net_out))
		lane_take_net_out(lane, now);
}

/*
 * A decoded packet of this lane's own; a segment is in the burst's next place. Ownership passes
 * in.
 */
static inline void
take_packet(struct lane *lane, struct buf *frame, const struct wire_packet *packet, uint64_t now)
{
	struct lane_burst *burst = &lane->burst;
	const struct tcp_seg *seg = &burst->seg[burst->n];

	if (packet->kind != WIRE_ARP && net_is_broadcast(lane->net, frame->path, &packet->src)) {
		lane->count->lane_drop_broadcast_source++;
		buf_give(frame);
		return;
	}
	switch ((enum wire_kind)packet->kind) {
	case WIRE_TCP:
		if (!net_is_ours(lane->net, frame->path, &seg->dst)) {
			lane->count->lane_drop_not_ours++;
			buf_give(frame);
			return;
		}
		burst->buf[burst->n++] = frame;
		return;
	case WIRE_ARP:
	case WIRE_ND:
	case WIRE_MLD:
	case WIRE_ECHO:
		net_input(lane->net, frame, packet, now, &lane->net_out);
		if (!net_out_has_room(&lane->net_out))
			lane_take_net_out(lane, now);
		return;
	case WIRE_ICMP_ERROR:
		tcp_icmp(lane->tcp, &packet->error, now);
		buf_give(frame);
		return;
	}
}

/* hops_n: how often this frame has been handed over by its flow, with this time; 0: it is not. */
static inline void
hand_over(struct lane *lane, struct buf *frame, uint16_t to, uint32_t hops_n)
{
	struct lane_handover *h = &lane->handover;

	frame->tag = hops_n;
	h->frame[to][h->n[to]++] = frame;
	h->to |= 1ull << to;
}

/*
 * Whether all may be asked for a flow: anybody can send what nobody has, and it must not cost each
 * lane what it costs one.
 */
static bool
can_begin_round(struct lane *lane, uint64_t now)
{
	uint64_t at = lane->round_at > now ? lane->round_at : now;

	if (at - now >= ROUNDS_NS)
		return false;
	lane->round_at = at + ROUND_NS;
	return true;
}

/*
 * The lane of a segment's flow, or the next one to ask for it after hops_n hops. The hash's lane is
 * the first; but where a port spreads otherwise than it says, a flow has settled where its segments
 * arrive, and only the lane there knows. So all are asked in a round, and when none has it the
 * hash's lane answers. What opens a flow has nothing to look for. LANE_NONE: too many rounds; an
 * answer would reset a flow that another lane has, and who means it sends again.
 */
static uint16_t
owner_of(struct lane *lane, const struct steer *steer, const struct tcp_seg *seg, uint32_t hops_n,
	 uint64_t now)
{
	enum instance_steering mode = steer_mode(steer);
	uint16_t self = lane->conf.lane_i, home;
	bool is_home_next;
	const struct steer_tuple tuple = { .src = seg->src,
					   .dst = seg->dst,
					   .src_port = seg->src_port,
					   .dst_port = seg->dst_port };

	if (mode == INSTANCE_STEERING_SINGLE ||
	    !tcp_is_free(lane->tcp, &seg->dst, seg->dst_port, &seg->src, seg->src_port))
		return self;
	home = steer_lane(steer, &tuple);
	is_home_next = self == home ? hops_n > 1 : hops_n == 0;
	if (is_home_next || mode == INSTANCE_STEERING_HANDOVER ||
	    (seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return home;
	if (self == home && !can_begin_round(lane, now))
		return LANE_NONE;
	return self + 1u < steer->lane_n ? (uint16_t)(self + 1) : 0;
}

/*
 * A decoded packet whose flow nobody could see before, polled (hops_n 0) or handed over: it was in
 * fragments, or has IPv6 extension headers. It goes to the lane of its flow; a frame for each that
 * came at most.
 */
static void
take_by_flow(struct lane *lane, struct buf *frame, const struct wire_packet *packet,
	     uint32_t hops_n, uint64_t now)
{
	uint16_t self = lane->conf.lane_i, to = self;

	if (packet->kind == WIRE_TCP)
		to = owner_of(lane, mesh_steer(lane->conf.mesh, frame->path),
			      &lane->burst.seg[lane->burst.n], hops_n, now);
	if (to == LANE_NONE) {
		lane->count->lane_drop_rounds++;
		buf_give(frame);
	} else if (to == self) {
		take_packet(lane, frame, packet, now);
	} else {
		hand_over(lane, frame, to, hops_n + 1);
	}
}

/* A fragment that this lane has polled: with the last that was missing there is a packet. */
static void
take_fragment(struct lane *lane, struct buf *frame, uint64_t now)
{
	struct tcp_seg *seg = &lane->burst.seg[lane->burst.n];
	struct wire_packet packet;
	struct buf *whole;
	enum wire_drop drop;

	whole = net_reassemble(lane->net, frame, now, &lane->net_out);
	if (!net_out_has_room(&lane->net_out))
		lane_take_net_out(lane, now);
	if (whole == NULL)
		return;
	drop = wire_decode(whole, &lane->wire[whole->path], &packet, seg);
	if (drop == WIRE_OK)
		take_by_flow(lane, whole, &packet, 0, now);
	else
		refuse_frame(lane, whole, drop, now);
}

/* Whether a segment has IPv6 extension headers; of what is no IP the rest says nothing. */
static inline bool
has_extensions(const struct wire_packet *packet)
{
	return packet->kind == WIRE_TCP && packet->is_v6 &&
	       packet->l4_off != packet->l3_off + IP6_HEADER;
}

/* A frame of this lane's own, polled by it or handed over to it. Ownership passes in. */
static inline void
take_frame(struct lane *lane, struct buf *frame, bool is_polled, uint64_t now)
{
	struct tcp_seg *seg = &lane->burst.seg[lane->burst.n];
	struct wire_packet packet;
	enum wire_drop drop = wire_decode(frame, &lane->wire[frame->path], &packet, seg);

	if (drop == WIRE_OK && is_polled && has_extensions(&packet))
		take_by_flow(lane, frame, &packet, 0, now);
	else if (drop == WIRE_OK && !is_polled && frame->tag != 0)
		take_by_flow(lane, frame, &packet, frame->tag, now);
	else if (drop == WIRE_OK)
		take_packet(lane, frame, &packet, now);
	else if (lane->reassembles && is_polled &&
		 (drop == WIRE_DROP_IP4_FRAGMENT || drop == WIRE_DROP_IP6_FRAGMENT))
		take_fragment(lane, frame, now);
	else
		refuse_frame(lane, frame, drop, now);
}

/*
 * Which lane a frame that this lane has polled belongs to. Where the port steers by itself this
 * is only asked of the segments that are judged.
 */
static uint16_t
lane_of(struct lane *lane, const struct buf *frame)
{
	struct steer *steer = mesh_steer(lane->conf.mesh, frame->path);
	enum instance_steering mode = steer_mode(steer);
	bool is_judged = mode == INSTANCE_STEERING_RSS, is_wrong;
	struct steer_tuple tuple;
	uint16_t to;

	if (mode == INSTANCE_STEERING_SINGLE)
		return lane->conf.lane_i;
	if (is_judged) {
		uint32_t seen = lane->judged_n[frame->path]++;

		is_judged = seen < STEER_FIRST || seen % STEER_EVERY == 0;
		if (!is_judged && steer->queue_n == steer->lane_n)
			return lane->conf.lane_i;
	}
	if (!steer_peek(buf_data(frame), frame->m.data_len, &tuple))
		return lane->conf.lane_i;
	to = steer_lane(steer, &tuple);
	if (is_judged && steer_judge(steer, lane->conf.lane_i, to))
		lane->count->lane_steering_switched++;
	/* A flow that settled here before its port was found out stays, also now that it is. */
	is_wrong = mode == INSTANCE_STEERING_MISMATCH || to % steer->queue_n != lane->conf.lane_i;
	if (mode != INSTANCE_STEERING_HANDOVER && is_wrong && to != lane->conf.lane_i &&
	    !tcp_is_free(lane->tcp, &tuple.dst, tuple.dst_port, &tuple.src, tuple.src_port))
		return lane->conf.lane_i;
	return to;
}

/*
 * All of a small frame, which is a head or part of one, and the headers of a large one, whose
 * payload may pass unread. A peer that shares memory wrote them on another core, and one line
 * after another from there would cost more than all the rest of the packet; where a card wrote
 * them they are near anyway.
 */
static inline void
ask_for(const struct buf *frame)
{
	const uint8_t *p = buf_data(frame);
	uint32_t n = frame->m.data_len <= ASK_BYTES ? frame->m.data_len : ASK_LEAST;

	for (uint32_t off = 0; off < n; off += 64)
		__builtin_prefetch(p + off);
}

/*
 * First the frames' bytes are asked for, all of them, then looked at: by the time the first is
 * decoded it is in cache.
 */
static void
take_polled(struct lane *lane, struct buf **frame, uint32_t n, uint64_t now)
{
	for (uint32_t i = 0; i < n; i++)
		ask_for(frame[i]);
	for (uint32_t i = 0; i < n; i++) {
		uint16_t to = lane_of(lane, frame[i]);

		if (to == lane->conf.lane_i) {
			take_frame(lane, frame[i], true, now);
			continue;
		}
		hand_over(lane, frame[i], to, 0);
	}
	lane->count->wire_rx_frames += n;
	flush_handover(lane);
	lane_input(lane, now);
}

/* Half of the lending budget is held, or the pool has a sixteenth left. */
static bool
is_short_of_bufs(const struct lane *lane)
{
	uint32_t held = lane_bufs_held(lane) - net_fragment_bufs(lane->net);

	return held > lane->conf.plan.bufs_max / 2 ||
	       buf_pool_free_n(lane->conf.pool) < buf_pool_size(lane->conf.pool) / 16;
}

void
lane_look_at_fragments(struct lane *lane)
{
	if (net_fragment_bufs(lane->net) == 0)
		return;
	if (!lane->reassembles)
		net_drop_fragments(lane->net, FRAG_DROP_OFF);
	else if (is_short_of_bufs(lane))
		net_drop_fragments(lane->net, FRAG_DROP_PRESSURE);
}

/* As tuned, but never so few that the port would stay silent. */
static uint32_t
burst_of(const struct lane *lane, const struct portif *port)
{
	uint32_t least = port->facts.burst_least;

	return lane->burst_n > least ? lane->burst_n : least;
}

bool
lane_receive(struct lane *lane, uint64_t now)
{
	bool found = false;

	for (uint16_t i = 0; i < lane->conf.port_n; i++) {
		const struct portif *port = &lane->conf.port[i];
		struct buf *frame[BURST_MAX];
		uint32_t n;

		if (lane->conf.lane_i >= port->facts.queue_n)
			continue;
		if (port->except != NULL && lane->conf.lane_i == EXCEPT_LANE)
			found |= lane_hear_kernel(lane, port);
		n = portif_rx_burst(port, lane->conf.lane_i, frame, burst_of(lane, port));
		if (n == 0)
			continue;
		found = true;
		if (port->except != NULL)
			n = lane_sort(lane, port, frame, n);
		take_polled(lane, frame, n, now);
	}
	return found;
}

static void
hear_messages(struct lane *lane, uint16_t from, uint64_t now)
{
	struct mesh_message message;

	while (mesh_hear(lane->conf.mesh, from, lane->conf.lane_i, &message)) {
		switch ((enum mesh_topic)message.topic) {
		case MESH_LEARNED:
			net_learn(lane->net, &message.learned, now, &lane->net_out);
			break;
		case MESH_CONFLICT:
			net_learn_conflict(lane->net, &message.conflict, now, &lane->net_out);
			break;
		}
		if (!net_out_has_room(&lane->net_out))
			lane_take_net_out(lane, now);
	}
}

/* Frames to send are taken only as long as there is room: the ring holds the sender up. */
static bool
hear_tx(struct lane *lane, uint16_t from)
{
	struct buf *frame[BURST_MAX];
	uint32_t n;

	while (lane_can_send(lane)) {
		n = mesh_pop(lane->conf.mesh, MESH_TX, from, lane->conf.lane_i, frame, BURST_MAX);
		for (uint32_t i = 0; i < n; i++)
			lane_put_frame(lane, frame[i]);
		if (n < BURST_MAX)
			return true;
	}
	return false;
}

/* One burst from each lane a turn, so that no ring keeps the others waiting. */
static bool
hear_rx(struct lane *lane, uint16_t from, uint64_t now)
{
	struct buf *frame[BURST_MAX];
	uint32_t n = mesh_pop(lane->conf.mesh, MESH_RX, from, lane->conf.lane_i, frame, BURST_MAX);

	for (uint32_t i = 0; i < n; i++)
		ask_for(frame[i]);
	for (uint32_t i = 0; i < n; i++)
		take_frame(lane, frame[i], false, now);
	lane->count->lane_taken_over += n;
	flush_handover(lane);
	lane_input(lane, now);
	return n < BURST_MAX;
}

bool
lane_hear(struct lane *lane, uint64_t now)
{
	uint64_t rung = mesh_rung(lane->conf.mesh, lane->conf.lane_i) | lane->unheard;
	bool found = rung != 0;

	lane->unheard = 0;
	while (rung != 0) {
		uint16_t from = (uint16_t)__builtin_ctzll(rung);
		bool is_empty = true;

		hear_messages(lane, from, now);
		is_empty &= hear_tx(lane, from);
		is_empty &= hear_rx(lane, from, now);
		if (!is_empty)
			lane->unheard |= 1ull << from;
		rung &= rung - 1;
	}
	return found;
}
