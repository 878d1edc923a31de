/*
 * repair.c - the records that connections hold while something of theirs may be missing.
 *
 * With nothing in flight a record only remembers: that a probe's case is open until more is acknowledged
 * (RFC 8985, 7.4.2), or that the peer is to hear CWR with the next bytes. An idle connection could do so
 * for ever; when there is no record left, it is decided for it.
 */
#include "tcp/conn.h"

enum {
	LOOK_MAX = 4, /* records looked at for one that is not in use, under the clock's hand */
	REO_BITS = 4,
	REO_MAX = (1 << REO_BITS) - 1, /* nearly four times the least round trip: SRTT is less */
};

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* What D-SACK has taught of the path outlives the repair (RFC 8985, 6.2 step 4). */
static void
keep_reordering(struct tcp_conn *conn, const struct repair *r)
{
	uint32_t mult = least(r->wnd_mult, REO_MAX), rounds = least(r->wnd_rounds, REO_MAX);

	conn->reo = mult > 1 ? (uint8_t)(mult << REO_BITS | rounds) : 0;
}

static bool
is_idle(const struct tcp *tcp, const struct tcp_conn *conn)
{
	return conn_flight(conn) == 0 && !conn_has(conn, CONN_DSACK | CONN_HELD) &&
	       tcp->now - conn->una_ns >= rtt_backed_off(&conn->rtt, 0);
}

/* The record of an idle connection, if one is among the next few: what may still be heard was heard. */
static uint32_t
reclaim(struct tcp *tcp)
{
	for (uint32_t k = 0; k < LOOK_MAX; k++) {
		uint32_t i = tcp->repair_hand + 1 < tcp->repairs.n ? tcp->repair_hand + 1 : 0;
		struct repair *r = pool_at(&tcp->repairs, i);
		struct tcp_conn *conn = conn_at(tcp, r->conn);

		tcp->repair_hand = i;
		if (!is_idle(tcp, conn))
			continue;
		COUNT(tcp, tcp_repairs_reclaimed);
		tlp_settle(tcp, conn, r);
		if (r->owes_cwr) /* told with the next bytes all the same (ecn_mark) */
			conn->recover = conn->snd_nxt;
		repair_give(tcp, conn);
		return pool_take(&tcp->repairs);
	}
	return POOL_NONE;
}

struct repair *
repair_need(struct tcp *tcp, struct tcp_conn *conn)
{
	if (conn->repair == INDEX_NONE) {
		uint32_t i = pool_take(&tcp->repairs);

		if (i == POOL_NONE && (i = reclaim(tcp)) == POOL_NONE) {
			COUNT(tcp, tcp_repairs_none);
			return NULL;
		}
		conn->repair = i;
		*repair_of(tcp, conn) = (struct repair){
			.conn = conn_index(tcp, conn),
			.fack = conn->snd_una,
			.round = conn->snd_una,
			.wnd_mult = conn->reo != 0 ? conn->reo >> REO_BITS : 1,
			.wnd_rounds = conn->reo & REO_MAX,
		};
	}
	return repair_of(tcp, conn);
}

void
repair_give(struct tcp *tcp, struct tcp_conn *conn)
{
	if (conn->repair == INDEX_NONE)
		return;
	keep_reordering(conn, repair_of(tcp, conn));
	pool_give(&tcp->repairs, conn->repair);
	conn->repair = INDEX_NONE;
	conn->flags &= ~(uint32_t)(CONN_DSACK | CONN_HELD);
}

/* A probe's case is open until more than the probe is acknowledged (RFC 8985, 7.4.2). */
void
repair_give_if_done(struct tcp *tcp, struct tcp_conn *conn)
{
	const struct repair *r = repair_of(tcp, conn);

	if (r == NULL || conn_flight(conn) > 0 || conn_has(conn, CONN_DSACK | CONN_HELD) ||
	    r->owes_cwr || r->has_probe)
		return;
	repair_give(tcp, conn);
}

void
repair_age(const struct tcp_conn *conn, struct repair *r)
{
	if (seq_gt(conn->snd_una, r->round))
		r->round = conn->snd_una;
	if (r->has_cwr_end && seq_ge(conn->snd_una, r->cwr_end))
		r->has_cwr_end = false;
	if (r->claim_mtu != 0 && seq_gt(conn->snd_una, r->claim))
		r->claim_mtu = 0;
	if (r->can_undo && seq_diff(conn->snd_una, r->undo_to) > 1 << 30)
		r->can_undo = false;
}
