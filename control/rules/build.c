/*
 * build.c - sets of rules to sections of an image, see program.h.
 *
 * First everything is parsed and checked, then databases are made, then gates are chosen (a scan
 * must cover them), then records are appended in the order that images want: inputs of a scope,
 * then its preconditions, then its rules with their conditions and sets.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "rules/parts.h"

/* ---- parsing ---- */

static struct scope_made *
scope_make(struct making *m, const struct rule_scope *from)
{
	struct scope_made *scope = arena_take(&m->arena, sizeof(*scope));

	scope->set = m->set;
	scope->from = from;
	inputs_init(&scope->inputs);
	if (from->kind == IMG_SCOPE_OUTBOUND)
		outs_make(m, scope);
	else
		rules_make(m, scope);
	return scope;
}

static void
set_name_check(struct making *m, const struct rule_sets *sets)
{

	if (strlen(set_name(m->set)) > IMG_NAME_MAX) {
		say_error(m, NULL, m->set->at,
			  "the name of a set of rules is longer than 63 bytes; make it shorter");
		return;
	}
	for (const struct rule_sets *other = sets; other != m->set; other = other->next)
		if (strcmp(set_name(other), set_name(m->set)) == 0)
			say_error(m, NULL, m->set->at,
				  "there are two sets of rules '%s'; give each its own name",
				  set_name(m->set));
}

static uint32_t
sets_n(const struct rule_sets *sets)
{
	uint32_t n = 0;

	for (; sets != NULL; sets = sets->next)
		n++;
	return n;
}

struct scope_made *
scopes_make(struct making *m, const struct rule_sets *sets)
{
	struct scope_made *first = NULL, **end = &first;
	struct program *program = m->program;
	uint32_t rule_n = 0;

	program->set =
		arena_take(&program->arena, ((size_t)sets_n(sets) + 1) * sizeof(program->set[0]));
	for (m->set = sets; m->set != NULL; m->set = m->set->next) {
		struct program_set *set = &m->program->set[m->program->set_n++];

		*set = (struct program_set){ .set = m->set };
		set_name_check(m, sets);
		rule_n += check_set(m);
		maps_build(m);
		for (const struct rule_scope *from = m->set->scopes; from != NULL;
		     from = from->next) {
			*end = scope_make(m, from);
			end = &(*end)->next;
			set->scope_n++;
		}
	}
	if (rule_n > RULES_MOST)
		say_error(m, NULL, sets->at,
			  "%u rules are more than there may be (%u); use rewrite maps, or fewer "
			  "rules",
			  rule_n, (unsigned)RULES_MOST);
	return first;
}

/* ---- gates ---- */

static void
gates_choose(struct scope_made *scope)
{
	uint32_t i = 0;

	for (struct rule_made *rule = scope->rules; rule != NULL; rule = rule->next, i++) {
		if (rule->may_gate != NULL && (rule->may_gate->flags & IMG_PATTERN_SCANNED) != 0)
			rule->may_gate->gate = i;
		else
			rule->flags |= IMG_RULE_ALWAYS;
	}
}

/* ---- records ---- */

struct files {
	const char *file;   /* the last one, */
	struct img_str str; /* and where it is */
};

static struct img_str
file_str(struct making *m, struct files *files, const char *file)
{
	if (file == NULL)
		file = "";
	if (files->file == NULL || strcmp(files->file, file) != 0) {
		files->file = file;
		files->str = img_build_text(m->img, file);
	}
	return files->str;
}

static uint32_t
nets_build(struct making *m, const struct rule_net *net, uint32_t *ret_n)
{
	uint32_t first = m->img->part[IMG_NETS].n;

	for (*ret_n = 0; net != NULL; net = net->next, ++*ret_n)
		img_build_net(m->img, &(struct img_net){ .ip = net->ip, .prefix = net->bits });
	return first;
}

static uint32_t
conds_build(struct making *m, const struct conds_made *conds)
{
	uint32_t first = m->img->part[IMG_CONDS].n;

	for (uint32_t i = 0; i < conds->n; i++) {
		const struct cond_made *cond = &conds->cond[i];
		struct img_cond record = { .kind = cond->from->kind, .flags = cond->flags };

		if (cond->input != NULL)
			record.input_i = cond->input->input_i;
		if (cond->pattern != NULL)
			record.pattern_i = cond->pattern->pattern_i;
		if (cond->from->kind == IMG_COND_NETWORK)
			record.first_net = nets_build(m, cond->from->net, &record.net_n);
		img_build_cond(m->img, &record);
	}
	return first;
}

static uint32_t
sets_build(struct making *m, const struct rule_made *rule)
{
	uint32_t first = m->img->part[IMG_SETS].n;

	for (uint32_t i = 0; i < rule->set_n; i++) {
		const struct set_made *set = &rule->set[i];

		img_build_set(m->img, &(struct img_set){ .kind = set->kind,
							 .flags = set->flags,
							 .name = img_build_text(m->img, set->name),
							 .expr_i = expr_build(m, set->expr) });
	}
	return first;
}

static uint32_t
optional_build(struct making *m, const struct expr *expr)
{
	return expr == NULL ? (uint32_t)IMG_NONE : expr_build(m, expr);
}

static void
rule_build(struct making *m, struct files *files, const struct rule_made *made)
{
	const struct rule *rule = made->from;
	struct img_rule record = { .slot = made->slot,
				   .incarnation = made->incarnation,
				   .name = img_build_text(m->img, rule->name.s),
				   .file = file_str(m, files, rule->at.file),
				   .line = rule->at.line,
				   .flags = made->flags,
				   .syntax = rule->syntax,
				   .pattern_i = made->match->pattern_i,
				   .first_cond = conds_build(m, &made->conds),
				   .cond_n = made->conds.n,
				   .first_set = sets_build(m, made),
				   .set_n = made->set_n,
				   .action = rule->action,
				   .url_expr_i = optional_build(m, made->url),
				   .status = rule->status,
				   .substatus = rule->substatus,
				   .reason_expr_i = optional_build(m, made->reason),
				   .body_expr_i = optional_build(m, made->body),
				   .farm_i = made->farm_i,
				   .connect_ns = rule->connect_ns,
				   .send_ns = rule->send_ns,
				   .receive_ns = rule->receive_ns };

	if (rule->action == IMG_ACTION_REDIRECT && record.status == 0)
		record.status = 301;
	img_build_rule(m->img, &record);
}

/* ---- outbound ---- */

static struct img_str
lower_str(struct making *m, const char *text)
{
	char *lower = arena_text(&m->arena, text, strlen(text));

	for (char *at = lower; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	return img_build_text(m->img, lower);
}

static uint32_t
tags_build(struct making *m, const struct rule_scope *scope, const struct out_rule *rule,
	   uint32_t *ret_n)
{
	uint32_t first = m->img->part[IMG_TAGS].n;

	*ret_n = 0;
	if (rule->kind != IMG_OUT_TAGS || !rule->has_custom)
		return first;
	for (const struct rule_tags *tags = scope->customs; tags != NULL; tags = tags->next) {
		if (rule->custom.s != NULL &&
		    (tags->name.s == NULL || strcmp(tags->name.s, rule->custom.s) != 0))
			continue;
		for (const struct rule_tag *tag = tags->first; tag != NULL; tag = tag->next) {
			img_build_tag(m->img, &(struct img_tag){ .tag = lower_str(m, tag->tag.s),
								 .attribute = lower_str(
									 m, tag->attribute.s) });
			++*ret_n;
		}
	}
	return first;
}

static void
out_build(struct making *m, struct files *files, const struct scope_made *scope, uint32_t first_pre,
	  const struct out_made *made)
{
	const struct out_rule *rule = made->from;
	struct img_out_rule record = {
		.slot = made->slot,
		.incarnation = made->incarnation,
		.name = img_build_text(m->img, rule->name.s),
		.file = file_str(m, files, rule->at.file),
		.line = rule->at.line,
		.flags = made->flags,
		.syntax = rule->syntax,
		.kind = rule->kind,
		.pre_i = made->pre == IMG_NONE ? (uint32_t)IMG_NONE : first_pre + made->pre,
		.tags = rule->kind == IMG_OUT_TAGS ? rule->tags : 0,
		.pattern_i = made->match->pattern_i,
		.occurrences = rule->occurrences,
		.first_cond = conds_build(m, &made->conds),
		.cond_n = made->conds.n,
		.action = rule->action,
		.value_expr_i = optional_build(m, made->value),
	};

	record.first_tag = tags_build(m, scope->from, rule, &record.tag_n);
	if (rule->kind == IMG_OUT_VARIABLE) {
		record.variable_kind = made->variable_kind;
		record.variable = img_build_text(m->img, made->variable);
	}
	img_build_out_rule(m->img, &record);
}

static uint32_t
pres_build(struct making *m, const struct scope_made *scope)
{
	uint32_t first = m->img->part[IMG_PRES].n;

	for (const struct pre_made *pre = scope->pres; pre != NULL; pre = pre->next) {
		struct img_pre record = {
			.name = img_build_text(m->img, pre->from->name.s),
			.flags = pre->from->conds.match_any ? IMG_PRE_MATCH_ANY : 0,
			.first_cond = conds_build(m, &pre->conds),
			.cond_n = pre->conds.n,
		};

		img_build_pre(m->img, &record);
	}
	return first;
}

static uint32_t
excepts_build(struct making *m, const struct rule_scope *from, uint32_t *ret_n)
{
	uint32_t first = m->img->part[IMG_EXCEPTS].n;

	*ret_n = 0;
	for (const struct rule_folder *except = from->excepts; except != NULL;
	     except = except->next, ++*ret_n)
		img_build_except(m->img, &(struct img_except){ .folder = img_build_text(
								       m->img, except->folder) });
	return first;
}

static void
scope_build(struct making *m, struct files *files, struct scope_made *scope)
{
	const struct rule_scope *from = scope->from;
	bool is_outbound = from->kind == IMG_SCOPE_OUTBOUND;
	struct img_scope record = {
		.set = img_build_text(m->img, set_name(scope->set)),
		.folder = img_build_text(m->img, folder_of(from)),
		.kind = from->kind,
		.first_rule = m->img->part[is_outbound ? IMG_OUT_RULES : IMG_RULES].n,
		.rule_n = scope->rule_n,
		.first_input = inputs_build(m, &scope->inputs),
		.input_n = scope->inputs.n,
		.first_pre = pres_build(m, scope),
		.pre_n = scope->pre_n,
	};

	record.first_except = excepts_build(m, from, &record.except_n);
	record.flags |= from->keeps_escapes ? IMG_SCOPE_RAW_ENCODING : 0;
	record.flags |= from->before_cache ? IMG_SCOPE_BEFORE_CACHE : 0;
	record.flags |= from->keeps_spelling ? IMG_SCOPE_KEEP_SPELLING : 0;
	img_build_scope(m->img, &record);
	for (const struct rule_made *rule = scope->rules; rule != NULL; rule = rule->next)
		rule_build(m, files, rule);
	for (const struct out_made *out = scope->outs; out != NULL; out = out->next)
		out_build(m, files, scope, record.first_pre, out);
}

static void
scopes_build(struct making *m, struct scope_made *scopes)
{
	struct scope_made *scope = scopes;
	struct files files = { 0 };

	for (uint32_t i = 0; i < m->program->set_n; i++) {
		struct program_set *set = &m->program->set[i];

		set->first_scope = m->img->part[IMG_SCOPES].n;
		for (uint32_t k = 0; k < set->scope_n; k++, scope = scope->next)
			scope_build(m, &files, scope);
	}
}

/* ---- limits of an image ---- */

static void
limits_check(struct making *m, const struct rule_sets *sets)
{
	static const struct {
		enum img_section_id id;
		uint32_t most;
	} limit[] = {
		{ IMG_SCOPES, IMG_SCOPES_MAX },	  { IMG_CONDS, IMG_CONDS_MAX },
		{ IMG_INPUTS, IMG_INPUTS_MAX },	  { IMG_PATTERNS, IMG_PATTERNS_MAX },
		{ IMG_EXPRS, IMG_EXPRS_MAX },	  { IMG_OPS, IMG_OPS_MAX },
		{ IMG_SETS, IMG_SETS_MAX },	  { IMG_MAPS, IMG_MAPS_MAX },
		{ IMG_PRES, IMG_PRES_MAX },	  { IMG_TAGS, IMG_TAGS_MAX },
		{ IMG_NETS, IMG_NETS_MAX },	  { IMG_BLOBS, IMG_BLOBS_MAX },
		{ IMG_EXCEPTS, IMG_EXCEPTS_MAX },
	};

	for (size_t i = 0; i < sizeof(limit) / sizeof(limit[0]); i++)
		if (m->img->part[limit[i].id].n > limit[i].most)
			say_error(
				m, NULL, sets->at,
				"the rules need %u %s, more than an image can hold (%u); describe "
				"less",
				m->img->part[limit[i].id].n, img_section_name(limit[i].id),
				limit[i].most);
}

static void
blobs_check(struct making *m, const struct rule_sets *sets)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < m->program->blob_n; i++)
		bytes += m->program->blob[i].n;
	if (bytes > IMG_BLOBS_BYTES_MAX)
		say_error(
			m, NULL, sets->at,
			"the maps and scan databases of the rules take %u MiB together, more than "
			"the data plane takes (%u); describe less",
			(unsigned)(bytes >> 20), (unsigned)(IMG_BLOBS_BYTES_MAX >> 20));
}

/* ---- doors ---- */

static bool
has_errors(const struct conf_errs *errs, uint32_t before)
{
	return errs->n + errs->more > before;
}

bool
program_build(const struct rule_sets *sets, const struct program_env *env, struct img_build *img,
	      struct program *ret_program, struct conf_errs *errs, struct conf_errs *warns)
{
	struct program program = { .first_blob_i = img->part[IMG_BLOBS].n };
	struct making m = {
		.env = env, .img = img, .program = &program, .errs = errs, .warns = warns
	};
	uint32_t errs_before = errs->n + errs->more;
	struct scope_made *scopes;

	scopes = scopes_make(&m, sets);
	if (!has_errors(errs, errs_before) && warns != NULL && !env->is_linted)
		lint_warn(&m, scopes);
	if (!has_errors(errs, errs_before)) {
		for (struct scope_made *scope = scopes; scope != NULL; scope = scope->next) {
			m.set = scope->set;
			inputs_scan(&m, &scope->inputs, scope->from->kind);
			gates_choose(scope);
		}
		identify(&m, scopes);
		scopes_build(&m, scopes);
		if (sets != NULL) {
			limits_check(&m, sets);
			blobs_check(&m, sets);
		}
	}
	arena_fini(&m.arena);
	*ret_program = program;
	if (!has_errors(errs, errs_before))
		return true;
	program_fini(ret_program);
	return false;
}

void
program_fini(struct program *program)
{
	for (uint32_t i = 0; i < program->blob_n; i++)
		free((void *)(uintptr_t)program->blob[i].bytes);
	arena_fini(&program->arena);
	*program = (struct program){ 0 };
}

void
program_check(const struct rule_sets *sets, bool is_linted, struct conf_errs *errs,
	      struct conf_errs *warns)
{
	struct program_env env = { .is_linted = is_linted };
	struct program program = { 0 };
	struct img_build img;

	img_build_init(&img, realloc);
	program_build(sets, &env, &img, &program, errs, warns);
	program_fini(&program);
	img_build_fini(&img);
}
