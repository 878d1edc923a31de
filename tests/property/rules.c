/*
 * Random rules on random requests: the engine's verdict is that of a naive evaluation, which asks
 * PCRE2's interpreter rule by rule and shares nothing with the engine but the rules' text.
 *
 *   rules [PAIRS [SEED]]   or PENSTOCK_PAIRS / PENSTOCK_FULL (a million) and PENSTOCK_SEED
 *
 * Most requests need PCRE2 here. That is not for captures: sets without any ask as often. More than
 * half of this grammar's patterns are such that no database can decide them, and what may match is
 * asked about.
 *
 * What is compared: outcome, the last rule that matched or the one that failed, the fault, the
 * farm, path and query that leave, Location with its captures. Now and then also with a trace,
 * which must change nothing. Alphabets leave out what delimits URLs: that has tests of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules_made.h"

enum {
	PAIRS = 20000,
	PAIRS_FULL = 1000000,
	REQUESTS = 50, /* of one set of rules */
};

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

/* Requests with databases, and what they asked PCRE2. */
struct asking {
	uint64_t n, asked_n, regex_n;
};

static void
asking_count(struct asking *a, const struct rules_verdict *v)
{
	a->n++;
	a->asked_n += v->regex_n > 0;
	a->regex_n += v->regex_n;
}

static void
asking_print(const char *what, const struct asking *a)
{
	printf("  %-40s %5.1f%%, %.2f times each\n", what,
	       a->n == 0 ? 0.0 : 100.0 * (double)a->asked_n / (double)a->n,
	       a->asked_n == 0 ? 0.0 : (double)a->regex_n / (double)a->asked_n);
}

/* Patterns of sets with databases. */
struct kinds {
	uint64_t n, scanned_n, exact_n;
};

static void
kinds_count(struct kinds *k, const struct img *img)
{
	for (uint32_t i = 0; i < img_n(img, IMG_PATTERNS); i++) {
		uint32_t flags = img_pattern(img, i)->flags;

		k->n++;
		k->scanned_n += (flags & IMG_PATTERN_SCANNED) != 0;
		k->exact_n += (flags & IMG_PATTERN_EXACT) != 0;
	}
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
	uint64_t compared = 0, given_up = 0, limited = 0, matched = 0, refused = 0, sets_n = 0;
	struct asking asking[2] = { 0 }; /* [1]: of sets that use captures */
	struct kinds kinds = { 0 };
	static struct set set;
	static struct asked a;
	static struct naive want;

	/* What ends at a limit is not compared, and so no pair; it may be a fiftieth of them. */
	for (; compared < pairs && (limited + given_up) * 50 <= pairs; seed++) {
		prng_init(&prng, seed);
		bool has_databases = !one_in(8), is_good;

		set_make(&set);
		is_good = set_compile(&set, has_databases);

		sets_n++;
		refused += !is_good;
		if (is_good && has_databases)
			kinds_count(&kinds, &set.made.img);
		for (uint32_t i = 0; is_good && i < REQUESTS && compared < pairs; i++) {
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
			if (has_databases)
				asking_count(&asking[set.refers], &got);
			if (same(&got, &want)) {
				compared++;
				continue;
			}
			printf("seed %llu, request %u:\n", (unsigned long long)seed, i);
			differ(&set, &a, &got, &want, is_traced);
			return 1;
		}
		set_drop(&set);
	}
	printf("%llu pairs equal, %.1f%% with a rule that matched; %llu beyond the match limit, "
	       "%llu "
	       "beyond PCRE2's own\n",
	       (unsigned long long)compared, 100.0 * (double)matched / (double)(compared + 1),
	       (unsigned long long)limited, (unsigned long long)given_up);
	printf("%llu sets, of which the compiler refused %llu\n", (unsigned long long)sets_n,
	       (unsigned long long)refused);
	printf("with databases, requests that needed PCRE2, where rules\n");
	asking_print("use captures:", &asking[1]);
	asking_print("use none:", &asking[0]);
	printf("of their patterns %.1f%% are in a database, %.1f%% are decided by it\n",
	       100.0 * (double)kinds.scanned_n / (double)(kinds.n + 1),
	       100.0 * (double)kinds.exact_n / (double)(kinds.n + 1));
	if (compared == pairs && refused * 2 < sets_n)
		return 0;
	printf("too much was not compared\n");
	return 1;
}
