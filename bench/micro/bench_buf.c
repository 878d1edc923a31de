/*
 * bench_buf.c - ticks of a packet buffer in the data plane's own backing (a DPDK mempool with a
 * cache a thread): one and a burst of them from the cache, beyond the cache (the pool's shared
 * ring), alone and against another processor, a view, a count more and less.
 */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "micro/bench.h"
#include "port/port.h"

enum {
	TIMES = 1024,
	BUFS = 16383,
	BURST = 32,
	BEYOND = 1024, /* four times the cache */
};

static struct buf_pool *pool;
static struct buf *one;
static uint32_t runs, has_stopped; /* atomic */

static void
take_give(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		buf_give(buf_take(pool));
}

static void
burst(uint32_t n)
{
	struct buf *held[BURST];

	for (uint32_t i = 0; i < n; i += BURST) {
		if (!buf_take_burst(pool, held, BURST))
			bench_die("the pool is dry");
		buf_give_burst(held, BURST);
	}
}

/* More than the cache holds goes to and from the pool's shared ring, a third of a cache at once. */
static void
refill(uint32_t n)
{
	struct buf *held[BEYOND];

	for (uint32_t i = 0; i < n; i++)
		held[i] = buf_take(pool);
	for (uint32_t i = 0; i < n; i++)
		buf_give(held[i]);
}

static void
view(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		buf_give(buf_view(pool, one, BUF_HEADROOM, 100));
}

static void
ref_give(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		buf_ref(one);
		buf_give(one);
	}
}

/* Another lane on another processor that does the same to the same ring. */
static void *
refill_too(void *arg)
{
	while (__atomic_load_n(&has_stopped, __ATOMIC_RELAXED) == 0) {
		refill(BEYOND);
		__atomic_store_n(&runs, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

static void
refill_across(void)
{
	int cpu = sched_getcpu();
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char why[PORT_WHY];
	pthread_t other;

	if (cpus < 2)
		return;
	if (port_thread_start("refill", (int)((cpu + 1) % cpus), refill_too, NULL, &other, why) !=
	    0)
		bench_die(why);
	while (__atomic_load_n(&runs, __ATOMIC_RELAXED) == 0)
		;
	bench_run("buf/refill-across", BEYOND, NULL, refill);
	__atomic_store_n(&has_stopped, 1, __ATOMIC_RELAXED);
	pthread_join(other, NULL);
}

static void *
measure(void *arg)
{
	(void)arg;
	one = buf_take(pool);
	bench_run("buf/take-give", TIMES, NULL, take_give);
	bench_run("buf/burst-of-32", TIMES, NULL, burst);
	bench_run("buf/refill", BEYOND, NULL, refill);
	bench_run("buf/view-give", TIMES, NULL, view);
	bench_run("buf/ref-give", TIMES, NULL, ref_give);
	refill_across();
	buf_give(one);
	if (buf_pool_free_n(pool) != BUFS)
		bench_die("a buffer is lost");
	return NULL;
}

int
main(int argc, char **argv)
{
	const struct port_env_conf conf = { .pool_bufs = BUFS };
	struct port_env env;
	char why[PORT_WHY];
	pthread_t thread;

	bench_open("bench_buf", argc, argv);
	if (!port_env_open(&conf, &env, why))
		bench_die(why);
	pool = port_pool_open(BUFS, why);
	if (pool == NULL ||
	    port_thread_start("bench_buf", sched_getcpu(), measure, NULL, &thread, why) != 0)
		bench_die(why);
	pthread_join(thread, NULL);
	port_pool_close(pool);
	return bench_close();
}
