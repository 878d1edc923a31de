/*
 * blind.c - somebody off the path, who sees nothing and guesses (RFC 5961, RFC 5927).
 *
 * He is luckier than anybody could be: he knows both ends, and of what a segment must show to be
 * believed he has all right but one thing. What the RFCs accept he never sends: an RST at exactly
 * the next byte; text within the window with an ACK that may be; a SYN, or an ICMP error with the
 * right number, while the connection is dialled.
 *
 * After each guess the connection it is about must be what it was. What it answers goes to its
 * true peer, and the world's invariants show that this does no harm either.
 */
#include <string.h>

#include "sim/inside.h"
#include "tcp/conn.h"
#include "wire/icmp.h"

enum {
	TEXT_MAX = 100,
	BESIDE_MAX = 4000, /* bytes beside an edge */
	TRIES = 64,	   /* of a number by chance, until it is as wrong as it has to be */
};

/* What is wrong in the guess. */
enum guess {
	GUESS_RST,	/* not exactly the next byte, in the window or not */
	GUESS_SYN,	/* is never believed */
	GUESS_ACK,	/* an ACK that cannot be */
	GUESS_SEQ,	/* text outside of the window */
	GUESS_NO_TIME,	/* no timestamp, though agreed */
	GUESS_OLD_TIME, /* a timestamp from the past */
	GUESS_ICMP_SEQ, /* an error about what is not in flight */
	GUESS_ICMP,	/* an error about what is: it may make segments smaller, nothing else */
	GUESSES,
};

/* What no guess may change. */
struct what {
	uint8_t state, end, island_n;
	struct seq rcv_nxt, rcv_adv, snd_una, snd_nxt;
	uint32_t snd_wnd, ts_recent, readable;
	uint32_t cwnd_bytes, ssthresh_bytes, dup_n, srtt_us, rttvar_us, rto_us;
	uint64_t bytes_in, bytes_out;
};

static struct what
what_of(const struct tcp_conn *conn)
{
	struct what ret;

	memset(&ret, 0, sizeof(ret)); /* what lies between the fields is compared, too */
	ret.state = conn->state;
	ret.end = conn->end;
	ret.island_n = conn->island_n;
	ret.rcv_nxt = conn->rcv_nxt;
	ret.rcv_adv = conn->rcv_adv;
	ret.snd_una = conn->snd_una;
	ret.snd_nxt = conn->snd_nxt;
	ret.snd_wnd = conn->snd_wnd;
	ret.ts_recent = conn->ts_recent;
	ret.readable = conn->rcvq.bytes;
	ret.cwnd_bytes = conn->cc.cwnd_bytes;
	ret.ssthresh_bytes = conn->cc.ssthresh_bytes;
	ret.dup_n = conn->dup_n;
	ret.srtt_us = conn->rtt.srtt_us;
	ret.rttvar_us = conn->rtt.rttvar_us;
	ret.rto_us = conn->rtt.rto_us;
	ret.bytes_in = conn->bytes_in;
	ret.bytes_out = conn->bytes_out;
	return ret;
}

/* ---- numbers ---- */

static struct seq
edge_of(const struct tcp_conn *conn)
{
	return seq_max(conn->rcv_shown, conn->rcv_nxt);
}

/* Within the window, just beside it, or anywhere. */
static struct seq
any_seq(struct world *w, const struct tcp_conn *conn)
{
	uint32_t wnd = (uint32_t)seq_diff(edge_of(conn), conn->rcv_nxt);

	switch (prng_below(&w->prng, 5)) {
	case 0:
		return seq_add(conn->rcv_nxt, prng_below(&w->prng, 4));
	case 1:
		return seq_add(conn->rcv_nxt, prng_below(&w->prng, wnd + 1));
	case 2:
		return seq_sub(conn->rcv_nxt, prng_below(&w->prng, BESIDE_MAX));
	case 3:
		return seq_add(edge_of(conn), prng_below(&w->prng, BESIDE_MAX));
	default:
		return seq_of(prng_u32(&w->prng));
	}
}

/* RFC 9293, 3.10.7.3 and fifth check, RFC 5961, 5.2. */
static bool
may_be_acked(const struct tcp_conn *conn, struct seq ack)
{
	if (conn->state == TCP_STATE_SYN_SENT || conn->state == TCP_STATE_SYN_RECEIVED)
		return seq_gt(ack, conn->snd_una) && seq_le(ack, conn->snd_nxt);
	return seq_ge(ack, seq_sub(conn->snd_una, conn->snd_wnd_max)) && seq_le(ack, conn->snd_nxt);
}

static struct seq
wrong_ack(struct world *w, const struct tcp_conn *conn)
{
	for (uint32_t i = 0; i < TRIES; i++) {
		struct seq ack = seq_of(prng_u32(&w->prng));

		if (prng_one_in(&w->prng, 3))
			ack = seq_add(conn->snd_nxt, 1 + prng_below(&w->prng, BESIDE_MAX));
		else if (prng_one_in(&w->prng, 2))
			ack = seq_sub(conn->snd_una,
				      conn->snd_wnd_max + 1 + prng_below(&w->prng, BESIDE_MAX));
		if (!may_be_acked(conn, ack))
			return ack;
	}
	return seq_add(conn->snd_nxt, 1);
}

/* ---- guesses ---- */

/* All is right, as far as anybody can know it. */
static struct tcp_seg
right_seg(struct world *w, const struct tcp_conn *conn)
{
	return (struct tcp_seg){
		.src = conn->remote,
		.dst = conn->local,
		.src_port = conn->remote_port,
		.dst_port = conn->local_port,
		.seq = conn->rcv_nxt,
		.ack = conn->snd_nxt,
		.flags = TCP_ACK,
		.wnd = (uint16_t)prng_u32(&w->prng),
		.has_ts = conn_has(conn, CONN_TS),
		.ts_val = conn->ts_recent + prng_below(&w->prng, 1000),
		.ts_ecr = prng_u32(&w->prng),
	};
}

static void
put_text(struct world *w, struct tcp_seg *seg)
{
	seg->payload_n = (uint16_t)(1 + prng_below(&w->prng, TEXT_MAX));
	if (prng_one_in(&w->prng, 2))
		seg->flags |= TCP_PSH;
	if (prng_one_in(&w->prng, 4))
		seg->flags |= TCP_FIN;
}

static bool
make_rst(struct world *w, const struct tcp_conn *conn, struct tcp_seg *seg)
{
	seg->flags = prng_one_in(&w->prng, 2) ? TCP_RST : TCP_RST | TCP_ACK;
	if (conn->state == TCP_STATE_SYN_SENT) {
		seg->seq = seq_of(prng_u32(&w->prng));
		seg->ack = wrong_ack(w, conn);
		return true;
	}
	seg->seq = any_seq(w, conn);
	return !seq_eq(seg->seq, conn->rcv_nxt);
}

static bool
make_syn(struct world *w, const struct tcp_conn *conn, struct tcp_seg *seg)
{
	if (conn->state == TCP_STATE_SYN_SENT || conn->state == TCP_STATE_TIME_WAIT)
		return false; /* both opened at once; a new connection */
	seg->flags = prng_one_in(&w->prng, 2) ? TCP_SYN : TCP_SYN | TCP_ACK;
	seg->seq = any_seq(w, conn);
	if (conn->state == TCP_STATE_SYN_RECEIVED && seg->seq.v + 1 == conn->rcv_nxt.v)
		return false; /* the SYN that made it */
	seg->mss = 1460;
	if (prng_one_in(&w->prng, 2))
		put_text(w, seg);
	return true;
}

static bool
make_ack(struct world *w, const struct tcp_conn *conn, struct tcp_seg *seg)
{
	if (seq_eq(conn->snd_una, conn->snd_nxt) && conn->state <= TCP_STATE_SYN_RECEIVED)
		return false; /* what is wrong now may be right when its answer arrives */
	seg->ack = wrong_ack(w, conn);
	if (conn->state == TCP_STATE_SYN_SENT)
		seg->flags |= TCP_SYN;
	else
		seg->seq = any_seq(w, conn);
	if (prng_one_in(&w->prng, 3))
		return true;
	put_text(w, seg);
	return true;
}

static bool
make_seq(struct world *w, const struct tcp_conn *conn, struct tcp_seg *seg)
{
	if (conn->state == TCP_STATE_SYN_SENT)
		return false;
	put_text(w, seg);
	seg->ts_val = conn->ts_recent; /* a copy of the last segment leaves its time behind */
	for (uint32_t i = 0; i < TRIES; i++) {
		struct seq end;

		seg->seq = any_seq(w, conn);
		end = seq_add(seg->seq, seg->payload_n + 1u);
		if (seq_le(end, conn->rcv_nxt) ||
		    (seq_ge(seg->seq, edge_of(conn)) && !seq_eq(seg->seq, conn->rcv_nxt)))
			return true;
	}
	return false;
}

static bool
make_time(struct world *w, const struct tcp_conn *conn, struct tcp_seg *seg, bool is_old)
{
	if (!conn_has(conn, CONN_TS) || conn->state == TCP_STATE_SYN_SENT)
		return false;
	seg->has_ts = is_old;
	seg->ts_val = conn->ts_recent - 1 - prng_below(&w->prng, 1u << 30);
	seg->seq = any_seq(w, conn);
	if (prng_one_in(&w->prng, 2))
		put_text(w, seg);
	return true;
}

static void
say_icmp(struct world *w, struct host *h, const struct tcp_conn *conn, struct seq seq)
{
	struct icmp_error error = {
		.kind = (uint8_t)prng_below(&w->prng, ICMP_ERROR_PARAMETER + 1),
		.local = conn->local,
		.remote = conn->remote,
		.local_port = conn->local_port,
		.remote_port = conn->remote_port,
		.seq = seq,
		.mtu = prng_one_in(&w->prng, 2) ? prng_below(&w->prng, 2000) : prng_u32(&w->prng),
	};

	tcp_icmp(h->tcp, &error, w->now);
}

static bool
guess_icmp_seq(struct world *w, struct host *h, const struct tcp_conn *conn)
{
	uint16_t mss = conn->mss;
	struct seq seq = seq_sub(conn->snd_una, 1 + prng_below(&w->prng, BESIDE_MAX));

	if (prng_one_in(&w->prng, 2))
		seq = seq_add(conn->snd_nxt, prng_below(&w->prng, BESIDE_MAX));
	say_icmp(w, h, conn, seq);
	WORLD_ENSURE(w, conn->mss == mss);
	return true;
}

static bool
guess_icmp(struct world *w, struct host *h, const struct tcp_conn *conn)
{
	uint32_t flight = conn_flight(conn);

	if (flight == 0 || conn->state == TCP_STATE_SYN_SENT)
		return false;
	say_icmp(w, h, conn, seq_add(conn->snd_una, prng_below(&w->prng, flight)));
	return true;
}

static bool
send_guess(struct world *w, struct host *h, struct tcp_seg *seg)
{
	struct buf *buf = buf_take(h->pool);

	if (buf == NULL)
		return false;
	memset(buf_append(buf, seg->payload_n), 'x', seg->payload_n);
	seg->payload_off = 0;
	tcp_input(h->tcp, seg, &buf, 1, w->now, &h->out);
	return true;
}

static bool
guess(struct world *w, struct host *h, const struct tcp_conn *conn)
{
	struct tcp_seg seg = right_seg(w, conn);
	enum guess kind = (enum guess)prng_below(&w->prng, GUESSES);

	switch (kind) {
	case GUESS_RST:
		return make_rst(w, conn, &seg) && send_guess(w, h, &seg);
	case GUESS_SYN:
		return make_syn(w, conn, &seg) && send_guess(w, h, &seg);
	case GUESS_ACK:
		return make_ack(w, conn, &seg) && send_guess(w, h, &seg);
	case GUESS_SEQ:
		return make_seq(w, conn, &seg) && send_guess(w, h, &seg);
	case GUESS_NO_TIME:
	case GUESS_OLD_TIME:
		return make_time(w, conn, &seg, kind == GUESS_OLD_TIME) && send_guess(w, h, &seg);
	case GUESS_ICMP_SEQ:
		return guess_icmp_seq(w, h, conn);
	case GUESS_ICMP:
		return guess_icmp(w, h, conn);
	case GUESSES:
		break;
	}
	return false;
}

void
blind_guess(struct world *w)
{
	struct host *h = &w->host[prng_below(&w->prng, HOSTS)];
	uint32_t n = h->tcp->conns.fresh, i = n > 0 ? prng_below(&w->prng, n) : 0;
	const struct tcp_conn *conn;
	struct what before, after;
	uint16_t mss;

	if (n == 0 || !pool_is_taken(&h->tcp->conns, i))
		return;
	conn = conn_at(h->tcp, i);
	if (conn->state == TCP_STATE_CLOSED)
		return;
	before = what_of(conn);
	mss = conn->mss;
	w->result.guesses += guess(w, h, conn);
	after = what_of(conn);
	if (conn->mss < mss) /* GUESS_ICMP: what is under way goes again, in smaller segments */
		before.dup_n = after.dup_n;
	WORLD_ENSURE(w, memcmp(&before, &after, sizeof(before)) == 0);
}
