/*
 * lane.h - a lane: a whole share-nothing proxy with its own TCP connections, neighbours, timers,
 * upstream pool and counters. It is given memory, ports, a clock reading and what the lanes share
 * (mesh.h, the set of views); it makes no syscall and takes no lock, so the simulator runs real
 * lanes over fake ports in one thread.
 *
 * One turn: take the view, hear the other lanes, receive, decode, TCP input, session events,
 * timers, TCP output, send, publish. Units: nanoseconds of the caller's monotonic clock.
 */
#ifndef PENSTOCK_LANE_LANE_H
#define PENSTOCK_LANE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/answers.h"
#include "abi/asks.h"
#include "abi/capture.h"
#include "abi/board.h"
#include "abi/image.h"
#include "abi/journal.h"
#include "lane/mesh.h"
#include "lane/portif.h"
#include "view/view.h"

struct lane;
struct tcp;
struct proxy;
struct net;

/* What an image's machine record and the number of lanes make of sizes, per lane. */
struct lane_plan {
	uint32_t conns_max;
	uint32_t exchanges_max;
	uint32_t backlog_max;
	uint32_t listeners_max;
	uint32_t server_slots; /* of the board, too */
	uint32_t servers_max;
	uint32_t journal_bytes;
	uint32_t bufs_max;	    /* the lending budget: stream buffers this lane may hold */
	uint32_t fragment_bufs_max; /* of the pool's reserve, for fragments */
};

/* pool_bufs: of all lanes; lent_bufs: of these, what the ports' receive rings hold. */
void lane_plan(const struct img *img, uint16_t lane_n, uint32_t pool_bufs, uint32_t lent_bufs,
	       struct lane_plan *ret_plan);

struct lane_conf {
	uint16_t lane_i;
	uint16_t port_n;
	const struct portif *port; /* [port_n], by path; they outlive the lane */
	struct mesh *mesh;	   /* shared by all lanes; it knows how many there are */
	struct view_set *views;	   /* whose current view is taken at each turn's start */
	const struct img *img;	   /* at start: limits and VLANs; not kept */
	struct lane_plan plan;
	struct buf_pool *pool;
	struct buf_pool *reserve; /* for messages to the link, which no other traffic can use up */
	struct board board;	  /* pointers into this lane's board, laid out by board_init */
	struct journal_writer *journal; /* NULL: no access records */
	struct answers answers;		/* to control's asks; session_n 0: none are heard */
	uint64_t seed[2];		/* all randomness of this lane */
	uint64_t (*clock_ns)(void);	/* for the time that rules take; NULL: none is kept */
	uint64_t wall_ns;		/* add to the monotonic clock for the time of day (Unix) */
	bool is_speaker; /* does duplicate detection and announcements; one lane of all */
};

/* Bytes of memory for this configuration, 64-byte aligned. */
size_t lane_size(const struct lane_conf *conf);

/* Makes a lane in mem (lane_size bytes, zeroed). It has no view before its first turn. */
struct lane *lane_init(void *mem, const struct lane_conf *conf, uint64_t now);

/* Ends every connection without a word and gives all buffers back. */
void lane_fini(struct lane *lane);

/* One turn. Returns whether it found work: a packet, a message, a timer. */
bool lane_turn(struct lane *lane, uint64_t now);

/* When the lane next has something to do by itself; not after now: it has work left. */
uint64_t lane_deadline(const struct lane *lane);

/* The caller has measured the turn: for the histogram and the busy time. */
void lane_account(struct lane *lane, bool found_work, uint64_t spent_ns);

/* Another core runs the lane from here on: for the board. pause_ns: since it was given away. */
void lane_arrive(struct lane *lane, uint16_t core_i, uint64_t pause_ns);

/* The lane's core goes to sleep or has woken; its view is taken anew at the next turn. */
void lane_sleep(struct lane *lane);
void lane_wake(struct lane *lane);

/* The clock has been set: see lane_conf.wall_ns. */
void lane_set_wall(struct lane *lane, uint64_t wall_ns);

/* Where this lane's asks are put from now on; it stays mapped until lane_fini. Any thread. */
void lane_set_asks(struct lane *lane, const struct ask *place);

/* Whether an ask waits for lane_set_capture: packets are to be captured and there is no ring. */
bool lane_wants_capture(const struct lane *lane);

/* Where captured packets go (abi/capture.h); stays until lane_fini. Any thread, once. */
void lane_set_capture(struct lane *lane, const struct capture_ring *ring);

/* From the next turn on no new request is taken; those in progress go on. Between any turns. */
void lane_drain(struct lane *lane);

/* No request is in progress. */
bool lane_is_idle(const struct lane *lane);

/* Buffers that the lane itself holds: in queues, waiting to be sent or for a neighbour. */
uint32_t lane_bufs_held(const struct lane *lane);

/* The engines within, for tests that look. */
struct tcp *lane_tcp(struct lane *lane);
struct proxy *lane_proxy(struct lane *lane);
struct net *lane_net(struct lane *lane);

#endif
