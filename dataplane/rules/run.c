/*
 * run.c - a listener's rules on one request: scopes in their order, in each the rules that scans
 * leave as candidates (2, 4).
 *
 * Global scopes run first; then those of folders that hold the current path, unless a global rule
 * made the URL absolute (choice 3). STOP ends what is left of its kind in its own set (choice 2).
 * Invariant: a rule that is no candidate does not fire, so a trace, which looks at all of them,
 * has the same verdict.
 */
#include <string.h>

#include "base/ensure.h"
#include "rules/state.h"

enum run {
	RUN_ON,
	RUN_STOPPED, /* this set, for its kind */
	RUN_ENDED,   /* nothing more: answered, aborted, or a fault */
};

/* ---- telling ---- */

static void
text_add(struct slice *text, uint8_t *to, struct slice s)
{
	if (s.n > 0)
		memcpy(to + text->n, s.p, s.n);
	text->n += s.n;
}

/* Path and query, or the absolute URL, in brief; as far as there is room. */
static struct slice
url_text(struct rules_lane *l)
{
	const struct rules_url *url = &l->url;
	struct slice text = { 0 };
	uint8_t *to = arena_take(&l->brief, 16 + url->host.n + url->path.n + url->query.n);

	if (to == NULL)
		return url->path;
	text.p = to;
	if (url->is_absolute) {
		text_add(&text, to, url->is_secure ? SLICE("https://") : SLICE("http://"));
		text_add(&text, to, url->host);
	}
	text_add(&text, to, url->path);
	if (url->has_query) {
		text_add(&text, to, SLICE("?"));
		text_add(&text, to, url->query);
	}
	return text;
}

static void
tell(struct rules_lane *l, uint32_t rule_i, enum rules_why why, struct slice input)
{
	struct rules_seen seen = { .scope_i = l->scope_i,
				   .rule_i = rule_i,
				   .why = why,
				   .input = input,
				   .r_n = l->r.n,
				   .c_n = l->c.n };

	if (l->trace == NULL || l->trace->on_rule == NULL)
		return;
	memcpy(seen.r, l->r.s, sizeof(seen.r));
	memcpy(seen.c, l->c.s, sizeof(seen.c));
	seen.url = url_text(l);
	l->trace->on_rule(l->trace->ctx, &seen);
}

/* ---- one rule ---- */

/* The input whose pattern this is: the scope's path, nearly always its first of that kind. */
static uint32_t
path_of(const struct rules_lane *l, uint32_t pattern_i)
{
	uint32_t at = l->rules->scope[l->scope_i].path_i;

	for (; at < l->scope->first_input + l->scope->input_n; at++) {
		const struct img_input *input = img_input(l->img, at);

		if (pattern_i - input->first_pattern < input->pattern_n)
			break;
	}
	ensure(at < img_n(l->img, IMG_INPUTS)); /* img_open has seen to it */
	return at;
}

/* Pattern and conditions; *ret_why is MATCHED when the rule fires. */
static enum rules_fault
rule_match(struct rules_lane *l, const struct img_rule *rule, enum rules_why *ret_why,
	   struct slice *ret_input)
{
	bool is_negated = (rule->flags & IMG_RULE_NEGATE) != 0;
	bool is_used = (rule->flags & IMG_RULE_USES_R) != 0;
	bool wants = !is_negated && (is_used || l->trace != NULL);
	struct rules_memo *memo = NULL;
	enum rules_fault fault;
	bool holds;

	*ret_why = RULES_WHY_FAULT;
	l->is_told = !is_used;
	fault = match_input(l, path_of(l, rule->pattern_i), rule->pattern_i, &holds,
			    wants ? &l->r : NULL, &memo);
	if (memo != NULL)
		*ret_input = memo->text;
	if (fault != RULES_FAULT_NONE)
		return fault;
	if (holds == is_negated) {
		*ret_why = is_negated ? RULES_WHY_NEGATED : RULES_WHY_PATTERN;
		return RULES_FAULT_NONE;
	}
	if (is_negated) { /* choice 10 */
		l->r.s[0] = memo->text;
		l->r.n = 1;
	}
	fault = match_conds(l, rule->first_cond, rule->cond_n, rule->flags, &holds);
	if (fault != RULES_FAULT_NONE)
		return fault;
	*ret_why = holds				     ? RULES_WHY_MATCHED
		   : (rule->flags & IMG_RULE_MATCH_ANY) != 0 ? RULES_WHY_CONDITIONS
							     : RULES_WHY_CONDITION;
	return RULES_FAULT_NONE;
}

/* For a trace: why a rule that cannot fire does not. Costs the evaluation nothing. */
static void
rule_look(struct rules_lane *l, uint32_t rule_i)
{
	int64_t work_left = l->work_left;
	uint32_t regex_n = l->regex_n;
	struct slice input = { 0 };
	enum rules_why why;

	lane_rule(l);
	if (rule_match(l, img_rule(l->img, rule_i), &why, &input) != RULES_FAULT_NONE ||
	    why == RULES_WHY_MATCHED)
		why = RULES_WHY_CONDITION; /* the scan knows of one that does not hold */
	tell(l, rule_i, why, input);
	l->work_left = work_left;
	l->regex_n = regex_n;
}

/* Sets and action of a rule that fires; its outcome, if it has one, is in the verdict. */
static enum rules_fault
rule_fire(struct rules_lane *l, const struct img_rule *rule, enum run *ret_run)
{
	enum rules_fault fault = sets_do(l, rule);
	bool ends = false;

	if (fault == RULES_FAULT_NONE)
		fault = action_do(l, rule, &ends);
	if (fault == RULES_FAULT_NONE)
		*ret_run = ends					? RUN_ENDED
			   : (rule->flags & IMG_RULE_STOP) != 0 ? RUN_STOPPED
								: RUN_ON;
	return fault;
}

static void
fail(struct rules_lane *l, enum rules_fault fault)
{
	struct rules_verdict *v = l->verdict;

	v->outcome = RULES_ERROR;
	v->fault = fault;
	v->status = fault == RULES_FAULT_TARGET ? 400 : 500;
	v->substatus = fault == RULES_FAULT_TARGET	    ? 0
		       : l->scope->kind == IMG_SCOPE_GLOBAL ? 51
							    : 50;
}

static enum run
rule_run(struct rules_lane *l, uint32_t rule_i)
{
	const struct img_rule *rule = img_rule(l->img, rule_i);
	struct slice input = { 0 };
	uint64_t start_ns = count_start(l);
	enum run run = RUN_ON;
	enum rules_why why;

	lane_rule(l);
	l->verdict->tried_n++;
	enum rules_fault fault = rule_match(l, rule, &why, &input);

	if (fault == RULES_FAULT_NONE && why == RULES_WHY_MATCHED)
		fault = rule_fire(l, rule, &run);
	if (fault != RULES_FAULT_NONE) {
		fail(l, fault);
		run = RUN_ENDED;
		why = RULES_WHY_FAULT;
	}
	if (why == RULES_WHY_MATCHED || why == RULES_WHY_FAULT) {
		l->verdict->rule_i = rule_i;
		l->verdict->scope_i = l->scope_i;
	}
	count_rule(l, rule->slot, rule->incarnation, why, start_ns);
	tell(l, rule_i, why, input);
	return run;
}

/* ---- one scope ---- */

/* What scans said goes by strings that may have changed since. */
struct seen_at {
	uint32_t url_epoch, vars_epoch;
};

static bool
is_outdated(const struct rules_lane *l, const struct seen_at *at)
{
	uint32_t flags = l->rules->scope[l->scope_i].gate_flags;

	return (at->url_epoch != l->url_epoch && (flags & IMG_INPUT_ON_URL) != 0) ||
	       (at->vars_epoch != l->vars_epoch && (flags & IMG_INPUT_ON_VARS) != 0);
}

static void
look_at(struct rules_lane *l, struct seen_at *ret)
{
	*ret = (struct seen_at){ l->url_epoch, l->vars_epoch };
	gates_scan(l);
}

static bool
is_in_folder(const struct img *img, struct slice path, struct img_str folder)
{
	struct slice input;

	return path_input(path, slice_of(img_text(img, folder), folder.n), &input);
}

bool
scope_covers(const struct img *img, const struct img_scope *scope, struct slice path)
{
	if (!is_in_folder(img, path, scope->folder))
		return false;
	for (uint32_t i = 0; i < scope->except_n; i++)
		if (is_in_folder(img, path, img_except(img, scope->first_except + i)->folder))
			return false;
	return true;
}

/* A rule of a folder is not for URLs elsewhere (3.2). */
static bool
is_outside(const struct rules_lane *l)
{
	return l->scope->kind == IMG_SCOPE_LOCAL && !scope_covers(l->img, l->scope, l->url.path);
}

static void
tell_outside(struct rules_lane *l, uint32_t from)
{
	for (uint32_t k = from; l->trace != NULL && k < l->scope->rule_n; k++) {
		lane_rule(l);
		tell(l, l->scope->first_rule + k, RULES_WHY_FOLDER, l->url.path);
	}
}

static enum run
scope_run(struct rules_lane *l, uint32_t scope_i)
{
	enum run run = RUN_ON;
	struct seen_at at;

	lane_enter(l, scope_i);
	if (is_outside(l)) {
		tell_outside(l, 0);
		return RUN_ON;
	}
	look_at(l, &at);
	for (uint32_t k = 0; run == RUN_ON; k++) {
		if (l->trace == NULL)
			k = bits_next(&l->candidate, k);
		if (k >= l->scope->rule_n)
			break;
		if (!bits_has(&l->candidate, k)) {
			rule_look(l, l->scope->first_rule + k);
			continue;
		}
		run = rule_run(l, l->scope->first_rule + k);
		if (run == RUN_ON && at.url_epoch != l->url_epoch && is_outside(l)) {
			tell_outside(l, k + 1);
			break;
		}
		if (run == RUN_ON && is_outdated(l, &at))
			look_at(l, &at);
	}
	return run;
}

/* ---- all scopes ---- */

void
set_stop(struct rules_lane *l, const struct img_listener *listener)
{
	const struct img_scope *stopped = l->scope;

	for (uint32_t i = 0; i < listener->bind_n; i++) {
		uint32_t scope_i = img_bind(l->img, listener->first_bind + i)->scope_i;
		const struct img_scope *scope = img_scope(l->img, scope_i);

		if (scope->kind == stopped->kind && scope->set.n == stopped->set.n &&
		    memcmp(img_text(l->img, scope->set), img_text(l->img, stopped->set),
			   scope->set.n) == 0)
			l->stopped[scope_i] = l->run;
	}
}

static enum run
kind_run(struct rules_lane *l, const struct img_listener *listener, enum img_scope_kind kind)
{
	for (uint32_t i = 0; i < listener->bind_n; i++) {
		uint32_t scope_i = img_bind(l->img, listener->first_bind + i)->scope_i;

		if (img_scope(l->img, scope_i)->kind != kind || l->stopped[scope_i] == l->run)
			continue;
		enum run run = scope_run(l, scope_i);

		if (run == RUN_ENDED)
			return run;
		if (run == RUN_STOPPED)
			set_stop(l, listener);
	}
	return RUN_ON;
}

static void
request_run(struct rules_lane *l, const struct img_listener *listener)
{
	enum rules_fault fault = path_canonical(l, l->subject->target, &l->original);

	l->url = l->original;
	if (fault != RULES_FAULT_NONE) {
		fail(l, fault);
		return;
	}
	if (kind_run(l, listener, IMG_SCOPE_GLOBAL) == RUN_ENDED)
		return;
	if (!l->url.is_absolute && kind_run(l, listener, IMG_SCOPE_LOCAL) == RUN_ENDED)
		return;
	fault = action_finish(l);
	if (fault != RULES_FAULT_NONE)
		fail(l, fault);
}

void
rules_request(struct rules *rules, uint32_t lane_i, uint32_t listener_i,
	      const struct rules_subject *subject, const struct rules_trace *trace,
	      struct rules_verdict *ret_verdict)
{
	const struct img_listener *listener = img_listener(rules->img, listener_i);
	struct rules_lane *l = &rules->lane[lane_i];

	ensure(lane_i < rules->lane_n);
	*ret_verdict = (struct rules_verdict){
		.outcome = RULES_ROUTE, .rule_i = IMG_NONE, .scope_i = IMG_NONE, .farm_i = IMG_NONE
	};
	lane_begin(l, subject, trace);
	l->verdict = ret_verdict;
	if (listener->bind_n > 0)
		lane_enter(l, img_bind(rules->img, listener->first_bind)->scope_i);
	request_run(l, listener);
	ret_verdict->change = l->change;
	ret_verdict->change_n = l->change_n;
	ret_verdict->regex_n = l->regex_n;
	ret_verdict->work = lane_work(l);
	l->verdict = NULL;
}
