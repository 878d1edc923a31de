/*
 * runtime.h - control/runtime: what an operator or DNS changes without a new image: state and
 * weight of servers, their resolved addresses, the processor of a lane, the processors that run
 * lanes, how cores poll. Servers go by slot; the incarnation says
 * which user of the slot is meant, and words of another incarnation do not count. Processors are
 * named by their numbers, since images and data planes come and go.
 *
 * Control changes records in place, each under its own sequence word (seqlock.h); lanes copy what
 * they need at most once a millisecond. When slots no longer fit, control makes a larger file,
 * copies and replaces; readers see the stale mapping (rundir_map_is_stale) and map again.
 * The overrides outlive both programs, until undone.
 */
#ifndef PENSTOCK_ABI_RUNTIME_H
#define PENSTOCK_ABI_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"
#include "abi/fault.h"

#define RUNTIME_MAGIC 0x314e555253504e45ull /* "ENPSRUN1" */

enum {
	RUNTIME_VERSION = 1,
	RUNTIME_ADDRESSES_MAX = 16, /* of one server */
};

/* up: as balanced. drain: finishes what it has, gets nothing new. disabled: cut off. */
/* clang-format off */
#define RUNTIME_ADMIN_LIST(x) x(UP, up) x(DRAIN, drain) x(DISABLED, disabled)
/* clang-format on */

enum runtime_admin {
#define X(name, word) RUNTIME_ADMIN_##name,
	RUNTIME_ADMIN_LIST(X)
#undef X
	RUNTIME_ADMINS
};

const char *runtime_admin_name(uint32_t v);

enum {
	RUNTIME_WEIGHT = 1 << 0,   /* weight overrides the image's */
	RUNTIME_RESOLVED = 1 << 1, /* addresses hold an answer, which may be empty */
};

struct runtime_server {
	uint32_t seq;	      /* seqlock of all below */
	uint32_t incarnation; /* 0: never used */
	uint32_t admin;	      /* enum runtime_admin */
	uint32_t flags;
	uint32_t weight;
	uint32_t address_n; /* an address that disappears is drained: idle connections close */
	uint64_t resolved_until_ns; /* realtime, for people; the data plane ignores it */
	struct ip_addr address[RUNTIME_ADDRESSES_MAX];
};

/* Where control wants a lane to run. */
struct runtime_lane {
	uint32_t cpu; /* ABI_NONE, and one without a core: as the data plane likes */
	uint32_t spare;
};

/* What an operator says of a processor beside machine.cores. */
/* clang-format off */
#define RUNTIME_CORE_LIST(x)                                                                       \
	x(NONE, none)		/* nothing: the entry is free */                                   \
	x(ADDED, added)		/* runs lanes */                                                   \
	x(RELEASED, released)	/* runs none */
/* clang-format on */

enum runtime_core {
#define X(name, word) RUNTIME_CORE_##name,
	RUNTIME_CORE_LIST(X)
#undef X
	RUNTIME_CORES
};

const char *runtime_core_name(uint32_t v);

/* Written as one word. */
struct runtime_cpu {
	uint32_t cpu;
	uint32_t said; /* enum runtime_core */
};

enum {
	RUNTIME_CPUS_MAX = 1024, /* processors have numbers below it */
	RUNTIME_CPUS_N = 128,	 /* entries in a file */
};

#define RUNTIME_BURST_MOST 64 /* what a lane has places for */

/*
 * How cores work, each a 64-bit word: x(name, word, unit, least, most, what it is). Appended only.
 * What each is when nothing is said stands in the image or in the data plane (instance.tune).
 */
/* clang-format off */
#define RUNTIME_TUNE_LIST(x)                                                                       \
	x(POLL, poll, poll, 0, 1, "adaptive: cores without work sleep; busy: never")   \
	x(BURST, burst, packets, 1, RUNTIME_BURST_MOST, "packets a lane takes from a queue at a time")             \
	x(SPIN, spin, ns, 0, 10000000, "a core without work polls on for so long")                 \
	x(PAUSE, pause, ns, 0, 1000000000, "then with pauses, until it is idle for so long")       \
	x(SLEEP_LEAST, sleep_least, ns, 1000, 10000000, "then it sleeps, at first for so long")    \
	x(SLEEP_MOST, sleep_most, ns, 1000, 10000000, "twice as long each time, up to this")
/* clang-format on */

enum runtime_tune {
#define X(name, word, unit, least, most, what) RUNTIME_TUNE_##name,
	RUNTIME_TUNE_LIST(X)
#undef X
	RUNTIME_TUNES
};

#define RUNTIME_TUNE_UNSAID UINT64_MAX

struct runtime_tune_key {
	const char *name, *unit, *what;
	uint64_t least, most;
};

/* key below RUNTIME_TUNES. */
const struct runtime_tune_key *runtime_tune_key(enum runtime_tune key);

struct runtime_head {
	uint64_t magic;
	uint16_t version;
	uint16_t head_bytes;
	uint32_t crc; /* CRC-32C of the fields up to lane_n with this one zero */
	uint64_t bytes;
	uint32_t server_offset, server_stride, server_n;
	uint32_t lane_offset, lane_stride, lane_n;
	/* Older files end their head here: then nothing is said of what follows. */
	uint32_t more_crc; /* of the fields below */
	uint32_t cpu_offset, cpu_n;
	uint32_t tune_offset, tune_n;
	uint32_t spare;
};

enum {
	RUNTIME_HEAD_FIRST_BYTES = 48
};

/* A mapped runtime; pointers into the mapping, whose header was copied and checked. */
struct runtime {
	uint8_t *bytes; /* NULL: none; every look-up then says "nothing said" */
	uint64_t bytes_n;
	struct runtime_head head;
};

/* Bytes of a file for so many server slots and lanes. */
size_t runtime_bytes(uint32_t server_n, uint32_t lane_n);

/* Writes the header into zeroed memory of runtime_bytes and makes every lane "as it likes". */
void runtime_init(void *bytes, uint32_t server_n, uint32_t lane_n);

/* Opens n mapped bytes of anybody's. */
bool runtime_open(void *bytes, size_t n, struct runtime *ret_runtime, struct abi_fault *ret_fault);

/*
 * Copies a server's words, checked and cut to what is valid (unknown admin words count as
 * DISABLED, address_n is bounded). False, and *ret_server all zero with admin UP, when nothing is
 * said of this incarnation or the writer was in the middle of a change.
 */
bool runtime_server(const struct runtime *rt, uint32_t slot, uint32_t incarnation,
		    struct runtime_server *ret_server);

/* Its sequence word alone: unchanged since the last copy means nothing to copy. */
uint32_t runtime_server_seq(const struct runtime *rt, uint32_t slot);

/* The processor for a lane, ABI_NONE when nothing is said. */
uint32_t runtime_lane_cpu(const struct runtime *rt, uint32_t lane);

/* What is said of a processor. */
enum runtime_core runtime_core(const struct runtime *rt, uint32_t cpu);

/* Entry i below rt->head.cpu_n, checked: a word that is not known counts as NONE. */
struct runtime_cpu runtime_cpu(const struct runtime *rt, uint32_t i);

/* A word within its bounds, or RUNTIME_TUNE_UNSAID. */
uint64_t runtime_tune(const struct runtime *rt, enum runtime_tune key);

/* ---- writer: control alone ---- */

/* Replaces a slot's words (incarnation, admin, flags, weight, addresses). False: no such slot. */
bool runtime_put_server(struct runtime *rt, uint32_t slot, const struct runtime_server *server);

bool runtime_put_lane_cpu(struct runtime *rt, uint32_t lane, uint32_t cpu);

/* NONE takes back what was said. False: no entry is free. */
bool runtime_put_core(struct runtime *rt, uint32_t cpu, enum runtime_core said);

/* RUNTIME_TUNE_UNSAID takes it back. */
bool runtime_put_tune(struct runtime *rt, enum runtime_tune key, uint64_t value);

#endif
