/*
 * test_broken.c - broken configurations: each is told with its line, column and cure, and nothing
 * else is told beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "confs.h"

#define N(list) (sizeof(list) / sizeof((list)[0]))

/* A machine section whose second line is `cores` and whose fourth is one port. */
#define MACHINE(cores, port) "machine:\n  " cores "\n  ports:\n    - " port "\n"
#define PORT		     "{name: p, device: packet:e0, addresses: [10.0.0.5/24]}"
#define FARM(servers)	     "farms:\n  - name: app\n    servers: [" servers "]\n"
#define A		     "{name: a, address: 10.0.0.11}"
#define LISTENER(rest)	     "listeners:\n  - {name: web, farm: app, " rest "}\n"
#define GOOD		     MACHINE("cores: [1]", PORT)

struct broken {
	const char *text;
	uint32_t line, col;
	const char *wrong, *cure; /* both stand in the error */
};

/* clang-format off */
static const struct broken lexed[] = {
	{ "", 1, 1, "empty", "begin with the section 'machine:'" },
	{ "# nothing\n", 1, 1, "empty", "machine:" },
	{ "- a\n- b\n", 1, 1, "a list, not sections", "machine:" },
	{ "just words\n", 1, 1, "a single value", "machine:" },
	{ "machine:\n\tcores: [1]\n", 2, 1, "no YAML value can start", "spaces, not tabs" },
	{ "machine: {cores: [1]\nfarms: []\n", 2, 1, "not YAML", "brackets" },
	{ "machine:\n  cores: \"1\n", 3, 1, "not YAML", "quotes" },
	{ "machine:\n   cores: [1]\n  lanes: 1\n", 3, 3, "not YAML", "indentation" },
	{ GOOD "farms: &f []\n", 5, 8, "anchors", "write the value out" },
	{ GOOD "farms: *f\n", 5, 8, "aliases", "write the value out" },
	{ GOOD "farms: !!seq []\n", 5, 8, "tags", "remove the tag" },
	{ GOOD "---\nfarms: []\n", 5, 1, "second document", "remove the '---' line" },
	{ GOOD "? [a, b]\n: 1\n", 5, 3, "a key must be a single word", "quotes" },
	{ GOOD "farms: []\nfarms: []\n", 6, 1, "'farms' is already given in line 5", "keep one" },
	{ GOOD "\"\": 1\n", 5, 1, "an empty key", "write a name" },
};

static const struct broken parsed[] = {
	{ "farms: []\n", 1, 1, "has no 'machine'", "add machine:" },
	{ GOOD "listener: []\n", 5, 1, "unknown key 'listener'", "did you mean 'listeners'?" },
	{ MACHINE("cros: [1]", PORT), 2, 3, "unknown key 'cros'", "did you mean 'cores'?" },
	{ MACHINE("cores: [1]\n  zzz: 1", PORT), 3, 3, "unknown key 'zzz'", "a machine has cores, lanes" },
	{ MACHINE("cores: 1", PORT), 2, 10, "must be a list", "cores: [1]" },
	{ MACHINE("cores: [a]", PORT), 2, 11, "'a' is not a whole number", "cores: [1]" },
	{ MACHINE("cores: [-1]", PORT), 2, 11, "it is no number", "cores: [1]" },
	{ MACHINE("cores:", PORT), 2, 9, "'cores' has no value", "cores: [1]" },
	{ MACHINE("cores: [1]\n  lanes: 65", PORT), 3, 10, "'65' is out of range", "from 1 to 64" },
	{ MACHINE("cores: [1]\n  poll: fast", PORT), 3, 9, "'fast' is not a value of 'poll'", "adaptive or busy" },
	{ MACHINE("cores: [1]\n  fragments: drop", PORT), 3, 14, "'drop' is not a value of 'fragments'", "refuse or reassemble" },
	{ MACHINE("cores: [1]\n  hugepages: maybe", PORT), 3, 14, "neither true nor false", "hugepages: true" },
	{ MACHINE("cores: [1]\n  memory: 64KB", PORT), 3, 11, "'64KB' is not a size", "KiB, MiB and GiB" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0}"), 4, 7, "the port 'p' has no 'addresses'", "add addresses:" },
	{ MACHINE("cores: [1]", "{name: p, device: \"vdev:,size=64\", addresses: [10.0.0.5/24]}"), 4, 25, "',size=64' is no device of DPDK's", "net_af_packet9,iface=eth1" },
	{ MACHINE("cores: [1]", "{name: p, device: {vdev: \"net null\"}, addresses: [10.0.0.5/24]}"), 4, 32, "'net null' is no device of DPDK's", "net_af_packet9,iface=eth1" },
	{ MACHINE("cores: [1]", "{name: p, device: \"vdev:net_failsafe0,exec(id)\", addresses: [10.0.0.5/24]}"), 4, 25, "'net_failsafe0' is refused: its driver runs commands", "ports of their own" },
	{ MACHINE("cores: [1]", "{name: p, device: {vdev: \"net_vdev_netvsc0,iface=eth1\"}, addresses: [10.0.0.5/24]}"), 4, 32, "'net_vdev_netvsc0' is refused", "ports of their own" },
	{ MACHINE("cores: [1]", "{name: p, device: {vdev: net_null9}, addresses: [10.0.0.5/24]}\n    - {name: q, device: {vdev: \"net_null9,size=64\"}, addresses: [10.1.0.5/24]}"), 5, 25, "same device", "one port" },
	{ MACHINE("cores: [1]", "{name: p, device: \"pci:3b:00.0\", addresses: [10.0.0.5/24]}"), 4, 25, "'3b:00.0' is no PCI address", "0000:3b:00.0" },
	{ MACHINE("cores: [1]", "{name: p, device: {pci: \"0000:3b:00.8\"}, addresses: [10.0.0.5/24]}"), 4, 31, "'0000:3b:00.8' is no PCI address", "lspci -D" },
	{ MACHINE("cores: [1]", "{name: p, device: \"pci:0000:3b:00.0\", addresses: [10.0.0.5/24]}\n    - {name: q, device: {pci: \"0000:3b:00.0\"}, addresses: [10.1.0.5/24]}"), 5, 25, "same device", "one port" },
	{ MACHINE("cores: [1]", "{name: p, device: eth0, addresses: [10.0.0.5/24]}"), 4, 25, "'eth0' is not a device", "{virtio: PATH} or {vdev: " },
	{ MACHINE("cores: [1]", "{name: \"a b\", device: packet:e0, addresses: [10.0.0.5/24]}"), 4, 14, "'a b' is not a name", "letters, digits" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5]}"), 4, 48, "prefix length is missing", "10.0.0.5/24" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/40]}"), 4, 48, "0 to 32 for IPv4", "10.0.0.5/24" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], vlan: 4095}"), 4, 68, "'4095' is out of range", "from 1 to 4094" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], mtu: big}"), 4, 67, "it is no number", "mtu: 1500" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], gateways: [10.0.0.1/24]}"), 4, 73, "no prefix length belongs here", "gateways: [10.0.0.1]" },
	{ GOOD FARM(A) LISTENER("address: \"10.0.0.5\""), 9, 37, "the port is missing", "\"203.0.113.10:80\"" },
	{ GOOD FARM(A) LISTENER("address: \"fe80::1:80\""), 9, 37, "stands in brackets", "[2001:db8::1]:80" },
	{ GOOD FARM(A) LISTENER("address: \"10.0.0.5:99999\""), 9, 37, "a port is a number from 1 to 65535", "203.0.113.10:80" },
	{ GOOD FARM(A) LISTENER("address: \"10.0.0.5:80\", protocol: https"), 9, 62, "does not have protocol: https", "use http" },
	{ GOOD FARM(A) LISTENER("address: \"10.0.0.5:80\", tls: {}"), 9, 52, "does not have TLS", "remove 'tls'" },
	{ GOOD FARM(A) LISTENER("address: \"10.0.0.5:80\", timeouts: {idle: 60}"), 9, 69, "the units are ms, s, m, h and d", "idle: 60s" },
	{ GOOD FARM(A) LISTENER("address: \"10.0.0.5:80\", x_forwarded_for: add"), 9, 69, "'add' is not a value", "append, replace or off" },
	{ GOOD FARM("{name: a, address: 10.0.0.11, weigth: 5}"), 7, 45, "unknown key 'weigth'", "did you mean 'weight'?" },
	{ GOOD FARM("{name: a, address: \"10.0.0.11/8\"}"), 7, 34, "characters that no host name has", "address: 10.0.0.11" },
	{ GOOD "farms:\n  - {name: app, scheme: https, servers: [" A "]}\n", 6, 25, "does not have scheme: https", "use http" },
	{ GOOD "farms:\n  - {name: app, servers: [" A "], timeouts: {connect: 5 minutes}}\n", 6, 79, "the units are", "connect: 5s" },
	{ GOOD "certificates: []\n", 5, 1, "does not have TLS", "remove 'certificates'" },
	{ GOOD "logs: {access: {path: /l, format: w3c, fields: [date, cs-uri-stam]}}\n", 5, 55, "'cs-uri-stam' is not a value of 'fields'", "did you mean 'cs-uri-stem'?" },
	{ GOOD "logs: {access: {path: /l, format: w3c, fields: [date, sc-win32-status]}}\n", 5, 55, "'sc-win32-status' is not a value of 'fields'", "date, time, s-ip" },
	{ GOOD "logs: {access: {path: /l, format: w3c, fields: date}}\n", 5, 48, "must be a list", "fields: [date, time" },
	{ GOOD "logs: {access: {path: /l, format: clf}}\n", 5, 35, "clf", "json, combined or w3c" },
	{ GOOD "logs: {access: {path: access.log}}\n", 5, 23, "must begin with '/'", "path: /var/log" },
	{ GOOD "logs: {access: /var/log/x}\n", 5, 16, "'access' must be a mapping", "access: {path:" },
	{ GOOD "hosts: {app: [10.0.0.300]}\n", 5, 15, "neither IPv4 nor IPv6", "10.0.0.11" },
	{ GOOD "hosts: [app]\n", 5, 8, "must be a mapping of names", "hosts: {" },
};

static const struct broken checked[] = {
	{ MACHINE("cores: []", PORT), 2, 10, "0 cores cannot poll", "cores: [1]" },
	{ MACHINE("cores: [1, 2, 1]", PORT), 2, 17, "core 1 is named twice", "remove one" },
	{ MACHINE("lanes: 2\n  connections: 2097151", PORT), 3, 16, "2097151 connections do not fit in 2 lanes of 1048575 each", "use lanes: 3" },
	{ MACHINE("cores: [1, 2]\n  lanes: 1", PORT), 3, 10, "1 lanes cannot occupy 2 cores", "at least one lane a core" },
	{ MACHINE("cores: [1]", "{name: p, device: xdp:e0, addresses: [10.0.0.5/24], mtu: 1775}"), 4, 64, "an MTU of 1775 does not fit", "mtu: 1774" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], mtu: 1963}"), 4, 67, "an MTU of 1963 does not fit", "mtu: 1962" },
	{ MACHINE("cores: [1]", "{name: p, device: {vdev: net_null9}, addresses: [10.0.0.5/24], mtu: 9000}"), 4, 75, "an MTU of 9000 does not fit", "mtu: 2030" },
	{ MACHINE("cores: [1]", "{name: p, device: {vhost: /a}, addresses: [10.0.0.5/24], mtu: 2031}"), 4, 69, "an MTU of 2031 does not fit", "mtu: 2030" },
	{ "machine:\n  cores: [1]\n  ports: []\n", 3, 10, "0 ports cannot run", "describe 1 to 16" },
	{ MACHINE("cores: [1]", PORT "\n    - {name: p, device: packet:e1, addresses: [10.1.0.5/24]}"), 5, 14, "the port name 'p' is already used in line 4", "rename" },
	{ MACHINE("cores: [1]", PORT "\n    - {name: q, device: packet:e0, addresses: [10.1.0.5/24]}"), 5, 25, "same device", "one port" },
	{ MACHINE("cores: [1]", PORT "\n    - {name: q, device: packet:e1, addresses: [10.0.0.5/25]}"), 5, 48, "already an address in line 4", "remove one" },
	{ MACHINE("cores: [1]", PORT "\n    - {name: q, device: packet:e1, addresses: [10.0.0.6/24]}"), 5, 48, "port 'p' is already in the network 10.0.0.0/24", "on one port" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.0/24]}"), 4, 48, "is the network", "the port's own address" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [224.0.0.1/24]}"), 4, 48, "cannot be a port's address", "unicast" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], exception: ps-p}"), 4, 73, "only pci, virtio and vhost ports", "exception: off" },
	{ MACHINE("cores: [1]", "{name: p, device: {vhost: /v}, addresses: [10.0.0.5/24], exception: sixteen-letters-}"), 4, 75, "more than 15 characters", "shorter exception: NAME" },
	{ MACHINE("cores: [1]", "{name: thirteen-long, device: \"pci:0000:3b:00.0\", addresses: [10.0.0.5/24]}"), 4, 14, "'ps-thirteen-long' would have more than 15", "exception: off" },
	{ MACHINE("cores: [1]", PORT "\n    - {name: q, device: {vhost: /v}, addresses: [10.1.0.5/24], exception: e0}"), 5, 75, "'e0' is already the port's in line 4", "another name" },
	{ MACHINE("cores: [1]", "{name: r, device: {vhost: /a}, addresses: [10.0.0.5/24], exception: x0}\n    - {name: q, device: {vhost: /v}, addresses: [10.1.0.5/24], exception: x0}"), 5, 75, "'x0' is already the port's in line 4", "another name" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:averylongifacename, addresses: [10.0.0.5/24]}"), 4, 25, "no interface is called", "ip link" },
	{ MACHINE("cores: [1]", "{name: p, device: {memif: /a, packet: b}, addresses: [10.0.0.5/24]}"), 4, 25, "one of packet, xdp, tap, pci, memif, vhost, virtio and vdev", "keep one" },
	{ MACHINE("cores: [1]", PORT "\n    - {name: q, device: xdp:e0, addresses: [10.1.0.5/24]}"), 5, 25, "same device", "one port" },
	{ MACHINE("cores: [1]", "{name: p, device: {xdp: averylongifacename}, addresses: [10.0.0.5/24]}"), 4, 25, "no interface is called", "ip link" },
	{ MACHINE("cores: [1]", "{name: p, device: {queues: 2}, addresses: [10.0.0.5/24]}"), 4, 25, "does not say what it is", "packet:IFACE" },
	{ MACHINE("cores: [1]", "{name: p, device: {memif: /a, rss_key: abc}, addresses: [10.0.0.5/24]}"), 4, 46, "40 or 52 bytes in hex", "copy" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], gateways: [10.9.0.1]}"), 4, 73, "in none of the port's networks", "correct it" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], gateways: [10.0.0.5]}"), 4, 73, "is the port's own address", "give the gateway's" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], gateways: [10.0.0.1, 10.0.0.2]}"), 4, 83, "the second for IPv4", "write a route" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], routes: [{to: 10.8.0.1/16, via: 10.0.0.1}]}"), 4, 76, "has bits behind its prefix", "write 10.8.0.0/16" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], routes: [{to: \"2001:db8::/32\", via: 10.0.0.1}]}"), 4, 98, "mix IPv4 and IPv6", "one family" },
	{ MACHINE("cores: [1]", "{name: p, device: packet:e0, addresses: [10.0.0.5/24], source_addresses: [10.0.0.6]}"), 4, 81, "is not an address of this port", "add it to addresses" },
	{ GOOD FARM(A) LISTENER("address: \"10.0.0.9:80\""), 9, 37, "no port has the address 10.0.0.9", "listen on \"*:80\"" },
	{ GOOD FARM(A) LISTENER("address: \"*:80\", port: q"), 9, 51, "there is no port 'q'", "name one of machine.ports" },
	{ GOOD FARM(A) "listeners:\n  - {name: web, farm: ap, address: \"10.0.0.5:80\"}\n", 9, 23, "there is no farm 'ap'", "section farms" },
	{ GOOD FARM(A) LISTENER("address: \"10.0.0.5:80\"") "  - {name: web, farm: app, address: \"10.0.0.5:81\"}\n", 10, 12, "listener name 'web' is already used in line 9", "rename" },
	{ GOOD FARM(A) LISTENER("address: \"10.0.0.5:80\"") "  - {name: two, farm: app, address: \"10.0.0.5:80\"}\n", 10, 37, "would take connections of listener 'web' (10.0.0.5:80 in line 9)", "another address or port" },
	{ GOOD FARM(A) LISTENER("address: \"10.0.0.5:80\"") "  - {name: two, farm: app, address: \"*:80\"}\n", 10, 37, "*:80 would take connections of listener 'web' (10.0.0.5:80 in line 9)", "another address or port" },
	{ GOOD FARM(""), 7, 14, "the farm 'app' has no server", "add servers:" },
	{ GOOD FARM(A ", {name: a, address: 10.0.0.12}"), 7, 53, "the server name 'a' is already used", "rename" },
	{ GOOD FARM(A ", {name: b, address: 10.0.0.11}"), 7, 65, "'a' and 'b' have the same address and port", "weight" },
	{ GOOD FARM("{name: a, address: \"10.0.0.11:80\"}"), 7, 34, "has a port", "http_port: 80" },
	{ GOOD FARM("{name: a, address: 10.0.0.5}"), 7, 34, "this proxy's own address", "the server's address" },
	{ GOOD FARM("{name: a, address: 10.9.0.1}"), 7, 34, "no port reaches 10.9.0.1", "add a route" },
	{ GOOD FARM("{name: a, address: 10.0.0.11, weight: 0}"), 7, 14, "weight 0", "give one a weight" },
	{ GOOD FARM(A) "  - name: app\n    servers: [" A "]\n", 8, 11, "the farm name 'app' is already used in line 6", "rename" },
	{ GOOD "farms:\n  - {name: app, port: q, servers: [" A "]}\n", 6, 23, "there is no port 'q'", "machine.ports" },
	{ GOOD "farms:\n  - {name: app, source_addresses: [10.0.0.7], servers: [" A "]}\n", 6, 36, "not an address of a port", "choose one" },
	{ GOOD "logs: {access: {path: /l, format: w3c, fields: [date, time, date]}}\n", 5, 61, "'date' is already a field in line 5", "remove one" },
	{ GOOD "logs: {access: {path: /l, format: w3c, fields: []}}\n", 5, 48, "0 fields", "leave 'fields' out" },
	{ GOOD "logs: {access: {path: /l, fields: [date]}}\n", 5, 27, "belong to the format w3c, here it is json", "add format: w3c" },
	{ GOOD "resolver: {servers: [dns.example]}\n", 5, 22, "is not an IP address", "10.0.0.53" },
	{ GOOD "hosts: {app: 10.0.0.1, APP: 10.0.0.2}\n", 5, 24, "'APP' is already given in line 5", "join the two" },
	{ GOOD "hosts: {app: []}\n", 5, 14, "'app' has no address", "write app: 10.0.0.11" },
};
/* clang-format on */

static bool
is_told_well(const struct broken *broken)
{
	struct conf_errs errs = { 0 };
	struct conf *conf = conf_open_text("x.yaml", broken->text, strlen(broken->text), &errs);
	const struct conf_err *err = &errs.err[0];
	bool is_told = conf == NULL && errs.n == 1 && err->at.line == broken->line &&
		       err->at.col == broken->col && strstr(err->text, broken->wrong) != NULL &&
		       strstr(err->text, broken->cure) != NULL;

	if (!is_told) {
		print_message("for:\n%s\nexpected %u:%u: %s … %s\ngot:\n", broken->text,
			      broken->line, broken->col, broken->wrong, broken->cure);
		conf_errs_print(&errs, stdout);
	}
	conf_close(conf);
	conf_errs_fini(&errs);
	return is_told;
}

static void
check_all(const struct broken *list, size_t n)
{
	size_t good_n = 0;

	for (size_t i = 0; i < n; i++)
		good_n += is_told_well(&list[i]);
	assert_int_equal(good_n, n);
}

static void
the_lexer_tells_place_and_cure(void **state)
{
	(void)state;
	check_all(lexed, N(lexed));
}

static void
the_parser_tells_place_and_cure(void **state)
{
	(void)state;
	check_all(parsed, N(parsed));
}

static void
the_check_tells_place_and_cure(void **state)
{
	(void)state;
	check_all(checked, N(checked));
}

static void
many_errors_are_told_in_one_go(void **state)
{
	char text[4096] = "machine:\n  cores: [1]\n  ports: [" PORT "]\n";
	struct conf_errs errs = { 0 };

	(void)state;
	for (int i = 0; i < 30; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "wrong%d: 1\n", i);
	assert_null(conf_open_text("x.yaml", text, strlen(text), &errs));
	assert_int_equal(errs.n, CONF_ERRS_MAX);
	assert_int_equal(errs.more, 10);
	for (uint32_t i = 0; i < errs.n; i++)
		assert_int_equal(errs.err[i].at.line, 4 + i);
	conf_errs_fini(&errs);
}

static void
bytes_that_are_no_text_are_told(void **state)
{
	static const char text[] = "machine: \xff\xfe\n";
	struct conf_errs errs = { 0 };

	(void)state;
	assert_null(conf_open_text("x.yaml", text, sizeof(text) - 1, &errs));
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.err[0].text, "save the file as UTF-8"));
	conf_errs_fini(&errs);
}

static void
a_file_that_is_not_there_is_told(void **state)
{
	struct conf_errs errs = { 0 };

	(void)state;
	assert_null(conf_open("/nonexistent/penstock.yaml", &errs));
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.err[0].text, "cannot be opened"));
	conf_errs_fini(&errs);
}

/* A pipe that nobody writes to would keep the daemon for ever. */
static void
what_is_no_plain_file_is_told(void **state)
{
	char path[] = "/tmp/penstock-conf-XXXXXX";
	struct conf_errs errs = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(5);
	assert_null(conf_open(path, &errs));
	alarm(0);
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.err[0].text, "is no plain file"));
	conf_errs_fini(&errs);
	unlink(path);
}

static void
a_mapping_beyond_measure_is_told(void **state)
{
	static char text[20001 * 10];
	struct conf_errs errs = { 0 };
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 20000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "k%d: 1\n", i);
	assert_null(conf_open_text("x.yaml", text, n, &errs));
	assert_int_equal(errs.n, 1);
	assert_int_equal(errs.err[0].at.line, 10001);
	assert_non_null(strstr(errs.err[0].text, "divide it among included files"));
	conf_errs_fini(&errs);
}

/* For test_schema.py: the list's name, the text, what is wrong with it; a NUL behind each. */
static void
all_print(const char *name, const struct broken *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%s%c%s%c%s%c", name, 0, list[i].text, 0, list[i].wrong, 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lexer_tells_place_and_cure),
		cmocka_unit_test(the_parser_tells_place_and_cure),
		cmocka_unit_test(the_check_tells_place_and_cure),
		cmocka_unit_test(many_errors_are_told_in_one_go),
		cmocka_unit_test(bytes_that_are_no_text_are_told),
		cmocka_unit_test(a_file_that_is_not_there_is_told),
		cmocka_unit_test(what_is_no_plain_file_is_told),
		cmocka_unit_test(a_mapping_beyond_measure_is_told),
	};

	if (argc == 2 && strcmp(argv[1], "--print") == 0) {
		all_print("lexed", lexed, N(lexed));
		all_print("parsed", parsed, N(parsed));
		all_print("checked", checked, N(checked));
		return 0;
	}
	print_message("%zu broken configurations\n", N(lexed) + N(parsed) + N(checked));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
