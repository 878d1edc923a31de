/*
 * cmd_status.c - penstockctl status: who runs, what runs, what is pending or overridden.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/value.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "ctl/terminal.h"
#include "ctl/tuning.h"
#include "run/state.h"

struct status {
	const struct ctl *ctl;
	struct state state;
	struct arena arena;
	json_t *control; /* the daemon's own answer; NULL: it does not run or does not admit us */
	struct conf_changes pending;
	struct tables started; /* the image the data plane started with */
};

/* What waits for a restart: the newest tables against those the data plane started with. */
static void
pending_find(struct status *status)
{
	const struct state *state = &status->state;
	struct abi_fault fault;

	if (!state->has_facts || state->newest.generation == 0 ||
	    state->facts.start_generation == 0 ||
	    state->facts.start_generation == state->newest.generation ||
	    !tables_open(state->control_fd, state->facts.start_generation, &status->started,
			 &fault))
		return;
	conf_diff(&status->started.img, &state->newest.img, &status->arena, &status->pending);
}

static json_t *
pending_json(struct status *status)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < status->pending.n; i++)
		if (status->pending.change[i].is_at_restart)
			json_array_append_new(
				list, json_string(conf_change_text(&status->pending.change[i],
								   &status->arena)));
	return list;
}

/* ---- parts of the answer; print reads them again from here ---- */

static json_t *
dataplane_json(const struct state *state)
{
	const struct instance_facts *facts = &state->facts;
	char text[ABI_FAULT_TEXT_BYTES];
	json_t *object;

	if (state->dataplane_pid == 0)
		return json_null();
	if (!state->has_facts)
		return json_pack("{s:i}", "pid", (int)state->dataplane_pid);
	object = json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I}", "pid",
			   (int)state->dataplane_pid, "version", facts->version, "started",
			   (json_int_t)(facts->started_ns / 1000000000), "generation",
			   (json_int_t)facts->generation, "newest_generation",
			   (json_int_t)facts->newest_generation, "start_generation",
			   (json_int_t)facts->start_generation, "verdict",
			   instance_verdict_name(facts->verdict), "views",
			   (json_int_t)facts->views_n, "cores", (json_int_t)facts->core_n,
			   "server_slots", (json_int_t)facts->server_slots);
	if (facts->fault.kind != ABI_FAULT_NONE)
		json_object_set_new(
			object, "fault",
			json_string(abi_fault_print(&facts->fault, text, sizeof(text))));
	return object;
}

/* null: the port has no exception path. */
static json_t *
except_json(const struct instance_except *except)
{
	if (except->interface[0] == '\0')
		return json_null();
	return json_pack("{s:s, s:{s:I, s:I}, s:{s:I, s:I}, s:I, s:I}", "interface",
			 except->interface, "to_kernel", "packets",
			 (json_int_t)except->to_kernel_packets, "bytes",
			 (json_int_t)except->to_kernel_bytes, "from_kernel", "packets",
			 (json_int_t)except->from_kernel_packets, "bytes",
			 (json_int_t)except->from_kernel_bytes, "full", (json_int_t)except->full,
			 "refused", (json_int_t)except->refused);
}

static json_t *
counts_json(const struct instance_count *count)
{
	json_t *object = json_object();

#define X(name, what) json_object_set_new(object, #name, json_integer((json_int_t)count->name));
	INSTANCE_COUNT_LIST(X)
#undef X
	return object;
}

static json_t *
port_json(const struct instance_port *port, const struct instance_except *except,
	  const struct instance_count *count)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} facts[] = {
		{ INSTANCE_PORT_CSUM_TX, "checksum_tx" },
		{ INSTANCE_PORT_CSUM_RX, "checksum_rx" },
		{ INSTANCE_PORT_MULTI_SEGS, "multi_segs" },
		{ INSTANCE_PORT_TSO, "tso" },
		{ INSTANCE_PORT_LRO, "lro" },
		{ INSTANCE_PORT_HASH, "rss_hash" },
	};
	json_t *able = json_array();
	char mac[24];

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		if ((port->flags & facts[i].flag) != 0)
			json_array_append_new(able, json_string(facts[i].name));
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", port->mac[0], port->mac[1],
		 port->mac[2], port->mac[3], port->mac[4], port->mac[5]);
	return json_pack(
		"{s:s, s:s, s:b, s:s, s:i, s:i, s:i, s:s, s:I, s:I, s:I, s:o, s:o, s:o}", "name",
		port->name, "driver", port->driver, "up", (port->flags & INSTANCE_PORT_UP) != 0,
		"mac", mac, "queues", port->queues, "mtu", port->mtu, "vlan", port->vlan,
		"steering", instance_steering_name(port->steering), "judged",
		(json_int_t)port->steering_judged, "wrong", (json_int_t)port->steering_wrong,
		"speed_mbps", (json_int_t)port->speed_mbps, "offloads", able, "exception",
		except_json(except), "counts", counts_json(count));
}

static json_t *
ports_json(const struct state *state)
{
	json_t *list = json_array();

	for (uint32_t i = 0; state->has_facts && i < state->facts.port_n; i++)
		json_array_append_new(list,
				      port_json(&state->facts.port[i], &state->facts.except[i],
						&state->facts.count[i]));
	return list;
}

static json_t *
lanes_json(const struct state *state)
{
	json_t *list = json_array();

	for (uint32_t i = 0; state->has_facts && i < state->facts.lane_n; i++)
		json_array_append_new(list,
				      json_pack("{s:I, s:I, s:I}", "lane", (json_int_t)i, "core",
						(json_int_t)state->facts.lane[i].core_i, "cpu",
						(json_int_t)state->facts.lane[i].cpu));
	return list;
}

/* Lanes that an operator has moved, processors that one has added or released, and keys. */
static void
cores_overridden(const struct runtime *runtime, json_t *list)
{
	char text[VALUE_DURATION_TEXT];

	for (uint32_t i = 0; i < IMG_LANES_MAX; i++) {
		uint32_t cpu = runtime_lane_cpu(runtime, i);

		if (cpu != ABI_NONE)
			json_array_append_new(list, json_pack("{s:I, s:I}", "lane", (json_int_t)i,
							      "cpu", (json_int_t)cpu));
	}
	for (uint32_t i = 0; i < runtime->head.cpu_n; i++) {
		struct runtime_cpu at = runtime_cpu(runtime, i);

		if (at.said != RUNTIME_CORE_NONE)
			json_array_append_new(list,
					      json_pack("{s:I, s:s}", "core", (json_int_t)at.cpu,
							"said", runtime_core_name(at.said)));
	}
	for (enum runtime_tune key = 0; key < RUNTIME_TUNES; key++) {
		uint64_t v = runtime_tune(runtime, key);

		if (v != RUNTIME_TUNE_UNSAID)
			json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "tune",
							      runtime_tune_key(key)->name, "value",
							      (json_int_t)v, "text",
							      tuning_text(key, v, text)));
	}
}

/* Servers of which an operator has said something, and lanes. */
static json_t *
overrides_json(const struct state *state)
{
	const struct tables *tables = state_tables(state);
	json_t *list = json_array();

	for (uint32_t i = 0; tables != NULL && i < img_n(&tables->img, IMG_SERVERS); i++) {
		const struct img *img = &tables->img;
		const struct img_server *server = img_server(img, i);
		struct runtime_server said;
		json_t *object;

		runtime_server(&state->runtime, server->slot, server->incarnation, &said);
		if (said.admin == RUNTIME_ADMIN_UP && (said.flags & RUNTIME_WEIGHT) == 0)
			continue;
		object = json_pack("{s:s, s:s, s:s}", "farm",
				   img_text(img, img_farm(img, server->farm_i)->name), "server",
				   img_text(img, server->name), "state",
				   runtime_admin_name(said.admin));
		if ((said.flags & RUNTIME_WEIGHT) != 0)
			json_object_set_new(object, "weight", json_integer(said.weight));
		json_array_append_new(list, object);
	}
	if (state->runtime.bytes != NULL)
		cores_overridden(&state->runtime, list);
	return list;
}

static json_t *
control_json(const struct status *status)
{
	json_t *object;

	if (status->state.control_pid == 0)
		return json_null();
	object = json_pack("{s:i}", "pid", (int)status->state.control_pid);
	if (status->control != NULL) {
		json_object_update(object, status->control);
		json_object_del(object, "ok");
		json_object_del(object, "access_log");
		json_object_del(object, "names");
	}
	return object;
}

static json_t *
status_json(struct status *status)
{
	const struct state *state = &status->state;
	json_t *object = json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "control",
				   control_json(status), "dataplane", dataplane_json(state),
				   "newest", (json_int_t)state->newest.generation, "ports",
				   ports_json(state), "lanes", lanes_json(state), "overrides",
				   overrides_json(state), "pending", pending_json(status));

	json_object_set(object, "access_log", json_object_get(status->control, "access_log"));
	json_object_set(object, "names", json_object_get(status->control, "names"));
	return object;
}

/* ---- for people ---- */

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static void
programs_print(const json_t *all)
{
	const json_t *control = json_object_get(all, "control");
	const json_t *dataplane = json_object_get(all, "dataplane");

	if (json_is_null(control))
		printf("%-12s does not run: nothing can be applied, requests are served\n",
		       "control");
	else
		printf("%-12s pid %lld  %s\n", "control", ctl_number(control, "pid"),
		       text_of(control, "config"));
	if (json_is_null(dataplane)) {
		printf("%-12s does not run: nothing is served\n", "data plane");
		printf("%-12s generation %lld published\n", "tables", ctl_number(all, "newest"));
		return;
	}
	printf("%-12s pid %lld  version %s\n", "data plane", ctl_number(dataplane, "pid"),
	       text_of(dataplane, "version"));
	printf("%-12s generation %lld runs; newest %lld: %s%s%s\n", "tables",
	       ctl_number(dataplane, "generation"), ctl_number(all, "newest"),
	       ctl_number(dataplane, "newest_generation") == ctl_number(all, "newest")
		       ? text_of(dataplane, "verdict")
		       : "not judged yet",
	       json_object_get(dataplane, "fault") != NULL ? ": " : "",
	       text_of(dataplane, "fault"));
}

/* The next core above this number that runs lanes; LLONG_MAX: there is none. */
static long long
core_after(const json_t *lanes, long long core)
{
	long long next = LLONG_MAX;
	const json_t *lane;
	size_t i;

	json_array_foreach(lanes, i, lane)
	{
		long long at = ctl_number(lane, "cpu");

		next = at > core && at < next ? at : next;
	}
	return next;
}

/* "0 2 on core 1; 1 3 on core 2" */
static void
lanes_print(const json_t *lanes, struct arena *arena)
{
	const char *text = "";
	const json_t *lane;
	size_t i;

	for (long long core = core_after(lanes, -1); core != LLONG_MAX;
	     core = core_after(lanes, core)) {
		text = arena_format(arena, "%s%s", text, text[0] != '\0' ? "; " : "");
		json_array_foreach(lanes, i, lane)
		{
			if (ctl_number(lane, "cpu") == core)
				text = arena_format(arena, "%s%lld ", text,
						    ctl_number(lane, "lane"));
		}
		text = arena_format(arena, "%son core %lld", text, core);
	}
	if (text[0] == '\0')
		return;
	printf("%-12s ", "lanes");
	ctl_print_wrapped(stdout, text, 13, terminal_width());
}

static const char *
number_text(struct arena *arena, const json_t *object, const char *key)
{
	return arena_format(arena, "%lld", ctl_number(object, key));
}

/* A line of a table about ports, if there is one to tell. */
typedef void row_add(struct table *table, const json_t *port, struct arena *arena);

/* Lines of all ports behind an empty one; no lines, no table. */
static void
table_of_ports(const json_t *ports, const struct table_column *columns, size_t n, row_add *add,
	       struct arena *arena)
{
	struct table table;
	const json_t *port;
	size_t i;

	table_init(&table, columns, n);
	json_array_foreach(ports, i, port) add(&table, port, arena);
	if (table.row_n > 0) {
		printf("\n");
		table_print(&table, stdout, terminal_size().columns);
	}
	table_fini(&table);
}

static void
port_add(struct table *table, const json_t *port, struct arena *arena)
{
	long long judged = ctl_number(port, "judged"), vlan = ctl_number(port, "vlan");
	const char *steering = text_of(port, "steering");

	if (judged > 0)
		steering = arena_format(arena, "%s, %lld of %lld elsewhere", steering,
					ctl_number(port, "wrong"), judged);
	table_add(table,
		  (const char *[]){
			  text_of(port, "name"),
			  json_is_true(json_object_get(port, "up")) ? "up" : "down",
			  text_of(port, "driver"), text_of(port, "mac"),
			  number_text(arena, port, "queues"), number_text(arena, port, "mtu"),
			  vlan != 0 ? arena_format(arena, "%lld", vlan) : "-", steering });
}

static void
ports_print(const json_t *ports, struct arena *arena)
{
	static const struct table_column columns[] = {
		{ .head = "PORT" },
		{ .head = "LINK" },
		{ .head = "DRIVER" },
		{ .head = "MAC" },
		{ .head = "QUEUES", .is_number = true },
		{ .head = "MTU", .is_number = true },
		{ .head = "VLAN", .is_number = true },
		{ .head = "STEERING" },
	};

	table_of_ports(ports, columns, sizeof(columns) / sizeof(columns[0]), port_add, arena);
}

static void
count_add(struct table *table, const json_t *port, struct arena *arena)
{
	const json_t *counts = json_object_get(port, "counts");

	table_add(table,
		  (const char *[]){ text_of(port, "name"), number_text(arena, counts, "received"),
				    number_text(arena, counts, "sent"),
				    number_text(arena, counts, "missed"),
				    number_text(arena, counts, "no_buffers"),
				    number_text(arena, counts, "send_errors"),
				    number_text(arena, counts, "linearised"),
				    number_text(arena, counts, "unsendable") });
}

/* What devices have counted: what came and went, and what was lost or copied on the way. */
static void
counts_print(const json_t *ports, struct arena *arena)
{
	static const struct table_column columns[] = {
		{ .head = "PORT" },
		{ .head = "RECEIVED", .is_number = true },
		{ .head = "SENT", .is_number = true },
		{ .head = "MISSED", .is_number = true },
		{ .head = "NO BUFS", .is_number = true },
		{ .head = "ERRORS", .is_number = true },
		{ .head = "LINEARISED", .is_number = true },
		{ .head = "UNSENDABLE", .is_number = true },
	};

	table_of_ports(ports, columns, sizeof(columns) / sizeof(columns[0]), count_add, arena);
}

static void
except_add(struct table *table, const json_t *port, struct arena *arena)
{
	const json_t *except = json_object_get(port, "exception");
	const json_t *to = json_object_get(except, "to_kernel");
	const json_t *from = json_object_get(except, "from_kernel");

	if (!json_is_object(except))
		return;
	table_add(table, (const char *[]){ text_of(port, "name"), text_of(except, "interface"),
					   number_text(arena, to, "packets"),
					   number_text(arena, to, "bytes"),
					   number_text(arena, from, "packets"),
					   number_text(arena, from, "bytes"),
					   number_text(arena, except, "full"),
					   number_text(arena, except, "refused") });
}

/* What goes between ports and the kernel, of those that share with it. */
static void
excepts_print(const json_t *ports, struct arena *arena)
{
	static const struct table_column columns[] = {
		{ .head = "PORT" },
		{ .head = "KERNEL'S" },
		{ .head = "TO IT", .is_number = true },
		{ .head = "BYTES", .is_number = true },
		{ .head = "FROM IT", .is_number = true },
		{ .head = "BYTES", .is_number = true },
		{ .head = "FULL", .is_number = true },
		{ .head = "REFUSED", .is_number = true },
	};

	table_of_ports(ports, columns, sizeof(columns) / sizeof(columns[0]), except_add, arena);
}

/* Beside the programs: a failure to log is seen first. */
static void
log_print(const json_t *log, struct arena *arena)
{
	if (!json_is_string(json_object_get(log, "path")))
		return;
	printf("%-12s ", "access log");
	ctl_print_wrapped(
		stdout,
		arena_format(
			arena, "%s: %lld lines written, %lld dropped%s", text_of(log, "path"),
			ctl_number(log, "written"),
			ctl_number(log, "dropped_by_lanes") + ctl_number(log, "dropped_by_control"),
			json_is_true(json_object_get(log, "open")) ? "" : "; it cannot be opened"),
		13, terminal_width());
}

static void
lists_print(const json_t *all)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(all, "overrides"), i, entry)
	{
		printf("%s", i == 0 ? "\noverrides\n  " : "  ");
		if (json_object_get(entry, "lane") != NULL)
			printf("lane %lld runs on core %lld\n", ctl_number(entry, "lane"),
			       ctl_number(entry, "cpu"));
		else if (json_object_get(entry, "core") != NULL)
			printf("core %lld is %s\n", ctl_number(entry, "core"),
			       text_of(entry, "said"));
		else if (json_object_get(entry, "tune") != NULL)
			printf("%s is %s\n", text_of(entry, "tune"), text_of(entry, "text"));
		else
			printf("%s/%s is %s\n", text_of(entry, "farm"), text_of(entry, "server"),
			       strcmp(text_of(entry, "state"), "drain") == 0
				       ? "draining"
				       : text_of(entry, "state"));
	}
	json_array_foreach(json_object_get(all, "pending"), i, entry)
		printf("%s%s\n", i == 0 ? "\npending until the data plane restarts\n  " : "  ",
		       json_string_value(entry));
	json_array_foreach(json_object_get(all, "names"), i, entry)
		printf("%s%s: %zu addresses from %s%s%s\n", i == 0 ? "\nnames\n  " : "  ",
		       text_of(entry, "name"), json_array_size(json_object_get(entry, "addresses")),
		       text_of(entry, "from"), json_object_get(entry, "error") != NULL ? ", " : "",
		       text_of(entry, "error"));
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	struct status *status;
	const char *why = NULL;
	json_t *all;

	(void)argv;
	if (argc != 1)
		return ctl_usage("status", "takes no arguments");
	status = calloc(1, sizeof(*status));
	if (status == NULL || !state_open(ctl->run, &status->state, &why)) {
		free(status);
		return ctl_failed(ctl, "%s %s", ctl->run, why != NULL ? why : "cannot be read");
	}
	status->ctl = ctl;
	if (status->state.control_pid != 0)
		status->control = client_ask(ctl, json_pack("{s:s}", "verb", "status"), NULL, &why);
	pending_find(status);
	all = status_json(status);
	if (ctl->is_json) {
		ctl_print_json(all);
	} else {
		programs_print(all);
		lanes_print(json_object_get(all, "lanes"), &status->arena);
		log_print(json_object_get(all, "access_log"), &status->arena);
		ports_print(json_object_get(all, "ports"), &status->arena);
		counts_print(json_object_get(all, "ports"), &status->arena);
		excepts_print(json_object_get(all, "ports"), &status->arena);
		lists_print(all);
		json_decref(all);
	}
	json_decref(status->control);
	arena_fini(&status->arena);
	tables_close(&status->started);
	state_close(&status->state);
	free(status);
	return CTL_DONE;
}

const struct ctl_verb ctl_verb_status = {
	.name = "status",
	.args = "",
	.what = "print who runs, what runs, what is pending and what was overridden",
	.help = "Answers also while either program is down.\n\nExample: penstockctl status\n",
	.run = run,
};
