/*
 * lint.c - what is doubtful in rules that are not wrong, see program.h: rules that can never
 * match, rules behind others, patterns that cost much, pairs that undo or double each other.
 *
 * Says only what holds for every request as far as it is told apart here; what holds for nearly
 * all is a notice. Goes by the same parsed rules as the compiler.
 */
#include <ctype.h>
#include <hs/hs.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "rules/lint.h"

enum {
	PAIRS_MAX = 500000 /* of 1000 rules; of more only what is equal is found */
};

const char *
lint_kind_name(enum lint_kind kind)
{
	static const char *const name[] = {
#define X(part, word) [LINT_##part] = #word,
		LINT_LIST(X)
#undef X
	};

	return (uint32_t)kind < LINT_KINDS ? name[kind] : "unknown";
}

void
lint_say(struct linting *l, enum lint_kind kind, bool is_notice, const char *format, ...)
{
	struct lints *lints = l->lints;
	struct lint *lint;
	va_list args;

	if (lints->n == lints->room) {
		lints->room = lints->room == 0 ? 64 : lints->room * 2;
		lints->lint = reallocarray(lints->lint, lints->room, sizeof(lints->lint[0]));
		ensure(lints->lint != NULL);
	}
	lint = &lints->lint[lints->n++];
	*lint = (struct lint){ .kind = kind, .is_notice = is_notice, .at = l->at };
	if (lint->at.file == NULL)
		lint->at.file = "rules";
	lint->at.file = arena_text(&lints->arena, lint->at.file, strlen(lint->at.file));
	lint->rule = arena_text(&lints->arena, l->rule, strlen(l->rule));
	va_start(args, format);
	lint->text = arena_vformat(&lints->arena, format, args);
	va_end(args);
}

/* ---- one pattern ---- */

static int
on_found(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
	uint32_t *found = ctx;

	(void)id, (void)from, (void)to, (void)flags;
	*found = 1;
	return 1; /* once is enough */
}

static bool
has_look(const struct tree *tree)
{
	if (tree->kind == TREE_LOOK)
		return true;
	for (const struct tree *child = tree->child; child != NULL; child = child->next)
		if (has_look(child))
			return true;
	return false;
}

/* Whether what a scan looks for instead of the pattern is found in any text, so it spares nothing. */
static bool
is_found_anywhere(struct linting *l, const struct pattern *pattern)
{
	static const char *const sample[] = { "q", "7~", "W-e_x/y.z", "a=1&b=%20 (cd);EF,gh" };
	hs_database_t *db = NULL;
	hs_compile_error_t *error = NULL;
	hs_scratch_t *scratch = NULL;
	static const char run_end[] = { EMIT_RUN_END, 0 };
	const struct scan_form *form = &pattern->form;
	const char *runs;
	uint32_t n = 0;
	bool is_caseless;

	if (form->is_exact)
		return false;
	runs = emit_runs(&l->m->arena, pattern->tree, &is_caseless);
	if (!has_look(pattern->tree) && runs[strspn(runs, run_end)] != '\0')
		return false;
	if (hs_compile(form->text, form->flags, HS_MODE_BLOCK, NULL, &db, &error) == HS_SUCCESS &&
	    hs_alloc_scratch(db, &scratch) == HS_SUCCESS)
		for (size_t i = 0; i < sizeof(sample) / sizeof(sample[0]); i++) {
			uint32_t found = 0;

			hs_scan(db, sample[i], (unsigned)strlen(sample[i]), 0, scratch, on_found,
				&found);
			n += found;
		}
	hs_free_compile_error(error);
	hs_free_scratch(scratch);
	hs_free_database(db);
	return n == sizeof(sample) / sizeof(sample[0]);
}

/* What of a pattern a scan has no word for, or takes in a wider form (emit.c). */
static const char *
widened(const struct tree *tree)
{
	const char *what = tree->kind == TREE_BACK	  ? "a back-reference"
			   : tree->kind == TREE_LOOK	  ? "what it looks ahead for"
			   : tree->kind == TREE_WORD_EDGE ? "the edge of a word"
			   : tree->kind == TREE_END_LF	  ? "an end that may stand before a line's"
			   : tree->is_possessive	  ? "a possessive repeat"
							  : NULL;

	for (const struct tree *child = tree->child; child != NULL && what == NULL;
	     child = child->next)
		what = widened(child);
	return what;
}

static void
lint_pattern(struct linting *l, struct pattern *pattern, const struct input *input,
	     struct conf_pos at)
{
	const struct conf_pos rule_at = l->at;
	const char *why;

	if ((pattern->flags & IMG_PATTERN_ANY) != 0)
		return;
	if (at.line != 0)
		l->at = at;
	if (pattern_is_catastrophic(pattern, &why))
		lint_say(l, LINT_CATASTROPHIC, false,
			 "pattern '%s' may take very long: %s; make each repeat end at what the "
			 "next "
			 "one "
			 "begins with",
			 pattern->text, why);
	if (input->kind == IMG_INPUT_VALUE)
		;
	else if ((input->flags & IMG_INPUT_ON_REFS) != 0)
		lint_say(l, LINT_SLOW, true,
			 "pattern '%s' is matched by itself each time: its input has "
			 "back-references, "
			 "so "
			 "no scan can look at it before",
			 pattern->text);
	else if (!scan_try(&l->m->arena, pattern))
		lint_say(l, LINT_SLOW, false,
			 "pattern '%s' is matched by itself each time, for no scan covers it: %s; "
			 "write "
			 "it "
			 "in plain ECMAScript, or take it apart",
			 pattern->text, pattern->form.why);
	else if (is_found_anywhere(l, pattern))
		lint_say(l, LINT_SLOW, false,
			 "pattern '%s' is matched by itself each time: without its assertions and "
			 "back-references, which no scan knows, it matches nearly every text; "
			 "begin it "
			 "with what is always there, or take it apart",
			 pattern->text);
	else if (!pattern->form.is_exact)
		lint_say(l, LINT_PREFILTERED, true,
			 "pattern '%s' is found by the scan and confirmed by PCRE2 at each hit, "
			 "because of %s",
			 pattern->text,
			 widened(pattern->tree) != NULL
				 ? widened(pattern->tree)
				 : "a part that the scan takes more widely: '.*' at an end, a "
				   "large count, or its length");
	l->at = rule_at;
}

static void
lint_conds(struct linting *l, const struct conds_made *conds)
{
	for (uint32_t i = 0; i < conds->n; i++) {
		const struct cond_made *cond = &conds->cond[i];

		if (cond->pattern != NULL)
			lint_pattern(l, cond->pattern, cond->input, cond->from->pattern.at);
		if (cond->from->kind == IMG_COND_FILE || cond->from->kind == IMG_COND_DIRECTORY)
			lint_say(l, LINT_FILES, true,
				 "matchType %s is always %s: a proxy has no files; remove the "
				 "condition "
				 "if "
				 "the rule does not need it",
				 img_cond_kind_name(cond->from->kind),
				 cond->from->is_negated ? "true (negated)" : "false");
	}
}

/* ---- rules that never match ---- */

static const struct tree *
first_of(const struct tree *tree)
{
	while (tree->kind == TREE_GROUP || tree->kind == TREE_CAT)
		tree = tree->child;
	return tree;
}

/* "^/": the input has no slash before it (3.2). */
static bool
begins_with_slash(const struct pattern *pattern)
{
	const struct tree *tree = pattern->tree, *second;

	if (tree == NULL || tree->kind != TREE_CAT || tree->child->kind != TREE_BEGIN ||
	    tree->child->next == NULL)
		return false;
	second = first_of(tree->child->next);
	return second->kind == TREE_CHARS && second->chars.n == 1 &&
	       second->chars.range[0].first == '/' && second->chars.range[0].last == '/';
}

/* "%20": an ASCII character, which is never left so (3.2). */
static bool
has_escape(const char *text)
{
	for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at + 1, '%'))
		if (at[1] >= '0' && at[1] <= '7' && isxdigit((unsigned char)at[2]))
			return true;
	return false;
}

static void
lint_never(struct linting *l, const struct rule_made *made)
{
	const struct rule *rule = made->from;

	for (uint32_t i = 0; i < made->conds.n && !rule->conds.match_any; i++) {
		const struct rule_cond *cond = made->conds.cond[i].from;
		bool is_alone =
			!cond->or_next && (i == 0 || !made->conds.cond[i - 1].from->or_next);

		if ((cond->kind == IMG_COND_FILE || cond->kind == IMG_COND_DIRECTORY) && is_alone &&
		    !cond->is_negated)
			lint_say(l, LINT_NEVER, false,
				 "it never fires: a condition wants a file or directory, and a "
				 "proxy "
				 "has "
				 "none; remove the condition or the rule");
	}
	if (rule->is_negated)
		return;
	if (rule->match.at.line != 0)
		l->at = rule->match.at;
	if (begins_with_slash(made->match))
		lint_say(l, LINT_NEVER, false,
			 "it never matches: the path is matched without its leading '/', and "
			 "pattern "
			 "'%s' "
			 "begins with one; remove it",
			 made->match->text);
	else if (strstr(made->match->text, "://") != NULL)
		lint_say(l, LINT_NEVER, false,
			 "it never matches: pattern '%s' has a scheme and host, which the path has "
			 "not; "
			 "use conditions on {HTTPS} and {HTTP_HOST}",
			 made->match->text);
	else if (made->match->tree != NULL && tree_is_nothing(made->match->tree))
		lint_say(l, LINT_NEVER, false,
			 "it never matches: pattern '%s' asks for something before the beginning, "
			 "behind "
			 "the end, or of a class without characters; mend it",
			 made->match->text);
	else if (has_escape(made->match->text))
		lint_say(l, LINT_NEVER, true,
			 "pattern '%s' has an escape, and the path is matched without: write the "
			 "character itself for %%20 and its like",
			 made->match->text);
	else if (rule->syntax != IMG_SYNTAX_EXACT && strstr(made->match->text, "\\?") != NULL)
		lint_say(l, LINT_NEVER, true,
			 "pattern '%s' wants a '?': the query is no part of what it is matched "
			 "against; "
			 "use a condition on {QUERY_STRING}",
			 made->match->text);
	l->at = rule->at;
}

/* ---- rules that undo others ---- */

static bool
is_absolute(const struct rule *rule)
{
	const char *colon = rule->url.s == NULL ? NULL : strstr(rule->url.s, "://");

	return rule->action == IMG_ACTION_REWRITE && colon != NULL &&
	       strcspn(rule->url.s, "/?") >= (size_t)(colon - rule->url.s);
}

/* A rule for everything after an absolute rewrite that goes on (3.3). */
static void
lint_undone(struct linting *l, const struct rule_made *first, const struct rule_made *made)
{
	if (made->from->action != IMG_ACTION_REWRITE || !lint_is_any(made))
		return;
	for (const struct rule_made *other = first; other != made; other = other->next)
		if (is_absolute(other->from) && !other->from->stops) {
			lint_say(l, LINT_UNDONE, false,
				 "it matches everything, also what rule '%s' has sent to another "
				 "host, "
				 "and "
				 "undoes that; set stopProcessing there",
				 other->from->name.s);
			return;
		}
}

static void
lint_rules(struct linting *l, const struct scope_made *scope)
{
	const struct input *path = scope->inputs.first;

	for (const struct rule_made *made = scope->rules; made != NULL; made = made->next) {
		l->rule = made->from->name.s;
		l->at = made->from->at;
		lint_never(l, made);
		lint_demands(l, path, made);
		lint_shadowed(l, path, scope->rules, made);
		lint_undone(l, scope->rules, made);
		lint_pattern(l, made->match, path, made->from->match.at);
		lint_conds(l, &made->conds);
	}
}

/* ---- outbound rules that change one value twice (14.3) ---- */

/* What an expression begins with before anything that varies. */
static const char *
constant_of(struct arena *arena, const struct expr *expr)
{
	if (expr == NULL || expr->op_n == 0 || expr->op[0].kind != IMG_OP_TEXT)
		return "";
	return arena_text(arena, expr->op[0].text, expr->op[0].n);
}

/* A value that it may give: what varies is "x". */
static const char *
sample_of(struct arena *arena, const struct expr *expr)
{
	const char *text = "";

	for (uint32_t i = 0; i < expr->op_n; i++) {
		const struct expr_op *op = &expr->op[i];

		if (op->kind == IMG_OP_TEXT)
			text = arena_format(arena, "%s%.*s", text, (int)op->n, op->text);
		else if (op->kind < IMG_OP_OPEN)
			text = arena_format(arena, "%sx", text);
	}
	return text;
}

static bool
is_same_value(const struct out_made *a, const struct out_made *b)
{
	if (a->from->kind != b->from->kind)
		return false;
	if (a->from->kind == IMG_OUT_TAGS)
		return (a->from->tags & b->from->tags) != 0 ||
		       (a->from->has_custom && b->from->has_custom);
	return a->from->kind == IMG_OUT_VARIABLE && a->variable_kind == b->variable_kind &&
	       strcmp(a->variable, b->variable) == 0;
}

static void
lint_double(struct linting *l, const struct out_made *first, const struct out_made *made)
{
	for (const struct out_made *other = first; other != made; other = other->next) {
		const char *before, *now;

		if (other->from->stops || other->value == NULL || made->value == NULL ||
		    made->from->is_negated || !is_same_value(other, made))
			continue;
		before = constant_of(&l->m->arena, other->value);
		now = constant_of(&l->m->arena, made->value);
		if (*now == '\0' || strcmp(before, now) != 0 ||
		    !lint_matches(made->match, sample_of(&l->m->arena, other->value)))
			continue;
		lint_say(
			l, LINT_DOUBLE, false,
			"it matches what rule '%s' before it has written, so '%s' comes twice; set "
			"stopProcessing there, or leave out what begins with it",
			other->from->name.s, now);
		return;
	}
}

/* Worth a word alone: pages are seldom so, and what it costs is bounded. */
static void
lint_body(struct linting *l, const struct out_made *made)
{
	if (made->from->kind == IMG_OUT_BODY && pattern_is_quadratic(made->match))
		lint_say(
			l, LINT_QUADRATIC, true,
			"pattern '%s' may run over 64 KiB of a body from each place that looks "
			"like "
			"its begin, for what it repeats may be such a begin; leave that out of the "
			"repeat, as '<[^<>]*>' does where '<[^>]*>' does not",
			made->match->text);
}

static void
lint_outs(struct linting *l, const struct scope_made *scope)
{
	struct input value = { .kind = IMG_INPUT_VALUE };

	for (const struct pre_made *pre = scope->pres; pre != NULL; pre = pre->next) {
		l->rule = pre->from->name.s;
		l->at = pre->from->at;
		lint_conds(l, &pre->conds);
	}
	for (const struct out_made *made = scope->outs; made != NULL; made = made->next) {
		l->rule = made->from->name.s;
		l->at = made->from->at;
		lint_double(l, scope->outs, made);
		lint_body(l, made);
		lint_pattern(l, made->match, &value, made->from->match.at);
		lint_conds(l, &made->conds);
	}
}

/* ---- doors ---- */

void
program_lint(const struct rule_sets *sets, struct lints *ret_lints)
{
	struct program_env env = { .is_linted = true };
	struct program program = { 0 };
	struct conf_errs errs = { 0 };
	struct img_build img;
	struct making m = { .env = &env, .img = &img, .program = &program, .errs = &errs };
	struct linting l = { .m = &m, .lints = ret_lints, .pairs_left = PAIRS_MAX };
	const struct scope_made *scopes;

	*ret_lints = (struct lints){ 0 };
	img_build_init(&img, realloc);
	scopes = scopes_make(&m, sets);
	for (const struct scope_made *scope = scopes; scope != NULL; scope = scope->next) {
		lint_rules(&l, scope);
		lint_outs(&l, scope);
		lint_names(&l, scopes, scope);
	}
	arena_fini(&m.arena);
	program_fini(&program);
	conf_errs_fini(&errs);
	img_build_fini(&img);
}

void
lint_warn(struct making *m, const struct scope_made *scopes)
{
	struct lints lints = { 0 };
	struct linting l = { .m = m, .lints = &lints };

	for (const struct scope_made *scope = scopes; scope != NULL; scope = scope->next) {
		for (const struct rule_made *made = scope->rules; made != NULL; made = made->next) {
			l.rule = made->from->name.s;
			l.at = made->from->at;
			lint_undone(&l, scope->rules, made);
		}
		for (const struct out_made *made = scope->outs; made != NULL; made = made->next) {
			l.rule = made->from->name.s;
			l.at = made->from->at;
			lint_double(&l, scope->outs, made);
		}
	}
	for (uint32_t i = 0; i < lints.n; i++) {
		struct conf_pos at = lints.lint[i].at;

		at.file = arena_text(&m->warns->arena, at.file, strlen(at.file));
		conf_err_add(m->warns, at, "rule '%s': %s", lints.lint[i].rule, lints.lint[i].text);
	}
	lints_fini(&lints);
}

void
lints_fini(struct lints *lints)
{
	free(lints->lint);
	arena_fini(&lints->arena);
	*lints = (struct lints){ 0 };
}
