/*
 * frto.c - was a timeout a mistake? F-RTO (RFC 5682, 2.1), where no timestamps tell: after the head of
 * the flight has gone again and is acknowledged, two new segments go instead of old ones. If the
 * next ACK moves on, it answers bytes that went once only: the first ones were late, not lost.
 *
 * Only the first timeout of a flight, and not within a recovery (step 1).
 */
#include "tcp/conn.h"

void
frto_begin(const struct tcp_conn *conn, struct repair *r, bool was_open)
{
	r->frto = FRTO_OFF;
	if (was_open && r->can_undo && !conn_has(conn, CONN_TS))
		r->frto = FRTO_HEAD;
	r->frto_end = conn->snd_una; /* as long as nothing has gone again, any ACK tells */
}

/* Step 2b: two new segments and no more, however much this ACK covers; nor does it open the window. */
static void
let_two_go(struct tcp_conn *conn)
{
	conn->cc.cwnd_bytes = loss_pipe(conn) + 2u * conn->mss;
	conn->cc.is_limited = false;
}

bool
frto_on_ack(struct tcp *tcp, struct tcp_conn *conn, struct repair *r)
{
	switch ((enum frto)r->frto) {
	case FRTO_OFF:
		return false;
	case FRTO_HEAD:
		if (seq_ge(conn->snd_una, conn->recover))
			return false;
		if (seq_lt(conn->snd_una, r->frto_end)) { /* step 2a: a part tells nothing */
			r->frto = FRTO_OFF;
			return false;
		}
		r->frto = FRTO_NEW;
		let_two_go(conn);
		return false;
	case FRTO_NEW: /* step 3b */
		r->frto = FRTO_OFF;
		COUNT(tcp, tcp_frto_undone);
		return true;
	}
	return false;
}

void
frto_on_dup_ack(struct tcp_conn *conn, struct repair *r)
{
	uint32_t three = 3u * conn->mss;

	if (r->frto == FRTO_NEW && conn->cc.cwnd_bytes > three) /* step 3a */
		conn->cc.cwnd_bytes = three;
	r->frto = FRTO_OFF;
}

bool
frto_holds_again(const struct tcp *tcp, const struct tcp_conn *conn)
{
	const struct repair *r = repair_of(tcp, conn);

	return r != NULL && r->frto == FRTO_NEW && conn_has(conn, CONN_LOSS);
}

void
frto_on_sent(struct tcp *tcp, struct tcp_conn *conn)
{
	if (seq_eq(conn->snd_nxt, conn->recover)) /* step 2b: there was nothing new, or no room */
		repair_of(tcp, conn)->frto = FRTO_OFF;
}
