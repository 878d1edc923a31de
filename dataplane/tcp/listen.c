/*
 * listen.c - listeners, and what a SYN for one of them does (RFC 9293, 3.10.7.2): a half-open
 * connection while backlog and records have room, a cookie when they have not. A SYN proves nobody,
 * so no open connection gives way to it; one may to the ACK of a cookie.
 *
 * Listeners are few and change seldom: an array, the exact address before "any".
 */
#include "tcp/conn.h"

enum {
	EVICT_LOOK_MAX = 64, /* records looked at for the oldest idle one */
};

#define EVICT_IDLE_NS S_NS /* who has spoken later is at work between two words */

static struct listener *
find_exact(struct tcp *tcp, const struct ip_addr *addr, uint16_t port)
{
	for (uint32_t i = 0; i < tcp->listener_n; i++) {
		struct listener *l = &tcp->listener[i];

		if (l->port == port && ip_eq(&l->addr, addr))
			return l;
	}
	return NULL;
}

struct listener *
listener_find(struct tcp *tcp, const struct ip_addr *addr, uint16_t port)
{
	static const struct ip_addr any;
	struct listener *l = find_exact(tcp, addr, port);

	return l != NULL ? l : find_exact(tcp, &any, port);
}

bool
tcp_listen(struct tcp *tcp, const struct ip_addr *addr, uint16_t port, uint32_t owner)
{
	if (find_exact(tcp, addr, port) != NULL || tcp->listener_n == tcp->conf.listeners_max)
		return false;
	tcp->listener[tcp->listener_n++] = (struct listener){
		.addr = *addr,
		.port = port,
		.owner = owner,
	};
	return true;
}

void
tcp_unlisten(struct tcp *tcp, const struct ip_addr *addr, uint16_t port)
{
	struct listener *l = find_exact(tcp, addr, port);

	if (l != NULL)
		*l = tcp->listener[--tcp->listener_n];
}

/* Open, owned, and nothing on its way or waiting in either direction. */
static bool
is_idle(const struct tcp_conn *conn, uint64_t now)
{
	return conn->state == TCP_STATE_ESTABLISHED && now - conn->last_rx_ns >= EVICT_IDLE_NS &&
	       conn->sndq.n == 0 && conn->rcvq.n == 0 && conn->island == INDEX_NONE &&
	       !conn_has(conn, CONN_FIN_ASKED | CONN_DIRTY | CONN_TOLD);
}

/* The longest idle of the next few records under the clock's hand. */
static struct tcp_conn *
oldest_idle(struct tcp *tcp, uint64_t now)
{
	struct tcp_conn *ret = NULL;

	for (uint32_t k = 0; k < EVICT_LOOK_MAX && k < tcp->conns.n; k++) {
		struct tcp_conn *conn;

		tcp->clock_hand = tcp->clock_hand + 1 < tcp->conns.n ? tcp->clock_hand + 1 : 0;
		if (!pool_is_taken(&tcp->conns, tcp->clock_hand))
			continue;
		conn = conn_at(tcp, tcp->clock_hand);
		if (is_idle(conn, now) && (ret == NULL || conn->last_rx_ns < ret->last_rx_ns))
			ret = conn;
	}
	return ret;
}

/* A record for a new connection. When there is none left, the oldest TIME-WAIT is forgotten. */
static struct tcp_conn *
take_or_forget(struct tcp *tcp, uint64_t now)
{
	struct tcp_conn *conn = conn_take(tcp, now);

	for (uint32_t i = tcp->waiting.head, k = 0; conn == NULL && i != INDEX_NONE && k < 8; k++) {
		struct tcp_conn *old = conn_at(tcp, i);

		i = old->wait_next;
		COUNT(tcp, tcp_time_wait_cut);
		conn_end(tcp, old, TCP_END_CLOSED);
		conn = conn_take(tcp, now);
	}
	if (conn == NULL)
		COUNT(tcp, tcp_conns_exhausted);
	return conn;
}

struct tcp_conn *
conn_take_or_evict(struct tcp *tcp, uint64_t now)
{
	struct tcp_conn *conn = take_or_forget(tcp, now);
	struct tcp_conn *idle = NULL;

	if (conn == NULL && tcp->evicted_n == 0)
		idle = oldest_idle(tcp, now);
	if (idle != NULL) {
		COUNT(tcp, tcp_evicted);
		tcp->evicted_n++;
		conn_end_with_rst(tcp, idle, TCP_END_EVICTED);
	}
	return conn;
}

void
listen_on_syn(struct tcp *tcp, struct listener *at, const struct tcp_seg *seg, uint16_t path,
	      uint64_t now, struct tcp_out *out)
{
	struct tcp_conn *conn = NULL;

	COUNT(tcp, tcp_rx_syns);
	if (tcp->half_open < tcp->conf.backlog_max)
		conn = take_or_forget(tcp, now);
	if (conn == NULL) {
		cookie_answer(tcp, seg, path, now, out);
		return;
	}
	conn->local = seg->dst;
	conn->remote = seg->src;
	conn->local_port = seg->dst_port;
	conn->remote_port = seg->src_port;
	conn->path = path;
	conn->owner = at->owner;
	conn->snd_una = tcp_isn(tcp, &seg->dst, seg->dst_port, &seg->src, seg->src_port, now);
	conn->ts_offset = tcp_ts_offset(tcp, &seg->dst, &seg->src);
	conn->snd_nxt = conn->snd_una;
	conn->state = TCP_STATE_SYN_RECEIVED;
	conn->una_ns = now;
	conn->flags |= CONN_PASSIVE | CONN_SYN | (ecn_is_offered(seg->flags) ? CONN_ECN : 0);
	conn_agree(tcp, conn, seg);
	tcp->half_open++;
	flow_insert(tcp, conn);
	conn_dirty(tcp, conn);
}
