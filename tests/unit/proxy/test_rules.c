/*
 * test_rules.c - requests by rules: sent elsewhere, changed, answered, aborted, failed; and what
 * of a verdict outlives the try, the view and the request.
 */
#include "made.h"
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\n\r\n"

/* A stand whose listener has these rules, the last one without a name. */
static struct stand *
stand_of(const struct made_rule rules[RULES_N], struct setup u)
{
	struct stand *s;

	made = rules;
	u.rules = made_build;
	s = stand_open(&u);
	made_out = NULL;
	return s;
}

static void
ask(struct stand *s, struct peer *c, const char *target)
{
	char text[512];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: www.h\r\nX-Old: 1\r\n\r\n", target);
	say(s, c, text);
}

static void
expect_rule(struct stand *s, uint32_t slot)
{
	assert_int_equal(s->record.rule_incarnation, 1);
	assert_int_equal(s->record.rule_slot, slot);
}

static void
expect_target(struct stand *s, const char *text)
{
	assert_int_equal(s->record.target_n, strlen(text));
	assert_memory_equal(s->text.target, text, strlen(text));
}

/* ---- answers ---- */

/* What a request brings shall not become a response of its own behind ours. */
static void
a_204_is_its_head_alone(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "no", "^no", IMG_ACTION_RESPOND, .status = 204, .body = "{q}" },
		{ "page", "^page", IMG_ACTION_RESPOND, .status = 204 },
	};
	struct stand *s = stand_of(rules, setup_plain());
	struct peer *c = client(s);

	(void)state;
	settle(s);
	ask(s, c, "/no?HTTP/1.1%20200%20OK%0D%0AContent-Length:%204%0D%0A%0D%0Aevil");
	expect_has(s, c, "HTTP/1.1 204 No Content\r\n");
	expect_none(s, c, "evil");
	expect_none(s, c, "Content-Length");
	assert_string_equal(c->got + c->got_n - 4, "\r\n\r\n");
	forget(c);
	ask(s, c, "/page");
	expect_has(s, c, "HTTP/1.1 204 No Content\r\n");
	assert_string_equal(c->got + c->got_n - 4, "\r\n\r\n");
	stand_close(s);
}

static void
a_redirect_is_answered_and_the_connection_stays(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "old", "^old/(.*)", IMG_ACTION_REDIRECT, "/new/{1}", .status = 301 },
	};
	struct stand *s = stand_of(rules, setup_plain());
	struct peer *c = client(s), *o;

	(void)state;
	settle(s);
	ask(s, c, "/old/a?b=c");
	expect_has(s, c, "HTTP/1.1 301 Moved Permanently\r\n");
	expect_has(s, c, "\r\nLocation: http://www.h/new/a?b=c\r\n");
	expect_has(s, c, "<a href=\"http://www.h/new/a?b=c\">");
	expect_none(s, c, "Cache-Control");
	expect_record(s, 301, JOURNAL_CAUSE_NONE);
	expect_rule(s, 0);
	assert_true((s->record.flags & JOURNAL_OWN_RESPONSE) != 0);
	assert_false(origin_waits(s));
	forget(c);
	ask(s, c, "/other"); /* the same connection, no rule */
	o = origin(s);
	expect_has(s, o, "GET /other HTTP/1.1\r\n");
	say(s, o, OK);
	expect_has(s, c, OK);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_int_equal(s->record.rule_incarnation, 0);
	assert_int_equal(s->rule_rows[0].matched, 1);
	assert_int_equal(s->rule_rows[0].tried, 2);
	stand_close(s);
}

static void
a_response_is_the_rules_own(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "no", "^no", IMG_ACTION_RESPOND, .status = 403, .substatus = 77,
		  .reason = "Not here", .body = "<b>stop</b>" },
	};
	struct stand *s = stand_of(rules, setup_plain());
	struct peer *c = client(s);

	(void)state;
	settle(s);
	ask(s, c, "/no");
	expect_has(s, c, "HTTP/1.1 403 Not here\r\n");
	expect_has(s, c,
		   "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 11\r\n\r\n"
		   "<b>stop</b>");
	expect_none(s, c, "77");
	expect_record(s, 403, JOURNAL_CAUSE_NONE);
	expect_rule(s, 0);
	assert_int_equal(s->record.substatus, 77);
	forget(c);
	say(s, c, "HEAD /no HTTP/1.1\r\nHost: h\r\n\r\n");
	expect_has(s, c, "Content-Length: 11\r\n\r\n");
	expect_none(s, c, "stop");
	stand_close(s);
}

/* 12.3: a body of many packets. */
static void
a_long_response_is_whole(void **state)
{
	char *body = pattern(60000);
	const struct made_rule rules[RULES_N] = {
		{ "long", "^long", IMG_ACTION_RESPOND, .status = 200, .body = body },
	};
	struct stand *s = stand_of(rules, setup_plain());
	struct peer *c = client(s);

	(void)state;
	settle(s);
	ask(s, c, "/long");
	run(s, 1 * S);
	expect_has(s, c, "Content-Length: 60000\r\n\r\n");
	expect_has(s, c, body);
	stand_close(s);
	free(body);
}

static void
an_abort_sends_nothing_but_a_reset(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "bad", "^bad", IMG_ACTION_ABORT },
	};
	struct stand *s = stand_of(rules, setup_plain());
	struct peer *c = client(s);

	(void)state;
	settle(s);
	ask(s, c, "/bad");
	expect(s, c, "");
	assert_true(c->is_gone && c->end == TCP_END_RESET);
	expect_record(s, 0, JOURNAL_CAUSE_RULE_ABORT);
	expect_rule(s, 0);
	stand_close(s);
}

static void
a_fault_is_500_with_its_rule(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "set", "^set", IMG_ACTION_NONE,
		  .set = { { IMG_SET_REQUEST_FIELD, "x-a", "{q}" } } },
	};
	struct stand *s = stand_of(rules, setup_plain());
	struct peer *c = client(s);

	(void)state;
	settle(s);
	ask(s, c, "/set?a%0d%0ab");
	expect_has(s, c, "HTTP/1.1 500 Internal Server Error\r\n");
	expect_record(s, 500, JOURNAL_CAUSE_RULE_ERROR);
	expect_rule(s, 0);
	assert_int_equal(s->record.substatus, 50);
	assert_int_equal(s->record.detail, RULES_FAULT_BYTES);
	assert_int_equal(s->proxy_side.count.proxy_rules_faults, 1);
	forget(c);
	ask(s, c, "/%zz"); /* no rule's fault: the target */
	expect_has(s, c, "HTTP/1.1 400 Bad Request\r\n");
	expect_record(s, 400, JOURNAL_CAUSE_RULE_TARGET);
	stand_close(s);
}

/* ---- ways ---- */

static void
target_and_fields_go_out_as_rules_say(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "a", "^a/(.*)", IMG_ACTION_REWRITE, "/b/{1}",
		  .set = { { IMG_SET_REQUEST_FIELD, "x-new", "n{1}" },
			   { IMG_SET_REQUEST_FIELD, "x-old", "" } } },
		{ "host", "^b/host", IMG_ACTION_NONE,
		  .set = { { IMG_SET_REQUEST_FIELD, "host", "inner.h" },
			   { IMG_SET_RESPONSE_FIELD, "x-seen", "yes" } } },
	};
	struct stand *s = stand_of(rules, setup_plain());
	struct peer *c = client(s), *o;

	(void)state;
	settle(s);
	ask(s, c, "/a/host?q");
	o = origin(s);
	expect(s, o, "GET /b/host?q HTTP/1.1\r\nHost: inner.h\r\nx-new: nhost\r\n\r\n");
	say(s, o, "HTTP/1.1 200 OK\r\nDate: x\r\nX-Seen: no\r\nContent-Length: 2\r\n\r\nhi");
	expect(s, c, "HTTP/1.1 200 OK\r\nDate: x\r\nx-seen: yes\r\nContent-Length: 2\r\n\r\nhi");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	expect_rule(s, 1);
	expect_target(s, "/a/host?q");
	stand_close(s);
}

static void
the_log_shows_the_rewritten_url_when_asked(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "a", "^a/(.*)", IMG_ACTION_REWRITE, "/b/{1}", .flags = IMG_RULE_LOG_REWRITTEN },
	};
	struct stand *s = stand_of(rules, setup_plain());
	struct peer *c = client(s), *o;

	(void)state;
	settle(s);
	ask(s, c, "/a/x?q");
	o = origin(s);
	say(s, o, OK);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	expect_target(s, "/b/x?q");
	stand_close(s);
}

static void
an_absolute_url_goes_to_its_farm(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "app", "^app/(.*)", IMG_ACTION_REWRITE, "http://APP/{1}" },
		{ "port", "^port/(.*)", IMG_ACTION_REWRITE, "http://app:80/{1}" },
		{ "tls", "^tls/(.*)", IMG_ACTION_REWRITE, "https://app/{1}" },
		{ "none", "^none/(.*)", IMG_ACTION_REWRITE, "http://elsewhere/{1}" },
	};
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c, *o;

	(void)state;
	u.listener.farm_i = (uint32_t)IMG_NONE;
	s = stand_of(rules, u);
	c = client(s);
	settle(s);
	ask(s, c, "/app/x");
	o = origin(s);
	expect_has(s, o, "GET /x HTTP/1.1\r\nHost: www.h\r\n");
	say(s, o, OK);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	forget(o);
	ask(s, c, "/port/y");
	expect_has(s, o, "GET /y HTTP/1.1\r\n");
	say(s, o, OK);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	forget(c);
	ask(s, c, "/tls/x");
	expect_has(s, c, "HTTP/1.1 502 Bad Gateway\r\n");
	expect_record(s, 502, JOURNAL_CAUSE_SCHEME);
	forget(c);
	ask(s, c, "/none/x");
	expect_has(s, c, "HTTP/1.1 404 Not Found\r\n");
	expect_record(s, 404, JOURNAL_CAUSE_RULE_HOST);
	assert_int_equal(s->record.substatus, 4);
	ask(s, c, "/");
	expect_record(s, 404, JOURNAL_CAUSE_NO_FARM);
	stand_close(s);
}

/* A try is refused, tables without any rule come, the next try still goes by the verdict. */
static void
further_tries_keep_the_verdict(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "a", "^a/(.*)", IMG_ACTION_REWRITE, "http://app/b/{1}",
		  .set = { { IMG_SET_REQUEST_FIELD, "x-new", "1" },
			   { IMG_SET_RESPONSE_FIELD, "x-seen", "yes" } } },
	};
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c, *o;

	(void)state;
	u.server_n = 2;
	s = stand_of(rules, u);
	s->is_cut[0] = true;
	c = client(s);
	settle(s);
	ask(s, c, "/a/x"); /* to the first server, which cannot be heard */
	settle(s);
	if (origin_waits(s)) { /* or to the second, and the next to the first */
		o = origin(s);
		say(s, o, OK);
		forget(c);
		hang_up(s, o);
		settle(s);
		ask(s, c, "/a/x");
		expect_record(s, 200, JOURNAL_CAUSE_NONE);
	}
	assert_false(origin_waits(s));
	u.listener.farm_i = (uint32_t)IMG_NONE;
	stand_view(s, &u);
	run(s, 4 * S);
	o = origin(s);
	expect(s, o, "GET /b/x HTTP/1.1\r\nHost: www.h\r\nX-Old: 1\r\nx-new: 1\r\n\r\n");
	say(s, o, OK);
	expect_has(s, c, "\r\nx-seen: yes\r\n");
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	expect_rule(s, 0);
	assert_int_equal(s->record.tries, 2);
	stand_close(s);
}

/* 14.4: after the fields that inbound rules set; {R:n} and the client's own query are there. */
static void
outbound_rules_change_the_response_head(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "in", "^in", IMG_ACTION_REWRITE, "/out",
		  .set = { { IMG_SET_RESPONSE_FIELD, "x-set", "in" } } },
	};
	static const struct made_out outs[] = {
		{ "loc", "location", "^http://inner/(.*)", "http://outer/{1}" },
		{ "set", "x-set", "^in$", "out" },
		{ "bad", "x-bad", ".+", "{q}" },
		{ NULL },
	};
	struct stand *s;
	struct peer *c, *o;

	(void)state;
	made_out = outs;
	s = stand_of(rules, setup_plain());
	c = client(s);
	settle(s);
	ask(s, c, "/in?a%0Ab");
	o = origin(s);
	expect_has(s, o, "GET /out?a%0Ab HTTP/1.1\r\n");
	say(s, o,
	    "HTTP/1.1 302 Found\r\nDate: x\r\nLocation: http://inner/x\r\nContent-Length: "
	    "0\r\n\r\n");
	expect_has(s, c, "\r\nlocation: http://outer/x\r\n");
	expect_has(s, c, "\r\nx-set: out\r\n");
	expect_none(s, c, "inner");
	expect_record(s, 302, JOURNAL_CAUSE_NONE);
	assert_int_equal(s->rule_rows[RULES_N].matched, 1);
	forget(c);
	ask(s, c, "/in?a%0Ab");
	say(s, o, "HTTP/1.1 200 OK\r\nX-Bad: 1\r\nContent-Length: 0\r\n\r\n");
	expect_has(s, c, "HTTP/1.1 500 Internal Server Error\r\n");
	expect_record(s, 500, JOURNAL_CAUSE_RULE_ERROR);
	expect_rule(s, RULES_N + 2);
	assert_int_equal(s->record.substatus, 52);
	assert_int_equal(s->record.upstream_status, 0);
	stand_close(s);
}

/* What rules hide in a response's head is hidden in those before it, and in the head of a tunnel. */
static void
outbound_rules_change_103_and_101(void **state)
{
	static const struct made_rule rules[RULES_N] = { { NULL } };
	static const struct made_out outs[] = {
		{ "link", "link", "^<http://inner/(.*)", "<http://outer/{1}" },
		{ "bad", "x-bad", ".+", "{q}" },
		{ NULL },
	};
	static const char upgrade[] = "GET /?%0A HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
				      "Upgrade: x\r\n\r\n";
	struct stand *s;
	struct peer *c, *o;

	(void)state;
	made_out = outs;
	s = stand_of(rules, setup_plain());
	asked(s, upgrade, &c, &o);
	say(s, o, "HTTP/1.1 103 Early Hints\r\nLink: <http://inner/a>\r\n\r\n");
	expect_has(s, c, "HTTP/1.1 103 Early Hints\r\n");
	expect_has(s, c, "link: <http://outer/a>\r\n");
	expect_none(s, c, "inner");
	forget(c);
	say(s, o,
	    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n"
	    "Link: <http://inner/b>\r\n\r\n");
	expect_has(s, c, "HTTP/1.1 101 Switching Protocols\r\n");
	expect_has(s, c, "link: <http://outer/b>\r\n");
	expect_none(s, c, "inner");
	cut(s, c);
	settle(s);
	expect_record(s, 101, JOURNAL_CAUSE_CLIENT_RESET);
	for (uint32_t i = 0; i < 2; i++) { /* one that cannot be carried out ends it */
		asked(s, upgrade, &c, &o);
		say(s, o,
		    i == 0 ? "HTTP/1.1 103 Early Hints\r\nX-Bad: 1\r\n\r\n"
			   : "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
			     "Upgrade: x\r\nX-Bad: 1\r\n\r\n");
		expect_has(s, c, "HTTP/1.1 500 ");
		expect_none(s, c, "HTTP/1.1 10");
		expect_record(s, 500, JOURNAL_CAUSE_RULE_ERROR);
		cut(s, c);
		settle(s);
	}
	stand_close(s);
}

/* Too long to be kept, a rewritten target is none for the record either. */
static void
a_way_that_cannot_be_kept_is_logged_as_it_came(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "in", "^in", IMG_ACTION_REWRITE, "/out",
		  .set = { { IMG_SET_REQUEST_FIELD, "x-a", "{q}" },
			   { IMG_SET_REQUEST_FIELD, "x-b", "{q}" } },
		  .flags = IMG_RULE_LOG_REWRITTEN },
	};
	struct setup u = setup_plain();
	struct stand *s;
	struct peer *c;
	static char text[41000] = "GET /in?";
	size_t n = strlen(text);

	(void)state;
	memset(text + n, 'a', 40000);
	strcpy(text + n + 40000, " HTTP/1.1\r\nHost: h\r\n\r\n");
	u.machine.head_max_bytes = u.machine.target_max_bytes = 60000;
	s = stand_of(rules, u);
	c = client(s);
	settle(s);
	say(s, c, text);
	expect_has(s, c, "HTTP/1.1 500 ");
	expect_record(s, 500, JOURNAL_CAUSE_RULE_ERROR);
	assert_int_equal(s->record.substatus, 50);
	assert_true(s->record.target_n > 4);
	assert_memory_equal(s->text.target, "/in?", 4);
	stand_close(s);
}

/* A row is a rule's by its incarnation: what an old view's rules still do is not the new one's. */
static void
a_row_of_another_rule_is_left_alone(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "old", "^old", IMG_ACTION_REDIRECT, "/new", .status = 301 },
	};
	struct stand *s = stand_of(rules, setup_plain());
	struct peer *c = client(s);

	(void)state;
	settle(s);
	s->rule_rows[0].incarnation = 2;
	ask(s, c, "/old");
	expect_has(s, c, "HTTP/1.1 301 ");
	assert_int_equal(s->rule_rows[0].matched, 0);
	assert_int_equal(s->rule_rows[0].tried, 0);
	stand_close(s);
}

static void
a_rules_time_outs_come_before_the_farms(void **state)
{
	static const struct made_rule rules[RULES_N] = {
		{ "slow", "^slow", IMG_ACTION_NONE, .receive_ns = 2 * S },
	};
	struct stand *s = stand_of(rules, setup_plain());
	struct peer *c = client(s);

	(void)state;
	settle(s);
	ask(s, c, "/slow");
	origin(s);
	run(s, 3 * S);
	expect_has(s, c, "HTTP/1.1 504 ");
	expect_record(s, 504, JOURNAL_CAUSE_RECEIVE_TIMEOUT);
	assert_int_equal(s->record.limit_ns, 2 * S);
	stand_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_204_is_its_head_alone),
		cmocka_unit_test(a_redirect_is_answered_and_the_connection_stays),
		cmocka_unit_test(a_response_is_the_rules_own),
		cmocka_unit_test(a_long_response_is_whole),
		cmocka_unit_test(an_abort_sends_nothing_but_a_reset),
		cmocka_unit_test(a_fault_is_500_with_its_rule),
		cmocka_unit_test(target_and_fields_go_out_as_rules_say),
		cmocka_unit_test(the_log_shows_the_rewritten_url_when_asked),
		cmocka_unit_test(an_absolute_url_goes_to_its_farm),
		cmocka_unit_test(further_tries_keep_the_verdict),
		cmocka_unit_test(outbound_rules_change_the_response_head),
		cmocka_unit_test(outbound_rules_change_103_and_101),
		cmocka_unit_test(a_row_of_another_rule_is_left_alone),
		cmocka_unit_test(a_way_that_cannot_be_kept_is_logged_as_it_came),
		cmocka_unit_test(a_rules_time_outs_come_before_the_farms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
