/*
 * icmp.c - what routers and hosts say about our segments. ICMP is easily forged, so only an error
 * about bytes that are in flight counts (RFC 5927, 4.1), and it never ends an open connection
 * (RFC 1122, 4.2.3.9: soft errors). What the path carries is seen to in mtu.c.
 */
#include "wire/icmp.h"

#include "tcp/conn.h"

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
			mtu_on_too_big(tcp, conn, error->seq, error->mtu);
		return;
	case ICMP_ERROR_TIME_EXCEEDED:
	case ICMP_ERROR_PARAMETER:
		return;
	}
}
