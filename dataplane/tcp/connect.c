/*
 * connect.c - the beginning of a connection: what is our own (sequence number, offers) and what
 * both sides agree on (RFC 9293, 3.5; RFC 7323, 2 and 3; RFC 2018, 2).
 */
#include "tcp/conn.h"

enum {
	WSCALE_MAX = 14, /* RFC 7323, 2.3 */
};

/* RFC 6528: a clock of 4 us ticks and a keyed hash of the four-tuple. */
struct seq
tcp_isn(const struct tcp *tcp, const struct ip_addr *local, uint16_t local_port,
	const struct ip_addr *remote, uint16_t remote_port, uint64_t now)
{
	uint64_t h = hash_flow(&tcp->key_isn, local, local_port, remote, remote_port);

	return seq_of((uint32_t)h + (uint32_t)(now >> 12));
}

/*
 * The same for all connections between two hosts, so that their timestamps rise from one
 * connection to the next (RFC 7323, 7.1; RFC 6191 relies on it), and tell nobody our uptime.
 */
uint32_t
tcp_ts_offset(const struct tcp *tcp, const struct ip_addr *local, const struct ip_addr *remote)
{
	return (uint32_t)(hash_flow(&tcp->key_isn, local, 0, remote, 0) >> 32);
}

/* What the path carries without IP or TCP options (RFC 6691). */
uint16_t
tcp_path_mss(const struct tcp *tcp, uint16_t path, bool is_v4)
{
	const struct tcp_path *p = &tcp->conf.path[path];
	uint32_t mtu = p->mtu;

	if (!p->multi_segs && mtu > BUF_ROOM)
		mtu = BUF_ROOM;
	return (uint16_t)(mtu - (is_v4 ? 40 : 60));
}

uint8_t
tcp_our_wscale(const struct tcp *tcp)
{
	uint8_t scale = 0;

	while (scale < WSCALE_MAX && tcp->conf.recv_max_bytes >> scale > UINT16_MAX)
		scale++;
	return scale;
}

/*
 * As much as a peer may send at first (RFC 6928); the owner's room comes with the first ACK. What
 * is promised here is promised to everybody who knocks.
 */
uint32_t
tcp_initial_window(const struct tcp *tcp, uint16_t path, bool is_v4)
{
	uint32_t mss = tcp_path_mss(tcp, path, is_v4), max = tcp->conf.recv_max_bytes;
	uint32_t n =
		tcp_bufs_used(tcp) < tcp->conf.bufs_max / 2 ? CC_INITIAL_SEGMENTS * mss : 2 * mss;

	if (n > max)
		n = max;
	return n < UINT16_MAX ? n : UINT16_MAX;
}

/* Takes over what the peer's SYN offers; ours always offers everything. */
void
conn_agree(struct tcp *tcp, struct tcp_conn *conn, const struct tcp_seg *syn)
{
	bool is_v4 = conn_is_v4(conn);
	uint16_t limit = tcp_path_mss(tcp, conn->path, is_v4);
	uint16_t mss = syn->mss != 0 ? syn->mss : is_v4 ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;

	uint32_t promised = recv_window(conn); /* by our SYN */

	if (promised == 0)
		promised = tcp_initial_window(tcp, conn->path, is_v4);
	if (mss < MSS_MIN)
		mss = MSS_MIN;
	if (mss > limit)
		mss = limit;
	if (syn->has_ts) {
		conn->flags |= CONN_TS;
		conn->ts_recent = syn->ts_val;
		mss = (uint16_t)(mss - 12);
	}
	if (syn->has_sack_ok)
		conn->flags |= CONN_SACK;
	if (syn->has_wscale) {
		conn->flags |= CONN_WSCALE;
		conn->snd_wscale = syn->wscale < WSCALE_MAX ? syn->wscale : WSCALE_MAX;
		conn->rcv_wscale = tcp_our_wscale(tcp);
	}
	conn->mss = mss;
	conn->our_mss = limit;
	conn->rcv_nxt = seq_add(syn->seq, 1);
	conn->rcv_acked = conn->rcv_nxt;
	conn->rcv_adv = seq_add(conn->rcv_nxt, promised);
	conn->rcv_shown = conn->rcv_adv;
	conn->room_edge = conn->rcv_adv;
	conn->snd_wnd = syn->wnd; /* a SYN's window is never scaled */
	conn->snd_wnd_max = syn->wnd;
	conn->snd_wl1 = syn->seq;
}

/* Both SYNs are acknowledged. */
void
conn_establish(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	conn->state = TCP_STATE_ESTABLISHED;
	conn->flags &= ~(uint32_t)(CONN_SYN);
	conn->tries = 0;
	conn->rto_at = UINT64_MAX;
	conn->recover = seq_sub(conn->snd_una, 1); /* RFC 6582, 3.2 step 1 */
	if (conn_has(conn, CONN_SYN_REPEATED) && rtt_backed_off(&conn->rtt, 0) < RTT_RTO_DATA_NS &&
	    conn->rtt.srtt_us == 0)
		rtt_set_timeout(&conn->rtt, RTT_RTO_DATA_NS); /* RFC 6298, 5.7 */
	cc_begin(&conn->cc, tcp->conf.cc, conn->mss, conn_has(conn, CONN_SYN_REPEATED));
	time_keepalive(tcp, conn, now);
	if (conn->sndq.n > 0 || conn_has(conn, CONN_FIN_ASKED))
		conn_dirty(tcp, conn); /* given before there was a connection */
	COUNT(tcp, tcp_established);
}

bool
tcp_is_free(const struct tcp *tcp, const struct ip_addr *local, uint16_t local_port,
	    const struct ip_addr *remote, uint16_t remote_port)
{
	return flow_find(tcp, local, local_port, remote, remote_port) == NULL;
}

struct tcp_id
tcp_connect(struct tcp *tcp, const struct tcp_dial *dial, uint64_t now)
{
	struct tcp_id none = { 0 };
	struct tcp_conn *conn;
	uint64_t wait_ns = dial->connect_ns != 0 ? dial->connect_ns : tcp->conf.connect_ns;

	ensure(dial->path < tcp->conf.path_n);
	tcp->now = now;
	if (!tcp_is_free(tcp, &dial->local, dial->local_port, &dial->remote, dial->remote_port))
		return none;
	conn = conn_take_or_evict(tcp, now);
	if (conn == NULL)
		return none;
	conn->local = dial->local;
	conn->remote = dial->remote;
	conn->local_port = dial->local_port;
	conn->remote_port = dial->remote_port;
	conn->path = dial->path;
	conn->owner = dial->owner;
	conn->snd_una =
		tcp_isn(tcp, &dial->local, dial->local_port, &dial->remote, dial->remote_port, now);
	conn->ts_offset = tcp_ts_offset(tcp, &dial->local, &dial->remote);
	conn->snd_nxt = conn->snd_una;
	conn->rcv_adv = seq_of(tcp_initial_window(tcp, conn->path, conn_is_v4(conn)));
	conn->state = TCP_STATE_SYN_SENT;
	conn->una_ns = now;
	conn->flags |= CONN_SYN | (tcp->conf.asks_ecn ? CONN_ECN : 0);
	wait_push(tcp, &tcp->dialing, conn);
	flow_insert(tcp, conn);
	conn_give_id(tcp, conn);
	conn_dirty(tcp, conn);
	time_life(tcp, conn, wait_ns != 0 ? now + wait_ns : UINT64_MAX);
	COUNT(tcp, tcp_dials);
	return (struct tcp_id){ conn->id };
}
