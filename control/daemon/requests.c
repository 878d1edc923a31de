/*
 * requests.c - the verbs of the control socket; README.md describes them for people.
 */
#include <string.h>
#include <unistd.h>

#include "conf/value.h"
#include "daemon/daemon.h"

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

/* The index of a processor among the image's cores; ABI_NONE: it is none of them. */
static uint32_t
core_of_cpu(const struct img *img, json_int_t cpu)
{
	for (uint32_t i = 0; i < img_n(img, IMG_CORES); i++) {
		if (img_core(img, i)->cpu == cpu)
			return i;
	}
	return ABI_NONE;
}

/* Of the data plane that runs; while none does, as many as there is room for. */
static uint32_t
lane_n_of(struct daemon *daemon)
{
	struct instance_facts facts;

	return daemon_facts(daemon, &facts) ? facts.lane_n : daemon->overrides.runtime.head.lane_n;
}

static json_t *
answer_lane(struct daemon *daemon, const json_t *request)
{
	const json_t *number = json_object_get(request, "lane"),
		     *cpu = json_object_get(request, "cpu");
	json_int_t lane = json_integer_value(number);
	uint32_t core_i = ABI_NONE;

	if (!json_is_integer(number) || (!json_is_integer(cpu) && !json_is_null(cpu)))
		return socket_error("lane needs \"lane\": a number, and \"cpu\": a number or null");
	if (lane < 0 || lane >= lane_n_of(daemon))
		return socket_error("there is no lane %lld; penstockctl lanes lists them",
				    (long long)lane);
	if (json_is_integer(cpu)) {
		core_i = core_of_cpu(&daemon->tables.img, json_integer_value(cpu));
		if (core_i == ABI_NONE)
			return socket_error("processor %lld is not among machine.cores",
					    (long long)json_integer_value(cpu));
	}
	runtime_put_lane_core(&daemon->overrides.runtime, (uint32_t)lane, core_i);
	return json_pack("{s:b, s:I, s:O}", "ok", 1, "lane", lane, "cpu", cpu);
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

json_t *
requests_answer(void *ctx, const json_t *request, uint64_t client_id)
{
	struct daemon *daemon = ctx;
	const char *verb = request_text(request, "verb");

	if (verb == NULL)
		return socket_error(
			"a request needs \"verb\": apply, server, lane, sessions, kill or status");
	if (strcmp(verb, "apply") == 0)
		return answer_apply(daemon, request, client_id);
	if ((strcmp(verb, "server") == 0 || strcmp(verb, "lane") == 0 ||
	     strcmp(verb, "sessions") == 0 || strcmp(verb, "kill") == 0) &&
	    daemon->tables.generation == 0)
		return socket_error("no configuration is published yet; try again in a moment");
	if (strcmp(verb, "server") == 0)
		return answer_server(daemon, request);
	if (strcmp(verb, "lane") == 0)
		return answer_lane(daemon, request);
	if (strcmp(verb, "sessions") == 0)
		return request_sessions(daemon, request, client_id);
	if (strcmp(verb, "kill") == 0)
		return request_kill(daemon, request, client_id);
	if (strcmp(verb, "status") == 0)
		return answer_status(daemon);
	return socket_error(
		"there is no verb '%s'; use apply, server, lane, sessions, kill or status", verb);
}
