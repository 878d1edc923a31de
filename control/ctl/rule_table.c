/*
 * rule_table.c - rules with their counters, see rule_table.h.
 *
 * Time is kept of one evaluation in BOARD_RULE_TIMED_ONE_IN and shown for all.
 */
#include "ctl/rule_table.h"

#include <fnmatch.h>
#include <stdlib.h>

#include "base/ensure.h"

/* The words of a rule's row. */
#define WORDS(x) x(incarnation) x(tried) x(matched) x(faults) x(time)

struct row_words {
#define X(name) struct boards_word name;
	WORDS(X)
#undef X
};

struct table {
	const struct ctl *ctl;
	const struct boards *boards;
	const struct img *img;
	const char *glob;
	struct row_words *words;
	json_t *list;
	uint32_t shown_n;
};

struct rule_facts {
	const char *name, *set;
	uint32_t kind; /* enum img_scope_kind */
	uint64_t tried, matched, faults, time_ns;
};

static uint64_t
sum(const struct table *t, const struct boards_word *word, uint32_t slot, uint32_t incarnation)
{
	return boards_word_sum(t->boards, word, slot, &t->words->incarnation, incarnation);
}

static struct rule_facts
facts_of(const struct table *t, const struct img_scope *scope, struct img_str name, uint32_t slot,
	 uint32_t incarnation)
{
	return (struct rule_facts){
		.name = img_text(t->img, name),
		.set = img_text(t->img, scope->set),
		.kind = scope->kind,
		.tried = sum(t, &t->words->tried, slot, incarnation),
		.matched = sum(t, &t->words->matched, slot, incarnation),
		.faults = sum(t, &t->words->faults, slot, incarnation),
		.time_ns = BOARD_RULE_TIMED_ONE_IN * sum(t, &t->words->time, slot, incarnation),
	};
}

static uint64_t
mean_ns(const struct rule_facts *facts)
{
	return facts->tried > 0 ? facts->time_ns / facts->tried : 0;
}

static json_t *
rule_json(const struct rule_facts *facts)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "name", facts->name, "set",
			 facts->set, "scope", img_scope_kind_name(facts->kind), "tried",
			 (json_int_t)facts->tried, "matched", (json_int_t)facts->matched, "faults",
			 (json_int_t)facts->faults, "time_ns", (json_int_t)facts->time_ns,
			 "mean_ns", (json_int_t)mean_ns(facts));
}

static void
rule_print(const struct rule_facts *facts)
{
	printf("%-32s %-16s %-12s %12llu %12llu %8llu ", facts->name, facts->set,
	       img_scope_kind_name(facts->kind), (unsigned long long)facts->tried,
	       (unsigned long long)facts->matched, (unsigned long long)facts->faults);
	if (facts->time_ns == 0) /* no request so far was one of those measured */
		printf("%8s %10s\n", "-", "-");
	else
		printf("%8llu %10.3f\n", (unsigned long long)mean_ns(facts),
		       (double)facts->time_ns / 1e9);
}

static void
rule_show(struct table *t, const struct rule_facts *facts)
{
	if (t->glob != NULL && fnmatch(t->glob, facts->name, 0) != 0)
		return;
	t->shown_n++;
	if (t->list != NULL)
		json_array_append_new(t->list, rule_json(facts));
	else
		rule_print(facts);
}

static void
scope_show(struct table *t, const struct img_scope *scope)
{
	for (uint32_t i = scope->first_rule; i < scope->first_rule + scope->rule_n; i++) {
		struct rule_facts facts;

		if (scope->kind == IMG_SCOPE_OUTBOUND) {
			const struct img_out_rule *rule = img_out_rule(t->img, i);

			facts = facts_of(t, scope, rule->name, rule->slot, rule->incarnation);
		} else {
			const struct img_rule *rule = img_rule(t->img, i);

			facts = facts_of(t, scope, rule->name, rule->slot, rule->incarnation);
		}
		rule_show(t, &facts);
	}
}

static struct row_words *
words_find(const struct boards *boards)
{
	struct row_words *words = calloc(1, sizeof(*words));

	ensure(words != NULL);
#define X(name) boards_word_find(boards, "rule_" #name, &words->name);
	WORDS(X)
#undef X
	return words;
}

int
rule_table_show(const struct ctl *ctl, const struct boards *boards, const struct img *img,
		const char *glob)
{
	struct table t = { .ctl = ctl, .boards = boards, .img = img, .glob = glob };

	t.words = words_find(boards);
	if (ctl->is_json)
		t.list = json_array();
	else
		printf("%-32s %-16s %-12s %12s %12s %8s %8s %10s\n", "RULE", "SET", "SCOPE",
		       "TRIED", "MATCHED", "FAULTS", "NS/TRY", "SECONDS");
	for (uint32_t i = 0; i < img_n(img, IMG_SCOPES); i++)
		scope_show(&t, img_scope(img, i));
	free(t.words);
	if (ctl->is_json)
		ctl_print_json(
			json_pack("{s:I, s:o}", "lanes", (json_int_t)boards->n, "rules", t.list));
	if (t.shown_n == 0 && glob != NULL && !ctl->is_json)
		return ctl_failed(ctl, "no rule's name matches '%s'", glob);
	return CTL_DONE;
}
