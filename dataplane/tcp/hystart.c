/*
 * hystart.c - HyStart++ (RFC 9406): the first slow start ends when the round trip grows, before the
 * queue is full. Growth goes on at a quarter of the pace for some rounds, so that jitter alone does
 * not end it: a round trip that falls back brings slow start back.
 *
 * A round is the time in which what was in flight at its begin is acknowledged. L of section 4.2
 * is unbounded, as large windows are paced.  Units: microseconds, bytes.
 */
#include <string.h>

#include "tcp/cc.h"

/* Of cc->own, until a threshold is known. */
enum own {
	BEFORE, /* the least round trip of the round before; in CSS: of the round that began it */
	NOW,	/* of this round so far; 0: none measured */
	LEFT,	/* bytes until the round ends */
	SEEN,	/* samples of this round; above CSS_SHIFT the round of CSS, 0: slow start */
};

enum {
	THRESH_LEAST_US = 4000, /* 4.3: MIN_RTT_THRESH, MAX_RTT_THRESH, MIN_RTT_DIVISOR */
	THRESH_MOST_US = 16000,
	THRESH_PART = 8,
	SAMPLES = 8,  /* N_RTT_SAMPLE */
	CSS_PART = 4, /* CSS_GROWTH_DIVISOR */
	CSS_ROUNDS = 5,
	CSS_SHIFT = 16,
	CSS_ONE = 1 << CSS_SHIFT,
};

static bool
is_css(const struct cc *cc)
{
	return cc->own[SEEN] >= CSS_ONE;
}

static void
next_round(struct cc *cc, uint32_t flight)
{
	if (is_css(cc))
		cc->own[SEEN] = ((cc->own[SEEN] >> CSS_SHIFT) + 1) << CSS_SHIFT;
	else
		cc->own[SEEN] = 0;
	if (!is_css(cc))
		cc->own[BEFORE] = cc->own[NOW];
	cc->own[NOW] = 0;
	cc->own[LEFT] = flight;
}

static void
take_sample(struct cc *cc, uint64_t rtt_ns)
{
	uint32_t us = rtt_ns < (uint64_t)UINT32_MAX * 1000 ? (uint32_t)(rtt_ns / 1000) : UINT32_MAX;

	if (cc->own[NOW] == 0 || us < cc->own[NOW])
		cc->own[NOW] = us != 0 ? us : 1;
	if ((cc->own[SEEN] & (CSS_ONE - 1)) < SAMPLES)
		cc->own[SEEN]++;
}

/* 4.2: RttThresh, by which a round must be longer than the one before. */
static uint32_t
thresh_us(uint32_t before_us)
{
	uint32_t us = before_us / THRESH_PART;

	if (us < THRESH_LEAST_US)
		return THRESH_LEAST_US;
	return us < THRESH_MOST_US ? us : THRESH_MOST_US;
}

static void
judge(struct cc *cc)
{
	uint32_t before = cc->own[BEFORE], now = cc->own[NOW];

	if ((cc->own[SEEN] & (CSS_ONE - 1)) < SAMPLES)
		return;
	if (is_css(cc)) {
		if (now < before) { /* it was jitter */
			cc->own[SEEN] = SAMPLES;
			cc->own[BEFORE] = 0;
		}
	} else if (before != 0 && now >= before + thresh_us(before)) {
		cc->own[SEEN] |= CSS_ONE;
		cc->own[BEFORE] = now;
	}
}

void
hystart_on_ack(struct cc *cc, const struct cc_ack *ack)
{
	if (ack->rtt_ns != 0)
		take_sample(cc, ack->rtt_ns);
	judge(cc);
	cc->cwnd_bytes += is_css(cc) ? ack->acked_bytes / CSS_PART : ack->acked_bytes;
	if (ack->acked_bytes < cc->own[LEFT]) {
		cc->own[LEFT] -= ack->acked_bytes;
		return;
	}
	next_round(cc, ack->flight_bytes); /* this ACK was the last of the old one */
	if (cc->own[SEEN] >> CSS_SHIFT > CSS_ROUNDS) {
		cc->ssthresh_bytes = cc->cwnd_bytes;
		memset(cc->own, 0, sizeof(cc->own));
	}
}

uint32_t
hystart_pace(const struct cc *cc, uint32_t srtt_us)
{
	if (!cc_is_first(cc) || cc->cwnd_bytes < CC_PACED_LEAST || srtt_us < CC_PACED_LEAST_US)
		return 0;
	return (uint32_t)(2000ull * cc->cwnd_bytes / srtt_us);
}
