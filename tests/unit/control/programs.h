/*
 * programs.h - rules of IIS's XML, compiled into an image of their own: for the compiler's tests.
 */
#ifndef TESTS_PROGRAMS_H
#define TESTS_PROGRAMS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/build.h"
#include "abi/image.h"
#include "rules/iis.h"
#include "rules/program.h"
#include "rules/rules.h"

struct compiled {
	struct arena arena;
	struct rule_sets *sets;
	struct conf_errs errs, warns;
	struct program program;
	struct slots slots;
	void *bytes;
	size_t bytes_n;
	struct img img;
	bool is_good;
};

static inline void *
programs_grow(void *p, size_t n)
{
	if (n > 0)
		return realloc(p, n);
	free(p);
	return NULL;
}

/* A machine, a farm 'app', a listener that binds all scopes. */
static inline void
programs_finish(struct img_build *b, struct compiled *c)
{
	struct img_listener listener = { .incarnation = 1,
					 .name = img_build_text(b, "web"),
					 .port_i = IMG_NONE,
					 .tcp_port = 80,
					 .bind_n = b->part[IMG_SCOPES].n };
	struct abi_fault fault;
	char text[ABI_FAULT_TEXT_BYTES];

	for (uint32_t i = 0; i < listener.bind_n; i++)
		img_build_bind(b, &(struct img_bind){ .scope_i = i });
	img_build_machine(b, &(struct img_machine){ .server_slots = 8,
						    .pseudonym = img_build_text(b, "penstock") });
	img_build_core(b, &(struct img_core){ .cpu = 0 });
	img_build_farm(b, &(struct img_farm){ .incarnation = 1,
					      .name = img_build_text(b, "app"),
					      .port_i = IMG_NONE });
	img_build_listener(b, &listener);
	slots_build(&c->slots, b);
	assert_true(img_build_finish(b, &c->bytes, &c->bytes_n));
	if (!img_open(c->bytes, c->bytes_n, &c->img, &fault)) {
		print_message("%s\n", abi_fault_print(&fault, text, sizeof(text)));
		fail();
	}
}

static inline uint32_t
programs_farm(const void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "app") == 0 ? 0 : (uint32_t)IMG_NONE;
}

/* Of sets that are there. `before` NULL: none; wants_databases as in program_env. */
static inline void
programs_build(struct compiled *c, const struct img *before, bool wants_databases)
{
	struct program_env env = { .farm = programs_farm,
				   .before = before,
				   .slots = &c->slots,
				   .wants_databases = wants_databases };
	struct img_build b;

	img_build_init(&b, realloc);
	slots_init(&c->slots, IMG_KIND_RULE, before);
	c->is_good = program_build(c->sets, &env, &b, &c->program, &c->errs, &c->warns);
	if (c->is_good)
		programs_finish(&b, c);
	img_build_fini(&b);
}

static inline struct compiled *
programs_of_text(const char *web, const char *app_host, const struct img *before,
		 bool wants_databases)
{
	struct compiled *c = calloc(1, sizeof(*c));
	struct iis_texts texts = { .site_path = NULL };

	if (web != NULL)
		texts.web_config = (struct iis_text){ "web.config", web, strlen(web) };
	if (app_host != NULL)
		texts.app_host =
			(struct iis_text){ "applicationHost.config", app_host, strlen(app_host) };
	assert_non_null(c);
	c->sets = iis_open_text(&c->arena, &texts, &c->errs, &c->warns);
	if (c->sets == NULL)
		conf_errs_print(&c->errs, stderr);
	assert_non_null(c->sets);
	programs_build(c, before, wants_databases);
	return c;
}

static inline void
programs_close(struct compiled *c)
{
	program_fini(&c->program);
	slots_fini(&c->slots);
	conf_errs_fini(&c->errs);
	conf_errs_fini(&c->warns);
	arena_fini(&c->arena);
	free(c->bytes);
	free(c);
}

/* The rules' part of a web.config. */
#define PROGRAMS_RULES(rules) "<rewrite><rules>" rules "</rules></rewrite>"

#endif
