/*
 * backoff.h - how a core waits when its lanes find no work: it spins, then pauses, then sleeps
 * for BACKOFF_SLEEP_MIN_NS rising to BACKOFF_SLEEP_MAX_NS, never beyond the next deadline. Work
 * ends all waiting at once. Knows no clock and no lane. Units: nanoseconds.
 */
#ifndef PENSTOCK_LANE_BACKOFF_H
#define PENSTOCK_LANE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_SPIN_NS	     20000ull  /* idle for less: poll on */
#define BACKOFF_PAUSE_NS     100000ull /* idle for less: poll with a pause */
#define BACKOFF_SLEEP_MIN_NS 50000ull
#define BACKOFF_SLEEP_MAX_NS 1000000ull

struct backoff {
	bool is_busy;	   /* poll: busy: never sleeps */
	bool is_idle;	   /* no work at the last round */
	uint64_t since;	   /* idle since */
	uint64_t sleep_ns; /* the next sleep */
};

enum backoff_act {
	BACKOFF_POLL,
	BACKOFF_PAUSE,
	BACKOFF_SLEEP, /* for *ret_sleep_ns */
};

void backoff_init(struct backoff *b, bool is_busy);

/*
 * After a round over all lanes of a core: what to do next.
 *   deadline  when a lane has something to do by itself
 */
enum backoff_act backoff_next(struct backoff *b, bool found_work, uint64_t now, uint64_t deadline,
			      uint64_t *ret_sleep_ns);

#endif
