/*
 * cc_cubic.c - CUBIC (RFC 9438): after a loss the window returns to where it was along a cubic
 * curve of time, whatever the round trip, and probes beyond it.
 *
 * The curve is looked at eight times a window, so that an ACK costs an addition. Where it stands in
 * time is kept as the moment at which it passes W_max: an epoch that begins anew, at whatever window,
 * goes on from there.  Units: bytes; milliseconds inside.
 */
#include "tcp/cc.h"

enum own {
	PRIOR,	  /* cwnd_prior: the window before the last loss, even; and GAVE_WAY */
	AT_W_MAX, /* ms, 2^32 in all, at which the curve passes W_max, 0: no epoch has begun */
	W_EST,	  /* what Reno would have by now (4.3) */
	GATHERED, /* acknowledged bytes since the curve was last looked at */
};

enum {
	GAVE_WAY = 1, /* 4.7, fast convergence: W_max is less than cwnd_prior */
};

#define MS_NS 1000000u

static uint32_t
prior(const struct cc *cc)
{
	return cc->own[PRIOR] & ~(uint32_t)GAVE_WAY;
}

static uint32_t
w_max(const struct cc *cc)
{
	uint32_t cwnd = prior(cc);

	return (cc->own[PRIOR] & GAVE_WAY) != 0 ? (uint32_t)((uint64_t)cwnd * 85 / 100) : cwnd;
}

/* The largest x with x^3 <= v. */
static uint32_t
cube_root(uint64_t v)
{
	uint64_t x = 0;

	for (int bit = 20; bit >= 0; bit--) { /* 2^63 has a root of 2^21 */
		uint64_t y = x | 1ull << bit;

		if (y * y * y <= v)
			x = y;
	}
	return (uint32_t)x;
}

/* W_cubic of equation 1, so long after it has passed W_max, or before. */
static uint64_t
curve(const struct cc *cc, int32_t after_ms)
{
	const uint64_t most = 1000000; /* a quarter of an hour either way is beyond any window */
	uint64_t off = after_ms < 0 ? 0 - (uint64_t)after_ms : (uint64_t)after_ms;
	uint64_t w = w_max(cc), d;

	if (off > most)
		off = most;
	d = off * off * off / 1000000 * cc->mss * 4 / 10000;
	if (after_ms >= 0)
		return w + d;
	return w > d ? w - d : 0;
}

/*
 * Equation 2: K, in ms, from the window as it is now; C is 0.4 segments a second cubed. Beyond W_max
 * the root is negative.
 */
static void
begin_epoch(struct cc *cc, uint32_t now_ms)
{
	uint32_t cwnd = cc->cwnd_bytes, w, k;

	if (cc->own[PRIOR] == 0) /* no loss has ended slow start */
		cc->own[PRIOR] = cwnd & ~(uint32_t)GAVE_WAY;
	w = w_max(cc);
	k = cube_root((uint64_t)(w > cwnd ? w - cwnd : cwnd - w) * 2500000000ull / cc->mss);
	cc->own[AT_W_MAX] = w > cwnd ? now_ms + k : now_ms - k;
	if (cc->own[AT_W_MAX] == 0)
		cc->own[AT_W_MAX] = 1; /* a ms later */
	cc->own[W_EST] = cwnd;
}

static void
on_ack(struct cc *cc, const struct cc_ack *ack)
{
	uint32_t cwnd = cc->cwnd_bytes, gathered;
	uint32_t now_ms;
	uint64_t target;

	cc->own[GATHERED] += ack->acked_bytes;
	if (cc->own[GATHERED] < cwnd / 8)
		return;
	now_ms = (uint32_t)(ack->now / MS_NS);
	gathered = cc->own[GATHERED];
	cc->own[GATHERED] = 0;
	if (cc->own[AT_W_MAX] == 0)
		begin_epoch(cc, now_ms);
	target =
		curve(cc, (int32_t)(now_ms + (uint32_t)(ack->srtt_ns / MS_NS) - cc->own[AT_W_MAX]));
	if (target < cwnd)
		target = cwnd;
	if (target > cwnd + cwnd / 2) /* 4.2: at most half as much again within a round trip */
		target = cwnd + cwnd / 2;
	/* 4.3: alpha is 3 (1 - beta) / (1 + beta), and 1 once cwnd_prior is reached */
	cc->own[W_EST] += (uint32_t)((uint64_t)gathered * cc->mss *
				     (cc->own[W_EST] < prior(cc) ? 529u : 1000u) / 1000u / cwnd);
	cwnd += (uint32_t)((target - cwnd) * gathered / cwnd);
	cc->cwnd_bytes = cwnd > cc->own[W_EST] ? cwnd : cc->own[W_EST];
}

static void
on_loss(struct cc *cc, uint32_t flight_bytes)
{
	uint32_t floor = 2u * cc->mss, cwnd = cc->cwnd_bytes, less;
	bool gives_way;

	if (flight_bytes < cwnd) /* 4.6: what was not used is not known to fit */
		cwnd = flight_bytes;
	less = (uint32_t)((uint64_t)cwnd * 7 / 10);
	gives_way = cwnd < w_max(cc);
	cc->own[PRIOR] = (cwnd & ~(uint32_t)GAVE_WAY) | (gives_way ? GAVE_WAY : 0);
	cc->own[AT_W_MAX] = 0;
	cc->own[GATHERED] = 0;
	cc->ssthresh_bytes = less > floor ? less : floor;
	cc->cwnd_bytes = cc->ssthresh_bytes;
}

static void
on_slack(struct cc *cc)
{
	cc->own[AT_W_MAX] = 0;
}

const struct cc_ops cc_cubic = { .on_ack = on_ack,
				 .on_first_ack = hystart_on_ack,
				 .pace = hystart_pace,
				 .on_loss = on_loss,
				 .on_slack = on_slack };
