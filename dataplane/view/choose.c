/*
 * choose.c - which image a new life of the data plane serves: the newest that opens, that no
 * predecessor refused and that did not crash three of them within a minute.
 *
 * Images newer than the published one are still being made by control and are left alone. When
 * every image that opens has crashed before, the newest of them is taken all the same: a proxy
 * that serves now and then is better than none.
 */
#include "view/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

enum {
	GENERATIONS = 32, /* looked at, newest first */
};

void
keeper_keep_start(struct keeper *k, const struct view *v)
{
	struct abi_fault fault;

	ensure(k->start == NULL);
	/* Without its blobs: only machine and ports are compared. */
	k->start = view_of(v->img.bytes, v->img.bytes_n, v->generation, 0, &fault);
	ensure(k->start != NULL); /* it opened a moment ago; without memory we cannot start */
}

struct choice {
	struct view *v;
	struct abi_fault fault; /* of the newest, when that is not it */
	uint64_t newest;
	bool has_crashed; /* all that open did */
};

/* Notes the fault of an image; the newest one's is the verdict. */
static void
note(struct choice *c, uint64_t generation, const struct abi_fault *fault)
{
	if (generation == c->newest)
		c->fault = *fault;
}

/* Looks at one image; true when it is the one. */
static bool
look_at(struct keeper *k, struct choice *c, uint64_t generation, const struct publish *published,
	uint64_t now_real)
{
	struct abi_fault fault;
	struct view *v = keeper_try(k, generation, published, &fault);

	if (v != NULL && !keeper_accepts(k, v, &fault)) {
		history_refuse(&k->history, generation, v->crc, k->conf.version, &fault);
		history_save(k->conf.dataplane_fd, &k->history);
		view_close(v);
		v = NULL;
	}
	if (v == NULL) {
		note(c, generation, &fault);
		return false;
	}
	if (history_crashes(&k->history, generation, v->crc, now_real) < HISTORY_CRASHES) {
		if (c->v != NULL)
			view_close(c->v);
		c->v = v;
		c->has_crashed = false;
		return true;
	}
	fault = abi_fault_at(ABI_FAULT_CRASHED_BEFORE, "file", ABI_NONE, "");
	note(c, generation, &fault);
	if (c->v == NULL) {
		c->v = v; /* if nothing better comes */
		c->has_crashed = true;
	} else {
		view_close(v);
	}
	return false;
}

static void
choose(struct keeper *k, struct choice *c, const struct publish *published, uint64_t now_real)
{
	uint64_t generation[GENERATIONS];
	int n = rundir_generations(k->conf.control_fd, generation, GENERATIONS);

	for (int i = 0; i < n; i++) {
		bool is_newest = published != NULL && generation[i] == published->generation;

		if (published != NULL && generation[i] > published->generation)
			continue;
		if (c->newest == 0)
			c->newest = generation[i];
		if (look_at(k, c, generation[i], is_newest ? published : NULL, now_real))
			return;
	}
}

/*
 * An image left behind for its crashes is refused from now on, also while running: else the
 * keeper would take it at its first step.
 */
static void
refuse_crashed(struct keeper *k, const struct choice *c)
{
	struct view_file file;
	struct abi_fault fault;

	if (c->fault.kind != ABI_FAULT_CRASHED_BEFORE || c->has_crashed ||
	    !view_file_read(k->conf.control_fd, c->newest, &file, &fault))
		return;
	history_refuse(&k->history, c->newest, file.crc, k->conf.version, &c->fault);
	free(file.p);
}

struct keeper *
keeper_open(const struct keeper_conf *conf, uint64_t now_real)
{
	struct keeper *k = calloc(1, sizeof(*k));
	struct choice c = { 0 };
	struct publish p;
	struct abi_fault fault;
	bool has_publish;

	if (k == NULL)
		return NULL;
	k->conf = *conf;
	history_load(conf->dataplane_fd, &k->history);
	has_publish = publish_read(conf->control_fd, &p, &fault);
	choose(k, &c, has_publish ? &p : NULL, now_real);
	if (c.v == NULL)
		return k; /* keeper_step will find the first one, and judge the published one */

	refuse_crashed(k, &c);
	history_start(&k->history, c.v->generation, c.v->crc, now_real);
	history_save(conf->dataplane_fd, &k->history);
	k->current = c.v;
	k->changed_ns = now_real;
	keeper_keep_start(k, c.v);
	k->verdict = (struct keeper_verdict){
		.generation = c.newest,
		.verdict = c.newest == c.v->generation ? INSTANCE_VERDICT_ACCEPTED
						       : INSTANCE_VERDICT_REFUSED,
	};
	if (c.newest != c.v->generation)
		k->verdict.fault = c.fault;
	if (has_publish && p.generation == c.newest)
		k->judged = p;
	return k;
}
