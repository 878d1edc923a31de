/*
 * mtu.c - what the path carries: segments become smaller when a router says so (RFC 1191, 8201),
 * or when full ones vanish without a word (black holes: RFC 2923, 2.1; RFC 4821). They are full again
 * when the full ones turn out to have arrived, and to try after ten minutes (RFC 1191, 6.3).
 */
#include "tcp/conn.h"

enum {
	FLOOR_V4 = 552, /* less than this is an attack or a mistake */
	FLOOR_V6 = 1280,
	AGE_SHIFT = 34,	  /* 17 s, of which */
	AGE_TICKS = 36,	  /* so many make ten minutes */
	SILENT_TRIES = 2, /* timeouts in a row that may be a router's or the peer's trouble */
};

/* Where tunnels end, and what every path carries: tried one after another, two timeouts each. */
static const uint16_t step[] = { 1280, 1024, 576 };

/* What is in flight goes again in smaller pieces; the window stays. */
static void
lower(struct tcp *tcp, struct tcp_conn *conn, uint32_t mtu)
{
	uint32_t headers = (conn_is_v4(conn) ? 40 : 60) + (conn_has(conn, CONN_TS) ? 12 : 0);
	uint32_t mss = mtu - headers;

	if (mss >= conn->mss)
		return;
	COUNT(tcp, tcp_mss_lowered);
	if (conn->mss_told == 0)
		conn->mss_told = conn->mss;
	conn->mss_tick = (uint8_t)(tcp->now >> AGE_SHIFT);
	conn->mss = (uint16_t)mss;
	conn->cc.mss = (uint16_t)mss;
	loss_mark_all(tcp, conn);
	conn->flags |= CONN_AGAIN_NOW;
	conn_dirty(tcp, conn);
}

void
mtu_on_too_big(struct tcp *tcp, struct tcp_conn *conn, uint32_t mtu)
{
	bool is_v4 = conn_is_v4(conn);

	if (!is_v4 && mtu < FLOOR_V6) { /* RFC 8201, 4: no path of IPv6 is so small */
		COUNT(tcp, tcp_icmp_ignored);
		return;
	}
	if (conn->repair != INDEX_NONE)
		repair_of(tcp, conn)->mss = 0; /* somebody has said it: no silence any more */
	lower(tcp, conn, is_v4 && mtu < FLOOR_V4 ? FLOOR_V4 : mtu);
}

void
mtu_on_timeout(struct tcp *tcp, struct tcp_conn *conn)
{
	uint32_t headers = (conn_is_v4(conn) ? 40 : 60) + (conn_has(conn, CONN_TS) ? 12 : 0);
	uint32_t mtu = conn->mss + headers;
	struct repair *r = repair_of(tcp, conn);

	if (conn->tries < SILENT_TRIES || conn->tries % 2 != 0 || conn_has(conn, CONN_SHUT) ||
	    span_at(tcp, conn->span)->len < conn->mss)
		return;
	for (uint32_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		if (!conn_is_v4(conn) && step[i] < FLOOR_V6)
			return;
		if (step[i] < mtu) {
			COUNT(tcp, tcp_black_holes);
			if (r != NULL && r->mss == 0)
				r->mss = conn->mss;
			lower(tcp, conn, step[i]);
			return;
		}
	}
}

void
mtu_undo(struct tcp_conn *conn, struct repair *r)
{
	if (r->mss == 0)
		return;
	if (r->mss == conn->mss_told)
		conn->mss_told = 0;
	conn->mss = r->mss;
	conn->cc.mss = r->mss;
	r->mss = 0;
}

void
mtu_age(struct tcp_conn *conn, uint64_t now)
{
	if ((uint8_t)((uint8_t)(now >> AGE_SHIFT) - conn->mss_tick) < AGE_TICKS)
		return;
	conn->mss = conn->mss_told;
	conn->cc.mss = conn->mss_told;
	conn->mss_told = 0;
}
