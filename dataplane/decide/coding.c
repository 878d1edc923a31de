/*
 * coding.c - content codings of bodies that rules rewrite (RFC 9110, 8.4, 12.5.3).
 */
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
	const struct http_edit gone = { HTTP_EDIT_REMOVE, HTTP_FIELD_CONTENT_ENCODING,
					SLICE("content-encoding"), SLICE("") };
	enum codec_kind kind = coding_of(&facts->response->head);

	*ret_coding = (struct decide_coding){ kind, kind };
	if (kind == CODEC_OTHER)
		return RULES_FAULT_ENCODED;
	if (kind == CODEC_NONE || is_accepted(&facts->request->head, kind))
		return RULES_FAULT_NONE;
	if (text->edits.n == DECIDE_EDITS_MAX)
		return RULES_FAULT_CHANGES;
	ret_coding->to = CODEC_NONE;
	text->edits.edit = text->edit;
	text->edit[text->edits.n++] = gone;
	return RULES_FAULT_NONE;
}
