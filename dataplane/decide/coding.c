/*
 * coding.c - content codings of bodies that rules rewrite (RFC 9110, 8.4, 12.5.3).
 */
#include <string.h>

#include "decide/decide.h"

static enum codec_kind
coding_of(const struct http_head *head)
{
	const struct http_field *f = http_find(head, HTTP_FIELD_CONTENT_ENCODING, NULL);

	if (f == NULL)
		return CODEC_NONE;
	if (http_find(head, HTTP_FIELD_CONTENT_ENCODING, f) != NULL)
		return CODEC_OTHER; /* several */
	return codec_of(http_field_value(f));
}

/* By what the client sent, whatever rules made of it for the server. */
static bool
is_accepted(const struct http_head *head, enum codec_kind kind)
{
	const struct http_field *f = NULL;

	while ((f = http_find(head, HTTP_FIELD_ACCEPT_ENCODING, f)) != NULL)
		if (codec_is_accepted(http_field_value(f), kind))
			return true;
	return false;
}

enum rules_fault
decide_coding(const struct decide_facts *facts, struct decide_text *text,
	      struct decide_coding *ret_coding)
{
	enum codec_kind kind = coding_of(&facts->response->head);

	*ret_coding = (struct decide_coding){ kind, kind };
	if (kind == CODEC_OTHER)
		return RULES_FAULT_ENCODED;
	if (kind == CODEC_NONE || is_accepted(&facts->request->head, kind))
		return RULES_FAULT_NONE;
	return decide_uncoded(text, ret_coding);
}

enum rules_fault
decide_uncoded(struct decide_text *text, struct decide_coding *coding)
{
	const struct http_edit gone = { HTTP_EDIT_REMOVE, HTTP_FIELD_CONTENT_ENCODING,
					SLICE("content-encoding"), SLICE("") };

	if (text->edits.n == DECIDE_EDITS_MAX)
		return RULES_FAULT_CHANGES;
	coding->to = CODEC_NONE;
	text->edits.edit = text->edit;
	text->edit[text->edits.n++] = gone;
	return RULES_FAULT_NONE;
}

/* ---- what a server may send ---- */

static bool
is_edited(const struct decide_text *text)
{
	for (uint32_t i = 0; i < text->edits.n; i++)
		if (text->edit[i].id == HTTP_FIELD_ACCEPT_ENCODING)
			return true;
	return false;
}

/* br takes ten times gzip's memory for as long as a client reads: nobody shall ask for it. */
static bool
is_asked_for(enum codec_kind kind)
{
	return kind != CODEC_OTHER && kind != CODEC_BR;
}

/* The members of a list that are codings we ask for; false: they do not fit. */
static bool
known_put(struct slice list, char *to, uint32_t *n, bool *ret_left_out)
{
	while (list.n > 0) {
		if (list.p[0] == ' ' || list.p[0] == '\t') {
			list = slice_of(list.p + 1, list.n - 1);
			continue;
		}

		const uint8_t *comma = memchr(list.p, ',', list.n), *end;
		uint32_t length = comma != NULL ? (uint32_t)(comma - list.p) : list.n, name_n;

		end = memchr(list.p, ';', length);
		name_n = end != NULL ? (uint32_t)(end - list.p) : length;
		if (!is_asked_for(codec_of(slice_of(list.p, name_n)))) {
			*ret_left_out = true;
		} else {
			if (length + 2 > DECIDE_CODINGS_BYTES - *n)
				return false;
			if (*n > 0) {
				to[(*n)++] = ',';
				to[(*n)++] = ' ';
			}
			memcpy(to + *n, list.p, length);
			*n += length;
		}
		length += comma != NULL;
		list = slice_of(list.p + length, list.n - length);
	}
	return true;
}

void
decide_accept(const struct http_head *request, struct decide_text *text)
{
	const struct http_field *f = NULL;
	struct http_edit edit = { .op = HTTP_EDIT_SET,
				  .id = HTTP_FIELD_ACCEPT_ENCODING,
				  .name = SLICE("accept-encoding") };
	bool is_left_out = false, fits = true;
	uint32_t n = 0;

	if (is_edited(text) || text->edits.n == DECIDE_EDITS_MAX)
		return;
	while (fits && (f = http_find(request, HTTP_FIELD_ACCEPT_ENCODING, f)) != NULL)
		fits = known_put(http_field_value(f), text->codings, &n, &is_left_out);
	if (fits && !is_left_out)
		return;
	edit.value = fits && n > 0 ? slice_of(text->codings, n) : SLICE("identity");
	text->edits.edit = text->edit;
	text->edit[text->edits.n++] = edit;
}
