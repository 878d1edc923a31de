/*
 * explain.c - a request as it would go, see explain.h: the rules it meets, farm and server, the
 * head as it would be sent; or the answer it gets.
 */
#include "ctl/explain.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "ctl/explain_state.h"

static void
set(json_t *answer, const char *key, json_t *value)
{
	json_object_set_new(answer, key, value);
}

/* ---- answers of ours ---- */

static void
answer_status(json_t *answer, uint16_t status, uint16_t substatus, struct slice phrase)
{
	set(answer, "status", json_integer(status));
	if (substatus != 0)
		set(answer, "substatus", json_integer(substatus));
	set(answer, "reason",
	    phrase.n != 0 ? told_slice(phrase) : json_string(http_status_text(status)));
}

void
answer_error(json_t *answer, uint16_t status, uint16_t substatus, const char *cause,
	     const char *text)
{
	set(answer, "action", json_string("error"));
	answer_status(answer, status, substatus, (struct slice){ 0 });
	set(answer, "cause", json_string(cause));
	if (text != NULL && text[0] != '\0')
		set(answer, "cause_text", json_string(text));
}

/* The content that the client gets. */
static void
answer_body(struct explain *x, json_t *answer)
{
	struct http_reply reply;
	const uint8_t *end;
	uint32_t n;

	decide_reply(&x->verdict, &reply);
	reply.keep_alive = true;
	reply.client_minor = 1;
	reply.head_only = x->request.method_id == HTTP_METHOD_HEAD;
	n = http_emit_error(&reply, x->out, sizeof(x->out));
	end = n <= sizeof(x->out) ? memmem(x->out, n, "\r\n\r\n", 4) : NULL;
	if (end != NULL)
		told_body(answer, "body", end + 4, (size_t)(x->out + n - end - 4));
}

static void
answer_own(struct explain *x, json_t *answer)
{
	const struct rules_verdict *v = &x->verdict;

	set(answer, "action", json_string(rules_outcome_name(v->outcome)));
	switch (v->outcome) {
	case RULES_REDIRECT:
		set(answer, "location", told_slice(v->location));
		answer_status(answer, v->status, v->substatus, v->reason);
		answer_body(x, answer);
		return;
	case RULES_RESPOND:
		answer_status(answer, v->status, v->substatus, v->reason);
		answer_body(x, answer);
		return;
	case RULES_ERROR:
		answer_error(answer, v->status, v->substatus, rules_fault_text(v->fault), NULL);
		return;
	case RULES_ABORT:
		set(answer, "status", json_integer(0));
		return;
	case RULES_ROUTE:
	case RULES_PROXY:
		return;
	}
}

/* ---- requests that go on ---- */

/* Path and query as they are sent, in origin-form. */
static struct slice
target_of(const struct explain *x)
{
	const struct http_request *r = &x->request;

	if (x->way.target.n != 0)
		return x->way.target;
	return r->path.n != 0 ? r->path : r->target;
}

static void
answer_url(struct explain *x, json_t *answer)
{
	bool is_proxied = x->facts.way != NULL && x->way.is_proxied;
	struct slice target = target_of(x);
	struct slice host = is_proxied ? x->verdict.host : SLICE("");
	char *url = malloc(sizeof("https://") + host.n + 1 + target.n);
	size_t n = 0;

	ensure(url != NULL);
	if (is_proxied)
		n += strlen(strcpy(url, x->way.is_secure ? "https://" : "http://"));
	if (host.n > 0)
		memcpy(url + n, host.p, host.n);
	n += host.n;
	if (target.n > 0 && target.p[0] == '?')
		url[n++] = '/'; /* as it is sent */
	if (target.n > 0)
		memcpy(url + n, target.p, target.n);
	n += target.n;
	set(answer, "url", told_bytes(url, n));
	free(url);
}

static json_t *
upstream_headers(struct explain *x, const struct decide_route *route)
{
	struct http_request_out out = { 0 };
	uint32_t n;

	decide_request(x->img, x->listener_i, route, &x->facts, &x->text, &out);
	out.framing = x->request.head.framing;
	out.length = x->request.head.length;
	out.keep_alive = true;
	out.upgrade = x->request.head.upgrade.n > 0;
	n = http_emit_request(&out, x->out, sizeof(x->out));
	return n <= sizeof(x->out) ? told_fields(x->out, n) : json_array();
}

/*
 * A farm that cannot be gone to by TLS yet, or that need not exist here: the head for the first of
 * its servers.
 */
static struct decide_route
route_supposed(const struct explain *x, uint32_t farm_i)
{
	struct decide_route route = { .farm_i = farm_i, .is_secure = x->way.is_secure };
	const struct img_server *server;

	route.server_i = img_farm(x->img, farm_i)->first_server;
	server = img_server(x->img, route.server_i);
	route.port = route.is_secure ? server->https_port : server->http_port;
	return route;
}

static bool
has_server(const struct explain *x, uint32_t farm_i)
{
	return farm_i != (uint32_t)IMG_NONE && img_farm(x->img, farm_i)->server_n > 0;
}

/* Where it would go is told, though it cannot yet: what to know is a notice. */
static bool
is_passed_over(const struct explain *x, enum decide_cause cause, uint32_t farm_i)
{
	if (x->ask->is_alone)
		return true;
	return cause == DECIDE_CAUSE_SCHEME && has_server(x, farm_i);
}

static void
route_add(struct explain *x, json_t *answer)
{
	bool is_proxied = x->facts.way != NULL && x->way.is_proxied;
	struct decide_route route;
	struct farm_tried tried = { 0 };
	enum decide_cause cause;
	uint32_t farm_i = decide_farm(x->img, x->listener_i, &x->facts);

	candidates_open(x);
	if (farm_i != (uint32_t)IMG_NONE && !x->ask->is_alone)
		candidates_add(x, farm_i, answer);
	cause = decide_route(x->img, x->listener_i, &x->facts, x->farms, &tried, 1, &route);
	if (cause != DECIDE_CAUSE_NONE && !is_passed_over(x, cause, farm_i)) {
		answer_error(answer, decide_cause_status(cause), decide_cause_substatus(cause),
			     decide_cause_name(cause), decide_cause_text(cause));
		free(x->farms);
		return;
	}
	if (cause != DECIDE_CAUSE_NONE)
		route = route_supposed(x, farm_i != (uint32_t)IMG_NONE ? farm_i : 0);
	if (cause == DECIDE_CAUSE_SCHEME || (is_proxied && x->way.is_secure))
		set(answer, "notice", json_string(decide_cause_text(DECIDE_CAUSE_SCHEME)));
	set(answer, "action", json_string(is_proxied ? "proxy" : "route"));
	set(answer, "upstream_headers", upstream_headers(x, &route));
	free(x->farms);
	if (x->ask->response != NULL)
		response_add(x, answer);
}

/* ---- all of it ---- */

static void
facts_set(struct explain *x)
{
	static const uint8_t documentation[4] = { 192, 0, 2, 1 };
	const struct img_listener *listener = img_listener(x->img, x->listener_i);

	x->facts = (struct decide_facts){
		.request = &x->request,
		.client = x->ask->client,
		.client_port = x->ask->client_port,
		.local = ip_is_none(&listener->ip) ? ip_from_v4(documentation) : listener->ip,
		.local_port = x->ask->is_alone ? x->url.port : listener->tcp_port,
		.is_secure = x->url.is_secure,
		.wants_body = x->rules != NULL && decide_wants_body(x->rules, EXPLAIN_LANE_REQUEST,
								    x->listener_i, &x->request),
	};
}

/* True: the request goes on. */
static bool
rules_pass(struct explain *x, json_t *answer)
{
	struct rules_trace trace = trace_of(&x->trace);
	bool goes_on;

	if (x->rules == NULL || !rules_any(x->rules, x->listener_i, false))
		return true;
	x->trace.rules = json_object_get(answer, "rules");
	goes_on = decide_rules(x->img, x->rules, EXPLAIN_LANE_REQUEST, x->listener_i, &x->facts,
			       &trace, &x->verdict, &x->way);
	if (goes_on)
		x->facts.way = &x->way;
	set(answer, "changed", json_boolean(x->verdict.is_changed));
	return goes_on;
}

static void
answer_fill(struct explain *x, json_t *answer)
{
	const struct img_listener *listener = img_listener(x->img, x->listener_i);
	enum http_reason reason = question_parse(x);

	if (!x->ask->is_alone)
		set(answer, "listener", told_str(x->img, listener->name));
	set(answer, "action", json_null()); /* members stand in this order */
	set(answer, "changed", json_false());
	set(answer, "rules", json_array());
	if (reason != HTTP_REASON_NONE) {
		answer_error(answer, http_reason_status(reason), 0, http_reason_name(reason), NULL);
		return;
	}
	facts_set(x);
	if (!rules_pass(x, answer)) {
		answer_own(x, answer);
		return;
	}
	answer_url(x, answer);
	route_add(x, answer);
}

/* What is long comes behind what is asked for first. */
static void
rules_last(json_t *answer)
{
	json_t *rules = json_incref(json_object_get(answer, "rules"));

	json_object_del(answer, "rules");
	json_object_set_new(answer, "rules", rules);
}

static void *
grow(void *p, size_t n)
{
	if (n == 0) {
		free(p);
		return NULL;
	}
	return realloc(p, n);
}

/* False: they do not open; *ret_answer says why. */
static bool
rules_ready(struct explain *x, json_t **ret_answer)
{
	struct abi_fault fault;
	char text[ABI_FAULT_TEXT_BYTES];

	x->trace.img = x->img;
	x->trace.client = &x->ask->client;
	if (img_n(x->img, IMG_BINDS) == 0)
		return true;
	x->rules = rules_open(x->img, x->ask->blob, EXPLAIN_LANES, grow, &fault);
	if (x->rules != NULL)
		return true;
	explain_unclear(ret_answer, "the rules do not open: %s",
			abi_fault_print(&fault, text, sizeof(text)));
	return false;
}

enum explain_verdict
explain(const struct explain_ask *ask, json_t **ret_answer)
{
	struct explain *x = calloc(1, sizeof(*x));
	enum explain_verdict verdict;

	ensure(x != NULL);
	x->ask = ask;
	x->img = ask->img;
	verdict = question_read(x, ret_answer);
	if (verdict == EXPLAINED && !rules_ready(x, ret_answer))
		verdict = EXPLAIN_BROKEN;
	if (verdict == EXPLAINED) {
		*ret_answer = json_object();
		answer_fill(x, *ret_answer);
		rules_last(*ret_answer);
	}
	if (x->rules != NULL)
		rules_close(x->rules);
	free(x);
	return verdict;
}
