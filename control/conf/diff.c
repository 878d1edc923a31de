/*
 * diff.c - what one image has other than another, in words, see conf.h.
 *
 * Records are matched by name and compared field by field along tables that say how a field
 * reads and whether a change waits for the data plane's restart. Addresses, routes, sources and
 * hosts have no names: they are compared as sets of texts. Rules are compared in diff_rules.c.
 */
#include "conf/diff_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "conf/value.h"
#include "view/view.h"

enum field_type {
	FIELD_U16,
	FIELD_U32,
	FIELD_U64,
	FIELD_NS,
	FIELD_STR,
	FIELD_IP,
	FIELD_FLAG, /* a bit of a u32 */
	FIELD_WORD,
	FIELD_PORT, /* an index of ports, IMG_NONE: any */
	FIELD_FARM, /* an index of farms */
	FIELD_SETS, /* of a listener: the sets of rules that it binds */
};

struct field {
	const char *name;
	enum field_type type;
	bool is_at_restart;
	uint16_t at;
	uint32_t bit;
	const char *(*word)(uint32_t v);
};

/* clang-format off */
#define AT(type, member) .at = (uint16_t)offsetof(struct type, member)

static const struct field machine_fields[] = {
	{ "lanes", FIELD_U32, true, AT(img_machine, lanes) },
	{ "poll", FIELD_WORD, true, AT(img_machine, poll), .word = img_poll_name },
	{ "hugepages", FIELD_FLAG, true, AT(img_machine, flags), .bit = IMG_MACHINE_HUGEPAGES },
	{ "access log", FIELD_FLAG, false, AT(img_machine, flags), .bit = IMG_MACHINE_ACCESS_LOG },
	{ "fragments put together", FIELD_FLAG, false, AT(img_machine, flags),
	  .bit = IMG_MACHINE_REASSEMBLES },
	{ "memory (MiB)", FIELD_U32, true, AT(img_machine, memory_mib) },
	{ "connections", FIELD_U32, true, AT(img_machine, conns_max) },
	{ "room for servers", FIELD_U32, true, AT(img_machine, server_slots) },
	{ "tcp.congestion", FIELD_WORD, true, AT(img_machine, congestion),
	  .word = img_congestion_name },
	{ "tcp.ecn offered", FIELD_FLAG, true, AT(img_machine, flags),
	  .bit = IMG_MACHINE_OFFERS_ECN },
	{ "tcp.keepalive", FIELD_NS, true, AT(img_machine, keepalive_idle_ns) },
	{ "tcp.user_timeout", FIELD_NS, true, AT(img_machine, user_timeout_ns) },
	{ "tcp.time_wait", FIELD_NS, true, AT(img_machine, time_wait_ns) },
	{ "tcp.send_buffer", FIELD_U32, true, AT(img_machine, send_max_bytes) },
	{ "tcp.receive_buffer", FIELD_U32, true, AT(img_machine, recv_max_bytes) },
	{ "limits.head", FIELD_U32, false, AT(img_machine, head_max_bytes) },
	{ "limits.target", FIELD_U32, false, AT(img_machine, target_max_bytes) },
	{ "limits.fields", FIELD_U32, false, AT(img_machine, fields_max) },
	{ "limits.body", FIELD_U64, false, AT(img_machine, body_max_bytes) },
	{ "pseudonym", FIELD_STR, false, AT(img_machine, pseudonym) },
	{ NULL },
};

static const struct field port_fields[] = {
	{ "device", FIELD_STR, true, AT(img_port, device) },
	{ "device kind", FIELD_WORD, true, AT(img_port, kind), .word = img_device_name },
	{ "role", FIELD_WORD, true, AT(img_port, role), .word = img_role_name },
	{ "id", FIELD_U32, true, AT(img_port, link_id) },
	{ "checksums trusted", FIELD_FLAG, true, AT(img_port, flags), .bit = IMG_PORT_TRUSTS_SUMS },
	{ "offloads.rx_checksum off", FIELD_FLAG, true, AT(img_port, flags),
	  .bit = IMG_PORT_NO_RX_CHECKSUM },
	{ "offloads.tx_checksum off", FIELD_FLAG, true, AT(img_port, flags),
	  .bit = IMG_PORT_NO_TX_CHECKSUM },
	{ "offloads.tso off", FIELD_FLAG, true, AT(img_port, flags), .bit = IMG_PORT_NO_TSO },
	{ "offloads.lro off", FIELD_FLAG, true, AT(img_port, flags), .bit = IMG_PORT_NO_LRO },
	{ "offloads.multi_segs off", FIELD_FLAG, true, AT(img_port, flags),
	  .bit = IMG_PORT_NO_MULTI_SEGS },
	{ "queues", FIELD_U16, true, AT(img_port, queues) },
	{ "mtu", FIELD_U16, true, AT(img_port, mtu) },
	{ "hop_limit", FIELD_U32, true, AT(img_port, hop_limit) },
	{ "dscp", FIELD_U32, true, AT(img_port, dscp) },
	{ "exception", FIELD_STR, true, AT(img_port, exception) },
	{ "vlan", FIELD_U16, false, AT(img_port, vlan) },
	{ NULL },
};

static const struct field listener_fields[] = {
	{ "address", FIELD_IP, false, AT(img_listener, ip) },
	{ "TCP port", FIELD_U16, false, AT(img_listener, tcp_port) },
	{ "port", FIELD_PORT, false, AT(img_listener, port_i) },
	{ "protocol", FIELD_WORD, false, AT(img_listener, protocol), .word = img_protocol_name },
	{ "farm", FIELD_FARM, false, AT(img_listener, farm_i) },
	{ "rules", FIELD_SETS, false },
	{ "x_forwarded_for", FIELD_WORD, false, AT(img_listener, xff), .word = img_xff_name },
	{ "via", FIELD_FLAG, false, AT(img_listener, flags), .bit = IMG_LISTENER_VIA },
	{ "x_forwarded_for_port", FIELD_FLAG, false, AT(img_listener, flags),
	  .bit = IMG_LISTENER_XFF_PORT },
	{ "x_forwarded_proto", FIELD_FLAG, false, AT(img_listener, flags),
	  .bit = IMG_LISTENER_XF_PROTO },
	{ "x_forwarded_host", FIELD_FLAG, false, AT(img_listener, flags),
	  .bit = IMG_LISTENER_XF_HOST },
	{ "access_log", FIELD_FLAG, false, AT(img_listener, flags),
	  .bit = IMG_LISTENER_ACCESS_LOG },
	{ "timeouts.head", FIELD_NS, false, AT(img_listener, head_ns) },
	{ "timeouts.body", FIELD_NS, false, AT(img_listener, body_ns) },
	{ "timeouts.idle", FIELD_NS, false, AT(img_listener, idle_ns) },
	{ "timeouts.send", FIELD_NS, false, AT(img_listener, send_ns) },
	{ "timeouts.tunnel", FIELD_NS, false, AT(img_listener, tunnel_ns) },
	{ NULL },
};

static const struct field farm_fields[] = {
	{ "scheme", FIELD_WORD, false, AT(img_farm, scheme), .word = img_scheme_name },
	{ "balance", FIELD_WORD, false, AT(img_farm, balance), .word = img_balance_name },
	{ "host_header", FIELD_WORD, false, AT(img_farm, host), .word = img_host_name },
	{ "host_header name", FIELD_STR, false, AT(img_farm, host_value) },
	{ "port", FIELD_PORT, false, AT(img_farm, port_i) },
	{ "timeouts.connect", FIELD_NS, false, AT(img_farm, connect_ns) },
	{ "timeouts.send", FIELD_NS, false, AT(img_farm, send_ns) },
	{ "timeouts.receive", FIELD_NS, false, AT(img_farm, receive_ns) },
	{ "timeouts.idle", FIELD_NS, false, AT(img_farm, idle_ns) },
	{ "rest", FIELD_NS, false, AT(img_farm, rest_ns) },
	{ "idle_connections", FIELD_U32, false, AT(img_farm, idle_max) },
	{ "retries", FIELD_U32, false, AT(img_farm, retries) },
	{ NULL },
};

static const struct field server_fields[] = {
	{ "address", FIELD_STR, false, AT(img_server, host) },
	{ "http_port", FIELD_U16, false, AT(img_server, http_port) },
	{ "https_port", FIELD_U16, false, AT(img_server, https_port) },
	{ "weight", FIELD_U32, false, AT(img_server, weight) },
	{ NULL },
};
/* clang-format on */

/* Values are texts of the images, which may end before the changes are told. */
static const char *
kept(struct diff *diff, const char *text)
{
	return text == NULL ? NULL : arena_text(diff->arena, text, strlen(text));
}

void
diff_add(struct diff *diff, struct conf_change change)
{
	struct conf_changes *changes = diff->changes;

	if (changes->n == diff->room) {
		uint32_t room = diff->room == 0 ? 64 : diff->room * 2;
		struct conf_change *more = arena_take(diff->arena, room * sizeof(*more));

		if (changes->n > 0)
			memcpy(more, changes->change, changes->n * sizeof(*more));
		changes->change = more;
		diff->room = room;
	}
	change.from = kept(diff, change.from);
	change.to = kept(diff, change.to);
	changes->change[changes->n++] = change;
	changes->at_restart_n += change.is_at_restart;
}

static uint64_t
field_number(const struct field *field, const void *record)
{
	const char *at = (const char *)record + field->at;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (field->type) {
	case FIELD_U16:
		memcpy(&u16, at, sizeof(u16));
		return u16;
	case FIELD_U64:
	case FIELD_NS:
		memcpy(&u64, at, sizeof(u64));
		return u64;
	case FIELD_U32:
	case FIELD_FLAG:
	case FIELD_WORD:
	case FIELD_PORT:
	case FIELD_FARM:
		memcpy(&u32, at, sizeof(u32));
		return u32;
	case FIELD_STR:
	case FIELD_IP:
	case FIELD_SETS:
		break;
	}
	ensure(!"not a number");
	return 0;
}

/* What a field says, as people read it. */
static const char *
field_text(struct diff *diff, const struct img *img, const struct field *field, const void *record)
{
	const char *at = (const char *)record + field->at;
	char text[VALUE_ENDPOINT_TEXT];
	struct img_str str;
	struct ip_addr ip;
	uint64_t number;

	if (field->type == FIELD_STR) {
		memcpy(&str, at, sizeof(str));
		return str.n == 0 ? "none" : img_text(img, str);
	}
	if (field->type == FIELD_IP) {
		memcpy(&ip, at, sizeof(ip));
		value_ip_text(&ip, text);
		return arena_text(diff->arena, text, strlen(text));
	}
	if (field->type == FIELD_SETS)
		return diff_binds_text(diff, img, record);
	number = field_number(field, record);
	if (field->type == FIELD_WORD)
		return field->word((uint32_t)number);
	if (field->type == FIELD_FLAG)
		return (number & field->bit) != 0 ? "true" : "false";
	if (field->type == FIELD_NS) {
		value_duration_text(number, text);
		return arena_text(diff->arena, text, strlen(text));
	}
	if (field->type == FIELD_PORT)
		return number == (uint32_t)IMG_NONE
			       ? "any"
			       : img_text(img, img_port(img, (uint32_t)number)->name);
	if (field->type == FIELD_FARM)
		return number == (uint32_t)IMG_NONE
			       ? "none"
			       : img_text(img, img_farm(img, (uint32_t)number)->name);
	return arena_format(diff->arena, "%llu", (unsigned long long)number);
}

static void
record_diff(struct diff *diff, const struct field *fields, const char *what, const void *before,
	    const void *after)
{
	for (; fields->name != NULL; fields++) {
		const char *from = field_text(diff, diff->before, fields, before);
		const char *to = field_text(diff, diff->after, fields, after);

		if (strcmp(from, to) != 0)
			diff_add(diff,
				 (struct conf_change){ .sign = "~",
						       .what = what,
						       .field = fields->name,
						       .from = from,
						       .to = to,
						       .is_at_restart = fields->is_at_restart });
	}
}

/* ---- sets of texts ---- */

struct lines {
	const char **line;
	uint32_t n;
};

typedef const char *line_of_fn(struct diff *diff, const struct img *img, uint32_t i);

static int
line_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct lines
lines_of(struct diff *diff, const struct img *img, enum img_section_id id, line_of_fn *line_of)
{
	struct lines lines = { .n = img_n(img, id) };

	lines.line = arena_take(diff->arena, ((size_t)lines.n + 1) * sizeof(lines.line[0]));
	for (uint32_t i = 0; i < lines.n; i++)
		lines.line[i] = line_of(diff, img, i);
	if (lines.n > 1)
		qsort(lines.line, lines.n, sizeof(lines.line[0]), line_order);
	return lines;
}

/* What only one of the two sets has; is_at_restart for all of the section. */
static void
section_diff(struct diff *diff, enum img_section_id id, line_of_fn *line_of, bool is_at_restart)
{
	struct lines before = lines_of(diff, diff->before, id, line_of);
	struct lines after = lines_of(diff, diff->after, id, line_of);
	uint32_t b = 0, a = 0;

	while (b < before.n || a < after.n) {
		int order = b == before.n  ? 1
			    : a == after.n ? -1
					   : strcmp(before.line[b], after.line[a]);

		if (order == 0) {
			a++;
			b++;
			continue;
		}
		diff_add(diff,
			 (struct conf_change){ .sign = order < 0 ? "-" : "+",
					       .what = order < 0 ? before.line[b] : after.line[a],
					       .is_at_restart = is_at_restart });
		order < 0 ? b++ : a++;
	}
}

static const char *
core_line(struct diff *diff, const struct img *img, uint32_t i)
{
	return arena_format(diff->arena, "core %u", img_core(img, i)->cpu);
}

static const char *
port_name(const struct img *img, uint32_t port_i)
{
	return img_text(img, img_port(img, port_i)->name);
}

static const char *
address_line(struct diff *diff, const struct img *img, uint32_t i)
{
	const struct img_address *address = img_address(img, i);
	char text[VALUE_IP_TEXT];

	return arena_format(diff->arena, "address %s/%u of port %s",
			    value_ip_text(&address->ip, text), address->prefix,
			    port_name(img, address->port_i));
}

static const char *
route_line(struct diff *diff, const struct img *img, uint32_t i)
{
	const struct img_route *route = img_route(img, i);
	char to[VALUE_IP_TEXT], via[VALUE_IP_TEXT];

	if (route->prefix == 0)
		return arena_format(diff->arena, "gateway %s of port %s",
				    value_ip_text(&route->via, via), port_name(img, route->port_i));
	return arena_format(diff->arena, "route to %s/%u via %s of port %s",
			    value_ip_text(&route->to, to), route->prefix,
			    value_ip_text(&route->via, via), port_name(img, route->port_i));
}

static const char *
source_line(struct diff *diff, const struct img *img, uint32_t i)
{
	const struct img_source *source = img_source(img, i);
	char text[VALUE_IP_TEXT];

	for (uint32_t farm_i = 0; farm_i < img_n(img, IMG_FARMS); farm_i++) {
		const struct img_farm *farm = img_farm(img, farm_i);

		if (i - farm->first_source < farm->source_n)
			return arena_format(diff->arena, "source address %s of farm %s",
					    value_ip_text(&source->ip, text),
					    img_text(img, farm->name));
	}
	return arena_format(diff->arena, "source address %s of port %s",
			    value_ip_text(&source->ip, text), port_name(img, source->port_i));
}

static const char *
name_line(struct diff *diff, const struct img *img, uint32_t i)
{
	const struct img_name *name = img_name(img, i);
	char text[VALUE_IP_TEXT];

	return arena_format(diff->arena, "host %s = %s", img_text(img, name->name),
			    value_ip_text(&name->ip, text));
}

/* ---- named records ---- */

/* What a kind of named records is called, and how its records compare. */
struct kind {
	const char *name;
	enum img_section_id id;
	const struct field *fields;
	bool is_at_restart; /* a new or vanished one */
};

static const char *
record_name(struct diff *diff, const struct img *img, enum img_section_id id, uint32_t i)
{
	const struct img_server *server;

	if (id == IMG_PORTS)
		return port_name(img, i);
	if (id == IMG_LISTENERS)
		return img_text(img, img_listener(img, i)->name);
	if (id == IMG_FARMS)
		return img_text(img, img_farm(img, i)->name);
	server = img_server(img, i);
	return arena_format(diff->arena, "%s/%s",
			    img_text(img, img_farm(img, server->farm_i)->name),
			    img_text(img, server->name));
}

struct named {
	const char *name;
	uint32_t i;
};

static int
named_order(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static struct named *
named_of(struct diff *diff, const struct img *img, enum img_section_id id)
{
	uint32_t n = img_n(img, id);
	struct named *named = arena_take(diff->arena, ((size_t)n + 1) * sizeof(*named));

	for (uint32_t i = 0; i < n; i++)
		named[i] = (struct named){ record_name(diff, img, id, i), i };
	if (n > 1)
		qsort(named, n, sizeof(*named), named_order);
	return named;
}

static void
kind_diff(struct diff *diff, const struct kind *kind)
{
	struct named *before = named_of(diff, diff->before, kind->id);
	struct named *after = named_of(diff, diff->after, kind->id);
	uint32_t before_n = img_n(diff->before, kind->id), after_n = img_n(diff->after, kind->id);
	uint32_t b = 0, a = 0;

	while (b < before_n || a < after_n) {
		int order = b == before_n  ? 1
			    : a == after_n ? -1
					   : strcmp(before[b].name, after[a].name);
		const char *what = arena_format(diff->arena, "%s %s", kind->name,
						order < 0 ? before[b].name : after[a].name);

		if (order == 0) {
			record_diff(diff, kind->fields, what,
				    img_at(diff->before, kind->id, before[b].i),
				    img_at(diff->after, kind->id, after[a].i));
			a++;
			b++;
			continue;
		}
		diff_add(diff, (struct conf_change){ .sign = order < 0 ? "-" : "+",
						     .what = what,
						     .is_at_restart = kind->is_at_restart });
		order < 0 ? b++ : a++;
	}
}

/* The data plane's own rule has the last word: what it says waits, waits. */
static void
waiting_add(struct diff *diff)
{
	const char *part = NULL;

	if (diff->changes->at_restart_n == 0 &&
	    view_change(diff->before, diff->after, &part) != VIEW_CHANGE_LIVE)
		diff_add(diff,
			 (struct conf_change){ .sign = "~", .what = part, .is_at_restart = true });
}

void
conf_diff(const struct img *before, const struct img *after, struct arena *arena,
	  struct conf_changes *ret_changes)
{
	static const struct kind kinds[] = {
		{ "port", IMG_PORTS, port_fields, true },
		{ "listener", IMG_LISTENERS, listener_fields, false },
		{ "farm", IMG_FARMS, farm_fields, false },
		{ "server", IMG_SERVERS, server_fields, false },
	};
	struct diff diff = { before, after, arena, ret_changes, 0 };

	*ret_changes = (struct conf_changes){ 0 };
	record_diff(&diff, machine_fields, "machine", img_machine(before), img_machine(after));
	section_diff(&diff, IMG_CORES, core_line, true);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		kind_diff(&diff, &kinds[i]);
	diff_rules(&diff);
	section_diff(&diff, IMG_ADDRESSES, address_line, false);
	section_diff(&diff, IMG_ROUTES, route_line, false);
	section_diff(&diff, IMG_SOURCES, source_line, false);
	section_diff(&diff, IMG_NAMES, name_line, false);
	waiting_add(&diff);
}

const char *
conf_change_text(const struct conf_change *change, struct arena *arena)
{
	const char *when = change->is_at_restart ? "  (at restart)" : "";

	if (change->field == NULL)
		return arena_format(arena, "%s %s%s", change->sign, change->what, when);
	return arena_format(arena, "%s %s %s: %s -> %s%s", change->sign, change->what,
			    change->field, change->from, change->to, when);
}
