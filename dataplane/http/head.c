/*
 * head.c - the field lines of a head (RFC 9112, 5) and when to look for them.
 *
 * Reads strictly from left to right, so that the verdict on some bytes is the verdict on any
 * longer run that begins with them, or NEED_MORE.
 */
#include "http/head.h"

#include <string.h>

#include "base/ensure.h"
#include "http/scan.h"

/* What head_connection, head_framing, request.c and response.c want to see again. */
#define SPECIAL                                                                                    \
	(FIELD_BIT(HOST) | FIELD_BIT(CONNECTION) | FIELD_BIT(CONTENT_LENGTH) |                     \
	 FIELD_BIT(TRANSFER_ENCODING) | FIELD_BIT(TE) | FIELD_BIT(UPGRADE) | FIELD_BIT(EXPECT) |   \
	 FIELD_BIT(MAX_FORWARDS))

/*
 * Whether an empty line, or what will be refused as a bad one, begins in bytes, looking from
 * offset `from` on.
 */
static bool
has_empty_line(struct slice bytes, uint32_t from)
{
	const uint8_t *end = bytes.p + bytes.n;
	const uint8_t *p = bytes.p + from;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p++;
		if (p < end && (*p == '\r' || *p == '\n'))
			return true;
	}
	return false;
}

bool
head_wait(struct slice bytes, const struct http_limits *limits, struct http_resume *resume)
{
	ensure_hot(limits->head_bytes <= HTTP_HEAD_BYTES_MAX);
	ensure_hot(limits->fields_n <= HTTP_FIELDS_MAX);
	if (bytes.n == 0)
		return true;
	if (resume->searched == 0)
		return false; /* the common head comes whole: straight to the lines */
	ensure_hot(resume->searched <= bytes.n);
	if (bytes.n >= limits->head_bytes || bytes.n >= 2 * resume->parsed)
		return false;
	if (has_empty_line(bytes, resume->searched > 2 ? resume->searched - 2 : 0))
		return false;
	resume->searched = bytes.n;
	return true;
}

enum http_verdict
head_unfinished(struct head_in *in, uint32_t n, struct http_resume *resume)
{
	if (n >= in->limits->head_bytes)
		return head_refuse(in, HTTP_REASON_HEAD_LONG);
	resume->searched = n;
	resume->parsed = n;
	return HTTP_NEED_MORE;
}

enum http_verdict
head_line_end(struct head_in *in, enum http_reason otherwise)
{
	if (in->p == in->end)
		return HTTP_NEED_MORE;
	if (*in->p == '\n') {
		if (!in->limits->lf_lines)
			return head_refuse(in, HTTP_REASON_BARE_LF);
		in->p++;
		return HTTP_DONE;
	}
	if (*in->p != '\r')
		return head_refuse(in, otherwise);
	if (in->end - in->p < 2)
		return HTTP_NEED_MORE;
	if (in->p[1] != '\n')
		return head_refuse(in, HTTP_REASON_BARE_CR);
	in->p += 2;
	return HTTP_DONE;
}

enum http_verdict
head_version(struct head_in *in, uint8_t *ret_minor)
{
	const uint8_t *p = in->p;
	uint32_t n = (uint32_t)(in->end - p);

	if (n < 8) {
		if (memcmp(p, "HTTP/", n < 5 ? n : 5) != 0)
			return head_refuse(in, HTTP_REASON_VERSION_SYNTAX);
		return HTTP_NEED_MORE;
	}
	if (memcmp(p, "HTTP/", 5) != 0 || p[6] != '.')
		return head_refuse(in, HTTP_REASON_VERSION_SYNTAX);
	if ((uint8_t)(p[5] - '0') > 9 || (uint8_t)(p[7] - '0') > 9)
		return head_refuse(in, HTTP_REASON_VERSION_SYNTAX);
	if (p[5] != '1')
		return head_refuse(in, HTTP_REASON_VERSION);
	*ret_minor = p[7] == '0' ? 0 : 1;
	in->p += 8;
	return HTTP_DONE;
}

/* Why the byte at p, behind the name that began at `name`, is no colon. */
static enum http_verdict
refuse_name(struct head_in *in, const uint8_t *name, const uint8_t *p)
{
	if (p == name && scan_is_space(*p))
		return head_refuse(in, HTTP_REASON_FIELD_FOLDED);
	if (scan_is_space(*p))
		return head_refuse(in, HTTP_REASON_FIELD_NAME_SPACE);
	if (*p == '\r' || *p == '\n')
		return head_refuse(in, HTTP_REASON_FIELD_NO_COLON);
	return head_refuse(in, HTTP_REASON_FIELD_NAME_SYNTAX);
}

/* One field line at in->p, which is neither CR nor LF; its first control byte is at `stop`. */
static inline enum http_verdict
field_line(struct head_in *in, const uint8_t *stop, struct http_field *ret)
{
	const uint8_t *name = in->p, *end = in->end, *value_end = stop;
	const uint8_t *colon = scan_over(&scan_token_class, in->first, name, end);
	const uint8_t *value;
	enum http_verdict v;
	uint8_t id;

	if (__builtin_expect(colon == end, 0))
		return HTTP_NEED_MORE;
	if (__builtin_expect(*colon != ':', 0))
		return refuse_name(in, name, colon);
	if (__builtin_expect(colon == name, 0))
		return head_refuse(in, HTTP_REASON_FIELD_NAME_EMPTY);
	in->p = stop;
	if (__builtin_expect(end - stop >= 2 && stop[0] == '\r' && stop[1] == '\n', 1)) {
		in->p += 2;
	} else {
		v = head_line_end(in, HTTP_REASON_FIELD_BYTE);
		if (v != HTTP_DONE)
			return v;
	}
	value = colon + 1;
	while (value < value_end && scan_is_space(*value))
		value++;
	while (value_end > value && scan_is_space(value_end[-1]))
		value_end--;
	id = field_id(in->first, name, (uint32_t)(colon - name));
	*ret = (struct http_field){
		.name = name,
		.name_n = (uint16_t)(colon - name),
		.value = value,
		.value_n = (uint32_t)(value_end - value),
		.id = id,
		.hop = (FIELD_HOP >> id & 1) != 0,
	};
	return HTTP_DONE;
}

enum http_verdict
head_fields(struct head_in *in, struct http_head *head, struct head_special *special)
{
	uint32_t n = 0, special_n = 0;
	uint64_t seen = 0;
	struct scan_ahead ahead = scan_from(in->first, in->p, in->end);
	enum http_verdict v;

	if (in->p < in->end && scan_is_space(*in->p))
		return head_refuse(in, HTTP_REASON_FIELD_SPACE_FIRST);
	for (;;) {
		uint8_t id;

		if (in->p == in->end)
			return HTTP_NEED_MORE;
		if (*in->p == '\r' || *in->p == '\n')
			break;
		if (n == in->limits->fields_n)
			return head_refuse(in, HTTP_REASON_FIELDS_MANY);
		v = field_line(in, scan_control(&ahead), &head->field[n]);
		if (v != HTTP_DONE)
			return v;
		scan_pass(&ahead, in->p);
		id = head->field[n].id;
		seen |= 1ull << id;
		special->field_i[special_n] = (uint8_t)n;
		special_n += (uint32_t)(SPECIAL >> id & 1);
		n++;
	}
	v = head_line_end(in, HTTP_REASON_BARE_CR);
	if (v != HTTP_DONE)
		return v;
	head->field_n = n;
	head->seen = seen;
	head->wire = true;
	special->n = special_n;
	return HTTP_DONE;
}
