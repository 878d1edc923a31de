/*
 * test_journals.c - journals to log lines, and names to addresses, over restarts of either side.
 */
#include "world.h"

#include "confs.h"

/* ---- tests: journals ---- */

static uint32_t
log_lines(const struct world *w)
{
	FILE *file = fopen(w->log, "r");
	char line[4096];
	uint32_t n = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		json_t *object = json_loads(line, 0, NULL);

		assert_non_null(object);
		assert_int_equal(json_integer_value(json_object_get(object, "connection")), ++n);
		json_decref(object);
	}
	fclose(file);
	return n;
}

static void
requests_become_lines_and_room_comes_back(void **state)
{
	struct world *w = *state;

	control_start(w);
	dataplane_start(w);
	notice(w);
	for (int i = 0; i < 10; i++) {
		journal_write(w, 100);
		turns(w, 40);
	}
	settle(w);
	assert_int_equal(log_lines(w), 1000);
	assert_true(w->daemon.log.written_n == 1000);
	assert_true(w->daemon.journals->cursors->now[0].position == w->writer.written);
	assert_true(w->writer.dropped == 0);
}

static void
a_full_ring_is_noticed(void **state)
{
	struct world *w = *state;

	control_start(w);
	dataplane_start(w);
	notice(w);
	journal_write(w, 5000); /* more than 64 KiB hold */
	settle(w);
	assert_true(w->writer.dropped > 0);
	assert_true(w->daemon.journals->dropped_n == w->writer.dropped);
	assert_true(w->daemon.log.written_n + w->writer.dropped == 5000);
}

static void
a_restarted_data_plane_loses_no_line(void **state)
{
	struct world *w = *state;
	char name[RUNDIR_NAME_MAX], old[RUNDIR_NAME_MAX];
	uint64_t seq;

	control_start(w);
	dataplane_start(w);
	notice(w);
	journal_write(w, 10);
	settle(w);
	journal_write(w, 10);
	seq = w->writer.seq;
	rundir_rename(w->dataplane_fd, rundir_journal_name(name, 0),
		      rundir_journal_old_name(old, 0));
	journal_make(w, 2);
	w->writer.seq = seq; /* so that the lines are numbered on */
	journal_write(w, 10);
	settle(w);
	assert_int_equal(w->daemon.log.written_n, 30);
}

static void
a_restarted_control_goes_on_where_it_was(void **state)
{
	struct world *w = *state;

	control_start(w);
	dataplane_start(w);
	notice(w);
	journal_write(w, 10);
	settle(w);
	control_stop(w); /* flushes */
	assert_int_equal(log_lines(w), 10);
	journal_set_cursor(&w->writer, NULL);
	control_start(w);
	notice(w);
	journal_write(w, 10);
	settle(w);
	assert_int_equal(log_lines(w), 20);
}

static void
the_log_is_opened_again_after_a_rotation(void **state)
{
	struct world *w = *state;
	char old[128];

	control_start(w);
	dataplane_start(w);
	notice(w);
	journal_write(w, 3);
	turns(w, 300);
	snprintf(old, sizeof(old), "%s.1", w->log);
	assert_int_equal(rename(w->log, old), 0);
	assert_true(access_log_open(&w->daemon.log, w->daemon.settings.log_path,
				    &w->daemon.settings.log_style));
	assert_int_equal(access(w->log, F_OK), 0);
	journal_write(w, 4);
	settle(w);
	assert_true(w->daemon.log.written_n == 7);
}

/* Fields by their place in #Fields:, over an apply, a restart of control and a rotation. */
static void
a_w3c_log_is_read_by_its_directives(void **state)
{
	struct world *w = *state;
	char text[1024], line[1024], fields[256] = "", old[128];
	uint32_t heads = 0, lines = 0;
	FILE *file;

	snprintf(text, sizeof(text),
		 CONF_MACHINE "logs: {access: {path: %s, format: w3c, fields: [sc-status, "
			      "x-connection, cs-method]}}\n",
		 w->log);
	config_write(w, text);
	control_start(w);
	dataplane_start(w);
	notice(w);
	journal_write(w, 3);
	settle(w);
	control_stop(w);
	journal_set_cursor(&w->writer, NULL);
	control_start(w); /* knows its fields from control/settings, then from the file */
	notice(w);
	journal_write(w, 2);
	settle(w);
	snprintf(old, sizeof(old), "%s.1", w->log);
	assert_int_equal(rename(w->log, old), 0);
	assert_true(access_log_open(&w->daemon.log, w->daemon.settings.log_path,
				    &w->daemon.settings.log_style));
	journal_write(w, 4);
	settle(w);
	for (int i = 0; i < 2; i++) {
		file = fopen(i == 0 ? old : w->log, "r");
		assert_non_null(file);
		while (fgets(line, sizeof(line), file) != NULL) {
			heads += strcmp(line, "#Fields: sc-status x-connection cs-method\n") == 0;
			if (line[0] == '#')
				continue;
			assert_true(heads == (lines < 3 ? 1 : lines < 5 ? 2 : 3));
			snprintf(fields, sizeof(fields), "200 %u GET\n", ++lines);
			assert_string_equal(line, fields);
		}
		fclose(file);
	}
	unlink(old);
	assert_int_equal(heads, 3);
	assert_int_equal(lines, 9);
}

/* ---- tests: names ---- */

static void
addresses_of(const struct world *w, const char *server, struct runtime_server *ret_said)
{
	const struct img *img = &w->daemon.tables.img;
	const struct img_server *record =
		img_server(img, img_find_server(img, 0, server, strlen(server)));

	runtime_server(&w->daemon.overrides.runtime, record->slot, record->incarnation, ret_said);
}

static void
static_names_are_there_before_the_image(void **state)
{
	struct world *w = *state;
	struct runtime_server said;

	config_write(w, CONF_MACHINE
		     "farms: [{name: app, servers: [{name: n, address: APP1.internal}]}]\n"
		     "hosts: {app1.internal: [10.0.0.12, 10.0.0.11, \"2001:db8::11\"]}\n");
	control_start(w);
	addresses_of(w, "n", &said);
	assert_int_equal(said.flags & RUNTIME_RESOLVED, RUNTIME_RESOLVED);
	assert_int_equal(said.address_n, 3);
	assert_int_equal(said.address[0].b[15], 12);
}

static void
dns_answers_reach_runtime_and_are_asked_again(void **state)
{
	struct world *w = *state;
	struct runtime_server said;
	char text[1024];

	snprintf(text, sizeof(text),
		 CONF_MACHINE
		 "farms: [{name: app, servers: [{name: n, address: app7.test.example}]}]\n"
		 "resolver: {servers: [\"127.0.0.1:%u\"]}\n",
		 dns_start(w, 21));
	config_write(w, text);
	control_start(w);
	turns(w, 300);
	addresses_of(w, "n", &said);
	assert_int_equal(said.address_n, 1);
	assert_int_equal(said.address[0].b[15], 21);
	w->dns_last = 22;
	turns(w, 1400); /* the answer's second */
	addresses_of(w, "n", &said);
	assert_int_equal(said.address_n, 1);
	assert_int_equal(said.address[0].b[15], 22);
	close(w->dns_fd); /* silence changes nothing */
	w->dns_fd = -1;
	turns(w, 300);
	addresses_of(w, "n", &said);
	assert_int_equal(said.address_n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_become_lines_and_room_comes_back),
		TEST(a_full_ring_is_noticed),
		TEST(a_restarted_data_plane_loses_no_line),
		TEST(a_restarted_control_goes_on_where_it_was),
		TEST(the_log_is_opened_again_after_a_rotation),
		TEST(a_w3c_log_is_read_by_its_directives),
		TEST(static_names_are_there_before_the_image),
		TEST(dns_answers_reach_runtime_and_are_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
