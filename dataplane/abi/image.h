/*
 * image.h - control/tables.<generation>: one immutable image of everything the data plane does.
 *
 * An image is a header, a section directory and sections of fixed-stride records; what a record
 * names is an index or a (offset, length) of the strings section, never a pointer. Control builds
 * it (abi/build.h), the data plane validates every byte it will use (img_open) and refuses a bad
 * image by a named fault. The generation is the file's name and is not in the bytes: the same
 * model gives the same bytes.
 *
 * Growth: fields are only appended to records; a reader goes by the section's stride. Records that
 * are longer than known are read as far as known; records that are shorter (an older writer) are
 * widened with zeroes by img_widen, so every appended field must mean "as before" when zero. A
 * section's version rises only when an old reader must not read it at all. A section that an old
 * reader may overlook is optional; one that it must understand is marked required by its writer.
 *
 * Identity: listeners, farms and servers carry a slot (index into boards and runtime) and an
 * incarnation (which user of that slot). Slots are unique within a kind. Section `retired` keeps
 * the last incarnation of slots that are free now, so that control recovers its allocator from
 * the image alone.
 * Units: nanoseconds, bytes; little-endian; addresses as in addr.h, ports host order.
 */
#ifndef PENSTOCK_ABI_IMAGE_H
#define PENSTOCK_ABI_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"
#include "abi/fault.h"
#include "abi/image_rules.h"
#include "abi/image_str.h"

#define IMG_TIME_MAX_NS (1ull << 60) /* durations: 36 years, so that now + t cannot overflow */
#define IMG_MAGIC	0x31474d494b4e4550ull /* "PENKIMG1" */

enum {
	IMG_VERSION = 1, /* of header and directory */
	IMG_ALIGN = 8,	 /* of section offsets and strides (strings: stride 1) */
	IMG_BYTES_MAX = 256 << 20,
	IMG_SECTIONS_MAX = 64, /* directory entries */

	IMG_SLOTS_MAX = 65536, /* per kind */
	IMG_CORES_MAX = 64,
	IMG_LANES_MAX = 64,
	IMG_LANE_CONNS_MAX = (1 << 20) - 1, /* of both sides; the proxy's handles */
	IMG_PORTS_MAX = 16,
	IMG_QUEUES_MAX = 64,
	IMG_ADDRESSES_MAX = 256,
	IMG_ROUTES_MAX = 256,
	IMG_SOURCES_MAX = 4096,
	IMG_RANGE_MAX = 256, /* sources named by one port or farm */
	IMG_BLOBS_MAX = 4096,
	IMG_BLOBS_BYTES_MAX = 1 << 30, /* of all blobs together: a view has them in its memory */
	IMG_NAME_MAX = 63,	       /* bytes in a name of a port, listener, farm, server */
	IMG_HOST_MAX = 260,	       /* a DNS name or address in text, with a port */
	IMG_RSS_KEY_MAX = 52,
	IMG_DEVICE_MAX = 4095, /* img_port.device */
};

struct img_head {
	uint64_t magic;
	uint16_t version;
	uint16_t head_bytes; /* sizeof(struct img_head) of the writer; the directory follows it */
	uint16_t section_n;
	uint16_t section_bytes; /* stride of the directory */
	uint64_t bytes;		/* whole image */
	uint32_t crc;		/* CRC-32C of the image with this field zero */
	uint32_t spare;
};

enum {
	IMG_REQUIRED = 1 << 0, /* a reader that does not know this section must refuse the image */
};

struct img_section {
	uint16_t id; /* enum img_section_id */
	uint16_t version;
	uint32_t flags;
	uint32_t stride;
	uint32_t n;
	uint64_t offset; /* from the start of the image */
};

/* ---- words ---- */

/* clang-format off */
#define IMG_POLL_LIST(x) x(ADAPTIVE, adaptive) x(BUSY, busy)
#define IMG_CONGESTION_LIST(x) x(CUBIC, cubic) x(NEWRENO, newreno)
#define IMG_DEVICE_LIST(x)                                                                         \
	x(PACKET, packet) x(MEMIF, memif) x(PCI, pci) x(XDP, xdp) x(TAP, tap) x(VHOST, vhost)      \
	x(VIRTIO, virtio) x(VDEV, vdev)
#define IMG_ROLE_LIST(x) x(CLIENT, client) x(SERVER, server)
#define IMG_PROTOCOL_LIST(x) x(HTTP, http)
#define IMG_XFF_LIST(x) x(APPEND, append) x(SET, set) x(OFF, off)
#define IMG_SCHEME_LIST(x) x(HTTP, http) x(HTTPS, https) x(SAME, same)
#define IMG_BALANCE_LIST(x) x(WEIGHTED_ROUND_ROBIN, weighted_round_robin)
#define IMG_HOST_LIST(x) x(KEEP, keep) x(SERVER, server) x(SET, set)
#define IMG_KIND_LIST(x) x(LISTENER, listener) x(FARM, farm) x(SERVER, server) x(RULE, rule)
#define IMG_BLOB_LIST(x) x(DATA, data) x(SCAN, scan) x(MAP, map)
/* clang-format on */

enum img_congestion {
#define X(name, word) IMG_CONGESTION_##name,
	IMG_CONGESTION_LIST(X)
#undef X
	IMG_CONGESTIONS
};

enum img_poll {
#define X(name, word) IMG_POLL_##name,
	IMG_POLL_LIST(X)
#undef X
	IMG_POLLS
};

/* What a port is made of; img_port.device means, in this order: interface, socket path, PCI
 * address, interface, interface name, socket path, socket path, raw DPDK devargs. */
enum img_device {
#define X(name, word) IMG_DEVICE_##name,
	IMG_DEVICE_LIST(X)
#undef X
	IMG_DEVICES
};

enum img_role {
#define X(name, word) IMG_ROLE_##name,
	IMG_ROLE_LIST(X)
#undef X
	IMG_ROLES
};

enum img_protocol {
#define X(name, word) IMG_PROTOCOL_##name,
	IMG_PROTOCOL_LIST(X)
#undef X
	IMG_PROTOCOLS
};

/* X-Forwarded-For: append the client to what came, replace what came, leave what came alone. */
enum img_xff {
#define X(name, word) IMG_XFF_##name,
	IMG_XFF_LIST(X)
#undef X
	IMG_XFFS
};

enum img_scheme {
#define X(name, word) IMG_SCHEME_##name,
	IMG_SCHEME_LIST(X)
#undef X
	IMG_SCHEMES
};

enum img_balance {
#define X(name, word) IMG_BALANCE_##name,
	IMG_BALANCE_LIST(X)
#undef X
	IMG_BALANCES
};

/* The Host sent upstream: the client's, the server's own name, or img_farm.host_value. */
enum img_host {
#define X(name, word) IMG_HOST_##name,
	IMG_HOST_LIST(X)
#undef X
	IMG_HOSTS_MODES
};

enum img_kind {
#define X(name, word) IMG_KIND_##name,
	IMG_KIND_LIST(X)
#undef X
	IMG_KINDS
};

enum img_blob_kind {
#define X(name, word) IMG_BLOB_##name,
	IMG_BLOB_LIST(X)
#undef X
	IMG_BLOBS_KINDS
};

/* The word of the list ("weighted_round_robin"), "unknown" outside it. */
const char *img_poll_name(uint32_t v);
const char *img_congestion_name(uint32_t v);
const char *img_device_name(uint32_t v);
const char *img_role_name(uint32_t v);
const char *img_protocol_name(uint32_t v);
const char *img_xff_name(uint32_t v);
const char *img_scheme_name(uint32_t v);
const char *img_balance_name(uint32_t v);
const char *img_host_name(uint32_t v);
const char *img_kind_name(uint32_t v);
const char *img_blob_kind_name(uint32_t v);

/* ---- records ---- */

/* No hidden padding: nobody would set it, and the same model would not give the same bytes. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

enum {
	IMG_MACHINE_HUGEPAGES = 1 << 0,
	IMG_MACHINE_ACCESS_LOG = 1 << 1,
	IMG_MACHINE_OFFERS_ECN = 1 << 2,  /* our SYNs do; peers' offers are always taken */
	IMG_MACHINE_REASSEMBLES = 1 << 3, /* fragments are put together, not refused */

	IMG_MACHINE_FLAGS = IMG_MACHINE_HUGEPAGES | IMG_MACHINE_ACCESS_LOG |
			    IMG_MACHINE_OFFERS_ECN | IMG_MACHINE_REASSEMBLES,
};

/* Exactly one. 0 in a limit: the data plane's own default, unless it says otherwise. */
struct img_machine {
	uint32_t lanes; /* 0: auto, 4 a core within the ports' queues */
	uint32_t poll;	/* enum img_poll */
	uint32_t flags;
	uint32_t memory_mib;	   /* packet buffers of all lanes together */
	uint32_t conns_max;	   /* client and upstream connections, all lanes together */
	uint32_t exchanges_max;	   /* requests in progress, all lanes together */
	uint32_t backlog_max;	   /* half-open connections before cookies, all lanes together */
	uint32_t server_slots;	   /* room in boards and runtime: more than the highest slot */
	uint32_t journal_bytes;	   /* ring of one lane */
	uint32_t head_max_bytes;   /* request or response head; more is 431 */
	uint32_t target_max_bytes; /* more is 414 */
	uint32_t fields_max;	   /* header fields in a head */
	uint64_t body_max_bytes;   /* request body; 0: no limit; more is 413 */
	uint64_t time_wait_ns;
	uint64_t keepalive_idle_ns; /* TCP keep-alive */
	uint64_t user_timeout_ns;   /* unacknowledged data */
	uint32_t send_max_bytes;    /* send queue of one connection */
	uint32_t recv_max_bytes;    /* largest window offered */
	struct img_str pseudonym;   /* our name in Via, RFC 9110, 7.6.3 */
	uint32_t congestion;	    /* enum img_congestion */
	uint32_t spare;
};

/* The processor cores that poll, in the configuration's order. */
struct img_core {
	uint32_t cpu;
	uint32_t spare;
};

enum {
	IMG_PORT_TRUSTS_SUMS = 1 << 0, /* memif: checksums of full segments are not verified */
	/* not used though the port has it */
	IMG_PORT_NO_RX_CHECKSUM = 1 << 1,
	IMG_PORT_NO_TX_CHECKSUM = 1 << 2,
	IMG_PORT_NO_TSO = 1 << 3,
	IMG_PORT_NO_LRO = 1 << 4,
	IMG_PORT_NO_MULTI_SEGS = 1 << 5,

	IMG_PORT_FLAGS = IMG_PORT_TRUSTS_SUMS | IMG_PORT_NO_RX_CHECKSUM | IMG_PORT_NO_TX_CHECKSUM |
			 IMG_PORT_NO_TSO | IMG_PORT_NO_LRO | IMG_PORT_NO_MULTI_SEGS,
};

struct img_port {
	struct img_str name;
	struct img_str device;		 /* see enum img_device */
	uint32_t kind;			 /* enum img_device */
	uint32_t role;			 /* enum img_role: memif */
	uint32_t link_id;		 /* memif's id */
	uint16_t queues;		 /* 0: as many as the port and the lanes make sensible */
	uint16_t mtu;			 /* 0: the port's own; of the IP packet */
	uint16_t vlan;			 /* 0: untagged */
	uint16_t rx_ring_n, tx_ring_n;	 /* descriptors; 0: default */
	uint8_t mac[6];			 /* zero: the port's own */
	uint32_t first_source, source_n; /* of sources; none: the port's addresses */
	uint32_t flags;
	uint32_t
		rss_key_n; /* 0: the port's own, or not known; for memif, what its peer spreads by */
	uint8_t rss_key[IMG_RSS_KEY_MAX]; /* Toeplitz key, zero behind rss_key_n */
	uint32_t hop_limit;		  /* of TCP's packets; 0: 64 */
	uint32_t dscp;			  /* of TCP's packets */
	struct img_str exception; /* the kernel's interface for what is not ours; empty: none */
};

/* An address of ours; several a port, both families. */
struct img_address {
	struct ip_addr ip;
	uint32_t port_i;
	uint32_t prefix; /* bits: 0-32 for IPv4, 0-128 for IPv6 */
};

/* Gateways are routes to 0.0.0.0/0 and ::/0. */
struct img_route {
	struct ip_addr to;  /* host bits zero; IPv4 in mapped form also when 0.0.0.0 */
	struct ip_addr via; /* none: on the link */
	uint32_t port_i;
	uint32_t prefix; /* bits of the family */
};

/* A source address for dialling, named by ranges in ports and farms. */
struct img_source {
	struct ip_addr ip;
	uint32_t port_i; /* the port that has this address */
	uint32_t spare;
};

enum {
	IMG_LISTENER_VIA = 1 << 0,	  /* add Via to requests and responses */
	IMG_LISTENER_XF_PROTO = 1 << 1,	  /* set X-Forwarded-Proto */
	IMG_LISTENER_XF_HOST = 1 << 2,	  /* set X-Forwarded-Host */
	IMG_LISTENER_XFF_PORT = 1 << 3,	  /* client's port in X-Forwarded-For, as IIS ARR does */
	IMG_LISTENER_ACCESS_LOG = 1 << 4, /* write an access record a request */

	IMG_LISTENER_FLAGS = IMG_LISTENER_VIA | IMG_LISTENER_XF_PROTO | IMG_LISTENER_XF_HOST |
			     IMG_LISTENER_XFF_PORT | IMG_LISTENER_ACCESS_LOG,
};

struct img_listener {
	uint32_t slot, incarnation;
	struct img_str name;
	struct ip_addr ip; /* none: every address of port_i, or of all ports */
	uint32_t port_i;   /* index of ports, IMG_NONE: any */
	uint16_t tcp_port;
	uint16_t spare;
	uint32_t protocol; /* enum img_protocol */
	uint32_t farm_i;   /* IMG_NONE: every request is answered 404 */
	uint32_t xff;	   /* enum img_xff */
	uint32_t flags;
	uint64_t head_ns;	 /* from connection or first byte to the end of the head; 408 */
	uint64_t body_ns;	 /* between two pieces of a request body */
	uint64_t idle_ns;	 /* between two requests of a connection */
	uint64_t send_ns;	 /* client takes no byte of the response for this long */
	uint32_t requests_max;	 /* of a connection; 0: no limit */
	uint32_t head_max_bytes; /* 0: the machine's */
	uint64_t body_max_bytes; /* 0: the machine's */
	/* An upgraded connection without a byte either way; 0: the farm's receive_ns applies. */
	uint64_t tunnel_ns;
	uint32_t first_bind, bind_n; /* of binds: the rules of this listener */
};

enum {
	/* Made by control for a plain host that a rule names ("http://app1.internal:8080"), 3. */
	IMG_FARM_IMPLICIT = 1 << 0,
	IMG_FARM_FLAGS = IMG_FARM_IMPLICIT,
};

struct img_farm {
	uint32_t slot, incarnation;
	struct img_str name;
	uint32_t scheme;  /* enum img_scheme */
	uint32_t balance; /* enum img_balance */
	uint32_t host;	  /* enum img_host */
	uint32_t port_i;  /* leave by this port; IMG_NONE: as the routes say */
	struct img_str host_value;
	uint32_t first_server, server_n; /* of servers; the ranges follow each other in order */
	uint32_t first_source, source_n; /* of sources; none: the port's */
	uint64_t connect_ns;
	uint64_t send_ns;    /* server takes no byte for this long */
	uint64_t receive_ns; /* server sends no byte for this long, from the request's end on */
	uint64_t idle_ns;    /* an idle upstream connection is kept this long */
	uint64_t rest_ns;    /* a server that failed is left alone this long */
	uint32_t idle_max;   /* idle upstream connections a lane keeps per server; 0: none */
	uint32_t retries;    /* further servers to try when it is safe */
	uint32_t flags;	     /* IMG_FARM_… */
	uint32_t spare;
};

struct img_server {
	uint32_t slot, incarnation;
	struct img_str name; /* unique in its farm */
	struct img_str host; /* as configured: a name or an address in text */
	struct ip_addr ip;   /* none: host is a name, its addresses are in runtime */
	uint32_t farm_i;
	uint16_t http_port, https_port; /* 0: does not speak it */
	uint32_t weight;		/* 0: only what its runtime override says; at most 65535 */
	uint32_t flags;			/* none yet: 0 */
};

/* A static name of the configuration's `hosts`; several records may share a name. */
struct img_name {
	struct img_str name;
	struct ip_addr ip;
};

/*
 * A content-addressed file control/blob.<hash in hex> that this image needs. The data plane checks
 * the hash and, of maps, what they say; a scan database is Hyperscan's to run, so whoever writes
 * blobs and images is trusted with the data plane.
 */
struct img_blob {
	uint8_t hash[32]; /* abi/blob.h */
	uint64_t bytes;
	uint32_t kind; /* enum img_blob_kind */
	uint32_t spare;
};

/* The last incarnation of a slot that nothing of this image uses. */
struct img_retired {
	uint32_t kind; /* enum img_kind */
	uint32_t slot, incarnation;
	uint32_t spare;
};

#pragma GCC diagnostic pop

/*
 * The sections: x(NAME, record, word, version, required, first). IDs are positions and never
 * change: lines are only appended. "required": images without it are refused. "first": bytes of
 * the record in the first release that had it, the least that a reader accepts.
 */
/* clang-format off */
#define IMG_SECTION_LIST(x)                                                                        \
	x(STRINGS, char, strings, 1, 1, 1)                                                         \
	x(MACHINE, struct img_machine, machine, 1, 1, 96)                                          \
	x(CORES, struct img_core, cores, 1, 1, 8)                                                  \
	x(PORTS, struct img_port, ports, 1, 1, 112)                                                \
	x(ADDRESSES, struct img_address, addresses, 1, 1, 24)                                      \
	x(ROUTES, struct img_route, routes, 1, 1, 40)                                              \
	x(SOURCES, struct img_source, sources, 1, 1, 24)                                           \
	x(LISTENERS, struct img_listener, listeners, 1, 1, 112)                                    \
	x(FARMS, struct img_farm, farms, 1, 1, 112)                                                \
	x(SERVERS, struct img_server, servers, 1, 1, 56)                                           \
	x(NAMES, struct img_name, names, 1, 0, 24)                                                 \
	x(BLOBS, struct img_blob, blobs, 1, 1, 48)                                                 \
	x(RETIRED, struct img_retired, retired, 1, 0, 16)                                          \
	x(BINDS, struct img_bind, binds, 1, 0, 8)                                                  \
	x(SCOPES, struct img_scope, scopes, 1, 0, 56)                                              \
	x(RULES, struct img_rule, rules, 1, 0, 112)                                                \
	x(CONDS, struct img_cond, conds, 1, 0, 24)                                                 \
	x(INPUTS, struct img_input, inputs, 1, 0, 56)                                              \
	x(PATTERNS, struct img_pattern, patterns, 1, 0, 32)                                        \
	x(EXPRS, struct img_expr, exprs, 1, 0, 24)                                                 \
	x(OPS, struct img_op, ops, 1, 0, 16)                                                       \
	x(SETS, struct img_set, sets, 1, 0, 24)                                                    \
	x(MAPS, struct img_map, maps, 1, 0, 32)                                                    \
	x(PRES, struct img_pre, pres, 1, 0, 24)                                                    \
	x(OUT_RULES, struct img_out_rule, out_rules, 1, 0, 96)                                     \
	x(TAGS, struct img_tag, tags, 1, 0, 16)                                                    \
	x(NETS, struct img_net, nets, 1, 0, 24)                                                    \
	x(EXCEPTS, struct img_except, excepts, 1, 0, 8)
/* clang-format on */

enum img_section_id {
#define X(name, record, word, version, required, first) IMG_##name,
	IMG_SECTION_LIST(X)
#undef X
	IMG_SECTIONS
};

const char *img_section_name(uint32_t id);

/* ---- reading ---- */

struct img_table {
	const uint8_t *base;
	uint32_t n;
	uint32_t stride;
};

/* An opened image: valid as long as the bytes (and what img_widen was given) are. */
struct img {
	const uint8_t *bytes;
	uint64_t bytes_n;
	uint32_t crc;
	struct img_table table[IMG_SECTIONS];
};

/*
 * Validates n arbitrary bytes, 8-byte aligned, and opens them: every section, record, reference,
 * string and enum that the accessors below can reach. Reads each byte of the image, allocates
 * nothing. On a fault returns false and *ret_fault says what and where; *ret_img is untouched.
 * The bytes must not change afterwards: a reader that shares them with an untrusted writer copies
 * them first.
 */
bool img_open(const void *bytes, size_t n, struct img *ret_img, struct abi_fault *ret_fault);

/*
 * Bytes that img_widen needs because sections were written by an older program with shorter
 * records; 0 for none. The accessors may be used only when it is 0 or img_widen was called.
 */
size_t img_widen_bytes(const struct img *img);

/* Copies those sections, zero-extended, into mem (img_widen_bytes, 8-byte aligned), which must
 * live as long as img. */
void img_widen(struct img *img, void *mem);

/* Records of a section; 0 when an optional one is absent. */
static inline uint32_t
img_n(const struct img *img, enum img_section_id id)
{
	return img->table[id].n;
}

static inline const void *
img_at(const struct img *img, enum img_section_id id, uint32_t i)
{
	return img->table[id].base + (size_t)i * img->table[id].stride;
}

static inline const struct img_machine *
img_machine(const struct img *img)
{
	return img_at(img, IMG_MACHINE, 0);
}

static inline const struct img_core *
img_core(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_CORES, i);
}

static inline const struct img_port *
img_port(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_PORTS, i);
}

static inline const struct img_address *
img_address(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_ADDRESSES, i);
}

static inline const struct img_route *
img_route(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_ROUTES, i);
}

static inline const struct img_source *
img_source(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_SOURCES, i);
}

static inline const struct img_listener *
img_listener(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_LISTENERS, i);
}

static inline const struct img_farm *
img_farm(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_FARMS, i);
}

static inline const struct img_server *
img_server(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_SERVERS, i);
}

static inline const struct img_name *
img_name(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_NAMES, i);
}

static inline const struct img_blob *
img_blob(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_BLOBS, i);
}

static inline const struct img_retired *
img_retired(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_RETIRED, i);
}

static inline const struct img_bind *
img_bind(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_BINDS, i);
}

static inline const struct img_scope *
img_scope(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_SCOPES, i);
}

static inline const struct img_rule *
img_rule(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_RULES, i);
}

static inline const struct img_cond *
img_cond(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_CONDS, i);
}

static inline const struct img_input *
img_input(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_INPUTS, i);
}

static inline const struct img_pattern *
img_pattern(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_PATTERNS, i);
}

static inline const struct img_expr *
img_expr(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_EXPRS, i);
}

static inline const struct img_op *
img_op(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_OPS, i);
}

static inline const struct img_set *
img_set(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_SETS, i);
}

static inline const struct img_map *
img_map(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_MAPS, i);
}

static inline const struct img_pre *
img_pre(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_PRES, i);
}

static inline const struct img_out_rule *
img_out_rule(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_OUT_RULES, i);
}

static inline const struct img_tag *
img_tag(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_TAGS, i);
}

static inline const struct img_net *
img_net(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_NETS, i);
}

static inline const struct img_except *
img_except(const struct img *img, uint32_t i)
{
	return img_at(img, IMG_EXCEPTS, i);
}

/* NUL-terminated, s.n bytes long; lives as long as the image. */
static inline const char *
img_text(const struct img *img, struct img_str s)
{
	return (const char *)img->table[IMG_STRINGS].base + s.offset;
}

/* Index by name, IMG_NONE when there is none. Linear: for people's commands, not for requests. */
uint32_t img_find_port(const struct img *img, const char *name, size_t n);
uint32_t img_find_listener(const struct img *img, const char *name, size_t n);
uint32_t img_find_farm(const struct img *img, const char *name, size_t n);
uint32_t img_find_server(const struct img *img, uint32_t farm_i, const char *name, size_t n);

/*
 * Index by (slot, incarnation), IMG_NONE when the image does not have it; of outbound rules behind
 * all inbound ones. Linear.
 */
uint32_t img_find_slot(const struct img *img, enum img_kind kind, uint32_t slot,
		       uint32_t incarnation);

#endif
