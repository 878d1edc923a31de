/*
 * town.h - lanes for tests: real lanes in one thread over a fake port, and one peer on its wire
 * that resolves addresses, opens connections and asks for pages. Time stands still but for
 * town_run. The one listener has no farm, so that every request is answered 404.
 */
#ifndef PENSTOCK_TESTS_LANE_TOWN_H
#define PENSTOCK_TESTS_LANE_TOWN_H

#include "abi/answers.h"
#include "abi/asks.h"
#include "abi/board.h"
#include "base/buf_heap.h"
#include "lane/lane.h"
#include "lane/mesh.h"
#include "lane/steer.h"
#include "wire/wire.h"

enum {
	TOWN_LANES = 8,
	TOWN_WIRE = 4096,
	TOWN_CONNS = 512,
};

/* What the port does with a frame for us: which queue it puts it in. */
typedef uint16_t town_spread_fn(const uint8_t *frame, uint32_t n);

struct town_queue {
	struct buf *rx[TOWN_WIRE];
	uint32_t rx_at, rx_n;
	uint32_t tx_by_lane; /* frames sent while this lane turned, see town.turning */
	bool is_stuck;	     /* takes nothing */
};

struct town_conn {
	struct seq seq, ack;
	bool is_open, is_done;
	uint32_t bytes; /* of the answer */
	char head[16];
};

enum {
	TOWN_ANSWERS = 64
};

struct town {
	uint64_t now, step_ns; /* of a round */
	uint16_t lane_n;
	struct buf_pool *pool, *reserve;
	struct buf_pool *wire; /* the peer's frames: a port has taken buffers for them before */
	struct portif port;
	bool is_down;	/* the port's link */
	struct mac mac; /* the peer's: others' frames it does not hear */
	bool moves;	/* it has another before it sends its next request, and tells nobody */
	bool cuts;	/* the peer's requests come in two pieces, the second first */
	bool forgets;	/* and of these only the first comes */
	struct town_queue queue[TOWN_LANES];
	town_spread_fn *spread;
	struct mesh *mesh;
	struct view_set views;
	struct view *view, *views_before[2]; /* town_publish */
	uint32_t published_n;
	uint32_t flags; /* of the next view's machine */
	struct lane *lane[TOWN_LANES];
	struct board board[TOWN_LANES];
	struct asks asks;
	struct answers answers[TOWN_LANES];
	void *answers_memory[TOWN_LANES];
	void *board_memory[TOWN_LANES], *lane_memory[TOWN_LANES];
	uint16_t turning;
	uint32_t wrong_lane_tx;		   /* frames sent on a queue by another than its lane */
	struct town_conn conn[TOWN_CONNS]; /* by source port - TOWN_PORT */
	uint32_t arp_answers, resets;
	uint32_t arp_heard; /* replies to town_ask_arp */
};

struct town_conf {
	uint16_t lane_n, queue_n;
	bool has_rss; /* the port tells a key; the peer's side then spreads by `spread` */
	town_spread_fn *spread;
	uint32_t bufs_n;
	uint32_t rule_n; /* of the view, of incarnation 1; no listener binds them */
	uint32_t flags;	 /* of its machine: IMG_MACHINE_… */
};

void town_open(struct town *town, const struct town_conf *conf);
void town_close(struct town *town); /* every buffer must have come back */

/* Lanes turn and the wire carries, until nothing happens any more or so many rounds are over. */
void town_run(struct town *town, uint32_t rounds);

/* Another view of so many rules becomes current, as the keeper does it. At most twice. */
void town_publish(struct town *town, uint32_t rule_n, uint32_t incarnation);

/* The i-th connection's SYN, and later its request, which the peer sends once it is open. */
void town_ask(struct town *town, uint32_t i);

/* An IP packet of the peer's, from town->wire; our IPv6 address, at which nothing listens. */
void town_send(struct town *town, struct buf *packet, uint16_t ethertype);
extern const struct ip_addr town_ip6;

/* The peer asks who has our address. */
void town_ask_arp(struct town *town);

/* Of all lanes. */
uint64_t town_sum(const struct town *town, size_t counter_offset);
#define TOWN_SUM(town, name) town_sum(town, offsetof(struct counters, name))

/* The spreading a card with the usual key does, over n queues; and a wrong one. */
uint16_t town_spread_right(const uint8_t *frame, uint32_t n);
uint16_t town_spread_wrong(const uint8_t *frame, uint32_t n);

#endif
