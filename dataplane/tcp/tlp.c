/*
 * tlp.c - tail loss probes: RFC 8985, section 7. When nothing is heard of the end of a flight, one
 * more segment makes the peer say what it has, before the timer takes the window away.
 */
#include "tcp/conn.h"

#define US_NS	      ((uint64_t)1000)
#define ACK_DELAY_NS  (200 * MS_NS) /* a lone segment's ACK may wait so long (7.2) */
#define WAIT_LEAST_NS (10 * MS_NS)  /* below, peers are busy rather than segments lost */

uint64_t
tlp_wait(const struct tcp *tcp, const struct tcp_conn *conn)
{
	const struct repair *r = repair_of(tcp, conn);
	uint64_t wait_ns = 2 * US_NS * conn->rtt.srtt_us;

	if (!conn_has(conn, CONN_SACK) || conn_has(conn, CONN_RECOVERY | CONN_LOSS) ||
	    conn->rtt.srtt_us == 0 || conn->tries > 0 || conn->sacked_bytes > 0 ||
	    (r != NULL && r->has_probe))
		return 0;
	if (conn_flight(conn) <= conn->mss)
		wait_ns += ACK_DELAY_NS;
	return wait_ns > WAIT_LEAST_NS ? wait_ns : WAIT_LEAST_NS;
}

/* The flight's last segment goes again, as if it had been lost. False: its span cannot be cut. */
static bool
mark_last(struct tcp *tcp, struct tcp_conn *conn)
{
	struct span *s = span_at(tcp, conn->span_tail);
	uint32_t fin = conn_has(conn, CONN_FIN_SENT) ? 1 : 0;

	if (s->len > conn->mss + fin &&
	    !span_split(tcp, conn, conn->span_tail, s->len - conn->mss - fin))
		return false;
	s = span_at(tcp, conn->span_tail);
	if ((s->flags & (SPAN_SACKED | SPAN_LOST)) != 0)
		return false;
	s->flags |= SPAN_LOST;
	conn->lost_bytes += s->len;
	return true;
}

void
tlp_on_due(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	struct repair *r = repair_need(tcp, conn);
	uint32_t unsent = conn_unsent(conn), flight = conn_flight(conn);
	bool is_new = unsent > 0 && conn->snd_wnd >= flight &&
		      conn->snd_wnd - flight >= (unsent < conn->mss ? unsent : conn->mss);

	if (r == NULL || (!is_new && !mark_last(tcp, conn))) {
		time_rto_since(tcp, conn, now, now); /* no probe can be made */
		return;
	}
	COUNT(tcp, tcp_tx_tail_probes);
	r->has_probe = true;
	r->is_probe_again = !is_new;
	r->probe_end = seq_add(conn->snd_nxt, is_new ? 1 : 0); /* of what is sent by then */
	conn->flags |= CONN_AGAIN_NOW;
	conn_dirty(tcp, conn);
	time_restart_rto(tcp, conn, now);
}

/* One loss, which the probe has mended (7.4.2). */
static void
mended(struct tcp *tcp, struct tcp_conn *conn, struct repair *r)
{
	r->has_probe = false;
	COUNT(tcp, tcp_tail_losses);
	/* what is in flight by now says nothing of what was (RFC 9438, 4.6) */
	cc_on_loss(&conn->cc, conn->cc.cwnd_bytes);
	r->can_undo = false; /* nor was this a mistake */
	if (conn_has(conn, CONN_ECN))
		ecn_owe_cwr(r);
}

void
tlp_on_ack(struct tcp *tcp, struct tcp_conn *conn, struct repair *r, struct seq ack, bool has_both)
{
	if (!r->has_probe || seq_lt(ack, r->probe_end))
		return;
	if (!r->is_probe_again || has_both) /* both copies came: nothing was lost */
		r->has_probe = false;
	else if (seq_gt(ack, r->probe_end))
		mended(tcp, conn, r);
}

void
tlp_settle(struct tcp *tcp, struct tcp_conn *conn, struct repair *r)
{
	if (r->has_probe && r->is_probe_again && seq_ge(conn->snd_una, r->probe_end))
		mended(tcp, conn, r);
}
