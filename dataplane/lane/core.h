/*
 * core.h - a core: a thread that runs one or more lanes, turn by turn, and waits when none of
 * them finds work (backoff.h). Sleep is ended by the next deadline, by a hand-over to one of its
 * lanes (core_wake) or by the sleep's own length, which is when the ports are looked at again.
 *
 * The other threads steer it by atomic words: stop, drain, wall clock, how it waits, lanes to give
 * away.
 * A lane moves between two of its turns: the core that runs it takes it off its list and then sets
 * its bit in the other's mailbox (release); the other takes the bit (acquire) and runs it. So a lane
 * is on one list or in one mailbox, never on two lists, and there is no lock. A core without lanes
 * sleeps until it is woken. Units: nanoseconds.
 */
#ifndef PENSTOCK_LANE_CORE_H
#define PENSTOCK_LANE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "lane/backoff.h"
#include "lane/lane.h"

struct core {
	struct lane *lane[LANES_MAX];
	uint16_t lane_i[LANES_MAX]; /* their numbers */
	uint16_t lane_n;
	uint16_t core_i; /* its own number, for the boards */
	uint16_t *
		core_of_lane; /* [LANES_MAX], of all cores: who runs a lane; NULL: lanes do not move */
	struct mesh *mesh;
	struct backoff backoff;
	int wake_fd; /* eventfd */

	/* Written by others, read at each round. */
	uint32_t stop, drain;
	uint32_t tuned_n; /* rises after each change of.. */
	struct backoff_conf tuned;
	uint64_t wall_ns; /* as lane_conf.wall_ns */
	uint64_t leaving; /* a bit a lane, which is to go to.. */
	struct core *leaving_to[LANES_MAX];

	/* The mailbox: a bit for each lane that another core has given, written before its bit. */
	uint64_t arrived;
	struct core_parcel {
		struct lane *lane;
		uint64_t given_at;
	} parcel[LANES_MAX];

	/* Written by the core. */
	uint64_t rounds __attribute__((aligned(64))); /* grows as long as the core is alive */
	uint32_t is_asleep;
	uint32_t is_idle; /* draining, and no request is in progress */
};

/* Zeroed memory; 0 or a negative errno. is_busy: never sleep. */
int core_init(struct core *core, struct mesh *mesh, bool is_busy, uint64_t wall_ns);
void core_fini(struct core *core);

/* A core that has stopped, has no lanes and whose thread is gone may be run again. Its bell stays:
 * who has read core_of_lane a moment ago may still ring it. */
void core_renew(struct core *core, uint64_t wall_ns);

/* Before the thread runs. */
void core_add(struct core *core, struct lane *lane, uint16_t lane_i);

/* The thread's body; returns when stopped. arg: struct core *. */
void *core_run(void *arg);

/* From other threads. */
void core_stop(struct core *core);
void core_drain(struct core *core);
void core_set_wall(struct core *core, uint64_t wall_ns);
void core_wake(struct core *core);

/* How it waits from its next round on. One thread. */
void core_tune(struct core *core, const struct backoff_conf *conf);

/*
 * Has the core give one of its lanes to another, at the end of a round. One thread orders all
 * moves, and none of a lane whose last one has not arrived (core_of_lane says who runs it).
 */
void core_order_move(struct core *core, uint16_t lane_i, struct core *to);

/* Monotonic nanoseconds. */
uint64_t core_now(void);

/*
 * Whether a core has stopped making rounds. Called at regular times by one thread; answers true
 * when an awake core made no round in CORE_STALLED_LOOKS looks in a row. Counting looks, not
 * time, forgives a machine that stood still as a whole.
 */
struct core_watch {
	uint64_t rounds;
	uint32_t same_n;
};

bool core_is_stalled(const struct core *core, struct core_watch *watch, uint32_t looks_max);

#endif
