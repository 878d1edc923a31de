/*
 * fuzz_iis.c - any bytes as a web.config and as an applicationHost.config: either errors with a
 * place and a cure, or a set whose every rule can be read. What the rules' compiler takes, written
 * as YAML, is taken again.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/ensure.h"
#include "conf/conf.h"
#include "rules/iis.h"
#include "rules/program.h"
#include "rules/yaml.h"

static const char machine[] = "machine:\n  cores: [1]\n  ports:\n"
			      "    - {name: p, device: packet:e0, addresses: [10.0.0.5/24]}\n";

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

/* Hosts must be farms, or be allowed: that is not the rules' affair. */
static bool
has_host(const struct rule_sets *set)
{
	for (const struct rule_scope *scope = set->scopes; scope != NULL; scope = scope->next)
		for (const struct rule *rule = scope->rules; rule != NULL; rule = rule->next)
			if (rule->url.s != NULL && strchr(rule->url.s, ':') != NULL)
				return true;
	return false;
}

/* The set as YAML, read again. */
static void
comes_back(struct arena *arena, struct rule_sets *set)
{
	struct yaml_options options = { .set = "fuzz" };
	struct conf_errs errs = { 0 };
	struct yaml_file *files = NULL;
	const char *yaml, *text;
	struct conf *conf;

	program_check(set, false, &errs, NULL);
	yaml = errs.n == 0 ? yaml_rules(arena, set, &options, &errs, &files) : NULL;
	if (yaml != NULL && !has_host(set)) {
		text = arena_format(arena, "%s%s", machine, yaml);
		conf = conf_open_text("fuzz.yaml", text, strlen(text), &errs);
		if (conf == NULL)
			conf_errs_print(&errs, stderr);
		ensure(conf != NULL);
		conf_close(conf);
	}
	errs_are_told(&errs);
	conf_errs_fini(&errs);
}

static void
read_as(struct iis_texts *texts)
{
	struct conf_errs errs = { 0 }, warns = { 0 };
	struct arena arena = { 0 };
	struct rule_sets *sets = iis_open_text(&arena, texts, &errs, &warns);

	ensure((sets == NULL) == (errs.n > 0));
	errs_are_told(&errs);
	errs_are_told(&warns);
	for (const struct rule_scope *s = sets != NULL ? sets->scopes : NULL; s != NULL;
	     s = s->next)
		scope_is_sound(s);
	if (sets != NULL)
		comes_back(&arena, sets);
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
	struct iis_texts host = { .app_host = text, .is_alone = true };
	struct iis_texts both = { .web_config = text, .app_host = text, .is_alone = true };

	read_as(&web);
	read_as(&host);
	read_as(&both);
	return 0;
}
