/*
 * bench_farm.c - ticks of the choice of a server among 2, 10 and 100, and of the counts that a
 * request leaves there.
 */
#include "farm/farm.h"
#include "micro/bench.h"

enum {
	TIMES = 1000,
	SERVERS = 100,
};

static struct farms *farms;
static const struct farm_tried untried;

static void
pick_of(uint32_t times, uint32_t n)
{
	struct farm_pick got;

	for (uint32_t i = 0; i < times; i++) {
		if (farm_pick(farms, 0, n, &untried, 1, &got) != FARM_FIT_READY)
			bench_die("no server is fit");
		bench_keep(got.slot);
	}
}

static void
pick_2(uint32_t n)
{
	pick_of(n, 2);
}

static void
pick_10(uint32_t n)
{
	pick_of(n, 10);
}

static void
pick_100(uint32_t n)
{
	pick_of(n, 100);
}

static void
enter_leave(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		farm_enter(farms, i % SERVERS, 1, true);
		farm_leave(farms, i % SERVERS, 1, 200, 80, 160);
	}
}

int
main(int argc, char **argv)
{
	bench_open("bench_farm", argc, argv);
	farms = farms_init(bench_memory(farms_size(SERVERS, SERVERS)), SERVERS, SERVERS);
	farms_begin(farms);
	for (uint32_t i = 0; i < SERVERS; i++) {
		struct farm_member m = {
			.slot = i, .incarnation = 1, .weight = 100 + i % 3, .addr_n = 1
		};

		m.addr[0] = ip_from_v4((const uint8_t[]){ 10, 2, 0, (uint8_t)i });
		if (!farm_place(farms, i, &m))
			bench_die("a server finds no place");
	}
	bench_run("farm/pick-2", TIMES, NULL, pick_2);
	bench_run("farm/pick-10", TIMES, NULL, pick_10);
	bench_run("farm/pick-100", TIMES, NULL, pick_100);
	bench_run("farm/enter-leave", TIMES, NULL, enter_leave);
	return bench_close();
}
