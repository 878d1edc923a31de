/*
 * question.c - what was asked: the URL, the listener that fits it, and the head that a client
 * would send.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conf/value.h"
#include "ctl/explain_state.h"

enum explain_verdict
explain_unclear(json_t **ret_answer, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	*ret_answer = json_pack("{s:b, s:s}", "ok", 0, "error", text);
	return EXPLAIN_USAGE;
}

/* ---- the URL and its listener ---- */

/* http://host[:port][/path][?query] (RFC 3986, 3). False: it is none. */
static bool
url_split(const char *text, struct url *ret_url)
{
	struct url url = { 0 };
	const char *host, *end;

	if (strncasecmp(text, "http://", 7) == 0)
		host = text + 7;
	else if (strncasecmp(text, "https://", 8) == 0)
		host = text + 8;
	else
		return false;
	url.is_secure = host == text + 8;
	end = host + strcspn(host, "/?#");
	url.host = slice_of(host, (uint32_t)(end - host));
	url.path = end;
	if (!http_split_host(url.host, &url.name, &url.port))
		return false;
	if (url.port == 0)
		url.port = url.is_secure ? 443 : 80;
	*ret_url = url;
	return true;
}

bool
explain_is_url(const char *text)
{
	struct url url;

	return url_split(text, &url);
}

/* The URL's host as an address, when it is one. */
static bool
url_address(const struct url *url, struct ip_addr *ret_ip)
{
	char text[VALUE_IP_TEXT];
	struct slice name = url->name;

	if (name.n >= 2 && name.p[0] == '[')
		name = slice_of(name.p + 1, name.n - 2);
	if (name.n >= sizeof(text))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return value_ip(text, ret_ip) == VALUE_OK;
}

static bool
listener_fits(const struct explain *x, uint32_t i)
{
	const struct img_listener *listener = img_listener(x->img, i);
	struct ip_addr ip;

	if (listener->protocol != IMG_PROTOCOL_HTTP || x->url.is_secure ||
	    listener->tcp_port != x->url.port)
		return false;
	return ip_is_none(&listener->ip) || !url_address(&x->url, &ip) || ip_eq(&listener->ip, &ip);
}

static enum explain_verdict
listener_choose(struct explain *x, json_t **ret_answer)
{
	json_t *names;
	uint32_t n = 0;

	if (x->ask->is_alone) {
		x->listener_i = 0;
		return EXPLAINED;
	}
	if (x->ask->listener != NULL) {
		x->listener_i =
			img_find_listener(x->img, x->ask->listener, strlen(x->ask->listener));
		if (x->listener_i != (uint32_t)IMG_NONE)
			return EXPLAINED;
		return explain_unclear(ret_answer, "there is no listener '%s'", x->ask->listener);
	}
	names = json_array();
	for (uint32_t i = 0; i < img_n(x->img, IMG_LISTENERS); i++) {
		if (!listener_fits(x, i))
			continue;
		x->listener_i = i;
		n++;
		json_array_append_new(names,
				      json_string(img_text(x->img, img_listener(x->img, i)->name)));
	}
	if (n == 1) {
		json_decref(names);
		return EXPLAINED;
	}
	if (n == 0)
		for (uint32_t i = 0; i < img_n(x->img, IMG_LISTENERS); i++)
			json_array_append_new(
				names,
				json_string(img_text(x->img, img_listener(x->img, i)->name)));
	explain_unclear(ret_answer, "%s listener fits %s; choose one with --listener",
			n == 0 ? "no" : "more than one", x->ask->url);
	json_object_set_new(*ret_answer, "listeners", names);
	return EXPLAIN_USAGE;
}

/* ---- the head ---- */

static bool head_add(struct explain *x, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool
head_add(struct explain *x, const char *format, ...)
{
	size_t room = sizeof(x->head) - x->head_n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(x->head + x->head_n, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		return false;
	x->head_n += (uint32_t)n;
	return true;
}

static bool
is_host_field(const char *field)
{
	return strncasecmp(field, "host:", 5) == 0;
}

/* The request head as a client would send it. False: longer than any limit. */
static bool
head_write(struct explain *x)
{
	const struct explain_ask *ask = x->ask;
	int path_n = (int)strcspn(x->url.path, "#");
	bool has_host = false, is_good;

	if (ask->target != NULL)
		is_good = head_add(x, "%s %s HTTP/1.1\r\n", ask->method, ask->target);
	else
		is_good = head_add(x, "%s %s%.*s HTTP/1.1\r\n", ask->method,
				   x->url.path[0] == '/' ? "" : "/", path_n, x->url.path);
	for (uint32_t i = 0; i < ask->field_n; i++)
		has_host |= is_host_field(ask->field[i]);
	if (!has_host)
		is_good &= head_add(x, "Host: %.*s\r\n", (int)x->url.host.n,
				    (const char *)x->url.host.p);
	for (uint32_t i = 0; i < ask->field_n; i++)
		is_good &= head_add(x, "%s\r\n", ask->field[i]);
	return is_good && head_add(x, "\r\n");
}

/* As the proxy sets them (proxy/listen.c). */
static struct http_limits
limits_of(const struct explain *x)
{
	const struct img_machine *machine = img_machine(x->img);
	struct http_limits limits = HTTP_LIMITS_DEFAULT;

	if (machine->head_max_bytes != 0)
		limits.head_bytes = machine->head_max_bytes < HTTP_HEAD_BYTES_MAX
					    ? machine->head_max_bytes
					    : HTTP_HEAD_BYTES_MAX;
	if (machine->target_max_bytes != 0)
		limits.target_bytes = machine->target_max_bytes;
	if (limits.target_bytes > limits.head_bytes)
		limits.target_bytes = limits.head_bytes;
	if (machine->fields_max != 0)
		limits.fields_n = machine->fields_max < HTTP_FIELDS_MAX ? machine->fields_max
									: HTTP_FIELDS_MAX;
	limits.body_bytes = machine->body_max_bytes;
	limits.target_octets = true;
	return limits;
}

enum explain_verdict
question_read(struct explain *x, json_t **ret_answer)
{
	enum explain_verdict verdict;

	if (!url_split(x->ask->url, &x->url))
		return explain_unclear(
			ret_answer, "'%s' is no URL; write for example http://www.example.com/path",
			x->ask->url);
	verdict = listener_choose(x, ret_answer);
	if (verdict == EXPLAINED && !head_write(x))
		verdict = explain_unclear(ret_answer, "the request head is longer than 64 KiB");
	return verdict;
}

enum http_reason
question_parse(struct explain *x)
{
	struct http_limits limits = limits_of(x);
	struct http_resume resume = { 0 };

	switch (http_parse_request(slice_of(x->head, x->head_n), &limits, &resume, &x->request)) {
	case HTTP_DONE:
		return HTTP_REASON_NONE;
	case HTTP_REFUSED:
		return x->request.reason;
	case HTTP_NEED_MORE:
		break;
	}
	return HTTP_REASON_HEAD_LONG;
}
