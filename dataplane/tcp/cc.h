/*
 * cc.h - congestion control: how many bytes may be in flight (RFC 5681). An algorithm is one file
 * cc_x.c and one word in TCP_CC_LIST; it sees acknowledged bytes, losses and time, nothing else.
 * One that works by a model of the path (BBR) asks for its rate by `pace`, and for what it wants to
 * know of a delivery by a further field of struct cc_ack.
 *
 * Who calls decides whether a loss begins a new recovery, and when the window was really used
 * (cc->is_limited); the algorithm only moves cwnd and ssthresh. Within a recovery prr.c does.
 * Invariant: cwnd_bytes >= 1 MSS after every call.  Units: bytes, nanoseconds.
 */
#ifndef PENSTOCK_TCP_CC_H
#define PENSTOCK_TCP_CC_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/tcp.h"

enum {
	CC_INITIAL_SEGMENTS = 10, /* RFC 6928 */
	CC_INITIAL_BYTES = 14600,
	CC_WINDOW_MAX = 1 << 30,
	/* a smaller window is nobody's burst, and near peers have queues of our own machine before
	 * them: neither is ever paced */
	CC_PACED_LEAST = 1 << 16,
	CC_PACED_LEAST_US = 8000, /* round trip */
};

struct cc {
	uint32_t cwnd_bytes;
	uint32_t ssthresh_bytes;
	uint32_t own[4]; /* the algorithm's */
	uint16_t mss;
	bool is_limited; /* the window, not the sender's data, held the last flight back */
	uint8_t kind;	 /* enum tcp_cc */
};

/* What a loss makes it forget: see cc_keep. */
struct cc_memory {
	uint32_t cwnd_bytes, ssthresh_bytes, own[4];
};

/* New bytes were acknowledged. */
struct cc_ack {
	uint64_t now;
	uint64_t rtt_ns; /* measured by this ACK; 0: by this one nothing */
	uint64_t srtt_ns;
	uint32_t acked_bytes;
	uint32_t flight_bytes; /* still to be acknowledged */
};

struct cc_ops {
	/* New bytes were acknowledged outside of recovery, in congestion avoidance. */
	void (*on_ack)(struct cc *cc, const struct cc_ack *ack);
	/* The same in the first slow start, when no threshold is known. NULL: all bytes count. */
	void (*on_first_ack)(struct cc *cc, const struct cc_ack *ack);
	/* Bytes a millisecond that may go out, 0: as many as the window allows. NULL: always so. */
	uint32_t (*pace)(const struct cc *cc, uint32_t srtt_us);
	/* A recovery begins: sets ssthresh from what was in flight, and the window to it. */
	void (*on_loss)(struct cc *cc, uint32_t flight_bytes);
	/* In congestion avoidance the window is not used: time does not count. NULL: it never does. */
	void (*on_slack)(struct cc *cc);
};

extern const struct cc_ops cc_cubic, cc_newreno;

const char *cc_name(enum tcp_cc kind);

/* RFC 6928. */
uint32_t cc_initial(uint16_t mss);

/* The initial window of RFC 6928; one segment when the SYN had to be repeated (RFC 5681, 3.1). */
void cc_begin(struct cc *cc, enum tcp_cc kind, uint16_t mss, bool syn_repeated);

/* Whether an ACK may open the window at all: nothing of it is used, or it is as wide as can be. */
static inline bool
cc_is_used(const struct cc *cc)
{
	return cc->is_limited && cc->cwnd_bytes < CC_WINDOW_MAX;
}

/* New bytes were acknowledged, and the window is used. */
void cc_on_ack(struct cc *cc, const struct cc_ack *ack);

/* ... is not used: it does not grow, and time does not count for it. */
void cc_on_slack_in_avoidance(struct cc *cc);
static inline void
cc_on_slack(struct cc *cc)
{
	if (cc->cwnd_bytes >= cc->ssthresh_bytes)
		cc_on_slack_in_avoidance(cc);
}

void cc_on_loss(struct cc *cc, uint32_t flight_bytes);
/* The retransmission timer fired for the first time in a flight. */
void cc_on_timeout(struct cc *cc, uint32_t flight_bytes);

/* What it is, in case that the loss which follows is none; and that again, with no less window. */
void cc_keep(const struct cc *cc, struct cc_memory *to);
void cc_bring_back(struct cc *cc, const struct cc_memory *from);

/* For minutes less than half of the window was used: it is halved, down to the initial one. */
void cc_on_unused(struct cc *cc);

/*
 * After an idle time longer than the timeout the path is unknown again (RFC 5681, 4.1); slow start
 * then goes on to three quarters of what it carried before (RFC 2861, 3; RFC 7661, 4.4.3).
 */
void cc_restart(struct cc *cc);

/* The rate at which new bytes may go out, in bytes a millisecond; 0: the window alone decides. */
uint32_t cc_pace(const struct cc *cc, uint32_t srtt_us);

/* No loss, mark or delay has told a threshold yet. */
static inline bool
cc_is_first(const struct cc *cc)
{
	return cc->ssthresh_bytes > CC_WINDOW_MAX;
}

/* ---- hystart.c: HyStart++ (RFC 9406) ---- */

/* An ACK in the first slow start: the window grows, or the threshold is found by delay. */
void hystart_on_ack(struct cc *cc, const struct cc_ack *ack);
/* Twice the window in a round trip, so that slow start goes on, but in no bursts. */
uint32_t hystart_pace(const struct cc *cc, uint32_t srtt_us);

#endif
