/*
 * recv.c - the receiving half: bytes in order for the owner, what may wait beyond gaps, the window
 * offered, and when to acknowledge (RFC 9293, 3.10.7.4 seventh and eighth check; RFC 5681, 4).
 *
 * Invariant: rcv_adv never moves back. The window field is rounded up to the scale's step, so that its
 * edge never lies before the promise; up to the furthest edge ever shown (rcv_shown) bytes are accepted.
 * Memory is counted in buffers, not bytes: payloads up to MERGE_MAX are copied behind the bytes
 * that wait already. Near the budget windows fall; the last eighth is for owners who leave nothing
 * unread, and islands together may use a quarter.
 */
#include "tcp/island.h"

/* ---- the window ---- */

uint32_t
recv_window(const struct tcp_conn *conn)
{
	int32_t n = seq_diff(conn->rcv_adv, conn->rcv_nxt);

	return n > 0 ? (uint32_t)n : 0;
}

/* The largest that a near peer needs. */
static uint32_t
near_window(const struct tcp *tcp)
{
	uint32_t n = tcp->conf.recv_max_bytes;

	return n < AUTO_LEAST ? n : AUTO_LEAST;
}

/*
 * The largest window that the lending budget allows now. Who leaves bytes unread is asked to wait
 * long before those whose bytes pass through at once.
 */
static uint32_t
budget_window(const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t held = tcp_bufs_used(tcp), max = tcp->conf.bufs_max;
	uint32_t two = 2u * conn->our_mss;
	bool is_prompt = conn->rcvq.n == 0;

	if (held < max / 2)
		return tcp->conf.recv_max_bytes;
	if (is_prompt && held < max / 16 * 15)
		return near_window(tcp) / 4;
	if (is_prompt)
		return two;
	return held < max / 4 * 3 ? two : 0;
}

/*
 * Buffers that may be held with this arrival: the last ones are for those who read at once, which
 * they cannot before the burst is over.
 */
static uint32_t
bufs_allowed(const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t max = tcp->conf.bufs_max;
	bool is_prompt = conn->rcvq.n == 0 || conn->unread_burst == (uint16_t)tcp->burst;

	return is_prompt ? max : max - max / 8;
}

/* The right edge we would like to promise. */
static struct seq
wanted_edge(const struct tcp *tcp, const struct tcp_conn *conn)
{
	struct seq limit = seq_add(conn->rcv_nxt, budget_window(tcp, conn));

	return seq_max(seq_min(conn->room_edge, limit), conn->rcv_adv);
}

/* The least step of the right edge (RFC 9293, 3.8.6.2.2). */
static uint32_t
least_step(const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t mss = conn->our_mss;
	uint32_t half = tcp->conf.recv_max_bytes / 2;

	return mss < half ? mss : half;
}

uint16_t
recv_offer(struct tcp *tcp, struct tcp_conn *conn)
{
	struct seq edge = wanted_edge(tcp, conn);
	uint32_t step = 1u << conn->rcv_wscale, field;

	if ((uint32_t)seq_diff(edge, conn->rcv_adv) >= least_step(tcp, conn))
		conn->rcv_adv = edge;
	field = (recv_window(conn) + step - 1) >> conn->rcv_wscale;
	if (field > UINT16_MAX)
		field = UINT16_MAX;
	conn->rcv_shown =
		seq_max(conn->rcv_shown, seq_add(conn->rcv_nxt, field << conn->rcv_wscale));
	conn->rcv_acked = conn->rcv_nxt;
	return (uint16_t)field;
}

bool
recv_has_news(const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t more = (uint32_t)seq_diff(wanted_edge(tcp, conn), conn->rcv_adv);
	uint32_t left = recv_window(conn), step = least_step(tcp, conn);

	if (conn_has(conn, CONN_FIN_REACHED) || more < step)
		return false;
	return left < 2 * step || (more >= 2 * step && more >= near_window(tcp) / 4);
}

/*
 * The owner's room is for what passes through at once. Of a far peer as much again may be under way
 * for each further 8 ms of the path, as far as so much has ever come: the window doubles at most.
 */
static uint32_t
far_room(const struct tcp *tcp, const struct tcp_conn *conn, uint32_t room)
{
	uint64_t wide, proven = room + conn->bytes_in;

	if (room < AUTO_LEAST / 2 || conn->rtt.srtt_us <= AUTO_FAR_US)
		return room;
	wide = (uint64_t)room * conn->rtt.srtt_us / AUTO_FAR_US;
	if (wide > proven)
		wide = proven;
	return wide < tcp->conf.recv_max_bytes ? (uint32_t)wide : tcp->conf.recv_max_bytes;
}

void
tcp_set_room(struct tcp *tcp, struct tcp_id id, uint32_t room_bytes)
{
	struct tcp_conn *conn = conn_find(tcp, id);

	if (conn == NULL)
		return;
	if (room_bytes > tcp->conf.recv_max_bytes)
		room_bytes = tcp->conf.recv_max_bytes;
	conn->room_edge = seq_add(conn->rcv_nxt, far_room(tcp, conn, room_bytes));
	if (conn->state >= TCP_STATE_ESTABLISHED && recv_has_news(tcp, conn))
		conn_dirty(tcp, conn);
}

/* ---- buffers ---- */

/* Bytes may be written behind this buffer's stream part. */
static bool
can_append(const struct buf *b, uint32_t n)
{
	return buf_is_sole(b) && (uint32_t)b->at + b->n + n <= b->m.buf_len;
}

bool
recv_merge(struct tcp *tcp, struct buf *tail, const struct arrival *a)
{
	uint32_t off = a->off;

	if (tail == NULL || a->n > MERGE_MAX || !can_append(tail, a->n))
		return false;
	if (a->buf->m.nb_segs > 1 || off + a->n > a->buf->m.data_len)
		return false;
	memcpy(buf_stream(tail) + tail->n, buf_data(a->buf) + off, a->n);
	buf_written(tail);
	tail->n = (uint16_t)(tail->n + a->n);
	COUNT(tcp, tcp_rx_merged);
	tcp->conf.count->tcp_copied_bytes += a->n;
	return true;
}

void
recv_take_payload(struct arrival *a, struct bufq *q)
{
	struct buf *b = a->buf;
	uint32_t off = a->off, n = a->n;
	bool is_chain = b->m.nb_segs > 1; /* next lies in a line of memory that is else not read */

	a->buf = NULL;
	while (b != NULL) {
		struct buf *next = is_chain ? buf_next(b) : NULL;
		uint32_t have = b->m.data_len > off ? b->m.data_len - off : 0;
		uint32_t use = have < n ? have : n;

		if (is_chain) {
			b->m.next = NULL;
			b->m.nb_segs = 1;
			b->m.pkt_len = b->m.data_len;
		}
		b->at = (uint16_t)(b->m.data_off + off);
		b->n = (uint16_t)use;
		off = b->m.data_len > off ? 0 : off - b->m.data_len;
		n -= use;
		if (is_chain)
			buf_written(b); /* a driver's further pieces keep what was here before */
		if (use > 0)
			bufq_push(q, b);
		else
			buf_give(b);
		b = next;
	}
	ensure(n == 0); /* the decoder has seen this many bytes */
}

void
recv_give_queue(struct tcp *tcp, struct tcp_conn *conn)
{
	tcp->bufs_held -= conn->rcvq.n;
	bufq_give(&conn->rcvq);
}

void
recv_note_dup(struct tcp *tcp, struct tcp_conn *conn, struct seq left, struct seq right)
{
	struct repair *r;

	if (!conn_has(conn, CONN_SACK))
		return; /* nothing would ever be reported */
	r = repair_need(tcp, conn);
	if (r == NULL)
		return;
	conn->flags |= CONN_DSACK;
	r->dsack = (struct seg_sack){ left, right };
}

static void
note_dup(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	recv_note_dup(tcp, conn, a->seq, seq_add(a->seq, a->n));
}

/*
 * What lies beyond gaps is nobody's yet: no owner can read it, and nobody is cut for it. Peers that
 * never fill theirs shall not push down the windows of all others, nor use up all that there is for gaps.
 */
static bool
may_hold_gap(struct tcp *tcp, const struct tcp_conn *conn, const struct arrival *a)
{
	uint32_t n = a->buf->m.nb_segs, share = tcp->conf.bufs_max / GAP_SHARE;

	if (tcp_bufs_used(tcp) + n > bufs_allowed(tcp, conn) * 15 / 16)
		return false;
	if (conn->gap_bufs + n > UINT16_MAX)
		return false;
	if (tcp->gap_bufs + n <= share)
		return true;
	if (!island_has_place(tcp, conn, a))
		return true; /* and holds nothing: nobody is to give way */
	gap_make_room(tcp, conn, a->n, n);
	return tcp->gap_bufs + n <= share;
}

static void
take_beyond_gap(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a)
{
	uint32_t *link;
	struct island *left;

	COUNT(tcp, tcp_rx_out_of_order);
	conn->flags |= CONN_ACK_NOW; /* RFC 5681, 4.2 */
	conn_dirty(tcp, conn);
	if (!may_hold_gap(tcp, conn, a)) {
		COUNT(tcp, tcp_rx_gap_no_memory);
		return;
	}
	if (!island_fit(tcp, conn, a, &link, &left)) {
		COUNT(tcp, tcp_rx_duplicates);
		note_dup(tcp, conn, a);
		return;
	}
	if (left != NULL) {
		island_append(tcp, conn, left, a);
		island_join(tcp, conn, left);
	} else {
		island_insert(tcp, conn, link, a);
	}
}

/* ---- in order ---- */

static bool
take_in_order(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a)
{
	struct buf *tail = conn->rcvq.tail;
	bool had_gap = conn->island != INDEX_NONE;
	struct island *left;
	uint32_t *link;

	if (had_gap && !island_fit(tcp, conn, a, &link, &left))
		ensure(false); /* no island begins at rcv_nxt */
	if (recv_merge(tcp, tail, a)) {
		conn->rcvq.bytes += a->n;
	} else if (tcp_bufs_used(tcp) + a->buf->m.nb_segs > bufs_allowed(tcp, conn)) {
		COUNT(tcp, tcp_rx_no_memory);
		conn->flags |= CONN_ACK_NOW;
		return false;
	} else {
		struct bufq q = { 0 };

		if (conn->rcvq.n == 0)
			conn->unread_burst = (uint16_t)tcp->burst;
		recv_take_payload(a, &q);
		tcp->bufs_held += q.n;
		bufq_splice(&conn->rcvq, &q);
	}
	conn->rcv_nxt = seq_add(conn->rcv_nxt, a->n);
	conn->bytes_in += a->n;
	if (had_gap) {
		island_absorb(tcp, conn);
		conn->flags |= CONN_ACK_NOW; /* RFC 5681, 4.2 */
	}
	return true;
}

/* RFC 9293, 3.8.6.3: every second full segment at once, others soon. */
static void
ack_in_time(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	uint32_t waiting = (uint32_t)seq_diff(conn->rcv_nxt, conn->rcv_acked);

	uint32_t n = a->seg->payload_n;

	if (n > conn->our_mss) { /* several in one, put together by the port */
		COUNT(tcp, tcp_rx_super);
		n = conn->our_mss;
	}
	if (n > conn->rcv_mss)
		conn->rcv_mss = (uint16_t)n;
	if (waiting >= 2u * conn->rcv_mss)
		conn->flags |= CONN_ACK_NOW;
	if (conn_has(conn, CONN_ACK_NOW))
		conn_dirty(tcp, conn);
	else
		time_ack_later(tcp, conn, a->now);
}

static void
on_fin_reached(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	conn->rcv_nxt = seq_add(conn->rcv_nxt, 1);
	conn->flags &= ~(uint32_t)CONN_FIN_AHEAD;
	conn->flags |= CONN_FIN_REACHED | CONN_ACK_NOW;
	conn_dirty(tcp, conn);
	island_give_all(tcp, conn); /* nothing can follow a FIN */
	conn_tell(tcp, conn, TCP_EV_FIN);
	switch ((enum tcp_state)conn->state) {
	case TCP_STATE_ESTABLISHED:
		conn->state = TCP_STATE_CLOSE_WAIT;
		return;
	case TCP_STATE_FIN_WAIT_1:
		conn->state = TCP_STATE_CLOSING;
		return;
	case TCP_STATE_FIN_WAIT_2:
		conn_enter_time_wait(tcp, conn, now);
		return;
	case TCP_STATE_CLOSED:
	case TCP_STATE_SYN_SENT:
	case TCP_STATE_SYN_RECEIVED:
	case TCP_STATE_CLOSE_WAIT:
	case TCP_STATE_CLOSING:
	case TCP_STATE_LAST_ACK:
	case TCP_STATE_TIME_WAIT:
		break;
	}
	ensure(false); /* recv_text takes text in the three states above only */
}

static bool
can_receive(const struct tcp_conn *conn)
{
	return conn->state == TCP_STATE_ESTABLISHED || conn->state == TCP_STATE_FIN_WAIT_1 ||
	       conn->state == TCP_STATE_FIN_WAIT_2;
}

void
recv_text(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a)
{
	bool has_fin = (a->flags & TCP_FIN) != 0;
	struct seq end = seq_add(a->seq, a->n);

	if (!can_receive(conn)) {
		if (a->n > 0) { /* beyond the peer's own FIN */
			COUNT(tcp, tcp_rx_after_fin);
			challenge_ack(tcp, conn, a->now);
		}
		return;
	}
	/* The first FIN counts, unless the stream has gone on beyond it. */
	if (has_fin && (!conn_has(conn, CONN_FIN_AHEAD) || seq_lt(conn->fin_seq, conn->rcv_nxt))) {
		conn->flags |= CONN_FIN_AHEAD;
		conn->fin_seq = end;
	}
	if (a->n > 0 && seq_eq(a->seq, conn->rcv_nxt)) {
		if (take_in_order(tcp, conn, a)) {
			conn_tell(tcp, conn, TCP_EV_READABLE);
			ack_in_time(tcp, conn, a);
		} else {
			conn_dirty(tcp, conn);
		}
	} else if (a->n > 0) {
		take_beyond_gap(tcp, conn, a);
	} else if (has_fin && !seq_eq(end, conn->rcv_nxt)) {
		conn->flags |= CONN_ACK_NOW;
		conn_dirty(tcp, conn);
	}
	if (conn_has(conn, CONN_FIN_AHEAD) && seq_eq(conn->fin_seq, conn->rcv_nxt))
		on_fin_reached(tcp, conn, a->now);
}

/* ---- the owner ---- */

uint32_t
tcp_readable(const struct tcp *tcp, struct tcp_id id)
{
	const struct tcp_conn *conn = conn_find(tcp, id);

	return conn != NULL ? (uint32_t)conn->rcvq.bytes : 0;
}

uint32_t
tcp_recv(struct tcp *tcp, struct tcp_id id, struct bufq *q)
{
	struct tcp_conn *conn = conn_find(tcp, id);
	uint32_t n;

	if (conn == NULL)
		return 0;
	n = (uint32_t)conn->rcvq.bytes;
	tcp->bufs_held -= conn->rcvq.n;
	bufq_splice(q, &conn->rcvq);
	return n;
}

bool
tcp_is_eof(const struct tcp *tcp, struct tcp_id id)
{
	const struct tcp_conn *conn = conn_find(tcp, id);

	return conn != NULL && conn_has(conn, CONN_FIN_REACHED);
}
