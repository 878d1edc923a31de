/*
 * url.c - what of a URL is there before any request is: a scheme and a host that can never work
 * are told when they are read, and not by 500.50 when the rule fires (12.1).
 *
 * Goes by the engine's notions (dataplane/rules/action.c): what is refused here would fail there.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "rules/parts.h"

enum {
	SHOWN = 80 /* bytes of a URL in a message */
};

/* Bytes of "scheme://" at the start (RFC 3986, 3.1); 0: there is none. */
static size_t
scheme_n(const char *text, size_t text_n)
{
	size_t n = 0;

	while (n < text_n &&
	       (isalpha((unsigned char)text[n]) ||
		(n > 0 && (isdigit((unsigned char)text[n]) || strchr("+-.", text[n]) != NULL))))
		n++;
	return n > 0 && text_n - n >= 3 && memcmp(text + n, "://", 3) == 0 ? n + 3 : 0;
}

/* Behind the host a colon and digits that are a port, or neither. False: no port. */
static bool
port_cut(const char *text, size_t *n)
{
	size_t digits = 0;
	uint32_t port = 0;

	while (digits < *n && isdigit((unsigned char)text[*n - 1 - digits]))
		digits++;
	if (digits == *n || text[*n - 1 - digits] != ':')
		return true;
	*n -= digits + 1;
	for (size_t i = 0; i < digits && port <= UINT16_MAX; i++)
		port = port * 10 + (uint32_t)(text[*n + 1 + i] - '0');
	return port <= UINT16_MAX;
}

/* "name", "[v6]", either with ":port". */
static bool
is_authority(const char *text, size_t n)
{
	static const char mark[] = "-._~!$&'()*+,;=", v6[] = "0123456789abcdefABCDEF:.";

	if (!port_cut(text, &n))
		return false;
	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		for (size_t i = 1; i < n - 1; i++)
			if (strchr(v6, text[i]) == NULL)
				return false;
		return true;
	}
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && strchr(mark, text[i]) == NULL)
			return false;
	return n > 0;
}

static bool
is_scheme(const char *text, size_t n)
{
	static const char *const known[] = { "http", "https", "ws", "wss" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i]) == n && strncasecmp(known[i], text, n) == 0)
			return true;
	return false;
}

/* What is in a message of a URL that may be long. */
static const char *
shown(struct making *m, const char *text, size_t n)
{
	return n <= SHOWN ? arena_text(&m->arena, text, n)
			  : arena_format(&m->arena, "%.*s...", (int)SHOWN, text);
}

/* Where a client is sent: names in letters of any kind are written for it, user information goes. */
static bool
is_place(const char *text, size_t n)
{
	size_t user_n = n;
	bool is_plain = true;

	while (user_n > 0 && text[user_n - 1] != '@')
		user_n--;
	for (size_t i = 0; i < n; i++)
		is_plain &= strchr("\\<>\"^`{|} ", text[i]) == NULL;
	text += user_n;
	n -= user_n;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] >= 0x80)
			return is_plain && port_cut(text, &n) && n > 0;
	return is_plain && is_authority(text, n);
}

/* What stands as a host for an action of this scheme. */
static bool
is_host(enum img_action action, const char *scheme, size_t scheme_n, const char *host, size_t n)
{
	if (action == IMG_ACTION_REWRITE)
		return is_authority(host, n);
	return is_scheme(scheme, scheme_n) ? is_place(host, n) : n > 0;
}

bool
url_check(struct making *m, const struct whose *w, enum img_action action, const struct expr *url)
{
	const char *text, *host;
	size_t n, scheme, host_n = 0;

	if (url->op_n == 0 || url->op[0].kind != IMG_OP_TEXT)
		return true;
	text = url->op[0].text;
	n = url->op[0].n;
	scheme = scheme_n(text, n);
	if (scheme == 0)
		return true;
	if (action == IMG_ACTION_REWRITE && !is_scheme(text, scheme - 3)) {
		say_error(m, w, url->at,
			  "url '%s': a request cannot be sent by %s; use http (or https, ws, wss)",
			  shown(m, text, n), shown(m, text, scheme - 3));
		return false;
	}
	host = text + scheme;
	while (scheme + host_n < n && strchr("/?#", host[host_n]) == NULL)
		host_n++;
	if (scheme + host_n == n && url->op_n > 1)
		return true; /* the rest of it comes out of the request */
	if (is_host(action, text, scheme - 3, host, host_n))
		return true;
	say_error(m, w, url->at,
		  "url '%s': '%s' is no host, a name or an address and perhaps a port; write for "
		  "example http://app1.internal:8080/{R:1}",
		  shown(m, text, n), shown(m, host, host_n));
	return false;
}
