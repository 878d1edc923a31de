/*
 * ack.c - what an ACK says: how far the peer has got, how much it may be sent, and which of our
 * FINs it has seen (RFC 9293, 3.10.7.4, fifth check; RFC 5961, 5).
 */
#include "tcp/conn.h"

/* RFC 5961, 5.2: not older than the largest window, not newer than what was sent. */
static bool
is_plausible(const struct tcp_conn *conn, struct seq ack)
{
	return seq_ge(ack, seq_sub(conn->snd_una, conn->snd_wnd_max)) && seq_le(ack, conn->snd_nxt);
}

static void
note_shut_window(struct tcp_conn *conn, uint64_t now)
{
	if (conn->snd_wnd == 0 && !conn_has(conn, CONN_SHUT)) {
		conn->flags |= CONN_SHUT;
		conn->shut_tick = tick_of(now);
	} else if (conn->snd_wnd != 0 && conn_has(conn, CONN_SHUT)) {
		conn->flags &= ~(uint32_t)CONN_SHUT;
		conn->shut_ticks += tick_of(now) - conn->shut_tick;
	}
}

/*
 * What was under way when the window shut did not get in, nor did what went again meanwhile: it
 * goes now, not when a timeout that has doubled ever since is over.
 */
static void
reopen(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	conn->tries = 0;
	conn->una_ns = now;
	conn->flags |= CONN_AGAIN_NOW;
	loss_mark_all(tcp, conn);
	time_restart_rto(tcp, conn, now);
}

/*
 * The window, unless an older segment brings it or one that acknowledges less than is known; true
 * when it has changed. Beyond RFC 9293, 3.10.7.4: what fills a gap has a low number, but is the
 * latest word when it acknowledges more; with the window of before we would overrun the peer's.
 */
static bool
take_window(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	const struct tcp_seg *seg = a->seg;
	uint32_t wnd = conn_window_of(conn, seg);
	uint32_t was = conn->snd_wnd;

	if (seq_lt(seg->ack, conn->snd_una) ||
	    (seq_eq(seg->ack, conn->snd_una) && seq_gt(conn->snd_wl1, a->seq)))
		return false;
	conn->snd_wl1 = a->seq;
	conn->snd_wnd = wnd;
	if (wnd > conn->snd_wnd_max)
		conn->snd_wnd_max = wnd;
	note_shut_window(conn, a->now);
	if (wnd > was) {
		if (conn_flight(conn) == 0) { /* probing is over, and its long waits */
			conn->tries = 0;
			conn->rto_at = UINT64_MAX;
		} else if (was == 0 && conn->tries > 0)
			reopen(tcp, conn, a->now);
		conn_dirty(tcp, conn);
	}
	return wnd != was;
}

/*
 * RFC 6298, 3 and 5: what was sent again is no sample, unless a timestamp tells; then the timeout
 * stays as far backed off as it is, or a path that has become slower than it would never be measured.
 * An echo of a copy before the last one tells nothing, a round trip after that: the ACK of that copy
 * may have been lost, and the last one, which brings nothing new, is answered with the old time.
 */
static void
take_rtt(struct tcp_conn *conn, const struct tcp_seg *seg, struct span_times sent, uint32_t tries,
	 uint64_t now)
{
	if (tries > 0)
		rtt_set_timeout(&conn->rtt, rtt_backed_off(&conn->rtt, tries));
	if (sent.once_ns != 0) {
		rtt_sample(&conn->rtt, now - sent.once_ns);
	} else if (conn_has(conn, CONN_TS) && seg->has_ts && seg->ts_ecr != 0) {
		uint32_t ticks = conn_ts(conn, now) - seg->ts_ecr;
		bool is_stale = sent.again_ns != 0 &&
				(int32_t)(seg->ts_ecr - conn_ts(conn, sent.again_ns)) < 0 &&
				now - sent.again_ns >= (uint64_t)conn->rtt.least_us * 1000;

		if (!is_stale && ticks < 1u << 16) /* beyond a minute it is somebody's mistake */
			rtt_sample(&conn->rtt, ((uint64_t)ticks << 20) + (1 << 19));
	}
}

static void
take_bytes(struct tcp *tcp, struct tcp_conn *conn, uint32_t bytes)
{
	uint32_t before = conn->sndq.n;

	conn->bytes_out += bytes;
	bufq_consume(&conn->sndq, bytes);
	tcp->bufs_held -= before - conn->sndq.n;
	if (conn_has(conn, CONN_ROOM_SHORT) && conn->sndq.bytes <= send_limit(tcp, conn) / 2) {
		conn->flags &= ~(uint32_t)CONN_ROOM_SHORT;
		conn_tell(tcp, conn, TCP_EV_ROOM);
	}
}

/* New bytes are acknowledged: snd_una moves. */
static void
advance(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	struct seq ack = a->seg->ack;
	uint32_t acked = (uint32_t)seq_diff(ack, conn->snd_una);
	bool has_fin = conn_has(conn, CONN_FIN_SENT) && seq_eq(ack, conn->snd_nxt);
	uint32_t tries = conn->tries;
	struct span_times sent;

	take_bytes(tcp, conn, acked - (has_fin ? 1 : 0));
	conn->snd_una = ack;
	conn->una_ns = a->now;
	conn->tries = 0;
	sent = span_ack(tcp, conn, ack, conn_echo(conn, a->seg));
	take_rtt(conn, a->seg, sent, tries, a->now);
	loss_on_ack(tcp, conn, acked, sent.once_ns, a->now);
	repair_give_if_done(tcp, conn);
	time_restart_rto(tcp, conn, a->now);
	if (conn->sndq.n == 0 && (has_fin || !conn_has(conn, CONN_FIN_ASKED)))
		conn_tell(tcp, conn, TCP_EV_SENT);
	conn_dirty(tcp, conn);
}

/* Our FIN is acknowledged. True when the segment's text may still be looked at. */
static bool
on_fin_acked(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	switch ((enum tcp_state)conn->state) {
	case TCP_STATE_FIN_WAIT_1:
		conn->state = TCP_STATE_FIN_WAIT_2;
		if (!conn_has(conn, CONN_OWNED))
			time_life(tcp, conn, now + tcp->conf.time_wait_ns);
		return true;
	case TCP_STATE_CLOSING:
		conn_enter_time_wait(tcp, conn, now);
		return false;
	case TCP_STATE_LAST_ACK:
		conn_end(tcp, conn, TCP_END_CLOSED);
		return false;
	case TCP_STATE_FIN_WAIT_2:
	case TCP_STATE_TIME_WAIT:
		return true;
	case TCP_STATE_CLOSED:
	case TCP_STATE_SYN_SENT:
	case TCP_STATE_SYN_RECEIVED:
	case TCP_STATE_ESTABLISHED:
	case TCP_STATE_CLOSE_WAIT:
		break;
	}
	ensure(false); /* no FIN of ours is out in these */
	return false;
}

/* RFC 7323, 5.3 R3: remember the newest timestamp that the next ACK may echo. */
static void
note_timestamp(struct tcp_conn *conn, const struct arrival *a)
{
	const struct tcp_seg *seg = a->seg;

	if (seg->has_ts && conn_has(conn, CONN_TS) &&
	    (int32_t)(seg->ts_val - conn->ts_recent) >= 0 && seq_le(seg->seq, conn->rcv_acked))
		conn->ts_recent = seg->ts_val;
}

/*
 * The last segment once more, because our ACK of it was lost: the next ACK echoes this copy's
 * time. With the first one's the peer would take all that it has waited for the path's delay, and
 * its timeout would double with every lost ACK until it stays at its maximum. Nearer than RFC
 * 7323, 5.3 to what it is for: R2 sends such a segment away before R3 has seen it.
 */
void
ack_note_repeat(struct tcp_conn *conn, const struct arrival *a)
{
	const struct tcp_seg *seg = a->seg;
	uint32_t len = seg->payload_n + ((seg->flags & TCP_FIN) != 0);
	/* With later bytes waiting for their ACK, theirs is the time to be echoed. */
	bool is_last = seq_eq(seq_add(seg->seq, len), conn->rcv_acked) &&
		       seq_eq(conn->rcv_acked, conn->rcv_nxt);

	if (len > 0 && is_last && (seg->flags & TCP_ACK) != 0 && is_plausible(conn, seg->ack))
		note_timestamp(conn, a);
}

/* What an ACK says of a recovery or probe that goes on, before it moves anything. */
static void
before_repair(struct tcp *tcp, struct tcp_conn *conn, const struct tcp_seg *seg, bool is_new,
	      struct sack_news sack)
{
	struct repair *r = repair_of(tcp, conn);
	bool has_both, had_probe = r->has_probe;

	repair_age(conn, r);
	if (sack.has_dsack) {
		rack_on_dsack(conn, r);
		undo_by_dsack(tcp, conn, r, &seg->sack[0]);
	}
	if (is_new)
		undo_by_echo(tcp, conn, r, conn_echo(conn, seg));
	/* of the probe's end, again and bare: of peers that report no duplicates */
	has_both = !is_new && seg->payload_n == 0 && seg->sack_n == 0 &&
		   seq_eq(seg->ack, r->probe_end);
	tlp_on_ack(tcp, conn, r, seg->ack, sack.has_dsack || has_both);
	if (had_probe && !r->has_probe && !is_new) /* else when snd_una has moved */
		repair_give_if_done(tcp, conn);
}

bool
ack_input(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	const struct tcp_seg *seg = a->seg;
	struct sack_news sack = { 0 };
	struct seq una = conn->snd_una;
	uint32_t sacked = conn->sacked_bytes, lost = conn->lost_bytes;
	bool is_new, has_window;

	if ((a->flags & TCP_ACK) == 0) {
		COUNT(tcp, tcp_rx_no_ack);
		return false;
	}
	if (!is_plausible(conn, seg->ack)) {
		COUNT(tcp, tcp_rx_bad_ack);
		challenge_ack(tcp, conn, a->now);
		return false;
	}
	/* Only now: who guesses a sequence number must not leave a time behind that stops the peer. */
	note_timestamp(conn, a);
	conn->last_rx_ns = a->now;
	conn->keep_n = 0;
	if (conn->state == TCP_STATE_TIME_WAIT)
		return false; /* all was said; a repeated FIN failed the first check */
	has_window = take_window(tcp, conn, a);
	if (seg->sack_n > 0 && conn_has(conn, CONN_SACK))
		sack = sack_input(tcp, conn, seg, a->now);
	is_new = seq_gt(seg->ack, conn->snd_una);
	if (conn->repair != INDEX_NONE)
		before_repair(tcp, conn, seg, is_new, sack);
	if (conn_has(conn, CONN_ECN) && (seg->flags & TCP_ECE) != 0)
		ecn_on_echo(tcp, conn);
	if (is_new)
		advance(tcp, conn, a);
	else if (conn_flight(conn) > 0 && seq_eq(seg->ack, conn->snd_una) &&
		 (sack.is_new || (!conn_has(conn, CONN_SACK) && seg->payload_n == 0 &&
				  !has_window && (seg->flags & TCP_FIN) == 0)))
		loss_on_dup_ack(tcp, conn, a->now);
	if (conn->repair != INDEX_NONE && conn_has(conn, CONN_RECOVERY))
		prr_on_ack(conn, repair_of(tcp, conn),
			   (uint32_t)seq_diff(conn->snd_una, una) + conn->sacked_bytes - sacked,
			   is_new && conn->lost_bytes <= lost);
	if (conn_has(conn, CONN_FIN_SENT) && seq_eq(conn->snd_una, conn->snd_nxt))
		return on_fin_acked(tcp, conn, a->now);
	return true;
}
