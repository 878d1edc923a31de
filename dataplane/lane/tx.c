/*
 * tx.c - from the engines to the ports. A port's frames wait in one queue, in order; the lane that
 * has the port's queue sends them, any other lane hands them to that one.
 *
 * A port that is slow holds TCP up (lane_can_send), which loses nothing. A port that takes nothing
 * at all for TX_PATIENCE_NS loses its queue, and from then on at once what comes after, until it
 * takes a frame again: it cannot stop the others.
 */
#include "lane/own.h"

#include <string.h>

void
lane_put_frame(struct lane *lane, struct buf *frame)
{
	struct lane_tx *tx = &lane->tx[frame->path];

	ensure_hot(frame->path < lane->conf.port_n);
	if (tx->n == TX_MAX) {
		lane->count->lane_drop_tx_full++;
		buf_give(frame);
		return;
	}
	tx->frame[tx->n++] = frame;
}

bool
lane_can_send(const struct lane *lane)
{
	for (uint16_t i = 0; i < lane->conf.port_n; i++) {
		if (lane->tx[i].n > TX_CALM)
			return false;
	}
	return true;
}

uint32_t
lane_tx_n(const struct lane *lane)
{
	uint32_t n = 0;

	for (uint16_t i = 0; i < lane->conf.port_n; i++)
		n += lane->tx[i].n;
	return n;
}

static void
tell(struct lane *lane, const struct mesh_message *message)
{
	lane->count->lane_messages_lost += mesh_tell(lane->conf.mesh, lane->conf.lane_i, message);
}

void
lane_take_net_out(struct lane *lane, uint64_t now)
{
	struct net_out *out = &lane->net_out;

	if (lane->capture.is_on)
		capture_sent(lane, out->frame, out->frame_n, now);
	for (uint32_t i = 0; i < out->frame_n; i++)
		lane_put_frame(lane, out->frame[i]);
	for (uint32_t i = 0; i < out->learned_n; i++)
		tell(lane,
		     &(struct mesh_message){ .topic = MESH_LEARNED, .learned = out->learned[i] });
	for (uint32_t i = 0; i < out->conflict_n; i++)
		tell(lane, &(struct mesh_message){ .topic = MESH_CONFLICT,
						   .conflict = out->conflict[i] });
	for (uint32_t i = 0; i < out->unreachable_n; i++)
		tcp_unreachable(lane->tcp, &out->unreachable[i].ip, now);
	for (uint32_t i = 0; i < out->moved_n; i++)
		tcp_moved(lane->tcp, out->moved[i].path,
			  out->moved[i].is_gateway ? NULL : &out->moved[i].ip, now);
	for (uint32_t i = 0; i < out->lost_n; i++)
		tcp_address_lost(lane->tcp, out->lost[i].path, &out->lost[i].ip, now);
	net_out_clear(out);
}

void
lane_take_packets(struct lane *lane, uint64_t now)
{
	struct tcp_out *out = &lane->tcp_out;

	for (uint32_t i = 0; i < out->packet_n; i++) {
		net_output(lane->net, out->packet[i], now, &lane->net_out);
		if (!net_out_has_room(&lane->net_out))
			lane_take_net_out(lane, now);
	}
	out->packet_n = 0;
	lane_take_net_out(lane, now);
}

static uint32_t
send_own(struct lane *lane, uint16_t port_i)
{
	const struct portif *port = &lane->conf.port[port_i];
	struct lane_tx *tx = &lane->tx[port_i];
	uint32_t sent = 0;

	while (sent < tx->n) {
		uint32_t want = tx->n - sent < BURST_MAX ? tx->n - sent : BURST_MAX;
		uint32_t n = portif_tx_burst(port, lane->conf.lane_i, &tx->frame[sent], want);

		sent += n;
		if (n < want)
			break;
	}
	lane->count->lane_tx_frames += sent;
	return sent;
}

static void
drop_queue(struct lane *lane, struct lane_tx *tx)
{
	lane->count->lane_drop_tx_stalled += tx->n;
	buf_give_burst(tx->frame, tx->n);
	tx->n = 0;
	tx->is_dead = true;
}

static bool
flush_port(struct lane *lane, uint16_t port_i, uint64_t now)
{
	struct lane_tx *tx = &lane->tx[port_i];
	uint16_t owner = mesh_queue_lane(lane->conf.mesh, port_i, lane->conf.lane_i);
	uint32_t sent;

	if (tx->n == 0) {
		tx->moved_at = now;
		return false;
	}
	if (owner == lane->conf.lane_i)
		sent = send_own(lane, port_i);
	else
		sent = mesh_push(lane->conf.mesh, MESH_TX, lane->conf.lane_i, owner, tx->frame,
				 tx->n);
	if (sent > 0) {
		memmove(&tx->frame[0], &tx->frame[sent], (tx->n - sent) * sizeof(tx->frame[0]));
		tx->n -= sent;
		tx->moved_at = now;
		tx->is_dead = false;
		return true;
	}
	if (tx->is_dead || now - tx->moved_at >= TX_PATIENCE_NS)
		drop_queue(lane, tx);
	return false;
}

bool
lane_flush(struct lane *lane, uint64_t now)
{
	bool moved = false;

	for (uint16_t i = 0; i < lane->conf.port_n; i++)
		moved |= flush_port(lane, i, now);
	return moved;
}
