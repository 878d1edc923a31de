/*
 * edits.c - what changes in the heads on their way: Host, Via and the X-Forwarded-* fields, as
 * the listener and the farm say (RFC 9110, 7.2, 7.6.3; RFC 7239's predecessors).
 */
#include "base/text.h"
#include "decide/decide.h"

static struct slice
img_slice(const struct img *img, struct img_str s)
{
	return slice_of(img_text(img, s), s.n);
}

/* "ip", or "ip:port" and "[ip]:port" where the listener wants the port. */
static struct slice
client_text(const struct decide_facts *facts, bool has_port, char *to)
{
	bool has_brackets = has_port && !ip_is_v4(&facts->client);
	uint32_t n = 0;

	if (has_brackets)
		to[n++] = '[';
	n += text_addr(&facts->client, &to[n]);
	if (has_brackets)
		to[n++] = ']';
	if (has_port) {
		to[n++] = ':';
		n += text_number(facts->client_port, &to[n]);
	}
	return slice_of(to, n);
}

/* The server's own name, with the port where it is not the scheme's. */
static struct slice
server_host(const struct img *img, const struct decide_route *route, char *to)
{
	struct slice name = img_slice(img, img_server(img, route->server_i)->host);
	bool has_colon = name.n != 0 && memchr(name.p, ':', name.n) != NULL;
	uint32_t n = 0;

	if (name.n + 10 > DECIDE_HOST_BYTES)
		return name; /* longer than any DNS name: control refuses it */
	if (has_colon)
		to[n++] = '[';
	memcpy(&to[n], name.p, name.n);
	n += name.n;
	if (has_colon)
		to[n++] = ']';
	if (route->port != (route->is_secure ? 443 : 80)) {
		to[n++] = ':';
		n += text_number(route->port, &to[n]);
	}
	return slice_of(to, n);
}

static enum http_forward
forward_of(uint32_t xff)
{
	switch ((enum img_xff)xff) {
	case IMG_XFF_APPEND:
		return HTTP_FORWARD_APPEND;
	case IMG_XFF_SET:
		return HTTP_FORWARD_SET;
	case IMG_XFF_OFF:
	case IMG_XFFS:
		return HTTP_FORWARD_PASS;
	}
	return HTTP_FORWARD_PASS;
}

/* Whether a line of this name is there once the edits so far are done. */
static bool
has_line(const struct http_head *head, const struct decide_text *text, struct slice name)
{
	bool has = http_find_name(head, name, NULL) != NULL;

	for (uint32_t i = 0; i < text->edits.n; i++)
		if (slice_eq_nocase(text->edit[i].name, name))
			has = text->edit[i].op != HTTP_EDIT_REMOVE;
	return has;
}

void
decide_edits(const struct rules_change *change, uint32_t change_n, bool is_response,
	     const struct http_head *head, struct decide_text *text)
{
	static const enum http_edit_op op_of[] = {
		[RULES_CHANGE_REMOVE] = HTTP_EDIT_REMOVE,
		[RULES_CHANGE_SET] = HTTP_EDIT_SET,
		[RULES_CHANGE_APPEND] = HTTP_EDIT_APPEND,
		[RULES_CHANGE_ABSENT] = HTTP_EDIT_SET,
	};

	text->edits.edit = text->edit;
	for (uint32_t i = 0; i < change_n && text->edits.n < DECIDE_EDITS_MAX; i++) {
		const struct rules_change *c = &change[i];

		if (c->is_variable || c->is_response != is_response)
			continue;
		if (c->op == RULES_CHANGE_ABSENT && has_line(head, text, c->name))
			continue;
		text->edit[text->edits.n++] = (struct http_edit){ .op = op_of[c->op],
								  .id = http_field_id_of(c->name),
								  .name = c->name,
								  .value = c->value };
	}
}

/* The Host that rules set last, n 0: they did not, or took it away: a request needs one. */
static struct slice
host_of(const struct http_edits *edits)
{
	struct slice host = { 0 };

	for (uint32_t i = 0; i < edits->n; i++)
		if (edits->edit[i].id == HTTP_FIELD_HOST)
			host = edits->edit[i].value;
	return host;
}

static void
way_edits(const struct decide_way *way, struct decide_text *text, struct http_request_out *out)
{
	decide_edits(way->change, way->change_n, false, &out->request->head, text);
	out->target = way->target;
	out->host = host_of(&text->edits);
}

/* A part of a body cannot be rewritten: the server is asked for all of it (14.5, choice 26). */
static void
range_remove(struct decide_text *text)
{
	const struct http_edit range = { HTTP_EDIT_REMOVE, HTTP_FIELD_RANGE, SLICE("range"),
					 SLICE("") };
	const struct http_edit if_range = { HTTP_EDIT_REMOVE, HTTP_FIELD_IF_RANGE,
					    SLICE("if-range"), SLICE("") };

	if (text->edits.n > DECIDE_EDITS_MAX - 2)
		return;
	text->edit[text->edits.n++] = range;
	text->edit[text->edits.n++] = if_range;
}

void
decide_request(const struct img *img, uint32_t listener_i, const struct decide_route *route,
	       const struct decide_facts *facts, struct decide_text *text,
	       struct http_request_out *ret_out)
{
	const struct img_listener *listener = img_listener(img, listener_i);
	const struct img_farm *farm = img_farm(img, route->farm_i);

	*ret_out = (struct http_request_out){ .request = facts->request };
	text->edits = (struct http_edits){ .edit = text->edit };
	if (facts->way != NULL)
		way_edits(facts->way, text, ret_out);
	if (facts->wants_body) {
		if ((facts->request->head.seen >> HTTP_FIELD_RANGE & 1) != 0)
			range_remove(text);
		decide_accept(&facts->request->head, text);
	}
	if (text->edits.n != 0)
		ret_out->edits = &text->edits;
	if (farm->host == IMG_HOST_SERVER)
		ret_out->host = server_host(img, route, text->host);
	else if (farm->host == IMG_HOST_SET)
		ret_out->host = img_slice(img, farm->host_value);
	if ((listener->flags & IMG_LISTENER_VIA) != 0)
		ret_out->via = img_slice(img, img_machine(img)->pseudonym);
	ret_out->xff = forward_of(listener->xff);
	if (ret_out->xff != HTTP_FORWARD_PASS)
		ret_out->client = client_text(facts, (listener->flags & IMG_LISTENER_XFF_PORT) != 0,
					      text->client);
	if ((listener->flags & IMG_LISTENER_XF_PROTO) != 0) {
		ret_out->xfproto = HTTP_FORWARD_SET;
		ret_out->proto = facts->is_secure ? SLICE("https") : SLICE("http");
	}
	if ((listener->flags & IMG_LISTENER_XF_HOST) != 0)
		ret_out->xfhost = HTTP_FORWARD_SET;
}

void
decide_response(const struct img *img, uint32_t listener_i, const struct http_response *response,
		struct http_response_out *ret_out)
{
	*ret_out = (struct http_response_out){ .response = response };
	if ((img_listener(img, listener_i)->flags & IMG_LISTENER_VIA) != 0)
		ret_out->via = img_slice(img, img_machine(img)->pseudonym);
}
