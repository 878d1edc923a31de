/*
 * test_diff.c - what differs between two configurations, and which of it waits for a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "confs.h"
#include "images.h"

/* The changes from one text to another, one a line. */
static void
assert_diff(const char *before_text, const char *after_text, const char *expected)
{
	struct tables before = image_of(before_text, NULL);
	struct tables after = image_of(after_text, &before);
	struct arena arena = { 0 };
	struct conf_changes changes;
	char text[4096] = "";

	conf_diff(&before.img, &after.img, &arena, &changes);
	for (uint32_t i = 0; i < changes.n; i++) {
		strcat(text, conf_change_text(&changes.change[i], &arena));
		strcat(text, "\n");
	}
	assert_string_equal(text, expected);
	arena_fini(&arena);
	tables_close(&before);
	tables_close(&after);
}

static void
nothing_differs_from_itself(void **state)
{
	(void)state;
	assert_diff(CONF_GOOD, CONF_GOOD, "");
}

static void
servers_come_go_and_change_live(void **state)
{
	(void)state;
	assert_diff(CONF_GOOD,
		    CONF_MACHINE CONF_LISTENERS
		    "farms:\n"
		    "  - name: app\n"
		    "    timeouts: {receive: 15m}\n"
		    "    servers: [{name: c, address: 10.0.0.13}, {name: a, address: 10.0.0.11, "
		    "http_port: 8080, weight: 50}]\n",
		    "~ farm app timeouts.receive: 30 s -> 15 m\n"
		    "~ server app/a weight: 100 -> 50\n"
		    "- server app/b\n"
		    "+ server app/c\n");
}

static void
a_listener_moves_live(void **state)
{
	(void)state;
	assert_diff(CONF_GOOD,
		    CONF_MACHINE "listeners:\n"
				 "  - {name: web, address: \"*:8080\", port: inside, farm: app, "
				 "x_forwarded_for: off}\n" CONF_FARMS,
		    "~ listener web address: 203.0.113.10 -> any\n"
		    "~ listener web TCP port: 80 -> 8080\n"
		    "~ listener web port: any -> inside\n"
		    "~ listener web x_forwarded_for: append -> off\n");
}

static void
lanes_and_cores_wait(void **state)
{
	(void)state;
	assert_diff("machine:\n  cores: [1]\n  ports: [{name: p, device: packet:e0, addresses: "
		    "[10.0.0.5/24]}]\n",
		    "machine:\n  cores: [1, 2]\n  lanes: 4\n  ports: [{name: p, device: packet:e0, "
		    "addresses: [10.0.0.5/24, 10.0.0.6/24], vlan: 7, mtu: 1400}]\n",
		    "~ machine lanes: 0 -> 4  (at restart)\n"
		    "+ core 2  (at restart)\n"
		    "~ port p mtu: 0 -> 1400  (at restart)\n"
		    "~ port p vlan: 0 -> 7\n"
		    "+ address 10.0.0.6/24 of port p\n");
}

static void
ports_wait_whole(void **state)
{
	(void)state;
	assert_diff("machine:\n  cores: [1]\n  ports: [{name: p, device: packet:e0, addresses: "
		    "[10.0.0.5/24]}]\n",
		    "machine:\n  cores: [1]\n  ports: [{name: q, device: packet:e0, addresses: "
		    "[10.0.0.5/24]}]\n",
		    "- port p  (at restart)\n"
		    "+ port q  (at restart)\n"
		    "- address 10.0.0.5/24 of port p\n"
		    "+ address 10.0.0.5/24 of port q\n");
}

/* The order of ports is part of what the data plane runs with: nothing named changes. */
static void
ports_in_another_order_wait_too(void **state)
{
	(void)state;
	assert_diff("machine:\n  cores: [1]\n  ports: [{name: p, device: packet:e0, addresses: "
		    "[10.0.0.5/24]}, {name: q, device: packet:e1, addresses: [10.1.0.5/24]}]\n",
		    "machine:\n  cores: [1]\n  ports: [{name: q, device: packet:e1, addresses: "
		    "[10.1.0.5/24]}, {name: p, device: packet:e0, addresses: [10.0.0.5/24]}]\n",
		    "~ ports.name  (at restart)\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_differs_from_itself),
		cmocka_unit_test(servers_come_go_and_change_live),
		cmocka_unit_test(a_listener_moves_live),
		cmocka_unit_test(lanes_and_cores_wait),
		cmocka_unit_test(ports_wait_whole),
		cmocka_unit_test(ports_in_another_order_wait_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
