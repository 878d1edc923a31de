/*
 * reply.c - the replies that are ours: 100 Continue, errors and redirects with a small page that
 * says what went wrong and under which id the log knows it, and what rules answer.
 */
#include "http/emit.h"

enum {
	RESET_CONTENT = 205
};

struct slice
http_continue(void)
{
	return SLICE("HTTP/1.1 100 Continue\r\n\r\n");
}

static void
html_escaped(struct emit *e, struct slice s)
{
	for (uint32_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '&':
			emit_text(e, "&amp;");
			break;
		case '<':
			emit_text(e, "&lt;");
			break;
		case '>':
			emit_text(e, "&gt;");
			break;
		case '"':
			emit_text(e, "&quot;");
			break;
		default:
			emit_bytes(e, s.p + i, 1);
		}
	}
}

static void
status_words(struct emit *e, const struct http_reply *r)
{
	const char *text = http_status_text(r->status);

	emit_number(e, r->status);
	emit_text(e, " ");
	if (r->phrase.n > 0)
		emit_slice(e, r->phrase);
	else
		emit_bytes(e, text, (uint32_t)strlen(text));
}

/* As on the status line, where the phrase may be a rule's: escaped here. */
static void
status_html(struct emit *e, const struct http_reply *r)
{
	if (r->phrase.n == 0) {
		status_words(e, r);
		return;
	}
	emit_number(e, r->status);
	emit_text(e, " ");
	html_escaped(e, r->phrase);
}

static bool
begins_nocase(struct slice s, struct slice with)
{
	return s.n >= with.n && slice_eq_nocase(slice_of(s.p, with.n), with);
}

/* A link runs what it names: javascript: and their like stay text nobody clicks. */
static bool
is_web(struct slice url)
{
	const uint8_t *colon = memchr(url.p, ':', url.n), *slash = memchr(url.p, '/', url.n);

	if (begins_nocase(url, SLICE("http://")) || begins_nocase(url, SLICE("https://")))
		return true;
	return colon == NULL || (slash != NULL && slash < colon); /* relative */
}

static void
page_html(struct emit *e, const struct http_reply *r)
{
	emit_text(e, "<!DOCTYPE html>\n<html><head><title>");
	status_html(e, r);
	emit_text(e, "</title></head>\n<body><h1>");
	status_html(e, r);
	emit_text(e, "</h1>\n");
	if (r->location.n > 0 && is_web(r->location)) {
		emit_text(e, "<p>It is <a href=\"");
		html_escaped(e, r->location);
		emit_text(e, "\">here</a>.</p>\n");
	}
	if (r->cause.n > 0) {
		emit_text(e, "<p>");
		html_escaped(e, r->cause);
		emit_text(e, "</p>\n");
	}
	if (r->request_id.n > 0) {
		emit_text(e, "<p>Request ");
		html_escaped(e, r->request_id);
		emit_text(e, "</p>\n");
	}
	emit_text(e, "</body></html>\n");
}

static void
page_text(struct emit *e, const struct http_reply *r)
{
	status_words(e, r);
	emit_text(e, "\n");
	if (r->cause.n > 0) {
		emit_slice(e, r->cause);
		emit_text(e, "\n");
	}
	if (r->request_id.n > 0) {
		emit_text(e, "Request ");
		emit_slice(e, r->request_id);
		emit_text(e, "\n");
	}
}

static void
page(struct emit *e, const struct http_reply *r)
{
	if (r->has_body)
		emit_slice(e, r->body);
	else if (r->html)
		page_html(e, r);
	else
		page_text(e, r);
}

static void
field_unless_empty(struct emit *e, struct slice name, struct slice value)
{
	if (value.n > 0)
		emit_field(e, name, value);
}

/* These end with their head whatever else is said (RFC 9112, 6.3): bytes behind it would be the
 * next response. */
static bool
ends_with_head(uint16_t status)
{
	return status < 200 || status == 204 || status == 304;
}

/* What there is of content, and how it is framed. */
static void
content_fields(struct emit *e, const struct http_reply *r)
{
	struct emit measure = emit_into(NULL, 0);

	if (ends_with_head(r->status))
		return;
	if (r->status == RESET_CONTENT) {
		emit_framing(e, HTTP_FRAMING_LENGTH, 0); /* RFC 9110, 15.3.6 */
		return;
	}
	page(&measure, r);
	if (r->html)
		emit_text(e, "Content-Type: text/html; charset=utf-8\r\n");
	else
		emit_text(e, "Content-Type: text/plain; charset=utf-8\r\n");
	emit_framing(e, HTTP_FRAMING_LENGTH, measure.need);
}

uint32_t
http_emit_error(const struct http_reply *r, uint8_t *to, uint32_t room)
{
	struct emit e = emit_into(to, room);

	emit_text(&e, "HTTP/1.1 ");
	status_words(&e, r);
	emit_text(&e, "\r\n");
	field_unless_empty(&e, SLICE("Date"), r->date);
	field_unless_empty(&e, SLICE("Server"), r->server);
	field_unless_empty(&e, SLICE("Location"), r->location);
	if (r->retry_after_s > 0) {
		emit_text(&e, "Retry-After: ");
		emit_number(&e, r->retry_after_s);
		emit_text(&e, "\r\n");
	}
	field_unless_empty(&e, SLICE("X-Request-Id"), r->request_id);
	if (!r->has_no_policy)
		emit_text(&e, "Cache-Control: no-store\r\n");
	content_fields(&e, r);
	if (!r->keep_alive)
		emit_text(&e, "Connection: close\r\n");
	else if (r->client_minor == 0)
		emit_text(&e, "Connection: keep-alive\r\n");
	emit_text(&e, "\r\n");
	if (!r->head_only && !ends_with_head(r->status) && r->status != RESET_CONTENT)
		page(&e, r);
	return e.need;
}
