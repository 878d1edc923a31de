/*
 * test_exchange.c - requests and responses through the proxy: framing, pipelining, keep-alive,
 * interim responses, tunnels, early and broken ends, further tries.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET   "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK(n) "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: " #n "\r\n\r\n"

static void
a_request_and_its_response_pass(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s,
	      "GET /a?b HTTP/1.1\r\nHost: www.example\r\nConnection: x\r\nX: 1\r\n"
	      "Referer: http://r/\r\nUser-Agent: u\r\n\r\n",
	      &c, &o);
	expect(s, o,
	       "GET /a?b HTTP/1.1\r\nHost: www.example\r\n"
	       "Referer: http://r/\r\nUser-Agent: u\r\n\r\n");
	say(s, o, OK(5) "hello");
	expect(s, c, OK(5) "hello");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_int_equal(s->record.response_body_bytes, 5);
	assert_int_equal(s->record.upstream_status, 200);
	assert_memory_equal(s->text.target, "/a?b", 4);
	assert_memory_equal(s->text.host, "www.example", 11);
	assert_int_equal(s->record.agent_n, 1);
	assert_memory_equal(s->text.agent, "u", 1);
	assert_int_equal(s->record.referer_n, 9);
	assert_memory_equal(s->text.referer, "http://r/", 9);
	assert_int_equal(s->record.upstream_port, 8080);
	stand_close(s);
}

static void
connections_are_kept_on_both_sides(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	for (uint32_t i = 0; i < 10; i++) {
		expect_has(s, o, "GET / HTTP/1.1\r\n");
		forget(o);
		say(s, o, OK(2) "ok");
		expect(s, c, OK(2) "ok");
		expect_record(s, 200, JOURNAL_CAUSE_NONE);
		say(s, c, GET);
	}
	assert_false(origin_waits(s));
	assert_int_equal(s->proxy_side.count.proxy_dials, 1);
	assert_int_equal(s->proxy_side.count.proxy_reused, 10);
	stand_close(s);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;
	char want[16];

	(void)state;
	asked(s,
	      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
	      "POST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /4 HTTP/1.1\r\n",
	      &c, &o);
	for (uint32_t i = 1; i <= 3; i++) {
		snprintf(want, sizeof(want), " /%u ", i);
		expect_has(s, o, want);
		snprintf(want, sizeof(want), " /%u ", i + 1);
		expect_none(s, o, want);
		if (i == 3)
			expect_has(s, o, "\r\n\r\nabc");
		forget(o);
		say(s, o, OK(1) "x");
		expect(s, c, OK(1) "x");
	}
	say(s, c, "Host: h\r\n\r\n");
	expect_has(s, o, " /4 ");
	stand_close(s);
}

static void
a_head_in_single_bytes_is_gathered(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c = client(s), *o;
	static const char head[] =
		"GET /long HTTP/1.1\r\nHost: h\r\nA: 1111111111111111111111111\r\n\r\n";

	(void)state;
	settle(s);
	for (const char *at = head; *at != 0; at++) {
		say_bytes(s, c, at, 1);
		run(s, 1 * MS);
	}
	settle(s);
	o = origin(s);
	expect_has(s, o, "GET /long HTTP/1.1\r\nHost: h\r\nA: 1111111111111111111111111\r\n\r\n");
	/* and the response likewise */
	static const char reply[] = OK(3) "abc";
	for (const char *at = reply; *at != 0; at++) {
		say_bytes(s, o, at, 1);
		run(s, 1 * MS);
	}
	expect(s, c, reply);
	stand_close(s);
}

static void
a_large_head_passes_and_a_larger_one_is_refused(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c = client(s), *o;
	char *head = malloc(80000);
	size_t n;

	(void)state;
	settle(s);
	n = (size_t)sprintf(head, "GET / HTTP/1.1\r\nHost: h\r\nCookie: ");
	memset(head + n, 'c', 20000);
	strcpy(head + n + 20000, "\r\n\r\n");
	say(s, c, head);
	o = origin(s);
	expect_has(s, o, "Cookie: cccccccccc");
	assert_true(o->got_n > 20000);
	say(s, o, OK(0));
	expect(s, c, OK(0));
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	memset(head + n, 'c', 60000);
	strcpy(head + n + 60000, "\r\n\r\n");
	say(s, c, head);
	expect_has(s, c, "HTTP/1.1 431 ");
	expect_record(s, 431, JOURNAL_CAUSE_HEAD_TOO_LARGE);
	assert_true(c->is_eof);
	free(head);
	stand_close(s);
}

static void
chunked_passes_both_ways(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", &c, &o);
	expect_has(s, o, "Transfer-Encoding: chunked\r\n");
	expect_has(s, o, "\r\n\r\n2\r\nhe\r\n"); /* at once, though the chunk is not whole */
	forget(o);
	say(s, c, "llo\r\n3;ext=1\r\nabc\r\n");
	expect(s, o, "6\r\nlloabc\r\n");
	say(s, c, "0\r\nTrail: er\r\n\r\n");
	expect(s, o, "0\r\nTrail: er\r\n\r\n");
	say(s, o, "HTTP/1.1 200 OK\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	expect(s, c, "HTTP/1.1 200 OK\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	say(s, o, "1\r\na\r\n1\r\nb\r\n");
	expect(s, c, "2\r\nab\r\n");
	say(s, o, "0\r\n\r\n");
	expect(s, c, "0\r\n\r\n");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_int_equal(s->record.request_body_bytes, 8);
	assert_int_equal(s->record.response_body_bytes, 2);
	say(s, c, GET);
	expect_has(s, o, "GET / ");
	assert_false(origin_waits(s));
	stand_close(s);
}

/* Digits of a size that are read already are no payload yet, however large they look. */
static void
a_chunk_size_may_be_cut_anywhere(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1", &c, &o);
	say(s, c, "0");
	say(s, c, ";e=1\r");
	forget(o);
	say(s, c, "\n01234567");
	expect(s, o, "8\r\n01234567\r\n");
	say(s, c, "89abcdef\r\n0\r\n\r\n");
	expect(s, o, "8\r\n89abcdef\r\n0\r\n\r\n");
	stand_close(s);
}

static void
chunked_to_http_1_0_ends_at_close(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", &c, &o);
	expect_has(s, o, "GET / HTTP/1.1\r\n");
	say(s, o, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
	expect_has(s, c, "\r\n\r\nhello");
	expect_none(s, c, "chunked");
	assert_true(c->is_eof);
	stand_close(s);
}

static void
what_ends_at_close_ends_at_close(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	say(s, o, "HTTP/1.1 200 Fine by me\r\nDate: x\r\n\r\nline 1\n");
	expect_has(s, c, "HTTP/1.1 200 Fine by me\r\n");
	expect_has(s, c, "\r\n\r\nline 1\n");
	expect_none(s, c, "chunked");
	say(s, o, "line 2\n");
	expect_has(s, c, "line 2\n");
	assert_false(c->is_eof);
	hang_up(s, o);
	assert_true(c->is_eof);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	stand_close(s);
}

static void
http_1_0_keep_alive_is_kept(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", &c, &o);
	say(s, o, OK(2) "ok");
	expect_has(s, c, "Connection: keep-alive\r\n");
	assert_false(c->is_eof);
	say(s, c, "GET / HTTP/1.0\r\nHost: h\r\n\r\n");
	say(s, o, OK(2) "ok");
	settle(s);
	assert_true(c->is_eof);
	stand_close(s);
}

static void
responses_without_content_end_with_their_head(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", &c, &o);
	say(s, o, OK(1000));
	expect(s, c, OK(1000));
	say(s, c, GET);
	say(s, o, "HTTP/1.1 304 Not Modified\r\nDate: x\r\nContent-Length: 77\r\n\r\n");
	expect(s, c, "HTTP/1.1 304 Not Modified\r\nDate: x\r\nContent-Length: 77\r\n\r\n");
	say(s, c, GET);
	say(s, o, "HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n");
	expect(s, c, "HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n");
	say(s, c, GET);
	say(s, o, OK(1) "x");
	expect(s, c, OK(1) "x");
	assert_false(origin_waits(s));
	stand_close(s);
}

static void
continue_goes_end_to_end(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
	      &c, &o);
	expect_has(s, o, "Expect: 100-continue\r\n");
	forget(o);
	expect(s, c, "");
	say(s, o, "HTTP/1.1 100 Continue\r\n\r\n");
	expect(s, c, "HTTP/1.1 100 Continue\r\n\r\n");
	say(s, c, "body");
	expect(s, o, "body");
	say(s, o, "HTTP/1.1 102 Processing\r\n\r\n" OK(0));
	expect(s, c, "HTTP/1.1 102 Processing\r\n\r\n" OK(0));
	expect_record(s, 200, JOURNAL_CAUSE_NONE);

	/* an old client is spared what it does not know */
	say(s, c, "GET / HTTP/1.0\r\nHost: h\r\n\r\n");
	say(s, o, "HTTP/1.1 102 Processing\r\n\r\n" OK(1) "x");
	expect_none(s, c, "102");
	expect_has(s, c, "200 OK");
	stand_close(s);
}

static void
an_upgrade_becomes_a_tunnel(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct proxy_gauges g;
	struct peer *c, *o;

	(void)state;
	asked(s, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	      &c, &o);
	expect_has(s, o, "Upgrade: websocket\r\n");
	forget(o);
	say(s, o,
	    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	    "first");
	expect_has(s, c, "HTTP/1.1 101 Switching Protocols\r\n");
	expect_has(s, c, "\r\n\r\nfirst");
	forget(c);
	say(s, c, "\x81\x01x");
	expect(s, o, "\x81\x01x");
	proxy_gauges(s->proxy, &g);
	assert_int_equal(g.tunnels, 1);
	/* one direction ends, the other goes on */
	hang_up(s, c);
	assert_true(o->is_eof);
	say(s, o, "still");
	expect(s, c, "still");
	hang_up(s, o);
	assert_true(c->is_eof);
	expect_record(s, 101, JOURNAL_CAUSE_NONE);
	assert_true((s->record.flags & JOURNAL_TUNNEL) != 0);
	assert_int_equal(s->record.request_body_bytes, 3);
	stand_close(s);
}

static void
a_tunnel_nobody_uses_ends(void **state)
{
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c, *o;

	(void)state;
	u.listener.tunnel_ns = 7 * S;
	s = stand_open(&u);
	asked(s, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	      &c, &o);
	say(s, o,
	    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
	    "websocket\r\n\r\n");
	run(s, 6 * S);
	say(s, c, "x");
	run(s, 6 * S);
	assert_false(c->is_gone);
	run(s, 2 * S);
	assert_true(c->is_gone && o->is_gone);
	expect_record(s, 101, JOURNAL_CAUSE_RECEIVE_TIMEOUT);
	stand_close(s);
}

static void
an_upgrade_that_nobody_asked_for_is_malformed(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	say(s, o, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
	expect_has(s, c, "HTTP/1.1 502 ");
	expect_record(s, 502, JOURNAL_CAUSE_UPSTREAM_MALFORMED);
	stand_close(s);
}

static void
an_early_response_lets_the_request_end(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nhalf", &c, &o);
	expect_has(s, o, "\r\n\r\nhalf");
	forget(o);
	say(s, o, OK(5) "early");
	expect(s, c, OK(5) "early");
	assert_false(c->is_eof);
	expect_no_record(s);
	say(s, c, "rest");
	expect(s, o, "rest");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	say(s, c, GET);
	expect_has(s, o, "GET / ");
	assert_false(origin_waits(s));
	stand_close(s);
}

static void
an_early_last_response_is_not_lost(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\nsome", &c, &o);
	say(s, o,
	    "HTTP/1.1 413 Too much\r\nDate: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
	hang_up(s, o);
	expect(s, c,
	       "HTTP/1.1 413 Too much\r\nDate: x\r\nContent-Length: 2\r\n"
	       "Connection: close\r\n\r\nno");
	assert_true(c->is_eof);
	/* the client goes on for a while: no reset takes the response out of its hands */
	for (uint32_t i = 0; i < 100; i++)
		say(s, c, "more of it, more of it, more of it, more of it");
	assert_false(c->is_gone);
	hang_up(s, c);
	settle(s);
	expect_record(s, 413, JOURNAL_CAUSE_NONE);
	stand_close(s);
}

static void
a_truncated_response_is_seen_as_such(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	say(s, o, OK(100) "only this");
	hang_up(s, o);
	expect_has(s, c, "only this");
	assert_true(c->is_eof);
	expect_record(s, 200, JOURNAL_CAUSE_UPSTREAM_TRUNCATED);

	asked(s, GET, &c, &o);
	say(s, o, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
	hang_up(s, o);
	expect_has(s, c, "hello");
	expect_none(s, c, "\r\n0\r\n");
	assert_true(c->is_eof);
	expect_record(s, 200, JOURNAL_CAUSE_UPSTREAM_TRUNCATED);

	/* only a reset tells of the loss where close is the end */
	asked(s, GET, &c, &o);
	say(s, o, "HTTP/1.1 200 OK\r\n\r\nhello");
	cut(s, o);
	settle(s);
	assert_true(c->is_gone);
	assert_int_equal(c->end, TCP_END_RESET);
	expect_record(s, 200, JOURNAL_CAUSE_UPSTREAM_RESET);
	stand_close(s);
}

static void
no_response_is_a_502_with_its_cause(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	hang_up(s, o);
	expect_has(s, c, "HTTP/1.1 502 ");
	expect_record(s, 502, JOURNAL_CAUSE_UPSTREAM_CLOSED);
	assert_false(c->is_eof); /* our own reply keeps the client's connection */

	asked(s, GET, &c, &o);
	cut(s, o);
	expect_has(s, c, "HTTP/1.1 502 ");
	expect_record(s, 502, JOURNAL_CAUSE_UPSTREAM_RESET);
	assert_int_equal(farm_stats(proxy_farms(s->proxy), 0)->failed_cause,
			 JOURNAL_CAUSE_UPSTREAM_RESET);

	asked(s, GET, &c, &o);
	say(s, o, "HTTP/1.1 200 OK\r\nConte");
	hang_up(s, o);
	expect_has(s, c, "HTTP/1.1 502 ");
	expect_record(s, 502, JOURNAL_CAUSE_UPSTREAM_TRUNCATED);

	asked(s, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", &c, &o);
	say(s, o, "SMTP ready\r\n\r\n");
	expect_has(s, c, "HTTP/1.1 502 ");
	assert_ptr_equal(strstr(c->got, "\r\n\r\n") + 4, c->got + c->got_n); /* HEAD: no page */
	expect_record(s, 502, JOURNAL_CAUSE_UPSTREAM_MALFORMED);
	assert_int_not_equal(s->record.detail, 0);

	asked(s, GET, &c, &o);
	say(s, o, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
	settle(s);
	assert_true(c->is_eof);
	expect_record(s, 200, JOURNAL_CAUSE_UPSTREAM_MALFORMED);
	stand_close(s);
}

static void
malformed_requests_are_refused_and_closed(void **state)
{
	static const struct {
		const char *request;
		uint16_t status;
		enum journal_cause cause;
	} row[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 400, JOURNAL_CAUSE_REFUSED_REQUEST },
		{ "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n",
		  400, JOURNAL_CAUSE_REFUSED_REQUEST },
		{ "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, JOURNAL_CAUSE_HTTP_VERSION },
		{ "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501,
		  JOURNAL_CAUSE_NOT_IMPLEMENTED },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n", 413,
		  JOURNAL_CAUSE_BODY_TOO_LARGE },
		{ "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 405,
		  JOURNAL_CAUSE_NOT_IMPLEMENTED },
	};
	struct setup u = setup_plain();
	struct stand *s;

	(void)state;
	u.listener.body_max_bytes = 1000;
	s = stand_open(&u);
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct peer *c = client(s);
		char want[32];

		settle(s);
		say(s, c, row[i].request);
		snprintf(want, sizeof(want), "HTTP/1.1 %u ", row[i].status);
		expect_has(s, c, want);
		assert_int_equal(c->is_eof, row[i].status != 405);
		expect_record(s, row[i].status, row[i].cause);
		assert_false(origin_waits(s));
	}
	/* a chunked body has no length to refuse: it is cut when it passes the limit */
	struct peer *c, *o;
	char big[1200];

	asked(s, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", &c, &o);
	memset(big, 'x', sizeof(big));
	say(s, c, "800\r\n");
	say_bytes(s, c, big, sizeof(big));
	expect_has(s, c, "HTTP/1.1 413 ");
	expect_record(s, 413, JOURNAL_CAUSE_BODY_TOO_LARGE);
	assert_true(o->is_gone);
	stand_close(s);
}

static void
a_client_that_goes_takes_its_exchange_along(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	cut(s, c);
	settle(s);
	assert_true(o->is_gone);
	expect_record(s, 0, JOURNAL_CAUSE_CLIENT_RESET);
	assert_int_equal(farm_stats(proxy_farms(s->proxy), 0)->failed_at, 0); /* not its fault */

	asked(s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc", &c, &o);
	hang_up(s, c);
	settle(s);
	assert_true(o->is_gone);
	expect_record(s, 0, JOURNAL_CAUSE_CLIENT_TRUNCATED);

	/* half-closed with the request whole: the response still comes */
	asked(s, GET, &c, &o);
	hang_up(s, c);
	say(s, o, OK(2) "ok");
	expect(s, c, OK(2) "ok");
	assert_true(c->is_eof);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	stand_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_and_its_response_pass),
		cmocka_unit_test(connections_are_kept_on_both_sides),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(a_head_in_single_bytes_is_gathered),
		cmocka_unit_test(a_large_head_passes_and_a_larger_one_is_refused),
		cmocka_unit_test(chunked_passes_both_ways),
		cmocka_unit_test(a_chunk_size_may_be_cut_anywhere),
		cmocka_unit_test(chunked_to_http_1_0_ends_at_close),
		cmocka_unit_test(what_ends_at_close_ends_at_close),
		cmocka_unit_test(http_1_0_keep_alive_is_kept),
		cmocka_unit_test(responses_without_content_end_with_their_head),
		cmocka_unit_test(continue_goes_end_to_end),
		cmocka_unit_test(an_upgrade_becomes_a_tunnel),
		cmocka_unit_test(a_tunnel_nobody_uses_ends),
		cmocka_unit_test(an_upgrade_that_nobody_asked_for_is_malformed),
		cmocka_unit_test(an_early_response_lets_the_request_end),
		cmocka_unit_test(an_early_last_response_is_not_lost),
		cmocka_unit_test(a_truncated_response_is_seen_as_such),
		cmocka_unit_test(no_response_is_a_502_with_its_cause),
		cmocka_unit_test(malformed_requests_are_refused_and_closed),
		cmocka_unit_test(a_client_that_goes_takes_its_exchange_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
