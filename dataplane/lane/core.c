/*
 * core.c - see core.h.
 */
#include "lane/core.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
	PAUSES = 32, /* between two rounds of an idle core */
};

int
core_init(struct core *core, struct mesh *mesh, bool is_busy, uint64_t wall_ns)
{
	core->mesh = mesh;
	core->wall_ns = wall_ns;
	backoff_init(&core->backoff, is_busy);
	core->tuned = core->backoff.conf;
	core->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return core->wake_fd >= 0 ? 0 : -errno;
}

void
core_fini(struct core *core)
{
	close(core->wake_fd);
}

void
core_renew(struct core *core, uint64_t wall_ns)
{
	ensure(core->lane_n == 0 && core->arrived == 0 && core->leaving == 0);
	core->stop = core->drain = 0;
	core->is_idle = 0;
	core->wall_ns = wall_ns;
}

void
core_add(struct core *core, struct lane *lane, uint16_t lane_i)
{
	ensure(core->lane_n < LANES_MAX);
	core->lane[core->lane_n] = lane;
	core->lane_i[core->lane_n++] = lane_i;
}

uint64_t
core_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t); /* from the vdso: no system call */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One turn of each lane; the end of one turn is the beginning of the next, so that the clock is
 * read once a turn. */
static bool
take_round(struct core *core, uint64_t *now)
{
	bool found = false;

	for (uint16_t i = 0; i < core->lane_n; i++) {
		bool found_here = lane_turn(core->lane[i], *now);
		uint64_t end = core_now();

		lane_account(core->lane[i], found_here, end - *now);
		*now = end;
		found |= found_here;
	}
	__atomic_store_n(&core->rounds, core->rounds + 1, __ATOMIC_RELAXED);
	return found;
}

static uint64_t
deadline(const struct core *core)
{
	uint64_t at = UINT64_MAX;

	for (uint16_t i = 0; i < core->lane_n; i++) {
		uint64_t of = lane_deadline(core->lane[i]);

		at = of < at ? of : at;
	}
	return at;
}

static void
wait(struct core *core, uint64_t ns)
{
	struct pollfd fd = { .fd = core->wake_fd, .events = POLLIN };
	struct timespec t = { .tv_nsec = (long)(ns % 1000000000u),
			      .tv_sec = (time_t)(ns / 1000000000u) };
	uint64_t rung;

	if (ppoll(&fd, 1, &t, NULL) > 0 && read(core->wake_fd, &rung, sizeof(rung)) < 0)
		ensure(errno == EAGAIN);
}

/* All lanes say that they sleep before any bell is looked at for the last time. */
static void
fall_asleep(struct core *core, uint64_t ns)
{
	bool is_silent = true;

	for (uint16_t i = 0; i < core->lane_n; i++) {
		lane_sleep(core->lane[i]);
		is_silent &= mesh_sleep(core->mesh, core->lane_i[i]);
	}
	if (is_silent && __atomic_load_n(&core->stop, __ATOMIC_RELAXED) == 0) {
		__atomic_store_n(&core->is_asleep, 1, __ATOMIC_RELEASE);
		wait(core, ns);
		__atomic_store_n(&core->is_asleep, 0, __ATOMIC_RELEASE);
	}
	for (uint16_t i = 0; i < core->lane_n; i++) {
		mesh_awake(core->mesh, core->lane_i[i]);
		lane_wake(core->lane[i]);
	}
}

/* Nothing to run: whoever gives a lane, or orders anything, wakes. */
static void
park(struct core *core)
{
	struct pollfd fd = { .fd = core->wake_fd, .events = POLLIN };
	uint64_t rung;

	__atomic_store_n(&core->is_asleep, 1, __ATOMIC_RELEASE);
	if (poll(&fd, 1, -1) > 0 && read(core->wake_fd, &rung, sizeof(rung)) < 0)
		ensure(errno == EAGAIN);
	__atomic_store_n(&core->is_asleep, 0, __ATOMIC_RELEASE);
}

static void
pause_a_little(void)
{
	for (uint32_t i = 0; i < PAUSES; i++)
		__builtin_ia32_pause();
}

struct told {
	uint64_t wall_ns;
	uint32_t tuned_n;
	bool is_draining;
};

/* Whole words, one by one: one that changes meanwhile comes with the next rise of tuned_n. */
static void
copy_conf(const struct backoff_conf *from, struct backoff_conf *ret_to)
{
	ret_to->is_busy = __atomic_load_n(&from->is_busy, __ATOMIC_RELAXED);
	ret_to->spin_ns = __atomic_load_n(&from->spin_ns, __ATOMIC_RELAXED);
	ret_to->pause_ns = __atomic_load_n(&from->pause_ns, __ATOMIC_RELAXED);
	ret_to->sleep_least_ns = __atomic_load_n(&from->sleep_least_ns, __ATOMIC_RELAXED);
	ret_to->sleep_most_ns = __atomic_load_n(&from->sleep_most_ns, __ATOMIC_RELAXED);
}

static void
obey_tuning(struct core *core, struct told *told)
{
	uint32_t tuned_n = __atomic_load_n(&core->tuned_n, __ATOMIC_ACQUIRE);
	struct backoff_conf conf;

	if (tuned_n == told->tuned_n)
		return;
	told->tuned_n = tuned_n;
	copy_conf(&core->tuned, &conf);
	backoff_tune(&core->backoff, &conf);
}

/* The lane's memory is the other core's as soon as its bit is set there. */
static void
give_lane(struct core *core, uint16_t i, uint64_t now)
{
	uint16_t lane_i = core->lane_i[i];
	struct core *to = core->leaving_to[lane_i];
	struct lane *lane = core->lane[i];

	core->lane_n--;
	memmove(&core->lane[i], &core->lane[i + 1], (core->lane_n - i) * sizeof(core->lane[0]));
	memmove(&core->lane_i[i], &core->lane_i[i + 1],
		(core->lane_n - i) * sizeof(core->lane_i[0]));
	to->parcel[lane_i] = (struct core_parcel){ .lane = lane, .given_at = now };
	__atomic_fetch_or(&to->arrived, 1ull << lane_i, __ATOMIC_RELEASE);
	core_wake(to);
}

static void
give_lanes(struct core *core, uint64_t now)
{
	uint64_t leaving;

	if (__atomic_load_n(&core->leaving, __ATOMIC_RELAXED) == 0)
		return;
	leaving = __atomic_exchange_n(&core->leaving, 0, __ATOMIC_ACQUIRE);
	for (uint16_t i = core->lane_n; i-- > 0;) {
		if ((leaving >> core->lane_i[i] & 1) != 0)
			give_lane(core, i, now);
	}
}

/* Returns whether there was any; each has its turn in the round that follows. */
static bool
adopt_lanes(struct core *core, const struct told *told)
{
	uint64_t arrived, now;

	if (__atomic_load_n(&core->arrived, __ATOMIC_RELAXED) == 0)
		return false;
	arrived = __atomic_exchange_n(&core->arrived, 0, __ATOMIC_ACQUIRE);
	now = core_now();
	for (uint16_t lane_i = 0; lane_i < LANES_MAX; lane_i++) {
		const struct core_parcel *parcel = &core->parcel[lane_i];

		if ((arrived >> lane_i & 1) == 0)
			continue;
		core_add(core, parcel->lane, lane_i);
		lane_arrive(parcel->lane, core->core_i, now - parcel->given_at);
		lane_set_wall(parcel->lane, told->wall_ns);
		if (told->is_draining)
			lane_drain(parcel->lane);
		__atomic_store_n(&core->core_of_lane[lane_i], core->core_i, __ATOMIC_RELEASE);
	}
	return true;
}

/* What other threads want, once a round. */
static void
take_orders(struct core *core, struct told *told)
{
	uint64_t wall_ns = __atomic_load_n(&core->wall_ns, __ATOMIC_RELAXED);
	bool is_idle = true;

	for (uint16_t i = 0; wall_ns != told->wall_ns && i < core->lane_n; i++)
		lane_set_wall(core->lane[i], wall_ns);
	told->wall_ns = wall_ns;
	obey_tuning(core, told);
	if (__atomic_load_n(&core->drain, __ATOMIC_RELAXED) == 0)
		return;
	for (uint16_t i = 0; i < core->lane_n; i++) {
		if (!told->is_draining)
			lane_drain(core->lane[i]);
		is_idle &= lane_is_idle(core->lane[i]);
	}
	told->is_draining = true;
	__atomic_store_n(&core->is_idle, is_idle, __ATOMIC_RELAXED);
}

void *
core_run(void *arg)
{
	struct core *core = arg;
	struct told told = { .wall_ns = __atomic_load_n(&core->wall_ns, __ATOMIC_RELAXED) };
	uint64_t now = core_now();

	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); /* or a sleep of 50 us takes 100 */
	while (__atomic_load_n(&core->stop, __ATOMIC_RELAXED) == 0) {
		bool found = take_round(core, &now);
		uint64_t ns = 0;

		take_orders(core, &told);
		give_lanes(core, now);
		if (adopt_lanes(core, &told)) {
			now = core_now();
			continue;
		}
		if (core->lane_n == 0) {
			park(core);
			now = core_now();
			continue;
		}
		switch (backoff_next(&core->backoff, found, now, deadline(core), &ns)) {
		case BACKOFF_POLL:
			break;
		case BACKOFF_PAUSE:
			pause_a_little();
			now = core_now();
			break;
		case BACKOFF_SLEEP:
			fall_asleep(core, ns);
			now = core_now();
			break;
		}
	}
	return NULL;
}

void
core_stop(struct core *core)
{
	__atomic_store_n(&core->stop, 1, __ATOMIC_RELAXED);
	core_wake(core);
}

void
core_drain(struct core *core)
{
	__atomic_store_n(&core->drain, 1, __ATOMIC_RELAXED);
	core_wake(core);
}

void
core_set_wall(struct core *core, uint64_t wall_ns)
{
	__atomic_store_n(&core->wall_ns, wall_ns, __ATOMIC_RELAXED);
}

void
core_wake(struct core *core)
{
	uint64_t one = 1;

	/* Only a full counter refuses, and then the core is woken already. */
	if (write(core->wake_fd, &one, sizeof(one)) < 0)
		ensure(errno == EAGAIN);
}

void
core_tune(struct core *core, const struct backoff_conf *conf)
{
	__atomic_store_n(&core->tuned.is_busy, conf->is_busy, __ATOMIC_RELAXED);
	__atomic_store_n(&core->tuned.spin_ns, conf->spin_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&core->tuned.pause_ns, conf->pause_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&core->tuned.sleep_least_ns, conf->sleep_least_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&core->tuned.sleep_most_ns, conf->sleep_most_ns, __ATOMIC_RELAXED);
	__atomic_fetch_add(&core->tuned_n, 1, __ATOMIC_RELEASE);
}

void
core_order_move(struct core *core, uint16_t lane_i, struct core *to)
{
	ensure(core != to && lane_i < LANES_MAX);
	core->leaving_to[lane_i] = to;
	__atomic_fetch_or(&core->leaving, 1ull << lane_i, __ATOMIC_RELEASE);
	core_wake(core);
}

bool
core_is_stalled(const struct core *core, struct core_watch *watch, uint32_t looks_max)
{
	uint64_t rounds = __atomic_load_n(&core->rounds, __ATOMIC_RELAXED);

	if (rounds != watch->rounds || __atomic_load_n(&core->is_asleep, __ATOMIC_ACQUIRE) != 0) {
		watch->rounds = rounds;
		watch->same_n = 0;
		return false;
	}
	return ++watch->same_n >= looks_max;
}
