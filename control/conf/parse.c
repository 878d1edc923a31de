/*
 * parse.c - a tree to typed values, see parse.h.
 *
 * Every section's struct begins with the node it was read from. One reader for each type of the
 * table; what is wrong is told with the key's own example as the cure. Recursion is bounded by
 * the table, whose sections do not contain themselves.
 */
#include "conf/parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "conf/keys.h"
#include "conf/value.h"

struct parse {
	struct arena *arena;
	struct conf_errs *errs;
};

static void section_read(struct parse *parse, const struct key_section *section,
			 const struct node *node, void *to);
static void section_absent(struct parse *parse, const struct key_section *section, void *to);

/* "[abc]" for messages: at most 40 bytes of a text, so that a line stays a line. */
static const char *
shown(struct parse *parse, const char *text)
{
	size_t n = strlen(text);
	char *copy = arena_text(parse->arena, text, n > 40 ? 40 : n);

	for (char *at = copy; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = '?';
	return n > 40 ? arena_format(parse->arena, "%s...", copy) : copy;
}

static const char *
words_joined(struct parse *parse, const char *const *words)
{
	const char *joined = words[0];

	for (uint32_t i = 1; words[i] != NULL; i++)
		joined = arena_format(parse->arena, "%s%s%s", joined,
				      words[i + 1] == NULL ? " or " : ", ", words[i]);
	return joined;
}

/* The range of a key in its own unit: "10 ms to 24 h". */
static const char *
range_text(struct parse *parse, const struct key *key)
{
	char low[VALUE_DURATION_TEXT], high[VALUE_DURATION_TEXT];

	if (key->type == KEY_DURATION)
		return arena_format(parse->arena, "from %s to %s",
				    value_duration_text(key->min, low),
				    value_duration_text(key->max, high));
	if (key->type == KEY_SIZE)
		return arena_format(parse->arena, "from %llu to %llu bytes",
				    (unsigned long long)key->min, (unsigned long long)key->max);
	return arena_format(parse->arena, "from %llu to %llu", (unsigned long long)key->min,
			    (unsigned long long)key->max);
}

static void
wrong_type(struct parse *parse, const struct key *key, const struct node *node)
{
	conf_err_add(parse->errs, node->at,
		     "'%s' must be %s%s, here it is %s; write for example %s", key->name,
		     key->is_list ? "a list, each item " : "", key_type_name(key->type),
		     node_kind_name(node->kind), key->example);
}

static void
wrong_value(struct parse *parse, const struct key *key, const struct node *node, const char *why)
{
	conf_err_add(parse->errs, node->at, "'%s' is not %s for '%s': %s; write for example %s",
		     shown(parse, node->text), key_type_name(key->type), key->name, why,
		     key->example);
}

static bool
is_name(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n > 63 || text[0] == '-' || text[0] == '.')
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	       n;
}

static void
str_read(struct parse *parse, const struct key *key, const struct node *node, struct conf_str *to)
{
	struct ip_addr ip;
	uint16_t port;

	if (key->type == KEY_NAME && !is_name(node->text)) {
		wrong_value(parse, key, node,
			    "1 to 63 letters, digits, '.', '_' and '-', beginning with a letter, "
			    "digit or '_'");
		return;
	}
	if (key->type == KEY_FILE && (node->text[0] != '/' || strlen(node->text) > 4000)) {
		wrong_value(parse, key, node, "the path must begin with '/'");
		return;
	}
	if (key->type == KEY_HOST && !value_is_host_name(node->text) &&
	    value_ip(node->text, &ip) != VALUE_OK &&
	    value_endpoint(node->text, &ip, &port) != VALUE_OK) {
		wrong_value(parse, key, node, "it has characters that no host name has");
		return;
	}
	*to = (struct conf_str){ .s = node->text, .at = node };
}

static void
word_read(struct parse *parse, const struct key *key, const struct node *node, struct conf_num *to)
{
	for (uint32_t i = 0; key->words[i] != NULL; i++) {
		if (strcmp(key->words[i], node->text) != 0)
			continue;
		*to = (struct conf_num){ .v = i, .at = node };
		return;
	}
	for (uint32_t i = 0; key->later != NULL && key->later[i] != NULL; i++) {
		if (strcmp(key->later[i], node->text) != 0)
			continue;
		conf_err_add(parse->errs, node->at, "this version does not have %s: %s; use %s",
			     key->name, node->text, words_joined(parse, key->words));
		return;
	}
	conf_err_add(parse->errs, node->at, "'%s' is not a value of '%s'; use %s",
		     shown(parse, node->text), key->name, words_joined(parse, key->words));
}

static void
bool_read(struct parse *parse, const struct key *key, const struct node *node, struct conf_num *to)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", NULL };

	for (uint32_t i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], node->text) != 0)
			continue;
		*to = (struct conf_num){ .v = i & 1, .at = node };
		return;
	}
	conf_err_add(parse->errs, node->at, "'%s' is neither true nor false; write %s",
		     shown(parse, node->text), key->example);
}

static void
num_read(struct parse *parse, const struct key *key, const struct node *node, struct conf_num *to)
{
	uint64_t v = 0;
	enum value_fault fault;

	if (key->words != NULL && strcmp(node->text, key->words[0]) == 0) {
		*to = (struct conf_num){ .v = 0, .at = node };
		return;
	}
	fault = key->type == KEY_DURATION ? value_duration(node->text, &v)
		: key->type == KEY_SIZE	  ? value_size(node->text, &v)
					  : value_number(node->text, &v);
	if (fault == VALUE_NO_UNIT || fault == VALUE_BAD_UNIT) {
		wrong_value(parse, key, node,
			    key->type == KEY_DURATION ? "the units are ms, s, m, h and d"
						      : "the units are KiB, MiB and GiB");
		return;
	}
	if (fault == VALUE_NOT_NUMBER) {
		wrong_value(parse, key, node, "it is no number");
		return;
	}
	if (fault != VALUE_OK || v < key->min || v > key->max) {
		conf_err_add(parse->errs, node->at, "'%s' is out of range for '%s'; use a value %s",
			     shown(parse, node->text), key->name, range_text(parse, key));
		return;
	}
	*to = (struct conf_num){ .v = v, .at = node };
}

static void
ip_read(struct parse *parse, const struct key *key, const struct node *node, struct conf_ip *to)
{
	struct ip_addr ip;

	if (value_ip(node->text, &ip) != VALUE_OK) {
		wrong_value(parse, key, node,
			    strchr(node->text, '/') != NULL ? "no prefix length belongs here"
							    : "neither IPv4 nor IPv6");
		return;
	}
	*to = (struct conf_ip){ .ip = ip, .at = node };
}

static void
prefix_read(struct parse *parse, const struct key *key, const struct node *node,
	    struct conf_prefix *to)
{
	struct conf_prefix prefix = { .at = node };
	enum value_fault fault = value_prefix(node->text, &prefix.ip, &prefix.bits);

	if (fault == VALUE_OK)
		*to = prefix;
	else if (fault == VALUE_NO_PREFIX)
		wrong_value(parse, key, node, "the prefix length is missing");
	else if (fault == VALUE_BAD_PREFIX)
		wrong_value(parse, key, node,
			    "the prefix length is 0 to 32 for IPv4, 0 to 128 for IPv6");
	else
		wrong_value(parse, key, node, "neither IPv4 nor IPv6");
}

static void
endpoint_read(struct parse *parse, const struct key *key, const struct node *node,
	      struct conf_endpoint *to)
{
	struct conf_endpoint endpoint = { .at = node };
	enum value_fault fault = value_endpoint(node->text, &endpoint.ip, &endpoint.port);

	if (fault == VALUE_OK)
		*to = endpoint;
	else if (fault == VALUE_NO_PORT)
		wrong_value(parse, key, node, "the port is missing");
	else if (fault == VALUE_BAD_PORT)
		wrong_value(parse, key, node, "a port is a number from 1 to 65535");
	else if (fault == VALUE_NO_BRACKETS)
		wrong_value(parse, key, node,
			    "an IPv6 address stands in brackets: \"[2001:db8::1]:80\"");
	else
		wrong_value(parse, key, node, "the address is neither IPv4 nor IPv6 nor '*'");
}

#define DEVICE_FORMS "packet:IFACE, xdp:IFACE or {memif: PATH, role: client, id: 0}"

static void
device_read(struct parse *parse, const struct key *key, const struct node *node,
	    struct conf_device *to)
{
	static const char *const later[] = { "pci", "tap", "vdev", NULL };
	const char *colon;

	if (node->kind == NODE_MAP) {
		section_read(parse, &key_device, node, to);
		return;
	}
	section_absent(parse, &key_device, to);
	to->at = node;
	colon = strchr(node->text, ':');
	for (uint32_t i = 0; colon != NULL && later[i] != NULL; i++) {
		if (strncmp(later[i], node->text, (size_t)(colon - node->text)) != 0)
			continue;
		conf_err_add(parse->errs, node->at,
			     "this version does not have %s ports; use " DEVICE_FORMS, later[i]);
		return;
	}
	if (strncmp(node->text, "packet:", 7) == 0 && is_name(node->text + 7))
		to->packet = (struct conf_str){ .s = node->text + 7, .at = node };
	else if (strncmp(node->text, "xdp:", 4) == 0 && is_name(node->text + 4))
		to->xdp = (struct conf_str){ .s = node->text + 4, .at = node };
	else
		wrong_value(parse, key, node, "use " DEVICE_FORMS);
}

static void list_read(struct parse *parse, const struct key *key, const struct node *node,
		      struct conf_list *to);

/* hosts: each key is a name, each value an address or a list of addresses. */
static void
hosts_read(struct parse *parse, const struct node *node, struct conf_list *to)
{
	static const struct key address = { .name = "hosts",
					    .type = KEY_IP,
					    .is_list = true,
					    .example = "hosts: {app1.internal: 10.0.0.11}" };
	struct conf_host *host = arena_take(parse->arena, node->n * sizeof(*host));

	*to = (struct conf_list){ .item = host, .n = node->n, .at = node };
	for (const struct node *at = node->first; at != NULL; at = at->next, host++) {
		struct node one = *at, *in_list;

		if (at->key[0] == '\0')
			continue;
		if (!value_is_host_name(at->key))
			conf_err_add(parse->errs, at->key_at,
				     "'%s' is no host name; write for example %s",
				     shown(parse, at->key), address.example);
		host->name = (struct conf_str){ .s = at->key, .at = at };
		if (at->kind != NODE_SCALAR) {
			list_read(parse, &address, at, &host->addresses);
			continue;
		}
		one.next = NULL;
		in_list = arena_take(parse->arena, sizeof(*in_list));
		*in_list = (struct node){ .kind = NODE_LIST, .at = at->at, .n = 1 };
		in_list->first = in_list->last = arena_take(parse->arena, sizeof(one));
		*in_list->first = one;
		list_read(parse, &address, in_list, &host->addresses);
	}
}

static bool
is_kind_right(const struct key *key, const struct node *node)
{
	switch (key->type) {
	case KEY_DEVICE:
		return node->kind != NODE_LIST;
	case KEY_HOSTS:
	case KEY_SECTION:
		return node->kind == NODE_MAP;
	case KEY_NAME:
	case KEY_TEXT:
	case KEY_FILE:
	case KEY_HOST:
	case KEY_BOOL:
	case KEY_COUNT:
	case KEY_DURATION:
	case KEY_SIZE:
	case KEY_WORD:
	case KEY_IP:
	case KEY_PREFIX:
	case KEY_ENDPOINT:
	case KEY_LATER:
		return node->kind == NODE_SCALAR;
	}
	return false;
}

/* One value, not a list. */
static void
item_read(struct parse *parse, const struct key *key, const struct node *node, void *to)
{
	if (!is_kind_right(key, node)) {
		wrong_type(parse, key, node);
		return;
	}
	switch (key->type) {
	case KEY_NAME:
	case KEY_TEXT:
	case KEY_FILE:
	case KEY_HOST:
		str_read(parse, key, node, to);
		return;
	case KEY_BOOL:
		bool_read(parse, key, node, to);
		return;
	case KEY_COUNT:
	case KEY_DURATION:
	case KEY_SIZE:
		num_read(parse, key, node, to);
		return;
	case KEY_WORD:
		word_read(parse, key, node, to);
		return;
	case KEY_IP:
		ip_read(parse, key, node, to);
		return;
	case KEY_PREFIX:
		prefix_read(parse, key, node, to);
		return;
	case KEY_ENDPOINT:
		endpoint_read(parse, key, node, to);
		return;
	case KEY_DEVICE:
		device_read(parse, key, node, to);
		return;
	case KEY_HOSTS:
		hosts_read(parse, node, to);
		return;
	case KEY_SECTION:
		section_read(parse, key->of, node, to);
		return;
	case KEY_LATER:
		return;
	}
}

static size_t
item_size(const struct key *key)
{
	switch (key->type) {
	case KEY_NAME:
	case KEY_TEXT:
	case KEY_FILE:
	case KEY_HOST:
		return sizeof(struct conf_str);
	case KEY_BOOL:
	case KEY_COUNT:
	case KEY_DURATION:
	case KEY_SIZE:
	case KEY_WORD:
		return sizeof(struct conf_num);
	case KEY_IP:
		return sizeof(struct conf_ip);
	case KEY_PREFIX:
		return sizeof(struct conf_prefix);
	case KEY_ENDPOINT:
		return sizeof(struct conf_endpoint);
	case KEY_SECTION:
		return key->of->size;
	case KEY_DEVICE:
	case KEY_HOSTS:
	case KEY_LATER:
		break;
	}
	ensure(!"a list of what has no lists");
	return 0;
}

static void
list_read(struct parse *parse, const struct key *key, const struct node *node, struct conf_list *to)
{
	size_t size = item_size(key);
	char *item;

	if (node->kind == NODE_SCALAR && node->is_plain && node->text[0] == '\0') {
		conf_err_add(parse->errs, node->at, "'%s' has no value; write for example %s",
			     key->name, key->example);
		return;
	}
	if (node->kind != NODE_LIST) {
		wrong_type(parse, key, node);
		return;
	}
	item = arena_take(parse->arena, node->n * size);
	*to = (struct conf_list){ .item = item, .n = node->n, .at = node };
	for (const struct node *at = node->first; at != NULL; at = at->next, item += size)
		item_read(parse, key, at, item);
}

static void
key_read(struct parse *parse, const struct key *key, const struct node *node, void *section)
{
	void *to = (char *)section + key->at;

	if (key->type == KEY_LATER)
		conf_err_add(parse->errs, node->key_at,
			     "this version does not have %s; remove '%s'", key->what, key->name);
	else if (key->is_list)
		list_read(parse, key, node, to);
	else if (node->kind == NODE_SCALAR && node->is_plain && node->text[0] == '\0')
		conf_err_add(parse->errs, node->at, "'%s' has no value; write for example %s",
			     key->name, key->example);
	else
		item_read(parse, key, node, to);
}

static void
key_unknown(struct parse *parse, const struct key_section *section, const struct node *node)
{
	const char *nearest = key_nearest(section, node->key);
	const char *known = "";

	if (nearest != NULL) {
		conf_err_add(parse->errs, node->key_at, "unknown key '%s'; did you mean '%s'?",
			     shown(parse, node->key), nearest);
		return;
	}
	for (uint32_t i = 0; i < section->keys_n; i++)
		if (section->keys[i].type != KEY_LATER)
			known = arena_format(parse->arena, "%s%s%s", known, known[0] ? ", " : "",
					     section->keys[i].name);
	conf_err_add(parse->errs, node->key_at, "unknown key '%s'; a %s has %s",
		     shown(parse, node->key), section->name, known);
}

static void
key_absent(struct parse *parse, const struct key *key, void *section)
{
	struct node node = { .kind = NODE_SCALAR, .text = key->absent };
	void *to = (char *)section + key->at;

	if (key->type == KEY_SECTION && !key->is_list) {
		section_absent(parse, key->of, to);
		return;
	}
	if (key->absent == NULL || key->is_list || key->type == KEY_LATER)
		return;
	item_read(parse, key, &node, to);
	/* A default has no place; the struct's last member is its node in every scalar type. */
	if (key->type == KEY_NAME || key->type == KEY_TEXT || key->type == KEY_FILE ||
	    key->type == KEY_HOST)
		((struct conf_str *)to)->at = NULL;
	else
		((struct conf_num *)to)->at = NULL;
}

static void
section_absent(struct parse *parse, const struct key_section *section, void *to)
{
	for (uint32_t i = 0; i < section->keys_n; i++)
		key_absent(parse, &section->keys[i], to);
}

/* "the farm 'app'", "a server": which section lacks a key. */
static const char *
section_title(struct parse *parse, const struct key_section *section, const struct node *node)
{
	const struct node *name = node_find(node, "name");

	if (name == NULL || name->kind != NODE_SCALAR)
		return arena_format(parse->arena, "this %s", section->name);
	return arena_format(parse->arena, "the %s '%s'", section->name, shown(parse, name->text));
}

/* An unknown key of this mapping was told to be meant as this one. */
static bool
is_misspelt(const struct key_section *section, const struct node *node, const struct key *key)
{
	for (const struct node *at = node->first; at != NULL; at = at->next) {
		const char *nearest =
			key_find(section, at->key) == NULL ? key_nearest(section, at->key) : NULL;

		if (nearest != NULL && strcmp(nearest, key->name) == 0)
			return true;
	}
	return false;
}

static void
section_read(struct parse *parse, const struct key_section *section, const struct node *node,
	     void *to)
{
	*(const struct node **)to = node;
	section_absent(parse, section, to);
	for (const struct node *at = node->first; at != NULL; at = at->next) {
		const struct key *key = key_find(section, at->key);

		if (at->key[0] == '\0')
			continue; /* a duplicate, told by the lexer */
		if (key != NULL)
			key_read(parse, key, at, to);
		else
			key_unknown(parse, section, at);
	}
	for (uint32_t i = 0; i < section->keys_n; i++) {
		const struct key *key = &section->keys[i];

		if (key->is_needed && node_find(node, key->name) == NULL &&
		    !is_misspelt(section, node, key))
			conf_err_add(parse->errs, node->at, "%s has no '%s'; add %s",
				     section_title(parse, section, node), key->name, key->example);
	}
}

void
parse_conf(const struct node *top, struct conf *conf, struct conf_errs *errs)
{
	struct parse parse = { .arena = &conf->arena, .errs = errs };

	ensure(top->kind == NODE_MAP);
	section_read(&parse, &key_top, top, conf);
}
