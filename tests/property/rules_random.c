/*
 * rules_random.c - random rules and requests (rules_made.h): a grammar that loves anchors, classes,
 * alternatives, repeats, case and its folding, line breaks, bytes that are no characters, empty
 * strings, assertions, back-references, conditions and rewrites that follow each other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules_made.h"

struct prng prng;

/* ---- text ---- */

void
add_n(struct text *t, const void *s, size_t n)
{
	if (n > sizeof(t->s) - 1 - t->n) /* cut: it grows by chained rewrites */
		n = sizeof(t->s) - 1 - t->n;
	memcpy(t->s + t->n, s, n);
	t->n += (uint32_t)n;
	t->s[t->n] = '\0';
}

void
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
		"\xc5\xbf" /* long s */,
		"\xe2\x84\xaa" /* Kelvin */,
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

static bool refers; /* whether the rules of this set use captures at all */

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
			add(&t, refers ? ref : "k");
			break;
		case 2:
			if (c_n > 0 && refers) {
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

void
set_make(struct set *set)
{
	memset(set, 0, sizeof(*set));
	set->refers = refers = !one_in(8);
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
}

static void
drop(const char *s)
{
	free((void *)(uintptr_t)s);
}

void
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

void
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
	value_make(&a->x, one_in(30) ? 1000 : 8, true);
	a->request = (struct made_request){
		.target = a->target.s,
		.line = { { SLICE("x"), slice_of(a->x.s, a->x.n) } },
		.line_n = 1,
	};
}
