/*
 * fuzz_http_response.c - any bytes as a response head: no crash, slices stay inside the bytes, the
 * verdict does not depend on the cut, and a head that passes can be emitted and is then read by
 * the same parser as the same response.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct http_response whole, cut, again;
static uint8_t sent[HTTP_HEAD_BYTES_MAX];

static uint32_t
hash_of(const uint8_t *p, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

static void
inside(struct slice s, const uint8_t *data, uint32_t n)
{
	ensure(s.n == 0 || (s.p >= data && s.p + s.n <= data + n));
}

static void
check_slices(const uint8_t *data)
{
	uint32_t n = whole.head.head_n;

	ensure(whole.status >= 100 && whole.status <= 999);
	inside(whole.phrase, data, n);
	inside(whole.head.upgrade, data, n);
	for (uint32_t i = 0; i < whole.head.field_n; i++) {
		inside(http_field_name(&whole.head.field[i]), data, n);
		inside(http_field_value(&whole.head.field[i]), data, n);
	}
}

static void
check_cut(struct slice in, enum http_method asked, enum http_verdict want, uint32_t at)
{
	const struct http_limits limits = HTTP_LIMITS_DEFAULT;
	struct http_resume resume = { 0 };
	enum http_verdict v =
		http_parse_response(slice_of(in.p, at), &limits, &resume, asked, &cut);

	ensure(v != HTTP_DONE || (want == HTTP_DONE && at >= whole.head.head_n));
	if (v == HTTP_NEED_MORE)
		v = http_parse_response(in, &limits, &resume, asked, &cut);
	if (want == HTTP_REFUSED)
		ensure(v == HTTP_NEED_MORE || (v == want && cut.reason == whole.reason));
	else
		ensure(v == want);
}

static void
check_emission(enum http_method asked)
{
	struct http_limits wide = HTTP_LIMITS_DEFAULT;
	struct http_resume resume = { 0 };
	struct http_response_out out = {
		.response = &whole,
		.framing = whole.head.framing,
		.length = whole.head.length,
		.keep_alive = whole.head.keep_alive,
		.client_minor = 1,
		.upgrade = true,
		.via = SLICE("penstock"),
		.date = SLICE("Sun, 06 Nov 1994 08:49:37 GMT"),
	};
	uint32_t need = http_emit_response(&out, sent, sizeof(sent));

	ensure(need <= sizeof(sent));
	wide.head_bytes = sizeof(sent);
	wide.fields_n = HTTP_FIELDS_MAX;
	ensure(http_parse_response(slice_of(sent, need), &wide, &resume, asked, &again) ==
	       HTTP_DONE);
	ensure(again.head.head_n == need);
	ensure(again.status == whole.status);
	ensure(slice_eq(again.phrase, whole.phrase));
	ensure(again.tunnel == whole.tunnel);
	ensure(again.head.framing == whole.head.framing);
	ensure(again.head.has_length == whole.head.has_length);
	ensure(!again.head.has_length || again.head.length == whole.head.length);
	ensure(whole.status < 200 || again.head.keep_alive == whole.head.keep_alive);
	ensure(slice_eq(again.head.upgrade, whole.head.upgrade));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum http_method method[] = { HTTP_METHOD_GET, HTTP_METHOD_HEAD,
						   HTTP_METHOD_CONNECT, HTTP_METHOD_GET };
	const struct http_limits limits = HTTP_LIMITS_DEFAULT;
	struct http_resume resume = { 0 };
	uint32_t n = size < 60000 ? (uint32_t)size : 60000;
	uint32_t h = hash_of(data, n);
	enum http_method asked = method[h & 3];
	struct slice in = slice_of(data, n);
	enum http_verdict v = http_parse_response(in, &limits, &resume, asked, &whole);

	if (v == HTTP_DONE) {
		ensure(whole.head.head_n <= n);
		check_slices(data);
		check_emission(asked);
	}
	check_cut(in, asked, v, n > 0 ? (h >> 4) % n : 0);
	return 0;
}
