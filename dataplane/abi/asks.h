/*
 * asks.h - control/asks: what control asks of each lane; the lane answers in answers.<lane>
 * (answers.h).
 *
 * One place a lane, each on lines of its own, so that a lane that looks for its next ask touches
 * nothing that is written for another. An ask stands until the next one takes its place: control
 * puts a new one when it has read the answer, or does not want it any more. Ids only rise.
 *
 * Made once, then changed in place by control alone, under a sequence word.
 */
#ifndef PENSTOCK_ABI_ASKS_H
#define PENSTOCK_ABI_ASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"
#include "abi/answers.h"
#include "abi/fault.h"
#include "abi/image.h"

#define ASKS_CAPTURE_NS_MAX 3600000000000ull	  /* an hour */
#define ASKS_MAGIC	    0x314b5341534e4550ull /* "PENSASK1" */

enum {
	ASKS_VERSION = 2,
	ASKS_PREFIX_MAX = 128,
};

/* NOTHING: none was put yet. */
/* clang-format off */
#define ASK_KIND_LIST(x)                                                                           \
	x(NOTHING, nothing)                                                                        \
	x(FIND, find) /* the sessions that fit */                                                  \
	x(KILL, kill) /* end them too; a filter is needed */                                       \
	x(CAPTURE, capture) /* their packets, and those of whoever fits from now on */             \
	x(CAPTURE_END, capture_end) /* no more of these */
/* clang-format on */

enum ask_kind {
#define X(name, word) ASK_KIND_##name,
	ASK_KIND_LIST(X)
#undef X
	ASK_KINDS
};

const char *ask_kind_name(uint32_t v);

/* Which fields of a filter count; what is not named fits everything. */
enum {
	ASK_BY_ID = 1 << 0,
	ASK_BY_CLIENT = 1 << 1,
	ASK_BY_CLIENT_PORT = 1 << 2,
	ASK_BY_SERVER = 1 << 3, /* its address */
	ASK_BY_SERVER_PORT = 1 << 4,
	ASK_BY_LISTENER = 1 << 5,
	ASK_BY_FARM = 1 << 6,
	ASK_BY_PHASE = 1 << 7,
	ASK_BY_AGE = 1 << 8,
	ASK_BY_PREFIX = 1 << 9, /* of the request target, byte for byte */
	ASK_BY_ALL = (1 << 10) - 1,
};

/* A session fits when every field that counts does. */
struct ask_filter {
	uint32_t by;
	uint16_t client_port, server_port;
	uint64_t session_id;
	struct ip_addr client, server;
	uint32_t listener_slot, listener_incarnation;
	uint32_t farm_slot, farm_incarnation;
	uint64_t age_ns; /* session_shown_ns is that at least */
	uint32_t phases; /* a bit for each enum session_phase */
	uint32_t prefix_n;
	uint8_t prefix[ASKS_PREFIX_MAX];
};

struct ask {
	uint32_t seq;  /* seqlock.h */
	uint32_t kind; /* enum ask_kind */
	uint64_t id;   /* never 0, never lower than the one before */
	uint64_t from; /* 0, or answers_state.next of an answer that was cut short */
	uint64_t life; /* answers_head.id; an ask that changes something is for no other life */
	uint64_t capture_id; /* CAPTURE, CAPTURE_END: which (abi/capture.h); from 1 */
	uint64_t for_ns;     /* CAPTURE: it ends by itself after that */
	uint32_t snap;	     /* CAPTURE: bytes kept of a packet */
	uint32_t spare;
	struct ask_filter filter;
} __attribute__((aligned(64)));

struct asks {
	uint64_t magic;
	uint16_t version;
	uint16_t spare;
	uint32_t ask_n;
	uint64_t spare2[6];
	struct ask ask[IMG_LANES_MAX];
};

void asks_init(struct asks *asks); /* zeroed memory of sizeof(struct asks) */

/* Whether n mapped bytes can be used as asks; only the header matters. */
bool asks_check(const void *bytes, size_t n, struct abi_fault *ret_fault);

/* Control: the next ask of a lane takes the place of the last one; seq is ours to set. */
void ask_put(struct ask *place, const struct ask *ask);

/*
 * Lane, once in a while: the ask in its place when it is another than id `last`; one load when it
 * is not. False: nothing new, or it is being written (next time). A new one that this program
 * cannot carry out is taken too, and *ret_fault says why; kind NONE: it is sound, and within
 * bounds.
 */
bool ask_take(const struct ask *place, uint64_t last, struct ask *ret_ask,
	      struct abi_fault *ret_fault);

/* The age a session is shown with: of its request while one is in progress, else since its
 * connection was opened or its last request ended. */
uint64_t session_shown_ns(const struct session *session);

/* Whether a session fits. The filter came through ask_take, the session through answers_session
 * or from its writer. */
bool ask_fits(const struct ask_filter *filter, const struct session *session);

#endif
