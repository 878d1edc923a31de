/*
 * journal.h - dataplane/journal.<lane>: a ring with one producer (the lane) and one consumer
 * (control), in shared memory. Records carry sequence numbers, so that what was dropped shows. A
 * full ring drops and counts, never blocks and never overwrites what was not read.
 *
 * Positions are bytes written and read, ever; a position modulo ring_bytes is a place. A record
 * never wraps: a PAD record fills the end. The producer publishes `written`; the consumer's
 * position is in control/cursors and only taken when it makes sense (not behind by more than the
 * ring, not ahead). The consumer re-checks everything it reads. What fits in the ring unread when
 * a lane dies stays readable: the next data plane renames the file to journal.<lane>.before.
 * Units: nanoseconds, bytes; ports host order.
 */
#ifndef PENSTOCK_ABI_JOURNAL_H
#define PENSTOCK_ABI_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"
#include "abi/cursors.h"
#include "abi/fault.h"

#define JOURNAL_MAGIC 0x314c4e524a534e50ull /* "PNSJRNL1" */

enum {
	JOURNAL_VERSION = 1,
	JOURNAL_ALIGN = 8,
	JOURNAL_BYTES_MIN = 64 << 10, /* ring sizes are powers of two */
	JOURNAL_BYTES_MAX = 256 << 20,
	JOURNAL_RECORD_MAX = 16 << 10,
	JOURNAL_METHOD_MAX = 32, /* longer strings are cut, flag CUT */
	JOURNAL_TARGET_MAX = 8192,
	JOURNAL_HOST_MAX = 256,
	JOURNAL_AGENT_MAX = 512,
	JOURNAL_REFERER_MAX = 1024,
};

enum journal_kind {
	JOURNAL_PAD, /* nothing up to the ring's end */
	JOURNAL_ACCESS,
};

/*
 * Why an exchange did not end as both sides wished: x(NAME, word, text). The text may use
 * {upstream} {server} {farm} and the phase's time; control puts the sentence together.
 */
/* clang-format off */
#define JOURNAL_CAUSE_LIST(x)                                                                      \
	x(NONE, none, "")                                                                          \
	x(REFUSED_REQUEST, refused_request, "the request was malformed")                           \
	x(HEAD_TOO_LARGE, head_too_large, "the request head was too large")                        \
	x(TARGET_TOO_LONG, target_too_long, "the request target was too long")                     \
	x(BODY_TOO_LARGE, body_too_large, "the request body was too large")                        \
	x(NOT_IMPLEMENTED, not_implemented, "a transfer coding we do not know")                    \
	x(HTTP_VERSION, http_version, "an HTTP version we do not speak")                           \
	x(EXPECTATION, expectation, "an expectation we cannot meet")                               \
	x(NO_FARM, no_farm, "the listener has no farm for it")                                     \
	x(NO_SERVER, no_server, "no server of the farm can be used")                               \
	x(NO_ADDRESS, no_address, "the server's name has no address")                              \
	x(NO_SOURCE_PORT, no_source_port, "no source port was free towards the server")            \
	x(CONNECT_REFUSED, connect_refused, "the server refused the connection")                   \
	x(CONNECT_TIMEOUT, connect_timeout, "the server did not answer the connection")            \
	x(CONNECT_UNREACHABLE, connect_unreachable, "the server's host cannot be reached")         \
	x(SEND_TIMEOUT, send_timeout, "the server took no more of the request")                    \
	x(RECEIVE_TIMEOUT, receive_timeout, "the server sent nothing more")                        \
	x(UPSTREAM_RESET, upstream_reset, "the server reset the connection")                       \
	x(UPSTREAM_CLOSED, upstream_closed, "the server closed before a response")                 \
	x(UPSTREAM_TRUNCATED, upstream_truncated, "the server closed within a response")           \
	x(UPSTREAM_MALFORMED, upstream_malformed, "the server's response was malformed")           \
	x(UPSTREAM_HEAD_TOO_LARGE, upstream_head_too_large, "the response head was too large")     \
	x(CLIENT_HEAD_TIMEOUT, client_head_timeout, "the client did not finish its request head")  \
	x(CLIENT_BODY_TIMEOUT, client_body_timeout, "the client sent no more of its request")      \
	x(CLIENT_SEND_TIMEOUT, client_send_timeout, "the client took no more of the response")     \
	x(CLIENT_RESET, client_reset, "the client reset the connection")                           \
	x(CLIENT_CLOSED, client_closed, "the client closed before the response")                   \
	x(CLIENT_TRUNCATED, client_truncated, "the client closed within its request")              \
	x(MEMORY, memory, "cut: the lane's memory budget was used up")                             \
	x(CONNS, conns, "no room for another connection")                                          \
	x(EXCHANGES, exchanges, "no room for another request")                                     \
	x(VIEW, view, "cut: it held an old configuration for too long")                            \
	x(DRAINED, drained, "cut: the server was disabled")                                        \
	x(SHUTDOWN, shutdown, "the proxy was stopped")                                             \
	x(RULE_ERROR, rule_error, "a rule could not be carried out")                               \
	x(RULE_TARGET, rule_target, "the request target has a malformed escape")                   \
	x(RULE_ABORT, rule_abort, "a rule closed the connection")                                  \
	x(RULE_HOST, rule_host, "the URL of a rule leads to no farm")                              \
	x(SCHEME, scheme_unsupported, "TLS towards servers is not there yet")                      \
	x(KILLED, killed, "killed by penstockctl")
/* clang-format on */

enum journal_cause {
#define X(name, word, text) JOURNAL_CAUSE_##name,
	JOURNAL_CAUSE_LIST(X)
#undef X
	JOURNAL_CAUSES
};

const char *journal_cause_name(uint32_t cause);
const char *journal_cause_text(uint32_t cause);

enum {
	JOURNAL_REUSED = 1 << 0, /* the upstream connection came from the pool */
	JOURNAL_KEPT = 1 << 1,	 /* the client connection goes on */
	JOURNAL_TUNNEL = 1 << 2, /* upgraded (101) or CONNECT */
	JOURNAL_CUT = 1 << 3,	 /* a string was longer than its maximum */
	JOURNAL_CHUNKED_REQUEST = 1 << 4,
	JOURNAL_CHUNKED_RESPONSE = 1 << 5,
	JOURNAL_OWN_RESPONSE = 1 << 6, /* the response is ours, not a server's */
	JOURNAL_HAS_UPSTREAM = 1 << 7, /* a server was chosen: upstream fields count */
};

/* TCP's side of the story, per leg. */
struct journal_leg {
	uint64_t zero_window_ns; /* time for which the peer's window was shut, so far */
	uint32_t rtt_us;	 /* smoothed */
	uint32_t retransmits;	 /* segments, of the connection so far */
};

struct journal_record {
	uint32_t bytes;	      /* of the record, aligned */
	uint16_t kind;	      /* enum journal_kind */
	uint16_t fixed_bytes; /* sizeof of the writer's fixed part; strings begin there */
	uint64_t seq;	      /* of this journal: 1, 2, …; dropped records take numbers too */
};

/* Phases are durations; 0 where a phase did not happen. Slots ABI_NONE: none. */
struct journal_access {
	struct journal_record record;
	uint64_t time_ns;	/* realtime of the request's first byte */
	uint64_t wait_ns;	/* from the accept or the end of the request before */
	uint64_t head_ns;	/* first byte to end of head */
	uint64_t queue_ns;	/* end of head to the dial or the reuse that was successful */
	uint64_t connect_ns;	/* SYN to established, the successful dial or the last */
	uint64_t send_ns;	/* first request byte to last given to TCP */
	uint64_t first_byte_ns; /* last request byte to the response's first */
	uint64_t receive_ns;	/* response's first byte to its last */
	uint64_t total_ns;	/* request's first byte to response's last acknowledged or given */
	struct ip_addr client, local;	 /* the client leg's ends */
	struct ip_addr source, upstream; /* the upstream leg's ends */
	uint16_t client_port, local_port, source_port, upstream_port;
	uint64_t request_head_bytes, request_body_bytes;   /* received */
	uint64_t response_head_bytes, response_body_bytes; /* sent */
	uint64_t generation;				   /* of the image that decided */
	uint32_t listener_slot, listener_incarnation;
	uint32_t farm_slot, farm_incarnation;
	uint32_t server_slot, server_incarnation;
	uint64_t conn_id;   /* the client connection's, unique in this life of the lane */
	uint32_t request_i; /* request of that connection: 0, 1, … */
	uint32_t flags;
	uint16_t status;	  /* sent to the client; 0: none was */
	uint16_t upstream_status; /* received; 0: none */
	uint16_t cause;		  /* enum journal_cause */
	uint16_t detail;	  /* of the cause: http's reason number, the rules' fault; 0 none */
	uint64_t limit_ns;	  /* the timeout that ended it, for *_TIMEOUT */
	uint16_t tries;		  /* servers tried */
	uint16_t version;	  /* HTTP version of the request: 10, 11 */
	uint16_t method_n, host_n, agent_n;
	uint16_t target_n;
	uint32_t lane;
	struct journal_leg client_leg, upstream_leg;
	uint32_t rule_slot, rule_incarnation; /* the last rule that matched; incarnation 0: none */
	uint16_t substatus;		      /* of rules: 500.50 is 50; 0: none */
	uint16_t referer_n;
	uint16_t spare[2];
	/* then method, target, host, agent, referer: bytes as received, not terminated */
};

/* The strings of a record, pointing to wherever it lies. */
struct journal_text {
	const uint8_t *method, *target, *host, *agent, *referer;
};

/* ---- the file ---- */

struct journal_head {
	uint64_t magic;
	uint16_t version;
	uint16_t head_bytes;
	uint32_t lane;
	uint64_t id; /* random, of this file: cursors name it */
	uint64_t ring_bytes;
	uint64_t ring_offset;
	uint64_t spare[3];
	/* The producer's line, changed by the lane alone. */
	uint64_t written; /* position; released after the records before it */
	uint64_t seq;	  /* last number given */
	uint64_t dropped; /* records that did not fit, ever */
	uint64_t spare2[5];
};

/* Whole file for a ring, which is rounded up to a power of two within the limits. */
size_t journal_bytes(uint64_t ring_bytes);

/* ---- producer ---- */

struct journal_writer {
	struct journal_head *head;
	uint8_t *ring;
	uint64_t ring_bytes;
	uint64_t id;
	uint64_t written, seq, dropped; /* our own copies: shared memory is only ever written */
	uint64_t read;			/* last sensible position of the consumer */
	const struct cursor *cursor;	/* set by the keeper (atomic); NULL: nobody reads yet */
	uint32_t lane;
};

/* Lays a journal out in zeroed memory of journal_bytes(ring_bytes). */
void journal_init(void *bytes, uint64_t ring_bytes, uint32_t lane, uint64_t id,
		  struct journal_writer *ret_writer);

/* Keeper: where the consumer's position is; the mapping outlives the writer. May be NULL. */
void journal_set_cursor(struct journal_writer *w, const struct cursor *cursor);

/* Bytes of a record's strings, cut to their maxima by journal_begin_access, and of all of it. */
struct journal_sizes {
	uint16_t method_n, target_n, host_n, agent_n, referer_n;
	bool is_cut;
	uint32_t bytes;
};

/*
 * An access record written where it is read, without a copy: begin gives the place, the caller
 * sets every field but record, lane and the five lengths (flags with JOURNAL_CUT when sizes says
 * so), and end publishes it. NULL: no room, it was counted as dropped. Nothing of the record is
 * seen before its end. Neither reads the clock, blocks or calls the system.
 */
struct journal_access *journal_begin_access(struct journal_writer *w, struct journal_sizes *sizes);
void journal_end_access(struct journal_writer *w, struct journal_access *record,
			const struct journal_sizes *sizes, const struct journal_text *text);

/*
 * The same in one go: the caller fills in *a (but for record and lane) and the lengths
 * method_n, target_n, host_n, agent_n, referer_n of the strings, which are cut to their maxima here. False:
 * no room, it was counted as dropped.
 */
bool journal_put_access(struct journal_writer *w, const struct journal_access *a,
			const struct journal_text *text);

/* Bytes not read yet. */
uint64_t journal_used(struct journal_writer *w);

/* ---- consumer ---- */

struct journal_reader {
	const uint8_t *bytes;
	uint64_t bytes_n;
	uint64_t ring_offset, ring_bytes, id;
	uint64_t position;
	uint64_t end;	 /* what the writer had written when it was last asked */
	uint64_t seq;	 /* of the last record read */
	uint64_t missed; /* records whose numbers never came */
	uint32_t lane;
};

/* Opens n mapped bytes of anybody's, at position 0. */
bool journal_open(const void *bytes, size_t n, struct journal_reader *ret_reader,
		  struct abi_fault *ret_fault);

/* Goes on from a cursor's position; false (and stays) when it makes no sense for this ring. */
bool journal_seek(struct journal_reader *r, uint64_t position);

/* clang-format off */
#define JOURNAL_GOT_LIST(x)                                                                        \
	x(RECORD, record)	/* *ret_access and *ret_text are set */                            \
	x(NOTHING, nothing)	/* all was read, or some thousands in a row were no records */     \
	x(BROKEN, broken)	/* the ring is not sound: what was unread is lost and counted */
/* clang-format on */

enum journal_got {
#define X(name, word) JOURNAL_GOT_##name,
	JOURNAL_GOT_LIST(X)
#undef X
	JOURNAL_GOTS
};

/*
 * Copies the next record out (room: JOURNAL_RECORD_MAX bytes, 8-byte aligned, the caller's; text
 * points into it) and checks the copy: strings are no longer than their maxima. Unknown kinds are
 * skipped. Fields that the writer does not have are zero. After BROKEN the reader stands at the writer's position.
 */
enum journal_got journal_next(struct journal_reader *r, void *room,
			      struct journal_access *ret_access, struct journal_text *ret_text);

/* The writer's position: what is before it is whole, unless the ring has gone round since. */
uint64_t journal_written(const struct journal_reader *r);

/* Records the lane dropped because the ring was full. */
uint64_t journal_dropped(const struct journal_reader *r);

#endif
