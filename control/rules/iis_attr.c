/*
 * iis_attr.c - values of attributes as their types in the schema of URL Rewrite (1.2): texts,
 * booleans, words and numbers. What is wrong is told at the value, with the rule's name.
 */
#include "rules/iis_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool
iis_is(const struct iis_node *node, const char *name)
{
	return strcmp(node->name, name) == 0;
}

void
iis_refuse(const struct iis_at *at, struct conf_pos pos, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	conf_err_add(at->load->errs, pos, "%s%s", at->who,
		     arena_vformat(at->load->arena, format, args));
	va_end(args);
}

void
iis_warn(const struct iis_at *at, struct conf_pos pos, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	conf_err_add(at->load->warns, pos, "%s%s", at->who,
		     arena_vformat(at->load->arena, format, args));
	va_end(args);
}

struct iis_attr *
iis_attr_find(const struct iis_node *node, const char *name)
{
	for (struct iis_attr *attr = node->attrs; attr != NULL; attr = attr->next)
		if (strcmp(attr->name, name) == 0) {
			attr->is_known = true;
			return attr;
		}
	return NULL;
}

struct rule_text
iis_text_of(const struct iis_node *node, const char *name)
{
	const struct iis_attr *attr = iis_attr_find(node, name);

	return attr != NULL ? (struct rule_text){ attr->value, attr->value_at }
			    : (struct rule_text){ NULL, node->at };
}

struct rule_text
iis_needed(const struct iis_at *at, const struct iis_node *node, const char *name, const char *cure)
{
	struct rule_text text = iis_text_of(node, name);

	if (text.s == NULL)
		iis_refuse(at, text.at, "<%s> has no %s; write %s", node->name, name, cure);
	else if (text.s[0] == 0)
		iis_refuse(at, text.at, "the %s of <%s> is empty; write %s", name, node->name,
			   cure);
	return text;
}

bool
iis_bool_of(const struct iis_at *at, const struct iis_node *node, const char *name, bool absent)
{
	struct rule_text text = iis_text_of(node, name);

	if (text.s == NULL)
		return absent;
	if (strcasecmp(text.s, "true") == 0)
		return true;
	if (strcasecmp(text.s, "false") != 0)
		iis_refuse(at, text.at,
			   "%s=\"%s\" of <%s> is neither true nor false; write one of "
			   "the two",
			   name, text.s, node->name);
	return false;
}

/* "A, B or C" */
static const char *
words_text(struct arena *arena, const struct iis_word *words, uint32_t n)
{
	const char *text = words[0].word;

	for (uint32_t i = 1; i < n; i++)
		text = arena_format(arena, "%s%s%s", text, i + 1 == n ? " or " : ", ",
				    words[i].word);
	return text;
}

uint32_t
iis_word_of(const struct iis_at *at, const struct iis_node *node, const char *name,
	    const struct iis_word *words, uint32_t word_n, uint32_t absent)
{
	struct rule_text text = iis_text_of(node, name);

	if (text.s == NULL)
		return absent;
	for (uint32_t i = 0; i < word_n; i++)
		if (strcasecmp(text.s, words[i].word) == 0)
			return words[i].value;
	iis_refuse(at, text.at, "%s=\"%s\" of <%s> is not known; write %s", name, text.s,
		   node->name, words_text(at->load->arena, words, word_n));
	return absent;
}

uint32_t
iis_number_of(const struct iis_at *at, const struct iis_node *node, const char *name, uint32_t max,
	      uint32_t absent)
{
	struct rule_text text = iis_text_of(node, name);
	unsigned long long n;
	size_t digits;

	if (text.s == NULL)
		return absent;
	digits = strspn(text.s, "0123456789");
	n = digits > 0 && digits < 11 && text.s[digits] == 0 ? strtoull(text.s, NULL, 10)
							     : max + 1ull;
	if (n <= max)
		return (uint32_t)n;
	iis_refuse(at, text.at, "%s=\"%s\" of <%s> is no number from 0 to %u; write one", name,
		   text.s, node->name, max);
	return absent;
}

/* Attributes that IIS has everywhere, or that others than IIS read. */
static bool
is_everywhere(const char *name)
{
	return strncmp(name, "lock", 4) == 0 || strcmp(name, "xmlns") == 0 ||
	       strchr(name, ':') != NULL;
}

void
iis_attrs_end(const struct iis_at *at, const struct iis_node *node)
{
	for (const struct iis_attr *attr = node->attrs; attr != NULL; attr = attr->next)
		if (!attr->is_known && !is_everywhere(attr->name))
			iis_warn(at, attr->at,
				 "<%s> has no attribute '%s'; it is not looked at (IIS refuses "
				 "it), remove it or correct its spelling",
				 node->name, attr->name);
}

void
iis_leaf_end(const struct iis_at *at, const struct iis_node *node)
{
	iis_attrs_end(at, node);
	if (node->first != NULL)
		iis_refuse(at, node->first->at,
			   "<%s> stands in <%s>, which holds no elements; "
			   "write <%s .../> and move it",
			   node->first->name, node->name, node->name);
}

void
iis_stranger(const struct iis_at *at, const struct iis_node *node, const struct iis_node *parent,
	     const char *expected)
{
	iis_refuse(at, node->at,
		   "<%s> does not belong into <%s>, which holds %s; correct its "
		   "spelling or move it",
		   node->name, parent->name, expected);
}
