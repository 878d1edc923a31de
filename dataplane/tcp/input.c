/*
 * input.c - a segment meets its connection: the checks of RFC 9293, 3.10.7.4, one function each,
 * with the stricter ones of RFC 5961 and PAWS (RFC 7323, 5).
 *
 * A check returns false when the segment is done with: answered, dropped or fatal. What is left
 * of a segment is in struct arrival; its buffer is given back at the end unless a queue took it.
 */
#include "tcp/conn.h"

/* Of the answers that anybody can provoke, a connection gives one in ANSWER_TICKS. */
static bool
may_answer(struct tcp_conn *conn, uint64_t now)
{
	uint16_t tick = (uint16_t)tick_of(now);

	if ((uint16_t)(tick - conn->answer_tick) < ANSWER_TICKS)
		return false;
	conn->answer_tick = tick;
	return true;
}

/*
 * RFC 5961, 7: few, for each connection by itself. A number shared by all would tell a bystander
 * which of his guesses about another's connection were right (CVE-2016-5696), and let him use up
 * what others need.
 */
void
challenge_ack(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	if (!may_answer(conn, now)) {
		COUNT(tcp, tcp_challenges_withheld);
		return;
	}
	COUNT(tcp, tcp_tx_challenges);
	conn->flags |= CONN_ACK_NOW;
	conn_dirty(tcp, conn);
}

static void
ack_now(struct tcp *tcp, struct tcp_conn *conn)
{
	conn->flags |= CONN_ACK_NOW;
	conn_dirty(tcp, conn);
}

/* ---- segments for nobody (RFC 9293, 3.10.7.1 and 3.10.7.2) ---- */

/* RST for a segment that belongs to no connection, or for an ACK that cannot be. */
static void
answer_rst(struct tcp *tcp, const struct tcp_seg *seg, uint16_t path, struct tcp_out *out)
{
	struct tcp_seg e = {
		.src = seg->dst,
		.dst = seg->src,
		.src_port = seg->dst_port,
		.dst_port = seg->src_port,
		.flags = TCP_RST,
	};

	if ((seg->flags & TCP_RST) != 0)
		return;
	if ((seg->flags & TCP_ACK) != 0) {
		e.seq = seg->ack;
	} else {
		uint32_t len = seg->payload_n + ((seg->flags & TCP_FIN) != 0) +
			       ((seg->flags & TCP_SYN) != 0);

		e.flags |= TCP_ACK;
		e.ack = seq_add(seg->seq, len);
	}
	if (emit_bare(tcp, &e, path, out))
		COUNT(tcp, tcp_tx_resets);
}

/* The connection that goes on with this segment, which belonged to none; NULL: done with. */
static struct tcp_conn *
input_no_flow(struct tcp *tcp, const struct tcp_seg *seg, uint16_t path, uint64_t now,
	      struct tcp_out *out)
{
	struct listener *at;
	struct tcp_conn *conn;

	if ((seg->flags & TCP_RST) != 0) {
		COUNT(tcp, tcp_rx_no_flow);
		return NULL;
	}
	if ((seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		at = listener_find(tcp, &seg->dst, seg->dst_port);
		if (at != NULL && (seg->flags & TCP_FIN) == 0) {
			listen_on_syn(tcp, at, seg, path, now, out);
			return NULL;
		}
	} else if ((seg->flags & (TCP_SYN | TCP_ACK)) == TCP_ACK && tcp->cookies_until != 0) {
		if (cookie_redeem(tcp, seg, path, now, &conn))
			return conn;
	}
	COUNT(tcp, tcp_rx_no_flow);
	answer_rst(tcp, seg, path, out);
	return NULL;
}

/* ---- SYN-SENT (RFC 9293, 3.10.7.3) ---- */

static void
syn_sent_to_established(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a)
{
	const struct tcp_seg *seg = a->seg;

	if (!conn_has(conn, CONN_SYN_REPEATED))
		rtt_sample(&conn->rtt, a->now - conn->una_ns);
	conn->snd_una = seg->ack;
	time_life(tcp, conn, UINT64_MAX);
	conn_establish(tcp, conn, a->now);
	conn_tell(tcp, conn, TCP_EV_CONNECTED);
	ack_now(tcp, conn);
	a->seq = seq_add(a->seq, 1);
	a->flags &= (uint8_t)~TCP_SYN;
	recv_text(tcp, conn, a);
}

static void
input_syn_sent(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a, struct tcp_out *out)
{
	const struct tcp_seg *seg = a->seg;
	bool has_ack = (seg->flags & TCP_ACK) != 0;

	if (has_ack && (seq_le(seg->ack, conn->snd_una) || seq_gt(seg->ack, conn->snd_nxt))) {
		COUNT(tcp, tcp_rx_bad_ack);
		answer_rst(tcp, seg, conn->path, out);
		return;
	}
	if ((seg->flags & TCP_RST) != 0) {
		if (has_ack)
			conn_end(tcp, conn, TCP_END_REFUSED);
		return;
	}
	if ((seg->flags & TCP_SYN) == 0) {
		COUNT(tcp, tcp_rx_no_syn);
		return;
	}
	wait_drop(tcp, &tcp->dialing, conn);
	conn->state = TCP_STATE_SYN_RECEIVED;
	conn_agree(tcp, conn, seg);
	if (!(has_ack ? ecn_is_accepted(seg->flags) : ecn_is_offered(seg->flags)))
		conn->flags &= ~(uint32_t)CONN_ECN;
	if (has_ack) {
		syn_sent_to_established(tcp, conn, a);
		return;
	}
	COUNT(tcp, tcp_simultaneous_opens);
	conn->flags |= CONN_SYN; /* the SYN goes again, now with an ACK */
	conn_dirty(tcp, conn);
}

/* ---- the checks, in order ---- */

/* PAWS (RFC 7323, 5.3 R1): an old duplicate from before the sequence numbers wrapped. */
static bool
check_timestamp(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	const struct tcp_seg *seg = a->seg;

	if (!conn_has(conn, CONN_TS) || (seg->flags & TCP_RST) != 0)
		return true;
	if (!seg->has_ts) { /* 3.2: once agreed, a segment without is not of this connection */
		COUNT(tcp, tcp_rx_no_timestamp);
		return false;
	}
	if ((int32_t)(seg->ts_val - conn->ts_recent) >= 0)
		return true;
	if (a->now - conn->last_rx_ns > PAWS_IDLE_NS) {
		conn->ts_recent = seg->ts_val;
		return true;
	}
	COUNT(tcp, tcp_rx_paws);
	challenge_ack(tcp, conn, a->now);
	return false;
}

/* Cuts off what lies left of the window; false when nothing is left. */
static bool
trim_left(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a)
{
	uint32_t old;

	if (seq_ge(a->seq, conn->rcv_nxt))
		return true;
	old = (uint32_t)seq_diff(conn->rcv_nxt, a->seq);
	if (a->n + ((a->flags & TCP_FIN) != 0) <= old) {
		COUNT(tcp, tcp_rx_left_of_window);
		if (a->n > 0)
			recv_note_dup(tcp, conn, a->seq, seq_add(a->seq, a->n));
		ack_note_repeat(conn, a);
		return false;
	}
	if (old > 0 && a->n > 0) {
		COUNT(tcp, tcp_rx_partly_old);
		recv_note_dup(tcp, conn, a->seq, conn->rcv_nxt);
		conn->flags |= CONN_ACK_NOW;
	}
	a->off += old;
	a->n -= old;
	a->seq = conn->rcv_nxt;
	return true;
}

/* Cuts off what lies right of the window; false when all of it does. */
static bool
trim_right(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a)
{
	struct seq edge = seq_max(conn->rcv_shown, conn->rcv_nxt);
	int32_t room = seq_diff(edge, a->seq);

	if (a->n == 0 && a->seq.v == conn->rcv_nxt.v)
		return true; /* ACK or FIN at a shut window: takes no room */
	/* An empty ACK at the edge: the peer has used the window up, its bytes are on their way. */
	if (room < 0 || (room == 0 && a->n > 0 && a->seq.v != conn->rcv_nxt.v)) {
		COUNT(tcp, tcp_rx_right_of_window);
		return false;
	}
	if (a->n > (uint32_t)room) {
		/* a probe of the shut window, or too much: ACK at once, take what fits */
		COUNT(tcp, tcp_rx_beyond_window);
		a->n = (uint32_t)room;
		a->flags &= (uint8_t)~TCP_FIN;
		ack_now(tcp, conn);
	}
	return true;
}

/*
 * With an ACK; to empty segments not too often, or two ends that disagree (because somebody else
 * has put bytes in) would answer each other's answers for ever.
 */
static void
answer_unacceptable(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	if (a->seg->payload_n == 0 && (a->seg->flags & (TCP_SYN | TCP_FIN)) == 0 &&
	    !may_answer(conn, a->now)) {
		COUNT(tcp, tcp_answers_withheld);
		return;
	}
	ack_now(tcp, conn);
}

/* First check: the sequence number. What does not fit is answered by an ACK and dropped. */
static bool
check_sequence(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a)
{
	bool is_old_syn = conn->state == TCP_STATE_SYN_RECEIVED && (a->flags & TCP_SYN) != 0 &&
			  a->seq.v + 1 == conn->rcv_nxt.v;

	if ((a->flags & TCP_RST) != 0) /* the second check sees to it */
		return true;
	if (is_old_syn) {
		if ((a->flags & TCP_ACK) == 0) { /* the peer repeats its SYN, so do we */
			conn->flags |= CONN_SYN;
			if (!ecn_is_offered(a->flags)) /* RFC 3168, 6.1.1 */
				conn->no_ect = true;
			conn_dirty(tcp, conn);
			return false;
		}
		a->flags &= (uint8_t)~TCP_SYN; /* both opened at once: its ACK counts */
		a->seq = seq_add(a->seq, 1);
	}
	if ((a->flags & TCP_SYN) != 0)
		return true; /* the fourth check sees to it, wherever it lies */
	if (trim_left(tcp, conn, a) && trim_right(tcp, conn, a))
		return true;
	answer_unacceptable(tcp, conn, a);
	if (conn->state == TCP_STATE_TIME_WAIT && (a->flags & TCP_FIN) != 0)
		time_life(tcp, conn, a->now + tcp->conf.time_wait_ns);
	return false;
}

/*
 * An RST may acknowledge, too: what the peer has taken before it gave up. The owner who asks
 * whether a request may be sent to somebody else must know.
 */
static void
note_ack_of_rst(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	uint32_t acked = (uint32_t)seq_diff(seg->ack, conn->snd_una);

	if ((seg->flags & TCP_ACK) == 0 || seq_le(seg->ack, conn->snd_una) ||
	    seq_gt(seg->ack, conn->snd_nxt))
		return;
	if (conn_has(conn, CONN_FIN_SENT) && seq_eq(seg->ack, conn->snd_nxt))
		acked--;
	conn->bytes_out += acked;
}

/* Second check: RST, only believed at exactly rcv_nxt (RFC 5961, 3.2). */
static bool
check_rst(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	if ((a->flags & TCP_RST) == 0)
		return true;
	if (seq_eq(a->seq, conn->rcv_nxt)) {
		if (conn->state == TCP_STATE_TIME_WAIT) /* RFC 1337, 4 */
			return false;
		COUNT(tcp, tcp_rx_resets);
		if (conn->state != TCP_STATE_SYN_RECEIVED)
			note_ack_of_rst(conn, a->seg);
		conn_end(tcp, conn,
			 conn->state == TCP_STATE_SYN_RECEIVED ? TCP_END_REFUSED : TCP_END_RESET);
		return false;
	}
	if (seq_gt(a->seq, conn->rcv_nxt) && seq_lt(a->seq, conn->rcv_shown))
		challenge_ack(tcp, conn, a->now);
	COUNT(tcp, tcp_rx_bad_reset);
	return false;
}

/* Fourth check: a SYN, inside the window or not, never resets nor brings bytes (RFC 5961, 4.2). */
static bool
check_syn(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	if ((a->flags & TCP_SYN) == 0)
		return true;
	COUNT(tcp, tcp_rx_bad_syn);
	challenge_ack(tcp, conn, a->now);
	return false;
}

/* Fifth check in SYN-RECEIVED: the ACK of our SYN, or an RST for whoever sent it. */
static bool
check_ack_of_syn(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a, struct tcp_out *out)
{
	const struct tcp_seg *seg = a->seg;

	if ((a->flags & TCP_ACK) == 0)
		return false;
	if (seq_le(seg->ack, conn->snd_una) || seq_gt(seg->ack, conn->snd_nxt)) {
		COUNT(tcp, tcp_rx_bad_ack);
		answer_rst(tcp, seg, conn->path, out);
		return false;
	}
	if (!conn_has(conn, CONN_SYN_REPEATED))
		rtt_sample(&conn->rtt, a->now - conn->una_ns);
	conn->snd_una = seg->ack;
	conn->snd_wnd = conn_window_of(conn, seg);
	conn->snd_wnd_max = conn->snd_wnd;
	conn->snd_wl1 = seg->seq;
	if (conn_has(conn, CONN_PASSIVE)) {
		tcp->half_open--;
		conn_establish(tcp, conn, a->now);
		conn_give_id(tcp, conn);
		conn_tell(tcp, conn, TCP_EV_ACCEPTED);
	} else {
		time_life(tcp, conn, UINT64_MAX);
		conn_establish(tcp, conn, a->now);
		conn_tell(tcp, conn, TCP_EV_CONNECTED);
	}
	return true;
}

/*
 * Text for an owner who has let go: RST (RFC 9293, 3.10.4; RFC 1122, 4.2.2.13). Only behind an ACK
 * that may be: what we still have to say is not taken from the peer by somebody else's guess.
 */
static bool
check_owner(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	if (conn_has(conn, CONN_OWNED) || a->n == 0 || conn->state == TCP_STATE_TIME_WAIT)
		return true;
	COUNT(tcp, tcp_rx_after_release);
	conn_end_with_rst(tcp, conn, TCP_END_ABORTED);
	return false;
}

static void
input_conn(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a, struct tcp_out *out)
{
	if (!check_timestamp(tcp, conn, a) || !check_sequence(tcp, conn, a) ||
	    !check_rst(tcp, conn, a) || !check_syn(tcp, conn, a))
		return;
	if (conn->state == TCP_STATE_SYN_RECEIVED && !check_ack_of_syn(tcp, conn, a, out))
		return;
	if (!ack_input(tcp, conn, a) || !check_owner(tcp, conn, a))
		return;
	if (conn_has(conn, CONN_ECN))
		ecn_input(tcp, conn, a);
	recv_text(tcp, conn, a);
}

/*
 * TIME-WAIT: a new SYN that cannot be an old duplicate opens the tuple anew (RFC 9293, 3.6.1,
 * RFC 6191), where somebody listens.
 */
static bool
can_reuse(struct tcp *tcp, const struct tcp_conn *conn, const struct tcp_seg *seg)
{
	bool is_newer;

	if (conn->state != TCP_STATE_TIME_WAIT ||
	    (seg->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN ||
	    listener_find(tcp, &seg->dst, seg->dst_port) == NULL)
		return false;
	is_newer = seq_gt(seg->seq, conn->rcv_nxt);
	if (conn_has(conn, CONN_TS) && seg->has_ts) {
		int32_t later = (int32_t)(seg->ts_val - conn->ts_recent);

		is_newer = later > 0 || (later == 0 && is_newer);
	}
	return is_newer;
}

/* The old connection goes; the new one begins beyond all sequence numbers that it used. */
static void
reuse(struct tcp *tcp, struct tcp_conn *old, const struct tcp_seg *syn, uint16_t path, uint64_t now,
      struct tcp_out *out)
{
	struct seq floor = seq_add(old->snd_nxt, UINT16_MAX);
	struct tcp_conn *conn;

	COUNT(tcp, tcp_time_wait_reused);
	conn_end(tcp, old, TCP_END_CLOSED);
	input_no_flow(tcp, syn, path, now, out);
	conn = flow_find(tcp, &syn->dst, syn->dst_port, &syn->src, syn->src_port);
	if (conn == NULL || seq_gt(conn->snd_una, floor))
		return;
	conn->snd_una = floor;
	conn->snd_nxt = floor;
}

void
input_segment(struct tcp *tcp, struct flow_place place, const struct tcp_seg *seg, struct buf *buf,
	      uint64_t now, struct tcp_out *out)
{
	struct tcp_conn *conn = flow_find_at(tcp, place, seg);
	struct arrival a = {
		.seg = seg,
		.buf = buf,
		.seq = seg->seq,
		.off = seg->payload_off,
		.n = seg->payload_n,
		.flags = seg->flags,
		.now = now,
	};

	ensure_hot(buf->path < tcp->conf.path_n);
	COUNT(tcp, tcp_rx_segments);
	if (conn != NULL && can_reuse(tcp, conn, seg)) {
		reuse(tcp, conn, seg, buf->path, now, out);
		conn = NULL;
	} else if (conn == NULL) {
		conn = input_no_flow(tcp, seg, buf->path, now, out);
	}
	if (conn != NULL) {
		if (conn->state == TCP_STATE_SYN_SENT)
			input_syn_sent(tcp, conn, &a, out);
		else
			input_conn(tcp, conn, &a, out);
	}
	if (a.buf != NULL)
		buf_give(a.buf);
}
