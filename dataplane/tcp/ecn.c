/*
 * ecn.c - explicit congestion notification (RFC 3168): routers mark instead of dropping; what is
 * marked comes back as ECE until CWR answers it, and takes the window down once a round trip.
 *
 * Who has said a SYN without an offer, or heard one, marks nothing as capable (6.1.1).
 * CWR goes with one segment that is not cut: a port may copy it to every piece.
 * New bytes are ECT(0); what is sent again, bare ACKs and probes are not (6.1.4, 6.1.5, 6.1.6).
 */
#include "tcp/conn.h"

enum {
	NOT_ECT = 0,
	ECT_0 = 2,
	CE = 3,
};

bool
ecn_is_offered(uint8_t flags)
{
	return (flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR);
}

/* 6.1.1: a SYN-ACK with both is a broken echo of our SYN. */
bool
ecn_is_accepted(uint8_t flags)
{
	return (flags & (TCP_ECE | TCP_CWR)) == TCP_ECE;
}

/* Without a record recover tells it: whatever took the window down, nobody could note it. */
bool
ecn_owes_cwr(const struct tcp *tcp, const struct tcp_conn *conn)
{
	const struct repair *r = repair_of(tcp, conn);

	return r != NULL ? r->owes_cwr : seq_eq(conn->snd_nxt, conn->recover);
}

void
ecn_mark(struct tcp *tcp, struct tcp_conn *conn, const struct emit *e, struct tcp_seg *seg)
{
	struct repair *r = repair_of(tcp, conn);

	if ((e->flags & TCP_SYN) != 0) {
		if (conn->state != TCP_STATE_SYN_SENT)
			seg->flags |= TCP_ECE;
		else if (!conn_has(conn, CONN_SYN_REPEATED))
			seg->flags |= TCP_ECE | TCP_CWR;
		else /* 6.1.1.1: some paths fail on it */
			conn->no_ect = true;
		return;
	}
	if (conn_has(conn, CONN_ECE) && (e->flags & TCP_ACK) != 0)
		seg->flags |= TCP_ECE;
	if (e->n == 0 || !seq_eq(e->seq, conn->snd_nxt))
		return;
	seg->ecn = conn->no_ect ? NOT_ECT : ECT_0;
	if (!ecn_owes_cwr(tcp, conn))
		return;
	seg->flags |= TCP_CWR;
	if (r != NULL) {
		r->owes_cwr = false;
		r->has_cwr_end = true;
		r->cwr_end = seq_add(e->seq, e->n);
	}
}

void
ecn_owe_cwr(struct repair *r)
{
	if (r != NULL) /* else recover tells it as long as nothing has gone (ecn_mark) */
		r->owes_cwr = true;
}

bool
ecn_is_heeded(const struct tcp_conn *conn, const struct repair *r)
{
	if (r == NULL) /* recover is the end of what was in flight; else it lies behind */
		return seq_le(conn->snd_una, conn->recover);
	return r->owes_cwr || (r->has_cwr_end && seq_lt(conn->snd_una, r->cwr_end));
}

/*
 * 6.1.2: the window cannot become smaller than one segment, so the timer makes the pace: nothing new
 * goes out before it would have fired.
 */
static void
hold(struct tcp *tcp, struct tcp_conn *conn, struct repair *r)
{
	conn->cc.ssthresh_bytes = 2u * conn->mss;
	if (r == NULL) /* nowhere to note a time: one segment a round trip it is */
		return;
	COUNT(tcp, tcp_ecn_holds);
	conn->flags |= CONN_HELD;
	r->pace_ns = PACE_AFTER_RTO;
}

/* 6.1.2: as a loss would, but nothing goes again. */
void
ecn_on_echo(struct tcp *tcp, struct tcp_conn *conn)
{
	struct repair *r;

	conn->cc.is_limited =
		false; /* an ACK with ECE opens no window, as long as it is repeated */
	if (conn_has(conn, CONN_RECOVERY | CONN_LOSS) || conn_flight(conn) == 0)
		return;
	r = repair_need(tcp, conn);
	if (ecn_is_heeded(conn, r))
		return;
	COUNT(tcp, tcp_ecn_reductions);
	if (conn->cc.cwnd_bytes <= conn->mss)
		hold(tcp, conn, r);
	else
		cc_on_loss(&conn->cc, conn_flight(conn));
	if (r == NULL) { /* when there is no record, recover says when, as it does of losses */
		conn->recover = conn->snd_nxt;
		return;
	}
	r->can_undo = false; /* this was no mistake */
	ecn_owe_cwr(r);
}

void
ecn_input(struct tcp *tcp, struct tcp_conn *conn, const struct arrival *a)
{
	const struct tcp_seg *seg = a->seg;

	if (seg->payload_n > 0 && (seg->flags & TCP_CWR) != 0)
		conn->flags &= ~(uint32_t)CONN_ECE;
	if (seg->payload_n > 0 && seg->ecn == CE) {
		COUNT(tcp, tcp_rx_ce);
		conn->flags |= CONN_ECE | CONN_ACK_NOW;
		conn_dirty(tcp, conn);
	}
}
