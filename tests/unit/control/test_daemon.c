/*
 * test_daemon.c - penstock-control's parts in a run directory of the test's own, against a data
 * plane, a DNS server and a client that the test plays itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <netinet/in.h>

#include <cmocka.h>

#include "abi/publish.h"
#include "confs.h"
#include "daemon/daemon.h"

static const char conf_logged[] = CONF_GOOD "logs: {access: {path: %s/access.log}}\n";

struct world {
	char dir[64], run[80], config[80], log[80];
	struct daemon daemon;
	bool is_open;

	/* The data plane we play. */
	int dataplane_fd, dataplane_lock;
	struct rundir_map instance_map, journal_map;
	struct instance_facts facts;
	struct journal_writer writer;
	enum instance_verdict verdict; /* on whatever is newest */

	/* The DNS server we play. */
	int dns_fd;
	uint8_t dns_last; /* 10.0.0.x is the answer */
};

/* ---- the world ---- */

static void
config_write(const struct world *w, const char *text)
{
	FILE *file = fopen(w->config, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
config_logged(const struct world *w, const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text), conf_logged, w->dir);
	strcat(text, more);
	config_write(w, text);
}

static void
daemon_start(struct world *w)
{
	struct daemon *daemon = &w->daemon;

	*daemon = (struct daemon){ .run = w->run, .config = w->config, .dataplane_fd = -1 };
	daemon->control_fd = rundir_make(w->run, RUNDIR_CONTROL, getuid(), getgid());
	assert_true(daemon->control_fd >= 0);
	daemon->lock_fd = rundir_lock(daemon->control_fd);
	assert_true(daemon->lock_fd >= 0);
	assert_true(loop_init(&daemon->loop));
	assert_true(daemon_open(daemon));
	apply_adopt(daemon);
	assert_true(apply_first(daemon));
	assert_true(daemon_listen(daemon));
	w->is_open = true;
}

static void
daemon_stop(struct world *w)
{
	daemon_close(&w->daemon);
	close(w->daemon.lock_fd);
	close(w->daemon.control_fd);
	if (w->daemon.dataplane_fd >= 0)
		close(w->daemon.dataplane_fd);
	w->is_open = false;
}

static int
world_make(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->dir, "/tmp/penstock-control-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->run, sizeof(w->run), "%s/run", w->dir);
	snprintf(w->config, sizeof(w->config), "%s/penstock.yaml", w->dir);
	snprintf(w->log, sizeof(w->log), "%s/access.log", w->dir);
	w->dataplane_fd = w->dataplane_lock = w->dns_fd = -1;
	config_logged(w, "");
	*state = w;
	return 0;
}

static void
dataplane_kill(struct world *w)
{
	if (w->dataplane_fd < 0)
		return;
	rundir_map_close(&w->instance_map);
	rundir_map_close(&w->journal_map);
	close(w->dataplane_lock);
	close(w->dataplane_fd);
	w->dataplane_fd = -1;
}

static int
world_end(void **state)
{
	struct world *w = *state;
	char command[128];

	if (w->is_open)
		daemon_stop(w);
	dataplane_kill(w);
	if (w->dns_fd >= 0)
		close(w->dns_fd);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

/* ---- the data plane ---- */

static void
journal_make(struct world *w, uint64_t id)
{
	char name[RUNDIR_NAME_MAX];

	rundir_journal_name(name, 0);
	rundir_map_close(&w->journal_map);
	assert_int_equal(rundir_map_make(w->dataplane_fd, name, journal_bytes(JOURNAL_BYTES_MIN),
					 &w->journal_map),
			 0);
	journal_init(w->journal_map.p, JOURNAL_BYTES_MIN, 0, id, &w->writer);
	assert_int_equal(rundir_map_publish(w->dataplane_fd, name), 0);
}

static void
dataplane_start(struct world *w)
{
	w->dataplane_fd = rundir_make(w->run, RUNDIR_DATAPLANE, getuid(), getgid());
	assert_true(w->dataplane_fd >= 0);
	w->dataplane_lock = rundir_lock(w->dataplane_fd);
	assert_true(w->dataplane_lock >= 0);
	assert_int_equal(rundir_map_make(w->dataplane_fd, RUNDIR_INSTANCE, sizeof(struct instance),
					 &w->instance_map),
			 0);
	instance_init(w->instance_map.p);
	w->facts = (struct instance_facts){ .pid = (uint32_t)getpid(), .lane_n = 1 };
	w->verdict = INSTANCE_VERDICT_ACCEPTED;
	instance_put(w->instance_map.p, &w->facts);
	assert_int_equal(rundir_map_publish(w->dataplane_fd, RUNDIR_INSTANCE), 0);
	journal_make(w, 1);
}

/* Judges the newest image as the test wishes. */
static void
dataplane_step(struct world *w)
{
	struct publish publish;
	struct abi_fault fault;

	if (w->dataplane_fd < 0 || !publish_read(w->daemon.control_fd, &publish, &fault) ||
	    publish.generation == w->facts.newest_generation)
		return;
	w->facts.newest_generation = publish.generation;
	w->facts.verdict = w->verdict;
	if (w->verdict == INSTANCE_VERDICT_REFUSED)
		w->facts.fault = abi_fault_at(ABI_FAULT_RANGE, "servers", 3, "weight");
	else
		w->facts.generation = publish.generation;
	if (w->facts.start_generation == 0)
		w->facts.start_generation = w->facts.generation;
	instance_put(w->instance_map.p, &w->facts);
	if (w->verdict == INSTANCE_VERDICT_REFUSED)
		w->verdict = INSTANCE_VERDICT_ACCEPTED; /* of what comes next */
}

static void
journal_write(struct world *w, uint32_t n)
{
	static const struct journal_text text = { (const uint8_t *)"GET", (const uint8_t *)"/",
						  (const uint8_t *)"www", (const uint8_t *)"" };

	journal_set_cursor(&w->writer, &w->daemon.journals->cursors->now[0]);
	for (uint32_t i = 0; i < n; i++) {
		struct journal_access access = { .status = 200,
						 .method_n = 3,
						 .target_n = 1,
						 .host_n = 3,
						 .conn_id = w->writer.seq + 1,
						 .lane = 0 };

		journal_put_access(&w->writer, &access, &text);
	}
}

/* ---- turns ---- */

static void dns_step(struct world *w);

static void
turns(struct world *w, uint64_t ms)
{
	uint64_t end = loop_now() + ms * LOOP_MS;

	while (loop_now() < end) {
		dataplane_step(w);
		dns_step(w);
		daemon_turn(&w->daemon, loop_now() + 2 * LOOP_MS);
	}
}

/* Looks at the run directory now instead of after its usual pause. */
static void
notice(struct world *w)
{
	w->daemon.look_at = 0;
	turns(w, 4); /* the data plane's folder, and its verdict */
	w->daemon.look_at = 0;
	w->daemon.journals->look_at = 0;
	turns(w, 10);
}

/* Until what was written to the journals is in the log, without waiting for its second to pass. */
static void
settle(struct world *w)
{
	notice(w);
	turns(w, 30);
	w->daemon.log.oldest = 0;
	turns(w, 10);
}

/* A request to the control socket and its answer. */
static json_t *
ask(struct world *w, json_t *request)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char *text = json_dumps(request, JSON_COMPACT), answer[16384];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	json_t *object = NULL;
	size_t n = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control/socket", w->run);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_true(send(fd, text, strlen(text), 0) > 0);
	assert_int_equal(send(fd, "\n", 1, 0), 1);
	free(text);
	json_decref(request);
	for (int i = 0; i < 2000 && memchr(answer, '\n', n) == NULL; i++) {
		ssize_t got;

		dataplane_step(w);
		daemon_turn(&w->daemon, loop_now() + 2 * LOOP_MS);
		got = recv(fd, answer + n, sizeof(answer) - n, MSG_DONTWAIT);
		n += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	object = json_loadb(answer, n, 0, NULL);
	assert_non_null(object);
	return object;
}

static json_t *
ask_apply(struct world *w, bool at_restart)
{
	return ask(w, json_pack("{s:s, s:s, s:b}", "verb", "apply", "file", w->config, "at_restart",
				at_restart));
}

static bool
is_ok(const json_t *answer)
{
	return json_is_true(json_object_get(answer, "ok"));
}

static const char *
text_of(const json_t *answer, const char *key)
{
	const char *text = json_string_value(json_object_get(answer, key));

	return text != NULL ? text : "(none)";
}

static bool
has_file(const struct world *w, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->run, name);
	return access(path, F_OK) == 0;
}

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

	daemon_start(w);
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

	daemon_start(w);
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

	daemon_start(w);
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

	daemon_start(w);
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

	daemon_start(w);
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

	daemon_start(w);
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
	daemon_stop(w);
	daemon_start(w);
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

	daemon_start(w);
	overrides_set_admin(&w->daemon.overrides, 1, 1, RUNTIME_ADMIN_DISABLED);
	assert_true(overrides_fit(&w->daemon.overrides, 5000));
	assert_int_equal(w->daemon.overrides.runtime.head.server_n, 5000);
	assert_int_equal(admin_of(w, "b"), RUNTIME_ADMIN_DISABLED);
}

static void
a_broken_file_beside_a_running_proxy_is_survived(void **state)
{
	struct world *w = *state;

	daemon_start(w);
	daemon_stop(w);
	config_write(w, "nonsense");
	daemon_start(w);
	assert_true(w->daemon.tables.generation == 1);
	assert_string_equal(w->daemon.log.path, w->log); /* logs go on */
}

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

	daemon_start(w);
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

	daemon_start(w);
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

	daemon_start(w);
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

	daemon_start(w);
	dataplane_start(w);
	notice(w);
	journal_write(w, 10);
	settle(w);
	daemon_stop(w); /* flushes */
	assert_int_equal(log_lines(w), 10);
	journal_set_cursor(&w->writer, NULL);
	daemon_start(w);
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

	daemon_start(w);
	dataplane_start(w);
	notice(w);
	journal_write(w, 3);
	turns(w, 300);
	snprintf(old, sizeof(old), "%s.1", w->log);
	assert_int_equal(rename(w->log, old), 0);
	assert_true(access_log_open(&w->daemon.log, w->daemon.settings.log_path));
	assert_int_equal(access(w->log, F_OK), 0);
	journal_write(w, 4);
	settle(w);
	assert_true(w->daemon.log.written_n == 7);
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
	daemon_start(w);
	addresses_of(w, "n", &said);
	assert_int_equal(said.flags & RUNTIME_RESOLVED, RUNTIME_RESOLVED);
	assert_int_equal(said.address_n, 3);
	assert_int_equal(said.address[0].b[15], 12);
}

/* Answers what was asked: A with 10.0.0.dns_last for a second, AAAA with nothing. */
static void
dns_step(struct world *w)
{
	uint8_t packet[512];
	struct sockaddr_in from;
	socklen_t from_n = sizeof(from);
	ssize_t n;

	if (w->dns_fd < 0)
		return;
	n = recvfrom(w->dns_fd, packet, sizeof(packet) - 16, MSG_DONTWAIT, (struct sockaddr *)&from,
		     &from_n);
	if (n < 17)
		return;
	/* Cut behind the question: name, type, class. */
	size_t end = 12;
	while (packet[end] != 0)
		end += packet[end] + 1u;
	bool is_a = packet[end + 2] == 1;
	end += 5;
	const uint8_t answer[16] = {
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 10, 0, 0, w->dns_last
	};
	packet[2] = 0x81; /* an answer, recursion desired */
	packet[3] = 0x80;
	packet[6] = 0;
	packet[7] = is_a;
	memset(&packet[8], 0, 4);
	if (is_a) {
		memcpy(packet + end, answer, sizeof(answer));
		end += sizeof(answer);
	}
	sendto(w->dns_fd, packet, end, 0, (struct sockaddr *)&from, from_n);
}

static uint16_t
dns_start(struct world *w, uint8_t last)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(address);

	w->dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->dns_fd, (struct sockaddr *)&address, n), 0);
	assert_int_equal(getsockname(w->dns_fd, (struct sockaddr *)&address, &n), 0);
	w->dns_last = last;
	return ntohs(address.sin_port);
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
	daemon_start(w);
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

/* ---- the socket ---- */

static void
nonsense_is_answered_in_words(void **state)
{
	struct world *w = *state;
	json_t *answer;

	daemon_start(w);
	answer = ask(w, json_pack("{s:s}", "verb", "dance"));
	assert_false(is_ok(answer));
	assert_non_null(strstr(text_of(answer, "error"), "no verb 'dance'"));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_end)

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
		TEST(requests_become_lines_and_room_comes_back),
		TEST(a_full_ring_is_noticed),
		TEST(a_restarted_data_plane_loses_no_line),
		TEST(a_restarted_control_goes_on_where_it_was),
		TEST(the_log_is_opened_again_after_a_rotation),
		TEST(static_names_are_there_before_the_image),
		TEST(dns_answers_reach_runtime_and_are_asked_again),
		TEST(nonsense_is_answered_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
