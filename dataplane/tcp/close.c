/*
 * close.c - how connections end: by FINs, by RST, by time, or because the owner lets go.
 */
#include "tcp/island.h"

static void
give_all(struct tcp *tcp, struct tcp_conn *conn)
{
	island_give_all(tcp, conn);
	span_give_all(tcp, conn);
}

void
conn_end(struct tcp *tcp, struct tcp_conn *conn, enum tcp_end end)
{
	ensure(conn->state != TCP_STATE_CLOSED);
	if (conn->state == TCP_STATE_SYN_RECEIVED && conn_has(conn, CONN_PASSIVE))
		tcp->half_open--;
	if (conn->state == TCP_STATE_SYN_SENT)
		wait_drop(tcp, &tcp->dialing, conn);
	if (conn->state == TCP_STATE_TIME_WAIT) {
		wait_drop(tcp, &tcp->waiting, conn);
		tcp->time_wait--;
	}
	conn->state = TCP_STATE_CLOSED;
	flow_remove(tcp, conn);
	wheel_cancel(tcp->wheel, conn_index(tcp, conn));
	conn->rto_at = conn->ack_at = conn->life_at = UINT64_MAX;
	give_all(tcp, conn);
	if (conn->end == TCP_END_NONE) {
		conn->end = (uint8_t)end;
		conn_tell(tcp, conn, TCP_EV_GONE);
	}
	if (!conn_has(conn, CONN_OWNED))
		recv_give_queue(tcp, conn);
	conn_free(tcp, conn);
}

void
conn_end_with_rst(struct tcp *tcp, struct tcp_conn *conn, enum tcp_end end)
{
	conn->flags |= CONN_RST;
	conn_dirty(tcp, conn);
	conn_end(tcp, conn, end);
}

void
conn_enter_time_wait(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	conn->state = TCP_STATE_TIME_WAIT;
	conn->rto_at = UINT64_MAX;
	give_all(tcp, conn);
	wait_push(tcp, &tcp->waiting, conn);
	tcp->time_wait++;
	time_life(tcp, conn, now + tcp->conf.time_wait_ns);
	conn->end = TCP_END_CLOSED;
	conn_tell(tcp, conn, TCP_EV_GONE);
}

void
tcp_shutdown(struct tcp *tcp, struct tcp_id id)
{
	struct tcp_conn *conn = conn_find(tcp, id);

	if (conn == NULL || conn_has(conn, CONN_FIN_ASKED))
		return;
	conn->flags |= CONN_FIN_ASKED;
	conn->flags &= ~(uint32_t)CONN_CORK;
	conn_dirty(tcp, conn);
}

void
tcp_abort(struct tcp *tcp, struct tcp_id id)
{
	struct tcp_conn *conn = conn_find(tcp, id);

	if (conn == NULL || conn->state == TCP_STATE_CLOSED)
		return;
	if (conn->end == TCP_END_NONE)
		conn->end = TCP_END_ABORTED; /* before the end, so that no event follows */
	if (conn->state == TCP_STATE_SYN_SENT || conn->state == TCP_STATE_TIME_WAIT)
		conn_end(tcp, conn, TCP_END_ABORTED);
	else
		conn_end_with_rst(tcp, conn, TCP_END_ABORTED);
	conn->told_bits = 0;
}

/*
 * Bytes that came and that nobody will read: the peer has to know (RFC 1122, 4.2.2.13). Not while
 * it lacks some of ours, which an RST would take from it.
 */
static bool
loses_bytes(const struct tcp_conn *conn)
{
	return (conn->rcvq.n > 0 || conn->island != INDEX_NONE) && conn->sndq.n == 0 &&
	       conn->state != TCP_STATE_CLOSED && conn->state != TCP_STATE_TIME_WAIT;
}

/* RFC 9293, 3.10.4, for each state. */
void
tcp_release(struct tcp *tcp, struct tcp_id id)
{
	struct tcp_conn *conn = conn_find(tcp, id);
	bool is_lossy;

	if (conn == NULL)
		return;
	is_lossy = loses_bytes(conn);
	conn->flags &= ~(uint32_t)CONN_OWNED;
	conn->id = 0;
	conn->told_bits = 0;
	recv_give_queue(tcp, conn);
	if (is_lossy) {
		COUNT(tcp, tcp_released_unread);
		conn_end_with_rst(tcp, conn, TCP_END_ABORTED);
		return;
	}
	switch ((enum tcp_state)conn->state) {
	case TCP_STATE_CLOSED:
		conn_free(tcp, conn);
		return;
	case TCP_STATE_SYN_SENT:
		conn_end(tcp, conn, TCP_END_ABORTED);
		return;
	case TCP_STATE_FIN_WAIT_2:
		time_life(tcp, conn, tcp->now + tcp->conf.time_wait_ns);
		return;
	case TCP_STATE_SYN_RECEIVED:
	case TCP_STATE_ESTABLISHED:
	case TCP_STATE_CLOSE_WAIT:
		conn->flags |= CONN_FIN_ASKED;
		conn->flags &= ~(uint32_t)CONN_CORK;
		conn_dirty(tcp, conn);
		return;
	case TCP_STATE_FIN_WAIT_1:
	case TCP_STATE_CLOSING:
	case TCP_STATE_LAST_ACK:
	case TCP_STATE_TIME_WAIT:
		return;
	}
}

void
tcp_unreachable(struct tcp *tcp, const struct ip_addr *remote, uint64_t now)
{
	tcp->now = now;
	for (uint32_t i = tcp->dialing.head; i != INDEX_NONE;) {
		struct tcp_conn *conn = conn_at(tcp, i);

		i = conn->wait_next;
		if (ip_eq(&conn->remote, remote))
			conn_end(tcp, conn, TCP_END_UNREACHABLE);
	}
}
