/*
 * journal.c - layout and producer side of a lane's journal (journal.h). The reader is in
 * journal_read.c.
 *
 * The producer keeps its own positions and never reads shared memory but for the consumer's
 * cursor, whose position it takes only when it lies between the last one and what was written.
 */
#include "abi/journal.h"

#include <stddef.h>
#include <string.h>

_Static_assert(sizeof(struct journal_access) % JOURNAL_ALIGN == 0, "records stay aligned");
_Static_assert(sizeof(struct journal_access) + JOURNAL_METHOD_MAX + JOURNAL_TARGET_MAX +
			       JOURNAL_HOST_MAX + JOURNAL_AGENT_MAX + JOURNAL_ALIGN <=
		       JOURNAL_RECORD_MAX,
	       "the largest record fits");
_Static_assert(2 * JOURNAL_RECORD_MAX <= JOURNAL_BYTES_MIN, "a record and its padding fit");
_Static_assert(offsetof(struct journal_head, written) == 64, "the producer's own cache line");

enum {
	AHEAD = 512, /* bytes of the ring that are asked for: more than a usual record has */
};

static uint64_t
ring_of(uint64_t ring_bytes)
{
	uint64_t n = JOURNAL_BYTES_MIN;

	while (n < ring_bytes && n < JOURNAL_BYTES_MAX)
		n *= 2;
	return n;
}

size_t
journal_bytes(uint64_t ring_bytes)
{
	return sizeof(struct journal_head) + ring_of(ring_bytes);
}

void
journal_init(void *bytes, uint64_t ring_bytes, uint32_t lane, uint64_t id,
	     struct journal_writer *ret_writer)
{
	struct journal_head *head = bytes;

	head->version = JOURNAL_VERSION;
	head->head_bytes = sizeof(*head);
	head->lane = lane;
	head->id = id;
	head->ring_bytes = ring_of(ring_bytes);
	head->ring_offset = sizeof(*head);
	head->magic = JOURNAL_MAGIC;
	*ret_writer = (struct journal_writer){
		.head = head,
		.ring = (uint8_t *)bytes + sizeof(*head),
		.ring_bytes = head->ring_bytes,
		.id = id,
		.lane = lane,
	};
}

void
journal_set_cursor(struct journal_writer *w, const struct cursor *cursor)
{
	__atomic_store_n(&w->cursor, cursor, __ATOMIC_RELEASE);
}

/* Takes the consumer's position when it makes sense. */
static void
look_at_cursor(struct journal_writer *w)
{
	const struct cursor *cursor = __atomic_load_n(&w->cursor, __ATOMIC_ACQUIRE);
	uint64_t position;

	if (cursor != NULL && cursor_get(cursor, w->id, &position) && position >= w->read &&
	    position <= w->written)
		w->read = position;
}

uint64_t
journal_used(struct journal_writer *w)
{
	look_at_cursor(w);
	return w->written - w->read;
}

static bool
has_room(struct journal_writer *w, uint64_t n)
{
	if (w->ring_bytes - (w->written - w->read) >= n)
		return true;
	look_at_cursor(w);
	return w->ring_bytes - (w->written - w->read) >= n;
}

/* Where n bytes go, after a PAD record if they would wrap; NULL when there is no room. */
static uint8_t *
place(struct journal_writer *w, uint32_t n)
{
	uint64_t at = w->written & (w->ring_bytes - 1), left = w->ring_bytes - at;
	struct journal_record pad = { .kind = JOURNAL_PAD, .seq = w->seq };

	if (left >= n)
		return has_room(w, n) ? w->ring + at : NULL;
	if (!has_room(w, left + n))
		return NULL;
	pad.bytes = (uint32_t)left;
	pad.fixed_bytes = sizeof(pad);
	/* The end of the ring may be too short for a whole header; its length is then implied. */
	memcpy(w->ring + at, &pad, left < sizeof(pad) ? left : sizeof(pad));
	w->written += left;
	return w->ring;
}

static uint16_t
cut(uint16_t n, uint16_t most, bool *ret_is_cut)
{
	if (n <= most)
		return n;
	*ret_is_cut = true;
	return most;
}

static uint8_t *
append(uint8_t *to, const uint8_t *from, uint16_t n)
{
	if (n > 0)
		memcpy(to, from, n);
	return to + n;
}

/*
 * The consumer has read the ring's memory on another core, and each line must be had from there
 * before it can be written: those of the next record are asked for while there is other work.
 */
static void
ask_for_next(const struct journal_writer *w)
{
	for (uint32_t off = 0; off < AHEAD; off += 64)
		__builtin_prefetch(w->ring + ((w->written + off) & (w->ring_bytes - 1)), 1);
}

struct journal_access *
journal_begin_access(struct journal_writer *w, struct journal_sizes *sizes)
{
	uint32_t n = sizeof(struct journal_access);
	uint8_t *p;

	sizes->is_cut = false;
	n += sizes->method_n = cut(sizes->method_n, JOURNAL_METHOD_MAX, &sizes->is_cut);
	n += sizes->target_n = cut(sizes->target_n, JOURNAL_TARGET_MAX, &sizes->is_cut);
	n += sizes->host_n = cut(sizes->host_n, JOURNAL_HOST_MAX, &sizes->is_cut);
	n += sizes->agent_n = cut(sizes->agent_n, JOURNAL_AGENT_MAX, &sizes->is_cut);
	n += sizes->referer_n = cut(sizes->referer_n, JOURNAL_REFERER_MAX, &sizes->is_cut);
	sizes->bytes = (n + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
	w->seq++;
	p = place(w, sizes->bytes);
	if (p == NULL) {
		w->dropped++;
		__atomic_store_n(&w->head->dropped, w->dropped, __ATOMIC_RELAXED);
		__atomic_store_n(&w->head->seq, w->seq, __ATOMIC_RELAXED);
	}
	return (struct journal_access *)(void *)p;
}

void
journal_end_access(struct journal_writer *w, struct journal_access *r,
		   const struct journal_sizes *sizes, const struct journal_text *text)
{
	uint8_t *p = (uint8_t *)r, *end = p + sizeof(*r);

	r->record = (struct journal_record){
		.bytes = sizes->bytes,
		.kind = JOURNAL_ACCESS,
		.fixed_bytes = sizeof(*r),
		.seq = w->seq,
	};
	r->lane = w->lane;
	r->method_n = sizes->method_n;
	r->target_n = sizes->target_n;
	r->host_n = sizes->host_n;
	r->agent_n = sizes->agent_n;
	r->referer_n = sizes->referer_n;
	end = append(end, text->method, sizes->method_n);
	end = append(end, text->target, sizes->target_n);
	end = append(end, text->host, sizes->host_n);
	end = append(end, text->agent, sizes->agent_n);
	end = append(end, text->referer, sizes->referer_n);
	memset(end, 0, (size_t)(p + sizes->bytes - end));
	w->written += sizes->bytes;
	__atomic_store_n(&w->head->seq, w->seq, __ATOMIC_RELAXED);
	__atomic_store_n(&w->head->written, w->written, __ATOMIC_RELEASE);
	ask_for_next(w);
}

bool
journal_put_access(struct journal_writer *w, const struct journal_access *a,
		   const struct journal_text *text)
{
	struct journal_sizes sizes = { .method_n = a->method_n,
				       .target_n = a->target_n,
				       .host_n = a->host_n,
				       .agent_n = a->agent_n,
				       .referer_n = a->referer_n };
	struct journal_access *r = journal_begin_access(w, &sizes);

	if (r == NULL)
		return false;
	*r = *a;
	if (sizes.is_cut)
		r->flags = a->flags | JOURNAL_CUT;
	journal_end_access(w, r, &sizes, text);
	return true;
}
