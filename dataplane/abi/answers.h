/*
 * answers.h - dataplane/answers.<lane>: what one lane answers to control's ask (asks.h).
 *
 * Bounded: when the records are full the lane stops, says from where it would go on, and waits
 * for an ask that says so. Records may be read while the answer is DONE, FULL or REFUSED and until
 * control puts the next ask; a reader that looks at another time is told so, not misled.
 * The lane alone writes, with plain stores.
 */
#ifndef PENSTOCK_ABI_ANSWERS_H
#define PENSTOCK_ABI_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"
#include "abi/fault.h"

#define ANSWERS_MAGIC 0x31534e41534e4550ull /* "PENSANS1" */

enum {
	ANSWERS_VERSION = 1,
	ANSWERS_RECORDS_MAX = 4096,
	SESSION_TEXT_MAX = 256, /* of a request: method, host, target, one behind another */
};

/* clang-format off */
#define ANSWERS_PHASE_LIST(x)                                                                      \
	x(NOTHING, nothing) /* asked so far */                                                     \
	x(WORKING, working) /* some turns more */                                                  \
	x(DONE, done)                                                                              \
	x(FULL, full)       /* ask again with from = next */                                       \
	x(REFUSED, refused) /* this data plane does not know how */

/* What a session waits for. */
#define SESSION_PHASE_LIST(x)                                                                      \
	x(IDLE, idle)         /* the client's next request */                                      \
	x(HEAD, head)         /* the rest of a request head */                                     \
	x(DIAL, dial)         /* a connection to a server */                                       \
	x(SEND, send)         /* the request's last byte; nothing of the response is here */       \
	x(WAIT, wait)         /* the response's head; the request is sent */                       \
	x(RELAY, relay)       /* the response's last byte */                                       \
	x(REST, rest)         /* the request's last byte; the response is whole */                 \
	x(TUNNEL, tunnel)     /* both ends of an upgraded connection */                            \
	x(CLOSE, close)       /* the client's own end after the last reply */                      \
	x(POOL, pool)         /* no client: a server's connection kept for the next request */

/* In the order of RFC 9293; as the TCP engine numbers them. */
#define SESSION_TCP_LIST(x)                                                                        \
	x(CLOSED, closed) x(SYN_SENT, syn_sent) x(SYN_RECEIVED, syn_received)                      \
	x(ESTABLISHED, established) x(FIN_WAIT_1, fin_wait_1) x(FIN_WAIT_2, fin_wait_2)            \
	x(CLOSE_WAIT, close_wait) x(CLOSING, closing) x(LAST_ACK, last_ack)                        \
	x(TIME_WAIT, time_wait)
/* clang-format on */

enum answers_phase {
#define X(name, word) ANSWERS_##name,
	ANSWERS_PHASE_LIST(X)
#undef X
	ANSWERS_PHASES
};

enum session_phase {
#define X(name, word) SESSION_##name,
	SESSION_PHASE_LIST(X)
#undef X
	SESSION_PHASES
};

enum session_tcp {
#define X(name, word) SESSION_TCP_##name,
	SESSION_TCP_LIST(X)
#undef X
	SESSION_TCPS
};

const char *answers_phase_name(uint32_t v);
const char *session_phase_name(uint32_t v);
const char *session_tcp_name(uint32_t v);

enum {
	SESSION_LEG_RECOVERING = 1 << 0, /* fast recovery, or repair after a timeout */
	SESSION_LEG_TIMED_OUT = 1 << 1,	 /* the timer was it */
	SESSION_LEG_REORDERED = 1 << 2,	 /* the path has delivered out of order, ever */
};

/* One side of a session: its connection as TCP sees it. */
struct session_leg {
	struct ip_addr local, remote; /* remote none: there is no such leg */
	uint16_t local_port, remote_port;
	uint16_t mss;
	uint8_t tcp;	    /* enum session_tcp */
	uint8_t congestion; /* enum img_congestion */
	uint32_t flags;
	uint32_t cwnd_bytes, ssthresh_bytes, send_window_bytes, receive_window_bytes;
	uint32_t flight_bytes; /* sent and not acknowledged */
	uint32_t queued_bytes; /* given to TCP, not acknowledged; flight included */
	uint32_t unread_bytes; /* received, not used */
	uint64_t srtt_ns, rttvar_ns, rto_ns, rtt_least_ns;
	uint64_t bytes_in, bytes_out;
	uint64_t retransmits;
	uint64_t zero_window_ns;
};

struct session {
	uint64_t id;	  /* unique in this life of the lane */
	uint64_t age_ns;  /* since it was accepted, or dialled, or its last request ended */
	uint64_t took_ns; /* since the request's first byte; 0: no request */
	uint32_t listener_slot, listener_incarnation; /* incarnation 0: none */
	uint32_t farm_slot, farm_incarnation;
	uint32_t server_slot, server_incarnation;
	uint32_t phase;	 /* enum session_phase */
	uint16_t status; /* of the response, 0: none so far */
	uint16_t tries;
	uint16_t method_n, host_n, target_n; /* bytes of text, as the client sent them */
	uint16_t cut_n;			     /* bytes of the target that had no room */
	struct session_leg client, server;
	uint8_t text[SESSION_TEXT_MAX];
};

/* ---- the file ---- */

struct answers_head {
	uint64_t magic;
	uint16_t version;
	uint16_t head_bytes;
	uint32_t crc; /* CRC-32C of this struct with this field zero: it never changes */
	uint64_t bytes;
	uint64_t id; /* of this life of the data plane */
	uint32_t lane;
	uint32_t record_n, record_stride, record_offset;
	uint32_t state_offset;
	uint32_t spare;
};

/* Where the answer stands: a line of its own. */
struct answers_state {
	uint32_t seq;	/* seqlock.h */
	uint32_t phase; /* enum answers_phase */
	uint64_t ask_id;
	uint64_t next;	  /* FULL: for ask.from */
	uint32_t found_n; /* records there, from the first on */
	uint32_t spare;
};

/* What a lane holds of its file. */
struct answers {
	struct answers_state *state;
	struct session *session;
	uint32_t session_n; /* room */
	uint64_t life;	    /* answers_head.id */
};

size_t answers_bytes(uint32_t session_n);

/* Lays a file out in zeroed memory of answers_bytes; session_n from 1 to ANSWERS_RECORDS_MAX. */
void answers_init(void *bytes, uint32_t lane, uint64_t id, uint32_t session_n,
		  struct answers *ret_answers);

/* Writer: an ask is being worked on; records of the last one are gone. */
void answers_begin(struct answers *a, uint64_t ask_id);

/* The place of the next record, NULL: full. It counts from answers_keep on. */
struct session *answers_place(const struct answers *a);
void answers_keep(struct answers *a);

/* Nothing more comes: DONE, FULL (next: where it would go on) or REFUSED. */
void answers_end(struct answers *a, enum answers_phase phase, uint64_t next);

/* ---- reading ---- */

/* An opened file of anybody's; its head was checked. */
struct answers_view {
	const uint8_t *bytes;
	struct answers_head head;
};

bool answers_open(const void *bytes, size_t n, struct answers_view *ret_view,
		  struct abi_fault *ret_fault);

/* Where it stands; cut to what is valid. False: it is being changed, look again later. */
bool answers_look(const struct answers_view *v, struct answers_state *ret_state);

/*
 * A copy of record i of the answer to ask_id. False and the fault: SEQUENCE, the answer is to
 * another ask or not there yet; REFERENCE, there is no such record; else what is wrong with it.
 */
bool answers_session(const struct answers_view *v, uint64_t ask_id, uint32_t i,
		     struct session *ret_session, struct abi_fault *ret_fault);

#endif
