/*
 * fuzz_http_request.c - any bytes as a request head: no crash, slices stay inside the bytes, the
 * verdict does not depend on the cut, and a head that passes can be emitted and is then read by
 * the same parser as the same request.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct http_request whole, cut, again;
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

	inside(whole.method, data, n);
	inside(whole.target, data, n);
	inside(whole.path, data, n);
	inside(whole.host, data, n);
	inside(whole.name, data, n);
	inside(whole.head.upgrade, data, n);
	for (uint32_t i = 0; i < whole.head.field_n; i++) {
		struct slice name = http_field_name(&whole.head.field[i]);

		inside(name, data, n);
		inside(http_field_value(&whole.head.field[i]), data, n);
		ensure(http_is_token(name));
		ensure(http_is_field_value(http_field_value(&whole.head.field[i])));
		ensure(http_field_id_of(name) == whole.head.field[i].id);
	}
}

/* Early refusals must be the right ones; a complete head must get its verdict. */
static void
check_cut(struct slice in, enum http_verdict want, const struct http_limits *limits, uint32_t at)
{
	struct http_resume resume = { 0 };
	enum http_verdict v = http_parse_request(slice_of(in.p, at), limits, &resume, &cut);

	ensure(v != HTTP_DONE || (want == HTTP_DONE && at >= whole.head.head_n));
	if (v == HTTP_NEED_MORE)
		v = http_parse_request(in, limits, &resume, &cut);
	if (want == HTTP_REFUSED)
		ensure(v == HTTP_NEED_MORE || (v == want && cut.reason == whole.reason));
	else
		ensure(v == want);
}

static void
check_emission(void)
{
	struct http_limits wide = HTTP_LIMITS_DEFAULT;
	struct http_resume resume = { 0 };
	struct http_request_out out = {
		.request = &whole,
		.framing = whole.head.framing,
		.length = whole.head.length,
		.keep_alive = whole.head.keep_alive,
		.upgrade = true,
		.via = SLICE("penstock"),
		.xff = HTTP_FORWARD_APPEND,
		.xfproto = HTTP_FORWARD_SET,
		.xfhost = HTTP_FORWARD_SET,
		.client = SLICE("192.0.2.1"),
		.proto = SLICE("http"),
	};
	uint32_t need = http_emit_request(&out, sent, sizeof(sent));

	ensure(need <= sizeof(sent));
	wide.head_bytes = sizeof(sent);
	wide.fields_n = HTTP_FIELDS_MAX;
	wide.target_bytes = sizeof(sent);
	wide.target_octets = true;
	ensure(http_parse_request(slice_of(sent, need), &wide, &resume, &again) == HTTP_DONE);
	ensure(again.head.head_n == need);
	ensure(slice_eq(again.method, whole.method));
	ensure(slice_eq(again.host, whole.host));
	ensure(again.head.framing == whole.head.framing);
	ensure(!whole.head.has_length || again.head.framing == HTTP_FRAMING_NONE ||
	       again.head.length == whole.head.length);
	ensure(again.head.keep_alive == whole.head.keep_alive);
	ensure(slice_eq(again.head.upgrade, whole.head.upgrade));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_limits limits = HTTP_LIMITS_DEFAULT;
	struct http_resume resume = { 0 };
	uint32_t n = size < 60000 ? (uint32_t)size : 60000;
	uint32_t h = hash_of(data, n);
	struct slice in = slice_of(data, n);
	enum http_verdict v;

	limits.lf_lines = (h & 1) != 0;
	limits.target_octets = (h & 2) != 0;
	if ((h & 12) == 0) {
		limits.head_bytes = 512;
		limits.fields_n = 8;
		limits.target_bytes = 64;
		limits.body_bytes = 1 << 20;
	}
	v = http_parse_request(in, &limits, &resume, &whole);
	if (v == HTTP_DONE) {
		ensure(whole.head.head_n <= n);
		check_slices(data);
		check_emission();
	}
	if (v == HTTP_REFUSED)
		ensure(http_reason_status(whole.reason) >= 400);
	check_cut(in, v, &limits, n > 0 ? (h >> 4) % n : 0);
	return 0;
}
