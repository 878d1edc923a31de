/*
 * test_explain_rules.c - what explain says of rules: each one tried, where it leads, and what
 * becomes of a response. What rules mean is tests/rules' to ask; this asks for the telling.
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

#include "ctl/explain.h"
#include "ctl/webconfig.h"

#define RULES(inner)                                                                               \
	"<configuration><system.webServer><rewrite>" inner                                         \
	"</rewrite></system.webServer></configuration>"

static struct webconfig webconfig;

/* Opens the text as a web.config of the root. */
static struct explain_ask
asked(const char *text, const char *url)
{
	char path[] = "/tmp/penstock-explain-XXXXXX";
	struct iis_files files = { .web_config = path };
	struct conf_errs errs = { 0 }, warns = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	if (!webconfig_open(&files, &webconfig, &errs, &warns)) {
		conf_errs_print(&errs, stderr);
		fail();
	}
	unlink(path);
	conf_errs_fini(&errs);
	conf_errs_fini(&warns);
	return (struct explain_ask){ .img = &webconfig.tables.img,
				     .blob = webconfig.blob,
				     .method = "GET",
				     .url = url,
				     .is_alone = true,
				     .client_port = 1 };
}

static json_t *
explained(const struct explain_ask *ask)
{
	json_t *answer = NULL;

	assert_int_equal(explain(ask, &answer), EXPLAINED);
	webconfig_close(&webconfig);
	return answer;
}

/* A member by its path: "rules.0.captures.R:1". */
static const json_t *
at(const json_t *value, const char *path)
{
	char name[32];

	while (*path != 0) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(name))
					     : json_object_get(value, name);
		path += n + (path[n] == '.');
	}
	return value;
}

static void
expect(const json_t *answer, const char *path, const char *want)
{
	const char *got = json_string_value(at(answer, path));

	if (got == NULL || strcmp(got, want) != 0)
		fail_msg("%s is %s, not %s", path, got != NULL ? got : "not there", want);
}

static void
a_rule_is_told_with_all_that_it_saw(void **state)
{
	struct explain_ask ask = asked(
		RULES("<rules><rule name=\"first\"><match url=\"^b\"/></rule>"
		      "<rule name=\"second\"><match url=\"^a/(.*)\"/><conditions>"
		      "<add input=\"{HTTP_X_A}\" pattern=\"(z)$\"/>"
		      "<add input=\"{QUERY_STRING}\" pattern=\"x\" negate=\"true\"/></conditions>"
		      "<action type=\"Rewrite\" url=\"/c/{R:1}\"/></rule></rules>"),
		"http://h/a/1?q");
	json_t *answer;

	(void)state;
	ask.field[ask.field_n++] = "X-A: \xff"
				   "z";
	answer = explained(&ask);
	expect(answer, "action", "route");
	expect(answer, "url", "/c/1?q");
	assert_true(json_is_true(at(answer, "changed")));
	expect(answer, "rules.0.name", "first");
	expect(answer, "rules.0.why", "the pattern does not match");
	expect(answer, "rules.0.input", "a/1");
	assert_true(json_is_false(at(answer, "rules.0.matched")));
	assert_true(json_is_true(at(answer, "rules.1.matched")));
	expect(answer, "rules.1.scope", "distributed");
	expect(answer, "rules.1.action", "Rewrite");
	expect(answer, "rules.1.pattern", "^a/(.*)");
	expect(answer, "rules.1.captures.R:1", "1");
	expect(answer, "rules.1.captures.C:1", "z");
	/* as the log shows that byte */
	expect(answer, "rules.1.conditions.0.value", "\xc3\xbfz");
	expect(answer, "rules.1.conditions.0.input", "{HTTP_X_A}");
	expect(answer, "rules.1.conditions.1.value", "q");
	assert_true(json_is_true(at(answer, "rules.1.conditions.1.negate")));
	assert_true(json_is_true(at(answer, "rules.1.conditions.1.matched")));
	expect(answer, "rules.1.url", "/c/1?q");
	json_decref(answer);
}

/* A scan cannot exclude it, and its pattern alone takes too long. */
static void
a_pattern_that_fails_is_told_with_its_input(void **state)
{
	struct explain_ask ask = asked(
		RULES("<rules><rule name=\"r\"><match url=\"^(?=(a+)+$)\"/></rule></rules>"),
		"http://h/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	json_t *answer = explained(&ask);

	(void)state;
	assert_int_equal(json_integer_value(at(answer, "substatus")), 50);
	expect(answer, "rules.0.input",
	       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	json_decref(answer);
}

static void
tls_to_servers_is_a_notice(void **state)
{
	struct explain_ask ask = asked(RULES("<rules><rule name=\"r\"><match url=\".*\"/><action "
					     "type=\"Rewrite\" url=\"https://app/{R:0}\"/></rule>"
					     "</rules>"),
				       "http://h/a");
	json_t *answer = explained(&ask);

	(void)state;
	expect(answer, "action", "proxy");
	expect(answer, "url", "https://app/a");
	assert_non_null(at(answer, "notice"));
	assert_null(at(answer, "status"));
	json_decref(answer);
}

static void
a_response_goes_through_outbound_rules(void **state)
{
	static const char response[] = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
				       "Transfer-Encoding: chunked\r\n\r\n"
				       "5\r\n<a hr\r\na\r\nef=/x>\xff</a\r\n1\r\n>\r\n0\r\n\r\n";
	struct explain_ask ask =
		asked(RULES("<outboundRules><rule name=\"o\" preCondition=\"html\">"
			    "<match filterByTags=\"A\" pattern=\"^/(.*)\"/>"
			    "<action type=\"Rewrite\" value=\"/y/{R:1}\"/></rule><preConditions>"
			    "<preCondition name=\"html\">"
			    "<add input=\"{RESPONSE_CONTENT_TYPE}\" pattern=\"^text/html\"/>"
			    "</preCondition></preConditions></outboundRules>"),
		      "http://h/a");
	json_t *answer;

	(void)state;
	ask.response = response;
	ask.response_n = sizeof(response) - 1;
	answer = explained(&ask);
	assert_int_equal(json_integer_value(at(answer, "response.status")), 200);
	expect(answer, "response.reason", "OK");
	expect(answer, "response.body_base64", "PGEgaHJlZj0veS94Pv88L2E+");
	expect(answer, "response.preconditions.0.name", "html");
	expect(answer, "response.preconditions.0.conditions.0.value", "text/html");
	expect(answer, "response.rules.0.name", "o");
	expect(answer, "response.rules.0.captures.R:1", "x");
	json_decref(answer);
}

static void
a_broken_response_is_an_error(void **state)
{
	struct explain_ask ask = asked(RULES(""), "http://h/a");
	json_t *answer;

	(void)state;
	ask.response = "HTTP/1.1 abc\r\n\r\n";
	ask.response_n = 16;
	answer = explained(&ask);
	expect(answer, "action", "error");
	expect(answer, "cause", "malformed status code");
	json_decref(answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_is_told_with_all_that_it_saw),
		cmocka_unit_test(a_pattern_that_fails_is_told_with_its_input),
		cmocka_unit_test(tls_to_servers_is_a_notice),
		cmocka_unit_test(a_response_goes_through_outbound_rules),
		cmocka_unit_test(a_broken_response_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
