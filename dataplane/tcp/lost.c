/*
 * lost.c - an address of ours is another station's: its connections end where they stand.
 *
 * Nothing is said to the peers: an RST would come from the address (RFC 5227, 2.4). The pool is
 * walked a few records at a time; an address lost meanwhile begins the walk again for all.
 */
#include "tcp/conn.h"

enum {
	LOST_A_STEP = 256 /* records looked at: some cache misses each */
};

void
tcp_address_lost(struct tcp *tcp, uint16_t path, const struct ip_addr *local, uint64_t now)
{
	struct lost *l = &tcp->lost;

	tcp->now = now;
	if (l->n < LOST_MAX)
		l->at[l->n++] = (struct tcp_lost){ .local = *local, .path = path };
	l->next = 0;
}

static bool
is_lost(const struct lost *l, const struct tcp_conn *conn)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->at[i].path == conn->path && ip_eq(&l->at[i].local, &conn->local))
			return true;
	return false;
}

void
lost_advance(struct tcp *tcp)
{
	struct lost *l = &tcp->lost;
	uint32_t end = l->next + LOST_A_STEP;

	if (end > tcp->conns.fresh)
		end = tcp->conns.fresh;
	for (; l->next < end; l->next++) {
		struct tcp_conn *conn = conn_at(tcp, l->next);

		if (!pool_is_taken(&tcp->conns, l->next) || conn->state == TCP_STATE_CLOSED ||
		    !is_lost(l, conn))
			continue;
		COUNT(tcp, tcp_addresses_lost);
		conn_end(tcp, conn, TCP_END_ADDRESS);
	}
	if (l->next >= tcp->conns.fresh)
		l->n = 0;
}
