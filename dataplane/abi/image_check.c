/*
 * image_check.c - every field of every record of an image whose sections lie inside it.
 *
 * Each section has a function that checks one record; it names the first bad field. A record is
 * copied before it is looked at, so that short records of older writers read as zero-extended.
 * Work is bounded: linear in the image but for lists with small maxima. What is merely unwise
 * (two listeners on one address, a name used twice) is control's to refuse, not ours.
 */
#include "abi/check.h"

#include <string.h>

#include "abi/blob.h"
#include "abi/journal.h"

enum {
	HEAD_MAX = 1 << 20,  /* bytes of a head that may be configured */
	FIELDS_MAX = 4096,   /* header fields likewise */
	QUEUE_MAX = 1 << 30, /* send queue and window */
	CONNS_MAX = 1 << 28,
	MEMORY_MIB_MAX = 1 << 22,
	RING_MAX = 32768, /* descriptors */
	CPU_MAX = 4096,
	MTU_MIN = 576,
	HOP_LIMIT_MAX = 255,
	DSCP_MAX = 63,
	VLAN_MAX = 4094,
	EXCEPTION_MAX = 15, /* an interface's name */
	WEIGHT_MAX = 65535,
	RETRIES_MAX = 100,
	NAMES_MAX = 1 << 20,
};

static bool
check_port_ref(struct check *c, uint32_t port_i, bool may_be_none, const char *field)
{
	return ok(c, port_i < c->img->table[IMG_PORTS].n || (may_be_none && port_i == ABI_NONE),
		  ABI_FAULT_REFERENCE, field);
}

static bool
is_multicast(const struct ip_addr *a)
{
	return ip_is_v4(a) ? a->b[12] >= 224 : a->b[0] == 0xff;
}

static bool
check_unicast(struct check *c, const struct ip_addr *a, const char *field)
{
	static const uint8_t zero[4];

	return ok(c, !ip_is_none(a), ABI_FAULT_EMPTY, field) &&
	       ok(c, !is_multicast(a), ABI_FAULT_RANGE, field) &&
	       ok(c, !ip_is_v4(a) || memcmp(&a->b[12], zero, 4) != 0, ABI_FAULT_RANGE, field);
}

/* A range of the sources section, all of them on port_i unless that is none. */
static bool
check_sources(struct check *c, uint32_t first, uint32_t n, uint32_t port_i)
{
	if (!ok(c, (uint64_t)first + n <= c->img->table[IMG_SOURCES].n, ABI_FAULT_REFERENCE,
		"first_source") ||
	    !ok(c, n <= IMG_RANGE_MAX, ABI_FAULT_COUNT, "source_n"))
		return false;
	for (uint32_t i = first; i < first + n; i++) {
		struct img_source s;

		img_get(c->img, IMG_SOURCES, i, &s);
		if (!ok(c, port_i == ABI_NONE || s.port_i == port_i, ABI_FAULT_REFERENCE,
			"first_source"))
			return false;
	}
	return true;
}

static bool
check_machine(struct check *c)
{
	struct img_machine m;

	img_get(c->img, IMG_MACHINE, c->i, &m);
	return ok(c, m.lanes <= IMG_LANES_MAX, ABI_FAULT_RANGE, "lanes") &&
	       ok(c, m.poll < IMG_POLLS, ABI_FAULT_ENUM, "poll") &&
	       ok(c, (m.flags & ~(uint32_t)IMG_MACHINE_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") &&
	       ok(c, m.memory_mib <= MEMORY_MIB_MAX, ABI_FAULT_RANGE, "memory_mib") &&
	       ok(c, m.conns_max <= CONNS_MAX, ABI_FAULT_RANGE, "conns_max") &&
	       ok(c, m.exchanges_max <= CONNS_MAX, ABI_FAULT_RANGE, "exchanges_max") &&
	       ok(c, m.backlog_max <= CONNS_MAX, ABI_FAULT_RANGE, "backlog_max") &&
	       ok(c, m.server_slots <= IMG_SLOTS_MAX, ABI_FAULT_RANGE, "server_slots") &&
	       ok(c,
		  m.journal_bytes == 0 || (m.journal_bytes >= JOURNAL_BYTES_MIN &&
					   m.journal_bytes <= JOURNAL_BYTES_MAX),
		  ABI_FAULT_RANGE, "journal_bytes") &&
	       ok(c, m.head_max_bytes <= HEAD_MAX, ABI_FAULT_RANGE, "head_max_bytes") &&
	       ok(c, m.target_max_bytes <= HEAD_MAX, ABI_FAULT_RANGE, "target_max_bytes") &&
	       ok(c, m.fields_max <= FIELDS_MAX, ABI_FAULT_RANGE, "fields_max") &&
	       check_time(c, m.time_wait_ns, "time_wait_ns") &&
	       check_time(c, m.keepalive_idle_ns, "keepalive_idle_ns") &&
	       check_time(c, m.user_timeout_ns, "user_timeout_ns") &&
	       ok(c, m.send_max_bytes <= QUEUE_MAX, ABI_FAULT_RANGE, "send_max_bytes") &&
	       ok(c, m.recv_max_bytes <= QUEUE_MAX, ABI_FAULT_RANGE, "recv_max_bytes") &&
	       ok(c, m.congestion < IMG_CONGESTIONS, ABI_FAULT_ENUM, "congestion") &&
	       check_str(c, m.pseudonym, IMG_NAME_MAX, "pseudonym");
}

static bool
check_core(struct check *c)
{
	struct img_core core, other;

	img_get(c->img, IMG_CORES, c->i, &core);
	if (!ok(c, core.cpu < CPU_MAX, ABI_FAULT_RANGE, "cpu"))
		return false;
	for (uint32_t i = 0; i < c->i; i++) {
		img_get(c->img, IMG_CORES, i, &other);
		if (!ok(c, other.cpu != core.cpu, ABI_FAULT_DUPLICATE, "cpu"))
			return false;
	}
	return true;
}

static bool
check_port(struct check *c)
{
	struct img_port p, other;

	img_get(c->img, IMG_PORTS, c->i, &p);
	if (!check_text(c, p.name, IMG_NAME_MAX, "name") ||
	    !check_text(c, p.device, IMG_DEVICE_MAX, "device") ||
	    !ok(c, p.kind < IMG_DEVICES, ABI_FAULT_ENUM, "kind") ||
	    !ok(c, p.role < IMG_ROLES, ABI_FAULT_ENUM, "role") ||
	    !ok(c, p.queues <= IMG_QUEUES_MAX, ABI_FAULT_RANGE, "queues") ||
	    !ok(c, p.mtu == 0 || p.mtu >= MTU_MIN, ABI_FAULT_RANGE, "mtu") ||
	    !ok(c, p.vlan <= VLAN_MAX, ABI_FAULT_RANGE, "vlan") ||
	    !ok(c, p.rx_ring_n <= RING_MAX, ABI_FAULT_RANGE, "rx_ring_n") ||
	    !ok(c, p.tx_ring_n <= RING_MAX, ABI_FAULT_RANGE, "tx_ring_n") ||
	    !ok(c, (p.mac[0] & 1) == 0, ABI_FAULT_RANGE, "mac") ||
	    !ok(c, (p.flags & ~(uint32_t)IMG_PORT_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") ||
	    !ok(c, p.rss_key_n <= IMG_RSS_KEY_MAX, ABI_FAULT_RANGE, "rss_key_n") ||
	    !ok(c, p.hop_limit <= HOP_LIMIT_MAX, ABI_FAULT_RANGE, "hop_limit") ||
	    !ok(c, p.dscp <= DSCP_MAX, ABI_FAULT_RANGE, "dscp") ||
	    !check_str(c, p.exception, EXCEPTION_MAX, "exception") ||
	    !check_sources(c, p.first_source, p.source_n, c->i))
		return false;
	for (uint32_t i = 0; i < c->i; i++) {
		img_get(c->img, IMG_PORTS, i, &other);
		if (!ok(c,
			other.name.n != p.name.n || memcmp(img_text(c->img, other.name),
							   img_text(c->img, p.name), p.name.n) != 0,
			ABI_FAULT_DUPLICATE, "name"))
			return false;
	}
	return true;
}

static bool
check_address(struct check *c)
{
	struct img_address a, other;

	img_get(c->img, IMG_ADDRESSES, c->i, &a);
	if (!check_unicast(c, &a.ip, "ip") || !check_prefix(c, &a.ip, a.prefix) ||
	    !check_port_ref(c, a.port_i, false, "port_i"))
		return false;
	for (uint32_t i = 0; i < c->i; i++) {
		img_get(c->img, IMG_ADDRESSES, i, &other);
		if (!ok(c, other.port_i != a.port_i || !ip_eq(&other.ip, &a.ip),
			ABI_FAULT_DUPLICATE, "ip"))
			return false;
	}
	return true;
}

static bool
check_route(struct check *c)
{
	struct img_route r;
	uint32_t fixed;

	img_get(c->img, IMG_ROUTES, c->i, &r);
	if (!check_prefix(c, &r.to, r.prefix) ||
	    !ok(c, !is_multicast(&r.to), ABI_FAULT_RANGE, "to") ||
	    !check_port_ref(c, r.port_i, false, "port_i"))
		return false;
	fixed = ip_is_v4(&r.to) ? 96 + r.prefix : r.prefix;
	for (uint32_t bit = fixed; bit < 128; bit++) {
		if (!ok(c, (r.to.b[bit / 8] & (0x80 >> bit % 8)) == 0, ABI_FAULT_RANGE, "to"))
			return false;
	}
	if (ip_is_none(&r.via))
		return true;
	return check_unicast(c, &r.via, "via") &&
	       ok(c, ip_is_v4(&r.via) == ip_is_v4(&r.to), ABI_FAULT_FAMILY, "via");
}

static bool
check_source(struct check *c)
{
	struct img_source s;

	img_get(c->img, IMG_SOURCES, c->i, &s);
	if (!check_unicast(c, &s.ip, "ip") || !check_port_ref(c, s.port_i, false, "port_i"))
		return false;
	for (uint32_t i = 0; i < c->img->table[IMG_ADDRESSES].n; i++) {
		struct img_address a;

		img_get(c->img, IMG_ADDRESSES, i, &a);
		if (a.port_i == s.port_i && ip_eq(&a.ip, &s.ip))
			return true;
	}
	return ok(c, false, ABI_FAULT_REFERENCE, "ip"); /* answers to it would not reach us */
}

static bool
check_listener(struct check *c)
{
	struct img_listener l;

	img_get(c->img, IMG_LISTENERS, c->i, &l);
	return check_slot(c, IMG_KIND_LISTENER, l.slot, l.incarnation) &&
	       check_text(c, l.name, IMG_NAME_MAX, "name") &&
	       (ip_is_none(&l.ip) || check_unicast(c, &l.ip, "ip")) &&
	       check_port_ref(c, l.port_i, true, "port_i") &&
	       ok(c, l.tcp_port != 0, ABI_FAULT_RANGE, "tcp_port") &&
	       ok(c, l.protocol < IMG_PROTOCOLS, ABI_FAULT_ENUM, "protocol") &&
	       ok(c, l.farm_i < c->img->table[IMG_FARMS].n || l.farm_i == ABI_NONE,
		  ABI_FAULT_REFERENCE, "farm_i") &&
	       ok(c, l.xff < IMG_XFFS, ABI_FAULT_ENUM, "xff") &&
	       ok(c, (l.flags & ~(uint32_t)IMG_LISTENER_FLAGS) == 0, ABI_FAULT_FLAGS, "flags") &&
	       check_time(c, l.head_ns, "head_ns") && check_time(c, l.body_ns, "body_ns") &&
	       check_time(c, l.idle_ns, "idle_ns") && check_time(c, l.send_ns, "send_ns") &&
	       check_time(c, l.tunnel_ns, "tunnel_ns") &&
	       ok(c, l.head_max_bytes <= HEAD_MAX, ABI_FAULT_RANGE, "head_max_bytes") &&
	       ok(c, (uint64_t)l.first_bind + l.bind_n <= c->img->table[IMG_BINDS].n,
		  ABI_FAULT_REFERENCE, "first_bind") &&
	       ok(c, l.bind_n <= IMG_SCOPES_MAX, ABI_FAULT_COUNT, "bind_n");
}

static bool
check_farm(struct check *c)
{
	struct img_farm f;

	img_get(c->img, IMG_FARMS, c->i, &f);
	if (!check_slot(c, IMG_KIND_FARM, f.slot, f.incarnation) ||
	    !check_text(c, f.name, IMG_NAME_MAX, "name") ||
	    !ok(c, f.scheme < IMG_SCHEMES, ABI_FAULT_ENUM, "scheme") ||
	    !ok(c, f.balance < IMG_BALANCES, ABI_FAULT_ENUM, "balance") ||
	    !ok(c, f.host < IMG_HOSTS_MODES, ABI_FAULT_ENUM, "host") ||
	    !check_port_ref(c, f.port_i, true, "port_i") ||
	    !check_str(c, f.host_value, IMG_HOST_MAX, "host_value") ||
	    !ok(c, f.host != IMG_HOST_SET || f.host_value.n > 0, ABI_FAULT_EMPTY, "host_value") ||
	    !ok(c, f.first_server == c->next_server, ABI_FAULT_ORDER, "first_server") ||
	    !ok(c, f.server_n <= c->img->table[IMG_SERVERS].n - f.first_server, ABI_FAULT_REFERENCE,
		"server_n") ||
	    !check_sources(c, f.first_source, f.source_n, f.port_i))
		return false;
	c->next_server = f.first_server + f.server_n;
	for (uint32_t i = f.first_server; i < c->next_server; i++) {
		struct img_server s;

		img_get(c->img, IMG_SERVERS, i, &s);
		if (!ok(c, s.farm_i == c->i, ABI_FAULT_REFERENCE, "server_n"))
			return false;
	}
	return check_time(c, f.connect_ns, "connect_ns") && check_time(c, f.send_ns, "send_ns") &&
	       check_time(c, f.receive_ns, "receive_ns") && check_time(c, f.idle_ns, "idle_ns") &&
	       check_time(c, f.rest_ns, "rest_ns") &&
	       ok(c, f.retries <= RETRIES_MAX, ABI_FAULT_RANGE, "retries") &&
	       ok(c, (f.flags & ~(uint32_t)IMG_FARM_FLAGS) == 0, ABI_FAULT_FLAGS, "flags");
}

static bool
check_server(struct check *c)
{
	struct img_server s;
	struct img_machine m;

	img_get(c->img, IMG_SERVERS, c->i, &s);
	img_get(c->img, IMG_MACHINE, 0, &m);
	return check_slot(c, IMG_KIND_SERVER, s.slot, s.incarnation) &&
	       ok(c, s.slot < m.server_slots, ABI_FAULT_RANGE, "slot") &&
	       check_text(c, s.name, IMG_NAME_MAX, "name") &&
	       check_text(c, s.host, IMG_HOST_MAX, "host") &&
	       (ip_is_none(&s.ip) || check_unicast(c, &s.ip, "ip")) &&
	       /* Farms come first: a server past the last farm's belongs to none. */
	       ok(c, c->i < c->next_server, ABI_FAULT_REFERENCE, "farm_i") &&
	       ok(c, s.http_port != 0 || s.https_port != 0, ABI_FAULT_RANGE, "http_port") &&
	       ok(c, s.weight <= WEIGHT_MAX, ABI_FAULT_RANGE, "weight") &&
	       ok(c, s.flags == 0, ABI_FAULT_FLAGS, "flags");
}

static bool
check_name(struct check *c)
{
	struct img_name n;

	img_get(c->img, IMG_NAMES, c->i, &n);
	return check_text(c, n.name, IMG_HOST_MAX, "name") && check_unicast(c, &n.ip, "ip");
}

static bool
check_blob(struct check *c)
{
	struct img_blob b;

	img_get(c->img, IMG_BLOBS, c->i, &b);
	c->blob_bytes += b.bytes;
	return ok(c, b.bytes <= BLOB_BYTES_MAX && c->blob_bytes <= IMG_BLOBS_BYTES_MAX,
		  ABI_FAULT_RANGE, "bytes") &&
	       ok(c, b.kind < IMG_BLOBS_KINDS, ABI_FAULT_ENUM, "kind");
}

static bool
check_retired(struct check *c)
{
	struct img_retired r;

	img_get(c->img, IMG_RETIRED, c->i, &r);
	return ok(c, r.kind < IMG_KINDS, ABI_FAULT_ENUM, "kind") &&
	       check_slot(c, (enum img_kind)r.kind, r.slot, r.incarnation);
}

#define X(name, record, word, version, required, first)                                            \
	_Static_assert(sizeof(record) >= (first), "records only grow");                            \
	_Static_assert(IMG_##name == IMG_STRINGS || sizeof(record) % IMG_ALIGN == 0, "stride");
IMG_SECTION_LIST(X)
#undef X

/* In this order: sources and farms before who names them, used slots before retired ones. */
static const struct section_check {
	enum img_section_id id;
	uint32_t least, most;
	bool (*record)(struct check *c); /* NULL: its owner, a scope, looks at it */
} section_check[] = {
	{ IMG_MACHINE, 1, 1, check_machine },
	{ IMG_CORES, 1, IMG_CORES_MAX, check_core },
	{ IMG_ADDRESSES, 0, IMG_ADDRESSES_MAX, check_address },
	{ IMG_SOURCES, 0, IMG_SOURCES_MAX, check_source },
	{ IMG_PORTS, 0, IMG_PORTS_MAX, check_port },
	{ IMG_ROUTES, 0, IMG_ROUTES_MAX, check_route },
	{ IMG_LISTENERS, 0, IMG_SLOTS_MAX, check_listener },
	{ IMG_FARMS, 0, IMG_SLOTS_MAX, check_farm },
	{ IMG_SERVERS, 0, IMG_SLOTS_MAX, check_server },
	{ IMG_NAMES, 0, NAMES_MAX, check_name },
	{ IMG_BLOBS, 0, IMG_BLOBS_MAX, check_blob },
	{ IMG_EXPRS, 0, IMG_EXPRS_MAX, check_expr },
	{ IMG_OPS, 0, IMG_OPS_MAX, check_op },
	{ IMG_MAPS, 0, IMG_MAPS_MAX, check_map },
	{ IMG_NETS, 0, IMG_NETS_MAX, check_net },
	{ IMG_EXCEPTS, 0, IMG_EXCEPTS_MAX, check_except },
	{ IMG_SCOPES, 0, IMG_SCOPES_MAX, check_scope },
	{ IMG_RULES, 0, IMG_RULES_MAX, NULL },
	{ IMG_OUT_RULES, 0, IMG_RULES_MAX, NULL },
	{ IMG_INPUTS, 0, IMG_INPUTS_MAX, NULL },
	{ IMG_PATTERNS, 0, IMG_PATTERNS_MAX, NULL },
	{ IMG_CONDS, 0, IMG_CONDS_MAX, NULL },
	{ IMG_SETS, 0, IMG_SETS_MAX, NULL },
	{ IMG_PRES, 0, IMG_PRES_MAX, NULL },
	{ IMG_TAGS, 0, IMG_TAGS_MAX, NULL },
	{ IMG_BINDS, 0, IMG_BINDS_MAX, check_bind },
	{ IMG_RETIRED, 0, IMG_KINDS *IMG_SLOTS_MAX, check_retired },
};

static bool
check_strings(struct check *c)
{
	const struct img_table *t = &c->img->table[IMG_STRINGS];

	c->part = img_section_name(IMG_STRINGS);
	c->i = ABI_NONE;
	return ok(c, t->n > 0 && t->base[0] == '\0' && t->base[t->n - 1] == '\0', ABI_FAULT_STRING,
		  "");
}

bool
img_check_records(const struct img *img, struct abi_fault *ret_fault)
{
	struct check c = { .img = img, .fault = ret_fault };

	if (!check_strings(&c))
		return false;
	for (size_t k = 0; k < sizeof(section_check) / sizeof(section_check[0]); k++) {
		const struct section_check *s = &section_check[k];
		uint32_t n = img->table[s->id].n;

		c.part = img_section_name(s->id);
		c.i = ABI_NONE;
		if (!ok(&c, n >= s->least && n <= s->most, ABI_FAULT_COUNT, ""))
			return false;
	}
	for (size_t k = 0; k < sizeof(section_check) / sizeof(section_check[0]); k++) {
		const struct section_check *s = &section_check[k];

		c.part = img_section_name(s->id);
		for (c.i = 0; s->record != NULL && c.i < img->table[s->id].n; c.i++) {
			if (!s->record(&c))
				return false;
		}
	}
	return check_rules_end(&c);
}
