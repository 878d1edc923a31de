/*
 * inside.h - what the files of the world share.
 */
#ifndef PENSTOCK_TESTS_SIM_INSIDE_H
#define PENSTOCK_TESTS_SIM_INSIDE_H

#include "base/wheel.h"
#include "sim/world.h"

struct world;

/* A packet under way. */
struct flight {
	uint64_t at_ns, order;
	uint32_t to; /* host */
	uint32_t n;
	uint8_t *bytes;
};

/* A sent buffer that the port still holds, and what it held. */
struct lent {
	uint64_t at_ns, order;
	uint32_t host, n;
	struct buf *packet;
	uint8_t *bytes;
};

/* What the wire has seen of one direction of one pair. */
struct seen {
	bool has_edge;
	uint8_t wscale;
	bool has_wscale;
	struct seq edge; /* furthest right edge shown */
	struct seq left; /* furthest ACK */
	struct seq top;	 /* behind the furthest byte sent */
};

struct app {
	struct app_conf conf;
	struct tcp_id id;
	uint32_t host, pair;
	uint64_t given, received;
	uint64_t stalled_until;
	uint64_t open_ns, done_ns;
	bool is_open, is_shut, is_eof, is_gone, is_done, has_aborted;
	enum tcp_end end;
	struct seen seen;
	bool has_said;
	struct seq said;     /* a liar's ACK, as it should be */
	uint64_t last_tx_ns; /* when a packet of its left */
	uint64_t moved_ns;   /* when a byte was last received or acknowledged, or nothing to do */
	uint64_t moved;	     /* bytes, by then; 0: not yet looked at */
};

struct host {
	struct tcp *tcp;
	void *mem;
	struct buf_pool *pool;
	struct counters count;
	struct ip_addr addr;
	struct tcp_out out;
	uint64_t link_busy;			       /* bottleneck: free again at */
	uint64_t jump_until, jump_delay_ns, link_last; /* the delay as it jumps; the last arrival */
};

struct heap {
	void **item;
	uint32_t n, max;
};

struct world {
	struct world_conf conf;
	struct prng prng;
	uint64_t now, order, hash, blind_until;
	struct host host[HOSTS];
	struct heap flights, lents;
	struct app *app;     /* [pair * HOSTS + host] */
	struct wheel *wheel; /* when apps work (their index) and pairs begin (behind those) */
	void *wheel_mem;
	uint32_t to_start_n;
	uint64_t stuck_ns; /* nothing moves for so long: it never will */
	uint64_t checked_ns;
	struct world_result result;
};

#define WORLD_ENSURE(w, cond) ((cond) ? (void)0 : world_failed((w), #cond, __FILE__, __LINE__))

_Noreturn void world_failed(const struct world *w, const char *what, const char *file, int line);
void world_hash(struct world *w, const void *bytes, uint32_t n);
/* Sends the host's packets and handles its events. */
void world_empty_out(struct world *w, uint32_t host);

/* Byte `off` onwards of what an end sends. */
void pattern_fill(uint32_t pair, uint32_t host, uint64_t off, uint8_t *to, uint32_t n);

/* app.c */
struct app *app_of(struct world *w, uint32_t pair, uint32_t host);
void app_start(struct world *w, uint32_t pair);
void app_on_event(struct world *w, uint32_t host, const struct tcp_event *event);
void app_work(struct world *w, struct app *app);
void app_work_all(struct world *w);

/* net.c */
/* A whole TCP packet with right sums; payload_off counts from p. */
bool net_decode(const uint8_t *p, uint32_t n, struct tcp_seg *ret_seg);
void net_send(struct world *w, uint32_t from, struct buf *packet);
/* Over the link, with all that links do. */
void net_put(struct world *w, uint32_t from, const uint8_t *bytes, uint32_t n);
uint64_t net_next(const struct world *w);
void net_deliver(struct world *w);
void net_release(struct world *w);
void net_drop_all(struct world *w);

/* blind.c: one guess at one connection, which stays as it was. */
void blind_guess(struct world *w);

/* lie.c: a packet of the liar's, on its way. */
void lie_pass(struct world *w, struct app *app, const uint8_t *wire, uint32_t n);

/* check.c */
/* How long nothing may move in this world, links and ends being what they are. */
uint64_t check_patience(const struct world_conf *conf);
/* Before the clock jumps to at_ns: nobody waits for what will not come. */
void check_waiting(struct world *w, uint64_t at_ns);
/* One connection's record, against itself. */
void check_record(struct world *w, const struct app *app);
/* No connection is left, so nothing of one may be. */
void check_nothing_left(struct world *w, uint32_t host);

/* Pairs use this client port. */
static inline uint16_t
pair_port(uint32_t pair)
{
	return (uint16_t)(10000 + pair);
}

#endif
