/*
 * undo.c - a recovery that turns out to be a mistake is taken back: congestion control is what it
 * was before. Told by timestamps (Eifel: RFC 3522 and 4015), by D-SACK for every segment sent again
 * (RFC 3708), or by new bytes (frto.c).
 */
#include "tcp/conn.h"

void
undo_begin(const struct tcp_conn *conn, struct repair *r, uint64_t now)
{
	r->can_undo = true;
	cc_keep(&conn->cc, &r->before);
	r->stamp = conn_ts(conn, now);
	r->again_n = 0;
	r->undo_from = conn->snd_una;
	r->undo_to = conn->snd_nxt;
}

void
undo(struct tcp *tcp, struct tcp_conn *conn, struct repair *r)
{
	COUNT(tcp, tcp_undone);
	r->can_undo = false;
	r->frto = FRTO_OFF;
	if (conn->cc.ssthresh_bytes != r->before.ssthresh_bytes) /* nor does CWR stand for it now */
		r->owes_cwr = r->has_cwr_end = false;
	mtu_undo(conn, r);
	cc_bring_back(&conn->cc, &r->before); /* with the curve and its time (RFC 9438, 4.9.1) */
	conn->flags &= ~(uint32_t)(CONN_RECOVERY | CONN_LOSS | CONN_AGAIN_NOW);
	conn->lost_bytes = 0;
	for (uint32_t i = conn->span; i != INDEX_NONE; i = span_at(tcp, i)->next)
		span_at(tcp, i)->flags &= (uint8_t)~SPAN_LOST;
	conn_dirty(tcp, conn);
}

bool
undo_by_echo(struct tcp *tcp, struct tcp_conn *conn, struct repair *r, uint32_t echo)
{
	/* What this ACK answers was sent before anything went again. */
	if (!r->can_undo || r->again_n == 0 || echo == 0 || (int32_t)(echo - r->stamp) >= 0)
		return false;
	undo(tcp, conn, r);
	return true;
}

bool
undo_by_dsack(struct tcp *tcp, struct tcp_conn *conn, struct repair *r,
	      const struct seg_sack *twice)
{
	/* A duplicate of other bytes says nothing of what went again in this recovery. */
	if (seq_lt(twice->left, r->undo_from) || seq_gt(twice->right, r->undo_to))
		return false;
	if (!r->can_undo || r->again_n == 0 || --r->again_n > 0)
		return false;
	undo(tcp, conn, r);
	return true;
}
