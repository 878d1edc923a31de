/*
 * cc_newreno.c - congestion avoidance of RFC 5681 with byte counting (RFC 3465).
 *
 * own[0] gathers acknowledged bytes until a whole window is acknowledged, which earns one MSS:
 * no division on the way of an ACK.
 */
#include "tcp/cc.h"

static void
on_ack(struct cc *cc, const struct cc_ack *ack)
{
	cc->own[0] += ack->acked_bytes;
	if (cc->own[0] >= cc->cwnd_bytes) {
		cc->own[0] -= cc->cwnd_bytes;
		cc->cwnd_bytes += cc->mss;
	}
}

static void
on_loss(struct cc *cc, uint32_t flight_bytes)
{
	uint32_t half = flight_bytes / 2, floor = 2u * cc->mss;

	cc->ssthresh_bytes = half > floor ? half : floor; /* RFC 5681, equation 4 */
	cc->cwnd_bytes = cc->ssthresh_bytes;
	cc->own[0] = 0;
}

const struct cc_ops cc_newreno = { .on_ack = on_ack, .on_loss = on_loss };
