/*
 * check.c - listeners, farms, servers and the rest against each other, see check.h. Ports and
 * their addresses are in check_port.c.
 *
 * Values that parse.c refused are empty here (at == NULL, no address): they are passed over, so
 * that one mistake is told once.
 */
#include "conf/check.h"

#include <string.h>
#include <strings.h>

#include "abi/image.h"
#include "conf/check_port.h"
#include "conf/value.h"
#include "rules/model.h"

enum {
	RESOLVERS_MAX = 16
};

/* Whether two listeners would take the same connections. */
static bool
is_conflict(const struct conf *conf, const struct conf_listener *a, const struct conf_listener *b)
{
	const struct conf_port *of_a, *of_b;

	if (a->address.at == NULL || b->address.at == NULL || a->address.port != b->address.port)
		return false;
	if (!ip_is_none(&a->address.ip) && !ip_is_none(&b->address.ip))
		return ip_eq(&a->address.ip, &b->address.ip);
	of_a = a->port.s != NULL ? port_find(conf, a->port.s)
				 : port_of_address(conf, &a->address.ip);
	of_b = b->port.s != NULL ? port_find(conf, b->port.s)
				 : port_of_address(conf, &b->address.ip);
	return of_a == NULL || of_b == NULL || of_a == of_b;
}

static void
conflict_tell(const struct conf_listener *earlier, const struct conf_listener *listener,
	      struct conf_errs *errs)
{
	char mine[VALUE_ENDPOINT_TEXT], theirs[VALUE_ENDPOINT_TEXT];

	conf_err_add(errs, listener->address.at->at,
		     "%s would take connections of listener '%s' (%s in line %u); use another "
		     "address or port",
		     value_endpoint_text(&listener->address.ip, listener->address.port, mine),
		     earlier->name.s != NULL ? earlier->name.s : "?",
		     value_endpoint_text(&earlier->address.ip, earlier->address.port, theirs),
		     earlier->address.at->at.line);
}

static void
check_listener_address(const struct conf *conf, const struct conf_listener *listener,
		       struct conf_errs *errs)
{
	const struct conf_endpoint *address = &listener->address;
	const struct conf_port *port = NULL;
	const struct conf_port *owner = port_of_address(conf, &address->ip);
	char ip[VALUE_IP_TEXT];

	if (listener->port.at != NULL) {
		port = port_find(conf, listener->port.s);
		if (port == NULL)
			conf_err_add(errs, listener->port.at->at,
				     "there is no port '%s'; name one of machine.ports",
				     listener->port.s);
	}
	if (address->at == NULL || ip_is_none(&address->ip) || !are_addresses_known(conf))
		return;
	if (owner == NULL)
		conf_err_add(errs, address->at->at,
			     "no port has the address %s; add it to a port's addresses or listen "
			     "on \"*:%u\"",
			     value_ip_text(&address->ip, ip), address->port);
	else if (port != NULL && port != owner)
		conf_err_add(errs, address->at->at,
			     "%s is an address of port '%s', not of '%s'; correct one of the two",
			     value_ip_text(&address->ip, ip), owner->name.s, port->name.s);
}

static const struct conf_farm *
farm_find(const struct conf *conf, const char *name)
{
	for (CONF_EACH(struct conf_farm, farm, &conf->farms))
		if (farm->name.s != NULL && strcmp(farm->name.s, name) == 0)
			return farm;
	return NULL;
}

static const struct rule_sets *
set_find(const struct conf *conf, const char *name)
{
	for (const struct rule_sets *set = conf->rule_sets; set != NULL; set = set->next)
		if (strcmp(set->name.s, name) == 0)
			return set;
	return NULL;
}

static void
check_listener_rules(const struct conf *conf, const struct conf_listener *listener,
		     struct conf_errs *errs)
{
	const struct conf_str *first = listener->rules.item;

	for (CONF_EACH(struct conf_str, name, &listener->rules)) {
		if (name->at == NULL)
			continue;
		if (set_find(conf, name->s) == NULL)
			conf_err_add(errs, name->at->at,
				     "there is no set of rules '%s'; name one of the section rules",
				     name->s);
		for (const struct conf_str *earlier = first; earlier < name; earlier++)
			if (earlier->at != NULL && strcmp(earlier->s, name->s) == 0)
				conf_err_add(errs, name->at->at,
					     "the set '%s' is named twice; remove one", name->s);
	}
}

/* Farms that native rules name. */
static void
check_scope(const struct conf *conf, const struct rule_scope *scope, struct conf_errs *errs)
{
	for (const struct rule *rule = scope->rules; rule != NULL; rule = rule->next)
		if (rule->farm.s != NULL && farm_find(conf, rule->farm.s) == NULL)
			conf_err_add(errs, rule->farm.at,
				     "there is no farm '%s'; name one of the section farms",
				     rule->farm.s);
}

static void
check_rules(const struct conf *conf, struct conf_errs *errs)
{
	for (const struct rule_sets *set = conf->rule_sets; set != NULL; set = set->next)
		for (const struct rule_scope *scope = set->scopes; scope != NULL;
		     scope = scope->next)
			check_scope(conf, scope, errs);
}

static void
check_listeners(const struct conf *conf, struct conf_errs *errs)
{
	for (CONF_EACH(struct conf_listener, listener, &conf->listeners)) {
		check_listener_address(conf, listener, errs);
		check_listener_rules(conf, listener, errs);
		if (listener->farm.s != NULL && farm_find(conf, listener->farm.s) == NULL)
			conf_err_add(errs, listener->farm.at->at,
				     "there is no farm '%s'; name one of the section farms",
				     listener->farm.s);
		for (const struct conf_listener *earlier = conf->listeners.item; earlier < listener;
		     earlier++) {
			if (name_is_same(&earlier->name, &listener->name))
				name_is_taken(errs, "listener", &listener->name, &earlier->name);
			if (is_conflict(conf, earlier, listener)) {
				conflict_tell(earlier, listener, errs);
				break;
			}
		}
	}
}

static void
check_server_address(const struct conf *conf, const struct conf_server *server,
		     struct conf_errs *errs)
{
	char text[VALUE_IP_TEXT];
	struct ip_addr ip;
	uint16_t port;

	if (server->address.at == NULL)
		return;
	if (value_ip(server->address.s, &ip) != VALUE_OK) {
		if (value_endpoint(server->address.s, &ip, &port) == VALUE_OK)
			conf_err_add(errs, server->address.at->at,
				     "'%s' has a port; write the port as http_port: %u",
				     server->address.s, port);
		return;
	}
	if (port_of_address(conf, &ip) != NULL)
		conf_err_add(errs, server->address.at->at,
			     "%s is this proxy's own address, requests would go round in a circle; "
			     "give the server's address",
			     value_ip_text(&ip, text));
	else if (are_addresses_known(conf) && !can_reach(conf, &ip))
		conf_err_add(errs, server->address.at->at,
			     "no port reaches %s: it is in none of their networks and no route or "
			     "gateway leads to it; add a route to a port",
			     value_ip_text(&ip, text));
}

/* The servers of one farm against each other. */
static void
check_servers(const struct conf *conf, const struct conf_farm *farm, struct conf_errs *errs)
{
	uint64_t weight = 0;

	for (CONF_EACH(struct conf_server, server, &farm->servers)) {
		check_server_address(conf, server, errs);
		weight += server->weight.v;
		for (const struct conf_server *earlier = farm->servers.item; earlier < server;
		     earlier++) {
			if (name_is_same(&earlier->name, &server->name)) {
				name_is_taken(errs, "server", &server->name, &earlier->name);
				break;
			}
			if (earlier->address.at != NULL && server->address.at != NULL &&
			    strcasecmp(earlier->address.s, server->address.s) == 0 &&
			    earlier->http_port.v == server->http_port.v) {
				conf_err_add(errs, server->address.at->at,
					     "the servers '%s' and '%s' have the same address and "
					     "port; remove one, or raise its weight",
					     earlier->name.s != NULL ? earlier->name.s : "?",
					     server->name.s != NULL ? server->name.s : "?");
				break;
			}
		}
	}
	if (farm->servers.at != NULL && farm->servers.n == 0)
		conf_err_add(errs, farm->servers.at->at,
			     "the farm '%s' has no server; add servers: [{name: a, address: "
			     "10.0.0.11}]",
			     farm->name.s != NULL ? farm->name.s : "?");
	else if (farm->servers.n > 0 && weight == 0 && errs->n == 0)
		conf_err_add(errs, farm->servers.at->at,
			     "every server of the farm '%s' has weight 0; give one a weight",
			     farm->name.s != NULL ? farm->name.s : "?");
}

static void
check_farm_ways(const struct conf *conf, const struct conf_farm *farm, struct conf_errs *errs)
{
	const struct conf_port *port = NULL;
	char text[VALUE_IP_TEXT];

	if (farm->port.at != NULL) {
		port = port_find(conf, farm->port.s);
		if (port == NULL)
			conf_err_add(errs, farm->port.at->at,
				     "there is no port '%s'; name one of machine.ports",
				     farm->port.s);
	}
	for (CONF_EACH(struct conf_ip, ip, &farm->source_addresses)) {
		const struct conf_port *owner;

		if (ip->at == NULL)
			continue;
		owner = port_of_address(conf, &ip->ip);
		if (are_addresses_known(conf) && (owner == NULL || (port != NULL && owner != port)))
			conf_err_add(errs, ip->at->at,
				     "%s is not an address of %s%s%s; add it to the port's "
				     "addresses or choose one of them",
				     value_ip_text(&ip->ip, text),
				     port != NULL ? "port '" : "a port",
				     port != NULL ? port->name.s : "", port != NULL ? "'" : "");
	}
}

static void
check_farms(const struct conf *conf, struct conf_errs *errs)
{
	struct ip_addr ip;
	uint16_t port;

	for (CONF_EACH(struct conf_farm, farm, &conf->farms)) {
		check_servers(conf, farm, errs);
		check_farm_ways(conf, farm, errs);
		if (farm->host_header.at != NULL &&
		    value_endpoint(farm->host_header.s, &ip, &port) == VALUE_OK && ip_is_none(&ip))
			conf_err_add(errs, farm->host_header.at->at,
				     "'%s' is no host; use keep, server or a host name",
				     farm->host_header.s);
		for (const struct conf_farm *earlier = conf->farms.item; earlier < farm; earlier++)
			if (name_is_same(&earlier->name, &farm->name)) {
				name_is_taken(errs, "farm", &farm->name, &earlier->name);
				break;
			}
	}
}

static void
check_hosts(const struct conf *conf, struct conf_errs *errs)
{
	for (CONF_EACH(struct conf_host, host, &conf->hosts)) {
		if (host->name.s == NULL)
			continue;
		if (host->addresses.at != NULL && host->addresses.n == 0)
			conf_err_add(errs, host->name.at->at,
				     "'%s' has no address; write %s: 10.0.0.11", host->name.s,
				     host->name.s);
		for (const struct conf_host *earlier = conf->hosts.item; earlier < host; earlier++)
			if (earlier->name.s != NULL &&
			    strcasecmp(earlier->name.s, host->name.s) == 0)
				conf_err_add(errs, host->name.at->key_at,
					     "'%s' is already given in line %u; join the two",
					     host->name.s, earlier->name.at->key_at.line);
	}
}

static void
check_resolver(const struct conf *conf, struct conf_errs *errs)
{
	const struct conf_list *servers = &conf->resolver.servers;

	for (CONF_EACH(struct conf_str, server, servers)) {
		struct ip_addr ip;
		uint16_t port;

		if (server->at == NULL || value_ip(server->s, &ip) == VALUE_OK)
			continue;
		if (value_endpoint(server->s, &ip, &port) != VALUE_OK || ip_is_none(&ip))
			conf_err_add(errs, server->at->at,
				     "'%s' is not an IP address; DNS servers are named by address, "
				     "as 10.0.0.53 or 10.0.0.53:5353",
				     server->s);
	}
	if (servers->n > RESOLVERS_MAX)
		conf_err_add(errs, servers->at->at, "%u DNS servers are too many; name up to %u",
			     servers->n, (unsigned)RESOLVERS_MAX);
}

static void
check_logs(const struct conf *conf, struct conf_errs *errs)
{
	const struct conf_access_log *access = &conf->logs.access;
	const struct conf_num *first[LOG_FIELDS_N] = { NULL };

	if (access->fields.at == NULL)
		return;
	if (access->format.v != CONF_LOG_W3C) {
		conf_err_add(
			errs, access->fields.at->key_at,
			"'fields' belong to the format w3c, here it is %s; add format: w3c, or "
			"remove 'fields'",
			access->format.v == CONF_LOG_JSON ? "json" : "combined");
		return;
	}
	if (access->fields.n == 0)
		conf_err_add(errs, access->fields.at->at,
			     "a line of 0 fields says nothing; name some, or leave 'fields' out");
	for (CONF_EACH(struct conf_num, field, &access->fields)) {
		if (field->at == NULL)
			continue;
		if (first[field->v] != NULL)
			conf_err_add(errs, field->at->at,
				     "'%s' is already a field in line %u; remove one",
				     log_field_words[field->v], first[field->v]->at->at.line);
		else
			first[field->v] = field;
	}
}

static void
check_sources(const struct conf_list *sources, struct conf_errs *errs)
{
	if (sources->n > IMG_RANGE_MAX)
		conf_err_add(errs, sources->at->at, "%u addresses are too many; up to %u fit",
			     sources->n, (unsigned)IMG_RANGE_MAX);
}

/* What an image has room for. */
static void
check_counts(const struct conf *conf, struct conf_errs *errs)
{
	uint64_t servers = 0, sources = 0;

	for (CONF_EACH(struct conf_farm, farm, &conf->farms)) {
		servers += farm->servers.n;
		sources += farm->source_addresses.n;
		check_sources(&farm->source_addresses, errs);
	}
	for (CONF_EACH(struct conf_port, port, &conf->machine.ports)) {
		sources += port->source_addresses.n;
		check_sources(&port->source_addresses, errs);
	}
	if (sources > IMG_SOURCES_MAX)
		conf_err_add(errs, conf->at->at, "%llu source addresses are too many; up to %u fit",
			     (unsigned long long)sources, (unsigned)IMG_SOURCES_MAX);
	if (conf->listeners.n > IMG_SLOTS_MAX / 2)
		conf_err_add(errs, conf->listeners.at->at,
			     "%u listeners are too many; up to %u fit", conf->listeners.n,
			     (unsigned)IMG_SLOTS_MAX / 2);
	if (conf->farms.n > IMG_SLOTS_MAX / 2 || servers > IMG_SLOTS_MAX / 2)
		conf_err_add(errs, conf->farms.at->at,
			     "%u farms with %llu servers are too many; up to %u of each fit",
			     conf->farms.n, (unsigned long long)servers,
			     (unsigned)IMG_SLOTS_MAX / 2);
}

void
check_conf(const struct conf *conf, struct conf_errs *errs)
{
	check_machine(conf, errs);
	check_listeners(conf, errs);
	check_rules(conf, errs);
	check_farms(conf, errs);
	check_hosts(conf, errs);
	check_resolver(conf, errs);
	check_logs(conf, errs);
	check_counts(conf, errs);
}
