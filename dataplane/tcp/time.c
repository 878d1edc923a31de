/*
 * time.c - what a connection waits for: retransmission or window probe (rto_at), delayed ACK or
 * cork (ack_at), and the slow times of its life (life_at).
 *
 * The times stand in the connection; the wheel holds one timer for the earliest of them. Moving a
 * time later touches only the connection: the wheel's timer then fires early and is set anew,
 * which is cheaper than moving it with every ACK.
 */
#include "tcp/conn.h"

#define USER_TIMEOUT_DEFAULT_NS (900 * S_NS) /* none configured; still nobody waits for ever */

void
time_arm(struct tcp *tcp, struct tcp_conn *conn, uint64_t at_ns)
{
	if (at_ns != UINT64_MAX)
		wheel_set_earlier(tcp->wheel, conn_index(tcp, conn), at_ns);
}

static uint64_t
user_timeout(const struct tcp *tcp)
{
	return tcp->conf.user_timeout_ns != 0 ? tcp->conf.user_timeout_ns : USER_TIMEOUT_DEFAULT_NS;
}

void
time_rto_since(struct tcp *tcp, struct tcp_conn *conn, uint64_t since_ns, uint64_t now)
{
	uint64_t give_up = conn->una_ns + user_timeout(tcp);

	conn->rto_at = since_ns + rtt_backed_off(&conn->rtt, conn->tries);
	if (conn->rto_at < now)
		conn->rto_at = now;
	if (conn->rto_at > give_up && give_up > now)
		conn->rto_at = give_up;
	time_arm(tcp, conn, conn->rto_at);
}

static void
restart_since(struct tcp *tcp, struct tcp_conn *conn, uint64_t since_ns, uint64_t now)
{
	uint64_t wait_ns;

	if (conn_flight(conn) == 0) {
		conn->rto_at = UINT64_MAX;
		return;
	}
	time_rto_since(tcp, conn, since_ns, now);
	conn->flags &= ~(uint32_t)(CONN_RACK_TIMER | CONN_TLP_TIMER);
	wait_ns = tlp_wait(tcp, conn);
	if (wait_ns != 0) { /* RFC 8985, 7.2: the probe comes before the timeout, or in its place */
		conn->flags |= CONN_TLP_TIMER;
		if (now + wait_ns < conn->rto_at)
			conn->rto_at = now + wait_ns;
	}
	if (conn->repair != INDEX_NONE)
		rack_arm(tcp, conn, repair_of(tcp, conn));
	time_arm(tcp, conn, conn->rto_at);
}

void
time_restart_rto(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	restart_since(tcp, conn, now, now);
}

void
time_probe_sooner(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	uint64_t wait_ns = tlp_wait(tcp, conn);

	if (wait_ns == 0 || conn_has(conn, CONN_RACK_TIMER) || now + wait_ns >= conn->rto_at)
		return;
	conn->flags |= CONN_TLP_TIMER;
	conn->rto_at = now + wait_ns;
	time_arm(tcp, conn, conn->rto_at);
}

void
time_ack_later(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	if (conn_has(conn, CONN_ACK_LATER | CONN_ACK_NOW))
		return;
	conn->flags |= CONN_ACK_LATER;
	if (conn->ack_at > now + DELAYED_ACK_NS)
		conn->ack_at = now + DELAYED_ACK_NS;
	time_arm(tcp, conn, conn->ack_at);
}

void
time_life(struct tcp *tcp, struct tcp_conn *conn, uint64_t at_ns)
{
	conn->life_at = at_ns;
	time_arm(tcp, conn, at_ns);
}

void
time_keepalive(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	uint64_t idle_ns = tcp->conf.keepalive_idle_ns;

	time_life(tcp, conn, idle_ns != 0 ? now + idle_ns : UINT64_MAX);
}

/* The peer's window is shut, or so small that we waited (RFC 9293, 3.8.6.1 and 3.8.6.2.1). */
static void
on_probe_due(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	uint64_t window_left = conn->snd_wnd;

	if (now - conn->last_rx_ns >= user_timeout(tcp) && conn->tries > 1) {
		conn_end_with_rst(tcp, conn, TCP_END_USER_TIMEOUT);
		return;
	}
	if (!conn_has(conn, CONN_OWNED) && conn->tries >= ORPHAN_PROBES) {
		COUNT(tcp, tcp_orphans_cut); /* nobody is left who could lose patience */
		conn_end_with_rst(tcp, conn, TCP_END_USER_TIMEOUT);
		return;
	}
	if (conn->tries < UINT8_MAX)
		conn->tries++;
	conn->flags |= window_left > 0 ? CONN_FORCE : CONN_PROBE;
	conn->rto_at = now + rtt_backed_off(&conn->rtt, conn->tries);
	conn_dirty(tcp, conn);
}

/*
 * RFC 9293, 3.8.3. A peer that says again and again that its window is shut may have thrown away
 * what was under way, and is not dead (3.8.6.1); but nobody is left to wait for an orphan's.
 */
static bool
is_given_up(const struct tcp *tcp, const struct tcp_conn *conn, uint64_t now)
{
	uint64_t since = conn->una_ns;

	if (conn_has(conn, CONN_SHUT) && conn_has(conn, CONN_OWNED) && conn->last_rx_ns > since)
		since = conn->last_rx_ns;
	return now - since >= user_timeout(tcp);
}

/*
 * RFC 8985, 6.3: what was late is lost now. The timeout goes on from when the head was sent or
 * reached, for the window may not let anything go; where it lets the head go, it begins anew.
 */
static void
on_rack_due(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	struct repair *r = repair_of(tcp, conn);
	uint64_t since = conn->una_ns;

	conn->flags &= ~(uint32_t)CONN_RACK_TIMER;
	if (r != NULL) /* else restored where records had run out */
		r->due_ns = 0;
	if (conn->span != INDEX_NONE && span_at(tcp, conn->span)->sent_ns > since)
		since = span_at(tcp, conn->span)->sent_ns;
	restart_since(tcp, conn, since, now);
	if (rack_mark_lost(tcp, conn, now)) {
		loss_begin(tcp, conn, now);
		conn_dirty(tcp, conn);
	}
}

/* R1 of RFC 9293, 3.8.3, and every timeout beyond it: is the next hop still there? */
static void
doubt(struct tcp *tcp, const struct tcp_conn *conn)
{
	if (conn->tries < R1_TRIES || tcp->doubt_n == DOUBTS_MAX)
		return;
	COUNT(tcp, tcp_doubts);
	tcp->doubt[tcp->doubt_n++] =
		(struct tcp_doubt){ .remote = conn->remote, .path = conn->path };
}

bool
tcp_doubted(struct tcp *tcp, struct tcp_doubt *ret_doubt)
{
	if (tcp->doubt_n == 0)
		return false;
	*ret_doubt = tcp->doubt[--tcp->doubt_n];
	return true;
}

static void
on_rto_due(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	conn->rto_at = UINT64_MAX;
	switch ((enum tcp_state)conn->state) {
	case TCP_STATE_SYN_SENT:
	case TCP_STATE_SYN_RECEIVED:
		if (conn->tries++ >= SYN_ACK_TRIES && conn_has(conn, CONN_PASSIVE)) {
			conn_end(tcp, conn, TCP_END_CONNECT_TIMEOUT);
			return;
		}
		doubt(tcp, conn);
		conn->flags |= CONN_SYN | CONN_SYN_REPEATED;
		conn->again_n++;
		COUNT(tcp, tcp_tx_syn_again);
		conn_dirty(tcp, conn);
		return;
	case TCP_STATE_ESTABLISHED:
	case TCP_STATE_FIN_WAIT_1:
	case TCP_STATE_CLOSE_WAIT:
	case TCP_STATE_CLOSING:
	case TCP_STATE_LAST_ACK:
		break;
	case TCP_STATE_CLOSED:
	case TCP_STATE_FIN_WAIT_2:
	case TCP_STATE_TIME_WAIT:
		return;
	}
	if (conn_flight(conn) == 0) {
		on_probe_due(tcp, conn, now);
		return;
	}
	if (is_given_up(tcp, conn, now)) {
		conn_end_with_rst(tcp, conn, TCP_END_USER_TIMEOUT);
		return;
	}
	if (conn_has(conn, CONN_TLP_TIMER)) {
		conn->flags &= ~(uint32_t)CONN_TLP_TIMER;
		tlp_on_due(tcp, conn, now);
		return;
	}
	if (conn_has(conn, CONN_RACK_TIMER)) {
		on_rack_due(tcp, conn, now);
		return;
	}
	mtu_on_timeout(tcp, conn);
	loss_on_timeout(tcp, conn, now);
	if (conn->tries < UINT8_MAX)
		conn->tries++;
	doubt(tcp, conn);
	COUNT(tcp, tcp_timeouts);
	time_restart_rto(tcp, conn, now);
	conn_dirty(tcp, conn);
}

static void
on_ack_due(struct tcp *tcp, struct tcp_conn *conn)
{
	conn->ack_at = UINT64_MAX;
	conn->flags &= ~(uint32_t)CONN_CORK;
	if (conn_has(conn, CONN_ACK_LATER)) {
		conn->flags &= ~(uint32_t)CONN_ACK_LATER;
		conn->flags |= CONN_ACK_NOW;
		COUNT(tcp, tcp_tx_delayed_acks);
	}
	conn_dirty(tcp, conn);
}

/* RFC 9293, 3.8.4: an idle connection is asked for a sign of life. */
static void
on_keepalive_due(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	uint64_t idle_ns = tcp->conf.keepalive_idle_ns;

	conn->life_at = UINT64_MAX;
	if (idle_ns == 0)
		return;
	if (now - conn->last_rx_ns < idle_ns) {
		time_life(tcp, conn, conn->last_rx_ns + idle_ns);
		return;
	}
	if (conn_flight(conn) != 0) { /* the retransmission timer asks already */
		time_life(tcp, conn, now + idle_ns);
		return;
	}
	if (conn->keep_n >= KEEPALIVE_PROBES) {
		conn_end_with_rst(tcp, conn, TCP_END_KEEPALIVE);
		return;
	}
	conn->keep_n++;
	conn->flags |= CONN_PROBE;
	COUNT(tcp, tcp_tx_keepalives);
	conn_dirty(tcp, conn);
	time_life(tcp, conn, now + (idle_ns < KEEPALIVE_EVERY_NS ? idle_ns : KEEPALIVE_EVERY_NS));
}

static void
on_life_due(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	switch ((enum tcp_state)conn->state) {
	case TCP_STATE_SYN_SENT:
	case TCP_STATE_SYN_RECEIVED:
		conn_end(tcp, conn, TCP_END_CONNECT_TIMEOUT);
		return;
	case TCP_STATE_TIME_WAIT:
		conn_end(tcp, conn, TCP_END_CLOSED);
		return;
	case TCP_STATE_FIN_WAIT_2:
		if (!conn_has(conn, CONN_OWNED)) {
			COUNT(tcp, tcp_orphans_cut);
			conn_end(tcp, conn, TCP_END_CLOSED);
			return;
		}
		on_keepalive_due(tcp, conn, now);
		return;
	case TCP_STATE_ESTABLISHED:
	case TCP_STATE_FIN_WAIT_1:
	case TCP_STATE_CLOSE_WAIT:
	case TCP_STATE_CLOSING:
	case TCP_STATE_LAST_ACK:
		on_keepalive_due(tcp, conn, now);
		return;
	case TCP_STATE_CLOSED:
		return;
	}
}

static void
on_due(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	uint64_t at;

	if (conn->ack_at <= now)
		on_ack_due(tcp, conn);
	if (conn->rto_at <= now)
		on_rto_due(tcp, conn, now);
	if (conn->life_at <= now && conn->state != TCP_STATE_CLOSED)
		on_life_due(tcp, conn, now);
	if (conn->state == TCP_STATE_CLOSED)
		return;
	at = conn->ack_at < conn->rto_at ? conn->ack_at : conn->rto_at;
	time_arm(tcp, conn, at < conn->life_at ? at : conn->life_at);
}

void
time_expire(struct tcp *tcp, uint64_t now)
{
	uint32_t i;

	while ((i = wheel_next(tcp->wheel, now)) != WHEEL_NONE)
		on_due(tcp, conn_at(tcp, i), now);
}
