/*
 * explain.c - a request as it would go, see explain.h: URL, listener, head, farm and server, and
 * the head as it would be sent.
 */
#include "ctl/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "conf/value.h"
#include "decide/decide.h"

struct url {
	struct slice host; /* "name", "name:port", "[v6]:port" */
	struct slice name;
	uint16_t port;
	const char *path; /* from the '/' or '?' on, or "" */
	bool is_secure;
};

struct explain {
	const struct explain_ask *ask;
	const struct img *img;
	struct url url;
	uint32_t listener_i;
	char head[EXPLAIN_HEAD_BYTES];
	uint32_t head_n;
	struct http_request request;
	struct farms *farms;
	uint8_t out[2 * EXPLAIN_HEAD_BYTES];
};

static enum explain_verdict unclear(json_t **ret_answer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static enum explain_verdict
unclear(json_t **ret_answer, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	*ret_answer = json_pack("{s:b, s:s}", "ok", 0, "error", text);
	return EXPLAIN_USAGE;
}

/* ---- the URL and its listener ---- */

/* http://host[:port][/path][?query] (RFC 3986, 3). False: it is none. */
static bool
url_split(const char *text, struct url *ret_url)
{
	struct url url = { 0 };
	const char *host, *end;

	if (strncasecmp(text, "http://", 7) == 0)
		host = text + 7;
	else if (strncasecmp(text, "https://", 8) == 0)
		host = text + 8;
	else
		return false;
	url.is_secure = host == text + 8;
	end = host + strcspn(host, "/?#");
	url.host = slice_of(host, (uint32_t)(end - host));
	url.path = end;
	if (!http_split_host(url.host, &url.name, &url.port))
		return false;
	if (url.port == 0)
		url.port = url.is_secure ? 443 : 80;
	*ret_url = url;
	return true;
}

/* The URL's host as an address, when it is one. */
static bool
url_address(const struct url *url, struct ip_addr *ret_ip)
{
	char text[VALUE_IP_TEXT];
	struct slice name = url->name;

	if (name.n >= 2 && name.p[0] == '[')
		name = slice_of(name.p + 1, name.n - 2);
	if (name.n >= sizeof(text))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return value_ip(text, ret_ip) == VALUE_OK;
}

static bool
listener_fits(const struct explain *x, uint32_t i)
{
	const struct img_listener *listener = img_listener(x->img, i);
	struct ip_addr ip;

	if (listener->protocol != IMG_PROTOCOL_HTTP || x->url.is_secure ||
	    listener->tcp_port != x->url.port)
		return false;
	return ip_is_none(&listener->ip) || !url_address(&x->url, &ip) || ip_eq(&listener->ip, &ip);
}

static enum explain_verdict
listener_choose(struct explain *x, json_t **ret_answer)
{
	json_t *names;
	uint32_t n = 0;

	if (x->ask->listener != NULL) {
		x->listener_i =
			img_find_listener(x->img, x->ask->listener, strlen(x->ask->listener));
		if (x->listener_i != (uint32_t)IMG_NONE)
			return EXPLAINED;
		return unclear(ret_answer, "there is no listener '%s'", x->ask->listener);
	}
	names = json_array();
	for (uint32_t i = 0; i < img_n(x->img, IMG_LISTENERS); i++) {
		if (!listener_fits(x, i))
			continue;
		x->listener_i = i;
		n++;
		json_array_append_new(names,
				      json_string(img_text(x->img, img_listener(x->img, i)->name)));
	}
	if (n == 1) {
		json_decref(names);
		return EXPLAINED;
	}
	if (n == 0)
		for (uint32_t i = 0; i < img_n(x->img, IMG_LISTENERS); i++)
			json_array_append_new(
				names,
				json_string(img_text(x->img, img_listener(x->img, i)->name)));
	unclear(ret_answer, "%s listener fits %s; choose one with --listener",
		n == 0 ? "no" : "more than one", x->ask->url);
	json_object_set_new(*ret_answer, "listeners", names);
	return EXPLAIN_USAGE;
}

/* ---- the head ---- */

static bool head_add(struct explain *x, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool
head_add(struct explain *x, const char *format, ...)
{
	size_t room = sizeof(x->head) - x->head_n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(x->head + x->head_n, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		return false;
	x->head_n += (uint32_t)n;
	return true;
}

static bool
is_host_field(const char *field)
{
	return strncasecmp(field, "host:", 5) == 0;
}

/* The request head as a client would send it. False: longer than any limit. */
static bool
head_write(struct explain *x)
{
	const struct explain_ask *ask = x->ask;
	int path_n = (int)strcspn(x->url.path, "#");
	bool has_host = false, is_good;

	if (ask->target != NULL)
		is_good = head_add(x, "%s %s HTTP/1.1\r\n", ask->method, ask->target);
	else
		is_good = head_add(x, "%s %s%.*s HTTP/1.1\r\n", ask->method,
				   x->url.path[0] == '/' ? "" : "/", path_n, x->url.path);
	for (uint32_t i = 0; i < ask->field_n; i++)
		has_host |= is_host_field(ask->field[i]);
	if (!has_host)
		is_good &= head_add(x, "Host: %.*s\r\n", (int)x->url.host.n,
				    (const char *)x->url.host.p);
	for (uint32_t i = 0; i < ask->field_n; i++)
		is_good &= head_add(x, "%s\r\n", ask->field[i]);
	return is_good && head_add(x, "\r\n");
}

/* As the proxy sets them (proxy/listen.c). */
static struct http_limits
limits_of(const struct explain *x)
{
	const struct img_machine *machine = img_machine(x->img);
	struct http_limits limits = HTTP_LIMITS_DEFAULT;

	if (machine->head_max_bytes != 0)
		limits.head_bytes = machine->head_max_bytes < HTTP_HEAD_BYTES_MAX
					    ? machine->head_max_bytes
					    : HTTP_HEAD_BYTES_MAX;
	if (machine->target_max_bytes != 0)
		limits.target_bytes = machine->target_max_bytes;
	if (limits.target_bytes > limits.head_bytes)
		limits.target_bytes = limits.head_bytes;
	if (machine->fields_max != 0)
		limits.fields_n = machine->fields_max < HTTP_FIELDS_MAX ? machine->fields_max
									: HTTP_FIELDS_MAX;
	limits.body_bytes = machine->body_max_bytes;
	limits.target_octets = true;
	return limits;
}

/* ---- farm and servers ---- */

/* Addresses that the image's hosts give a server's name. */
static void
static_addresses(const struct img *img, const char *host, struct farm_member *member)
{
	for (uint32_t i = 0; i < img_n(img, IMG_NAMES) && member->addr_n < FARM_ADDRS_MAX; i++)
		if (strcasecmp(img_text(img, img_name(img, i)->name), host) == 0)
			member->addr[member->addr_n++] = img_name(img, i)->ip;
}

static void
runtime_use(struct explain *x, const struct img_server *server)
{
	struct runtime_server said;
	struct farm_runtime runtime = { 0 };

	if (x->ask->runtime == NULL ||
	    !runtime_server(x->ask->runtime, server->slot, server->incarnation, &said))
		return;
	runtime.admin = said.admin == RUNTIME_ADMIN_UP	    ? FARM_ADMIN_UP
			: said.admin == RUNTIME_ADMIN_DRAIN ? FARM_ADMIN_DRAIN
							    : FARM_ADMIN_DISABLED;
	runtime.has_weight = (said.flags & RUNTIME_WEIGHT) != 0;
	runtime.weight = said.weight;
	if (ip_is_none(&server->ip))
		for (uint32_t i = 0; i < said.address_n && i < FARM_ADDRS_MAX; i++)
			runtime.addr[runtime.addr_n++] = said.address[i];
	farm_set_runtime(x->farms, server->slot, server->incarnation, &runtime);
}

static void
farms_fill(struct explain *x)
{
	static const uint8_t documentation[4] = { 192, 0, 2, 1 }; /* RFC 5737: stands for a name */
	uint32_t server_n = img_n(x->img, IMG_SERVERS);
	size_t size = farms_size(img_machine(x->img)->server_slots, server_n);
	void *mem = aligned_alloc(64, (size + 63) / 64 * 64);

	ensure(mem != NULL);
	memset(mem, 0, size);
	x->farms = farms_init(mem, img_machine(x->img)->server_slots, server_n);
	farms_begin(x->farms);
	for (uint32_t i = 0; i < server_n; i++) {
		const struct img_server *server = img_server(x->img, i);
		struct farm_member member = { .slot = server->slot,
					      .incarnation = server->incarnation,
					      .weight = server->weight,
					      .rest_ns = img_farm(x->img, server->farm_i)->rest_ns,
					      .addr_n = !ip_is_none(&server->ip),
					      .addr = { server->ip } };

		if (member.addr_n == 0)
			static_addresses(x->img, img_text(x->img, server->host), &member);
		if (member.addr_n == 0 && x->ask->runtime == NULL) {
			member.addr[0] = ip_from_v4(documentation);
			member.addr_n = 1;
		}
		ensure(farm_place(x->farms, i, &member));
		runtime_use(x, server);
	}
}

/* Every server of the farm and whether it could take the request; the names of those that can. */
static void
candidates_add(struct explain *x, uint32_t farm_i, json_t *answer)
{
	const struct img_farm *farm = img_farm(x->img, farm_i);
	struct farm_tried tried = { 0 };
	json_t *all = json_array(), *fit_names = json_array();

	for (uint32_t i = farm->first_server; i < farm->first_server + farm->server_n; i++) {
		const struct img_server *server = img_server(x->img, i);
		enum farm_fit fit = farm_fit(x->farms, i, &tried, 1);
		const char *name = img_text(x->img, server->name);
		struct farm_facts facts;

		farm_facts(x->farms, server->slot, &facts);
		json_array_append_new(all, json_pack("{s:s, s:s, s:i, s:I, s:s}", "name", name,
						     "address", img_text(x->img, server->host),
						     "port", server->http_port, "weight",
						     (json_int_t)facts.weight, "fit",
						     farm_fit_name(fit)));
		if (fit == FARM_FIT_READY || fit == FARM_FIT_PROBE)
			json_array_append_new(fit_names, json_string(name));
	}
	json_object_set_new(answer, "farm", json_string(img_text(x->img, farm->name)));
	json_object_set_new(answer, "server", fit_names);
	json_object_set_new(answer, "servers", all);
}

/* ---- the head upstream ---- */

/* Splits an emitted head into [name, value] pairs. */
static json_t *
fields_json(const uint8_t *head, uint32_t n)
{
	json_t *list = json_array();
	const char *at = (const char *)head, *end = at + n;

	at = memchr(at, '\n', n);
	while (at != NULL && ++at < end) {
		const char *line_end = memchr(at, '\r', (size_t)(end - at));
		const char *colon =
			line_end == NULL ? NULL : memchr(at, ':', (size_t)(line_end - at));

		if (colon == NULL)
			break;
		json_array_append_new(
			list, json_pack("[s%, s%]", at, (size_t)(colon - at), colon + 2,
					(size_t)(line_end - colon > 2 ? line_end - colon - 2 : 0)));
		at = line_end + 1;
	}
	return list;
}

static json_t *
upstream_headers(struct explain *x, const struct decide_facts *facts,
		 const struct decide_route *route)
{
	struct decide_text text;
	struct http_request_out out = { 0 };
	uint32_t n;

	decide_request(x->img, x->listener_i, route, facts, &text, &out);
	out.framing = x->request.head.framing;
	out.length = x->request.head.length;
	out.keep_alive = true;
	out.upgrade = x->request.head.upgrade.n > 0;
	n = http_emit_request(&out, x->out, sizeof(x->out));
	return n <= sizeof(x->out) ? fields_json(x->out, n) : json_array();
}

/* ---- the answer ---- */

static void
answer_error(json_t *answer, uint16_t status, const char *cause)
{
	json_object_set_new(answer, "action", json_string("error"));
	json_object_set_new(answer, "status", json_integer(status));
	json_object_set_new(answer, "reason", json_string(http_status_text(status)));
	json_object_set_new(answer, "cause", json_string(cause));
}

static void
route_explain(struct explain *x, json_t *answer)
{
	struct decide_facts facts = { .request = &x->request,
				      .client = x->ask->client,
				      .client_port = x->ask->client_port };
	struct decide_route route;
	struct farm_tried tried = { 0 };
	enum decide_cause cause;

	farms_fill(x);
	route.farm_i = decide_farm(x->img, x->listener_i, &facts);
	if (route.farm_i != (uint32_t)IMG_NONE)
		candidates_add(x, route.farm_i, answer);
	cause = decide_route(x->img, x->listener_i, &facts, x->farms, &tried, 1, &route);
	if (cause != DECIDE_CAUSE_NONE) {
		answer_error(answer, decide_cause_status(cause), decide_cause_name(cause));
	} else {
		json_object_set_new(answer, "action", json_string("route"));
		json_object_set_new(answer, "upstream_headers",
				    upstream_headers(x, &facts, &route));
	}
	free(x->farms);
}

static void
answer_fill(struct explain *x, json_t *answer)
{
	struct http_limits limits = limits_of(x);
	struct http_resume resume = { 0 };
	const struct img_listener *listener = img_listener(x->img, x->listener_i);
	enum http_verdict verdict =
		http_parse_request(slice_of(x->head, x->head_n), &limits, &resume, &x->request);

	json_object_set_new(answer, "listener", json_string(img_text(x->img, listener->name)));
	json_object_set_new(answer, "changed", json_false());
	json_object_set_new(answer, "rules", json_array());
	if (verdict != HTTP_DONE) {
		enum http_reason reason =
			verdict == HTTP_REFUSED ? x->request.reason : HTTP_REASON_HEAD_LONG;

		answer_error(answer, http_reason_status(reason), http_reason_name(reason));
		return;
	}
	json_object_set_new(
		answer, "url",
		json_stringn_nocheck((const char *)x->request.path.p, x->request.path.n));
	route_explain(x, answer);
}

enum explain_verdict
explain(const struct explain_ask *ask, json_t **ret_answer)
{
	struct explain *x = calloc(1, sizeof(*x));
	enum explain_verdict verdict;

	ensure(x != NULL);
	x->ask = ask;
	x->img = ask->img;
	if (!url_split(ask->url, &x->url))
		verdict = unclear(ret_answer,
				  "'%s' is no URL; write for example http://www.example.com/path",
				  ask->url);
	else
		verdict = listener_choose(x, ret_answer);
	if (verdict == EXPLAINED && !head_write(x))
		verdict = unclear(ret_answer, "the request head is longer than 64 KiB");
	if (verdict == EXPLAINED) {
		*ret_answer = json_object();
		answer_fill(x, *ret_answer);
	}
	free(x);
	return verdict;
}
