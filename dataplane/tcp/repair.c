/*
 * repair.c - the records that connections hold while something of theirs may be missing.
 */
#include "tcp/conn.h"

struct repair *
repair_need(struct tcp *tcp, struct tcp_conn *conn)
{
	if (conn->repair == INDEX_NONE) {
		uint32_t i = pool_take(&tcp->repairs);

		if (i == POOL_NONE) {
			COUNT(tcp, tcp_repairs_none);
			return NULL;
		}
		conn->repair = i;
		*repair_of(tcp, conn) = (struct repair){
			.fack = conn->snd_una,
			.round = conn->snd_una,
			.wnd_mult = 1,
		};
	}
	return repair_of(tcp, conn);
}

void
repair_give(struct tcp *tcp, struct tcp_conn *conn)
{
	if (conn->repair == INDEX_NONE)
		return;
	pool_give(&tcp->repairs, conn->repair);
	conn->repair = INDEX_NONE;
	conn->flags &= ~(uint32_t)CONN_DSACK;
}
