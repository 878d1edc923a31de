/*
 * test_gen_load.c - the load generator's open loop: who takes a request, and from when its
 * latency counts. Clients and link are replaced by a list of who was asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/gen.h"

enum {
	CONNS = 4,
	ASKED_MAX = 64,
	MS = 1000000
};

static struct gen *g;
static uint32_t asked[ASKED_MAX], asked_n;

/* client.c's, link.c's and flow.c's, for load.c. */
void
client_ask(struct gen *of, struct flow *f)
{
	assert_true(asked_n < ASKED_MAX);
	asked[asked_n++] = (uint32_t)(f - of->client);
	f->state = FLOW_AWAITS;
}

void
client_open(struct gen *of, struct flow *f)
{
	client_ask(of, f);
}

void
link_send(struct link *l, struct flow *f, uint32_t seq, uint8_t flags, uint32_t from, uint32_t n)
{
	(void)l, (void)f, (void)seq, (void)flags, (void)from, (void)n;
	fail();
}

void
link_steer(const struct link *l, struct flow *f)
{
	(void)l, (void)f;
	fail();
}

void
flow_push(struct link *l, struct flow *f, uint32_t segments)
{
	(void)l, (void)f, (void)segments;
	fail();
}

static void
answer(uint32_t i)
{
	g->client[i].state = FLOW_READY;
	load_free(g, &g->client[i]);
}

/* 1,000 requests a second; all connections stand. */
static int
begin(void **state)
{
	(void)state;
	g = calloc(1, sizeof(*g));
	assert_non_null(g);
	g->conf = (struct gen_conf){ .conns = CONNS, .rate = 1000, .is_client = true };
	g->client = calloc(CONNS, sizeof(*g->client));
	g->idle = calloc(CONNS, sizeof(*g->idle));
	g->kinds_n = 1;
	g->random = 1;
	g->opened_n = CONNS;
	g->now = MS;
	asked_n = 0;
	for (uint32_t i = 0; i < CONNS; i++)
		answer(i);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	free(g->client);
	free(g->idle);
	free(g);
	return 0;
}

static void
the_longest_free_is_asked_next(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3 * CONNS; i++) {
		load_turn(g);
		assert_int_equal(asked_n, i + 1);
		assert_int_equal(asked[i], i % CONNS);
		answer(asked[i]);
		load_turn(g);
		assert_int_equal(asked_n, i + 1); /* the next is not due yet */
		g->now += MS;
	}
}

static void
one_that_is_lost_is_passed_over(void **state)
{
	(void)state;
	load_lost(g, &g->client[0]);
	load_lost(g, &g->client[2]);
	g->now += 10 * MS;
	g->due_n = 1;
	g->start_ns = MS;
	load_turn(g);
	assert_int_equal(asked_n, 2);
	assert_int_equal(asked[0], 1);
	assert_int_equal(asked[1], 3);
	answer(2); /* it has come again */
	load_turn(g);
	assert_int_equal(asked[2], 2);
}

static void
a_request_without_a_connection_is_late_from_when_it_was_due(void **state)
{
	(void)state;
	load_turn(g);
	g->now += 9 * MS; /* nine more are due, three connections are free */
	load_turn(g);
	assert_int_equal(asked_n, CONNS);
	answer(0);
	g->now += MS / 2;
	load_turn(g);
	assert_int_equal(asked_n, CONNS + 1);
	assert_int_equal(asked[CONNS], 0);
	assert_int_equal(g->client[0].due_ns, MS + CONNS * MS);
}

static void
what_the_end_leaves_counts_with_its_age(void **state)
{
	(void)state;
	load_turn(g);
	answer(0);
	g->now += 9 * MS;
	load_turn(g); /* requests 1 to 4 are under way, 5 to 9 are due */
	load_end(g);
	assert_int_equal(g->unanswered, 9);
	assert_int_equal(g->latency.n, 9);
	assert_int_equal(g->latency.max, 8 * MS);
	assert_int_equal(g->latency.sum, 36 * MS); /* 0 to 8 ms */
}

static void
of_idle_ones_all_are_chosen(void **state)
{
	uint32_t times[CONNS] = { 0 };

	(void)state;
	g->conf.profile = GEN_PROFILE_idle;
	for (uint32_t i = 0; i < 60; i++) {
		load_turn(g);
		assert_int_equal(asked_n, i + 1);
		times[asked[i]]++;
		answer(asked[i]);
		g->now += MS;
	}
	for (uint32_t i = 0; i < CONNS; i++)
		assert_true(times[i] > 3);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test_setup_teardown(the_longest_free_is_asked_next, begin, end),
		cmocka_unit_test_setup_teardown(one_that_is_lost_is_passed_over, begin, end),
		cmocka_unit_test_setup_teardown(
			a_request_without_a_connection_is_late_from_when_it_was_due, begin, end),
		cmocka_unit_test_setup_teardown(what_the_end_leaves_counts_with_its_age, begin,
						end),
		cmocka_unit_test_setup_teardown(of_idle_ones_all_are_chosen, begin, end),
	};

	return cmocka_run_group_tests_name("bench/gen load", test, NULL, NULL);
}
