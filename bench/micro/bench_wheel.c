/*
 * bench_wheel.c - ticks of a timer: armed and cancelled, moved (as a connection's at every
 * packet), moved among a million that the caches do not hold, expired; and of a turn that finds
 * nothing due.
 */
#include "base/prng.h"
#include "base/wheel.h"
#include "micro/bench.h"

enum {
	TIMES = 1000,
	WARM_TIMERS = 1 << 10, /* powers of two */
	COLD_TIMERS = 1 << 20,
};

#define MS     1000000ull
#define STRIDE 0x9e3779b1u /* odd: visits every timer, none near the one before */

static struct wheel *wheel;
static struct prng prng;
static uint32_t timers, at;
static uint64_t now = 1000 * MS;

static void
open_wheel(uint32_t n)
{
	timers = n;
	wheel = wheel_init(bench_memory(wheel_size(n)), n, now);
	for (uint32_t i = 0; i < n; i++)
		wheel_set(wheel, i, now + 60000 * MS + prng_below(&prng, 1u << 30));
}

static uint32_t
next(void)
{
	at += STRIDE;
	return at & (timers - 1);
}

static void
cancel_arm(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t timer = next();

		wheel_cancel(wheel, timer);
		wheel_set(wheel, timer, now + 60000 * MS + i * 1000003ull);
	}
}

static void
move(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		wheel_set(wheel, next(), now + 200 * MS + i * 1003);
}

static void
earlier_not(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		wheel_set_earlier(wheel, next(), UINT64_MAX - 1);
}

static void
arm_soon(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		wheel_set(wheel, i & (timers - 1), now + prng_below(&prng, 10 * MS));
}

/* Turns of 20 us until all are through; some of them come down a level on the way. */
static void
expire(uint32_t n)
{
	uint32_t due = 0;

	for (uint64_t end = now + 10 * MS + 3 * WHEEL_TICK_NS; now < end; now += 20000)
		while (wheel_next(wheel, now) != WHEEL_NONE)
			due++;
	if (due < n)
		bench_die("a timer did not fire");
}

static void
nothing_due(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (wheel_next(wheel, now) != WHEEL_NONE)
			bench_die("a timer fires too early");
		bench_keep(wheel_deadline(wheel));
	}
}

int
main(int argc, char **argv)
{
	bench_open("bench_wheel", argc, argv);
	prng_init(&prng, 1);
	open_wheel(WARM_TIMERS);
	bench_run("wheel/cancel-arm", TIMES, NULL, cancel_arm);
	bench_run("wheel/nothing-due", TIMES, NULL, nothing_due);
	bench_run("wheel/earlier-not", TIMES, NULL, earlier_not);
	bench_run("wheel/move", TIMES, NULL, move);
	bench_run("wheel/expire", WARM_TIMERS, arm_soon, expire);
	open_wheel(bench_size(COLD_TIMERS));
	bench_run("wheel/1M-move", TIMES, NULL, move);
	return bench_close();
}
