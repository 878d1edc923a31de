/*
 * rules_naive.c - the naive evaluation (rules_made.h): rule after rule, each pattern asked of
 * PCRE2's interpreter, nothing remembered. By the reference (url-rewrite), not by the engine.
 */
#include <string.h>

#include "rules_made.h"

static struct text scratch[4];

static bool
matches(struct naive *v, const pcre2_code *code, const struct text *s, struct text *refs,
	uint32_t *ret_n)
{
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
	int rc = pcre2_match(code, (PCRE2_SPTR)s->s, s->n, 0, PCRE2_NO_JIT, data, NULL);
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);

	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		v->gives_up = true;
	*ret_n = 0;
	for (uint32_t i = 0; rc > 0 && i < pcre2_get_ovector_count(data) && i < RULES_REFS; i++) {
		refs[i].n = 0;
		if (at[2 * i] != PCRE2_UNSET)
			add_n(&refs[i], s->s + at[2 * i], at[2 * i + 1] - at[2 * i]);
		++*ret_n;
	}
	pcre2_match_data_free(data);
	return rc > 0;
}

static bool
is_name(const char *s, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(s, name, n) == 0;
}

/* False: a reference that is not there. */
static bool
expand(struct naive *v, const char *e, struct text *to)
{
	to->n = 0;
	to->s[0] = '\0';
	while (*e != '\0') {
		size_t n = strcspn(e, "{");

		add_n(to, e, n);
		e += n;
		if (*e == '\0')
			break;
		n = strcspn(++e, "}");
		if (e[1] == ':') {
			uint32_t i = (uint32_t)(e[2] - '0');

			if (i >= (e[0] == 'R' ? v->r_n : v->c_n))
				return false;
			add_n(to, (e[0] == 'R' ? v->r : v->c)[i].s,
			      (e[0] == 'R' ? v->r : v->c)[i].n);
		} else if (is_name(e, n, "URL")) {
			add_n(to, v->path.s, v->path.n);
		} else if (is_name(e, n, "QUERY_STRING")) {
			add_n(to, v->query.s, v->query.n);
		} else if (is_name(e, n, "REQUEST_URI")) {
			add_n(to, v->path.s, v->path.n);
			add(to, v->query.n > 0 ? "?" : "");
			add_n(to, v->query.s, v->query.n);
		} else if (is_name(e, n, "HTTP_X")) {
			add_n(to, v->x.s, v->x.n);
		} else if (is_name(e, n, "VAR")) {
			add_n(to, v->var.s, v->var.n);
		} else {
			add(to, "www.example.com");
		}
		e += n + 1;
	}
	v->gives_up |= to->n >= TEXT_MAX - 1;
	return true;
}

static bool
in_folder(const struct naive *v, const char *folder)
{
	size_t n = folder == NULL ? 0 : strlen(folder);

	return n == 0 || (v->path.n >= n && strncasecmp(v->path.s, folder, n) == 0 &&
			  (v->path.n == n || v->path.s[n] == '/'));
}

static void
path_in(const struct naive *v, const char *folder, struct text *ret)
{
	size_t n = folder == NULL ? 0 : strlen(folder);

	ret->n = 0;
	ret->s[0] = '\0';
	if (v->path.n > n)
		add_n(ret, v->path.s + n + 1, v->path.n - n - 1);
}

static bool
cond_holds(struct naive *v, const struct made_scope *scope, const struct made_rule *rule,
	   uint32_t i, const pcre2_code *code, bool *ret_holds)
{
	static struct text found[RULES_REFS];
	const struct made_cond *c = &rule->cond[i];
	bool is_negated = (c->flags & IMG_COND_NEGATE) != 0, holds = false;
	uint32_t n = 0;

	if (c->kind == IMG_COND_PATTERN) {
		if (c->input == NULL)
			path_in(v, scope->folder, &scratch[0]);
		else if (!expand(v, c->input, &scratch[0]))
			return false;
		holds = matches(v, code, &scratch[0], found, &n);
	}
	if (holds && !is_negated) {
		if ((rule->flags & IMG_RULE_TRACK_ALL) == 0)
			v->c_n = 0;
		for (uint32_t k = v->c_n == 0 ? 0 : 1; k < n && v->c_n < RULES_REFS; k++)
			v->c[v->c_n++] = found[k];
	}
	*ret_holds = holds != is_negated;
	return true;
}

/* False: a fault. Every condition belongs to a run of alternatives, mostly of itself alone. */
static bool
conds_hold(struct naive *v, const struct made_scope *scope, const struct made_rule *rule,
	   pcre2_code *const *code, bool *ret_holds)
{
	bool any = (rule->flags & IMG_RULE_MATCH_ANY) != 0, run = false;

	*ret_holds = true;
	for (uint32_t i = 0; i < rule->cond_n; i++) {
		bool holds;

		if (!any && run) { /* an alternative before it held */
			run = (rule->cond[i].flags & IMG_COND_OR) != 0;
			continue;
		}
		if (!cond_holds(v, scope, rule, i, code[i], &holds))
			return false;
		if (any && holds)
			return true;
		if (any)
			continue;
		if (holds)
			run = (rule->cond[i].flags & IMG_COND_OR) != 0;
		else if ((rule->cond[i].flags & IMG_COND_OR) == 0) {
			*ret_holds = false;
			return true;
		}
	}
	*ret_holds = !any || rule->cond_n == 0;
	return true;
}

static enum rules_fault
sets(struct naive *v, const struct made_rule *rule)
{
	struct text *to =
		rule->set[0].header != NULL && rule->set[0].header[0] == 'x' ? &v->x : &v->var;

	if (rule->set[0].header == NULL)
		return RULES_FAULT_NONE;
	if (!expand(v, rule->set[0].value, &scratch[1]))
		return RULES_FAULT_REFERENCE;
	for (uint32_t i = 0; to == &v->x && i < scratch[1].n; i++)
		if ((uint8_t)scratch[1].s[i] < ' ')
			return RULES_FAULT_BYTES;
	*to = scratch[1];
	return RULES_FAULT_NONE;
}

/* As a target's path (3.1): no segment that is empty, "." or "..". */
static void
settle(struct text *path)
{
	static struct text from;
	bool names_folder = true;

	from = *path;
	path->n = 0;
	for (uint32_t at = 0, n; at < from.n; at += n + 1) {
		const char *s = from.s + at;

		for (n = 0; at + n < from.n && s[n] != '/' && s[n] != '\\'; n++)
			;
		names_folder = n == 0 || is_name(s, n, ".") || is_name(s, n, "..");
		while (is_name(s, n, "..") && path->n > 0 && path->s[--path->n] != '/')
			;
		if (!names_folder) {
			add(path, "/");
			add_n(path, s, n);
		}
	}
	if (names_folder || from.s[from.n - 1] == '/' || from.s[from.n - 1] == '\\')
		add(path, "/");
}

/* Sets *ret_ends. */
static enum rules_fault
act(struct naive *v, const struct made_scope *scope, const struct made_rule *rule, bool *ret_ends)
{
	struct text *url = &scratch[1];
	bool keeps = (rule->flags & IMG_RULE_APPEND_QUERY) != 0 && v->query.n > 0;
	char *mark;

	*ret_ends = rule->action == IMG_ACTION_REDIRECT || rule->action == IMG_ACTION_RESPOND ||
		    rule->action == IMG_ACTION_ABORT;
	if (rule->action == IMG_ACTION_ABORT)
		v->outcome = RULES_ABORT;
	if (rule->action == IMG_ACTION_RESPOND)
		v->outcome = RULES_RESPOND;
	if (rule->action == IMG_ACTION_FARM)
		v->farm_i = rule->farm_i;
	if (rule->action != IMG_ACTION_REWRITE && rule->action != IMG_ACTION_REDIRECT)
		return RULES_FAULT_NONE;
	if (!expand(v, rule->url, url))
		return RULES_FAULT_REFERENCE;
	if (memchr(url->s, '\n', url->n) != NULL)
		return RULES_FAULT_BYTES;
	if (rule->action == IMG_ACTION_REDIRECT) {
		v->outcome = RULES_REDIRECT;
		v->location = *url;
		if (keeps) {
			mark = memchr(url->s, '?', url->n);
			add(&v->location, mark == NULL			? "?"
					  : mark + 1 == url->s + url->n ? ""
									: "&");
			add_n(&v->location, v->query.s, v->query.n);
		}
		return RULES_FAULT_NONE;
	}
	if (url->n == 0)
		add(url, "/");
	mark = memchr(url->s, '?', url->n);
	scratch[2].n = scratch[3].n = 0;
	if (url->s[0] != '/') {
		add(&scratch[2], scope->folder == NULL ? "" : scope->folder);
		add(&scratch[2], "/");
	}
	add_n(&scratch[2], url->s, mark == NULL ? url->n : (size_t)(mark - url->s));
	if (mark != NULL)
		add_n(&scratch[3], mark + 1, (size_t)(url->s + url->n - mark - 1));
	v->has_query = mark != NULL || keeps;
	if (keeps && scratch[3].n > 0)
		add(&scratch[3], "&");
	if (keeps)
		add_n(&scratch[3], v->query.s, v->query.n);
	settle(&scratch[2]);
	v->path = scratch[2];
	v->query = scratch[3];
	v->query.s[v->query.n] = '\0';
	v->is_changed = true;
	v->gives_up |= v->path.n + v->query.n > TEXT_MAX / 4;
	return RULES_FAULT_NONE;
}

/* False: the evaluation ends. *ret_stops: so does the set. */
static bool
rule_run(struct naive *v, uint32_t scope_i, uint32_t k, uint32_t rule_i, bool *ret_stops)
{
	const struct made_scope *scope = &v->set->scope[scope_i];
	const struct made_rule *rule = &v->set->rule[scope_i][k];
	pcre2_code *const *code = v->set->code[scope_i][k];
	bool is_negated = (rule->flags & IMG_RULE_NEGATE) != 0, holds, ends = false;
	enum rules_fault fault;

	v->r_n = v->c_n = 0;
	path_in(v, scope->folder, &scratch[0]);
	if (matches(v, code[0], &scratch[0], v->r, &v->r_n) == is_negated)
		return true;
	if (is_negated) {
		v->r[0] = scratch[0];
		v->r_n = 1;
	}
	if (!conds_hold(v, scope, rule, code + 1, &holds)) {
		fault = RULES_FAULT_REFERENCE;
	} else {
		if (!holds)
			return true;
		fault = sets(v, rule);
		if (fault == RULES_FAULT_NONE)
			fault = act(v, scope, rule, &ends);
	}
	v->rule_i = rule_i;
	v->fault = fault;
	if (fault != RULES_FAULT_NONE)
		v->outcome = RULES_ERROR;
	*ret_stops = (rule->flags & IMG_RULE_STOP) != 0;
	return fault == RULES_FAULT_NONE && !ends;
}

void
naive_run(struct naive *v, const struct set *set, const struct asked *a)
{
	bool is_stopped[SCOPES_MOST] = { 0 };
	memset(v, 0, sizeof(*v));
	v->set = set;
	v->path = a->path;
	v->query = a->query;
	v->has_query = a->has_query;
	v->x = a->x;
	v->outcome = RULES_ROUTE;
	v->rule_i = v->farm_i = IMG_NONE;
	for (uint32_t i = 0; i < set->scope_n; i++) {
		bool stops = false;

		for (uint32_t k = 0; k < set->scope[i].rule_n && !is_stopped[i] && !stops; k++) {
			if (!in_folder(v, set->scope[i].folder))
				break;
			if (!rule_run(v, i, k, set->first_rule[i] + k, &stops) || v->gives_up)
				return;
		}
		for (uint32_t j = 0; stops && j < set->scope_n; j++)
			is_stopped[j] |= set->scope[i].kind == set->scope[j].kind &&
					 same_set(&set->scope[i], &set->scope[j]);
	}
}
