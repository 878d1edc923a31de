/*
 * span.c - the record of what was sent and is not acknowledged: a list of spans in order of
 * sequence, which together cover exactly [snd_una, snd_nxt). Segments sent in one turn share a
 * span until SACK or a loss tells them apart, so a request or answer costs one.
 *
 * When spans run out, one span speaks for more than it should: a late time (which it knows to be
 * one), a coarse mark. That costs a retransmission too many, never a byte.
 * Invariants: sacked_bytes and lost_bytes are the sums over spans so marked (without SACK,
 * sacked_bytes instead counts what duplicate ACKs stand for, loss.c).
 */
#include "tcp/conn.h"

/* Joined spans stay short enough that walking to any byte of one costs little. */
#define JOINED_MAX (1u << 18)

static uint32_t
take(struct tcp *tcp, struct tcp_conn *conn)
{
	uint32_t i;

	if (conn->span_n >= SPANS_PER_CONN)
		return INDEX_NONE;
	/* the last ones are for connections that have none */
	if (conn->span_n > 0 && tcp->spans.free_n <= tcp->conns.n)
		return INDEX_NONE;
	i = pool_take(&tcp->spans);
	if (i != POOL_NONE)
		conn->span_n++;
	return i;
}

static void
give(struct tcp *tcp, struct tcp_conn *conn, uint32_t i)
{
	pool_give(&tcp->spans, i);
	conn->span_n--;
}

/* A port cuts what is longer than a segment. */
static uint8_t
size_of(const struct tcp_conn *conn, uint32_t len)
{
	uint32_t units = (len < conn->mss ? len : conn->mss) / GOT_UNIT;

	return (uint8_t)(units < GOT_MAX ? units : GOT_MAX);
}

static uint8_t
larger(uint8_t a, uint8_t b)
{
	return a > b ? a : b;
}

void
span_sent(struct tcp *tcp, struct tcp_conn *conn, struct buf *buf, uint16_t at, struct seq seq,
	  uint32_t len, uint64_t now)
{
	struct span *tail = conn->span_tail != INDEX_NONE ? span_at(tcp, conn->span_tail) : NULL;
	uint32_t i;

	if (tail != NULL && tail->flags == 0 && tail->sent_ns == now) {
		tail->len += len;
		tail->most = larger(tail->most, size_of(conn, len));
		return;
	}
	i = take(tcp, conn);
	if (i == INDEX_NONE) {
		ensure(tail != NULL); /* a first span is always to be had */
		if ((tail->flags & SPAN_LOST) != 0)
			conn->lost_bytes += len;
		if ((tail->flags & SPAN_SACKED) != 0) { /* what is new has not arrived */
			conn->sacked_bytes -= tail->len;
			tail->flags &= (uint8_t)~SPAN_SACKED;
		}
		tail->flags &= (uint8_t)~SPAN_PROBE; /* its length is the probe's no more */
		tail->flags |= SPAN_BLUR;
		tail->len += len;
		tail->most = larger(tail->most, size_of(conn, len));
		tail->sent_ns = now;
		return;
	}
	*span_at(tcp, i) = (struct span){
		.buf = buf,
		.at = at,
		.seq = seq,
		.len = len,
		.most = size_of(conn, len),
		.sent_ns = now,
		.next = INDEX_NONE,
	};
	if (tail != NULL)
		tail->next = i;
	else
		conn->span = i;
	conn->span_tail = i;
}

/* Of two that become one: what was sent again, or may have been lost, goes again; less has arrived. */
static void
widen(struct tcp_conn *conn, struct span *tail, const struct span *more)
{
	bool was_lost = (tail->flags & SPAN_LOST) != 0,
	     was_sacked = (tail->flags & SPAN_SACKED) != 0;
	bool is_sacked = was_sacked && (more->flags & SPAN_SACKED) != 0;
	bool is_lost = !is_sacked && ((tail->flags | more->flags) & SPAN_LOST) != 0;

	conn->lost_bytes -= was_lost ? tail->len : 0;
	conn->sacked_bytes -= was_sacked ? tail->len : 0;
	tail->len += more->len;
	tail->flags |= (more->flags & SPAN_AGAIN) | SPAN_BLUR;
	tail->flags &= (uint8_t) ~(SPAN_PROBE | SPAN_SACKED | SPAN_LOST);
	tail->flags |= (is_sacked ? SPAN_SACKED : 0) | (is_lost ? SPAN_LOST : 0);
	tail->most = larger(tail->most, more->most);
	if (more->sent_ns > tail->sent_ns)
		tail->sent_ns = more->sent_ns;
	conn->lost_bytes += is_lost ? tail->len : 0;
	conn->sacked_bytes += is_sacked ? tail->len : 0;
}

bool
span_restore(struct tcp *tcp, struct tcp_conn *conn, const struct span *saved)
{
	uint32_t i = take(tcp, conn);

	if (i == INDEX_NONE && conn->span_tail == INDEX_NONE)
		return false;
	if (i == INDEX_NONE) {
		widen(conn, span_at(tcp, conn->span_tail), saved);
		return true;
	}
	*span_at(tcp, i) = *saved;
	span_at(tcp, i)->next = INDEX_NONE;
	if (conn->span_tail != INDEX_NONE)
		span_at(tcp, conn->span_tail)->next = i;
	else
		conn->span = i;
	conn->span_tail = i;
	conn->lost_bytes += (saved->flags & SPAN_LOST) != 0 ? saved->len : 0;
	conn->sacked_bytes += (saved->flags & SPAN_SACKED) != 0 ? saved->len : 0;
	return true;
}

/* Cuts span i so that it keeps `keep` bytes; false when there is no span for the rest. */
bool
span_split(struct tcp *tcp, struct tcp_conn *conn, uint32_t i, uint32_t keep)
{
	struct span *s = span_at(tcp, i), *rest;
	uint32_t r = take(tcp, conn);

	ensure(keep > 0 && keep < s->len);
	if (r == INDEX_NONE)
		return false;
	rest = span_at(tcp, r);
	*rest = *s;
	place_walk(&rest->buf, &rest->at, keep);
	rest->seq = seq_add(s->seq, keep);
	rest->len = s->len - keep;
	s->len = keep;
	s->next = r;
	if (conn->span_tail == i)
		conn->span_tail = r;
	return true;
}

static bool
is_alike(const struct span *a, const struct span *b)
{
	if (((a->flags ^ b->flags) & ~SPAN_BLUR) != 0 || a->len + b->len > JOINED_MAX)
		return false;
	return (a->flags & (SPAN_SACKED | SPAN_LOST)) != 0 || a->sent_ns == b->sent_ns;
}

/* Joins neighbours that SACK and loss see alike. Of a joined pair the later time stands. */
void
span_join(struct tcp *tcp, struct tcp_conn *conn)
{
	for (uint32_t i = conn->span; i != INDEX_NONE;) {
		struct span *s = span_at(tcp, i);
		uint32_t n = s->next;
		struct span *next = n != INDEX_NONE ? span_at(tcp, n) : NULL;

		if (next == NULL || !is_alike(s, next)) {
			i = n;
			continue;
		}
		s->len += next->len;
		s->most = larger(s->most, next->most);
		s->next = next->next;
		if (next->sent_ns != s->sent_ns || (next->flags & SPAN_BLUR) != 0)
			s->flags |= SPAN_BLUR;
		if (next->sent_ns > s->sent_ns)
			s->sent_ns = next->sent_ns;
		if (conn->span_tail == n)
			conn->span_tail = i;
		give(tcp, conn, n);
	}
}

static void
forget_marks(struct tcp_conn *conn, const struct span *s, uint32_t len)
{
	if ((s->flags & SPAN_LOST) != 0)
		conn->lost_bytes -= len;
	if ((s->flags & SPAN_SACKED) != 0)
		conn->sacked_bytes -= len;
}

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * What lay beyond a gap was acknowledged when the gap was filled, not when it arrived: with anything
 * that was sent again in it, an ACK measures nothing.
 */
struct span_times
span_ack(struct tcp *tcp, struct tcp_conn *conn, struct seq ack, uint32_t echo)
{
	struct repair *r = repair_of(tcp, conn);
	struct span_times ret = { 0 };

	while (conn->span != INDEX_NONE) {
		uint32_t i = conn->span;
		struct span *s = span_at(tcp, i);
		uint32_t covered;

		if (seq_ge(s->seq, ack))
			break;
		covered = (uint32_t)seq_diff(ack, s->seq);
		if ((s->flags & SPAN_AGAIN) != 0)
			ret.again_ns = later(ret.again_ns, s->sent_ns);
		ret.once_ns = (s->flags & (SPAN_SACKED | SPAN_BLUR)) == 0 ? s->sent_ns : 0;
		if (covered >= (uint32_t)s->most * GOT_UNIT) /* its largest is among these */
			conn->got = larger(conn->got, s->most);
		if (r != NULL && (s->flags & SPAN_SACKED) == 0 && covered >= s->len)
			rack_delivered(tcp, conn, r, s, echo, tcp->now);
		if (covered < s->len) {
			forget_marks(conn, s, covered);
			s->seq = ack;
			s->len -= covered;
			s->buf = conn->sndq.head;
			s->at = s->buf != NULL ? s->buf->at : 0;
			break;
		}
		forget_marks(conn, s, s->len);
		if ((s->flags & SPAN_PROBE) != 0)
			mtu_probe_arrived(tcp, conn, s->len);
		conn->span = s->next;
		if (conn->span == INDEX_NONE)
			conn->span_tail = INDEX_NONE;
		give(tcp, conn, i);
	}
	if (ret.again_ns != 0)
		ret.once_ns = 0;
	return ret;
}

void
span_give_all(struct tcp *tcp, struct tcp_conn *conn)
{
	while (conn->span != INDEX_NONE) {
		uint32_t i = conn->span;

		conn->span = span_at(tcp, i)->next;
		give(tcp, conn, i);
	}
	conn->span_tail = INDEX_NONE;
	conn->sacked_bytes = 0;
	conn->lost_bytes = 0;
	tcp->bufs_held -= conn->sndq.n;
	bufq_give(&conn->sndq);
	conn->fresh = NULL;
	repair_give(tcp, conn);
}
