/*
 * test_native_broken.c - the section `rules`: for each mistake the place and the cure, and nothing
 * else is told beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "confs.h"

#define N(list) (sizeof(list) / sizeof((list)[0]))

struct broken {
	const char *text; /* behind CONF_GOOD, whose last line is the 10th */
	uint32_t line, col;
	const char *wrong, *cure;
};

#define SET(entry)   "rules:\n  s:\n  - " entry "\n"
#define MATCH(match) SET("{name: a, deny: 403, match: {" match "}}")
#define EDIT(edit)   SET("{name: a, edit: {" edit "}}")

/* clang-format off */
static const struct broken broken[] = {
	{ "rules: [a]\n", 11, 8, "must be a mapping of names to lists", "rules: {publish:" },
	{ "rules: {\"a b\": []}\n", 11, 9, "'a b' is no name for a set", "publish" },
	{ "rules: {a: {}}\n", 11, 12, "a set of rules is a list, here it is a mapping", "publish" },
	{ "rules: {a: [x]}\n", 11, 13, "an entry of a set of rules is a mapping", "iis: web.config" },
	{ SET("{nam: a, deny: 403}"), 13, 6, "unknown key 'nam'", "did you mean 'name'?" },
	{ SET("{deny: 403}"), 13, 5, "this rule has no 'name'", "add name: owa" },
	{ SET("{name: \"\", deny: 403}"), 13, 12, "a name has 1 to 255 bytes", "shorten it" },
	{ SET("{name: a, deny: 403}\n  - {name: A, deny: 403}"), 14, 12, "the rule 'A' is already given in x.yaml line 13", "choose another name" },
	{ SET("{name: a, deny: 403}\n  - {folder: /x, rules: [{name: a, edit: {header: X}}]}"), 14, 33, "already given", "choose" },
	{ SET("{name: a, farm: nope}"), 13, 21, "there is no farm 'nope'", "name one of the section farms" },
	{ SET("{name: a, farm: app, deny: 403}"), 13, 26, "'deny' does not go with 'farm'", "make two rules" },
	{ SET("{name: a, redirect: /x, abort: true}"), 13, 29, "'abort' does not go with 'redirect'", "keep one" },
	{ SET("{name: a, farm: app, rewrite: \"http://x/\"}"), 13, 35, "the rule names the farm 'app', so this is a path", "/new/{R:1}" },
	{ SET("{name: a, deny: 403, timeouts: {receive: 1m}}"), 13, 26, "'deny' asks no server", "remove timeouts" },
	{ SET("{name: a, deny: 200}"), 13, 21, "'200' is out of range", "from 400 to 599" },
	{ SET("{name: a, redirect: {to: /, status: 305}}"), 13, 41, "305 is no redirect", "301, 302, 303, 307 or 308" },
	{ SET("{name: a, redirect: {status: 301}}"), 13, 25, "has no 'to'", "add to:" },
	{ SET("{name: a, redirect: [/x]}"), 13, 25, "'redirect' must be a mapping", "redirect: {to:" },
	{ SET("{name: a, respond: 302}"), 13, 24, "302 belongs to redirects", "redirect: {to:" },
	{ SET("{name: a, respond: ok}"), 13, 24, "'ok' is not a whole number", "status: 503" },
	{ SET("{name: a, timeouts: {receive: 1}, farm: app}"), 13, 35, "'1' is not a duration", "receive: 10m" },
	{ SET("{name: a, syntax: glob, deny: 403}"), 13, 23, "'glob' is not a value of 'syntax'", "use regex, wildcard or exact" },
	{ SET("{name: a, set: {request: {\"X Y\": z}}}"), 13, 31, "'X Y' is no name of a header", "letters, digits" },
	{ SET("{name: a, set: {request: {Content-Length: 1}}}"), 13, 31, "Content-Length is the proxy's own", "remove it" },
	{ SET("{name: a, set: {request: {Content_Length: 1}}}"), 13, 31, "Content_Length is the proxy's own", "remove it" },
	{ SET("{name: a, set: {response: {transfer_encoding: x}}}"), 13, 32, "transfer_encoding is the proxy's own", "remove it" },
	{ SET("{name: a, set: {request: {X_Forwarded_For: 1}}}"), 13, 31, "beside the proxy's own X-Forwarded-For", "write X-Forwarded-For" },
	{ SET("{name: a, set: {request: {max-Forwards: 1, x-Forwarded_proto: 1}}}"), 13, 48, "beside the proxy's own X-Forwarded-Proto", "write X-Forwarded-Proto" },
	{ SET("{name: a, remove: {request: [X_FORWARDED_HOST]}}"), 13, 34, "beside the proxy's own X-Forwarded-Host", "write X-Forwarded-Host" },
	{ SET("{name: a, set: {variable: {\"{X}\": 1}}}"), 13, 32, "'{X}' is no name of a variable", "variable: {SITE: owa}" },
	{ SET("{name: a, set: {request: {X: \"a\\nb\"}}}"), 13, 34, "this value has a line break", "one line" },
	{ SET("{name: a, set: {request: [X]}}"), 13, 30, "'request' must be a mapping of names", "request: {X-Site: owa}" },
	{ SET("{name: a, set: {headers: {X: y}}}"), 13, 21, "unknown key 'headers'", "a set has request, response, variable" },
	{ SET("{name: a, remove: {response: [\"\"]}}"), 13, 35, "'' is no name of a header", "letters" },
	{ SET("{name: a, remove: {request: [Host]}}"), 13, 34, "HTTP/1.1 needs Host", "host_header" },
	{ SET("{name: a, set: {request: {host: \"\"}}}"), 13, 31, "HTTP/1.1 needs host", "host_header" },
	{ MATCH(""), 13, 33, "this mapping asks for nothing", "remove it" },
	{ MATCH("header: {}"), 13, 42, "'header' asks for nothing", "remove it" },
	{ MATCH("path: /x, cookie: {}"), 13, 52, "'cookie' asks for nothing", "remove it" },
	{ MATCH("where: {}"), 13, 41, "'where' asks for nothing", "remove it" },
	{ MATCH("any: [{header: {}}]"), 13, 49, "'header' asks for nothing", "remove it" },
	{ SET("{name: a, when: {response: {}}, edit: {header: X, to: y}}"), 13, 32, "'response' asks for nothing", "remove it" },
	{ SET("{name: a, when: {cookie: {}}, edit: {header: X, to: y}}"), 13, 30, "'cookie' asks for nothing", "remove it" },
	{ SET("{name: a, when: {}, edit: {header: X, to: y}}"), 13, 21, "this mapping asks for nothing", "remove it" },
	{ MATCH("pathe: /x"), 13, 34, "unknown key 'pathe'", "did you mean 'path'?" },
	{ MATCH("path: owa"), 13, 40, "'owa' is no path", "path: /owa" },
	{ MATCH("path: \"/owa/*\""), 13, 40, "'/owa/*' is no path", "use path_regex" },
	{ MATCH("path: /a//b"), 13, 40, "'/a//b' never comes", "write the path as it is" },
	{ MATCH("path: []"), 13, 40, "'path' is empty", "name at least one" },
	{ MATCH("any: []"), 13, 39, "'any' is empty", "name at least one" },
	{ MATCH("not: {}"), 13, 39, "this mapping asks for nothing", "remove it" },
	{ MATCH("not: x"), 13, 39, "'not' must be a list, each item a mapping", "not: {from:" },
	{ MATCH("method: \"G T\""), 13, 42, "'G T' is no method", "method: [GET, HEAD]" },
	{ MATCH("host: \"h:80\""), 13, 40, "'h:80' is no host", "without its port" },
	{ MATCH("host: \"*.*.x\""), 13, 40, "'*.*.x' is no host", "*.example.com" },
	{ MATCH("from: 10.0.0.1"), 13, 40, "the prefix length is missing", "from: [10.0.0.0/8" },
	{ MATCH("from: 10.0.0.1/8"), 13, 40, "'10.0.0.1/8' has bits behind its prefix", "write 10.0.0.0/8" },
	{ MATCH("header: {\"a:b\": x}"), 13, 43, "'a:b' is no name of a header", "header: {X-Beta:" },
	{ MATCH("cookie: {\"a b\": x}"), 13, 43, "'a b' is no name of a cookie", "cookie: {" },
	{ MATCH("header: {X: {ignore_case: false}}"), 13, 46, "this has no pattern", "add pattern:" },
	{ MATCH("header: {X: {pattern: x, is: file}}"), 13, 59, "'is' belongs to patterns of where", "remove it" },
	{ MATCH("header: {X: {patern: x}}"), 13, 47, "unknown key 'patern'", "did you mean 'pattern'?" },
	{ MATCH("status: \"^2\""), 13, 34, "'status' asks for a response", "a rule with edit" },
	{ MATCH("response: {X: y}"), 13, 34, "'response' asks for a response", "a rule with edit" },
	{ EDIT(""), 13, 21, "one of header, tags, body and variable must be there", "edit: {header: Location" },
	{ EDIT("header: X, body: true, to: y"), 13, 21, "only one of header, tags, body and variable", "edit: {header" },
	{ EDIT("tags: [a, blink], pattern: x, to: y"), 13, 32, "'blink' is no tag of the list", "img.srcset" },
	{ EDIT("tags: [], pattern: x, to: y"), 13, 28, "'tags' is empty", "tags: [a, form, img]" },
	{ EDIT("tags: a, to: y"), 13, 21, "does not say what to replace", "add pattern:" },
	{ EDIT("body: true, pattern: {pattern: x, not: true}, to: y"), 13, 56, "what a body does not hold", "remove not" },
	{ EDIT("header: \"X:\", to: y"), 13, 30, "'X:' is no name of a header", "letters" },
	{ EDIT("header: X, to: y, times: 2"), 13, 40, "'times' belongs to body: true", "remove it" },
	{ SET("{name: a, syntax: wildcard, edit: {body: true, pattern: \"x*\", to: y}}"), 13, 23, "a body is no such text", "syntax: regex or exact" },
	{ SET("{name: a, match: {path_regex: x}, edit: {header: X, to: y}}"), 13, 23, "rules with edit have no path_regex", "where: {\"{URL}\"" },
	{ SET("{folder: blog, rules: []}"), 13, 14, "'blog' is no folder", "folder: /blog" },
	{ SET("{folder: /blog/, rules: []}"), 13, 14, "'/blog/' is no folder", "folder: /blog" },
	{ SET("{folder: /a/../b, rules: []}"), 13, 14, "'/a/../b' is no folder", "folder: /blog" },
	{ SET("{folder: /., rules: []}"), 13, 14, "'/.' is no folder", "folder: /blog" },
	{ SET("{folder: /blog, global: true, rules: []}"), 13, 6, "global rules see all paths", "remove folder" },
	{ SET("{folder: /blog}"), 13, 5, "this group has no 'rules'", "add rules:" },
	{ SET("{folder: /b, rules: [{name: a, deny: 403, match: {path: /c}}]}"), 13, 61, "'/c' does not lie in the rule's folder /b", "write the whole path" },
	{ SET("{folder: /b, rules: [{iis: web.config}]}"), 13, 26, "only rules and maps stand in a group", "move this out" },
	{ SET("{map: m}"), 13, 5, "the map 'm' has no keys", "file: moved.tsv" },
	{ SET("{map: \"a:b\", keys: {x: y}}"), 13, 11, "'a:b' is no name of a map", "map: moved" },
	{ SET("{map: m, keys: {a: b}}\n  - {map: M, keys: {a: b}}"), 14, 11, "the map 'M' is already given in x.yaml line 13", "join the two" },
	{ SET("{map: m, keys: {a: b}, contains: true}"), 13, 14, "has them in a file", "file: texts.txt" },
	{ SET("{iis: /nonexistent/web.config}"), 13, 11, "cannot read '/nonexistent/web.config' (No such file", "check the path" },
	{ SET("{app_host: /nonexistent/a.config}"), 13, 16, "cannot read '/nonexistent/a.config' (No such file", "check the path" },
	{ SET("{iis: [a]}"), 13, 11, "'iis' must be", "iis: " },
	{ SET("{iis: {}}"), 13, 11, "'iis' must be", "iis: " },
	{ SET("{iis: []}"), 13, 11, "'iis' must be", "iis: " },
	{ SET("{iis: {a: b}}"), 13, 11, "'iis' must be", "iis: " },
	{ SET("{iis: [[a]]}"), 13, 11, "'iis' must be", "iis: " },
	{ SET("{iis: [{}]}"), 13, 11, "'iis' must be", "iis: " },
	{ SET("{app_host: [a]}"), 13, 16, "'app_host' must be", "app_host: " },
	{ SET("{app_host: {}}"), 13, 16, "'app_host' must be", "app_host: " },
	{ SET("{app_host: []}"), 13, 16, "'app_host' must be", "app_host: " },
	{ SET("{app_host: {a: b}}"), 13, 16, "'app_host' must be", "app_host: " },
	{ SET("{app_host: [[a]]}"), 13, 16, "'app_host' must be", "app_host: " },
	{ SET("{app_host: [{}]}"), 13, 16, "'app_host' must be", "app_host: " },
	{ SET("{iis: web.config, at: \"\"}"), 13, 27, "'' is no place", "at: /blog" },
	{ SET("{iis: web.config, at: \"(\"}"), 13, 27, "'(' is no place", "at: /blog" },
	{ SET("{iis: web.config, at: -1}"), 13, 27, "'-1' is no place", "at: /blog" },
	{ SET("{iis: web.config, at: \"null\"}"), 13, 27, "'null' is no place", "at: /blog" },
	{ SET("{iis: web.config, at: /a/../b}"), 13, 27, "'..' in '/a/../b'", "from the root on" },
	{ SET("{iis: web.config, at: /..}"), 13, 27, "'..' in '/..'", "from the root on" },
	{ SET("{iis: web.config, at: Site/..}"), 13, 27, "'..' in 'Site/..'", "from the root on" },
	{ SET("{iis: web.config, at: \"/a?b\"}"), 13, 27, "'/a?b' is no place", "at: /blog" },
	{ SET("{iis: web.config, at: \"/a*\"}"), 13, 27, "'/a*' is no place", "at: /blog" },
	{ SET("{app_host: a.config, at: \"\"}"), 13, 30, "'' is no place", "Site/blog" },
	{ SET("{name: a, edit: {header: X}, foo: 1}"), 13, 34, "unknown key 'foo'", "an edit rule has" },
	{ MATCH("path_regex: \"^(a\""), 13, 46, "missing closing parenthesis", "mend the regular expression" },
	{ MATCH("where: {\"{Nope:x}\": y}"), 13, 42, "'Nope' is no function, rewrite map or provider", "functions are" },
	{ SET("{name: a, match: {path_regex: a}, redirect: \"/{R:1}\"}"), 13, 49, "uses {R:1}, but the rule's pattern gives {R:0}", "add a group" },
	{ EDIT("header: X, pattern: \"(\", to: y"), 13, 42, "missing closing parenthesis", "mend the regular" },
	{ "listeners: [{name: x, address: \"203.0.113.10:81\", farm: app, rules: nope}]\n", 11, 1, "already given", "keep one" },
	{ "dynamic_hosts: [\"a b\"]\n", 11, 17, "'a b' is no host", "app1.internal" },
	{ SET("{name: a, rewrite: \"ftp://x/\"}"), 13, 24, "cannot be sent by ftp", "use http" },
	{ "plain_hosts: true\n" SET("{name: a, rewrite: \"http://us er@x/\"}"), 14, 24, "'us er@x' is no host", "http://app1.internal:8080" },
	{ "plain_hosts: true\n" SET("{name: a, rewrite: \"http://203.0.113.10/\"}"), 14, 24, "is this proxy's own address", "give the server's address" },
};
/* clang-format on */

static void
every_mistake_is_told_with_place_and_cure(void **state)
{
	uint32_t wrong_n = 0;

	(void)state;
	for (size_t i = 0; i < N(broken); i++) {
		struct conf_errs errs = { 0 };
		char text[4096];

		snprintf(text, sizeof(text), CONF_GOOD "%s", broken[i].text);
		if (conf_open_text("x.yaml", text, strlen(text), &errs) != NULL)
			fail_msg("it was taken: %s", broken[i].text);
		if (errs.n != 1 ||
		    (broken[i].line != 0 && (errs.err[0].at.line != broken[i].line ||
					     errs.err[0].at.col != broken[i].col)) ||
		    strstr(errs.err[0].text, broken[i].wrong) == NULL ||
		    strstr(errs.err[0].text, broken[i].cure) == NULL) {
			print_message("%s", broken[i].text);
			conf_errs_print(&errs, stdout);
			print_message("expected %u:%u %s ... %s\n", broken[i].line, broken[i].col,
				      broken[i].wrong, broken[i].cure);
			wrong_n++;
		}
		conf_errs_fini(&errs);
	}
	assert_int_equal(wrong_n, 0);
}

static void
listeners_name_sets_that_are_there(void **state)
{
	static const struct {
		const char *rules, *wrong;
	} cases[] = {
		{ "nope", "there is no set of rules 'nope'" },
		{ "[s, s]", "the set 's' is named twice" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct conf_errs errs = { 0 };
		char text[4096];

		snprintf(text, sizeof(text),
			 CONF_MACHINE CONF_FARMS SET(
				 "{name: a, deny: 403}") "listeners:\n  - {name: web, address: "
							 "\"203.0.113.10:80\", farm: app, rules: "
							 "%s}\n",
			 cases[i].rules);
		assert_null(conf_open_text("x.yaml", text, strlen(text), &errs));
		assert_int_equal(errs.n, 1);
		assert_non_null(strstr(errs.err[0].text, cases[i].wrong));
		assert_int_equal(errs.err[0].at.line, 13);
		conf_errs_fini(&errs);
	}
}

/* Two alternatives of two each, over and over: the list would double with each. */
static void
alternatives_beyond_measure_are_told(void **state)
{
	char text[16384];
	struct conf_errs errs = { 0 };
	size_t n = 0;

	(void)state;
	n += (size_t)snprintf(text, sizeof(text),
			      CONF_GOOD "rules:\n  s:\n  - {name: a, deny: 403, match: {any: [");
	for (int i = 0; i < 16; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s{query: a, header: {X: b}}",
				      i > 0 ? ", " : "");
	snprintf(text + n, sizeof(text) - n, "]}}\n");
	assert_null(conf_open_text("x.yaml", text, strlen(text), &errs));
	assert_int_equal(errs.n, 1);
	assert_non_null(strstr(errs.err[0].text, "divide the rule into several"));
	conf_errs_fini(&errs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_told_with_place_and_cure),
		cmocka_unit_test(listeners_name_sets_that_are_there),
		cmocka_unit_test(alternatives_beyond_measure_are_told),
	};

	print_message("%zu broken sets of rules\n", N(broken));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
