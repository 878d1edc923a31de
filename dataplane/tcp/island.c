/*
 * island.c - how islands of received bytes grow, meet and go.
 */
#include "tcp/island.h"

void
island_hold(struct tcp *tcp, struct tcp_conn *conn, struct island *at, uint32_t n)
{
	tcp->bufs_held += n;
	tcp->gap_bufs += n;
	conn->gap_bufs = (uint16_t)(conn->gap_bufs + n);
	at->bufs_n += n;
}

void
island_give_bufs(struct tcp *tcp, struct tcp_conn *conn, struct buf *b)
{
	while (b != NULL) {
		struct buf *next = b->link;

		b->link = NULL;
		buf_give(b);
		tcp->bufs_held--;
		tcp->gap_bufs--;
		conn->gap_bufs--;
		b = next;
	}
}

void
island_give(struct tcp *tcp, struct tcp_conn *conn, uint32_t i)
{
	pool_give(&tcp->islands, i);
	conn->island_n--;
}

void
island_give_all(struct tcp *tcp, struct tcp_conn *conn)
{
	while (conn->island != INDEX_NONE) {
		uint32_t i = conn->island;

		conn->island = island_at(tcp, i)->next;
		island_give_bufs(tcp, conn, island_at(tcp, i)->head);
		island_give(tcp, conn, i);
	}
}

void
island_append(struct tcp *tcp, struct tcp_conn *conn, struct island *at, struct arrival *a)
{
	struct bufq q = { 0 };

	at->stamp = ++tcp->stamp;
	at->right = seq_add(a->seq, a->n);
	if (recv_merge(tcp, at->tail, a))
		return;
	recv_take_payload(a, &q);
	island_hold(tcp, conn, at, q.n);
	at->tail->link = q.head;
	at->tail = q.tail;
}

void
island_join(struct tcp *tcp, struct tcp_conn *conn, struct island *at)
{
	uint32_t n = at->next;
	struct island *next;

	if (n == INDEX_NONE)
		return;
	next = island_at(tcp, n);
	if (!seq_eq(at->right, next->left))
		return;
	at->tail->link = next->head;
	at->tail = next->tail;
	at->right = next->right;
	at->bufs_n += next->bufs_n;
	at->next = next->next;
	island_give(tcp, conn, n);
}

bool
island_insert(struct tcp *tcp, struct tcp_conn *conn, uint32_t *link, struct arrival *a)
{
	struct bufq q = { 0 };
	struct island *island;
	uint32_t i;

	if (conn->island_n >= ISLANDS_PER_CONN || (i = pool_take(&tcp->islands)) == POOL_NONE) {
		COUNT(tcp, tcp_rx_too_many_gaps);
		return false;
	}
	conn->island_n++;
	island = island_at(tcp, i);
	*island = (struct island){
		.left = a->seq,
		.right = seq_add(a->seq, a->n),
		.next = *link,
		.stamp = ++tcp->stamp,
		.conn = conn_index(tcp, conn),
	};
	recv_take_payload(a, &q);
	island_hold(tcp, conn, island, q.n);
	island->head = q.head;
	island->tail = q.tail;
	*link = i;
	island_join(tcp, conn, island);
	return true;
}

bool
island_has_place(const struct tcp *tcp, const struct tcp_conn *conn, const struct arrival *a)
{
	struct seq end = seq_add(a->seq, a->n);

	for (uint32_t i = conn->island; i != INDEX_NONE; i = island_at(tcp, i)->next) {
		const struct island *at = island_at(tcp, i);

		if (seq_lt(at->right, a->seq))
			continue;
		if (seq_le(at->left, a->seq)) /* it grows, or has all of it */
			return seq_lt(at->right, end);
		if (seq_le(at->right, end)) /* it goes, and its record is free */
			return true;
		break;
	}
	return conn->island_n < ISLANDS_PER_CONN;
}

bool
island_fit(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a, uint32_t **ret_link,
	   struct island **ret_left)
{
	uint32_t *link = &conn->island;
	struct seq end = seq_add(a->seq, a->n);

	*ret_left = NULL;
	while (*link != INDEX_NONE) {
		struct island *at = island_at(tcp, *link);

		if (seq_lt(at->right, a->seq)) {
			link = &at->next;
			continue;
		}
		if (seq_le(at->left, a->seq)) { /* touches or covers our left part */
			uint32_t old = (uint32_t)seq_diff(at->right, a->seq);

			if (old >= a->n) {
				at->stamp = ++tcp->stamp;
				return false;
			}
			a->seq = at->right;
			a->off += old;
			a->n -= old;
			*ret_left = at;
			link = &at->next;
			continue;
		}
		if (seq_ge(at->left, end))
			break;
		if (seq_gt(at->right, end)) { /* covers our right part */
			a->n = (uint32_t)seq_diff(at->left, a->seq);
			break;
		}
		{ /* wholly beneath us */
			uint32_t gone = *link;

			*link = at->next;
			island_give_bufs(tcp, conn, at->head);
			island_give(tcp, conn, gone);
		}
	}
	*ret_link = link;
	return true;
}

void
island_absorb(struct tcp *tcp, struct tcp_conn *conn)
{
	while (conn->island != INDEX_NONE) {
		uint32_t i = conn->island;
		struct island *at = island_at(tcp, i);

		if (seq_gt(at->left, conn->rcv_nxt))
			return;
		ensure(seq_eq(at->left, conn->rcv_nxt));
		for (struct buf *b = at->head, *next; b != NULL; b = next) {
			next = b->link;
			bufq_push(&conn->rcvq, b);
			tcp->gap_bufs--;
			conn->gap_bufs--;
		}
		conn->bytes_in += (uint32_t)seq_diff(at->right, at->left);
		conn->rcv_nxt = at->right;
		conn->island = at->next;
		island_give(tcp, conn, i);
	}
}
