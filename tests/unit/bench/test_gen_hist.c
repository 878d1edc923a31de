/*
 * test_gen_hist.c - the load generator's histogram: what a quantile may be off by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gen/gen.h"

static struct hist h;

static void
small_values_are_exact(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	for (uint64_t v = 0; v < 200; v++)
		hist_add(&h, v);
	assert_int_equal(h.n, 200);
	assert_int_equal(hist_quantile(&h, 0.5), 99); /* the hundredth of two hundred */
	assert_int_equal(hist_quantile(&h, 0.99), 197);
	assert_int_equal(hist_quantile(&h, 1), 199);
}

static void
a_quantile_is_never_low_and_at_most_a_hundredth_high(void **state)
{
	(void)state;
	for (uint64_t v = 1; v < 1ull << 40; v = v * 5 / 4 + 1) {
		memset(&h, 0, sizeof(h));
		hist_add(&h, v);
		hist_add(&h, 1ull << 41); /* so that the greatest does not bound it */
		assert_in_range(hist_quantile(&h, 0.5), v, v + v / 100);
	}
}

static void
the_greatest_bounds_every_quantile(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	hist_add(&h, 1000001);
	assert_int_equal(hist_quantile(&h, 0.999), 1000001);
	assert_int_equal(h.max, 1000001);
	hist_add(&h, UINT64_MAX); /* beyond the last place: counted there */
	assert_int_equal(h.n, 2);
	assert_int_equal(hist_quantile(&h, 0.5), 1003519);
}

static void
nothing_has_no_quantile(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	assert_int_equal(hist_quantile(&h, 0.99), 0);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(a_quantile_is_never_low_and_at_most_a_hundredth_high),
		cmocka_unit_test(the_greatest_bounds_every_quantile),
		cmocka_unit_test(nothing_has_no_quantile),
	};

	return cmocka_run_group_tests_name("bench/gen hist", test, NULL, NULL);
}
