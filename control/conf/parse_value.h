/*
 * parse_value.h - one scalar of the tree to one typed value, or an error with the key's own
 * example as the cure. Private to parse.c.
 */
#ifndef PENSTOCK_CONTROL_CONF_PARSE_VALUE_H
#define PENSTOCK_CONTROL_CONF_PARSE_VALUE_H

#include <stdbool.h>

#include "conf/errs.h"
#include "conf/keys.h"
#include "conf/lex.h"
#include "conf/model.h"

struct parse {
	struct arena *arena;
	struct conf_errs *errs;
};

/* At most 40 bytes of a text, so that a line of an error stays a line. */
const char *parse_shown(struct parse *parse, const char *text);

void parse_wrong_type(struct parse *parse, const struct key *key, const struct node *node);
void parse_wrong_value(struct parse *parse, const struct key *key, const struct node *node,
		       const char *why);

bool parse_is_name(const char *text);

/* Each fills *to, or tells and leaves it. */
void parse_str(struct parse *parse, const struct key *key, const struct node *node,
	       struct conf_str *to);
void parse_word(struct parse *parse, const struct key *key, const struct node *node,
		struct conf_num *to);
void parse_bool(struct parse *parse, const struct key *key, const struct node *node,
		struct conf_num *to);
void parse_num(struct parse *parse, const struct key *key, const struct node *node,
	       struct conf_num *to);
void parse_ip(struct parse *parse, const struct key *key, const struct node *node,
	      struct conf_ip *to);
void parse_prefix(struct parse *parse, const struct key *key, const struct node *node,
		  struct conf_prefix *to);
void parse_endpoint(struct parse *parse, const struct key *key, const struct node *node,
		    struct conf_endpoint *to);

#endif
