/*
 * emit.c - segments as bytes: headers, options, checksum, and the payload without a copy where
 * that is possible.
 *
 * Payload travels in one of three ways. Re-headed: the stream buffer is exactly the segment, only
 * we hold it, and there is room in front; the header is written there and the port's count is the
 * second. Chained: a header buffer and views of the stream buffers, where the port takes several
 * pieces. Copied: small or scattered payloads, and ports that take one piece only.
 */
#include "tcp/conn.h"

enum {
	COPY_MAX = 256, /* payloads up to this are cheaper copied than chained */
	VIEW_PIECES_MAX = 4,
};

static uint32_t
packet_header_size(const struct tcp_seg *seg)
{
	return (ip_is_v4(&seg->src) ? 20 : 40) + seg_header_size(seg);
}

/* Headers in front of the payload, and the packet is ready to leave. */
static void
finish(struct tcp *tcp, const struct tcp_seg *seg, struct buf *packet, uint16_t path,
       uint16_t tso_mss, struct tcp_out *out)
{
	const struct tcp_path *by = &tcp->conf.path[path];
	struct seg_how how = { .csum_tx = by->csum_tx,
			       .tso_mss = tso_mss,
			       .hop_limit = by->hop_limit,
			       .dscp = by->dscp };

	seg_emit_packet(seg, &how, packet);
	packet->path = path;
	packet->hash = 0;
	out->packet[out->packet_n++] = packet;
	COUNT(tcp, tcp_tx_segments);
	if (tso_mss != 0)
		COUNT(tcp, tcp_tx_super);
}

/* ---- payload ---- */

static struct buf *
take_buf(struct tcp *tcp)
{
	struct buf *b = buf_take(tcp->conf.pool);

	if (b == NULL)
		COUNT(tcp, tcp_tx_no_buffer);
	return b;
}

static bool
can_rehead(const struct emit *e, uint32_t header_n)
{
	const struct buf *b = e->buf;

	return e->at == b->at && e->n == b->n && b->at >= header_n + LINK_HEADER_MAX &&
	       buf_is_sole(b);
}

static struct buf *
rehead(struct tcp *tcp, const struct emit *e)
{
	struct buf *b = e->buf;

	buf_ref(b);
	b->m.data_off = b->at;
	b->m.data_len = b->n;
	b->m.pkt_len = b->n;
	b->m.nb_segs = 1;
	b->m.ol_flags &= RTE_MBUF_F_EXTERNAL;
	COUNT(tcp, tcp_tx_reheaded);
	return b;
}

static struct buf *
chain(struct tcp *tcp, const struct emit *e)
{
	struct buf *head = take_buf(tcp), *tail = head, *b = e->buf;
	uint32_t at = e->at;

	if (head == NULL)
		return NULL;
	for (uint32_t n = e->n; n > 0;) {
		uint32_t left = (uint32_t)b->at + b->n - at, piece = left < n ? left : n;
		struct buf *view = buf_view(tcp->conf.pool, b, at, piece);

		if (view == NULL) {
			COUNT(tcp, tcp_tx_no_buffer);
			buf_give(head);
			return NULL;
		}
		view->sum_at = b->sum_at;
		view->sum_n = b->sum_n;
		view->sum = b->sum;
		buf_chain(head, tail, view);
		tail = view;
		n -= piece;
		b = b->link;
		at = b != NULL ? b->at : 0;
	}
	COUNT(tcp, tcp_tx_chained);
	return head;
}

static struct buf *
copy(struct tcp *tcp, const struct emit *e)
{
	struct buf *head = take_buf(tcp), *b = e->buf;
	uint32_t at = e->at;

	if (head == NULL)
		return NULL;
	for (uint32_t n = e->n; n > 0;) {
		uint32_t left = (uint32_t)b->at + b->n - at, piece = left < n ? left : n;

		memcpy(buf_append(head, piece), (const uint8_t *)b->m.buf_addr + at, piece);
		n -= piece;
		b = b->link;
		at = b != NULL ? b->at : 0;
	}
	COUNT(tcp, tcp_tx_copied);
	tcp->conf.count->tcp_copied_bytes += e->n;
	return head;
}

static bool
is_scattered(const struct emit *e)
{
	const struct buf *b = e->buf;
	uint32_t n = (uint32_t)b->at + b->n - e->at, pieces = 1;

	while (n < e->n && pieces <= VIEW_PIECES_MAX) {
		b = b->link;
		n += b->n;
		pieces++;
	}
	return pieces > VIEW_PIECES_MAX;
}

static struct buf *
payload_packet(struct tcp *tcp, const struct tcp_conn *conn, const struct emit *e,
	       uint32_t header_n)
{
	bool can_chain = tcp->conf.path[conn->path].multi_segs;

	if (can_rehead(e, header_n))
		return rehead(tcp, e);
	if (e->n > BUF_ROOM)
		return chain(tcp, e);
	if (!can_chain || e->n <= COPY_MAX || is_scattered(e))
		return copy(tcp, e);
	return chain(tcp, e);
}

/* ---- segments ---- */

static void
put_syn_options(const struct tcp *tcp, const struct tcp_conn *conn, struct tcp_seg *seg)
{
	bool offers_all = conn->state == TCP_STATE_SYN_SENT;

	seg->mss = tcp_path_mss(tcp, conn->path, conn_is_v4(conn));
	seg->has_ts = offers_all || conn_has(conn, CONN_TS);
	seg->has_sack_ok = offers_all || conn_has(conn, CONN_SACK);
	seg->has_wscale = offers_all || conn_has(conn, CONN_WSCALE);
	seg->wscale = tcp_our_wscale(tcp);
}

static void
put_options(struct tcp *tcp, struct tcp_conn *conn, const struct emit *e, uint64_t now,
	    struct tcp_seg *seg)
{
	if ((e->flags & TCP_SYN) != 0)
		put_syn_options(tcp, conn, seg);
	else
		seg->has_ts = conn_has(conn, CONN_TS);
	if (seg->has_ts) {
		seg->ts_val = conn_ts(conn, now);
		seg->ts_ecr = conn->ts_recent;
	}
	if (e->n == 0 && (e->flags & (TCP_SYN | TCP_RST | TCP_FIN)) == 0 &&
	    (conn->island != INDEX_NONE || conn_has(conn, CONN_DSACK)))
		seg->sack_n = (uint8_t)sack_blocks(tcp, conn, seg->sack);
}

/* Never scaled; a repeated one offers what the first did. */
static uint16_t
syn_window(const struct tcp_conn *conn)
{
	uint32_t n = recv_window(conn);

	return (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
}

/* This segment's ACK and window tell the peer all there is to tell. */
static uint16_t
tell_window(struct tcp *tcp, struct tcp_conn *conn, const struct emit *e)
{
	if ((e->flags & TCP_SYN) != 0)
		return syn_window(conn);
	if ((e->flags & TCP_RST) != 0)
		return 0;
	conn->flags &= ~(uint32_t)(CONN_ACK_NOW | CONN_ACK_LATER);
	if (!conn_has(conn, CONN_CORK | CONN_HELD))
		conn->ack_at = UINT64_MAX;
	return recv_offer(tcp, conn);
}

bool
emit_segment(struct tcp *tcp, struct tcp_conn *conn, const struct emit *e, uint64_t now,
	     struct tcp_out *out)
{
	struct tcp_seg seg = {
		.src = conn->local,
		.dst = conn->remote,
		.src_port = conn->local_port,
		.dst_port = conn->remote_port,
		.seq = e->seq,
		.flags = e->flags,
	};
	struct buf *packet = NULL;

	if (out->packet_n == TCP_OUT_PACKETS)
		return false;
	if (e->n == 0 && (packet = take_buf(tcp)) == NULL)
		return false; /* before the options: a D-SACK is told once */
	put_options(tcp, conn, e, now, &seg);
	if (conn_has(conn, CONN_ECN))
		ecn_mark(tcp, conn, e, &seg);
	if (e->n > 0)
		packet = payload_packet(tcp, conn, e, packet_header_size(&seg));
	if (packet == NULL) {
		if ((seg.flags & TCP_CWR) != 0)
			ecn_owe_cwr(repair_of(tcp, conn));
		return false;
	}
	if ((e->flags & TCP_ACK) != 0)
		seg.ack = conn->rcv_nxt;
	seg.wnd = tell_window(tcp, conn, e);
	finish(tcp, &seg, packet, conn->path, e->n > conn->mss && !e->is_whole ? conn->mss : 0,
	       out);
	return true;
}

bool
emit_bare(struct tcp *tcp, const struct tcp_seg *seg, uint16_t path, struct tcp_out *out)
{
	struct buf *packet;

	if (out->packet_n == TCP_OUT_PACKETS) {
		COUNT(tcp, tcp_tx_bare_dropped);
		return false;
	}
	packet = take_buf(tcp);
	if (packet == NULL)
		return false;
	finish(tcp, seg, packet, path, 0, out);
	return true;
}
