/*
 * cmd_logs.c - penstockctl logs: the requests of late out of the lanes' journals, and those to come.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ensure.h"
#include "conf/value.h"
#include "ctl/ctl.h"
#include "ctl/wanted.h"
#include "run/recent.h"
#include "run/record.h"
#include "run/state.h"

enum {
	SHOWN_USUAL = 20,
	SHOWN_MOST = 1000000,
	FOLLOW_MS = 100,
	REQUEST_BYTES = 256, /* of a target, on a terminal */
};

struct line {
	uint64_t end_ns; /* when the request was over */
	char *text;	 /* malloc's, with its newline */
};

struct logs {
	const struct ctl *ctl;
	struct wanted wanted;
	uint64_t most; /* lines at a time; 0: all */
	bool is_followed;
	struct state state;
	struct names names;
	uint64_t named;	 /* the newest generation whose names are known */
	bool has_looked; /* for newer ones, in this pass */
	struct record_second second;
	struct recent *recent;
	uint64_t told_n; /* of recent->missed_n */
	struct line *line;
	size_t n, room;
	char text[RECORD_LINE_MAX + 1];
};

/* ---- a line ---- */

static const char *
took_text(uint64_t ns, char text[32])
{
	uint64_t us = ns / 1000;

	if (us < 100000)
		snprintf(text, 32, "%llu.%llums", (unsigned long long)(us / 1000),
			 (unsigned long long)(us / 100 % 10));
	else if (us < 100000000)
		snprintf(text, 32, "%llu.%02llus", (unsigned long long)(us / 1000000),
			 (unsigned long long)(us / 10000 % 100));
	else
		snprintf(text, 32, "%llus", (unsigned long long)(us / 1000000));
	return text;
}

/*
 * A terminal obeys control bytes: nobody's request may give it orders. A backslash begins such a
 * byte alone, so that different bytes look different. Returns the end.
 */
static char *
put_shown(char *at, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n && i < REQUEST_BYTES; i++)
		at += b[i] > ' ' && b[i] < 0x7f && b[i] != '\\' ? sprintf(at, "%c", b[i])
								: sprintf(at, "\\x%02X", b[i]);
	if (n > REQUEST_BYTES)
		at += sprintf(at, "..");
	return at;
}

static const char *
name_text(const struct logs *logs, enum img_kind kind, uint32_t slot, uint32_t incarnation)
{
	const struct name *name = names_find(&logs->names, kind, slot, incarnation);

	return name != NULL ? name->text : "?";
}

static void
way_text(const struct logs *logs, const struct journal_access *access, char text[160])
{
	if (access->farm_slot == ABI_NONE)
		snprintf(text, 160, "-");
	else if ((access->flags & JOURNAL_HAS_UPSTREAM) == 0)
		snprintf(text, 160, "%s",
			 name_text(logs, IMG_KIND_FARM, access->farm_slot,
				   access->farm_incarnation));
	else
		snprintf(
			text, 160, "%s/%s",
			name_text(logs, IMG_KIND_FARM, access->farm_slot, access->farm_incarnation),
			name_text(logs, IMG_KIND_SERVER, access->server_slot,
				  access->server_incarnation));
}

/* For people, UTC; what went wrong stands in a line of its own. */
static void
line_for_people(struct logs *logs, const struct journal_access *access,
		const struct journal_text *strings)
{
	char client[VALUE_IP_TEXT], took[32], way[160], cause[RECORD_CAUSE_MAX];
	time_t seconds = (time_t)(access->time_ns / 1000000000);
	struct tm tm = { 0 };
	char *at = logs->text;

	gmtime_r(&seconds, &tm);
	value_ip_text(&access->client, client);
	way_text(logs, access, way);
	at += sprintf(at, "%02d:%02d:%02d.%03u %3u %8s %-15s %-14s ", tm.tm_hour, tm.tm_min,
		      tm.tm_sec, (unsigned)(access->time_ns / 1000000 % 1000), access->status,
		      took_text(access->total_ns, took), client, way);
	at = put_shown(at, strings->method, access->method_n);
	*at++ = ' ';
	at = put_shown(at, strings->host, access->host_n);
	at = put_shown(at, strings->target, access->target_n);
	*at++ = '\n';
	if (access->cause != JOURNAL_CAUSE_NONE)
		at += sprintf(at, "%12s %3s %s\n", "", "",
			      record_cause(access, &logs->names, cause));
	*at = '\0';
}

/* ---- lines until they are printed ---- */

static int
line_order(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->end_ns < y->end_ns ? -1 : x->end_ns > y->end_ns;
}

/* Sorted by the end of the request; no more than `most` stay. */
static void
lines_sort(struct logs *logs)
{
	size_t over = logs->most != 0 && logs->n > logs->most ? logs->n - logs->most : 0;

	if (logs->n > 0)
		qsort(logs->line, logs->n, sizeof(*logs->line), line_order);
	for (size_t i = 0; i < over; i++)
		free(logs->line[i].text);
	if (over > 0)
		memmove(logs->line, logs->line + over, (logs->n - over) * sizeof(*logs->line));
	logs->n -= over;
}

static void
line_keep(struct logs *logs, uint64_t end_ns)
{
	if (logs->n == logs->room && logs->most != 0)
		lines_sort(logs);
	if (logs->n == logs->room) {
		logs->room = logs->room * 2 + 1024;
		logs->line = reallocarray(logs->line, logs->room, sizeof(*logs->line));
		ensure(logs->line != NULL);
	}
	logs->line[logs->n] = (struct line){ end_ns, strdup(logs->text) };
	ensure(logs->line[logs->n].text != NULL);
	logs->n++;
}

static void
lines_print(struct logs *logs)
{
	lines_sort(logs);
	for (size_t i = 0; i < logs->n; i++) {
		fputs(logs->line[i].text, stdout);
		free(logs->line[i].text);
	}
	logs->n = 0;
}

/* ---- reading ---- */

/* Names of the tables that run now, and of the newest. */
static void
names_learn(struct logs *logs)
{
	const struct state *state = &logs->state;

	if (state->newest.generation > logs->named)
		names_add(&logs->names, &state->newest.img);
	if (state->running.generation > logs->named)
		names_add(&logs->names, &state->running.img);
	if (state->newest.generation > logs->named)
		logs->named = state->newest.generation;
}

/* The run directory as it is now: what was applied or started since. */
static void
state_again(struct logs *logs)
{
	const char *why;
	struct state state;

	if (!state_open(logs->ctl->run, &state, &why))
		return;
	state_close(&logs->state);
	logs->state = state;
	logs->recent->dataplane_fd = state.dataplane_fd;
	names_learn(logs);
}

static void
on_record(void *ctx, const struct journal_access *access, const struct journal_text *strings)
{
	static const struct log_style json = { .format = CONF_LOG_JSON };
	struct logs *logs = ctx;

	if (access->generation > logs->named && !logs->has_looked) {
		logs->has_looked = true;
		state_again(logs);
	}
	if (!wanted_fits(&logs->wanted, access, strings, &logs->names))
		return;
	if (logs->ctl->is_json)
		logs->text[record_line(&json, access, strings, &logs->names, &logs->second,
				       logs->text)] = '\0';
	else
		line_for_people(logs, access, strings);
	line_keep(logs, access->time_ns + access->total_ns);
}

static void
missed_tell(struct logs *logs)
{
	uint64_t n = logs->recent->missed_n - logs->told_n;

	if (n > 0)
		fprintf(stderr,
			"penstockctl: %llu requests are missing here: they came faster than they "
			"could be read, or a lane's journal was full\n",
			(unsigned long long)n);
	logs->told_n = logs->recent->missed_n;
}

/* What is there. A data plane that has ended may have left its journals, or nothing. */
static int
show_present(struct logs *logs)
{
	bool is_running = logs->state.dataplane_pid != 0;

	recent_read(logs->recent, on_record, logs);
	if (!is_running && !logs->is_followed && logs->n == 0)
		return ctl_failed(logs->ctl, "the data plane does not run, and the one before has "
					     "left no such requests");
	if (!logs->ctl->is_json)
		printf("%-12s %3s %8s %-15s %-14s %s\n", "TIME (UTC)", "", "TOOK", "CLIENT",
		       "SERVER", "REQUEST");
	lines_print(logs);
	missed_tell(logs);
	if (is_running)
		return CTL_DONE;
	fflush(stdout);
	fprintf(stderr, "penstockctl: the data plane does not run; %s\n",
		logs->is_followed ? "its requests are shown when it does"
				  : "these are the last requests of the one before");
	return CTL_FAILED;
}

static int
show(struct logs *logs)
{
	const struct timespec pause = { .tv_nsec = FOLLOW_MS * 1000000L };
	int verdict = show_present(logs);

	if (!logs->is_followed)
		return verdict;
	logs->most = 0; /* of what comes, all */
	while (fflush(stdout) == 0) {
		nanosleep(&pause, NULL);
		if (logs->state.dataplane_fd < 0)
			state_again(logs); /* it may start at any time */
		logs->has_looked = false;
		recent_read(logs->recent, on_record, logs);
		lines_print(logs);
		missed_tell(logs);
	}
	return CTL_DONE;
}

/* ---- the verb ---- */

/* Takes the words of the command line. CTL_DONE, or CTL_USAGE (told). */
static int
words_take(struct logs *logs, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *wrong;

		if (strcmp(argv[i], "-f") == 0 || strcmp(argv[i], "--follow") == 0) {
			logs->is_followed = true;
			continue;
		}
		if (argv[i][0] != '-' || i + 1 == argc)
			return ctl_usage("logs",
					 argv[i][0] != '-' ? "'%s' is not an option"
							   : "'%s' takes a value",
					 argv[i]);
		if (strcmp(argv[i], "--limit") == 0)
			wrong = value_number(argv[i + 1], &logs->most) == VALUE_OK &&
						logs->most > 0 && logs->most <= SHOWN_MOST
					? NULL
					: "not a number from 1 to 1000000";
		else
			wrong = wanted_option(&logs->wanted, argv[i], argv[i + 1]);
		if (wrong != NULL)
			return ctl_usage("logs", "%s %s: %s", argv[i], argv[i + 1],
					 wrong[0] != '\0' ? wrong : "not an option of logs");
		i++;
	}
	return CTL_DONE;
}

static int
run(const struct ctl *ctl, int argc, char **argv)
{
	struct logs *logs = calloc(1, sizeof(*logs));
	const char *why = NULL;
	int verdict;

	ensure(logs != NULL);
	logs->ctl = ctl;
	logs->most = SHOWN_USUAL;
	verdict = words_take(logs, argc, argv);
	if (verdict == CTL_DONE && !state_open(ctl->run, &logs->state, &why))
		verdict = ctl_failed(ctl, "%s %s", ctl->run, why);
	else if (verdict == CTL_DONE) {
		logs->recent = calloc(1, sizeof(*logs->recent));
		ensure(logs->recent != NULL);
		logs->recent->dataplane_fd = logs->state.dataplane_fd;
		names_learn(logs);
		verdict = show(logs);
		recent_close(logs->recent);
		state_close(&logs->state);
	}
	names_fini(&logs->names);
	free(logs->recent);
	free(logs->line);
	free(logs);
	return verdict;
}

const struct ctl_verb ctl_verb_logs = {
	.name = "logs",
	.args = "[-f] [--follow] [--farm NAME] [--server NAME] [--listener NAME] [--status CODE]\n"
		"    [--cause WORD] [--client ADDR] [--url PREFIX] [--slower-than TIME] [--limit "
		"N]",
	.what = "print the requests of late, and follow those to come",
	.help = "  -f, --follow        go on until interrupted\n"
		"  --farm, --listener  a name\n"
		"  --server NAME       of any farm, or FARM/NAME\n"
		"  --status CODE       504, or a class as 5xx\n"
		"  --cause WORD        any, or a cause_word of the access log: receive_timeout\n"
		"  --client ADDR       an address or a network: 198.51.100.0/24\n"
		"  --url PREFIX        the request's target begins with it, byte for byte\n"
		"  --slower-than TIME  from the first byte of the request to the last of the\n"
		"                      response: 250ms, 1s\n"
		"  --limit N           the last N of what is there (20)\n\n"
		"Reads what the lanes keep in memory, some thousands of requests each, whatever "
		"the\n"
		"format of the access log and wherever it is rotated to; older ones are in the "
		"log.\n"
		"Times are UTC, of the request's first byte; lines are in the order in which "
		"requests\n"
		"ended. With --json an object a line, as in the access log. Exits 1 when no data "
		"plane\n"
		"runs, also when the one before has left requests to show.\n\n"
		"Example: penstockctl logs -f --farm app --status 5xx\n",
	.run = run,
};
