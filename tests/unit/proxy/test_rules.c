/*
 * test_rules.c - requests by rules: sent elsewhere, changed, answered, aborted, failed; and what
 * of a verdict outlives the try, the view and the request.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\n\r\n"

/* ---- rules by hand: a pattern on the path, at most two sets, an action ---- */

enum {
	RULES_N = 8
};

struct made_set {
	enum img_set_kind kind;
	const char *name, *value; /* "{q}" is UrlDecode of the query */
};

struct made_rule {
	const char *name, *pattern;
	enum img_action action;
	const char *url; /* "{1}" is {R:1} */
	struct made_set set[2];
	uint32_t flags;
	uint16_t status, substatus;
	const char *reason, *body;
	uint64_t receive_ns;
};

/* An outbound rule on one header of the response. */
struct made_out {
	const char *name, *field, *pattern, *value;
};

static const struct made_rule *made;
static const struct made_out *made_out; /* the last one without a name; NULL: none */

static void
op_build(struct img_build *b, enum img_op_kind kind, uint32_t arg, const char *text, size_t n)
{
	struct img_op op = { .kind = kind, .arg = arg, .text = img_build_str(b, text, n) };

	img_build_op(b, &op);
}

/* An expression: text, {1}, {q}. */
static uint32_t
expr_build(struct img_build *b, const char *text)
{
	struct img_expr expr = { .text = img_build_text(b, text),
				 .first_op = b->part[IMG_OPS].n,
				 .flags = IMG_EXPR_FLAGS };

	while (*text != 0) {
		size_t n = strcspn(text, "{");

		if (n != 0)
			op_build(b, IMG_OP_TEXT, 0, text, n);
		text += n;
		if (*text == 0)
			break;
		if (text[1] == 'q') {
			op_build(b, IMG_OP_OPEN, 0, NULL, 0);
			op_build(b, IMG_OP_VARIABLE, RULES_VARIABLE_QUERY_STRING, NULL, 0);
			op_build(b, IMG_OP_URL_DECODE, 0, NULL, 0);
		} else {
			op_build(b, IMG_OP_R, (uint32_t)(text[1] - '0'), NULL, 0);
		}
		text += 3;
	}
	expr.op_n = b->part[IMG_OPS].n - expr.first_op;
	return img_build_expr(b, &expr);
}

static void
sets_build(struct img_build *b, const struct made_rule *m, struct img_rule *rule)
{
	rule->first_set = b->part[IMG_SETS].n;
	for (uint32_t i = 0; i < 2 && m->set[i].name != NULL; i++) {
		struct img_set set = { .kind = m->set[i].kind, .flags = IMG_SET_REPLACE };

		set.name = img_build_text(b, m->set[i].name);
		set.expr_i = expr_build(b, m->set[i].value);
		img_build_set(b, &set);
		rule->set_n++;
	}
}

static void
rule_build(struct img_build *b, uint32_t i)
{
	const struct made_rule *m = &made[i];
	struct img_rule rule = { .slot = i,
				 .incarnation = 1,
				 .flags = m->flags | IMG_RULE_ALWAYS | IMG_RULE_USES_R |
					  IMG_RULE_APPEND_QUERY,
				 .pattern_i = i,
				 .action = m->action,
				 .url_expr_i = (uint32_t)IMG_NONE,
				 .reason_expr_i = (uint32_t)IMG_NONE,
				 .body_expr_i = (uint32_t)IMG_NONE,
				 .farm_i = (uint32_t)IMG_NONE,
				 .status = m->status,
				 .substatus = m->substatus,
				 .receive_ns = m->receive_ns };

	rule.name = img_build_text(b, m->name);
	if (m->url != NULL)
		rule.url_expr_i = expr_build(b, m->url);
	if (m->reason != NULL)
		rule.reason_expr_i = expr_build(b, m->reason);
	if (m->body != NULL)
		rule.body_expr_i = expr_build(b, m->body);
	sets_build(b, m, &rule);
	img_build_rule(b, &rule);
}

static void
outs_build(struct img_build *b, struct img_listener *listener)
{
	struct img_scope scope = { .kind = IMG_SCOPE_OUTBOUND,
				   .first_input = b->part[IMG_INPUTS].n,
				   .input_n = 1 };
	struct img_input input = { .kind = IMG_INPUT_VALUE,
				   .expr_i = (uint32_t)IMG_NONE,
				   .blob_i = (uint32_t)IMG_NONE,
				   .first_pattern = b->part[IMG_PATTERNS].n };

	for (; made_out[scope.rule_n].name != NULL; scope.rule_n++) {
		const struct made_out *m = &made_out[scope.rule_n];
		struct img_pattern pattern = { .gate = (uint32_t)IMG_NONE };
		struct img_out_rule rule = { .slot = RULES_N + scope.rule_n,
					     .incarnation = 1,
					     .flags = IMG_RULE_USES_R | IMG_RULE_REPLACE,
					     .kind = IMG_OUT_VARIABLE,
					     .pre_i = (uint32_t)IMG_NONE,
					     .variable_kind = IMG_OP_RESPONSE_FIELD,
					     .action = IMG_ACTION_REWRITE };

		pattern.text = img_build_text(b, m->pattern);
		pattern.regex = pattern.text;
		pattern.group_n = strchr(m->pattern, '(') != NULL;
		rule.pattern_i = img_build_pattern(b, &pattern);
		rule.name = img_build_text(b, m->name);
		rule.variable = img_build_text(b, m->field);
		rule.value_expr_i = expr_build(b, m->value);
		img_build_out_rule(b, &rule);
		input.pattern_n++;
	}
	img_build_input(b, &input);
	scope.set = img_build_text(b, "publish");
	scope.folder = img_build_text(b, "/");
	img_build_bind(b, &(struct img_bind){ .scope_i = img_build_scope(b, &scope) });
	listener->bind_n++;
}

/* The rules of `made`, in one scope of the root folder. */
static void
rules_build(struct img_build *b, struct img_listener *listener)
{
	struct img_scope scope = { .kind = IMG_SCOPE_LOCAL, .input_n = 1 };
	struct img_input input = { .kind = IMG_INPUT_PATH,
				   .expr_i = (uint32_t)IMG_NONE,
				   .blob_i = (uint32_t)IMG_NONE,
				   .flags = IMG_INPUT_ON_URL };

	for (; made[scope.rule_n].name != NULL; scope.rule_n++) {
		struct img_pattern pattern = { .gate = (uint32_t)IMG_NONE };

		pattern.text = img_build_text(b, made[scope.rule_n].pattern);
		pattern.regex = pattern.text;
		pattern.group_n = strchr(made[scope.rule_n].pattern, '(') != NULL;
		img_build_pattern(b, &pattern);
		input.pattern_n++;
	}
	img_build_input(b, &input);
	scope.set = img_build_text(b, "publish");
	scope.folder = img_build_text(b, "/");
	img_build_scope(b, &scope);
	for (uint32_t i = 0; i < scope.rule_n; i++)
		rule_build(b, i);
	img_build_bind(b, &(struct img_bind){ .scope_i = 0 });
	listener->bind_n = 1;
	if (made_out != NULL)
		outs_build(b, listener);
}

/* A stand whose listener has these rules, the last one without a name. */
static struct stand *
stand_of(const struct made_rule rules[RULES_N], struct setup u)
{
	struct stand *s;

	made = rules;
	u.rules = rules_build;
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
		cmocka_unit_test(a_rules_time_outs_come_before_the_farms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
