/*
 * cookie.c - SYN cookies: when the backlog is full, the whole half-open connection goes into the
 * SYN-ACK's sequence number and timestamp, and comes back with the peer's ACK (RFC 4987, 3.6).
 *
 * Sequence number: 5 bits of a 69 s clock, 3 bits of MSS class, 24 bits of keyed hash over the
 * four-tuple, the peer's sequence number, clock and class. Timestamp, where the peer has one: its
 * low 6 bits are replaced by window scale (15: none), SACK and ECN, so that a connection made from a
 * cookie lacks nothing. An ACK is only looked at while a cookie may be out, at most two clocks.
 */
#include "tcp/conn.h"

enum {
	CLOCK_SHIFT = 36, /* 2^36 ns = 68.7 s */
	OPTION_BITS = 6,
	OPTION_MASK = (1 << OPTION_BITS) - 1,
	OPTION_SACK = 1 << 4,
	OPTION_ECN = 1 << 5,
	OPTION_NO_WSCALE = 15,
	HASH_MASK = (1 << 24) - 1,
	COOKIE_WINDOW = 4096, /* promised to everybody, so little */
};

/* MSS classes: the largest not above the peer's is taken. */
static const uint16_t mss_class[8] = { MSS_MIN, 536, 966, 1220, 1360, 1400, 1440, 1460 };

static uint32_t
cookie_of(const struct tcp *tcp, const struct tcp_seg *seg, struct seq irs, uint32_t clock,
	  uint32_t class)
{
	uint64_t word[6] = { [5] = (uint64_t)irs.v << 32 | clock << 3 | class };
	uint64_t h;

	memcpy(&word[0], seg->dst.b, 16);
	memcpy(&word[2], seg->src.b, 16);
	word[4] = (uint64_t)seg->dst_port << 16 | seg->src_port;
	h = hash_sip24(&tcp->key_cookie, word, sizeof(word));
	return (clock & 31) << 27 | class << 24 | ((uint32_t)h & HASH_MASK);
}

void
cookie_answer(struct tcp *tcp, const struct tcp_seg *syn, uint16_t path, uint64_t now,
	      struct tcp_out *out)
{
	bool is_v4 = ip_is_v4(&syn->src);
	uint16_t mss = syn->mss != 0 ? syn->mss : is_v4 ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;
	uint32_t clock = (uint32_t)(now >> CLOCK_SHIFT), class = 7;
	struct tcp_seg e = {
		.src = syn->dst,
		.dst = syn->src,
		.src_port = syn->dst_port,
		.dst_port = syn->src_port,
		.wnd = COOKIE_WINDOW,
		.ack = seq_add(syn->seq, 1),
		.flags = TCP_SYN | TCP_ACK,
		.mss = tcp_path_mss(tcp, path, is_v4),
	};

	while (class > 0 && mss_class[class] > mss)
		class --;
	e.seq = seq_of(cookie_of(tcp, syn, syn->seq, clock, class));
	if (syn->has_ts) {
		uint32_t ts = (uint32_t)(now >> 20) + tcp_ts_offset(tcp, &syn->dst, &syn->src);
		uint32_t wscale =
			syn->wscale < OPTION_NO_WSCALE ? syn->wscale : OPTION_NO_WSCALE - 1;
		uint32_t options = syn->has_wscale ? wscale : OPTION_NO_WSCALE;

		if (syn->has_sack_ok)
			options |= OPTION_SACK;
		if (ecn_is_offered(syn->flags)) {
			options |= OPTION_ECN;
			e.flags |= TCP_ECE;
		}
		/* never ahead of the clock: at most 2^7 ticks old */
		e.ts_val = (ts & ~(uint32_t)OPTION_MASK) - (OPTION_MASK + 1) + options;
		e.ts_ecr = syn->ts_val;
		e.has_ts = true;
		e.has_sack_ok = syn->has_sack_ok;
		e.has_wscale = syn->has_wscale;
		e.wscale = tcp_our_wscale(tcp);
	}
	if (!emit_bare(tcp, &e, path, out))
		return;
	tcp->cookies_until = now + ((uint64_t)2 << CLOCK_SHIFT);
	COUNT(tcp, tcp_tx_cookies);
}

/* The class in an ACK's cookie, or -1 when it is none of ours. */
static int
cookie_check(const struct tcp *tcp, const struct tcp_seg *ack, uint64_t now)
{
	uint32_t v = seq_sub(ack->ack, 1).v, clock = (uint32_t)(now >> CLOCK_SHIFT);
	uint32_t age = (clock - (v >> 27)) & 31, class = v >> 24 & 7;
	struct seq irs = seq_sub(ack->seq, 1);

	if (age > 1 || cookie_of(tcp, ack, irs, clock - age, class) != v)
		return -1;
	return (int)class;
}

bool
cookie_redeem(struct tcp *tcp, const struct tcp_seg *ack, uint16_t path, uint64_t now,
	      struct tcp_conn **ret_conn)
{
	struct listener *at = listener_find(tcp, &ack->dst, ack->dst_port);
	struct tcp_conn *conn;
	struct tcp_seg syn;
	int class;

	if (now >= tcp->cookies_until || at == NULL)
		return false;
	class = cookie_check(tcp, ack, now);
	if (class < 0) {
		COUNT(tcp, tcp_rx_bad_cookie);
		return false;
	}
	conn = conn_take_or_evict(tcp, now);
	*ret_conn = conn;
	if (conn == NULL)
		return true;
	syn = (struct tcp_seg){
		.seq = seq_sub(ack->seq, 1),
		.wnd = ack->wnd,
		.mss = mss_class[class],
		.has_ts = ack->has_ts,
		.ts_val = ack->ts_val,
	};
	if (ack->has_ts) {
		uint32_t options = ack->ts_ecr & OPTION_MASK;

		syn.has_sack_ok = (options & OPTION_SACK) != 0;
		syn.has_wscale = (options & OPTION_NO_WSCALE) != OPTION_NO_WSCALE;
		syn.wscale = options & OPTION_NO_WSCALE;
		if ((options & OPTION_ECN) != 0)
			conn->flags |= CONN_ECN;
	}
	conn->local = ack->dst;
	conn->remote = ack->src;
	conn->local_port = ack->dst_port;
	conn->remote_port = ack->src_port;
	conn->path = path;
	conn->owner = at->owner;
	conn->ts_offset = tcp_ts_offset(tcp, &ack->dst, &ack->src);
	conn->snd_una = ack->ack;
	conn->snd_nxt = ack->ack;
	conn->flags |= CONN_PASSIVE;
	conn->una_ns = now;
	conn->rcv_adv = seq_of(COOKIE_WINDOW); /* as promised */
	conn_agree(tcp, conn, &syn);
	flow_insert(tcp, conn);
	conn_establish(tcp, conn, now);
	conn_give_id(tcp, conn);
	conn_tell(tcp, conn, TCP_EV_ACCEPTED);
	COUNT(tcp, tcp_cookies_redeemed);
	return true;
}
