/*
 * lie.c - a peer that lies: a box in front of one host that changes what this host says, or says
 * more. It knows all that the host knows, so what it says gets past every check that an honest
 * peer's segments would.
 *
 * Most lies cost time only, and every byte has to arrive all the same; those of LIE_BREAKS may end
 * the connection. Text is never another than the true one, except where it must not be looked at.
 */
#include <string.h>

#include "sim/inside.h"
#include "wire/checksum.h"
#include "wire/get.h"
#include "wire/ip.h"

enum {
	PACKET_MAX = UINT16_MAX,
	REPEATS_MAX = 5,
	SPLITS_MAX = 40,
	FAR = 1 << 26, /* bytes: beyond what may be sent or offered until it arrives */
};

/* What the box sees: a packet, decoded. */
struct told {
	struct world *w;
	struct app *app;	 /* who says it */
	const struct seen *peer; /* what the wire has seen of whom it is said to */
	uint32_t from;
	const uint8_t *wire;
	uint32_t l3;
};

/* Another segment in the same IP header. */
static void
say(const struct told *t, const struct tcp_seg *seg, const uint8_t *text)
{
	static uint8_t to[PACKET_MAX];
	uint32_t head = seg_header_size(seg), tcp_n = head + seg->payload_n, n = t->l3 + tcp_n;
	struct be16 csum;

	WORLD_ENSURE(t->w, n <= PACKET_MAX);
	memcpy(to, t->wire, t->l3);
	seg_emit(seg, to + t->l3);
	memcpy(to + t->l3 + head, text, seg->payload_n);
	if (to[0] >> 4 == 4) {
		put16(to + 2, (uint16_t)n);
		memset(to + 10, 0, 2);
		csum = csum_done(csum_add(to, t->l3));
		memcpy(to + 10, &csum, 2);
	} else {
		put16(to + 4, (uint16_t)tcp_n);
	}
	csum = csum_done(csum_join(csum_pseudo(&seg->src, &seg->dst, IP_PROTO_TCP, tcp_n),
				   csum_add(to + t->l3, tcp_n)));
	memcpy(to + t->l3 + 16, &csum, 2);
	net_put(t->w, t->from, to, n);
}

/* A bare ACK like this segment. */
static struct tcp_seg
bare(const struct tcp_seg *seg)
{
	struct tcp_seg ret = *seg;

	ret.payload_n = 0;
	ret.flags = TCP_ACK;
	ret.ecn = 0;
	return ret;
}

/* ---- lies ---- */

static struct seg_sack
any_block(struct world *w, const struct tcp_seg *seg, const struct seen *peer)
{
	uint32_t flight = (uint32_t)seq_diff(peer->top, seg->ack), n = prng_below(&w->prng, 6000);
	struct seg_sack ret;

	switch (prng_below(&w->prng, 4)) {
	case 0: /* of what is in flight */
		ret.left = seq_add(seg->ack, prng_below(&w->prng, flight + 1));
		break;
	case 1: /* of what was not sent */
		ret.left = seq_add(peer->top, prng_below(&w->prng, 100000));
		break;
	case 2: /* of long ago */
		ret.left = seq_sub(seg->ack, prng_below(&w->prng, 100000));
		break;
	default:
		ret.left = seq_of(prng_u32(&w->prng));
		break;
	}
	ret.right = prng_one_in(&w->prng, 8) ? seq_sub(ret.left, n) : seq_add(ret.left, n);
	return ret;
}

static void
lie_sacks(struct world *w, struct tcp_seg *seg, const struct seen *peer)
{
	seg->sack_n = (uint8_t)(1 + prng_below(&w->prng, seg->has_ts ? 3 : 4));
	for (uint32_t i = 0; i < seg->sack_n; i++)
		seg->sack[i] = any_block(w, seg, peer);
}

/* A D-SACK: of what was acknowledged, or within the block behind it (RFC 2883, 4). */
static void
lie_twice(struct world *w, struct tcp_seg *seg)
{
	uint32_t n = 1 + prng_below(&w->prng, 5000);

	seg->sack_n = 1;
	seg->sack[0].right = seq_sub(seg->ack, prng_below(&w->prng, 3000));
	seg->sack[0].left = seq_sub(seg->sack[0].right, n);
}

/* Each of its bytes may open the window once, in however many steps it is told (RFC 3465). */
static void
lie_split(const struct told *t, const struct tcp_seg *seg)
{
	struct tcp_seg part = bare(seg);
	int32_t n = seq_diff(seg->ack, t->app->said);
	uint32_t steps = 2 + prng_below(&t->w->prng, SPLITS_MAX);

	for (uint32_t i = 1; n > 0 && i < steps; i++) {
		part.ack = seq_add(t->app->said, (uint32_t)((uint64_t)n * i / steps));
		part.sack_n = 0;
		say(t, &part, t->wire);
	}
}

static void
lie_repeat(const struct told *t, const struct tcp_seg *seg, const uint8_t *text)
{
	for (uint32_t i = prng_below(&t->w->prng, REPEATS_MAX); i > 0; i--)
		say(t, seg, text);
}

/* The same text in other pieces, which overlap. */
static void
lie_pieces(const struct told *t, const struct tcp_seg *seg, const uint8_t *text)
{
	for (uint32_t i = 0; i < 3 && seg->payload_n > 1; i++) {
		uint32_t at = prng_below(&t->w->prng, seg->payload_n);
		struct tcp_seg part = *seg;

		part.seq = seq_add(seg->seq, at);
		part.payload_n = (uint16_t)(1 + prng_below(&t->w->prng, seg->payload_n - at));
		if (at + part.payload_n != seg->payload_n)
			part.flags &= (uint8_t)~TCP_FIN;
		say(t, &part, text + at);
	}
}

/* Text that nobody asked for, left or right of all that may be. */
static void
lie_outside(const struct told *t, const struct tcp_seg *seg)
{
	static const uint8_t text[1400];
	struct prng *prng = &t->w->prng;
	struct tcp_seg e = *seg;

	e.payload_n = (uint16_t)prng_below(prng, sizeof(text));
	e.seq = prng_one_in(prng, 2) ? seq_add(t->peer->edge, FAR + prng_below(prng, FAR))
				     : seq_sub(t->peer->left, e.payload_n + prng_below(prng, FAR));
	e.flags = prng_one_in(prng, 3) ? TCP_ACK | TCP_FIN : TCP_ACK;
	e.sack_n = 0;
	say(t, &e, text);
}

/* A SYN in the midst of it, with and without ACK, and more flags than make sense (RFC 5961, 4). */
static void
lie_flags(const struct told *t, const struct tcp_seg *seg)
{
	struct tcp_seg e = bare(seg);

	e.flags = (uint8_t)(TCP_SYN | (prng_u32(&t->w->prng) & (TCP_ACK | TCP_FIN | TCP_URG)));
	e.mss = 536;
	e.sack_n = 0;
	say(t, &e, t->wire);
}

static void
lie_time(struct world *w, struct tcp_seg *seg)
{
	switch (prng_below(&w->prng, 4)) {
	case 0:
		seg->has_ts = false;
		break;
	case 1:
		seg->ts_ecr = prng_u32(&w->prng);
		break;
	case 2:
		seg->ts_ecr += prng_below(&w->prng, 2000) - 1000;
		break;
	default:
		seg->ts_val += prng_below(&w->prng, 2000) - 1000;
		break;
	}
}

static void
lie_window(struct world *w, struct tcp_seg *seg)
{
	seg->wnd = (uint16_t)(prng_one_in(&w->prng, 3) ? prng_below(&w->prng, 2)
						       : seg->wnd / (1 + prng_below(&w->prng, 8)));
}

static void
lie_about(const struct told *t, struct tcp_seg *seg, const uint8_t *text, enum lie kind)
{
	struct world *w = t->w;
	struct tcp_seg more = bare(seg);

	switch (kind) {
	case LIE_UNSENT:
		more.ack = seq_add(t->peer->top, FAR + prng_below(&w->prng, FAR));
		say(t, &more, t->wire);
		break;
	case LIE_EARLY:
		if (seq_gt(t->peer->top, seg->ack))
			seg->ack = seq_add(seg->ack,
					   1 + prng_below(&w->prng, (uint32_t)seq_diff(t->peer->top,
										       seg->ack)));
		break;
	case LIE_WINDOW:
		lie_window(w, seg);
		break;
	case LIE_SACK:
		lie_sacks(w, &more, t->peer);
		say(t, &more, t->wire);
		break;
	case LIE_TWICE:
		lie_twice(w, &more);
		say(t, &more, t->wire);
		break;
	case LIE_SPLIT:
		lie_split(t, seg);
		break;
	case LIE_REPEAT:
		lie_repeat(t, seg, text);
		break;
	case LIE_PIECES:
		lie_pieces(t, seg, text);
		break;
	case LIE_OUTSIDE:
		lie_outside(t, seg);
		break;
	case LIE_FLAGS:
		lie_flags(t, seg);
		break;
	case LIE_TIME:
		if (seg->has_ts)
			lie_time(w, seg);
		break;
	case LIES:
		break;
	}
}

static enum lie
any_lie(struct world *w)
{
	enum lie kind;

	do
		kind = (enum lie)prng_below(&w->prng, LIES);
	while ((w->conf.lie_kinds >> kind & 1) == 0);
	return kind;
}

void
lie_pass(struct world *w, struct app *app, const uint8_t *wire, uint32_t n)
{
	struct told t = {
		.w = w,
		.app = app,
		.peer = &app_of(w, app->pair, 1 - app->host)->seen,
		.from = app->host,
		.wire = wire,
		.l3 = wire[0] >> 4 == 6 ? IP6_HEADER : IP4_HEADER,
	};
	struct tcp_seg seg;
	const uint8_t *text;

	WORLD_ENSURE(w, net_decode(wire, n, &seg));
	text = wire + seg.payload_off;
	if ((seg.flags & (TCP_SYN | TCP_RST)) != 0 || !t.peer->has_edge || !app->is_open ||
	    prng_below(&w->prng, 1000) >= w->conf.lies) {
		net_put(w, app->host, wire, n);
	} else {
		w->result.lies++;
		lie_about(&t, &seg, text, any_lie(w));
		say(&t, &seg, text);
	}
	if ((seg.flags & (TCP_SYN | TCP_ACK)) == TCP_ACK)
		app->said = app->has_said ? seq_max(app->said, seg.ack) : seg.ack;
	app->has_said = (seg.flags & TCP_SYN) == 0;
}
