/*
 * test_recent.c - reading journals beside control: what a ring still holds, wherever its records
 * begin, and what penstockctl logs and farms make of it.
 */
#include "world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "abi/board.h"
#include "confs.h"
#include "run/recent.h"

static const char *penstockctl;

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

/* ---- penstockctl logs ---- */

/* What it prints with these options; its exit code must be this. */
static char *
ctl_of(const struct world *w, const char *verb, const char *options, int code)
{
	static char text[64 * 1024];
	char command[512];
	FILE *pipe;
	size_t n;
	int status;

	snprintf(command, sizeof(command), "%s --run %s %s %s 2>&1", penstockctl, w->run, verb,
		 options);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(text, 1, sizeof(text) - 1, pipe);
	text[n] = '\0';
	status = pclose(pipe);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
		fail_msg("%s %s exited %d: %s", verb, options, WEXITSTATUS(status), text);
	return text;
}

static uint32_t
lines_n(const char *text)
{
	uint32_t n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

static char *
logs_of(const struct world *w, const char *options, int code)
{
	return ctl_of(w, "logs", options, code);
}

/* Two good ones, a slow one that failed at b, and one that no rule wants to be shown. */
static void
some_requests(struct world *w)
{
	static const uint8_t near[4] = { 198, 51, 100, 7 }, far[4] = { 192, 0, 2, 9 };
	struct journal_text text = { (const uint8_t *)"GET", (const uint8_t *)"/a\x1b[2\\",
				     (const uint8_t *)"www", (const uint8_t *)"u",
				     (const uint8_t *)"" };

	for (uint64_t i = 0; i < 4; i++) {
		struct journal_access access = {
			.time_ns = 1795249417123456789 + i * 1000000000,
			.total_ns = i == 2 ? 2500000000 : 1500000,
			.client = ip_from_v4(i == 0 ? near : far),
			.upstream_port = 8080,
			.generation = 1,
			.listener_incarnation = 1,
			.farm_incarnation = 1,
			.server_slot = i >= 2 ? 1 : 0,
			.server_incarnation = 1,
			.flags = JOURNAL_HAS_UPSTREAM,
			.status = i == 2   ? 504
				  : i == 3 ? 404
					   : 200,
			.cause = i == 2 ? JOURNAL_CAUSE_RECEIVE_TIMEOUT : JOURNAL_CAUSE_NONE,
			.limit_ns = 2000000000,
			.method_n = 3,
			.target_n = i == 3 ? 6 : 2,
			.host_n = 3,
			.agent_n = 1,
			.conn_id = i,
		};

		assert_true(journal_put_access(&w->writer, &access, &text));
	}
}

static void
logs_shows_what_fits(void **state)
{
	static const struct {
		const char *options;
		uint32_t n; /* requests */
	} cases[] = {
		{ "", 4 },
		{ "--limit 2", 2 },
		{ "--farm app", 4 },
		{ "--farm other", 0 },
		{ "--listener web", 4 },
		{ "--server a", 2 },
		{ "--server app/b", 2 },
		{ "--server other/b", 0 },
		{ "--status 200", 2 },
		{ "--status 5xx", 1 },
		{ "--status 4xx", 1 },
		{ "--cause any", 1 },
		{ "--cause receive_timeout", 1 },
		{ "--cause client_reset", 0 },
		{ "--client 198.51.100.7", 1 },
		{ "--client 192.0.2.0/24", 3 },
		{ "--client 2001:db8::/0", 0 },
		{ "--slower-than 1s", 1 },
		{ "--slower-than 1ms", 4 },
		{ "--url /a", 4 },
		{ "--url /b", 0 },
		{ "--server b --status 404", 1 },
	};
	struct world *w = *state;
	char options[128];

	config_write(w, CONF_GOOD);
	control_start(w);
	dataplane_start(w);
	some_requests(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(options, sizeof(options), "--json %s", cases[i].options);
		if (lines_n(logs_of(w, options, 0)) != cases[i].n)
			fail_msg("logs %s: not %u lines", options, cases[i].n);
	}
}

static void
logs_are_for_people_and_programs(void **state)
{
	struct world *w = *state;
	json_t *object;
	char *text;

	config_write(w, CONF_GOOD);
	control_start(w);
	dataplane_start(w);
	some_requests(w);
	text = logs_of(w, "--server b", 0);
	assert_int_equal(lines_n(text), 4);
	/* In the order of their ends; the terminal gets no order of the client's. */
	assert_non_null(strstr(text, "08:23:40.123 404    1.5ms 192.0.2.9       app/b          GET "
				     "www/a\\x1B[2\\x5C\n"
				     "08:23:39.123 504    2.50s 192.0.2.9       app/b          GET "
				     "www/a\n"
				     "                 receive timeout after 2 s from b:8080\n"));
	text = logs_of(w, "--json --status 504", 0);
	object = json_loads(text, 0, NULL);
	assert_non_null(object);
	assert_string_equal(json_string_value(json_object_get(object, "server")), "b");
	assert_string_equal(json_string_value(json_object_get(object, "cause_word")),
			    "receive_timeout");
	json_decref(object);
}

static void
logs_tells_what_is_wrong(void **state)
{
	struct world *w = *state;

	control_start(w);
	assert_non_null(strstr(logs_of(w, "--status 6x", 2), "write 504 or 5xx"));
	assert_non_null(strstr(logs_of(w, "--cause slow", 2), "receive_timeout"));
	assert_non_null(strstr(logs_of(w, "--client here", 2), "198.51.100.0/24"));
	assert_non_null(strstr(logs_of(w, "--slower-than 5", 2), "250ms"));
	assert_non_null(strstr(logs_of(w, "--limit 0", 2), "from 1"));
	assert_non_null(strstr(logs_of(w, "--farm", 2), "takes a value"));
	assert_non_null(strstr(logs_of(w, "app", 2), "not an option"));
	assert_non_null(strstr(logs_of(w, "--colour red", 2), "not an option of logs"));
}

/* Exit 1, though what it left is shown. */
static void
logs_says_when_no_data_plane_runs(void **state)
{
	struct world *w = *state;
	char *text;

	config_write(w, CONF_GOOD);
	control_start(w);
	assert_non_null(strstr(logs_of(w, "", 1), "the data plane does not run, and the one before "
						  "has left no such requests"));
	text = logs_of(w, "--json", 1);
	assert_non_null(strstr(text, "\"ok\": false"));
	dataplane_start(w);
	some_requests(w);
	assert_int_equal(lines_n(logs_of(w, "", 0)), 6);
	close(w->dataplane_lock); /* it ends */
	w->dataplane_lock = -1;
	text = logs_of(w, "", 1);
	assert_int_equal(lines_n(text), 7);
	assert_non_null(
		strstr(text, "does not run; these are the last requests of the one before"));
	assert_non_null(strstr(logs_of(w, "--url /none", 1), "no such requests"));
}

/* Over the end of one data plane and the start of the next. */
static void
logs_follows(void **state)
{
	struct world *w = *state;
	char line[4096], name[RUNDIR_NAME_MAX], old[RUNDIR_NAME_MAX];
	int ends[2], status;
	FILE *pipe;
	pid_t pid;

	config_write(w, CONF_GOOD);
	control_start(w);
	dataplane_start(w);
	some_requests(w);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		alarm(60);
		execl(penstockctl, penstockctl, "--run", w->run, "--json", "logs", "-f", "--status",
		      "5xx", NULL);
		_exit(127);
	}
	close(ends[1]);
	pipe = fdopen(ends[0], "r");
	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	some_requests(w);
	assert_non_null(fgets(line, sizeof(line), pipe));
	some_requests(w);
	rundir_rename(w->dataplane_fd, rundir_journal_name(name, 0),
		      rundir_journal_old_name(old, 0));
	journal_make(w, 2);
	some_requests(w);
	assert_non_null(fgets(line, sizeof(line), pipe));
	assert_non_null(fgets(line, sizeof(line), pipe));
	assert_non_null(strstr(line, "\"status\":504"));
	some_requests(w);
	assert_non_null(fgets(line, sizeof(line), pipe));
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	fclose(pipe);
}

/* ---- penstockctl farms ---- */

/* The lane's board: b failed a second ago. */
static struct rundir_map
board_make(const struct world *w, struct board *ret_board)
{
	struct rundir_map map;
	char name[RUNDIR_NAME_MAX];
	uint64_t now = loop_now();

	rundir_board_name(name, 0);
	assert_int_equal(rundir_map_make(w->dataplane_fd, name, board_bytes(8), &map), 0);
	board_init(map.p, 0, 1, 8, ret_board);
	for (uint32_t i = 0; i < 2; i++) {
		struct board_server *server = &ret_board->server[i];

		server->incarnation = 1;
		server->health = i == 1 ? BOARD_HEALTH_RESTING : BOARD_HEALTH_GOOD;
		server->conns = 3;
		server->in_flight = i;
		server->requests = 100;
		server->dial_failures = i * 5;
		server->failures = i * 2;
		server->status_5xx = i * 4;
		server->failed_at = i == 1 ? now - LOOP_S : 0;
		server->failed_cause = JOURNAL_CAUSE_CONNECT_REFUSED;
	}
	assert_int_equal(rundir_map_publish(w->dataplane_fd, name), 0);
	return map;
}

static char *
farms_of(const struct world *w, const char *options, int code)
{
	return ctl_of(w, "farms", options, code);
}

/* Three answers of a after 1, 2 and 3 ms. */
static void
some_answers(struct world *w)
{
	struct journal_text text = { (const uint8_t *)"GET", (const uint8_t *)"/",
				     (const uint8_t *)"www", (const uint8_t *)"",
				     (const uint8_t *)"" };

	for (uint64_t i = 1; i <= 3; i++) {
		struct journal_access access = { .generation = 1,
						 .farm_incarnation = 1,
						 .server_incarnation = 1,
						 .flags = JOURNAL_HAS_UPSTREAM,
						 .status = 200,
						 .upstream_status = 200,
						 .first_byte_ns = i * 1000000,
						 .method_n = 3,
						 .target_n = 1,
						 .host_n = 3 };

		assert_true(journal_put_access(&w->writer, &access, &text));
	}
}

static void
farms_tell_state_work_and_the_last_failure(void **state)
{
	struct world *w = *state;
	struct rundir_map map;
	struct board board;
	json_t *list, *farm, *a, *b;
	char *text;

	config_write(w, CONF_GOOD);
	control_start(w);
	dataplane_start(w);
	map = board_make(w, &board);
	some_answers(w);
	list = json_loads(farms_of(w, "--json", 0), 0, NULL);
	assert_int_equal(json_array_size(list), 1);
	farm = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(farm, "farm")), "app");
	assert_string_equal(json_string_value(json_object_get(farm, "state")), "degraded");
	assert_int_equal(json_integer_value(json_object_get(farm, "requests")), 200);
	assert_int_equal(json_integer_value(json_object_get(farm, "conns")), 6);
	a = json_array_get(json_object_get(farm, "servers"), 0);
	b = json_array_get(json_object_get(farm, "servers"), 1);
	assert_true(json_is_null(json_object_get(a, "last_failure")));
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(a, "latency"), "p50_us")), 2000);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(a, "latency"), "max_us")), 3000);
	assert_true(json_is_null(json_object_get(b, "latency")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(b, "last_failure"),
							      "cause_word")),
			    "connect_refused");
	assert_in_range(
		json_integer_value(json_object_get(json_object_get(b, "last_failure"), "ago_ms")),
		1000, 60000);
	json_decref(list);
	text = farms_of(w, "", 0);
	assert_non_null(strstr(text,
			       "app                degraded       6      1        200       7 "
			       "   2.0ms    2.0ms\n"
			       "  a                up             3      0        100       0 "
			       "   2.0ms    2.0ms\n"
			       "  b                resting        3      1        100       7 "
			       "       -        -\n"
			       "    last failure "));
	assert_non_null(strstr(text, " s ago: the server refused the connection\n"));
	text = farms_of(w, "show app", 0);
	assert_non_null(strstr(text, "  listeners web; retries 2; timeouts: connect 5000 ms"));
	assert_non_null(strstr(text, "4 5xx; failed: 2 requests, 5 connections"));
	assert_non_null(strstr(farms_of(w, "show ap", 1), "there is no farm 'ap'"));
	farms_of(w, "show", 2);
	rundir_map_close(&map);
}

/* Without a data plane nothing is known of what they do. */
static void
farms_answer_without_a_data_plane(void **state)
{
	struct world *w = *state;
	json_t *farm;

	config_write(w, CONF_GOOD);
	control_start(w);
	farm = json_loads(farms_of(w, "show app --json", 0), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(farm, "state")), "unknown");
	assert_int_equal(json_array_size(json_object_get(farm, "servers")), 2);
	json_decref(farm);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(what_control_has_written_is_still_there),
		TEST(a_round_ring_is_read_from_its_oldest_whole_record),
		TEST(who_is_overtaken_goes_on_and_counts),
		TEST(another_data_plane_is_followed),
		TEST(a_busy_lane_is_read_as_well),
		TEST(a_hostile_ring_ends),
		TEST(logs_shows_what_fits),
		TEST(logs_are_for_people_and_programs),
		TEST(logs_tells_what_is_wrong),
		TEST(logs_says_when_no_data_plane_runs),
		TEST(logs_follows),
		TEST(farms_tell_state_work_and_the_last_failure),
		TEST(farms_answer_without_a_data_plane),
	};

	penstockctl = argc == 2 ? argv[1] : "penstockctl";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
