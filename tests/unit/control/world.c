/*
 * world.c - a run directory with penstock-control's parts in it, and the data plane, DNS server
 * and client around them, see world.h.
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/un.h>

#include "abi/publish.h"
#include "confs.h"

static const char conf_logged[] = CONF_GOOD "logs: {access: {path: %s/access.log}}\n";

/* ---- the world ---- */

void
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

void
control_begin(struct world *w)
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
	apply_first(daemon);
	w->is_open = true;
}

void
control_start(struct world *w)
{
	control_begin(w);
	while (w->daemon.is_starting)
		daemon_turn(&w->daemon, loop_now() + 2 * LOOP_MS);
	assert_false(w->daemon.has_failed);
}

void
control_stop(struct world *w)
{
	daemon_close(&w->daemon);
	close(w->daemon.lock_fd);
	close(w->daemon.control_fd);
	if (w->daemon.dataplane_fd >= 0)
		close(w->daemon.dataplane_fd);
	w->is_open = false;
}

int
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

int
world_end(void **state)
{
	struct world *w = *state;
	char command[128];

	if (w->is_open)
		control_stop(w);
	dataplane_kill(w);
	if (w->dns_fd >= 0)
		close(w->dns_fd);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

/* ---- the data plane ---- */

void
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

void
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

static void
core_obey(struct world *w, uint32_t cpu)
{
	bool is_home = cpu == 2 || cpu == 3;
	enum runtime_core said = runtime_core(&w->daemon.overrides.runtime, cpu);
	bool runs = said == RUNTIME_CORE_NONE ? is_home : said == RUNTIME_CORE_ADDED;
	bool fails = cpu == w->failing_cpu && cpu != 0;

	w->facts.core[is_home ? cpu - 2 : cpu + 2] = (struct instance_core){
		.cpu = cpu,
		.state = !runs	 ? INSTANCE_CORE_NONE
			 : fails ? INSTANCE_CORE_FAILED
				 : INSTANCE_CORE_RUNNING,
		.flags = is_home ? INSTANCE_CORE_HOME : 0,
		.err = runs && fails ? EPERM : 0,
	};
}

/* Where it was sent, else where it began, if there are threads. */
static void
lane_obey(struct world *w, uint32_t lane)
{
	uint32_t wanted[2] = { runtime_lane_cpu(&w->daemon.overrides.runtime, lane), 2 + lane % 2 };

	for (uint32_t k = 0; k < 2; k++) {
		for (uint32_t i = 0; i < IMG_CORES_MAX; i++) {
			if (w->facts.core[i].cpu != wanted[k] ||
			    w->facts.core[i].state != INSTANCE_CORE_RUNNING)
				continue;
			w->facts.lane[lane] = (struct instance_lane){ i, wanted[k] };
			return;
		}
	}
}

void
dataplane_obey(struct world *w)
{
	if (w->dataplane_fd < 0)
		return;
	w->facts.lane_n = 4;
	w->facts.allowed[0] = 0xff;
	for (uint32_t cpu = 0; cpu < 8; cpu++)
		core_obey(w, cpu);
	for (uint32_t lane = 0; lane < 4; lane++)
		lane_obey(w, lane);
	for (enum runtime_tune key = 0; key < RUNTIME_TUNES; key++) {
		uint64_t v = runtime_tune(&w->daemon.overrides.runtime, key);

		w->facts.tune_usual[key] = runtime_tune_key(key)->most;
		w->facts.tune[key] = v != RUNTIME_TUNE_UNSAID ? v : w->facts.tune_usual[key];
	}
	instance_put(w->instance_map.p, &w->facts);
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

void
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

/* ---- the DNS server ---- */

/* Answers what was asked: A with 10.0.0.dns_last for a second, and with two addresses that no
 * server can have; AAAA with nothing. */
static void
dns_step(struct world *w)
{
	uint8_t packet[512];
	struct sockaddr_in from;
	socklen_t from_n = sizeof(from);
	ssize_t n;

	if (w->dns_fd < 0)
		return;
	n = recvfrom(w->dns_fd, packet, sizeof(packet) - 48, MSG_DONTWAIT, (struct sockaddr *)&from,
		     &from_n);
	if (n < 17)
		return;
	/* Cut behind the question: name, type, class. */
	size_t end = 12;
	while (packet[end] != 0)
		end += packet[end] + 1u;
	bool is_a = packet[end + 2] == 1;
	end += 5;
	const uint8_t answer[48] = {
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 10,  0, 0, w->dns_last, /**/
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 0,   0, 0, 0,		/**/
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1,
	};
	packet[2] = 0x81; /* an answer, recursion desired */
	packet[3] = 0x80;
	packet[6] = 0;
	packet[7] = is_a ? 3 : 0;
	memset(&packet[8], 0, 4);
	if (is_a) {
		memcpy(packet + end, answer, sizeof(answer));
		end += sizeof(answer);
	}
	sendto(w->dns_fd, packet, end, 0, (struct sockaddr *)&from, from_n);
}

uint16_t
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

/* ---- turns ---- */

void
turns(struct world *w, uint64_t ms)
{
	uint64_t end = loop_now() + ms * LOOP_MS;

	while (loop_now() < end) {
		dataplane_step(w);
		dns_step(w);
		daemon_turn(&w->daemon, loop_now() + 2 * LOOP_MS);
	}
}

void
notice(struct world *w)
{
	w->daemon.look_at = 0;
	turns(w, 4); /* the data plane's folder, and its verdict */
	w->daemon.look_at = 0;
	w->daemon.journals->look_at = 0;
	turns(w, 10);
}

void
settle(struct world *w)
{
	notice(w);
	turns(w, 30);
	w->daemon.log.oldest = 0;
	turns(w, 10);
}

struct said
said_begin(const struct world *w)
{
	struct said said = { .before = dup(STDERR_FILENO),
			     .fd = open(w->dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600) };

	assert_true(said.before >= 0 && said.fd >= 0);
	assert_int_equal(dup2(said.fd, STDERR_FILENO), STDERR_FILENO);
	return said;
}

const char *
said_end(struct said said)
{
	static char text[8192];
	ssize_t n = pread(said.fd, text, sizeof(text) - 1, 0);

	assert_int_equal(dup2(said.before, STDERR_FILENO), STDERR_FILENO);
	close(said.before);
	close(said.fd);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

json_t *
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

json_t *
ask_apply(struct world *w, bool at_restart)
{
	return ask(w, json_pack("{s:s, s:s, s:b}", "verb", "apply", "file", w->config, "at_restart",
				at_restart));
}

bool
is_ok(const json_t *answer)
{
	return json_is_true(json_object_get(answer, "ok"));
}

const char *
text_of(const json_t *answer, const char *key)
{
	const char *text = json_string_value(json_object_get(answer, key));

	return text != NULL ? text : "(none)";
}

bool
has_file(const struct world *w, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->run, name);
	return access(path, F_OK) == 0;
}
