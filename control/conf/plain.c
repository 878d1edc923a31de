/*
 * plain.c - farms made of plain hosts, see plain.h.
 */
#include "conf/plain.h"

#include <string.h>
#include <strings.h>

#include "abi/image.h"
#include "base/ensure.h"
#include "conf/keys.h"
#include "conf/parse.h"
#include "conf/value.h"
#include "rules/model.h"

enum {
	HTTP_PORT = 80,
	HTTPS_PORT = 443
};

/* scheme://host[:port] of an expression. */
struct authority {
	const char *text; /* as written */
	uint32_t n;
	bool is_secure;
	bool is_any_scheme; /* an expansion says it: "{C:1}://" (the Lync article) */
	bool is_dynamic;    /* an expansion is part of the host */
};

struct plain {
	struct conf *conf;
	struct conf_errs *errs;
	struct conf_farm *farm; /* all of them, old ones first */
	uint32_t n, room;
};

/* ---- URLs ---- */

/* Variables that begin with the '/' of a path: what is before them is a whole authority. */
static bool
is_path_variable(const char *text)
{
	static const char *const names[] = {
		"{URL}",       "{REQUEST_URI}", "{UNENCODED_URL}",	"{HTTP_URL}",
		"{PATH_INFO}", "{SCRIPT_NAME}", "{HTTP_X_ORIGINAL_URL}"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncasecmp(text, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Behind "://" of a URL whose scheme is an expansion; NULL: it is not. */
static const char *
behind_expansion(const char *url)
{
	uint32_t depth = 0;

	for (; *url == '{' || depth > 0; url++) {
		if (*url == 0)
			return NULL;
		depth += *url == '{';
		depth -= *url == '}';
	}
	return strncmp(url, "://", 3) == 0 ? url + 3 : NULL;
}

static struct authority
authority_at(const char *host)
{
	size_t n = strcspn(host, "/?#\\{");

	return (struct authority){ .text = host,
				   .n = (uint32_t)n,
				   .is_dynamic = host[n] == '{' && !is_path_variable(host + n) };
}

/* False: the URL is no absolute one. */
static bool
authority_of(const char *url, struct authority *ret_authority)
{
	static const struct {
		const char *text;
		bool is_secure;
	} schemes[] = {
		{ "http://", false }, { "https://", true }, { "ws://", false }, { "wss://", true }
	};

	while (*url == ' ' || *url == '\t')
		url++;
	if (*url == '{' && behind_expansion(url) != NULL) {
		*ret_authority = authority_at(behind_expansion(url));
		ret_authority->is_any_scheme = true;
		return true;
	}
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].text);

		if (strncasecmp(url, schemes[i].text, n) != 0)
			continue;
		*ret_authority = authority_at(url + n);
		ret_authority->is_secure = schemes[i].is_secure;
		return true;
	}
	return false;
}

/* "name", "name:8080", "[v6]:8080": the host without brackets, the port or 0. False: neither. */
static bool
authority_split(struct arena *arena, const char *text, const char **ret_host, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':'), *host;
	size_t n = strlen(text);
	struct ip_addr ip;
	uint64_t port = 0;

	if (colon != NULL && text[n - 1] != ']') {
		if (value_number(colon + 1, &port) != VALUE_OK || port == 0 || port > 65535)
			return false;
		n = (size_t)(colon - text);
	}
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		host = arena_text(arena, text + 1, n - 2);
		if (value_ip(host, &ip) != VALUE_OK)
			return false;
	} else {
		host = arena_text(arena, text, n);
		if (!value_is_host_name(host))
			return false;
	}
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return true;
}

/* ---- farms ---- */

static struct conf_farm *
farm_named(const struct plain *plain, const char *name)
{
	for (uint32_t i = 0; i < plain->n; i++)
		if (plain->farm[i].name.s != NULL && strcasecmp(plain->farm[i].name.s, name) == 0)
			return &plain->farm[i];
	return NULL;
}

static struct conf_farm *
farm_take(struct plain *plain)
{
	if (plain->n == plain->room) {
		uint32_t room = plain->room * 2 + 16;
		struct conf_farm *more = arena_take(&plain->conf->arena, room * sizeof(*more));

		if (plain->n > 0)
			memcpy(more, plain->farm, plain->n * sizeof(*more));
		plain->farm = more;
		plain->room = room;
	}
	return &plain->farm[plain->n++];
}

/* The section of a key of the whole file, as `farms`. */
static const struct key_section *
section_of(const struct key_section *section, const char *name)
{
	const struct key *key = key_find(section, name);

	ensure(key != NULL && key->of != NULL);
	return key->of;
}

/* One place for all that the file does not say of it. */
static struct conf_farm *
farm_make(struct plain *plain, const char *name, const char *host, struct conf_pos at)
{
	struct arena *arena = &plain->conf->arena;
	const struct key_section *section = section_of(&key_top, "farms");
	struct node *node = arena_take(arena, sizeof(*node));
	struct conf_server *server = arena_take(arena, sizeof(*server));
	struct conf_farm *farm = farm_take(plain);

	*node = (struct node){ .kind = NODE_SCALAR, .at = at, .text = name };
	parse_defaults(section, arena, farm);
	parse_defaults(section_of(section, "servers"), arena, server);
	farm->at = server->at = node;
	farm->is_implicit = true;
	farm->name = (struct conf_str){ .s = name, .at = node };
	farm->host_header = (struct conf_str){ .s = "server", .at = NULL };
	farm->servers = (struct conf_list){ .item = server, .n = 1, .at = node };
	server->name = (struct conf_str){ .s = host, .at = node };
	server->address = (struct conf_str){ .s = host, .at = node };
	server->http_port.v = 0;
	return farm;
}

static void
port_set(struct conf_farm *farm, bool is_secure, uint16_t port)
{
	struct conf_server *server = farm->servers.item;

	if (is_secure)
		server->https_port.v = port;
	else
		server->http_port.v = port;
}

/* A farm's name is what an image has room for. */
static bool
is_name_short(const char *name, struct conf_pos at, struct conf_errs *errs)
{
	if (strlen(name) <= IMG_NAME_MAX)
		return true;
	conf_err_add(errs, at,
		     "the host %s is longer than %d bytes; describe it as a farm with a shorter "
		     "name and write that in its place",
		     name, (int)IMG_NAME_MAX);
	return false;
}

/* ---- from rules ---- */

static void
constant_add(struct plain *plain, const struct rule *rule, const struct authority *authority)
{
	struct arena *arena = &plain->conf->arena;
	const char *name = arena_text(arena, authority->text, authority->n), *host;
	uint16_t port, standard = authority->is_secure ? HTTPS_PORT : HTTP_PORT;
	struct conf_farm *farm = farm_named(plain, name);

	if (farm == NULL && authority_split(arena, name, &host, &port)) {
		if (port == standard)
			name = arena_text(arena, name, (size_t)(strrchr(name, ':') - name));
		farm = farm_named(plain, name);
	} else if (farm == NULL) {
		conf_err_add(plain->errs, rule->url.at,
			     "'%s' is no host: a name or an address, and perhaps a port; write "
			     "for example http://app1.internal:8080/{R:1}",
			     name);
		return;
	}
	if (farm != NULL && !farm->is_implicit)
		return;
	if (plain->conf->plain_hosts.v == 0 && farm == NULL) {
		conf_err_add(&plain->conf->warns, rule->url.at,
			     "'%s' is no farm, so such a request is answered 404.4; describe a "
			     "farm of this name, or write plain_hosts: true",
			     name);
		return;
	}
	if (farm == NULL) {
		if (!is_name_short(name, rule->url.at, plain->errs))
			return;
		farm = farm_make(plain, name, host, rule->url.at);
	}
	if (!authority_split(arena, farm->name.s, &host, &port))
		return;
	port_set(farm, authority->is_secure, port != 0 ? port : standard);
}

static void
rule_look(struct plain *plain, const struct rule *rule)
{
	struct authority authority;

	if (!rule->is_enabled || rule->action != IMG_ACTION_REWRITE || rule->url.s == NULL ||
	    rule->farm.s != NULL || !authority_of(rule->url.s, &authority))
		return;
	if (!authority.is_dynamic) {
		constant_add(plain, rule, &authority);
		authority.is_secure = true;
		if (authority.is_any_scheme && plain->conf->plain_hosts.v != 0)
			constant_add(plain, rule, &authority);
	} else if (plain->conf->dynamic_hosts.n == 0)
		conf_err_add(&plain->conf->warns, rule->url.at,
			     "the host comes out of the request, so only names of farms are "
			     "reached and others answered 404.4; name those that may be reached: "
			     "dynamic_hosts: [app1.internal]");
}

static void
scope_look(struct plain *plain, const struct rule_scope *scope)
{
	for (const struct rule *rule = scope->rules; rule != NULL; rule = rule->next)
		rule_look(plain, rule);
}

static void
dynamic_add(struct plain *plain, const struct conf_str *name)
{
	struct conf_farm *farm;
	const char *host;
	uint16_t port;

	if (!authority_split(&plain->conf->arena, name->s, &host, &port)) {
		conf_err_add(plain->errs, name->at->at,
			     "'%s' is no host: a name or an address, and perhaps a port; write "
			     "for example app1.internal or \"app1.internal:8080\"",
			     name->s);
		return;
	}
	farm = farm_named(plain, name->s);
	if (farm != NULL && !farm->is_implicit) {
		conf_err_add(&plain->conf->warns, name->at->at,
			     "'%s' is a farm, which rules reach anyway; remove it here", name->s);
		return;
	}
	if (farm == NULL && !is_name_short(name->s, name->at->at, plain->errs))
		return;
	if (farm == NULL)
		farm = farm_make(plain, name->s, host, name->at->at);
	port_set(farm, false, port != 0 ? port : HTTP_PORT);
	port_set(farm, true, port != 0 ? port : HTTPS_PORT);
}

void
plain_farms(struct conf *conf, struct conf_errs *errs)
{
	struct plain plain = { .conf = conf,
			       .errs = errs,
			       .farm = conf->farms.item,
			       .n = conf->farms.n,
			       .room = conf->farms.n };

	for (CONF_EACH(struct conf_str, name, &conf->dynamic_hosts))
		if (name->at != NULL)
			dynamic_add(&plain, name);
	for (const struct rule_sets *set = conf->rule_sets; set != NULL; set = set->next)
		for (const struct rule_scope *scope = set->scopes; scope != NULL;
		     scope = scope->next)
			scope_look(&plain, scope);
	conf->farms.item = plain.farm;
	conf->farms.n = plain.n;
	if (conf->farms.at == NULL)
		conf->farms.at = conf->at;
}
