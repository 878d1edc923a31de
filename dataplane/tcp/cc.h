/*
 * cc.h - congestion control: how many bytes may be in flight (RFC 5681). An algorithm is one file
 * cc_x.c and one line in CC_LIST; it sees acknowledged bytes, losses and time, nothing else.
 *
 * Who calls decides whether a loss begins a new recovery, and when the window was really used
 * (cc->is_limited); the algorithm only moves cwnd and ssthresh.
 * Invariant: cwnd_bytes >= 1 MSS after every call.  Units: bytes, nanoseconds.
 */
#ifndef PENSTOCK_TCP_CC_H
#define PENSTOCK_TCP_CC_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CC_INITIAL_SEGMENTS = 10, /* RFC 6928 */
	CC_INITIAL_BYTES = 14600,
};

struct cc {
	uint32_t cwnd_bytes;
	uint32_t ssthresh_bytes;
	uint32_t own[4]; /* the algorithm's */
	uint16_t mss;
	bool is_limited; /* the window, not the sender's data, held the last flight back */
};

struct cc_ops {
	const char *name;
	/* The window is set; own is zero. */
	void (*init)(struct cc *cc);
	/* New bytes were acknowledged outside of recovery. */
	void (*on_ack)(struct cc *cc, uint32_t acked_bytes, uint64_t srtt_ns, uint64_t now);
	/* A recovery begins: sets ssthresh from what was in flight. */
	void (*on_loss)(struct cc *cc, uint32_t flight_bytes, uint64_t now);
	/* The retransmission timer fired for the first time in a flight. */
	void (*on_timeout)(struct cc *cc, uint32_t flight_bytes, uint64_t now);
};

extern const struct cc_ops cc_newreno;

/* The algorithm of new connections. */
#define CC_DEFAULT (&cc_newreno)

/* The initial window of RFC 6928; one segment when the SYN had to be repeated (RFC 5681, 3.1). */
void cc_begin(struct cc *cc, uint16_t mss, bool syn_repeated);

/* After an idle time longer than the timeout the path is unknown again (RFC 5681, 4.1). */
void cc_restart(struct cc *cc);

#endif
