/*
 * iis_rules.h - rules of IIS's XML, compiled by control into a stand's image.
 */
#ifndef PENSTOCK_TESTS_UNIT_PROXY_IIS_RULES_H
#define PENSTOCK_TESTS_UNIT_PROXY_IIS_RULES_H

#include "stand.h"

#include <stdio.h>
#include <string.h>

#include "programs.h"

/* What stands in <rewrite>, all of it for the listener. */
static inline void
iis_rules(struct img_build *b, struct img_listener *listener, const char *xml)
{
	static struct compiled c;
	static char text[8192];
	struct iis_texts texts = { .site_path = NULL };
	struct program_env env = { .farm = programs_farm, .slots = &c.slots };

	memset(&c, 0, sizeof(c));
	assert_true((size_t)snprintf(text, sizeof(text), "<rewrite>%s</rewrite>", xml) <
		    sizeof(text));
	texts.web_config = (struct iis_text){ "web.config", text, strlen(text) };
	c.sets = iis_open_text(&c.arena, &texts, &c.errs, &c.warns);
	assert_non_null(c.sets);
	slots_init(&c.slots, IMG_KIND_RULE, NULL);
	c.is_good = program_build(c.sets, &env, b, &c.program, &c.errs, &c.warns);
	if (!c.is_good)
		conf_errs_print(&c.errs, stderr);
	assert_true(c.is_good);
	for (uint32_t i = 0; i < b->part[IMG_SCOPES].n; i++)
		img_build_bind(b, &(struct img_bind){ .scope_i = i });
	listener->bind_n = b->part[IMG_SCOPES].n;
	program_fini(&c.program);
	slots_fini(&c.slots);
	conf_errs_fini(&c.errs);
	conf_errs_fini(&c.warns);
	arena_fini(&c.arena);
}

#endif
