/*
 * meaning.c - what the fields of a head say together: whether the connection lives on, which
 * fields are only for this hop (RFC 9110, 7.6.1), and where the content ends (RFC 9112, 6).
 *
 * Whatever two recipients could read in two ways is refused, for requests and responses alike.
 */
#include "http/head.h"

#include <string.h>

/* What the Connection fields of one head list. */
struct options {
	bool close, keep_alive, upgrade, te;
	uint64_t known; /* ids of the fields named */
	uint32_t name_n;
	struct slice name[HTTP_CONNECTION_NAMES_MAX]; /* the others */
};

/* False when there are more names than we remember. Options that are no tokens mean nothing. */
static bool
options_read(struct options *o, struct slice value)
{
	struct slice e;

	if (slice_eq(value, SLICE("keep-alive"))) { /* by far the most common */
		o->keep_alive = true;
		return true;
	}
	while (field_next(&value, &e)) {
		enum http_field_id id;

		if (slice_eq_nocase(e, SLICE("keep-alive"))) {
			o->keep_alive = true;
		} else if (slice_eq_nocase(e, SLICE("close"))) {
			o->close = true;
		} else if ((id = http_field_id_of(e)) != HTTP_FIELD_UNKNOWN) {
			o->upgrade = o->upgrade || id == HTTP_FIELD_UPGRADE;
			o->te = o->te || id == HTTP_FIELD_TE;
			o->known |= 1ull << id;
		} else if (http_is_token(e)) {
			if (o->name_n == HTTP_CONNECTION_NAMES_MAX)
				return false;
			o->name[o->name_n++] = e;
		}
	}
	return true;
}

/* At most fields x HTTP_CONNECTION_NAMES_MAX comparisons, most of them of lengths only. */
static void
options_mark(const struct options *o, struct http_head *head)
{
	uint64_t known = o->known & ~(uint64_t)FIELD_FRAME;

	if (known == 0 && o->name_n == 0)
		return;
	for (uint32_t i = 0; i < head->field_n; i++) {
		struct http_field *f = &head->field[i];

		f->hop = f->hop || (known >> f->id & 1) != 0;
		if (f->id != HTTP_FIELD_UNKNOWN)
			continue;
		for (uint32_t k = 0; k < o->name_n && !f->hop; k++)
			f->hop = slice_eq_nocase(http_field_name(f), o->name[k]);
	}
}

/*
 * An Upgrade to another HTTP or to TLS would hide requests from us in what we take for a tunnel;
 * it is ignored, as RFC 9110, 7.8 lets every recipient do.
 */
static bool
is_tunnel_protocol(struct slice upgrade)
{
	static const struct slice never[] = {
		{ (const uint8_t *)"h2c", 3 },
		{ (const uint8_t *)"h2", 2 },
		{ (const uint8_t *)"HTTP", 4 },
		{ (const uint8_t *)"TLS", 3 },
	};
	struct slice e;

	if (upgrade.n == 0)
		return false;
	while (field_next(&upgrade, &e)) {
		const uint8_t *slash = memchr(e.p, '/', e.n);

		if (slash != NULL)
			e.n = (uint32_t)(slash - e.p);
		for (uint32_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
			if (slice_eq_nocase(e, never[i]))
				return false;
		}
	}
	return true;
}

enum http_reason
head_connection(struct http_head *head, const struct head_special *special)
{
	struct options o;
	struct slice upgrade = { NULL, 0 };
	bool trailers = false;

	head->keep_alive = head->minor > 0;
	head->te_trailers = false;
	head->upgrade = slice_of(NULL, 0);
	if ((head->seen & FIELD_BIT(CONNECTION)) == 0)
		return HTTP_REASON_NONE; /* TE and Upgrade mean nothing unless it names them */
	/* The array of names is left as it is: it would cost more than the rest. */
	o.close = o.keep_alive = o.upgrade = o.te = false;
	o.known = 0;
	o.name_n = 0;
	for (uint32_t i = 0; i < special->n; i++) {
		const struct http_field *f = &head->field[special->field_i[i]];
		struct slice value = http_field_value(f), e;

		if (f->id == HTTP_FIELD_CONNECTION && !options_read(&o, value))
			return HTTP_REASON_CONNECTION_MANY;
		if (f->id == HTTP_FIELD_UPGRADE && upgrade.n == 0)
			upgrade = value;
		while (f->id == HTTP_FIELD_TE && field_next(&value, &e))
			trailers = trailers || slice_eq_nocase(e, SLICE("trailers"));
	}
	options_mark(&o, head);
	head->keep_alive = !o.close && (head->minor > 0 || o.keep_alive);
	head->te_trailers = head->minor > 0 && o.te && trailers;
	if (head->minor > 0 && o.upgrade && is_tunnel_protocol(upgrade))
		head->upgrade = upgrade;
	return HTTP_REASON_NONE;
}

/* 1*DIGIT, or a list of the same one (RFC 9110, 8.6). */
static enum http_reason
length_read(struct slice value, uint64_t *ret)
{
	uint64_t all = 0;
	uint32_t i = 0;

	for (bool first = true;; first = false) {
		uint64_t one = 0;
		uint32_t digits = 0;

		for (; i < value.n && (uint8_t)(value.p[i] - '0') <= 9; i++, digits++) {
			uint8_t digit = (uint8_t)(value.p[i] - '0');

			if (one > ((uint64_t)INT64_MAX - digit) / 10)
				return HTTP_REASON_LENGTH_OVERFLOW;
			one = one * 10 + digit;
		}
		if (digits == 0)
			return HTTP_REASON_LENGTH_SYNTAX;
		if (!first && one != all)
			return HTTP_REASON_LENGTH_DIFFERS;
		all = one;
		while (i < value.n && (value.p[i] == ' ' || value.p[i] == '\t'))
			i++;
		if (i == value.n)
			break;
		if (value.p[i++] != ',')
			return HTTP_REASON_LENGTH_SYNTAX;
		while (i < value.n && (value.p[i] == ' ' || value.p[i] == '\t'))
			i++;
	}
	*ret = all;
	return HTTP_REASON_NONE;
}

/* Why a Transfer-Encoding that is not just "chunked" is refused. */
static enum http_reason
coding_fault(struct slice value)
{
	bool chunked = false;
	struct slice e;

	if (value.n == 0)
		return HTTP_REASON_CODING_SYNTAX;
	while (field_next(&value, &e)) {
		const uint8_t *semicolon = memchr(e.p, ';', e.n);

		if (chunked)
			return HTTP_REASON_CODING_NOT_FINAL;
		if (semicolon != NULL)
			e = field_trim(slice_of(e.p, (uint32_t)(semicolon - e.p)));
		if (!http_is_token(e))
			return HTTP_REASON_CODING_SYNTAX;
		chunked = slice_eq_nocase(e, SLICE("chunked"));
		if (chunked && semicolon != NULL)
			return HTTP_REASON_CODING_SYNTAX; /* it has no parameters */
	}
	return HTTP_REASON_CODING_UNKNOWN;
}

enum http_reason
head_framing(struct http_head *head, const struct head_special *special,
	     const struct http_limits *limits)
{
	enum http_reason fault;
	uint32_t codings = 0;

	head->framing = HTTP_FRAMING_NONE;
	head->has_length = false;
	if ((head->seen & (FIELD_BIT(CONTENT_LENGTH) | FIELD_BIT(TRANSFER_ENCODING))) == 0)
		return HTTP_REASON_NONE;
	if ((head->seen & FIELD_BIT(TRANSFER_ENCODING)) != 0) {
		if (head->minor == 0)
			return HTTP_REASON_CODING_OLD_VERSION;
		if ((head->seen & FIELD_BIT(CONTENT_LENGTH)) != 0)
			return HTTP_REASON_LENGTH_AND_CODING;
	}
	for (uint32_t i = 0; i < special->n; i++) {
		const struct http_field *f = &head->field[special->field_i[i]];
		struct slice value = http_field_value(f);

		if (f->id == HTTP_FIELD_TRANSFER_ENCODING) {
			if (codings++ > 0)
				return HTTP_REASON_CODING_TWICE;
			if (!slice_eq_nocase(value, SLICE("chunked")))
				return coding_fault(value);
			head->framing = HTTP_FRAMING_CHUNKED;
		} else if (f->id == HTTP_FIELD_CONTENT_LENGTH) {
			uint64_t length = 0;

			fault = length_read(value, &length);
			if (fault != HTTP_REASON_NONE)
				return fault;
			if (head->has_length && length != head->length)
				return HTTP_REASON_LENGTH_DIFFERS;
			head->framing = HTTP_FRAMING_LENGTH;
			head->has_length = true;
			head->length = length;
		}
	}
	if (head->has_length && limits->body_bytes != 0 && head->length > limits->body_bytes)
		return HTTP_REASON_LENGTH_LIMIT;
	return HTTP_REASON_NONE;
}
