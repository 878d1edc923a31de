/*
 * rtt.h - round-trip estimate and retransmission timeout (RFC 6298, section 2).
 */
#ifndef PENSTOCK_TCP_RTT_H
#define PENSTOCK_TCP_RTT_H

#include <stdint.h>

#define RTT_RTO_FIRST_NS 1000000000ull /* 2.1 */
#define RTT_RTO_MIN_NS	 200000000ull  /* less than 2.4's second, as all large stacks do */
#define RTT_RTO_MAX_NS	 60000000000ull
#define RTT_RTO_DATA_NS	 3000000000ull /* 5.7: when the SYN timed out */

/* In microseconds, to be small: a record of every connection. */
struct rtt {
	uint32_t srtt_us; /* 0: no sample yet */
	uint32_t rttvar_us;
	uint32_t rto_us;
	uint32_t least_us; /* the path's own delay: the least seen, rising slowly; 0: none yet */
};

void rtt_init(struct rtt *rtt);
void rtt_sample(struct rtt *rtt, uint64_t sample_ns);
void rtt_set_timeout(struct rtt *rtt, uint64_t rto_ns);

/* The timeout after `times` expiries in a row (5.5), at most RTT_RTO_MAX_NS. */
uint64_t rtt_backed_off(const struct rtt *rtt, uint32_t times);

#endif
