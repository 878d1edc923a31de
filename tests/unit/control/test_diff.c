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

/* The changes from one text, which may be published, to another, one a line. */
static void
assert_diff_of(const char *before_text, bool is_published, const char *after_text,
	       const char *expected)
{
	struct tables before = image_made(before_text, NULL, is_published);
	struct tables after = image_of(after_text, &before);
	struct arena arena = { 0 };
	struct conf_changes changes;
	char text[8192] = "";

	conf_diff(&before.img, &after.img, &arena, &changes);
	tables_close(&before); /* an apply tells its changes when the image before has ended */
	tables_close(&after);
	for (uint32_t i = 0; i < changes.n; i++) {
		strcat(text, conf_change_text(&changes.change[i], &arena));
		strcat(text, "\n");
	}
	assert_string_equal(text, expected);
	arena_fini(&arena);
}

static void
assert_diff(const char *before_text, const char *after_text, const char *expected)
{
	assert_diff_of(before_text, false, after_text, expected);
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
fragments_are_taken_live(void **state)
{
	(void)state;
	assert_diff("machine:\n  cores: [1]\n  ports: [{name: p, device: packet:e0, addresses: "
		    "[10.0.0.5/24]}]\n",
		    "machine:\n  cores: [1]\n  fragments: reassemble\n  ports: [{name: p, device: "
		    "packet:e0, addresses: [10.0.0.5/24]}]\n",
		    "~ machine fragments put together: false -> true\n");
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

static void
rules_come_go_change_and_move(void **state)
{
	(void)state;
	assert_diff(CONF_GOOD "rules:\n  s:\n"
			      "  - {name: a, match: {path: /a, host: h}, deny: 403}\n"
			      "  - {name: b, deny: 403}\n"
			      "  - {name: c, redirect: /c}\n"
			      "  - {folder: /x, rules: [{name: ax, deny: 403}]}\n"
			      "  - {map: m, keys: {a: b}}\n"
			      "  - {name: e, match: {where: {\"{m:{URL}}\": x}}, deny: 403}\n"
			      "  - {name: r, edit: {header: Server, to: x}}\n",
		    CONF_GOOD
		    "rules:\n  s:\n"
		    "  - {name: c, redirect: {to: /c, status: 301}, set: {request: {X: y}}}\n"
		    "  - {name: a, match: {path: /b, host: h, from: 10.0.0.0/8}, farm: app, "
		    "timeouts: {receive: 1m}}\n"
		    "  - {folder: /x, keep_escapes: true, rules: [{name: ax, deny: 404}]}\n"
		    "  - {map: m, keys: {a: b}, default: z}\n"
		    "  - {name: e, match: {where: {\"{m:{URL}}\": x}}, deny: 403}\n"
		    "  - {name: d, deny: 403}\n"
		    "  - {name: r, edit: {header: Server, to: \"\"}, stop: true}\n",
		    "~ rule s (/x)/ax action: CustomResponse 403 -> CustomResponse 404\n"
		    "~ rule s/a pattern: ^a(?:/|$) -> ^b(?:/|$)\n"
		    "~ rule s/a conditions: {SERVER_NAME} ^(?:h)\\.?$ -> {SERVER_NAME} "
		    "^(?:h)\\.?$, from 10.0.0.0/8\n"
		    "~ rule s/a action: CustomResponse 403 -> Farm to app\n"
		    "~ rule s/a timeouts: none -> receive 1 m\n"
		    "~ rule s/a stop: false -> true\n"
		    "- rule s/b\n"
		    "~ rule s/c set: none -> request X = y\n"
		    "~ rule s/c action: Redirect /c and the query 302 -> Redirect /c and the query "
		    "301\n"
		    "+ rule s/d\n"
		    "~ rule s/r to: x -> none\n"
		    "~ rule s/r stop: false -> true\n"
		    "~ order of the rules\n"
		    "~ inbound rules of s (/x) keep_escapes: false -> true\n"
		    "~ map m default: none -> z\n");
}

/* What is published has scan databases and what is compared with it has none: no difference. */
static void
scan_databases_are_no_difference(void **state)
{
#define SCANNED(host)                                                                              \
	CONF_GOOD "rules:\n  s:\n"                                                                 \
		  "  - {name: a, match: {path: /a, host: " host "}, deny: 403}\n"                  \
		  "  - {name: b, match: {path_regex: \"^b/(.*)x\"}, redirect: \"/c/{R:1}\"}\n"     \
		  "  - {name: c, match: {query: \"^q=[0-9]+$\", header: {X: y}}, deny: 403}\n"
	(void)state;
	assert_diff_of(SCANNED("h"), true, SCANNED("h"), "");
	assert_diff_of(SCANNED("h"), true, SCANNED("i"),
		       "~ rule s/a conditions: {SERVER_NAME} ^(?:h)\\.?$ -> {SERVER_NAME} "
		       "^(?:i)\\.?$\n");
}

static void
sets_of_a_listener_are_told_by_name(void **state)
{
#define SETS "rules: {a: [{name: x, deny: 403}], b: [{name: y, deny: 403}]}\n"
#define WEB  "listeners:\n  - {name: web, address: \"203.0.113.10:80\", farm: app"
	(void)state;
	assert_diff(CONF_MACHINE CONF_FARMS SETS WEB "}\n",
		    CONF_MACHINE CONF_FARMS SETS WEB ", rules: [b, a]}\n",
		    "~ listener web rules: none -> b, a\n");
	assert_diff(CONF_MACHINE CONF_FARMS SETS WEB ", rules: [b, a]}\n",
		    CONF_MACHINE CONF_FARMS SETS WEB ", rules: [b]}\n",
		    "~ listener web rules: b, a -> b\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_differs_from_itself),
		cmocka_unit_test(servers_come_go_and_change_live),
		cmocka_unit_test(a_listener_moves_live),
		cmocka_unit_test(lanes_and_cores_wait),
		cmocka_unit_test(fragments_are_taken_live),
		cmocka_unit_test(ports_wait_whole),
		cmocka_unit_test(ports_in_another_order_wait_too),
		cmocka_unit_test(rules_come_go_change_and_move),
		cmocka_unit_test(scan_databases_are_no_difference),
		cmocka_unit_test(sets_of_a_listener_are_told_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
