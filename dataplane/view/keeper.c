/*
 * keeper.c - looks at the run directory, opens images, makes them current, and keeps the record
 * that later lives of the data plane read (abi/history.h). The choice at start is in choose.c.
 *
 * One thread calls everything here. Lanes see its work only through struct view_set: pointers
 * first, then the epoch. What a pointer replaced is freed when every awake lane has announced
 * that epoch; views also wait for their pins.
 */
#include "view/keeper.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "abi/rundir.h"
#include "base/ensure.h"

enum {
	RETRY_NS = 1000000000, /* after a fault of the moment: no memory, a file not there yet */
};

static void
set_verdict(struct keeper *k, enum instance_verdict verdict, const struct abi_fault *fault)
{
	k->verdict = (struct keeper_verdict){
		.generation = k->judged.generation,
		.verdict = verdict,
		.fault = *fault,
	};
}

/* ---- making things current, and freeing what was ---- */

static uint64_t
next_epoch(struct keeper *k)
{
	if (k->set == NULL)
		return 0;
	return view_set_mark(k->set);
}

static void
swap_view(struct keeper *k, struct view *v)
{
	struct view *old = k->current;

	k->current = v;
	if (k->set != NULL)
		__atomic_store_n(&k->set->current, v, __ATOMIC_RELEASE);
	if (old != NULL) {
		old->replaced_at = next_epoch(k);
		old->older = k->replaced;
		k->replaced = old;
	} else {
		next_epoch(k);
	}
}

/* Frees replaced views that are out of use; tells the oldest pinned one when too many live. */
static bool
retire_views(struct keeper *k, uint64_t passed)
{
	struct view *oldest = NULL;
	bool has_freed = false;

	k->views_n = k->current != NULL ? 1 : 0;
	for (struct view **at = &k->replaced; *at != NULL;) {
		struct view *v = *at;

		if (v->replaced_at <= passed && __atomic_load_n(&v->pins, __ATOMIC_ACQUIRE) == 0) {
			*at = v->older;
			view_close(v);
			has_freed = true;
			continue;
		}
		if (__atomic_load_n(&v->pins, __ATOMIC_RELAXED) != 0)
			oldest = v; /* the list runs from newest to oldest */
		k->views_n++;
		at = &v->older;
	}
	if (k->views_n > VIEW_LIVE_MAX && oldest != NULL)
		__atomic_store_n(&oldest->must_go, 1, __ATOMIC_RELAXED);
	return has_freed;
}

static void
retire_maps(struct keeper *k, uint64_t passed)
{
	for (struct keeper_map **at = &k->replaced_maps; *at != NULL;) {
		struct keeper_map *m = *at;

		if (m->replaced_at > passed) {
			at = &m->older;
			continue;
		}
		*at = m->older;
		rundir_map_close(&m->map);
		free(m);
	}
}

/* ---- runtime and cursors: files that control changes in place ---- */

/* Maps a file anew when it is there and is not the mapped one; NULL when nothing changed. */
static struct keeper_map *
map_again(struct keeper *k, const char *name, const struct keeper_map *now)
{
	struct keeper_map *m;

	if (now != NULL && !rundir_map_is_stale(k->conf.control_fd, name, &now->map))
		return NULL;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	if (rundir_map_open(k->conf.control_fd, name, false, &m->map) != 0) {
		free(m); /* not there (yet): the old words stay in force */
		return NULL;
	}
	return m;
}

static void
drop_map(struct keeper_map *m)
{
	rundir_map_close(&m->map);
	free(m);
}

static void
replace_map(struct keeper *k, struct keeper_map **at, struct keeper_map *m)
{
	struct keeper_map *old = *at;
	uint64_t epoch = next_epoch(k);

	*at = m;
	if (old == NULL)
		return;
	old->replaced_at = epoch;
	old->older = k->replaced_maps;
	k->replaced_maps = old;
}

static bool
look_at_runtime(struct keeper *k)
{
	struct keeper_map *m = map_again(k, RUNDIR_RUNTIME, k->runtime);
	struct abi_fault fault;

	if (m == NULL)
		return false;
	if (!runtime_open(m->map.p, m->map.n, &m->runtime, &fault)) {
		drop_map(m);
		return false;
	}
	__atomic_store_n(&k->set->runtime, &m->runtime, __ATOMIC_RELEASE);
	replace_map(k, &k->runtime, m);
	return true;
}

static bool
look_at_cursors(struct keeper *k)
{
	struct keeper_map *m = map_again(k, RUNDIR_CURSORS, k->cursors);
	struct abi_fault fault;

	if (m == NULL)
		return false;
	if (!cursors_check(m->map.p, m->map.n, &fault)) {
		drop_map(m);
		return false;
	}
	__atomic_store_n(&k->set->cursors, (const struct cursors *)m->map.p, __ATOMIC_RELEASE);
	replace_map(k, &k->cursors, m);
	return true;
}

/* ---- a newer image ---- */

/* A fault that says nothing of the image itself. */
static bool
is_passing(const struct abi_fault *fault)
{
	return fault->kind == ABI_FAULT_MEMORY || fault->kind == ABI_FAULT_FILE;
}

static void
remember_refusal(struct keeper *k, uint64_t generation, uint32_t crc, const struct abi_fault *fault)
{
	if (is_passing(fault))
		return;
	history_refuse(&k->history, generation, crc, k->conf.version, fault);
	history_save(k->conf.dataplane_fd, &k->history);
}

/* What runs counts; what an image wants takes a restart. */
static uint32_t
lane_n_of(const struct keeper *k, const struct img *img)
{
	if (k->set != NULL)
		return k->set->lane_n;
	return k->conf.lane_n != NULL ? k->conf.lane_n(img) : 1;
}

struct view *
keeper_try(struct keeper *k, uint64_t generation, const struct publish *published,
	   struct abi_fault *ret_fault)
{
	const struct history_refusal *before;
	struct view_file file;
	struct view *v;
	uint32_t crc;

	if (!view_file_read(k->conf.control_fd, generation, &file, ret_fault))
		return NULL;
	crc = file.crc;
	before = history_refusal(&k->history, generation, crc, k->conf.version);
	if (before != NULL) {
		free(file.p);
		*ret_fault = before->fault;
		return NULL;
	}
	v = view_file_open(&file, k->conf.control_fd, generation, published, ret_fault);
	if (v != NULL && !view_rules_open(v, lane_n_of(k, &v->img), ret_fault))
		v = NULL;
	if (v == NULL)
		remember_refusal(k, generation, crc, ret_fault);
	return v;
}

bool
keeper_accepts(struct keeper *k, const struct view *v, struct abi_fault *ret_fault)
{
	return k->conf.accept == NULL || k->conf.accept(k->conf.accept_ctx, v, ret_fault);
}

static void
make_current(struct keeper *k, struct view *v, uint64_t now_real)
{
	if (k->current == NULL) {
		history_start(&k->history, v->generation, v->crc, now_real);
		keeper_keep_start(k, v);
	} else {
		history_move(&k->history, v->generation, v->crc);
	}
	history_save(k->conf.dataplane_fd, &k->history);
	swap_view(k, v);
}

/*
 * Makes an opened image current, unless this process cannot run it: then it waits for the next
 * one (other ports, or no room in what was sized at start), or is refused. A refusal of ours
 * that comes of what was fixed at start is not for our successors to remember.
 */
static void
take_or_wait(struct keeper *k, struct view *v, uint64_t now_real)
{
	struct abi_fault fault = { .kind = ABI_FAULT_NONE };
	enum view_change change = VIEW_CHANGE_LIVE;
	const char *part = "";
	bool can_run = true;

	if (k->start != NULL)
		change = view_change(&k->start->img, &v->img, &part);
	if (change == VIEW_CHANGE_PORTS || !keeper_accepts(k, v, &fault))
		can_run = false;
	if (change != VIEW_CHANGE_LIVE)
		fault = abi_fault_at(ABI_FAULT_NONE, part, ABI_NONE, "");
	if (change != VIEW_CHANGE_LIVE)
		set_verdict(k, INSTANCE_VERDICT_AT_RESTART, &fault);
	else
		set_verdict(k, can_run ? INSTANCE_VERDICT_ACCEPTED : INSTANCE_VERDICT_REFUSED,
			    &fault);
	if (can_run) {
		make_current(k, v, now_real);
		return;
	}
	if (k->start == NULL)
		remember_refusal(k, v->generation, v->crc, &fault);
	view_close(v);
}

/* Whether the publish file may be another one than at the last look. */
static bool
has_new_publish(struct keeper *k)
{
	struct stat st;

	if (fstatat(k->conf.control_fd, RUNDIR_PUBLISH, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	if (st.st_ino == k->publish_seen.ino && st.st_ctim.tv_sec == k->publish_seen.time_s &&
	    st.st_ctim.tv_nsec == k->publish_seen.time_ns)
		return false;
	k->publish_seen = (struct publish_seen){
		.ino = st.st_ino,
		.time_s = st.st_ctim.tv_sec,
		.time_ns = st.st_ctim.tv_nsec,
	};
	return true;
}

static bool
look_at_publish(struct keeper *k, uint64_t now, uint64_t now_real)
{
	struct abi_fault fault = { .kind = ABI_FAULT_NONE };
	struct publish p;
	struct view *v;

	if (!has_new_publish(k) && (k->retry_at == 0 || now < k->retry_at))
		return false;
	k->retry_at = 0;
	if (!publish_read(k->conf.control_fd, &p, &fault)) {
		k->judged = (struct publish){ 0 }; /* what it said before is judged anew */
		set_verdict(k, INSTANCE_VERDICT_REFUSED, &fault);
		k->changed_ns = now_real;
		return true;
	}
	if (k->judged.generation == p.generation && k->judged.image_crc == p.image_crc &&
	    !is_passing(&k->verdict.fault))
		return false;
	k->judged = p;
	k->changed_ns = now_real;
	if (k->current != NULL && p.generation == k->current->generation &&
	    p.image_crc == k->current->img.crc) {
		set_verdict(k, INSTANCE_VERDICT_ACCEPTED, &fault); /* announced after we took it */
		return true;
	}
	v = keeper_try(k, p.generation, &p, &fault);
	if (v != NULL) {
		take_or_wait(k, v, now_real);
		return true;
	}
	if (is_passing(&fault))
		k->retry_at = now + RETRY_NS;
	set_verdict(k, INSTANCE_VERDICT_REFUSED, &fault);
	return true;
}

/* ---- the public doors ---- */

struct view *
keeper_view(const struct keeper *k)
{
	return k->current;
}

const struct abi_fault *
keeper_fault(const struct keeper *k)
{
	return &k->verdict.fault;
}

void
keeper_publish_facts(struct keeper *k)
{
	struct instance_facts *f = k->facts;

	f->start_generation = k->start != NULL ? k->start->generation : 0;
	f->generation = k->current != NULL ? k->current->generation : 0;
	f->newest_generation = k->verdict.generation;
	f->verdict = k->verdict.verdict;
	f->fault = k->verdict.fault;
	f->views_n = k->views_n;
	f->changed_ns = k->changed_ns;
	f->image_version = IMG_VERSION;
	f->runtime_version = RUNTIME_VERSION;
	f->publish_version = PUBLISH_VERSION;
	f->cursors_version = CURSORS_VERSION;
	instance_put(k->instance, f);
}

void
keeper_bind(struct keeper *k, struct view_set *set, struct instance *instance,
	    struct instance_facts *facts)
{
	ensure(k->set == NULL && k->current != NULL);
	k->set = set;
	k->instance = instance;
	k->facts = facts;
	k->views_n = 1;
	__atomic_store_n(&set->current, k->current, __ATOMIC_RELEASE);
	next_epoch(k);
	look_at_runtime(k);
	look_at_cursors(k);
	keeper_publish_facts(k);
}

bool
keeper_step(struct keeper *k, uint64_t now, uint64_t now_real)
{
	bool has_changed = false;
	uint64_t passed;

	/* Before binding, the caller builds on keeper_view: it must not be replaced under it. */
	if (k->set == NULL)
		return k->current == NULL && look_at_publish(k, now, now_real);
	has_changed |= look_at_runtime(k);
	has_changed |= look_at_cursors(k);
	has_changed |= look_at_publish(k, now, now_real);
	passed = view_set_passed(k->set);
	has_changed |= retire_views(k, passed);
	retire_maps(k, passed);
	if (has_changed)
		keeper_publish_facts(k);
	instance_beat(k->instance, now);
	return has_changed;
}

void
keeper_close(struct keeper *k, bool in_order)
{
	if (in_order)
		history_end(&k->history);
	history_save(k->conf.dataplane_fd, &k->history);
	retire_maps(k, UINT64_MAX);
	retire_views(k, UINT64_MAX);
	ensure(k->replaced == NULL); /* lanes have stopped: nothing is pinned */
	if (k->set != NULL) {
		k->set->current = NULL;
		k->set->runtime = NULL;
		k->set->cursors = NULL;
	}
	if (k->runtime != NULL)
		drop_map(k->runtime);
	if (k->cursors != NULL)
		drop_map(k->cursors);
	if (k->current != NULL)
		view_close(k->current);
	if (k->start != NULL)
		view_close(k->start);
	free(k);
}
