/*
 * test_build.c - models to images: same bytes for the same model, and slots that stay with their
 * names through insertions, removals and renames.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include <cmocka.h>

#include "confs.h"
#include "images.h"

#define FARM(name, servers) "  - {name: " name ", servers: [" servers "]}\n"
#define SERVER(name, last)  "{name: " name ", address: 10.0.0." last "}"
#define HEAD		    CONF_MACHINE "farms:\n"

static void
assert_same(const struct tables *a, const struct tables *b)
{
	assert_int_equal(a->bytes_n, b->bytes_n);
	assert_memory_equal(a->bytes, b->bytes, a->bytes_n);
}

static void
the_same_model_gives_the_same_bytes(void **state)
{
	struct tables first = image_of(CONF_GOOD, NULL), second = image_of(CONF_GOOD, NULL);
	struct tables again = image_of("# a remark changes nothing\n" CONF_GOOD, &first);

	(void)state;
	assert_same(&first, &second);
	assert_same(&first, &again);
	tables_close(&first);
	tables_close(&second);
	tables_close(&again);
}

/* One core of the machine is left to the rest of it, where there is more than one. */
static void
cores_left_out_are_all_but_the_first(void **state)
{
	static const char text[] =
		"machine:\n  ports:\n"
		"    - {name: one, device: 'packet:out0', addresses: [10.1.0.10/24]}\n";
	struct tables t = image_of(text, NULL);
	uint32_t n = (uint32_t)get_nprocs_conf();

	(void)state;
	assert_int_equal(img_n(&t.img, IMG_CORES), n > 1 ? n - 1 : 1);
	assert_int_equal(img_core(&t.img, 0)->cpu, n > 1 ? 1 : 0);
	tables_close(&t);
}

#define ONE_PORT(more) "{name: one, device: 'packet:out0', addresses: [10.1.0.10/24]" more "}"

static void
tcp_is_as_the_machine_says(void **state)
{
	struct tables t = image_of("machine:\n"
				   "  tcp: {congestion: newreno, ecn: offer, keepalive: 30s,\n"
				   "        user_timeout: 15m, time_wait: 5s, send_buffer: 1MiB,\n"
				   "        receive_buffer: 256KiB}\n"
				   "  ports: [" ONE_PORT(", hop_limit: 255, dscp: 46") "]\n",
				   NULL);
	const struct img_machine *m = img_machine(&t.img);

	(void)state;
	assert_int_equal(m->congestion, IMG_CONGESTION_NEWRENO);
	assert_true((m->flags & IMG_MACHINE_OFFERS_ECN) != 0);
	assert_int_equal(m->keepalive_idle_ns, 30000000000);
	assert_int_equal(m->user_timeout_ns, 900000000000);
	assert_int_equal(m->time_wait_ns, 5000000000);
	assert_int_equal(m->send_max_bytes, 1 << 20);
	assert_int_equal(m->recv_max_bytes, 1 << 18);
	assert_int_equal(img_port(&t.img, 0)->hop_limit, 255);
	assert_int_equal(img_port(&t.img, 0)->dscp, 46);
	tables_close(&t);
}

static void
fragments_are_refused_unless_the_machine_says_otherwise(void **state)
{
	struct tables t = image_of("machine:\n  ports: [" ONE_PORT() "]\n", NULL);

	(void)state;
	assert_true((img_machine(&t.img)->flags & IMG_MACHINE_REASSEMBLES) == 0);
	tables_close(&t);
	t = image_of("machine:\n  fragments: refuse\n  ports: [" ONE_PORT() "]\n", NULL);
	assert_true((img_machine(&t.img)->flags & IMG_MACHINE_REASSEMBLES) == 0);
	tables_close(&t);
	t = image_of("machine:\n  fragments: reassemble\n  ports: [" ONE_PORT() "]\n", NULL);
	assert_true((img_machine(&t.img)->flags & IMG_MACHINE_REASSEMBLES) != 0);
	tables_close(&t);
}

static void
tcp_left_out_is_the_usual(void **state)
{
	struct tables t = image_of("machine:\n  ports: [" ONE_PORT() "]\n", NULL);
	const struct img_machine *m = img_machine(&t.img);

	(void)state;
	assert_int_equal(m->congestion, IMG_CONGESTION_CUBIC);
	assert_true((m->flags & IMG_MACHINE_OFFERS_ECN) == 0);
	assert_int_equal(m->keepalive_idle_ns, 75000000000);
	assert_int_equal(m->user_timeout_ns, 100000000000);
	assert_int_equal(m->recv_max_bytes, 8 << 20);
	assert_int_equal(img_port(&t.img, 0)->hop_limit, 64);
	tables_close(&t);
}

/* (slot, incarnation) of a server by names. */
static struct img_server
server_of(const struct tables *tables, const char *farm, const char *server)
{
	uint32_t farm_i = img_find_farm(&tables->img, farm, strlen(farm));
	uint32_t i;

	assert_int_not_equal(farm_i, (uint32_t)IMG_NONE);
	i = img_find_server(&tables->img, farm_i, server, strlen(server));
	assert_int_not_equal(i, (uint32_t)IMG_NONE);
	return *img_server(&tables->img, i);
}

static void
assert_keeps(const struct tables *before, const struct tables *after, const char *farm,
	     const char *server)
{
	struct img_server a = server_of(before, farm, server), b = server_of(after, farm, server);

	assert_int_equal(a.slot, b.slot);
	assert_int_equal(a.incarnation, b.incarnation);
}

static void
slots_survive_insertion_in_front(void **state)
{
	struct tables one =
		image_of(HEAD FARM("app", SERVER("a", "11") ", " SERVER("b", "12")), NULL);
	struct tables two = image_of(HEAD FARM("new", SERVER("a", "13"))
					     FARM("app", SERVER("z", "14") ", " SERVER(
								 "b", "12") ", " SERVER("a", "11")),
				     &one);

	(void)state;
	assert_keeps(&one, &two, "app", "a");
	assert_keeps(&one, &two, "app", "b");
	assert_int_equal(server_of(&two, "new", "a").slot, 2);
	assert_int_equal(server_of(&two, "app", "z").slot, 3);
	assert_int_equal(img_farm(&two.img, 0)->slot, 1);
	assert_int_equal(img_farm(&two.img, 1)->slot, 0);
	tables_close(&one);
	tables_close(&two);
}

static void
a_renamed_server_is_a_new_one(void **state)
{
	struct tables one =
		image_of(HEAD FARM("app", SERVER("a", "11") ", " SERVER("b", "12")), NULL);
	struct tables two =
		image_of(HEAD FARM("app", SERVER("c", "11") ", " SERVER("b", "12")), &one);
	const struct img_retired *retired = img_retired(&two.img, 0);

	(void)state;
	assert_keeps(&one, &two, "app", "b");
	assert_int_equal(server_of(&two, "app", "c").slot, 2);
	assert_int_equal(img_n(&two.img, IMG_RETIRED), 1);
	assert_int_equal(retired->kind, IMG_KIND_SERVER);
	assert_int_equal(retired->slot, server_of(&one, "app", "a").slot);
	tables_close(&one);
	tables_close(&two);
}

static void
what_was_removed_comes_back_as_another(void **state)
{
	struct tables one =
		image_of(HEAD FARM("app", SERVER("a", "11") ", " SERVER("b", "12")), NULL);
	struct tables two = image_of(HEAD FARM("app", SERVER("b", "12")), &one);
	struct tables three =
		image_of(HEAD FARM("app", SERVER("a", "11") ", " SERVER("b", "12")), &two);

	(void)state;
	assert_keeps(&one, &three, "app", "b");
	assert_int_not_equal(server_of(&one, "app", "a").slot, server_of(&three, "app", "a").slot);
	tables_close(&one);
	tables_close(&two);
	tables_close(&three);
}

/* Two thousand renames use each slot of the room before the first one comes back. */
static void
the_longest_retired_slot_comes_back_first_with_a_new_incarnation(void **state)
{
	struct tables tables = image_of(HEAD FARM("app", SERVER("s0", "11")), NULL);
	uint32_t room = img_machine(&tables.img)->server_slots;
	char text[1024];

	(void)state;
	for (uint32_t i = 1; i <= room + 1; i++) {
		struct tables next;
		struct img_server server;
		char name[16];

		snprintf(name, sizeof(name), "s%u", i);
		snprintf(text, sizeof(text), HEAD FARM("app", "{name: %s, address: 10.0.0.11}"),
			 name);
		next = image_of(text, &tables);
		server = server_of(&next, "app", name);
		assert_int_equal(server.slot, i < room ? i : i - room);
		assert_int_equal(server.incarnation, i < room ? 1 : 2);
		assert_int_equal(img_machine(&next.img)->server_slots, room);
		tables_close(&tables);
		tables = next;
	}
	tables_close(&tables);
}

static void
records_say_what_the_file_says(void **state)
{
	struct tables tables = image_of(
		CONF_MACHINE
		"listeners:\n"
		"  - {name: any, address: \"*:8080\", port: outside, farm: app, via: false}\n"
		"farms:\n"
		"  - name: app\n"
		"    host_header: server\n"
		"    source_addresses: [10.0.0.5]\n"
		"    timeouts: {connect: 250ms}\n"
		"    servers: [{name: n, address: app1.internal, weight: 3}]\n"
		"hosts: {app1.internal: [10.0.0.11, 10.0.0.12]}\n",
		NULL);
	const struct img *img = &tables.img;
	const struct img_listener *listener = img_listener(img, 0);
	const struct img_farm *farm = img_farm(img, 0);
	const struct img_server *server = img_server(img, 0);

	(void)state;
	assert_int_equal(img_n(img, IMG_PORTS), 2);
	assert_string_equal(img_text(img, img_port(img, 0)->device), "out0");
	assert_int_equal(img_n(img, IMG_ROUTES), 1);
	assert_int_equal(img_route(img, 0)->prefix, 0);
	assert_true(ip_is_v4(&img_route(img, 0)->to));
	assert_true(ip_is_none(&listener->ip));
	assert_int_equal(listener->port_i, 0);
	assert_int_equal(listener->tcp_port, 8080);
	assert_int_equal(listener->flags & IMG_LISTENER_VIA, 0);
	assert_int_equal(farm->host, IMG_HOST_SERVER);
	assert_int_equal(farm->port_i, (uint32_t)IMG_NONE);
	assert_int_equal(farm->source_n, 1);
	assert_int_equal(img_source(img, farm->first_source)->port_i, 1);
	assert_true(farm->connect_ns == 250000000);
	assert_string_equal(img_text(img, server->host), "app1.internal");
	assert_true(ip_is_none(&server->ip));
	assert_int_equal(server->http_port, 80);
	assert_int_equal(img_n(img, IMG_NAMES), 2);
	assert_string_equal(img_text(img, img_machine(img)->pseudonym), "penstock");
	tables_close(&tables);
}

static void
a_memif_key_is_read_from_hex(void **state)
{
	struct tables tables = image_of(
		"machine:\n  cores: [1]\n  ports: [{name: p, addresses: [10.0.0.5/24], device: "
		"{memif: /m, id: 2, role: server, queues: 4, checksums: trusted, rss_key: "
		"00112233445566778899aAbBcCdDeEfF00112233445566778899aabbccddeeff0011223344556677}}"
		"]\n",
		NULL);
	const struct img_port *port = img_port(&tables.img, 0);

	(void)state;
	assert_int_equal(port->kind, IMG_DEVICE_MEMIF);
	assert_int_equal(port->role, IMG_ROLE_SERVER);
	assert_int_equal(port->link_id, 2);
	assert_int_equal(port->flags, IMG_PORT_TRUSTS_SUMS);
	assert_int_equal(port->queues, 4);
	assert_int_equal(port->rss_key_n, 40);
	assert_int_equal(port->rss_key[1], 0x11);
	assert_int_equal(port->rss_key[10], 0xaa);
	assert_int_equal(port->rss_key[39], 0x77);
	tables_close(&tables);
}

static void
a_device_is_what_its_word_or_its_key_says(void **state)
{
	struct tables tables = image_of(
		"machine:\n  cores: [1]\n  ports:\n"
		"    - {name: p, addresses: [10.0.0.5/24], device: xdp:e0}\n"
		"    - {name: q, addresses: [10.1.0.5/24], device: {xdp: e1, queues: 2}}\n"
		"    - {name: r, addresses: [10.2.0.5/24], device: packet:e2}\n"
		"    - {name: s, addresses: [10.3.0.5/24], device: {vhost: /v}}\n"
		"    - {name: t, addresses: [10.4.0.5/24], device: {virtio: /w, queues: 4}}\n"
		"    - {name: u, addresses: [10.5.0.5/24], device: tap:t0}\n"
		"    - {name: v, addresses: [10.6.0.5/24], device: {tap: t1, queues: 2}}\n"
		"    - {name: w, addresses: [10.7.0.5/24], device: \"pci:0000:3b:00.0\"}\n"
		"    - {name: x, addresses: [10.8.0.5/24], device: {pci: \"0000:3b:00.1\", queues: "
		"8}}\n"
		"    - {name: y, addresses: [10.9.0.5/24], device: \"vdev:net_null7,size=64\"}\n"
		"    - {name: z, addresses: [10.10.0.5/24], device: {vdev: net_null8, queues: "
		"2}}\n",
		NULL);

	(void)state;
	assert_int_equal(img_port(&tables.img, 0)->kind, IMG_DEVICE_XDP);
	assert_string_equal(img_text(&tables.img, img_port(&tables.img, 0)->device), "e0");
	assert_int_equal(img_port(&tables.img, 1)->kind, IMG_DEVICE_XDP);
	assert_string_equal(img_text(&tables.img, img_port(&tables.img, 1)->device), "e1");
	assert_int_equal(img_port(&tables.img, 1)->queues, 2);
	assert_int_equal(img_port(&tables.img, 2)->kind, IMG_DEVICE_PACKET);
	assert_int_equal(img_port(&tables.img, 3)->kind, IMG_DEVICE_VHOST);
	assert_string_equal(img_text(&tables.img, img_port(&tables.img, 3)->device), "/v");
	assert_int_equal(img_port(&tables.img, 4)->kind, IMG_DEVICE_VIRTIO);
	assert_string_equal(img_text(&tables.img, img_port(&tables.img, 4)->device), "/w");
	assert_int_equal(img_port(&tables.img, 5)->kind, IMG_DEVICE_TAP);
	assert_string_equal(img_text(&tables.img, img_port(&tables.img, 5)->device), "t0");
	assert_int_equal(img_port(&tables.img, 6)->kind, IMG_DEVICE_TAP);
	assert_string_equal(img_text(&tables.img, img_port(&tables.img, 6)->device), "t1");
	assert_int_equal(img_port(&tables.img, 6)->queues, 2);
	assert_int_equal(img_port(&tables.img, 7)->kind, IMG_DEVICE_PCI);
	assert_string_equal(img_text(&tables.img, img_port(&tables.img, 7)->device),
			    "0000:3b:00.0");
	assert_string_equal(img_text(&tables.img, img_port(&tables.img, 8)->device),
			    "0000:3b:00.1");
	assert_int_equal(img_port(&tables.img, 8)->queues, 8);
	assert_int_equal(img_port(&tables.img, 9)->kind, IMG_DEVICE_VDEV);
	assert_string_equal(img_text(&tables.img, img_port(&tables.img, 9)->device),
			    "net_null7,size=64");
	assert_int_equal(img_port(&tables.img, 10)->kind, IMG_DEVICE_VDEV);
	assert_string_equal(img_text(&tables.img, img_port(&tables.img, 10)->device), "net_null8");
	assert_int_equal(img_port(&tables.img, 10)->queues, 2);
	tables_close(&tables);
}

/* What cannot be without another goes with it. */
static void
cards_have_an_exception_path_and_others_by_name(void **state)
{
	static const struct {
		const char *port, *interface;
	} cases[] = {
		{ "device: \"pci:0000:3b:00.0\"", "ps-p" },
		{ "device: \"pci:0000:3b:00.0\", exception: auto", "ps-p" },
		{ "device: \"pci:0000:3b:00.0\", exception: off", "" },
		{ "device: \"pci:0000:3b:00.0\", exception: lan0", "lan0" },
		{ "device: {vhost: /v}", "" },
		{ "device: {vhost: /v}, exception: auto", "" },
		{ "device: {virtio: /v}, exception: lan0", "lan0" },
		{ "device: packet:e0", "" },
		{ "device: packet:e0, exception: off", "" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		struct tables t;

		snprintf(text, sizeof(text),
			 "machine:\n  cores: [1]\n  ports: [{name: p, addresses: [10.0.0.5/24], "
			 "%s}]\n",
			 cases[i].port);
		t = image_of(text, NULL);
		assert_string_equal(img_text(&t.img, img_port(&t.img, 0)->exception),
				    cases[i].interface);
		tables_close(&t);
	}
}

static void
offloads_that_may_not_be_used_are_flags(void **state)
{
	static const struct {
		const char *text;
		uint32_t flags;
	} cases[] = {
		{ "", 0 },
		{ ", offloads: {}", 0 },
		{ ", offloads: {tso: on, lro: on}", 0 },
		{ ", offloads: {tso: off}", IMG_PORT_NO_TSO },
		{ ", offloads: {lro: off}", IMG_PORT_NO_LRO },
		{ ", offloads: {rx_checksum: off}", IMG_PORT_NO_RX_CHECKSUM | IMG_PORT_NO_LRO },
		{ ", offloads: {tx_checksum: off}", IMG_PORT_NO_TX_CHECKSUM | IMG_PORT_NO_TSO },
		{ ", offloads: {multi_segs: off}", IMG_PORT_NO_MULTI_SEGS | IMG_PORT_NO_TSO },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		struct tables t;

		snprintf(text, sizeof(text), "machine:\n  ports: [" ONE_PORT("%s") "]\n",
			 cases[i].text);
		t = image_of(text, NULL);
		assert_int_equal(img_port(&t.img, 0)->flags, cases[i].flags);
		tables_close(&t);
	}
}

/* ---- rules ---- */

#define SETS                                                                                       \
	"rules:\n"                                                                                 \
	"  a:\n"                                                                                   \
	"  - {name: a1, deny: 403}\n"                                                              \
	"  - {folder: /x, rules: [{name: a2, deny: 403}]}\n"                                       \
	"  - {name: a3, edit: {header: Server, to: \"\"}}\n"                                       \
	"  b:\n"                                                                                   \
	"  - {name: b1, farm: app}\n"                                                              \
	"  - {global: true, rules: [{name: b2, redirect: /}]}\n"

/* The order of work of all sets: global ones, folders from the root down, outbound ones. */
static void
listeners_bind_the_scopes_of_their_sets_in_the_order_of_work(void **state)
{
	static const char *const expected[] = { "b global /", "b distributed /", "a distributed /",
						"a distributed /x", "a outbound /" };
	struct tables t = image_of(CONF_MACHINE CONF_FARMS SETS
				   "listeners:\n"
				   "  - {name: web, address: \"*:80\", farm: app, rules: [b, a]}\n"
				   "  - {name: bare, address: \"*:81\", farm: app}\n",
				   NULL);
	const struct img_listener *web = img_listener(&t.img, 0), *bare = img_listener(&t.img, 1);

	(void)state;
	assert_int_equal(web->bind_n, 5);
	assert_int_equal(bare->bind_n, 0);
	for (uint32_t i = 0; i < web->bind_n; i++) {
		const struct img_bind *bind = img_bind(&t.img, web->first_bind + i);
		const struct img_scope *scope = img_scope(&t.img, bind->scope_i);
		char text[128];

		snprintf(text, sizeof(text), "%s %s %s", img_text(&t.img, scope->set),
			 img_scope_kind_name(scope->kind), img_text(&t.img, scope->folder));
		assert_string_equal(text, expected[i]);
	}
	tables_close(&t);
}

static struct img_rule
rule_named(const struct tables *t, const char *name)
{
	for (uint32_t i = 0; i < img_n(&t->img, IMG_RULES); i++)
		if (strcmp(img_text(&t->img, img_rule(&t->img, i)->name), name) == 0)
			return *img_rule(&t->img, i);
	fail_msg("no rule %s", name);
	return (struct img_rule){ 0 };
}

static void
rules_keep_their_slots_and_the_same_file_gives_the_same_image(void **state)
{
	struct tables first = image_of(CONF_GOOD SETS, NULL);
	struct tables again = image_of(CONF_GOOD SETS, &first);
	struct tables more =
		image_of(CONF_GOOD "rules:\n  a:\n  - {name: a0, deny: 404}\n  - {name: a1, deny: "
				   "404}\n",
			 &first);

	(void)state;
	assert_same(&first, &again);
	assert_int_equal(rule_named(&more, "a1").slot, rule_named(&first, "a1").slot);
	assert_int_equal(rule_named(&more, "a1").incarnation, rule_named(&first, "a1").incarnation);
	assert_int_not_equal(rule_named(&more, "a0").slot, rule_named(&first, "a1").slot);
	tables_close(&first);
	tables_close(&again);
	tables_close(&more);
}

static void
farms_of_plain_hosts_keep_their_slots_too(void **state)
{
	static const char text[] = CONF_GOOD "plain_hosts: true\nrules:\n  a:\n  - {name: a, "
					     "rewrite: \"http://h.internal:8080/\"}\n";
	struct tables first = image_of(text, NULL), again = image_of(text, &first);
	uint32_t i = img_find_farm(&first.img, "h.internal:8080", 15);
	const struct img_farm *farm;

	(void)state;
	assert_int_not_equal(i, (uint32_t)IMG_NONE);
	farm = img_farm(&first.img, i);
	assert_int_equal(farm->flags, IMG_FARM_IMPLICIT);
	assert_int_equal(farm->host, IMG_HOST_SERVER);
	assert_int_equal(img_server(&first.img, farm->first_server)->http_port, 8080);
	assert_int_equal(img_server(&first.img, farm->first_server)->https_port, 0);
	assert_same(&first, &again);
	tables_close(&first);
	tables_close(&again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_model_gives_the_same_bytes),
		cmocka_unit_test(cores_left_out_are_all_but_the_first),
		cmocka_unit_test(tcp_is_as_the_machine_says),
		cmocka_unit_test(fragments_are_refused_unless_the_machine_says_otherwise),
		cmocka_unit_test(tcp_left_out_is_the_usual),
		cmocka_unit_test(slots_survive_insertion_in_front),
		cmocka_unit_test(a_renamed_server_is_a_new_one),
		cmocka_unit_test(what_was_removed_comes_back_as_another),
		cmocka_unit_test(the_longest_retired_slot_comes_back_first_with_a_new_incarnation),
		cmocka_unit_test(records_say_what_the_file_says),
		cmocka_unit_test(a_memif_key_is_read_from_hex),
		cmocka_unit_test(a_device_is_what_its_word_or_its_key_says),
		cmocka_unit_test(cards_have_an_exception_path_and_others_by_name),
		cmocka_unit_test(offloads_that_may_not_be_used_are_flags),
		cmocka_unit_test(listeners_bind_the_scopes_of_their_sets_in_the_order_of_work),
		cmocka_unit_test(rules_keep_their_slots_and_the_same_file_gives_the_same_image),
		cmocka_unit_test(farms_of_plain_hosts_keep_their_slots_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
