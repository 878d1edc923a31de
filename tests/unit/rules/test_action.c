/*
 * test_action.c - url-rewrite.md, 12, with 3.3 and 3.4 where they meet: what a rule that
 * matched does, and what the verdict then says.
 */
#include "stand.h"

#include <string.h>

static enum rules_fault
act(struct stand *s, enum img_action action, const char *url)
{
	bool ends = false;
	enum rules_fault fault;

	s->rule.action = action;
	s->rule.url_expr_i = url == NULL ? IMG_NONE : stand_expr(s, url);
	fault = action_do(s->lane, &s->rule, &ends);
	if (fault == RULES_FAULT_NONE)
		assert_int_equal(ends, action == IMG_ACTION_REDIRECT ||
					       action == IMG_ACTION_RESPOND ||
					       action == IMG_ACTION_ABORT);
	return fault;
}

/* What is sent: the target, or host and target of an absolute URL. */
static void
assert_sent(struct stand *s, const char *host, const char *target)
{
	assert_int_equal(action_finish(s->lane), RULES_FAULT_NONE);
	assert_int_equal(s->verdict.outcome, host == NULL ? RULES_ROUTE : RULES_PROXY);
	assert_slice(s->verdict.host, host == NULL ? "" : host);
	assert_slice(s->verdict.target, target);
}

static void
folder_is(struct stand *s, const char *folder)
{
	struct img_op op =
		*img_op(s->lane->img, img_expr(s->lane->img, stand_expr(s, folder))->first_op);

	s->scope->folder = op.text;
}

/* ---- 12.1 ---- */

static void
a_rewrite_replaces_the_path(void **state)
{
	static const struct {
		const char *folder, *target, *url, *host, *sent;
	} row[] = {
		{ "/", "/blog/7", "article.aspx?id=1", NULL, "/article.aspx?id=1" },
		{ "/blog", "/blog/7", "article.aspx?id=1", NULL, "/blog/article.aspx?id=1" },
		{ "/blog", "/blog/7", "/article.aspx", NULL, "/article.aspx" }, /* from the root */
		{ "/blog", "/blog/7", "{R:0}x", NULL, "/blog/7x" },
		{ "/blog", "/blog/7", "", NULL, "/" }, /* an empty result is "/" */
		{ "/blog", "/blog/7", "?a", NULL, "/blog/?a" },
		{ "/", "/", "{R:0}", NULL, "/" },
		{ "/", "/a/b", "{R:0}", NULL, "/a/b" },
		{ "/", "/a", "/x#frag", NULL, "/x" }, /* a fragment has no meaning */
		{ "/", "/a", "/x?p=1#frag?y", NULL, "/x?p=1" },
		{ "/", "/a", "/x#frag?y", NULL, "/x" },
		{ "/", "/a", "/x?a?b", NULL, "/x?a?b" }, /* at the first '?' */
		{ "/", "/a", "mailto:x", NULL, "/mailto:x" },
		{ "/", "/a", "a/://b", NULL, "/a/:/b" }, /* as canonical as a target's path */
		{ "/", "/a", "://b", NULL, "/:/b" },
		{ "/", "/a", "//b/c", NULL, "/b/c" },
		{ "/", "/a", "/b/../../c/.", NULL, "/c/" },
		{ "/f", "/f/a", "../c", NULL, "/c" },
		/* absolute */
		{ "/", "/a/b", "http://app/{R:0}", "app", "/a/b" },
		{ "/b", "/b/c", "http://app/{R:0}", "app", "/c" },
		{ "/", "/a", "http://app", "app", "/" },
		{ "/", "/a", "http://app?x=1", "app", "/?x=1" },
		{ "/", "/a", "http://app#f", "app", "/" },
		{ "/", "/a", "HTTP://App.Internal:8080/x", "App.Internal:8080", "/x" },
		{ "/", "/a", "https://[2001:db8::1]:8443/", "[2001:db8::1]:8443", "/" },
		{ "/", "/a", "ws://app/x", "app", "/x" },
		{ "/", "/a", "wss://app/x", "app", "/x" },
		{ "/", "/a", "http://{HTTP_HOST}{URL}", "www.example.com", "/a" },
		{ "/", "/a", "http://under_score-farm/", "under_score-farm", "/" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get(row[i].target);

		folder_is(s, row[i].folder);
		stand_r(s, 0, NULL);
		assert_int_equal(act(s, IMG_ACTION_REWRITE, row[i].url), RULES_FAULT_NONE);
		assert_true(s->verdict.is_changed);
		assert_sent(s, row[i].host, row[i].sent);
	}
}

static void
the_own_query_comes_before_the_current_one(void **state)
{
	static const struct {
		bool appends;
		const char *url, *target, *sent;
	} row[] = {
		{ true, "/s", "/a?x=1", "/s?x=1" },
		{ true, "/s?p=9", "/a?x=1", "/s?p=9&x=1" },
		{ true, "/s?p=9", "/a", "/s?p=9" },
		{ true, "/s", "/a", "/s" },
		{ false, "/s?p=9", "/a?x=1", "/s?p=9" },
		{ false, "/s", "/a?x=1", "/s" },
		/* nothing is merged, sorted, or left out */
		{ true, "/s?x=1", "/a?x=1", "/s?x=1&x=1" },
		{ true, "/s", "/a?x=1&x=1&&y", "/s?x=1&x=1&&y" },
		{ false, "/s?sl=1&{QUERY_STRING}", "/a", "/s?sl=1&" },
		{ false, "/s?sl=1&{QUERY_STRING}", "/a?b=c", "/s?sl=1&b=c" },
		{ true, "/s", "/a?", "/s" },
		{ true, "/s?p", "/a?", "/s?p" },
		{ false, "/s?", "/a?x=1", "/s?" },
		{ true, "/s?", "/a?x=1", "/s?x=1" },
		{ true, "http://app/s?p=9", "/a?x=1", "/s?p=9&x=1" },
		{ false, "{REQUEST_URI}", "/a?x=1", "/a?x=1" },
		{ true, "{REQUEST_URI}", "/a?x=1", "/a?x=1&x=1" },
		{ true, "/s", "/a?%20%zz=\"<>", "/s?%20%zz=\"<>" }, /* raw, every byte */
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get(row[i].target);

		s->rule.flags = row[i].appends ? IMG_RULE_APPEND_QUERY : 0;
		assert_int_equal(act(s, IMG_ACTION_REWRITE, row[i].url), RULES_FAULT_NONE);
		assert_int_equal(action_finish(s->lane), RULES_FAULT_NONE);
		assert_slice(s->verdict.target, row[i].sent);
	}
}

static void
an_absolute_url_has_a_scheme_and_a_host(void **state)
{
	static const struct {
		const char *url;
		bool is_secure;
		uint32_t farm_i;
	} row[] = {
		{ "http://app/", false, 0 },
		{ "https://app/", true, 0 },
		{ "HTTPS://APP/", true, 0 },
		{ "ws://app/", false, 0 },
		{ "wss://app/", true, 0 },
		{ "http://app:80/", false, 0 }, /* the scheme's port is as good as none */
		{ "https://app:443/", true, 0 },
		{ "https://app:80/", true, IMG_NONE },
		{ "http://app:8080/", false, IMG_NONE },
		{ "http://plain:8080/", false, 1 },
		{ "http://plain/", false, IMG_NONE },
		{ "http://other/", false, IMG_NONE },
	};
	static const char *const bad[] = {
		"http://",	     "http:///x",      "http://?x",
		"ftp://app/",	     "file:///etc",    "gopher://x/",
		"http://a b/",	     "http://u@app/",  "http://app:x/",
		"http://app:99999/", "http://[::1/",   "http://[x]/",
		"http://\xc3\xa4/",  "http://app\\x/", "http://a%41b/",
		"http://:80/",	     "http://a:1:2/",  "javascript://%0aalert(1)",
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get("/");

		assert_int_equal(act(s, IMG_ACTION_REWRITE, row[i].url), RULES_FAULT_NONE);
		assert_int_equal(action_finish(s->lane), RULES_FAULT_NONE);
		assert_int_equal(s->verdict.outcome, RULES_PROXY);
		assert_int_equal(s->verdict.is_secure, row[i].is_secure);
		assert_int_equal(s->verdict.farm_i, row[i].farm_i);
	}
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(act(stand_get("/"), IMG_ACTION_REWRITE, bad[i]), RULES_FAULT_URL);
}

/* 3.3 */
static void
rewrites_follow_each_other(void **state)
{
	struct stand *s = stand_get("/a?x=1");
	uint32_t epoch = s->lane->url_epoch;

	(void)state;
	assert_int_equal(act(s, IMG_ACTION_REWRITE, "/b?y=2"), RULES_FAULT_NONE);
	assert_int_not_equal(s->lane->url_epoch, epoch);
	assert_slice(s->lane->url.path, "/b");
	assert_slice(s->lane->url.query, "y=2&x=1");
	assert_slice(s->lane->original.path, "/a");
	assert_int_equal(act(s, IMG_ACTION_REWRITE, "http://app{URL}/c?z"), RULES_FAULT_NONE);
	assert_slice(s->lane->url.path, "/b/c");
	assert_true(s->lane->url.is_absolute);
	s->rule.flags = 0;
	assert_int_equal(act(s, IMG_ACTION_REWRITE, "{REQUEST_URI}&more"), RULES_FAULT_NONE);
	assert_false(s->lane->url.is_absolute); /* the last word counts */
	assert_sent(s, NULL, "/b/c?z&y=2&x=1&more");
}

static void
an_unchanged_url_is_sent_as_it_came(void **state)
{
	struct stand *s = stand_get("/a%2Fb//c/../d?x=%zz");

	(void)state;
	assert_int_equal(act(s, IMG_ACTION_NONE, NULL), RULES_FAULT_NONE);
	assert_false(s->verdict.is_changed);
	assert_sent(s, NULL, "");
}

/* 3.4 */
static void
a_rewritten_url_is_encoded_as_its_scope_says(void **state)
{
	enum {
		RAW = IMG_SCOPE_RAW_ENCODING,
		SPELLING = IMG_SCOPE_KEEP_SPELLING,
	};
	static const struct {
		uint32_t flags;
		const char *target, *url, *sent;
	} row[] = {
		{ 0, "/a%20b", "http://app/{R:0}", "/a%20b" },
		{ 0, "/", "http://app/\xc3\xa4 \"x\"", "/%C3%A4%20%22x%22" },
		{ 0, "/a%2520b", "http://app/{R:0}", "/a%2520b" },
		{ 0, "/", "http://app/100%", "/100%25" },
		{ 0, "/", "http://app/%20", "/%2520" },
		{ 0, "/a%20b?q", "http://app{UNENCODED_URL}", "/a%2520b?q" }, /* twice */
		{ 0, "/a%2Fb", "http://app/{R:0}", "/a/b" },
		{ 0, "/a", "http://app/{UrlEncode:/x y}", "/%252Fx%2520y" },
		{ 0, "/a", "http://app/?p={UrlEncode:/x y}", "/?p=%2Fx%20y" },
		/* useOriginalURLEncoding="false": the exact target */
		{ RAW, "/a%20b//c/%2e%2e/[x|y]%2f?q=%zz", "http://app{UNENCODED_URL}",
		  "/a%20b//c/%2e%2e/[x|y]%2f?q=%zz" },
		{ RAW, "/x", "http://app/%20%zz%", "/%20%25zz%25" },
		{ RAW, "/x", "http://app/a b\xc3\xa4", "/a%20b%C3%A4" },
		{ RAW, "/a%22b", "http://app/{R:0}", "/a%22b" },
		/* choice 8: an escaped '?' or '#' delimits nothing, whichever way it came */
		{ 0, "/a%3Fb", "http://app/{R:0}", "/a%3Fb" },
		{ RAW, "/a%3Fb", "http://app/{R:0}", "/a%3Fb" },
		{ 0, "/a%3fb%23c?q", "http://app/{R:0}", "/a%3Fb%23c?q" },
		{ 0, "/a%3Fb?q", "http://app{URL}", "/a%3Fb?q" },
		{ 0, "/a%3Fb", "http://app/{ToLower:X{R:0}}", "/xa%3Fb" },
		{ 0, "/a%3Fb", "http://app/{HtmlEncode:{R:0}}", "/a%3Fb" },
		{ 0, "/a%3Fb", "http://app/x?p={R:0}", "/x?p=a%3Fb" },
		{ 0, "/a%23b", "http://app/x?p={R:0}", "/x?p=a%23b" },
		{ 0, "/a%20b", "http://app/x?p={R:0}", "/x?p=a%20b" },
		{ 0, "/a%C3%A4", "http://app/x?p={R:0}", "/x?p=a%C3%A4" },
		{ 0, "/a?u=b%3Fc", "http://app/{UrlDecode:{QUERY_STRING}}", "/u=b?c&u=b%3Fc" },
		{ 0, "/a%3Fb?q", "http://app{REQUEST_URI}&x", "/a%3Fb?q&x&q" },
		/* choice 9 */
		{ SPELLING, "/a%2Fb%2fc%20", "http://app/{R:0}", "/a%2Fb%2fc%20" },
		{ SPELLING, "/a%2Fb", "http://app/x y/{R:0}%", "/x%20y/a%2Fb%25" },
		{ SPELLING, "/%FF%3f", "http://app/{R:0}", "/%FF%3f" },
		{ SPELLING, "/%41", "http://app/{ToLower:{R:0}}", "/%61" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get(row[i].target);

		s->scope->flags = row[i].flags;
		if (strstr(row[i].url, "UNENCODED_URL") != NULL) /* has the query already */
			s->rule.flags = 0;
		stand_r(s, 0, NULL);
		assert_int_equal(act(s, IMG_ACTION_REWRITE, row[i].url), RULES_FAULT_NONE);
		assert_int_equal(action_finish(s->lane), RULES_FAULT_NONE);
		assert_slice(s->verdict.target, row[i].sent);
	}
}

static void
an_escaped_question_mark_stays_one_through_all(void **state)
{
	struct stand *s = stand_get("/a%3Fb");
	struct slice input;

	(void)state;
	stand_r(s, 0, NULL);
	stand_set(s, IMG_SET_VARIABLE, "KEPT", "<{R:0}>", true);
	assert_int_equal(sets_do(s->lane, &s->rule), RULES_FAULT_NONE);
	assert_int_equal(act(s, IMG_ACTION_REWRITE, "/x/{R:0}"), RULES_FAULT_NONE);
	assert_true(path_input(s->lane->url.path, SLICE("/"), &input));
	assert_slice(input, "x/a?b"); /* a rule sees a '?' */
	s->lane->c.s[0] = slice_of(input.p + 3, 2);
	s->lane->c.n = 1;
	assert_int_equal(act(s, IMG_ACTION_REWRITE, "/{C:0}/{KEPT}{URL}?q"), RULES_FAULT_NONE);
	assert_sent(s, NULL, "/%3Fb/%3Ca%3Fb%3E/x/a%3Fb?q");
}

static void
line_breaks_and_nul_never_leave(void **state)
{
	static const char *const url[] = {
		"/{R:0}",   "http://app/{R:0}", "/?{R:0}",	     "http://{R:0}/",
		"/x#{R:0}", "/{UrlDecode:%0A}", "/?{UrlDecode:%0d}", "/{UrlDecode:%00}",
	};
	static const char *const target[] = { "/a%0Db", "/a%0Ab", "/a%0d%0aSet-Cookie:%20x" };

	(void)state;
	for (uint32_t i = 0; i < sizeof(url) / sizeof(url[0]); i++)
		for (uint32_t k = 0; k < sizeof(target) / sizeof(target[0]); k++) {
			struct stand *s = stand_get(target[k]);

			stand_r(s, 0, NULL);
			assert_int_equal(act(s, IMG_ACTION_REWRITE, url[i]), RULES_FAULT_BYTES);
			assert_int_equal(act(s, IMG_ACTION_REDIRECT, url[i]), RULES_FAULT_BYTES);
			assert_false(s->verdict.is_changed);
		}
}

/* ---- 12.2 ---- */

static void
a_redirect_has_an_absolute_location(void **state)
{
	static const struct {
		const char *folder, *target, *url, *location;
	} row[] = {
		{ "/", "/a", "https://new.example/x", "https://new.example/x" },
		{ "/", "/a?q=1", "https://new.example/x", "https://new.example/x?q=1" },
		{ "/", "/a?q=1", "https://new.example/x?p=9", "https://new.example/x?p=9&q=1" },
		{ "/", "/a", "https://new.example", "https://new.example" },
		{ "/", "/a", "/b", "http://www.example.com/b" },
		{ "/", "/a", "b", "http://www.example.com/b" },
		{ "/f", "/f/a", "b", "http://www.example.com/f/b" },
		{ "/f", "/f/a", "/b", "http://www.example.com/b" },
		{ "/f", "/f/a", "{R:0}/", "http://www.example.com/f/a/" },
		{ "/", "/a", "", "http://www.example.com/" },
		{ "/", "/a", "https://{HTTP_HOST}/{R:0}", "https://www.example.com/a" },
		/* the query doubles where {REQUEST_URI} has it already */
		{ "/", "/a?q", "https://h{REQUEST_URI}", "https://h/a?q&q" },
		/* choice 18: before the fragment */
		{ "/", "/a?q=1", "/b#top", "http://www.example.com/b?q=1#top" },
		{ "/", "/a?q=1", "/b?p#top", "http://www.example.com/b?p&q=1#top" },
		{ "/", "/a", "/b#top?x", "http://www.example.com/b#top?x" },
		/* choice 7: escapes stay, other characters are encoded */
		{ "/", "/a", "/b%20c d\xc3\xa4%zz", "http://www.example.com/b%20c%20d%C3%A4%25zz" },
		{ "/", "/a%20b", "/{R:0}", "http://www.example.com/a%20b" },
		{ "/", "/a%2520b", "/{R:0}", "http://www.example.com/a%20b" },
		{ "/", "/a%20b", "{UNENCODED_URL}", "http://www.example.com/a%20b" },
		{ "/", "/a%2Fb", "/{R:0}", "http://www.example.com/a/b" },
		{ "/", "/a%3Fb", "/{R:0}", "http://www.example.com/a%3Fb" }, /* choice 8 */
		{ "/", "/a", "https://h/?u={UrlEncode:{URL} x}", "https://h/?u=%2Fa%20x" },
		{ "/", "/a", "https://h/?u=a b\xc3\xa4", "https://h/?u=a%20b%C3%A4" },
		{ "/", "/a", "https://h/#a b", "https://h/#a%20b" },
		{ "/", "/a", "//h/x", "http://www.example.com//h/x" },
		{ "/", "/a", "ms-help://x/y", "ms-help://x/y" }, /* any scheme */
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get(row[i].target);

		folder_is(s, row[i].folder);
		stand_r(s, 0, NULL);
		s->rule.status = 302;
		assert_int_equal(act(s, IMG_ACTION_REDIRECT, row[i].url), RULES_FAULT_NONE);
		assert_int_equal(s->verdict.outcome, RULES_REDIRECT);
		assert_int_equal(s->verdict.status, 302);
		assert_slice(s->verdict.location, row[i].location);
	}
}

static void
a_redirect_goes_where_the_client_came_to(void **state)
{
	static const struct {
		const char *host;
		bool is_secure;
		uint16_t port;
		const char *location;
	} row[] = {
		{ "h", false, 80, "http://h/x" },
		{ "h", true, 443, "https://h/x" },
		{ "h:8080", false, 8080, "http://h:8080/x" },
		{ "h", false, 8080, "http://h/x" }, /* what the client said */
		{ "[::1]:81", false, 81, "http://[::1]:81/x" },
		{ "", false, 80, "http://10.0.0.1/x" },
		{ "", false, 8080, "http://10.0.0.1:8080/x" },
		{ "", true, 443, "https://10.0.0.1/x" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct stand *s = stand_get("/a");

		s->subject.host = slice_of(row[i].host, (uint32_t)strlen(row[i].host));
		s->subject.is_secure = row[i].is_secure;
		s->subject.local_port = row[i].port;
		assert_int_equal(act(s, IMG_ACTION_REDIRECT, "/x"), RULES_FAULT_NONE);
		assert_slice(s->verdict.location, row[i].location);
	}
}

static void
a_redirect_has_its_status(void **state)
{
	static const uint16_t status[] = { 301, 302, 303, 307, 308 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(status) / sizeof(status[0]); i++) {
		struct stand *s = stand_get("/a");

		s->rule.status = status[i];
		assert_int_equal(act(s, IMG_ACTION_REDIRECT, "/b"), RULES_FAULT_NONE);
		assert_int_equal(s->verdict.status, status[i]);
	}
	struct stand *s = stand_get("/a?x=1");

	s->rule.flags = 0;
	assert_int_equal(act(s, IMG_ACTION_REDIRECT, "https://h{REQUEST_URI}"), RULES_FAULT_NONE);
	assert_int_equal(s->verdict.status, 301); /* the default */
	assert_slice(s->verdict.location, "https://h/a?x=1");
	assert_int_equal(act(stand_get("/"), IMG_ACTION_REDIRECT, "http:///x"), RULES_FAULT_URL);
}

/* Location is what comes back from our own reading of it: nothing of it is a header's end. */
static void
a_location_is_visible_ascii(void **state)
{
	struct stand *s = stand_get("/%01%7f%C2%80%09");

	(void)state;
	stand_r(s, 0, NULL);
	assert_int_equal(act(s, IMG_ACTION_REDIRECT, "http://a\x01\xff/{R:0}?{R:0}#{R:0}"),
			 RULES_FAULT_NONE);
	assert_slice(s->verdict.location, "http://a%01%FF/%01%7F%C2%80%09?%01%7F%C2%80%09"
					  "#%01%7F%C2%80%09");
}

/* ---- 12.3, 12.4, 12.5 ---- */

static void
a_response_is_made_of_expressions(void **state)
{
	struct stand *s = stand_get("/a%0Ab");

	(void)state;
	stand_r(s, 0, NULL);
	s->rule.status = 403;
	s->rule.substatus = 7;
	assert_int_equal(act(s, IMG_ACTION_RESPOND, NULL), RULES_FAULT_NONE);
	assert_int_equal(s->verdict.outcome, RULES_RESPOND);
	assert_int_equal(s->verdict.status, 403);
	assert_int_equal(s->verdict.substatus, 7);
	assert_slice(s->verdict.reason, "");
	assert_false(s->verdict.has_body);
	s->rule.reason_expr_i = stand_expr(s, "No {REQUEST_METHOD}");
	s->rule.body_expr_i = stand_expr(s, "<p>{HtmlEncode:<{R:0}>}</p>");
	assert_int_equal(act(s, IMG_ACTION_RESPOND, NULL), RULES_FAULT_NONE);
	assert_slice(s->verdict.reason, "No GET");
	assert_true(s->verdict.has_body);
	assert_slice(s->verdict.body, "<p>&lt;a\nb&gt;</p>");
	s->rule.reason_expr_i = stand_expr(s, "No {R:0}");
	assert_int_equal(act(s, IMG_ACTION_RESPOND, NULL), RULES_FAULT_BYTES);
	s->rule.reason_expr_i = stand_expr(s, "{R:1}");
	assert_int_equal(act(s, IMG_ACTION_RESPOND, NULL), RULES_FAULT_REFERENCE);
	s->rule.reason_expr_i = stand_expr(s, "a\tb");
	assert_int_equal(act(s, IMG_ACTION_RESPOND, NULL), RULES_FAULT_NONE);
	s->rule.reason_expr_i = stand_expr(s, "a\x7f");
	assert_int_equal(act(s, IMG_ACTION_RESPOND, NULL), RULES_FAULT_BYTES);
	s->rule.reason_expr_i = stand_expr(s, "a\x01");
	assert_int_equal(act(s, IMG_ACTION_RESPOND, NULL), RULES_FAULT_BYTES);
}

static void
abort_ends_and_none_does_not(void **state)
{
	struct stand *s = stand_get("/a");

	(void)state;
	assert_int_equal(act(s, IMG_ACTION_ABORT, NULL), RULES_FAULT_NONE);
	assert_int_equal(s->verdict.outcome, RULES_ABORT);
	s = stand_get("/a");
	assert_int_equal(act(s, IMG_ACTION_NONE, NULL), RULES_FAULT_NONE);
	assert_sent(s, NULL, "");
	assert_int_equal(s->verdict.farm_i, IMG_NONE);
}

/* ---- our own words ---- */

static void
a_rule_may_choose_a_farm_and_times(void **state)
{
	struct stand *s = stand_get("/a");

	(void)state;
	s->rule.farm_i = 1;
	s->rule.connect_ns = 5;
	s->rule.receive_ns = 7;
	assert_int_equal(act(s, IMG_ACTION_FARM, NULL), RULES_FAULT_NONE);
	assert_sent(s, NULL, "");
	assert_int_equal(s->verdict.farm_i, 1);
	assert_int_equal(s->verdict.connect_ns, 5);
	assert_int_equal(s->verdict.send_ns, 0);
	assert_int_equal(s->verdict.receive_ns, 7);
	/* times alone leave the farm; a path and a farm go together */
	s->rule.farm_i = IMG_NONE;
	s->rule.connect_ns = 0;
	s->rule.send_ns = 9;
	assert_int_equal(act(s, IMG_ACTION_NONE, NULL), RULES_FAULT_NONE);
	assert_int_equal(s->verdict.farm_i, 1);
	assert_int_equal(s->verdict.connect_ns, 5);
	assert_int_equal(s->verdict.send_ns, 9);
	s->rule.farm_i = 0;
	assert_int_equal(act(s, IMG_ACTION_REWRITE, "/b"), RULES_FAULT_NONE);
	assert_sent(s, NULL, "/b");
	assert_int_equal(s->verdict.farm_i, 0);
	/* the last word counts: an absolute URL after a farm, a farm after an absolute URL */
	s->rule.farm_i = IMG_NONE;
	assert_int_equal(act(s, IMG_ACTION_REWRITE, "http://elsewhere/c"), RULES_FAULT_NONE);
	assert_int_equal(s->verdict.farm_i, IMG_NONE);
	s->rule.farm_i = 1;
	assert_int_equal(act(s, IMG_ACTION_FARM, NULL), RULES_FAULT_NONE);
	assert_sent(s, NULL, "/c");
	assert_int_equal(s->verdict.farm_i, 1);
}

/* 12.6 */
static void
the_log_shows_the_rewritten_url_when_a_distributed_rule_says_so(void **state)
{
	struct stand *s = stand_get("/a");

	(void)state;
	assert_int_equal(act(s, IMG_ACTION_REWRITE, "/b"), RULES_FAULT_NONE);
	assert_false(s->verdict.logs_rewritten);
	s->rule.flags |= IMG_RULE_LOG_REWRITTEN;
	s->scope->kind = IMG_SCOPE_GLOBAL;
	assert_int_equal(act(s, IMG_ACTION_REWRITE, "/b"), RULES_FAULT_NONE);
	assert_false(s->verdict.logs_rewritten);
	s->scope->kind = IMG_SCOPE_LOCAL;
	assert_int_equal(act(s, IMG_ACTION_REWRITE, "/b"), RULES_FAULT_NONE);
	assert_true(s->verdict.logs_rewritten);
}

/* Scratch that ends at any byte is a fault and nothing else. */
static void
no_room_is_a_fault_wherever_it_ends(void **state)
{
	static const enum img_action action[] = { IMG_ACTION_REWRITE, IMG_ACTION_REDIRECT };

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		enum rules_fault fault = RULES_FAULT_ROOM;
		uint32_t room;

		for (room = 0; fault != RULES_FAULT_NONE; room++) {
			struct stand *s = stand_raw("/a%3Fb%20c?x", 12);

			s->lane->keep.room = room;
			fault = path_canonical(s->lane, s->subject.target, &s->lane->original);
			s->lane->url = s->lane->original;
			if (fault == RULES_FAULT_NONE) {
				stand_r(s, 0, NULL);
				fault = act(s, action[k], "{ToLower:X{R:0}Y}?{UrlEncode:{URL}}");
			}
			if (fault == RULES_FAULT_NONE && action[k] == IMG_ACTION_REWRITE)
				fault = action_finish(s->lane);
			assert_true(fault == RULES_FAULT_NONE || fault == RULES_FAULT_ROOM);
		}
		assert_in_range(room, 20, 1000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rewrite_replaces_the_path),
		cmocka_unit_test(the_own_query_comes_before_the_current_one),
		cmocka_unit_test(an_absolute_url_has_a_scheme_and_a_host),
		cmocka_unit_test(rewrites_follow_each_other),
		cmocka_unit_test(an_unchanged_url_is_sent_as_it_came),
		cmocka_unit_test(a_rewritten_url_is_encoded_as_its_scope_says),
		cmocka_unit_test(an_escaped_question_mark_stays_one_through_all),
		cmocka_unit_test(line_breaks_and_nul_never_leave),
		cmocka_unit_test(a_redirect_has_an_absolute_location),
		cmocka_unit_test(a_redirect_goes_where_the_client_came_to),
		cmocka_unit_test(a_redirect_has_its_status),
		cmocka_unit_test(a_location_is_visible_ascii),
		cmocka_unit_test(a_response_is_made_of_expressions),
		cmocka_unit_test(abort_ends_and_none_does_not),
		cmocka_unit_test(a_rule_may_choose_a_farm_and_times),
		cmocka_unit_test(the_log_shows_the_rewritten_url_when_a_distributed_rule_says_so),
		cmocka_unit_test(no_room_is_a_fault_wherever_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
