/*
 * test_farms.c - penstockctl farms: state, work and the last failure, out of boards and journals.
 */
#include "beside.h"
#include "confs.h"

#include "abi/board.h"

static const char *penstockctl;

static const char *
farms_of(const struct world *w, const char *options, int code)
{
	return beside_text(w, penstockctl, "farms", options, code);
}

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
	const char *text;

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
		TEST(farms_tell_state_work_and_the_last_failure),
		TEST(farms_answer_without_a_data_plane),
	};

	penstockctl = argc == 2 ? argv[1] : "penstockctl";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
