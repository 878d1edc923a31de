/*
 * iis_scan.c - where tags and attributes of an XML text stand, and the usual mistakes in words
 * that cure them. The XML parser has the last word on what is XML; it keeps no columns.
 */
#include "rules/iis_parts.h"

#include <string.h>

#include "base/ensure.h"

void
iis_scan_init(struct iis_scan *scan, const char *file, const char *text, size_t n)
{
	*scan = (struct iis_scan){ .file = file,
				   .begin = text,
				   .p = text,
				   .end = text + n,
				   .mark = text,
				   .line = 1,
				   .col = 1 };
}

struct conf_pos
iis_scan_place(struct iis_scan *scan, const char *p)
{
	ensure(p >= scan->begin && p <= scan->end);
	if (p < scan->mark) {
		scan->mark = scan->begin;
		scan->line = scan->col = 1;
	}
	for (; scan->mark < p; scan->mark++) {
		if (*scan->mark == '\n') {
			scan->line++;
			scan->col = 1;
		} else if (((unsigned char)*scan->mark & 0xc0) != 0x80) {
			scan->col++; /* characters, not bytes: the mark moves behind this one */
		}
	}
	return (struct conf_pos){ scan->file, scan->line, scan->col };
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_name_char(char c)
{
	return c != 0 && !is_blank(c) && strchr("/><=\"'&!?", c) == NULL;
}

static bool
is_at(const struct iis_scan *scan, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(scan->end - scan->p) >= n && memcmp(scan->p, word, n) == 0;
}

static void
blanks_pass(struct iis_scan *scan)
{
	while (scan->p < scan->end && is_blank(*scan->p))
		scan->p++;
}

static struct iis_span
name_take(struct iis_scan *scan)
{
	struct iis_span name = { scan->p, 0 };

	while (scan->p < scan->end && is_name_char(*scan->p))
		scan->p++;
	name.n = (size_t)(scan->p - name.p);
	return name;
}

/* Behind the next `word`; false: it does not come. */
static bool
past(struct iis_scan *scan, const char *word)
{
	const char *found = memmem(scan->p, (size_t)(scan->end - scan->p), word, strlen(word));

	if (found == NULL)
		return false;
	scan->p = found + strlen(word);
	return true;
}

/* Tells it at p, with the name of the rule that it stands in. False. */
static bool __attribute__((format(printf, 4, 5)))
refuse(struct iis_scan *scan, const char *p, struct conf_errs *errs, const char *format, ...)
{
	struct conf_pos at = iis_scan_place(scan, p);
	va_list args;
	char *text;

	if (errs == NULL)
		return false;
	va_start(args, format);
	text = arena_vformat(&errs->arena, format, args);
	va_end(args);
	if (scan->rule.n > 0)
		conf_err_add(errs, at, "rule '%.*s': %s", (int)scan->rule.n, scan->rule.p, text);
	else
		conf_err_add(errs, at, "%s", text);
	return false;
}

/* A quote that a word processor or a web page made of " or '. */
static bool
is_typographic(const struct iis_scan *scan)
{
	static const char *const quotes[] = { "“", "”", "„", "″", "‘", "’", "′", "«", "»" };

	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++)
		if (is_at(scan, quotes[i]))
			return true;
	return false;
}

/* &amp; &lt; &gt; &quot; &apos; &#10; &#xA; are the only ones without a DTD. */
static bool
is_reference(const char *p, const char *end)
{
	static const char *const known[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&apos;" };
	bool is_hex;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((size_t)(end - p) >= strlen(known[i]) &&
		    memcmp(p, known[i], strlen(known[i])) == 0)
			return true;
	if (end - p < 4 || p[1] != '#')
		return false;
	is_hex = p[2] == 'x';
	p += is_hex ? 3 : 2;
	for (const char *digit = p; p < end; p++)
		if (strchr(is_hex ? "0123456789abcdefABCDEF" : "0123456789", *p) == NULL || *p == 0)
			return *p == ';' && p > digit;
	return false;
}

static bool
reference_refuse(struct iis_scan *scan, const char *p, const char *end, struct conf_errs *errs)
{
	const char *name = p + 1;

	while (name < end && is_name_char(*name) && *name != ';' && *name != '#')
		name++;
	if (name < end && *name == ';' && name > p + 1)
		return refuse(scan, p, errs,
			      "XML has no %.*s; write the character itself, or & as &amp;",
			      (int)(name + 1 - p), p);
	return refuse(scan, p, errs, "a raw & is not XML; & must be written &amp;");
}

/* Tells each raw & between p and end. */
static bool
references_check(struct iis_scan *scan, const char *p, const char *end, struct conf_errs *errs)
{
	bool is_good = true;

	while ((p = memchr(p, '&', (size_t)(end - p))) != NULL) {
		if (!is_reference(p, end))
			is_good = reference_refuse(scan, p, end, errs);
		p++;
	}
	return is_good;
}

/* The value behind the '='; scan->p moves behind its closing quote. */
static bool
value_take(struct iis_scan *scan, struct iis_span *ret_value, struct conf_errs *errs)
{
	const char *begin = scan->p + 1, *end, *tag;

	if (is_typographic(scan))
		return refuse(scan, scan->p, errs,
			      "typographic quotes are not XML; write straight ones (\") instead, "
			      "here and in the rest of the file");
	if (scan->p == scan->end || (*scan->p != '"' && *scan->p != '\''))
		return refuse(scan, scan->p, errs,
			      "a value stands in no quotes; write name=\"value\"");
	end = memchr(begin, *scan->p, (size_t)(scan->end - begin));
	if (end == NULL)
		return refuse(
			scan, scan->p, errs,
			"the value that begins here has no closing quote; write one at its end");
	tag = memchr(begin, '<', (size_t)(end - begin));
	if (tag != NULL)
		return refuse(scan, tag, errs,
			      "a raw < inside a value; it must be written &lt;, unless the value's "
			      "closing quote is missing before it");
	scan->p = end + 1;
	*ret_value = (struct iis_span){ begin, (size_t)(end - begin) };
	return true;
}

static bool
is_given(const struct iis_tag *tag, struct iis_span name)
{
	for (uint32_t i = 0; i < tag->attr_n; i++)
		if (tag->attr[i].n == name.n && memcmp(tag->attr[i].p, name.p, name.n) == 0)
			return true;
	return false;
}

static bool
attr_take(struct iis_scan *scan, struct iis_tag *tag, struct conf_errs *errs)
{
	struct iis_span name = name_take(scan);

	if (name.n == 0)
		return refuse(
			scan, scan->p, errs,
			"no name of an attribute and no end of the element; close it with > or "
			"/>, and look whether a quote is missing before this");
	if (tag->attr_n == IIS_ATTRS_MAX)
		return refuse(scan, name.p, errs,
			      "more than 256 attributes in one element; divide it");
	if (errs != NULL && is_given(tag, name))
		return refuse(scan, name.p, errs,
			      "the attribute '%.*s' is given twice; keep one of the two",
			      (int)name.n, name.p);
	blanks_pass(scan);
	if (scan->p == scan->end || *scan->p != '=')
		return refuse(scan, name.p, errs,
			      "the attribute '%.*s' has no value; write %.*s=\"value\"",
			      (int)name.n, name.p, (int)name.n, name.p);
	scan->p++;
	blanks_pass(scan);
	if (!value_take(scan, &tag->value[tag->attr_n], errs))
		return false;
	tag->attr[tag->attr_n++] = name;
	return true;
}

/* From behind the name to behind the '>'. */
static void
attrs_take(struct iis_scan *scan, struct iis_tag *tag, struct conf_errs *errs)
{
	for (;;) {
		blanks_pass(scan);
		if (is_at(scan, ">")) {
			scan->p++;
			tag->kind = IIS_TAG_START;
			return;
		}
		if (is_at(scan, "/>")) {
			scan->p += 2;
			tag->kind = IIS_TAG_EMPTY;
			return;
		}
		if (scan->p == scan->end)
			refuse(scan, tag->p, errs,
			       "the element that begins here does not end; close it with > or />");
		if (scan->p == scan->end || !attr_take(scan, tag, errs))
			return;
	}
}

static void
close_take(struct iis_scan *scan, struct iis_tag *tag, struct conf_errs *errs)
{
	scan->p += 2;
	tag->name = name_take(scan);
	blanks_pass(scan);
	if (tag->name.n == 0 || !is_at(scan, ">")) {
		refuse(scan, tag->p, errs, "the end of an element is written </name>");
		return;
	}
	scan->p++;
	tag->kind = IIS_TAG_CLOSE;
}

/* A '<' that begins no element: comments and the like are passed. False: broken. */
static bool
aside_pass(struct iis_scan *scan, struct conf_errs *errs)
{
	const char *begin = scan->p;

	if (is_at(scan, "<!--")) {
		scan->p += 4;
		return past(scan, "-->") || refuse(scan, begin, errs,
						   "the comment that begins here does not end; "
						   "close it with -->");
	}
	if (is_at(scan, "<![CDATA["))
		return past(scan, "]]>") || refuse(scan, begin, errs,
						   "the CDATA section that begins here does not "
						   "end; close it with ]]>");
	if (is_at(scan, "<?"))
		return past(scan, "?>") || refuse(scan, begin, errs,
						  "the instruction that begins here does not end; "
						  "close it with ?>");
	if (is_at(scan, "<!DOCTYPE") || is_at(scan, "<!doctype"))
		return refuse(scan, begin, errs,
			      "a document type (DTD) is not read, nor are entities of its own; "
			      "remove <!DOCTYPE ...>");
	return refuse(scan, begin, errs,
		      "this < begins no element: a name must follow it without a blank; as a "
		      "character it must be written &lt;");
}

static bool
is_aside(const struct iis_scan *scan)
{
	return scan->end - scan->p < 2 || scan->p[1] == '!' || scan->p[1] == '?' ||
	       (scan->p[1] != '/' && !is_name_char(scan->p[1]));
}

void
iis_scan_tag(struct iis_scan *scan, struct iis_tag *ret_tag, struct conf_errs *errs)
{
	ret_tag->kind = IIS_TAG_BROKEN;
	ret_tag->attr_n = 0;
	for (;;) {
		const char *text = scan->p;

		scan->p = memchr(text, '<', (size_t)(scan->end - text));
		if (scan->p == NULL)
			scan->p = scan->end;
		if (errs != NULL && !references_check(scan, text, scan->p, errs))
			return;
		if (scan->p == scan->end) {
			ret_tag->kind = IIS_TAG_NONE;
			return;
		}
		if (!is_aside(scan))
			break;
		if (!aside_pass(scan, errs))
			return;
	}
	ret_tag->p = scan->p;
	if (scan->p[1] == '/') {
		close_take(scan, ret_tag, errs);
		return;
	}
	scan->p++;
	ret_tag->name = name_take(scan);
	attrs_take(scan, ret_tag, errs);
}

/* ---- the check of a whole text ---- */

struct open_tag {
	struct iis_span name;
	const char *p;
};

struct check {
	struct iis_scan scan;
	struct conf_errs *errs;
	struct open_tag open[IIS_DEPTH_MAX];
	uint32_t depth, root_n;
};

static bool
is_rule(struct iis_span name)
{
	return name.n == 4 && memcmp(name.p, "rule", 4) == 0;
}

/* From here on errors are this rule's. */
static void
rule_note(struct iis_scan *scan, const struct iis_tag *tag)
{
	for (uint32_t i = 0; is_rule(tag->name) && i < tag->attr_n; i++)
		if (tag->attr[i].n == 4 && memcmp(tag->attr[i].p, "name", 4) == 0)
			scan->rule = tag->value[i];
}

static bool
start_check(struct check *check, const struct iis_tag *tag)
{
	struct iis_scan *scan = &check->scan;
	bool is_good = true;

	for (uint32_t i = 0; i < tag->attr_n; i++) {
		const struct iis_span *value = &tag->value[i];

		is_good &= references_check(scan, value->p, value->p + value->n, check->errs);
	}
	if (check->depth == 0 && check->root_n++ > 0)
		return refuse(scan, tag->p, check->errs,
			      "a second root element; a file has one, that all others stand in");
	if (tag->kind == IIS_TAG_EMPTY)
		return is_good;
	if (check->depth == IIS_DEPTH_MAX)
		return refuse(scan, tag->p, check->errs,
			      "more than 64 elements deep; close those before this");
	check->open[check->depth++] = (struct open_tag){ tag->name, tag->p };
	rule_note(scan, tag);
	return is_good;
}

static bool
close_check(struct check *check, const struct iis_tag *tag)
{
	const struct open_tag *open;
	uint32_t line;

	if (check->depth == 0)
		return refuse(&check->scan, tag->p, check->errs,
			      "an end of an element that was not begun; remove it");
	open = &check->open[--check->depth];
	if (open->name.n == tag->name.n && memcmp(open->name.p, tag->name.p, tag->name.n) == 0) {
		if (is_rule(tag->name))
			check->scan.rule.n = 0;
		return true;
	}
	line = iis_scan_place(&check->scan, open->p).line;
	return refuse(&check->scan, tag->p, check->errs,
		      "</%.*s> ends what <%.*s> in line %u began; write </%.*s> before it",
		      (int)tag->name.n, tag->name.p, (int)open->name.n, open->name.p, line,
		      (int)open->name.n, open->name.p);
}

static bool
rest_check(struct check *check)
{
	const struct open_tag *open;

	if (check->root_n == 0)
		return refuse(&check->scan, check->scan.begin, check->errs,
			      "no element in the file; it must hold <configuration>, "
			      "<system.webServer> or <rewrite>");
	if (check->depth == 0)
		return true;
	open = &check->open[check->depth - 1];
	return refuse(&check->scan, open->p, check->errs,
		      "<%.*s> is not closed; write </%.*s> at its end", (int)open->name.n,
		      open->name.p, (int)open->name.n, open->name.p);
}

bool
iis_scan_check(const char *file, const char *text, size_t n, struct conf_errs *errs)
{
	struct check check = { .errs = errs };
	bool is_good = true;
	struct iis_tag tag;

	iis_scan_init(&check.scan, file, text, n);
	for (;;) {
		iis_scan_tag(&check.scan, &tag, errs);
		switch (tag.kind) {
		case IIS_TAG_START:
		case IIS_TAG_EMPTY:
			is_good &= start_check(&check, &tag);
			if (check.depth == IIS_DEPTH_MAX && !is_good)
				return false;
			break;
		case IIS_TAG_CLOSE:
			if (!close_check(&check, &tag))
				return false;
			break;
		case IIS_TAG_NONE:
			return rest_check(&check) && is_good;
		case IIS_TAG_BROKEN:
			return false;
		}
	}
}
