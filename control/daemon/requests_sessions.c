/*
 * requests_sessions.c - the verbs of the control socket that are about sessions: which of them,
 * and what becomes of those.
 */
#include <string.h>

#include "abi/capture.h"
#include "conf/value.h"
#include "daemon/daemon.h"

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
	const char *client = request_text(request, "client"),
		   *server = request_text(request, "server");
	const char *url = request_text(request, "url");
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
	const char *listener = request_text(request, "listener"),
		   *farm = request_text(request, "farm");
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

/* Who is meant, and in which lane. NULL, or what is wrong. */
static json_t *
question_of(struct daemon *daemon, const json_t *request, const struct instance_facts *facts,
	    struct asking_question *q)
{
	const char *id = request_text(request, "id");
	json_t *error;

	q->only_lane = ABI_NONE;
	if (id != NULL && !session_of(id, facts->lane_n, &q->only_lane, &q->filter.session_id))
		return socket_error("'%s' is no session's id; take one of the list", id);
	q->filter.by = id != NULL ? ASK_BY_ID : 0;
	error = filter_plain(request, &q->filter);
	if (error == NULL)
		error = filter_phase(request_text(request, "phase"), &q->filter);
	return error != NULL ? error : filter_names(&daemon->tables.img, request, &q->filter);
}

static json_t *
ask_lanes(struct daemon *daemon, const json_t *request, uint64_t client_id,
	  struct asking_question *q)
{
	const json_t *wanted = json_object_get(request, "limit");
	json_int_t limit = wanted != NULL ? json_integer_value(wanted) : ASKING_LIMIT_USUAL;
	struct instance_facts facts;
	json_t *error;

	if (daemon->asking.client_id != 0)
		return socket_error("somebody else asks for sessions; try again in a moment");
	if (!daemon_facts(daemon, &facts))
		return socket_error("no data plane runs: there are no sessions");
	if (limit < 1 || limit > ASKING_LIMIT_MAX)
		return socket_error("\"limit\" is a number from 1 to %d", ASKING_LIMIT_MAX);
	q->limit = (uint32_t)limit;
	error = question_of(daemon, request, &facts, q);
	if (error != NULL)
		return error;
	if ((q->kind == ASK_KIND_KILL || q->kind == ASK_KIND_CAPTURE) && q->filter.by == 0)
		return socket_error("this needs \"id\" or a filter: whom?");
	if (q->kind == ASK_KIND_CAPTURE && (q->filter.by & (ASK_BY_PHASE | ASK_BY_AGE)) != 0)
		return socket_error("packets are not chosen by phase or age: these change");
	asking_begin(&daemon->asking, daemon->dataplane_fd, facts.lane_n, q, client_id, loop_now());
	return NULL;
}

json_t *
request_sessions(struct daemon *daemon, const json_t *request, uint64_t client_id)
{
	struct asking_question q = { .kind = ASK_KIND_FIND };

	return ask_lanes(daemon, request, client_id, &q);
}

json_t *
request_kill(struct daemon *daemon, const json_t *request, uint64_t client_id)
{
	struct asking_question q = { .kind = ASK_KIND_KILL };

	if (request_text(request, "id") == NULL && !json_is_true(json_object_get(request, "all")))
		return socket_error("a filter may fit many sessions; kill needs \"id\", or "
				    "\"all\": true");
	return ask_lanes(daemon, request, client_id, &q);
}

json_t *
request_capture(struct daemon *daemon, const json_t *request, uint64_t client_id)
{
	json_int_t seconds = json_integer_value(json_object_get(request, "seconds"));
	json_int_t snap = json_integer_value(json_object_get(request, "snap"));
	struct asking_question q = { .kind = ASK_KIND_CAPTURE };

	if (seconds < 1 || seconds > (json_int_t)(ASKS_CAPTURE_NS_MAX / LOOP_S))
		return socket_error("\"seconds\" is a number from 1 to 3600");
	if (snap < 1 || snap > CAPTURE_SNAP_MAX)
		return socket_error("\"snap\" is a number from 1 to %d", CAPTURE_SNAP_MAX);
	q.for_ns = (uint64_t)seconds * LOOP_S;
	q.snap = (uint32_t)snap;
	return ask_lanes(daemon, request, client_id, &q);
}

json_t *
request_capture_end(struct daemon *daemon, const json_t *request, uint64_t client_id)
{
	json_int_t id = json_integer_value(json_object_get(request, "capture"));
	struct asking_question q = { .kind = ASK_KIND_CAPTURE_END, .capture_id = (uint64_t)id };

	if (id < 1)
		return socket_error("capture_end needs \"capture\": its number");
	return ask_lanes(daemon, request, client_id, &q);
}
