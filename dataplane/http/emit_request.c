/*
 * emit_request.c - a request head as it goes to the next hop (RFC 9110, 7.6; RFC 9112, 3.2).
 */
#include "http/emit.h"

#include "base/ensure.h"

static void
target(struct emit *e, const struct http_request_out *out)
{
	const struct http_request *r = out->request;

	if (out->target.n > 0) {
		emit_slice(e, out->target);
		return;
	}
	if (r->form == HTTP_FORM_AUTHORITY) {
		emit_slice(e, r->target);
		return;
	}
	/* An empty path is "/", or "*" for OPTIONS without a query (RFC 9112, 3.2.1, 3.2.4). */
	if (r->path.n == 0 && r->method_id == HTTP_METHOD_OPTIONS) {
		emit_text(e, "*");
		return;
	}
	if (r->path.n == 0 || r->path.p[0] == '?')
		emit_text(e, "/");
	emit_slice(e, r->path);
}

static void
request_line(struct emit *e, const struct http_request_out *out)
{
	emit_slice(e, out->method.n > 0 ? out->method : out->request->method);
	emit_text(e, " ");
	target(e, out);
	emit_text(e, " HTTP/1.1\r\nHost: ");
	emit_slice(e, out->host.n > 0 ? out->host : out->request->host);
	emit_text(e, "\r\n");
}

/* The fields of this hop: Connection and what it names (RFC 9110, 7.6.1). */
static void
hop(struct emit *e, const struct http_request_out *out)
{
	const struct http_head *head = &out->request->head;
	bool upgrade = out->upgrade && head->upgrade.n > 0;
	bool te = head->te_trailers;

	if (te)
		emit_text(e, "TE: trailers\r\n");
	if (upgrade)
		emit_field(e, SLICE("Upgrade"), head->upgrade);
	if (!te && !upgrade && out->keep_alive)
		return;
	emit_text(e, "Connection: ");
	if (upgrade)
		emit_text(e, "Upgrade");
	if (te && upgrade)
		emit_text(e, ", ");
	if (te)
		emit_text(e, "TE");
	if (!out->keep_alive && (te || upgrade))
		emit_text(e, ", ");
	if (!out->keep_alive)
		emit_text(e, "close");
	emit_text(e, "\r\n");
}

/* Fields that are rewritten below or have no meaning on the next leg. */
static uint64_t
dropped_ids(const struct http_request_out *out)
{
	uint64_t ids = FIELD_FRAME;

	if (out->framing != HTTP_FRAMING_CHUNKED)
		ids |= FIELD_BIT(TRAILER);
	if (out->via.n > 0)
		ids |= FIELD_BIT(VIA);
	if (out->request->max_forwards >= 0)
		ids |= FIELD_BIT(MAX_FORWARDS);
	if (out->xff != HTTP_FORWARD_PASS)
		ids |= FIELD_BIT(X_FORWARDED_FOR);
	if (out->xfproto != HTTP_FORWARD_PASS)
		ids |= FIELD_BIT(X_FORWARDED_PROTO);
	if (out->xfhost != HTTP_FORWARD_PASS)
		ids |= FIELD_BIT(X_FORWARDED_HOST);
	return ids;
}

/*
 * What we write into every request, or write anew here: a client's X_Forwarded_For beside it is
 * the same variable for servers that make some of headers.
 */
static uint64_t
twin_ids(uint64_t dropped)
{
	return FIELD_BIT(CONTENT_LENGTH) | FIELD_BIT(TRANSFER_ENCODING) |
	       (dropped & (FIELD_BIT(MAX_FORWARDS) | FIELD_BIT(X_FORWARDED_FOR) |
			   FIELD_BIT(X_FORWARDED_PROTO) | FIELD_BIT(X_FORWARDED_HOST)));
}

static void
forwarded(struct emit *e, const struct http_head *head, enum http_field_id id,
	  enum http_forward how, struct slice value)
{
	if (how == HTTP_FORWARD_PASS || how == HTTP_FORWARD_DROP || value.n == 0)
		return;
	emit_joined(e, head, id, how == HTTP_FORWARD_SET, value);
}

/* Fields about the way here. An edit that sets or removes one of them comes before us. */
static void
way(struct emit *e, const struct http_request_out *out, uint64_t edited)
{
	const struct http_request *r = out->request;

	if ((edited & FIELD_BIT(X_FORWARDED_FOR)) == 0)
		forwarded(e, &r->head, HTTP_FIELD_X_FORWARDED_FOR, out->xff, out->client);
	if ((edited & FIELD_BIT(X_FORWARDED_PROTO)) == 0)
		forwarded(e, &r->head, HTTP_FIELD_X_FORWARDED_PROTO, out->xfproto, out->proto);
	if ((edited & FIELD_BIT(X_FORWARDED_HOST)) == 0)
		forwarded(e, &r->head, HTTP_FIELD_X_FORWARDED_HOST, out->xfhost, r->host);
	if (out->via.n > 0 && (edited & FIELD_BIT(VIA)) == 0)
		emit_via(e, &r->head, out->via);
	if (r->max_forwards > 0 && (edited & FIELD_BIT(MAX_FORWARDS)) == 0) {
		emit_text(e, "Max-Forwards: ");
		emit_number(e, (uint64_t)r->max_forwards - 1);
		emit_text(e, "\r\n");
	}
}

uint32_t
http_emit_request(const struct http_request_out *out, uint8_t *to, uint32_t room)
{
	struct emit e = emit_into(to, room);
	uint64_t dropped = dropped_ids(out);
	struct emit_drop drop = emit_drop_of(dropped, out->edits);
	struct emit_drop edited = emit_drop_of(0, out->edits);

	ensure(out->framing != HTTP_FRAMING_CLOSE); /* a request cannot end so: RFC 9112, 6.3 */
	drop.twins = twin_ids(dropped);
	request_line(&e, out);
	emit_fields(&e, &out->request->head, &drop);
	way(&e, out, edited.ids);
	emit_edits(&e, out->edits);
	emit_framing(&e, out->framing, out->length);
	hop(&e, out);
	emit_text(&e, "\r\n");
	return e.need;
}
