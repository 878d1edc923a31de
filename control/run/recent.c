/*
 * recent.c - reading journals beside control, see recent.h.
 */
#include "run/recent.h"

#include <string.h>

enum {
	/* What a writer may have begun behind its position: padding and a record. */
	BEGUN_MAX = 2 * JOURNAL_RECORD_MAX,
	/* A writer faster than we are must not keep us for ever. */
	OVERTAKEN_MAX = 8,
	PASS_MAX = 1 << 20, /* records of a lane in one call */
};

/* Whether nothing from this position on was overwritten up to now. */
static bool
is_safe(const struct journal_reader *reader, uint64_t position)
{
	uint64_t end;

	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* the copy is made */
	end = journal_written(reader);
	return end >= position && end - position + BEGUN_MAX <= reader->ring_bytes;
}

/* Whether records follow one on another from here to `end`. Works on a copy of the reader. */
static bool
is_chain(struct journal_reader reader, uint64_t position, uint64_t end, void *room)
{
	struct journal_access access;
	struct journal_text strings;

	reader.position = position;
	reader.end = end;
	reader.seq = 0;
	while (reader.position < end) {
		enum journal_got got = journal_next(&reader, room, &access, &strings);

		if (got == JOURNAL_GOT_BROKEN || (got == JOURNAL_GOT_NOTHING && reader.end != end))
			return false;
		if (reader.end != end) /* it has looked for more: the end was met */
			return true;
	}
	return reader.position == end;
}

/* A quick look, before the whole chain is tried. */
static bool
is_like_a_record(const struct journal_reader *reader, uint64_t position)
{
	uint64_t at = position & (reader->ring_bytes - 1);
	struct journal_record record;

	if (reader->ring_bytes - at < sizeof(record))
		return false;
	memcpy(&record, reader->bytes + reader->ring_offset + at, sizeof(record));
	return record.kind == JOURNAL_ACCESS && record.bytes % JOURNAL_ALIGN == 0 &&
	       record.bytes <= JOURNAL_RECORD_MAX && record.fixed_bytes >= sizeof(record) &&
	       record.fixed_bytes <= record.bytes && record.seq != 0;
}

/*
 * Stands at the oldest record that is safe; at the end when none is found.
 *   margin  bytes that the writer may write meanwhile; a multiple of JOURNAL_ALIGN
 */
static void
oldest_find(struct journal_reader *reader, uint64_t margin, void *room)
{
	uint64_t end = journal_written(reader), position = 0;

	end -= end % JOURNAL_ALIGN;
	if (end + BEGUN_MAX + margin > reader->ring_bytes) {
		position = end + BEGUN_MAX + margin - reader->ring_bytes;
		while (position < end && !(is_like_a_record(reader, position) &&
					   is_chain(*reader, position, end, room)))
			position += JOURNAL_ALIGN;
	}
	reader->position = reader->end = position < end ? position : end;
}

static void
lane_open(struct recent *recent, struct recent_lane *lane, const char *name)
{
	struct abi_fault fault;

	if (rundir_map_open(recent->dataplane_fd, name, false, &lane->map) != 0)
		return;
	if (!journal_open(lane->map.p, lane->map.n, &lane->reader, &fault)) {
		rundir_map_close(&lane->map);
		lane->map.p = NULL;
		return;
	}
	oldest_find(&lane->reader, 0, recent->room);
}

static void
lane_close(struct recent_lane *lane)
{
	if (lane->map.p != NULL)
		rundir_map_close(&lane->map);
	*lane = (struct recent_lane){ 0 };
}

/* The more often a writer was faster, the further we keep from where it is: up to half the ring. */
static uint64_t
margin_after(const struct journal_reader *reader, uint32_t overtaken)
{
	uint64_t margin = reader->ring_bytes >> (OVERTAKEN_MAX - overtaken);

	return margin - margin % JOURNAL_ALIGN;
}

static void
lane_read(struct recent *recent, struct recent_lane *lane, recent_fn *on, void *ctx)
{
	struct journal_reader *reader = &lane->reader;
	uint64_t missed = reader->missed;
	uint32_t overtaken = 0;

	for (uint32_t i = 0; i < PASS_MAX && overtaken < OVERTAKEN_MAX; i++) {
		uint64_t position = reader->position, seq = reader->seq;
		struct journal_access access;
		struct journal_text strings;
		enum journal_got got = journal_next(reader, recent->room, &access, &strings);

		if (got == JOURNAL_GOT_NOTHING)
			break;
		if (got == JOURNAL_GOT_BROKEN || !is_safe(reader, position)) {
			reader->missed = missed; /* the next number tells how many */
			if (++overtaken < OVERTAKEN_MAX)
				oldest_find(reader, margin_after(reader, overtaken), recent->room);
			reader->seq = seq;
			continue;
		}
		missed = reader->missed;
		on(ctx, &access, &strings);
	}
	recent->missed_n += reader->missed;
	reader->missed = 0;
}

void
recent_read(struct recent *recent, recent_fn *on, void *ctx)
{
	char name[RUNDIR_NAME_MAX];

	for (uint32_t i = 0; recent->dataplane_fd >= 0 && i < IMG_LANES_MAX; i++) {
		struct recent_lane *lane = &recent->lane[i];

		rundir_journal_name(name, i);
		if (lane->map.p != NULL &&
		    rundir_map_is_stale(recent->dataplane_fd, name, &lane->map)) {
			lane_read(recent, lane, on, ctx); /* its last words */
			lane_close(lane);
		}
		if (lane->map.p == NULL)
			lane_open(recent, lane, name);
		if (lane->map.p != NULL)
			lane_read(recent, lane, on, ctx);
	}
}

void
recent_close(struct recent *recent)
{
	for (uint32_t i = 0; i < IMG_LANES_MAX; i++)
		lane_close(&recent->lane[i]);
}
