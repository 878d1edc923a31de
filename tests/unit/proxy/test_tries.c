/*
 * test_tries.c - servers that refuse, die, close or are taken away: who is asked again and
 * who is not, and what survives another view.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET   "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK(n) "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: " #n "\r\n\r\n"

static void
a_refused_dial_goes_to_the_next_server(void **state)
{
	struct setup u = setup_plain();
	struct farm_facts facts;
	struct stand *s;
	struct peer *c, *o;

	(void)state;
	u.server_n = 2;
	s = stand_open(&u);
	origin_listen(s, 0, false);
	for (uint32_t i = 0; i < 4; i++) {
		asked(s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", &c, &o);
		assert_int_equal(origin_i(o), 1);
		expect_has(s, o, "\r\n\r\nbody");
		say(s, o, OK(0));
		expect(s, c, OK(0));
		expect_record(s, 200, JOURNAL_CAUSE_NONE);
		assert_int_equal(s->record.server_slot, 1);
		hang_up(s, o);
	}
	/* it was asked once and then left in peace */
	farm_facts(proxy_farms(s->proxy), 0, &facts);
	assert_true(facts.rest_until_ns > s->now);
	assert_int_equal(farm_stats(proxy_farms(s->proxy), 0)->dials_refused, 1);
	/* no record names it, for another one answered: the board does */
	assert_int_equal(farm_stats(proxy_farms(s->proxy), 0)->failed_cause,
			 JOURNAL_CAUSE_CONNECT_REFUSED);
	assert_true(farm_stats(proxy_farms(s->proxy), 0)->failed_at > 0);
	assert_int_equal(farm_stats(proxy_farms(s->proxy), 1)->failed_at, 0);
	/* a probe finds it well again */
	origin_listen(s, 0, true);
	run(s, 1 * S);
	for (uint32_t i = 0; i < 2; i++) {
		asked(s, GET, &c, &o);
		say(s, o, OK(0));
		expect(s, c, OK(0));
		hang_up(s, o);
		expect_record(s, 200, JOURNAL_CAUSE_NONE);
	}
	farm_facts(proxy_farms(s->proxy), 0, &facts);
	assert_int_equal(facts.rest_until_ns, 0);
	stand_close(s);
}

static void
when_all_refuse_the_cause_is_told(void **state)
{
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c;

	(void)state;
	u.server_n = 3;
	s = stand_open(&u);
	for (uint32_t i = 0; i < 3; i++)
		origin_listen(s, i, false);
	c = client(s);
	settle(s);
	say(s, c, GET);
	expect_has(s, c, "HTTP/1.1 502 ");
	expect_record(s, 502, JOURNAL_CAUSE_CONNECT_REFUSED);
	assert_int_equal(s->record.tries, 3);
	assert_int_equal(s->record.server_incarnation, 1);
	assert_int_equal(s->record.upstream_port, 8080);
	/* servers come back: the next request is answered, not refused because all rest */
	for (uint32_t i = 0; i < 3; i++)
		origin_listen(s, i, true);
	forget(c);
	say(s, c, GET);
	say(s, origin(s), OK(2) "ok");
	expect(s, c, OK(2) "ok");
	stand_close(s);
}

static void
a_dial_without_answer_goes_on_or_times_out(void **state)
{
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c;

	(void)state;
	u.server_n = 2;
	s = stand_open(&u);
	s->is_cut[0] = s->is_cut[1] = true;
	c = client(s);
	settle(s);
	say(s, c, GET);
	run(s, 2 * S);
	expect(s, c, "");
	s->is_cut[0] = s->is_cut[1] = false;
	run(s, 2 * S); /* the first SYN's retransmission comes through, or the second server's */
	say(s, origin(s), OK(2) "ok");
	expect(s, c, OK(2) "ok");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);

	s->is_cut[0] = s->is_cut[1] = true;
	c = client(s);
	settle(s);
	run(s, 50 * S); /* kept connections end */
	c = client(s);
	settle(s);
	say(s, c, GET);
	run(s, 10 * S);
	expect_has(s, c, "HTTP/1.1 504 ");
	expect_record(s, 504, JOURNAL_CAUSE_CONNECT_TIMEOUT);
	assert_int_equal(s->record.tries, 2);
	stand_close(s);
}

/* Design, section 3: FIN or RST with nothing of the request taken is proof. */
static void
a_stale_kept_connection_is_tried_again(void **state)
{
	static const char post[] = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	say(s, o, OK(0));
	expect(s, c, OK(0));
	/* the server closes at the very moment the next request is under way */
	say_bytes(s, c, post, strlen(post));
	run(s, FLIGHT_DELAY);
	tcp_abort(s->peer_side.tcp, o->id);
	o->is_gone = true;
	settle(s);
	o = origin(s);
	expect_has(s, o, "POST /p HTTP/1.1\r\n");
	expect_has(s, o, "\r\n\r\nbody");
	say(s, o, OK(2) "ok");
	expect(s, c, OK(2) "ok");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_int_equal(s->record.tries, 2);
	assert_int_equal(s->proxy_side.count.proxy_retries, 1);
	stand_close(s);
}

static void
a_request_that_was_taken_is_not_tried_again(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	say(s, o, OK(0));
	expect(s, c, OK(0));
	forget(o);
	say(s, c, "POST /once HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
	expect_has(s, o, "/once");
	/* not acknowledged yet, but the reset says that it was taken */
	cut(s, o);
	expect_has(s, c, "HTTP/1.1 502 ");
	assert_false(origin_waits(s));
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	expect_record(s, 502, JOURNAL_CAUSE_UPSTREAM_RESET);
	stand_close(s);
}

/*
 * What was sent again may be answered by what is left of the connection of a server that took the
 * request: its own ACK and reset may be lost.
 */
static void
a_request_that_was_sent_again_is_not_tried_again(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	say(s, o, OK(0));
	expect(s, c, OK(0));
	s->is_cut[origin_i(o)] = true;
	say(s, c, "POST /once HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
	run(s, 2 * S);
	s->is_cut[origin_i(o)] = false;
	cut(s, o);
	expect_has(s, c, "HTTP/1.1 502 ");
	assert_false(origin_waits(s));
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	expect_record(s, 502, JOURNAL_CAUSE_UPSTREAM_RESET);
	stand_close(s);
}

static void
safe_requests_go_to_another_server(void **state)
{
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c, *o;
	uint32_t first;

	(void)state;
	u.server_n = 2;
	s = stand_open(&u);
	asked(s, GET, &c, &o);
	first = origin_i(o);
	run(s, 300 * MS); /* it has taken the request */
	cut(s, o);
	o = origin(s);
	assert_int_not_equal(origin_i(o), first);
	say(s, o, OK(2) "ok");
	expect(s, c, OK(2) "ok");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_int_equal(s->record.tries, 2);
	hang_up(s, o);

	/* not so what may not come twice, nor what has begun to be answered */
	asked(s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", &c, &o);
	run(s, 300 * MS);
	cut(s, o);
	expect_has(s, c, "HTTP/1.1 502 ");
	expect_record(s, 502, JOURNAL_CAUSE_UPSTREAM_RESET);
	asked(s, GET, &c, &o);
	say(s, o, "HTTP/1.1 2");
	cut(s, o);
	expect_has(s, c, "HTTP/1.1 502 ");
	expect_record(s, 502, JOURNAL_CAUSE_UPSTREAM_RESET);
	assert_false(origin_waits(s));
	stand_close(s);
}

/* A server dies with half of what is in progress: all of it goes to the other one. */
static void
a_server_that_dies_under_load_costs_no_safe_request(void **state)
{
	enum {
		N = 400
	};
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c[N], *o[N];
	uint32_t lost = 0;

	(void)state;
	u.server_n = 2;
	u.farm.idle_max = N;
	s = stand_open(&u);
	for (uint32_t i = 0; i < N; i++)
		asked(s, GET, &c[i], &o[i]);
	/* requests that went well earn tries for those to come */
	for (uint32_t round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < N; i++)
			say(s, o[i], OK(2) "ok");
		for (uint32_t i = 0; i < N; i++)
			expect(s, c[i], OK(2) "ok");
		for (uint32_t i = 0; i < N; i++) {
			say(s, c[i], GET);
			assert_false(origin_waits(s));
		}
		for (uint32_t i = 0; i < N; i++)
			forget(o[i]);
	}
	run(s, 300 * MS);
	for (uint32_t i = 0; i < N; i++) {
		if (origin_i(o[i]) != 0)
			continue;
		cut(s, o[i]);
		lost++;
	}
	assert_in_range(lost, N / 4, N);
	for (uint32_t i = 0; i < lost; i++)
		say(s, origin(s), OK(2) "ok");
	for (uint32_t i = 0; i < N; i++) {
		if (origin_i(o[i]) != 0)
			say(s, o[i], OK(2) "ok");
	}
	for (uint32_t i = 0; i < N; i++)
		expect(s, c[i], OK(2) "ok");
	assert_int_equal(s->proxy_side.count.proxy_retries, lost);
	stand_close(s);
}

static void
kept_connections_that_stir_are_dropped(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct proxy_gauges g;
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	say(s, o, OK(0));
	proxy_gauges(s->proxy, &g);
	assert_int_equal(g.upstream_idle, 1);
	hang_up(s, o);
	proxy_gauges(s->proxy, &g);
	assert_int_equal(g.upstream_idle + g.upstream_conns, 0);

	say(s, c, GET);
	o = origin(s);
	say(s, o, OK(0));
	say(s, o, "HTTP/1.1 408 Too late\r\n\r\n");
	proxy_gauges(s->proxy, &g);
	assert_int_equal(g.upstream_idle + g.upstream_conns, 0);

	/* bytes behind a response: the connection is out of step, and nobody gets them */
	say(s, c, GET);
	o = origin(s);
	forget(c);
	say(s, o, OK(2) "okHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
	expect(s, c, OK(2) "ok");
	say(s, c, GET);
	o = origin(s);
	say(s, o, OK(2) "no");
	expect(s, c, OK(2) "no");
	stand_close(s);
}

static void
connections_survive_views(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	u.listener.flags |= IMG_LISTENER_VIA;
	stand_view(s, &u);
	say(s, o, OK(2) "ok");
	expect_has(s, c, "\r\n\r\nok");
	forget(o);
	say(s, c, GET);
	expect_has(s, o, "Via: 1.1 edge\r\n");
	assert_false(origin_waits(s));
	expect_record(s, 200, JOURNAL_CAUSE_NONE);

	/* the listener goes: the exchange ends well, the connection then */
	forget(c);
	u.is_without_listener = true;
	stand_view(s, &u);
	say(s, o, OK(2) "ok");
	expect_has(s, c, "\r\n\r\nok");
	assert_true(c->is_eof);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	c = client(s);
	settle(s);
	assert_int_equal(c->end, TCP_END_REFUSED);
	stand_close(s);
}

static void
operators_drain_and_disable_servers(void **state)
{
	struct setup u = setup_plain();
	struct farm_runtime words = { .admin = FARM_ADMIN_DRAIN };
	struct stand *s;
	struct peer *c, *o, *idle;
	uint32_t slot;

	(void)state;
	u.server_n = 2;
	s = stand_open(&u);
	asked(s, GET, &c, &idle);
	say(s, idle, OK(0));
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	asked(s, GET, &c, &o);
	slot = origin_i(o);
	assert_int_not_equal(slot, origin_i(idle));

	/* drained: what it has ends well, nothing new comes to it */
	farm_set_runtime(proxy_farms(s->proxy), slot, 1, &words);
	proxy_prune_pool(s->proxy, s->now);
	say(s, o, OK(2) "ok");
	expect(s, c, OK(2) "ok");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_true(o->is_eof);
	for (uint32_t i = 0; i < 3; i++) {
		say(s, c, GET);
		assert_false(origin_waits(s));
		say(s, idle, OK(0));
		expect(s, c, OK(0));
		expect_record(s, 200, JOURNAL_CAUSE_NONE);
		assert_int_equal(s->record.server_slot, origin_i(idle));
	}
	/* disabled: cut off */
	say(s, c, GET);
	words.admin = FARM_ADMIN_DISABLED;
	farm_set_runtime(proxy_farms(s->proxy), origin_i(idle), 1, &words);
	proxy_prune_pool(s->proxy, s->now);
	expect_has(s, c, "HTTP/1.1 503 ");
	assert_true(idle->is_gone);
	expect_record(s, 503, JOURNAL_CAUSE_DRAINED);
	forget(c);
	say(s, c, GET);
	expect_has(s, c, "HTTP/1.1 503 ");
	expect_record(s, 503, JOURNAL_CAUSE_NO_SERVER);
	stand_close(s);
}

static void
a_draining_proxy_finishes_what_it_has(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *idle = client(s), *c, *o;

	(void)state;
	settle(s);
	asked(s, GET, &c, &o);
	proxy_drain(s->proxy, s->now);
	settle(s);
	assert_true(idle->is_eof);
	say(s, o, OK(2) "ok");
	expect_has(s, c, "Connection: close\r\n");
	assert_true(c->is_eof);
	stand_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_dial_goes_to_the_next_server),
		cmocka_unit_test(when_all_refuse_the_cause_is_told),
		cmocka_unit_test(a_dial_without_answer_goes_on_or_times_out),
		cmocka_unit_test(a_stale_kept_connection_is_tried_again),
		cmocka_unit_test(a_request_that_was_taken_is_not_tried_again),
		cmocka_unit_test(a_request_that_was_sent_again_is_not_tried_again),
		cmocka_unit_test(safe_requests_go_to_another_server),
		cmocka_unit_test(a_server_that_dies_under_load_costs_no_safe_request),
		cmocka_unit_test(kept_connections_that_stir_are_dropped),
		cmocka_unit_test(connections_survive_views),
		cmocka_unit_test(operators_drain_and_disable_servers),
		cmocka_unit_test(a_draining_proxy_finishes_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
