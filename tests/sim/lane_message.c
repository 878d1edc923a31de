/*
 * lane_message.c - HTTP/1.1 messages as the peers of the world write and read them. Deliberately
 * not the parser under test: this one believes what it reads, and says BAD to all it does not know.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "sim/lane_inside.h"

void
lw_pattern(uint32_t req, uint32_t side, uint64_t off, uint8_t *to, uint32_t n)
{
	uint64_t word = 0;

	for (uint32_t i = 0; i < n; i++, off++) {
		if (i == 0 || off % 8 == 0)
			word = hash_mix(((uint64_t)req * 2 + side + 1) << 34 ^ off / 8);
		to[i] = (uint8_t)(word >> off % 8 * 8);
	}
}

/* ---- writing ---- */

void
lw_writer_begin(struct lw_writer *w, uint32_t req, uint32_t side, uint64_t body_n)
{
	*w = (struct lw_writer){
		.req = req, .side = side, .body_n = body_n, .stop = UINT64_MAX, .has_tail = true
	};
}

bool
lw_writer_is_done(const struct lw_writer *w)
{
	return w->text_at == w->text_n && w->body_at == w->body_n && w->has_tail;
}

bool
lw_writer_is_stopped(const struct lw_writer *w)
{
	return w->text_at == w->text_n && w->body_at >= w->stop;
}

static void
put_text(struct lw_writer *w, const char *text)
{
	w->text_n = (uint32_t)snprintf(w->text, sizeof(w->text), "%s", text);
	w->text_at = 0;
}

static void
begin_chunk(struct lw_writer *w)
{
	const char *before = w->body_at == 0 ? "" : "\r\n";
	uint64_t left = w->body_n - w->body_at;
	char line[64];

	w->chunk_left = left < w->chunk_max ? (uint32_t)left : w->chunk_max;
	if (left > 0) {
		snprintf(line, sizeof(line), "%s%x\r\n", before, w->chunk_left);
	} else {
		w->has_tail = true;
		snprintf(line, sizeof(line), "%s0\r\n%s\r\n", before,
			 w->has_trailer ? "X-Trailer: yes\r\n" : "");
	}
	put_text(w, line);
}

uint32_t
lw_writer_fill(struct lw_writer *w, uint8_t *to, uint32_t n)
{
	uint32_t at = 0;

	while (at < n && !lw_writer_is_done(w) && !lw_writer_is_stopped(w)) {
		uint64_t left = w->is_chunked ? w->chunk_left : w->body_n - w->body_at;
		uint32_t piece;

		if (w->text_at < w->text_n) {
			piece = w->text_n - w->text_at;
			piece = piece < n - at ? piece : n - at;
			memcpy(to + at, w->text + w->text_at, piece);
			w->text_at += piece;
		} else if (left > 0) {
			left = left < w->stop - w->body_at ? left : w->stop - w->body_at;
			piece = left < n - at ? (uint32_t)left : n - at;
			lw_pattern(w->req, w->side, w->body_at, to + at, piece);
			w->body_at += piece;
			w->chunk_left -= w->is_chunked ? piece : 0;
		} else {
			piece = 0;
			begin_chunk(w);
		}
		at += piece;
	}
	return at;
}

/* ---- reading ---- */

enum {
	AT_HEAD,
	AT_LENGTH,
	AT_CLOSE,
	AT_CHUNK_SIZE,
	AT_CHUNK,
	AT_CHUNK_END,
	AT_TRAILER,
	AT_END, /* to be told */
};

void
lw_reader_begin(struct lw_reader *r, bool is_response)
{
	bool has_no_body = r->has_no_body;

	memset(r, 0, offsetof(struct lw_reader, head));
	r->head_n = 0;
	r->is_response = is_response;
	r->has_no_body = has_no_body;
}

bool
lw_reader_is_between(const struct lw_reader *r)
{
	return r->state == AT_HEAD && r->head_n == 0;
}

bool
lw_reader_ends_at_close(const struct lw_reader *r)
{
	return r->state == AT_CLOSE;
}

static bool
is_field(const char *line, const char *name, const char **ret_value)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	*ret_value = line + n + 1 + strspn(line + n + 1, " \t");
	return true;
}

static void
parse_field(struct lw_reader *r, const char *line)
{
	const char *value;

	if (is_field(line, "Content-Length", &value)) {
		r->has_length = true;
		r->length = strtoull(value, NULL, 10);
	} else if (is_field(line, "Transfer-Encoding", &value)) {
		r->is_chunked = strcasecmp(value, "chunked") == 0;
	} else if (is_field(line, "Connection", &value)) {
		if (strcasecmp(value, "close") == 0)
			r->keeps = false;
		if (strcasecmp(value, "keep-alive") == 0)
			r->keeps = true;
	} else if (is_field(line, "Expect", &value)) {
		r->expects = true;
	} else if (is_field(line, "X-Token", &value)) {
		r->has_req = true;
		r->req = (uint32_t)strtoul(value, NULL, 10);
	}
}

static bool
parse_first(struct lw_reader *r, const char *line)
{
	uint32_t minor = 1;
	unsigned status, req;

	if (r->is_response) {
		if (sscanf(line, "HTTP/1.%u %u", &minor, &status) != 2)
			return false;
		r->status = (uint16_t)status;
	} else {
		if (sscanf(line, "%15s /%u HTTP/1.%u", r->method, &req, &minor) != 3)
			return false;
		r->req = req;
		r->has_req = true;
	}
	r->keeps = minor == 1;
	return true;
}

static bool
parse_head(struct lw_reader *r)
{
	char *line = r->head, *end;
	bool is_first = true;

	r->head[r->head_n - 4] = '\0';
	for (; line != NULL; line = end != NULL ? end + 2 : NULL) {
		end = strstr(line, "\r\n");
		if (end != NULL)
			*end = '\0';
		if (!is_first)
			parse_field(r, line);
		else if (!parse_first(r, line))
			return false;
		is_first = false;
	}
	return true;
}

static void
choose_body(struct lw_reader *r)
{
	bool is_bare = r->is_response &&
		       (r->has_no_body || r->status < 200 || r->status == 204 || r->status == 304);

	r->left = r->length;
	if (is_bare)
		r->state = AT_END;
	else if (r->is_chunked)
		r->state = AT_CHUNK_SIZE;
	else if (r->has_length)
		r->state = r->length > 0 ? AT_LENGTH : AT_END;
	else
		r->state = r->is_response ? AT_CLOSE : AT_END;
}

/* One byte of a head; true when it is whole or too long. */
static bool
take_head(struct lw_reader *r, const uint8_t **p, uint32_t *n)
{
	while (*n > 0) {
		if (r->head_n == sizeof(r->head))
			return true;
		r->head[r->head_n++] = (char)**p;
		(*p)++;
		(*n)--;
		if (r->head_n >= 4 && memcmp(&r->head[r->head_n - 4], "\r\n\r\n", 4) == 0)
			return true;
	}
	return false;
}

/* A line of a chunked body; true when it is whole (in line, without its end) or too long. */
static bool
take_line(struct lw_reader *r, const uint8_t **p, uint32_t *n)
{
	while (*n > 0) {
		if (r->line_n == sizeof(r->line) - 1)
			return true;
		r->line[r->line_n++] = (char)**p;
		(*p)++;
		(*n)--;
		if (r->line_n >= 2 && memcmp(&r->line[r->line_n - 2], "\r\n", 2) == 0) {
			r->line[r->line_n - 2] = '\0';
			return true;
		}
	}
	return false;
}

static void
give_body(struct lw_reader *r, const uint8_t **p, uint32_t *n, uint64_t most)
{
	r->body = *p;
	r->body_n = *n < most ? *n : (uint32_t)most;
	r->body_at += r->body_n;
	*p += r->body_n;
	*n -= r->body_n;
}

static enum lw_got
take_chunked(struct lw_reader *r, const uint8_t **p, uint32_t *n)
{
	char *end;

	if (r->state == AT_CHUNK) {
		give_body(r, p, n, r->left);
		r->left -= r->body_n;
		if (r->left == 0)
			r->state = AT_CHUNK_END;
		return LW_GOT_BODY;
	}
	if (!take_line(r, p, n))
		return LW_GOT_MORE;
	if (r->line[r->line_n - 2] != '\0')
		return LW_GOT_BAD;
	r->line_n = 0;
	switch (r->state) {
	case AT_CHUNK_END:
		r->state = AT_CHUNK_SIZE;
		return r->line[0] == '\0' ? LW_GOT_MORE : LW_GOT_BAD;
	case AT_CHUNK_SIZE:
		r->left = strtoull(r->line, &end, 16);
		r->state = r->left > 0 ? AT_CHUNK : AT_TRAILER;
		return end != r->line && *end == '\0' ? LW_GOT_MORE : LW_GOT_BAD;
	default: /* AT_TRAILER */
		if (r->line[0] == '\0')
			r->state = AT_END;
		return LW_GOT_MORE;
	}
}

enum lw_got
lw_reader_take(struct lw_reader *r, const uint8_t **p, uint32_t *n)
{
	for (;;) {
		enum lw_got got;

		if (r->state == AT_END)
			return LW_GOT_END;
		if (*n == 0)
			return LW_GOT_MORE;
		switch (r->state) {
		case AT_HEAD:
			if (!take_head(r, p, n))
				return LW_GOT_MORE;
			if (r->head_n == sizeof(r->head) || !parse_head(r))
				return LW_GOT_BAD;
			choose_body(r);
			return LW_GOT_HEAD;
		case AT_LENGTH:
			give_body(r, p, n, r->left);
			r->left -= r->body_n;
			if (r->left == 0)
				r->state = AT_END;
			return LW_GOT_BODY;
		case AT_CLOSE:
			give_body(r, p, n, UINT32_MAX);
			return LW_GOT_BODY;
		default:
			got = take_chunked(r, p, n);
			if (got != LW_GOT_MORE)
				return got;
		}
	}
}
