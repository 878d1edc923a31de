/*
 * gen.h - the parts of penstock-bench: links (a virtual network card each), messages (requests
 * and responses made beforehand), flows (a minimal TCP), and the two roles that speak over them.
 *
 * One process, one thread, no locks. Addresses are fixed, see the table in bench/README.md.
 * The wire does not lose, so a flow keeps no queue of what it sent: a message can be sent again
 * from any place because it is computed from its image. Units: ns from the start, bytes.
 */
#ifndef PENSTOCK_BENCH_GEN_H
#define PENSTOCK_BENCH_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

enum {
	MSS = 1460, /* MTU 1500; no TCP option after the SYN */
	BURST = 64,
	OUT_MAX = 512,	/* frames that wait for room in a ring of the peer */
	OUT_FULL = 320, /* from here on nothing is received or begun that would send */
	QUEUES_MAX = 16,
	HEADERS = 54, /* Ethernet, IPv4, TCP */
	ORIGINS_MAX = 8,
	CONNS_MAX = 15000000, /* tuples that client.c has */
	KINDS_MAX = 8,
	INFLIGHT = 256 * 1024, /* most bytes a sender has on the wire */
	WINDOW = 65535,
	WINDOW_SHIFT = 6,    /* ours: 4 MiB, never full since everything is read at once */
	TOKEN = 16,	     /* bytes of hexadecimal that name a request */
	KIND_AT = 6,	     /* in a request's head: its kind, a digit */
	SLOW_BUFFER = 16384, /* what a slow reader's window is of */
	SYNS_MAX = 4,	     /* of a connection are told apart; the last: that many and more */
};

/* clang-format off */

/* What went wrong, counted in the result; any of them makes the exit code 1. */
#define GEN_ERRORS(x)                                                                              \
	x(status, "a response that is not 200")                                                    \
	x(length, "a response with another length than was sent")                                  \
	x(content, "a response with another body or token")                                        \
	x(head, "a response head that is broken or parted over segments")                          \
	x(request_head, "a request that the origin could not read")                                \
	x(request_content, "a request body that is not the client's")                              \
	x(reset, "a connection reset")                                                             \
	x(closed, "a connection closed before its response; idle: at all")                         \
	x(timeout, "no answer within ten seconds")

#define GEN_PROFILES(x)                                                                            \
	x(keep_alive, "keep-alive")                                                                \
	x(close, "close")                                                                          \
	x(bulk_down, "bulk-down")                                                                  \
	x(bulk_up, "bulk-up")                                                                      \
	x(mixed, "mixed")                                                                          \
	x(slow, "slow")                                                                            \
	x(idle, "idle")                                                                            \
	x(syn_flood, "syn-flood")

/* clang-format on */

enum gen_error {
#define x(name, what) GEN_ERROR_##name,
	GEN_ERRORS(x)
#undef x
	GEN_ERRORS_N
};

const char *gen_error_name(enum gen_error error);

enum gen_profile {
#define x(name, text) GEN_PROFILE_##name,
	GEN_PROFILES(x)
#undef x
	GEN_PROFILES_N
};

const char *gen_profile_name(enum gen_profile profile);

struct gen_conf {
	enum gen_profile profile;
	bool is_client, is_origin, is_loop;
	const char *outside, *inside; /* devices, see device.c */
	const char *json;	      /* result file; NULL: standard output */
	uint32_t conns, queues, origins, body_n, core;
	double seconds, warmup, rate; /* rate 0: closed loop */
	double flood_rate;	      /* SYNs a second; 0: as many as go */
	double work_ns;		      /* of the core that an origin takes for a request */
};

/* ---- histogram: 128 steps a power of two, so that a value is right within 0.8 % ---- */

enum {
	HIST_STEPS = 128,
	HIST_SIZE = 40 * HIST_STEPS
};

struct hist {
	uint64_t n, sum, max, at[HIST_SIZE];
};

void hist_add(struct hist *h, uint64_t v);
/* The smallest value that at least that part (0 to 1) of the samples do not exceed. */
uint64_t hist_quantile(const struct hist *h, double part);

/* ---- messages ---- */

/* A head and a body whose bytes repeat every 4 KiB, with the sums that checksums are made of. */
struct message {
	uint8_t *bytes;
	uint32_t *sum; /* of the 16-bit words before word i */
	uint32_t head_n, body_n, token_at, stored_n;
};

void message_init(struct message *m, const char *head, uint32_t token_at, uint32_t body_n);
void message_fini(struct message *m);
/* Where byte `at` of the whole message is stored; MSS bytes follow it in line. */
uint32_t message_place(const struct message *m, uint32_t at);
/* True if n bytes are the body's from `at` on, with this token at its begin when `has_token`. */
bool message_is(const struct message *m, uint32_t at, const uint8_t *p, uint32_t n,
		const uint64_t token[2], bool has_token);

/* ---- flows ---- */

enum flow_state {
	FLOW_FREE,
	FLOW_SYN,
	FLOW_READY,
	FLOW_AWAITS,
	FLOW_SENDS,
	FLOW_FIN
};

/*
 * One connection of either role, seen from our end. Addresses and ports are in network order.
 * Small, for there are millions; what is common to many is in their kind.
 */
struct flow {
	uint32_t src, dst;
	uint16_t src_port, dst_port;
	uint8_t state, queue, shift, tries;
	uint8_t kind;
	bool owes_ack : 1, is_queued : 1; /* in the link's list of ACKs, of senders */
	bool is_idle : 1, is_listed : 1;  /* free for a request; in gen.idle */
	bool reads_slowly : 1, has_served : 1;
	bool is_called : 1; /* the roll waits for its answer */
	uint16_t got_head;  /* of the message being received; 0: no head yet */
	uint32_t snd, una, wnd, rcv;
	uint32_t base, msg_at, msg_n; /* the message being sent and its first sequence number */
	uint32_t msg_open;	      /* so much of it may go so far */
	uint32_t got;		      /* of the body being received */
	uint32_t sum;		      /* addresses and ports, for the checksums */
	uint64_t token[2];
	uint64_t due_ns;
	uint32_t heard_ms;
	uint16_t unread, opened; /* a slow reader's: bytes not taken; taken since we told */
};

_Static_assert(sizeof(struct flow) <= 96, "a flow is a line and a half");

/* A received segment, host order; payload in one piece. */
struct seg {
	uint32_t src, dst; /* network order */
	uint16_t src_port, dst_port;
	uint32_t seq, ack, wnd;
	uint8_t flags, shift;
	const uint8_t *payload;
	uint32_t n;
};

enum {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_PSH = 8,
	TCP_ACK = 16
};

/* ---- links ---- */

struct gen;

struct link_queue {
	struct rte_mbuf *out[OUT_MAX];
	uint32_t n;
};

struct link {
	uint16_t port, queues;
	uint8_t mac[6], peer[6];
	bool is_open, knows_peer;
	bool is_vhost;	/* its driver makes the checksums, and cuts or takes whole what is large */
	bool is_summed; /* the packet under the eye has its checksum in */
	uint32_t large; /* payload that the peer takes in one packet; 0: a segment's */
	uint32_t net, own,
		proxy;	  /* network order: the net we answer ARP for, our and its address */
	uint32_t fullest; /* frames in the longest queue */
	struct rte_mempool *pool;
	const struct message *out; /* by kind */
	struct link_queue queue[QUEUES_MAX];
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, checksum_bad, dropped;
	/* Senders with more to send than one segment, a ring; and who owes an ACK. */
	struct flow **sender;
	uint32_t sender_head, sender_n, sender_max;
	struct flow *acks[2 * BURST];
	uint32_t acks_n;
};

bool link_environment(const struct gen_conf *conf);
/* role: of a memif, "server" makes the socket, "client" connects to it. */
bool link_open(struct link *l, const char *name, const char *spec, const char *role,
	       const struct gen_conf *conf);
void link_close(struct link *l, const char *spec);
bool link_is_up(const struct link *l);
void link_arp(struct link *l);
void link_flush(struct link *l);
/* The queue a packet of this flow takes at the proxy, and the flow's part of the checksums. */
void link_steer(const struct link *l, struct flow *f);

/* A role: whose a segment is (NULL: nobody's), and what it does there. */
struct role {
	struct flow *(*find)(struct gen *, const struct seg *);
	void (*input)(struct gen *, struct flow *, const struct seg *);
};

/* One burst of every queue to the role, NULL: to nobody. */
void link_receive(struct gen *g, struct link *l, const struct role *role);
void link_send(struct link *l, struct flow *f, uint32_t seq, uint8_t flags, uint32_t from,
	       uint32_t n);
void link_refuse(struct link *l, const struct seg *to);

static inline bool
link_has_room(const struct link *l)
{
	return l->fullest < OUT_FULL;
}

/* ---- TCP, as much as two peers on a wire that does not lose need ---- */

/* The first `open` of n bytes may go at once, the rest as msg_open rises. */
void flow_begin(struct link *l, struct flow *f, uint32_t n, uint32_t open);
void flow_push(struct link *l, struct flow *f, uint32_t segments);
void flow_owe_ack(struct link *l, struct flow *f);
/* False: the segment brings nothing new, or is answered already. Payload then begins at rcv. */
bool flow_take(struct link *l, struct flow *f, struct seg *s, uint64_t now);
void flow_turn(struct link *l);
void flow_pay_acks(struct link *l);
/* Sends again what was not acknowledged for long. */
void flow_overdue(struct link *l, struct flow *f, uint64_t now);

/* ---- kinds: what a profile asks for ---- */

struct kind {
	uint32_t share;	   /* of mixed requests, in hundredths */
	uint32_t body_n;   /* of the response */
	uint32_t upload_n; /* of the request */
	bool closes, reads_slowly, writes_slowly;
};

/* Fills kind, request, response and kinds_n in by the profile. */
void kinds_init(struct gen *g);
void kinds_fini(struct gen *g);

/* ---- the two roles ---- */

struct gen {
	struct gen_conf conf;
	struct link outside, inside;
	char other_name[128]; /* looped: the socket's, for the other end */
	struct kind kind[KINDS_MAX];
	struct message request[KINDS_MAX], response[KINDS_MAX];
	uint32_t kinds_n;
	struct flow *client, *origin; /* origin: by origin and the proxy's port */
	uint16_t server_port;	      /* that clients speak to, network order */
	uint32_t *idle; /* a ring of clients free for a request, the longest free first */
	uint32_t idle_head,
		listed_n; /* of the ring; entries whose client is not free any more too */
	uint32_t idle_n;  /* clients that are free */
	uint32_t opened_n, opening_n; /* first connections begun; of these, without an answer */
	uint32_t keys, *next_key;     /* tuples of addresses and ports; the next of each client */
	uint32_t count;		      /* of requests, names them */
	uint8_t seen_head[KINDS_MAX]
			 [256]; /* the last response head that was checked word by word */
	uint32_t seen_head_n[KINDS_MAX];
	uint32_t wrong_status; /* of the last response that was not 200 */
	uint32_t client_scan, origin_scan;
	uint64_t now, begin_ns, end_ns, due_n, visits;
	uint64_t random;
	double start_ns;
	bool measures, calls_roll;
	uint64_t requests, connections, body_bytes, busy_tsc, error[GEN_ERRORS_N];
	uint64_t unanswered; /* due before the end and not answered by then */
	uint64_t flood_sent, flood_answered;
	uint64_t connect_syns[SYNS_MAX]; /* connections that stood after so many SYNs, less one */
	uint64_t connects_failed;
	uint32_t roll_next, alive;	    /* the roll: who is next; who has answered */
	struct hist latency, connect, slow; /* slow: of slow readers and writers, not in latency */
	struct hist kept; /* under a flood: of connections that stay, which latency has too */
};

/* client.c */
extern const struct role client_role, origin_role;
bool client_init(struct gen *g);
void client_turn(struct gen *g);
void client_fini(struct gen *g);
void client_open(struct gen *g, struct flow *f);
void client_ask(struct gen *g, struct flow *f);

/* load.c: what is begun when. */
void load_turn(struct gen *g);
/* A connection is free for a request that falls due. */
void load_free(struct gen *g, struct flow *f);
/* It is not, any more. */
void load_lost(struct gen *g, struct flow *f);
/* Whether requests fall due by the clock for this client. */
bool load_is_open(const struct gen *g, const struct flow *f);
/* What was due and has no answer counts with the time that it has waited so far. */
void load_end(struct gen *g);
/* Idle: every connection serves once more, which shows that it is alive. True when all was said. */
bool load_call_roll(struct gen *g);
uint32_t load_random(struct gen *g, uint32_t below);

bool origin_init(struct gen *g);
void origin_fini(struct gen *g);
void origin_turn(struct gen *g);

/* Zeroed, on large pages where there are some; NULL: no memory. */
void *gen_memory(size_t n);
void gen_memory_end(void *p, size_t n);

/* Options: false with *ret_why (to be printed) for what cannot be. */
bool gen_options(int argc, char **argv, struct gen_conf *ret_conf, char *ret_why, size_t why_n);
void gen_result(const struct gen *g, double seconds);

/* Where in the tables a client's tuple is: address and port, host order; false: none of ours. */
bool gen_client_of(const struct gen *g, uint32_t address_be, uint16_t port_be, uint32_t *ret_i);

#endif
