/*
 * test_farm.c - choice, rests, run-time words and identity of servers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "farm/farm.h"

#define MS 1000000ull
#define S  (1000 * MS)

enum {
	SLOTS = 64
};

static const struct farm_tried none_tried;

static struct ip_addr
addr(uint8_t last)
{
	return ip_from_v4((const uint8_t[4]){ 10, 0, 0, last });
}

/* A farm of n servers in slots 0 to n - 1 with these weights, addresses 10.0.0.slot. */
static struct farms *
farm_of(const uint32_t *weight, uint32_t n)
{
	void *mem = NULL;
	size_t size = farms_size(SLOTS, SLOTS);
	struct farms *f;

	assert_int_equal(posix_memalign(&mem, 64, size), 0);
	memset(mem, 0, size);
	f = farms_init(mem, SLOTS, SLOTS);
	farms_begin(f);
	for (uint32_t i = 0; i < n; i++) {
		struct farm_member m = {
			.slot = i, .incarnation = 1, .weight = weight[i], .addr_n = 1
		};

		m.addr[0] = addr((uint8_t)i);
		assert_true(farm_place(f, i, &m));
	}
	return f;
}

static uint32_t
pick(struct farms *f, uint32_t n, uint64_t now)
{
	struct farm_pick p;

	assert_true(farm_pick(f, 0, n, &none_tried, now, &p) <= FARM_FIT_PROBE);
	return p.slot;
}

static void
weights_are_kept_and_spread(void **state)
{
	const uint32_t weight[] = { 5, 1, 1 };
	struct farms *f = farm_of(weight, 3);
	uint32_t got[3] = { 0 }, run = 0, longest = 0;

	(void)state;
	for (uint32_t i = 0; i < 700; i++) {
		uint32_t slot = pick(f, 3, 0);

		got[slot]++;
		run = slot == 0 ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	assert_int_equal(got[0], 500);
	assert_int_equal(got[1], 100);
	assert_int_equal(got[2], 100);
	/* smooth: a a b a c a a, never all five in one go and then the others */
	assert_true(longest <= 4);
	free(f);
}

static void
tried_servers_are_left_out(void **state)
{
	const uint32_t weight[] = { 1, 1 };
	struct farms *f = farm_of(weight, 2);
	struct farm_tried tried = { 0 };
	struct farm_pick p;

	(void)state;
	assert_int_equal(farm_pick(f, 0, 2, &tried, 0, &p), FARM_FIT_READY);
	farm_tried_add(&tried, p.slot);
	uint32_t first = p.slot;
	assert_int_equal(farm_pick(f, 0, 2, &tried, 0, &p), FARM_FIT_READY);
	assert_int_not_equal(p.slot, first);
	farm_tried_add(&tried, p.slot);
	assert_int_equal(farm_pick(f, 0, 2, &tried, 0, &p), FARM_FIT_TRIED);
	free(f);
}

static void
a_server_of_two_addresses_is_tried_on_each(void **state)
{
	struct farms *f = farm_of((const uint32_t[]){ 1 }, 1);
	struct farm_runtime rt = { .addr_n = 2, .addr = { addr(50), addr(51) } };
	struct farm_tried tried = { 0 };
	struct farm_pick p, q;

	(void)state;
	farm_set_runtime(f, 0, 1, &rt);
	assert_int_equal(farm_pick(f, 0, 1, &tried, 0, &p), FARM_FIT_READY);
	farm_tried_add(&tried, 0);
	assert_int_equal(farm_pick(f, 0, 1, &tried, 0, &q), FARM_FIT_READY);
	farm_tried_add(&tried, 0);
	assert_int_equal(farm_pick(f, 0, 1, &tried, 0, &q), FARM_FIT_TRIED);
	assert_true(farm_has_addr(f, 0, &rt.addr[1]));
	assert_false(farm_has_addr(f, 0, &(struct ip_addr){ { 0 } }));
	free(f);
}

static void
rests_double_and_a_probe_ends_them(void **state)
{
	struct farms *f = farm_of((const uint32_t[]){ 1, 1 }, 2);
	uint64_t now = S, rest = 1 * S;
	struct farm_facts facts;

	(void)state;
	for (uint32_t i = 0; i < 7; i++) {
		struct farm_pick p = { 0 };

		farm_dialled(f, 0, 1, FARM_DIAL_REFUSED, now);
		farm_facts(f, 0, &facts);
		assert_int_equal(facts.rest_until_ns, now + rest);
		assert_int_equal(farm_fit(f, 0, &none_tried, now + rest - 1), FARM_FIT_RESTING);
		for (uint32_t k = 0; k < 4; k++)
			assert_int_equal(pick(f, 2, now + rest - 1), 1);
		now += rest;
		/* one request is let through as a probe, the others stay away meanwhile */
		for (uint32_t k = 0; k < 8 && !p.is_probe; k++)
			farm_pick(f, 0, 2, &none_tried, now, &p);
		assert_true(p.is_probe);
		assert_int_equal(p.slot, 0);
		for (uint32_t k = 0; k < 4; k++)
			assert_int_equal(pick(f, 2, now), 1);
		rest = 2 * rest < 30 * S ? 2 * rest : 30 * S;
	}
	farm_dialled(f, 0, 1, FARM_DIAL_UP, now);
	assert_int_equal(farm_fit(f, 0, &none_tried, now), FARM_FIT_READY);
	farm_dialled(f, 0, 1, FARM_DIAL_TIMEOUT, now);
	farm_facts(f, 0, &facts);
	assert_int_equal(facts.rest_until_ns, now + 1 * S);
	assert_int_equal(farm_stats(f, 0)->dials_refused, 7);
	assert_int_equal(farm_stats(f, 0)->dials_timeout, 1);
	free(f);
}

static void
failures_of_dials_begun_together_count_once(void **state)
{
	struct farms *f = farm_of((const uint32_t[]){ 1 }, 1);
	struct farm_facts facts;

	(void)state;
	for (uint32_t i = 0; i < 50; i++)
		farm_dialled(f, 0, 1, FARM_DIAL_REFUSED, S);
	farm_facts(f, 0, &facts);
	assert_int_equal(facts.rest_until_ns, 2 * S);
	free(f);
}

static void
when_all_rest_the_first_to_wake_is_tried(void **state)
{
	struct farms *f = farm_of((const uint32_t[]){ 1, 1 }, 2);
	struct farm_pick p;

	(void)state;
	farm_dialled(f, 1, 1, FARM_DIAL_REFUSED, 1 * S);
	farm_dialled(f, 0, 1, FARM_DIAL_REFUSED, 1 * S + 1);
	assert_int_equal(farm_pick(f, 0, 2, &none_tried, 1 * S + 2, &p), FARM_FIT_PROBE);
	assert_int_equal(p.slot, 1);
	assert_true(p.is_probe);
	free(f);
}

static void
operators_words_are_obeyed_and_survive_views(void **state)
{
	struct farms *f = farm_of((const uint32_t[]){ 1, 1, 0 }, 3);
	struct farm_runtime drain = { .admin = FARM_ADMIN_DRAIN };
	struct farm_runtime heavy = { .has_weight = true, .weight = 3 };
	struct farm_member m = { .slot = 0, .incarnation = 1, .weight = 1, .addr_n = 1 };
	struct farm_pick p;

	(void)state;
	farm_set_runtime(f, 0, 1, &drain);
	farm_set_runtime(f, 0, 2, &heavy); /* another incarnation: not this one's */
	assert_int_equal(farm_fit(f, 0, &none_tried, 0), FARM_FIT_DRAINED);
	assert_int_equal(farm_fit(f, 2, &none_tried, 0), FARM_FIT_WEIGHTLESS);
	farm_set_runtime(f, 2, 1, &heavy);
	assert_int_equal(farm_fit(f, 2, &none_tried, 0), FARM_FIT_READY);

	/* a new view lists slot 0 only, elsewhere: its words and counts are still there */
	farm_enter(f, 0, 1, false);
	farms_begin(f);
	assert_true(farm_place(f, 5, &m));
	assert_int_equal(farm_fit(f, 5, &none_tried, 0), FARM_FIT_DRAINED);
	assert_int_equal(farm_pick(f, 5, 1, &none_tried, 0, &p), FARM_FIT_DRAINED);
	assert_false(farm_is_kept(f, 1, 1));
	farm_waited(f, 0, 1, 500);
	farm_waited(f, 0, 2, 700); /* of another incarnation */
	assert_int_equal(farm_stats(f, 0)->firsts, 1);
	assert_int_equal(farm_stats(f, 0)->first_ns, 500);
	farm_leave(f, 0, 1, 200, 10, 20);
	assert_int_equal(farm_stats(f, 0)->responses, 1);
	farm_blamed(f, 0, 1, 7, 99);
	assert_int_equal(farm_stats(f, 0)->failed_cause, 7);
	assert_int_equal(farm_stats(f, 0)->failed_at, 99);

	/* another incarnation begins from zero, and reports of the old one change nothing */
	m.incarnation = 2;
	farms_begin(f);
	assert_true(farm_place(f, 0, &m));
	assert_int_equal(farm_fit(f, 0, &none_tried, 0), FARM_FIT_READY);
	assert_int_equal(farm_stats(f, 0)->responses, 0);
	farm_leave(f, 0, 1, 200, 10, 20);
	farm_dialled(f, 0, 1, FARM_DIAL_REFUSED, 0);
	farm_blamed(f, 0, 1, 7, 99);
	assert_int_equal(farm_fit(f, 0, &none_tried, 0), FARM_FIT_READY);
	assert_int_equal(farm_stats(f, 0)->responses, 0);
	assert_int_equal(farm_stats(f, 0)->failed_at, 0);
	free(f);
}

/* What a new view leaves as it was needs no look at thousands of idle connections. */
static void
a_server_stays_until_something_of_it_changes(void **state)
{
	struct farms *f = farm_of((const uint32_t[]){ 1, 1 }, 2);
	struct farm_runtime rt = { .addr_n = 1, .addr = { addr(50) } };
	struct farm_member m = { .slot = 0, .incarnation = 1, .weight = 1, .addr_n = 1 };

	(void)state;
	assert_false(farm_stays(f, 0)); /* it is new */
	assert_true(farm_stays(f, 0));
	m.addr[0] = addr(60);
	farms_begin(f);
	assert_true(farm_place(f, 0, &m));
	assert_false(farm_stays(f, 0));
	m.weight = 7;
	farms_begin(f);
	assert_true(farm_place(f, 0, &m));
	assert_true(farm_stays(f, 0));
	assert_false(farm_stays(f, 1)); /* not placed any more: */
	assert_false(farm_stays(f, 1)); /* never said to stay */

	farm_set_runtime(f, 0, 1, &rt);
	assert_false(farm_stays(f, 0));
	farm_set_runtime(f, 0, 1, &rt);
	assert_true(farm_stays(f, 0));
	rt.admin = FARM_ADMIN_DRAIN;
	farm_set_runtime(f, 0, 1, &rt);
	assert_false(farm_stays(f, 0));

	m.incarnation = 2;
	farms_begin(f);
	assert_true(farm_place(f, 0, &m));
	assert_false(farm_stays(f, 0));
	assert_true(farm_stays(f, 0));
	free(f);
}

static void
names_without_addresses_wait(void **state)
{
	struct farms *f = farm_of((const uint32_t[]){ 1 }, 1);
	struct farm_member m = { .slot = 0, .incarnation = 1, .weight = 1 };
	struct farm_runtime rt = { .addr_n = 1, .addr = { addr(9) } };
	struct farm_pick p;

	(void)state;
	farms_begin(f);
	assert_true(farm_place(f, 0, &m));
	assert_int_equal(farm_pick(f, 0, 1, &none_tried, 0, &p), FARM_FIT_UNRESOLVED);
	farm_set_runtime(f, 0, 1, &rt);
	assert_int_equal(farm_pick(f, 0, 1, &none_tried, 0, &p), FARM_FIT_READY);
	assert_true(ip_eq(&p.addr, &rt.addr[0]));
	m.slot = SLOTS;
	assert_false(farm_place(f, 0, &m));
	free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_are_kept_and_spread),
		cmocka_unit_test(tried_servers_are_left_out),
		cmocka_unit_test(a_server_of_two_addresses_is_tried_on_each),
		cmocka_unit_test(rests_double_and_a_probe_ends_them),
		cmocka_unit_test(failures_of_dials_begun_together_count_once),
		cmocka_unit_test(when_all_rest_the_first_to_wake_is_tried),
		cmocka_unit_test(operators_words_are_obeyed_and_survive_views),
		cmocka_unit_test(a_server_stays_until_something_of_it_changes),
		cmocka_unit_test(names_without_addresses_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
