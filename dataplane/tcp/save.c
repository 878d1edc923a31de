/*
 * save.c - a connection as bytes, with its timers, queues and record of what was sent; and back.
 *
 * For a program that takes over the connections of another on the same machine: times are of the
 * same monotonic clock, and both are of one build (the record is written as it lies in memory).
 * Bytes come from a process of the same user; what could hurt is checked all the same.
 */
#include "tcp/island.h"

#define PAUSE_NS (100 * MS_NS) /* longer than any turn: nobody listened */

enum {
	SAVE_MAGIC = 0x31564153, /* "SAV1" */
	WSCALE_MAX = 14,	 /* RFC 7323, 2.3 */
};

struct save_head {
	uint32_t magic;
	uint32_t bytes; /* of all */
	uint32_t conn_bytes, repair_bytes, span_bytes;
	uint32_t has_repair;
	uint32_t span_n, island_n;
	uint32_t send_n, read_n; /* bytes of the queues */
};

struct save_span {
	uint64_t sent_ns;
	struct seq seq;
	uint32_t len;
	uint32_t flags, most;
};

struct save_island {
	struct seq left, right;
	uint32_t stamp;
};

/* ---- out ---- */

static bool
can_save(const struct tcp_conn *conn)
{
	switch ((enum tcp_state)conn->state) {
	case TCP_STATE_ESTABLISHED:
	case TCP_STATE_FIN_WAIT_1:
	case TCP_STATE_FIN_WAIT_2:
	case TCP_STATE_CLOSE_WAIT:
	case TCP_STATE_CLOSING:
	case TCP_STATE_LAST_ACK:
		return true;
	case TCP_STATE_CLOSED:
	case TCP_STATE_SYN_SENT:
	case TCP_STATE_SYN_RECEIVED:
	case TCP_STATE_TIME_WAIT:
		break;
	}
	return false;
}

/* What would index, divide or shift out of bounds. */
static bool
is_sound(const struct tcp_conn *saved)
{
	return can_save(saved) && saved->cc.kind < TCP_CCS && saved->mss > 0 && saved->cc.mss > 0 &&
	       saved->snd_wscale <= WSCALE_MAX && saved->rcv_wscale <= WSCALE_MAX;
}

size_t
tcp_save_size(const struct tcp *tcp, struct tcp_id id)
{
	const struct tcp_conn *conn = conn_find(tcp, id);
	size_t n;

	if (conn == NULL || !can_save(conn))
		return 0;
	n = sizeof(struct save_head) + sizeof(*conn) +
	    (conn->repair != INDEX_NONE ? sizeof(struct repair) : 0) +
	    conn->span_n * sizeof(struct save_span) + conn->sndq.bytes + conn->rcvq.bytes;
	for (uint32_t i = conn->island; i != INDEX_NONE;) {
		const struct island *island = island_at(tcp, i);

		n += sizeof(struct save_island) + island_bytes(island);
		i = island->next;
	}
	return n;
}

static uint8_t *
put(uint8_t *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	return to + n;
}

static uint8_t *
put_islands(const struct tcp *tcp, const struct tcp_conn *conn, uint8_t *to)
{
	for (uint32_t i = conn->island; i != INDEX_NONE;) {
		const struct island *island = island_at(tcp, i);
		struct save_island s = { island->left, island->right, island->stamp };

		to = put(to, &s, sizeof(s));
		for (const struct buf *b = island->head; b != NULL; b = b->link)
			to = put(to, buf_stream(b), b->n);
		i = island->next;
	}
	return to;
}

void
tcp_save(const struct tcp *tcp, struct tcp_id id, void *to)
{
	const struct tcp_conn *conn = conn_find(tcp, id);
	struct save_head head = { .magic = SAVE_MAGIC,
				  .bytes = (uint32_t)tcp_save_size(tcp, id),
				  .conn_bytes = sizeof(*conn),
				  .repair_bytes = sizeof(struct repair),
				  .span_bytes = sizeof(struct save_span) };
	uint8_t *at;

	ensure(head.bytes != 0);
	head.has_repair = conn->repair != INDEX_NONE;
	head.span_n = conn->span_n;
	head.island_n = conn->island_n;
	head.send_n = conn->sndq.bytes;
	head.read_n = conn->rcvq.bytes;
	at = put(to, &head, sizeof(head));
	at = put(at, conn, sizeof(*conn));
	if (head.has_repair != 0)
		at = put(at, repair_of(tcp, conn), sizeof(struct repair));
	for (uint32_t i = conn->span; i != INDEX_NONE; i = span_at(tcp, i)->next) {
		const struct span *s = span_at(tcp, i);
		struct save_span saved = { s->sent_ns, s->seq, s->len, s->flags, s->most };

		at = put(at, &saved, sizeof(saved));
	}
	bufq_copy_out(&conn->sndq, 0, at, head.send_n);
	bufq_copy_out(&conn->rcvq, 0, at + head.send_n, head.read_n);
	at = put_islands(tcp, conn, at + head.send_n + head.read_n);
	ensure((size_t)(at - (uint8_t *)to) == head.bytes);
}

void
tcp_forget(struct tcp *tcp, struct tcp_id id)
{
	struct tcp_conn *conn = conn_find(tcp, id);

	if (conn == NULL)
		return;
	conn->flags &= ~(uint32_t)(CONN_OWNED | CONN_RST);
	conn->id = 0;
	conn->told_bits = 0;
	recv_give_queue(tcp, conn);
	if (conn->state != TCP_STATE_CLOSED)
		conn_end(tcp, conn, TCP_END_ABORTED);
	else
		conn_free(tcp, conn);
}

/* ---- and back ---- */

/* What is left of the bytes. */
struct rest {
	const uint8_t *p;
	size_t n;
};

static bool
take(struct rest *rest, void *to, size_t n)
{
	if (rest->n < n)
		return false;
	memcpy(to, rest->p, n);
	rest->p += n;
	rest->n -= n;
	return true;
}

static bool
take_queue(struct tcp *tcp, struct rest *rest, struct bufq *q, uint32_t n)
{
	if (rest->n < n || !bufq_append(tcp->conf.pool, q, rest->p, n))
		return false;
	rest->p += n;
	rest->n -= n;
	tcp->bufs_held += q->n;
	return true;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint8_t
flags_of(const struct tcp_conn *conn, uint32_t saved)
{
	if (!conn_has(conn, CONN_SACK)) /* sacked_bytes counts duplicates then */
		saved &= ~(uint32_t)SPAN_SACKED;
	if ((saved & SPAN_SACKED) != 0)
		saved &= ~(uint32_t)SPAN_LOST;
	return (uint8_t)saved;
}

/* Spans cover [snd_una, snd_nxt) in order; each says where in the queue it begins. */
static bool
take_spans(struct tcp *tcp, struct tcp_conn *conn, struct rest *rest, uint32_t n)
{
	struct seq next = conn->snd_una;

	for (uint32_t k = 0; k < n; k++) {
		struct buf *buf = conn->sndq.head;
		struct save_span saved;
		struct span span;
		uint16_t at = buf != NULL ? buf->at : 0;

		if (!take(rest, &saved, sizeof(saved)) || !seq_eq(saved.seq, next) ||
		    saved.len == 0 || saved.len > (uint32_t)seq_diff(conn->snd_nxt, next))
			return false;
		place_walk(&buf, &at, (uint32_t)seq_diff(next, conn->snd_una));
		span = (struct span){ .buf = buf,
				      .at = at,
				      .sent_ns = earlier(saved.sent_ns, tcp->now),
				      .seq = saved.seq,
				      .len = saved.len,
				      .flags = flags_of(conn, saved.flags),
				      .most = (uint8_t)saved.most };
		if (!span_restore(tcp, conn, &span))
			return false;
		next = seq_add(next, saved.len);
	}
	return seq_eq(next, conn->snd_nxt);
}

/*
 * False: there is no room for so much beyond gaps. The peer sends it again after a timeout, as if it had
 * never been SACKed (RFC 2018, 8).
 */
static bool
take_island(struct tcp *tcp, struct tcp_conn *conn, uint32_t *link, const struct save_island *saved,
	    const uint8_t *bytes)
{
	uint32_t n = (uint32_t)seq_diff(saved->right, saved->left), i;
	uint32_t bufs_n = n / BUF_ROOM + 1;
	struct bufq q = { 0 };

	if (conn->island_n == ISLANDS_PER_CONN || conn->gap_bufs + bufs_n > UINT16_MAX ||
	    tcp->gap_bufs + bufs_n > tcp->conf.bufs_max / GAP_SHARE)
		return false;
	i = pool_take(&tcp->islands);
	if (i == POOL_NONE)
		return false;
	if (!bufq_append(tcp->conf.pool, &q, bytes, n)) {
		pool_give(&tcp->islands, i);
		return false;
	}
	*island_at(tcp, i) = (struct island){ .head = q.head,
					      .tail = q.tail,
					      .left = saved->left,
					      .right = saved->right,
					      .next = INDEX_NONE,
					      .stamp = saved->stamp,
					      .conn = conn_index(tcp, conn) };
	island_hold(tcp, conn, island_at(tcp, i), q.n);
	conn->island_n++;
	*link = i;
	return true;
}

static bool
take_islands(struct tcp *tcp, struct tcp_conn *conn, struct rest *rest, uint32_t n)
{
	uint32_t *link = &conn->island;
	struct seq last = conn->rcv_nxt;

	for (uint32_t k = 0; k < n; k++) {
		struct save_island saved;
		uint32_t bytes;

		if (!take(rest, &saved, sizeof(saved)) || !seq_gt(saved.left, last) ||
		    !seq_gt(saved.right, saved.left))
			return false;
		bytes = (uint32_t)seq_diff(saved.right, saved.left);
		if (rest->n < bytes)
			return false;
		if (take_island(tcp, conn, link, &saved, rest->p))
			link = &island_at(tcp, *link)->next;
		rest->p += bytes;
		rest->n -= bytes;
		last = saved.right;
	}
	return true;
}

/*
 * Which run changed last is counted by each engine for itself: the order stays, and what changes from
 * now on is later than all of them (RFC 2018, 4: the first block).
 */
static void
renumber_islands(const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t newest = 0;

	for (uint32_t i = conn->island, k = 0; i != INDEX_NONE; k++) {
		const struct island *at = island_at(tcp, i);

		if (k == 0 || (int32_t)(at->stamp - newest) > 0)
			newest = at->stamp;
		i = at->next;
	}
	for (uint32_t i = conn->island; i != INDEX_NONE;) {
		struct island *at = island_at(tcp, i);

		at->stamp += tcp->stamp - newest;
		i = at->next;
	}
}

/*
 * Nobody listened for a while: what fell due then waits for what has come meanwhile and is still to be
 * read, or every connection would take the pause for a loss. What is only just due is nobody's pause.
 */
static void
excuse_pause(struct tcp *tcp, struct tcp_conn *conn, uint64_t now)
{
	struct repair *r = repair_of(tcp, conn);

	if (r != NULL && r->due_ns != 0 && r->due_ns + PAUSE_NS <= now)
		r->due_ns = now + (uint64_t)conn->rtt.srtt_us * 1000;
	if (conn->rto_at < now && now - conn->rto_at >= PAUSE_NS && conn_flight(conn) > 0)
		time_restart_rto(tcp, conn, now);
}

/* The record as it was, but for what belongs to the engine that it has left. */
static void
begin(struct tcp_conn *conn, const struct tcp_conn *saved)
{
	*conn = *saved;
	conn->flags &= ~(uint32_t)(CONN_DIRTY | CONN_TOLD | CONN_OWNED | CONN_FLOW | CONN_DSACK |
				   CONN_RST);
	conn->id = 0;
	conn->dirty_next = conn->told_next = conn->flow_next = INDEX_NONE;
	conn->wait_prev = conn->wait_next = INDEX_NONE;
	conn->island = conn->span = conn->span_tail = conn->repair = INDEX_NONE;
	conn->island_n = conn->span_n = 0;
	conn->gap_bufs = 0;
	conn->sndq = conn->rcvq = (struct bufq){ 0 };
	conn->fresh = NULL;
	conn->told_bits = 0;
	conn->lost_bytes = 0;
	if (conn_has(conn, CONN_SACK)) /* without, it counts duplicates and not spans */
		conn->sacked_bytes = 0;
}

static bool
take_all(struct tcp *tcp, struct tcp_conn *conn, const struct save_head *head, struct rest *rest)
{
	struct repair repair;
	uint32_t flight = conn_flight(conn);
	uint32_t sent = flight - (flight > 0 && conn_has(conn, CONN_FIN_SENT) ? 1 : 0);

	if (head->has_repair != 0) {
		struct repair *r;

		if (!take(rest, &repair, sizeof(repair)))
			return false;
		r = repair_need(tcp, conn); /* without one it goes on by the older rules */
		repair.conn = conn_index(tcp, conn);
		if (r != NULL)
			*r = repair;
	}

	struct rest spans = *rest;

	if (rest->n < head->span_n * sizeof(struct save_span))
		return false;
	rest->p += head->span_n * sizeof(struct save_span);
	rest->n -= head->span_n * sizeof(struct save_span);
	if (sent > head->send_n || !take_queue(tcp, rest, &conn->sndq, head->send_n) ||
	    !take_queue(tcp, rest, &conn->rcvq, head->read_n) ||
	    !take_spans(tcp, conn, &spans, head->span_n) ||
	    !take_islands(tcp, conn, rest, head->island_n))
		return false;
	conn->fresh = conn->sndq.head;
	conn->fresh_at = conn->fresh != NULL ? conn->fresh->at : 0;
	place_walk(&conn->fresh, &conn->fresh_at, sent);
	return rest->n == 0;
}

static void
go_on(struct tcp *tcp, struct tcp_conn *conn, const struct tcp_conn *saved, uint64_t now)
{
	uint64_t at;

	renumber_islands(tcp, conn);
	excuse_pause(tcp, conn, now);
	at = conn->ack_at < conn->rto_at ? conn->ack_at : conn->rto_at;
	flow_insert(tcp, conn);
	conn_give_id(tcp, conn);
	time_arm(tcp, conn, at < conn->life_at ? at : conn->life_at);
	if (saved->told_bits != 0)
		conn_tell(tcp, conn, saved->told_bits);
	conn_dirty(tcp, conn);
}

struct tcp_id
tcp_restore(struct tcp *tcp, const void *bytes, size_t n, uint32_t owner, uint64_t now)
{
	struct rest rest = { bytes, n };
	struct save_head head;
	struct tcp_conn saved, *conn;

	tcp->now = now;
	if (!take(&rest, &head, sizeof(head)) || head.magic != SAVE_MAGIC || head.bytes != n ||
	    head.conn_bytes != sizeof(saved) || head.repair_bytes != sizeof(struct repair) ||
	    head.span_bytes != sizeof(struct save_span) || !take(&rest, &saved, sizeof(saved)) ||
	    !is_sound(&saved) || saved.path >= tcp->conf.path_n ||
	    !tcp_is_free(tcp, &saved.local, saved.local_port, &saved.remote, saved.remote_port))
		return (struct tcp_id){ 0 };
	conn = conn_take_or_evict(tcp, now);
	if (conn == NULL)
		return (struct tcp_id){ 0 };
	begin(conn, &saved);
	conn->owner = owner;
	if (!take_all(tcp, conn, &head, &rest)) {
		conn->state = TCP_STATE_CLOSED;
		island_give_all(tcp, conn);
		recv_give_queue(tcp, conn);
		span_give_all(tcp, conn);
		conn_free(tcp, conn);
		return (struct tcp_id){ 0 };
	}
	go_on(tcp, conn, &saved, now);
	return (struct tcp_id){ conn->id };
}
