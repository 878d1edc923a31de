/*
 * Random rules on random requests: the engine's verdict is that of a naive evaluation, which asks
 * PCRE2's interpreter rule by rule and shares nothing with the engine but the rules' text.
 *
 *   rules [PAIRS [SEED]]   or PENSTOCK_PAIRS / PENSTOCK_FULL (a million) and PENSTOCK_SEED
 *
 * What is compared: outcome, the last rule that matched or the one that failed, the fault, the
 * farm, path and query that leave, Location with its captures. Now and then also with a trace,
 * which must change nothing. Alphabets leave out what delimits URLs: that has tests of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "conf/arena.h"
#include "conf/errs.h"
#include "conf/slots.h"
#include "made.h"
#include "rules/program.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define N(array) (sizeof(array) / sizeof(array[0]))

enum {
	PAIRS = 20000,
	PAIRS_FULL = 1000000,
	REQUESTS = 50, /* of one set of rules */
	RULES_MOST = 12,
	SCOPES_MOST = 3,
	TEXT_MAX = 4096,
};

static struct prng prng;

static uint32_t
below(uint32_t n)
{
	return (uint32_t)(prng_next(&prng) % n);
}

static bool
one_in(uint32_t n)
{
	return below(n) == 0;
}

/* ---- text ---- */

struct text {
	char s[TEXT_MAX];
	uint32_t n;
};

static void
add_n(struct text *t, const void *s, size_t n)
{
	if (n > sizeof(t->s) - 1 - t->n) /* cut: it grows by chained rewrites */
		n = sizeof(t->s) - 1 - t->n;
	memcpy(t->s + t->n, s, n);
	t->n += (uint32_t)n;
	t->s[t->n] = '\0';
}

static void
add(struct text *t, const char *s)
{
	add_n(t, s, strlen(s));
}

/* Characters with a history in case folding, and plain ones. */
static const char *
character(void)
{
	static const char *const plain[] = {
		"a", "b", "k", "s", "K", "S", "A", "1", "2", "-", "_"
	};
	static const char *const rare[] = {
		"\xc3\xa9",
		"\xc3\xa9",
		"\xc3\xa9",
		"\xc3\x89",
		"\xc3\x9f",
		"\xe1\xba\x9e" /* sharp s */,
		"\xcf\x83",
		"\xce\xa3",
		"\xcf\x82" /* sigmas */,
		"\xc7\x84",
		"\xc7\x85",
		"\xc7\x86" /* dz */,
		"\xc4\xb1",
		"\xc4\xb0" /* Turkish i */,
		"\xe1\x82\xa0",
		"\xe1\xb2\x90",
		"\xe1\x83\x90" /* Georgian */,
		"\xea\xad\xb0",
		"\xe1\x8e\xa0",
		"\xf0\x90\x90\x80",
		"\xf0\x90\x90\xa8" /* Deseret */,
		"\xe2\x82\xac",
		"\xc2\xb5",
		"\xce\xbc" /* micro, mu */,
		"\xc3\xa5",
		"\xe2\x84\xab" /* Angstrom */,
	};

	return one_in(5) ? rare[below(N(rare))] : plain[below(N(plain))];
}

/* ---- patterns ---- */

static void alternatives(struct text *t, uint32_t depth, uint32_t *group_n);

static void class(struct text *t)
{
	static const char *const known[] = {
		"\\d", "\\w", "\\s", "\\W",	  "\\D",   "\\S",     "a-k",
		"A-Z", "k-t", "0-1", "[:alpha:]", "\\x4b", "\\u017f", "\xc3\xa0-\xc3\xbf",
		"-"
	};

	add(t, one_in(3) ? "[^" : "[");
	for (uint32_t i = 1 + below(3); i > 0; i--)
		add(t, one_in(2) ? known[below(N(known))] : character());
	add(t, "]");
}

static void
atom(struct text *t, uint32_t depth, uint32_t *group_n)
{
	static const char *const fixed[] = { ".",   "^",   "$",	  "\\b",     "\\B",  "\\d",
					     "\\w", "\\W", "\\s", "\\x6B",   "\\n",  "/",
					     "\\D", "\\S", "\\.", "\\u212a", "\\cJ", "." };
	char ref[8];

	switch (below(depth > 0 ? 12 : 6)) {
	default:
		add(t, character());
		return;
	case 3:
	case 4:
		add(t, fixed[below(N(fixed))]);
		return;
	case 5:
		class(t);
		return;
	case 6:
	case 7:
	case 8:
		++*group_n;
		add(t, "(");
		break;
	case 9:
		add(t, "(?:");
		break;
	case 10:
		add(t, one_in(2) ? "(?=" : "(?!");
		break;
	case 11:
		if (*group_n == 0) {
			add(t, "a");
			return;
		}
		snprintf(ref, sizeof(ref), "\\%u", 1 + below(*group_n > 9 ? 9 : *group_n));
		add(t, ref);
		return;
	}
	alternatives(t, depth - 1, group_n);
	add(t, ")");
}

static void
sequence(struct text *t, uint32_t depth, uint32_t *group_n)
{
	static const char *const times[] = {
		"*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{2,}"
	};

	for (uint32_t i = below(4); i > 0; i--) {
		uint32_t before = t->n;

		atom(t, depth, group_n);
		/* "^*" and "\b+" are refused by one library and mean nothing to the other. */
		if (one_in(3) && t->s[before] != '^' && t->s[before] != '$' &&
		    memcmp(t->s + before, "\\b", 2) != 0 && memcmp(t->s + before, "\\B", 2) != 0)
			add(t, times[below(N(times))]);
	}
}

static void
alternatives(struct text *t, uint32_t depth, uint32_t *group_n)
{
	sequence(t, depth, group_n);
	while (one_in(4)) {
		add(t, "|");
		sequence(t, depth, group_n);
	}
}

/* The naive evaluation's own options (5.1). */
static pcre2_code *
compiled(const char *pattern, bool is_caseful)
{
	int error;
	PCRE2_SIZE at;

	return pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
			     PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
				     PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALT_BSUX |
				     PCRE2_NEVER_BACKSLASH_C | (is_caseful ? 0 : PCRE2_CASELESS),
			     &error, &at, NULL);
}

static const char *
pattern(uint32_t *ret_group_n)
{
	static const char *const usual[] = {
		".*",		"(.*)",		  "^(.*)$",   "^a", "k$",	  "^$",
		"^(a|b)/(.*)",	"(.+)",		  "^k[^/]*/", "s+", "^.*?(k).*$", "[0-9]+",
		"^(?:a|b|k)+$", "^([^/]+)/(.*)$",
	};

	for (;;) {
		struct text t = { .n = 0 };
		uint32_t group_n = 0;
		pcre2_code *code;

		if (one_in(4)) {
			add(&t, usual[below(N(usual))]);
		} else {
			if (one_in(3))
				add(&t, "^");
			alternatives(&t, 2, &group_n);
			if (one_in(4))
				add(&t, "$");
		}
		code = compiled(t.s, false);
		if (code == NULL || t.n == 0) { /* the compiler refuses the empty one */
			pcre2_code_free(code);
			continue;
		}
		pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, ret_group_n);
		pcre2_code_free(code);
		return strdup(t.s);
	}
}

/* ---- rules ---- */

struct set {
	struct made_rule rule[SCOPES_MOST][RULES_MOST];
	struct made_scope scope[SCOPES_MOST];
	uint32_t scope_n;
	struct made made;
	uint32_t first_rule[SCOPES_MOST]; /* in the image */
	pcre2_code *code[SCOPES_MOST][RULES_MOST][1 + MADE_CONDS_MAX];
};

/* A text that may refer to groups that are there, and rarely to one that is not. */
static const char *
expression(uint32_t c_n, uint32_t r_n)
{
	static const char *const name[] = { "{URL}",	   "{QUERY_STRING}", "{HTTP_X}",
					    "{HTTP_HOST}", "{VAR}",	     "{REQUEST_URI}" };
	struct text t = { .n = 0 };
	char ref[24];

	for (uint32_t i = 1 + below(2); i > 0; i--)
		switch (below(5)) {
		case 0:
			add(&t, character());
			break;
		case 1:
			snprintf(ref, sizeof(ref), "{R:%u}",
				 below(r_n < RULES_REFS ? r_n + 1 : RULES_REFS));
			add(&t, ref);
			break;
		case 2:
			if (c_n > 0) {
				snprintf(ref, sizeof(ref), "{C:%u}",
					 below(c_n < RULES_REFS ? c_n : RULES_REFS));
				add(&t, ref);
			}
			break;
		default:
			add(&t, name[below(N(name))]);
		}
	return strdup(t.s);
}

/* Gives how many {C:n} the rule may have at most. */
static uint32_t
conditions(struct made_rule *rule, uint32_t r_n, bool is_local)
{
	static const char *const input[] = { "{HTTP_X}", "{HTTP_X}", "{QUERY_STRING}",
					     "{URL}",	 "{VAR}",    "{HTTP_HOST}" };

	uint32_t c_n = 0;

	rule->cond_n = one_in(2) ? 0 : 1 + below(MADE_CONDS_MAX);
	for (uint32_t i = 0; i < rule->cond_n; i++) {
		struct made_cond *c = &rule->cond[i];
		uint32_t group_n;

		c->flags = (one_in(4) ? IMG_COND_NEGATE : 0) |
			   (one_in(6) && i + 1 < rule->cond_n ? IMG_COND_OR : 0);
		if (is_local && one_in(12)) {
			c->kind = IMG_COND_FILE;
			c->input = strdup("{URL}");
			c->pattern = strdup("");
			continue;
		}
		c->kind = IMG_COND_PATTERN;
		c->input = one_in(6)   ? NULL
			   : one_in(5) ? expression(c_n, r_n)
				       : strdup(input[below(N(input))]);
		c->pattern = pattern(&group_n);
		c->is_caseful = one_in(3);
		if ((c->flags & IMG_COND_NEGATE) != 0)
			continue;
		if ((rule->flags & IMG_RULE_TRACK_ALL) != 0 && c_n > 0)
			c_n += group_n;
		else
			c_n = group_n + 1 > c_n ? group_n + 1 : c_n;
	}
	return c_n;
}

static void
rule_make(struct made_rule *rule, bool is_local)
{
	static const enum img_action action[] = {
		IMG_ACTION_NONE,    IMG_ACTION_NONE,	 IMG_ACTION_REWRITE, IMG_ACTION_REWRITE,
		IMG_ACTION_REWRITE, IMG_ACTION_REDIRECT, IMG_ACTION_RESPOND, IMG_ACTION_ABORT,
		IMG_ACTION_FARM,    IMG_ACTION_FARM,
	};
	uint32_t group_n, c_n;
	struct text url = { .n = 0 };
	char *text;

	*rule = (struct made_rule){ .pattern = pattern(&group_n), .is_caseful = one_in(3) };
	rule->flags = (one_in(6) ? IMG_RULE_NEGATE : 0) | (one_in(6) ? IMG_RULE_STOP : 0) |
		      (one_in(4) ? IMG_RULE_MATCH_ANY : 0) | (one_in(3) ? IMG_RULE_TRACK_ALL : 0) |
		      (one_in(2) ? IMG_RULE_APPEND_QUERY : 0);
	if ((rule->flags & IMG_RULE_NEGATE) != 0)
		group_n = 0;
	c_n = conditions(rule, group_n, is_local);
	rule->action = action[below(N(action))];
	rule->farm_i = below(MADE_FARMS);
	if (one_in(4)) {
		rule->set[0].header = one_in(2) ? "x" : "VAR";
		rule->set[0].value = expression(c_n, group_n);
	}
	if (rule->action != IMG_ACTION_REWRITE && rule->action != IMG_ACTION_REDIRECT)
		return;
	text = (char *)(uintptr_t)expression(c_n, group_n);
	if (rule->action == IMG_ACTION_REDIRECT)
		add(&url, "http://h/");
	else if (one_in(3))
		add(&url, "/");
	add(&url, text);
	free(text);
	rule->url = strdup(url.s);
}

/* ---- rules as the compiler takes them ---- */

static struct rule_text
text_of(const char *s)
{
	return (struct rule_text){ .s = s };
}

static struct rule_cond *
model_conds(struct arena *arena, const struct made_rule *from)
{
	struct rule_cond *first = NULL, **at = &first;

	for (uint32_t i = 0; i < from->cond_n; i++) {
		struct rule_cond *c = *at = arena_take(arena, sizeof(*c));

		*c = (struct rule_cond){ .kind = from->cond[i].kind,
					 .input = text_of(from->cond[i].input),
					 .pattern = text_of(from->cond[i].pattern),
					 .ignores_case = !from->cond[i].is_caseful,
					 .is_negated = (from->cond[i].flags & IMG_COND_NEGATE) != 0,
					 .or_next = (from->cond[i].flags & IMG_COND_OR) != 0 };
		at = &c->next;
	}
	return first;
}

static struct rule *
model_rule(struct arena *arena, const struct made_rule *from, uint32_t i)
{
	static const char *const farm[] = { "one", "two" };
	struct rule *r = arena_take(arena, sizeof(*r));

	*r = (struct rule){ .name = text_of(
				    arena_format(arena, "rule %u of %p", i, (const void *)from)),
			    .is_enabled = true,
			    .stops = (from->flags & IMG_RULE_STOP) != 0,
			    .match = text_of(from->pattern),
			    .ignores_case = !from->is_caseful,
			    .is_negated = (from->flags & IMG_RULE_NEGATE) != 0,
			    .action = from->action,
			    .url = text_of(from->url),
			    .appends_query = (from->flags & IMG_RULE_APPEND_QUERY) != 0,
			    .status = from->action == IMG_ACTION_REDIRECT  ? 301
				      : from->action == IMG_ACTION_RESPOND ? 403
									   : 0 };
	r->conds.first = model_conds(arena, from);
	r->conds.match_any = (from->flags & IMG_RULE_MATCH_ANY) != 0;
	r->conds.track_all = (from->flags & IMG_RULE_TRACK_ALL) != 0;
	if (from->action == IMG_ACTION_FARM)
		r->farm = text_of(farm[from->farm_i]);
	if (from->set[0].header != NULL) {
		r->set = arena_take(arena, sizeof(*r->set));
		*r->set = (struct rule_set_var){ .name = text_of(from->set[0].header),
						 .is_header = from->set[0].header[0] == 'x',
						 .value = text_of(from->set[0].value),
						 .replaces = true };
	}
	return r;
}

static struct rule_scope *
model_scope(struct arena *arena, const struct made_scope *from)
{
	struct rule_scope *s = arena_take(arena, sizeof(*s));
	struct rule **at = &s->rules;

	*s = (struct rule_scope){ .kind = from->kind,
				  .folder = from->folder == NULL ? "/" : from->folder };
	for (uint32_t i = 0; i < from->rule_n; i++) {
		*at = model_rule(arena, &from->rule[i], i);
		at = &(*at)->next;
	}
	return s;
}

static bool
same_set(const struct made_scope *a, const struct made_scope *b)
{
	return (a->set == NULL) == (b->set == NULL);
}

/* Both sets, each with its scopes in their order. */
static struct rule_sets *
model_sets(struct arena *arena, const struct set *set)
{
	struct rule_sets *first = NULL, **at = &first;

	for (uint32_t other = 0; other < 2; other++) {
		const struct made_scope like = { .set = other != 0 ? "other" : NULL };
		struct rule_sets *s = arena_take(arena, sizeof(*s));
		struct rule_scope **to = &s->scopes;

		*s = (struct rule_sets){ .name = text_of(other != 0 ? "other" : "set") };
		for (uint32_t i = 0; i < set->scope_n; i++)
			if (same_set(&set->scope[i], &like)) {
				*to = model_scope(arena, &set->scope[i]);
				to = &(*to)->next;
			}
		*at = s;
		at = &s->next;
	}
	return first;
}

static uint32_t
farm_of(const void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "one") == 0 ? 0 : 1;
}

/* Where scope i of the set lies in the image: sets follow each other there. */
static uint32_t
scope_at(const struct set *set, uint32_t i)
{
	uint32_t at = 0;

	for (uint32_t k = 0; k < set->scope_n; k++)
		if (same_set(&set->scope[k], &set->scope[i]) ? k < i : set->scope[k].set == NULL)
			at++;
	return at;
}

/* Copies: the program goes. */
static struct rules_blob *
blobs_of(const struct program *program)
{
	struct rules_blob *blob = calloc(program->blob_n + 1, sizeof(blob[0]));

	for (uint32_t i = 0; blob != NULL && i < program->blob_n; i++) {
		uint8_t *p = malloc(program->blob[i].n);

		memcpy(p, program->blob[i].bytes, program->blob[i].n);
		blob[i] = (struct rules_blob){ p, program->blob[i].n };
	}
	return blob;
}

/* False: the compiler refuses the set. */
static bool
set_compile(struct set *set, bool has_databases)
{
	struct conf_errs errs = { 0 }, warns = { 0 };
	struct arena arena = { 0 };
	struct slots slots;
	struct program program;
	struct program_env env = { .farm = farm_of,
				   .slots = &slots,
				   .wants_databases = has_databases };
	struct img_build b;
	uint32_t bind[SCOPES_MOST];
	bool ok;

	img_build_init(&b, realloc);
	slots_init(&slots, IMG_KIND_RULE, NULL);
	ok = program_build(model_sets(&arena, set), &env, &b, &program, &errs, &warns);
	if (!ok && getenv("PENSTOCK_SHOW") != NULL)
		conf_errs_print(&errs, stdout);
	for (uint32_t i = 0; i < set->scope_n; i++)
		bind[i] = scope_at(set, i);
	if (ok)
		made_finish(&set->made, &b, bind, set->scope_n,
			    has_databases ? blobs_of(&program) : NULL,
			    has_databases ? program.blob_n : 0);
	for (uint32_t i = 0; ok && i < set->scope_n; i++)
		set->first_rule[i] = img_scope(&set->made.img, bind[i])->first_rule;
	img_build_fini(&b);
	program_fini(&program);
	slots_fini(&slots);
	conf_errs_fini(&errs);
	conf_errs_fini(&warns);
	arena_fini(&arena);
	return ok;
}

static bool
set_make(struct set *set, bool has_databases)
{
	memset(set, 0, sizeof(*set));
	set->scope_n = 1 + below(SCOPES_MOST);
	for (uint32_t i = 0; i < set->scope_n; i++) {
		struct made_scope *scope = &set->scope[i];

		scope->kind = i == 0 && one_in(2) ? IMG_SCOPE_GLOBAL : IMG_SCOPE_LOCAL;
		scope->folder = scope->kind == IMG_SCOPE_LOCAL && one_in(3) ? "/ab" : NULL;
		scope->set = one_in(3) ? "other" : NULL;
		scope->rule = set->rule[i];
		scope->rule_n = 1 + below(RULES_MOST);
		for (uint32_t k = 0; k < scope->rule_n; k++) {
			struct made_rule *r = &set->rule[i][k];

			rule_make(r, scope->kind == IMG_SCOPE_LOCAL);
			set->code[i][k][0] = compiled(r->pattern, r->is_caseful);
			for (uint32_t c = 0; c < r->cond_n; c++)
				set->code[i][k][1 + c] =
					compiled(r->cond[c].pattern, r->cond[c].is_caseful);
		}
	}
	return set_compile(set, has_databases);
}

static void
drop(const char *s)
{
	free((void *)(uintptr_t)s);
}

static void
set_drop(struct set *set)
{
	made_close(&set->made);
	for (uint32_t i = 0; i < set->scope_n; i++)
		for (uint32_t k = 0; k < set->scope[i].rule_n; k++) {
			struct made_rule *r = &set->rule[i][k];

			for (uint32_t c = 0; c <= r->cond_n; c++)
				pcre2_code_free(set->code[i][k][c]);
			for (uint32_t c = 0; c < r->cond_n; c++) {
				drop(r->cond[c].input);
				drop(r->cond[c].pattern);
			}
			drop(r->set[0].value);
			drop(r->url);
			drop(r->pattern);
		}
}

/* ---- requests ---- */

struct asked {
	struct text path, query, x; /* decoded path; the header's value */
	struct text target;
	bool has_query;
	struct made_request request;
};

static void
value_make(struct text *t, uint32_t most, bool any_bytes)
{
	static const char *const odd[] = { "\xff", "\xe2\x84",	   "\xc3",     "\xed\xa0\x80",
					   "\x80", "\xf0\x9f\x98", "\xc0\xaf", "\x01" };

	for (uint32_t i = below(most + 1); i > 0; i--)
		if (one_in(25))
			add(t, "\n");
		else if (any_bytes && one_in(12))
			add(t, odd[below(N(odd))]);
		else
			add(t, character());
}

static void
path_make(struct text *t)
{
	add(t, one_in(3) ? "/aB" : "/");
	for (uint32_t i = below(4); i > 0; i--) {
		uint32_t before = t->n;

		if (t->s[t->n - 1] != '/')
			add(t, "/");
		value_make(t, 5, false);
		(void)before;
	}
	if (one_in(50)) /* longer than one window of a search */
		value_make(t, 400, false);
}

static void
asked_make(struct asked *a)
{
	char escape[8];

	a->path.n = a->query.n = a->x.n = a->target.n = 0;
	a->x.s[0] = a->query.s[0] = '\0';
	path_make(&a->path);
	for (uint32_t i = 0; i < a->path.n; i++) {
		uint8_t c = (uint8_t)a->path.s[i];

		if (c != '/' && (c < ' ' || c >= 0x7f || one_in(8))) {
			snprintf(escape, sizeof(escape), one_in(2) ? "%%%02X" : "%%%02x", c);
			add(&a->target, escape);
		} else {
			add_n(&a->target, &a->path.s[i], 1);
		}
	}
	a->has_query = !one_in(3);
	if (a->has_query) {
		value_make(&a->query, 8, true);
		add(&a->target, "?");
		add_n(&a->target, a->query.s, a->query.n);
	}
	value_make(&a->x, one_in(50) ? 300 : 8, true);
	a->request = (struct made_request){
		.target = a->target.s,
		.line = { { SLICE("x"), slice_of(a->x.s, a->x.n) } },
		.line_n = 1,
	};
}

/* ---- the naive evaluation ---- */

struct naive {
	const struct set *set;
	struct text path, query, x, var;
	bool has_query, is_changed;
	struct text r[RULES_REFS], c[RULES_REFS];
	uint32_t r_n, c_n;
	enum rules_outcome outcome;
	enum rules_fault fault;
	uint32_t rule_i, farm_i;
	struct text location;
	bool gives_up; /* PCRE2's own limit, or a text that is cut: nothing to compare with */
};

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

static void
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

/* ---- comparing ---- */

/* What was sent, decoded again: alphabets have no '%' of their own. */
static void
decoded(struct slice s, struct text *to)
{
	to->n = 0;
	to->s[0] = '\0';
	for (uint32_t i = 0; i < s.n; i++) {
		char c = (char)s.p[i], two[3] = { 0 };

		if (c == '%' && i + 2 < s.n) {
			memcpy(two, s.p + i + 1, 2);
			c = (char)strtoul(two, NULL, 16);
			i += 2;
		}
		add_n(to, &c, 1);
	}
}

static bool
same_text(struct slice s, const struct text *want)
{
	static struct text got;

	decoded(s, &got);
	return got.n == want->n && memcmp(got.s, want->s, got.n) == 0;
}

static bool
same(const struct rules_verdict *got, const struct naive *want)
{
	static struct text target;

	if (got->outcome != want->outcome || got->rule_i != want->rule_i ||
	    got->fault != want->fault)
		return false;
	if (got->outcome == RULES_REDIRECT)
		return same_text(got->location, &want->location);
	if (got->outcome != RULES_ROUTE)
		return true;
	if (got->farm_i != want->farm_i || got->is_changed != want->is_changed)
		return false;
	target = want->path;
	add(&target, want->has_query ? "?" : "");
	add_n(&target, want->query.s, want->query.n);
	return !want->is_changed || same_text(got->target, &target);
}

static void
show(const char *what, const void *s, uint32_t n)
{
	printf("%s", what);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t c = ((const uint8_t *)s)[i];

		printf(c >= ' ' && c < 0x7f ? "%c" : "\\x%02x", c);
	}
	printf("\n");
}

static void
show_rule(const struct made_rule *r, uint32_t i)
{
	printf("rule %u flags %x%s action %s url '%s'", i, r->flags,
	       r->is_caseful ? " caseful" : "", img_action_name(r->action),
	       r->url == NULL ? "" : r->url);
	show(" pattern ", r->pattern, (uint32_t)strlen(r->pattern));
	for (uint32_t c = 0; c < r->cond_n; c++) {
		printf("  cond flags %x%s kind %d input '%s'", r->cond[c].flags,
		       r->cond[c].is_caseful ? " caseful" : "", r->cond[c].kind,
		       r->cond[c].input == NULL ? "(path)" : r->cond[c].input);
		show(" pattern ", r->cond[c].pattern, (uint32_t)strlen(r->cond[c].pattern));
	}
	if (r->set[0].header != NULL)
		printf("  set %s = '%s'\n", r->set[0].header, r->set[0].value);
}

static void
differ(const struct set *set, const struct asked *a, const struct rules_verdict *got,
       const struct naive *want, bool is_traced)
{
	for (uint32_t i = 0; i < set->scope_n; i++) {
		printf("scope %u %s folder %s set %s\n", i, img_scope_kind_name(set->scope[i].kind),
		       set->scope[i].folder == NULL ? "/" : set->scope[i].folder,
		       set->scope[i].set == NULL ? "set" : set->scope[i].set);
		for (uint32_t k = 0; k < set->scope[i].rule_n; k++)
			show_rule(&set->rule[i][k], set->first_rule[i] + k);
	}
	show("target ", a->target.s, a->target.n);
	show("x ", a->x.s, a->x.n);
	printf("engine%s: %s rule %d farm %d fault '%s'\n", is_traced ? ", traced" : "",
	       rules_outcome_name(got->outcome), (int)got->rule_i, (int)got->farm_i,
	       rules_fault_text(got->fault));
	show("  target ", got->target.p, got->target.n);
	show("  location ", got->location.p, got->location.n);
	printf("naive: %s rule %d farm %d fault '%s'\n", rules_outcome_name(want->outcome),
	       (int)want->rule_i, (int)want->farm_i, rules_fault_text(want->fault));
	show("  path ", want->path.s, want->path.n);
	show("  query ", want->query.s, want->query.n);
	show("  location ", want->location.s, want->location.n);
}

static void
no_rule(void *ctx, const struct rules_seen *seen)
{
	(void)ctx, (void)seen;
}

static uint64_t
number_from(const char *s, uint64_t otherwise)
{
	return s == NULL || *s == '\0' ? otherwise : strtoull(s, NULL, 0);
}

int
main(int argc, char **argv)
{

	bool is_full = number_from(getenv("PENSTOCK_FULL"), 0) != 0;
	uint64_t pairs = number_from(argc > 1 ? argv[1] : getenv("PENSTOCK_PAIRS"),
				     is_full ? PAIRS_FULL : PAIRS);
	uint64_t seed = number_from(argc > 2 ? argv[2] : getenv("PENSTOCK_SEED"), 1);
	const struct rules_trace trace = { .on_rule = no_rule };
	uint64_t given_up = 0, limited = 0, regex = 0, asked = 0, matched = 0, scanned = 0,
		 refused = 0, sets_n = 0;
	static struct set set;
	static struct asked a;
	static struct naive want;

	for (uint64_t done = 0; done < pairs; seed++) {
		prng_init(&prng, seed);
		bool has_databases = !one_in(8), is_good = set_make(&set, has_databases);

		sets_n++;
		refused += !is_good;
		for (uint32_t i = 0; is_good && i < REQUESTS && done < pairs; i++, done++) {
			struct rules_verdict got;
			bool is_traced = one_in(8);

			asked_make(&a);
			naive_run(&want, &set, &a);
			got = made_run(&set.made, &a.request, is_traced ? &trace : NULL);
			if (want.gives_up) {
				given_up++;
				continue;
			}
			if (got.fault == RULES_FAULT_MATCH_LIMIT) {
				limited++;
				continue;
			}
			matched += got.rule_i != IMG_NONE;
			if (has_databases) {
				scanned++;
				asked += got.regex_n > 0;
				regex += got.regex_n;
			}
			if (same(&got, &want))
				continue;
			printf("seed %llu, request %u:\n", (unsigned long long)seed, i);
			differ(&set, &a, &got, &want, is_traced);
			return 1;
		}
		set_drop(&set);
	}
	printf("%llu pairs equal, %.1f%% with a rule that matched; %llu beyond the match limit, "
	       "%llu "
	       "beyond PCRE2's own\n",
	       (unsigned long long)(pairs - given_up - limited),
	       100.0 * (double)matched / (double)pairs, (unsigned long long)limited,
	       (unsigned long long)given_up);
	printf("%llu sets, of which the compiler refused %llu; ", (unsigned long long)sets_n,
	       (unsigned long long)refused);
	printf("with databases %.1f%% of requests needed PCRE2, %.2f times each\n",
	       scanned == 0 ? 0.0 : 100.0 * (double)asked / (double)scanned,
	       asked == 0 ? 0.0 : (double)regex / (double)asked);
	if ((limited + given_up) * 50 <= pairs && refused * 2 < sets_n)
		return 0;
	printf("too much was not compared\n");
	return 1;
}
