/*
 * target.c - the four forms of a request target (RFC 9112, 3.2) and host[:port] (RFC 3986, 3.2.2).
 *
 * The target's bytes are already known to be visible characters without "#".
 */
#include "http/head.h"

#include <string.h>

#include "http/scan.h"

static inline bool
is_hex(uint8_t c)
{
	return (uint8_t)(c - '0') <= 9 || (uint8_t)((c | 0x20) - 'a') <= 5;
}

/* "[" IPv6 or IPvFuture "]", as far as its characters go. Returns its length or 0. */
static uint32_t
ip_literal(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *q = p + 1;
	bool colon = false;

	while (q < end && *q != ']') {
		bool future = p[1] == 'v' || p[1] == 'V';

		colon = colon || *q == ':';
		if (!is_hex(*q) && *q != ':' && *q != '.' &&
		    !(future && scan_has(&scan_host_class, *q)))
			return 0;
		q++;
	}
	if (q == end || q - p < 3 || (!colon && p[1] != 'v' && p[1] != 'V'))
		return 0;
	return (uint32_t)(q + 1 - p);
}

/* A registered name or an IPv4 address; may be empty. Returns the first byte behind it. */
static const uint8_t *
reg_name(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *first = p;

	for (;;) {
		p = scan_over(&scan_host_class, first, p, end);
		if (end - p < 3 || *p != '%' || !is_hex(p[1]) || !is_hex(p[2]))
			return p;
		p += 3;
	}
}

bool
http_split_host(struct slice host, struct slice *ret_name, uint16_t *ret_port)
{
	const uint8_t *p = host.p, *end = host.p + host.n, *name_end;
	uint32_t port = 0;

	if (host.n == 0)
		return false;
	if (*p == '[') {
		name_end = p + ip_literal(p, end);
	} else {
		name_end = reg_name(p, end);
	}
	if (name_end == p)
		return false;
	p = name_end;
	if (p < end && *p++ != ':')
		return false;
	for (; p < end; p++) {
		if ((uint8_t)(*p - '0') > 9)
			return false;
		port = port * 10 + (uint8_t)(*p - '0');
		if (port > UINT16_MAX)
			return false;
	}
	*ret_name = slice_of(host.p, (uint32_t)(name_end - host.p));
	*ret_port = (uint16_t)port;
	return true;
}

/* http://authority path-and-query, or https. */
static enum http_reason
absolute(struct http_request *r)
{
	const uint8_t *p = r->target.p, *end = p + r->target.n, *authority;
	const uint8_t *colon = memchr(p, ':', r->target.n);

	if (colon == NULL || end - colon < 3 || memcmp(colon, "://", 3) != 0)
		return HTTP_REASON_TARGET_FORM;
	r->scheme = slice_of(p, (uint32_t)(colon - p));
	if (!slice_eq_nocase(r->scheme, SLICE("http")) &&
	    !slice_eq_nocase(r->scheme, SLICE("https")))
		return HTTP_REASON_TARGET_FORM;
	authority = colon + 3;
	for (p = authority; p < end && *p != '/' && *p != '?'; p++) {
	}
	r->form = HTTP_FORM_ABSOLUTE;
	r->host = slice_of(authority, (uint32_t)(p - authority));
	r->path = slice_of(p, (uint32_t)(end - p));
	if (!http_split_host(r->host, &r->name, &r->port)) {
		r->host = slice_of(NULL, 0);
		return HTTP_REASON_TARGET_AUTHORITY; /* userinfo too: RFC 9110, 4.2.4 */
	}
	return HTTP_REASON_NONE;
}

static enum http_reason
authority_form(struct http_request *r)
{
	r->form = HTTP_FORM_AUTHORITY;
	if (!http_split_host(r->target, &r->name, &r->port) || r->port == 0)
		return HTTP_REASON_TARGET_AUTHORITY;
	r->host = r->target;
	return HTTP_REASON_NONE;
}

enum http_reason
target_parse(struct http_request *r)
{
	if (r->method_id == HTTP_METHOD_CONNECT)
		return authority_form(r);
	if (r->target.p[0] == '/') {
		r->form = HTTP_FORM_ORIGIN;
		r->path = r->target;
		return HTTP_REASON_NONE;
	}
	if (r->target.n == 1 && r->target.p[0] == '*') {
		if (r->method_id != HTTP_METHOD_OPTIONS)
			return HTTP_REASON_TARGET_FORM;
		r->form = HTTP_FORM_ASTERISK;
		r->path = r->target;
		return HTTP_REASON_NONE;
	}
	return absolute(r);
}
