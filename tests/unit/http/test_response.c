/*
 * test_response.c - response heads, one line each: how the content ends for each request method,
 * and what is refused. Each is parsed whole, cut at every byte and byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/http.h"

struct head_case {
	enum http_method asked;
	const char *text;
	uint32_t n;
	enum http_reason reason; /* NONE: accepted */
	uint16_t status;
	enum http_framing framing;
	uint64_t length;
};

/* clang-format off */

#define ACCEPT(asked, text, status, framing, length) \
	{ HTTP_METHOD_##asked, text, sizeof(text) - 1, HTTP_REASON_NONE, status, \
	  HTTP_FRAMING_##framing, length },
#define REFUSE(asked, text, reason) \
	{ HTTP_METHOD_##asked, text, sizeof(text) - 1, HTTP_REASON_##reason, 0, \
	  HTTP_FRAMING_NONE, 0 },

#define R "HTTP/1.1 200 OK\r\n"
#define E "\r\n"

static const struct head_case cases[] = {
	/* --- status lines --- */
	ACCEPT(GET, R E, 200, CLOSE, 0)
	ACCEPT(GET, "HTTP/1.0 200 OK\r\n\r\n", 200, CLOSE, 0)
	ACCEPT(GET, "HTTP/1.1 200 \r\n\r\n", 200, CLOSE, 0)
	ACCEPT(GET, "HTTP/1.1 200\r\n\r\n", 200, CLOSE, 0)
	ACCEPT(GET, "HTTP/1.1 503 RPC Error: 6ba\r\n\r\n", 503, CLOSE, 0)
	ACCEPT(GET, "HTTP/1.1 200 \xc3\xa9\tx  y \r\n\r\n", 200, CLOSE, 0)
	ACCEPT(GET, "HTTP/1.3 404 Not Found\r\n\r\n", 404, CLOSE, 0)
	ACCEPT(GET, "HTTP/1.1 999 Denied\r\n\r\n", 999, CLOSE, 0)
	REFUSE(GET, "\r\nHTTP/1.1 200 OK\r\n\r\n", VERSION_SYNTAX)
	REFUSE(GET, "ICY 200 OK\r\n\r\n", VERSION_SYNTAX)
	REFUSE(GET, "http/1.1 200 OK\r\n\r\n", VERSION_SYNTAX)
	REFUSE(GET, "HTTP/1.x 200 OK\r\n\r\n", VERSION_SYNTAX)
	REFUSE(GET, "HTTP/11 200 OK\r\n\r\n", VERSION_SYNTAX)
	REFUSE(GET, "<html>\r\n\r\n", VERSION_SYNTAX)
	REFUSE(GET, "HTTP/2.0 200 OK\r\n\r\n", VERSION)
	REFUSE(GET, "HTTP/0.9 200 OK\r\n\r\n", VERSION)
	REFUSE(GET, "HTTP/1.1\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.10 200 OK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1  200 OK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1\t200 OK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1 20 OK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1 2000 OK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1 20a OK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1 -20 OK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1 099 OK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1 000 OK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1 200\tOK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1 200OK\r\n\r\n", STATUS_SYNTAX)
	REFUSE(GET, "HTTP/1.1 200 O\0K\r\n\r\n", STATUS_BYTE)
	REFUSE(GET, "HTTP/1.1 200 O\x0bK\r\n\r\n", STATUS_BYTE)
	REFUSE(GET, "HTTP/1.1 200 O\x7fK\r\n\r\n", STATUS_BYTE)
	REFUSE(GET, "HTTP/1.1 200 OK\n\n", BARE_LF)
	REFUSE(GET, "HTTP/1.1 200\n\n", BARE_LF)
	REFUSE(GET, "HTTP/1.1 200 OK\rA: b\r\n\r\n", BARE_CR)
	REFUSE(GET, "HTTP/1.1 200\rA: b\r\n\r\n", BARE_CR)
	/* --- fields: the parser is the request's --- */
	ACCEPT(GET, R "Set-Cookie: a\r\nSet-Cookie: b\r\n" E, 200, CLOSE, 0)
	REFUSE(GET, R " A: b\r\n" E, FIELD_SPACE_FIRST)
	REFUSE(GET, R "A: b\r\n c\r\n" E, FIELD_FOLDED)
	REFUSE(GET, R "A : b\r\n" E, FIELD_NAME_SPACE)
	REFUSE(GET, R ": b\r\n" E, FIELD_NAME_EMPTY)
	REFUSE(GET, R "A\r\n" E, FIELD_NO_COLON)
	REFUSE(GET, R "A/B: c\r\n" E, FIELD_NAME_SYNTAX)
	REFUSE(GET, R "A: \0\r\n" E, FIELD_BYTE)
	REFUSE(GET, R "A: b\rc\r\n" E, BARE_CR)
	REFUSE(GET, R "A: b\n" E, BARE_LF)
	/* --- Content-Length --- */
	ACCEPT(GET, R "Content-Length: 0\r\n" E, 200, LENGTH, 0)
	ACCEPT(GET, R "Content-Length: 64\r\n" E, 200, LENGTH, 64)
	ACCEPT(POST, R "Content-Length: 64\r\nContent-Length: 64\r\n" E, 200, LENGTH, 64)
	ACCEPT(GET, "HTTP/1.0 200 OK\r\nContent-Length: 64\r\n\r\n", 200, LENGTH, 64)
	REFUSE(GET, R "Content-Length: 64, 65\r\n" E, LENGTH_DIFFERS)
	REFUSE(GET, R "Content-Length: 64\r\nContent-Length: 65\r\n" E, LENGTH_DIFFERS)
	REFUSE(GET, R "Content-Length: -1\r\n" E, LENGTH_SYNTAX)
	REFUSE(GET, R "Content-Length: \r\n" E, LENGTH_SYNTAX)
	REFUSE(GET, R "Content-Length: 99999999999999999999\r\n" E, LENGTH_OVERFLOW)
	/* --- Transfer-Encoding --- */
	ACCEPT(GET, R "Transfer-Encoding: chunked\r\n" E, 200, CHUNKED, 0)
	ACCEPT(OTHER, R "Transfer-Encoding: Chunked\r\n" E, 200, CHUNKED, 0)
	REFUSE(GET, R "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" E, LENGTH_AND_CODING)
	REFUSE(GET, R "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" E, CODING_TWICE)
	REFUSE(GET, R "Transfer-Encoding: chunked, chunked\r\n" E, CODING_NOT_FINAL)
	REFUSE(GET, R "Transfer-Encoding: gzip, chunked\r\n" E, CODING_UNKNOWN)
	REFUSE(GET, R "Transfer-Encoding: identity\r\n" E, CODING_UNKNOWN)
	REFUSE(GET, R "Transfer-Encoding:\r\n" E, CODING_SYNTAX)
	REFUSE(GET, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CODING_OLD_VERSION)
	/* --- responses without content --- */
	ACCEPT(HEAD, R E, 200, NONE, 0)
	ACCEPT(HEAD, R "Content-Length: 64\r\n" E, 200, NONE, 64)
	ACCEPT(HEAD, R "Transfer-Encoding: chunked\r\n" E, 200, NONE, 0)
	REFUSE(HEAD, R "Content-Length: 64\r\nTransfer-Encoding: chunked\r\n" E, LENGTH_AND_CODING)
	REFUSE(HEAD, R "Content-Length: x\r\n" E, LENGTH_SYNTAX)
	ACCEPT(HEAD, "HTTP/1.1 404 Not Found\r\nContent-Length: 64\r\n\r\n", 404, NONE, 64)
	ACCEPT(GET, "HTTP/1.1 204 No Content\r\n\r\n", 204, NONE, 0)
	ACCEPT(GET, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, NONE, 0)
	REFUSE(GET, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", LENGTH_FORBIDDEN)
	REFUSE(GET, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", CODING_FORBIDDEN)
	ACCEPT(GET, "HTTP/1.1 304 Not Modified\r\n\r\n", 304, NONE, 0)
	ACCEPT(GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 64\r\n\r\n", 304, NONE, 64)
	ACCEPT(GET, "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, NONE, 0)
	ACCEPT(GET, "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", 205, LENGTH, 0)
	ACCEPT(GET, "HTTP/1.1 100 Continue\r\n\r\n", 100, NONE, 0)
	ACCEPT(POST, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 103, NONE, 0)
	ACCEPT(GET, "HTTP/1.1 199 ?\r\nContent-Length: 0\r\n\r\n", 199, NONE, 0)
	REFUSE(GET, "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", LENGTH_FORBIDDEN)
	REFUSE(GET, "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n", CODING_FORBIDDEN)
	/* --- tunnels --- */
	ACCEPT(GET, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	       101, NONE, 0)
	REFUSE(GET, "HTTP/1.1 101 Switching Protocols\r\n\r\n", UPGRADE_MISSING)
	REFUSE(GET, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", UPGRADE_MISSING)
	REFUSE(GET, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n", UPGRADE_MISSING)
	REFUSE(GET, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
	       UPGRADE_MISSING)
	REFUSE(GET, "HTTP/1.0 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	       UPGRADE_MISSING)
	ACCEPT(CONNECT, R E, 200, NONE, 0)
	ACCEPT(CONNECT, R "Content-Length: 5\r\n" E, 200, NONE, 0)
	ACCEPT(CONNECT, R "Transfer-Encoding: chunked\r\n" E, 200, NONE, 0)
	ACCEPT(CONNECT, "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\n", 403, LENGTH, 5)
};

/* clang-format on */

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

/* From a copy of exactly n bytes, so that the address sanitizer sees a read behind them. */
static enum http_verdict
parse(const struct head_case *c, uint32_t n, struct http_resume *resume, struct http_response *ret)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	enum http_verdict v;

	assert_non_null(copy);
	memcpy(copy, c->text, n);
	v = http_parse_response(slice_of(copy, n), &limits, resume, c->asked, ret);
	free(copy);
	return v;
}

static void
check(const struct head_case *c, enum http_verdict v, const struct http_response *r)
{
	enum http_verdict want = c->reason == HTTP_REASON_NONE ? HTTP_DONE : HTTP_REFUSED;

	if (v != want || r->reason != c->reason)
		print_error("verdict %d, reason \"%s\" (want \"%s\") for: %s\n", (int)v,
			    http_reason_name(r->reason), http_reason_name(c->reason), c->text);
	assert_int_equal(v, want);
	assert_int_equal(r->reason, c->reason);
	if (v != HTTP_DONE)
		return;
	assert_int_equal(r->head.head_n, c->n);
	assert_int_equal(r->status, c->status);
	if (r->head.framing != c->framing)
		print_error("framing %s for: %s\n", http_framing_name(r->head.framing), c->text);
	assert_int_equal(r->head.framing, c->framing);
	assert_int_equal(r->head.has_length ? r->head.length : 0, c->length);
	assert_int_equal(r->tunnel, c->status == 101 || (c->asked == HTTP_METHOD_CONNECT &&
							 c->status / 100 == 2));
}

#define EACH(c) (const struct head_case *c = cases; c < cases + sizeof(cases) / sizeof(*cases); c++)

static void
a_whole_head_gets_its_verdict(void **state)
{
	struct http_response r;

	(void)state;
	for
		EACH(c)
		{
			struct http_resume resume = { 0 };

			check(c, parse(c, c->n, &resume, &r), &r);
		}
	print_message("%zu response heads\n", sizeof(cases) / sizeof(*cases));
}

static void
a_head_cut_anywhere_gets_the_same_verdict(void **state)
{
	struct http_response r;

	(void)state;
	for
		EACH(c)
		{
			for (uint32_t cut = 0; cut < c->n; cut++) {
				struct http_resume resume = { 0 };
				enum http_verdict v = parse(c, cut, &resume, &r);

				assert_int_not_equal(v, HTTP_DONE);
				if (v == HTTP_NEED_MORE)
					v = parse(c, c->n, &resume, &r);
				check(c, v, &r);
			}
		}
}

static void
a_head_byte_by_byte_gets_the_same_verdict(void **state)
{
	struct http_response r;

	(void)state;
	for
		EACH(c)
		{
			struct http_resume resume = { 0 };
			enum http_verdict v = HTTP_NEED_MORE;

			for (uint32_t n = 1; n <= c->n && v == HTTP_NEED_MORE; n++)
				v = parse(c, n, &resume, &r);
			check(c, v, &r);
		}
}

static void
the_phrase_and_the_connection_are_as_sent(void **state)
{
	static const struct {
		const char *text, *phrase;
		bool keep_alive;
	} t[] = {
		{ "HTTP/1.1 503 RPC Error: 6ba\r\nContent-Length: 0\r\n\r\n", "RPC Error: 6ba",
		  true },
		{ "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", true },
		{ "HTTP/1.1 200 OK\r\n\r\n", "OK", false },
		{ "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "OK",
		  false },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "OK", false },
		{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", "OK",
		  true },
	};
	struct http_response r;

	(void)state;
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct http_resume resume = { 0 };
		struct slice bytes = slice_of(t[i].text, (uint32_t)strlen(t[i].text));

		assert_int_equal(http_parse_response(bytes, &limits, &resume, HTTP_METHOD_GET, &r),
				 HTTP_DONE);
		assert_true(
			slice_eq(r.phrase, slice_of(t[i].phrase, (uint32_t)strlen(t[i].phrase))));
		assert_int_equal(r.head.keep_alive, t[i].keep_alive);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_head_gets_its_verdict),
		cmocka_unit_test(a_head_cut_anywhere_gets_the_same_verdict),
		cmocka_unit_test(a_head_byte_by_byte_gets_the_same_verdict),
		cmocka_unit_test(the_phrase_and_the_connection_are_as_sent),
	};

	return cmocka_run_group_tests_name("http response", tests, NULL, NULL);
}
