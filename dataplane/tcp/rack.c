/*
 * rack.c - losses told by time: RACK of RFC 8985, section 6. What was sent a reordering window
 * before something that has been delivered is lost, be it sent once or again.
 *
 * Knows spans, which are segments of one turn: sent at one time, in order of sequence. Runs only
 * where SACK tells what was delivered, and only while a hole is there.
 * Units: nanoseconds at the doors, microseconds in the record.
 */
#include "tcp/conn.h"

#define US_NS ((uint64_t)1000)

enum {
	WND_MULT_MAX = 255,
	WND_ROUNDS = 16, /* 6.2 step 4: recoveries without D-SACK until the window shrinks */
};

/* Section 6.2: of two segments the one sent later; of one turn the one with the higher number. */
static bool
is_sent_after(uint64_t a_ns, struct seq a_end, uint64_t b_ns, struct seq b_end)
{
	return a_ns > b_ns || (a_ns == b_ns && seq_gt(a_end, b_end));
}

/* Step 2: of a segment sent again, this may be the answer to the first copy. */
static bool
is_of_first_copy(const struct tcp_conn *conn, const struct span *s, uint32_t echo, uint32_t rtt_us)
{
	if ((s->flags & SPAN_AGAIN) == 0)
		return false;
	if (echo != 0 && (int32_t)(echo - conn_ts(conn, s->sent_ns)) < 0)
		return true;
	return rtt_us < conn->rtt.least_us;
}

void
rack_delivered(struct tcp *tcp, struct tcp_conn *conn, struct repair *r, const struct span *s,
	       uint32_t echo, uint64_t now)
{
	struct seq end = seq_add(s->seq, s->len);
	uint64_t passed_us = (now - s->sent_ns) / US_NS;
	uint32_t rtt_us = passed_us < UINT32_MAX ? (uint32_t)passed_us : UINT32_MAX;

	if (seq_gt(end, r->fack)) { /* step 3 */
		r->fack = end;
	} else if ((s->flags & SPAN_AGAIN) == 0 && !conn_has(conn, CONN_REORDERS)) {
		conn->flags |= CONN_REORDERS;
		COUNT(tcp, tcp_reordered);
	}
	if (is_of_first_copy(conn, s, echo, rtt_us))
		return;
	if ((s->flags & SPAN_BLUR) != 0 && rtt_us < conn->rtt.srtt_us)
		rtt_us = conn->rtt.srtt_us; /* sent before, who knows when */
	r->rtt_us = rtt_us;
	if (is_sent_after(s->sent_ns, end, r->xmit_ns, r->end)) {
		r->xmit_ns = s->sent_ns;
		r->end = end;
	}
}

/* Step 4. */
static uint64_t
reordering_ns(const struct tcp_conn *conn, const struct repair *r)
{
	uint64_t us = (uint64_t)r->wnd_mult * conn->rtt.least_us / 4;

	if (!conn_has(conn, CONN_REORDERS) &&
	    (conn_has(conn, CONN_RECOVERY | CONN_LOSS) ||
	     conn->sacked_bytes > (uint32_t)(DUP_THRESH - 1) * conn->mss))
		return 0;
	return US_NS * (us < conn->rtt.srtt_us ? us : conn->rtt.srtt_us);
}

void
rack_on_dsack(struct tcp_conn *conn, struct repair *r)
{
	if (seq_lt(conn->snd_una, r->round))
		return; /* once a round trip */
	r->round = conn->snd_nxt;
	r->wnd_rounds = WND_ROUNDS;
	if (r->wnd_mult < WND_MULT_MAX)
		r->wnd_mult++;
}

void
rack_calm(struct repair *r)
{
	if (r->wnd_rounds > 0 && --r->wnd_rounds == 0)
		r->wnd_mult = 1;
}

void
rack_arm(struct tcp *tcp, struct tcp_conn *conn, const struct repair *r)
{
	if (r->due_ns == 0 || r->due_ns >= conn->rto_at)
		return;
	conn->flags |= CONN_RACK_TIMER;
	conn->flags &= ~(uint32_t)CONN_TLP_TIMER;
	conn->rto_at = r->due_ns;
	time_arm(tcp, conn, conn->rto_at);
}

/* Step 5. */
bool
rack_mark_lost(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	struct repair *r = repair_of(tcp, conn);
	uint64_t late_ns, wait_ns = 0;
	bool is_any = false;

	if (r == NULL || r->xmit_ns == 0) {
		sack_mark_lost(tcp, conn);
		return conn->lost_bytes > 0;
	}
	late_ns = r->rtt_us * US_NS + reordering_ns(conn, r);
	for (uint32_t i = conn->span; i != INDEX_NONE; i = span_at(tcp, i)->next) {
		struct span *s = span_at(tcp, i);
		struct seq end = seq_add(s->seq, s->len);

		if ((s->flags & (SPAN_SACKED | SPAN_LOST)) != 0 ||
		    !is_sent_after(r->xmit_ns, r->end, s->sent_ns, end))
			continue;
		if (s->sent_ns + late_ns <= now) {
			s->flags |= SPAN_LOST;
			conn->lost_bytes += s->len;
			is_any = true;
		} else if (s->sent_ns + late_ns - now > wait_ns) {
			wait_ns = s->sent_ns + late_ns - now;
		}
	}
	r->due_ns = wait_ns > 0 ? now + wait_ns : 0;
	rack_arm(tcp, conn, r);
	return is_any;
}
