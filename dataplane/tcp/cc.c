/*
 * cc.c - what all congestion control algorithms share: the window at the start, after a pause,
 * after a timeout, and slow start.
 */
#include "tcp/cc.h"

static const struct cc_ops *const ops[] = {
#define X(part, word) [TCP_CC_##part] = &cc_##word,
	TCP_CC_LIST(X)
#undef X
};

const char *
cc_name(enum tcp_cc kind)
{
	static const char *const name[] = {
#define X(part, word) [TCP_CC_##part] = #word,
		TCP_CC_LIST(X)
#undef X
	};

	return name[kind];
}

static uint32_t
initial_window(uint16_t mss)
{
	uint32_t floor = 2u * mss > CC_INITIAL_BYTES ? 2u * mss : CC_INITIAL_BYTES;
	uint32_t ten = (uint32_t)CC_INITIAL_SEGMENTS * mss;

	return ten < floor ? ten : floor;
}

void
cc_begin(struct cc *cc, enum tcp_cc kind, uint16_t mss, bool syn_repeated)
{
	*cc = (struct cc){
		.cwnd_bytes = syn_repeated ? mss : initial_window(mss),
		.ssthresh_bytes = UINT32_MAX / 2,
		.mss = mss,
		.kind = (uint8_t)kind,
	};
}

void
cc_on_ack(struct cc *cc, uint32_t acked_bytes, uint64_t srtt_ns, uint64_t now)
{
	if (!cc->is_limited || cc->cwnd_bytes >= CC_WINDOW_MAX) {
		if (cc->cwnd_bytes >= cc->ssthresh_bytes && ops[cc->kind]->on_slack != NULL)
			ops[cc->kind]->on_slack(cc);
		return;
	}
	if (cc->cwnd_bytes < cc->ssthresh_bytes) {
		/*
		 * All that was acknowledged counts, unlike L = 2 of RFC 3465: receivers that gather
		 * segments answer many with one ACK. But no further than to the threshold: the ACK
		 * of a whole flight after a timeout must not bring the old window back.
		 */
		uint32_t room = cc->ssthresh_bytes - cc->cwnd_bytes;

		if (acked_bytes <= room) {
			cc->cwnd_bytes += acked_bytes;
			return;
		}
		cc->cwnd_bytes = cc->ssthresh_bytes;
		acked_bytes -= room;
	}
	ops[cc->kind]->on_ack(cc, acked_bytes, srtt_ns, now);
}

void
cc_on_loss(struct cc *cc, uint32_t flight_bytes)
{
	ops[cc->kind]->on_loss(cc, flight_bytes);
}

void
cc_on_timeout(struct cc *cc, uint32_t flight_bytes)
{
	cc_on_loss(cc, flight_bytes);
	cc->cwnd_bytes = cc->mss;
}

/* Down to `least` or the initial window; slow start comes back to three quarters of what it was. */
static void
shrink(struct cc *cc, uint32_t least)
{
	uint32_t first = initial_window(cc->mss), near = cc->cwnd_bytes / 4 * 3;

	if (least < first)
		least = first;
	if (near > cc->ssthresh_bytes)
		cc->ssthresh_bytes = near;
	if (cc->cwnd_bytes > least)
		cc->cwnd_bytes = least;
	if (ops[cc->kind]->on_slack != NULL)
		ops[cc->kind]->on_slack(cc);
}

void
cc_restart(struct cc *cc)
{
	shrink(cc, 0);
}

void
cc_on_unused(struct cc *cc)
{
	shrink(cc, cc->cwnd_bytes / 2);
}
