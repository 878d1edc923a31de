/*
 * bench_shared.c - ticks of all that lanes share: the view and the bells looked at each turn, rings
 * to another lane, the count that two lanes change, a cache line that goes from core to core.
 *
 * What ends in -across takes two processors: this thread's and the next; without a second one it
 * is left out. Beside it stands the same on one processor, where no line has to travel. A virtual
 * machine's processors may be the two threads of one core; then a line travels for nothing.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/spsc.h"
#include "lane/mesh.h"
#include "micro/bench.h"
#include "view/view.h"

enum {
	TIMES = 1024,
	ACROSS = 8192,
	BURST = 32,
	FLIGHT_MAX = 256, /* packets on their way to the other core and back */
};

/* What a lane touches of a packet handed to it: the lines of its header, and of its first bytes. */
struct packet {
	struct {
		uint64_t word[8];
	} line[3];
} __attribute__((aligned(64)));

/* Lines that both cores change, each for itself. */
static struct {
	uint32_t v __attribute__((aligned(64)));
} count, baton, stop, runs;

static struct mesh *mesh;
static struct view_set *views;
static struct view_taken taken;
static struct view view;
static struct packet packet[FLIGHT_MAX];
static struct buf *item[FLIGHT_MAX];
static int other_cpu = -1;

/* ---- one processor ---- */

static void
take_view(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		bench_keep(view_take(views, 0, &taken));
}

static void
pin_unpin(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		view_pin(&view);
		view_unpin(&view);
	}
}

static void
bell(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		bench_keep(mesh_rung(mesh, 0));
}

static void
sleep_wake(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bench_keep(mesh_sleep(mesh, 0));
		mesh_awake(mesh, 0);
		view_sleep(views, 0);
		view_wake(views, 0);
	}
}

static void
touch(struct buf **p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < 3; k++)
			((struct packet *)(void *)p[i])->line[k].word[0]++;
}

/* Lane 0 to lane 1, the bell, and out again: both lanes' part. */
static void
ring(uint32_t n, uint32_t burst)
{
	struct buf *got[BURST];

	for (uint32_t i = 0; i < n; i += burst) {
		touch(item, burst);
		if (mesh_push(mesh, MESH_RX, 0, 1, item, burst) != burst)
			bench_die("a ring is full");
		bench_keep(mesh_rung(mesh, 1));
		if (mesh_pop(mesh, MESH_RX, 0, 1, got, burst) != burst || got[0] != item[0])
			bench_die("a ring gives back something else");
		touch(got, burst);
	}
}

static void
ring_1(uint32_t n)
{
	ring(n, 1);
}

static void
ring_32(uint32_t n)
{
	ring(n, BURST);
}

static void
count_alone(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		bench_keep(__atomic_add_fetch(&count.v, 1, __ATOMIC_ACQ_REL));
}

/* ---- two processors ---- */

static bool
has_stopped(void)
{
	return __atomic_load_n(&stop.v, __ATOMIC_RELAXED) != 0;
}

/* Lane 1: takes what comes, touches it, and hands it back. */
static void *
echo(void *arg)
{
	struct buf *got[BURST];

	while (!has_stopped()) {
		uint32_t n;

		bench_keep(mesh_rung(mesh, 1));
		n = mesh_pop(mesh, MESH_RX, 0, 1, got, BURST);
		touch(got, n);
		for (uint32_t put = 0; put < n && !has_stopped();)
			put += mesh_push(mesh, MESH_RX, 1, 0, got + put, n - put);
	}
	return arg;
}

/* Bursts are in flight all the time, so that what counts is the work and not the way. */
static void
hand_over(uint32_t n)
{
	struct buf *got[BURST];
	uint32_t sent = 0, back = 0, k;

	while (back < n / 2) {
		if (sent < n / 2 && sent - back <= FLIGHT_MAX - BURST) {
			struct buf **burst = &item[sent % FLIGHT_MAX];

			touch(burst, BURST);
			sent += mesh_push(mesh, MESH_RX, 0, 1, burst, BURST);
		}
		bench_keep(mesh_rung(mesh, 0));
		k = mesh_pop(mesh, MESH_RX, 1, 0, got, BURST);
		touch(got, k);
		back += k;
	}
}

static void *
hammer(void *arg)
{
	while (!has_stopped())
		__atomic_add_fetch(&count.v, 1, __ATOMIC_ACQ_REL);
	return arg;
}

/* The line goes there and back: each side waits for the other's write. */
static void *
pong(void *arg)
{
	for (uint32_t at = 1; !has_stopped();) {
		if (__atomic_load_n(&baton.v, __ATOMIC_ACQUIRE) != at)
			continue;
		__atomic_store_n(&baton.v, at + 1, __ATOMIC_RELEASE);
		at += 2;
	}
	return arg;
}

static void
ping(uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 2) {
		uint32_t at = baton.v;

		__atomic_store_n(&baton.v, at + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(&baton.v, __ATOMIC_ACQUIRE) != at + 2)
			;
	}
}

static void
bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0)
		bench_die("cannot bind a thread to its processor");
}

static void *
begin(void *arg)
{
	bind_to(other_cpu);
	__atomic_store_n(&runs.v, 1, __ATOMIC_RELEASE);
	return (*(void *(**)(void *))arg)(NULL);
}

static void
across(const char *op, uint32_t n, void (*many)(uint32_t n), void *(*other)(void *arg))
{
	pthread_t thread;

	if (other_cpu < 0 || !bench_wants(op))
		return;
	stop.v = baton.v = runs.v = 0;
	if (pthread_create(&thread, NULL, begin, &other) != 0)
		bench_die("cannot make a thread");
	while (__atomic_load_n(&runs.v, __ATOMIC_ACQUIRE) == 0)
		;
	bench_run(op, n, NULL, many);
	__atomic_store_n(&stop.v, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* ---- all of it ---- */

static void
open_shared(void)
{
	static struct portif port;
	const struct mesh_conf conf = { .lane_n = 2, .port_n = 1, .port = &port, .seed = 7 };

	port.facts.queue_n = 2;
	mesh = mesh_init(bench_memory(mesh_size(&conf)), &conf);
	views = bench_memory(sizeof(*views));
	view_set_init(views, 2);
	view_wake(views, 0);
	for (uint32_t i = 0; i < FLIGHT_MAX; i++)
		item[i] = (struct buf *)(void *)&packet[i]; /* the rings never look inside */
}

/* Another processor that this program may run on; -1: there is none. */
static int
another(int cpu)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return -1;
	for (int i = 1; i < CPU_SETSIZE; i++)
		if (CPU_ISSET((unsigned)((cpu + i) % CPU_SETSIZE), &set))
			return (cpu + i) % CPU_SETSIZE;
	return -1;
}

int
main(int argc, char **argv)
{
	int cpu = sched_getcpu();

	bench_open("bench_shared", argc, argv);
	open_shared();
	other_cpu = another(cpu);
	bind_to(cpu);
	bench_run("shared/view-take", TIMES, NULL, take_view);
	bench_run("shared/view-pin-unpin", TIMES, NULL, pin_unpin);
	bench_run("shared/bell-silent", TIMES, NULL, bell);
	bench_run("shared/sleep-wake", TIMES, NULL, sleep_wake);
	bench_run("shared/hand-over-1", TIMES, NULL, ring_1);
	bench_run("shared/hand-over-32", TIMES, NULL, ring_32);
	bench_run("shared/count", TIMES, NULL, count_alone);
	across("shared/hand-over-32-across", ACROSS, hand_over, echo);
	across("shared/count-across", TIMES, count_alone, hammer);
	across("shared/line-across", TIMES, ping, pong);
	return bench_close();
}
