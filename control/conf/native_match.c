/*
 * native_match.c - `match` and `when` to conditions, see native.h.
 *
 * What the keys ask for is a formula of and, or and not over conditions. The engine runs down a
 * list of alternatives (struct rule_cond's or_next), so the formula is brought into that form:
 * negations go down to the conditions, then or is multiplied out. Bounded by CONDS_MAX.
 */
#include "conf/native.h"

#include <string.h>

#include "conf/value.h"

enum {
	CONDS_MAX = 512, /* of one rule */
};

/* Alternatives; ordered first when a client's own words decide nothing about captures. */
struct clause {
	struct rule_cond **cond;
	uint32_t n;
	bool is_plain; /* no pattern of the user's: method, host, path, from */
	struct clause *next;
};

/* A conjunction of clauses, in order. */
struct clauses {
	struct clause *first, *last;
};

struct match_read {
	struct native *native;
	enum native_where where;
	const char *folder;
	struct rule *rule; /* whose pattern is not taken yet; NULL: none */
	uint32_t conds_n;
	bool is_too_long;
};

static struct clauses clauses_of(struct match_read *read, const struct conf_match *match,
				 bool is_negated, bool is_top);

/* ---- clauses ---- */

static void
clause_append(struct clauses *clauses, struct clause *clause)
{
	clause->next = NULL;
	if (clauses->last != NULL)
		clauses->last->next = clause;
	else
		clauses->first = clause;
	clauses->last = clause;
}

static struct clause *
clause_take(struct match_read *read, uint32_t n)
{
	struct clause *clause = arena_take(read->native->arena, sizeof(*clause));

	clause->cond = arena_take(read->native->arena, n * sizeof(struct rule_cond *));
	clause->n = n;
	read->conds_n += n;
	read->is_too_long |= read->conds_n > CONDS_MAX;
	return clause;
}

/* a or b, clause by clause. */
static struct clauses
clauses_or(struct match_read *read, struct clauses a, struct clauses b)
{
	struct clauses both = { 0 };

	for (struct clause *x = a.first; x != NULL && !read->is_too_long; x = x->next)
		for (struct clause *y = b.first; y != NULL && !read->is_too_long; y = y->next) {
			struct clause *clause = clause_take(read, x->n + y->n);

			memcpy(clause->cond, x->cond, x->n * sizeof(struct rule_cond *));
			memcpy(clause->cond + x->n, y->cond, y->n * sizeof(struct rule_cond *));
			clause->is_plain = x->is_plain && y->is_plain;
			clause_append(&both, clause);
		}
	return both;
}

/* Adds a part of a mapping: to all of it, or, when it is negated, to what is enough against it. */
struct parts {
	struct clauses clauses;
	bool is_or;
	bool is_empty;
};

static void
part_add(struct match_read *read, struct parts *parts, struct clauses part)
{
	if (parts->is_empty) {
		parts->clauses = part;
	} else if (parts->is_or) {
		parts->clauses = clauses_or(read, parts->clauses, part);
	} else if (part.first != NULL) {
		if (parts->clauses.last != NULL)
			parts->clauses.last->next = part.first;
		else
			parts->clauses.first = part.first;
		parts->clauses.last = part.last;
	}
	parts->is_empty = false;
}

static void
cond_add(struct match_read *read, struct parts *parts, const struct rule_cond *cond, bool is_plain)
{
	struct clause *clause = clause_take(read, 1);
	struct clauses one = { clause, clause };

	clause->cond[0] = arena_take(read->native->arena, sizeof(*cond));
	*clause->cond[0] = *cond;
	clause->is_plain = is_plain;
	part_add(read, parts, one);
}

/* ---- conditions of each key ---- */

static struct rule_text
text_of(const char *s, const struct node *at)
{
	return (struct rule_text){ .s = s, .at = at->at };
}

static struct rule_cond
plain_cond(const struct node *at, const char *input, const char *regex)
{
	return (struct rule_cond){ .at = at->at,
				   .input = text_of(input, at),
				   .pattern = text_of(regex, at),
				   .is_regex = true };
}

static struct rule_cond
pattern_cond(const struct conf_pattern *pattern, const char *input)
{
	const struct node *at = pattern->pattern.at != NULL ? pattern->pattern.at : pattern->at;

	return (struct rule_cond){ .at = pattern->at->at,
				   .kind = pattern->is.v == CONF_PATTERN_IS_FILE ? IMG_COND_FILE
					   : pattern->is.v == CONF_PATTERN_IS_DIRECTORY
						   ? IMG_COND_DIRECTORY
						   : IMG_COND_PATTERN,
				   .input = { .s = input, .at = pattern->at->at },
				   .pattern = { .s = pattern->pattern.s, .at = at->at },
				   .ignores_case = pattern->ignore_case.v != 0,
				   .is_negated = pattern->is_not.v != 0 };
}

static bool
has_unknown(const struct conf_pattern *pattern)
{
	uint32_t known_n = (pattern->ignore_case.at != NULL) + (pattern->is_not.at != NULL) +
			   (pattern->is.at != NULL);

	return pattern->at->n > known_n;
}

/* Whether a pattern that is there can be used; if not it is told. */
static bool
is_pattern_good(struct match_read *read, const struct conf_pattern *pattern, bool is_where)
{
	if (pattern->at == NULL)
		return false;
	if (pattern->is.at != NULL && !is_where) {
		conf_err_add(read->native->errs, pattern->is.at->key_at,
			     "'is' belongs to patterns of where; remove it");
		return false;
	}
	if (pattern->is.v != CONF_PATTERN_IS_PATTERN)
		return true;
	if (pattern->pattern.at == NULL && has_unknown(pattern))
		return false; /* told, and it may have been meant */
	if (pattern->pattern.at == NULL) {
		conf_err_add(read->native->errs, pattern->at->at,
			     "this has no pattern; add pattern: \"^1$\"");
		return false;
	}
	return true;
}

const char *
native_header_variable(struct native *native, const char *prefix, const char *name)
{
	char *text = arena_format(native->arena, "%s%s", prefix, name);

	for (char *at = text; *at != '\0'; at++) {
		if (*at >= 'a' && *at <= 'z')
			*at = (char)(*at - 'a' + 'A');
		else if (*at == '-')
			*at = '_';
	}
	return text;
}

static void
negate(struct rule_cond *cond, bool is_negated)
{
	cond->is_negated ^= is_negated;
}

/* Without a name in it, `{}` would say of a request what is always so. */
static void
names_check(struct match_read *read, const struct conf_list *list)
{
	if (list->at != NULL && list->n == 0)
		conf_err_add(read->native->errs, list->at->at,
			     "'%s' asks for nothing; name what must be there and its pattern, or "
			     "remove it",
			     list->at->key);
}

static void
named_add(struct match_read *read, struct parts *parts, const struct conf_list *list,
	  const char *what, const char *prefix, bool is_negated)
{
	names_check(read, list);
	for (CONF_EACH(struct conf_pattern, pattern, list)) {
		struct rule_cond cond;
		const char *name;

		if (!is_pattern_good(read, pattern, false))
			continue;
		name = pattern->at->key;
		if (!native_is_token(name)) {
			conf_err_add(read->native->errs, pattern->at->key_at,
				     "'%s' is no name of a %s; write for example %s: {X-Beta: "
				     "\"^1$\"}",
				     name, what, what);
			continue;
		}
		cond = pattern_cond(
			pattern,
			arena_format(
				read->native->arena, "{%s}",
				prefix[0] == 'C'
					? arena_format(read->native->arena, "%s%s", prefix, name)
					: native_header_variable(read->native, prefix, name)));
		negate(&cond, is_negated);
		cond_add(read, parts, &cond, false);
	}
}

static void
where_add(struct match_read *read, struct parts *parts, const struct conf_list *list,
	  bool is_negated)
{
	names_check(read, list);
	for (CONF_EACH(struct conf_pattern, pattern, list)) {
		struct rule_cond cond;

		if (!is_pattern_good(read, pattern, true))
			continue;
		cond = pattern_cond(pattern, pattern->at->key);
		cond.input.at = pattern->at->key_at;
		negate(&cond, is_negated);
		cond_add(read, parts, &cond, false);
	}
}

static void
nets_add(struct match_read *read, struct parts *parts, const struct conf_match *match,
	 bool is_negated)
{
	struct rule_cond cond = { .kind = IMG_COND_NETWORK, .is_negated = is_negated };
	struct rule_net **to = &cond.net;

	for (CONF_EACH(struct conf_prefix, prefix, &match->from)) {
		struct ip_addr ip;
		unsigned bits;
		char text[VALUE_IP_TEXT];

		if (prefix->at == NULL)
			continue;
		ip = prefix->ip;
		bits = ip_is_v4(&ip) ? 96u + prefix->bits : prefix->bits;
		for (unsigned i = bits; i < 128; i++)
			ip.b[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
		if (!ip_eq(&ip, &prefix->ip)) {
			conf_err_add(read->native->errs, prefix->at->at,
				     "'%s' has bits behind its prefix; write %s/%u",
				     prefix->at->text, value_ip_text(&ip, text), prefix->bits);
			continue;
		}
		*to = arena_take(read->native->arena, sizeof(**to));
		**to = (struct rule_net){ .ip = ip, .bits = prefix->bits };
		to = &(*to)->next;
	}
	if (cond.net == NULL)
		return;
	cond.at = match->from.at->at;
	cond_add(read, parts, &cond, true);
}

/* A list without items asks for nothing that could be. */
static bool
is_given(struct match_read *read, const struct conf_list *list, const char *name)
{
	if (list->at != NULL && list->n == 0)
		conf_err_add(read->native->errs, list->at->at,
			     "'%s' is empty; name at least one or remove it", name);
	return list->n > 0;
}

static bool
is_rule_case(const struct match_read *read, bool is_negated, bool is_top)
{
	return is_top && !is_negated && read->rule != NULL && read->rule->match.s == NULL;
}

/* Whether an expression of the rule says {R:1}: then the path's pattern has a group. */
static bool
has_rest(const struct rule *rule)
{
	const char *text[] = { rule->url.s, rule->reason.s, rule->body.s };

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (text[i] != NULL && strcasestr(text[i], "{R:1}") != NULL)
			return true;
	for (const struct rule_set_var *set = rule->set; set != NULL; set = set->next)
		if (strcasestr(set->value.s, "{R:1}") != NULL)
			return true;
	return false;
}

static bool
where_has_rest(const struct conf_match *match)
{
	for (CONF_EACH(struct conf_pattern, pattern, &match->where))
		if (pattern->at != NULL && strcasestr(pattern->at->key, "{R:1}") != NULL)
			return true;
	for (CONF_EACH(struct conf_match, all, &match->all))
		if (where_has_rest(all))
			return true;
	for (CONF_EACH(struct conf_match, any, &match->any))
		if (where_has_rest(any))
			return true;
	for (CONF_EACH(struct conf_match, none, &match->is_not))
		if (where_has_rest(none))
			return true;
	return false;
}

static void
paths_add(struct match_read *read, struct parts *parts, const struct conf_match *match,
	  bool is_negated, bool is_top)
{
	bool is_own = is_rule_case(read, is_negated, is_top);
	const char *regex;
	struct rule_cond cond;

	if (!is_given(read, &match->paths, "path"))
		return;
	regex = native_paths_regex(read->native, &match->paths,
				   read->where == NATIVE_REQUEST ? read->folder : NULL,
				   is_own && (has_rest(read->rule) || where_has_rest(match)));
	if (regex == NULL)
		return;
	if (regex[0] == '\0' && !is_negated) {
		part_add(read, parts, (struct clauses){ 0 }); /* always so */
		return;
	}
	if (is_own) {
		read->rule->match = text_of(regex, match->paths.at);
		read->rule->match_is_regex = true;
		read->rule->ignores_case = true;
		return;
	}
	cond = plain_cond(match->paths.at, read->where == NATIVE_RESPONSE ? "{URL}" : NULL,
			  regex[0] == '\0' ? "^" : regex);
	cond.ignores_case = true;
	cond.is_negated = is_negated;
	cond_add(read, parts, &cond, true);
}

static void
path_regex_add(struct match_read *read, struct parts *parts, const struct conf_pattern *pattern,
	       bool is_negated, bool is_top)
{
	struct rule_cond cond;

	if (!is_pattern_good(read, pattern, false))
		return;
	if (read->where == NATIVE_RESPONSE) {
		conf_err_add(read->native->errs, pattern->at->key_at,
			     "rules with edit have no path_regex; write where: {\"{URL}\": "
			     "\"^/old/\"}");
		return;
	}
	if (is_rule_case(read, is_negated, is_top)) {
		read->rule->match = text_of(pattern->pattern.s, pattern->pattern.at);
		read->rule->ignores_case = pattern->ignore_case.v != 0;
		read->rule->is_negated = pattern->is_not.v != 0;
		return;
	}
	cond = pattern_cond(pattern, NULL);
	negate(&cond, is_negated);
	cond_add(read, parts, &cond, false);
}

static void
query_add(struct match_read *read, struct parts *parts, const struct conf_pattern *pattern,
	  const char *input, bool is_negated)
{
	struct rule_cond cond;

	if (!is_pattern_good(read, pattern, false))
		return;
	cond = pattern_cond(pattern, input);
	negate(&cond, is_negated);
	cond_add(read, parts, &cond, false);
}

static void
response_add(struct match_read *read, struct parts *parts, const struct conf_match *match,
	     bool is_negated)
{
	const struct node *at = match->response.at != NULL ? match->response.at
				: match->status.at != NULL ? match->status.at
							   : NULL;

	if (at != NULL && read->where == NATIVE_REQUEST) {
		conf_err_add(read->native->errs, at->key_at,
			     "'%s' asks for a response, which is not there yet; it belongs to a "
			     "rule with edit",
			     at->key);
		return;
	}
	named_add(read, parts, &match->response, "response", "RESPONSE_", is_negated);
	query_add(read, parts, &match->status, "{RESPONSE_STATUS}", is_negated);
}

/* any, all and not: lists of mappings. */
static void
lists_add(struct match_read *read, struct parts *parts, const struct conf_match *match,
	  bool is_negated)
{
	const struct {
		const struct conf_list *list;
		const char *name;
		bool is_or, is_not;
	} kind[] = { { &match->all, "all", false, false },
		     { &match->any, "any", true, false },
		     { &match->is_not, "not", false, true } };

	for (size_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		struct parts inner = { .is_or = kind[i].is_or != is_negated, .is_empty = true };

		if (!is_given(read, kind[i].list, kind[i].name))
			continue;
		for (CONF_EACH(struct conf_match, item, kind[i].list))
			if (item->at != NULL)
				part_add(read, &inner,
					 clauses_of(read, item, kind[i].is_not != is_negated,
						    false));
		part_add(read, parts, inner.clauses);
	}
}

static struct clauses
clauses_of(struct match_read *read, const struct conf_match *match, bool is_negated, bool is_top)
{
	struct parts parts = { .is_or = is_negated, .is_empty = true };
	struct rule_cond cond;
	const char *regex;

	if (match->at != NULL && match->at->n == 0)
		conf_err_add(read->native->errs, match->at->at,
			     "this mapping asks for nothing; name what the request must be, or "
			     "remove it");
	path_regex_add(read, &parts, &match->path_regex, is_negated, is_top);
	paths_add(read, &parts, match, is_negated, is_top);
	regex = is_given(read, &match->methods, "method")
			? native_methods_regex(read->native, &match->methods)
			: NULL;
	if (regex != NULL) {
		cond = plain_cond(match->methods.at, "{REQUEST_METHOD}", regex);
		cond.is_negated = is_negated;
		cond_add(read, &parts, &cond, true);
	}
	regex = is_given(read, &match->hosts, "host")
			? native_hosts_regex(read->native, &match->hosts)
			: NULL;
	if (regex != NULL) {
		cond = plain_cond(match->hosts.at, "{SERVER_NAME}", regex);
		cond.ignores_case = true;
		cond.is_negated = is_negated;
		cond_add(read, &parts, &cond, true);
	}
	if (is_given(read, &match->from, "from"))
		nets_add(read, &parts, match, is_negated);
	query_add(read, &parts, &match->query, "{QUERY_STRING}", is_negated);
	named_add(read, &parts, &match->headers, "header", "HTTP_", is_negated);
	named_add(read, &parts, &match->cookies, "cookie", "Cookie:", is_negated);
	where_add(read, &parts, &match->where, is_negated);
	response_add(read, &parts, match, is_negated);
	lists_add(read, &parts, match, is_negated);
	return parts.clauses;
}

/* ---- the list ---- */

/* Conditions may be named by several clauses: each place gets its own. */
static struct rule_cond **
clause_list(struct match_read *read, const struct clause *clause, struct rule_cond **to)
{
	for (uint32_t i = 0; i < clause->n; i++) {
		*to = arena_take(read->native->arena, sizeof(**to));
		**to = *clause->cond[i];
		(*to)->or_next = i + 1 < clause->n;
		to = &(*to)->next;
	}
	return to;
}

void
native_match(struct native *native, const struct conf_match *match, enum native_where where,
	     const char *folder, struct rule *ret_rule, struct rule_conds *ret_conds)
{
	struct match_read read = { native, where, folder, ret_rule, 0, false };
	struct clauses clauses;
	struct rule_cond **to = &ret_conds->first;

	*ret_conds = (struct rule_conds){ 0 };
	if (match->at == NULL)
		return;
	clauses = clauses_of(&read, match, false, true);
	if (read.is_too_long) {
		conf_err_add(native->errs, match->at->at,
			     "these alternatives need more than %d conditions; divide the rule "
			     "into several",
			     (int)CONDS_MAX);
		return;
	}
	/* The plain ones first, so that {C:n} speaks of what the user's patterns found. */
	for (int is_plain = 1; is_plain >= 0; is_plain--)
		for (const struct clause *clause = clauses.first; clause != NULL;
		     clause = clause->next)
			if (clause->is_plain == (is_plain != 0))
				to = clause_list(&read, clause, to);
}
