/*
 * test_logs.c - penstockctl logs: which of the journals' requests it shows, and how.
 */
#include "beside.h"
#include "confs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static const char *penstockctl;

static uint32_t
lines_n(const char *text)
{
	uint32_t n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

static const char *
logs_of(const struct world *w, const char *options, int code)
{
	return beside_text(w, penstockctl, "logs", options, code);
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
	const char *text;

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
	const char *text;

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

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(logs_shows_what_fits),
		TEST(logs_are_for_people_and_programs),
		TEST(logs_tells_what_is_wrong),
		TEST(logs_says_when_no_data_plane_runs),
		TEST(logs_follows),
	};

	penstockctl = argc == 2 ? argv[1] : "penstockctl";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
