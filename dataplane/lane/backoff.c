/*
 * backoff.c - see backoff.h.
 */
#include "lane/backoff.h"

void
backoff_usual(struct backoff_conf *ret_conf, bool is_busy)
{
	*ret_conf = (struct backoff_conf){
		.is_busy = is_busy,
		.spin_ns = BACKOFF_SPIN_NS,
		.pause_ns = BACKOFF_PAUSE_NS,
		.sleep_least_ns = BACKOFF_SLEEP_LEAST_NS,
		.sleep_most_ns = BACKOFF_SLEEP_MOST_NS,
	};
}

void
backoff_init(struct backoff *b, bool is_busy)
{
	*b = (struct backoff){ 0 };
	backoff_usual(&b->conf, is_busy);
}

void
backoff_tune(struct backoff *b, const struct backoff_conf *conf)
{
	b->conf = *conf;
	b->is_idle = false; /* its sleep begins anew at the least */
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

	if (found_work || b->conf.is_busy || !b->is_idle) {
		b->is_idle = !found_work;
		b->since = now;
		b->sleep_ns = b->conf.sleep_least_ns;
		return BACKOFF_POLL;
	}
	if (now - b->since < b->conf.spin_ns)
		return BACKOFF_POLL;
	if (now - b->since < b->conf.pause_ns || left < b->conf.sleep_least_ns)
		return BACKOFF_PAUSE;
	*ret_sleep_ns = b->sleep_ns < left ? b->sleep_ns : left;
	b->sleep_ns *= 2;
	if (b->sleep_ns > b->conf.sleep_most_ns)
		b->sleep_ns = b->conf.sleep_most_ns;
	return BACKOFF_SLEEP;
}
