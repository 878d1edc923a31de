/*
 * field.h - what the files of this folder share about fields: ids in sets, values as lists.
 */
#ifndef PENSTOCK_HTTP_FIELD_H
#define PENSTOCK_HTTP_FIELD_H

#include "http/http.h"

/* A set of ids with this one in it. */
#define FIELD_BIT(part) (1ull << HTTP_FIELD_##part)

/* Fields of one hop by their nature (RFC 9110, 7.6.1); emission writes its own where needed. */
#define FIELD_HOP                                                                                  \
	(FIELD_BIT(CONNECTION) | FIELD_BIT(TRANSFER_ENCODING) | FIELD_BIT(TE) |                    \
	 FIELD_BIT(UPGRADE) | FIELD_BIT(KEEP_ALIVE) | FIELD_BIT(PROXY_CONNECTION) |                \
	 FIELD_BIT(HTTP2_SETTINGS))

/* Fields that say for whom a message is and where it ends: Connection cannot name them away. */
#define FIELD_FRAME (FIELD_BIT(HOST) | FIELD_BIT(CONTENT_LENGTH) | FIELD_BIT(TRANSFER_ENCODING))

/* The id of a name of n > 0 token bytes of which `readable` >= n may be read. */
enum http_field_id field_id(const uint8_t *name, uint32_t n, uint32_t readable);

/* Takes the next element off a comma-separated list (RFC 9110, 5.6.1); empty ones are skipped. */
bool field_next(struct slice *list, struct slice *ret_element);

/* Without the spaces and tabs at both ends. */
static inline struct slice
field_trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_of(s.p + 1, s.n - 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

#endif
