/*
 * moved.c - a next hop has become another station: who waits for a timer because of it need not.
 *
 * What was sent to the old MAC is lost, and each connection's timer has backed off by now. The
 * timer of those is made due at once, and its patience begins anew. A pool of a million records
 * is walked a few at a time; one that moves meanwhile widens the walk and begins it again.
 */
#include "tcp/conn.h"

enum {
	MOVED_A_STEP = 256 /* records looked at: some cache misses each */
};

void
tcp_moved(struct tcp *tcp, uint16_t path, const struct ip_addr *remote, uint64_t now)
{
	struct moved *m = &tcp->moved;

	tcp->now = now;
	if (m->next == INDEX_NONE) {
		*m = (struct moved){ .path = path, .is_any_remote = remote == NULL };
		if (remote != NULL)
			m->remote = *remote;
	} else {
		m->is_any_path |= path != m->path;
		m->is_any_remote |= remote == NULL || !ip_eq(remote, &m->remote);
	}
	m->next = 0;
}

static bool
is_meant(const struct moved *m, const struct tcp_conn *conn)
{
	return (m->is_any_path || conn->path == m->path) &&
	       (m->is_any_remote || ip_eq(&conn->remote, &m->remote));
}

/* Its timer is due; the next one comes as soon as after a first timeout, but a SYN's as it would. */
static void
hurry(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	COUNT(tcp, tcp_hurried);
	if (conn->state == TCP_STATE_SYN_SENT || conn->state == TCP_STATE_SYN_RECEIVED)
		conn->tries--; /* of those that it has */
	else
		conn->tries = 1;
	conn->flags &= ~(uint32_t)(CONN_RACK_TIMER | CONN_TLP_TIMER);
	conn->rto_at = now;
	time_arm(tcp, conn, now);
}

void
moved_advance(struct tcp *tcp, uint64_t now)
{
	struct moved *m = &tcp->moved;
	uint32_t end = m->next + MOVED_A_STEP;

	if (end > tcp->conns.fresh)
		end = tcp->conns.fresh;
	for (; m->next < end; m->next++) {
		struct tcp_conn *conn = conn_at(tcp, m->next);

		if (pool_is_taken(&tcp->conns, m->next) && conn->state != TCP_STATE_CLOSED &&
		    conn->tries > 0 && conn->rto_at != UINT64_MAX && is_meant(m, conn))
			hurry(tcp, conn, now);
	}
	if (m->next >= tcp->conns.fresh)
		m->next = INDEX_NONE;
}
