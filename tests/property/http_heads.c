/*
 * http_heads.c - http/ against a slow, plain reading of RFC 9110 and RFC 9112: random heads,
 * most of them nearly right, must be accepted by both or by neither, and mean the same to both.
 *
 * The reference splits a head into lines, lines into strings, and asks one question after another;
 * it shares nothing with http/ but the answers. PENSTOCK_SEED gives the first seed, PENSTOCK_SEEDS
 * how many (each 2,000 heads).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <cmocka.h>

#include "base/prng.h"
#include "http/http.h"

enum {
	TEXT_MAX = 4096,
	LINES_MAX = 64,
	HEADS = 2000,
};

/* ---- the reference ---- */

struct line {
	char text[TEXT_MAX]; /* without CRLF, NUL-terminated: a NUL inside is refused before */
};

struct field {
	char name[TEXT_MAX], value[TEXT_MAX];
};

struct meaning {
	bool accepted;
	int minor, status, field_n;
	enum http_framing framing;
	unsigned long long length;
	bool keep_alive, expect, tunnel;
	char method[TEXT_MAX], target[TEXT_MAX], host[TEXT_MAX], upgrade[TEXT_MAX];
};

static struct line line[LINES_MAX];
static struct field field[LINES_MAX];
static int line_n;

/* False when the head is not made of lines that end in CRLF and hold no other control bytes. */
static bool
ref_lines(const char *p)
{
	line_n = 0;
	for (;;) {
		const char *end = strstr(p, "\r\n");
		char *to = line[line_n].text;

		if (end == NULL || line_n == LINES_MAX)
			return false;
		memcpy(to, p, (size_t)(end - p));
		to[end - p] = 0;
		for (; *to != 0; to++) {
			if (((unsigned char)*to < ' ' && *to != '\t') || *to == 127)
				return false;
		}
		p = end + 2;
		if (line[line_n].text[0] == 0)
			return true;
		line_n++;
	}
}

static bool
ref_token(const char *s)
{
	return *s != 0 &&
	       strspn(s, "!#$%&'*+-.^_`|~0123456789"
			 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(s);
}

static bool
ref_digits(const char *s)
{
	return *s != 0 && strspn(s, "0123456789") == strlen(s);
}

static char *
ref_trim(char *s)
{
	s += strspn(s, " \t");
	while (*s != 0 && strchr(" \t", s[strlen(s) - 1]) != NULL)
		s[strlen(s) - 1] = 0;
	return s;
}

static bool
ref_fields(int from)
{
	for (int i = from; i < line_n; i++) {
		char *colon = strchr(line[i].text, ':');

		if (colon == NULL)
			return false;
		*colon = 0;
		if (!ref_token(line[i].text))
			return false;
		strcpy(field[i - from].name, line[i].text);
		strcpy(field[i - from].value, ref_trim(colon + 1));
	}
	return true;
}

static int
ref_count(const char *name, int n)
{
	int count = 0;

	for (int i = 0; i < n; i++)
		count += strcasecmp(field[i].name, name) == 0;
	return count;
}

static const char *
ref_first(const char *name, int n)
{
	for (int i = 0; i < n; i++) {
		if (strcasecmp(field[i].name, name) == 0)
			return field[i].value;
	}
	return NULL;
}

static bool
ref_in_list(const char *list, const char *element)
{
	char copy[TEXT_MAX], *save, *e;

	strcpy(copy, list);
	for (e = strtok_r(copy, ",", &save); e != NULL; e = strtok_r(NULL, ",", &save)) {
		if (strcasecmp(ref_trim(e), element) == 0)
			return true;
	}
	return false;
}

/* Whether a list in any of the fields with this name has this element. */
static bool
ref_lists(const char *name, const char *element, int n)
{
	for (int i = 0; i < n; i++) {
		if (strcasecmp(field[i].name, name) == 0 && ref_in_list(field[i].value, element))
			return true;
	}
	return false;
}

static bool
ref_host(const char *host)
{
	char name[TEXT_MAX];
	const char *port;

	strcpy(name, host);
	if (host[0] == '[') {
		char *end = strchr(name, ']');

		if (end == NULL || (end[1] != 0 && end[1] != ':'))
			return false;
		port = end[1] == ':' ? host + (end + 2 - name) : "";
		*end = 0;
		if (strlen(name) < 3 || strchr(name, ':') == NULL ||
		    strspn(name + 1, "0123456789abcdefABCDEF:.") != strlen(name + 1))
			return false;
	} else {
		char *colon = strchr(name, ':');

		port = colon != NULL ? host + (colon + 1 - name) : "";
		if (colon != NULL)
			*colon = 0;
		if (name[0] == 0 ||
		    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "-._~!$&'()*+;=") != strlen(name))
			return false;
	}
	return port[0] == 0 || (ref_digits(port) && strtoull(port, NULL, 10) <= 65535);
}

/* False when the fields do not say clearly where the content ends. */
static bool
ref_framing(struct meaning *m)
{
	int codings = ref_count("Transfer-Encoding", m->field_n);
	int lengths = ref_count("Content-Length", m->field_n);
	char copy[TEXT_MAX], *rest, *e;

	m->framing = HTTP_FRAMING_NONE;
	if (codings > 0) {
		if (codings > 1 || lengths > 0 || m->minor == 0 ||
		    strcasecmp(ref_first("Transfer-Encoding", m->field_n), "chunked") != 0)
			return false;
		m->framing = HTTP_FRAMING_CHUNKED;
		return true;
	}
	for (int i = 0, seen = 0; i < m->field_n; i++) {
		if (strcasecmp(field[i].name, "Content-Length") != 0)
			continue;
		strcpy(copy, field[i].value);
		rest = copy;
		while ((e = strsep(&rest, ",")) != NULL) {
			unsigned long long v;

			e = ref_trim(e);
			v = strtoull(e, NULL, 10); /* ULLONG_MAX when it is too much */
			if (!ref_digits(e) || v > INT64_MAX)
				return false;
			if (seen++ > 0 && v != m->length)
				return false;
			m->length = v;
		}
		m->framing = HTTP_FRAMING_LENGTH;
	}
	return true;
}

static void
ref_connection(struct meaning *m)
{
	const char *upgrade = "";
	bool close = ref_lists("Connection", "close", m->field_n);

	for (int i = 0; i < m->field_n && upgrade[0] == 0; i++) {
		if (strcasecmp(field[i].name, "Upgrade") == 0)
			upgrade = field[i].value;
	}
	m->keep_alive =
		!close && (m->minor > 0 || ref_lists("Connection", "keep-alive", m->field_n));
	m->upgrade[0] = 0;
	if (m->minor > 0 && ref_lists("Connection", "upgrade", m->field_n) &&
	    !ref_in_list(upgrade, "h2c") && !ref_in_list(upgrade, "h2"))
		strcpy(m->upgrade, upgrade);
}

/* "HTTP/1.x"; sets minor. */
static bool
ref_version(const char *s, int *minor)
{
	if (strncmp(s, "HTTP/1.", 7) != 0 || !ref_digits(s + 7) || strlen(s) != 8)
		return false;
	*minor = s[7] > '0';
	return true;
}

static bool
ref_target(struct meaning *m, char *from_target)
{
	const char *t = m->target;
	size_t n;

	from_target[0] = 0;
	if (strchr(t, '#') != NULL)
		return false;
	for (const char *p = t; *p != 0; p++) {
		if (*p <= ' ')
			return false; /* signed: 0x80 and above too */
	}
	if (strcmp(m->method, "CONNECT") == 0) {
		const char *port = strrchr(t, ':');

		strcpy(from_target, t);
		return ref_host(t) && port != NULL && ref_digits(port + 1) && atoi(port + 1) > 0;
	}
	if (t[0] == '/')
		return true;
	if (strcmp(t, "*") == 0)
		return strcmp(m->method, "OPTIONS") == 0;
	n = strncasecmp(t, "http://", 7) == 0 ? 7 : strncasecmp(t, "https://", 8) == 0 ? 8 : 0;
	if (n == 0)
		return false;
	strcpy(from_target, t + n);
	from_target[strcspn(from_target, "/?")] = 0;
	return ref_host(from_target);
}

static bool
ref_request(const char *text, struct meaning *m)
{
	char authority[TEXT_MAX], *first, *second;
	const char *host, *expect;
	bool none;

	if (strncmp(text, "\r\n", 2) == 0)
		text += 2;
	if (!ref_lines(text) || line_n == 0)
		return false;
	first = strchr(line[0].text, ' ');
	second = first != NULL ? strchr(first + 1, ' ') : NULL;
	if (second == NULL || second == first + 1 || !ref_version(second + 1, &m->minor))
		return false;
	*first = *second = 0;
	strcpy(m->method, line[0].text);
	strcpy(m->target, first + 1);
	m->field_n = line_n - 1;
	if (!ref_token(m->method) || strlen(m->method) > 64 || !ref_fields(1))
		return false;
	if (!ref_target(m, authority))
		return false;
	host = ref_first("Host", m->field_n);
	if (ref_count("Host", m->field_n) > 1 || (host == NULL && m->minor > 0))
		return false;
	if (host != NULL && host[0] != 0 && !ref_host(host))
		return false;
	strcpy(m->host, authority[0] != 0 ? authority : host != NULL ? host : "");
	if (!ref_framing(m))
		return false;
	ref_connection(m);
	none = strcmp(m->method, "CONNECT") == 0 || strcmp(m->method, "TRACE") == 0;
	if (none && (m->framing == HTTP_FRAMING_CHUNKED || m->length > 0))
		return false;
	if (none)
		m->framing = HTTP_FRAMING_NONE;
	expect = ref_first("Expect", m->field_n);
	for (int i = 0; i < m->field_n; i++) {
		if (strcasecmp(field[i].name, "Expect") == 0 &&
		    strcasecmp(field[i].value, "100-continue") != 0)
			return false;
	}
	m->expect = expect != NULL && m->minor > 0 &&
		    (m->framing == HTTP_FRAMING_CHUNKED || m->length > 0);
	return true;
}

static bool
ref_response(const char *text, enum http_method asked, struct meaning *m)
{
	char version[9] = "", *status, *phrase;

	if (!ref_lines(text) || line_n == 0 || strlen(line[0].text) < 12)
		return false;
	memcpy(version, line[0].text, 8);
	status = line[0].text + 8;
	phrase = status + 4;
	if (!ref_version(version, &m->minor) || status[0] != ' ' ||
	    (phrase[0] != 0 && phrase[0] != ' '))
		return false;
	phrase[0] = 0;
	if (!ref_digits(status + 1) || atoi(status + 1) < 100)
		return false;
	m->status = atoi(status + 1);
	m->field_n = line_n - 1;
	if (!ref_fields(1) || !ref_framing(m))
		return false;
	ref_connection(m);
	if (m->status == 101 && m->upgrade[0] == 0)
		return false;
	m->tunnel = m->status == 101;
	if (m->status < 200 || m->status == 204) {
		if (m->framing == HTTP_FRAMING_CHUNKED || m->length > 0)
			return false;
		m->framing = HTTP_FRAMING_NONE;
	} else if (asked == HTTP_METHOD_CONNECT && m->status < 300) {
		m->framing = HTTP_FRAMING_NONE;
		m->tunnel = true;
	} else if (m->status == 304 || asked == HTTP_METHOD_HEAD) {
		m->framing = HTTP_FRAMING_NONE;
	} else if (m->framing == HTTP_FRAMING_NONE) {
		m->framing = HTTP_FRAMING_CLOSE;
		m->keep_alive = false;
	}
	return true;
}

/* ---- heads that are nearly right ---- */

static struct prng dice;
static char text[TEXT_MAX];

static uint32_t
below(uint32_t n)
{
	return prng_below(&dice, n);
}

#define PICK(list) list[below(sizeof(list) / sizeof(list[0]))]

static const char *const method[] = { "GET",   "GET",	      "GET", "GET",	"POST",
				      "POST",  "HEAD",	      "PUT", "OPTIONS", "CONNECT",
				      "TRACE", "RPC_IN_DATA", "get", "G T",	"",
				      "A/B",   "M-SEARCH",    "X@" };
static const char *const target[] = { "/",
				      "/",
				      "/",
				      "/a/b?c=d",
				      "*",
				      "h:80",
				      "http://h/p",
				      "/%20",
				      "https://h:1?q",
				      "http://",
				      "http://u@h/",
				      "/#f",
				      "x",
				      "",
				      "[::1]:443",
				      "http://[::1]:8/",
				      "/a\"b|c",
				      "HTTP://h",
				      "//" };
static const char *const version[] = { "HTTP/1.1", "HTTP/1.1", "HTTP/1.1",  "HTTP/1.1", "HTTP/1.1",
				       "HTTP/1.1", "HTTP/1.0", "HTTP/1.0",  "HTTP/1.2", "HTTP/2.0",
				       "HTTP/1.",  "http/1.1", "HTTP/1.1 ", "" };
static const char *const status[] = { "200 OK",
				      "200 OK",
				      "200 OK",
				      "200",
				      "204 No Content",
				      "404 ",
				      "304 Not Modified",
				      "100 Continue",
				      "101 Switching",
				      "503 RPC Error: 6ba",
				      "099 x",
				      "20 x",
				      "2000 x",
				      "" };
static const char *const host[] = { "h",	"h",   "h:8080", "a.example",	  "[::1]",
				    "[::1]:80", "",    "a b",	 "a,b",		  "h:x",
				    "h:99999",	"u@h", "[::1",	 "-_~!$&'()*+;=", "1.2.3.4:" };
static const char *const length[] = { "0",
				      "5",
				      "5",
				      "5",
				      "6",
				      "5, 5",
				      "5,6",
				      "",
				      "-1",
				      "+5",
				      "0x5",
				      "5 5",
				      "5,",
				      "123456789012345678",
				      "0000000000000000005" };
static const char *const coding[] = { "chunked",       "chunked",	   "chunked",  "Chunked",
				      "gzip, chunked", "chunked, chunked", "identity", "",
				      "xchunked",      "chunked ;a",	   "chunked," };
static const char *const connection[] = {
	"close", "keep-alive", "Upgrade", "x, close", "Keep-Alive",	      "upgrade, keep-alive",
	"",	 "closed",     "te",	  " , close", "host, content-length", "x-a,X-B"
};
static const char *const upgrade[] = { "websocket", "websocket", "h2c", "h2c, websocket", "" };
static const char *const expect[] = { "100-continue", "100-Continue", "x", "" };
static const char *const name[] = { "A",
				    "X-B",
				    "Accept",
				    "User-Agent",
				    "Cookie",
				    "Content-Lengt",
				    "Hostt",
				    "Transfer_Encoding",
				    "Content-Type",
				    "a:",
				    "B ",
				    "",
				    "C\t",
				    "D(",
				    "Trailer",
				    "ETag" };
static const char *const value[] = {
	"", "v", "a b\tc", "x: y", "0123456789abcdef0123456789", "\xc3\xa9\xff", "\"q\"", "a,b;c=d"
};
static const char *const line_end[] = { "\n", "\r", "\r\r\n", "\n\r", "\r\n ", "\r\n\t", "" };

static void
add(const char *s)
{
	strcat(text, s);
}

static void
add_field(const char *n, const char *v)
{
	static const char *const before[] = { " ", " ", " ", "", "\t", "  " };
	static const char *const after[] = { "", "", "", "", " ", "\t " };

	add(n);
	add(below(60) == 0 ? " :" : ":");
	add(PICK(before));
	add(v);
	add(PICK(after));
	add(below(60) == 0 ? PICK(line_end) : "\r\n");
}

static void
add_fields(bool is_request)
{
	uint32_t n = below(6);

	if (is_request && below(20) != 0)
		add_field("Host", below(2) == 0 ? "h" : PICK(host));
	for (uint32_t i = 0; i < n; i++) {
		switch (below(12)) {
		case 0:
		case 1:
			add_field("Content-Length", PICK(length));
			break;
		case 2:
			add_field("transfer-encoding", PICK(coding));
			break;
		case 3:
		case 4:
			add_field("Connection", PICK(connection));
			break;
		case 5:
			add_field("UPGRADE", PICK(upgrade));
			break;
		case 6:
			if (is_request)
				add_field("Expect", PICK(expect));
			break;
		case 7:
			if (below(4) == 0)
				add_field("hOST", PICK(host));
			break;
		default:
			add_field(below(3) == 0 ? PICK(name) : "X-A", PICK(value));
		}
	}
}

/* Turns up to two bytes of one head in five into something else. */
static void
spoil(void)
{
	static const char bytes[] = "\r\n\t :,;\x01\x0b\x7f\x80"
				    "a0[]";
	uint32_t n = (uint32_t)strlen(text);

	for (uint32_t turns = below(5) == 0 ? 1 + below(2) : 0; turns > 0; turns--)
		text[below(n)] = bytes[below(sizeof(bytes) - 1)];
}

static void
make_request(void)
{
	text[0] = 0;
	if (below(20) == 0)
		add("\r\n");
	add(below(2) == 0 ? "GET" : PICK(method));
	add(below(60) == 0 ? "  " : " ");
	add(below(2) == 0 ? "/" : PICK(target));
	add(" ");
	add(PICK(version));
	add(below(60) == 0 ? PICK(line_end) : "\r\n");
	add_fields(true);
	add("\r\n");
	spoil();
	add("\r\n\r\n"); /* so that the head ends, whatever was spoilt */
}

static void
make_response(void)
{
	text[0] = 0;
	add(PICK(version));
	add(" ");
	add(PICK(status));
	add(below(60) == 0 ? PICK(line_end) : "\r\n");
	add_fields(false);
	add("\r\n");
	spoil();
	add("\r\n\r\n");
}

/* ---- the comparison ---- */

static bool
equal(struct slice a, const char *b)
{
	return slice_eq(a, slice_of(b, (uint32_t)strlen(b)));
}

static bool
same_head(const struct http_head *h, const struct meaning *m)
{
	return h->minor == m->minor && h->keep_alive == m->keep_alive && h->framing == m->framing &&
	       (int)h->field_n == m->field_n &&
	       (h->framing != HTTP_FRAMING_LENGTH || h->length == m->length);
}

static bool
request_agrees(void)
{
	static const struct http_limits limits = HTTP_LIMITS_DEFAULT;
	static struct http_request r;
	static struct meaning m;
	struct http_resume resume = { 0 };
	enum http_verdict v =
		http_parse_request(slice_of(text, (uint32_t)strlen(text)), &limits, &resume, &r);

	memset(&m, 0, offsetof(struct meaning, method));
	m.accepted = ref_request(text, &m);
	if (v == HTTP_NEED_MORE || m.accepted != (v == HTTP_DONE))
		return false;
	return !m.accepted || (same_head(&r.head, &m) && r.expect_continue == m.expect &&
			       equal(r.method, m.method) && equal(r.target, m.target) &&
			       equal(r.host, m.host) && equal(r.head.upgrade, m.upgrade));
}

static bool
response_agrees(void)
{
	static const enum http_method asks[] = { HTTP_METHOD_GET, HTTP_METHOD_GET, HTTP_METHOD_HEAD,
						 HTTP_METHOD_CONNECT };
	static const struct http_limits limits = HTTP_LIMITS_DEFAULT;
	static struct http_response r;
	static struct meaning m;
	enum http_method asked = PICK(asks);
	struct http_resume resume = { 0 };
	enum http_verdict v = http_parse_response(slice_of(text, (uint32_t)strlen(text)), &limits,
						  &resume, asked, &r);

	memset(&m, 0, offsetof(struct meaning, method));
	m.accepted = ref_response(text, asked, &m);
	if (v == HTTP_NEED_MORE || m.accepted != (v == HTTP_DONE))
		return false;
	return !m.accepted ||
	       (same_head(&r.head, &m) && r.status == m.status && r.tunnel == m.tunnel);
}

static void
heads_agree(void (*make)(void), bool (*agrees)(void))
{
	const char *seed_text = getenv("PENSTOCK_SEED"), *seeds_text = getenv("PENSTOCK_SEEDS");
	uint64_t seed = seed_text != NULL ? strtoull(seed_text, NULL, 0) : 1;
	uint64_t seeds = seeds_text != NULL ? strtoull(seeds_text, NULL, 0) : 50;

	for (uint64_t s = seed; s < seed + seeds; s++) {
		prng_init(&dice, s);
		for (uint32_t i = 0; i < HEADS; i++) {
			make();
			if (agrees())
				continue;
			print_error("seed %llu, head %u:\n%s", (unsigned long long)s, i, text);
			fail();
		}
	}
}

static void
requests_mean_the_same_to_a_slow_reader(void **state)
{
	(void)state;
	heads_agree(make_request, request_agrees);
}

static void
responses_mean_the_same_to_a_slow_reader(void **state)
{
	(void)state;
	heads_agree(make_response, response_agrees);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_mean_the_same_to_a_slow_reader),
		cmocka_unit_test(responses_mean_the_same_to_a_slow_reader),
	};

	return cmocka_run_group_tests_name("http heads", tests, NULL, NULL);
}
