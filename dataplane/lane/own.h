/*
 * own.h - what the files of lane/ share: a lane's inside.
 */
#ifndef PENSTOCK_LANE_OWN_H
#define PENSTOCK_LANE_OWN_H

#include "abi/capture.h"
#include "lane/except.h"
#include "lane/lane.h"
#include "lane/steer.h"
#include "net/net.h"
#include "net/ports.h"
#include "proxy/proxy.h"
#include "proxy/watch.h"
#include "tcp/tcp.h"
#include "wire/wire.h"

enum {
	TX_MAX = 1024,	     /* frames waiting for one port, in one lane */
	TX_CALM = 512,	     /* above this TCP is not asked for more: the port sets the pace */
	ROUNDS_MAX = 4,	     /* of TCP output and the events it brings, in one turn */
	ASK_BYTES = 384,     /* a received frame up to this is asked for before it is looked at, */
	ASK_LEAST = 128,     /* of larger ones so much */
	RULES_A_TURN = 128,  /* whose rows on the board are looked at after a new view */
	LOOK_A_TURN = 32,    /* connections looked at for control's ask */
	RUNTIME_SCAN = 1024, /* servers whose run-time words are looked at in a millisecond */
};

#define MS_NS	       1000000ull
#define TX_PATIENCE_NS (20 * MS_NS)  /* a port that takes nothing for so long loses its queue */
#define PUBLISH_NS     (100 * MS_NS) /* gauges and servers on the board */
#define LOAD_LEAST_NS  (50 * MS_NS)  /* a shorter time says nothing of the load */

/* Control's ask, and how far it has got (answer.c). */
struct lane_desk {
	const struct ask *place; /* set by another thread; NULL: not there yet */
	struct answers answers;
	struct ask ask;
	struct proxy_look look;
	uint64_t look_at; /* when the place is looked at next */
	bool is_working;
	bool awaits_ring; /* of an ask to capture: another thread makes it */
};

/* A received segment that may turn out to be of a chosen flow before its burst is over. */
struct capture_late {
	struct tcp_seg seg;
	uint32_t n, kept_n;
	uint16_t path;
	uint8_t bytes[BUF_ROOM];
};

/* Packets of chosen flows (capture.c). */
struct lane_capture {
	const struct capture_ring *made; /* set by another thread; NULL: not there yet */
	struct capture_ring ring;
	bool is_on;
	uint32_t snap;
	uint64_t id, until;
	uint32_t late_n;
	struct watch watch;
	struct capture_late late[BURST_MAX];
};

/* Frames on their way out by one port, in order. */
struct lane_tx {
	struct buf *frame[TX_MAX];
	uint32_t n;
	uint64_t moved_at; /* last time a frame left, or the queue was empty */
	bool is_dead;	   /* lost its queue once; a frame that leaves ends this */
};

/* Segments of one burst on their way to TCP. */
struct lane_burst {
	struct tcp_seg seg[BURST_MAX];
	struct buf *buf[BURST_MAX];
	uint32_t n;
};

/* Frames for other lanes, gathered over one burst. */
struct lane_handover {
	struct buf *frame[LANES_MAX][BURST_MAX];
	uint32_t n[LANES_MAX];
	uint64_t to; /* a bit for each lane with any */
};

struct lane {
	struct lane_conf conf;
	struct counters *count;
	struct view_taken taken;
	bool has_view, is_draining;
	bool must_drain;       /* at its next turn, with the view of that turn */
	uint64_t unheard;      /* lanes whose rings were not emptied at the last turn */
	uint64_t runtime_at;   /* when the run-time words are looked at next */
	uint64_t publish_at;   /* when the board's gauges are written next */
	uint64_t load_at;      /* when the load was last measured, */
	uint64_t load_busy_ns; /* with so much work behind it; */
	uint32_t load;	       /* in 1/256 permille */
	uint32_t burst_n;      /* frames taken from a queue at a time */
	uint32_t runtime_next; /* server to begin with */
	uint32_t server_n;     /* of the view */
	uint32_t *runtime_seq; /* [servers_max], of the words last seen */
	uint32_t rule_next;    /* of the view's rules, the next to have its row on the board, */
	uint32_t rule_n;       /* of so many */
	uint64_t turned_at;
	uint64_t links_up; /* a bit a port, as last seen */
	uint64_t round_at; /* when the rounds begun so far are paid for, see rx.c */
	bool reassembles;  /* the view wants fragments put together */

	struct wire_port wire[PORTS_MAX];
	struct tcp_path path[PORTS_MAX];
	uint32_t judged_n[PORTS_MAX]; /* segments seen, to choose those that are judged */

	struct lane_desk desk;
	struct lane_capture capture;
	uint64_t wall_ns; /* see lane_conf */
	struct net *net;
	struct net_ports *ports;
	struct tcp *tcp;
	struct proxy *proxy;

	struct tcp_out tcp_out;
	struct net_out net_out;
	struct lane_burst burst;
	struct lane_handover handover;
	struct lane_tx tx[PORTS_MAX];
};

/* ---- lane.c ---- */

/* What is new in lane->taken reaches the engines. */
void lane_adopt_view(struct lane *lane, uint64_t now);

/* The next of its rules get their rows on the board. Call each turn while rule_next < rule_n. */
void lane_own_rules(struct lane *lane);

/* ---- answer.c ---- */

/* A bounded part of what control asked for, when it asked. Returns whether there was any. */
bool lane_answer(struct lane *lane, uint64_t now);

/* ---- capture.c ---- */

/* The ring is there. Another capture, if one is on, is over. */
void capture_start(struct lane *lane, const struct ask *ask, uint64_t now);
void capture_stop(struct lane *lane);

/* While capture.is_on: the burst before TCP has it, and after it was worked on; frames on their
 * way to a port's queue. */
void capture_received(struct lane *lane, uint64_t now);
void capture_settle(struct lane *lane, uint64_t now);
void capture_sent(struct lane *lane, struct buf *const *frame, uint32_t n, uint64_t now);

/* ---- except.c ---- */

/* What of a burst is the kernel's goes there; the others are moved together, returns how many. */
uint32_t lane_sort(struct lane *lane, const struct portif *port, struct buf **frame, uint32_t n);

/* A burst of what the kernel sends by the port. Returns whether there was any. */
bool lane_hear_kernel(struct lane *lane, const struct portif *port);

/* ---- rx.c ---- */

/* One burst from each queue that this lane polls. Returns whether there was any. */
bool lane_receive(struct lane *lane, uint64_t now);

/* What other lanes put in this lane's rings. */
bool lane_hear(struct lane *lane, uint64_t now);

/* ---- turn.c ---- */

/* Hands the gathered segments to TCP, its events to the proxy and its packets on. */
void lane_input(struct lane *lane, uint64_t now);

/* Fragments that wait go first when buffers run out, or when the view refuses them. */
void lane_look_at_fragments(struct lane *lane);

/* ---- tx.c ---- */

/* Frames and news of net's out go where they belong; out is empty then. */
void lane_take_net_out(struct lane *lane, uint64_t now);

/* IP packets of tcp's out through net; none are left there. */
void lane_take_packets(struct lane *lane, uint64_t now);

/* Appends a frame to a port's queue, or drops it when there is no room. */
void lane_put_frame(struct lane *lane, struct buf *frame);

/* Every port's queue has room for what TCP may make. */
bool lane_can_send(const struct lane *lane);

/* Sends, or hands to the lane that sends. Returns whether anything moved. */
bool lane_flush(struct lane *lane, uint64_t now);

uint32_t lane_tx_n(const struct lane *lane);

/* ---- publish.c ---- */

/* Run-time words to the farms, gauges to the board, when it is time. */
void lane_take_runtime(struct lane *lane, uint64_t now);
void lane_publish(struct lane *lane, uint64_t now);

#endif
