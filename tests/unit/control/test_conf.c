/*
 * test_conf.c - good configurations: what is read, what is filled in, what is included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/image.h"
#include "conf/conf.h"
#include "conf/keys.h"
#include "confs.h"

static struct conf *
opened(const char *text)
{
	struct conf_errs errs = { 0 };
	struct conf *conf = conf_open_text("x.yaml", text, strlen(text), &errs);

	conf_errs_print(&errs, stdout);
	assert_non_null(conf);
	conf_errs_fini(&errs);
	return conf;
}

static void
what_is_left_out_has_its_default(void **state)
{
	struct conf *conf = opened(CONF_GOOD);
	const struct conf_listener *listener = conf->listeners.item;
	const struct conf_farm *farm = conf->farms.item;
	const struct conf_server *server = farm->servers.item;

	(void)state;
	assert_int_equal(conf->machine.lanes.v, 0);
	assert_null(conf->machine.lanes.at);
	assert_int_equal(conf->machine.hugepages.v, 0);
	assert_string_equal(conf->machine.pseudonym.s, "penstock");
	assert_true(listener->timeouts.idle.v == 60000000000);
	assert_int_equal(listener->x_forwarded_for.v, IMG_XFF_APPEND);
	assert_int_equal(listener->via.v, 1);
	assert_true(farm->timeouts.connect.v == 5000000000);
	assert_string_equal(farm->host_header.s, "keep");
	assert_int_equal(farm->retries.v, 2);
	assert_int_equal(server->weight.v, 100);
	assert_null(conf->logs.access.path.s);
	assert_int_equal(conf->logs.access.format.v, CONF_LOG_JSON);
	conf_close(conf);
}

/* Windows' editors begin a file with one; places do not count it. */
static void
a_byte_order_mark_is_skipped(void **state)
{
	static const char text[] = "\xef\xbb\xbf" CONF_GOOD, bad[] = "\xef\xbb\xbf"
								     "machin: {}\n";
	struct conf_errs errs = { 0 };

	(void)state;
	conf_close(opened(text));
	assert_null(conf_open_text("x.yaml", bad, strlen(bad), &errs));
	assert_int_equal(errs.err[0].at.line, 1);
	assert_int_equal(errs.err[0].at.col, 1);
	conf_errs_fini(&errs);
}

static const char conf_every_key[] =
	"machine:\n"
	"  cores: [2, 3]\n"
	"  lanes: 8\n"
	"  poll: busy\n"
	"  hugepages: yes\n"
	"  memory: 512MiB\n"
	"  connections: 100000\n"
	"  pseudonym: edge-1\n"
	"  limits: {head: 64KiB, target: 16KiB, fields: 200, body: 1GiB}\n"
	"  ports:\n"
	"    - name: outside\n"
	"      device: {memif: /run/m.sock, role: server, id: 3, queues: 4}\n"
	"      addresses: [203.0.113.10/24, \"2001:db8::10/64\"]\n"
	"      vlan: 120\n"
	"      gateways: [203.0.113.1, \"fe80::1\"]\n"
	"      routes: [{to: 10.8.0.0/16, via: 203.0.113.9}]\n"
	"      mtu: 1500\n"
	"      source_addresses: [203.0.113.10]\n"
	"listeners:\n"
	"  - name: web\n"
	"    address: \"*:80\"\n"
	"    port: outside\n"
	"    protocol: http\n"
	"    farm: app\n"
	"    timeouts: {head: 1s, body: 2s, idle: 3s, send: 4s, tunnel: 5s}\n"
	"    via: false\n"
	"    x_forwarded_for: replace\n"
	"    x_forwarded_for_port: true\n"
	"    x_forwarded_proto: off\n"
	"    x_forwarded_host: no\n"
	"    access_log: false\n"
	"farms:\n"
	"  - name: app\n"
	"    scheme: http\n"
	"    balance: weighted-round-robin\n"
	"    port: outside\n"
	"    source_addresses: [203.0.113.10]\n"
	"    idle_connections: 0\n"
	"    retries: 1\n"
	"    rest: 2s\n"
	"    host_header: www.example.com\n"
	"    timeouts: {connect: 1s, send: 2s, receive: 3s, idle: 4s}\n"
	"    servers:\n"
	"      - {name: a, address: app1.internal, http_port: 8080, https_port: 4443, "
	"weight: 7}\n"
	"hosts: {app1.internal: [10.8.0.11, \"2001:db8::11\"], one: 10.8.0.1}\n"
	"resolver: {servers: [10.0.0.53, \"[2001:db8::53]:5353\"]}\n"
	"logs: {access: {path: /var/log/penstock/access.log, format: combined}}\n"
	"control: {socket: /run/penstock.sock}\n";

static void
every_key_is_read(void **state)
{
	struct conf *conf = opened(conf_every_key);
	const struct conf_port *port = conf->machine.ports.item;
	const struct conf_listener *listener = conf->listeners.item;
	const struct conf_host *host = conf->hosts.item;

	(void)state;
	assert_int_equal(conf->machine.lanes.v, 8);
	assert_int_equal(conf->machine.poll.v, IMG_POLL_BUSY);
	assert_true(conf->machine.limits.body.v == (uint64_t)1 << 30);
	assert_string_equal(port->device.memif.s, "/run/m.sock");
	assert_int_equal(port->device.role.v, IMG_ROLE_SERVER);
	assert_int_equal(port->device.queues.v, 4);
	assert_int_equal(port->addresses.n, 2);
	assert_int_equal(port->routes.n, 1);
	assert_int_equal(listener->address.port, 80);
	assert_true(ip_is_none(&listener->address.ip));
	assert_int_equal(listener->x_forwarded_for.v, IMG_XFF_SET);
	assert_int_equal(listener->x_forwarded_proto.v, 0);
	assert_true(listener->timeouts.tunnel.v == 5000000000);
	assert_int_equal(conf->hosts.n, 2);
	assert_int_equal(host->addresses.n, 2);
	assert_int_equal(conf->resolver.servers.n, 2);
	assert_int_equal(conf->logs.access.format.v, CONF_LOG_COMBINED);
	assert_string_equal(conf->control.socket.s, "/run/penstock.sock");
	conf_close(conf);
}

static void
json_is_yaml(void **state)
{
	struct conf *conf =
		opened("{\"machine\": {\"cores\": [1], \"lanes\": \"auto\", \"ports\": [\n"
		       "{\"name\": \"p\", \"device\": \"packet:e0\", \"addresses\": "
		       "[\"10.0.0.5/24\"]}]}}");

	(void)state;
	assert_int_equal(conf->machine.ports.n, 1);
	conf_close(conf);
}

static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static char *
folder_make(char *path)
{
	strcpy(path, "/tmp/penstock-conf-XXXXXX");
	assert_non_null(mkdtemp(path));
	return path;
}

static void
folder_remove(const char *path)
{
	static const char *const names[] = { "main.yaml", "a.yaml", "b.yaml", "c.yaml" };
	char file[256];

	for (int i = 0; i < 4; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]);
		unlink(file);
	}
	rmdir(path);
}

static void
included_files_join_in_sorted_order(void **state)
{
	char dir[64], path[256];
	struct conf_errs errs = { 0 };
	struct conf *conf;
	const struct conf_farm *farm;

	(void)state;
	folder_make(dir);
	write_file(dir, "main.yaml", CONF_GOOD "include: [\"[abc].yaml\", none*.yaml]\n");
	write_file(dir, "b.yaml",
		   "farms: [{name: two, servers: [{name: a, address: 10.0.0.22}]}]\n");
	write_file(dir, "a.yaml",
		   "farms: [{name: one, servers: [{name: a, address: 10.0.0.21}]}]\n"
		   "logs: {access: {path: /tmp/x.log}}\n");
	write_file(dir, "c.yaml", "machine: {lanes: 2}\n");
	snprintf(path, sizeof(path), "%s/main.yaml", dir);
	conf = conf_open(path, &errs);
	conf_errs_print(&errs, stdout);
	assert_non_null(conf);
	assert_int_equal(conf->farms.n, 3);
	farm = conf->farms.item;
	assert_string_equal(farm[0].name.s, "app");
	assert_string_equal(farm[1].name.s, "one");
	assert_string_equal(farm[2].name.s, "two");
	assert_int_equal(conf->machine.lanes.v, 2);
	assert_string_equal(conf->logs.access.path.s, "/tmp/x.log");
	conf_close(conf);
	folder_remove(dir);
}

static void
what_includes_do_wrong_is_told_in_their_own_file(void **state)
{
	char dir[64], path[256];
	struct conf_errs errs = { 0 };

	(void)state;
	folder_make(dir);
	write_file(dir, "main.yaml", CONF_GOOD "include: [a.yaml, b.yaml, c.yaml]\n");
	write_file(dir, "a.yaml", "machine: {cores: [2], poll: busy}\nfarms: {x: 1}\n");
	write_file(dir, "b.yaml", "machine: {poll: adaptive}\ninclude: c.yaml\n");
	snprintf(path, sizeof(path), "%s/main.yaml", dir);
	assert_null(conf_open(path, &errs));
	assert_int_equal(errs.n, 4);
	assert_non_null(strstr(errs.err[0].at.file, "a.yaml"));
	assert_int_equal(errs.err[0].at.line, 2);
	assert_non_null(strstr(errs.err[0].text, "'farms' is already given in"));
	assert_non_null(strstr(errs.err[1].at.file, "b.yaml"));
	assert_non_null(strstr(errs.err[1].text, "'poll' is already given in"));
	assert_non_null(strstr(errs.err[2].text, "may not include others"));
	assert_non_null(strstr(errs.err[3].at.file, "main.yaml"));
	assert_non_null(strstr(errs.err[3].text, "there is no file"));
	conf_errs_fini(&errs);
	folder_remove(dir);
}

static void
the_nearest_key_is_found_by_letters(void **state)
{
	(void)state;
	assert_int_equal(key_distance("weight", "weigth"), 1);
	assert_int_equal(key_distance("weight", "weight"), 0);
	assert_int_equal(key_distance("", "abc"), 3);
	assert_string_equal(key_nearest(&key_top, "listner"), "listeners");
	assert_string_equal(key_nearest(&key_top, "farm"), "farms");
	assert_null(key_nearest(&key_top, "quux"));
}

/* A key's example must load where it stands, or a user copies a fault. */
static void
examples_are_written_with_their_key(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < key_top.keys_n; i++) {
		const struct key *key = &key_top.keys[i];

		if (key->type == KEY_LATER)
			continue;
		assert_non_null(key->example);
		assert_non_null(key->what);
		assert_memory_equal(key->example, key->name, strlen(key->name));
		for (uint32_t j = 0; key->of != NULL && j < key->of->keys_n; j++) {
			const struct key *inner = &key->of->keys[j];

			if (inner->type != KEY_LATER)
				assert_memory_equal(inner->example, inner->name,
						    strlen(inner->name));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(a_byte_order_mark_is_skipped),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(json_is_yaml),
		cmocka_unit_test(included_files_join_in_sorted_order),
		cmocka_unit_test(what_includes_do_wrong_is_told_in_their_own_file),
		cmocka_unit_test(the_nearest_key_is_found_by_letters),
		cmocka_unit_test(examples_are_written_with_their_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
