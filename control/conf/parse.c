/*
 * parse.c - a tree to typed values, see parse.h.
 *
 * Every section's struct begins with the node it was read from. One reader for each type of the
 * table; what is wrong is told with the key's own example as the cure. Recursion is bounded by
 * the table, and where one of its sections contains itself by the depth of the tree.
 */
#include "conf/parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "conf/keys.h"
#include "conf/native.h"
#include "conf/parse_value.h"
#include "conf/value.h"

static void section_read(struct parse *parse, const struct key_section *section,
			 const struct node *node, void *to);
static void section_absent(struct parse *parse, const struct key_section *section, void *to);

#define DEVICE_FORMS                                                                               \
	"packet:IFACE, xdp:IFACE, tap:NAME, \"pci:0000:3b:00.0\", {memif: PATH, role: client, "    \
	"id: 0}, {vhost: PATH}, {virtio: PATH} or {vdev: \"NAME,ARGUMENTS\"}"

static void
device_read(struct parse *parse, const struct key *key, const struct node *node,
	    struct conf_device *to)
{
	if (node->kind == NODE_MAP) {
		section_read(parse, &key_device, node, to);
		return;
	}
	section_absent(parse, &key_device, to);
	to->at = node;
	if (strncmp(node->text, "packet:", 7) == 0 && parse_is_name(node->text + 7))
		to->packet = (struct conf_str){ .s = node->text + 7, .at = node };
	else if (strncmp(node->text, "xdp:", 4) == 0 && parse_is_name(node->text + 4))
		to->xdp = (struct conf_str){ .s = node->text + 4, .at = node };
	else if (strncmp(node->text, "tap:", 4) == 0 && parse_is_name(node->text + 4))
		to->tap = (struct conf_str){ .s = node->text + 4, .at = node };
	else if (strncmp(node->text, "pci:", 4) == 0)
		to->pci = (struct conf_str){ .s = node->text + 4, .at = node };
	else if (strncmp(node->text, "vdev:", 5) == 0)
		to->vdev = (struct conf_str){ .s = node->text + 5, .at = node };
	else
		parse_wrong_value(parse, key, node, "use " DEVICE_FORMS);
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
					    .is_one_too = true,
					    .example = "hosts: {app1.internal: 10.0.0.11}" };
	struct conf_host *host = arena_take(parse->arena, node->n * sizeof(*host));

	*to = (struct conf_list){ .item = host, .n = node->n, .at = node };
	for (const struct node *at = node->first; at != NULL; at = at->next, host++) {
		if (at->key[0] == '\0')
			continue;
		if (!value_is_host_name(at->key))
			conf_err_add(parse->errs, at->key_at,
				     "'%s' is no host name; write for example %s",
				     parse_shown(parse, at->key), address.example);
		host->name = (struct conf_str){ .s = at->key, .at = at };
		list_read(parse, &address, at, &host->addresses);
	}
}

/* A list of this one node. */
static const struct node *
list_of(struct parse *parse, const struct node *node)
{
	struct node *list = arena_take(parse->arena, sizeof(*list));

	*list = (struct node){ .kind = NODE_LIST, .at = node->at, .n = 1 };
	list->first = list->last = arena_take(parse->arena, sizeof(*node));
	*list->first = *node;
	list->first->next = NULL;
	return list;
}

/* A mapping whose only key is the section's lone one, with this value. */
static const struct node *
section_of(struct parse *parse, const struct key_section *section, const struct node *node)
{
	const struct node *list = list_of(parse, node);
	struct node *map = arena_take(parse->arena, sizeof(*map));

	*map = *list;
	map->kind = NODE_MAP;
	map->key = node->key;
	map->key_at = node->key_at;
	map->first->key = section->lone;
	map->first->key_at = node->at;
	return map;
}

/* ---- sets of rules ---- */

static void
entry_read(struct parse *parse, const struct node *node, struct conf_entry *to)
{
	const struct key_entry *entry = key_entries();
	void *of;

	if (node->kind != NODE_MAP) {
		conf_err_add(parse->errs, node->at,
			     "an entry of a set of rules is a mapping, here it is %s; write for "
			     "example {name: old, match: {path: /old}, redirect: /new} or {iis: "
			     "web.config}",
			     node_kind_name(node->kind));
		return;
	}
	while (entry->by != NULL && node_find(node, entry->by) == NULL)
		entry++;
	of = arena_take(parse->arena, entry->of->size);
	section_read(parse, entry->of, node, of);
	*to = (struct conf_entry){ .kind = (enum conf_entry_kind)entry->kind, .of = of };
}

static void
entries_read(struct parse *parse, const struct node *node, struct conf_list *to)
{
	struct conf_entry *entry = arena_take(parse->arena, node->n * sizeof(*entry));

	*to = (struct conf_list){ .item = entry, .n = node->n, .at = node };
	for (const struct node *at = node->first; at != NULL; at = at->next)
		entry_read(parse, at, entry++);
}

static void
sets_parse(struct parse *parse, const struct key *key, const struct node *node,
	   struct conf_list *to)
{
	struct conf_rule_set *set = arena_take(parse->arena, node->n * sizeof(*set));

	*to = (struct conf_list){ .item = set, .n = node->n, .at = node };
	for (const struct node *at = node->first; at != NULL; at = at->next, set++) {
		if (at->key[0] == '\0')
			continue;
		if (!parse_is_name(at->key))
			conf_err_add(parse->errs, at->key_at,
				     "'%s' is no name for a set of rules: 1 to 63 letters, digits, "
				     "'.', '_' and '-'; write for example %s",
				     parse_shown(parse, at->key), key->example);
		set->name = (struct conf_str){ .s = at->key, .at = at };
		if (at->kind != NODE_LIST)
			conf_err_add(
				parse->errs, at->at,
				"a set of rules is a list, here it is %s; write for example %s",
				node_kind_name(at->kind), key->example);
		else
			entries_read(parse, at, &set->entries);
	}
}

static bool
is_kind_right(const struct key *key, const struct node *node)
{
	switch (key->type) {
	case KEY_DEVICE:
		return node->kind != NODE_LIST;
	case KEY_HOSTS:
	case KEY_SETS:
		return node->kind == NODE_MAP;
	case KEY_SECTION:
		return node->kind == NODE_MAP ||
		       (node->kind == NODE_SCALAR && key->of->lone != NULL);
	case KEY_RULES:
		return node->kind == NODE_LIST;
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
		parse_wrong_type(parse, key, node);
		return;
	}
	switch (key->type) {
	case KEY_NAME:
	case KEY_TEXT:
	case KEY_FILE:
	case KEY_HOST:
		parse_str(parse, key, node, to);
		return;
	case KEY_BOOL:
		parse_bool(parse, key, node, to);
		return;
	case KEY_COUNT:
	case KEY_DURATION:
	case KEY_SIZE:
		parse_num(parse, key, node, to);
		return;
	case KEY_WORD:
		parse_word(parse, key, node, to);
		return;
	case KEY_IP:
		parse_ip(parse, key, node, to);
		return;
	case KEY_PREFIX:
		parse_prefix(parse, key, node, to);
		return;
	case KEY_ENDPOINT:
		parse_endpoint(parse, key, node, to);
		return;
	case KEY_DEVICE:
		device_read(parse, key, node, to);
		return;
	case KEY_HOSTS:
		hosts_read(parse, node, to);
		return;
	case KEY_SETS:
		sets_parse(parse, key, node, to);
		return;
	case KEY_RULES:
		entries_read(parse, node, to);
		return;
	case KEY_SECTION:
		section_read(parse, key->of,
			     node->kind == NODE_MAP ? node : section_of(parse, key->of, node), to);
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
	case KEY_SETS:
	case KEY_RULES:
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
	if (key->is_one_too && node->kind != NODE_LIST && is_kind_right(key, node))
		node = list_of(parse, node);
	if (node->kind != (key->is_named ? NODE_MAP : NODE_LIST)) {
		parse_wrong_type(parse, key, node);
		return;
	}
	item = arena_take(parse->arena, node->n * size);
	*to = (struct conf_list){ .item = item, .n = node->n, .at = node };
	for (const struct node *at = node->first; at != NULL; at = at->next, item += size)
		if (!key->is_named || at->key[0] != '\0')
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
			     parse_shown(parse, node->key), nearest);
		return;
	}
	for (uint32_t i = 0; i < section->keys_n; i++)
		if (section->keys[i].type != KEY_LATER)
			known = arena_format(parse->arena, "%s%s%s", known, known[0] ? ", " : "",
					     section->keys[i].name);
	conf_err_add(parse->errs, node->key_at, "unknown key '%s'; %s %s has %s",
		     parse_shown(parse, node->key),
		     strchr("aeiou", section->name[0]) != NULL ? "an" : "a", section->name, known);
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
	return arena_format(parse->arena, "the %s '%s'", section->name,
			    parse_shown(parse, name->text));
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

void
parse_defaults(const struct key_section *section, struct arena *arena, void *to)
{
	struct conf_errs errs = { 0 };
	struct parse parse = { .arena = arena, .errs = &errs };

	section_absent(&parse, section, to);
	ensure(errs.n == 0); /* defaults are good */
}
