/*
 * view.h - views: what lanes see during a turn, and the keeper, the thread that opens them.
 *
 * A view is one validated image with its blobs, immutable. The keeper opens the newest image that
 * control published, makes it current and retires the one before when every awake lane has passed
 * it and nothing pins it. Lanes take what is current at the start of each turn (view_take): a few
 * loads, no lock, no system call. A lane whose core sleeps holds nothing back; it takes again when
 * it wakes, before it uses any view.
 *
 * The image is read into private memory before it is checked, so nobody can change it afterwards.
 * Only the keeper's functions allocate, and only from its own thread.
 * Units: nanoseconds.
 */
#ifndef PENSTOCK_VIEW_VIEW_H
#define PENSTOCK_VIEW_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/cursors.h"
#include "abi/image.h"
#include "abi/instance.h"
#include "abi/publish.h"
#include "abi/runtime.h"
#include "rules/rules.h"

enum {
	VIEW_LIVE_MAX = 8, /* more live views than this: the oldest pinned one must go */
};

struct view {
	struct img img;
	uint64_t generation;
	const struct rules_blob *blob; /* as the image's blobs section, private memory, hash
					* checked; NULL: not opened */
	struct rules *rules;	       /* NULL: no listener binds any, or no lane wants them */

	/* Atomic from here on. */
	uint32_t pins;	  /* of exchanges that read the view beyond their turn */
	uint32_t must_go; /* 1: too many views live; cut the exchanges that pin this one */

	/* The keeper's own. */
	uint64_t replaced_at; /* epoch at which it ceased to be current, 0: it is */
	uint32_t crc;	      /* CRC-32C of all bytes: names the image in dataplane/history */
	struct view *older;
	void *bytes, *wide; /* the image; records that were widened */
	struct rules_blob *own_blob;
};

/*
 * Opens one generation from DIR/control: reads, checks against *published when given (length and
 * checksum), opens blobs and rules. NULL and the fault when anything is wrong. Allocates.
 *   lane_n  lanes that evaluate its rules; 0: rules are not opened
 */
struct view *view_open(int control_fd, uint64_t generation, const struct publish *published,
		       uint32_t lane_n, struct abi_fault *ret_fault);

/*
 * A view of an image in memory (copied), without blobs: for tests, and to compare. NULL and the
 * fault when it is bad.
 */
struct view *view_of(const void *bytes, size_t n, uint64_t generation, uint32_t lane_n,
		     struct abi_fault *ret_fault);

/* Frees it. Nothing may use it any more. */
void view_close(struct view *v);

/* What changes only at a restart, between the image in force at start and another. */
/* clang-format off */
#define VIEW_CHANGE_LIST(x)                                                                        \
	x(LIVE, live)		  /* all of it applies now */                                      \
	x(AT_RESTART, at_restart) /* lanes, memory, limits, port settings wait; the rest applies */ \
	x(PORTS, ports)		  /* other ports: nothing of it can apply before a restart */
/* clang-format on */

enum view_change {
#define X(name, word) VIEW_CHANGE_##name,
	VIEW_CHANGE_LIST(X)
#undef X
};

const char *view_change_name(enum view_change change);

/* Names the first such part in *ret_part ("machine.lanes", "ports.queues"), a literal. */
enum view_change view_change(const struct img *start, const struct img *next,
			     const char **ret_part);

/* An exchange that reads the view beyond its turn; from lanes, any time they hold it. */
void view_pin(struct view *v);
void view_unpin(struct view *v);

/* Too many views live, and this one is the oldest pinned: end what pins it. */
bool view_must_go(const struct view *v);

/* ---- what lanes take ---- */

struct view_lane {
	uint64_t passed; /* epoch this lane has taken; its own line */
	uint32_t awake;
} __attribute__((aligned(64)));

struct view_set {
	uint64_t epoch; /* rises after each change below */
	struct view *current;
	const struct runtime *runtime; /* NULL: control has none */
	const struct cursors *cursors; /* NULL: control has none */
	uint32_t lane_n;
	struct view_lane lane[IMG_LANES_MAX];
};

/* Zeroed memory; lanes begin asleep. lane_n at most IMG_LANES_MAX. */
void view_set_init(struct view_set *set, uint32_t lane_n);

struct view_taken {
	uint64_t epoch;
	struct view *view;
	const struct runtime *runtime;
	const struct cursors *cursors; /* give &cursors->now[lane] to journal_set_cursor */
};

/*
 * Start of each turn of a lane. True when anything differs from *taken (zeroed at first), which
 * is then replaced; what it held before stays readable until the end of this turn, unless the
 * lane slept in between: then it may be gone already and must not be looked at. Pinned views stay.
 */
bool view_take(struct view_set *set, uint32_t lane, struct view_taken *taken);

/* Before a lane's core sleeps, and after it woke (then view_take). A lane begins with wake. */
void view_sleep(struct view_set *set, uint32_t lane);
void view_wake(struct view_set *set, uint32_t lane);

/*
 * Something else that lanes read during a turn, by a pointer that has just been replaced: no lane
 * reads what it pointed to any more once view_set_passed is at least the epoch returned here.
 * Keeper's thread.
 */
uint64_t view_set_mark(struct view_set *set);

/* The epoch that every awake lane has announced; UINT64_MAX: none is awake. */
uint64_t view_set_passed(const struct view_set *set);

/* ---- the keeper ---- */

struct keeper_conf {
	int control_fd, dataplane_fd; /* rundir_open, rundir_make */
	const char *version;	      /* of this program */
	/*
	 * A last word on an image before it becomes current (not enough slots, …): false and
	 * *ret_fault refuses it. At start successors remember that; while running they do not,
	 * since it may be for what was fixed at start. May be NULL.
	 */
	bool (*accept)(void *ctx, const struct view *v, struct abi_fault *ret_fault);
	void *accept_ctx;
	/* The lanes that an image is run with, until keeper_bind tells; NULL: one. */
	uint16_t (*lane_n)(const struct img *img);
};

struct keeper;

/*
 * Chooses the image to start with: the newest one that opens, that no predecessor of this version
 * refused and that did not crash three lives of ours within a minute; records refusals and the
 * start in DIR/dataplane. Returns NULL only when memory ends. keeper_view tells what was chosen:
 * NULL when there is nothing to serve yet (keeper_step goes on looking).
 *   now_real  realtime, for the records of starts
 */
struct keeper *keeper_open(const struct keeper_conf *conf, uint64_t now_real);

struct view *keeper_view(const struct keeper *k);

/*
 * Why nothing newer was chosen at start or at the last step; kind NONE: the newest runs.
 */
const struct abi_fault *keeper_fault(const struct keeper *k);

/*
 * Ties the keeper to the lanes and to the instance file, whose facts (all but those that the
 * keeper writes: generations, verdict, fault, views_n, changed_ns) the caller has filled in.
 * The set's current view becomes the one of keeper_view.
 */
void keeper_bind(struct keeper *k, struct view_set *set, struct instance *instance,
		 struct instance_facts *facts);

/*
 * One look at the run directory; call every 10 ms or so from the keeper's thread. Never blocks
 * for long: stats and reads of a tmpfs. Opens a newer image and makes it current, or records why
 * not; maps a new runtime or cursors file; retires views and mappings; beats in instance.
 * Returns true when anything changed.
 */
bool keeper_step(struct keeper *k, uint64_t now, uint64_t now_real);

/* The caller changed *facts (port steering, placement): publish them. Keeper's thread. */
void keeper_publish_facts(struct keeper *k);

/*
 * Closes every view; lanes have stopped. in_order: this life served and was told to end; else it
 * counts as a crash on its image, so that one which cannot even start falls back like one that
 * crashes.
 */
void keeper_close(struct keeper *k, bool in_order);

#endif
