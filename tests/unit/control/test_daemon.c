/*
 * test_daemon.c - apply, verdicts, overrides and the control socket, against a data plane that the
 * test plays itself.
 */
#include "world.h"

#include "abi/publish.h"
#include "confs.h"

/* ---- tests: apply ---- */

static void
an_image_is_published_before_any_data_plane(void **state)
{
	struct world *w = *state;
	struct publish publish;
	struct abi_fault fault;
	struct stat st;
	char path[128];
	json_t *answer;

	control_start(w);
	assert_true(publish_read(w->daemon.control_fd, &publish, &fault));
	assert_true(publish.generation == 1);
	assert_true(has_file(w, "control/tables.1"));
	assert_true(has_file(w, "control/runtime"));
	assert_true(has_file(w, "control/cursors"));
	snprintf(path, sizeof(path), "%s/control/tables.1", w->run);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0440);
	snprintf(path, sizeof(path), "%s/control/socket", w->run);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	answer = ask_apply(w, false);
	assert_true(is_ok(answer));
	assert_string_equal(text_of(answer, "verdict"), "unchanged");
	json_decref(answer);
}

static void
apply_waits_for_the_verdict_and_removes_old_images(void **state)
{
	struct world *w = *state;
	json_t *answer;

	control_start(w);
	dataplane_start(w);
	notice(w);
	assert_true(w->daemon.good.generation == 1);
	for (uint64_t generation = 2; generation <= 4; generation++) {
		char more[128];

		snprintf(more, sizeof(more),
			 "  - {name: n%u, servers: [{name: a, address: "
			 "10.0.0.99}]}\n",
			 (unsigned)generation);
		config_write(w, CONF_GOOD);
		FILE *file = fopen(w->config, "a");
		fputs(more, file);
		fclose(file);
		answer = ask_apply(w, false);
		assert_true(is_ok(answer));
		assert_string_equal(text_of(answer, "verdict"), "accepted");
		assert_int_equal(json_integer_value(json_object_get(answer, "generation")),
				 generation);
		json_decref(answer);
	}
	assert_true(has_file(w, "control/tables.1")); /* the data plane started with it */
	assert_false(has_file(w, "control/tables.2"));
	assert_false(has_file(w, "control/tables.3"));
	assert_true(has_file(w, "control/tables.4"));
}

static void
what_does_not_load_leaves_the_running_one_alone(void **state)
{
	struct world *w = *state;
	json_t *answer, *first;

	control_start(w);
	config_write(w, "machine:\n  cors: [1]\n");
	answer = ask_apply(w, false);
	assert_false(is_ok(answer));
	first = json_array_get(json_object_get(answer, "errors"), 0);
	assert_int_equal(json_integer_value(json_object_get(first, "line")), 2);
	assert_true(w->daemon.tables.generation == 1);
	json_decref(answer);
}

static void
a_refused_image_gives_way_to_the_last_good_one(void **state)
{
	struct world *w = *state;
	json_t *answer;

	control_start(w);
	dataplane_start(w);
	notice(w);
	w->verdict = INSTANCE_VERDICT_REFUSED;
	config_write(w, CONF_GOOD "  - {name: n, servers: [{name: a, address: 10.0.0.99}]}\n");
	answer = ask_apply(w, false);
	assert_false(is_ok(answer));
	assert_non_null(strstr(text_of(answer, "error"), "servers[3].weight"));
	json_decref(answer);
	assert_true(w->daemon.tables.generation == 3);
	assert_int_equal(img_n(&w->daemon.tables.img, IMG_FARMS), 1);
	assert_false(has_file(w, "control/tables.2"));
	assert_true(has_file(w, "control/tables.3"));
	assert_non_null(w->daemon.settings.log_path); /* the settings went back with it */
	notice(w);
	assert_true(w->daemon.tables.generation == 3);
}

static void
what_needs_a_restart_is_named_and_refused_unless_wished(void **state)
{
	struct world *w = *state;
	json_t *answer;

	control_start(w);
	dataplane_start(w);
	notice(w);
	config_write(w,
		     "machine:\n  cores: [1, 2]\n  ports: [{name: outside, device: packet:out0, "
		     "addresses: [203.0.113.10/24]}, {name: inside, device: packet:in0, addresses: "
		     "[10.0.0.5/24]}]\n" CONF_LISTENERS CONF_FARMS);
	answer = ask_apply(w, false);
	assert_false(is_ok(answer));
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(answer, "at_restart"), 0)),
		"+ core 2  (at restart)");
	assert_true(w->daemon.tables.generation == 1);
	json_decref(answer);
	w->verdict = INSTANCE_VERDICT_AT_RESTART;
	answer = ask_apply(w, true);
	assert_true(is_ok(answer));
	assert_string_equal(text_of(answer, "verdict"), "at_restart");
	json_decref(answer);
	assert_true(w->daemon.tables.generation == 2);
}

/* ---- tests: overrides ---- */

static enum runtime_admin
admin_of(const struct world *w, const char *server)
{
	const struct img *img = &w->daemon.tables.img;
	const struct img_server *record =
		img_server(img, img_find_server(img, 0, server, strlen(server)));
	struct runtime_server said;

	runtime_server(&w->daemon.overrides.runtime, record->slot, record->incarnation, &said);
	return (enum runtime_admin)said.admin;
}

static void
overrides_outlive_apply_and_restart(void **state)
{
	struct world *w = *state;
	json_t *answer;

	control_start(w);
	answer = ask(w, json_pack("{s:s, s:s, s:s, s:s}", "verb", "server", "farm", "app", "server",
				  "b", "state", "drain"));
	assert_true(is_ok(answer));
	assert_string_equal(text_of(answer, "was"), "up");
	json_decref(answer);
	config_write(
		w, CONF_MACHINE CONF_LISTENERS
		"farms: [{name: app, servers: [{name: z, address: 10.0.0.9}, {name: b, address: "
		"10.0.0.12}]}]\n");
	json_decref(ask_apply(w, false));
	assert_int_equal(admin_of(w, "b"), RUNTIME_ADMIN_DRAIN);
	assert_int_equal(admin_of(w, "z"), RUNTIME_ADMIN_UP);
	control_stop(w);
	control_start(w);
	assert_int_equal(admin_of(w, "b"), RUNTIME_ADMIN_DRAIN);
	answer = ask(w, json_pack("{s:s, s:s, s:s, s:s}", "verb", "server", "farm", "app", "server",
				  "nobody", "state", "drain"));
	assert_false(is_ok(answer));
	json_decref(answer);
}

static void
runtime_grows_and_keeps_what_it_says(void **state)
{
	struct world *w = *state;

	control_start(w);
	overrides_set_admin(&w->daemon.overrides, 1, 1, RUNTIME_ADMIN_DISABLED);
	assert_true(overrides_fit(&w->daemon.overrides, 5000));
	assert_int_equal(w->daemon.overrides.runtime.head.server_n, 5000);
	assert_int_equal(admin_of(w, "b"), RUNTIME_ADMIN_DISABLED);
}

static void
a_broken_file_beside_a_running_proxy_is_survived(void **state)
{
	struct world *w = *state;

	control_start(w);
	control_stop(w);
	config_write(w, "nonsense");
	control_start(w);
	assert_true(w->daemon.tables.generation == 1);
	assert_string_equal(w->daemon.log.path, w->log); /* logs go on */
}

/* ---- the socket ---- */

/* An image is left behind after crashes: the same file, applied again, is a new trial. */
static void
what_was_refused_later_can_be_applied_again(void **state)
{
	struct world *w = *state;
	json_t *answer;

	control_start(w);
	dataplane_start(w);
	notice(w);
	w->facts.verdict = INSTANCE_VERDICT_REFUSED;
	w->facts.fault = abi_fault_at(ABI_FAULT_CRASHED_BEFORE, "file", ABI_NONE, "");
	instance_put(w->instance_map.p, &w->facts);
	answer = ask_apply(w, false);
	assert_true(is_ok(answer));
	assert_string_equal(text_of(answer, "verdict"), "accepted");
	assert_true(w->daemon.tables.generation == 2);
	json_decref(answer);
}

/* A data plane gone wild must not push generations to their end. */
static void
a_generation_beyond_belief_is_not_followed(void **state)
{
	struct world *w = *state;
	struct publish publish;
	struct abi_fault fault;

	dataplane_start(w);
	w->facts.newest_generation = UINT64_MAX;
	instance_put(w->instance_map.p, &w->facts);
	control_start(w);
	assert_true(publish_read(w->daemon.control_fd, &publish, &fault));
	assert_true(publish.generation == 1);
}

static void
nonsense_is_answered_in_words(void **state)
{
	struct world *w = *state;
	json_t *answer;

	control_start(w);
	answer = ask(w, json_pack("{s:s}", "verb", "dance"));
	assert_false(is_ok(answer));
	assert_non_null(strstr(text_of(answer, "error"), "no verb 'dance'"));
	json_decref(answer);
	char verb[1203] = "xy"; /* its error is cut within a character */
	for (int i = 0; i < 600; i++)
		strcat(verb, "\xc3\xa9");
	answer = ask(w, json_pack("{s:s}", "verb", verb));
	assert_non_null(strstr(text_of(answer, "error"), "no verb 'xy??"));
	json_decref(answer);
	answer = ask(w, json_pack("[s]", "verb"));
	assert_non_null(strstr(text_of(answer, "error"), "not a JSON object"));
	json_decref(answer);
	answer = ask(w, json_pack("{s:s, s:s}", "verb", "apply", "file", "relative.yaml"));
	assert_non_null(strstr(text_of(answer, "error"), "absolute path"));
	json_decref(answer);
	answer = ask(w, json_pack("{s:s}", "verb", "status"));
	assert_true(is_ok(answer));
	assert_string_equal(text_of(answer, "config"), w->config);
	json_decref(answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_image_is_published_before_any_data_plane),
		TEST(apply_waits_for_the_verdict_and_removes_old_images),
		TEST(what_does_not_load_leaves_the_running_one_alone),
		TEST(a_refused_image_gives_way_to_the_last_good_one),
		TEST(what_needs_a_restart_is_named_and_refused_unless_wished),
		TEST(overrides_outlive_apply_and_restart),
		TEST(runtime_grows_and_keeps_what_it_says),
		TEST(a_broken_file_beside_a_running_proxy_is_survived),
		TEST(a_generation_beyond_belief_is_not_followed),
		TEST(what_was_refused_later_can_be_applied_again),
		TEST(nonsense_is_answered_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
