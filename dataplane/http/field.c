/*
 * field.c - field names and their ids, and looking fields up in a head.
 *
 * Knows no meaning of any field. A name's id is found through a perfect hash of its length, first
 * and last letter (http.h lists the letters; an overridden slot is a compiler warning), then one
 * comparison without case. Names are tokens when they come here, so that setting bit 5 maps
 * letters to lower case and makes nothing else equal to a letter, a digit or "-".
 */
#include "http/field.h"

#include <string.h>

#include "base/ensure.h"
#include "http/scan.h"

enum {
	NAME_BYTES = 32, /* the longest known name, rounded up to whole vectors */
};

#define HASH(n, first, last) (((n) + 12u * (first) + 56u * (last)) & 255u)

static const uint8_t slot_id[256] = {
#define X(part, name, first, last)                                                                 \
	[HASH(sizeof(name) - 1, (unsigned)(first), (unsigned)(last))] = HTTP_FIELD_##part,
	HTTP_FIELD_IDS(X)
#undef X
};

static const char *const id_name[HTTP_FIELD_IDS_N] = {
#define X(part, name, first, last) [HTTP_FIELD_##part] = name,
	HTTP_FIELD_IDS(X)
#undef X
};

static const uint8_t id_name_n[HTTP_FIELD_IDS_N] = {
#define X(part, name, first, last) [HTTP_FIELD_##part] = sizeof(name) - 1,
	HTTP_FIELD_IDS(X)
#undef X
};

_Static_assert(HTTP_FIELD_IDS_N <= 64, "a set of ids is one word");

/* As written by us, padded with NUL; compared with bit 5 set on both sides. */
static const char id_padded[HTTP_FIELD_IDS_N][NAME_BYTES] = {
#define X(part, name, first, last) [HTTP_FIELD_##part] = name,
	HTTP_FIELD_IDS(X)
#undef X
};

const char *
http_field_id_name(enum http_field_id id)
{
	ensure(id < HTTP_FIELD_IDS_N);
	return id_name[id];
}

/* Equal in the first n <= 16 bytes, without case. Both pointers have 16 readable bytes. */
static inline bool
is_same_16(const void *a, const void *b, uint32_t n)
{
	const __m128i bit5 = _mm_set1_epi8(0x20);
	__m128i x = _mm_or_si128(_mm_loadu_si128((const __m128i *)a), bit5);
	__m128i y = _mm_or_si128(_mm_loadu_si128((const __m128i *)b), bit5);
	uint32_t same = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y));

	return (~same & ((1u << n) - 1)) == 0;
}

enum http_field_id
field_id(const uint8_t *name, uint32_t n, uint32_t readable)
{
	uint8_t copy[NAME_BYTES];
	uint32_t id;

	ensure_hot(n > 0);
	id = slot_id[HASH(n, name[0] | 0x20u, name[n - 1] | 0x20u)];
	if (id_name_n[id] != n || id == HTTP_FIELD_UNKNOWN)
		return HTTP_FIELD_UNKNOWN;
	if (readable < (n <= 16 ? 16 : NAME_BYTES)) {
		memcpy(copy, name, n);
		memset(copy + n, 0, NAME_BYTES - n);
		name = copy;
	}
	if (!is_same_16(name, id_padded[id], n < 16 ? n : 16))
		return HTTP_FIELD_UNKNOWN;
	if (n > 16 && !is_same_16(name + 16, id_padded[id] + 16, n - 16))
		return HTTP_FIELD_UNKNOWN;
	return (enum http_field_id)id;
}

enum http_field_id
http_field_id_of(struct slice name)
{
	if (name.n == 0 || !http_is_token(name))
		return HTTP_FIELD_UNKNOWN;
	return field_id(name.p, name.n, name.n);
}

bool
http_is_token(struct slice s)
{
	return s.n > 0 && scan_over(&scan_token_class, s.p, s.p + s.n) == s.p + s.n;
}

bool
http_is_field_value(struct slice s)
{
	return s.n == 0 || scan_value(s.p, s.p + s.n) == s.p + s.n;
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
