/*
 * test_access_log.c - the access log's buffer when its file takes no more: what waits is written
 * where it belongs or counted as lost, and never half a line or one of another format.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/access_log.h"
#include "daemon/loop.h"
#include "run/record.h"

enum {
	PIPE_BYTES = 4096,
	LINE_BYTES = 1000, /* four and a bit fill the pipe */
};

static const struct log_style style_json = { .format = CONF_LOG_JSON };
static const struct log_style style_combined = { .format = CONF_LOG_COMBINED };
static const struct log_style style_w3c = { CONF_LOG_W3C, 2, { LOG_FIELD_TIME, LOG_FIELD_C_IP } };
static const struct log_style style_other = { CONF_LOG_W3C, 1, { LOG_FIELD_TIME } };

/* A log whose file is a pipe of one page, and a plain file beside it. */
struct logged {
	char dir[64], pipe[96], plain[96];
	int reader;
	struct access_log log;
	char text[64 * 1024];
};

static int
logged_make(void **state)
{
	struct logged *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	snprintf(l->dir, sizeof(l->dir), "/tmp/penstock-log-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	snprintf(l->pipe, sizeof(l->pipe), "%s/pipe", l->dir);
	snprintf(l->plain, sizeof(l->plain), "%s/plain", l->dir);
	assert_int_equal(mkfifo(l->pipe, 0600), 0);
	l->reader = open(l->pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(l->reader >= 0);
	assert_int_equal(fcntl(l->reader, F_SETPIPE_SZ, PIPE_BYTES), PIPE_BYTES);
	access_log_init(&l->log);
	assert_true(access_log_open(&l->log, l->pipe, &style_json));
	*state = l;
	return 0;
}

static int
logged_end(void **state)
{
	struct logged *l = *state;

	access_log_fini(&l->log, loop_now());
	close(l->reader);
	unlink(l->pipe);
	unlink(l->plain);
	assert_int_equal(rmdir(l->dir), 0);
	free(l);
	return 0;
}

/* n lines of this letter, numbered by nothing. */
static void
lines_put(struct logged *l, char letter, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		char *line = access_log_room(&l->log, LINE_BYTES);

		assert_non_null(line);
		memset(line, letter, LINE_BYTES - 1);
		line[LINE_BYTES - 1] = '\n';
		access_log_added(&l->log, LINE_BYTES, loop_now());
	}
}

/* Ten lines of which the pipe takes four and a piece of the fifth. */
static void
pipe_fill(struct logged *l)
{
	lines_put(l, 'a', 10);
	assert_false(access_log_flush(&l->log, loop_now()));
}

static const char *
pipe_read(struct logged *l)
{
	ssize_t n = read(l->reader, l->text, sizeof(l->text) - 1);

	l->text[n > 0 ? n : 0] = '\0';
	return l->text;
}

static const char *
plain_read(struct logged *l)
{
	FILE *file = fopen(l->plain, "r");
	size_t n;

	assert_non_null(file);
	n = fread(l->text, 1, sizeof(l->text) - 1, file);
	l->text[n] = '\0';
	fclose(file);
	return l->text;
}

/* How many whole lines of this letter; no other line may be there. */
static uint32_t
lines_of(const char *text, char letter)
{
	uint32_t n = 0;

	for (; *text != '\0'; text += LINE_BYTES, n++) {
		assert_int_equal(strspn(text, (char[]){ letter, '\0' }), LINE_BYTES - 1);
		assert_int_equal(text[LINE_BYTES - 1], '\n');
	}
	return n;
}

static void
lines_wait_for_a_full_pipe(void **state)
{
	struct logged *l = *state;

	pipe_fill(l);
	assert_int_equal(l->log.written_n, 4);
	assert_int_equal(l->log.buffered_n, 6);
	assert_int_equal(strlen(pipe_read(l)), PIPE_BYTES);
	assert_false(access_log_flush(&l->log, loop_now()));
	assert_int_equal(l->log.written_n, 8);
	pipe_read(l);
	assert_true(access_log_flush(&l->log, loop_now()));
	assert_int_equal(l->log.written_n, 10);
	assert_int_equal(l->log.dropped_n, 0);
}

static void
lines_of_the_old_format_do_not_reach_the_new_file(void **state)
{
	struct logged *l = *state;

	pipe_fill(l);
	assert_true(access_log_open(&l->log, l->plain, &style_combined));
	lines_put(l, 'b', 2);
	assert_true(access_log_flush(&l->log, loop_now()));
	assert_int_equal(lines_of(plain_read(l), 'b'), 2);
	assert_int_equal(l->log.dropped_n, 6);
	assert_int_equal(l->log.written_n, 6);
}

static void
whole_lines_follow_into_the_new_file(void **state)
{
	struct logged *l = *state;

	pipe_fill(l);
	assert_true(access_log_open(&l->log, l->plain, &style_json));
	assert_true(access_log_flush(&l->log, loop_now()));
	assert_int_equal(lines_of(plain_read(l), 'a'), 5);
	assert_int_equal(l->log.dropped_n, 1); /* its beginning is in the old file */
	assert_int_equal(l->log.written_n, 9);
}

static void
a_line_that_was_cut_goes_on_in_the_same_file(void **state)
{
	struct logged *l = *state;

	pipe_fill(l);
	assert_true(access_log_open(&l->log, l->pipe, &style_json));
	pipe_read(l);
	access_log_flush(&l->log, loop_now());
	pipe_read(l);
	assert_int_equal(strspn(l->text, "a"), 5 * LINE_BYTES - PIPE_BYTES - 1);
	assert_int_equal(l->log.dropped_n, 0);
}

static void
a_line_of_the_new_format_does_not_lean_on_half_of_an_old_one(void **state)
{
	struct logged *l = *state;

	pipe_fill(l);
	pipe_read(l);
	assert_true(access_log_open(&l->log, l->pipe, &style_combined));
	pipe_read(l); /* what the opening flushed */
	lines_put(l, 'b', 2);
	assert_true(access_log_flush(&l->log, loop_now()));
	pipe_read(l);
	assert_int_equal(l->text[0], '\n');
	assert_int_equal(lines_of(l->text + 1, 'b'), 2);
	assert_int_equal(l->log.written_n, 8 + 2);
	assert_int_equal(l->log.dropped_n, 2);
}

/* Else the journals would wait for lines that no file takes. */
static void
what_no_file_takes_does_not_stay(void **state)
{
	struct logged *l = *state;

	pipe_fill(l);
	assert_false(access_log_open(&l->log, "/nonexistent/access.log", &style_json));
	assert_true(access_log_flush(&l->log, loop_now()));
	assert_null(access_log_room(&l->log, LINE_BYTES));
	assert_int_equal(l->log.dropped_n, 7);
	assert_true(access_log_open(&l->log, NULL, &style_json)); /* none is wanted */
	assert_null(access_log_room(&l->log, LINE_BYTES));
	assert_int_equal(l->log.dropped_n, 7);
}

/* What is behind the four directives, which name these fields. */
static char *
head_skip(char *text, const char *fields)
{
	static const char *const begins[] = { "#Software: Penstock ", "#Version: 1.0\n",
					      "#Date: 20", "#Fields: " };
	char *at = text;

	for (int i = 0; i < 4; i++) {
		assert_memory_equal(at, begins[i], strlen(begins[i]));
		if (i == 3)
			assert_memory_equal(at + 9, fields, strlen(fields));
		at = strchr(at, '\n') + 1;
	}
	return at;
}

static void
a_w3c_log_has_directives_after_each_opening(void **state)
{
	struct logged *l = *state;
	char *at;

	assert_true(access_log_open(&l->log, l->plain, &style_w3c));
	lines_put(l, 'a', 1);
	assert_true(access_log_open(&l->log, l->plain, &style_w3c)); /* not renamed */
	lines_put(l, 'b', 1);
	assert_true(access_log_open(&l->log, l->plain, &style_other));
	assert_true(access_log_flush(&l->log, loop_now()));
	plain_read(l);
	at = head_skip(l->text, "time c-ip\n");
	assert_int_equal(*at, 'a');
	at = head_skip(at + LINE_BYTES, "time c-ip\n");
	assert_int_equal(*at, 'b');
	at = head_skip(at + LINE_BYTES, "time\n");
	assert_int_equal(*at, '\0');
	assert_int_equal(l->log.written_n, 2);
	assert_int_equal(l->log.buffered_n, 0);
	assert_int_equal(unlink(l->plain), 0); /* a rotation */
	assert_true(access_log_open(&l->log, l->plain, &style_other));
	lines_put(l, 'c', 1);
	assert_true(access_log_flush(&l->log, loop_now()));
	plain_read(l);
	assert_int_equal(*head_skip(l->text, "time\n"), 'c');
}

static void
directives_stand_before_lines_that_follow(void **state)
{
	struct logged *l = *state;

	assert_true(access_log_open(&l->log, l->pipe, &style_w3c));
	access_log_flush(&l->log, loop_now());
	pipe_read(l);
	pipe_fill(l);
	assert_true(access_log_open(&l->log, l->plain, &style_w3c));
	assert_true(access_log_flush(&l->log, loop_now()));
	plain_read(l);
	assert_int_equal(lines_of(head_skip(l->text, "time c-ip\n"), 'a'), 5);
	assert_int_equal(l->log.written_n, 9);
	assert_int_equal(l->log.buffered_n, 0);
}

/* In the same pipe: the rest of the line, the directives, the other lines. */
static void
directives_do_not_cut_a_line(void **state)
{
	struct logged *l = *state;
	size_t rest = 5 * LINE_BYTES - PIPE_BYTES;
	size_t n = 0;

	assert_true(access_log_open(&l->log, l->pipe, &style_w3c));
	access_log_flush(&l->log, loop_now());
	pipe_read(l);
	pipe_fill(l);
	assert_true(access_log_open(&l->log, l->pipe, &style_w3c));
	do {
		n += strlen(pipe_read(l));
		if (n == PIPE_BYTES) {
			assert_false(access_log_flush(&l->log, loop_now()));
			pipe_read(l);
			assert_int_equal(strspn(l->text, "a"), rest - 1);
			assert_int_equal(*head_skip(l->text + rest, "time c-ip\n"), 'a');
		}
	} while (!access_log_flush(&l->log, loop_now()));
	assert_int_equal(l->log.written_n, 10);
	assert_int_equal(l->log.buffered_n + l->log.dropped_n, 0);
}

/* Directives are counted neither when they are written whole nor in pieces. */
static void
directives_in_pieces_are_no_lines(void **state)
{
	struct logged *l = *state;

	assert_true(access_log_open(&l->log, l->pipe, &style_w3c));
	lines_put(l, 'a', 5);
	assert_false(access_log_flush(&l->log, loop_now()));
	assert_int_equal(l->log.written_n, 4);
	assert_int_equal(l->log.buffered_n, 1);
	pipe_read(l);
	assert_true(access_log_flush(&l->log, loop_now()));
	pipe_read(l);
	for (int i = 0; i < 60; i++) /* until the pipe holds a piece of one */
		access_log_open(&l->log, l->pipe, &style_w3c);
	assert_true(l->log.n > 0);
	while (!access_log_flush(&l->log, loop_now()))
		pipe_read(l);
	assert_int_equal(l->log.written_n, 5);
	assert_int_equal(l->log.buffered_n + l->log.dropped_n, 0);
}

/* Opened again and again while the file takes nothing: one set waits, beside all lines. */
static void
directives_do_not_pile_up(void **state)
{
	struct logged *l = *state;
	size_t n, got = 0, room = 2 * ACCESS_LOG_ROOM;
	char *all = calloc(1, room + 1), *head;
	uint64_t lines_n;

	assert_non_null(all);
	assert_true(access_log_open(&l->log, l->pipe, &style_w3c));
	access_log_flush(&l->log, loop_now());
	pipe_read(l);
	pipe_fill(l);
	while (l->log.n + LINE_BYTES <= ACCESS_LOG_ROOM)
		lines_put(l, 'a', 1);
	n = l->log.n;
	lines_n = l->log.written_n + l->log.buffered_n;
	for (int i = 0; i < 100; i++)
		assert_true(access_log_open(&l->log, l->pipe, &style_w3c));
	assert_in_range(l->log.n, n, n + RECORD_W3C_HEAD_MAX);
	assert_null(access_log_room(&l->log, LINE_BYTES)); /* full is full */
	for (bool is_out = false; !is_out || got == 0;) {
		ssize_t part = read(l->reader, all + got, room - got);

		assert_true(part > 0);
		got += (size_t)part;
		is_out = access_log_flush(&l->log, loop_now());
	}
	got += (size_t)read(l->reader, all + got, room - got);
	head = strstr(all, "#Software: ");
	assert_non_null(head);
	head_skip(head, "time c-ip\n");
	assert_null(strstr(head + 1, "#Software: "));
	assert_int_equal(l->log.written_n, lines_n);
	assert_int_equal(l->log.dropped_n, 1);
	free(all);
}

/* Its end is still awaited when the format changes for the second time. */
static void
a_half_line_ends_however_often_the_format_changes(void **state)
{
	struct logged *l = *state;

	pipe_fill(l);
	assert_true(access_log_open(&l->log, l->pipe, &style_combined));
	assert_true(access_log_open(&l->log, l->pipe, &style_w3c));
	assert_true(access_log_open(&l->log, l->pipe, &style_json));
	pipe_read(l);
	lines_put(l, 'b', 2);
	assert_true(access_log_flush(&l->log, loop_now()));
	pipe_read(l);
	assert_int_equal(l->text[0], '\n');
	assert_int_equal(lines_of(l->text + 1, 'b'), 2);
	assert_int_equal(l->log.dropped_n, 6);
}

/* ... but has no place in another file. */
static void
the_end_of_a_half_line_stays_out_of_the_next_file(void **state)
{
	struct logged *l = *state;

	pipe_fill(l);
	assert_true(access_log_open(&l->log, l->pipe, &style_combined));
	assert_true(access_log_open(&l->log, l->plain, &style_combined));
	lines_put(l, 'b', 2);
	assert_true(access_log_flush(&l->log, loop_now()));
	assert_int_equal(lines_of(plain_read(l), 'b'), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, logged_make, logged_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_wait_for_a_full_pipe),
		TEST(lines_of_the_old_format_do_not_reach_the_new_file),
		TEST(whole_lines_follow_into_the_new_file),
		TEST(a_line_that_was_cut_goes_on_in_the_same_file),
		TEST(a_line_of_the_new_format_does_not_lean_on_half_of_an_old_one),
		TEST(what_no_file_takes_does_not_stay),
		TEST(a_w3c_log_has_directives_after_each_opening),
		TEST(directives_stand_before_lines_that_follow),
		TEST(directives_do_not_cut_a_line),
		TEST(directives_in_pieces_are_no_lines),
		TEST(directives_do_not_pile_up),
		TEST(a_half_line_ends_however_often_the_format_changes),
		TEST(the_end_of_a_half_line_stays_out_of_the_next_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
