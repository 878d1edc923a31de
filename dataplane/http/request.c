/*
 * request.c - a request head (RFC 9112, 3): the request line, then what the fields mean for it.
 */
#include "http/head.h"

#include <string.h>

#include "http/scan.h"

static enum http_method
method_id(struct slice m)
{
	switch (m.n) {
	case 3:
		if (memcmp(m.p, "GET", 3) == 0)
			return HTTP_METHOD_GET;
		return memcmp(m.p, "PUT", 3) == 0 ? HTTP_METHOD_PUT : HTTP_METHOD_OTHER;
	case 4:
		if (memcmp(m.p, "POST", 4) == 0)
			return HTTP_METHOD_POST;
		return memcmp(m.p, "HEAD", 4) == 0 ? HTTP_METHOD_HEAD : HTTP_METHOD_OTHER;
	case 5:
		if (memcmp(m.p, "PATCH", 5) == 0)
			return HTTP_METHOD_PATCH;
		return memcmp(m.p, "TRACE", 5) == 0 ? HTTP_METHOD_TRACE : HTTP_METHOD_OTHER;
	case 6:
		return memcmp(m.p, "DELETE", 6) == 0 ? HTTP_METHOD_DELETE : HTTP_METHOD_OTHER;
	case 7:
		if (memcmp(m.p, "CONNECT", 7) == 0)
			return HTTP_METHOD_CONNECT;
		return memcmp(m.p, "OPTIONS", 7) == 0 ? HTTP_METHOD_OPTIONS : HTTP_METHOD_OTHER;
	}
	return HTTP_METHOD_OTHER;
}

/* A server should ignore one empty line before the request line (RFC 9112, 2.2). */
static enum http_verdict
empty_line(struct head_in *in)
{
	enum http_verdict v;

	if (*in->p != '\r' && *in->p != '\n')
		return HTTP_DONE;
	v = head_line_end(in, HTTP_REASON_BARE_CR);
	if (v != HTTP_DONE)
		return v;
	if (in->p == in->end)
		return HTTP_NEED_MORE;
	if (*in->p == '\r' || *in->p == '\n')
		return head_refuse(in, HTTP_REASON_EMPTY_LINES);
	return HTTP_DONE;
}

static enum http_verdict
method(struct head_in *in, struct http_request *ret)
{
	const uint8_t *from = in->p;
	const uint8_t *to = scan_over(&scan_token_class, in->first, from, in->end);
	uint32_t n = (uint32_t)(to - from);

	if (n > in->limits->method_bytes)
		return head_refuse(in, HTTP_REASON_METHOD_LONG);
	if (to == in->end)
		return HTTP_NEED_MORE;
	if (n == 0 || *to != ' ')
		return head_refuse(in, HTTP_REASON_METHOD_SYNTAX);
	ret->method = slice_of(from, n);
	ret->method_id = method_id(ret->method);
	in->p = to + 1;
	return HTTP_DONE;
}

static enum http_verdict
target(struct head_in *in, struct http_request *ret)
{
	const uint8_t *from = in->p;
	const uint8_t *to = scan_over(&scan_target_class, in->first, from, in->end);

	while (in->limits->target_octets && to < in->end && *to >= 0x80)
		to = scan_over(&scan_target_class, in->first, to + 1, in->end);
	if ((uint32_t)(to - from) > in->limits->target_bytes)
		return head_refuse(in, HTTP_REASON_TARGET_LONG);
	if (to == in->end)
		return HTTP_NEED_MORE;
	if (*to == '\r' || *to == '\n' || to == from)
		return head_refuse(in, HTTP_REASON_START_LINE_SYNTAX);
	if (*to != ' ')
		return head_refuse(in, HTTP_REASON_TARGET_BYTE);
	ret->target = slice_of(from, (uint32_t)(to - from));
	in->p = to + 1;
	return HTTP_DONE;
}

static enum http_verdict
lines(struct head_in *in, struct http_request *ret, struct head_special *special)
{
	enum http_verdict v;

	if ((v = empty_line(in)) != HTTP_DONE)
		return v;
	if ((v = method(in, ret)) != HTTP_DONE)
		return v;
	if ((v = target(in, ret)) != HTTP_DONE)
		return v;
	if ((v = head_version(in, &ret->head.minor)) != HTTP_DONE)
		return v;
	if ((v = head_line_end(in, HTTP_REASON_VERSION_SYNTAX)) != HTTP_DONE)
		return v;
	return head_fields(in, &ret->head, special);
}

/* Exactly one Host in HTTP/1.1, at most one in 1.0; the target's authority comes before it. */
static enum http_reason
host(struct http_request *r, const struct head_special *special)
{
	const struct http_field *found = NULL;
	struct slice value, name;
	uint16_t port;

	for (uint32_t i = 0; i < special->n; i++) {
		const struct http_field *f = &r->head.field[special->field_i[i]];

		if (f->id != HTTP_FIELD_HOST)
			continue;
		if (found != NULL)
			return HTTP_REASON_HOST_TWICE;
		found = f;
	}
	if (found == NULL)
		return r->head.minor > 0 ? HTTP_REASON_HOST_MISSING : HTTP_REASON_NONE;
	value = http_field_value(found);
	if (value.n == 0)
		return HTTP_REASON_NONE; /* an empty Host: the target has no authority */
	if (!http_split_host(value, &name, &port))
		return HTTP_REASON_HOST_SYNTAX;
	if (r->host.n == 0) {
		r->host = value;
		r->name = name;
		r->port = port;
	}
	return HTTP_REASON_NONE;
}

static void
max_forwards(struct http_request *r, struct slice value)
{
	int32_t n = 0;

	if (r->method_id != HTTP_METHOD_TRACE && r->method_id != HTTP_METHOD_OPTIONS)
		return;
	if (value.n == 0 || value.n > 8)
		return;
	for (uint32_t i = 0; i < value.n; i++) {
		if ((uint8_t)(value.p[i] - '0') > 9)
			return;
		n = n * 10 + (value.p[i] - '0');
	}
	r->max_forwards = n;
}

/* Expect (RFC 9110, 10.1.1) and Max-Forwards (7.6.2). */
static enum http_reason
asks(struct http_request *r, const struct head_special *special)
{
	bool expect = false;

	for (uint32_t i = 0; i < special->n; i++) {
		const struct http_field *f = &r->head.field[special->field_i[i]];
		struct slice value = http_field_value(f);

		if (f->id == HTTP_FIELD_MAX_FORWARDS)
			max_forwards(r, value);
		if (f->id != HTTP_FIELD_EXPECT)
			continue;
		if (!slice_eq_nocase(value, SLICE("100-continue")))
			return HTTP_REASON_EXPECTATION;
		expect = true;
	}
	r->expect_continue = expect && r->head.minor > 0 && r->head.framing != HTTP_FRAMING_NONE &&
			     (r->head.framing != HTTP_FRAMING_LENGTH || r->head.length > 0);
	return HTTP_REASON_NONE;
}

/* CONNECT and TRACE have no content (RFC 9110, 9.3.6 and 9.3.8). */
static enum http_reason
no_content(struct http_request *r)
{
	if (r->head.framing == HTTP_FRAMING_CHUNKED)
		return HTTP_REASON_CODING_FORBIDDEN;
	if (r->head.has_length && r->head.length > 0)
		return HTTP_REASON_LENGTH_FORBIDDEN;
	r->head.framing = HTTP_FRAMING_NONE;
	return HTTP_REASON_NONE;
}

static enum http_reason
meaning(struct http_request *r, const struct head_special *special,
	const struct http_limits *limits)
{
	enum http_reason fault;

	if ((fault = target_parse(r)) != HTTP_REASON_NONE)
		return fault;
	if ((fault = host(r, special)) != HTTP_REASON_NONE)
		return fault;
	if ((fault = head_framing(&r->head, special, limits)) != HTTP_REASON_NONE)
		return fault;
	if ((fault = head_connection(&r->head, special)) != HTTP_REASON_NONE)
		return fault;
	if (r->method_id == HTTP_METHOD_CONNECT || r->method_id == HTTP_METHOD_TRACE) {
		if ((fault = no_content(r)) != HTTP_REASON_NONE)
			return fault;
	}
	if ((r->head.seen & (FIELD_BIT(EXPECT) | FIELD_BIT(MAX_FORWARDS))) != 0)
		return asks(r, special);
	return HTTP_REASON_NONE;
}

/* One piece of code, whatever a profile thinks of its parts: calls were a tenth of a head. */
__attribute__((flatten)) enum http_verdict
http_parse_request(struct slice bytes, const struct http_limits *limits, struct http_resume *resume,
		   struct http_request *ret)
{
	uint32_t n = bytes.n < limits->head_bytes ? bytes.n : limits->head_bytes;
	struct head_in in = { .first = bytes.p, .p = bytes.p, .limits = limits };
	struct head_special special;
	enum http_verdict v;

	if (head_wait(bytes, limits, resume))
		return HTTP_NEED_MORE;
	in.end = bytes.p + n;
	ret->method_id = HTTP_METHOD_OTHER;
	ret->form = HTTP_FORM_ORIGIN;
	ret->port = 0;
	ret->max_forwards = -1;
	ret->expect_continue = false;
	ret->method = ret->target = ret->scheme = slice_of(NULL, 0);
	ret->path = ret->host = ret->name = slice_of(NULL, 0);
	v = lines(&in, ret, &special);
	if (v == HTTP_NEED_MORE)
		v = head_unfinished(&in, n, resume);
	if (v == HTTP_DONE) {
		ret->head.head_n = (uint32_t)(in.p - bytes.p);
		in.reason = meaning(ret, &special, limits);
		if (in.reason != HTTP_REASON_NONE)
			v = HTTP_REFUSED;
	}
	if (v != HTTP_NEED_MORE)
		ret->reason = v == HTTP_REFUSED ? in.reason : HTTP_REASON_NONE;
	return v;
}
