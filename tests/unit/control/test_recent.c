/*
 * test_recent.c - reading journals beside control: what a ring still holds, wherever its records
 * begin, and while a lane is at work.
 */
#include "world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "run/recent.h"

/* What was read: consecutive numbers of connections, as journal_write gives them. */
struct seen {
	uint64_t first, last, n;
};

static void
see(void *ctx, const struct journal_access *access, const struct journal_text *strings)
{
	struct seen *seen = ctx;

	assert_memory_equal(strings->method, "GET", 3);
	if (seen->n++ == 0)
		seen->first = access->conn_id;
	else
		assert_true(access->conn_id > seen->last);
	seen->last = access->conn_id;
}

static struct seen
read_now(struct recent *recent)
{
	struct seen seen = { 0 };

	recent_read(recent, see, &seen);
	return seen;
}

static struct recent *
recent_of(const struct world *w)
{
	static struct recent recent;

	memset(&recent, 0, sizeof(recent));
	recent.dataplane_fd = w->dataplane_fd;
	return &recent;
}

/* Control's part: the ring's room comes back. */
static void
drained(struct world *w)
{
	cursor_adopt(&w->daemon.journals->cursors->now[0], w->writer.id, w->writer.written);
}

static void
what_control_has_written_is_still_there(void **state)
{
	struct world *w = *state;
	struct recent *recent;
	struct seen seen;

	control_start(w);
	dataplane_start(w);
	recent = recent_of(w);
	assert_int_equal(read_now(recent).n, 0);
	journal_write(w, 10);
	drained(w);
	seen = read_now(recent);
	assert_int_equal(seen.n, 10);
	assert_int_equal(seen.first, 1);
	assert_int_equal(read_now(recent).n, 0);
	recent_close(recent);
	recent = recent_of(w); /* from the beginning */
	assert_int_equal(read_now(recent).n, 10);
	recent_close(recent);
}

/* The ring has gone round, and ends within a record or in padding, at every place there is. */
static void
a_round_ring_is_read_from_its_oldest_whole_record(void **state)
{
	struct world *w = *state;

	control_start(w);
	dataplane_start(w);
	for (int i = 0; i < 700; i++) {
		struct recent *recent = recent_of(w);
		uint64_t before = w->writer.seq;
		struct seen seen;

		drained(w);
		journal_write(w, 7);
		drained(w);
		assert_int_equal(w->writer.seq, before + 7);
		seen = read_now(recent);
		assert_int_equal(seen.last, w->writer.seq);
		assert_int_equal(seen.n, seen.last - seen.first + 1);
		assert_int_equal(recent->missed_n, 0);
		if (w->writer.written > JOURNAL_BYTES_MIN) /* all but what may be being written */
			assert_in_range(seen.n * 400, JOURNAL_BYTES_MIN / 2 - 800,
					JOURNAL_BYTES_MIN);
		recent_close(recent);
	}
	assert_true(w->writer.written > 20ull * JOURNAL_BYTES_MIN);
}

static void
who_is_overtaken_goes_on_and_counts(void **state)
{
	struct world *w = *state;
	struct recent *recent;
	struct seen seen;

	control_start(w);
	dataplane_start(w);
	recent = recent_of(w);
	journal_write(w, 5);
	assert_int_equal(read_now(recent).last, 5);
	for (int i = 0; i < 100; i++) {
		drained(w);
		journal_write(w, 20);
	}
	seen = read_now(recent);
	assert_int_equal(seen.last, 2005);
	assert_true(seen.n < 200);
	assert_int_equal(recent->missed_n, 2000 - seen.n);
	journal_write(w, 1);
	assert_int_equal(read_now(recent).n, 1);
	recent_close(recent);
}

static void
another_data_plane_is_followed(void **state)
{
	struct world *w = *state;
	struct recent *recent;
	char name[RUNDIR_NAME_MAX], old[RUNDIR_NAME_MAX];
	struct seen seen;
	uint64_t seq;

	control_start(w);
	dataplane_start(w);
	recent = recent_of(w);
	journal_write(w, 5);
	assert_int_equal(read_now(recent).n, 5);
	journal_write(w, 2); /* its last words */
	seq = w->writer.seq;
	rundir_rename(w->dataplane_fd, rundir_journal_name(name, 0),
		      rundir_journal_old_name(old, 0));
	journal_make(w, 2);
	w->writer.seq = seq;
	journal_write(w, 3);
	seen = read_now(recent);
	assert_int_equal(seen.first, 6);
	assert_int_equal(seen.n, 5);
	recent_close(recent);
}

/* A lane that is at work: a record each 50 microseconds or so, until it is killed. */
static pid_t
writer_fork(struct world *w)
{
	const struct timespec pause = { .tv_nsec = 50000 };
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	alarm(60);
	for (;;) {
		drained(w);
		journal_write(w, 1);
		nanosleep(&pause, NULL);
	}
}

static void
ignore(void *ctx, const struct journal_access *access, const struct journal_text *strings)
{
	(void)access;
	(void)strings;
	++*(uint64_t *)ctx;
}

/* The oldest record is gone by the time that it was found: then a younger one is looked for. */
static void
a_busy_lane_is_read_as_well(void **state)
{
	struct world *w = *state;
	char name[RUNDIR_NAME_MAX];
	uint64_t ring = 4 << 20;
	int status;
	pid_t pid;

	control_start(w);
	dataplane_start(w);
	rundir_journal_name(name, 0);
	rundir_map_close(&w->journal_map);
	assert_int_equal(
		rundir_map_make(w->dataplane_fd, name, journal_bytes(ring), &w->journal_map), 0);
	journal_init(w->journal_map.p, ring, 0, 2, &w->writer);
	assert_int_equal(rundir_map_publish(w->dataplane_fd, name), 0);
	while (w->writer.written < 2 * ring) {
		drained(w);
		journal_write(w, 7);
	}
	pid = writer_fork(w);
	for (int i = 0; i < 5; i++) {
		struct recent *recent = recent_of(w);
		uint64_t n = 0;

		recent_read(recent, ignore, &n);
		recent_close(recent);
		assert_true(n > 1000);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void
touch(void *ctx, const struct journal_access *access, const struct journal_text *strings)
{
	uint64_t *sum = ctx;

	for (uint32_t i = 0; i < access->target_n; i++)
		*sum += strings->target[i];
	for (uint32_t i = 0; i < access->referer_n; i++)
		*sum += strings->referer[i];
}

/* Bytes of anybody's: nothing is read beyond the ring, and it ends. */
static void
a_hostile_ring_ends(void **state)
{
	struct world *w = *state;
	uint64_t random = 1;

	control_start(w);
	dataplane_start(w);
	for (int i = 0; i < 30; i++) {
		struct recent *recent = recent_of(w);
		uint64_t sum = 0;

		for (int k = 0; k < 200; k++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			w->writer.ring[(random >> 30) % JOURNAL_BYTES_MIN] =
				(uint8_t)(random >> 50);
		}
		w->writer.head->written = i % 3 == 0 ? random : w->writer.written;
		recent_read(recent, touch, &sum);
		recent_close(recent);
		w->writer.head->written = w->writer.written;
		drained(w);
		journal_write(w, 50);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_control_has_written_is_still_there),
		TEST(a_round_ring_is_read_from_its_oldest_whole_record),
		TEST(who_is_overtaken_goes_on_and_counts),
		TEST(another_data_plane_is_followed),
		TEST(a_busy_lane_is_read_as_well),
		TEST(a_hostile_ring_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
