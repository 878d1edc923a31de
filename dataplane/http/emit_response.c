/*
 * emit_response.c - a response head as it goes to the client (RFC 9110, 7.6; RFC 9112, 4 and 9).
 */
#include "http/emit.h"

static void
status_line(struct emit *e, const struct http_response *r)
{
	emit_text(e, "HTTP/1.1 ");
	emit_number(e, r->status);
	emit_text(e, " ");
	emit_slice(e, r->phrase);
	emit_text(e, "\r\n");
}

static void
framing(struct emit *e, const struct http_response_out *out)
{
	const struct http_response *r = out->response;

	/* To HEAD and with 304 the server may tell the length of what it does not send. */
	if (out->framing == HTTP_FRAMING_NONE && r->head.has_length)
		emit_framing(e, HTTP_FRAMING_LENGTH, r->head.length);
	else
		emit_framing(e, out->framing, out->length);
}

static void
hop(struct emit *e, const struct http_response_out *out)
{
	const struct http_head *head = &out->response->head;

	if (out->upgrade && head->upgrade.n > 0) {
		emit_field(e, SLICE("Upgrade"), head->upgrade);
		emit_text(e, "Connection: Upgrade\r\n");
		return;
	}
	if (out->response->status < 200)
		return;
	if (!out->keep_alive)
		emit_text(e, "Connection: close\r\n");
	else if (out->client_minor == 0)
		emit_text(e, "Connection: keep-alive\r\n");
}

uint32_t
http_emit_response(const struct http_response_out *out, uint8_t *to, uint32_t room)
{
	const struct http_response *r = out->response;
	struct emit e = emit_into(to, room);
	uint64_t ids = FIELD_BIT(CONTENT_LENGTH) | FIELD_BIT(TRANSFER_ENCODING);
	struct emit_drop drop, edited = emit_drop_of(0, out->edits);

	if (out->via.n > 0)
		ids |= FIELD_BIT(VIA);
	if (out->framing != HTTP_FRAMING_CHUNKED || out->drops_trailers)
		ids |= FIELD_BIT(TRAILER);
	drop = emit_drop_of(ids, out->edits);
	status_line(&e, r);
	emit_fields(&e, &r->head, &drop);
	if (out->date.n > 0 && r->status >= 200 && (r->head.seen & FIELD_BIT(DATE)) == 0 &&
	    (edited.ids & FIELD_BIT(DATE)) == 0)
		emit_field(&e, SLICE("Date"), out->date);
	if (out->via.n > 0 && (edited.ids & FIELD_BIT(VIA)) == 0)
		emit_via(&e, &r->head, out->via);
	emit_edits(&e, out->edits);
	if (r->status >= 200)
		framing(&e, out);
	hop(&e, out);
	emit_text(&e, "\r\n");
	return e.need;
}

enum http_framing
http_framing_for(const struct http_request *request, const struct http_response *response,
		 bool *ret_close)
{
	enum http_framing framing = response->head.framing;

	if (framing == HTTP_FRAMING_CHUNKED && request->head.minor == 0)
		framing = HTTP_FRAMING_CLOSE; /* HTTP/1.0 knows no chunks */
	*ret_close = framing == HTTP_FRAMING_CLOSE;
	return framing;
}
