/*
 * house.h - all lanes of a process with what belongs to them: mesh, boards, journals, memory and
 * the cores that run them. Made at start from the image in force then, closed at the end; the
 * threads are the caller's (core_run on each of house->core).
 *
 * Cores have places. The first home_n are those of the image at start and keep theirs; others come
 * and go (place.c). A place is RUNNING as long as lanes may be sent there, LEAVING until its last
 * lane has arrived elsewhere, and NONE or FAILED while it has no thread.
 *
 * Opening and closing make system calls and files in DIR/dataplane; a function that can fail says
 * why in words, in why[HOUSE_WHY].
 */
#ifndef PENSTOCK_LANE_HOUSE_H
#define PENSTOCK_LANE_HOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/instance.h"
#include "abi/rundir.h"
#include "lane/core.h"
#include "lane/lane.h"
#include "lane/mesh.h"

enum {
	HOUSE_WHY = 256
};

struct house_conf {
	int control_fd, dataplane_fd;
	const struct img *img; /* in force at start; not kept */
	struct view_set *views;
	const struct portif *port; /* [port_n] */
	uint16_t port_n;
	uint16_t lane_n;
	struct buf_pool *pool, *reserve; /* see lane_conf */
	uint64_t id;			 /* of this life, in boards and journals */
	uint64_t seed[3];		 /* unguessable */
	uint64_t wall_ns;
};

struct house_lane {
	struct lane *lane;
	void *memory;
	size_t memory_n;
	struct rundir_map board_map, journal_map, answers_map;
	struct rundir_map capture_map; /* once packets were asked for */
	struct capture_ring capture;
	struct board board;
	struct answers answers;
	struct journal_writer journal;
};

/* A place for a core; the thread that orders moves owns it. */
struct house_place {
	uint32_t cpu;
	uint32_t err; /* FAILED: errno */
	enum instance_core_state state;
	bool has_bell; /* core_init was here */
};

struct house {
	struct house_conf conf;
	struct lane_plan plan;
	struct mesh *mesh;
	size_t mesh_n;
	uint16_t core_n; /* places that were ever taken */
	uint16_t home_n;
	struct core core[CORES_MAX];
	struct house_place place[CORES_MAX];
	struct backoff_conf backoff; /* of every core; usual for this start: */
	struct backoff_conf backoff_usual;
	struct core_watch watch[CORES_MAX];
	uint16_t core_of_lane[LANES_MAX]; /* house_core_of; written by the core that adopts */
	uint16_t ordered[LANES_MAX];	  /* the core it was last told to run on */
	struct rundir_map asks_map;
	struct house_lane lane[LANES_MAX];
};

/* The lanes that an image asks for: auto is four a core, as many as there are queues, but one a
 * core at least. */
uint16_t house_lane_n(const struct img *img);

/* Zeroed memory. False and why; what was made is then closed again. */
bool house_open(struct house *house, const struct house_conf *conf, char *why);

/* No core runs any more. Boards and answers are unlinked; journals stay to be read. */
void house_close(struct house *house);

/* Where lanes run and how ports steer, into facts; true when anything is not as it was there. */
bool house_facts(const struct house *house, struct instance_facts *facts);

/*
 * Has the kernel bring the memory that lanes will need for an image's rules, so that no lane waits
 * for it. Before lanes may take the image; one thread, lanes may run.
 */
void house_expect(const struct house *house, const struct img *img);

/* The core that runs a lane; any thread. */
uint16_t house_core_of(const struct house *house, uint16_t lane_i);

/* ---- place.c: which cores run which lanes; the thread that orders moves ---- */

/* The place of the core on a processor, or -1. */
int house_find(const struct house *house, uint32_t cpu);

/*
 * Makes a place RUNNING for a core on a processor that has none RUNNING; its thread is the
 * caller's to start before house_place. Returns it, or a negative errno: ENOSPC, or of a bell.
 */
int house_take_place(struct house *house, uint32_t cpu);

/* The thread could not be started. */
void house_fail_place(struct house *house, uint16_t core_i, int err);

/*
 * No lane is sent to the core any more and those there leave. True: none is there or on its way,
 * the caller ends the thread and gives the place back. The last RUNNING place stays: false.
 */
bool house_leave_place(struct house *house, uint16_t core_i);
void house_give_place(struct house *house, uint16_t core_i);

/* A place that is LEAVING is RUNNING again. */
void house_keep_place(struct house *house, uint16_t core_i);

/*
 * Lanes go where control/runtime wants them; when it says nothing, or names a processor that runs
 * none, to where they began; when nobody runs there either, they stay, or go where the fewest are.
 * At regular times.
 */
void house_place(struct house *house, const struct runtime *rt);

/* How cores wait, as control/runtime says. At regular times. */
void house_tune(struct house *house, const struct runtime *rt);

/* What is in effect of the runtime's keys, and what is usual for this start; true when anything is
 * not as it was there. */
bool house_tune_facts(const struct house *house, const struct runtime *rt,
		      struct instance_facts *facts);

/* The clock has been set: see lane_conf.wall_ns. Any one thread. */
void house_set_wall(struct house *house, uint64_t wall_ns);

/* From now on no new request is taken, see house_is_idle. */
void house_drain(struct house *house);

/* Gauges that are no single lane's: the pool's. At regular times, one thread. */
void house_publish(struct house *house);

/* Looks for control's asks until they are there, and gives each lane its place. One thread. */
void house_look_for_asks(struct house *house);

/* Makes the rings of lanes that are asked for packets and have none. The same thread. */
void house_make_captures(struct house *house);

/* A core that has made no round in `looks` calls of this, or -1. */
int house_stalled_core(struct house *house, uint32_t looks);

/* Every core is draining and no request is in progress. */
bool house_is_idle(const struct house *house);

#endif
