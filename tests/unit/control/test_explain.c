/*
 * test_explain.c - what explain says of a request: listener, farm, candidates, the head upstream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/runtime.h"
#include "confs.h"
#include "ctl/explain.h"
#include "images.h"

static const char conf_two[] = CONF_MACHINE
	"listeners:\n"
	"  - {name: web4, address: \"203.0.113.10:80\", farm: app}\n"
	"  - {name: web6, address: \"[2001:db8::10]:80\", farm: app, via: false, x_forwarded_for: "
	"off, x_forwarded_proto: off, x_forwarded_host: off}\n"
	"  - {name: alt, address: \"*:8080\", farm: named}\n" CONF_FARMS "  - name: named\n"
	"    host_header: server\n"
	"    servers: [{name: n, address: app1.internal, http_port: 81}]\n";

static struct explain_ask
asked(const struct tables *tables, const char *url)
{
	static const uint8_t client[4] = { 198, 51, 100, 7 };

	return (struct explain_ask){ .img = &tables->img,
				     .method = "GET",
				     .url = url,
				     .client = ip_from_v4(client),
				     .client_port = 50001 };
}

static json_t *
explained(const struct explain_ask *ask)
{
	json_t *answer = NULL;

	assert_int_equal(explain(ask, &answer), EXPLAINED);
	assert_non_null(answer);
	return answer;
}

static const char *
text_of(const json_t *answer, const char *key)
{
	const char *text = json_string_value(json_object_get(answer, key));

	return text != NULL ? text : "(none)";
}

/* The value of an upstream field; "(none)" when it is not sent. */
static const char *
field_of(const json_t *answer, const char *name)
{
	const json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(answer, "upstream_headers"), i,
			   pair) if (strcasecmp(json_string_value(json_array_get(pair, 0)), name) ==
				     0) return json_string_value(json_array_get(pair, 1));
	return "(none)";
}

static void
an_address_chooses_its_listener(void **state)
{
	struct tables tables = image_of(conf_two, NULL);
	struct explain_ask ask = asked(&tables, "http://203.0.113.10/a?b=c#d");
	json_t *answer = explained(&ask);

	(void)state;
	assert_string_equal(text_of(answer, "listener"), "web4");
	assert_string_equal(text_of(answer, "action"), "route");
	assert_string_equal(text_of(answer, "url"), "/a?b=c");
	assert_string_equal(text_of(answer, "farm"), "app");
	assert_int_equal(json_array_size(json_object_get(answer, "server")), 2);
	assert_string_equal(field_of(answer, "Host"), "203.0.113.10");
	assert_string_equal(field_of(answer, "X-Forwarded-For"), "198.51.100.7");
	assert_string_equal(field_of(answer, "X-Forwarded-Proto"), "http");
	assert_string_equal(field_of(answer, "Via"), "1.1 penstock");
	json_decref(answer);
	ask.url = "http://[2001:db8::10]/";
	answer = explained(&ask);
	assert_string_equal(text_of(answer, "listener"), "web6");
	assert_string_equal(field_of(answer, "Via"), "(none)");
	assert_string_equal(field_of(answer, "X-Forwarded-For"), "(none)");
	json_decref(answer);
	tables_close(&tables);
}

static void
several_or_no_listeners_are_a_question_back(void **state)
{
	static const struct {
		const char *url;
		size_t listeners_n;
	} cases[] = {
		{ "http://www.example.com/", 2 },    /* web4 and web6 */
		{ "http://www.example.com:81/", 3 }, /* none: all are named */
		{ "https://www.example.com/", 3 },
		{ "www.example.com", 0 },
		{ "http://", 0 },
		{ "ftp://x/", 0 },
	};
	struct tables tables = image_of(conf_two, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct explain_ask ask = asked(&tables, cases[i].url);
		json_t *answer = NULL;

		assert_int_equal(explain(&ask, &answer), EXPLAIN_USAGE);
		assert_int_equal(json_array_size(json_object_get(answer, "listeners")),
				 cases[i].listeners_n);
		assert_non_null(json_object_get(answer, "error"));
		json_decref(answer);
	}
	tables_close(&tables);
}

static void
a_named_listener_needs_no_fitting_url(void **state)
{
	struct tables tables = image_of(conf_two, NULL);
	struct explain_ask ask = asked(&tables, "http://www.example.com/");
	json_t *answer;

	(void)state;
	ask.listener = "web6";
	answer = explained(&ask);
	assert_string_equal(text_of(answer, "listener"), "web6");
	json_decref(answer);
	ask.listener = "nobody";
	assert_int_equal(explain(&ask, &answer), EXPLAIN_USAGE);
	json_decref(answer);
	tables_close(&tables);
}

static void
offline_a_name_counts_as_resolved(void **state)
{
	struct tables tables = image_of(conf_two, NULL);
	struct explain_ask ask = asked(&tables, "http://www.example.com:8080/x");
	json_t *answer = explained(&ask);

	(void)state;
	assert_string_equal(text_of(answer, "action"), "route");
	assert_string_equal(text_of(answer, "farm"), "named");
	assert_string_equal(field_of(answer, "Host"), "app1.internal:81");
	json_decref(answer);
	tables_close(&tables);
}

static void
the_head_goes_on_edited(void **state)
{
	struct tables tables = image_of(conf_two, NULL);
	struct explain_ask ask = asked(&tables, "http://203.0.113.10/");
	json_t *answer;

	(void)state;
	ask.method = "RPC_IN_DATA";
	ask.field[ask.field_n++] = "Host: mail.example.com";
	ask.field[ask.field_n++] = "Connection: X-Hop";
	ask.field[ask.field_n++] = "X-Hop: 1";
	ask.field[ask.field_n++] = "X-Forwarded-For: 10.9.9.9";
	ask.field[ask.field_n++] = "Content-Length: 5";
	answer = explained(&ask);
	assert_string_equal(text_of(answer, "action"), "route");
	assert_string_equal(field_of(answer, "Host"), "mail.example.com");
	assert_string_equal(field_of(answer, "X-Hop"), "(none)");
	assert_string_equal(field_of(answer, "X-Forwarded-For"), "10.9.9.9, 198.51.100.7");
	assert_string_equal(field_of(answer, "Content-Length"), "5");
	json_decref(answer);
	tables_close(&tables);
}

static void
a_refused_request_has_its_reason(void **state)
{
	struct tables tables = image_of(conf_two, NULL);
	struct explain_ask ask = asked(&tables, "http://203.0.113.10/");
	json_t *answer;

	(void)state;
	ask.target = "/a b";
	answer = explained(&ask);
	assert_string_equal(text_of(answer, "action"), "error");
	assert_int_equal(json_integer_value(json_object_get(answer, "status")), 400);
	json_decref(answer);
	ask.target = NULL;
	ask.field[ask.field_n++] = "Content-Length: 5";
	ask.field[ask.field_n++] = "Transfer-Encoding: chunked";
	answer = explained(&ask);
	assert_int_equal(json_integer_value(json_object_get(answer, "status")), 400);
	assert_non_null(strstr(text_of(answer, "cause"), "Transfer-Encoding"));
	json_decref(answer);
	tables_close(&tables);
}

static void
overrides_take_candidates_away(void **state)
{
	struct tables tables = image_of(conf_two, NULL);
	size_t bytes_n = runtime_bytes(16, 1);
	void *bytes = aligned_alloc(64, (bytes_n + 63) / 64 * 64);
	struct explain_ask ask = asked(&tables, "http://203.0.113.10/");
	struct runtime_server said = { .incarnation = 1, .admin = RUNTIME_ADMIN_DRAIN };
	struct runtime runtime;
	struct abi_fault fault;
	json_t *answer;

	(void)state;
	memset(bytes, 0, bytes_n);
	runtime_init(bytes, 16, 1);
	assert_true(runtime_open(bytes, bytes_n, &runtime, &fault));
	ask.runtime = &runtime;
	runtime_put_server(&runtime, 0, &said);
	answer = explained(&ask);
	assert_int_equal(json_array_size(json_object_get(answer, "server")), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "server"), 0)),
			    "b");
	json_decref(answer);
	runtime_put_server(&runtime, 1, &said);
	answer = explained(&ask);
	assert_string_equal(text_of(answer, "action"), "error");
	assert_string_equal(text_of(answer, "cause"), "servers_drained");
	assert_int_equal(json_integer_value(json_object_get(answer, "status")), 503);
	json_decref(answer);
	ask.url = "http://203.0.113.10:8080/"; /* a name that DNS has not answered yet */
	answer = explained(&ask);
	assert_string_equal(text_of(answer, "cause"), "unresolved");
	json_decref(answer);
	free(bytes);
	tables_close(&tables);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_chooses_its_listener),
		cmocka_unit_test(several_or_no_listeners_are_a_question_back),
		cmocka_unit_test(a_named_listener_needs_no_fitting_url),
		cmocka_unit_test(offline_a_name_counts_as_resolved),
		cmocka_unit_test(the_head_goes_on_edited),
		cmocka_unit_test(a_refused_request_has_its_reason),
		cmocka_unit_test(overrides_take_candidates_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
