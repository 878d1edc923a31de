/*
 * test_rundir.c - the run directory and blobs: files appear whole, belong to their owner, and
 * nothing else is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/blob.h"
#include "abi/rundir.h"

struct bench {
	char path[64];
	int control, dataplane;
};

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	strcpy(b->path, "/tmp/penstock-rundir-XXXXXX");
	if (mkdtemp(b->path) == NULL)
		return -1;
	b->control = rundir_make(b->path, RUNDIR_CONTROL, geteuid(), getegid());
	b->dataplane = rundir_make(b->path, RUNDIR_DATAPLANE, geteuid(), getegid());
	*state = b;
	return b->control >= 0 && b->dataplane >= 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	struct bench *b = *state;
	char command[128];

	close(b->control);
	close(b->dataplane);
	snprintf(command, sizeof(command), "rm -rf %s", b->path);
	(void)!system(command);
	free(b);
	return 0;
}

static int
truncate_in(int dir_fd, const char *name, off_t n)
{
	int fd = openat(dir_fd, name, O_RDWR), r;

	if (fd < 0)
		return -1;
	r = ftruncate(fd, n);
	close(fd);
	return r;
}

static void
directories_are_the_owners_and_the_groups(void **state)
{
	struct bench *b = *state;
	struct stat st;
	int again = rundir_open(b->path, RUNDIR_CONTROL);

	assert_true(again >= 0);
	assert_int_equal(fstat(again, &st), 0);
	assert_int_equal(st.st_mode & 07777, RUNDIR_MODE_DIR);
	close(again);
	again = rundir_make(b->path, RUNDIR_CONTROL, geteuid(), getegid());
	assert_true(again >= 0);
	close(again);
	assert_int_equal(fchmod(b->control, 0770), 0);
	assert_int_equal(rundir_open(b->path, RUNDIR_CONTROL), -EPERM);
	assert_true(rundir_open("/tmp/penstock-no-such", RUNDIR_CONTROL) == -ENOENT);
}

static void
files_appear_whole_and_with_their_mode(void **state)
{
	struct bench *b = *state;
	char got[16];
	struct stat st;
	size_t n = 0;

	assert_int_equal(rundir_write(b->control, "publish", "one", 3, RUNDIR_MODE_FIXED), 0);
	assert_int_equal(rundir_write(b->control, "publish", "twoo", 4, RUNDIR_MODE_FIXED), 0);
	assert_int_equal(rundir_read(b->control, "publish", got, sizeof(got), &n), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(got, "twoo", 4);
	assert_int_equal(rundir_read(b->control, "publish", got, 3, &n), -EFBIG);
	assert_int_equal(fstatat(b->control, "publish", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0440);
	assert_int_equal(faccessat(b->control, "publish.new", F_OK, 0), -1);
	assert_int_equal(rundir_write(b->control, "../evil", "x", 1, 0600), -EINVAL);
	assert_int_equal(rundir_read(b->control, "none", got, sizeof(got), &n), -ENOENT);
}

static void
links_pipes_and_files_others_may_write_are_not_taken(void **state)
{
	struct bench *b = *state;
	char got[16];
	size_t n;

	assert_int_equal(rundir_write(b->control, "file", "x", 1, 0660), 0);
	assert_int_equal(rundir_read(b->control, "file", got, sizeof(got), &n), -EPERM);
	assert_int_equal(symlinkat("file", b->control, "link"), 0);
	assert_int_equal(rundir_read(b->control, "link", got, sizeof(got), &n), -ELOOP);
	assert_int_equal(mkfifoat(b->control, "pipe", 0600), 0);
	assert_int_equal(rundir_read(b->control, "pipe", got, sizeof(got), &n), -EINVAL);
	if (geteuid() == 0) {
		assert_int_equal(rundir_write(b->control, "theirs", "x", 1, 0644), 0);
		assert_int_equal(fchownat(b->control, "theirs", 12345, 12345, 0), 0);
		assert_int_equal(rundir_read(b->control, "theirs", got, sizeof(got), &n), -EPERM);
	}
}

static void
maps_are_made_published_and_seen_stale(void **state)
{
	struct bench *b = *state;
	struct rundir_map made, seen, again;

	assert_int_equal(rundir_map_make(b->dataplane, "board.0", 5000, &made), 0);
	assert_int_equal(rundir_map_open(b->dataplane, "board.0", false, &seen), -ENOENT);
	memcpy(made.p, "head", 4);
	assert_int_equal(rundir_map_publish(b->dataplane, "board.0"), 0);
	assert_int_equal(rundir_map_open(b->dataplane, "board.0", false, &seen), 0);
	assert_int_equal(seen.n, 5000);
	assert_memory_equal(seen.p, "head", 4);
	((char *)made.p)[0] = 'H';
	assert_int_equal(((char *)seen.p)[0], 'H');
	assert_false(rundir_map_is_stale(b->dataplane, "board.0", &seen));

	assert_int_equal(rundir_map_make(b->dataplane, "board.0", 100, &again), 0);
	assert_false(rundir_map_is_stale(b->dataplane, "board.0", &seen));
	assert_int_equal(rundir_map_publish(b->dataplane, "board.0"), 0);
	assert_true(rundir_map_is_stale(b->dataplane, "board.0", &seen));
	rundir_map_close(&again);
	rundir_map_close(&seen);
	rundir_map_close(&made);
	assert_null(made.p);
	assert_int_equal(rundir_write(b->dataplane, "empty", "", 0, 0600), 0);
	assert_int_equal(rundir_map_open(b->dataplane, "empty", false, &seen), -EINVAL);
}

static void
one_instance_a_side(void **state)
{
	struct bench *b = *state;
	int lock, status;
	pid_t pid;

	assert_int_equal(rundir_locked_by(b->control), 0);
	lock = rundir_lock(b->control);
	assert_true(lock >= 0);
	assert_int_equal(rundir_locked_by(b->control), getpid());
	assert_int_equal(rundir_locked_by(b->control), getpid()); /* asking releases nothing */
	pid = fork();
	if (pid == 0)
		_exit(rundir_lock(b->control) == -EWOULDBLOCK &&
				      rundir_locked_by(b->control) == getppid()
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(lock);
	assert_int_equal(rundir_locked_by(b->control), 0);
}

/* The other plane may read the file, and so may hold a read lock on it: that must not keep us out. */
static void
a_read_lock_of_the_curious_keeps_nobody_out(void **state)
{
	struct bench *b = *state;
	struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int lock = rundir_lock(b->control), curious;

	assert_true(lock >= 0);
	curious = openat(b->control, RUNDIR_LOCK, O_RDONLY);
	close(lock);
	assert_int_equal(fcntl(curious, F_OFD_SETLK, &whole), 0);
	assert_int_equal(rundir_locked_by(b->control), 0);
	lock = rundir_lock(b->control);
	assert_true(lock >= 0);
	assert_int_equal(rundir_locked_by(b->control), getpid());
	close(curious);
	assert_int_equal(rundir_lock(b->control), -EWOULDBLOCK);
	close(lock);
}

/* Its owner cuts a file short that we have mapped. */
static void
a_mapped_file_cut_short_reads_as_zeros(void **state)
{
	struct bench *b = *state;
	struct rundir_map owner, map, other;
	const volatile uint8_t *p;

	assert_int_equal(rundir_map_make(b->dataplane, "board.0", 5 * 4096, &owner), 0);
	memset(owner.p, 7, owner.n);
	assert_int_equal(rundir_map_publish(b->dataplane, "board.0"), 0);
	assert_int_equal(rundir_map_open(b->dataplane, "board.0", false, &map), 0);
	assert_int_equal(rundir_map_open(b->dataplane, "board.0", false, &other), 0);
	assert_int_equal(truncate_in(b->dataplane, "board.0", 4096), 0);
	p = map.p;
	assert_int_equal(p[4095], 7);
	assert_int_equal(p[3 * 4096 + 5], 0);
	assert_int_equal(p[2 * 4096], 0);
	assert_int_equal(p[5 * 4096 - 1], 0);
	p = other.p;
	assert_int_equal(p[4096], 0);
	rundir_map_close(&map);
	rundir_map_close(&other);
	rundir_map_close(&owner);
}

/* Elsewhere a SIGBUS is a fault of ours and ends us. */
static void
other_bus_errors_still_end_the_process(void **state)
{
	struct bench *b = *state;
	struct rundir_map owner, map;
	int status;
	pid_t pid;

	assert_int_equal(rundir_map_make(b->dataplane, "board.0", 2 * 4096, &owner), 0);
	assert_int_equal(rundir_map_publish(b->dataplane, "board.0"), 0);
	assert_int_equal(rundir_map_open(b->dataplane, "board.0", false, &map), 0);
	pid = fork();
	if (pid == 0) {
		const volatile uint8_t *p = owner.p; /* made by us: not guarded */

		alarm(5);
		signal(SIGBUS, SIG_DFL); /* not the test library's */
		rundir_map_close(&map);
		if (rundir_map_open(b->dataplane, "board.0", false, &map) != 0)
			_exit(0);
		_exit(truncate_in(b->dataplane, "board.0", 0) == 0 ? p[4096] : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	rundir_map_close(&map);
	rundir_map_close(&owner);
}

/* Who owns DIR can exchange what lies in it. */
static void
a_directory_of_a_third_is_no_place_for_us(void **state)
{
	struct bench *b = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(b->path, 12345, 12345), 0);
	assert_int_equal(rundir_make(b->path, RUNDIR_CONTROL, 23456, 1), -EPERM);
	assert_int_equal(rundir_open(b->path, RUNDIR_DATAPLANE), -EPERM);
	assert_int_equal(chown(b->path, 0, 0), 0);
}

static void
leftovers_of_the_killed_are_cleaned(void **state)
{
	struct bench *b = *state;
	struct rundir_map half;

	assert_int_equal(rundir_map_make(b->dataplane, "journal.0", 4096, &half), 0);
	rundir_map_close(&half);
	assert_int_equal(rundir_write(b->dataplane, "keep", "x", 1, 0600), 0);
	assert_int_equal(faccessat(b->dataplane, "journal.0.new", F_OK, 0), 0);
	rundir_clean(b->dataplane);
	assert_int_equal(faccessat(b->dataplane, "journal.0.new", F_OK, 0), -1);
	assert_int_equal(faccessat(b->dataplane, "keep", F_OK, 0), 0);
}

/* A size limit stands for a full disk. */
static void
what_finds_no_room_leaves_nothing_behind(void **state)
{
	struct bench *b = *state;
	struct rlimit was, small;
	struct rundir_map map;
	static char bytes[8192];

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){ .rlim_cur = 4096, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(rundir_write(b->control, "big", bytes, sizeof(bytes), 0440), -EFBIG);
	assert_int_equal(rundir_map_make(b->control, "map", sizeof(bytes), &map), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(faccessat(b->control, "big.new", F_OK, 0), -1);
	assert_int_equal(faccessat(b->control, "map.new", F_OK, 0), -1);
}

static void
generations_come_newest_first(void **state)
{
	static const char *const names[] = { "tables.9",  "tables.10",	 "tables.2",  "tables.100",
					     "tables.",	  "tables.x",	 "tables.01", "tables.0",
					     "tables.3x", "tables.7.new" };
	struct bench *b = *state;
	uint64_t got[8];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(rundir_write(b->control, names[i], "x", 1, 0600), 0);
	assert_int_equal(rundir_generations(b->control, got, 8), 4);
	assert_int_equal(got[0], 100);
	assert_int_equal(got[1], 10);
	assert_int_equal(got[2], 9);
	assert_int_equal(got[3], 2);
	assert_int_equal(rundir_generations(b->control, got, 2), 2);
	assert_int_equal(got[0], 100);
	assert_int_equal(got[1], 10);
}

static void
sha256_is_as_published(void **state)
{
	/* FIPS 180-4 examples: "abc", and 448 bits that need a second padding block. */
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea };
	static const uint8_t two[] = { 0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8 };
	static const uint8_t empty[] = { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14 };
	const char *long_one = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	uint8_t hash[BLOB_HASH_BYTES];

	(void)state;
	blob_hash("abc", 3, hash);
	assert_memory_equal(hash, abc, sizeof(abc));
	blob_hash(long_one, strlen(long_one), hash);
	assert_memory_equal(hash, two, sizeof(two));
	blob_hash(NULL, 0, hash);
	assert_memory_equal(hash, empty, sizeof(empty));
}

static void
blobs_are_named_by_their_bytes_and_checked(void **state)
{
	struct bench *b = *state;
	uint8_t hash[BLOB_HASH_BYTES];
	char name[RUNDIR_NAME_MAX], got[16];
	struct abi_fault fault;
	struct stat before, after;

	assert_int_equal(blob_make(b->control, "some bytes", 10, hash), 0);
	blob_name(name, hash);
	assert_int_equal(fstatat(b->control, name, &before, 0), 0);
	assert_int_equal(blob_make(b->control, "some bytes", 10, hash), 0);
	assert_int_equal(fstatat(b->control, name, &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* not rewritten */
	assert_true(blob_read(b->control, hash, got, 10, &fault));
	assert_memory_equal(got, "some bytes", 10);
	assert_false(blob_read(b->control, hash, got, 9, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SIZE);
	assert_false(blob_read(b->control, hash, got, 11, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SIZE);
	assert_int_equal(rundir_write(b->control, name, "same bytes", 10, 0440), 0);
	assert_false(blob_read(b->control, hash, got, 10, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_CHECKSUM);
	assert_false(blob_is_whole(b->control, hash, 10));
	assert_int_equal(blob_make(b->control, "some bytes", 10, hash), 0); /* mended */
	assert_true(blob_read(b->control, hash, got, 10, &fault));
	assert_true(blob_is_whole(b->control, hash, 10));
	assert_false(blob_is_whole(b->control, hash, 9));
	hash[0]++;
	assert_false(blob_is_whole(b->control, hash, 10));
	assert_false(blob_read(b->control, hash, got, 10, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_FILE);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(directories_are_the_owners_and_the_groups),
		TEST(files_appear_whole_and_with_their_mode),
		TEST(links_pipes_and_files_others_may_write_are_not_taken),
		TEST(maps_are_made_published_and_seen_stale),
		TEST(one_instance_a_side),
		TEST(a_read_lock_of_the_curious_keeps_nobody_out),
		TEST(a_mapped_file_cut_short_reads_as_zeros),
		TEST(other_bus_errors_still_end_the_process),
		TEST(a_directory_of_a_third_is_no_place_for_us),
		TEST(leftovers_of_the_killed_are_cleaned),
		TEST(what_finds_no_room_leaves_nothing_behind),
		TEST(generations_come_newest_first),
		TEST(sha256_is_as_published),
		TEST(blobs_are_named_by_their_bytes_and_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
