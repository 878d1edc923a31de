/*
 * house.c - see house.h.
 */
#include "lane/house.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lane/except.h"
#include "lane/steer.h"

enum {
	LANES_PER_CORE = 4,
	ANSWERS_ROOM = 256, /* sessions that a lane tells of at one ask */
};

uint16_t
house_lane_n(const struct img *img)
{
	uint32_t core_n = img_n(img, IMG_CORES);
	uint32_t n = img_machine(img)->lanes;

	if (n == 0) {
		n = core_n * LANES_PER_CORE;
		for (uint32_t i = 0; i < img_n(img, IMG_PORTS); i++) {
			uint32_t queues = img_port(img, i)->queues;

			queues = queues != 0 ? queues : 1;
			n = queues < n ? queues : n;
		}
	}
	n = n < core_n ? core_n : n;
	return (uint16_t)(n < LANES_MAX ? n : LANES_MAX);
}

static bool
fail(char *why, const char *what, int err)
{
	snprintf(why, HOUSE_WHY, "%s: %s", what, strerror(-err));
	return false;
}

/* Zeroed, untouched until it is used, on large pages where the kernel has them. */
static void *
memory_take(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, n, MADV_HUGEPAGE);
	return p;
}

uint16_t
house_core_of(const struct house *house, uint16_t lane_i)
{
	return __atomic_load_n(&house->core_of_lane[lane_i], __ATOMIC_ACQUIRE);
}

static void
wake(void *ctx, uint16_t lane_i)
{
	struct house *house = ctx;

	core_wake(&house->core[house_core_of(house, lane_i)]);
}

static bool
open_mesh(struct house *house, char *why)
{
	struct mesh_conf conf = {
		.lane_n = house->conf.lane_n,
		.port_n = house->conf.port_n,
		.port = house->conf.port,
		.seed = house->conf.seed[2],
		.wake = wake,
		.wake_ctx = house,
	};
	void *memory;

	house->mesh_n = mesh_size(&conf);
	memory = memory_take(house->mesh_n);
	if (memory == NULL)
		return fail(why, "memory for the lanes' rings", -errno);
	house->mesh = mesh_init(memory, &conf);
	return true;
}

static bool
open_cores(struct house *house, char *why)
{
	uint32_t n = img_n(house->conf.img, IMG_CORES);

	backoff_usual(&house->backoff_usual, img_machine(house->conf.img)->poll == IMG_POLL_BUSY);
	house->backoff = house->backoff_usual;
	for (uint16_t i = 0; i < n && i < CORES_MAX && i < house->conf.lane_n; i++) {
		int place = house_take_place(house, img_core(house->conf.img, i)->cpu);

		if (place < 0)
			return fail(why, "a core's eventfd", place);
		house->home_n++;
	}
	return true;
}

/* A journal that a predecessor left unread keeps its records under another name. */
static void
keep_old_journal(const struct house *house, uint16_t lane_i)
{
	char name[RUNDIR_NAME_MAX], old[RUNDIR_NAME_MAX];

	renameat(house->conf.dataplane_fd, rundir_journal_name(name, lane_i),
		 house->conf.dataplane_fd, rundir_journal_old_name(old, lane_i));
}

static int
open_files(struct house *house, uint16_t lane_i)
{
	struct house_lane *l = &house->lane[lane_i];
	int fd = house->conf.dataplane_fd;
	char name[RUNDIR_NAME_MAX];
	int err;

	rundir_board_name(name, lane_i);
	err = rundir_map_make(fd, name, board_bytes(house->plan.server_slots), &l->board_map);
	if (err != 0)
		return err;
	board_init(l->board_map.p, lane_i, house->conf.id, house->plan.server_slots, &l->board);
	err = rundir_map_publish(fd, name);
	if (err != 0)
		return err;
	keep_old_journal(house, lane_i);
	rundir_journal_name(name, lane_i);
	err = rundir_map_make(fd, name, journal_bytes(house->plan.journal_bytes), &l->journal_map);
	if (err != 0)
		return err;
	journal_init(l->journal_map.p, house->plan.journal_bytes, lane_i, house->conf.id + lane_i,
		     &l->journal);
	err = rundir_map_publish(fd, name);
	if (err != 0)
		return err;
	rundir_answers_name(name, lane_i);
	err = rundir_map_make(fd, name, answers_bytes(ANSWERS_ROOM), &l->answers_map);
	if (err != 0)
		return err;
	answers_init(l->answers_map.p, lane_i, house->conf.id, ANSWERS_ROOM, &l->answers);
	return rundir_map_publish(fd, name);
}

static bool
open_lane(struct house *house, uint16_t lane_i, char *why)
{
	struct house_lane *l = &house->lane[lane_i];
	uint16_t core_i = (uint16_t)(lane_i % house->home_n);
	struct lane_conf conf = {
		.lane_i = lane_i,
		.port_n = house->conf.port_n,
		.port = house->conf.port,
		.mesh = house->mesh,
		.views = house->conf.views,
		.img = house->conf.img,
		.plan = house->plan,
		.pool = house->conf.pool,
		.reserve = house->conf.reserve,
		.journal = &l->journal,
		.seed = { house->conf.seed[0] + lane_i, house->conf.seed[1] },
		.wall_ns = house->conf.wall_ns,
		.clock_ns = core_now,
		.is_speaker = lane_i == 0,
	};
	int err = open_files(house, lane_i);

	if (err != 0)
		return fail(why, "a lane's board, journal or answers", err);
	conf.board = l->board;
	conf.answers = l->answers;
	l->memory_n = lane_size(&conf);
	l->memory = memory_take(l->memory_n);
	if (l->memory == NULL)
		return fail(why, "memory for a lane", -errno);
	l->lane = lane_init(l->memory, &conf, core_now());
	l->board.gauges->core = core_i;
	core_add(&house->core[core_i], l->lane, lane_i);
	house->core_of_lane[lane_i] = house->ordered[lane_i] = core_i;
	return true;
}

bool
house_open(struct house *house, const struct house_conf *conf, char *why)
{
	uint32_t ring_bufs = 0;
	bool is_open;

	house->conf = *conf;
	for (uint16_t i = 0; i < conf->port_n; i++)
		ring_bufs += conf->port[i].facts.ring_bufs;
	lane_plan(conf->img, conf->lane_n, buf_pool_size(conf->pool), ring_bufs, &house->plan);
	is_open = open_mesh(house, why) && open_cores(house, why);
	for (uint16_t i = 0; is_open && i < conf->lane_n; i++)
		is_open = open_lane(house, i, why);
	house->conf.img = NULL;
	if (is_open)
		house_expect(house, conf->img);
	else
		house_close(house);
	return is_open;
}

void
house_close(struct house *house)
{
	char name[RUNDIR_NAME_MAX];

	for (uint16_t i = 0; i < house->conf.lane_n; i++) {
		struct house_lane *l = &house->lane[i];

		if (l->lane != NULL)
			lane_fini(l->lane);
		if (l->memory != NULL)
			munmap(l->memory, l->memory_n);
		if (l->board_map.p != NULL)
			rundir_unlink(house->conf.dataplane_fd, rundir_board_name(name, i));
		if (l->answers_map.p != NULL)
			rundir_unlink(house->conf.dataplane_fd, rundir_answers_name(name, i));
		if (l->capture_map.p != NULL)
			rundir_unlink(house->conf.dataplane_fd, rundir_capture_name(name, i));
		rundir_map_close(&l->capture_map);
		rundir_map_close(&l->board_map);
		rundir_map_close(&l->answers_map);
		rundir_map_close(&l->journal_map);
	}
	rundir_map_close(&house->asks_map);
	for (uint16_t i = 0; i < house->core_n; i++) {
		if (house->place[i].has_bell)
			core_fini(&house->core[i]);
	}
	if (house->mesh != NULL) {
		mesh_fini(house->mesh);
		munmap(house->mesh, house->mesh_n);
	}
}

static bool
steering_facts(const struct steer *steer, struct instance_port *port)
{
	uint64_t judged = __atomic_load_n(&steer->judged, __ATOMIC_RELAXED);
	uint64_t wrong = __atomic_load_n(&steer->wrong, __ATOMIC_RELAXED);
	uint32_t mode = steer_mode(steer);
	bool is_news;

	if (mode == INSTANCE_STEERING_RSS && judged == 0)
		mode = INSTANCE_STEERING_UNKNOWN;
	is_news = mode != port->steering || judged != port->steering_judged ||
		  wrong != port->steering_wrong;
	port->steering = mode;
	port->steering_judged = judged;
	port->steering_wrong = wrong;
	return is_news;
}

static bool
port_facts(const struct portif *port, struct instance_port *to)
{
	const struct portif_facts *f = &port->facts;
	uint32_t flags = (port->ops->is_up(port) ? INSTANCE_PORT_UP : 0u) |
			 (f->csum_tx ? INSTANCE_PORT_CSUM_TX : 0u) |
			 (f->csum_rx ? INSTANCE_PORT_CSUM_RX : 0u) |
			 (f->multi_segs ? INSTANCE_PORT_MULTI_SEGS : 0u) |
			 (f->tso ? INSTANCE_PORT_TSO : 0u) | (f->lro ? INSTANCE_PORT_LRO : 0u);
	bool is_news = flags != to->flags;

	snprintf(to->name, sizeof(to->name), "%s", f->name);
	memcpy(to->mac, f->mac, sizeof(to->mac));
	to->queues = f->queue_n;
	to->mtu = f->mtu;
	to->flags = flags;
	return is_news;
}

static bool
core_facts(const struct house *house, struct instance_facts *facts)
{
	struct instance_core before[IMG_CORES_MAX];

	memcpy(before, facts->core, sizeof(before));
	facts->core_n = 0;
	for (uint16_t i = 0; i < house->core_n; i++) {
		const struct house_place *place = &house->place[i];

		facts->core[i] = (struct instance_core){
			.cpu = place->cpu,
			.state = place->state,
			.flags = i < house->home_n ? INSTANCE_CORE_HOME : 0,
			.err = place->state == INSTANCE_CORE_FAILED ? place->err : 0,
		};
		facts->core_n += place->state == INSTANCE_CORE_RUNNING ||
				 place->state == INSTANCE_CORE_LEAVING;
	}
	for (uint16_t i = 0; i < house->conf.lane_n; i++)
		facts->lane[i].cpu = facts->core[facts->lane[i].core_i].cpu;
	return memcmp(before, facts->core, sizeof(before)) != 0;
}

bool
house_facts(const struct house *house, struct instance_facts *facts)
{
	bool is_news = false;

	for (uint16_t i = 0; i < house->conf.port_n; i++) {
		is_news |= port_facts(&house->conf.port[i], &facts->port[i]);
		is_news |= steering_facts(mesh_steer(house->mesh, i), &facts->port[i]);
		is_news |= except_facts(&house->conf.port[i], &facts->except[i]);
	}
	for (uint16_t i = 0; i < house->conf.lane_n; i++) {
		uint16_t core_i = house_core_of(house, i);

		is_news |= facts->lane[i].core_i != core_i;
		facts->lane[i].core_i = core_i;
	}
	facts->port_n = house->conf.port_n;
	facts->lane_n = house->conf.lane_n;
	is_news |= core_facts(house, facts);
	facts->server_slots = house->plan.server_slots;
	return is_news;
}

static uint32_t
rule_slots(const struct img *img)
{
	uint32_t top = 0;

	for (uint32_t i = 0; i < img_n(img, IMG_RULES); i++)
		if (img_rule(img, i)->slot >= top)
			top = img_rule(img, i)->slot + 1;
	for (uint32_t i = 0; i < img_n(img, IMG_OUT_RULES); i++)
		if (img_out_rule(img, i)->slot >= top)
			top = img_out_rule(img, i)->slot + 1;
	return top;
}

/* An older kernel (before 5.14) refuses: then a lane waits for each page when it comes to it. */
void
house_expect(const struct house *house, const struct img *img)
{
	uint32_t top = rule_slots(img);

	for (uint16_t i = 0; i < house->conf.lane_n && top > 0; i++) {
		uintptr_t rows = (uintptr_t)house->lane[i].board.rule;
		uintptr_t page = rows & ~(uintptr_t)4095;

		madvise((void *)page, rows + top * sizeof(struct board_rule) - page,
			MADV_POPULATE_WRITE);
	}
}

static bool
has_thread(const struct house *house, uint16_t core_i)
{
	enum instance_core_state state = house->place[core_i].state;

	return state == INSTANCE_CORE_RUNNING || state == INSTANCE_CORE_LEAVING;
}

void
house_set_wall(struct house *house, uint64_t wall_ns)
{
	house->conf.wall_ns = wall_ns;
	for (uint16_t i = 0; i < house->core_n; i++)
		core_set_wall(&house->core[i], wall_ns);
}

void
house_drain(struct house *house)
{
	for (uint16_t i = 0; i < house->core_n; i++) {
		if (has_thread(house, i))
			core_drain(&house->core[i]);
	}
}

/* Lent is what is neither free nor held by a lane: receive rings, and packets being sent. */
void
house_publish(struct house *house)
{
	struct board_gauges *g = house->lane[0].board.gauges;
	uint64_t held = 0;

	for (uint16_t i = 0; i < house->conf.lane_n; i++)
		held += __atomic_load_n(&house->lane[i].board.gauges->bufs_held, __ATOMIC_RELAXED);
	g->bufs_pool = buf_pool_size(house->conf.pool);
	g->bufs_free = buf_pool_free_n(house->conf.pool);
	g->bufs_lent = g->bufs_pool > g->bufs_free + held ? g->bufs_pool - g->bufs_free - held : 0;
}

void
house_look_for_asks(struct house *house)
{
	const struct asks *asks;
	struct abi_fault fault;

	if (house->asks_map.p != NULL ||
	    rundir_map_open(house->conf.control_fd, RUNDIR_ASKS, false, &house->asks_map) != 0)
		return;
	if (!asks_check(house->asks_map.p, house->asks_map.n, &fault)) {
		rundir_map_close(&house->asks_map);
		return;
	}
	asks = house->asks_map.p;
	for (uint16_t i = 0; i < house->conf.lane_n; i++)
		lane_set_asks(house->lane[i].lane, &asks->ask[i]);
}

/* A run directory without room leaves the lane without a ring: control is told it is silent. */
static void
make_capture(struct house *house, uint16_t lane_i)
{
	struct house_lane *l = &house->lane[lane_i];
	char name[RUNDIR_NAME_MAX];
	int fd = house->conf.dataplane_fd;

	rundir_capture_name(name, lane_i);
	if (rundir_map_make(fd, name, capture_bytes(), &l->capture_map) != 0)
		return;
	capture_init(l->capture_map.p, lane_i, house->conf.id, &l->capture);
	if (rundir_map_publish(fd, name) == 0)
		lane_set_capture(l->lane, &l->capture);
	else
		rundir_map_close(&l->capture_map);
}

void
house_make_captures(struct house *house)
{
	for (uint16_t i = 0; i < house->conf.lane_n; i++) {
		if (house->lane[i].capture_map.p == NULL && lane_wants_capture(house->lane[i].lane))
			make_capture(house, i);
	}
}

int
house_stalled_core(struct house *house, uint32_t looks)
{
	for (uint16_t i = 0; i < house->core_n; i++) {
		if (has_thread(house, i) &&
		    core_is_stalled(&house->core[i], &house->watch[i], looks))
			return i;
	}
	return -1;
}

bool
house_is_idle(const struct house *house)
{
	for (uint16_t i = 0; i < house->core_n; i++) {
		if (has_thread(house, i) &&
		    __atomic_load_n(&house->core[i].is_idle, __ATOMIC_RELAXED) == 0)
			return false;
	}
	return true;
}
