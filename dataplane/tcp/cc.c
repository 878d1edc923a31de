/*
 * cc.c - what all congestion control algorithms share: the window at the start, after a pause,
 * after a timeout, and slow start.
 */
#include <string.h>

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

uint32_t
cc_initial(uint16_t mss)
{
	uint32_t floor = 2u * mss > CC_INITIAL_BYTES ? 2u * mss : CC_INITIAL_BYTES;
	uint32_t ten = (uint32_t)CC_INITIAL_SEGMENTS * mss;

	return ten < floor ? ten : floor;
}

void
cc_begin(struct cc *cc, enum tcp_cc kind, uint16_t mss, bool syn_repeated)
{
	*cc = (struct cc){
		.cwnd_bytes = syn_repeated ? mss : cc_initial(mss),
		.ssthresh_bytes = UINT32_MAX / 2,
		.mss = mss,
		.kind = (uint8_t)kind,
	};
}

void
cc_on_slack_in_avoidance(struct cc *cc)
{
	if (ops[cc->kind]->on_slack != NULL)
		ops[cc->kind]->on_slack(cc);
}

void
cc_on_ack(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_ack rest;
	uint32_t room;

	if (cc->cwnd_bytes >= cc->ssthresh_bytes) {
		ops[cc->kind]->on_ack(cc, ack);
		return;
	}
	if (cc_is_first(cc) && ops[cc->kind]->on_first_ack != NULL) {
		ops[cc->kind]->on_first_ack(cc, ack);
		return;
	}
	/*
	 * All that was acknowledged counts, unlike L = 2 of RFC 3465: receivers that gather
	 * segments answer many with one ACK. But no further than to the threshold: the ACK of a
	 * whole flight after a timeout must not bring the old window back.
	 */
	room = cc->ssthresh_bytes - cc->cwnd_bytes;
	if (ack->acked_bytes <= room) {
		cc->cwnd_bytes += ack->acked_bytes;
		return;
	}
	rest = *ack;
	rest.acked_bytes -= room;
	cc->cwnd_bytes = cc->ssthresh_bytes;
	ops[cc->kind]->on_ack(cc, &rest);
}

void
cc_on_loss(struct cc *cc, uint32_t flight_bytes)
{
	if (cc_is_first(cc)) /* what slow start noted there is nothing to avoidance */
		memset(cc->own, 0, sizeof(cc->own));
	ops[cc->kind]->on_loss(cc, flight_bytes);
}

uint32_t
cc_pace(const struct cc *cc, uint32_t srtt_us)
{
	return ops[cc->kind]->pace != NULL ? ops[cc->kind]->pace(cc, srtt_us) : 0;
}

void
cc_on_timeout(struct cc *cc, uint32_t flight_bytes)
{
	cc_on_loss(cc, flight_bytes);
	cc->cwnd_bytes = cc->mss;
}

void
cc_keep(const struct cc *cc, struct cc_memory *to)
{
	*to = (struct cc_memory){ .cwnd_bytes = cc->cwnd_bytes,
				  .ssthresh_bytes = cc->ssthresh_bytes };
	memcpy(to->own, cc->own, sizeof(to->own));
}

void
cc_bring_back(struct cc *cc, const struct cc_memory *from)
{
	if (cc->cwnd_bytes < from->cwnd_bytes)
		cc->cwnd_bytes = from->cwnd_bytes;
	cc->ssthresh_bytes = from->ssthresh_bytes;
	memcpy(cc->own, from->own, sizeof(cc->own));
}

/* Down to `least` or the initial window; slow start comes back to three quarters of what it was. */
static void
shrink(struct cc *cc, uint32_t least)
{
	uint32_t first = cc_initial(cc->mss), near = cc->cwnd_bytes / 4 * 3;

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
