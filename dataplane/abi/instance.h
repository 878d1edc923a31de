/*
 * instance.h - dataplane/instance: the data plane about itself: who it is, what it accepts, which
 * image runs and what it thinks of the newest, its ports and where its lanes run. Made at start,
 * then changed in place by the keeper alone under one sequence word.
 */
#ifndef PENSTOCK_ABI_INSTANCE_H
#define PENSTOCK_ABI_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fault.h"
#include "abi/image.h"
#include "abi/runtime.h"

#define INSTANCE_MAGIC 0x3154534e49534e50ull /* "PNSINST1" */

enum {
	INSTANCE_VERSION = 1
};

/* What the data plane thinks of the newest published image. */
/* clang-format off */
#define INSTANCE_VERDICT_LIST(x)                                                                   \
	x(NONE, none)		/* nothing was published yet */                                    \
	x(ACCEPTED, accepted)	/* it runs */                                                      \
	x(REFUSED, refused)	/* the fault says why; an older one runs, or none */               \
	x(AT_RESTART, at_restart) /* runs, but parts of it wait for a restart */

/* How a port's flows find their lane. */
#define INSTANCE_STEERING_LIST(x)                                                                  \
	x(UNKNOWN, unknown)	/* not judged yet */                                               \
	x(SINGLE, single)	/* one lane takes all: nothing to steer */                         \
	x(RSS, rss)		/* the port's queues, as computed from its key: judged right */    \
	x(HANDOVER, handover)	/* software hash and rings: the port has no RSS, or few queues */  \
	x(MISMATCH, mismatch)	/* as handover, since real packets belied the known key */
/* clang-format on */

enum instance_verdict {
#define X(name, word) INSTANCE_VERDICT_##name,
	INSTANCE_VERDICT_LIST(X)
#undef X
	INSTANCE_VERDICTS
};

enum instance_steering {
#define X(name, word) INSTANCE_STEERING_##name,
	INSTANCE_STEERING_LIST(X)
#undef X
	INSTANCE_STEERINGS
};

const char *instance_verdict_name(uint32_t v);
const char *instance_steering_name(uint32_t v);

enum {
	INSTANCE_PORT_UP = 1 << 0,	   /* link */
	INSTANCE_PORT_CSUM_TX = 1 << 1,	   /* fills checksums in */
	INSTANCE_PORT_CSUM_RX = 1 << 2,	   /* verifies checksums */
	INSTANCE_PORT_MULTI_SEGS = 1 << 3, /* else packets are made linear */
	INSTANCE_PORT_TSO = 1 << 4,
	INSTANCE_PORT_HASH = 1 << 5, /* gives the RSS hash with packets */
	INSTANCE_PORT_LRO = 1 << 6,  /* may hand over several segments as one */
};

struct instance_port {
	char name[IMG_NAME_MAX + 1];
	char driver[32]; /* as DPDK calls it */
	uint8_t mac[6];
	uint16_t queues;
	uint16_t mtu;
	uint16_t vlan;
	uint32_t flags;
	uint32_t steering;	  /* enum instance_steering */
	uint32_t speed_mbps;	  /* 0: unknown */
	uint64_t steering_judged; /* packets looked at */
	uint64_t steering_wrong;  /* of these on another lane than computed */
};

/* A port's exception path, at the port's place; all zero where it has none. */
struct instance_except {
	char interface[16]; /* the kernel's */
	uint64_t to_kernel_packets, to_kernel_bytes;
	uint64_t from_kernel_packets, from_kernel_bytes;
	uint64_t full;	  /* packets for the kernel for which the path had no room */
	uint64_t refused; /* that the kernel did not take */
};

/* x(name, what): what a port's device counts since it was opened, once a second. */
/* clang-format off */
#define INSTANCE_COUNT_LIST(x)                                                                     \
	x(received, "Frames that the device gave us.")                                             \
	x(sent, "Frames that the device took from us.")                                            \
	x(missed, "Frames that the device dropped because we did not come for them in time.")      \
	x(no_buffers, "Frames that were dropped for want of a buffer to receive into.")            \
	x(send_errors, "Frames that the device failed to send.")                                   \
	x(linearised, "Frames in several pieces, copied together because the device takes one.")   \
	x(unsendable, "Frames dropped before the device: too long for it, or no buffer to copy.")
/* clang-format on */

struct instance_count {
#define X(name, what) uint64_t name;
	INSTANCE_COUNT_LIST(X)
#undef X
};

struct instance_lane {
	uint32_t core_i; /* place in core */
	uint32_t cpu;
};

/* clang-format off */
#define INSTANCE_CORE_LIST(x)                                                                      \
	x(NONE, none)		/* nobody runs here */                                             \
	x(RUNNING, running)	/* its thread runs lanes, or is there for some */                  \
	x(LEAVING, leaving)	/* its lanes move away, then its thread ends */                    \
	x(FAILED, failed)	/* its thread cannot be started: err says why */
/* clang-format on */

enum instance_core_state {
#define X(name, word) INSTANCE_CORE_##name,
	INSTANCE_CORE_LIST(X)
#undef X
	INSTANCE_CORE_STATES
};

const char *instance_core_state_name(uint32_t v);

enum {
	INSTANCE_CORE_HOME = 1 << 0 /* named by the image in force at start; keeps its place */
};

struct instance_core {
	uint32_t cpu;
	uint32_t state; /* enum instance_core_state */
	uint32_t flags;
	uint32_t err; /* errno */
};

/* What is said of the running process, under seq. */
struct instance_facts {
	uint32_t pid;
	uint32_t flags;	     /* none yet */
	uint64_t started_ns; /* realtime */
	char version[32];    /* of the program */
	uint32_t image_version, runtime_version, publish_version, cursors_version; /* accepted */
	uint64_t start_generation;  /* image in force at start: ports, lanes, memory are its */
	uint64_t generation;	    /* running; 0: none */
	uint64_t newest_generation; /* the one the verdict is about */
	uint32_t verdict;	    /* enum instance_verdict */
	uint32_t views_n;	    /* live views, the current one included */
	struct abi_fault fault;	    /* REFUSED: what and where; AT_RESTART: part names what waits */
	uint64_t changed_ns;	    /* realtime of the last verdict */
	uint32_t core_n, lane_n, port_n;
	uint32_t server_slots; /* room in the boards */
	struct instance_lane lane[IMG_LANES_MAX];
	struct instance_port port[IMG_PORTS_MAX];
	/* Appended after 0.1.0; all zero of an older writer. core_n above counts those that run. */
	struct instance_core core[IMG_CORES_MAX];
	uint64_t allowed[RUNTIME_CPUS_MAX / 64]; /* a bit a processor that the process may use */
	uint64_t tune[RUNTIME_TUNES];		 /* in effect; those usual, where nothing is said */
	uint64_t tune_usual[RUNTIME_TUNES];
	struct instance_except except[IMG_PORTS_MAX];
	struct instance_count count[IMG_PORTS_MAX]; /* at the port's place */
};

struct instance {
	uint64_t magic;
	uint16_t version;
	uint16_t spare;
	uint32_t facts_bytes; /* of the writer: appended fields make it larger */
	uint32_t facts_offset;
	uint32_t seq;
	uint64_t beat_ns; /* monotonic; the keeper's last step: shows that the process lives */
	struct instance_facts facts;
};

/* ---- writer ---- */

/* Writes the header into zeroed memory of sizeof(struct instance). */
void instance_init(struct instance *in);

/* Replaces the facts as a whole. */
void instance_put(struct instance *in, const struct instance_facts *facts);

void instance_beat(struct instance *in, uint64_t now);

/* ---- reader ---- */

/*
 * Copies the facts out of n mapped bytes of anybody's, checked: known words, bounded counts,
 * terminated strings.
 */
bool instance_read(const void *bytes, size_t n, struct instance_facts *ret_facts,
		   struct abi_fault *ret_fault);

static inline bool
instance_is_allowed(const struct instance_facts *facts, uint32_t cpu)
{
	return cpu < RUNTIME_CPUS_MAX && (facts->allowed[cpu / 64] >> cpu % 64 & 1) != 0;
}

#endif
