/*
 * check.c - what holds at every moment: nobody is stuck, and a connection's record agrees with
 * itself (the counts that span.c and recv.c keep are the sums that they stand for).
 */
#include "sim/inside.h"
#include "tcp/island.h"

enum {
	TRIES_MAX = 64,
	LOOKS_NS = 100000000, /* between looks at who waits */
	ROOMY = 1024, /* stream buffers; where there are fewer, what comes is dropped at times */
};

/* ---- nobody is stuck ---- */

static uint64_t
most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A round trip, with all that may be in its way but for loss. */
static uint64_t
slowest_round_trip(const struct world_conf *conf)
{
	uint64_t ret = 200 * MS + 2 * conf->hold_ns; /* late ACKs, and who reads a little later */

	for (uint32_t i = 0; i < HOSTS; i++) {
		const struct link_conf *l = &conf->link[i];

		ret += l->delay_ns * most(1, l->jump_max) + l->jitter_ns + l->queue_ns +
		       64 * 1500 * l->byte_ns;
	}
	return ret;
}

/* How likely a round trip comes to nothing, per 1000. */
static uint64_t
odds_of_nothing(const struct world_conf *conf)
{
	double arrives = 1;

	for (uint32_t i = 0; i < HOSTS; i++) {
		const struct link_conf *l = &conf->link[i];

		arrives *= (1000.0 - l->loss) / 1000 * (1000.0 - l->ack_loss) / 1000 *
			   (1000.0 - l->corrupt) / 1000 * (l->byte_ns != 0 ? 0.7 : 1);
	}
	for (uint32_t i = 0; i < HOSTS; i++)
		if (conf->tcp[i].bufs_max < ROOMY)
			arrives *= 0.5;
	arrives *= (1000.0 - conf->pool_dry) / 1000 * (1000.0 - conf->lies / 2.0) / 1000;
	return (uint64_t)((1 - arrives) * 1000);
}

uint64_t
check_patience(const struct world_conf *conf)
{
	uint64_t odds = odds_of_nothing(conf), trip = slowest_round_trip(conf), ret = 0;
	uint64_t wait = most(1 * S, 3 * trip);
	double all = 1;

	/* so many timeouts that a millionth of a millionth of all worlds would need one more */
	for (uint32_t i = 0; i < TRIES_MAX && all > 1e-12; i++) {
		all *= (double)odds / 1000;
		ret += wait < RTT_RTO_MAX_NS ? wait : RTT_RTO_MAX_NS;
		wait *= 2;
	}
	return 2 * ret + 4 * trip + 10 * S;
}

/* Whose peer could do something for it, and will not. */
static bool
is_excused(const struct world *w, const struct app *app)
{
	const struct app *peer = &w->app[app->pair * HOSTS + 1 - app->host];

	return peer->has_aborted || peer->is_gone || peer->end != TCP_END_NONE ||
	       w->now < peer->stalled_until || (peer->is_done && peer->conf.releases_early) ||
	       !peer->is_open;
}

/* What is in flight, or may go, is sent again after the timeout at the latest, RFC 6298, 5. */
static void
check_silence(struct world *w, const struct app *app, const struct tcp_conn *conn, uint64_t at_ns)
{
	uint64_t wait = rtt_backed_off(&conn->rtt, conn->tries);

	if (conn->rto_at == UINT64_MAX && conn->ack_at == UINT64_MAX)
		WORLD_ENSURE(w, at_ns - app->last_tx_ns <= OVERRIDE_NS);
	WORLD_ENSURE(w, at_ns - most(app->last_tx_ns, app->moved_ns) <= wait + 2 * OVERRIDE_NS);
}

static void
check_app(struct world *w, struct app *app, uint64_t at_ns)
{
	struct tcp *tcp = w->host[app->host].tcp;
	const struct tcp_conn *conn = conn_find(tcp, app->id);
	uint64_t moved = 1 + app->received + app->given + tcp_acked(tcp, app->id);

	if (conn == NULL)
		return;
	if (conn->state == TCP_STATE_CLOSED || conn->state == TCP_STATE_TIME_WAIT)
		return;
	if (moved != app->moved)
		app->moved_ns = w->now;
	if (tcp_unacked(tcp, app->id) == 0 || is_excused(w, app))
		app->moved_ns = at_ns;
	app->moved = moved;
	if (tcp_unacked(tcp, app->id) == 0)
		return;
	check_silence(w, app, conn, at_ns);
	WORLD_ENSURE(w, at_ns - app->moved_ns <= w->stuck_ns);
}

void
check_waiting(struct world *w, uint64_t at_ns)
{
	if (at_ns - w->checked_ns < LOOKS_NS)
		return;
	w->checked_ns = at_ns;
	for (uint32_t i = 0; i < w->conf.pairs * HOSTS; i++)
		if (w->app[i].is_open && !w->app[i].is_done)
			check_app(w, &w->app[i], at_ns);
}

/* ---- records ---- */

static void
check_spans(struct world *w, const struct tcp *tcp, const struct tcp_conn *conn)
{
	uint32_t n = 0, sacked = 0, lost = 0;
	struct seq next = conn->snd_una;

	for (uint32_t i = conn->span; i != INDEX_NONE; i = span_at(tcp, i)->next) {
		const struct span *s = span_at(tcp, i);

		WORLD_ENSURE(w, s->len > 0 && seq_eq(s->seq, next));
		WORLD_ENSURE(w, s->sent_ns <= w->now);
		WORLD_ENSURE(w, s->next != INDEX_NONE || conn->span_tail == i);
		next = seq_add(next, s->len);
		sacked += (s->flags & SPAN_SACKED) != 0 ? s->len : 0;
		lost += (s->flags & SPAN_LOST) != 0 ? s->len : 0;
		n++;
	}
	WORLD_ENSURE(w, seq_eq(next, conn->snd_nxt));
	WORLD_ENSURE(w, n == conn->span_n && n <= SPANS_PER_CONN);
	WORLD_ENSURE(w, lost == conn->lost_bytes);
	if (conn_has(conn, CONN_SACK))
		WORLD_ENSURE(w, sacked == conn->sacked_bytes);
}

static void
check_islands(struct world *w, const struct tcp *tcp, const struct tcp_conn *conn)
{
	struct seq last = conn->rcv_nxt;
	uint32_t n = 0, gap_bufs = 0;

	for (uint32_t i = conn->island; i != INDEX_NONE; n++) {
		const struct island *island = island_at(tcp, i);
		uint32_t bytes = 0, bufs_n = 0;

		WORLD_ENSURE(w, seq_gt(island->left, last) && seq_gt(island->right, island->left));
		for (const struct buf *b = island->head; b != NULL; b = b->link)
			bytes += b->n, bufs_n++;
		WORLD_ENSURE(w, bytes == island_bytes(island) && bufs_n == island->bufs_n);
		gap_bufs += bufs_n;
		last = island->right;
		i = island->next;
	}
	WORLD_ENSURE(w, n == conn->island_n && n <= ISLANDS_PER_CONN);
	WORLD_ENSURE(w, gap_bufs == conn->gap_bufs);
}

/*
 * However an ACK is split, repeated or made up, each byte opens the window once (RFC 3465, 9438):
 * never more than what was allowed at first and all that was acknowledged.
 */
static void
check_window(struct world *w, const struct tcp_conn *conn)
{
	uint64_t most_window = CC_INITIAL_BYTES + conn->bytes_out + 4u * conn->cc.mss;

	WORLD_ENSURE(w, conn->cc.cwnd_bytes >= conn->mss || conn->state <= TCP_STATE_SYN_RECEIVED);
	if (conn_has(conn, CONN_RECOVERY)) /* what duplicate ACKs have let go is still in flight */
		WORLD_ENSURE(w, conn->cc.cwnd_bytes <= most(most_window, conn_flight(conn)));
	else
		WORLD_ENSURE(w, conn->cc.cwnd_bytes <= most_window);
	WORLD_ENSURE(w, conn->rtt.rto_us * 1000ull <= RTT_RTO_MAX_NS);
}

void
check_record(struct world *w, const struct app *app)
{
	const struct tcp *tcp = w->host[app->host].tcp;
	const struct tcp_conn *conn = conn_find(tcp, app->id);

	if (conn == NULL || conn->state < TCP_STATE_ESTABLISHED ||
	    conn->state == TCP_STATE_TIME_WAIT)
		return;
	check_spans(w, tcp, conn);
	check_islands(w, tcp, conn);
	check_window(w, conn);
	if (conn->repair != INDEX_NONE)
		WORLD_ENSURE(w, repair_of(tcp, conn)->conn == conn_index(tcp, conn));
}

void
check_nothing_left(struct world *w, uint32_t host)
{
	const struct tcp *tcp = w->host[host].tcp;

	WORLD_ENSURE(w, tcp->spans.free_n == tcp->spans.n);
	WORLD_ENSURE(w, tcp->islands.free_n == tcp->islands.n);
	WORLD_ENSURE(w, tcp->repairs.free_n == tcp->repairs.n);
	WORLD_ENSURE(w, tcp->half_open == 0 && tcp->time_wait == 0);
	WORLD_ENSURE(w, tcp->bufs_held == 0 && tcp->gap_bufs == 0);
}
