/*
 * metrics.c - the Prometheus text exposition format 0.0.4, see metrics.h.
 *
 * Counters and histograms are sums over the lanes: a lane's share is of no use once lanes move, and
 * a series for each would be forgotten at every restart. Gauges have a label lane, for some cannot
 * be summed (generation, core, the pool that several lanes take from).
 */
#include "run/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

enum {
	OCTAVE = 8, /* buckets of a board's histogram in a power of two */
};

static bool
ends_with(const char *text, const char *end)
{
	size_t text_n = strlen(text), end_n = strlen(end);

	return text_n >= end_n && strcmp(text + text_n - end_n, end) == 0;
}

void
metrics_name(const struct board_entry *entry, char ret_name[METRICS_NAME], bool *ret_is_ns)
{
	bool is_ns = strcmp(entry->unit, "ns") == 0;
	bool wants_bytes = strcmp(entry->unit, "bytes") == 0 && !strstr(entry->name, "_bytes");
	int n = (int)strlen(entry->name);

	if (is_ns && ends_with(entry->name, "_ns"))
		n -= 3;
	snprintf(ret_name, METRICS_NAME, "penstock_%.*s%s%s", n, entry->name,
		 is_ns	       ? "_seconds"
		 : wants_bytes ? "_bytes"
			       : "",
		 entry->kind == BOARD_KIND_COUNTER ? "_total" : "");
	*ret_is_ns = is_ns;
}

void
metrics_label(FILE *out, const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '\n')
			fputs("\\n", out);
		else if (*c == '\\' || *c == '"')
			fprintf(out, "\\%c", *c);
		else
			fputc(*c, out);
	}
}

/* Seconds with all nine digits: a counter of nanoseconds loses none. */
static void
value_write(FILE *out, uint64_t value, bool is_ns)
{
	if (is_ns)
		fprintf(out, "%" PRIu64 ".%09" PRIu64, value / 1000000000, value % 1000000000);
	else
		fprintf(out, "%" PRIu64, value);
}

static void
head_write(FILE *out, const char *name, const char *what, enum board_kind kind)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, what != NULL ? what : "Unnamed.", name,
		board_kind_name(kind));
}

void
metrics_hist(FILE *out, const char *name, const struct board_hist *hist, bool is_ns)
{
	uint64_t n = 0;

	/* The last bucket has no upper edge: it is in +Inf alone. */
	for (uint32_t i = 0; i + OCTAVE < BOARD_HIST_BUCKETS; i += OCTAVE) {
		for (uint32_t k = i; k < i + OCTAVE; k++)
			n += hist->bucket[k];
		fprintf(out, "%s_bucket{le=\"", name);
		value_write(out, board_hist_floor(i + OCTAVE) - 1, is_ns);
		fprintf(out, "\"} %" PRIu64 "\n", n);
	}
	for (uint32_t k = BOARD_HIST_BUCKETS - OCTAVE; k < BOARD_HIST_BUCKETS; k++)
		n += hist->bucket[k];
	/* The lane counts while we read: what the buckets say is the count, so that they agree. */
	fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", name, n, name);
	value_write(out, hist->sum, is_ns);
	fprintf(out, "\n%s_count %" PRIu64 "\n", name, n);
}

static void
gauge_write(FILE *out, const struct boards *boards, const char *of, const char *name, bool is_ns)
{
	for (uint32_t i = 0; i < boards->n; i++) {
		const struct board_view *view = &boards->view[i];
		uint32_t at = board_find(view, of);
		struct board_entry entry;

		if (at == ABI_NONE || !board_entry(view, at, &entry))
			continue;
		fprintf(out, "%s{lane=\"%u\"} ", name, view->head.lane);
		value_write(out, board_word(view, &entry, 0), is_ns);
		fputc('\n', out);
	}
}

static void
entry_write(FILE *out, const struct boards *boards, const struct board_entry *entry)
{
	char name[METRICS_NAME];
	struct board_hist hist;
	bool is_ns;

	metrics_name(entry, name, &is_ns);
	head_write(out, name, board_what(entry->name), entry->kind);
	if (entry->kind == BOARD_KIND_GAUGE) {
		gauge_write(out, boards, entry->name, name, is_ns);
	} else if (entry->kind == BOARD_KIND_HISTOGRAM) {
		boards_hist(boards, entry->name, &hist);
		metrics_hist(out, name, &hist, is_ns);
	} else {
		fprintf(out, "%s ", name);
		value_write(out, boards_sum(boards, entry->name, 0), is_ns);
		fputc('\n', out);
	}
}

/* ---- servers ---- */

static void
server_labels(FILE *out, const char *name, const struct img *img, const struct img_server *server)
{
	fprintf(out, "%s{farm=\"", name);
	metrics_label(out, img_text(img, img_farm(img, server->farm_i)->name));
	fputs("\",server=\"", out);
	metrics_label(out, img_text(img, server->name));
	fputc('"', out);
}

/* Words that say something of the lanes' memory and clock, or are written in another way below. */
static bool
server_word_is_left_out(const char *name)
{
	return strcmp(name, "server_incarnation") == 0 || strcmp(name, "server_health") == 0 ||
	       strcmp(name, "server_rested_until") == 0 ||
	       strncmp(name, "server_failed_", strlen("server_failed_")) == 0 ||
	       strncmp(name, "server_status_", strlen("server_status_")) == 0;
}

static void
server_word_write(FILE *out, const struct metrics_of *of, const struct board_entry *entry)
{
	char name[METRICS_NAME];
	bool is_ns;

	metrics_name(entry, name, &is_ns);
	head_write(out, name, board_what(entry->name), entry->kind);
	for (uint32_t i = 0; i < img_n(of->img, IMG_SERVERS); i++) {
		const struct img_server *server = img_server(of->img, i);

		server_labels(out, name, of->img, server);
		fputs("} ", out);
		value_write(out,
			    boards_server_sum(of->boards, entry->name, server->slot,
					      server->incarnation),
			    is_ns);
		fputc('\n', out);
	}
}

static void
responses_write(FILE *out, const struct metrics_of *of)
{
	static const char name[] = "penstock_server_responses_total";
	static const char *const code[] = { "2xx", "3xx", "4xx", "5xx" };

	head_write(out, name, "Final responses by class; 2xx has all below 300.",
		   BOARD_KIND_COUNTER);
	for (uint32_t i = 0; i < img_n(of->img, IMG_SERVERS) * 4; i++) {
		const struct img_server *server = img_server(of->img, i / 4);
		char word[BOARD_NAME_MAX + 1];

		snprintf(word, sizeof(word), "server_status_%s", code[i % 4]);
		server_labels(out, name, of->img, server);
		fprintf(out, ",code=\"%s\"} %" PRIu64 "\n", code[i % 4],
			boards_server_sum(of->boards, word, server->slot, server->incarnation));
	}
}

static void
states_write(FILE *out, const struct metrics_of *of)
{
	static const char name[] = "penstock_server_state";

	head_write(out, name, "1 for the state that an operator gave the server, 0 for others.",
		   BOARD_KIND_GAUGE);
	for (uint32_t i = 0; i < img_n(of->img, IMG_SERVERS) * RUNTIME_ADMINS; i++) {
		const struct img_server *server = img_server(of->img, i / RUNTIME_ADMINS);
		uint32_t admin = i % RUNTIME_ADMINS;
		struct runtime_server said = { .admin = RUNTIME_ADMIN_UP };

		if (of->runtime != NULL && of->runtime->bytes != NULL)
			runtime_server(of->runtime, server->slot, server->incarnation, &said);
		server_labels(out, name, of->img, server);
		fprintf(out, ",state=\"%s\"} %d\n", runtime_admin_name(admin), said.admin == admin);
	}
}

static void
resting_write(FILE *out, const struct metrics_of *of)
{
	static const char name[] = "penstock_server_resting_lanes";

	head_write(out, name, "Lanes that leave the server alone after a failure.",
		   BOARD_KIND_GAUGE);
	for (uint32_t i = 0; i < img_n(of->img, IMG_SERVERS); i++) {
		const struct img_server *server = img_server(of->img, i);

		server_labels(out, name, of->img, server);
		fprintf(out, "} %u\n",
			boards_server_count(of->boards, "server_health", server->slot,
					    server->incarnation, BOARD_HEALTH_RESTING));
	}
}

/* ---- rules ---- */

/* A word of all rules; names are unique in a set and a kind of scope, as penstockctl shows them. */
static void
rule_word_write(FILE *out, const struct metrics_of *of, const struct board_entry *entry,
		const struct boards_word *incarnation)
{
	struct boards_word *word = malloc(sizeof(*word));
	uint64_t times = strcmp(entry->name, "rule_time") == 0 ? BOARD_RULE_TIMED_ONE_IN : 1;
	char name[METRICS_NAME];
	bool is_ns;

	ensure(word != NULL);
	boards_word_find(of->boards, entry->name, word);
	metrics_name(entry, name, &is_ns);
	head_write(out, name, times == 1 ? board_what(entry->name) : "spent on it, estimated",
		   entry->kind);
	for (uint32_t s = 0; s < img_n(of->img, IMG_SCOPES); s++) {
		const struct img_scope *scope = img_scope(of->img, s);
		bool is_out = scope->kind == IMG_SCOPE_OUTBOUND;

		for (uint32_t i = scope->first_rule; i < scope->first_rule + scope->rule_n; i++) {
			const struct img_rule *in = is_out ? NULL : img_rule(of->img, i);
			const struct img_out_rule *back = is_out ? img_out_rule(of->img, i) : NULL;

			fprintf(out, "%s{set=\"", name);
			metrics_label(out, img_text(of->img, scope->set));
			fprintf(out, "\",scope=\"%u\",kind=\"%s\",rule=\"", s,
				img_scope_kind_name(scope->kind));
			metrics_label(out, img_text(of->img, is_out ? back->name : in->name));
			fprintf(out, "\",place=\"%u\"} ", i - scope->first_rule);
			value_write(out,
				    times * boards_word_sum(
						    of->boards, word,
						    is_out ? back->slot : in->slot, incarnation,
						    is_out ? back->incarnation : in->incarnation),
				    is_ns);
			fputc('\n', out);
		}
	}
	free(word);
}

/* By the first lane's directory: all lanes of a data plane have the same. */
static void
boards_write(FILE *out, const struct metrics_of *of)
{
	struct boards_word *incarnation = malloc(sizeof(*incarnation));
	const struct board_view *view = &of->boards->view[0];

	ensure(incarnation != NULL);
	boards_word_find(of->boards, "rule_incarnation", incarnation);
	for (uint32_t i = 0; i < view->head.entry_n; i++) {
		struct board_entry entry;

		if (!board_entry(view, i, &entry))
			continue;
		if ((entry.flags & BOARD_PER_SERVER) != 0) {
			if (of->img != NULL && !server_word_is_left_out(entry.name))
				server_word_write(out, of, &entry);
		} else if ((entry.flags & BOARD_PER_RULE) != 0) {
			if (of->img != NULL && strcmp(entry.name, "rule_incarnation") != 0)
				rule_word_write(out, of, &entry, incarnation);
		} else {
			entry_write(out, of->boards, &entry);
		}
	}
	free(incarnation);
}

/* ---- ports ---- */

static void
ports_write(FILE *out, const struct instance_facts *facts)
{
	static const struct {
		const char *name, *what;
		size_t offset;
	} count[] = {
#define X(name, what) { #name, what, offsetof(struct instance_count, name) },
		INSTANCE_COUNT_LIST(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(count) / sizeof(count[0]); i++) {
		char name[METRICS_NAME];

		snprintf(name, sizeof(name), "penstock_port_%s_total", count[i].name);
		head_write(out, name, count[i].what, BOARD_KIND_COUNTER);
		for (uint32_t p = 0; p < facts->port_n; p++) {
			uint64_t value;

			memcpy(&value, (const char *)&facts->count[p] + count[i].offset,
			       sizeof(value));
			fprintf(out, "%s{port=\"", name);
			metrics_label(out, facts->port[p].name);
			fprintf(out, "\"} %" PRIu64 "\n", value);
		}
	}
}

void
metrics_write(FILE *out, const struct metrics_of *of)
{
	head_write(out, "penstock_build_info", "Version of the control daemon.", BOARD_KIND_GAUGE);
	fputs("penstock_build_info{version=\"", out);
	metrics_label(out, of->version);
	fputs("\"} 1\n", out);
	head_write(out, "penstock_lanes", "Lanes that run; 0: the data plane does not.",
		   BOARD_KIND_GAUGE);
	fprintf(out, "penstock_lanes %u\n", of->boards->n);
	if (of->img != NULL)
		states_write(out, of);
	if (of->facts != NULL)
		ports_write(out, of->facts);
	if (of->boards->n == 0)
		return;
	boards_write(out, of);
	if (of->img != NULL) {
		responses_write(out, of);
		resting_write(out, of);
	}
}
