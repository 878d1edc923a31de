/*
 * test_image.c - images: what is built opens; each bad field is refused by its name and place;
 * older and newer writers are read as image.h promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sample.h"

static void
expect_fault(const void *bytes, size_t n, enum abi_fault_kind kind, const char *part,
	     const char *field)
{
	struct abi_fault fault = { 0 };
	struct img img;
	char text[ABI_FAULT_TEXT_BYTES];

	if (img_open(bytes, n, &img, &fault))
		fail_msg("opened; wanted %s at %s.%s", abi_fault_name(kind), part, field);
	if (fault.kind != kind || strcmp(fault.part, part) != 0 || strcmp(fault.field, field) != 0)
		fail_msg("got %s; wanted %s at %s.%s", abi_fault_print(&fault, text, sizeof(text)),
			 abi_fault_name(kind), part, field);
}

static void
what_is_built_opens_and_reads_back(void **state)
{
	struct abi_fault fault;
	struct img img;
	size_t n;
	void *bytes = sample_image(NULL, &n);

	(void)state;
	assert_true(img_open(bytes, n, &img, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_NONE);
	assert_int_equal(img_widen_bytes(&img), 0);
	assert_int_equal(img_machine(&img)->conns_max, 10000);
	assert_string_equal(img_text(&img, img_machine(&img)->pseudonym), "penstock");
	assert_int_equal(img_n(&img, IMG_CORES), 2);
	assert_int_equal(img_core(&img, 1)->cpu, 3);
	assert_int_equal(img_n(&img, IMG_PORTS), 2);
	assert_int_equal(img_port(&img, 1)->link_id, 7);
	assert_int_equal(img_address(&img, 2)->prefix, 24);
	assert_int_equal(img_route(&img, 2)->prefix, 16);
	assert_int_equal(img_source(&img, 0)->port_i, 1);
	assert_int_equal(img_listener(&img, 0)->tcp_port, 80);
	assert_string_equal(img_text(&img, img_listener(&img, 1)->name), "any");
	assert_int_equal(img_farm(&img, 1)->first_server, 2);
	assert_true(ip_is_none(&img_server(&img, 2)->ip));
	assert_string_equal(img_text(&img, img_server(&img, 2)->host), "origin.example");
	assert_string_equal(img_text(&img, img_name(&img, 0)->name), "static.example");
	assert_int_equal(img_n(&img, IMG_BLOBS), 0);
	assert_int_equal(img_retired(&img, 0)->incarnation, 9);
	free(bytes);
}

static void
the_same_model_gives_the_same_bytes(void **state)
{
	size_t n, m;
	void *a = sample_image(NULL, &n), *b = sample_image(NULL, &m);

	(void)state;
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n);
	free(a);
	free(b);
}

static void
names_and_slots_are_found(void **state)
{
	struct abi_fault fault;
	struct img img;
	size_t n;
	void *bytes = sample_image(NULL, &n);

	(void)state;
	assert_true(img_open(bytes, n, &img, &fault));
	assert_int_equal(img_find_port(&img, "inside", 6), 1);
	assert_int_equal(img_find_port(&img, "insid", 5), IMG_NONE);
	assert_int_equal(img_find_listener(&img, "any", 3), 1);
	assert_int_equal(img_find_farm(&img, "other", 5), 1);
	assert_int_equal(img_find_server(&img, 1, "a", 1), 2);
	assert_int_equal(img_find_server(&img, 1, "b", 1), IMG_NONE);
	assert_int_equal(img_find_server(&img, 9, "a", 1), IMG_NONE);
	assert_int_equal(img_find_slot(&img, IMG_KIND_SERVER, 7, 1), 2);
	assert_int_equal(img_find_slot(&img, IMG_KIND_SERVER, 7, 2), IMG_NONE);
	assert_int_equal(img_find_slot(&img, IMG_KIND_LISTENER, 0, 3), 0);
	free(bytes);
}

/*
 * A field overwritten by a value, and the fault that this must give: "field" of that section, or
 * "part.field" of the record where it shows.
 */
struct bad_field {
	enum img_section_id id;
	uint32_t i;
	size_t offset, bytes;
	uint64_t value;
	enum abi_fault_kind kind;
	const char *field;
};

#define BAD(ID, type, index, member, bad, fault, name)                                             \
	{                                                                                          \
		IMG_##ID, index, offsetof(struct img_##type, member),                              \
			sizeof(((struct img_##type *)0)->member) < 8                               \
				? sizeof(((struct img_##type *)0)->member)                         \
				: 8,                                                               \
			bad, ABI_FAULT_##fault, name                                               \
	}

/* clang-format off */
static const struct bad_field bad_field[] = {
	BAD(MACHINE, machine, 0, lanes, IMG_LANES_MAX + 1, RANGE, "lanes"),
	BAD(MACHINE, machine, 0, poll, IMG_POLLS, ENUM, "poll"),
	BAD(MACHINE, machine, 0, flags, 1u << 31, FLAGS, "flags"),
	BAD(MACHINE, machine, 0, memory_mib, 0xffffffff, RANGE, "memory_mib"),
	BAD(MACHINE, machine, 0, conns_max, 0xffffffff, RANGE, "conns_max"),
	BAD(MACHINE, machine, 0, exchanges_max, 0xffffffff, RANGE, "exchanges_max"),
	BAD(MACHINE, machine, 0, backlog_max, 0xffffffff, RANGE, "backlog_max"),
	BAD(MACHINE, machine, 0, server_slots, IMG_SLOTS_MAX + 1, RANGE, "server_slots"),
	BAD(MACHINE, machine, 0, server_slots, 7, RANGE, "servers.slot"),
	BAD(MACHINE, machine, 0, journal_bytes, 5, RANGE, "journal_bytes"),
	BAD(MACHINE, machine, 0, head_max_bytes, 0xffffffff, RANGE, "head_max_bytes"),
	BAD(MACHINE, machine, 0, target_max_bytes, 0xffffffff, RANGE, "target_max_bytes"),
	BAD(MACHINE, machine, 0, fields_max, 0xffffffff, RANGE, "fields_max"),
	BAD(MACHINE, machine, 0, time_wait_ns, UINT64_MAX, RANGE, "time_wait_ns"),
	BAD(MACHINE, machine, 0, keepalive_idle_ns, UINT64_MAX, RANGE, "keepalive_idle_ns"),
	BAD(MACHINE, machine, 0, user_timeout_ns, UINT64_MAX, RANGE, "user_timeout_ns"),
	BAD(MACHINE, machine, 0, send_max_bytes, 0xffffffff, RANGE, "send_max_bytes"),
	BAD(MACHINE, machine, 0, recv_max_bytes, 0xffffffff, RANGE, "recv_max_bytes"),
	BAD(MACHINE, machine, 0, congestion, IMG_CONGESTIONS, ENUM, "congestion"),
	BAD(MACHINE, machine, 0, pseudonym, 0xfffffff0, BOUNDS, "pseudonym"),
	BAD(CORES, core, 1, cpu, 2, DUPLICATE, "cpu"),
	BAD(CORES, core, 1, cpu, 1 << 20, RANGE, "cpu"),
	BAD(PORTS, port, 0, hop_limit, 256, RANGE, "hop_limit"),
	BAD(PORTS, port, 0, dscp, 64, RANGE, "dscp"),
	BAD(PORTS, port, 0, name, 0, EMPTY, "name"),
	BAD(PORTS, port, 0, name.n, 1 << 20, BOUNDS, "name"),
	BAD(PORTS, port, 0, name.n, 64, RANGE, "name"),
	BAD(PORTS, port, 0, name.n, 3, STRING, "name"),
	BAD(PORTS, port, 0, name.n, 10, STRING, "name"),
	BAD(PORTS, port, 1, device, 0, EMPTY, "device"),
	BAD(PORTS, port, 0, kind, IMG_DEVICES, ENUM, "kind"),
	BAD(PORTS, port, 0, role, IMG_ROLES, ENUM, "role"),
	BAD(PORTS, port, 0, queues, IMG_QUEUES_MAX + 1, RANGE, "queues"),
	BAD(PORTS, port, 0, mtu, 60, RANGE, "mtu"),
	BAD(PORTS, port, 0, vlan, 4095, RANGE, "vlan"),
	BAD(PORTS, port, 0, rx_ring_n, 65535, RANGE, "rx_ring_n"),
	BAD(PORTS, port, 0, tx_ring_n, 65535, RANGE, "tx_ring_n"),
	BAD(PORTS, port, 0, mac, 1, RANGE, "mac"),
	BAD(PORTS, port, 0, flags, IMG_PORT_FLAGS + 1, FLAGS, "flags"),
	BAD(PORTS, port, 0, rss_key_n, 53, RANGE, "rss_key_n"),
	BAD(PORTS, port, 1, source_n, 2, REFERENCE, "first_source"),
	BAD(PORTS, port, 0, source_n, 1, REFERENCE, "first_source"),
	BAD(ADDRESSES, address, 0, port_i, 2, REFERENCE, "port_i"),
	BAD(ADDRESSES, address, 0, prefix, 33, RANGE, "prefix"),
	BAD(ADDRESSES, address, 1, prefix, 129, RANGE, "prefix"),
	BAD(ADDRESSES, address, 1, ip, 0xff, RANGE, "ip"),
	BAD(ROUTES, route, 0, prefix, 33, RANGE, "prefix"),
	BAD(ROUTES, route, 2, prefix, 8, RANGE, "to"),
	BAD(ROUTES, route, 0, port_i, 9, REFERENCE, "port_i"),
	BAD(ROUTES, route, 1, via.b[8], 0, NONE, ""),
	BAD(SOURCES, source, 0, port_i, 2, REFERENCE, "port_i"),
	BAD(SOURCES, source, 0, port_i, 0, REFERENCE, "ip"),
	BAD(SOURCES, source, 0, ip.b[15], 77, REFERENCE, "ip"),
	BAD(LISTENERS, listener, 0, slot, IMG_SLOTS_MAX, RANGE, "slot"),
	BAD(LISTENERS, listener, 1, slot, 0, DUPLICATE, "slot"),
	BAD(LISTENERS, listener, 0, incarnation, 0, RANGE, "incarnation"),
	BAD(LISTENERS, listener, 0, name, 0, EMPTY, "name"),
	BAD(LISTENERS, listener, 0, ip.b[12], 224, RANGE, "ip"),
	BAD(LISTENERS, listener, 0, port_i, 2, REFERENCE, "port_i"),
	BAD(LISTENERS, listener, 0, tcp_port, 0, RANGE, "tcp_port"),
	BAD(LISTENERS, listener, 0, protocol, IMG_PROTOCOLS, ENUM, "protocol"),
	BAD(LISTENERS, listener, 0, farm_i, 2, REFERENCE, "farm_i"),
	BAD(LISTENERS, listener, 0, xff, IMG_XFFS, ENUM, "xff"),
	BAD(LISTENERS, listener, 0, flags, 1u << 30, FLAGS, "flags"),
	BAD(LISTENERS, listener, 0, head_ns, UINT64_MAX, RANGE, "head_ns"),
	BAD(LISTENERS, listener, 0, body_ns, UINT64_MAX, RANGE, "body_ns"),
	BAD(LISTENERS, listener, 0, idle_ns, UINT64_MAX, RANGE, "idle_ns"),
	BAD(LISTENERS, listener, 0, send_ns, UINT64_MAX, RANGE, "send_ns"),
	BAD(LISTENERS, listener, 0, tunnel_ns, UINT64_MAX, RANGE, "tunnel_ns"),
	BAD(LISTENERS, listener, 0, head_max_bytes, 0xffffffff, RANGE, "head_max_bytes"),
	BAD(FARMS, farm, 1, slot, 0, DUPLICATE, "slot"),
	BAD(FARMS, farm, 0, name, 0, EMPTY, "name"),
	BAD(FARMS, farm, 0, scheme, IMG_SCHEMES, ENUM, "scheme"),
	BAD(FARMS, farm, 0, balance, IMG_BALANCES, ENUM, "balance"),
	BAD(FARMS, farm, 0, host, IMG_HOSTS_MODES, ENUM, "host"),
	BAD(FARMS, farm, 0, host_value, 0, EMPTY, "host_value"),
	BAD(FARMS, farm, 0, port_i, 2, REFERENCE, "port_i"),
	BAD(FARMS, farm, 0, port_i, 0, REFERENCE, "first_source"),
	BAD(FARMS, farm, 0, first_server, 1, ORDER, "first_server"),
	BAD(FARMS, farm, 0, server_n, 1, ORDER, "first_server"),
	BAD(FARMS, farm, 0, server_n, 3, REFERENCE, "server_n"),
	BAD(FARMS, farm, 1, server_n, 0xffffffff, REFERENCE, "server_n"),
	BAD(FARMS, farm, 1, server_n, 0, REFERENCE, "servers.farm_i"),
	BAD(FARMS, farm, 0, first_source, 0xffffffff, REFERENCE, "first_source"),
	BAD(FARMS, farm, 0, connect_ns, UINT64_MAX, RANGE, "connect_ns"),
	BAD(FARMS, farm, 0, send_ns, UINT64_MAX, RANGE, "send_ns"),
	BAD(FARMS, farm, 0, receive_ns, UINT64_MAX, RANGE, "receive_ns"),
	BAD(FARMS, farm, 0, idle_ns, UINT64_MAX, RANGE, "idle_ns"),
	BAD(FARMS, farm, 0, rest_ns, UINT64_MAX, RANGE, "rest_ns"),
	BAD(FARMS, farm, 0, retries, 101, RANGE, "retries"),
	BAD(FARMS, farm, 0, flags, 1u << 31, FLAGS, "flags"),
	BAD(SERVERS, server, 1, slot, 0, DUPLICATE, "slot"),
	BAD(SERVERS, server, 0, incarnation, 0, RANGE, "incarnation"),
	BAD(SERVERS, server, 0, name, 0, EMPTY, "name"),
	BAD(SERVERS, server, 0, host, 0, EMPTY, "host"),
	BAD(SERVERS, server, 0, ip.b[12], 0xff, RANGE, "ip"),
	BAD(SERVERS, server, 0, weight, 65536, RANGE, "weight"),
	BAD(SERVERS, server, 0, flags, 1, FLAGS, "flags"),
	BAD(NAMES, name, 0, name, 0, EMPTY, "name"),
	BAD(NAMES, name, 0, ip, 0xff, RANGE, "ip"),
	BAD(LISTENERS, listener, 0, bind_n, 3, REFERENCE, "first_bind"),
	BAD(BINDS, bind, 1, scope_i, 2, REFERENCE, "scope_i"),
	BAD(SCOPES, scope, 0, set, 0, EMPTY, "set"),
	BAD(SCOPES, scope, 0, folder, 0, EMPTY, "folder"),
	BAD(SCOPES, scope, 0, folder.offset, 1, STRING, "folder"),
	BAD(SCOPES, scope, 0, kind, IMG_SCOPES_KINDS, ENUM, "kind"),
	BAD(SCOPES, scope, 0, kind, IMG_SCOPE_OUTBOUND, REFERENCE, "first_rule"),
	BAD(SCOPES, scope, 0, flags, 1u << 31, FLAGS, "flags"),
	BAD(SCOPES, scope, 0, first_rule, 1, ORDER, "first_rule"),
	BAD(SCOPES, scope, 0, rule_n, 3, REFERENCE, "first_rule"),
	BAD(SCOPES, scope, 0, rule_n, 1, ORDER, "pres.first_cond"),
	BAD(SCOPES, scope, 1, first_input, 1, ORDER, "first_input"),
	BAD(SCOPES, scope, 0, input_n, 1, REFERENCE, "conds.input_i"),
	BAD(SCOPES, scope, 0, pre_n, 1, COUNT, "pre_n"),
	BAD(SCOPES, scope, 0, first_except, 1, REFERENCE, "first_except"),
	BAD(SCOPES, scope, 0, except_n, 2, REFERENCE, "first_except"),
	BAD(EXCEPTS, except, 0, folder, 0, EMPTY, "folder"),
	BAD(EXCEPTS, except, 0, folder.offset, 1, STRING, "folder"),
	BAD(SCOPES, scope, 1, pre_n, 0, REFERENCE, "out_rules.pre_i"),
	BAD(RULES, rule, 1, slot, 0, DUPLICATE, "slot"),
	BAD(RULES, rule, 0, slot, IMG_RULES_MAX, RANGE, "slot"),
	BAD(RULES, rule, 0, name, 0, EMPTY, "name"),
	BAD(RULES, rule, 0, flags, 1u << 31, FLAGS, "flags"),
	BAD(RULES, rule, 0, syntax, IMG_SYNTAXES, ENUM, "syntax"),
	BAD(RULES, rule, 0, pattern_i, 2, REFERENCE, "pattern_i"),
	BAD(RULES, rule, 0, pattern_i, 0xffffffff, REFERENCE, "pattern_i"),
	BAD(RULES, rule, 0, action, IMG_ACTIONS, ENUM, "action"),
	BAD(RULES, rule, 0, url_expr_i, IMG_NONE, REFERENCE, "url_expr_i"),
	BAD(RULES, rule, 0, reason_expr_i, 4, REFERENCE, "reason_expr_i"),
	BAD(RULES, rule, 0, status, 200, RANGE, "status"),
	BAD(RULES, rule, 0, status, 300, RANGE, "status"),
	BAD(RULES, rule, 0, status, 304, RANGE, "status"),
	BAD(RULES, rule, 1, farm_i, IMG_NONE, REFERENCE, "farm_i"),
	BAD(RULES, rule, 1, receive_ns, UINT64_MAX, RANGE, "receive_ns"),
	BAD(RULES, rule, 1, first_cond, 0, ORDER, "first_cond"),
	BAD(RULES, rule, 0, cond_n, 9, REFERENCE, "first_cond"),
	BAD(RULES, rule, 0, set_n, 65, COUNT, "set_n"),
	BAD(RULES, rule, 0, set_n, 2, REFERENCE, "first_set"),
	BAD(CONDS, cond, 0, kind, IMG_CONDS_KINDS, ENUM, "kind"),
	BAD(CONDS, cond, 0, flags, 1u << 31, FLAGS, "flags"),
	BAD(CONDS, cond, 0, input_i, 2, REFERENCE, "input_i"),
	BAD(CONDS, cond, 0, pattern_i, 1, REFERENCE, "pattern_i"),
	BAD(CONDS, cond, 1, net_n, 2, REFERENCE, "first_net"),
	BAD(INPUTS, input, 0, kind, IMG_INPUTS_KINDS, ENUM, "kind"),
	BAD(INPUTS, input, 1, kind, IMG_INPUT_VALUE, REFERENCE, "conds.input_i"),
	BAD(INPUTS, input, 2, kind, IMG_INPUT_VALUE, REFERENCE, "conds.input_i"),
	BAD(INPUTS, input, 1, expr_i, IMG_NONE, REFERENCE, "expr_i"),
	BAD(INPUTS, input, 0, flags, 1u << 31, FLAGS, "flags"),
	BAD(INPUTS, input, 0, blob_i, 0, REFERENCE, "blob_i"),
	BAD(INPUTS, input, 1, first_pattern, 1, ORDER, "first_pattern"),
	BAD(PATTERNS, pattern, 0, flags, 1u << 31, FLAGS, "flags"),
	BAD(PATTERNS, pattern, 0, regex.n, 65537, BOUNDS, "regex"),
	BAD(PATTERNS, pattern, 2, gate, 2, REFERENCE, "gate"),
	BAD(PATTERNS, pattern, 3, gate, 0, REFERENCE, "gate"),
	BAD(EXPRS, expr, 0, flags, 1u << 31, FLAGS, "flags"),
	BAD(EXPRS, expr, 2, first_op, 4, ORDER, "first_op"),
	BAD(EXPRS, expr, 1, op_n, 3, ORDER, "op_n"),
	BAD(EXPRS, expr, 3, op_n, 2, REFERENCE, "first_op"),
	BAD(OPS, op, 0, kind, IMG_OPS_KINDS, ORDER, "exprs.op_n"),
	BAD(OPS, op, 0, arg, 256, RANGE, "arg"),
	BAD(OPS, op, 3, arg, 10, RANGE, "arg"),
	BAD(OPS, op, 7, arg, 1, REFERENCE, "arg"),
	BAD(OPS, op, 8, text, 0, EMPTY, "text"),
	BAD(SETS, set, 0, kind, IMG_SETS_KINDS, ENUM, "kind"),
	BAD(SETS, set, 0, flags, 1u << 31, FLAGS, "flags"),
	BAD(SETS, set, 0, name, 0, EMPTY, "name"),
	BAD(SETS, set, 0, expr_i, 4, REFERENCE, "expr_i"),
	BAD(MAPS, map, 0, name, 0, EMPTY, "name"),
	BAD(MAPS, map, 0, kind, IMG_MAPS_KINDS, ENUM, "kind"),
	BAD(MAPS, map, 0, blob_i, 0, REFERENCE, "blob_i"),
	BAD(PRES, pre, 0, name, 0, EMPTY, "name"),
	BAD(PRES, pre, 0, flags, 1u << 31, FLAGS, "flags"),
	BAD(PRES, pre, 0, cond_n, 2, REFERENCE, "first_cond"),
	BAD(OUT_RULES, out_rule, 0, slot, 1, DUPLICATE, "slot"),
	BAD(OUT_RULES, out_rule, 0, kind, IMG_OUTS_KINDS, ENUM, "kind"),
	BAD(OUT_RULES, out_rule, 0, kind, IMG_OUT_VARIABLE, ENUM, "variable_kind"),
	BAD(OUT_RULES, out_rule, 0, pre_i, 1, REFERENCE, "pre_i"),
	BAD(OUT_RULES, out_rule, 0, tags, 1u << IMG_TAGS_STANDARD, FLAGS, "tags"),
	BAD(OUT_RULES, out_rule, 0, tag_n, 2, REFERENCE, "first_tag"),
	BAD(OUT_RULES, out_rule, 0, pattern_i, 3, REFERENCE, "pattern_i"),
	BAD(OUT_RULES, out_rule, 0, action, IMG_ACTION_REDIRECT, ENUM, "action"),
	BAD(OUT_RULES, out_rule, 0, value_expr_i, IMG_NONE, REFERENCE, "value_expr_i"),
	BAD(TAGS, tag, 0, attribute, 0, EMPTY, "attribute"),
	BAD(NETS, net, 0, prefix, 33, RANGE, "prefix"),
	BAD(RETIRED, retired, 0, kind, IMG_KINDS, ENUM, "kind"),
	BAD(RETIRED, retired, 0, slot, 7, DUPLICATE, "slot"),
	BAD(RETIRED, retired, 0, incarnation, 0, RANGE, "incarnation"),
};
/* clang-format on */

static void
each_bad_field_is_named(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(bad_field) / sizeof(bad_field[0]); k++) {
		const struct bad_field *f = &bad_field[k];
		struct abi_fault fault;
		struct img img;
		size_t n;
		void *bytes = sample_image(NULL, &n);

		sample_poke(bytes, n, f->id, f->i, f->offset, &f->value, f->bytes);
		if (f->kind == ABI_FAULT_NONE) {
			assert_true(img_open(bytes, n, &img, &fault));
		} else if (strchr(f->field, '.') != NULL) {
			char part[32];

			snprintf(part, sizeof(part), "%.*s", (int)strcspn(f->field, "."), f->field);
			expect_fault(bytes, n, f->kind, part, strchr(f->field, '.') + 1);
		} else {
			expect_fault(bytes, n, f->kind, img_section_name(f->id), f->field);
		}
		free(bytes);
	}
}

static void
families_do_not_mix_in_a_route(void **state)
{
	struct ip_addr v6 = { .b = { 0x20, 0x01, [15] = 1 } };
	size_t n;
	void *bytes = sample_image(NULL, &n);

	(void)state;
	sample_poke(bytes, n, IMG_ROUTES, 0, offsetof(struct img_route, via), &v6, sizeof(v6));
	expect_fault(bytes, n, ABI_FAULT_FAMILY, "routes", "via");
	free(bytes);
}

static void
a_server_speaks_something(void **state)
{
	uint32_t none = 0;
	size_t n;
	void *bytes = sample_image(NULL, &n);

	(void)state;
	sample_poke(bytes, n, IMG_SERVERS, 0, offsetof(struct img_server, http_port), &none,
		    sizeof(none));
	expect_fault(bytes, n, ABI_FAULT_RANGE, "servers", "http_port");
	free(bytes);
}

static void
an_address_twice_on_a_port_is_refused(void **state)
{
	struct ip_addr again = sample_v4(203, 0, 113, 10);
	size_t n;
	void *bytes = sample_image(NULL, &n);

	(void)state;
	sample_poke(bytes, n, IMG_ADDRESSES, 1, offsetof(struct img_address, ip), &again,
		    sizeof(again));
	sample_poke(bytes, n, IMG_ADDRESSES, 1, offsetof(struct img_address, prefix),
		    &(uint32_t){ 24 }, 4);
	expect_fault(bytes, n, ABI_FAULT_DUPLICATE, "addresses", "ip");
	free(bytes);
}

static void
each_bad_head_is_named(void **state)
{
	struct {
		size_t offset, bytes;
		uint64_t value;
		enum abi_fault_kind kind;
		const char *field;
	} bad[] = {
#define HEAD(member, bad_value, fault)                                                             \
	{ offsetof(struct img_head, member), sizeof(((struct img_head *)0)->member), bad_value,    \
	  ABI_FAULT_##fault, #member }
		HEAD(magic, 1, MAGIC),
		HEAD(version, 2, VERSION),
		HEAD(bytes, 12, SIZE),
		HEAD(head_bytes, 24, STRIDE),
		HEAD(head_bytes, 44, STRIDE),
		HEAD(section_bytes, 16, STRIDE),
		HEAD(section_n, 65, COUNT),
		HEAD(head_bytes, 0xfff8, BOUNDS),
		HEAD(section_bytes, 0xfff8, BOUNDS),
#undef HEAD
	};

	(void)state;
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		size_t n;
		uint8_t *bytes = sample_image(NULL, &n);

		memcpy(bytes + bad[k].offset, &bad[k].value, bad[k].bytes);
		img_seal(bytes, n);
		expect_fault(bytes, n, bad[k].kind, "head",
			     bad[k].kind == ABI_FAULT_BOUNDS ? "section_n" : bad[k].field);
		free(bytes);
	}
}

static void
every_shorter_length_and_every_changed_byte_is_refused(void **state)
{
	size_t n;
	uint8_t *bytes = sample_image(NULL, &n), *part = malloc(n);
	struct abi_fault fault;
	struct img img;

	(void)state;
	for (size_t m = 0; m < n; m++) {
		uint8_t *exact = malloc(m > 0 ? m : 1); /* so that an overread is seen */

		memcpy(exact, bytes, m);
		assert_false(img_open(exact, m, &img, &fault));
		free(exact);
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(part, bytes, n);
		part[i] ^= 0x10;
		assert_false(img_open(part, n, &img, &fault));
	}
	assert_false(img_open(bytes + 4, n - 4, &img, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_ALIGN);
	free(part);
	free(bytes);
}

static void
each_bad_directory_entry_is_named(void **state)
{
	size_t n;
	uint8_t *bytes;
	struct img_section *s;

	(void)state;
#define WITH(change, kind, part, field)                                                            \
	do {                                                                                       \
		bytes = sample_image(NULL, &n);                                                    \
		s = sample_section(bytes, IMG_SERVERS);                                            \
		change;                                                                            \
		img_seal(bytes, n);                                                                \
		expect_fault(bytes, n, kind, part, field);                                         \
		free(bytes);                                                                       \
	} while (0)
	WITH(s->id = IMG_FARMS, ABI_FAULT_DUPLICATE, "farms", "");
	WITH(s->id = 999, ABI_FAULT_UNKNOWN_SECTION, "sections", "id");
	WITH(s->id = 999; s->flags = 0, ABI_FAULT_MISSING_SECTION, "servers", "");
	WITH(s->version = 2, ABI_FAULT_VERSION, "sections", "servers");
	WITH(s->version = 2; s->flags = 0, ABI_FAULT_VERSION, "sections", "servers");
	WITH(s->offset += 4, ABI_FAULT_ALIGN, "servers", "offset");
	WITH(s->stride = 48, ABI_FAULT_STRIDE, "servers", "stride");
	WITH(s->stride = 60, ABI_FAULT_STRIDE, "servers", "stride");
	WITH(s->stride = 1 << 20, ABI_FAULT_STRIDE, "servers", "stride");
	WITH(s->n = 0xffffffff, ABI_FAULT_BOUNDS, "servers", "");
	WITH(s->offset = UINT64_MAX - 7, ABI_FAULT_BOUNDS, "servers", "");
	WITH(s->n = 0, ABI_FAULT_REFERENCE, "farms", "server_n");
	WITH(sample_section(bytes, IMG_MACHINE)->n = 0, ABI_FAULT_COUNT, "machine", "");
	WITH(sample_section(bytes, IMG_CORES)->n = 0, ABI_FAULT_COUNT, "cores", "");
	WITH(sample_section(bytes, IMG_STRINGS)->n = 0, ABI_FAULT_STRING, "strings", "");
	WITH(sample_section(bytes, IMG_STRINGS)->n -= 1, ABI_FAULT_STRING, "strings", "");
#undef WITH
}

static void
an_optional_section_of_a_newer_writer_is_overlooked(void **state)
{
	struct abi_fault fault;
	struct img img;
	size_t n;
	uint8_t *bytes = sample_image(NULL, &n);
	struct img_section *s = sample_section(bytes, IMG_NAMES);

	(void)state;
	s->id = 40;
	img_seal(bytes, n);
	assert_true(img_open(bytes, n, &img, &fault));
	assert_int_equal(img_n(&img, IMG_NAMES), 0);
	s->id = IMG_NAMES;
	s->version = 9;
	img_seal(bytes, n);
	assert_true(img_open(bytes, n, &img, &fault));
	assert_int_equal(img_n(&img, IMG_NAMES), 0);
	free(bytes);
}

/* The sample with the servers section moved to the end, its records `more` bytes longer. */
static uint8_t *
with_long_servers(uint32_t more, size_t *ret_n)
{
	size_t n, stride = sizeof(struct img_server) + more;
	uint8_t *bytes = sample_image(NULL, &n);
	struct img_section *s = sample_section(bytes, IMG_SERVERS);
	size_t all = n + s->n * stride;
	uint8_t *longer = calloc(1, all);

	memcpy(longer, bytes, n);
	for (uint32_t i = 0; i < s->n; i++) {
		memcpy(longer + n + i * stride, bytes + s->offset + i * s->stride, s->stride);
		memset(longer + n + i * stride + s->stride, 0xee, more);
	}
	s = sample_section(longer, IMG_SERVERS);
	s->offset = n;
	s->stride = (uint32_t)stride;
	((struct img_head *)(void *)longer)->bytes = all;
	img_seal(longer, all);
	free(bytes);
	*ret_n = all;
	return longer;
}

static void
longer_records_of_a_newer_writer_are_read_as_far_as_known(void **state)
{
	struct abi_fault fault;
	struct img img;
	size_t n;
	uint8_t *bytes = with_long_servers(16, &n);

	(void)state;
	assert_true(img_open(bytes, n, &img, &fault));
	assert_int_equal(img_widen_bytes(&img), 0);
	assert_int_equal(img_server(&img, 1)->weight, 50);
	assert_string_equal(img_text(&img, img_server(&img, 2)->host), "origin.example");
	free(bytes);
}

static void
shorter_records_are_widened_with_zeroes(void **state)
{
	struct abi_fault fault;
	struct img img;
	size_t n, wide_n;
	uint8_t *bytes = sample_image(NULL, &n);
	void *wide;

	(void)state;
	assert_true(img_open(bytes, n, &img, &fault));
	/* As if a field had been appended since the writer's release: a table a field shorter. */
	img.table[IMG_SERVERS].stride -= 8;
	img.table[IMG_SERVERS].n = 1;
	wide_n = img_widen_bytes(&img);
	assert_int_equal(wide_n, sizeof(struct img_server));
	wide = malloc(wide_n);
	img_widen(&img, wide);
	assert_int_equal(img_widen_bytes(&img), 0);
	assert_int_equal(img_server(&img, 0)->http_port, 8080);
	assert_int_equal(img_server(&img, 0)->weight, 0);
	free(wide);
	free(bytes);
}

static void *
grow_no_more(void *p, size_t n)
{
	if (n == 0)
		free(p);
	return NULL;
}

static void
a_builder_without_memory_says_so_at_the_end(void **state)
{
	struct img_build b;
	void *bytes = NULL;
	size_t n = 0;

	(void)state;
	img_build_init(&b, grow_no_more);
	img_build_core(&b, &(struct img_core){ .cpu = 1 });
	assert_false(img_build_finish(&b, &bytes, &n));
	img_build_fini(&b);
}

static void
faults_are_printed_with_their_place(void **state)
{
	struct abi_fault f = abi_fault_at(ABI_FAULT_RANGE, "servers", 3, "http_port");
	char text[ABI_FAULT_TEXT_BYTES];

	(void)state;
	assert_string_equal(abi_fault_print(&f, text, sizeof(text)),
			    "servers[3].http_port: out of range (range)");
	f = abi_fault_at(ABI_FAULT_MAGIC, "", ABI_NONE, "");
	assert_string_equal(abi_fault_print(&f, text, sizeof(text)),
			    "not a file of this kind (magic)");
	assert_string_equal(abi_fault_name(9999), "unknown");
	assert_string_equal(img_balance_name(0), "weighted_round_robin");
	assert_string_equal(img_balance_name(IMG_BALANCES), "unknown");
}

/* A view has all of them in its memory: who writes an image learns it, not who runs it. */
static void
blobs_are_bounded_all_together(void **state)
{
	static const uint64_t last[] = { IMG_BLOBS_BYTES_MAX - 700000000, 400000000, UINT64_MAX };

	(void)state;
	for (uint32_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		struct abi_fault fault = { 0 };
		struct img_build b;
		struct img img;
		void *bytes;
		size_t n;

		img_build_init(&b, realloc);
		img_build_machine(&b,
				  &(struct img_machine){ .server_slots = 1,
							 .pseudonym = img_build_text(&b, "p") });
		img_build_core(&b, &(struct img_core){ .cpu = 0 });
		img_build_port(&b, &(struct img_port){ .name = img_build_text(&b, "o"),
						       .device = img_build_text(&b, "o0"),
						       .kind = IMG_DEVICE_PACKET });
		img_build_blob(&b, &(struct img_blob){ .bytes = 700000000 });
		img_build_blob(&b, &(struct img_blob){ .bytes = last[i] });
		assert_true(img_build_finish(&b, &bytes, &n));
		img_build_fini(&b);
		assert_int_equal(img_open(bytes, n, &img, &fault), i == 0);
		if (i > 0) {
			assert_int_equal(fault.kind, ABI_FAULT_RANGE);
			assert_string_equal(fault.part, "blobs");
			assert_int_equal(fault.record_i, 1);
		}
		free(bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_opens_and_reads_back),
		cmocka_unit_test(the_same_model_gives_the_same_bytes),
		cmocka_unit_test(names_and_slots_are_found),
		cmocka_unit_test(each_bad_field_is_named),
		cmocka_unit_test(families_do_not_mix_in_a_route),
		cmocka_unit_test(a_server_speaks_something),
		cmocka_unit_test(an_address_twice_on_a_port_is_refused),
		cmocka_unit_test(blobs_are_bounded_all_together),
		cmocka_unit_test(each_bad_head_is_named),
		cmocka_unit_test(every_shorter_length_and_every_changed_byte_is_refused),
		cmocka_unit_test(each_bad_directory_entry_is_named),
		cmocka_unit_test(an_optional_section_of_a_newer_writer_is_overlooked),
		cmocka_unit_test(longer_records_of_a_newer_writer_are_read_as_far_as_known),
		cmocka_unit_test(shorter_records_are_widened_with_zeroes),
		cmocka_unit_test(a_builder_without_memory_says_so_at_the_end),
		cmocka_unit_test(faults_are_printed_with_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
