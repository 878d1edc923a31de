/*
 * rtt.c - round-trip estimate and retransmission timeout (RFC 6298, section 2).
 *
 * One sample in, one timeout out. Knows no connection, packet or clock: the caller measures,
 * decides whether a sample may count (Karn, section 3) and owns the timer.
 * Invariant: RTT_RTO_MIN_NS <= rto_ns <= RTT_RTO_MAX_NS after every call.  Units: nanoseconds.
 */
#include "tcp/rtt.h"

#define CLOCK_GRANULARITY_NS 1000000ull /* G; our turns are far shorter, the peers' are not */

void
rtt_init(struct rtt *rtt)
{
	*rtt = (struct rtt){ .rto_ns = RTT_RTO_FIRST_NS };
}

static uint64_t
clamp(uint64_t rto_ns)
{
	if (rto_ns < RTT_RTO_MIN_NS)
		return RTT_RTO_MIN_NS;
	return rto_ns < RTT_RTO_MAX_NS ? rto_ns : RTT_RTO_MAX_NS;
}

void
rtt_sample(struct rtt *rtt, uint64_t sample_ns)
{
	uint64_t spread;

	if (sample_ns == 0)
		sample_ns = 1;
	if (sample_ns > RTT_RTO_MAX_NS)
		sample_ns = RTT_RTO_MAX_NS;
	if (rtt->srtt_ns == 0) { /* 2.2 */
		rtt->srtt_ns = sample_ns;
		rtt->rttvar_ns = sample_ns / 2;
	} else { /* 2.3, alpha 1/8, beta 1/4 */
		uint64_t off = rtt->srtt_ns > sample_ns ? rtt->srtt_ns - sample_ns
							: sample_ns - rtt->srtt_ns;

		rtt->rttvar_ns = rtt->rttvar_ns - rtt->rttvar_ns / 4 + off / 4;
		rtt->srtt_ns = rtt->srtt_ns - rtt->srtt_ns / 8 + sample_ns / 8;
		if (rtt->srtt_ns == 0)
			rtt->srtt_ns = 1;
	}
	spread = 4 * rtt->rttvar_ns;
	if (spread < CLOCK_GRANULARITY_NS)
		spread = CLOCK_GRANULARITY_NS;
	rtt->rto_ns = clamp(rtt->srtt_ns + spread);
}

uint64_t
rtt_backed_off(const struct rtt *rtt, uint32_t times)
{
	if (times >= 16)
		return RTT_RTO_MAX_NS;
	return clamp(rtt->rto_ns << times);
}
