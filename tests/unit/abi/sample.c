/*
 * sample.c - the sample image (sample.h).
 */
#include "sample.h"

#include <stdlib.h>
#include <string.h>

#define SECONDS 1000000000ull

struct ip_addr
sample_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return ip_from_v4((const uint8_t[]){ a, b, c, d });
}

static struct ip_addr
v6(uint8_t last)
{
	return (struct ip_addr){ .b = { 0x20, 0x01, 0x0d, 0xb8, [15] = last } };
}

static void
machine(struct img_build *b, const struct sample *how)
{
	struct img_machine m = {
		.lanes = how->lanes,
		.poll = IMG_POLL_ADAPTIVE,
		.flags = IMG_MACHINE_ACCESS_LOG,
		.memory_mib = 64,
		.conns_max = 10000,
		.exchanges_max = 5000,
		.backlog_max = 1024,
		.server_slots = 1024,
		.journal_bytes = 1 << 20,
		.head_max_bytes = 32768,
		.target_max_bytes = 8192,
		.fields_max = 128,
		.time_wait_ns = 60 * SECONDS,
		.keepalive_idle_ns = 7200 * SECONDS,
		.user_timeout_ns = 60 * SECONDS,
		.send_max_bytes = 1 << 20,
		.recv_max_bytes = 1 << 20,
		.pseudonym = img_build_text(b, "penstock"),
	};

	img_build_machine(b, &m);
	img_build_core(b, &(struct img_core){ .cpu = 2 });
	img_build_core(b, &(struct img_core){ .cpu = 3 });
}

static void
ports(struct img_build *b, const struct sample *how)
{
	struct img_port outside = {
		.name = img_build_text(b, how->port_name != NULL ? how->port_name : "outside"),
		.device = img_build_text(b, "veth0"),
		.kind = IMG_DEVICE_PACKET,
		.queues = (uint16_t)how->queues,
	};
	struct img_port inside = {
		.name = img_build_text(b, "inside"),
		.device = img_build_text(b, "/run/memif.sock"),
		.kind = IMG_DEVICE_MEMIF,
		.role = IMG_ROLE_CLIENT,
		.link_id = 7,
		.queues = 4,
		.mtu = 1500,
		.vlan = 12,
		.mac = { 2, 0, 0, 0, 0, 1 },
		.source_n = 1,
		.rss_key_n = 40,
		.rss_key = { 0x6d, 0x5a },
	};

	img_build_port(b, &outside);
	img_build_port(b, &inside);
	img_build_address(b, &(struct img_address){ sample_v4(203, 0, 113, 10), 0, 24 });
	img_build_address(b, &(struct img_address){ v6(10), 0, 64 });
	img_build_address(b, &(struct img_address){ sample_v4(10, 0, 0, 5), 1, 24 });
	img_build_route(
		b, &(struct img_route){ sample_v4(0, 0, 0, 0), sample_v4(203, 0, 113, 1), 0, 0 });
	img_build_route(b, &(struct img_route){ { { 0 } }, v6(1), 0, 0 });
	img_build_route(
		b, &(struct img_route){ sample_v4(10, 8, 0, 0), sample_v4(10, 0, 0, 1), 1, 16 });
	img_build_source(b, &(struct img_source){ sample_v4(10, 0, 0, 5), 1, 0 });
}

static void
server(struct img_build *b, uint32_t slot, uint32_t farm_i, const char *name, const char *host,
       struct ip_addr ip, uint32_t weight)
{
	struct img_server s = {
		.slot = slot,
		.incarnation = 1,
		.name = img_build_text(b, name),
		.host = img_build_text(b, host),
		.ip = ip,
		.farm_i = farm_i,
		.http_port = 8080,
		.https_port = 4443,
		.weight = weight,
	};

	img_build_server(b, &s);
}

static void
farm(struct img_build *b, uint32_t slot, const char *name, uint32_t first_server, uint32_t server_n)
{
	struct img_farm f = {
		.slot = slot,
		.incarnation = 1,
		.name = img_build_text(b, name),
		.scheme = IMG_SCHEME_HTTP,
		.balance = IMG_BALANCE_WEIGHTED_ROUND_ROBIN,
		.host = IMG_HOST_SET,
		.port_i = 1,
		.host_value = img_build_text(b, "app.example"),
		.first_server = first_server,
		.server_n = server_n,
		.source_n = 1,
		.connect_ns = 5 * SECONDS,
		.send_ns = 30 * SECONDS,
		.receive_ns = 30 * SECONDS,
		.idle_ns = 60 * SECONDS,
		.rest_ns = 10 * SECONDS,
		.idle_max = 16,
		.retries = 2,
	};

	img_build_farm(b, &f);
}

static void
listeners(struct img_build *b)
{
	struct img_listener web = {
		.slot = 0,
		.incarnation = 3,
		.name = img_build_text(b, "web"),
		.ip = sample_v4(203, 0, 113, 10),
		.port_i = 0,
		.tcp_port = 80,
		.protocol = IMG_PROTOCOL_HTTP,
		.farm_i = 0,
		.xff = IMG_XFF_APPEND,
		.flags = IMG_LISTENER_VIA | IMG_LISTENER_ACCESS_LOG,
		.head_ns = 30 * SECONDS,
		.body_ns = 30 * SECONDS,
		.idle_ns = 60 * SECONDS,
		.send_ns = 60 * SECONDS,
		.tunnel_ns = 900 * SECONDS,
		.bind_n = 2,
	};
	struct img_listener any = web;

	any.slot = 1;
	any.name = img_build_text(b, "any");
	any.ip = (struct ip_addr){ { 0 } };
	any.port_i = IMG_NONE;
	any.farm_i = IMG_NONE;
	any.tcp_port = 8000;
	any.bind_n = 0;
	img_build_listener(b, &web);
	img_build_listener(b, &any);
}

/* ---- rules: a scope of two rules, and one of an outbound rule ---- */

static void
op(struct img_build *b, enum img_op_kind kind, uint32_t arg, const char *text)
{
	img_build_op(b,
		     &(struct img_op){ .kind = kind, .arg = arg, .text = img_build_text(b, text) });
}

/* Expressions 0 to 3: {HTTP_HOST}, "/new/{ToLower:{R:1}}", "{Map:{C:1}}", response's type. */
static void
expressions(struct img_build *b)
{
	struct img_expr e = { .text = img_build_text(b, "{HTTP_HOST}"), .op_n = 1 };

	op(b, IMG_OP_VARIABLE, 9, NULL);
	img_build_expr(b, &e);
	op(b, IMG_OP_TEXT, 0, "/new/");
	op(b, IMG_OP_OPEN, 0, NULL);
	op(b, IMG_OP_R, 1, NULL);
	op(b, IMG_OP_TO_LOWER, 0, NULL);
	e = (struct img_expr){ .first_op = 1, .op_n = 4, .flags = IMG_INPUT_ON_REFS };
	img_build_expr(b, &e);
	op(b, IMG_OP_OPEN, 0, NULL);
	op(b, IMG_OP_C, 1, NULL);
	op(b, IMG_OP_MAP, 0, NULL);
	e = (struct img_expr){ .first_op = 5, .op_n = 3, .flags = IMG_INPUT_ON_REFS };
	img_build_expr(b, &e);
	op(b, IMG_OP_RESPONSE_FIELD, 0, "content-type");
	e = (struct img_expr){ .first_op = 8, .op_n = 1 };
	img_build_expr(b, &e);
}

static void
pattern(struct img_build *b, const char *regex, uint32_t group_n, uint32_t gate)
{
	img_build_pattern(b, &(struct img_pattern){ .text = img_build_text(b, regex),
						    .regex = img_build_text(b, regex),
						    .flags = IMG_PATTERN_CASELESS,
						    .group_n = group_n,
						    .gate = gate });
}

static void
input(struct img_build *b, enum img_input_kind kind, uint32_t expr_i, uint32_t first_pattern,
      uint32_t pattern_n)
{
	img_build_input(b, &(struct img_input){ .kind = kind,
						.expr_i = expr_i,
						.first_pattern = first_pattern,
						.pattern_n = pattern_n,
						.blob_i = IMG_NONE });
}

static struct img_rule
rule(struct img_build *b, uint32_t slot, const char *name)
{
	return (struct img_rule){ .slot = slot,
				  .incarnation = 1,
				  .name = img_build_text(b, name),
				  .file = img_build_text(b, "/etc/penstock/web.config"),
				  .line = 7 + slot,
				  .flags = IMG_RULE_ALWAYS | IMG_RULE_USES_R | IMG_RULE_USES_C,
				  .pattern_i = slot,
				  .url_expr_i = IMG_NONE,
				  .reason_expr_i = IMG_NONE,
				  .body_expr_i = IMG_NONE,
				  .farm_i = IMG_NONE };
}

static void
inbound(struct img_build *b)
{
	struct img_rule old = rule(b, 0, "old"), local = rule(b, 1, "local");

	old.action = IMG_ACTION_REDIRECT;
	old.status = 301;
	old.url_expr_i = 1;
	old.cond_n = 1;
	old.set_n = 1;
	local.action = IMG_ACTION_FARM;
	local.farm_i = 1;
	local.first_cond = 1;
	local.cond_n = 1;
	local.receive_ns = 600 * SECONDS;
	img_build_scope(b, &(struct img_scope){ .set = img_build_text(b, "publish"),
						.folder = img_build_text(b, "/"),
						.kind = IMG_SCOPE_LOCAL,
						.rule_n = 2,
						.input_n = 2,
						.except_n = 1 });
	img_build_except(b, &(struct img_except){ .folder = img_build_text(b, "/old") });
	input(b, IMG_INPUT_PATH, IMG_NONE, 0, 2);
	input(b, IMG_INPUT_EXPR, 0, 2, 1);
	pattern(b, "^old/(.*)$", 1, IMG_NONE);
	pattern(b, ".*", 0, IMG_NONE);
	pattern(b, "^(www)\\.example\\.com$", 1, 0);
	img_build_rule(b, &old);
	img_build_rule(b, &local);
	img_build_cond(b, &(struct img_cond){ .input_i = 1, .pattern_i = 2 });
	img_build_cond(b, &(struct img_cond){ .kind = IMG_COND_NETWORK, .net_n = 1 });
	img_build_net(b, &(struct img_net){ .ip = sample_v4(10, 0, 0, 0), .prefix = 8 });
	img_build_set(b, &(struct img_set){ .kind = IMG_SET_REQUEST_FIELD,
					    .flags = IMG_SET_REPLACE,
					    .name = img_build_text(b, "x-site"),
					    .expr_i = 2 });
	img_build_map(b, &(struct img_map){ .name = img_build_text(b, "Map"),
					    .absent = img_build_text(b, "none"),
					    .blob_i = IMG_NONE });
}

static void
outbound(struct img_build *b)
{
	struct img_out_rule links = { .slot = 2,
				      .incarnation = 1,
				      .name = img_build_text(b, "links"),
				      .kind = IMG_OUT_TAGS,
				      .tags = 1,
				      .tag_n = 1,
				      .pattern_i = 4,
				      .first_cond = 3,
				      .action = IMG_ACTION_REWRITE,
				      .value_expr_i = 1 };

	img_build_scope(b, &(struct img_scope){ .set = img_build_text(b, "publish"),
						.folder = img_build_text(b, "/"),
						.kind = IMG_SCOPE_OUTBOUND,
						.rule_n = 1,
						.first_input = 2,
						.input_n = 2,
						.pre_n = 1 });
	input(b, IMG_INPUT_EXPR, 3, 3, 1);
	input(b, IMG_INPUT_VALUE, IMG_NONE, 4, 1);
	pattern(b, "^text/html", 0, IMG_NONE);
	pattern(b, "^http://inside/(.*)", 1, IMG_NONE);
	img_build_pre(b, &(struct img_pre){
				 .name = img_build_text(b, "html"), .first_cond = 2, .cond_n = 1 });
	img_build_cond(b, &(struct img_cond){ .input_i = 2, .pattern_i = 3 });
	img_build_out_rule(b, &links);
	img_build_tag(b, &(struct img_tag){ .tag = img_build_text(b, "source"),
					    .attribute = img_build_text(b, "srcset") });
}

static void
rules(struct img_build *b)
{
	expressions(b);
	inbound(b);
	outbound(b);
	img_build_bind(b, &(struct img_bind){ .scope_i = 0 });
	img_build_bind(b, &(struct img_bind){ .scope_i = 1 });
}

void *
sample_image(const struct sample *how, size_t *ret_n)
{
	struct sample plain = { 0 };
	struct img_build b;
	void *bytes = NULL;

	if (how == NULL)
		how = &plain;
	img_build_init(&b, realloc);
	machine(&b, how);
	ports(&b, how);
	listeners(&b);
	farm(&b, 0, "app", 0, 2);
	farm(&b, 1, "other", 2, 1);
	server(&b, 0, 0, "a", "10.0.0.11", sample_v4(10, 0, 0, 11), 100 + how->extra_weight);
	server(&b, 1, 0, "b", "10.0.0.12", sample_v4(10, 0, 0, 12), 50);
	server(&b, 7, 1, "a", "origin.example", (struct ip_addr){ { 0 } }, 100);
	img_build_name(&b, &(struct img_name){ img_build_text(&b, "static.example"), v6(99) });
	if (how->blob_hash != NULL) {
		struct img_blob blob = { .bytes = how->blob_n, .kind = IMG_BLOB_DATA };

		memcpy(blob.hash, how->blob_hash, sizeof(blob.hash));
		img_build_blob(&b, &blob);
	}
	rules(&b);
	img_build_retired(
		&b, &(struct img_retired){ .kind = IMG_KIND_SERVER, .slot = 5, .incarnation = 9 });
	if (!img_build_finish(&b, &bytes, ret_n))
		abort();
	img_build_fini(&b);
	return bytes;
}

struct img_section *
sample_section(void *image, enum img_section_id id)
{
	return (struct img_section *)(void *)((uint8_t *)image + sizeof(struct img_head)) + id;
}

void
sample_poke(void *image, size_t n, enum img_section_id id, uint32_t i, size_t offset,
	    const void *bytes, size_t bytes_n)
{
	const struct img_section *s = sample_section(image, id);

	memcpy((uint8_t *)image + s->offset + (size_t)i * s->stride + offset, bytes, bytes_n);
	img_seal(image, n);
}
