/*
 * field.c - field names and their ids, and looking fields up in a head.
 *
 * Knows no meaning of any field. A name's id is found through a perfect hash of its length, first
 * and last letter (http.h lists the letters; an overridden slot is a compiler warning), then one
 * comparison without case (field.h).
 */
#include "http/field.h"

#include <stddef.h>
#include <string.h>

#include "base/ensure.h"
#include "http/scan.h"

_Static_assert(HTTP_FIELD_IDS_N <= 64, "a set of ids is one word");

const struct field_slot field_slots[256] = {
#define X(part, name, first, last)                                                                 \
	[FIELD_HASH(sizeof(name) - 1, (unsigned)(first), (unsigned)(last))] = {                    \
		.id = HTTP_FIELD_##part,                                                           \
		.n = sizeof(name) - 1,                                                             \
		.end = offsetof(struct field_text, n_##part) - FIELD_NAME_BYTES + sizeof(name) -   \
		       1,                                                                          \
	},
	HTTP_FIELD_IDS(X)
#undef X
};

const struct field_text field_text = { .before = "",
#define X(part, name, first, last) .n_##part = name,
				       HTTP_FIELD_IDS(X)
#undef X
};

static const struct slice id_name[HTTP_FIELD_IDS_N] = {
#define X(part, name, first, last)                                                                 \
	[HTTP_FIELD_##part] = { (const uint8_t *)name, sizeof(name) - 1 },
	HTTP_FIELD_IDS(X)
#undef X
};

struct slice
http_field_id_name(enum http_field_id id)
{
	ensure(id < HTTP_FIELD_IDS_N);
	return id_name[id];
}

enum http_field_id
http_field_id_of(struct slice name)
{
	if (name.n == 0 || !http_is_token(name))
		return HTTP_FIELD_UNKNOWN;
	return (enum http_field_id)field_id(name.p, name.p, name.n);
}

bool
http_is_token(struct slice s)
{
	return s.n > 0 && scan_over(&scan_token_class, s.p, s.p, s.p + s.n) == s.p + s.n;
}

bool
http_is_field_value(struct slice s)
{
	return s.n == 0 || scan_value(s.p, s.p, s.p + s.n) == s.p + s.n;
}

const struct http_field *
http_find(const struct http_head *head, enum http_field_id id, const struct http_field *after)
{
	const struct http_field *end = head->field + head->field_n;

	ensure(id < HTTP_FIELD_IDS_N);
	if ((head->seen >> id & 1) == 0)
		return NULL;
	for (const struct http_field *f = after == NULL ? head->field : after + 1; f < end; f++) {
		if (f->id == id)
			return f;
	}
	return NULL;
}

const struct http_field *
http_find_name(const struct http_head *head, struct slice name, const struct http_field *after)
{
	const struct http_field *end = head->field + head->field_n;
	enum http_field_id id = http_field_id_of(name);

	if (id != HTTP_FIELD_UNKNOWN)
		return http_find(head, id, after);
	for (const struct http_field *f = after == NULL ? head->field : after + 1; f < end; f++) {
		if (f->id == HTTP_FIELD_UNKNOWN && slice_eq_nocase(http_field_name(f), name))
			return f;
	}
	return NULL;
}

bool
field_next(struct slice *list, struct slice *ret_element)
{
	while (list->n > 0) {
		const uint8_t *comma = memchr(list->p, ',', list->n);
		uint32_t n = comma == NULL ? list->n : (uint32_t)(comma - list->p);
		struct slice element = field_trim(slice_of(list->p, n));

		list->p += comma == NULL ? n : n + 1;
		list->n -= comma == NULL ? n : n + 1;
		if (element.n > 0) {
			*ret_element = element;
			return true;
		}
	}
	return false;
}
