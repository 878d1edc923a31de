/*
 * requests.c - the verbs of the control socket; README.md describes them for people.
 */
#include <string.h>
#include <unistd.h>

#include "conf/value.h"
#include "daemon/daemon.h"

/* A text member of a request; NULL: not there. */
static const char *
text_of(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

static json_t *
answer_apply(struct daemon *daemon, const json_t *request, uint64_t client_id)
{
	const char *file = text_of(request, "file");

	if (file == NULL || file[0] != '/')
		return socket_error("apply needs \"file\": an absolute path");
	return apply_file(daemon, file, json_is_true(json_object_get(request, "at_restart")),
			  json_is_true(json_object_get(request, "progress")), client_id);
}

static json_t *
answer_server(struct daemon *daemon, const json_t *request)
{
	const char *farm = text_of(request, "farm"), *name = text_of(request, "server");
	const char *state = text_of(request, "state");
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

/* "10.0.0.1" or "10.0.0.1:443". */
static bool
end_of(const char *text, struct ip_addr *ret_ip, uint16_t *ret_port)
{
	*ret_port = 0;
	return (value_ip(text, ret_ip) == VALUE_OK ||
		value_endpoint(text, ret_ip, ret_port) == VALUE_OK) &&
	       !ip_is_none(ret_ip);
}

/* NULL, or what is wrong. */
static json_t *
filter_phase(const char *phase, struct ask_filter *f)
{
	for (uint32_t i = 0; phase != NULL && i < SESSION_PHASES; i++) {
		if (strcmp(session_phase_name(i), phase) != 0)
			continue;
		f->by |= ASK_BY_PHASE;
		f->phases = 1u << i;
		return NULL;
	}
	return phase == NULL ? NULL
			     : socket_error("there is no phase '%s'; penstockctl sessions --help "
					    "lists them",
					    phase);
}

/* The filter's members that are addresses, a prefix, an age. NULL, or what is wrong. */
static json_t *
filter_plain(const json_t *request, struct ask_filter *f)
{
	const char *client = text_of(request, "client"), *server = text_of(request, "server");
	const char *url = text_of(request, "url");
	json_int_t age = json_integer_value(json_object_get(request, "older_than_ms"));

	if (client != NULL && !end_of(client, &f->client, &f->client_port))
		return socket_error("'%s' is no address; write 10.0.0.5 or 10.0.0.5:443", client);
	if (server != NULL && !end_of(server, &f->server, &f->server_port))
		return socket_error("'%s' is no address; write 10.0.0.5 or 10.0.0.5:443", server);
	if (url != NULL && strlen(url) > ASKS_PREFIX_MAX)
		return socket_error("a prefix of a URL has at most %d bytes", ASKS_PREFIX_MAX);
	if (age < 0 || age > INT64_MAX / (json_int_t)LOOP_MS)
		return socket_error("\"older_than_ms\" is out of range");
	f->by |= (client != NULL ? ASK_BY_CLIENT : 0u) |
		 (f->client_port != 0 ? ASK_BY_CLIENT_PORT : 0u) |
		 (server != NULL ? ASK_BY_SERVER : 0u) |
		 (f->server_port != 0 ? ASK_BY_SERVER_PORT : 0u) |
		 (url != NULL ? ASK_BY_PREFIX : 0u) | (age > 0 ? ASK_BY_AGE : 0u);
	f->age_ns = (uint64_t)age * LOOP_MS;
	if (url != NULL) {
		f->prefix_n = (uint32_t)strlen(url);
		memcpy(f->prefix, url, f->prefix_n);
	}
	return NULL;
}

/* Those that are names. */
static json_t *
filter_names(const struct img *img, const json_t *request, struct ask_filter *f)
{
	const char *listener = text_of(request, "listener"), *farm = text_of(request, "farm");
	uint32_t i;

	if (listener != NULL) {
		i = img_find_listener(img, listener, strlen(listener));
		if (i == (uint32_t)IMG_NONE)
			return socket_error("there is no listener '%s'", listener);
		f->by |= ASK_BY_LISTENER;
		f->listener_slot = img_listener(img, i)->slot;
		f->listener_incarnation = img_listener(img, i)->incarnation;
	}
	if (farm != NULL) {
		i = img_find_farm(img, farm, strlen(farm));
		if (i == (uint32_t)IMG_NONE)
			return socket_error("there is no farm '%s'", farm);
		f->by |= ASK_BY_FARM;
		f->farm_slot = img_farm(img, i)->slot;
		f->farm_incarnation = img_farm(img, i)->incarnation;
	}
	return NULL;
}

/* "3-17": session 17 of lane 3. */
static bool
session_of(const char *text, uint32_t lane_n, uint32_t *ret_lane, uint64_t *ret_id)
{
	const char *dash = strchr(text, '-');
	char lane_text[8];
	uint64_t lane;

	if (dash == NULL || (size_t)(dash - text) >= sizeof(lane_text))
		return false;
	memcpy(lane_text, text, (size_t)(dash - text));
	lane_text[dash - text] = '\0';
	if (value_number(lane_text, &lane) != VALUE_OK || lane >= lane_n ||
	    value_number(dash + 1, ret_id) != VALUE_OK || *ret_id == 0)
		return false;
	*ret_lane = (uint32_t)lane;
	return true;
}

static json_t *
answer_sessions(struct daemon *daemon, const json_t *request, uint64_t client_id)
{
	const json_t *wanted = json_object_get(request, "limit");
	json_int_t limit = wanted != NULL ? json_integer_value(wanted) : ASKING_LIMIT_USUAL;
	const char *id = text_of(request, "id");
	struct ask_filter filter = { 0 };
	uint32_t only = ABI_NONE;
	struct instance_facts facts;
	json_t *error;

	if (daemon->asking.client_id != 0)
		return socket_error("somebody else asks for sessions; try again in a moment");
	if (!daemon_facts(daemon, &facts))
		return socket_error("no data plane runs: there are no sessions");
	if (limit < 1 || limit > ASKING_LIMIT_MAX)
		return socket_error("\"limit\" is a number from 1 to %d", ASKING_LIMIT_MAX);
	if (id != NULL && !session_of(id, facts.lane_n, &only, &filter.session_id))
		return socket_error("'%s' is no session's id; take one of the list", id);
	filter.by = id != NULL ? ASK_BY_ID : 0;
	error = filter_plain(request, &filter);
	if (error == NULL)
		error = filter_phase(text_of(request, "phase"), &filter);
	if (error == NULL)
		error = filter_names(&daemon->tables.img, request, &filter);
	if (error != NULL)
		return error;
	asking_begin(&daemon->asking, daemon->dataplane_fd, facts.lane_n, only, &filter,
		     (uint32_t)limit, client_id, loop_now());
	return NULL;
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
	const char *verb = text_of(request, "verb");

	if (verb == NULL)
		return socket_error(
			"a request needs \"verb\": apply, server, lane, sessions or status");
	if (strcmp(verb, "apply") == 0)
		return answer_apply(daemon, request, client_id);
	if ((strcmp(verb, "server") == 0 || strcmp(verb, "lane") == 0 ||
	     strcmp(verb, "sessions") == 0) &&
	    daemon->tables.generation == 0)
		return socket_error("no configuration is published yet; try again in a moment");
	if (strcmp(verb, "server") == 0)
		return answer_server(daemon, request);
	if (strcmp(verb, "lane") == 0)
		return answer_lane(daemon, request);
	if (strcmp(verb, "sessions") == 0)
		return answer_sessions(daemon, request, client_id);
	if (strcmp(verb, "status") == 0)
		return answer_status(daemon);
	return socket_error("there is no verb '%s'; use apply, server, lane, sessions or status",
			    verb);
}
