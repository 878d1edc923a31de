/*
 * test_budget.c - when buffers, exchanges or the budget run out.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET	     "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK(n)	     "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: " #n "\r\n\r\n"
#define CHUNKED_POST "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Buffers do not suffice for what slow readers could hold: the budget holds, the fast go on. */
static void
slow_readers_do_not_take_the_budget(void **state)
{
	enum {
		SLOW = 60,
		BYTES = 1000000,
		BUFS = 2048
	};
	struct setup u = setup_plain();
	struct stand *s;
	char *body = pattern(BYTES);
	struct peer *slow[SLOW], *c, *o;

	(void)state;
	u.bufs_max = BUFS;
	s = stand_open(&u);
	s->client_room = 16 << 10;
	for (uint32_t i = 0; i < SLOW; i++) {
		asked(s, GET, &slow[i], &o);
		slow[i]->is_stalled = true;
		say(s, o, OK(1000000));
		say_bytes(s, o, body, BYTES);
		settle(s);
	}
	run(s, 2 * S);
	assert_in_range(s->held_peak, 200, BUFS);
	s->client_room = 1 << 20;
	asked(s, GET, &c, &o);
	say(s, o, OK(1000000));
	forget(c);
	say_bytes(s, o, body, BYTES);
	run(s, 5 * S);
	assert_int_equal(c->got_n, BYTES);
	assert_memory_equal(c->got, body, BYTES);
	assert_in_range(s->held_peak, 200, BUFS);
	free(body);
	stand_close(s);
}

static void
when_the_budget_is_used_up_the_longest_stalled_goes(void **state)
{
	enum {
		SLOW = 150,
		BYTES = 400000,
		BUFS = 600
	};
	struct setup u = setup_plain();
	struct stand *s;
	char *body = pattern(BYTES);
	struct peer *slow[SLOW], *o;
	uint32_t cut_n = 0;

	(void)state;
	u.listener.send_ns = 0; /* only the budget cuts */
	u.bufs_max = BUFS;
	s = stand_open(&u);
	s->client_room = 16 << 10;
	for (uint32_t i = 0; i < SLOW; i++) {
		asked(s, GET, &slow[i], &o);
		slow[i]->is_stalled = true;
		say(s, o, OK(400000));
		say_bytes(s, o, body, BYTES);
		run(s, 50 * MS);
	}
	run(s, 1 * S);
	assert_in_range(s->held_peak, 100, BUFS);
	for (uint32_t i = 0; i < SLOW; i++)
		cut_n += slow[i]->is_gone;
	if (cut_n > 0) {
		expect_record(s, 200, JOURNAL_CAUSE_MEMORY);
		assert_int_equal(s->proxy_side.count.proxy_cut, cut_n);
		assert_true(slow[0]->is_gone || slow[1]->is_gone || slow[2]->is_gone);
	}
	/* those that are left get all of it */
	for (uint32_t i = 0; i < SLOW; i++) {
		if (slow[i]->is_gone)
			continue;
		read_on(s, slow[i]);
		run(s, 200 * MS);
		assert_int_equal(slow[i]->got_n, strlen(OK(400000)) + BYTES);
	}
	free(body);
	stand_close(s);
}

static void
small_responses_that_nobody_reads_stay_in_the_budget(void **state)
{
	enum {
		SLOW = 40,
		BYTES = 100000,
		BUFS = 1024
	};
	struct setup u = setup_plain();
	struct stand *s;
	char *body = pattern(BYTES);
	struct peer *c, *o = NULL;

	(void)state;
	u.bufs_max = BUFS;
	s = stand_open(&u);
	s->client_room = 8 << 10;
	for (uint32_t i = 0; i < SLOW; i++) {
		c = client(s);
		settle(s);
		say(s, c, GET);
		if (origin_waits(s))
			o = origin(s);
		say(s, o, OK(100000));
		say_bytes(s, o, body, BYTES);
		run(s, 100 * MS);
		assert_in_range(s->held_peak, 0, BUFS);
	}
	s->client_room = 1 << 20;
	c = client(s);
	settle(s);
	say(s, c, GET);
	run(s, 1 * S);
	say(s, origin_waits(s) ? origin(s) : o, OK(2) "ok");
	expect(s, c, OK(2) "ok");
	free(body);
	stand_close(s);
}

static void
a_dry_pool_only_delays(void **state)
{
	enum {
		BYTES = 300000
	};
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	char *body = pattern(BYTES);
	struct peer *c, *o;

	(void)state;
	asked(s, CHUNKED_POST, &c, &o);
	forget(o);
	say(s, c, "493e0\r\n");
	say_bytes(s, c, body, BYTES);
	for (uint32_t i = 0; i < 200; i++) {
		if (i % 2 == 0)
			buf_heap_set_capacity(s->proxy_side.pool,
					      buf_heap_out_n(s->proxy_side.pool) + i % 5);
		else
			buf_heap_set_capacity(s->proxy_side.pool, PROXY_BUFS);
		run(s, 3 * MS);
	}
	buf_heap_set_capacity(s->proxy_side.pool, PROXY_BUFS);
	say(s, c, "\r\n0\r\n\r\n");
	run(s, 3 * S);
	say(s, o, OK(2) "ok");
	expect(s, c, OK(2) "ok");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_int_equal(s->record.request_body_bytes, BYTES);
	free(body);
	stand_close(s);
}

static void
no_room_for_an_exchange_is_a_503(void **state)
{
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *a, *b, *o;

	(void)state;
	u.exchanges_max = 1;
	s = stand_open(&u);
	asked(s, GET, &a, &o);
	b = client(s);
	settle(s);
	say(s, b, GET);
	expect_has(s, b, "HTTP/1.1 503 ");
	assert_true(b->is_eof);
	say(s, o, OK(0));
	expect(s, a, OK(0));
	stand_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_readers_do_not_take_the_budget),
		cmocka_unit_test(when_the_budget_is_used_up_the_longest_stalled_goes),
		cmocka_unit_test(small_responses_that_nobody_reads_stay_in_the_budget),
		cmocka_unit_test(a_dry_pool_only_delays),
		cmocka_unit_test(no_room_for_an_exchange_is_a_503),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
