/*
 * board.h - dataplane/board.<lane>: one lane's counters, gauges, histograms and what it knows of
 * each server. The lane counts in place with plain stores (it is the only writer); readers of any
 * version go by the directory at the beginning: name, kind, unit, offset.
 *
 * Counters are for ever rising within one life of the data plane (board_head.id changes with it);
 * gauges are the value at the last turn.
 */
#ifndef PENSTOCK_ABI_BOARD_H
#define PENSTOCK_ABI_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/counters.h"
#include "abi/fault.h"

#define BOARD_MAGIC 0x3144524f42534e50ull /* "PNSBORD1" */

enum {
	BOARD_VERSION = 1,
	BOARD_NAME_MAX = 47,
	BOARD_UNIT_MAX = 15,
	BOARD_ENTRIES_MAX = 4096,

	BOARD_HIST_OCTAVES = 40, /* values up to 2^42: over an hour in ns */
	BOARD_HIST_BUCKETS = 8 + 8 * BOARD_HIST_OCTAVES,
};

/* clang-format off */

/* Gauges: x(name, unit, what it is). Appended only. */
#define BOARD_GAUGES(x)                                                                            \
	x(conns, conns, "client and upstream connections open")                                    \
	x(conns_client, conns, "client connections open")                                          \
	x(conns_upstream, conns, "upstream connections open, idle ones included")                  \
	x(conns_idle_upstream, conns, "upstream connections waiting in the pool")                  \
	x(conns_half_open, conns, "connections in SYN-RECEIVED")                                   \
	x(conns_time_wait, conns, "connections in TIME-WAIT")                                      \
	x(conns_max, conns, "connections this lane has room for")                                  \
	x(exchanges, exchanges, "requests in progress")                                            \
	x(exchanges_max, exchanges, "requests this lane has room for")                             \
	x(bufs_held, bufs, "stream buffers held in connections' queues")                           \
	x(bufs_max, bufs, "the lending budget: stream buffers this lane may hold")                 \
	x(bufs_lent, bufs, "buffers lent to ports: receive rings and packets being sent")          \
	x(bufs_pool, bufs, "buffers of the pool this lane takes from")                             \
	x(bufs_free, bufs, "buffers free in that pool")                                            \
	x(generation, generation, "generation of the image in use")                                \
	x(core, core, "index of the core that runs this lane")                                     \
	x(asleep, flag, "1 while the lane's core sleeps")                                          \
	x(turned_at, ns, "monotonic time of the last turn")                                        \
	x(journal_used, bytes, "journal bytes that control has not read yet")                      \
	x(conns_memory, bytes, "memory for conns_max: records, timers, places to find them by")    \
	x(load, permille, "of a core, that turns with work took in the last second or so")

/* Histograms: x(name, unit, what it measures). Appended only. */
#define BOARD_HISTS(x)                                                                             \
	x(turn_time, ns, "length of a turn that found work")                                       \
	x(request_time, ns, "from the request's first byte to the response's last given to TCP")   \
	x(first_byte_time, ns, "from the request sent upstream to its response's first byte")      \
	x(connect_time, ns, "from SYN to established, upstream")                                   \
	x(lane_move_pause, ns, "a lane between its last turn on one core and the next one's")

/* What a lane knows of a server, by slot: x(name, unit, kind, what). Appended only. */
#define BOARD_SERVER_WORDS(x)                                                                      \
	x(incarnation, id, GAUGE, "which user of the slot these words are about")                  \
	x(in_flight, exchanges, GAUGE, "requests at this server now")                              \
	x(conns, conns, GAUGE, "connections open to it")                                           \
	x(conns_idle, conns, GAUGE, "of these waiting in the pool")                                \
	x(health, health, GAUGE, "0 unknown, 1 good, 2 resting after a failure")                   \
	x(rested_until, ns, GAUGE, "monotonic time until which it is left alone, 0 none")          \
	x(requests, requests, COUNTER, "requests sent to it")                                      \
	x(dials, conns, COUNTER, "connections tried")                                              \
	x(dial_failures, conns, COUNTER, "connections refused, timed out or unreachable")          \
	x(failures, requests, COUNTER, "requests that failed at it after being sent")              \
	x(status_2xx, responses, COUNTER, "responses below 300")                                   \
	x(status_3xx, responses, COUNTER, "responses 300 to 399")                                  \
	x(status_4xx, responses, COUNTER, "responses 400 to 499")                                  \
	x(status_5xx, responses, COUNTER, "responses from 500 on")                                 \
	x(bytes_out, bytes, COUNTER, "bytes sent to it")                                           \
	x(bytes_in, bytes, COUNTER, "bytes received from it")                                      \
	x(failed_at, ns, GAUGE, "monotonic time of its last failure, 0 none")                      \
	x(failed_cause, cause, GAUGE, "why, by the journal's list of causes")                       \
	x(firsts, responses, COUNTER, "responses whose first byte came after all of the request")  \
	x(first_ns, ns, COUNTER, "these waited for: from the request sent to that byte")

/* ... of a rule, inbound or outbound, by slot. */
#define BOARD_RULE_WORDS(x)                                                                        \
	x(incarnation, id, GAUGE, "which user of the slot these words are about")                  \
	x(tried, requests, COUNTER, "looked at by itself, after the scan of all patterns")         \
	x(matched, requests, COUNTER, "pattern and conditions held")                               \
	x(faults, requests, COUNTER, "could not be carried out")                                   \
	x(time, ns, COUNTER, "spent on it in one of 64 evaluations")

/* Of a rule's evaluations one in so many is timed; a power of two. */
enum {
	BOARD_RULE_TIMED_ONE_IN = 64
};

#define BOARD_KIND_LIST(x) x(COUNTER, counter) x(GAUGE, gauge) x(HISTOGRAM, histogram)
#define BOARD_HEALTH_LIST(x) x(UNKNOWN, unknown) x(GOOD, good) x(RESTING, resting)
/* clang-format on */

enum board_kind {
#define X(name, word) BOARD_KIND_##name,
	BOARD_KIND_LIST(X)
#undef X
	BOARD_KINDS
};

enum board_health {
#define X(name, word) BOARD_HEALTH_##name,
	BOARD_HEALTH_LIST(X)
#undef X
	BOARD_HEALTHS
};

const char *board_kind_name(uint32_t v);
const char *board_health_name(uint32_t v);

struct board_gauges {
#define X(name, unit, what) uint64_t name;
	BOARD_GAUGES(X)
#undef X
};

/*
 * Buckets: values 0 to 7 one each, then eight per power of two; the last takes all above.
 */
struct board_hist {
	uint64_t n, sum, max;
	uint64_t bucket[BOARD_HIST_BUCKETS];
};

struct board_hists {
#define X(name, unit, what) struct board_hist name;
	BOARD_HISTS(X)
#undef X
};

struct board_server {
#define X(name, unit, kind, what) uint64_t name;
	BOARD_SERVER_WORDS(X)
#undef X
};

struct board_rule {
#define X(name, unit, kind, what) uint64_t name;
	BOARD_RULE_WORDS(X)
#undef X
};

/* What a lane holds of its board: pointers into the mapping. */
struct board {
	struct counters *counters;
	struct board_gauges *gauges;
	struct board_hists *hists;
	struct board_server *server; /* [server_n], by slot */
	uint32_t server_n;
	struct board_rule *rule; /* [IMG_RULES_MAX], by slot */
};

/* ---- the file ---- */

enum {
	BOARD_PER_SERVER = 1 << 0, /* an array with one element a server slot */
	BOARD_PER_RULE = 1 << 1,   /* ... a rule slot */
};

/* One line of the directory. Offset is from the file's start; elements lie stride apart. */
struct board_entry {
	char name[BOARD_NAME_MAX + 1];
	char unit[BOARD_UNIT_MAX + 1];
	uint32_t kind; /* enum board_kind */
	uint32_t flags;
	uint32_t offset;
	uint32_t stride; /* between elements */
	uint32_t n;	 /* elements; 1 but for words of servers and rules */
	uint32_t bytes;	 /* of one element: 8, or a histogram */
};

struct board_head {
	uint64_t magic;
	uint16_t version;
	uint16_t head_bytes;
	uint32_t crc; /* CRC-32C of head (this field zero) and directory: never change */
	uint64_t bytes;
	uint64_t id; /* of this life of the data plane */
	uint32_t lane;
	uint32_t entry_n, entry_stride, entry_offset;
	uint32_t server_n;
	uint32_t spare;
};

size_t board_bytes(uint32_t server_n);

/* Lays a board out in zeroed memory of board_bytes. */
void board_init(void *bytes, uint32_t lane, uint64_t id, uint32_t server_n,
		struct board *ret_board);

/* ---- counting ---- */

static inline uint32_t
board_hist_bucket(uint64_t v)
{
	uint32_t octave, i;

	if (v < 8)
		return (uint32_t)v;
	octave = 63 - (uint32_t)__builtin_clzll(v); /* at least 3 */
	i = 8 + (octave - 3) * 8 + (uint32_t)((v >> (octave - 3)) & 7);
	return i < BOARD_HIST_BUCKETS ? i : BOARD_HIST_BUCKETS - 1;
}

static inline void
board_hist_add(struct board_hist *h, uint64_t v)
{
	h->n++;
	h->sum += v;
	if (v > h->max)
		h->max = v;
	h->bucket[board_hist_bucket(v)]++;
}

/* The lowest value of a bucket. */
uint64_t board_hist_floor(uint32_t bucket);

/* The value below which `share` (0 to 1) of the samples lie: upper edge of its bucket, 0 if none. */
uint64_t board_hist_quantile(const struct board_hist *h, double share);

/* Adds one histogram to another. */
void board_hist_merge(struct board_hist *into, const struct board_hist *from);

/* ---- reading ---- */

/* An opened board of anybody's; its head and directory were checked. */
struct board_view {
	const uint8_t *bytes;
	uint64_t bytes_n;
	struct board_head head;
};

/* Checks n mapped bytes: every entry lies within them. */
bool board_open(const void *bytes, size_t n, struct board_view *ret_view,
		struct abi_fault *ret_fault);

/* A copy of directory line i < head.entry_n, checked again; false when it has gone bad since. */
bool board_entry(const struct board_view *v, uint32_t i, struct board_entry *ret_entry);

/* Index of an entry by name, ABI_NONE: this writer does not have it. */
uint32_t board_find(const struct board_view *v, const char *name);

/* The 64-bit word of element `element` of an entry; 0 when it is not there. */
uint64_t board_word(const struct board_view *v, const struct board_entry *e, uint32_t element);

/* Copies a histogram; false when the entry is none. */
bool board_hist(const struct board_view *v, const struct board_entry *e,
		struct board_hist *ret_hist);

/* What a name of this program's lists counts, for help and documentation; NULL when unknown. */
const char *board_what(const char *name);

#endif
