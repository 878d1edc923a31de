/*
 * lex.h - YAML text to a tree in which every node knows its place. Knows no key of ours but
 * `include`.
 *
 * libyaml reads the text; this turns its events into nodes and refuses what a configuration has
 * no need of and a reader would trip over: duplicate keys, anchors and aliases, tags, several
 * documents, keys that are not plain words.
 */
#ifndef PENSTOCK_CONTROL_CONF_LEX_H
#define PENSTOCK_CONTROL_CONF_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/arena.h"
#include "conf/errs.h"

#define NODE_KINDS(x)                                                                              \
	x(NODE_SCALAR, "a single value") x(NODE_LIST, "a list") x(NODE_MAP, "a mapping")

enum node_kind {
#define X(id, words) id,
	NODE_KINDS(X)
#undef X
};

/* "a list", for messages. */
const char *node_kind_name(enum node_kind kind);

struct node {
	enum node_kind kind;
	bool is_plain; /* a scalar without quotes */
	struct conf_pos at;

	const char *text; /* a scalar's value, NUL-terminated, without NUL inside */

	struct node *first, *last; /* children of a list or mapping, in the file's order */
	struct node *next;	   /* the next child of the same parent */
	uint32_t n;		   /* children */

	const char *key;	/* in a mapping: this child's key */
	struct conf_pos key_at; /* and its place */
};

/* NULL when the mapping has no such key (or the node is no mapping). */
struct node *node_find(const struct node *map, const char *key);

/*
 * Reads one text. NULL with at least one error told, or the top mapping. An empty text is an
 * error.
 */
struct node *lex_text(struct arena *arena, const char *file, const void *text, size_t n,
		      struct conf_errs *errs);

/*
 * Reads a file and those that its `include` names, relative to its folder, in sorted order, and
 * merges them: lists of the same name are joined, mappings are merged, a value that two files
 * give is an error. Included files may not include. The `include` key is taken out of the tree.
 */
struct node *lex_file(struct arena *arena, const char *path, struct conf_errs *errs);

#endif
