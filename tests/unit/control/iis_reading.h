/*
 * iis_reading.h - files of IIS read from texts, for the tests of their reader.
 */
#ifndef TESTS_IIS_READING_H
#define TESTS_IIS_READING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules/iis.h"

#define N(list) (sizeof(list) / sizeof((list)[0]))

/* Line 1 is the roots, line 2 the rule, line 3 what is inside. */
#define RULES(text)  "<rewrite><rules>\n" text "\n</rules></rewrite>"
#define RULE(inside) RULES("<rule name=\"r1\">\n" inside "\n</rule>")
#define MATCH	     "<match url=\"a\"/>"
#define ACTION(text) RULE(MATCH "\n<action " text "/>")
#define COND(text)   RULE(MATCH "\n<conditions><add " text "/></conditions>")
#define OUTS(text)   "<rewrite><outboundRules>\n" text "\n</outboundRules></rewrite>"
#define OUT(inside)  OUTS("<rule name=\"o1\">\n" inside "\n</rule>")
#define MAP(inside)                                                                                \
	"<rewrite><rewriteMaps>\n<rewriteMap name=\"m1\">\n" inside                                \
	"\n</rewriteMap></rewriteMaps></rewrite>"
#define PROVIDER(type, inside)                                                                     \
	"<rewrite><providers>\n<provider name=\"p1\" type=\"" type "\">\n<settings>" inside        \
	"</settings></provider></providers></rewrite>"

/* What one reading gave. */
struct reading {
	struct arena arena;
	struct conf_errs errs, warns;
	struct rule_sets *sets;
};

static inline void
reading_open(struct reading *r, const char *web, const char *host, const char *site_path)
{
	struct iis_texts texts = { .site_path = site_path, .is_alone = true };

	*r = (struct reading){ 0 };
	if (web != NULL)
		texts.web_config = (struct iis_text){ "web.config", web, strlen(web) };
	if (host != NULL)
		texts.app_host = (struct iis_text){ "host.config", host, strlen(host) };
	r->sets = iis_open_text(&r->arena, &texts, &r->errs, &r->warns);
}

static inline void
reading_good(struct reading *r, const char *web)
{
	reading_open(r, web, NULL, NULL);
	conf_errs_print(&r->errs, stderr);
	assert_non_null(r->sets);
}

static inline void
reading_end(struct reading *r)
{
	conf_errs_fini(&r->errs);
	conf_errs_fini(&r->warns);
	arena_fini(&r->arena);
}

static inline bool
is_told(const struct conf_errs *errs, const char *words)
{
	for (uint32_t i = 0; i < errs->n; i++)
		if (strstr(errs->err[i].text, words) != NULL)
			return true;
	return false;
}

static inline const struct rule_scope *
scope_at(const struct rule_sets *sets, uint32_t i)
{
	const struct rule_scope *scope = sets->scopes;

	while (i-- > 0)
		scope = scope->next;
	return scope;
}

#endif
