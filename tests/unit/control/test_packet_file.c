/*
 * test_packet_file.c - the file of a capture: it is left alone until packets come, and when there
 * is no more room it ends behind a whole packet, which is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/packet_file.h"

struct place {
	char dir[64], path[96];
	struct packet_file f;
};

static int
place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	strcpy(p->dir, "/tmp/penstock-packets-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/file", p->dir);
	*state = p;
	return 0;
}

static int
place_end(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

static void
packets_put(struct packet_file *f, uint32_t n)
{
	static const uint8_t bytes[1000];

	for (uint32_t i = 0; i < n; i++)
		packet_file_packet(
			f, &(struct pcapng_packet){ .n = 1000, .kept_n = 1000, .bytes = bytes });
}

static long
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static void
a_file_is_as_before_until_packets_come(void **state)
{
	struct place *p = *state;
	FILE *file;

	assert_true(packet_file_open(p->path, &p->f));
	packet_file_give_up(&p->f);
	assert_int_equal(size_of(p->path), -1); /* was not there */
	file = fopen(p->path, "w");
	fputs("of yesterday", file);
	fclose(file);
	assert_true(packet_file_open(p->path, &p->f));
	assert_int_equal(size_of(p->path), 12);
	packet_file_give_up(&p->f);
	assert_int_equal(size_of(p->path), 12);
	assert_true(packet_file_open(p->path, &p->f));
	assert_true(packet_file_begin(&p->f));
	assert_int_equal(size_of(p->path), 0);
	packets_put(&p->f, 1);
	assert_true(packet_file_close(&p->f));
	assert_int_equal(size_of(p->path), p->f.kept_byte_n);
}

/* What is no file of ours alone is refused, and not made by asking. */
static void
links_and_devices_are_refused(void **state)
{
	struct place *p = *state;

	assert_false(packet_file_open("/dev/null", &p->f));
	assert_int_equal(errno, EPERM);
	assert_int_equal(symlink("/dev/null", p->path), 0);
	assert_false(packet_file_open(p->path, &p->f));
	assert_false(packet_file_open("/nowhere/file", &p->f));
	assert_int_equal(errno, ENOENT);
}

static void
a_full_device_is_told(void **state)
{
	struct packet_file f = { .file = fopen("/dev/full", "w") };

	(void)state;
	assert_non_null(f.file);
	packets_put(&f, 100); /* more than the stream keeps */
	assert_false(packet_file_flush(&f));
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(f.kept_packet_n, 0);
	fclose(f.file);
}

/* Takes nothing the first time, and all from then on. */
static ssize_t
write_later(void *cookie, const char *bytes, size_t n)
{
	int *times = cookie;

	(void)bytes;
	errno = ENOSPC;
	return (*times)++ == 0 ? 0 : (ssize_t)n;
}

/* There is room again by the time of the flush, but a part is missing. */
static void
a_write_that_failed_is_not_forgotten(void **state)
{
	int times = 0;
	struct packet_file f = {
		.file = fopencookie(&times, "w", (cookie_io_functions_t){ .write = write_later })
	};

	(void)state;
	assert_non_null(f.file);
	packets_put(&f, 100);
	assert_true(times > 1);
	assert_false(packet_file_flush(&f));
	assert_false(packet_file_flush(&f));
	assert_int_equal(f.kept_packet_n, 0);
	fclose(f.file);
}

/* The disk is full within a packet. */
static void
a_file_ends_behind_a_whole_packet(void **state)
{
	struct place *p = *state;
	struct rlimit before, limit;
	uint64_t kept;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){ .rlim_cur = 20000, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(packet_file_open(p->path, &p->f));
	assert_true(packet_file_begin(&p->f));
	packet_file_section(&p->f, "a test");
	packets_put(&p->f, 10);
	assert_true(packet_file_flush(&p->f));
	kept = p->f.kept_byte_n;
	packets_put(&p->f, 10);
	assert_false(packet_file_flush(&p->f));
	assert_int_equal(errno, EFBIG);
	assert_int_equal(size_of(p->path), kept);
	assert_int_equal(p->f.packet_n, 10);
	assert_false(packet_file_close(&p->f));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(size_of(p->path), kept);
	assert_int_equal(p->f.kept_packet_n, 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_as_before_until_packets_come),
		TEST(links_and_devices_are_refused),
		TEST(a_full_device_is_told),
		TEST(a_write_that_failed_is_not_forgotten),
		TEST(a_file_ends_behind_a_whole_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
