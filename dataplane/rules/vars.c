/*
 * vars.c - server variables (9).
 *
 * Which follow the current URL (3.3, choice 6): URL, PATH_INFO, SCRIPT_NAME, QUERY_STRING and
 * REQUEST_URI; UNENCODED_URL, HTTP_URL, CACHE_URL and HTTP_X_ORIGINAL_URL stay with the original.
 * There is no document root, so file names are empty.
 */
#include "rules/fields.h"

/* ---- names ---- */

static const char *const variable_at[] = {
#define X(part, name) name,
	RULES_VARIABLE_LIST(X)
#undef X
};

const char *
rules_variable_name(enum rules_variable v)
{
	return (uint32_t)v < RULES_VARIABLES ? variable_at[v] : "unknown";
}

uint8_t
variable_byte(uint8_t c)
{
	return c == '-' ? '_' : (uint8_t)(c - 'a') <= 'z' - 'a' ? c & ~0x20 : c;
}

enum rules_variable
rules_variable_of(struct slice name)
{
	for (uint32_t v = RULES_VARIABLE_NONE + 1; v < RULES_VARIABLES; v++) {
		uint32_t i = 0, n = (uint32_t)strlen(variable_at[v]);

		while (n == name.n && i < n &&
		       variable_byte(name.p[i]) == (uint8_t)variable_at[v][i])
			i++;
		if (i == name.n && n == name.n)
			return v;
	}
	return RULES_VARIABLE_NONE;
}

/* ---- variables ---- */

struct slice
host_name(struct slice host, struct slice *ret_port)
{
	uint32_t n = host.n;

	while (n > 0 && (uint8_t)(host.p[n - 1] - '0') <= 9)
		n--;
	*ret_port = slice_of(NULL, 0);
	if (n == 0 || host.p[n - 1] != ':')
		return host;
	/* A colon of an address without brackets is no port's. */
	if (memchr(host.p, ':', n - 1) != NULL && host.p[0] != '[')
		return host;
	if (host.p[0] == '[' && (n < 2 || host.p[n - 2] != ']'))
		return host;
	*ret_port = slice_of(host.p + n, host.n - n);
	return slice_of(host.p, n - 1);
}

static void
put_local(struct put *t, bool has_brackets)
{
	has_brackets = has_brackets && !ip_is_v4(&t->l->subject->local);
	if (has_brackets)
		put_byte(t, '[', 0);
	put_addr(t, &t->l->subject->local);
	if (has_brackets)
		put_byte(t, ']', 0);
}

/* scheme://host:port, then the target; the port is always there. */
static void
put_cache_url(struct put *t)
{
	const struct rules_subject *s = t->l->subject;
	struct slice port, name = host_name(s->host, &port);

	put_slice(t, s->is_secure ? SLICE("https://") : SLICE("http://"));
	if (name.n > 0)
		put_slice(t, name);
	else
		put_local(t, true);
	put_byte(t, ':', 0);
	if (port.n > 0)
		put_slice(t, port);
	else
		put_number(t, s->local_port != 0 ? s->local_port : s->is_secure ? 443 : 80);
	put_slice(t, s->target);
}

static void
put_status(struct put *t)
{
	const struct rules_subject *s = t->l->subject;

	if (s->status == 0)
		return;
	put_number(t, s->status);
	if (s->phrase.n > 0) {
		put_byte(t, ' ', 0);
		put_slice(t, s->phrase);
	}
}

static void
put_url(struct put *t, const struct rules_url *u)
{
	put_slice(t, u->path);
	if (u->query.n > 0) {
		put_byte(t, '?', 0);
		put_slice(t, u->query);
	}
}

/* Path and query, when they lie so. */
static bool
url_view(const struct rules_url *u, struct slice *ret)
{
	if (u->query.n == 0) {
		*ret = u->path;
		return true;
	}
	if ((uintptr_t)u->query.p != (uintptr_t)u->path.p + u->path.n + 1)
		return false;
	*ret = slice_of(u->path.p, u->path.n + 1 + u->query.n);
	return true;
}

/* ---- the list ---- */

static bool
url_query(const struct rules_lane *l, struct slice *ret)
{
	*ret = l->url.query;
	return true;
}

static bool
url_path(const struct rules_lane *l, struct slice *ret)
{
	*ret = l->url.path;
	return true;
}

static bool
url_now(const struct rules_lane *l, struct slice *ret)
{
	return url_view(&l->url, ret);
}

static void
put_url_now(struct put *t)
{
	put_url(t, &t->l->url);
}

static bool
url_original(const struct rules_lane *l, struct slice *ret)
{
	return url_view(&l->original, ret);
}

static void
put_url_original(struct put *t)
{
	put_url(t, &t->l->original);
}

static bool
target(const struct rules_lane *l, struct slice *ret)
{
	*ret = l->subject->target;
	return true;
}

static bool
host(const struct rules_lane *l, struct slice *ret)
{
	return field_view(l, false, SLICE("host"), ret);
}

static void
put_host(struct put *t)
{
	field_put(t, false, SLICE("host"));
}

static bool
server_name(const struct rules_lane *l, struct slice *ret)
{
	struct slice port;

	*ret = host_name(l->subject->host, &port);
	return ret->n > 0;
}

/* There is no Host: the address stands for it. */
static void
put_local_addr(struct put *t)
{
	put_local(t, false);
}

static void
put_local_port(struct put *t)
{
	put_number(t, t->l->subject->local_port);
}

static void
put_client_addr(struct put *t)
{
	put_addr(t, &t->l->subject->client);
}

static void
put_client_port(struct put *t)
{
	put_number(t, t->l->subject->client_port);
}

static bool
is_secure(const struct rules_lane *l, struct slice *ret)
{
	*ret = l->subject->is_secure ? SLICE("1") : SLICE("0");
	return true;
}

static bool
https(const struct rules_lane *l, struct slice *ret)
{
	*ret = l->subject->is_secure ? SLICE("on") : SLICE("off");
	return true;
}

static bool
method(const struct rules_lane *l, struct slice *ret)
{
	*ret = l->subject->method;
	return true;
}

static bool
protocol(const struct rules_lane *l, struct slice *ret)
{
	*ret = l->subject->protocol;
	return true;
}

static bool
content_type(const struct rules_lane *l, struct slice *ret)
{
	return field_view(l, false, SLICE("content-type"), ret);
}

static void
put_content_type(struct put *t)
{
	field_put(t, false, SLICE("content-type"));
}

static bool
content_length(const struct rules_lane *l, struct slice *ret)
{
	return field_view(l, false, SLICE("content-length"), ret);
}

static void
put_content_length(struct put *t)
{
	field_put(t, false, SLICE("content-length"));
}

static void
put_all_http(struct put *t)
{
	fields_put(t, false);
}

static void
put_all_raw(struct put *t)
{
	fields_put(t, true);
}

static bool
software(const struct rules_lane *l, struct slice *ret)
{
	(void)l;
	*ret = SLICE("Penstock");
	return true;
}

static bool
gateway(const struct rules_lane *l, struct slice *ret)
{
	(void)l;
	*ret = SLICE("CGI/1.1");
	return true;
}

/* The site, of which there is one, as the first is called in IIS. */
static bool
site_id(const struct rules_lane *l, struct slice *ret)
{
	(void)l;
	*ret = SLICE("1");
	return true;
}

static bool
site_path(const struct rules_lane *l, struct slice *ret)
{
	(void)l;
	*ret = SLICE("/LM/W3SVC/1");
	return true;
}

static bool
site_root_path(const struct rules_lane *l, struct slice *ret)
{
	(void)l;
	*ret = SLICE("/LM/W3SVC/1/ROOT");
	return true;
}

/* view: the value in one piece, false when it has none; put: it is put together. Neither: empty. */
static const struct {
	bool (*view)(const struct rules_lane *l, struct slice *ret);
	void (*put)(struct put *t);
} variable[RULES_VARIABLES] = {
	[RULES_VARIABLE_QUERY_STRING] = { .view = url_query },
	[RULES_VARIABLE_URL] = { .view = url_path },
	[RULES_VARIABLE_PATH_INFO] = { .view = url_path },
	[RULES_VARIABLE_SCRIPT_NAME] = { .view = url_path },
	[RULES_VARIABLE_REQUEST_URI] = { .view = url_now, .put = put_url_now },
	[RULES_VARIABLE_ORIGINAL_URL] = { .view = url_original, .put = put_url_original },
	[RULES_VARIABLE_UNENCODED_URL] = { .view = target },
	[RULES_VARIABLE_HTTP_URL] = { .view = target },
	[RULES_VARIABLE_CACHE_URL] = { .put = put_cache_url },
	[RULES_VARIABLE_HTTP_HOST] = { .view = host, .put = put_host },
	[RULES_VARIABLE_SERVER_NAME] = { .view = server_name, .put = put_local_addr },
	[RULES_VARIABLE_SERVER_PORT] = { .put = put_local_port },
	[RULES_VARIABLE_SERVER_PORT_SECURE] = { .view = is_secure },
	[RULES_VARIABLE_HTTPS] = { .view = https },
	[RULES_VARIABLE_REQUEST_METHOD] = { .view = method },
	[RULES_VARIABLE_HTTP_METHOD] = { .view = method },
	[RULES_VARIABLE_SERVER_PROTOCOL] = { .view = protocol },
	[RULES_VARIABLE_HTTP_VERSION] = { .view = protocol },
	[RULES_VARIABLE_REMOTE_ADDR] = { .put = put_client_addr },
	[RULES_VARIABLE_REMOTE_HOST] = { .put = put_client_addr },
	[RULES_VARIABLE_REMOTE_PORT] = { .put = put_client_port },
	[RULES_VARIABLE_LOCAL_ADDR] = { .put = put_local_addr },
	[RULES_VARIABLE_SERVER_ADDR] = { .put = put_local_addr },
	[RULES_VARIABLE_CONTENT_TYPE] = { .view = content_type, .put = put_content_type },
	[RULES_VARIABLE_CONTENT_LENGTH] = { .view = content_length, .put = put_content_length },
	[RULES_VARIABLE_ALL_HTTP] = { .put = put_all_http },
	[RULES_VARIABLE_ALL_RAW] = { .put = put_all_raw },
	[RULES_VARIABLE_RESPONSE_STATUS] = { .put = put_status },
	[RULES_VARIABLE_SERVER_SOFTWARE] = { .view = software },
	[RULES_VARIABLE_GATEWAY_INTERFACE] = { .view = gateway },
	[RULES_VARIABLE_INSTANCE_ID] = { .view = site_id },
	[RULES_VARIABLE_INSTANCE_NAME] = { .view = software },
	[RULES_VARIABLE_INSTANCE_META_PATH] = { .view = site_path },
	[RULES_VARIABLE_APPL_MD_PATH] = { .view = site_root_path },
	[RULES_VARIABLE_APP_POOL_ID] = { .view = software },
};

bool
variable_view(const struct rules_lane *l, uint32_t v, struct slice *ret)
{
	*ret = slice_of(NULL, 0);
	if (v >= RULES_VARIABLES || (variable[v].view == NULL && variable[v].put == NULL))
		return true;
	return variable[v].view != NULL && variable[v].view(l, ret);
}

void
variable_put(struct put *t, uint32_t v)
{
	struct slice s;

	if (variable_view(t->l, v, &s))
		put_slice(t, s);
	else
		variable[v].put(t);
}
