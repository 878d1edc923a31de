/*
 * except.c - a lane's side of exception paths (see except.h).
 */
#include "lane/except.h"

#include <string.h>

#include "lane/own.h"

/* A frame of its own for the kernel, of one that is ours too; NULL: too long, or no buffer. */
static struct buf *
copy_of(struct lane *lane, const struct buf *frame)
{
	struct buf *copy;

	if (frame->m.pkt_len > BUF_ROOM)
		return NULL;
	copy = buf_take(lane->conf.pool);
	if (copy == NULL)
		return NULL;
	for (const struct buf *seg = frame; seg != NULL; seg = buf_next(seg))
		memcpy(buf_append(copy, seg->m.data_len), buf_data(seg), seg->m.data_len);
	copy->path = frame->path;
	return copy;
}

uint32_t
lane_sort(struct lane *lane, const struct portif *port, struct buf **frame, uint32_t n)
{
	struct except *except = port->except;
	const struct ours *ours = atomic_load_explicit(&except->ours, memory_order_acquire);
	struct buf *theirs[BURST_MAX];
	uint32_t kept = 0, theirs_n = 0, put;

	for (uint32_t i = 0; i < n; i++) {
		enum ours_verdict verdict = ours_judge(ours, frame[i]);

		if (verdict == OURS_KERNELS) {
			theirs[theirs_n++] = frame[i];
			continue;
		}
		frame[kept++] = frame[i];
		if (verdict != OURS_BOTH)
			continue;
		theirs[theirs_n] = copy_of(lane, frame[i]);
		if (theirs[theirs_n] != NULL)
			theirs_n++;
		else
			lane->count->lane_drop_except_copy++;
	}
	if (theirs_n == 0)
		return kept;
	put = spsc_put(except->to_kernel[lane->conf.lane_i], (void **)theirs, theirs_n);
	lane->count->lane_except_to_kernel += put;
	if (put < theirs_n) {
		lane->count->lane_drop_except_full += theirs_n - put;
		buf_give_burst(&theirs[put], theirs_n - put);
	}
	return kept;
}

bool
lane_hear_kernel(struct lane *lane, const struct portif *port)
{
	struct except *except = port->except;
	struct buf *frame[BURST_MAX];
	uint32_t n;

	if (atomic_load_explicit(&except->refused, memory_order_relaxed) != 0)
		lane->count->lane_drop_except_refused +=
			atomic_exchange_explicit(&except->refused, 0, memory_order_relaxed);
	if (!lane_can_send(lane))
		return false; /* the kernel's own queue fills, and drops */
	n = spsc_get(except->from_kernel, (void **)frame, BURST_MAX);
	for (uint32_t i = 0; i < n; i++)
		lane_put_frame(lane, frame[i]);
	lane->count->lane_except_from_kernel += n;
	return n > 0;
}
