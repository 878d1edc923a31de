/*
 * apply.c - a configuration's way into the data plane: check, build, publish, verdict.
 *
 * What the data plane refuses does not stay: its image is removed and the last good one is
 * published again under a new generation, so that newest is always what should run.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "abi/rundir.h"
#include "base/ensure.h"
#include "conf/conf.h"
#include "daemon/say.h"

enum {
	CHANGES_TOLD = 1000, /* lines of an answer */
};

#define VERDICT_WAIT (5 * LOOP_S)
#define LOOK_EVERY   (100 * LOOP_MS)
#define LOOK_WAITING (5 * LOOP_MS)
#define SAY_EVERY    (5 * LOOP_S)
#define TELL_EVERY   (200 * LOOP_MS)

/* ---- an answer ---- */

static json_t *
lines_json(const struct conf_changes *changes, bool only_at_restart)
{
	struct arena arena = { 0 };
	json_t *list = json_array();
	uint32_t n = 0;

	for (uint32_t i = 0; i < changes->n; i++) {
		if (only_at_restart && !changes->change[i].is_at_restart)
			continue;
		if (n++ < CHANGES_TOLD)
			json_array_append_new(
				list, json_string(conf_change_text(&changes->change[i], &arena)));
	}
	if (n > CHANGES_TOLD)
		json_array_append_new(list, json_sprintf("and %u more", n - CHANGES_TOLD));
	arena_fini(&arena);
	return list;
}

static void
answer_verdict(json_t *answer, const char *verdict)
{
	json_object_set_new(answer, "verdict", json_string(verdict));
}

/* ---- apply ---- */

static bool
is_same_image(const struct tables *a, const struct tables *b)
{
	return a->bytes_n == b->bytes_n && memcmp(a->bytes, b->bytes, a->bytes_n) == 0;
}

static bool
has_dataplane(const struct daemon *daemon)
{
	return daemon->dataplane_fd >= 0 && rundir_locked_by(daemon->dataplane_fd) != 0;
}

/* It has tables in force, of which some parts stand until it starts again. */
static bool
is_serving(const struct daemon *daemon)
{
	struct instance_facts facts;

	return has_dataplane(daemon) && daemon_facts(daemon, &facts) && facts.generation != 0 &&
	       facts.pid == (uint32_t)rundir_locked_by(daemon->dataplane_fd);
}

/*
 * The data plane has left the newest image since it was published (it crashed of it, say): the
 * same tables under a new generation are a new trial, if somebody wishes so.
 */
static bool
is_refused_now(const struct daemon *daemon)
{
	struct instance_facts facts;

	return has_dataplane(daemon) && daemon_facts(daemon, &facts) &&
	       facts.newest_generation == daemon->tables.generation &&
	       facts.verdict == INSTANCE_VERDICT_REFUSED;
}

static void
changes_of(const struct daemon *daemon, const struct tables *next, struct arena *arena,
	   struct conf_changes *ret_changes)
{
	*ret_changes = (struct conf_changes){ 0 };
	if (daemon->tables.generation != 0)
		conf_diff(&daemon->tables.img, &next->img, arena, ret_changes);
}

/* From built tables to an answer. */
static json_t *
apply_tables(struct daemon *daemon, struct tables *tables, const struct settings *settings,
	     const json_t *result)
{
	bool at_restart = daemon->applying.at_restart;
	uint64_t client_id = daemon->applying.client_id;
	json_t *warnings = json_object_get(result, "warnings");
	struct arena arena = { 0 };
	struct conf_changes changes;
	json_t *answer;
	int error = 0;

	if (daemon->tables.generation != 0 && is_same_image(tables, &daemon->tables) &&
	    !(client_id != 0 && is_refused_now(daemon))) {
		generation_use_settings(daemon, settings);
		return json_pack("{s:b, s:I, s:s, s:[], s:O}", "ok", 1, "generation",
				 (json_int_t)daemon->tables.generation, "verdict", "unchanged",
				 "changes", "warnings", warnings);
	}
	changes_of(daemon, tables, &arena, &changes);
	if (changes.at_restart_n > 0 && !at_restart && has_dataplane(daemon)) {
		answer = json_pack("{s:b, s:s, s:o}", "ok", 0, "error",
				   "these changes take effect only when the data plane restarts; "
				   "nothing was applied. Say --at-restart to publish them now and "
				   "have them at the next start",
				   "at_restart", lines_json(&changes, true));
	} else if ((error = generation_publish(daemon, tables, settings)) != 0) {
		answer = socket_error("the tables cannot be written to the run directory: %s",
				      strerror(-error));
	} else {
		answer = json_pack("{s:b, s:I, s:o, s:o, s:O}", "ok", 1, "generation",
				   (json_int_t)daemon->tables.generation, "changes",
				   lines_json(&changes, false), "at_restart",
				   lines_json(&changes, true), "warnings", warnings);
	}
	arena_fini(&arena);
	if (!json_is_true(json_object_get(answer, "ok")))
		return answer;
	daemon->look_at = 0;
	if (!has_dataplane(daemon)) {
		answer_verdict(answer, "no_dataplane");
		return answer;
	}
	daemon->waiting = (struct waiting){ .client_id = client_id,
					    .deadline = loop_now() + VERDICT_WAIT,
					    .answer = answer };
	return NULL;
}

static void
warnings_say(const json_t *warnings)
{
	const json_t *line;
	size_t i;

	json_array_foreach(warnings, i, line) say("warning: %s", json_string_value(line));
}

/* What is published now came from these. */
static void
files_watch(struct daemon *daemon, const json_t *files)
{
	watch_set(&daemon->watch, files, loop_now());
	free(daemon->watched_by);
	daemon->watched_by = strdup(daemon->applying.path);
	ensure(daemon->watched_by != NULL);
}

/* What the child has made, to an answer. Takes the bytes. */
static json_t *
apply_made(struct daemon *daemon, const json_t *result, void *bytes, size_t n)
{
	struct settings settings = { 0 };
	struct tables tables = { 0 };
	char text[ABI_FAULT_TEXT_BYTES];
	struct abi_fault fault;
	json_t *answer;

	warnings_say(json_object_get(result, "warnings"));
	if (!settings_of_json(json_object_get(result, "settings"), &settings)) {
		free(bytes);
		return socket_error("the configuration's settings did not come through");
	}
	if (tables_open_bytes(bytes, n, 0, &tables, &fault))
		answer = apply_tables(daemon, &tables, &settings, result);
	else
		answer = socket_error("the data plane would refuse this: %s",
				      abi_fault_print(&fault, text, sizeof(text)));
	if (answer == NULL || json_is_true(json_object_get(answer, "ok")))
		files_watch(daemon, json_object_get(result, "files"));
	tables_close(&tables);
	settings_fini(&settings);
	return answer;
}

/* The answer, or NULL when the data plane is to judge first. */
static json_t *
apply_finish(struct daemon *daemon)
{
	void *bytes;
	size_t n;
	json_t *result = making_take(&daemon->making, &bytes, &n), *answer;

	answer = json_incref(json_object_get(result, "answer"));
	if (answer == NULL)
		answer = apply_made(daemon, result, bytes, n);
	json_decref(result);
	generations_sweep(daemon);
	return answer;
}

/* Patterns that are looked up by one scan are compiled at one go: the seconds show that it lives,
 * and "0 of" would look as if nothing were done. */
static void
progress_tell(struct daemon *daemon, uint64_t now)
{
	const struct making *making = &daemon->making;
	struct applying *applying = &daemon->applying;
	unsigned seconds = (unsigned)((now - applying->began) / LOOP_S);

	if (making->all_n == 0 || now - applying->told_at < TELL_EVERY)
		return;
	applying->told_at = now;
	if (applying->wants_progress)
		socket_tell(&daemon->socket, applying->client_id,
			    json_pack("{s:{s:I, s:I, s:I}}", "progress", "done",
				      (json_int_t)making->done_n, "of", (json_int_t)making->all_n,
				      "seconds", (json_int_t)seconds));
	if (making->pid == 0 || now - applying->said_at < SAY_EVERY) /* told to nobody: ended */
		return;
	applying->said_at = now;
	if (making->done_n == 0)
		say("rules: %u patterns are being compiled, %u s", making->all_n, seconds);
	else
		say("rules: %u of %u patterns are compiled, %u s", making->done_n, making->all_n,
		    seconds);
}

/* Tells the operator how an apply ended that no client waits for. */
static void
answer_say(const struct daemon *daemon, const json_t *answer)
{
	const json_t *line;
	size_t i;

	if (!json_is_true(json_object_get(answer, "ok")))
		say("%s: %s", daemon->applying.path,
		    json_string_value(json_object_get(answer, "error")));
	json_array_foreach(json_object_get(answer, "at_restart"), i, line)
		say("  %s", json_string_value(line));
	json_array_foreach(json_object_get(answer, "errors"), i, line)
		say("  %s:%lld:%lld: %s", json_string_value(json_object_get(line, "file")),
		    (long long)json_integer_value(json_object_get(line, "line")),
		    (long long)json_integer_value(json_object_get(line, "column")),
		    json_string_value(json_object_get(line, "text")));
}

/* The file of the command line has been applied, or not. */
static void
start_ended(struct daemon *daemon)
{
	daemon->is_starting = false;
	if (daemon->tables.generation != 0)
		say("generation %llu is published", (unsigned long long)daemon->tables.generation);
	if (daemon->tables.generation == 0 || !daemon_listen(daemon))
		daemon->has_failed = daemon->must_stop = true;
}

/* Takes the answer; NULL: the data plane is to judge first. */
static void
apply_ended(struct daemon *daemon, json_t *answer)
{
	if (answer != NULL && daemon->applying.client_id == 0) {
		answer_say(daemon, answer);
		json_decref(answer);
	} else if (answer != NULL) {
		const struct socket_client *client =
			socket_client(&daemon->socket, daemon->applying.client_id);

		say("apply of pid %u %s", client != NULL ? client->pid : 0,
		    json_is_true(json_object_get(answer, "ok")) ? "is done" : "is refused");
		socket_answer(&daemon->socket, daemon->applying.client_id, answer);
	}
	if (daemon->is_starting)
		start_ended(daemon);
	else if (daemon->watched_at != 0 && daemon->watched_at != daemon->tables.generation)
		say("generation %llu is published", (unsigned long long)daemon->tables.generation);
	daemon->watched_at = 0;
	daemon->look_at = 0; /* somebody may wait for this end */
}

static void
on_making(void *ctx, int fd, uint32_t events)
{
	struct daemon *daemon = ctx;

	(void)fd;
	(void)events;
	if (!making_read(&daemon->making)) {
		progress_tell(daemon, loop_now());
		return;
	}
	loop_forget(&daemon->loop, &daemon->making_watch);
	apply_ended(daemon, apply_finish(daemon));
}

static bool
is_under_way(const struct daemon *daemon)
{
	return daemon->making.pid != 0 || daemon->waiting.answer != NULL;
}

/* A client does not know of what control began by itself: its own waits for that. */
static json_t *
apply_later(struct daemon *daemon, const struct apply_next *next)
{
	uint64_t client_id =
		daemon->making.pid != 0 ? daemon->applying.client_id : daemon->waiting.client_id;

	if (client_id != 0 || daemon->next.path != NULL || next->client_id == 0)
		return socket_error("another apply is under way; try again in a moment");
	daemon->next = *next;
	daemon->next.path = strdup(next->path);
	ensure(daemon->next.path != NULL);
	return NULL;
}

static json_t *
apply_begin(struct daemon *daemon, const struct apply_next *next)
{
	const struct img *before = daemon->tables.generation != 0 ? &daemon->tables.img : NULL;

	if (is_under_way(daemon))
		return apply_later(daemon, next);
	free(daemon->applying.path);
	daemon->applying = (struct applying){ .path = strdup(next->path) };
	ensure(daemon->applying.path != NULL);
	if (!making_start(&daemon->making, daemon->control_fd, next->path, before))
		return socket_error("no process can be had to read the configuration: %s",
				    strerror(errno));
	daemon->applying = (struct applying){ .path = daemon->applying.path,
					      .client_id = next->client_id,
					      .at_restart = next->at_restart,
					      .wants_progress = next->wants_progress,
					      .began = loop_now(),
					      .said_at = loop_now() };
	daemon->making_watch = (struct loop_fd){ daemon->making.fd, on_making, daemon };
	loop_watch(&daemon->loop, &daemon->making_watch, EPOLLIN);
	return NULL;
}

json_t *
apply_file(struct daemon *daemon, const char *path, bool at_restart, bool wants_progress,
	   uint64_t client_id)
{
	struct apply_next next = { .path = (char *)(uintptr_t)path, /* copied when it is kept */
				   .client_id = client_id,
				   .at_restart = at_restart,
				   .wants_progress = wants_progress };

	return apply_begin(daemon, &next);
}

/* A map's file has changed: an apply that nobody asked for, of what is in force. */
static void
watch_advance(struct daemon *daemon, uint64_t now)
{
	struct apply_next next = { .path = daemon->watched_by };
	const char *file;
	json_t *answer;

	if (is_under_way(daemon)) {
		watch_put_off(&daemon->watch, now);
		return;
	}
	file = watch_look(&daemon->watch, now);
	if (file == NULL)
		return;
	say("%s has changed; %s is applied again", file, daemon->watched_by);
	daemon->watched_at = daemon->tables.generation;
	answer = apply_begin(daemon, &next);
	if (answer != NULL)
		apply_ended(daemon, answer);
}

/* Whoever waited for what control did by itself. */
static void
next_begin(struct daemon *daemon)
{
	struct apply_next next = daemon->next;
	json_t *answer;

	if (next.path == NULL || is_under_way(daemon))
		return;
	daemon->next = (struct apply_next){ 0 };
	answer = apply_begin(daemon, &next);
	if (answer != NULL)
		socket_answer(&daemon->socket, next.client_id, answer);
	free(next.path);
}

void
apply_gone(void *ctx, uint64_t client_id)
{
	struct daemon *daemon = ctx;

	if (daemon->next.path != NULL && daemon->next.client_id == client_id) {
		free(daemon->next.path);
		daemon->next = (struct apply_next){ 0 };
	}
	if (daemon->making.pid == 0 || daemon->applying.client_id != client_id)
		return;
	say("an apply was given up by whoever asked for it");
	loop_forget(&daemon->loop, &daemon->making_watch);
	making_stop(&daemon->making);
	generations_sweep(daemon);
}

/* ---- start ---- */

/* Should the newest image be refused, what runs now is what to go back to. */
static void
good_adopt(struct daemon *daemon)
{
	struct instance_facts *facts = malloc(sizeof(*facts));
	struct abi_fault fault;

	ensure(facts != NULL);
	dataplane_find(daemon);
	if (daemon_facts(daemon, facts) && facts->generation != 0 &&
	    facts->generation != daemon->tables.generation &&
	    tables_open(daemon->control_fd, facts->generation, &daemon->good, &fault))
		settings_copy(&daemon->good_settings, &daemon->settings);
	free(facts);
}

void
apply_adopt(struct daemon *daemon)
{
	struct abi_fault fault;

	if (!tables_open_newest(daemon->control_fd, &daemon->tables, &fault))
		return;
	say("adopted the tables of generation %llu", (unsigned long long)daemon->tables.generation);
	if (!settings_load(&daemon->settings, daemon->control_fd))
		settings_fini(&daemon->settings);
	generation_prepare(daemon, &daemon->tables.img, &daemon->settings);
	access_log_open(&daemon->log, daemon->settings.log_path, &daemon->settings.log_style);
	scrape_listen(&daemon->scrape, daemon->settings.metrics);
	good_adopt(daemon);
}

void
apply_first(struct daemon *daemon)
{
	json_t *answer;

	dataplane_find(daemon);
	daemon->is_starting = true;
	daemon_listen(daemon); /* told; what counts is whether it can be when the file is read */
	/* A data plane that starts beside us must not keep the file out: it has not begun to serve. */
	answer = apply_file(daemon, daemon->config, !is_serving(daemon), false, 0);
	if (answer != NULL)
		apply_ended(daemon, answer);
}

/* ---- the verdict ---- */

static void
answer_waiting(struct daemon *daemon)
{
	struct waiting waiting = daemon->waiting;

	daemon->waiting = (struct waiting){ 0 };
	if (waiting.answer != NULL)
		socket_answer(&daemon->socket, waiting.client_id, waiting.answer);
}

/* The newest image is the good one from now on. */
static void
taken(struct daemon *daemon)
{
	if (daemon->good.generation != daemon->tables.generation)
		tables_close(&daemon->good);
	daemon->good = daemon->tables;
	settings_copy(&daemon->good_settings, &daemon->settings);
	generations_sweep(daemon);
}

/* Back to the good image, under a generation of its own. */
static void
refused(struct daemon *daemon, const struct abi_fault *fault)
{
	uint64_t generation = daemon->tables.generation;
	char text[ABI_FAULT_TEXT_BYTES];
	struct tables again = { 0 };
	struct abi_fault none;
	void *bytes;

	abi_fault_print(fault, text, sizeof(text));
	say("the data plane refuses generation %llu: %s", (unsigned long long)generation, text);
	if (daemon->waiting.answer != NULL) {
		json_object_set_new(daemon->waiting.answer, "ok", json_false());
		json_object_set_new(daemon->waiting.answer, "error",
				    json_sprintf("the data plane refuses it: %s; the configuration "
						 "before it stays in force",
						 text));
	}
	if (daemon->good.generation == 0 || daemon->good.generation == generation)
		return;
	bytes = malloc(daemon->good.bytes_n);
	ensure(bytes != NULL);
	memcpy(bytes, daemon->good.bytes, daemon->good.bytes_n);
	if (tables_open_bytes(bytes, daemon->good.bytes_n, 0, &again, &none) &&
	    generation_publish(daemon, &again, &daemon->good_settings) == 0) {
		generation_remove(daemon, generation);
		tables_close(&daemon->good);
		daemon->good = daemon->tables;
		daemon->judged = daemon->tables.generation; /* known to be good: no second round */
	}
	tables_close(&again);
	generations_sweep(daemon);
}

/* The data plane has said what it thinks of the newest image. */
static void
judged(struct daemon *daemon, const struct instance_facts *facts)
{
	daemon->judged = facts->newest_generation;
	if (daemon->waiting.answer != NULL) {
		answer_verdict(daemon->waiting.answer, instance_verdict_name(facts->verdict));
		json_object_set_new(daemon->waiting.answer, "running",
				    json_integer((json_int_t)facts->generation));
	}
	if (facts->verdict == INSTANCE_VERDICT_REFUSED)
		refused(daemon, &facts->fault);
	else
		taken(daemon);
	answer_waiting(daemon);
}

void
apply_advance(struct daemon *daemon, uint64_t now)
{
	struct instance_facts *facts;

	if (daemon->making.pid != 0)
		progress_tell(daemon, now);
	next_begin(daemon);
	watch_advance(daemon, now);
	if (now < daemon->look_at)
		return;
	dataplane_find(daemon);
	dataplane_leave_lanes(daemon, now);
	facts = malloc(sizeof(*facts));
	ensure(facts != NULL);
	if (daemon->judged != daemon->tables.generation && daemon_facts(daemon, facts) &&
	    facts->newest_generation == daemon->tables.generation &&
	    facts->verdict != INSTANCE_VERDICT_NONE)
		judged(daemon, facts);
	free(facts);
	if (daemon->waiting.answer != NULL && now >= daemon->waiting.deadline) {
		answer_verdict(daemon->waiting.answer, "unknown");
		json_object_set_new(daemon->waiting.answer, "note",
				    json_string("published, but the data plane has not judged it "
						"yet; see penstockctl status"));
		answer_waiting(daemon);
	}
	daemon->look_at = now + (daemon->waiting.answer != NULL ? LOOK_WAITING : LOOK_EVERY);
}
