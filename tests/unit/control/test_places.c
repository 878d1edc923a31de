/*
 * test_places.c - the orders with which penstockctl brings lanes where it wants them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ctl/places.h"

/* Four lanes that began on processors 0 and 1 in turn. */
static struct places
places_of(const uint32_t *was, const uint32_t *wanted, uint32_t cpu_n)
{
	struct places places = { .facts.lane_n = 4, .cpu = { 0, 1 }, .cpu_n = cpu_n };

	for (uint32_t i = 0; i < 4; i++) {
		places.was[i] = was[i];
		places.lane[i] = (struct balance_lane){ .cpu = wanted[i], .home = i % 2 };
	}
	return places;
}

static void
orders_are(const struct places *places, const char *wanted)
{
	json_t *orders = places_orders(places);
	char *text = json_dumps(orders, JSON_COMPACT);

	assert_string_equal(text, wanted);
	free(text);
	json_decref(orders);
}

static void
lanes_that_move_are_sent_and_where_they_began_needs_no_number(void **state)
{
	struct places places = places_of((uint32_t[]){ 0, 0, 1, 1 }, (uint32_t[]){ 0, 1, 1, 0 }, 2);

	(void)state;
	orders_are(&places, "[{\"lane\":1,\"cpu\":null},{\"lane\":2,\"cpu\":1},"
			    "{\"lane\":3,\"cpu\":0}]");
}

/* Processor 1 is added: a lane that began there goes to it unless it is told to stay. */
static void
a_lane_that_would_go_home_is_told_to_stay(void **state)
{
	struct places places = places_of((uint32_t[]){ 0, 0, 0, 0 }, (uint32_t[]){ 1, 1, 0, 0 }, 2);

	(void)state;
	orders_are(&places, "[{\"lane\":0,\"cpu\":1},{\"lane\":1,\"cpu\":null},"
			    "{\"lane\":3,\"cpu\":0}]");
}

static void
a_lane_whose_home_runs_nothing_needs_no_word_to_stay(void **state)
{
	struct places places = places_of((uint32_t[]){ 0, 0, 0, 0 }, (uint32_t[]){ 0, 0, 0, 0 }, 1);

	(void)state;
	orders_are(&places, "[]");
}

/* Lanes 0 and 1 were sent to 1; 0 had an order to be at 0, 1 one for a processor that is gone. */
static void
orders_are_taken_back_as_far_as_they_hold(void **state)
{
	struct places places = places_of((uint32_t[]){ 0, 0, 0, 1 }, (uint32_t[]){ 1, 1, 0, 1 }, 2);
	json_t *orders;
	char *text;

	(void)state;
	for (uint32_t cpu = 0; cpu < 2; cpu++)
		places.facts.core[cpu] =
			(struct instance_core){ .cpu = cpu, .state = INSTANCE_CORE_RUNNING };
	for (uint32_t i = 0; i < 4; i++)
		places.said[i] = i == 0 ? 0 : i == 1 ? 7 : ABI_NONE;
	orders = places_orders_back(&places);
	text = json_dumps(orders, JSON_COMPACT);
	assert_string_equal(text, "[{\"lane\":0,\"cpu\":0},{\"lane\":1,\"cpu\":null}]");
	free(text);
	json_decref(orders);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes_that_move_are_sent_and_where_they_began_needs_no_number),
		cmocka_unit_test(a_lane_that_would_go_home_is_told_to_stay),
		cmocka_unit_test(a_lane_whose_home_runs_nothing_needs_no_word_to_stay),
		cmocka_unit_test(orders_are_taken_back_as_far_as_they_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
