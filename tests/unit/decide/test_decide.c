/*
 * test_decide.c - routes, causes and head edits over a small image.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "abi/build.h"
#include "base/text.h"
#include "decide/decide.h"

enum {
	SLOTS = 16
};

struct world {
	struct img img;
	void *bytes;
	struct farms *farms;
};

/* One listener, one farm of two servers; change() may alter the records first. */
struct recipe {
	struct img_listener listener;
	struct img_farm farm;
	struct img_server server[2];
	uint32_t server_n;
};

static struct ip_addr
v4(uint8_t last)
{
	return ip_from_v4((const uint8_t[4]){ 10, 0, 0, last });
}

static struct recipe
recipe_plain(void)
{
	return (struct recipe){
		.listener = { .incarnation = 1,
			      .port_i = (uint32_t)IMG_NONE,
			      .tcp_port = 80,
			      .xff = IMG_XFF_APPEND,
			      .head_ns = 1,
			      .idle_ns = 1 },
		.farm = { .incarnation = 1, .port_i = (uint32_t)IMG_NONE },
		.server = { { .slot = 0, .incarnation = 1, .weight = 1, .http_port = 8080 },
			    { .slot = 1, .incarnation = 1, .weight = 1, .http_port = 80 } },
		.server_n = 2,
	};
}

static struct world
world_of(struct recipe r)
{
	struct world w = { 0 };
	struct img_build b;
	struct abi_fault fault;
	size_t n;
	void *mem = NULL;

	img_build_init(&b, realloc);
	struct img_machine m = { .server_slots = SLOTS, .journal_bytes = 65536 };
	m.pseudonym = img_build_text(&b, "edge");
	img_build_machine(&b, &m);
	img_build_core(&b, &(struct img_core){ .cpu = 0 });
	struct img_port port = { .queues = 1 };
	port.name = img_build_text(&b, "outside");
	port.device = img_build_text(&b, "veth0");
	img_build_port(&b, &port);
	r.listener.name = img_build_text(&b, "web");
	img_build_listener(&b, &r.listener);
	r.farm.name = img_build_text(&b, "app");
	r.farm.server_n = r.server_n;
	if (r.farm.host == IMG_HOST_SET)
		r.farm.host_value = img_build_text(&b, "inner.example");
	img_build_farm(&b, &r.farm);
	for (uint32_t i = 0; i < r.server_n; i++) {
		r.server[i].name = img_build_text(&b, i == 0 ? "a" : "b");
		r.server[i].host = img_build_text(&b, i == 0 ? "a.internal" : "2001:db8::b");
		r.server[i].ip = v4((uint8_t)(i + 1));
		img_build_server(&b, &r.server[i]);
	}
	assert_true(img_build_finish(&b, &w.bytes, &n));
	img_build_fini(&b);
	if (!img_open(w.bytes, n, &w.img, &fault))
		fail_msg("image refused: kind %u record %u %s", fault.kind, fault.record_i,
			 fault.field);
	assert_int_equal(posix_memalign(&mem, 64, farms_size(SLOTS, SLOTS)), 0);
	memset(mem, 0, farms_size(SLOTS, SLOTS));
	w.farms = farms_init(mem, SLOTS, SLOTS);
	farms_begin(w.farms);
	for (uint32_t i = 0; i < r.server_n; i++) {
		struct farm_member fm = { .slot = r.server[i].slot,
					  .incarnation = 1,
					  .weight = r.server[i].weight,
					  .addr_n = 1,
					  .addr = { v4((uint8_t)(i + 1)) } };

		assert_true(farm_place(w.farms, i, &fm));
	}
	return w;
}

static void
world_end(struct world *w)
{
	free(w->bytes);
	free(w->farms);
}

static struct http_request req;

static struct decide_facts
facts_of(const char *head)
{
	static const struct http_limits limits = HTTP_LIMITS_DEFAULT;
	struct http_resume resume = { 0 };
	struct slice s = slice_of(head, (uint32_t)strlen(head));

	assert_int_equal(http_parse_request(s, &limits, &resume, &req), HTTP_DONE);
	return (struct decide_facts){ .request = &req,
				      .client = ip_from_v4((const uint8_t[4]){ 192, 0, 2, 77 }),
				      .client_port = 4711 };
}

static const struct farm_tried none_tried;

static enum decide_cause
route(struct world *w, const struct decide_facts *f, const struct farm_tried *tried,
      struct decide_route *r)
{
	return decide_route(&w->img, 0, f, w->farms, tried, 0, r);
}

#define GET "GET /x?y=1 HTTP/1.1\r\nHost: www.example\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"

static void
servers_take_turns(void **state)
{
	struct world w = world_of(recipe_plain());
	struct decide_facts f = facts_of(GET);
	uint32_t seen = 0;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct decide_route r;
		struct ip_addr want;

		assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_NONE);
		want = v4((uint8_t)(r.slot + 1));
		assert_int_equal(r.port, r.slot == 0 ? 8080 : 80);
		assert_true(ip_eq(&r.addr, &want));
		assert_false(r.is_secure);
		seen |= 1u << r.slot;
	}
	assert_int_equal(seen, 3);
	world_end(&w);
}

static void
each_cause_has_its_status(void **state)
{
	struct recipe p = recipe_plain();
	struct decide_route r;
	struct farm_tried tried = { 0 };

	(void)state;
	p.listener.farm_i = (uint32_t)IMG_NONE;
	struct world w = world_of(p);
	struct decide_facts f = facts_of(GET);
	assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_NO_FARM);
	assert_int_equal(decide_cause_status(DECIDE_CAUSE_NO_FARM), 404);
	world_end(&w);

	p = recipe_plain();
	p.server_n = 0;
	w = world_of(p);
	assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_NO_SERVER);
	world_end(&w);

	p = recipe_plain();
	p.server[0].http_port = 0;
	p.server[0].https_port = 443;
	p.server_n = 1;
	w = world_of(p);
	assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_NO_PORT);
	world_end(&w);

	p.farm.scheme = IMG_SCHEME_HTTPS;
	w = world_of(p);
	assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_SCHEME);
	world_end(&w);

	w = world_of(recipe_plain());
	farm_tried_add(&tried, 0);
	farm_tried_add(&tried, 1);
	assert_int_equal(route(&w, &f, &tried, &r), DECIDE_CAUSE_ALL_TRIED);
	struct farm_runtime off = { .admin = FARM_ADMIN_DISABLED };
	farm_set_runtime(w.farms, 0, 1, &off);
	farm_set_runtime(w.farms, 1, 1, &off);
	assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_DRAINED);
	assert_int_equal(decide_cause_status(DECIDE_CAUSE_DRAINED), 503);
	f = facts_of("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
	assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_CONNECT);
	world_end(&w);
}

/* The upstream head for the first server, as text. */
static const char *
upstream_head(struct recipe p, const char *head, uint32_t slot)
{
	static char text[4096];
	struct world w = world_of(p);
	struct decide_facts f = facts_of(head);
	struct decide_text t;
	struct decide_route r;
	struct http_request_out out;
	uint32_t n;

	do
		assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_NONE);
	while (r.slot != slot);
	decide_request(&w.img, 0, &r, &f, &t, &out);
	out.keep_alive = true;
	n = http_emit_request(&out, (uint8_t *)text, sizeof(text) - 1);
	assert_true(n < sizeof(text));
	text[n] = 0;
	world_end(&w);
	return text;
}

static void
expect_line(const char *head, const char *line)
{
	if (strstr(head, line) == NULL)
		fail_msg("no \"%s\" in:\n%s", line, head);
}

static void
host_is_kept_or_replaced(void **state)
{
	struct recipe p = recipe_plain();

	(void)state;
	expect_line(upstream_head(p, GET, 0), "\r\nHost: www.example\r\n");
	p.farm.host = IMG_HOST_SET;
	expect_line(upstream_head(p, GET, 0), "\r\nHost: inner.example\r\n");
	p.farm.host = IMG_HOST_SERVER;
	expect_line(upstream_head(p, GET, 0), "\r\nHost: a.internal:8080\r\n");
	expect_line(upstream_head(p, GET, 1), "\r\nHost: [2001:db8::b]\r\n");
}

/* The upstream head of a request that rules sent on this way. */
static const char *
head_by_way(struct decide_way way)
{
	static char text[4096];
	struct world w = world_of(recipe_plain());
	struct decide_facts f = facts_of(GET);
	struct decide_text t;
	struct decide_route r;
	struct http_request_out out;
	uint32_t n;

	f.way = &way;
	assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_NONE);
	decide_request(&w.img, 0, &r, &f, &t, &out);
	out.keep_alive = true;
	n = http_emit_request(&out, (uint8_t *)text, sizeof(text) - 1);
	assert_true(n < sizeof(text));
	text[n] = 0;
	world_end(&w);
	return text;
}

#define CHANGE(what, to, ...)                                                                      \
	{                                                                                          \
		.op = RULES_CHANGE_##what, .name = SLICE(to), .value = SLICE(__VA_ARGS__ "")       \
	}

static void
a_way_changes_target_and_fields(void **state)
{
	const struct rules_change change[] = {
		CHANGE(SET, "x-one", "1"),
		CHANGE(SET, "x-forwarded-for", "none"),
		CHANGE(APPEND, "x-one", "2"),
		CHANGE(ABSENT, "x-one", "3"),
		CHANGE(ABSENT, "x-two", "4"),
		CHANGE(ABSENT, "x-forwarded-for", "5"),
		CHANGE(REMOVE, "x-gone", ""),
		CHANGE(SET, "host", "rule.example"),
		/* What frames and what is of one hop stays ours. */
		CHANGE(SET, "content-length", "5"),
		CHANGE(SET, "transfer-encoding", "chunked"),
		CHANGE(SET, "connection", "x-one"),
		CHANGE(SET, "te", "gzip"),
		CHANGE(SET, "upgrade", "x"),
		CHANGE(SET, "keep-alive", "x"),
		{ .op = RULES_CHANGE_SET,
		  .is_variable = true,
		  .name = SLICE("V"),
		  .value = SLICE("v") },
		{ .op = RULES_CHANGE_SET,
		  .is_response = true,
		  .name = SLICE("x-answer"),
		  .value = SLICE("a") },
	};
	const char *h =
		head_by_way((struct decide_way){ .target = SLICE("/other?z"),
						 .change = change,
						 .change_n = sizeof(change) / sizeof(change[0]) });

	(void)state;
	assert_string_equal(h, "GET /other?z HTTP/1.1\r\nHost: rule.example\r\nx-one: 1\r\n"
			       "x-forwarded-for: none\r\nx-one: 2\r\nx-two: 4\r\n\r\n");
	h = head_by_way((struct decide_way){ 0 });
	expect_line(h, "GET /x?y=1 HTTP/1.1\r\nHost: www.example\r\n");
}

static void
a_way_has_its_own_causes(void **state)
{
	struct world w = world_of(recipe_plain());
	struct decide_way way = { .farm_i = (uint32_t)IMG_NONE, .cause = DECIDE_CAUSE_HOST };
	struct decide_facts f = facts_of(GET);
	struct decide_route r;

	(void)state;
	f.way = &way;
	assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_HOST);
	assert_int_equal(decide_cause_status(DECIDE_CAUSE_HOST), 404);
	assert_int_equal(decide_cause_substatus(DECIDE_CAUSE_HOST), 4);
	way = (struct decide_way){ .is_proxied = true, .is_secure = true };
	assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_SCHEME);
	assert_int_equal(r.farm_i, 0);
	way.is_secure = false;
	assert_int_equal(route(&w, &f, &none_tried, &r), DECIDE_CAUSE_NONE);
	world_end(&w);
}

static void
a_verdict_becomes_a_reply(void **state)
{
	struct rules_verdict v = { .outcome = RULES_REDIRECT,
				   .status = 301,
				   .location = SLICE("http://a/") };
	struct http_reply reply;

	(void)state;
	decide_reply(&v, &reply);
	assert_int_equal(reply.status, 301);
	assert_true(slice_eq(reply.location, SLICE("http://a/")));
	assert_true(reply.html && reply.has_no_policy && !reply.has_body);
	v = (struct rules_verdict){ .outcome = RULES_RESPOND,
				    .status = 403,
				    .substatus = 7,
				    .reason = SLICE("No"),
				    .body = SLICE("text"),
				    .has_body = true };
	decide_reply(&v, &reply);
	assert_true(reply.has_body && slice_eq(reply.body, SLICE("text")));
	assert_true(slice_eq(reply.phrase, SLICE("No")));
	v = (struct rules_verdict){ .outcome = RULES_ERROR, .status = 500, .substatus = 50 };
	decide_reply(&v, &reply);
	assert_int_equal(reply.status, 500);
	assert_false(reply.has_no_policy);
}

static void
forwarding_fields_are_as_the_listener_says(void **state)
{
	struct recipe p = recipe_plain();
	const char *h;

	(void)state;
	h = upstream_head(p, GET, 0);
	expect_line(h, "X-Forwarded-For: 203.0.113.9, 192.0.2.77\r\n");
	assert_null(strstr(h, "Via:"));
	assert_null(strstr(h, "X-Forwarded-Proto"));
	p.listener.xff = IMG_XFF_SET;
	p.listener.flags = IMG_LISTENER_VIA | IMG_LISTENER_XF_PROTO | IMG_LISTENER_XF_HOST |
			   IMG_LISTENER_XFF_PORT;
	h = upstream_head(p, GET, 0);
	expect_line(h, "X-Forwarded-For: 192.0.2.77:4711\r\n");
	expect_line(h, "X-Forwarded-Proto: http\r\n");
	expect_line(h, "X-Forwarded-Host: www.example\r\n");
	expect_line(h, "Via: 1.1 edge\r\n");
	p.listener.xff = IMG_XFF_OFF;
	h = upstream_head(p, GET, 0);
	expect_line(h, "X-Forwarded-For: 203.0.113.9\r\n");
}

static void
addresses_read_as_people_write_them(void **state)
{
	static const struct {
		uint8_t b[16];
		const char *text;
	} row[] = {
		{ { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 }, "192.0.2.1" },
		{ { [10] = 0xff, [11] = 0xff, 255, 255, 255, 255 }, "255.255.255.255" },
		{ { 0x20, 1, 0x0d, 0xb8, [15] = 1 }, "2001:db8::1" },
		{ { [15] = 1 }, "::1" },
		{ { 0 }, "::" },
		{ { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1 },
		  "2001:db8:0:1:1:1:1:1" },
		{ { 0x20, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1 }, "2001:0:0:1::1" },
		{ { 0xfe, 0x80 }, "fe80::" },
		{ { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xab, 0xcd },
		  "2001:db8::1:0:0:abcd" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char text[40];
		struct ip_addr a;
		uint32_t n;

		memcpy(a.b, row[i].b, 16);
		n = text_addr(&a, text);
		text[n] = 0;
		assert_string_equal(text, row[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_take_turns),
		cmocka_unit_test(each_cause_has_its_status),
		cmocka_unit_test(host_is_kept_or_replaced),
		cmocka_unit_test(a_way_changes_target_and_fields),
		cmocka_unit_test(a_way_has_its_own_causes),
		cmocka_unit_test(a_verdict_becomes_a_reply),
		cmocka_unit_test(forwarding_fields_are_as_the_listener_says),
		cmocka_unit_test(addresses_read_as_people_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
