/*
 * parse.h - a tree to typed values by the table of keys. Knows types and ranges, not what the
 * values mean to each other (check.h).
 */
#ifndef PENSTOCK_CONTROL_CONF_PARSE_H
#define PENSTOCK_CONTROL_CONF_PARSE_H

#include "conf/errs.h"
#include "conf/keys.h"
#include "conf/lex.h"
#include "conf/model.h"

/* Fills the model from the top mapping; tells every error found. The tree must outlive it. */
void parse_conf(const struct node *top, struct conf *conf, struct conf_errs *errs);

/* What a section holds whose keys are all left out. */
void parse_defaults(const struct key_section *section, struct arena *arena, void *to);

#endif
