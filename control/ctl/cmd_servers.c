/*
 * cmd_servers.c - penstockctl servers: every server, its state and its work over all lanes.
 */
#include <string.h>
#include <time.h>

#include "conf/value.h"
#include "ctl/ctl.h"
#include "run/boards.h"
#include "run/state.h"

/* One server as the boards and runtime see it. */
struct server_facts {
	const char *farm, *name;
	struct runtime_server said;
	uint32_t weight;
	uint32_t resting_n; /* lanes that leave it alone after a failure */
	uint64_t in_flight, conns, requests, failures, dial_failures;
};

static uint64_t
of_server(const struct boards *boards, const char *word, const struct img_server *server)
{
	return boards_server_sum(boards, word, server->slot, server->incarnation);
}

static struct server_facts
facts_of(const struct state *state, const struct boards *boards, const struct img *img, uint32_t i)
{
	const struct img_server *server = img_server(img, i);
	struct server_facts facts = {
		.farm = img_text(img, img_farm(img, server->farm_i)->name),
		.name = img_text(img, server->name),
		.weight = server->weight,
		.in_flight = of_server(boards, "server_in_flight", server),
		.conns = of_server(boards, "server_conns", server),
		.requests = of_server(boards, "server_requests", server),
		.failures = of_server(boards, "server_failures", server),
		.dial_failures = of_server(boards, "server_dial_failures", server),
	};

	runtime_server(&state->runtime, server->slot, server->incarnation, &facts.said);
	if ((facts.said.flags & RUNTIME_WEIGHT) != 0)
		facts.weight = facts.said.weight;
	facts.resting_n = boards_server_count(boards, "server_health", server->slot,
					      server->incarnation, BOARD_HEALTH_RESTING);
	return facts;
}

/* "10.0.0.11:8080", or a name with what it resolves to. */
static const char *
address_text(struct arena *arena, const struct img *img, const struct img_server *server,
	     const struct runtime_server *said)
{
	char ip[VALUE_IP_TEXT];
	const char *text = img_text(img, server->host);

	if (!ip_is_none(&server->ip)) {
		char endpoint[VALUE_ENDPOINT_TEXT];

		value_endpoint_text(&server->ip, server->http_port, endpoint);
		return arena_text(arena, endpoint, strlen(endpoint));
	}
	text = arena_format(arena, "%s:%u", text, server->http_port);
	if (said->address_n == 0)
		return arena_format(arena, "%s (unresolved)", text);
	text = arena_format(arena, "%s (%s", text, value_ip_text(&said->address[0], ip));
	for (uint32_t i = 1; i < said->address_n; i++)
		text = arena_format(arena, "%s, %s", text, value_ip_text(&said->address[i], ip));
	return arena_format(arena, "%s)", text);
}

static json_t *
addresses_json(const struct img_server *server, const struct runtime_server *said)
{
	json_t *list = json_array();
	char text[VALUE_IP_TEXT];

	if (!ip_is_none(&server->ip))
		json_array_append_new(list, json_string(value_ip_text(&server->ip, text)));
	for (uint32_t i = 0; ip_is_none(&server->ip) && i < said->address_n; i++)
		json_array_append_new(list, json_string(value_ip_text(&said->address[i], text)));
	return list;
}

static const char *
health_word(const struct server_facts *facts, uint32_t lanes)
{
	if (lanes == 0)
		return "unknown";
	if (facts->resting_n == 0)
		return "good";
	return facts->resting_n < lanes ? "resting_on_some_lanes" : "resting";
}

static json_t *
server_json(const struct img *img, uint32_t i, const struct server_facts *facts, uint32_t lanes)
{
	const struct img_server *server = img_server(img, i);

	return json_pack(
		"{s:s, s:s, s:s, s:o, s:i, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "farm",
		facts->farm, "server", facts->name, "host", img_text(img, server->host),
		"addresses", addresses_json(server, &facts->said), "http_port", server->http_port,
		"weight", (json_int_t)facts->weight, "state", runtime_admin_name(facts->said.admin),
		"health", health_word(facts, lanes), "resting_lanes", (json_int_t)facts->resting_n,
		"in_flight", (json_int_t)facts->in_flight, "conns", (json_int_t)facts->conns,
		"requests", (json_int_t)facts->requests, "failures", (json_int_t)facts->failures,
		"dial_failures", (json_int_t)facts->dial_failures);
}

static void
server_print(const struct img *img, uint32_t i, const struct server_facts *facts, uint32_t lanes,
	     struct arena *arena)
{
	const char *health = health_word(facts, lanes);

	if (facts->resting_n > 0)
		health = arena_format(arena, "resting %u/%u", facts->resting_n, lanes);
	printf("%-24s %-8s %-12s %6u %8llu %8llu %10llu %8llu  %s\n",
	       arena_format(arena, "%s/%s", facts->farm, facts->name),
	       runtime_admin_name(facts->said.admin), health, facts->weight,
	       (unsigned long long)facts->in_flight, (unsigned long long)facts->conns,
	       (unsigned long long)facts->requests,
	       (unsigned long long)(facts->failures + facts->dial_failures),
	       address_text(arena, img, img_server(img, i), &facts->said));
}

static void
servers_show(const struct ctl *ctl, const struct state *state, const struct boards *boards,
	     const struct img *img)
{
	struct arena arena = { 0 };
	json_t *list = ctl->is_json ? json_array() : NULL;

	if (!ctl->is_json)
		printf("%-24s %-8s %-12s %6s %8s %8s %10s %8s  %s\n", "SERVER", "STATE", "HEALTH",
		       "WEIGHT", "INFLIGHT", "CONNS", "REQUESTS", "FAILED", "ADDRESS");
	for (uint32_t i = 0; i < img_n(img, IMG_SERVERS); i++) {
		struct server_facts facts = facts_of(state, boards, img, i);

		if (ctl->is_json)
			json_array_append_new(list, server_json(img, i, &facts, boards->n));
		else
			server_print(img, i, &facts, boards->n, &arena);
	}
	if (ctl->is_json)
		ctl_print_json(list);
	arena_fini(&arena);
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	const struct tables *tables;
	const char *why = NULL;
	struct boards boards;
	struct state state;
	int verdict = CTL_DONE;

	(void)argv;
	if (argc != 1)
		return ctl_usage("servers", "takes no arguments");
	if (!state_open(ctl->run, &state, &why))
		return ctl_failed(ctl, "%s %s", ctl->run, why);
	boards_open(state.dataplane_fd, state.has_facts ? state.facts.lane_n : 0, &boards);
	tables = state_tables(&state);
	if (tables == NULL)
		verdict = ctl_failed(ctl, "%s has no published tables", ctl->run);
	else
		servers_show(ctl, &state, &boards, &tables->img);
	boards_close(&boards);
	state_close(&state);
	return verdict;
}

const struct ctl_verb ctl_verb_servers = {
	.name = "servers",
	.args = "",
	.what = "print every server: state, health, work",
	.help = "STATE is what an operator said (penstockctl server), HEALTH what the lanes "
		"found;\n"
		"'resting 1/4': one of four lanes leaves it alone after a failure.\n\n"
		"Example: penstockctl servers\n",
	.run = run,
};
