/*
 * cc_newreno.c - slow start and congestion avoidance of RFC 5681 with byte counting (RFC 3465).
 *
 * own[0] gathers acknowledged bytes until a whole window is acknowledged, which earns one MSS:
 * no division on the way of an ACK.
 */
#include "tcp/cc.h"

enum {
	CWND_MAX = 1 << 30,
};

static void
init(struct cc *cc)
{
	cc->own[0] = 0;
}

static void
on_ack(struct cc *cc, uint32_t acked_bytes, uint64_t srtt_ns, uint64_t now)
{
	(void)srtt_ns;
	(void)now;
	if (!cc->is_limited || cc->cwnd_bytes >= CWND_MAX)
		return;
	if (cc->cwnd_bytes < cc->ssthresh_bytes) {
		/*
		 * All that was acknowledged counts, unlike L = 2 of RFC 3465: receivers that gather
		 * segments answer many with one ACK.
		 */
		cc->cwnd_bytes += acked_bytes;
		return;
	}
	cc->own[0] += acked_bytes;
	if (cc->own[0] >= cc->cwnd_bytes) {
		cc->own[0] -= cc->cwnd_bytes;
		cc->cwnd_bytes += cc->mss;
	}
}

static void
on_loss(struct cc *cc, uint32_t flight_bytes, uint64_t now)
{
	uint32_t half = flight_bytes / 2, floor = 2u * cc->mss;

	(void)now;
	cc->ssthresh_bytes = half > floor ? half : floor; /* RFC 5681, equation 4 */
	cc->cwnd_bytes = cc->ssthresh_bytes;
	cc->own[0] = 0;
}

static void
on_timeout(struct cc *cc, uint32_t flight_bytes, uint64_t now)
{
	on_loss(cc, flight_bytes, now);
	cc->cwnd_bytes = cc->mss;
}

const struct cc_ops cc_newreno = {
	.name = "newreno",
	.init = init,
	.on_ack = on_ack,
	.on_loss = on_loss,
	.on_timeout = on_timeout,
};
