/*
 * lane_world.h - a deterministic world for whole lanes: real lanes over fake ports, real TCP
 * engines as clients and origins on the links behind them, tables that reload, farms that die.
 *
 * Everything is drawn from one seed; time is virtual and jumps to the next thing that happens.
 * Clients ask by script (struct lw_req); every byte of a body is a function of request and offset,
 * so each side checks what it gets, and each response carries its request's number. A broken
 * invariant prints seed, time and step and stops the process.
 * Units: nanoseconds, bytes; odds are per 1000.
 */
#ifndef PENSTOCK_TESTS_SIM_LANE_WORLD_H
#define PENSTOCK_TESTS_SIM_LANE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/counters.h"
#include "base/prng.h"

#define MS 1000000ull
#define S  1000000000ull

enum {
	LW_LANES_MAX = 4,
	LW_PORTS_MAX = 2,
	LW_ORIGINS_MAX = 6,
	LW_CLIENTS_MAX = 3,
	LW_HOSTS_MAX = LW_ORIGINS_MAX + LW_CLIENTS_MAX,
};

/* Between one host and the switch of its link, each way. */
struct lw_link {
	uint64_t delay_ns, jitter_ns;
	uint32_t loss, duplicate, reorder, corrupt; /* per 1000 */
	uint64_t byte_ns;			    /* 0: no bottleneck */
	uint64_t queue_ns;			    /* drop beyond so much waiting */
	uint32_t cut_bytes;	 /* segments are cut to this much payload; 0: they are not */
	uint32_t fragment_bytes; /* IP payload to the port, a multiple of 8; 0: no fragments */
};

/* How the fake port spreads flows over its queues. */
enum lw_spread {
	LW_SPREAD_RSS,	   /* by the key that it tells */
	LW_SPREAD_UNTOLD,  /* by a hash of its own; tells no key */
	LW_SPREAD_BELYING, /* not as it tells */
	LW_SPREADS,
};

struct lw_port {
	uint16_t queue_n, vlan, mtu;
	enum lw_spread spread;
	bool csum_tx, csum_rx, multi_segs, tso;
	uint64_t hold_ns;     /* sent buffers are held for at most this long */
	uint64_t hold_min_ns; /* ... and at least this long */
	uint32_t reluctant;   /* per 1000 bursts: takes a part, or nothing */
	uint32_t split;	      /* per 1000 received frames: in two buffers */
};

/* What one end of a connection does with it. */
struct lw_habits {
	uint32_t write_max, piece_max; /* bytes given at once; bytes in one buffer */
	uint64_t pause_ns;	       /* between writes, at most */
	uint32_t room_max;	       /* offered to the peer */
	uint32_t stall;		       /* per 1000 reads: stop reading */
	uint64_t stall_ns;	       /* for at most so long */
};

/* clang-format off */
#define LW_METHOD_LIST(x) x(GET, "GET") x(HEAD, "HEAD") x(POST, "POST") x(RPC, "RPC_IN_DATA")
#define LW_FRAMING_LIST(x) x(NONE) x(LENGTH) x(CHUNKED) x(CLOSE)
/* What the origin does with a request. */
#define LW_ACT_LIST(x)                                                                             \
	x(GOOD)               /* answers when it has all of it */                            \
	x(EARLY)             /* answers when it has the head, reads the rest */             \
	x(EARLY_CLOSE) /* ... says that it closes, reads on until the end */          \
	x(CLOSES)           /* answers and says that it closes */                          \
	x(LEAVES)           /* answers, then closes without having said so */              \
	x(INTERIM)         /* 103 first */                                                \
	x(RESET_HEAD)   /* resets instead of an answer */                              \
	x(FIN_HEAD)       /* closes instead of an answer */                              \
	x(RESET_BODY)   /* resets within the answer's body */                          \
	x(FIN_BODY)       /* closes within it */                                         \
	x(SILENT)           /* never answers */
/* How a request ended, as its client sees it. */
#define LW_END_LIST(x)                                                                             \
	x(OPEN) x(RIGHT) x(ERROR) x(CUT) x(ABANDONED)
/* clang-format on */

enum lw_method {
#define X(name, word) LW_METHOD_##name,
	LW_METHOD_LIST(X)
#undef X
};

enum lw_framing {
#define X(name) LW_FRAMING_##name,
	LW_FRAMING_LIST(X)
#undef X
};

enum lw_act {
#define X(name) LW_ACT_##name,
	LW_ACT_LIST(X)
#undef X
};

enum lw_end {
#define X(name) LW_END_##name,
	LW_END_LIST(X)
#undef X
};

/* One request: its script, then what became of it. */
struct lw_req {
	uint8_t method, framing; /* enum lw_method, lw_framing (not CLOSE) */
	uint8_t act;		 /* enum lw_act */
	uint8_t answer_framing;	 /* enum lw_framing; NONE: 204 or 304 */
	uint16_t status;
	bool closes;  /* Connection: close */
	bool is_old;  /* HTTP/1.0 */
	bool expects; /* Expect: 100-continue */
	bool has_trailer;
	bool leaves; /* the client resets within the response */
	uint32_t chunk_max, answer_chunk_max;
	uint32_t pad; /* bytes of a header field that nobody needs */
	uint64_t body_bytes, answer_bytes;
	uint64_t think_ns; /* of the origin, before it answers */
	uint64_t rest_ns;  /* of the client, before this request */
	uint64_t cut_at;   /* RESET_BODY, FIN_BODY: bytes of the body given before */

	uint8_t end;	  /* enum lw_end */
	bool is_sent;	  /* its first byte was given to TCP */
	bool is_excused;  /* its origin died, or might have: errors are right answers */
	bool is_doubtful; /* may have reached an origin twice */
	uint16_t got_status;
	uint32_t tries;	   /* connections of the client's */
	uint32_t heads_n;  /* times that an origin had its head */
	uint32_t wholes_n; /* times that an origin had all of it */
	uint64_t sent_at, done_at;
};

/* A client of a client host: its requests one after another, on one connection at a time. */
struct lw_user {
	uint32_t req_first, req_n;
	uint32_t depth; /* requests under way at once: pipelined when above 1 */
	uint32_t host;	/* of the client hosts */
	uint32_t listener;
	bool is_v6, is_slow;
	bool half_closes; /* shuts its end behind its last request */
	uint64_t start_ns;
	struct lw_habits habits;
};

struct lw_conf {
	uint64_t seed;
	const char *name;
	uint16_t lane_n, port_n;
	uint32_t client_n, origin_n;
	struct lw_port port[LW_PORTS_MAX];
	struct lw_link client_link[LW_CLIENTS_MAX], origin_link[LW_ORIGINS_MAX];
	struct lw_habits origin_habits[LW_ORIGINS_MAX];
	uint32_t host_bufs;    /* of one host's TCP; 0: a usual number */
	uint32_t origin_conns; /* of one; 0: a usual number */
	uint32_t listener_n;   /* 1 or 2, each with a farm of its own */
	uint64_t late_ns;      /* lanes take their turns at most this late */
	uint32_t dry;	       /* per 1000 steps: the pool runs dry for a moment */
	/*
	 * Of so many turns one is guarded: the memory of all other lanes is write-protected, and a
	 * write there ends the world with both lanes' numbers. It costs system calls. 0: none is.
	 */
	uint32_t guard_of;
	uint64_t stray_turn; /* in this turn, 1 the first, the lane writes where no lane may: */
	uint32_t stray_at;   /* into the next lane's memory, so many 1024ths from its begin */

	/* of the image */
	uint32_t conns_max, exchanges_max, pool_bufs;
	uint32_t send_max_bytes, recv_max_bytes;
	uint64_t idle_ns, upstream_idle_ns, client_send_ns, send_ns, receive_ns, connect_ns;
	uint64_t rest_ns;
	uint32_t idle_max, retries;
	uint64_t body_ns;
	bool has_rules;	   /* "/r/1" is asked for, and a rule makes it "/1" for the origins */
	bool has_outbound; /* has_rules, and others look through every response, head and body */

	bool reassembles; /* fragments are put together, not refused */

	/* what happens meanwhile, between these two times on average; 0: never */
	uint64_t reload_ns;  /* tables change */
	uint64_t runtime_ns; /* run-time words change */
	uint64_t death_ns;   /* an origin's process dies and comes back */
	uint64_t cut_ns;     /* an origin's link is cut for a while; perhaps it starts anew */
	uint64_t move_ns;    /* a lane moves to another core */
	uint64_t calm_at_ns; /* nothing of this from then on */

	uint32_t user_n, req_n; /* made by the caller */
	struct lw_user *user;
	struct lw_req *req;

	uint64_t end_ns;    /* everything is over by then, or it is stuck */
	bool may_error;	    /* 502, 503, 504 and cuts are right answers to anybody */
	bool may_drop;	    /* connections may be closed under waiting requests */
	bool may_be_double; /* requests may reach origins twice: proof can be lost on bad links */
	uint64_t fast_ns;   /* users that are not slow have each answer within this; 0: any */
};

struct lw_result {
	uint64_t hash; /* of every frame sent and every answer */
	uint64_t frames, bytes, steps, turns, end_ns;
	uint32_t held_peak[LW_LANES_MAX]; /* stream buffers */
	uint32_t held_max[LW_LANES_MAX];  /* what it may hold */
	uint32_t pool_peak;
	uint64_t right, errors, cut, abandoned;
	uint64_t slowest_fast_ns; /* longest wait for an answer of users that are not slow */
	uint32_t reloads, deaths, cuts, views_peak, moves;
	struct counters count; /* of all lanes */
};

/* Runs the world to its end. */
void lw_run(const struct lw_conf *conf, struct lw_result *ret_result);

#endif
