/*
 * test_limits.c - limits, to the byte, and the options that loosen the parser.
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
#define G "GET / HTTP/1.1\r\nHost: h\r\n"
#define P "POST / HTTP/1.1\r\nHost: h\r\n"
#define E "\r\n"

/* A copy of exactly n bytes, so that the address sanitizer sees a read behind them. */
static uint8_t *
exact(const void *bytes, uint32_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	return copy;
}

static enum http_reason
refused(const char *text, uint32_t n, const struct http_limits *l)
{
	struct http_resume resume = { 0 };
	struct http_request r;
	uint8_t *copy = exact(text, n);

	assert_int_equal(http_parse_request(slice_of(copy, n), l, &resume, &r), HTTP_REFUSED);
	free(copy);
	return r.reason;
}

static void
limits_hold_to_the_byte(void **state)
{
	static const char text[] = "GET /target HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
	uint32_t n = sizeof(text) - 1;
	struct http_limits l = HTTP_LIMITS_DEFAULT;
	struct http_resume resume = { 0 };
	struct http_request r;

	(void)state;
	l.head_bytes = n;
	l.target_bytes = 7;
	l.method_bytes = 3;
	l.fields_n = 2;
	assert_int_equal(http_parse_request(slice_of(text, n), &l, &resume, &r), HTTP_DONE);
	l.head_bytes = n - 1;
	assert_int_equal(refused(text, n, &l), HTTP_REASON_HEAD_LONG);
	assert_int_equal(refused(text, n - 1, &l), HTTP_REASON_HEAD_LONG);
	l.head_bytes = n;
	l.target_bytes = 6;
	assert_int_equal(refused(text, n, &l), HTTP_REASON_TARGET_LONG);
	assert_int_equal(refused(text, 11, &l), HTTP_REASON_TARGET_LONG);
	l.target_bytes = 7;
	l.method_bytes = 2;
	assert_int_equal(refused(text, n, &l), HTTP_REASON_METHOD_LONG);
	l.method_bytes = 3;
	l.fields_n = 1;
	assert_int_equal(refused(text, n, &l), HTTP_REASON_FIELDS_MANY);
	l = (struct http_limits)HTTP_LIMITS_DEFAULT;
	l.body_bytes = 5;
	assert_int_equal(refused(P "Content-Length: 6\r\n" E, sizeof(P E) + 18, &l),
			 HTTP_REASON_LENGTH_LIMIT);
}

static void
every_reason_answers_with_its_status(void **state)
{
	(void)state;
	assert_int_equal(http_reason_status(HTTP_REASON_LENGTH_LIMIT), 413);
	assert_int_equal(http_reason_status(HTTP_REASON_TARGET_LONG), 414);
	assert_int_equal(http_reason_status(HTTP_REASON_HEAD_LONG), 431);
	assert_int_equal(http_reason_status(HTTP_REASON_FIELDS_MANY), 431);
	assert_int_equal(http_reason_status(HTTP_REASON_CODING_UNKNOWN), 501);
	assert_int_equal(http_reason_status(HTTP_REASON_METHOD_LONG), 501);
	assert_int_equal(http_reason_status(HTTP_REASON_VERSION), 505);
	assert_int_equal(http_reason_status(HTTP_REASON_HOST_MISSING), 400);
	assert_string_equal(http_reason_name(HTTP_REASON_HOST_MISSING), "no Host field");
}

/* 32 KiB that never end: refused at the limit, each byte looked at a bounded number of times. */
static void
a_head_that_never_ends_is_refused_at_the_limit(void **state)
{
	uint32_t n = limits.head_bytes + 1;
	uint8_t *bytes = malloc(n);
	struct http_resume resume = { 0 };
	struct http_request r;
	enum http_verdict v = HTTP_NEED_MORE;
	uint32_t at = 0;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'a', n);
	memcpy(bytes, G "A: ", sizeof(G) + 2);
	while (v == HTTP_NEED_MORE && at < n)
		v = http_parse_request(slice_of(bytes, ++at), &limits, &resume, &r);
	assert_int_equal(v, HTTP_REFUSED);
	assert_int_equal(r.reason, HTTP_REASON_HEAD_LONG);
	assert_int_equal(at, limits.head_bytes);
	free(bytes);
}

static void
lf_lines_and_target_octets_pass_when_allowed(void **state)
{
	static const char *const text[] = {
		"GET / HTTP/1.1\nHost: h\n\n",
		"\nGET / HTTP/1.1\nHost: h\r\nA: b\n\r\n",
		"GET /caf\xc3\xa9?x=\xff HTTP/1.1\r\nHost: h\r\n\r\n",
	};
	struct http_limits l = HTTP_LIMITS_DEFAULT;

	(void)state;
	l.lf_lines = true;
	l.target_octets = true;
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t n = (uint32_t)strlen(text[i]);

		for (uint32_t cut = 0; cut < n; cut++) {
			struct http_resume resume = { 0 };
			struct http_request r;

			assert_int_equal(
				http_parse_request(slice_of(text[i], cut), &l, &resume, &r),
				HTTP_NEED_MORE);
			assert_int_equal(http_parse_request(slice_of(text[i], n), &l, &resume, &r),
					 HTTP_DONE);
			assert_int_equal(r.head.head_n, n);
		}
	}
	assert_int_equal(refused("GET / HTTP/1.1\nHost: h\n b\n\n", 27, &l),
			 HTTP_REASON_FIELD_FOLDED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_hold_to_the_byte),
		cmocka_unit_test(every_reason_answers_with_its_status),
		cmocka_unit_test(a_head_that_never_ends_is_refused_at_the_limit),
		cmocka_unit_test(lf_lines_and_target_octets_pass_when_allowed),
	};

	return cmocka_run_group_tests_name("http limits", tests, NULL, NULL);
}
