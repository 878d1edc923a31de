/*
 * keys_rules.c - the keys of rules, see keys.h and native.h.
 *
 * A pattern may be written as a text or as a mapping with more to say; so may what a rule does.
 */
#include "conf/keys_table.h"

#include "conf/native.h"

/* clang-format off */

static const char *const words_is[] = { "pattern", "file", "directory", NULL };
static const char *const words_query[] = { "keep", "drop", NULL };
static const char *const words_syntax[] = { "regex", "wildcard", "exact", NULL };
static const char *const words_captures[] = { "last", "all", NULL };

static const struct key pattern_keys[] = {
	{ .name = "pattern", .type = KEY_TEXT, AT(conf_pattern, pattern),
	  .example = "pattern: \"^de\"", .what = "in the rule's syntax" },
	{ .name = "ignore_case", .type = KEY_BOOL, .absent = "true", AT(conf_pattern, ignore_case),
	  .example = "ignore_case: false", .what = "whether letters match in either case" },
	{ .name = "not", .type = KEY_BOOL, .absent = "false", AT(conf_pattern, is_not),
	  .example = "not: true", .what = "true: it must not match" },
	{ .name = "is", .type = KEY_WORD, .words = words_is, .absent = "pattern",
	  AT(conf_pattern, is), .example = "is: file",
	  .what = "of `where`: what the text is asked for. Names of files and directories are never "
		  "found: a proxy has none" },
};
static const struct key_section key_pattern = {
	.name = "pattern", .keys = pattern_keys, .keys_n = KEYS_N(pattern_keys),
	.size = sizeof(struct conf_pattern), .lone = "pattern" };

static const struct key_section key_match;

static const struct key match_keys[] = {
	{ .name = "method", .type = KEY_TEXT, .is_list = true, .is_one_too = true,
	  AT(conf_match, methods), .example = "method: [GET, HEAD]", .what = "one of these methods" },
	{ .name = "host", .type = KEY_TEXT, .is_list = true, .is_one_too = true,
	  AT(conf_match, hosts), .example = "host: [www.example.com, \"*.example.org\"]",
	  .what = "one of these names, whatever its port; `*.` stands for one or more labels" },
	{ .name = "path", .type = KEY_TEXT, .is_list = true, .is_one_too = true,
	  AT(conf_match, paths), .example = "path: [/owa, /ecp]",
	  .what = "one of these paths or what lies under it, by whole segments, in either case; "
		  "`{R:1}` is what follows it, without its slash" },
	{ .name = "path_regex", .type = KEY_SECTION, .of = &key_pattern,
	  AT(conf_match, path_regex), .example = "path_regex: \"^old/(.*)$\"",
	  .what = "the decoded path as URL Rewrite sees it: without its first slash, without the "
		  "query; its groups are `{R:1}` to `{R:9}`" },
	{ .name = "query", .type = KEY_SECTION, .of = &key_pattern, AT(conf_match, query),
	  .example = "query: \"sl=1\"", .what = "the query, without its question mark" },
	{ .name = "header", .type = KEY_SECTION, .is_list = true, .is_named = true,
	  .of = &key_pattern, AT(conf_match, headers), .example = "header: {X-Beta: \"^1$\"}",
	  .what = "each of these headers of the request; one that is absent is empty" },
	{ .name = "cookie", .type = KEY_SECTION, .is_list = true, .is_named = true,
	  .of = &key_pattern, AT(conf_match, cookies), .example = "cookie: {lang: \"^de$\"}",
	  .what = "each of these cookies; one that is absent is empty" },
	{ .name = "where", .type = KEY_SECTION, .is_list = true, .is_named = true,
	  .of = &key_pattern, AT(conf_match, where),
	  .example = "where: {\"{HTTPS}\": \"^off$\"}",
	  .what = "each of these expressions: `{VARIABLE}`, `{R:n}`, `{C:n}`, `{Cookie:name}`, "
		  "`{Map:key}`, `{ToLower:text}` and text between them. `{C:n}` are the groups of the "
		  "condition before that matched" },
	{ .name = "from", .type = KEY_PREFIX, .is_list = true, .is_one_too = true,
	  AT(conf_match, from), .example = "from: [10.0.0.0/8, \"2001:db8::/32\"]",
	  .what = "the client's address is in one of these networks" },
	{ .name = "response", .type = KEY_SECTION, .is_list = true, .is_named = true,
	  .of = &key_pattern, AT(conf_match, response),
	  .example = "response: {Content-Type: \"^text/html\"}",
	  .what = "each of these headers of the response; rules with `edit` only" },
	{ .name = "status", .type = KEY_SECTION, .of = &key_pattern, AT(conf_match, status),
	  .example = "status: \"^3\"",
	  .what = "status and reason of the response (`301 Moved Permanently`); rules with `edit` "
		  "only" },
	{ .name = "not", .type = KEY_SECTION, .is_list = true, .is_one_too = true,
	  .of = &key_match, AT(conf_match, is_not), .example = "not: {from: 10.0.0.0/8}",
	  .what = "the request is not as this mapping says (as none of these, when it is a list)" },
	{ .name = "any", .type = KEY_SECTION, .is_list = true, .is_one_too = true,
	  .of = &key_match, AT(conf_match, any),
	  .example = "any: [{path: /a}, {host: a.example.com}]",
	  .what = "the request is as one of these mappings says" },
	{ .name = "all", .type = KEY_SECTION, .is_list = true, .is_one_too = true,
	  .of = &key_match, AT(conf_match, all),
	  .example = "all: [{where: {\"{URL}\": \"a\"}}, {where: {\"{URL}\": \"b\"}}]",
	  .what = "the request is as each of these mappings says" },
};
static const struct key_section key_match = {
	.name = "match", .keys = match_keys, .keys_n = KEYS_N(match_keys),
	.size = sizeof(struct conf_match) };

static const struct key value_keys[] = {
	{ .name = "value", .type = KEY_TEXT, AT(conf_value, value), .is_needed = true,
	  .example = "value: \"{REMOTE_ADDR}\"", .what = "an expression; empty: the header goes" },
	{ .name = "replace", .type = KEY_BOOL, .absent = "true", AT(conf_value, replace),
	  .example = "replace: false", .what = "false: a value that is there already stays" },
};
static const struct key_section key_value = {
	.name = "value", .keys = value_keys, .keys_n = KEYS_N(value_keys),
	.size = sizeof(struct conf_value), .lone = "value" };

static const struct key set_keys[] = {
	{ .name = "request", .type = KEY_SECTION, .is_list = true, .is_named = true,
	  .of = &key_value, AT(conf_set, request), .example = "request: {X-Site: owa}",
	  .what = "headers of the request, as the server gets them" },
	{ .name = "response", .type = KEY_SECTION, .is_list = true, .is_named = true,
	  .of = &key_value, AT(conf_set, response),
	  .example = "response: {Strict-Transport-Security: max-age=31536000}",
	  .what = "headers of the response, as the client gets them" },
	{ .name = "variable", .type = KEY_SECTION, .is_list = true, .is_named = true,
	  .of = &key_value, AT(conf_set, variable), .example = "variable: {SITE: owa}",
	  .what = "variables for later rules; `HTTP_X_Y` is the request's header X-Y, as in IIS" },
};
SECTION(key_set, "set", set_keys, conf_set);

static const struct key remove_keys[] = {
	{ .name = "request", .type = KEY_TEXT, .is_list = true, .is_one_too = true,
	  AT(conf_remove, request), .example = "request: [Accept-Encoding]",
	  .what = "headers that the server does not get" },
	{ .name = "response", .type = KEY_TEXT, .is_list = true, .is_one_too = true,
	  AT(conf_remove, response), .example = "response: [Server]",
	  .what = "headers that the client does not get" },
};
SECTION(key_remove, "remove", remove_keys, conf_remove);

static const struct key rewrite_keys[] = {
	{ .name = "to", .type = KEY_TEXT, .is_needed = true, AT(conf_rewrite, to),
	  .example = "to: \"/new/{R:1}\"",
	  .what = "a path, or `http://FARM/path` to go to that farm" },
	{ .name = "query", .type = KEY_WORD, .words = words_query, .absent = "keep",
	  AT(conf_rewrite, query), .example = "query: drop",
	  .what = "whether the request's query follows that of `to`" },
	{ .name = "log", .type = KEY_BOOL, .absent = "false", AT(conf_rewrite, log),
	  .example = "log: true", .what = "the access log shows the rewritten URL" },
};
static const struct key_section key_rewrite = {
	.name = "rewrite", .keys = rewrite_keys, .keys_n = KEYS_N(rewrite_keys),
	.size = sizeof(struct conf_rewrite), .lone = "to" };

static const struct key redirect_keys[] = {
	{ .name = "to", .type = KEY_TEXT, .is_needed = true, AT(conf_redirect, to),
	  .example = "to: \"https://{HTTP_HOST}/{R:1}\"", .what = "a path or a URL" },
	{ .name = "status", .type = KEY_COUNT, .min = 301, .max = 308, .absent = "302",
	  AT(conf_redirect, status), .example = "status: 301",
	  .what = "301, 302, 303, 307 or 308; a permanent one stays in browsers" },
	{ .name = "query", .type = KEY_WORD, .words = words_query, .absent = "keep",
	  AT(conf_redirect, query), .example = "query: drop",
	  .what = "whether the request's query follows that of `to`" },
};
static const struct key_section key_redirect = {
	.name = "redirect", .keys = redirect_keys, .keys_n = KEYS_N(redirect_keys),
	.size = sizeof(struct conf_redirect), .lone = "to" };

static const struct key respond_keys[] = {
	{ .name = "status", .type = KEY_COUNT, .is_needed = true, .min = 200, .max = 999,
	  AT(conf_respond, status), .example = "status: 503", .what = "but 300 to 307" },
	{ .name = "substatus", .type = KEY_COUNT, .max = 999, .absent = "0",
	  AT(conf_respond, substatus), .example = "substatus: 1", .what = "for log and trace" },
	{ .name = "reason", .type = KEY_TEXT, AT(conf_respond, reason),
	  .example = "reason: \"Back soon\"", .what = "the reason phrase; left out: the usual one" },
	{ .name = "body", .type = KEY_TEXT, AT(conf_respond, body),
	  .example = "body: \"<p>Back soon</p>\"", .what = "HTML; left out: a plain page" },
};
static const struct key_section key_respond = {
	.name = "respond", .keys = respond_keys, .keys_n = KEYS_N(respond_keys),
	.size = sizeof(struct conf_respond), .lone = "status" };

static const struct key rule_timeouts_keys[] = {
	{ .name = "connect", TIMEOUT(.absent = NULL), AT(conf_rule_timeouts, connect),
	  .example = "connect: 2s", .what = "see the farm's timeouts; left out: the farm's" },
	{ .name = "send", TIMEOUT(.absent = NULL), AT(conf_rule_timeouts, send),
	  .example = "send: 1m", .what = "see the farm's timeouts; left out: the farm's" },
	{ .name = "receive", TIMEOUT(.absent = NULL), AT(conf_rule_timeouts, receive),
	  .example = "receive: 10m", .what = "see the farm's timeouts; left out: the farm's" },
};
SECTION(key_rule_timeouts, "timeouts", rule_timeouts_keys, conf_rule_timeouts);

#define SYNTAX(record)                                                                               \
	{ .name = "syntax", .type = KEY_WORD, .words = words_syntax, .absent = "regex",            \
	  AT(record, syntax), .example = "syntax: wildcard",                                         \
	  .what = "of the rule's patterns: regular expressions (ECMAScript, anywhere in the text), "\
		  "wildcards (`*` and `?`, all of the text) or the exact text" }
#define CAPTURES(record)                                                                             \
	{ .name = "captures", .type = KEY_WORD, .words = words_captures, .absent = "last",         \
	  AT(record, captures), .example = "captures: all",                                          \
	  .what = "whose groups `{C:1}` to `{C:9}` are: the last condition's that matched, or those "\
		  "of all conditions one after another" }
#define NAME(record)                                                                                 \
	{ .name = "name", .type = KEY_TEXT, .is_needed = true, AT(record, name),                     \
	  .example = "name: owa", .what = "unique in its set; reports and counters call it so" }
#define ENABLED(record)                                                                              \
	{ .name = "enabled", .type = KEY_BOOL, .absent = "true", AT(record, enabled),                \
	  .example = "enabled: false", .what = "false: as if it were not there" }

static const struct key rule_keys[] = {
	NAME(conf_rule),
	ENABLED(conf_rule),
	SYNTAX(conf_rule),
	{ .name = "match", .type = KEY_SECTION, .of = &key_match, AT(conf_rule, match),
	  .example = "match: {host: www.example.com, path: /shop}",
	  .what = "what the request must be, in every point; left out: any request" },
	CAPTURES(conf_rule),
	{ .name = "set", .type = KEY_SECTION, .of = &key_set, AT(conf_rule, set),
	  .example = "set: {request: {X-Site: owa}}",
	  .what = "headers and variables to set, in the order they stand here" },
	{ .name = "remove", .type = KEY_SECTION, .of = &key_remove, AT(conf_rule, remove),
	  .example = "remove: {response: [Server]}", .what = "headers to remove, after `set`" },
	{ .name = "farm", .type = KEY_NAME, AT(conf_rule, farm), .example = "farm: exchange",
	  .what = "send the request to this farm; with `rewrite`: under another path" },
	{ .name = "rewrite", .type = KEY_SECTION, .of = &key_rewrite, AT(conf_rule, rewrite),
	  .example = "rewrite: \"/new/{R:1}\"",
	  .what = "change the URL; the rules that follow see the new one" },
	{ .name = "redirect", .type = KEY_SECTION, .of = &key_redirect, AT(conf_rule, redirect),
	  .example = "redirect: {to: \"/new/{R:1}\", status: 301}",
	  .what = "send the client elsewhere" },
	{ .name = "respond", .type = KEY_SECTION, .of = &key_respond, AT(conf_rule, respond),
	  .example = "respond: {status: 503, body: \"<p>Back soon</p>\"}",
	  .what = "answer at once" },
	{ .name = "deny", .type = KEY_COUNT, .min = 400, .max = 599, AT(conf_rule, deny),
	  .example = "deny: 403", .what = "refuse the request with this status" },
	{ .name = "abort", .type = KEY_BOOL, .absent = "false", AT(conf_rule, abort),
	  .example = "abort: true", .what = "close the connection without an answer" },
	{ .name = "timeouts", .type = KEY_SECTION, .of = &key_rule_timeouts,
	  AT(conf_rule, timeouts), .example = "timeouts: {receive: 10m}",
	  .what = "patience with the server, for this request" },
	{ .name = "stop", .type = KEY_BOOL, AT(conf_rule, stop), .example = "stop: true",
	  .what = "look at no rule after this one, if it matched; left out: when it names a farm" },
};
const struct key_section key_rule = { .name = "rule", .keys = rule_keys,
				      .keys_n = KEYS_N(rule_keys),
				      .size = sizeof(struct conf_rule) };

static const struct key edit_keys[] = {
	{ .name = "header", .type = KEY_TEXT, AT(conf_edit, header), .example = "header: Location",
	  .what = "this header of the response, each line of it; absent: an empty one" },
	{ .name = "tags", .type = KEY_TEXT, .is_list = true, .is_one_too = true,
	  AT(conf_edit, tags), .example = "tags: [a, form, img, img.srcset]",
	  .what = "the addresses in these HTML tags (`a`, `area`, `base`, `form`, `frame`, `head`, "
		  "`iframe`, `img`, `input`, `link`, `script`), or any tag's attribute as "
		  "`tag.attribute`" },
	{ .name = "body", .type = KEY_BOOL, .absent = "false", AT(conf_edit, body),
	  .example = "body: true", .what = "true: the text of the body" },
	{ .name = "variable", .type = KEY_TEXT, AT(conf_edit, variable),
	  .example = "variable: HTTP_ACCEPT_ENCODING", .what = "a variable, as in IIS" },
	{ .name = "pattern", .type = KEY_SECTION, .of = &key_pattern, AT(conf_edit, pattern),
	  .example = "pattern: \"^http://app1/(.*)\"",
	  .what = "what the value must match, or what of the body is replaced; left out for a "
		  "header: anything" },
	{ .name = "to", .type = KEY_TEXT, AT(conf_edit, to),
	  .example = "to: \"https://www.example.com/{R:1}\"",
	  .what = "the new value, or what the matched text of a body becomes; empty: the header "
		  "goes; left out: nothing changes" },
	{ .name = "replace", .type = KEY_BOOL, .absent = "true", AT(conf_edit, replace),
	  .example = "replace: false", .what = "false: a header that is there stays" },
	{ .name = "times", .type = KEY_COUNT, .max = 1 << 30, .absent = "0", AT(conf_edit, times),
	  .example = "times: 1", .what = "of a body: so many matches at most; 0: all" },
};
SECTION(key_edit, "edit", edit_keys, conf_edit);

static const struct key edit_rule_keys[] = {
	NAME(conf_edit_rule),
	ENABLED(conf_edit_rule),
	SYNTAX(conf_edit_rule),
	{ .name = "when", .type = KEY_SECTION, .of = &key_match, AT(conf_edit_rule, when),
	  .example = "when: {response: {Content-Type: \"^text/html\"}}",
	  .what = "asked once a response, before any rule; keys as under `match`" },
	{ .name = "match", .type = KEY_SECTION, .of = &key_match, AT(conf_edit_rule, match),
	  .example = "match: {path: /shop}",
	  .what = "asked for each value that the pattern matches; keys as under `match` of a rule "
		  "for requests" },
	CAPTURES(conf_edit_rule),
	{ .name = "edit", .type = KEY_SECTION, .is_needed = true, .of = &key_edit,
	  AT(conf_edit_rule, edit),
	  .example = "edit: {header: Location, pattern: \"^http://app1/(.*)\", to: \"/{R:1}\"}",
	  .what = "what of the response to change" },
	{ .name = "stop", .type = KEY_BOOL, .absent = "false", AT(conf_edit_rule, stop),
	  .example = "stop: true", .what = "no rule after this one sees the value" },
};
const struct key_section key_edit_rule = { .name = "edit rule", .keys = edit_rule_keys,
					   .keys_n = KEYS_N(edit_rule_keys),
					   .size = sizeof(struct conf_edit_rule) };

static const struct key map_keys[] = {
	{ .name = "map", .type = KEY_TEXT, .is_needed = true, AT(conf_rule_map, name),
	  .example = "map: moved", .what = "its name: expressions say `{moved:key}`" },
	{ .name = "keys", .type = KEY_SECTION, .is_list = true, .is_named = true, .of = &key_value,
	  AT(conf_rule_map, keys), .example = "keys: {/old: /new}",
	  .what = "keys and their values" },
	{ .name = "file", .type = KEY_TEXT, AT(conf_rule_map, file), .example = "file: moved.tsv",
	  .what = "more of them: lines of key, tab, value; read again when it changes" },
	{ .name = "default", .type = KEY_TEXT, AT(conf_rule_map, absent), .example = "default: /",
	  .what = "the value of a key that is not there; left out: empty" },
	{ .name = "ignore_case", .type = KEY_BOOL, .absent = "true",
	  AT(conf_rule_map, ignore_case), .example = "ignore_case: false",
	  .what = "whether keys match in either case" },
	{ .name = "contains", .type = KEY_BOOL, .absent = "false", AT(conf_rule_map, contains),
	  .example = "contains: true",
	  .what = "true: the file has a text a line, and the value of what holds one of them is "
		  "that text" },
};
const struct key_section key_rule_map = { .name = "map", .keys = map_keys,
					  .keys_n = KEYS_N(map_keys),
					  .size = sizeof(struct conf_rule_map) };

static const struct key iis_keys[] = {
	{ .name = "iis", .type = KEY_TEXT, AT(conf_iis, file), .example = "iis: web.config",
	  .what = "a web.config as it stands; the path is relative to this file's folder" },
	{ .name = "at", .type = KEY_TEXT, .absent = "/", AT(conf_iis, site_path),
	  .example = "at: /blog",
	  .what = "where the web.config lies; with several sites in app_host: \"Site/blog\"" },
	{ .name = "app_host", .type = KEY_TEXT, AT(conf_iis, app_host),
	  .example = "app_host: applicationHost.config",
	  .what = "an applicationHost.config: global rules, allowed variables, locations" },
	{ .name = "strict", .type = KEY_BOOL, .absent = "false", AT(conf_iis, strict),
	  .example = "strict: true",
	  .what = "true: a variable that is not allowed fails with 500.50, as in IIS" },
};
const struct key_section key_iis = { .name = "iis entry", .keys = iis_keys,
				     .keys_n = KEYS_N(iis_keys), .size = sizeof(struct conf_iis) };

static const struct key allow_keys[] = {
	{ .name = "allow", .type = KEY_TEXT, .is_list = true, .is_needed = true,
	  AT(conf_allow, names), .example = "allow: [HTTP_X_SITE]",
	  .what = "the variables that rules of folders may set; any other fails with 500.50. Left "
		  "out: all" },
};
const struct key_section key_allow = { .name = "allow entry", .keys = allow_keys,
				       .keys_n = KEYS_N(allow_keys),
				       .size = sizeof(struct conf_allow) };

static const struct key group_keys[] = {
	{ .name = "folder", .type = KEY_TEXT, .absent = "/", AT(conf_group, folder),
	  .example = "folder: /blog",
	  .what = "the rules see only what lies under it, and path_regex and rewrite are relative to "
		  "it" },
	{ .name = "except", .type = KEY_TEXT, .is_list = true, .is_one_too = true,
	  AT(conf_group, excepts), .example = "except: [/blog/old]",
	  .what = "folders below whose requests pass the group by" },
	{ .name = "global", .type = KEY_BOOL, .absent = "false", AT(conf_group, global),
	  .example = "global: true",
	  .what = "true: before the rules of any folder, of all sets" },
	{ .name = "keep_escapes", .type = KEY_BOOL, .absent = "false",
	  AT(conf_group, keep_escapes), .example = "keep_escapes: true",
	  .what = "true: a `%2F` that a rewrite wrote stays, instead of becoming `%252F`" },
	{ .name = "keep_spelling", .type = KEY_BOOL, .absent = "false",
	  AT(conf_group, keep_spelling), .example = "keep_spelling: true",
	  .what = "true: what `{R:n}` copies of the path goes on with the escapes it came with" },
	{ .name = "before_cache", .type = KEY_BOOL, .absent = "false",
	  AT(conf_group, before_cache), .example = "before_cache: true",
	  .what = "true: responses are edited before a cache stores them" },
	{ .name = "rules", .type = KEY_RULES, .is_needed = true, AT(conf_group, entries),
	  .example = "rules: [{name: old, match: {path: /old}, redirect: /new}]",
	  .what = "the rules of the group" },
};
const struct key_section key_group = { .name = "group", .keys = group_keys,
				       .keys_n = KEYS_N(group_keys),
				       .size = sizeof(struct conf_group) };

/* clang-format on */

/* In the order in which an entry's keys are asked for. */
static const struct key_entry entries[] = {
	{ "edit", CONF_ENTRY_EDIT, &key_edit_rule }, { "map", CONF_ENTRY_MAP, &key_rule_map },
	{ "iis", CONF_ENTRY_IIS, &key_iis },	     { "app_host", CONF_ENTRY_IIS, &key_iis },
	{ "rules", CONF_ENTRY_GROUP, &key_group },   { "folder", CONF_ENTRY_GROUP, &key_group },
	{ "global", CONF_ENTRY_GROUP, &key_group },  { "allow", CONF_ENTRY_ALLOW, &key_allow },
	{ NULL, CONF_ENTRY_RULE, &key_rule },
};

const struct key_entry *
key_entries(void)
{
	return entries;
}
