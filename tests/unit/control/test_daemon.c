/*
 * test_daemon.c - apply, verdicts, overrides and the control socket, against a data plane that the
 * test plays itself.
 */
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "abi/blob.h"
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

static const char two_cores[] =
	"machine:\n  cores: [1, 2]\n  ports: [{name: outside, device: packet:out0, addresses: "
	"[203.0.113.10/24]}, {name: inside, device: packet:in0, addresses: "
	"[10.0.0.5/24]}]\n" CONF_LISTENERS CONF_FARMS;

static void
what_needs_a_restart_is_named_and_refused_unless_wished(void **state)
{
	struct world *w = *state;
	json_t *answer;

	control_start(w);
	dataplane_start(w);
	notice(w);
	config_write(w, two_cores);
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

/* Both started anew at once: what only a restart takes is in the file, and this is the restart. */
static void
a_data_plane_that_starts_too_does_not_keep_the_file_out(void **state)
{
	struct world *w = *state;

	control_start(w);
	control_stop(w);
	config_write(w, two_cores);
	control_begin(w);
	dataplane_start(w); /* holds its lock and has chosen nothing */
	while (w->daemon.is_starting)
		daemon_turn(&w->daemon, loop_now() + 2 * LOOP_MS);
	assert_int_equal(w->daemon.tables.generation, 2);
}

static void
a_data_plane_that_serves_keeps_what_needs_its_restart(void **state)
{
	struct world *w = *state;

	control_start(w);
	dataplane_start(w);
	notice(w);
	control_stop(w);
	config_write(w, two_cores);
	control_start(w);
	assert_int_equal(w->daemon.tables.generation, 1);
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

/* ---- tests: rules ---- */

static uint32_t
blobs_n(const struct world *w)
{
	char command[160];
	FILE *lines;
	unsigned n = 0;

	snprintf(command, sizeof(command), "ls %s/control | grep -c '^blob\\.'", w->run);
	lines = popen(command, "r");
	assert_int_equal(fscanf(lines, "%u", &n), 1);
	pclose(lines);
	return n;
}

static void
apply_accepted(struct world *w, const char *text)
{
	json_t *answer;

	config_write(w, text);
	answer = ask_apply(w, false);
	assert_true(is_ok(answer));
	json_decref(answer);
}

#define RULES(path, value)                                                                         \
	CONF_GOOD "rules:\n  s:\n  - {map: m, keys: {a: " value "}}\n"                             \
		  "  - {name: r, match: {path_regex: \"^" path "\", where: {\"{m:{URL}}\": "       \
		  "x}}, deny: 403}\n"

/* What rules need is there before the image that names it, and goes with the last that did. */
static void
blobs_are_written_kept_and_removed(void **state)
{
	struct world *w = *state;
	uint32_t n;

	control_start(w);
	dataplane_start(w);
	notice(w);
	assert_int_equal(blobs_n(w), 0);
	apply_accepted(w, RULES("one", "1"));
	n = blobs_n(w);
	assert_true(n >= 2); /* a map and a database */
	apply_accepted(w, RULES("one", "2"));
	assert_int_equal(blobs_n(w), n); /* another map, the same database */
	apply_accepted(w, RULES("two", "2"));
	assert_int_equal(blobs_n(w), n);
	apply_accepted(w, CONF_GOOD);
	assert_int_equal(blobs_n(w), 0);
}

static uint32_t
tables_n(const struct world *w)
{
	uint64_t generation[64];

	return (uint32_t)rundir_generations(w->daemon.control_fd, generation, 64);
}

/* Nobody says what is needed: a few of the newest are kept, with their blobs. */
static void
without_a_data_plane_old_images_go_too(void **state)
{
	struct world *w = *state;
	char text[1024];

	control_start(w);
	for (int i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), RULES("p%d", "1"), i);
		apply_accepted(w, text);
	}
	assert_true(w->daemon.tables.generation == 9);
	assert_int_equal(tables_n(w), 3);
	assert_true(has_file(w, "control/tables.9"));
	assert_int_equal(blobs_n(w), 2 + 3); /* a map and a database of all, one of each */
}

/* What a refused file's image would have named is removed with the refusal. */
static void
a_refused_file_leaves_no_blobs(void **state)
{
	struct world *w = *state;
	json_t *answer;
	char text[2048] = RULES("one", "1");
	char *cores = strstr(text, "cores: [1]");

	control_start(w);
	dataplane_start(w);
	notice(w);
	assert_non_null(cores);
	memcpy(cores, "cores: [2]", 10);
	config_write(w, text);
	answer = ask_apply(w, false);
	assert_false(is_ok(answer));
	assert_non_null(json_object_get(answer, "at_restart"));
	json_decref(answer);
	assert_int_equal(blobs_n(w), 0);
	w->verdict = INSTANCE_VERDICT_REFUSED;
	config_write(w, RULES("one", "1"));
	answer = ask_apply(w, false);
	assert_false(is_ok(answer));
	json_decref(answer);
	assert_int_equal(blobs_n(w), 0);
}

/* Calls for every blob of the newest tables. */
static void
each_blob(const struct world *w,
	  void (*on_blob)(const struct world *w, const struct img_blob *blob))
{
	const struct img *img = &w->daemon.tables.img;

	assert_true(img_n(img, IMG_BLOBS) >= 2);
	for (uint32_t i = 0; i < img_n(img, IMG_BLOBS); i++)
		on_blob(w, img_blob(img, i));
}

static void
blob_spoil(const struct world *w, const struct img_blob *blob)
{
	char name[RUNDIR_NAME_MAX];
	uint8_t *bytes = calloc(1, blob->bytes);

	assert_int_equal(rundir_write(w->daemon.control_fd, blob_name(name, blob->hash), bytes,
				      blob->bytes, RUNDIR_MODE_FIXED),
			 0);
	free(bytes);
}

static void
blob_lose(const struct world *w, const struct img_blob *blob)
{
	char name[RUNDIR_NAME_MAX];

	assert_int_equal(rundir_unlink(w->daemon.control_fd, blob_name(name, blob->hash)), 0);
}

static void
blob_expect(const struct world *w, const struct img_blob *blob)
{
	void *bytes = malloc(blob->bytes);
	struct abi_fault fault;

	assert_true(blob_read(w->daemon.control_fd, blob->hash, bytes, blob->bytes, &fault));
	free(bytes);
}

/* What lies there from before is looked at before it is relied on. */
static void
spoilt_and_lost_blobs_are_made_again(void **state)
{
	struct world *w = *state;

	control_start(w);
	apply_accepted(w, RULES("one", "1"));
	each_blob(w, blob_spoil);
	apply_accepted(w, RULES("one", "1") "  - {name: more, match: {path: /x}, deny: 403}\n");
	each_blob(w, blob_expect);
	each_blob(w, blob_lose);
	apply_accepted(w, RULES("one", "1"));
	each_blob(w, blob_expect);
}

/* A client that waits for an answer. */
static int
apply_send(const struct world *w)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[256];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control/socket", w->run);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	snprintf(text, sizeof(text), "{\"verb\":\"apply\",\"file\":\"%s\",\"progress\":true}\n",
		 w->config);
	assert_true(send(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
	return fd;
}

static int
apply_begin(struct world *w)
{
	int fd = apply_send(w);

	while (w->daemon.making.pid == 0)
		daemon_turn(&w->daemon, loop_now() + LOOP_MS);
	return fd;
}

static void
answer_await(struct world *w, int fd, char *text, size_t room)
{
	size_t n = 0;

	for (int i = 0; i < 60000 && memmem(text, n, "\"ok\"", 4) == NULL; i++) {
		ssize_t got;

		daemon_turn(&w->daemon, loop_now() + LOOP_MS);
		got = recv(fd, text + n, room - 1 - n, MSG_DONTWAIT);
		n += got > 0 ? (size_t)got : 0;
	}
	text[n] = '\0';
	close(fd);
}

/* A file that takes long enough to be read that its reader is met at it. */
static void
config_slow(struct world *w)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/m.tsv", w->dir);
	file = fopen(path, "w");
	for (int i = 0; i < 300000; i++)
		fprintf(file, "/key/%d\t/value/%d\n", i, i);
	fclose(file);
	config_write(w, CONF_GOOD "rules:\n  s:\n  - {map: m, file: m.tsv}\n"
				  "  - {name: r, redirect: \"{m:{URL}}\"}\n");
}

static void
control_goes_on_while_an_image_is_made(void **state)
{
	struct world *w = *state;
	char text[4096];
	json_t *answer;
	int fd;

	control_start(w);
	config_slow(w);
	fd = apply_begin(w);
	assert_int_equal(kill(w->daemon.making.pid, SIGSTOP), 0);
	answer = ask(w, json_pack("{s:s}", "verb", "status"));
	assert_true(is_ok(answer));
	json_decref(answer);
	answer = ask_apply(w, false);
	assert_string_equal(text_of(answer, "error"),
			    "another apply is under way; try again in a moment");
	json_decref(answer);
	assert_true(w->daemon.making.pid != 0);
	assert_int_equal(kill(w->daemon.making.pid, SIGCONT), 0);
	answer_await(w, fd, text, sizeof(text));
	assert_non_null(strstr(text, "\"ok\":true"));
	assert_true(w->daemon.making.pid == 0);
	assert_true(w->daemon.tables.generation == 2);
}

/* Whoever goes before the image is made does not want it any more. */
static void
an_apply_ends_with_its_client(void **state)
{
	struct world *w = *state;
	int fd, later;

	control_start(w);
	config_slow(w);
	fd = apply_begin(w);
	assert_int_equal(kill(w->daemon.making.pid, SIGSTOP), 0);
	turns(w, 10);
	assert_true(w->daemon.making.pid != 0);
	shutdown(fd, SHUT_RDWR); /* of it a child that is stopped early has a copy */
	close(fd);
	turns(w, 20);
	assert_true(w->daemon.making.pid == 0);
	assert_true(waitpid(-1, NULL, WNOHANG) < 0); /* nobody is left */
	assert_true(w->daemon.tables.generation == 1);
	apply_accepted(w, CONF_GOOD "# again\n");

	control_stop(w); /* one that waits for the start's, too */
	config_slow(w);
	control_begin(w);
	assert_int_equal(kill(w->daemon.making.pid, SIGSTOP), 0);
	later = apply_send(w);
	turns(w, 20);
	assert_non_null(w->daemon.next.path);
	shutdown(later, SHUT_RDWR);
	close(later);
	turns(w, 20);
	assert_null(w->daemon.next.path);
	assert_true(w->daemon.is_starting);
}

static void
a_reader_that_dies_is_an_answer(void **state)
{
	struct world *w = *state;
	char text[4096];
	int fd;

	control_start(w);
	config_slow(w);
	fd = apply_begin(w);
	assert_int_equal(kill(w->daemon.making.pid, SIGKILL), 0);
	answer_await(w, fd, text, sizeof(text));
	assert_non_null(strstr(text, "\"ok\":false"));
	assert_non_null(strstr(text, "was ended by signal 9 (Killed)"));
	assert_non_null(strstr(text, "memory"));
	assert_true(w->daemon.tables.generation == 1);
	apply_accepted(w, CONF_GOOD "# again\n");
	config_slow(w);
	fd = apply_begin(w);
	assert_int_equal(kill(w->daemon.making.pid, SIGUSR1), 0);
	answer_await(w, fd, text, sizeof(text));
	assert_non_null(strstr(text, "was ended by signal 10 (User defined signal 1)"));
	assert_null(strstr(text, "memory"));
}

static bool
is_reading(const struct world *w)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)w->daemon.making.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

/* Who is killed can be started again at once: what it had begun does not hold its lock. */
static void
a_reader_holds_nothing_of_its_parent(void **state)
{
	struct world *w = *state;
	int fd, lock = -1;

	control_start(w);
	config_slow(w);
	fd = apply_begin(w);
	close(w->daemon.lock_fd);
	for (int i = 0; i < 1000 && lock < 0; i++) {
		lock = rundir_lock(w->daemon.control_fd);
		if (lock < 0)
			usleep(1000);
	}
	assert_true(is_reading(w));
	assert_true(lock >= 0);
	w->daemon.lock_fd = lock;
	close(fd);
}

static unsigned
log_lines(const struct world *w)
{
	FILE *file = fopen(w->log, "r");
	unsigned n = 0;
	int c;

	assert_non_null(file);
	while ((c = fgetc(file)) != EOF)
		n += c == '\n';
	fclose(file);
	return n;
}

/* The file of the start is one like any other: nothing waits for it but who wants another. */
static void
control_serves_while_its_first_file_is_read(void **state)
{
	struct world *w = *state;
	char text[4096];
	json_t *answer;
	int fd;

	dataplane_start(w);
	control_start(w);
	notice(w);
	control_stop(w);
	config_slow(w);
	control_begin(w);
	assert_int_equal(kill(w->daemon.making.pid, SIGSTOP), 0);
	journal_write(w, 3);
	settle(w);
	assert_int_equal(log_lines(w), 3);
	answer = ask(w, json_pack("{s:s}", "verb", "status"));
	assert_true(is_ok(answer));
	assert_int_equal(json_integer_value(json_object_get(answer, "generation")), 1);
	json_decref(answer);
	fd = apply_send(w);
	turns(w, 20);
	answer = ask_apply(w, false); /* one waits already */
	assert_false(is_ok(answer));
	json_decref(answer);
	assert_int_equal(kill(w->daemon.making.pid, SIGCONT), 0);
	for (int i = 0; i < 60000 && w->daemon.good.generation != 2; i++)
		turns(w, 1);
	assert_false(w->daemon.is_starting);
	answer_await(w, fd, text, sizeof(text));
	assert_non_null(strstr(text, "\"ok\":true"));
	assert_non_null(strstr(text, "\"verdict\":\"unchanged\""));
	assert_true(w->daemon.tables.generation == 2);
}

/* There is nothing to look after. */
static void
a_first_file_that_does_not_load_ends_control(void **state)
{
	struct world *w = *state;

	config_write(w, "nonsense");
	control_begin(w);
	assert_false(w->daemon.must_stop);
	while (w->daemon.is_starting)
		daemon_turn(&w->daemon, loop_now() + LOOP_MS);
	assert_true(w->daemon.must_stop);
	assert_true(w->daemon.has_failed);
}

/* Where it is to listen is known when the first file has been read. */
static void
the_socket_goes_where_the_first_file_says(void **state)
{
	struct world *w = *state;
	char text[1024], path[128];
	struct stat st;

	snprintf(text, sizeof(text), CONF_GOOD "control: {socket: %s/s}\n", w->dir);
	config_write(w, text);
	control_begin(w);
	assert_true(has_file(w, "control/socket"));
	while (w->daemon.is_starting)
		daemon_turn(&w->daemon, loop_now() + LOOP_MS);
	assert_false(has_file(w, "control/socket"));
	snprintf(path, sizeof(path), "%s/s", w->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* Errors that quote what is wrong with them, each of the largest pattern there may be. */
static void
many_errors_with_long_patterns_are_told(void **state)
{
	struct world *w = *state;
	static char text[200000];
	char *pattern = calloc(1, 65001);
	json_t *answer, *err;
	FILE *file;
	size_t i;

	control_start(w);
	for (int c = 0; c < 65000; c += 2)
		memcpy(pattern + c, "\xc3\xa4", 2); /* never cut within a character */
	config_write(w, CONF_GOOD "rules:\n  s:\n");
	file = fopen(w->config, "a");
	for (int n = 0; n < 25; n++)
		fprintf(file, "  - {name: r%d, match: {path_regex: \"^(x%.*s%s\"}, deny: 403}\n", n,
			n % 2, "x", pattern);
	fclose(file);
	answer_await(w, apply_begin(w), text, sizeof(text));
	answer = json_loads(text + (text[0] == '\0'), JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(answer);
	assert_int_equal(json_array_size(json_object_get(answer, "errors")), 20);
	assert_int_equal(json_integer_value(json_object_get(answer, "more")), 5);
	json_array_foreach(json_object_get(answer, "errors"), i, err)
	{
		const char *said = text_of(err, "text");

		assert_int_equal(json_integer_value(json_object_get(err, "line")), 13 + (int)i);
		assert_true(strlen(said) < 1024);
		assert_non_null(strstr(said, "^(x"));
		assert_non_null(strstr(said, "mend the regular expression"));
	}
	json_decref(answer);
	free(pattern);
}

static void
why_tables_cannot_be_written_is_said(void **state)
{
	struct world *w = *state;
	struct rlimit was, small;
	char text[4096];
	int fd;

	control_start(w);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){ 100, was.rlim_max };
	config_slow(w);
	fd = apply_begin(w);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0); /* the child began before */
	answer_await(w, fd, text, sizeof(text));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_non_null(strstr(text, "\"ok\":false"));
	assert_non_null(strstr(text, strerror(EFBIG)));
	assert_true(w->daemon.tables.generation == 1);
	assert_int_equal(blobs_n(w), 0);
}

/* What a client wishes to hear on the way, and what will surprise. */
static void
progress_and_warnings_are_told(void **state)
{
	struct world *w = *state;
	char text[16384];
	FILE *file;

	control_start(w);
	config_write(w, CONF_GOOD "rules:\n  s:\n  - {name: x, match: {path: /x}}\n");
	file = fopen(w->config, "a");
	for (int i = 0; i < 300; i++)
		fprintf(file, "  - {name: r%d, match: {path_regex: \"^a%d(b|c)*d\"}, deny: 403}\n",
			i, i);
	fclose(file);
	answer_await(w, apply_begin(w), text, sizeof(text));
	assert_non_null(strstr(text, "{\"progress\":{\"done\":"));
	assert_non_null(strstr(text, "\"ok\":true"));
	assert_non_null(strstr(text, "13:5: the rule does nothing"));
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
		TEST(a_data_plane_that_starts_too_does_not_keep_the_file_out),
		TEST(a_data_plane_that_serves_keeps_what_needs_its_restart),
		TEST(overrides_outlive_apply_and_restart),
		TEST(runtime_grows_and_keeps_what_it_says),
		TEST(a_broken_file_beside_a_running_proxy_is_survived),
		TEST(a_generation_beyond_belief_is_not_followed),
		TEST(what_was_refused_later_can_be_applied_again),
		TEST(nonsense_is_answered_in_words),
		TEST(blobs_are_written_kept_and_removed),
		TEST(spoilt_and_lost_blobs_are_made_again),
		TEST(without_a_data_plane_old_images_go_too),
		TEST(a_refused_file_leaves_no_blobs),
		TEST(why_tables_cannot_be_written_is_said),
		TEST(many_errors_with_long_patterns_are_told),
		TEST(control_goes_on_while_an_image_is_made),
		TEST(an_apply_ends_with_its_client),
		TEST(a_reader_that_dies_is_an_answer),
		TEST(a_reader_holds_nothing_of_its_parent),
		TEST(control_serves_while_its_first_file_is_read),
		TEST(a_first_file_that_does_not_load_ends_control),
		TEST(the_socket_goes_where_the_first_file_says),
		TEST(progress_and_warnings_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
