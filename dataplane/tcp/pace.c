/*
 * pace.c - when new bytes go, beyond what the windows allow: at the rate that the congestion
 * controller asks, and not at all for a while after marks at the least window (RFC 3168, 6.1.2).
 *
 * The time stands in the repair record (without one there is no pace); the timer is the one of
 * delayed ACKs. A division a segment, only where a controller asks.
 */
#include "tcp/conn.h"

/* Two segments, or what a millisecond brings: less is not worth a wake-up. */
static uint32_t
burst_of(const struct tcp_conn *conn, uint32_t a_ms)
{
	if (a_ms == 0)
		return UINT32_MAX;
	return a_ms > 2u * conn->mss ? a_ms : 2u * conn->mss;
}

struct pace
pace_begin(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	struct pace pace = { .a_ms = cc_pace(&conn->cc, conn->rtt.srtt_us), .left = UINT32_MAX };
	struct repair *r = pace.a_ms != 0 ? repair_need(tcp, conn) : repair_of(tcp, conn);

	/* Held for a timeout: for no longer than it is by now, should it have become shorter. */
	if (r != NULL && conn_has(conn, CONN_HELD) &&
	    r->pace_ns > now + rtt_backed_off(&conn->rtt, 0))
		r->pace_ns = now + rtt_backed_off(&conn->rtt, 0);
	if (r != NULL && r->pace_ns > now && (pace.a_ms != 0 || conn_has(conn, CONN_HELD))) {
		pace.left = 0;
		return pace;
	}
	conn->flags &= ~(uint32_t)CONN_HELD;
	if (r == NULL)
		pace.a_ms = 0;
	else if (pace.a_ms == 0)
		repair_give_if_done(tcp, conn);
	pace.left = burst_of(conn, pace.a_ms);
	return pace;
}

struct pace
pace_sent(struct tcp *tcp, struct tcp_conn *conn, struct pace pace, uint32_t n, uint64_t now)
{
	struct repair *r = repair_of(tcp, conn);

	r->pace_ns = (r->pace_ns > now ? r->pace_ns : now) + n * MS_NS / pace.a_ms;
	pace.left = pace.left > n ? pace.left - n : 0;
	return pace;
}

void
pace_wait(struct tcp *tcp, struct tcp_conn *conn)
{
	uint64_t at = repair_of(tcp, conn)->pace_ns;

	COUNT(tcp, tcp_tx_paced);
	conn->flags |= CONN_HELD;
	if (conn->ack_at > at)
		conn->ack_at = at;
	time_arm(tcp, conn, at);
}
