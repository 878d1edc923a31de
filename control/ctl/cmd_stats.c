/*
 * cmd_stats.c - penstockctl stats [GLOB]: counters, gauges and histograms over all lanes; stats
 * rules: what each rule did (rule_table.c).
 */
#include <fnmatch.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/rule_table.h"
#include "run/boards.h"
#include "run/state.h"

struct stats {
	const struct ctl *ctl;
	const struct boards *boards;
	const char *glob;
	json_t *counters, *gauges, *histograms;
};

/* [least value, samples] of each bucket that has any. */
static json_t *
buckets_json(const struct board_hist *hist)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < BOARD_HIST_BUCKETS; i++)
		if (hist->bucket[i] > 0)
			json_array_append_new(list,
					      json_pack("[I, I]", (json_int_t)board_hist_floor(i),
							(json_int_t)hist->bucket[i]));
	return list;
}

/* Where a value lies in time, by the histogram's buckets. */
static json_t *
hist_json(const struct board_entry *entry, const struct board_hist *hist)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "unit", entry->unit, "n",
			 (json_int_t)hist->n, "mean",
			 (json_int_t)(hist->n > 0 ? hist->sum / hist->n : 0), "p50",
			 (json_int_t)board_hist_quantile(hist, 0.5), "p90",
			 (json_int_t)board_hist_quantile(hist, 0.9), "p99",
			 (json_int_t)board_hist_quantile(hist, 0.99), "p999",
			 (json_int_t)board_hist_quantile(hist, 0.999), "max", (json_int_t)hist->max,
			 "buckets", buckets_json(hist));
}

static void
hist_print(const struct board_entry *entry, const struct board_hist *hist)
{
	printf("%-32s %16llu  p50 %llu, p99 %llu, p99.9 %llu, max %llu %s\n", entry->name,
	       (unsigned long long)hist->n, (unsigned long long)board_hist_quantile(hist, 0.5),
	       (unsigned long long)board_hist_quantile(hist, 0.99),
	       (unsigned long long)board_hist_quantile(hist, 0.999), (unsigned long long)hist->max,
	       entry->unit);
}

/* A line for each power of two that has samples: from here up to twice that. */
static void
octaves_print(const struct board_entry *entry, const struct board_hist *hist)
{
	uint64_t below = 0;

	for (uint32_t i = 0; i < BOARD_HIST_BUCKETS; i += 8) {
		uint64_t n = 0;

		for (uint32_t k = i; k < i + 8; k++)
			n += hist->bucket[k];
		below += n;
		if (n > 0)
			printf("  %14llu to %14llu %s %16llu  %9.5f %% up to here\n",
			       (unsigned long long)board_hist_floor(i),
			       (unsigned long long)board_hist_floor(i + 8), entry->unit,
			       (unsigned long long)n, 100.0 * (double)below / (double)hist->n);
	}
}

static void
hist_show(struct stats *stats, const struct board_entry *entry)
{
	struct board_hist hist;

	if (!boards_hist(stats->boards, entry->name, &hist))
		return;
	if (stats->ctl->is_json)
		json_object_set_new(stats->histograms, entry->name, hist_json(entry, &hist));
	else
		hist_print(entry, &hist);
	if (!stats->ctl->is_json && stats->glob != NULL && strcmp(stats->glob, entry->name) == 0)
		octaves_print(entry, &hist);
}

static void
word_show(struct stats *stats, const struct board_entry *entry)
{
	uint64_t sum = boards_sum(stats->boards, entry->name, 0);
	const char *what = board_what(entry->name);

	if (stats->ctl->is_json)
		json_object_set_new(entry->kind == BOARD_KIND_GAUGE ? stats->gauges
								    : stats->counters,
				    entry->name, json_integer((json_int_t)sum));
	else
		printf("%-32s %16llu  %-10s %s\n", entry->name, (unsigned long long)sum,
		       entry->unit, what != NULL ? what : "");
}

/* By the first lane's directory: all lanes of a data plane have the same. */
static uint32_t
entries_show(struct stats *stats)
{
	const struct board_view *view = &stats->boards->view[0];
	uint32_t shown = 0;

	for (uint32_t i = 0; i < view->head.entry_n; i++) {
		struct board_entry entry;

		if (!board_entry(view, i, &entry) ||
		    (entry.flags & (BOARD_PER_SERVER | BOARD_PER_RULE)) != 0 ||
		    (stats->glob != NULL && fnmatch(stats->glob, entry.name, 0) != 0))
			continue;
		shown++;
		if (entry.kind == BOARD_KIND_HISTOGRAM)
			hist_show(stats, &entry);
		else
			word_show(stats, &entry);
	}
	return shown;
}

static int
stats_show(const struct ctl *ctl, const struct boards *boards, const char *glob)
{
	struct stats stats = { ctl, boards, glob, NULL, NULL, NULL };
	uint32_t shown;

	if (ctl->is_json) {
		stats.counters = json_object();
		stats.gauges = json_object();
		stats.histograms = json_object();
	}
	shown = entries_show(&stats);
	if (ctl->is_json)
		ctl_print_json(json_pack("{s:I, s:o, s:o, s:o}", "lanes", (json_int_t)boards->n,
					 "counters", stats.counters, "gauges", stats.gauges,
					 "histograms", stats.histograms));
	if (shown == 0 && glob != NULL && !ctl->is_json)
		return ctl_failed(ctl, "no name matches '%s'; 'penstockctl stats' lists all", glob);
	return CTL_DONE;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	const char *why = NULL;
	struct boards boards;
	struct state state;
	int verdict;

	bool is_rules = argc >= 2 && strcmp(argv[1], "rules") == 0;
	const char *glob = argc == 2 + is_rules ? argv[1 + is_rules] : NULL;

	if (argc > 2 + is_rules || (glob != NULL && glob[0] == '-'))
		return ctl_usage("stats", "give one name or glob, or nothing");
	if (!state_open(ctl->run, &state, &why))
		return ctl_failed(ctl, "%s %s", ctl->run, why);
	boards_open(state.dataplane_fd, state.has_facts ? state.facts.lane_n : 0, &boards);
	if (boards.n == 0)
		verdict = ctl_failed(ctl, "the data plane does not run: there is nothing to count");
	else if (is_rules && state_tables(&state) == NULL)
		verdict = ctl_failed(ctl, "%s has no published tables", ctl->run);
	else if (is_rules)
		verdict = rule_table_show(ctl, &boards, &state_tables(&state)->img, glob);
	else
		verdict = stats_show(ctl, &boards, glob);
	boards_close(&boards);
	state_close(&state);
	return verdict;
}

const struct ctl_verb ctl_verb_stats = {
	.name = "stats",
	.args = "[rules] [GLOB]",
	.what = "print counters, gauges, histograms, and what each rule did",
	.help = "GLOB chooses by name, as the shell does ('*' and '?'). A histogram that is named\n"
		"in full is shown by powers of two; with --json each has all of its buckets, as\n"
		"[least value, samples].\n\n"
		"With 'rules', a line for each rule in the order of evaluation: TRIED, requests\n"
		"for which it was looked at by itself (the scan of all patterns had not ruled it\n"
		"out); MATCHED, those for which pattern and conditions held; FAULTS, those it\n"
		"failed; the mean time of a look and the time in all, measured on one request\n"
		"in 64. What a new rule does in a lane's first turns is not counted: one for\n"
		"each 128 rules.\n\n"
		"Example: penstockctl stats 'tcp_*'\n"
		"         penstockctl stats turn_time\n"
		"         penstockctl stats rules 'block*'\n",
	.run = run,
};
