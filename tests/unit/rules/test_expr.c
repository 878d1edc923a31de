/*
 * test_expr.c - url-rewrite.md, 7 to 9: back-references, expressions and variables.
 */
#include "stand.h"

#include <string.h>

/* ---- 7 ---- */

static void
references_are_captures(void **state)
{
	struct stand *s = stand_get("/blog/article/7?id=1");

	(void)state;
	stand_r(s, 0, NULL);
	stand_r(s, 1, "article");
	stand_r(s, 2, "");
	stand_c(s, 0, "whole");
	stand_c(s, 9, "ninth");
	assert_value(s, "{R:0}", "blog/article/7");
	assert_value(s, "{R:1}", "article");
	assert_value(s, "<{R:2}>", "<>"); /* a group that took no part */
	assert_value(s, "{C:0}-{C:9}-{C:5}", "whole-ninth-");
	assert_value(s, "/{R:1}/{R:1}?{C:0}", "/article/article?whole");
}

/* choice 16 */
static void
an_index_that_no_pattern_provides_is_a_fault(void **state)
{
	struct stand *s = stand_get("/a");

	(void)state;
	assert_int_equal(stand_fault(s, "{R:0}"), RULES_FAULT_REFERENCE);
	assert_int_equal(stand_fault(s, "x{C:1}"), RULES_FAULT_REFERENCE);
	stand_r(s, 0, NULL);
	assert_int_equal(stand_fault(s, "{R:1}"), RULES_FAULT_REFERENCE);
	assert_int_equal(stand_fault(s, "{ToLower:{R:1}}"), RULES_FAULT_REFERENCE);
	assert_int_equal(stand_fault(s, "{C:0}"), RULES_FAULT_REFERENCE);
	assert_value(s, "{R:0}", "a");
}

static void
what_lasts_is_copied_from_what_does_not(void **state)
{
	struct stand *s = stand_get("/a");
	struct slice value, brief;

	(void)state;
	brief = stand_value(s, "{ToLower:ABC}"); /* lies in brief */
	s->lane->r.s[0] = brief;
	s->lane->r.n = 1;
	assert_int_equal(expr_expand(s->lane, &s->lane->keep, stand_expr(s, "{R:0}"), &value),
			 RULES_FAULT_NONE);
	memset(s->lane->brief.p, '#', 64);
	assert_slice(value, "abc");
}

/* ---- 8 ---- */

static void
expressions_are_text_and_braces(void **state)
{
	struct stand *s = stand_get("/AbC?q=1");

	(void)state;
	stand_r(s, 0, NULL);
	stand_line(s, "x-evil", "{R:0}{URL}");
	assert_value(s, "", "");
	assert_value(s, "plain text", "plain text");
	assert_value(s, "a}b", "a}b"); /* a '}' outside braces is literal */
	assert_value(s, "{ToLower:}", "");
	assert_value(s, "{ToLower:X{R:0}Y}", "xabcy");
	assert_value(s, "{ToLower:{UrlEncode:{URL}}/{R:0}}", "%2fabc/abc");
	assert_value(s, "1{ToLower:A{UrlEncode:/{HtmlEncode:<}}B}2", "1a%2f%26lt%3bb2");
	assert_value(s, "{ToLower:{Map:{ToLower:OLD}}X}", "/new/1x");
	/* what came out is not expanded again */
	assert_value(s, "{HTTP_X_EVIL}", "{R:0}{URL}");
	assert_value(s, "{ToLower:{HTTP_X_EVIL}}", "{r:0}{url}");
}

static void
an_expansion_is_bounded(void **state)
{
	static char big[40001];
	struct stand *s = stand_get("/a");
	char deep[1024] = "";

	(void)state;
	memset(big, '<', 40000);
	s->lane->work_left = INT64_MAX;
	stand_line(s, "x", big);
	stand_line(s, "a", "b");
	assert_int_equal(stand_value(s, "{HTTP_X}").n, 40000);
	assert_int_equal(stand_value(s, "{ToLower:{HTTP_X}}").n, 40000);
	assert_int_equal(stand_fault(s, "{HTTP_X}{HTTP_X}"), RULES_FAULT_LONG);
	assert_int_equal(stand_fault(s, "{HtmlEncode:{HTTP_X}}"), RULES_FAULT_LONG);
	assert_int_equal(stand_fault(s, "{UrlEncode:{HTTP_X}}"), RULES_FAULT_LONG);
	assert_int_equal(stand_fault(s, "{HTTP_X}{ToLower:{HTTP_X}}"), RULES_FAULT_LONG);
	for (int i = 0; i < IMG_OPEN_MAX; i++)
		strcat(deep, "{ToLower:");
	strcat(deep, "DEEP");
	for (int i = 0; i < IMG_OPEN_MAX; i++)
		strcat(deep, "}");
	assert_value(s, deep, "deep");
	s->lane->brief.room = s->lane->brief.used + 3;
	assert_value(s, "{HTTP_A}{HTTP_A}{HTTP_A}", "bbb");
	s->lane->brief.room = s->lane->brief.used + 2;
	assert_int_equal(stand_fault(s, "{HTTP_A}{HTTP_A}{HTTP_A}"), RULES_FAULT_ROOM);
}

/* ---- 9 ---- */

static void
variables_have_names(void **state)
{
	(void)state;
	for (uint32_t v = RULES_VARIABLE_NONE + 1; v < RULES_VARIABLES; v++) {
		const char *name = rules_variable_name(v);

		assert_int_equal(rules_variable_of(slice_of(name, (uint32_t)strlen(name))), v);
	}
	assert_int_equal(rules_variable_of(SLICE("query-String")), RULES_VARIABLE_QUERY_STRING);
	assert_int_equal(rules_variable_of(SLICE("url")), RULES_VARIABLE_URL);
	assert_int_equal(rules_variable_of(SLICE("UR")), RULES_VARIABLE_NONE);
	assert_int_equal(rules_variable_of(SLICE("URLS")), RULES_VARIABLE_NONE);
	assert_int_equal(rules_variable_of(SLICE("")), RULES_VARIABLE_NONE);
	assert_int_equal(rules_variable_of(SLICE("HTTP_ACCEPT")), RULES_VARIABLE_NONE);
	assert_string_equal(rules_variable_name(RULES_VARIABLES), "unknown");
}

static void
variables_of_a_plain_request(void **state)
{
	static const struct value_row row[] = {
		{ "{QUERY_STRING}", "id=7&x=%20" },
		{ "{URL}", "/a b/c" },
		{ "{PATH_INFO}", "/a b/c" },
		{ "{SCRIPT_NAME}", "/a b/c" },
		{ "{REQUEST_URI}", "/a b/c?id=7&x=%20" },
		{ "{HTTP_X_ORIGINAL_URL}", "/a b/c?id=7&x=%20" },
		{ "{UNENCODED_URL}", "/a%20b%2Fc?id=7&x=%20" },
		{ "{HTTP_URL}", "/a%20b%2Fc?id=7&x=%20" },
		{ "{CACHE_URL}", "http://www.example.com:80/a%20b%2Fc?id=7&x=%20" },
		{ "{HTTP_HOST}", "www.example.com" },
		{ "{SERVER_NAME}", "www.example.com" },
		{ "{SERVER_PORT}", "80" },
		{ "{SERVER_PORT_SECURE}", "0" },
		{ "{HTTPS}", "off" },
		{ "{REQUEST_METHOD}", "GET" },
		{ "{HTTP_METHOD}", "GET" },
		{ "{SERVER_PROTOCOL}", "HTTP/1.1" },
		{ "{HTTP_VERSION}", "HTTP/1.1" },
		{ "{REMOTE_ADDR}", "192.0.2.7" },
		{ "{REMOTE_HOST}", "192.0.2.7" },
		{ "{REMOTE_PORT}", "40000" },
		{ "{LOCAL_ADDR}", "10.0.0.1" },
		{ "{SERVER_ADDR}", "10.0.0.1" },
		{ "{CONTENT_TYPE}", "" },
		{ "{CONTENT_LENGTH}", "" },
		{ "{RESPONSE_STATUS}", "" }, /* there is none yet */
		{ "{RESPONSE_CONTENT_TYPE}", "" },
		{ "{REQUEST_FILENAME}", "" }, /* no document root */
		{ "{SCRIPT_FILENAME}", "" },
		{ "{PATH_TRANSLATED}", "" },
		{ "{SERVER_SOFTWARE}", "Penstock" },
		{ "{GATEWAY_INTERFACE}", "CGI/1.1" },
		{ "{NO_SUCH_VARIABLE}", "" },
		{ "{HTTP_NO_SUCH_HEADER}", "" },
		{ "{query-string}", "id=7&x=%20" }, /* names without case, '-' as '_' */
	};
	struct stand *s = stand_get("/a%20b%2Fc?id=7&x=%20");

	(void)state;
	stand_answer(s, "content-type", "text/html"); /* of no response */
	CHECK_VALUES(s, row);
}

static void
variables_of_a_secure_ipv6_request(void **state)
{
	static const struct value_row row[] = {
		{ "{HTTPS}", "on" },
		{ "{SERVER_PORT_SECURE}", "1" },
		{ "{SERVER_PORT}", "8443" },
		{ "{HTTP_HOST}", "[2001:db8::1]:8443" },
		{ "{SERVER_NAME}", "[2001:db8::1]" },
		{ "{CACHE_URL}", "https://[2001:db8::1]:8443/x" },
		{ "{REMOTE_ADDR}", "2001:db8::7" },
		{ "{LOCAL_ADDR}", "2001:db8::1" },
		{ "{REQUEST_METHOD}", "RPC_IN_DATA" },
		{ "{REQUEST_URI}", "/x" },
		{ "{QUERY_STRING}", "" },
	};
	static const struct ip_addr client = { .b = { 0x20, 1, 0x0d, 0xb8, [15] = 7 } };
	static const struct ip_addr local = { .b = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } };
	struct stand *s = stand_get("/x");

	(void)state;
	s->subject.client = client;
	s->subject.local = local;
	s->subject.local_port = 8443;
	s->subject.is_secure = true;
	s->subject.host = SLICE("[2001:db8::1]:8443");
	s->subject.method = SLICE("RPC_IN_DATA");
	CHECK_VALUES(s, row);
}

static void
cache_url_always_has_a_port(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		bool is_secure;
		const char *want;
	} row[] = {
		{ "h", 80, false, "http://h:80/" },
		{ "h", 443, true, "https://h:443/" },
		{ "h:8080", 80, false, "http://h:8080/" },
		{ "h", 8080, false, "http://h:8080/" },
		{ "h:", 80, false, "http://h:80/" },
		{ "[::1]", 80, false, "http://[::1]:80/" },
		{ "[::1]:81", 80, false, "http://[::1]:81/" },
		{ "", 80, false, "http://10.0.0.1:80/" },
		{ "h", 0, true, "https://h:443/" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get("/");

		s->subject.host = slice_of(row[i].host, (uint32_t)strlen(row[i].host));
		s->subject.local_port = row[i].port;
		s->subject.is_secure = row[i].is_secure;
		assert_value(s, "{CACHE_URL}", row[i].want);
	}
}

/* 3.3, choice 6 */
static void
some_variables_follow_the_current_url(void **state)
{
	static const struct value_row row[] = {
		{ "{URL}", "/new" },
		{ "{PATH_INFO}", "/new" },
		{ "{SCRIPT_NAME}", "/new" },
		{ "{QUERY_STRING}", "q" },
		{ "{REQUEST_URI}", "/new?q" },
		{ "{UNENCODED_URL}", "/old?o" },
		{ "{HTTP_URL}", "/old?o" },
		{ "{CACHE_URL}", "http://www.example.com:80/old?o" },
		{ "{HTTP_X_ORIGINAL_URL}", "/old?o" },
	};
	struct stand *s = stand_get("/old?o");

	(void)state;
	s->lane->url.path = SLICE("/new");
	s->lane->url.query = SLICE("q");
	CHECK_VALUES(s, row);
}

static void
headers_are_joined(void **state)
{
	static const struct value_row row[] = {
		{ "{HTTP_ACCEPT}", "a, b, c" },
		{ "{HTTP_COOKIE}", "x=1; y=2; z=3" },
		{ "{HTTP_X_EMPTY}", "" },
		{ "{HTTP_x_one}", "1" },
		{ "{CONTENT_TYPE}", "text/plain" },
		{ "{HTTP_CONTENT_TYPE}", "text/plain" },
		{ "{CONTENT_LENGTH}", "12" },
		{ "{ALL_RAW}", "Accept: a\r\nAccept: b, c\r\nCookie: x=1; y=2\r\n"
			       "Cookie: z=3\r\nX-Empty: \r\nX-One: 1\r\n"
			       "Content-Type: text/plain\r\nContent-Length: 12\r\n" },
		{ "{ALL_HTTP}", "HTTP_ACCEPT:a\nHTTP_ACCEPT:b, c\nHTTP_COOKIE:x=1; y=2\n"
				"HTTP_COOKIE:z=3\nHTTP_X_EMPTY:\nHTTP_X_ONE:1\n"
				"HTTP_CONTENT_TYPE:text/plain\nHTTP_CONTENT_LENGTH:12\n" },
		/* cookies by name */
		{ "{COOKIE_x}", "1" },
		{ "{COOKIE_y}", "2" },
		{ "{COOKIE_z}", "3" },
		{ "{COOKIE_X}", "" },
		{ "{COOKIE_none}", "" },
	};
	struct stand *s = stand_get("/");

	(void)state;
	stand_line(s, "Accept", "a");
	stand_line(s, "Accept", "b, c");
	stand_line(s, "Cookie", "x=1; y=2");
	stand_line(s, "Cookie", "z=3");
	stand_line(s, "X-Empty", "");
	stand_line(s, "X-One", "1");
	stand_line(s, "Content-Type", "text/plain");
	stand_line(s, "Content-Length", "12");
	CHECK_VALUES(s, row);
}

static void
cookies_are_pairs_between_semicolons(void **state)
{
	static const struct {
		const char *line, *value; /* of "n" */
	} row[] = {
		{ "n=1", "1" },
		{ "n=", "" },
		{ "n", "" },
		{ "", "" },
		{ ";;;", "" },
		{ "a=0;n=1", "1" },
		{ "a=n=2; n=3", "3" },
		{ "nn=0; n=1", "1" },
		{ " n = 1 ; b=2", "1" },
		{ "n=a=b", "a=b" },
		{ "n=\"q\"", "\"q\"" },
		{ "n=1; n=2", "1" },
		{ "m; n=1", "1" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get("/");

		stand_line(s, "cookie", row[i].line);
		assert_value(s, "{COOKIE_n}", row[i].value);
	}
}

static void
change(struct stand *s, enum rules_change_op op, uint32_t kind, const char *name, const char *value)
{
	struct rules_change c = { .op = op,
				  .is_variable = kind == IMG_SET_VARIABLE,
				  .is_response = kind == IMG_SET_RESPONSE_FIELD,
				  .name = slice_of(name, (uint32_t)strlen(name)),
				  .value = slice_of(value, (uint32_t)strlen(value)) };

	s->lane->change[s->lane->change_n++] = c;
}

static void
headers_and_variables_are_as_rules_left_them(void **state)
{
	static const struct value_row row[] = {
		{ "{HTTP_SET}", "2" },
		{ "{HTTP_GONE}", "" },
		{ "{HTTP_BACK}", "again" },
		{ "{HTTP_MORE}", "0, 1, 2" },
		{ "{HTTP_REPLACED}", "new, more" },
		{ "{HTTP_HOST}", "other" },
		{ "{CACHE_URL}", "http://www.example.com:80/" },
		{ "{SERVER_NAME}", "www.example.com" },
		{ "{CONTENT_TYPE}", "x/y" },
		{ "{ORIGINAL_HOST}", "second" },
		{ "{original_host}", "second" },
		{ "{FORGOTTEN}", "" },
		{ "{COOKIE_n}", "9" },
		{ "{HTTP_ORIGINAL_HOST}", "" }, /* a variable is no header */
		{ "{SET}", "" },
		{ "{ALL_HTTP}", "HTTP_MORE:0\nHTTP_SET:2\nHTTP_BACK:again\nHTTP_MORE:1\n"
				"HTTP_MORE:2\nHTTP_REPLACED:new\nHTTP_REPLACED:more\n"
				"HTTP_HOST:other\nHTTP_CONTENT_TYPE:x/y\nHTTP_COOKIE:n=9\n" },
	};
	struct stand *s = stand_get("/");

	(void)state;
	stand_line(s, "set", "1");
	stand_line(s, "gone", "1");
	stand_line(s, "back", "1");
	stand_line(s, "more", "0");
	stand_line(s, "replaced", "old");
	stand_line(s, "replaced", "older");
	stand_line(s, "cookie", "n=1");
	change(s, RULES_CHANGE_SET, IMG_SET_REQUEST_FIELD, "set", "2");
	change(s, RULES_CHANGE_REMOVE, IMG_SET_REQUEST_FIELD, "gone", "");
	change(s, RULES_CHANGE_REMOVE, IMG_SET_REQUEST_FIELD, "back", "");
	change(s, RULES_CHANGE_SET, IMG_SET_REQUEST_FIELD, "back", "again");
	change(s, RULES_CHANGE_APPEND, IMG_SET_REQUEST_FIELD, "more", "1");
	change(s, RULES_CHANGE_APPEND, IMG_SET_REQUEST_FIELD, "more", "2");
	change(s, RULES_CHANGE_SET, IMG_SET_REQUEST_FIELD, "replaced", "new");
	change(s, RULES_CHANGE_APPEND, IMG_SET_REQUEST_FIELD, "replaced", "more");
	change(s, RULES_CHANGE_SET, IMG_SET_REQUEST_FIELD, "host", "other");
	change(s, RULES_CHANGE_SET, IMG_SET_REQUEST_FIELD, "content-type", "x/y");
	change(s, RULES_CHANGE_SET, IMG_SET_VARIABLE, "ORIGINAL_HOST", "first");
	change(s, RULES_CHANGE_SET, IMG_SET_VARIABLE, "ORIGINAL_HOST", "second");
	change(s, RULES_CHANGE_SET, IMG_SET_VARIABLE, "FORGOTTEN", "x");
	change(s, RULES_CHANGE_REMOVE, IMG_SET_VARIABLE, "FORGOTTEN", "");
	change(s, RULES_CHANGE_SET, IMG_SET_REQUEST_FIELD, "cookie", "n=9");
	change(s, RULES_CHANGE_SET, IMG_SET_RESPONSE_FIELD, "set", "of the response");
	CHECK_VALUES(s, row);
}

static void
outbound_rules_see_the_response_and_what_inbound_rules_set(void **state)
{
	static const struct value_row row[] = {
		{ "{RESPONSE_STATUS}", "301 Moved Permanently" },
		{ "{RESPONSE_CONTENT_TYPE}", "text/html; charset=utf-8" },
		{ "{RESPONSE_SET-COOKIE}", "a=1, b=2" },
		{ "{RESPONSE_LOCATION}", "/by-a-rule" },
		{ "{RESPONSE_ABSENT}", "came" },
		{ "{RESPONSE_SERVER}", "s" },
		{ "{HTTP_ACCEPT_ENCODING}", "" },
		{ "{ORIGINAL_ACCEPT}", "gzip" },
		{ "{URL}", "/asked" },
	};
	static const struct rules_change before[] = {
		{ .op = RULES_CHANGE_REMOVE, .name = { (const uint8_t *)"accept-encoding", 15 } },
		{ .op = RULES_CHANGE_SET,
		  .is_variable = true,
		  .name = { (const uint8_t *)"ORIGINAL_ACCEPT", 15 },
		  .value = { (const uint8_t *)"gzip", 4 } },
	};
	struct stand *s = stand_get("/asked");

	(void)state;
	stand_line(s, "accept-encoding", "gzip");
	stand_answer(s, "content-type", "text/html; charset=utf-8");
	stand_answer(s, "set-cookie", "a=1");
	stand_answer(s, "set-cookie", "b=2");
	stand_answer(s, "location", "http://inside/");
	stand_answer(s, "server", "s");
	s->subject.status = 301;
	s->subject.phrase = SLICE("Moved Permanently");
	s->lane->before = before;
	s->lane->before_n = 2;
	change(s, RULES_CHANGE_SET, IMG_SET_RESPONSE_FIELD, "location", "/by-a-rule");
	change(s, RULES_CHANGE_ABSENT, IMG_SET_RESPONSE_FIELD, "absent", "came");
	change(s, RULES_CHANGE_ABSENT, IMG_SET_RESPONSE_FIELD, "server", "not me");
	CHECK_VALUES(s, row);
	s->subject.phrase = SLICE("");
	assert_value(s, "{RESPONSE_STATUS}", "301");
}

/* ---- choice 8: marks stay with their bytes ---- */

static void
marks_follow_text(void **state)
{
	struct stand *s = stand_get("/a%3Fb%3Fc?q");
	struct slice v;

	(void)state;
	stand_r(s, 0, NULL);
	v = stand_value(s, "{R:0}?{HTTP_X}");
	assert_slice(v, "a?b?c?");
	assert_int_equal(s->lane->keep.has_marks, true);
	v = stand_value(s, "{ToLower:{R:0}}{QUERY_STRING}");
	assert_slice(v, "a?b?cq");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_captures),
		cmocka_unit_test(an_index_that_no_pattern_provides_is_a_fault),
		cmocka_unit_test(what_lasts_is_copied_from_what_does_not),
		cmocka_unit_test(expressions_are_text_and_braces),
		cmocka_unit_test(an_expansion_is_bounded),
		cmocka_unit_test(variables_have_names),
		cmocka_unit_test(variables_of_a_plain_request),
		cmocka_unit_test(variables_of_a_secure_ipv6_request),
		cmocka_unit_test(cache_url_always_has_a_port),
		cmocka_unit_test(some_variables_follow_the_current_url),
		cmocka_unit_test(headers_are_joined),
		cmocka_unit_test(cookies_are_pairs_between_semicolons),
		cmocka_unit_test(headers_and_variables_are_as_rules_left_them),
		cmocka_unit_test(outbound_rules_see_the_response_and_what_inbound_rules_set),
		cmocka_unit_test(marks_follow_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
