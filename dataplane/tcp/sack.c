/*
 * sack.c - selective acknowledgment: the peer's blocks marked in the record of what was sent, and
 * the loss rule of RFC 6675, 4 over it; our own blocks from the islands (RFC 2018, RFC 2883).
 */
#include "tcp/island.h"

/* Marks what lies in [left, right); true when something of it is news. r may be NULL. */
static bool
mark(struct tcp *tcp, struct tcp_conn *conn, struct repair *r, const struct seg_sack *b,
     uint32_t echo, uint64_t now)
{
	struct seq left = b->left, right = b->right;
	bool is_news = false;

	for (uint32_t i = conn->span; i != INDEX_NONE; i = span_at(tcp, i)->next) {
		struct span *s = span_at(tcp, i);
		struct seq end = seq_add(s->seq, s->len);

		if (seq_ge(s->seq, right))
			break;
		if (seq_le(end, left) || (s->flags & SPAN_SACKED) != 0)
			continue;
		if (seq_lt(s->seq, left)) {
			/* the rest is the next span, or there is none and this stays unmarked */
			span_split(tcp, conn, i, (uint32_t)seq_diff(left, s->seq));
			continue;
		}
		if (seq_gt(end, right) &&
		    !span_split(tcp, conn, i, (uint32_t)seq_diff(right, s->seq)))
			break;
		if (r != NULL)
			rack_delivered(tcp, conn, r, s, echo, now);
		if ((s->flags & SPAN_LOST) != 0)
			conn->lost_bytes -= s->len;
		s->flags &= (uint8_t)~SPAN_LOST;
		s->flags |= SPAN_SACKED;
		conn->sacked_bytes += s->len;
		is_news = true;
	}
	return is_news;
}

/*
 * RFC 2883, 4: the first block lies left of the segment's own ACK, or within the second. What a
 * later ACK has overtaken reports what was beyond a gap then, not what came twice.
 */
static bool
is_dsack(const struct tcp_seg *seg)
{
	const struct seg_sack *a = &seg->sack[0], *b = &seg->sack[1];

	if (seq_ge(a->left, a->right))
		return false;
	if (seq_le(a->right, seg->ack))
		return seq_diff(seg->ack, a->left) < 1 << 30;
	return seg->sack_n > 1 && seq_ge(a->left, b->left) && seq_le(a->right, b->right);
}

struct sack_news
sack_input(struct tcp *tcp, struct tcp_conn *conn, const struct tcp_seg *seg, uint64_t now)
{
	struct seq una = seq_max(conn->snd_una, seg->ack);
	struct sack_news news = { .has_dsack = is_dsack(seg) };
	struct repair *r = conn_flight(conn) > 0 ? repair_need(tcp, conn) : repair_of(tcp, conn);

	if (news.has_dsack)
		COUNT(tcp, tcp_rx_dsacks);
	for (uint32_t i = news.has_dsack && seq_le(seg->sack[0].right, una) ? 1 : 0;
	     i < seg->sack_n; i++) {
		const struct seg_sack *b = &seg->sack[i];

		if (seq_lt(seg->ack, una) && seq_le(b->right, una))
			continue; /* acknowledged since */
		if (seq_ge(b->left, b->right) || seq_gt(b->right, conn->snd_nxt) ||
		    seq_lt(b->left, una)) {
			COUNT(tcp, tcp_rx_bad_sack);
			continue;
		}
		news.is_new |= mark(tcp, conn, r, b, conn_echo(conn, seg), now);
	}
	if (news.is_new)
		span_join(tcp, conn);
	return news;
}

/*
 * RFC 6675, IsLost: enough was SACKed above, by bytes or by runs. What was sent again already is
 * left to the timer.
 */
void
sack_mark_lost(struct tcp *tcp, struct tcp_conn *conn)
{
	uint32_t above_bytes = conn->sacked_bytes, above_n = 0;

	for (uint32_t i = conn->span; i != INDEX_NONE; i = span_at(tcp, i)->next)
		above_n += (span_at(tcp, i)->flags & SPAN_SACKED) != 0;
	for (uint32_t i = conn->span; i != INDEX_NONE; i = span_at(tcp, i)->next) {
		struct span *s = span_at(tcp, i);

		if (above_bytes <= (uint32_t)(DUP_THRESH - 1) * conn->mss && above_n < DUP_THRESH)
			break;
		if ((s->flags & SPAN_SACKED) != 0) {
			above_bytes -= s->len;
			above_n--;
		} else if ((s->flags & (SPAN_LOST | SPAN_AGAIN)) == 0) {
			s->flags |= SPAN_LOST;
			conn->lost_bytes += s->len;
		}
	}
}

static void
keep_newest(struct seg_sack *block, uint32_t *stamp, uint32_t *n, uint32_t max,
	    const struct island *island)
{
	uint32_t at = 0;

	while (at < *n && (int32_t)(stamp[at] - island->stamp) >= 0)
		at++;
	if (at >= max)
		return;
	if (*n < max)
		(*n)++;
	for (uint32_t i = *n - 1; i > at; i--) {
		block[i] = block[i - 1];
		stamp[i] = stamp[i - 1];
	}
	block[at] = (struct seg_sack){ island->left, island->right };
	stamp[at] = island->stamp;
}

/*
 * The blocks to report: a duplicate first (RFC 2883), then the islands, the latest to change
 * first. At most SEG_SACK_MAX, three beside a timestamp. Returns how many.
 */
uint32_t
sack_blocks(struct tcp *tcp, struct tcp_conn *conn, struct seg_sack *ret_block)
{
	uint32_t max = conn_has(conn, CONN_TS) ? SEG_SACK_MAX - 1 : SEG_SACK_MAX;
	uint32_t stamp[SEG_SACK_MAX], first = 0, n = 0;

	if (!conn_has(conn, CONN_SACK))
		return 0;
	if (conn_has(conn, CONN_DSACK)) {
		conn->flags &= ~(uint32_t)CONN_DSACK;
		ret_block[first++] = repair_of(tcp, conn)->dsack;
		repair_give_if_done(tcp, conn);
	}
	for (uint32_t i = conn->island; i != INDEX_NONE;) {
		const struct island *island = island_at(tcp, i);

		keep_newest(ret_block + first, stamp, &n, max - first, island);
		i = island->next;
	}
	return first + n;
}
