/*
 * world.h - a deterministic world of hosts that run the real TCP engine over bad links.
 *
 * Everything is drawn from one seed: the links' delay, loss, duplication, reordering, corruption
 * and rate, what the applications do, how long ports hold buffers. Time is virtual and jumps to
 * the next thing that happens. After every step the invariants are checked; a broken one prints
 * seed and time and stops the process. Units: nanoseconds, bytes; odds are per 1000.
 */
#ifndef PENSTOCK_TESTS_SIM_WORLD_H
#define PENSTOCK_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/counters.h"
#include "base/buf.h"
#include "base/buf_heap.h"
#include "base/prng.h"
#include "tcp/tcp.h"

#define MS 1000000ull
#define S  1000000000ull

enum {
	HOSTS = 2,
	PAIRS_MAX = 20000,
};

struct link_conf {
	uint64_t delay_ns, jitter_ns;
	uint32_t loss, duplicate, reorder, corrupt; /* per 1000 */
	uint32_t mark;				    /* per 1000 of those that are ECT: with CE */
	uint32_t ack_loss; /* per 1000 of those without text, beyond loss */
	uint32_t jump_max; /* delay is up to so many times delay_ns for a while, then again not */
	uint64_t jump_ns;  /* while: at most */
	bool keeps_order;  /* a jump down overtakes nothing */
	uint64_t byte_ns;  /* 0: no bottleneck */
	uint64_t queue_ns; /* drop beyond so much waiting */
};

/* What a peer says that is not so, lie.c. */
enum lie {
	LIE_UNSENT, /* an ACK of what was never sent */
	LIE_EARLY,  /* an ACK of what has not arrived: what is lost then stays lost */
	LIE_WINDOW, /* a window smaller than it is, its right edge to the left of what was offered */
	LIE_SACK,   /* blocks of anything */
	LIE_TWICE,  /* a D-SACK of what came once */
	LIE_SPLIT,  /* an ACK in many steps */
	LIE_REPEAT,  /* the same segment, again and again */
	LIE_PIECES,  /* the same text in other pieces */
	LIE_OUTSIDE, /* text far outside of the window */
	LIE_FLAGS,   /* a SYN, URG, FIN in the midst */
	LIE_TIME,    /* wrong timestamps, or none */
	LIES
};

#define LIE_BREAKS (1u << LIE_EARLY)

/* What one end of a connection does. */
struct app_conf {
	uint64_t send_bytes;
	uint32_t write_max, piece_max; /* bytes given at once; bytes in one buffer */
	uint64_t pause_ns;	       /* between writes, at most */
	uint32_t room_max;	       /* offered to the peer */
	uint32_t stall;		       /* per 1000 reads: stop reading */
	uint64_t stall_ns;	       /* for at most so long */
	uint64_t abort_at;	       /* having received so much; UINT64_MAX: never */
	bool waits_for_eof;	       /* closes only after the peer has */
	bool releases_early;	       /* lets go as soon as everything is given */
	bool corks;
};

struct world_conf {
	uint64_t seed;
	const char *name;
	bool is_v6;
	uint32_t pairs;
	uint32_t burst_max; /* packets of one tcp_input, 1 to 64 */
	uint64_t start_ns;  /* connections begin within this time */
	struct link_conf link[HOSTS];
	struct tcp_conf tcp[HOSTS];
	struct tcp_path path[HOSTS];
	uint32_t pool_bufs;
	uint64_t hold_ns;	    /* ports hold sent buffers for at most this long */
	uint32_t strip;		    /* a box on the way takes out these SYN options: 1 << kind */
	uint32_t uncut;		    /* per 1000 packets that ask to be cut: arrive whole */
	uint32_t split;		    /* per 1000 received packets: in several pieces */
	uint32_t saves;		    /* per 1000 steps: a connection is saved and restored */
	uint32_t pool_dry;	    /* per 1000 steps: the pool runs dry for a moment */
	uint32_t blind;		    /* per 1000 steps: somebody off the path guesses, */
	uint64_t blind_ns;	    /* for so long */
	uint32_t liar;		    /* the host that lies, */
	uint32_t lies;		    /* per 1000 segments of its, */
	uint32_t lie_kinds;	    /* about these: 1 << enum lie */
	uint64_t patience_ns;	    /* 0, or when both ends give up */
	bool is_calm_at_first;	    /* loss is 10 % at most until both ends are open */
	struct app_conf app[HOSTS]; /* drawn anew for each pair by draw, if there is one */
	void (*draw)(struct prng *prng, uint32_t pair, struct app_conf app[HOSTS]);
	uint64_t end_ns; /* everything is over by then, or it is stuck */
	bool may_fail;	 /* connections may end by timeouts or resets */
	bool has_aborts;
	uint32_t fast_pairs; /* the first ones must be done within fast_ns of their begin */
	uint64_t fast_ns;
};

struct world_result {
	uint64_t hash; /* of everything that was sent and told */
	uint64_t bytes, packets, steps, end_ns, saves, guesses, lies;
	uint32_t held_peak[HOSTS];
	struct counters count[HOSTS];
};

/* Runs the world to its end. */
void world_run(const struct world_conf *conf, struct world_result *ret_result);

#endif
