/*
 * rtt.c - round-trip estimate and retransmission timeout (RFC 6298, section 2).
 *
 * One sample in, one timeout out. Knows no connection, packet or clock: the caller measures,
 * decides whether a sample may count (Karn, section 3) and owns the timer.
 * Invariant: RTT_RTO_MIN_NS <= timeout <= RTT_RTO_MAX_NS after every call.  Units: nanoseconds at
 * the doors, microseconds in the record.
 */
#include "tcp/rtt.h"

#define CLOCK_GRANULARITY_US 1000u /* G; our turns are far shorter, the peers' are not */
#define US_NS		     1000u

void
rtt_init(struct rtt *rtt)
{
	*rtt = (struct rtt){ .rto_us = RTT_RTO_FIRST_NS / US_NS };
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
	uint32_t us = (uint32_t)((sample_ns < RTT_RTO_MAX_NS ? sample_ns : RTT_RTO_MAX_NS) / US_NS);
	uint32_t spread;

	if (us == 0)
		us = 1;
	if (rtt->least_us == 0 || us < rtt->least_us)
		rtt->least_us = us;
	else /* a path that has become longer is believed within some thousand samples */
		rtt->least_us += (us - rtt->least_us) >> 12;
	if (rtt->srtt_us == 0) { /* 2.2 */
		rtt->srtt_us = us;
		rtt->rttvar_us = us / 2;
	} else { /* 2.3, alpha 1/8, beta 1/4 */
		uint32_t off = rtt->srtt_us > us ? rtt->srtt_us - us : us - rtt->srtt_us;

		rtt->rttvar_us = rtt->rttvar_us - rtt->rttvar_us / 4 + off / 4;
		rtt->srtt_us = rtt->srtt_us - rtt->srtt_us / 8 + us / 8;
		if (rtt->srtt_us == 0)
			rtt->srtt_us = 1;
	}
	spread = 4 * rtt->rttvar_us;
	if (spread < CLOCK_GRANULARITY_US)
		spread = CLOCK_GRANULARITY_US;
	rtt_set_timeout(rtt, (uint64_t)US_NS * (rtt->srtt_us + spread));
}

void
rtt_set_timeout(struct rtt *rtt, uint64_t rto_ns)
{
	rtt->rto_us = (uint32_t)(clamp(rto_ns) / US_NS);
}

uint64_t
rtt_backed_off(const struct rtt *rtt, uint32_t times)
{
	if (times >= 16)
		return RTT_RTO_MAX_NS;
	return clamp((uint64_t)US_NS * rtt->rto_us << times);
}
