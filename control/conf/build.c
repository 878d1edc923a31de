/*
 * build.c - a checked model to an image, see conf.h.
 *
 * Pass one (build_identity.c) gives every listener, farm and server its slot. Pass two appends the
 * records; rules' are appended by their compiler (rules/program.h). Invariant: the model has passed check_conf.
 */
#include "conf/build_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sysinfo.h>

#include "abi/build.h"
#include "base/ensure.h"
#include "conf/check_port.h"
#include "conf/value.h"

/* ---- records ---- */

static uint32_t
port_index(const struct build *build, const struct conf_port *port)
{
	return (uint32_t)(port - (const struct conf_port *)build->conf->machine.ports.item);
}

static uint32_t
port_named(const struct build *build, const struct conf_str *name)
{
	return name->s == NULL ? (uint32_t)IMG_NONE
			       : port_index(build, port_find(build->conf, name->s));
}

static struct img_str
text(struct build *build, const struct conf_str *str)
{
	return img_build_text(&build->img, str->s);
}

static void
core_build(struct build *build, uint32_t cpu)
{
	img_build_core(&build->img, &(struct img_core){ .cpu = cpu });
}

/*
 * The cores named; else all of this machine's but the first, which is left to control and the rest
 * of the machine, and no more than there are lanes.
 */
static void
cores_build(struct build *build, const struct conf_machine *machine)
{
	uint32_t n = (uint32_t)get_nprocs_conf();

	if (machine->cores.at != NULL) {
		for (CONF_EACH(struct conf_num, core, &machine->cores))
			core_build(build, (uint32_t)core->v);
		return;
	}
	if (n > 1)
		n--;
	n = n < IMG_CORES_MAX ? n : IMG_CORES_MAX;
	if (machine->lanes.v != 0 && machine->lanes.v < n)
		n = (uint32_t)machine->lanes.v;
	for (uint32_t i = 0; i < n; i++)
		core_build(build, get_nprocs_conf() > 1 ? i + 1 : 0);
}

static void
machine_build(struct build *build)
{
	const struct conf_machine *machine = &build->conf->machine;
	struct img_machine record = {
		.lanes = (uint32_t)machine->lanes.v,
		.poll = (uint32_t)machine->poll.v,
		.memory_mib = (uint32_t)((machine->memory.v + (1 << 20) - 1) >> 20),
		.conns_max = (uint32_t)machine->connections.v,
		.server_slots = build->server_slots,
		.head_max_bytes = (uint32_t)machine->limits.head.v,
		.target_max_bytes = (uint32_t)machine->limits.target.v,
		.fields_max = (uint32_t)machine->limits.fields.v,
		.body_max_bytes = machine->limits.body.v,
		.time_wait_ns = machine->tcp.time_wait.v,
		.keepalive_idle_ns = machine->tcp.keepalive.v,
		.user_timeout_ns = machine->tcp.user_timeout.v,
		.send_max_bytes = (uint32_t)machine->tcp.send_buffer.v,
		.recv_max_bytes = (uint32_t)machine->tcp.receive_buffer.v,
		.congestion = (uint32_t)machine->tcp.congestion.v,
		.pseudonym = text(build, &machine->pseudonym),
	};

	if (machine->hugepages.v != 0)
		record.flags |= IMG_MACHINE_HUGEPAGES;
	if (machine->fragments.v != 0)
		record.flags |= IMG_MACHINE_REASSEMBLES;
	if (machine->tcp.ecn.v != 0)
		record.flags |= IMG_MACHINE_OFFERS_ECN;
	if (build->conf->logs.access.path.s != NULL)
		record.flags |= IMG_MACHINE_ACCESS_LOG;
	img_build_machine(&build->img, &record);
	cores_build(build, machine);
}

static struct img_source
source(struct build *build, const struct conf_ip *ip)
{
	return (struct img_source){
		.ip = ip->ip, .port_i = port_index(build, port_of_address(build->conf, &ip->ip))
	};
}

/* The list's records; their first index, 0 when there are none. */
static uint32_t
sources_build(struct build *build, const struct conf_list *list)
{
	uint32_t first = 0;

	for (CONF_EACH(struct conf_ip, ip, list)) {
		struct img_source record = source(build, ip);
		uint32_t i = img_build_source(&build->img, &record);

		if (ip == list->item)
			first = i;
	}
	return first;
}

/* Of a checked digit. */
static unsigned
hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

static void
device_build(struct build *build, const struct conf_device *device, struct img_port *record)
{
	enum img_device kind;
	const struct conf_str *value = device_value(device, &kind);

	ensure(value != NULL); /* check.c has seen that there is one */
	record->kind = kind;
	record->device = text(build, value);
	record->role = (uint32_t)device->role.v;
	record->flags = device->checksums.v != 0 ? IMG_PORT_TRUSTS_SUMS : 0;
	record->link_id = (uint32_t)device->id.v;
	record->queues = (uint16_t)device->queues.v;
	if (device->rss_key.at == NULL)
		return;
	record->rss_key_n = (uint32_t)strlen(device->rss_key.s) / 2;
	for (uint32_t i = 0; i < record->rss_key_n; i++)
		record->rss_key[i] = (uint8_t)(hex_digit(device->rss_key.s[2 * i]) << 4 |
					       hex_digit(device->rss_key.s[2 * i + 1]));
}

/* What one offload cannot be without goes with it. */
static uint32_t
offloads_off(const struct conf_offloads *may)
{
	uint32_t off = 0;

	if (may->rx_checksum.v == 0)
		off |= IMG_PORT_NO_RX_CHECKSUM | IMG_PORT_NO_LRO;
	if (may->tx_checksum.v == 0)
		off |= IMG_PORT_NO_TX_CHECKSUM | IMG_PORT_NO_TSO;
	if (may->tso.v == 0)
		off |= IMG_PORT_NO_TSO;
	if (may->lro.v == 0)
		off |= IMG_PORT_NO_LRO;
	if (may->multi_segs.v == 0)
		off |= IMG_PORT_NO_MULTI_SEGS | IMG_PORT_NO_TSO;
	return off;
}

static void
routes_build(struct build *build, const struct conf_port *port, uint32_t port_i)
{
	static const uint8_t zero[4];

	for (CONF_EACH(struct conf_ip, gateway, &port->gateways)) {
		struct img_route record = { .via = gateway->ip, .port_i = port_i };

		if (ip_is_v4(&gateway->ip))
			record.to = ip_from_v4(zero);
		img_build_route(&build->img, &record);
	}
	for (CONF_EACH(struct conf_route, route, &port->routes))
		img_build_route(&build->img, &(struct img_route){ .to = route->to.ip,
								  .via = route->via.ip,
								  .port_i = port_i,
								  .prefix = route->to.bits });
}

static void
ports_build(struct build *build)
{
	for (CONF_EACH(struct conf_port, port, &build->conf->machine.ports)) {
		uint32_t port_i = port_index(build, port);
		struct img_port record = { .name = text(build, &port->name),
					   .mtu = (uint16_t)port->mtu.v,
					   .vlan = (uint16_t)port->vlan.v,
					   .hop_limit = (uint32_t)port->hop_limit.v,
					   .dscp = (uint32_t)port->dscp.v,
					   .source_n = port->source_addresses.n };
		char interface[EXCEPTION_NAME];

		if (exception_name(port, interface) != NULL)
			record.exception = img_build_text(&build->img, interface);
		device_build(build, &port->device, &record);
		record.flags |= offloads_off(&port->offloads);
		record.first_source = sources_build(build, &port->source_addresses);
		img_build_port(&build->img, &record);
		for (CONF_EACH(struct conf_prefix, address, &port->addresses))
			img_build_address(&build->img,
					  &(struct img_address){ .ip = address->ip,
								 .port_i = port_i,
								 .prefix = address->bits });
		routes_build(build, port, port_i);
	}
}

static uint32_t
farm_named(const struct build *build, const char *name)
{
	uint32_t i = 0;

	for (CONF_EACH(struct conf_farm, farm, &build->conf->farms)) {
		if (strcmp(farm->name.s, name) == 0)
			return i;
		i++;
	}
	ensure(!"checked: the farm is there");
	return 0;
}

/* ---- rules ---- */

/* The farm of a URL's host; as names of hosts, without case. */
static uint32_t
farm_find(const void *ctx, const char *name)
{
	const struct build *build = ctx;
	uint32_t i = 0;

	for (CONF_EACH(struct conf_farm, farm, &build->conf->farms)) {
		if (strcasecmp(farm->name.s, name) == 0)
			return i;
		i++;
	}
	return (uint32_t)IMG_NONE;
}

static void
progress_told(const void *ctx, uint32_t done_n, uint32_t n)
{
	const struct build *build = ctx;

	if (build->ask->on_progress != NULL)
		build->ask->on_progress(build->ask->ctx, done_n, n);
}

static bool
has_blob(const void *ctx, const uint8_t hash[32], uint64_t n)
{
	const struct build *build = ctx;

	return build->ask->has_blob == NULL || build->ask->has_blob(build->ask->ctx, hash, n);
}

static bool
rules_build(struct build *build, struct conf_errs *errs)
{
	struct program_env env = { .ctx = build,
				   .farm = farm_find,
				   .before = build->before,
				   .has_blob = has_blob,
				   .slots = &build->slots[IMG_KIND_RULE],
				   .wants_databases = build->ask->wants_databases,
				   .on_progress = progress_told };

	return program_build(build->conf->rule_sets, &env, &build->img, &build->program, errs,
			     NULL);
}

/* A scope that was built; valid until the next is. */
static const struct img_scope *
scope_at(const struct build *build, uint32_t i)
{
	return (const struct img_scope *)(const void *)build->img.part[IMG_SCOPES].p + i;
}

static uint32_t
folder_depth(const struct build *build, const struct img_scope *scope)
{
	const uint8_t *folder = build->img.part[IMG_STRINGS].p + scope->folder.offset;
	uint32_t n = 0;

	for (uint32_t i = 0; i + 1 < scope->folder.n; i++)
		n += folder[i] == '/';
	return scope->folder.n > 1 ? n + 1 : 0;
}

static const struct program_set *
program_set(const struct build *build, const char *name)
{
	for (uint32_t i = 0; i < build->program.set_n; i++)
		if (strcmp(build->program.set[i].set->name.s, name) == 0)
			return &build->program.set[i];
	ensure(!"checked: the set is there");
	return NULL;
}

/* Binds the listener's scopes of a kind and depth; how many lie deeper. */
static uint32_t
binds_of_depth(struct build *build, const struct conf_listener *listener, enum img_scope_kind kind,
	       uint32_t depth, struct img_listener *record)
{
	uint32_t deeper_n = 0;

	for (CONF_EACH(struct conf_str, name, &listener->rules)) {
		const struct program_set *set = program_set(build, name->s);

		for (uint32_t i = set->first_scope; i < set->first_scope + set->scope_n; i++) {
			const struct img_scope *scope = scope_at(build, i);
			uint32_t at;

			if (scope->kind != kind)
				continue;
			if (folder_depth(build, scope) != depth) {
				deeper_n += folder_depth(build, scope) > depth;
				continue;
			}
			at = img_build_bind(&build->img, &(struct img_bind){ .scope_i = i });
			if (record->bind_n++ == 0)
				record->first_bind = at;
		}
	}
	return deeper_n;
}

/* The order of work: global scopes, folders from the root down, outbound scopes; of all sets. */
static void
binds_build(struct build *build, const struct conf_listener *listener, struct img_listener *record)
{
	for (int kind = 0; kind < IMG_SCOPES_KINDS; kind++)
		for (uint32_t depth = 0;
		     binds_of_depth(build, listener, (enum img_scope_kind)kind, depth, record) > 0;
		     depth++)
			;
}

static uint32_t
listener_flags(const struct conf_listener *listener)
{
	uint32_t flags = 0;

	flags |= listener->via.v != 0 ? IMG_LISTENER_VIA : 0;
	flags |= listener->x_forwarded_proto.v != 0 ? IMG_LISTENER_XF_PROTO : 0;
	flags |= listener->x_forwarded_host.v != 0 ? IMG_LISTENER_XF_HOST : 0;
	flags |= listener->x_forwarded_for_port.v != 0 ? IMG_LISTENER_XFF_PORT : 0;
	flags |= listener->access_log.v != 0 ? IMG_LISTENER_ACCESS_LOG : 0;
	return flags;
}

static void
listeners_build(struct build *build)
{
	const struct identity *identity = build->identity[IMG_KIND_LISTENER];

	for (CONF_EACH(struct conf_listener, listener, &build->conf->listeners)) {
		struct img_listener record = {
			.slot = identity->slot,
			.incarnation = identity->incarnation,
			.name = text(build, &listener->name),
			.ip = listener->address.ip,
			.port_i = port_named(build, &listener->port),
			.tcp_port = listener->address.port,
			.protocol = (uint32_t)listener->protocol.v,
			.farm_i = farm_named(build, listener->farm.s),
			.xff = (uint32_t)listener->x_forwarded_for.v,
			.flags = listener_flags(listener),
			.head_ns = listener->timeouts.head.v,
			.body_ns = listener->timeouts.body.v,
			.idle_ns = listener->timeouts.idle.v,
			.send_ns = listener->timeouts.send.v,
			.tunnel_ns = listener->timeouts.tunnel.v,
		};

		binds_build(build, listener, &record);
		img_build_listener(&build->img, &record);
		identity++;
	}
}

static void
host_header_build(struct build *build, const struct conf_farm *farm, struct img_farm *record)
{
	record->host = IMG_HOST_SET;
	if (strcmp(farm->host_header.s, "keep") == 0)
		record->host = IMG_HOST_KEEP;
	else if (strcmp(farm->host_header.s, "server") == 0)
		record->host = IMG_HOST_SERVER;
	else
		record->host_value = text(build, &farm->host_header);
}

static void
servers_build(struct build *build, const struct conf_farm *farm, uint32_t farm_i,
	      const struct identity *identity)
{
	for (CONF_EACH(struct conf_server, server, &farm->servers)) {
		struct img_server record = { .slot = identity->slot,
					     .incarnation = identity->incarnation,
					     .name = text(build, &server->name),
					     .host = text(build, &server->address),
					     .farm_i = farm_i,
					     .http_port = (uint16_t)server->http_port.v,
					     .https_port = (uint16_t)server->https_port.v,
					     .weight = (uint32_t)server->weight.v };

		if (value_ip(server->address.s, &record.ip) != VALUE_OK)
			record.ip = (struct ip_addr){ 0 };
		img_build_server(&build->img, &record);
		identity++;
	}
}

static void
farms_build(struct build *build)
{
	const struct identity *identity = build->identity[IMG_KIND_FARM];
	uint32_t farm_i = 0, first_server = 0;

	for (CONF_EACH(struct conf_farm, farm, &build->conf->farms)) {
		struct img_farm record = {
			.slot = identity->slot,
			.incarnation = identity->incarnation,
			.name = text(build, &farm->name),
			.scheme = (uint32_t)farm->scheme.v,
			.balance = (uint32_t)farm->balance.v,
			.port_i = port_named(build, &farm->port),
			.first_server = first_server,
			.server_n = farm->servers.n,
			.first_source = sources_build(build, &farm->source_addresses),
			.source_n = farm->source_addresses.n,
			.connect_ns = farm->timeouts.connect.v,
			.send_ns = farm->timeouts.send.v,
			.receive_ns = farm->timeouts.receive.v,
			.idle_ns = farm->timeouts.idle.v,
			.rest_ns = farm->rest.v,
			.idle_max = (uint32_t)farm->idle_connections.v,
			.retries = (uint32_t)farm->retries.v,
			.flags = farm->is_implicit ? IMG_FARM_IMPLICIT : 0,
		};

		host_header_build(build, farm, &record);
		img_build_farm(&build->img, &record);
		servers_build(build, farm, farm_i, &build->identity[IMG_KIND_SERVER][first_server]);
		first_server += farm->servers.n;
		farm_i++;
		identity++;
	}
}

static void
names_build(struct build *build)
{
	for (CONF_EACH(struct conf_host, host, &build->conf->hosts))
		for (CONF_EACH(struct conf_ip, ip, &host->addresses))
			img_build_name(&build->img,
				       &(struct img_name){ .name = text(build, &host->name),
							   .ip = ip->ip });
}

static void
records_build(struct build *build)
{
	machine_build(build);
	ports_build(build);
	listeners_build(build);
	farms_build(build);
	names_build(build);
	for (int kind = 0; kind < IMG_KINDS; kind++)
		slots_build(&build->slots[kind], &build->img);
}

/* False: told. */
static bool
image_build(struct build *build, struct conf_image *image, struct conf_errs *errs)
{
	struct conf_pos whole = { .file = build->conf->at->at.file };

	if (!build_identify(build)) {
		conf_err_add(errs, whole,
			     "all 65,536 slots for listeners, farms or servers are in use; remove "
			     "some, or restart both programs with an empty run directory");
		return false;
	}
	if (!rules_build(build, errs))
		return false;
	records_build(build);
	if (img_build_finish(&build->img, &image->bytes, &image->n))
		return true;
	conf_err_add(errs, whole, "no memory is left for the image; describe less at a time");
	return false;
}

bool
conf_build_image(const struct conf *conf, const struct conf_build_ask *ask,
		 struct conf_image *ret_image, struct conf_errs *errs)
{
	struct build build = { .conf = conf, .ask = ask, .before = ask->before };
	struct conf_image image = { 0 };
	bool is_good;

	img_build_init(&build.img, realloc);
	is_good = image_build(&build, &image, errs);
	image.program = build.program;
	img_build_fini(&build.img);
	for (int kind = 0; kind < IMG_KINDS; kind++) {
		slots_fini(&build.slots[kind]);
		free(build.identity[kind]);
	}
	if (is_good)
		*ret_image = image;
	else
		conf_image_fini(&image);
	return is_good;
}

void *
conf_image_take(struct conf_image *image)
{
	void *bytes = image->bytes;

	image->bytes = NULL;
	return bytes;
}

void
conf_image_fini(struct conf_image *image)
{
	free(image->bytes);
	program_fini(&image->program);
	*image = (struct conf_image){ 0 };
}

bool
conf_build(const struct conf *conf, const struct img *before, void **ret_bytes, size_t *ret_n,
	   struct conf_errs *errs)
{
	struct conf_build_ask ask = { .before = before };
	struct conf_image image;

	if (!conf_build_image(conf, &ask, &image, errs))
		return false;
	*ret_n = image.n;
	*ret_bytes = conf_image_take(&image);
	conf_image_fini(&image);
	return true;
}
