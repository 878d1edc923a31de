/*
 * cmd_farms.c - penstockctl farms: every farm with its servers, what they do, how fast they answer
 * and what went wrong last.
 *
 * Counts are of the boards, over all lanes; latency is of the requests that the journals still hold.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ensure.h"
#include "conf/value.h"
#include "ctl/ctl.h"
#include "ctl/server_facts.h"
#include "run/recent.h"

/* Times to the first byte of one server's responses. */
struct samples {
	uint32_t *us;
	size_t n, room;
};

struct farms_view {
	const struct state *state;
	const struct boards *boards;
	const struct img *img;
	struct samples *samples; /* by the image's index of servers */
	uint32_t *index_of;	 /* by slot: the server's index, ABI_NONE */
	uint32_t slots_n;
	uint64_t now_ns; /* monotonic, as the boards */
};

/* ---- latency ---- */

static void
sample_add(struct samples *samples, uint64_t ns)
{
	if (samples->n == samples->room) {
		samples->room = samples->room * 2 + 256;
		samples->us = reallocarray(samples->us, samples->room, sizeof(*samples->us));
		ensure(samples->us != NULL);
	}
	samples->us[samples->n++] = ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}

/* Only what a server of now has answered. */
static void
on_record(void *ctx, const struct journal_access *access, const struct journal_text *strings)
{
	struct farms_view *view = ctx;
	uint32_t i;

	(void)strings;
	if ((access->flags & JOURNAL_HAS_UPSTREAM) == 0 || access->upstream_status == 0 ||
	    access->server_slot >= view->slots_n)
		return;
	i = view->index_of[access->server_slot];
	if (i != ABI_NONE && img_server(view->img, i)->incarnation == access->server_incarnation)
		sample_add(&view->samples[i], access->first_byte_ns);
}

static void
samples_read(struct farms_view *view)
{
	struct recent *recent = calloc(1, sizeof(*recent));
	uint32_t n = img_n(view->img, IMG_SERVERS);

	ensure(recent != NULL);
	view->samples = calloc(n + 1, sizeof(*view->samples));
	ensure(view->samples != NULL);
	for (uint32_t i = 0; i < n; i++)
		if (img_server(view->img, i)->slot >= view->slots_n)
			view->slots_n = img_server(view->img, i)->slot + 1;
	view->index_of = malloc((view->slots_n + 1) * sizeof(*view->index_of));
	ensure(view->index_of != NULL);
	memset(view->index_of, 0xff, (view->slots_n + 1) * sizeof(*view->index_of));
	for (uint32_t i = 0; i < n; i++)
		view->index_of[img_server(view->img, i)->slot] = i;
	recent->dataplane_fd = view->state->dataplane_fd;
	recent_read(recent, on_record, view);
	recent_close(recent);
	free(recent);
}

static int
us_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* null when nothing is known. */
static json_t *
latency_json(const struct samples *samples)
{
	size_t n = samples->n;

	if (n == 0)
		return json_null();
	qsort(samples->us, n, sizeof(*samples->us), us_order);
	return json_pack("{s:I, s:I, s:I, s:I}", "requests", (json_int_t)n, "p50_us",
			 (json_int_t)samples->us[(n - 1) / 2], "p99_us",
			 (json_int_t)samples->us[(n - 1) * 99 / 100], "max_us",
			 (json_int_t)samples->us[n - 1]);
}

/* ---- the answer; print reads it again from here ---- */

static json_t *
failure_json(const struct farms_view *view, const struct img_server *server)
{
	uint64_t at, cause;

	if (!boards_server_newest(view->boards, "server_failed_at", "server_failed_cause",
				  server->slot, server->incarnation, &at, &cause))
		return json_null();
	return json_pack("{s:I, s:s, s:s}", "ago_ms",
			 (json_int_t)(view->now_ns > at ? (view->now_ns - at) / 1000000 : 0),
			 "cause_word", journal_cause_name((uint32_t)cause), "cause",
			 journal_cause_text((uint32_t)cause));
}

/* Numbers of the boards, added up in a farm's object too. */
static void
counts_put(const struct farms_view *view, const struct img_server *server, json_t *object,
	   json_t *farm)
{
	static const struct {
		const char *key, *word;
	} counts[] = {
		{ "conns", "server_conns" },	       { "conns_idle", "server_conns_idle" },
		{ "in_flight", "server_in_flight" },   { "requests", "server_requests" },
		{ "failures", "server_failures" },     { "dial_failures", "server_dial_failures" },
		{ "status_2xx", "server_status_2xx" }, { "status_3xx", "server_status_3xx" },
		{ "status_4xx", "server_status_4xx" }, { "status_5xx", "server_status_5xx" },
		{ "bytes_out", "server_bytes_out" },   { "bytes_in", "server_bytes_in" },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		long long n = (long long)boards_server_sum(view->boards, counts[i].word,
							   server->slot, server->incarnation);

		json_object_set_new(object, counts[i].key, json_integer(n));
		json_object_set_new(farm, counts[i].key,
				    json_integer(ctl_number(farm, counts[i].key) + n));
	}
}

/* Whether it may get requests now. */
static bool
is_usable(const struct farms_view *view, const struct img_server *server,
	  const struct server_facts *facts)
{
	return facts->said.admin == RUNTIME_ADMIN_UP && facts->weight > 0 &&
	       (facts->resting_n == 0 || facts->resting_n < view->boards->n) &&
	       (!ip_is_none(&server->ip) || facts->said.address_n > 0);
}

static json_t *
server_json(const struct farms_view *view, uint32_t i, json_t *farm, bool *ret_usable)
{
	const struct img_server *server = img_server(view->img, i);
	struct server_facts facts = server_facts_of(view->state, view->boards, view->img, i);
	json_t *object = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:o, s:i}", "server", facts.name,
				   "state", runtime_admin_name(facts.said.admin), "health",
				   server_health_word(&facts, view->boards->n), "resting_lanes",
				   (json_int_t)facts.resting_n, "weight", (json_int_t)facts.weight,
				   "host", img_text(view->img, server->host), "addresses",
				   server_addresses_json(server, &facts.said), "http_port",
				   (int)server->http_port);

	counts_put(view, server, object, farm);
	json_object_set_new(object, "latency", latency_json(&view->samples[i]));
	json_object_set_new(object, "last_failure", failure_json(view, server));
	*ret_usable = is_usable(view, server, &facts);
	return object;
}

/* Listeners whose requests come here unless a rule sends them elsewhere. */
static json_t *
listeners_json(const struct img *img, uint32_t farm_i)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < img_n(img, IMG_LISTENERS); i++)
		if (img_listener(img, i)->farm_i == farm_i)
			json_array_append_new(
				list, json_string(img_text(img, img_listener(img, i)->name)));
	return list;
}

static json_t *
farm_json(const struct farms_view *view, uint32_t farm_i)
{
	const struct img_farm *farm = img_farm(view->img, farm_i);
	json_t *object = json_pack("{s:s}", "farm", img_text(view->img, farm->name));
	json_t *servers = json_array();
	struct samples all = { 0 };
	uint32_t usable_n = 0;

	for (uint32_t i = farm->first_server; i < farm->first_server + farm->server_n; i++) {
		bool is_usable_now;

		json_array_append_new(servers, server_json(view, i, object, &is_usable_now));
		usable_n += is_usable_now;
		for (size_t k = 0; k < view->samples[i].n; k++)
			sample_add(&all, (uint64_t)view->samples[i].us[k] * 1000);
	}
	json_object_set_new(object, "state",
			    json_string(view->boards->n == 0	     ? "unknown"
					: usable_n == farm->server_n ? "up"
					: usable_n > 0		     ? "degraded"
								     : "down"));
	json_object_set_new(object, "servers_usable", json_integer(usable_n));
	json_object_set_new(object, "listeners", listeners_json(view->img, farm_i));
	json_object_set_new(object, "retries", json_integer(farm->retries));
	json_object_set_new(object, "connect_ms",
			    json_integer((json_int_t)(farm->connect_ns / 1000000)));
	json_object_set_new(object, "send_ms", json_integer((json_int_t)(farm->send_ns / 1000000)));
	json_object_set_new(object, "receive_ms",
			    json_integer((json_int_t)(farm->receive_ns / 1000000)));
	json_object_set_new(object, "rest_ms", json_integer((json_int_t)(farm->rest_ns / 1000000)));
	json_object_set_new(object, "latency", latency_json(&all));
	json_object_set_new(object, "servers", servers);
	free(all.us);
	return object;
}

/* ---- for people ---- */

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "-";
}

static const char *
us_text(const json_t *latency, const char *key, char text[32])
{
	long long us = ctl_number(latency, key);

	if (json_is_null(latency))
		snprintf(text, 32, "-");
	else if (us < 1000)
		snprintf(text, 32, "%lldus", us);
	else if (us < 1000000)
		snprintf(text, 32, "%lld.%lldms", us / 1000, us / 100 % 10);
	else
		snprintf(text, 32, "%lld.%llds", us / 1000000, us / 100000 % 10);
	return text;
}

static void
row_print(const json_t *object, const char *name, const char *state)
{
	const json_t *latency = json_object_get(object, "latency");
	char p50[32], p99[32];

	printf("%-18s %-9s %6lld %6lld %10lld %7lld %8s %8s\n", name, state,
	       ctl_number(object, "conns"), ctl_number(object, "in_flight"),
	       ctl_number(object, "requests"),
	       ctl_number(object, "failures") + ctl_number(object, "dial_failures"),
	       us_text(latency, "p50_us", p50), us_text(latency, "p99_us", p99));
}

static void
failure_print(const json_t *server)
{
	const json_t *failure = json_object_get(server, "last_failure");
	long long s = ctl_number(failure, "ago_ms") / 1000;

	if (json_is_null(failure))
		return;
	printf("    last failure ");
	if (s < 120)
		printf("%lld s", s);
	else if (s < 7200)
		printf("%lld min", s / 60);
	else
		printf("%lld h", s / 3600);
	printf(" ago: %s\n", text_of(failure, "cause"));
}

/* What an operator said, else what the lanes found. */
static const char *
state_word(const json_t *server)
{
	const char *state = text_of(server, "state"), *health = text_of(server, "health");

	if (strcmp(state, runtime_admin_name(RUNTIME_ADMIN_UP)) != 0)
		return state;
	return strncmp(health, "resting", 7) == 0
		       ? (strcmp(health, "resting") == 0 ? "resting" : "resting~")
		       : state;
}

static void
more_print(const json_t *server)
{
	const json_t *addresses = json_object_get(server, "addresses"), *address;
	char max[32];
	size_t i;

	printf("    %s:%lld", text_of(server, "host"), ctl_number(server, "http_port"));
	json_array_foreach(addresses, i, address) if (strcmp(json_string_value(address),
							     text_of(server, "host")) != 0)
		printf("%s%s", i == 0 ? " = " : ", ", json_string_value(address));
	printf(", weight %lld, %lld connections idle\n", ctl_number(server, "weight"),
	       ctl_number(server, "conns_idle"));
	printf("    responses: %lld below 300, %lld 3xx, %lld 4xx, %lld 5xx; failed: %lld "
	       "requests, "
	       "%lld connections\n",
	       ctl_number(server, "status_2xx"), ctl_number(server, "status_3xx"),
	       ctl_number(server, "status_4xx"), ctl_number(server, "status_5xx"),
	       ctl_number(server, "failures"), ctl_number(server, "dial_failures"));
	printf("    bytes: %lld out, %lld in; slowest first byte of late %s\n",
	       ctl_number(server, "bytes_out"), ctl_number(server, "bytes_in"),
	       us_text(json_object_get(server, "latency"), "max_us", max));
}

static void
farm_print(const json_t *farm, bool shows_more)
{
	const json_t *server, *listener;
	struct arena arena = { 0 };
	size_t i;

	row_print(farm, text_of(farm, "farm"), text_of(farm, "state"));
	if (shows_more) {
		printf("  listeners");
		json_array_foreach(json_object_get(farm, "listeners"), i, listener)
			printf(" %s", json_string_value(listener));
		printf("%s; retries %lld; timeouts: connect %lld ms, send %lld ms, receive %lld "
		       "ms; "
		       "rest %lld ms\n",
		       i == 0 ? " none" : "", ctl_number(farm, "retries"),
		       ctl_number(farm, "connect_ms"), ctl_number(farm, "send_ms"),
		       ctl_number(farm, "receive_ms"), ctl_number(farm, "rest_ms"));
	}
	json_array_foreach(json_object_get(farm, "servers"), i, server)
	{
		row_print(server, arena_format(&arena, "  %s", text_of(server, "server")),
			  state_word(server));
		if (shows_more)
			more_print(server);
		failure_print(server);
	}
	arena_fini(&arena);
}

/* ---- the verb ---- */

/* One farm, or all (NULL). False: there is none of this name. */
static bool
farms_show(const struct ctl *ctl, const struct farms_view *view, const char *name)
{
	json_t *list = json_array(), *farm;
	size_t i;

	for (uint32_t k = 0; k < img_n(view->img, IMG_FARMS); k++)
		if (name == NULL ||
		    strcmp(img_text(view->img, img_farm(view->img, k)->name), name) == 0)
			json_array_append_new(list, farm_json(view, k));
	if (name != NULL && json_array_size(list) == 0) {
		json_decref(list);
		return false;
	}
	if (ctl->is_json) {
		ctl_print_json(name == NULL ? json_incref(list)
					    : json_incref(json_array_get(list, 0)));
	} else {
		printf("%-18s %-9s %6s %6s %10s %7s %8s %8s\n", "FARM", "STATE", "CONNS", "BUSY",
		       "REQUESTS", "ERRORS", "P50", "P99");
		json_array_foreach(list, i, farm) farm_print(farm, name != NULL);
	}
	json_decref(list);
	return true;
}

static int
view_show(const struct ctl *ctl, const struct state *state, const struct img *img, const char *name)
{
	struct boards boards = { 0 };
	struct farms_view view = { .state = state, .boards = &boards, .img = img };
	struct timespec now;
	int verdict = CTL_DONE;

	boards_open(state->dataplane_fd, state->has_facts ? state->facts.lane_n : 0, &boards);
	clock_gettime(CLOCK_MONOTONIC, &now);
	view.now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	samples_read(&view);
	if (!farms_show(ctl, &view, name))
		verdict = ctl_failed(ctl, "there is no farm '%s'; penstockctl farms lists them",
				     name);
	for (uint32_t i = 0; i < img_n(img, IMG_SERVERS); i++)
		free(view.samples[i].us);
	free(view.samples);
	free(view.index_of);
	boards_close(&boards);
	return verdict;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	const struct tables *tables;
	const char *why = NULL;
	struct state state;
	int verdict;

	if (argc != 1 && (argc != 3 || strcmp(argv[1], "show") != 0))
		return ctl_usage("farms", "takes nothing, or: show NAME");
	if (!state_open(ctl->run, &state, &why))
		return ctl_failed(ctl, "%s %s", ctl->run, why);
	tables = state_tables(&state);
	if (tables == NULL)
		verdict = ctl_failed(ctl, "%s has no published tables", ctl->run);
	else
		verdict = view_show(ctl, &state, &tables->img, argc == 3 ? argv[2] : NULL);
	state_close(&state);
	return verdict;
}

const struct ctl_verb ctl_verb_farms = {
	.name = "farms",
	.args = "[show NAME]",
	.what = "print farms and servers: state, work, errors, latency, last failure",
	.help = "STATE of a farm: up (all servers may get requests), degraded (some), down "
		"(none);\n"
		"of a server what an operator said, else what the lanes found: resting after a\n"
		"failure, 'resting~' on some lanes only. BUSY are requests in progress, ERRORS\n"
		"requests and connections that failed. P50 and P99 are the median and the 99th\n"
		"percentile of the time to a response's first byte, of the requests that\n"
		"penstockctl logs still knows.\n\n"
		"  show NAME  one farm, with its settings and all that is counted\n\n"
		"Example: penstockctl farms show app\n",
	.run = run,
};
