/*
 * state.h - what the files of this folder share: conns, exchanges, bodies, the proxy itself.
 * Private to this folder and its tests.
 *
 * Objects name each other by index; NONE is nobody. A client conn and its exchange name each other
 * until the exchange ends; so do an exchange and its upstream conn. TCP's events carry a conn's
 * index and count only when the conn still has that TCP id.
 */
#ifndef PENSTOCK_PROXY_STATE_H
#define PENSTOCK_PROXY_STATE_H

#include "abi/board.h"
#include "abi/image.h"
#include "abi/journal.h"
#include "base/ensure.h"
#include "base/heap.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "codec/codec.h"
#include "decide/decide.h"
#include "farm/farm.h"
#include "http/http.h"
#include "proxy/proxy.h"
#include "proxy/stage.h"
#include "proxy/watch.h"

enum {
	NONE = -1, /* as uint32_t: no index; same as POOL_NONE */

	HEAD_ROOM = 32 << 10,  /* offered to who may send a head: heads always may arrive */
	HOLD_ROOM = 64 << 10,  /* of a request body that waits for its server */
	PIPE_ROOM = 8 << 10,   /* of requests that wait for the one before */
	LINGER_MAX = 4 << 20,  /* bytes thrown away after our last reply */
	REPLAY_MAX = 32 << 10, /* request body kept until a reused connection proves alive */
	/* The least window that serves: two segments, and what the window scale may round away. */
	TWO_MSS = 2 * 1460 + 1024,
	INTERIM_MAX = 4 << 10,	/* bytes of 1xx responses that a client need not have read */
	TINY_BODY = 256,	/* copied behind its head: cheaper than one more segment */
	TURN_BYTES = 256 << 10, /* that a body with stages moves in one go */
	RETRY_COST = 5,		/* one try again for five requests, */
	RETRIES_AT_ONCE = 100,	/* saved up: so many, and one for each exchange then in progress */
	SCRATCH_BYTES = 96 << 10, /* a gathered head, or one being written */
};

#define NEVER	      UINT64_MAX
#define LINGER_GAP_NS 2000000000ull  /* without a byte from the client */
#define LINGER_ALL_NS 30000000000ull /* in all */
#define STARVED_NS    1000000ull     /* until buffers are asked for again */
#define WAITS_NS      1000000000ull  /* for us: until its time is looked at again */
#define SWEEP_NS      50000000ull    /* between two looks at bodies of old views */

/* ---- legs: TCP and a codec, which so far is none: bytes on the wire are plaintext ---- */

enum leg_end {
	LEG_OPEN,
	LEG_CLEAN,     /* the peer ended its stream */
	LEG_TRUNCATED, /* ... without saying so (a codec will tell) */
	LEG_GONE,      /* the connection is over: tcp_end */
};

struct leg {
	struct bufq in; /* plaintext received and not used */
	struct tcp_id id;
	uint32_t held_n;  /* of in.n, counted in proxy.bufs_held */
	uint32_t offered; /* room at the last offer */
	uint8_t end;	  /* enum leg_end */
	bool is_shut;	  /* our own end has been sent */
	bool is_fresh;	  /* bytes came since room was offered */
};

/* ---- conns ---- */

/* Named for what is awaited: HEAD a request (idle when no byte of it is there), UP the handshake,
 * USE a next request in the pool, EXCHANGE the end of the exchange, QUIET the client's own end
 * after our last reply. */
#define CONN_STATE_LIST(x)                                                                         \
	x(FREE, free) x(EXPECT_HEAD, head) x(EXPECT_UP, up) x(EXPECT_USE, use)                     \
		x(EXPECT_EXCHANGE, exchange) x(EXPECT_QUIET, quiet)

enum conn_state {
#define X(name, word) CONN_##name,
	CONN_STATE_LIST(X)
#undef X
};

/*
 * Two cache lines: a million idle clients are a million of these. Addresses are TCP's to know
 * (tcp_ends); an exchange copies them.
 */
struct conn {
	struct leg leg;
	uint64_t due_ns;   /* this conn's own deadline, NEVER: none */
	uint64_t since_ns; /* accepted or dialled, or in this state */
	uint64_t id;	   /* client: unique in this life of the lane */
	uint32_t exch;
	uint32_t wake_next;
	uint32_t pin; /* client: a server's idle conn kept for it alone; upstream: for whom; NONE */
	uint8_t state; /* enum conn_state */
	bool is_client;
	bool is_awake : 1;    /* in one of the two lists of conns with work left */
	bool has_gone : 1;    /* over: TCP_EV_GONE; a server's bytes may still wait to be read */
	bool is_held : 1;     /* a server's bytes wait for the client's room, or for buffers */
	uint8_t method_asked; /* upstream: enum http_method of the request */
	uint32_t requests_n;
	uint32_t slot, incarnation; /* client: of the listener; upstream: of the server */
	uint32_t armed_tick; /* when its timer fires, not after due_ns (timers.c); 0: not set */
	union {
		struct {
			uint32_t listener_i; /* in the view numbered view_seq; NONE: it is gone */
			uint32_t view_seq;
			union {
				struct { /* EXPECT_HEAD and until the exchange's begin */
					uint64_t head_at; /* first byte of the head; 0: none yet */
					struct http_resume resume; /* of the head being received */
				};
				struct { /* EXPECT_QUIET */
					uint64_t quiet_until_ns;
					uint64_t quiet_acked; /* tcp_acked when last looked */
				};
			};
			uint32_t quiet_bytes;
		};
		struct {
			uint64_t acked_base; /* tcp_acked when this request was given */
			uint64_t idle_ns;
			union {
				struct http_resume up_resume; /* EXPECT_EXCHANGE: of its head */
				/* EXPECT_USE: the server's idle conns, the latest first */
				struct {
					uint32_t next, prev;
				};
			};
			bool is_secure;
			bool is_counted; /* in proxy.conns_n */
		};
	};
};

_Static_assert(sizeof(struct conn) == 128, "a conn is two cache lines");

/* ---- bodies ---- */

enum dir {
	DIR_UP,	  /* request: client to server */
	DIR_DOWN, /* response */
	DIRS
};

struct body {
	uint64_t left;	    /* LENGTH: payload bytes still to come */
	uint64_t bytes_in;  /* payload */
	uint64_t bytes_out; /* payload, given on */
	struct bufq held; /* payload deframed and not given on: a stage's or for want of buffers */
	struct bufq made; /* by the stage, and not framed yet */
	uint32_t counted_n;	   /* of both, in proxy.bufs_held */
	const struct stage *stage; /* NULL: none, the payload passes as it is */
	struct stage_state state;
	struct http_chunk chunk;
	struct buf *trailer;		 /* trailers of a chunked body, NULL: none so far */
	uint8_t framing_in, framing_out; /* enum http_framing */
	bool in_done;			 /* the last payload byte has come */
	bool out_done;			 /* all has been given on */
};

/* ---- exchanges ---- */

/* clang-format off */
#define EXCH_STATE_LIST(x)                                                                         \
	x(BUG, bug)                          /* no pair leads here */                              \
	x(EXPECT_UP, connection)             /* to a server */                                     \
	x(EXPECT_RESPONSE, response)         /* its final head */                                  \
	x(EXPECT_ENDS, ends)                 /* the response's last byte, perhaps the request's */ \
	x(EXPECT_REQUEST, request)           /* the request's last byte; the response is whole */  \
	x(EXPECT_TUNNEL, tunnel)             /* both ends of an upgraded connection */             \
	x(CLOSED, closed)

#define EXCH_EVENT_LIST(x)                                                                         \
	x(UP, up)                            /* the request's head went to a server */             \
	x(AGAIN, again)                      /* the server never took it: another connection */    \
	x(HEAD, head)                        /* the final response head went to the client */      \
	x(SWITCHED, switched)                /* 101 went to the client */                          \
	x(RESPONSE_END, response_end)                                                              \
	x(REQUEST_END, request_end)                                                                \
	x(ENDS, ends)                        /* both directions of a tunnel */                     \
	x(ANSWERED, answered)                /* by ourselves; no byte of a response has left */    \
	x(BROKEN, broken)
/* clang-format on */

enum exch_state {
#define X(name, word) EXCH_##name,
	EXCH_STATE_LIST(X)
#undef X
	EXCH_STATES
};

enum exch_event {
#define X(name, word) EXCH_EV_##name,
	EXCH_EVENT_LIST(X)
#undef X
	EXCH_EVENTS
};

/* A string of the request, as a place in exch.head. */
struct place {
	uint16_t off, n;
};

/* What the rules said of the request, for further tries, its response and the record. */
struct exch_way {
	struct bufq texts;	    /* target and changes, as way.c writes them; empty: none */
	bool is_set;		    /* rules were asked and let it pass */
	bool is_proxied, is_secure; /* see struct decide_way */
	bool logs_rewritten;	    /* the record shows the target sent */
	uint8_t cause;		    /* enum decide_cause */
	uint32_t view_seq;
	uint32_t farm_i; /* in that view; IMG_NONE: none */
	uint32_t farm_slot, farm_incarnation;
	uint64_t connect_ns, send_ns, receive_ns; /* instead of the farm's; 0: the farm's */
};

struct exch {
	uint8_t state; /* enum exch_state */
	uint8_t method_id;
	uint8_t minor;	   /* HTTP/1.minor of the request */
	bool client_keeps; /* the client connection may go on */
	bool up_keeps;	   /* the server's may */
	bool is_reused;	   /* this try goes over a kept connection */
	bool must_dial;	   /* no kept connection for the next try */
	bool has_begun;	   /* bytes of a final response (or 101) were given to the client */
	bool has_server;   /* farm_enter was called */
	bool has_dialled;  /* the connection of this try was dialled for it */
	bool wants_upgrade;
	bool is_bound;	    /* the server's connection is this client's alone (see pool_up.c) */
	bool is_replayable; /* everything of the body given to the server is in replay */
	bool is_logged;
	bool is_starved; /* waits for buffers */
	bool is_own;	 /* the response is ours */
	bool is_tunnel;
	bool has_outbound; /* when it was routed, its listener had rules of responses */
	uint8_t tries;
	uint32_t client, up;	 /* conns; up may be NONE */
	struct tcp_ends ends;	 /* of the client's connection */
	struct tcp_ends up_ends; /* of the latest to a server */
	uint32_t listener_i, view_seq;
	struct decide_route route;
	uint32_t listener_slot, listener_incarnation, farm_slot, farm_incarnation;
	uint32_t retries_left, idle_max;
	struct farm_tried tried;

	struct bufq head;   /* the request's head as it came, for further tries and the record */
	struct bufq built;  /* the head to send, while the connection is being opened */
	struct bufq replay; /* views of body bytes given to a reused connection */
	struct place method, target, host, agent, referer;
	struct body body[DIRS];

	/* times, of the lane's clock */
	uint64_t first_at, head_at, route_at, dial_at, up_at, sent_at, sent_all_at;
	uint64_t reply_at, reply_end_at, wait_ns;
	/* progress, for the time-outs: when each side last moved, and how far it had acknowledged */
	uint64_t client_rx_at, client_ack_at, client_acked;
	uint64_t up_rx_at, up_ack_at, up_acked;
	/* limits, copied from listener and farm */
	uint64_t body_ns, client_send_ns, connect_ns, send_ns, receive_ns, idle_ns, tunnel_ns;

	uint64_t limit_ns; /* the time-out that ended it */
	uint32_t up_again; /* tcp_sent_again when the request was given */
	uint32_t response_head_bytes;
	uint64_t generation; /* of the view that decided */
	uint16_t status, upstream_status;
	uint16_t cause, detail;	 /* enum journal_cause; enum http_reason */
	uint64_t body_max_bytes; /* of the request; 0: no limit */

	/* Of rules. The record's: the last rule that matched, incarnation 0: none. */
	uint32_t rule_slot, rule_incarnation;
	uint16_t substatus;
	struct exch_way way;
};

/* ---- the proxy ---- */

enum {
	TURN_WORK_LEAST = RULES_TURN_WORK / 8 * 7
};

/* Conns by index, linked by wake_next; NONE, NONE: empty. */
struct conn_list {
	uint32_t first, last;
};

struct rewrite; /* stage_rewrite.c */

/* One address and port that is listened on. */
struct listen {
	struct ip_addr ip;
	uint16_t port;
	uint16_t generation; /* of this place in the table: accepted events may come late */
	uint32_t listener_i;
	bool is_open, is_wanted;
};

/* What the view says of a listener, ready for use. */
struct listener {
	struct http_limits limits;
	const struct img_listener *rec;
	bool has_rules, has_outbound; /* it binds rules of requests, of responses */
};

struct proxy {
	struct proxy_conf conf;
	struct tcp *tcp;
	struct buf_pool *bufs;
	struct farms *farms;
	const struct view *view;
	const struct img *img;
	uint32_t view_seq;   /* rises with each view */
	struct watch *watch; /* of the lane; NULL: nothing is captured */
	struct listener *listener;
	uint32_t listener_n;
	struct listen *listen;
	uint32_t listen_top; /* places from here on have never been used */

	struct pool conns;
	struct pool exchs;
	struct wheel *wheel;   /* a timer per conn */
	uint32_t *idle;	       /* by server slot: the latest idle conn, NONE */
	uint32_t *idle_n;      /* by server slot */
	uint32_t *conns_n;     /* by server slot: connections open to it */
	struct conn_list wake; /* to be run */
	/*
	 * Whoever asks rules or rewrites a body takes of turn_work (about nanoseconds, counted).
	 * Nobody begins when less than TURN_WORK_LEAST is left, for an evaluation may cost four
	 * times what a turn has: they wait here for the next turns, in the order they came.
	 */
	struct conn_list queue;
	int64_t turn_work;
	bool is_queue_run; /* the one that runs now has waited */
	uint32_t cut_next; /* where the search for stalled exchanges goes on */
	uint64_t conn_ids;
	uint64_t wall_ns;
	uint64_t now;
	uint32_t room_cap; /* no window beyond this: follows the free budget */
	bool is_draining;
	bool is_cutting;       /* the budget is used up */
	uint32_t retry_budget; /* tries again of requests a server may have taken, in fifths */
	uint32_t source_next;  /* the next of several source addresses */
	struct http_limits response_limits;
	struct http_limits listener_limits; /* for request bodies: chunk extensions, trailers */
	const struct stage *stage[DIRS];    /* of every body that has no other; NULL: none */
	struct heap rewrite_memory;	    /* of bodies that are rewritten */
	struct rewrite *rewrites;	    /* these, in no order */
	uint64_t sweep_at; /* when to look for those of a view that must go; NEVER: all are new */

	struct proxy_gauges gauge;
	uint32_t bufs_held;

	uint64_t date_until_ns; /* the clock at which date is too old */
	char date[HTTP_DATE_BYTES];

	/* scratch of one call */
	struct http_request request;
	struct http_response response;
	struct decide_text text;
	struct rules_verdict verdict;
	struct rules_reply reply;
	/* What p->reply was asked with: a body's stage looks at it again when it begins. */
	struct decide_facts reply_facts;
	struct rules_subject reply_subject;
	struct rules_change change[RULES_CHANGES_MAX];
	uint8_t kept[SCRATCH_BYTES];  /* an exchange's way: change points into it */
	uint8_t again[SCRATCH_BYTES]; /* a request's head beside its response's in gather */
	uint8_t gather[SCRATCH_BYTES], emit[SCRATCH_BYTES];
};

static inline struct conn *
conn_at(const struct proxy *p, uint32_t i)
{
	return pool_at(&p->conns, i);
}

/* Nothing comes from it any more but what is in `in`. */
static inline bool
conn_is_over(const struct conn *c)
{
	return c->leg.end != LEG_OPEN || c->has_gone;
}

static inline uint32_t
conn_index(const struct proxy *p, const struct conn *c)
{
	return pool_index(&p->conns, c);
}

static inline struct exch *
exch_at(const struct proxy *p, uint32_t i)
{
	return pool_at(&p->exchs, i);
}

static inline uint32_t
exch_index(const struct proxy *p, const struct exch *e)
{
	return pool_index(&p->exchs, e);
}

static inline uint32_t
min_u32(uint64_t a, uint64_t b)
{
	uint64_t v = a < b ? a : b;

	return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

/* ---- leg.c ---- */

/* Takes what has arrived behind leg->in. */
void leg_recv(struct proxy *p, struct leg *leg);
/* Offers the peer room for so many bytes beyond those received. */
void leg_offer(struct proxy *p, struct leg *leg, uint64_t room_bytes);
void leg_send(struct proxy *p, struct leg *leg, struct bufq *q);
uint32_t leg_room(const struct proxy *p, const struct leg *leg);
/* Our end of stream behind all that was sent. */
void leg_shut(struct proxy *p, struct leg *leg);
/* Lets go: what was sent still goes out, then our end. */
void leg_release(struct proxy *p, struct leg *leg);
/* Lets go with a reset: the peer shall not take the stream for whole. */
void leg_abort(struct proxy *p, struct leg *leg);
/* No byte follows those in leg->in. */
bool leg_is_ended(const struct leg *leg);
/* Counts the buffers in leg->in after a change. */
void leg_note(struct proxy *p, struct leg *leg);

/* ---- conn.c ---- */

/* A listener's new connection; NULL: it was turned away. */
struct conn *conn_accept(struct proxy *p, struct tcp_id id, uint32_t owner);
/* An upstream conn being dialled; NULL when conns are used up. */
struct conn *conn_get(struct proxy *p, bool is_client);
/* Its leg has been let go. */
void conn_put(struct proxy *p, struct conn *c);
/* Goes on with whatever the conn has to do. */
void conn_run(struct proxy *p, struct conn *c);
void conn_wake(struct proxy *p, struct conn *c);
/*
 * Whether turn_work has something left for it, of which it takes what it then uses; if not, it is
 * run again when its turn comes.
 */
bool conn_may_work(struct proxy *p, struct conn *c);
void conn_on_event(struct proxy *p, struct conn *c, uint32_t bits);
void conn_on_timer(struct proxy *p, struct conn *c);
/* The client conn's exchange is over: next request, or our end and the client's. */
void conn_next(struct proxy *p, struct conn *c, bool is_kept);
/*
 * An operator ends a session now: its client's and its server's connection are reset, and the
 * record of what was in progress says so. A server's idle connection is closed.
 */
void conn_kill(struct proxy *p, struct conn *c);
/* Where the listener is in the present view, NONE: gone. */
uint32_t conn_listener(struct proxy *p, struct conn *c);

/* ---- timers.c ---- */

/* The conn's timer fires at at_ns or before. */
void timer_need(struct proxy *p, struct conn *c, uint64_t at_ns);
/* Sets the conn's own deadline. */
void timer_due(struct proxy *p, struct conn *c, uint64_t at_ns);
/* What the exchange's time-outs say now; returns when to ask again. May end the exchange. */
void timers_check(struct proxy *p, struct conn *client);
/* The exchange's time-outs begin to count. */
void timers_begin(struct proxy *p, struct exch *e);

/* ---- exchange.c ---- */

enum exch_state exch_next(enum exch_state at, enum exch_event ev);
const char *exch_state_name(enum exch_state state);
const char *exch_event_name(enum exch_event ev);
/* NULL when exchanges are used up. conn_listener has been asked in this view, and is there. */
struct exch *exch_begin(struct proxy *p, struct conn *client);
/* The response has been given whole. */
void exch_response_end(struct proxy *p, struct exch *e);
/* The last byte of the request has been given on. */
void exch_request_end(struct proxy *p, struct exch *e);
void exch_tunnel_end(struct proxy *p, struct exch *e);
/*
 * It ends here with this cause: answered by us when nothing of a response went out yet and status
 * is not 0; else the client's connection is cut so that it sees the loss.
 */
void exch_fail(struct proxy *p, struct exch *e, uint16_t status, enum journal_cause cause,
	       uint16_t detail);
/* A rule answers it; the caller leaves to us what is the connection's, and the date. */
void exch_answer(struct proxy *p, struct exch *e, struct http_reply *reply);
/* The client is gone. */
void exch_client_lost(struct proxy *p, struct exch *e, enum journal_cause cause);
/* The server's connection ended, is reset or never came up; bytes that it sent are used. */
void exch_up_lost(struct proxy *p, struct exch *e);

/* ---- the steps ---- */

/* step_head.c: looks for a request at the start of the client's input. */
void step_head(struct proxy *p, struct conn *c);
/* Parses the exchange's head again, into p->request, and begins its body anew. */
void step_head_again(struct proxy *p, struct exch *e);
/* The first n bytes of a queue, in place or gathered in p->gather; n <= SCRATCH_BYTES. */
struct slice head_bytes(struct proxy *p, const struct bufq *q, uint32_t n);
/* ... only parses it: the body goes on, and p->response stays. */
void step_head_look(struct proxy *p, const struct exch *e);
/* What is known of the exchange's request, which is in p->request. */
struct decide_facts exch_facts(const struct proxy *p, const struct exch *e);
/* step_route.c: chooses a server for p->request and goes on to dial. */
void step_route(struct proxy *p, struct exch *e);
/* step_dial.c */
void step_dial(struct proxy *p, struct exch *e);
void step_dial_up(struct proxy *p, struct conn *up);
void step_dial_lost(struct proxy *p, struct exch *e);
/* Its server's trouble may be another's luck: another try when there are tries left, else the
 * answer for this cause. The exchange has no connection to a server. */
void step_dial_another(struct proxy *p, struct exch *e, enum journal_cause cause);
/* way.c: asks the listener's rules. False: the exchange was answered, or has failed. */
bool way_ask(struct proxy *p, struct exch *e, const struct decide_facts *facts,
	     struct decide_way *ret_way);
/* What they said, again; in p->kept and p->change until the next call. */
void way_read(struct proxy *p, const struct exch *e, struct decide_way *ret_way);
void way_fini(struct proxy *p, struct exch *e);
/* step_relay.c */
void relay_up(struct proxy *p, struct exch *e);
void relay_down(struct proxy *p, struct exch *e);
/* Both directions, and the response's head if it is awaited. */
void relay_both(struct proxy *p, struct exch *e);
/* The server has acknowledged bytes: what was kept to send again is let go if it took some of it. */
void relay_taken(struct proxy *p, struct exch *e);
/* A body of a few bytes goes behind its head: copying them is cheaper than one more segment. */
void relay_join_tiny(struct proxy *p, struct bufq *q);
void relay_offer_client(struct proxy *p, struct exch *e);
void relay_offer_up(struct proxy *p, struct exch *e);
/* step_reply.c: the server's response heads; our own replies. */
void step_reply(struct proxy *p, struct exch *e);
void step_reply_own(struct proxy *p, struct exch *e, uint16_t status);
void step_reply_given(struct proxy *p, struct exch *e, struct http_reply *reply);
/* Without an exchange: when there is no room for one. */
void step_reply_busy(struct proxy *p, struct conn *c);

/* ---- stage.c ---- */

enum body_verdict {
	BODY_WAIT,	/* for input */
	BODY_ROOM,	/* for room */
	BODY_AGAIN,	/* the turn's bytes are used up */
	BODY_DRY,	/* for buffers */
	BODY_END,	/* all of it is in out */
	BODY_TRUNCATED, /* the input ended early; what came is in out */
	BODY_REFUSED,	/* its framing is broken, see chunk.reason */
	BODY_FAULT,	/* its stage cannot go on */
	BODY_LARGE,	/* over the limit */
};

void body_init(struct body *b, enum http_framing in, enum http_framing out, uint64_t length,
	       const struct stage *stage);
void body_fini(struct proxy *p, struct body *b);
/*
 * Deframe, stages, frame: from in to out.
 *   is_eof  no byte follows those in `in`
 *   room    stages stop making more than this
 */
enum body_verdict body_move(struct proxy *p, struct body *b, struct bufq *in, bool is_eof,
			    const struct http_limits *limits, uint64_t body_max, uint64_t room,
			    struct bufq *out);

/* ---- stage_rewrite.c ---- */

/* Why a body that is rewritten cannot go on. */
enum rewrite_fault {
	REWRITE_OK,
	REWRITE_RULE,
	REWRITE_CODING, /* it is not what its content coding says */
	REWRITE_LARGE,	/* it decodes to more than is let through */
	REWRITE_MEMORY,
	REWRITE_VIEW, /* too many configurations live, this one must go */
};

extern const struct stage stage_rewrite;

/*
 * The body that follows goes through p->reply's rules: pins the view, takes memory. ROOM: there is
 * none, or the client has its share.
 *   is_encoded  the coding is put on again
 *   ret         for body.state, whose body has stage_rewrite
 */
enum rules_fault rewrite_begin(struct proxy *p, const struct exch *e, enum codec_kind coding,
			       bool is_encoded, struct stage_state *ret);
/* Ends those whose view must go, also when their client does not read. */
void rewrite_sweep(struct proxy *p);
/* The exchange ends: BODY_FAULT came of its response. */
void rewrite_failed(struct proxy *p, struct exch *e);

/* ---- pool_up.c ---- */

/* The latest idle conn to this server at one of its present addresses, NULL. */
struct conn *pool_up_take(struct proxy *p, const struct decide_route *route);
/* Keeps the conn, or closes it when the server has enough or is not wanted. */
void pool_up_put(struct proxy *p, struct conn *up, uint32_t idle_max);
/* An idle conn goes. */
void pool_up_drop(struct proxy *p, struct conn *up);
/* An idle conn stirred or is due: it goes, and the client whose alone it was. */
void pool_up_stirred(struct proxy *p, struct conn *up);
/* Whether these credentials or this challenge are about the connection, not the request. */
bool pool_up_is_bound(const struct http_head *head, enum http_field_id id);
/* Keeps the conn for this client alone. */
void pool_up_pin(struct proxy *p, struct conn *client, struct conn *up);
/* Makes the route that of the client's own conn; lets that go where it does not fit any more. */
void pool_up_pin_route(struct proxy *p, struct conn *client, struct decide_route *route);
/* The client's own conn, NULL: it has none, or that is over. */
struct conn *pool_up_pin_take(struct proxy *p, struct conn *client);
void pool_up_prune(struct proxy *p);

/* ---- look.c ---- */

/* While p->watch is set: who this client is, what it asks, or its server has become known. */
void watch_look(struct proxy *p, const struct conn *client);

/* ---- record.c ---- */

void record_put(struct proxy *p, const struct exch *e);

/* ---- listen.c ---- */

void listen_init(struct proxy *p);
void listen_set_view(struct proxy *p);
void listen_close_all(struct proxy *p);

#endif
