/*
 * check_port.c - cores, ports, addresses, gateways and routes against each other.
 */
#include "conf/check_port.h"

#include <stdio.h>
#include <string.h>

#include "abi/image.h"
#include "abi/port_mtu.h"
#include "abi/vdev.h"
#include "conf/value.h"

enum {
	IFACE_NAME_MAX = 15,   /* IFNAMSIZ - 1 */
	SOCKET_PATH_MAX = 107, /* sun_path without its NUL */
	VDEV_NAME_MAX = 63,    /* RTE_DEV_NAME_MAX_LEN - 1 */
	VDEV_MAX = 511,	       /* with its arguments */
};

bool
name_is_same(const struct conf_str *a, const struct conf_str *b)
{
	return a->s != NULL && b->s != NULL && strcmp(a->s, b->s) == 0;
}

void
name_is_taken(struct conf_errs *errs, const char *what, const struct conf_str *name,
	      const struct conf_str *earlier)
{
	conf_err_add(errs, name->at->at, "the %s name '%s' is already used in line %u; rename one",
		     what, name->s, earlier->at->at.line);
}

const struct conf_port *
port_find(const struct conf *conf, const char *name)
{
	for (CONF_EACH(struct conf_port, port, &conf->machine.ports))
		if (port->name.s != NULL && strcmp(port->name.s, name) == 0)
			return port;
	return NULL;
}

static bool
has_address(const struct conf_port *port, const struct ip_addr *ip)
{
	for (CONF_EACH(struct conf_prefix, address, &port->addresses))
		if (address->at != NULL && ip_eq(&address->ip, ip))
			return true;
	return false;
}

const struct conf_port *
port_of_address(const struct conf *conf, const struct ip_addr *ip)
{
	if (ip_is_none(ip))
		return NULL;
	for (CONF_EACH(struct conf_port, port, &conf->machine.ports))
		if (has_address(port, ip))
			return port;
	return NULL;
}

static bool
is_port_known(const struct conf_port *port)
{
	for (CONF_EACH(struct conf_prefix, address, &port->addresses))
		if (address->at == NULL)
			return false;
	return port->addresses.n > 0;
}

bool
are_addresses_known(const struct conf *conf)
{
	for (CONF_EACH(struct conf_port, port, &conf->machine.ports))
		if (!is_port_known(port))
			return false;
	return conf->machine.ports.n > 0;
}

/* fe80::/10, RFC 4291, 2.5.6. */
static bool
is_link_local(const struct ip_addr *ip)
{
	return ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80;
}

static bool
is_on_link(const struct conf_port *port, const struct ip_addr *ip)
{
	if (is_link_local(ip))
		return true;
	for (CONF_EACH(struct conf_prefix, address, &port->addresses))
		if (address->at != NULL && value_ip_within(ip, &address->ip, address->bits))
			return true;
	return false;
}

bool
can_reach(const struct conf *conf, const struct ip_addr *ip)
{
	for (CONF_EACH(struct conf_port, port, &conf->machine.ports)) {
		if (is_on_link(port, ip))
			return true;
		for (CONF_EACH(struct conf_ip, gateway, &port->gateways))
			if (gateway->at == NULL || ip_is_v4(&gateway->ip) == ip_is_v4(ip))
				return true;
		for (CONF_EACH(struct conf_route, route, &port->routes))
			if (route->to.at == NULL ||
			    value_ip_within(ip, &route->to.ip, route->to.bits))
				return true;
	}
	return false;
}

/* The first address of the prefix: host bits zero. */
static struct ip_addr
network_of(const struct conf_prefix *prefix)
{
	unsigned bits = ip_is_v4(&prefix->ip) ? 96u + prefix->bits : prefix->bits;
	struct ip_addr network = prefix->ip;

	for (unsigned i = 0; i < 128; i++)
		if (i >= bits)
			network.b[i / 8] &= (uint8_t) ~(0x80 >> (i % 8));
	return network;
}

static bool
is_unicast(const struct ip_addr *ip)
{
	if (ip_is_none(ip))
		return false;
	if (ip_is_v4(ip))
		return ip->b[12] != 0 && ip->b[12] != 127 && ip->b[12] < 224;
	return ip->b[0] != 0xff;
}

/* The kernel's interface that a device takes, or NULL. */
static const struct conf_str *
interface_of(const struct conf_device *device)
{
	if (device->packet.at != NULL)
		return &device->packet;
	if (device->xdp.at != NULL)
		return &device->xdp;
	return device->tap.at != NULL ? &device->tap : NULL;
}

/* The socket that a device makes or uses, or NULL. */
static const struct conf_str *
socket_of(const struct conf_device *device)
{
	if (device->memif.at != NULL)
		return &device->memif;
	if (device->vhost.at != NULL)
		return &device->vhost;
	return device->virtio.at != NULL ? &device->virtio : NULL;
}

const char *
exception_name(const struct conf_port *port, char ret_name[EXCEPTION_NAME])
{
	const char *want = port->exception.s != NULL ? port->exception.s : "auto";

	if (strcmp(want, "off") == 0)
		return NULL;
	if (strcmp(want, "auto") != 0)
		snprintf(ret_name, EXCEPTION_NAME, "%s", want);
	else if (port->device.pci.at != NULL && port->name.s != NULL)
		snprintf(ret_name, EXCEPTION_NAME, "ps-%s", port->name.s);
	else
		return NULL;
	return ret_name;
}

static void
check_exception(const struct conf *conf, const struct conf_port *port, struct conf_errs *errs)
{
	const struct node *at = port->exception.at != NULL ? port->exception.at : port->name.at;
	const struct conf_device *device = &port->device;
	char name[EXCEPTION_NAME], other[EXCEPTION_NAME];

	if (exception_name(port, name) == NULL)
		return;
	if (device->pci.at == NULL && device->virtio.at == NULL && device->vhost.at == NULL) {
		if (device->at != NULL && errs->n == 0)
			conf_err_add(
				errs, at->at,
				"only pci, virtio and vhost ports have an exception path; xdp "
				"ports share their interface without it; write exception: off");
		return;
	}
	if (strlen(name) > IFACE_NAME_MAX)
		conf_err_add(
			errs, at->at,
			"the kernel's interface '%s' would have more than 15 characters; write "
			"a shorter exception: NAME, or exception: off",
			name);
	for (CONF_EACH(struct conf_port, each, &conf->machine.ports)) {
		const struct conf_str *interface = interface_of(&each->device);

		if ((interface != NULL && strcmp(interface->s, name) == 0) ||
		    (each < port && exception_name(each, other) != NULL &&
		     strcmp(other, name) == 0))
			conf_err_add(errs, at->at,
				     "the interface '%s' is already the port's in line %u; choose "
				     "another name",
				     name, each->at->at.line);
	}
}

/* How many kinds a device says it is. */
static uint32_t
kinds_n(const struct conf_device *device)
{
	const struct conf_str *const kind[] = { &device->packet, &device->xdp,	 &device->tap,
						&device->pci,	 &device->memif, &device->vhost,
						&device->virtio, &device->vdev };
	uint32_t n = 0;

	for (uint32_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++)
		n += kind[i]->at != NULL;
	return n;
}

/* A key that names a kind is there, though its value may be wrong. */
static bool
names_kind(const struct conf_device *device)
{
	static const char *const word[] = { "packet", "xdp",	"tap", "memif",
					    "vhost",  "virtio", "vdev" };

	for (uint32_t i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		if (node_find(device->at, word[i]) != NULL)
			return true;
	return false;
}

static void
check_kind(const struct conf_device *device, struct conf_errs *errs)
{
	if (kinds_n(device) > 1)
		conf_err_add(errs, device->at->at,
			     "a device is one of packet, xdp, tap, pci, memif, vhost, virtio and "
			     "vdev; keep one");
	else if (kinds_n(device) == 0 && !names_kind(device) && errs->n == 0)
		conf_err_add(errs, device->at->at,
			     "the device does not say what it is; write packet:IFACE, xdp:IFACE, "
			     "tap:NAME, {pci: ADDRESS}, {memif: PATH, role: client, id: 0}, "
			     "{vhost: PATH}, {virtio: PATH} or {vdev: \"NAME,ARGUMENTS\"}");
	if (device->memif.at == NULL && kinds_n(device) > 0 &&
	    (device->role.at != NULL || device->id.at != NULL || device->checksums.at != NULL))
		conf_err_add(errs, device->at->at,
			     "role, id and checksums belong to memif; remove them from a device of "
			     "another kind");
}

/* n hexadecimal digits in small letters and the mark behind them; what follows, NULL: it is not so. */
static const char *
hex_part(const char *text, size_t n, char mark)
{
	if (text == NULL || strspn(text, "0123456789abcdef") != n || text[n] != mark)
		return NULL;
	return text + n + 1;
}

/* "0000:3b:00.0": domain, bus, device, function, as DPDK and the kernel call it. */
static bool
is_pci_address(const char *text)
{
	const char *function = hex_part(hex_part(hex_part(text, 4, ':'), 2, ':'), 2, '.');

	return function != NULL && strspn(function, "01234567") == 1 && function[1] == '\0';
}

/* What DPDK calls a device of its own: the driver's name and a number, before the arguments. */
static bool
is_vdev(const char *text)
{
	size_t n = vdev_name_n(text);

	return n > 0 && n <= VDEV_NAME_MAX && strlen(text) <= VDEV_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
		       n;
}

static void
check_device(const struct conf_port *port, struct conf_errs *errs)
{
	const struct conf_device *device = &port->device;
	const struct conf_str *interface = interface_of(device), *socket = socket_of(device);

	if (interface != NULL && strlen(interface->s) > IFACE_NAME_MAX)
		conf_err_add(errs, device->at->at,
			     "no interface is called '%s', names have up to 15 characters; "
			     "see 'ip link'",
			     interface->s);
	if (device->pci.at != NULL && !is_pci_address(device->pci.s))
		conf_err_add(errs, device->pci.at->at,
			     "'%s' is no PCI address; write for example 0000:3b:00.0, as lspci -D "
			     "shows it",
			     device->pci.s);
	if (device->vdev.at != NULL && !is_vdev(device->vdev.s))
		conf_err_add(errs, device->vdev.at->at,
			     "'%s' is no device of DPDK's with its arguments; write for example "
			     "net_af_packet9,iface=eth1",
			     device->vdev.s);
	if (device->vdev.at != NULL && vdev_runs_commands(device->vdev.s))
		conf_err_add(
			errs, device->vdev.at->at,
			"'%.*s' is refused: its driver runs commands, and opens other devices; "
			"name those devices as ports of their own",
			(int)vdev_name_n(device->vdev.s), device->vdev.s);
	if (device->at == NULL || device->at->kind != NODE_MAP)
		return;
	check_kind(device, errs);
	if (device->rss_key.at != NULL &&
	    (strspn(device->rss_key.s, "0123456789abcdefABCDEF") != strlen(device->rss_key.s) ||
	     (strlen(device->rss_key.s) != 80 && strlen(device->rss_key.s) != 104)))
		conf_err_add(errs, device->rss_key.at->at,
			     "an RSS key is 40 or 52 bytes in hex, that is 80 or 104 digits; copy "
			     "the key of the memif's other end");
	if (socket != NULL && strlen(socket->s) > SOCKET_PATH_MAX)
		conf_err_add(errs, socket->at->at,
			     "a socket path has up to 107 characters; shorten it");
}

static bool
is_device_same(const struct conf_device *a, const struct conf_device *b)
{
	const struct conf_str *one = interface_of(a), *two = interface_of(b);

	if (one != NULL && two != NULL)
		return strcmp(one->s, two->s) == 0;
	if (a->pci.at != NULL && b->pci.at != NULL)
		return strcmp(a->pci.s, b->pci.s) == 0;
	if (a->vdev.at != NULL && b->vdev.at != NULL)
		return vdev_name_n(a->vdev.s) == vdev_name_n(b->vdev.s) &&
		       strncmp(a->vdev.s, b->vdev.s, vdev_name_n(a->vdev.s)) == 0;
	one = socket_of(a);
	two = socket_of(b);
	return one != NULL && two != NULL && strcmp(one->s, two->s) == 0 && a->id.v == b->id.v;
}

/* An address of a port against itself and all addresses before it. */
static void
check_address(const struct conf *conf, const struct conf_port *port,
	      const struct conf_prefix *address, struct conf_errs *errs)
{
	struct ip_addr network = network_of(address);
	bool is_host = address->bits == (ip_is_v4(&address->ip) ? 32 : 128);
	char text[VALUE_IP_TEXT];

	value_ip_text(&address->ip, text);
	if (!is_unicast(&address->ip))
		conf_err_add(errs, address->at->at,
			     "%s cannot be a port's address; give a unicast address", text);
	else if (ip_is_v4(&address->ip) && address->bits < 31 && ip_eq(&network, &address->ip))
		conf_err_add(errs, address->at->at,
			     "%s/%u is the network, not an address in it; give the port's own "
			     "address",
			     text, address->bits);
	for (CONF_EACH(struct conf_port, other, &conf->machine.ports)) {
		for (CONF_EACH(struct conf_prefix, earlier, &other->addresses)) {
			struct ip_addr net;

			if (earlier == address)
				return;
			if (earlier->at == NULL)
				continue;
			net = network_of(earlier);
			if (ip_eq(&earlier->ip, &address->ip)) {
				conf_err_add(errs, address->at->at,
					     "%s is already an address in line %u; remove one",
					     text, earlier->at->at.line);
				return;
			}
			if (other != port && !is_host && earlier->bits == address->bits &&
			    ip_eq(&net, &network) && !is_link_local(&network)) {
				conf_err_add(
					errs, address->at->at,
					"port '%s' is already in the network %s/%u (line %u), so "
					"the way out is unclear; put both addresses on one port "
					"or use another network",
					other->name.s != NULL ? other->name.s : "?",
					value_ip_text(&network, text), address->bits,
					earlier->at->at.line);
				return;
			}
		}
	}
}

static void
check_next_hop(const struct conf_port *port, const struct conf_ip *hop, const char *what,
	       struct conf_errs *errs)
{
	char text[VALUE_IP_TEXT];

	value_ip_text(&hop->ip, text);
	if (!is_unicast(&hop->ip))
		conf_err_add(errs, hop->at->at, "%s cannot be a router; give a unicast address",
			     text);
	else if (has_address(port, &hop->ip))
		conf_err_add(errs, hop->at->at, "%s is the port's own address; give the %s's", text,
			     what);
	else if (is_port_known(port) && !is_on_link(port, &hop->ip))
		conf_err_add(errs, hop->at->at,
			     "the %s %s is in none of the port's networks; add an address with its "
			     "prefix to the port, or correct it",
			     what, text);
}

static void
check_gateways(const struct conf_port *port, struct conf_errs *errs)
{
	const struct conf_ip *first[2] = { NULL, NULL };

	for (CONF_EACH(struct conf_ip, gateway, &port->gateways)) {
		const struct conf_ip **of_family;

		if (gateway->at == NULL)
			continue;
		check_next_hop(port, gateway, "gateway", errs);
		of_family = &first[ip_is_v4(&gateway->ip)];
		if (*of_family != NULL)
			conf_err_add(errs, gateway->at->at,
				     "a port has one gateway a family, this is the second for %s; "
				     "remove one or write a route",
				     ip_is_v4(&gateway->ip) ? "IPv4" : "IPv6");
		*of_family = gateway;
	}
}

static void
check_routes(const struct conf_port *port, struct conf_errs *errs)
{
	char text[VALUE_IP_TEXT];

	for (CONF_EACH(struct conf_route, route, &port->routes)) {
		struct ip_addr network = network_of(&route->to);

		if (route->via.at != NULL)
			check_next_hop(port, &route->via, "router", errs);
		if (route->to.at == NULL)
			continue;
		if (!ip_eq(&network, &route->to.ip))
			conf_err_add(errs, route->to.at->at,
				     "'%s' has bits behind its prefix; write %s/%u",
				     route->to.at->text, value_ip_text(&network, text),
				     route->to.bits);
		if (route->via.at != NULL && ip_is_v4(&route->to.ip) != ip_is_v4(&route->via.ip))
			conf_err_add(errs, route->via.at->at,
				     "the route and its router mix IPv4 and IPv6; use one family");
		for (const struct conf_route *earlier = port->routes.item; earlier < route;
		     earlier++)
			if (earlier->to.at != NULL && earlier->to.bits == route->to.bits &&
			    ip_eq(&earlier->to.ip, &route->to.ip))
				conf_err_add(errs, route->to.at->at,
					     "there is already a route to %s in line %u; keep one",
					     route->to.at->text, earlier->to.at->at.line);
	}
}

const struct conf_str *
device_value(const struct conf_device *device, enum img_device *ret_kind)
{
	const struct {
		const struct conf_str *value;
		enum img_device kind;
	} each[] = {
		{ &device->packet, IMG_DEVICE_PACKET }, { &device->xdp, IMG_DEVICE_XDP },
		{ &device->tap, IMG_DEVICE_TAP },	{ &device->pci, IMG_DEVICE_PCI },
		{ &device->memif, IMG_DEVICE_MEMIF },	{ &device->vhost, IMG_DEVICE_VHOST },
		{ &device->virtio, IMG_DEVICE_VIRTIO }, { &device->vdev, IMG_DEVICE_VDEV },
	};

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		if (each[i].value->s == NULL)
			continue;
		*ret_kind = each[i].kind;
		return each[i].value;
	}
	return NULL;
}

static void
check_mtu(const struct conf_port *port, struct conf_errs *errs)
{
	enum img_device kind;

	if (port->mtu.at == NULL || device_value(&port->device, &kind) == NULL ||
	    port->mtu.v <= port_mtu_max(kind))
		return;
	conf_err_add(errs, port->mtu.at->at,
		     "an MTU of %llu does not fit in the buffers of a port of this kind; write up "
		     "to mtu: %u",
		     (unsigned long long)port->mtu.v, port_mtu_max(kind));
}

static void
check_port(const struct conf *conf, const struct conf_port *port, struct conf_errs *errs)
{
	char text[VALUE_IP_TEXT];

	check_device(port, errs);
	check_mtu(port, errs);
	for (const struct conf_port *earlier = conf->machine.ports.item; earlier < port;
	     earlier++) {
		if (name_is_same(&earlier->name, &port->name))
			name_is_taken(errs, "port", &port->name, &earlier->name);
		if (is_device_same(&earlier->device, &port->device))
			conf_err_add(errs, port->device.at->at,
				     "the port in line %u has the same device; give all addresses "
				     "to one port",
				     earlier->device.at->at.line);
	}
	if (port->addresses.at != NULL && port->addresses.n == 0)
		conf_err_add(errs, port->addresses.at->at,
			     "the port has no address; write addresses: [10.0.0.5/24]");
	for (CONF_EACH(struct conf_prefix, address, &port->addresses))
		if (address->at != NULL)
			check_address(conf, port, address, errs);
	check_exception(conf, port, errs);
	check_gateways(port, errs);
	check_routes(port, errs);
	for (CONF_EACH(struct conf_ip, ip, &port->source_addresses))
		if (ip->at != NULL && !has_address(port, &ip->ip))
			conf_err_add(errs, ip->at->at,
				     "%s is not an address of this port; add it to addresses or "
				     "choose one of them",
				     value_ip_text(&ip->ip, text));
}

static void
check_cores(const struct conf_machine *machine, struct conf_errs *errs)
{
	const struct conf_num *core = machine->cores.item;

	if (machine->cores.at == NULL)
		return;
	if (machine->cores.n == 0 || machine->cores.n > IMG_CORES_MAX)
		conf_err_add(errs, machine->cores.at->at,
			     "%u cores cannot poll; name 1 to %u of them: cores: [1]",
			     machine->cores.n, (unsigned)IMG_CORES_MAX);
	for (uint32_t i = 0; i < machine->cores.n; i++)
		for (uint32_t j = 0; j < i && core[i].at != NULL; j++)
			if (core[j].at != NULL && core[i].v == core[j].v) {
				conf_err_add(errs, core[i].at->at,
					     "core %llu is named twice; remove one",
					     (unsigned long long)core[i].v);
				break;
			}
	if (machine->lanes.v != 0 && machine->lanes.v < machine->cores.n)
		conf_err_add(errs, machine->lanes.at->at,
			     "%llu lanes cannot occupy %u cores; use at least one lane a core, or "
			     "fewer cores",
			     (unsigned long long)machine->lanes.v, machine->cores.n);
}

/* A lane's share must fit in it. With lanes: auto the data plane tells, which makes them. */
static void
check_connections(const struct conf_machine *machine, struct conf_errs *errs)
{
	uint64_t lanes = machine->lanes.v, want = machine->connections.v;

	if (machine->connections.at == NULL || lanes == 0 || want <= lanes * IMG_LANE_CONNS_MAX)
		return;
	conf_err_add(
		errs, machine->connections.at->at,
		"%llu connections do not fit in %llu lanes of %u each; use lanes: %llu or fewer "
		"connections",
		(unsigned long long)want, (unsigned long long)lanes, (unsigned)IMG_LANE_CONNS_MAX,
		(unsigned long long)((want + IMG_LANE_CONNS_MAX - 1) / IMG_LANE_CONNS_MAX));
}

void
check_machine(const struct conf *conf, struct conf_errs *errs)
{
	const struct conf_machine *machine = &conf->machine;
	uint32_t addresses = 0, routes = 0;

	check_cores(machine, errs);
	check_connections(machine, errs);
	if (machine->ports.at == NULL)
		return;
	if (machine->ports.n == 0 || machine->ports.n > IMG_PORTS_MAX) {
		conf_err_add(errs, machine->ports.at->at,
			     "%u ports cannot run; describe 1 to %u of them", machine->ports.n,
			     (unsigned)IMG_PORTS_MAX);
		return;
	}
	for (CONF_EACH(struct conf_port, port, &machine->ports)) {
		check_port(conf, port, errs);
		addresses += port->addresses.n;
		routes += port->routes.n + port->gateways.n;
	}
	if (addresses > IMG_ADDRESSES_MAX || routes > IMG_ROUTES_MAX)
		conf_err_add(errs, machine->ports.at->at,
			     "%u addresses and %u routes are too many; up to %u and %u fit",
			     addresses, routes, (unsigned)IMG_ADDRESSES_MAX,
			     (unsigned)IMG_ROUTES_MAX);
}
