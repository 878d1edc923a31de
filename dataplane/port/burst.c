/*
 * burst.c - receiving and sending through a DPDK device, once a burst.
 *
 * Frames that a device cannot send as they lie are made one linear copy here, and counted. The
 * checksums are the engines' affair: struct portif_facts tells what the device would do.
 */
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "port/own.h"

static inline uint32_t
receive(struct port *port, uint16_t queue, struct buf **ret_frame, uint32_t n)
{
	if (port->is_tap)
		return tap_receive(&port->tap, queue, ret_frame, n);
	return rte_eth_rx_burst(port->id, queue, (struct rte_mbuf **)ret_frame, (uint16_t)n);
}

/*
 * Frames for a port of the kernel's leave by a system call a burst, and wake whoever waits for
 * them: dear, however few they are. So what comes is left to gather for a moment, unless it fills
 * a burst. The first after a pause is taken at once.
 */
static uint32_t
look(struct port *port, uint16_t queue, struct buf **ret_frame, uint32_t n)
{
	struct port_queue *q = &port->queue[queue];
	uint64_t now;
	uint32_t got;

	if (port->gap_tsc == 0)
		return receive(port, queue, ret_frame, n);
	now = rte_rdtsc();
	if (now - q->found_tsc < port->gap_tsc)
		return 0;
	got = receive(port, queue, ret_frame, n);
	if (got > 0 && got < n)
		q->found_tsc = now;
	return got;
}

static uint32_t
rx_burst(const struct portif *portif, uint16_t queue, struct buf **ret_frame, uint32_t n)
{
	struct port *port = portif->self;

	ensure_hot(n <= BURST_MAX);
	if (!atomic_load_explicit(&port->is_started, memory_order_acquire))
		return 0;
	n = look(port, queue, ret_frame, n);
	for (uint32_t i = 0; i < n; i++) {
		struct buf *b = ret_frame[i];

		if (i + 4 < n)
			__builtin_prefetch(&ret_frame[i + 4]->link, 1);
		b->link = NULL;
		b->at = b->n = 0;
		b->path = port->path;
		b->l3_off = 0;
		b->hash = (b->m.ol_flags & RTE_MBUF_F_RX_RSS_HASH) != 0 ? b->m.hash.rss : 0;
		b->tag = 0;
		b->sum_n = 0;
	}
	return n;
}

/* One linear copy of a chain; NULL when it does not fit or the pool is dry. */
static struct buf *
linear_copy(struct port *port, const struct buf *frame)
{
	struct buf *copy;

	if (frame->m.pkt_len > BUF_ROOM)
		return NULL;
	copy = buf_take(port->pool);
	if (copy == NULL)
		return NULL;
	for (const struct buf *seg = frame; seg != NULL; seg = buf_next(seg))
		memcpy(buf_append(copy, seg->m.data_len), buf_data(seg), seg->m.data_len);
	copy->m.ol_flags = frame->m.ol_flags & ~RTE_MBUF_F_INDIRECT;
	copy->m.tx_offload = frame->m.tx_offload;
	copy->path = frame->path;
	return copy;
}

/*
 * Linear frames in place of chains; returns how many frames are left to send. A frame that is
 * not sendable is given back here: the burst's order stays.
 */
static uint32_t
linearise(struct port *port, uint16_t queue, struct buf **frame, uint32_t n)
{
	struct port_queue *q = &port->queue[queue];
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct buf *copy;

		if (frame[i]->m.nb_segs == 1 && !buf_is_view(frame[i])) {
			frame[kept++] = frame[i];
			continue;
		}
		copy = linear_copy(port, frame[i]);
		buf_give(frame[i]);
		if (copy == NULL) {
			q->unsendable++;
			continue;
		}
		q->linearised++;
		frame[kept++] = copy;
	}
	return kept;
}

/*
 * A zero-copy memif raises the count of each segment as it fills the ring's slots. When the ring
 * ends inside a chain it refuses the chain and forgets to lower them again (DPDK 22.11,
 * memif_tx_one_zc). The segments of a chain, a header and views, are all held once before.
 */
static void
lower_again(struct buf *chain)
{
	for (struct buf *seg = chain; seg != NULL && seg->m.refcnt > 1; seg = buf_next(seg))
		rte_mbuf_refcnt_update(&seg->m, -1);
}

static bool
has_chain(struct buf **frame, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (frame[i]->m.nb_segs > 1)
			return true;
	}
	return false;
}

/*
 * A zero-copy memif takes four frames at a time without looking for room between them; when chains
 * have used the last slot up it writes over one in flight, whose buffer is then given twice (DPDK
 * 22.11, eth_memif_tx_zc). With four or fewer to go it looks before each.
 */
static uint32_t
send_zero_copy(struct port *port, uint16_t queue, struct buf **frame, uint32_t n)
{
	uint32_t most = has_chain(frame, n) ? 4 : n, sent = 0, last, ask;

	do {
		ask = n - sent < most ? n - sent : most;
		last = rte_eth_tx_burst(port->id, queue, (struct rte_mbuf **)&frame[sent],
					(uint16_t)ask);
		sent += last <= ask ? last : ask;
	} while (last >= ask && sent < n);
	if (sent < n && frame[sent]->m.nb_segs > 1)
		lower_again(frame[sent]);
	return sent;
}

/*
 * DPDK leaves the length out of the pseudo header of a packet that is to be cut, virtio wants it
 * in (5.1.6.2). A frame that was refused and comes again is known by the flag that is gone.
 */
static void
add_lengths(struct buf **frame, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct rte_mbuf *m = &frame[i]->m;
		uint32_t l4 = m->l2_len + m->l3_len, sum;
		uint16_t field;
		uint8_t *at;

		if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0 ||
		    (m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) == 0)
			continue;
		m->ol_flags &= ~RTE_MBUF_F_TX_TCP_CKSUM; /* cutting implies it */
		at = buf_data(frame[i]) + l4 + 16;
		memcpy(&field, at, 2);
		sum = field + rte_cpu_to_be_16((uint16_t)(m->pkt_len - l4));
		field = (uint16_t)(sum + (sum >> 16));
		memcpy(at, &field, 2);
	}
}

/* IPv4's own sum changes with each piece of a packet that is cut. */
static void
ask_ip_sums(struct buf **frame, uint32_t n)
{
	const uint64_t cut4 = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;

	for (uint32_t i = 0; i < n; i++)
		if ((frame[i]->m.ol_flags & cut4) == cut4)
			frame[i]->m.ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
}

/*
 * A frame that the driver refused as it lies, too many pieces for its descriptors say: a copy in
 * one piece takes its place. False: none can, and it is given back.
 */
static bool
straighten(struct port *port, uint16_t queue, struct buf **frame)
{
	struct port_queue *q = &port->queue[queue];
	bool is_cut = ((*frame)->m.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
	struct buf *copy = NULL;

	if ((*frame)->m.nb_segs > 1 && !is_cut)
		copy = linear_copy(port, *frame);
	buf_give(*frame);
	*frame = copy;
	q->linearised += copy != NULL;
	q->unsendable += copy == NULL;
	return copy != NULL;
}

/*
 * Drivers that look at packets first make the pseudo headers as their cards want them, the same
 * at a second look. A frame that stays refused is dropped, which counts as sent.
 */
static uint32_t
send_prepared(struct port *port, uint16_t queue, struct buf **frame, uint32_t n)
{
	uint32_t sent = 0, ready, last;

	if (port->sums_ip)
		ask_ip_sums(frame, n);
	do {
		ready = rte_eth_tx_prepare(port->id, queue, (struct rte_mbuf **)&frame[sent],
					   (uint16_t)(n - sent));
		last = rte_eth_tx_burst(port->id, queue, (struct rte_mbuf **)&frame[sent],
					(uint16_t)ready);
		sent += last;
		if (last == ready && sent < n && !straighten(port, queue, &frame[sent]))
			sent++;
	} while (last == ready && sent < n);
	return sent;
}

static uint32_t
send_frames(struct port *port, uint16_t queue, struct buf **frame, uint32_t n)
{
	uint32_t sent;

	if (port->is_zero_copy)
		return send_zero_copy(port, queue, frame, n);
	if (port->prepares)
		return send_prepared(port, queue, frame, n);
	if (port->wants_lengths)
		add_lengths(frame, n);
	if (port->is_tap)
		return tap_send(&port->tap, queue, frame, n);
	sent = rte_eth_tx_burst(port->id, queue, (struct rte_mbuf **)frame, (uint16_t)n);
	return sent <= n ? sent : n; /* memif without its eventfd answers -1 */
}

/*
 * What linearise dropped counts as taken. The frames that remain the caller's are moved to the
 * end of the array, where the caller looks for them.
 */
static uint32_t
tx_burst(const struct portif *portif, uint16_t queue, struct buf **frame, uint32_t n)
{
	struct port *port = portif->self;
	uint32_t there = n, sent;

	if (n == 0 || !atomic_load_explicit(&port->is_started, memory_order_acquire))
		return 0;
	ensure_hot(n <= BURST_MAX);
	if (port->must_linearise)
		there = linearise(port, queue, frame, n);
	if (there == 0)
		return n;
	sent = send_frames(port, queue, frame, there);
	if (there < n)
		memmove(&frame[sent + n - there], &frame[sent], (there - sent) * sizeof(*frame));
	return sent + n - there;
}

static bool
is_up(const struct portif *portif)
{
	struct port *port = portif->self;

	return atomic_load_explicit(&port->is_up, memory_order_relaxed);
}

const struct portif_ops port_burst_ops = {
	.rx_burst = rx_burst,
	.tx_burst = tx_burst,
	.is_up = is_up,
};
