/*
 * test_flow.c - bodies under way: time-outs, back-pressure, the budget, stages, buffers running
 * out, bulk both ways.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET	     "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK(n)	     "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: " #n "\r\n\r\n"
#define POST(n)	     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " #n "\r\n\r\n"
#define CHUNKED_POST "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_OK   "HTTP/1.1 200 OK\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n"

/* ---- time-outs ---- */

static void
a_head_that_does_not_end_is_a_408(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *mute = client(s), *c = client(s);

	(void)state;
	settle(s);
	say(s, c, "GET / HTTP/1.1\r\nHo");
	run(s, 4800 * MS);
	expect(s, c, "");
	assert_false(mute->is_eof);
	run(s, 300 * MS);
	expect_has(s, c, "HTTP/1.1 408 ");
	assert_true(c->is_eof);
	expect_record(s, 408, JOURNAL_CAUSE_CLIENT_HEAD_TIMEOUT);
	/* who said nothing gets no answer */
	assert_true(mute->is_eof);
	expect(s, mute, "");
	stand_close(s);
}

static void
a_gap_in_a_request_body_is_a_408(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, POST(100) "x", &c, &o);
	for (uint32_t i = 0; i < 10; i++) { /* slow is not late */
		run(s, 8 * S);
		say(s, c, "y");
	}
	assert_false(c->is_eof);
	run(s, 9 * S);
	expect(s, c, "");
	run(s, 1 * S);
	expect_has(s, c, "HTTP/1.1 408 ");
	assert_true(o->is_gone);
	expect_record(s, 408, JOURNAL_CAUSE_CLIENT_BODY_TIMEOUT);
	assert_int_equal(s->record.limit_ns, 10 * S);
	stand_close(s);
}

static void
a_server_that_says_nothing_is_a_504(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	run(s, 29 * S);
	expect(s, c, "");
	run(s, 1 * S);
	expect_has(s, c, "HTTP/1.1 504 ");
	assert_true(o->is_gone);
	assert_false(origin_waits(s)); /* a time-out is no proof: no further try */
	expect_record(s, 504, JOURNAL_CAUSE_RECEIVE_TIMEOUT);
	forget(c);

	/* in the middle of a response */
	say(s, c, GET);
	o = origin(s);
	say(s, o, OK(10) "12345");
	run(s, 31 * S);
	assert_true(c->is_eof); /* fewer bytes than announced */
	expect_record(s, 200, JOURNAL_CAUSE_RECEIVE_TIMEOUT);

	/* the time counts from the request's end */
	asked(s, POST(3) "a", &c, &o);
	for (uint32_t i = 0; i < 2; i++) {
		run(s, 9 * S);
		say(s, c, "b");
	}
	run(s, 29 * S);
	assert_false(c->is_gone);
	say(s, o, OK(0));
	expect(s, c, OK(0));
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	stand_close(s);
}

static void
short_time_outs_are_kept_too(void **state)
{
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c, *o;

	(void)state;
	u.farm.receive_ns = 1 * S;
	s = stand_open(&u);
	for (uint32_t i = 0; i < 3; i++) {
		asked(s, GET, &c, &o);
		run(s, 900 * MS);
		expect(s, c, "");
		run(s, 100 * MS);
		expect_has(s, c, "HTTP/1.1 504 ");
		expect_record(s, 504, JOURNAL_CAUSE_RECEIVE_TIMEOUT);
		run(s, 10 * S);
	}
	stand_close(s);
}

static void
a_server_that_takes_nothing_is_a_504(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	char *body = pattern(4000000);
	struct peer *c, *o;

	(void)state;
	asked(s, POST(4000000), &c, &o);
	o->is_stalled = true;
	say_bytes(s, c, body, 4000000);
	run(s, 14 * S);
	expect(s, c, "");
	run(s, 10 * S);
	expect_has(s, c, "HTTP/1.1 504 ");
	expect_record(s, 504, JOURNAL_CAUSE_SEND_TIMEOUT);
	free(body);
	stand_close(s);
}

static void
a_client_that_takes_nothing_is_cut(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	char *body = pattern(4000000);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	c->is_stalled = true;
	say(s, o, OK(4000000));
	say_bytes(s, o, body, 4000000);
	run(s, 19 * S);
	assert_false(c->is_gone);
	run(s, 8 * S);
	assert_true(c->is_gone && o->is_gone);
	expect_record(s, 200, JOURNAL_CAUSE_CLIENT_SEND_TIMEOUT);
	free(body);
	stand_close(s);
}

/* The whole response fits into the send queue: the exchange is over, its buffers are not free. */
static void
a_client_that_never_takes_the_end_is_cut(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	char *body = pattern(200000);
	struct tcp_load load;
	struct peer *c, *o;

	(void)state;
	s->client_room = 16 << 10;
	asked(s, GET, &c, &o);
	say(s, o, OK(200000));
	say_bytes(s, o, body, 200000);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	run(s, 60 * S);
	assert_false(c->is_gone);
	run(s, 35 * S);
	assert_true(c->is_gone);
	assert_int_equal(s->proxy_side.count.proxy_linger_cut, 1);
	tcp_load(s->proxy_side.tcp, &load);
	assert_int_equal(load.bufs_held, 0);
	free(body);
	stand_close(s);
}

static void
idle_connections_end_in_silence(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct proxy_gauges g;
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	say(s, o, OK(0));
	expect(s, c, OK(0));
	run(s, 44 * S);
	assert_false(o->is_eof);
	run(s, 1 * S);
	assert_true(o->is_eof);
	assert_false(c->is_eof);
	run(s, 15 * S);
	assert_true(c->is_eof);
	expect(s, c, "");
	hang_up(s, c);
	hang_up(s, o);
	settle(s);
	proxy_gauges(s->proxy, &g);
	assert_int_equal(g.client_conns + g.upstream_conns, 0);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	expect_no_record(s);
	stand_close(s);
}

/* ---- back-pressure ---- */

static void
a_stalled_client_stalls_its_server(void **state)
{
	enum {
		BYTES = 8000000
	};
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	char *body = pattern(BYTES);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	c->is_stalled = true;
	say(s, o, OK(8000000));
	forget(c);
	say_bytes(s, o, body, BYTES);
	run(s, 5 * S);
	/* one send queue of 256 KiB, and what was offered before: some hundred segments */
	assert_in_range(s->held_peak, 100, 600);
	assert_true(tcp_unacked(s->peer_side.tcp, o->id) > BYTES - 3000000);
	read_on(s, c);
	run(s, 5 * S);
	assert_int_equal(c->got_n, BYTES + strlen(OK(8000000)));
	assert_memory_equal(c->got + strlen(OK(8000000)), body, BYTES);
	assert_in_range(s->held_peak, 100, 1200);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	free(body);
	stand_close(s);
}

static void
a_stalled_server_stalls_its_client(void **state)
{
	enum {
		BYTES = 8000000
	};
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	char *body = pattern(BYTES);
	struct peer *c, *o;

	(void)state;
	asked(s, POST(8000000), &c, &o);
	forget(o);
	o->is_stalled = true;
	say_bytes(s, c, body, BYTES);
	run(s, 5 * S);
	assert_in_range(s->held_peak, 100, 600);
	read_on(s, o);
	run(s, 5 * S);
	assert_int_equal(o->got_n, BYTES);
	assert_memory_equal(o->got, body, BYTES);
	say(s, o, OK(0));
	expect(s, c, OK(0));
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	free(body);
	stand_close(s);
}

static void
both_ways_at_once_and_whole(void **state)
{
	enum {
		BYTES = 3000000,
		PIECE = 17000
	};
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	char *body = pattern(BYTES), head[32];
	struct peer *c, *o;
	size_t n;

	(void)state;
	asked(s, CHUNKED_POST, &c, &o);
	forget(o);
	say(s, o, CHUNKED_OK);
	expect(s, c, CHUNKED_OK);
	for (size_t at = 0; at < BYTES; at += PIECE) {
		size_t piece = at + PIECE < BYTES ? PIECE : BYTES - at;

		n = (size_t)snprintf(head, sizeof(head), "%zx\r\n", piece);
		for (uint32_t i = 0; i < 2; i++) {
			struct peer *p = i == 0 ? c : o;

			say_bytes(s, p, head, n);
			say_bytes(s, p, body + at, piece);
			say_bytes(s, p, "\r\n", 2);
		}
	}
	run(s, 2 * S);
	say(s, o, "0\r\n\r\n");
	say(s, c, "0\r\n\r\n");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_int_equal(s->record.request_body_bytes, BYTES);
	assert_int_equal(s->record.response_body_bytes, BYTES);
	for (uint32_t i = 0; i < 2; i++) {
		struct peer *p = i == 0 ? c : o;
		static const struct http_limits limits = HTTP_LIMITS_DEFAULT;
		struct http_chunk chunk;
		size_t at = 0, seen = 0;

		http_chunk_init(&chunk);
		while (at < p->got_n) {
			uint32_t used;
			struct slice data;
			enum http_chunk_verdict v = http_deframe(
				&chunk, &limits, slice_of(p->got + at, (uint32_t)(p->got_n - at)),
				&used, &data);

			assert_int_not_equal(v, HTTP_CHUNK_REFUSED);
			if (v == HTTP_CHUNK_DATA) {
				assert_memory_equal(data.p, body + seen, data.n);
				seen += data.n;
			}
			at += used;
		}
		assert_int_equal(seen, BYTES);
	}
	free(body);
	stand_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_that_does_not_end_is_a_408),
		cmocka_unit_test(a_gap_in_a_request_body_is_a_408),
		cmocka_unit_test(a_server_that_says_nothing_is_a_504),
		cmocka_unit_test(short_time_outs_are_kept_too),
		cmocka_unit_test(a_server_that_takes_nothing_is_a_504),
		cmocka_unit_test(a_client_that_takes_nothing_is_cut),
		cmocka_unit_test(a_client_that_never_takes_the_end_is_cut),
		cmocka_unit_test(idle_connections_end_in_silence),
		cmocka_unit_test(a_stalled_client_stalls_its_server),
		cmocka_unit_test(a_stalled_server_stalls_its_client),
		cmocka_unit_test(both_ways_at_once_and_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
