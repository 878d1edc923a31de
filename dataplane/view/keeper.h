/*
 * keeper.h - the keeper's inside, shared by keeper.c and choose.c. Private to view/; the public
 * functions are in view.h.
 */
#ifndef PENSTOCK_VIEW_KEEPER_H
#define PENSTOCK_VIEW_KEEPER_H

#include "abi/history.h"
#include "abi/rundir.h"
#include "view/open.h"
#include "view/view.h"

/* A file of control's that is mapped and may be replaced. */
struct keeper_map {
	struct rundir_map map;
	struct runtime runtime; /* of the runtime file */
	uint64_t replaced_at;
	struct keeper_map *older;
};

struct keeper_verdict {
	uint64_t generation; /* it is about */
	enum instance_verdict verdict;
	struct abi_fault fault; /* AT_RESTART: kind NONE, part names what waits */
};

struct publish_seen {
	uint64_t ino;
	int64_t time_s, time_ns;
};

struct keeper {
	struct keeper_conf conf;
	struct history history;
	struct view_set *set; /* NULL until bound */
	struct instance *instance;
	struct instance_facts *facts;

	struct view *current;
	struct view *start;    /* a view of its own of the image in force at start */
	struct view *replaced; /* newest first */
	uint32_t views_n;

	struct keeper_map *runtime, *cursors, *replaced_maps;

	struct publish judged; /* the last one looked into */
	struct publish_seen publish_seen;
	struct keeper_verdict verdict;
	uint64_t changed_ns; /* realtime of the verdict */
	uint64_t retry_at;   /* monotonic; 0: not waiting */
};

/* keeper.c: opens an image that history lets through; remembers what is wrong with its bytes. */
struct view *keeper_try(struct keeper *k, uint64_t generation, const struct publish *published,
			struct abi_fault *ret_fault);

/* keeper.c: the caller's last word. */
bool keeper_accepts(struct keeper *k, const struct view *v, struct abi_fault *ret_fault);

/* choose.c: keeps a copy of the image in force at start, to compare later ones with. */
void keeper_keep_start(struct keeper *k, const struct view *v);

#endif
