/*
 * conf.c - the way of a configuration through lexer, parser, rules and check, see conf.h.
 */
#include "conf/conf.h"

#include <stdlib.h>

#include "base/ensure.h"
#include "conf/check.h"
#include "conf/native.h"
#include "conf/parse.h"
#include "conf/plain.h"
#include "rules/program.h"

static struct conf *
conf_take(void)
{
	struct conf *conf = calloc(1, sizeof(*conf));

	ensure(conf != NULL);
	return conf;
}

/* From the tree on; takes the model's memory back when there are errors. */
static struct conf *
conf_finish(struct conf *conf, const struct node *top, struct conf_errs *errs)
{
	if (top != NULL) {
		parse_conf(top, conf, errs);
		sets_read(conf, errs);
		plain_farms(conf, errs);
		check_conf(conf, errs);
		if (errs->n == 0) /* of a rule that is wrong as it stands more need not be said */
			program_check(conf->rule_sets, false, errs, &conf->warns);
	}
	conf_errs_sort(errs);
	conf_errs_sort(&conf->warns);
	if (errs->n == 0)
		return conf;
	conf_close(conf);
	return NULL;
}

struct conf *
conf_open(const char *path, struct conf_errs *errs)
{
	struct conf *conf = conf_take();

	return conf_finish(conf, lex_file(&conf->arena, path, errs), errs);
}

struct conf *
conf_open_text(const char *name, const void *text, size_t n, struct conf_errs *errs)
{
	struct conf *conf = conf_take();

	return conf_finish(conf, lex_text(&conf->arena, name, text, n, errs), errs);
}

void
conf_close(struct conf *conf)
{
	if (conf == NULL)
		return;
	conf_errs_fini(&conf->warns);
	arena_fini(&conf->arena);
	free(conf);
}
