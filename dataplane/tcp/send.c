/*
 * send.c - the sending half: what may go out now, in which order, and in which cuts (RFC 9293,
 * 3.8.6; RFC 5681; RFC 6675, 5).
 *
 * Order: what was lost, then new bytes, then an ACK alone if none of these carried it. Segments
 * end where buffers end when that costs little, because a segment that is exactly one buffer
 * goes out without a copy or a second piece.
 */
#include "tcp/conn.h"

enum {
	USED_SHIFT = 34,   /* 17 s, of which */
	UNUSED_TICKS = 18, /* so many make five minutes */
	JOIN_MAX = 512, /* bytes given to send that are copied behind others rather than queued */
};

/* ---- where segments end ---- */

/* A segment of its own, and not a small one. */
static bool
is_whole(const struct tcp_conn *conn, const struct buf *b)
{
	return b != NULL && b->n <= conn->mss && 2u * b->n >= conn->mss;
}

/*
 * How many of the next `limit` bytes (at most one MSS) make the segment that begins at (b, at).
 * A piece before whole buffers goes alone, so that those stay whole.
 */
static uint32_t
cut(const struct tcp_conn *conn, const struct buf *b, uint16_t at, uint32_t limit)
{
	uint32_t n = (uint32_t)b->at + b->n - at;

	for (uint32_t pieces = 1; n < limit; pieces++) {
		const struct buf *next = b->link;

		ensure(next != NULL); /* limit counts bytes that are there */
		if (n + next->n > limit || pieces == GATHER_MAX) {
			bool is_apart = is_whole(conn, next) &&
					(2 * n >= conn->mss || is_whole(conn, next->link));

			return is_apart || pieces == GATHER_MAX ? n : limit;
		}
		n += next->n;
		b = next;
	}
	return limit;
}

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* How many bytes lie in the next GATHER_MAX buffers from (b, at) on, as far as `limit` asks. */
static uint32_t
gather(const struct buf *b, uint16_t at, uint32_t limit)
{
	uint32_t n = (uint32_t)b->at + b->n - at;

	for (uint32_t pieces = 1; n < limit && pieces < GATHER_MAX; pieces++) {
		b = b->link;
		ensure(b != NULL); /* limit counts bytes that are there */
		n += b->n;
	}
	return least(n, limit);
}

/*
 * How much new goes out as one packet that the port cuts into full segments (the last may be short
 * when nothing follows): what both windows allow. Of use from two segments on, else 0.
 */
static uint32_t
super(const struct tcp *tcp, const struct tcp_conn *conn, uint32_t unsent, uint32_t wnd_left)
{
	uint32_t cwnd = conn->cc.cwnd_bytes, mss = conn->mss, pipe, n;

	if (!tcp->conf.path[conn->path].tso ||
	    (conn_has(conn, CONN_ECN) && ecn_owes_cwr(tcp, conn)))
		return 0;
	pipe = loss_pipe(conn);
	n = least(unsent, least(wnd_left, cwnd > pipe ? cwnd - pipe : 0));
	if (n < 2 * mss)
		return 0;
	n = gather(conn->fresh, conn->fresh_at, least(n, SUPER_MAX));
	if (n < unsent || conn_has(conn, CONN_CORK))
		n -= n % mss;
	return n >= 2 * mss ? n : 0;
}

/* ---- bare segments ---- */

static bool
send_bare(struct tcp *tcp, struct tcp_conn *conn, struct seq seq, uint8_t flags, uint64_t now,
	  struct tcp_out *out)
{
	struct emit e = { .seq = seq, .flags = flags };

	return emit_segment(tcp, conn, &e, now, out);
}

static bool
send_rst(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out)
{
	if (!send_bare(tcp, conn, conn->snd_nxt, TCP_RST | TCP_ACK, now, out))
		return false;
	conn->flags &= ~(uint32_t)CONN_RST;
	COUNT(tcp, tcp_tx_resets);
	return true;
}

static bool
send_syn(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out)
{
	uint8_t flags = conn->state == TCP_STATE_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK;

	if (!conn_has(conn, CONN_SYN))
		return true;
	if (!send_bare(tcp, conn, conn->snd_una, flags, now, out))
		return false;
	conn->flags &= ~(uint32_t)CONN_SYN;
	conn->snd_nxt = seq_add(conn->snd_una, 1);
	if (conn->tries == 0)
		conn->una_ns = now;
	conn->rto_at = now + rtt_backed_off(&conn->rtt, conn->tries);
	time_arm(tcp, conn, conn->rto_at);
	return true;
}

/*
 * A probe of the shut window or of the peer's life: an empty segment left of the window, which
 * every receiver answers with an ACK that tells its window (RFC 9293, 3.10.7.4, first check).
 */
static bool
send_probe(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out)
{
	if (!send_bare(tcp, conn, seq_sub(conn->snd_una, 1), TCP_ACK, now, out))
		return false;
	conn->flags &= ~(uint32_t)CONN_PROBE;
	COUNT(tcp, tcp_tx_probes);
	return true;
}

/* ---- again ---- */

static bool
span_has_fin(const struct tcp_conn *conn, const struct span *s)
{
	return conn_has(conn, CONN_FIN_SENT) && seq_eq(seq_add(s->seq, s->len), conn->snd_nxt);
}

/* One segment from the front of a lost span; it is then in flight again. */
static bool
send_span(struct tcp *tcp, struct tcp_conn *conn, uint32_t i, struct emit *e, uint32_t len,
	  uint64_t now, struct tcp_out *out)
{
	struct span *s = span_at(tcp, i);

	if (!emit_segment(tcp, conn, e, now, out))
		return false;
	if (len < s->len)
		span_split(tcp, conn, i, len); /* when it cannot, all of it counts as sent */
	s->flags = SPAN_AGAIN;
	s->sent_ns = now;
	conn->lost_bytes -= s->len;
	conn->flags &= ~(uint32_t)CONN_AGAIN_NOW;
	conn->again_n++;
	if (conn->repair != INDEX_NONE) {
		struct repair *r = repair_of(tcp, conn);

		r->again_n++;
		r->sent += len;
		if (r->frto == FRTO_HEAD && seq_eq(e->seq, conn->snd_una))
			r->frto_end = seq_add(e->seq, len);
	}
	COUNT(tcp, tcp_tx_again);
	return true;
}

static bool
send_again(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out)
{
	bool has_sent = false, has_sent_head = false;

	for (uint32_t i = conn->span; conn->lost_bytes > 0; i = span_at(tcp, i)->next) {
		struct span *s = span_at(tcp, i);
		struct emit e = { .seq = s->seq, .flags = TCP_ACK, .buf = s->buf, .at = s->at };
		uint32_t data_n = s->len - span_has_fin(conn, s), len, pipe = loss_pipe(conn);

		if ((s->flags & SPAN_LOST) == 0)
			continue;
		if (data_n > 0)
			e.n = cut(conn, s->buf, s->at, data_n < conn->mss ? data_n : conn->mss);
		if (e.n == data_n && span_has_fin(conn, s))
			e.flags |= TCP_FIN;
		len = e.n + ((e.flags & TCP_FIN) != 0);
		if (!conn_has(conn, CONN_AGAIN_NOW) && pipe > 0 && pipe + len > conn->cc.cwnd_bytes)
			break;
		if (!send_span(tcp, conn, i, &e, len, now, out))
			return false;
		has_sent = true;
		has_sent_head = has_sent_head || seq_eq(e.seq, conn->snd_una);
	}
	if (has_sent) {
		span_join(tcp, conn);
		if (conn->rto_at == UINT64_MAX)
			time_restart_rto(tcp, conn, now);
		else if (has_sent_head && !conn_has(conn, CONN_RACK_TIMER | CONN_TLP_TIMER))
			time_rto_since(tcp, conn, now, now);
	}
	return true;
}

/* ---- new ---- */

enum verdict {
	VERDICT_SEND,
	VERDICT_NOTHING, /* all was sent, or a short last segment waits for more */
	VERDICT_WINDOW,	 /* the peer's window, or silly-window avoidance */
	/* from here on it is congestion control that holds us back */
	VERDICT_CWND,
	VERDICT_PACE, /* the window has room, but not yet */
};

/* A tail probe of new bytes goes out whatever the congestion window (RFC 8985, 7.3). */
static bool
is_new_probe(const struct tcp *tcp, const struct tcp_conn *conn)
{
	const struct repair *r = repair_of(tcp, conn);

	return r != NULL && r->has_probe && !r->is_probe_again && conn_has(conn, CONN_AGAIN_NOW);
}

/* Judges the next new segment (RFC 9293, 3.8.6.2.1) and describes it. */
static enum verdict
next_fresh(const struct tcp *tcp, const struct tcp_conn *conn, struct emit *e)
{
	uint32_t unsent = conn_unsent(conn), flight = conn_flight(conn), n = 0, limit, pipe;
	uint32_t wnd_left = conn->snd_wnd > flight ? conn->snd_wnd - flight : 0;
	bool asks_fin = conn_has(conn, CONN_FIN_ASKED), has_fin;

	if (unsent == 0 && !asks_fin)
		return VERDICT_NOTHING;
	limit = unsent < conn->mss ? unsent : conn->mss;
	if (wnd_left < limit) {
		if (wnd_left == 0 ||
		    (!conn_has(conn, CONN_FORCE) && wnd_left < conn->snd_wnd_max / 2))
			return VERDICT_WINDOW;
		limit = wnd_left;
	}
	if (limit > 0)
		n = super(tcp, conn, unsent, wnd_left);
	if (limit > 0 && n == 0)
		n = cut(conn, conn->fresh, conn->fresh_at, limit);
	if (n == unsent && n < conn->mss &&
	    (conn_has(conn, CONN_CORK) || (tcp->conf.has_nagle && flight > 0 && !asks_fin)))
		return VERDICT_NOTHING;
	has_fin = asks_fin && n == unsent && wnd_left > n;
	if (n == 0 && !has_fin)
		return VERDICT_WINDOW;
	pipe = loss_pipe(conn);
	if (pipe > 0 && pipe + n > conn->cc.cwnd_bytes && !is_new_probe(tcp, conn))
		return VERDICT_CWND;
	*e = (struct emit){
		.seq = conn->snd_nxt,
		.flags = TCP_ACK,
		.buf = conn->fresh,
		.at = conn->fresh_at,
		.n = n,
	};
	if (n == unsent && n > 0)
		e->flags |= TCP_PSH;
	if (has_fin)
		e->flags |= TCP_FIN;
	return VERDICT_SEND;
}

static void
on_fin_sent(struct tcp_conn *conn)
{
	conn->flags |= CONN_FIN_SENT;
	conn->state =
		conn->state == TCP_STATE_ESTABLISHED ? TCP_STATE_FIN_WAIT_1 : TCP_STATE_LAST_ACK;
}

static void RARE
note_in_repair(struct tcp *tcp, struct tcp_conn *conn, uint32_t len)
{
	struct repair *r = repair_of(tcp, conn);

	if (is_new_probe(tcp, conn)) {
		conn->flags &= ~(uint32_t)CONN_AGAIN_NOW;
		r->probe_end = seq_add(conn->snd_nxt, len);
	}
	r->sent += len;
}

static void
on_fresh_sent(struct tcp *tcp, struct tcp_conn *conn, const struct emit *e, uint64_t now)
{
	uint32_t len = e->n + ((e->flags & TCP_FIN) != 0);

	if (conn_flight(conn) == 0) {
		conn->una_ns = now;
		conn->tries = 0;
	}
	if (conn->repair != INDEX_NONE)
		note_in_repair(tcp, conn, len);
	span_sent(tcp, conn, e->buf, e->at, conn->snd_nxt, len, now);
	conn->snd_nxt = seq_add(conn->snd_nxt, len);
	place_walk(&conn->fresh, &conn->fresh_at, e->n);
	if (conn->fresh != NULL)
		buf_ask_after(conn->fresh);
	if ((e->flags & TCP_FIN) != 0)
		on_fin_sent(conn);
}

static bool
can_send_fresh(const struct tcp_conn *conn)
{
	return conn->state == TCP_STATE_ESTABLISHED || conn->state == TCP_STATE_CLOSE_WAIT;
}

/*
 * RFC 7661, 4.4.3: five minutes in which less than half of the window was in flight make it too
 * old. A byte beside what is written anyway: a bit field of struct cc was 8 % of an output.
 */
static void
note_use(struct tcp_conn *conn, uint32_t pipe, uint64_t now)
{
	uint8_t tick = (uint8_t)(now >> USED_SHIFT);

	if (pipe >= conn->cc.cwnd_bytes / 2) {
		conn->used_tick = tick;
	} else if ((uint8_t)(tick - conn->used_tick) >= UNUSED_TICKS) {
		conn->used_tick = tick;
		cc_on_unused(&conn->cc);
	}
}

/* What stopped us: the peer's window is probed, the congestion window counts as used. */
static void
on_fresh_stopped(struct tcp *tcp, struct tcp_conn *conn, enum verdict why, uint64_t now)
{
	uint32_t pipe = loss_pipe(conn), cwnd = conn->cc.cwnd_bytes;

	conn->cc.is_limited =
		why >= VERDICT_CWND || (cwnd < conn->cc.ssthresh_bytes && pipe >= cwnd / 2);
	note_use(conn, pipe, now);
	if (why == VERDICT_PACE)
		pace_wait(tcp, conn);
	if (why == VERDICT_WINDOW && conn_flight(conn) == 0 && conn->rto_at == UINT64_MAX) {
		uint64_t wait_ns = rtt_backed_off(&conn->rtt, conn->tries);

		/* a window that is silly rather than shut is used in the end (3.8.6.2.1) */
		if (conn->snd_wnd > 0 && wait_ns > OVERRIDE_NS)
			wait_ns = OVERRIDE_NS;
		conn->rto_at = now + wait_ns;
		time_arm(tcp, conn, conn->rto_at);
	}
}

/* The path was larger once: one segment tries whether it is again. */
static bool RARE
send_larger(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out)
{
	struct emit e = { .seq = conn->snd_nxt,
			  .flags = TCP_ACK,
			  .buf = conn->fresh,
			  .at = conn->fresh_at,
			  .n = mtu_probe(tcp, conn, now),
			  .is_whole = true };

	if (e.n == 0 || gather(e.buf, e.at, e.n) != e.n)
		return true;
	if (!emit_segment(tcp, conn, &e, now, out))
		return false;
	on_fresh_sent(tcp, conn, &e, now);
	mtu_probe_sent(tcp, conn, e.seq, now);
	return true;
}

static bool
send_fresh_burst(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out)
{
	enum verdict verdict = VERDICT_NOTHING;
	struct pace pace = { .left = UINT32_MAX };
	struct emit e;

	if (!can_send_fresh(conn))
		return true;
	if (conn->mss_told != 0 && !send_larger(tcp, conn, now, out))
		return false;
	if (conn_flight(conn) == 0 &&
	    tick_of(now) - conn->last_tx_tick > tick_of(rtt_backed_off(&conn->rtt, 0)))
		cc_restart(&conn->cc);
	if (pace_is_asked(conn))
		pace = pace_begin(tcp, conn, now);
	for (uint32_t n = 0; can_send_fresh(conn);
	     n += 1 + (e.n > conn->mss ? e.n / conn->mss : 0)) {
		if (n >= SEND_BURST_MAX) {
			conn_dirty(tcp, conn); /* behind those that wait */
			return true;
		}
		verdict = next_fresh(tcp, conn, &e);
		if (verdict == VERDICT_SEND && pace.left == 0)
			verdict = VERDICT_PACE;
		if (verdict != VERDICT_SEND)
			break;
		if (!emit_segment(tcp, conn, &e, now, out))
			return false;
		conn->flags &= ~(uint32_t)CONN_FORCE;
		conn->last_tx_tick = tick_of(now);
		on_fresh_sent(tcp, conn, &e, now);
		if (pace.a_ms != 0)
			pace = pace_sent(tcp, conn, pace, e.n, now);
	}
	on_fresh_stopped(tcp, conn, verdict, now);
	return true;
}

static bool
send_fresh(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out)
{
	uint32_t before = conn_flight(conn);
	bool is_done = send_fresh_burst(tcp, conn, now, out);

	if (conn_flight(conn) == before)
		return is_done;
	if (before == 0 || conn->rto_at == UINT64_MAX) /* RFC 6298, 5.1 */
		time_restart_rto(tcp, conn, now);
	else if (before <= conn->mss)
		time_probe_sooner(tcp, conn, now);
	return is_done;
}

/* ---- all ---- */

/* After a timeout that may have been a mistake new bytes go first, if there are any. */
static bool RARE
send_lost(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out)
{
	return frto_holds_again(tcp, conn) || send_again(tcp, conn, now, out);
}

static bool RARE
send_lost_after_new(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out)
{
	if (!frto_holds_again(tcp, conn))
		return true;
	frto_on_sent(tcp, conn);
	return send_lost(tcp, conn, now, out);
}

bool
send_output(struct tcp *tcp, struct tcp_conn *conn, uint64_t now, struct tcp_out *out)
{
	if (conn_has(conn, CONN_RST))
		return send_rst(tcp, conn, now, out);
	if (conn->state == TCP_STATE_CLOSED)
		return true;
	if (conn->state == TCP_STATE_SYN_SENT)
		return send_syn(tcp, conn, now, out);
	if (conn->state == TCP_STATE_SYN_RECEIVED)
		return send_syn(tcp, conn, now, out) &&
		       (!conn_has(conn, CONN_ACK_NOW) ||
			send_bare(tcp, conn, conn->snd_nxt, TCP_ACK, now, out));
	if (conn_has(conn, CONN_PROBE) && !send_probe(tcp, conn, now, out))
		return false;
	/* SACK blocks travel on bare ACKs, where they always have room */
	if (conn_has(conn, CONN_ACK_NOW) &&
	    (conn->island != INDEX_NONE || conn_has(conn, CONN_DSACK)) &&
	    !send_bare(tcp, conn, conn->snd_nxt, TCP_ACK, now, out))
		return false;
	if (conn->lost_bytes > 0 && !send_lost(tcp, conn, now, out))
		return false;
	if (!send_fresh(tcp, conn, now, out))
		return false;
	if (conn->lost_bytes > 0 && !send_lost_after_new(tcp, conn, now, out))
		return false;
	if (conn_has(conn, CONN_ACK_NOW) || recv_has_news(tcp, conn))
		return send_bare(tcp, conn, conn->snd_nxt, TCP_ACK, now, out);
	return true;
}

/* ---- the owner ---- */

/* The peer takes nothing, by its window or for a while. */
static bool
is_stalled(const struct tcp *tcp, const struct tcp_conn *conn)
{
	return conn_has(conn, CONN_SHUT) ||
	       (conn_flight(conn) > 0 && tcp->now - conn->una_ns > STALLED_NS);
}

/* A long path is filled by what is under way, and as much again waits to follow. */
static uint32_t
queue_of(const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t full = tcp->conf.send_max_bytes, cwnd = conn->cc.cwnd_bytes;

	if (cwnd <= AUTO_LEAST / 2 || conn->rtt.srtt_us < AUTO_FAR_US)
		return least(full, AUTO_LEAST);
	return least(full, 2 * cwnd);
}

/*
 * How much the send queue may hold. Near the lending budget no more than what is on its way
 * anyway, and little for peers that take nothing: what they do not take is kept from others.
 */
uint32_t
send_limit(const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t held = tcp_bufs_used(tcp), max = tcp->conf.bufs_max;
	uint32_t full = queue_of(tcp, conn), less = 2 * conn->mss;

	if (held < max / 2)
		return full;
	if (held < max / 4 * 3 || !is_stalled(tcp, conn))
		less += conn->cc.cwnd_bytes;
	return less < full ? less : full;
}

uint32_t
tcp_send_room(const struct tcp *tcp, struct tcp_id id)
{
	struct tcp_conn *conn = conn_find(tcp, id);
	uint32_t limit;

	if (conn == NULL || conn->state == TCP_STATE_CLOSED || conn_has(conn, CONN_FIN_ASKED))
		return 0;
	limit = send_limit(tcp, conn);
	if (conn->sndq.bytes > limit / 2)
		conn->flags |= CONN_ROOM_SHORT; /* the owner knows, and waits for TCP_EV_ROOM */
	return conn->sndq.bytes < limit ? limit - (uint32_t)conn->sndq.bytes : 0;
}

static void
set_cork(struct tcp *tcp, struct tcp_conn *conn, bool more)
{
	if (!more) {
		conn->flags &= ~(uint32_t)CONN_CORK;
		return;
	}
	conn->flags |= CONN_CORK;
	if (conn->ack_at > tcp->now + CORK_NS) {
		conn->ack_at = tcp->now + CORK_NS;
		time_arm(tcp, conn, conn->ack_at);
	}
}

/*
 * While bytes wait for the peer, pieces of a few bytes are copied behind the last of them: who
 * reads nothing shall not hold a buffer for every byte. That buffer's end has not been sent, so no
 * segment under way or lost knows of what comes behind it.
 */
static void
join_small(struct tcp *tcp, struct tcp_conn *conn, struct bufq *q)
{
	while (conn->fresh != NULL && q->head != NULL && q->head->n <= JOIN_MAX) {
		struct buf *tail = conn->sndq.tail, *b = q->head;

		if (!buf_is_sole(tail) || (uint32_t)tail->at + tail->n + b->n > tail->m.buf_len)
			return;
		memcpy(buf_stream(tail) + tail->n, buf_stream(b), b->n);
		buf_written(tail);
		tail->n = (uint16_t)(tail->n + b->n);
		conn->sndq.bytes += b->n;
		tcp->conf.count->tcp_copied_bytes += b->n;
		buf_give(bufq_pop(q));
		COUNT(tcp, tcp_tx_merged);
	}
}

void
tcp_send(struct tcp *tcp, struct tcp_id id, struct bufq *q, bool more)
{
	struct tcp_conn *conn = conn_find(tcp, id);

	if (conn == NULL || conn->state == TCP_STATE_CLOSED || conn->state == TCP_STATE_TIME_WAIT ||
	    conn_has(conn, CONN_FIN_ASKED)) {
		bufq_give(q);
		return;
	}
	set_cork(tcp, conn, more);
	join_small(tcp, conn, q);
	if (conn->fresh == NULL && q->head != NULL) {
		conn->fresh = q->head;
		conn->fresh_at = q->head->at;
	}
	tcp->bufs_held += q->n;
	bufq_splice(&conn->sndq, q);
	if (conn->sndq.bytes > send_limit(tcp, conn) / 2)
		conn->flags |= CONN_ROOM_SHORT;
	conn_dirty(tcp, conn);
}
