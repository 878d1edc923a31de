/*
 * keys.c - the table of keys, see keys.h. Defaults stand here and nowhere else.
 */
#include "conf/keys.h"

#include <string.h>

#include "abi/image.h"
#include "conf/keys_table.h"
#include "conf/model.h"

/* clang-format off */

static const char *const words_lanes[] = { "auto", NULL };
static const char *const words_poll[] = { "adaptive", "busy", NULL };
static const char *const words_fragments[] = { "refuse", "reassemble", NULL };
static const char *const words_role[] = { "client", "server", NULL };
static const char *const words_checksums[] = { "verified", "trusted", NULL };
static const char *const words_congestion[] = { "cubic", "newreno", NULL };
static const char *const words_ecn[] = { "accept", "offer", NULL };
static const char *const words_protocol[] = { "http", NULL };
static const char *const words_xff[] = { "append", "replace", "off", NULL };
static const char *const words_scheme[] = { "http", NULL };
static const char *const later_protocol[] = { "https", "tls", "tcp", NULL };
static const char *const later_scheme[] = { "https", "same", NULL };
static const char *const later_balance[] = { "least-connections", "least-requests", "hash",
					     "weighted-least-connections", "random", NULL };
static const char *const words_balance[] = { "weighted-round-robin", NULL };
static const char *const words_format[] = { "json", "combined", "w3c", NULL };

static const struct key device_keys[] = {
	{ .name = "memif", .type = KEY_FILE, AT(conf_device, memif),
	  .example = "memif: /run/penstock-memif/outside.sock",
	  .what = "the socket of a memif link" },
	{ .name = "packet", .type = KEY_NAME, AT(conf_device, packet),
	  .example = "packet: eth1",
	  .what = "a network interface of the kernel, by AF_PACKET" },
	{ .name = "xdp", .type = KEY_NAME, AT(conf_device, xdp),
	  .example = "xdp: eth1",
	  .what = "a network interface of the kernel, by AF_XDP, which leaves the kernel what is "
		  "not for the port's addresses" },
	{ .name = "tap", .type = KEY_NAME, AT(conf_device, tap),
	  .example = "tap: penstock0",
	  .what = "an interface that the kernel makes for the data plane, whose other end is the "
		  "kernel's; one that 'ip tuntap' made stays" },
	{ .name = "pci", .type = KEY_TEXT, AT(conf_device, pci),
	  .example = "pci: \"0000:3b:00.0\"",
	  .what = "a network card that is bound to vfio-pci, by its PCI address" },
	{ .name = "vhost", .type = KEY_FILE, AT(conf_device, vhost),
	  .example = "vhost: /run/penstock-vhost/guest.sock",
	  .what = "the socket of a vhost-user backend, which the data plane makes for a guest" },
	{ .name = "virtio", .type = KEY_FILE, AT(conf_device, virtio),
	  .example = "virtio: /run/switch/port1.sock",
	  .what = "the socket of somebody's vhost-user backend, which must be there" },
	{ .name = "role", .type = KEY_WORD, AT(conf_device, role), .words = words_role,
	  .absent = "client", .example = "role: client",
	  .what = "which end of the memif link makes the socket (server) or connects (client)" },
	{ .name = "id", .type = KEY_COUNT, AT(conf_device, id), .max = 65535,
	  .absent = "0", .example = "id: 0",
	  .what = "the memif interface's number on its socket" },
	{ .name = "checksums", .type = KEY_WORD, AT(conf_device, checksums),
	  .words = words_checksums, .absent = "verified", .example = "checksums: trusted",
	  .what = "whether the TCP checksums of full segments that come by a memif are verified; in "
		  "memory that both ends share nothing can fall over, and a payload that only passes "
		  "need not be read. Its peer must send right ones all the same" },
	{ .name = "queues", .type = KEY_COUNT, AT(conf_device, queues), .min = 1, .max = IMG_QUEUES_MAX,
	  .example = "queues: 2",
	  .what = "queues each way; left out: as many as the port and the lanes make sensible" },
	{ .name = "rss_key", .type = KEY_TEXT, AT(conf_device, rss_key),
	  .example = "rss_key: 6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c"
		     "6a42b73bbeac01fa",
	  .what = "the Toeplitz key by which a memif's or virtio's peer spreads flows over the "
		  "queues, in hex; "
		  "left out: not known" },
	{ .name = "vdev", .type = KEY_TEXT, AT(conf_device, vdev),
	  .example = "vdev: \"net_af_packet9,iface=eth1\"",
	  .what = "a device of DPDK's by its raw arguments, as --vdev takes them" },
};

const struct key_section key_device = { .name = "device", .keys = device_keys,
					.keys_n = KEYS_N(device_keys),
					.size = sizeof(struct conf_device) };

static const struct key route_keys[] = {
	{ .name = "to", .type = KEY_PREFIX, .is_needed = true, AT(conf_route, to),
	  .example = "to: 10.8.0.0/16", .what = "the network that is reached" },
	{ .name = "via", .type = KEY_IP, .is_needed = true, AT(conf_route, via),
	  .example = "via: 10.0.0.1", .what = "the router on the port's own network" },
};
SECTION(key_route, "route", route_keys, conf_route);

static const struct key offloads_keys[] = {
	{ .name = "rx_checksum", .type = KEY_BOOL, .absent = "true", AT(conf_offloads, rx_checksum),
	  .example = "rx_checksum: off",
	  .what = "the port says whose TCP checksum needs no look; off: also lro" },
	{ .name = "tx_checksum", .type = KEY_BOOL, .absent = "true", AT(conf_offloads, tx_checksum),
	  .example = "tx_checksum: off",
	  .what = "the port fills TCP checksums in; off: also tso" },
	{ .name = "tso", .type = KEY_BOOL, .absent = "true", AT(conf_offloads, tso),
	  .example = "tso: off",
	  .what = "the port cuts large packets into segments" },
	{ .name = "lro", .type = KEY_BOOL, .absent = "true", AT(conf_offloads, lro),
	  .example = "lro: off",
	  .what = "the port may hand over several segments as one" },
	{ .name = "multi_segs", .type = KEY_BOOL, .absent = "true", AT(conf_offloads, multi_segs),
	  .example = "multi_segs: off",
	  .what = "the port sends packets that lie in several pieces; off: they are copied together, "
		  "and no tso" },
};
SECTION(key_offloads, "offloads", offloads_keys, conf_offloads);

static const struct key port_keys[] = {
	{ .name = "name", .type = KEY_NAME, .is_needed = true, AT(conf_port, name),
	  .example = "name: outside", .what = "how listeners, farms and reports call the port" },
	{ .name = "device", .type = KEY_DEVICE, .is_needed = true, AT(conf_port, device),
	  .example = "device: packet:eth1",
	  .what = "packet:IFACE, xdp:IFACE, tap:NAME, \"pci:0000:3b:00.0\", or a mapping {memif: PATH, role: client, id: 0, queues: 2}, "
	  "{vhost: PATH, queues: 2}, {virtio: PATH, queues: 2} or {vdev: \"NAME,ARGUMENTS\"}" },
	{ .name = "addresses", .type = KEY_PREFIX, .is_list = true, .is_needed = true,
	  AT(conf_port, addresses), .example = "addresses: [10.0.0.5/24, \"2001:db8::5/64\"]",
	  .what = "the port's own addresses with their prefix lengths, of both families" },
	{ .name = "vlan", .type = KEY_COUNT, .min = 1, .max = 4094, AT(conf_port, vlan),
	  .example = "vlan: 120", .what = "802.1Q tag of all the port's traffic; left out: none" },
	{ .name = "gateways", .type = KEY_IP, .is_list = true, AT(conf_port, gateways),
	  .example = "gateways: [10.0.0.1]", .what = "the default routers, one for each family" },
	{ .name = "routes", .type = KEY_SECTION, .is_list = true, .of = &key_route,
	  AT(conf_port, routes), .example = "routes: [{to: 10.8.0.0/16, via: 10.0.0.1}]",
	  .what = "further networks and their routers" },
	{ .name = "mtu", .type = KEY_COUNT, .min = 1280, .max = 9216, AT(conf_port, mtu),
	  .example = "mtu: 1500", .what = "largest IP packet; left out: the port's own" },
	{ .name = "hop_limit", .type = KEY_COUNT, .min = 1, .max = 255, .absent = "64",
	  AT(conf_port, hop_limit), .example = "hop_limit: 255",
	  .what = "time to live of the TCP packets that the port sends" },
	{ .name = "dscp", .type = KEY_COUNT, .max = 63, .absent = "0", AT(conf_port, dscp),
	  .example = "dscp: 10",
	  .what = "Differentiated Services code point of the TCP packets that the port sends" },
	{ .name = "offloads", .type = KEY_SECTION, .of = &key_offloads, AT(conf_port, offloads),
	  .example = "offloads: {tso: off}",
	  .what = "what the port may do for TCP where it can; off: it is done here" },
	{ .name = "source_addresses", .type = KEY_IP, .is_list = true,
	  AT(conf_port, source_addresses), .example = "source_addresses: [10.0.0.6, 10.0.0.7]",
	  .what = "which of the port's addresses servers are dialled from; left out: all" },
	{ .name = "exception", .type = KEY_NAME, AT(conf_port, exception),
	  .example = "exception: ps-outside",
	  .what = "the kernel's interface that shares the port, for what is not for its addresses: a "
		  "name, off, or auto (ps- and the port's name for pci ports, off for others); pci, "
		  "virtio and vhost can have it" },
};
SECTION(key_port, "port", port_keys, conf_port);

static const struct key limits_keys[] = {
	{ .name = "head", .type = KEY_SIZE, .min = 1024, .max = 1 << 20, AT(conf_limits, head),
	  .example = "head: 64KiB", .what = "largest request or response head; more is 431" },
	{ .name = "target", .type = KEY_SIZE, .min = 256, .max = 1 << 20, AT(conf_limits, target),
	  .example = "target: 8KiB", .what = "longest request target; more is 414" },
	{ .name = "fields", .type = KEY_COUNT, .min = 8, .max = 1000, AT(conf_limits, fields),
	  .example = "fields: 100", .what = "most header fields in a head; more is 431" },
	{ .name = "body", .type = KEY_SIZE, .max = (uint64_t)1 << 60, AT(conf_limits, body),
	  .example = "body: 100MiB",
	  .what = "largest request body; more is 413; left out or 0: no limit" },
};
SECTION(key_limits, "limits", limits_keys, conf_limits);

static const struct key tcp_keys[] = {
	{ .name = "congestion", .type = KEY_WORD, .words = words_congestion, .absent = "cubic",
	  AT(conf_tcp, congestion), .example = "congestion: cubic",
	  .what = "congestion control: cubic with HyStart++ (RFC 9438, 9406), or newreno (RFC 5681)" },
	{ .name = "ecn", .type = KEY_WORD, .words = words_ecn, .absent = "accept",
	  AT(conf_tcp, ecn), .example = "ecn: offer",
	  .what = "whether connections to servers offer ECN; what clients offer is always accepted" },
	{ .name = "keepalive", .type = KEY_DURATION, .min = SECOND, .max = 24 * HOUR, .absent = "75s",
	  AT(conf_tcp, keepalive), .example = "keepalive: 75s",
	  .what = "silence after which a connection is asked for a sign of life; five more questions, "
		  "30 s apart, and it ends" },
	{ .name = "user_timeout", .type = KEY_DURATION, .min = SECOND, .max = 24 * HOUR,
	  .absent = "100s", AT(conf_tcp, user_timeout), .example = "user_timeout: 100s",
	  .what = "how long bytes may stay unacknowledged until the connection ends" },
	{ .name = "time_wait", .type = KEY_DURATION, .min = SECOND, .max = 240 * SECOND, .absent = "60s",
	  AT(conf_tcp, time_wait), .example = "time_wait: 60s",
	  .what = "how long a connection that we closed first is remembered, that old packets of it "
		  "are no others'; a client that comes again from the same port is let in anyway" },
	{ .name = "send_buffer", .type = KEY_SIZE, .min = 64 << 10, .max = 64 << 20,
	  .absent = "8MiB", AT(conf_tcp, send_buffer), .example = "send_buffer: 8MiB",
	  .what = "the most that waits for one peer; beyond 1 MiB only what a long path needs" },
	{ .name = "receive_buffer", .type = KEY_SIZE, .min = 64 << 10, .max = 64 << 20,
	  .absent = "8MiB", AT(conf_tcp, receive_buffer), .example = "receive_buffer: 8MiB",
	  .what = "the largest window offered; beyond 1 MiB only what a long path needs" },
};
SECTION(key_tcp, "tcp", tcp_keys, conf_tcp);

static const struct key machine_keys[] = {
	{ .name = "cores", .type = KEY_COUNT, .is_list = true, .max = 1023,
	  AT(conf_machine, cores), .example = "cores: [1]",
	  .what = "the processor cores that poll; left out: all but the first, which control and "
		  "the rest of the machine keep" },
	{ .name = "lanes", .type = KEY_COUNT, .min = 1, .max = IMG_LANES_MAX, .words = words_lanes,
	  .absent = "auto", AT(conf_machine, lanes), .example = "lanes: auto",
	  .what = "share-nothing proxies; auto: 4 a core within the ports' queues" },
	{ .name = "poll", .type = KEY_WORD, .words = words_poll, .absent = "adaptive",
	  AT(conf_machine, poll), .example = "poll: adaptive",
	  .what = "adaptive rests when there is no work and lets frames of packet and xdp ports "
		  "gather for 30 us; busy does neither" },
	{ .name = "hugepages", .type = KEY_BOOL, .absent = "false", AT(conf_machine, hugepages),
	  .example = "hugepages: true", .what = "packet memory in the hugepages set aside" },
	{ .name = "fragments", .type = KEY_WORD, .words = words_fragments, .absent = "refuse",
	  AT(conf_machine, fragments), .example = "fragments: reassemble",
	  .what = "IP packets that come in pieces: refused and counted, or put together within "
		  "limits" },
	{ .name = "memory", .type = KEY_SIZE, .min = 16 << 20, .max = (uint64_t)1 << 42,
	  AT(conf_machine, memory), .example = "memory: 512MiB",
	  .what = "packet buffers of all lanes together; left out: the data plane's default" },
	{ .name = "connections", .type = KEY_COUNT, .min = 64,
	  .max = (uint64_t)IMG_LANES_MAX * IMG_LANE_CONNS_MAX, AT(conf_machine, connections),
	  .example = "connections: 100000",
	  .what = "client and server connections together; left out: the data plane's default" },
	{ .name = "pseudonym", .type = KEY_NAME, .absent = "penstock",
	  AT(conf_machine, pseudonym), .example = "pseudonym: penstock",
	  .what = "this proxy's name in the Via field" },
	{ .name = "limits", .type = KEY_SECTION, .of = &key_limits, AT(conf_machine, limits),
	  .example = "limits: {head: 64KiB}", .what = "bounds on requests" },
	{ .name = "tcp", .type = KEY_SECTION, .of = &key_tcp, AT(conf_machine, tcp),
	  .example = "tcp: {keepalive: 75s}", .what = "TCP of all connections" },
	{ .name = "ports", .type = KEY_SECTION, .is_list = true, .is_needed = true,
	  .of = &key_port, AT(conf_machine, ports),
	  .example = "ports: [{name: outside, device: packet:eth1, addresses: [10.0.0.5/24]}]",
	  .what = "the network ports: an outside and an inside one, or one for both" },
};
SECTION(key_machine, "machine", machine_keys, conf_machine);

static const struct key client_timeouts_keys[] = {
	{ .name = "head", TIMEOUT(.absent = "30s"), AT(conf_client_timeouts, head),
	  .example = "head: 30s", .what = "to the end of a request head; then 408" },
	{ .name = "body", TIMEOUT(.absent = "60s"), AT(conf_client_timeouts, body),
	  .example = "body: 60s", .what = "between two pieces of a request body" },
	{ .name = "idle", TIMEOUT(.absent = "60s"), AT(conf_client_timeouts, idle),
	  .example = "idle: 60s", .what = "between two requests of a connection" },
	{ .name = "send", TIMEOUT(.absent = "60s"), AT(conf_client_timeouts, send),
	  .example = "send: 60s", .what = "while the client takes no byte of a response" },
	{ .name = "tunnel", TIMEOUT(.absent = "1h"), AT(conf_client_timeouts, tunnel),
	  .example = "tunnel: 1h", .what = "an upgraded connection with no byte either way" },
};
SECTION(key_client_timeouts, "timeouts", client_timeouts_keys, conf_client_timeouts);

static const struct key listener_keys[] = {
	{ .name = "name", .type = KEY_NAME, .is_needed = true, AT(conf_listener, name),
	  .example = "name: web", .what = "how reports call the listener" },
	{ .name = "address", .type = KEY_ENDPOINT, .is_needed = true, AT(conf_listener, address),
	  .example = "address: \"203.0.113.10:80\"",
	  .what = "\"IP:port\", \"[v6]:port\", or \"*:port\" for every address" },
	{ .name = "port", .type = KEY_NAME, AT(conf_listener, port), .example = "port: outside",
	  .what = "listen on this port alone" },
	{ .name = "protocol", .type = KEY_WORD, .words = words_protocol, .later = later_protocol, .absent = "http",
	  AT(conf_listener, protocol), .example = "protocol: http", .what = "what clients speak" },
	{ .name = "farm", .type = KEY_NAME, .is_needed = true, AT(conf_listener, farm),
	  .example = "farm: app", .what = "where requests go" },
	{ .name = "timeouts", .type = KEY_SECTION, .of = &key_client_timeouts,
	  AT(conf_listener, timeouts), .example = "timeouts: {idle: 60s}",
	  .what = "patience with clients" },
	{ .name = "via", .type = KEY_BOOL, .absent = "true", AT(conf_listener, via),
	  .example = "via: true", .what = "add the Via field" },
	{ .name = "x_forwarded_for", .type = KEY_WORD, .words = words_xff, .absent = "append",
	  AT(conf_listener, x_forwarded_for), .example = "x_forwarded_for: append",
	  .what = "append the client's address to what came, replace it, or leave it (off)" },
	{ .name = "x_forwarded_for_port", .type = KEY_BOOL, .absent = "false",
	  AT(conf_listener, x_forwarded_for_port), .example = "x_forwarded_for_port: false",
	  .what = "the client's port behind its address" },
	{ .name = "x_forwarded_proto", .type = KEY_BOOL, .absent = "true",
	  AT(conf_listener, x_forwarded_proto), .example = "x_forwarded_proto: true",
	  .what = "set X-Forwarded-Proto" },
	{ .name = "x_forwarded_host", .type = KEY_BOOL, .absent = "true",
	  AT(conf_listener, x_forwarded_host), .example = "x_forwarded_host: true",
	  .what = "set X-Forwarded-Host" },
	{ .name = "access_log", .type = KEY_BOOL, .absent = "true", AT(conf_listener, access_log),
	  .example = "access_log: true", .what = "a record for each request, see logs.access" },
	{ .name = "rules", .type = KEY_NAME, .is_list = true, .is_one_too = true,
	  AT(conf_listener, rules), .example = "rules: [publish]",
	  .what = "sets of the section rules, one after another: what they do not decide goes to the "
		  "listener's farm" },
	{ .name = "certificates", .type = KEY_LATER, .what = "TLS" },
	{ .name = "tls", .type = KEY_LATER, .what = "TLS" },
};
SECTION(key_listener, "listener", listener_keys, conf_listener);

static const struct key server_keys[] = {
	{ .name = "name", .type = KEY_NAME, .is_needed = true, AT(conf_server, name),
	  .example = "name: a", .what = "unique within the farm" },
	{ .name = "address", .type = KEY_HOST, .is_needed = true, AT(conf_server, address),
	  .example = "address: 10.0.0.11",
	  .what = "an IP address, a name of the section hosts, or a DNS name" },
	{ .name = "http_port", .type = KEY_COUNT, .min = 1, .max = 65535, .absent = "80",
	  AT(conf_server, http_port), .example = "http_port: 8080",
	  .what = "where the server speaks http" },
	{ .name = "https_port", .type = KEY_COUNT, .min = 1, .max = 65535,
	  AT(conf_server, https_port), .example = "https_port: 4443",
	  .what = "where the server speaks https; kept for a version with TLS" },
	{ .name = "weight", .type = KEY_COUNT, .max = 65535, .absent = "100",
	  AT(conf_server, weight), .example = "weight: 100",
	  .what = "share of the requests against the other servers'; 0: none" },
};
SECTION(key_server, "server", server_keys, conf_server);

static const struct key farm_timeouts_keys[] = {
	{ .name = "connect", TIMEOUT(.absent = "5s"), AT(conf_farm_timeouts, connect),
	  .example = "connect: 5s", .what = "for a connection to a server; then the next one" },
	{ .name = "send", TIMEOUT(.absent = "30s"), AT(conf_farm_timeouts, send),
	  .example = "send: 30s", .what = "while the server takes no byte of a request" },
	{ .name = "receive", TIMEOUT(.absent = "30s"), AT(conf_farm_timeouts, receive),
	  .example = "receive: 30s", .what = "while the server sends no byte of a response" },
	{ .name = "idle", TIMEOUT(.absent = "60s"), AT(conf_farm_timeouts, idle),
	  .example = "idle: 60s", .what = "an unused connection to a server is kept this long" },
};
SECTION(key_farm_timeouts, "timeouts", farm_timeouts_keys, conf_farm_timeouts);

static const struct key farm_keys[] = {
	{ .name = "name", .type = KEY_NAME, .is_needed = true, AT(conf_farm, name),
	  .example = "name: app", .what = "how listeners and reports call the farm" },
	{ .name = "scheme", .type = KEY_WORD, .words = words_scheme, .later = later_scheme, .absent = "http",
	  AT(conf_farm, scheme), .example = "scheme: http",
	  .what = "what is spoken to the servers; this version has no TLS" },
	{ .name = "balance", .type = KEY_WORD, .words = words_balance, .later = later_balance,
	  .absent = "weighted-round-robin", AT(conf_farm, balance),
	  .example = "balance: weighted-round-robin", .what = "how requests are shared out" },
	{ .name = "servers", .type = KEY_SECTION, .is_list = true, .is_needed = true,
	  .of = &key_server, AT(conf_farm, servers),
	  .example = "servers: [{name: a, address: 10.0.0.11, http_port: 8080}]",
	  .what = "the servers" },
	{ .name = "timeouts", .type = KEY_SECTION, .of = &key_farm_timeouts,
	  AT(conf_farm, timeouts), .example = "timeouts: {connect: 5s}",
	  .what = "patience with servers" },
	{ .name = "port", .type = KEY_NAME, AT(conf_farm, port), .example = "port: inside",
	  .what = "leave by this port; left out: as the routes say" },
	{ .name = "source_addresses", .type = KEY_IP, .is_list = true,
	  AT(conf_farm, source_addresses), .example = "source_addresses: [10.0.0.6]",
	  .what = "dial from these addresses; left out: the port's" },
	{ .name = "idle_connections", .type = KEY_COUNT, .max = 100000, .absent = "64",
	  AT(conf_farm, idle_connections), .example = "idle_connections: 64",
	  .what = "unused connections a lane keeps per server; 0: none" },
	{ .name = "retries", .type = KEY_COUNT, .max = 16, .absent = "2", AT(conf_farm, retries),
	  .example = "retries: 2", .what = "further servers to try when that is safe" },
	{ .name = "rest", .type = KEY_DURATION, .max = 24 * HOUR, .absent = "10s",
	  AT(conf_farm, rest), .example = "rest: 10s",
	  .what = "a server that failed is left alone this long" },
	{ .name = "host_header", .type = KEY_HOST, .absent = "keep", AT(conf_farm, host_header),
	  .example = "host_header: keep",
	  .what = "the Host sent on: keep the client's, the server's own, or a name given here" },
	{ .name = "health", .type = KEY_LATER, .what = "active health probes" },
	{ .name = "affinity", .type = KEY_LATER, .what = "affinity" },
};
SECTION(key_farm, "farm", farm_keys, conf_farm);

static const struct key resolver_keys[] = {
	{ .name = "servers", .type = KEY_HOST, .is_list = true, .is_needed = true,
	  AT(conf_resolver, servers), .example = "servers: [10.0.0.53]",
	  .what = "DNS servers; left out: the machine's own (/etc/resolv.conf)" },
};
SECTION(key_resolver, "resolver", resolver_keys, conf_resolver);

static const struct key access_keys[] = {
	{ .name = "path", .type = KEY_FILE, .is_needed = true, AT(conf_access_log, path),
	  .example = "path: /var/log/penstock/access.log", .what = "the file, appended to" },
	{ .name = "format", .type = KEY_WORD, .words = words_format, .absent = "json",
	  AT(conf_access_log, format), .example = "format: json",
	  .what = "one object a line, the lines that nginx and Apache call combined, or the W3C "
		  "extended format of IIS" },
	{ .name = "fields", .type = KEY_WORD, .is_list = true, .words = log_field_words,
	  AT(conf_access_log, fields), .example = "fields: [date, time, c-ip, cs-uri-stem, sc-status]",
	  .what = "of `w3c`: what stands in a line, in this order; left out: the first 19 of these" },
};
SECTION(key_access, "access", access_keys, conf_access_log);

static const struct key logs_keys[] = {
	{ .name = "access", .type = KEY_SECTION, .of = &key_access, AT(conf_logs, access),
	  .example = "access: {path: /var/log/penstock/access.log}",
	  .what = "one record for each request" },
};
SECTION(key_logs, "logs", logs_keys, conf_logs);

static const struct key metrics_keys[] = {
	{ .name = "address", .type = KEY_ENDPOINT, .is_needed = true, AT(conf_metrics, address),
	  .example = "address: \"127.0.0.1:9464\"",
	  .what = "\"IP:port\", \"[v6]:port\", or \"*:port\" for every address, of the machine's own "
		  "network stack; whoever reaches it may read" },
};
SECTION(key_metrics, "metrics", metrics_keys, conf_metrics);

static const struct key control_keys[] = {
	{ .name = "socket", .type = KEY_FILE, AT(conf_control, socket),
	  .example = "socket: /run/penstock/control/socket",
	  .what = "the control socket; left out: control/socket in the run directory" },
	{ .name = "metrics", .type = KEY_SECTION, .of = &key_metrics, AT(conf_control, metrics),
	  .example = "metrics: {address: \"127.0.0.1:9464\"}",
	  .what = "counters, gauges and histograms for Prometheus, by HTTP at /metrics; left out: not "
		  "served" },
};
SECTION(key_control, "control", control_keys, conf_control);

static const struct key top_keys[] = {
	{ .name = "machine", .type = KEY_SECTION, .is_needed = true, .of = &key_machine,
	  AT(conf, machine), .example = "machine:", .what = "cores, memory and network ports" },
	{ .name = "listeners", .type = KEY_SECTION, .is_list = true, .of = &key_listener,
	  AT(conf, listeners),
	  .example = "listeners: [{name: web, address: \"203.0.113.10:80\", farm: app}]",
	  .what = "where clients are served" },
	{ .name = "farms", .type = KEY_SECTION, .is_list = true, .of = &key_farm,
	  AT(conf, farms),
	  .example = "farms: [{name: app, servers: [{name: a, address: 10.0.0.11}]}]",
	  .what = "groups of servers" },
	{ .name = "hosts", .type = KEY_HOSTS, AT(conf, hosts),
	  .example = "hosts: {app1.internal: 10.0.0.11}",
	  .what = "names that need no DNS, each with an address or a list of them" },
	{ .name = "resolver", .type = KEY_SECTION, .of = &key_resolver, AT(conf, resolver),
	  .example = "resolver: {servers: [10.0.0.53]}", .what = "DNS for server names" },
	{ .name = "logs", .type = KEY_SECTION, .of = &key_logs, AT(conf, logs),
	  .example = "logs: {access: {path: /var/log/penstock/access.log}}",
	  .what = "what is written where" },
	{ .name = "control", .type = KEY_SECTION, .of = &key_control, AT(conf, control),
	  .example = "control: {socket: /run/penstock/control/socket}",
	  .what = "the control daemon" },
	{ .name = "include", .type = KEY_LATER, .what = "include in included files" },
	{ .name = "rules", .type = KEY_SETS, AT(conf, rules),
	  .example = "rules: {publish: [{iis: web.config}]}",
	  .what = "named sets of rules, for listeners; a set is a list of rules, maps and IIS files, "
		  "see below" },
	{ .name = "plain_hosts", .type = KEY_BOOL, .absent = "false", AT(conf, plain_hosts),
	  .example = "plain_hosts: true",
	  .what = "rules may send requests to hosts that are no farm but stand in the rule "
		  "(`http://app1.internal:8080/{R:1}`); false: such a request is answered 404.4, as by "
		  "an IIS whose proxy is not enabled" },
	{ .name = "dynamic_hosts", .type = KEY_TEXT, .is_list = true, .is_one_too = true,
	  AT(conf, dynamic_hosts), .example = "dynamic_hosts: [app1.internal, \"app2.internal:8080\"]",
	  .what = "hosts that rules may make out of a request (`http://{C:1}/`), as they come out; "
		  "any other is answered 404.4" },
	{ .name = "certificates", .type = KEY_LATER, .what = "TLS" },
};

const struct key_section key_top = { .name = "file", .keys = top_keys,
				     .keys_n = KEYS_N(top_keys), .size = sizeof(struct conf) };

/* clang-format on */

const char *
key_type_name(enum key_type type)
{
	static const char *const name[] = {
#define X(id, words) [id] = words,
		KEY_TYPES(X)
#undef X
	};

	return name[type];
}

const struct key *
key_find(const struct key_section *section, const char *name)
{
	for (uint32_t i = 0; i < section->keys_n; i++)
		if (strcmp(section->keys[i].name, name) == 0)
			return &section->keys[i];
	return NULL;
}

/* Optimal string alignment: three rows are enough for a swap of neighbours. */
uint32_t
key_distance(const char *a, const char *b)
{
	enum {
		WORD_MAX = 40
	};
	uint32_t row[3][WORD_MAX + 1];
	size_t a_n = strlen(a), b_n = strlen(b);

	if (a_n > WORD_MAX || b_n > WORD_MAX)
		return UINT32_MAX;
	for (size_t j = 0; j <= b_n; j++)
		row[0][j] = (uint32_t)j;
	for (size_t i = 1; i <= a_n; i++) {
		uint32_t *now = row[i % 3], *up = row[(i + 2) % 3], *upper = row[(i + 1) % 3];

		now[0] = (uint32_t)i;
		for (size_t j = 1; j <= b_n; j++) {
			uint32_t best = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    upper[j - 2] + 1 < best)
				best = upper[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[a_n % 3][b_n];
}

const char *
key_nearest(const struct key_section *section, const char *name)
{
	const char *best = NULL;
	uint32_t near = (uint32_t)strlen(name) / 3 + 1;

	for (uint32_t i = 0; i < section->keys_n; i++) {
		uint32_t distance = key_distance(name, section->keys[i].name);

		if (distance > near || section->keys[i].type == KEY_LATER)
			continue;
		if (distance < near || best == NULL)
			best = section->keys[i].name;
		near = distance;
	}
	return best;
}

const char *
key_nearest_word(const char *const *words, const char *word)
{
	const char *best = NULL;
	uint32_t near = (uint32_t)strlen(word) / 3;

	for (; *words != NULL; words++) {
		uint32_t distance = key_distance(word, *words);

		if (distance > near)
			continue;
		if (distance < near || best == NULL)
			best = *words;
		near = distance;
	}
	return best;
}
