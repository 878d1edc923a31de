/*
 * proxy.h - one lane's proxy: client and upstream connections, the exchanges between them, and
 * the upstream connections kept for the next request.
 *
 * An engine: it has no clock, lock, malloc or I/O. Bytes move only through the lane's TCP; the
 * lane brings TCP's events and time, and calls tcp_advance afterwards, so that what the proxy has
 * given to tcp_send leaves in the same turn.
 *
 * Lifetime: the view given last is read until the next proxy_set_view; exchanges copy what they
 * need of it when they are routed, so that connections and exchanges outlive views.
 * Units: nanoseconds of the caller's monotonic clock, bytes.
 */
#ifndef PENSTOCK_PROXY_PROXY_H
#define PENSTOCK_PROXY_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/counters.h"
#include "base/buf.h"
#include "farm/farm.h"
#include "tcp/tcp.h"

struct proxy;
struct view;
struct net;
struct net_ports;
struct journal_writer;
struct answers;
struct watch;
struct ask;
struct board_hists;
struct board_rule;

struct proxy_conf {
	uint32_t lane_i;
	uint32_t conns_max;	   /* client and upstream connections together; < 2^20 */
	uint32_t exchanges_max;	   /* requests in progress; < 2^20 */
	uint32_t server_slots_max; /* server slots lie below this */
	uint32_t servers_max;	   /* servers in one view */
	uint32_t listeners_max;
	size_t rewrite_bytes; /* memory for bodies that rules rewrite; 0: they are answered 500 */
	uint32_t bufs_max;    /* the lane's lending budget, tcp_conf.bufs_max */
	uint64_t seed[2];     /* source ports, request ids */
	struct tcp *tcp;
	struct net *net;	 /* which port and source address lead to a server */
	struct net_ports *ports; /* source ports that come back to this lane */
	struct buf_pool *pool;
	struct counters *count;
	struct journal_writer *journal; /* access records; NULL: none are written */
	struct board_hists *hists;	/* of the lane's board; NULL: none are kept */
	struct board_rule
		*rule_rows;	    /* of the lane's board, by slot; NULL: rules are not counted */
	uint64_t (*clock_ns)(void); /* read around some rules; NULL: their time is not kept */
};

/* Bytes that proxy_init needs, 64-byte aligned. */
size_t proxy_size(const struct proxy_conf *conf);

/*
 * Makes a proxy in mem (proxy_size bytes, zeroed). No listener is open before proxy_set_view.
 *   wall_ns  nanoseconds to add to the monotonic clock for time of day, in access records
 */
struct proxy *proxy_init(void *mem, const struct proxy_conf *conf, uint64_t wall_ns, uint64_t now);

/* Lets go of all connections and gives every buffer back. */
void proxy_fini(struct proxy *proxy);

/* One event of tcp_input or tcp_advance. Events of connections already let go are ignored. */
void proxy_on_event(struct proxy *proxy, const struct tcp_event *ev, uint64_t now);

/* Timers that are due, and work left over from a turn's byte budget. Once a turn. */
void proxy_advance(struct proxy *proxy, uint64_t now);

/* When proxy_advance next has something to do; not after now: at once. UINT64_MAX: not before the
 * next event. */
uint64_t proxy_deadline(const struct proxy *proxy);

/*
 * From now on new requests go by this view. Opens and closes TCP listeners so that they are the
 * view's; connections stay. The caller keeps the view alive until the next call has returned.
 */
void proxy_set_view(struct proxy *proxy, const struct view *view, uint64_t now);

/* The clock has been set: see proxy_init. */
void proxy_set_wall(struct proxy *proxy, uint64_t wall_ns);

/*
 * The lane's farm state: the lane brings run-time words to it (farm_set_runtime, at most once a
 * millisecond and after proxy_set_view) and reads counts for the board.
 */
struct farms *proxy_farms(struct proxy *proxy);

/* After run-time words changed: idle connections to servers no longer wanted are closed, requests
 * at disabled ones are cut. */
void proxy_prune_pool(struct proxy *proxy, uint64_t now);

/* No new requests: listeners are closed, kept connections end, exchanges go on. */
void proxy_drain(struct proxy *proxy, uint64_t now);

/* For the board. */
struct proxy_gauges {
	uint32_t client_conns;	 /* open */
	uint32_t client_idle;	 /* of these, between requests */
	uint32_t upstream_conns; /* open or being opened */
	uint32_t upstream_idle;	 /* of these, kept for the next request */
	uint32_t exchanges;	 /* in progress */
	uint32_t tunnels;	 /* of these, upgraded */
	uint32_t rewrites;	 /* bodies being rewritten */
	uint32_t bufs_held;	 /* in the proxy's own queues, not TCP's */
};

/* Connections open to a server, by slot, and how many of these are kept for the next request. */
void proxy_server_conns(const struct proxy *proxy, uint32_t slot, uint32_t *ret_conns_n,
			uint32_t *ret_idle_n);

void proxy_gauges(const struct proxy *proxy, struct proxy_gauges *ret_gauges);

/* ---- look.c: sessions for control ---- */

/* How far an ask has got; zeroed, but for next = ask.from, when it begins. */
struct proxy_look {
	uint64_t next; /* the place of a connection */
};

/*
 * Works on an ask (abi/asks.h, found sound by ask_take): looks at up to budget_n places of
 * connections, and puts the sessions that fit into answers, begun by the caller, as they are before
 * an ask to kill ends them. True: the answer is whole, or full, and has been ended. A session that
 * comes or goes meanwhile may be missed or told of; none is told of twice.
 */
bool proxy_look(struct proxy *proxy, const struct ask *ask, struct proxy_look *look,
		uint32_t budget_n, struct answers *answers, uint64_t now);

/* From now on connections of sessions that fit come into this set (watch.h); NULL: no more. An ask
 * to capture, worked on by proxy_look, brings those that are there. */
void proxy_set_watch(struct proxy *proxy, struct watch *watch);

#endif
