/*
 * fuzz_iis.c - any bytes as a web.config and as an applicationHost.config: either errors with a
 * place and a cure, or a set whose every rule can be read.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/ensure.h"
#include "rules/iis.h"

static void
errs_are_told(const struct conf_errs *errs)
{
	struct arena arena = { 0 };

	for (uint32_t i = 0; i < errs->n; i++) {
		ensure(strlen(conf_err_text(&errs->err[i], &arena)) > 10);
		ensure(errs->err[i].at.line == 0 || errs->err[i].at.col > 0);
	}
	arena_fini(&arena);
}

static void
text_is_sound(struct rule_text text)
{
	ensure(text.s != NULL && text.at.file != NULL && text.at.line > 0 && text.at.col > 0);
}

static void
conds_are_sound(const struct rule_conds *conds)
{
	for (const struct rule_cond *cond = conds->first; cond != NULL; cond = cond->next) {
		text_is_sound(cond->input);
		if (cond->kind == IMG_COND_PATTERN)
			text_is_sound(cond->pattern);
	}
}

static void
scope_is_sound(const struct rule_scope *scope)
{
	ensure(scope->folder[0] == '/');
	ensure((scope->rules != NULL) + (scope->outs != NULL) + (scope->pres != NULL) > 0);
	ensure(scope->rules == NULL || scope->kind != IMG_SCOPE_OUTBOUND);
	for (const struct rule *rule = scope->rules; rule != NULL; rule = rule->next) {
		text_is_sound(rule->name);
		text_is_sound(rule->match);
		conds_are_sound(&rule->conds);
		if (rule->action == IMG_ACTION_REWRITE || rule->action == IMG_ACTION_REDIRECT)
			text_is_sound(rule->url);
		if (rule->action == IMG_ACTION_RESPOND)
			ensure(rule->status >= 200 && rule->status < 1000);
	}
	for (const struct out_rule *rule = scope->outs; rule != NULL; rule = rule->next) {
		text_is_sound(rule->name);
		text_is_sound(rule->match);
		conds_are_sound(&rule->conds);
	}
}

static void
read_as(struct iis_texts *texts)
{
	struct conf_errs errs = { 0 }, warns = { 0 };
	struct arena arena = { 0 };
	const struct rule_sets *sets = iis_open_text(&arena, texts, &errs, &warns);

	ensure((sets == NULL) == (errs.n > 0));
	errs_are_told(&errs);
	errs_are_told(&warns);
	for (const struct rule_scope *s = sets != NULL ? sets->scopes : NULL; s != NULL;
	     s = s->next)
		scope_is_sound(s);
	conf_errs_fini(&errs);
	conf_errs_fini(&warns);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct iis_text text = { "fuzz.config", data, n };
	struct iis_texts web = { .web_config = text, .site_path = "/a", .is_alone = true };
	struct iis_texts both = { .web_config = text, .app_host = text, .is_alone = true };

	read_as(&web);
	read_as(&both);
	return 0;
}
