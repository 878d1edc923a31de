/*
 * response.c - a response head (RFC 9112, 4): the status line, then what the fields, the status
 * and the request's method say about the content (RFC 9112, 6.3).
 */
#include "http/head.h"

#include "http/scan.h"

static enum http_verdict
status(struct head_in *in, struct http_response *ret)
{
	const uint8_t *p = in->p;
	uint32_t code = 0;

	for (uint32_t i = 0; i < 4; i++) {
		if (p + i == in->end)
			return HTTP_NEED_MORE;
		if (i == 0 ? p[i] != ' ' : (uint8_t)(p[i] - '0') > 9)
			return head_refuse(in, HTTP_REASON_STATUS_SYNTAX);
		code = i == 0 ? 0 : code * 10 + (uint8_t)(p[i] - '0');
	}
	if (code < 100)
		return head_refuse(in, HTTP_REASON_STATUS_SYNTAX);
	ret->status = (uint16_t)code;
	in->p = p + 4;
	return HTTP_DONE;
}

/* SP and the reason phrase; many servers leave out the SP of an empty one. */
static enum http_verdict
phrase(struct head_in *in, struct http_response *ret)
{
	const uint8_t *from = in->p;

	if (from == in->end)
		return HTTP_NEED_MORE;
	if (*from == '\r' || *from == '\n')
		return head_line_end(in, HTTP_REASON_STATUS_SYNTAX);
	if (*from != ' ')
		return head_refuse(in, HTTP_REASON_STATUS_SYNTAX);
	from++;
	in->p = scan_value(in->first, from, in->end);
	ret->phrase = slice_of(from, (uint32_t)(in->p - from));
	return head_line_end(in, HTTP_REASON_STATUS_BYTE);
}

static enum http_verdict
lines(struct head_in *in, struct http_response *ret, struct head_special *special)
{
	enum http_verdict v;

	if ((v = head_version(in, &ret->head.minor)) != HTTP_DONE)
		return v;
	if ((v = status(in, ret)) != HTTP_DONE)
		return v;
	if ((v = phrase(in, ret)) != HTTP_DONE)
		return v;
	return head_fields(in, &ret->head, special);
}

/* Responses that end with their head, whatever the fields say. */
static enum http_reason
no_content(struct http_response *r)
{
	r->head.framing = HTTP_FRAMING_NONE;
	if (r->status == 304)
		return HTTP_REASON_NONE; /* a length here is that of the stored response */
	if ((r->head.seen & FIELD_BIT(TRANSFER_ENCODING)) != 0)
		return HTTP_REASON_CODING_FORBIDDEN;
	if (r->head.has_length && r->head.length > 0)
		return HTTP_REASON_LENGTH_FORBIDDEN;
	r->head.has_length = false; /* "Content-Length: 0" with 204 is common and harmless */
	return HTTP_REASON_NONE;
}

static enum http_reason
content(struct http_response *r, enum http_method asked)
{
	if (r->status == 101) {
		r->tunnel = true;
		if (r->head.upgrade.n == 0)
			return HTTP_REASON_UPGRADE_MISSING;
	}
	if (r->status < 200 || r->status == 204 || r->status == 304)
		return no_content(r);
	if (asked == HTTP_METHOD_CONNECT && r->status < 300) {
		r->tunnel = true;
		r->head.framing = HTTP_FRAMING_NONE;
		r->head.has_length = false;
		return HTTP_REASON_NONE;
	}
	if (asked == HTTP_METHOD_HEAD) {
		r->head.framing = HTTP_FRAMING_NONE;
		return HTTP_REASON_NONE;
	}
	if (r->head.framing == HTTP_FRAMING_NONE) {
		r->head.framing = HTTP_FRAMING_CLOSE;
		r->head.keep_alive = false;
	}
	return HTTP_REASON_NONE;
}

static enum http_reason
meaning(struct http_response *r, const struct head_special *special,
	const struct http_limits *limits, enum http_method asked)
{
	enum http_reason fault;

	if ((fault = head_framing(&r->head, special, limits)) != HTTP_REASON_NONE)
		return fault;
	if ((fault = head_connection(&r->head, special)) != HTTP_REASON_NONE)
		return fault;
	if (r->status != 101)
		r->head.upgrade = slice_of(NULL, 0);
	return content(r, asked);
}

/* One piece of code, whatever a profile thinks of its parts: calls were a tenth of a head. */
__attribute__((flatten)) enum http_verdict
http_parse_response(struct slice bytes, const struct http_limits *limits,
		    struct http_resume *resume, enum http_method asked, struct http_response *ret)
{
	uint32_t n = bytes.n < limits->head_bytes ? bytes.n : limits->head_bytes;
	struct head_in in = { .first = bytes.p, .p = bytes.p, .limits = limits };
	struct head_special special;
	enum http_verdict v;

	if (head_wait(bytes, limits, resume))
		return HTTP_NEED_MORE;
	in.end = bytes.p + n;
	ret->status = 0;
	ret->tunnel = false;
	ret->phrase = slice_of(NULL, 0);
	v = lines(&in, ret, &special);
	if (v == HTTP_NEED_MORE)
		v = head_unfinished(&in, n, resume);
	if (v == HTTP_DONE) {
		ret->head.head_n = (uint32_t)(in.p - bytes.p);
		in.reason = meaning(ret, &special, limits, asked);
		if (in.reason != HTTP_REASON_NONE)
			v = HTTP_REFUSED;
	}
	if (v != HTTP_NEED_MORE)
		ret->reason = v == HTTP_REFUSED ? in.reason : HTTP_REASON_NONE;
	return v;
}
