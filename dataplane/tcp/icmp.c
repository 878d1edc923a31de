/*
 * icmp.c - what routers and hosts say about our segments. ICMP is easily forged, so only an error
 * about bytes that are in flight counts (RFC 5927, 4.1), it never ends an open connection
 * (RFC 1122, 4.2.3.9: soft errors), and the MSS has a floor.
 */
#include "wire/icmp.h"

#include "tcp/conn.h"

enum {
	MTU_FLOOR_V4 = 552, /* less than this is an attack or a mistake */
	MTU_FLOOR_V6 = 1280,
};

/* A smaller path: what is in flight goes again in smaller pieces, the window stays (RFC 1191). */
static void
on_too_big(struct tcp *tcp, struct tcp_conn *conn, uint32_t mtu)
{
	uint32_t floor = conn_is_v4(conn) ? MTU_FLOOR_V4 : MTU_FLOOR_V6;
	uint32_t headers = conn_is_v4(conn) ? 40 : 60, mss;

	if (mtu < floor)
		mtu = floor;
	mss = mtu - headers - (conn_has(conn, CONN_TS) ? 12 : 0);
	if (mss >= conn->mss)
		return;
	COUNT(tcp, tcp_mss_lowered);
	conn->mss = (uint16_t)mss;
	conn->cc.mss = (uint16_t)mss;
	loss_mark_all(tcp, conn);
	conn->flags |= CONN_AGAIN_NOW;
	conn_dirty(tcp, conn);
}

void
tcp_icmp(struct tcp *tcp, const struct icmp_error *error, uint64_t now)
{
	struct tcp_conn *conn = flow_find(tcp, &error->local, error->local_port, &error->remote,
					  error->remote_port);

	tcp->now = now;
	if (conn == NULL || conn_flight(conn) == 0 || seq_lt(error->seq, conn->snd_una) ||
	    seq_ge(error->seq, conn->snd_nxt)) {
		COUNT(tcp, tcp_icmp_ignored);
		return;
	}
	switch ((enum icmp_error_kind)error->kind) {
	case ICMP_ERROR_UNREACHABLE:
		if (conn->state == TCP_STATE_SYN_SENT)
			conn_end(tcp, conn, TCP_END_UNREACHABLE);
		return;
	case ICMP_ERROR_REFUSED:
		if (conn->state == TCP_STATE_SYN_SENT)
			conn_end(tcp, conn, TCP_END_REFUSED);
		return;
	case ICMP_ERROR_TOO_BIG:
		if (conn->state != TCP_STATE_SYN_SENT && conn->state != TCP_STATE_SYN_RECEIVED)
			on_too_big(tcp, conn, error->mtu);
		return;
	case ICMP_ERROR_TIME_EXCEEDED:
	case ICMP_ERROR_PARAMETER:
		return;
	}
}
