/*
 * lane_inside.h - what the files of the lanes' world share.
 */
#ifndef PENSTOCK_TESTS_SIM_LANE_INSIDE_H
#define PENSTOCK_TESTS_SIM_LANE_INSIDE_H

#include "abi/board.h"
#include "abi/runtime.h"
#include "base/buf.h"
#include "base/buf_heap.h"
#include "base/wheel.h"
#include "lane/lane.h"
#include "lane/mesh.h"
#include "lane/portif.h"
#include "net/net.h"
#include "net/toeplitz.h"
#include "sim/lane_world.h"
#include "tcp/tcp.h"

enum {
	LW_RX_RING = 1024, /* frames waiting in one queue of a port */
	LW_ORIGIN_PORT = 8080,
	LW_ORIGIN_CONNS = 256, /* of one origin, unless the world says otherwise */
	LW_TEXT_MAX = 2048,
	LW_HEAD_MAX = 4096,
	LW_SLOTS = 64,
};

struct lw;

/* ---- lane_message.c: HTTP/1.1 as the peers speak it, apart from the code under test ---- */

/* A message on its way out. */
struct lw_writer {
	char text[LW_TEXT_MAX]; /* of the framing, given before more of the body */
	uint32_t text_at, text_n;
	uint64_t body_n, body_at;
	uint64_t stop; /* no body byte from here on, for now */
	uint32_t chunk_max, chunk_left;
	uint32_t req, side; /* whose bytes the body has */
	bool is_chunked, has_tail, has_trailer;
};

void lw_writer_begin(struct lw_writer *w, uint32_t req, uint32_t side, uint64_t body_n);
uint32_t lw_writer_fill(struct lw_writer *w, uint8_t *to, uint32_t n);
bool lw_writer_is_done(const struct lw_writer *w);
bool lw_writer_is_stopped(const struct lw_writer *w);

/* Byte `off` onwards of a body: side 0 of the request, 1 of the response. */
void lw_pattern(uint32_t req, uint32_t side, uint64_t off, uint8_t *to, uint32_t n);

enum lw_got {
	LW_GOT_MORE, /* all was taken */
	LW_GOT_HEAD,
	LW_GOT_BODY, /* body, body_n */
	LW_GOT_END,
	LW_GOT_BAD,
};

/* A message on its way in. */
struct lw_reader {
	uint8_t state;
	bool is_response, has_no_body; /* an answer to HEAD; set by the owner before it comes */
	bool keeps, is_chunked, has_length, has_req, expects;
	uint16_t status;
	uint32_t req; /* in the target, or the token of a response */
	char method[16];
	uint64_t length, body_at; /* offset behind the body bytes given last */
	uint64_t left;
	const uint8_t *body;
	uint32_t body_n;
	char line[64];
	uint32_t line_n;
	char head[LW_HEAD_MAX];
	uint32_t head_n;
};

void lw_reader_begin(struct lw_reader *r, bool is_response);
/* Takes bytes from *p on until there is something to say. */
enum lw_got lw_reader_take(struct lw_reader *r, const uint8_t **p, uint32_t *n);
/* No byte follows: whether that ends a message (or none was begun). */
bool lw_reader_is_between(const struct lw_reader *r);
bool lw_reader_ends_at_close(const struct lw_reader *r);

/* ---- lane_wire.c: links and fake ports ---- */

struct lw_flight {
	uint64_t at_ns, order;
	int32_t to; /* host, or -1 - port */
	uint32_t n;
	uint8_t *bytes;
};

struct lw_lent {
	uint64_t at_ns, order;
	uint32_t n;
	struct buf *frame;
	uint8_t *bytes;
};

struct lw_heap {
	void **item;
	uint32_t n, max;
};

struct lw_queue {
	struct buf *rx[LW_RX_RING];
	uint32_t at, n;
};

/* A fake port of the lanes. */
struct lw_nic {
	struct lw *w;
	uint16_t i;
	struct toeplitz toeplitz;
	struct lw_queue queue[LW_LANES_MAX];
};

void lw_wire_open(struct lw *w);
void lw_wire_close(struct lw *w);
uint64_t lw_wire_next(const struct lw *w);
void lw_wire_step(struct lw *w);
bool lw_wire_waits(const struct lw *w, uint16_t lane); /* frames for this lane to poll */
void lw_wire_from_host(struct lw *w, uint32_t host, struct buf *frame);
extern const struct portif_ops lw_port_ops;

/* ---- lane_host.c: a host with its own TCP ---- */

struct lw_host {
	uint32_t i;
	bool is_origin, is_cut, is_down;
	uint16_t port_i;
	struct mac mac;
	struct ip_addr v4, v6;
	struct lw_link link;
	uint64_t busy[2];    /* bottleneck: free again at; to the host, from it */
	uint32_t fragmented; /* packets of the host's, for their identification */
	struct tcp *tcp;
	struct net *net;
	void *tcp_mem, *net_mem;
	struct tcp_path path;
	struct counters count;
	struct tcp_out out;
	struct net_out net_out;
	uint64_t back_at; /* dead or cut until */
	bool starts_anew;
};

void lw_host_open(struct lw *w, uint32_t i);
void lw_host_close(struct lw *w, struct lw_host *h);
void lw_host_input(struct lw *w, struct lw_host *h, const uint8_t *bytes, uint32_t n);
void lw_host_step(struct lw *w, struct lw_host *h);
uint64_t lw_host_next(const struct lw_host *h);
bool lw_host_is_quiet(const struct lw_host *h);
void lw_host_start_anew(struct lw *w, struct lw_host *h);

/* One end of a connection. */
struct lw_endpoint {
	struct lw_host *host;
	struct tcp_id id;
	const struct lw_habits *habits;
	uint64_t stalled_until, paused_until;
	bool is_open, is_gone, is_eof, is_shut;
	enum tcp_end end;
};

/* Gives what the writer has, as habits and room allow; true: more later by itself. */
bool lw_endpoint_write(struct lw *w, struct lw_endpoint *e, struct lw_writer *writer,
		       uint64_t *ret_again_at);
void lw_endpoint_let_go(struct lw_endpoint *e, bool aborts);
/* Takes what has arrived; false while stalled. */
bool lw_endpoint_read(struct lw *w, struct lw_endpoint *e, struct bufq *q, uint64_t *ret_again_at);

/* ---- lane_client.c ---- */

struct lw_client {
	const struct lw_user *user;
	struct lw_endpoint end;
	uint32_t i;
	uint32_t writing, answering; /* requests of the user's, from 0 */
	bool is_writing, is_answered_head, is_closing, is_done, awaits_continue, is_own;
	bool has_partial;
	uint64_t continue_by, rest_until;
	struct lw_writer writer;
	struct lw_reader reader;
};

void lw_client_open(struct lw *w, uint32_t i);
void lw_client_on_event(struct lw *w, struct lw_host *h, const struct tcp_event *event);
void lw_client_work(struct lw *w, struct lw_client *c);
bool lw_clients_are_done(const struct lw *w);

/* ---- lane_origin.c ---- */

struct lw_oconn {
	struct lw_endpoint end;
	uint32_t i;
	bool is_taken, has_req, is_answering, has_answered, is_request_whole, closes, sends_interim;
	uint32_t req;
	uint64_t answer_at;
	struct lw_writer writer;
	struct lw_reader reader;
};

void lw_origin_open(struct lw *w, struct lw_host *h);
void lw_origin_on_event(struct lw *w, struct lw_host *h, const struct tcp_event *event);
void lw_origin_work(struct lw *w, struct lw_oconn *o);
void lw_origin_die(struct lw *w, struct lw_host *h);	/* the process: connections are reset */
void lw_origin_forget(struct lw *w, struct lw_host *h); /* its TCP is gone with everything */

/* ---- lane_tables.c: images, views, run-time words, deaths ---- */

struct lw_view {
	struct view *view;
	uint64_t replaced_at; /* epoch; 0: current */
	struct lw_view *older;
};

void lw_tables_open(struct lw *w);
void lw_tables_close(struct lw *w);
void lw_tables_step(struct lw *w);
uint64_t lw_tables_next(const struct lw *w);
void lw_retire_views(struct lw *w);

/* ---- lane_moves.c ---- */

#define LW_WALL_NS (1700000000 * S) /* of every lane */

void lw_moves_open(struct lw *w);
void lw_moves_step(struct lw *w);

/* ---- lane_world.c ---- */

struct lw_lane {
	struct lane *lane;
	uint8_t *memory; /* all that is the lane's own: board, then the lane; whole pages */
	size_t memory_n, lane_at;
	struct board board;
	struct lane_plan plan;
	uint64_t late_until, poll_at;
	bool is_asleep, is_rung;
	bool is_moving; /* it has no turn before late_until */
	uint16_t core;
	uint64_t given_at;
};

struct lw {
	struct lw_conf conf;
	struct prng prng;
	uint64_t now, order, hash, begin;
	struct buf_pool *pool, *reserve, *host_pool;
	struct portif port[LW_PORTS_MAX];
	struct lw_nic nic[LW_PORTS_MAX];
	struct lw_heap flights, lents;
	struct mesh *mesh;
	struct view_set views;
	struct lw_view *view; /* newest first */
	uint64_t generation;
	struct runtime runtime;
	void *runtime_mem;
	uint32_t incarnation[LW_ORIGINS_MAX];
	bool is_listed[LW_ORIGINS_MAX];
	uint64_t reload_at, runtime_at, death_at, cut_at, move_at;
	uint32_t down_n, cut_n;
	struct lw_lane lane[LW_LANES_MAX];
	int turning; /* lane, -1: none */
	struct lw_host host[LW_HOSTS_MAX];
	uint32_t host_n;
	struct lw_client *client; /* [user_n] */
	struct lw_oconn *oconn;	  /* [LW_ORIGIN_CONNS * origin_n] */
	uint32_t oconn_n, oconn_next;
	struct wheel *wheel; /* clients, then oconns */
	void *wheel_mem;
	const struct lw_client *at_client; /* at work, NULL: none */
	uint32_t done_n;		   /* clients */
	bool is_ending;
	struct lw_result result;
};

#define LW_ENSURE(w, cond) ((cond) ? (void)0 : lw_failed((w), #cond, __FILE__, __LINE__))

_Noreturn void lw_failed(const struct lw *w, const char *what, const char *file, int line);
void lw_hash(struct lw *w, const void *bytes, uint32_t n);
bool lw_odds(struct lw *w, uint32_t per_1000);
uint64_t lw_soon(struct lw *w, uint64_t mean_ns); /* now + about this; 0: never */
void *lw_alloc(size_t n);			  /* zeroed, 64-byte aligned */
struct lw_req *lw_req_at(struct lw *w, uint32_t i);
/* Every request under way may fail from now on. */
void lw_excuse_all(struct lw *w);

#endif
