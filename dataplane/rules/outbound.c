/*
 * outbound.c - a listener's outbound rules on a response's head (14): what becomes of header lines,
 * and which rules its body needs.
 *
 * Preconditions are evaluated first of all, on the response as it came. Then rules run in order:
 * one about a header looks at each line by itself (choice 24), later ones see what earlier ones
 * made. A matched rule with STOP ends its set, the body's rules in it too. Headers of the request
 * and variables may be set as well; that shows in later rules and nowhere else.
 */
#include <string.h>

#include "base/ensure.h"
#include "rules/body.h"
#include "rules/fields.h"

enum {
	LINES_MAX = RULES_CHANGES_MAX - 1, /* of one header */
};

/* ---- one rule, for a value: of a header, an attribute; a match in a body ---- */

enum rules_fault
out_match(struct rules_lane *l, const struct img_out_rule *rule, struct slice value,
	  enum rules_why *ret_why)
{
	bool is_negated = (rule->flags & IMG_RULE_NEGATE) != 0;
	bool wants = !is_negated && ((rule->flags & IMG_RULE_USES_R) != 0 || l->trace != NULL);
	enum rules_fault fault;
	bool matches;

	*ret_why = RULES_WHY_FAULT;
	fault = match_pattern(l, rule->pattern_i, value, &matches, wants ? &l->r : NULL);
	if (fault != RULES_FAULT_NONE)
		return fault;
	if (matches == is_negated) {
		*ret_why = is_negated ? RULES_WHY_NEGATED : RULES_WHY_PATTERN;
		return RULES_FAULT_NONE;
	}
	if (is_negated) { /* choice 10 */
		l->r.s[0] = value;
		l->r.n = 1;
	}
	return out_conds(l, rule, ret_why);
}

enum rules_fault
out_conds(struct rules_lane *l, const struct img_out_rule *rule, enum rules_why *ret_why)
{
	enum rules_fault fault;
	bool holds;

	*ret_why = RULES_WHY_FAULT;
	fault = match_conds(l, rule->first_cond, rule->cond_n, rule->flags, &holds);
	if (fault == RULES_FAULT_NONE)
		*ret_why = holds				     ? RULES_WHY_MATCHED
			   : (rule->flags & IMG_RULE_MATCH_ANY) != 0 ? RULES_WHY_CONDITIONS
								     : RULES_WHY_CONDITION;
	return fault;
}

void
out_tell(struct rules_lane *l, uint32_t rule_i, enum rules_why why, struct slice input)
{
	struct rules_seen seen = { .scope_i = l->scope_i,
				   .rule_i = rule_i,
				   .is_outbound = true,
				   .why = why,
				   .input = input,
				   .r_n = l->r.n,
				   .c_n = l->c.n,
				   .url = l->url.path };

	if (l->trace == NULL || l->trace->on_rule == NULL)
		return;
	memcpy(seen.r, l->r.s, sizeof(seen.r));
	memcpy(seen.c, l->c.s, sizeof(seen.c));
	l->trace->on_rule(l->trace->ctx, &seen);
}

/* ---- preconditions (14.2) ---- */

static enum rules_fault
pre_holds(struct rules_lane *l, uint32_t pre_i, bool *ret_holds)
{
	const struct img_pre *pre = img_pre(l->img, pre_i);
	uint32_t flags = (pre->flags & IMG_PRE_MATCH_ANY) != 0 ? IMG_RULE_MATCH_ANY : 0;

	lane_rule(l);
	return match_conds(l, pre->first_cond, pre->cond_n, flags, ret_holds);
}

/* ---- headers (14.4) ---- */

/* What a rule of this kind is about. */
struct about {
	bool is_variable, is_response;
	struct slice name;
};

static struct about
about_of(const struct rules_lane *l, const struct img_out_rule *rule)
{
	return (struct about){
		.is_variable = rule->variable_kind == IMG_OP_CUSTOM,
		.is_response = rule->variable_kind == IMG_OP_RESPONSE_FIELD,
		.name = slice_of(img_text(l->img, rule->variable), rule->variable.n),
	};
}

static uint32_t
lines_get(struct rules_lane *l, const struct about *about, struct slice to[LINES_MAX + 1])
{
	struct lines at;
	uint32_t n = 0;

	if (about->is_variable) {
		to[0] = custom_view(l, about->name);
		return to[0].n > 0 ? 1 : 0;
	}
	at = lines_of(l, about->is_response, about->name);
	while (n <= LINES_MAX && lines_next(&at, &to[n]))
		n++;
	return n;
}

/* Rules' earlier words on this name are replaced by those that follow. */
static void
forget(struct rules_lane *l, const struct about *about)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->change_n; i++) {
		const struct rules_change *c = &l->change[i];

		if (c->is_variable != about->is_variable || c->is_response != about->is_response ||
		    !slice_eq_nocase(c->name, about->name))
			l->change[n++] = *c;
	}
	l->change_n = n;
}

static enum rules_fault
note(struct rules_lane *l, const struct about *about, enum rules_change_op op, struct slice value)
{
	if (l->change_n == RULES_CHANGES_MAX)
		return RULES_FAULT_CHANGES;
	l->change[l->change_n++] = (struct rules_change){
		.op = (uint8_t)op,
		.is_variable = about->is_variable,
		.is_response = about->is_response,
		.name = about->name,
		.value = value,
	};
	l->vars_epoch++;
	return RULES_FAULT_NONE;
}

/* The header has exactly these lines; empty ones go (choice 23). */
static enum rules_fault
lines_set(struct rules_lane *l, const struct about *about, const struct slice *line, uint32_t n)
{
	enum rules_change_op op = RULES_CHANGE_SET;
	enum rules_fault fault = RULES_FAULT_NONE;

	forget(l, about);
	for (uint32_t i = 0; i < n && fault == RULES_FAULT_NONE; i++) {
		if (line[i].n == 0)
			continue;
		fault = note(l, about, op, line[i]);
		op = RULES_CHANGE_APPEND;
	}
	if (op == RULES_CHANGE_SET && fault == RULES_FAULT_NONE)
		fault = note(l, about, RULES_CHANGE_REMOVE, slice_of("", 0));
	return fault;
}

/* What the rule makes of one line; *ret_why MATCHED: *line is the new one. */
static enum rules_fault
line_run(struct rules_lane *l, uint32_t rule_i, const struct about *about, struct slice *line,
	 enum rules_why *ret_why)
{
	const struct img_out_rule *rule = img_out_rule(l->img, rule_i);
	bool stays = (rule->flags & IMG_RULE_REPLACE) == 0 && line->n > 0;
	struct slice old = *line;
	enum rules_fault fault;

	lane_rule(l);
	l->value = old;
	fault = out_match(l, rule, old, ret_why);
	if (fault == RULES_FAULT_NONE && *ret_why == RULES_WHY_MATCHED &&
	    rule->action == IMG_ACTION_REWRITE && !stays) {
		fault = expr_expand(l, &l->keep, rule->value_expr_i, line);
		if (fault == RULES_FAULT_NONE && !about->is_variable)
			fault = field_fit(about->name, line);
	}
	if (fault != RULES_FAULT_NONE)
		*ret_why = RULES_WHY_FAULT;
	out_tell(l, rule_i, *ret_why, old);
	return fault;
}

/* A rule about a header or variable; *ret_matched: some line of it did. */
static enum rules_fault
lines_run(struct rules_lane *l, uint32_t rule_i, bool *ret_matched)
{
	const struct img_out_rule *rule = img_out_rule(l->img, rule_i);
	struct about about = about_of(l, rule);
	struct slice line[LINES_MAX + 1];
	uint32_t n = lines_get(l, &about, line);
	uint64_t start_ns = count_start(l);
	enum rules_why why = RULES_WHY_PATTERN, last = RULES_WHY_PATTERN;
	enum rules_fault fault = RULES_FAULT_NONE;
	bool is_changed = false;

	if (n > LINES_MAX)
		fault = RULES_FAULT_CHANGES;
	if (n == 0) /* an absent header is an empty value */
		line[n++] = slice_of("", 0);
	for (uint32_t i = 0; i < n && fault == RULES_FAULT_NONE; i++) {
		struct slice old = line[i];

		fault = line_run(l, rule_i, &about, &line[i], &last);
		why = last == RULES_WHY_MATCHED || why != RULES_WHY_MATCHED ? last : why;
		is_changed = is_changed || !slice_eq(old, line[i]);
	}
	if (fault == RULES_FAULT_NONE && is_changed)
		fault = lines_set(l, &about, line, n);
	count_rule(l, rule->slot, rule->incarnation,
		   fault == RULES_FAULT_NONE ? why : RULES_WHY_FAULT, start_ns);
	*ret_matched = why == RULES_WHY_MATCHED;
	return fault;
}

/* ---- what a rewritten body means for the head (choice 26) ---- */

static bool
has_no_body(const struct rules_subject *s)
{
	return s->status < 200 || s->status == 204 || s->status == 205 || s->status == 304 ||
	       slice_eq(s->method, SLICE("HEAD"));
}

static enum rules_fault
header_gone(struct rules_lane *l, struct slice name)
{
	const struct about about = { .is_response = true, .name = name };
	struct slice line[LINES_MAX + 1];

	return lines_get(l, &about, line) == 0 ? RULES_FAULT_NONE : lines_set(l, &about, line, 0);
}

static enum rules_fault
etag_weak(struct rules_lane *l)
{
	const struct about about = { .is_response = true, .name = SLICE("etag") };
	struct slice line[LINES_MAX + 1], weak;
	uint8_t *p;

	if (lines_get(l, &about, line) != 1 || (line[0].n >= 2 && memcmp(line[0].p, "W/", 2) == 0))
		return RULES_FAULT_NONE;
	p = arena_take(&l->keep, line[0].n + 2);
	if (p == NULL)
		return RULES_FAULT_ROOM;
	memcpy(p, "W/", 2);
	memcpy(p + 2, line[0].p, line[0].n);
	weak = slice_of(p, line[0].n + 2);
	return lines_set(l, &about, &weak, 1);
}

static enum rules_fault
validators_weaken(struct rules_lane *l)
{
	static const char *const gone[] = { "content-md5", "digest", "repr-digest",
					    "content-digest", "accept-ranges" };
	enum rules_fault fault = etag_weak(l);

	for (uint32_t i = 0; i < sizeof(gone) / sizeof(*gone) && fault == RULES_FAULT_NONE; i++)
		fault = header_gone(l, slice_of(gone[i], (uint32_t)strlen(gone[i])));
	return fault;
}

/* ---- all of them ---- */

struct run {
	const struct img_listener *listener;
	struct rules_reply *reply;
	uint32_t *body_rule;
	uint8_t *is_held; /* by precondition */
};

/* The nth scope that the listener binds; false: none for this response. */
static bool
scope_enter(struct rules_lane *l, const struct img_listener *listener, uint32_t nth)
{
	uint32_t scope_i = img_bind(l->img, listener->first_bind + nth)->scope_i;
	const struct img_scope *scope = img_scope(l->img, scope_i);

	if (scope->kind != IMG_SCOPE_OUTBOUND || l->stopped[scope_i] == l->run ||
	    !scope_covers(l->img, scope, l->original.path))
		return false;
	lane_enter(l, scope_i);
	return true;
}

static enum rules_fault
pres_run(struct rules_lane *l, struct run *run)
{
	uint32_t rule_n = 0;
	enum rules_fault fault;

	run->is_held = arena_take(&l->keep, img_n(l->img, IMG_PRES) + 1);
	if (run->is_held == NULL)
		return RULES_FAULT_ROOM;
	for (uint32_t k = 0; k < run->listener->bind_n; k++) {
		if (!scope_enter(l, run->listener, k))
			continue;
		rule_n += l->scope->rule_n;
		for (uint32_t i = 0; i < l->scope->pre_n; i++) {
			uint32_t pre_i = l->scope->first_pre + i;
			bool holds = false;

			run->reply->rule_i = IMG_NONE;
			fault = pre_holds(l, pre_i, &holds);
			if (fault != RULES_FAULT_NONE)
				return fault;
			run->is_held[pre_i] = holds;
		}
	}
	run->body_rule = arena_take(&l->keep, rule_n * sizeof(uint32_t));
	return run->body_rule == NULL ? RULES_FAULT_ROOM : RULES_FAULT_NONE;
}

static enum rules_fault
rule_run(struct rules_lane *l, struct run *run, uint32_t rule_i)
{
	const struct img_out_rule *rule = img_out_rule(l->img, rule_i);
	enum rules_fault fault;
	bool matched;

	if (rule->pre_i != IMG_NONE && !run->is_held[rule->pre_i]) {
		lane_rule(l);
		count_rule(l, rule->slot, rule->incarnation, RULES_WHY_PRECONDITION, 0);
		out_tell(l, rule_i, RULES_WHY_PRECONDITION, slice_of("", 0));
		return RULES_FAULT_NONE;
	}
	if (rule->kind != IMG_OUT_VARIABLE) {
		run->body_rule[run->reply->body_rule_n++] = rule_i;
		return RULES_FAULT_NONE;
	}
	run->reply->rule_i = rule_i;
	fault = lines_run(l, rule_i, &matched);
	if (fault == RULES_FAULT_NONE && matched && (rule->flags & IMG_RULE_STOP) != 0)
		set_stop(l, run->listener);
	return fault;
}

static enum rules_fault
rules_run(struct rules_lane *l, struct run *run)
{
	enum rules_fault fault = pres_run(l, run);

	for (uint32_t k = 0; k < run->listener->bind_n && fault == RULES_FAULT_NONE; k++) {
		if (!scope_enter(l, run->listener, k))
			continue;
		for (uint32_t i = 0; i < l->scope->rule_n && fault == RULES_FAULT_NONE &&
				     l->stopped[l->scope_i] != l->run;
		     i++)
			fault = rule_run(l, run, l->scope->first_rule + i);
	}
	if (fault != RULES_FAULT_NONE)
		return fault;
	run->reply->rule_i = IMG_NONE;
	run->reply->body_rule = run->body_rule;
	run->reply->has_body = l->subject->status != 206 && !has_no_body(l->subject);
	if (run->reply->body_rule_n > 0 && l->subject->status != 206)
		fault = validators_weaken(l);
	return fault;
}

/* Changes of the response: inbound rules' and then ours. */
static enum rules_fault
changes_give(struct rules_lane *l, struct rules_reply *reply)
{
	uint32_t n = l->before_n + l->change_n;
	struct rules_change *to = arena_take(&l->keep, n * sizeof(*to));

	if (to == NULL)
		return RULES_FAULT_ROOM;
	reply->change = to;
	for (uint32_t i = 0; i < n; i++) {
		const struct rules_change *c =
			i < l->before_n ? &l->before[i] : &l->change[i - l->before_n];

		if (c->is_response && !c->is_variable)
			to[reply->change_n++] = *c;
	}
	return RULES_FAULT_NONE;
}

/* The path that the client asked for (14.7); a target that is none is taken as it stands. */
void
out_url(struct rules_lane *l, struct slice target)
{
	if (path_canonical(l, target, &l->original) != RULES_FAULT_NONE)
		l->original = (struct rules_url){ .path = target };
	l->url = l->original;
}

bool
rules_wants_body(struct rules *rules, uint32_t lane_i, uint32_t listener_i, struct slice target)
{
	static const struct rules_subject nothing = { 0 };
	const struct img_listener *listener = img_listener(rules->img, listener_i);
	struct rules_lane *l = &rules->lane[lane_i];

	ensure(lane_i < rules->lane_n);
	if ((rules->any[listener_i] & RULES_ANY_BODY) == 0)
		return false;
	lane_begin(l, &nothing, NULL);
	out_url(l, target);
	for (uint32_t i = 0; i < listener->bind_n; i++) {
		uint32_t scope_i = img_bind(rules->img, listener->first_bind + i)->scope_i;

		if (rules->scope[scope_i].has_body &&
		    scope_covers(rules->img, img_scope(rules->img, scope_i), l->original.path))
			return true;
	}
	return false;
}

uint16_t
rules_substatus(const struct rules *rules, uint32_t out_rule_i)
{
	for (uint32_t i = 0; i < img_n(rules->img, IMG_SCOPES); i++) {
		const struct img_scope *scope = img_scope(rules->img, i);

		if (scope->kind == IMG_SCOPE_OUTBOUND &&
		    out_rule_i - scope->first_rule < scope->rule_n)
			return (scope->flags & IMG_SCOPE_BEFORE_CACHE) != 0 ? 53 : 52;
	}
	return 52;
}

void
rules_response(struct rules *rules, uint32_t lane_i, uint32_t listener_i,
	       const struct rules_subject *subject, const struct rules_change *vars,
	       uint32_t vars_n, const struct rules_trace *trace, struct rules_reply *ret_reply)
{
	struct rules_lane *l = &rules->lane[lane_i];
	struct run run = { .listener = img_listener(rules->img, listener_i), .reply = ret_reply };
	enum rules_fault fault;

	ensure(lane_i < rules->lane_n);
	*ret_reply = (struct rules_reply){ .rule_i = IMG_NONE };
	lane_begin(l, subject, trace);
	l->before = vars;
	l->before_n = vars_n;
	out_url(l, subject->target);
	fault = rules_run(l, &run);
	if (fault == RULES_FAULT_NONE)
		fault = changes_give(l, ret_reply);
	if (fault != RULES_FAULT_NONE) {
		ret_reply->fault = fault;
		ret_reply->status = 500;
		ret_reply->substatus =
			l->scope != NULL && (l->scope->flags & IMG_SCOPE_BEFORE_CACHE) != 0
				? 53
				: 52; /* 15 */
		ret_reply->body_rule_n = 0;
	}
	ret_reply->regex_n = l->regex_n;
	ret_reply->work = lane_work(l);
}
