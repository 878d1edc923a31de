/*
 * test_meaning.c - what an accepted request says: its target's parts, connection, upgrade, named
 * fields; and what is still known of a refused one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/http.h"

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

/* A request line and a Host around the fields of a case. */
#define G  "GET / HTTP/1.1\r\nHost: h\r\n"
#define P  "POST / HTTP/1.1\r\nHost: h\r\n"
#define G0 "GET / HTTP/1.0\r\n"
#define E  "\r\n"

static void
request(struct http_request *r, const char *text)
{
	struct http_resume resume = { 0 };
	enum http_verdict v =
		http_parse_request(slice_of(text, (uint32_t)strlen(text)), &limits, &resume, r);

	if (v != HTTP_DONE)
		print_error("%s: %s\n", http_reason_name(r->reason), text);
	assert_int_equal(v, HTTP_DONE);
}

static void
is(struct slice s, const char *text)
{
	if (!slice_eq(s, slice_of(text, (uint32_t)strlen(text))))
		print_error("\"%.*s\" is not \"%s\"\n", (int)s.n, s.n > 0 ? (const char *)s.p : "",
			    text);
	assert_true(slice_eq(s, slice_of(text, (uint32_t)strlen(text))));
}

static void
the_target_is_split_by_its_form(void **state)
{
	static const struct {
		const char *text;
		enum http_form form;
		const char *target, *scheme, *path, *host, *name;
		uint16_t port;
	} t[] = {
		{ "GET /a?b HTTP/1.1\r\nHost: h:81\r\n\r\n", HTTP_FORM_ORIGIN, "/a?b", "", "/a?b",
		  "h:81", "h", 81 },
		{ "GET http://x:82/a?b HTTP/1.1\r\nHost: h:81\r\n\r\n", HTTP_FORM_ABSOLUTE,
		  "http://x:82/a?b", "http", "/a?b", "x:82", "x", 82 },
		{ "GET https://[::1]?b HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_FORM_ABSOLUTE,
		  "https://[::1]?b", "https", "?b", "[::1]", "[::1]", 0 },
		{ "CONNECT x:443 HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_FORM_AUTHORITY, "x:443", "", "",
		  "x:443", "x", 443 },
		{ "OPTIONS * HTTP/1.1\r\nHost: [::2]:9\r\n\r\n", HTTP_FORM_ASTERISK, "*", "", "*",
		  "[::2]:9", "[::2]", 9 },
		{ "GET / HTTP/1.0\r\n\r\n", HTTP_FORM_ORIGIN, "/", "", "/", "", "", 0 },
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP_FORM_ORIGIN, "/", "", "/", "", "", 0 },
	};
	struct http_request r;

	(void)state;
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		request(&r, t[i].text);
		assert_int_equal(r.form, t[i].form);
		is(r.target, t[i].target);
		is(r.scheme, t[i].scheme);
		is(r.path, t[i].path);
		is(r.host, t[i].host);
		is(r.name, t[i].name);
		assert_int_equal(r.port, t[i].port);
	}
}

static void
the_connection_lives_on_as_asked(void **state)
{
	static const struct {
		const char *text;
		bool keep_alive;
	} t[] = {
		{ G E, true },
		{ G "Connection: keep-alive\r\n" E, true },
		{ G "Connection: close\r\n" E, false },
		{ G "Connection: CLOSE\r\n" E, false },
		{ G "Connection: a, close ,b\r\n" E, false },
		{ G "Connection: keep-alive\r\nConnection: close\r\n" E, false },
		{ G "Connection: closed\r\n" E, true },
		{ G "Connection: \"close\"\r\n" E, true },
		{ G "Proxy-Connection: close\r\n" E, true },
		{ G0 E, false },
		{ G0 "Connection: Keep-Alive\r\n" E, true },
		{ G0 "Connection: keep-alive, close\r\n" E, false },
		{ G0 "Connection: upgrade\r\n" E, false },
	};
	struct http_request r;

	(void)state;
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		request(&r, t[i].text);
		assert_int_equal(r.head.keep_alive, t[i].keep_alive);
	}
}

static void
an_upgrade_is_seen_only_where_it_makes_a_tunnel(void **state)
{
	static const struct {
		const char *text, *upgrade;
	} t[] = {
		{ G "Connection: Upgrade\r\nUpgrade: websocket\r\n" E, "websocket" },
		{ G "Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n" E, "WebSocket" },
		{ G "Upgrade: websocket\r\n" E, "" },
		{ G "Connection: Upgrade\r\n" E, "" },
		{ G0 "Connection: Upgrade\r\nUpgrade: websocket\r\n" E, "" },
		{ G "Connection: Upgrade\r\nUpgrade: h2c\r\n" E, "" },
		{ G "Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n" E, "" },
		{ G "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n" E, "" },
		{ G "Connection: Upgrade\r\nUpgrade: HTTP/2.0, x\r\n" E, "" },
	};
	struct http_request r;

	(void)state;
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		request(&r, t[i].text);
		is(r.head.upgrade, t[i].upgrade);
	}
}

static void
connection_marks_what_it_names_but_not_the_framing(void **state)
{
	struct http_request r;

	(void)state;
	request(&r,
		P "Connection: x-one, Cookie, host, content-length, keep-alive\r\n"
		  "X-One: 1\r\nX-Two: 2\r\nCookie: c\r\nContent-Length: 3\r\nTE: trailers\r\n" E);
	assert_true(http_find_name(&r.head, SLICE("x-one"), NULL)->hop);
	assert_false(http_find_name(&r.head, SLICE("X-TWO"), NULL)->hop);
	assert_true(http_find(&r.head, HTTP_FIELD_COOKIE, NULL)->hop);
	assert_false(http_find(&r.head, HTTP_FIELD_HOST, NULL)->hop);
	assert_false(http_find(&r.head, HTTP_FIELD_CONTENT_LENGTH, NULL)->hop);
	assert_true(http_find(&r.head, HTTP_FIELD_TE, NULL)->hop);
	assert_false(r.head.te_trailers); /* Connection does not name it */
	request(&r, G "Connection: te\r\nTE: deflate;q=0.5, trailers\r\n" E);
	assert_true(r.head.te_trailers);
}

static void
a_connection_field_that_names_too_much_is_refused(void **state)
{
	char text[2048] = G "Connection: close";
	struct http_resume resume = { 0 };
	struct http_request r;

	(void)state;
	for (uint32_t i = 0; i <= HTTP_CONNECTION_NAMES_MAX; i++)
		strcat(text, ", x-name");
	strcat(text, "\r\n\r\n");
	assert_int_equal(
		http_parse_request(slice_of(text, (uint32_t)strlen(text)), &limits, &resume, &r),
		HTTP_REFUSED);
	assert_int_equal(r.reason, HTTP_REASON_CONNECTION_MANY);
}

static void
methods_expectations_and_hops_are_known(void **state)
{
	struct http_request r;

	(void)state;
#define X(part, token)                                                                             \
	if (HTTP_METHOD_##part != HTTP_METHOD_OTHER &&                                             \
	    HTTP_METHOD_##part != HTTP_METHOD_CONNECT) {                                           \
		request(&r, token " / HTTP/1.1\r\nHost: h\r\n\r\n");                               \
		assert_int_equal(r.method_id, HTTP_METHOD_##part);                                 \
		is(r.method, token);                                                               \
	}
	HTTP_METHODS(X)
#undef X
	request(&r, "Get / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(r.method_id, HTTP_METHOD_OTHER);
	assert_int_equal(r.max_forwards, -1);
	request(&r, "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 10\r\n\r\n");
	assert_int_equal(r.max_forwards, 10);
	request(&r, P "Expect: 100-continue\r\nContent-Length: 5\r\n" E);
	assert_true(r.expect_continue);
	request(&r, P "Expect: 100-continue\r\nContent-Length: 0\r\n" E);
	assert_false(r.expect_continue);
	request(&r, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	assert_false(r.expect_continue);
}

static void
fields_keep_their_bytes_and_order(void **state)
{
	struct http_request r;
	const struct http_field *f;

	(void)state;
	request(&r, G "aCCept:  text/html \r\nX-A:1\r\nX-A: 2\t\r\nEmpty:\r\n" E);
	assert_int_equal(r.head.field_n, 5);
	assert_true(r.head.wire);
	is(http_field_name(&r.head.field[1]), "aCCept");
	is(http_field_value(&r.head.field[1]), "text/html");
	assert_int_equal(r.head.field[1].id, HTTP_FIELD_ACCEPT);
	f = http_find_name(&r.head, SLICE("x-a"), NULL);
	is(http_field_value(f), "1");
	f = http_find_name(&r.head, SLICE("x-a"), f);
	is(http_field_value(f), "2");
	assert_null(http_find_name(&r.head, SLICE("x-a"), f));
	is(http_field_value(http_find_name(&r.head, SLICE("empty"), NULL)), "");
	assert_null(http_find(&r.head, HTTP_FIELD_COOKIE, NULL));
	assert_null(http_find_name(&r.head, SLICE("absent"), NULL));
}

/* What a refused request was is still known, for the log. */
static void
a_refused_request_keeps_what_was_understood(void **state)
{
	static const char text[] =
		"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: y\r\n\r\n";
	struct http_resume resume = { 0 };
	struct http_request r;

	(void)state;
	assert_int_equal(http_parse_request(slice_of(text, sizeof(text) - 1), &limits, &resume, &r),
			 HTTP_REFUSED);
	is(r.method, "POST");
	is(r.target, "/x");
	is(r.host, "a.example");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_target_is_split_by_its_form),
		cmocka_unit_test(the_connection_lives_on_as_asked),
		cmocka_unit_test(an_upgrade_is_seen_only_where_it_makes_a_tunnel),
		cmocka_unit_test(connection_marks_what_it_names_but_not_the_framing),
		cmocka_unit_test(a_connection_field_that_names_too_much_is_refused),
		cmocka_unit_test(methods_expectations_and_hops_are_known),
		cmocka_unit_test(fields_keep_their_bytes_and_order),
		cmocka_unit_test(a_refused_request_keeps_what_was_understood),
	};

	return cmocka_run_group_tests_name("http meaning", tests, NULL, NULL);
}
