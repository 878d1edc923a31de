/*
 * emit.h - what emitting requests, responses and replies share: a bounded writer that goes on
 * counting when the room is used up, and the fields of a head that pass on.
 */
#ifndef PENSTOCK_HTTP_EMIT_H
#define PENSTOCK_HTTP_EMIT_H

#include "http/field.h"
#include "http/http.h"

struct emit {
	uint8_t *p;
	uint8_t *end; /* moved to p by the first piece that does not fit: none follows it */
	uint32_t need;
};

static inline struct emit
emit_into(uint8_t *to, uint32_t room)
{
	return (struct emit){ .p = to, .end = room > 0 ? to + room : to, .need = 0 };
}

static inline void
emit_bytes(struct emit *e, const void *bytes, uint32_t n)
{
	e->need += n;
	if (n <= (uint32_t)(e->end - e->p) && n > 0) {
		memcpy(e->p, bytes, n);
		e->p += n;
	} else if (n > 0) {
		e->end = e->p;
	}
}

static inline void
emit_slice(struct emit *e, struct slice s)
{
	emit_bytes(e, s.p, s.n);
}

/* A string literal. */
#define emit_text(e, literal) emit_bytes(e, "" literal, sizeof(literal) - 1)

void emit_number(struct emit *e, uint64_t n);

/* "Name: value" and CRLF. */
void emit_field(struct emit *e, struct slice name, struct slice value);

/* Which of a head's fields stay behind. */
struct emit_drop {
	uint64_t ids;			/* these */
	uint64_t twins;			/* lines that differ from these by '_' and '-': emit.c */
	const struct http_edits *edits; /* and the names removed or set here; may be NULL */
	bool has_names;			/* edits has some */
};

/* The drops that edits ask for, on top of the given ids. */
struct emit_drop emit_drop_of(uint64_t ids, const struct http_edits *edits);

/* All fields but hop-by-hop ones and those dropped. */
void emit_fields(struct emit *e, const struct http_head *head, const struct emit_drop *drop);

/* Name, the values of all fields with this id (unless `fresh`), and one more behind them. */
void emit_joined(struct emit *e, const struct http_head *head, enum http_field_id id, bool fresh,
		 struct slice more);

/* Via with one more element: the version the message came in, and our pseudonym. */
void emit_via(struct emit *e, const struct http_head *head, struct slice pseudonym);

/* The fields that edits bring. */
void emit_edits(struct emit *e, const struct http_edits *edits);

/* Content-Length or Transfer-Encoding for this framing; nothing for NONE and CLOSE. */
void emit_framing(struct emit *e, enum http_framing framing, uint64_t length);

#endif
