/*
 * cc_cubic.c - CUBIC (RFC 9438): after a loss the window returns to where it was along a cubic
 * curve of time, whatever the round trip, and probes beyond it.
 *
 * The curve is looked at eight times a window, so that an ACK costs an addition. The window at the
 * epoch's begin is ssthresh, which the last loss has set.  Units: bytes; milliseconds inside.
 */
#include "tcp/cc.h"

enum own {
	W_MAX,	  /* the window before the last loss, or less (4.7: fast convergence) */
	EPOCH,	  /* ms at which congestion avoidance began, 0: not yet */
	W_EST,	  /* what Reno would have by now (4.3) */
	GATHERED, /* acknowledged bytes since the curve was last looked at */
};

#define MS_NS 1000000u

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

/* K of equation 2 in ms: C is 0.4 segments a second cubed. */
static uint32_t
time_to_w_max(const struct cc *cc)
{
	if (cc->own[W_MAX] <= cc->ssthresh_bytes)
		return 0;
	return cube_root((uint64_t)(cc->own[W_MAX] - cc->ssthresh_bytes) * 2500000000ull / cc->mss);
}

/* W_cubic(t) of equation 1. */
static uint64_t
curve(const struct cc *cc, uint64_t t_ms)
{
	const uint64_t most = 1000000; /* a quarter of an hour either way is beyond any window */
	uint64_t k = time_to_w_max(cc), off = t_ms > k ? t_ms - k : k - t_ms, w = cc->own[W_MAX], d;

	if (off > most)
		off = most;
	d = off * off * off / 1000000 * cc->mss * 4 / 10000;
	if (t_ms >= k)
		return w + d;
	return w > d ? w - d : 0;
}

static void
begin_epoch(struct cc *cc, uint64_t now_ms)
{
	cc->own[EPOCH] = (uint32_t)now_ms != 0 ? (uint32_t)now_ms : UINT32_MAX; /* a ms before */
	cc->own[W_EST] = cc->cwnd_bytes;
	if (cc->own[W_MAX] < cc->cwnd_bytes)
		cc->own[W_MAX] = cc->cwnd_bytes;
}

static void
on_ack(struct cc *cc, const struct cc_ack *ack)
{
	uint32_t cwnd = cc->cwnd_bytes, gathered;
	uint64_t now_ms, target;

	cc->own[GATHERED] += ack->acked_bytes;
	if (cc->own[GATHERED] < cwnd / 8)
		return;
	now_ms = ack->now / MS_NS;
	gathered = cc->own[GATHERED];
	cc->own[GATHERED] = 0;
	if (cc->own[EPOCH] == 0)
		begin_epoch(cc, now_ms);
	target = curve(cc, (uint64_t)((uint32_t)now_ms - cc->own[EPOCH]) + ack->srtt_ns / MS_NS);
	if (target < cwnd)
		target = cwnd;
	if (target > cwnd + cwnd / 2) /* 4.2: at most half as much again within a round trip */
		target = cwnd + cwnd / 2;
	/* 4.3: alpha is 3 (1 - beta) / (1 + beta), and 1 once the old window is reached */
	cc->own[W_EST] +=
		(uint32_t)((uint64_t)gathered * cc->mss *
			   (cc->own[W_EST] < cc->own[W_MAX] ? 529u : 1000u) / 1000u / cwnd);
	cwnd += (uint32_t)((target - cwnd) * gathered / cwnd);
	cc->cwnd_bytes = cwnd > cc->own[W_EST] ? cwnd : cc->own[W_EST];
}

static void
on_loss(struct cc *cc, uint32_t flight_bytes)
{
	uint32_t floor = 2u * cc->mss, cwnd = cc->cwnd_bytes, less;

	if (flight_bytes < cwnd) /* 4.6: what was not used is not known to fit */
		cwnd = flight_bytes;
	less = (uint32_t)((uint64_t)cwnd * 7 / 10);
	cc->own[W_MAX] = cwnd < cc->own[W_MAX] ? (uint32_t)((uint64_t)cwnd * 85 / 100) : cwnd;
	cc->own[EPOCH] = 0;
	cc->own[GATHERED] = 0;
	cc->ssthresh_bytes = less > floor ? less : floor;
	cc->cwnd_bytes = cc->ssthresh_bytes;
}

static void
on_slack(struct cc *cc)
{
	cc->own[EPOCH] = 0;
}

const struct cc_ops cc_cubic = { .on_ack = on_ack,
				 .on_first_ack = hystart_on_ack,
				 .pace = hystart_pace,
				 .on_loss = on_loss,
				 .on_slack = on_slack };
