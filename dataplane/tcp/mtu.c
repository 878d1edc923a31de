/*
 * mtu.c - what the path carries: segments become smaller when a router says so (RFC 1191, 8201),
 * or when full ones vanish without a word (black holes: RFC 2923, 2.1; RFC 4821). They are full again
 * when the full ones turn out to have arrived; after ten minutes (RFC 1191, 6.3) single larger
 * ones are tried, step by step (RFC 4821, 7).
 *
 * A router is believed at once by a connection that has got no larger segment through yet, or whose path
 * has just become smaller. By any other it is believed when nothing more gets through (RFC 5927, 7.2),
 * whatever has become of its window: a loss, a pause or a new process take nothing of what was proven.
 */
#include "tcp/conn.h"

enum {
	FLOOR_V4 = 552, /* less than this is an attack or a mistake */
	FLOOR_V6 = 1280,
	AGE_SHIFT = 34,	   /* 17 s, of which */
	AGE_TICKS = 36,	   /* so many make ten minutes */
	SETTLED_TICKS = 2, /* a smaller path is known by then */
	SILENT_TRIES = 2,  /* timeouts in a row that may be a router's or the peer's trouble */
};

/* Where tunnels end, and what every path carries: tried one after another, two timeouts each. */
static const uint16_t step[] = { 1280, 1024, 576 };

/* On the way up: IPv6's least, tunnels, PPPoE; then what the path was. */
static const uint16_t rung[] = { 1280, 1400, 1492 };

/* The window is never less than one segment (cc.h). */
static void
raise(struct tcp_conn *conn, uint16_t mss)
{
	conn->mss = mss;
	conn->cc.mss = mss;
	if (conn->cc.cwnd_bytes < mss)
		conn->cc.cwnd_bytes = mss;
}

static uint32_t
headers_of(const struct tcp_conn *conn)
{
	return (conn_is_v4(conn) ? 40 : 60) + (conn_has(conn, CONN_TS) ? 12 : 0);
}

/* What is in flight goes again in smaller pieces; the window stays. */
static void
lower(struct tcp *tcp, struct tcp_conn *conn, uint32_t mtu)
{
	uint32_t mss = mtu - headers_of(conn);

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

/* Larger segments have arrived: what says that they do not is to be proven. */
static bool
is_doubtful(const struct tcp *tcp, const struct tcp_conn *conn, uint32_t payload)
{
	uint8_t age = (uint8_t)((uint8_t)(tcp->now >> AGE_SHIFT) - conn->mss_tick);

	if (conn->mss_told != 0 && age < SETTLED_TICKS)
		return false;
	return payload < (uint32_t)conn->got * GOT_UNIT;
}

/* The probe under way, INDEX_NONE: there is none. */
static uint32_t
probe_span(const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t i = conn->span;

	while (i != INDEX_NONE && (span_at(tcp, i)->flags & SPAN_PROBE) == 0)
		i = span_at(tcp, i)->next;
	return i;
}

/* A router answers the probe: it goes again in smaller pieces, at once. */
static void
refuse_probe(struct tcp *tcp, struct tcp_conn *conn, uint32_t mss)
{
	uint32_t i = conn->mss_told != 0 ? probe_span(tcp, conn) : INDEX_NONE;
	struct span *s = i != INDEX_NONE ? span_at(tcp, i) : NULL;

	if (s == NULL || s->len <= mss || s->flags != SPAN_PROBE)
		return;
	s->flags |= SPAN_LOST;
	conn->lost_bytes += s->len;
	conn->flags |= CONN_AGAIN_NOW;
	conn_dirty(tcp, conn);
}

/* Without a record nothing can wait: silence will tell (mtu_on_timeout). */
static void
wait_for_proof(struct tcp *tcp, struct tcp_conn *conn, struct seq seq, uint32_t mtu)
{
	struct repair *r = repair_need(tcp, conn);

	if (r == NULL) {
		COUNT(tcp, tcp_icmp_ignored);
		return;
	}
	COUNT(tcp, tcp_icmp_waits);
	r->claim_mtu = (uint16_t)mtu;
	r->claim = seq;
}

void
mtu_on_too_big(struct tcp *tcp, struct tcp_conn *conn, struct seq seq, uint32_t mtu)
{
	bool is_v4 = conn_is_v4(conn);
	struct repair *r;

	if (!is_v4 && mtu < FLOOR_V6) { /* RFC 8201, 4: no path of IPv6 is so small */
		COUNT(tcp, tcp_icmp_ignored);
		return;
	}
	if (is_v4 && mtu < FLOOR_V4)
		mtu = FLOOR_V4;
	if (mtu - headers_of(conn) >= conn->mss) {
		refuse_probe(tcp, conn, mtu - headers_of(conn));
		return;
	}
	if (is_doubtful(tcp, conn, mtu - headers_of(conn))) {
		wait_for_proof(tcp, conn, seq, mtu);
		return;
	}
	r = repair_of(tcp, conn);
	if (r != NULL)
		r->mss = 0; /* somebody has said it: no silence any more */
	lower(tcp, conn, mtu);
}

/* What a router has said of bytes that have still not arrived is true. */
static bool
take_claim(struct tcp *tcp, struct tcp_conn *conn, struct repair *r)
{
	uint16_t mtu;

	if (r == NULL || r->claim_mtu == 0)
		return false;
	mtu = r->claim_mtu;
	r->claim_mtu = 0;
	if (seq_lt(r->claim, conn->snd_una))
		return false;
	lower(tcp, conn, mtu);
	return true;
}

void
mtu_on_timeout(struct tcp *tcp, struct tcp_conn *conn)
{
	uint32_t mtu = conn->mss + headers_of(conn);
	struct repair *r = repair_of(tcp, conn);

	if (take_claim(tcp, conn, r))
		return;
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
	raise(conn, r->mss);
	r->mss = 0;
}

/* ---- upwards ---- */

/* Three segments behind the probe tell by SACK what became of it (RFC 4821, 7.4). */
uint32_t
mtu_probe(const struct tcp *tcp, const struct tcp_conn *conn, uint64_t now)
{
	uint32_t pipe = loss_pipe(conn), headers = headers_of(conn), n = conn->mss_told, behind;
	uint32_t may = conn->cc.cwnd_bytes, flight = conn_flight(conn);

	if ((uint8_t)((uint8_t)(now >> AGE_SHIFT) - conn->mss_tick) < AGE_TICKS ||
	    !conn_has(conn, CONN_SACK) || conn_has(conn, CONN_RECOVERY | CONN_LOSS))
		return 0;
	for (uint32_t i = sizeof(rung) / sizeof(rung[0]); i-- > 0;)
		if (rung[i] - headers > conn->mss && rung[i] - headers < n)
			n = rung[i] - headers;
	behind = n + DUP_THRESH * (uint32_t)conn->mss;
	if (conn_unsent(conn) < behind || conn->snd_wnd < flight + behind || may < pipe + behind)
		return 0;
	/* a span of its own, or one could not tell */
	if (conn->span_tail != INDEX_NONE && span_at(tcp, conn->span_tail)->sent_ns == now)
		return 0;
	return n;
}

void
mtu_probe_sent(struct tcp *tcp, struct tcp_conn *conn, struct seq seq, uint64_t now)
{
	struct span *s = span_at(tcp, conn->span_tail);

	COUNT(tcp, tcp_mtu_probes);
	conn->mss_tick = (uint8_t)(now >> AGE_SHIFT);
	if (seq_eq(s->seq, seq)) /* else there was no span to be had */
		s->flags |= SPAN_PROBE;
}

void
mtu_probe_arrived(struct tcp *tcp, struct tcp_conn *conn, uint32_t n)
{
	if (conn->mss_told == 0 || n <= conn->mss || n > conn->mss_told)
		return;
	COUNT(tcp, tcp_mtu_raised);
	raise(conn, (uint16_t)n);
	conn->mss_tick = (uint8_t)(conn->mss_tick - AGE_TICKS); /* the next step need not wait */
	if (conn->mss == conn->mss_told)
		conn->mss_told = 0;
}

bool
mtu_is_probe_lost(const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t i = conn->mss_told != 0 ? probe_span(tcp, conn) : INDEX_NONE;
	const struct span *s = i != INDEX_NONE ? span_at(tcp, i) : NULL;

	return s != NULL && (s->flags & SPAN_LOST) != 0 && s->len == conn->lost_bytes;
}
