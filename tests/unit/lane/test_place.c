/*
 * test_place.c - places of cores and where lanes are sent, without threads: the test says when a
 * lane has arrived.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lane/house.h"

enum {
	LANES = 4
};

static struct house *house;
static struct runtime rt;

static int
begin(void **state)
{
	struct abi_fault fault;
	size_t n = runtime_bytes(1, LANES);
	void *bytes = calloc(1, n);

	(void)state;
	runtime_init(bytes, 1, LANES);
	assert_true(runtime_open(bytes, n, &rt, &fault));
	house = aligned_alloc(64, sizeof(*house));
	memset(house, 0, sizeof(*house));
	house->conf.lane_n = LANES;
	backoff_usual(&house->backoff_usual, false);
	house->backoff = house->backoff_usual;
	for (uint16_t i = 0; i < 2; i++)
		assert_int_equal(house_take_place(house, 10 + i), i);
	house->home_n = 2;
	for (uint16_t i = 0; i < LANES; i++)
		house->core_of_lane[i] = house->ordered[i] = i % 2;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < house->core_n; i++)
		core_fini(&house->core[i]);
	free(house);
	free(rt.bytes);
	return 0;
}

/* What each core has been told to give away goes where it was sent. */
static void
arrive(void)
{
	for (uint16_t i = 0; i < house->core_n; i++)
		house->core[i].leaving = 0;
	for (uint16_t i = 0; i < LANES; i++)
		house->core_of_lane[i] = house->ordered[i];
}

static void
are_at(uint16_t a, uint16_t b, uint16_t c, uint16_t d)
{
	assert_int_equal(house->ordered[0], a);
	assert_int_equal(house->ordered[1], b);
	assert_int_equal(house->ordered[2], c);
	assert_int_equal(house->ordered[3], d);
}

static void
lanes_go_where_they_are_wanted_and_home_when_nothing_is_said(void **state)
{
	(void)state;
	house_place(house, NULL);
	are_at(0, 1, 0, 1);
	runtime_put_lane_cpu(&rt, 1, 10);
	runtime_put_lane_cpu(&rt, 2, 99); /* nobody runs there */
	house_place(house, &rt);
	are_at(0, 0, 0, 1);
	assert_int_equal(house->core[1].leaving, 1 << 1);
	runtime_put_lane_cpu(&rt, 1, 11);
	house_place(house, &rt); /* it is on its way: no second order before it has arrived */
	are_at(0, 0, 0, 1);
	arrive();
	house_place(house, &rt);
	are_at(0, 1, 0, 1);
}

static void
who_leaves_a_core_goes_where_the_fewest_are_and_comes_home_again(void **state)
{
	(void)state;
	assert_int_equal(house_take_place(house, 12), 2);
	runtime_put_lane_cpu(&rt, 3, 10); /* 0 and 2 and 3 on core 0, 1 on core 1, none on core 2 */
	house_place(house, &rt);
	arrive();
	assert_false(house_leave_place(house, 0));
	house_place(house, &rt);
	are_at(2, 1, 1, 1); /* 3's wish does not count; it began on core 1 */
	assert_false(house_leave_place(house, 0));
	arrive();
	assert_true(house_leave_place(house, 0));
	house_give_place(house, 0);
	house_place(house, &rt);
	are_at(2, 1, 1, 1);
	assert_int_equal(house_take_place(house, 10), 0);
	house_place(house, &rt);
	are_at(0, 1, 0, 0);
}

static void
the_last_core_that_runs_stays(void **state)
{
	(void)state;
	assert_false(house_leave_place(house, 1));
	house_place(house, &rt);
	arrive();
	assert_true(house_leave_place(house, 1));
	house_give_place(house, 1);
	assert_false(house_leave_place(house, 0));
	assert_int_equal(house->place[0].state, INSTANCE_CORE_RUNNING);
	house_take_place(house, 11);
	house_fail_place(house, 1, 22);
	assert_false(house_leave_place(house, 0));
	assert_int_equal(house->place[0].state, INSTANCE_CORE_RUNNING);
}

static void
a_core_that_is_wanted_again_while_lanes_leave_it_stays(void **state)
{
	(void)state;
	assert_false(house_leave_place(house, 1));
	house_place(house, &rt);
	are_at(0, 0, 0, 0);
	house_keep_place(house, 1);
	house_place(house, &rt); /* not before they have arrived */
	are_at(0, 0, 0, 0);
	arrive();
	house_place(house, &rt);
	are_at(0, 1, 0, 1);
}

static void
places_of_added_cores_are_used_again(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3 * CORES_MAX; i++) {
		assert_int_equal(house_take_place(house, 100 + i), 2);
		assert_true(house_leave_place(house, 2));
		house_give_place(house, 2);
	}
	assert_int_equal(house_find(house, 100), -1);
	for (uint16_t i = 2; i < CORES_MAX; i++)
		assert_int_equal(house_take_place(house, 100 + i), i);
	assert_true(house_take_place(house, 99) < 0);
	assert_int_equal(house_find(house, 11), 1);
}

static void
cores_wait_as_they_are_told_new_ones_too(void **state)
{
	struct instance_facts *facts = calloc(1, sizeof(*facts));

	(void)state;
	runtime_put_tune(&rt, RUNTIME_TUNE_POLL, 1);
	runtime_put_tune(&rt, RUNTIME_TUNE_SLEEP_MOST, 7000);
	house_tune(house, &rt);
	assert_int_equal(house->core[0].tuned.is_busy, 1);
	assert_int_equal(house->core[1].tuned.sleep_most_ns, 7000);
	house_take_place(house, 12);
	assert_int_equal(house->core[2].tuned.is_busy, 1);
	assert_true(house_tune_facts(house, &rt, facts));
	assert_false(house_tune_facts(house, &rt, facts));
	assert_int_equal(facts->tune[RUNTIME_TUNE_POLL], 1);
	assert_int_equal(facts->tune[RUNTIME_TUNE_BURST], BURST_MAX);
	assert_int_equal(facts->tune_usual[RUNTIME_TUNE_SLEEP_MOST], BACKOFF_SLEEP_MOST_NS);
	runtime_put_tune(&rt, RUNTIME_TUNE_POLL, RUNTIME_TUNE_UNSAID);
	house_tune(house, &rt);
	assert_int_equal(house->core[2].tuned.is_busy, 0);
	free(facts);
}

#define OF(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OF(lanes_go_where_they_are_wanted_and_home_when_nothing_is_said),
		OF(who_leaves_a_core_goes_where_the_fewest_are_and_comes_home_again),
		OF(the_last_core_that_runs_stays),
		OF(a_core_that_is_wanted_again_while_lanes_leave_it_stays),
		OF(places_of_added_cores_are_used_again),
		OF(cores_wait_as_they_are_told_new_ones_too),
	};

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
