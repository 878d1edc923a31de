/*
 * lex.c - libyaml's events to a tree with places, see lex.h.
 *
 * A stack of open lists and mappings instead of recursion; its depth and the number of nodes are
 * bounded, so that no text can exhaust the reader.
 */
#include "conf/lex.h"

#include <string.h>

#include <yaml.h>

#include "base/ensure.h"

enum {
	LEX_DEPTH_MAX = 24,	/* lists and mappings inside each other */
	LEX_NODES_MAX = 500000, /* far beyond any hand- or script-written file */
	LEX_KEYS_MAX = 10000,	/* of one mapping: each is compared with those before it */
	LEX_TEXT_MAX = 64 * 1024,
};

struct lex {
	struct arena *arena;
	struct conf_errs *errs;
	const char *file;
	yaml_parser_t yaml;

	struct node *root;
	struct node *open[LEX_DEPTH_MAX];
	uint32_t depth;
	uint32_t nodes;

	const char *key; /* of the mapping that is open, its value awaited */
	struct conf_pos key_at;
	bool is_over; /* the one document has ended */
};

const char *
node_kind_name(enum node_kind kind)
{
	static const char *const name[] = {
#define X(id, words) [id] = words,
		NODE_KINDS(X)
#undef X
	};

	return name[kind];
}

struct node *
node_find(const struct node *map, const char *key)
{
	if (map->kind != NODE_MAP)
		return NULL;
	for (struct node *child = map->first; child != NULL; child = child->next)
		if (strcmp(child->key, key) == 0)
			return child;
	return NULL;
}

static struct conf_pos
place(const struct lex *lex, const yaml_mark_t *mark)
{
	return (struct conf_pos){ .file = lex->file,
				  .line = (uint32_t)mark->line + 1,
				  .col = (uint32_t)mark->column + 1 };
}

static bool
refuse(struct lex *lex, const yaml_mark_t *mark, const char *text)
{
	conf_err_add(lex->errs, place(lex, mark), "%s", text);
	return false;
}

static bool
parser_failed(struct lex *lex)
{
	const yaml_parser_t *yaml = &lex->yaml;
	const char *problem = yaml->problem != NULL ? yaml->problem : "not readable";
	struct conf_pos at = place(lex, &yaml->problem_mark);

	if (yaml->error == YAML_READER_ERROR) {
		at.line = 0;
		conf_err_add(lex->errs, at,
			     "byte %zu is not UTF-8 text (%s); save the file as UTF-8",
			     yaml->problem_offset, problem);
	} else if (strstr(problem, "cannot start any token") != NULL) {
		conf_err_add(lex->errs, at,
			     "no YAML value can start with this character; indent with spaces, "
			     "not tabs, and put quotes round the value");
	} else {
		conf_err_add(lex->errs, at,
			     "not YAML: %s%s%s; check the indentation, the brackets and the "
			     "quotes here and on the line before",
			     yaml->context != NULL ? yaml->context : "",
			     yaml->context != NULL ? ", " : "", problem);
	}
	return false;
}

/* Hangs a node into what is open. The caller has checked a mapping's key. */
static void
attach(struct lex *lex, struct node *node)
{
	struct node *parent;

	if (lex->depth == 0) {
		lex->root = node;
		return;
	}
	parent = lex->open[lex->depth - 1];
	if (parent->kind == NODE_MAP) {
		ensure(lex->key != NULL);
		node->key = lex->key;
		node->key_at = lex->key_at;
		lex->key = NULL;
	}
	if (parent->last != NULL)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->n++;
}

static struct node *
node_take(struct lex *lex, enum node_kind kind, const yaml_mark_t *mark)
{
	struct node *node = arena_take(lex->arena, sizeof(*node));

	node->kind = kind;
	node->at = place(lex, mark);
	lex->nodes++;
	return node;
}

static bool
is_key_awaited(const struct lex *lex)
{
	return lex->depth > 0 && lex->open[lex->depth - 1]->kind == NODE_MAP && lex->key == NULL;
}

static bool
key_found(struct lex *lex, const char *text, struct conf_pos at)
{
	const struct node *earlier = node_find(lex->open[lex->depth - 1], text);

	if (earlier != NULL) {
		conf_err_add(lex->errs, at,
			     "the key '%s' is already given in line %u; keep one of the two", text,
			     earlier->key_at.line);
		/* Kept under a name that no key has, so that reading goes on. */
	}
	lex->key = earlier != NULL ? "" : text;
	lex->key_at = at;
	return true;
}

static bool
scalar_found(struct lex *lex, const yaml_event_t *event)
{
	const char *bytes = (const char *)event->data.scalar.value;
	size_t n = event->data.scalar.length;
	struct node *node;
	char *text;

	if (event->data.scalar.anchor != NULL)
		return refuse(lex, &event->start_mark,
			      "anchors (&name) are not read; write the value out where it is used");
	if (event->data.scalar.tag != NULL)
		return refuse(lex, &event->start_mark, "tags (!name) are not read; remove the tag");
	if (n > LEX_TEXT_MAX)
		return refuse(lex, &event->start_mark,
			      "this value is longer than 64 KiB; shorten it");
	if (memchr(bytes, 0, n) != NULL)
		return refuse(lex, &event->start_mark,
			      "this value holds a NUL character; remove it");
	text = arena_text(lex->arena, bytes, n);
	if (is_key_awaited(lex)) {
		if (lex->open[lex->depth - 1]->n == LEX_KEYS_MAX)
			return refuse(lex, &event->start_mark,
				      "more than 10,000 keys in one mapping; divide it among "
				      "included files");
		if (n == 0)
			return refuse(lex, &event->start_mark,
				      "an empty key; write a name before the ':'");
		return key_found(lex, text, place(lex, &event->start_mark));
	}
	node = node_take(lex, NODE_SCALAR, &event->start_mark);
	node->text = text;
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	attach(lex, node);
	return true;
}

static bool
collection_begun(struct lex *lex, enum node_kind kind, const yaml_event_t *event)
{
	bool is_map = kind == NODE_MAP;
	const yaml_char_t *anchor =
		is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
	const yaml_char_t *tag =
		is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
	struct node *node;

	if (anchor != NULL)
		return refuse(lex, &event->start_mark,
			      "anchors (&name) are not read; write the value out where it is used");
	if (tag != NULL)
		return refuse(lex, &event->start_mark, "tags (!name) are not read; remove the tag");
	if (is_key_awaited(lex))
		return refuse(lex, &event->start_mark,
			      "a key must be a single word; put quotes round it if it is text");
	if (lex->depth == LEX_DEPTH_MAX)
		return refuse(lex, &event->start_mark,
			      "lists and mappings are nested too deeply; no section needs this");
	node = node_take(lex, kind, &event->start_mark);
	attach(lex, node);
	lex->open[lex->depth++] = node;
	return true;
}

static bool
collection_ended(struct lex *lex)
{
	ensure(lex->depth > 0);
	lex->depth--;
	return true;
}

/* False: reading stops, an error has been told. */
static bool
event_found(struct lex *lex, const yaml_event_t *event)
{
	if (lex->nodes > LEX_NODES_MAX)
		return refuse(lex, &event->start_mark,
			      "the file has more than 500,000 values; split the work");
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (lex->is_over)
			return refuse(lex, &event->start_mark,
				      "a second document begins here; remove the '---' line");
		return true;
	case YAML_DOCUMENT_END_EVENT:
		lex->is_over = true;
		return true;
	case YAML_ALIAS_EVENT:
		return refuse(lex, &event->start_mark,
			      "aliases (*name) are not read; write the value out, or put quotes "
			      "round a text that begins with '*'");
	case YAML_SCALAR_EVENT:
		return scalar_found(lex, event);
	case YAML_SEQUENCE_START_EVENT:
		return collection_begun(lex, NODE_LIST, event);
	case YAML_MAPPING_START_EVENT:
		return collection_begun(lex, NODE_MAP, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return collection_ended(lex);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
		return true;
	}
	return true;
}

static bool
events_read(struct lex *lex)
{
	bool is_end = false, is_good = true;

	while (!is_end && is_good) {
		yaml_event_t event;

		if (!yaml_parser_parse(&lex->yaml, &event))
			return parser_failed(lex);
		is_good = event_found(lex, &event);
		is_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return is_good;
}

struct node *
lex_text(struct arena *arena, const char *file, const void *text, size_t n, struct conf_errs *errs)
{
	struct lex lex = { .arena = arena, .errs = errs, .file = file };
	bool is_good;

	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* libyaml counts it as a column */
		text = (const char *)text + 3;
		n -= 3;
	}
	ensure(yaml_parser_initialize(&lex.yaml) == 1);
	yaml_parser_set_encoding(&lex.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&lex.yaml, text, n);
	is_good = events_read(&lex);
	yaml_parser_delete(&lex.yaml);
	if (!is_good)
		return NULL;
	if (lex.root == NULL || (lex.root->kind == NODE_SCALAR && lex.root->text[0] == '\0')) {
		conf_err_add(errs, (struct conf_pos){ .file = file, .line = 1, .col = 1 },
			     "the file is empty; begin with the section 'machine:'");
		return NULL;
	}
	if (lex.root->kind != NODE_MAP) {
		conf_err_add(errs, lex.root->at,
			     "the file holds %s, not sections; begin with 'machine:'",
			     node_kind_name(lex.root->kind));
		return NULL;
	}
	return lex.root;
}
