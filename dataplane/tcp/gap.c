/*
 * gap.c - who gives way when the share of buffers for what lies beyond gaps is used up (recv.c).
 *
 * Strangers can open connections, leave a gap in each and hold a buffer with every byte behind it.
 * So an arrival takes room from others: from runs that hold little in much memory, and from connections
 * that hold more than its own. Who brings little himself takes from the like only.
 * What is dropped was SACKed, and is sent again after a timeout (RFC 2018, 8 allows it).
 */
#include "tcp/island.h"

enum {
	LOOK_MAX = 32,	    /* records of islands looked at, */
	COMPARE_MAX = 8,    /* and islands compared; both under the clock's hand */
	SPARSE_BYTES = 512, /* less in a buffer is a waste of it */
	KEEP_LEAST = 8,	    /* buffers: smaller islands go as a whole */
	SPARSE_WEIGHT = 8,
};

static bool
is_sparse(uint32_t bytes, uint32_t bufs_n)
{
	return bytes < bufs_n * SPARSE_BYTES;
}

/* How little there is to say for this island, against a newcomer; 0: it stays. */
static uint32_t
weight_of(const struct tcp *tcp, const struct island *island, uint32_t newcomer, bool is_dense)
{
	uint32_t bufs_n = conn_at(tcp, island->conn)->gap_bufs;
	bool is_waste = is_sparse(island_bytes(island), island->bufs_n);

	if (is_waste && (is_dense || bufs_n > newcomer))
		return bufs_n * SPARSE_WEIGHT;
	return is_dense && bufs_n > newcomer ? bufs_n : 0;
}

/* Of the next few islands that are not conn's own. */
static uint32_t
find_waste(struct tcp *tcp, const struct tcp_conn *conn, uint32_t n, bool is_dense)
{
	uint32_t self = conn_index(tcp, conn), newcomer = conn->gap_bufs + n;
	uint32_t ret = INDEX_NONE, most = 0, compared = 0;

	for (uint32_t k = 0; k < LOOK_MAX && k < tcp->islands.fresh && compared < COMPARE_MAX;
	     k++) {
		uint32_t i = tcp->gap_hand + 1 < tcp->islands.fresh ? tcp->gap_hand + 1 : 0;
		uint32_t weight;

		tcp->gap_hand = i;
		if (!pool_is_taken(&tcp->islands, i) || island_at(tcp, i)->conn == self)
			continue;
		compared++;
		weight = weight_of(tcp, island_at(tcp, i), newcomer, is_dense);
		if (weight > most) {
			most = weight;
			ret = i;
		}
	}
	return ret;
}

/* The far half goes, so that each buffer of a long run is passed over once and not again and again. */
static void
halve(struct tcp *tcp, struct island *island)
{
	struct buf *tail = island->head;
	uint32_t keep = island->bufs_n / 2, bytes = tail->n;

	for (uint32_t k = 1; k < keep; k++) {
		tail = tail->link;
		bytes += tail->n;
	}
	island_give_bufs(tcp, conn_at(tcp, island->conn), tail->link);
	tail->link = NULL;
	island->tail = tail;
	island->bufs_n = keep;
	island->right = seq_add(island->left, bytes);
}

static void
drop(struct tcp *tcp, uint32_t i)
{
	struct island *island = island_at(tcp, i);
	struct tcp_conn *conn = conn_at(tcp, island->conn);
	uint32_t *link = &conn->island;

	while (*link != i)
		link = &island_at(tcp, *link)->next;
	*link = island->next;
	island_give_bufs(tcp, conn, island->head);
	island_give(tcp, conn, i);
}

void
gap_make_room(struct tcp *tcp, const struct tcp_conn *conn, uint32_t bytes, uint32_t bufs_n)
{
	uint32_t i = find_waste(tcp, conn, bufs_n, !is_sparse(bytes, bufs_n));

	if (i == INDEX_NONE)
		return;
	COUNT(tcp, tcp_gaps_cut);
	if (island_at(tcp, i)->bufs_n < KEEP_LEAST)
		drop(tcp, i);
	else
		halve(tcp, island_at(tcp, i));
}
