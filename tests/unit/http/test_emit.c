/*
 * test_emit.c - heads on their way out: what goes in as text is parsed, edited and compared with
 * the text that must come out. Every emission is also tried with every room that is too small.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

static struct http_request request;
static struct http_response response;

static struct slice
text_slice(const char *text)
{
	return slice_of(text, (uint32_t)strlen(text));
}

static const struct http_request *
request_of(const char *text)
{
	struct http_resume resume = { 0 };

	assert_int_equal(http_parse_request(text_slice(text), &limits, &resume, &request),
			 HTTP_DONE);
	return &request;
}

static const struct http_response *
response_of(enum http_method asked, const char *text)
{
	struct http_resume resume = { 0 };

	assert_int_equal(http_parse_response(text_slice(text), &limits, &resume, asked, &response),
			 HTTP_DONE);
	return &response;
}

static void
same(const uint8_t *got, uint32_t n, const char *want)
{
	if (n != strlen(want) || memcmp(got, want, n) != 0)
		print_error("--- got ---\n%.*s--- want ---\n%s", (int)n, (const char *)got, want);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(got, want, n);
}

static void
request_leaves_as(const struct http_request_out *out, const char *want)
{
	uint32_t n = (uint32_t)strlen(want);

	for (uint32_t room = 0; room <= n + 1; room++) {
		uint8_t *to = malloc(room > 0 ? room : 1);
		uint32_t need;

		assert_non_null(to);
		need = http_emit_request(out, to, room);
		if (room >= n)
			same(to, need, want);
		assert_int_equal(need, n);
		free(to);
	}
}

static void
response_leaves_as(const struct http_response_out *out, const char *want)
{
	uint32_t n = (uint32_t)strlen(want);

	for (uint32_t room = 0; room <= n + 1; room++) {
		uint8_t *to = malloc(room > 0 ? room : 1);
		uint32_t need;

		assert_non_null(to);
		need = http_emit_response(out, to, room);
		if (room >= n)
			same(to, need, want);
		assert_int_equal(need, n);
		free(to);
	}
}

/* ---- requests ---- */

static void
a_plain_request_passes_with_host_first(void **state)
{
	struct http_request_out out = { .keep_alive = true };

	(void)state;
	out.request = request_of("GET /a?b HTTP/1.1\r\nUser-Agent: x\r\nHost: h\r\nAccept:*/*\r\n"
				 "X-A:  1 \r\n\r\n");
	request_leaves_as(&out, "GET /a?b HTTP/1.1\r\nHost: h\r\nUser-Agent: x\r\nAccept:*/*\r\n"
				"X-A:  1\r\n\r\n");
	out.keep_alive = false;
	out.host = SLICE("inner:8080");
	out.method = SLICE("PUT");
	out.target = SLICE("/new");
	request_leaves_as(&out,
			  "PUT /new HTTP/1.1\r\nHost: inner:8080\r\nUser-Agent: x\r\nAccept:*/*\r\n"
			  "X-A:  1\r\nConnection: close\r\n\r\n");
}

static void
fields_of_the_hop_stay_behind(void **state)
{
	struct http_request_out out = { .keep_alive = true };

	(void)state;
	out.request =
		request_of("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nConnection: keep-alive, x-hop\r\n"
			   "Keep-Alive: timeout=5\r\nB: 2\r\nX-Hop: 3\r\nProxy-Connection: a\r\n"
			   "TE: trailers\r\nUpgrade: x\r\nHTTP2-Settings: y\r\nC: 4\r\n\r\n");
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 4\r\n\r\n");
}

static void
every_form_of_target_becomes_origin_form(void **state)
{
	static const char *const t[][3] = {
		{ "GET", "http://h:1/p?q", "GET /p?q HTTP/1.1\r\nHost: h:1\r\n\r\n" },
		{ "GET", "http://h", "GET / HTTP/1.1\r\nHost: h\r\n\r\n" },
		{ "GET", "https://h?q", "GET /?q HTTP/1.1\r\nHost: h\r\n\r\n" },
		{ "OPTIONS", "http://h", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n" },
		{ "OPTIONS", "http://h/", "OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n" },
		{ "OPTIONS", "*", "OPTIONS * HTTP/1.1\r\nHost: other\r\n\r\n" },
		{ "CONNECT", "h:443", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n" },
	};
	struct http_request_out out = { .keep_alive = true };
	char text[256];

	(void)state;
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		strcpy(text, t[i][0]);
		strcat(text, " ");
		strcat(text, t[i][1]);
		strcat(text, " HTTP/1.1\r\nHost: other\r\n\r\n");
		out.request = request_of(text);
		request_leaves_as(&out, t[i][2]);
	}
}

static void
framing_is_ours(void **state)
{
	struct http_request_out out = { .keep_alive = true };

	(void)state;
	out.request = request_of("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n"
				 "Content-Length: 5\r\nTrailer: x\r\nA: 1\r\n\r\n");
	out.framing = HTTP_FRAMING_LENGTH;
	out.length = 18446744073709551615u;
	request_leaves_as(&out, "POST / HTTP/1.1\r\nHost: h\r\nA: 1\r\n"
				"Content-Length: 18446744073709551615\r\n\r\n");
	out.framing = HTTP_FRAMING_CHUNKED;
	request_leaves_as(&out, "POST / HTTP/1.1\r\nHost: h\r\nTrailer: x\r\nA: 1\r\n"
				"Transfer-Encoding: chunked\r\n\r\n");
	out.request = request_of(
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nA: 1\r\n\r\n");
	request_leaves_as(&out, "POST / HTTP/1.1\r\nHost: h\r\nA: 1\r\n"
				"Transfer-Encoding: chunked\r\n\r\n");
}

static void
via_and_forwarded_fields_are_joined_set_passed_or_dropped(void **state)
{
	struct http_request_out out = { .keep_alive = true };

	(void)state;
	out.via = SLICE("penstock");
	out.client = SLICE("192.0.2.7");
	out.proto = SLICE("https");
	out.xff = HTTP_FORWARD_APPEND;
	out.xfproto = HTTP_FORWARD_SET;
	out.xfhost = HTTP_FORWARD_SET;
	out.host = SLICE("inner");
	out.request = request_of("GET / HTTP/1.1\r\nHost: h:1\r\n\r\n");
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: inner\r\nX-Forwarded-For: 192.0.2.7\r\n"
				"X-Forwarded-Proto: https\r\nX-Forwarded-Host: h:1\r\n"
				"Via: 1.1 penstock\r\n\r\n");
	out.request = request_of("GET / HTTP/1.0\r\nHost: h\r\nx-forwarded-for: a\r\nVia: 1.0 v\r\n"
				 "X-Forwarded-For: b, c\r\nX-Forwarded-Proto: evil\r\nVia:\r\n"
				 "X-Forwarded-Host: evil\r\nA: 1\r\n\r\n");
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: inner\r\nA: 1\r\n"
				"X-Forwarded-For: a, b, c, 192.0.2.7\r\n"
				"X-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\n"
				"Via: 1.0 v, 1.0 penstock\r\n\r\n");
	out.via = SLICE("");
	out.xff = HTTP_FORWARD_SET;
	out.xfproto = HTTP_FORWARD_PASS;
	out.xfhost = HTTP_FORWARD_DROP;
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: inner\r\nVia: 1.0 v\r\n"
				"X-Forwarded-Proto: evil\r\nVia:\r\nA: 1\r\n"
				"X-Forwarded-For: 192.0.2.7\r\n\r\n");
}

static void
a_client_cannot_name_away_our_forwarded_fields(void **state)
{
	struct http_request_out out = { .keep_alive = true, .xff = HTTP_FORWARD_APPEND };

	(void)state;
	out.client = SLICE("c");
	out.request = request_of("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: a\r\n"
				 "Connection: x-forwarded-for, host\r\n\r\n");
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: c\r\n\r\n");
}

/* Servers that make variables of headers would read the client's word beside ours. */
static void
twins_of_what_we_write_stay_behind(void **state)
{
	struct http_request_out out = { .keep_alive = true,
					.client = SLICE("c"),
					.proto = SLICE("http"),
					.xff = HTTP_FORWARD_APPEND,
					.xfproto = HTTP_FORWARD_SET,
					.xfhost = HTTP_FORWARD_DROP };

	(void)state;
	out.request = request_of("GET / HTTP/1.1\r\nHost: h\r\nX_Forwarded_For: a\r\n"
				 "x-forwarded_for: a\r\nX-Forwarded-For: b\r\n"
				 "X_FORWARDED-PROTO: https\r\nX_Forwarded_Host: evil\r\n"
				 "Content_Length: 7\r\nTransfer_Encoding: chunked\r\n"
				 "X_Forwarded_Fox: stays\r\nMax_Forwards: stays\r\n\r\n");
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: h\r\nX_Forwarded_Fox: stays\r\n"
				"Max_Forwards: stays\r\nX-Forwarded-For: b, c\r\n"
				"X-Forwarded-Proto: http\r\n\r\n");
	out.xff = out.xfproto = out.xfhost = HTTP_FORWARD_PASS;
	out.request = request_of("OPTIONS / HTTP/1.1\r\nHost: h\r\nX_Forwarded_For: a\r\n"
				 "Max_Forwards: 9\r\nMax-Forwards: 2\r\n\r\n");
	request_leaves_as(&out, "OPTIONS / HTTP/1.1\r\nHost: h\r\nX_Forwarded_For: a\r\n"
				"Max-Forwards: 1\r\n\r\n");
}

static void
a_tunnel_is_offered_only_when_asked(void **state)
{
	struct http_request_out out = { .keep_alive = true, .upgrade = true };

	(void)state;
	out.request =
		request_of("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, te\r\n"
			   "TE: trailers\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n");
	request_leaves_as(&out,
			  "GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: k\r\nTE: trailers\r\n"
			  "Upgrade: websocket\r\nConnection: Upgrade, TE\r\n\r\n");
	out.upgrade = false;
	out.keep_alive = false;
	request_leaves_as(&out,
			  "GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: k\r\nTE: trailers\r\n"
			  "Connection: TE, close\r\n\r\n");
	out.upgrade = true;
	out.request = request_of("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n");
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
}

static void
max_forwards_counts_down(void **state)
{
	struct http_request_out out = { .keep_alive = true };

	(void)state;
	out.request = request_of("OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 10\r\n\r\n");
	request_leaves_as(&out, "OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 9\r\n\r\n");
	out.request = request_of("GET / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 10\r\n\r\n");
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 10\r\n\r\n");
}

#define EDIT(what, n, v)                                                                           \
	{                                                                                          \
		.op = HTTP_EDIT_##what, .id = http_field_id_of(SLICE(n)), .name = SLICE(n),        \
		.value = SLICE(v)                                                                  \
	}

static void
edits_apply_in_order(void **state)
{
	const struct http_edit edit[] = {
		EDIT(REMOVE, "accept", ""),	    EDIT(SET, "X-One", "new"),
		EDIT(APPEND, "X-Two", "second"),    EDIT(SET, "User-Agent", "us"),
		EDIT(APPEND, "X-Three", "gone"),    EDIT(REMOVE, "x-three", ""),
		EDIT(SET, "X-Four", "early"),	    EDIT(SET, "X-Four", "late"),
		EDIT(SET, "X-Forwarded-For", "me"), EDIT(APPEND, "X-Forwarded-For", "you"),
	};
	struct http_edits edits = { edit, sizeof(edit) / sizeof(edit[0]) };
	struct http_request_out out = { .keep_alive = true,
					.edits = &edits,
					.xff = HTTP_FORWARD_APPEND,
					.client = SLICE("c") };

	(void)state;
	out.request =
		request_of("GET / HTTP/1.1\r\nHost: h\r\nAccept: a\r\nx-one: 1\r\nX-Two: 2\r\n"
			   "X-ONE: 1b\r\nUser-Agent: x\r\nX-Three: 3\r\nX-Forwarded-For: z\r\n"
			   "Last: l\r\n\r\n");
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\nLast: l\r\nX-One: new\r\n"
				"X-Two: second\r\nUser-Agent: us\r\nX-Four: late\r\n"
				"X-Forwarded-For: me\r\nX-Forwarded-For: you\r\n\r\n");
}

/* Servers that make variables of headers read X_Auth as they do X-Auth. */
static void
an_edit_takes_away_twins_with_underscores(void **state)
{
	const struct http_edit edit[] = {
		EDIT(REMOVE, "x-auth-user", ""), EDIT(SET, "authorization", "ours"),
		EDIT(SET, "x_one", "new"),	 EDIT(SET, "accept_language", "de"),
		EDIT(APPEND, "x-two", "second"), EDIT(APPEND, "x-three", "gone"),
		EDIT(REMOVE, "x_three", ""),
	};
	struct http_edits edits = { edit, sizeof(edit) / sizeof(edit[0]) };
	struct http_request_out out = { .keep_alive = true, .edits = &edits };

	(void)state;
	out.request = request_of("GET / HTTP/1.1\r\nHost: h\r\nX_Auth-User: root\r\n"
				 "X_AUTH_USER: root\r\nX-Auth-User: root\r\n"
				 "Authorization_: stays\r\nX-One: 1\r\nX_Two: stays\r\n"
				 "Accept-Language: en\r\nX-Auth+User: stays\r\n\r\n");
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: h\r\nAuthorization_: stays\r\n"
				"X_Two: stays\r\nX-Auth+User: stays\r\nauthorization: ours\r\n"
				"x_one: new\r\naccept_language: de\r\nx-two: second\r\n\r\n");
}

static void
edits_do_not_reach_the_framing(void **state)
{
	const struct http_edit edit[] = {
		EDIT(SET, "Content-Length", "9"), EDIT(APPEND, "Transfer-Encoding", "gzip"),
		EDIT(REMOVE, "Host", ""),	  EDIT(SET, "Connection", "x"),
		EDIT(APPEND, "Keep-Alive", "x"),
	};
	struct http_edits edits = { edit, sizeof(edit) / sizeof(edit[0]) };
	struct http_request_out out = { .keep_alive = true, .edits = &edits };

	(void)state;
	out.request = request_of("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
	out.framing = HTTP_FRAMING_LENGTH;
	out.length = 5;
	request_leaves_as(&out, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
}

/* A head that did not come from the wire has its fields anywhere. */
static void
fields_from_elsewhere_are_written_one_by_one(void **state)
{
	struct http_request_out out = { .keep_alive = true };
	char bytes[] = "GET / HTTP/1.1\r\nHost: h\r\nA:1\r\nB:  2\r\n\r\n";

	(void)state;
	request_of(bytes);
	request.head.wire = false;
	request.head.field[2].value = (const uint8_t *)"elsewhere";
	request.head.field[2].value_n = 9;
	out.request = &request;
	request_leaves_as(&out, "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: elsewhere\r\n\r\n");
}

/* ---- responses ---- */

static void
a_response_keeps_its_phrase_and_gets_our_framing(void **state)
{
	struct http_response_out out = { .keep_alive = true, .client_minor = 1 };

	(void)state;
	out.response =
		response_of(HTTP_METHOD_GET,
			    "HTTP/1.0 503 RPC Error: 6ba\r\nDate: d\r\nConnection: close, x\r\n"
			    "X: 1\r\nContent-Length: 5\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n");
	out.framing = HTTP_FRAMING_LENGTH;
	out.length = 5;
	out.date = SLICE("ours");
	out.via = SLICE("penstock");
	response_leaves_as(&out, "HTTP/1.1 503 RPC Error: 6ba\r\nDate: d\r\nSet-Cookie: a\r\n"
				 "Set-Cookie: b\r\nVia: 1.0 penstock\r\nContent-Length: 5\r\n\r\n");
	out.client_minor = 0;
	response_leaves_as(&out, "HTTP/1.1 503 RPC Error: 6ba\r\nDate: d\r\nSet-Cookie: a\r\n"
				 "Set-Cookie: b\r\nVia: 1.0 penstock\r\nContent-Length: 5\r\n"
				 "Connection: keep-alive\r\n\r\n");
	out.response = response_of(HTTP_METHOD_GET, "HTTP/1.1 200\r\nVia: 1.1 a\r\n\r\n");
	out.keep_alive = false;
	out.framing = HTTP_FRAMING_CLOSE;
	response_leaves_as(&out, "HTTP/1.1 200 \r\nDate: ours\r\nVia: 1.1 a, 1.1 penstock\r\n"
				 "Connection: close\r\n\r\n");
}

static void
responses_without_content_tell_the_servers_length(void **state)
{
	struct http_response_out out = { .keep_alive = true, .client_minor = 1 };

	(void)state;
	out.response = response_of(HTTP_METHOD_HEAD,
				   "HTTP/1.1 200 OK\r\nContent-Length: 64\r\nA: 1\r\n\r\n");
	response_leaves_as(&out, "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 64\r\n\r\n");
	out.response = response_of(HTTP_METHOD_GET,
				   "HTTP/1.1 304 Not Modified\r\nContent-Length: 64\r\n\r\n");
	response_leaves_as(&out, "HTTP/1.1 304 Not Modified\r\nContent-Length: 64\r\n\r\n");
	out.response = response_of(HTTP_METHOD_GET,
				   "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n");
	response_leaves_as(&out, "HTTP/1.1 204 No Content\r\n\r\n");
	out.response = response_of(HTTP_METHOD_HEAD,
				   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	response_leaves_as(&out, "HTTP/1.1 200 OK\r\n\r\n");
}

static void
interim_responses_and_tunnels_have_no_framing(void **state)
{
	struct http_response_out out = {
		.keep_alive = true, .upgrade = true, .date = SLICE("ours"), .via = SLICE("")
	};

	(void)state;
	out.response = response_of(HTTP_METHOD_GET, "HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n");
	response_leaves_as(&out, "HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n");
	out.response = response_of(HTTP_METHOD_GET,
				   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				   "Connection: upgrade\r\nSec-WebSocket-Accept: k\r\n\r\n");
	response_leaves_as(&out, "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: k\r\n"
				 "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
	assert_true(slice_eq(http_continue(), SLICE("HTTP/1.1 100 Continue\r\n\r\n")));
}

static void
framing_follows_the_server_as_far_as_the_client_can(void **state)
{
	static const struct {
		const char *request, *response;
		enum http_framing framing;
		bool close;
	} t[] = {
		{ "1", "Content-Length: 5\r\n", HTTP_FRAMING_LENGTH, false },
		{ "0", "Content-Length: 5\r\n", HTTP_FRAMING_LENGTH, false },
		{ "1", "Transfer-Encoding: chunked\r\n", HTTP_FRAMING_CHUNKED, false },
		{ "0", "Transfer-Encoding: chunked\r\n", HTTP_FRAMING_CLOSE, true },
		{ "1", "", HTTP_FRAMING_CLOSE, true },
		{ "0", "", HTTP_FRAMING_CLOSE, true },
	};
	char text[128];
	bool close;

	(void)state;
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		strcpy(text, "GET / HTTP/1.");
		strcat(strcat(text, t[i].request), "\r\nHost: h\r\n\r\n");
		request_of(text);
		strcpy(text, "HTTP/1.1 200 OK\r\n");
		strcat(strcat(text, t[i].response), "\r\n");
		response_of(HTTP_METHOD_GET, text);
		assert_int_equal(http_framing_for(&request, &response, &close), t[i].framing);
		assert_int_equal(close, t[i].close);
	}
}

/* ---- our own replies ---- */

static void
reply_leaves_as(const struct http_reply *reply, const char *want)
{
	uint32_t n = (uint32_t)strlen(want);

	for (uint32_t room = 0; room <= n + 1; room++) {
		uint8_t *to = malloc(room > 0 ? room : 1);
		uint32_t need;

		assert_non_null(to);
		need = http_emit_error(reply, to, room);
		if (room >= n)
			same(to, need, want);
		assert_int_equal(need, n);
		free(to);
	}
}

static void
an_error_says_what_went_wrong(void **state)
{
	struct http_reply r = { .status = 504, .client_minor = 1, .keep_alive = true };

	(void)state;
	r.cause = SLICE("connect timeout");
	r.request_id = SLICE("a1-7");
	r.server = SLICE("penstock");
	r.date = SLICE("now");
	reply_leaves_as(&r, "HTTP/1.1 504 Gateway Timeout\r\nDate: now\r\nServer: penstock\r\n"
			    "X-Request-Id: a1-7\r\nCache-Control: no-store\r\n"
			    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 49\r\n\r\n"
			    "504 Gateway Timeout\nconnect timeout\nRequest a1-7\n");
	r.head_only = true;
	r.client_minor = 0;
	reply_leaves_as(&r, "HTTP/1.1 504 Gateway Timeout\r\nDate: now\r\nServer: penstock\r\n"
			    "X-Request-Id: a1-7\r\nCache-Control: no-store\r\n"
			    "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 49\r\n"
			    "Connection: keep-alive\r\n\r\n");
	r = (struct http_reply){ .status = 503, .retry_after_s = 30, .html = true };
	r.cause = SLICE("<script>&\"");
	r.location = SLICE("/x");
	reply_leaves_as(
		&r, "HTTP/1.1 503 Service Unavailable\r\nLocation: /x\r\nRetry-After: 30\r\n"
		    "Cache-Control: no-store\r\nContent-Type: text/html; charset=utf-8\r\n"
		    "Content-Length: 197\r\nConnection: close\r\n\r\n"
		    "<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head>\n"
		    "<body><h1>503 Service Unavailable</h1>\n"
		    "<p>It is <a href=\"/x\">here</a>.</p>\n"
		    "<p>&lt;script&gt;&amp;&quot;</p>\n</body></html>\n");
}

/* Our page links what a browser opens, not what it runs. */
static void
a_page_links_http_alone(void **state)
{
	static const struct {
		const char *location;
		bool links;
	} t[] = {
		{ "/x", true },
		{ "/x:y", true },
		{ "x?y", true },
		{ "http://h/", true },
		{ "HTTPS://h/", true },
		{ "javascript:alert(1)", false },
		{ "JavaScript://h/%0aalert(1)", false },
		{ "data:text/html,x", false },
		{ "http:x", false },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct http_reply r = { .status = 302, .client_minor = 1, .html = true };
		uint8_t to[1024] = { 0 };

		r.location = slice_of(t[i].location, (uint32_t)strlen(t[i].location));
		assert_true(http_emit_error(&r, to, sizeof(to)) < sizeof(to));
		assert_non_null(strstr((char *)to, "\r\nLocation: "));
		assert_int_equal(strstr((char *)to, "<a href") != NULL, t[i].links);
	}
}

/* What a rule answers: its own phrase and body, and nothing said about caches. */
static void
a_given_reply_leaves_as_it_is(void **state)
{
	struct http_reply r = { .status = 403,
				.client_minor = 1,
				.keep_alive = true,
				.html = true,
				.has_body = true,
				.has_no_policy = true };

	(void)state;
	r.phrase = SLICE("Not <here>");
	r.body = SLICE("<b>no</b>");
	reply_leaves_as(&r, "HTTP/1.1 403 Not <here>\r\n"
			    "Content-Type: text/html; charset=utf-8\r\nContent-Length: 9\r\n\r\n"
			    "<b>no</b>");
	r.body = SLICE("");
	reply_leaves_as(&r, "HTTP/1.1 403 Not <here>\r\n"
			    "Content-Type: text/html; charset=utf-8\r\nContent-Length: 0\r\n\r\n");
	r.has_body = false;
	reply_leaves_as(&r,
			"HTTP/1.1 403 Not <here>\r\n"
			"Content-Type: text/html; charset=utf-8\r\nContent-Length: 122\r\n\r\n"
			"<!DOCTYPE html>\n<html><head><title>403 Not &lt;here&gt;</title></head>\n"
			"<body><h1>403 Not &lt;here&gt;</h1>\n</body></html>\n");
}

/* RFC 9110, 6.4.1 and 15.3.6: what has no content has none of ours, nor a length; 205 says 0. */
static void
a_reply_without_content_ends_with_its_head(void **state)
{
	static const uint16_t status[] = { 100, 204, 304 };
	struct http_reply r = { .client_minor = 1,
				.keep_alive = true,
				.html = true,
				.has_body = true,
				.has_no_policy = true };

	(void)state;
	r.phrase = SLICE("x");
	r.body = SLICE("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
	for (uint32_t i = 0; i < 3; i++) {
		char want[64];

		r.status = status[i];
		snprintf(want, sizeof(want), "HTTP/1.1 %u x\r\n\r\n", (unsigned)status[i]);
		r.has_body = true;
		reply_leaves_as(&r, want);
		r.has_body = false;
		reply_leaves_as(&r, want);
	}
	r.status = 205;
	reply_leaves_as(&r, "HTTP/1.1 205 x\r\nContent-Length: 0\r\n\r\n");
	r.has_body = true;
	reply_leaves_as(&r, "HTTP/1.1 205 x\r\nContent-Length: 0\r\n\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_request_passes_with_host_first),
		cmocka_unit_test(fields_of_the_hop_stay_behind),
		cmocka_unit_test(every_form_of_target_becomes_origin_form),
		cmocka_unit_test(framing_is_ours),
		cmocka_unit_test(via_and_forwarded_fields_are_joined_set_passed_or_dropped),
		cmocka_unit_test(a_client_cannot_name_away_our_forwarded_fields),
		cmocka_unit_test(twins_of_what_we_write_stay_behind),
		cmocka_unit_test(a_tunnel_is_offered_only_when_asked),
		cmocka_unit_test(max_forwards_counts_down),
		cmocka_unit_test(edits_apply_in_order),
		cmocka_unit_test(an_edit_takes_away_twins_with_underscores),
		cmocka_unit_test(edits_do_not_reach_the_framing),
		cmocka_unit_test(fields_from_elsewhere_are_written_one_by_one),
		cmocka_unit_test(a_response_keeps_its_phrase_and_gets_our_framing),
		cmocka_unit_test(responses_without_content_tell_the_servers_length),
		cmocka_unit_test(interim_responses_and_tunnels_have_no_framing),
		cmocka_unit_test(framing_follows_the_server_as_far_as_the_client_can),
		cmocka_unit_test(an_error_says_what_went_wrong),
		cmocka_unit_test(a_page_links_http_alone),
		cmocka_unit_test(a_given_reply_leaves_as_it_is),
		cmocka_unit_test(a_reply_without_content_ends_with_its_head),
	};

	return cmocka_run_group_tests_name("http emit", tests, NULL, NULL);
}
