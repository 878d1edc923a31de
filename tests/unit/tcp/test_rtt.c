/*
 * test_rtt.c - RFC 6298, section 2, by numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp/rtt.h"

#define MS 1000000ull
#define US 1000ull

static void
timeout_is_a_second_before_the_first_sample(void **state)
{
	struct rtt rtt;

	(void)state;
	rtt_init(&rtt);
	assert_int_equal(rtt_backed_off(&rtt, 0), 1000 * MS);
	assert_int_equal(rtt.srtt_us, 0);
}

static void
first_sample_sets_both_estimates(void **state)
{
	struct rtt rtt;

	(void)state;
	rtt_init(&rtt);
	rtt_sample(&rtt, 400 * MS);
	assert_int_equal(rtt.srtt_us, 400 * MS / US);
	assert_int_equal(rtt.rttvar_us, 200 * MS / US);
	assert_int_equal(rtt_backed_off(&rtt, 0), 1200 * MS);
}

static void
later_samples_weigh_an_eighth_and_a_quarter(void **state)
{
	struct rtt rtt;

	(void)state;
	rtt_init(&rtt);
	rtt_sample(&rtt, 400 * MS);
	rtt_sample(&rtt, 800 * MS);
	assert_int_equal(rtt.srtt_us, 450 * MS / US);
	assert_int_equal(rtt.rttvar_us, 250 * MS / US);
	assert_int_equal(rtt_backed_off(&rtt, 0), 1450 * MS);
}

static void
timeout_stays_within_its_bounds(void **state)
{
	struct rtt rtt;

	(void)state;
	rtt_init(&rtt);
	for (uint32_t i = 0; i < 100; i++)
		rtt_sample(&rtt, 1);
	assert_int_equal(rtt_backed_off(&rtt, 0), RTT_RTO_MIN_NS);
	assert_true(rtt.srtt_us > 0);
	for (uint32_t i = 0; i < 100; i++)
		rtt_sample(&rtt, UINT64_MAX);
	assert_int_equal(rtt_backed_off(&rtt, 0), RTT_RTO_MAX_NS);
	rtt_sample(&rtt, 0);
	assert_true(rtt_backed_off(&rtt, 0) <= RTT_RTO_MAX_NS && rtt.srtt_us > 0);
}

static void
backing_off_doubles_up_to_a_minute(void **state)
{
	struct rtt rtt;

	(void)state;
	rtt_init(&rtt);
	assert_int_equal(rtt_backed_off(&rtt, 0), 1000 * MS);
	assert_int_equal(rtt_backed_off(&rtt, 3), 8000 * MS);
	assert_int_equal(rtt_backed_off(&rtt, 6), RTT_RTO_MAX_NS);
	assert_int_equal(rtt_backed_off(&rtt, 200), RTT_RTO_MAX_NS);
}

/* 2.2, 2.3: max(G, K RTTVAR): a path without any jitter still has the clock's. */
static void
steady_path_keeps_the_granularity(void **state)
{
	struct rtt rtt;

	(void)state;
	rtt_init(&rtt);
	for (uint32_t i = 0; i < 200; i++)
		rtt_sample(&rtt, 500000000);
	assert_in_range(rtt_backed_off(&rtt, 0), 501000000, 501100000);
}

/* The path's own delay: the least, and a longer path is believed in the end. */
static void
least_falls_at_once_and_rises_slowly(void **state)
{
	struct rtt rtt;

	(void)state;
	rtt_init(&rtt);
	rtt_sample(&rtt, 100000000);
	rtt_sample(&rtt, 50000000);
	assert_int_equal(rtt.least_us, 50000);
	for (uint32_t i = 0; i < 100; i++)
		rtt_sample(&rtt, 200000000);
	assert_in_range(rtt.least_us, 50001, 60000);
	for (uint32_t i = 0; i < 20000; i++)
		rtt_sample(&rtt, 200000000);
	assert_in_range(rtt.least_us, 190000, 200000);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(timeout_is_a_second_before_the_first_sample),
		cmocka_unit_test(first_sample_sets_both_estimates),
		cmocka_unit_test(later_samples_weigh_an_eighth_and_a_quarter),
		cmocka_unit_test(timeout_stays_within_its_bounds),
		cmocka_unit_test(backing_off_doubles_up_to_a_minute),
		cmocka_unit_test(steady_path_keeps_the_granularity),
		cmocka_unit_test(least_falls_at_once_and_rises_slowly),
	};

	return cmocka_run_group_tests_name("tcp/rtt", test, NULL, NULL);
}
