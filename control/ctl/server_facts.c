/*
 * server_facts.c - one server out of the boards and runtime, see server_facts.h.
 */
#include "ctl/server_facts.h"

#include <string.h>

#include "conf/value.h"

static uint64_t
of_server(const struct boards *boards, const char *word, const struct img_server *server)
{
	return boards_server_sum(boards, word, server->slot, server->incarnation);
}

struct server_facts
server_facts_of(const struct state *state, const struct boards *boards, const struct img *img,
		uint32_t i)
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

const char *
server_address_text(struct arena *arena, const struct img *img, const struct img_server *server,
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

json_t *
server_addresses_json(const struct img_server *server, const struct runtime_server *said)
{
	json_t *list = json_array();
	char text[VALUE_IP_TEXT];

	if (!ip_is_none(&server->ip))
		json_array_append_new(list, json_string(value_ip_text(&server->ip, text)));
	for (uint32_t i = 0; ip_is_none(&server->ip) && i < said->address_n; i++)
		json_array_append_new(list, json_string(value_ip_text(&said->address[i], text)));
	return list;
}

const char *
server_health_word(const struct server_facts *facts, uint32_t lanes)
{
	if (lanes == 0)
		return "unknown";
	if (facts->resting_n == 0)
		return "good";
	return facts->resting_n < lanes ? "resting_on_some_lanes" : "resting";
}
