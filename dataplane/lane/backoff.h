/*
 * backoff.h - how a core waits when its lanes find no work: it spins, then pauses, then sleeps,
 * twice as long each time, never beyond the next deadline. Work ends all waiting at once. Knows
 * no clock and no lane. Units: nanoseconds.
 */
#ifndef PENSTOCK_LANE_BACKOFF_H
#define PENSTOCK_LANE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* What is usual. */
#define BACKOFF_SPIN_NS	       20000ull
#define BACKOFF_PAUSE_NS       100000ull
#define BACKOFF_SLEEP_LEAST_NS 50000ull
#define BACKOFF_SLEEP_MOST_NS  1000000ull

/* Whole words each, so that another thread may change them one by one. */
struct backoff_conf {
	uint64_t is_busy;	 /* poll: busy: never sleeps */
	uint64_t spin_ns;	 /* idle for less: poll on */
	uint64_t pause_ns;	 /* idle for less: poll with a pause */
	uint64_t sleep_least_ns; /* the first sleep */
	uint64_t sleep_most_ns;
};

struct backoff {
	struct backoff_conf conf;
	bool is_idle;	   /* no work at the last round */
	uint64_t since;	   /* idle since */
	uint64_t sleep_ns; /* the next sleep */
};

enum backoff_act {
	BACKOFF_POLL,
	BACKOFF_PAUSE,
	BACKOFF_SLEEP, /* for *ret_sleep_ns */
};

/* As is usual. */
void backoff_init(struct backoff *b, bool is_busy);

/* From the next round on. */
void backoff_tune(struct backoff *b, const struct backoff_conf *conf);

void backoff_usual(struct backoff_conf *ret_conf, bool is_busy);

/*
 * After a round over all lanes of a core: what to do next.
 *   deadline  when a lane has something to do by itself
 */
enum backoff_act backoff_next(struct backoff *b, bool found_work, uint64_t now, uint64_t deadline,
			      uint64_t *ret_sleep_ns);

#endif
