/*
 * emit.c - a head's fields on their way out: most of them unchanged, in as few moves as can be.
 *
 * Fields that came side by side leave in one memcpy, their separators included; only where a field
 * stays behind, or the line was not written plainly, does a new run begin.
 */
#include "http/emit.h"

#include "base/ensure.h"

void
emit_number(struct emit *e, uint64_t n)
{
	uint8_t digits[20];
	uint32_t at = sizeof(digits);

	do {
		digits[--at] = (uint8_t)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	emit_bytes(e, digits + at, (uint32_t)sizeof(digits) - at);
}

void
emit_field(struct emit *e, struct slice name, struct slice value)
{
	emit_slice(e, name);
	emit_text(e, ": ");
	emit_slice(e, value);
	emit_text(e, "\r\n");
}

/* Twins too: who takes X-Auth away does not want the server to see X_Auth in its place. */
static bool
is_edit_of(const struct http_edit *edit, enum http_field_id id, struct slice name)
{
	if (id != HTTP_FIELD_UNKNOWN && edit->id == id)
		return true;
	return !http_is_ours(edit->id) && slice_eq_twin(edit->name, name);
}

struct emit_drop
emit_drop_of(uint64_t ids, const struct http_edits *edits)
{
	struct emit_drop d = { .ids = ids | FIELD_HOP, .edits = edits };

	for (uint32_t i = 0; edits != NULL && i < edits->n; i++) {
		const struct http_edit *edit = &edits->edit[i];

		if (edit->op == HTTP_EDIT_APPEND || http_is_ours(edit->id))
			continue;
		d.has_names = true;
		if (edit->id != HTTP_FIELD_UNKNOWN)
			d.ids |= 1ull << edit->id;
	}
	return d;
}

/* The fields that emission writes and whose names have a '-', with their first letter. */
#define TWINS(x)                                                                                   \
	x(CONTENT_LENGTH, 'c') x(TRANSFER_ENCODING, 't') x(MAX_FORWARDS, 'm')                      \
		x(X_FORWARDED_FOR, 'x') x(X_FORWARDED_PROTO, 'x') x(X_FORWARDED_HOST, 'x')

enum {
#define X(part, letter) TWIN_BYTES_##part = sizeof(((struct field_text *)NULL)->n_##part) - 1,
	TWINS(X)
#undef X
};

/* Bit n: a name of n bytes may be one's twin; one that begins with the n-th letter. */
#define X(part, letter) | 1ull << TWIN_BYTES_##part
static const uint64_t twin_lengths = 0 TWINS(X);
#undef X
#define X(part, letter) | 1u << (letter & 31)
static const uint32_t twin_letters = 0 TWINS(X);
#undef X

static bool
may_be_twin(const struct http_field *f)
{
	return (twin_lengths >> (f->name_n & 63) & 1) != 0 &&
	       (twin_letters >> (f->name[0] & 31) & 1) != 0;
}

static __attribute__((noinline)) bool
is_twin(uint64_t ids, struct slice name)
{
	bool is = false;

#define X(part, letter)                                                                            \
	is |= (ids & FIELD_BIT(part)) != 0 &&                                                      \
	      slice_eq_twin(slice_of(field_text.n_##part, TWIN_BYTES_##part), name);
	TWINS(X)
#undef X
	return is;
}

/* Per field. */
static bool
is_dropped(const struct emit_drop *drop, const struct http_field *f)
{
	if (f->hop || (drop->ids >> f->id & 1) != 0)
		return true;
	if (f->id == HTTP_FIELD_UNKNOWN && __builtin_expect(may_be_twin(f), 0) &&
	    is_twin(drop->twins, http_field_name(f)))
		return true;
	for (uint32_t i = 0; drop->has_names && i < drop->edits->n; i++) {
		const struct http_edit *edit = &drop->edits->edit[i];

		if (edit->op != HTTP_EDIT_APPEND &&
		    is_edit_of(edit, HTTP_FIELD_UNKNOWN, http_field_name(f)))
			return true;
	}
	return false;
}

void
emit_fields(struct emit *e, const struct http_head *head, const struct emit_drop *drop)
{
	const struct http_field *end = head->field + head->field_n;
	const uint8_t *from = NULL, *to = NULL; /* the run so far: it lacks its last CRLF */

	for (const struct http_field *f = head->field; f < end; f++) {
		if (is_dropped(drop, f))
			continue;
		if (!head->wire) {
			emit_field(e, http_field_name(f), http_field_value(f));
			continue;
		}
		if (from == NULL || f->name - to != 2 || to[0] != '\r') {
			if (from != NULL) {
				emit_bytes(e, from, (uint32_t)(to - from));
				emit_text(e, "\r\n");
			}
			from = f->name;
		}
		to = f->value + f->value_n;
	}
	if (from != NULL) {
		emit_bytes(e, from, (uint32_t)(to - from));
		emit_text(e, "\r\n");
	}
}

/* The name and the values so far; whatever comes last and CRLF are the caller's. */
static void
joined_start(struct emit *e, const struct http_head *head, enum http_field_id id, bool fresh)
{
	const struct http_field *f = NULL;

	emit_slice(e, http_field_id_name(id));
	emit_text(e, ": ");
	while (!fresh && (f = http_find(head, id, f)) != NULL) {
		if (f->hop || f->value_n == 0)
			continue;
		emit_slice(e, http_field_value(f));
		emit_text(e, ", ");
	}
}

void
emit_joined(struct emit *e, const struct http_head *head, enum http_field_id id, bool fresh,
	    struct slice more)
{
	joined_start(e, head, id, fresh);
	emit_slice(e, more);
	emit_text(e, "\r\n");
}

void
emit_via(struct emit *e, const struct http_head *head, struct slice pseudonym)
{
	joined_start(e, head, HTTP_FIELD_VIA, false);
	emit_bytes(e, head->minor > 0 ? "1.1 " : "1.0 ", 4);
	emit_slice(e, pseudonym);
	emit_text(e, "\r\n");
}

void
emit_edits(struct emit *e, const struct http_edits *edits)
{
	for (uint32_t i = 0; edits != NULL && i < edits->n; i++) {
		const struct http_edit *edit = &edits->edit[i];
		bool undone = edit->op == HTTP_EDIT_REMOVE || http_is_ours(edit->id);

		for (uint32_t k = i + 1; k < edits->n && !undone; k++)
			undone = edits->edit[k].op != HTTP_EDIT_APPEND &&
				 is_edit_of(&edits->edit[k], edit->id, edit->name);
		if (!undone)
			emit_field(e, edit->name, edit->value);
	}
}

void
emit_framing(struct emit *e, enum http_framing framing, uint64_t length)
{
	switch (framing) {
	case HTTP_FRAMING_LENGTH:
		emit_text(e, "Content-Length: ");
		emit_number(e, length);
		emit_text(e, "\r\n");
		return;
	case HTTP_FRAMING_CHUNKED:
		emit_text(e, "Transfer-Encoding: chunked\r\n");
		return;
	case HTTP_FRAMING_NONE:
	case HTTP_FRAMING_CLOSE:
		return;
	}
	ensure(!"a framing outside its list");
}

bool
http_is_ours(enum http_field_id id)
{
	return ((FIELD_HOP | FIELD_FRAME | FIELD_BIT(TRAILER)) >> id & 1) != 0;
}
