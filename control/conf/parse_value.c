/*
 * parse_value.c - one scalar of the tree to one typed value, see parse_value.h.
 */
#include "conf/parse_value.h"

#include <string.h>

#include "conf/value.h"

/* "[abc]" for messages: at most 40 bytes of a text, so that a line stays a line. */
const char *
parse_shown(struct parse *parse, const char *text)
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

void
parse_wrong_type(struct parse *parse, const struct key *key, const struct node *node)
{
	conf_err_add(parse->errs, node->at,
		     "'%s' must be %s%s, here it is %s; write for example %s", key->name,
		     key->is_named  ? "a mapping of names, each value "
		     : key->is_list ? "a list, each item "
				    : "",
		     key_type_name(key->type), node_kind_name(node->kind), key->example);
}

void
parse_wrong_value(struct parse *parse, const struct key *key, const struct node *node,
		  const char *why)
{
	conf_err_add(parse->errs, node->at, "'%s' is not %s for '%s': %s; write for example %s",
		     parse_shown(parse, node->text), key_type_name(key->type), key->name, why,
		     key->example);
}

bool
parse_is_name(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n > 63 || text[0] == '-' || text[0] == '.')
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	       n;
}

void
parse_str(struct parse *parse, const struct key *key, const struct node *node, struct conf_str *to)
{
	struct ip_addr ip;
	uint16_t port;

	if (key->type == KEY_NAME && !parse_is_name(node->text)) {
		parse_wrong_value(
			parse, key, node,
			"1 to 63 letters, digits, '.', '_' and '-', beginning with a letter, "
			"digit or '_'");
		return;
	}
	if (key->type == KEY_FILE && (node->text[0] != '/' || strlen(node->text) > 4000)) {
		parse_wrong_value(parse, key, node, "the path must begin with '/'");
		return;
	}
	if (key->type == KEY_HOST && !value_is_host_name(node->text) &&
	    value_ip(node->text, &ip) != VALUE_OK &&
	    value_endpoint(node->text, &ip, &port) != VALUE_OK) {
		parse_wrong_value(parse, key, node, "it has characters that no host name has");
		return;
	}
	*to = (struct conf_str){ .s = node->text, .at = node };
}

void
parse_word(struct parse *parse, const struct key *key, const struct node *node, struct conf_num *to)
{
	const char *nearest;

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
	nearest = key_nearest_word(key->words, node->text);
	if (nearest != NULL)
		conf_err_add(parse->errs, node->at,
			     "'%s' is not a value of '%s'; did you mean '%s'? It takes %s",
			     parse_shown(parse, node->text), key->name, nearest,
			     words_joined(parse, key->words));
	else
		conf_err_add(parse->errs, node->at, "'%s' is not a value of '%s'; use %s",
			     parse_shown(parse, node->text), key->name,
			     words_joined(parse, key->words));
}

void
parse_bool(struct parse *parse, const struct key *key, const struct node *node, struct conf_num *to)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", NULL };

	for (uint32_t i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], node->text) != 0)
			continue;
		*to = (struct conf_num){ .v = i & 1, .at = node };
		return;
	}
	conf_err_add(parse->errs, node->at, "'%s' is neither true nor false; write %s",
		     parse_shown(parse, node->text), key->example);
}

void
parse_num(struct parse *parse, const struct key *key, const struct node *node, struct conf_num *to)
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
		parse_wrong_value(parse, key, node,
				  key->type == KEY_DURATION ? "the units are ms, s, m, h and d"
							    : "the units are KiB, MiB and GiB");
		return;
	}
	if (fault == VALUE_NOT_NUMBER) {
		parse_wrong_value(parse, key, node, "it is no number");
		return;
	}
	if (fault != VALUE_OK || v < key->min || v > key->max) {
		conf_err_add(parse->errs, node->at, "'%s' is out of range for '%s'; use a value %s",
			     parse_shown(parse, node->text), key->name, range_text(parse, key));
		return;
	}
	*to = (struct conf_num){ .v = v, .at = node };
}

void
parse_ip(struct parse *parse, const struct key *key, const struct node *node, struct conf_ip *to)
{
	struct ip_addr ip;

	if (value_ip(node->text, &ip) != VALUE_OK) {
		parse_wrong_value(parse, key, node,
				  strchr(node->text, '/') != NULL ? "no prefix length belongs here"
								  : "neither IPv4 nor IPv6");
		return;
	}
	*to = (struct conf_ip){ .ip = ip, .at = node };
}

void
parse_prefix(struct parse *parse, const struct key *key, const struct node *node,
	     struct conf_prefix *to)
{
	struct conf_prefix prefix = { .at = node };
	enum value_fault fault = value_prefix(node->text, &prefix.ip, &prefix.bits);

	if (fault == VALUE_OK)
		*to = prefix;
	else if (fault == VALUE_NO_PREFIX)
		parse_wrong_value(parse, key, node, "the prefix length is missing");
	else if (fault == VALUE_BAD_PREFIX)
		parse_wrong_value(parse, key, node,
				  "the prefix length is 0 to 32 for IPv4, 0 to 128 for IPv6");
	else
		parse_wrong_value(parse, key, node, "neither IPv4 nor IPv6");
}

void
parse_endpoint(struct parse *parse, const struct key *key, const struct node *node,
	       struct conf_endpoint *to)
{
	struct conf_endpoint endpoint = { .at = node };
	enum value_fault fault = value_endpoint(node->text, &endpoint.ip, &endpoint.port);

	if (fault == VALUE_OK)
		*to = endpoint;
	else if (fault == VALUE_NO_PORT)
		parse_wrong_value(parse, key, node, "the port is missing");
	else if (fault == VALUE_BAD_PORT)
		parse_wrong_value(parse, key, node, "a port is a number from 1 to 65535");
	else if (fault == VALUE_NO_BRACKETS)
		parse_wrong_value(parse, key, node,
				  "an IPv6 address stands in brackets: \"[2001:db8::1]:80\"");
	else
		parse_wrong_value(parse, key, node, "the address is neither IPv4 nor IPv6 nor '*'");
}
