/*
 * cmd_servers.c - penstockctl servers: every server, its state and its work over all lanes.
 */
#include "ctl/ctl.h"
#include "ctl/server_facts.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

static json_t *
server_json(const struct img *img, uint32_t i, const struct server_facts *facts, uint32_t lanes)
{
	const struct img_server *server = img_server(img, i);

	return json_pack(
		"{s:s, s:s, s:s, s:o, s:i, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "farm",
		facts->farm, "server", facts->name, "host", img_text(img, server->host),
		"addresses", server_addresses_json(server, &facts->said), "http_port",
		server->http_port, "weight", (json_int_t)facts->weight, "state",
		runtime_admin_name(facts->said.admin), "health", server_health_word(facts, lanes),
		"resting_lanes", (json_int_t)facts->resting_n, "in_flight",
		(json_int_t)facts->in_flight, "conns", (json_int_t)facts->conns, "requests",
		(json_int_t)facts->requests, "failures", (json_int_t)facts->failures,
		"dial_failures", (json_int_t)facts->dial_failures);
}

static void
server_add(struct table *table, const struct img *img, uint32_t i, const struct server_facts *facts,
	   uint32_t lanes, struct arena *arena)
{
	const char *health = server_health_word(facts, lanes);

	if (facts->resting_n > 0)
		health = arena_format(arena, "resting %u/%u", facts->resting_n, lanes);
	table_add(table, (const char *[]){
				 arena_format(arena, "%s/%s", facts->farm, facts->name),
				 runtime_admin_name(facts->said.admin),
				 health,
				 arena_format(arena, "%u", facts->weight),
				 arena_format(arena, "%llu", (unsigned long long)facts->in_flight),
				 arena_format(arena, "%llu", (unsigned long long)facts->conns),
				 arena_format(arena, "%llu", (unsigned long long)facts->requests),
				 arena_format(arena, "%llu",
					      (unsigned long long)(facts->failures +
								   facts->dial_failures)),
				 server_address_text(arena, img, img_server(img, i), &facts->said),
			 });
}

static void
servers_print(const struct state *state, const struct boards *boards, const struct img *img)
{
	static const struct table_column columns[] = {
		{ .head = "SERVER" },
		{ .head = "STATE" },
		{ .head = "HEALTH" },
		{ .head = "WEIGHT", .is_number = true },
		{ .head = "INFLIGHT", .is_number = true },
		{ .head = "CONNS", .is_number = true },
		{ .head = "REQUESTS", .is_number = true },
		{ .head = "FAILED", .is_number = true },
		{ .head = "ADDRESS" },
	};
	struct arena arena = { 0 };
	struct table table;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (uint32_t i = 0; i < img_n(img, IMG_SERVERS); i++) {
		struct server_facts facts = server_facts_of(state, boards, img, i);

		server_add(&table, img, i, &facts, boards->n, &arena);
	}
	table_print(&table, stdout, terminal_size().columns);
	table_fini(&table);
	arena_fini(&arena);
}

static void
servers_show(const struct ctl *ctl, const struct state *state, const struct boards *boards,
	     const struct img *img)
{
	json_t *list;

	if (!ctl->is_json) {
		servers_print(state, boards, img);
		return;
	}
	list = json_array();
	for (uint32_t i = 0; i < img_n(img, IMG_SERVERS); i++) {
		struct server_facts facts = server_facts_of(state, boards, img, i);

		json_array_append_new(list, server_json(img, i, &facts, boards->n));
	}
	ctl_print_json(list);
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
