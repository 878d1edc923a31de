/*
 * loss.c - from duplicate ACKs, SACK and timeouts to what is to be sent again: RACK (rack.c) with
 * SACK, fast recovery of RFC 6582 (NewReno) without, timeouts of RFC 6298.
 *
 * Losses are marks on spans; send.c sends what is marked as the congestion window allows. What is
 * in flight is everything sent less what is SACKed and what is marked lost and not yet sent again
 * (the pipe). Without SACK each duplicate ACK stands for one segment that has left the network.
 * States: open, RECOVERY (until recover is acknowledged), LOSS (the same, after a timeout).
 */
#include "tcp/conn.h"

uint32_t
loss_pipe(const struct tcp_conn *conn)
{
	uint32_t gone = conn->sacked_bytes + conn->lost_bytes, flight = conn_flight(conn);

	return flight > gone ? flight - gone : 0;
}

static bool
has_sack(const struct tcp_conn *conn)
{
	return conn_has(conn, CONN_SACK);
}

void
loss_begin(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	/* without what limited transmit has added beyond the window (RFC 5681, 3.2 step 2) */
	uint32_t flight = conn_flight(conn), cwnd = conn->cc.cwnd_bytes;
	bool is_heeded;
	struct repair *r;

	if (conn->lost_bytes == 0 || conn_has(conn, CONN_RECOVERY | CONN_LOSS))
		return;
	if (mtu_is_probe_lost(tcp, conn)) { /* RFC 4821, 7.6.2: no congestion */
		conn->flags |= CONN_AGAIN_NOW;
		conn_dirty(tcp, conn);
		return;
	}
	r = repair_need(tcp, conn);
	is_heeded = conn_has(conn, CONN_ECN) && ecn_is_heeded(conn, r);
	if (r != NULL) {
		r->frto = FRTO_OFF;
		undo_begin(conn, r, now);
		prr_begin(r, flight);
		if (conn_has(conn, CONN_ECN) && !is_heeded)
			ecn_owe_cwr(r);
	}
	if (!is_heeded) /* RFC 3168, 6.1.2: marks and losses of one window of data count once */
		cc_on_loss(&conn->cc, flight < cwnd ? flight : cwnd);
	conn->flags |= CONN_RECOVERY | CONN_AGAIN_NOW;
	conn->recover = conn->snd_nxt;
	COUNT(tcp, tcp_recoveries);
	conn_dirty(tcp, conn);
}

/* The first segment of what is missing, unless it is marked or was sent again already. */
static void
mark_head_lost(struct tcp *tcp, struct tcp_conn *conn)
{
	struct span *s;

	if (conn->span == INDEX_NONE)
		return;
	s = span_at(tcp, conn->span);
	if ((s->flags & (SPAN_SACKED | SPAN_LOST | SPAN_AGAIN)) != 0)
		return;
	if (s->len > conn->mss && !span_split(tcp, conn, conn->span, conn->mss))
		return;
	s->flags |= SPAN_LOST;
	conn->lost_bytes += s->len;
}

void
loss_on_dup_ack(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	bool is_open;

	COUNT(tcp, tcp_rx_dup_acks);
	conn_dirty(tcp, conn); /* limited transmit (RFC 3042): the pipe has become shorter */
	if (conn->dup_n < DUP_MAX)
		conn->dup_n++;
	if (conn->repair != INDEX_NONE)
		frto_on_dup_ack(conn, repair_of(tcp, conn));
	if (has_sack(conn)) {
		rack_mark_lost(tcp, conn, now);
		loss_begin(tcp, conn, now);
		if (conn_has(conn, CONN_TLP_TIMER)) /* something was heard: no probe (8985, 7.2) */
			time_restart_rto(tcp, conn, now);
		return;
	}
	is_open = !conn_has(conn, CONN_RECOVERY | CONN_LOSS);
	if (is_open && conn->dup_n >= DUP_THRESH && seq_le(conn->snd_una, conn->recover))
		return; /* RFC 6582, 3.2 step 2: no recovery, and two new segments at most (3042) */
	if (conn->sacked_bytes + conn->lost_bytes + conn->mss < conn_flight(conn))
		conn->sacked_bytes += conn->mss;
	if (!is_open || conn->dup_n < DUP_THRESH)
		return;
	mark_head_lost(tcp, conn);
	loss_begin(tcp, conn, now);
}

static void
leave(struct tcp *tcp, struct tcp_conn *conn)
{
	uint32_t flight = conn_flight(conn), mss = conn->mss;
	uint32_t calm = (flight > mss ? flight : mss) + mss;
	struct repair *r = repair_of(tcp, conn);

	if (r != NULL && has_sack(conn)) {
		rack_calm(r);
		if (conn_has(conn, CONN_RECOVERY)) /* RFC 6937: its work is done */
			conn->cc.cwnd_bytes = conn->cc.ssthresh_bytes;
	} else if (conn_has(conn, CONN_RECOVERY)) { /* RFC 6582, 3.2 step 3: no burst */
		uint32_t wnd = conn->cc.ssthresh_bytes;

		conn->cc.cwnd_bytes = wnd < calm ? wnd : calm;
	}
	conn->flags &= ~(uint32_t)(CONN_RECOVERY | CONN_LOSS | CONN_AGAIN_NOW);
	if (r != NULL)
		r->frto = FRTO_OFF;
	if (!has_sack(conn))
		conn->sacked_bytes = 0;
}

/* Without SACK: of the bytes acknowledged, all but one segment had been counted as gone. */
static void
uncount_dups(struct tcp_conn *conn, uint32_t acked)
{
	uint32_t counted = acked > conn->mss ? acked - conn->mss : 0;

	conn->sacked_bytes -= counted < conn->sacked_bytes ? counted : conn->sacked_bytes;
	if (!conn_has(conn, CONN_RECOVERY | CONN_LOSS))
		conn->sacked_bytes = 0;
}

static void
open_window(struct tcp_conn *conn, uint32_t acked, uint64_t sent_ns, uint64_t now)
{
	struct cc_ack ack;

	if (!cc_is_used(&conn->cc)) { /* most of the time: the window is wider than what is said */
		cc_on_slack(&conn->cc);
		return;
	}
	ack = (struct cc_ack){ .now = now,
			       .rtt_ns = sent_ns != 0 ? now - sent_ns : 0,
			       .srtt_ns = (uint64_t)conn->rtt.srtt_us * 1000,
			       .acked_bytes = acked,
			       .flight_bytes = conn_flight(conn) };
	cc_on_ack(&conn->cc, &ack);
}

void
loss_on_ack(struct tcp *tcp, struct tcp_conn *conn, uint32_t acked, uint64_t sent_ns, uint64_t now)
{
	bool is_open = !conn_has(conn, CONN_RECOVERY | CONN_LOSS);
	bool was_in_recovery = conn_has(conn, CONN_RECOVERY);
	struct repair *r = repair_of(tcp, conn);

	conn->dup_n = 0;
	if (!has_sack(conn))
		uncount_dups(conn, acked);
	if (!is_open && r != NULL && frto_on_ack(tcp, conn, r)) {
		undo(tcp, conn, r);
	} else if (!is_open && seq_ge(conn->snd_una, conn->recover)) {
		leave(tcp, conn);
	} else if (!is_open && has_sack(conn)) {
		if (r == NULL)
			mark_head_lost(tcp, conn);
		rack_mark_lost(tcp, conn, now);
	} else if (!is_open) {
		mark_head_lost(tcp, conn);
		conn->flags |= CONN_AGAIN_NOW;
	} else if (conn->sacked_bytes > 0 && has_sack(conn)) {
		rack_mark_lost(tcp, conn, now);
		loss_begin(tcp, conn, now);
	}
	/* The ACK that ends a recovery sets the window and does not open it further (6582, 3.2). */
	if (!conn_has(conn, CONN_RECOVERY) && !was_in_recovery)
		open_window(conn, acked, sent_ns, now);
	if (is_open && seq_gt(conn->snd_una, conn->recover))
		conn->recover = seq_sub(conn->snd_una, 1); /* never half the space behind */
}

void
loss_mark_all(struct tcp *tcp, struct tcp_conn *conn)
{
	conn->lost_bytes = 0;
	conn->sacked_bytes = 0;
	conn->dup_n = 0;
	for (uint32_t i = conn->span; i != INDEX_NONE; i = span_at(tcp, i)->next) {
		struct span *s = span_at(tcp, i);

		if ((s->flags & SPAN_SACKED) != 0) {
			conn->sacked_bytes += s->len;
		} else {
			s->flags |= SPAN_LOST;
			conn->lost_bytes += s->len;
		}
	}
	span_join(tcp, conn);
}

/* RFC 2018, 8: a receiver may drop what it has SACKed; then none of it counts. */
static void
forget_sacks_if_reneged(struct tcp *tcp, struct tcp_conn *conn)
{
	if ((span_at(tcp, conn->span)->flags & SPAN_SACKED) == 0)
		return;
	COUNT(tcp, tcp_rx_reneged);
	for (uint32_t i = conn->span; i != INDEX_NONE; i = span_at(tcp, i)->next)
		span_at(tcp, i)->flags &= (uint8_t)~SPAN_SACKED;
}

void
loss_on_timeout(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	bool was_open = !conn_has(conn, CONN_RECOVERY | CONN_LOSS) && conn->tries == 0;
	struct repair *r = repair_need(tcp, conn);

	if (conn->tries == 0) { /* RFC 5681, 3.1: once for one flight */
		if (r != NULL && !conn_has(conn, CONN_RECOVERY))
			undo_begin(conn, r, now);
		if (r != NULL && conn_has(conn, CONN_ECN))
			ecn_owe_cwr(r);
		cc_on_timeout(&conn->cc, conn_flight(conn));
	}
	if (r != NULL) {
		r->has_probe = false;
		frto_begin(conn, r, was_open);
	}
	conn->cc.cwnd_bytes = conn->mss;
	forget_sacks_if_reneged(tcp, conn);
	loss_mark_all(tcp, conn);
	conn->flags &= ~(uint32_t)CONN_RECOVERY;
	conn->flags |= CONN_LOSS | CONN_AGAIN_NOW;
	conn->recover = conn->snd_nxt;
}
