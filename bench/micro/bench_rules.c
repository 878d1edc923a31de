/*
 * bench_rules.c - ticks of a request's way through 1 to 10,000 rules, of which one matches or none:
 * anchored paths ("^app00042/section/.*") and loose patterns (".*foo00042[0-9]+bar.*"). The rules
 * are built by the compiler of rules, with its databases.
 *
 * What counts is what many rules cost more than one: 1,000 at most 0.4 us, 10,000 at most 0.8 us.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/arena.h"
#include "conf/errs.h"
#include "conf/slots.h"
#include "made.h"
#include "micro/bench.h"
#include "rules/program.h"

enum {
	TIMES = 200,
	SMOKE_MOST = 100,
	LONG_BYTES = 60000,
};

static struct made made;
static struct rules_subject subject;
static uint32_t want_rule;

static void
request(uint32_t n)
{
	struct rules_verdict v;

	for (uint32_t i = 0; i < n; i++) {
		rules_request(made.rules, 0, 0, &subject, NULL, &v);
		if (v.rule_i != want_rule)
			bench_die("another rule matched");
	}
	bench_keep(v.farm_i);
}

/* ---- rules ---- */

static uint32_t
farm_of(const void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "one") == 0 ? 0 : 1;
}

static struct rule *
rules_of(struct arena *arena, const char *pattern, uint32_t n)
{
	struct rule *first = NULL, **at = &first;

	for (uint32_t i = 0; i < n; i++) {
		struct rule *r = *at = arena_take(arena, sizeof(*r));

		*r = (struct rule){ .name.s = arena_format(arena, "rule %u", i),
				    .is_enabled = true,
				    .ignores_case = true,
				    .action = IMG_ACTION_FARM,
				    .farm.s = "two" };
		r->match.s = arena_format(arena, "%s%05u%s", pattern, i,
					  *pattern == '^' ? "/section/.*" : "[0-9]+bar.*");
		at = &r->next;
	}
	return first;
}

static struct rules_blob *
blobs_of(const struct program *program)
{
	struct rules_blob *blob = calloc(program->blob_n + 1, sizeof(blob[0]));

	for (uint32_t i = 0; blob != NULL && i < program->blob_n; i++) {
		uint8_t *p = malloc(program->blob[i].n);

		if (p == NULL)
			bench_die("no memory");
		memcpy(p, program->blob[i].bytes, program->blob[i].n);
		blob[i] = (struct rules_blob){ p, program->blob[i].n };
	}
	return blob;
}

static void
open_rules(const char *pattern, uint32_t n)
{
	const uint32_t bind = 0;
	struct arena arena = { 0 };
	struct rule_scope scope = { .kind = IMG_SCOPE_GLOBAL,
				    .folder = "/",
				    .rules = rules_of(&arena, pattern, n) };
	struct rule_sets sets = { .name.s = "bench", .scopes = &scope };
	struct conf_errs errs = { 0 };
	struct slots slots;
	struct program program;
	const struct program_env env = { .farm = farm_of,
					 .slots = &slots,
					 .wants_databases = true };
	struct img_build b;

	img_build_init(&b, realloc);
	slots_init(&slots, IMG_KIND_RULE, NULL);
	if (!program_build(&sets, &env, &b, &program, &errs, NULL)) {
		conf_errs_print(&errs, stderr);
		bench_die("the compiler refuses the rules");
	}
	made_finish(&made, &b, &bind, 1, blobs_of(&program), program.blob_n);
	if (made.rules == NULL)
		bench_die("rules_open refuses the rules");
	program_fini(&program);
	slots_fini(&slots);
	img_build_fini(&b);
	arena_fini(&arena);
}

/* ---- requests ---- */

static void
run(const char *kind, uint32_t n, const char *what, const char *target, uint32_t rule_i)
{
	struct made_request r = { .target = target };
	char op[64];

	subject = made_subject(&r);
	want_rule = rule_i;
	snprintf(op, sizeof(op), "rules/%s-%u-%s", kind, n, what);
	bench_run(op, TIMES, NULL, request);
}

/* As long as a request may be, and in every part nearly one of the loose patterns. */
static const char *
long_target(void)
{
	static char target[LONG_BYTES + 1];

	for (uint32_t i = 0; i < LONG_BYTES; i++)
		target[i] = "/foo0004217baz"[i % 14];
	return target;
}

static void
measure(const char *kind, const char *pattern, uint32_t n)
{
	char target[64], op[64];

	snprintf(op, sizeof(op), "rules/%s-%u-one", kind, n);
	snprintf(target, sizeof(target), "rules/%s-%u-none", kind, n);
	if (n > bench_size(100000) + SMOKE_MOST || (!bench_wants(op) && !bench_wants(target)))
		return;
	open_rules(pattern, n);
	if (*pattern == '^')
		snprintf(target, sizeof(target), "/app%05u/section/page.html", n / 2);
	else
		snprintf(target, sizeof(target), "/shop/foo%05u17bar/page.html", n / 2);
	run(kind, n, "one", target, n / 2);
	run(kind, n, "none", "/shop/section/of/things/page.html", IMG_NONE);
	run(kind, n, "long", long_target(), IMG_NONE);
	made_close(&made);
	made = (struct made){ 0 };
}

int
main(int argc, char **argv)
{
	static const uint32_t n[] = { 1, 100, 1000, 10000 };

	bench_open("bench_rules", argc, argv);
	for (uint32_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		measure("anchored", "^app", n[i]);
	for (uint32_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		measure("loose", ".*foo", n[i]);
	return bench_close();
}
