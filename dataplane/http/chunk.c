/*
 * chunk.c - chunked content (RFC 9112, 7.1): a byte-wise state machine around the payload, which
 * passes by in ranges without being looked at.
 *
 * Strict: CRLF only, no space around the size, extensions by their grammar (7.1.1), trailers as
 * fields (7.1.2) without folding. Knows nothing of who reads or writes the bytes.
 */
#include "http/field.h"

#include <stddef.h>

#include "base/ensure.h"
#include "http/scan.h"

/* Named for what is awaited. */
enum chunk_state {
	CHUNK_EXPECT_SIZE,	    /* the first digit */
	CHUNK_EXPECT_SIZE_MORE,	    /* a digit, ";", white space before one, or CR */
	CHUNK_EXPECT_EXT,	    /* ";" behind white space */
	CHUNK_EXPECT_EXT_NAME,	    /* its first character, or white space */
	CHUNK_EXPECT_EXT_NAME_MORE, /* a character of it, "=", ";", white space or CR */
	CHUNK_EXPECT_EXT_EQUALS,    /* "=" or ";" behind white space */
	CHUNK_EXPECT_EXT_VALUE,	    /* its first character, a quote, or white space */
	CHUNK_EXPECT_EXT_TOKEN,	    /* a character of it, ";", white space or CR */
	CHUNK_EXPECT_EXT_QUOTED,    /* a character of a quoted string, or its end */
	CHUNK_EXPECT_EXT_ESCAPED,   /* the character behind a backslash */
	CHUNK_EXPECT_EXT_NEXT,	    /* behind a quoted string: ";", white space or CR */
	CHUNK_EXPECT_SIZE_LF,
	CHUNK_EXPECT_DATA,
	CHUNK_EXPECT_DATA_CR,
	CHUNK_EXPECT_DATA_LF,
	CHUNK_EXPECT_TRAILER,	   /* behind the last chunk: CR or a first trailer line */
	CHUNK_EXPECT_TRAILER_LINE, /* CR or a next one */
	CHUNK_EXPECT_TRAILER_NAME,
	CHUNK_EXPECT_TRAILER_VALUE,
	CHUNK_EXPECT_TRAILER_LF, /* of a line */
	CHUNK_EXPECT_END_LF,	 /* of the empty line */
	CHUNK_ENDED,
	CHUNK_BROKEN,
};

/* No fields that a recipient acts on before the content (RFC 9110, 6.5.1): of those we know by
 * id, only ETag may come late. */
static bool
may_trail(struct slice name)
{
	enum http_field_id id = http_field_id_of(name);

	return id == HTTP_FIELD_UNKNOWN || id == HTTP_FIELD_ETAG;
}

static enum chunk_state
broken(struct http_chunk *c, enum http_reason reason)
{
	c->reason = (uint8_t)reason;
	return CHUNK_BROKEN;
}

static int
hex_digit(uint8_t byte)
{
	if ((uint8_t)(byte - '0') <= 9)
		return byte - '0';
	if ((uint8_t)((byte | 0x20) - 'a') <= 5)
		return (byte | 0x20) - 'a' + 10;
	return -1;
}

static enum chunk_state
size_byte(struct http_chunk *c, enum chunk_state at, uint8_t byte)
{
	int digit = hex_digit(byte);

	if (digit >= 0) {
		if (c->digits == 16 || c->left > (uint64_t)INT64_MAX >> 4)
			return broken(c, HTTP_REASON_CHUNK_OVERFLOW);
		c->digits++;
		c->left = c->left << 4 | (uint64_t)digit;
		return CHUNK_EXPECT_SIZE_MORE;
	}
	if (at == CHUNK_EXPECT_SIZE)
		return broken(c, HTTP_REASON_CHUNK_SIZE);
	if (byte == '\r')
		return CHUNK_EXPECT_SIZE_LF;
	if (byte == ';')
		return CHUNK_EXPECT_EXT_NAME;
	if (scan_is_space(byte))
		return CHUNK_EXPECT_EXT;
	return broken(c, HTTP_REASON_CHUNK_SIZE);
}

/* What may follow an extension's name or value: another one, or the end of the line. */
static enum chunk_state
ext_next(struct http_chunk *c, uint8_t byte, enum chunk_state after_space)
{
	if (byte == ';')
		return CHUNK_EXPECT_EXT_NAME;
	if (byte == '\r')
		return CHUNK_EXPECT_SIZE_LF;
	if (scan_is_space(byte))
		return after_space;
	return broken(c, HTTP_REASON_CHUNK_EXTENSION);
}

/* One byte of chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ). */
static enum chunk_state
ext_byte(struct http_chunk *c, enum chunk_state at, uint8_t byte)
{
	bool token = scan_has(&scan_token_class, byte);
	bool space = scan_is_space(byte);

	if (at == CHUNK_EXPECT_EXT_NAME && (token || space))
		return token ? CHUNK_EXPECT_EXT_NAME_MORE : at;
	if (at == CHUNK_EXPECT_EXT_VALUE && (token || space))
		return token ? CHUNK_EXPECT_EXT_TOKEN : at;
	if (at == CHUNK_EXPECT_EXT_VALUE && byte == '"')
		return CHUNK_EXPECT_EXT_QUOTED;
	if (at == CHUNK_EXPECT_EXT_NAME_MORE || at == CHUNK_EXPECT_EXT_TOKEN) {
		if (token)
			return at;
		if (at == CHUNK_EXPECT_EXT_TOKEN)
			return ext_next(c, byte, CHUNK_EXPECT_EXT);
		if (byte == '=')
			return CHUNK_EXPECT_EXT_VALUE;
		return ext_next(c, byte, CHUNK_EXPECT_EXT_EQUALS);
	}
	if (at == CHUNK_EXPECT_EXT_EQUALS && byte == '=')
		return CHUNK_EXPECT_EXT_VALUE;
	if (at == CHUNK_EXPECT_EXT || at == CHUNK_EXPECT_EXT_EQUALS) {
		if (byte == ';' || space)
			return space ? at : CHUNK_EXPECT_EXT_NAME;
		return broken(c, HTTP_REASON_CHUNK_EXTENSION);
	}
	if (at == CHUNK_EXPECT_EXT_QUOTED && (byte == '"' || byte == '\\'))
		return byte == '"' ? CHUNK_EXPECT_EXT_NEXT : CHUNK_EXPECT_EXT_ESCAPED;
	if (at == CHUNK_EXPECT_EXT_QUOTED || at == CHUNK_EXPECT_EXT_ESCAPED) {
		if (scan_is_control(byte))
			return broken(c, HTTP_REASON_CHUNK_EXTENSION);
		return CHUNK_EXPECT_EXT_QUOTED;
	}
	if (at == CHUNK_EXPECT_EXT_NEXT)
		return ext_next(c, byte, CHUNK_EXPECT_EXT);
	return broken(c, HTTP_REASON_CHUNK_EXTENSION);
}

static enum chunk_state
ext_counted(struct http_chunk *c, const struct http_limits *limits, enum chunk_state at,
	    uint8_t byte)
{
	if (++c->ext_n > limits->chunk_ext_bytes || ++c->ext_total > limits->chunk_ext_total)
		return broken(c, HTTP_REASON_CHUNK_EXTENSION_LONG);
	return ext_byte(c, at, byte);
}

static enum chunk_state
size_line_end(struct http_chunk *c, uint8_t byte)
{
	if (byte != '\n')
		return broken(c,
			      c->ext_n > 0 ? HTTP_REASON_CHUNK_EXTENSION : HTTP_REASON_CHUNK_SIZE);
	if (c->left > (uint64_t)INT64_MAX - c->total)
		return broken(c, HTTP_REASON_CHUNK_OVERFLOW);
	return c->left > 0 ? CHUNK_EXPECT_DATA : CHUNK_EXPECT_TRAILER;
}

/* Keeps a byte of a trailer line when there is room for all. */
static void
trailer_keep(struct http_chunk *c, uint8_t byte)
{
	if (c->trailer_room == 0 || c->trailer_full)
		return;
	if (c->trailer_n == c->trailer_room) {
		c->trailer_full = true;
		c->trailer_n = 0; /* all or none */
		return;
	}
	c->trailer[c->trailer_n++] = byte;
}

static void
trailer_line_kept(struct http_chunk *c)
{
	if (c->trailer_room == 0 || c->trailer_full)
		return;
	if (!may_trail(slice_of(c->trailer + c->trailer_line, c->name_n)))
		c->trailer_n = c->trailer_line;
	c->trailer_line = c->trailer_n;
}

static enum chunk_state
trailer_byte(struct http_chunk *c, const struct http_limits *limits, enum chunk_state at,
	     uint8_t byte)
{
	if (++c->trailer_seen > limits->trailer_bytes)
		return broken(c, HTTP_REASON_TRAILER_LONG);
	if (at == CHUNK_EXPECT_TRAILER || at == CHUNK_EXPECT_TRAILER_LINE) {
		if (byte == '\r')
			return CHUNK_EXPECT_END_LF;
		c->name_n = 0;
		at = CHUNK_EXPECT_TRAILER_NAME;
	}
	if (at == CHUNK_EXPECT_TRAILER_NAME) {
		trailer_keep(c, byte);
		if (byte == ':' && c->name_n > 0)
			return CHUNK_EXPECT_TRAILER_VALUE;
		if (!scan_has(&scan_token_class, byte) || c->name_n == UINT16_MAX)
			return broken(c, HTTP_REASON_TRAILER_SYNTAX);
		c->name_n++;
		return at;
	}
	trailer_keep(c, byte);
	if (at == CHUNK_EXPECT_TRAILER_VALUE) {
		if (byte == '\r')
			return CHUNK_EXPECT_TRAILER_LF;
		return scan_is_control(byte) ? broken(c, HTTP_REASON_TRAILER_SYNTAX) : at;
	}
	if (byte != '\n')
		return broken(c, HTTP_REASON_TRAILER_SYNTAX);
	trailer_line_kept(c);
	return CHUNK_EXPECT_TRAILER_LINE;
}

static void
chunk_next(struct http_chunk *c)
{
	c->left = 0;
	c->digits = 0;
	c->ext_n = 0;
}

/* One byte that is no payload. */
static enum chunk_state
step(struct http_chunk *c, const struct http_limits *limits, uint8_t byte)
{
	enum chunk_state at = (enum chunk_state)c->state;

	switch (at) {
	case CHUNK_EXPECT_SIZE:
	case CHUNK_EXPECT_SIZE_MORE:
		return size_byte(c, at, byte);
	case CHUNK_EXPECT_EXT:
	case CHUNK_EXPECT_EXT_NAME:
	case CHUNK_EXPECT_EXT_NAME_MORE:
	case CHUNK_EXPECT_EXT_EQUALS:
	case CHUNK_EXPECT_EXT_VALUE:
	case CHUNK_EXPECT_EXT_TOKEN:
	case CHUNK_EXPECT_EXT_QUOTED:
	case CHUNK_EXPECT_EXT_ESCAPED:
	case CHUNK_EXPECT_EXT_NEXT:
		return ext_counted(c, limits, at, byte);
	case CHUNK_EXPECT_SIZE_LF:
		return size_line_end(c, byte);
	case CHUNK_EXPECT_DATA_CR:
		return byte == '\r' ? CHUNK_EXPECT_DATA_LF : broken(c, HTTP_REASON_CHUNK_END);
	case CHUNK_EXPECT_DATA_LF:
		chunk_next(c);
		return byte == '\n' ? CHUNK_EXPECT_SIZE : broken(c, HTTP_REASON_CHUNK_END);
	case CHUNK_EXPECT_TRAILER:
	case CHUNK_EXPECT_TRAILER_LINE:
	case CHUNK_EXPECT_TRAILER_NAME:
	case CHUNK_EXPECT_TRAILER_VALUE:
	case CHUNK_EXPECT_TRAILER_LF:
		return trailer_byte(c, limits, at, byte);
	case CHUNK_EXPECT_END_LF:
		return byte == '\n' ? CHUNK_ENDED : broken(c, HTTP_REASON_TRAILER_SYNTAX);
	case CHUNK_EXPECT_DATA:
	case CHUNK_ENDED:
	case CHUNK_BROKEN:
		break;
	}
	ensure(!"a chunk state that takes no byte");
}

void
http_chunk_init(struct http_chunk *c)
{
	*c = (struct http_chunk){ .state = CHUNK_EXPECT_SIZE };
}

void
http_chunk_skip(struct http_chunk *c, uint64_t n)
{
	ensure(n <= c->left);
	ensure(n == 0 || c->state == CHUNK_EXPECT_DATA);
	c->left -= n;
	c->total += n;
	if (c->left == 0 && c->state == CHUNK_EXPECT_DATA)
		c->state = CHUNK_EXPECT_DATA_CR;
}

uint64_t
http_chunk_payload(const struct http_chunk *c)
{
	/* While the size is still being read, `left` holds only the digits seen so far. */
	return c->state == CHUNK_EXPECT_DATA ? c->left : 0;
}

enum http_chunk_verdict
http_deframe(struct http_chunk *c, const struct http_limits *limits, struct slice in,
	     uint32_t *ret_used, struct slice *ret_data)
{
	uint32_t i = 0;

	*ret_used = 0;
	while (i < in.n && c->state < CHUNK_ENDED) {
		if (c->state == CHUNK_EXPECT_DATA) {
			uint32_t n = in.n - i < c->left ? in.n - i : (uint32_t)c->left;

			http_chunk_skip(c, n);
			*ret_data = slice_of(in.p + i, n);
			*ret_used = i + n;
			return HTTP_CHUNK_DATA;
		}
		if (c->state == CHUNK_EXPECT_TRAILER && in.p[i] != '\r') {
			c->state = CHUNK_EXPECT_TRAILER_LINE;
			*ret_used = i;
			return HTTP_CHUNK_TRAILER;
		}
		c->state = (uint8_t)step(c, limits, in.p[i]);
		i++;
	}
	*ret_used = i;
	if (c->state == CHUNK_ENDED)
		return HTTP_CHUNK_DONE;
	return c->state == CHUNK_BROKEN ? HTTP_CHUNK_REFUSED : HTTP_CHUNK_MORE;
}

uint32_t
http_chunk_head(uint64_t n, uint8_t ret[HTTP_CHUNK_HEAD_BYTES])
{
	uint32_t digits;

	ensure(n > 0);
	digits = (67u - (uint32_t)__builtin_clzll(n)) / 4;
	for (uint32_t i = 0; i < digits; i++)
		ret[i] = (uint8_t) "0123456789abcdef"[n >> 4 * (digits - 1 - i) & 15];
	ret[digits] = '\r';
	ret[digits + 1] = '\n';
	return digits + 2;
}

uint32_t
http_last_chunk(struct slice trailers, uint8_t *to, uint32_t room)
{
	uint32_t n = trailers.n + 5;

	if (n > room)
		return n;
	memcpy(to, "0\r\n", 3);
	if (trailers.n > 0)
		memcpy(to + 3, trailers.p, trailers.n);
	memcpy(to + 3 + trailers.n, "\r\n", 2);
	return n;
}
