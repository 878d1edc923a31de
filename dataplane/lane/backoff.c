/*
 * backoff.c - see backoff.h.
 */
#include "lane/backoff.h"

void
backoff_init(struct backoff *b, bool is_busy)
{
	*b = (struct backoff){ .is_busy = is_busy };
}

/*
 * A sleep is not worth its cost when the deadline is nearer than the shortest one: then the core
 * polls with pauses until it comes.
 */
enum backoff_act
backoff_next(struct backoff *b, bool found_work, uint64_t now, uint64_t deadline,
	     uint64_t *ret_sleep_ns)
{
	uint64_t left = deadline > now ? deadline - now : 0;

	if (found_work || b->is_busy || !b->is_idle) {
		b->is_idle = !found_work;
		b->since = now;
		b->sleep_ns = BACKOFF_SLEEP_MIN_NS;
		return BACKOFF_POLL;
	}
	if (now - b->since < BACKOFF_SPIN_NS)
		return BACKOFF_POLL;
	if (now - b->since < BACKOFF_PAUSE_NS || left < BACKOFF_SLEEP_MIN_NS)
		return BACKOFF_PAUSE;
	*ret_sleep_ns = b->sleep_ns < left ? b->sleep_ns : left;
	b->sleep_ns *= 2;
	if (b->sleep_ns > BACKOFF_SLEEP_MAX_NS)
		b->sleep_ns = BACKOFF_SLEEP_MAX_NS;
	return BACKOFF_SLEEP;
}
