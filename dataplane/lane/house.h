/*
 * house.h - all lanes of a process with what belongs to them: mesh, boards, journals, memory and
 * the cores that run them. Made at start from the image in force then, closed at the end; the
 * threads are the caller's (core_run on each of house->core).
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
	struct board board;
	struct answers answers;
	struct journal_writer journal;
};

struct house {
	struct house_conf conf;
	struct lane_plan plan;
	struct mesh *mesh;
	size_t mesh_n;
	uint16_t core_n;
	struct core core[CORES_MAX];
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

/*
 * Lanes go where control/runtime wants them, or back to where they began when it says nothing; a
 * core that there is not is no order. At regular times, the thread that orders moves; rt as
 * runtime_lane_core.
 */
void house_place(struct house *house, const struct runtime *rt);

/* Gauges that are no single lane's: the pool's. At regular times, one thread. */
void house_publish(struct house *house);

/* Looks for control's asks until they are there, and gives each lane its place. One thread. */
void house_look_for_asks(struct house *house);

/* A core that has made no round in `looks` calls of this, or -1. */
int house_stalled_core(struct house *house, uint32_t looks);

/* Every core is draining and no request is in progress. */
bool house_is_idle(const struct house *house);

#endif
