/*
 * journals.c - from the lanes' rings to lines, see journals.h.
 */
#include "daemon/journals.h"

#include <string.h>
#include <sys/stat.h>

#include "base/ensure.h"
#include "daemon/loop.h"
#include "daemon/say.h"

enum {
	BATCH = 2000, /* records of a lane before the others, and the rest of control, have a turn */
};

#define LOOK_EVERY     (200 * LOOP_MS)
#define PAUSE_MIN      (1 * LOOP_MS)
#define PAUSE_MAX      (10 * LOOP_MS) /* a busy lane fills its ring in 20 to 40 */
#define COMPLAIN_EVERY (10 * LOOP_S)

bool
journals_open(struct journals *journals, int control_fd, struct access_log *log,
	      const struct names *names)
{
	struct abi_fault fault;

	memset(journals, 0, sizeof(*journals));
	journals->control_fd = control_fd;
	journals->dataplane_fd = -1;
	journals->log = log;
	journals->names = names;
	journals->pause = PAUSE_MAX;
	if (rundir_map_open(control_fd, RUNDIR_CURSORS, true, &journals->cursors_map) == 0) {
		if (cursors_check(journals->cursors_map.p, journals->cursors_map.n, &fault)) {
			journals->cursors = journals->cursors_map.p;
			return true;
		}
		rundir_map_close(&journals->cursors_map);
	}
	if (rundir_map_make(control_fd, RUNDIR_CURSORS, sizeof(struct cursors),
			    &journals->cursors_map) != 0)
		return false;
	journals->cursors = journals->cursors_map.p;
	cursors_init(journals->cursors);
	return rundir_map_publish(control_fd, RUNDIR_CURSORS) == 0;
}

void
journals_set_dataplane(struct journals *journals, int dataplane_fd)
{
	journals->dataplane_fd = dataplane_fd;
	journals->look_at = 0;
}

/* A lane gone wild can break its journal a thousand times a second: one line of it is enough. */
static bool
may_complain_of_broken(struct journals *journals, uint64_t now)
{
	if (now < journals->broken_at)
		return false;
	journals->broken_at = now + COMPLAIN_EVERY;
	return true;
}

/* Maps a journal and stands where the cursors say it was read to, or at its beginning. */
static void
one_open(struct journals *journals, struct journals_one *one, const char *name,
	 struct cursor *cursor, const struct cursor *also, uint64_t now)
{
	char text[ABI_FAULT_TEXT_BYTES];
	struct abi_fault fault;
	uint64_t position = 0;

	if (rundir_map_open(journals->dataplane_fd, name, false, &one->map) != 0)
		return;
	if (!journal_open(one->map.p, one->map.n, &one->reader, &fault)) {
		if (may_complain_of_broken(journals, now))
			say("dataplane/%s is not sound: %s", name,
			    abi_fault_print(&fault, text, sizeof(text)));
		/* Stays mapped: the look for another file of this name goes on. */
		return;
	}
	if (!cursor_get(cursor, one->reader.id, &position))
		cursor_get(also, one->reader.id, &position);
	if (!journal_seek(&one->reader, position))
		journal_seek(&one->reader, 0);
	cursor_adopt(cursor, one->reader.id, one->reader.position);
	one->released = one->reader.position;
	one->dropped = 0;
}

static bool
is_readable(const struct journals_one *one)
{
	return one->map.p != NULL && one->reader.bytes != NULL;
}

static void
one_close(struct journals_one *one)
{
	rundir_map_close(&one->map);
	*one = (struct journals_one){ 0 };
}

/* What was read is written: the lane may have the room. */
static void
one_release(struct journals_one *one, struct cursor *cursor)
{
	if (one->released == one->reader.position)
		return;
	one->released = one->reader.position;
	cursor_move(cursor, one->released);
}

static void
cursors_move(struct journals *journals)
{
	for (uint32_t lane = 0; lane < journals->lanes_known; lane++) {
		if (is_readable(&journals->now[lane]))
			one_release(&journals->now[lane], &journals->cursors->now[lane]);
		if (is_readable(&journals->before[lane]))
			one_release(&journals->before[lane], &journals->cursors->before[lane]);
	}
}

static void
flush(struct journals *journals, uint64_t now)
{
	if (access_log_flush(journals->log, now))
		cursors_move(journals);
}

/* One record into a line. False: there is none, or it must wait for room in the log. */
static bool
one_record(struct journals *journals, struct journals_one *one, uint64_t now)
{
	struct journal_access access;
	struct journal_text strings;
	enum journal_got got;
	char *line;

	if (journals->log->n >= ACCESS_LOG_FLUSH) {
		flush(journals, now);
		if (journals->log->n >= ACCESS_LOG_FLUSH)
			return false;
	}
	got = journal_next(&one->reader, journals->room, &access, &strings);
	if (got == JOURNAL_GOT_BROKEN && may_complain_of_broken(journals, now))
		say("the journal of lane %u is not sound; unread requests are lost",
		    one->reader.lane);
	if (got != JOURNAL_GOT_RECORD)
		return false;
	journals->read_n++;
	line = access_log_room(journals->log, RECORD_LINE_MAX);
	if (line != NULL)
		access_log_added(journals->log,
				 record_line(&journals->log->style, &access, &strings,
					     journals->names, &journals->second, line),
				 now);
	return true;
}

/*
 * A batch of one lane's records. Returns how many. Lines may wait a second in the buffer, but not
 * while they hold much of a small ring.
 */
static uint32_t
one_drain(struct journals *journals, struct journals_one *one, uint64_t now)
{
	uint64_t dropped;
	uint32_t n = 0;

	while (n < BATCH && one_record(journals, one, now))
		n++;
	if (one->reader.position - one->released > one->reader.ring_bytes / 4)
		flush(journals, now);
	dropped = journal_dropped(&one->reader);
	if (dropped > one->dropped)
		journals->dropped_n += dropped - one->dropped;
	one->dropped = dropped;
	return n;
}

/* One round over all journals. Returns records read. */
static uint32_t
drain(struct journals *journals, uint64_t now)
{
	uint32_t sum = 0;

	for (uint32_t lane = 0; lane < journals->lanes_known; lane++) {
		struct journals_one *both[2] = { &journals->before[lane], &journals->now[lane] };

		for (int i = 0; i < 2; i++)
			if (is_readable(both[i]))
				sum += one_drain(journals, both[i], now);
	}
	return sum;
}

/*
 * The lane's journal has another file's name now: the data plane restarted and set the old one
 * aside. It is read on as the one before, through the mapping that remains.
 */
static void
one_outlives(struct journals *journals, uint32_t lane, uint64_t now)
{
	struct journals_one *one = &journals->now[lane], *before = &journals->before[lane];

	flush(journals, now);
	one_close(before);
	if (!is_readable(one)) {
		one_close(one);
		return;
	}
	*before = *one;
	*one = (struct journals_one){ 0 };
	cursor_adopt(&journals->cursors->before[lane], before->reader.id, before->reader.position);
}

/* One lane's two files. False: neither is there. */
static bool
lane_look(struct journals *journals, uint32_t lane, uint64_t now)
{
	struct journals_one *one = &journals->now[lane], *before = &journals->before[lane];
	struct cursor *now_cursor = &journals->cursors->now[lane];
	struct cursor *before_cursor = &journals->cursors->before[lane];
	char name[RUNDIR_NAME_MAX];

	rundir_journal_name(name, lane);
	if (one->map.p != NULL && rundir_map_is_stale(journals->dataplane_fd, name, &one->map))
		one_outlives(journals, lane, now);
	if (one->map.p == NULL)
		one_open(journals, one, name, now_cursor, before_cursor, now);
	rundir_journal_old_name(name, lane);
	if (before->map.p != NULL &&
	    rundir_map_is_stale(journals->dataplane_fd, name, &before->map))
		one_close(before);
	if (before->map.p == NULL)
		one_open(journals, before, name, before_cursor, now_cursor, now);
	if (one->map.p == NULL && before->map.p == NULL)
		return false;
	if (lane >= journals->lanes_known)
		journals->lanes_known = lane + 1;
	return true;
}

/*
 * Files come into the folder and go by renames, which it shows. Where lanes start under full load
 * a ring may fill while nobody looks for it.
 */
static bool
has_changed(struct journals *journals)
{
	struct stat stat;
	uint64_t at;

	if (journals->dataplane_fd < 0 || fstat(journals->dataplane_fd, &stat) != 0)
		return false;
	at = (uint64_t)stat.st_mtim.tv_sec * LOOP_S + (uint64_t)stat.st_mtim.tv_nsec;
	if (at == journals->folder_at)
		return false;
	journals->folder_at = at;
	return true;
}

/* Journals come, and go when the data plane restarts. */
static void
look(struct journals *journals, uint64_t now)
{
	if (journals->dataplane_fd < 0)
		return;
	for (uint32_t lane = 0; lane < IMG_LANES_MAX; lane++)
		if (!lane_look(journals, lane, now) && lane >= journals->lanes_known)
			break; /* lanes are numbered without a gap */
}

static void
complain(struct journals *journals, uint64_t now)
{
	if (journals->dropped_n == journals->complained || now < journals->complain_at)
		return;
	say("%llu requests are missing from the access log: the lanes' journals were full",
	    (unsigned long long)(journals->dropped_n - journals->complained));
	journals->complained = journals->dropped_n;
	journals->complain_at = now + COMPLAIN_EVERY;
}

void
journals_advance(struct journals *journals, uint64_t now)
{
	if (now >= journals->drain_at) {
		uint32_t n;

		if (has_changed(journals) || now >= journals->look_at) {
			look(journals, now);
			journals->look_at = now + LOOK_EVERY;
		}
		n = drain(journals, now);
		/* Under load often and little; when it is quiet, rarely. */
		journals->pause = n > BATCH / 4 ? PAUSE_MIN : journals->pause * 2;
		if (journals->pause > PAUSE_MAX)
			journals->pause = PAUSE_MAX;
		journals->drain_at = n >= BATCH ? now : now + journals->pause;
		complain(journals, now);
	}
	if (journals->log->n == 0)
		cursors_move(journals);
	else if (access_log_is_due(journals->log, now))
		flush(journals, now);
}

uint64_t
journals_deadline(const struct journals *journals)
{
	uint64_t deadline = access_log_deadline(journals->log);

	if (journals->drain_at < deadline)
		deadline = journals->drain_at;
	return deadline;
}

void
journals_close(struct journals *journals, uint64_t now)
{
	for (int i = 0; i < 1000 && drain(journals, now) > 0; i++)
		flush(journals, now);
	flush(journals, now);
	for (uint32_t lane = 0; lane < IMG_LANES_MAX; lane++) {
		one_close(&journals->now[lane]);
		one_close(&journals->before[lane]);
	}
	rundir_map_close(&journals->cursors_map);
}
