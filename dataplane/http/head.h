/*
 * head.h - what request.c and response.c share: the lines behind the start line, and what the
 * fields together say about the connection and the content.
 */
#ifndef PENSTOCK_HTTP_HEAD_H
#define PENSTOCK_HTTP_HEAD_H

#include "http/field.h"
#include "http/http.h"

/* One head being read, from left to right: each byte is judged knowing only those before it. */
struct head_in {
	const uint8_t *first; /* of the message */
	const uint8_t *p;     /* next byte */
	const uint8_t *end;
	const struct http_limits *limits;
	enum http_reason reason; /* set when a function returns HTTP_REFUSED */
};

/* Fields that head_connection and head_framing look at, by their place in the list. */
struct head_special {
	uint32_t n;
	uint8_t field_i[HTTP_FIELDS_MAX];
};

static inline enum http_verdict
head_refuse(struct head_in *in, enum http_reason reason)
{
	in->reason = reason;
	return HTTP_REFUSED;
}

/* Whether to wait for more bytes without looking at the lines again (see struct http_resume). */
bool head_wait(struct slice bytes, const struct http_limits *limits, struct http_resume *resume);

/* Remembers that `n` bytes held no complete head; refuses when no more are allowed. */
enum http_verdict head_unfinished(struct head_in *in, uint32_t n, struct http_resume *resume);

/* Takes CRLF (or LF where allowed); any other byte is refused for `otherwise`. */
enum http_verdict head_line_end(struct head_in *in, enum http_reason otherwise);

/* Takes "HTTP/1.x". */
enum http_verdict head_version(struct head_in *in, uint8_t *ret_minor);

/* Takes the field lines and the empty line; sets field, field_n, seen, wire. */
enum http_verdict head_fields(struct head_in *in, struct http_head *head,
			      struct head_special *special);

/* Sets keep_alive, te_trailers, upgrade and the hop marks of named fields. */
enum http_reason head_connection(struct http_head *head, const struct head_special *special);

/*
 * Sets framing (NONE, LENGTH or CHUNKED), has_length and length from the fields alone; minor is
 * set. What the method or status says comes after.
 */
enum http_reason head_framing(struct http_head *head, const struct head_special *special,
			      const struct http_limits *limits);

/* target.c: sets form, scheme, path, host and name from the target; method_id is set. */
enum http_reason target_parse(struct http_request *r);

#endif
