/*
 * cc.c - what all congestion control algorithms share: the window at the start and after a pause.
 */
#include "tcp/cc.h"

static uint32_t
initial_window(uint16_t mss)
{
	uint32_t floor = 2u * mss > CC_INITIAL_BYTES ? 2u * mss : CC_INITIAL_BYTES;
	uint32_t ten = (uint32_t)CC_INITIAL_SEGMENTS * mss;

	return ten < floor ? ten : floor;
}

void
cc_begin(struct cc *cc, uint16_t mss, bool syn_repeated)
{
	*cc = (struct cc){
		.cwnd_bytes = syn_repeated ? mss : initial_window(mss),
		.ssthresh_bytes = UINT32_MAX / 2,
		.mss = mss,
	};
	CC_DEFAULT->init(cc);
}

void
cc_restart(struct cc *cc)
{
	uint32_t first = initial_window(cc->mss);

	if (cc->cwnd_bytes > first)
		cc->cwnd_bytes = first;
}
