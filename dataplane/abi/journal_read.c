/*
 * journal_read.c - consumer side of a journal (journal.h). The memory is the other plane's: a
 * record is copied out first and only the copy is looked at; positions come from our own
 * arithmetic, bounded by what the writer says it wrote.
 */
#include "abi/journal.h"

#include <stddef.h>
#include <string.h>

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, const char *field)
{
	*ret_fault = abi_fault_at(kind, "journal", ABI_NONE, field);
	return false;
}

bool
journal_open(const void *bytes, size_t n, struct journal_reader *ret_reader,
	     struct abi_fault *ret_fault)
{
	struct journal_head head;

	if ((uintptr_t)bytes % 8 != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, "");
	if (n < sizeof(head))
		return wrong(ret_fault, ABI_FAULT_SHORT, "");
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != JOURNAL_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, "magic");
	if (head.version != JOURNAL_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, "version");
	if (head.ring_bytes < JOURNAL_BYTES_MIN || head.ring_bytes > JOURNAL_BYTES_MAX ||
	    (head.ring_bytes & (head.ring_bytes - 1)) != 0)
		return wrong(ret_fault, ABI_FAULT_RANGE, "ring_bytes");
	if (head.ring_offset % JOURNAL_ALIGN != 0)
		return wrong(ret_fault, ABI_FAULT_ALIGN, "ring_offset");
	if (head.ring_offset > n || head.ring_bytes > n - head.ring_offset)
		return wrong(ret_fault, ABI_FAULT_BOUNDS, "ring_offset");
	if (head.lane >= IMG_LANES_MAX)
		return wrong(ret_fault, ABI_FAULT_RANGE, "lane");
	if (head.id == 0)
		return wrong(ret_fault, ABI_FAULT_RANGE, "id");
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	*ret_reader = (struct journal_reader){
		.bytes = bytes,
		.bytes_n = n,
		.ring_offset = head.ring_offset,
		.ring_bytes = head.ring_bytes,
		.id = head.id,
		.lane = head.lane,
	};
	return true;
}

static const struct journal_head *
shared_head(const struct journal_reader *r)
{
	return (const void *)r->bytes;
}

uint64_t
journal_written(const struct journal_reader *r)
{
	return __atomic_load_n(&shared_head(r)->written, __ATOMIC_ACQUIRE);
}

bool
journal_seek(struct journal_reader *r, uint64_t position)
{
	uint64_t end = journal_written(r);

	if (position % JOURNAL_ALIGN != 0 || position > end || end - position > r->ring_bytes)
		return false;
	r->position = r->end = position;
	return true;
}

uint64_t
journal_dropped(const struct journal_reader *r)
{
	return __atomic_load_n(&shared_head(r)->dropped, __ATOMIC_RELAXED);
}

/* Gives up what is unread: the writer's positions or records make no sense. */
static enum journal_got
broken(struct journal_reader *r, uint64_t end)
{
	r->position = r->end = end / JOURNAL_ALIGN * JOURNAL_ALIGN;
	r->missed++;
	r->seq = 0; /* it may have been a wild number: the next record begins anew */
	return JOURNAL_GOT_BROKEN;
}

/* Numbers between the last record and this one were dropped by the writer. */
static void
note_seq(struct journal_reader *r, uint64_t seq)
{
	if (r->seq != 0 && seq > r->seq + 1)
		r->missed += seq - r->seq - 1;
	r->seq = seq;
}

/* Splits a copied ACCESS record; false when its lengths do not fit it. */
static bool
split_access(const uint8_t *p, const struct journal_record *record,
	     struct journal_access *ret_access, struct journal_text *ret_text)
{
	struct journal_access a = { 0 };
	size_t fixed = record->fixed_bytes < sizeof(a) ? record->fixed_bytes : sizeof(a);
	uint64_t need;

	memcpy(&a, p, fixed);
	if (a.method_n > JOURNAL_METHOD_MAX || a.target_n > JOURNAL_TARGET_MAX ||
	    a.host_n > JOURNAL_HOST_MAX || a.agent_n > JOURNAL_AGENT_MAX ||
	    a.referer_n > JOURNAL_REFERER_MAX)
		return false; /* no writer of ours: who prints them counts on the maxima */
	need = (uint64_t)record->fixed_bytes + a.method_n + a.target_n + a.host_n + a.agent_n +
	       a.referer_n;
	if (need > record->bytes || a.cause >= JOURNAL_CAUSES)
		return false;
	*ret_access = a;
	ret_text->method = p + record->fixed_bytes;
	ret_text->target = ret_text->method + a.method_n;
	ret_text->host = ret_text->target + a.target_n;
	ret_text->agent = ret_text->host + a.host_n;
	ret_text->referer = ret_text->agent + a.agent_n;
	return true;
}

enum {
	/* Up to the legs: what the first release's writers have. */
	ACCESS_FIRST_BYTES = offsetof(struct journal_access, rule_slot),
	/* A writer that only pads, and faster than we read, must not keep the caller for ever. */
	SKIPS_MAX = 4096,
};

enum journal_got
journal_next(struct journal_reader *r, void *room, struct journal_access *ret_access,
	     struct journal_text *ret_text)
{
	for (uint32_t skips = 0; skips < SKIPS_MAX; skips++) {
		uint64_t at = r->position & (r->ring_bytes - 1), left = r->ring_bytes - at;
		const uint8_t *from = r->bytes + r->ring_offset + at;
		struct journal_record record;
		uint64_t end, unread;

		/* The writer's line is asked for once for all that it holds then. */
		if (r->position == r->end) {
			r->end = journal_written(r);
			if (r->position == r->end)
				return JOURNAL_GOT_NOTHING;
		}
		end = r->end;
		unread = end - r->position;
		if (end < r->position || unread > r->ring_bytes || end % JOURNAL_ALIGN != 0)
			return broken(r, end);
		if (left < sizeof(record)) { /* too short for a header: padding */
			if (left > unread)
				return broken(r, end);
			r->position += left;
			continue;
		}
		if (unread < sizeof(record))
			return broken(r, end);
		memcpy(&record, from, sizeof(record));
		if (record.bytes < sizeof(record) || record.bytes % JOURNAL_ALIGN != 0 ||
		    record.bytes > left || record.bytes > unread ||
		    record.fixed_bytes < sizeof(record) || record.fixed_bytes > record.bytes)
			return broken(r, end);
		if (record.kind == JOURNAL_PAD) {
			r->position += record.bytes;
			continue;
		}
		if (record.bytes > JOURNAL_RECORD_MAX || record.seq <= r->seq)
			return broken(r, end);
		memcpy(room, from, record.bytes);
		memcpy(room, &record, sizeof(record)); /* as checked */
		r->position += record.bytes;
		note_seq(r, record.seq);
		if (record.kind != JOURNAL_ACCESS)
			continue; /* a newer writer's */
		if (record.fixed_bytes < ACCESS_FIRST_BYTES ||
		    !split_access(room, &record, ret_access, ret_text))
			return broken(r, end);
		return JOURNAL_GOT_RECORD;
	}
	return JOURNAL_GOT_NOTHING;
}
