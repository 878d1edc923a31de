/*
 * test_share.c - what rules cost a turn of the lane, however many ask them, and the order in which
 * those get on who had to wait for a later turn (conn_may_work).
 */
#include "iis_rules.h"
#include "stand.h"

#include <stdlib.h>

enum {
	CLIENTS = 8,
	PAGE_BYTES = 100000,
	PIECES = 3 * 16384, /* of a body, in the pipes between its stages */
	TURNS_MOST = 20000,
	WIDE_N = 60000,
};

#define GET  "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define WIDE "(wide and wide and wide and wide and wide and wide)"

/* Each evaluation costs more than a turn has. */
#define DEAR "^(a|a|a)+$"
#define AAA  "aaaaaaaaa!"

static const char *xml;

static void
rules_compile(struct img_build *b, struct img_listener *listener)
{
	iis_rules(b, listener, xml);
}

static struct stand *
stand_of(const char *rules)
{
	struct setup u = setup_plain();

	xml = rules;
	u.rules = rules_compile;
	u.rewrite_bytes = 16 << 20;
	return stand_open(&u);
}

/* A turn, and before it time for packets to have arrived. */
static void
next_turn(struct stand *s)
{
	s->now += FLIGHT_DELAY;
	stand_turn(s);
}

/* Said, but no time passes. */
static void
put(struct stand *s, struct peer *p, const char *text)
{
	say_bytes(s, p, text, strlen(text));
}

/* ---- heads ---- */

/* They all come in one turn. */
static void
requests_that_cost_much_are_asked_one_a_turn_in_their_order(void **state)
{
	struct stand *s = stand_of("<rules><rule name='r'><match url='" DEAR "'/>"
				   "<action type='None'/></rule></rules>");
	const uint64_t *asked_n = &s->proxy_side.count.proxy_rules_asked;
	struct peer *c[CLIENTS], *o;

	(void)state;
	for (uint32_t i = 0; i < CLIENTS; i++)
		c[i] = client(s);
	settle(s);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		char text[128];

		snprintf(text, sizeof(text), "GET /" AAA "?%u HTTP/1.1\r\nHost: h\r\n\r\n", i);
		put(s, c[i], text);
	}
	for (uint32_t n = 0, turn_n = 0; n < CLIENTS;) {
		uint64_t before = *asked_n;

		next_turn(s);
		assert_in_range(*asked_n - before, 0, 1);
		n += (uint32_t)(*asked_n - before);
		assert_true(*asked_n == before || s->proxy->turn_work > 0); /* the next turn's */
		assert_true(++turn_n < 4 * CLIENTS);
	}
	settle(s);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		char text[32];

		snprintf(text, sizeof(text), "GET /" AAA "?%u ", i);
		o = origin(s);
		expect_has(s, o, text);
	}
	stand_close(s);
}

/* Every server has said a head that is dear to ask about; no time has passed. */
static struct stand *
stand_of_dear_heads(struct peer *c[CLIENTS], struct peer *o[CLIENTS])
{
	struct stand *s = stand_of(
		"<outboundRules><rule name='r'><match serverVariable='RESPONSE_X' "
		"pattern='" DEAR "'/><action type='Rewrite' value='y'/></rule></outboundRules>");

	for (uint32_t i = 0; i < CLIENTS; i++)
		asked(s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", &c[i], &o[i]);
	for (uint32_t i = 0; i < CLIENTS; i++)
		put(s, o[i], "HTTP/1.1 204 No Content\r\nDate: x\r\nX: " AAA "\r\n\r\n");
	return s;
}

static void
heads_of_responses_are_asked_about_one_a_turn(void **state)
{
	struct peer *c[CLIENTS], *o[CLIENTS];
	struct stand *s = stand_of_dear_heads(c, o);

	(void)state;
	for (uint32_t turn_n = 0; s->proxy->gauge.exchanges > 0; turn_n++) {
		uint32_t before = s->proxy->gauge.exchanges;

		assert_true(turn_n < 4 * CLIENTS);
		next_turn(s);
		assert_in_range(before - s->proxy->gauge.exchanges, 0, 1);
	}
	settle(s);
	for (uint32_t i = 0; i < CLIENTS; i++)
		expect_has(s, c[i], "HTTP/1.1 204 ");
	stand_close(s);
}

/* Each has answered, and is gone before anybody could read it. */
static void
a_response_that_waits_outlives_its_server(void **state)
{
	struct peer *c[CLIENTS], *o[CLIENTS];
	struct stand *s = stand_of_dear_heads(c, o);

	(void)state;
	stand_turn(s); /* it is sent */
	for (uint32_t i = 0; i < CLIENTS; i++)
		tcp_abort(s->peer_side.tcp, o[i]->id);
	stand_turn(s); /* and so is the reset: they come together */
	next_turn(s);
	assert_in_range(s->proxy->gauge.exchanges, CLIENTS - 2, CLIENTS - 1);
	settle(s);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		expect_has(s, c[i], "HTTP/1.1 204 ");
		forget(c[i]);
		say(s, c[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); /* over another connection */
		expect_has(s, origin(s), "GET / ");
	}
	stand_close(s);
}

/* It answers before it has the request: what waits here for the client is not sent to it. */
static void
an_early_answer_goes_to_nobody_but_the_client(void **state)
{
	struct stand *s = stand_of(
		"<outboundRules><rule name='r'><match serverVariable='RESPONSE_X' "
		"pattern='" DEAR "'/><action type='Rewrite' value='y'/></rule>"
		"<rule name='b'><match pattern='in'/><action type='Rewrite' value='out'/></rule>"
		"</outboundRules>");
	struct peer *c, *o;

	(void)state;
	asked(s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n1234", &c, &o);
	forget(o);
	put(s, o,
	    "HTTP/1.1 200 OK\r\nDate: x\r\nX: " AAA "\r\nContent-Type: text/html\r\n"
	    "Content-Length: 2\r\n\r\nin");
	put(s, c, "5678");
	for (uint32_t i = 0; i < 8; i++)
		next_turn(s);
	settle(s);
	expect(s, o, "5678");
	expect_has(s, c, "HTTP/1.1 200 ");
	expect_has(s, c, "out");
	stand_close(s);
}

/* ---- bodies ---- */

static uint64_t
taken_of(const struct stand *s, uint32_t exch_i)
{
	const struct exch *e = pool_at(&s->proxy->exchs, exch_i);

	return pool_is_taken(&s->proxy->exchs, exch_i) ? e->body[DIR_DOWN].bytes_out : 0;
}

/* One that has come first, and gets new bytes all the time, has no more of the turns than others. */
static void
bodies_share_a_turn_and_take_turns(void **state)
{
	struct stand *s = stand_of("<outboundRules><rule name='r'><match pattern='[a-z]+[0-9]z'/>"
				   "<action type='Rewrite' value='y'/></rule></outboundRules>");
	struct peer *c[CLIENTS], *o[CLIENTS];
	char *page = malloc(PAGE_BYTES);
	uint64_t got[CLIENTS] = { 0 }, most_apart = 0;
	uint32_t turn_n = 0;

	(void)state;
	for (uint32_t i = 0; i < PAGE_BYTES; i++)
		page[i] = "abcdefgh1 "[i % 10];
	for (uint32_t i = 0; i < CLIENTS; i++)
		asked(s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", &c[i], &o[i]);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		put(s, o[i],
		    "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Type: text/html\r\n"
		    "Content-Length: 100000\r\n\r\n");
		say_bytes(s, o[i], page, PAGE_BYTES);
	}
	while (s->proxy->gauge.exchanges > 0) {
		uint64_t least = UINT64_MAX, most = 0, made = 0;

		assert_true(++turn_n < TURNS_MOST);
		next_turn(s);
		for (uint32_t i = 0; i < CLIENTS; i++) {
			uint64_t now = taken_of(s, i);

			if (now == 0)
				continue;
			made += now - got[i];
			got[i] = now;
			least = now < least ? now : least;
			most = now > most ? now : most;
		}
		assert_in_range(made, 0, 2 * RULES_TURN_WORK / 5);
		if (least != UINT64_MAX && most - least > most_apart)
			most_apart = most - least;
	}
	print_message("%u turns, %llu bytes apart\n", turn_n, (unsigned long long)most_apart);
	settle(s);
	for (uint32_t i = 0; i < CLIENTS; i++)
		expect_has(s, c[i], "HTTP/1.1 200 ");
	assert_in_range(most_apart, 1, PIECES);
	free(page);
	stand_close(s);
}

/* A slow client's page of WIDE_N bytes, which grows sevenfold; all of it has come from the server. */
static struct stand *
stand_of_wide(const char *request, const char *head, uint32_t n, const char *end, struct peer **c,
	      struct peer **o)
{
	struct stand *s =
		stand_of("<outboundRules><rule name='r'><match pattern='a'/>"
			 "<action type='Rewrite' value='" WIDE "'/></rule></outboundRules>");
	char page[WIDE_N];

	for (uint32_t i = 0; i < WIDE_N; i++)
		page[i] = i % 8 == 0 ? 'a' : '.';
	s->client_room = 8 << 10;
	asked(s, request, c, o);
	put(s, *o, "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Type: text/html\r\n");
	put(s, *o, head);
	say_bytes(s, *o, page, n);
	put(s, *o, end);
	run(s, S);
	assert_int_equal(tcp_unacked(s->peer_side.tcp, (*o)->id), 0);
	return s;
}

static void
expect_all_of_it(struct stand *s, struct peer *c)
{
	uint32_t n = 0;

	read_on(s, c);
	run(s, S);
	for (uint32_t i = 0; i + sizeof(WIDE) <= c->got_n; i++)
		n += memcmp(c->got + i, WIDE, sizeof(WIDE) - 1) == 0;
	assert_int_equal(n, WIDE_N / 8);
}

/* It does not fit yet: a client that reads slowly loses nothing by that. */
static void
a_page_that_waits_for_room_outlives_its_server(void **state)
{
	struct peer *c, *o;
	struct stand *s = stand_of_wide(GET, "Transfer-Encoding: chunked\r\n\r\nea60\r\n", WIDE_N,
					"\r\n0\r\n\r\n", &c, &o);

	(void)state;
	cut(s, o);
	run(s, S);
	assert_int_equal(s->proxy->gauge.exchanges, 1);
	expect_all_of_it(s, c);
	expect_has(s, c, "0\r\n\r\n");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	stand_close(s);
}

/*
 * ... though it had not read the request: nobody waits for it to do so. Of some size the client's
 * room is all that the end of the page has waited for.
 */
static void
a_page_that_came_early_ends_the_request_with_its_server(void **state)
{
	(void)state;
	for (uint32_t n = 1000; n < WIDE_N; n += 1000) {
		struct peer *c, *o;
		struct stand *s;
		char head[64];

		snprintf(head, sizeof(head), "Content-Length: %u\r\n\r\n", n);
		s = stand_of_wide("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n"
				  "\r\n1234",
				  head, n, "", &c, &o);
		cut(s, o);
		run(s, S);
		read_on(s, c);
		run(s, S);
		expect_has(s, c,
			   WIDE "......."
				"\r\n0\r\n\r\n");
		assert_int_equal(s->proxy->gauge.exchanges, 0);
		stand_close(s);
	}
}

static void
what_came_of_a_page_is_given_before_its_server_is_missed(void **state)
{
	struct peer *c, *o;
	struct stand *s = stand_of_wide(GET, "Content-Length: 60001\r\n\r\n", WIDE_N, "", &c, &o);

	(void)state;
	cut(s, o);
	run(s, S);
	expect_all_of_it(s, c);
	expect_none(s, c, "0\r\n\r\n");
	expect_record(s, 200, JOURNAL_CAUSE_UPSTREAM_RESET);
	stand_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_that_cost_much_are_asked_one_a_turn_in_their_order),
		cmocka_unit_test(heads_of_responses_are_asked_about_one_a_turn),
		cmocka_unit_test(a_response_that_waits_outlives_its_server),
		cmocka_unit_test(an_early_answer_goes_to_nobody_but_the_client),
		cmocka_unit_test(bodies_share_a_turn_and_take_turns),
		cmocka_unit_test(a_page_that_waits_for_room_outlives_its_server),
		cmocka_unit_test(a_page_that_came_early_ends_the_request_with_its_server),
		cmocka_unit_test(what_came_of_a_page_is_given_before_its_server_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
