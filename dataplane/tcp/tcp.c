/*
 * tcp.c - the engine's record: memory, the lists of connections that output or the owner must
 * look at, the door tcp_advance, and the owner's plain questions.
 *
 * Invariant: a connection's record is given back only when nobody names it any more: no owner
 * (CONN_OWNED), no list (CONN_DIRTY, CONN_TOLD), no RST to send.
 */
#include "tcp/island.h"

const char *
tcp_end_name(enum tcp_end end)
{
	static const char *const name[] = {
#define X(value, word) [TCP_END_##value] = #word,
		TCP_END_LIST(X)
#undef X
	};

	return name[end];
}

const char *
tcp_state_name(enum tcp_state state)
{
	static const char *const name[] = {
#define X(value) [TCP_STATE_##value] = #value,
		TCP_STATE_LIST(X)
#undef X
	};

	return name[state];
}

/* ---- memory ---- */

/* One after another, in this order. */
struct layout {
	size_t conns, spans, islands, repairs, wheel, buckets, listeners, end;
	uint32_t span_n, island_n, repair_n, bucket_n;
};

static size_t
up64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

static struct layout
layout_of(const struct tcp_conf *conf)
{
	struct layout l = {
		.span_n = conf->conns_max + conf->bufs_max + SPANS_PER_CONN,
		.island_n = conf->bufs_max / 2 + ISLANDS_PER_CONN,
		.repair_n = conf->conns_max / REPAIRS_PART + REPAIRS_LEAST,
		.bucket_n = flow_bucket_n(conf->conns_max),
	};

	l.conns = up64(sizeof(struct tcp));
	l.spans = l.conns + pool_size(conf->conns_max, sizeof(struct tcp_conn));
	l.islands = l.spans + pool_size(l.span_n, sizeof(struct span));
	l.repairs = l.islands + pool_size(l.island_n, sizeof(struct island));
	l.wheel = l.repairs + pool_size(l.repair_n, sizeof(struct repair));
	l.buckets = l.wheel + wheel_size(conf->conns_max);
	l.listeners = l.buckets + up64(l.bucket_n * sizeof(struct flow_bucket));
	l.end = l.listeners + up64(conf->listeners_max * sizeof(struct listener));
	return l;
}

size_t
tcp_size(const struct tcp_conf *conf)
{
	return layout_of(conf).end;
}

struct tcp *
tcp_init(void *mem, const struct tcp_conf *conf, uint64_t now)
{
	struct layout l = layout_of(conf);
	struct tcp *tcp = mem;
	uint8_t *at = mem;
	struct hash_key seed = { .k = { conf->seed[0], conf->seed[1] } }, key[3];

	ensure(conf->conns_max > 0 && conf->path_n > 0);
	ensure(((uintptr_t)mem & 63) == 0);
	for (uint64_t i = 0; i < 6; i++)
		key[i / 2].k[i % 2] = hash_sip24(&seed, &i, sizeof(i));
	*tcp = (struct tcp){
		.conf = *conf,
		.now = now,
		.dirty = { INDEX_NONE, INDEX_NONE },
		.told = { INDEX_NONE, INDEX_NONE },
		.waiting = { INDEX_NONE, INDEX_NONE },
		.dialing = { INDEX_NONE, INDEX_NONE },
		.moved = { .next = INDEX_NONE },
		.key_isn = key[1],
		.key_cookie = key[2],
	};
	pool_init(&tcp->conns, at + l.conns, conf->conns_max, sizeof(struct tcp_conn));
	pool_init(&tcp->spans, at + l.spans, l.span_n, sizeof(struct span));
	pool_init(&tcp->islands, at + l.islands, l.island_n, sizeof(struct island));
	pool_init(&tcp->repairs, at + l.repairs, l.repair_n, sizeof(struct repair));
	tcp->wheel = wheel_init(at + l.wheel, conf->conns_max, now);
	flow_init(&tcp->flow, at + l.buckets, l.bucket_n, &key[0]);
	tcp->listener = (struct listener *)(void *)(at + l.listeners);
	return tcp;
}

void
tcp_fini(struct tcp *tcp)
{
	for (uint32_t i = 0; i < tcp->conns.fresh; i++) {
		struct tcp_conn *conn = conn_at(tcp, i);

		if (!pool_is_taken(&tcp->conns, i))
			continue;
		island_give_all(tcp, conn);
		recv_give_queue(tcp, conn);
		span_give_all(tcp, conn);
	}
	ensure(tcp->bufs_held == 0 && tcp->gap_bufs == 0);
}

/* ---- records ---- */

struct tcp_conn *
conn_take(struct tcp *tcp, uint64_t now)
{
	uint32_t i = pool_take(&tcp->conns);
	struct tcp_conn *conn;

	if (i == POOL_NONE)
		return NULL;
	conn = conn_at(tcp, i);
	*conn = (struct tcp_conn){
		.dirty_next = INDEX_NONE,
		.told_next = INDEX_NONE,
		.flow_next = INDEX_NONE,
		.wait_prev = INDEX_NONE,
		.wait_next = INDEX_NONE,
		.island = INDEX_NONE,
		.span = INDEX_NONE,
		.span_tail = INDEX_NONE,
		.repair = INDEX_NONE,
		.rto_at = UINT64_MAX,
		.ack_at = UINT64_MAX,
		.life_at = UINT64_MAX,
		.last_rx_ns = now,
		.last_tx_tick = tick_of(now),
		.answer_tick = (uint16_t)(tick_of(now) - ANSWER_TICKS), /* none was given yet */
	};
	rtt_init(&conn->rtt);
	return conn;
}

/* Gives the record back when it is over and nobody names it; safe to ask at any time. */
void
conn_free(struct tcp *tcp, struct tcp_conn *conn)
{
	if (conn->state != TCP_STATE_CLOSED)
		return;
	if (conn_has(conn, CONN_OWNED | CONN_DIRTY | CONN_TOLD | CONN_RST))
		return;
	ensure(conn->sndq.n == 0 && conn->rcvq.n == 0 && conn->span == INDEX_NONE &&
	       conn->island == INDEX_NONE && !conn_has(conn, CONN_FLOW));
	if (conn->end == TCP_END_EVICTED && tcp->evicted_n > 0)
		tcp->evicted_n--;
	pool_give(&tcp->conns, conn_index(tcp, conn));
}

void
conn_give_id(struct tcp *tcp, struct tcp_conn *conn)
{
	ensure(!conn_has(conn, CONN_OWNED));
	conn->flags |= CONN_OWNED;
	conn->id = pool_handle(&tcp->conns, conn_index(tcp, conn));
}

struct tcp_conn *
conn_find(const struct tcp *tcp, struct tcp_id id)
{
	uint32_t i = id.v & ((1u << tcp->conns.index_bits) - 1);
	struct tcp_conn *conn;

	if (id.v == 0 || i >= tcp->conns.fresh)
		return NULL;
	conn = conn_at(tcp, i);
	return conn->id == id.v ? conn : NULL;
}

/* ---- lists ---- */

void
conn_dirty(struct tcp *tcp, struct tcp_conn *conn)
{
	uint32_t i = conn_index(tcp, conn);

	if (conn_has(conn, CONN_DIRTY))
		return;
	conn->flags |= CONN_DIRTY;
	conn->dirty_next = INDEX_NONE;
	if (tcp->dirty.tail != INDEX_NONE)
		conn_at(tcp, tcp->dirty.tail)->dirty_next = i;
	else
		tcp->dirty.head = i;
	tcp->dirty.tail = i;
}

static struct tcp_conn *
pop_dirty(struct tcp *tcp)
{
	struct tcp_conn *conn;

	if (tcp->dirty.head == INDEX_NONE)
		return NULL;
	conn = conn_at(tcp, tcp->dirty.head);
	tcp->dirty.head = conn->dirty_next;
	if (tcp->dirty.head == INDEX_NONE)
		tcp->dirty.tail = INDEX_NONE;
	conn->flags &= ~(uint32_t)CONN_DIRTY;
	return conn;
}

static void
unpop_dirty(struct tcp *tcp, struct tcp_conn *conn)
{
	uint32_t i = conn_index(tcp, conn);

	conn->flags |= CONN_DIRTY;
	conn->dirty_next = tcp->dirty.head;
	tcp->dirty.head = i;
	if (tcp->dirty.tail == INDEX_NONE)
		tcp->dirty.tail = i;
}

void
conn_tell(struct tcp *tcp, struct tcp_conn *conn, uint32_t bits)
{
	uint32_t i = conn_index(tcp, conn);

	if (!conn_has(conn, CONN_OWNED))
		return;
	conn->told_bits |= (uint8_t)bits;
	if (conn_has(conn, CONN_TOLD))
		return;
	conn->flags |= CONN_TOLD;
	conn->told_next = INDEX_NONE;
	if (tcp->told.tail != INDEX_NONE)
		conn_at(tcp, tcp->told.tail)->told_next = i;
	else
		tcp->told.head = i;
	tcp->told.tail = i;
}

/* At the end of a door: the owners' events, as far as out has room for them. */
static void
deliver(struct tcp *tcp, struct tcp_out *out)
{
	while (tcp->told.head != INDEX_NONE && out->event_n < TCP_OUT_EVENTS) {
		struct tcp_conn *conn = conn_at(tcp, tcp->told.head);

		tcp->told.head = conn->told_next;
		if (tcp->told.head == INDEX_NONE)
			tcp->told.tail = INDEX_NONE;
		conn->flags &= ~(uint32_t)CONN_TOLD;
		if (conn_has(conn, CONN_OWNED) && conn->told_bits != 0)
			out->event[out->event_n++] = (struct tcp_event){
				.id = { conn->id },
				.owner = conn->owner,
				.bits = conn->told_bits,
			};
		conn->told_bits = 0;
		conn_free(tcp, conn);
	}
}

void
wait_push(struct tcp *tcp, struct fifo *list, struct tcp_conn *conn)
{
	uint32_t i = conn_index(tcp, conn);

	conn->wait_prev = list->tail;
	conn->wait_next = INDEX_NONE;
	if (list->tail != INDEX_NONE)
		conn_at(tcp, list->tail)->wait_next = i;
	else
		list->head = i;
	list->tail = i;
}

void
wait_drop(struct tcp *tcp, struct fifo *list, struct tcp_conn *conn)
{
	if (conn->wait_prev != INDEX_NONE)
		conn_at(tcp, conn->wait_prev)->wait_next = conn->wait_next;
	else
		list->head = conn->wait_next;
	if (conn->wait_next != INDEX_NONE)
		conn_at(tcp, conn->wait_next)->wait_prev = conn->wait_prev;
	else
		list->tail = conn->wait_prev;
}

/* ---- doors ---- */

static void
output(struct tcp *tcp, uint64_t now, struct tcp_out *out)
{
	struct tcp_conn *conn;

	if (tcp->retry_at > now)
		return;
	tcp->retry_at = 0;
	while (out->packet_n < TCP_OUT_PACKETS && (conn = pop_dirty(tcp)) != NULL) {
		if (!send_output(tcp, conn, now, out)) {
			unpop_dirty(tcp, conn);
			if (out->packet_n < TCP_OUT_PACKETS) /* no buffer to be had */
				tcp->retry_at = now + RETRY_NS;
			return;
		}
		conn_free(tcp, conn);
	}
}

void
tcp_advance(struct tcp *tcp, uint64_t now, struct tcp_out *out)
{
	tcp->now = now;
	if (tcp->lost.n > 0)
		lost_advance(tcp);
	if (tcp->moved.next != INDEX_NONE)
		moved_advance(tcp, now);
	time_expire(tcp, now);
	output(tcp, now, out);
	deliver(tcp, out);
}

void
tcp_input(struct tcp *tcp, const struct tcp_seg *seg, struct buf **buf, uint32_t n, uint64_t now,
	  struct tcp_out *out)
{
	struct flow_place place[FLOW_BURST_MAX];

	ensure(n <= FLOW_BURST_MAX);
	tcp->now = now;
	tcp->burst++;
	flow_prefetch(tcp, seg, n, place);
	for (uint32_t i = 0; i < n; i++)
		input_segment(tcp, place[i], &seg[i], buf[i], now, out);
	deliver(tcp, out);
}

uint64_t
tcp_deadline(const struct tcp *tcp)
{
	uint64_t at;

	if (tcp->told.head != INDEX_NONE || tcp->moved.next != INDEX_NONE || tcp->lost.n > 0)
		return tcp->now;
	at = wheel_deadline(tcp->wheel);
	if (tcp->dirty.head != INDEX_NONE) {
		uint64_t output_at = tcp->retry_at != 0 ? tcp->retry_at : tcp->now;

		if (output_at < at)
			at = output_at;
	}
	return at;
}

/* ---- the owner's questions ---- */

bool
tcp_is_live(const struct tcp *tcp, struct tcp_id id)
{
	return conn_find(tcp, id) != NULL;
}

void
tcp_ends(const struct tcp *tcp, struct tcp_id id, struct tcp_ends *ret_ends)
{
	const struct tcp_conn *conn = conn_find(tcp, id);

	ensure(conn != NULL);
	*ret_ends = (struct tcp_ends){ .local = conn->local,
				       .remote = conn->remote,
				       .local_port = conn->local_port,
				       .remote_port = conn->remote_port };
}

void
tcp_adopt(struct tcp *tcp, struct tcp_id id, uint32_t owner)
{
	struct tcp_conn *conn = conn_find(tcp, id);

	if (conn != NULL)
		conn->owner = owner;
}

uint64_t
tcp_unacked(const struct tcp *tcp, struct tcp_id id)
{
	const struct tcp_conn *conn = conn_find(tcp, id);

	return conn != NULL ? conn->sndq.bytes : 0;
}

uint64_t
tcp_acked(const struct tcp *tcp, struct tcp_id id)
{
	const struct tcp_conn *conn = conn_find(tcp, id);

	return conn != NULL ? conn->bytes_out : 0;
}

uint32_t
tcp_sent_again(const struct tcp *tcp, struct tcp_id id)
{
	const struct tcp_conn *conn = conn_find(tcp, id);

	return conn != NULL ? conn->again_n : 0;
}

enum tcp_end
tcp_end(const struct tcp *tcp, struct tcp_id id)
{
	const struct tcp_conn *conn = conn_find(tcp, id);

	return conn != NULL ? (enum tcp_end)conn->end : TCP_END_NONE;
}

static uint32_t
shut_ticks(const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t now_n = conn_has(conn, CONN_SHUT) ? tick_of(tcp->now) - conn->shut_tick : 0;

	return conn->shut_ticks + now_n;
}

void
tcp_info(const struct tcp *tcp, struct tcp_id id, struct tcp_info *ret_info)
{
	const struct tcp_conn *conn = conn_find(tcp, id);

	if (conn == NULL) {
		*ret_info = (struct tcp_info){ .state = TCP_STATE_CLOSED };
		return;
	}
	*ret_info = (struct tcp_info){
		.local = conn->local,
		.remote = conn->remote,
		.local_port = conn->local_port,
		.remote_port = conn->remote_port,
		.state = conn->state,
		.mss = conn->mss,
		.cwnd_bytes = conn->cc.cwnd_bytes,
		.ssthresh_bytes = conn->cc.ssthresh_bytes,
		.snd_wnd = conn->snd_wnd,
		.rcv_wnd = recv_window(conn),
		.srtt_ns = (uint64_t)conn->rtt.srtt_us * 1000,
		.rttvar_ns = (uint64_t)conn->rtt.rttvar_us * 1000,
		.rto_ns = rtt_backed_off(&conn->rtt, conn->tries),
		.bytes_in = conn->bytes_in,
		.bytes_out = conn->bytes_out,
		.retransmits = conn->again_n,
		.rtt_least_ns = (uint64_t)conn->rtt.least_us * 1000,
		.flight_bytes = conn_flight(conn),
		.sacked_bytes = conn->sacked_bytes,
		.lost_bytes = conn->lost_bytes,
		.is_recovering = conn_has(conn, CONN_RECOVERY | CONN_LOSS),
		.has_timed_out = conn_has(conn, CONN_LOSS),
		.has_reordered = conn_has(conn, CONN_REORDERS),
		.cc = conn->cc.kind,
		.zero_window_ns = (uint64_t)shut_ticks(tcp, conn) << 20,
	};
}

void
tcp_set_owner_bufs(struct tcp *tcp, uint32_t bufs_n)
{
	tcp->owner_bufs = bufs_n;
}

void
tcp_load(const struct tcp *tcp, struct tcp_load *ret_load)
{
	*ret_load = (struct tcp_load){
		.bufs_held = tcp->bufs_held,
		.bufs_max = tcp->conf.bufs_max,
		.conns = tcp->conns.n - tcp->conns.free_n,
		.half_open = tcp->half_open,
		.time_wait = tcp->time_wait,
	};
}
