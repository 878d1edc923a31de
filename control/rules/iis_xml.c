/*
 * iis_xml.c - an XML text to the tree of the elements that rules are made of. The only file that
 * knows libxml2: it decides what is XML and decodes values; places come from iis_scan.c, which
 * walks the same tags beside it.
 *
 * Nothing is loaded from elsewhere and nothing is expanded: a document type is refused before the
 * parser sees it, and once more by it.
 */
#include <stdarg.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "base/ensure.h"
#include "rules/iis_parts.h"

struct tree {
	struct iis_load *load;
	const char *file;
	xmlParserCtxtPtr xml;
	struct iis_scan scan;
	struct iis_tag tag;

	struct iis_node *root;
	struct iis_node *open[IIS_DEPTH_MAX + 1]; /* an empty element may stand in the deepest */
	uint32_t depth;
	uint32_t skipped_depth; /* inside of an element that is left out */
	bool has_failed;
};

/* Children that are read of elements that hold much else. */
static const struct {
	const char *parent;
	const char *child[4];
	bool tells; /* the others are worth a word */
} kept[] = {
	{ "configuration", { "system.webServer", "location", "system.applicationHost" }, true },
	{ "location", { "system.webServer" }, true },
	{ "system.webServer", { "rewrite" }, true },
	{ "system.applicationHost", { "sites" }, false },
	{ "sites", { "site" }, false },
	{ "site", { NULL }, false },
};

static void
skipped_note(struct tree *tree, const char *parent, const char *name)
{
	struct iis_load *load = tree->load;
	const char *full = strcmp(parent, "system.webServer") == 0
				   ? arena_format(load->arena, "%s/%s", parent, name)
				   : name;

	for (uint32_t i = 0; i < load->skipped_n; i++)
		if (strcmp(load->skipped[i], full) == 0)
			return;
	if (load->skipped_n == IIS_SKIPPED_MAX) {
		load->skipped_more++;
		return;
	}
	if (load->skipped_n == 0)
		load->skipped_at = iis_scan_place(&tree->scan, tree->tag.p);
	load->skipped[load->skipped_n++] = arena_text(load->arena, full, strlen(full));
}

static bool
is_kept(struct tree *tree, const char *name)
{
	const char *parent = tree->depth > 0 ? tree->open[tree->depth - 1]->name : "";

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (strcmp(parent, kept[i].parent) != 0)
			continue;
		for (int j = 0; j < 4 && kept[i].child[j] != NULL; j++)
			if (strcmp(name, kept[i].child[j]) == 0)
				return true;
		if (kept[i].tells)
			skipped_note(tree, parent, name);
		return false;
	}
	return true;
}

static void
attrs_read(struct tree *tree, struct iis_node *node, const xmlChar **pairs)
{
	struct arena *arena = tree->load->arena;
	struct iis_attr **last = &node->attrs;

	for (uint32_t i = 0; pairs != NULL && pairs[2 * i] != NULL; i++) {
		struct iis_attr *attr = arena_take(arena, sizeof(*attr));
		const char *name = (const char *)pairs[2 * i];
		const char *value = (const char *)pairs[2 * i + 1];

		ensure(i < tree->tag.attr_n && strlen(name) == tree->tag.attr[i].n &&
		       memcmp(name, tree->tag.attr[i].p, tree->tag.attr[i].n) == 0);
		attr->name = arena_text(arena, name, strlen(name));
		attr->value = value == NULL ? "" : arena_text(arena, value, strlen(value));
		attr->at = iis_scan_place(&tree->scan, tree->tag.attr[i].p);
		attr->value_at = iis_scan_place(&tree->scan, tree->tag.value[i].p);
		*last = attr;
		last = &attr->next;
	}
}

static void
on_start(void *arg, const xmlChar *xml_name, const xmlChar **pairs)
{
	struct tree *tree = arg;
	const char *name = (const char *)xml_name;
	struct iis_node *node, *parent;

	do
		iis_scan_tag(&tree->scan, &tree->tag, NULL);
	while (tree->tag.kind == IIS_TAG_CLOSE);
	ensure(tree->tag.kind == IIS_TAG_START || tree->tag.kind == IIS_TAG_EMPTY);
	ensure(strlen(name) == tree->tag.name.n &&
	       memcmp(name, tree->tag.name.p, tree->tag.name.n) == 0);
	if (tree->skipped_depth > 0 || !is_kept(tree, name)) {
		tree->skipped_depth++;
		return;
	}
	node = arena_take(tree->load->arena, sizeof(*node));
	node->name = arena_text(tree->load->arena, name, strlen(name));
	node->at = iis_scan_place(&tree->scan, tree->tag.p);
	attrs_read(tree, node, pairs);
	parent = tree->depth > 0 ? tree->open[tree->depth - 1] : NULL;
	if (parent == NULL)
		tree->root = node;
	else if (parent->last == NULL)
		parent->first = parent->last = node;
	else
		parent->last = parent->last->next = node;
	ensure(tree->depth < IIS_DEPTH_MAX + 1);
	tree->open[tree->depth++] = node;
}

static void
on_end(void *arg, const xmlChar *name)
{
	struct tree *tree = arg;

	(void)name;
	if (tree->skipped_depth > 0)
		tree->skipped_depth--;
	else
		tree->depth--;
}

/* Text between elements: blanks, or something that IIS would refuse. */
static void
on_text(void *arg, const xmlChar *text, int n)
{
	struct tree *tree = arg;
	const struct iis_node *node = tree->depth > 0 ? tree->open[tree->depth - 1] : NULL;

	if (tree->skipped_depth > 0 || node == NULL)
		return;
	for (int i = 0; i < n; i++) {
		if (strchr(" \t\r\n", text[i]) != NULL)
			continue;
		conf_err_add(tree->load->errs, node->at,
			     "text stands in <%s>, which only holds elements; remove it, or write "
			     "it as <!-- a comment -->",
			     node->name);
		tree->has_failed = true;
		return;
	}
}

static void
on_dtd(void *arg, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	struct tree *tree = arg;

	(void)name;
	(void)public_id;
	(void)system_id;
	conf_err_add(tree->load->errs, (struct conf_pos){ tree->file, 1, 1 },
		     "a document type (DTD) is not read; remove <!DOCTYPE ...>");
	tree->has_failed = true;
	xmlStopParser(tree->xml);
}

/* The first error is the user's; those behind it follow from it. */
static void __attribute__((format(printf, 2, 3))) on_error(void *arg, const char *format, ...)
{
	struct tree *tree = arg;
	const xmlError *error = xmlCtxtGetLastError(tree->xml);
	struct conf_pos at = { tree->file, 1, 1 };
	int n;

	(void)format;
	if (tree->has_failed || error == NULL || error->level < XML_ERR_ERROR)
		return;
	tree->has_failed = true;
	at.line = error->line > 0 ? (uint32_t)error->line : 1;
	at.col = error->int2 > 0 ? (uint32_t)error->int2 : 1;
	n = error->message == NULL ? 0 : (int)strcspn(error->message, "\n");
	conf_err_add(tree->load->errs, at, "not XML: %.*s; correct it here or just before", n,
		     error->message);
}

static void
hooks_set(xmlSAXHandlerPtr sax)
{
	memset(sax, 0, sizeof(*sax)); /* the old interface: names as written, no namespaces */
	sax->startElement = on_start;
	sax->endElement = on_end;
	sax->characters = on_text;
	sax->cdataBlock = on_text;
	sax->internalSubset = on_dtd;
	sax->error = on_error;
	sax->fatalError = on_error;
}

struct iis_node *
iis_tree(struct iis_load *load, const struct iis_text *file)
{
	struct tree tree = { .load = load, .file = file->name };
	char *text;
	size_t n;

	if (!iis_decode(load, file, &text, &n) || !iis_scan_check(file->name, text, n, load->errs))
		return NULL;
	iis_scan_init(&tree.scan, file->name, text, n);
	tree.xml = xmlCreateMemoryParserCtxt(text, (int)n);
	ensure(tree.xml != NULL);
	hooks_set(tree.xml->sax);
	tree.xml->userData = &tree;
	tree.xml->replaceEntities = 1; /* &amp; and its kind: without a DTD there are no others */
	xmlParseDocument(tree.xml);
	if (!tree.xml->wellFormed && !tree.has_failed) {
		conf_err_add(load->errs, (struct conf_pos){ tree.file, 1, 1 },
			     "not XML; check it with an XML editor");
		tree.has_failed = true;
	}
	if (tree.xml->myDoc != NULL)
		xmlFreeDoc(tree.xml->myDoc);
	xmlFreeParserCtxt(tree.xml);
	return tree.has_failed ? NULL : tree.root;
}
