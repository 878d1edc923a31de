/*
 * requests.c - the verbs of the control socket; README.md describes them for people.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/value.h"
#include "daemon/daemon.h"
#include "daemon/placing.h"
#include "daemon/say.h"

const char *
request_text(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

static json_t *
answer_apply(struct daemon *daemon, const json_t *request, uint64_t client_id)
{
	const char *file = request_text(request, "file");

	if (file == NULL || file[0] != '/')
		return socket_error("apply needs \"file\": an absolute path");
	return apply_file(daemon, file, json_is_true(json_object_get(request, "at_restart")),
			  json_is_true(json_object_get(request, "progress")), client_id);
}

static json_t *
answer_server(struct daemon *daemon, const json_t *request)
{
	const char *farm = request_text(request, "farm"), *name = request_text(request, "server");
	const char *state = request_text(request, "state");
	const struct img *img = &daemon->tables.img;
	struct runtime_server before;
	const struct img_server *server;
	uint32_t farm_i, server_i, admin = 0;

	if (farm == NULL || name == NULL || state == NULL)
		return socket_error("server needs \"farm\", \"server\" and \"state\"");
	while (admin < RUNTIME_ADMINS && strcmp(runtime_admin_name(admin), state) != 0)
		admin++;
	if (admin == RUNTIME_ADMINS)
		return socket_error("'%s' is no state; use up, drain or disabled", state);
	farm_i = img_find_farm(img, farm, strlen(farm));
	if (farm_i == (uint32_t)IMG_NONE)
		return socket_error("there is no farm '%s'", farm);
	server_i = img_find_server(img, farm_i, name, strlen(name));
	if (server_i == (uint32_t)IMG_NONE)
		return socket_error("the farm '%s' has no server '%s'", farm, name);
	server = img_server(img, server_i);
	runtime_server(&daemon->overrides.runtime, server->slot, server->incarnation, &before);
	overrides_set_admin(&daemon->overrides, server->slot, server->incarnation,
			    (enum runtime_admin)admin);
	return json_pack("{s:b, s:s, s:s, s:s, s:s}", "ok", 1, "farm", farm, "server", name, "was",
			 runtime_admin_name(before.admin), "state", runtime_admin_name(admin));
}

static json_t *
answer_status(const struct daemon *daemon)
{
	const struct access_log *log = &daemon->log;
	json_t *names = daemon->resolver != NULL ? resolver_json(daemon->resolver, loop_now())
						 : json_array();

	return json_pack("{s:b, s:i, s:s, s:s, s:I, s:I, s:{s:s?, s:b, s:I, s:I, s:I}, s:o}", "ok",
			 1, "pid", (int)getpid(), "version", PENSTOCK_VERSION, "config",
			 daemon->config, "started", (json_int_t)(daemon->started_real / LOOP_S),
			 "generation", (json_int_t)daemon->tables.generation, "access_log", "path",
			 log->path, "open", log->fd >= 0, "written", (json_int_t)log->written_n,
			 "dropped_by_lanes", (json_int_t)daemon->journals->dropped_n,
			 "dropped_by_control", (json_int_t)log->dropped_n, "names", names);
}

static bool
is_one_of(const char *verb, const char *const *list)
{
	while (*list != NULL && strcmp(*list, verb) != 0)
		list++;
	return *list != NULL;
}

/*
 * The log says of each order who gave it, what it was and what became of it. Of one whose answer
 * comes later: that it begins, for we may not live to see how it ends.
 */
static void
audit(const struct daemon *daemon, const json_t *request, uint64_t client_id, const json_t *answer)
{
	const struct socket_client *client = socket_client(&daemon->socket, client_id);
	char *what = json_dumps(request, JSON_COMPACT | JSON_ENSURE_ASCII);
	char *why = json_dumps(json_object_get(answer, "error"),
			       JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);

	say("order of uid %u, pid %u %s%s: %s", client != NULL ? client->uid : UINT32_MAX,
	    client != NULL ? client->pid : 0,
	    answer == NULL				  ? "begins"
	    : json_is_true(json_object_get(answer, "ok")) ? "is done"
							  : "is refused, ",
	    why != NULL ? why : "", what != NULL ? what : "?");
	free(what);
	free(why);
}

static json_t *
answer_of(struct daemon *daemon, const json_t *request, uint64_t client_id)
{
	static const char *const of_tables[] = { "server",  "lane",	   "core",
						 "tune",    "sessions",	   "kill",
						 "capture", "capture_end", NULL };
	const char *verb = request_text(request, "verb");

	if (verb == NULL)
		return socket_error("a request needs \"verb\": apply, server, lane, core, tune, "
				    "sessions, kill, capture, capture_end or status");
	if (strcmp(verb, "apply") == 0)
		return answer_apply(daemon, request, client_id);
	if (is_one_of(verb, of_tables) && daemon->tables.generation == 0)
		return socket_error("no configuration is published yet; try again in a moment");
	if (strcmp(verb, "server") == 0)
		return answer_server(daemon, request);
	if (strcmp(verb, "lane") == 0)
		return placing_lane(daemon, request);
	if (strcmp(verb, "core") == 0)
		return placing_core(daemon, request);
	if (strcmp(verb, "tune") == 0)
		return placing_tune(daemon, request);
	if (strcmp(verb, "sessions") == 0)
		return request_sessions(daemon, request, client_id);
	if (strcmp(verb, "kill") == 0)
		return request_kill(daemon, request, client_id);
	if (strcmp(verb, "capture") == 0)
		return request_capture(daemon, request, client_id);
	if (strcmp(verb, "capture_end") == 0)
		return request_capture_end(daemon, request, client_id);
	if (strcmp(verb, "status") == 0)
		return answer_status(daemon);
	return socket_error("there is no verb '%s'; use apply, server, lane, core, tune, sessions, "
			    "kill, capture, capture_end or status",
			    verb);
}

json_t *
requests_answer(void *ctx, const json_t *request, uint64_t client_id)
{
	static const char *const orders[] = { "apply", "server",  "lane",	 "core", "tune",
					      "kill",  "capture", "capture_end", NULL };
	struct daemon *daemon = ctx;
	const char *verb = request_text(request, "verb");
	json_t *answer = answer_of(daemon, request, client_id);

	if (verb != NULL && is_one_of(verb, orders))
		audit(daemon, request, client_id, answer);
	return answer;
}
