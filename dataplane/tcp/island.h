/*
 * island.h - runs of bytes received beyond gaps: each connection's list of them. Private to tcp/.
 *
 * Invariants: a list is in order of sequence, its islands lie apart from each other and beyond rcv_nxt,
 * and each holds exactly the bytes [left, right). Its buffers count in bufs_held and in gap_bufs, of the
 * engine and of the connection.
 */
#ifndef PENSTOCK_TCP_ISLAND_H
#define PENSTOCK_TCP_ISLAND_H

#include "tcp/conn.h"

/* A run of bytes received beyond a gap: buffers linked by link, buf->tag is each one's sequence. */
struct island {
	struct buf *head, *tail;
	struct seq left, right;
	uint32_t next;
	uint32_t stamp; /* the latest to change is reported first (RFC 2018, 4) */
	uint32_t bufs_n;
	uint32_t conn; /* whose it is */
};

enum {
	GAP_SHARE = 4, /* of the budget, for all islands together */
};

static inline struct island *
island_at(const struct tcp *tcp, uint32_t i)
{
	return pool_at(&tcp->islands, i);
}

static inline uint32_t
island_bytes(const struct island *island)
{
	return (uint32_t)seq_diff(island->right, island->left);
}

/* False: the arrival would not be kept: it is here already, or there are too many islands. */
bool island_has_place(const struct tcp *tcp, const struct tcp_conn *conn, const struct arrival *a);
/*
 * Cuts the arrival so that it overlaps no island: islands wholly beneath it give way, bytes that are
 * here already are left out. Sets *ret_link to the place of what is left, *ret_left to the island that
 * it touches on its left or NULL; false: nothing is left.
 */
bool island_fit(struct tcp *tcp, struct tcp_conn *conn, struct arrival *a, uint32_t **ret_link,
		struct island **ret_left);
/* A new island at this place of the list. False: there is no record for it, and the arrival is left. */
bool island_insert(struct tcp *tcp, struct tcp_conn *conn, uint32_t *link, struct arrival *a);
/* Appends the payload to the island's end, which it touches. */
void island_append(struct tcp *tcp, struct tcp_conn *conn, struct island *at, struct arrival *a);
/* If the right neighbour begins where the island ends they become one. */
void island_join(struct tcp *tcp, struct tcp_conn *conn, struct island *at);
/* The gap before the first island may be filled: its buffers follow those in order. */
void island_absorb(struct tcp *tcp, struct tcp_conn *conn);

/* So many buffers more lie in the island now. */
void island_hold(struct tcp *tcp, struct tcp_conn *conn, struct island *at, uint32_t n);
/* Buffers of an island from this one on. */
void island_give_bufs(struct tcp *tcp, struct tcp_conn *conn, struct buf *b);
/* The record of an island that is in no list any more and has no buffers. */
void island_give(struct tcp *tcp, struct tcp_conn *conn, uint32_t i);
void island_give_all(struct tcp *tcp, struct tcp_conn *conn);

#endif
