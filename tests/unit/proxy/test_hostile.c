/*
 * test_hostile.c - peers that mean harm, and moments that are rare: what must hold is that no byte
 * of one request becomes part of another, that nothing is delivered twice without proof, and that
 * neither a dry pool, a new view nor a flood ends the process or keeps its memory.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET   "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK(n) "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: " #n "\r\n\r\n"

/* A kept connection on both sides. */
static void
kept(struct stand *s, struct peer **ret_client, struct peer **ret_origin)
{
	asked(s, GET, ret_client, ret_origin);
	say(s, *ret_origin, OK(0));
	expect(s, *ret_client, OK(0));
	forget(*ret_origin);
}

static uint32_t
count_of(const struct peer *p, const char *text)
{
	uint32_t n = 0;

	for (const char *at = p->got; at != NULL && (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

/* The server closes a kept connection while this request is on its way to it. */
static void
ask_a_stale_one(struct stand *s, struct peer *c, struct peer *o, const char *request)
{
	say_bytes(s, c, request, strlen(request));
	run(s, FLIGHT_DELAY);
	tcp_abort(s->peer_side.tcp, o->id);
	o->is_gone = true;
	settle(s);
}

static void
what_follows_a_replayed_body_comes_once(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	kept(s, &c, &o);
	ask_a_stale_one(s, c, o,
			"POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"
			"POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nend");
	o = origin(s);
	expect_has(s, o, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
	say(s, o, OK(1) "1");
	expect_has(s, c, OK(1) "1");
	expect_has(s, o, "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nend");
	say(s, o, OK(1) "2");
	run(s, 1 * S);
	assert_int_equal(count_of(o, "POST /2"), 1);
	stand_close(s);
}

static void
what_follows_a_replayed_chunked_body_comes_once(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	kept(s, &c, &o);
	ask_a_stale_one(s, c, o,
			"POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			"4\r\nbody\r\n0\r\n\r\n"
			"POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nend");
	o = origin(s);
	expect_has(s, o, "\r\n\r\n4\r\nbody\r\n0\r\n\r\n");
	say(s, o, OK(1) "1");
	expect_has(s, o, "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nend");
	say(s, o, OK(1) "2");
	run(s, 1 * S);
	assert_int_equal(count_of(o, "POST /2"), 1);
	stand_close(s);
}

/* A timeout is never proof that a request was not taken. */
static void
a_timeout_is_no_proof(void **state)
{
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c, *o;

	(void)state;
	u.server_n = 1;
	u.farm.send_ns = u.farm.receive_ns = 0;
	u.listener.send_ns = 0;
	s = stand_open(&u);
	kept(s, &c, &o);
	run(s, 1 * S); /* all is acknowledged */
	s->is_cut[0] = true;
	say(s, c, "POST /once HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
	run(s, 310 * S); /* TCP gives up */
	s->is_cut[0] = false;
	run(s, 20 * S);
	assert_false(origin_waits(s));
	assert_int_equal(s->proxy_side.count.proxy_retries, 0);
	expect_has(s, c, "HTTP/1.1 504 ");
	stand_close(s);
}

/* It has the request and has not said so yet (delayed ACK): its end says it. */
static void
an_end_that_acknowledges_is_no_proof(void **state)
{
	static const char post[] =
		"POST /once HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		kept(s, &c, &o);
		run(s, 1 * S); /* all is acknowledged */
		say_bytes(s, c, post, strlen(post));
		for (uint32_t k = 0; k < 200 && o->got_n == 0; k++)
			run(s, 1000);
		assert_non_null(strstr(o->got, "body"));
		if (i == 0)
			cut(s, o);
		else
			hang_up(s, o);
		expect_has(s, c, "HTTP/1.1 502 ");
		assert_false(origin_waits(s));
		assert_int_equal(s->proxy_side.count.proxy_retries, 0);
	}
	stand_close(s);
}

/* The head's buffers cannot be cut from what follows: 503, and a record without its strings. */
static void
a_head_that_cannot_be_kept_is_a_503(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c;

	(void)state;
	for (uint32_t fail = 1; fail < 6; fail++) {
		c = client(s);
		settle(s);
		say_bytes(s, c, "POST /dry HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
			  54);
		run(s, FLIGHT_DELAY - 1);
		buf_heap_fail_take(s->proxy_side.pool, fail);
		run(s, 5 * S);
		buf_heap_fail_take(s->proxy_side.pool, 0);
		cut(s, c);
	}
	stand_close(s);
}

static void
a_long_head_that_cannot_be_kept_is_a_503(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct proxy_gauges g;
	char head[4096];
	struct peer *c;
	int n;

	(void)state;
	n = snprintf(head, sizeof(head), "POST /dry HTTP/1.1\r\nHost: h\r\nA: %02000u\r\n", 1);
	snprintf(head + n, sizeof(head) - (size_t)n, "Content-Length: 4\r\n\r\nbody");
	for (uint32_t fail = 1; fail < 9; fail++) {
		c = client(s);
		settle(s);
		say_bytes(s, c, head, (size_t)n);
		settle(s);
		say_bytes(s, c, head + n, strlen(head + n));
		run(s, FLIGHT_DELAY - 1);
		buf_heap_fail_take(s->proxy_side.pool, fail);
		run(s, 5 * S);
		buf_heap_fail_take(s->proxy_side.pool, 0);
		proxy_gauges(s->proxy, &g);
		assert_in_range(g.bufs_held, 0, 64);
		cut(s, c);
	}
	stand_close(s);
}

/* The listener's place in the new tables is another's, or nobody's. */
static void
a_half_head_outlives_its_listener(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c = client(s);

	(void)state;
	settle(s);
	say(s, c, "GET / HT");
	u.is_without_listener = true;
	stand_view(s, &u);
	run(s, 20 * S);
	assert_true(c->is_eof || c->is_gone);
	stand_close(s);
}

static void
many_interim_responses_do_not_shut_the_window(void **state)
{
	static const char interim[] = "HTTP/1.1 102 Processing\r\n\r\n";
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s, GET, &c, &o);
	for (uint32_t i = 0; i < 4000; i++) {
		say_bytes(s, o, interim, strlen(interim));
		run(s, 1 * MS);
	}
	say(s, o, OK(2) "ok");
	run(s, 2 * S);
	expect_has(s, c, OK(2) "ok");
	assert_int_equal(count_of(c, interim), 4000);
	stand_close(s);
}

static void
interim_responses_that_nobody_reads_are_bounded(void **state)
{
	static const char interim[] = "HTTP/1.1 103 Early Hints\r\nLink: </a-style-sheet>\r\n\r\n";
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c, *o;
	char *flood = malloc(100 * strlen(interim) + 1);
	struct tcp_load load;

	(void)state;
	*flood = 0;
	for (uint32_t i = 0; i < 100; i++)
		strcat(flood, interim);
	s = stand_open(&u);
	s->client_room = 8 << 10;
	asked(s, GET, &c, &o);
	for (uint32_t i = 0; i < 2000 && !o->is_gone; i++) {
		say_bytes(s, o, flood, strlen(flood));
		run(s, 1 * MS);
	}
	tcp_load(s->proxy_side.tcp, &load);
	assert_in_range(load.bufs_held, 0, 2048);
	free(flood);
	stand_close(s);
}

static void
trailers_of_an_upgraded_request_are_given_back(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	asked(s,
	      "POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n"
	      "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: 1\r\n\r\n",
	      &c, &o);
	say(s, o, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi");
	expect_has(s, c, "\r\n\r\nhi");
	cut(s, c);
	stand_close(s);
}

/* "\r\n" behind a request and then FIN: the response on its way must arrive. */
static void
an_empty_line_and_fin_cost_no_response(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;

	(void)state;
	c = client(s);
	settle(s);
	say_bytes(s, c, GET "\r\n", strlen(GET) + 2);
	hang_up(s, c);
	o = origin(s);
	say(s, o, OK(5) "hello");
	expect(s, c, OK(5) "hello");
	assert_true(c->is_eof);
	stand_close(s);
}

static void
max_forwards_of_zero_goes_no_further(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c = client(s);

	(void)state;
	settle(s);
	say(s, c, "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n");
	expect_has(s, c, "HTTP/1.1 200 ");
	forget(c);
	say(s, c, "TRACE / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n");
	expect_has(s, c, "HTTP/1.1 501 ");
	assert_false(origin_waits(s));
	stand_close(s);
}

/* Bytes nobody asked for and another client's request come in one burst. */
static void
unasked_bytes_are_nobodys_response(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o, *c2;

	(void)state;
	kept(s, &c, &o);
	c2 = client(s);
	settle(s);
	forget(o);
	say_bytes(s, c2, GET, strlen(GET));
	say_bytes(s, o, OK(6) "poison", strlen(OK(6) "poison"));
	settle(s);
	expect_none(s, c2, "poison");
	o = origin(s);
	say(s, o, OK(2) "ok");
	expect(s, c2, OK(2) "ok");
	stand_close(s);
}

/* Long heads of requests whose servers take their time are memory too. */
static void
long_heads_stay_in_the_budget(void **state)
{
	enum {
		BUFS = 1024,
		N = 200
	};
	struct setup u = setup_plain();
	struct stand *s;
	char *head = malloc(32000);
	struct tcp_load load;
	struct proxy_gauges g;
	int n;

	(void)state;
	u.bufs_max = BUFS;
	s = stand_open(&u);
	n = snprintf(head, 32000, "GET / HTTP/1.1\r\nHost: h\r\nA: %025000u\r\n\r\n", 1);
	for (uint32_t i = 0; i < N; i++) {
		struct peer *c = client(s);

		run(s, 5 * MS);
		say_bytes(s, c, head, (size_t)n);
		run(s, 50 * MS);
	}
	tcp_load(s->proxy_side.tcp, &load);
	proxy_gauges(s->proxy, &g);
	assert_in_range(load.bufs_held + g.bufs_held, 0, BUFS);
	free(head);
	stand_close(s);
}

/* A server that sends single bytes to a client that reads none: a buffer for each would be much. */
static void
single_bytes_that_nobody_reads_share_buffers(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c, *o;
	struct tcp_load load;

	(void)state;
	s->client_room = 8 << 10;
	asked(s, GET, &c, &o);
	say(s, o, OK(100000));
	for (uint32_t i = 0; i < 30000; i++) {
		say_bytes(s, o, "x", 1);
		run(s, FLIGHT_DELAY / 2);
	}
	run(s, 1 * S);
	tcp_load(s->proxy_side.tcp, &load);
	assert_in_range(load.bufs_held, 0, 64);
	read_on(s, c);
	run(s, 5 * S);
	assert_int_equal(c->got_n, strlen(OK(100000)) + 30000);
	assert_int_equal(count_of(c, "xxxxxxxxxx"), 30000 - 9);
	stand_close(s);
}

#define NTLM_401                                                                                   \
	"HTTP/1.1 401 Unauthorized\r\nDate: x\r\nWWW-Authenticate: NTLM\r\nContent-Length: "       \
	"0\r\n\r\n"
#define NTLM_GET "GET /mine HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM TlRM\r\n\r\n"

/* NTLM authenticates the connection: who else came by it would have another's rights. */
static void
an_authenticated_connection_is_one_clients_alone(void **state)
{
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *a, *b, *o, *other = NULL;

	(void)state;
	u.server_n = 2;
	s = stand_open(&u);
	asked(s, GET, &a, &o);
	say(s, o, NTLM_401);
	expect(s, a, NTLM_401);
	for (uint32_t i = 0; i < 4; i++) { /* the third and fourth say nothing of NTLM */
		forget(o);
		say(s, a, i < 2 ? NTLM_GET : GET);
		expect_has(s, o, i < 2 ? "TlRM" : "GET / ");
		say(s, o, OK(1) "a");
		expect(s, a, OK(1) "a");
		forget(o);

		b = client(s);
		settle(s);
		say(s, b, GET);
		expect_none(s, o, "GET");
		other = origin_waits(s) ? origin(s) : other;
		say(s, other, OK(1) "b");
		expect(s, b, OK(1) "b");
		hang_up(s, b);
	}
	hang_up(s, other); /* no connection waits but that one */

	/* both end together */
	hang_up(s, o);
	assert_true(a->is_eof);
	hang_up(s, a);
	asked(s, NTLM_GET, &a, &o);
	say(s, o, OK(1) "a");
	expect(s, a, OK(1) "a");
	hang_up(s, a);
	assert_true(o->is_eof);

	/* and it is not used again when its server is no longer listed so */
	asked(s, NTLM_GET, &a, &o);
	say(s, o, OK(1) "a");
	expect(s, a, OK(1) "a");
	forget(o);
	u.server_n = 1;
	u.server_port[0] = 8081;
	stand_view(s, &u);
	origin_listen(s, 0, true);
	say(s, a, NTLM_GET);
	expect_none(s, o, "GET");
	say(s, origin(s), OK(1) "a");
	expect(s, a, OK(1) "a");
	stand_close(s);
}

/* Says it when it still can be said: a dry pool may have cost the connection. */
static void
say_if(struct stand *s, struct peer *p, const char *text)
{
	if (p != NULL && !p->is_gone && tcp_is_live(s->peer_side.tcp, p->id))
		say_bytes(s, p, text, strlen(text));
	run(s, 100 * MS);
}

static struct peer *
origin_if(struct stand *s, struct peer *otherwise)
{
	return origin_waits(s) ? origin(s) : otherwise;
}

/* Every kind of request once, with the n-th buffer refused, for every n: nothing is lost or left. */
static void
any_one_buffer_may_be_missing(void **state)
{
	static const char *const ask[] = {
		GET,
		"POST /l HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody" GET,
		("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "4\r\nbody\r\n3\r\nend\r\n0\r\nT: 1\r\n\r\n" GET),
		"GET /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi",
		NTLM_GET NTLM_GET,
	};
	static const char *const reply[] = {
		"HTTP/1.1 103 E\r\nX: 1\r\n\r\n" OK(2) "ok",
		OK(2) "ok",
		("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "2\r\nok\r\n2\r\nok\r\n0\r\nT: 2\r\n\r\n"),
		"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello",
		NTLM_401,
	};

	(void)state;
	for (uint32_t n = 1; n <= 40; n++) {
		for (uint32_t kind = 0; kind < 5; kind++) {
			struct setup u = setup_plain();
			struct stand *s = stand_open(&u);
			struct peer *c, *o;

			kept(s, &c, &o);
			buf_heap_fail_take(s->proxy_side.pool, n);
			say_if(s, c, ask[kind]);
			if (n % 3 == 0) { /* on a stale connection: once more */
				tcp_abort(s->peer_side.tcp, o->id);
				o->is_gone = true;
				run(s, 100 * MS);
				say_if(s, c, ask[kind]);
			}
			o = origin_if(s, o);
			say_if(s, o, reply[kind]);
			say_if(s, o, OK(0));
			run(s, 2 * S);
			if (!c->is_gone && tcp_is_live(s->peer_side.tcp, c->id))
				hang_up(s, c);
			run(s, 100 * S);
			buf_heap_fail_take(s->proxy_side.pool, 0);
			assert_in_range(s->proxy->bufs_held, 0, 64);
			stand_close(s);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_follows_a_replayed_body_comes_once),
		cmocka_unit_test(what_follows_a_replayed_chunked_body_comes_once),
		cmocka_unit_test(a_timeout_is_no_proof),
		cmocka_unit_test(an_end_that_acknowledges_is_no_proof),
		cmocka_unit_test(a_half_head_outlives_its_listener),
		cmocka_unit_test(many_interim_responses_do_not_shut_the_window),
		cmocka_unit_test(interim_responses_that_nobody_reads_are_bounded),
		cmocka_unit_test(trailers_of_an_upgraded_request_are_given_back),
		cmocka_unit_test(an_empty_line_and_fin_cost_no_response),
		cmocka_unit_test(max_forwards_of_zero_goes_no_further),
		cmocka_unit_test(unasked_bytes_are_nobodys_response),
		cmocka_unit_test(long_heads_stay_in_the_budget),
		cmocka_unit_test(single_bytes_that_nobody_reads_share_buffers),
		cmocka_unit_test(an_authenticated_connection_is_one_clients_alone),
		cmocka_unit_test(any_one_buffer_may_be_missing),
		cmocka_unit_test(a_long_head_that_cannot_be_kept_is_a_503),
		cmocka_unit_test(a_head_that_cannot_be_kept_is_a_503),
	};
	const char *only = getenv("ONLY");

	if (only != NULL)
		cmocka_set_test_filter(only);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
