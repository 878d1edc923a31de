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
cut(uint16_t n, uint16_t most, uint32_t *flags)
{
	if (n <= most)
		return n;
	*flags |= JOURNAL_CUT;
	return most;
}

static uint8_t *
append(uint8_t *to, const uint8_t *from, uint16_t n)
{
	if (n > 0)
		memcpy(to, from, n);
	return to + n;
}

bool
journal_put_access(struct journal_writer *w, const struct journal_access *a,
		   const struct journal_text *text)
{
	struct journal_access r = *a;
	uint32_t n;
	uint8_t *p, *end;

	r.method_n = cut(a->method_n, JOURNAL_METHOD_MAX, &r.flags);
	r.target_n = cut(a->target_n, JOURNAL_TARGET_MAX, &r.flags);
	r.host_n = cut(a->host_n, JOURNAL_HOST_MAX, &r.flags);
	r.agent_n = cut(a->agent_n, JOURNAL_AGENT_MAX, &r.flags);
	n = (uint32_t)sizeof(r) + r.method_n + r.target_n + r.host_n + r.agent_n;
	n = (n + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;

	w->seq++;
	p = place(w, n);
	if (p == NULL) {
		w->dropped++;
		__atomic_store_n(&w->head->dropped, w->dropped, __ATOMIC_RELAXED);
		__atomic_store_n(&w->head->seq, w->seq, __ATOMIC_RELAXED);
		return false;
	}
	r.lane = w->lane;
	r.record = (struct journal_record){
		.bytes = n,
		.kind = JOURNAL_ACCESS,
		.fixed_bytes = sizeof(r),
		.seq = w->seq,
	};
	end = append(p, (const uint8_t *)&r, sizeof(r));
	end = append(end, text->method, r.method_n);
	end = append(end, text->target, r.target_n);
	end = append(end, text->host, r.host_n);
	end = append(end, text->agent, r.agent_n);
	memset(end, 0, (size_t)(p + n - end));
	w->written += n;
	__atomic_store_n(&w->head->seq, w->seq, __ATOMIC_RELAXED);
	__atomic_store_n(&w->head->written, w->written, __ATOMIC_RELEASE);
	return true;
}
