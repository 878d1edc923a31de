/*
 * runtime.h - control/runtime: what an operator or DNS changes without a new image: state and
 * weight of servers, their resolved addresses, the core of a lane. By slot; the incarnation says
 * which user of the slot is meant, and words of another incarnation do not count.
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
	uint32_t core_i; /* index of the image's cores, ABI_NONE: as the data plane likes */
	uint32_t spare;
};

struct runtime_head {
	uint64_t magic;
	uint16_t version;
	uint16_t head_bytes;
	uint32_t crc; /* CRC-32C of this struct with this field zero */
	uint64_t bytes;
	uint32_t server_offset, server_stride, server_n;
	uint32_t lane_offset, lane_stride, lane_n;
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

/* The core index for a lane, ABI_NONE when nothing is said. */
uint32_t runtime_lane_core(const struct runtime *rt, uint32_t lane);

/* ---- writer: control alone ---- */

/* Replaces a slot's words (incarnation, admin, flags, weight, addresses). False: no such slot. */
bool runtime_put_server(struct runtime *rt, uint32_t slot, const struct runtime_server *server);

bool runtime_put_lane_core(struct runtime *rt, uint32_t lane, uint32_t core_i);

#endif
